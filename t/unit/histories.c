
/*
 * Long random histories, shuffled and repeated: the list in the end is that
 * of the order in which they happened, of the model and, where a server sent
 * them, the server's own.
 */

#include "unit.h"


#define ROUNDS    40
#define SHUFFLES  4
#define EVENTS    300


static void any_order(unit_history_t *history, unit_random_t *random);
static void deliver(unit_zone_t *zone, const zego_event_t *event);
static void expect(char *text, char *wanted);


START_TEST(of_a_server)
{
    size_t           round, rounds;
    unit_random_t    random;
    unit_history_t   history;

    unit_random_init(&random);
    rounds = unit_some(ROUNDS);

    for (round = 0; round < rounds; round++) {
        unit_history(&history, &random, EVENTS);

        expect(unit_cut(model_text(history.events, history.n)),
               unit_cut(model_text(history.live, history.nlive)));

        any_order(&history, &random);
        unit_history_free(&history);
    }

    printf("%zu histories of a server in %d orders each\n", rounds, SHUFFLES);
}
END_TEST


START_TEST(of_any_facts)
{
    size_t           round, rounds;
    unit_random_t    random;
    unit_history_t   history;

    unit_random_init(&random);
    rounds = unit_some(4 * ROUNDS);

    for (round = 0; round < rounds; round++) {

        /* the fewer, the more of them are seen in the end */
        unit_chaos(&history, &random, 1 + unit_random(&random, EVENTS));
        any_order(&history, &random);
        unit_history_free(&history);
    }

    printf("%zu histories of any facts in %d orders each\n", rounds,
           SHUFFLES);
}
END_TEST


static void
any_order(unit_history_t *history, unit_random_t *random)
{
    char          *model;
    size_t         i, n, shuffle;
    unit_zone_t    zone, other;
    zego_event_t  *events;

    n = 2 * history->n;
    events = calloc(n, sizeof(zego_event_t));

    unit_zone_init(&zone);
    unit_apply_all(&zone, history->events, history->n);

    model = model_text(history->events, history->n);
    expect(unit_text(zone.rooms), strdup(model));

    for (shuffle = 0; shuffle < SHUFFLES; shuffle++) {

        /* all of them, and as many again */

        for (i = 0; i < n; i++) {
            events[i] = history->events[i < history->n ? i
                                        : unit_random(random, history->n)];
        }

        unit_shuffle(random, events, n, sizeof(zego_event_t));

        unit_zone_init(&other);

        for (i = 0; i < n; i++) {
            deliver(&other, &events[i]);
        }

        expect(unit_text(other.rooms), strdup(model));
        ck_assert(zego_rooms_equal(zone.rooms, other.rooms));
        unit_zone_done(&other);
    }

    free(model);
    free(events);
    unit_zone_done(&zone);
}


/* the revision grows by 1 when an answer changed, and not else */

static void
deliver(unit_zone_t *zone, const zego_event_t *event)
{
    char      *before;
    uint64_t   revision;

    before = strdup(unit_json(zone->rooms));
    revision = zone->version.revision;

    ck_assert_int_ne(unit_apply(zone, event), ZEGO_DEFERRED);

    ck_assert_uint_eq(zone->version.revision,
                      revision + (strcmp(before, unit_json(zone->rooms)) != 0));
    free(before);
}


static void
expect(char *text, char *wanted)
{
    ck_assert_str_eq(text, wanted);
    free(text);
    free(wanted);
}


int
main(void)
{
    const TTest  *tests[] = { of_a_server, of_any_facts, NULL };

    return unit_main("histories", tests);
}

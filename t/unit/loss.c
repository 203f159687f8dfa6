
/*
 * With any one callback lost the list is right, or says of the room that it
 * is not complete, except for what no receiver can see.
 */

#include "unit.h"


#define ROUNDS  400
#define EVENTS  40

typedef enum {
    RIGHT = 0,
    TOLD,

    /* what no receiver can see */
    A_ROOM_EVENT,
    WITHOUT_A_NUMBER,
    SHARED_ITS_NUMBER,
    LAST_OF_A_COUNTER,

    /* no room_create was seen, and nothing that was lives: there is no room
       that could say so */
    NO_ROOM,

    OUTCOMES
} outcome_e;


static void lose(const zego_event_t *events, size_t n, size_t lost);
static outcome_e excuse(const zego_event_t *events, size_t n, size_t lost,
    const char *list);
static void report(void);


static const char  *names[] = {
    "right", "not complete", "a room event", "without a number",
    "shared its number", "the last of a counter", "in a room of nothing else"
};

static size_t  outcomes[OUTCOMES];


START_TEST(of_the_scenarios)
{
    size_t                  i, n;
    const unit_scenario_t  *scenario;

    for (scenario = unit_scenarios;
         scenario < unit_scenarios + unit_nscenarios;
         scenario++)
    {
        /* seen at any time, not only in the end */

        for (n = 1; n <= unit_events(scenario); n++) {
            for (i = 0; i < n; i++) {
                lose(scenario->events, n, i);
            }
        }
    }

    report();
}
END_TEST


START_TEST(of_a_server)
{
    size_t           i, round, rounds;
    unit_random_t    random;
    unit_history_t   history;

    unit_random_init(&random);
    rounds = unit_some(ROUNDS);

    for (round = 0; round < rounds; round++) {
        unit_history(&history, &random, EVENTS);

        for (i = 0; i < history.n; i++) {
            lose(history.events, history.n, i);
        }

        unit_history_free(&history);
    }

    report();

    for (i = 0; i < OUTCOMES && unit_sample() == 1; i++) {
        ck_assert_uint_ne(outcomes[i], 0);
    }
}
END_TEST


/* a hole too wide to be kept number by number is not forgotten */

START_TEST(of_very_many)
{
    char                *list;
    size_t               i;
    unit_zone_t          zone;
    const zego_event_t   events[] = {
        STREAM_CREATE(7, 1, 1000, "a"),
        STREAM_CREATE(7, 100000, 2000, "b"),
        STREAM_CREATE(7, 100001, 3000, "c"),
        STREAM_CREATE(7, 300000, 4000, "d"),
        STREAM_CREATE(7, 2, 5000, "e")
    };

    for (i = 1; i < 5; i++) {
        unit_zone_init(&zone);
        unit_apply_all(&zone, events + i, 5 - i);
        unit_apply_all(&zone, events, i);

        list = unit_text(zone.rooms);
        ck_assert_ptr_nonnull(strstr(list, " ~ StreamSeq "));
        free(list);

        unit_zone_done(&zone);
    }
}
END_TEST


static void
lose(const zego_event_t *events, size_t n, size_t lost)
{
    char         *list, *truth;
    char          unsure[ZEGO_ROOM_ID_MAX + 16];
    outcome_e     outcome;
    unit_zone_t   zone;

    unit_zone_init(&zone);
    unit_apply_all(&zone, events, lost);
    unit_apply_all(&zone, events + lost + 1, n - lost - 1);

    list = unit_text(zone.rooms);
    truth = unit_cut(model_text(events, n));

    snprintf(unsure, sizeof(unsure), "%u/%.*s ~ ", events[lost].appid,
             (int) events[lost].room_id.len, events[lost].room_id.data);

    if (strstr(list, unsure)) {
        outcome = TOLD;
        unit_cut(list);

    } else {
        outcome = strcmp(unit_cut(list), truth) == 0
                  ? RIGHT : excuse(events, n, lost, list);
    }

    if (outcome == OUTCOMES) {
        ck_abort_msg("nobody saw that %zu of %zu was lost:\n%s\n%s", lost, n,
                     list, truth);
    }

    outcomes[outcome]++;

    free(list);
    free(truth);
    unit_zone_done(&zone);
}


static outcome_e
excuse(const zego_event_t *events, size_t n, size_t lost, const char *list)
{
    char                 room[ZEGO_ROOM_ID_MAX + 16];
    size_t               i;
    outcome_e            outcome;
    const zego_event_t  *e;

    e = &events[lost];

    if (e->type == ZEGO_ROOM_CREATE || e->type == ZEGO_ROOM_CLOSE) {
        return A_ROOM_EVENT;
    }

    if (e->seq == 0) {
        return WITHOUT_A_NUMBER;
    }

    outcome = LAST_OF_A_COUNTER;

    for (i = 0; i < n; i++) {
        if (i == lost || events[i].room_session_id != e->room_session_id
            || (events[i].type >= ZEGO_ROOM_LOGIN)
               != (e->type >= ZEGO_ROOM_LOGIN))
        {
            continue;
        }

        if (events[i].seq == e->seq) {
            return SHARED_ITS_NUMBER;
        }

        if (events[i].seq > e->seq) {
            outcome = OUTCOMES;
        }
    }

    snprintf(room, sizeof(room), "%u/%.*s ", e->appid, (int) e->room_id.len,
             e->room_id.data);

    return outcome == OUTCOMES && strstr(list, room) == NULL ? NO_ROOM
                                                             : outcome;
}


static void
report(void)
{
    size_t  i;

    printf("lost:");

    for (i = 0; i < OUTCOMES; i++) {
        printf("%s %s %zu", i ? "," : "", names[i], outcomes[i]);
    }

    printf("\n");
}


int
main(void)
{
    const TTest  *tests[] = {
        of_the_scenarios, of_a_server, of_very_many, NULL
    };

    return unit_main("loss", tests);
}

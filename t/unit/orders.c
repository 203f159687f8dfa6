
/*
 * Every delivery order of the scenarios, and every order with any one
 * callback repeated, goes through the reconciler; prefixes are shared: all
 * state lies in the memory handed in, and is put back by copying it.
 */

#include "unit.h"


#define ARENA_SIZE  (256 * 1024)
#define SETS        (1 << UNIT_EVENTS_MAX)

/* one in so many orders is looked through for inconsistencies */
#define CHECK_EACH  16

typedef struct {
    uint64_t              orders;
    uint64_t              wrong;           /* in the vendor's model */
    double                share;           /* of them, in per cent */
} tally_t;

typedef struct {
    const zego_event_t   *events;
    size_t                n;

    /* by the set of what was delivered */
    char                 *json[SETS];
    zego_verdict_e        verdict[SETS][UNIT_EVENTS_MAX];
    uint64_t              shown;           /* by all */

    unsigned              left[UNIT_EVENTS_MAX];
    unsigned              path[UNIT_EVENTS_MAX + 1];
    unsigned              depth;
    unsigned              length;
    uint64_t              skip;            /* orders, before one is tried */

    tally_t              *tally;
} orders_t;


static void *arena_alloc(void *ctx, size_t size);
static void arena_free(void *ctx, void *p);
static void every_order_of(const unit_scenario_t *scenario, tally_t tally[2]);
static void learn(orders_t *orders);
static void walk(orders_t *orders, unsigned set, const vendor_t *vendor);
static uint64_t begun(const orders_t *orders);
static void deliver(orders_t *orders, unsigned set, unsigned i);
static void wrong(orders_t *orders, const char *what);


static _Alignas(16) char  arena[ARENA_SIZE];
static size_t             arena_used;

static zego_env_t  env = {
    .memory = { arena_alloc, arena_free, NULL },
    .now = 1,
    .horizon = UNIT_HORIZON
};

static zego_rooms_t  *rooms;


/* any of these arrives in any order, twice */

static const unit_scenario_t  coincidences[] = {

    { .name = "number and time, and the name differs", .events = {
        ROOM_CREATE(7, 1000),
        STREAM_CREATE(7, 1, 2000, "a", .user_name = STR("ann")),
        STREAM_CREATE(7, 1, 2000, "a", .user_name = STR("bob")),
        STREAM_CREATE(7, 1, 2000, "a", .user_name = STR("cat")) } },

    { .name = "number and time of create and close", .events = {
        STREAM_CREATE(7, 1, 2000, "a"),
        STREAM_CLOSE(7, 1, 2000, 2000, "a"),
        STREAM_CREATE(7, 1, 2000, "b"),
        STREAM_CREATE(7, 1, 1999, "b", .user_name = STR("ann")) } },

    { .name = "time of login and logout, without a number", .events = {
        ROOM_CREATE(7, 1000),
        LOGIN(7, 0, 2000, "u", 71),
        LOGOUT(7, 0, 2000, 2000, "u", 71),
        LOGIN(7, 0, 2000, "u", 72),
        LOGIN(7, 0, 2000, "v", 73) } },

    { .name = "time of two devices", .events = {
        LOGIN(7, 1, 2000, "u", 72),
        LOGIN(7, 1, 2000, "u", 71),
        LOGOUT(7, 2, 2000, 2000, "u", 72),
        LOGOUT(7, 3, 2000, 2001, "u", 71),
        LOGIN(7, 3, 2001, "u", 71) } },

    { .name = "numbers against times", .events = {
        ROOM_CREATE(7, 1000),
        LOGIN(7, 1, 5000, "u", 71),
        LOGOUT(7, 2, 5000, 4000, "u", 71),
        LOGIN(7, 3, 3000, "u", 72),
        STREAM_CREATE(7, 2, 1000, "a"),
        STREAM_CREATE(7, 1, 2000, "a") } },

    { .name = "a room created twice and closed twice", .events = {
        ROOM_CREATE(7, 1000),
        EVENT(ZEGO_ROOM_CREATE, 7, .first = 1000, .time = 1000,
              .user_id = STR("another")),
        ROOM_CREATE(7, 1001),
        ROOM_CREATE(8, 1001),
        ROOM_CLOSE(7, 2000, .code = 1),
        ROOM_CLOSE(7, 2000, .code = 2) } },

    { .name = "a room reopened within the same millisecond", .events = {
        ROOM_CREATE(9, 1000),
        STREAM_CREATE(9, 1, 1000, "a"),
        ROOM_CLOSE(9, 1000),
        ROOM_CREATE(8, 1000),
        STREAM_CREATE(8, 1, 1000, "a") } },

    { .name = "the same, twice", .events = {
        ROOM_CREATE(7, 1000),
        ROOM_CLOSE(7, 1000),
        ROOM_CREATE(8, 1000),
        ROOM_CLOSE(8, 1000),
        ROOM_CREATE(9, 1000),
        LOGIN(9, 1, 1000, "u", 91) } },

    { .name = "the same without room events", .events = {
        STREAM_CREATE(7, 1, 1000, "a"),
        STREAM_CREATE(8, 1, 1000, "b"),
        LOGIN(9, 1, 1000, "u", 91),
        LOGOUT(9, 2, 1000, 1000, "u", 91),
        STREAM_CLOSE(8, 2, 1000, 1000, "b") } },

    { .name = "clocks that differ by more than a room lives", .events = {
        ROOM_CREATE(7, 1000),
        STREAM_CREATE(7, 1, 9000, "a"),
        ROOM_CLOSE(7, 2000),
        ROOM_CREATE(8, 3000),
        STREAM_CREATE(8, 1, 100, "a"),
        LOGIN(8, 1, 500, "u", 81) } }
};


START_TEST(every_order)
{
    size_t                  i;
    uint64_t                total;
    tally_t                 tally[2];
    const unit_scenario_t  *s;

    printf("| callbacks of a room | n | orders | flowcharts wrong "
           "| with one repeated | flowcharts wrong |\n"
           "| --- | --- | --- | --- | --- | --- |\n");

    for (i = 0, total = 0; i < unit_nscenarios; i++) {
        s = &unit_scenarios[i];
        every_order_of(s, tally);

        printf("| %s | %zu | %lu | %.0f %% | %lu | %.0f %% |\n", s->name,
               unit_events(s), tally[0].orders, tally[0].share,
               tally[1].orders, tally[1].share);

        if (s->figures && unit_sample() == 1) {
            ck_assert_int_eq(tally[0].share + 0.5, s->once);
            ck_assert_int_eq(tally[1].share + 0.5, s->twice);
        }

        total += tally[0].orders + tally[1].orders;
    }

    printf("%lu orders of delivery, none gave a wrong list\n", total);
}
END_TEST


START_TEST(every_order_of_coincidences)
{
    size_t    i;
    uint64_t  total;
    tally_t   tally[2];

    for (i = 0, total = 0; i < sizeof(coincidences) / sizeof(coincidences[0]);
         i++)
    {
        every_order_of(&coincidences[i], tally);
        total += tally[0].orders + tally[1].orders;
    }

    printf("%lu orders of coincidences, none gave a wrong list\n", total);
}
END_TEST


static void
every_order_of(const unit_scenario_t *scenario, tally_t tally[2])
{
    size_t           i;
    orders_t        *orders;
    const vendor_t   vendor = { NULL };

    memset(tally, 0, 2 * sizeof(tally_t));

    orders = calloc(1, sizeof(orders_t));
    orders->events = scenario->events;
    orders->n = unit_events(scenario);
    orders->length = orders->n;
    orders->tally = &tally[0];

    learn(orders);

    arena_used = 0;
    rooms = zego_rooms_create(&env, 1, 1, 0);

    for (i = 0; i < orders->n; i++) {
        orders->left[i] = 1;
    }

    walk(orders, 0, &vendor);

    orders->length++;
    orders->skip = 0;
    orders->tally = &tally[1];

    for (i = 0; i < orders->n; i++) {
        orders->left[i]++;
        walk(orders, 0, &vendor);
        orders->left[i]--;
    }

    for (i = 0; i < 2; i++) {
        tally[i].share = 100.0 * tally[i].wrong / tally[i].orders;
    }

    for (i = 0; i < SETS; i++) {
        free(orders->json[i]);
    }

    free(orders);
}


/* what every set of callbacks gives, in order, which the model confirms */

static void
learn(orders_t *orders)
{
    char          *text, *model;
    size_t         i, n;
    unsigned       set;
    unit_zone_t    zone;
    zego_event_t   some[UNIT_EVENTS_MAX];

    for (set = 0; set < 1u << orders->n; set++) {
        unit_zone_init(&zone);

        for (i = 0, n = 0; i < orders->n; i++) {
            if (set & 1u << i) {
                some[n] = orders->events[i];
                unit_apply(&zone, &some[n++]);
            }
        }

        text = unit_text(zone.rooms);
        model = model_text(some, n);
        ck_assert_str_eq(text, model);
        free(text);
        free(model);

        orders->json[set] = strdup(unit_json(zone.rooms));

        for (i = 0; i < orders->n; i++) {
            orders->verdict[set][i] = model_verdict(some, n,
                                                    &orders->events[i]);
        }

        unit_zone_done(&zone);
    }

    orders->shown = model_shown(orders->events, orders->n);
}


static void
walk(orders_t *orders, unsigned set, const vendor_t *vendor)
{
    char      *saved;
    size_t     used;
    uint64_t   n;
    unsigned   i;
    vendor_t   theirs;

    if (orders->depth == orders->length) {
        if (orders->tally->orders % CHECK_EACH == 0
            && zego_rooms_check(rooms))
        {
            wrong(orders, zego_rooms_check(rooms));
        }

        orders->skip = unit_sample() - 1;
        orders->tally->orders++;
        orders->tally->wrong += vendor_shown(vendor, orders->events)
                                != orders->shown;
        return;
    }

    used = arena_used;
    saved = malloc(used);
    memcpy(saved, arena, used);

    for (i = 0; i < orders->n; i++) {
        if (orders->left[i] == 0) {
            continue;
        }

        orders->left[i]--;
        orders->path[orders->depth++] = i;

        n = orders->skip ? begun(orders) : 0;

        if (n && orders->skip >= n) {
            orders->skip -= n;

        } else {
            deliver(orders, set, i);

            theirs = *vendor;
            vendor_deliver(&theirs, &orders->events[i]);

            walk(orders, set | 1u << i, &theirs);

            arena_used = used;
            memcpy(arena, saved, used);
        }

        orders->depth--;
        orders->left[i]++;
    }

    free(saved);
}


/* how many orders begin as this one */

static uint64_t
begun(const orders_t *orders)
{
    size_t    i;
    uint64_t  n;

    for (n = 1, i = orders->length - orders->depth; i > 1; i--) {
        n *= i;
    }

    /* what is delivered twice is the same */

    for (i = 0; i < orders->n; i++) {
        if (orders->left[i] == 2) {
            n /= 2;
        }
    }

    return n;
}


static void
deliver(orders_t *orders, unsigned set, unsigned i)
{
    const char      *before, *after, *json;
    zego_stats_t     stats;
    zego_verdict_e   verdict;
    zego_version_t   version;
    zego_applied_t   applied;

    before = orders->json[set];
    after = orders->json[set | 1u << i];

    zego_rooms_stats(rooms, &stats);
    verdict = zego_rooms_apply(rooms, &env, &orders->events[i], &applied, NULL);
    version = applied.version;
    json = unit_json(rooms);

    if (strcmp(after, json) != 0) {
        wrong(orders, json);
    }

    if (verdict != orders->verdict[set][i]) {
        wrong(orders, zego_verdict_name(verdict).data);
    }

    if (version.revision
        != stats.version.revision + (strcmp(before, after) != 0))
    {
        wrong(orders, "revision");
    }
}


static void
wrong(orders_t *orders, const char *what)
{
    unsigned  i;

    for (i = 0; i < orders->depth; i++) {
        printf("%u ", orders->path[i]);
    }

    ck_abort_msg("%s", what);
}


START_TEST(what_comes_late)
{
    size_t       i;
    unit_zone_t  zone;

    static const struct {
        zego_event_t  event;
        unsigned      late;
    } came[] = {
        { STREAM_CREATE(1, 3, 2000, "b"), 0 },
        { STREAM_CREATE(1, 1, 1000, "a"), 1 },    /* a later number */
        { STREAM_CREATE(1, 1, 1000, "a"), 0 },    /* a repeat */
        { STREAM_CLOSE(1, 3, 2000, 2500, "b"), 0 },
        { LOGIN(1, 2, 1500, "u", 1), 0 },         /* another counter */
        { ROOM_CREATE(1, 900), 1 },
        { ROOM_CREATE(1, 900), 0 },
        { LOGIN(1, 0, 1600, "v", 2), 0 },         /* no number */
        { LOGIN(1, 1, 1400, "w", 3), 1 },
        { ROOM_CREATE(2, 5000), 0 },              /* another session */
        { LOGIN(1, 3, 1700, "x", 4), 0 },
        { ROOM_CLOSE(1, 4000), 0 },
        { LOGIN(1, 4, 1800, "y", 5), 1 },         /* a close */
        { ROOM_CLOSE(1, 4000), 0 },
        { STREAM_CREATE(2, 2, 5100, "a"), 0 },
        { STREAM_CREATE(2, 1, 5050, "a"), 1 }     /* it is stale, too */
    };

    unit_zone_init(&zone);

    for (i = 0; i < sizeof(came) / sizeof(came[0]); i++) {
        unit_apply(&zone, &came[i].event);
        ck_assert_msg(zone.late == came[i].late, "of %zu", i);
    }

    unit_zone_done(&zone);
}
END_TEST


static void *
arena_alloc(void *ctx, size_t size)
{
    void  *p;

    (void) ctx;

    p = arena + arena_used;
    arena_used += (size + 15) & ~(size_t) 15;

    return arena_used <= ARENA_SIZE ? p : NULL;
}


static void
arena_free(void *ctx, void *p)
{
    (void) ctx;
    (void) p;
}


int
main(void)
{
    const TTest  *tests[] = {
        every_order, every_order_of_coincidences, what_comes_late, NULL
    };

    return unit_main("orders", tests);
}

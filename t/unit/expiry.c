
/*
 * How long things are kept, with a clock that the tests drive; a zone that
 * is full; allocations that fail.  What is finished never comes back, what
 * lives is never freed.
 */

#include "unit.h"


#define ROUNDS   40
#define EVENTS   300
#define MEMBERS  10000

#define N(array)  (sizeof(array) / sizeof((array)[0]))

typedef struct {
    uint64_t              at;
    const zego_event_t   *event;
} delivery_t;


static size_t finish(unit_zone_t *zone, size_t again);
static zego_event_t one_finished(size_t i);
static int delivery_cmp(const void *one, const void *two);
static void fill(unit_zone_t *zone);
static void free_in_steps(unit_zone_t *zone, size_t blocks);
static void fail_each_allocation(const zego_event_t *events, size_t n);


START_TEST(tombstones_live_for_horizon)
{
    size_t              blocks;
    unit_zone_t         zone;
    const zego_event_t  events[] = {
        ROOM_CREATE(7, 1000),
        STREAM_CREATE(7, 1, 2000, "a"),
        STREAM_CLOSE(7, 2, 2000, 3000, "a"),
        LOGIN(7, 1, 2000, "u", 71),
        LOGOUT(7, 2, 2000, 3000, "u", 71),
        ROOM_CLOSE(7, 4000)
    };

    unit_zone_init(&zone);
    blocks = zone.heap.blocks;

    unit_apply_all(&zone, events, 5);
    ck_assert_uint_eq(unit_tombstones(&zone), 2);

    zone.env.now += UNIT_HORIZON - 1;
    unit_expire(&zone);
    ck_assert_uint_eq(unit_tombstones(&zone), 2);

    /* named once more, though it says nothing new */
    ck_assert_int_eq(unit_apply(&zone, &events[1]), ZEGO_STALE);
    ck_assert_int_eq(unit_apply(&zone, &events[4]), ZEGO_DUPLICATE);

    zone.env.now += UNIT_HORIZON - 1;
    unit_expire(&zone);
    ck_assert_uint_eq(unit_tombstones(&zone), 2);

    zone.env.now++;
    unit_expire(&zone);
    ck_assert_uint_eq(unit_tombstones(&zone), 0);
    unit_expect(&zone, events, 1);

    /* the room itself */

    unit_apply(&zone, &events[5]);
    zone.env.now += UNIT_HORIZON - 1;
    unit_expire(&zone);
    ck_assert_uint_eq(unit_tombstones(&zone), 1);

    zone.env.now++;
    unit_expire(&zone);
    ck_assert_uint_eq(unit_tombstones(&zone), 0);
    ck_assert_uint_eq(zone.heap.blocks, blocks);

    unit_zone_done(&zone);
}
END_TEST


START_TEST(what_lives_is_never_freed)
{
    size_t        i, n;
    unit_zone_t   zone;
    zego_event_t  events[] = {
        STREAM_CREATE(7, 1, 2000, "a"),
        LOGIN(8, 1, 2000, "u", 71),
        ROOM_CREATE(9, 1000)
    };

    for (i = 0; i < N(events); i++) {
        events[i].appid = 1 + i;
    }

    unit_zone_init(&zone);
    unit_apply_all(&zone, events, N(events));
    n = zone.heap.blocks;

    for (i = 0; i < 10; i++) {
        zone.env.now += 100 * UNIT_HORIZON;
        unit_expire(&zone);
        unit_expect(&zone, events, N(events));
    }

    ck_assert_uint_eq(zone.heap.blocks, n);
    unit_zone_done(&zone);
}
END_TEST


START_TEST(a_room_that_was_never_created_vanishes)
{
    size_t              blocks;
    unit_zone_t         zone;
    const zego_event_t  events[] = {
        STREAM_CREATE(7, 1, 2000, "a"),
        STREAM_CLOSE(7, 2, 2000, 3000, "a")
    };

    unit_zone_init(&zone);
    blocks = zone.heap.blocks;

    unit_apply_all(&zone, events, 2);
    zone.env.now += UNIT_HORIZON - 1;
    unit_expire(&zone);
    ck_assert_uint_eq(unit_tombstones(&zone), 2);

    zone.env.now++;
    unit_expire(&zone);
    ck_assert_uint_eq(zone.heap.blocks, blocks);

    unit_zone_done(&zone);
}
END_TEST


/*
 * A session whose close was lost under one that is closed, a device that was
 * never logged out under one that is: whichever is named last, the older one
 * goes first, and not before it may.  The first callback is of all that
 * lives.
 */

static const zego_event_t  finished[] = {
    ROOM_CREATE(6, 900),
    LOGIN(6, 1, 1000, "u", 61),
    LOGIN(6, 2, 1001, "u", 62),
    LOGIN(6, 3, 1002, "u", 63),
    LOGOUT(6, 4, 1002, 1003, "u", 63),
    ROOM_CREATE(7, 1000),
    STREAM_CREATE(7, 1, 2000, "a"),
    LOGIN(7, 1, 2000, "u", 71),
    ROOM_CREATE(8, 3000),
    STREAM_CREATE(8, 1, 3000, "a"),
    ROOM_CREATE(9, 4000),
    STREAM_CREATE(9, 1, 4000, "b"),
    ROOM_CLOSE(9, 5000)
};


START_TEST(the_older_expires_first)
{
    size_t          i, k, blocks;
    unit_zone_t     zone;
    zego_event_t    event;
    zego_verdict_e  verdict;

    for (i = 0; i < N(finished); i++) {
        blocks = finish(&zone, i);
        event = one_finished(i);

        zone.env.now += UNIT_HORIZON - 1;
        unit_expire(&zone);
        verdict = unit_apply(&zone, &event);
        ck_assert(verdict == ZEGO_DUPLICATE || verdict == ZEGO_STALE);

        for (k = 0; k < 100; k++) {
            zone.env.now += UNIT_HORIZON / 10;
            zego_rooms_expire(zone.rooms, &zone.env, 1);
            unit_expect(&zone, finished, 1);
        }

        ck_assert_uint_eq(unit_tombstones(&zone), 0);
        ck_assert_uint_eq(zone.heap.blocks, blocks);
        unit_zone_done(&zone);
    }
}
END_TEST


START_TEST(the_older_is_evicted_first)
{
    size_t        i, n;
    unit_zone_t   zone;
    zego_event_t  events[100];

    events[0] = finished[0];

    for (i = 0; i < N(finished); i++) {
        (void) finish(&zone, i);
        zone.heap.budget = zone.heap.bytes;

        for (n = 1; n < N(events); n++) {
            events[n] = (zego_event_t) ROOM_CREATE(n, 1000);
            events[n].appid = 10 + n;

            if (unit_apply(&zone, &events[n]) == ZEGO_DEFERRED) {
                break;
            }

            unit_expect(&zone, events, n + 1);
        }

        unit_expect(&zone, events, n);
        ck_assert_uint_gt(n, 1);
        ck_assert_uint_eq(unit_tombstones(&zone), 0);
        unit_zone_done(&zone);
    }
}
END_TEST


/* session 6 is in a room of its own */

static zego_event_t
one_finished(size_t i)
{
    zego_event_t  event;

    event = finished[i];
    event.appid = event.room_session_id == 6 ? 1 : 2;

    return event;
}


/* all of them, and one again a horizon later, but for 1 ms */

static size_t
finish(unit_zone_t *zone, size_t again)
{
    size_t        i, blocks;
    zego_event_t  event;

    unit_zone_init(zone);
    unit_apply(zone, &finished[0]);
    blocks = zone->heap.blocks;

    for (i = 1; i < N(finished); i++) {
        event = one_finished(i);
        unit_apply(zone, &event);
    }

    unit_expect(zone, finished, 1);

    zone->env.now += UNIT_HORIZON - 1;
    event = one_finished(again);
    unit_apply(zone, &event);

    return blocks;
}


/*
 * A room's finished lives are freed, a step at a time, while the next one is
 * on its way, in every interleaving.
 */

START_TEST(steps_between_callbacks)
{
    enum { OLD = 9, NEW = 5, STEPS = 9 };

    size_t              i, k, n, tried;
    unsigned            set;
    unit_zone_t         zone;
    const zego_event_t  events[OLD + NEW] = {
        ROOM_CREATE(7, 1000),
        STREAM_CREATE(7, 1, 1100, "a"),
        LOGIN(7, 1, 1100, "u", 71),
        ROOM_CREATE(8, 2000),
        STREAM_CREATE(8, 1, 2100, "a"),
        STREAM_CREATE(8, 2, 2200, "b"),
        LOGIN(8, 1, 2100, "u", 81),
        LOGIN(8, 2, 2200, "u", 82),
        ROOM_CLOSE(8, 3000),

        STREAM_CREATE(9, 1, 4100, "a"),
        ROOM_CREATE(9, 4000),
        LOGIN(9, 1, 4100, "u", 91),
        STREAM_CLOSE(9, 2, 4100, 4200, "a"),
        STREAM_CREATE(9, 3, 4300, "a")
    };

    for (set = 0, k = 0, tried = 0; set < 1u << (NEW + STEPS); set++) {
        if (__builtin_popcount(set) != NEW || k++ % unit_sample() != 0) {
            continue;
        }

        unit_zone_init(&zone);
        unit_apply_all(&zone, events, OLD);
        zone.env.now += UNIT_HORIZON;

        for (i = 0, n = OLD; i < NEW + STEPS; i++) {
            if (set & 1u << i) {
                unit_apply(&zone, &events[n++]);

            } else {
                zego_rooms_expire(zone.rooms, &zone.env, 1);
            }

            unit_expect(&zone, events, n);
        }

        unit_zone_done(&zone);
        tried++;
    }

    printf("%zu interleavings of callbacks and steps\n", tried);
}
END_TEST


/*
 * A day of a server, with a horizon that is short against it: each callback
 * arrives late by less than horizon, some again and again; whenever and in
 * whatever steps things are freed, the list is that of all callbacks so far.
 */

START_TEST(nobody_sees_it)
{
    size_t           i, k, n, round, rounds, freed;
    delivery_t      *deliveries;
    unit_zone_t      zone;
    zego_event_t    *events;
    unit_random_t    random;
    unit_history_t   history;

    const uint64_t   horizon = 5000;

    unit_random_init(&random);
    deliveries = calloc(4 * EVENTS, sizeof(delivery_t));
    events = calloc(4 * EVENTS, sizeof(zego_event_t));
    freed = 0;

    rounds = unit_some(ROUNDS);

    for (round = 0; round < rounds; round++) {
        unit_history(&history, &random, EVENTS);

        for (i = 0, n = 0; i < history.n; i++) {
            for (k = unit_random(&random, 3) + 1; k; k--) {
                deliveries[n].event = &history.events[i];
                deliveries[n++].at = unit_time(&history.events[i])
                                     + unit_random(&random, horizon);
            }
        }

        qsort(deliveries, n, sizeof(delivery_t), delivery_cmp);

        unit_zone_init(&zone);
        zone.env.horizon = horizon;

        for (i = 0; i < n; i++) {
            zone.env.now = deliveries[i].at;

            if (unit_random(&random, 2)) {
                zego_rooms_expire(zone.rooms, &zone.env,
                                  unit_random(&random, 5));
            }

            events[i] = *deliveries[i].event;
            unit_apply(&zone, &events[i]);
            unit_expect(&zone, events, i + 1);
        }

        for (i = 0; i < 20; i++) {
            zone.env.now += horizon / 2;
            unit_expire(&zone);
            unit_expect(&zone, events, n);
        }

        ck_assert_uint_eq(unit_tombstones(&zone), 0);

        freed += zone.heap.frees;
        unit_zone_done(&zone);
        unit_history_free(&history);
    }

    printf("%zu blocks freed in %zu histories, and nobody saw it\n", freed,
           rounds);

    free(deliveries);
    free(events);
}
END_TEST


/*
 * Memory for about twenty entries: tombstones go early, callbacks are
 * deferred and change nothing, what is listed is that of those that were
 * not; with more memory a deferred one is taken.
 */

START_TEST(a_full_zone)
{
    size_t           i, n, round, rounds, deferred, evictions;
    unit_zone_t      zone, before;
    zego_event_t    *events;
    zego_stats_t     stats, old;
    unit_random_t    random;
    unit_history_t   history;
    zego_verdict_e   verdict;

    unit_random_init(&random);
    events = calloc(2 * EVENTS, sizeof(zego_event_t));
    deferred = 0;
    evictions = 0;

    rounds = unit_some(ROUNDS);

    for (round = 0; round < rounds; round++) {
        unit_history(&history, &random, EVENTS);
        unit_zone_init(&zone);
        zone.heap.budget = zone.heap.bytes + 8192;

        for (i = 0, n = 0; i < history.n; i++) {
            unit_zone_init(&before);
            unit_merge(&before, &zone);
            zego_rooms_stats(zone.rooms, &old);

            verdict = unit_apply(&zone, &history.events[i]);

            zego_rooms_stats(zone.rooms, &stats);

            if (verdict != ZEGO_DEFERRED) {
                events[n++] = history.events[i];

            } else {
                deferred++;
                ck_assert_uint_eq(stats.version.revision,
                                  old.version.revision);

                /* but for the tombstones that went */
                ck_assert(stats.evictions != old.evictions
                          || zego_rooms_equal(zone.rooms, before.rooms));
            }

            unit_expect(&zone, events, n);
            unit_zone_done(&before);

            if (verdict == ZEGO_DEFERRED && unit_random(&random, 10) == 0) {
                zone.heap.budget += 1024;
                events[n++] = history.events[i];
                unit_apply_all(&zone, &history.events[i], 1);
                unit_expect(&zone, events, n);
            }
        }

        evictions += stats.evictions;
        unit_zone_done(&zone);
        unit_history_free(&history);
    }

    printf("%zu callbacks deferred, %zu tombstones evicted early\n",
           deferred, evictions);

    ck_assert_uint_ne(deferred, 0);
    ck_assert_uint_ne(evictions, 0);

    free(events);
}
END_TEST


/*
 * Of some callbacks of a scenario the last one to arrive finds the zone
 * full: what goes to make room for it is not what says that it is too late.
 */

START_TEST(late_in_a_full_zone)
{
    size_t                  i, k, n, late, more;
    unsigned                set;
    unit_zone_t             zone;
    zego_event_t            events[UNIT_EVENTS_MAX];
    const unit_scenario_t  *s;

    k = 0;

    for (s = unit_scenarios; s < unit_scenarios + unit_nscenarios; s++) {

        for (set = 1; set < 1u << unit_events(s); set++) {

            if (__builtin_popcount(set) > 4) {
                continue;
            }

            for (late = 0; late < unit_events(s); late++) {

                if (!(set & 1u << late) || k++ % unit_sample() != 0) {
                    continue;
                }

                for (i = 0, n = 0; i < unit_events(s); i++) {
                    if (i != late && set & 1u << i) {
                        events[n++] = s->events[i];
                    }
                }

                events[n] = s->events[late];

                for (more = 0; more < 1024; more += 128) {
                    unit_zone_init(&zone);
                    unit_apply_all(&zone, events, n);
                    zone.heap.budget = zone.heap.bytes + more;

                    unit_expect(&zone, events,
                                unit_apply(&zone, &events[n])
                                == ZEGO_DEFERRED ? n : n + 1);

                    unit_zone_done(&zone);
                }
            }
        }
    }
}
END_TEST


START_TEST(ten_thousand_members)
{
    size_t              i, frees, blocks;
    unit_zone_t         zone;
    const zego_event_t  close = ROOM_CLOSE(7, 9000);
    const zego_event_t  next = ROOM_CREATE(8, 9000);
    const zego_event_t *ends[] = { &close, &next };

    for (i = 0; i < N(ends); i++) {
        unit_zone_init(&zone);
        blocks = zone.heap.blocks;
        fill(&zone);

        frees = zone.heap.frees;
        ck_assert_int_eq(unit_apply(&zone, ends[i]), ZEGO_APPLIED);
        ck_assert_uint_eq(zone.heap.frees, frees);
        unit_expect(&zone, ends[i], 1);

        if (ends[i] == &next) {
            ck_assert_int_eq(unit_apply(&zone, &(zego_event_t)
                                               ROOM_CLOSE(8, 9001)),
                             ZEGO_APPLIED);
        }

        zone.env.now += UNIT_HORIZON - 1;
        unit_expire(&zone);
        ck_assert_uint_eq(zone.heap.frees, frees);

        zone.env.now++;
        free_in_steps(&zone, blocks);
        unit_zone_done(&zone);
    }
}
END_TEST


START_TEST(allocations_fail)
{
    size_t         i;
    static char    kept[8000];
    zego_event_t   large[] = {
        ROOM_CREATE(7, 1000, .kept = { kept, 3000 }),
        STREAM_CREATE(7, 200, 2000, "a", .kept = { kept, sizeof(kept) }),
        STREAM_CREATE(7, 900, 2000, "a", .kept = { kept, 10 }),
        STREAM_CREATE(7, 901, 2000, "a", .kept = { kept, sizeof(kept) }),
        LOGIN(7, 200, 2000, "u", 71, .kept = { kept, sizeof(kept) })
    };

    memset(kept, '1', sizeof(kept));
    memcpy(kept, "\"n\":", 4);

    fail_each_allocation(large, N(large));

    for (i = 0; i < unit_nscenarios; i++) {
        fail_each_allocation(unit_scenarios[i].events,
                             unit_events(&unit_scenarios[i]));
    }
}
END_TEST


/* of each callback after those before it, from the first one that it makes */

static void
fail_each_allocation(const zego_event_t *events, size_t n)
{
    size_t           i, fail, blocks, bytes;
    unit_zone_t      zone, before;
    zego_stats_t     stats, old;
    zego_verdict_e   verdict;

    for (i = 0; i < n; i++) {
        for (fail = 1; /* void */ ; fail++) {
            unit_zone_init(&zone);
            unit_apply_all(&zone, events, i);
            unit_zone_init(&before);
            unit_merge(&before, &zone);

            zego_rooms_stats(zone.rooms, &old);
            blocks = zone.heap.blocks;
            bytes = zone.heap.bytes;

            zone.heap.fail = zone.heap.allocs + fail;
            verdict = unit_apply(&zone, &events[i]);
            zone.heap.fail = 0;

            unit_expect(&zone, events, verdict == ZEGO_DEFERRED ? i : i + 1);

            if (verdict == ZEGO_DEFERRED) {
                zego_rooms_stats(zone.rooms, &stats);
                ck_assert_uint_eq(stats.version.revision,
                                  old.version.revision);

                if (stats.evictions == old.evictions) {
                    ck_assert(zego_rooms_equal(zone.rooms, before.rooms));
                    ck_assert_uint_eq(zone.heap.blocks, blocks);
                    ck_assert_uint_eq(zone.heap.bytes, bytes);
                }

                ck_assert_int_ne(unit_apply(&zone, &events[i]),
                                 ZEGO_DEFERRED);
                unit_expect(&zone, events, i + 1);
            }

            unit_zone_done(&zone);
            unit_zone_done(&before);

            if (verdict != ZEGO_DEFERRED) {
                break;
            }
        }
    }
}


static void
fill(unit_zone_t *zone)
{
    char          id[16];
    size_t        i;
    zego_event_t  stream = STREAM_CREATE(7, 0, 2000, "");
    zego_event_t  user = LOGIN(7, 0, 2000, "", 0);

    for (i = 1; i <= MEMBERS; i++) {
        stream.stream_id.data = id;
        stream.stream_id.len = sprintf(id, "%zu", i);
        stream.seq = i;
        unit_apply(zone, &stream);

        user.user_id = stream.stream_id;
        user.user_session_id = i;
        user.seq = i;
        unit_apply(zone, &user);
    }
}


static void
free_in_steps(unit_zone_t *zone, size_t blocks)
{
    int     more;
    size_t  frees;

    do {
        frees = zone->heap.frees;
        more = zego_rooms_expire(zone->rooms, &zone->env, 100);
        ck_assert_uint_le(zone->heap.frees - frees, 400);
    } while (more);

    /* the last one of the room waits for those before it */
    zone->env.now += UNIT_HORIZON;
    unit_expire(zone);

    ck_assert_uint_eq(zone->heap.blocks, blocks);
}


static int
delivery_cmp(const void *one, const void *two)
{
    const delivery_t  *a = one, *b = two;

    return (a->at > b->at) - (a->at < b->at);
}


int
main(void)
{
    const TTest  *tests[] = {
        tombstones_live_for_horizon, what_lives_is_never_freed,
        a_room_that_was_never_created_vanishes, the_older_expires_first,
        the_older_is_evicted_first, steps_between_callbacks, nobody_sees_it,
        a_full_zone, late_in_a_full_zone, ten_thousand_members,
        allocations_fail, NULL
    };

    return unit_main("expiry", tests);
}

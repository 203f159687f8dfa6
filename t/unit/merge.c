
/*
 * Zones are joined as their facts are: in any order, in any grouping, any
 * number of times, and while one of them changes.
 */

#include "unit.h"


#define ROUNDS  100
#define EVENTS  200

enum { A = 0, B, C, ALL, ZONES };


static void create(unit_zone_t *zones, unit_history_t *history,
    unit_random_t *random);
static void destroy(unit_zone_t *zones, unit_history_t *history);
static void start(unit_zone_t *zone, const unit_zone_t *from);


START_TEST(in_any_order_and_grouping)
{
    size_t           round;
    unit_zone_t      ab, ba, abc, bc, zones[ZONES];
    unit_random_t    random;
    unit_history_t   history;

    unit_random_init(&random);

    for (round = 0; round < ROUNDS; round++) {
        create(zones, &history, &random);

        start(&ab, &zones[A]);
        ck_assert(zego_rooms_equal(ab.rooms, zones[A].rooms));

        unit_merge(&ab, &zones[A]);
        ck_assert(zego_rooms_equal(ab.rooms, zones[A].rooms));

        start(&ba, &zones[B]);
        unit_merge(&ab, &zones[B]);
        unit_merge(&ba, &zones[A]);
        ck_assert(zego_rooms_equal(ab.rooms, ba.rooms));

        start(&bc, &zones[B]);
        unit_merge(&bc, &zones[C]);

        start(&abc, &ab);
        unit_merge(&abc, &zones[C]);
        unit_merge(&zones[A], &bc);
        ck_assert(zego_rooms_equal(abc.rooms, zones[A].rooms));

        /* as if one zone had taken all callbacks */
        ck_assert(zego_rooms_equal(abc.rooms, zones[ALL].rooms));
        unit_expect(&abc, history.events, history.n);

        unit_zone_done(&ab);
        unit_zone_done(&ba);
        unit_zone_done(&bc);
        unit_zone_done(&abc);
        destroy(zones, &history);
    }

    printf("%d times three zones of %d callbacks\n", ROUNDS, EVENTS);
}
END_TEST


START_TEST(while_one_changes)
{
    size_t           round, i;
    zego_copy_t     *copy;
    unit_zone_t      zone, from;
    unit_random_t    random;
    unit_history_t   history;

    unit_random_init(&random);

    for (round = 0; round < ROUNDS; round++) {
        unit_history(&history, &random, 2 * EVENTS);
        unit_zone_init(&zone);
        unit_zone_init(&from);

        unit_apply_all(&from, history.events, EVENTS);

        copy = zego_copy_create(&zone.env.memory);

        for (i = EVENTS; i < history.n; i++) {
            unit_apply(&from, &history.events[i]);

            if (unit_random(&random, 20) == 0) {
                zego_copy_step(copy, zone.rooms, &zone.env, from.rooms);
                unit_check(zone.rooms);
            }
        }

        zego_copy_destroy(copy);

        /* again, from the beginning */
        unit_merge(&zone, &from);
        ck_assert(zego_rooms_equal(zone.rooms, from.rooms));

        /* and when it forgets, what lives is joined all the same */
        unit_zone_done(&zone);
        unit_zone_init(&zone);

        copy = zego_copy_create(&zone.env.memory);
        from.env.now += UNIT_HORIZON;

        while (zego_copy_step(copy, zone.rooms, &zone.env, from.rooms)
               == ZEGO_COPY_MORE)
        {
            zego_rooms_expire(from.rooms, &from.env, 10);
        }

        zego_copy_destroy(copy);
        unit_expect(&zone, history.events, history.n);

        unit_zone_done(&zone);
        unit_zone_done(&from);
        unit_history_free(&history);
    }
}
END_TEST


/* the version and the counts go along */

START_TEST(the_rest_of_a_zone)
{
    char               *text, *from_text;
    unit_zone_t         zone, from;
    zego_stats_t        stats, old;
    const zego_event_t  events[] = {
        ROOM_CREATE(7, 1000),
        STREAM_CREATE(7, 1, 2000, "a"),
        STREAM_CREATE(7, 4, 2000, "b"),
        LOGIN(7, 2, 2000, "u", 71)
    };
    zego_event_t        gone[] = {
        STREAM_CREATE(8, 1, 3000, "a"),
        STREAM_CLOSE(8, 2, 3000, 4000, "a")
    };

    gone[0].appid = gone[1].appid = 2;

    unit_zone_init(&zone);
    unit_zone_init(&from);
    unit_apply_all(&from, events, 4);
    unit_apply_all(&from, gone, 2);
    from.env.now += UNIT_HORIZON;
    unit_expire(&from);

    unit_merge(&zone, &from);

    zego_rooms_stats(zone.rooms, &stats);
    zego_rooms_stats(from.rooms, &old);

    ck_assert_uint_eq(stats.version.revision, old.version.revision);
    ck_assert_uint_eq(stats.rooms, 1);
    ck_assert_uint_eq(stats.streams, 2);
    ck_assert_uint_eq(stats.users, 1);
    ck_assert_uint_eq(stats.tombstones, 0);
    ck_assert_uint_eq(stats.stream_seq_holes, 2);
    ck_assert_uint_eq(stats.user_update_seq_holes, 1);

    text = unit_text(zone.rooms);
    from_text = unit_text(from.rooms);
    ck_assert_str_eq(text, from_text);
    free(text);
    free(from_text);

    unit_zone_done(&zone);
    unit_zone_done(&from);
}
END_TEST


/* too small for what lives; then large enough for that, and no more */

START_TEST(into_a_small_zone)
{
    size_t           round, live;
    unit_zone_t      zone, from;
    unit_random_t    random;
    unit_history_t   history;

    unit_random_init(&random);

    for (round = 0; round < ROUNDS; round++) {
        unit_history(&history, &random, EVENTS);

        unit_zone_init(&from);
        unit_apply_all(&from, history.events, history.n);

        unit_zone_init(&zone);
        unit_apply_all(&zone, history.live, history.nlive);
        live = zone.heap.bytes;
        unit_zone_done(&zone);

        unit_zone_init(&zone);
        zone.heap.budget = live - 1;
        ck_assert_int_eq(unit_copy(&zone, &from), ZEGO_COPY_FULL);
        unit_check(zone.rooms);

        zone.heap.budget = live;
        ck_assert_int_eq(unit_copy(&zone, &from), ZEGO_COPY_DONE);
        unit_expect(&zone, history.events, history.n);

        unit_zone_done(&zone);
        unit_zone_done(&from);
        unit_history_free(&history);
    }
}
END_TEST


/*
 * Whatever finds room, nothing that is finished comes back: ids say nothing
 * about which of two sessions is the older.
 */

START_TEST(finished_in_a_small_zone)
{
    size_t              i, size;
    unit_zone_t         zone, from;
    const zego_event_t  events[] = {
        ROOM_CREATE(9, 1000),
        STREAM_CREATE(9, 1, 1000, "a"),
        ROOM_CREATE(8, 3000),
        LOGIN(8, 1, 3000, "u", 82),
        LOGIN(8, 2, 3001, "u", 81),
        LOGOUT(8, 3, 3001, 3002, "u", 81),
        ROOM_CLOSE(8, 4000)
    };
    const size_t        n = sizeof(events) / sizeof(events[0]);

    /* before the room was closed, and after */

    for (i = n - 1; i <= n; i++) {
        unit_zone_init(&from);
        size = from.heap.bytes;
        unit_apply_all(&from, events, i);

        for ( /* void */ ; size <= from.heap.bytes; size += 16) {
            unit_zone_init(&zone);
            zone.heap.budget = size;

            if (unit_copy(&zone, &from) == ZEGO_COPY_DONE) {
                unit_expect(&zone, events, i);
            }

            unit_zone_done(&zone);
        }

        unit_zone_done(&from);
    }
}
END_TEST


/* each takes some of the callbacks, at least one takes each */

static void
create(unit_zone_t *zones, unit_history_t *history, unit_random_t *random)
{
    size_t    i, k;
    uint64_t  some;

    if (unit_random(random, 2)) {
        unit_history(history, random, EVENTS);

    } else {
        unit_chaos(history, random, EVENTS);
    }

    for (k = 0; k < ZONES; k++) {
        unit_zone_init(&zones[k]);
    }

    for (i = 0; i < history->n; i++) {
        some = 1 + unit_random(random, (1 << ALL) - 1);

        for (k = 0; k < ZONES; k++) {
            if (k == ALL || some & 1u << k) {
                unit_apply(&zones[k], &history->events[i]);
            }
        }
    }
}


static void
destroy(unit_zone_t *zones, unit_history_t *history)
{
    size_t  k;

    for (k = 0; k < ZONES; k++) {
        unit_zone_done(&zones[k]);
    }

    unit_history_free(history);
}


static void
start(unit_zone_t *zone, const unit_zone_t *from)
{
    unit_zone_init(zone);
    unit_merge(zone, from);
}


int
main(void)
{
    const TTest  *tests[] = {
        in_any_order_and_grouping, while_one_changes, the_rest_of_a_zone,
        into_a_small_zone, finished_in_a_small_zone, NULL
    };

    return unit_main("merge", tests);
}

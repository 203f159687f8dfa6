
/*
 * A backend that adds on create and deletes on close, told of changes only:
 * requests that overlap, fail, time out, or die with their worker, sent again
 * until they are answered; in the end it has what is listed.
 */

#include "lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define ROOMS     3
#define ENTRIES   2                        /* streams, and users, of a room */
#define LIVES     4
#define STEPS     10
#define EVENTS    (ROOMS * LIVES * (STEPS * 2 + 2 * ENTRIES + 2))
#define REQUESTS  8
#define ROUNDS    300


typedef enum {
    FREE = 0,
    HELD,
    ON_ITS_WAY
} state_e;

typedef struct {
    state_e         state;
    size_t          event;
    uint64_t        mark;
    zego_applied_t  applied;
    unsigned        applies:1;
    unsigned        fails:1;
    unsigned        dies:1;
} request_t;

typedef struct {
    unit_random_t   random;
    unit_zone_t     zone;

    zego_event_t    events[EVENTS];        /* as they happened */
    unsigned        accepted[EVENTS];
    size_t          n;
    uint64_t        clock;

    request_t       requests[REQUESTS];

    /* what the backend has: rooms, then their streams and users */
    unsigned        has[ROOMS][1 + 2 * ENTRIES];
    unsigned        clears:1;

    uint64_t        told;
    uint64_t        held;
} world_t;


static const zego_str_t  rooms[ROOMS] = { STR("r0"), STR("r1"), STR("r2") };
static const zego_str_t  streams[ENTRIES] = { STR("s0"), STR("s1") };
static const zego_str_t  users[ENTRIES] = { STR("u0"), STR("u1") };


static zego_event_t *
happens(world_t *w, zego_event_e type, unsigned room, uint64_t session)
{
    zego_event_t  *event;

    ck_assert_uint_lt(w->n, EVENTS);

    event = &w->events[w->n++];

    *event = (zego_event_t) {
        .type = type, .appid = 1, .has_appid = 1, .room_id = rooms[room],
        .room_session_id = session, .time = ++w->clock, .first = w->clock
    };

    return event;
}


/* a life of a room; what is there when it ends is closed, too */

static void
lives(world_t *w, unsigned room, uint64_t session, int ends)
{
    int            end;
    uint64_t       stream_seq, user_seq, created[ENTRIES], login[ENTRIES];
    unsigned       i, step;
    zego_event_t  *event;

    memset(created, 0, sizeof(created));
    memset(login, 0, sizeof(login));
    stream_seq = user_seq = 0;

    happens(w, ZEGO_ROOM_CREATE, room, session);

    for (step = 0; step < STEPS + 2 * ENTRIES; step++) {
        end = step >= STEPS;
        i = end ? (step - STEPS) % ENTRIES
                : (unsigned) unit_random(&w->random, ENTRIES);

        if (end && !ends) {
            return;
        }

        if (end ? step < STEPS + ENTRIES : unit_random(&w->random, 2)) {

            if (end && created[i] == 0) {
                continue;
            }

            event = happens(w, created[i] ? ZEGO_STREAM_CLOSE
                                          : ZEGO_STREAM_CREATE, room, session);

            if (created[i]) {
                event->close_time = event->time;
                event->time = created[i];
                event->first = created[i];
                created[i] = 0;

            } else {
                created[i] = event->time;
            }

            event->seq = ++stream_seq;
            event->stream_id = streams[i];

        } else {

            if (end && login[i] == 0) {
                continue;
            }

            event = happens(w, login[i] ? ZEGO_ROOM_LOGOUT : ZEGO_ROOM_LOGIN,
                            room, session);

            if (login[i]) {
                event->login_time = login[i];
                event->user_session_id = login[i];
                login[i] = 0;

            } else {
                login[i] = event->login_time = event->time;
                event->user_session_id = event->time;
            }

            event->seq = ++user_seq;
            event->user_id = users[i];
        }
    }

    happens(w, ZEGO_ROOM_CLOSE, room, session);
}


static unsigned
place_in(const zego_str_t *ids, zego_str_t id)
{
    unsigned  i;

    for (i = 0; memcmp(ids[i].data, id.data, id.len) != 0; i++) {
        /* void */
    }

    return i;
}


static unsigned *
place(world_t *w, const zego_event_t *event)
{
    unsigned  *room;

    room = w->has[place_in(rooms, event->room_id)];

    switch (event->type) {

    case ZEGO_STREAM_CREATE:
    case ZEGO_STREAM_CLOSE:
        return &room[1 + place_in(streams, event->stream_id)];

    case ZEGO_ROOM_LOGIN:
    case ZEGO_ROOM_LOGOUT:
        return &room[1 + ENTRIES + place_in(users, event->user_id)];

    default:
        return room;
    }
}


static void
backend(world_t *w, const zego_event_t *event)
{
    unsigned  *at;

    at = place(w, event);

    *at = event->type == ZEGO_STREAM_CREATE || event->type == ZEGO_ROOM_LOGIN
          || event->type == ZEGO_ROOM_CREATE;

    if (event->type == ZEGO_ROOM_CLOSE && w->clears) {
        memset(at, 0, sizeof(w->has[0]));
    }

    w->told++;
}


/* as one that was applied before, or now */

static zego_deliver_e
asked(unit_zone_t *zone, const zego_event_t *event, uint64_t *mark)
{
    zego_applied_t  applied;

    (void) zego_rooms_apply(zone->rooms, &zone->env, event, &applied, NULL);

    return zego_rooms_deliver(zone->rooms, &zone->env, event, &applied, mark);
}


static void
deliver(world_t *w, request_t *r)
{
    const zego_event_t  *event;

    event = &w->events[r->event];

    switch (zego_rooms_deliver(w->zone.rooms, &w->zone.env, event, &r->applied,
                               &r->mark))
    {

    case ZEGO_DELIVER_GO:
        r->state = ON_ITS_WAY;
        r->applies = unit_random(&w->random, 4) > 0;
        r->fails = !r->applies || unit_random(&w->random, 6) == 0;
        r->dies = unit_random(&w->random, 10) == 0;
        break;

    case ZEGO_DELIVER_KNOWN:
        w->accepted[r->event] = 1;
        r->state = FREE;
        break;

    case ZEGO_DELIVER_WAIT:
        w->held += r->state == FREE;
        r->state = HELD;
        break;

    default:
        ck_abort();
    }
}


static void
step(world_t *w, request_t *r)
{
    switch (r->state) {

    case FREE:
        r->event = unit_random(&w->random, w->n);

        /* a repeat now and then */

        if (w->accepted[r->event] && unit_random(&w->random, 20) > 0) {
            return;
        }

        (void) zego_rooms_apply(w->zone.rooms, &w->zone.env,
                                &w->events[r->event], &r->applied, NULL);

        /* or it was not stored, and comes again */

        if (unit_random(&w->random, 10) > 0) {
            deliver(w, r);
        }

        break;

    case HELD:
        deliver(w, r);
        break;

    case ON_ITS_WAY:

        if (unit_random(&w->random, 4) > 0) {
            return;
        }

        if (r->applies) {
            backend(w, &w->events[r->event]);
        }

        r->state = FREE;

        if (r->dies) {
            return;
        }

        if (!r->fails) {
            w->accepted[r->event] = 1;
        }

        zego_rooms_delivered(w->zone.rooms, &w->zone.env, &w->events[r->event],
                             r->mark, !r->fails);
    }
}


static void
pass(world_t *w)
{
    size_t      i;
    request_t  *r;

    w->zone.env.now += unit_random(&w->random, 300);

    for (i = 0; i < REQUESTS; i++) {
        r = &w->requests[i];

        if (r->state == ON_ITS_WAY) {
            zego_rooms_delivering(w->zone.rooms, &w->zone.env,
                                  &w->events[r->event], r->mark);
        }
    }
}


static unsigned
ended(world_t *w)
{
    size_t  i;

    for (i = 0; i < w->n; i++) {
        if (!w->accepted[i]) {
            return 0;
        }
    }

    for (i = 0; i < REQUESTS; i++) {
        if (w->requests[i].state != FREE) {
            return 0;
        }
    }

    return 1;
}


/* in order and all acknowledged, it is right: so is what it has */

static void
expect(world_t *w)
{
    size_t    i;
    unsigned  has[ROOMS][1 + 2 * ENTRIES];

    memcpy(has, w->has, sizeof(has));
    memset(w->has, 0, sizeof(has));

    for (i = 0; i < w->n; i++) {
        backend(w, &w->events[i]);
    }

    ck_assert_int_eq(memcmp(has, w->has, sizeof(has)), 0);
}


START_TEST(in_the_end_it_has_what_is_listed)
{
    world_t        *w;
    uint64_t        told, events, held, turns;
    unsigned        life, room;
    size_t          round, rounds;
    unit_random_t   random;

    unit_random_init(&random);
    w = calloc(1, sizeof(world_t));
    ck_assert_ptr_nonnull(w);
    told = events = held = 0;
    rounds = unit_some(ROUNDS);

    for (round = 0; round < rounds; round++) {
        memset(w, 0, sizeof(world_t));
        w->random = random;
        w->clears = round % 2;
        unit_zone_init(&w->zone);
        w->zone.env.horizon = UINT64_C(1) << 40;

        for (life = 0; life < LIVES; life++) {
            for (room = 0; room < ROOMS; room++) {
                lives(w, room, 1 + life * ROOMS + room,
                      life < LIVES - 1 || room == 0);
            }
        }

        for (turns = 0; !ended(w); turns++) {
            ck_assert_uint_lt(turns, 1000000);
            pass(w);
            step(w, &w->requests[unit_random(&w->random, REQUESTS)]);
        }

        unit_check(w->zone.rooms);
        told += w->told;
        events += w->n;
        held += w->held;
        expect(w);

        /* and forgets it */

        random = w->random;
        w->zone.env.horizon = 0;
        (void) zego_rooms_expire(w->zone.rooms, &w->zone.env, 10000);
        unit_check(w->zone.rooms);
        unit_zone_done(&w->zone);
    }

    printf("%llu callbacks, told %llu times, held %llu times\n",
           (unsigned long long) events, (unsigned long long) told,
           (unsigned long long) held);
    free(w);
}
END_TEST


/* one that outlived its mark may have come after the other, or before */

START_TEST(late_answers_leave_doubt)
{
    int          acknowledged, after;
    uint64_t     late, mark;
    unit_zone_t  zone;

    static const zego_event_t  first = STREAM_CREATE(1, 1, 1000, "a");
    static const zego_event_t  second = STREAM_CLOSE(1, 2, 1000, 2000, "a");

    for (after = 0; after < 4; after++) {
        acknowledged = after / 2;

        unit_zone_init(&zone);

        unit_apply(&zone, &first);
        ck_assert_int_eq(asked(&zone, &first, &late), ZEGO_DELIVER_GO);
        ck_assert_int_eq(asked(&zone, &first, &mark), ZEGO_DELIVER_WAIT);

        zone.env.now += ZEGO_DELIVER_TIME;

        unit_apply(&zone, &second);
        ck_assert_int_eq(asked(&zone, &second, &mark), ZEGO_DELIVER_GO);

        if (after % 2) {
            zego_rooms_delivered(zone.rooms, &zone.env, &second, mark, 1);
            ck_assert_int_eq(asked(&zone, &second, &mark), ZEGO_DELIVER_KNOWN);
        }

        zego_rooms_delivered(zone.rooms, &zone.env, &first, late, acknowledged);

        if (after % 2 == 0) {
            zego_rooms_delivered(zone.rooms, &zone.env, &second, mark, 1);
        }

        ck_assert_int_eq(asked(&zone, &second, &mark), ZEGO_DELIVER_GO);
        unit_zone_done(&zone);
    }
}
END_TEST


/* also where the numbers are the same */

START_TEST(fields_are_told)
{
    uint64_t        mark;
    unit_zone_t     zone;
    zego_applied_t  applied;

    static const zego_event_t  less = STREAM_CREATE(1, 1, 1000, "a");
    static const zego_event_t  more = STREAM_CREATE(1, 1, 1000, "a",
                                                    .user_name = STR("name"));
    static const zego_event_t  room = ROOM_CREATE(1, 900);
    static const zego_event_t  named = ROOM_CREATE(1, 900,
                                                   .kept = STR("\"a\":1"));

    unit_zone_init(&zone);

    ck_assert_int_eq(asked(&zone, &less, &mark), ZEGO_DELIVER_GO);
    zego_rooms_delivered(zone.rooms, &zone.env, &less, mark, 1);
    ck_assert_int_eq(asked(&zone, &less, &mark), ZEGO_DELIVER_KNOWN);

    /* as if the disk had failed before it was told */

    ck_assert_int_eq(unit_apply(&zone, &more), ZEGO_APPLIED);
    ck_assert_int_eq(asked(&zone, &less, &mark), ZEGO_DELIVER_KNOWN);
    ck_assert_int_eq(asked(&zone, &more, &mark), ZEGO_DELIVER_GO);

    /* older fields are better than none, and those that are listed follow */

    zego_rooms_delivered(zone.rooms, &zone.env, &more, mark, 0);
    ck_assert_int_eq(asked(&zone, &less, &mark), ZEGO_DELIVER_GO);
    zego_rooms_delivered(zone.rooms, &zone.env, &less, mark, 1);
    ck_assert_int_eq(asked(&zone, &less, &mark), ZEGO_DELIVER_KNOWN);
    ck_assert_int_eq(asked(&zone, &more, &mark), ZEGO_DELIVER_GO);
    zego_rooms_delivered(zone.rooms, &zone.env, &more, mark, 1);
    ck_assert_int_eq(asked(&zone, &less, &mark), ZEGO_DELIVER_KNOWN);
    ck_assert_int_eq(asked(&zone, &more, &mark), ZEGO_DELIVER_KNOWN);

    /* also where they have waited meanwhile */

    (void) zego_rooms_apply(zone.rooms, &zone.env, &room, &applied, NULL);
    ck_assert_int_eq(asked(&zone, &named, &mark), ZEGO_DELIVER_GO);
    zego_rooms_delivered(zone.rooms, &zone.env, &named, mark, 0);
    ck_assert_int_eq(zego_rooms_deliver(zone.rooms, &zone.env, &room, &applied,
                                        &mark), ZEGO_DELIVER_GO);
    zego_rooms_delivered(zone.rooms, &zone.env, &room, mark, 1);
    ck_assert_int_eq(asked(&zone, &named, &mark), ZEGO_DELIVER_GO);
    zego_rooms_delivered(zone.rooms, &zone.env, &named, mark, 1);
    ck_assert_int_eq(zego_rooms_deliver(zone.rooms, &zone.env, &room, &applied,
                                        &mark), ZEGO_DELIVER_KNOWN);

    unit_zone_done(&zone);
}
END_TEST


/* what was told is known, and what is on its way waits longer */

START_TEST(a_copy_knows_as_much)
{
    uint64_t     mark;
    unit_zone_t  zone, copy;

    static const zego_event_t  known = STREAM_CREATE(1, 1, 1000, "a");
    static const zego_event_t  coming = STREAM_CREATE(1, 2, 1000, "b");
    static const zego_event_t  other = STREAM_CREATE(1, 3, 1000, "c");
    static const zego_event_t  dead = STREAM_CLOSE(1, 4, 1000, 1100, "d");
    static const zego_event_t  again = STREAM_CREATE(1, 5, 1200, "d");
    static const zego_event_t  over = STREAM_CLOSE(1, 6, 1200, 1300, "d");

    unit_zone_init(&zone);
    unit_apply(&zone, &known);
    unit_apply(&zone, &coming);
    unit_apply(&zone, &other);

    ck_assert_int_eq(asked(&zone, &known, &mark), ZEGO_DELIVER_GO);
    zego_rooms_delivered(zone.rooms, &zone.env, &known, mark, 1);
    ck_assert_int_eq(asked(&zone, &coming, &mark), ZEGO_DELIVER_GO);

    ck_assert_int_eq(asked(&zone, &dead, &mark), ZEGO_DELIVER_GO);
    zego_rooms_delivered(zone.rooms, &zone.env, &dead, mark, 1);
    unit_apply(&zone, &again);
    ck_assert_int_eq(asked(&zone, &again, &mark), ZEGO_DELIVER_GO);
    zone.env.now += ZEGO_DELIVER_TIME;
    ck_assert_int_eq(asked(&zone, &coming, &mark), ZEGO_DELIVER_GO);
    unit_apply(&zone, &over);

    unit_zone_init(&copy);
    copy.env.now = zone.env.now;
    unit_merge(&copy, &zone);
    zego_rooms_copy_deliveries(copy.rooms, &copy.env, zone.rooms);
    copy.env.now += ZEGO_DELIVER_MOVED - 1;

    ck_assert_int_eq(asked(&copy, &known, &mark), ZEGO_DELIVER_KNOWN);
    ck_assert_int_eq(asked(&copy, &coming, &mark), ZEGO_DELIVER_WAIT);
    ck_assert_int_eq(asked(&copy, &other, &mark), ZEGO_DELIVER_GO);
    ck_assert_int_eq(asked(&copy, &over, &mark), ZEGO_DELIVER_GO);

    copy.env.now++;

    ck_assert_int_eq(asked(&copy, &coming, &mark), ZEGO_DELIVER_GO);

    unit_zone_done(&copy);
    unit_zone_done(&zone);
}
END_TEST


/* what another process has told of it, of the same store, is not known here */

START_TEST(told_by_another)
{
    int            each;
    char           data[ZEGO_RECORD_MAX];
    uint64_t       mark;
    unit_zone_t    zone, other;
    zego_record_t  record = { .data = data };

    static const zego_event_t  create = STREAM_CREATE(1, 1, 1000, "a");
    static const zego_event_t  close = STREAM_CLOSE(1, 2, 1000, 1100, "a");
    static const zego_event_t  again = STREAM_CREATE(1, 3, 1200, "a");
    static const zego_event_t  over = STREAM_CLOSE(1, 4, 1200, 1300, "a");

    for (each = 0; each < 2; each++) {
        unit_zone_init(&zone);
        unit_apply(&zone, &create);
        ck_assert_int_eq(asked(&zone, &close, &mark), ZEGO_DELIVER_GO);
        zego_rooms_delivered(zone.rooms, &zone.env, &close, mark, 1);

        unit_zone_init(&other);
        unit_apply(&other, &create);

        (void) zego_rooms_apply(other.rooms, &other.env, &again, NULL, &record);

        if (each) {
            ck_assert_int_eq(zego_rooms_load(zone.rooms, &zone.env, data,
                                             record.len), ZEGO_APPLIED);
        }

        (void) zego_rooms_apply(other.rooms, &other.env, &over, NULL, &record);
        (void) zego_rooms_load(zone.rooms, &zone.env, data, record.len);

        ck_assert_int_eq(asked(&zone, &over, &mark), ZEGO_DELIVER_GO);

        unit_zone_done(&other);
        unit_zone_done(&zone);
    }
}
END_TEST


/* a record of a login tells of its room, too */

START_TEST(told_by_another_of_a_room)
{
    char           data[ZEGO_RECORD_MAX];
    uint64_t       mark;
    unit_zone_t    zone, other;
    zego_record_t  record = { .data = data };

    static const zego_event_t  before = ROOM_CLOSE(1, 900);
    static const zego_event_t  create = ROOM_CREATE(2, 1000);
    static const zego_event_t  login = LOGIN(2, 1, 1100, "u", 7);
    static const zego_event_t  over = ROOM_CLOSE(2, 1200);

    unit_zone_init(&zone);
    ck_assert_int_eq(asked(&zone, &before, &mark), ZEGO_DELIVER_GO);
    zego_rooms_delivered(zone.rooms, &zone.env, &before, mark, 1);

    unit_zone_init(&other);
    unit_apply(&other, &create);
    (void) zego_rooms_apply(other.rooms, &other.env, &login, NULL, &record);
    (void) zego_rooms_load(zone.rooms, &zone.env, data, record.len);

    ck_assert_int_eq(asked(&zone, &over, &mark), ZEGO_DELIVER_GO);

    unit_zone_done(&other);
    unit_zone_done(&zone);
}
END_TEST


/* the list comes back to what has waited meanwhile */

START_TEST(a_device_comes_back)
{
    uint64_t        mark;
    unit_zone_t     zone;
    zego_applied_t  applied;

    static const zego_event_t  first = LOGIN(1, 1, 1000, "u", 7);
    static const zego_event_t  second = LOGIN(1, 2, 1000, "u", 8);
    static const zego_event_t  over = LOGOUT(1, 3, 1000, 1100, "u", 8);

    unit_zone_init(&zone);

    (void) zego_rooms_apply(zone.rooms, &zone.env, &first, &applied, NULL);
    unit_apply(&zone, &second);
    unit_apply(&zone, &over);
    ck_assert_int_eq(zego_rooms_deliver(zone.rooms, &zone.env, &first, &applied,
                                        &mark), ZEGO_DELIVER_GO);
    unit_zone_done(&zone);
}
END_TEST


/*
 * In a full zone it is known of what came first no longer, but of what is on
 * its way, and nothing that is finished comes back for it.
 */

START_TEST(in_a_full_zone)
{
    char          ids[50][4];
    size_t        i;
    uint64_t      first, mark;
    unit_zone_t   zone;
    zego_event_t  streams[50];
    zego_stats_t  stats;

    static const zego_event_t  create = STREAM_CREATE(1, 1, 900, "t");
    static const zego_event_t  close = STREAM_CLOSE(1, 2, 900, 950, "t");

    unit_zone_init(&zone);
    unit_apply(&zone, &create);
    unit_apply(&zone, &close);

    for (i = 0; i < 50; i++) {
        streams[i] = (zego_event_t) STREAM_CREATE(1, 3 + i, 1000 + i, "");
        streams[i].stream_id.data = ids[i];
        streams[i].stream_id.len = snprintf(ids[i], 4, "s%02zu", i);
    }

    ck_assert_int_eq(asked(&zone, &streams[0], &first), ZEGO_DELIVER_GO);

    for (i = 1; i < 40; i++) {
        ck_assert_int_eq(asked(&zone, &streams[i], &mark), ZEGO_DELIVER_GO);
        zego_rooms_delivered(zone.rooms, &zone.env, &streams[i], mark, 1);
    }

    zone.heap.budget = zone.heap.bytes;

    for (i = 40; i < 50; i++) {
        ck_assert_int_eq(asked(&zone, &streams[i], &mark), ZEGO_DELIVER_GO);
        zego_rooms_delivered(zone.rooms, &zone.env, &streams[i], mark, 1);
    }

    ck_assert_int_eq(asked(&zone, &streams[0], &mark), ZEGO_DELIVER_WAIT);
    ck_assert_int_eq(unit_apply(&zone, &create), ZEGO_STALE);

    zego_rooms_stats(zone.rooms, &stats);
    ck_assert_uint_eq(stats.evictions, 0);

    unit_zone_done(&zone);
}
END_TEST


/* what the backend has while it is listed is kept, the rest for a horizon */

START_TEST(it_is_forgotten_in_time)
{
    uint64_t      mark;
    unit_zone_t   zone;
    zego_stats_t  stats;

    static const zego_event_t  room = ROOM_CREATE(1, 900);
    static const zego_event_t  stays = STREAM_CREATE(1, 1, 1000, "a");
    static const zego_event_t  goes = STREAM_CLOSE(1, 2, 1000, 1100, "b");

    unit_zone_init(&zone);
    unit_apply(&zone, &room);
    unit_apply(&zone, &stays);
    unit_apply(&zone, &goes);

    ck_assert_int_eq(asked(&zone, &stays, &mark), ZEGO_DELIVER_GO);
    zego_rooms_delivered(zone.rooms, &zone.env, &stays, mark, 1);
    ck_assert_int_eq(asked(&zone, &goes, &mark), ZEGO_DELIVER_GO);
    zego_rooms_delivered(zone.rooms, &zone.env, &goes, mark, 1);

    zone.env.now += UNIT_HORIZON - 1;
    (void) zego_rooms_expire(zone.rooms, &zone.env, 100);
    zego_rooms_stats(zone.rooms, &stats);
    ck_assert_uint_eq(stats.deliveries, 2);

    zone.env.now++;
    (void) zego_rooms_expire(zone.rooms, &zone.env, 100);
    zego_rooms_stats(zone.rooms, &stats);
    ck_assert_uint_eq(stats.deliveries, 1);
    ck_assert_int_eq(asked(&zone, &stays, &mark), ZEGO_DELIVER_KNOWN);
    unit_zone_done(&zone);
}
END_TEST


int
main(void)
{
    const TTest  *tests[] = {
        in_the_end_it_has_what_is_listed, late_answers_leave_doubt,
        fields_are_told, a_copy_knows_as_much,
        told_by_another, told_by_another_of_a_room, a_device_comes_back,
        in_a_full_zone, it_is_forgotten_in_time, NULL
    };

    return unit_main("deliver", tests);
}

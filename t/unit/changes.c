
/*
 * Who follows the changes holds, after each revision, what was listed then:
 * however late it reads, in whatever pieces, and whatever the ring still has;
 * and is told when that is not enough.
 */

#include "unit.h"


#define ROUNDS     5
#define EVENTS     400
#define FOLLOWERS  8


typedef struct {
    unit_recorder_t      *recorder;
    zego_query_t          query;
    zego_view_t          *view;
    zego_view_t          *list;            /* is being read, or NULL */
    zego_version_t        version;         /* all before it is known */
    unsigned              answer:1;        /* is being read */
    unsigned              lost:1;          /* it has to begin with a list */
    unsigned              resume:1;
    unsigned              lag;
} follower_t;


typedef struct {
    size_t                revisions;
    size_t                changes;
    size_t                snapshots;
    size_t                between;         /* revisions while one was read */
    size_t                gone;
    size_t                unchanged;       /* too late, but of such a room */
} counts_t;


static void follow(unit_random_t *random, const unit_history_t *history,
    size_t ring, unsigned wide, counts_t *counts);
static void follower_init(follower_t *f, const unit_lists_t *lists,
    unit_random_t *random);
static void follower_done(follower_t *f);
static void follower_step(follower_t *f, unit_random_t *random,
    counts_t *counts);
static void follower_begin(follower_t *f);
static void follower_snapshot(follower_t *f, counts_t *counts);
static void follower_read(follower_t *f, counts_t *counts);
static void names(const unit_lists_t *lists, unit_random_t *random);
static void decorate(unit_history_t *history, unit_random_t *random,
    unsigned wide);
static void zone_init(size_t ring);
static uint64_t kept_changes(void);


static unit_zone_t    zone;
static unit_lists_t  *lists;


START_TEST(a_recorder_holds_what_was_listed)
{
    size_t           i, near, round, rounds, ring;
    unsigned         wide, kind;
    counts_t         counts;
    unit_random_t    random;
    unit_history_t   history;

    unit_random_init(&random);
    memset(&counts, 0, sizeof(counts_t));
    rounds = unit_some(ROUNDS);

    for (round = 0; round < rounds; round++) {

        for (kind = 0; kind < 4; kind++) {
            wide = kind & 2;

            if (kind & 1) {
                unit_history(&history, &random, EVENTS);
                near = 1 + unit_random(&random, 40);

                for (i = 0; i + near <= history.n; i += near) {
                    unit_shuffle(&random, &history.events[i], near,
                                 sizeof(zego_event_t));
                }
            } else {
                unit_chaos(&history, &random, EVENTS);
            }

            decorate(&history, &random, wide);

            for (ring = 300; ring < 5000000;
                 ring = 1 + ring * (10 + unit_random(&random, 100)))
            {
                follow(&random, &history, ring, wide, &counts);
            }

            unit_history_free(&history);
        }
    }

    printf("%zu revisions, %zu changes read, %zu lists read, %zu revisions "
           "meanwhile, %zu times too late, %zu not for its room\n",
           counts.revisions, counts.changes, counts.snapshots, counts.between,
           counts.gone, counts.unchanged);

    ck_assert_uint_gt(counts.changes, 0);
    ck_assert_uint_gt(counts.snapshots, 0);
    ck_assert_uint_gt(counts.between, 0);
    ck_assert_uint_gt(counts.gone, 0);
    ck_assert_uint_gt(counts.unchanged, 0);
}
END_TEST


/* as many revisions as callbacks that changed a list, with followers of all
   kinds */

static void
follow(unit_random_t *random, const unit_history_t *history, size_t ring,
    unsigned wide, counts_t *counts)
{
    size_t       i, n;
    follower_t   followers[FOLLOWERS], *f;

    zone_init(ring);
    lists = unit_lists_create();

    for (f = followers; f < followers + FOLLOWERS; f++) {
        follower_init(f, lists, random);
    }

    for (n = 0; n < history->n; n++) {

        /* some of them again */
        i = unit_random(random, 4) ? n : unit_random(random, n + 1);

        unit_apply_all(&zone, &history->events[i], 1);
        unit_lists_keep(lists, &zone, history->events[i].type);
        unit_check(zone.rooms);

        for (f = followers; f < followers + FOLLOWERS; f++) {
            if (unit_random(random, f->lag) == 0) {
                follower_step(f, random, counts);
            }
        }

        if (unit_random(random, 50) == 0) {
            names(lists, random);
        }
    }

    counts->revisions += zone.version.revision;

    if (ring > 2000000 && !wide) {
        ck_assert_uint_eq(kept_changes(), zone.version.revision);
    }

    /* nothing happens any more */

    for (f = followers; f < followers + FOLLOWERS; f++) {
        do {
            follower_step(f, random, counts);
        } while (f->answer || f->list || f->lost
                 || f->version.revision < zone.version.revision);

        unit_recorder_at(f->recorder, zone.version.revision);
        follower_done(f);
    }

    unit_lists_destroy(lists);
    unit_zone_done(&zone);
}


static void
follower_init(follower_t *f, const unit_lists_t *lists, unit_random_t *random)
{
    int  invalid;

    memset(f, 0, sizeof(follower_t));

    f->version.epoch = 1;
    f->lag = 1 + unit_random(random, 2) * unit_random(random, 200);
    f->query.kind = ZEGO_VIEW_CHANGES;
    f->query.events = unit_random(random, 2);
    f->resume = unit_random(random, 2);

    if (unit_random(random, 3) == 0) {
        f->query.id = (zego_str_t) STR("a");
    }

    if (unit_random(random, 3) == 0) {
        f->query.has_appid = 1;
        f->query.appid = 1 + unit_random(random, 2);
    }

    f->recorder = unit_recorder_create(lists, &f->query);
    f->view = zego_view_create(&zone.heap.memory, &f->query, &invalid);
}


static void
follower_done(follower_t *f)
{
    zego_view_destroy(f->view);
    unit_recorder_destroy(f->recorder);
}


/* a piece of something */

static void
follower_step(follower_t *f, unit_random_t *random, counts_t *counts)
{
    if (f->list == NULL && !f->answer) {

        /* it may forget what it knows */

        if (f->lost || unit_random(random, 40) == 0) {
            follower_begin(f);

        } else {
            f->answer = 1;
            f->query.limit = 1 + unit_random(random, 2)
                                 * unit_random(random, 1000);
            zego_view_follow(f->view, &f->query, f->version, f->resume);
        }
    }

    if (f->list) {
        follower_snapshot(f, counts);
    } else {
        follower_read(f, counts);
    }
}


static void
follower_begin(follower_t *f)
{
    int           invalid;
    zego_query_t  query;

    query = f->query;
    query.kind = query.id.len ? ZEGO_VIEW_ROOM : ZEGO_VIEW_ROOMS;
    query.events = 1;
    query.limit = UINT32_MAX;

    f->list = zego_view_create(&zone.heap.memory, &query, &invalid);
    f->version.revision = UINT64_MAX;
    unit_recorder_begin(f->recorder);
}


static void
follower_snapshot(follower_t *f, counts_t *counts)
{
    zego_view_e  rc;

    rc = zego_view_read(f->list, zone.rooms);

    if (f->version.revision == UINT64_MAX) {
        f->version = zego_view_version(f->list);
        ck_assert_uint_eq(f->version.revision, zone.version.revision);
    }

    switch (rc) {

    case ZEGO_VIEW_AMBIGUOUS:
        ck_assert(f->query.id.len && !f->query.has_appid);
        f->query.has_appid = 1;
        f->query.appid = 1;
        f->lost = 1;

        unit_recorder_destroy(f->recorder);
        f->recorder = unit_recorder_create(lists, &f->query);
        break;

    case ZEGO_VIEW_NOT_FOUND:
        ck_assert(f->query.id.len);
        f->lost = 0;
        unit_recorder_exact(f->recorder, zone.version.revision);
        unit_recorder_at(f->recorder, zone.version.revision);
        break;

    default:
        ck_assert(rc == ZEGO_VIEW_MORE || rc == ZEGO_VIEW_DONE);
        unit_recorder_snapshot(f->recorder, zego_view_write(f->list));

        if (rc == ZEGO_VIEW_MORE) {
            return;
        }

        counts->snapshots++;
        counts->between += zone.version.revision - f->version.revision;
        f->lost = 0;

        /* from when all that it has seen has been told */
        unit_recorder_at(f->recorder, f->version.revision);
        unit_recorder_exact(f->recorder, zone.version.revision);
    }

    zego_view_destroy(f->list);
    f->list = NULL;
}


static void
follower_read(follower_t *f, counts_t *counts)
{
    unsigned        before, n;
    zego_str_t      piece;
    zego_view_e     rc;
    zego_version_t  version;

    version = zego_view_version(f->view);
    before = zego_view_items(f->view);

    rc = zego_view_read(f->view, zone.rooms);

    if (version.revision >= zone.version.revision - kept_changes()) {
        ck_assert_int_ne(rc, ZEGO_VIEW_GONE);

    } else if (rc != ZEGO_VIEW_GONE) {
        ck_assert(f->query.id.len);
        counts->unchanged++;
    }

    if (rc == ZEGO_VIEW_GONE) {
        f->lost = 1;
        f->answer = 0;
        counts->gone++;
        return;
    }

    piece = zego_view_write(f->view);

    n = f->query.events
        ? unit_recorder_events(f->recorder, piece, f->resume)
        : unit_recorder_elements(f->recorder, piece, before);

    f->version = zego_view_version(f->view);
    unit_recorder_at(f->recorder, f->version.revision);

    ck_assert_uint_eq(f->version.epoch, 1);
    ck_assert_uint_eq(zego_view_items(f->view), before + n);
    ck_assert_uint_le(f->version.revision, zone.version.revision);
    counts->changes += n;

    if (rc == ZEGO_VIEW_DONE) {
        ck_assert_uint_eq(f->version.revision, zone.version.revision);

    } else {
        ck_assert_int_eq(rc, ZEGO_VIEW_MORE);

        if (f->version.revision > version.revision + 1) {
            ck_assert(f->query.id.len || f->query.has_appid
                      || before + n <= f->query.limit);
        }

        if (f->version.revision != version.revision) {
            return;
        }

        /* the limit is reached */
        ck_assert_uint_gt(before, 0);
    }

    f->answer = 0;
}


/* the rooms that changed after some version, a few at a time */

static void
names(const unit_lists_t *lists, unit_random_t *random)
{
    size_t            i, n, most;
    uint64_t          first;
    zego_view_e       rc;
    zego_version_t    after;
    zego_room_name_t  some[5];

    after.epoch = 1;
    after.revision = unit_random(random, zone.version.revision + 1);

    do {
        first = after.revision;
        n = most = 1 + unit_random(random, 5);
        rc = zego_rooms_changed(zone.rooms, &after, some, &n);

        ck_assert_int_eq(rc == ZEGO_VIEW_GONE,
                         first < zone.version.revision - kept_changes());

        if (rc == ZEGO_VIEW_GONE) {
            ck_assert_uint_eq(n, 0);
            break;
        }

        ck_assert_uint_le(n, most);
        ck_assert_uint_eq(after.revision, first + n);

        for (i = 0; i < n; i++) {
            ck_assert(unit_lists_changed(lists, first + i + 1, &some[i]));
        }

    } while (rc == ZEGO_VIEW_MORE);

    ck_assert_uint_eq(after.revision, zone.version.revision);
}


/* with texts of any length and any bytes, and many entries of a session if it
   is wide */

static void
decorate(unit_history_t *history, unit_random_t *random, unsigned wide)
{
    zego_event_t             *e;
    static char               ids[64][4], longest[1024];
    static const zego_str_t   kept[] = {
        STR(""), STR("\"a\":\"b\""), STR("\"a\":[1,\r\n 2,\n\n{ }\r]"),
        { longest, sizeof(longest) }
    };
    static const zego_str_t   texts[] = {
        STR(""), STR("n"), STR("\"\\\r\n\x01\xc3\xbc"),
        STR("event: delete\n\ndata: {}\n\n")
    };

    memset(longest, ' ', sizeof(longest));
    memcpy(longest, "\"a\":[", 5);
    longest[sizeof(longest) - 1] = ']';

    for (e = history->events; e < history->events + history->n; e++) {
        e->kept = kept[unit_random(random, 4)];
        e->extra_info = texts[unit_random(random, 4)];
        e->stream_sid = texts[unit_random(random, 4)];

        if (wide && e->type == ZEGO_ROOM_CLOSE && unit_random(random, 20)) {
            e->type = ZEGO_ROOM_CREATE;
        }

        if (wide && e->room_session_id <= 4) {
            e->room_session_id = 1 + e->room_session_id % 2;
            e->room_id.data = "a";
        }

        if (wide && e->seq) {
            e->seq = 1 + unit_random(random, 300);
        }

        if (wide && e->stream_id.len) {
            e->stream_id.data = ids[unit_random(random, 64)];
            e->stream_id.len = sprintf((char *) e->stream_id.data, "%d",
                                       (int) (e->stream_id.data - ids[0]));
        }

        if (wide && e->login_time) {
            e->user_id.data = ids[unit_random(random, 64)];
            e->user_id.len = sprintf((char *) e->user_id.data, "%d",
                                     (int) (e->user_id.data - ids[0]));
        }
    }
}


static void
zone_init(size_t ring)
{
    memset(&zone, 0, sizeof(unit_zone_t));
    unit_heap_init(&zone.heap);

    zone.env.memory = zone.heap.memory;
    zone.env.now = 1;
    zone.env.horizon = UNIT_HORIZON;
    zone.version.epoch = 1;

    zone.rooms = zego_rooms_create(&zone.env, 1, 1, 0);
    ck_assert_ptr_nonnull(zone.rooms);

    zego_rooms_ring(zone.rooms, &zone.env, ring);
}


static uint64_t
kept_changes(void)
{
    zego_stats_t  stats;

    zego_rooms_stats(zone.rooms, &stats);

    return stats.kept_changes;
}


/* the changes after a version, as text, and how many they are; from a view of
   which one piece is read */

static const char *
changes_after(zego_version_t after, unsigned limit, unsigned events,
    unsigned *n, zego_view_e *rc)
{
    int           invalid;
    zego_str_t    piece;
    zego_view_t  *view;
    zego_query_t  query;
    static char  *text;

    memset(&query, 0, sizeof(zego_query_t));
    query.kind = ZEGO_VIEW_CHANGES;
    query.events = events;
    query.limit = limit;

    view = zego_view_create(&zone.heap.memory, &query, &invalid);
    zego_view_follow(view, &query, after, 1);
    *rc = zego_view_read(view, zone.rooms);
    piece = zego_view_write(view);
    *n = zego_view_items(view);

    free(text);
    text = calloc(1, piece.len + 1);
    memcpy(text, piece.data, piece.len);
    zego_view_destroy(view);

    return text;
}


static zego_view_e
outcome_after(uint64_t epoch, uint64_t revision)
{
    size_t            nnames;
    unsigned          n;
    zego_view_e       rc, changed;
    zego_version_t    after = { epoch, revision };
    zego_room_name_t  names[100];

    nnames = 100;
    changes_after(after, 1000, 0, &n, &rc);
    changed = zego_rooms_changed(zone.rooms, &after, names, &nnames);

    ck_assert_int_eq(changed == ZEGO_VIEW_GONE, rc == ZEGO_VIEW_GONE);
    ck_assert_uint_eq(after.epoch, 1);
    ck_assert_uint_eq(after.revision, zone.version.revision);

    return rc;
}


/* so many logins of session 1, behind a session 2 that began later */

static void
members(unsigned n, size_t size)
{
    char          id[16];
    unsigned      i;
    static char   kept[1500];
    zego_event_t  later = ROOM_CREATE(2, 5000);
    zego_event_t  event = LOGIN(1, 0, 1000, "", 1);

    memset(kept, ' ', sizeof(kept));
    memcpy(kept, "\"k\":", 4);
    kept[size - 1] = '1';

    zone_init(1000000);
    unit_apply_all(&zone, &later, 1);

    event.kept = (zego_str_t) { kept, size };

    for (i = 0; i < n; i++) {
        event.user_id.data = id;
        event.user_id.len = sprintf(id, "u%u", i);
        event.user_session_id = i + 1;
        unit_apply_all(&zone, &event, 1);
    }

    ck_assert_uint_eq(kept_changes(), 1);
}


/* the session of the members is found to be the current one: the room is
   deleted, and put with them */

static unsigned
members_show(void)
{
    unsigned      n;
    zego_view_e   rc;
    zego_event_t  event = ROOM_CREATE(1, 9000);

    unit_apply_all(&zone, &event, 1);
    ck_assert_uint_eq(zone.version.revision, 2);

    changes_after((zego_version_t) { 1, 1 }, 1, 0, &n, &rc);

    ck_assert_int_eq(rc, kept_changes() ? ZEGO_VIEW_DONE : ZEGO_VIEW_GONE);
    ck_assert_int_eq(outcome_after(1, 2), ZEGO_VIEW_DONE);

    return n;
}


/* a list is read, of which an entry and then all of the room is another one
   before its turn comes: what is told of it then is of its session only */

START_TEST(what_changed_in_an_older_session_is_in_no_newer_one)
{
    int               invalid;
    unsigned          i;
    char              id[16];
    zego_view_t      *view = NULL;
    zego_version_t    version;
    unit_recorder_t  *recorder;
    zego_query_t      query = { .kind = ZEGO_VIEW_ROOMS, .events = 1,
                                .limit = UINT32_MAX };
    zego_event_t      first = LOGIN(1, 0, 1000, "", 1);
    zego_event_t      events[] = {
        ROOM_CREATE(1, 1000), STREAM_CREATE(1, 1, 2000, "s"),
        STREAM_CREATE(1, 2, 3000, "s"), ROOM_CREATE(2, 5000)
    };

    zone_init(1000000);
    lists = unit_lists_create();
    recorder = unit_recorder_create(lists, &query);
    view = NULL;

    first.room_id.data = "a";

    for (i = 0; i < 100; i++) {
        first.user_id.data = id;
        first.user_id.len = sprintf(id, "u%u", i);
        unit_apply_all(&zone, &first, 1);
        unit_lists_keep(lists, &zone, first.type);
    }

    for (i = 0; i < 4; i++) {
        if (i == 2) {
            view = zego_view_create(&zone.heap.memory, &query, &invalid);
            unit_recorder_begin(recorder);
            ck_assert_int_eq(zego_view_read(view, zone.rooms), ZEGO_VIEW_MORE);
            unit_recorder_snapshot(recorder, zego_view_write(view));
        }

        unit_apply_all(&zone, &events[i], 1);
        unit_lists_keep(lists, &zone, events[i].type);
    }

    while (zego_view_read(view, zone.rooms) == ZEGO_VIEW_MORE) {
        unit_recorder_snapshot(recorder, zego_view_write(view));
    }

    unit_recorder_snapshot(recorder, zego_view_write(view));
    unit_recorder_at(recorder, zego_view_version(view).revision);
    unit_recorder_exact(recorder, zone.version.revision);

    version = zego_view_version(view);
    zego_view_destroy(view);

    query.kind = ZEGO_VIEW_CHANGES;
    view = zego_view_create(&zone.heap.memory, &query, &invalid);
    zego_view_follow(view, &query, version, 0);
    ck_assert_int_eq(zego_view_read(view, zone.rooms), ZEGO_VIEW_DONE);
    unit_recorder_events(recorder, zego_view_write(view), 0);
    unit_recorder_at(recorder, zone.version.revision);

    zego_view_destroy(view);
    unit_recorder_destroy(recorder);
    unit_lists_destroy(lists);
    unit_zone_done(&zone);
}
END_TEST


START_TEST(a_revision_of_many_is_not_kept)
{
    zego_event_t  after = STREAM_CREATE(1, 1, 9500, "s");

    members(38, 5);
    ck_assert_uint_eq(members_show(), 40);
    ck_assert_uint_eq(kept_changes(), 2);
    unit_zone_done(&zone);

    members(39, 5);
    ck_assert_uint_eq(members_show(), 0);
    ck_assert_uint_eq(kept_changes(), 0);
    ck_assert_int_eq(outcome_after(1, 0), ZEGO_VIEW_GONE);

    /* and what follows is */

    unit_apply_all(&zone, &after, 1);
    ck_assert_uint_eq(kept_changes(), 1);
    ck_assert_int_eq(outcome_after(1, 1), ZEGO_VIEW_GONE);
    ck_assert_int_eq(outcome_after(1, 2), ZEGO_VIEW_DONE);
    unit_zone_done(&zone);
}
END_TEST


START_TEST(a_revision_of_much_is_not_kept)
{
    members(38, 1000);
    ck_assert_uint_eq(members_show(), 40);
    unit_zone_done(&zone);

    members(38, 1500);
    ck_assert_uint_eq(members_show(), 0);
    ck_assert_uint_eq(kept_changes(), 0);
    unit_zone_done(&zone);
}
END_TEST


/* a room that is listed again with who comes into it, each time */

START_TEST(who_comes_first_is_told_whoever_has_left)
{
    char          id[16];
    unsigned      i, n;
    zego_view_e   rc;
    const char   *text;
    zego_event_t  create = STREAM_CREATE(1, 0, 1000, "");
    zego_event_t  close = STREAM_CLOSE(1, 0, 1000, 2000, "");
    zego_event_t  room = ROOM_CREATE(1, 500);

    zone_init(1000000);

    for (i = 1; i <= 300; i++) {
        create.stream_id.data = close.stream_id.data = id;
        create.stream_id.len = close.stream_id.len = sprintf(id, "s%u", i);
        create.seq = 2 * i - 1;
        close.seq = 2 * i;

        unit_apply_all(&zone, &create, 1);

        text = changes_after((zego_version_t) { 1, 2 * i - 2 }, 100, 0, &n,
                             &rc);
        ck_assert_uint_eq(n, 2);
        ck_assert_ptr_nonnull(strstr(text, id));

        unit_apply_all(&zone, &close, 1);
    }

    unit_apply_all(&zone, &room, 1);
    changes_after((zego_version_t) { 1, 600 }, 100, 0, &n, &rc);
    ck_assert_uint_eq(n, 1);
    ck_assert_uint_eq(kept_changes(), 601);
    unit_zone_done(&zone);
}
END_TEST


/* those that find one in so little memory, too */

START_TEST(a_ring_has_any_size)
{
    size_t           size, i;
    uint64_t         before;
    unit_random_t    random;
    unit_history_t   history;

    unit_random_init(&random);
    unit_history(&history, &random, 60);

    for (size = 0; size < 1500; size += size < 200 ? 1 : 61) {
        zone_init(size);

        for (i = 0; i < history.n; i++) {
            before = kept_changes();
            unit_apply_all(&zone, &history.events[i], 1);
            unit_check(zone.rooms);

            ck_assert_uint_le(kept_changes(), before + 1);

            if (unit_random(&random, 20)) {
                continue;
            }

            ck_assert_int_eq(outcome_after(1, zone.version.revision
                                              - kept_changes()),
                             ZEGO_VIEW_DONE);

            if (kept_changes() < zone.version.revision) {
                ck_assert_int_eq(outcome_after(1, zone.version.revision
                                                  - kept_changes() - 1),
                                 ZEGO_VIEW_GONE);
            }
        }

        ck_assert(size > 64 || kept_changes() == 0);
        ck_assert(size < 1000 || kept_changes() > 0);
        unit_zone_done(&zone);
    }

    unit_history_free(&history);
}
END_TEST


/* whatever else has fallen out of the ring: what it is read at is the version
   of its last change */

START_TEST(of_a_room_that_is_as_it_was_nothing_is_gone)
{
    int             invalid;
    unsigned        i, app;
    zego_view_t    *view;
    zego_event_t    room = ROOM_CREATE(1, 1000), other = ROOM_CREATE(2, 1000);
    zego_event_t    close = ROOM_CLOSE(1, 3000);
    zego_event_t    event = STREAM_CREATE(2, 0, 2000, "s");
    zego_query_t    query = { .kind = ZEGO_VIEW_CHANGES, .id = STR("r"),
                              .limit = 1 };
    zego_version_t  now, version = { 1, 1 }, before = { 1, 0 };

    zone_init(1000);
    unit_apply_all(&zone, &room, 1);
    other.room_id.data = event.room_id.data = "b";
    unit_apply_all(&zone, &other, 1);

    for (i = 1; i < 100; i++) {
        event.seq = i;
        unit_apply_all(&zone, &event, 1);
    }

    view = zego_view_create(&zone.heap.memory, &query, &invalid);

    for (app = 0; app < 3; app++) {
        query.has_appid = app > 0;
        query.appid = app;

        zego_view_follow(view, &query, version, 0);
        ck_assert_int_eq(zego_view_read(view, zone.rooms),
                         app < 2 ? ZEGO_VIEW_DONE : ZEGO_VIEW_GONE);

        zego_view_follow(view, &query, before, 0);
        ck_assert_int_eq(zego_view_read(view, zone.rooms), ZEGO_VIEW_GONE);
    }

    query.has_appid = 0;
    zego_view_follow(view, &query, version, 0);
    zego_view_read(view, zone.rooms);
    now = zego_view_version(view);
    ck_assert_uint_eq(now.revision, zone.version.revision);

    /* it may be less complete */

    zego_rooms_missed(zone.rooms, 1500);
    zone.version.revision++;
    zego_view_follow(view, &query, now, 0);
    ck_assert_int_eq(zego_view_read(view, zone.rooms), ZEGO_VIEW_GONE);

    /* or not be listed any more */

    now.revision++;
    unit_apply_all(&zone, &close, 1);

    for (i = 0; i < 100; i++) {
        event.seq++;
        unit_apply_all(&zone, &event, 1);
    }

    zego_view_follow(view, &query, now, 0);
    ck_assert_int_eq(zego_view_read(view, zone.rooms), ZEGO_VIEW_GONE);

    zego_view_destroy(view);
    unit_zone_done(&zone);
}
END_TEST


/* of who follows that room since that revision */

static zego_view_e
room_outcome(const zego_query_t *room, uint64_t revision)
{
    int             invalid;
    zego_query_t    query;
    zego_view_t    *view;
    zego_view_e     rc;
    zego_version_t  version = { 1, revision };

    query = *room;
    query.kind = ZEGO_VIEW_CHANGES;

    view = zego_view_create(&zone.heap.memory, &query, &invalid);
    zego_view_follow(view, &query, version, 0);
    rc = zego_view_read(view, zone.rooms);
    zego_view_destroy(view);

    return rc;
}


/* the one that the room's own answer has */

static uint64_t
room_version(const zego_query_t *room)
{
    int             invalid;
    zego_query_t    query;
    zego_view_t    *view;
    zego_version_t  version;

    query = *room;
    query.kind = ZEGO_VIEW_ROOM;

    view = zego_view_create(&zone.heap.memory, &query, &invalid);
    ck_assert_int_eq(zego_view_read(view, zone.rooms), ZEGO_VIEW_DONE);
    version = zego_view_version(view);
    zego_view_destroy(view);

    return version.revision;
}


/* but in one app only: it is not known any more which were listed then */

START_TEST(a_room_of_two_apps_is_not_as_it_was_when_one_has_gone)
{
    unsigned      app, i;
    unit_zone_t   from, *of;
    zego_event_t  rooms[] = {
        ROOM_CREATE(1, 1000), ROOM_CREATE(2, 1000), ROOM_CREATE(3, 1000),
        ROOM_CREATE(4, 1000)
    };
    zego_event_t  close = ROOM_CLOSE(1, 3000);
    zego_event_t  event = STREAM_CREATE(3, 0, 2000, "s");
    zego_query_t  room = { .id = STR("r"), .limit = 1 };
    zego_query_t  own = room;
    zego_query_t  quiet = { .id = STR("quiet"), .limit = 1 };

    own.has_appid = 1;
    rooms[2].room_id.data = event.room_id.data = "b";
    rooms[3].room_id = quiet.id;

    for (i = 0; i < 4; i++) {
        app = 1 + i % 2;
        rooms[0].appid = close.appid = app;
        rooms[1].appid = own.appid = 3 - app;

        zone_init(1000);
        unit_zone_init(&from);

        /* it may be a copy */

        of = i < 2 ? &zone : &from;
        unit_apply_all(of, rooms, 4);
        unit_apply_all(of, &close, 1);

        for (event.seq = 1; event.seq < 100; event.seq++) {
            unit_apply_all(of, &event, 1);
        }

        if (of == &from) {
            unit_merge(&zone, &from);
            zone.version = from.version;
        }

        ck_assert_int_eq(room_outcome(&room, 4), ZEGO_VIEW_GONE);
        ck_assert_int_eq(room_outcome(&room, 5), ZEGO_VIEW_DONE);
        ck_assert_uint_eq(room_version(&room), 5);

        ck_assert_int_eq(room_outcome(&own, 4), ZEGO_VIEW_DONE);
        ck_assert_uint_le(room_version(&own), 2);

        /* others are as they were */

        ck_assert_int_eq(room_outcome(&quiet, 4), ZEGO_VIEW_DONE);
        ck_assert_uint_eq(room_version(&quiet), 4);

        unit_zone_done(&from);
        unit_zone_done(&zone);
    }
}
END_TEST


START_TEST(without_memory_there_is_no_ring)
{
    zego_event_t  event = ROOM_CREATE(1, 1000);

    zone_init(0);
    zone.heap.fail = zone.heap.allocs + 1;
    zego_rooms_ring(zone.rooms, &zone.env, 100000);
    zone.heap.fail = 0;

    unit_apply_all(&zone, &event, 1);
    ck_assert_int_eq(outcome_after(1, 0), ZEGO_VIEW_GONE);
    ck_assert_int_eq(outcome_after(1, 1), ZEGO_VIEW_DONE);
    unit_zone_done(&zone);
}
END_TEST


START_TEST(what_was_not_yet_or_elsewhere_is_gone)
{
    zego_event_t  event = ROOM_CREATE(1, 1000);

    zone_init(100000);
    ck_assert_int_eq(outcome_after(1, 0), ZEGO_VIEW_DONE);
    ck_assert_int_eq(outcome_after(1, 1), ZEGO_VIEW_GONE);

    unit_apply_all(&zone, &event, 1);
    ck_assert_int_eq(outcome_after(1, 0), ZEGO_VIEW_DONE);
    ck_assert_int_eq(outcome_after(1, 1), ZEGO_VIEW_DONE);
    ck_assert_int_eq(outcome_after(1, 2), ZEGO_VIEW_GONE);
    ck_assert_int_eq(outcome_after(1, UINT64_MAX), ZEGO_VIEW_GONE);
    ck_assert_int_eq(outcome_after(2, 1), ZEGO_VIEW_GONE);
    ck_assert_int_eq(outcome_after(0, 0), ZEGO_VIEW_GONE);
    unit_zone_done(&zone);
}
END_TEST


/* every room may be less complete than it was */

START_TEST(callbacks_that_were_missed_are_a_change_of_all)
{
    int           invalid;
    zego_view_t  *view;
    zego_query_t  query = { .kind = ZEGO_VIEW_ROOM, .id = STR("r") };
    zego_event_t  event = ROOM_CREATE(1, 1000);
    zego_event_t  next = STREAM_CREATE(1, 1, 2000, "s");

    zone_init(100000);
    unit_apply_all(&zone, &event, 1);

    zego_rooms_missed(zone.rooms, 1500);
    zone.version.revision++;

    view = zego_view_create(&zone.heap.memory, &query, &invalid);
    zego_view_read(view, zone.rooms);
    ck_assert_uint_eq(zego_view_version(view).revision, 2);
    zego_view_destroy(view);

    ck_assert_int_eq(outcome_after(1, 1), ZEGO_VIEW_GONE);
    ck_assert_int_eq(outcome_after(1, 2), ZEGO_VIEW_DONE);

    unit_apply_all(&zone, &next, 1);
    ck_assert_int_eq(outcome_after(1, 1), ZEGO_VIEW_GONE);
    ck_assert_int_eq(outcome_after(1, 2), ZEGO_VIEW_DONE);
    ck_assert_uint_eq(kept_changes(), 1);
    unit_zone_done(&zone);
}
END_TEST


START_TEST(a_copy_goes_on_where_it_was_made)
{
    unit_zone_t   from;
    zego_event_t  events[] = {
        ROOM_CREATE(1, 1000), STREAM_CREATE(1, 1, 2000, "s"),
        STREAM_CREATE(1, 2, 3000, "t")
    };
    zego_query_t  room = { .id = STR("r") };

    unit_zone_init(&from);
    unit_apply_all(&from, events, 2);

    zone_init(100000);
    unit_merge(&zone, &from);
    zone.version = from.version;
    ck_assert_int_eq(outcome_after(1, 1), ZEGO_VIEW_GONE);
    ck_assert_int_eq(outcome_after(1, 2), ZEGO_VIEW_DONE);

    unit_apply_all(&zone, &events[2], 1);
    ck_assert_uint_eq(zone.version.revision, 3);
    ck_assert_int_eq(outcome_after(1, 2), ZEGO_VIEW_DONE);
    ck_assert_int_eq(outcome_after(1, 1), ZEGO_VIEW_GONE);
    unit_zone_done(&zone);

    /* and what is incomplete is so in it */

    zego_rooms_missed(from.rooms, 1500);
    zone_init(100000);
    unit_merge(&zone, &from);
    ck_assert_uint_eq(room_version(&room), 3);
    unit_zone_done(&from);
    unit_zone_done(&zone);
}
END_TEST


START_TEST(a_change_tells_of_64_ranges)
{
    unsigned        i, n;
    zego_view_e     rc;
    const char     *text;
    zego_event_t    event = LOGIN(1, 0, 1000, "u", 1);

    zone_init(1000000);

    for (i = 1; i <= 100; i++) {
        event.seq = 2 * i;
        unit_apply_all(&zone, &event, 1);
    }

    text = changes_after((zego_version_t) { 1, 99 }, 100, 0, &n, &rc);
    ck_assert_ptr_nonnull(strstr(text, "\"UserUpdateSeq\":[[1,1],[3,3],"));
    ck_assert_ptr_nonnull(strstr(text, ",[127,127]]}"));
    ck_assert_ptr_nonnull(strstr(text, "\"Complete\":false"));
    unit_zone_done(&zone);
}
END_TEST


/* of two that began at the same time, when the other one ends */

START_TEST(a_user_is_told_with_the_session_that_is_listed)
{
    unsigned      n;
    zego_view_e   rc;
    const char   *text;
    zego_event_t  events[] = {
        LOGIN(1, 1, 1000, "u", 7), LOGIN(1, 2, 1000, "u", 8),
        LOGOUT(1, 3, 1000, 2000, "u", 8)
    };

    zone_init(100000);
    unit_apply_all(&zone, events, 3);

    text = changes_after((zego_version_t) { 1, 2 }, 100, 0, &n, &rc);
    ck_assert_uint_eq(n, 2);
    ck_assert_ptr_nonnull(strstr(text, "\"Type\":\"put\",\"Kind\":\"user\""));
    ck_assert_ptr_nonnull(strstr(text, "\"UserSessionId\":\"7\""));
    unit_zone_done(&zone);
}
END_TEST


START_TEST(a_limit_never_splits_a_revision)
{
    unsigned      i, n;
    zego_view_e   rc;
    zego_event_t  events[] = {
        ROOM_CREATE(1, 1000), STREAM_CREATE(1, 1, 2000, "s"),
        STREAM_CREATE(1, 2, 3000, "t"), STREAM_CREATE(1, 3, 3000, "s")
    };
    static const struct {
        unsigned  limit;
        unsigned  n;
    } expected[] = {
        { 1, 1 }, { 2, 1 }, { 3, 3 }, { 4, 3 }, { 5, 5 }, { 6, 5 }, { 7, 7 }
    };

    /* of one change, two, two and two */

    zone_init(100000);
    unit_apply_all(&zone, events, 4);

    for (i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        changes_after((zego_version_t) { 1, 0 }, expected[i].limit, 0, &n,
                      &rc);
        ck_assert_uint_eq(n, expected[i].n);
        ck_assert_int_eq(rc, n == 7 ? ZEGO_VIEW_DONE : ZEGO_VIEW_MORE);
    }

    unit_zone_done(&zone);
}
END_TEST


START_TEST(events_are_lines)
{
    unsigned      n;
    zego_view_e   rc;
    zego_event_t  event = ROOM_CREATE(7, 1000);

    zone_init(100000);
    event.kept = (zego_str_t) STR("\"k\":[1,\r\n\n2]");
    unit_apply_all(&zone, &event, 1);

    ck_assert_str_eq(
        changes_after((zego_version_t) { 1, 0 }, 1, 1, &n, &rc),
        "event: put\n"
        "id: 0000000000000001-1\n"
        "data: {\"Revision\":1,\"Type\":\"put\",\"Kind\":\"room\","
        "\"Key\":{\"AppId\":1,\"RoomID\":\"r\"},\"Object\":{\"AppId\":1,"
        "\"RoomID\":\"r\",\"RoomSessionId\":\"7\",\"RoomCreateTime\":1000,"
        "\"Creator\":\"creator\",\"StreamCount\":0,\"UserCount\":0,"
        "\"Complete\":true,\"Missing\":{\"StreamSeq\":[],"
        "\"UserUpdateSeq\":[]},\"k\":[1,   2]},\"Event\":\"room_create\"}\n"
        "\n");
    unit_zone_done(&zone);
}
END_TEST


START_TEST(without_memory_nothing_is_written)
{
    int             invalid;
    zego_view_t    *view;
    zego_query_t    query = { .kind = ZEGO_VIEW_CHANGES, .limit = 1 };
    zego_event_t    event = ROOM_CREATE(1, 1000);
    zego_version_t  after = { 1, 0 };

    zone_init(100000);
    unit_apply_all(&zone, &event, 1);

    view = zego_view_create(&zone.heap.memory, &query, &invalid);
    zego_view_follow(view, &query, after, 0);
    ck_assert_int_eq(zego_view_read(view, zone.rooms), ZEGO_VIEW_DONE);

    zone.heap.fail = zone.heap.allocs + 1;
    ck_assert_ptr_null(zego_view_write(view).data);
    zone.heap.fail = 0;

    /* but later */

    zego_view_follow(view, &query, after, 0);
    ck_assert_int_eq(zego_view_read(view, zone.rooms), ZEGO_VIEW_DONE);
    ck_assert_uint_gt(zego_view_write(view).len, 0);

    zego_view_destroy(view);
    unit_zone_done(&zone);
}
END_TEST


int
main(void)
{
    const TTest  *tests[] = {
        a_recorder_holds_what_was_listed,
        what_changed_in_an_older_session_is_in_no_newer_one,
        a_revision_of_many_is_not_kept,
        a_revision_of_much_is_not_kept,
        who_comes_first_is_told_whoever_has_left,
        a_ring_has_any_size,
        of_a_room_that_is_as_it_was_nothing_is_gone,
        a_room_of_two_apps_is_not_as_it_was_when_one_has_gone,
        without_memory_there_is_no_ring,
        what_was_not_yet_or_elsewhere_is_gone,
        callbacks_that_were_missed_are_a_change_of_all,
        a_copy_goes_on_where_it_was_made,
        a_change_tells_of_64_ranges,
        a_user_is_told_with_the_session_that_is_listed,
        a_limit_never_splits_a_revision,
        events_are_lines,
        without_memory_nothing_is_written,
        NULL
    };

    return unit_main("changes", tests);
}

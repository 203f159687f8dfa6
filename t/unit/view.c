
/*
 * The lists, read in pieces, while the zone changes between two of them.
 */

#include "unit.h"


static unit_zone_t    zone;
static unit_answer_t  json;


static zego_str_t
id_of(char *buf, const char *format, unsigned n)
{
    return (zego_str_t) { buf, (size_t) sprintf(buf, format, n) };
}


static zego_view_t *
view_create(zego_view_kind_e kind, const char *id, const char *prefix)
{
    int           invalid;
    zego_query_t  query;

    memset(&query, 0, sizeof(zego_query_t));

    query.kind = kind;
    query.id = (zego_str_t) { id, strlen(id) };
    query.prefix = (zego_str_t) { prefix, strlen(prefix) };
    query.limit = 1000;

    unit_answer_begin(&json);

    return zego_view_create(&zone.heap.memory, &query, &invalid);
}


static zego_view_e
view_read(zego_view_t *view)
{
    return unit_answer_read(&json, view, zone.rooms);
}


static void
view_rest(zego_view_t *view)
{
    unit_answer_rest(&json, view, zone.rooms);
}


static size_t
count(const char *what)
{
    return unit_answer_count(&json, what);
}


static void
login(const char *id, uint64_t session, uint64_t time)
{
    zego_event_t  event = LOGIN(1, 0, 1, "", 1);

    event.user_id = (zego_str_t) { id, strlen(id) };
    event.user_session_id = session;
    event.time = event.login_time = time;
    unit_apply(&zone, &event);
}


static void
logins(unsigned n)
{
    char      id[16];
    unsigned  i;

    for (i = 0; i < n; i++) {
        sprintf(id, "a%03u", i);
        login(id, i + 1, 1000);
    }
}


static void
streams(unsigned n)
{
    char          id[16];
    unsigned      i;
    zego_event_t  event = STREAM_CREATE(1, 0, 1000, "");

    for (i = 1; i <= n; i++) {
        event.stream_id = id_of(id, "s%05u", i);
        event.seq = i;
        unit_apply(&zone, &event);
    }
}


START_TEST(a_prefix_is_found_among_many_apps)
{
    unsigned      i;
    zego_event_t  event = ROOM_CREATE(1, 1000);

    unit_zone_init(&zone);

    for (i = 1; i <= 2000; i++) {
        event.appid = i;
        event.room_id.data = i == 1 || i == 2000 ? "zzz" : i % 2 ? "a" : "zzzz";
        event.room_id.len = strlen(event.room_id.data);
        if (i % 2 == 0 && i != 2000) {
            event.room_id = (zego_str_t) STR("{");
        }
        unit_apply(&zone, &event);
    }

    view_rest(view_create(ZEGO_VIEW_ROOMS, "", "zz"));
    ck_assert_uint_eq(count("\"RoomInfo\""), 2);

    view_rest(view_create(ZEGO_VIEW_ROOMS, "", "nowhere"));
    ck_assert_uint_eq(count("\"RoomInfo\""), 0);

    unit_zone_done(&zone);
}
END_TEST


START_TEST(a_user_listed_throughout_is_listed_once)
{
    unsigned      before, i;
    zego_view_t  *view;

    unit_zone_init(&zone);

    /* at every place of a piece's end */

    for (before = 80; before < 110; before++) {
        unit_zone_done(&zone);
        unit_zone_init(&zone);

        logins(before);

        for (i = 100; i < 400; i++) {
            login("u", i, 2000 + i);
        }

        login("w", 1, 1000);

        view = view_create(ZEGO_VIEW_ROOM, "r", "");

        if (view_read(view) == ZEGO_VIEW_DONE) {
            zego_view_destroy(view);
            continue;
        }

        /* on another device, on one known, and on a new one */
        login("u", 60, 5000);
        login("u", 101, 6000);
        login("u", 500, 7000);

        view_rest(view);
        ck_assert_uint_eq(count("{\"UserId\":\"u\""), 1);
        ck_assert_uint_eq(count("{\"UserId\":"), before + 2);
    }

    unit_zone_done(&zone);
}
END_TEST


START_TEST(what_is_complete_misses_nothing)
{
    unsigned      n, missing;
    zego_view_t  *view;
    zego_event_t  event = STREAM_CREATE(1, 200, 1000, "late");

    unit_zone_init(&zone);

    for (n = 80; n < 110; n++) {
        unit_zone_done(&zone);
        unit_zone_init(&zone);

        streams(n);

        view = view_create(ZEGO_VIEW_ROOM, "r", "");

        if (view_read(view) == ZEGO_VIEW_DONE) {
            zego_view_destroy(view);
            continue;
        }

        unit_apply(&zone, &event);
        view_rest(view);

        missing = count("\"StreamSeq\":[[");
        ck_assert_uint_eq(count("\"Complete\":false"), missing);
        ck_assert_uint_eq(count("\"Complete\":true"), 1 - missing);
    }

    unit_zone_done(&zone);
}
END_TEST


START_TEST(a_room_that_closes_ends_its_list)
{
    zego_view_t  *view;
    zego_event_t  close = ROOM_CLOSE(1, 9000), again = ROOM_CREATE(2, 9500);

    unit_zone_init(&zone);

    streams(500);

    view = view_create(ZEGO_VIEW_ROOM, "r", "");
    ck_assert_int_eq(view_read(view), ZEGO_VIEW_MORE);

    unit_apply(&zone, &close);
    unit_apply(&zone, &again);

    view_rest(view);
    ck_assert_uint_lt(count("{\"StreamId\":"), 500);
    ck_assert_uint_eq(count("],\"UserList\":[],\"Complete\":false,"
                            "\"Missing\":{\"StreamSeq\":[],"
                            "\"UserUpdateSeq\":[]}}"), 1);
    ck_assert_str_eq(json.data + json.len - 3, "]}}");

    unit_zone_done(&zone);
}
END_TEST


/* by number: the last of them is in no piece with the first */

START_TEST(many_holes_are_all_listed)
{
    unsigned      i;
    zego_event_t  event = LOGIN(1, 0, 1000, "u", 1);

    unit_zone_init(&zone);

    for (i = 1; i <= 1000; i++) {
        event.seq = 2 * i;
        unit_apply(&zone, &event);
    }

    view_rest(view_create(ZEGO_VIEW_ROOM, "r", ""));
    ck_assert_uint_eq(count("[1,1],[3,3],"), 1);
    ck_assert_uint_eq(count(",[1999,1999]]"), 1);
    ck_assert_uint_eq(count("],["), 999);

    unit_zone_done(&zone);
}
END_TEST


START_TEST(a_hole_wider_than_the_window_is_one)
{
    zego_event_t  event = LOGIN(1, 40000, 1000, "u", 1);

    unit_zone_init(&zone);

    unit_apply(&zone, &event);

    view_rest(view_create(ZEGO_VIEW_ROOM, "r", ""));
    ck_assert_uint_eq(count("\"UserUpdateSeq\":[[1,39999]]"), 1);

    unit_zone_done(&zone);
}
END_TEST


START_TEST(pieces_can_be_gathered)
{
    zego_str_t    piece;
    zego_view_e   rc;
    zego_view_t  *view;

    unit_zone_init(&zone);
    streams(1000);

    view_rest(view_create(ZEGO_VIEW_ROOM, "r", ""));
    ck_assert_uint_gt(json.len, 65536);

    view = zego_view_create(&zone.heap.memory,
                            &(zego_query_t) { .kind = ZEGO_VIEW_ROOM,
                                              .id = { "r", 1 } },
                            &(int) { 0 });
    piece = (zego_str_t) { "", 0 };

    do {
        rc = zego_view_read(view, zone.rooms);
        piece = piece.len ? zego_view_append(view) : zego_view_write(view);

    } while (rc == ZEGO_VIEW_MORE);

    ck_assert_int_eq(rc, ZEGO_VIEW_DONE);
    ck_assert_uint_eq(piece.len, json.len);
    ck_assert_mem_eq(piece.data, json.data, json.len);

    zego_view_destroy(view);
    unit_zone_done(&zone);
}
END_TEST


START_TEST(a_view_without_memory_says_so)
{
    size_t        n, allocs;
    zego_str_t    piece;
    zego_view_t  *view;

    unit_zone_init(&zone);

    streams(50);

    for (n = 1; ; n++) {
        allocs = zone.heap.allocs;
        zone.heap.fail = allocs + n;

        view = view_create(ZEGO_VIEW_ROOM, "r", "");

        if (view) {
            zego_view_read(view, zone.rooms);
            piece = zego_view_write(view);

            if (piece.data) {
                zego_view_destroy(view);
                break;
            }

            zego_view_destroy(view);
        }
    }

    zone.heap.fail = 0;
    ck_assert_uint_gt(n, 1);

    unit_zone_done(&zone);
}
END_TEST


int
main(void)
{
    const TTest *const  tests[] = {
        a_prefix_is_found_among_many_apps,
        a_user_listed_throughout_is_listed_once,
        what_is_complete_misses_nothing,
        a_room_that_closes_ends_its_list,
        many_holes_are_all_listed,
        a_hole_wider_than_the_window_is_one,
        pieces_can_be_gathered,
        a_view_without_memory_says_so,
        NULL
    };

    return unit_main("view", tests);
}

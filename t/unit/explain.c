
/*
 * What is explained of a room, and the callbacks seen last.
 */

#include "unit.h"

#include <yajl/yajl_parse.h>


#define ZONE  65536


static unit_zone_t    zone;
static void          *memory;
static uint64_t       arrived;
static zego_query_t   query;
static unit_answer_t  json;


static void
begin(unit_zone_t *z, void **m, size_t size)
{
    unit_zone_init(z);

    *m = malloc(zego_trace_size(size));
    memset(*m, 0xa5, zego_trace_size(size));
    zego_rooms_trace_init(z->rooms, *m, zego_trace_size(size));
}


static void
setup(void)
{
    begin(&zone, &memory, ZONE);

    arrived = 0;
    memset(&query, 0, sizeof(zego_query_t));
    query.kind = ZEGO_VIEW_EXPLAIN;
    query.id = (zego_str_t) STR("r");
    query.limit = 1000;
}


static void
teardown(void)
{
    unit_zone_done(&zone);
    free(memory);
}


/* a callback that is applied, and seen */

static zego_verdict_e
seen(const zego_event_t *event)
{
    zego_trace_t  trace;

    zego_trace_of(&trace, event, ++arrived);
    trace.verdict = unit_apply(&zone, event);
    trace.late = zone.late;
    zego_rooms_trace(zone.rooms, &trace);

    return trace.verdict;
}


static void
refused(const zego_event_t *event, zego_verdict_e verdict, zego_reason_e reason)
{
    zego_trace_t  trace;

    zego_trace_of(&trace, event, ++arrived);
    trace.verdict = verdict;
    trace.reason = reason;
    zego_rooms_trace(zone.rooms, &trace);
}


static zego_view_t *
view_create(void)
{
    int  invalid;

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
    yajl_handle  parser;

    unit_answer_rest(&json, view, zone.rooms);

    parser = yajl_alloc(NULL, NULL, NULL);
    ck_assert_int_eq(yajl_parse(parser, (unsigned char *) json.data, json.len),
                     yajl_status_ok);
    ck_assert_int_eq(yajl_complete_parse(parser), yajl_status_ok);
    yajl_free(parser);
}


static void
explain(void)
{
    view_rest(view_create());
}


static zego_view_e
explain_not(void)
{
    zego_view_e   rc;
    zego_view_t  *view;

    view = view_create();
    rc = zego_view_read(view, zone.rooms);
    zego_view_destroy(view);

    return rc;
}


static size_t
count(const char *what)
{
    return unit_answer_count(&json, what);
}


static void
expect(const char *what)
{
    ck_assert_msg(count(what) == 1, "not once: %s\nin %s", what, json.data);
}


static zego_str_t
id_of(char *buf, const char *format, unsigned n)
{
    return (zego_str_t) { buf, (size_t) sprintf(buf, format, n) };
}


START_TEST(all_of_a_room_is_told)
{
    zego_event_t  events[] = {
        ROOM_CREATE(7, 1000),
        STREAM_CREATE(7, 1, 2000, "a"),
        LOGIN(7, 3, 2500, "u", 11, .user_role = 1)
    };

    setup();

    seen(&events[0]);
    seen(&events[1]);
    seen(&events[2]);
    seen(&events[1]);

    explain();

    ck_assert_str_eq(json.data,
        "{\"Version\":\"0000000000000001-3\",\"AppId\":1,\"RoomID\":\"r\","
        "\"Listed\":true,"
        "\"Why\":\"Listed: room_create was seen, and no room_close\","
        "\"SessionList\":[{\"RoomSessionId\":\"7\",\"Current\":true,"
        "\"Listed\":true,\"First\":1000,\"RoomCreateTime\":1000,"
        "\"Creator\":\"creator\",\"Closed\":false,\"RoomCloseTime\":null,"
        "\"CloseReason\":null,\"StreamCount\":1,\"UserCount\":1,"
        "\"Why\":\"Listed: room_create was seen, and no room_close\","
        "\"Complete\":false,"
        "\"Missing\":{\"StreamSeq\":[],\"UserUpdateSeq\":[[1,2]]}}],"
        "\"StreamList\":[{\"StreamId\":\"a\",\"RoomSessionId\":\"7\","
        "\"Listed\":true,\"Closed\":false,\"StreamSeq\":1,"
        "\"StreamCreateTime\":2000,\"StreamCloseTime\":null,"
        "\"Why\":\"Listed: of its callbacks the greatest is a "
        "stream_create\"}],"
        "\"UserList\":[{\"UserId\":\"u\",\"UserSessionId\":\"11\","
        "\"RoomSessionId\":\"7\",\"Listed\":true,\"LoggedIn\":true,"
        "\"UserUpdateSeq\":3,\"UserLoginTime\":2500,\"UserLogoutTime\":null,"
        "\"Why\":\"Listed: the newest of its user sessions, and logged "
        "in\"}],"
        "\"CallbackList\":["
        "{\"Arrived\":4,\"Event\":\"stream_create\",\"Verdict\":\"duplicate\","
        "\"Reason\":null,\"Field\":null,\"RoomSessionId\":\"7\","
        "\"StreamId\":\"a\",\"UserId\":\"publisher\",\"UserSessionId\":null,"
        "\"StreamSeq\":1,\"UserUpdateSeq\":null,\"Time\":2000,"
        "\"LagMs\":-1996,\"Late\":false},"
        "{\"Arrived\":3,\"Event\":\"room_login\",\"Verdict\":\"applied\","
        "\"Reason\":null,\"Field\":null,\"RoomSessionId\":\"7\","
        "\"StreamId\":null,\"UserId\":\"u\",\"UserSessionId\":\"11\","
        "\"StreamSeq\":null,\"UserUpdateSeq\":3,\"Time\":2500,"
        "\"LagMs\":-2497,\"Late\":false},"
        "{\"Arrived\":2,\"Event\":\"stream_create\",\"Verdict\":\"applied\","
        "\"Reason\":null,\"Field\":null,\"RoomSessionId\":\"7\","
        "\"StreamId\":\"a\",\"UserId\":\"publisher\",\"UserSessionId\":null,"
        "\"StreamSeq\":1,\"UserUpdateSeq\":null,\"Time\":2000,"
        "\"LagMs\":-1998,\"Late\":false},"
        "{\"Arrived\":1,\"Event\":\"room_create\",\"Verdict\":\"applied\","
        "\"Reason\":null,\"Field\":null,\"RoomSessionId\":\"7\","
        "\"StreamId\":null,\"UserId\":\"creator\",\"UserSessionId\":null,"
        "\"StreamSeq\":null,\"UserUpdateSeq\":null,\"Time\":1000,"
        "\"LagMs\":-999,\"Late\":false}],\"More\":false}");

    teardown();
}
END_TEST


START_TEST(what_is_not_listed_says_why)
{
    zego_event_t  events[] = {
        ROOM_CREATE(1, 1000),
        STREAM_CREATE(1, 1, 1000, "older"),
        LOGIN(1, 1, 1000, "older", 1),
        ROOM_CREATE(2, 5000),
        STREAM_CREATE(2, 1, 5000, "stays"),
        STREAM_CREATE(2, 2, 5000, "closed"),
        STREAM_CLOSE(2, 3, 5000, 6000, "closed", .code = 5),
        STREAM_CLOSE(2, 4, 5000, 6000, "odd", .code = 77),
        LOGIN(2, 1, 5000, "twice", 11),
        LOGIN(2, 2, 6000, "twice", 12),
        LOGIN(2, 3, 5000, "left", 13),
        LOGOUT(2, 4, 5000, 6000, "left", 13, .code = 1)
    };
    zego_event_t  close = ROOM_CLOSE(2, 9000, .code = 2);

    setup();

    for (unsigned i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        seen(&events[i]);
    }

    explain();

    expect("\"RoomSessionId\":\"1\",\"Current\":false,\"Listed\":false,");
    expect("\"Why\":\"Not listed: a newer session of the room followed it\"");
    expect("{\"StreamId\":\"older\",\"RoomSessionId\":\"1\",\"Listed\":false,"
           "\"Closed\":false,\"StreamSeq\":1,\"StreamCreateTime\":1000,"
           "\"StreamCloseTime\":null,\"Why\":\"Not listed: a newer session of "
           "the room followed its own\"}");
    expect("{\"StreamId\":\"closed\",\"RoomSessionId\":\"2\",\"Listed\":false,"
           "\"Closed\":true,\"StreamSeq\":3,\"StreamCreateTime\":5000,"
           "\"StreamCloseTime\":6000,\"Why\":\"Not listed: of its callbacks "
           "the greatest is a stream_close with number 3 (type 5: its room was "
           "cleared)\"}");
    expect("stream_close with number 4 (type 77)\"");
    expect("{\"UserId\":\"twice\",\"UserSessionId\":\"11\","
           "\"RoomSessionId\":\"2\",\"Listed\":false,\"LoggedIn\":true,"
           "\"UserUpdateSeq\":1,\"UserLoginTime\":5000,"
           "\"UserLogoutTime\":null,\"Why\":\"Not listed: user session 12 of "
           "the same user is newer\"}");
    expect("{\"UserId\":\"left\",\"UserSessionId\":\"13\","
           "\"RoomSessionId\":\"2\",\"Listed\":false,\"LoggedIn\":false,"
           "\"UserUpdateSeq\":4,\"UserLoginTime\":5000,"
           "\"UserLogoutTime\":6000,\"Why\":\"Not listed: of its callbacks the "
           "greatest is a room_logout with number 4 (reason 1: heartbeat timed "
           "out)\"}");

    /* newest first */
    ck_assert(strstr(json.data, "\"RoomSessionId\":\"2\"")
              < strstr(json.data, "\"RoomSessionId\":\"1\""));

    seen(&close);
    explain();

    ck_assert_uint_eq(count("\"Listed\":true"), 0);
    ck_assert_uint_eq(count("\"Why\":\"Not listed: the current session of the "
                            "room was closed (close_reason 2: its last user's "
                            "connection was lost)\""), 2);
    ck_assert_uint_eq(count("\"RoomCloseTime\":9000,\"CloseReason\":2,"), 1);
    ck_assert_uint_eq(count("\"Why\":\"Not listed: its session of the room was "
                            "closed\""), 2);

    teardown();
}
END_TEST


START_TEST(a_room_without_room_create_says_so)
{
    zego_event_t  create = STREAM_CREATE(1, 1, 1000, "s");
    zego_event_t  close = STREAM_CLOSE(1, 2, 1000, 2000, "s");

    setup();

    seen(&create);
    explain();
    ck_assert_uint_eq(count("\"Why\":\"Listed: a stream or user of it is live, "
                            "though room_create was not seen\""), 2);
    expect("\"RoomCreateTime\":null,\"Creator\":null,");

    seen(&close);
    explain();
    ck_assert_uint_eq(count("\"Why\":\"Not listed: room_create was not seen, "
                            "and no stream or user of it is live\""), 2);

    teardown();
}
END_TEST


START_TEST(each_verdict_is_told)
{
    unsigned      i;
    zego_event_t  events[] = {
        STREAM_CREATE(1, 5, 1000, "s"),
        STREAM_CREATE(1, 5, 1000, "s"),
        STREAM_CREATE(1, 3, 1000, "s"),
        ROOM_CLOSE(9, 1),
        STREAM_CREATE(1, 6, 1000, "t"),
        STREAM_CREATE(1, 7, 1000, "t", .reason = ZEGO_MISSING,
                      .field = STR("stream_sid"))
    };

    static const char *const  expected[] = {
        "\"Verdict\":\"applied\",\"Reason\":null,\"Field\":null,",
        "\"Verdict\":\"duplicate\",\"Reason\":null,\"Field\":null,",
        "\"Verdict\":\"stale\",\"Reason\":null,\"Field\":null,",
        "\"Verdict\":\"recorded\",\"Reason\":null,\"Field\":null,",
        "\"Verdict\":\"deferred\",\"Reason\":\"memory\",\"Field\":null,"
        "\"RoomSessionId\":\"1\",\"StreamId\":\"t\",\"UserId\":\"publisher\","
        "\"UserSessionId\":null,\"StreamSeq\":6,",
        "\"Verdict\":\"rejected\",\"Reason\":\"missing\","
        "\"Field\":\"stream_sid\",\"RoomSessionId\":null,\"StreamId\":\"t\","
        "\"UserId\":\"publisher\",\"UserSessionId\":null,\"StreamSeq\":null,"
        "\"UserUpdateSeq\":null,\"Time\":null,\"LagMs\":null,\"Late\":false}"
    };

    setup();

    for (i = 0; i < 4; i++) {
        seen(&events[i]);
    }

    refused(&events[4], ZEGO_DEFERRED, ZEGO_NO_MEMORY);
    refused(&events[5], ZEGO_REJECTED, ZEGO_MISSING);

    explain();

    for (i = 0; i < 6; i++) {
        expect(expected[i]);
    }

    /* the stale one told a number that was missing */
    expect("\"StreamSeq\":3,\"UserUpdateSeq\":null,\"Time\":1000,"
           "\"LagMs\":-997,\"Late\":true}");

    teardown();
}
END_TEST


START_TEST(what_is_forgotten_is_told_while_its_callbacks_are)
{
    zego_event_t  create = ROOM_CREATE(1, 1000), close = ROOM_CLOSE(1, 2000);

    setup();

    ck_assert_int_eq(explain_not(), ZEGO_VIEW_NOT_FOUND);

    refused(&create, ZEGO_DEFERRED, ZEGO_NO_MEMORY);
    explain();
    expect("\"Listed\":false,\"Why\":\"Not listed: the last callback could not "
           "be stored, and nothing else is known of it\",\"SessionList\":[],"
           "\"StreamList\":[],\"UserList\":[],\"CallbackList\":[{");

    create.reason = ZEGO_INVALID;
    refused(&create, ZEGO_REJECTED, ZEGO_INVALID);
    explain();
    expect("\"Listed\":false,\"Why\":\"Not listed: the last callback was "
           "rejected, and nothing else is known of it\",\"SessionList\":[],");

    create.reason = ZEGO_OK;
    seen(&create);
    seen(&close);
    zone.env.now += UNIT_HORIZON + 1;
    unit_expire(&zone);

    explain();
    expect("\"Listed\":false,\"Why\":\"Not listed: it ended, or nothing was "
           "live in it, and what was known of it was freed\","
           "\"SessionList\":[],");
    ck_assert_uint_eq(count("{\"Arrived\":"), 4);

    query.appid = 2;
    query.has_appid = 1;
    ck_assert_int_eq(explain_not(), ZEGO_VIEW_NOT_FOUND);

    teardown();
}
END_TEST


START_TEST(a_room_of_several_apps_needs_the_app)
{
    unsigned      i;
    zego_event_t  create = ROOM_CREATE(1, 1000), close = ROOM_CLOSE(1, 2000);

    setup();

    for (i = 1; i <= 2; i++) {
        create.appid = close.appid = i;

        /* the one that is live */
        seen(&create);
        explain();
        expect(i == 1 ? "\"AppId\":1," : "\"AppId\":2,");
        seen(&close);
    }

    /* neither is live */
    ck_assert_int_eq(explain_not(), ZEGO_VIEW_AMBIGUOUS);

    query.has_appid = 1;

    for (query.appid = 1; query.appid <= 2; query.appid++) {
        explain();
        ck_assert_uint_eq(count("{\"Arrived\":"), 2);
        ck_assert_uint_eq(count("{\"RoomSessionId\":\"1\""), 1);
    }

    ck_assert_int_eq(explain_not(), ZEGO_VIEW_NOT_FOUND);

    /* one of two is */
    query.has_appid = 0;
    create.room_session_id = 2;
    create.time = create.first = 3000;
    seen(&create);
    explain();
    expect("\"AppId\":2,");

    /* nothing is left but callbacks of both */
    zone.env.now += UNIT_HORIZON + 1;
    close.room_session_id = 2;
    close.time = 4000;
    seen(&close);
    zone.env.now += UNIT_HORIZON + 1;
    unit_expire(&zone);
    ck_assert_int_eq(explain_not(), ZEGO_VIEW_AMBIGUOUS);

    query.appid = 2;
    query.has_appid = 1;
    explain();
    ck_assert_uint_eq(count("{\"Arrived\":"), 4);

    teardown();
}
END_TEST


/* behind rooms whose ids are smaller, greater and longer, in apps up to the
   last */

START_TEST(a_room_that_is_not_listed_is_found_among_others)
{
    unsigned             i, k;
    zego_event_t         create = ROOM_CREATE(1, 1000);
    zego_event_t         close = ROOM_CLOSE(1, 2000);
    static const char   *ids[] = { "a", "q", "rr", "z" };
    const unsigned       apps[] = { 0, 1, 2, 5, UINT32_MAX };

    for (i = 0; i < 5; i++) {
        setup();

        for (k = 0; k < 20; k++) {
            create.appid = apps[k / 4];
            create.room_id = (zego_str_t) { ids[k % 4], strlen(ids[k % 4]) };
            unit_apply(&zone, &create);
        }

        close.appid = apps[i];
        unit_apply(&zone, &close);

        explain();
        ck_assert_uint_eq(count("{\"RoomSessionId\":\"1\""), 1);

        teardown();
    }
}
END_TEST


START_TEST(one_stream_or_user_is_told)
{
    char          id[32];
    unsigned      i;
    zego_event_t  stream = STREAM_CREATE(1, 1, 1000, "");
    zego_event_t  user = LOGIN(1, 1, 1000, "", 1);
    zego_event_t  create = ROOM_CREATE(2, 5000);

    setup();

    for (i = 1; i <= 300; i++) {
        stream.stream_id = id_of(id, "s%03u", i);
        stream.seq = i;
        seen(&stream);

        user.user_id = id_of(id, "u%03u", i / 2);
        user.user_session_id = i;
        user.seq = i;
        seen(&user);
    }

    seen(&create);
    create.room_session_id = stream.room_session_id = 3;
    create.time = create.first = 6000;
    seen(&create);
    stream.stream_id = id_of(id, "s%03u", 298);
    seen(&stream);

    query.stream_id = (zego_str_t) STR("s298");
    explain();
    ck_assert_uint_eq(count("{\"StreamId\":\"s298\""), 2);
    ck_assert_uint_eq(count("{\"StreamId\""), 2);
    ck_assert_uint_eq(count("{\"UserId\""), 0);
    ck_assert_uint_eq(count("{\"Arrived\""), 4);
    ck_assert_uint_eq(count("\"Event\":\"room_create\""), 2);
    expect("\"More\":false}");

    query.user_id = (zego_str_t) STR("u149");
    explain();
    ck_assert_uint_eq(count("{\"StreamId\""), 2);
    ck_assert_uint_eq(count("{\"UserId\":\"u149\""), 2);
    ck_assert_uint_eq(count("{\"UserId\""), 2);
    ck_assert_uint_eq(count("{\"Arrived\""), 6);

    query.stream_id.len = 0;
    query.user_id = (zego_str_t) STR("u14");
    explain();
    ck_assert_uint_eq(count("{\"StreamId\""), 0);
    ck_assert_uint_eq(count("{\"UserId\""), 0);
    ck_assert_uint_eq(count("{\"Arrived\""), 2);

    teardown();
}
END_TEST


/* in pieces, whose ends are anywhere */

START_TEST(many_entries_are_all_told_once)
{
    char          id[36];
    unsigned      i, n;
    zego_event_t  stream = STREAM_CREATE(1, 0, 1000, "");
    zego_event_t  user = LOGIN(1, 0, 1000, "", 1);

    for (n = 30; n < 200; n += 1 + n / 60) {
        setup();

        for (i = 0; i < n; i++) {
            stream.stream_id = id_of(id, "s%03u", i);
            seen(&stream);
            user.user_id = id_of(id, "u%03u", i / 5);
            user.user_session_id = i;
            seen(&user);
        }

        explain();
        ck_assert_uint_eq(count("{\"StreamId\""), n);
        ck_assert_uint_eq(count("{\"UserId\""), n);
        expect("\"More\":false}");

        for (i = 0; i < n; i++) {
            sprintf(id, "{\"StreamId\":\"s%03u\"", i);
            ck_assert_uint_eq(count(id), 1);
            sprintf(id, "\"UserSessionId\":\"%u\",\"Room", i);
            ck_assert_uint_eq(count(id), 1);
        }

        query.limit = n - 1;
        explain();
        ck_assert_uint_eq(count("{\"StreamId\""), n - 1);
        ck_assert_uint_eq(count("{\"UserId\""), n - 1);
        expect("\"More\":true}");

        teardown();
    }
}
END_TEST


START_TEST(many_sessions_and_holes_are_told_up_to_a_bound)
{
    unsigned      i, k;
    zego_event_t  event = STREAM_CREATE(1, 1, 1000, "s");

    setup();

    for (i = 1; i <= 20; i++) {
        event.room_session_id = i;
        event.first = event.time = 1000 * i;

        for (k = 1; k <= 70; k++) {
            event.seq = 2 * k;
            unit_apply(&zone, &event);
        }
    }

    explain();

    ck_assert_uint_eq(count("\"Current\":"), 16);
    ck_assert_uint_eq(count("\"Current\":true"), 1);
    ck_assert_uint_eq(count("{\"RoomSessionId\":\"5\""), 1);
    ck_assert_uint_eq(count("{\"RoomSessionId\":\"4\""), 0);
    ck_assert_uint_eq(count("[127,127]"), 16);
    ck_assert_uint_eq(count("[129,129]"), 0);
    expect("\"More\":true}");

    teardown();
}
END_TEST


/* between two pieces, at each of them */

START_TEST(a_room_may_go_while_it_is_told)
{
    char          id[16];
    unsigned      i, k, more;
    zego_view_t  *view;
    zego_event_t  stream = STREAM_CREATE(1, 0, 1000, "");
    zego_event_t  user = LOGIN(1, 0, 1000, "", 1);
    zego_event_t  close = ROOM_CLOSE(3, 4000);

    more = 1;

    for (k = 1; more; k++) {
        setup();

        for (i = 1; i <= 300; i++) {
            stream.room_session_id = user.room_session_id = 1 + i % 3;
            stream.time = stream.first = user.time = user.first = 1000 + i % 3;
            stream.stream_id = id_of(id, "s%03u", i);
            stream.seq = user.seq = 2 * i;
            seen(&stream);
            user.user_id = id_of(id, "u%03u", i);
            seen(&user);
        }

        view = view_create();

        for (i = 0; i < k && more; i++) {
            more = view_read(view) == ZEGO_VIEW_MORE;
        }

        if (more) {
            seen(&close);
            zone.env.now += UNIT_HORIZON + 1;
            unit_expire(&zone);

            view_rest(view);

        } else {
            zego_view_destroy(view);
        }

        teardown();
    }

    ck_assert_uint_gt(k, 10);
}
END_TEST


/* what is told of any room is the last of what was seen of it */

START_TEST(the_ring_keeps_the_last)
{
    int             at[8][4096], last, n[8];
    char            ids[8][128], text[256], line[64];
    char           *p;
    void           *wide_memory, *narrow_memory;
    size_t          told, all;
    unsigned        i, k;
    unit_zone_t     wide, narrow;
    zego_rooms_t   *rooms;
    unit_random_t   random;
    zego_event_t    event = STREAM_CREATE(1, 1, 1000, "");

    unit_random_init(&random);
    setup();

    memset(text, 's', sizeof(text));
    memset(n, 0, sizeof(n));

    for (i = 0; i < 8; i++) {
        memset(ids[i], 'r', sizeof(ids[i]));
        ids[i][0] = '0' + i % 4;
    }

    for (i = 0; i < 3000; i++) {
        k = unit_random(&random, 8);

        event.room_id = (zego_str_t) { ids[k], k < 4 ? 1 : 127 };
        event.stream_id = (zego_str_t) { text, 1 + unit_random(&random, 255) };
        event.user_id = (zego_str_t) { text, unit_random(&random, 256) };
        refused(&event, ZEGO_DEFERRED, ZEGO_NO_MEMORY);
        at[k][n[k]++] = arrived;

        if (i < 2999 && unit_random(&random, 50)) {
            continue;
        }

        unit_check(zone.rooms);

        all = 0;

        for (k = 0; k < 8; k++) {
            query.id = (zego_str_t) { ids[k], k < 4 ? 1 : 127 };

            if (explain_not() == ZEGO_VIEW_NOT_FOUND) {
                continue;
            }

            explain();
            told = count("{\"Arrived\":");
            ck_assert_uint_gt(told, 0);
            all += told;

            for (p = json.data, last = n[k]; told--; p++) {
                sprintf(line, "{\"Arrived\":%d,", at[k][--last]);
                p = strstr(p, "{\"Arrived\":");
                ck_assert_int_eq(strncmp(p, line, strlen(line)), 0);
            }
        }

        /* 2 KB of at most 64 + 127 + 255 + 255 each */
        ck_assert_uint_ge(all, i < 1 ? 1 : 2);
        ck_assert_uint_le(all, 2048 / 66);
    }

    /* into a wider one, and from there into one that is as narrow */

    begin(&wide, &wide_memory, 16 * ZONE);
    zego_rooms_copy_trace(wide.rooms, zone.rooms);
    unit_check(wide.rooms);

    begin(&narrow, &narrow_memory, ZONE);
    zego_rooms_copy_trace(narrow.rooms, wide.rooms);
    unit_check(narrow.rooms);

    query.id = event.room_id;
    explain();
    p = strdup(strstr(json.data, "\"CallbackList\":"));
    rooms = zone.rooms;

    for (i = 0; i < 2; i++) {
        zone.rooms = i ? narrow.rooms : wide.rooms;
        explain();
        ck_assert_str_eq(strstr(json.data, "\"CallbackList\":"), p);
    }

    free(p);
    zone.rooms = rooms;

    unit_zone_done(&wide);
    unit_zone_done(&narrow);
    free(wide_memory);
    free(narrow_memory);
    teardown();
}
END_TEST


/* of so many ids some hash alike */

START_TEST(rooms_that_hash_alike_are_told_apart)
{
    char            ids[2][16];
    unsigned        i, n;
    uint32_t       *hashes, hash;
    zego_event_t    event = ROOM_CREATE(1, 1000);
    zego_trace_t    trace;

    setup();

    /* by their last 20 bits; 0: none */
    hashes = calloc(1 << 20, sizeof(uint32_t));

    for (i = 1; ; i++) {
        event.room_id = id_of(ids[0], "%u", i);
        zego_trace_of(&trace, &event, 0);
        hash = trace.hash;
        n = hashes[hash & 0xfffff];
        hashes[hash & 0xfffff] = i;

        if (n) {
            event.room_id = id_of(ids[1], "%u", n);
            zego_trace_of(&trace, &event, 0);

            if (trace.hash == hash && event.room_id.len == strlen(ids[0])) {
                break;
            }
        }
    }

    free(hashes);

    for (i = 0; i < 2; i++) {
        event.room_id = (zego_str_t) { ids[i], strlen(ids[i]) };
        refused(&event, ZEGO_DEFERRED, ZEGO_NO_MEMORY);
    }

    for (i = 0; i < 2; i++) {
        query.id = (zego_str_t) { ids[i], strlen(ids[i]) };
        explain();
        ck_assert_uint_eq(count("{\"Arrived\":"), 1);
        expect(i ? "{\"Arrived\":2," : "{\"Arrived\":1,");
    }

    teardown();
}
END_TEST


START_TEST(an_explanation_without_memory_says_so)
{
    size_t        n, allocs;
    zego_str_t    piece;
    zego_view_t  *view;
    zego_event_t  create = ROOM_CREATE(1, 1000);

    setup();

    seen(&create);

    for (n = 1; ; n++) {
        allocs = zone.heap.allocs;
        zone.heap.fail = allocs + n;

        view = view_create();

        if (view) {
            zego_view_read(view, zone.rooms);
            piece = zego_view_write(view);
            zego_view_destroy(view);

            if (piece.data) {
                break;
            }
        }
    }

    zone.heap.fail = 0;
    ck_assert_uint_gt(n, 1);

    teardown();
}
END_TEST


/* as in zones of tests */

START_TEST(without_a_ring_there_are_no_callbacks)
{
    zego_event_t  create = ROOM_CREATE(1, 1000);

    setup();
    teardown();
    unit_zone_init(&zone);

    ck_assert_int_eq(explain_not(), ZEGO_VIEW_NOT_FOUND);

    seen(&create);
    explain();
    expect("\"CallbackList\":[],\"More\":false}");

    unit_zone_done(&zone);
}
END_TEST


int
main(void)
{
    const TTest *const  tests[] = {
        all_of_a_room_is_told,
        what_is_not_listed_says_why,
        a_room_without_room_create_says_so,
        each_verdict_is_told,
        what_is_forgotten_is_told_while_its_callbacks_are,
        a_room_of_several_apps_needs_the_app,
        a_room_that_is_not_listed_is_found_among_others,
        one_stream_or_user_is_told,
        many_entries_are_all_told_once,
        many_sessions_and_holes_are_told_up_to_a_bound,
        a_room_may_go_while_it_is_told,
        the_ring_keeps_the_last,
        rooms_that_hash_alike_are_told_apart,
        an_explanation_without_memory_says_so,
        without_a_ring_there_are_no_callbacks,
        NULL
    };

    return unit_main("explain", tests);
}


/*
 * What the lists leave out: rooms by their users, sessions that are not over,
 * streams of others, members that were not asked for.
 */

#include "unit.h"

#include <inttypes.h>


typedef struct {
    zego_query_t          query;
    const char           *json;            /* behind Since, if there is one */
} answer_t;


static unit_zone_t    zone;
static unit_answer_t  json;


/* all of the answer, in json */

static void
ask(const zego_query_t *query)
{
    int           invalid;
    zego_view_t  *view;

    view = zego_view_create(&zone.heap.memory, query, &invalid);
    ck_assert_ptr_nonnull(view);
    ck_assert_int_eq(invalid, ZEGO_QUERY_OK);

    unit_answer_begin(&json);
    unit_answer_rest(&json, view, zone.rooms);
}


static int
refused(const zego_query_t *query)
{
    int  invalid;

    ck_assert_ptr_null(zego_view_create(&zone.heap.memory, query, &invalid));

    return invalid;
}


static void
expect(const answer_t *answers, size_t n)
{
    size_t       i;
    const char  *from;

    for (i = 0; i < n; i++) {
        ask(&answers[i].query);
        from = strstr(json.data, "\"RoomList\"");
        ck_assert_str_eq(from ? from : json.data, answers[i].json);
    }
}


#define EXPECT(answers)  expect(answers, sizeof(answers) / sizeof(answers[0]))


static size_t
count(const char *what)
{
    return unit_answer_count(&json, what);
}


static zego_str_t
id_of(char *buf, const char *format, unsigned n)
{
    return (zego_str_t) { buf, (size_t) sprintf(buf, format, n) };
}


/* rooms of 0, 1, ... users, and again */

static void
rooms_with_users(unsigned n, unsigned most)
{
    char          id[16];
    unsigned      i, k;
    zego_event_t  room = ROOM_CREATE(1, 1000);
    zego_event_t  user = LOGIN(1, 0, 1000, "", 1);

    for (i = 0; i < n; i++) {
        room.room_id = user.room_id = id_of(id, "r%05u", i);
        unit_apply(&zone, &room);

        for (k = 0; k < i % (most + 1); k++) {
            user.user_id.data = &"abcdefgh"[k];
            user.user_id.len = 1;
            unit_apply(&zone, &user);
        }
    }
}


START_TEST(rooms_have_enough_users)
{
    unsigned      least, pages;
    char          cursor[64];
    size_t        n;
    const char   *next;
    zego_query_t  query = { .kind = ZEGO_VIEW_ROOMS, .limit = 1000 };

    unit_zone_init(&zone);
    rooms_with_users(60, 5);

    for (least = 0; least < 8; least++) {
        query.min_users = least;
        ask(&query);
        ck_assert_uint_eq(count("\"RoomInfo\""),
                          least < 6 ? 10 * (6 - least) : 0);
        ck_assert_uint_eq(count("\"Next\":null"), 1);
    }

    /* with all else: r00010 to r00019 with four and five users */

    query.min_users = 4;
    query.prefix = (zego_str_t) STR("r0001");
    query.has_appid = 1;
    query.appid = 1;
    query.counts = 1;
    query.limit = 2;

    for (pages = 1, n = 0; ; pages++) {
        ask(&query);
        n += count("\"UserCount\":4") + count("\"UserCount\":5");
        ck_assert_uint_eq(count("\"RoomInfo\""),
                          count("\"UserCount\":4") + count("\"UserCount\":5"));

        next = strstr(json.data, "\"Next\":\"");
        if (next == NULL) {
            break;
        }

        ck_assert_int_eq(sscanf(next, "\"Next\":\"%60[^\"]", cursor), 1);
        query.cursor = (zego_str_t) { cursor, strlen(cursor) };
    }

    ck_assert_uint_eq(n, 4);
    ck_assert_uint_eq(pages, 2);

    unit_zone_done(&zone);
}
END_TEST


/* a piece looks at so many entries, whether they are given or not */

START_TEST(what_is_left_out_counts_too)
{
    char          id[16];
    unsigned      i;
    zego_event_t  stream = STREAM_CREATE(1, 0, 1000, "");
    zego_event_t  close = ROOM_CLOSE(1, 9000);
    zego_query_t  users = { .kind = ZEGO_VIEW_ROOMS, .limit = 1000,
                            .min_users = 1 };
    zego_query_t  closed = { .kind = ZEGO_VIEW_ROOMS, .limit = 1000,
                             .closed = 1, .appid = 2, .has_appid = 1 };
    zego_query_t  streams = { .kind = ZEGO_VIEW_STREAM,
                              .user = STR("nobody") };

    unit_zone_init(&zone);
    rooms_with_users(10000, 0);

    ask(&users);
    ck_assert_uint_ge(json.pieces, 10000 / 256);
    ck_assert_uint_le(json.pieces, 10000 / 200);

    ask(&closed);
    ck_assert_uint_eq(json.pieces, 1);

    closed.has_appid = 0;
    ask(&closed);
    ck_assert_uint_ge(json.pieces, 10000 / 256);
    ck_assert_uint_eq(count("\"RoomInfo\""), 0);

    for (i = 0; i < 10000; i++) {
        stream.stream_id = id_of(id, "s%05u", i);
        unit_apply(&zone, &stream);
    }

    ask(&streams);
    ck_assert_str_eq(json.data, "[]");
    ck_assert_uint_ge(json.pieces, 10000 / 256);
    ck_assert_uint_le(json.pieces, 10000 / 200);

    /* all of one room, that has one which is not over */

    close.room_id = (zego_str_t) STR("z");

    for (i = 0; i < 1000; i++) {
        close.room_session_id = 2 * i;
        unit_apply(&zone, &close);
    }

    closed.limit = 1000;
    ask(&closed);
    ck_assert_uint_eq(count("\"RoomInfo\""), 1000);
    ck_assert_uint_ge(json.pieces, 11000 / 256);

    unit_zone_done(&zone);
}
END_TEST


#define CLOSED(room, session, created, closed, reason, creator)               \
    "{\"RoomInfo\":{\"AppId\":1,\"RoomID\":\"" room "\",\"RoomSessionId\":\"" \
    session "\",\"RoomCreateTime\":" created ",\"RoomCloseTime\":" closed     \
    ",\"CloseReason\":" reason ",\"Creator\":" creator                        \
    ",\"StreamCount\":0,\"UserCount\":0}}"


START_TEST(what_is_over_is_listed)
{
    zego_event_t  events[] = {
        /* a life that has ended, two that were superseded, the current one */
        ROOM_CREATE(7, 1000),
        STREAM_CREATE(7, 1, 1001, "s"),
        LOGIN(7, 1, 1001, "u", 1),
        ROOM_CLOSE(7, 2000, .code = 2),
        ROOM_CREATE(6, 3000),
        STREAM_CREATE(6, 1, 3001, "s"),
        STREAM_CREATE(8, 1, 4000, "s"),
        ROOM_CREATE(9, 5000),

        /* only closed; live; and neither */
        ROOM_CLOSE(1, 6000, .room_id = STR("a")),
        ROOM_CREATE(1, 1000, .room_id = STR("b")),
        STREAM_CLOSE(1, 2, 1000, 1001, "s", .room_id = STR("c"))
    };

    const answer_t  answers[] = {
        { { .kind = ZEGO_VIEW_ROOMS, .limit = 10, .closed = 1 },
          "\"RoomList\":["
          CLOSED("a", "1", "null", "6000", "0", "null") ","
          CLOSED("r", "6", "3000", "null", "null", "\"creator\"") ","
          CLOSED("r", "7", "1000", "2000", "2", "\"creator\"") ","
          CLOSED("r", "8", "null", "null", "null", "null")
          "],\"Next\":null}" },

        { { .kind = ZEGO_VIEW_ROOMS, .limit = 2, .closed = 1, .counts = 1,
            .prefix = STR("r") },
          "\"RoomList\":["
          CLOSED("r", "6", "3000", "null", "null", "\"creator\"") ","
          CLOSED("r", "7", "1000", "2000", "2", "\"creator\"")
          "],\"Next\":\"1-72-7\"}" },

        { { .kind = ZEGO_VIEW_ROOMS, .limit = 2, .closed = 1,
            .cursor = STR("1-72-7"), .fields = STR("RoomCloseTime,RoomID") },
          "\"RoomList\":[{\"RoomInfo\":{\"RoomID\":\"r\","
          "\"RoomCloseTime\":null}}],\"Next\":null}" },

        { { .kind = ZEGO_VIEW_ROOMS, .limit = 1, .closed = 1,
            .cursor = STR("1-61-18446744073709551615"),
            .fields = STR("RoomSessionId") },
          "\"RoomList\":[{\"RoomInfo\":{\"RoomSessionId\":\"6\"}}],"
          "\"Next\":\"1-72-6\"}" },

        { { .kind = ZEGO_VIEW_ROOMS, .limit = 10, .closed = 1, .appid = 2,
            .has_appid = 1 },
          "\"RoomList\":[],\"Next\":null}" },

        { { .kind = ZEGO_VIEW_ROOMS, .limit = 10, .closed = 1,
            .prefix = STR("b") },
          "\"RoomList\":[],\"Next\":null}" }
    };

    unit_zone_init(&zone);
    unit_apply_all(&zone, events, sizeof(events) / sizeof(events[0]));

    EXPECT(answers);

    /* and no longer than it is kept */

    zone.env.now += UNIT_HORIZON;
    unit_expire(&zone);

    ask(&answers[0].query);
    ck_assert_uint_eq(count("\"RoomList\":[],\"Next\":null}"), 1);

    unit_zone_done(&zone);
}
END_TEST


/* each once and in order, wherever a page or a piece ends, the numbers of the
   sessions being of any size */

START_TEST(what_is_over_comes_in_pages)
{
    char          id[16], cursor[64];
    unsigned      i, n, limit, room, last_room, found;
    uint64_t      session, last;
    const char   *p;
    zego_event_t  close = ROOM_CLOSE(0, 1000);
    zego_query_t  query = { .kind = ZEGO_VIEW_ROOMS, .closed = 1,
                            .fields = STR("RoomID,RoomSessionId") };

    unit_zone_init(&zone);
    n = 0;

    for (i = 0; i < 30; i++) {
        close.room_id = id_of(id, "r%02u", i);
        close.room_session_id = 0;

        do {
            unit_apply(&zone, &close);
            n++;
            close.room_session_id = i == 7 ? close.room_session_id + 1
                                           : ~close.room_session_id;
        } while (close.room_session_id != 0 && close.room_session_id < 600);

        if (close.room_session_id != 0) {
            unit_apply(&zone, &close);
            n++;
        }
    }

    for (limit = 1; limit <= 1000; limit = limit * 5 / 3 + 1) {
        query.limit = limit;
        query.cursor.len = 0;
        found = last_room = 0;
        last = 0;

        do {
            ask(&query);

            for (p = json.data; (p = strstr(p, "{\"RoomID\"")) != NULL; p++) {
                ck_assert_int_eq(sscanf(p, "{\"RoomID\":\"r%u\","
                                           "\"RoomSessionId\":\"%" SCNu64,
                                        &room, &session), 2);
                ck_assert(found == 0 || room > last_room
                          || (room == last_room && session > last));
                last_room = room;
                last = session;
                found++;
            }

            query.cursor.len = 0;
            p = strstr(json.data, "\"Next\":\"");

            if (p) {
                ck_assert_uint_eq(count("{\"RoomID\""), limit);
                ck_assert_int_eq(sscanf(p, "\"Next\":\"%60[^\"]", cursor), 1);
                query.cursor = (zego_str_t) { cursor, strlen(cursor) };
            }

        } while (query.cursor.len);

        ck_assert_uint_eq(found, n);
    }

    unit_zone_done(&zone);
}
END_TEST


START_TEST(streams_have_a_publisher)
{
    char          long_kept[1500];
    zego_event_t  events[] = {
        STREAM_CREATE(1, 1, 1000, "b", .user_id = STR("u")),
        STREAM_CREATE(1, 2, 1000, "a", .user_id = STR("u")),
        STREAM_CREATE(1, 3, 1000, "c", .user_id = STR("v")),
        STREAM_CREATE(1, 4, 1000, "d", .user_id = STR("uu")),
        STREAM_CREATE(1, 5, 1000, "e", .user_id = STR("")),
        STREAM_CREATE(1, 6, 1000, "f", .user_id = STR("u")),
        STREAM_CLOSE(1, 7, 1000, 1001, "f", .user_id = STR("u")),

        /* the same id elsewhere, where it is over, and of another's */
        STREAM_CREATE(1, 1, 1000, "a", .user_id = STR("u"), .appid = 2),
        STREAM_CREATE(1, 1, 1000, "a", .user_id = STR("u"),
                      .room_id = STR("over")),
        ROOM_CLOSE(1, 2000, .room_id = STR("over")),
        STREAM_CREATE(1, 1, 1000, "a", .user_id = STR("w"),
                      .room_id = STR("s")),

        /* a publisher whose id is not with the rest */
        STREAM_CREATE(1, 8, 1000, "g", .user_id = STR("far"),
                      .kept = { long_kept, sizeof(long_kept) }),

        /* a user, but no publisher */
        LOGIN(1, 1, 1000, "x", 1)
    };

    const answer_t  answers[] = {
        { { .kind = ZEGO_VIEW_STREAM, .user = STR("u"),
            .fields = STR("StreamId,AppId") },
          "[{\"StreamId\":\"a\",\"RoomInfo\":{\"AppId\":1}},"
          "{\"StreamId\":\"a\",\"RoomInfo\":{\"AppId\":2}},"
          "{\"StreamId\":\"b\",\"RoomInfo\":{\"AppId\":1}}]" },

        { { .kind = ZEGO_VIEW_STREAM, .user = STR("u"), .appid = 2,
            .has_appid = 1, .fields = STR("StreamId,AppId") },
          "[{\"StreamId\":\"a\",\"RoomInfo\":{\"AppId\":2}}]" },

        { { .kind = ZEGO_VIEW_STREAM, .user = STR("u"), .appid = 1,
            .has_appid = 1, .fields = STR("StreamId") },
          "[{\"StreamId\":\"a\"},{\"StreamId\":\"b\"}]" },

        { { .kind = ZEGO_VIEW_STREAM, .user = STR("w"), .id = STR("a"),
            .fields = STR("RoomID,UserId") },
          "[{\"UserId\":\"w\",\"RoomInfo\":{\"RoomID\":\"s\"}}]" },

        { { .kind = ZEGO_VIEW_STREAM, .user = STR("far"),
            .fields = STR("StreamId,UserId") },
          "[{\"StreamId\":\"g\",\"UserId\":\"far\"}]" },

        { { .kind = ZEGO_VIEW_STREAM, .user = STR("w"), .id = STR("b") },
          "[]" },
        { { .kind = ZEGO_VIEW_STREAM, .user = STR("x") }, "[]" },
        { { .kind = ZEGO_VIEW_STREAM, .user = STR("fa") }, "[]" },

        /* another list is not searched */
        { { .kind = ZEGO_VIEW_USER, .user = STR("u"), .id = STR("x"),
            .fields = STR("UserId") },
          "[{\"UserId\":\"x\"}]" },
        { { .kind = ZEGO_VIEW_USER, .user = STR("u") }, "[]" }
    };

    memset(long_kept, 'k', sizeof(long_kept));
    memcpy(long_kept, "\"k\":\"", 5);
    long_kept[sizeof(long_kept) - 1] = '"';

    unit_zone_init(&zone);
    unit_apply_all(&zone, events, sizeof(events) / sizeof(events[0]));

    EXPECT(answers);

    unit_zone_done(&zone);
}
END_TEST


/* wherever a piece ends, while entries come and go around it */

START_TEST(streams_of_a_user_are_listed_once)
{
    int           invalid;
    char          id[16];
    unsigned      i, before;
    zego_view_e   rc;
    zego_view_t  *view;
    zego_event_t  stream = STREAM_CREATE(1, 0, 1000, "");
    zego_event_t  close = STREAM_CLOSE(1, 0, 1000, 2000, "");
    zego_query_t  query = { .kind = ZEGO_VIEW_STREAM, .user = STR("u"),
                            .fields = STR("StreamId") };

    for (before = 0; before < 300; before += 7) {
        unit_zone_init(&zone);

        for (i = 0; i < 600; i++) {
            stream.stream_id = id_of(id, "s%03u", i);
            stream.user_id = (zego_str_t) STR("other");
            if (i % 20 == 0 || i == before) {
                stream.user_id = (zego_str_t) STR("u");
            }
            unit_apply(&zone, &stream);
        }

        view = zego_view_create(&zone.heap.memory, &query, &invalid);
        unit_answer_begin(&json);

        do {
            rc = unit_answer_read(&json, view, zone.rooms);

            /* where it stands may go */
            close.stream_id = id_of(id, "s%03u", 255);
            unit_apply(&zone, &close);
            close.stream_id = id_of(id, "s%03u", 256);
            unit_apply(&zone, &close);
        } while (rc == ZEGO_VIEW_MORE);

        ck_assert_int_eq(rc, ZEGO_VIEW_DONE);
        zego_view_destroy(view);

        ck_assert_uint_eq(count("{\"StreamId\""), 30 + (before % 20 != 0));
        unit_zone_done(&zone);
    }
}
END_TEST


/* what would be others, were it not in strings and lists */

#define KEPT_A  "\"a\":\"x\\\",\\\"b\\\":1,\\\\\""
#define KEPT_B  "\"b\":{\"a\":{},\"c\":[\"}\",\"\",1]}"
#define KEPT    KEPT_A ",\"bb\":[{\"b\":1}]," KEPT_B ",\"ab\":\"\""


/* of every kind of answer */

START_TEST(only_members_that_are_asked_for)
{
    const zego_str_t   stream_keep[] = { STR("a"), STR("ab"), STR("b") };
    const zego_str_t   room_keep[] = { STR("mode") };
    const zego_str_t   user_keep[] = { STR("term"), STR("b") };
    const zego_keep_t  keep = { stream_keep, 3, room_keep, 1, user_keep, 2 };

    zego_event_t  events[] = {
        ROOM_CREATE(5, 1000, .kept = STR("\"mode\":\"x\"")),
        STREAM_CREATE(5, 1, 1000, "s", .kept = STR(KEPT)),
        STREAM_CREATE(5, 2, 1000, "t"),
        LOGIN(5, 1, 1000, "u", 1, .kept = STR("\"term\":5,\"b\":2")),
        STREAM_CREATE(1, 1, 1000, "other", .kept = STR("\"b\":1"),
                      .room_id = STR("q"), .appid = 9)
    };

#define MISSING  "\"Complete\":true,\"Missing\":{\"StreamSeq\":[],"           \
                 "\"UserUpdateSeq\":[]}}"
#define NEXT     "],\"Next\":null}"

#define ROOMS(names)                                                          \
    { .kind = ZEGO_VIEW_ROOMS, .limit = 10, .fields = STR(names),             \
      .keep = &keep, .appid = 1, .has_appid = 1 }
#define STREAM(names)                                                         \
    { .kind = ZEGO_VIEW_STREAM, .id = STR("s"), .fields = STR(names),         \
      .keep = &keep }
#define USER(names)                                                           \
    { .kind = ZEGO_VIEW_USER, .id = STR("u"), .fields = STR(names),           \
      .keep = &keep }

    const answer_t  answers[] = {
        { ROOMS("RoomID,StreamId"),
          "\"RoomList\":[{\"RoomInfo\":{\"RoomID\":\"r\"},\"StreamList\":"
          "[{\"StreamId\":\"s\"},{\"StreamId\":\"t\"}]," MISSING NEXT },
        { ROOMS("UserRole,StreamSeq"),
          "\"RoomList\":[{\"StreamList\":[{\"StreamSeq\":1},{\"StreamSeq\":2}],"
          "\"UserList\":[{\"UserRole\":null}]," MISSING NEXT },
        { ROOMS("UserLoginTime"),
          "\"RoomList\":[{\"UserList\":[{\"UserLoginTime\":1000}]," MISSING
          NEXT },
        { ROOMS("UserId"),
          "\"RoomList\":[{\"StreamList\":[{\"UserId\":\"publisher\"},"
          "{\"UserId\":\"publisher\"}],\"UserList\":[{\"UserId\":\"u\"}],"
          MISSING NEXT },
        { ROOMS("mode,AppId,mode"),
          "\"RoomList\":[{\"RoomInfo\":{\"AppId\":1,\"mode\":\"x\"}," MISSING
          NEXT },
        { ROOMS("b"),
          "\"RoomList\":[{\"StreamList\":[{" KEPT_B "},{}],"
          "\"UserList\":[{\"b\":2}]," MISSING NEXT },
        { ROOMS("RoomCreateTime,Creator,StreamCount,UserCount,RoomSessionId"),
          "\"RoomList\":[{\"RoomInfo\":{\"RoomSessionId\":\"5\","
          "\"RoomCreateTime\":1000,\"Creator\":\"creator\",\"StreamCount\":2,"
          "\"UserCount\":1}," MISSING NEXT },
        { { .kind = ZEGO_VIEW_ROOMS, .limit = 10, .counts = 1,
            .fields = STR("mode"), .keep = &keep },
          "\"RoomList\":[{\"RoomInfo\":{\"mode\":\"x\"},\"Complete\":true},"
          "{\"RoomInfo\":{},\"Complete\":true}" NEXT },

        { STREAM("ExtraInfo,RoomID,a,UserName,StreamSid,StreamCreateTime"),
          "[{\"StreamSid\":\"s-s\",\"StreamCreateTime\":1000,"
          "\"UserName\":null,\"ExtraInfo\":null,\"RoomInfo\":"
          "{\"RoomID\":\"r\"}," KEPT_A "}]" },
        { STREAM("a,ab"),
          "[{" KEPT_A ",\"ab\":\"\"}]" },
        { STREAM("b,mode"),
          "[{\"RoomInfo\":{\"mode\":\"x\"}," KEPT_B "}]" },
        { { .kind = ZEGO_VIEW_STREAM, .id = STR("other"),
            .fields = STR("b,mode"), .keep = &keep },
          "[{\"RoomInfo\":{},\"b\":1}]" },
        { STREAM("mode"),
          "[{\"RoomInfo\":{\"mode\":\"x\"}}]" },

        { USER("UserName,UserSessionId,UserUpdateSeq,term"),
          "[{\"UserName\":null,\"UserSessionId\":\"1\",\"UserUpdateSeq\":1,"
          "\"term\":5}]" },
        { USER("UserCount"),
          "[{\"RoomInfo\":{\"UserCount\":1}}]" }
    };

    const zego_query_t  wrong[] = {
        ROOMS(""), ROOMS(","), ROOMS("RoomID,"), ROOMS(",RoomID"),
        ROOMS("RoomID,,AppId"), ROOMS("RoomId"), ROOMS("roomid"),
        ROOMS(" RoomID"), ROOMS("RoomID "), ROOMS("RoomI"), ROOMS("RoomIDs"),
        ROOMS("\"RoomID\":"), ROOMS("RoomInfo"), ROOMS("StreamList"),
        ROOMS("Version"), ROOMS("Complete"), ROOMS("*"), ROOMS("bb"),
        ROOMS("RoomCloseTime"), ROOMS("CloseReason"), ROOMS("RoomID\0"),
        STREAM("UserRole"), STREAM("term"), STREAM("CloseReason"),
        USER("StreamId"), USER("a"),
        { .kind = ZEGO_VIEW_ROOMS, .counts = 1, .fields = STR("StreamId") },
        { .kind = ZEGO_VIEW_ROOMS, .counts = 1, .fields = STR("UserRole") },
        { .kind = ZEGO_VIEW_ROOMS, .closed = 1, .fields = STR("StreamId") },
        { .kind = ZEGO_VIEW_ROOMS, .fields = STR("mode") }
    };

    size_t  i;

    unit_zone_init(&zone);
    unit_apply_all(&zone, events, sizeof(events) / sizeof(events[0]));

    EXPECT(answers);

    /* one room, its version in front */

    ask(&(zego_query_t) { .kind = ZEGO_VIEW_ROOM, .id = STR("r"),
                          .fields = STR("UserRole") });
    ck_assert_str_eq(strchr(json.data, ','),
                     ",\"UserList\":[{\"UserRole\":null}]," MISSING);

    ask(&(zego_query_t) { .kind = ZEGO_VIEW_ROOM, .id = STR("r"),
                          .fields = STR("StreamSeq,RoomID") });
    ck_assert_str_eq(strchr(json.data, ','),
                     ",\"RoomInfo\":{\"RoomID\":\"r\"},\"StreamList\":"
                     "[{\"StreamSeq\":1},{\"StreamSeq\":2}]," MISSING);

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ck_assert_int_eq(refused(&wrong[i]), ZEGO_QUERY_FIELDS);
    }

    unit_zone_done(&zone);
}
END_TEST


/* what ends while it is read, with either list and without */

START_TEST(a_room_that_closes_ends_its_lists)
{
    int           invalid;
    char          id[16];
    size_t        i, k;
    unsigned      n;
    zego_view_e   rc;
    zego_view_t  *view;
    zego_event_t  room = ROOM_CREATE(1, 1000), close = ROOM_CLOSE(1, 9000);
    zego_event_t  user = LOGIN(1, 0, 1000, "", 1);
    zego_event_t  stream = STREAM_CREATE(1, 0, 1000, "");

    const struct {
        zego_str_t    fields;
        const char   *end;
    } cases[] = {
        { STR("StreamId"), "\"}],\"Complete\":false," },
        { STR("UserRole"), "{\"UserRole\":null}],\"Complete\":false," },
        { STR("RoomID"), "{\"RoomID\":\"r\"},\"Complete\":true," },
        { STR("RoomID,UserId"), "}],\"UserList\":[],\"Complete\":false," }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_zone_init(&zone);
        unit_apply(&zone, &room);

        for (n = 1; n <= 200; n++) {
            stream.stream_id = user.user_id = id_of(id, "x%03u", n);
            unit_apply(&zone, &stream);
            unit_apply(&zone, &user);
        }

        view = zego_view_create(&zone.heap.memory,
                                &(zego_query_t) { .kind = ZEGO_VIEW_ROOM,
                                                  .id = STR("r"),
                                                  .fields = cases[i].fields },
                                &invalid);
        unit_answer_begin(&json);

        do {
            rc = unit_answer_read(&json, view, zone.rooms);
            unit_apply(&zone, &close);
        } while (rc == ZEGO_VIEW_MORE);

        ck_assert_int_eq(rc, ZEGO_VIEW_DONE);
        zego_view_destroy(view);
        unit_zone_done(&zone);

        ck_assert_uint_eq(count(cases[i].end), 1);

        for (k = 0, n = 0; k < json.len; k++) {
            n += (json.data[k] == '{') - (json.data[k] == '}');
        }

        ck_assert_uint_eq(n, 0);
        ck_assert_str_eq(json.data + json.len - 3, "]}}");
    }
}
END_TEST


START_TEST(cursors_are_of_their_list)
{
    size_t        i;
    zego_query_t  query = { .kind = ZEGO_VIEW_ROOMS, .limit = 1 };

    const struct {
        zego_str_t    cursor;
        unsigned      live:1;              /* is it one of these? */
        unsigned      closed:1;
    } cases[] = {
        { STR(""), 1, 1 }, { STR("1-61"), 1, 0 }, { STR("1-61-0"), 0, 1 },
        { STR("1-61-18446744073709551615"), 0, 1 },
        { STR("1-61-18446744073709551616"), 0, 0 },
        { STR("1-61-"), 0, 0 }, { STR("1-61--1"), 0, 0 },
        { STR("1-61-1-1"), 0, 0 }, { STR("1-61-1 "), 0, 0 },
        { STR("1--1"), 0, 0 }, { STR("1-6-1"), 0, 0 }, { STR("-61-1"), 0, 0 },
        { STR("1-61-0x1"), 0, 0 }, { STR("1-61-+1"), 0, 0 },
        { STR("1"), 0, 0 }, { STR("-"), 0, 0 }, { STR("--"), 0, 0 },
        { STR("1-61\0-1"), 0, 0 }
    };

    unit_zone_init(&zone);

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        query.cursor = cases[i].cursor;

        for (query.closed = 0; ; query.closed = 1) {

            if (query.closed ? cases[i].closed : cases[i].live) {
                ask(&query);

            } else {
                ck_assert_int_eq(refused(&query), ZEGO_QUERY_CURSOR);
            }

            if (query.closed) {
                break;
            }
        }
    }

    unit_zone_done(&zone);
}
END_TEST


int
main(void)
{
    const TTest *const  tests[] = {
        rooms_have_enough_users,
        what_is_left_out_counts_too,
        what_is_over_is_listed,
        what_is_over_comes_in_pages,
        streams_have_a_publisher,
        streams_of_a_user_are_listed_once,
        only_members_that_are_asked_for,
        a_room_that_closes_ends_its_lists,
        cursors_are_of_their_list,
        NULL
    };

    return unit_main("filters", tests);
}

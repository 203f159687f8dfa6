
/*
 * The vendor's own queries, read in pieces, while the zone changes between two
 * of them.
 */

#include "unit.h"


#define USERS  1000


static unit_zone_t    zone;
static unit_answer_t  json;


static zego_str_t
str(const char *s)
{
    return (zego_str_t) { s, strlen(s) };
}


static zego_query_t
query(zego_action_e action, const char *id)
{
    zego_query_t  query;

    memset(&query, 0, sizeof(zego_query_t));

    query.action = action;
    query.request_id = UINT64_MAX;
    query.id = str(id);
    query.appid = 1;
    query.has_appid = 1;
    query.limit = ZEGO_PAGE_MAX;

    return query;
}


static zego_view_t *
view_create(const zego_query_t *query)
{
    int           invalid;
    zego_view_t  *view;

    unit_answer_begin(&json);

    view = zego_view_create(&zone.heap.memory, query, &invalid);
    ck_assert_ptr_nonnull(view);

    return view;
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


static void
answer(const zego_query_t *query)
{
    view_rest(view_create(query));
}


static size_t
count(const char *what)
{
    return unit_answer_count(&json, what);
}


static void
login(const char *id, uint64_t session, uint64_t time, int32_t role)
{
    zego_event_t  event = LOGIN(1, 0, 1, "", 1);

    event.user_id = str(id);
    event.user_session_id = session;
    event.time = event.login_time = time;
    event.user_role = role;
    unit_apply(&zone, &event);
}


static void
logout(const char *id, uint64_t session, uint64_t time)
{
    zego_event_t  event = LOGOUT(1, 0, 1, 1, "", 1);

    event.user_id = str(id);
    event.user_session_id = session;
    event.time = time;
    unit_apply(&zone, &event);
}


/* users by id, who logged in in another order, some at the same time, and some
   on another device before */

static uint64_t
time_of(unsigned i)
{
    return 1000 + i * 7919 % USERS / 2;
}


static void
logins(unsigned n)
{
    char      id[16];
    unsigned  i;

    for (i = 0; i < n; i++) {
        sprintf(id, "u%03u", i);
        login(id, i + 1, time_of(i), 2);

        if (i % 3 == 0) {
            login(id, USERS + i + 1, time_of(i) - 500, 2);
        }
    }
}


/* the users listed, by number; returns how many */

static unsigned
listed(unsigned *users)
{
    unsigned     n;
    const char  *p;

    p = json.data;

    for (n = 0; (p = strstr(p, "{\"UserId\":\"u")) != NULL; n++) {
        p += sizeof("{\"UserId\":\"u") - 1;
        users[n] = (unsigned) strtoul(p, NULL, 10);
    }

    return n;
}


static zego_str_t
marker(char *buf)
{
    char  *p, *end;

    p = strstr(json.data, "\"Marker\":\"") + sizeof("\"Marker\":\"") - 1;
    end = strchr(p, '"');
    memcpy(buf, p, end - p);

    return (zego_str_t) { buf, (size_t) (end - p) };
}


static int
precedes(unsigned a, unsigned b, unsigned descending)
{
    if (time_of(a) == time_of(b)) {
        return descending ? a > b : a < b;
    }

    return descending ? time_of(a) > time_of(b) : time_of(a) < time_of(b);
}


START_TEST(pages_follow_the_order_of_logins)
{
    char          buf[300];
    size_t        k;
    unsigned      i, n, users[ZEGO_PAGE_MAX], last, total, descending;
    zego_query_t  page;

    static const unsigned  limits[] = { 1, 7, 48, 49, 199, ZEGO_PAGE_MAX };

    unit_zone_init(&zone);
    logins(USERS);

    for (descending = 0; descending < 2; descending++) {
        for (k = 0; k < sizeof(limits) / sizeof(limits[0]); k++) {

            page = query(ZEGO_DESCRIBE_USER_LIST, "r");
            page.limit = limits[k];
            page.descending = descending;

            total = 0;
            last = 0;

            do {
                answer(&page);
                n = listed(users);
                ck_assert_uint_eq(n, USERS - total < limits[k]
                                     ? USERS - total : limits[k]);

                for (i = 0; i < n; i++) {
                    ck_assert(total == 0
                              || precedes(last, users[i], descending));
                    last = users[i];
                    total++;
                }

                page.cursor = marker(buf);

            } while (page.cursor.len);

            ck_assert_uint_eq(total, USERS);
        }
    }

    unit_zone_done(&zone);
}
END_TEST


START_TEST(a_page_of_a_room_that_closes_is_empty)
{
    zego_view_t   *view;
    zego_query_t   page;
    zego_event_t   close = ROOM_CLOSE(1, 9000);

    unit_zone_init(&zone);
    logins(USERS);

    page = query(ZEGO_DESCRIBE_USER_LIST, "r");
    view = view_create(&page);
    ck_assert_int_eq(view_read(view), ZEGO_VIEW_MORE);
    ck_assert_uint_eq(json.len, 0);

    unit_apply(&zone, &close);

    view_rest(view);
    ck_assert_str_eq(json.data,
                     "{\"Code\":0,\"Message\":\"success\",\"RequestId\":"
                           "\"18446744073709551615\",\"Data\":{\"Marker\":\"\","
                           "\"UserList\":[]}}");

    unit_zone_done(&zone);
}
END_TEST


START_TEST(a_page_is_of_the_room_as_it_is_now)
{
    unsigned       n, users[ZEGO_PAGE_MAX];
    zego_view_t   *view;
    zego_query_t   page;
    zego_event_t   again = LOGIN(2, 0, 9000, "u007", 1);
    zego_event_t   other = LOGIN(2, 0, 9001, "a", 2);

    unit_zone_init(&zone);
    logins(USERS);

    page = query(ZEGO_DESCRIBE_USER_LIST, "r");
    view = view_create(&page);
    ck_assert_int_eq(view_read(view), ZEGO_VIEW_MORE);

    unit_apply(&zone, &again);
    unit_apply(&zone, &other);

    view_rest(view);
    n = listed(users);
    ck_assert_uint_eq(n, 1);
    ck_assert_uint_eq(users[0], 7);
    ck_assert_uint_eq(count("{\"UserId\":\"a\""), 1);

    unit_zone_done(&zone);
}
END_TEST


/* selected, but gone before they are written */

START_TEST(who_has_left_is_in_no_page)
{
    char           id[16];
    unsigned       i, n, users[ZEGO_PAGE_MAX];
    zego_view_t   *view;
    zego_query_t   page;

    unit_zone_init(&zone);
    logins(USERS);

    page = query(ZEGO_DESCRIBE_USER_LIST, "r");
    view = view_create(&page);

    do {
        ck_assert_int_eq(view_read(view), ZEGO_VIEW_MORE);
    } while (json.len == 0);

    for (i = 0; i < USERS; i++) {
        sprintf(id, "u%03u", i);
        logout(id, i + 1, 9000);
    }

    login("u007", 2000, 9500, 2);

    view_rest(view);
    n = listed(users);
    ck_assert_uint_lt(n, ZEGO_PAGE_MAX / 2);
    ck_assert_uint_eq(count("]}}"), 1);

    unit_zone_done(&zone);
}
END_TEST


START_TEST(administrators_are_counted)
{
    zego_str_t    ids[] = { STR("r"), STR("none") };
    zego_query_t  num;

    unit_zone_init(&zone);

    num = query(ZEGO_DESCRIBE_USER_NUM, "");
    num.ids = ids;
    num.nids = 2;

    login("a", 1, 1000, 4);
    login("b", 2, 1000, 4);
    login("c", 3, 1000, 1);

    /* becomes one, and ceases to be */
    login("c", 4, 2000, 4);
    login("b", 5, 2000, 2);

    /* the same session once more */
    login("a", 1, 3000, 4);

    unit_check(zone.rooms);

    answer(&num);
    ck_assert_uint_eq(count("{\"RoomId\":\"r\",\"UserCount\":3,"
                            "\"AdminUserCount\":2}"), 1);
    ck_assert_uint_eq(count("{\"RoomId\":\"none\",\"UserCount\":0,"
                            "\"AdminUserCount\":0}"), 1);

    logout("a", 1, 4000);
    unit_check(zone.rooms);

    answer(&num);
    ck_assert_uint_eq(count("\"UserCount\":2,\"AdminUserCount\":1"), 1);

    unit_zone_done(&zone);
}
END_TEST


START_TEST(streams_are_all_listed)
{
    char          id[16];
    unsigned      i;
    zego_view_t  *view;
    zego_query_t  list;
    zego_event_t  create = STREAM_CREATE(1, 0, 1000, "");
    zego_event_t  close = ROOM_CLOSE(1, 9000);

    unit_zone_init(&zone);

    for (i = 1; i <= USERS; i++) {
        sprintf(id, "s%04u", i);
        create.stream_id = str(id);
        create.seq = i;
        unit_apply(&zone, &create);
    }

    list = query(ZEGO_DESCRIBE_SIMPLE_STREAM_LIST, "r");
    answer(&list);
    ck_assert_uint_eq(count("{\"StreamId\":\"s"), USERS);
    ck_assert_uint_eq(count("},{"), USERS - 1);

    /* and as many as there were until the room closed */

    view = view_create(&list);
    ck_assert_int_eq(view_read(view), ZEGO_VIEW_MORE);

    unit_apply(&zone, &close);

    view_rest(view);
    ck_assert_uint_lt(count("{\"StreamId\":\"s"), USERS);
    ck_assert_str_eq(json.data + json.len - 4, "}]}}");

    unit_zone_done(&zone);
}
END_TEST


/* more rooms than one piece looks at, and the stream is in the last of them */

START_TEST(a_stream_is_found_in_any_room)
{
    char          id[16];
    unsigned      i;
    zego_query_t  state;
    zego_event_t  event = STREAM_CREATE(1, 1, 5000, "s");
    zego_event_t  close = ROOM_CLOSE(1, 9000);

    unit_zone_init(&zone);

    for (i = 0; i < USERS; i++) {
        sprintf(id, "r%03u", i);
        event.room_id = close.room_id = str(id);
        unit_apply(&zone, &event);

        if (i < USERS - 1) {
            unit_apply(&zone, &close);
        }
    }

    state = query(ZEGO_DESCRIBE_RTC_STREAM_STATE, "s");
    answer(&state);
    ck_assert_uint_eq(count("\"create_time\":\"5\""), 1);

    unit_apply(&zone, &close);
    answer(&state);
    ck_assert_uint_eq(count("{\"Code\":41004,"), 1);

    unit_zone_done(&zone);
}
END_TEST


START_TEST(an_answer_without_memory_says_so)
{
    int           invalid;
    size_t        n, allocs;
    zego_str_t    piece;
    zego_view_t  *view;
    zego_query_t  page;

    unit_zone_init(&zone);
    logins(10);

    page = query(ZEGO_DESCRIBE_USER_LIST, "r");

    for (n = 1; ; n++) {
        allocs = zone.heap.allocs;
        zone.heap.fail = allocs + n;

        view = zego_view_create(&zone.heap.memory, &page, &invalid);
        ck_assert_int_eq(invalid, 0);

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
    ck_assert_uint_gt(n, 2);

    /* a marker that is none of ours is not for want of it */

    page.cursor = str("x");
    ck_assert_ptr_null(zego_view_create(&zone.heap.memory, &page, &invalid));
    ck_assert_int_eq(invalid, 1);

    unit_zone_done(&zone);
}
END_TEST


int
main(void)
{
    const TTest *const  tests[] = {
        pages_follow_the_order_of_logins,
        a_page_of_a_room_that_closes_is_empty,
        a_page_is_of_the_room_as_it_is_now,
        who_has_left_is_in_no_page,
        administrators_are_counted,
        streams_are_all_listed,
        a_stream_is_found_in_any_room,
        an_answer_without_memory_says_so,
        NULL
    };

    return unit_main("action", tests);
}

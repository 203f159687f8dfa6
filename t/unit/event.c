
/* Callback bodies in, events out. */

#include "zego_rooms.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define STR(s)  {s, sizeof(s) - 1}
#define BODY    16384


/* an allocator that counts, and fails on demand */

typedef struct {
    size_t  n;
    size_t  fail_at; /* 0: never */
    size_t  live;
} heap_t;


static void *
heap_alloc(void *ctx, size_t size)
{
    heap_t *heap = ctx;

    if (++heap->n == heap->fail_at) {
        return NULL;
    }

    heap->live++;

    return malloc(size);
}


static void
heap_free(void *ctx, void *p)
{
    ((heap_t *) ctx)->live--;
    free(p);
}


static heap_t               heap;
static const zego_memory_t  memory = {heap_alloc, heap_free, &heap};
static zego_parser_t       *parser;
static zego_event_t         event;

static const zego_str_t keep_stream[] = {STR("title"), STR("hls_url"),
                                         STR("x"), STR("stream_id")};
static const zego_str_t keep_room[] = {STR("x")};
static const zego_str_t keep_user[] = {STR("auth_level"), STR("x"),
                                       STR("title"), STR("x")};
static const zego_keep_t keep = {keep_stream, 4, keep_room, 1, keep_user, 4};


static void
setup(void)
{
    memset(&heap, 0, sizeof(heap));
    parser = zego_parser_create(&memory, &keep);
    ck_assert_ptr_nonnull(parser);
}


static void
teardown(void)
{
    zego_parser_destroy(parser);
    ck_assert_uint_eq(heap.live, 0);
}


static zego_reason_e
parse(const char *body, size_t len, size_t piece)
{
    zego_parser_begin(parser);

    for (size_t n; len > 0; body += n, len -= n) {
        n = len < piece ? len : piece;

        /* a copy of just that size, so that a sanitizer sees what is read
           beyond it; gone before the event is used */
        char *copy = malloc(n);
        memcpy(copy, body, n);
        zego_parser_feed(parser, copy, n);
        free(copy);
    }

    return zego_parser_finish(parser, &event);
}


static zego_reason_e
parse_str(const char *body)
{
    return parse(body, strlen(body), SIZE_MAX);
}


/* all of an event as text */

static char *
show(char *buf)
{
    const zego_event_t  *e = &event;

#define S(s)  (int) e->s.len, e->s.data
    sprintf(buf,
            "%s %s[%.*s] ts=%.*s nonce=%.*s sig=%.*s app=%u/%u room=%.*s "
            "session=%" PRIu64 " first=%" PRIu64 " seq=%" PRIu64
            " time=%" PRIu64 " login=%" PRIu64 " close=%" PRIu64
            " code=%u role=%d us=%" PRIu64 " stream=%.*s sid=%.*s user=%.*s "
            "name=%.*s extra=%.*s kept=%.*s",
            zego_event_name(e->type).data, zego_reason_name(e->reason).data,
            S(field), S(timestamp), S(nonce), S(signature), e->has_appid,
            e->appid, S(room_id), e->room_session_id, e->first, e->seq,
            e->time, e->login_time, e->close_time, e->code, e->user_role,
            e->user_session_id, S(stream_id), S(stream_sid), S(user_id),
            S(user_name), S(extra_info), S(kept));
#undef S
    return buf;
}


static void
ck_str(zego_str_t s, const char *expected)
{
    ck_assert_msg(s.len == strlen(expected)
                  && memcmp(s.data ? s.data : "", expected, s.len) == 0,
                  "\"%.*s\" is not \"%s\"", (int) s.len, s.data, expected);
}


/* bodies as fields with JSON values */

typedef struct {
    const char  *name;
    const char  *json;
} field_t;

static const field_t stream_create[] = {
    {"event", "\"stream_create\""},
    {"appid", "\"1\""},
    {"timestamp", "\"1687981272\""},
    {"nonce", "\"7254119327986670314\""},
    {"signature", "\"af\""},
    {"room_id", "\"room1\""},
    {"room_session_id", "\"1234567\""},
    {"user_id", "\"user1\""},
    {"user_name", "\"user1_name\""},
    {"channel_id", "\"0xb-0x1\""},
    {"stream_id", "\"stream_id\""},
    {"stream_sid", "\"s-115205136669740000000000104\""},
    {"title", "\"title\""},
    {"stream_alias", "\"aaa\""},
    {"stream_attr", "\"{\\\"cid\\\":0}\""},
    {"stream_seq", "\"01\""},
    {"create_time", "\"1687981272\""},
    {"create_time_ms", "\"1687981272742\""},
    {"extra_info", "\"extra\""},
    {"recreate", "\"0\""},
    {"publish_id", "\"publish\""},
    {"publish_name", "\"publish_name\""},
    {"rtmp_url", "[\"rtmp://a/b\"]"},
    {"hls_url", "[\"http://a/b\"]"},
    {"hdl_url", "[\"http://a/b\"]"},
    {"pic_url", "[\"http://a/b\"]"},
    {NULL, NULL}
};

static const field_t stream_close[] = {
    {"event", "\"stream_close\""},
    {"appid", "\"1\""},
    {"timestamp", "\"1687981272\""},
    {"nonce", "\"n\""},
    {"signature", "\"s\""},
    {"room_id", "\"room1\""},
    {"room_session_id", "\"1234567\""},
    {"user_id", "\"user1\""},
    {"user_name", "\"user1_name\""},
    {"stream_id", "\"stream_id\""},
    {"stream_alias", "\"aaa\""},
    {"stream_sid", "\"sid\""},
    {"stream_seq", "\"2\""},
    {"create_time_ms", "\"1687981272742\""},
    {"destroy_timemillis", "\"1688000000000\""},
    {"type", "\"100\""},
    {"third_define_data", "\"{}\""},
    {NULL, NULL}
};

static const field_t room_create[] = {
    {"event", "\"room_create\""},
    {"appid", "1"},
    {"timestamp", "1687981272"},
    {"nonce", "\"123456\""},
    {"signature", "\"s\""},
    {"room_id", "\"room1\""},
    {"room_session_id", "858012925204410400"},
    {"room_create_time", "\"1687981272742\""},
    {"id_name", "\"creator\""},
    {NULL, NULL}
};

static const field_t room_close[] = {
    {"event", "\"room_close\""},
    {"appid", "1"},
    {"timestamp", "1687981272"},
    {"nonce", "\"123456\""},
    {"signature", "\"s\""},
    {"room_id", "\"room1\""},
    {"room_session_id", "858012925204410400"},
    {"close_reason", "3"},
    {"room_close_time", "\"1687981272742\""},
    {NULL, NULL}
};

static const field_t room_login[] = {
    {"event", "\"room_login\""},
    {"appid", "\"1\""},
    {"timestamp", "\"1687981272\""},
    {"nonce", "\"123456\""},
    {"signature", "\"s\""},
    {"room_id", "\"room1\""},
    {"room_name", "\"name\""},
    {"room_seq", "\"858012925204410400\""},
    {"user_account", "\"user1\""},
    {"user_nickname", "\"nick\""},
    {"session_id", "\"77\""},
    {"login_time", "\"1687981272000\""},
    {"user_role", "\"1\""},
    {"relogin", "0"},
    {"user_update_seq", "\"5\""},
    {"auth_level", "2"},
    {NULL, NULL}
};

static const field_t room_logout[] = {
    {"event", "\"room_logout\""},
    {"appid", "\"1\""},
    {"timestamp", "\"1687981272\""},
    {"nonce", "\"123456\""},
    {"signature", "\"s\""},
    {"room_id", "\"room1\""},
    {"room_seq", "\"858012925204410400\""},
    {"user_account", "\"user1\""},
    {"user_nickname", "\"nick\""},
    {"session_id", "\"77\""},
    {"login_time", "\"1687981272000\""},
    {"logout_time", "\"1687981300000\""},
    {"user_role", "4"},
    {"user_update_seq", "6"},
    {"reason", "\"3\""},
    {NULL, NULL}
};

static const field_t *const bodies[] = {stream_create, stream_close,
                                        room_create,   room_close,
                                        room_login,    room_logout};
#define NBODIES  (sizeof(bodies) / sizeof(bodies[0]))


/* other values of two fields, or none of those that are NULL */

typedef const char *changes_t[4];


static const char *
changed(const field_t *field, const changes_t changes)
{
    for (int i = 0; changes != NULL && i < 4 && changes[i] != NULL; i += 2) {
        if (strcmp(field->name, changes[i]) == 0) {
            return changes[i + 1];
        }
    }

    return field->json;
}


static int
has(const field_t *fields, const char *name)
{
    for (; fields->name != NULL; fields++) {
        if (strcmp(fields->name, name) == 0) {
            return 1;
        }
    }

    return 0;
}


static char *
json_body(char *buf, const field_t *fields, const changes_t changes)
{
    char        *p = buf;
    const char  *json;

    *p++ = '{';

    for (const field_t *f = fields; f->name != NULL; f++) {
        if ((json = changed(f, changes)) != NULL) {
            p += sprintf(p, "%s\"%s\":%s", p == buf + 1 ? "" : ",", f->name,
                         json);
        }
    }

    for (int i = 0; changes != NULL && i < 4 && changes[i] != NULL; i += 2) {
        if (changes[i + 1] != NULL && !has(fields, changes[i])) {
            p += sprintf(p, ",\"%s\":%s", changes[i], changes[i + 1]);
        }
    }

    strcpy(p, "}");

    return buf;
}


static char *
percent(char *p, const char *s, size_t len)
{
    for (; len > 0; len--, s++) {
        if (*s == ' ') {
            *p++ = '+';

        } else if (strchr("abcdefghijklmnopqrstuvwxyz0123456789_-.", *s)) {
            *p++ = *s;

        } else {
            p += sprintf(p, len % 2 ? "%%%02X" : "%%%02x",
                         (unsigned char) *s);
        }
    }

    *p = '\0';

    return p;
}


static char *
percent_body(char *buf, const field_t *fields)
{
    char  json[BODY];

    json_body(json, fields, NULL);
    percent(buf, json, strlen(json));

    return buf;
}


/* without arrays, which a form has no shape for */

static char *
form_body(char *buf, const field_t *fields)
{
    char  *p = buf;

    for (const field_t *f = fields; f->name != NULL; f++) {
        if (*f->json == '[') {
            continue;
        }

        if (p != buf) {
            *p++ = '&';
        }

        p = percent(p, f->name, strlen(f->name));
        *p++ = '=';

        if (*f->json != '"') {
            p = percent(p, f->json, strlen(f->json));
            continue;
        }

        char    value[BODY];
        size_t  n = 0;

        for (const char *s = f->json + 1; s[1]; s++) {
            if (*s != '\\') {
                value[n++] = *s;
            }
        }

        p = percent(p, value, n);
    }

    return buf;
}


static const char *const expected[] = {
    "stream_create [] ts=1687981272 nonce=7254119327986670314 sig=af app=1/1 "
    "room=room1 session=1234567 first=1687981272742 seq=1 time=1687981272742 "
    "login=0 close=0 code=0 role=-1 us=0 stream=stream_id "
    "sid=s-115205136669740000000000104 user=user1 name=user1_name "
    "extra=extra kept=\"title\":\"title\",\"hls_url\":[\"http://a/b\"],"
    "\"stream_id\":\"stream_id\"",

    "stream_close [] ts=1687981272 nonce=n sig=s app=1/1 room=room1 "
    "session=1234567 first=1687981272742 seq=2 time=1687981272742 login=0 "
    "close=1688000000000 code=100 role=-1 us=0 stream=stream_id sid=sid "
    "user=user1 name=user1_name extra= kept=\"stream_id\":\"stream_id\"",

    "room_create [] ts=1687981272 nonce=123456 sig=s app=1/1 room=room1 "
    "session=858012925204410400 first=1687981272742 seq=0 time=1687981272742 "
    "login=0 close=0 code=0 role=-1 us=0 stream= sid= user=creator name= "
    "extra= kept=",

    "room_close [] ts=1687981272 nonce=123456 sig=s app=1/1 room=room1 "
    "session=858012925204410400 first=1687981272742 seq=0 time=1687981272742 "
    "login=0 close=0 code=3 role=-1 us=0 stream= sid= user= name= extra= "
    "kept=",

    "room_login [] ts=1687981272 nonce=123456 sig=s app=1/1 room=room1 "
    "session=858012925204410400 first=1687981272000 seq=5 time=1687981272000 "
    "login=1687981272000 close=0 code=0 role=1 us=77 stream= sid= user=user1 "
    "name=nick extra= kept=\"auth_level\":2",

    "room_logout [] ts=1687981272 nonce=123456 sig=s app=1/1 room=room1 "
    "session=858012925204410400 first=1687981272000 seq=6 time=1687981300000 "
    "login=1687981272000 close=0 code=3 role=4 us=77 stream= sid= user=user1 "
    "name=nick extra= kept="
};


START_TEST(test_documented)
{
    char  body[BODY], got[BODY];

    ck_assert_int_eq(parse_str(json_body(body, bodies[_i], NULL)), ZEGO_OK);
    ck_assert_str_eq(show(got), expected[_i]);
}
END_TEST


/* the same fields in the three encodings are the same event */

START_TEST(test_encodings)
{
    char     body[BODY], json[BODY], got[BODY];
    field_t  fields[32];
    size_t   n = 0;

    for (const field_t *f = bodies[_i]; f->name != NULL; f++) {
        /* of what is kept, a form has only strings */
        if (*f->json != '[' && strcmp(f->name, "auth_level") != 0) {
            fields[n++] = *f;
        }
    }

    fields[n] = (field_t) {NULL, NULL};

    ck_assert_int_eq(parse_str(json_body(body, fields, NULL)), ZEGO_OK);
    show(json);

    ck_assert_int_eq(parse_str(percent_body(body, fields)), ZEGO_OK);
    ck_assert_str_eq(show(got), json);

    /* the other spelling of the first byte */
    memcpy(body, "%7b", 3);
    ck_assert_int_eq(parse_str(body), ZEGO_OK);
    ck_assert_str_eq(show(got), json);

    ck_assert_int_eq(parse_str(form_body(body, fields)), ZEGO_OK);
    ck_assert_str_eq(show(got), json);
}
END_TEST


static void
every_split(const char *body)
{
    size_t         len = strlen(body);
    char           whole[BODY], got[BODY];
    zego_reason_e  rc = parse(body, len, SIZE_MAX);

    show(whole);

    for (size_t i = 0; i <= len; i++) {
        zego_parser_begin(parser);
        zego_parser_feed(parser, body, i);
        zego_parser_feed(parser, body + i, len - i);
        ck_assert_int_eq(zego_parser_finish(parser, &event), rc);
        ck_assert_str_eq(show(got), whole);
    }

    for (size_t piece = 1; piece <= 8; piece++) {
        ck_assert_int_eq(parse(body, len, piece), rc);
        ck_assert_str_eq(show(got), whole);
    }
}


START_TEST(test_every_split)
{
    char  body[BODY];

    every_split(json_body(body, bodies[_i], NULL));
    every_split(percent_body(body, bodies[_i]));
    every_split(form_body(body, bodies[_i]));
}
END_TEST


static const char *const odd[] = {
    "\xe2\x82\xac=%e2%82%AC&a=\xf0\x9f\x98\x80",
    "{\"x\":\"\\ud83d\\ude00\\u20ac\\n\xf0\x9f\x98\x80\",\"event\":\"o\"}",
    "{\"x\":\"\\ud83d\\u0041\"}", "{\"x\":\"\\ud83dx\"} x", "{]\"\\ud800 \"}",
    "{\"x\":\"\xff\"]", "{]\"\xff\"}", " %7B%22x%22%3A1.5e3%7D%20 ",
    "%7b%22%zz", "a=%f", "%7", "{} {", "{}\xff", "\t\r\n {\"x\":tru}"
};


START_TEST(test_every_split_of_odd)
{
    every_split(odd[_i]);
}
END_TEST


typedef struct {
    const char     *body;
    size_t          len;
    zego_reason_e   rc;
} body_t;

#define B(s)  s, sizeof(s) - 1

static const body_t whole[] = {
    {B(""), ZEGO_BAD_SYNTAX},
    {B(" \r\n\t"), ZEGO_BAD_SYNTAX},
    {B("{}"), ZEGO_OK},
    {B(" {} \r\n\t "), ZEGO_OK},
    {B("{"), ZEGO_BAD_SYNTAX},
    {B("{}}"), ZEGO_BAD_SYNTAX},
    {B("{}{}"), ZEGO_BAD_SYNTAX},
    {B("{} 1"), ZEGO_BAD_SYNTAX},
    {B("{} tru"), ZEGO_BAD_SYNTAX},
    {B("{} \"open"), ZEGO_BAD_SYNTAX},
    {B("{\"a\":\"open"), ZEGO_BAD_SYNTAX},
    {B("{\"a\":1,}"), ZEGO_BAD_SYNTAX},
    {B("{\"a\":01}"), ZEGO_BAD_SYNTAX},
    {B("{\"a\" 1}"), ZEGO_BAD_SYNTAX},
    {B("{'a':1}"), ZEGO_BAD_SYNTAX},
    {B("{\"a\":/**/1}"), ZEGO_BAD_SYNTAX},
    {B("{\"a\":\"\n\"}"), ZEGO_BAD_SYNTAX},
    {B("{\"a\":\"\\x\"}"), ZEGO_BAD_SYNTAX},
    {B("{\"a\":\"\\u12g4\"}"), ZEGO_BAD_SYNTAX},

    {B("%7B%7D"), ZEGO_OK},
    {B("%7b}"), ZEGO_OK},
    {B(" %7B+%20%0a%7D++\n"), ZEGO_OK},
    {B("%7B%7D%7B"), ZEGO_BAD_SYNTAX},
    {B("%7B%7D%7"), ZEGO_BAD_SYNTAX},
    {B("%7B%7D%"), ZEGO_BAD_SYNTAX},
    {B("%7B%G0%7D"), ZEGO_BAD_SYNTAX},
    {B("%7B%0G%7D"), ZEGO_BAD_SYNTAX},
    {B("%7B"), ZEGO_BAD_SYNTAX},

    {B("a=b&c"), ZEGO_OK},
    {B("&&=&a=="), ZEGO_OK},
    {B("[1]"), ZEGO_OK},
    {B("%7Ca=b"), ZEGO_OK},
    {B("%41=b"), ZEGO_OK},
    {B("%"), ZEGO_BAD_SYNTAX},
    {B("%7"), ZEGO_BAD_SYNTAX},
    {B("a=%"), ZEGO_BAD_SYNTAX},
    {B("a=%4&b=1"), ZEGO_BAD_SYNTAX},
    {B("a%4=1"), ZEGO_BAD_SYNTAX},
    {B("a=%-1"), ZEGO_BAD_SYNTAX},

    {B("{\"a\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"}"), ZEGO_OK},
    {B("{\"a\":\"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\"}"), ZEGO_OK},
    {B("{\"a\":\"\xc0\x80\"}"), ZEGO_BAD_UTF8},
    {B("{\"a\":\"\xc1\xbf\"}"), ZEGO_BAD_UTF8},
    {B("{\"a\":\"\xe0\x9f\xbf\"}"), ZEGO_BAD_UTF8},
    {B("{\"a\":\"\xf0\x8f\xbf\xbf\"}"), ZEGO_BAD_UTF8},
    {B("{\"a\":\"\xed\xa0\x80\"}"), ZEGO_BAD_UTF8},
    {B("{\"a\":\"\xed\xbf\xbf\"}"), ZEGO_BAD_UTF8},
    {B("{\"a\":\"\xf4\x90\x80\x80\"}"), ZEGO_BAD_UTF8},
    {B("{\"a\":\"\xf5\x80\x80\x80\"}"), ZEGO_BAD_UTF8},
    {B("{\"a\":\"\x80\"}"), ZEGO_BAD_UTF8},
    {B("{\"a\":\"\xc3\"}"), ZEGO_BAD_UTF8},
    {B("{\"a\":\"\xe2\x82\"}"), ZEGO_BAD_UTF8},
    {B("{\"a\":\"1234567\xff\"}"), ZEGO_BAD_UTF8},
    {B("{\"\xff\":1}"), ZEGO_BAD_UTF8},
    {B("{\"a\":[{\"b\":\"\xff\"}]}"), ZEGO_BAD_UTF8},
    {B("{\"a\":\"\0\"}"), ZEGO_BAD_UTF8},
    {B("{\"a\":\"12345678901234567\0\"}"), ZEGO_BAD_UTF8},
    {B("{\"a\":\"\\u0000\"}"), ZEGO_BAD_UTF8},
    {B("{\"\\u0000\":1}"), ZEGO_BAD_UTF8},
    {B("{\"a\":\"\\\\u0000\"}"), ZEGO_OK},
    {B("%7B%22%00%22:1%7D"), ZEGO_BAD_UTF8},
    {B("%7B%22%ff%22:1%7D"), ZEGO_BAD_UTF8},
    {B("a=%00"), ZEGO_BAD_UTF8},
    {B("a=\0"), ZEGO_BAD_UTF8},
    {B("%00=a"), ZEGO_BAD_UTF8},
    {B("a=%ff"), ZEGO_BAD_UTF8},
    {B("a=%C3&%A9=1"), ZEGO_BAD_UTF8},
    {B("a=%C3"), ZEGO_BAD_UTF8},
    {B("%C3=%A9"), ZEGO_BAD_UTF8},

    {B("{\"a\":\"\\ud83d\\ude00\"}"), ZEGO_OK},
    {B("{\"a\":\"\\uD83D\\uDE00\\uD83D\\uDE00\"}"), ZEGO_OK},
    {B("{\"a\":\"\\\\ud800\"}"), ZEGO_OK},
    {B("{\"a\":\"\\ud800\"}"), ZEGO_BAD_UTF8},
    {B("{\"a\":\"\\ud800x\"}"), ZEGO_BAD_UTF8},
    {B("{\"a\":\"\\ud800\\n\"}"), ZEGO_BAD_UTF8},
    {B("{\"a\":\"\\ud800\\u0041\"}"), ZEGO_BAD_UTF8},
    {B("{\"a\":\"\\ud800\\ud800\"}"), ZEGO_BAD_UTF8},
    {B("{\"a\":\"\\udc00\"}"), ZEGO_BAD_UTF8},
    {B("{\"a\":\"\\ud83d\\ude00\\udc00\"}"), ZEGO_BAD_UTF8},
    {B("{\"a\":\"\\\\\\ud800\"}"), ZEGO_BAD_UTF8},
    {B("{\"a\":\"\\ud800\",\"b\":\"\\udc00\"}"), ZEGO_BAD_UTF8},
    {B("{\"\\udc00\":1}"), ZEGO_BAD_UTF8},
    {B("%7B%22a%22:%22%5Cud800%22%7D"), ZEGO_BAD_UTF8},
    {B("a=\\ud800\\u0000"), ZEGO_OK},
};


START_TEST(test_whole)
{
    const body_t  *b = &whole[_i];

    ck_assert_msg(parse(b->body, b->len, SIZE_MAX) == b->rc, "%s", b->body);
    ck_assert_msg(parse(b->body, b->len, 1) == b->rc, "%s, by bytes", b->body);
    ck_assert_int_eq(event.type, ZEGO_EVENT_OTHER);
}
END_TEST


static void
nest(char *body, int depth, char open, char close)
{
    body += sprintf(body, "{\"title\":");

    for (int i = 1; i < depth; i++) {
        *body++ = open;

        if (open == '{' && i < depth - 1) {
            body += sprintf(body, "\"a\":");
        }
    }

    for (int i = 1; i < depth; i++) {
        *body++ = close;
    }

    strcpy(body, ",\"event\":\"stream_create\"}");
}


START_TEST(test_nesting)
{
    static char  deep[1000000];
    char         body[BODY];

    nest(body, 32, '[', ']');
    ck_assert_int_eq(parse_str(body), ZEGO_OK);
    nest(body, 33, '[', ']');
    ck_assert_int_eq(parse_str(body), ZEGO_BAD_NESTING);

    nest(body, 32, '{', '}');
    ck_assert_int_eq(parse_str(body), ZEGO_OK);
    nest(body, 33, '{', '}');
    ck_assert_int_eq(parse_str(body), ZEGO_BAD_NESTING);

    memset(deep, '[', sizeof(deep));
    memcpy(deep, "{\"a\":", 5);
    ck_assert_int_eq(parse(deep, sizeof(deep), SIZE_MAX), ZEGO_BAD_NESTING);
}
END_TEST


/* which field is missing or impossible */

typedef struct {
    const field_t  *body;
    changes_t       changes;
    zego_reason_e   reason;
    const char     *field;
} fault_t;

#define TOO_BIG    "\"18446744073709551616\""
#define X16        "xxxxxxxxxxxxxxxx"
#define X128       X16 X16 X16 X16 X16 X16 X16 X16
#define X256       X128 X128

static const fault_t faults[] = {
    {stream_create, {"event", NULL}, ZEGO_MISSING, "event"},
    {stream_create, {"event", "null"}, ZEGO_MISSING, "event"},
    {stream_create, {"event", "\"\""}, ZEGO_MISSING, "event"},
    {stream_create, {"event", "1"}, ZEGO_INVALID, "event"},
    {stream_create, {"event", "true"}, ZEGO_INVALID, "event"},
    {stream_create, {"event", "[\"stream_create\"]"}, ZEGO_INVALID, "event"},
    {stream_create, {"event", "{\"event\":\"o\"}"}, ZEGO_INVALID, "event"},
    {stream_create, {"event", "1", "Event", "\"a\""}, ZEGO_INVALID, "event"},

    {stream_create, {"appid", NULL}, ZEGO_MISSING, "appid"},
    {stream_create, {"appid", "null"}, ZEGO_MISSING, "appid"},
    {stream_create, {"room_id", NULL}, ZEGO_MISSING, "room_id"},
    {stream_create, {"room_session_id", NULL}, ZEGO_MISSING,
     "room_session_id"},
    {stream_create, {"room_session_id", NULL, "room_seq", "1"}, ZEGO_MISSING,
     "room_session_id"},
    {stream_create, {"stream_id", NULL, "stream_alias", NULL}, ZEGO_MISSING,
     "stream_id"},
    {stream_create, {"stream_id", "\"\"", "stream_alias", "null"},
     ZEGO_MISSING, "stream_id"},
    {stream_create, {"stream_seq", NULL}, ZEGO_MISSING, "stream_seq"},
    {stream_close, {"room_id", NULL}, ZEGO_MISSING, "room_id"},
    {stream_close, {"room_session_id", NULL}, ZEGO_MISSING,
     "room_session_id"},
    {stream_close, {"stream_id", NULL, "stream_alias", NULL}, ZEGO_MISSING,
     "stream_id"},
    {stream_close, {"stream_seq", NULL}, ZEGO_MISSING, "stream_seq"},
    {room_create, {"appid", NULL}, ZEGO_MISSING, "appid"},
    {room_create, {"room_id", NULL}, ZEGO_MISSING, "room_id"},
    {room_create, {"room_session_id", NULL}, ZEGO_MISSING, "room_session_id"},
    {room_create, {"room_create_time", NULL}, ZEGO_MISSING,
     "room_create_time"},
    {room_close, {"room_id", NULL}, ZEGO_MISSING, "room_id"},
    {room_close, {"room_session_id", NULL}, ZEGO_MISSING, "room_session_id"},
    {room_close, {"room_close_time", NULL}, ZEGO_MISSING, "room_close_time"},
    {room_login, {"room_id", NULL}, ZEGO_MISSING, "room_id"},
    {room_login, {"room_seq", NULL}, ZEGO_MISSING, "room_seq"},
    {room_login, {"room_seq", NULL, "room_session_id", "1"}, ZEGO_MISSING,
     "room_seq"},
    {room_login, {"user_account", NULL}, ZEGO_MISSING, "user_account"},
    {room_login, {"session_id", NULL}, ZEGO_MISSING, "session_id"},
    {room_login, {"login_time", NULL}, ZEGO_MISSING, "login_time"},
    {room_logout, {"room_id", NULL}, ZEGO_MISSING, "room_id"},
    {room_logout, {"room_seq", NULL}, ZEGO_MISSING, "room_seq"},
    {room_logout, {"user_account", NULL}, ZEGO_MISSING, "user_account"},
    {room_logout, {"session_id", NULL}, ZEGO_MISSING, "session_id"},
    {room_logout, {"login_time", NULL}, ZEGO_MISSING, "login_time"},

    /* the first that is checked is named */
    {stream_create, {"appid", NULL, "room_id", NULL}, ZEGO_MISSING, "appid"},
    {stream_create, {"room_id", NULL, "appid", "\"x\""}, ZEGO_INVALID,
     "appid"},
    {stream_create, {"timestamp", "\"x\"", "stream_seq", NULL}, ZEGO_MISSING,
     "stream_seq"},
    {stream_create, {"user_id", "{}", "stream_seq", "\"x\""}, ZEGO_INVALID,
     "stream_seq"},

    /* numbers */
    {stream_create, {"appid", "4294967296"}, ZEGO_INVALID, "appid"},
    {stream_create, {"appid", "-1"}, ZEGO_INVALID, "appid"},
    {stream_create, {"appid", "true"}, ZEGO_INVALID, "appid"},
    {stream_create, {"room_session_id", TOO_BIG}, ZEGO_INVALID,
     "room_session_id"},
    {stream_create, {"room_session_id", "18446744073709551616"}, ZEGO_INVALID,
     "room_session_id"},
    {stream_create, {"room_session_id", "99999999999999999999"}, ZEGO_INVALID,
     "room_session_id"},
    {stream_create, {"room_session_id", "1.0"}, ZEGO_INVALID,
     "room_session_id"},
    {stream_create, {"room_session_id", "1e3"}, ZEGO_INVALID,
     "room_session_id"},
    {stream_create, {"room_session_id", "-0"}, ZEGO_INVALID,
     "room_session_id"},
    {stream_create, {"room_session_id", "\"+1\""}, ZEGO_INVALID,
     "room_session_id"},
    {stream_create, {"room_session_id", "\" 1\""}, ZEGO_INVALID,
     "room_session_id"},
    {stream_create, {"room_session_id", "\"1 \""}, ZEGO_INVALID,
     "room_session_id"},
    {stream_create, {"room_session_id", "\"0x1\""}, ZEGO_INVALID,
     "room_session_id"},
    {stream_create, {"room_session_id", "\"\xd9\xa1\""}, ZEGO_INVALID,
     "room_session_id"},
    {stream_create, {"room_session_id", "[1]"}, ZEGO_INVALID,
     "room_session_id"},
    {stream_create, {"room_session_id", "{}"}, ZEGO_INVALID,
     "room_session_id"},
    {stream_create, {"stream_seq", TOO_BIG}, ZEGO_INVALID, "stream_seq"},
    {stream_create, {"stream_seq", "false"}, ZEGO_INVALID, "stream_seq"},
    {stream_create, {"create_time_ms", "\"x\""}, ZEGO_INVALID,
     "create_time_ms"},
    {stream_create, {"create_time_ms", "18446744073709551615"}, ZEGO_INVALID,
     "create_time_ms"},
    {stream_create, {"create_time_ms", NULL, "create_time", "\"x\""},
     ZEGO_INVALID, "create_time"},
    {stream_create, {"create_time_ms", NULL, "create_time",
     "18446744073709552"}, ZEGO_INVALID, "create_time"},
    {stream_create, {"timestamp", "\"x\""}, ZEGO_INVALID, "timestamp"},
    {stream_create, {"timestamp", "[]"}, ZEGO_INVALID, "timestamp"},
    {stream_create, {"timestamp", "18446744073709552"}, ZEGO_INVALID,
     "timestamp"},
    {stream_close, {"destroy_timemillis", "1.5"}, ZEGO_INVALID,
     "destroy_timemillis"},
    {stream_close, {"type", "4294967296"}, ZEGO_INVALID, "type"},
    {room_create, {"room_create_time", "\"soon\""}, ZEGO_INVALID,
     "room_create_time"},
    {room_close, {"room_close_time", "{}"}, ZEGO_INVALID, "room_close_time"},
    {room_close, {"close_reason", "-1"}, ZEGO_INVALID, "close_reason"},
    {room_login, {"room_seq", "\"x\""}, ZEGO_INVALID, "room_seq"},
    {room_login, {"session_id", TOO_BIG}, ZEGO_INVALID, "session_id"},
    {room_login, {"login_time", "true"}, ZEGO_INVALID, "login_time"},
    {room_login, {"user_role", "2147483648"}, ZEGO_INVALID, "user_role"},
    {room_login, {"user_role", "-1"}, ZEGO_INVALID, "user_role"},
    {room_login, {"user_update_seq", "\"x\""}, ZEGO_INVALID,
     "user_update_seq"},
    {room_logout, {"logout_time", "\"x\""}, ZEGO_INVALID, "logout_time"},
    {room_logout, {"reason", "4294967296"}, ZEGO_INVALID, "reason"},

    /* strings */
    {stream_create, {"room_id", "\"" X128 "\""}, ZEGO_INVALID, "room_id"},
    {stream_create, {"room_id", "[]"}, ZEGO_INVALID, "room_id"},
    {stream_create, {"room_id", "true"}, ZEGO_INVALID, "room_id"},
    {stream_create, {"stream_id", "\"" X256 "\""}, ZEGO_INVALID, "stream_id"},
    {stream_create, {"stream_id", "{}"}, ZEGO_INVALID, "stream_id"},
    {stream_create, {"stream_id", NULL, "stream_alias", "{}"}, ZEGO_INVALID,
     "stream_alias"},
    {stream_create, {"stream_id", NULL, "stream_alias", "\"" X256 "\""},
     ZEGO_INVALID, "stream_alias"},
    {stream_create, {"user_id", "\"" X256 "\""}, ZEGO_INVALID, "user_id"},
    {stream_create, {"user_id", NULL, "publish_id", "false"}, ZEGO_INVALID,
     "publish_id"},
    {stream_create, {"user_name", "\"" X256 "\""}, ZEGO_INVALID, "user_name"},
    {stream_create, {"user_name", NULL, "publish_name", "[]"}, ZEGO_INVALID,
     "publish_name"},
    {stream_create, {"stream_sid", "\"" X256 "\""}, ZEGO_INVALID,
     "stream_sid"},
    {stream_create, {"extra_info", "{}"}, ZEGO_OK, ""},
    {stream_create, {"timestamp", "\"" X256 "\""}, ZEGO_INVALID, "timestamp"},
    {stream_create, {"nonce", "\"" X256 "\""}, ZEGO_INVALID, "nonce"},
    {stream_create, {"nonce", "{}"}, ZEGO_INVALID, "nonce"},
    {stream_create, {"signature", "\"" X256 "\""}, ZEGO_INVALID, "signature"},
    {room_create, {"id_name", "\"" X256 "\""}, ZEGO_INVALID, "id_name"},
    {room_login, {"user_account", "\"" X256 "\""}, ZEGO_INVALID,
     "user_account"},
    {room_login, {"user_nickname", "[]"}, ZEGO_INVALID, "user_nickname"},

    /* the older twin is not looked at, nor are fields of other events */
    {stream_create, {"stream_alias", "{}", "publish_id", "[]"}, ZEGO_OK, ""},
    {stream_create, {"create_time", "\"x\"", "publish_name", "{}"}, ZEGO_OK,
     ""},
    {stream_create, {"type", "{}", "login_time", "\"x\""}, ZEGO_OK, ""},
    {stream_close, {"extra_info", "{}", "third_define_data", "[]"}, ZEGO_OK,
     ""},
    {room_login, {"logout_time", "\"x\"", "room_session_id", "{}"}, ZEGO_OK,
     ""},

    {stream_create, {"room_id", "\"" X16 X16 X16 X16 X16 X16 X16
     "123456789012345\""}, ZEGO_OK, ""},
    {stream_create, {"stream_id", "\"" X128 X16 X16 X16 X16 X16 X16 X16
     "123456789012345\""}, ZEGO_OK, ""},
    {stream_create, {"user_id", "null", "publish_id", "null"}, ZEGO_OK, ""},
    {room_login, {"user_role", "2147483647", "appid", "4294967295"}, ZEGO_OK,
     ""},
    {stream_create, {"create_time_ms", "null", "create_time",
     "18446744073709551"}, ZEGO_OK, ""},
};


START_TEST(test_faults)
{
    char            body[BODY];
    const fault_t  *f = &faults[_i];

    ck_assert_int_eq(parse_str(json_body(body, f->body, f->changes)),
                     ZEGO_OK);
    ck_assert_msg(event.reason == f->reason, "%s: %s not %s", body,
                  zego_reason_name(event.reason).data,
                  zego_reason_name(f->reason).data);
    ck_str(event.field, f->field);
    ck_assert_int_eq(event.has_appid, strcmp(f->field, "event") != 0
                                      && strcmp(f->field, "appid") != 0);
}
END_TEST


/* none of the six: nothing else is looked at but what is signed */

START_TEST(test_ignored)
{
    static const char *const  ignored[] = {
        "{\"event\":\"stream_update\",\"appid\":{}}",
        "{\"event\":\"stream_creat\",\"room_id\":[\"x\"]}",
        "{\"event\":\"stream_created\"}", "{\"event\":\"STREAM_CREATE\"}",
        "{\"event\":\" stream_create\"}", "{\"event\":\"" X256 X256 "\"}",
        "{\"Event\":\"Record\",\"AppId\":1}", "{\"Event\":1}",
        "{\"event\":null,\"Event\":\"stream_create\"}",
        "{\"event\":\"other\",\"timestamp\":{},\"room_id\":\"" X256 "\"}",
        "event=mix", "Event=stream_create&appid=x",
        "%7B%22event%22:%22mix%22%7D"
    };

    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
        ck_assert_int_eq(parse_str(ignored[i]), ZEGO_OK);
        ck_assert_int_eq(event.type, ZEGO_EVENT_OTHER);
        ck_assert_msg(event.reason == ZEGO_OK, "%s", ignored[i]);
    }
}
END_TEST


START_TEST(test_ignored_signed)
{
    static const char *const  ignored[] = {
        "{\"event\":\"mix\",\"timestamp\":17,\"nonce\":\"n\","
        "\"signature\":\"s\",\"appid\":1,\"room_id\":\"r\",\"Event\":{}}",
        "event=mix&timestamp=17&nonce=n&signature=s",
        "{\"Event\":\"mix\",\"AppId\":1,\"Timestamp\":17,\"Nonce\":\"n\","
        "\"Signature\":\"s\"}"
    };

    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
        ck_assert_int_eq(parse_str(ignored[i]), ZEGO_OK);
        ck_assert_int_eq(event.type, ZEGO_EVENT_OTHER);
        ck_str(event.name, "mix");
        ck_str(event.timestamp, "17");
        ck_str(event.nonce, "n");
        ck_str(event.signature, "s");
        ck_assert_int_eq(event.has_appid, 0);
        ck_str(event.room_id, "");
    }

    /* of the six these are others' names */
    ck_assert_int_eq(parse_str("event=room_close&Nonce=n&Event=x"), ZEGO_OK);
    ck_str(event.nonce, "");
    ck_str(event.name, "");

    /* without an event it is told by its signature as well */
    ck_assert_int_eq(parse_str("timestamp=17&nonce=n"), ZEGO_OK);
    ck_assert_int_eq(event.reason, ZEGO_MISSING);
    ck_str(event.nonce, "n");
}
END_TEST


static void
parse_changed(const field_t *fields, const changes_t changes)
{
    char  body[BODY];

    ck_assert_int_eq(parse_str(json_body(body, fields, changes)), ZEGO_OK);
    ck_assert_msg(event.reason == ZEGO_OK, "%s", body);
}

#define CHANGED(fields, ...)  parse_changed(fields, (changes_t) {__VA_ARGS__})


START_TEST(test_numbers_are_exact)
{
    static const struct {
        const char  *json;
        uint64_t     n;
    } numbers[] = {
        {"858012925204410400", UINT64_C(858012925204410400)},
        {"858012925204410401", UINT64_C(858012925204410401)},
        {"\"858012925204410401\"", UINT64_C(858012925204410401)},
        {"9007199254740993", UINT64_C(9007199254740993)},
        {"18446744073709551615", UINT64_MAX},
        {"\"18446744073709551615\"", UINT64_MAX},
        {"\"0018446744073709551615\"", UINT64_MAX},
        {"\"01\"", 1},
        {"\"010\"", 10},
        {"\"08\"", 8},
        {"0", 0},
        {"\"0\"", 0}
    };

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        CHANGED(stream_create, "room_session_id", numbers[i].json);
        ck_assert_uint_eq(event.room_session_id, numbers[i].n);

        CHANGED(stream_create, "stream_seq", numbers[i].json);
        ck_assert_uint_eq(event.seq, numbers[i].n);

        CHANGED(room_logout, "session_id", numbers[i].json);
        ck_assert_uint_eq(event.user_session_id, numbers[i].n);
    }
}
END_TEST


START_TEST(test_strings)
{
    CHANGED(stream_create, "stream_id", "123", "room_id", "-1.50e3");
    ck_str(event.stream_id, "123");
    ck_str(event.room_id, "-1.50e3");

    CHANGED(stream_create, "stream_id",
            "\"\\u0061\\ud83d\\ude00\\/\\\"\\n\xe2\x82\xac\"");
    ck_str(event.stream_id, "a\xf0\x9f\x98\x80/\"\n\xe2\x82\xac");

    CHANGED(stream_create, "room\\u005fid", "\"escaped\"");
    ck_str(event.room_id, "escaped");

    CHANGED(stream_create, "stream_sid", "\"\"", "extra_info", "null");
    ck_assert_uint_eq(event.stream_sid.len, 0);
    ck_assert_uint_eq(event.extra_info.len, 0);

    ck_assert_int_eq(parse_str("event=room_close&appid=1&room_id=a+b%2bc%3D=d"
                               "&room_session_id=2&room_close_time=3"),
                     ZEGO_OK);
    ck_assert_int_eq(event.reason, ZEGO_OK);
    ck_str(event.room_id, "a b+c==d");
}
END_TEST


START_TEST(test_the_last_of_a_name_counts)
{
    static const char  rest[] =
        "\"event\":\"stream_create\",\"appid\":1,\"room_session_id\":1,"
        "\"stream_id\":\"s\",\"stream_seq\":1";
    char               body[BODY];

    sprintf(body, "{\"room_id\":{},\"room_id\":\"a\",%s,\"room_id\":\"b\"}",
            rest);
    ck_assert_int_eq(parse_str(body), ZEGO_OK);
    ck_assert_int_eq(event.reason, ZEGO_OK);
    ck_str(event.room_id, "b");

    sprintf(body, "{\"room_id\":\"a\",%s,\"room_id\":null}", rest);
    ck_assert_int_eq(parse_str(body), ZEGO_OK);
    ck_assert_int_eq(event.reason, ZEGO_MISSING);
    ck_str(event.field, "room_id");

    sprintf(body, "{\"room_id\":\"a\",%s,\"room_id\":[]}", rest);
    ck_assert_int_eq(parse_str(body), ZEGO_OK);
    ck_assert_int_eq(event.reason, ZEGO_INVALID);

    /* the older twin after it does not count, unless it was taken back */
    sprintf(body, "{\"room_id\":\"a\",%s,\"stream_alias\":\"t\"}", rest);
    ck_assert_int_eq(parse_str(body), ZEGO_OK);
    ck_str(event.stream_id, "s");

    sprintf(body, "{\"room_id\":\"a\",%s,\"stream_alias\":\"t\","
            "\"stream_id\":null}", rest);
    ck_assert_int_eq(parse_str(body), ZEGO_OK);
    ck_str(event.stream_id, "t");

    /* only names of the top level */
    sprintf(body, "{\"room_id\":\"a\",%s,\"y\":{\"room_id\":\"b\"}}", rest);
    ck_assert_int_eq(parse_str(body), ZEGO_OK);
    ck_str(event.room_id, "a");

    ck_assert_int_eq(parse_str("event=mix&event=room_create&appid=1&room_id=a"
                               "&room_id=b&room_session_id=1"
                               "&room_create_time=1"), ZEGO_OK);
    ck_assert_int_eq(event.reason, ZEGO_OK);
    ck_str(event.room_id, "b");
}
END_TEST


START_TEST(test_twins)
{
    CHANGED(stream_create, "stream_id", NULL);
    ck_str(event.stream_id, "aaa");

    CHANGED(stream_create, "user_id", NULL, "user_name", NULL);
    ck_str(event.user_id, "publish");
    ck_str(event.user_name, "publish_name");

    CHANGED(stream_create, "create_time_ms", NULL);
    ck_assert_uint_eq(event.time, UINT64_C(1687981272000));
    ck_assert_uint_eq(event.first, UINT64_C(1687981272000));
}
END_TEST


START_TEST(test_times)
{
    /* timestamp stands in for a time, but witnesses none */
    CHANGED(stream_create, "create_time_ms", NULL, "create_time", NULL);
    ck_assert_uint_eq(event.time, UINT64_C(1687981272000));
    ck_assert_uint_eq(event.first, ZEGO_TIME_UNKNOWN);

    CHANGED(stream_close, "create_time_ms", NULL, "timestamp", NULL);
    ck_assert_uint_eq(event.time, 0);
    ck_assert_uint_eq(event.first, UINT64_C(1688000000000));
    ck_assert_uint_eq(event.close_time, UINT64_C(1688000000000));

    CHANGED(stream_close, "create_time_ms", "9", "destroy_timemillis", "8");
    ck_assert_uint_eq(event.time, 9);
    ck_assert_uint_eq(event.first, 8);

    CHANGED(stream_close, "destroy_timemillis", NULL, "type", NULL);
    ck_assert_uint_eq(event.close_time, 0);
    ck_assert_uint_eq(event.first, UINT64_C(1687981272742));
    ck_assert_uint_eq(event.code, 0);

    CHANGED(room_logout, "logout_time", "7", "login_time", "9");
    ck_assert_uint_eq(event.time, 7);
    ck_assert_uint_eq(event.login_time, 9);
    ck_assert_uint_eq(event.first, 7);

    CHANGED(room_logout, "logout_time", NULL, "login_time", "9");
    ck_assert_uint_eq(event.time, UINT64_C(1687981272000));
    ck_assert_uint_eq(event.first, 9);

    CHANGED(room_logout, "logout_time", NULL, "timestamp", NULL);
    ck_assert_uint_eq(event.time, UINT64_C(1687981272000));
    ck_assert_uint_eq(event.time, event.login_time);

    CHANGED(room_login, "login_time", "9", "logout_time", "7");
    ck_assert_uint_eq(event.time, 9);
    ck_assert_uint_eq(event.first, 9);

    CHANGED(room_login, "user_role", NULL, "user_update_seq", NULL);
    ck_assert_int_eq(event.user_role, ZEGO_ROLE_UNKNOWN);
    ck_assert_uint_eq(event.seq, 0);
}
END_TEST


START_TEST(test_signed_bytes_are_as_sent)
{
    CHANGED(stream_create, "timestamp", "\"001\"", "nonce", "12e3");
    ck_str(event.timestamp, "001");
    ck_str(event.nonce, "12e3");

    /* also of a callback that is not right */
    char             body[BODY];
    const changes_t  changes = {"room_id"};

    ck_assert_int_eq(parse_str(json_body(body, stream_create, changes)),
                     ZEGO_OK);
    ck_assert_int_eq(event.reason, ZEGO_MISSING);
    ck_str(event.timestamp, "1687981272");
    ck_str(event.signature, "af");
}
END_TEST


START_TEST(test_kept)
{
    static const struct {
        const char  *json;
        const char  *kept;
    } kept[] = {
        {"\"a\\u0041\\ud83d\\ude00\\/\\n\\u001f\\\"\"",
         "\"x\":\"aA\xf0\x9f\x98\x80/\\n\\u001F\\\"\""},
        {"1.50E+3", "\"x\":1.50E+3"},
        {"123456789012345678901234567890",
         "\"x\":123456789012345678901234567890"},
        {"true", "\"x\":true"},
        {"[ ]", "\"x\":[]"},
        {" [ 1 , null , \"\" , { \"a\" : { } , \"room_id\" : false } ] ",
         "\"x\":[1,null,\"\",{\"a\":{},\"room_id\":false}]"},
        {"{\"x\":1,\"x\":[\"\\u0022\"]}", "\"x\":{\"x\":1,\"x\":[\"\\\"\"]}"},
        {"null", ""},
        {"\"\"", ""},
        {"1,\"x\":2", "\"x\":2"},
        {"1,\"x\":null", ""},
    };

    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        CHANGED(room_create, "x", kept[i].json);
        ck_str(event.kept, kept[i].kept);
    }

    /* in the order of the configuration, each once */
    CHANGED(room_login, "x", "1", "title", "2");
    ck_str(event.kept, "\"auth_level\":2,\"x\":1,\"title\":2");

    /* nothing of a room_close */
    CHANGED(room_close, "x", "1");
    ck_str(event.kept, "");
}
END_TEST


START_TEST(test_too_long_is_left_out)
{
    char  value[BODY];

    for (size_t len = 1020; len < 1030; len++) {
        memset(value, 'v', sizeof(value));
        value[0] = '"';
        strcpy(value + len + 1, "\"");

        CHANGED(stream_create, "extra_info", value);
        ck_assert_uint_eq(event.extra_info.len,
                          len <= ZEGO_EXTRA_INFO_MAX ? len : 0);

        CHANGED(room_create, "x", value);
        ck_assert_uint_eq(event.kept.len, len + 2 <= ZEGO_KEEP_VALUE_MAX
                                          ? len + 2 + strlen("\"x\":") : 0);

        /* the same of a form */
        char  body[BODY];
        int   n = sprintf(body, "event=room_create&appid=1&room_id=a&room_"
                          "session_id=1&room_create_time=1&x=");

        memset(body + n, 'v', len);
        ck_assert_int_eq(parse(body, (size_t) n + len, 100), ZEGO_OK);
        ck_assert_int_eq(event.reason, ZEGO_OK);
        ck_assert_uint_eq(event.kept.len, len + 2 <= ZEGO_KEEP_VALUE_MAX
                                          ? len + 2 + strlen("\"x\":") : 0);
    }

    /* escapes count as they are written: \\u0001 */
    for (size_t n = 169; n < 173; n++) {
        char  *p = value + sprintf(value, "event=room_create&appid=1&room_id=a"
                                   "&room_session_id=1&room_create_time=1&x=");

        for (size_t i = 0; i < n; i++) {
            p += sprintf(p, "%%01");
        }

        ck_assert_int_eq(parse_str(value), ZEGO_OK);
        ck_assert_uint_eq(event.kept.len, n <= 170 ? 6 * n + 2 + 4 : 0);
    }

    /* what is left out takes nothing else with it */
    memset(value, ' ', sizeof(value));
    strcpy(value + sprintf(value, "[\"" X256 X256 X256 X256 "\""), ",true]");
    CHANGED(stream_create, "x", value);
    ck_str(event.kept, "\"title\":\"title\",\"hls_url\":[\"http://a/b\"],"
           "\"stream_id\":\"stream_id\"");
}
END_TEST


START_TEST(test_without_kept_fields)
{
    char  body[BODY];

    zego_parser_destroy(parser);
    parser = zego_parser_create(&memory, NULL);
    ck_assert_int_eq(parse_str(json_body(body, stream_create, NULL)),
                     ZEGO_OK);
    ck_str(event.kept, "");
    ck_str(event.stream_id, "stream_id");
}
END_TEST


/* long tokens, in every kind of piece */

static char *
long_body(size_t len)
{
    static char  body[1 << 20];
    char        *p = body;

    p += sprintf(p, "{\"");
    memset(p, 'k', len), p += len;
    p += sprintf(p, "\":[\"");
    memset(p, 'v', len), p += len;
    p += sprintf(p, "\\n");
    memset(p, 'w', len), p += len;
    p += sprintf(p, "\",1");
    memset(p, '0', len), p += len;
    p += sprintf(p, "],\"room_id\":\"a\\tb\",");
    json_body(p - 1, stream_close, NULL);
    p[-1] = ',';

    return body;
}


START_TEST(test_long_tokens)
{
    static const size_t  lens[] = {100, 2040, 2048, 4096, 30000, 100000};
    static const size_t  pieces[] = {500, 2048, 16384, SIZE_MAX};
    char                 got[BODY];

    for (size_t i = 0; i < 6; i++) {
        for (size_t j = 0; j < 4; j++) {
            const char  *body = long_body(lens[i]);

            ck_assert_int_eq(parse(body, strlen(body), pieces[j]), ZEGO_OK);
            ck_assert_str_eq(show(got), expected[1]);
        }
    }

    /* of a form too, where they need nothing */
    static char  form[300000];
    size_t       live = heap.live;

    memset(form, 'x', sizeof(form));
    form[150000] = '=';
    form_body(form + sprintf(form + 299000, "&") + 299000, stream_close);
    ck_assert_int_eq(parse_str(form), ZEGO_OK);
    ck_assert_str_eq(show(got), expected[1]);
    ck_assert_uint_le(heap.live, live);

    /* what they needed is given back */
    zego_parser_begin(parser);
    ck_assert_uint_eq(heap.live, 1);
}
END_TEST


START_TEST(test_documented_bodies_allocate_nothing)
{
    char    body[BODY];
    size_t  n = heap.n;

    for (size_t i = 0; i < NBODIES; i++) {
        for (size_t piece = 1; piece < 2000; piece += 333) {
            json_body(body, bodies[i], NULL);
            ck_assert_int_eq(parse(body, strlen(body), piece), ZEGO_OK);
            percent_body(body, bodies[i]);
            ck_assert_int_eq(parse(body, strlen(body), piece), ZEGO_OK);
            form_body(body, bodies[i]);
            ck_assert_int_eq(parse(body, strlen(body), piece), ZEGO_OK);
        }
    }

    ck_assert_uint_eq(heap.n, n);
}
END_TEST


START_TEST(test_any_allocation_may_fail)
{
    static const size_t  pieces[] = {700, 5000, SIZE_MAX};
    char                 got[BODY];
    unsigned             failed = 0;

    for (size_t i = 0; i < 3; i++) {
        const char  *body = long_body(20000);

        for (size_t n = 1; ; n++) {
            zego_parser_destroy(parser);

            heap = (heap_t) {0, n, 0};
            parser = zego_parser_create(&memory, &keep);

            if (parser == NULL) {
                ck_assert_uint_eq(n, 1);
                setup();
                continue;
            }

            zego_reason_e  rc = parse(body, strlen(body), pieces[i]);

            if (rc == ZEGO_OK) {
                ck_assert_str_eq(show(got), expected[1]);
                ck_assert_uint_lt(heap.n, n);
                break;
            }

            ck_assert_int_eq(rc, ZEGO_NO_MEMORY);
            failed++;

            /* and the next body is read */
            ck_assert_int_eq(parse(body, strlen(body), pieces[i]), ZEGO_OK);
            ck_assert_str_eq(show(got), expected[1]);
        }
    }

    ck_assert_uint_gt(failed, 3);
}
END_TEST


START_TEST(test_a_parser_is_used_again_after_errors)
{
    char  body[BODY], got[BODY];

    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
        parse(whole[i].body, whole[i].len, 3);
        ck_assert_int_eq(parse_str(json_body(body, bodies[i % NBODIES],
                                             NULL)), ZEGO_OK);
        ck_assert_str_eq(show(got), expected[i % NBODIES]);

        parse(whole[i].body, whole[i].len, 3);
        ck_assert_int_eq(parse_str(percent_body(body, bodies[i % NBODIES])),
                         ZEGO_OK);
        ck_assert_str_eq(show(got), expected[i % NBODIES]);
    }

    /* nothing of a body shows in the next */
    ck_assert_int_eq(parse_str("{\"event\":\"room_close\"}"), ZEGO_OK);
    ck_assert_int_eq(event.reason, ZEGO_MISSING);
    ck_str(event.room_id, "");
    ck_str(event.kept, "");

    /* a body given up halfway */
    zego_parser_begin(parser);
    zego_parser_feed(parser, "{\"room_id\":\"\\ud8", 15);
    ck_assert_int_eq(parse_str(json_body(body, room_create, NULL)), ZEGO_OK);
    ck_assert_str_eq(show(got), expected[2]);
}
END_TEST


/* mutated bodies: no crash, and the same in one piece and in many */

static uint64_t
next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;

    return *state;
}


START_TEST(test_mutated)
{
    static const char  bytes[] = "\"\\{}[]:,%+&=u0 7Bb\xff\xe2\x80";
    const uint64_t     seed = UINT64_C(0x5eed0fca11bac);
    uint64_t           r = seed;
    char               body[BODY], one[BODY], many[BODY];

    printf("mutations: seed %#" PRIx64 "\n", seed);

    for (int i = 0; i < 20000; i++) {
        const field_t  *fields = bodies[next_random(&r) % NBODIES];

        switch (next_random(&r) % 3) {
        case 0:
            json_body(body, fields, NULL);
            break;
        case 1:
            percent_body(body, fields);
            break;
        default:
            form_body(body, fields);
        }

        size_t  len = strlen(body);

        for (uint64_t n = next_random(&r) % 4; n-- > 0; ) {
            size_t  at = next_random(&r) % len;
            size_t  from = next_random(&r) % len;
            size_t  size = next_random(&r) % (len - (at > from ? at : from));

            switch (next_random(&r) % 4) {
            case 0:
                body[at] = (char) next_random(&r);
                break;
            case 1:
                body[at] = bytes[next_random(&r) % (sizeof(bytes) - 1)];
                break;
            case 2:
                memmove(body + at, body + from, size);
                break;
            default:
                len = at + 1;
            }
        }

        zego_reason_e  rc = parse(body, len, SIZE_MAX);

        show(one);
        ck_assert_int_eq(parse(body, len, 1 + next_random(&r) % 40), rc);
        ck_assert_str_eq(show(many), one);
    }
}
END_TEST


START_TEST(test_names)
{
    ck_str(zego_event_name(ZEGO_EVENT_OTHER), "other");
    ck_str(zego_event_name(ZEGO_STREAM_CREATE), "stream_create");
    ck_str(zego_event_name(ZEGO_ROOM_LOGOUT), "room_logout");
    ck_str(zego_verdict_name(ZEGO_IGNORED), "ignored");
    ck_str(zego_verdict_name(ZEGO_APPLIED), "applied");
    ck_str(zego_verdict_name(ZEGO_STALE), "stale");
    ck_str(zego_reason_name(ZEGO_OK), "");
    ck_str(zego_reason_name(ZEGO_BAD_SIGNATURE), "signature");
    ck_str(zego_reason_name(ZEGO_MOVED), "moved");
}
END_TEST


#define add_each(tc, test, table)                                             \
    tcase_add_loop_test(tc, test, 0,                                          \
                        (int) (sizeof(table) / sizeof((table)[0])))

static Suite *
event_suite(void)
{
    Suite  *s = suite_create("event");
    TCase  *tc = tcase_create("event");

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);

    add_each(tc, test_documented, bodies);
    add_each(tc, test_encodings, bodies);
    add_each(tc, test_every_split, bodies);
    add_each(tc, test_every_split_of_odd, odd);
    add_each(tc, test_whole, whole);
    tcase_add_test(tc, test_nesting);
    add_each(tc, test_faults, faults);
    tcase_add_test(tc, test_ignored);
    tcase_add_test(tc, test_ignored_signed);
    tcase_add_test(tc, test_numbers_are_exact);
    tcase_add_test(tc, test_strings);
    tcase_add_test(tc, test_the_last_of_a_name_counts);
    tcase_add_test(tc, test_twins);
    tcase_add_test(tc, test_times);
    tcase_add_test(tc, test_signed_bytes_are_as_sent);
    tcase_add_test(tc, test_kept);
    tcase_add_test(tc, test_too_long_is_left_out);
    tcase_add_test(tc, test_without_kept_fields);
    tcase_add_test(tc, test_long_tokens);
    tcase_add_test(tc, test_documented_bodies_allocate_nothing);
    tcase_add_test(tc, test_any_allocation_may_fail);
    tcase_add_test(tc, test_a_parser_is_used_again_after_errors);
    tcase_add_test(tc, test_mutated);
    tcase_add_test(tc, test_names);

    suite_add_tcase(s, tc);

    return s;
}


int
main(void)
{
    SRunner  *sr = srunner_create(event_suite());
    int       failed;

    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);

    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

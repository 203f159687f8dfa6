
/*
 * Memory that fails: of whatever allocates, each allocation in turn, alone
 * and with all that follow it.  What could not be done changed nothing and is
 * done when it is asked for again, and nothing is lost.
 */

#include "unit.h"


#define ROUNDS  6
#define EVENTS  120
#define LONG    20000


/* memory that fails at the n-th call, or from it on */

typedef struct {
    zego_memory_t         memory;
    zego_memory_t         from;
    size_t                calls;
    size_t                fail;            /* 0: none */
    unsigned              after:1;         /* and all after it */
    size_t                failed;
} faults_t;

typedef struct {
    size_t                failures;
    size_t                deferred;
    size_t                evictions;
    size_t                narrow;          /* windows that could not widen */
} counts_t;


static void history(unit_history_t *history, unit_random_t *random,
    size_t round);
static void fail_in_each(const zego_event_t *events, size_t n,
    counts_t *counts);
static void fail_in_one(const zego_event_t *events, size_t i,
    const unit_zone_t *before, const unit_zone_t *right,
    zego_verdict_e usual, size_t fail, unsigned after, counts_t *counts);
static size_t fail_in_copy(const unit_zone_t *from, const unit_zone_t *right,
    size_t fail, unsigned after, size_t *full);
static void same_text(const unit_zone_t *zone, const unit_zone_t *right,
    unsigned missing);
static void faults_init(faults_t *faults, const zego_memory_t *from,
    size_t fail, unsigned after);
static void *faults_alloc(void *ctx, size_t size);
static void faults_free(void *ctx, void *p);


START_TEST(of_a_callback)
{
    size_t           i, round, rounds;
    counts_t         counts;
    unit_random_t    random;
    unit_history_t   h;

    memset(&counts, 0, sizeof(counts_t));
    unit_random_init(&random);

    for (i = 0; i < unit_nscenarios; i++) {
        fail_in_each(unit_scenarios[i].events,
                     unit_events(&unit_scenarios[i]), &counts);
    }

    rounds = unit_some(ROUNDS);

    for (round = 0; round < rounds; round++) {
        history(&h, &random, round);
        fail_in_each(h.events, h.n, &counts);
        unit_history_free(&h);
    }

    printf("%zu failures, %zu callbacks deferred, %zu tombstones evicted, "
           "%zu windows not widened\n", counts.failures, counts.deferred,
           counts.evictions, counts.narrow);

    ck_assert_uint_gt(counts.deferred, 0);
    ck_assert_uint_gt(counts.evictions, 0);
    ck_assert(counts.narrow || unit_sample() > 1);
}
END_TEST


START_TEST(of_a_zone)
{
    unsigned    after;
    faults_t    faults;
    unit_heap_t heap;
    zego_env_t  env = { .now = 1, .horizon = UNIT_HORIZON };

    for (after = 0; after < 2; after++) {
        unit_heap_init(&heap);
        faults_init(&faults, &heap.memory, 1, after);
        env.memory = faults.memory;

        ck_assert_ptr_null(zego_rooms_create(&env, 1, 1, 0));
        ck_assert_uint_eq(heap.blocks, 0);
    }
}
END_TEST


/* into a zone, whose memory fails, from one that does not change */

START_TEST(of_a_copy)
{
    size_t           round, rounds, fail, n, failures, full;
    unsigned         after;
    faults_t         faults;
    unit_heap_t      heap;
    unit_zone_t      from, right;
    unit_random_t    random;
    unit_history_t   h;

    unit_random_init(&random);
    failures = 0;
    full = 0;

    for (after = 0; after < 2; after++) {
        unit_heap_init(&heap);
        faults_init(&faults, &heap.memory, 1, after);
        ck_assert_ptr_null(zego_copy_create(&faults.memory));
        ck_assert_uint_eq(heap.blocks, 0);
    }

    rounds = unit_some(ROUNDS);

    for (round = 0; round < rounds; round++) {
        history(&h, &random, round);
        unit_zone_init(&from);
        unit_apply_all(&from, h.events, h.n);
        unit_zone_init(&right);
        unit_merge(&right, &from);

        for (after = 0; after < 2; after++) {
            fail = 1;

            do {
                n = fail_in_copy(&from, &right, fail++, after, &full);
                failures += n;
            } while (n);
        }

        unit_zone_done(&from);
        unit_zone_done(&right);
        unit_history_free(&h);
    }

    printf("%zu failures, %zu copies had no room\n", failures, full);
    ck_assert_uint_gt(full, 0);
    ck_assert_uint_gt(failures, full);
}
END_TEST


/* the answer as far as it came; NULL: there was no view */

static char *
answer(const zego_memory_t *memory, const zego_query_t *query,
    const unit_zone_t *zone, unsigned *whole)
{
    int           invalid;
    char         *text;
    size_t        len;
    zego_str_t    piece;
    zego_view_e   rc;
    zego_view_t  *view;

    *whole = 0;
    invalid = 0;
    view = zego_view_create(memory, query, &invalid);
    ck_assert_int_eq(invalid, 0);

    if (view == NULL) {
        return NULL;
    }

    text = NULL;
    len = 0;

    do {
        rc = zego_view_read(view, zone->rooms);
        piece = zego_view_write(view);

        if (piece.data == NULL) {
            zego_view_destroy(view);
            free(text);
            return NULL;
        }

        text = realloc(text, len + piece.len + 1);
        memcpy(text + len, piece.data, piece.len);
        len += piece.len;
        text[len] = '\0';
    } while (rc == ZEGO_VIEW_MORE);

    ck_assert_int_eq(rc, ZEGO_VIEW_DONE);
    zego_view_destroy(view);
    *whole = 1;

    return text;
}


/* with control characters, which make long pieces */

START_TEST(of_a_view)
{
    char            controls[1024], *text, *right;
    size_t          i, fail, failures;
    unsigned        after, whole;
    faults_t        faults;
    unit_heap_t     heap;
    unit_zone_t     zone;
    zego_event_t    stream = STREAM_CREATE(1, 0, 1000, "a");
    zego_event_t    user = LOGIN(1, 0, 1000, "a", 1);
    zego_query_t    queries[] = {
        { .kind = ZEGO_VIEW_ROOMS, .limit = 1000 },
        { .kind = ZEGO_VIEW_ROOMS, .limit = 1000, .counts = 1 },
        { .kind = ZEGO_VIEW_ROOM, .id = STR("r") },
        { .kind = ZEGO_VIEW_ROOM, .id = STR("r"),
          .fields = STR("RoomID,ExtraInfo") },
        { .kind = ZEGO_VIEW_STREAM, .id = STR("a") },
        { .kind = ZEGO_VIEW_STREAM, .user = STR("publisher") },
        { .kind = ZEGO_VIEW_USER, .id = STR("a") }
    };

    memset(controls, '\1', sizeof(controls));
    stream.extra_info = (zego_str_t) { controls, sizeof(controls) };
    user.user_name = (zego_str_t) { controls, ZEGO_USER_NAME_MAX };
    failures = 0;

    unit_zone_init(&zone);

    for (i = 0; i < 300; i++) {
        /* "a" once in each room, in one of them all else */
        stream.seq = user.seq = i + 1;
        stream.room_id.len = user.room_id.len = 1 + i % 30;
        stream.room_id.data = user.room_id.data =
                                         "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrr";
        unit_apply(&zone, &stream);
        unit_apply(&zone, &user);

        if (i % 30 == 0) {
            stream.stream_id.data = user.user_id.data = controls;
            stream.stream_id.len = user.user_id.len = 1 + i / 2;
            unit_apply(&zone, &stream);
            unit_apply(&zone, &user);
            stream.stream_id = user.user_id = (zego_str_t) STR("a");
        }
    }

    for (i = 0; i < 2 * sizeof(queries) / sizeof(queries[0]); i++) {
        after = i & 1;
        unit_heap_init(&heap);
        right = answer(&heap.memory, &queries[i / 2], &zone, &whole);
        ck_assert_uint_eq(whole, 1);

        for (fail = 1; /* void */ ; fail++) {
            faults_init(&faults, &heap.memory, fail, after);
            text = answer(&faults.memory, &queries[i / 2], &zone, &whole);

            ck_assert_uint_eq(heap.blocks, 0);
            ck_assert_uint_eq(heap.bytes, 0);

            if (whole) {
                ck_assert(strcmp(text, right) == 0);
                free(text);
            }

            if (faults.failed == 0) {
                ck_assert_uint_eq(whole, 1);
                break;
            }

            failures += faults.failed;
        }

        ck_assert_uint_gt(fail, 1);
        free(right);
    }

    unit_zone_done(&zone);
    printf("%zu failures\n", failures);
}
END_TEST


/* of a body in pieces of so many bytes; with another parser if there is none
   yet, NULL: there was no memory for it */

static zego_parser_t *
parse(zego_parser_t *parser, const zego_memory_t *memory, const char *body,
    size_t size, zego_reason_e *reason, zego_event_t *event)
{
    size_t                    len, n;
    static const zego_str_t   kept[] = { STR("title"), STR("stream_attr") };
    static const zego_keep_t  keep = { .stream = kept, .nstream = 2 };

    if (parser == NULL) {
        parser = zego_parser_create(memory, &keep);

        if (parser == NULL) {
            return NULL;
        }
    }

    zego_parser_begin(parser);

    for (len = strlen(body); len > 0; len -= n, body += n) {
        n = len < size ? len : size;
        zego_parser_feed(parser, body, n);
    }

    *reason = zego_parser_finish(parser, event);

    return parser;
}


static char *
encoded(const char *body)
{
    char  *text, *p;

    text = malloc(3 * strlen(body) + 1);

    for (p = text; *body; body++) {
        p += sprintf(p, "%%%02X", (unsigned char) *body);
    }

    return text;
}


START_TEST(of_a_parser)
{
    char            *bodies[3], x[LONG + 1];
    size_t           i, k, fail, failures;
    unsigned         after;
    faults_t         faults;
    unit_heap_t      heap;
    zego_event_t     event;
    zego_parser_t   *parser;
    zego_reason_e    reason;
    const size_t     sizes[] = { 700, 5000, SIZE_MAX };

    memset(x, 'x', LONG);
    x[LONG] = '\0';
    bodies[0] = malloc(8 * LONG);
    bodies[2] = malloc(8 * LONG);
    failures = 0;

    sprintf(bodies[0], "{\"%s\":[\"%s\\n\",{\"%s\":1%0*u}],"
            "\"event\":\"stream_create\",\"appid\":1,\"room_id\":\"r\\t\","
            "\"room_session_id\":\"7\",\"stream_id\":\"a\",\"stream_seq\":1,"
            "\"create_time_ms\":\"2000\",\"title\":\"t\\n%.1000s\","
            "\"stream_attr\":{\"%.900s\":[]}}", x, x, x, LONG, 0, x, x);
    bodies[1] = encoded(bodies[0]);
    sprintf(bodies[2], "%s=%s&event=stream_create&appid=1&room_id=r%%09&"
            "room_session_id=7&stream_id=a&stream_seq=1&"
            "create_time_ms=2000&title=t%%0a%.1000s&stream_attr=%.900s",
            x, x, x, x);

    for (i = 0; i < 3 * 3 * 2; i++) {
        k = i / 2 % 3;
        after = i & 1;

        for (fail = 1; /* void */ ; fail++) {
            unit_heap_init(&heap);
            faults_init(&faults, &heap.memory, fail, after);

            parser = parse(NULL, &faults.memory, bodies[i / 6], sizes[k],
                           &reason, &event);

            if (parser) {
                ck_assert_int_eq(reason, faults.failed ? ZEGO_NO_MEMORY
                                                       : ZEGO_OK);
            }

            failures += faults.failed;
            faults.fail = 0;

            /* with the same parser, if there is one */
            parser = parse(parser, &faults.memory, bodies[i / 6], sizes[k],
                           &reason, &event);

            ck_assert_int_eq(reason, ZEGO_OK);
            ck_assert_int_eq(event.reason, ZEGO_OK);
            ck_assert_int_eq(event.type, ZEGO_STREAM_CREATE);
            ck_assert_uint_eq(event.room_id.len, 2);
            ck_assert_mem_eq(event.room_id.data, "r\t", 2);
            ck_assert_uint_gt(event.kept.len, 1900);

            zego_parser_destroy(parser);
            ck_assert_uint_eq(heap.blocks, 0);

            if (faults.failed == 0) {
                break;
            }
        }

        /* a form needs nothing but the parser */
        ck_assert_uint_gt(fail, i / 6 == 2 ? 1 : 3);
    }

    printf("%zu failures\n", failures);

    for (i = 0; i < 3; i++) {
        free(bodies[i]);
    }
}
END_TEST


/* in order, shuffled, or of any facts; with numbers far apart, and fields of
   any length */

static void
history(unit_history_t *history, unit_random_t *random, size_t round)
{
    size_t       i;
    static char  kept[6000];

    memset(kept, '1', sizeof(kept));
    memcpy(kept, "\"n\":", 4);

    if (round % 3 == 2) {
        unit_chaos(history, random, EVENTS);

    } else {
        unit_history(history, random, EVENTS);
    }

    for (i = 0; i < history->n; i++) {
        history->events[i].seq *= round & 1 ? 97 : 1;

        if (unit_random(random, 3) == 0) {
            history->events[i].kept.data = kept;
            history->events[i].kept.len = 5 + unit_random(random,
                                                          sizeof(kept) - 5);
        }
    }

    if (round % 3) {
        unit_shuffle(random, history->events, history->n,
                     sizeof(zego_event_t));
    }
}


static void
fail_in_each(const zego_event_t *events, size_t n, counts_t *counts)
{
    size_t           i, fail, failures;
    unsigned         after;
    unit_zone_t      before, right;
    zego_verdict_e   usual;

    unit_zone_init(&before);
    unit_zone_init(&right);

    for (i = 0; i < n; i++) {
        usual = unit_apply(&right, &events[i]);
        unit_expect(&right, events, i + 1);

        for (after = 0; after < 2; after++) {
            fail = 1;

            do {
                failures = counts->failures;
                fail_in_one(events, i, &before, &right, usual, fail++, after,
                            counts);
            } while (counts->failures > failures);
        }

        unit_apply(&before, &events[i]);
    }

    unit_zone_done(&before);
    unit_zone_done(&right);
}


static void
fail_in_one(const zego_event_t *events, size_t i, const unit_zone_t *before,
    const unit_zone_t *right, zego_verdict_e usual, size_t fail,
    unsigned after, counts_t *counts)
{
    size_t           blocks, bytes;
    faults_t         faults;
    unit_zone_t      zone;
    zego_stats_t     stats, old;
    zego_verdict_e   verdict;

    unit_zone_init(&zone);
    unit_apply_all(&zone, events, i);
    zego_rooms_stats(zone.rooms, &old);
    blocks = zone.heap.blocks;
    bytes = zone.heap.bytes;

    faults_init(&faults, &zone.heap.memory, fail, after);
    zone.env.memory = faults.memory;
    verdict = unit_apply(&zone, &events[i]);
    zone.env.memory = zone.heap.memory;

    unit_check(zone.rooms);
    zego_rooms_stats(zone.rooms, &stats);
    stats.evictions -= old.evictions;

    counts->failures += faults.failed;
    counts->evictions += stats.evictions;

    if (verdict == ZEGO_DEFERRED) {
        counts->deferred++;
        ck_assert_uint_gt(faults.failed, 0);
        ck_assert_uint_eq(stats.version.revision, old.version.revision);
        same_text(&zone, before, 1);

        if (stats.evictions == 0) {
            ck_assert(zego_rooms_equal(zone.rooms, before->rooms));
            ck_assert_uint_eq(zone.heap.blocks, blocks);
            ck_assert_uint_eq(zone.heap.bytes, bytes);
        }

        verdict = unit_apply(&zone, &events[i]);

    } else if (faults.failed && stats.evictions == 0) {
        /* all there is to it: numbers were lost, and said to be missing */
        counts->narrow++;
        ck_assert_int_eq(verdict, usual);
        same_text(&zone, right, 0);
        zego_rooms_stats(right->rooms, &old);
        ck_assert_uint_ge(stats.stream_seq_holes, old.stream_seq_holes);
        ck_assert_uint_ge(stats.user_update_seq_holes,
                          old.user_update_seq_holes);
        unit_zone_done(&zone);
        return;
    }

    ck_assert_int_eq(verdict, usual);
    same_text(&zone, right, 1);

    if (stats.evictions == 0) {
        ck_assert(zego_rooms_equal(zone.rooms, right->rooms));
        ck_assert_uint_eq(zone.heap.blocks, right->heap.blocks);
        ck_assert_uint_eq(zone.heap.bytes, right->heap.bytes);
    }

    unit_zone_done(&zone);
}


/* the number of failures */

static size_t
fail_in_copy(const unit_zone_t *from, const unit_zone_t *right, size_t fail,
    unsigned after, size_t *full)
{
    faults_t      faults;
    unit_zone_t   zone;
    zego_copy_e   rc;

    unit_zone_init(&zone);
    faults_init(&faults, &zone.heap.memory, fail, after);
    zone.env.memory = faults.memory;

    rc = unit_copy(&zone, from);
    unit_check(zone.rooms);

    faults.fail = 0;

    if (rc == ZEGO_COPY_FULL) {
        (*full)++;
        rc = unit_copy(&zone, from);
    }

    /* all that lives; but for numbers that found no room */
    ck_assert_int_eq(rc, ZEGO_COPY_DONE);
    same_text(&zone, from, faults.failed == 0);
    ck_assert(faults.failed || zego_rooms_equal(zone.rooms, from->rooms));

    /* and what it left out is taken when it comes again */
    unit_merge(&zone, from);
    same_text(&zone, from, faults.failed == 0);

    if (zego_rooms_equal(zone.rooms, from->rooms)) {
        ck_assert_uint_eq(zone.heap.blocks, right->heap.blocks);
    }

    unit_zone_done(&zone);

    return faults.failed;
}


static void
same_text(const unit_zone_t *zone, const unit_zone_t *right, unsigned missing)
{
    char  *text, *other;

    text = unit_text(zone->rooms);
    other = unit_text(right->rooms);

    if (!missing) {
        unit_cut(text);
        unit_cut(other);
    }

    ck_assert_str_eq(text, other);

    free(text);
    free(other);
}


static void
faults_init(faults_t *faults, const zego_memory_t *from, size_t fail,
    unsigned after)
{
    memset(faults, 0, sizeof(faults_t));

    faults->memory.alloc = faults_alloc;
    faults->memory.free = faults_free;
    faults->memory.ctx = faults;
    faults->from = *from;
    faults->fail = fail;
    faults->after = after;
}


static void *
faults_alloc(void *ctx, size_t size)
{
    faults_t  *faults = ctx;

    faults->calls++;

    if (faults->fail
        && (faults->calls == faults->fail
            || (faults->after && faults->calls > faults->fail)))
    {
        faults->failed++;
        return NULL;
    }

    return faults->from.alloc(faults->from.ctx, size);
}


static void
faults_free(void *ctx, void *p)
{
    faults_t  *faults = ctx;

    faults->from.free(faults->from.ctx, p);
}


int
main(void)
{
    const TTest  *tests[] = {
        of_a_callback, of_a_zone, of_a_copy, of_a_view, of_a_parser, NULL
    };

    return unit_main("memory", tests);
}

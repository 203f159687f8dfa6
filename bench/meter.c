
/*
 * Linked into a module of its own ("metered", with --wrap): where the time of
 * a callback goes, the longest lock hold and the longest turn of the event
 * loop.  The file that ZEGO_METER names shows them; with ZEGO_METER_LOOP
 * the loop never sleeps, and the longest are measured, whose clock is a system
 * call.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>
#include <ngx_sha1.h>

#include <sys/mman.h>
#include <time.h>

#include "ngx_http_zego.h"


typedef struct {
    ngx_atomic_t  body;                    /* ns in all */
    ngx_atomic_t  parse;
    ngx_atomic_t  sha1;
    ngx_atomic_t  lock;
    ngx_atomic_t  join;
    ngx_atomic_t  hold_max;                /* ns of thread CPU time */
    ngx_atomic_t  turn_max;
    ngx_atomic_t  stall_max;               /* a turn, on the clock */
} meter_t;


ngx_int_t __real_ngx_http_read_client_request_body(ngx_http_request_t *r,
    ngx_http_client_body_handler_pt post_handler);
void __real_zego_parser_begin(zego_parser_t *parser);
void __real_zego_parser_feed(zego_parser_t *parser, const char *data,
    size_t len);
zego_reason_e __real_zego_parser_finish(zego_parser_t *parser,
    zego_event_t *event);
zego_verdict_e __real_zego_rooms_apply(zego_rooms_t *rooms,
    const zego_env_t *env, const zego_event_t *event, zego_applied_t *applied,
    zego_record_t *record);
void __real_ngx_sha1_init(ngx_sha1_t *ctx);
void __real_ngx_sha1_final(u_char result[20], ngx_sha1_t *ctx);
void __real_ngx_shmtx_lock(ngx_shmtx_t *mtx);
void __real_ngx_shmtx_unlock(ngx_shmtx_t *mtx);
ngx_int_t __real_ngx_http_zego_zone_start(ngx_http_zego_zone_t *zone,
    ngx_cycle_t *cycle);

static void meter_body_handler(ngx_http_request_t *r);
static void meter_turn(ngx_event_t *ev);


static meter_t     unread;
static meter_t    *meter = &unread;
static ngx_uint_t  loop;
static ngx_event_t turn;


__attribute__((constructor)) static void
meter_open(void)
{
    int    fd;
    char  *name;

    name = getenv("ZEGO_METER");
    if (name == NULL) {
        return;
    }

    loop = (getenv("ZEGO_METER_LOOP") != NULL);

    fd = open(name, O_RDWR|O_CREAT, 0600);
    if (fd == -1 || ftruncate(fd, sizeof(meter_t)) == -1) {
        abort();
    }

    meter = mmap(NULL, sizeof(meter_t), PROT_READ|PROT_WRITE, MAP_SHARED, fd,
                 0);
    if (meter == MAP_FAILED) {
        abort();
    }
}


static uint64_t
meter_clock(clockid_t clock)
{
    struct timespec  t;

    (void) clock_gettime(clock, &t);

    return (uint64_t) t.tv_sec * 1000000000 + t.tv_nsec;
}


static void
meter_add(ngx_atomic_t *sum, uint64_t since)
{
    (void) ngx_atomic_fetch_add(sum, meter_clock(CLOCK_MONOTONIC) - since);
}


static void
meter_max(ngx_atomic_t *max, clockid_t clock, uint64_t since)
{
    uint64_t  took;

    took = meter_clock(clock) - since;

    if (took > *max) {
        *max = took;
    }
}


/*
 * The client sends headers and body at once, so all of the body is there when
 * it is asked for, and the handler is called before the read returns.
 */

static uint64_t                         body_since;
static ngx_http_client_body_handler_pt  body_handler;


ngx_int_t
__wrap_ngx_http_read_client_request_body(ngx_http_request_t *r,
    ngx_http_client_body_handler_pt post_handler)
{
    body_handler = post_handler;
    body_since = meter_clock(CLOCK_MONOTONIC);

    return __real_ngx_http_read_client_request_body(r, meter_body_handler);
}


static void
meter_body_handler(ngx_http_request_t *r)
{
    meter_add(&meter->body, body_since);

    body_handler(r);
}


void
__wrap_zego_parser_begin(zego_parser_t *parser)
{
    uint64_t  since;

    since = meter_clock(CLOCK_MONOTONIC);
    __real_zego_parser_begin(parser);
    meter_add(&meter->parse, since);
}


void
__wrap_zego_parser_feed(zego_parser_t *parser, const char *data, size_t len)
{
    uint64_t  since;

    since = meter_clock(CLOCK_MONOTONIC);
    __real_zego_parser_feed(parser, data, len);
    meter_add(&meter->parse, since);
}


zego_reason_e
__wrap_zego_parser_finish(zego_parser_t *parser, zego_event_t *event)
{
    uint64_t       since;
    zego_reason_e  reason;

    since = meter_clock(CLOCK_MONOTONIC);
    reason = __real_zego_parser_finish(parser, event);
    meter_add(&meter->parse, since);

    return reason;
}


zego_verdict_e
__wrap_zego_rooms_apply(zego_rooms_t *rooms, const zego_env_t *env,
    const zego_event_t *event, zego_applied_t *applied, zego_record_t *record)
{
    uint64_t        since;
    zego_verdict_e  verdict;

    since = meter_clock(CLOCK_MONOTONIC);
    verdict = __real_zego_rooms_apply(rooms, env, event, applied, record);
    meter_add(&meter->join, since);

    return verdict;
}


static uint64_t  sha1_since;


void
__wrap_ngx_sha1_init(ngx_sha1_t *ctx)
{
    sha1_since = meter_clock(CLOCK_MONOTONIC);
    __real_ngx_sha1_init(ctx);
}


void
__wrap_ngx_sha1_final(u_char result[20], ngx_sha1_t *ctx)
{
    __real_ngx_sha1_final(result, ctx);
    meter_add(&meter->sha1, sha1_since);
}


static uint64_t  held_since;


void
__wrap_ngx_shmtx_lock(ngx_shmtx_t *mtx)
{
    uint64_t  since;

    since = meter_clock(CLOCK_MONOTONIC);
    __real_ngx_shmtx_lock(mtx);
    meter_add(&meter->lock, since);

    if (loop) {
        held_since = meter_clock(CLOCK_THREAD_CPUTIME_ID);
    }
}


void
__wrap_ngx_shmtx_unlock(ngx_shmtx_t *mtx)
{
    if (loop) {
        meter_max(&meter->hold_max, CLOCK_THREAD_CPUTIME_ID, held_since);
    }

    __real_ngx_shmtx_unlock(mtx);
}


static uint64_t  turn_since, stall_since;


ngx_int_t
__wrap_ngx_http_zego_zone_start(ngx_http_zego_zone_t *zone, ngx_cycle_t *cycle)
{

    if (loop && !turn.posted) {
        turn.handler = meter_turn;
        turn.log = ngx_cycle->log;
        ngx_post_event(&turn, &ngx_posted_next_events);
    }

    return __real_ngx_http_zego_zone_start(zone, cycle);
}


static void
meter_turn(ngx_event_t *ev)
{
    if (turn_since) {
        meter_max(&meter->turn_max, CLOCK_THREAD_CPUTIME_ID, turn_since);
        meter_max(&meter->stall_max, CLOCK_MONOTONIC, stall_since);
    }

    turn_since = meter_clock(CLOCK_THREAD_CPUTIME_ID);
    stall_since = meter_clock(CLOCK_MONOTONIC);

    if (!ngx_exiting) {
        ngx_post_event(ev, &ngx_posted_next_events);
    }
}

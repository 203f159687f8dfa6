
#include "ngx_http_zego.h"

#include <ngx_sha1.h>


#define NGX_HTTP_ZEGO_READ_SIZE  65536


static void ngx_http_zego_callback_body_handler(ngx_http_request_t *r);
static ngx_http_zego_callback_t *ngx_http_zego_callback_create(
    ngx_http_request_t *r);
static void ngx_http_zego_callback_cleanup(void *data);
static ngx_int_t ngx_http_zego_callback_process(ngx_http_request_t *r,
    ngx_http_zego_callback_t *cb);
static ngx_int_t ngx_http_zego_callback_parse(ngx_http_request_t *r,
    zego_parser_t *parser);
static ngx_int_t ngx_http_zego_callback_parse_file(ngx_http_request_t *r,
    zego_parser_t *parser, ngx_buf_t *b);
static ngx_int_t ngx_http_zego_callback_save(ngx_http_request_t *r,
    ngx_http_zego_callback_t *cb, zego_event_t *event);
static u_char *ngx_http_zego_callback_copy(u_char *p, ngx_str_t *dst,
    zego_str_t *src);
static zego_reason_e ngx_http_zego_callback_authentic(ngx_http_request_t *r,
    ngx_http_zego_callback_t *cb, zego_event_t *event);
static zego_reason_e ngx_http_zego_callback_check(ngx_http_request_t *r,
    ngx_http_zego_callback_t *cb, zego_event_t *event);
static ngx_http_zego_secret_t *ngx_http_zego_callback_signed(
    ngx_http_zego_app_t *app, zego_event_t *event, uint64_t *key);
static void ngx_http_zego_callback_seen(ngx_http_request_t *r,
    ngx_http_zego_callback_t *cb, zego_event_t *event);
static void ngx_http_zego_callback_replay(ngx_http_request_t *r,
    ngx_http_zego_callback_t *cb);
static void ngx_http_zego_callback_count(ngx_http_request_t *r,
    ngx_http_zego_callback_t *cb, zego_event_t *event);
static ngx_int_t ngx_http_zego_callback_apply(ngx_http_request_t *r,
    ngx_http_zego_callback_t *cb, zego_event_t *event);
static ngx_int_t ngx_http_zego_callback_answer(ngx_http_request_t *r,
    ngx_http_zego_callback_t *cb);


ngx_int_t
ngx_http_zego_callback_handler(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_http_zego_callback_t  *cb;
    ngx_http_zego_loc_conf_t  *zlcf;

    zlcf = ngx_http_get_module_loc_conf(r, ngx_http_zego_module);

    if (zlcf->callback == NULL) {
        return NGX_DECLINED;
    }

    cb = ngx_http_zego_callback_get(r->main);

    if (cb) {

        /* once per request, however often it is sent round */

        if (r != r->main) {
            return NGX_DECLINED;
        }

        if (!cb->done) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        if (zlcf->pass && cb->reason == ZEGO_OK) {
            return NGX_DECLINED;
        }

        ngx_http_finalize_request(r, ngx_http_zego_callback_answer(r, cb));
        return NGX_DONE;
    }

    if (r != r->main) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "zego callback in a subrequest was not taken");
        return NGX_DECLINED;
    }

    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "zego callback handler");

    if (r->method == NGX_HTTP_POST) {

        /* it was begun elsewhere, and there is only a part of it */

        if (r->request_body
            && (r->request_body_no_buffering
                || (r->request_body->rest != 0
                    && (r->headers_in.content_length_n > 0
                        || r->headers_in.chunked))))
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        rc = ngx_http_read_client_request_body(r,
                                           ngx_http_zego_callback_body_handler);

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            return rc;
        }

        ngx_http_finalize_request(r, NGX_DONE);
        return NGX_DONE;
    }

    if (zlcf->pass) {
        return NGX_DECLINED;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    cb = ngx_http_zego_callback_create(r);
    if (cb == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cb->reason = ZEGO_BAD_METHOD;

    /* NGX_OK would be taken for going on with the next phase */

    ngx_http_zego_callback_done(r, cb);
    return NGX_DONE;
}


static void
ngx_http_zego_callback_body_handler(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_http_zego_callback_t  *cb;

    cb = ngx_http_zego_callback_create(r);
    if (cb == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    rc = ngx_http_zego_callback_process(r, cb);

    if (rc == NGX_DONE) {
        return;
    }

    if (rc == NGX_OK) {
        ngx_http_zego_callback_done(r, cb);
        return;
    }

    ngx_http_finalize_request(r, rc);
}


static ngx_http_zego_callback_t *
ngx_http_zego_callback_create(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t        *cln;
    ngx_http_zego_callback_t  *cb;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_zego_callback_t));
    if (cln == NULL) {
        return NULL;
    }

    /* an internal redirect clears the contexts of modules */

    cln->handler = ngx_http_zego_callback_cleanup;

    cb = cln->data;
    ngx_memzero(cb, sizeof(ngx_http_zego_callback_t));

    /*
     * set by ngx_memzero():
     *
     *     cb->event = ZEGO_EVENT_OTHER;
     *     cb->reason = ZEGO_OK;
     */

    cb->verdict = ZEGO_REJECTED;
    cb->age = NGX_ERROR;

    return cb;
}


static void
ngx_http_zego_callback_cleanup(void *data)
{
    ngx_http_zego_callback_t *cb = data;

    if (cb->deliver) {
        ngx_http_zego_delivered(cb->deliver);
    }
}


ngx_http_zego_callback_t *
ngx_http_zego_callback_get(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t  *cln;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_zego_callback_cleanup) {
            return cln->data;
        }
    }

    return NULL;
}


/* NGX_DONE: it waits for its store, which has it answered */

static ngx_int_t
ngx_http_zego_callback_process(ngx_http_request_t *r,
    ngx_http_zego_callback_t *cb)
{
    ngx_int_t                   rc;
    zego_event_t                event;
    ngx_http_zego_loc_conf_t   *zlcf;
    ngx_http_zego_main_conf_t  *zmcf;

    zlcf = ngx_http_get_module_loc_conf(r, ngx_http_zego_module);
    zmcf = ngx_http_get_module_main_conf(r, ngx_http_zego_module);

    if (zmcf->parser == NULL) {
        zmcf->parser = zego_parser_create(&ngx_http_zego_heap, &zmcf->keep);

        if (zmcf->parser == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    zego_parser_begin(zmcf->parser);

    rc = ngx_http_zego_callback_parse(r, zmcf->parser);

    if (rc != NGX_OK) {
        return rc;
    }

    cb->reason = zego_parser_finish(zmcf->parser, &event);

    if (cb->reason != ZEGO_OK) {
        return NGX_OK;
    }

    cb->event = event.type;

    if (event.type == ZEGO_EVENT_OTHER) {
        cb->reason = event.reason;

        /* what else comes here is the backend's */

        if (cb->reason == ZEGO_MISSING && zlcf->pass) {
            cb->reason = ZEGO_OK;
        }

        if (cb->reason == ZEGO_OK) {
            cb->verdict = ZEGO_IGNORED;
        }

        (void) ngx_http_zego_callback_authentic(r, cb, &event);

    } else {

        if (ngx_http_zego_callback_save(r, cb, &event) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        cb->reason = ngx_http_zego_callback_check(r, cb, &event);

        if (cb->reason == ZEGO_OK) {
            return ngx_http_zego_callback_apply(r, cb, &event);
        }
    }

    ngx_http_zego_callback_seen(r, cb, &event);

    if (cb->reason == ZEGO_MISSING || cb->reason == ZEGO_INVALID) {
        cb->field.len = event.field.len;
        cb->field.data = (u_char *) event.field.data;

        if (event.has_appid) {
            ngx_http_zego_explain_refused(zlcf->callback->data, cb);
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_zego_callback_parse(ngx_http_request_t *r, zego_parser_t *parser)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    if (r->request_body == NULL) {
        return NGX_OK;
    }

    for (cl = r->request_body->bufs; cl; cl = cl->next) {

        b = cl->buf;

        if (ngx_buf_in_memory(b)) {
            zego_parser_feed(parser, (char *) b->pos, b->last - b->pos);
            continue;
        }

        if (b->in_file) {
            rc = ngx_http_zego_callback_parse_file(r, parser, b);

            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_zego_callback_parse_file(ngx_http_request_t *r,
    zego_parser_t *parser, ngx_buf_t *b)
{
    off_t     offset;
    u_char   *buf;
    size_t    size;
    ssize_t   n;

    buf = ngx_pnalloc(r->pool, NGX_HTTP_ZEGO_READ_SIZE);
    if (buf == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    offset = b->file_pos;

    while (offset < b->file_last) {

        size = (size_t) ngx_min(b->file_last - offset,
                                NGX_HTTP_ZEGO_READ_SIZE);

        n = ngx_read_file(b->file, buf, size, offset);

        if (n == NGX_ERROR) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        if (n == 0) {
            ngx_log_error(NGX_LOG_CRIT, r->connection->log, 0,
                          "request body file \"%V\" was truncated",
                          &b->file->name);
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        zego_parser_feed(parser, (char *) buf, n);

        offset += n;
    }

    (void) ngx_pfree(r->pool, buf);

    return NGX_OK;
}


/* the parser is needed for the next body before variables are looked at */

static ngx_int_t
ngx_http_zego_callback_save(ngx_http_request_t *r,
    ngx_http_zego_callback_t *cb, zego_event_t *event)
{
    u_char  *p;

    cb->appid = event->appid;
    cb->has_appid = event->has_appid;
    cb->room_session_id = event->room_session_id;

    p = ngx_pnalloc(r->pool, event->room_id.len + event->stream_id.len
                             + event->user_id.len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    p = ngx_http_zego_callback_copy(p, &cb->room_id, &event->room_id);
    p = ngx_http_zego_callback_copy(p, &cb->stream_id, &event->stream_id);
    (void) ngx_http_zego_callback_copy(p, &cb->user_id, &event->user_id);

    ngx_http_zego_explain_create(r, cb, event);

    return NGX_OK;
}


static u_char *
ngx_http_zego_callback_copy(u_char *p, ngx_str_t *dst, zego_str_t *src)
{
    dst->len = src->len;
    dst->data = p;

    /* of what was not sent there is no data */

    return src->len ? ngx_cpymem(p, src->data, src->len) : p;
}


/* without an app id it may be of any app */

static zego_reason_e
ngx_http_zego_callback_authentic(ngx_http_request_t *r,
    ngx_http_zego_callback_t *cb, zego_event_t *event)
{
    ngx_uint_t                  i;
    zego_reason_e               reason;
    ngx_http_zego_app_t        *app;
    ngx_http_zego_main_conf_t  *zmcf;

    zmcf = ngx_http_get_module_main_conf(r, ngx_http_zego_module);

    if (zmcf->apps.nelts == 0) {
        return ZEGO_OK;
    }

    reason = ZEGO_BAD_APP;
    app = zmcf->apps.elts;

    for (i = 0; i < zmcf->apps.nelts; i++) {

        if (event->has_appid && app[i].appid != event->appid) {
            continue;
        }

        cb->secret = ngx_http_zego_callback_signed(&app[i], event, &cb->key);

        if (cb->secret) {
            return ZEGO_OK;
        }

        reason = ZEGO_BAD_SIGNATURE;
    }

    return reason;
}


static zego_reason_e
ngx_http_zego_callback_check(ngx_http_request_t *r,
    ngx_http_zego_callback_t *cb, zego_event_t *event)
{
    time_t                     age;
    zego_reason_e              reason;
    ngx_http_zego_loc_conf_t  *zlcf;

    reason = ngx_http_zego_callback_authentic(r, cb, event);

    if (!event->has_appid) {
        return event->reason;
    }

    if (reason != ZEGO_OK) {
        return reason;
    }

    age = ngx_atotm((u_char *) event->timestamp.data, event->timestamp.len);

    if (age != NGX_ERROR) {
        age = ngx_time() - age;

        if (age < 0) {
            age = -age;
        }

        cb->age = age;
    }

    zlcf = ngx_http_get_module_loc_conf(r, ngx_http_zego_module);

    if (zlcf->max_age && (age == NGX_ERROR || age > zlcf->max_age)) {

        /* whatever comes with it, and it is to take no other one's place */
        cb->key = 0;

        return ZEGO_BAD_AGE;
    }

    return event->reason;
}


/* by which of the secrets, or NULL */

static ngx_http_zego_secret_t *
ngx_http_zego_callback_signed(ngx_http_zego_app_t *app, zego_event_t *event,
    uint64_t *key)
{
    u_char                   diff, hash[20], hex[40];
    ngx_str_t                part, parts[3];
    ngx_int_t                n;
    ngx_uint_t               i, k;
    ngx_sha1_t               sha1;
    ngx_http_zego_secret_t  *secret, *valid;

    if (event->signature.len != sizeof(hex)
        || event->timestamp.len == 0
        || event->nonce.len == 0)
    {
        return NULL;
    }

    valid = NULL;
    secret = app->secrets.elts;

    for (i = 0; i < app->secrets.nelts; i++) {

        parts[0] = secret[i].value;
        parts[1].len = event->timestamp.len;
        parts[1].data = (u_char *) event->timestamp.data;
        parts[2].len = event->nonce.len;
        parts[2].data = (u_char *) event->nonce.data;

        for (k = 1; k < 3; k++) {
            part = parts[k];

            for (n = k - 1; n >= 0; n--) {

                if (ngx_memn2cmp(parts[n].data, part.data, parts[n].len,
                                 part.len)
                    <= 0)
                {
                    break;
                }

                parts[n + 1] = parts[n];
            }

            parts[n + 1] = part;
        }

        ngx_sha1_init(&sha1);

        for (k = 0; k < 3; k++) {
            ngx_sha1_update(&sha1, parts[k].data, parts[k].len);
        }

        ngx_sha1_final(hash, &sha1);

        (void) ngx_hex_dump(hex, hash, sizeof(hash));

        /* in constant time, lest an answer's time tells how much is right */

        diff = 0;

        for (k = 0; k < sizeof(hex); k++) {
            diff |= hex[k] ^ (u_char) event->signature.data[k];
        }

        if (diff == 0) {
            valid = &secret[i];

            ngx_memcpy(key, hash, sizeof(uint64_t));
            *key |= 1;
        }
    }

    return valid;
}


/* what is not applied is remembered too, as it can be captured as well */

static void
ngx_http_zego_callback_seen(ngx_http_request_t *r,
    ngx_http_zego_callback_t *cb, zego_event_t *event)
{
    uint64_t                   fact;
    ngx_uint_t                 replay;
    ngx_http_zego_zone_t      *zone;
    ngx_http_zego_loc_conf_t  *zlcf;

    zlcf = ngx_http_get_module_loc_conf(r, ngx_http_zego_module);
    zone = zlcf->callback->data;

    if (cb->key && zlcf->replay) {
        fact = ngx_http_zego_replay_fact(event);

        if (ngx_http_zego_zone_lock_any(zone) == NGX_OK) {
            replay = ngx_http_zego_replay(zone->sh, cb->key, fact);

            ngx_http_zego_zone_unlock(zone);

            if (replay) {
                ngx_http_zego_callback_replay(r, cb);
            }
        }
    }

    ngx_http_zego_callback_count(r, cb, event);
}


static void
ngx_http_zego_callback_replay(ngx_http_request_t *r,
    ngx_http_zego_callback_t *cb)
{
    ngx_http_zego_zone_t      *zone;
    ngx_http_zego_loc_conf_t  *zlcf;

    zlcf = ngx_http_get_module_loc_conf(r, ngx_http_zego_module);
    zone = zlcf->callback->data;

    (void) ngx_atomic_fetch_add(&zone->sh->metrics.replays, 1);

    if (zlcf->replay == NGX_HTTP_ZEGO_REPLAY_REFUSE) {
        cb->verdict = ZEGO_REJECTED;
        cb->reason = ZEGO_REPLAY;

    } else if (ngx_http_zego_zone_once(&zone->sh->replayed)) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "zego callback has timestamp and nonce of another");
    }
}


/* of those that are authentic, once it is known that they are no replay */

static void
ngx_http_zego_callback_count(ngx_http_request_t *r,
    ngx_http_zego_callback_t *cb, zego_event_t *event)
{
    uint64_t                   time;
    ngx_http_zego_zone_t      *zone;
    ngx_http_zego_metrics_t   *metrics;
    ngx_http_zego_loc_conf_t  *zlcf;

    if (cb->reason == ZEGO_REPLAY) {
        return;
    }

    /* a stream_close tells the time of its create, too */

    time = (event->type == ZEGO_STREAM_CLOSE) ? event->close_time
                                              : event->time;

    if (cb->reason == ZEGO_OK && time != 0 && time <= INT64_MAX) {
        cb->lag = (int64_t) r->start_sec * 1000 + r->start_msec
                  - (int64_t) time;
        cb->has_lag = 1;
    }

    zlcf = ngx_http_get_module_loc_conf(r, ngx_http_zego_module);
    zone = zlcf->callback->data;

    if (zone->sh == NULL) {
        return;
    }

    metrics = &zone->sh->metrics;

    if (cb->secret) {
        ngx_http_zego_metrics_secret(metrics, cb->secret);
    }

    if (cb->age != NGX_ERROR) {
        ngx_http_zego_metrics_age(metrics, cb->age);
    }

    if (cb->has_lag) {
        ngx_http_zego_metrics_lag(metrics, cb->event, cb->lag);
    }
}


static ngx_int_t
ngx_http_zego_callback_apply(ngx_http_request_t *r,
    ngx_http_zego_callback_t *cb, zego_event_t *event)
{
    uint64_t                   fact;
    ngx_int_t                  rc;
    ngx_uint_t                 replay;
    zego_env_t                 env;
    zego_record_t              record;
    ngx_http_zego_zone_t      *zone;
    ngx_http_zego_loc_conf_t  *zlcf;

    zlcf = ngx_http_get_module_loc_conf(r, ngx_http_zego_module);
    zone = zlcf->callback->data;

    cb->verdict = ZEGO_DEFERRED;

    if (zlcf->pass == NGX_HTTP_ZEGO_PASS_CHANGES
        && ngx_http_zego_deliver_create(r, cb, event) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    fact = 0;
    replay = 0;

    if (cb->key && zlcf->replay) {
        fact = ngx_http_zego_replay_fact(event);
    }

    if (zone->store
        && ngx_http_zego_store_reserve(zone->store, &record) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_zego_zone_lock(zone);

    if (rc == NGX_OK) {
        ngx_http_zego_zone_env(zone, &env);

        replay = cb->key && zlcf->replay
                 && ngx_http_zego_replay(zone->sh, cb->key, fact);

        if (replay && zlcf->replay == NGX_HTTP_ZEGO_REPLAY_REFUSE) {
            ngx_http_zego_zone_unlock(zone);
            ngx_http_zego_callback_replay(r, cb);

            return NGX_OK;
        }

        if (zone->store) {
            record.all = !ngx_http_zego_store_complete(zone->store);
        }

        cb->verdict = zego_rooms_apply(zone->sh->rooms, &env, event,
                                       &cb->applied,
                                       zone->store ? &record : NULL);

        if (cb->verdict != ZEGO_DEFERRED) {
            ngx_http_zego_explain(zone, cb);
        }

        ngx_http_zego_zone_unlock(zone);
    }

    if (replay) {
        ngx_http_zego_callback_replay(r, cb);
    }

    ngx_http_zego_callback_count(r, cb, event);

    if (cb->verdict != ZEGO_DEFERRED) {
        cb->has_version = 1;

        if (cb->applied.late) {
            (void) ngx_atomic_fetch_add(&zone->sh->metrics.late[cb->event], 1);
        }

        if (zone->store == NULL) {
            return NGX_OK;
        }

        rc = ngx_http_zego_store_wait(r, cb, &record);

        return (rc == NGX_ERROR) ? NGX_HTTP_INTERNAL_SERVER_ERROR : rc;
    }

    ngx_http_zego_callback_defer(r, cb, (rc == NGX_OK)
                                        ? ZEGO_NO_MEMORY
                                        : ngx_http_zego_zone_reason(rc));

    return NGX_OK;
}


void
ngx_http_zego_callback_defer(ngx_http_request_t *r,
    ngx_http_zego_callback_t *cb, zego_reason_e reason)
{
    ngx_http_zego_zone_t      *zone;
    ngx_http_zego_loc_conf_t  *zlcf;

    cb->verdict = ZEGO_DEFERRED;
    cb->reason = reason;

    zlcf = ngx_http_get_module_loc_conf(r, ngx_http_zego_module);
    zone = zlcf->callback->data;

    ngx_http_zego_explain_refused(zone, cb);

    if (reason == ZEGO_MOVED) {

        /* the one that sends it again should come to a new worker */
        r->keepalive = 0;

    } else if (reason == ZEGO_NO_MEMORY
               && ngx_http_zego_zone_once(&zone->sh->full))
    {
        ngx_log_error(NGX_LOG_CRIT, r->connection->log, 0,
                      "zego zone \"%V\" is full", &zone->shm_zone->shm.name);
    }
}


/* until it goes on, a client that goes away is seen */

ngx_int_t
ngx_http_zego_callback_hold(ngx_http_request_t *r)
{
    ngx_event_t  *rev;

    rev = r->connection->read;

    if (rev->ready) {
        ngx_post_event(rev, &ngx_posted_events);

    } else if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    return NGX_OK;
}


void
ngx_http_zego_callback_done(ngx_http_request_t *r,
    ngx_http_zego_callback_t *cb)
{
    ngx_http_zego_zone_t      *zone;
    ngx_http_zego_metrics_t   *metrics;
    ngx_http_zego_loc_conf_t  *zlcf;

    zlcf = ngx_http_get_module_loc_conf(r, ngx_http_zego_module);
    zone = zlcf->callback->data;

    cb->done = 1;

    if (zone->sh) {
        metrics = &zone->sh->metrics;

        (void) ngx_atomic_fetch_add(&metrics->callbacks[cb->event][cb->verdict],
                                    1);

        if (cb->reason != ZEGO_OK) {
            (void) ngx_atomic_fetch_add(&metrics->reasons[cb->reason], 1);
        }
    }

    ngx_http_zego_callback_go(r, cb);
}


void
ngx_http_zego_callback_go(ngx_http_request_t *r, ngx_http_zego_callback_t *cb)
{
    ngx_int_t                  rc;
    ngx_http_zego_loc_conf_t  *zlcf;

    zlcf = ngx_http_get_module_loc_conf(r, ngx_http_zego_module);

    rc = (zlcf->pass && cb->reason == ZEGO_OK) ? NGX_DECLINED : NGX_OK;

    if (rc == NGX_DECLINED && cb->deliver) {
        rc = ngx_http_zego_deliver(cb->deliver);
    }

    switch (rc) {

    case NGX_DECLINED:
        r->write_event_handler = ngx_http_core_run_phases;
        ngx_http_core_run_phases(r);

        return;

    case NGX_DONE:
        return;

    case NGX_OK:
        ngx_http_finalize_request(r, ngx_http_zego_callback_answer(r, cb));
        return;

    default: /* NGX_ERROR */
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
    }
}


static ngx_int_t
ngx_http_zego_callback_answer(ngx_http_request_t *r,
    ngx_http_zego_callback_t *cb)
{
    zego_str_t  reason, verdict;
    ngx_uint_t  level, status;

    if (cb->reason == ZEGO_OK) {
        return ngx_http_zego_send(r, NGX_HTTP_OK, NULL, NULL);
    }

    level = NGX_LOG_INFO;

    switch (cb->reason) {

    case ZEGO_BAD_METHOD:
        status = NGX_HTTP_NOT_ALLOWED;

        if (ngx_http_zego_add_header(r, "Allow", "POST") == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        break;

    case ZEGO_BAD_APP:
    case ZEGO_BAD_SIGNATURE:
    case ZEGO_BAD_AGE:
    case ZEGO_REPLAY:
        status = NGX_HTTP_FORBIDDEN;
        level = NGX_LOG_ERR;
        break;

    case ZEGO_NO_MEMORY:
    case ZEGO_MOVED:
    case ZEGO_LOADING:
    case ZEGO_NO_STORE:
    case ZEGO_BUSY:
        status = NGX_HTTP_SERVICE_UNAVAILABLE;
        break;

    default:
        status = NGX_HTTP_BAD_REQUEST;
    }

    verdict = zego_verdict_name(cb->verdict);
    reason = zego_reason_name(cb->reason);

    ngx_log_error(level, r->connection->log, 0,
                  "zego callback was %*s: %*s%s%V",
                  verdict.len, verdict.data, reason.len, reason.data,
                  cb->field.len ? " " : "", &cb->field);

    return ngx_http_zego_send_error(r, status, cb->reason, &cb->field);
}


void
ngx_http_zego_parser_cleanup(void *data)
{
    ngx_http_zego_main_conf_t  *zmcf = data;

    if (zmcf->parser) {
        zego_parser_destroy(zmcf->parser);
        zmcf->parser = NULL;
    }
}

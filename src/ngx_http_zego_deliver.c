
/*
 * "pass=changes": a backend is told what it has to know, once and in order.
 * What is on its way is marked in the zone; another one of the same entry is
 * held here, and asks again, until the first one was answered.
 */


#include "ngx_http_zego.h"


#define NGX_HTTP_ZEGO_HOLD_MIN   2
#define NGX_HTTP_ZEGO_HOLD_MAX   50
#define NGX_HTTP_ZEGO_HOLD_TIME  60000

#define NGX_HTTP_ZEGO_RENEW      1000


struct ngx_http_zego_deliver_s {
    ngx_http_request_t          *request;
    ngx_http_zego_callback_t    *callback;
    ngx_http_zego_zone_t        *zone;

    zego_event_t                 event;
    uint64_t                     mark;       /* 0: it is not on its way */

    ngx_event_t                  timer;
    ngx_msec_t                   since;      /* it is held */
    ngx_msec_t                   hold;
};


static ngx_int_t ngx_http_zego_deliver_defer(ngx_http_zego_deliver_t *d,
    zego_reason_e reason);
static ngx_int_t ngx_http_zego_deliver_hold(ngx_http_zego_deliver_t *d);
static void ngx_http_zego_deliver_held(ngx_event_t *ev);
static void ngx_http_zego_deliver_renew(ngx_event_t *ev);
static ngx_uint_t ngx_http_zego_deliver_acknowledged(ngx_http_request_t *r);
static ngx_uint_t ngx_http_zego_deliver_unanswered(ngx_http_request_t *r);


ngx_int_t
ngx_http_zego_deliver_create(ngx_http_request_t *r,
    ngx_http_zego_callback_t *cb, zego_event_t *event)
{
    ngx_event_t               *ev;
    ngx_http_zego_deliver_t   *d;
    ngx_http_zego_loc_conf_t  *zlcf;

    d = ngx_pcalloc(r->pool, sizeof(ngx_http_zego_deliver_t));
    if (d == NULL) {
        return NGX_ERROR;
    }

    zlcf = ngx_http_get_module_loc_conf(r, ngx_http_zego_module);

    d->request = r;
    d->callback = cb;
    d->zone = zlcf->callback->data;

    /* the body, and what of the event lies in it, is not kept */

    d->event.type = event->type;
    d->event.appid = event->appid;
    d->event.room_session_id = event->room_session_id;
    d->event.seq = event->seq;
    d->event.time = event->time;
    d->event.user_session_id = event->user_session_id;

    d->event.room_id.len = cb->room_id.len;
    d->event.room_id.data = (char *) cb->room_id.data;
    d->event.stream_id.len = cb->stream_id.len;
    d->event.stream_id.data = (char *) cb->stream_id.data;
    d->event.user_id.len = cb->user_id.len;
    d->event.user_id.data = (char *) cb->user_id.data;

    ev = &d->timer;

    ev->data = d;
    ev->log = r->connection->log;

    cb->deliver = d;

    return NGX_OK;
}


/*
 * NGX_DECLINED: it goes on.  NGX_OK: it is answered.  NGX_DONE: it is held.
 * NGX_ERROR.
 */

ngx_int_t
ngx_http_zego_deliver(ngx_http_zego_deliver_t *d)
{
    ngx_int_t                  rc;
    zego_env_t                 env;
    zego_deliver_e             deliver;
    ngx_http_zego_zone_t      *zone;
    ngx_http_zego_metrics_t   *metrics;

    zone = d->zone;

    rc = ngx_http_zego_zone_lock(zone);

    if (rc != NGX_OK) {
        return ngx_http_zego_deliver_defer(d, ngx_http_zego_zone_reason(rc));
    }

    ngx_http_zego_zone_env(zone, &env);

    deliver = zego_rooms_deliver(zone->sh->rooms, &env, &d->event,
                                 &d->callback->applied, &d->mark);

    ngx_http_zego_zone_unlock(zone);

    metrics = &zone->sh->metrics;

    switch (deliver) {

    case ZEGO_DELIVER_GO:
        d->timer.handler = ngx_http_zego_deliver_renew;
        ngx_add_timer(&d->timer, NGX_HTTP_ZEGO_RENEW);

        return NGX_DECLINED;

    case ZEGO_DELIVER_KNOWN:
        (void) ngx_atomic_fetch_add(&metrics->known, 1);

        return NGX_OK;

    case ZEGO_DELIVER_WAIT:

        if (d->hold == 0) {
            (void) ngx_atomic_fetch_add(&metrics->held, 1);

            d->since = ngx_current_msec;
            d->hold = NGX_HTTP_ZEGO_HOLD_MIN;
        }

        if (ngx_current_msec - d->since < NGX_HTTP_ZEGO_HOLD_TIME) {
            return ngx_http_zego_deliver_hold(d);
        }

        return ngx_http_zego_deliver_defer(d, ZEGO_BUSY);

    case ZEGO_DELIVER_AGAIN:
        return ngx_http_zego_deliver_defer(d, ZEGO_MOVED);

    default: /* ZEGO_DELIVER_NO_MEMORY */
        return ngx_http_zego_deliver_defer(d, ZEGO_NO_MEMORY);
    }
}


static ngx_int_t
ngx_http_zego_deliver_defer(ngx_http_zego_deliver_t *d, zego_reason_e reason)
{
    ngx_http_zego_callback_defer(d->request, d->callback, reason);

    if (d->zone->sh) {
        (void) ngx_atomic_fetch_add(&d->zone->sh->metrics.reasons[reason], 1);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_zego_deliver_hold(ngx_http_zego_deliver_t *d)
{
    if (ngx_http_zego_callback_hold(d->request) != NGX_OK) {
        return NGX_ERROR;
    }

    d->timer.handler = ngx_http_zego_deliver_held;
    ngx_add_timer(&d->timer, d->hold);

    d->hold = ngx_min(2 * d->hold, NGX_HTTP_ZEGO_HOLD_MAX);

    return NGX_DONE;
}


static void
ngx_http_zego_deliver_held(ngx_event_t *ev)
{
    ngx_connection_t         *c;
    ngx_http_request_t       *r;
    ngx_http_zego_deliver_t  *d;

    d = ev->data;
    r = d->request;
    c = r->connection;

    /* its client has gone, and a "post_action" goes on with it */

    if (r->post_action) {
        return;
    }

    ngx_http_set_log_request(c->log, r);

    r->read_event_handler = ngx_http_block_reading;

    ngx_http_zego_callback_go(r, d->callback);

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_zego_deliver_renew(ngx_event_t *ev)
{
    zego_env_t                env;
    ngx_http_zego_zone_t     *zone;
    ngx_http_zego_deliver_t  *d;

    d = ev->data;
    zone = d->zone;

    /* its connection lingers */

    if (d->request->done && !d->request->post_action) {
        ngx_http_zego_delivered(d);
        return;
    }

    if (ngx_http_zego_zone_lock(zone) == NGX_OK) {
        ngx_http_zego_zone_env(zone, &env);

        zego_rooms_delivering(zone->sh->rooms, &env, &d->event, d->mark);

        ngx_http_zego_zone_unlock(zone);
    }

    ngx_add_timer(ev, NGX_HTTP_ZEGO_RENEW);
}


/* the request ends */

void
ngx_http_zego_delivered(ngx_http_zego_deliver_t *d)
{
    zego_env_t                env;
    ngx_uint_t                acknowledged;
    ngx_http_zego_zone_t     *zone;
    ngx_http_zego_metrics_t  *metrics;

    if (d->timer.timer_set) {
        ngx_del_timer(&d->timer);
    }

    if (d->mark == 0) {
        return;
    }

    zone = d->zone;

    acknowledged = ngx_http_zego_deliver_acknowledged(d->request);

    /* the backend does not know that it has ended: the mark stays */

    if (!acknowledged && ngx_http_zego_deliver_unanswered(d->request)) {
        return;
    }

    if (ngx_http_zego_zone_lock(zone) != NGX_OK) {
        return;
    }

    ngx_http_zego_zone_env(zone, &env);

    zego_rooms_delivered(zone->sh->rooms, &env, &d->event, d->mark,
                         (int) acknowledged);

    d->mark = 0;

    ngx_http_zego_zone_unlock(zone);

    metrics = &zone->sh->metrics;

    (void) ngx_atomic_fetch_add(acknowledged ? &metrics->acknowledged
                                             : &metrics->failed, 1);
}


/* by the backend, whatever an "error_page" has made of its answer */

static ngx_uint_t
ngx_http_zego_deliver_acknowledged(ngx_http_request_t *r)
{
    ngx_uint_t                 status;
    ngx_http_upstream_state_t  *state;

    status = r->headers_out.status;

    /* whose answer that is cannot be told */

    if (r->post_action) {
        return 0;
    }

    if (status < NGX_HTTP_OK || status >= NGX_HTTP_SPECIAL_RESPONSE) {
        return 0;
    }

    if (r->upstream_states == NULL) {
        return 1;
    }

    if (r->upstream_states->nelts == 0) {
        return 0;
    }

    state = r->upstream_states->elts;
    status = state[r->upstream_states->nelts - 1].status;

    return status >= NGX_HTTP_OK && status < NGX_HTTP_SPECIAL_RESPONSE;
}


/* it ended, and nginx had neither an answer nor given up */

static ngx_uint_t
ngx_http_zego_deliver_unanswered(ngx_http_request_t *r)
{
    ngx_uint_t                  i;
    ngx_http_upstream_state_t  *state;

    if (r->headers_out.status == 0
        || r->headers_out.status == NGX_HTTP_CLIENT_CLOSED_REQUEST)
    {
        return 1;
    }

    if (r->upstream_states == NULL) {
        return 0;
    }

    state = r->upstream_states->elts;

    for (i = 0; i < r->upstream_states->nelts; i++) {
        if (state[i].peer && state[i].status == 0) {
            return 1;
        }
    }

    return 0;
}


/*
 * The callbacks seen last, which the rooms keep in a part of the zone, and what
 * is asked of them.
 */


#include "ngx_http_zego.h"


static ngx_int_t ngx_http_zego_explain_id(ngx_http_request_t *r, char *name,
    zego_str_t *id);


void
ngx_http_zego_explain_init(ngx_http_zego_zone_t *zone)
{
    ngx_http_zego_zone_sh_t  *sh;

    sh = zone->sh;

    sh->trace_size = zego_trace_size(zone->shm_zone->shm.size);
    sh->trace = (u_char *) sh->seen - sh->trace_size;
}


/* the parser is needed for the next body before it may be deferred */

void
ngx_http_zego_explain_create(ngx_http_request_t *r,
    ngx_http_zego_callback_t *cb, zego_event_t *event)
{
    zego_trace_t  *trace;

    trace = &cb->trace;

    zego_trace_of(trace, event,
                  (uint64_t) r->start_sec * 1000 + r->start_msec);

    trace->room_id.data = (char *) cb->room_id.data;
    trace->stream_id.data = (char *) cb->stream_id.data;
    trace->user_id.data = (char *) cb->user_id.data;
}


void
ngx_http_zego_explain(ngx_http_zego_zone_t *zone, ngx_http_zego_callback_t *cb)
{
    cb->trace.verdict = cb->verdict;
    cb->trace.reason = cb->reason;
    cb->trace.late = cb->applied.late;

    zego_rooms_trace(zone->sh->rooms, &cb->trace);
}


void
ngx_http_zego_explain_refused(ngx_http_zego_zone_t *zone,
    ngx_http_zego_callback_t *cb)
{
    if (ngx_http_zego_zone_lock_any(zone) == NGX_OK) {
        ngx_http_zego_explain(zone, cb);

        ngx_http_zego_zone_unlock(zone);
    }
}


ngx_int_t
ngx_http_zego_explain_query(ngx_http_request_t *r, zego_query_t *query,
    char **field)
{
    ngx_int_t  rc;

    /* it is told whole */
    ngx_str_null(&query->fields);

    *field = "limit";

    rc = ngx_http_zego_status_limit(r, query);

    if (rc != NGX_OK) {
        return rc;
    }

    *field = "stream";

    rc = ngx_http_zego_explain_id(r, "stream", &query->stream_id);

    if (rc != NGX_OK) {
        return rc;
    }

    *field = "user";

    return ngx_http_zego_explain_id(r, "user", &query->user_id);
}


static ngx_int_t
ngx_http_zego_explain_id(ngx_http_request_t *r, char *name, zego_str_t *id)
{
    ngx_int_t  rc;
    ngx_str_t  value;

    rc = ngx_http_zego_status_arg(r, name, &value);

    if (rc == NGX_OK) {
        id->data = (char *) value.data;
        id->len = value.len;
    }

    return (rc == NGX_DECLINED) ? NGX_OK : rc;
}

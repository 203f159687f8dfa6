
#include "ngx_http_zego.h"


#define NGX_HTTP_ZEGO_CHANGES_BYTES  (256 * 1024)
#define NGX_HTTP_ZEGO_CHANGES_STEPS  64
#define NGX_HTTP_ZEGO_CHANGES_WAIT   300000

#define NGX_HTTP_ZEGO_BOOKMARK_TIME  15000
#define NGX_HTTP_ZEGO_RESETS         3

#define NGX_HTTP_ZEGO_GONE           410

/* what goes along with changes: the longest is that of a reset */
#define NGX_HTTP_ZEGO_EVENT_LEN      256


/* what is sent to one watcher, or to several at the same version */

struct ngx_http_zego_piece_s {
    ngx_uint_t                   refs;
    ngx_http_zego_zone_t        *zone;
    zego_version_t               from;
    zego_version_t               to;
    size_t                       len;
    ngx_uint_t                   more;
    u_char                       data[1];
};


static ngx_int_t ngx_http_zego_changes_args(ngx_http_zego_watch_t *w,
    char **field);
static ngx_int_t ngx_http_zego_changes_version(ngx_str_t *value,
    zego_version_t *version);
static ngx_str_t *ngx_http_zego_changes_header(ngx_http_request_t *r,
    char *name);
static ngx_uint_t ngx_http_zego_changes_accept(ngx_http_request_t *r);

static ngx_int_t ngx_http_zego_changes_ambiguous(ngx_http_zego_watch_t *w);

static ngx_int_t ngx_http_zego_changes_page(ngx_http_zego_watch_t *w);
static ngx_int_t ngx_http_zego_changes_append(ngx_http_zego_watch_t *w,
    u_char *data, size_t len);
static ngx_int_t ngx_http_zego_changes_answer(ngx_http_zego_watch_t *w,
    ngx_int_t rc);

static ngx_int_t ngx_http_zego_changes_start(ngx_http_zego_watch_t *w);
static void ngx_http_zego_changes_stream(ngx_http_zego_watch_t *w,
    ngx_http_zego_piece_t *piece);
static ngx_int_t ngx_http_zego_changes_list(ngx_http_zego_watch_t *w,
    ngx_http_zego_piece_t **piece);
static ngx_int_t ngx_http_zego_changes_follow(ngx_http_zego_watch_t *w,
    ngx_http_zego_piece_t **piece);
static ngx_int_t ngx_http_zego_changes_reset(ngx_http_zego_watch_t *w,
    uint64_t epoch, ngx_http_zego_piece_t **piece);
static ngx_http_zego_piece_t *ngx_http_zego_changes_piece(
    ngx_http_zego_watch_t *w, zego_str_t *json);
static void ngx_http_zego_changes_release(ngx_http_zego_piece_t *piece);
static ngx_int_t ngx_http_zego_changes_output(ngx_http_zego_watch_t *w,
    ngx_http_zego_piece_t *piece, ngx_uint_t last);

static ngx_int_t ngx_http_zego_changes_hold(ngx_http_zego_watch_t *w);
static void ngx_http_zego_changes_reader(ngx_http_request_t *r);
static void ngx_http_zego_changes_writer(ngx_http_request_t *r);
static void ngx_http_zego_changes_timer(ngx_event_t *ev);
static void ngx_http_zego_changes_done(ngx_http_zego_watch_t *w, ngx_int_t rc);
static void ngx_http_zego_changes_leave(ngx_http_zego_watch_t *w);
static void ngx_http_zego_changes_cleanup(void *data);


static zego_view_t            *ngx_http_zego_changes_view;
static ngx_http_zego_piece_t  *ngx_http_zego_changes_last;


/* of a room they are asked for beside what it is now */

ngx_uint_t
ngx_http_zego_changes_wanted(ngx_http_request_t *r, zego_query_t *query)
{
    ngx_str_t  value;

    return query->kind == ZEGO_VIEW_CHANGES
           || (query->kind == ZEGO_VIEW_ROOM
               && (ngx_http_zego_changes_accept(r)
                   || ngx_http_zego_status_arg(r, "after", &value)
                      != NGX_DECLINED));
}


ngx_int_t
ngx_http_zego_changes_handler(ngx_http_request_t *r,
    ngx_http_zego_zone_t *zone, zego_query_t *query)
{
    char                   *field;
    ngx_int_t               rc;
    ngx_pool_cleanup_t     *cln;
    ngx_http_zego_watch_t  *w;

    w = ngx_pcalloc(r->pool, sizeof(ngx_http_zego_watch_t));
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    w->request = r;
    w->zone = zone;
    w->query = *query;
    w->query.kind = ZEGO_VIEW_CHANGES;
    w->query.events = ngx_http_zego_changes_accept(r);
    ngx_str_null(&w->query.fields);

    rc = ngx_http_zego_changes_args(w, &field);

    if (rc == NGX_OK && !w->resume && !w->query.events) {

        /* all that is listed, from which on changes are followed */

        w->query.kind = ZEGO_VIEW_ROOMS;
        w->query.limit = NGX_MAX_UINT32_VALUE;
        w->query.changes = 1;

        return ngx_http_zego_status_view(r, zone, &w->query);
    }

    switch (rc) {

    case NGX_OK:
        break;

    case NGX_ABORT:
        return ngx_http_zego_bad_request(r, ZEGO_INVALID, field);

    default: /* NGX_ERROR */
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_zego_changes_view == NULL) {
        ngx_http_zego_changes_view = zego_view_create(&ngx_http_zego_heap,
                                                      &w->query, &w->invalid);
        if (ngx_http_zego_changes_view == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    rc = ngx_http_zego_changes_ambiguous(w);

    if (rc == NGX_OK) {
        return ngx_http_zego_bad_request(r, ZEGO_MISSING, "appid");
    }

    if (rc == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc == NGX_BUSY) {
        return ngx_http_zego_unavailable(r, w->reason);
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_zego_changes_cleanup;
    cln->data = w;

    w->timer.handler = ngx_http_zego_changes_timer;
    w->timer.data = &ngx_http_zego_dumb;
    w->timer.log = r->connection->log;
    w->timer.cancelable = 1;

    ngx_http_set_ctx(r, w, ngx_http_zego_module);

    if (w->query.events) {
        return ngx_http_zego_changes_start(w);
    }

    rc = ngx_http_zego_changes_page(w);

    if (rc != NGX_AGAIN || w->wait == 0) {
        return ngx_http_zego_changes_answer(w, rc);
    }

    if (ngx_http_zego_watch_add(w) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_zego_watch_idle(w) == NGX_AGAIN) {
        ngx_http_zego_watch_ready(w);
    }

    ngx_add_timer(&w->timer, w->wait);

    ngx_http_zego_changes_reader(r);
    r->write_event_handler = ngx_http_request_empty_handler;

    r->main->count++;

    return NGX_DONE;
}


/* NGX_ABORT: the field is invalid */

static ngx_int_t
ngx_http_zego_changes_args(ngx_http_zego_watch_t *w, char **field)
{
    ngx_int_t            n, rc;
    ngx_str_t            value, *header;
    ngx_http_request_t  *r;

    r = w->request;

    *field = "limit";

    rc = ngx_http_zego_status_limit(r, &w->query);

    if (rc != NGX_OK) {
        return rc;
    }

    *field = "wait";

    rc = ngx_http_zego_status_arg(r, "wait", &value);

    if (rc == NGX_OK) {
        n = ngx_parse_time(&value, 0);

        if (n == NGX_ERROR || n > NGX_HTTP_ZEGO_CHANGES_WAIT) {
            return NGX_ABORT;
        }

        w->wait = (r == r->main && r->method != NGX_HTTP_HEAD) ? n : 0;

    } else if (rc != NGX_DECLINED) {
        return rc;
    }

    if (w->query.events) {
        *field = "last_event_id";

        header = ngx_http_zego_changes_header(r, "Last-Event-ID");

        if (header && header->len) {
            w->resume = 1;
            return ngx_http_zego_changes_version(header, &w->after);
        }

        rc = ngx_http_zego_status_arg(r, "last_event_id", &value);

        if (rc == NGX_OK && value.len) {
            w->resume = 1;
            return ngx_http_zego_changes_version(&value, &w->after);
        }

        if (rc != NGX_OK && rc != NGX_DECLINED) {
            return rc;
        }
    }

    *field = "after";

    rc = ngx_http_zego_status_arg(r, "after", &value);

    if (rc == NGX_OK && (value.len || w->query.id.len)) {
        w->resume = 1;
        return ngx_http_zego_changes_version(&value, &w->after);
    }

    return (rc == NGX_DECLINED) ? NGX_OK : rc;
}


/* "<epoch>-<revision>" */

static ngx_int_t
ngx_http_zego_changes_version(ngx_str_t *value, zego_version_t *version)
{
    off_t        n;
    u_char      *p;
    uint64_t     epoch;
    ngx_int_t    part;
    ngx_uint_t   i;

    p = value->data;

    if (value->len < 18 || p[16] != '-') {
        return NGX_ABORT;
    }

    /* an ngx_int_t may have 32 bits, and one of them is the sign */

    epoch = 0;

    for (i = 0; i < 16; i += 4) {
        part = ngx_hextoi(p + i, 4);

        if (part == NGX_ERROR) {
            return NGX_ABORT;
        }

        epoch = epoch << 16 | (uint64_t) part;
    }

    n = ngx_atoof(p + 17, value->len - 17);

    if (n == NGX_ERROR) {
        return NGX_ABORT;
    }

    version->epoch = epoch;
    version->revision = n;

    return NGX_OK;
}


static ngx_str_t *
ngx_http_zego_changes_header(ngx_http_request_t *r, char *name)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    len = ngx_strlen(name);
    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return NULL;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len == len
            && ngx_strncasecmp(h[i].key.data, (u_char *) name, len) == 0)
        {
            return &h[i].value;
        }
    }
}


static ngx_uint_t
ngx_http_zego_changes_accept(ngx_http_request_t *r)
{
    ngx_str_t  *accept;

    if (r != r->main) {
        return 0;
    }

    accept = ngx_http_zego_changes_header(r, "Accept");

    return accept
           && ngx_strlcasestrn(accept->data, accept->data + accept->len,
                               (u_char *) "text/event-stream",
                               sizeof("text/event-stream") - 2)
              != NULL;
}


/*
 * NGX_OK: the room is in several apps.  NGX_DECLINED: it is not.  NGX_BUSY: the
 * zone cannot be read now, w->reason says why.
 */

static ngx_int_t
ngx_http_zego_changes_ambiguous(ngx_http_zego_watch_t *w)
{
    ngx_int_t              rc;
    zego_view_t           *view;
    zego_view_e            read;
    zego_query_t           query;
    ngx_http_zego_zone_t  *zone;

    if (w->query.id.len == 0 || w->query.has_appid) {
        return NGX_DECLINED;
    }

    zone = w->zone;

    query = w->query;
    query.kind = ZEGO_VIEW_ROOM;
    query.events = 0;
    query.counts = 1;

    view = zego_view_create(&ngx_http_zego_heap, &query, &w->invalid);
    if (view == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_zego_zone_rdlock(zone);

    if (rc != NGX_OK) {
        w->reason = ngx_http_zego_zone_reason(rc);
        zego_view_destroy(view);
        return NGX_BUSY;
    }

    read = zego_view_read(view, zone->sh->rooms);

    ngx_http_zego_zone_rdunlock(zone);

    zego_view_destroy(view);

    return (read == ZEGO_VIEW_AMBIGUOUS) ? NGX_OK : NGX_DECLINED;
}


/*
 * NGX_OK: there is something in the page.  NGX_AGAIN: there is nothing yet.
 * NGX_DECLINED: what came after the version is not known any more.
 * NGX_BUSY: the zone cannot be read now, w->reason says why.  NGX_ERROR.
 */

static ngx_int_t
ngx_http_zego_changes_page(ngx_http_zego_watch_t *w)
{
    u_char                *p, last[NGX_HTTP_ZEGO_EVENT_LEN];
    ngx_int_t              rc;
    ngx_uint_t             n;
    zego_str_t             json;
    zego_view_e            read;
    zego_view_t           *view;
    zego_stats_t           stats;
    zego_version_t         after, version;
    ngx_http_zego_zone_t  *zone;

    zone = w->zone;
    view = ngx_http_zego_changes_view;

    w->page.len = 0;

    zego_view_follow(view, &w->query, w->after, 0);

    after = w->after;

    if (ngx_http_zego_changes_append(w, (u_char *) "{\"ChangeList\":[",
                                     sizeof("{\"ChangeList\":[") - 1)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    n = 0;

    do {
        version = after;

        rc = ngx_http_zego_zone_rdlock(zone);

        if (rc != NGX_OK) {
            w->reason = ngx_http_zego_zone_reason(rc);
            return NGX_BUSY;
        }

        read = zego_view_read(view, zone->sh->rooms);
        zego_rooms_stats(zone->sh->rooms, &stats);

        ngx_http_zego_zone_rdunlock(zone);

        if (read == ZEGO_VIEW_GONE) {

            if (zego_view_items(view)) {
                /* what has been read is whole */
                break;
            }

            w->epoch = stats.version.epoch;
            return NGX_DECLINED;
        }

        json = zego_view_write(view);

        if (json.data == NULL
            || ngx_http_zego_changes_append(w, (u_char *) json.data, json.len)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        after = zego_view_version(view);

    } while (read == ZEGO_VIEW_MORE
             && after.revision != version.revision
             && w->page.len < NGX_HTTP_ZEGO_CHANGES_BYTES
             && ++n < NGX_HTTP_ZEGO_CHANGES_STEPS);

    p = ngx_snprintf(last, NGX_HTTP_ZEGO_EVENT_LEN,
                     "],\"Version\":\"%016xL-%uL\",\"More\":%s}",
                     after.epoch, after.revision,
                     (read == ZEGO_VIEW_DONE) ? "false" : "true");

    w->after = after;

    if (ngx_http_zego_changes_append(w, last, p - last) != NGX_OK) {
        return NGX_ERROR;
    }

    return (zego_view_items(view) || read != ZEGO_VIEW_DONE) ? NGX_OK
                                                             : NGX_AGAIN;
}


/* one that waits has a page each time that it is woken, in the same memory */

static ngx_int_t
ngx_http_zego_changes_append(ngx_http_zego_watch_t *w, u_char *data,
    size_t len)
{
    size_t               size;
    u_char              *p;
    ngx_http_request_t  *r;

    r = w->request;

    if (len > w->size - w->page.len) {
        size = ngx_max(2 * w->size, w->page.len + len
                                    + NGX_HTTP_ZEGO_EVENT_LEN);

        p = ngx_pnalloc(r->pool, size);
        if (p == NULL) {
            return NGX_ERROR;
        }

        if (w->page.len) {
            ngx_memcpy(p, w->page.data, w->page.len);
        }

        (void) ngx_pfree(r->pool, w->page.data);

        w->page.data = p;
        w->size = size;
    }

    ngx_memcpy(w->page.data + w->page.len, data, len);
    w->page.len += len;

    return NGX_OK;
}


static ngx_int_t
ngx_http_zego_changes_answer(ngx_http_zego_watch_t *w, ngx_int_t rc)
{
    ngx_str_t            body;
    ngx_http_request_t  *r;

    r = w->request;

    switch (rc) {

    case NGX_OK:
    case NGX_AGAIN:

        if (ngx_http_zego_add_header(r, "Cache-Control", "no-cache") == NULL
            || ngx_http_zego_add_header(r, "Vary", "Accept") == NULL)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_zego_send(r, NGX_HTTP_OK, &ngx_http_zego_json,
                                  &w->page);

    case NGX_DECLINED:

        if (ngx_http_zego_add_header(r, "Cache-Control", "no-store") == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        if (w->after.epoch == w->epoch) {
            ngx_str_set(&body, "{\"Reason\":\"expired\"}");

        } else {
            ngx_str_set(&body, "{\"Reason\":\"epoch\"}");
        }

        return ngx_http_zego_send(r, NGX_HTTP_ZEGO_GONE, &ngx_http_zego_json,
                                  &body);

    case NGX_BUSY:
        return ngx_http_zego_unavailable(r, w->reason);

    default: /* NGX_ERROR */
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
}


static ngx_int_t
ngx_http_zego_changes_start(ngx_http_zego_watch_t *w)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = w->request;

    /* a proxy of nginx is not to gather what is sent */

    if (ngx_http_zego_add_header(r, "Cache-Control", "no-cache") == NULL
        || ngx_http_zego_add_header(r, "Vary", "Accept") == NULL
        || ngx_http_zego_add_header(r, "X-Accel-Buffering", "no") == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = NGX_HTTP_OK;

    ngx_str_set(&r->headers_out.content_type, "text/event-stream");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    w->state = w->resume ? NGX_HTTP_ZEGO_FOLLOWING : NGX_HTTP_ZEGO_LISTING;

    if (ngx_http_zego_watch_add(w) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_zego_changes_reader(r);
    r->write_event_handler = ngx_http_zego_changes_writer;

    ngx_add_timer(&w->timer, NGX_HTTP_ZEGO_BOOKMARK_TIME);

    r->main->count++;

    ngx_http_zego_watch_ready(w);

    return NGX_DONE;
}


ngx_int_t
ngx_http_zego_changes_next(ngx_http_zego_watch_t *w)
{
    ngx_int_t               rc;
    ngx_connection_t       *c;
    ngx_http_zego_piece_t  *piece;

    c = w->request->connection;

    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, c->log, 0, "zego changes next");

    /* its client has gone, and a "post_action" goes on with it */

    if (w->request->post_action) {
        ngx_http_zego_changes_leave(w);
        return NGX_OK;
    }

    if (!w->query.events) {
        rc = ngx_http_zego_changes_page(w);

        if (rc == NGX_AGAIN && !w->timedout) {

            if (ngx_http_zego_watch_idle(w) == NGX_AGAIN) {
                ngx_http_zego_watch_ready(w);
            }

            return NGX_OK;
        }

        rc = ngx_http_zego_changes_answer(w, rc);
        ngx_http_zego_changes_done(w, rc);

        return NGX_OK;
    }

    piece = NULL;

    if (w->state == NGX_HTTP_ZEGO_LISTING) {
        rc = ngx_http_zego_changes_list(w, &piece);

    } else {
        rc = ngx_http_zego_changes_follow(w, &piece);
    }

    switch (rc) {

    case NGX_AGAIN:
        return NGX_AGAIN;

    case NGX_OK:
    case NGX_DONE:
        w->last = (rc == NGX_DONE);
        ngx_http_zego_changes_stream(w, piece);
        return NGX_OK;

    default: /* NGX_ERROR */
        ngx_http_zego_changes_done(w, NGX_ERROR);
        return NGX_OK;
    }
}


static void
ngx_http_zego_changes_stream(ngx_http_zego_watch_t *w,
    ngx_http_zego_piece_t *piece)
{
    ngx_int_t  rc;

    if (piece || w->last) {
        rc = ngx_http_zego_changes_output(w, piece, w->last);

        if (rc == NGX_AGAIN) {
            w->late = 1;
            return;
        }

        if (rc != NGX_OK || w->last) {
            ngx_http_zego_changes_done(w, rc);
            return;
        }
    }

    w->late = 0;

    if (w->more || ngx_http_zego_watch_idle(w) == NGX_AGAIN) {
        ngx_http_zego_watch_ready(w);
    }
}


/* a piece of the list, with which a stream begins; NGX_DONE: it ends */

static ngx_int_t
ngx_http_zego_changes_list(ngx_http_zego_watch_t *w,
    ngx_http_zego_piece_t **piece)
{
    ngx_int_t              rc;
    zego_str_t             json;
    zego_view_e            read;
    zego_query_t           query;
    ngx_http_zego_zone_t  *zone;

    zone = w->zone;

    if (w->view == NULL) {
        query = w->query;
        query.kind = query.id.len ? ZEGO_VIEW_ROOM : ZEGO_VIEW_ROOMS;
        query.limit = NGX_MAX_UINT32_VALUE;

        w->view = zego_view_create(&ngx_http_zego_heap, &query, &w->invalid);
        if (w->view == NULL) {
            return NGX_ERROR;
        }
    }

    rc = ngx_http_zego_zone_rdlock(zone);

    if (rc != NGX_OK) {
        return NGX_AGAIN;
    }

    read = zego_view_read(w->view, zone->sh->rooms);

    ngx_http_zego_zone_rdunlock(zone);

    /* changes are followed from the version at which it was begun */

    w->after = zego_view_version(w->view);
    w->more = 1;

    if (read == ZEGO_VIEW_MORE || read == ZEGO_VIEW_DONE) {
        json = zego_view_write(w->view);

        *piece = ngx_http_zego_changes_piece(w, &json);
        if (*piece == NULL) {
            return NGX_ERROR;
        }

        if ((*piece)->len == 0) {
            ngx_http_zego_changes_release(*piece);
            *piece = NULL;
        }
    }

    if (read != ZEGO_VIEW_MORE) {
        zego_view_destroy(w->view);
        w->view = NULL;

        /* of a list that has gone this says so */
        w->state = NGX_HTTP_ZEGO_CATCHING_UP;
    }

    /* who comes back is told that an app is to be named */

    return (read == ZEGO_VIEW_AMBIGUOUS) ? NGX_DONE : NGX_OK;
}


/* NGX_DONE: the stream ends with it */

static ngx_int_t
ngx_http_zego_changes_follow(ngx_http_zego_watch_t *w,
    ngx_http_zego_piece_t **piece)
{
    size_t                  len;
    u_char                 *p, *last;
    ngx_int_t               rc;
    ngx_uint_t              shared;
    zego_str_t              json;
    zego_view_e             read;
    zego_view_t            *view;
    zego_stats_t            stats;
    ngx_http_zego_zone_t   *zone;
    ngx_http_zego_piece_t  *from;

    zone = w->zone;
    view = ngx_http_zego_changes_view;

    shared = w->state == NGX_HTTP_ZEGO_FOLLOWING && w->begun && !w->bookmark
             && w->query.id.len == 0 && !w->query.has_appid;

    from = ngx_http_zego_changes_last;

    if (shared && from && from->zone == zone
        && from->from.epoch == w->after.epoch
        && from->from.revision == w->after.revision)
    {
        from->refs++;
        *piece = from;

        w->after = from->to;
        w->more = from->more;

        return NGX_OK;
    }

    rc = ngx_http_zego_zone_rdlock(zone);

    if (rc != NGX_OK) {
        return NGX_AGAIN;
    }

    zego_view_follow(view, &w->query, w->after,
                     w->state == NGX_HTTP_ZEGO_FOLLOWING);

    read = zego_view_read(view, zone->sh->rooms);
    zego_rooms_stats(zone->sh->rooms, &stats);

    ngx_http_zego_zone_rdunlock(zone);

    if (read == ZEGO_VIEW_GONE) {
        return ngx_http_zego_changes_reset(w, stats.version.epoch, piece);
    }

    json = zego_view_write(view);
    len = json.len;

    *piece = ngx_http_zego_changes_piece(w, &json);
    if (*piece == NULL) {
        return NGX_ERROR;
    }

    (*piece)->from = w->after;

    w->after = zego_view_version(view);
    w->more = (read == ZEGO_VIEW_MORE);

    p = (*piece)->data + (*piece)->len;
    last = p + NGX_HTTP_ZEGO_EVENT_LEN;

    if (w->state == NGX_HTTP_ZEGO_CATCHING_UP && !w->more) {
        w->state = NGX_HTTP_ZEGO_FOLLOWING;
        w->resets = 0;

        p = ngx_slprintf(p, last,
                         "event: synced\nid: %016xL-%uL\n"
                         "data: {\"Version\":\"%016xL-%uL\","
                         "\"Since\":%uL}\n\n",
                         w->after.epoch, w->after.revision,
                         w->after.epoch, w->after.revision, stats.since);

    } else if (w->bookmark && !w->more) {
        p = ngx_slprintf(p, last,
                         "event: bookmark\nid: %016xL-%uL\n"
                         "data: {\"Version\":\"%016xL-%uL\"}\n\n",
                         w->after.epoch, w->after.revision,
                         w->after.epoch, w->after.revision);

        w->bookmark = 0;
    }

    (*piece)->len = p - (*piece)->data;

    if ((*piece)->len == 0) {
        ngx_http_zego_changes_release(*piece);
        *piece = NULL;

    } else if (shared && len) {
        (*piece)->zone = zone;
        (*piece)->to = w->after;
        (*piece)->more = w->more;

        (*piece)->refs++;

        if (from) {
            ngx_http_zego_changes_release(from);
        }

        ngx_http_zego_changes_last = *piece;
    }

    return NGX_OK;
}


/*
 * What came after its version is not known any more.  Who has asked for that
 * is told the list anew, but who is too slow for it is not.
 */

static ngx_int_t
ngx_http_zego_changes_reset(ngx_http_zego_watch_t *w, uint64_t epoch,
    ngx_http_zego_piece_t **piece)
{
    char        *reason;
    u_char      *p;
    ngx_int_t    rc;
    zego_str_t   json;

    rc = NGX_OK;

    if (w->after.epoch != epoch) {
        reason = "epoch";

    } else if (w->late || w->resets++ == NGX_HTTP_ZEGO_RESETS) {
        reason = "slow";
        rc = NGX_DONE;

        (void) ngx_atomic_fetch_add(&w->zone->sh->metrics.watches_cut, 1);

        ngx_log_error(NGX_LOG_INFO, w->request->connection->log, 0,
                      "zego watcher is too slow for the changes of zone "
                      "\"%V\"", &w->zone->shm_zone->shm.name);

    } else {
        reason = "expired";
    }

    json.data = "";
    json.len = 0;

    *piece = ngx_http_zego_changes_piece(w, &json);
    if (*piece == NULL) {
        return NGX_ERROR;
    }

    p = (*piece)->data + (*piece)->len;

    p = ngx_slprintf(p, p + NGX_HTTP_ZEGO_EVENT_LEN,
                     "event: reset\ndata: {\"Reason\":\"%s\"}\n\n", reason);

    (*piece)->len = p - (*piece)->data;

    w->state = NGX_HTTP_ZEGO_LISTING;
    w->more = 1;

    return rc;
}


static ngx_http_zego_piece_t *
ngx_http_zego_changes_piece(ngx_http_zego_watch_t *w, zego_str_t *json)
{
    u_char                 *p;
    ngx_http_zego_piece_t  *piece;

    if (json->data == NULL) {
        return NULL;
    }

    piece = ngx_alloc(offsetof(ngx_http_zego_piece_t, data) + json->len
                      + 2 * NGX_HTTP_ZEGO_EVENT_LEN,
                      w->request->connection->log);
    if (piece == NULL) {
        return NULL;
    }

    ngx_memzero(piece, sizeof(ngx_http_zego_piece_t));

    piece->refs = 1;
    p = piece->data;

    if (!w->begun) {
        w->begun = 1;
        p = ngx_cpymem(p, "retry: 1000\n\n", sizeof("retry: 1000\n\n") - 1);
    }

    p = ngx_cpymem(p, json->data, json->len);

    piece->len = p - piece->data;

    return piece;
}


static void
ngx_http_zego_changes_release(ngx_http_zego_piece_t *piece)
{
    if (--piece->refs == 0) {
        ngx_free(piece);
    }
}


/* NGX_AGAIN: it is being sent */

static ngx_int_t
ngx_http_zego_changes_output(ngx_http_zego_watch_t *w,
    ngx_http_zego_piece_t *piece, ngx_uint_t last)
{
    ngx_buf_t           *b;
    ngx_chain_t         *out;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = w->request;
    c = r->connection;
    out = NULL;

    if (piece) {
        w->piece = piece;
    }

    if (piece || last) {
        out = ngx_chain_get_free_buf(r->pool, &w->free);
        if (out == NULL) {
            return NGX_ERROR;
        }

        b = out->buf;

        ngx_memzero(b, sizeof(ngx_buf_t));

        b->tag = (ngx_buf_tag_t) &ngx_http_zego_module;

        if (piece) {
            b->pos = piece->data;
            b->last = b->pos + piece->len;
            b->memory = 1;
        }

        b->flush = 1;
        b->last_buf = last;
        b->last_in_chain = last;
    }

    if (ngx_http_output_filter(r, out) == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (last) {
        return NGX_OK;
    }

    /*
     * gzip that has passed on all that it had does not ask for the rest to be
     * sent, such as the end of a chunk
     */

    if (out == NULL
        && (c->buffered & (NGX_HTTP_WRITE_BUFFERED|NGX_LOWLEVEL_BUFFERED))
        && ngx_http_write_filter(r->main, NULL) == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    ngx_chain_update_chains(r->pool, &w->free, &w->busy, &out,
                            (ngx_buf_tag_t) &ngx_http_zego_module);

    /* gzip, or TLS, may have taken all of it and have some of it still */

    if (w->busy || c->buffered || c->write->delayed) {
        return ngx_http_zego_changes_hold(w);
    }

    if (w->piece) {
        ngx_http_zego_changes_release(w->piece);
        w->piece = NULL;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_zego_changes_hold(ngx_http_zego_watch_t *w)
{
    ngx_event_t               *wev;
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;

    r = w->request;
    wev = r->connection->write;

    clcf = ngx_http_get_module_loc_conf(r->main, ngx_http_core_module);

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_AGAIN;
}


/* of a client that has gone already no other event tells */

static void
ngx_http_zego_changes_reader(ngx_http_request_t *r)
{
    ngx_event_t  *rev;

    rev = r->connection->read;

    if (rev->ready) {
        ngx_post_event(rev, &ngx_posted_events);
    }

    r->read_event_handler = r->discard_body ?
                                ngx_http_discarded_request_body_handler:
                                ngx_http_test_reading;
}


static void
ngx_http_zego_changes_writer(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_event_t            *wev;
    ngx_connection_t       *c;
    ngx_http_zego_watch_t  *w;

    c = r->connection;
    wev = c->write;

    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, c->log, 0, "zego changes writer");

    w = ngx_http_get_module_ctx(r, ngx_http_zego_module);

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                      "client timed out");
        c->timedout = 1;

        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (w->piece == NULL && !wev->delayed) {
        return;
    }

    if (wev->delayed) {
        rc = ngx_http_zego_changes_hold(w);

    } else {
        rc = ngx_http_zego_changes_output(w, NULL, 0);
    }

    if (rc == NGX_AGAIN) {
        return;
    }

    if (rc != NGX_OK) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    if (wev->timer_set) {
        ngx_del_timer(wev);
    }

    ngx_http_zego_watch_ready(w);
}


/* of a stream a bookmark is due, else it has waited */

static void
ngx_http_zego_changes_timer(ngx_event_t *ev)
{
    ngx_http_zego_watch_t  *w;

    w = ngx_queue_data(ev, ngx_http_zego_watch_t, timer);

    if (w->query.events) {
        w->bookmark = (w->state == NGX_HTTP_ZEGO_FOLLOWING);

        ngx_add_timer(ev, NGX_HTTP_ZEGO_BOOKMARK_TIME);

    } else {
        w->timedout = 1;
    }

    if (w->is_idle) {
        ngx_http_zego_watch_ready(w);
    }
}


void
ngx_http_zego_changes_end(ngx_http_zego_watch_t *w)
{
    ngx_int_t  rc;

    if (w->request->post_action) {
        ngx_http_zego_changes_leave(w);
        return;
    }

    if (w->query.events) {

        /* what is being sent goes first, and what follows is asked for anew */

        rc = ngx_http_zego_changes_output(w, NULL, 1);

    } else {
        rc = ngx_http_zego_changes_page(w);
        rc = ngx_http_zego_changes_answer(w, rc);
    }

    ngx_http_zego_changes_done(w, rc);
}


static void
ngx_http_zego_changes_done(ngx_http_zego_watch_t *w, ngx_int_t rc)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    ngx_http_zego_changes_leave(w);

    r = w->request;
    c = r->connection;

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_zego_changes_leave(ngx_http_zego_watch_t *w)
{
    ngx_http_zego_watch_remove(w);

    if (w->timer.timer_set) {
        ngx_del_timer(&w->timer);
    }
}


static void
ngx_http_zego_changes_cleanup(void *data)
{
    ngx_http_zego_watch_t  *w = data;

    ngx_http_zego_changes_leave(w);

    if (w->view) {
        zego_view_destroy(w->view);
    }

    if (w->piece) {
        ngx_http_zego_changes_release(w->piece);
    }
}

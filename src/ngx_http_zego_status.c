
#include "ngx_http_zego.h"


#define NGX_HTTP_ZEGO_LIMIT      100
#define NGX_HTTP_ZEGO_LIMIT_MAX  1000

/* what is sent at once, but for the first piece and the last */
#define NGX_HTTP_ZEGO_SEND_MIN   16384


static ngx_int_t ngx_http_zego_status_path(ngx_http_request_t *r,
    ngx_str_t *path);
static u_char *ngx_http_zego_status_prefix(ngx_str_t *prefix, u_char *p,
    u_char *last);
static ngx_int_t ngx_http_zego_status_query(ngx_http_request_t *r,
    ngx_str_t *path, zego_query_t *query, char **field);
static ngx_int_t ngx_http_zego_status_page(ngx_http_request_t *r,
    zego_query_t *query, char **field);
static ngx_int_t ngx_http_zego_status_hex(u_char *p, u_char *last);

static ngx_int_t ngx_http_zego_status_header(ngx_http_request_t *r,
    ngx_http_zego_status_t *st, zego_query_t *query);
static ngx_int_t ngx_http_zego_status_next(ngx_http_request_t *r,
    ngx_http_zego_status_t *st);
static ngx_int_t ngx_http_zego_status_output(ngx_http_request_t *r,
    ngx_http_zego_status_t *st, zego_str_t *piece);
static ngx_int_t ngx_http_zego_status_wait(ngx_http_request_t *r,
    ngx_http_zego_status_t *st);
static void ngx_http_zego_status_writer(ngx_http_request_t *r);
static void ngx_http_zego_status_cleanup(void *data);


ngx_str_t  ngx_http_zego_json = ngx_string("application/json");


ngx_int_t
ngx_http_zego_status_handler(ngx_http_request_t *r)
{
    char                      *field;
    ngx_int_t                  rc;
    ngx_str_t                  path;
    zego_query_t               query;
    ngx_http_zego_zone_t      *zone;
    ngx_http_zego_loc_conf_t  *zlcf;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {

        if (ngx_http_zego_add_header(r, "Allow", "GET, HEAD") == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_zego_send_error(r, NGX_HTTP_NOT_ALLOWED,
                                        ZEGO_BAD_METHOD, NULL);
    }

    zlcf = ngx_http_get_module_loc_conf(r, ngx_http_zego_module);
    zone = zlcf->status->data;

    /* a frozen list would lack what new workers have answered with 200 */

    if (ngx_http_zego_zone_moved(zone)) {
        return ngx_http_zego_unavailable(r, ZEGO_MOVED);
    }

    field = NULL;

    rc = ngx_http_zego_status_path(r, &path);

    if (rc == NGX_OK) {

        if (path.len == 0) {
            rc = ngx_http_zego_action_handler(r, zone);

            return (rc == NGX_DECLINED) ? ngx_http_zego_page_handler(r) : rc;
        }

        if (path.len == sizeof("metrics") - 1
            && ngx_strncmp(path.data, "metrics", sizeof("metrics") - 1) == 0)
        {
            return ngx_http_zego_metrics_handler(r, zone);
        }

        rc = ngx_http_zego_status_query(r, &path, &query, &field);
    }

    switch (rc) {

    case NGX_OK:

        if (ngx_http_zego_changes_wanted(r, &query)) {
            return ngx_http_zego_changes_handler(r, zone, &query);
        }

        return ngx_http_zego_status_view(r, zone, &query);

    case NGX_DECLINED:
        return ngx_http_zego_send_error(r, NGX_HTTP_NOT_FOUND, ZEGO_OK, NULL);

    case NGX_ABORT:
        return ngx_http_zego_bad_request(r, ZEGO_INVALID, field);

    case NGX_BUSY:
        return ngx_http_zego_bad_request(r, ZEGO_MISSING, field);

    default: /* NGX_ERROR */
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
}


/*
 * The path below the location, decoded once.  In r->uri an id may have lost
 * slashes and dots, so the request line is used if it leads here as it is.
 */

static ngx_int_t
ngx_http_zego_status_path(ngx_http_request_t *r, ngx_str_t *path)
{
    u_char                    *p, *last;
    ngx_int_t                  rc;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    p = NULL;
    last = NULL;

    if (r->valid_unparsed_uri) {
        p = r->unparsed_uri.data;

        for (last = p; last < p + r->unparsed_uri.len; last++) {
            if (*last == '?' || *last == '#') {
                break;
            }
        }

        p = ngx_http_zego_status_prefix(&clcf->name, p, last);
    }

    if (p) {
        rc = ngx_http_zego_status_decode(r, path, p, last, 0);

        if (rc != NGX_OK) {
            return (rc == NGX_ERROR) ? NGX_ERROR : NGX_DECLINED;
        }

    } else {

        if (r->uri.len < clcf->name.len
            || ngx_strncmp(r->uri.data, clcf->name.data, clcf->name.len) != 0)
        {
            return NGX_DECLINED;
        }

        path->len = r->uri.len - clcf->name.len;
        path->data = r->uri.data + clcf->name.len;
    }

    if (clcf->name.len == 0
        || clcf->name.data[clcf->name.len - 1] != '/')
    {
        if (path->len && path->data[0] != '/') {
            return NGX_DECLINED;
        }
    }

    /* a base that ends with a slash, and a path that begins with one */

    while (path->len && path->data[0] == '/') {
        path->len--;
        path->data++;
    }

    return NGX_OK;
}


/* what follows the prefix, or NULL if the bytes do not begin with it */

static u_char *
ngx_http_zego_status_prefix(ngx_str_t *prefix, u_char *p, u_char *last)
{
    ngx_int_t   ch;
    ngx_uint_t  i;

    for (i = 0; i < prefix->len; i++) {

        if (p == last) {
            return NULL;
        }

        ch = *p++;

        if (ch == '%') {
            ch = ngx_http_zego_status_hex(p, last);
            p += 2;
        }

        if (ch != prefix->data[i]) {
            return NULL;
        }
    }

    return p;
}


/*
 * NGX_DECLINED: there is nothing of that name.  NGX_ABORT: the field is
 * invalid.  NGX_BUSY: the field is missing.
 */

static ngx_int_t
ngx_http_zego_status_query(ngx_http_request_t *r, ngx_str_t *path,
    zego_query_t *query, char **field)
{
    off_t                       n;
    size_t                      len;
    u_char                     *p;
    ngx_int_t                   rc;
    ngx_str_t                   id, value;
    ngx_uint_t                  explain;
    ngx_http_zego_main_conf_t  *zmcf;

    ngx_memzero(query, sizeof(zego_query_t));

    explain = (path->len >= sizeof("explain/") - 1
               && ngx_strncmp(path->data, "explain/", sizeof("explain/") - 1)
                  == 0);

    if (explain) {
        path->len -= sizeof("explain/") - 1;
        path->data += sizeof("explain/") - 1;
    }

    p = ngx_strlchr(path->data, path->data + path->len, '/');
    len = p ? (size_t) (p - path->data) : path->len;

    if (len == sizeof("rooms") - 1
        && ngx_strncmp(path->data, "rooms", len) == 0)
    {
        query->kind = explain ? ZEGO_VIEW_EXPLAIN : ZEGO_VIEW_ROOM;

    } else if (explain) {
        return NGX_DECLINED;

    } else if (len == sizeof("streams") - 1
               && ngx_strncmp(path->data, "streams", len) == 0)
    {
        query->kind = ZEGO_VIEW_STREAM;

    } else if (len == sizeof("users") - 1
               && ngx_strncmp(path->data, "users", len) == 0)
    {
        query->kind = ZEGO_VIEW_USER;

    } else if (path->len == sizeof("changes") - 1
               && ngx_strncmp(path->data, "changes", path->len) == 0)
    {
        query->kind = ZEGO_VIEW_CHANGES;

    } else {
        return NGX_DECLINED;
    }

    *field = "appid";

    rc = ngx_http_zego_status_arg(r, "appid", &value);

    if (rc == NGX_OK) {
        n = ngx_atoof(value.data, value.len);

        if (n == NGX_ERROR || n > (off_t) NGX_MAX_UINT32_VALUE) {
            return NGX_ABORT;
        }

        query->appid = (uint32_t) n;
        query->has_appid = 1;

    } else if (rc != NGX_DECLINED) {
        return rc;
    }

    if (query->kind == ZEGO_VIEW_CHANGES) {
        return NGX_OK;
    }

    rc = ngx_http_zego_status_arg(r, "fields", &value);

    if (rc == NGX_OK) {
        zmcf = ngx_http_get_module_main_conf(r, ngx_http_zego_module);

        query->keep = &zmcf->keep;
        query->fields.data = (char *) value.data;
        query->fields.len = value.len;

    } else if (rc != NGX_DECLINED) {
        *field = "fields";
        return rc;
    }

    *field = "state";

    rc = ngx_http_zego_status_arg(r, "state", &value);

    if (rc == NGX_OK) {

        if (value.len == sizeof("closed") - 1
            && ngx_strncmp(value.data, "closed", value.len) == 0)
        {
            query->closed = 1;

        } else if (value.len != sizeof("live") - 1
                   || ngx_strncmp(value.data, "live", value.len) != 0)
        {
            return NGX_ABORT;
        }

    } else if (rc != NGX_DECLINED) {
        return rc;
    }

    if (query->kind == ZEGO_VIEW_STREAM) {
        *field = "user";

        rc = ngx_http_zego_status_arg(r, "user", &value);

        if (rc == NGX_OK) {

            if (value.len == 0) {
                return NGX_BUSY;
            }

            query->user.data = (char *) value.data;
            query->user.len = value.len;

        } else if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    if (p) {
        id.len = path->data + path->len - (p + 1);
        id.data = p + 1;

    } else {
        *field = "id";

        rc = ngx_http_zego_status_arg(r, "id", &id);

        if (rc == NGX_DECLINED && query->kind == ZEGO_VIEW_ROOM) {
            return ngx_http_zego_status_page(r, query, field);
        }

        if (rc == NGX_DECLINED) {
            ngx_str_null(&id);

        } else if (rc != NGX_OK) {
            return rc;
        }
    }

    /* of a page only */

    if (query->closed) {
        *field = "state";
        return NGX_ABORT;
    }

    if (id.len == 0 && query->user.len == 0) {
        *field = "id";
        return NGX_BUSY;
    }

    query->id.data = (char *) id.data;
    query->id.len = id.len;

    return explain ? ngx_http_zego_explain_query(r, query, field) : NGX_OK;
}


static ngx_int_t
ngx_http_zego_status_page(ngx_http_request_t *r, zego_query_t *query,
    char **field)
{
    ngx_int_t  n, rc;
    ngx_str_t  value;

    query->kind = ZEGO_VIEW_ROOMS;

    *field = "limit";

    rc = ngx_http_zego_status_limit(r, query);

    if (rc != NGX_OK) {
        return rc;
    }

    *field = "min_users";

    rc = ngx_http_zego_status_arg(r, "min_users", &value);

    if (rc == NGX_OK) {
        n = ngx_atoi(value.data, value.len);

        /* nobody is in what is closed */

        if (n == NGX_ERROR || (n && query->closed)) {
            return NGX_ABORT;
        }

        query->min_users = n;

    } else if (rc != NGX_DECLINED) {
        return rc;
    }

    *field = "detail";

    rc = ngx_http_zego_status_arg(r, "detail", &value);

    if (rc == NGX_OK) {

        if (value.len == sizeof("counts") - 1
            && ngx_strncmp(value.data, "counts", value.len) == 0)
        {
            query->counts = 1;

        } else if (value.len != sizeof("full") - 1
                   || ngx_strncmp(value.data, "full", value.len) != 0)
        {
            return NGX_ABORT;
        }

    } else if (rc != NGX_DECLINED) {
        return rc;
    }

    *field = "prefix";

    rc = ngx_http_zego_status_arg(r, "prefix", &value);

    if (rc == NGX_OK) {
        query->prefix.data = (char *) value.data;
        query->prefix.len = value.len;

    } else if (rc != NGX_DECLINED) {
        return rc;
    }

    *field = "cursor";

    rc = ngx_http_zego_status_arg(r, "cursor", &value);

    if (rc == NGX_OK) {
        query->cursor.data = (char *) value.data;
        query->cursor.len = value.len;

    } else if (rc != NGX_DECLINED) {
        return rc;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_zego_status_limit(ngx_http_request_t *r, zego_query_t *query)
{
    ngx_int_t  n, rc;
    ngx_str_t  value;

    query->limit = NGX_HTTP_ZEGO_LIMIT;

    rc = ngx_http_zego_status_arg(r, "limit", &value);

    if (rc != NGX_OK) {
        return rc == NGX_DECLINED ? NGX_OK : rc;
    }

    n = ngx_atoi(value.data, value.len);

    if (n < 1 || n > NGX_HTTP_ZEGO_LIMIT_MAX) {
        return NGX_ABORT;
    }

    query->limit = n;

    return NGX_OK;
}


ngx_int_t
ngx_http_zego_status_arg(ngx_http_request_t *r, char *name, ngx_str_t *value)
{
    ngx_str_t  arg;

    if (ngx_http_arg(r, (u_char *) name, ngx_strlen(name), &arg) != NGX_OK) {
        return NGX_DECLINED;
    }

    return ngx_http_zego_status_decode(r, value, arg.data, arg.data + arg.len,
                                       1);
}


ngx_int_t
ngx_http_zego_status_decode(ngx_http_request_t *r, ngx_str_t *dst, u_char *p,
    u_char *last, ngx_uint_t form)
{
    u_char     *d;
    ngx_int_t   ch;

    d = ngx_pnalloc(r->pool, last - p + 1);
    if (d == NULL) {
        return NGX_ERROR;
    }

    dst->data = d;

    while (p < last) {

        ch = *p++;

        if (ch == '%') {
            ch = ngx_http_zego_status_hex(p, last);

            if (ch == NGX_ERROR) {
                return NGX_ABORT;
            }

            p += 2;

        } else if (ch == '+' && form) {
            ch = ' ';
        }

        *d++ = (u_char) ch;
    }

    dst->len = d - dst->data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_zego_status_hex(u_char *p, u_char *last)
{
    return (last - p < 2) ? NGX_ERROR : ngx_hextoi(p, 2);
}


ngx_int_t
ngx_http_zego_status_view(ngx_http_request_t *r, ngx_http_zego_zone_t *zone,
    zego_query_t *query)
{
    int                      invalid;
    ngx_int_t                rc;
    zego_str_t               piece;
    zego_view_e              read;
    ngx_pool_cleanup_t      *cln;
    ngx_http_zego_status_t  *st;

    st = ngx_pcalloc(r->pool, sizeof(ngx_http_zego_status_t));
    if (st == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    invalid = ZEGO_QUERY_OK;

    st->zone = zone;
    st->view = zego_view_create(&ngx_http_zego_heap, query, &invalid);

    if (st->view == NULL) {

        switch (invalid) {

        case ZEGO_QUERY_CURSOR:
            return query->action ? ngx_http_zego_action_bad_marker(r, query)
                                 : ngx_http_zego_bad_request(r, ZEGO_INVALID,
                                                             "cursor");

        case ZEGO_QUERY_FIELDS:
            return ngx_http_zego_bad_request(r, ZEGO_INVALID, "fields");

        default:
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    cln->handler = ngx_http_zego_status_cleanup;
    cln->data = st;

    rc = ngx_http_zego_zone_rdlock(zone);

    if (rc != NGX_OK) {
        return ngx_http_zego_unavailable(r, ngx_http_zego_zone_reason(rc));
    }

    read = zego_view_read(st->view, zone->sh->rooms);

    ngx_http_zego_zone_rdunlock(zone);

    switch (read) {

    case ZEGO_VIEW_MORE:
        break;

    case ZEGO_VIEW_DONE:
        st->last = 1;
        break;

    case ZEGO_VIEW_NOT_FOUND:
        return ngx_http_zego_send_error(r, NGX_HTTP_NOT_FOUND, ZEGO_OK, NULL);

    case ZEGO_VIEW_AMBIGUOUS:
        return ngx_http_zego_bad_request(r, ZEGO_MISSING, "appid");

    default: /* ZEGO_VIEW_GONE */
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    piece = zego_view_write(st->view);

    if (piece.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_zego_status_header(r, st, query) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (st->last) {
        r->headers_out.content_length_n = piece.len;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    ngx_http_set_ctx(r, st, ngx_http_zego_module);

    rc = ngx_http_zego_status_output(r, st, &piece);

    if (rc == NGX_AGAIN) {
        r->main->count++;
        return NGX_DONE;
    }

    return rc;
}


static ngx_int_t
ngx_http_zego_status_header(ngx_http_request_t *r, ngx_http_zego_status_t *st,
    zego_query_t *query)
{
    u_char           *p;
    zego_version_t    version;
    ngx_table_elt_t  *etag;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_type = ngx_http_zego_json;
    r->headers_out.content_type_len = ngx_http_zego_json.len;
    r->headers_out.content_type_lowcase = NULL;

    /* it changes with every callback, of which a version knows nothing */

    if (query->kind == ZEGO_VIEW_EXPLAIN) {
        return ngx_http_zego_add_header(r, "Cache-Control", "no-store")
               ? NGX_OK : NGX_ERROR;
    }

    if (ngx_http_zego_add_header(r, "Cache-Control", "no-cache") == NULL) {
        return NGX_ERROR;
    }

    /* an event stream of it is asked for by that */

    if (((query->kind == ZEGO_VIEW_ROOM && !query->action) || query->changes)
        && ngx_http_zego_add_header(r, "Vary", "Accept") == NULL)
    {
        return NGX_ERROR;
    }

    /*
     * no two answers with a RequestId are the same, and what is closed is
     * forgotten without a new version
     */

    if (query->action || query->closed) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_HTTP_ZEGO_VERSION_LEN + 2 + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    version = zego_view_version(st->view);

    ngx_sprintf(p, "\"%016xL-%uL\"%Z", version.epoch, version.revision);

    etag = ngx_http_zego_add_header(r, "ETag", (char *) p);
    if (etag == NULL) {
        return NGX_ERROR;
    }

    r->headers_out.etag = etag;

    return NGX_OK;
}


static ngx_int_t
ngx_http_zego_status_next(ngx_http_request_t *r, ngx_http_zego_status_t *st)
{
    zego_str_t             piece;
    zego_view_e            read;
    ngx_http_zego_zone_t  *zone;

    zone = st->zone;
    read = ZEGO_VIEW_GONE;

    if (ngx_http_zego_zone_rdlock(zone) == NGX_OK) {
        read = zego_view_read(st->view, zone->sh->rooms);

        ngx_http_zego_zone_rdunlock(zone);
    }

    if (read != ZEGO_VIEW_MORE && read != ZEGO_VIEW_DONE) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "zego list is cut short, it has gone from zone \"%V\"",
                      &zone->shm_zone->shm.name);
        return NGX_ERROR;
    }

    piece = st->gathered ? zego_view_append(st->view)
                         : zego_view_write(st->view);

    if (piece.data == NULL) {
        return NGX_ERROR;
    }

    st->last = (read == ZEGO_VIEW_DONE);

    /* to send costs more than to read a piece, whatever its size */

    st->gathered = (!st->last && piece.len < NGX_HTTP_ZEGO_SEND_MIN);

    if (st->gathered) {
        return ngx_http_zego_status_wait(r, st);
    }

    return ngx_http_zego_status_output(r, st, &piece);
}


/*
 * NGX_AGAIN: the writer will be called.  A piece lies in the memory of the
 * view, so the next one is not read before it has gone.
 */

static ngx_int_t
ngx_http_zego_status_output(ngx_http_request_t *r, ngx_http_zego_status_t *st,
    zego_str_t *piece)
{
    ngx_buf_t    *b;
    ngx_chain_t  *out;

    out = NULL;

    if (piece) {

        if (piece->len == 0 && !st->last) {
            return ngx_http_zego_status_wait(r, st);
        }

        out = ngx_chain_get_free_buf(r->pool, &st->free);
        if (out == NULL) {
            return NGX_ERROR;
        }

        b = out->buf;

        ngx_memzero(b, sizeof(ngx_buf_t));

        b->tag = (ngx_buf_tag_t) &ngx_http_zego_module;

        if (piece->len) {
            b->pos = (u_char *) piece->data;
            b->last = b->pos + piece->len;
            b->memory = 1;
        }

        if (st->last) {
            b->last_buf = (r == r->main) ? 1 : 0;
            b->last_in_chain = 1;
            b->sync = (b->last_buf || b->memory) ? 0 : 1;

        } else {
            b->flush = 1;
        }
    }

    if (ngx_http_output_filter(r, out) == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (st->last) {
        return NGX_OK;
    }

    ngx_chain_update_chains(r->pool, &st->free, &st->busy, &out,
                            (ngx_buf_tag_t) &ngx_http_zego_module);

    return ngx_http_zego_status_wait(r, st);
}


static ngx_int_t
ngx_http_zego_status_wait(ngx_http_request_t *r, ngx_http_zego_status_t *st)
{
    ngx_event_t               *wev;
    ngx_http_core_loc_conf_t  *clcf;

    r->http_state = NGX_HTTP_WRITING_REQUEST_STATE;

    r->read_event_handler = r->discard_body ?
                                ngx_http_discarded_request_body_handler:
                                ngx_http_test_reading;
    r->write_event_handler = ngx_http_zego_status_writer;

    wev = r->connection->write;

    if (wev->ready && wev->delayed) {
        return NGX_AGAIN;
    }

    clcf = ngx_http_get_module_loc_conf(r->main, ngx_http_core_module);

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);

        if (st->busy == NULL) {

            /*
             * A long list leaves other connections their turn.  The timer is
             * what keeps a worker that is shutting down from exiting now.
             */

            ngx_post_event(wev, &ngx_posted_next_events);

            return NGX_AGAIN;
        }
    }

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_AGAIN;
}


static void
ngx_http_zego_status_writer(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_event_t             *wev;
    ngx_connection_t        *c;
    ngx_http_zego_status_t  *st;

    c = r->connection;
    wev = c->write;

    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, c->log, 0, "zego status writer");

    st = ngx_http_get_module_ctx(r, ngx_http_zego_module);

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                      "client timed out");
        c->timedout = 1;

        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (wev->delayed) {
        rc = ngx_http_zego_status_wait(r, st);

    } else if (st->busy) {
        rc = ngx_http_zego_status_output(r, st, NULL);

    } else {
        rc = ngx_http_zego_status_next(r, st);
    }

    if (rc != NGX_AGAIN) {
        ngx_http_finalize_request(r, rc);
    }
}


static void
ngx_http_zego_status_cleanup(void *data)
{
    ngx_http_zego_status_t  *st = data;

    zego_view_destroy(st->view);
}


ngx_table_elt_t *
ngx_http_zego_add_header(ngx_http_request_t *r, char *name, char *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NULL;
    }

    h->hash = 1;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif
    h->key.len = ngx_strlen(name);
    h->key.data = (u_char *) name;
    h->value.len = ngx_strlen(value);
    h->value.data = (u_char *) value;

    return h;
}


ngx_int_t
ngx_http_zego_send(ngx_http_request_t *r, ngx_uint_t status, ngx_str_t *type,
    ngx_str_t *body)
{
    u_char       *p;
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    r->headers_out.status = status;

    if (body == NULL) {
        r->headers_out.content_length_n = 0;
        r->header_only = 1;

        return ngx_http_send_header(r);
    }

    p = ngx_strlchr(type->data, type->data + type->len, ';');

    r->headers_out.content_type = *type;
    r->headers_out.content_type_len = p ? (size_t) (p - type->data)
                                        : type->len;
    r->headers_out.content_type_lowcase = NULL;
    r->headers_out.content_length_n = body->len;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = body->data;
    b->last = body->data + body->len;
    b->memory = 1;
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


ngx_int_t
ngx_http_zego_send_error(ngx_http_request_t *r, ngx_uint_t status,
    zego_reason_e reason, ngx_str_t *field)
{
    u_char      *p;
    ngx_str_t    body;
    zego_str_t   name;

    if (ngx_http_zego_add_header(r, "Cache-Control", "no-store") == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (reason == ZEGO_OK) {
        ngx_str_set(&body, "{\"Reason\":\"not_found\"}");
        return ngx_http_zego_send(r, status, &ngx_http_zego_json, &body);
    }

    name = zego_reason_name(reason);

    body.len = sizeof("{\"Reason\":\"\"}") - 1 + name.len;

    if (field && field->len) {
        body.len += sizeof(",\"Field\":\"\"") - 1 + field->len;
    }

    body.data = ngx_pnalloc(r->pool, body.len);
    if (body.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = ngx_sprintf(body.data, "{\"Reason\":\"%*s\"", name.len, name.data);

    if (field && field->len) {
        p = ngx_sprintf(p, ",\"Field\":\"%V\"", field);
    }

    *p = '}';

    return ngx_http_zego_send(r, status, &ngx_http_zego_json, &body);
}


ngx_int_t
ngx_http_zego_unavailable(ngx_http_request_t *r, zego_reason_e reason)
{
    /* the next request should come to a new worker */

    if (reason == ZEGO_MOVED) {
        r->keepalive = 0;
    }

    return ngx_http_zego_send_error(r, NGX_HTTP_SERVICE_UNAVAILABLE, reason,
                                    NULL);
}


ngx_int_t
ngx_http_zego_bad_request(ngx_http_request_t *r, zego_reason_e reason,
    char *field)
{
    ngx_str_t  name;

    name.len = ngx_strlen(field);
    name.data = (u_char *) field;

    return ngx_http_zego_send_error(r, NGX_HTTP_BAD_REQUEST, reason, &name);
}


#include "ngx_http_zego.h"


#define NGX_HTTP_ZEGO_WATCH_TIME   20
#define NGX_HTTP_ZEGO_WATCH_NAMES  64
#define NGX_HTTP_ZEGO_WATCH_STEPS  64


/* those who watch one room */

typedef struct {
    ngx_str_node_t               sn;
    ngx_queue_t                  watches;
} ngx_http_zego_watch_room_t;


/*
 * Of a zone in this process: who watches it, and up to which version all of
 * them know what concerns them, but for those that are ready or being sent
 * something.
 */

struct ngx_http_zego_watches_s {
    ngx_http_zego_zone_t        *zone;
    ngx_uint_t                   n;
    zego_version_t               seen;

    ngx_queue_t                  all;        /* of no room */
    ngx_rbtree_t                 rooms;
    ngx_rbtree_node_t            sentinel;
    ngx_queue_t                  ready;

    ngx_event_t                  tick;
    ngx_event_t                  run;
};


static ngx_http_zego_watches_t *ngx_http_zego_watches(
    ngx_http_zego_zone_t *zone);
static ngx_int_t ngx_http_zego_watch_room(ngx_http_zego_watches_t *ws,
    ngx_http_zego_watch_t *w);
static void ngx_http_zego_watch_count(ngx_http_zego_watches_t *ws);

static void ngx_http_zego_watch_tick(ngx_event_t *ev);
static ngx_int_t ngx_http_zego_watch_look(ngx_http_zego_watches_t *ws);
static void ngx_http_zego_watch_wake(ngx_queue_t *watches,
    zego_room_name_t *names, size_t n);
static ngx_uint_t ngx_http_zego_watch_concerns(ngx_http_zego_watch_t *w,
    zego_room_name_t *names, size_t n);
static void ngx_http_zego_watch_wake_all(ngx_http_zego_watches_t *ws);
static void ngx_http_zego_watch_end(ngx_http_zego_watches_t *ws);
static void ngx_http_zego_watch_run(ngx_event_t *ev);


ngx_int_t
ngx_http_zego_watch_add(ngx_http_zego_watch_t *w)
{
    ngx_http_zego_watches_t  *ws;

    ws = ngx_http_zego_watches(w->zone);
    if (ws == NULL) {
        return NGX_ERROR;
    }

    if (w->query.id.len) {
        if (ngx_http_zego_watch_room(ws, w) != NGX_OK) {
            return NGX_ERROR;
        }

    } else {
        ngx_queue_insert_tail(&ws->all, &w->queue);
    }

    w->watches = ws;

    /* what has changed since the last one was here concerns nobody */

    if (ws->n++ == 0) {
        ngx_memzero(&ws->seen, sizeof(zego_version_t));
    }

    ngx_http_zego_watch_count(ws);

    /*
     * not cancelable, as a worker that shuts down has to end them before it
     * exits
     */

    if (!ws->tick.timer_set) {
        ngx_add_timer(&ws->tick, NGX_HTTP_ZEGO_WATCH_TIME);
    }

    return NGX_OK;
}


static ngx_http_zego_watches_t *
ngx_http_zego_watches(ngx_http_zego_zone_t *zone)
{
    ngx_http_zego_watches_t  *ws;

    if (zone->watches) {
        return zone->watches;
    }

    ws = ngx_calloc(sizeof(ngx_http_zego_watches_t), ngx_cycle->log);
    if (ws == NULL) {
        return NULL;
    }

    ws->zone = zone;

    ngx_queue_init(&ws->all);
    ngx_queue_init(&ws->ready);
    ngx_rbtree_init(&ws->rooms, &ws->sentinel, ngx_str_rbtree_insert_value);

    ws->tick.handler = ngx_http_zego_watch_tick;
    ws->tick.data = &ngx_http_zego_dumb;
    ws->tick.log = ngx_cycle->log;

    ws->run.handler = ngx_http_zego_watch_run;
    ws->run.data = &ngx_http_zego_dumb;
    ws->run.log = ngx_cycle->log;

    zone->watches = ws;

    return ws;
}


void
ngx_http_zego_watch_cleanup(ngx_http_zego_zone_t *zone)
{
    ngx_http_zego_watches_t  *ws;

    ws = zone->watches;

    if (ws == NULL) {
        return;
    }

    if (ws->tick.timer_set) {
        ngx_del_timer(&ws->tick);
    }

    if (ws->run.posted) {
        ngx_delete_posted_event(&ws->run);
    }

    ngx_free(ws);
    zone->watches = NULL;
}


static ngx_int_t
ngx_http_zego_watch_room(ngx_http_zego_watches_t *ws, ngx_http_zego_watch_t *w)
{
    size_t                       len;
    uint32_t                     hash;
    ngx_str_t                    id;
    ngx_http_zego_watch_room_t  *room;

    id.len = w->query.id.len;
    id.data = (u_char *) w->query.id.data;

    hash = ngx_crc32_long(id.data, id.len);

    room = (ngx_http_zego_watch_room_t *)
               ngx_str_rbtree_lookup(&ws->rooms, &id, hash);

    if (room == NULL) {
        len = sizeof(ngx_http_zego_watch_room_t) + id.len;

        room = ngx_alloc(len, ngx_cycle->log);
        if (room == NULL) {
            return NGX_ERROR;
        }

        room->sn.node.key = hash;
        room->sn.str.len = id.len;
        room->sn.str.data = (u_char *) (room + 1);
        ngx_memcpy(room->sn.str.data, id.data, id.len);

        ngx_queue_init(&room->watches);
        ngx_rbtree_insert(&ws->rooms, &room->sn.node);
    }

    ngx_queue_insert_tail(&room->watches, &w->queue);
    w->room = room;

    return NGX_OK;
}


void
ngx_http_zego_watch_remove(ngx_http_zego_watch_t *w)
{
    ngx_http_zego_watches_t     *ws;
    ngx_http_zego_watch_room_t  *room;

    ws = w->watches;

    if (ws == NULL) {
        return;
    }

    w->watches = NULL;

    ngx_queue_remove(&w->queue);

    if (w->is_ready) {
        ngx_queue_remove(&w->ready);
        w->is_ready = 0;
    }

    room = w->room;

    if (room && ngx_queue_empty(&room->watches)) {
        ngx_rbtree_delete(&ws->rooms, &room->sn.node);
        ngx_free(room);
    }

    ws->n--;
    ngx_http_zego_watch_count(ws);
}


static void
ngx_http_zego_watch_count(ngx_http_zego_watches_t *ws)
{
    ngx_http_zego_zone_t  *zone;

    zone = ws->zone;

    /* a new worker counts in the same place as an old one that is ending */

    if (zone->sh && zone->generation == zone->sh->kept.generation) {
        zone->sh->metrics.watches[ngx_worker % NGX_HTTP_ZEGO_WORKERS] = ws->n;
    }
}


void
ngx_http_zego_watch_ready(ngx_http_zego_watch_t *w)
{
    ngx_http_zego_watches_t  *ws;

    ws = w->watches;

    if (w->is_idle) {
        w->is_idle = 0;

        if (w->after.epoch == ws->seen.epoch
            && w->after.revision < ws->seen.revision)
        {
            w->after = ws->seen;
        }
    }

    if (!w->is_ready) {
        w->is_ready = 1;
        ngx_queue_insert_tail(&ws->ready, &w->ready);
    }

    ngx_post_event(&ws->run, &ngx_posted_next_events);
}


ngx_int_t
ngx_http_zego_watch_idle(ngx_http_zego_watch_t *w)
{
    ngx_http_zego_watches_t  *ws;

    ws = w->watches;

    if (w->after.epoch == ws->seen.epoch
        && w->after.revision < ws->seen.revision)
    {
        return NGX_AGAIN;
    }

    w->is_idle = 1;

    return NGX_OK;
}


static void
ngx_http_zego_watch_tick(ngx_event_t *ev)
{
    ngx_http_zego_watches_t  *ws;

    ws = ngx_queue_data(ev, ngx_http_zego_watches_t, tick);

    if (ws->n == 0) {
        return;
    }

    if (ngx_exiting || ngx_http_zego_watch_look(ws) == NGX_DECLINED) {
        ngx_http_zego_watch_end(ws);
        return;
    }

    /* some may wait for a zone that could not be read */

    if (!ngx_queue_empty(&ws->ready)) {
        ngx_post_event(&ws->run, &ngx_posted_next_events);
    }

    ngx_add_timer(ev, NGX_HTTP_ZEGO_WATCH_TIME);
}


/* NGX_DECLINED: the zone is another one now */

static ngx_int_t
ngx_http_zego_watch_look(ngx_http_zego_watches_t *ws)
{
    size_t                       i, n;
    ngx_int_t                    rc;
    ngx_str_t                    id;
    ngx_uint_t                   steps;
    zego_view_e                  more;
    zego_version_t               seen;
    zego_room_name_t             names[NGX_HTTP_ZEGO_WATCH_NAMES];
    ngx_http_zego_zone_t        *zone;
    ngx_http_zego_watch_room_t  *room;

    zone = ws->zone;

    for (steps = 0; steps < NGX_HTTP_ZEGO_WATCH_STEPS; steps++) {

        if (ngx_http_zego_zone_moved(zone)) {
            return NGX_DECLINED;
        }

        rc = ngx_http_zego_zone_rdlock(zone);

        if (rc != NGX_OK) {
            return rc;
        }

        seen = ws->seen;
        n = NGX_HTTP_ZEGO_WATCH_NAMES;

        more = zego_rooms_changed(zone->sh->rooms, &seen, names, &n);

        ngx_http_zego_zone_rdunlock(zone);

        if (more == ZEGO_VIEW_GONE) {
            ngx_http_zego_watch_wake_all(ws);

        } else if (n) {
            ngx_http_zego_watch_wake(&ws->all, names, n);
        }

        for (i = 0; i < n; i++) {
            id.len = names[i].len;
            id.data = (u_char *) names[i].id;

            room = (ngx_http_zego_watch_room_t *)
                       ngx_str_rbtree_lookup(&ws->rooms, &id,
                                             ngx_crc32_long(id.data, id.len));

            if (room) {
                ngx_http_zego_watch_wake(&room->watches, &names[i], 1);
            }
        }

        ws->seen = seen;

        if (more != ZEGO_VIEW_MORE) {
            break;
        }
    }

    return NGX_OK;
}


/* those that what changed concerns; names is NULL: it may be anything */

static void
ngx_http_zego_watch_wake(ngx_queue_t *watches, zego_room_name_t *names,
    size_t n)
{
    ngx_queue_t            *q;
    ngx_http_zego_watch_t  *w;

    for (q = ngx_queue_head(watches);
         q != ngx_queue_sentinel(watches);
         q = ngx_queue_next(q))
    {
        w = ngx_queue_data(q, ngx_http_zego_watch_t, queue);

        if (w->is_idle && ngx_http_zego_watch_concerns(w, names, n)) {
            ngx_http_zego_watch_ready(w);
        }
    }
}


static ngx_uint_t
ngx_http_zego_watch_concerns(ngx_http_zego_watch_t *w, zego_room_name_t *names,
    size_t n)
{
    size_t  i;

    if (names == NULL || !w->query.has_appid) {
        return 1;
    }

    for (i = 0; i < n; i++) {
        if (names[i].appid == w->query.appid) {
            return 1;
        }
    }

    return 0;
}


static void
ngx_http_zego_watch_wake_all(ngx_http_zego_watches_t *ws)
{
    ngx_rbtree_node_t           *node;
    ngx_http_zego_watch_room_t  *room;

    ngx_http_zego_watch_wake(&ws->all, NULL, 0);

    if (ws->rooms.root == ws->rooms.sentinel) {
        return;
    }

    for (node = ngx_rbtree_min(ws->rooms.root, ws->rooms.sentinel);
         node;
         node = ngx_rbtree_next(&ws->rooms, node))
    {
        room = (ngx_http_zego_watch_room_t *) node;
        ngx_http_zego_watch_wake(&room->watches, NULL, 0);
    }
}


static void
ngx_http_zego_watch_end(ngx_http_zego_watches_t *ws)
{
    ngx_queue_t                 *q;
    ngx_http_zego_watch_room_t  *room;

    for ( ;; ) {

        if (!ngx_queue_empty(&ws->all)) {
            q = ngx_queue_head(&ws->all);

        } else if (ws->rooms.root != ws->rooms.sentinel) {
            room = (ngx_http_zego_watch_room_t *) ws->rooms.root;
            q = ngx_queue_head(&room->watches);

        } else {
            return;
        }

        ngx_http_zego_changes_end(ngx_queue_data(q, ngx_http_zego_watch_t,
                                                 queue));
    }
}


static void
ngx_http_zego_watch_run(ngx_event_t *ev)
{
    ngx_uint_t                n;
    ngx_queue_t              *q;
    ngx_http_zego_watch_t    *w;
    ngx_http_zego_watches_t  *ws;

    ws = ngx_queue_data(ev, ngx_http_zego_watches_t, run);

    /* other connections have their turn after some */

    for (n = 0; n < NGX_HTTP_ZEGO_WATCH_STEPS; n++) {

        if (ngx_queue_empty(&ws->ready)) {
            return;
        }

        q = ngx_queue_head(&ws->ready);
        w = ngx_queue_data(q, ngx_http_zego_watch_t, ready);

        ngx_queue_remove(q);
        w->is_ready = 0;

        if (ngx_http_zego_changes_next(w) == NGX_AGAIN) {

            /* the zone cannot be read now, the timer tries again */

            w->is_ready = 1;
            ngx_queue_insert_head(&ws->ready, q);
            return;
        }
    }

    if (!ngx_queue_empty(&ws->ready)) {
        ngx_post_event(ev, &ngx_posted_next_events);
    }
}

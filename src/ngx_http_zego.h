
/*
 * Shared declarations of the nginx side: _module, _zone, _callback, _replay,
 * _deliver, _status, _changes, _watch, _explain, _action, _metrics, _page and
 * _store.
 */


#ifndef _NGX_HTTP_ZEGO_H_INCLUDED_
#define _NGX_HTTP_ZEGO_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "zego_rooms.h"


#define NGX_HTTP_ZEGO_AGES       13
#define NGX_HTTP_ZEGO_AGE_MAX    (10 * 365 * 24 * 3600)

#define NGX_HTTP_ZEGO_LAGS       12

#define NGX_HTTP_ZEGO_COMMITS    12
#define NGX_HTTP_ZEGO_WORKERS    64

#define NGX_HTTP_ZEGO_PASS_ALL       1
#define NGX_HTTP_ZEGO_PASS_CHANGES   2

#define NGX_HTTP_ZEGO_REPLAY_OFF     0
#define NGX_HTTP_ZEGO_REPLAY_COUNT   1
#define NGX_HTTP_ZEGO_REPLAY_REFUSE  2

/* in a set, and such a part of the zone */
#define NGX_HTTP_ZEGO_SEEN       4
#define NGX_HTTP_ZEGO_SEEN_PART  64

/* whose matches a zone counts */
#define NGX_HTTP_ZEGO_SECRETS    64

#define NGX_HTTP_ZEGO_STREAM     0
#define NGX_HTTP_ZEGO_ROOM       1
#define NGX_HTTP_ZEGO_USER       2
#define NGX_HTTP_ZEGO_KINDS      3

/* the part of a zone that is kept of changes */
#define NGX_HTTP_ZEGO_CHANGES_PART  16

/* "<epoch>-<revision>" */
#define NGX_HTTP_ZEGO_VERSION_LEN  (16 + 1 + NGX_INT64_LEN)


typedef struct {
    ngx_atomic_t                 callbacks[ZEGO_EVENTS][ZEGO_VERDICTS];
    ngx_atomic_t                 reasons[ZEGO_REASONS];
    ngx_atomic_t                 ages[NGX_HTTP_ZEGO_AGES];
    ngx_atomic_t                 age_sum;

    /* of authentic callbacks, in ms; and those after a later one */
    ngx_atomic_t                 lags[ZEGO_EVENTS][NGX_HTTP_ZEGO_LAGS];
    ngx_atomic_t                 lag_sum[ZEGO_EVENTS];
    ngx_atomic_t                 late[ZEGO_EVENTS];

    ngx_atomic_t                 rebuilds;

    /* of a store: commits by how long they took, in us, and what was in them */
    ngx_atomic_t                 commits[NGX_HTTP_ZEGO_COMMITS];
    ngx_atomic_t                 commit_time;
    ngx_atomic_t                 records;
    ngx_atomic_t                 failures;
    ngx_atomic_t                 pending[NGX_HTTP_ZEGO_WORKERS];
    ngx_atomic_t                 bytes;
    ngx_atomic_t                 journal;

    ngx_atomic_t                 replays;
    ngx_atomic_t                 forgotten;

    /* of what a backend is told */
    ngx_atomic_t                 acknowledged;
    ngx_atomic_t                 failed;
    ngx_atomic_t                 known;
    ngx_atomic_t                 held;

    /* who follows the changes, in each worker, and who was too slow for it */
    ngx_atomic_t                 watches[NGX_HTTP_ZEGO_WORKERS];
    ngx_atomic_t                 watches_cut;

    /* by the key of a secret; 0: free */
    struct {
        ngx_atomic_t             key;
        ngx_atomic_t             matches;
    } secrets[NGX_HTTP_ZEGO_SECRETS];
} ngx_http_zego_metrics_t;


/* what a zone has to do with a store; all but the first two under the mutex */

typedef struct {
    /* the zone holds what the store does */
    ngx_atomic_t                 loaded;

    /* of the configuration, whose workers alone see to it; the master's */
    ngx_atomic_t                 generation;

    /* the process that reads for all, and when it was seen, in ms */
    ngx_pid_t                    keeper;
    ngx_msec_t                   seen;
    ngx_uint_t                   failed;   /* to load */
    ngx_uint_t                   checked;  /* to be sound */
    ngx_uint_t                   pristine; /* nothing is in the zone yet but
                                              what was read */

    /* which store, 0: to be found out, and which files of it; its journal was
       joined up to this */
    uint64_t                     id;
    uint64_t                     files;
    ngx_uint_t                   gone;     /* removed, or replaced */
    uint64_t                     joined;

    /* of the zone: changes when the last image was begun, and whether it has
       made the store complete, so that what is saved needs no other commit */
    uint64_t                     imaged;
    ngx_uint_t                   complete;
} ngx_http_zego_kept_t;


/* callbacks seen, the latest first; a key of 0: none */

typedef struct {
    uint64_t                     key;        /* of timestamp and nonce */
    uint64_t                     fact;
} ngx_http_zego_seen_t;


typedef ngx_http_zego_seen_t  ngx_http_zego_seen_set_t[NGX_HTTP_ZEGO_SEEN];


/*
 * The header of a zone: it lies behind the slab and not in it, so that it can
 * be found, and survives, when the slab has to be initialised anew.
 */

typedef struct {
    /* being changed; seen set with the mutex taken, its owner has died */
    ngx_atomic_t                 busy;
    /* replaced by a zone of another size, and frozen; set under the mutex */
    ngx_atomic_t                 moved;

    /* under the mutex only; NULL if there was no memory for them */
    zego_rooms_t                *rooms;
    uint64_t                     rebuilt;

    /* seconds of the last messages that the zone is full, a store failed,
       a callback was a replay */
    ngx_atomic_t                 full;
    ngx_atomic_t                 failed;
    ngx_atomic_t                 replayed;

    ngx_http_zego_kept_t         kept;

    /* before the header; their number is a power of two; under the mutex */
    ngx_http_zego_seen_set_t    *seen;
    ngx_uint_t                   nseen;

    /* before them, of the rooms; under the mutex */
    u_char                      *trace;
    size_t                       trace_size;

    ngx_http_zego_metrics_t      metrics;

    u_char                       log_ctx[128];
} ngx_http_zego_zone_sh_t;


typedef struct ngx_http_zego_store_s    ngx_http_zego_store_t;
typedef struct ngx_http_zego_watches_s  ngx_http_zego_watches_t;


typedef struct {
    /* NULL after the memory has gone, which happens in a single process */
    ngx_http_zego_zone_sh_t     *sh;
    ngx_slab_pool_t             *shpool;
    ngx_shm_zone_t              *shm_zone;
    ngx_msec_t                   horizon;
    ngx_event_t                  expire;
    ngx_http_zego_watches_t     *watches;    /* in this process */

    /* in a single process: it, and those of older cycles with its memory */
    ngx_queue_t                  cycles;

    ngx_str_t                    dir;        /* of the store, or empty */
    ngx_http_zego_store_t       *store;      /* of this process */
    ngx_atomic_uint_t            generation;
    ngx_core_conf_t             *ccf;
    ngx_array_t                 *zones;      /* of the configuration */

    /* the zone of another size that this one replaces */
    ngx_shm_zone_t              *old;

    unsigned                     lost:1;     /* its list could not be copied */
    unsigned                     rebuilt:1;  /* is to be logged */
    unsigned                     foreign:1;  /* its name was another's */
} ngx_http_zego_zone_t;


typedef struct {
    ngx_str_t                    value;

    /* tells it from others where it is counted */
    ngx_atomic_uint_t            key;
} ngx_http_zego_secret_t;


typedef struct {
    uint32_t                     appid;

    /* of ngx_http_zego_secret_t */
    ngx_array_t                  secrets;
    ngx_array_t                  server_secrets;
} ngx_http_zego_app_t;


/* a location with zego_callback, as nginx -t names it */

typedef struct {
    ngx_str_t                   *location;
    u_char                      *file;
    ngx_uint_t                   line;
} ngx_http_zego_place_t;


typedef struct {
    ngx_array_t                  zones;      /* of ngx_http_zego_zone_t * */
    ngx_array_t                  apps;       /* of ngx_http_zego_app_t */
    ngx_array_t                  places;     /* of ngx_http_zego_place_t */
    ngx_array_t                  fields[NGX_HTTP_ZEGO_KINDS];
                                             /* of zego_str_t */
    zego_keep_t                  keep;
    zego_parser_t               *parser;

    u_char                      *etag;       /* of the page */
} ngx_http_zego_main_conf_t;


typedef struct {
    ngx_shm_zone_t              *callback;
    time_t                       max_age;
    ngx_uint_t                   pass;
    ngx_uint_t                   replay;

    ngx_shm_zone_t              *status;
} ngx_http_zego_loc_conf_t;


typedef struct ngx_http_zego_wait_s     ngx_http_zego_wait_t;
typedef struct ngx_http_zego_deliver_s  ngx_http_zego_deliver_t;


typedef struct {
    zego_event_e                 event;
    zego_verdict_e               verdict;
    zego_reason_e                reason;
    ngx_str_t                    field;

    uint32_t                     appid;
    uint64_t                     room_session_id;
    ngx_str_t                    room_id;
    ngx_str_t                    stream_id;
    ngx_str_t                    user_id;

    zego_applied_t               applied;

    /* of what is authentic, and not ignored */
    zego_trace_t                 trace;

    /* ms from what it tells of until it arrived */
    int64_t                      lag;

    /* by which it was signed, or NULL */
    ngx_http_zego_secret_t      *secret;

    /* of what was signed, 0: nothing was, or it is not looked up */
    uint64_t                     key;

    /* how far its timestamp was from now, or NGX_ERROR */
    time_t                       age;

    /* among those that wait for a commit, or NULL */
    ngx_http_zego_wait_t        *wait;

    /* with "pass=changes", of what is not ignored, else NULL */
    ngx_http_zego_deliver_t     *deliver;

    unsigned                     has_appid:1;
    unsigned                     has_version:1;
    unsigned                     has_lag:1;
    unsigned                     done:1;     /* applied, or refused */
} ngx_http_zego_callback_t;


typedef struct {
    ngx_http_zego_zone_t        *zone;
    zego_view_t                 *view;

    ngx_chain_t                 *free;
    ngx_chain_t                 *busy;

    unsigned                     last:1;     /* the last piece was read */
    unsigned                     gathered:1; /* what was written is not sent */
} ngx_http_zego_status_t;


typedef struct ngx_http_zego_piece_s  ngx_http_zego_piece_t;

typedef enum {
    NGX_HTTP_ZEGO_LISTING = 0,    /* it is told the list */
    NGX_HTTP_ZEGO_CATCHING_UP,    /* and what changed in the meantime */
    NGX_HTTP_ZEGO_FOLLOWING
} ngx_http_zego_state_e;


/* a request that follows changes */

typedef struct {
    ngx_queue_t                  queue;
    ngx_queue_t                  ready;
    ngx_http_zego_watches_t     *watches;    /* NULL: it is among none */
    void                        *room;       /* whose it is, or NULL */

    ngx_http_request_t          *request;
    ngx_http_zego_zone_t        *zone;
    zego_query_t                 query;
    ngx_msec_t                   wait;
    ngx_event_t                  timer;

    zego_version_t               after;      /* it knows all until then */

    /* why there is no answer */
    zego_reason_e                reason;
    uint64_t                     epoch;
    int                          invalid;

    /* of a page */
    ngx_str_t                    page;
    size_t                       size;       /* of its memory */

    /* of a stream */
    ngx_http_zego_state_e        state;
    zego_view_t                 *view;       /* the list, or NULL */
    ngx_http_zego_piece_t       *piece;      /* is being sent, or NULL */
    ngx_chain_t                 *free;
    ngx_chain_t                 *busy;
    ngx_uint_t                   resets;

    unsigned                     is_ready:1;
    unsigned                     is_idle:1;  /* until something changes */
    unsigned                     timedout:1;
    unsigned                     resume:1;
    unsigned                     begun:1;
    unsigned                     bookmark:1; /* is due */
    unsigned                     late:1;     /* it was waited for */
    unsigned                     more:1;
    unsigned                     last:1;
} ngx_http_zego_watch_t;


/* zone */

/* the zone of that name that is our own, or that is not */
ngx_shm_zone_t *ngx_http_zego_zone_find(ngx_cycle_t *cycle, ngx_str_t *name,
    ngx_uint_t own);
ngx_int_t ngx_http_zego_zone_init(ngx_shm_zone_t *shm_zone, void *data);
ngx_int_t ngx_http_zego_zone_init_module(ngx_cycle_t *cycle);
ngx_int_t ngx_http_zego_zone_start(ngx_http_zego_zone_t *zone,
    ngx_cycle_t *cycle);
void ngx_http_zego_zone_cleanup(void *data);

/*
 * NGX_OK: the mutex is taken and sh->rooms can be used.  NGX_DECLINED: the
 * zone was moved.  NGX_AGAIN: it is being read from its store.  NGX_ERROR:
 * there are no rooms for want of memory.
 */
ngx_int_t ngx_http_zego_zone_lock(ngx_http_zego_zone_t *zone);

/* the same for what reads it from there */
ngx_int_t ngx_http_zego_zone_lock_any(ngx_http_zego_zone_t *zone);
void ngx_http_zego_zone_unlock(ngx_http_zego_zone_t *zone);

/* the same for reading, of a moved zone too */
ngx_int_t ngx_http_zego_zone_rdlock(ngx_http_zego_zone_t *zone);
void ngx_http_zego_zone_rdunlock(ngx_http_zego_zone_t *zone);

void ngx_http_zego_zone_env(ngx_http_zego_zone_t *zone, zego_env_t *env);

/* why it could not be locked */
zego_reason_e ngx_http_zego_zone_reason(ngx_int_t rc);

/* Unix ms */
uint64_t ngx_http_zego_zone_time(void);

/* 1 once a second, for messages of which there may be many */
ngx_uint_t ngx_http_zego_zone_once(ngx_atomic_t *last);

#define ngx_http_zego_zone_moved(zone)                                        \
    ((zone)->sh == NULL || (zone)->sh->moved)


/* store */

/* in the master: makes its directory */
ngx_int_t ngx_http_zego_store_create(ngx_http_zego_zone_t *zone,
    ngx_log_t *log);

/* in a worker: returns when the zone holds what the store does, or cannot */
ngx_int_t ngx_http_zego_store_start(ngx_http_zego_zone_t *zone,
    ngx_cycle_t *cycle);
void ngx_http_zego_store_stop(ngx_http_zego_zone_t *zone);

/* room for a record of a callback; NGX_ERROR: there is none */
ngx_int_t ngx_http_zego_store_reserve(ngx_http_zego_store_t *store,
    zego_record_t *record);

/*
 * Whether all that the zone holds, but for what is being committed, is in the
 * store that this process has open; under the mutex.
 */
ngx_uint_t ngx_http_zego_store_complete(ngx_http_zego_store_t *store);

/*
 * Has the request answered once the record is on disk, if it has one.  NGX_OK:
 * it needs no commit.  NGX_DONE: it waits.
 */
ngx_int_t ngx_http_zego_store_wait(ngx_http_request_t *r,
    ngx_http_zego_callback_t *cb, zego_record_t *record);


/* callback */

ngx_int_t ngx_http_zego_callback_handler(ngx_http_request_t *r);

/* of the request, also after an internal redirect; or NULL */
ngx_http_zego_callback_t *ngx_http_zego_callback_get(ngx_http_request_t *r);

/* it is to be sent again */
void ngx_http_zego_callback_defer(ngx_http_request_t *r,
    ngx_http_zego_callback_t *cb, zego_reason_e reason);

/* it waits for something */
ngx_int_t ngx_http_zego_callback_hold(ngx_http_request_t *r);

/* answers, or goes on to what else the location has */
void ngx_http_zego_callback_done(ngx_http_request_t *r,
    ngx_http_zego_callback_t *cb);

/* the same once more, of one that was held */
void ngx_http_zego_callback_go(ngx_http_request_t *r,
    ngx_http_zego_callback_t *cb);
void ngx_http_zego_parser_cleanup(void *data);


/* deliver */

ngx_int_t ngx_http_zego_deliver_create(ngx_http_request_t *r,
    ngx_http_zego_callback_t *cb, zego_event_t *event);
ngx_int_t ngx_http_zego_deliver(ngx_http_zego_deliver_t *deliver);
void ngx_http_zego_delivered(ngx_http_zego_deliver_t *deliver);


/* replay */

/* of a zone: room for what was seen, below its header */
void ngx_http_zego_replay_init(ngx_http_zego_zone_t *zone);
void ngx_http_zego_replay_reset(ngx_http_zego_zone_sh_t *sh);
void ngx_http_zego_replay_copy(ngx_http_zego_zone_sh_t *sh,
    ngx_http_zego_zone_sh_t *osh);

/* what an event says, whichever body it came in */
uint64_t ngx_http_zego_replay_fact(zego_event_t *event);

/* under the mutex; 1 when the key was seen with another fact */
ngx_uint_t ngx_http_zego_replay(ngx_http_zego_zone_sh_t *sh, uint64_t key,
    uint64_t fact);


/* status */

ngx_int_t ngx_http_zego_status_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_zego_status_view(ngx_http_request_t *r,
    ngx_http_zego_zone_t *zone, zego_query_t *query);

/* NGX_ABORT: a bad escape; form: a plus is a space */
ngx_int_t ngx_http_zego_status_decode(ngx_http_request_t *r, ngx_str_t *dst,
    u_char *p, u_char *last, ngx_uint_t form);

/* NGX_DECLINED: there is none.  NGX_ABORT: it cannot be decoded. */
ngx_int_t ngx_http_zego_status_arg(ngx_http_request_t *r, char *name,
    ngx_str_t *value);

/* NGX_ABORT: it is no number of entries in a page */
ngx_int_t ngx_http_zego_status_limit(ngx_http_request_t *r,
    zego_query_t *query);

ngx_int_t ngx_http_zego_send(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *type, ngx_str_t *body);
ngx_table_elt_t *ngx_http_zego_add_header(ngx_http_request_t *r, char *name,
    char *value);

/* ZEGO_OK as the reason: nothing was found; field may be NULL */
ngx_int_t ngx_http_zego_send_error(ngx_http_request_t *r, ngx_uint_t status,
    zego_reason_e reason, ngx_str_t *field);
ngx_int_t ngx_http_zego_unavailable(ngx_http_request_t *r,
    zego_reason_e reason);
ngx_int_t ngx_http_zego_bad_request(ngx_http_request_t *r,
    zego_reason_e reason, char *field);


/* changes */

ngx_uint_t ngx_http_zego_changes_wanted(ngx_http_request_t *r,
    zego_query_t *query);
ngx_int_t ngx_http_zego_changes_handler(ngx_http_request_t *r,
    ngx_http_zego_zone_t *zone, zego_query_t *query);

/* of one that is ready; NGX_AGAIN: its zone cannot be read now */
ngx_int_t ngx_http_zego_changes_next(ngx_http_zego_watch_t *w);

/* the worker ends, or the zone is another one */
void ngx_http_zego_changes_end(ngx_http_zego_watch_t *w);


/* watch */

ngx_int_t ngx_http_zego_watch_add(ngx_http_zego_watch_t *w);
void ngx_http_zego_watch_remove(ngx_http_zego_watch_t *w);

/* it is to be looked at */
void ngx_http_zego_watch_ready(ngx_http_zego_watch_t *w);

/* it waits for a change; NGX_AGAIN: there is one it does not know */
ngx_int_t ngx_http_zego_watch_idle(ngx_http_zego_watch_t *w);

void ngx_http_zego_watch_cleanup(ngx_http_zego_zone_t *zone);


/* explain */

/* of a zone: room for the callbacks seen last, below what was seen of them */
void ngx_http_zego_explain_init(ngx_http_zego_zone_t *zone);

void ngx_http_zego_explain_create(ngx_http_request_t *r,
    ngx_http_zego_callback_t *cb, zego_event_t *event);

/* under the mutex */
void ngx_http_zego_explain(ngx_http_zego_zone_t *zone,
    ngx_http_zego_callback_t *cb);

/* takes the mutex, where that can be had */
void ngx_http_zego_explain_refused(ngx_http_zego_zone_t *zone,
    ngx_http_zego_callback_t *cb);

ngx_int_t ngx_http_zego_explain_query(ngx_http_request_t *r,
    zego_query_t *query, char **field);


/* action */

/* NGX_DECLINED: there is none */
ngx_int_t ngx_http_zego_action_handler(ngx_http_request_t *r,
    ngx_http_zego_zone_t *zone);
ngx_int_t ngx_http_zego_action_bad_marker(ngx_http_request_t *r,
    zego_query_t *query);


/* metrics */

void ngx_http_zego_metrics_secret(ngx_http_zego_metrics_t *metrics,
    ngx_http_zego_secret_t *secret);

/* in the master: forgets secrets that are in no app */
void ngx_http_zego_metrics_secrets(ngx_http_zego_metrics_t *metrics,
    ngx_array_t *apps);
void ngx_http_zego_metrics_lag(ngx_http_zego_metrics_t *metrics,
    zego_event_e event, int64_t lag);
void ngx_http_zego_metrics_age(ngx_http_zego_metrics_t *metrics, time_t age);
ngx_int_t ngx_http_zego_metrics_handler(ngx_http_request_t *r,
    ngx_http_zego_zone_t *zone);


/* page */

ngx_int_t ngx_http_zego_page_init(ngx_conf_t *cf);
ngx_int_t ngx_http_zego_page_handler(ngx_http_request_t *r);


extern ngx_module_t         ngx_http_zego_module;
extern ngx_str_t            ngx_http_zego_json;
extern const zego_memory_t  ngx_http_zego_heap;
extern uint64_t             ngx_http_zego_commit_times[];
extern ngx_connection_t     ngx_http_zego_dumb;


#endif /* _NGX_HTTP_ZEGO_H_INCLUDED_ */

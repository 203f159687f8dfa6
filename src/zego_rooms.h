
/*
 * The C ABI of the reconciler: callback bodies in, the live list out.
 *
 * Every function is noexcept, takes pointer and length, owns nothing across
 * the boundary, never locks, never logs and never does I/O.  What must be
 * called under the zone's lock says so.  Strings are bytes with a length, not
 * terminated; unless said otherwise they live until the next call with the
 * same handle.
 */

#ifndef ZEGO_ROOMS_H
#define ZEGO_ROOMS_H


#include <stddef.h>
#include <stdint.h>


#ifdef __cplusplus
#define ZEGO_NOEXCEPT  noexcept
extern "C" {
#else
#define ZEGO_NOEXCEPT
#endif


/* limits, in bytes; the vendor's, but for the last five, which are ours */

#define ZEGO_ROOM_ID_MAX       127
#define ZEGO_STREAM_ID_MAX     255
#define ZEGO_USER_ID_MAX       255
#define ZEGO_USER_NAME_MAX     255
#define ZEGO_STREAM_SID_MAX    255
#define ZEGO_EXTRA_INFO_MAX    1024
#define ZEGO_KEEP_NAME_MAX     64    /* of one kept field */
#define ZEGO_KEEP_VALUE_MAX    1024  /* of one kept field, as JSON text */
#define ZEGO_KEEP_FIELDS_MAX   16    /* kept fields of one kind */

/* a time in milliseconds that is not known */
#define ZEGO_TIME_UNKNOWN      UINT64_MAX

/* a user_role that was not sent */
#define ZEGO_ROLE_UNKNOWN      (-1)


typedef struct {
    const char           *data;
    size_t                len;
} zego_str_t;


typedef struct {
    /* NULL when there is no room; never logs */
    void               *(*alloc)(void *ctx, size_t size);
    void                (*free)(void *ctx, void *p);
    void                 *ctx;
} zego_memory_t;


/* callbacks */

typedef enum {
    ZEGO_EVENT_OTHER = 0,         /* none of the six, or not known yet */
    ZEGO_STREAM_CREATE,
    ZEGO_STREAM_CLOSE,
    ZEGO_ROOM_CREATE,
    ZEGO_ROOM_CLOSE,
    ZEGO_ROOM_LOGIN,
    ZEGO_ROOM_LOGOUT,
    ZEGO_EVENTS
} zego_event_e;


/* one for each callback; the first that fits */

typedef enum {
    ZEGO_IGNORED = 0,             /* an event that is none of the six */
    ZEGO_REJECTED,                /* see zego_reason_e */
    ZEGO_DEFERRED,                /* could not be stored, send it again */
    ZEGO_APPLIED,                 /* what is listed changed */
    ZEGO_RECORDED,                /* a fact changed, nothing listed did */
    ZEGO_DUPLICATE,               /* equal to what is known */
    ZEGO_STALE,                   /* smaller than what is known */
    ZEGO_VERDICTS
} zego_verdict_e;


/* why a callback was rejected or deferred */

typedef enum {
    ZEGO_OK = 0,
    ZEGO_BAD_SYNTAX,              /* neither JSON nor a form */
    ZEGO_BAD_UTF8,                /* invalid UTF-8 or a NUL in it */
    ZEGO_BAD_NESTING,             /* nested too deep */
    ZEGO_MISSING,                 /* a required field is absent */
    ZEGO_INVALID,                 /* a field has an impossible value */
    ZEGO_BAD_METHOD,              /* not a POST */
    ZEGO_BAD_APP,                 /* an app that is not configured */
    ZEGO_BAD_SIGNATURE,
    ZEGO_BAD_AGE,                 /* older, or more in the future, than
                                     max_age */
    ZEGO_NO_MEMORY,               /* the zone is full */
    ZEGO_MOVED,                   /* the zone was replaced by a resized one */
    ZEGO_REASONS
} zego_reason_e;


/* the names used in variables, logs and metrics: "stream_create",
   "applied", "signature"; "" for ZEGO_OK, "other" for ZEGO_EVENT_OTHER */

zego_str_t zego_event_name(zego_event_e type) ZEGO_NOEXCEPT;
zego_str_t zego_verdict_name(zego_verdict_e verdict) ZEGO_NOEXCEPT;
zego_str_t zego_reason_name(zego_reason_e reason) ZEGO_NOEXCEPT;


/*
 * A callback as a fact.  Times are Unix milliseconds.  A string that was not
 * sent has len 0.
 */

typedef struct {
    zego_event_e          type;

    /* ZEGO_OK, or what is wrong with it, and which field if it is one */
    zego_reason_e         reason;
    zego_str_t            field;

    /* as sent: the signature covers these bytes */
    zego_str_t            timestamp;
    zego_str_t            nonce;
    zego_str_t            signature;

    uint32_t              appid;
    unsigned              has_appid:1;

    zego_str_t            room_id;
    uint64_t              room_session_id;

    /* the smallest of the times that witness the room session:
       room_create_time, room_close_time, create_time_ms (create_time where
       it is absent), destroy_timemillis, login_time, logout_time */
    uint64_t              first;

    /* stream_seq or user_update_seq; 0 when there is none */
    uint64_t              seq;

    /* create_time_ms of both stream events; login_time of a login,
       logout_time of a logout; room_create_time; room_close_time.
       A twin in seconds, then timestamp, where absent; 0 without any */
    uint64_t              time;

    uint64_t              login_time;      /* logins and logouts */
    uint64_t              close_time;      /* destroy_timemillis, or 0 */
    uint32_t              code;            /* type, close_reason, reason */
    int32_t               user_role;
    uint64_t              user_session_id; /* session_id */

    zego_str_t            stream_id;
    zego_str_t            stream_sid;
    zego_str_t            user_id;         /* publisher, user_account, or the
                                              creator: id_name */
    zego_str_t            user_name;       /* user_name, user_nickname */
    zego_str_t            extra_info;

    /* the kept fields as JSON members without the braces:
       "title":"a","hls_url":["b"] */
    zego_str_t            kept;
} zego_event_t;


/*
 * The parser of callback bodies: JSON, JSON percent-encoded as a whole, or a
 * form, told apart by the first byte that is not white space.  One parser
 * serves any number of bodies, one after another; a body may come in any
 * number of pieces.
 */

typedef struct zego_parser_s  zego_parser_t;

typedef struct {
    /* fields to keep, by the vendor's name */
    const zego_str_t     *stream;
    size_t                nstream;
    const zego_str_t     *room;
    size_t                nroom;
    const zego_str_t     *user;
    size_t                nuser;
} zego_keep_t;

/* keep may be NULL, else it must outlive the parser; NULL without memory */
zego_parser_t *zego_parser_create(const zego_memory_t *memory,
    const zego_keep_t *keep) ZEGO_NOEXCEPT;
void zego_parser_destroy(zego_parser_t *parser) ZEGO_NOEXCEPT;

void zego_parser_begin(zego_parser_t *parser) ZEGO_NOEXCEPT;
void zego_parser_feed(zego_parser_t *parser, const char *data, size_t len)
    ZEGO_NOEXCEPT;

/*
 * ZEGO_OK when the body could be read as a whole; then event is filled and
 * lives until the next begin: an event that is none of the six is
 * ZEGO_EVENT_OTHER and nothing else of it is looked at; where the event is
 * missing or no string, event->reason says so; of the six event->reason says
 * whether all fields are there and possible, appid first.  Else why it could
 * not be read.
 */
zego_reason_e zego_parser_finish(zego_parser_t *parser, zego_event_t *event)
    ZEGO_NOEXCEPT;


/*
 * The rooms of a zone.  All state is plain structs in the memory handed in,
 * the same memory with each call; the handle points into it.
 */

typedef struct zego_rooms_s  zego_rooms_t;

typedef struct {
    zego_memory_t         memory;
    uint64_t              now;             /* ms, monotonic */
    uint64_t              horizon;         /* ms, see zego_rooms_expire() */
} zego_env_t;

typedef struct {
    uint64_t              epoch;
    uint64_t              revision;
} zego_version_t;

/*
 * epoch: drawn anew for every zone; since: Unix ms.  rebuilt: Unix ms of the
 * loss of an earlier list, whose sessions are incomplete, or 0.
 */
zego_rooms_t *zego_rooms_create(const zego_env_t *env, uint64_t epoch,
    uint64_t since, uint64_t rebuilt) ZEGO_NOEXCEPT;

/*
 * Joins one callback, whose reason must be ZEGO_OK and type one of the six.
 * ZEGO_DEFERRED: there was no memory, and nothing changed, but that tombstones
 * may have been evicted.  version, if not NULL, is the version after it.
 * Frees expired tombstones first, a bounded number; evicts at most some 30 to
 * make room.
 * Under the lock.
 */
zego_verdict_e zego_rooms_apply(zego_rooms_t *rooms, const zego_env_t *env,
    const zego_event_t *event, zego_version_t *version) ZEGO_NOEXCEPT;

/*
 * Frees what was closed, superseded or empty for horizon, in at most steps
 * steps.  1 when it stopped for the steps: there may be more.
 * Under the lock.
 */
int zego_rooms_expire(zego_rooms_t *rooms, const zego_env_t *env,
    unsigned steps) ZEGO_NOEXCEPT;

typedef struct {
    zego_version_t        version;
    uint64_t              since;
    uint64_t              rooms;           /* listed */
    uint64_t              streams;         /* in listed rooms */
    uint64_t              users;
    uint64_t              tombstones;      /* kept, but not listed */
    uint64_t              evictions;       /* freed before horizon */
    uint64_t              stream_seq_holes;       /* in listed rooms */
    uint64_t              user_update_seq_holes;
} zego_stats_t;

/* under the lock */
void zego_rooms_stats(const zego_rooms_t *rooms, zego_stats_t *stats)
    ZEGO_NOEXCEPT;

/*
 * Joins all of from into rooms, a bounded piece with each call: what is
 * listed first, then the tombstones as far as there is room; also completes
 * the version and what from counted.
 * ZEGO_COPY_FULL: something listed found no room.
 * from may change between the calls, but then the result is not all of its
 * list, nor only that: copy once more, into an empty zone.
 * Under the lock of from, and of rooms if it has one.
 */

typedef struct zego_copy_s  zego_copy_t;

typedef enum {
    ZEGO_COPY_MORE = 0,
    ZEGO_COPY_DONE,
    ZEGO_COPY_FULL
} zego_copy_e;

zego_copy_t *zego_copy_create(const zego_memory_t *memory) ZEGO_NOEXCEPT;
void zego_copy_destroy(zego_copy_t *copy) ZEGO_NOEXCEPT;
zego_copy_e zego_copy_step(zego_copy_t *copy, zego_rooms_t *rooms,
    const zego_env_t *env, const zego_rooms_t *from) ZEGO_NOEXCEPT;

/* for tests: NULL, or what is inconsistent; walks everything */
const char *zego_rooms_check(const zego_rooms_t *rooms) ZEGO_NOEXCEPT;

/* for tests: whether both hold the same facts; walks everything */
int zego_rooms_equal(const zego_rooms_t *a, const zego_rooms_t *b)
    ZEGO_NOEXCEPT;


/*
 * The lists as JSON, a piece at a time: read() under the lock copies out a
 * bounded piece, write() after it formats that piece.
 */

typedef struct zego_view_s  zego_view_t;

typedef enum {
    ZEGO_VIEW_ROOMS = 0,          /* a page of all rooms */
    ZEGO_VIEW_ROOM,               /* the room of this id */
    ZEGO_VIEW_STREAM,             /* where the stream of this id is */
    ZEGO_VIEW_USER                /* where the user of this id is */
} zego_view_kind_e;

typedef struct {
    zego_view_kind_e      kind;
    zego_str_t            id;

    uint32_t              appid;
    unsigned              has_appid:1;

    /* ZEGO_VIEW_ROOMS only */
    unsigned              counts:1;        /* without the lists */
    unsigned              limit;           /* rooms in a page */
    zego_str_t            prefix;          /* of the room id */
    zego_str_t            cursor;          /* "Next" of the page before */
} zego_query_t;

typedef enum {
    ZEGO_VIEW_MORE = 0,           /* a piece was read, more will follow */
    ZEGO_VIEW_DONE,               /* the last piece was read */
    ZEGO_VIEW_NOT_FOUND,          /* first read: the room is not live */
    ZEGO_VIEW_AMBIGUOUS,          /* first read: it is in several apps */
    ZEGO_VIEW_GONE                /* a later read: the zone was rebuilt */
} zego_view_e;

/* copies what it needs of query; NULL without memory or, with *invalid set
   to 1, when the cursor is none of ours */
zego_view_t *zego_view_create(const zego_memory_t *memory,
    const zego_query_t *query, int *invalid) ZEGO_NOEXCEPT;
void zego_view_destroy(zego_view_t *view) ZEGO_NOEXCEPT;

/* under the lock */
zego_view_e zego_view_read(zego_view_t *view, const zego_rooms_t *rooms)
    ZEGO_NOEXCEPT;

/* the JSON of the piece read last; may be empty; without memory data is NULL.
   Pieces of 64 KB and less, but for control characters, which escape to six
   times their size */
zego_str_t zego_view_write(zego_view_t *view) ZEGO_NOEXCEPT;

/* after the first read: what an ETag says; of one room the version of its
   last change, else the zone's */
zego_version_t zego_view_version(const zego_view_t *view) ZEGO_NOEXCEPT;


#ifdef __cplusplus
}
#endif


#endif /* ZEGO_ROOMS_H */

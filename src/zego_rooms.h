
/*
 * The C ABI of the reconciler: callback bodies in, the live list out.
 *
 * Every function is noexcept, takes pointer and length, owns nothing across
 * the boundary, never locks and never logs; only zego_store_...() do I/O.
 * What must be called under the zone's lock says so.  Strings are bytes with a
 * length, not terminated; unless said otherwise they live until the next call
 * with the same handle.
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

/* the longest record, in bytes */
#define ZEGO_RECORD_MAX        49152

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
    ZEGO_REPLAY,                  /* timestamp and nonce of another callback */
    ZEGO_NO_MEMORY,               /* the zone is full */
    ZEGO_MOVED,                   /* the zone was replaced by a resized one */
    ZEGO_LOADING,                 /* the zone is being read from its store */
    ZEGO_NO_STORE,                /* the store did not take it */
    ZEGO_BUSY,                    /* another one of the entry has been on its
                                     way to the backend for too long */
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

    /* of ZEGO_EVENT_OTHER, as sent */
    zego_str_t            name;

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
 * ZEGO_EVENT_OTHER and nothing else of it is looked at but what is signed, also
 * under names with a capital; where the event is missing or no string,
 * event->reason says so; of the six event->reason says whether all fields are
 * there and possible, appid first.  Else why it could not be read.
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
 * Of the rooms that were just created: keeps the last changes of what is listed
 * in so many bytes, if there is memory for them.
 */
void zego_rooms_ring(zego_rooms_t *rooms, const zego_env_t *env, size_t size)
    ZEGO_NOEXCEPT;

/*
 * What a store must have before a callback is answered: its entries, as they
 * stand in the zone.
 */

typedef struct {
    char                 *data;            /* room for ZEGO_RECORD_MAX bytes */
    unsigned              all:1;           /* what a store has, too */
    size_t                len;             /* 0: a store has all of it */
    uint64_t              session_change;  /* for zego_rooms_saved() */
    uint64_t              entry_change;
} zego_record_t;

typedef struct {
    zego_version_t        version;         /* after it */

    /* something was learnt from it, and it came after a later one of its room
       session: as its number says, or after a close, or a create after
       anything */
    unsigned              late:1;

    /* for zego_rooms_deliver(): nothing greater was known of its entry, and
       which change of that it is */
    unsigned              stands:1;
    uint64_t              change;
} zego_applied_t;

/*
 * Joins one callback, whose reason must be ZEGO_OK and type one of the six.
 * ZEGO_DEFERRED: there was no memory, and nothing changed, but that tombstones
 * may have been evicted.  applied, if not NULL, is filled, and record, if not
 * NULL, is filled but for data and all, unless it was deferred.
 * Frees expired tombstones first, a bounded number; evicts at most some 30 to
 * make room.
 * Under the lock.
 */
zego_verdict_e zego_rooms_apply(zego_rooms_t *rooms, const zego_env_t *env,
    const zego_event_t *event, zego_applied_t *applied, zego_record_t *record)
    ZEGO_NOEXCEPT;

/*
 * Whether a backend that adds on create and deletes on close is to be told of a
 * callback, of which zego_rooms_apply() said applied; only the ids, numbers and
 * times of event are looked at.  With ZEGO_DELIVER_GO a mark is set: it holds
 * for ZEGO_DELIVER_TIME, or from the last call of zego_rooms_delivering(), and
 * until zego_rooms_delivered() says what became of it; acknowledged: the
 * backend said so, else what it has is unknown.
 * Under the lock.
 */

#define ZEGO_DELIVER_TIME         5000     /* ms */
#define ZEGO_DELIVER_MOVED        30000    /* ms */

typedef enum {
    ZEGO_DELIVER_GO = 0,
    ZEGO_DELIVER_KNOWN,           /* it was told, or the list says otherwise */
    ZEGO_DELIVER_WAIT,            /* ask again: another one is on its way */
    ZEGO_DELIVER_AGAIN,           /* apply it again: the zone is another one */
    ZEGO_DELIVER_NO_MEMORY
} zego_deliver_e;

zego_deliver_e zego_rooms_deliver(zego_rooms_t *rooms, const zego_env_t *env,
    const zego_event_t *event, const zego_applied_t *applied, uint64_t *mark)
    ZEGO_NOEXCEPT;
void zego_rooms_delivering(zego_rooms_t *rooms, const zego_env_t *env,
    const zego_event_t *event, uint64_t mark) ZEGO_NOEXCEPT;
void zego_rooms_delivered(zego_rooms_t *rooms, const zego_env_t *env,
    const zego_event_t *event, uint64_t mark, int acknowledged) ZEGO_NOEXCEPT;

/*
 * All of from, which nobody changes any more, as far as there is room.  Who has
 * set the marks there cannot say here what becomes of them: they hold for
 * ZEGO_DELIVER_MOVED.
 */
void zego_rooms_copy_deliveries(zego_rooms_t *rooms, const zego_env_t *env,
    const zego_rooms_t *from) ZEGO_NOEXCEPT;

/*
 * The callbacks that were seen last, of all rooms, for ZEGO_VIEW_EXPLAIN: in a
 * ring of bytes, which is none of the memory handed in as it is in one piece.
 * Without it none is kept.
 */

typedef struct {
    uint64_t              arrived;         /* Unix ms */
    zego_event_e          type;
    zego_verdict_e        verdict;
    zego_reason_e         reason;
    unsigned              late:1;

    uint32_t              hash;            /* of the room's id */
    uint32_t              appid;
    uint64_t              room_session_id;
    uint64_t              user_session_id;
    uint64_t              seq;
    uint64_t              time;            /* of what it tells of, or 0 */

    zego_str_t            room_id;
    zego_str_t            stream_id;
    zego_str_t            user_id;
    zego_str_t            field;           /* that is missing or invalid */
} zego_trace_t;

/* of a zone of that size */
size_t zego_trace_size(size_t zone) ZEGO_NOEXCEPT;

/* begins it, empty, in memory of that size */
void zego_rooms_trace_init(zego_rooms_t *rooms, void *memory, size_t size)
    ZEGO_NOEXCEPT;

/* all of it but the verdict and late; the strings are the event's, and may be
   replaced by copies */
void zego_trace_of(zego_trace_t *trace, const zego_event_t *event,
    uint64_t arrived) ZEGO_NOEXCEPT;

/* under the lock */
void zego_rooms_trace(zego_rooms_t *rooms, const zego_trace_t *trace)
    ZEGO_NOEXCEPT;

/* all of from, which nobody changes any more; of more than there is room for
   the last */
void zego_rooms_copy_trace(zego_rooms_t *rooms, const zego_rooms_t *from)
    ZEGO_NOEXCEPT;

/*
 * The record is in the store now: what has not changed since needs not be
 * written again.  Not of a record of another epoch.
 * Under the lock.
 */
void zego_rooms_saved(zego_rooms_t *rooms, const zego_record_t *record)
    ZEGO_NOEXCEPT;

/*
 * Joins a record that was read from a store.  The verdict is that of a
 * callback; ZEGO_REJECTED: it is no record.
 * Under the lock.
 */
zego_verdict_e zego_rooms_load(zego_rooms_t *rooms, const zego_env_t *env,
    const char *data, size_t len) ZEGO_NOEXCEPT;

/* callbacks until then, Unix ms, may have been missed: the sessions that lived
   are incomplete; under the lock */
void zego_rooms_missed(zego_rooms_t *rooms, uint64_t until) ZEGO_NOEXCEPT;

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
    uint64_t              deliveries;      /* what a backend was told of */
    uint64_t              changes;         /* of anything that a store has */
    uint64_t              kept_changes;    /* revisions in the ring */
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

/*
 * An image of a zone for zego_store_merge(): all entries, a piece at a time.
 * joined: the number of the journal up to which the zone has joined all.
 * 1: more will follow; 0: that was the last piece.
 * Read under the lock.
 */

typedef struct zego_image_s  zego_image_t;

/* NULL without memory */
zego_image_t *zego_image_create(const zego_memory_t *memory) ZEGO_NOEXCEPT;
void zego_image_destroy(zego_image_t *image) ZEGO_NOEXCEPT;
int zego_image_read(zego_image_t *image, const zego_rooms_t *rooms,
    uint64_t joined) ZEGO_NOEXCEPT;

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
    ZEGO_VIEW_STREAM,             /* where the stream of this id is, or where
                                     those of a user are */
    ZEGO_VIEW_USER,               /* where the user of this id is */
    ZEGO_VIEW_CHANGES,            /* what changed, see zego_view_follow() */
    ZEGO_VIEW_EXPLAIN             /* all that is known of the room of this id,
                                     listed or not */
} zego_view_kind_e;

/* the vendor's own queries, by their names */

typedef enum {
    ZEGO_NO_ACTION = 0,
    ZEGO_DESCRIBE_SIMPLE_STREAM_LIST,
    ZEGO_DESCRIBE_USER_LIST,
    ZEGO_DESCRIBE_USER_NUM,
    ZEGO_DESCRIBE_USERS,
    ZEGO_DESCRIBE_RTC_STREAM_STATE
} zego_action_e;

/* what the vendor allows in them */

#define ZEGO_IDS_MAX   10
#define ZEGO_PAGE_MAX  200

typedef struct {
    zego_view_kind_e      kind;
    zego_str_t            id;

    uint32_t              appid;
    unsigned              has_appid:1;

    /* changes: all rooms of ZEGO_VIEW_ROOMS as what was put.  events: that, the
       room of ZEGO_VIEW_ROOM, or ZEGO_VIEW_CHANGES as events of a stream */
    unsigned              changes:1;
    unsigned              events:1;

    /* the members to give of each room, stream and user, by their names with
       commas between them; data is NULL: all.  keep: the kept fields that may
       be named, or NULL, else it must outlive the view */
    zego_str_t            fields;
    const zego_keep_t    *keep;

    /* ZEGO_VIEW_STREAM only: who has published it, or empty: whoever; with it
       id may be empty: whichever */
    zego_str_t            user;

    /* ZEGO_VIEW_ROOMS only */
    unsigned              counts:1;        /* without the lists */
    unsigned              closed:1;        /* sessions that are over, instead */
    unsigned              limit;           /* rooms in a page */
    uint64_t              min_users;       /* not of what is closed */
    zego_str_t            prefix;          /* of the room id */
    zego_str_t            cursor;          /* "Next" of the page before */

    /* ZEGO_VIEW_EXPLAIN only, which has limit entries in a list: no other
       stream, or user, is looked at */
    zego_str_t            stream_id;
    zego_str_t            user_id;

    /*
     * A query in the vendor's way, whatever kind says: of an app, and of the
     * room or stream of this id, or of the ids; a page of users has limit, 1
     * to ZEGO_PAGE_MAX, and "Marker" of the page before as its cursor.
     */
    zego_action_e         action;
    uint64_t              request_id;
    unsigned              descending:1;    /* who came last is first */
    const zego_str_t     *ids;
    size_t                nids;            /* at most ZEGO_IDS_MAX */
} zego_query_t;

/* what of a query is none of ours */
typedef enum {
    ZEGO_QUERY_OK = 0,
    ZEGO_QUERY_CURSOR,
    ZEGO_QUERY_FIELDS             /* a member that the answer cannot have */
} zego_query_e;

typedef enum {
    ZEGO_VIEW_MORE = 0,           /* a piece was read, more will follow */
    ZEGO_VIEW_DONE,               /* the last piece was read */
    ZEGO_VIEW_NOT_FOUND,          /* first read: the room is not live, or not
                                     known where it is explained */
    ZEGO_VIEW_AMBIGUOUS,          /* first read: it is in several apps */
    ZEGO_VIEW_GONE                /* a later read: the zone was rebuilt; of
                                     changes: they are not kept any more */
} zego_view_e;

/* copies what it needs of query; NULL without memory or with *invalid set, a
   zego_query_e */
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

/* the same, behind what was written last */
zego_str_t zego_view_append(zego_view_t *view) ZEGO_NOEXCEPT;

/* whether it is UTF-8 without NUL, as all ids are: what is answered repeats
   those that are asked for in the vendor's way */
int zego_id_valid(const char *data, size_t len) ZEGO_NOEXCEPT;

/* after the first read: what an ETag says; of one room the version of its
   last change, else the zone's; of changes that of the last one read */
zego_version_t zego_view_version(const zego_view_t *view) ZEGO_NOEXCEPT;

/*
 * Has a view of ZEGO_VIEW_CHANGES read what came after that version: of the
 * room query->id, or of all if it is empty, and of one app if it has one.  Of a
 * room that is listed as it was then that is never gone.  Once for each answer; a piece holds whole revisions.  As events each is given its
 * version if resume is set.  Else the pieces are elements of one list, of which
 * zego_view_items() says how many have been read.
 */
void zego_view_follow(zego_view_t *view, const zego_query_t *query,
    zego_version_t after, int resume) ZEGO_NOEXCEPT;
unsigned zego_view_items(const zego_view_t *view) ZEGO_NOEXCEPT;

/*
 * The rooms that changed after a version, which is moved on; as many as *n says
 * at most, some more than once.  ZEGO_VIEW_GONE: any may have.
 * Under the lock.
 */

typedef struct {
    uint32_t              appid;
    size_t                len;
    char                  id[ZEGO_ROOM_ID_MAX];
} zego_room_name_t;

zego_view_e zego_rooms_changed(const zego_rooms_t *rooms, zego_version_t *after,
    zego_room_name_t *names, size_t *n) ZEGO_NOEXCEPT;


/*
 * A store: what a zone holds, in a directory of files of LMDB, which several
 * processes may have open; in one process it must be opened once only.  One
 * handle serves one call at a time, from any thread.  Calls may wait for the
 * disk and for other processes.
 *
 * A store is opened with the first call, and opened anew with the next one
 * after a failure.
 */

typedef struct zego_store_s   zego_store_t;
typedef struct zego_reader_s  zego_reader_t;

typedef enum {
    ZEGO_STORE_OK = 0,
    ZEGO_STORE_MORE,              /* call again */
    ZEGO_STORE_BEHIND,            /* another image has been begun, or what
                                     others committed must be joined first */
    ZEGO_STORE_LAYOUT,            /* of another version of this module */
    ZEGO_STORE_DAMAGED,
    ZEGO_STORE_FAILED             /* anything else */
} zego_store_e;

/* dir must exist when the store is opened; map_size, in bytes: what it can
   hold at first, it grows as needed; 0: only what is there is read, and no
   file is made; NULL without memory */
zego_store_t *zego_store_create(const zego_memory_t *memory, const char *dir,
    uint64_t map_size) ZEGO_NOEXCEPT;
void zego_store_destroy(zego_store_t *store) ZEGO_NOEXCEPT;

/* of the last failure, what is to follow "zego store ... " */
const char *zego_store_message(const zego_store_t *store) ZEGO_NOEXCEPT;

/* drawn when the store was made; 0 when none has been opened yet, and from when
   its files were seen to be removed or replaced until it is opened again */
uint64_t zego_store_id(const zego_store_t *store) ZEGO_NOEXCEPT;

/* of the file that is open, by its device and inode: another one when a copy
   of the same store has taken its place; 0: none is open */
uint64_t zego_store_files(const zego_store_t *store) ZEGO_NOEXCEPT;

/* whether something was committed since zego_store_read() gave ZEGO_STORE_OK,
   or the store was opened anew, which needs no disk */
int zego_store_changed(const zego_store_t *store) ZEGO_NOEXCEPT;

/* commits records, one after the other, to the journal; on ZEGO_STORE_OK they
   are on disk.  epoch: of their zone, 0 if of several; now: Unix ms */
zego_store_e zego_store_append(zego_store_t *store, const char *records,
    size_t len, uint64_t epoch, uint64_t now) ZEGO_NOEXCEPT;

/*
 * A reader goes through all of a store, or through the journal after a number
 * but for what zones of that epoch have committed; all, if the journal does not
 * go back so far any more.  zego_store_read() reads a piece, whose records
 * zego_reader_next() gives, each for zego_rooms_load(), until its len is 0.
 * ZEGO_STORE_OK: all was read.
 */

/* NULL without memory; from the beginning */
zego_reader_t *zego_reader_create(const zego_memory_t *memory) ZEGO_NOEXCEPT;
void zego_reader_destroy(zego_reader_t *reader) ZEGO_NOEXCEPT;
void zego_reader_after(zego_reader_t *reader, uint64_t number, uint64_t epoch)
    ZEGO_NOEXCEPT;

zego_store_e zego_store_read(zego_store_t *store, zego_reader_t *reader)
    ZEGO_NOEXCEPT;
zego_str_t zego_reader_next(zego_reader_t *reader) ZEGO_NOEXCEPT;

/* the journal was read up to this number; Unix ms of the last sign of life,
   and of when callbacks were missed last, or 0 */
uint64_t zego_reader_number(const zego_reader_t *reader) ZEGO_NOEXCEPT;
uint64_t zego_reader_alive(const zego_reader_t *reader) ZEGO_NOEXCEPT;
uint64_t zego_reader_missed(const zego_reader_t *reader) ZEGO_NOEXCEPT;

/*
 * Has the image of a zone take the place of the journal: begin, merge each
 * piece, and cut the journal off up to the number which the zone had joined
 * when the image was begun.  ZEGO_STORE_MORE: the same once more.
 */
zego_store_e zego_store_begin(zego_store_t *store, zego_image_t *image)
    ZEGO_NOEXCEPT;
zego_store_e zego_store_merge(zego_store_t *store, zego_image_t *image)
    ZEGO_NOEXCEPT;
zego_store_e zego_store_cut(zego_store_t *store, const zego_image_t *image,
    uint64_t upto) ZEGO_NOEXCEPT;

/* a sign of life, and see zego_rooms_missed() or 0; both Unix ms */
zego_store_e zego_store_alive(zego_store_t *store, uint64_t now,
    uint64_t missed) ZEGO_NOEXCEPT;

/* zego_store_append() of several zones and zego_store_alive(), as one commit */
zego_store_e zego_store_load(zego_store_t *store, const char *records,
    size_t len, uint64_t now, uint64_t missed) ZEGO_NOEXCEPT;

typedef struct {
    uint64_t              bytes;           /* on disk */
    uint64_t              records;
    uint64_t              journal;         /* records in it */
    uint64_t              last;            /* number of the journal's last */
    uint64_t              alive;           /* of zego_store_alive() */
} zego_store_stat_t;

zego_store_e zego_store_stat(zego_store_t *store, zego_store_stat_t *stat)
    ZEGO_NOEXCEPT;

/* reads everything, and ends the process by a signal if what is damaged is
   found by LMDB only: so in a process of its own */
zego_store_e zego_store_check(zego_store_t *store) ZEGO_NOEXCEPT;


/* page: HTML, with the one script and the one style that it needs in it */
zego_str_t zego_page(void) ZEGO_NOEXCEPT;


#ifdef __cplusplus
}
#endif


#endif /* ZEGO_ROOMS_H */

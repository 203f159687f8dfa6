
/*
 * What the unit tests share: callbacks, memory that counts and fails, the
 * list as text, random numbers, and two models: of the design, and of the
 * vendor's flowcharts.
 */

#ifndef UNIT_H
#define UNIT_H


#include "zego_rooms.h"


#ifdef __cplusplus
extern "C" {
#else

#include <check.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>


/* callbacks, of room "r" in app 1 but for what follows the arguments; at is
   when it happened */

#define STR(s)  { (s), sizeof(s) - 1 }

#define EVENT(t, session, ...)                                                \
    { .type = (t), .appid = 1, .has_appid = 1, .room_id = STR("r"),           \
      .room_session_id = (session), .user_role = ZEGO_ROLE_UNKNOWN,           \
      __VA_ARGS__ }

#define ROOM_CREATE(session, at, ...)                                         \
    EVENT(ZEGO_ROOM_CREATE, session, .first = (at), .time = (at),             \
          .user_id = STR("creator"), __VA_ARGS__)

#define ROOM_CLOSE(session, at, ...)                                          \
    EVENT(ZEGO_ROOM_CLOSE, session, .first = (at), .time = (at), __VA_ARGS__)

#define STREAM_CREATE(session, n, at, id, ...)                                \
    EVENT(ZEGO_STREAM_CREATE, session, .first = (at), .time = (at),           \
          .seq = (n), .stream_id = STR(id), .stream_sid = STR("s-" id),       \
          .user_id = STR("publisher"), __VA_ARGS__)

#define STREAM_CLOSE(session, n, created, at, id, ...)                        \
    EVENT(ZEGO_STREAM_CLOSE, session,                                         \
          .first = (created) < (at) ? (created) : (at),                       \
          .time = (created), .close_time = (at), .seq = (n),                  \
          .stream_id = STR(id), .stream_sid = STR("s-" id),                   \
          .user_id = STR("publisher"), __VA_ARGS__)

#define LOGIN(session, n, at, id, login, ...)                                 \
    EVENT(ZEGO_ROOM_LOGIN, session, .first = (at), .time = (at),              \
          .login_time = (at), .seq = (n), .user_id = STR(id),                 \
          .user_session_id = (login), __VA_ARGS__)

#define LOGOUT(session, n, since, at, id, login, ...)                         \
    EVENT(ZEGO_ROOM_LOGOUT, session,                                          \
          .first = (since) < (at) ? (since) : (at),                           \
          .time = (at), .login_time = (since), .seq = (n),                    \
          .user_id = STR(id), .user_session_id = (login), __VA_ARGS__)


/* runs what ends with NULL, named */
int unit_main(const char *name, const TTest *const *tests);

#endif


/* scenarios: callbacks as they happened */

#define UNIT_EVENTS_MAX  8

typedef struct {
    const char           *name;
    zego_event_t          events[UNIT_EVENTS_MAX];

    /* the share of wrong lists, in per cent, that the flowcharts are known to
       give, every callback delivered once and with one delivered twice */
    unsigned              figures:1;
    int                   once;
    int                   twice;
} unit_scenario_t;

extern const unit_scenario_t unit_scenarios[];
extern const size_t unit_nscenarios;

size_t unit_events(const unit_scenario_t *scenario);


/* memory that counts what is held, and fails when told to */

typedef struct unit_block_s  unit_block_t;

typedef struct {
    zego_memory_t         memory;
    unit_block_t         *all;
    size_t                blocks;
    size_t                bytes;
    size_t                budget;          /* of bytes */
    size_t                allocs;          /* calls */
    size_t                frees;
    size_t                fail;            /* this call and all after it */
} unit_heap_t;

void unit_heap_init(unit_heap_t *heap);
void unit_heap_done(unit_heap_t *heap);


/* a zone: rooms in a heap of their own, with a clock that the test drives */

#define UNIT_HORIZON  300000

typedef struct {
    unit_heap_t           heap;
    zego_env_t            env;
    zego_rooms_t         *rooms;
    zego_version_t        version;         /* after the last apply */
    unsigned              late;            /* was it? */
} unit_zone_t;

void unit_zone_init(unit_zone_t *zone);
void unit_zone_done(unit_zone_t *zone);
zego_verdict_e unit_apply(unit_zone_t *zone, const zego_event_t *event);
void unit_apply_all(unit_zone_t *zone, const zego_event_t *events, size_t n);
void unit_expire(unit_zone_t *zone);

/* joins all of from; merge: it must fit */
zego_copy_e unit_copy(unit_zone_t *zone, const unit_zone_t *from);
void unit_merge(unit_zone_t *zone, const unit_zone_t *from);
uint64_t unit_tombstones(const unit_zone_t *zone);

/* aborts when the list, but for what is missing, is not the model's */
void unit_expect(const unit_zone_t *zone, const zego_event_t *events,
    size_t n);

/* aborts when something in it is inconsistent */
void unit_check(const zego_rooms_t *rooms);


/*
 * What a view answers, in pieces; zeroed it is none yet.  unit_answer_rest()
 * reads until the view is done, and destroys it.
 */

typedef struct {
    char                 *data;
    size_t                len;
    unsigned              pieces;
} unit_answer_t;

void unit_answer_begin(unit_answer_t *answer);
zego_view_e unit_answer_read(unit_answer_t *answer, zego_view_t *view,
    const zego_rooms_t *rooms);
void unit_answer_rest(unit_answer_t *answer, zego_view_t *view,
    const zego_rooms_t *rooms);
size_t unit_answer_count(const unit_answer_t *answer, const char *what);


/*
 * The list as JSON from "RoomList" on, which lives until the next call; and as
 * text, which does not depend on how the JSON is written: sorted lines, one
 * for each room, stream and user, and for each counter with holes, " ~ " in
 * it.  Texts are to be freed.
 */

const char *unit_json(const zego_rooms_t *rooms);
char *unit_text(const zego_rooms_t *rooms);

/* takes what is missing out of the text */
char *unit_cut(char *text);


/* random numbers that are the same everywhere; ZEGO_SEED in the environment
   is another seed, and said on stdout */

typedef struct {
    uint64_t              state;
} unit_random_t;

void unit_random_init(unit_random_t *random);
/* below n */
uint64_t unit_random(unit_random_t *random, uint64_t n);
void unit_shuffle(unit_random_t *random, void *base, size_t n, size_t size);


/* where all takes too long: one in how many is tried, which is ZEGO_SAMPLE in
   the environment, and said on stdout, or 1; and how many of n that are */

size_t unit_sample(void);
size_t unit_some(size_t n);


/*
 * Histories, to be freed: as a server would send them when all goes well,
 * with what made all that is live in the end; and any facts at all, with
 * numbers and times from a few, so that many coincide.
 */

typedef struct {
    zego_event_t         *events;          /* as they happened */
    size_t                n;
    zego_event_t         *live;            /* those that made what is live */
    size_t                nlive;
} unit_history_t;

void unit_history(unit_history_t *history, unit_random_t *random, size_t n);
void unit_chaos(unit_history_t *history, unit_random_t *random, size_t n);
void unit_history_free(unit_history_t *history);

/* when it happened */
uint64_t unit_time(const zego_event_t *event);


/*
 * Who follows the changes: what a zone listed at each revision, and recorders,
 * each with a list of its own that it keeps by the changes it reads of a zone.
 * They abort when a change is not as it must be, and from exact on when the
 * list after a revision is not what the zone listed then.
 */

typedef struct unit_lists_s     unit_lists_t;
typedef struct unit_recorder_s  unit_recorder_t;

/* without rooms at revision 0; keep: after each callback, which type was */
unit_lists_t *unit_lists_create(void);
void unit_lists_destroy(unit_lists_t *lists);
void unit_lists_keep(unit_lists_t *lists, const unit_zone_t *zone,
    zego_event_e type);

/* whether that room is what changed with that revision, and the only one */
int unit_lists_changed(const unit_lists_t *lists, uint64_t revision,
    const zego_room_name_t *name);

/* of one room if there is an id, and of one app if there is one */
unit_recorder_t *unit_recorder_create(const unit_lists_t *lists,
    const zego_query_t *query);
void unit_recorder_destroy(unit_recorder_t *recorder);

/* an empty list, which is exact from that revision on */
void unit_recorder_begin(unit_recorder_t *recorder);
void unit_recorder_exact(unit_recorder_t *recorder, uint64_t from);

/* a piece of the events of a list; a piece of changes, as events that have a
   version or not, or as elements of a list, how many of which came before in
   the same answer; how many changes it held */
void unit_recorder_snapshot(unit_recorder_t *recorder, zego_str_t piece);
unsigned unit_recorder_events(unit_recorder_t *recorder, zego_str_t piece,
    int resume);
unsigned unit_recorder_elements(unit_recorder_t *recorder, zego_str_t piece,
    unsigned before);

/* all up to that revision has been read, and nothing after it */
void unit_recorder_at(unit_recorder_t *recorder, uint64_t revision);


/*
 * The model of the design's first section: of a set of callbacks, in any
 * order and repeated, the list as unit_text() gives it; all facts, as text
 * too; which of them, up to 64, are shown in the list; the verdict of one
 * more.  Texts are to be freed.
 */

char *model_text(const zego_event_t *events, size_t n);
char *model_facts(const zego_event_t *events, size_t n);
uint64_t model_shown(const zego_event_t *events, size_t n);
zego_verdict_e model_verdict(const zego_event_t *events, size_t n,
    const zego_event_t *event);


/*
 * The model of the vendor's flowcharts, one room id of one app.  It can be
 * copied.
 */

#define VENDOR_MAX  (UNIT_EVENTS_MAX + 1)

typedef struct {
    const zego_event_t   *room;            /* NULL: there is none */
    const zego_event_t   *listed[VENDOR_MAX];
    size_t                nlisted;
    const zego_event_t   *queue[VENDOR_MAX];
    size_t                nqueue;
} vendor_t;

void vendor_deliver(vendor_t *vendor, const zego_event_t *event);

/* which of the events are in the list */
uint64_t vendor_shown(const vendor_t *vendor, const zego_event_t *events);


#ifdef __cplusplus
}
#endif


#endif /* UNIT_H */

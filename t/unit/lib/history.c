
#include "unit.h"


#define N(array)  (sizeof(array) / sizeof((array)[0]))


/* what a server knows of a stream, or of a user, in a room */

typedef struct {
    uint64_t              since;
    uint64_t              session;         /* of a user; 0: it is not there */
    zego_event_t         *made;
} entry_t;

typedef struct {
    uint32_t              appid;
    zego_str_t            id;
    uint64_t              session;         /* 0: there is no room */
    zego_event_t         *made;
    uint64_t              stream_seq;
    uint64_t              user_update_seq;
    entry_t               streams[4];
    entry_t               users[3];
} room_t;

typedef struct {
    unit_history_t       *history;
    unit_random_t        *random;
    uint64_t              now;
    uint64_t              sessions;        /* of any kind */
    room_t                rooms[6];
} server_t;


/* apps that have not switched on everything */
enum { NO_ROOM_EVENTS = 2, NO_USER_UPDATE_SEQ = 3 };


static uint64_t server_session(server_t *server);
static void server_room(server_t *server, room_t *room);
static void server_clear(server_t *server, room_t *room);
static void server_stream(server_t *server, room_t *room, unsigned i);
static void server_user(server_t *server, room_t *room, unsigned i);
static zego_event_t *server_send(server_t *server, room_t *room,
    zego_event_e type, zego_str_t id, entry_t *entry, uint64_t seq);


static const zego_str_t  ids[] = {
    STR("a"), STR("b"), STR("c"), STR("d")
};

static const zego_str_t  names[] = { STR("ann"), STR("bob") };


void
unit_history(unit_history_t *history, unit_random_t *random, size_t n)
{
    size_t     i, k;
    room_t    *room;
    server_t   server;

    /* a room that is cleared sends a callback for each entry */
    history->events = calloc(n + 8, sizeof(zego_event_t));
    history->live = calloc(n + 8, sizeof(zego_event_t));
    history->n = 0;
    history->nlive = 0;

    memset(&server, 0, sizeof(server_t));
    server.history = history;
    server.random = random;
    server.now = 1000000;

    for (i = 0; i < N(server.rooms); i++) {
        server.rooms[i].appid = 1 + i % 3;
        server.rooms[i].id = ids[i / 3];
    }

    while (history->n < n) {
        room = &server.rooms[unit_random(random, N(server.rooms))];

        /* much happens in the same millisecond */
        server.now += unit_random(random, 3) * unit_random(random, 1000);

        k = unit_random(random, 20);

        if (room->session == 0 || k == 0) {
            server_room(&server, room);

        } else if (k & 1) {
            server_stream(&server, room,
                          unit_random(random, N(room->streams)));

        } else {
            server_user(&server, room, unit_random(random, N(room->users)));
        }
    }

    for (room = server.rooms; room < server.rooms + N(server.rooms); room++) {
        if (room->session && room->made) {
            history->live[history->nlive++] = *room->made;
        }

        for (i = 0; i < N(room->streams); i++) {
            if (room->streams[i].session) {
                history->live[history->nlive++] = *room->streams[i].made;
            }
        }

        for (i = 0; i < N(room->users); i++) {
            if (room->users[i].session) {
                history->live[history->nlive++] = *room->users[i].made;
            }
        }
    }
}


/* ids have no order, so that no two sessions begin in the same millisecond */

static uint64_t
server_session(server_t *server)
{
    server->now++;

    return ++server->sessions * 0x9e3779b97f4a7c15;
}


static void
server_room(server_t *server, room_t *room)
{
    entry_t   entry;
    unsigned  silent;

    silent = room->appid == NO_ROOM_EVENTS;
    entry.since = 0;

    if (room->session) {

        /* what is left in it is not always closed one by one */
        if (silent || unit_random(server->random, 2)) {
            server_clear(server, room);
        }

        if (!silent) {
            server_send(server, room, ZEGO_ROOM_CLOSE, ids[0], &entry, 0);
        }

        memset(room->streams, 0, sizeof(room->streams));
        memset(room->users, 0, sizeof(room->users));
        room->session = 0;
        return;
    }

    room->session = server_session(server);
    room->stream_seq = 0;
    room->user_update_seq = 0;
    room->made = NULL;

    if (!silent) {
        room->made = server_send(server, room, ZEGO_ROOM_CREATE,
                                 ids[unit_random(server->random, N(ids))],
                                 &entry, 0);
    }
}


static void
server_clear(server_t *server, room_t *room)
{
    unsigned  i;

    for (i = 0; i < N(room->streams); i++) {
        if (room->streams[i].session) {
            server_send(server, room, ZEGO_STREAM_CLOSE, ids[i],
                        &room->streams[i], ++room->stream_seq);
        }
    }

    for (i = 0; i < N(room->users); i++) {
        if (room->users[i].session) {
            server_send(server, room, ZEGO_ROOM_LOGOUT, ids[i],
                        &room->users[i], ++room->user_update_seq);
        }
    }
}


/* it comes, is resumed, goes */

static void
server_stream(server_t *server, room_t *room, unsigned i)
{
    entry_t  *stream;

    stream = &room->streams[i];

    if (stream->session && unit_random(server->random, 4)) {
        server_send(server, room, ZEGO_STREAM_CLOSE, ids[i], stream,
                    ++room->stream_seq);
        stream->session = 0;
        return;
    }

    if (stream->session == 0) {
        stream->session = 1;
        stream->since = server->now;
    }

    stream->made = server_send(server, room, ZEGO_STREAM_CREATE, ids[i],
                               stream, ++room->stream_seq);
}


/* it comes, comes again, or is kicked out by its second device, goes */

static void
server_user(server_t *server, room_t *room, unsigned i)
{
    unsigned   kicked;
    entry_t   *user, old;

    user = &room->users[i];
    old = *user;
    kicked = 0;

    if (user->session) {
        switch (unit_random(server->random, 4)) {

        case 0: /* logs in again */
            break;

        case 1:
            kicked = 1;
            break;

        default:
            server_send(server, room, ZEGO_ROOM_LOGOUT, ids[i], user,
                        ++room->user_update_seq);
            user->session = 0;
            return;
        }
    }

    if (old.session == 0 || kicked) {
        user->session = server_session(server);
    }

    user->since = server->now;
    user->made = server_send(server, room, ZEGO_ROOM_LOGIN, ids[i], user,
                             ++room->user_update_seq);

    if (kicked) {

        /* sometimes under the number of the login */
        room->user_update_seq += unit_random(server->random, 2);

        server_send(server, room, ZEGO_ROOM_LOGOUT, ids[i], &old,
                    room->user_update_seq);
    }
}


static zego_event_t *
server_send(server_t *server, room_t *room, zego_event_e type, zego_str_t id,
    entry_t *entry, uint64_t seq)
{
    zego_event_t  *e;

    e = &server->history->events[server->history->n++];

    e->type = type;
    e->appid = room->appid;
    e->has_appid = 1;
    e->room_id = room->id;
    e->room_session_id = room->session;
    e->user_role = ZEGO_ROLE_UNKNOWN;
    e->user_id = id;
    e->time = server->now;
    e->first = server->now;

    switch (type) {

    case ZEGO_STREAM_CREATE:
    case ZEGO_STREAM_CLOSE:
        e->seq = seq;
        e->time = entry->since;
        e->first = entry->since;
        e->stream_id = id;
        e->user_name = names[unit_random(server->random, N(names))];
        e->close_time = type == ZEGO_STREAM_CLOSE ? server->now : 0;
        break;

    case ZEGO_ROOM_LOGIN:
    case ZEGO_ROOM_LOGOUT:
        e->seq = room->appid == NO_USER_UPDATE_SEQ ? 0 : seq;
        e->first = entry->since;
        e->login_time = entry->since;
        e->user_session_id = entry->session;
        e->user_role = 1 + id.data[0] % 2;
        break;

    default:
        break;
    }

    return e;
}


void
unit_chaos(unit_history_t *history, unit_random_t *random, size_t n)
{
    zego_event_t  *e;

    history->events = calloc(n, sizeof(zego_event_t));
    history->live = NULL;
    history->n = n;
    history->nlive = 0;

#define ANY(count)  unit_random(random, count)

    for (e = history->events; e < history->events + n; e++) {
        e->type = 1 + ANY(ZEGO_EVENTS - 1);
        e->appid = 1 + ANY(2);
        e->has_appid = 1;
        e->room_id = ids[ANY(2)];
        e->room_session_id = 1 + ANY(4);
        e->user_role = ZEGO_ROLE_UNKNOWN;
        e->user_id = ids[ANY(3)];
        e->time = 1 + ANY(20);
        e->first = e->time;

        switch (e->type) {

        case ZEGO_STREAM_CREATE:
        case ZEGO_STREAM_CLOSE:
            e->seq = ANY(6) * (ANY(4) ? 1 : 700);
            e->stream_id = ids[ANY(N(ids))];
            e->user_id = e->stream_id;
            e->user_name = names[ANY(N(names))];

            if (e->type == ZEGO_STREAM_CLOSE) {
                e->close_time = 1 + ANY(20);
                e->first = e->close_time < e->time ? e->close_time : e->time;
            }

            break;

        case ZEGO_ROOM_LOGIN:
        case ZEGO_ROOM_LOGOUT:
            e->seq = ANY(6) * (ANY(4) ? 1 : 700);
            e->user_name = names[ANY(N(names))];
            e->user_session_id = 1 + ANY(3);
            e->login_time = e->time;

            if (e->type == ZEGO_ROOM_LOGOUT) {
                e->login_time = 1 + ANY(20);
                e->first = e->login_time < e->time ? e->login_time : e->time;
            }

            break;

        default:
            break;
        }
    }

#undef ANY
}


void
unit_history_free(unit_history_t *history)
{
    free(history->events);
    free(history->live);
}


uint64_t
unit_time(const zego_event_t *event)
{
    return event->close_time ? event->close_time : event->time;
}

// What the zone holds: rooms, their sessions, and in each session the
// registers of streams and of user sessions.  Plain structs, linked by trees.

#ifndef ZEGO_CORE_ROOMS_H
#define ZEGO_CORE_ROOMS_H

#include "sequence.h"
#include "text.h"
#include "tree.h"

#include <tuple>
#include <type_traits>

namespace zego {

struct Room;
struct Session;
struct Delivery;
struct Trace;

enum class Kind : std::uint8_t { session, stream, user };

// A place in the queue of what may be freed: closed, superseded and empty
// entries in the order of the last callback that named them.
struct Expiry {
    Expiry *prev; // nullptr: not in the queue
    Expiry *next;
    std::uint64_t stamp : 56;
    Kind kind : 8;
};

// The register of a stream, or of a user session: the greatest fact seen.
struct Register {
    Session *session;
    Expiry expiry;
    std::uint64_t seq;
    std::uint64_t time;     // create_time_ms; login_time or logout_time
    std::uint64_t revision; // of its last change
    std::uint64_t unsaved;  // the change of it that no store has yet, or 0
    Text text;
    std::uint32_t code; // why it was closed
    bool closed;        // closed, or logged out
};

// The strings of a register.
enum : std::uint8_t {
    text_id = 0, // the stream's id, the user's, or that of a room's creator
    text_name,   // the publisher's name, or the user's
    text_kept,
    text_user_id, // of the publisher
    text_sid,
    text_extra_info,
};

struct Stream {
    Register reg;
    TreeNode by_id;     // in its session
    TreeNode by_stream; // over all rooms, while created
    std::uint64_t close_time;
};

struct User {
    Register reg;
    TreeNode by_id;   // in its session, by account and session_id
    TreeNode by_rank; // in its session, by account and age
    TreeNode by_user; // over all rooms, while newest and logged in
    std::uint64_t session_id;
    std::uint64_t login_time;
    std::int32_t role;
};

struct Closed {
    std::uint64_t time;
    std::uint32_t reason;

    auto operator<=>(const Closed &) const = default;
};

// The role of an administrator: a bot that records or moderates.
constexpr std::int32_t role_admin = 4;

// What a session adds to what is listed.
struct Counts {
    std::uint64_t streams;
    std::uint64_t users;
    std::uint64_t stream_seq_holes;
    std::uint64_t user_update_seq_holes;
};

// A life of a room.
struct Session {
    Room *room;
    TreeNode by_id;
    TreeNode by_rank;
    Expiry expiry;
    Tree streams;
    Tree users;
    Tree users_by_rank;
    std::uint64_t id;
    std::uint64_t first;
    std::uint64_t created; // ZEGO_TIME_UNKNOWN until known
    Text created_text;     // creator and kept fields
    Closed closed_as;
    bool closed;
    Window stream_seq;
    Window user_update_seq;
    std::uint64_t streams_live;
    std::uint64_t users_live;
    std::uint64_t admins_live; // of them
    std::uint64_t revision;
    std::uint64_t unsaved;
};

// The last changes of what is listed, see changes.h.
struct Ring {
    char *data;
    std::uint32_t *places; // of the blocks in data, by their revision
    std::uint64_t size;    // of data; 0: there is no ring
    std::uint64_t nplaces;
    std::uint64_t floor; // the revision before the oldest
    std::uint64_t top;   // the newest
    std::uint64_t end;   // where that ends
};

struct Room {
    TreeNode by_id;   // by app and id
    TreeNode by_name; // by id and app, while listed
    Tree sessions;
    Tree sessions_by_rank;
    std::uint64_t revision; // of the last change in it
    std::uint64_t parted;   // that in which last one of its id was not listed
                            // in another app any more
    std::uint32_t appid;
    std::uint16_t len;
};

} // namespace zego

struct zego_rooms_s {
    zego_version_t version;
    std::uint64_t since;
    std::uint64_t rebuilt;
    std::uint64_t missed;  // the revision of zego_rooms_missed(), or 0
    std::uint64_t clock;   // the greatest now so far
    std::uint64_t changes; // of facts, or that one was freed
    zego::Tree rooms;
    zego::Tree rooms_by_name;
    zego::Tree streams;
    zego::Tree users;
    zego::Expiry queue;    // its head: next is what was named first
    std::uint64_t entries; // sessions and registers, listed or not
    std::uint64_t rooms_live;
    zego::Counts live;
    std::uint64_t evictions;
    zego::Ring ring;

    // deliver.cc
    zego::Tree deliveries;
    zego::Delivery *deliveries_first; // looked at longest ago
    zego::Delivery *deliveries_last;
    std::uint64_t deliveries_kept;
    std::uint64_t marks;

    zego::Trace *trace; // or nullptr
};

namespace zego {

static_assert(std::is_standard_layout_v<Stream> &&
              std::is_standard_layout_v<User> &&
              std::is_standard_layout_v<Session> &&
              std::is_standard_layout_v<Room> &&
              std::is_standard_layout_v<zego_rooms_s>);

// The bytes behind an entry.

template <class Entry> char *head_of(Entry *entry)
{
    return reinterpret_cast<char *>(entry + 1);
}

template <class Entry> const char *head_of(const Entry *entry)
{
    return reinterpret_cast<const char *>(entry + 1);
}

inline std::string_view view_of(zego_str_t s)
{
    return {s.data, s.len};
}

inline std::string_view room_id(const Room *room)
{
    return {head_of(room), room->len};
}

// The first string lies always in the entry's own allocation.
template <class Entry> std::string_view id_of(const Entry *entry)
{
    return {head_of(entry), entry->reg.text.len[text_id]};
}

// From a node to its entry.

template <class Entry> Entry *entry_at(const void *member, std::size_t offset)
{
    return reinterpret_cast<Entry *>(reinterpret_cast<std::uintptr_t>(member) -
                                     offset);
}

inline Room *room_at(const TreeNode *n)
{
    return entry_at<Room>(n, offsetof(Room, by_id));
}

inline Room *room_named(const TreeNode *n)
{
    return entry_at<Room>(n, offsetof(Room, by_name));
}

inline Session *session_at(const TreeNode *n)
{
    return entry_at<Session>(n, offsetof(Session, by_id));
}

inline Session *session_ranked(const TreeNode *n)
{
    return entry_at<Session>(n, offsetof(Session, by_rank));
}

inline Stream *stream_at(const TreeNode *n)
{
    return entry_at<Stream>(n, offsetof(Stream, by_id));
}

inline Stream *stream_indexed(const TreeNode *n)
{
    return entry_at<Stream>(n, offsetof(Stream, by_stream));
}

inline User *user_at(const TreeNode *n)
{
    return entry_at<User>(n, offsetof(User, by_id));
}

inline User *user_ranked(const TreeNode *n)
{
    return entry_at<User>(n, offsetof(User, by_rank));
}

inline User *user_indexed(const TreeNode *n)
{
    return entry_at<User>(n, offsetof(User, by_user));
}

inline Session *session_expiring(const Expiry *expiry)
{
    return entry_at<Session>(expiry, offsetof(Session, expiry));
}

inline Stream *stream_expiring(const Expiry *expiry)
{
    return entry_at<Stream>(expiry, offsetof(Register, expiry));
}

inline User *user_expiring(const Expiry *expiry)
{
    return entry_at<User>(expiry, offsetof(Register, expiry));
}

inline Stream *stream_of(const Register *reg)
{
    return entry_at<Stream>(reg, offsetof(Stream, reg));
}

inline User *user_of(const Register *reg)
{
    return entry_at<User>(reg, offsetof(User, reg));
}

// The keys of the trees.

using RoomKey = std::tuple<std::uint32_t, std::string_view>;
using NameKey = std::tuple<std::string_view, std::uint32_t>;
using UserKey = std::tuple<std::string_view, std::uint64_t>;
using IndexKey = std::tuple<std::string_view, std::uint32_t, std::string_view,
                            std::uint64_t>;

// The start of a session, open before closed, its id: the greatest is
// current.
using SessionRank = std::tuple<std::uint64_t, bool, std::uint64_t>;

// The user, login_time, logged in, session_id: the greatest of a user is its
// newest.
using UserRank =
    std::tuple<std::string_view, std::uint64_t, bool, std::uint64_t>;

inline std::uint64_t session_start(const Session *session)
{
    if (session->created != ZEGO_TIME_UNKNOWN) {
        return session->created;
    }
    return session->first != ZEGO_TIME_UNKNOWN ? session->first : 0;
}

inline RoomKey room_key(const TreeNode *n)
{
    const Room *room = room_at(n);
    return {room->appid, room_id(room)};
}

inline NameKey name_key(const TreeNode *n)
{
    const Room *room = room_named(n);
    return {room_id(room), room->appid};
}

inline std::uint64_t session_key(const TreeNode *n)
{
    return session_at(n)->id;
}

inline SessionRank session_rank(const TreeNode *n)
{
    const Session *session = session_ranked(n);
    return {session_start(session), !session->closed, session->id};
}

inline std::string_view stream_key(const TreeNode *n)
{
    return id_of(stream_at(n));
}

inline UserKey user_key(const TreeNode *n)
{
    const User *user = user_at(n);
    return {id_of(user), user->session_id};
}

inline UserRank user_rank(const TreeNode *n)
{
    const User *user = user_ranked(n);
    return {id_of(user), user->login_time, !user->reg.closed, user->session_id};
}

inline IndexKey index_key(std::string_view id, const Session *session)
{
    return {id, session->room->appid, room_id(session->room), session->id};
}

inline IndexKey stream_index_key(const TreeNode *n)
{
    const Stream *stream = stream_indexed(n);
    return index_key(id_of(stream), stream->reg.session);
}

inline IndexKey user_index_key(const TreeNode *n)
{
    const User *user = user_indexed(n);
    return index_key(id_of(user), user->reg.session);
}

// The current session: the one with the greatest rank.
inline Session *current_session(const Room *room)
{
    return session_ranked(tree_last(room->sessions_by_rank));
}

inline Session *oldest_of_room(const Session *session)
{
    return session_ranked(tree_first(session->room->sessions_by_rank));
}

// Current and not closed, and created, or with a live stream or user.
inline bool session_listed(const Session *session)
{
    return !session->closed && session == current_session(session->room) &&
           (session->created != ZEGO_TIME_UNKNOWN ||
            session->streams_live > 0 || session->users_live > 0);
}

// The session that lists the room, or nullptr.
inline Session *listed_session(const Room *room)
{
    if (tree_empty(room->sessions_by_rank)) {
        return nullptr;
    }
    Session *session = current_session(room);
    return session_listed(session) ? session : nullptr;
}

// Of its user sessions, is it the last by rank?
inline bool user_newest(const User *user)
{
    const TreeNode *next = tree_next(&user->by_rank);
    return next == tree_end(user->reg.session->users_by_rank) ||
           id_of(user_ranked(next)) != id_of(user);
}

// The newest of the sessions of that user, or nullptr.
inline User *newest_of_user(const Session *session, std::string_view id)
{
    const TreeNode *after = tree_lower_bound(
        session->users_by_rank, std::tuple{id, UINT64_MAX, true, UINT64_MAX},
        user_rank);
    if (after == tree_first(session->users_by_rank)) {
        return nullptr;
    }
    User *user = user_ranked(tree_prev(after));
    return id_of(user) == id ? user : nullptr;
}

// A session that lived, or may have, when an earlier list was lost.
inline bool lived_before_rebuild(const zego_rooms_s *rooms,
                                 const Session *session)
{
    return rooms->rebuilt != 0 && (session->first < rooms->rebuilt ||
                                   session->first == ZEGO_TIME_UNKNOWN);
}

// What is freed at most to make room for one callback.
constexpr unsigned evictions_max = 30;

// What the counts of holes take of one session: a number that is far off
// must not wrap the sum.
constexpr std::uint64_t holes_max = std::uint64_t{1} << 32;

inline std::uint64_t holes_counted(const Window &window)
{
    return std::min(window_missing(window), holes_max);
}

inline bool session_complete(const zego_rooms_s *rooms, const Session *session)
{
    return window_missing(session->stream_seq) == 0 &&
           window_missing(session->user_update_seq) == 0 &&
           !lived_before_rebuild(rooms, session);
}

// expire.cc

// What may be freed goes to the end of the queue, what may not leaves it.
void queue_touch(zego_rooms_s *rooms, Expiry *expiry, bool may_be_freed);

// Frees this entry of the queue, or what must go before it.
void evict(zego_rooms_s *rooms, const zego_env_t &env, Expiry *expiry);

} // namespace zego

#endif

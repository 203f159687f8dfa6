// A view: what is asked, where it stands, and the piece that was read last.

#ifndef ZEGO_CORE_VIEW_H
#define ZEGO_CORE_VIEW_H

#include "changes.h"
#include "key.h"
#include "rooms.h"
#include "trace.h"

#include <yajl/yajl_gen.h>

namespace zego {

enum class ItemKind : std::uint8_t {
    page,
    page_end,
    room,
    stream,
    users, // the user list begins
    user,
    complete, // the missing numbers of stream_seq begin
    hole,
    user_holes, // those of user_update_seq begin
    room_end,
    closed_room,
    index,
    stream_in_room,
    user_in_room,
    index_end,
    change,
    explain,
    explain_session,
    explain_session_end,
    explain_streams, // the stream list begins
    explain_stream,
    explain_users,
    explain_user,
    explain_callbacks,
    explain_callback,
    explain_end,
};

struct RoomItem {
    std::uint32_t appid;
    std::string_view id;
    std::uint64_t session_id;
    std::uint64_t created;
    bool closed;
    Closed closed_as;
    std::string_view creator;
    std::string_view kept;
    std::uint64_t streams;
    std::uint64_t users;
    std::uint64_t admins;

    // of a change
    bool complete;
    std::string_view stream_holes; // the bytes of ranges
    std::string_view user_holes;
};

struct EntryItem {
    Strings strings;
    std::uint64_t seq;
    std::uint64_t time;
    std::uint64_t session_id;
    std::int32_t role;
};

// What an item of that kind is: in a room, that or its entry.
struct ChangeItem {
    bool put;
    Kind kind;
    zego_event_e event;
    std::uint64_t revision;
    bool resume; // its version is told
};

// Why something is listed, or not.
enum class Why : std::uint8_t {
    created, // a room
    live,
    deferred,
    rejected,
    forgotten,
    listed, // what is in a room
    empty,
    closed,
    older_session,
    closed_session,
    newer_user_session,
};

struct ExplainItem {
    Why why;
    bool listed;
    bool current;
    bool closed;
    bool missed; // what came before a rebuild
    std::uint64_t first;
    std::uint64_t close_time;
    std::uint32_t code; // why it was closed
    std::uint64_t newer_user_session_id;
};

struct CallbackItem {
    Traced traced;
    TracedStrings strings;
};

struct Item {
    ItemKind kind;
    bool complete;
    Range range;
    RoomItem room;
    EntryItem entry;
    ChangeItem change;
    ExplainItem explain;
    CallbackItem callback;
};

// What fields= chooses from: the members of rooms, streams and users.
enum class Field : std::uint8_t {
    app_id,
    room_id,
    room_session_id,
    room_create_time,
    room_close_time,
    close_reason,
    creator,
    stream_count,
    user_count,
    stream_id,
    stream_sid,
    stream_seq,
    stream_create_time,
    user_id,
    user_name,
    extra_info,
    user_session_id,
    user_login_time,
    user_role,
    user_update_seq,
};

// As they are written, but for a first one's comma.
constexpr auto field_names = std::to_array<std::string_view>({
    ",\"AppId\":",
    ",\"RoomID\":",
    ",\"RoomSessionId\":",
    ",\"RoomCreateTime\":",
    ",\"RoomCloseTime\":",
    ",\"CloseReason\":",
    ",\"Creator\":",
    ",\"StreamCount\":",
    ",\"UserCount\":",
    ",\"StreamId\":",
    ",\"StreamSid\":",
    ",\"StreamSeq\":",
    ",\"StreamCreateTime\":",
    ",\"UserId\":",
    ",\"UserName\":",
    ",\"ExtraInfo\":",
    ",\"UserSessionId\":",
    ",\"UserLoginTime\":",
    ",\"UserRole\":",
    ",\"UserUpdateSeq\":",
});

constexpr std::uint32_t field_bit(Field field)
{
    return std::uint32_t{1} << static_cast<unsigned>(field);
}

// What an answer is made of, in the order of zego_keep_t.
enum Object : std::uint8_t { object_stream, object_room, object_user, objects };

// What is given of them.
struct Chosen {
    bool all = true;
    std::uint32_t fields = UINT32_MAX;
    std::array<std::uint16_t, objects> kept = {}; // a bit for each of keep's
    std::array<bool, objects> any = {};
};

// What of a room comes next; rooms: the next room.
enum class Phase : std::uint8_t {
    rooms,
    streams,
    users_begin,
    users,
    holes_begin,
    stream_holes,
    user_holes_begin,
    user_holes,
    room_end,
};

enum class ExplainPhase : std::uint8_t {
    session,
    stream_holes,
    user_holes,
    streams,
    users,
    callbacks,
    end,
};

// What is explained of one room at most.
constexpr std::size_t explain_sessions_max = 16;
constexpr unsigned explain_holes_max = 64;

// Where the explanation of a room stands.
struct Explain {
    Key stream_id; // no other is looked at
    Key user_id;
    std::array<std::uint64_t, explain_sessions_max> sessions; // newest first
    std::size_t nsessions = 0;
    ExplainPhase phase = ExplainPhase::session;
    std::size_t session = 0; // the index of the one at hand
    unsigned entries = 0;    // of the list at hand
    std::uint64_t user_session_id = 0;
    std::uint64_t place = UINT64_MAX; // of the callback that comes next
    bool more = false;                // than is listed
};

// What a full piece still takes: the end of a room whose session is gone.
constexpr std::size_t items_max = 48;
constexpr std::size_t items_reserve = 4;

// What follows the first piece of a list, which may be all of it, is in smaller
// ones: while one is made, callbacks wait.
constexpr std::size_t more_items_max = 16;

// Entries that one piece may look at, listed or not.
constexpr unsigned visits_max = 256;

// A stream or user with its room.
constexpr std::size_t item_text_max = 2 * text_max;

constexpr std::size_t piece_text = 16 * std::size_t{1024};

// The place of a user in the order of logins.
struct Login {
    std::uint64_t time;
    Key user;
};

// A query in the vendor's way, and where it stands.
struct Action {
    std::array<Key, ZEGO_IDS_MAX> ids;
    std::size_t nids = 0;

    // a page of users by login
    bool after = false; // it begins behind the marker
    bool more = false;  // there are users behind it
    bool sorted = false;
    Login marker;
    std::size_t nusers = 0;
    std::size_t nlisted = 0;
    std::array<Login *, ZEGO_PAGE_MAX> order; // a heap until it is sorted
    std::array<Login, ZEGO_PAGE_MAX> users;

    // the stream is in one of the rooms looked at
    bool found = false;
    std::uint64_t created = 0;
};

} // namespace zego

struct zego_view_s {
    zego_memory_t memory;
    zego_query_t query;
    zego::Key id;
    zego::Key user;
    zego::Key prefix;
    zego::Chosen chosen;
    zego::Action *action = nullptr;

    bool begun = false;
    zego_version_t version = {};
    std::uint64_t since = 0;

    // where it stands
    zego::Phase phase = zego::Phase::rooms;
    bool after_room = false; // room_id was looked at
    std::uint32_t room_appid = 0;
    zego::Key room_id;
    std::uint64_t session_id = 0;
    bool after_session = false; // session_id was looked at
    zego::Key entry_id;
    std::uint64_t hole = 0;
    bool complete = false; // of the room, as it was written
    unsigned nrooms = 0;
    unsigned nchanges = 0;
    bool resume = false;
    std::uint32_t next_appid = 0;
    zego::Key next_id;
    std::uint64_t next_session = 0;
    zego::Explain explain;

    // the piece
    unsigned visits = 0;
    std::size_t items_full = zego::items_max;
    std::size_t nitems = 0;
    std::array<zego::Item, zego::items_max + zego::items_reserve> items;
    std::size_t text_len = 0;
    std::array<char, zego::item_text_max + zego::piece_text> text;

    // its JSON
    yajl_gen gen = nullptr;
    yajl_alloc_funcs gen_memory;
    std::array<std::max_align_t, 64> gen_bytes;
    std::size_t gen_used = 0;
    char *json = nullptr;
    std::size_t json_len = 0;
    std::size_t json_size = 0;
    bool json_first = false; // no element of the list at hand was written
    bool json_bare = false;  // no member of the object at hand was
    bool json_failed = false;
};

namespace zego {

// view.cc
bool piece_full(const zego_view_s *view);
std::string_view keep_bytes(zego_view_s *view, std::string_view string);
Item *add_item(zego_view_s *view, ItemKind kind);
void copy_room(zego_view_s *view, RoomItem &item, const Session *session);
void copy_stream(zego_view_s *view, EntryItem &item, const Stream *stream);
void copy_user(zego_view_s *view, EntryItem &item, const User *user);
const Session *room_session(const zego_view_s *view, const zego_rooms_s *rooms);
void read_streams(zego_view_s *view, const Session *session);
TreeNode *next_user(const Session *session, std::string_view id);

// The only listed room of that id; nullptr, and which, when there is not
// exactly one.
const Session *find_listed(const zego_view_s *view, const zego_rooms_s *rooms,
                           zego_view_e *why);

// The revision since which that is so, and the room as it is.
std::uint64_t listed_since(const zego_view_s *view, const zego_rooms_s *rooms,
                           const Session *session);

// view_changes.cc: what is listed, as changes, and what changed
void put_room(zego_view_s *view, const zego_rooms_s *rooms,
              const Session *session);
void put_stream(zego_view_s *view, const Stream *stream);
void put_user(zego_view_s *view, const User *user);
zego_view_e read_changes(zego_view_s *view, const zego_rooms_s *rooms);

// view_fields.cc

// What the query's fields choose; false when there is no such member.
bool view_choose(zego_view_s *view);

// Is that member of kept fields chosen?
bool view_keeps(const zego_view_s *view, Object object,
                std::string_view member);

// explain.cc
zego_view_e begin_explain(zego_view_s *view, const zego_rooms_s *rooms);
bool read_explain(zego_view_s *view, const zego_rooms_s *rooms);

// view_action.cc: false without memory, or with *invalid set to 1
bool action_start(zego_view_s *view, const zego_query_t &query, int *invalid);
zego_view_e action_read(zego_view_s *view, const zego_rooms_s *rooms);

// view_json.cc
bool view_start_json(zego_view_s *view);
void view_end_json(zego_view_s *view);

} // namespace zego

#endif

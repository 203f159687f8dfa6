// Joins one zone into another, entry by entry, resuming by key.  What is
// listed goes first.  Then the tombstones go as far as there is room, of one
// key the newer before the older, so that none is missing that hides another.

#include "fact.h"
#include "key.h"

#include <new>

using namespace zego;

namespace {

constexpr unsigned copies_max = 64;

enum class Pass : std::uint8_t { listed, tombstones };

enum class Phase : std::uint8_t { rooms, sessions, session, streams, users };

} // namespace

// Where it stands: the entry that was looked at last.
struct zego_copy_s {
    zego_memory_t memory;
    Pass pass = Pass::listed;
    Phase phase = Phase::rooms;
    bool begun = false; // a room was looked at
    std::uint32_t appid = 0;
    Key room_id;
    std::uint64_t session_start = 0;
    bool session_open = false;
    std::uint64_t session_id = 0;
    Key entry_id;
    std::uint64_t login_time = 0;
    bool logged_in = false;
    std::uint64_t user_session_id = 0;
    std::array<char, text_max> session_text;
    std::array<char, text_max> entry_text;
};

namespace {

// The last node before key, or nullptr.
template <class Key, class KeyOf>
const TreeNode *last_before(const Tree &tree, const Key &key, KeyOf key_of)
{
    const TreeNode *node = tree_lower_bound(tree, key, key_of);
    return node != tree_first(tree) ? tree_prev(node) : nullptr;
}

const Room *room_at_position(const zego_copy_s *copy, const zego_rooms_s *from)
{
    const TreeNode *node = tree_find(
        from->rooms, RoomKey{copy->appid, string_of(copy->room_id)}, room_key);
    return node != nullptr ? room_at(node) : nullptr;
}

const Session *session_at_position(const zego_copy_s *copy, const Room *room)
{
    const TreeNode *node =
        tree_find(room->sessions, copy->session_id, session_key);
    return node != nullptr ? session_at(node) : nullptr;
}

bool next_room(zego_copy_s *copy, const zego_rooms_s *from)
{
    const RoomKey key{copy->appid, string_of(copy->room_id)};
    const TreeNode *node = tree_lower_bound(from->rooms, key, room_key);
    if (node != tree_end(from->rooms) && copy->begun && room_key(node) == key) {
        node = tree_next(node);
    }
    if (node == tree_end(from->rooms)) {
        return false;
    }
    const Room *room = room_at(node);
    copy->begun = true;
    copy->appid = room->appid;
    set_key(copy->room_id, room_id(room));
    copy->session_start = UINT64_MAX;
    copy->session_open = true;
    copy->session_id = UINT64_MAX;
    copy->phase = Phase::sessions;
    return true;
}

// The newest session of the room that is older than the position.
bool next_session(zego_copy_s *copy, const Room *room)
{
    const SessionRank rank{copy->session_start, copy->session_open,
                           copy->session_id};
    const TreeNode *node =
        last_before(room->sessions_by_rank, rank, session_rank);
    if (node == nullptr) {
        return false;
    }
    std::tie(copy->session_start, copy->session_open, copy->session_id) =
        session_rank(node);
    copy->phase = Phase::session;
    return true;
}

Origin origin_of(const Session *session)
{
    const Room *room = session->room;
    Origin origin = {};
    origin.session_revision = session->revision;
    origin.room_revision = room->revision;
    origin.room_parted = room->parted;
    origin.session_unsaved = session->unsaved;
    return origin;
}

zego_verdict_e copy_register(zego_copy_s *copy, zego_rooms_s *rooms,
                             const zego_env_t &env, const Register &reg,
                             const RegisterFact &fact)
{
    const Session *session = reg.session;
    Fact whole = session_fact(session, copy->session_text.data());
    Origin origin = origin_of(session);
    origin.reg_revision = reg.revision;
    origin.reg_unsaved = reg.unsaved;
    whole.stream_seq_window = whole.user_update_seq_window = nullptr;
    whole.reg = &fact;
    whole.origin = &origin;
    return join(rooms, env, whole).verdict;
}

// Of a listed session what is live goes in the first pass, the rest, and all
// of the others, in the second.
bool in_pass(const zego_copy_s *copy, const Session *session, bool live)
{
    const bool listed = session_listed(session) && live;
    return listed == (copy->pass == Pass::listed);
}

zego_verdict_e copy_session(zego_copy_s *copy, zego_rooms_s *rooms,
                            const zego_env_t &env, const Session *session)
{
    copy->entry_id.len = 0;
    copy->phase = Phase::streams;
    if (!session_listed(session) && copy->pass == Pass::listed) {
        copy->phase = Phase::sessions;
    }
    if (!in_pass(copy, session, true)) {
        return ZEGO_DUPLICATE;
    }
    Fact fact = session_fact(session, copy->session_text.data());
    const Origin origin = origin_of(session);
    fact.origin = &origin;
    return join(rooms, env, fact).verdict;
}

zego_verdict_e copy_stream(zego_copy_s *copy, zego_rooms_s *rooms,
                           const zego_env_t &env, const Session *session)
{
    const std::string_view last = string_of(copy->entry_id);
    const TreeNode *node = tree_lower_bound(session->streams, last, stream_key);
    if (node != tree_end(session->streams) && stream_key(node) == last) {
        node = tree_next(node);
    }
    if (node == tree_end(session->streams)) {
        // longer than any id, and greater
        copy->entry_id.bytes.fill('\xff');
        copy->entry_id.len = copy->entry_id.bytes.size();
        copy->phase = Phase::users;
        return ZEGO_DUPLICATE;
    }
    const Stream *stream = stream_at(node);
    set_key(copy->entry_id, id_of(stream));
    if (!in_pass(copy, session, !stream->reg.closed)) {
        return ZEGO_DUPLICATE;
    }
    return copy_register(copy, rooms, env, stream->reg,
                         stream_fact(stream, copy->entry_text.data()));
}

// From the last user to the first, of each the newest session first.
zego_verdict_e copy_user(zego_copy_s *copy, zego_rooms_s *rooms,
                         const zego_env_t &env, const Session *session)
{
    const UserRank rank{string_of(copy->entry_id), copy->login_time,
                        copy->logged_in, copy->user_session_id};
    const TreeNode *node = last_before(session->users_by_rank, rank, user_rank);
    if (node == nullptr) {
        copy->phase = Phase::sessions;
        return ZEGO_DUPLICATE;
    }
    const User *user = user_ranked(node);
    set_key(copy->entry_id, id_of(user));
    copy->login_time = user->login_time;
    copy->logged_in = !user->reg.closed;
    copy->user_session_id = user->session_id;
    if (!in_pass(copy, session, !user->reg.closed && user_newest(user))) {
        return ZEGO_DUPLICATE;
    }
    return copy_register(copy, rooms, env, user->reg,
                         user_fact(user, copy->entry_text.data()));
}

// Looks at one entry, and copies it if it is its turn.
zego_verdict_e copy_one(zego_copy_s *copy, zego_rooms_s *rooms,
                        const zego_env_t &env, const zego_rooms_s *from)
{
    const Room *room = room_at_position(copy, from);
    if (room == nullptr) {
        copy->phase = Phase::rooms;
        return ZEGO_DUPLICATE;
    }
    if (copy->phase == Phase::sessions) {
        if (!next_session(copy, room)) {
            copy->phase = Phase::rooms;
        }
        return ZEGO_DUPLICATE;
    }
    const Session *session = session_at_position(copy, room);
    if (session == nullptr) {
        copy->phase = Phase::sessions;
        return ZEGO_DUPLICATE;
    }
    switch (copy->phase) {
    case Phase::session:
        return copy_session(copy, rooms, env, session);
    case Phase::streams:
        return copy_stream(copy, rooms, env, session);
    default:
        return copy_user(copy, rooms, env, session);
    }
}

zego_copy_e finish(zego_rooms_s *rooms, const zego_rooms_s *from)
{
    rooms->version.revision =
        std::max(rooms->version.revision, from->version.revision);
    rooms->evictions += from->evictions;
    rooms->rebuilt = std::max(rooms->rebuilt, from->rebuilt);
    rooms->missed = std::max(rooms->missed, from->missed);
    rooms->changes = std::max(rooms->changes, from->changes);
    return ZEGO_COPY_DONE;
}

} // namespace

zego_copy_t *zego_copy_create(const zego_memory_t *memory) noexcept
{
    void *p = allocate(*memory, sizeof(zego_copy_s));
    if (p == nullptr) {
        return nullptr;
    }
    auto *copy = new (p) zego_copy_s;
    copy->memory = *memory;
    return copy;
}

void zego_copy_destroy(zego_copy_t *copy) noexcept
{
    release(copy->memory, copy);
}

zego_copy_e zego_copy_step(zego_copy_t *copy, zego_rooms_t *rooms,
                           const zego_env_t *env,
                           const zego_rooms_t *from) noexcept
{
    for (unsigned n = 0; n < copies_max; n++) {
        if (copy->phase == Phase::rooms && !next_room(copy, from)) {
            if (copy->pass == Pass::tombstones) {
                return finish(rooms, from);
            }
            copy->pass = Pass::tombstones;
            copy->begun = false;
            copy->appid = 0;
            copy->room_id.len = 0;
        } else if (copy_one(copy, rooms, *env, from) == ZEGO_DEFERRED) {
            if (copy->pass == Pass::listed) {
                return ZEGO_COPY_FULL;
            }
            // Without this tombstone none that it hides may follow.
            rooms->evictions++;
            return finish(rooms, from);
        }
    }
    return ZEGO_COPY_MORE;
}

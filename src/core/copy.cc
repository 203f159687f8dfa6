// Joins one zone into another, entry by entry, resuming by key: between two
// steps both may change.

#include "fact.h"

#include <new>

using namespace zego;

namespace {

constexpr unsigned copies_max = 64;

enum class Phase : std::uint8_t { sessions, streams, users };

// An id of the entry that was copied last; the empty one is before all.
struct Position {
    std::array<char, 256> bytes;
    std::size_t len = 0;
};

std::string_view string_of(const Position &position)
{
    return {position.bytes.data(), position.len};
}

void set(Position &position, std::string_view string)
{
    position.len = string.copy(position.bytes.data(), position.bytes.size());
}

} // namespace

struct zego_copy_s {
    zego_memory_t memory;
    Phase phase = Phase::sessions;
    bool begun = false;        // a session was
    bool session_done = false; // with all in it
    std::uint32_t appid = 0;
    Position room_id;
    std::uint64_t session_id = 0;
    Position entry_id;
    std::uint64_t entry_session = 0;
    std::array<char, text_max> session_text;
    std::array<char, text_max> entry_text;
};

namespace {

bool at_position(const zego_copy_s *copy, const Session *session)
{
    return copy->begun && session->id == copy->session_id &&
           room_key(&session->room->by_id) ==
               RoomKey{copy->appid, string_of(copy->room_id)};
}

// The session at the position, or the first one after it if that is done.
const Session *find_session(const zego_copy_s *copy, const zego_rooms_s *from)
{
    const RoomKey key{copy->appid, string_of(copy->room_id)};
    for (const TreeNode *node = tree_lower_bound(from->rooms, key, room_key);
         node != tree_end(from->rooms); node = tree_next(node)) {
        const Tree &sessions = room_at(node)->sessions;
        const TreeNode *session =
            room_key(node) == key
                ? tree_lower_bound(sessions, copy->session_id, session_key)
                : tree_first(sessions);
        if (session != tree_end(sessions) && copy->session_done &&
            at_position(copy, session_at(session))) {
            session = tree_next(session);
        }
        if (session != tree_end(sessions)) {
            return session_at(session);
        }
    }
    return nullptr;
}

Fact session_fact(zego_copy_s *copy, const Session *session)
{
    Fact fact = {};
    fact.appid = session->room->appid;
    fact.room_id = room_id(session->room);
    fact.session_id = session->id;
    fact.first = session->first;
    fact.created = session->created;
    fact.created_text =
        text_read(session->created_text, nullptr, copy->session_text.data());
    fact.closed = session->closed;
    fact.closed_as = session->closed_as;
    return fact;
}

RegisterFact register_fact(zego_copy_s *copy, const Register &reg,
                           const char *head)
{
    RegisterFact fact = {};
    fact.kind = reg.expiry.kind;
    fact.strings = text_read(reg.text, head, copy->entry_text.data());
    fact.seq = reg.seq;
    fact.time = reg.time;
    fact.code = reg.code;
    fact.closed = reg.closed;
    return fact;
}

// The next register of the session after the position, or false.
bool next_register(zego_copy_s *copy, const Session *session,
                   RegisterFact *fact, std::uint64_t *revision)
{
    if (copy->phase == Phase::streams) {
        const TreeNode *node = tree_lower_bound(
            session->streams, string_of(copy->entry_id), stream_key);
        if (node != tree_end(session->streams) &&
            stream_key(node) == string_of(copy->entry_id)) {
            node = tree_next(node);
        }
        if (node != tree_end(session->streams)) {
            const Stream *stream = stream_at(node);
            set(copy->entry_id, id_of(stream));
            *fact = register_fact(copy, stream->reg, head_of(stream));
            fact->close_time = stream->close_time;
            *revision = stream->reg.revision;
            return true;
        }
        copy->phase = Phase::users;
        copy->entry_id.len = 0;
        copy->entry_session = 0;
    }

    const UserKey key{string_of(copy->entry_id), copy->entry_session};
    const TreeNode *node = tree_lower_bound(session->users, key, user_key);
    if (node != tree_end(session->users) && user_key(node) == key) {
        node = tree_next(node);
    }
    if (node == tree_end(session->users)) {
        return false;
    }
    const User *user = user_at(node);
    set(copy->entry_id, id_of(user));
    copy->entry_session = user->session_id;
    *fact = register_fact(copy, user->reg, head_of(user));
    fact->session_id = user->session_id;
    fact->login_time = user->login_time;
    fact->role = user->role;
    *revision = user->reg.revision;
    return true;
}

// Copies one entry; deferred when there was no room for it.
zego_verdict_e copy_one(zego_copy_s *copy, zego_rooms_s *rooms,
                        const zego_env_t &env, const Session *session)
{
    Fact fact = session_fact(copy, session);
    Revisions revisions{0, session->revision, session->room->revision};
    fact.revisions = &revisions;

    if (!at_position(copy, session)) {
        copy->begun = true;
        copy->session_done = false;
        copy->appid = session->room->appid;
        set(copy->room_id, room_id(session->room));
        copy->session_id = session->id;
        copy->phase = Phase::streams;
        copy->entry_id.len = 0;
        fact.stream_seq_window = &session->stream_seq;
        fact.user_update_seq_window = &session->user_update_seq;
        return join(rooms, env, fact);
    }

    RegisterFact reg = {};
    if (next_register(copy, session, &reg, &revisions.reg)) {
        fact.reg = &reg;
        return join(rooms, env, fact);
    }

    copy->session_done = true;
    return ZEGO_DUPLICATE;
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
        const Session *session = find_session(copy, from);
        if (session == nullptr) {
            rooms->version.revision =
                std::max(rooms->version.revision, from->version.revision);
            rooms->evictions = std::max(rooms->evictions, from->evictions);
            rooms->rebuilt = std::max(rooms->rebuilt, from->rebuilt);
            return ZEGO_COPY_DONE;
        }
        if (copy_one(copy, rooms, *env, session) == ZEGO_DEFERRED) {
            return ZEGO_COPY_FULL;
        }
    }
    return ZEGO_COPY_MORE;
}

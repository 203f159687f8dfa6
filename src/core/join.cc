// The list is a join: the state is the maximum of the facts seen for each
// key, so that any order and any number of repetitions give the same list.

#include "changes.h"
#include "deliver.h"
#include "fact.h"

#include <compare>

namespace zego {

namespace {

// Where a fact belongs, what of it is new, and the memory that takes.  All
// that can fail happens here, before anything changes.
struct Plan {
    Room *room;
    Session *session;
    Register *reg; // nullptr if the fact is of none

    Room *new_room;
    Session *new_session;
    Register *new_register;
    Register *replaced; // whose place new_register takes
    Block *created_blocks;

    // After the commit: what of the same user is listed now, else reg.
    Register *shown;
    bool live; // and listed

    std::strong_ordering created = std::strong_ordering::equal;
    std::strong_ordering closed = std::strong_ordering::equal;
    std::strong_ordering written = std::strong_ordering::equal;
    bool first_smaller;
    bool login_time_larger;
    bool shows; // what is listed of the register would change
};

// What a commit changed.
struct Changes {
    bool facts;
    bool listed;  // if the session is listed
    bool entry;   // of that, the lists of the session
    bool room;    // and what is said of the room itself
    bool missing; // in the sequence windows
    bool session; // anything of it that a store has
    bool reg;
};

std::strong_ordering compare_created(const Fact &fact, const Session *session)
{
    if (fact.created == ZEGO_TIME_UNKNOWN) {
        return std::strong_ordering::equal;
    }
    if (session->created == ZEGO_TIME_UNKNOWN) {
        return std::strong_ordering::greater;
    }
    if (fact.created != session->created) {
        return fact.created <=> session->created;
    }
    return 0 <=>
           text_compare(session->created_text, nullptr, fact.created_text);
}

std::strong_ordering compare_closed(const Fact &fact, const Session *session)
{
    if (!fact.closed) {
        return std::strong_ordering::equal;
    }
    return session->closed ? fact.closed_as <=> session->closed_as
                           : std::strong_ordering::greater;
}

// By number, time and closed.  Where these are equal by the encoding of the
// fields: why, the other number, then each string by length and bytes.
std::strong_ordering compare_register(const RegisterFact &fact,
                                      const Register *reg)
{
    const auto order = std::tuple(fact.seq, fact.time, fact.closed) <=>
                       std::tuple(reg->seq, reg->time, reg->closed);
    if (order != 0) {
        return order;
    }

    if (fact.kind == Kind::stream) {
        const Stream *stream = stream_of(reg);
        const auto fields = std::tuple(fact.code, fact.close_time) <=>
                            std::tuple(reg->code, stream->close_time);
        if (fields != 0) {
            return fields;
        }
        return 0 <=> text_compare(reg->text, head_of(stream), fact.strings);
    }

    const User *user = user_of(reg);
    const auto fields =
        std::tuple(fact.code, fact.role) <=> std::tuple(reg->code, user->role);
    if (fields != 0) {
        return fields;
    }
    return 0 <=> text_compare(reg->text, head_of(user), fact.strings);
}

// Does the fact differ in what the lists show of a register?
bool shows_change(const RegisterFact &fact, const Register *reg)
{
    if (fact.seq != reg->seq || fact.closed != reg->closed) {
        return true;
    }
    if (fact.kind == Kind::stream) {
        return fact.time != reg->time ||
               text_compare(reg->text, head_of(stream_of(reg)), fact.strings) !=
                   0;
    }
    const User *user = user_of(reg);
    return fact.role != user->role ||
           text_compare(reg->text, head_of(user), fact.strings) != 0;
}

std::size_t entry_size(Kind kind)
{
    return kind == Kind::stream ? sizeof(Stream) : sizeof(User);
}

char *head_of_register(Kind kind, Register *reg)
{
    return reinterpret_cast<char *>(reg) + entry_size(kind);
}

Room *new_room(const zego_memory_t &memory, const Fact &fact)
{
    const std::size_t len = fact.room_id.size();
    auto *room = static_cast<Room *>(allocate(memory, sizeof(Room) + len));
    if (room == nullptr) {
        return nullptr;
    }
    *room = {};
    tree_init(room->sessions);
    tree_init(room->sessions_by_rank);
    room->appid = fact.appid;
    room->len = static_cast<std::uint16_t>(len);
    std::copy_n(fact.room_id.data(), len, head_of(room));
    return room;
}

Session *new_session(const zego_memory_t &memory, const Fact &fact)
{
    auto *session = static_cast<Session *>(allocate(memory, sizeof(Session)));
    if (session == nullptr) {
        return nullptr;
    }
    *session = {};
    tree_init(session->streams);
    tree_init(session->users);
    tree_init(session->users_by_rank);
    session->expiry.kind = Kind::session;
    session->id = fact.session_id;
    session->first = ZEGO_TIME_UNKNOWN;
    session->created = ZEGO_TIME_UNKNOWN;
    window_init(session->stream_seq);
    window_init(session->user_update_seq);
    return session;
}

Register *new_register(const zego_memory_t &memory, const RegisterFact &fact)
{
    const std::size_t text = text_size(fact.strings);
    const std::size_t size = chunk_size(entry_size(fact.kind) + text);
    const std::size_t room = size - entry_size(fact.kind);

    Block *more = nullptr;
    if (text > room && !blocks_allocate(memory, text - room, &more)) {
        return nullptr;
    }
    void *p = allocate(memory, size);
    if (p == nullptr) {
        blocks_release(memory, more);
        return nullptr;
    }

    Register *reg = nullptr;
    if (fact.kind == Kind::stream) {
        auto *stream = static_cast<Stream *>(p);
        *stream = {};
        reg = &stream->reg;
    } else {
        auto *user = static_cast<User *>(p);
        *user = {};
        user->session_id = fact.session_id;
        reg = &user->reg;
    }
    reg->expiry.kind = fact.kind;
    reg->text.more = more;
    reg->text.room = static_cast<std::uint16_t>(room);
    text_write(reg->text, head_of_register(fact.kind, reg), fact.strings);
    return reg;
}

void release_plan(const zego_memory_t &memory, Plan &plan)
{
    release(memory, plan.new_room);
    if (plan.new_session != nullptr) {
        window_release(plan.new_session->stream_seq, memory);
        window_release(plan.new_session->user_update_seq, memory);
        release(memory, plan.new_session);
    }
    if (plan.new_register != nullptr) {
        blocks_release(memory, plan.new_register->text.more);
        release(memory, plan.new_register);
    }
    blocks_release(memory, plan.created_blocks);
}

// Nothing is freed for this: a window that cannot be widened loses numbers,
// but never an event.
void plan_windows(const zego_memory_t &memory, const Fact &fact,
                  Session *session)
{
    window_reserve(session->stream_seq, memory, fact.stream_seq);
    window_reserve(session->user_update_seq, memory, fact.user_update_seq);
}

bool plan_register(const zego_memory_t &memory, const RegisterFact &fact,
                   Plan &plan)
{
    plan.reg = find_register(plan.session, fact);
    if (plan.reg != nullptr) {
        plan.written = compare_register(fact, plan.reg);
        plan.login_time_larger =
            fact.kind == Kind::user &&
            fact.login_time > user_of(plan.reg)->login_time;
        plan.shows = plan.login_time_larger ||
                     (plan.written > 0 && shows_change(fact, plan.reg));

        // In a full zone a close still fits where its create was.
        if (plan.written <= 0 ||
            text_size(fact.strings) <= plan.reg->text.room) {
            return true;
        }
        plan.replaced = plan.reg;
    } else {
        plan.shows = true;
    }

    plan.written = std::strong_ordering::greater;
    plan.reg = plan.new_register = new_register(memory, fact);
    return plan.reg != nullptr;
}

// False without memory; then plan holds what is to be released.
bool make_plan(const zego_rooms_s *rooms, const zego_memory_t &memory,
               const Fact &fact, Plan &plan)
{
    plan.room = find_room(rooms, fact);
    if (plan.room == nullptr) {
        plan.room = plan.new_room = new_room(memory, fact);
        if (plan.room == nullptr) {
            return false;
        }
    }

    plan.session = find_session(plan.room, fact);
    if (plan.session == nullptr) {
        plan.session = plan.new_session = new_session(memory, fact);
        if (plan.session == nullptr) {
            return false;
        }
    }

    plan.first_smaller = fact.first < plan.session->first;
    plan.closed = compare_closed(fact, plan.session);
    plan.created = compare_created(fact, plan.session);
    if (plan.created > 0 &&
        !blocks_allocate(memory, text_size(fact.created_text),
                         &plan.created_blocks)) {
        return false;
    }

    if (fact.reg != nullptr && !plan_register(memory, *fact.reg, plan)) {
        return false;
    }
    plan_windows(memory, fact, plan.session);
    return true;
}

// A new register has its text already; else it goes where the old one was.
void write_register(const zego_memory_t &memory, const RegisterFact &fact,
                    Plan &plan)
{
    Register *reg = plan.reg;
    reg->seq = fact.seq;
    reg->time = fact.time;
    reg->code = fact.code;
    reg->closed = fact.closed;
    if (plan.new_register == nullptr) {
        blocks_release(memory, reg->text.more);
        reg->text.more = nullptr;
        text_write(reg->text, head_of_register(fact.kind, reg), fact.strings);
    }
}

// The fields of old, but for its text, go to the register in its place.
template <class Entry> void move_fields(const Entry *old, Entry *entry)
{
    const Text text = entry->reg.text;
    *entry = *old;
    entry->reg.text = text;
    entry->reg.expiry.prev = nullptr;
}

void release_replaced(zego_rooms_s *rooms, const zego_memory_t &memory,
                      Register *old)
{
    queue_touch(rooms, &old->expiry, false);
    blocks_release(memory, old->text.more);
    release(memory, old);
}

// A stream is listed when its register says created.
bool commit_stream(zego_rooms_s *rooms, const zego_memory_t &memory,
                   const RegisterFact &fact, Plan &plan)
{
    Session *session = plan.session;
    Stream *stream = stream_of(plan.reg);
    Stream *old = plan.replaced != nullptr ? stream_of(plan.replaced) : stream;
    const bool is_new = old == stream && plan.new_register != nullptr;
    const bool was_live = !is_new && !old->reg.closed;

    if (plan.written > 0) {
        if (was_live) {
            tree_erase(rooms->streams, &old->by_stream);
            session->streams_live--;
        }
        if (is_new) {
            stream->reg.session = session;
            tree_insert(session->streams, &stream->by_id, stream_key);
            rooms->entries++;
        } else if (stream != old) {
            move_fields(old, stream);
            tree_replace(session->streams, &old->by_id, &stream->by_id);
            release_replaced(rooms, memory, &old->reg);
        }
        write_register(memory, fact, plan);
        stream->close_time = fact.close_time;
        if (!stream->reg.closed) {
            tree_insert(rooms->streams, &stream->by_stream, stream_index_key);
            session->streams_live++;
        }
    }

    plan.shown = &stream->reg;
    plan.live = !stream->reg.closed;
    queue_touch(rooms, &stream->reg.expiry, stream->reg.closed);
    return plan.written > 0 && plan.shows && (was_live || !stream->reg.closed);
}

// A user is listed when the newest of its user sessions is logged in.
bool commit_user(zego_rooms_s *rooms, const zego_memory_t &memory,
                 const RegisterFact &fact, Plan &plan)
{
    Session *session = plan.session;
    User *user = user_of(plan.reg);
    User *old = plan.replaced != nullptr ? user_of(plan.replaced) : user;
    const bool is_new = old == user && plan.new_register != nullptr;
    const bool changed = plan.written > 0 || plan.login_time_larger;
    bool listed = false;

    plan.shown = &user->reg;
    if (changed) {
        User *before = newest_of_user(session, fact.strings[text_id]);
        const bool was_live = before != nullptr && !before->reg.closed;
        if (was_live) {
            tree_erase(rooms->users, &before->by_user);
            session->users_live--;
            session->admins_live -= before->role == role_admin ? 1 : 0;
        }
        if (before == old) {
            before = user;
        }

        if (is_new) {
            user->reg.session = session;
            tree_insert(session->users, &user->by_id, user_key);
            rooms->entries++;
        } else {
            tree_erase(session->users_by_rank, &old->by_rank);
        }
        if (user != old) {
            move_fields(old, user);
            tree_replace(session->users, &old->by_id, &user->by_id);
            release_replaced(rooms, memory, &old->reg);
        }
        if (plan.written > 0) {
            write_register(memory, fact, plan);
            user->role = fact.role;
        }
        user->login_time = std::max(user->login_time, fact.login_time);
        tree_insert(session->users_by_rank, &user->by_rank, user_rank);

        User *after = newest_of_user(session, fact.strings[text_id]);
        const bool live = !after->reg.closed;
        plan.live = live;
        if (live) {
            tree_insert(rooms->users, &after->by_user, user_index_key);
            session->users_live++;
            session->admins_live += after->role == role_admin ? 1 : 0;
            queue_touch(rooms, &after->reg.expiry, false);
            plan.shown = &after->reg;
        }
        if (before != nullptr && before != after) {
            // superseded
            queue_touch(rooms, &before->reg.expiry, true);
        }
        listed = live != was_live || (live && after != before) ||
                 (live && after == user && plan.shows);
    }

    queue_touch(rooms, &user->reg.expiry,
                user->reg.closed || !user_newest(user));
    return listed;
}

// True when what is missing changed; seen: when anything was.
bool commit_windows(const zego_memory_t &memory, const Fact &fact,
                    Session *session, bool *seen)
{
    Window &streams = session->stream_seq;
    Window &users = session->user_update_seq;
    const auto state = [&] {
        return std::tuple(window_state(streams), window_state(users));
    };
    const auto before = state();
    const bool complete =
        window_missing(streams) == 0 && window_missing(users) == 0;

    bool missing = window_see(streams, fact.stream_seq);
    missing |= window_see(users, fact.user_update_seq);
    if (fact.stream_seq_window != nullptr) {
        window_join(streams, memory, *fact.stream_seq_window);
        window_join(users, memory, *fact.user_update_seq_window);
        missing |=
            state() != before && !(complete && window_missing(streams) == 0 &&
                                   window_missing(users) == 0);
    }
    *seen = state() != before;
    return missing;
}

void commit_session(const zego_memory_t &memory, const Fact &fact, Plan &plan)
{
    Session *session = plan.session;
    Room *room = session->room;

    tree_erase(room->sessions_by_rank, &session->by_rank);
    session->first = std::min(session->first, fact.first);
    if (plan.created > 0) {
        session->created = fact.created;
        blocks_release(memory, session->created_text.more);
        session->created_text.more = plan.created_blocks;
        text_write(session->created_text, nullptr, fact.created_text);
    }
    if (plan.closed > 0) {
        session->closed = true;
        session->closed_as = fact.closed_as;
    }
    tree_insert(room->sessions_by_rank, &session->by_rank, session_rank);
}

Changes commit(zego_rooms_s *rooms, const zego_memory_t &memory,
               const Fact &fact, Plan &plan)
{
    Session *session = plan.session;
    Changes changes = {};

    if (plan.new_room != nullptr) {
        tree_insert(rooms->rooms, &plan.room->by_id, room_key);
    }
    if (plan.new_session != nullptr) {
        session->room = plan.room;
        tree_insert(plan.room->sessions, &session->by_id, session_key);
        tree_insert(plan.room->sessions_by_rank, &session->by_rank,
                    session_rank);
        rooms->entries++;
    }

    const bool lived = lived_before_rebuild(rooms, session);
    const auto counts = std::pair(session->streams_live, session->users_live);
    if (plan.first_smaller || plan.created > 0 || plan.closed > 0) {
        commit_session(memory, fact, plan);
        changes.facts = true;
        changes.listed = plan.created > 0;
    }
    bool seen = false;
    changes.missing = commit_windows(memory, fact, session, &seen) ||
                      lived != lived_before_rebuild(rooms, session);
    changes.session = plan.new_session != nullptr || changes.facts || seen;

    if (fact.reg != nullptr) {
        changes.reg = plan.written > 0 || plan.login_time_larger;
        changes.facts |= changes.reg;
        changes.entry = fact.reg->kind == Kind::stream
                            ? commit_stream(rooms, memory, *fact.reg, plan)
                            : commit_user(rooms, memory, *fact.reg, plan);
        changes.listed |= changes.entry;
    }
    changes.room =
        plan.created > 0 || changes.missing ||
        counts != std::pair(session->streams_live, session->users_live);
    return changes;
}

// Adds what the session lists to the zone's counts, or takes it away.
void count_listed(zego_rooms_s *rooms, const Session *session, bool add)
{
    const auto count = [add](std::uint64_t &total, std::uint64_t n) {
        total = add ? total + n : total - n;
    };
    count(rooms->rooms_live, 1);
    count(rooms->live.streams, session->streams_live);
    count(rooms->live.users, session->users_live);
    count(rooms->live.stream_seq_holes, holes_counted(session->stream_seq));
    count(rooms->live.user_update_seq_holes,
          holes_counted(session->user_update_seq));
}

// The least start that the session of the fact can have once it is joined.
std::uint64_t least_start(const Room *room, const Fact &fact)
{
    const std::uint64_t start = std::min(fact.created, fact.first);
    const Session *session = find_session(room, fact);
    if (session != nullptr) {
        return std::min(start, session_start(session));
    }
    return start != ZEGO_TIME_UNKNOWN ? start : 0;
}

// A room of that id that another app lists, or nullptr.
Room *namesake(const zego_rooms_s *rooms, const Room *room)
{
    const Tree &tree = rooms->rooms_by_name;
    TreeNode *next = tree_next(&room->by_name);
    if (next != tree_end(tree) && room_id(room_named(next)) == room_id(room)) {
        return room_named(next);
    }
    if (&room->by_name == tree_first(tree)) {
        return nullptr;
    }
    TreeNode *prev = tree_prev(&room->by_name);
    return room_id(room_named(prev)) == room_id(room) ? room_named(prev)
                                                      : nullptr;
}

bool same_room(const Room *room, const Fact &fact)
{
    return room->appid == fact.appid && room_id(room) == fact.room_id;
}

// Of the key that the fact is about?
bool same_key(const Register &reg, std::string_view id, const Fact &fact)
{
    return fact.reg != nullptr && fact.reg->kind == reg.expiry.kind &&
           fact.reg->strings[text_id] == id &&
           reg.session->id == fact.session_id &&
           same_room(reg.session->room, fact);
}

// What is not evicted to make room for a fact, lest the fact bring back what
// is finished: what else is known of its key, its session, and newer ones.
bool spared(const Expiry *expiry, const Fact &fact)
{
    switch (expiry->kind) {
    case Kind::stream: {
        const Stream *stream = stream_expiring(expiry);
        return same_key(stream->reg, id_of(stream), fact);
    }
    case Kind::user: {
        const User *user = user_expiring(expiry);
        return same_key(user->reg, id_of(user), fact);
    }
    case Kind::session:
        break;
    }
    const Session *oldest = oldest_of_room(session_expiring(expiry));
    return same_room(oldest->room, fact) &&
           session_start(oldest) >= least_start(oldest->room, fact);
}

// Frees the oldest deliveries, some at most, and then the oldest tombstones,
// until there is a plan; false when there is none.
bool make_room(zego_rooms_s *rooms, const zego_env_t &env, const Fact &fact,
               Plan &plan)
{
    unsigned evictions = 0;
    while (!make_plan(rooms, env.memory, fact, plan)) {
        release_plan(env.memory, plan);
        plan = {};
        if (evictions++ == evictions_max) {
            return false;
        }
        if (evictions <= evictions_max / 2 && deliveries_evict(rooms, env)) {
            continue;
        }
        Expiry *head = rooms->queue.next;
        if (head == &rooms->queue) {
            return false;
        }
        if (spared(head, fact)) {
            queue_touch(rooms, head, true);
        } else {
            evict(rooms, env, head);
        }
    }
    return true;
}

void stamp(zego_rooms_s *rooms, const Fact &fact, const Plan &plan, bool listed)
{
    const std::uint64_t revision = ++rooms->version.revision;
    plan.room->revision = revision;
    if (listed) {
        plan.session->revision = revision;
        if (Session *session = listed_session(plan.room)) {
            session->revision = revision;
        }
        if (fact.reg != nullptr) {
            plan.shown->revision = revision;
        }
    }
}

// Tells of the revision what it changed.
void show(zego_rooms_s *rooms, const Fact &fact, const Plan &plan,
          const Changes &changes, const Session *before, const Session *after)
{
    Shown shown = {};
    shown.event = fact.event;
    shown.session = after;
    shown.gone = before != nullptr && before != after;
    shown.all = before != after;
    // with an entry too: who reads its room while this happens has to know in
    // which session it was
    shown.room = changes.room || changes.entry;
    if (changes.entry && plan.session == after) {
        shown.reg = plan.shown;
        shown.live = plan.live;
    }
    ring_append(rooms, plan.room, shown);
}

// A copy goes on with the revisions of what was copied.
void stamp_copied(zego_rooms_s *rooms, const Fact &fact, const Plan &plan)
{
    const Origin &from = *fact.origin;
    if (fact.reg != nullptr) {
        plan.reg->revision = std::max(plan.reg->revision, from.reg_revision);
    }
    plan.session->revision =
        std::max(plan.session->revision, from.session_revision);
    plan.room->revision = std::max(plan.room->revision, from.room_revision);
    plan.room->parted = std::max(plan.room->parted, from.room_parted);
    rooms->version.revision =
        std::max(rooms->version.revision, plan.room->revision);
}

// Tells what no store has yet.  What changed because the store says so is
// there, but a change that was not may be part of it still.
void mark(zego_rooms_s *rooms, const Fact &fact, const Plan &plan,
          const Changes &changes)
{
    if (!changes.session && !changes.reg) {
        return;
    }
    rooms->changes++;
    if (fact.stored) {
        return;
    }
    if (changes.session) {
        plan.session->unsaved = fact.origin != nullptr
                                    ? fact.origin->session_unsaved
                                    : rooms->changes;
    }
    if (changes.reg) {
        plan.reg->unsaved =
            fact.origin != nullptr ? fact.origin->reg_unsaved : rooms->changes;
    }
}

// After a later one of its session, as far as that can be told?
bool comes_late(const Fact &fact, const Plan &plan)
{
    const Session *session = plan.session;
    const bool creates = fact.created != ZEGO_TIME_UNKNOWN;
    return (creates && plan.new_session == nullptr) ||
           (!fact.closed && session->closed) ||
           (fact.stream_seq > 0 && fact.stream_seq < session->stream_seq.top) ||
           (fact.user_update_seq > 0 &&
            fact.user_update_seq < session->user_update_seq.top);
}

} // namespace

Joined join(zego_rooms_s *rooms, const zego_env_t &env, const Fact &fact)
{
    rooms->clock = std::max(rooms->clock, env.now);

    Plan plan = {};
    if (!make_room(rooms, env, fact, plan)) {
        return {ZEGO_DEFERRED, nullptr, nullptr, false, false};
    }

    Session *session = plan.session;
    Session *was_current = tree_empty(plan.room->sessions_by_rank)
                               ? nullptr
                               : current_session(plan.room);
    Session *before = listed_session(plan.room);
    if (before != nullptr) {
        count_listed(rooms, before, false);
    }

    const bool late = comes_late(fact, plan);
    const Changes changes = commit(rooms, env.memory, fact, plan);

    Session *after = listed_session(plan.room);
    if (after != nullptr) {
        count_listed(rooms, after, true);
    }
    if (before == nullptr && after != nullptr) {
        tree_insert(rooms->rooms_by_name, &plan.room->by_name, name_key);
    } else if (before != nullptr && after == nullptr) {
        Room *left = namesake(rooms, plan.room);
        if (left != nullptr) {
            left->parted = rooms->version.revision + 1;
        }
        tree_erase(rooms->rooms_by_name, &plan.room->by_name);
    }

    // A session comes behind its registers in the queue.
    if (was_current != nullptr && was_current != current_session(plan.room)) {
        // superseded
        queue_touch(rooms, &was_current->expiry, true);
    }
    queue_touch(rooms, &session->expiry, session != after);
    if (after != nullptr) {
        queue_touch(rooms, &after->expiry, false);
    }

    mark(rooms, fact, plan, changes);
    const bool listed = before != after || (session == after && changes.listed);
    if (fact.origin != nullptr) {
        stamp_copied(rooms, fact, plan);
    } else if (listed || (session == after && changes.missing)) {
        stamp(rooms, fact, plan, listed);
        show(rooms, fact, plan, changes, before, after);
    }

    zego_verdict_e verdict = ZEGO_DUPLICATE;
    if (listed) {
        verdict = ZEGO_APPLIED;
    } else if (changes.facts) {
        verdict = ZEGO_RECORDED;
    } else if (plan.created < 0 || plan.closed < 0 || plan.written < 0) {
        verdict = ZEGO_STALE;
    }
    return {verdict, session, plan.reg,
            late && (changes.session || changes.reg),
            fact.reg != nullptr ? plan.written >= 0 : plan.created >= 0};
}

} // namespace zego

// The rooms of a zone, and what a callback says of them.

#include "changes.h"
#include "deliver.h"
#include "record.h"

#include <new>

using namespace zego;

namespace {

// A callback leaves behind two entries at most, and frees more; the rest, of a
// session that ends, is left to zego_rooms_expire().
constexpr unsigned expire_steps = 4;

RegisterFact stream_fact(const zego_event_t &event)
{
    RegisterFact fact = {};
    fact.kind = Kind::stream;
    fact.strings[text_id] = view_of(event.stream_id);
    fact.strings[text_name] = view_of(event.user_name);
    fact.strings[text_kept] = view_of(event.kept);
    fact.strings[text_user_id] = view_of(event.user_id);
    fact.strings[text_sid] = view_of(event.stream_sid);
    fact.strings[text_extra_info] = view_of(event.extra_info);
    fact.close_time = event.close_time;
    fact.closed = event.type == ZEGO_STREAM_CLOSE;
    return fact;
}

RegisterFact user_fact(const zego_event_t &event)
{
    RegisterFact fact = {};
    fact.kind = Kind::user;
    fact.strings[text_id] = view_of(event.user_id);
    fact.strings[text_name] = view_of(event.user_name);
    fact.strings[text_kept] = view_of(event.kept);
    fact.login_time = event.login_time;
    fact.session_id = event.user_session_id;
    fact.role = event.user_role;
    fact.closed = event.type == ZEGO_ROOM_LOGOUT;
    return fact;
}

// Writes the entries where a fact went as they stand now, unless a store has
// them.
void write_unsaved(const Joined &joined, zego_record_t *record)
{
    std::array<char, text_max> session_text;
    std::array<char, text_max> entry_text;
    const Register *reg = joined.reg;

    record->session_change = joined.session->unsaved;
    record->entry_change = reg != nullptr ? reg->unsaved : 0;
    if (record->session_change == 0 && record->entry_change == 0 &&
        record->all == 0) {
        record->len = 0;
        return;
    }

    Fact fact = session_fact(joined.session, session_text.data());
    RegisterFact entry;
    if (reg != nullptr) {
        entry = reg->expiry.kind == Kind::stream
                    ? stream_fact(stream_of(reg), entry_text.data())
                    : user_fact(user_of(reg), entry_text.data());
        fact.reg = &entry;
    }
    record->len = record_write(fact, record->data);
}

} // namespace

zego_rooms_t *zego_rooms_create(const zego_env_t *env, uint64_t epoch,
                                uint64_t since, uint64_t rebuilt) noexcept
{
    void *p = allocate(env->memory, sizeof(zego_rooms_s));
    if (p == nullptr) {
        return nullptr;
    }
    auto *rooms = new (p) zego_rooms_s{};
    rooms->version.epoch = epoch;
    rooms->since = since;
    rooms->rebuilt = rebuilt;
    rooms->clock = env->now;
    rooms->marks = epoch << 20; // none of an earlier zone
    tree_init(rooms->rooms);
    tree_init(rooms->rooms_by_name);
    tree_init(rooms->streams);
    tree_init(rooms->users);
    tree_init(rooms->deliveries);
    rooms->queue.prev = &rooms->queue;
    rooms->queue.next = &rooms->queue;
    return rooms;
}

zego_verdict_e zego_rooms_apply(zego_rooms_t *rooms, const zego_env_t *env,
                                const zego_event_t *event,
                                zego_applied_t *applied,
                                zego_record_t *record) noexcept
{
    zego_rooms_expire(rooms, env, expire_steps);

    Fact fact =
        fact_of(event->appid, view_of(event->room_id), event->room_session_id);
    fact.event = event->type;
    fact.first = event->first;
    RegisterFact reg = {};

    switch (event->type) {
    case ZEGO_STREAM_CREATE:
    case ZEGO_STREAM_CLOSE:
        reg = stream_fact(*event);
        fact.stream_seq = event->seq;
        fact.reg = &reg;
        break;
    case ZEGO_ROOM_LOGIN:
    case ZEGO_ROOM_LOGOUT:
        reg = user_fact(*event);
        fact.user_update_seq = event->seq;
        fact.reg = &reg;
        break;
    case ZEGO_ROOM_CREATE:
        fact.created = event->time;
        fact.created_text[text_id] = view_of(event->user_id);
        fact.created_text[text_kept] = view_of(event->kept);
        break;
    case ZEGO_ROOM_CLOSE:
        fact.closed = true;
        fact.closed_as = {event->time, event->code};
        break;
    case ZEGO_EVENT_OTHER:
    case ZEGO_EVENTS:
        return ZEGO_IGNORED;
    }
    reg.seq = event->seq;
    reg.time = event->time;
    reg.code = event->code;

    const Joined joined = join(rooms, *env, fact);
    if (applied != nullptr) {
        *applied = {};
        applied->version = rooms->version;
        applied->late = joined.late;
        applied->stands = joined.stands;
        if (joined.reg != nullptr) {
            applied->change = joined.reg->revision;
        } else if (event->type == ZEGO_ROOM_CREATE && joined.stands) {
            applied->change = created_change(joined.session);
        }
    }
    if (record != nullptr && joined.verdict != ZEGO_DEFERRED) {
        write_unsaved(joined, record);
    }
    return joined.verdict;
}

void zego_rooms_saved(zego_rooms_t *rooms, const zego_record_t *record) noexcept
{
    Record saved;
    if (!record_read_entries(saved, {record->data, record->len})) {
        return;
    }
    const Room *room = find_room(rooms, saved.fact);
    Session *session =
        room != nullptr ? find_session(room, saved.fact) : nullptr;
    if (session == nullptr) {
        return;
    }
    if (session->unsaved == record->session_change) {
        session->unsaved = 0;
    }
    if (saved.fact.reg == nullptr) {
        return;
    }
    Register *reg = find_register(session, saved.reg);
    if (reg != nullptr && reg->unsaved == record->entry_change) {
        reg->unsaved = 0;
    }
}

zego_verdict_e zego_rooms_load(zego_rooms_t *rooms, const zego_env_t *env,
                               const char *data, size_t len) noexcept
{
    Record record;
    if (!record_read(record, {data, len})) {
        return ZEGO_REJECTED;
    }

    // A session record outlives everything in it.
    if (!record.session) {
        const Room *room = find_room(rooms, record.fact);
        if (room == nullptr || find_session(room, record.fact) == nullptr) {
            return ZEGO_STALE;
        }
    }
    const zego_verdict_e verdict = join(rooms, *env, record.fact).verdict;
    if (verdict == ZEGO_APPLIED || verdict == ZEGO_RECORDED) {
        deliveries_doubt(rooms, *env, record.fact); // another process told it
    }
    return verdict;
}

void zego_rooms_missed(zego_rooms_t *rooms, uint64_t until) noexcept
{
    if (until > rooms->rebuilt) {
        rooms->rebuilt = until;
        // of no ring: any room may have changed
        rooms->missed = ++rooms->version.revision;
    }
}

void zego_rooms_stats(const zego_rooms_t *rooms, zego_stats_t *stats) noexcept
{
    *stats = {};
    stats->version = rooms->version;
    stats->since = rooms->since;
    stats->rooms = rooms->rooms_live;
    stats->streams = rooms->live.streams;
    stats->users = rooms->live.users;
    stats->changes = rooms->changes;
    stats->tombstones = rooms->entries - rooms->rooms_live -
                        rooms->live.streams - rooms->live.users;
    stats->evictions = rooms->evictions;
    stats->deliveries = rooms->deliveries_kept;
    stats->kept_changes = rooms->version.revision - ring_floor(rooms);
    stats->stream_seq_holes = rooms->live.stream_seq_holes;
    stats->user_update_seq_holes = rooms->live.user_update_seq_holes;
}

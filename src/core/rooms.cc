// The rooms of a zone, and what a callback says of them.

#include "rooms.h"
#include "fact.h"

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

Fact room_fact(const zego_event_t &event)
{
    Fact fact = {};
    fact.appid = event.appid;
    fact.room_id = view_of(event.room_id);
    fact.session_id = event.room_session_id;
    fact.first = event.first;
    fact.created = ZEGO_TIME_UNKNOWN;
    return fact;
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
    tree_init(rooms->rooms);
    tree_init(rooms->rooms_by_name);
    tree_init(rooms->streams);
    tree_init(rooms->users);
    rooms->queue.prev = &rooms->queue;
    rooms->queue.next = &rooms->queue;
    return rooms;
}

zego_verdict_e zego_rooms_apply(zego_rooms_t *rooms, const zego_env_t *env,
                                const zego_event_t *event,
                                zego_version_t *version) noexcept
{
    zego_rooms_expire(rooms, env, expire_steps);

    Fact fact = room_fact(*event);
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

    const zego_verdict_e verdict = join(rooms, *env, fact);
    if (version != nullptr) {
        *version = rooms->version;
    }
    return verdict;
}

void zego_rooms_stats(const zego_rooms_t *rooms, zego_stats_t *stats) noexcept
{
    *stats = {};
    stats->version = rooms->version;
    stats->since = rooms->since;
    stats->rooms = rooms->rooms_live;
    stats->streams = rooms->live.streams;
    stats->users = rooms->live.users;
    stats->tombstones = rooms->entries - rooms->rooms_live -
                        rooms->live.streams - rooms->live.users;
    stats->evictions = rooms->evictions;
    stats->stream_seq_holes = rooms->live.stream_seq_holes;
    stats->user_update_seq_holes = rooms->live.user_update_seq_holes;
}

// What one callback says, or one entry of another zone: facts of one room
// session, and of at most one register in it.

#ifndef ZEGO_CORE_FACT_H
#define ZEGO_CORE_FACT_H

#include "rooms.h"

namespace zego {

struct RegisterFact {
    Kind kind; // stream or user
    Strings strings;
    std::uint64_t seq;
    std::uint64_t time;
    std::uint64_t close_time; // of a stream
    std::uint64_t login_time; // of a user, and the next two
    std::uint64_t session_id;
    std::int32_t role;
    std::uint32_t code;
    bool closed;
};

// The revisions of an entry that is copied from another zone.
struct Revisions {
    std::uint64_t reg;
    std::uint64_t session;
    std::uint64_t room;
};

struct Fact {
    std::uint32_t appid;
    std::string_view room_id;
    std::uint64_t session_id;

    std::uint64_t first;
    std::uint64_t created; // ZEGO_TIME_UNKNOWN when it does not say
    Strings created_text;
    bool closed;
    Closed closed_as;

    std::uint64_t stream_seq; // 0 when it has none
    std::uint64_t user_update_seq;

    const RegisterFact *reg; // may be nullptr

    // of a copy, else nullptr
    const Window *stream_seq_window;
    const Window *user_update_seq_window;
    const Revisions *revisions;
};

// The verdict is applied, recorded, duplicate, stale, or deferred without
// memory; then nothing changed, but that tombstones may have been evicted.
zego_verdict_e join(zego_rooms_s *rooms, const zego_env_t &env,
                    const Fact &fact);

} // namespace zego

#endif

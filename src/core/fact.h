// What one callback says, or one entry of another zone or of a store: facts of
// one room session, and of at most one register in it.

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

// What else goes along with an entry that is copied from another zone.
struct Origin {
    std::uint64_t reg_revision;
    std::uint64_t session_revision;
    std::uint64_t room_revision;
    std::uint64_t room_parted;
    std::uint64_t reg_unsaved;
    std::uint64_t session_unsaved;
};

struct Fact {
    zego_event_e event; // that says it, or ZEGO_EVENT_OTHER
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

    // of an entry, else nullptr
    const Window *stream_seq_window;
    const Window *user_update_seq_window;

    const Origin *origin; // of a copy, else nullptr
    bool stored;          // it comes from the store, which has it already
};

// What is said when nothing is: the fact of a session of that room.
Fact fact_of(std::uint32_t appid, std::string_view room_id,
             std::uint64_t session_id);

// An entry as a fact.  Strings go to text, which holds text_max bytes.
Fact session_fact(const Session *session, char *text);
RegisterFact stream_fact(const Stream *stream, char *text);
RegisterFact user_fact(const User *user, char *text);

// Where a fact belongs, or nullptr.
Room *find_room(const zego_rooms_s *rooms, const Fact &fact);
Session *find_session(const Room *room, const Fact &fact);
Register *find_register(const Session *session, const RegisterFact &fact);

// Where a fact went.
struct Joined {
    // Applied, recorded, duplicate, stale, or deferred without memory; then
    // nothing changed, but that tombstones may have been evicted.
    zego_verdict_e verdict;
    Session *session;
    Register *reg; // nullptr if the fact is of none
    bool late;     // see zego_applied_t
    bool stands;   // nothing greater was known of what it is of
};

Joined join(zego_rooms_s *rooms, const zego_env_t &env, const Fact &fact);

} // namespace zego

#endif

// The callbacks seen last, of all rooms: a ring of bytes, in which each points
// to the one before it whose room id hashes alike.

#ifndef ZEGO_CORE_TRACE_H
#define ZEGO_CORE_TRACE_H

#include "../zego_rooms.h"

#include <array>
#include <cstdint>
#include <string_view>

namespace zego {

// What lies in the ring before the strings of a callback.
struct Traced {
    std::uint64_t before; // where the one before it lies
    std::uint64_t arrived;
    std::uint64_t session_id;
    std::uint64_t user_session_id;
    std::uint64_t seq;
    std::uint64_t time;
    std::uint32_t hash;
    std::uint32_t appid;
    std::array<std::uint8_t, 4> len; // of the strings
    std::uint8_t type;
    std::uint8_t verdict;
    std::uint8_t reason;
    bool late;
};

// Of a callback, one after the other.
enum : std::uint8_t {
    traced_room_id = 0,
    traced_stream_id,
    traced_user_id,
    traced_field,
};

using TracedStrings = std::array<std::string_view, 4>;

constexpr std::size_t traced_text_max = 4 * std::size_t{UINT8_MAX};

// A place is counted from the beginning of time, and is taken again once the
// ring has come round: of what lies before begin nothing is left.
struct Trace {
    std::uint64_t begin;
    std::uint64_t end;
    std::uint64_t size; // a power of two, as is the number of heads
    std::uint64_t heads;
};

// Where the last one of that hash lies; before trace->begin: there is none.
std::uint64_t trace_last(const Trace *trace, std::uint32_t hash);

// Of one that is there; its strings go to text.
Traced trace_at(const Trace *trace, std::uint64_t place);
TracedStrings trace_strings(const Trace *trace, std::uint64_t place,
                            const Traced &traced, char *text);

// Is it of that room, in whichever app?
bool trace_is_of(const Trace *trace, std::uint64_t place, const Traced &traced,
                 std::uint32_t hash, std::string_view room_id);

std::uint32_t trace_hash(std::string_view room_id);

// For tests: nullptr, or what is inconsistent.
const char *trace_check(const Trace *trace);

} // namespace zego

#endif

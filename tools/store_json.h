// Records as lines of JSON, and back.  README.md says what is in them.

#ifndef ZEGO_TOOLS_STORE_JSON_H
#define ZEGO_TOOLS_STORE_JSON_H

#include "zego_rooms.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace zego {

// No line is longer: the largest are sessions with holes in both windows.
constexpr std::size_t line_max = std::size_t{1} << 20;

enum class LineKind : std::uint8_t { store, session, entry };

// When a store was last in use, and when it missed callbacks last; Unix ms.
struct Life {
    std::uint64_t alive = 0;
    std::uint64_t missed = 0;
};

struct Line {
    LineKind kind;
    std::string record;        // of a session or an entry
    std::uint64_t records = 0; // of a store: how many lines follow
    Life life;
    std::string wrong; // why it is no line of ours
};

std::string json_of_store(std::uint64_t records, const Life &life);

// Of a session or an entry, not of both; empty if reading the line would give
// another record, or none.
std::string json_of_record(std::string_view record);

// False: see line.wrong.
bool read_json(Line &line, std::string_view json);

extern const zego_memory_t heap;

} // namespace zego

#endif

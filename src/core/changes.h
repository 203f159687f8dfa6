// The ring of changes: what each of the last revisions changed in the lists.
// One revision is one block, found by its number; the oldest make room for
// new ones.

#ifndef ZEGO_CORE_CHANGES_H
#define ZEGO_CORE_CHANGES_H

#include "rooms.h"

namespace zego {

// A revision that lists more at once is not kept, and with it none before.
constexpr unsigned block_changes_max = 40;
constexpr std::size_t block_size_max = 48 * std::size_t{1024};

// The ranges of missing numbers that a change tells of, of each counter.
constexpr unsigned change_holes_max = 64;

// What a revision changed.
struct Shown {
    zego_event_e event;
    const Session *session; // that lists the room now, or nullptr: none does
    bool gone;              // what another session listed is no more
    bool room;              // what is said of the room itself
    bool all;               // the room, and all that its session lists
    const Register *reg;    // what changed of its lists, or nullptr
    bool live;              // it is listed now
};

// Adds the revision at hand, which is of that room.
void ring_append(zego_rooms_s *rooms, const Room *room, const Shown &shown);

// The ring holds all revisions above it.
std::uint64_t ring_floor(const zego_rooms_s *rooms);

// A block in the ring: this, the room's id, and its changes.
struct ChangesHead {
    std::uint64_t revision;
    std::uint32_t size; // of all of it
    std::uint32_t appid;
    std::uint16_t room_len;
    std::uint16_t changes;
    zego_event_e event;
};

// A change: this, its strings, and its ranges of missing numbers.
struct ChangeHead {
    std::array<std::uint16_t, text_strings> len;
    bool put;
    Kind kind;
    bool complete;
    std::uint8_t stream_holes;
    std::uint8_t user_holes;
    std::int32_t role;
    std::uint64_t session_id; // of the room, or of the user
    std::uint64_t time;       // created, create_time_ms, login_time
    std::uint64_t number;     // seq, or of streams
    std::uint64_t users;      // how many
};

// The block of a revision that is in the ring.
const char *ring_block(const zego_rooms_s *rooms, std::uint64_t revision);

// At most so many ranges; how many there are.
std::uint8_t first_holes(const Window &window,
                         std::array<Range, change_holes_max> &holes);

// What is wrong with the ring, or nullptr.
const char *ring_check(const zego_rooms_s *rooms);

} // namespace zego

#endif

// The sequence windows: what was seen of a counter that starts at 1 and grows
// by 1.  They tell how sure the list is, never whether an event is applied.

#ifndef ZEGO_CORE_SEQUENCE_H
#define ZEGO_CORE_SEQUENCE_H

#include "memory.h"

#include <cstdint>
#include <tuple>

namespace zego {

// The widest bitmap: what a busy room counts while a retry is under way.
constexpr std::uint64_t window_bits_max = 8 * chunk_max;

struct Window {
    std::uint64_t next;  // everything below was seen, or slid out
    std::uint64_t top;   // the greatest seen, 0 before the first
    std::uint64_t above; // how many were seen at next and above

    // What slid out of the bitmap unseen: how many, and between which.
    std::uint64_t lost;
    std::uint64_t lost_from;
    std::uint64_t lost_to;

    // The bit of n is n modulo the number of bits, a power of two.
    std::uint64_t word; // serves until a wider one is needed
    std::uint64_t *words;
    std::uint64_t bits;
};

// Changes with every number that is seen or lost.
inline auto window_state(const Window &window)
{
    return std::tuple(window.next, window.top, window.above, window.lost,
                      window.lost_from, window.lost_to);
}

// How many numbers the bitmap tells of.
inline std::uint64_t window_span(const Window &window)
{
    return window.above > 0 ? window.top - window.next + 1 : 0;
}

void window_init(Window &window);
void window_release(Window &window, const zego_memory_t &memory);

// Which of the 64 numbers from n on were seen, n >= next, the lowest bit first.
std::uint64_t window_word(const Window &window, std::uint64_t n);

// The first number from n >= next on that was seen, or that was not; top + 1 if
// there is none.
std::uint64_t window_find(const Window &window, std::uint64_t n, bool seen);

// All of these were seen, and lie in the bitmap, which has none of them yet.
void window_fill(Window &window, std::uint64_t first, std::uint64_t last);

// Makes the bitmap wide enough for n, if there is memory.
void window_reserve(Window &window, const zego_memory_t &memory,
                    std::uint64_t n);

// n was seen; 0 says that there was no number.  True when what is missing
// changed.  Where the bitmap is not wide enough, the lowest numbers slide out.
bool window_see(Window &window, std::uint64_t n);

// How many numbers are missing.
std::uint64_t window_missing(const Window &window);

// The first range of missing numbers at from or above; false when there is
// none.  Of what slid out it is the range that holds all.
struct Range {
    std::uint64_t first;
    std::uint64_t last;
};
bool window_hole(const Window &window, std::uint64_t from, Range *range);

// Joins what another window saw.
void window_join(Window &window, const zego_memory_t &memory,
                 const Window &other);

bool window_equal(const Window &a, const Window &b);

// Does it hold together?
bool window_sound(const Window &window);

} // namespace zego

#endif

#include "sequence.h"

namespace zego {

namespace {

std::uint64_t *words_of(Window &window)
{
    return window.words != nullptr ? window.words : &window.word;
}

bool seen(const Window &window, std::uint64_t n)
{
    if (n < window.next) {
        return true;
    }
    if (n > window.top) {
        return false;
    }
    const std::uint64_t i = n & (window.bits - 1);
    const std::uint64_t *words = words_of(const_cast<Window &>(window));
    return (words[i / 64] >> (i % 64) & 1) != 0;
}

void set_bit(Window &window, std::uint64_t n)
{
    const std::uint64_t i = n & (window.bits - 1);
    words_of(window)[i / 64] |= std::uint64_t{1} << (i % 64);
}

void clear_bit(Window &window, std::uint64_t n)
{
    const std::uint64_t i = n & (window.bits - 1);
    words_of(window)[i / 64] &= ~(std::uint64_t{1} << (i % 64));
}

void lose(Window &window, std::uint64_t first, std::uint64_t last)
{
    if (window.lost == 0) {
        window.lost_from = first;
    }
    window.lost += last - first + 1;
    window.lost_to = last;
}

// Moves next past what was seen.
void absorb(Window &window)
{
    while (window.above > 0 && seen(window, window.next)) {
        clear_bit(window, window.next);
        window.above--;
        window.next++;
    }
}

// Moves next up to base; what was not seen below it is lost.
void slide(Window &window, std::uint64_t base)
{
    while (window.next < base && window.above > 0) {
        if (seen(window, window.next)) {
            clear_bit(window, window.next);
            window.above--;
        } else {
            lose(window, window.next, window.next);
        }
        window.next++;
    }
    if (window.next < base) {
        lose(window, window.next, base - 1);
        window.next = base;
    }
}

} // namespace

void window_init(Window &window)
{
    window = {};
    window.next = 1;
    window.bits = 64;
}

void window_release(Window &window, const zego_memory_t &memory)
{
    release(memory, window.words);
    window_init(window);
}

void window_reserve(Window &window, const zego_memory_t &memory,
                    std::uint64_t n)
{
    if (n < window.next || n - window.next < window.bits ||
        window.bits == window_bits_max) {
        return;
    }

    const std::uint64_t span = std::min(n - window.next + 1, window_bits_max);
    const std::uint64_t bits = std::bit_ceil(span);
    auto *words = static_cast<std::uint64_t *>(allocate(memory, bits / 8));
    if (words == nullptr) {
        return;
    }
    std::fill_n(words, bits / 64, 0);

    Window wider = window;
    wider.words = words;
    wider.bits = bits;
    std::uint64_t left = window.above;
    for (std::uint64_t i = window.next; left > 0; i++) {
        if (seen(window, i)) {
            set_bit(wider, i);
            left--;
        }
    }
    release(memory, window.words);
    window = wider;
}

bool window_see(Window &window, std::uint64_t n)
{
    // The greatest number has no next: it cannot be followed.
    if (n == 0 || n == UINT64_MAX || seen(window, n)) {
        return false;
    }

    const std::uint64_t missing = window_missing(window);
    const std::uint64_t lost = window.lost;

    if (n - window.next >= window.bits) {
        slide(window, n - window.bits + 1);
    }
    set_bit(window, n);
    window.above++;
    window.top = std::max(window.top, n);
    absorb(window);

    return window_missing(window) != missing || window.lost != lost;
}

std::uint64_t window_missing(const Window &window)
{
    const std::uint64_t held =
        window.top < window.next ? 0
                                 : window.top - window.next + 1 - window.above;
    return window.lost + held;
}

bool window_hole(const Window &window, std::uint64_t from, Range *range)
{
    std::uint64_t n = std::max(from, window.next);
    if (window.lost > 0 && from <= window.lost_to) {
        range->first = std::max(from, window.lost_from);
        range->last = window.lost_to;
        for (n = window.next;
             n == range->last + 1 && !seen(window, n) && n < window.top; n++) {
            range->last = n;
        }
        return true;
    }

    while (n < window.top && seen(window, n)) {
        n++;
    }
    if (n >= window.top) {
        return false;
    }
    range->first = n;
    while (!seen(window, n)) {
        n++;
    }
    range->last = n - 1;
    return true;
}

void window_join(Window &window, const zego_memory_t &memory,
                 const Window &other)
{
    if (other.next > window.next) {
        // It saw, or lost, all below its next.
        std::uint64_t n = window.next;
        while (n < other.next && window.above > 0) {
            if (seen(window, n)) {
                clear_bit(window, n);
                window.above--;
            }
            n++;
            window.next = n;
        }
        window.next = other.next;
        window.top = std::max(window.top, other.next - 1);
        absorb(window);
    }

    if (other.lost > 0) {
        window.lost_from = window.lost == 0
                               ? other.lost_from
                               : std::min(window.lost_from, other.lost_from);
        window.lost_to = std::max(window.lost_to, other.lost_to);
        window.lost = std::max(window.lost, other.lost);
    }

    window_reserve(window, memory, other.top);
    std::uint64_t left = other.above;
    for (std::uint64_t n = other.next; left > 0; n++) {
        if (seen(other, n)) {
            window_see(window, n);
            left--;
        }
    }
}

bool window_equal(const Window &a, const Window &b)
{
    if (a.next != b.next || a.top != b.top || a.above != b.above ||
        a.lost != b.lost || a.lost_from != b.lost_from ||
        a.lost_to != b.lost_to) {
        return false;
    }
    std::uint64_t left = a.above;
    for (std::uint64_t n = a.next; left > 0; n++) {
        if (seen(a, n)) {
            if (!seen(b, n)) {
                return false;
            }
            left--;
        }
    }
    return true;
}

} // namespace zego

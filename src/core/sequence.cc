#include "sequence.h"

namespace zego {

namespace {

std::uint64_t *words_of(Window &window)
{
    return window.words != nullptr ? window.words : &window.word;
}

const std::uint64_t *words_of(const Window &window)
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
    return (words_of(window)[i / 64] >> (i % 64) & 1) != 0;
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
    const std::uint64_t lost_to = window.lost_to;

    if (n - window.next >= window.bits) {
        slide(window, n - window.bits + 1);
    }
    set_bit(window, n);
    window.above++;
    window.top = std::max(window.top, n);
    absorb(window);

    // What slid out is shown as one range, with what was seen in it.
    const std::uint64_t shown =
        window.lost_to - (lost > 0 ? lost_to : window.lost_from - 1);
    return window_missing(window) != missing ||
           (window.lost != lost && window.lost - lost != shown);
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
    if (window.lost > 0 && from <= window.lost_to) {
        range->first = std::max(from, window.lost_from);
        range->last = window.lost_to;
        if (window.next == window.lost_to + 1 && window.above > 0) {
            range->last = window_find(window, window.next, true) - 1;
        }
        return true;
    }

    range->first = window_find(window, std::max(from, window.next), false);
    if (range->first > window.top) {
        return false;
    }
    range->last = window_find(window, range->first, true) - 1;
    return true;
}

std::uint64_t window_word(const Window &window, std::uint64_t n)
{
    const std::uint64_t *words = words_of(window);
    const std::uint64_t i = n & (window.bits - 1);
    const std::uint64_t low = words[i / 64] >> (i % 64);
    const std::uint64_t next = ((i + 64) & (window.bits - 1)) / 64;
    const std::uint64_t word =
        i % 64 == 0 ? low : low | words[next] << (64 - i % 64);

    // Where the bitmap ends it begins anew.
    const std::uint64_t left = window.bits - (n - window.next);
    return left >= 64 ? word : word & ((std::uint64_t{1} << left) - 1);
}

std::uint64_t window_find(const Window &window, std::uint64_t n, bool seen)
{
    while (n <= window.top) {
        const std::uint64_t word = window_word(window, n);
        const auto at =
            static_cast<unsigned>(std::countr_zero(seen ? word : ~word));
        if (at > window.top - n) {
            break;
        }
        n += at;
        if (at < 64) {
            return n;
        }
    }
    return window.top + 1;
}

void window_fill(Window &window, std::uint64_t first, std::uint64_t last)
{
    window.above += last - first + 1;
    while (first <= last) {
        const std::uint64_t i = first & (window.bits - 1);
        const std::uint64_t n = std::min(64 - i % 64, last - first + 1);
        words_of(window)[i / 64] |= ~std::uint64_t{0} >> (64 - n) << (i % 64);
        first += n;
    }
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
    for (std::uint64_t i = 0; i < window_span(other); i += 64) {
        const std::uint64_t n = other.next + i;
        std::uint64_t word = window_word(other, n);
        if (n >= window.next && n - window.next < window.bits) {
            word &= ~window_word(window, n);
        }
        for (; word != 0; word &= word - 1) {
            window_see(window,
                       n + static_cast<unsigned>(std::countr_zero(word)));
        }
    }
}

bool window_equal(const Window &a, const Window &b)
{
    if (window_state(a) != window_state(b)) {
        return false;
    }
    for (std::uint64_t i = 0; i < window_span(a); i += 64) {
        if (window_word(a, a.next + i) != window_word(b, b.next + i)) {
            return false;
        }
    }
    return true;
}

bool window_sound(const Window &window)
{
    if (window.next == 0 || window.top == UINT64_MAX ||
        !std::has_single_bit(window.bits) || window.bits < 64 ||
        window.bits > window_bits_max ||
        (window.bits == 64) != (window.words == nullptr) ||
        (window.above == 0 ? window.top != window.next - 1
                           : window.top <= window.next ||
                                 window.top - window.next >= window.bits)) {
        return false;
    }
    if (window.lost == 0
            ? window.lost_from != 0 || window.lost_to != 0
            : window.lost_from == 0 || window.lost_from > window.lost_to ||
                  window.lost_to >= window.next ||
                  window.lost > window.lost_to - window.lost_from + 1) {
        return false;
    }

    const std::uint64_t *words = words_of(window);
    std::uint64_t set = 0;
    for (std::uint64_t i = 0; i < window.bits / 64; i++) {
        set += static_cast<std::uint64_t>(std::popcount(words[i]));
    }
    const std::uint64_t span = window_span(window);
    std::uint64_t above = 0;
    for (std::uint64_t i = 0; i < span; i += 64) {
        const std::uint64_t word = window_word(window, window.next + i);
        const std::uint64_t past = span - i < 64 ? 64 - (span - i) : 0;
        above += static_cast<std::uint64_t>(std::popcount(word << past));
    }
    return set == window.above && above == window.above &&
           (above == 0 ||
            (!seen(window, window.next) && seen(window, window.top)));
}

} // namespace zego

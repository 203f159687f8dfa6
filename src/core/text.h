// The strings of an entry, one after the other: the first bytes behind the
// entry in its own allocation, the rest in a chain of blocks, so that no
// allocation is larger than half a page.

#ifndef ZEGO_CORE_TEXT_H
#define ZEGO_CORE_TEXT_H

#include "memory.h"

#include <array>
#include <compare>
#include <cstdint>
#include <span>
#include <string_view>

namespace zego {

struct Block {
    Block *next;
    std::uint64_t size; // of the bytes behind it
};

constexpr std::size_t text_strings = 6;

// Of one entry's strings, when all are as long as they may be.
constexpr std::size_t text_max =
    ZEGO_STREAM_ID_MAX + ZEGO_STREAM_SID_MAX + ZEGO_USER_ID_MAX +
    ZEGO_USER_NAME_MAX + ZEGO_EXTRA_INFO_MAX +
    ZEGO_KEEP_FIELDS_MAX *
        (std::size_t{ZEGO_KEEP_NAME_MAX} + ZEGO_KEEP_VALUE_MAX + 4);

struct Text {
    Block *more;
    std::uint16_t room; // bytes behind the entry
    std::array<std::uint16_t, text_strings> len;
};

using Strings = std::array<std::string_view, text_strings>;

std::size_t text_size(const Strings &strings);
std::size_t text_size(const Text &text);

// A chain that holds size bytes; false, and nothing allocated, without
// memory.
bool blocks_allocate(const zego_memory_t &memory, std::size_t size,
                     Block **blocks);
void blocks_release(const zego_memory_t &memory, Block *blocks);

// head: the bytes behind the entry.  There is space for all.
void text_write(Text &text, char *head, const Strings &strings);

// Copies all strings to out, which holds text_size() bytes.
Strings text_read(const Text &text, const char *head, char *out);

// Is that one of the strings, by its index?
bool text_equal(const Text &text, const char *head, std::size_t index,
                std::string_view string);

std::strong_ordering text_compare(const Text &text, const char *head,
                                  const Strings &strings);

} // namespace zego

#endif

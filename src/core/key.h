// An id that is remembered while the zone is not locked.

#ifndef ZEGO_CORE_KEY_H
#define ZEGO_CORE_KEY_H

#include <array>
#include <cstddef>
#include <string_view>

namespace zego {

// One byte longer than the longest id.
struct Key {
    std::array<char, 256> bytes;
    std::size_t len = 0;
};

inline std::string_view string_of(const Key &key)
{
    return {key.bytes.data(), key.len};
}

inline void set_key(Key &key, std::string_view string)
{
    key.len = string.copy(key.bytes.data(), key.bytes.size());
}

} // namespace zego

#endif

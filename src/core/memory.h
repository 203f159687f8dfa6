// The allocator that every call is handed, as two functions.

#ifndef ZEGO_CORE_MEMORY_H
#define ZEGO_CORE_MEMORY_H

#include "../zego_rooms.h"

#include <algorithm>
#include <bit>

namespace zego {

// nginx's slab takes a whole page for anything above half of one.
constexpr std::size_t chunk_max = 2048;

inline void *allocate(const zego_memory_t &memory, std::size_t size)
{
    return memory.alloc(memory.ctx, size);
}

inline void release(const zego_memory_t &memory, void *p)
{
    if (p != nullptr) {
        memory.free(memory.ctx, p);
    }
}

// What the slab would round size up to: asked for, it can be used.
inline std::size_t chunk_size(std::size_t size)
{
    return std::min(std::bit_ceil(size), chunk_max);
}

} // namespace zego

#endif

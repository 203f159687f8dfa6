// The memory of one yajl parser.  yajl does not survive an allocation that
// fails, so what it may need is reserved before each call.

#ifndef ZEGO_CORE_ARENA_H
#define ZEGO_CORE_ARENA_H

#include "zego_rooms.h"

#include <yajl/yajl_common.h>

namespace zego {

// the initial size of yajl's two buffers, which only ever double
constexpr size_t yajl_buffer = 2048;

struct Arena {
    struct Chunk {
        Chunk *next;
    };

    zego_memory_t memory;
    Chunk *chunks; // beyond first
    char *base;    // what arena_reset() goes back to
    char *pos;
    char *end;
    size_t largest; // a bound on yajl's buffers

    alignas(void *) char first[12 * yajl_buffer];
};

void arena_create(Arena &a, const zego_memory_t &memory);

// frees all that is younger than create or, if later, keep
void arena_reset(Arena &a);
void arena_keep(Arena &a);

// false without memory
bool arena_reserve(Arena &a, size_t size);

yajl_alloc_funcs arena_funcs(Arena &a);

} // namespace zego

#endif // ZEGO_CORE_ARENA_H

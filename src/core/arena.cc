#include "arena.h"

#include <string.h>

#include <algorithm>

namespace zego {

// before each block: its size, for realloc

struct Header {
    size_t size;
};

static void *arena_alloc(void *ctx, size_t size)
{
    Arena &a = *static_cast<Arena *>(ctx);

    size = (size + sizeof(Header) - 1) / sizeof(Header) * sizeof(Header);

    if (!arena_reserve(a, sizeof(Header) + size)) {
        return nullptr;
    }

    Header *h = reinterpret_cast<Header *>(a.pos);

    h->size = size;
    a.pos += sizeof(Header) + size;
    a.largest = std::max(a.largest, size);

    return h + 1;
}

static void *arena_realloc(void *ctx, void *p, size_t size)
{
    void *fresh = arena_alloc(ctx, size);

    if (p != nullptr && fresh != nullptr) {
        memcpy(fresh, p, std::min(static_cast<Header *>(p)[-1].size, size));
    }

    return fresh;
}

static void arena_free(void *, void *) {}

void arena_create(Arena &a, const zego_memory_t &memory)
{
    a.memory = memory;
    a.chunks = nullptr;
    a.pos = a.first;
    a.end = a.first + sizeof(a.first);
    arena_keep(a);
}

void arena_keep(Arena &a)
{
    a.base = a.pos;
    a.largest = yajl_buffer;
}

void arena_reset(Arena &a)
{
    while (a.chunks != nullptr) {
        Arena::Chunk *next = a.chunks->next;

        a.memory.free(a.memory.ctx, a.chunks);
        a.chunks = next;
    }

    a.pos = a.base;
    a.end = a.first + sizeof(a.first);
    a.largest = yajl_buffer;
}

bool arena_reserve(Arena &a, size_t size)
{
    constexpr size_t head = sizeof(Header);

    static_assert(sizeof(Arena::Chunk) <= head);

    if (static_cast<size_t>(a.end - a.pos) >= size) {
        return true;
    }

    // twice of it, so that not every call of a long body needs another
    size = head + 2 * size;

    char *p = static_cast<char *>(a.memory.alloc(a.memory.ctx, size));

    if (p == nullptr) {
        return false;
    }

    Arena::Chunk *c = reinterpret_cast<Arena::Chunk *>(p);

    c->next = a.chunks;
    a.chunks = c;
    a.pos = p + head;
    a.end = p + size;

    return true;
}

yajl_alloc_funcs arena_funcs(Arena &a)
{
    return {arena_alloc, arena_realloc, arena_free, &a};
}

} // namespace zego

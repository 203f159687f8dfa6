// The kept fields of a body, as JSON text.

#ifndef ZEGO_CORE_KEEP_H
#define ZEGO_CORE_KEEP_H

#include "zego_rooms.h"

#include <yajl/yajl_gen.h>

#include <string_view>

namespace zego {

constexpr size_t keep_kinds = 3; // stream, room, user

struct Kept {
    zego_str_t name;
    char *value;
    size_t len; // 0: nothing to keep
};

struct Keep {
    Kept fields[keep_kinds * ZEGO_KEEP_FIELDS_MAX];
    size_t nfields;

    Kept *lists[keep_kinds][ZEGO_KEEP_FIELDS_MAX];
    size_t nlist[keep_kinds];

    yajl_gen gen;
    Kept *current;
    char *pos; // what gen writes to
    char *end;
    bool full;

    char *text; // for keep_text()
    size_t size;
};

// bytes that the second call, with them, needs; the first is with NULL
size_t keep_create(Keep &k, const zego_keep_t *conf, char *bytes);

// funcs must have some 2 KB; nothing is given back to them
void keep_gen_create(Keep &k, const yajl_alloc_funcs &funcs);

void keep_reset(Keep &k);

// after a name: whatever keep_gen() gives gets the value; it may be NULL
void keep_name(Keep &k, std::string_view name);
inline yajl_gen keep_gen(const Keep &k)
{
    return k.current ? k.gen : nullptr;
}

// until the next keep_reset()
zego_str_t keep_text(Keep &k, zego_event_e type);

} // namespace zego

#endif // ZEGO_CORE_KEEP_H

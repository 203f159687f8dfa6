// A JSON object into fields, in pieces.

#ifndef ZEGO_CORE_JSON_H
#define ZEGO_CORE_JSON_H

#include "arena.h"
#include "encoding.h"
#include "fields.h"
#include "keep.h"

#include <yajl/yajl_parse.h>

#include <string_view>

namespace zego {

constexpr unsigned json_depth_max = 32;

struct Json {
    Arena *arena;
    Fields *fields;
    Keep *keep;

    yajl_handle handle;
    Utf8 utf8;
    Escapes escapes;
    unsigned depth;
    bool done; // the object is complete
    zego_reason_e reason;
};

// the arena, fields and keep are given and empty
void json_reset(Json &j);
zego_reason_e json_feed(Json &j, std::string_view in);
zego_reason_e json_finish(const Json &j);

} // namespace zego

#endif // ZEGO_CORE_JSON_H

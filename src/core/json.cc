#include "json.h"

#include <algorithm>

namespace zego {

using Bytes = const unsigned char *;

static std::string_view view(Bytes data, size_t len)
{
    return {reinterpret_cast<const char *>(data), len};
}

static Json &json(void *ctx)
{
    return *static_cast<Json *>(ctx);
}

static void value(Json &j, Sent sent, std::string_view text = "")
{
    if (j.depth == 1) {
        fields_value(*j.fields, sent, text);
    }
}

static int on_null(void *ctx)
{
    Json &j = json(ctx);

    value(j, Sent::nothing);

    if (yajl_gen gen = keep_gen(*j.keep); gen && j.depth > 1) {
        yajl_gen_null(gen);
    }

    return 1;
}

static int on_boolean(void *ctx, int boolean)
{
    Json &j = json(ctx);

    value(j, Sent::other);

    if (yajl_gen gen = keep_gen(*j.keep)) {
        yajl_gen_bool(gen, boolean);
    }

    return 1;
}

static int on_number(void *ctx, const char *data, size_t len)
{
    Json &j = json(ctx);

    value(j, Sent::number, {data, len});

    if (yajl_gen gen = keep_gen(*j.keep)) {
        yajl_gen_number(gen, data, len);
    }

    return 1;
}

static int on_string(void *ctx, Bytes data, size_t len)
{
    Json &j = json(ctx);

    value(j, Sent::string, view(data, len));

    if (yajl_gen gen = keep_gen(*j.keep); gen && (j.depth > 1 || len > 0)) {
        yajl_gen_string(gen, data, len);
    }

    return 1;
}

static int on_key(void *ctx, Bytes data, size_t len)
{
    Json &j = json(ctx);

    if (j.depth == 1) {
        fields_name(*j.fields, view(data, len));
        keep_name(*j.keep, view(data, len));

    } else if (yajl_gen gen = keep_gen(*j.keep)) {
        yajl_gen_string(gen, data, len);
    }

    return 1;
}

static int open(void *ctx, yajl_gen_status (*print)(yajl_gen))
{
    Json &j = json(ctx);

    value(j, Sent::other);

    if (yajl_gen gen = keep_gen(*j.keep)) {
        print(gen);
    }

    if (j.depth == json_depth_max) {
        j.reason = ZEGO_BAD_NESTING;
        return 0;
    }

    j.depth++;

    return 1;
}

static int close(void *ctx, yajl_gen_status (*print)(yajl_gen))
{
    Json &j = json(ctx);

    if (--j.depth == 0) {
        // yajl would take an unfinished string after it for white space
        j.done = true;
        return 0;
    }

    if (yajl_gen gen = keep_gen(*j.keep)) {
        print(gen);
    }

    return 1;
}

static int on_map(void *ctx)
{
    return open(ctx, yajl_gen_map_open);
}

static int on_map_end(void *ctx)
{
    return close(ctx, yajl_gen_map_close);
}

static int on_array(void *ctx)
{
    return open(ctx, yajl_gen_array_open);
}

static int on_array_end(void *ctx)
{
    return close(ctx, yajl_gen_array_close);
}

static const yajl_callbacks callbacks = {
    on_null, on_boolean, nullptr,    nullptr,  on_number,    on_string,
    on_map,  on_key,     on_map_end, on_array, on_array_end,
};

void json_reset(Json &j)
{
    j.handle = nullptr;
    j.utf8 = {};
    j.escapes = {};
    j.depth = 0;
    j.done = false;
    j.reason = ZEGO_OK;
}

// what one call of yajl may need, fed no more than arena.largest bytes: each
// of its two buffers doubles until it is twice the largest; and its structs

static bool reserve(Arena &arena)
{
    return arena_reserve(arena, 8 * arena.largest + 1024);
}

static bool create(Json &j)
{
    yajl_alloc_funcs funcs = arena_funcs(*j.arena);

    j.handle = yajl_alloc(&callbacks, &funcs, &j);

    // its check is not strict, and ours is done before
    return j.handle && yajl_config(j.handle, yajl_dont_validate_strings, 1);
}

zego_reason_e json_feed(Json &j, std::string_view in)
{
    while (!in.empty() && j.reason == ZEGO_OK) {
        if (j.done) {
            bool space =
                in.find_first_not_of(" \t\r\n") == std::string_view::npos;

            j.reason = space ? ZEGO_OK : ZEGO_BAD_SYNTAX;
            break;
        }

        if (!reserve(*j.arena) || (j.handle == nullptr && !create(j))) {
            j.reason = ZEGO_NO_MEMORY;
            break;
        }

        std::string_view piece = in.substr(0, j.arena->largest);
        std::string_view good = piece.substr(0, utf8_check(j.utf8, piece));

        good = good.substr(0, escapes_check(j.escapes, good));

        yajl_status status = yajl_parse(
            j.handle, reinterpret_cast<Bytes>(good.data()), good.size());

        if (j.done) {
            in.remove_prefix(yajl_get_bytes_consumed(j.handle));

        } else if (status == yajl_status_error) {
            j.reason = ZEGO_BAD_SYNTAX;

        } else if (j.reason == ZEGO_OK && good.size() < piece.size()) {
            j.reason = ZEGO_BAD_UTF8;

        } else {
            in.remove_prefix(piece.size());
        }
    }

    return j.reason;
}

zego_reason_e json_finish(const Json &j)
{
    return j.done || j.reason != ZEGO_OK ? j.reason : ZEGO_BAD_SYNTAX;
}

} // namespace zego

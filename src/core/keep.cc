#include "keep.h"

#include <string.h>

#include <algorithm>

namespace zego {

static Kept *find(Keep &k, std::string_view name)
{
    for (size_t i = 0; i < k.nfields; i++) {
        if (std::string_view{k.fields[i].name.data, k.fields[i].name.len} ==
            name) {
            return &k.fields[i];
        }
    }

    return nullptr;
}

size_t keep_create(Keep &k, const zego_keep_t *conf, char *bytes)
{
    k.nfields = 0;
    k.size = 0;
    k.text = bytes;

    const zego_keep_t none = {};
    const zego_keep_t &c = conf ? *conf : none;

    const zego_str_t *names[keep_kinds] = {c.stream, c.room, c.user};
    const size_t n[keep_kinds] = {c.nstream, c.nroom, c.nuser};

    for (size_t kind = 0; kind < keep_kinds; kind++) {
        size_t size = 0;

        Kept **list = k.lists[kind];
        Kept **end = list;

        for (size_t i = 0; i < n[kind] && i < ZEGO_KEEP_FIELDS_MAX; i++) {
            const zego_str_t &name = names[kind][i];

            if (name.len > ZEGO_KEEP_NAME_MAX) {
                continue;
            }

            Kept *field = find(k, {name.data, name.len});

            if (field == nullptr) {
                field = &k.fields[k.nfields++];
                *field = {name, nullptr, 0};
            }

            if (std::find(list, end, field) != end) {
                continue;
            }

            *end++ = field;

            // every byte of the name escaped, quotes, colon and comma
            size += 6 * name.len + 4 + ZEGO_KEEP_VALUE_MAX;
        }

        k.nlist[kind] = static_cast<size_t>(end - list);
        k.size = std::max(k.size, size);
    }

    if (bytes != nullptr) {
        bytes += k.size;

        for (size_t i = 0; i < k.nfields; i++) {
            k.fields[i].value = bytes;
            bytes += ZEGO_KEEP_VALUE_MAX;
        }
    }

    return k.size + k.nfields * ZEGO_KEEP_VALUE_MAX;
}

static void print(void *ctx, const char *data, size_t len)
{
    Keep &k = *static_cast<Keep *>(ctx);

    k.full = k.full || len > static_cast<size_t>(k.end - k.pos);

    if (!k.full) {
        memcpy(k.pos, data, len);
        k.pos += len;
    }

    if (k.current) {
        k.current->len =
            k.full ? 0 : static_cast<size_t>(k.pos - k.current->value);
    }
}

static void write_to(Keep &k, char *to, size_t size)
{
    k.pos = to;
    k.end = to + size;
    k.full = false;
}

void keep_gen_create(Keep &k, const yajl_alloc_funcs &funcs)
{
    k.gen = yajl_gen_alloc(&funcs);
    yajl_gen_config(k.gen, yajl_gen_print_callback, print, &k);
}

void keep_reset(Keep &k)
{
    k.current = nullptr;

    for (size_t i = 0; i < k.nfields; i++) {
        k.fields[i].len = 0;
    }
}

void keep_name(Keep &k, std::string_view name)
{
    if (k.nfields == 0) {
        return;
    }

    Kept *field = find(k, name);

    if (field != nullptr) {
        field->len = 0;
        write_to(k, field->value, ZEGO_KEEP_VALUE_MAX);
        yajl_gen_reset(k.gen, nullptr);
    }

    k.current = field;
}

zego_str_t keep_text(Keep &k, zego_event_e type)
{
    size_t kind;

    switch (type) {
    case ZEGO_STREAM_CREATE:
    case ZEGO_STREAM_CLOSE:
        kind = 0;
        break;
    case ZEGO_ROOM_CREATE:
        kind = 1;
        break;
    case ZEGO_ROOM_LOGIN:
    case ZEGO_ROOM_LOGOUT:
        kind = 2;
        break;
    default:
        return {};
    }

    k.current = nullptr;
    write_to(k, k.text, k.size);

    for (size_t i = 0; i < k.nlist[kind]; i++) {
        const Kept &field = *k.lists[kind][i];

        if (field.len == 0) {
            continue;
        }

        if (k.pos != k.text) {
            print(&k, ",", 1);
        }

        yajl_gen_reset(k.gen, nullptr);
        yajl_gen_string(
            k.gen, reinterpret_cast<const unsigned char *>(field.name.data),
            field.name.len);
        print(&k, ":", 1);
        print(&k, field.value, field.len);
    }

    return {k.text, static_cast<size_t>(k.pos - k.text)};
}

} // namespace zego

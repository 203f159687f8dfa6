
/* The list as JSON without its head, and as sorted lines of text. */

#include "unit.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string>
#include <yajl/yajl_tree.h>

namespace {

std::string json;

/* the view's memory: the same for each list */
alignas(16) char pool[4 << 20];
std::size_t pool_used;

[[noreturn]] void fail(const char *what)
{
    std::fprintf(stderr, "%s: %s\n", what, json.c_str());
    std::abort();
}

yajl_val get(yajl_val from, const char *name)
{
    const char *path[] = {name, nullptr};
    yajl_val value = yajl_tree_get(from, path, yajl_t_any);
    if (value == nullptr) {
        fail(name);
    }
    return value;
}

/* members as they are written, each after a space */
std::string members(yajl_val from, std::initializer_list<const char *> names)
{
    std::string text;
    for (const char *name : names) {
        yajl_val value = get(from, name);
        text += " ";
        text += YAJL_IS_STRING(value)   ? YAJL_GET_STRING(value)
                : YAJL_IS_NUMBER(value) ? YAJL_GET_NUMBER(value)
                : YAJL_IS_NULL(value)   ? "null"
                                        : (fail(name), "");
    }
    return text;
}

template <class Each> void each(yajl_val array, Each each)
{
    if (!YAJL_IS_ARRAY(array)) {
        fail("array");
    }
    for (std::size_t i = 0; i < array->u.array.len; i++) {
        each(array->u.array.values[i]);
    }
}

bool ranges(std::multiset<std::string> &lines, const std::string &name,
            yajl_val array)
{
    std::string text;
    each(array, [&](yajl_val range) {
        if (!YAJL_IS_ARRAY(range) || range->u.array.len != 2) {
            fail("range");
        }
        yajl_val *ends = range->u.array.values;
        text += std::string(" ") + YAJL_GET_NUMBER(ends[0]) + "-" +
                YAJL_GET_NUMBER(ends[1]);
    });
    if (!text.empty()) {
        lines.insert(name + text);
    }
    return !text.empty();
}

void room(std::multiset<std::string> &lines, yajl_val value)
{
    yajl_val info = get(value, "RoomInfo");
    const std::string name = members(info, {"AppId"}).substr(1) + "/" +
                             members(info, {"RoomID"}).substr(1);

    lines.insert(name + " room" +
                 members(info, {"RoomSessionId", "RoomCreateTime", "Creator",
                                "StreamCount", "UserCount"}));
    each(get(value, "StreamList"), [&](yajl_val stream) {
        lines.insert(name + " stream" +
                     members(stream, {"StreamId", "StreamSeq",
                                      "StreamCreateTime", "StreamSid",
                                      "UserId", "UserName", "ExtraInfo"}));
    });
    each(get(value, "UserList"), [&](yajl_val user) {
        lines.insert(name + " user" +
                     members(user, {"UserId", "UserSessionId",
                                    "UserUpdateSeq", "UserLoginTime",
                                    "UserName", "UserRole"}));
    });

    yajl_val missing = get(value, "Missing");
    bool holes = ranges(lines, name + " ~ StreamSeq",
                        get(missing, "StreamSeq"));
    holes |= ranges(lines, name + " ~ UserUpdateSeq",
                    get(missing, "UserUpdateSeq"));
    if (holes == YAJL_IS_TRUE(get(value, "Complete"))) {
        fail("Complete");
    }
}

void *take(void *, std::size_t size)
{
    char *p = pool + pool_used;
    pool_used += (size + 15) & ~std::size_t{15};
    if (pool_used > sizeof(pool)) {
        fail("pool");
    }
    return p;
}

void give_back(void *, void *)
{
}

} // namespace

const char *unit_json(const zego_rooms_t *rooms)
{
    const zego_memory_t memory = {take, give_back, nullptr};
    zego_query_t query = {};
    query.kind = ZEGO_VIEW_ROOMS;
    query.limit = 1000;

    int invalid = 0;
    pool_used = 0;
    zego_view_t *view = zego_view_create(&memory, &query, &invalid);
    zego_view_e rc;
    json.clear();
    do {
        rc = zego_view_read(view, rooms);
        const zego_str_t piece = zego_view_write(view);
        json.append(piece.data, piece.len);
    } while (rc == ZEGO_VIEW_MORE);
    zego_view_destroy(view);

    const std::size_t list = json.find("\"RoomList\"");
    if (rc != ZEGO_VIEW_DONE || list == std::string::npos) {
        fail("RoomList");
    }
    return json.c_str() + list;
}

char *unit_text(const zego_rooms_t *rooms)
{
    unit_json(rooms);
    yajl_val root = yajl_tree_parse(json.c_str(), nullptr, 0);
    if (root == nullptr) {
        fail("JSON");
    }
    std::multiset<std::string> lines;
    each(get(root, "RoomList"), [&](yajl_val one) { room(lines, one); });
    yajl_tree_free(root);

    std::string text;
    for (const std::string &line : lines) {
        text += line + "\n";
    }
    return strdup(text.c_str());
}

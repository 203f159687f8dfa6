// A piece as JSON.  Names are the vendor's; 64-bit ids are strings, times and
// sequence numbers integers.

#include "view.h"

#include <charconv>
#include <cstring>

using namespace zego;

namespace {

constexpr std::size_t json_size_first = 16 * std::size_t{1024};

void append(void *ctx, const char *data, std::size_t len)
{
    auto *view = static_cast<zego_view_s *>(ctx);
    if (len > view->json_size - view->json_len) {
        const std::size_t size =
            std::max({json_size_first, 2 * view->json_size,
                      std::bit_ceil(view->json_len + len)});
        auto *wider = static_cast<char *>(allocate(view->memory, size));
        if (wider == nullptr) {
            view->json_failed = true;
            return;
        }
        if (view->json_len > 0) {
            std::memcpy(wider, view->json, view->json_len);
        }
        release(view->memory, view->json);
        view->json = wider;
        view->json_size = size;
    }
    std::memcpy(view->json + view->json_len, data, len);
    view->json_len += len;
}

// yajl does not check what it is given; the little that it needs is here.
void *gen_malloc(void *ctx, std::size_t size)
{
    auto *view = static_cast<zego_view_s *>(ctx);
    const std::size_t units =
        (size + sizeof(std::max_align_t) - 1) / sizeof(std::max_align_t);
    if (units > view->gen_bytes.size() - view->gen_used) {
        return nullptr;
    }
    void *p = &view->gen_bytes[view->gen_used];
    view->gen_used += units;
    return p;
}

// yajl's own buffer is the only thing that grows, and append() stands in for
// it.
void *gen_realloc(void *, void *, std::size_t)
{
    return nullptr;
}

void gen_free(void *, void *) {}

void string(yajl_gen gen, std::string_view s)
{
    yajl_gen_string(gen, reinterpret_cast<const unsigned char *>(s.data()),
                    s.size());
}

struct Digits {
    std::array<char, 24> bytes;
    std::size_t len;
};

Digits digits_of(std::uint64_t n)
{
    Digits digits;
    const auto end = std::to_chars(
        digits.bytes.data(), digits.bytes.data() + digits.bytes.size(), n);
    digits.len = static_cast<std::size_t>(end.ptr - digits.bytes.data());
    return digits;
}

void number(yajl_gen gen, std::uint64_t n)
{
    const Digits digits = digits_of(n);
    yajl_gen_number(gen, digits.bytes.data(), digits.len);
}

void member(yajl_gen gen, std::string_view name, std::string_view s)
{
    string(gen, name);
    string(gen, s);
}

// null where it was not sent
void member_or_null(yajl_gen gen, std::string_view name, std::string_view s)
{
    string(gen, name);
    if (s.empty()) {
        yajl_gen_null(gen);
    } else {
        string(gen, s);
    }
}

void member(yajl_gen gen, std::string_view name, std::uint64_t n)
{
    string(gen, name);
    number(gen, n);
}

void member_id(yajl_gen gen, std::string_view name, std::uint64_t id)
{
    const Digits digits = digits_of(id);
    member(gen, name, std::string_view{digits.bytes.data(), digits.len});
}

void member_version(zego_view_s *view)
{
    std::array<char, 40> bytes;
    char *end = bytes.data() + bytes.size();
    auto *p = bytes.data();
    const auto epoch = std::to_chars(p, end, view->version.epoch, 16);
    const auto len = epoch.ptr - p;
    // sixteen digits always
    std::memmove(p + 16 - len, p, static_cast<std::size_t>(len));
    std::memset(p, '0', static_cast<std::size_t>(16 - len));
    p[16] = '-';
    const auto done = std::to_chars(p + 17, end, view->version.revision);
    member(view->gen, "Version",
           std::string_view{p, static_cast<std::size_t>(done.ptr - p)});
}

void member_next(zego_view_s *view)
{
    string(view->gen, "Next");
    if (view->next_id.len == 0) {
        yajl_gen_null(view->gen);
        return;
    }
    std::array<char, 12 + 2 * ZEGO_ROOM_ID_MAX> bytes;
    char *end = bytes.data() + bytes.size();
    char *p = std::to_chars(bytes.data(), end, view->next_appid).ptr;
    *p++ = '-';
    for (std::size_t i = 0; i < view->next_id.len; i++) {
        const auto byte = static_cast<unsigned char>(view->next_id.bytes[i]);
        if (byte < 16) {
            *p++ = '0';
        }
        p = std::to_chars(p, end, byte, 16).ptr;
    }
    string(view->gen,
           {bytes.data(), static_cast<std::size_t>(p - bytes.data())});
}

// The kept fields are JSON already, and come last in their object.
void members_kept(zego_view_s *view, std::string_view kept)
{
    if (!kept.empty()) {
        append(view, ",", 1);
        append(view, kept.data(), kept.size());
    }
}

void room_info(zego_view_s *view, const RoomItem &room)
{
    yajl_gen gen = view->gen;
    string(gen, "RoomInfo");
    yajl_gen_map_open(gen);
    member(gen, "AppId", std::uint64_t{room.appid});
    member(gen, "RoomID", room.id);
    member_id(gen, "RoomSessionId", room.session_id);
    string(gen, "RoomCreateTime");
    if (room.created == ZEGO_TIME_UNKNOWN) {
        yajl_gen_null(gen);
    } else {
        number(gen, room.created);
    }
    member_or_null(gen, "Creator", room.creator);
    member(gen, "StreamCount", room.streams);
    member(gen, "UserCount", room.users);
    members_kept(view, room.kept);
    yajl_gen_map_close(gen);
}

void stream_members(zego_view_s *view, const EntryItem &stream)
{
    yajl_gen gen = view->gen;
    member(gen, "StreamId", stream.strings[text_id]);
    member_or_null(gen, "StreamSid", stream.strings[text_sid]);
    member(gen, "StreamSeq", stream.seq);
    member(gen, "StreamCreateTime", stream.time);
    member_or_null(gen, "UserId", stream.strings[text_user_id]);
    member_or_null(gen, "UserName", stream.strings[text_name]);
    member_or_null(gen, "ExtraInfo", stream.strings[text_extra_info]);
}

void user_members(zego_view_s *view, const EntryItem &user)
{
    yajl_gen gen = view->gen;
    member(gen, "UserId", user.strings[text_id]);
    member_or_null(gen, "UserName", user.strings[text_name]);
    member_id(gen, "UserSessionId", user.session_id);
    member(gen, "UserLoginTime", user.time);
    string(gen, "UserRole");
    if (user.role == ZEGO_ROLE_UNKNOWN) {
        yajl_gen_null(gen);
    } else {
        yajl_gen_integer(gen, user.role);
    }
    string(gen, "UserUpdateSeq");
    if (user.seq == 0) {
        yajl_gen_null(gen);
    } else {
        number(gen, user.seq);
    }
}

void entry(zego_view_s *view, const Item &item, bool stream, bool in_room)
{
    yajl_gen_map_open(view->gen);
    if (stream) {
        stream_members(view, item.entry);
    } else {
        user_members(view, item.entry);
    }
    if (in_room) {
        room_info(view, item.room);
    }
    members_kept(view, item.entry.strings[text_kept]);
    yajl_gen_map_close(view->gen);
}

void room_begin(zego_view_s *view, const RoomItem &room)
{
    yajl_gen_map_open(view->gen);
    if (view->query.kind == ZEGO_VIEW_ROOM) {
        member_version(view);
    }
    room_info(view, room);
    if (view->query.counts == 0) {
        string(view->gen, "StreamList");
        yajl_gen_array_open(view->gen);
    }
}

void complete(zego_view_s *view, bool yes)
{
    yajl_gen gen = view->gen;
    if (view->query.counts == 0) {
        yajl_gen_array_close(gen);
    }
    string(gen, "Complete");
    yajl_gen_bool(gen, yes ? 1 : 0);
    if (view->query.counts == 0) {
        string(gen, "Missing");
        yajl_gen_map_open(gen);
        string(gen, "StreamSeq");
        yajl_gen_array_open(gen);
    }
}

void next_list(zego_view_s *view, std::string_view name)
{
    yajl_gen_array_close(view->gen);
    string(view->gen, name);
    yajl_gen_array_open(view->gen);
}

void write_item(zego_view_s *view, const Item &item)
{
    yajl_gen gen = view->gen;

    switch (item.kind) {
    case ItemKind::page:
        yajl_gen_map_open(gen);
        member_version(view);
        member(gen, "Since", view->since);
        string(gen, "RoomList");
        yajl_gen_array_open(gen);
        break;
    case ItemKind::page_end:
        yajl_gen_array_close(gen);
        member_next(view);
        yajl_gen_map_close(gen);
        break;
    case ItemKind::room:
        room_begin(view, item.room);
        break;
    case ItemKind::stream:
        entry(view, item, true, false);
        break;
    case ItemKind::users:
        next_list(view, "UserList");
        break;
    case ItemKind::user:
        entry(view, item, false, false);
        break;
    case ItemKind::complete:
        complete(view, item.complete);
        break;
    case ItemKind::hole:
        yajl_gen_array_open(gen);
        number(gen, item.range.first);
        number(gen, item.range.last);
        yajl_gen_array_close(gen);
        break;
    case ItemKind::user_holes:
        next_list(view, "UserUpdateSeq");
        break;
    case ItemKind::room_end:
        if (view->query.counts == 0) {
            yajl_gen_array_close(gen);
            yajl_gen_map_close(gen);
        }
        yajl_gen_map_close(gen);
        break;
    case ItemKind::index:
        yajl_gen_array_open(gen);
        break;
    case ItemKind::stream_in_room:
        entry(view, item, true, true);
        break;
    case ItemKind::user_in_room:
        entry(view, item, false, true);
        break;
    case ItemKind::index_end:
        yajl_gen_array_close(gen);
        break;
    }
}

} // namespace

namespace zego {

bool view_start_json(zego_view_s *view)
{
    view->gen_memory = {gen_malloc, gen_realloc, gen_free, view};
    view->gen = yajl_gen_alloc(&view->gen_memory);
    return view->gen != nullptr &&
           yajl_gen_config(view->gen, yajl_gen_print_callback, append, view) !=
               0;
}

void view_end_json(zego_view_s *view)
{
    if (view->gen != nullptr) {
        yajl_gen_free(view->gen);
    }
    release(view->memory, view->json);
}

} // namespace zego

zego_str_t zego_view_write(zego_view_t *view) noexcept
{
    view->json_len = 0;
    for (std::size_t i = 0; i < view->nitems; i++) {
        write_item(view, view->items[i]);
    }
    if (view->json_failed) {
        return {nullptr, 0};
    }
    return {view->json != nullptr ? view->json : "", view->json_len};
}

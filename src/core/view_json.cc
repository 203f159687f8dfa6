// A piece as JSON.  Names are the vendor's; 64-bit ids are strings, times and
// sequence numbers integers.

#include "view.h"

#include <charconv>
#include <cstring>

using namespace zego;

namespace {

constexpr std::size_t json_size_first = 16 * std::size_t{1024};

// Room for len more bytes; nullptr without memory.
char *reserve(zego_view_s *view, std::size_t len)
{
    if (view->json_failed) {
        return nullptr;
    }
    if (len > view->json_size - view->json_len) {
        const std::size_t size =
            std::max({json_size_first, 2 * view->json_size,
                      std::bit_ceil(view->json_len + len)});
        auto *wider = static_cast<char *>(allocate(view->memory, size));
        if (wider == nullptr) {
            view->json_failed = true;
            return nullptr;
        }
        if (view->json_len > 0) {
            std::memcpy(wider, view->json, view->json_len);
        }
        release(view->memory, view->json);
        view->json = wider;
        view->json_size = size;
    }
    return view->json + view->json_len;
}

inline void put(zego_view_s *view, std::string_view json)
{
    if (char *p = reserve(view, json.size()); p != nullptr) {
        std::memcpy(p, json.data(), json.size());
        view->json_len += json.size();
    }
}

void print(void *ctx, const char *data, std::size_t len)
{
    put(static_cast<zego_view_s *>(ctx), {data, len});
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

// yajl's own buffer is the only thing that grows, and print() stands in for
// it.
void *gen_realloc(void *, void *, std::size_t)
{
    return nullptr;
}

void gen_free(void *, void *) {}

bool needs_escape(char c)
{
    return static_cast<unsigned char>(c) < ' ' || c == '"' || c == '\\';
}

// Most strings are as they are: only the others are worth yajl's time.
void string(zego_view_s *view, std::string_view s)
{
    if (std::none_of(s.begin(), s.end(), needs_escape)) {
        put(view, "\"");
        put(view, s);
        put(view, "\"");
        return;
    }
    yajl_gen_reset(view->gen, nullptr);
    yajl_gen_string(
        view->gen, reinterpret_cast<const unsigned char *>(s.data()), s.size());
}

// null where it was not sent
void string_or_null(zego_view_s *view, std::string_view s)
{
    if (s.empty()) {
        put(view, "null");
    } else {
        string(view, s);
    }
}

void number(zego_view_s *view, std::uint64_t n)
{
    constexpr std::size_t digits_max = 20;
    if (char *p = reserve(view, digits_max); p != nullptr) {
        const auto end = std::to_chars(p, p + digits_max, n);
        view->json_len += static_cast<std::size_t>(end.ptr - p);
    }
}

void id_number(zego_view_s *view, std::uint64_t id)
{
    put(view, "\"");
    number(view, id);
    put(view, "\"");
}

void version_string(zego_view_s *view, std::uint64_t revision)
{
    // sixteen digits always
    std::array<char, 16> digits;
    std::uint64_t epoch = view->version.epoch;
    for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit) {
        *digit = "0123456789abcdef"[epoch & 15];
        epoch >>= 4;
    }
    put(view, {digits.data(), digits.size()});
    put(view, "-");
    number(view, revision);
}

void version(zego_view_s *view)
{
    put(view, "\"Version\":\"");
    version_string(view, view->version.revision);
    put(view, "\"");
}

void next_page(zego_view_s *view)
{
    put(view, ",\"Next\":");
    if (view->next_id.len == 0) {
        put(view, "null");
        return;
    }
    put(view, "\"");
    number(view, view->next_appid);
    put(view, "-");
    for (const char c : string_of(view->next_id)) {
        const auto byte = static_cast<unsigned char>(c);
        const std::string_view digits = "0123456789abcdef";
        put(view, digits.substr(byte >> 4, 1));
        put(view, digits.substr(byte & 15, 1));
    }
    put(view, "\"");
}

// The kept fields are JSON already, and come last in their object.
void kept(zego_view_s *view, std::string_view members)
{
    if (!members.empty()) {
        put(view, ",");
        put(view, members);
    }
}

void begin_list(zego_view_s *view, std::string_view json)
{
    put(view, json);
    view->json_first = true;
}

// Before each element of a list.
void next(zego_view_s *view)
{
    if (!view->json_first) {
        put(view, ",");
    }
    view->json_first = false;
}

void room_members(zego_view_s *view, const RoomItem &room)
{
    put(view, "\"AppId\":");
    number(view, room.appid);
    put(view, ",\"RoomID\":");
    string(view, room.id);
    put(view, ",\"RoomSessionId\":");
    id_number(view, room.session_id);
    put(view, ",\"RoomCreateTime\":");
    if (room.created == ZEGO_TIME_UNKNOWN) {
        put(view, "null");
    } else {
        number(view, room.created);
    }
    put(view, ",\"Creator\":");
    string_or_null(view, room.creator);
    put(view, ",\"StreamCount\":");
    number(view, room.streams);
    put(view, ",\"UserCount\":");
    number(view, room.users);
}

void room_info(zego_view_s *view, const RoomItem &room)
{
    put(view, "\"RoomInfo\":{");
    room_members(view, room);
    kept(view, room.kept);
    put(view, "}");
}

void stream_members(zego_view_s *view, const EntryItem &stream)
{
    put(view, "\"StreamId\":");
    string(view, stream.strings[text_id]);
    put(view, ",\"StreamSid\":");
    string_or_null(view, stream.strings[text_sid]);
    put(view, ",\"StreamSeq\":");
    number(view, stream.seq);
    put(view, ",\"StreamCreateTime\":");
    number(view, stream.time);
    put(view, ",\"UserId\":");
    string_or_null(view, stream.strings[text_user_id]);
    put(view, ",\"UserName\":");
    string_or_null(view, stream.strings[text_name]);
    put(view, ",\"ExtraInfo\":");
    string_or_null(view, stream.strings[text_extra_info]);
}

void user_members(zego_view_s *view, const EntryItem &user)
{
    put(view, "\"UserId\":");
    string(view, user.strings[text_id]);
    put(view, ",\"UserName\":");
    string_or_null(view, user.strings[text_name]);
    put(view, ",\"UserSessionId\":");
    id_number(view, user.session_id);
    put(view, ",\"UserLoginTime\":");
    number(view, user.time);
    put(view, ",\"UserRole\":");
    if (user.role == ZEGO_ROLE_UNKNOWN) {
        put(view, "null");
    } else {
        number(view, static_cast<std::uint64_t>(user.role));
    }
    put(view, ",\"UserUpdateSeq\":");
    if (user.seq == 0) {
        put(view, "null");
    } else {
        number(view, user.seq);
    }
}

void entry(zego_view_s *view, const Item &item, bool stream, bool in_room)
{
    next(view);
    put(view, "{");
    if (stream) {
        stream_members(view, item.entry);
    } else {
        user_members(view, item.entry);
    }
    if (in_room) {
        put(view, ",");
        room_info(view, item.room);
    }
    kept(view, item.entry.strings[text_kept]);
    put(view, "}");
}

void room(zego_view_s *view, const RoomItem &room)
{
    if (view->query.kind == ZEGO_VIEW_ROOM) {
        put(view, "{");
        version(view);
        put(view, ",");
    } else {
        next(view);
        put(view, "{");
    }
    room_info(view, room);
    if (view->query.counts == 0) {
        begin_list(view, ",\"StreamList\":[");
    }
}

void complete(zego_view_s *view, bool yes)
{
    if (view->query.counts == 0) {
        put(view, "]");
    }
    put(view, yes ? ",\"Complete\":true" : ",\"Complete\":false");
    if (view->query.counts == 0) {
        begin_list(view, ",\"Missing\":{\"StreamSeq\":[");
    }
}

void hole(zego_view_s *view, const Range &range)
{
    next(view);
    put(view, "[");
    number(view, range.first);
    put(view, ",");
    number(view, range.last);
    put(view, "]");
}

void holes(zego_view_s *view, std::string_view ranges)
{
    for (; !ranges.empty(); ranges.remove_prefix(sizeof(Range))) {
        Range range;
        std::memcpy(&range, ranges.data(), sizeof(range));
        hole(view, range);
    }
}

void change_key(zego_view_s *view, const Item &item)
{
    put(view, ",\"Key\":{\"AppId\":");
    number(view, item.room.appid);
    put(view, ",\"RoomID\":");
    string(view, item.room.id);
    if (item.change.kind != Kind::session) {
        put(view, item.change.kind == Kind::stream ? ",\"StreamId\":"
                                                   : ",\"UserId\":");
        string(view, item.entry.strings[text_id]);
    }
    put(view, "}");
}

void change_object(zego_view_s *view, const Item &item)
{
    if (!item.change.put) {
        put(view, ",\"Object\":null");
        return;
    }
    put(view, ",\"Object\":{");
    switch (item.change.kind) {
    case Kind::session:
        room_members(view, item.room);
        put(view,
            item.room.complete ? ",\"Complete\":true" : ",\"Complete\":false");
        begin_list(view, ",\"Missing\":{\"StreamSeq\":[");
        holes(view, item.room.stream_holes);
        begin_list(view, "],\"UserUpdateSeq\":[");
        holes(view, item.room.user_holes);
        put(view, "]}");
        kept(view, item.room.kept);
        break;
    case Kind::stream:
        stream_members(view, item.entry);
        kept(view, item.entry.strings[text_kept]);
        break;
    case Kind::user:
        user_members(view, item.entry);
        kept(view, item.entry.strings[text_kept]);
        break;
    }
    put(view, "}");
}

void change_json(zego_view_s *view, const Item &item)
{
    put(view, "{\"Revision\":");
    number(view, item.change.revision);
    put(view, item.change.put ? ",\"Type\":\"put\"" : ",\"Type\":\"delete\"");
    put(view, item.change.kind == Kind::session  ? ",\"Kind\":\"room\""
              : item.change.kind == Kind::stream ? ",\"Kind\":\"stream\""
                                                 : ",\"Kind\":\"user\"");
    change_key(view, item);
    change_object(view, item);
    put(view, ",\"Event\":");
    if (item.change.event == ZEGO_EVENT_OTHER) {
        put(view, "null");
    } else {
        string(view, view_of(zego_event_name(item.change.event)));
    }
    put(view, "}");
}

// An event of a stream is lines; in JSON a line ends between values only.
void change_event(zego_view_s *view, const Item &item)
{
    put(view, item.change.put ? "event: put\n" : "event: delete\n");
    if (item.change.resume) {
        put(view, "id: ");
        version_string(view, item.change.revision);
        put(view, "\n");
    }
    put(view, "data: ");
    const std::size_t begin = view->json_len;
    change_json(view, item);
    if (!view->json_failed) {
        const auto ends_line = [](char c) { return c == '\n' || c == '\r'; };
        std::replace_if(view->json + begin, view->json + view->json_len,
                        ends_line, ' ');
    }
    put(view, "\n\n");
}

void change(zego_view_s *view, const Item &item)
{
    if (view->query.events != 0) {
        change_event(view, item);
    } else {
        next(view);
        change_json(view, item);
        view->json_first = false; // lists were written in it
    }
}

void room_end(zego_view_s *view)
{
    put(view, view->query.counts == 0 ? "]}}" : "}");
    view->json_first = false; // the room was an element itself
}

void write_item(zego_view_s *view, const Item &item)
{
    switch (item.kind) {
    case ItemKind::page:
        put(view, "{");
        version(view);
        put(view, ",\"Since\":");
        number(view, view->since);
        begin_list(view, ",\"RoomList\":[");
        break;
    case ItemKind::page_end:
        put(view, "]");
        next_page(view);
        put(view, "}");
        break;
    case ItemKind::room:
        room(view, item.room);
        break;
    case ItemKind::stream:
        entry(view, item, true, false);
        break;
    case ItemKind::users:
        begin_list(view, "],\"UserList\":[");
        break;
    case ItemKind::user:
        entry(view, item, false, false);
        break;
    case ItemKind::complete:
        complete(view, item.complete);
        break;
    case ItemKind::hole:
        hole(view, item.range);
        break;
    case ItemKind::user_holes:
        begin_list(view, "],\"UserUpdateSeq\":[");
        break;
    case ItemKind::room_end:
        room_end(view);
        break;
    case ItemKind::index:
        begin_list(view, "[");
        break;
    case ItemKind::stream_in_room:
        entry(view, item, true, true);
        break;
    case ItemKind::user_in_room:
        entry(view, item, false, true);
        break;
    case ItemKind::index_end:
        put(view, "]");
        break;
    case ItemKind::change:
        change(view, item);
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
           yajl_gen_config(view->gen, yajl_gen_print_callback, print, view) !=
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
    for (std::size_t i = 0; i < view->nitems && !view->json_failed; i++) {
        write_item(view, view->items[i]);
    }
    if (view->json_failed) {
        return {nullptr, 0};
    }
    return {view->json != nullptr ? view->json : "", view->json_len};
}

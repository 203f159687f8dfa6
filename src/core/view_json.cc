// A piece as JSON.  Names are the vendor's; 64-bit ids are strings, times and
// sequence numbers integers.

#include "view_json.h"

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

} // namespace

namespace zego {

void put(zego_view_s *view, std::string_view json)
{
    if (char *p = reserve(view, json.size()); p != nullptr) {
        std::memcpy(p, json.data(), json.size());
        view->json_len += json.size();
    }
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

void number_or_null(zego_view_s *view, std::uint64_t n, bool known)
{
    if (known) {
        number(view, n);
    } else {
        put(view, "null");
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

void begin_list(zego_view_s *view, std::string_view json)
{
    put(view, json);
    view->json_first = true;
}

void next(zego_view_s *view)
{
    if (!view->json_first) {
        put(view, ",");
    }
    view->json_first = false;
}

} // namespace zego

namespace {

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
    if (view->query.closed != 0) {
        put(view, "-");
        number(view, view->next_session);
    }
    put(view, "\"");
}

// The size of the first of these members, which yajl has written.
std::size_t member_size(std::string_view members)
{
    unsigned depth = 0;
    bool quoted = false;
    for (std::size_t i = 0; i < members.size(); i++) {
        const char c = members[i];
        if (quoted) {
            i += c == '\\' ? 1 : 0;
            quoted = c != '"';
        } else if (c == ',' && depth == 0) {
            return i;
        } else {
            quoted = c == '"';
            depth += c == '[' || c == '{' ? 1 : 0;
            depth -= c == ']' || c == '}' ? 1 : 0;
        }
    }
    return members.size();
}

void begin_object(zego_view_s *view)
{
    put(view, "{");
    view->json_bare = true;
}

// Before each further member of an object.
void separate(zego_view_s *view)
{
    if (!view->json_bare) {
        put(view, ",");
    }
    view->json_bare = false;
}

// The name of a member, if it is chosen.
template <Field field> inline bool member(zego_view_s *view)
{
    constexpr std::string_view name =
        field_names[static_cast<std::size_t>(field)];
    if ((view->chosen.fields & field_bit(field)) == 0) {
        return false;
    }
    if (view->json_bare) {
        put(view, name.substr(1));
        view->json_bare = false;
    } else {
        put(view, name);
    }
    return true;
}

// The kept fields are JSON already, and come last in their object.
void kept(zego_view_s *view, Object object, std::string_view members)
{
    if (view->chosen.all) {
        if (!members.empty()) {
            separate(view);
            put(view, members);
        }
        return;
    }
    while (!members.empty()) {
        const std::string_view first = members.substr(0, member_size(members));
        members.remove_prefix(std::min(first.size() + 1, members.size()));
        if (view_keeps(view, object, first)) {
            separate(view);
            put(view, first);
        }
    }
}

void room_members(zego_view_s *view, const RoomItem &room)
{
    const bool closed = view->query.closed != 0;
    if (member<Field::app_id>(view)) {
        number(view, room.appid);
    }
    if (member<Field::room_id>(view)) {
        string(view, room.id);
    }
    if (member<Field::room_session_id>(view)) {
        id_number(view, room.session_id);
    }
    if (member<Field::room_create_time>(view)) {
        number_or_null(view, room.created, room.created != ZEGO_TIME_UNKNOWN);
    }
    if (closed && member<Field::room_close_time>(view)) {
        number_or_null(view, room.closed_as.time, room.closed);
    }
    if (closed && member<Field::close_reason>(view)) {
        number_or_null(view, room.closed_as.reason, room.closed);
    }
    if (member<Field::creator>(view)) {
        string_or_null(view, room.creator);
    }
    if (member<Field::stream_count>(view)) {
        number(view, closed ? 0 : room.streams);
    }
    if (member<Field::user_count>(view)) {
        number(view, closed ? 0 : room.users);
    }
}

void room_info(zego_view_s *view, const RoomItem &room)
{
    separate(view);
    put(view, "\"RoomInfo\":");
    begin_object(view);
    room_members(view, room);
    kept(view, object_room, room.kept);
    put(view, "}");
    view->json_bare = false; // it was a member itself
}

void stream_members(zego_view_s *view, const EntryItem &stream)
{
    if (member<Field::stream_id>(view)) {
        string(view, stream.strings[text_id]);
    }
    if (member<Field::stream_sid>(view)) {
        string_or_null(view, stream.strings[text_sid]);
    }
    if (member<Field::stream_seq>(view)) {
        number(view, stream.seq);
    }
    if (member<Field::stream_create_time>(view)) {
        number(view, stream.time);
    }
    if (member<Field::user_id>(view)) {
        string_or_null(view, stream.strings[text_user_id]);
    }
    if (member<Field::user_name>(view)) {
        string_or_null(view, stream.strings[text_name]);
    }
    if (member<Field::extra_info>(view)) {
        string_or_null(view, stream.strings[text_extra_info]);
    }
}

void user_members(zego_view_s *view, const EntryItem &user)
{
    if (member<Field::user_id>(view)) {
        string(view, user.strings[text_id]);
    }
    if (member<Field::user_name>(view)) {
        string_or_null(view, user.strings[text_name]);
    }
    if (member<Field::user_session_id>(view)) {
        id_number(view, user.session_id);
    }
    if (member<Field::user_login_time>(view)) {
        number(view, user.time);
    }
    if (member<Field::user_role>(view)) {
        number_or_null(view, static_cast<std::uint64_t>(user.role),
                       user.role != ZEGO_ROLE_UNKNOWN);
    }
    if (member<Field::user_update_seq>(view)) {
        number_or_null(view, user.seq, user.seq != 0);
    }
}

void entry(zego_view_s *view, const Item &item, bool stream, bool in_room)
{
    next(view);
    begin_object(view);
    if (stream) {
        stream_members(view, item.entry);
    } else {
        user_members(view, item.entry);
    }
    if (in_room && view->chosen.any[object_room]) {
        room_info(view, item.room);
    }
    kept(view, stream ? object_stream : object_user,
         item.entry.strings[text_kept]);
    put(view, "}");
}

void room(zego_view_s *view, const RoomItem &room)
{
    if (view->query.kind == ZEGO_VIEW_ROOM) {
        begin_object(view);
        version(view);
        view->json_bare = false;
    } else {
        next(view);
        begin_object(view);
    }
    if (view->chosen.any[object_room]) {
        room_info(view, room);
    }
    if (view->chosen.any[object_stream]) {
        separate(view);
        begin_list(view, "\"StreamList\":[");
    }
}

// Between the lists; either may not be given.
void users(zego_view_s *view)
{
    if (view->chosen.any[object_stream]) {
        put(view, "]");
        view->json_bare = false;
    }
    if (view->chosen.any[object_user]) {
        separate(view);
        begin_list(view, "\"UserList\":[");
    }
}

void complete(zego_view_s *view, bool yes)
{
    if (view->chosen.any[object_user]) {
        put(view, "]");
        view->json_bare = false;
    }
    separate(view);
    put(view, yes ? "\"Complete\":true" : "\"Complete\":false");
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
    put(view, ",\"Object\":");
    begin_object(view);
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
        kept(view, object_room, item.room.kept);
        break;
    case Kind::stream:
        stream_members(view, item.entry);
        kept(view, object_stream, item.entry.strings[text_kept]);
        break;
    case Kind::user:
        user_members(view, item.entry);
        kept(view, object_user, item.entry.strings[text_kept]);
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

// The vendor's own queries

void answer(zego_view_s *view, unsigned code, std::string_view message)
{
    put(view, "{\"Code\":");
    number(view, code);
    put(view, ",\"Message\":\"");
    put(view, message);
    put(view, "\",\"RequestId\":");
    id_number(view, view->query.request_id);
    put(view, ",\"Data\":{");
}

void answer_marker(zego_view_s *view)
{
    const Action &action = *view->action;
    if (!action.more) {
        put(view, "\"Marker\":\"\"");
        return;
    }
    const Login &last = *action.order[action.nusers - 1];
    std::array<char, 20 + 1 + ZEGO_USER_ID_MAX> marker;
    char *p = std::to_chars(marker.begin(), marker.end(), last.time).ptr;
    *p++ = '-';
    p += string_of(last.user).copy(p, last.user.len);
    put(view, "\"Marker\":");
    string(view, {marker.begin(), p});
}

void answer_list(zego_view_s *view, std::string_view json)
{
    answer(view, 0, "success");
    begin_list(view, json);
}

void answer_begin(zego_view_s *view)
{
    switch (view->query.action) {
    case ZEGO_DESCRIBE_SIMPLE_STREAM_LIST:
        answer_list(view, "\"StreamList\":[");
        break;
    case ZEGO_DESCRIBE_USER_LIST:
        answer(view, 0, "success");
        answer_marker(view);
        begin_list(view, ",\"UserList\":[");
        break;
    case ZEGO_DESCRIBE_USER_NUM:
        answer_list(view, "\"UserCountList\":[");
        break;
    case ZEGO_DESCRIBE_USERS:
        answer_list(view, "\"UserStatusList\":[");
        break;
    case ZEGO_DESCRIBE_RTC_STREAM_STATE:
    case ZEGO_NO_ACTION:
        answer(view, 0, "ok");
        put(view, "\"create_time\":");
        id_number(view, view->action->created / 1000);
        put(view, ",\"close_time\":\"\"");
        break;
    }
}

// Of the codes for the same the one that the vendor names for that query, if
// it names one.
void answer_missing(zego_view_s *view)
{
    if (view->query.action == ZEGO_DESCRIBE_RTC_STREAM_STATE) {
        answer(view, 41004, "StreamId does not exist");
    } else {
        answer(view, view->query.action == ZEGO_DESCRIBE_USERS ? 50001 : 104,
               "Room does not exist");
    }
    put(view, "}}");
}

// 0 where it was not sent
void answer_role(zego_view_s *view, const EntryItem &user)
{
    put(view, ",\"UserRole\":");
    number(view, user.role == ZEGO_ROLE_UNKNOWN
                     ? 0
                     : static_cast<std::uint64_t>(user.role));
}

void answer_stream(zego_view_s *view, const EntryItem &stream)
{
    put(view, "\"StreamId\":");
    string(view, stream.strings[text_id]);
    put(view, ",\"UserId\":");
    string(view, stream.strings[text_user_id]);
    put(view, ",\"UserName\":");
    string(view, stream.strings[text_name]);
    put(view, ",\"CreateTime\":");
    number(view, stream.time);
}

void answer_user(zego_view_s *view, const Item &item)
{
    put(view, "\"UserId\":");
    string(view, item.entry.strings[text_id]);
    if (view->query.action == ZEGO_DESCRIBE_USERS) {
        put(view, item.complete ? ",\"Status\":1" : ",\"Status\":0");
        put(view, ",\"LoginTime\":");
        number(view, item.entry.time);
    } else {
        put(view, ",\"UserName\":");
        string(view, item.entry.strings[text_name]);
    }
    answer_role(view, item.entry);
}

void answer_count(zego_view_s *view, const RoomItem &room)
{
    put(view, "\"RoomId\":");
    string(view, room.id);
    put(view, ",\"UserCount\":");
    number(view, room.users);
    put(view, ",\"AdminUserCount\":");
    number(view, room.admins);
}

void write_answer(zego_view_s *view, const Item &item)
{
    switch (item.kind) {
    case ItemKind::page:
        if (item.complete) {
            answer_begin(view);
        } else {
            answer_missing(view);
        }
        return;
    case ItemKind::page_end:
        put(view, view->query.action == ZEGO_DESCRIBE_RTC_STREAM_STATE ? "}}"
                                                                       : "]}}");
        return;
    default:
        break;
    }

    next(view);
    put(view, "{");
    if (item.kind == ItemKind::stream) {
        answer_stream(view, item.entry);
    } else if (item.kind == ItemKind::user) {
        answer_user(view, item);
    } else {
        answer_count(view, item.room);
    }
    put(view, "}");
}

void page(zego_view_s *view)
{
    put(view, "{");
    if (view->query.changes != 0) {
        begin_list(view, "\"ChangeList\":[");
        return;
    }
    version(view);
    put(view, ",\"Since\":");
    number(view, view->since);
    begin_list(view, ",\"RoomList\":[");
}

void page_end(zego_view_s *view)
{
    put(view, "]");
    if (view->query.changes != 0) {
        put(view, ",");
        version(view);
        put(view, ",\"More\":true");
    } else {
        next_page(view);
    }
    put(view, "}");
}

void write_item(zego_view_s *view, const Item &item)
{
    switch (item.kind) {
    case ItemKind::page:
        page(view);
        break;
    case ItemKind::page_end:
        page_end(view);
        break;
    case ItemKind::room:
        room(view, item.room);
        break;
    case ItemKind::stream:
        entry(view, item, true, false);
        break;
    case ItemKind::users:
        users(view);
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
    case ItemKind::closed_room:
        next(view);
        begin_object(view);
        room_info(view, item.room);
        put(view, "}");
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
    case ItemKind::explain:
    case ItemKind::explain_session:
    case ItemKind::explain_session_end:
    case ItemKind::explain_streams:
    case ItemKind::explain_stream:
    case ItemKind::explain_users:
    case ItemKind::explain_user:
    case ItemKind::explain_callbacks:
    case ItemKind::explain_callback:
    case ItemKind::explain_end:
        write_explain(view, item);
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
    return zego_view_append(view);
}

zego_str_t zego_view_append(zego_view_t *view) noexcept
{
    for (std::size_t i = 0; i < view->nitems && !view->json_failed; i++) {
        if (view->action != nullptr) {
            write_answer(view, view->items[i]);
        } else {
            write_item(view, view->items[i]);
        }
    }
    if (view->json_failed) {
        return {nullptr, 0};
    }
    return {view->json != nullptr ? view->json : "", view->json_len};
}

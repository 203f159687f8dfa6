#include "store_json.h"

#include "core/encoding.h"
#include "core/record.h"

#include <charconv>
#include <limits>
#include <new>
#include <vector>
#include <yajl/yajl_gen.h>
#include <yajl/yajl_parse.h>
#include <yajl/yajl_tree.h>

namespace zego {

const zego_memory_t heap = {
    [](void *, std::size_t size) { return ::operator new(size); },
    [](void *, void *p) { ::operator delete(p); }, nullptr};

namespace {

constexpr std::uint64_t layout = 1;
constexpr unsigned depth_max = 40; // a kept field's, and what it is in
constexpr std::size_t kept_max =
    ZEGO_KEEP_FIELDS_MAX *
    (std::size_t{ZEGO_KEEP_NAME_MAX} + ZEGO_KEEP_VALUE_MAX + 4);

enum class Need : std::uint8_t { no, yes };

struct Windows {
    Window stream_seq;
    Window user_update_seq;
};

const unsigned char *bytes_of(std::string_view s)
{
    return reinterpret_cast<const unsigned char *>(s.data());
}

// What a Writer writes, a Reader reads: each of these functions is there for
// both, so that what a line holds is said once, further below.

// ---- writing

struct Writer {
    std::string text;
    yajl_gen gen;
};

void print(void *ctx, const char *data, std::size_t len)
{
    static_cast<std::string *>(ctx)->append(data, len);
}

void begin(Writer &w)
{
    w.gen = yajl_gen_alloc(nullptr);
    yajl_gen_config(w.gen, yajl_gen_print_callback, print, &w.text);
}

std::string end(Writer &w)
{
    yajl_gen_free(w.gen);
    return std::move(w.text);
}

void put(Writer &w, std::string_view string)
{
    yajl_gen_string(w.gen, bytes_of(string), string.size());
}

// What is JSON already.
void put_json(Writer &w, std::string_view json)
{
    yajl_gen_number(w.gen, json.data(), json.size());
}

// null where it was not sent
void string(Writer &w, std::string_view name, std::string_view s, Need,
            std::size_t)
{
    put(w, name);
    if (s.empty()) {
        yajl_gen_null(w.gen);
    } else {
        put(w, s);
    }
}

template <class Number>
void number(Writer &w, std::string_view name, Number n, Need = Need::no)
{
    put(w, name);
    put_json(w, std::to_string(n));
}

template <class Number>
void number_or(Number unknown, Writer &w, std::string_view name, Number n)
{
    if (n == unknown) {
        put(w, name);
        yajl_gen_null(w.gen);
    } else {
        number(w, name, n);
    }
}

void id(Writer &w, std::string_view name, std::uint64_t n)
{
    put(w, name);
    put(w, std::to_string(n));
}

void flag(Writer &w, std::string_view name, bool yes)
{
    put(w, name);
    yajl_gen_bool(w.gen, yes ? 1 : 0);
}

void kept(Writer &w, std::string_view members)
{
    if (!members.empty()) {
        put(w, "Kept");
        put_json(w, "{" + std::string{members} + "}");
    }
}

// Members that are left out unless this holds.
bool where(Writer &, bool holds)
{
    return holds;
}

template <class Members>
void object(Writer &w, std::string_view name, Members members)
{
    put(w, name);
    yajl_gen_map_open(w.gen);
    members(w);
    yajl_gen_map_close(w.gen);
}

void put_range(Writer &w, std::uint64_t first, std::uint64_t last)
{
    yajl_gen_array_open(w.gen);
    put_json(w, std::to_string(first));
    put_json(w, std::to_string(last));
    yajl_gen_array_close(w.gen);
}

void seen(Writer &w, std::string_view name, const Window &window)
{
    put(w, name);
    yajl_gen_array_open(w.gen);
    if (window.next > 1) {
        put_range(w, 1, window.next - 1);
    }
    std::uint64_t n = window.next;
    for (Range hole; window_hole(window, n, &hole); n = hole.last + 1) {
        if (n < hole.first) {
            put_range(w, n, hole.first - 1);
        }
    }
    if (n <= window.top) {
        put_range(w, n, window.top);
    }
    yajl_gen_array_close(w.gen);
}

// ---- reading

// An object, and which of its members were read: each must be, once.
struct Reader {
    Line &line;
    yajl_val object;
    std::vector<bool> read;
    std::string kept;
};

Reader reader_of(yajl_val object, Line &line)
{
    return {line, object, std::vector<bool>(object->u.object.len), {}};
}

// The first thing that is wrong is told.
void say(Reader &r, std::string_view name, std::string_view what)
{
    constexpr std::size_t shown = 64;
    if (r.line.wrong.empty()) {
        Writer w{};
        begin(w);
        put(w, name.substr(0, shown));
        r.line.wrong = end(w).append(" ").append(what);
    }
}

// nullptr where it is null, or is not there.
yajl_val take(Reader &r, std::string_view name, Need need = Need::no)
{
    const auto &members = r.object->u.object;
    for (std::size_t i = 0; i < members.len; i++) {
        if (!r.read[i] && name == members.keys[i]) {
            r.read[i] = true;
            if (!YAJL_IS_NULL(members.values[i])) {
                return members.values[i];
            }
            break;
        }
    }
    if (need == Need::yes) {
        say(r, name, "is missing");
    }
    return nullptr;
}

void finish(Reader &r)
{
    for (std::size_t i = 0; i < r.read.size(); i++) {
        if (!r.read[i]) {
            say(r, r.object->u.object.keys[i],
                "is not known here, or is there twice");
        }
    }
}

template <class Number> bool digits(std::string_view text, Number &n)
{
    const char *end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, n);
    return result.ec == std::errc{} && result.ptr == end && text[0] != '-';
}

void string(Reader &r, std::string_view name, std::string_view &s, Need need,
            std::size_t most)
{
    yajl_val value = take(r, name, need);
    if (value == nullptr) {
        return;
    }
    if (YAJL_IS_STRING(value)) {
        s = YAJL_GET_STRING(value);
    }
    if (!YAJL_IS_STRING(value) || s.size() > most ||
        (need == Need::yes && s.empty())) {
        say(r, name, "is no string, too long or empty");
    }
}

template <class Number>
void number(Reader &r, std::string_view name, Number &n, Need need = Need::no)
{
    yajl_val value = take(r, name, need);
    if (value != nullptr &&
        !(YAJL_IS_NUMBER(value) && digits<Number>(YAJL_GET_NUMBER(value), n))) {
        say(r, name,
            "is no whole number up to " +
                std::to_string(std::numeric_limits<Number>::max()));
    }
}

template <class Number>
void number_or(Number unknown, Reader &r, std::string_view name, Number &n)
{
    n = unknown;
    number(r, name, n);
}

void id(Reader &r, std::string_view name, std::uint64_t &n)
{
    yajl_val value = take(r, name, Need::yes);
    if (value != nullptr &&
        !(YAJL_IS_STRING(value) && digits(YAJL_GET_STRING(value), n))) {
        say(r, name, "is no string of a number of 64 bits");
    }
}

void flag(Reader &r, std::string_view name, bool &yes)
{
    yajl_val value = take(r, name);
    yes = YAJL_IS_TRUE(value);
    if (value != nullptr && !yes && !YAJL_IS_FALSE(value)) {
        say(r, name, "is neither true nor false");
    }
}

// As the module writes what it keeps.
void copy_json(yajl_gen gen, yajl_val value)
{
    const auto copy_string = [gen](std::string_view s) {
        yajl_gen_string(gen, bytes_of(s), s.size());
    };
    switch (value->type) {
    case yajl_t_string:
        copy_string(value->u.string);
        break;
    case yajl_t_number:
        yajl_gen_number(gen, value->u.number.r,
                        std::string_view{value->u.number.r}.size());
        break;
    case yajl_t_object:
        yajl_gen_map_open(gen);
        for (std::size_t i = 0; i < value->u.object.len; i++) {
            copy_string(value->u.object.keys[i]);
            copy_json(gen, value->u.object.values[i]);
        }
        yajl_gen_map_close(gen);
        break;
    case yajl_t_array:
        yajl_gen_array_open(gen);
        for (std::size_t i = 0; i < value->u.array.len; i++) {
            copy_json(gen, value->u.array.values[i]);
        }
        yajl_gen_array_close(gen);
        break;
    case yajl_t_true:
    case yajl_t_false:
        yajl_gen_bool(gen, YAJL_IS_TRUE(value) ? 1 : 0);
        break;
    default:
        yajl_gen_null(gen);
    }
}

void kept(Reader &r, std::string_view &members)
{
    yajl_val value = take(r, "Kept");
    if (value == nullptr) {
        return;
    }
    Writer w{};
    begin(w);
    copy_json(w.gen, value);
    r.kept = end(w);
    members = std::string_view{r.kept}.substr(1, r.kept.size() - 2);
    if (!YAJL_IS_OBJECT(value) || members.size() > kept_max) {
        say(r, "Kept", "is no object, or too long");
    }
}

bool where(Reader &, bool)
{
    return true;
}

template <class Members>
void object(Reader &r, std::string_view name, Members members)
{
    yajl_val value = take(r, name);
    if (YAJL_IS_OBJECT(value)) {
        Reader in = reader_of(value, r.line);
        members(in);
        finish(in);
    } else if (value != nullptr) {
        say(r, name, "is no object");
    }
}

bool read_range(yajl_val value, Range &range)
{
    if (!YAJL_IS_ARRAY(value) || value->u.array.len != 2) {
        return false;
    }
    yajl_val *ends = value->u.array.values;
    return YAJL_IS_NUMBER(ends[0]) && YAJL_IS_NUMBER(ends[1]) &&
           digits(YAJL_GET_NUMBER(ends[0]), range.first) &&
           digits(YAJL_GET_NUMBER(ends[1]), range.last) &&
           range.first <= range.last && range.last < UINT64_MAX;
}

// False where the window is not wide enough for it.
bool see(Window &window, const Range &range)
{
    if (range.first == 1) {
        window.next = range.last + 1;
        window.top = range.last;
        return true;
    }
    window_reserve(window, heap, range.last);
    if (range.last - window.next >= window.bits) {
        return false;
    }
    for (std::uint64_t n = range.first; n <= range.last; n++) {
        window_see(window, n);
    }
    return true;
}

void seen(Reader &r, std::string_view name, Window &window)
{
    yajl_val value = take(r, name);
    if (value == nullptr) {
        return;
    }
    bool good = YAJL_IS_ARRAY(value);
    std::uint64_t last = 0;
    for (std::size_t i = 0; good && i < value->u.array.len; i++) {
        Range range = {};
        good = read_range(value->u.array.values[i], range) &&
               range.first > last && see(window, range);
        last = range.last;
    }
    if (!good) {
        say(r, name, "is no array of ranges in order, or they are too far off");
    }
}

// ---- what a line holds

template <class Io> void lost(Io &io, std::string_view name, Window &window)
{
    if (where(io, window.lost > 0)) {
        object(io, name, [&](Io &in) {
            number(in, "Count", window.lost);
            number(in, "From", window.lost_from);
            number(in, "To", window.lost_to);
        });
    }
}

template <class Io> void session(Io &io, Fact &fact, Windows &windows)
{
    number_or(ZEGO_TIME_UNKNOWN, io, "RoomCreateTime", fact.created);
    string(io, "Creator", fact.created_text[text_id], Need::no,
           ZEGO_USER_ID_MAX);
    number_or(ZEGO_TIME_UNKNOWN, io, "First", fact.first);
    flag(io, "Closed", fact.closed);
    if (where(io, fact.closed)) {
        number(io, "CloseTime", fact.closed_as.time);
        number(io, "CloseReason", fact.closed_as.reason);
    }
    object(io, "Seen", [&](Io &in) {
        seen(in, "StreamSeq", windows.stream_seq);
        seen(in, "UserUpdateSeq", windows.user_update_seq);
    });
    if (where(io, windows.stream_seq.lost + windows.user_update_seq.lost > 0)) {
        object(io, "Lost", [&](Io &in) {
            lost(in, "StreamSeq", windows.stream_seq);
            lost(in, "UserUpdateSeq", windows.user_update_seq);
        });
    }
    kept(io, fact.created_text[text_kept]);
}

template <class Io> void stream(Io &io, RegisterFact &reg)
{
    string(io, "StreamId", reg.strings[text_id], Need::yes, ZEGO_STREAM_ID_MAX);
    string(io, "StreamSid", reg.strings[text_sid], Need::no,
           ZEGO_STREAM_SID_MAX);
    number(io, "StreamSeq", reg.seq);
    number(io, "StreamCreateTime", reg.time);
    string(io, "UserId", reg.strings[text_user_id], Need::no, ZEGO_USER_ID_MAX);
    string(io, "UserName", reg.strings[text_name], Need::no,
           ZEGO_USER_NAME_MAX);
    string(io, "ExtraInfo", reg.strings[text_extra_info], Need::no,
           ZEGO_EXTRA_INFO_MAX);
    flag(io, "Closed", reg.closed);
    if (where(io, reg.closed)) {
        number(io, "CloseTime", reg.close_time);
        number(io, "CloseReason", reg.code);
    }
    kept(io, reg.strings[text_kept]);
}

template <class Io> void user(Io &io, RegisterFact &reg)
{
    string(io, "UserId", reg.strings[text_id], Need::yes, ZEGO_USER_ID_MAX);
    string(io, "UserName", reg.strings[text_name], Need::no,
           ZEGO_USER_NAME_MAX);
    id(io, "UserSessionId", reg.session_id);
    number(io, "UserLoginTime", reg.login_time);
    number_or(ZEGO_ROLE_UNKNOWN, io, "UserRole", reg.role);
    number_or(std::uint64_t{0}, io, "UserUpdateSeq", reg.seq);
    number(io, "Time", reg.time);
    flag(io, "Closed", reg.closed);
    if (where(io, reg.closed)) {
        number(io, "CloseReason", reg.code);
    }
    kept(io, reg.strings[text_kept]);
}

template <class Io> void store(Io &io, Line &line)
{
    std::uint64_t number_of_layout = layout;
    number(io, "Layout", number_of_layout, Need::yes);
    number(io, "Records", line.records, Need::yes);
    number_or(std::uint64_t{0}, io, "Alive", line.life.alive);
    number_or(std::uint64_t{0}, io, "Missed", line.life.missed);
    if (number_of_layout != layout) {
        line.wrong = "is of another layout: use the version that printed it";
    }
}

template <class Io> void key(Io &io, Fact &fact)
{
    number(io, "AppId", fact.appid, Need::yes);
    string(io, "RoomID", fact.room_id, Need::yes, ZEGO_ROOM_ID_MAX);
    id(io, "RoomSessionId", fact.session_id);
}

// ---- a line

void write_record(Line &line, const Fact &fact)
{
    if (line.wrong.empty()) {
        std::array<char, ZEGO_RECORD_MAX> bytes;
        line.record.assign(bytes.data(), record_write(fact, bytes.data()));
    }
}

void read_session(Reader &r, Fact fact)
{
    Windows windows;
    window_init(windows.stream_seq);
    window_init(windows.user_update_seq);
    session(r, fact, windows);
    finish(r);

    // what would be forgotten
    if (fact.created == ZEGO_TIME_UNKNOWN && text_size(fact.created_text) > 0) {
        say(r, "RoomCreateTime", "is missing, but not what comes with it");
    }
    if (!fact.closed && fact.closed_as != Closed{}) {
        say(r, "Closed", "is not true, but there is what comes with it");
    }
    if (!window_sound(windows.stream_seq) ||
        !window_sound(windows.user_update_seq)) {
        say(r, "Lost", "says what cannot be");
    }

    fact.stream_seq_window = &windows.stream_seq;
    fact.user_update_seq_window = &windows.user_update_seq;
    write_record(r.line, fact);
    window_release(windows.stream_seq, heap);
    window_release(windows.user_update_seq, heap);
}

void read_entry(Reader &r, Fact fact, Kind kind)
{
    RegisterFact reg = {};
    reg.kind = kind;
    if (kind == Kind::stream) {
        stream(r, reg);
    } else {
        user(r, reg);
    }
    finish(r);
    fact.reg = &reg;
    write_record(r.line, fact);
}

void read_object(yajl_val object, Line &line)
{
    Reader r = reader_of(object, line);
    std::string_view kind;
    string(r, "Kind", kind, Need::yes, line_max);
    if (kind == "store") {
        line.kind = LineKind::store;
        store(r, line);
        finish(r);
        return;
    }

    Fact fact = fact_of(0, {}, 0);
    key(r, fact);
    line.kind = kind == "session" ? LineKind::session : LineKind::entry;
    if (kind == "session") {
        read_session(r, fact);
    } else if (kind == "stream") {
        read_entry(r, fact, Kind::stream);
    } else if (kind == "user") {
        read_entry(r, fact, Kind::user);
    } else {
        say(r, "Kind", "is none of store, session, stream and user");
    }
}

int enter(void *ctx)
{
    return ++*static_cast<unsigned *>(ctx) <= depth_max ? 1 : 0;
}

// yajl would take an unfinished string after the object for white space.
int leave(void *ctx)
{
    return --*static_cast<unsigned *>(ctx) > 0 ? 1 : 0;
}

// What is wrong with it before its members are looked at: yajl_tree ends
// strings with a NUL, and is recursive.
std::string_view scan(std::string_view json)
{
    Utf8 utf8;
    Escapes escapes;
    if (json.size() > line_max) {
        return "is too long";
    }
    if (utf8_check(utf8, json) < json.size() ||
        escapes_check(escapes, json) < json.size()) {
        return "is not UTF-8 throughout, or has a NUL in it";
    }

    yajl_callbacks callbacks = {};
    callbacks.yajl_start_map = enter;
    callbacks.yajl_end_map = leave;
    callbacks.yajl_start_array = enter;
    callbacks.yajl_end_array = leave;

    unsigned depth = 0;
    yajl_handle handle = yajl_alloc(&callbacks, nullptr, &depth);
    const bool cancelled = yajl_parse(handle, bytes_of(json), json.size()) ==
                           yajl_status_client_canceled;
    const std::size_t end = yajl_get_bytes_consumed(handle);
    yajl_free(handle);
    if (cancelled && depth > depth_max) {
        return "is nested too deep";
    }
    return cancelled && json.find_first_not_of(" \t\r", end) ==
                            std::string_view::npos
               ? ""
               : "is no JSON object";
}

// Windows may differ in how wide they are.
bool same_record(std::string_view a, std::string_view b)
{
    Record x;
    Record y;
    if (!record_read(x, a) || !record_read(y, b)) {
        return false;
    }
    if (x.fact.stream_seq_window != nullptr &&
        y.fact.stream_seq_window != nullptr) {
        if (!window_equal(x.stream_seq, y.stream_seq) ||
            !window_equal(x.user_update_seq, y.user_update_seq)) {
            return false;
        }
        y.fact.stream_seq_window = &x.stream_seq;
        y.fact.user_update_seq_window = &x.user_update_seq;
    }
    std::array<char, ZEGO_RECORD_MAX> bytes;
    return a ==
           std::string_view{bytes.data(), record_write(y.fact, bytes.data())};
}

template <class Members>
std::string json_of(std::string_view kind, Members members)
{
    Writer w{};
    begin(w);
    yajl_gen_map_open(w.gen);
    put(w, "Kind");
    put(w, kind);
    members(w);
    yajl_gen_map_close(w.gen);
    return end(w);
}

} // namespace

std::string json_of_store(std::uint64_t records, const Life &life)
{
    Line line = {};
    line.records = records;
    line.life = life;
    return json_of("store", [&](Writer &w) { store(w, line); });
}

std::string json_of_record(std::string_view record)
{
    Record read;
    Fact &fact = read.fact;
    std::string json;
    if (!record_read(read, record)) {
        return {};
    }
    if (fact.reg == nullptr && fact.stream_seq_window != nullptr) {
        json = json_of("session", [&](Writer &w) {
            Windows windows{read.stream_seq, read.user_update_seq};
            key(w, fact);
            session(w, fact, windows);
        });
    } else if (fact.reg != nullptr && read.reg.kind == Kind::stream) {
        json = json_of("stream", [&](Writer &w) {
            key(w, fact);
            stream(w, read.reg);
        });
    } else if (fact.reg != nullptr) {
        json = json_of("user", [&](Writer &w) {
            key(w, fact);
            user(w, read.reg);
        });
    }
    Line line;
    return read_json(line, json) && same_record(record, line.record)
               ? json
               : std::string{};
}

bool read_json(Line &line, std::string_view json)
{
    line = {};
    line.wrong = scan(json);
    if (line.wrong.empty()) {
        const std::string text{json};
        yajl_val tree = yajl_tree_parse(text.c_str(), nullptr, 0);
        if (YAJL_IS_OBJECT(tree)) {
            read_object(tree, line);
        } else {
            line.wrong = "is no JSON object";
        }
        yajl_tree_free(tree);
    }
    return line.wrong.empty();
}

} // namespace zego

#include "fields.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <algorithm>
#include <iterator>

namespace zego {

namespace {

using namespace std::literals;

enum : unsigned {
    OTHER = 1u << ZEGO_EVENT_OTHER,
    CREATE = 1u << ZEGO_STREAM_CREATE,
    CLOSE = 1u << ZEGO_STREAM_CLOSE,
    OPEN = 1u << ZEGO_ROOM_CREATE,
    SHUT = 1u << ZEGO_ROOM_CLOSE,
    LOGIN = 1u << ZEGO_ROOM_LOGIN,
    LOGOUT = 1u << ZEGO_ROOM_LOGOUT,

    STREAM = CREATE | CLOSE,
    ROOM = OPEN | SHUT,
    USER = LOGIN | LOGOUT,
    ALL = STREAM | ROOM | USER,

    // a twin: instead of the row before it, where that is absent
    OLDER = 1u << ZEGO_EVENTS
};

enum class Kind {
    text,
    text_or_nothing, // not an error when it is too long
    u32,
    i31,
    u64,
    ms,
    seconds // kept as ms
};

enum class Need { no, yes };

struct Field {
    std::string_view name;
    unsigned events;
    Need need;
    Kind kind;
    size_t to;
    size_t max = ZEGO_STREAM_ID_MAX;
};

#define TO(member) offsetof(zego_event_t, member)

// in the order in which they are checked

// clang-format off
constexpr Field table[] = {
    { "appid"sv,              ALL,    Need::yes, Kind::u32,  TO(appid) },
    { "room_id"sv,            ALL,    Need::yes, Kind::text, TO(room_id),
      ZEGO_ROOM_ID_MAX },
    { "room_session_id"sv,    STREAM | ROOM,
                                      Need::yes, Kind::u64,
                                                 TO(room_session_id) },
    { "room_seq"sv,           USER,   Need::yes, Kind::u64,
                                                 TO(room_session_id) },

    { "room_create_time"sv,   OPEN,   Need::yes, Kind::ms,   TO(time) },
    { "room_close_time"sv,    SHUT,   Need::yes, Kind::ms,   TO(time) },
    { "stream_id"sv,          STREAM, Need::yes, Kind::text, TO(stream_id) },
    { "stream_alias"sv,       OLDER,  Need::no,  Kind::text, TO(stream_id) },
    { "stream_seq"sv,         STREAM, Need::yes, Kind::u64,  TO(seq) },
    { "user_account"sv,       USER,   Need::yes, Kind::text, TO(user_id) },
    { "session_id"sv,         USER,   Need::yes, Kind::u64,
                                                 TO(user_session_id) },
    { "login_time"sv,         USER,   Need::yes, Kind::ms,   TO(login_time) },

    { "create_time_ms"sv,     STREAM, Need::no,  Kind::ms,   TO(time) },
    { "create_time"sv,        OLDER,  Need::no,  Kind::seconds, TO(time) },
    { "destroy_timemillis"sv, CLOSE,  Need::no,  Kind::ms,   TO(close_time) },
    { "user_id"sv,            STREAM, Need::no,  Kind::text, TO(user_id) },
    { "publish_id"sv,         OLDER,  Need::no,  Kind::text, TO(user_id) },
    { "user_name"sv,          STREAM, Need::no,  Kind::text, TO(user_name) },
    { "publish_name"sv,       OLDER,  Need::no,  Kind::text, TO(user_name) },
    { "stream_sid"sv,         STREAM, Need::no,  Kind::text, TO(stream_sid) },
    { "extra_info"sv,         CREATE, Need::no,  Kind::text_or_nothing,
                                                 TO(extra_info),
      ZEGO_EXTRA_INFO_MAX },
    { "type"sv,               CLOSE,  Need::no,  Kind::u32,  TO(code) },
    { "id_name"sv,            OPEN,   Need::no,  Kind::text, TO(user_id) },
    { "close_reason"sv,       SHUT,   Need::no,  Kind::u32,  TO(code) },
    { "user_nickname"sv,      USER,   Need::no,  Kind::text, TO(user_name) },
    { "logout_time"sv,        LOGOUT, Need::no,  Kind::ms,   TO(time) },
    { "user_role"sv,          USER,   Need::no,  Kind::i31,  TO(user_role) },
    { "user_update_seq"sv,    USER,   Need::no,  Kind::u64,  TO(seq) },
    { "reason"sv,             LOGOUT, Need::no,  Kind::u32,  TO(code) },

    { "nonce"sv,              ALL | OTHER,
                                      Need::no,  Kind::text, TO(nonce) },
    { "signature"sv,          ALL | OTHER,
                                      Need::no,  Kind::text, TO(signature) },
    { "timestamp"sv,          ALL | OTHER,
                                      Need::no,  Kind::text, TO(timestamp) },

    { "event"sv,              OTHER,  Need::yes, Kind::text, TO(name) },

    // as some other callbacks have them
    { "Event"sv,              OTHER,  Need::no,  Kind::text, TO(name) },
    { "Nonce"sv,              OTHER,  Need::no,  Kind::text, TO(nonce) },
    { "Signature"sv,          OTHER,  Need::no,  Kind::text, TO(signature) },
    { "Timestamp"sv,          OTHER,  Need::no,  Kind::text, TO(timestamp) },
};
// clang-format on

static_assert(std::size(table) == fields_max);

constexpr size_t row(std::string_view name)
{
    size_t i = 0;

    while (table[i].name != name) {
        i++;
    }

    return i;
}

// the table's rows by the length of their names

struct Index {
    static constexpr size_t longest = 18;

    unsigned char rows[fields_max] = {};
    unsigned char start[longest + 2] = {};

    constexpr Index()
    {
        unsigned char n = 0;

        for (size_t len = 0; len <= longest; len++) {
            start[len] = n;

            for (size_t i = 0; i < fields_max; i++) {
                if (table[i].name.size() == len) {
                    rows[n++] = static_cast<unsigned char>(i);
                }
            }
        }

        start[longest + 1] = n;
    }
};

constexpr Index by_length;

static_assert(by_length.start[Index::longest + 1] == fields_max);

bool number(std::string_view in, uint64_t max, uint64_t &n)
{
    n = 0;

    for (char c : in) {
        uint64_t digit = static_cast<uint64_t>(c) - '0';

        if (digit > 9 || n > (max - digit) / 10) {
            return false;
        }

        n = n * 10 + digit;
    }

    return true;
}

bool seconds(std::string_view in, uint64_t &ms)
{
    bool good = number(in, (ZEGO_TIME_UNKNOWN - 1) / 1000, ms);

    ms *= 1000;

    return good;
}

template <typename T> void store(zego_event_t &event, size_t to, T value)
{
    memcpy(reinterpret_cast<char *>(&event) + to, &value, sizeof(value));
}

// false: an impossible value; then the event is not to be used

bool convert(const Field &field, const Value &value, zego_event_t &event)
{
    uint64_t n = 0;
    bool good = false;
    std::string_view text{value.data, value.len};

    if (value.sent == Sent::other || value.len > field.max) {
        return field.kind == Kind::text_or_nothing;
    }

    switch (field.kind) {
    case Kind::text:
    case Kind::text_or_nothing:
        store(event, field.to, zego_str_t{value.data, value.len});
        return true;
    case Kind::u32:
        good = number(text, UINT32_MAX, n);
        break;
    case Kind::i31:
        good = number(text, INT32_MAX, n);
        break;
    case Kind::u64:
        good = number(text, UINT64_MAX, n);
        break;
    case Kind::ms:
        good = number(text, ZEGO_TIME_UNKNOWN - 1, n);
        break;
    case Kind::seconds:
        good = seconds(text, n);
        break;
    }

    if (field.kind == Kind::u32 || field.kind == Kind::i31) {
        store(event, field.to, static_cast<uint32_t>(n));

    } else {
        store(event, field.to, n);
    }

    return good;
}

// the first reason counts

void fail(zego_event_t &event, zego_reason_e reason, std::string_view name)
{
    if (event.reason == ZEGO_OK) {
        event.reason = reason;
        event.field = {name.data(), name.size()};
    }
}

// false: it is none of the six

bool event_type(const Fields &f, zego_event_t &event)
{
    constexpr size_t type = row("event");

    const Value &value = f.values[type];

    if (value.sent == Sent::nothing) {
        if (f.values[row("Event")].sent == Sent::nothing) {
            fail(event, ZEGO_MISSING, table[type].name);
        }

        return false;
    }

    if (value.sent != Sent::string) {
        fail(event, ZEGO_INVALID, table[type].name);
        return false;
    }

    for (int i = ZEGO_EVENT_OTHER + 1; i < ZEGO_EVENTS; i++) {
        zego_str_t name = zego_event_name(static_cast<zego_event_e>(i));

        if (name.len == value.len &&
            memcmp(name.data, value.data, name.len) == 0) {
            event.type = static_cast<zego_event_e>(i);
            return true;
        }
    }

    return false;
}

// what it is and who sent it, where that can be told; nothing can be wrong

void other(const Fields &f, zego_event_t &event)
{
    for (size_t i = 0; i < fields_max; i++) {
        if (table[i].events & OTHER && f.values[i].sent != Sent::nothing) {
            convert(table[i], f.values[i], event);
        }
    }
}

// all times are still ZEGO_TIME_UNKNOWN unless they were sent

void times(zego_event_t &event)
{
    uint64_t sent = ZEGO_TIME_UNKNOWN;
    const zego_str_t &stamp = event.timestamp;

    if (stamp.len && !seconds({stamp.data, stamp.len}, sent)) {
        fail(event, ZEGO_INVALID, "timestamp"sv);
    }

    event.first = std::min({event.time, event.close_time, event.login_time});

    if (event.type == ZEGO_ROOM_LOGIN) {
        event.time = event.login_time;
    }

    for (uint64_t time : {sent, event.login_time, uint64_t{0}}) {
        if (event.time == ZEGO_TIME_UNKNOWN) {
            event.time = time;
        }
    }

    for (uint64_t *time : {&event.close_time, &event.login_time}) {
        if (*time == ZEGO_TIME_UNKNOWN) {
            *time = 0;
        }
    }
}

} // namespace

void fields_create(Fields &f)
{
    char *p = f.bytes;

    for (size_t i = 0; i < fields_max; i++) {
        f.values[i].data = p;
        p += table[i].max;
    }
}

void fields_reset(Fields &f)
{
    for (Value &value : f.values) {
        value.sent = Sent::nothing;
    }
}

void fields_name(Fields &f, std::string_view name)
{
    f.current = nullptr;

    if (name.size() > Index::longest) {
        return;
    }

    for (size_t i = by_length.start[name.size()];
         i < by_length.start[name.size() + 1]; i++) {
        size_t n = by_length.rows[i];

        // the last bytes tell most of them apart
        if (table[n].name.back() == name.back() && table[n].name == name) {
            f.current = &f.values[n];
            return;
        }
    }
}

void fields_value(Fields &f, Sent sent, std::string_view text)
{
    Value *value = f.current;

    if (value == nullptr) {
        return;
    }

    if (sent == Sent::string && text.empty()) {
        sent = Sent::nothing;
    }

    value->sent = sent;
    value->len = text.size();

    if (text.size() <= table[value - f.values].max) {
        memcpy(value->data, text.data(), text.size());
    }
}

void fields_event(const Fields &f, zego_event_t &event)
{
    constexpr size_t appid = row("appid");

    event = {};

    if (!event_type(f, event)) {
        other(f, event);
        return;
    }

    event.user_role = ZEGO_ROLE_UNKNOWN;
    event.time = ZEGO_TIME_UNKNOWN;
    event.login_time = ZEGO_TIME_UNKNOWN;
    event.close_time = ZEGO_TIME_UNKNOWN;

    for (size_t i = 0; i < fields_max; i++) {
        if (!(table[i].events & 1u << event.type)) {
            continue;
        }

        size_t used = i;

        if (f.values[i].sent == Sent::nothing && table[i + 1].events == OLDER) {
            used = i + 1;
        }

        if (f.values[used].sent == Sent::nothing) {
            if (table[i].need == Need::yes) {
                fail(event, ZEGO_MISSING, table[i].name);
            }

        } else if (!convert(table[used], f.values[used], event)) {
            fail(event, ZEGO_INVALID, table[used].name);

        } else if (i == appid) {
            event.has_appid = 1;
        }
    }

    times(event);
}

} // namespace zego

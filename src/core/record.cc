#include "record.h"

#include <cstring>

namespace zego {

namespace {

enum : std::uint8_t { has_session = 1, has_register = 2 };

struct Head {
    std::uint32_t size; // of the whole record
    std::uint8_t layout;
    std::uint8_t parts;
    std::uint16_t room_len;
    std::uint32_t appid;
    std::uint32_t unused;
    std::uint64_t session_id;
};

using Lengths = std::array<std::uint16_t, text_strings>;

struct SessionPart {
    std::uint64_t first;
    std::uint64_t created;
    std::uint64_t close_time;
    std::uint32_t close_reason;
    std::uint16_t closed;
    Lengths len;
    std::array<std::uint16_t, 3> unused;
};

// Behind it the holes, which are few, or else which numbers from next on were
// seen, 64 in a word.
struct WindowPart {
    std::uint64_t next;
    std::uint64_t top;
    std::uint64_t above;
    std::uint64_t lost;
    std::uint64_t lost_from;
    std::uint64_t lost_to;
    std::uint64_t holes; // 0: words
};

struct Hole {
    std::uint16_t from; // behind next
    std::uint16_t more; // behind the first
};

struct RegisterPart {
    std::uint64_t seq;
    std::uint64_t time;
    std::uint64_t close_time;
    std::uint64_t login_time;
    std::uint64_t session_id;
    std::uint32_t code;
    std::int32_t role;
    std::uint8_t kind;
    std::uint8_t closed;
    Lengths len;
    std::uint16_t unused;
};

// Equal facts have equal bytes.
static_assert(std::has_unique_object_representations_v<Head> &&
              std::has_unique_object_representations_v<SessionPart> &&
              std::has_unique_object_representations_v<WindowPart> &&
              std::has_unique_object_representations_v<Hole> &&
              std::has_unique_object_representations_v<RegisterPart>);

constexpr std::size_t window_size =
    sizeof(WindowPart) + window_words_max * sizeof(std::uint64_t);

static_assert(sizeof(Head) + ZEGO_ROOM_ID_MAX + sizeof(SessionPart) + text_max +
                  2 * window_size + sizeof(RegisterPart) + text_max <=
              ZEGO_RECORD_MAX);

void put(char *&out, const void *data, std::size_t size)
{
    if (size > 0) {
        std::memcpy(out, data, size);
        out += size;
    }
}

Lengths lengths(const Strings &strings)
{
    Lengths len = {};
    for (std::size_t i = 0; i < text_strings; i++) {
        len[i] = static_cast<std::uint16_t>(strings[i].size());
    }
    return len;
}

void put_strings(char *&out, const Strings &strings)
{
    for (const std::string_view string : strings) {
        put(out, string.data(), string.size());
    }
}

std::uint64_t words_for(std::uint64_t span)
{
    return (span + 63) / 64;
}

// How many there are; as many as words would take, or more, are not written.
std::uint64_t put_holes(char *&out, const Window &window)
{
    const std::uint64_t most =
        words_for(window_span(window)) * sizeof(std::uint64_t) / sizeof(Hole);
    char *start = out;
    std::uint64_t holes = 0;
    std::uint64_t n = window.next;
    while (n < window.top) {
        const std::uint64_t end = window_find(window, n, true);
        if (++holes == most) {
            out = start;
            return 0;
        }
        const Hole hole{static_cast<std::uint16_t>(n - window.next),
                        static_cast<std::uint16_t>(end - n - 1)};
        put(out, &hole, sizeof(hole));
        n = window_find(window, end, false);
    }
    return holes;
}

void put_window(char *&out, const Window &window)
{
    WindowPart part{
        window.next,    window.top, window.above, window.lost, window.lost_from,
        window.lost_to, 0};
    char *start = out;
    out += sizeof(part);
    if (window.above > 0) {
        part.holes = put_holes(out, window);
    }
    std::memcpy(start, &part, sizeof(part));
    if (part.holes == 0) {
        for (std::uint64_t i = 0; i < window_span(window); i += 64) {
            const std::uint64_t word = window_word(window, window.next + i);
            put(out, &word, sizeof(word));
        }
    }
}

void put_session(char *&out, const Fact &fact)
{
    const SessionPart part{fact.first,
                           fact.created,
                           fact.closed_as.time,
                           fact.closed_as.reason,
                           fact.closed ? std::uint16_t{1} : std::uint16_t{},
                           lengths(fact.created_text),
                           {}};
    put(out, &part, sizeof(part));
    put_strings(out, fact.created_text);
}

void put_register(char *&out, const RegisterFact &fact)
{
    const RegisterPart part{fact.seq,
                            fact.time,
                            fact.close_time,
                            fact.login_time,
                            fact.session_id,
                            fact.code,
                            fact.role,
                            static_cast<std::uint8_t>(fact.kind),
                            fact.closed ? std::uint8_t{1} : std::uint8_t{},
                            lengths(fact.strings),
                            0};
    put(out, &part, sizeof(part));
    put_strings(out, fact.strings);
}

// The bytes that are left to read.  What does not fit is not there.
bool take(std::string_view &in, void *data, std::size_t size)
{
    if (in.size() < size) {
        return false;
    }
    std::memcpy(data, in.data(), size);
    in.remove_prefix(size);
    return true;
}

bool take_string(std::string_view &in, std::size_t len, std::size_t max,
                 std::string_view &string)
{
    if (len > max || in.size() < len) {
        return false;
    }
    string = in.substr(0, len);
    in.remove_prefix(len);
    return true;
}

bool take_strings(std::string_view &in, const Lengths &len, Strings &strings)
{
    std::size_t size = 0;
    for (std::size_t i = 0; i < text_strings; i++) {
        const std::size_t max = i == text_id ? ZEGO_STREAM_ID_MAX : text_max;
        if (!take_string(in, len[i], max, strings[i])) {
            return false;
        }
        size += len[i];
    }
    return size <= text_max;
}

// Behind next all is small, however great the numbers are.
bool take_holes(std::string_view &in, Window &window, std::uint64_t holes)
{
    const std::uint64_t next = window.next;
    std::uint64_t at = 0; // behind next
    for (; holes > 0; holes--) {
        Hole hole;
        if (!take(in, &hole, sizeof(hole))) {
            return false;
        }
        const std::uint64_t end = std::uint64_t{hole.from} + hole.more + 1;
        if (hole.from < at || end > window.top - next) {
            return false;
        }
        if (hole.from > at) {
            window_fill(window, next + at, next + hole.from - 1);
        }
        at = end;
    }
    window_fill(window, next + at, window.top);
    return true;
}

bool take_words(std::string_view &in, Window &window, std::uint64_t span)
{
    for (std::uint64_t i = 0; i < span; i += 64) {
        std::uint64_t word = 0;
        if (!take(in, &word, sizeof(word)) ||
            (span - i < 64 && word >> (span - i) != 0)) {
            return false;
        }
        for (; word != 0; word &= word - 1) {
            const std::uint64_t n =
                window.next + i + static_cast<unsigned>(std::countr_zero(word));
            window_fill(window, n, n);
        }
    }
    return true;
}

bool take_window(std::string_view &in, Window &window,
                 std::array<std::uint64_t, window_words_max> &words)
{
    WindowPart part;
    if (!take(in, &part, sizeof(part))) {
        return false;
    }
    window_init(window);
    window.next = part.next;
    window.top = part.top;
    window.lost = part.lost;
    window.lost_from = part.lost_from;
    window.lost_to = part.lost_to;
    if (part.above > 0) {
        // or there would be no end of filling it
        if (part.top < part.next || part.top == UINT64_MAX ||
            part.top - part.next >= window_bits_max) {
            return false;
        }
        const std::uint64_t span = part.top - part.next + 1;
        if (span > window.bits) {
            window.bits = std::bit_ceil(span);
            window.words = words.data();
            std::fill_n(words.data(), window.bits / 64, 0);
        }
        if (!(part.holes > 0 ? take_holes(in, window, part.holes)
                             : take_words(in, window, span))) {
            return false;
        }
    }
    return window.above == part.above && window_sound(window);
}

bool take_session(std::string_view &in, Record &record)
{
    SessionPart part;
    Fact &fact = record.fact;
    if (!take(in, &part, sizeof(part)) ||
        !take_strings(in, part.len, fact.created_text)) {
        return false;
    }
    fact.first = part.first;
    fact.created = part.created;
    fact.closed = part.closed != 0;
    fact.closed_as = {part.close_time, part.close_reason};
    return true;
}

bool take_register(std::string_view &in, Record &record)
{
    RegisterPart part;
    RegisterFact &reg = record.reg;
    if (!take(in, &part, sizeof(part)) ||
        !take_strings(in, part.len, reg.strings) ||
        reg.strings[text_id].empty()) {
        return false;
    }
    reg.kind = static_cast<Kind>(part.kind);
    reg.seq = part.seq;
    reg.time = part.time;
    reg.close_time = part.close_time;
    reg.login_time = part.login_time;
    reg.session_id = part.session_id;
    reg.code = part.code;
    reg.role = part.role;
    reg.closed = part.closed != 0;
    record.fact.reg = &reg;
    return reg.kind == Kind::stream || reg.kind == Kind::user;
}

bool take_windows(std::string_view &in, Record &record)
{
    record.fact.stream_seq_window = &record.stream_seq;
    record.fact.user_update_seq_window = &record.user_update_seq;
    return take_window(in, record.stream_seq, record.stream_seq_words) &&
           take_window(in, record.user_update_seq,
                       record.user_update_seq_words);
}

// All but the windows, which are behind the rest.
bool take_entries(std::string_view &in, Record &record)
{
    Head head;
    std::string_view room_id;
    if (record_size(in) != in.size() || !take(in, &head, sizeof(head)) ||
        head.layout != record_layout ||
        !take_string(in, head.room_len, ZEGO_ROOM_ID_MAX, room_id) ||
        room_id.empty()) {
        return false;
    }
    record.fact = fact_of(head.appid, room_id, head.session_id);
    record.fact.stored = true;
    record.session = (head.parts & has_session) != 0;
    record.reg = {};
    return (!record.session || take_session(in, record)) &&
           ((head.parts & has_register) == 0 || take_register(in, record));
}

// Numbers whose bytes are in their order.
void put_number(StoreKey &key, std::uint64_t number, unsigned bytes)
{
    while (bytes-- > 0) {
        key.bytes[key.len++] = static_cast<char>(number >> (8 * bytes));
    }
}

// A string is ended by a byte that is in none.
void put_string(StoreKey &key, std::string_view string)
{
    key.len += string.copy(key.bytes.data() + key.len, string.size());
    key.bytes[key.len++] = '\0';
}

constexpr std::size_t appid_size = 4;

} // namespace

std::size_t record_write(const Fact &fact, char *out)
{
    const bool session = fact.stream_seq_window != nullptr;
    Head head{0,
              record_layout,
              0,
              static_cast<std::uint16_t>(fact.room_id.size()),
              fact.appid,
              0,
              fact.session_id};
    head.parts |= session ? has_session : 0;
    head.parts |= fact.reg != nullptr ? has_register : 0;

    char *p = out + sizeof(head);
    put(p, fact.room_id.data(), fact.room_id.size());
    if (session) {
        put_session(p, fact);
    }
    if (fact.reg != nullptr) {
        put_register(p, *fact.reg);
    }
    if (session) {
        put_window(p, *fact.stream_seq_window);
        put_window(p, *fact.user_update_seq_window);
    }
    head.size = static_cast<std::uint32_t>(p - out);
    std::memcpy(out, &head, sizeof(head));
    return head.size;
}

std::size_t record_size(std::string_view bytes)
{
    Head head;
    return take(bytes, &head, sizeof(head)) && head.size >= sizeof(head) &&
                   head.size - sizeof(head) <= bytes.size()
               ? head.size
               : 0;
}

bool record_read(Record &record, std::string_view bytes)
{
    return take_entries(bytes, record) &&
           (!record.session || take_windows(bytes, record)) && bytes.empty();
}

bool record_read_entries(Record &record, std::string_view bytes)
{
    return take_entries(bytes, record);
}

StoreKey store_key(const Fact &fact)
{
    StoreKey key;
    const Kind kind = fact.reg != nullptr ? fact.reg->kind : Kind::session;
    put_number(key, fact.appid, appid_size);
    put_string(key, fact.room_id);
    put_number(key, static_cast<std::uint64_t>(kind), 1);
    put_number(key, fact.session_id, sizeof(fact.session_id));
    if (fact.reg != nullptr) {
        put_string(key, fact.reg->strings[text_id]);
    }
    if (kind == Kind::user) {
        put_number(key, fact.reg->session_id, sizeof(fact.reg->session_id));
    }
    return key;
}

std::size_t group_of(std::string_view key)
{
    const std::size_t kind_at = key.find('\0', appid_size) + 1;
    switch (static_cast<Kind>(key[kind_at])) {
    case Kind::session:
        return kind_at + 1;
    case Kind::user:
        return key.size() - sizeof(std::uint64_t);
    default:
        return key.size();
    }
}

} // namespace zego

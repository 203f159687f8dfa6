// The body parser.  An input is which allocation fails, the lengths of the
// pieces, and the body: "0123{...}" comes in pieces of one, two, three, one,
// ... bytes.

#include "fuzz.h"

#include <boost/locale/utf.hpp>
#include <yajl/yajl_tree.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <map>
#include <memory>

using fuzz::expect;

namespace {

// Counts what is held, and fails at the n-th call and all after it.
struct Heap {
    zego_memory_t memory = {alloc, give_back, this};
    std::size_t calls = 0;
    std::size_t fail = 0; // 0: never
    std::size_t held = 0;

    bool failed() const { return fail != 0 && calls >= fail; }

    static void *alloc(void *ctx, std::size_t size)
    {
        Heap &heap = *static_cast<Heap *>(ctx);
        heap.calls++;
        if (heap.failed()) {
            return nullptr;
        }
        heap.held++;
        // nobody may count on zeros
        return std::memset(std::malloc(size), 0xa5, size);
    }

    static void give_back(void *ctx, void *p)
    {
        static_cast<Heap *>(ctx)->held--;
        std::free(p);
    }
};

zego_str_t str(const char *s)
{
    return {s, std::char_traits<char>::length(s)};
}

const zego_str_t keep_stream[] = {str("title"), str("hls_url"), str("x"),
                                  str("stream_id"), str("q\"\\\x01")};
const zego_str_t keep_room[] = {str("x"), str("close_reason")};
const zego_str_t keep_user[] = {str("auth_level"), str("x"), str("title")};
const zego_keep_t keep = {keep_stream, std::size(keep_stream),
                          keep_room,   std::size(keep_room),
                          keep_user,   std::size(keep_user)};

// What has every field that is kept, and many that an event may lack.
const std::string_view other_body =
    R"({"event":"stream_close","appid":1,"room_id":"old","room_session_id":9,)"
    R"("room_seq":9,"stream_alias":"old","stream_seq":9,"timestamp":9,)"
    R"("nonce":"old","create_time":9,"destroy_timemillis":9,"type":9,)"
    R"("publish_id":"old","user_name":"old","stream_sid":"old","reason":9,)"
    R"("extra_info":"old","id_name":"old","close_reason":9,"logout_time":9,)"
    R"("user_nickname":"old","user_role":9,"user_update_seq":9,)"
    R"("title":"old","hls_url":["old"],"x":{"old":1},"auth_level":9,)"
    R"("q\"\\\u0001":"old"})";

using Lengths = std::array<std::size_t, 3>;

struct Result {
    zego_reason_e reason = ZEGO_OK;
    zego_event_t event = {};
    std::string text; // all of it
};

std::string_view view(zego_str_t s)
{
    return {s.data, s.len};
}

struct String {
    const char *name;
    zego_str_t zego_event_t::*member;
    std::size_t max;
};

const String strings[] = {
    {"timestamp", &zego_event_t::timestamp, 255},
    {"nonce", &zego_event_t::nonce, 255},
    {"name", &zego_event_t::name, 255},
    {"signature", &zego_event_t::signature, 255},
    {"room_id", &zego_event_t::room_id, ZEGO_ROOM_ID_MAX},
    {"stream_id", &zego_event_t::stream_id, ZEGO_STREAM_ID_MAX},
    {"stream_sid", &zego_event_t::stream_sid, ZEGO_STREAM_SID_MAX},
    {"user_id", &zego_event_t::user_id, ZEGO_USER_ID_MAX},
    {"user_name", &zego_event_t::user_name, ZEGO_USER_NAME_MAX},
    {"extra_info", &zego_event_t::extra_info, ZEGO_EXTRA_INFO_MAX},
    {"kept", &zego_event_t::kept,
     ZEGO_KEEP_FIELDS_MAX *(6 * std::size_t{ZEGO_KEEP_NAME_MAX} +
                            ZEGO_KEEP_VALUE_MAX + 4)},
};

std::string show(zego_reason_e reason, const zego_event_t &e)
{
    std::string text = std::to_string(reason);
    if (reason != ZEGO_OK) {
        return text;
    }
    for (const std::uint64_t n :
         {std::uint64_t{e.type}, std::uint64_t{e.reason},
          std::uint64_t{e.appid}, std::uint64_t{e.has_appid}, e.room_session_id,
          e.first, e.seq, e.time, e.login_time, e.close_time,
          std::uint64_t{e.code}, std::uint64_t(e.user_role),
          e.user_session_id}) {
        text += " " + std::to_string(n);
    }
    text.append(" ").append(view(e.field));
    for (const String &string : strings) {
        text.append("\n")
            .append(string.name)
            .append(" ")
            .append(view(e.*string.member));
    }
    return text;
}

// An unfinished body is left to the next begin.
void feed(zego_parser_t *parser, std::string_view body, const Lengths &lengths)
{
    const bool whole = std::ranges::max(lengths) == 0;
    for (std::size_t i = 0; !body.empty(); i++) {
        const std::size_t n =
            whole ? body.size() : std::min(lengths[i % 3], body.size());
        // a copy of just that size, so that a sanitizer sees what is read
        // beyond it; gone before the event is used
        const std::unique_ptr<char[]> copy(new char[n]);
        body.copy(copy.get(), n);
        zego_parser_feed(parser, copy.get(), n);
        body.remove_prefix(n);
    }
}

Result parse(zego_parser_t *parser, std::string_view body,
             const Lengths &lengths = {})
{
    Result result;
    zego_parser_begin(parser);
    feed(parser, body, lengths);
    result.reason = zego_parser_finish(parser, &result.event);
    result.text = show(result.reason, result.event);
    return result;
}

void expect_same(const char *what, const Result &a, const Result &b)
{
    expect(a.text == b.text, what, a.text + "\nand " + b.text);
}

bool utf8(std::string_view s)
{
    namespace utf = boost::locale::utf;
    for (auto p = s.begin(); p != s.end();) {
        const utf::code_point c = utf::utf_traits<char>::decode(p, s.end());
        if (c == utf::illegal || c == utf::incomplete || c == 0) {
            return false;
        }
    }
    return true;
}

using Tree = std::unique_ptr<yajl_val_s, decltype(&yajl_tree_free)>;

Tree tree(const std::string &json)
{
    return {yajl_tree_parse(json.c_str(), nullptr, 0), yajl_tree_free};
}

// yajl's own text of a value, which is what it was parsed from but for space
void expect_kept(const zego_event_t &event)
{
    const std::string kept = "{" + std::string(view(event.kept)) + "}";
    const Tree root = tree(kept);
    expect(YAJL_IS_OBJECT(root.get()), "kept is not JSON", kept);

    const bool user =
        event.type == ZEGO_ROOM_LOGIN || event.type == ZEGO_ROOM_LOGOUT;
    const bool room = event.type == ZEGO_ROOM_CREATE;
    const zego_str_t *names = user ? keep_user : room ? keep_room : keep_stream;
    const std::size_t n = user   ? std::size(keep_user)
                          : room ? std::size(keep_room)
                                 : std::size(keep_stream);

    expect(event.type != ZEGO_ROOM_CLOSE || root->u.object.len == 0,
           "a room_close keeps", kept);
    std::size_t next = 0; // in the order of the configuration
    for (std::size_t i = 0; i < root->u.object.len; i++) {
        while (next < n && view(names[next]) != root->u.object.keys[i]) {
            next++;
        }
        expect(next++ < n, "a field that is not to be kept, or kept twice",
               kept);
        const yajl_val value = root->u.object.values[i];
        expect(!YAJL_IS_NULL(value), "null is kept", kept);
        expect(!YAJL_IS_STRING(value) || *YAJL_GET_STRING(value) != '\0',
               "nothing is kept", kept);
    }
}

void expect_possible(const Result &result)
{
    const zego_event_t &event = result.event;

    if (result.reason != ZEGO_OK) {
        expect(result.reason == ZEGO_BAD_SYNTAX ||
                   result.reason == ZEGO_BAD_UTF8 ||
                   result.reason == ZEGO_BAD_NESTING,
               "reason", result.text);
        return;
    }

    expect(event.type < ZEGO_EVENTS, "type", result.text);
    expect(event.reason == ZEGO_OK || event.reason == ZEGO_MISSING ||
               event.reason == ZEGO_INVALID,
           "reason of the event", result.text);
    expect((event.reason == ZEGO_OK) == (event.field.len == 0), "field",
           result.text);
    for (const String &string : strings) {
        const std::string_view s = view(event.*string.member);
        expect(s.size() <= string.max && utf8(s), string.name, result.text);
    }
    expect_kept(event);

    if (event.type == ZEGO_EVENT_OTHER || event.reason != ZEGO_OK) {
        return;
    }
    const bool stream =
        event.type == ZEGO_STREAM_CREATE || event.type == ZEGO_STREAM_CLOSE;
    const bool user =
        event.type == ZEGO_ROOM_LOGIN || event.type == ZEGO_ROOM_LOGOUT;
    expect(event.has_appid != 0 && event.room_id.len > 0, "required",
           result.text);
    expect(!stream || event.stream_id.len > 0, "stream_id", result.text);
    expect(!user || event.user_id.len > 0, "user_account", result.text);
    expect(event.time != ZEGO_TIME_UNKNOWN &&
               event.close_time != ZEGO_TIME_UNKNOWN &&
               event.login_time != ZEGO_TIME_UNKNOWN,
           "a time that is not known", result.text);
    expect(stream || event.first != ZEGO_TIME_UNKNOWN, "first", result.text);
    expect(event.first == ZEGO_TIME_UNKNOWN || event.first <= event.time ||
               event.first == event.close_time ||
               event.first == event.login_time,
           "first", result.text);
}

// What yajl reads at once must have been read alike, its last members count.
void expect_json(const Result &result, const std::string &body)
{
    if (result.reason != ZEGO_OK) {
        return;
    }
    const Tree root = tree(body);
    expect(YAJL_IS_OBJECT(root.get()), "this is not JSON", result.text);

    std::map<std::string, yajl_val> last;
    for (std::size_t i = 0; i < root->u.object.len; i++) {
        last[root->u.object.keys[i]] = root->u.object.values[i];
    }
    const auto same = [&](const char *name, zego_str_t s) {
        const auto found = last.find(name);
        const yajl_val value = found != last.end() ? found->second : nullptr;
        const char *text = YAJL_IS_STRING(value)   ? YAJL_GET_STRING(value)
                           : YAJL_IS_NUMBER(value) ? YAJL_GET_NUMBER(value)
                                                   : "";
        expect(view(s) == text, name, result.text);
    };
    const zego_event_t &event = result.event;
    if (event.type == ZEGO_EVENT_OTHER || event.reason != ZEGO_OK) {
        return;
    }
    same("event", zego_event_name(event.type));
    same("timestamp", event.timestamp);
    same("nonce", event.nonce);
    same("signature", event.signature);
    same("room_id", event.room_id);
    if (event.type == ZEGO_ROOM_CREATE) {
        same("id_name", event.user_id);
    } else if (event.type == ZEGO_ROOM_LOGIN ||
               event.type == ZEGO_ROOM_LOGOUT) {
        same("user_account", event.user_id);
        same("user_nickname", event.user_name);
    } else if (event.type != ZEGO_ROOM_CLOSE) {
        same("stream_sid", event.stream_sid);
    }
}

std::string percent(std::string_view body)
{
    std::string encoded;
    for (const char c : body) {
        std::array<char, 4> hex;
        std::snprintf(hex.data(), hex.size(), "%%%02x",
                      static_cast<unsigned char>(c));
        encoded += hex.data();
    }
    return encoded;
}

// Fails at a call; then the same parser has to do.
void with_failures(std::string_view body, const Lengths &lengths,
                   std::size_t fail, const Result &wanted)
{
    Heap heap;
    heap.fail = fail;
    zego_parser_t *parser = zego_parser_create(&heap.memory, &keep);
    if (parser == nullptr) {
        expect(heap.failed() && heap.held == 0, "no parser");
        return;
    }
    const Result result = parse(parser, body, lengths);
    if (heap.failed()) {
        expect(result.reason == ZEGO_NO_MEMORY, "without memory", result.text);
    } else {
        expect_same("a parser with memory", result, wanted);
    }

    heap.fail = 0;
    expect_same("after it had no memory", parse(parser, body, lengths), wanted);
    zego_parser_destroy(parser);
    expect(heap.held == 0, "a leak");
}

void run(std::size_t fail, const Lengths &lengths, std::string_view body)
{
    Heap heap;
    zego_parser_t *parser = zego_parser_create(&heap.memory, &keep);
    const Result whole = parse(parser, body);
    expect_possible(whole);

    const std::size_t start = body.find_first_not_of(" \t\r\n");
    if (start != std::string_view::npos && body[start] == '{') {
        expect_json(whole, std::string(body));
        Heap other_heap;
        zego_parser_t *other = zego_parser_create(&other_heap.memory, &keep);
        expect_same("percent-encoded",
                    parse(other, percent(body.substr(start)), lengths), whole);
        zego_parser_destroy(other);
    }

    // used before for another body, and for one that was left in the middle
    expect(parse(parser, other_body).event.reason == ZEGO_OK, "other body");
    zego_parser_begin(parser);
    feed(parser, body.substr(0, body.size() / 2), lengths);
    expect_same("in pieces", parse(parser, body, lengths), whole);
    zego_parser_destroy(parser);
    expect(heap.held == 0, "a leak");

    with_failures(body, lengths, fail, whole);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data,
                                      std::size_t size)
{
    fuzz::Reader in(data, size);
    const std::size_t fail = in.pick(256);
    Lengths lengths;
    for (std::size_t &length : lengths) {
        length = in.pick(256);
    }
    run(fail, lengths, in.rest());
    return 0;
}

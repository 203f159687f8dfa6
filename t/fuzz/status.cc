// The status location, in nginx.  An input is a method and a request target:
// "GET /zego/rooms?limit=2".  What the rooms are is known, so what must be
// answered is too, as long as nginx itself has nothing to normalise.

#include "fuzz.h"

#include <yajl/yajl_tree.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <thread>
#include <tuple>
#include <vector>

using fuzz::expect;

// its main() has another name here
extern "C" int nginx_main(int argc, char *const *argv);

namespace {

namespace fs = std::filesystem;

fs::path dir;

// a target that nginx takes, with all that is put in front of the query
constexpr std::size_t target_max = 1500;

// what is listed

using Room = std::pair<std::uint32_t, std::string>;

std::set<Room> rooms;
std::map<std::string, std::set<Room>> streams;
std::map<std::string, std::set<Room>> users;

// how many users are in them, which of their sessions are over, and what each
// user has published
std::map<Room, std::uint64_t> users_in;
std::set<std::pair<Room, std::uint64_t>> closed;
std::map<std::string, std::set<std::pair<std::string, Room>>> published;

// HTTP

struct Answer {
    int status = 0;
    std::map<std::string, std::string> headers;
    std::string body;
};

class Client {
  public:
    Answer send(const std::string &request, bool head)
    {
        if (fd == -1) {
            connect();
        }
        for (std::string_view rest = request; !rest.empty();) {
            const ssize_t n = again([&] {
                return ::send(fd, rest.data(), rest.size(), MSG_NOSIGNAL);
            });
            if (n <= 0) {
                break; // it has answered what it does not want to read
            }
            rest.remove_prefix(static_cast<std::size_t>(n));
        }

        Answer answer = read_head();
        if (!head && answer.status != 304) {
            read_body(answer);
        }
        if (answer.headers["connection"] == "close") {
            close(fd);
            fd = -1;
            in.clear();
        }
        expect(in.empty(), "more than an answer", in);
        return answer;
    }

    bool connect()
    {
        sockaddr_un address = {};
        address.sun_family = AF_UNIX;
        (dir / "socket")
            .string()
            .copy(address.sun_path, sizeof(address.sun_path) - 1);
        fd = socket(AF_UNIX, SOCK_STREAM, 0);
        if (::connect(fd, reinterpret_cast<sockaddr *>(&address),
                      sizeof(address)) == 0) {
            return true;
        }
        close(fd);
        fd = -1;
        return false;
    }

  private:
    // libFuzzer's alarm interrupts
    template <class Call> static ssize_t again(Call call)
    {
        ssize_t n = 0;
        do {
            n = call();
        } while (n == -1 && errno == EINTR);
        return n;
    }

    void more()
    {
        std::array<char, 65536> bytes;
        const ssize_t n =
            again([&] { return recv(fd, bytes.data(), bytes.size(), 0); });
        expect(n > 0, "the answer ends early", in);
        in.append(bytes.data(), static_cast<std::size_t>(n));
    }

    std::string take(std::size_t n)
    {
        while (in.size() < n) {
            more();
        }
        std::string taken = in.substr(0, n);
        in.erase(0, n);
        return taken;
    }

    std::string line()
    {
        std::size_t end = 0;
        while ((end = in.find("\r\n")) == std::string::npos) {
            more();
        }
        std::string text = take(end);
        take(2);
        return text;
    }

    std::size_t number(std::string_view text, int base)
    {
        std::size_t n = 0;
        const char *end = text.data() + text.size();
        const auto [p, error] = std::from_chars(text.data(), end, n, base);
        expect(error == std::errc{} && p == end, "not a length", text);
        return n;
    }

    Answer read_head()
    {
        Answer answer;
        const std::string status = line();
        expect(status.starts_with("HTTP/1.1 ") && status.size() > 13 &&
                   status[12] == ' ',
               "not a status line", status);
        answer.status =
            static_cast<int>(number(std::string_view(status).substr(9, 3), 10));
        for (std::string text = line(); !text.empty(); text = line()) {
            const std::size_t colon = text.find(": ");
            expect(colon != std::string::npos && colon > 0, "not a header",
                   text);
            std::string name = text.substr(0, colon);
            std::ranges::transform(name, name.begin(), ::tolower);
            expect(answer.headers.emplace(name, text.substr(colon + 2)).second,
                   "a header twice", text);
        }
        return answer;
    }

    void read_body(Answer &answer)
    {
        const auto length = answer.headers.find("content-length");
        if (length != answer.headers.end()) {
            answer.body = take(number(length->second, 10));
            return;
        }
        expect(answer.headers["transfer-encoding"] == "chunked", "no length");
        std::size_t n = 0;
        do {
            n = number(line(), 16);
            answer.body += take(n);
            expect(take(2) == "\r\n", "not a chunk");
        } while (n > 0);
    }

    int fd = -1;
    std::string in;
};

Client client;

Answer get(const std::string &method, const std::string &target,
           const std::string &header = "")
{
    return client.send(method + " " + target + " HTTP/1.1\r\nHost: a\r\n" +
                           header + "\r\n",
                       method == "HEAD");
}

// JSON

using Tree = std::unique_ptr<yajl_val_s, decltype(&yajl_tree_free)>;

Tree tree(const std::string &json)
{
    Tree root(yajl_tree_parse(json.c_str(), nullptr, 0), yajl_tree_free);
    expect(root != nullptr && json.find('\0') == std::string::npos, "not JSON",
           json);
    return root;
}

yajl_val member(yajl_val from, const char *name, bool required = true)
{
    const std::array<const char *, 2> path = {name, nullptr};
    yajl_val value =
        yajl_tree_get(from, const_cast<const char **>(path.data()), yajl_t_any);
    expect(value != nullptr || !required, "missing", name);
    return value;
}

std::string text(yajl_val from, const char *name)
{
    const char *value = YAJL_GET_STRING(member(from, name));
    expect(value != nullptr, "no string", name);
    return value;
}

Room room_of(yajl_val value)
{
    yajl_val info = member(value, "RoomInfo", false);
    if (info == nullptr) {
        info = value; // it is explained
    }
    return {static_cast<std::uint32_t>(YAJL_GET_INTEGER(member(info, "AppId"))),
            text(info, "RoomID")};
}

using Fields = std::set<std::string>;

const Fields room_fields = {"AppId",          "RoomID",  "RoomSessionId",
                            "RoomCreateTime", "Creator", "StreamCount",
                            "UserCount",      "mode"};
const Fields closed_fields = {"RoomCloseTime", "CloseReason"};
const Fields stream_fields = {"StreamId",         "StreamSid", "StreamSeq",
                              "StreamCreateTime", "UserId",    "UserName",
                              "ExtraInfo",        "title"};
const Fields user_fields = {"UserId",   "UserName",      "UserSessionId", //
                            "UserRole", "UserLoginTime", "UserUpdateSeq"};

// No member but these.
void expect_fields(yajl_val object, const Fields &fields)
{
    expect(YAJL_IS_OBJECT(object), "no object");
    for (std::size_t i = 0; i < object->u.object.len; i++) {
        const std::string key = object->u.object.keys[i];
        if (key == "RoomInfo") {
            expect_fields(object->u.object.values[i], fields);
        } else {
            expect(fields.contains(key), "not asked for", key);
        }
    }
}

void expect_room_fields(yajl_val room, const Fields &fields)
{
    for (const char *name : {"StreamList", "UserList"}) {
        yajl_val list = member(room, name, false);
        for (std::size_t i = 0; list != nullptr && i < list->u.array.len; i++) {
            expect_fields(list->u.array.values[i], fields);
        }
    }
    if (yajl_val info = member(room, "RoomInfo", false); info != nullptr) {
        expect_fields(info, fields);
    }
}

std::vector<Room> list_of(yajl_val array)
{
    expect(YAJL_IS_ARRAY(array), "no array");
    std::vector<Room> list;
    for (std::size_t i = 0; i < array->u.array.len; i++) {
        list.push_back(room_of(array->u.array.values[i]));
    }
    return list;
}

// what is asked

std::optional<std::string> decode(std::string_view in, bool form)
{
    std::string out;
    for (std::size_t i = 0; i < in.size(); i++) {
        if (in[i] != '%') {
            out += form && in[i] == '+' ? ' ' : in[i];
            continue;
        }
        unsigned char byte = 0;
        const char *p = in.data() + i + 1;
        if (in.size() - i < 3 ||
            std::from_chars(p, p + 2, byte, 16).ptr != p + 2) {
            return std::nullopt;
        }
        out += static_cast<char>(byte);
        i += 2;
    }
    return out;
}

template <class Number>
std::optional<Number> number(std::string_view in, Number most)
{
    Number n = 0;
    const char *end = in.data() + in.size();
    const auto [p, error] = std::from_chars(in.data(), end, n);
    if (in.empty() || in[0] == '-' || p != end || error != std::errc{} ||
        n > most) {
        return std::nullopt;
    }
    return n;
}

std::optional<Room> cursor_room(std::string_view cursor)
{
    const std::size_t dash = cursor.find('-');
    if (dash == std::string_view::npos) {
        return std::nullopt;
    }
    const auto appid =
        number<std::uint32_t>(cursor.substr(0, dash), UINT32_MAX);
    const std::string_view digits = cursor.substr(dash + 1);
    if (!appid || digits.empty() || digits.size() % 2 != 0 ||
        digits.size() > 2 * ZEGO_ROOM_ID_MAX) {
        return std::nullopt;
    }
    std::string escaped;
    for (std::size_t i = 0; i < digits.size(); i += 2) {
        escaped.append("%").append(digits.substr(i, 2));
    }
    const auto id = decode(escaped, false);
    return id ? std::optional(Room(*appid, *id)) : std::nullopt;
}

// What has to be answered; of a page its rooms, and whether there are more.
struct Wanted {
    int status = 200;
    std::vector<Room> list = {};
    bool more = false;
    bool closed = false;
    std::optional<Fields> fields = std::nullopt;
};

class Query {
  public:
    // The first of a name counts, in whatever case.
    explicit Query(std::string_view args)
    {
        while (!args.empty()) {
            const std::string_view arg = args.substr(0, args.find('&'));
            args.remove_prefix(std::min(arg.size() + 1, args.size()));
            const std::size_t equals = arg.find('=');
            if (equals != std::string_view::npos) {
                std::string name(arg.substr(0, equals));
                std::ranges::transform(name, name.begin(), ::tolower);
                values.emplace(name, decode(arg.substr(equals + 1), true));
            }
        }
    }

    bool has(const char *name) const { return values.contains(name); }

    std::optional<std::string> get(const char *name,
                                   const char *absent = "") const
    {
        const auto value = values.find(name);
        return value != values.end() ? value->second
                                     : std::optional<std::string>(absent);
    }

  private:
    std::map<std::string, std::optional<std::string>> values;
};

// Adds to wanted what is asked for of these; false: something else is.
bool want_fields(const Query &query, std::initializer_list<Fields> known,
                 Wanted &wanted)
{
    if (!query.has("fields")) {
        return true;
    }
    const auto names = query.get("fields");
    if (!names) {
        return false;
    }
    wanted.fields.emplace();
    for (std::size_t start = 0; start <= names->size();) {
        const std::size_t end =
            std::min(names->find(',', start), names->size());
        const std::string name = names->substr(start, end - start);
        if (std::ranges::none_of(
                known, [&](auto &fields) { return fields.contains(name); })) {
            return false;
        }
        wanted.fields->insert(name);
        start = end + 1;
    }
    return true;
}

// Which sessions of which rooms were over.
Wanted wanted_closed(const Query &query, std::optional<std::uint32_t> appid,
                     unsigned limit, const std::string &prefix,
                     const std::string &cursor)
{
    std::pair<Room, std::uint64_t> after;
    if (!cursor.empty()) {
        const std::size_t dash = cursor.rfind('-');
        const auto room =
            cursor_room(cursor.substr(0, std::min(dash, cursor.size())));
        const auto session = number<std::uint64_t>(
            cursor.substr(std::min(dash, cursor.size() - 1) + 1), UINT64_MAX);
        if (!room || !session) {
            return {400};
        }
        after = {*room, *session};
    }

    Wanted wanted;
    wanted.closed = true;
    if (!want_fields(query, {room_fields, closed_fields}, wanted)) {
        return {400};
    }
    for (const auto &session : closed) {
        const Room &room = session.first;
        if (session > after && (!appid || room.first == *appid) &&
            room.second.starts_with(prefix)) {
            wanted.list.push_back(room);
        }
    }
    wanted.more = wanted.list.size() > limit;
    wanted.list.resize(std::min<std::size_t>(wanted.list.size(), limit));
    return wanted;
}

Wanted wanted_page(const Query &query, std::optional<std::uint32_t> appid)
{
    const auto limit =
        number<unsigned>(query.get("limit", "100").value_or(""), 1000);
    const auto detail = query.get("detail", "full");
    const auto prefix = query.get("prefix");
    const auto cursor = query.get("cursor");
    const bool over = query.get("state") == "closed";
    const auto least = number<std::uint64_t>(
        query.get("min_users", "0").value_or(""), INT64_MAX);
    if (limit.value_or(0) == 0 || (detail != "full" && detail != "counts") ||
        !prefix || !cursor || !least || (over && *least != 0)) {
        return {400};
    }
    if (over) {
        return wanted_closed(query, appid, *limit, *prefix, *cursor);
    }
    const auto after = !cursor->empty() ? cursor_room(*cursor) : Room(0, "");
    const Fields none;
    const bool lists = detail == "full";
    Wanted wanted;
    if (!after || !want_fields(query,
                               {room_fields, lists ? stream_fields : none,
                                lists ? user_fields : none},
                               wanted)) {
        return {400};
    }

    for (const Room &room : rooms) {
        if (room > *after && (!appid || room.first == *appid) &&
            room.second.starts_with(*prefix) && users_in[room] >= *least) {
            wanted.list.push_back(room);
        }
    }
    wanted.more = wanted.list.size() > *limit;
    wanted.list.resize(std::min<std::size_t>(wanted.list.size(), *limit));
    return wanted;
}

// The streams of a user, all or those of an id.
Wanted wanted_published(const std::string &user, const std::string &id,
                        std::optional<std::uint32_t> appid)
{
    Wanted wanted;
    for (const auto &[stream, room] : published[user]) {
        if ((id.empty() || stream == id) && (!appid || room.first == *appid)) {
            wanted.list.push_back(room);
        }
    }
    return wanted;
}

Wanted wanted_entry(const std::string &kind, const std::string &id,
                    std::optional<std::uint32_t> appid)
{
    std::set<Room> all;
    if (kind == "rooms") {
        std::ranges::copy_if(rooms, std::inserter(all, all.end()),
                             [&](auto &room) { return room.second == id; });
    } else {
        auto &index = kind == "streams" ? streams : users;
        const auto found = index.find(id);
        all = found != index.end() ? found->second : all;
    }
    Wanted wanted;
    std::ranges::copy_if(all, std::back_inserter(wanted.list), [&](auto &room) {
        return !appid || room.first == *appid;
    });
    if (kind == "rooms") {
        wanted.status = wanted.list.empty()       ? 404
                        : wanted.list.size() == 1 ? 200
                                                  : 400;
    }
    return wanted;
}

// Where nginx would look elsewhere, or not at all, nothing is said.
std::optional<Wanted> wanted(std::string_view target)
{
    if (target.find('#') != std::string_view::npos ||
        !target.starts_with("/zego/") || target.size() > target_max) {
        return std::nullopt;
    }
    const std::size_t question = target.find('?');
    const auto path = decode(target.substr(0, question), false);
    if (!path || path->find('\0') != std::string::npos ||
        (*path + "/").find("/../") != std::string::npos ||
        (*path + "/").find("/./") != std::string::npos) {
        return std::nullopt;
    }
    const Query query(
        question == std::string_view::npos ? "" : target.substr(question + 1));

    std::size_t start = std::min(path->find_first_not_of('/', 6), path->size());
    if (start == path->size()) {
        if (query.has("action")) {
            return std::nullopt;
        }
        return Wanted{}; // the page
    }
    const bool explain = path->substr(start).starts_with("explain/");
    if (explain) {
        start = path->find('/', start) + 1;
    }
    const std::size_t slash = path->find('/', start);
    const std::string kind = path->substr(start, slash - start);
    if (kind == "metrics" && !explain && slash == std::string::npos) {
        return std::nullopt;
    }
    if (!explain && ((kind == "changes" && slash == std::string::npos) ||
                     (kind == "rooms" && query.has("after")))) {
        return std::nullopt;
    }
    if (kind != "rooms" &&
        (explain || (kind != "streams" && kind != "users"))) {
        return Wanted{404};
    }

    std::optional<std::uint32_t> appid;
    if (query.has("appid")) {
        appid =
            number<std::uint32_t>(query.get("appid").value_or(""), UINT32_MAX);
        if (!appid) {
            return Wanted{400};
        }
    }
    const auto state = query.get("state", "live");
    if (state != "live" && state != "closed") {
        return Wanted{400};
    }
    const bool by_user = kind == "streams" && query.has("user");
    const auto user = query.get("user");
    if (by_user && (!user || user->empty())) {
        return Wanted{400};
    }
    std::optional<std::string> id;
    if (slash != std::string::npos) {
        id = path->substr(slash + 1);
    } else if (!query.has("id") && kind == "rooms" && !explain) {
        return wanted_page(query, appid);
    } else {
        id = query.get("id");
    }
    if (!id || (id->empty() && !by_user) || state == "closed") {
        return Wanted{400};
    }
    if (explain && (number<unsigned>(query.get("limit", "1").value_or(""), 1000)
                            .value_or(0) == 0 ||
                    !query.get("stream") || !query.get("user"))) {
        return Wanted{400};
    }
    if (explain) {
        return wanted_entry(kind, *id, appid);
    }
    Wanted wanted = by_user ? wanted_published(*user, *id, appid)
                            : wanted_entry(kind, *id, appid);
    const Fields none;
    if (!want_fields(query,
                     {room_fields, kind != "users" ? stream_fields : none,
                      kind != "streams" ? user_fields : none},
                     wanted)) {
        return Wanted{400};
    }
    return wanted;
}

// the checks

void expect_sorted(const std::vector<Room> &list, bool over)
{
    for (std::size_t i = 0; i < list.size(); i++) {
        expect(over || rooms.contains(list[i]), "no such room", list[i].second);
        expect(i == 0 || list[i - 1] < list[i] ||
                   (over && list[i - 1] == list[i]),
               "not sorted", list[i].second);
    }
}

// Each page begins where the one before it ends; the last comes.
void follow(const std::string &target, std::vector<Room> list, Tree page,
            const Wanted &wanted)
{
    const std::string detail = wanted.fields ? "" : "detail=counts&";
    const std::size_t question = target.find('?');
    const std::string path = target.substr(0, question);
    const std::string query =
        question == std::string::npos ? "" : "&" + target.substr(question + 1);

    while (!YAJL_IS_NULL(member(page.get(), "Next"))) {
        const Answer answer = get("GET", path + "?" + detail + "cursor=" +
                                             text(page.get(), "Next") + query);
        expect(answer.status == 200, "Next fails", target);
        page = tree(answer.body);
        const auto more = list_of(member(page.get(), "RoomList"));
        expect(!more.empty(), "a page without rooms", answer.body);
        list.insert(list.end(), more.begin(), more.end());
        expect_sorted(list, wanted.closed);
    }
}

void check_json(const std::string &target, const Answer &answer,
                const std::optional<Wanted> &wanted)
{
    Tree root = tree(answer.body);
    if (answer.status != 200) {
        expect(text(root.get(), "Reason") != "", "no reason", answer.body);
        return;
    }

    if (member(root.get(), "Code", false) != nullptr) {
        expect(YAJL_IS_INTEGER(member(root.get(), "Code")) &&
                   text(root.get(), "Message") != "" &&
                   text(root.get(), "RequestId") != "" &&
                   YAJL_IS_OBJECT(member(root.get(), "Data")),
               "not the vendor's shape", answer.body);
        return;
    }

    if (!wanted) {
        return;
    }

    std::vector<Room> list;
    yajl_val pages = nullptr;
    yajl_val array = root.get();
    if (!YAJL_IS_ARRAY(array)) {
        const auto etag = answer.headers.find("etag");
        const bool none = wanted->closed ||
                          member(root.get(), "CallbackList", false) != nullptr;
        expect(none ? etag == answer.headers.end()
                    : etag->second == "\"" + text(root.get(), "Version") + "\"",
               "ETag", answer.body);
        array = pages = member(root.get(), "RoomList", false);
    }

    const auto &fields = wanted->fields;
    if (fields && array == nullptr) {
        expect_room_fields(root.get(), *fields);
    }
    for (std::size_t i = 0;
         fields && array != nullptr && i < array->u.array.len; i++) {
        yajl_val value = array->u.array.values[i];
        pages != nullptr ? expect_room_fields(value, *fields)
                         : expect_fields(value, *fields);
    }

    const bool named =
        !fields || (fields->contains("AppId") && fields->contains("RoomID"));
    if (named) {
        list = array != nullptr ? list_of(array)
                                : std::vector{room_of(root.get())};
        expect(list == wanted->list, "another list", answer.body);
    } else if (array != nullptr) {
        expect(array->u.array.len == wanted->list.size(), "another length",
               answer.body);
    }
    if (pages != nullptr) {
        const bool more = !YAJL_IS_NULL(member(root.get(), "Next"));
        expect(!more || !wanted->list.empty(), "a page without rooms",
               answer.body);
        expect(more == wanted->more, "Next", answer.body);
        if (named) {
            expect_sorted(list, wanted->closed);
            follow(target, list, std::move(root), *wanted);
        }
    }
}

// HEAD says what GET does; of a long list no length is known beforehand.
void expect_same(const Answer &head, Answer get)
{
    expect(head.status == get.status, "HEAD", std::to_string(get.status));
    get.headers.erase("transfer-encoding");
    auto headers = head.headers;
    if (get.body.find("\"RequestId\"") != std::string::npos) {
        get.headers.erase("content-length"); // no two are the same
        headers.erase("content-length");
    }
    headers["date"] = get.headers["date"];
    expect(headers == get.headers, "HEAD has other headers");
}

void expect_empty(const char *log)
{
    std::ifstream in(dir / log);
    const std::string text(std::istreambuf_iterator<char>(in), {});
    expect(text.empty(), log, text);
}

void run(const std::string &method, const std::string &target)
{
    const Answer answer = get(method, target);
    const int status = answer.status;
    expect(status == 200 || status == 301 || status == 400 || status == 404 ||
               status == 405 || status == 410 || status == 414,
           "status", std::to_string(status));

    const auto as_it_must = wanted(target);
    if (as_it_must && method != "POST") {
        expect(status == as_it_must->status, "another status",
               std::to_string(status));
    }
    const auto type = answer.headers.find("content-type");
    expect(type != answer.headers.end() || status != 200, "no type");
    if (type != answer.headers.end() && type->second == "application/json") {
        const auto cache = answer.headers.find("cache-control");
        expect(cache != answer.headers.end() &&
                   (cache->second == "no-store" ||
                    (status == 200 && cache->second == "no-cache")),
               "Cache-Control");
    }

    if (method == "HEAD") {
        if (status == 200 && type->second == "application/json") {
            expect_same(answer, get("GET", target));
        }
        const auto etag = answer.headers.find("etag");
        if (etag != answer.headers.end()) {
            const Answer again =
                get("GET", target, "If-None-Match: " + etag->second + "\r\n");
            expect(again.status == 304, "it has changed",
                   std::to_string(again.status));
        }
    } else if (type != answer.headers.end() &&
               type->second == "application/json") {
        check_json(target, answer, as_it_must);
    }
    expect_empty("error.log");
}

// the rooms

std::string quote(const std::string &s)
{
    std::string quoted = "\"";
    for (const char c : s) {
        if (static_cast<unsigned char>(c) < ' ' || c == '"' || c == '\\') {
            std::array<char, 8> escape;
            std::snprintf(escape.data(), escape.size(), "\\u%04x", c);
            quoted += escape.data();
        } else {
            quoted += c;
        }
    }
    return quoted + "\"";
}

std::uint64_t session_id = 7;

void post(const char *event, const Room &room, const std::string &rest)
{
    const std::string session = std::to_string(session_id);
    const std::string body = std::string("{\"event\":\"") + event +
                             "\",\"appid\":" + std::to_string(room.first) +
                             ",\"room_id\":" + quote(room.second) +
                             ",\"room_session_id\":" + session +
                             ",\"room_seq\":" + session + "," + rest + "}";
    const Answer answer =
        client.send("POST /callback HTTP/1.1\r\nHost: a\r\nContent-Length: " +
                        std::to_string(body.size()) + "\r\n\r\n" + body,
                    false);
    expect(answer.status == 200, body, answer.body);
}

void create(const Room &room)
{
    post("room_create", room, "\"room_create_time\":1000,\"mode\":\"a,b\"");
    rooms.insert(room);
}

void add_stream(const Room &room, const std::string &id,
                const std::string &user)
{
    post("stream_create", room,
         R"("stream_seq":2,"create_time_ms":1000,"title":["]",{}],"user_id":)" +
             quote(user) + ",\"stream_id\":" + quote(id));
    streams[id].insert(room);
    published[user].insert({id, room});
}

void end(const Room &room)
{
    post("room_close", room, "\"room_close_time\":500");
    closed.insert({room, session_id});
}

void add_user(const Room &room, const std::string &id)
{
    post("room_login", room,
         "\"session_id\":8,\"login_time\":1000,\"user_account\":" + quote(id));
    users_in[room] += users[id].insert(room).second ? 1 : 0;
}

void fill()
{
    const std::string longest(ZEGO_ROOM_ID_MAX, 'z');
    const std::vector<std::string> ids = {
        "a",    "aa",       "ab",
        "b",    "a/b",      "a//b",
        "../x", "..",       ".",
        "/",    "%2F",      "%",
        "%zz",  "a b",      "a+b",
        "a&b=", "?",        "#",
        "\"",   "\\",       "\x01",
        "\t",   "\r\nX: y", "\x7f",
        "é",    "дом",      "😀",
        "1-61", "NULL",     "[]",
        "room", longest,    longest.substr(1)};

    for (std::size_t i = 0; i < ids.size(); i++) {
        for (const std::uint32_t appid : {1U, 2U, UINT32_MAX}) {
            if (appid != 1 && i % appid % 2 != 0) {
                continue;
            }
            const Room room(appid, ids[i]);
            create(room);
            add_stream(room, ids[i], ids[i / 3]);
            add_user(room, ids[i]);
        }
        // tombstones between them, some with a room that lives
        end({1, ids[i].substr(0, 100) + "0"});
        for (session_id = 4; session_id < 4 + i % 3; session_id++) {
            end({1, ids[i]});
        }
        session_id = 7;
    }

    // more than comes in a piece
    for (unsigned i = 0; i < 150; i++) {
        add_stream({2, "a"}, "s" + std::to_string(i), ids[i % 7]);
        add_user({2, "a"}, ids[i % ids.size()]);
    }
}

// nginx

void start()
{
    std::string name = (fs::temp_directory_path() / "zego.XXXXXX").string();
    expect(mkdtemp(name.data()) != nullptr, "mkdtemp", name);
    dir = name;

    std::ofstream(dir / "nginx.conf")
        << "daemon off; master_process off;\n"
           "error_log error.log crit; pid nginx.pid;\n"
           "events { worker_connections 32; }\n"
           "http {\n"
           "access_log off; lingering_close off;\n"
           "keepalive_timeout 1d; keepalive_requests 1000000000;\n"
           "large_client_header_buffers 2 2k;\n"
           "zego_zone zone=rooms:4m horizon=30d;\n"
           "zego_keep stream title; zego_keep room mode;\n"
           "server {\n"
           "listen unix:"
        << (dir / "socket").string()
        << ";\n"
           "location = /callback { zego_callback zone=rooms; }\n"
           "location /zego/ { zego_status zone=rooms; }\n"
           "location /bare { zego_status zone=rooms; }\n"
           "location / { zego_status zone=rooms; }\n"
           "} }\n";

    // nginx takes stderr, and signals; libFuzzer takes only what nobody has
    const int standard_error = dup(STDERR_FILENO);
    std::array<struct sigaction, NSIG> actions;
    for (int n = 1; n < NSIG; n++) {
        sigaction(n, nullptr, &actions[static_cast<std::size_t>(n)]);
    }

    std::thread([name] {
        // its own for as long as the process lives
        static const std::string prefix = name + "/";
        const std::array<const char *, 8> argv = {
            "nginx",      "-p", prefix.c_str(), "-c",
            "nginx.conf", "-e", "start.log",    nullptr};
        nginx_main(argv.size() - 1, const_cast<char *const *>(argv.data()));
        expect_empty("start.log");
        expect(false, "nginx has ended");
    }).detach();

    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!client.connect()) {
        expect(std::chrono::steady_clock::now() < end, "nginx does not listen");
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }

    // it answers, so it has set all of its own
    fill();
    dup2(standard_error, STDERR_FILENO);
    close(standard_error);
    for (int n = 1; n < NSIG; n++) {
        if (n != SIGPIPE) {
            sigaction(n, &actions[static_cast<std::size_t>(n)], nullptr);
        }
    }
    std::atexit([] { fs::remove_all(dir); });
}

} // namespace

// nginx's own, once
extern "C" const char *__lsan_default_suppressions()
{
    return "leak:ngx_init_setproctitle\n";
}

extern "C" int LLVMFuzzerInitialize(int *, char ***)
{
    start();
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data,
                                      std::size_t size)
{
    std::string_view in(reinterpret_cast<const char *>(data), size);
    std::string method = "GET";
    for (const char *other : {"GET ", "HEAD ", "POST "}) {
        if (in.starts_with(other)) {
            method.assign(other, std::strlen(other) - 1);
            in.remove_prefix(method.size() + 1);
            break;
        }
    }

    // what cannot be in a request line is encoded
    std::string target = in.starts_with('/') ? "" : "/";
    for (const char c : in) {
        std::array<char, 4> hex;
        if (static_cast<unsigned char>(c) <= ' ' || c == '\x7f') {
            std::snprintf(hex.data(), hex.size(), "%%%02x",
                          static_cast<unsigned char>(c));
            target += hex.data();
        } else {
            target += c;
        }
    }
    run(method, target);
    return 0;
}


/* What was listed at each revision, and what a reader of changes makes of
   it. */

#include "unit.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#include <yajl/yajl_tree.h>

namespace {

constexpr std::size_t ranges_max = 64;

struct Room {
    std::string object;
    std::map<std::string, std::string> streams;
    std::map<std::string, std::string> users;

    bool operator==(const Room &) const = default;
};

using RoomName = std::pair<std::string, std::string>;
using List = std::map<RoomName, Room>;
using Members = std::map<std::string, std::string>;

struct Revision {
    zego_event_e type;
    List list;
};

[[noreturn]] void fail(const char *what, const std::string &of)
{
    std::fprintf(stderr, "%s: %s\n", what, of.c_str());
    std::abort();
}

yajl_val get(yajl_val from, const char *name)
{
    const char *path[] = {name, nullptr};
    yajl_val value = yajl_tree_get(from, path, yajl_t_any);
    if (value == nullptr) {
        fail("no member", name);
    }
    return value;
}

yajl_val parse(const std::string &json)
{
    char error[256];
    yajl_val root = yajl_tree_parse(json.c_str(), error, sizeof(error));
    if (root == nullptr) {
        fail(error, json);
    }
    return root;
}

/* the same however it is written; of an array the first */
std::string text(yajl_val value, std::size_t most = SIZE_MAX)
{
    if (YAJL_IS_STRING(value)) {
        return std::string("'") + YAJL_GET_STRING(value) + "'";
    }
    if (YAJL_IS_NUMBER(value)) {
        return YAJL_GET_NUMBER(value);
    }
    if (YAJL_IS_ARRAY(value)) {
        std::string all = "[";
        for (std::size_t i = 0; i < std::min(value->u.array.len, most); i++) {
            all += text(value->u.array.values[i]) + ",";
        }
        return all + "]";
    }
    if (YAJL_IS_OBJECT(value)) {
        Members members;
        for (std::size_t i = 0; i < value->u.object.len; i++) {
            members[value->u.object.keys[i]] =
                text(value->u.object.values[i], most);
        }
        std::string all = "{";
        for (auto &[name, member] : members) {
            all += name + ":" + member + ",";
        }
        return all + "}";
    }
    return YAJL_IS_NULL(value) ? "null" : YAJL_IS_TRUE(value) ? "true"
                                                              : "false";
}

std::string member(yajl_val from, const char *name)
{
    return text(get(from, name));
}

template <class Each> void each(yajl_val array, Each each)
{
    if (!YAJL_IS_ARRAY(array)) {
        fail("no array", text(array));
    }
    for (std::size_t i = 0; i < array->u.array.len; i++) {
        each(array->u.array.values[i]);
    }
}

RoomName room_name(yajl_val from)
{
    return {member(from, "AppId"), member(from, "RoomID")};
}

/* the object of a change that puts the room */
std::string room_object(yajl_val room)
{
    std::string info = member(room, "RoomInfo");
    info.pop_back();
    return info + "Complete:" + member(room, "Complete") +
           ",Missing:" + text(get(room, "Missing"), ranges_max) + ",}";
}

/* the same with its members in that order */
std::string room_members(yajl_val object)
{
    std::string info = "{";
    Members members;
    for (std::size_t i = 0; i < object->u.object.len; i++) {
        const std::string name = object->u.object.keys[i];
        if (name != "Complete" && name != "Missing") {
            members[name] = text(object->u.object.values[i]);
        }
    }
    for (auto &[name, value] : members) {
        info += name + ":" + value + ",";
    }
    return info + "Complete:" + member(object, "Complete") +
           ",Missing:" + member(object, "Missing") + ",}";
}

List list_of(const zego_rooms_t *rooms)
{
    yajl_val root = parse(std::string("{") + unit_json(rooms));
    List list;
    each(get(root, "RoomList"), [&](yajl_val room) {
        yajl_val info = get(room, "RoomInfo");
        Room &listed = list[room_name(info)];
        listed.object = room_object(room);
        each(get(room, "StreamList"), [&](yajl_val stream) {
            listed.streams[member(stream, "StreamId")] = text(stream);
        });
        each(get(room, "UserList"), [&](yajl_val user) {
            listed.users[member(user, "UserId")] = text(user);
        });
    });
    yajl_tree_free(root);
    return list;
}

std::string print(const List &list)
{
    std::string all;
    for (auto &[name, room] : list) {
        all += "\n" + name.first + "/" + name.second + " " + room.object;
        for (auto &[id, stream] : room.streams) {
            all += "\n  " + stream;
        }
        for (auto &[id, user] : room.users) {
            all += "\n  " + user;
        }
    }
    return all;
}

struct Change {
    std::string json;
    bool put;
    bool has_version;
    std::uint64_t version;
};

std::string_view cut(std::string_view &from, std::string_view end)
{
    const std::size_t at = from.find(end);
    if (at == std::string_view::npos) {
        fail("not ended", std::string(from));
    }
    const std::string_view first = from.substr(0, at);
    from.remove_prefix(at + end.size());
    return first;
}

/* as events must be written here: no line but these */
std::vector<Change> split_events(std::string_view piece)
{
    const std::string_view version = "id: 0000000000000001-";
    std::vector<Change> changes;

    if (piece.find('\r') != std::string_view::npos) {
        fail("a line ends", std::string(piece));
    }
    while (!piece.empty()) {
        const std::string event(cut(piece, "\n\n"));
        std::string_view lines(event);
        Change change = {};
        const std::string_view type = cut(lines, "\n");
        change.put = type == "event: put";
        if (!change.put && type != "event: delete") {
            fail("event", event);
        }
        if (lines.starts_with(version)) {
            lines.remove_prefix(version.size());
            change.has_version = true;
            change.version = std::stoull(std::string(cut(lines, "\n")));
        }
        if (!lines.starts_with("data: {") ||
            lines.find('\n') != std::string_view::npos) {
            fail("data", event);
        }
        change.json = lines.substr(sizeof("data: ") - 1);
        changes.push_back(change);
    }
    return changes;
}

} // namespace

struct unit_lists_s {
    std::vector<Revision> revisions;
};

struct unit_recorder_s {
    const unit_lists_t *lists;
    zego_query_t query;
    List list;
    bool exact;
    std::uint64_t from;
    std::uint64_t revision; /* that was read last */
};

namespace {

bool wanted(const unit_recorder_t *recorder, const RoomName &name)
{
    const zego_query_t &query = recorder->query;
    return (query.has_appid == 0 ||
            name.first == std::to_string(query.appid)) &&
           (query.id.len == 0 ||
            name.second ==
                "'" + std::string(query.id.data, query.id.len) + "'");
}

bool is_exact(const unit_recorder_t *recorder)
{
    return recorder->exact && recorder->revision >= recorder->from;
}

void compare(const unit_recorder_t *recorder)
{
    const List &all = recorder->lists->revisions.at(recorder->revision).list;
    std::size_t n = 0;
    bool equal = true;
    for (auto &[name, room] : all) {
        if (wanted(recorder, name)) {
            const auto recorded = recorder->list.find(name);
            equal = equal && recorded != recorder->list.end() &&
                    recorded->second == room;
            n++;
        }
    }
    if (!equal || n != recorder->list.size()) {
        fail("recorded at revision",
             std::to_string(recorder->revision) + print(recorder->list) +
                 "\n\nlisted:" + print(all));
    }
}

void apply_room(List &list, const RoomName &name, yajl_val object, bool put)
{
    if (!put) {
        list.erase(name);
        return;
    }
    list[name].object = room_members(object);
}

void apply_entry(List &list, const RoomName &name, yajl_val key,
                 yajl_val object, bool put, bool stream)
{
    const char *id_name = stream ? "StreamId" : "UserId";
    const std::string id = member(key, id_name);

    if (put && id != member(object, id_name)) {
        fail("Key", text(key) + " " + text(object));
    }
    const auto room = list.find(name);
    if (room == list.end()) {
        fail("before its room", text(key));
    }
    auto &entries = stream ? room->second.streams : room->second.users;
    if (put) {
        entries[id] = text(object);
    } else {
        entries.erase(id);
    }
}

/* true if that changed anything */
bool apply(unit_recorder_t *recorder, yajl_val change)
{
    const std::string kind = member(change, "Kind");
    const std::string type = member(change, "Type");
    const bool put = type == "'put'";
    yajl_val key = get(change, "Key");
    yajl_val object = get(change, "Object");
    const RoomName name = room_name(key);

    if ((!put && type != "'delete'") || YAJL_IS_OBJECT(object) != put) {
        fail("Type", text(change));
    }
    if (change->u.object.len != 6 ||
        key->u.object.len != (kind == "'room'" ? 2U : 3U)) {
        fail("members", text(change));
    }
    if (!wanted(recorder, name)) {
        fail("of another room", text(change));
    }

    const auto room = recorder->list.find(name);
    const bool known = room != recorder->list.end();
    const Room before = known ? room->second : Room{};

    if (kind == "'room'") {
        if (put && room_name(object) != name) {
            fail("Key", text(change));
        }
        apply_room(recorder->list, name, object, put);
    } else if (kind == "'stream'" || kind == "'user'") {
        apply_entry(recorder->list, name, key, object, put,
                    kind == "'stream'");
    } else {
        fail("Kind", text(change));
    }

    const auto after = recorder->list.find(name);
    return known != (after != recorder->list.end()) ||
           (known && before != after->second);
}

/* a change of a revision; last: of all that are of it */
void record(unit_recorder_t *recorder, yajl_val change, std::uint64_t revision,
            bool last)
{
    const Revision &of = recorder->lists->revisions.at(revision);
    const zego_str_t event = zego_event_name(of.type);
    if (member(change, "Event") !=
        "'" + std::string(event.data, event.len) + "'") {
        fail("Event", text(change));
    }

    const bool changed = apply(recorder, change);
    const bool with_entry = !last && member(change, "Kind") == "'room'";
    if (is_exact(recorder) && !changed && !with_entry) {
        fail("changes nothing", text(change));
    }
    if (!last) {
        return;
    }
    if (revision <= recorder->revision ||
        (recorder->query.id.len == 0 && recorder->query.has_appid == 0 &&
         revision != recorder->revision + 1)) {
        fail("Revision", text(change));
    }
    recorder->revision = revision;
    if (is_exact(recorder)) {
        compare(recorder);
    }
}

std::uint64_t revision_of(yajl_val change)
{
    return std::stoull(member(change, "Revision"));
}

} // namespace

unit_lists_t *unit_lists_create(void)
{
    return new unit_lists_t{{Revision{}}};
}

void unit_lists_destroy(unit_lists_t *lists)
{
    delete lists;
}

void unit_lists_keep(unit_lists_t *lists, const unit_zone_t *zone,
                     zego_event_e type)
{
    auto &revisions = lists->revisions;
    if (zone->version.revision == revisions.size() - 1) {
        return;
    }
    if (zone->version.revision != revisions.size()) {
        fail("revision", std::to_string(zone->version.revision));
    }
    revisions.push_back({type, list_of(zone->rooms)});
}

int unit_lists_changed(const unit_lists_t *lists, std::uint64_t revision,
                       const zego_room_name_t *name)
{
    List before = lists->revisions.at(revision - 1).list;
    List after = lists->revisions.at(revision).list;
    const RoomName room(std::to_string(name->appid),
                        "'" + std::string(name->id, name->len) + "'");
    const bool differ = before != after;
    before.erase(room);
    after.erase(room);
    return differ && before == after;
}

unit_recorder_t *unit_recorder_create(const unit_lists_t *lists,
                                      const zego_query_t *query)
{
    return new unit_recorder_t{lists, *query, {}, true, 0, 0};
}

void unit_recorder_destroy(unit_recorder_t *recorder)
{
    delete recorder;
}

void unit_recorder_begin(unit_recorder_t *recorder)
{
    recorder->list.clear();
    recorder->exact = false;
}

void unit_recorder_exact(unit_recorder_t *recorder, std::uint64_t from)
{
    recorder->exact = true;
    recorder->from = from;
}

void unit_recorder_snapshot(unit_recorder_t *recorder, zego_str_t piece)
{
    for (const Change &event : split_events({piece.data, piece.len})) {
        yajl_val change = parse(event.json);
        if (!event.put || event.has_version ||
            member(change, "Event") != "null" ||
            revision_of(change) >= recorder->lists->revisions.size() ||
            !apply(recorder, change)) {
            fail("snapshot", event.json);
        }
        yajl_tree_free(change);
    }
}

unsigned unit_recorder_events(unit_recorder_t *recorder, zego_str_t piece,
                              int resume)
{
    const auto events = split_events({piece.data, piece.len});
    std::vector<yajl_val> changes;
    for (const Change &event : events) {
        changes.push_back(parse(event.json));
        if ((member(changes.back(), "Type") == "'put'") != event.put) {
            fail("Type", event.json);
        }
    }
    for (std::size_t i = 0; i < events.size(); i++) {
        const std::uint64_t revision = revision_of(changes[i]);
        const bool last = i + 1 == events.size() ||
                          revision_of(changes[i + 1]) != revision;
        if (events[i].has_version != (resume != 0 && last) ||
            (events[i].has_version && events[i].version != revision)) {
            fail("id", events[i].json);
        }
        record(recorder, changes[i], revision, last);
    }
    std::for_each(changes.begin(), changes.end(), yajl_tree_free);
    return static_cast<unsigned>(events.size());
}

unsigned unit_recorder_elements(unit_recorder_t *recorder, zego_str_t piece,
                                unsigned before)
{
    std::string json(piece.data, piece.len);
    if (before > 0 && !json.empty()) {
        if (json[0] != ',') {
            fail("elements", json);
        }
        json.erase(0, 1);
    }
    yajl_val root = parse("[" + json + "]");
    const std::size_t n = root->u.array.len;
    for (std::size_t i = 0; i < n; i++) {
        yajl_val change = root->u.array.values[i];
        const std::uint64_t revision = revision_of(change);
        record(recorder, change, revision,
               i + 1 == n ||
                   revision_of(root->u.array.values[i + 1]) != revision);
    }
    yajl_tree_free(root);
    return static_cast<unsigned>(n);
}

void unit_recorder_at(unit_recorder_t *recorder, std::uint64_t revision)
{
    recorder->revision = revision;
    if (is_exact(recorder)) {
        compare(recorder);
    }
}

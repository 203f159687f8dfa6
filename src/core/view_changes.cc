// What is listed, and what changed of it, as changes: the one begins a stream
// of events, and the other goes on with it.

#include "view.h"

#include <cstring>

namespace zego {

namespace {

Item *add_change(zego_view_s *view, Kind kind, std::uint32_t appid,
                 std::string_view id)
{
    Item *item = add_item(view, ItemKind::change);
    item->change = {};
    item->change.put = true;
    item->change.kind = kind;
    item->room = {};
    item->room.appid = appid;
    item->room.id = id;
    return item;
}

Item *add_put(zego_view_s *view, Kind kind, const Register &reg)
{
    const Room *room = reg.session->room;
    Item *item =
        add_change(view, kind, room->appid, keep_bytes(view, room_id(room)));
    item->change.revision = reg.revision;
    return item;
}

std::string_view keep_holes(zego_view_s *view, const Window &window)
{
    std::array<Range, change_holes_max> holes;
    const std::size_t n = first_holes(window, holes);
    return keep_bytes(view, {reinterpret_cast<const char *>(holes.data()),
                             n * sizeof(Range)});
}

// Goes over the bytes of a block.
struct Bytes {
    const char *next;
};

std::string_view take(Bytes &bytes, std::size_t len)
{
    const std::string_view taken{bytes.next, len};
    bytes.next += len;
    return taken;
}

template <class Head> Head take_head(Bytes &bytes)
{
    Head head;
    std::memcpy(&head, take(bytes, sizeof(head)).data(), sizeof(head));
    return head;
}

void copy_change(zego_view_s *view, Bytes &bytes, const ChangesHead &of,
                 std::string_view id, bool last)
{
    const auto head = take_head<ChangeHead>(bytes);
    Item *item = add_change(view, head.kind, of.appid, id);
    item->change.put = head.put;
    item->change.event = of.event;
    item->change.revision = of.revision;
    item->change.resume = last && view->resume;

    Strings &strings = item->entry.strings;
    for (std::size_t i = 0; i < text_strings; i++) {
        strings[i] = keep_bytes(view, take(bytes, head.len[i]));
    }
    item->entry.seq = head.number;
    item->entry.time = head.time;
    item->entry.session_id = head.session_id;
    item->entry.role = head.role;

    RoomItem &room = item->room;
    room.session_id = head.session_id;
    room.created = head.time;
    room.creator = strings[text_id];
    room.kept = strings[text_kept];
    room.streams = head.number;
    room.users = head.users;
    room.complete = head.complete;
    room.stream_holes =
        keep_bytes(view, take(bytes, head.stream_holes * sizeof(Range)));
    room.user_holes =
        keep_bytes(view, take(bytes, head.user_holes * sizeof(Range)));
}

bool wanted(const zego_view_s *view, const ChangesHead &head,
            std::string_view id)
{
    return (view->query.has_appid == 0 || view->query.appid == head.appid) &&
           (view->id.len == 0 || string_of(view->id) == id);
}

// Is the one room that is asked for listed as it was at the version, whatever
// the ring has?
bool is_unchanged(const zego_view_s *view, const zego_rooms_s *rooms)
{
    if (view->id.len == 0) {
        return false;
    }
    zego_view_e why = ZEGO_VIEW_NOT_FOUND;
    const Session *session = find_listed(view, rooms, &why);
    return session != nullptr &&
           listed_since(view, rooms, session) <= view->version.revision;
}

// A piece holds whole revisions: is there space for this one?
bool block_fits(const zego_view_s *view, const ChangesHead &head)
{
    return view->nitems + head.changes <= items_max &&
           view->text_len + head.size <= view->text.size();
}

static_assert(block_changes_max <= items_max);
static_assert(block_size_max <= item_text_max + piece_text);

} // namespace

void put_room(zego_view_s *view, const zego_rooms_s *rooms,
              const Session *session)
{
    Item *item = add_change(view, Kind::session, 0, {});
    copy_room(view, item->room, session);
    item->change.revision = session->room->revision;
    item->room.complete = session_complete(rooms, session);
    item->room.stream_holes = keep_holes(view, session->stream_seq);
    item->room.user_holes = keep_holes(view, session->user_update_seq);
}

void put_stream(zego_view_s *view, const Stream *stream)
{
    Item *item = add_put(view, Kind::stream, stream->reg);
    copy_stream(view, item->entry, stream);
}

void put_user(zego_view_s *view, const User *user)
{
    Item *item = add_put(view, Kind::user, user->reg);
    copy_user(view, item->entry, user);
}

zego_view_e read_changes(zego_view_s *view, const zego_rooms_s *rooms)
{
    zego_version_t &after = view->version;
    if (after.epoch != rooms->version.epoch ||
        after.revision > rooms->version.revision) {
        return ZEGO_VIEW_GONE;
    }
    if (after.revision < ring_floor(rooms)) {
        if (!is_unchanged(view, rooms)) {
            return ZEGO_VIEW_GONE;
        }
        after.revision = ring_floor(rooms);
    }
    for (; after.revision < rooms->version.revision; after.revision++) {
        Bytes bytes{ring_block(rooms, after.revision + 1)};
        const auto head = take_head<ChangesHead>(bytes);
        const std::string_view id = take(bytes, head.room_len);
        if (view->visits++ == visits_max) {
            return ZEGO_VIEW_MORE;
        }
        if (!wanted(view, head, id)) {
            continue;
        }
        if (!block_fits(view, head) ||
            (view->nchanges > 0 &&
             view->nchanges + head.changes > view->query.limit)) {
            return ZEGO_VIEW_MORE;
        }
        const std::string_view kept = keep_bytes(view, id);
        for (unsigned n = 1; n <= head.changes; n++) {
            copy_change(view, bytes, head, kept, n == head.changes);
        }
        view->nchanges += head.changes;
    }
    return ZEGO_VIEW_DONE;
}

} // namespace zego

using namespace zego;

void zego_view_follow(zego_view_t *view, const zego_query_t *query,
                      zego_version_t after, int resume) noexcept
{
    view->query = *query;
    if (query->has_appid == 0) {
        view->query.appid = 0;
    }
    view->version = after;
    view->resume = resume != 0;
    view->nchanges = 0;
    view->json_first = true;
    view->json_failed = false; // there may be memory again
    set_key(view->id, view_of(query->id));
}

unsigned zego_view_items(const zego_view_t *view) noexcept
{
    return view->nchanges;
}

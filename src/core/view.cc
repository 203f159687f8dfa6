// The lists, a piece at a time: under the lock a bounded piece is copied out,
// and where the next one begins is kept as a key, never as a pointer.

#include "view.h"

#include <charconv>
#include <new>

namespace zego {

bool piece_full(const zego_view_s *view)
{
    return view->nitems >= view->items_full || view->visits >= visits_max ||
           sizeof(view->text) - view->text_len < item_text_max;
}

std::string_view keep_bytes(zego_view_s *view, std::string_view string)
{
    char *p = view->text.data() + view->text_len;
    string.copy(p, string.size());
    view->text_len += string.size();
    return {p, string.size()};
}

static Strings keep_text(zego_view_s *view, const Text &text, const char *head)
{
    char *p = view->text.data() + view->text_len;
    view->text_len += text_size(text);
    return text_read(text, head, p);
}

Item *add_item(zego_view_s *view, ItemKind kind)
{
    Item *item = &view->items[view->nitems++];
    item->kind = kind;
    return item;
}

void copy_room(zego_view_s *view, RoomItem &item, const Session *session)
{
    const Strings strings = keep_text(view, session->created_text, nullptr);
    item.appid = session->room->appid;
    item.id = keep_bytes(view, room_id(session->room));
    item.session_id = session->id;
    item.created = session->created;
    item.closed = session->closed;
    item.closed_as = session->closed_as;
    item.creator = strings[text_id];
    item.kept = strings[text_kept];
    item.streams = session->streams_live;
    item.users = session->users_live;
    item.admins = session->admins_live;
}

void copy_stream(zego_view_s *view, EntryItem &item, const Stream *stream)
{
    item.strings = keep_text(view, stream->reg.text, head_of(stream));
    item.seq = stream->reg.seq;
    item.time = stream->reg.time;
}

void copy_user(zego_view_s *view, EntryItem &item, const User *user)
{
    item.strings = keep_text(view, user->reg.text, head_of(user));
    item.seq = user->reg.seq;
    item.time = user->login_time;
    item.session_id = user->session_id;
    item.role = user->role;
}

const Session *find_listed(const zego_view_s *view, const zego_rooms_s *rooms,
                           zego_view_e *why)
{
    const std::string_view id = string_of(view->id);
    *why = ZEGO_VIEW_NOT_FOUND;

    const TreeNode *node = tree_lower_bound(
        rooms->rooms_by_name, NameKey{id, view->query.appid}, name_key);
    if (node == tree_end(rooms->rooms_by_name)) {
        return nullptr;
    }
    const Room *room = room_named(node);
    if (room_id(room) != id ||
        (view->query.has_appid != 0 && room->appid != view->query.appid)) {
        return nullptr;
    }
    const TreeNode *next = tree_next(node);
    if (view->query.has_appid == 0 && next != tree_end(rooms->rooms_by_name) &&
        room_id(room_named(next)) == id) {
        *why = ZEGO_VIEW_AMBIGUOUS;
        return nullptr;
    }
    return listed_session(room);
}

std::uint64_t listed_since(const zego_view_s *view, const zego_rooms_s *rooms,
                           const Session *session)
{
    const Room *room = session->room;
    return std::max({room->revision, rooms->missed,
                     view->query.has_appid == 0 ? room->parted : 0});
}

// The session that the room's answer began with, if it is listed still.
const Session *room_session(const zego_view_s *view, const zego_rooms_s *rooms)
{
    const TreeNode *node = tree_find(
        rooms->rooms, RoomKey{view->room_appid, string_of(view->room_id)},
        room_key);
    if (node == nullptr) {
        return nullptr;
    }
    const Session *session = listed_session(room_at(node));
    return session != nullptr && session->id == view->session_id ? session
                                                                 : nullptr;
}

static bool as_changes(const zego_view_s *view)
{
    return view->query.changes != 0 || view->query.events != 0;
}

static void begin_room(zego_view_s *view, const zego_rooms_s *rooms,
                       const Session *session)
{
    view->room_appid = session->room->appid;
    set_key(view->room_id, room_id(session->room));
    view->session_id = session->id;
    view->entry_id.len = 0;
    view->hole = 0;
    view->phase = Phase::streams;
    if (as_changes(view)) {
        put_room(view, rooms, session);
    } else {
        copy_room(view, add_item(view, ItemKind::room)->room, session);
    }
}

// Streams after entry_id; the empty id is none.
void read_streams(zego_view_s *view, const Session *session)
{
    TreeNode *node = tree_lower_bound(session->streams,
                                      string_of(view->entry_id), stream_key);
    while (node != tree_end(session->streams)) {
        if (piece_full(view)) {
            return;
        }
        const Stream *stream = stream_at(node);
        node = tree_next(node);
        view->visits++;
        if (id_of(stream) == string_of(view->entry_id)) {
            continue;
        }
        set_key(view->entry_id, id_of(stream));
        if (stream->reg.closed) {
            continue;
        }
        if (as_changes(view)) {
            put_stream(view, stream);
        } else {
            copy_stream(view, add_item(view, ItemKind::stream)->entry, stream);
        }
    }
    view->entry_id.len = 0;
    view->phase = Phase::users_begin;
}

// The first session of the next user by rank; the empty id is before all.
TreeNode *next_user(const Session *session, std::string_view id)
{
    return tree_lower_bound(session->users_by_rank,
                            UserRank{id, UINT64_MAX, true, UINT64_MAX},
                            user_rank);
}

} // namespace zego

using namespace zego;

namespace {

// Users after entry_id, of each its newest session.
void read_users(zego_view_s *view, const Session *session)
{
    TreeNode *node = next_user(session, string_of(view->entry_id));
    while (node != tree_end(session->users_by_rank)) {
        if (piece_full(view)) {
            return;
        }
        set_key(view->entry_id, id_of(user_ranked(node)));
        const User *user = newest_of_user(session, string_of(view->entry_id));
        view->visits++;
        if (!user->reg.closed && as_changes(view)) {
            put_user(view, user);
        } else if (!user->reg.closed) {
            copy_user(view, add_item(view, ItemKind::user)->entry, user);
        }
        node = tree_next(&user->by_rank);
    }
    view->phase = Phase::holes_begin;
}

// None where it was written that the room is complete: of one moment, though
// a number may be missing by now.
void read_holes(zego_view_s *view, const Window &window, Phase next)
{
    Range range = {};
    while (!view->complete && window_hole(window, view->hole, &range)) {
        if (piece_full(view)) {
            return;
        }
        add_item(view, ItemKind::hole)->range = range;
        view->hole = range.last + 1;
    }
    view->hole = 0;
    view->phase = next;
}

// The rest of a room whose session is gone: the list ends early, and is not
// complete.
void abandon_room(zego_view_s *view)
{
    if (as_changes(view)) {
        view->phase = Phase::rooms;
        return;
    }
    switch (view->phase) {
    case Phase::streams:
    case Phase::users_begin:
        if (view->query.counts == 0) {
            add_item(view, ItemKind::users);
        }
        [[fallthrough]];
    case Phase::users:
    case Phase::holes_begin:
        add_item(view, ItemKind::complete)->complete = false;
        [[fallthrough]];
    case Phase::stream_holes:
    case Phase::user_holes_begin:
        if (view->query.counts == 0) {
            add_item(view, ItemKind::user_holes);
        }
        break;
    default:
        break;
    }
    view->phase = Phase::room_end;
}

// Goes on with the room, of which session is what room_session() gives; false
// when the piece is full before its end.
bool read_room(zego_view_s *view, const zego_rooms_s *rooms,
               const Session *session)
{
    while (view->phase != Phase::rooms) {
        if (piece_full(view)) {
            return false;
        }
        if (session == nullptr && view->phase != Phase::room_end) {
            abandon_room(view);
        }
        switch (view->phase) {
        case Phase::streams:
            if (view->query.counts != 0) {
                add_item(view, ItemKind::complete)->complete =
                    session_complete(rooms, session);
                view->phase = Phase::room_end;
            } else if (view->chosen.any[object_stream]) {
                read_streams(view, session);
            } else {
                view->phase = Phase::users_begin;
            }
            break;
        case Phase::users_begin:
            if (!as_changes(view)) {
                add_item(view, ItemKind::users);
            }
            view->phase = view->chosen.any[object_user] ? Phase::users
                                                        : Phase::holes_begin;
            break;
        case Phase::users:
            read_users(view, session);
            break;
        case Phase::holes_begin:
            if (as_changes(view)) {
                view->phase = Phase::rooms;
                break;
            }
            view->complete = session_complete(rooms, session);
            add_item(view, ItemKind::complete)->complete = view->complete;
            view->phase = Phase::stream_holes;
            break;
        case Phase::stream_holes:
            read_holes(view, session->stream_seq, Phase::user_holes_begin);
            break;
        case Phase::user_holes_begin:
            add_item(view, ItemKind::user_holes);
            view->phase = Phase::user_holes;
            break;
        case Phase::user_holes:
            read_holes(view, session->user_update_seq, Phase::room_end);
            break;
        case Phase::room_end:
            add_item(view, ItemKind::room_end);
            view->phase = Phase::rooms;
            break;
        case Phase::rooms:
            break;
        }
    }
    return true;
}

void set_room(zego_view_s *view, std::uint32_t appid, std::string_view id)
{
    view->room_appid = appid;
    set_key(view->room_id, id);
    view->after_room = false;
    view->session_id = 0;
    view->after_session = false;
}

// Goes on with the first room at or after that key.
TreeNode *seek_room(zego_view_s *view, const zego_rooms_s *rooms,
                    std::uint32_t appid, std::string_view id)
{
    set_room(view, appid, id);
    return tree_lower_bound(rooms->rooms, RoomKey{appid, id}, room_key);
}

// Of the room at the position what the page lists, or nullptr.
const Session *live_session(zego_view_s *view, const Room *room)
{
    view->after_room = true;
    const Session *session = listed_session(room);
    return session != nullptr && session->users_live >= view->query.min_users
               ? session
               : nullptr;
}

// Of the room at the position the next session that is over, its close seen or
// not, or nullptr.  All are but one, so it is near.
const Session *closed_session(zego_view_s *view, const Room *room)
{
    const std::uint64_t last = view->session_id;
    for (const TreeNode *node =
             tree_lower_bound(room->sessions, last, session_key);
         node != tree_end(room->sessions); node = tree_next(node)) {
        const Session *session = session_at(node);
        const bool given = view->after_session && session->id == last;
        if (!given && (session->closed || session != current_session(room))) {
            view->session_id = session->id;
            view->after_session = true;
            return session;
        }
    }
    return nullptr;
}

// The first room of the page after the position.
TreeNode *room_after(const zego_view_s *view, const zego_rooms_s *rooms)
{
    const RoomKey last{view->room_appid, string_of(view->room_id)};
    TreeNode *node = tree_lower_bound(rooms->rooms, last, room_key);
    return view->after_room && node != tree_end(rooms->rooms) &&
                   room_key(node) == last
               ? tree_next(node)
               : node;
}

// The next session of the page after the position, or nullptr; then either
// the piece is full or there is none.  last is one of the room at the
// position, if this piece has come by it.
const Session *next_room(zego_view_s *view, const zego_rooms_s *rooms,
                         const Session *last, bool *end)
{
    const std::string_view prefix = string_of(view->prefix);
    TreeNode *node = nullptr;
    if (last == nullptr) {
        node = room_after(view, rooms);
    } else {
        node = &last->room->by_id;
        node = view->after_room ? tree_next(node) : node;
    }

    for (; !piece_full(view); view->visits++) {
        if (node == tree_end(rooms->rooms)) {
            *end = true;
            return nullptr;
        }
        const Room *room = room_at(node);
        const std::string_view id = room_id(room);
        const bool past_app =
            view->query.has_appid != 0 && room->appid > view->query.appid;
        if (past_app || (id > prefix && !id.starts_with(prefix) &&
                         room->appid == UINT32_MAX)) {
            *end = true;
            return nullptr;
        }
        if (view->query.has_appid != 0 && room->appid < view->query.appid) {
            node = seek_room(view, rooms, view->query.appid, prefix);
        } else if (id < prefix) {
            node = seek_room(view, rooms, room->appid, prefix);
        } else if (!id.starts_with(prefix)) {
            node = seek_room(view, rooms, room->appid + 1, prefix);
        } else {
            if (room->appid != view->room_appid ||
                id != string_of(view->room_id)) {
                set_room(view, room->appid, id);
            }
            const Session *session = view->query.closed != 0
                                         ? closed_session(view, room)
                                         : live_session(view, room);
            if (session != nullptr) {
                return session;
            }
            node = tree_next(node);
        }
    }
    return nullptr;
}

zego_view_e read_rooms(zego_view_s *view, const zego_rooms_s *rooms)
{
    const Session *session = room_session(view, rooms);
    while (read_room(view, rooms, session)) {
        // Where a page ends is known once the room after it is seen.
        if (view->nrooms == view->query.limit) {
            view->next_appid = view->room_appid;
            view->next_id = view->room_id;
            view->next_session = view->session_id;
            view->nrooms++;
        }
        bool end = false;
        session = next_room(view, rooms, session, &end);
        if (end) {
            view->next_id.len = 0;
            if (view->query.events == 0) {
                add_item(view, ItemKind::page_end);
            }
            return ZEGO_VIEW_DONE;
        }
        if (session == nullptr) {
            return ZEGO_VIEW_MORE;
        }
        if (view->nrooms > view->query.limit) {
            add_item(view, ItemKind::page_end);
            return ZEGO_VIEW_DONE;
        }
        view->nrooms++;
        if (view->query.closed != 0) {
            copy_room(view, add_item(view, ItemKind::closed_room)->room,
                      session);
        } else {
            begin_room(view, rooms, session);
        }
    }
    return ZEGO_VIEW_MORE;
}

// Has the user of the query published it?
bool published(const zego_view_s *view, const Stream *stream)
{
    return text_equal(stream->reg.text, head_of(stream), text_user_id,
                      string_of(view->user));
}

bool app_asked(const zego_view_s *view, const Room *room)
{
    return view->query.has_appid == 0 || room->appid == view->query.appid;
}

// In an index; it was looked at.
void set_position(zego_view_s *view, const IndexKey &key)
{
    set_key(view->entry_id, std::get<0>(key));
    view->room_appid = std::get<1>(key);
    set_key(view->room_id, std::get<2>(key));
    view->session_id = std::get<3>(key);
    view->after_room = true;
}

// Where a stream or a user is, or where the streams of a user are, over all
// rooms.
zego_view_e read_index(zego_view_s *view, const zego_rooms_s *rooms)
{
    const bool streams = view->query.kind == ZEGO_VIEW_STREAM;
    const Tree &tree = streams ? rooms->streams : rooms->users;
    const auto key_of = streams ? stream_index_key : user_index_key;
    const bool any = view->id.len == 0 && view->user.len > 0;
    const IndexKey resume{string_of(view->entry_id), view->room_appid,
                          string_of(view->room_id), view->session_id};

    const TreeNode *last = nullptr;
    TreeNode *node = tree_lower_bound(tree, resume, key_of);
    if (view->after_room && node != tree_end(tree) && key_of(node) == resume) {
        node = tree_next(node);
    }
    for (; node != tree_end(tree); node = tree_next(node)) {
        const Register &reg =
            streams ? stream_indexed(node)->reg : user_indexed(node)->reg;
        const Session *session = reg.session;
        if (!any && (std::get<0>(key_of(node)) != string_of(view->id) ||
                     !app_asked(view, session->room))) {
            break;
        }
        if (piece_full(view)) {
            set_position(view, key_of(last));
            return ZEGO_VIEW_MORE;
        }
        view->visits++;
        last = node;
        if ((view->user.len > 0 && !published(view, stream_indexed(node))) ||
            !app_asked(view, session->room) || !session_listed(session)) {
            continue;
        }
        Item *item = add_item(view, streams ? ItemKind::stream_in_room
                                            : ItemKind::user_in_room);
        copy_room(view, item->room, session);
        if (streams) {
            copy_stream(view, item->entry, stream_indexed(node));
        } else {
            copy_user(view, item->entry, user_indexed(node));
        }
    }
    add_item(view, ItemKind::index_end);
    return ZEGO_VIEW_DONE;
}

// A cursor is an app id, a dash, and a room id in hexadecimal; of what is
// closed also a dash and a session id.
bool decode_cursor(zego_view_s *view, std::string_view cursor)
{
    const char *end = cursor.data() + cursor.size();
    std::uint32_t appid = 0;
    auto [p, error] = std::from_chars(cursor.data(), end, appid);
    if (error != std::errc{} || p == end || *p != '-') {
        return false;
    }
    p++;
    if (view->query.closed != 0) {
        const char *dash = std::find(p, end, '-');
        if (dash == end) {
            return false;
        }
        auto [rest, wrong] = std::from_chars(dash + 1, end, view->session_id);
        if (wrong != std::errc{} || rest != end) {
            return false;
        }
        end = dash;
    }
    const auto digits = static_cast<std::size_t>(end - p);
    if (digits == 0 || digits % 2 != 0 || digits / 2 > ZEGO_ROOM_ID_MAX) {
        return false;
    }
    for (; p != end; p += 2) {
        unsigned char byte = 0;
        if (std::from_chars(p, p + 2, byte, 16).ptr != p + 2) {
            return false;
        }
        view->room_id.bytes[view->room_id.len++] = static_cast<char>(byte);
    }
    view->room_appid = appid;
    view->after_room = view->query.closed == 0;
    view->after_session = true;
    return true;
}

zego_view_e first_read(zego_view_s *view, const zego_rooms_s *rooms)
{
    view->version = rooms->version;
    view->since = rooms->since;

    if (view->action != nullptr) {
        return ZEGO_VIEW_MORE;
    }
    switch (view->query.kind) {
    case ZEGO_VIEW_ROOMS:
        if (view->query.events == 0) {
            add_item(view, ItemKind::page);
        }
        break;
    case ZEGO_VIEW_ROOM: {
        zego_view_e why = ZEGO_VIEW_NOT_FOUND;
        const Session *session = find_listed(view, rooms, &why);
        if (session == nullptr) {
            return why;
        }
        if (view->query.events == 0) {
            view->version.revision = listed_since(view, rooms, session);
        }
        begin_room(view, rooms, session);
        break;
    }
    case ZEGO_VIEW_STREAM:
    case ZEGO_VIEW_USER:
        add_item(view, ItemKind::index);
        break;
    case ZEGO_VIEW_CHANGES:
        break;
    case ZEGO_VIEW_EXPLAIN:
        return begin_explain(view, rooms);
    }
    return ZEGO_VIEW_MORE;
}

} // namespace

zego_view_t *zego_view_create(const zego_memory_t *memory,
                              const zego_query_t *query, int *invalid) noexcept
{
    *invalid = ZEGO_QUERY_OK;
    void *p = allocate(*memory, sizeof(zego_view_s));
    if (p == nullptr) {
        return nullptr;
    }
    auto *view = new (p) zego_view_s;
    view->memory = *memory;
    view->query = *query;

    // What is longer than any id is cut, and still longer than any id.
    set_key(view->id, view_of(query->id));
    if (query->kind == ZEGO_VIEW_STREAM || query->kind == ZEGO_VIEW_USER) {
        set_key(view->entry_id, view_of(query->id));
    }
    if (query->kind == ZEGO_VIEW_STREAM) {
        set_key(view->user, view_of(query->user));
    }
    set_key(view->prefix, view_of(query->prefix));
    set_key(view->explain.stream_id, view_of(query->stream_id));
    set_key(view->explain.user_id, view_of(query->user_id));

    const bool pages =
        query->kind == ZEGO_VIEW_ROOMS && query->action == ZEGO_NO_ACTION;
    if (!view_choose(view)) {
        *invalid = ZEGO_QUERY_FIELDS;
    } else if (pages && query->cursor.len > 0) {
        if (!decode_cursor(view, view_of(query->cursor))) {
            *invalid = ZEGO_QUERY_CURSOR;
        }
    } else if (query->has_appid != 0) {
        view->room_appid = query->appid;
    }
    if (query->has_appid == 0) {
        view->query.appid = 0;
    }
    if (*invalid != ZEGO_QUERY_OK || !action_start(view, *query, invalid) ||
        !view_start_json(view)) {
        release(*memory, view->action);
        release(*memory, view);
        return nullptr;
    }
    return view;
}

void zego_view_destroy(zego_view_t *view) noexcept
{
    view_end_json(view);
    release(view->memory, view->action);
    release(view->memory, view);
}

zego_view_e zego_view_read(zego_view_t *view,
                           const zego_rooms_t *rooms) noexcept
{
    view->nitems = 0;
    view->text_len = 0;
    view->visits = 0;

    if (view->query.kind == ZEGO_VIEW_CHANGES) {
        return read_changes(view, rooms);
    }
    if (!view->begun) {
        view->begun = true;
        const zego_view_e rc = first_read(view, rooms);
        if (rc != ZEGO_VIEW_MORE) {
            return rc;
        }
    } else if (view->version.epoch != rooms->version.epoch) {
        return ZEGO_VIEW_GONE;
    } else {
        view->items_full = more_items_max;
    }

    if (view->action != nullptr) {
        return action_read(view, rooms);
    }
    switch (view->query.kind) {
    case ZEGO_VIEW_ROOMS:
        return read_rooms(view, rooms);
    case ZEGO_VIEW_ROOM:
        return read_room(view, rooms, room_session(view, rooms))
                   ? ZEGO_VIEW_DONE
                   : ZEGO_VIEW_MORE;
    case ZEGO_VIEW_EXPLAIN:
        return read_explain(view, rooms) ? ZEGO_VIEW_DONE : ZEGO_VIEW_MORE;
    case ZEGO_VIEW_STREAM:
    case ZEGO_VIEW_USER:
    case ZEGO_VIEW_CHANGES:
        break;
    }
    return read_index(view, rooms);
}

zego_version_t zego_view_version(const zego_view_t *view) noexcept
{
    return view->version;
}

// The vendor's own queries: what its server API would answer, from the zone.

#include "encoding.h"
#include "view.h"

#include <charconv>
#include <new>

namespace zego {

namespace {

using LoginRank = std::tuple<std::uint64_t, std::string_view>;

LoginRank rank_of(const Login &login)
{
    return {login.time, string_of(login.user)};
}

bool precedes(const zego_view_s *view, const LoginRank &a, const LoginRank &b)
{
    return view->query.descending != 0 ? b < a : a < b;
}

auto page_order(const zego_view_s *view)
{
    return [view](const Login *a, const Login *b) {
        return precedes(view, rank_of(*a), rank_of(*b));
    };
}

// A marker is a login time, a dash, and a user id.
bool decode_marker(Action &action, std::string_view marker)
{
    const char *end = marker.data() + marker.size();
    const auto [p, error] =
        std::from_chars(marker.data(), end, action.marker.time);
    if (error != std::errc{} || p == end || *p != '-') {
        return false;
    }
    const std::string_view user{p + 1, static_cast<std::size_t>(end - p - 1)};
    set_key(action.marker.user, user);
    action.after = true;
    return !user.empty() && user.size() <= ZEGO_USER_ID_MAX;
}

const Session *find_listed(const zego_rooms_s *rooms, std::uint32_t appid,
                           std::string_view id)
{
    const TreeNode *node =
        tree_find(rooms->rooms, RoomKey{appid, id}, room_key);
    return node != nullptr ? listed_session(room_at(node)) : nullptr;
}

const Session *find_listed(const zego_view_s *view, const zego_rooms_s *rooms)
{
    return find_listed(rooms, view->query.appid, string_of(view->id));
}

const User *find_user(const Session *session, std::string_view id)
{
    const User *user = newest_of_user(session, id);
    return user != nullptr && !user->reg.closed ? user : nullptr;
}

// The answer begins; without what was asked for that is all of it.
zego_view_e begin_answer(zego_view_s *view, bool found)
{
    add_item(view, ItemKind::page)->complete = found;
    return found ? ZEGO_VIEW_MORE : ZEGO_VIEW_DONE;
}

zego_view_e end_answer(zego_view_s *view)
{
    add_item(view, ItemKind::page_end);
    return ZEGO_VIEW_DONE;
}

// Ends early when the room's session goes.
zego_view_e read_stream_list(zego_view_s *view, const zego_rooms_s *rooms)
{
    if (view->phase == Phase::rooms) {
        const Session *session = find_listed(view, rooms);
        if (begin_answer(view, session != nullptr) == ZEGO_VIEW_DONE) {
            return ZEGO_VIEW_DONE;
        }
        view->room_id = view->id;
        view->session_id = session->id;
        view->phase = Phase::streams;
    }
    const Session *session = room_session(view, rooms);
    if (session != nullptr) {
        read_streams(view, session);
        if (view->phase == Phase::streams) {
            return ZEGO_VIEW_MORE;
        }
    }
    return end_answer(view);
}

// Keeps the user if it is among the first of those behind the marker.
void select_user(zego_view_s *view, const User *user)
{
    Action &action = *view->action;
    const LoginRank rank{user->login_time, id_of(user)};
    if (action.after && !precedes(view, rank_of(action.marker), rank)) {
        return;
    }

    Login *login = nullptr;
    Login **first = action.order.data();
    Login **last = first + action.nusers;
    if (action.nusers == view->query.limit) {
        action.more = true;
        if (!precedes(view, rank, rank_of(**first))) {
            return;
        }
        std::pop_heap(first, last, page_order(view));
        login = *--last;
    } else {
        login = &action.users[action.nusers++];
    }
    login->time = user->login_time;
    set_key(login->user, id_of(user));
    *last++ = login;
    std::push_heap(first, last, page_order(view));
}

// Looks at all users of the room, as they are not kept by login; false when
// the piece is full.
bool select_users(zego_view_s *view, const Session *session)
{
    Action &action = *view->action;
    if (view->session_id != session->id) {
        view->session_id = session->id;
        view->entry_id.len = 0;
        action.nusers = 0;
        action.more = false;
    }
    TreeNode *node = next_user(session, string_of(view->entry_id));
    while (node != tree_end(session->users_by_rank)) {
        if (piece_full(view)) {
            return false;
        }
        const User *user = user_ranked(node);
        if (!user_newest(user)) {
            user = newest_of_user(session, id_of(user));
        }
        set_key(view->entry_id, id_of(user));
        view->visits++;
        if (!user->reg.closed) {
            select_user(view, user);
        }
        node = tree_next(&user->by_rank);
    }
    return true;
}

// Who is selected, but for those that have left since.
bool list_users(zego_view_s *view, const Session *session)
{
    Action &action = *view->action;
    for (; action.nlisted < action.nusers; action.nlisted++) {
        if (piece_full(view)) {
            return false;
        }
        const std::string_view id =
            string_of(action.order[action.nlisted]->user);
        if (const User *user = find_user(session, id)) {
            copy_user(view, add_item(view, ItemKind::user)->entry, user);
        }
        view->visits++;
    }
    return true;
}

zego_view_e read_user_list(zego_view_s *view, const zego_rooms_s *rooms)
{
    Action &action = *view->action;
    const Session *session = find_listed(view, rooms);
    if (!action.sorted) {
        if (session == nullptr) {
            action.nusers = 0;
            action.more = false;
        } else if (!select_users(view, session)) {
            return ZEGO_VIEW_MORE;
        }
        std::sort_heap(action.order.data(), action.order.data() + action.nusers,
                       page_order(view));
        action.sorted = true;
        begin_answer(view, true);
    }
    if (session != nullptr && !list_users(view, session)) {
        return ZEGO_VIEW_MORE;
    }
    return end_answer(view);
}

zego_view_e read_user_num(zego_view_s *view, const zego_rooms_s *rooms)
{
    const Action &action = *view->action;
    begin_answer(view, true);
    for (std::size_t i = 0; i < action.nids; i++) {
        const std::string_view id = string_of(action.ids[i]);
        const Session *session = find_listed(rooms, view->query.appid, id);
        RoomItem &room = add_item(view, ItemKind::room)->room;
        room.id = id;
        room.users = session != nullptr ? session->users_live : 0;
        room.admins = session != nullptr ? session->admins_live : 0;
    }
    return end_answer(view);
}

zego_view_e read_user_states(zego_view_s *view, const zego_rooms_s *rooms)
{
    const Action &action = *view->action;
    const Session *session = find_listed(view, rooms);
    if (begin_answer(view, session != nullptr) == ZEGO_VIEW_DONE) {
        return ZEGO_VIEW_DONE;
    }
    for (std::size_t i = 0; i < action.nids; i++) {
        const std::string_view id = string_of(action.ids[i]);
        const User *user = find_user(session, id);
        Item *item = add_item(view, ItemKind::user);
        item->complete = user != nullptr;
        item->entry.strings[text_id] = id;
        item->entry.time = user != nullptr ? user->login_time : 0;
        item->entry.role = user != nullptr ? user->role : ZEGO_ROLE_UNKNOWN;
    }
    return end_answer(view);
}

// In several rooms: where it was created last.
zego_view_e read_stream_state(zego_view_s *view, const zego_rooms_s *rooms)
{
    Action &action = *view->action;
    const std::string_view id = string_of(view->id);
    const IndexKey last{id, view->query.appid, string_of(view->room_id),
                        view->session_id};

    for (const TreeNode *node =
             tree_lower_bound(rooms->streams, last, stream_index_key);
         node != tree_end(rooms->streams); node = tree_next(node)) {
        const Register &reg = stream_indexed(node)->reg;
        const Room *room = reg.session->room;
        if (id_of(stream_indexed(node)) != id ||
            room->appid != view->query.appid) {
            break;
        }
        if (piece_full(view)) {
            set_key(view->room_id, room_id(room));
            view->session_id = reg.session->id;
            return ZEGO_VIEW_MORE;
        }
        view->visits++;
        if (session_listed(reg.session)) {
            action.found = true;
            action.created = std::max(action.created, reg.time);
        }
    }
    if (begin_answer(view, action.found) == ZEGO_VIEW_DONE) {
        return ZEGO_VIEW_DONE;
    }
    return end_answer(view);
}

} // namespace

bool action_start(zego_view_s *view, const zego_query_t &query, int *invalid)
{
    if (query.action == ZEGO_NO_ACTION) {
        return true;
    }
    void *p = allocate(view->memory, sizeof(Action));
    if (p == nullptr) {
        return false;
    }
    Action &action = *(view->action = new (p) Action);
    for (; action.nids < query.nids; action.nids++) {
        set_key(action.ids[action.nids], view_of(query.ids[action.nids]));
    }
    if (query.cursor.len > 0 && !decode_marker(action, view_of(query.cursor))) {
        *invalid = 1;
        return false;
    }
    return true;
}

zego_view_e action_read(zego_view_s *view, const zego_rooms_s *rooms)
{
    switch (view->query.action) {
    case ZEGO_DESCRIBE_SIMPLE_STREAM_LIST:
        return read_stream_list(view, rooms);
    case ZEGO_DESCRIBE_USER_LIST:
        return read_user_list(view, rooms);
    case ZEGO_DESCRIBE_USER_NUM:
        return read_user_num(view, rooms);
    case ZEGO_DESCRIBE_USERS:
        return read_user_states(view, rooms);
    case ZEGO_DESCRIBE_RTC_STREAM_STATE:
    case ZEGO_NO_ACTION:
        break;
    }
    return read_stream_state(view, rooms);
}

} // namespace zego

int zego_id_valid(const char *data, size_t len) noexcept
{
    zego::Utf8 utf8;
    return zego::utf8_check(utf8, {data, len}) == len && utf8.left == 0 ? 1 : 0;
}

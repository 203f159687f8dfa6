// Why a room, its streams and its users are listed, or not: its sessions, what
// is known in each, and the callbacks seen last.  Read in pieces as a list is.

#include "view.h"

using namespace zego;

namespace {

// Apps that are tried for the id of a room that is not listed.
constexpr unsigned apps_max = 64;

// Callbacks that are looked at before a room is unknown.
constexpr unsigned traces_max = 1024;

// The only room of that id, listed or not.
const Room *find_known(const zego_view_s *view, const zego_rooms_s *rooms,
                       zego_view_e *why)
{
    const std::string_view id = string_of(view->id);
    const std::uint64_t last =
        view->query.has_appid != 0 ? view->query.appid : UINT32_MAX;
    const Room *found = nullptr;
    unsigned apps = 0;

    for (std::uint64_t appid = view->query.appid; appid <= last;) {
        const TreeNode *node = tree_lower_bound(
            rooms->rooms, RoomKey{static_cast<std::uint32_t>(appid), id},
            room_key);
        if (node == tree_end(rooms->rooms)) {
            break;
        }
        const Room *room = room_at(node);
        if (room->appid > last) {
            break;
        }
        if (room_id(room) == id) {
            if (found != nullptr) {
                *why = ZEGO_VIEW_AMBIGUOUS;
                return nullptr;
            }
            found = room;
        }
        if (++apps == apps_max) {
            *why = ZEGO_VIEW_AMBIGUOUS;
            return nullptr;
        }
        // There may be one behind a room of a smaller id.
        appid = std::uint64_t{room->appid} + (room_id(room) < id ? 0 : 1);
    }
    return found;
}

// A room of which nothing is left but callbacks: the last one.
bool find_traced(zego_view_s *view, const zego_rooms_s *rooms, Traced *last,
                 zego_view_e *why)
{
    const Trace *trace = rooms->trace;
    if (trace == nullptr) {
        return false;
    }
    const std::string_view id = string_of(view->id);
    const std::uint32_t hash = trace_hash(id);
    std::uint64_t place = trace_last(trace, hash);
    bool found = false;

    for (unsigned n = 0; place >= trace->begin && n < traces_max; n++) {
        const Traced traced = trace_at(trace, place);
        if (trace_is_of(trace, place, traced, hash, id) &&
            (view->query.has_appid == 0 || traced.appid == view->query.appid)) {
            if (found && traced.appid != last->appid) {
                *why = ZEGO_VIEW_AMBIGUOUS;
                return false;
            }
            if (!found) {
                *last = traced;
                found = true;
            }
        }
        place = traced.before;
    }
    return found;
}

Why why_forgotten(const Traced &last)
{
    switch (last.verdict) {
    case ZEGO_DEFERRED:
        return Why::deferred;
    case ZEGO_REJECTED:
        return Why::rejected;
    default:
        return Why::forgotten;
    }
}

// Of the current session, or of an older one.
Why why_session(const Session *session)
{
    if (session != current_session(session->room)) {
        return Why::older_session;
    }
    if (session->closed) {
        return Why::closed;
    }
    if (!session_listed(session)) {
        return Why::empty;
    }
    return session->created != ZEGO_TIME_UNKNOWN ? Why::created : Why::live;
}

void copy_session(zego_view_s *view, const zego_rooms_s *rooms,
                  const Session *session)
{
    Item *item = add_item(view, ItemKind::explain_session);
    copy_room(view, item->room, session);
    view->complete = session_complete(rooms, session);
    item->complete = view->complete;
    item->explain.why = why_session(session);
    item->explain.listed = session_listed(session);
    item->explain.current = session == current_session(session->room);
    item->explain.closed = session->closed;
    item->explain.missed = lived_before_rebuild(rooms, session);
    item->explain.first = session->first;
    item->explain.close_time = session->closed_as.time;
    item->explain.code = session->closed_as.reason;
}

// What hides an entry that would be listed but for its session.
Why why_hidden(const Session *session)
{
    if (session_listed(session)) {
        return Why::listed;
    }
    return session == current_session(session->room) ? Why::closed_session
                                                     : Why::older_session;
}

Item *add_entry(zego_view_s *view, ItemKind kind, const Register &reg,
                std::string_view id)
{
    Item *item = add_item(view, kind);
    item->room.session_id = reg.session->id;
    item->entry.strings[text_id] = keep_bytes(view, id);
    item->entry.seq = reg.seq;
    item->explain.closed = reg.closed;
    item->explain.code = reg.code;
    item->explain.why = reg.closed ? Why::closed : why_hidden(reg.session);
    return item;
}

void copy_stream(zego_view_s *view, const Stream *stream)
{
    Item *item =
        add_entry(view, ItemKind::explain_stream, stream->reg, id_of(stream));
    item->entry.time = stream->reg.time;
    item->explain.close_time = stream->close_time;
    item->explain.listed = item->explain.why == Why::listed;
}

void copy_user(zego_view_s *view, const User *user)
{
    Item *item =
        add_entry(view, ItemKind::explain_user, user->reg, id_of(user));
    item->entry.time = user->login_time;
    item->entry.session_id = user->session_id;
    item->explain.close_time = user->reg.time;
    if (!user->reg.closed && !user_newest(user)) {
        item->explain.why = Why::newer_user_session;
        item->explain.newer_user_session_id =
            newest_of_user(user->reg.session, id_of(user))->session_id;
    }
    item->explain.listed = item->explain.why == Why::listed;
}

// The session at hand, if it is there still.
const Session *explained_session(const zego_view_s *view,
                                 const zego_rooms_s *rooms)
{
    const Explain &explain = view->explain;
    if (explain.session == explain.nsessions) {
        return nullptr;
    }
    const TreeNode *node = tree_find(
        rooms->rooms, RoomKey{view->room_appid, string_of(view->room_id)},
        room_key);
    if (node != nullptr) {
        node = tree_find(room_at(node)->sessions,
                         explain.sessions[explain.session], session_key);
    }
    return node != nullptr ? session_at(node) : nullptr;
}

// Is there room for one more in the list?  Else the list ends.
bool may_list(zego_view_s *view)
{
    Explain &explain = view->explain;
    if (explain.entries == view->query.limit) {
        explain.more = true;
        explain.session = explain.nsessions;
        return false;
    }
    explain.entries++;
    return true;
}

void begin_entries(zego_view_s *view, ItemKind kind, ExplainPhase phase)
{
    add_item(view, kind);
    view->explain.phase = phase;
    view->explain.session = 0;
    view->explain.entries = 0;
    view->explain.user_session_id = 0;
    view->entry_id.len = 0;
}

void end_entries(zego_view_s *view)
{
    view->explain.session++;
    view->explain.user_session_id = 0;
    view->entry_id.len = 0;
}

const Window *window_of(const Session *session, Window Session::*window)
{
    return session != nullptr ? &(session->*window) : nullptr;
}

void read_holes(zego_view_s *view, const Window *window, ItemKind end,
                ExplainPhase next)
{
    Explain &explain = view->explain;
    Range range = {};
    while (window != nullptr && !view->complete &&
           window_hole(*window, view->hole, &range)) {
        if (explain.entries == explain_holes_max) {
            explain.more = true;
            break;
        }
        if (piece_full(view)) {
            return;
        }
        add_item(view, ItemKind::hole)->range = range;
        view->hole = range.last + 1;
        explain.entries++;
    }
    view->hole = 0;
    explain.entries = 0;
    add_item(view, end);
    explain.phase = next;
}

void read_session(zego_view_s *view, const zego_rooms_s *rooms,
                  const Session *session)
{
    if (view->explain.session == view->explain.nsessions) {
        begin_entries(view, ItemKind::explain_streams, ExplainPhase::streams);
    } else if (session == nullptr) {
        view->explain.session++;
    } else {
        copy_session(view, rooms, session);
        view->explain.phase = ExplainPhase::stream_holes;
    }
}

// Whether entries of this kind are looked at: all of them, or the one that is
// asked for; none where another kind is.
bool is_wanted(const Key &id, const Key &other)
{
    return id.len > 0 || other.len == 0;
}

void explain_streams(zego_view_s *view, const Session *session)
{
    const Explain &explain = view->explain;
    const std::string_view only = string_of(explain.stream_id);
    TreeNode *node =
        tree_lower_bound(session->streams,
                         std::max(string_of(view->entry_id), only), stream_key);
    for (; node != tree_end(session->streams); node = tree_next(node)) {
        const Stream *stream = stream_at(node);
        if (!only.empty() && id_of(stream) != only) {
            break;
        }
        if (piece_full(view)) {
            return;
        }
        view->visits++;
        if (id_of(stream) == string_of(view->entry_id)) {
            continue;
        }
        if (!may_list(view)) {
            return;
        }
        copy_stream(view, stream);
        set_key(view->entry_id, id_of(stream));
    }
    end_entries(view);
}

void explain_users(zego_view_s *view, const Session *session)
{
    Explain &explain = view->explain;
    const std::string_view only = string_of(explain.user_id);
    const UserKey last{string_of(view->entry_id), explain.user_session_id};
    TreeNode *node = tree_lower_bound(
        session->users, std::max(last, UserKey{only, 0}), user_key);
    if (view->entry_id.len > 0 && node != tree_end(session->users) &&
        user_key(node) == last) {
        node = tree_next(node);
    }
    for (; node != tree_end(session->users); node = tree_next(node)) {
        const User *user = user_at(node);
        if (!only.empty() && id_of(user) != only) {
            break;
        }
        if (piece_full(view) || !may_list(view)) {
            return;
        }
        view->visits++;
        copy_user(view, user);
        set_key(view->entry_id, id_of(user));
        explain.user_session_id = user->session_id;
    }
    end_entries(view);
}

// Does it name what is asked for, or the room itself?
bool is_about(const Explain &explain, const TracedStrings &strings)
{
    const std::string_view stream_id = strings[traced_stream_id];
    const std::string_view user_id = strings[traced_user_id];
    return (explain.stream_id.len == 0 && explain.user_id.len == 0) ||
           (explain.stream_id.len > 0 &&
            stream_id == string_of(explain.stream_id)) ||
           (explain.user_id.len > 0 && user_id == string_of(explain.user_id));
}

// False when the piece is full before the last.
bool read_callbacks(zego_view_s *view, const zego_rooms_s *rooms)
{
    Explain &explain = view->explain;
    const Trace *trace = rooms->trace;
    if (trace == nullptr) {
        return true;
    }
    const std::string_view id = string_of(view->room_id);
    const std::uint32_t hash = trace_hash(id);
    if (explain.place == UINT64_MAX) {
        explain.place = trace_last(trace, hash);
    }
    while (explain.place >= trace->begin) {
        if (piece_full(view)) {
            return false;
        }
        view->visits++;
        const std::uint64_t place = explain.place;
        const Traced traced = trace_at(trace, place);
        explain.place = traced.before;
        if (traced.appid != view->room_appid ||
            !trace_is_of(trace, place, traced, hash, id)) {
            continue;
        }
        char *text = view->text.data() + view->text_len;
        const TracedStrings strings = trace_strings(trace, place, traced, text);
        const bool of_room =
            traced.type == ZEGO_ROOM_CREATE || traced.type == ZEGO_ROOM_CLOSE;
        if (!of_room && !is_about(explain, strings)) {
            continue;
        }
        if (!may_list(view)) {
            return true;
        }
        const std::string_view end = strings.back();
        view->text_len +=
            static_cast<std::size_t>(end.data() + end.size() - text);
        add_item(view, ItemKind::explain_callback)->callback = {traced,
                                                                strings};
    }
    return true;
}

} // namespace

namespace zego {

zego_view_e begin_explain(zego_view_s *view, const zego_rooms_s *rooms)
{
    zego_view_e why = ZEGO_VIEW_NOT_FOUND;
    Traced last = {};
    const Session *listed = find_listed(view, rooms, &why);
    const Room *room = listed != nullptr ? listed->room : nullptr;
    if (room == nullptr && why == ZEGO_VIEW_NOT_FOUND) {
        room = find_known(view, rooms, &why);
    }
    if (room == nullptr && (why != ZEGO_VIEW_NOT_FOUND ||
                            !find_traced(view, rooms, &last, &why))) {
        return why;
    }

    view->room_id = view->id;
    view->room_appid = room != nullptr ? room->appid : last.appid;

    Item *item = add_item(view, ItemKind::explain);
    item->explain.listed = listed != nullptr;
    if (room == nullptr) {
        item->explain.why = why_forgotten(last);
        return ZEGO_VIEW_MORE;
    }
    const Session *current = current_session(room);
    item->explain.why = why_session(current);
    item->explain.code = current->closed_as.reason;

    Explain &explain = view->explain;
    for (const TreeNode *node = tree_last(room->sessions_by_rank);;
         node = tree_prev(node)) {
        if (explain.nsessions == explain.sessions.size()) {
            explain.more = true;
            break;
        }
        explain.sessions[explain.nsessions++] = session_ranked(node)->id;
        if (node == tree_first(room->sessions_by_rank)) {
            break;
        }
    }
    return ZEGO_VIEW_MORE;
}

bool read_explain(zego_view_s *view, const zego_rooms_s *rooms)
{
    Explain &explain = view->explain;

    while (explain.phase != ExplainPhase::end) {
        if (piece_full(view)) {
            return false;
        }
        const Session *session = explained_session(view, rooms);
        const bool end = explain.session == explain.nsessions;

        switch (explain.phase) {
        case ExplainPhase::session:
            read_session(view, rooms, session);
            break;
        case ExplainPhase::stream_holes:
            read_holes(view, window_of(session, &Session::stream_seq),
                       ItemKind::user_holes, ExplainPhase::user_holes);
            break;
        case ExplainPhase::user_holes:
            read_holes(view, window_of(session, &Session::user_update_seq),
                       ItemKind::explain_session_end, ExplainPhase::session);
            if (explain.phase == ExplainPhase::session) {
                explain.session++;
            }
            break;
        case ExplainPhase::streams:
            if (end || !is_wanted(explain.stream_id, explain.user_id)) {
                begin_entries(view, ItemKind::explain_users,
                              ExplainPhase::users);
            } else if (session != nullptr) {
                explain_streams(view, session);
            } else {
                end_entries(view);
            }
            break;
        case ExplainPhase::users:
            if (end || !is_wanted(explain.user_id, explain.stream_id)) {
                begin_entries(view, ItemKind::explain_callbacks,
                              ExplainPhase::callbacks);
            } else if (session != nullptr) {
                explain_users(view, session);
            } else {
                end_entries(view);
            }
            break;
        case ExplainPhase::callbacks:
            if (!read_callbacks(view, rooms)) {
                return false;
            }
            add_item(view, ItemKind::explain_end)->complete = !explain.more;
            explain.phase = ExplainPhase::end;
            break;
        case ExplainPhase::end:
            break;
        }
    }
    return true;
}

} // namespace zego

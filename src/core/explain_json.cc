// Explanations as JSON.

#include "view_json.h"

using namespace zego;

namespace {

// What the vendor's numbers mean; "" where that is not known.

std::string_view stream_close_type(std::uint32_t type)
{
    switch (type) {
    case 0:
        return "stopped by its publisher";
    case 1:
        return "its publisher's heartbeat timed out";
    case 2:
        return "its publisher logged in again";
    case 3:
        return "its publisher was kicked out";
    case 4:
        return "its publisher's connection was lost";
    case 5:
        return "its room was cleared";
    case 100:
        return "deleted through the server API";
    default:
        return "";
    }
}

std::string_view room_close_reason(std::uint32_t reason)
{
    switch (reason) {
    case 0:
        return "normal";
    case 1:
        return "its last user's heartbeat timed out";
    case 2:
        return "its last user's connection was lost";
    case 3:
        return "its last user was kicked out";
    default:
        return "";
    }
}

std::string_view logout_reason(std::uint32_t reason)
{
    switch (reason) {
    case 0:
        return "normal";
    case 1:
        return "heartbeat timed out";
    case 2:
        return "connection lost";
    case 3:
        return "logged in again, or kicked out";
    case 4:
        return "token expired";
    default:
        return "";
    }
}

void because(zego_view_s *view, std::string_view name, std::uint32_t code,
             std::string_view means)
{
    put(view, " (");
    put(view, name);
    put(view, " ");
    number(view, code);
    if (!means.empty()) {
        put(view, ": ");
        put(view, means);
    }
    put(view, ")");
}

// The greatest callback of an entry closed it.
void closed_by(zego_view_s *view, const Item &item, std::string_view event)
{
    put(view, "Not listed: of its callbacks the greatest is a ");
    put(view, event);
    if (item.entry.seq != 0) {
        put(view, " with number ");
        number(view, item.entry.seq);
    }
}

void why_closed(zego_view_s *view, const Item &item)
{
    const std::uint32_t code = item.explain.code;
    switch (item.kind) {
    case ItemKind::explain_stream:
        closed_by(view, item, "stream_close");
        because(view, "type", code, stream_close_type(code));
        break;
    case ItemKind::explain_user:
        closed_by(view, item, "room_logout");
        because(view, "reason", code, logout_reason(code));
        break;
    default:
        put(view, "Not listed: the current session of the room was closed");
        because(view, "close_reason", code, room_close_reason(code));
        break;
    }
}

void why(zego_view_s *view, const Item &item)
{
    put(view, ",\"Why\":\"");
    switch (item.explain.why) {
    case Why::created:
        put(view, "Listed: room_create was seen, and no room_close");
        break;
    case Why::live:
        put(view, "Listed: a stream or user of it is live, though room_create "
                  "was not seen");
        break;
    case Why::deferred:
        put(view, "Not listed: the last callback could not be stored, and "
                  "nothing else is known of it");
        break;
    case Why::rejected:
        put(view, "Not listed: the last callback was rejected, and nothing "
                  "else is known of it");
        break;
    case Why::forgotten:
        put(view, "Not listed: it ended, or nothing was live in it, and what "
                  "was known of it was freed");
        break;
    case Why::listed:
        put(view, item.kind == ItemKind::explain_stream
                      ? "Listed: of its callbacks the greatest is a "
                        "stream_create"
                      : "Listed: the newest of its user sessions, and logged "
                        "in");
        break;
    case Why::empty:
        put(view, "Not listed: room_create was not seen, and no stream or user "
                  "of it is live");
        break;
    case Why::closed:
        why_closed(view, item);
        break;
    case Why::older_session:
        put(view, "Not listed: a newer session of the room followed ");
        put(view, item.kind == ItemKind::explain_session ? "it" : "its own");
        break;
    case Why::closed_session:
        put(view, "Not listed: its session of the room was closed");
        break;
    case Why::newer_user_session:
        put(view, "Not listed: user session ");
        number(view, item.explain.newer_user_session_id);
        put(view, " of the same user is newer");
        break;
    }
    if (item.kind == ItemKind::explain_session && item.explain.missed) {
        put(view, "; incomplete, as callbacks before the zone was rebuilt or "
                  "read from its store may have been missed");
    }
    put(view, "\"");
}

void boolean(zego_view_s *view, std::string_view name, bool yes)
{
    put(view, name);
    put(view, yes ? "true" : "false");
}

void number_or_null(zego_view_s *view, std::string_view name, std::uint64_t n,
                    bool known)
{
    put(view, name);
    if (known) {
        number(view, n);
    } else {
        put(view, "null");
    }
}

void time_or_null(zego_view_s *view, std::string_view name, std::uint64_t time)
{
    number_or_null(view, name, time, time != ZEGO_TIME_UNKNOWN && time != 0);
}

void id_or_null(zego_view_s *view, std::string_view name, std::uint64_t id,
                bool known)
{
    put(view, name);
    if (known) {
        id_number(view, id);
    } else {
        put(view, "null");
    }
}

void explain(zego_view_s *view, const Item &item)
{
    put(view, "{");
    version(view);
    put(view, ",\"AppId\":");
    number(view, view->room_appid);
    put(view, ",\"RoomID\":");
    string(view, string_of(view->room_id));
    boolean(view, ",\"Listed\":", item.explain.listed);
    why(view, item);
    begin_list(view, ",\"SessionList\":[");
}

void session(zego_view_s *view, const Item &item)
{
    const ExplainItem &explain = item.explain;
    next(view);
    put(view, "{\"RoomSessionId\":");
    id_number(view, item.room.session_id);
    boolean(view, ",\"Current\":", explain.current);
    boolean(view, ",\"Listed\":", explain.listed);
    time_or_null(view, ",\"First\":", explain.first);
    time_or_null(view, ",\"RoomCreateTime\":", item.room.created);
    put(view, ",\"Creator\":");
    string_or_null(view, item.room.creator);
    boolean(view, ",\"Closed\":", explain.closed);
    number_or_null(view, ",\"RoomCloseTime\":", explain.close_time,
                   explain.closed);
    number_or_null(view, ",\"CloseReason\":", explain.code, explain.closed);
    put(view, ",\"StreamCount\":");
    number(view, item.room.streams);
    put(view, ",\"UserCount\":");
    number(view, item.room.users);
    why(view, item);
    boolean(view, ",\"Complete\":", item.complete);
    begin_list(view, ",\"Missing\":{\"StreamSeq\":[");
}

void stream(zego_view_s *view, const Item &item)
{
    next(view);
    put(view, "{\"StreamId\":");
    string(view, item.entry.strings[text_id]);
    put(view, ",\"RoomSessionId\":");
    id_number(view, item.room.session_id);
    boolean(view, ",\"Listed\":", item.explain.listed);
    boolean(view, ",\"Closed\":", item.explain.closed);
    put(view, ",\"StreamSeq\":");
    number(view, item.entry.seq);
    time_or_null(view, ",\"StreamCreateTime\":", item.entry.time);
    time_or_null(view, ",\"StreamCloseTime\":",
                 item.explain.closed ? item.explain.close_time : 0);
    why(view, item);
    put(view, "}");
}

void user(zego_view_s *view, const Item &item)
{
    next(view);
    put(view, "{\"UserId\":");
    string(view, item.entry.strings[text_id]);
    put(view, ",\"UserSessionId\":");
    id_number(view, item.entry.session_id);
    put(view, ",\"RoomSessionId\":");
    id_number(view, item.room.session_id);
    boolean(view, ",\"Listed\":", item.explain.listed);
    boolean(view, ",\"LoggedIn\":", !item.explain.closed);
    number_or_null(view, ",\"UserUpdateSeq\":", item.entry.seq,
                   item.entry.seq != 0);
    time_or_null(view, ",\"UserLoginTime\":", item.entry.time);
    time_or_null(view, ",\"UserLogoutTime\":",
                 item.explain.closed ? item.explain.close_time : 0);
    why(view, item);
    put(view, "}");
}

// From what it tells of until it arrived; by two clocks, so it may be negative.
void lag(zego_view_s *view, const Traced &traced)
{
    put(view, ",\"LagMs\":");
    if (traced.time == 0) {
        put(view, "null");
        return;
    }
    if (traced.arrived < traced.time) {
        put(view, "-");
    }
    number(view, traced.arrived < traced.time ? traced.time - traced.arrived
                                              : traced.arrived - traced.time);
}

void callback(zego_view_s *view, const CallbackItem &item)
{
    const Traced &traced = item.traced;
    const auto type = static_cast<zego_event_e>(traced.type);
    const bool understood = traced.verdict != ZEGO_REJECTED;
    const bool of_stream =
        type == ZEGO_STREAM_CREATE || type == ZEGO_STREAM_CLOSE;
    const bool of_user = type == ZEGO_ROOM_LOGIN || type == ZEGO_ROOM_LOGOUT;
    const auto verdict = static_cast<zego_verdict_e>(traced.verdict);
    const auto reason = static_cast<zego_reason_e>(traced.reason);

    next(view);
    put(view, "{\"Arrived\":");
    number(view, traced.arrived);
    put(view, ",\"Event\":");
    string(view, view_of(zego_event_name(type)));
    put(view, ",\"Verdict\":");
    string(view, view_of(zego_verdict_name(verdict)));
    put(view, ",\"Reason\":");
    string_or_null(view, view_of(zego_reason_name(reason)));
    put(view, ",\"Field\":");
    string_or_null(view, item.strings[traced_field]);
    id_or_null(view, ",\"RoomSessionId\":", traced.session_id, understood);
    put(view, ",\"StreamId\":");
    string_or_null(view, item.strings[traced_stream_id]);
    put(view, ",\"UserId\":");
    string_or_null(view, item.strings[traced_user_id]);
    id_or_null(view, ",\"UserSessionId\":", traced.user_session_id,
               understood && of_user);
    number_or_null(view, ",\"StreamSeq\":", traced.seq,
                   understood && of_stream);
    number_or_null(view, ",\"UserUpdateSeq\":", traced.seq,
                   of_user && traced.seq != 0);
    time_or_null(view, ",\"Time\":", traced.time);
    lag(view, traced);
    boolean(view, ",\"Late\":", traced.late);
    put(view, "}");
}

} // namespace

namespace zego {

void write_explain(zego_view_s *view, const Item &item)
{
    switch (item.kind) {
    case ItemKind::explain:
        explain(view, item);
        break;
    case ItemKind::explain_session:
        session(view, item);
        break;
    case ItemKind::explain_session_end:
        put(view, "]}}");
        view->json_first = false; // the session was an element itself
        break;
    case ItemKind::explain_streams:
        begin_list(view, "],\"StreamList\":[");
        break;
    case ItemKind::explain_stream:
        stream(view, item);
        break;
    case ItemKind::explain_users:
        begin_list(view, "],\"UserList\":[");
        break;
    case ItemKind::explain_user:
        user(view, item);
        break;
    case ItemKind::explain_callbacks:
        begin_list(view, "],\"CallbackList\":[");
        break;
    case ItemKind::explain_callback:
        callback(view, item.callback);
        break;
    case ItemKind::explain_end:
        boolean(view, "],\"More\":", !item.complete);
        put(view, "}");
        break;
    default:
        break;
    }
}

} // namespace zego

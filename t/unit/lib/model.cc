
/*
 * The list as the design's first section says it, computed from scratch out
 * of the set of all callbacks, by nothing but maxima.
 */

#include "unit.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace {

using Event = zego_event_t;
using Events = std::vector<const Event *>;
using Lines = std::multiset<std::string>;

std::string str(zego_str_t s)
{
    return {s.data != nullptr ? s.data : "", s.len};
}

std::string num(std::uint64_t n)
{
    return " " + std::to_string(n);
}

bool is(const Event *e, zego_event_e type)
{
    return e->type == type;
}

bool is_stream(const Event *e)
{
    return is(e, ZEGO_STREAM_CREATE) || is(e, ZEGO_STREAM_CLOSE);
}

bool is_user(const Event *e)
{
    return is(e, ZEGO_ROOM_LOGIN) || is(e, ZEGO_ROOM_LOGOUT);
}

/* what a forgotten fact leaves behind: its number, and that its session was */
bool is_stream_or_trace(const Event *e)
{
    return is_stream(e) || (is(e, ZEGO_EVENT_OTHER) && e->stream_id.len > 0);
}

bool is_user_or_trace(const Event *e)
{
    return is_user(e) || (is(e, ZEGO_EVENT_OTHER) && e->stream_id.len == 0);
}

/* closed, or logged out */
bool is_over(const Event *e)
{
    return is(e, ZEGO_STREAM_CLOSE) || is(e, ZEGO_ROOM_LOGOUT);
}

template <class Test> Events where(const Events &events, Test test)
{
    Events some;
    std::ranges::copy_if(events, std::back_inserter(some), test);
    return some;
}

template <class Key>
auto group(const Events &events, Key key_of)
{
    std::map<decltype(key_of(events[0])), Events> groups;
    for (const Event *e : events) {
        groups[key_of(e)].push_back(e);
    }
    return groups;
}

std::string big_endian(std::uint64_t n)
{
    std::string bytes;
    for (int shift = 56; shift >= 0; shift -= 8) {
        bytes += static_cast<char>(n >> shift);
    }
    return bytes;
}

/* the fields that are not compared, the larger bytes win: why, the time of
   the close, the role, and each string behind its length */
std::string encoding(const Event *e)
{
    std::string bytes = big_endian(e->code) + big_endian(e->close_time) +
                        big_endian(std::uint64_t{1} + e->user_role);
    const zego_str_t id = is_stream(e) ? e->stream_id : e->user_id;
    for (const zego_str_t s : {id, e->user_name, e->kept, e->user_id,
                               e->stream_sid, e->extra_info}) {
        bytes += big_endian(s.len) + str(s);
    }
    return bytes;
}

auto rank(const Event *e)
{
    return std::tuple(e->seq, e->time, is_over(e), encoding(e));
}

const Event *greatest(const Events &events)
{
    return *std::ranges::max_element(
        events, [](auto a, auto b) { return rank(a) < rank(b); });
}

const Event *created(const Events &session)
{
    const Events all =
        where(session, [](auto e) { return is(e, ZEGO_ROOM_CREATE); });
    return all.empty() ? nullptr : greatest(all);
}

const Event *closed(const Events &session)
{
    const Events all =
        where(session, [](auto e) { return is(e, ZEGO_ROOM_CLOSE); });
    return all.empty() ? nullptr : greatest(all);
}

std::uint64_t first(const Events &session)
{
    return std::ranges::min(session, {}, &Event::first)->first;
}

/* where nothing witnesses it, it is the oldest */
std::uint64_t start(const Events &session)
{
    const Event *e = created(session);
    const std::uint64_t time = e != nullptr ? e->time : first(session);
    return time != ZEGO_TIME_UNKNOWN ? time : 0;
}

std::uint64_t login_time(const Events &user_session)
{
    return std::ranges::max(user_session, {}, &Event::login_time)->login_time;
}

auto stream_id(const Event *e)
{
    return str(e->stream_id);
}

auto user_id(const Event *e)
{
    return str(e->user_id);
}

std::string window(const Events &events)
{
    std::set<std::uint64_t> seen;
    for (const Event *e : events) {
        if (e->seq != 0) {
            seen.insert(e->seq);
        }
    }
    std::string ranges;
    std::uint64_t next = 1;
    for (const std::uint64_t n : seen) {
        if (n > next) {
            ranges += num(next) + "-" + std::to_string(n - 1);
        }
        next = n + 1;
    }
    return ranges;
}

struct Live {
    std::vector<const Event *> streams;
    std::vector<std::pair<const Event *, std::uint64_t>> users;
};

Live live(const Events &session)
{
    Live live;

    for (auto &[id, events] : group(where(session, is_stream), stream_id)) {
        const Event *e = greatest(events);
        if (!is_over(e)) {
            live.streams.push_back(e);
        }
    }

    for (auto &[id, events] : group(where(session, is_user), user_id)) {
        using Rank = std::tuple<std::uint64_t, bool, std::uint64_t>;
        std::optional<std::pair<Rank, const Event *>> newest;
        for (auto &[n, one] : group(
                 events, [](auto e) { return e->user_session_id; })) {
            const Event *e = greatest(one);
            newest = std::max(
                newest,
                std::optional(std::pair(
                    Rank(login_time(one), !is_over(e), n), e)),
                [](auto &a, auto &b) {
                    return !a || (b && a->first < b->first);
                });
        }
        if (!is_over(newest->second)) {
            live.users.emplace_back(newest->second,
                                    std::get<0>(newest->first));
        }
    }

    return live;
}

auto room_of(const Event *e)
{
    return std::tuple(e->appid, str(e->room_id));
}

std::uint64_t session_of(const Event *e)
{
    return e->room_session_id;
}

const Events *current(const std::map<std::uint64_t, Events> &sessions)
{
    using Rank = std::tuple<std::uint64_t, bool, std::uint64_t>;
    std::optional<Rank> greatest;
    const Events *current = nullptr;
    for (auto &[id, events] : sessions) {
        const Rank rank(start(events), closed(events) == nullptr, id);
        if (!greatest || *greatest < rank) {
            greatest = rank;
            current = &events;
        }
    }
    return current;
}

/* calls back with the session and its live entries of each listed room */
template <class Each> void listed(const Events &events, Each each)
{
    for (auto &[room, of_room] : group(events, room_of)) {
        const auto sessions = group(of_room, session_of);
        const Events &session = *current(sessions);
        const Live entries = live(session);
        if (closed(session) == nullptr &&
            (created(session) != nullptr || !entries.streams.empty() ||
             !entries.users.empty())) {
            each(session, entries);
        }
    }
}

std::string room_name(const Event *e)
{
    return std::to_string(e->appid) + "/" + str(e->room_id);
}

/* what was not sent is null */

std::string sent(zego_str_t s)
{
    return s.len == 0 ? " null" : " " + str(s);
}

std::string sent(std::uint64_t n, std::uint64_t unknown)
{
    return n == unknown ? " null" : num(n);
}

std::string stream_line(const Event *e)
{
    return " stream " + str(e->stream_id) + num(e->seq) + num(e->time) +
           sent(e->stream_sid) + sent(e->user_id) + sent(e->user_name) +
           sent(e->extra_info);
}

std::string user_line(const Event *e, std::uint64_t login)
{
    return " user " + str(e->user_id) + num(e->user_session_id) +
           sent(e->seq, 0) + num(login) + sent(e->user_name) +
           sent(e->user_role, ZEGO_ROLE_UNKNOWN);
}

void missing(Lines &lines, const std::string &name, const std::string &ranges)
{
    if (!ranges.empty()) {
        lines.insert(name + ranges);
    }
}

/* text: with what is missing, as unit_text() has it; else with what is kept */
Lines list(const Events &events, bool text)
{
    const auto kept = [=](const Event *e) {
        return text ? "" : sent(e->kept);
    };
    Lines lines;
    listed(events, [&](const Events &session, const Live &entries) {
        const std::string name = room_name(session[0]);
        const Event *e = created(session);
        lines.insert(name + " room" + num(session_of(session[0])) +
                     (e != nullptr ? num(e->time) + sent(e->user_id)
                                   : " null null") +
                     num(entries.streams.size()) +
                     num(entries.users.size()) +
                     (e != nullptr ? kept(e) : ""));
        for (const Event *stream : entries.streams) {
            lines.insert(name + stream_line(stream) + kept(stream));
        }
        for (auto &[user, login] : entries.users) {
            lines.insert(name + user_line(user, login) + kept(user));
        }
        if (text) {
            missing(lines, name + " ~ StreamSeq",
                    window(where(session, is_stream_or_trace)));
            missing(lines, name + " ~ UserUpdateSeq",
                    window(where(session, is_user_or_trace)));
        }
    });
    return lines;
}

Lines facts(const Events &events)
{
    Lines lines;
    for (auto &[room, of_room] : group(events, room_of)) {
        for (auto &[id, session] : group(of_room, session_of)) {
            const std::string name = room_name(session[0]) + num(id);
            const Event *begun = created(session);
            const Event *ended = closed(session);
            lines.insert(name + num(first(session)));
            if (begun != nullptr) {
                lines.insert(name + " created" + num(begun->time) + " " +
                             str(begun->user_id) + sent(begun->kept));
            }
            if (ended != nullptr) {
                lines.insert(name + " closed" + num(ended->time) +
                             num(ended->code));
            }
            for (auto &[stream, of_stream] :
                 group(where(session, is_stream), stream_id)) {
                const Event *e = greatest(of_stream);
                lines.insert(name + stream_line(e) + num(is_over(e)) +
                             num(e->close_time) + num(e->code) +
                             sent(e->kept));
            }
            for (auto &[user, of_user] :
                 group(where(session, is_user), [](auto e) {
                     return std::tuple(user_id(e), e->user_session_id);
                 })) {
                const Event *e = greatest(of_user);
                lines.insert(name + user_line(e, login_time(of_user)) +
                             num(e->time) + num(is_over(e)) + num(e->code) +
                             sent(e->kept));
            }
        }
    }
    return lines;
}

Events all(const Event *events, std::size_t n)
{
    Events pointers;
    for (std::size_t i = 0; i < n; i++) {
        pointers.push_back(&events[i]);
    }
    return pointers;
}

char *text(const Lines &lines)
{
    std::string text;
    for (const std::string &line : lines) {
        text += line + "\n";
    }
    return strdup(text.c_str());
}

/* the register that e belongs to, or the facts of its kind */
bool same_key(const Event *a, const Event *b)
{
    if (room_of(a) != room_of(b) || session_of(a) != session_of(b)) {
        return false;
    }
    if (is_stream(a)) {
        return is_stream(b) && stream_id(a) == stream_id(b);
    }
    if (is_user(a)) {
        return is_user(b) && user_id(a) == user_id(b) &&
               a->user_session_id == b->user_session_id;
    }
    return a->type == b->type;
}

} // namespace

char *model_text(const zego_event_t *events, size_t n)
{
    return text(list(all(events, n), true));
}

char *model_facts(const zego_event_t *events, size_t n)
{
    return text(facts(all(events, n)));
}

uint64_t model_shown(const zego_event_t *events, size_t n)
{
    uint64_t shown = 0;
    const auto show = [&](const Event *e) {
        shown |= e != nullptr ? std::uint64_t{1} << (e - events) : 0;
    };
    listed(all(events, n), [&](const Events &session, const Live &entries) {
        show(created(session));
        std::ranges::for_each(entries.streams, show);
        for (auto &[user, login] : entries.users) {
            show(user);
        }
    });
    return shown;
}

zego_verdict_e model_verdict(const zego_event_t *events, size_t n,
                             const zego_event_t *event)
{
    const Events before = all(events, n);
    Events after = before;
    after.push_back(event);

    if (list(before, false) != list(after, false)) {
        return ZEGO_APPLIED;
    }
    if (facts(before) != facts(after)) {
        return ZEGO_RECORDED;
    }
    return rank(greatest(where(before, [=](auto e) {
               return same_key(e, event);
           }))) == rank(event)
               ? ZEGO_DUPLICATE
               : ZEGO_STALE;
}

// Sequences of events, in two zones, against the model.  An input is lines of
// characters: the first is what windows are like and how to shuffle, each
// other one operation.  What an event may say is from tables so small that
// all coincides with all.

#include "fuzz.h"

#include "unit.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <vector>

using fuzz::expect;
using fuzz::Reader;

namespace {

// a set of the events of an input
using Set = std::uint64_t;
constexpr std::size_t events_max = 64;
constexpr std::size_t operations_max = 64;

// of what is freed at once, more than enough for any input
constexpr unsigned rounds_max = 10 * events_max;

std::vector<zego_event_t> events;

const std::string long_id(ZEGO_STREAM_ID_MAX, 'z');
const std::string long_extra(ZEGO_EXTRA_INFO_MAX, 'x');
const std::string long_kept = "\"k\":\"" + std::string(2500, 'k') + "\"";

const std::array<std::string, 4> ids = {"a", "b", "ab", long_id};
const std::array<std::string, 2> rooms = {"r", "ra"};
const std::array<std::string, 4> names = {"", "ann", "bob", long_id};
const std::array<std::string, 4> kepts = {"", "\"k\":1", "\"k\":2", long_kept};
const std::array<std::string, 3> extras = {"", "e", long_extra};
const std::array<std::uint64_t, 4> sessions = {0, 1, 2, UINT64_MAX};
const std::array<std::uint64_t, 8> times = {0, 1, 2,    3,
                                            4, 5, 1000, ZEGO_TIME_UNKNOWN - 1};
// to and over what a window has at first
const std::array<std::uint64_t, 8> numbers = {0, 1, 2, 3, 4, 63, 65, 130};
// so far apart that a window loses what is between
const std::array<std::uint64_t, 8> far_numbers = {
    0, 1, 2, 16384, 16385, 40000, UINT64_MAX - 1, UINT64_MAX};

zego_str_t str(const std::string &s)
{
    return {s.data(), s.size()};
}

template <class Table> auto &pick(Reader &in, const Table &table)
{
    return table[in.pick(table.size())];
}

// as the parser would fill it
zego_event_t event(Reader &in, zego_event_e type, bool far)
{
    zego_event_t e = {};
    e.type = type;
    e.has_appid = 1;
    e.appid = 1 + in.pick(2);
    e.room_id = str(pick(in, rooms));
    e.room_session_id = pick(in, sessions);
    e.time = pick(in, times);
    const std::uint64_t other_time = pick(in, times);
    const bool witnessed = in.pick(4) != 3;
    const std::uint64_t seq = pick(in, far ? far_numbers : numbers);
    const zego_str_t id = str(pick(in, ids));
    const std::uint64_t user_session = pick(in, sessions);
    const zego_str_t name = str(pick(in, names));
    const zego_str_t kept = str(pick(in, kepts));
    const zego_str_t extra = str(pick(in, extras));
    const std::uint32_t code = in.pick(3);
    e.user_role = ZEGO_ROLE_UNKNOWN;
    e.first = e.time;

    switch (type) {
    case ZEGO_STREAM_CLOSE:
    case ZEGO_STREAM_CREATE:
        e.seq = seq;
        e.stream_id = id;
        e.stream_sid = str(ids[in.pick(2)]);
        e.user_id = str(ids[in.pick(2)]);
        e.user_name = name;
        e.kept = kept;
        if (!witnessed) {
            e.first = ZEGO_TIME_UNKNOWN;
        }
        if (type == ZEGO_STREAM_CREATE) {
            e.extra_info = extra;
        } else {
            e.code = code;
            e.close_time = witnessed ? other_time : 0;
            e.first = witnessed ? std::min(e.first, other_time) : e.first;
        }
        break;
    case ZEGO_ROOM_LOGIN:
    case ZEGO_ROOM_LOGOUT:
        e.seq = seq;
        e.user_id = id;
        e.user_session_id = user_session;
        e.user_name = name;
        e.kept = kept;
        e.user_role = static_cast<std::int32_t>(in.pick(3)) - 1;
        e.login_time = e.time;
        if (type == ZEGO_ROOM_LOGOUT) {
            e.code = code;
            e.login_time = other_time;
            e.first = witnessed ? std::min(e.time, other_time) : other_time;
        }
        break;
    case ZEGO_ROOM_CREATE:
        e.user_id = id;
        e.kept = kept;
        break;
    default:
        e.code = code;
    }
    return e;
}

bool same_session(const zego_event_t &a, const zego_event_t &b)
{
    // rooms of one id share its bytes
    return a.appid == b.appid && a.room_id.data == b.room_id.data &&
           a.room_session_id == b.room_session_id;
}

bool is_stream(const zego_event_t &e)
{
    return e.type == ZEGO_STREAM_CREATE || e.type == ZEGO_STREAM_CLOSE;
}

bool is_user(const zego_event_t &e)
{
    return e.type == ZEGO_ROOM_LOGIN || e.type == ZEGO_ROOM_LOGOUT;
}

bool same_register(const zego_event_t &a, const zego_event_t &b)
{
    return same_session(a, b) && is_stream(a) == is_stream(b) &&
           is_user(a) == is_user(b) && a.stream_id.data == b.stream_id.data &&
           (is_stream(a) || a.user_id.data == b.user_id.data) &&
           a.user_session_id == b.user_session_id;
}

// What a zone must list.
struct Model {
    Set known = 0;
    Set traces = 0; // of what was forgotten in sessions that live
    std::vector<zego_event_t> all;

    void learn(Set known_too, Set traces_too)
    {
        known |= known_too;
        traces |= traces_too;
        all.clear();
        for (std::size_t i = 0; i < events.size(); i++) {
            if ((known >> i & 1) != 0) {
                all.push_back(events[i]);
            } else if ((traces >> i & 1) != 0) {
                all.push_back(events[i]);
                trace(all.back());
            }
        }
    }

    // All that is not listed is freed, but the session of what is.
    void forget()
    {
        const std::uint64_t mask = model_shown(all.data(), all.size());
        std::vector<zego_event_t> shown;
        for (std::size_t i = 0; i < all.size(); i++) {
            if ((mask >> i & 1) != 0) {
                shown.push_back(all[i]);
            }
        }
        Set kept = 0;
        Set left = 0;
        for (std::size_t i = 0; i < events.size(); i++) {
            const zego_event_t &e = events[i];
            const auto any = [&](auto same) {
                return std::ranges::any_of(
                    shown, [&](const auto &s) { return same(s, e); });
            };
            if (((known | traces) >> i & 1) == 0 || !any(same_session)) {
                continue;
            }
            const bool of_register = is_stream(e) || is_user(e);
            if ((known >> i & 1) != 0 && (!of_register || any(same_register))) {
                kept |= Set{1} << i;
            } else {
                left |= Set{1} << i;
            }
        }
        known = traces = 0;
        learn(kept, left);
    }

    static void trace(zego_event_t &e)
    {
        if (!is_stream(e)) {
            e.stream_id.len = 0;
        }
        e.type = ZEGO_EVENT_OTHER;
    }
};

// How the next delivery finds no memory.
enum class Failure { none, one_call, from_a_call, bytes };

using Text = std::unique_ptr<char, decltype(&std::free)>;

Text text_of(const zego_rooms_t *list, const Model &model, bool lossy,
             Text *wanted)
{
    Text text(unit_text(list), std::free);
    *wanted = Text(model_text(model.all.data(), model.all.size()), std::free);
    if (lossy) {
        unit_cut(text.get());
        unit_cut(wanted->get());
    }
    return text;
}

class Zone {
  public:
    Zone(bool lossy) : lossy(lossy)
    {
        unit_zone_init(&zone);
        zone.env.memory = {alloc, give_back, this};
        json = unit_json(zone.rooms);
    }
    Zone(const Zone &) = delete;
    ~Zone() { unit_heap_done(&zone.heap); }

    void fail(Failure how, std::size_t n)
    {
        failure = how;
        left = n;
    }

    void deliver(std::size_t i)
    {
        const zego_stats_t before = stats();
        const zego_event_t &e = events[i];
        const zego_verdict_e wanted =
            model_verdict(model.all.data(), model.all.size(), &e);

        calls = 0;
        failed = false;
        zone.heap.budget =
            failure == Failure::bytes ? zone.heap.bytes + left : SIZE_MAX;
        const zego_verdict_e verdict = unit_apply(&zone, &e);
        const bool may_defer = failure != Failure::none;
        failure = Failure::none;
        zone.heap.budget = SIZE_MAX;
        lossy |= failed;

        if (verdict == ZEGO_DEFERRED) {
            expect(may_defer, "deferred");
        } else {
            model.learn(Set{1} << i, 0);
        }

        const zego_stats_t after = stats();
        const bool evicted = after.evictions != before.evictions;
        const std::string was = json;
        check("delivered");
        expect(verdict == ZEGO_DEFERRED || verdict == wanted || evicted,
               "verdict", zego_verdict_name(verdict).data);
        expect(after.version.revision ==
                   before.version.revision + (was != json ? 1 : 0),
               "revision", was + "\n" + json);
        if (evicted) {
            // nobody can tell of which
            forget(zone.env.horizon, 1);
        }
    }

    // Nothing is freed before its time.
    void tick(std::uint64_t time)
    {
        if (elapsed + time >= zone.env.horizon) {
            forget(time, 1);
            return;
        }
        elapsed += time;
        zone.env.now += time;
        const std::uint64_t tombstones = stats().tombstones;
        unit_expire(&zone);
        expect(stats().tombstones == tombstones, "freed before its time");
    }

    // All is freed in its time, and nothing that is finished comes back.
    void forget(std::uint64_t time, unsigned steps)
    {
        model.forget();
        for (unsigned n = 0; stats().tombstones > 0; n++) {
            expect(n < rounds_max, "a tombstone that is not freed");
            zone.env.now += time;
            while (zego_rooms_expire(zone.rooms, &zone.env, steps) != 0) {
                check("being freed");
            }
            check("freed");
        }
        elapsed = 0;
    }

    void join(const Zone &from)
    {
        failure = Failure::none;
        expect(unit_copy(&zone, &from.zone) == ZEGO_COPY_DONE, "full");
        lossy |= from.lossy;
        model.learn(from.model.known, from.model.traces);
        check("joined");
    }

    // Into one of so many bytes.
    void copy_to_small(std::size_t bytes) const
    {
        Zone other(true);
        other.zone.heap.budget = other.zone.heap.bytes + bytes;
        const zego_copy_e rc = unit_copy(&other.zone, &zone);
        if (rc == ZEGO_COPY_DONE) {
            other.model.learn(model.known, model.traces);
            other.check("in a small zone");
        } else {
            expect(rc == ZEGO_COPY_FULL, "copy");
            const char *wrong = zego_rooms_check(other.zone.rooms);
            expect(wrong == nullptr, "full", wrong != nullptr ? wrong : "");
        }
    }

    std::size_t bytes() const { return zone.heap.bytes; }

    // It holds the same facts as if they had come in another order, twice;
    // and so does its copy.
    void finish(std::uint64_t seed)
    {
        if ((model.known | model.traces) == 0) {
            close_all();
            return;
        }
        Zone copy(lossy);
        copy.join(*this);
        expect(lossy || zego_rooms_equal(zone.rooms, copy.zone.rooms) != 0,
               "the copy differs");

        if (model.traces == 0) {
            unit_random_t random = {seed};
            std::vector<zego_event_t> twice = model.all;
            twice.insert(twice.end(), model.all.begin(), model.all.end());
            unit_shuffle(&random, twice.data(), twice.size(),
                         sizeof(zego_event_t));
            Zone other(lossy);
            for (const zego_event_t &e : twice) {
                unit_apply(&other.zone, &e);
            }
            other.model.learn(model.known, 0);
            other.check("shuffled");
            expect(lossy || zego_rooms_equal(zone.rooms, other.zone.rooms) != 0,
                   "another order, other facts");
        }
        forget(zone.env.horizon, rounds_max);
        close_all();
    }

  private:
    // Then nothing is left, nor of what found no memory.
    void close_all()
    {
        failure = Failure::none;
        for (const zego_event_t &e : model.all) {
            zego_event_t close = e;
            close.type = ZEGO_ROOM_CLOSE;
            unit_apply(&zone, &close);
        }
        model = {};
        forget(zone.env.horizon, rounds_max);
        expect(zone.heap.blocks == 2, "a leak"); // the rooms and their ring
    }

    zego_stats_t stats() const
    {
        zego_stats_t stats;
        zego_rooms_stats(zone.rooms, &stats);
        return stats;
    }

    void check(const char *when)
    {
        const char *wrong = zego_rooms_check(zone.rooms);
        expect(wrong == nullptr, when, wrong != nullptr ? wrong : "");
        Text wanted(nullptr, std::free);
        const Text text = text_of(zone.rooms, model, lossy, &wanted);
        expect(std::strcmp(text.get(), wanted.get()) == 0, when,
               std::string(text.get()) + "is not\n" + wanted.get());
        json = unit_json(zone.rooms);
    }

    static void *alloc(void *ctx, std::size_t size)
    {
        Zone &z = *static_cast<Zone *>(ctx);
        const zego_memory_t &memory = z.zone.heap.memory;
        const std::size_t call = z.calls++;
        void *p = nullptr;
        if ((z.failure != Failure::one_call || call != z.left) &&
            (z.failure != Failure::from_a_call || call < z.left)) {
            p = memory.alloc(memory.ctx, size);
        }
        z.failed |= p == nullptr;
        return p;
    }

    static void give_back(void *ctx, void *p)
    {
        const zego_memory_t &memory =
            static_cast<Zone *>(ctx)->zone.heap.memory;
        memory.free(memory.ctx, p);
    }

    unit_zone_t zone;
    Model model;
    bool lossy;                // what is missing is not exact
    std::uint64_t elapsed = 0; // since all was forgotten
    std::string json;

    Failure failure = Failure::none;
    std::size_t left = 0; // calls or bytes
    std::size_t calls = 0;
    bool failed = false;
};

// in one of the zones, or in both
template <class Do> void each(Reader &in, std::array<Zone, 2> &zones, Do what)
{
    const unsigned which = in.pick(3);
    for (unsigned i = 0; i < 2; i++) {
        if (which != 1 - i) {
            what(zones[i]);
        }
    }
}

void operate(Reader &in, std::array<Zone, 2> &zones, bool far)
{
    const unsigned operation = in.pick(12);
    switch (operation) {
    default: // an event
        if (events.size() < events_max) {
            events.push_back(
                event(in, static_cast<zego_event_e>(1 + operation), far));
            each(in, zones,
                 [](Zone &zone) { zone.deliver(events.size() - 1); });
        }
        break;
    case 6: { // again
        const unsigned i = in.pick(events_max);
        if (i < events.size()) {
            each(in, zones, [=](Zone &zone) { zone.deliver(i); });
        }
        break;
    }
    case 7: { // the next has no memory
        const auto how = static_cast<Failure>(1 + in.pick(3));
        const unsigned n = in.pick(48);
        each(in, zones, [=](Zone &zone) {
            zone.fail(how, how == Failure::bytes ? 64 * n : n % 12);
        });
        break;
    }
    case 8: {
        const std::uint64_t time = in.pick(8) * UNIT_HORIZON / 8;
        each(in, zones, [=](Zone &zone) { zone.tick(time); });
        break;
    }
    case 9: {
        const std::uint64_t time = (1 + in.pick(8)) * UNIT_HORIZON / 8;
        const unsigned steps = 1 + in.pick(8);
        each(in, zones, [=](Zone &zone) { zone.forget(time, steps); });
        break;
    }
    case 10: {
        const unsigned to = in.pick(2);
        zones[to].join(zones[1 - to]);
        break;
    }
    case 11: {
        const unsigned n = in.pick(48);
        each(in, zones,
             [=](Zone &zone) { zone.copy_to_small(zone.bytes() * n / 40); });
        break;
    }
    }
}

} // namespace

// What Check's assertions call, outside of its own runner.

extern "C" void fuzz_point(const char *, int) {}

extern "C" void fuzz_failed(const char *file, int line, const char *what,
                            const char *, ...)
{
    expect(false, what, file + (":" + std::to_string(line)));
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data,
                                      std::size_t size)
{
    Reader in(data, size);
    const bool far = in.pick(8) == 7;
    const unsigned seed = in.pick(256);

    events.clear();
    events.reserve(events_max);
    std::array<Zone, 2> zones = {Zone(far), Zone(far)};
    for (std::size_t n = 0; in.more() && n < operations_max; n++) {
        operate(in, zones, far);
    }
    for (Zone &zone : zones) {
        zone.finish(seed);
    }
    return 0;
}

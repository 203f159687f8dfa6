#include "trace.h"
#include "rooms.h"

#include <cstring>
#include <functional>

namespace zego {

namespace {

constexpr std::size_t ring_min = 2048;
constexpr std::size_t ring_max = 4 * std::size_t{1024} * 1024;

// A part of the zone, and the bytes for each head.
constexpr std::size_t ring_part = 32;
constexpr std::size_t head_share = 256;

static_assert(sizeof(Traced) == 64);
static_assert(sizeof(Traced) + traced_text_max < ring_min);

std::uint64_t *heads_of(Trace *trace)
{
    return reinterpret_cast<std::uint64_t *>(trace + 1);
}

const std::uint64_t *heads_of(const Trace *trace)
{
    return reinterpret_cast<const std::uint64_t *>(trace + 1);
}

std::uint64_t &head_of_hash(Trace *trace, std::uint32_t hash)
{
    return heads_of(trace)[hash & (trace->heads - 1)];
}

std::size_t size_of(const Traced &traced)
{
    std::size_t size = sizeof(Traced);
    for (const std::uint8_t len : traced.len) {
        size += len;
    }
    return size;
}

// What lies at the end of the ring goes on at its beginning.

void write(Trace *trace, std::uint64_t place, const void *data, std::size_t len)
{
    char *ring = reinterpret_cast<char *>(heads_of(trace) + trace->heads);
    const std::size_t at = place & (trace->size - 1);
    const std::size_t first = std::min<std::size_t>(len, trace->size - at);
    std::memcpy(ring + at, data, first);
    std::memcpy(ring, static_cast<const char *>(data) + first, len - first);
}

void read(const Trace *trace, std::uint64_t place, void *data, std::size_t len)
{
    const char *ring =
        reinterpret_cast<const char *>(heads_of(trace) + trace->heads);
    const std::size_t at = place & (trace->size - 1);
    const std::size_t first = std::min<std::size_t>(len, trace->size - at);
    std::memcpy(data, ring + at, first);
    std::memcpy(static_cast<char *>(data) + first, ring, len - first);
}

// The strings follow each other in text.
void put(Trace *trace, Traced &traced, const char *text)
{
    const std::size_t size = size_of(traced);
    while (trace->end + size - trace->begin > trace->size) {
        trace->begin += size_of(trace_at(trace, trace->begin));
    }
    std::uint64_t &head = head_of_hash(trace, traced.hash);
    traced.before = head;
    write(trace, trace->end, &traced, sizeof(Traced));
    write(trace, trace->end + sizeof(Traced), text, size - sizeof(Traced));
    head = trace->end;
    trace->end += size;
}

} // namespace

std::uint32_t trace_hash(std::string_view room_id)
{
    return static_cast<std::uint32_t>(std::hash<std::string_view>{}(room_id));
}

std::uint64_t trace_last(const Trace *trace, std::uint32_t hash)
{
    return heads_of(trace)[hash & (trace->heads - 1)];
}

Traced trace_at(const Trace *trace, std::uint64_t place)
{
    Traced traced;
    read(trace, place, &traced, sizeof(Traced));
    return traced;
}

TracedStrings trace_strings(const Trace *trace, std::uint64_t place,
                            const Traced &traced, char *text)
{
    TracedStrings strings;
    read(trace, place + sizeof(Traced), text, size_of(traced) - sizeof(Traced));
    for (std::size_t i = 0; i < strings.size(); i++) {
        strings[i] = {text, traced.len[i]};
        text += traced.len[i];
    }
    return strings;
}

bool trace_is_of(const Trace *trace, std::uint64_t place, const Traced &traced,
                 std::uint32_t hash, std::string_view room_id)
{
    if (traced.hash != hash || traced.len[traced_room_id] != room_id.size()) {
        return false;
    }
    std::array<char, UINT8_MAX> id;
    read(trace, place + sizeof(Traced), id.data(), room_id.size());
    return room_id == std::string_view{id.data(), room_id.size()};
}

const char *trace_check(const Trace *trace)
{
    if (trace->end < trace->begin || trace->end - trace->begin > trace->size) {
        return "the trace is torn";
    }
    std::uint64_t traces = 0;
    for (std::uint64_t place = trace->begin; place != trace->end; traces++) {
        place += size_of(trace_at(trace, place));
        if (place > trace->end) {
            return "a trace is torn";
        }
    }
    for (std::uint64_t i = 0; i < trace->heads; i++) {
        std::uint64_t end = trace->end;
        for (std::uint64_t place = heads_of(trace)[i]; place >= trace->begin;
             traces--) {
            const Traced traced = trace_at(trace, place);
            if (place >= end || (traced.hash & (trace->heads - 1)) != i) {
                return "traces are out of order";
            }
            end = place;
            place = traced.before;
        }
    }
    return traces == 0 ? nullptr : "traces are miscounted";
}

} // namespace zego

using namespace zego;

size_t zego_trace_size(size_t zone) noexcept
{
    const std::size_t ring =
        std::clamp(std::bit_floor(zone / ring_part), ring_min, ring_max);
    return sizeof(Trace) + ring / head_share * sizeof(std::uint64_t) + ring;
}

void zego_rooms_trace_init(zego_rooms_t *rooms, void *memory,
                           size_t size) noexcept
{
    auto *trace = static_cast<Trace *>(memory);
    trace->begin = trace->end = 1; // a head of 0 is before it
    trace->size = std::bit_floor(size);
    trace->heads = trace->size / head_share;
    std::fill_n(heads_of(trace), trace->heads, 0);
    rooms->trace = trace;
}

void zego_trace_of(zego_trace_t *trace, const zego_event_t *event,
                   uint64_t arrived) noexcept
{
    *trace = {};
    trace->arrived = arrived;
    trace->type = event->type;
    trace->reason = event->reason;
    trace->appid = event->appid;
    trace->hash = trace_hash(view_of(event->room_id));
    trace->room_id = event->room_id;
    trace->stream_id = event->stream_id;
    trace->user_id = event->user_id;
    trace->field = event->field;

    // Else some of the numbers are not what was sent.
    if (event->reason == ZEGO_OK) {
        trace->room_session_id = event->room_session_id;
        trace->user_session_id = event->user_session_id;
        trace->seq = event->seq;
        trace->time =
            event->type == ZEGO_STREAM_CLOSE ? event->close_time : event->time;
    }
}

void zego_rooms_trace(zego_rooms_t *rooms, const zego_trace_t *trace) noexcept
{
    if (rooms->trace == nullptr || trace->room_id.len == 0) {
        return;
    }
    Traced traced = {};
    traced.arrived = trace->arrived;
    traced.session_id = trace->room_session_id;
    traced.user_session_id = trace->user_session_id;
    traced.seq = trace->seq;
    traced.time = trace->time;
    traced.hash = trace->hash;
    traced.appid = trace->appid;
    traced.type = trace->type;
    traced.verdict = trace->verdict;
    traced.reason = trace->reason;
    traced.late = trace->late != 0;

    std::array<char, traced_text_max> text;
    char *p = text.data();
    const std::array strings = {trace->room_id, trace->stream_id,
                                trace->user_id, trace->field};
    for (std::size_t i = 0; i < strings.size(); i++) {
        p += view_of(strings[i]).copy(p, UINT8_MAX);
        traced.len[i] = static_cast<std::uint8_t>(
            std::min<std::size_t>(strings[i].len, UINT8_MAX));
    }
    put(rooms->trace, traced, text.data());
}

void zego_rooms_copy_trace(zego_rooms_t *rooms,
                           const zego_rooms_t *from) noexcept
{
    const Trace *trace = from->trace;
    if (trace == nullptr || rooms->trace == nullptr) {
        return;
    }
    std::array<char, traced_text_max> text;
    for (std::uint64_t place = trace->begin; place != trace->end;) {
        Traced traced = trace_at(trace, place);
        trace_strings(trace, place, traced, text.data());
        place += size_of(traced);
        put(rooms->trace, traced, text.data());
    }
}

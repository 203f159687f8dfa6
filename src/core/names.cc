#include "zego_rooms.h"

#include <iterator>
#include <string_view>

namespace {

using namespace std::literals;

constexpr std::string_view events[] = {
    "other"sv,      "stream_create"sv, "stream_close"sv, "room_create"sv,
    "room_close"sv, "room_login"sv,    "room_logout"sv};

constexpr std::string_view verdicts[] = {
    "ignored"sv,  "rejected"sv,  "deferred"sv, "applied"sv,
    "recorded"sv, "duplicate"sv, "stale"sv};

constexpr std::string_view reasons[] = {
    ""sv,          "syntax"sv,  "utf8"sv,   "nesting"sv,
    "missing"sv,   "invalid"sv, "method"sv, "app"sv,
    "signature"sv, "age"sv,     "replay"sv, "memory"sv,
    "moved"sv,     "loading"sv, "store"sv,  "busy"sv};

static_assert(std::size(events) == ZEGO_EVENTS);
static_assert(std::size(verdicts) == ZEGO_VERDICTS);
static_assert(std::size(reasons) == ZEGO_REASONS);

constexpr zego_str_t str(std::string_view s)
{
    return {s.data(), s.size()};
}

} // namespace

zego_str_t zego_event_name(zego_event_e type) noexcept
{
    return str(events[type]);
}

zego_str_t zego_verdict_name(zego_verdict_e verdict) noexcept
{
    return str(verdicts[verdict]);
}

zego_str_t zego_reason_name(zego_reason_e reason) noexcept
{
    return str(reasons[reason]);
}

// The page for people: a file that is a raw string literal, so that it is
// compiled in with no step of its own.

#include "zego_rooms.h"

#include <string_view>

namespace {

constexpr std::string_view page =
#include "page/page.html"
    ;

} // namespace

zego_str_t zego_page() noexcept
{
    return {page.data(), page.size()};
}

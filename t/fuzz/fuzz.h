// What the fuzzers share.

#ifndef FUZZ_H
#define FUZZ_H

#include "zego_rooms.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace fuzz {

// Aborts unless it is so: libFuzzer keeps the input that did it.
inline void expect(bool so, std::string_view what, std::string_view seen = "")
{
    if (!so) {
        std::fprintf(stderr, "%.*s: %.*s\n", static_cast<int>(what.size()),
                     what.data(), static_cast<int>(seen.size()), seen.data());
        std::abort();
    }
}

// What the bytes of an input stand for.  They are characters from '0' on, so
// that an input can be read and typed; line feeds mean nothing.
class Reader {
  public:
    Reader(const std::uint8_t *data, std::size_t size)
        : p(data), last(data + size)
    {
    }

    bool more()
    {
        while (p != last && *p == '\n') {
            p++;
        }
        return p != last;
    }

    // below n
    unsigned pick(unsigned n)
    {
        return more() ? static_cast<std::uint8_t>(*p++ - '0') % n : 0;
    }

    std::string_view rest() const
    {
        return {reinterpret_cast<const char *>(p),
                static_cast<std::size_t>(last - p)};
    }

  private:
    const std::uint8_t *p;
    const std::uint8_t *last;
};

} // namespace fuzz

#endif

// Bytes that come in pieces: UTF-8, the escapes of JSON strings, and percent
// encoding.  Each keeps in its struct what a piece left unfinished.

#ifndef ZEGO_CORE_ENCODING_H
#define ZEGO_CORE_ENCODING_H

#include <stddef.h>

#include <string_view>

namespace zego {

struct Utf8 {
    unsigned left = 0; // bytes that the character still needs
    unsigned low = 0;  // what the next of them may be
    unsigned high = 0;
};

// the length of what is good: strict UTF-8 without NUL
size_t utf8_check(Utf8 &u, std::string_view in);

struct Escapes {
    enum { PLAIN, BACKSLASH, HEX } state = PLAIN;
    unsigned digits = 0;
    unsigned value = 0;
    bool high = false;
};

// The length of what is good: no \u0000 and no half of a surrogate pair, of
// which yajl makes '?'.  Needs not know where strings begin and end: JSON
// has no backslash outside of them.
size_t escapes_check(Escapes &e, std::string_view in);

struct Percent {
    unsigned digits = 0; // of an escape, still to come
    unsigned value = 0;
};

// Decodes into out, which has room for in.size() bytes; n is what was
// written.  false: a bad escape after that.
bool percent_decode(Percent &p, std::string_view in, char *out, size_t &n);

} // namespace zego

#endif // ZEGO_CORE_ENCODING_H

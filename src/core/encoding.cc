#include "encoding.h"

#include <stdint.h>
#include <string.h>

namespace zego {

static int hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c = static_cast<char>(c | 0x20);

    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// how many bytes are surely ASCII and not NUL, eight at a time

static size_t ascii(const char *data, size_t len)
{
    size_t i;
    uint64_t w;

    for (i = 0; len - i >= sizeof(w); i += sizeof(w)) {
        memcpy(&w, data + i, sizeof(w));

        // the subtraction sets the high bit of a byte that was 0
        if ((w | (w - 0x0101010101010101)) & 0x8080808080808080) {
            break;
        }
    }

    return i;
}

size_t utf8_check(Utf8 &u, std::string_view in)
{
    for (size_t i = 0; i < in.size(); i++) {
        if (u.left == 0) {
            i += ascii(in.data() + i, in.size() - i);

            if (i == in.size()) {
                break;
            }
        }

        unsigned c = static_cast<unsigned char>(in[i]);

        if (u.left) {
            if (c < u.low || c > u.high) {
                return i;
            }

            u.left--;
            u.low = 0x80;
            u.high = 0xbf;

        } else if (c >= 0x80) {
            if (c < 0xc2 || c > 0xf4) {
                return i;
            }

            // the second byte tells overlong forms, surrogates and what is
            // above U+10FFFF
            u.left = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
            u.low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
            u.high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;

        } else if (c == 0) {
            return i;
        }
    }

    return in.size();
}

size_t escapes_check(Escapes &e, std::string_view in)
{
    for (size_t i = 0; i < in.size(); i++) {
        if (e.state == Escapes::PLAIN && !e.high) {
            i = in.find('\\', i);

            if (i == std::string_view::npos) {
                break;
            }

            e.state = Escapes::BACKSLASH;
            continue;
        }

        char c = in[i];

        if (e.state == Escapes::PLAIN && c == '\\') {
            e.state = Escapes::BACKSLASH;

        } else if (e.state == Escapes::BACKSLASH && c == 'u') {
            e.state = Escapes::HEX;
            e.digits = 4;
            e.value = 0;

        } else if (e.state != Escapes::HEX) {
            if (e.high) {
                return i;
            }

            e.state = Escapes::PLAIN;

        } else if (int digit = hex(c); digit < 0) {
            // yajl will say so
            e = {};

        } else {
            e.value = e.value << 4 | static_cast<unsigned>(digit);

            if (--e.digits) {
                continue;
            }

            bool low = (e.value & 0xfc00) == 0xdc00;

            if (low != e.high || e.value == 0) {
                return i;
            }

            e.high = (e.value & 0xfc00) == 0xd800;
            e.state = Escapes::PLAIN;
        }
    }

    return in.size();
}

bool percent_decode(Percent &p, std::string_view in, char *out, size_t &n)
{
    n = 0;

    for (char c : in) {
        if (p.digits) {
            int digit = hex(c);

            if (digit < 0) {
                return false;
            }

            p.value = p.value << 4 | static_cast<unsigned>(digit);

            if (--p.digits == 0) {
                out[n++] = static_cast<char>(p.value);
            }

        } else if (c == '%') {
            p = {2, 0};

        } else {
            out[n++] = c == '+' ? ' ' : c;
        }
    }

    return true;
}

} // namespace zego

#include "form.h"

#include <string.h>

#include <algorithm>

namespace zego {

void form_reset(Form &f)
{
    f.percent = {};
    f.utf8 = {};
    f.in_value = false;
    f.name.len = 0;
    f.value.len = 0;
}

static zego_reason_e decode(Form &f, std::string_view in)
{
    Part &part = f.in_value ? f.value : f.name;

    while (!in.empty()) {
        char out[512];
        size_t n;
        std::string_view piece = in.substr(0, sizeof(out));

        bool good = percent_decode(f.percent, piece, out, n);

        if (utf8_check(f.utf8, {out, n}) != n) {
            return ZEGO_BAD_UTF8;
        }

        if (!good) {
            return ZEGO_BAD_SYNTAX;
        }

        n = std::min(n, sizeof(part.data) - part.len);
        memcpy(part.data + part.len, out, n);
        part.len += n;

        in.remove_prefix(piece.size());
    }

    return ZEGO_OK;
}

// the end of a name or a value

static zego_reason_e end(Form &f, bool pair)
{
    if (f.percent.digits) {
        return ZEGO_BAD_SYNTAX;
    }

    if (f.utf8.left) {
        return ZEGO_BAD_UTF8;
    }

    f.in_value = !pair;

    if (!pair) {
        return ZEGO_OK;
    }

    std::string_view name{f.name.data, f.name.len};
    std::string_view value{f.value.data, f.value.len};

    fields_name(*f.fields, name);
    fields_value(*f.fields, Sent::string, value);
    keep_name(*f.keep, name);

    if (yajl_gen gen = keep_gen(*f.keep); gen && !value.empty()) {
        yajl_gen_string(gen,
                        reinterpret_cast<const unsigned char *>(value.data()),
                        value.size());
    }

    f.name.len = 0;
    f.value.len = 0;

    return ZEGO_OK;
}

zego_reason_e form_feed(Form &f, std::string_view in)
{
    while (!in.empty()) {
        std::string_view part = in.substr(0, in.find('&'));

        if (!f.in_value) {
            part = part.substr(0, part.find('='));
        }

        zego_reason_e rc = decode(f, part);

        in.remove_prefix(part.size());

        if (rc != ZEGO_OK || in.empty()) {
            return rc;
        }

        rc = end(f, in[0] == '&');

        if (rc != ZEGO_OK) {
            return rc;
        }

        in.remove_prefix(1);
    }

    return ZEGO_OK;
}

zego_reason_e form_finish(Form &f)
{
    return end(f, true);
}

} // namespace zego

// An application/x-www-form-urlencoded body into fields, in pieces.

#ifndef ZEGO_CORE_FORM_H
#define ZEGO_CORE_FORM_H

#include "encoding.h"
#include "fields.h"
#include "keep.h"

#include <string_view>

namespace zego {

// a name or a value; one byte more than is ever looked at tells "too long"

struct Part {
    char data[value_max + 1];
    size_t len;
};

struct Form {
    Fields *fields;
    Keep *keep;

    Percent percent;
    Utf8 utf8;
    bool in_value;
    Part name;
    Part value;
};

// fields and keep are given and empty
void form_reset(Form &f);
zego_reason_e form_feed(Form &f, std::string_view in);
zego_reason_e form_finish(Form &f);

} // namespace zego

#endif // ZEGO_CORE_FORM_H

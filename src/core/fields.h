// The fields of a callback: what is known of each by its name, the values of
// one body, and the event that they make.

#ifndef ZEGO_CORE_FIELDS_H
#define ZEGO_CORE_FIELDS_H

#include "zego_rooms.h"

#include <string_view>

namespace zego {

// the longest value that is looked at
constexpr size_t value_max = ZEGO_EXTRA_INFO_MAX;

constexpr size_t fields_max = 37;

enum class Sent : unsigned char {
    nothing, // or null, or an empty string
    string,
    number,
    other // a boolean, an object, an array
};

struct Value {
    Sent sent;
    char *data; // not there when it is longer than the field may be
    size_t len;
};

struct Fields {
    Value values[fields_max];
    Value *current; // NULL: of an unknown field
    char bytes[fields_max * ZEGO_STREAM_ID_MAX + value_max];
};

void fields_create(Fields &f);
void fields_reset(Fields &f);

// a name, then its value; of a name that comes again the last value counts
void fields_name(Fields &f, std::string_view name);
void fields_value(Fields &f, Sent sent, std::string_view text);

void fields_event(const Fields &f, zego_event_t &event);

} // namespace zego

#endif // ZEGO_CORE_FIELDS_H

// What the JSON of a piece is made of.

#ifndef ZEGO_CORE_VIEW_JSON_H
#define ZEGO_CORE_VIEW_JSON_H

#include "view.h"

namespace zego {

void put(zego_view_s *view, std::string_view json);
void string(zego_view_s *view, std::string_view s);
void number(zego_view_s *view, std::uint64_t n);
void id_number(zego_view_s *view, std::uint64_t id);
void version(zego_view_s *view);

// null where it was not sent
void string_or_null(zego_view_s *view, std::string_view s);

void begin_list(zego_view_s *view, std::string_view json);

// Before each element of a list.
void next(zego_view_s *view);

// explain_json.cc
void write_explain(zego_view_s *view, const Item &item);

} // namespace zego

#endif

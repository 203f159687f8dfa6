// What of rooms, streams and users is given: all, or the members that fields=
// names.

#include "view.h"

namespace zego {

namespace {

constexpr std::uint32_t fields_from(Field first, Field last)
{
    return 2 * field_bit(last) - field_bit(first);
}

constexpr std::uint32_t fields_of_closed =
    field_bit(Field::room_close_time) | field_bit(Field::close_reason);

constexpr std::array<std::uint32_t, objects> fields_of = {
    fields_from(Field::stream_id, Field::extra_info),
    fields_from(Field::app_id, Field::user_count) & ~fields_of_closed,
    field_bit(Field::user_id) | field_bit(Field::user_name) |
        fields_from(Field::user_session_id, Field::user_update_seq),
};

// Does the answer have any?
bool has(const zego_query_t &query, Object object)
{
    const bool lists = query.counts == 0 && query.closed == 0;
    switch (object) {
    case object_stream:
        return query.kind == ZEGO_VIEW_STREAM ||
               (query.kind != ZEGO_VIEW_USER && lists);
    case object_user:
        return query.kind == ZEGO_VIEW_USER ||
               (query.kind != ZEGO_VIEW_STREAM && lists);
    default:
        return true;
    }
}

std::uint32_t fields_had(const zego_query_t &query, Object object)
{
    const bool closed = object == object_room && query.closed != 0;
    return has(query, object)
               ? fields_of[object] | (closed ? fields_of_closed : 0)
               : 0;
}

std::span<const zego_str_t> kept_of(const zego_query_t &query, Object object)
{
    if (query.keep == nullptr || !has(query, object)) {
        return {};
    }
    const zego_keep_t &keep = *query.keep;
    const std::array<std::span<const zego_str_t>, objects> names = {
        std::span{keep.stream, keep.nstream},
        std::span{keep.room, keep.nroom},
        std::span{keep.user, keep.nuser},
    };
    return names[object].first(
        std::min<std::size_t>(names[object].size(), ZEGO_KEEP_FIELDS_MAX));
}

// False when no object has such a member.
bool choose(zego_view_s *view, std::string_view name)
{
    Chosen &chosen = view->chosen;
    bool found = false;
    for (const Object object : {object_stream, object_room, object_user}) {
        const std::uint32_t had = fields_had(view->query, object);
        for (std::size_t i = 0; i < field_names.size(); i++) {
            const std::uint32_t bit = field_bit(static_cast<Field>(i));
            const std::string_view known = field_names[i];
            if ((had & bit) != 0 && known.substr(2, known.size() - 4) == name) {
                chosen.fields |= bit;
                chosen.any[object] = found = true;
            }
        }
        const auto kept = kept_of(view->query, object);
        for (std::size_t i = 0; i < kept.size(); i++) {
            if (view_of(kept[i]) == name) {
                chosen.kept[object] |= static_cast<std::uint16_t>(1U << i);
                chosen.any[object] = found = true;
            }
        }
    }
    return found;
}

} // namespace

bool view_choose(zego_view_s *view)
{
    Chosen &chosen = view->chosen;
    if (view->query.fields.data == nullptr) {
        for (const Object object : {object_stream, object_room, object_user}) {
            chosen.any[object] = has(view->query, object);
        }
        return true;
    }

    chosen.all = false;
    chosen.fields = 0;
    std::string_view names = view_of(view->query.fields);
    for (;;) {
        const std::size_t comma = names.find(',');
        if (!choose(view, names.substr(0, comma))) {
            return false;
        }
        if (comma == std::string_view::npos) {
            return true;
        }
        names.remove_prefix(comma + 1);
    }
}

bool view_keeps(const zego_view_s *view, Object object, std::string_view member)
{
    const auto kept = kept_of(view->query, object);
    for (std::size_t i = 0; i < kept.size(); i++) {
        // zego_keep takes no name that JSON would escape
        const std::string_view name = view_of(kept[i]);
        if ((view->chosen.kept[object] & 1U << i) != 0 &&
            member.size() > name.size() + 2 &&
            member.substr(1, name.size()) == name &&
            member.substr(1 + name.size(), 2) == "\":") {
            return true;
        }
    }
    return false;
}

} // namespace zego

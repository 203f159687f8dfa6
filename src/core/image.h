// An image of a zone for a store: all entries as records in the order of their
// keys, a piece at a time.  What must come or go at once in a store is in one
// piece, unless it is larger than that.

#ifndef ZEGO_CORE_IMAGE_H
#define ZEGO_CORE_IMAGE_H

#include "key.h"
#include "record.h"

namespace zego {

// What a piece holds, and how many entries it may look at.
constexpr std::size_t image_piece = 32 * std::size_t{1024};
constexpr unsigned image_visits = 128;

// Where it stands in a room: what comes next is at this place, or after it.
struct ImagePlace {
    bool begun = false;
    std::uint32_t appid = 0;
    Key room_id;
    Kind kind = Kind::session;
    std::uint64_t session_id = 0;
    Key entry_id;
    std::uint64_t user_session_id = 0;
};

} // namespace zego

struct zego_image_s {
    zego_memory_t memory;
    zego::ImagePlace place;
    unsigned visits = 0;

    // the piece
    bool last = false;
    bool split = false; // it ends inside of a group
    std::uint64_t joined = 0;
    std::size_t len = 0;
    std::array<char, zego::image_piece + ZEGO_RECORD_MAX> bytes;

    // In the store: its number, and what the pieces before have covered, which
    // is all below this key.
    std::uint64_t number = 0;
    zego::StoreKey covered;
    std::array<char, zego::text_max> session_text;
    std::array<char, zego::text_max> entry_text;
};

#endif

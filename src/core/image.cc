#include "image.h"

#include <new>

using namespace zego;

namespace {

bool full(const zego_image_s *image)
{
    return image->len > image_piece || image->visits >= image_visits;
}

void add(zego_image_s *image, const Fact &fact)
{
    image->len += record_write(fact, image->bytes.data() + image->len);
    image->visits++;
}

void add_register(zego_image_s *image, const Session *session,
                  const RegisterFact &reg)
{
    Fact fact =
        fact_of(session->room->appid, room_id(session->room), session->id);
    fact.reg = &reg;
    add(image, fact);
}

// The group that began at len does not fit.  It is for the next piece, or,
// too large for any, goes on there.
void cut(zego_image_s *image, std::size_t len, ImagePlace &begin)
{
    if (len > 0) {
        image->len = len;
        image->place = begin;
    } else {
        image->split = true;
    }
}

// Each of these goes on where it stands; false when the piece is full.

bool read_sessions(zego_image_s *image, const Room *room)
{
    ImagePlace &place = image->place;
    ImagePlace begin = place;
    const std::size_t len = image->len;

    for (const TreeNode *node =
             tree_lower_bound(room->sessions, place.session_id, session_key);
         node != tree_end(room->sessions); node = tree_next(node)) {
        place.session_id = session_key(node);
        if (image->len > image_piece) {
            cut(image, len, begin);
            return false;
        }
        add(image, session_fact(session_at(node), image->session_text.data()));
    }
    place.kind = Kind::stream;
    place.session_id = 0;
    return true;
}

bool read_streams(zego_image_s *image, const Session *session)
{
    ImagePlace &place = image->place;
    for (const TreeNode *node = tree_lower_bound(
             session->streams, string_of(place.entry_id), stream_key);
         node != tree_end(session->streams); node = tree_next(node)) {
        if (full(image)) {
            set_key(place.entry_id, stream_key(node));
            return false;
        }
        add_register(image, session,
                     stream_fact(stream_at(node), image->entry_text.data()));
    }
    return true;
}

bool read_users(zego_image_s *image, const Session *session)
{
    ImagePlace &place = image->place;
    ImagePlace begin = place;
    std::size_t len = image->len;

    for (const TreeNode *node = tree_lower_bound(
             session->users,
             UserKey{string_of(place.entry_id), place.user_session_id},
             user_key);
         node != tree_end(session->users); node = tree_next(node)) {
        const User *user = user_at(node);
        const bool begins = id_of(user) != string_of(place.entry_id);
        set_key(place.entry_id, id_of(user));
        place.user_session_id = begins ? 0 : user->session_id;
        if (begins) {
            begin = place;
            len = image->len;
            if (full(image)) {
                return false;
            }
        } else if (image->len > image_piece) {
            cut(image, len, begin);
            return false;
        }
        add_register(image, session, user_fact(user, image->entry_text.data()));
    }
    return true;
}

// The streams, or the users, of all sessions.
bool read_registers(zego_image_s *image, const Room *room)
{
    ImagePlace &place = image->place;
    for (const TreeNode *node =
             tree_lower_bound(room->sessions, place.session_id, session_key);
         node != tree_end(room->sessions); node = tree_next(node)) {
        const Session *session = session_at(node);
        if (session->id != place.session_id) {
            place.session_id = session->id;
            place.entry_id.len = 0;
            place.user_session_id = 0;
        }
        if (full(image)) {
            return false;
        }
        image->visits++;
        if (!(place.kind == Kind::stream ? read_streams(image, session)
                                         : read_users(image, session))) {
            return false;
        }
    }
    place.session_id = 0;
    place.entry_id.len = 0;
    place.user_session_id = 0;
    return true;
}

bool read_room(zego_image_s *image, const Room *room)
{
    ImagePlace &place = image->place;
    if (place.kind == Kind::session && !read_sessions(image, room)) {
        return false;
    }
    if (place.kind == Kind::stream) {
        if (!read_registers(image, room)) {
            return false;
        }
        place.kind = Kind::user;
    }
    return read_registers(image, room);
}

void enter_room(ImagePlace &place, const Room *room)
{
    place = {};
    place.begun = true;
    place.appid = room->appid;
    set_key(place.room_id, room_id(room));
}

} // namespace

zego_image_t *zego_image_create(const zego_memory_t *memory) noexcept
{
    void *p = allocate(*memory, sizeof(zego_image_s));
    if (p == nullptr) {
        return nullptr;
    }
    auto *image = new (p) zego_image_s;
    image->memory = *memory;
    return image;
}

void zego_image_destroy(zego_image_t *image) noexcept
{
    release(image->memory, image);
}

int zego_image_read(zego_image_t *image, const zego_rooms_t *rooms,
                    uint64_t joined) noexcept
{
    ImagePlace &place = image->place;
    image->joined = joined;
    image->visits = 0;
    image->len = 0;
    image->split = false;

    for (const TreeNode *node = tree_lower_bound(
             rooms->rooms, RoomKey{place.appid, string_of(place.room_id)},
             room_key);
         node != tree_end(rooms->rooms); node = tree_next(node)) {
        const Room *room = room_at(node);
        if (!place.begun ||
            room_key(node) != RoomKey{place.appid, string_of(place.room_id)}) {
            enter_room(place, room);
        }
        if (full(image)) {
            return 1;
        }
        image->visits++;
        if (!read_room(image, room)) {
            return 1;
        }
    }
    image->last = true;
    return 0;
}

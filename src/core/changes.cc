#include "changes.h"

#include <cstring>

namespace zego {

namespace {

// Of the memory of a ring: the places of the blocks, which are hardly shorter.
constexpr std::size_t block_size_min = 128;

using Holes = std::array<Range, change_holes_max>;

// Writes a block, or adds up what it takes.
struct Writer {
    char *out; // nullptr: only the size is wanted
    std::size_t size = 0;
    unsigned changes = 0;
};

void write_bytes(Writer &writer, const void *bytes, std::size_t len)
{
    if (writer.out != nullptr && bytes != nullptr) {
        std::memcpy(writer.out + writer.size, bytes, len);
    }
    writer.size += len;
}

void write_head(Writer &writer, const ChangeHead &head)
{
    write_bytes(writer, &head, sizeof(head));
    writer.changes++;
}

void write_text(Writer &writer, const Text &text, const char *head)
{
    const std::size_t size = text_size(text);
    if (text.more == nullptr) {
        write_bytes(writer, head, size); // all of it lies there
        return;
    }
    if (writer.out != nullptr) {
        text_read(text, head, writer.out + writer.size);
    }
    writer.size += size;
}

void write_room(Writer &writer, const zego_rooms_s *rooms,
                const Session *session)
{
    ChangeHead head = {};
    Holes stream_holes;
    Holes user_holes;
    head.len = session->created_text.len;
    head.put = true;
    head.kind = Kind::session;
    head.complete = session_complete(rooms, session);
    head.stream_holes = first_holes(session->stream_seq, stream_holes);
    head.user_holes = first_holes(session->user_update_seq, user_holes);
    head.session_id = session->id;
    head.time = session->created;
    head.number = session->streams_live;
    head.users = session->users_live;
    write_head(writer, head);
    write_text(writer, session->created_text, nullptr);
    write_bytes(writer, stream_holes.data(), head.stream_holes * sizeof(Range));
    write_bytes(writer, user_holes.data(), head.user_holes * sizeof(Range));
}

void write_stream(Writer &writer, const Stream *stream)
{
    ChangeHead head = {};
    head.len = stream->reg.text.len;
    head.put = true;
    head.kind = Kind::stream;
    head.time = stream->reg.time;
    head.number = stream->reg.seq;
    write_head(writer, head);
    write_text(writer, stream->reg.text, head_of(stream));
}

void write_user(Writer &writer, const User *user)
{
    ChangeHead head = {};
    head.len = user->reg.text.len;
    head.put = true;
    head.kind = Kind::user;
    head.role = user->role;
    head.session_id = user->session_id;
    head.time = user->login_time;
    head.number = user->reg.seq;
    write_head(writer, head);
    write_text(writer, user->reg.text, head_of(user));
}

void write_delete(Writer &writer, Kind kind, std::string_view id)
{
    ChangeHead head = {};
    head.len[text_id] = static_cast<std::uint16_t>(id.size());
    head.kind = kind;
    write_head(writer, head);
    write_bytes(writer, id.data(), id.size());
}

void write_register(Writer &writer, const Register *reg, bool live)
{
    if (reg->expiry.kind == Kind::stream) {
        const Stream *stream = stream_of(reg);
        live ? write_stream(writer, stream)
             : write_delete(writer, Kind::stream, id_of(stream));
    } else {
        const User *user = user_of(reg);
        live ? write_user(writer, user)
             : write_delete(writer, Kind::user, id_of(user));
    }
}

bool fits(const Writer &writer)
{
    return writer.changes <= block_changes_max && writer.size <= block_size_max;
}

// All that the session lists; false: that is too much.
bool write_all(Writer &writer, const Shown &shown)
{
    const Session *session = shown.session;
    std::uint64_t streams = session->streams_live;
    std::uint64_t users = session->users_live;

    // Who comes first into an empty room is not looked for among those who have
    // left it.
    if (shown.reg != nullptr && shown.live && streams + users == 1) {
        write_register(writer, shown.reg, true);
        return fits(writer);
    }

    unsigned visits = 0;
    for (const TreeNode *node = tree_first(session->streams); streams > 0;
         node = tree_next(node)) {
        if (!stream_at(node)->reg.closed) {
            write_stream(writer, stream_at(node));
            streams--;
        }
        if (!fits(writer) || ++visits > 2 * block_changes_max) {
            return false;
        }
    }
    for (const TreeNode *node = tree_first(session->users_by_rank); users > 0;
         node = tree_next(node)) {
        const User *user = user_ranked(node);
        if (!user->reg.closed && user_newest(user)) {
            write_user(writer, user);
            users--;
        }
        if (!fits(writer) || ++visits > 2 * block_changes_max) {
            return false;
        }
    }
    return true;
}

// False: it is too much.
bool write_changes(Writer &writer, const zego_rooms_s *rooms,
                   const Shown &shown)
{
    if (shown.gone) {
        write_delete(writer, Kind::session, {});
    }
    if (shown.session == nullptr) {
        return true;
    }
    if (shown.room || shown.all) {
        write_room(writer, rooms, shown.session);
    }
    if (shown.all) {
        return write_all(writer, shown);
    }
    if (shown.reg != nullptr) {
        write_register(writer, shown.reg, shown.live);
    }
    return true;
}

// The bytes that the block takes at most, or 0: it is too much.
std::size_t block_bound(const zego_rooms_s *rooms, const Room *room,
                        const Shown &shown)
{
    const std::size_t size = sizeof(ChangesHead) + room->len;
    if (shown.all && shown.session != nullptr) {
        Writer writer{nullptr, size};
        return write_changes(writer, rooms, shown) ? writer.size : 0;
    }
    std::size_t bound = size + 2 * sizeof(ChangeHead);
    if (shown.session != nullptr) {
        bound += text_size(shown.session->created_text);
        if (!session_complete(rooms, shown.session)) {
            bound += 2 * sizeof(Holes);
        }
    }
    return shown.reg != nullptr ? bound + text_size(shown.reg->text) : bound;
}

void write_block(Writer &writer, const zego_rooms_s *rooms, const Room *room,
                 const Shown &shown)
{
    ChangesHead head = {};
    head.revision = rooms->version.revision;
    head.appid = room->appid;
    head.room_len = room->len;
    head.event = shown.event;
    writer.size = sizeof(head);
    write_bytes(writer, head_of(room), room->len);
    write_changes(writer, rooms, shown);
    head.size = static_cast<std::uint32_t>(writer.size);
    head.changes = static_cast<std::uint16_t>(writer.changes);
    std::memcpy(writer.out, &head, sizeof(head));
}

ChangesHead head_at(const Ring &ring, std::uint64_t revision)
{
    ChangesHead head;
    std::memcpy(&head, ring.data + ring.places[revision % ring.nplaces],
                sizeof(head));
    return head;
}

// The place of a block of that size, for which the oldest go; ring.size if
// there is none.
std::uint64_t make_place(Ring &ring, std::size_t size)
{
    while (ring.floor != ring.top) {
        const std::uint64_t oldest =
            ring.places[(ring.floor + 1) % ring.nplaces];
        if (ring.top - ring.floor < ring.nplaces) {
            if (ring.end > oldest && ring.size - ring.end >= size) {
                return ring.end;
            }
            if (ring.end > oldest && oldest >= size) {
                return 0;
            }
            if (ring.end <= oldest && oldest - ring.end >= size) {
                return ring.end;
            }
        }
        ring.floor++;
    }
    return size <= ring.size ? 0 : ring.size;
}

} // namespace

void ring_append(zego_rooms_s *rooms, const Room *room, const Shown &shown)
{
    Ring &ring = rooms->ring;
    if (ring.size == 0) {
        return;
    }
    const std::uint64_t revision = rooms->version.revision;
    if (revision != ring.top + 1) {
        ring.floor = ring.top = revision - 1; // some were not told of
    }

    const std::size_t bound = block_bound(rooms, room, shown);
    const std::uint64_t place = bound > 0 ? make_place(ring, bound) : ring.size;
    if (place == ring.size) {
        ring.floor = ring.top = revision;
        return;
    }
    Writer writer{ring.data + place};
    write_block(writer, rooms, room, shown);
    ring.places[revision % ring.nplaces] = static_cast<std::uint32_t>(place);
    ring.end = place + writer.size;
    ring.top = revision;
}

std::uint64_t ring_floor(const zego_rooms_s *rooms)
{
    return rooms->ring.top == rooms->version.revision ? rooms->ring.floor
                                                      : rooms->version.revision;
}

const char *ring_block(const zego_rooms_s *rooms, std::uint64_t revision)
{
    const Ring &ring = rooms->ring;
    return ring.data + ring.places[revision % ring.nplaces];
}

std::uint8_t first_holes(const Window &window, Holes &holes)
{
    std::uint8_t n = 0;
    std::uint64_t from = 0;
    if (window_missing(window) == 0) {
        return 0;
    }
    while (n < holes.size() && window_hole(window, from, &holes[n])) {
        from = holes[n++].last + 1;
    }
    return n;
}

const char *ring_check(const zego_rooms_s *rooms)
{
    const Ring &ring = rooms->ring;
    if (ring.floor > ring.top || ring.top > rooms->version.revision ||
        (ring.size > 0 && ring.top - ring.floor > ring.nplaces)) {
        return "the ring of changes is torn";
    }
    std::uint64_t end = 0;
    unsigned wraps = 0;
    for (std::uint64_t n = ring.floor + 1; n <= ring.top; n++) {
        const std::uint64_t place = ring.places[n % ring.nplaces];
        const ChangesHead head = head_at(ring, n);
        if (n > ring.floor + 1 && place != end) {
            wraps += place == 0 ? 1 : 2;
        }
        end = place + head.size;
        if (head.revision != n || end > ring.size || wraps > 1) {
            return "the ring of changes is torn";
        }
    }
    return ring.floor == ring.top || end == ring.end
               ? nullptr
               : "the ring of changes is torn";
}

} // namespace zego

using namespace zego;

void zego_rooms_ring(zego_rooms_t *rooms, const zego_env_t *env,
                     size_t size) noexcept
{
    Ring &ring = rooms->ring;
    const std::size_t n = size / (block_size_min + sizeof(std::uint32_t));
    if (n == 0) {
        return;
    }
    auto *data = static_cast<char *>(allocate(env->memory, size));
    if (data == nullptr) {
        return;
    }
    ring.nplaces = n;
    ring.places = reinterpret_cast<std::uint32_t *>(data);
    ring.data = data + n * sizeof(std::uint32_t);
    ring.size =
        std::min(size - n * sizeof(std::uint32_t), std::size_t{UINT32_MAX});
    ring.floor = ring.top = rooms->version.revision;
}

zego_view_e zego_rooms_changed(const zego_rooms_t *rooms, zego_version_t *after,
                               zego_room_name_t *names, size_t *n) noexcept
{
    const size_t most = *n;
    *n = 0;
    if (after->epoch != rooms->version.epoch ||
        after->revision > rooms->version.revision ||
        after->revision < ring_floor(rooms)) {
        *after = rooms->version;
        return ZEGO_VIEW_GONE;
    }
    while (after->revision < rooms->version.revision) {
        if (*n == most) {
            return ZEGO_VIEW_MORE;
        }
        const char *block = ring_block(rooms, ++after->revision);
        ChangesHead head;
        std::memcpy(&head, block, sizeof(head));
        zego_room_name_t &name = names[(*n)++];
        name.appid = head.appid;
        name.len = head.room_len;
        std::memcpy(name.id, block + sizeof(head), head.room_len);
    }
    return ZEGO_VIEW_DONE;
}

// What a backend was told of each room, stream and user, by room id and id,
// whichever session it was of.
//
// A callback is delivered when it says what the list says now, and the backend
// has not acknowledged that in all its fields.  While one of an entry is
// on its way every other of it waits, and so do those of a room while its close
// is on its way: a backend may clear what is in a room that it closes.

#include "deliver.h"

#include <new>
#include <zlib.h>

using namespace zego;

namespace zego {

namespace {

// What the backend has, as it acknowledged.
enum class State : std::uint8_t { unknown, absent, present };

// What a callback tells of an entry: that it is there, in this life, or not.
struct Told {
    bool present;
    std::uint64_t session_id;
    std::uint64_t user_session_id;
    std::uint64_t seq;
    std::uint64_t time;
    std::uint64_t change; // of the fields

    bool operator==(const Told &) const = default;
};

// Of fields that are not those that are listed.
constexpr std::uint64_t other_change = UINT64_MAX;

} // namespace

struct Delivery {
    TreeNode by_key;
    Delivery *prev; // in the order in which they were looked at
    Delivery *next;
    std::uint64_t stamp;

    Told told;   // while present
    Told coming; // on its way
    std::uint64_t mark;
    std::uint64_t deadline;

    std::uint32_t appid;
    std::uint16_t room_len;
    std::uint16_t id_len;
    Kind kind; // session: the room
    State state;
    bool doubt; // another one may be on its way, too
};

namespace {

static_assert(std::is_standard_layout_v<Delivery>);

using DeliveryKey =
    std::tuple<std::uint32_t, std::string_view, Kind, std::string_view>;

Delivery *delivery_at(const TreeNode *n)
{
    return entry_at<Delivery>(n, offsetof(Delivery, by_key));
}

DeliveryKey delivery_key(const TreeNode *n)
{
    const Delivery *d = delivery_at(n);
    return {d->appid,
            {head_of(d), d->room_len},
            d->kind,
            {head_of(d) + d->room_len, d->id_len}};
}

DeliveryKey room_key_of(const zego_event_t &event)
{
    return {event.appid, view_of(event.room_id), Kind::session, {}};
}

DeliveryKey key_of(const zego_event_t &event)
{
    switch (event.type) {
    case ZEGO_STREAM_CREATE:
    case ZEGO_STREAM_CLOSE:
        return {event.appid, view_of(event.room_id), Kind::stream,
                view_of(event.stream_id)};
    case ZEGO_ROOM_LOGIN:
    case ZEGO_ROOM_LOGOUT:
        return {event.appid, view_of(event.room_id), Kind::user,
                view_of(event.user_id)};
    default:
        return room_key_of(event);
    }
}

Told told_by(const zego_event_t &event, const zego_applied_t &applied)
{
    const bool present = event.type == ZEGO_STREAM_CREATE ||
                         event.type == ZEGO_ROOM_CREATE ||
                         event.type == ZEGO_ROOM_LOGIN;
    return {present,
            event.room_session_id,
            event.user_session_id,
            event.seq,
            event.time,
            applied.stands != 0 ? applied.change : other_change};
}

Told told_by(const Register &reg, std::uint64_t user_session_id)
{
    return {!reg.closed, reg.session->id, user_session_id,
            reg.seq,     reg.time,        reg.revision};
}

// What the list says of an entry.
Told listed(const zego_rooms_s *rooms, const DeliveryKey &key)
{
    const auto &[appid, room_name, kind, id] = key;
    const TreeNode *node =
        tree_find(rooms->rooms, RoomKey{appid, room_name}, room_key);
    const Session *session =
        node != nullptr ? listed_session(room_at(node)) : nullptr;
    if (session == nullptr) {
        return {};
    }
    switch (kind) {
    case Kind::stream: {
        node = tree_find(session->streams, id, stream_key);
        return node != nullptr ? told_by(stream_at(node)->reg, 0) : Told{};
    }
    case Kind::user: {
        const User *user = newest_of_user(session, id);
        return user != nullptr ? told_by(user->reg, user->session_id) : Told{};
    }
    case Kind::session:
        break;
    }
    return {true, session->id, 0, 0, session->created, created_change(session)};
}

// But for fields that may differ where the numbers are the same.
bool says(Told told, const Told &now)
{
    told.change = now.change;
    return told.present ? told == now : !now.present;
}

// Whether a backend that was told had is to be told no more.  What does not
// stand brings it nothing that is listed.
bool serves(const Told &had, const Told &told, const Told &now)
{
    return had == now || had == told ||
           (told.change == other_change && says(told, had));
}

Delivery *find(const zego_rooms_s *rooms, const DeliveryKey &key)
{
    TreeNode *node = tree_find(rooms->deliveries, key, delivery_key);
    return node != nullptr ? delivery_at(node) : nullptr;
}

void dequeue(zego_rooms_s *rooms, Delivery *d)
{
    (d->prev != nullptr ? d->prev->next : rooms->deliveries_first) = d->next;
    (d->next != nullptr ? d->next->prev : rooms->deliveries_last) = d->prev;
}

void enqueue(zego_rooms_s *rooms, Delivery *d, Delivery *prev, Delivery *next)
{
    d->stamp = rooms->clock;
    d->prev = prev;
    d->next = next;
    (prev != nullptr ? prev->next : rooms->deliveries_first) = d;
    (next != nullptr ? next->prev : rooms->deliveries_last) = d;
}

void touch(zego_rooms_s *rooms, Delivery *d)
{
    dequeue(rooms, d);
    enqueue(rooms, d, rooms->deliveries_last, nullptr);
}

Delivery *create(zego_rooms_s *rooms, const zego_env_t &env,
                 const DeliveryKey &key)
{
    const auto &[appid, room_name, kind, id] = key;
    void *p = allocate(env.memory, chunk_size(sizeof(Delivery) +
                                              room_name.size() + id.size()));
    if (p == nullptr) {
        return nullptr;
    }
    auto *d = new (p) Delivery{};
    d->appid = appid;
    d->kind = kind;
    d->room_len = static_cast<std::uint16_t>(room_name.size());
    d->id_len = static_cast<std::uint16_t>(id.size());
    room_name.copy(head_of(d), room_name.size());
    id.copy(head_of(d) + d->room_len, id.size());
    tree_insert(rooms->deliveries, &d->by_key, delivery_key);
    rooms->deliveries_kept++;
    return d;
}

void free_delivery(zego_rooms_s *rooms, const zego_env_t &env, Delivery *d)
{
    dequeue(rooms, d);
    tree_erase(rooms->deliveries, &d->by_key);
    release(env.memory, d);
    rooms->deliveries_kept--;
}

bool on_way(const Delivery *d, const zego_env_t &env)
{
    return d->mark != 0 && env.now < d->deadline;
}

// Nobody will tell any more what became of it.
void give_up(Delivery *d)
{
    d->mark = 0;
    d->doubt = false;
    d->state = State::unknown;
}

void doubt(Delivery *d, const zego_env_t &env)
{
    if (d != nullptr && on_way(d, env)) {
        d->doubt = true;
    } else if (d != nullptr) {
        give_up(d);
    }
}

bool may_be_freed(const zego_rooms_s *rooms, const zego_env_t &env,
                  const Delivery *d)
{
    return !on_way(d, env) &&
           !(d->state == State::present &&
             listed(rooms, delivery_key(&d->by_key)).present);
}

} // namespace

void deliveries_expire(zego_rooms_s *rooms, const zego_env_t &env,
                       unsigned steps)
{
    for (; steps > 0; steps--) {
        Delivery *d = rooms->deliveries_first;
        if (d == nullptr || rooms->clock - d->stamp < env.horizon) {
            return;
        }
        if (may_be_freed(rooms, env, d)) {
            free_delivery(rooms, env, d);
        } else {
            touch(rooms, d);
        }
    }
}

bool deliveries_evict(zego_rooms_s *rooms, const zego_env_t &env)
{
    for (unsigned n = 0; n < evictions_max; n++) {
        Delivery *d = rooms->deliveries_first;
        if (d == nullptr) {
            return false;
        }
        if (!on_way(d, env)) {
            free_delivery(rooms, env, d);
            return true;
        }
        touch(rooms, d);
    }
    return false;
}

void deliveries_doubt(zego_rooms_s *rooms, const zego_env_t &env,
                      const Fact &fact)
{
    doubt(find(rooms, {fact.appid, fact.room_id, Kind::session, {}}), env);
    if (fact.reg != nullptr) {
        doubt(find(rooms, {fact.appid, fact.room_id, fact.reg->kind,
                           fact.reg->strings[text_id]}),
              env);
    }
}

std::uint64_t created_change(const Session *session)
{
    std::array<char, text_max> bytes;
    const Strings strings =
        text_read(session->created_text, nullptr, bytes.data());
    uLong crc = 0;
    for (const std::string_view s : strings) {
        crc = crc32_z(crc, reinterpret_cast<const Bytef *>(s.data()), s.size());
    }
    return crc;
}

namespace {

const Room *room_of(const Expiry *expiry)
{
    switch (expiry->kind) {
    case Kind::stream:
        return stream_expiring(expiry)->reg.session->room;
    case Kind::user:
        return user_expiring(expiry)->reg.session->room;
    case Kind::session:
        break;
    }
    return session_expiring(expiry)->room;
}

// Frees the oldest deliveries and tombstones until there is a new delivery, but
// nothing of its own room; nullptr when there is none.
Delivery *make_room(zego_rooms_s *rooms, const zego_env_t &env,
                    const DeliveryKey &key)
{
    const RoomKey name{std::get<0>(key), std::get<1>(key)};
    for (unsigned evictions = 0;; evictions++) {
        Delivery *d = create(rooms, env, key);
        if (d != nullptr || evictions == evictions_max) {
            return d;
        }
        if (deliveries_evict(rooms, env)) {
            continue;
        }
        Expiry *head = rooms->queue.next;
        if (head == &rooms->queue || room_key(&room_of(head)->by_id) == name) {
            return nullptr;
        }
        evict(rooms, env, head);
    }
}

} // namespace

const char *deliveries_check(const zego_rooms_s *rooms)
{
    std::uint64_t kept = 0;
    const Delivery *last = nullptr;
    for (const Delivery *d = rooms->deliveries_first; d != nullptr;
         d = d->next) {
        if (d->prev != last || find(rooms, delivery_key(&d->by_key)) != d ||
            (last != nullptr && d->stamp < last->stamp) ||
            d->stamp > rooms->clock || kept++ == rooms->deliveries_kept) {
            return "the deliveries are torn";
        }
        last = d;
    }
    return rooms->deliveries_last == last && kept == rooms->deliveries_kept &&
                   TreeAlgorithms::size(&rooms->deliveries.header) == kept
               ? nullptr
               : "the deliveries are miscounted";
}

} // namespace zego

void zego_rooms_copy_deliveries(zego_rooms_t *rooms, const zego_env_t *env,
                                const zego_rooms_t *from) noexcept
{
    rooms->clock = std::max(rooms->clock, env->now);

    // what is on its way first, and then what was looked at last, lest there
    // be no room for it
    for (const bool coming : {true, false}) {
        for (const Delivery *old = from->deliveries_last; old != nullptr;
             old = old->prev) {
            if (on_way(old, *env) != coming) {
                continue;
            }
            Delivery *d = create(rooms, *env, delivery_key(&old->by_key));
            if (d == nullptr) {
                return;
            }
            enqueue(rooms, d, nullptr, rooms->deliveries_first);
            d->told = old->told;
            d->state = old->mark != 0 ? State::unknown : old->state;
            d->coming = old->coming;
            if (coming) {
                d->mark = ++rooms->marks;
                d->deadline = env->now + ZEGO_DELIVER_MOVED;
            }
        }
    }
}

zego_deliver_e zego_rooms_deliver(zego_rooms_t *rooms, const zego_env_t *env,
                                  const zego_event_t *event,
                                  const zego_applied_t *applied,
                                  uint64_t *mark) noexcept
{
    rooms->clock = std::max(rooms->clock, env->now);

    if (applied->version.epoch != rooms->version.epoch) {
        return ZEGO_DELIVER_AGAIN;
    }
    const DeliveryKey key = key_of(*event);
    const Told told = told_by(*event, *applied);
    const Told now = listed(rooms, key);
    if (!says(told, now)) {
        return ZEGO_DELIVER_KNOWN;
    }

    Delivery *d = find(rooms, key);
    const Delivery *room = find(rooms, room_key_of(*event));
    if ((d != nullptr && on_way(d, *env)) ||
        (room != nullptr && on_way(room, *env) && !room->coming.present)) {
        return ZEGO_DELIVER_WAIT;
    }
    if (d == nullptr) {
        d = make_room(rooms, *env, key);
        if (d == nullptr) {
            return ZEGO_DELIVER_NO_MEMORY;
        }
        enqueue(rooms, d, rooms->deliveries_last, nullptr);
    } else {
        touch(rooms, d);
    }
    if (d->mark != 0) {
        give_up(d);
    }
    if (told.present ? d->state == State::present && serves(d->told, told, now)
                     : d->state == State::absent) {
        return ZEGO_DELIVER_KNOWN;
    }

    *mark = d->mark = ++rooms->marks;
    d->deadline = env->now + ZEGO_DELIVER_TIME;
    d->coming = told;
    d->doubt = false;
    return ZEGO_DELIVER_GO;
}

void zego_rooms_delivering(zego_rooms_t *rooms, const zego_env_t *env,
                           const zego_event_t *event, uint64_t mark) noexcept
{
    Delivery *d = find(rooms, key_of(*event));
    if (d != nullptr && d->mark == mark) {
        d->deadline = env->now + ZEGO_DELIVER_TIME;
    }
}

void zego_rooms_delivered(zego_rooms_t *rooms, const zego_env_t *env,
                          const zego_event_t *event, uint64_t mark,
                          int acknowledged) noexcept
{
    rooms->clock = std::max(rooms->clock, env->now);

    Delivery *d = find(rooms, key_of(*event));
    if (d == nullptr) {
        return;
    }
    if (d->mark != mark) {
        // Which of them came last cannot be told.
        d->state = State::unknown;
        d->doubt = d->mark != 0;
        return;
    }
    const bool certain = acknowledged != 0 && !d->doubt;
    give_up(d);
    if (certain) {
        d->told = d->coming;
        d->state = d->told.present ? State::present : State::absent;
    }
    touch(rooms, d);
}

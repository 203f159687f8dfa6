// How long things are kept.  Of one key the older is freed before the newer,
// and a session outlives everything in it: so what is finished never becomes
// current again.

#include "deliver.h"

using namespace zego;

namespace zego {

namespace {

bool queued(const Expiry *expiry)
{
    return expiry->prev != nullptr;
}

void dequeue(Expiry *expiry)
{
    if (queued(expiry)) {
        expiry->prev->next = expiry->next;
        expiry->next->prev = expiry->prev;
        expiry->prev = nullptr;
    }
}

void release_register(zego_rooms_s *rooms, const zego_memory_t &memory,
                      Register *reg)
{
    dequeue(&reg->expiry);
    blocks_release(memory, reg->text.more);
    release(memory, reg);
    rooms->entries--;
    rooms->changes++;
}

void release_stream(zego_rooms_s *rooms, const zego_memory_t &memory,
                    Stream *stream)
{
    Session *session = stream->reg.session;
    tree_erase(session->streams, &stream->by_id);
    if (!stream->reg.closed) {
        tree_erase(rooms->streams, &stream->by_stream);
        session->streams_live--;
    }
    release_register(rooms, memory, &stream->reg);
}

void release_user(zego_rooms_s *rooms, const zego_memory_t &memory, User *user)
{
    Session *session = user->reg.session;
    if (!user->reg.closed && user_newest(user)) {
        tree_erase(rooms->users, &user->by_user);
        session->users_live--;
        session->admins_live -= user->role == role_admin ? 1 : 0;
    }
    tree_erase(session->users, &user->by_id);
    tree_erase(session->users_by_rank, &user->by_rank);
    release_register(rooms, memory, &user->reg);
}

// One of its registers, or itself when it has none left.
void release_session_step(zego_rooms_s *rooms, const zego_memory_t &memory,
                          Session *session)
{
    if (!tree_empty(session->streams)) {
        release_stream(rooms, memory, stream_at(tree_first(session->streams)));
        return;
    }
    if (!tree_empty(session->users_by_rank)) {
        release_user(rooms, memory,
                     user_ranked(tree_first(session->users_by_rank)));
        return;
    }

    Room *room = session->room;
    dequeue(&session->expiry);
    tree_erase(room->sessions, &session->by_id);
    tree_erase(room->sessions_by_rank, &session->by_rank);
    window_release(session->stream_seq, memory);
    window_release(session->user_update_seq, memory);
    blocks_release(memory, session->created_text.more);
    release(memory, session);
    rooms->entries--;
    rooms->changes++;

    if (tree_empty(room->sessions)) {
        tree_erase(rooms->rooms, &room->by_id);
        release(memory, room);
    }
}

User *oldest_of_user(const User *user)
{
    return user_ranked(tree_lower_bound(user->reg.session->users_by_rank,
                                        UserRank{id_of(user), 0, false, 0},
                                        user_rank));
}

// Frees the oldest entry of the key of this one.
void release_oldest(zego_rooms_s *rooms, const zego_memory_t &memory,
                    Expiry *expiry)
{
    switch (expiry->kind) {
    case Kind::stream:
        release_stream(rooms, memory, stream_expiring(expiry));
        break;
    case Kind::user:
        release_user(rooms, memory, oldest_of_user(user_expiring(expiry)));
        break;
    case Kind::session:
        release_session_step(rooms, memory,
                             oldest_of_room(session_expiring(expiry)));
        break;
    }
}

bool has_older(const Expiry *expiry)
{
    switch (expiry->kind) {
    case Kind::stream:
        return false;
    case Kind::user: {
        const User *user = user_expiring(expiry);
        return oldest_of_user(user) != user;
    }
    case Kind::session: {
        const Session *session = session_expiring(expiry);
        return oldest_of_room(session) != session;
    }
    }
    return false;
}

bool expired(const zego_rooms_s *rooms, const zego_env_t &env,
             const Expiry *expiry)
{
    return rooms->clock - expiry->stamp >= env.horizon;
}

} // namespace

void queue_touch(zego_rooms_s *rooms, Expiry *expiry, bool may_be_freed)
{
    dequeue(expiry);
    if (may_be_freed) {
        expiry->stamp = rooms->clock;
        expiry->next = &rooms->queue;
        expiry->prev = rooms->queue.prev;
        expiry->prev->next = expiry;
        rooms->queue.prev = expiry;
    }
}

void evict(zego_rooms_s *rooms, const zego_env_t &env, Expiry *expiry)
{
    if (!expired(rooms, env, expiry)) {
        rooms->evictions++;
    }
    release_oldest(rooms, env.memory, expiry);
}

} // namespace zego

int zego_rooms_expire(zego_rooms_t *rooms, const zego_env_t *env,
                      unsigned steps) noexcept
{
    rooms->clock = std::max(rooms->clock, env->now);
    deliveries_expire(rooms, *env, steps);

    for (; steps > 0; steps--) {
        Expiry *head = rooms->queue.next;
        if (head == &rooms->queue || !expired(rooms, *env, head)) {
            return 0;
        }
        if (has_older(head)) {
            // It waits for the older one, which was named later.
            queue_touch(rooms, head, true);
        } else {
            release_oldest(rooms, env->memory, head);
        }
    }
    return 1;
}

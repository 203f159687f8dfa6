// For tests: do two zones hold the same facts?

#include "rooms.h"

using namespace zego;

namespace {

// Compares two trees, node by node in order.
template <class Same> bool same_trees(const Tree &a, const Tree &b, Same same)
{
    const TreeNode *x = tree_first(a);
    const TreeNode *y = tree_first(b);
    while (x != tree_end(a) && y != tree_end(b)) {
        if (!same(x, y)) {
            return false;
        }
        x = tree_next(x);
        y = tree_next(y);
    }
    return x == tree_end(a) && y == tree_end(b);
}

bool same_text(const Text &a, const char *a_head, const Text &b,
               const char *b_head)
{
    std::array<char, text_max> bytes;
    return text_compare(a, a_head, text_read(b, b_head, bytes.data())) == 0;
}

template <class Entry> bool same_register(const Entry *a, const Entry *b)
{
    return a->reg.seq == b->reg.seq && a->reg.time == b->reg.time &&
           a->reg.code == b->reg.code && a->reg.closed == b->reg.closed &&
           same_text(a->reg.text, head_of(a), b->reg.text, head_of(b));
}

bool same_streams(const TreeNode *x, const TreeNode *y)
{
    const Stream *a = stream_at(x);
    const Stream *b = stream_at(y);
    return same_register(a, b) && a->close_time == b->close_time;
}

bool same_users(const TreeNode *x, const TreeNode *y)
{
    const User *a = user_at(x);
    const User *b = user_at(y);
    return same_register(a, b) && a->session_id == b->session_id &&
           a->login_time == b->login_time && a->role == b->role;
}

bool same_sessions(const TreeNode *x, const TreeNode *y)
{
    const Session *a = session_at(x);
    const Session *b = session_at(y);
    return a->id == b->id && a->first == b->first && a->created == b->created &&
           a->closed == b->closed && a->closed_as == b->closed_as &&
           same_text(a->created_text, nullptr, b->created_text, nullptr) &&
           window_equal(a->stream_seq, b->stream_seq) &&
           window_equal(a->user_update_seq, b->user_update_seq) &&
           same_trees(a->streams, b->streams, same_streams) &&
           same_trees(a->users, b->users, same_users);
}

bool same_rooms(const TreeNode *x, const TreeNode *y)
{
    return room_key(x) == room_key(y) &&
           same_trees(room_at(x)->sessions, room_at(y)->sessions,
                      same_sessions);
}

} // namespace

int zego_rooms_equal(const zego_rooms_t *a, const zego_rooms_t *b) noexcept
{
    return same_trees(a->rooms, b->rooms, same_rooms) ? 1 : 0;
}

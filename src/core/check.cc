// For tests: what must hold whatever happened.

#include "changes.h"
#include "deliver.h"
#include "trace.h"

using namespace zego;

namespace {

struct Totals {
    std::uint64_t entries;
    std::uint64_t rooms_live;
    std::uint64_t streams_indexed;
    std::uint64_t users_indexed;
    std::uint64_t queued;
    Counts live;
};

// How many black nodes there are on every way down, or -1: links that are not
// mutual, a red node under a red one, ways that differ.
int black_height(const TreeNode *node, const TreeNode *parent)
{
    if (node == nullptr) {
        return 0;
    }
    const bool red = TreeTraits::get_color(node) == TreeTraits::red();
    if (TreeTraits::get_parent(node) != parent ||
        (red && TreeTraits::get_color(parent) == TreeTraits::red())) {
        return -1;
    }
    const int left = black_height(node->left, node);
    if (left < 0 || left != black_height(node->right, node)) {
        return -1;
    }
    return left + (red ? 0 : 1);
}

bool balanced(const Tree &tree)
{
    const TreeNode *header = &tree.header;
    const TreeNode *root = TreeTraits::get_parent(header);
    if (root == nullptr) {
        return header->left == header && header->right == header;
    }
    if (black_height(root, header) < 0) {
        return false;
    }
    const TreeNode *first = root;
    while (first->left != nullptr) {
        first = first->left;
    }
    const TreeNode *last = root;
    while (last->right != nullptr) {
        last = last->right;
    }
    return header->left == first && header->right == last;
}

template <class KeyOf> bool sorted(const Tree &tree, KeyOf key_of)
{
    if (!balanced(tree)) {
        return false;
    }
    const TreeNode *last = nullptr;
    for (const TreeNode *node = tree_first(tree); node != tree_end(tree);
         node = tree_next(node)) {
        if (last != nullptr && !(key_of(last) < key_of(node))) {
            return false;
        }
        last = node;
    }
    return true;
}

std::uint64_t size_of(const Tree &tree)
{
    return TreeAlgorithms::size(&tree.header);
}

// There is space for all, and no block too many.
bool text_fits(const Text &text)
{
    const std::size_t size = text_size(text);
    std::size_t space = text.room;
    for (const Block *block = text.more; block != nullptr;
         block = block->next) {
        if (space >= size || block->size > chunk_max - sizeof(Block)) {
            return false;
        }
        space += block->size;
    }
    return size <= space;
}

bool register_fits(const Register &reg, const Session *session,
                   std::size_t entry_size)
{
    return reg.session == session && reg.revision <= session->revision &&
           entry_size + reg.text.room <= chunk_max &&
           reg.text.len[text_id] <= reg.text.room && text_fits(reg.text);
}

const char *check_queued(const Expiry &expiry, bool may_be_freed,
                         Totals &totals)
{
    totals.queued += may_be_freed ? 1 : 0;
    return may_be_freed == (expiry.prev != nullptr)
               ? nullptr
               : "the queue holds what it must not, or not what it must";
}

const char *check_streams(const Session *session, Totals &totals)
{
    std::uint64_t live = 0;
    for (const TreeNode *node = tree_first(session->streams);
         node != tree_end(session->streams); node = tree_next(node)) {
        const Stream *stream = stream_at(node);
        if (!register_fits(stream->reg, session, sizeof(Stream))) {
            return "a stream is torn";
        }
        live += stream->reg.closed ? 0 : 1;
        totals.entries++;
        const char *wrong =
            check_queued(stream->reg.expiry, stream->reg.closed, totals);
        if (wrong != nullptr) {
            return wrong;
        }
    }
    totals.streams_indexed += live;
    return live == session->streams_live ? nullptr : "streams are miscounted";
}

const char *check_users(const Session *session, Totals &totals)
{
    std::uint64_t live = 0;
    std::uint64_t admins = 0;
    for (const TreeNode *node = tree_first(session->users);
         node != tree_end(session->users); node = tree_next(node)) {
        const User *user = user_at(node);
        if (!register_fits(user->reg, session, sizeof(User))) {
            return "a user is torn";
        }
        const bool listed = !user->reg.closed && user_newest(user);
        live += listed ? 1 : 0;
        admins += listed && user->role == role_admin ? 1 : 0;
        totals.entries++;
        const char *wrong = check_queued(user->reg.expiry, !listed, totals);
        if (wrong != nullptr) {
            return wrong;
        }
    }
    totals.users_indexed += live;
    return live == session->users_live && admins == session->admins_live &&
                   size_of(session->users) == size_of(session->users_by_rank)
               ? nullptr
               : "users are miscounted";
}

const char *check_session(const Session *session, Totals &totals)
{
    if (!sorted(session->streams, stream_key) ||
        !sorted(session->users, user_key) ||
        !sorted(session->users_by_rank, user_rank)) {
        return "a tree of a session is out of order";
    }
    if (!window_sound(session->stream_seq) ||
        !window_sound(session->user_update_seq)) {
        return "a window is torn";
    }
    if (session->revision > session->room->revision ||
        !text_fits(session->created_text)) {
        return "a session is torn";
    }
    totals.entries++;
    const bool listed = session_listed(session);
    if (listed) {
        totals.rooms_live++;
        totals.live.streams += session->streams_live;
        totals.live.users += session->users_live;
        totals.live.stream_seq_holes += holes_counted(session->stream_seq);
        totals.live.user_update_seq_holes +=
            holes_counted(session->user_update_seq);
    }
    const char *wrong = check_queued(session->expiry, !listed, totals);
    if (wrong == nullptr) {
        wrong = check_streams(session, totals);
    }
    if (wrong == nullptr) {
        wrong = check_users(session, totals);
    }
    return wrong;
}

const char *check_room(const Room *room, std::uint64_t revision, Totals &totals)
{
    if (room->revision > revision) {
        return "a room is newer than the zone";
    }
    if (tree_empty(room->sessions)) {
        return "a room has no session";
    }
    if (!sorted(room->sessions, session_key) ||
        !sorted(room->sessions_by_rank, session_rank) ||
        size_of(room->sessions) != size_of(room->sessions_by_rank)) {
        return "the sessions of a room are out of order";
    }
    for (const TreeNode *node = tree_first(room->sessions);
         node != tree_end(room->sessions); node = tree_next(node)) {
        const Session *session = session_at(node);
        if (session->room != room) {
            return "a session is torn";
        }
        const char *wrong = check_session(session, totals);
        if (wrong != nullptr) {
            return wrong;
        }
    }
    return nullptr;
}

const char *check_queue(const zego_rooms_s *rooms, std::uint64_t queued)
{
    std::uint64_t stamp = 0;
    const Expiry *prev = &rooms->queue;
    for (const Expiry *expiry = rooms->queue.next; expiry != &rooms->queue;
         expiry = expiry->next) {
        if (expiry->prev != prev || expiry->stamp < stamp ||
            expiry->stamp > rooms->clock || queued == 0) {
            return "the queue is torn";
        }
        stamp = expiry->stamp;
        prev = expiry;
        queued--;
    }
    return queued == 0 && rooms->queue.prev == prev ? nullptr
                                                    : "the queue is torn";
}

} // namespace

const char *zego_rooms_check(const zego_rooms_t *rooms) noexcept
{
    if (!sorted(rooms->rooms, room_key) ||
        !sorted(rooms->rooms_by_name, name_key) ||
        !sorted(rooms->streams, stream_index_key) ||
        !sorted(rooms->users, user_index_key)) {
        return "an index is out of order";
    }

    Totals totals = {};
    for (const TreeNode *node = tree_first(rooms->rooms);
         node != tree_end(rooms->rooms); node = tree_next(node)) {
        const char *wrong =
            check_room(room_at(node), rooms->version.revision, totals);
        if (wrong != nullptr) {
            return wrong;
        }
    }

    if (size_of(rooms->rooms_by_name) != totals.rooms_live ||
        size_of(rooms->streams) != totals.streams_indexed ||
        size_of(rooms->users) != totals.users_indexed) {
        return "an index holds what it must not, or not what it must";
    }
    if (rooms->entries != totals.entries ||
        rooms->rooms_live != totals.rooms_live ||
        rooms->live.streams != totals.live.streams ||
        rooms->live.users != totals.live.users ||
        rooms->live.stream_seq_holes != totals.live.stream_seq_holes ||
        rooms->live.user_update_seq_holes !=
            totals.live.user_update_seq_holes) {
        return "the zone's counts are wrong";
    }
    const char *wrong = deliveries_check(rooms);
    if (wrong == nullptr) {
        wrong = ring_check(rooms);
    }
    if (wrong == nullptr && rooms->trace != nullptr) {
        wrong = trace_check(rooms->trace);
    }
    return wrong != nullptr ? wrong : check_queue(rooms, totals.queued);
}

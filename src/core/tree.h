// Ordered trees through nodes inside the entries: Boost.Intrusive's red-black
// algorithms over a plain struct, so that they can live in shared memory.

#ifndef ZEGO_CORE_TREE_H
#define ZEGO_CORE_TREE_H

#include <boost/intrusive/rbtree_algorithms.hpp>
#include <cstddef>
#include <cstdint>

namespace zego {

struct TreeNode {
    std::uintptr_t parent; // the lowest bit says red
    TreeNode *left;
    TreeNode *right;
};

struct TreeTraits {
    using node = TreeNode;
    using node_ptr = TreeNode *;
    using const_node_ptr = const TreeNode *;
    using color = std::uintptr_t;

    static node_ptr get_parent(const_node_ptr n)
    {
        return reinterpret_cast<node_ptr>(n->parent & ~red());
    }
    static void set_parent(node_ptr n, node_ptr parent)
    {
        n->parent =
            reinterpret_cast<std::uintptr_t>(parent) | (n->parent & red());
    }
    static node_ptr get_left(const_node_ptr n) { return n->left; }
    static void set_left(node_ptr n, node_ptr left) { n->left = left; }
    static node_ptr get_right(const_node_ptr n) { return n->right; }
    static void set_right(node_ptr n, node_ptr right) { n->right = right; }
    static color get_color(const_node_ptr n) { return n->parent & red(); }
    static void set_color(node_ptr n, color c)
    {
        n->parent = (n->parent & ~red()) | c;
    }
    static color black() { return 0; }
    static color red() { return 1; }
};

using TreeAlgorithms = boost::intrusive::rbtree_algorithms<TreeTraits>;

struct Tree {
    TreeNode header;
};

inline void tree_init(Tree &tree)
{
    tree.header.parent = 0;
    TreeAlgorithms::init_header(&tree.header);
}

inline TreeNode *tree_first(const Tree &tree)
{
    return TreeAlgorithms::begin_node(&tree.header);
}

inline TreeNode *tree_end(const Tree &tree)
{
    return TreeAlgorithms::end_node(&tree.header);
}

inline bool tree_empty(const Tree &tree)
{
    return TreeAlgorithms::unique(&tree.header);
}

// Not of an empty tree.
inline TreeNode *tree_last(const Tree &tree)
{
    return tree.header.right;
}

inline TreeNode *tree_next(const TreeNode *node)
{
    return TreeAlgorithms::next_node(const_cast<TreeNode *>(node));
}

inline TreeNode *tree_prev(const TreeNode *node)
{
    return TreeAlgorithms::prev_node(const_cast<TreeNode *>(node));
}

inline void tree_erase(Tree &tree, TreeNode *node)
{
    TreeAlgorithms::erase(&tree.header, node);
}

inline void tree_replace(Tree &tree, TreeNode *old_node, TreeNode *new_node)
{
    TreeAlgorithms::replace_node(old_node, &tree.header, new_node);
}

// The first node whose key is not less than key; key_of reads a node's.
template <class Key, class KeyOf>
TreeNode *tree_lower_bound(const Tree &tree, const Key &key, KeyOf key_of)
{
    return TreeAlgorithms::lower_bound(
        &tree.header, key, [key_of](const TreeNode *node, const Key &k) {
            return key_of(node) < k;
        });
}

// The node with that key, or nullptr.
template <class Key, class KeyOf>
TreeNode *tree_find(const Tree &tree, const Key &key, KeyOf key_of)
{
    TreeNode *node = tree_lower_bound(tree, key, key_of);
    return node != tree_end(tree) && key_of(node) == key ? node : nullptr;
}

template <class KeyOf>
void tree_insert(Tree &tree, TreeNode *node, KeyOf key_of)
{
    TreeAlgorithms::insert_equal_upper_bound(
        &tree.header, node, [key_of](const TreeNode *a, const TreeNode *b) {
            return key_of(a) < key_of(b);
        });
}

} // namespace zego

#endif

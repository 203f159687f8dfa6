// LMDB in the terms of the core: values as views, cursors that know whether
// they stand on something.

#ifndef ZEGO_CORE_LMDB_H
#define ZEGO_CORE_LMDB_H

#include <lmdb.h>
#include <string_view>

namespace zego {

inline MDB_val value_of(std::string_view bytes)
{
    return {bytes.size(), const_cast<char *>(bytes.data())};
}

inline std::string_view view_of(const MDB_val &value)
{
    return {static_cast<const char *>(value.mv_data), value.mv_size};
}

// To be closed before the end of its transaction.
struct Cursor {
    MDB_cursor *cursor = nullptr;
    MDB_val key = {};
    MDB_val value = {};
    bool found = false;

    Cursor() = default;
    Cursor(const Cursor &) = delete;
    Cursor &operator=(const Cursor &) = delete;
    ~Cursor()
    {
        if (cursor != nullptr) {
            mdb_cursor_close(cursor);
        }
    }
};

inline int cursor_open(Cursor &c, MDB_txn *txn, MDB_dbi dbi)
{
    return mdb_cursor_open(txn, dbi, &c.cursor);
}

// That there is nothing is no error.
inline int cursor_get(Cursor &c, MDB_cursor_op op)
{
    const int rc = mdb_cursor_get(c.cursor, &c.key, &c.value, op);
    c.found = rc == MDB_SUCCESS;
    return rc == MDB_NOTFOUND ? MDB_SUCCESS : rc;
}

// To the first at key or after it.
inline int cursor_seek(Cursor &c, std::string_view key)
{
    c.key = value_of(key);
    return cursor_get(c, key.empty() ? MDB_FIRST : MDB_SET_RANGE);
}

} // namespace zego

#endif

// Merging the image of a zone into the records: what is in both is made equal,
// what is in the image only is added, and what is not in it any more is
// deleted.  A piece with which nothing changes takes no write transaction.

#include "image.h"
#include "store.h"

using namespace zego;

namespace {

// So many entries are deleted, and those that must go with them, or cut off in
// one transaction, so that others have their turn.
constexpr unsigned deletes_max = 1024;
constexpr unsigned cut_max = 2048;

struct Merge {
    zego_image_s *image;
    Record record{};
    bool changes = false; // something is to be written
    bool more = false;    // and something is left for another transaction
};

// One walk over what a piece covers.
struct Walk {
    MDB_txn *txn;
    zego_store_s *store;
    bool writes;
    Cursor c{};
    Cursor out{};
    unsigned deletes = 0;
    StoreKey deleted{}; // the last one
    bool stopped = false;
};

std::string_view view_of_key(const StoreKey &key)
{
    return {key.bytes.data(), key.len};
}

// What is behind all of a group, and before what follows it.
StoreKey end_of_group(const StoreKey &key)
{
    StoreKey end = key;
    end.len = group_of(view_of_key(key));
    for (unsigned n = 0; n <= sizeof(std::uint64_t); n++) {
        end.bytes[end.len++] = '\xff';
    }
    return end;
}

bool same_group(const StoreKey &key, std::string_view other)
{
    const std::string_view whole = view_of_key(key);
    return other.starts_with(whole.substr(0, group_of(whole)));
}

// Deletes what stands before key, or all; not only a part of a group.
int delete_before(Walk &walk, Merge &merge, const StoreKey *key)
{
    Cursor &c = walk.c;
    int rc = MDB_SUCCESS;
    while (rc == MDB_SUCCESS && c.found &&
           (key == nullptr || view_of(c.key) < view_of_key(*key))) {
        merge.changes = true;
        if (!walk.writes) {
            return MDB_SUCCESS;
        }
        if (walk.deletes >= deletes_max &&
            !same_group(walk.deleted, view_of(c.key))) {
            walk.stopped = true;
            return MDB_SUCCESS;
        }
        walk.deleted.len = view_of(c.key).copy(walk.deleted.bytes.data(),
                                               walk.deleted.bytes.size());
        walk.deletes++;
        rc = mdb_cursor_del(c.cursor, 0);
        if (rc == MDB_SUCCESS) {
            rc = cursor_get(c, MDB_NEXT);
        }
    }
    return rc;
}

int put_record(Walk &walk, Merge &merge, const StoreKey &key,
               std::string_view bytes)
{
    merge.changes = true;
    return walk.writes
               ? put_sealed(walk.out.cursor, view_of_key(key), {}, bytes, 0)
               : MDB_SUCCESS;
}

// The cursor stands at key or after it, and will stand after it.
int merge_record(Walk &walk, Merge &merge, const StoreKey &key,
                 std::string_view bytes)
{
    Cursor &c = walk.c;
    const bool there = c.found && view_of(c.key) == view_of_key(key);
    std::string_view old;
    if (there && unseal(c.value, &old) && old == bytes) {
        return cursor_get(c, MDB_NEXT);
    }
    int rc = put_record(walk, merge, key, bytes);
    if (rc == MDB_SUCCESS && walk.writes) {
        rc = cursor_seek(c, view_of_key(key));
    }
    return rc == MDB_SUCCESS && (there || walk.writes) ? cursor_get(c, MDB_NEXT)
                                                       : rc;
}

// Of a group of which a part came with the piece before.
int merge_part(Walk &walk, Merge &merge, const StoreKey &key,
               std::string_view bytes)
{
    MDB_val k = value_of(view_of_key(key));
    MDB_val value = {};
    const int rc = mdb_get(walk.txn, walk.store->records, &k, &value);
    std::string_view old;
    if (rc == MDB_SUCCESS && unseal(value, &old) && old == bytes) {
        return rc;
    }
    return rc == MDB_SUCCESS || rc == MDB_NOTFOUND
               ? put_record(walk, merge, key, bytes)
               : rc;
}

int merge_piece(Walk &walk, Merge &merge)
{
    zego_image_s *image = merge.image;
    int rc = cursor_open(walk.c, walk.txn, walk.store->records);
    if (rc == MDB_SUCCESS) {
        rc = cursor_open(walk.out, walk.txn, walk.store->records);
    }
    if (rc == MDB_SUCCESS) {
        rc = cursor_seek(walk.c, view_of_key(image->covered));
    }

    StoreKey key;
    std::string_view rest{image->bytes.data(), image->len};
    while (rc == MDB_SUCCESS && !rest.empty()) {
        const std::string_view bytes = rest.substr(0, record_size(rest));
        rest.remove_prefix(bytes.size());
        if (!record_read_entries(merge.record, bytes)) {
            return store_damaged;
        }
        key = store_key(merge.record.fact);
        if (image->split || view_of_key(key) < view_of_key(image->covered)) {
            rc = merge_part(walk, merge, key, bytes);
            continue;
        }
        rc = delete_before(walk, merge, &key);
        if (rc != MDB_SUCCESS || walk.stopped ||
            (merge.changes && !walk.writes)) {
            return rc;
        }
        rc = merge_record(walk, merge, key, bytes);
    }
    if (rc != MDB_SUCCESS || (merge.changes && !walk.writes)) {
        return rc;
    }

    if (image->last) {
        return delete_before(walk, merge, nullptr);
    }
    if (key.len == 0 || image->split) {
        return MDB_SUCCESS;
    }
    const StoreKey end = end_of_group(key);
    return delete_before(walk, merge, &end);
}

// Where the next piece begins.
void cover(zego_image_s *image, Record &record)
{
    std::string_view rest{image->bytes.data(), image->len};
    std::string_view last;
    while (!rest.empty()) {
        last = rest.substr(0, record_size(rest));
        rest.remove_prefix(last.size());
    }
    if (!last.empty() && record_read_entries(record, last)) {
        image->covered = end_of_group(store_key(record.fact));
    }
}

int begin_work(MDB_txn *txn, zego_store_s *store, void *data)
{
    auto *image = static_cast<zego_image_s *>(data);
    int dead = 0; // what they read would be kept for ever
    int rc = mdb_reader_check(store->env, &dead);
    if (rc == MDB_SUCCESS) {
        rc = get_number(txn, store, about_image, &image->number);
    }
    return rc == MDB_SUCCESS
               ? put_number(txn, store, about_image, ++image->number)
               : rc;
}

int look_work(MDB_txn *txn, zego_store_s *store, void *data)
{
    auto *merge = static_cast<Merge *>(data);
    Walk walk{txn, store, false};
    merge->changes = false;
    return merge_piece(walk, *merge);
}

int merge_work(MDB_txn *txn, zego_store_s *store, void *data)
{
    auto *merge = static_cast<Merge *>(data);
    Walk walk{txn, store, true};
    int rc = image_current(txn, store, merge->image);
    if (rc == MDB_SUCCESS) {
        rc = merge_piece(walk, *merge);
    }
    merge->more = walk.stopped;
    return rc;
}

struct Cut {
    const zego_image_s *image;
    std::uint64_t upto;
    bool more;
};

int cut_work(MDB_txn *txn, zego_store_s *store, void *data)
{
    auto *cut = static_cast<Cut *>(data);
    cut->more = false;
    int rc = image_current(txn, store, cut->image);

    Cursor c;
    if (rc == MDB_SUCCESS) {
        rc = cursor_open(c, txn, store->journal);
    }
    if (rc == MDB_SUCCESS) {
        rc = cursor_get(c, MDB_FIRST);
    }
    std::uint64_t next = 0;
    for (unsigned n = 0;
         rc == MDB_SUCCESS && c.found && journal_number(c.key) <= cut->upto;
         n++) {
        if (n == cut_max) {
            cut->more = true;
            break;
        }
        next = journal_number(c.key) + 1;
        rc = mdb_cursor_del(c.cursor, 0);
        if (rc == MDB_SUCCESS) {
            rc = cursor_get(c, MDB_FIRST);
        }
    }
    return rc == MDB_SUCCESS && next > 0
               ? put_number(txn, store, about_next, next)
               : rc;
}

} // namespace

zego_store_e zego_store_begin(zego_store_t *store, zego_image_t *image) noexcept
{
    return store_write(store, begin_work, image);
}

zego_store_e zego_store_merge(zego_store_t *store, zego_image_t *image) noexcept
{
    Merge merge{image};
    zego_store_e rc = store_read(store, look_work, &merge);
    if (rc == ZEGO_STORE_OK && merge.changes) {
        rc = store_write(store, merge_work, &merge);
    }
    if (rc == ZEGO_STORE_OK && merge.more) {
        rc = ZEGO_STORE_MORE;
    }
    if (rc == ZEGO_STORE_OK) {
        cover(image, merge.record);
    }
    return rc;
}

zego_store_e zego_store_cut(zego_store_t *store, const zego_image_t *image,
                            uint64_t upto) noexcept
{
    Cut cut{image, upto, false};
    const zego_store_e rc = store_write(store, cut_work, &cut);
    return rc == ZEGO_STORE_OK && cut.more ? ZEGO_STORE_MORE : rc;
}

// A store on disk, in LMDB: what a zone holds, so that it survives a stop.
//
// journal: what callbacks changed, in the order of the commits: their entries
// as they stood in the zone.  A commit appends to it and to nothing else.
// records: all entries as they stood when the last image of a zone was merged.
//
// What a store holds is the join of both.  The journal is cut off up to a
// number once an image is in the records of a zone that had joined all up to
// that number.

#ifndef ZEGO_CORE_STORE_H
#define ZEGO_CORE_STORE_H

#include "lmdb.h"
#include "record.h"

#include <climits>
#include <sys/types.h>

struct zego_store_s {
    zego_memory_t memory;
    std::array<char, PATH_MAX> dir;
    std::size_t map_size;

    MDB_env *env; // nullptr: not open
    MDB_dbi about;
    MDB_dbi records;
    MDB_dbi journal;

    // the files that are open, or were last
    std::uint64_t id; // drawn when they were made; 0: they are gone
    dev_t device;
    ino_t inode;
    ino_t lock_inode;
    std::size_t seen; // the last transaction whose journal was read
    std::array<char, 512> message;
};

namespace zego {

// Before each record in the journal.
struct JournalHead {
    std::uint64_t epoch; // of the zone that it is from
    std::uint64_t now;   // Unix ms
};

// The numbers in about.
constexpr std::string_view about_layout = "layout";
constexpr std::string_view about_id = "id";
constexpr std::string_view about_next = "next"; // if the journal is empty
constexpr std::string_view about_alive = "alive";
constexpr std::string_view about_missed = "missed";
constexpr std::string_view about_image = "image"; // the image begun last

int get_number(MDB_txn *txn, const zego_store_s *store, std::string_view name,
               std::uint64_t *number);
int put_number(MDB_txn *txn, const zego_store_s *store, std::string_view name,
               std::uint64_t number);

// A value has a checksum behind it.  Moves the cursor.
int put_sealed(MDB_cursor *cursor, std::string_view key, std::string_view head,
               std::string_view bytes, unsigned flags);
bool unseal(const MDB_val &value, std::string_view *bytes);

std::uint64_t journal_number(const MDB_val &key);

// Whether this image is the one that was begun last, and its zone has joined
// what was cut off: another may have put there what it lacks.
int image_current(MDB_txn *txn, const zego_store_s *store,
                  const zego_image_s *image);

// All of the journal below this number was cut off.
int journal_first(MDB_txn *txn, const zego_store_s *store,
                  std::uint64_t *number);

// Each of these has the store opened first, and closes it after a failure, as
// LMDB may need that: so it goes on by itself once the cause has gone.

using StoreWork = int (*)(MDB_txn *txn, zego_store_s *store, void *data);

// Runs work in a transaction and commits it, in a larger map where needed.
zego_store_e store_write(zego_store_s *store, StoreWork work, void *data);
zego_store_e store_read(zego_store_s *store, StoreWork work, void *data);

// What a work gives besides the errors of LMDB and of the system.
constexpr int store_behind = -1;
constexpr int store_damaged = -2;

} // namespace zego

#endif

// Reading a store, a piece at a time: all of it, or what others have committed
// since.

#include "store.h"

#include <cstring>
#include <new>

using namespace zego;

namespace {

// What a piece holds, and how many entries of the journal it may look at.
constexpr std::size_t piece_max = 64 * std::size_t{1024};
constexpr unsigned visits_max = 4096;

} // namespace

struct zego_reader_s {
    zego_memory_t memory;

    // Where it stands: at this record, or behind this number of the journal.
    bool begun = false;
    bool in_records = false;
    StoreKey at;
    std::uint64_t number = 0;
    std::uint64_t epoch = 0; // of those in the journal that are left out
    std::uint64_t alive = 0;
    std::uint64_t missed = 0;

    // the piece
    bool more = false;
    std::size_t len = 0;
    std::size_t pos = 0;
    std::array<char, piece_max + ZEGO_RECORD_MAX> bytes;
};

namespace {

// Behind its head; false: it is no entry of the journal.
bool unseal_entry(const Cursor &c, std::string_view *record)
{
    std::string_view bytes;
    if (c.key.mv_size != sizeof(std::uint64_t) || !unseal(c.value, &bytes) ||
        bytes.size() < sizeof(JournalHead)) {
        return false;
    }
    *record = bytes.substr(sizeof(JournalHead));
    return true;
}

bool add(zego_reader_s *reader, std::string_view record)
{
    if (record.size() > ZEGO_RECORD_MAX ||
        record_size(record) != record.size()) {
        return false;
    }
    reader->len +=
        record.copy(reader->bytes.data() + reader->len, record.size());
    return true;
}

void start_records(zego_reader_s *reader, std::uint64_t first)
{
    reader->in_records = true;
    reader->at.len = 0;
    reader->number = first - 1;
    reader->epoch = 0;
}

int read_records(MDB_txn *txn, zego_store_s *store, zego_reader_s *reader)
{
    Cursor c;
    int rc = cursor_open(c, txn, store->records);
    if (rc == MDB_SUCCESS) {
        rc = cursor_seek(c, {reader->at.bytes.data(), reader->at.len});
    }
    for (; rc == MDB_SUCCESS && c.found; rc = cursor_get(c, MDB_NEXT)) {
        if (reader->len > piece_max) {
            reader->at.len = view_of(c.key).copy(reader->at.bytes.data(),
                                                 reader->at.bytes.size());
            return MDB_SUCCESS;
        }
        std::string_view record;
        if (!unseal(c.value, &record) || !add(reader, record)) {
            return store_damaged;
        }
    }
    reader->in_records = false;
    return rc;
}

int read_journal(MDB_txn *txn, zego_store_s *store, zego_reader_s *reader)
{
    Cursor c;
    const std::uint64_t next = reader->number + 1;
    int rc = cursor_open(c, txn, store->journal);
    if (rc == MDB_SUCCESS) {
        rc = cursor_seek(c,
                         {reinterpret_cast<const char *>(&next), sizeof(next)});
    }
    for (unsigned n = 0; rc == MDB_SUCCESS && c.found;
         rc = cursor_get(c, MDB_NEXT), n++) {
        if (reader->len > piece_max || n == visits_max) {
            return MDB_SUCCESS;
        }
        JournalHead head;
        if (c.value.mv_size < sizeof(head)) {
            return store_damaged;
        }
        std::memcpy(&head, c.value.mv_data, sizeof(head));
        if (head.epoch != reader->epoch || head.epoch == 0) {
            std::string_view record;
            if (!unseal_entry(c, &record) || !add(reader, record)) {
                return store_damaged;
            }
        }
        reader->alive = std::max(reader->alive, head.now);
        reader->number = journal_number(c.key);
    }
    reader->more = rc != MDB_SUCCESS;
    store->seen = mdb_txn_id(txn);
    return rc;
}

int read_work(MDB_txn *txn, zego_store_s *store, void *data)
{
    auto *reader = static_cast<zego_reader_s *>(data);
    reader->more = true;
    reader->len = 0;
    reader->pos = 0;

    // What was cut off before it was read is in the records.
    std::uint64_t first = 0;
    int rc = journal_first(txn, store, &first);
    if (rc == MDB_SUCCESS) {
        std::uint64_t alive = 0;
        rc = get_number(txn, store, about_alive, &alive);
        reader->alive = std::max(reader->alive, alive);
    }
    if (rc == MDB_SUCCESS) {
        rc = get_number(txn, store, about_missed, &reader->missed);
    }
    if (rc != MDB_SUCCESS) {
        return rc;
    }
    if (!reader->begun || (!reader->in_records && reader->number + 1 < first)) {
        reader->begun = true;
        start_records(reader, first);
    }
    return reader->in_records ? read_records(txn, store, reader)
                              : read_journal(txn, store, reader);
}

bool is_record(Record &record, std::string_view bytes, std::string_view key)
{
    if (!record_read(record, bytes)) {
        return false;
    }
    const StoreKey own = store_key(record.fact);
    return record.session != (record.fact.reg != nullptr) &&
           std::string_view{own.bytes.data(), own.len} == key;
}

int check_work(MDB_txn *txn, zego_store_s *store, void *data)
{
    auto &record = *static_cast<Record *>(data);
    std::string_view bytes;

    // Pages that refer to each other in a circle give keys out of order.
    Cursor c;
    std::string_view key;
    int rc = cursor_open(c, txn, store->records);
    if (rc == MDB_SUCCESS) {
        rc = cursor_get(c, MDB_FIRST);
    }
    for (; rc == MDB_SUCCESS && c.found; rc = cursor_get(c, MDB_NEXT)) {
        if (view_of(c.key) <= key || !unseal(c.value, &bytes) ||
            !is_record(record, bytes, view_of(c.key))) {
            return store_damaged;
        }
        key = view_of(c.key);
    }

    Cursor j;
    std::uint64_t number = 0;
    if (rc == MDB_SUCCESS) {
        rc = cursor_open(j, txn, store->journal);
    }
    if (rc == MDB_SUCCESS) {
        rc = cursor_get(j, MDB_FIRST);
    }
    for (; rc == MDB_SUCCESS && j.found; rc = cursor_get(j, MDB_NEXT)) {
        if (!unseal_entry(j, &bytes) || journal_number(j.key) <= number ||
            !record_read(record, bytes)) {
            return store_damaged;
        }
        number = journal_number(j.key);
    }
    return rc;
}

} // namespace

zego_reader_t *zego_reader_create(const zego_memory_t *memory) noexcept
{
    void *p = allocate(*memory, sizeof(zego_reader_s));
    if (p == nullptr) {
        return nullptr;
    }
    auto *reader = new (p) zego_reader_s;
    reader->memory = *memory;
    return reader;
}

void zego_reader_destroy(zego_reader_t *reader) noexcept
{
    release(reader->memory, reader);
}

void zego_reader_after(zego_reader_t *reader, uint64_t number,
                       uint64_t epoch) noexcept
{
    reader->begun = true;
    reader->number = number;
    reader->epoch = epoch;
}

uint64_t zego_reader_number(const zego_reader_t *reader) noexcept
{
    return reader->number;
}

uint64_t zego_reader_alive(const zego_reader_t *reader) noexcept
{
    return reader->alive;
}

uint64_t zego_reader_missed(const zego_reader_t *reader) noexcept
{
    return reader->missed;
}

zego_str_t zego_reader_next(zego_reader_t *reader) noexcept
{
    const char *data = reader->bytes.data() + reader->pos;
    const std::size_t len = record_size({data, reader->len - reader->pos});
    reader->pos += len;
    return {data, len};
}

zego_store_e zego_store_read(zego_store_t *store,
                             zego_reader_t *reader) noexcept
{
    const zego_store_e rc = store_read(store, read_work, reader);
    return rc == ZEGO_STORE_OK && reader->more ? ZEGO_STORE_MORE : rc;
}

zego_store_e zego_store_check(zego_store_t *store) noexcept
{
    Record record;
    return store_read(store, check_work, &record);
}

#include "store.h"

#include "image.h"

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <initializer_list>
#include <new>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

using namespace zego;

namespace zego {

namespace {

constexpr unsigned readers_max = 1024;

// What LMDB needs for them and for itself.
constexpr off_t lock_size = 64 * readers_max + 4096;

using Crc = std::uint32_t;

Crc crc_of(std::string_view bytes)
{
    return static_cast<Crc>(crc32_z(
        0, reinterpret_cast<const Bytef *>(bytes.data()), bytes.size()));
}

void close_store(zego_store_s *store)
{
    if (store->env != nullptr) {
        mdb_env_close(store->env);
        store->env = nullptr;
        store->seen = 0; // others' transactions may have the same numbers
    }
}

zego_store_e fail(zego_store_s *store, zego_store_e rc,
                  std::initializer_list<std::string_view> message)
{
    close_store(store);
    std::size_t len = 0;
    for (const std::string_view part : message) {
        len += part.copy(store->message.data() + len,
                         store->message.size() - 1 - len);
    }
    store->message[len] = '\0';
    return rc;
}

zego_store_e damaged(zego_store_s *store, std::string_view why)
{
    return fail(store, ZEGO_STORE_DAMAGED,
                {"is damaged (", why,
                 "): restore a copy of it, or move it away to start empty"});
}

zego_store_e fail(zego_store_s *store, std::string_view what, int rc)
{
    switch (rc) {
    case store_damaged:
        return damaged(store, "a record is wrong");
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_CURSOR_FULL:
    case MDB_INCOMPATIBLE:
    case MDB_BAD_VALSIZE:
        return damaged(store, mdb_strerror(rc));
    default:
        return fail(store, ZEGO_STORE_FAILED,
                    {what, " failed: ", mdb_strerror(rc)});
    }
}

void path_in(const zego_store_s *store, const char *name,
             std::array<char, PATH_MAX + 16> &path)
{
    std::snprintf(path.data(), path.size(), "%s/%s", store->dir.data(), name);
}

int sync_directory(const zego_store_s *store, const char *name)
{
    std::array<char, PATH_MAX + 16> path;
    path_in(store, name, path);
    const int fd = open(path.data(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd == -1) {
        // one that may not be read: whoever made it has to see to that
        return errno == EACCES ? 0 : errno;
    }
    const int rc = fsync(fd) == -1 ? errno : 0;
    close(fd);
    return rc;
}

int open_databases(zego_store_s *store, MDB_txn *txn, unsigned flags)
{
    int rc = mdb_dbi_open(txn, "about", flags, &store->about);
    if (rc == MDB_SUCCESS) {
        rc = mdb_dbi_open(txn, "records", flags, &store->records);
    }
    if (rc == MDB_SUCCESS) {
        rc = mdb_dbi_open(txn, "journal", flags | MDB_INTEGERKEY,
                          &store->journal);
    }
    return rc;
}

int make_databases(MDB_txn *txn, zego_store_s *store, void * /* data */)
{
    std::uint64_t id = 0;
    if (getentropy(&id, sizeof(id)) == -1) {
        return errno;
    }
    int rc = open_databases(store, txn, MDB_CREATE);
    if (rc == MDB_SUCCESS) {
        rc = put_number(txn, store, about_layout, record_layout);
    }
    return rc == MDB_SUCCESS ? put_number(txn, store, about_id, id) : rc;
}

bool is_empty(MDB_txn *txn)
{
    MDB_dbi dbi = 0;
    MDB_stat stat = {};
    return mdb_dbi_open(txn, nullptr, 0, &dbi) == MDB_SUCCESS &&
           mdb_stat(txn, dbi, &stat) == MDB_SUCCESS && stat.ms_entries == 0;
}

struct Opening {
    bool empty;
    std::uint64_t layout;
    std::uint64_t id;
};

int find_databases(MDB_txn *txn, zego_store_s *store, void *data)
{
    auto *opening = static_cast<Opening *>(data);
    opening->empty = is_empty(txn);
    if (opening->empty) {
        return MDB_SUCCESS;
    }
    int rc = open_databases(store, txn, 0);
    if (rc == MDB_SUCCESS) {
        rc = get_number(txn, store, about_layout, &opening->layout);
    }
    return rc == MDB_SUCCESS ? get_number(txn, store, about_id, &opening->id)
                             : rc;
}

int run(zego_store_s *store, unsigned flags, StoreWork work, void *data)
{
    MDB_txn *txn = nullptr;
    int rc = mdb_txn_begin(store->env, nullptr, flags, &txn);
    if (rc != MDB_SUCCESS) {
        return rc;
    }
    rc = work(txn, store, data);
    if (rc != MDB_SUCCESS) {
        mdb_txn_abort(txn);
        return rc;
    }
    return mdb_txn_commit(txn);
}

// With what another process made larger, or what is too small here.
int resize(zego_store_s *store, int rc)
{
    if (rc == MDB_MAP_RESIZED) {
        return mdb_env_set_mapsize(store->env, 0);
    }
    MDB_envinfo info = {};
    mdb_env_info(store->env, &info);
    return mdb_env_set_mapsize(store->env, 2 * info.me_mapsize);
}

int run_resizing(zego_store_s *store, unsigned flags, StoreWork work,
                 void *data)
{
    for (;;) {
        int rc = run(store, flags, work, data);
        if (rc != MDB_MAP_RESIZED && rc != MDB_MAP_FULL) {
            return rc;
        }
        rc = resize(store, rc);
        if (rc != MDB_SUCCESS) {
            return rc;
        }
    }
}

bool is_there(const zego_store_s *store, const char *name, ino_t inode)
{
    std::array<char, PATH_MAX + 16> path;
    path_in(store, name, path);
    struct stat there = {};
    return stat(path.data(), &there) == 0 && there.st_dev == store->device &&
           there.st_ino == inode;
}

bool read_only(const zego_store_s *store)
{
    return store->map_size == 0;
}

// What goes to a file that nobody finds any more is not on disk, and by a lock
// that nobody finds others are not kept out.
zego_store_e still_there(zego_store_s *store)
{
    if (is_there(store, "data.mdb", store->inode) &&
        (read_only(store) || is_there(store, "lock.mdb", store->lock_inode))) {
        return ZEGO_STORE_OK;
    }
    store->id = 0;
    return fail(store, ZEGO_STORE_FAILED,
                {"was removed or replaced while it was in use"});
}

void identify(zego_store_s *store, std::uint64_t id)
{
    store->id = id;
    int fd = -1;
    struct stat file = {};
    mdb_env_get_fd(store->env, &fd);
    fstat(fd, &file);
    store->device = file.st_dev;
    store->inode = file.st_ino;
}

// LMDB would make a lock file to read, too.  Where there is none nobody writes.
unsigned open_flags(const zego_store_s *store)
{
    if (!read_only(store)) {
        return MDB_NOTLS;
    }
    std::array<char, PATH_MAX + 16> lock;
    path_in(store, "lock.mdb", lock);
    const bool locked = access(lock.data(), F_OK) == 0;
    return MDB_NOTLS | MDB_RDONLY | (locked ? 0 : MDB_NOLOCK);
}

// What is found may be in a cache only, where it was left by a process that was
// killed, or by whoever copied the file; what is answered is not.  A file is
// safe once its name is, and so is a directory.
int sync_all(const zego_store_s *store)
{
    if (read_only(store)) {
        return 0;
    }
    int rc = mdb_env_sync(store->env, 1);
    if (rc == MDB_SUCCESS) {
        rc = sync_directory(store, ".");
    }
    return rc == 0 ? sync_directory(store, "..") : rc;
}

int open_at(zego_store_s *store, const char *path, unsigned flags)
{
    int rc = mdb_env_create(&store->env);
    if (rc == MDB_SUCCESS) {
        mdb_env_set_maxdbs(store->env, 3);
        mdb_env_set_maxreaders(store->env, readers_max);
        mdb_env_set_mapsize(store->env, store->map_size);
        rc = mdb_env_open(store->env, path, flags, 0600);
    }
    return rc;
}

bool is_missing(const char *path)
{
    return access(path, F_OK) == -1 && errno == ENOENT;
}

// The file gets its name when all of it is on disk: one that was made by half
// could not be told from one that is damaged.  A lock that is there is that of
// another.
int make_file(zego_store_s *store)
{
    std::array<char, PATH_MAX + 16> path;
    path_in(store, "data.mdb", path);
    if (!is_missing(path.data())) {
        return 0;
    }

    // another may be at it
    const int fd = open(store->dir.data(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd == -1) {
        return errno;
    }
    int rc = flock(fd, LOCK_EX) == -1 ? errno : 0;
    if (rc == 0 && is_missing(path.data())) {
        std::array<char, PATH_MAX + 16> made, lock;
        path_in(store, "new.mdb", made);
        unlink(made.data());
        path_in(store, "lock.mdb", lock);
        unlink(lock.data());
        rc = open_at(store, made.data(), MDB_NOSUBDIR | MDB_NOLOCK);
        if (rc == MDB_SUCCESS) {
            rc = run_resizing(store, 0, make_databases, nullptr);
        }
        close_store(store);
        if (rc == MDB_SUCCESS && rename(made.data(), path.data()) == -1) {
            rc = errno;
        }
    }
    close(fd);
    return rc;
}

// LMDB writes to this file by a map: where there is no room for a page of it,
// that ends the process.
int reserve_lock(zego_store_s *store)
{
    std::array<char, PATH_MAX + 16> path;
    path_in(store, "lock.mdb", path);
    const int fd = open(path.data(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd == -1) {
        return errno;
    }
    const int rc = posix_fallocate(fd, 0, lock_size);
    struct stat file = {};
    fstat(fd, &file);
    store->lock_inode = file.st_ino;
    close(fd);
    return rc == ENOSPC || rc == EDQUOT ? rc : 0;
}

zego_store_e open_env(zego_store_s *store)
{
    // they may go between a failure and this, too
    if (!is_there(store, "data.mdb", store->inode)) {
        store->id = 0;
    }

    int rc = 0;
    if (!read_only(store)) {
        rc = make_file(store);
        if (rc != 0) {
            return fail(store, "making data.mdb", rc);
        }
        rc = reserve_lock(store);
        if (rc != 0) {
            return fail(store, "making lock.mdb", rc);
        }
    }
    rc = open_at(store, store->dir.data(), open_flags(store));
    if (rc != MDB_SUCCESS) {
        return fail(store, "mdb_env_open()", rc);
    }

    // of processes that were killed: what they read would be kept for ever
    int dead = 0;
    rc = mdb_reader_check(store->env, &dead);
    if (rc != MDB_SUCCESS) {
        return fail(store, "mdb_reader_check()", rc);
    }

    Opening opening = {};
    rc = run_resizing(store, MDB_RDONLY, find_databases, &opening);
    if (rc == MDB_NOTFOUND) {
        return damaged(store, "it is a database of something else");
    }
    if (rc != MDB_SUCCESS) {
        return fail(store, "opening databases", rc);
    }
    if (opening.empty) {
        return damaged(store, "it is empty");
    }
    if (opening.layout != record_layout) {
        std::array<char, 24> layout;
        std::snprintf(layout.data(), layout.size(), "%" PRIu64, opening.layout);
        return fail(store, ZEGO_STORE_LAYOUT,
                    {"has layout ", layout.data(),
                     ", which another version of this module wrote: use that, "
                     "or move it away to start empty"});
    }

    rc = sync_all(store);
    if (rc != 0) {
        return fail(store, "fsync()", rc);
    }
    identify(store, opening.id);
    return ZEGO_STORE_OK;
}

zego_store_e find(zego_store_s *store)
{
    return store->env != nullptr ? still_there(store) : open_env(store);
}

struct Batch {
    std::string_view records;
    JournalHead head;
};

int journal_next(MDB_txn *txn, const zego_store_s *store, std::uint64_t *number)
{
    Cursor c;
    int rc = cursor_open(c, txn, store->journal);
    if (rc == MDB_SUCCESS) {
        rc = cursor_get(c, MDB_LAST);
    }
    *number = 1;
    if (rc == MDB_SUCCESS && c.found) {
        *number = journal_number(c.key) + 1;
    } else if (rc == MDB_SUCCESS) {
        rc = get_number(txn, store, about_next, number);
    }
    return rc;
}

int append_work(MDB_txn *txn, zego_store_s *store, void *data)
{
    const auto *batch = static_cast<const Batch *>(data);
    std::uint64_t number = 0;
    Cursor c;
    int rc = journal_next(txn, store, &number);
    if (rc == MDB_SUCCESS) {
        rc = cursor_open(c, txn, store->journal);
    }

    std::string_view rest = batch->records;
    for (; rc == MDB_SUCCESS && !rest.empty(); number++) {
        const std::size_t size = record_size(rest);
        rc = put_sealed(
            c.cursor, {reinterpret_cast<const char *>(&number), sizeof(number)},
            {reinterpret_cast<const char *>(&batch->head), sizeof(batch->head)},
            rest.substr(0, size), MDB_APPEND);
        rest.remove_prefix(size);
    }
    return rc;
}

struct Life {
    std::uint64_t alive;
    std::uint64_t missed;
};

int alive_work(MDB_txn *txn, zego_store_s *store, void *data)
{
    const auto *life = static_cast<const Life *>(data);
    std::uint64_t missed = 0;
    int rc = get_number(txn, store, about_missed, &missed);
    if (rc == MDB_SUCCESS && life->missed > missed) {
        rc = put_number(txn, store, about_missed, life->missed);
    }
    return rc == MDB_SUCCESS ? put_number(txn, store, about_alive, life->alive)
                             : rc;
}

struct Load {
    Batch batch;
    Life life;
};

int load_work(MDB_txn *txn, zego_store_s *store, void *data)
{
    auto *load = static_cast<Load *>(data);
    const int rc = append_work(txn, store, &load->batch);
    return rc == MDB_SUCCESS ? alive_work(txn, store, &load->life) : rc;
}

int stat_work(MDB_txn *txn, zego_store_s *store, void *data)
{
    auto *stat = static_cast<zego_store_stat_t *>(data);
    *stat = {};
    MDB_stat s = {};
    int rc = mdb_stat(txn, store->records, &s);
    stat->records = s.ms_entries;
    if (rc == MDB_SUCCESS) {
        rc = mdb_stat(txn, store->journal, &s);
    }
    stat->journal = s.ms_entries;

    if (rc == MDB_SUCCESS) {
        rc = journal_next(txn, store, &stat->last);
        stat->last--;
    }
    if (rc == MDB_SUCCESS) {
        rc = get_number(txn, store, about_alive, &stat->alive);
    }

    int fd = -1;
    struct stat file = {};
    mdb_env_get_fd(store->env, &fd);
    fstat(fd, &file);
    stat->bytes = static_cast<std::uint64_t>(file.st_blocks) * 512;
    return rc;
}

} // namespace

int get_number(MDB_txn *txn, const zego_store_s *store, std::string_view name,
               std::uint64_t *number)
{
    MDB_val key = value_of(name);
    MDB_val value = {};
    const int rc = mdb_get(txn, store->about, &key, &value);
    if (rc == MDB_SUCCESS) {
        if (value.mv_size != sizeof(*number)) {
            return store_damaged;
        }
        std::memcpy(number, value.mv_data, sizeof(*number));
    }
    return rc == MDB_NOTFOUND ? MDB_SUCCESS : rc;
}

int put_number(MDB_txn *txn, const zego_store_s *store, std::string_view name,
               std::uint64_t number)
{
    MDB_val key = value_of(name);
    MDB_val value{sizeof(number), &number};
    return mdb_put(txn, store->about, &key, &value, 0);
}

int put_sealed(MDB_cursor *cursor, std::string_view key, std::string_view head,
               std::string_view bytes, unsigned flags)
{
    const std::size_t size = head.size() + bytes.size();
    MDB_val k = value_of(key);
    MDB_val value{size + sizeof(Crc), nullptr};
    const int rc = mdb_cursor_put(cursor, &k, &value, flags | MDB_RESERVE);
    if (rc == MDB_SUCCESS) {
        auto *p = static_cast<char *>(value.mv_data);
        head.copy(p, head.size());
        bytes.copy(p + head.size(), bytes.size());
        const Crc crc = crc_of({p, size});
        std::memcpy(p + size, &crc, sizeof(crc));
    }
    return rc;
}

bool unseal(const MDB_val &value, std::string_view *bytes)
{
    Crc crc = 0;
    if (value.mv_size < sizeof(crc)) {
        return false;
    }
    *bytes = view_of(value).substr(0, value.mv_size - sizeof(crc));
    std::memcpy(&crc, bytes->data() + bytes->size(), sizeof(crc));
    return crc == crc_of(*bytes);
}

std::uint64_t journal_number(const MDB_val &key)
{
    std::uint64_t number = 0;
    std::memcpy(&number, key.mv_data, sizeof(number));
    return number;
}

int journal_first(MDB_txn *txn, const zego_store_s *store,
                  std::uint64_t *number)
{
    Cursor c;
    int rc = cursor_open(c, txn, store->journal);
    if (rc == MDB_SUCCESS) {
        rc = cursor_get(c, MDB_FIRST);
    }
    if (rc == MDB_SUCCESS && c.found) {
        *number = journal_number(c.key);
        return MDB_SUCCESS;
    }
    *number = 1;
    return rc == MDB_SUCCESS ? get_number(txn, store, about_next, number) : rc;
}

int image_current(MDB_txn *txn, const zego_store_s *store,
                  const zego_image_s *image)
{
    std::uint64_t number = 0;
    std::uint64_t first = 0;
    int rc = get_number(txn, store, about_image, &number);
    if (rc == MDB_SUCCESS) {
        rc = journal_first(txn, store, &first);
    }
    return rc == MDB_SUCCESS &&
                   (number != image->number || first > image->joined + 1)
               ? store_behind
               : rc;
}

zego_store_e store_read(zego_store_s *store, StoreWork work, void *data)
{
    const zego_store_e found = find(store);
    if (found != ZEGO_STORE_OK) {
        return found;
    }
    const int rc = run_resizing(store, MDB_RDONLY, work, data);
    return rc == MDB_SUCCESS ? ZEGO_STORE_OK
                             : fail(store, "reading from it", rc);
}

zego_store_e store_write(zego_store_s *store, StoreWork work, void *data)
{
    const zego_store_e found = find(store);
    if (found != ZEGO_STORE_OK) {
        return found;
    }
    const int rc = run_resizing(store, 0, work, data);
    if (rc == store_behind) {
        return ZEGO_STORE_BEHIND;
    }
    if (rc != MDB_SUCCESS) {
        return fail(store, "writing to it", rc);
    }
    return still_there(store);
}

} // namespace zego

zego_store_t *zego_store_create(const zego_memory_t *memory, const char *dir,
                                uint64_t map_size) noexcept
{
    const std::string_view path{dir};
    if (path.size() >= PATH_MAX) {
        return nullptr;
    }
    void *p = allocate(*memory, sizeof(zego_store_s));
    if (p == nullptr) {
        return nullptr;
    }
    auto *store = new (p) zego_store_s{};
    store->memory = *memory;
    store->map_size = map_size;
    path.copy(store->dir.data(), path.size());
    return store;
}

void zego_store_destroy(zego_store_t *store) noexcept
{
    close_store(store);
    release(store->memory, store);
}

const char *zego_store_message(const zego_store_t *store) noexcept
{
    return store->message.data();
}

uint64_t zego_store_id(const zego_store_t *store) noexcept
{
    return store->id;
}

uint64_t zego_store_files(const zego_store_t *store) noexcept
{
    // inodes are counted up, and devices are numbers of 32 bits
    return store->env != nullptr
               ? store->inode ^ std::rotl(std::uint64_t{store->device}, 32)
               : 0;
}

int zego_store_changed(const zego_store_t *store) noexcept
{
    MDB_envinfo info = {};
    return store->env != nullptr &&
           mdb_env_info(store->env, &info) == MDB_SUCCESS &&
           info.me_last_txnid != store->seen;
}

zego_store_e zego_store_append(zego_store_t *store, const char *records,
                               size_t len, uint64_t epoch,
                               uint64_t now) noexcept
{
    Batch batch{{records, len}, {epoch, now}};
    return store_write(store, append_work, &batch);
}

zego_store_e zego_store_alive(zego_store_t *store, uint64_t now,
                              uint64_t missed) noexcept
{
    Life life{now, missed};
    return store_write(store, alive_work, &life);
}

zego_store_e zego_store_load(zego_store_t *store, const char *records,
                             size_t len, uint64_t now, uint64_t missed) noexcept
{
    Load load{{{records, len}, {0, now}}, {now, missed}};
    return store_write(store, load_work, &load);
}

zego_store_e zego_store_stat(zego_store_t *store,
                             zego_store_stat_t *stat) noexcept
{
    *stat = {};
    return store_read(store, stat_work, stat);
}

/*
 * LMDB alone, with records of the size of the store's: so many callbacks a
 * second could be committed at most, and what the ways there are to write them
 * give.
 *
 *     bare DIR append|random|sorted|map BATCH FILL SECONDS
 *
 * append: to a journal, as the store does, which is cut off behind.  The others
 * replace, in each commit, BATCH records and as many of their sessions among
 * FILL: in any order, in the order of their keys, or through MDB_WRITEMAP.
 */

#include <fcntl.h>
#include <lmdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ENTRY    230
#define SESSION  250
#define KEPT     200                       /* batches */
#define ROOM     100                       /* streams of one */

static MDB_env *env;
static MDB_dbi records, journal;
static char bytes[ENTRY + SESSION];
static uint64_t next = 1, first = 1;

static void check(int rc, const char *what)
{
    if (rc) {
        fprintf(stderr, "%s: %s\n", what, mdb_strerror(rc));
        exit(1);
    }
}

#define CHECK(call) check(call, #call)

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static void put(MDB_txn *txn, uint64_t room, uint64_t stream, size_t size,
                unsigned flags)
{
    char key[64];
    int len = snprintf(key, sizeof(key), "0001room%06llu-858012-%08llu",
                       (unsigned long long) room, (unsigned long long) stream);
    MDB_val k = {(size_t) len, key}, v = {size, bytes};

    CHECK(mdb_put(txn, records, &k, &v, flags));
}

static void append(MDB_txn *txn, uint64_t batch)
{
    MDB_val k = {sizeof(uint64_t), &next}, v = {sizeof(bytes), bytes};

    for (uint64_t i = 0; i < batch; i++, next++) {
        CHECK(mdb_put(txn, journal, &k, &v, MDB_APPEND));
    }

    k.mv_data = &first;
    for (; next - first > KEPT * batch; first++) {
        CHECK(mdb_del(txn, journal, &k, NULL));
    }
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

    return x < y ? -1 : x > y;
}

static void replace(MDB_txn *txn, uint64_t batch, uint64_t fill, int sorted)
{
    static uint64_t some[65536];

    for (uint64_t i = 0; i < batch; i++) {
        some[i] = (uint64_t) random() % fill;
    }
    if (sorted) {
        qsort(some, batch, sizeof(*some), by_number);
    }
    for (uint64_t i = 0; i < batch; i++) {
        put(txn, some[i] / ROOM, 0, SESSION, 0);
        put(txn, some[i] / ROOM, some[i] % ROOM + 1, ENTRY, 0);
    }
}

/* us, of a page that is overwritten in place */

static double sync_time(const char *dir)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/sync", dir);
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    char page[4096] = {0};

    check(fd == -1, "open");
    check(pwrite(fd, page, sizeof(page), 0) != sizeof(page), "pwrite");
    check(fsync(fd), "fsync");

    double start = now();
    for (int i = 0; i < 200; i++) {
        check(pwrite(fd, page, sizeof(page), 0) != sizeof(page), "pwrite");
        check(fdatasync(fd), "fdatasync");
    }
    close(fd);
    unlink(path);
    return (now() - start) / 200 * 1e6;
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: bare DIR append|random|sorted|map BATCH FILL "
                        "SECONDS\n");
        return 2;
    }
    const char *dir = argv[1], *how = argv[2];
    uint64_t batch = strtoull(argv[3], NULL, 10);
    uint64_t fill = strtoull(argv[4], NULL, 10);
    double seconds = atof(argv[5]), sync = sync_time(dir);
    MDB_txn *txn;

    CHECK(mdb_env_create(&env));
    CHECK(mdb_env_set_maxdbs(env, 2));
    CHECK(mdb_env_set_mapsize(env, (size_t) 8 << 30));
    CHECK(mdb_env_open(env, dir, strcmp(how, "map") == 0 ? MDB_WRITEMAP : 0,
                       0600));
    CHECK(mdb_txn_begin(env, NULL, 0, &txn));
    CHECK(mdb_dbi_open(txn, "records", MDB_CREATE, &records));
    CHECK(mdb_dbi_open(txn, "journal", MDB_CREATE | MDB_INTEGERKEY, &journal));
    for (uint64_t i = 0; i < fill; i++) {
        if (i % ROOM == 0) {
            put(txn, i / ROOM, 0, SESSION, MDB_APPEND);
        }
        put(txn, i / ROOM, i % ROOM + 1, ENTRY, MDB_APPEND);
    }
    CHECK(mdb_txn_commit(txn));

    uint64_t commits = 0;
    double start = now();
    while (now() - start < seconds) {
        CHECK(mdb_txn_begin(env, NULL, 0, &txn));
        if (strcmp(how, "append") == 0) {
            append(txn, batch);
        } else {
            replace(txn, batch, fill, strcmp(how, "random") != 0);
        }
        CHECK(mdb_txn_commit(txn));
        commits++;
    }

    double took = now() - start;
    printf("{\"sync\":%f,\"commits\":%f,\"callbacks\":%f}\n", sync,
           (double) commits / took, (double) (commits * batch) / took);
    return 0;
}


/*
 * A store holds what was appended to it, whatever it is doing: after each step
 * of it all is read back.
 */

#include "unit.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <lmdb.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>


#define ROUNDS    60
#define EVENTS    150
#define MAP_SIZE  (64 << 10)


typedef struct {
    char                  dir[64];
    char                  data[96];        /* its file */
    zego_store_t         *store;
} unit_store_t;


/* a zone with what it does to a store, a step at a time */

typedef struct {
    unit_zone_t           zone;
    uint64_t              joined;          /* of the journal */
    zego_image_t         *image;
    int                   more;            /* pieces of it */
    int                   merging;
    uint64_t              upto;
} unit_master_t;


/* a window as it stands in a record: its numbers, and holes behind them */

typedef struct {
    uint64_t              next;
    uint64_t              top;
    uint64_t              above;
    uint64_t              lost;
    uint64_t              lost_from;
    uint64_t              lost_to;
    uint64_t              nholes;          /* 0: word says which were seen */

    struct {
        uint16_t          from;            /* behind next */
        uint16_t          more;            /* behind the first */
    } holes[4];

    uint64_t              word;
} unit_window_t;


static void store_init(unit_store_t *s, uint64_t map_size);
static void store_handle(unit_store_t *s, uint64_t map_size);
static void store_done(unit_store_t *s);
static void store_put(unit_store_t *s, const char *dbi, const char *name,
    const void *data, size_t len);
static void seal(char *data, size_t len);
static void store_copy(unit_store_t *s, const unit_store_t *from);
static void store_twist(unit_store_t *s, int circle);
static size_t last_transaction(const unit_store_t *s);
static size_t count_files(const unit_store_t *s);
static void store_some(unit_store_t *s, unit_random_t *random);
static void embellish(unit_history_t *history, unit_random_t *random);
static int tool(const char *what, const unit_store_t *s, const char *in,
    const char *out);
static char *read_file(const char *name, size_t *len);
static void write_file(const char *name, const char *data, size_t len);
static void write_spoiled(const char *name, const char *lines, size_t len,
    unit_random_t *random);
static void master_init(unit_master_t *m, uint64_t epoch);
static void master_done(unit_master_t *m);
static int master_apply(unit_master_t *m, unit_store_t *s,
    const zego_event_t *event);
static void master_join(unit_master_t *m, unit_store_t *s);
static int master_image(unit_master_t *m, unit_store_t *s);
static void master_merge(unit_master_t *m, unit_store_t *s);
static zego_store_e load(unit_zone_t *zone, unit_store_t *s);
static zego_verdict_e load_window(unit_zone_t *zone, uint64_t session,
    const unit_window_t *window);
static void any_window(unit_window_t *window, unit_random_t *random);
static void expect_facts(unit_store_t *s, const unit_zone_t *zone);
static void expect_list(unit_store_t *s, const unit_zone_t *zone);
static void expect_wrong(unit_store_t *s, zego_store_e rc, const char *message);


static char  bytes[ZEGO_RECORD_MAX];

/* a number of the journal, in either order of bytes */
static const char  number[] = "\1\1\1\1\1\1\1\1";


START_TEST(what_was_appended)
{
    size_t           round, rounds, i;
    unit_store_t     s;
    unit_master_t    m;
    unit_random_t    random;
    unit_history_t   history;

    unit_random_init(&random);
    rounds = unit_some(ROUNDS);

    for (round = 0; round < rounds; round++) {
        store_init(&s, MAP_SIZE);
        master_init(&m, 1);
        unit_chaos(&history, &random, EVENTS);

        for (i = 0; i < history.n; i++) {
            master_apply(&m, &s, &history.events[i]);

            if (unit_random(&random, 3) == 0) {
                master_join(&m, &s);
                (void) master_image(&m, &s);
            }

            expect_facts(&s, &m.zone);
        }

        master_merge(&m, &s);
        expect_facts(&s, &m.zone);

        unit_history_free(&history);
        master_done(&m);
        store_done(&s);
    }

    printf("%zu times %d callbacks, read back after each\n", rounds, EVENTS);
}
END_TEST


/* what is forgotten is forgotten on disk too, and nothing is by half */

START_TEST(what_was_freed)
{
    char                 name[24];
    size_t               round, rounds, i, steps;
    unit_store_t         s;
    zego_event_t         event;
    unit_master_t        m;
    unit_random_t        random;
    unit_history_t       history;
    zego_store_stat_t    stat;

    static const zego_event_t  stream = STREAM_CREATE(1, 1, 1, "a");

    unit_random_init(&random);
    rounds = unit_some(ROUNDS);
    steps = 0;

    for (round = 0; round < rounds; round++) {
        store_init(&s, MAP_SIZE);
        master_init(&m, 1);
        unit_chaos(&history, &random, 2 * EVENTS);

        for (i = 0; i < history.n; i++) {
            master_apply(&m, &s, &history.events[i]);
        }

        master_merge(&m, &s);

        for (i = 0; i < history.n; i++) {

            /* some of what has expired goes, and something else comes */

            if (unit_random(&random, 10) == 0) {
                m.zone.env.now += UNIT_HORIZON / 2;
            }

            (void) zego_rooms_expire(m.zone.rooms, &m.zone.env,
                                     unit_random(&random, 20));

            if (unit_random(&random, 3) == 0) {
                event = stream;
                event.room_id.data = name;
                event.room_id.len = sprintf(name, "%zu", i);
                event.stream_id = event.room_id;
                master_apply(&m, &s, &event);
            }

            master_join(&m, &s);
            (void) master_image(&m, &s);
            expect_list(&s, &m.zone);
            steps++;
        }

        m.zone.env.now += UNIT_HORIZON;
        unit_expire(&m.zone);
        master_merge(&m, &s);
        expect_facts(&s, &m.zone);

        ck_assert_int_eq(zego_store_stat(s.store, &stat), ZEGO_STORE_OK);
        ck_assert_uint_eq(stat.journal, 0);

        unit_history_free(&history);
        master_done(&m);
        store_done(&s);
    }

    printf("%zu steps\n", steps);
}
END_TEST


/* two zones of two masters, each of which does all there is to do */

START_TEST(of_two_masters)
{
    size_t           round, rounds, i;
    unit_zone_t      all;
    unit_store_t     s;
    unit_master_t    m[2], *one;
    unit_random_t    random;
    unit_history_t   history;

    unit_random_init(&random);
    rounds = unit_some(ROUNDS);

    for (round = 0; round < rounds; round++) {
        store_init(&s, MAP_SIZE);
        unit_zone_init(&all);
        master_init(&m[0], 1);
        master_init(&m[1], 2);
        unit_chaos(&history, &random, EVENTS);

        for (i = 0; i < history.n; i++) {
            one = &m[unit_random(&random, 2)];
            master_apply(one, &s, &history.events[i]);
            unit_apply(&all, &history.events[i]);

            one = &m[unit_random(&random, 2)];

            if (unit_random(&random, 3) == 0) {
                master_join(one, &s);
            }

            if (unit_random(&random, 2) == 0) {
                (void) master_image(one, &s);
            }

            expect_facts(&s, &all);
        }

        for (i = 0; i < 2; i++) {
            master_join(&m[i], &s);
            ck_assert(zego_rooms_equal(m[i].zone.rooms, all.rooms));
        }

        unit_history_free(&history);
        master_done(&m[0]);
        master_done(&m[1]);
        unit_zone_done(&all);
        store_done(&s);
    }
}
END_TEST


/* what the store has needs not be written, and what it has not must be */

START_TEST(what_is_saved)
{
    unit_zone_t     zone;
    zego_record_t   first, second, again;

    static char  room[3][ZEGO_RECORD_MAX];

    static const zego_event_t  created = ROOM_CREATE(1, 100);
    static const zego_event_t  one = STREAM_CREATE(1, 1, 110, "a");
    static const zego_event_t  two = STREAM_CREATE(1, 2, 120, "b");
    static const zego_event_t  closed = STREAM_CLOSE(1, 3, 110, 130, "a");

    unit_zone_init(&zone);
    first.data = room[0];
    second.data = room[1];
    again.data = room[2];
    first.all = second.all = again.all = 0;

#define APPLY(event, record)                                                  \
    zego_rooms_apply(zone.rooms, &zone.env, event, NULL, record)

    APPLY(&created, &first);
    ck_assert_uint_gt(first.len, 0);

    /* a duplicate of what is under way */
    ck_assert_int_eq(APPLY(&created, &again), ZEGO_DUPLICATE);
    ck_assert_uint_gt(again.len, 0);

    zego_rooms_saved(zone.rooms, &first);
    ck_assert_int_eq(APPLY(&created, &again), ZEGO_DUPLICATE);
    ck_assert_uint_eq(again.len, 0);

    /* the session has changed since the first was written */
    APPLY(&one, &first);
    APPLY(&two, &second);
    zego_rooms_saved(zone.rooms, &first);
    APPLY(&one, &again);
    ck_assert_uint_gt(again.len, 0);

    zego_rooms_saved(zone.rooms, &second);
    APPLY(&one, &again);
    ck_assert_uint_eq(again.len, 0);
    APPLY(&two, &again);
    ck_assert_uint_eq(again.len, 0);

    /* what is stale needs what is newer */
    APPLY(&closed, &first);
    ck_assert_int_eq(APPLY(&one, &again), ZEGO_STALE);
    ck_assert_uint_gt(again.len, 0);
    zego_rooms_saved(zone.rooms, &first);
    ck_assert_int_eq(APPLY(&one, &again), ZEGO_STALE);
    ck_assert_uint_eq(again.len, 0);

    again.all = 1;
    APPLY(&one, &again);
    ck_assert_uint_gt(again.len, 0);

    unit_zone_done(&zone);
}
END_TEST


/* more than fits in a piece, in a transaction, and in the map */

START_TEST(of_any_size)
{
    char                name[16];
    size_t              i;
    unit_store_t        s;
    zego_event_t        event;
    unit_master_t       m;
    zego_store_stat_t   stat;

    static const zego_event_t  room = ROOM_CREATE(1, 1);
    static const zego_event_t  stream = STREAM_CREATE(1, 1, 1, "a");
    static const zego_event_t  user = LOGIN(1, 1, 1, "u", 1);

    store_init(&s, MAP_SIZE);
    master_init(&m, 1);

    for (i = 1; i <= 3000; i++) {

        /* sessions of a room, sessions of a user, streams */

        event = room;
        event.room_session_id = i;
        event.time = event.first = i;
        master_apply(&m, &s, &event);

        event = user;
        event.room_session_id = 3000;
        event.user_session_id = event.login_time = event.time = i;
        event.seq = i;
        master_apply(&m, &s, &event);

        event = stream;
        event.room_session_id = 3000;
        event.seq = i;
        event.stream_id.data = name;
        event.stream_id.len = sprintf(name, "%zu", i);
        master_apply(&m, &s, &event);
    }

    expect_facts(&s, &m.zone);
    master_merge(&m, &s);
    expect_facts(&s, &m.zone);

    ck_assert_int_eq(zego_store_stat(s.store, &stat), ZEGO_STORE_OK);
    ck_assert_uint_eq(stat.records, 9000);
    ck_assert_uint_eq(stat.journal, 0);
    ck_assert_uint_gt(stat.bytes, MAP_SIZE);

    /* all but what is listed goes */
    m.zone.env.now += UNIT_HORIZON;
    unit_expire(&m.zone);
    master_merge(&m, &s);
    expect_facts(&s, &m.zone);

    ck_assert_int_eq(zego_store_stat(s.store, &stat), ZEGO_STORE_OK);
    ck_assert_uint_eq(stat.records, 3002);

    master_done(&m);
    store_done(&s);
}
END_TEST


/* what was being read when a process died is not kept for ever */

START_TEST(read_by_the_dead)
{
    int                 i, status;
    pid_t               pid;
    MDB_env            *env;
    MDB_txn            *txn;
    unit_store_t        s;
    zego_event_t        event;
    unit_master_t       m;
    zego_store_stat_t   before, after;

    static const zego_event_t  room = ROOM_CREATE(1, 1);

    store_init(&s, MAP_SIZE);
    master_init(&m, 1);
    event = room;

    for (i = 0; i < 200; i++) {

        if (i == 20) {
            ck_assert_int_eq(zego_store_stat(s.store, &before),
                             ZEGO_STORE_OK);
            pid = fork();

            if (pid == 0) {
                _exit(mdb_env_create(&env) != 0
                      || mdb_env_open(env, s.dir, MDB_RDONLY, 0) != 0
                      || mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) != 0);
            }

            ck_assert_int_eq(waitpid(pid, &status, 0), pid);
            ck_assert_int_eq(status, 0);
        }

        event.time = event.first = i + 2;
        master_apply(&m, &s, &event);
        master_merge(&m, &s);
    }

    ck_assert_int_eq(zego_store_stat(s.store, &after), ZEGO_STORE_OK);
    ck_assert_uint_lt(after.bytes, 2 * before.bytes);

    master_done(&m);
    store_done(&s);
}
END_TEST


/* a directory with other files, or with none */

START_TEST(replaced_while_in_use)
{
    char            away[72];
    uint64_t        id;
    unit_store_t    s;
    unit_master_t   m;

    static const zego_event_t  one = ROOM_CREATE(1, 1);
    static const zego_event_t  two = ROOM_CREATE(2, 2);

    store_init(&s, MAP_SIZE);
    master_init(&m, 1);

    ck_assert_int_eq(master_apply(&m, &s, &one), ZEGO_STORE_OK);
    id = zego_store_id(s.store);

    (void) sprintf(away, "%s-away", s.dir);
    ck_assert_int_eq(rename(s.dir, away), 0);

    ck_assert_int_eq(master_apply(&m, &s, &two), ZEGO_STORE_FAILED);
    ck_assert_ptr_nonnull(strstr(zego_store_message(s.store), "removed"));
    ck_assert_uint_eq(zego_store_id(s.store), 0);
    ck_assert_int_eq(master_apply(&m, &s, &two), ZEGO_STORE_FAILED);
    ck_assert_ptr_nonnull(strstr(zego_store_message(s.store),
                                 "No such file or directory"));
    ck_assert_uint_eq(zego_store_id(s.store), 0);

    ck_assert_int_eq(mkdir(s.dir, 0700), 0);
    ck_assert_int_eq(master_apply(&m, &s, &two), ZEGO_STORE_OK);
    ck_assert_uint_ne(zego_store_id(s.store), id);
    ck_assert_uint_ne(zego_store_id(s.store), 0);

    /* where nothing was, all of the zone comes */
    m.joined = 0;
    master_join(&m, &s);
    master_merge(&m, &s);
    expect_facts(&s, &m.zone);

    /* the file alone, which is made anew at once */
    id = zego_store_id(s.store);
    ck_assert_int_eq(unlink(s.data), 0);
    ck_assert_int_eq(zego_store_alive(s.store, 1, 0), ZEGO_STORE_FAILED);
    ck_assert_uint_eq(zego_store_id(s.store), 0);
    ck_assert_int_eq(zego_store_alive(s.store, 1, 0), ZEGO_STORE_OK);
    ck_assert_uint_ne(zego_store_id(s.store), id);
    ck_assert_uint_ne(zego_store_id(s.store), 0);

    strcpy(s.dir, away);
    (void) sprintf(s.data, "%s/lock.mdb", away);
    ck_assert_int_eq(unlink(s.data), 0);
    (void) sprintf(s.data, "%s/data.mdb", away);
    ck_assert_int_eq(unlink(s.data), 0);
    ck_assert_int_eq(rmdir(s.dir), 0);

    s.dir[strlen(s.dir) - 5] = '\0';
    (void) sprintf(s.data, "%s/data.mdb", s.dir);

    master_done(&m);
    store_done(&s);
}
END_TEST


/* files with a transaction of the same number */

START_TEST(replaced_by_as_many)
{
    int              i;
    unit_zone_t      zone;
    unit_store_t     s[2];
    unit_master_t    m;

    static const zego_event_t  event = ROOM_CREATE(1, 1);

    for (i = 0; i < 2; i++) {
        store_init(&s[i], MAP_SIZE);
        master_init(&m, 1);
        ck_assert_int_eq(master_apply(&m, &s[i], &event), ZEGO_STORE_OK);
        master_done(&m);
    }

    unit_zone_init(&zone);
    ck_assert(zego_store_changed(s[0].store));
    ck_assert_int_eq(load(&zone, &s[0]), ZEGO_STORE_OK);
    ck_assert(!zego_store_changed(s[0].store));

    ck_assert_int_eq(rename(s[1].data, s[0].data), 0);
    ck_assert_int_eq(zego_store_alive(s[0].store, 1, 0), ZEGO_STORE_FAILED);
    ck_assert(!zego_store_changed(s[0].store));
    ck_assert_int_eq(zego_store_check(s[0].store), ZEGO_STORE_OK);
    ck_assert(zego_store_changed(s[0].store));

    ck_assert_int_eq(load(&zone, &s[0]), ZEGO_STORE_OK);
    ck_assert(!zego_store_changed(s[0].store));

    unit_zone_done(&zone);
    store_done(&s[0]);
    store_done(&s[1]);
}
END_TEST


/* by a copy of itself */

START_TEST(replaced_by_a_copy)
{
    uint64_t         id, files;
    unit_store_t     s, copy;
    unit_master_t    m;

    static const zego_event_t  event = ROOM_CREATE(1, 1);

    store_init(&s, MAP_SIZE);
    store_init(&copy, MAP_SIZE);
    master_init(&m, 1);

    ck_assert_uint_eq(zego_store_files(s.store), 0);
    ck_assert_int_eq(master_apply(&m, &s, &event), ZEGO_STORE_OK);
    id = zego_store_id(s.store);
    files = zego_store_files(s.store);
    ck_assert_uint_ne(files, 0);

    store_copy(&copy, &s);
    ck_assert_int_eq(rename(copy.data, s.data), 0);
    ck_assert_int_eq(zego_store_alive(s.store, 1, 0), ZEGO_STORE_FAILED);
    ck_assert_uint_eq(zego_store_files(s.store), 0);
    ck_assert_int_eq(zego_store_alive(s.store, 1, 0), ZEGO_STORE_OK);
    ck_assert_uint_eq(zego_store_id(s.store), id);
    ck_assert_uint_ne(zego_store_files(s.store), files);
    ck_assert_uint_ne(zego_store_files(s.store), 0);

    /* opened again it is the same */
    files = zego_store_files(s.store);
    zego_store_destroy(s.store);
    store_handle(&s, MAP_SIZE);
    ck_assert_int_eq(zego_store_alive(s.store, 1, 0), ZEGO_STORE_OK);
    ck_assert_uint_eq(zego_store_files(s.store), files);

    master_done(&m);
    store_done(&copy);
    store_done(&s);
}
END_TEST


START_TEST(what_is_wrong_with_it)
{
    int             fd;
    char            sealed[20];
    size_t          len;
    uint64_t        layout;
    unit_store_t    s;
    unit_master_t   m;

    static const zego_event_t  event = ROOM_CREATE(1, 1);

    /* of another layout */

    store_init(&s, MAP_SIZE);
    ck_assert_int_eq(zego_store_check(s.store), ZEGO_STORE_OK);
    layout = 2;
    store_put(&s, "about", "layout", &layout, sizeof(layout));
    expect_wrong(&s, ZEGO_STORE_LAYOUT, "layout 2");
    store_done(&s);

    /* a record of another layout, a record with a wrong byte, none at all */

    master_init(&m, 1);

    store_init(&s, MAP_SIZE);
    ck_assert_int_eq(zego_store_check(s.store), ZEGO_STORE_OK);
    store_put(&s, "records", "a", "abcd", 4);
    expect_wrong(&s, ZEGO_STORE_DAMAGED, "a record is wrong");
    store_done(&s);

    store_init(&s, MAP_SIZE);
    ck_assert_int_eq(master_apply(&m, &s, &event), ZEGO_STORE_OK);
    master_merge(&m, &s);
    ck_assert_int_eq(zego_store_check(s.store), ZEGO_STORE_OK);
    store_put(&s, "records", NULL, "\x7f", 1);
    expect_wrong(&s, ZEGO_STORE_DAMAGED, "a record is wrong");
    store_done(&s);

    master_done(&m);

    /* less than a head in the journal, with its checksum */

    for (len = 0; len < 16; len++) {
        store_init(&s, MAP_SIZE);
        ck_assert_int_eq(zego_store_alive(s.store, 1, 0), ZEGO_STORE_OK);
        memset(sealed, 1, len);
        seal(sealed, len);
        store_put(&s, "journal", number, sealed, len + 4);
        expect_wrong(&s, ZEGO_STORE_DAMAGED, "a record is wrong");
        ck_assert_int_eq(zego_store_check(s.store), ZEGO_STORE_DAMAGED);
        store_done(&s);
    }

    /* what is no store */

    store_init(&s, MAP_SIZE);
    store_put(&s, "another", "a", "a", 1);
    expect_wrong(&s, ZEGO_STORE_DAMAGED, "something else");
    store_done(&s);

    store_init(&s, MAP_SIZE);
    fd = open(s.data, O_CREAT|O_WRONLY, 0600);
    ck_assert_int_eq(write(fd, bytes, 8192), 8192);
    close(fd);
    expect_wrong(&s, ZEGO_STORE_DAMAGED, "MDB_INVALID");
    store_done(&s);

    /* nothing, and what may not be written */

    store_init(&s, MAP_SIZE);
    ck_assert_int_eq(rmdir(s.dir), 0);
    expect_wrong(&s, ZEGO_STORE_FAILED, "No such file or directory");
    ck_assert_int_eq(mkdir(s.dir, 0700), 0);
    store_done(&s);
}
END_TEST


/* records that are none */

START_TEST(no_records)
{
    char             *p;
    size_t            i, n, taken;
    zego_str_t        record;
    unit_store_t      s;
    unit_master_t     m;
    unit_zone_t       zone;
    unit_random_t     random;
    zego_reader_t    *reader;
    unit_history_t    history;

    unit_random_init(&random);
    store_init(&s, MAP_SIZE);
    master_init(&m, 1);
    unit_chaos(&history, &random, EVENTS);

    for (i = 0; i < history.n; i++) {
        master_apply(&m, &s, &history.events[i]);
    }

    reader = zego_reader_create(&m.zone.heap.memory);
    ck_assert_int_eq(zego_store_read(s.store, reader), ZEGO_STORE_MORE);
    ck_assert_int_le(zego_store_read(s.store, reader), ZEGO_STORE_MORE);

    unit_zone_init(&zone);
    taken = 0;

    for ( ;; ) {
        record = zego_reader_next(reader);

        if (record.len == 0) {
            break;
        }

        for (i = 0; i < unit_some(2000); i++) {

            /* its own memory, lest a byte too far is not seen */

            n = unit_random(&random, 4) ? record.len
                                        : unit_random(&random, record.len);
            p = malloc(n + 1);
            memcpy(p, record.data, n);

            if (n) {
                p[unit_random(&random, n)] ^= 1 << unit_random(&random, 8);

                if (unit_random(&random, 2)) {
                    p[unit_random(&random, n)] = unit_random(&random, 256);
                }
            }

            taken += zego_rooms_load(zone.rooms, &zone.env, p, n)
                     != ZEGO_REJECTED;
            free(p);
        }

        unit_check(zone.rooms);
    }

    /* some bits make another record */
    printf("%zu taken\n", taken);

    zego_reader_destroy(reader);
    unit_history_free(&history);
    unit_zone_done(&zone);
    master_done(&m);
    store_done(&s);
}
END_TEST


/* what a checksum cannot tell: numbers that no window has */

START_TEST(windows_that_are_none)
{
    size_t       i;
    unit_zone_t  zone;

    static const uint64_t  max = UINT64_MAX;

    const unit_window_t  none[] = {

        /* the greatest number has no next */
        { .next = max - 10, .top = max, .above = 10, .nholes = 1 },
        { .next = max - 10, .top = max, .above = 1, .word = 1 << 10 },
        { .next = max, .top = max, .above = 1, .word = 1 },

        /* all numbers there are, and more than all */
        { .next = 0, .top = max, .above = max, .nholes = 1 },
        { .next = 0, .top = 9, .above = 9, .nholes = 1 },
        { .next = 0, .top = max },
        { .next = 1, .top = max - 1, .above = max - 2, .nholes = 1 },
        { .next = 9, .top = 7, .above = max, .nholes = 1 },
        { .next = 9, .top = 8, .above = 1, .nholes = 1 },
        { .next = max, .top = 0, .above = 1, .word = 1 },
        { .next = 1, .top = 16385, .above = 16384, .nholes = 1 },

        /* a hole that ends where the numbers begin anew */
        { .next = max - 100, .top = max - 50, .above = 1, .nholes = 1,
          .holes = { { 60, 65535 } } },
        { .next = max - 100, .top = max - 50, .above = 49, .nholes = 1,
          .holes = { { 0, 100 } } },

        /* holes out of order, a hole to the end, none at the beginning */
        { .next = 1, .top = 64, .above = 60, .nholes = 2,
          .holes = { { 0, 1 }, { 1, 1 } } },
        { .next = 1, .top = 64, .above = 1, .nholes = 1,
          .holes = { { 0, 63 } } },
        { .next = 1, .top = 64, .above = 63, .nholes = 1,
          .holes = { { 1, 0 } } },
        { .next = 1, .top = 64, .above = 1, .word = 2 },
        { .next = 1, .top = 64, .above = 2, .word = max << 63 | 1 },
        { .next = 1, .top = 63, .above = 2, .word = max << 62 },
        { .next = 1, .top = 64, .above = 2, .word = max << 63 },

        /* lost, but not below next, or more than there are */
        { .next = 9, .top = 8, .lost = 1, .lost_from = 9, .lost_to = 9 },
        { .next = 9, .top = 8, .lost = 3, .lost_from = 1, .lost_to = 2 },
        { .next = 9, .top = 8, .lost = 1, .lost_from = 2, .lost_to = 1 },
        { .next = 9, .top = 8, .lost = 1, .lost_from = 0, .lost_to = 1 },
        { .next = max, .top = max - 1, .lost = max, .lost_from = 1,
          .lost_to = max - 1 },
        { .next = max, .top = max - 1, .lost = 1, .lost_from = 1,
          .lost_to = max }
    };
    const unit_window_t  some[] = {
        { .next = max, .top = max - 1 },
        { .next = max, .top = max - 1, .lost = max - 1, .lost_from = 1,
          .lost_to = max - 1 },
        { .next = max - 1, .top = max - 2, .lost = 1, .lost_from = 1,
          .lost_to = max - 2 },
        { .next = max - 100, .top = max - 1, .above = 50, .nholes = 1,
          .holes = { { 0, 49 } } },
        { .next = max - 16384, .top = max - 1, .above = 16383, .nholes = 1 },
        { .next = 1, .top = 16384, .above = 1, .nholes = 1,
          .holes = { { 0, 16382 } } },
        { .next = 1, .top = 64, .above = 1, .word = max << 63 }
    };

    unit_zone_init(&zone);
    (void) alarm(60);

    for (i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        if (load_window(&zone, 1, &none[i]) != ZEGO_REJECTED) {
            ck_abort_msg("window %zu is none", i);
        }
    }

    for (i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
        if (load_window(&zone, i, &some[i]) != ZEGO_APPLIED) {
            ck_abort_msg("window %zu is one", i);
        }

        unit_check(zone.rooms);
        (void) unit_json(zone.rooms);
    }

    (void) alarm(0);
    unit_zone_done(&zone);
}
END_TEST


/* numbers near all limits: what is taken goes wherever others go */

START_TEST(windows_of_any_numbers)
{
    size_t           i, n, round, taken;
    unit_zone_t      copy;
    unit_store_t     s, other;
    zego_event_t     event;
    unit_master_t    m;
    unit_random_t    random;
    unit_window_t    window;

    static const zego_event_t  stream = STREAM_CREATE(1, 1, 1, "a");

    unit_random_init(&random);
    taken = 0;

    for (round = 0; round < unit_some(10); round++) {
        store_init(&s, MAP_SIZE);
        store_init(&other, MAP_SIZE);
        master_init(&m, 1);
        n = 200;

        for (i = 0; i < n; i++) {
            any_window(&window, &random);
            (void) alarm(60);

            if (load_window(&m.zone, i / 4, &window) == ZEGO_REJECTED) {
                (void) alarm(0);
                continue;
            }

            taken++;

            event = stream;
            event.room_session_id = i / 4;
            event.seq = window.next + unit_random(&random, 20000)
                        - unit_random(&random, 20000);
            unit_apply(&m.zone, &event);
            unit_check(m.zone.rooms);
            (void) unit_json(m.zone.rooms);
            (void) alarm(0);
        }

        unit_zone_init(&copy);
        unit_merge(&copy, &m.zone);
        ck_assert(zego_rooms_equal(copy.rooms, m.zone.rooms));
        unit_zone_done(&copy);

        master_merge(&m, &s);
        expect_facts(&s, &m.zone);
        ck_assert_int_eq(tool("print", &s, "/dev/null", "printed"), 0);
        ck_assert_int_eq(tool("load", &other, "printed", "out"), 0);
        expect_facts(&other, &m.zone);

        master_done(&m);
        store_done(&other);
        store_done(&s);
    }

    ck_assert_uint_gt(taken, 0);
    printf("%zu of %zu taken\n", taken, round * n);
}
END_TEST


/* what is only read: nothing is made, nor written */

START_TEST(only_read)
{
    MDB_env         *env;
    uint64_t         id;
    unit_store_t     s, r;
    unit_master_t    m;

    static const zego_event_t  event = ROOM_CREATE(1, 1);

    store_init(&s, MAP_SIZE);
    store_init(&r, 0);
    master_init(&m, 1);

    expect_wrong(&r, ZEGO_STORE_FAILED, "No such file or directory");
    ck_assert_int_eq(count_files(&r), 0);

    /* a database in which nothing is yet */
    ck_assert_int_eq(mdb_env_create(&env), 0);
    ck_assert_int_eq(mdb_env_open(env, r.dir, 0, 0600), 0);
    mdb_env_close(env);
    expect_wrong(&r, ZEGO_STORE_DAMAGED, "it is empty");

    ck_assert_int_eq(master_apply(&m, &s, &event), ZEGO_STORE_OK);
    store_copy(&r, &s);
    expect_facts(&r, &m.zone);
    ck_assert_int_eq(zego_store_check(r.store), ZEGO_STORE_OK);
    ck_assert_int_eq(count_files(&r), 1);

    ck_assert_int_eq(master_apply(&m, &r, &event), ZEGO_STORE_OK);
    ck_assert_int_eq(zego_store_alive(r.store, 1, 0), ZEGO_STORE_FAILED);
    ck_assert_int_eq(zego_store_append(r.store, "", 0, 1, 1),
                     ZEGO_STORE_FAILED);
    expect_facts(&r, &m.zone);
    ck_assert_int_eq(count_files(&r), 1);

    /* what is still there keeps its id, but not what went afterwards */
    id = zego_store_id(r.store);
    ck_assert_uint_eq(id, zego_store_id(s.store));
    ck_assert_int_eq(zego_store_alive(r.store, 1, 0), ZEGO_STORE_FAILED);
    ck_assert_uint_eq(zego_store_id(r.store), id);
    ck_assert_int_eq(unlink(r.data), 0);
    expect_wrong(&r, ZEGO_STORE_FAILED, "No such file or directory");
    ck_assert_uint_eq(zego_store_id(r.store), 0);

    master_done(&m);
    store_done(&r);
    store_done(&s);
}
END_TEST


/* what tools/zego-store prints, it loads: the same, or joined with more */

START_TEST(printed_and_loaded)
{
    int              i;
    size_t           round, rounds, n;
    unit_zone_t      both;
    unit_store_t     s[2], all;
    unit_master_t    m;
    unit_random_t    random;
    unit_history_t   history;

    unit_random_init(&random);
    rounds = unit_some(ROUNDS / 4);

    for (round = 0; round < rounds; round++) {
        unit_zone_init(&both);
        store_init(&all, MAP_SIZE);

        for (i = 0; i < 2; i++) {
            store_init(&s[i], MAP_SIZE);
            master_init(&m, 1);
            unit_chaos(&history, &random, EVENTS);
            embellish(&history, &random);

            for (n = 0; n < history.n; n++) {
                master_apply(&m, &s[i], &history.events[n]);

                if (unit_random(&random, 3) == 0) {
                    master_join(&m, &s[i]);
                    (void) master_image(&m, &s[i]);
                }
            }

            ck_assert_int_eq(tool("check", &s[i], "/dev/null", "check"), 0);
            ck_assert_int_eq(tool("print", &s[i], "/dev/null", "lines"), 0);
            ck_assert_int_eq(tool("load", &all, "lines", "check"), 0);

            if (i == 0) {
                expect_facts(&all, &m.zone);
                ck_assert_int_eq(tool("print", &all, "/dev/null", "again"), 0);
                ck_assert_int_eq(system("cmp lines again"), 0);
            }

            unit_merge(&both, &m.zone);
            unit_history_free(&history);
            master_done(&m);
        }

        expect_facts(&all, &both);

        store_done(&s[0]);
        store_done(&s[1]);
        store_done(&all);
        unit_zone_done(&both);
    }

    printf("%zu times two stores of %d callbacks\n", rounds, EVENTS);
}
END_TEST


/* in one transaction: all of it or nothing */

START_TEST(loaded_at_once)
{
    size_t           last;
    unit_zone_t      zone;
    unit_store_t     s;
    zego_event_t     event = ROOM_CREATE(1, 1);
    zego_record_t    record;
    zego_reader_t   *reader;

    record.data = bytes;
    record.all = 0;
    unit_zone_init(&zone);
    (void) zego_rooms_apply(zone.rooms, &zone.env, &event, NULL, &record);

    store_init(&s, MAP_SIZE);
    ck_assert_int_eq(zego_store_alive(s.store, 1, 0), ZEGO_STORE_OK);
    last = last_transaction(&s);
    ck_assert_int_eq(zego_store_load(s.store, record.data, record.len, 3, 2),
                     ZEGO_STORE_OK);
    ck_assert_uint_eq(last_transaction(&s), last + 1);
    expect_facts(&s, &zone);

    reader = zego_reader_create(&zone.heap.memory);
    ck_assert_int_eq(zego_store_read(s.store, reader), ZEGO_STORE_MORE);
    ck_assert_int_eq(zego_store_read(s.store, reader), ZEGO_STORE_OK);
    ck_assert_uint_eq(zego_reader_alive(reader), 3);
    ck_assert_uint_eq(zego_reader_missed(reader), 2);
    zego_reader_destroy(reader);

    ck_assert_int_eq(tool("print", &s, "/dev/null", "lines"), 0);
    ck_assert_int_eq(tool("load", &s, "lines", "out"), 0);
    ck_assert_uint_eq(last_transaction(&s), last + 2);

    unit_zone_done(&zone);
    store_done(&s);
}
END_TEST


/* lines in which some bytes are wrong are refused, or are other lines */

START_TEST(lines_that_are_none)
{
    char            *lines;
    size_t           i, n, taken;
    unit_store_t     s, other;
    unit_random_t    random;

    unit_random_init(&random);
    store_some(&s, &random);
    ck_assert_int_eq(tool("print", &s, "/dev/null", "printed"), 0);
    lines = read_file("printed", &n);
    taken = 0;

    for (i = 0; i < unit_some(100); i++) {
        write_spoiled("spoiled", lines, n, &random);
        store_init(&other, MAP_SIZE);

        if (tool("load", &other, "spoiled", "out") == 0) {
            taken++;
            ck_assert_int_eq(tool("check", &other, "/dev/null", "out"), 0);
            ck_assert_int_eq(tool("print", &other, "/dev/null", "lines"), 0);
            ck_assert_int_eq(tool("load", &s, "lines", "out"), 0);
            ck_assert_int_eq(tool("check", &s, "/dev/null", "out"), 0);

        } else {
            ck_assert_int_eq(count_files(&other), 0);
        }

        store_done(&other);
    }

    printf("%zu of %zu taken\n", taken, i);

    free(lines);
    store_done(&s);
}
END_TEST


/* bytes that are wrong, or missing: there is an answer */

START_TEST(stores_that_are_damaged)
{
    int              rc;
    char            *file, *bad;
    size_t           i, k, n, size, sound;
    unit_store_t     s;
    unit_random_t    random;

    unit_random_init(&random);
    store_some(&s, &random);
    ck_assert_int_eq(tool("print", &s, "/dev/null", "printed"), 0);
    zego_store_destroy(s.store);

    file = read_file(s.data, &size);
    bad = malloc(size);
    sound = 0;

    for (i = 0; i < unit_some(100); i++) {
        memcpy(bad, file, size);

        for (n = unit_random(&random, 20); n; n--) {

            /* anywhere, or where a page begins */
            k = unit_random(&random, size);
            k = unit_random(&random, 2) ? k : k - k % 4096 + k % 32;
            bad[k] = unit_random(&random, 256);
        }

        n = unit_random(&random, 4) ? size : unit_random(&random, size);
        write_file(s.data, bad, n);

        rc = tool("check", &s, "/dev/null", "out");
        sound += (rc == 0);

        ck_assert_int_eq(tool("print", &s, "/dev/null", "lines"), rc);
        ck_assert_int_ge(tool("load", &s, "printed", "out"), rc);
    }

    printf("%zu of %zu sound\n", sound, i);

    free(bad);
    free(file);
    store_handle(&s, MAP_SIZE);
    store_done(&s);
}
END_TEST


/* pages that others refer to twice, in the place of another, or in a circle */

START_TEST(pages_out_of_order)
{
    size_t          i;
    unit_store_t    s;
    zego_event_t    event;
    unit_master_t   m;

    static const zego_event_t  room = ROOM_CREATE(1, 1);

    master_init(&m, 1);

    for (i = 0; i < 4; i++) {
        store_init(&s, MAP_SIZE);

        for (event = room; event.room_session_id < 200;
             event.room_session_id++)
        {
            event.time = event.first = 1000 * i + event.room_session_id;
            master_apply(&m, &s, &event);
        }

        if (i & 1) {

            /* in the records, else in the journal */
            master_merge(&m, &s);
        }

        ck_assert_int_eq(zego_store_check(s.store), ZEGO_STORE_OK);
        store_twist(&s, i & 2);
        ck_assert_int_eq(zego_store_check(s.store), ZEGO_STORE_DAMAGED);
        ck_assert_ptr_nonnull(strstr(zego_store_message(s.store),
                                     (i & 2) ? "MDB_CURSOR_FULL"
                                             : "a record is wrong"));
        store_done(&s);
        m.joined = 0;
    }

    master_done(&m);
}
END_TEST


START_TEST(without_memory)
{
    size_t           fail;
    unit_heap_t      heap;
    unit_store_t     s;
    unit_master_t    m;

    static const zego_event_t  event = STREAM_CREATE(1, 1, 1, "a");

    unit_heap_init(&heap);
    heap.fail = 1;
    ck_assert_ptr_null(zego_store_create(&heap.memory, "/tmp", MAP_SIZE));
    ck_assert_ptr_null(zego_reader_create(&heap.memory));
    ck_assert_ptr_null(zego_image_create(&heap.memory));

    store_init(&s, MAP_SIZE);
    master_init(&m, 1);
    master_apply(&m, &s, &event);
    master_merge(&m, &s);
    unit_zone_done(&m.zone);

    /* a zone that is too small for it */

    for (fail = 1; /* void */ ; fail++) {
        unit_zone_init(&m.zone);
        m.zone.heap.fail = m.zone.heap.allocs + fail;

        if (load(&m.zone, &s) == ZEGO_STORE_OK) {
            break;
        }

        unit_check(m.zone.rooms);
        unit_heap_done(&m.zone.heap);
    }

    ck_assert_uint_eq(fail, 4);
    expect_facts(&s, &m.zone);

    master_done(&m);
    store_done(&s);
}
END_TEST


int
main(void)
{
    int   failed;
    char  dir[] = "/tmp/zego-tool-XXXXXX", command[64], options[256];

    /* the tool's files */
    if (mkdtemp(dir) == NULL || chdir(dir) == -1) {
        return 1;
    }

    /* what LMDB dies of is to be seen as it is, what we do wrong is not */
    if (system("echo interceptor_via_lib:liblmdb >suppressions") != 0) {
        return 1;
    }

    (void) sprintf(options, "suppressions=%s/suppressions:handle_segv=0:"
                   "handle_sigbus=0:handle_sigfpe=0:handle_abort=0:"
                   "exitcode=99", dir);
    setenv("ASAN_OPTIONS", options, 1);
    setenv("UBSAN_OPTIONS", "exitcode=99:print_stacktrace=1", 1);

    failed = unit_main("store", (const TTest *[]) {
        what_was_appended, what_was_freed, of_two_masters, what_is_saved,
        of_any_size, read_by_the_dead, replaced_while_in_use,
        replaced_by_as_many, replaced_by_a_copy, what_is_wrong_with_it,
        no_records, windows_that_are_none, windows_of_any_numbers, only_read,
        printed_and_loaded, loaded_at_once, lines_that_are_none,
        stores_that_are_damaged, pages_out_of_order, without_memory, NULL
    });

    (void) sprintf(command, "rm -r %s", dir);

    return system(command) || failed;
}


static void *
heap_alloc(void *ctx, size_t size)
{
    (void) ctx;

    return malloc(size);
}


static void
heap_free(void *ctx, void *p)
{
    (void) ctx;

    free(p);
}


static const zego_memory_t  heap_memory = { heap_alloc, heap_free, NULL };


static void
store_init(unit_store_t *s, uint64_t map_size)
{
    /* none of these needs a disk, on which most of the time would be spent */

    strcpy(s->dir, "/dev/shm/zego-store-XXXXXX");

    if (mkdtemp(s->dir) == NULL) {
        strcpy(s->dir, "/tmp/zego-store-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(s->dir));
    }
    (void) sprintf(s->data, "%s/data.mdb", s->dir);

    store_handle(s, map_size);
}


static void
store_handle(unit_store_t *s, uint64_t map_size)
{
    s->store = zego_store_create(&heap_memory, s->dir, map_size);
    ck_assert_ptr_nonnull(s->store);
}


static void
store_done(unit_store_t *s)
{
    char  lock[80];

    zego_store_destroy(s->store);

    (void) sprintf(lock, "%s/lock.mdb", s->dir);
    (void) unlink(lock);
    (void) unlink(s->data);
    ck_assert_int_eq(rmdir(s->dir), 0);
}


/* behind its back; without a name, in the middle of the first value */

static void
store_put(unit_store_t *s, const char *dbi, const char *name,
    const void *data, size_t len)
{
    MDB_env     *env;
    MDB_txn     *txn;
    MDB_dbi      db;
    MDB_val      key, value;
    MDB_cursor  *cursor;

    zego_store_destroy(s->store);

    ck_assert_int_eq(mdb_env_create(&env), 0);
    ck_assert_int_eq(mdb_env_set_maxdbs(env, 4), 0);
    ck_assert_int_eq(mdb_env_open(env, s->dir, 0, 0600), 0);
    ck_assert_int_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
    ck_assert_int_eq(mdb_dbi_open(txn, dbi, name ? MDB_CREATE : 0, &db), 0);

    value.mv_data = (void *) data;
    value.mv_size = len;

    if (name) {
        key.mv_data = (void *) name;
        key.mv_size = strlen(name);
        ck_assert_int_eq(mdb_put(txn, db, &key, &value, 0), 0);

    } else {
        ck_assert_int_eq(mdb_cursor_open(txn, db, &cursor), 0);
        ck_assert_int_eq(mdb_cursor_get(cursor, &key, &value, MDB_FIRST), 0);
        memcpy(bytes, value.mv_data, value.mv_size);
        memcpy(bytes + value.mv_size / 2, data, len);
        value.mv_data = bytes;
        ck_assert_int_eq(mdb_cursor_put(cursor, &key, &value, MDB_CURRENT),
                         0);
        mdb_cursor_close(cursor);
    }

    ck_assert_int_eq(mdb_txn_commit(txn), 0);
    mdb_env_close(env);

    store_handle(s, MAP_SIZE);
}


/* puts the CRC-32 behind it */

static void
seal(char *data, size_t len)
{
    size_t    i, bit;
    uint32_t  crc;

    crc = UINT32_MAX;

    for (i = 0; i < len; i++) {
        crc ^= (unsigned char) data[i];

        for (bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ ((crc & 1) ? 0xedb88320 : 0);
        }
    }

    crc = ~crc;
    memcpy(data + len, &crc, 4);
}


static void
store_copy(unit_store_t *s, const unit_store_t *from)
{
    char  lock[80], command[256];

    (void) sprintf(lock, "%s/lock.mdb", s->dir);
    (void) unlink(lock);
    (void) sprintf(command, "cp %s %s", from->data, s->data);
    ck_assert_int_eq(system(command), 0);
}


/* of each page with branches, the second becomes the first, or all become the
   page itself */

static void
store_twist(unit_store_t *s, int circle)
{
    int             fd;
    char           *file, *page, *node;
    size_t          i;
    uint64_t        number;
    uint16_t        flags, lower, at;
    struct stat     st;

    zego_store_destroy(s->store);

    fd = open(s->data, O_RDWR);
    ck_assert_int_eq(fstat(fd, &st), 0);
    file = mmap(NULL, st.st_size, PROT_READ|PROT_WRITE, MAP_SHARED, fd, 0);
    ck_assert_ptr_ne(file, MAP_FAILED);

    for (page = file; page < file + st.st_size; page += 4096) {
        memcpy(&number, page, 8);
        memcpy(&flags, page + 10, 2);
        memcpy(&lower, page + 12, 2);

        if (number != (size_t) (page - file) / 4096 || flags != 0x01) {
            continue;
        }

        for (i = 16; i < lower; i += 2) {
            memcpy(&at, page + i, 2);
            node = page + at;

            if (circle) {
                memcpy(node, &number, 6);

            } else if (i == 16) {
                memcpy(&number, node, 6);

            } else if (i == 18) {
                memcpy(node, &number, 6);
            }
        }
    }

    (void) munmap(file, st.st_size);
    (void) close(fd);

    store_handle(s, MAP_SIZE);
}


static size_t
last_transaction(const unit_store_t *s)
{
    MDB_env      *env;
    MDB_envinfo   info;

    ck_assert_int_eq(mdb_env_create(&env), 0);
    ck_assert_int_eq(mdb_env_open(env, s->dir, MDB_RDONLY|MDB_NOLOCK, 0), 0);
    ck_assert_int_eq(mdb_env_info(env, &info), 0);
    mdb_env_close(env);

    return info.me_last_txnid;
}


static size_t
count_files(const unit_store_t *s)
{
    DIR     *dir;
    size_t   n;

    dir = opendir(s->dir);

    for (n = 0; readdir(dir); n++) { /* void */ }

    (void) closedir(dir);

    return n - 2;
}


static void
store_some(unit_store_t *s, unit_random_t *random)
{
    size_t           i;
    unit_master_t    m;
    unit_history_t   history;

    store_init(s, MAP_SIZE);
    master_init(&m, 1);
    unit_chaos(&history, random, EVENTS);
    embellish(&history, random);

    for (i = 0; i < history.n; i++) {
        master_apply(&m, s, &history.events[i]);

        if (i == history.n / 2) {
            master_merge(&m, s);
        }
    }

    unit_history_free(&history);
    master_done(&m);
}


/* with all that may be in a callback */

static void
embellish(unit_history_t *history, unit_random_t *random)
{
    zego_event_t  *e;

    static char  full[ZEGO_EXTRA_INFO_MAX];

    static const zego_str_t  texts[] = {
        STR(""), STR("\"\\/\b\f\n\r\t\001\037\177"), STR("Zo\303\253 \345\260\217"),
        STR("\360\237\216\245"), { full, ZEGO_USER_NAME_MAX }
    };
    static const zego_str_t  kept[] = {
        STR(""), STR("\"a\":\"\\u0001\\\"\\n\",\"b\":[1.50,-0,1e400,[]]"),
        STR("\"c\":{\"\":null,\"d\":[true,false,{}]}"),
        STR("\"e\":18446744073709551616")
    };

#define ANY(count)   unit_random(random, count)
#define OF(array)    array[ANY(sizeof(array) / sizeof(array[0]))]

    memset(full, '"', sizeof(full));

    for (e = history->events; e < history->events + history->n; e++) {

        if (ANY(4) == 0) {
            e->seq = ANY(2) ? ANY(50000) : UINT64_MAX - ANY(3) * ANY(9000);
        }

        if (ANY(8) == 0) {
            e->time = ANY(2) ? 0 : ZEGO_TIME_UNKNOWN - 1;
            e->first = ZEGO_TIME_UNKNOWN;
        }

        if (ANY(8) == 0) {
            e->room_session_id = UINT64_MAX;
            e->appid = ANY(2) ? 0 : UINT32_MAX;
        }

        if (ANY(8) == 0) {
            e->code = ANY(2) ? 7 : UINT32_MAX;
        }

        switch (e->type) {

        case ZEGO_STREAM_CREATE:
            e->extra_info = OF(texts);
            e->extra_info.len = ANY(4) ? e->extra_info.len
                                       : ZEGO_EXTRA_INFO_MAX;
            e->extra_info.data = e->extra_info.len == ZEGO_EXTRA_INFO_MAX
                                 ? full : e->extra_info.data;
            e->code = 0;
            /* fall through */

        case ZEGO_STREAM_CLOSE:
            e->user_id = OF(texts);
            e->user_name = OF(texts);
            e->stream_sid = OF(texts);
            e->kept = OF(kept);
            break;

        case ZEGO_ROOM_LOGIN:
            e->code = 0;
            /* fall through */

        case ZEGO_ROOM_LOGOUT:
            e->user_name = OF(texts);
            e->user_role = ANY(2) ? INT32_MAX : (int) ANY(3) - 1;
            e->kept = OF(kept);
            break;

        case ZEGO_ROOM_CREATE:
            e->user_id = OF(texts);
            e->kept = OF(kept);
            break;

        default:
            break;
        }
    }

#undef ANY
#undef OF
}


/* its exit status: 1 with a message; or it has come to no good end */

static int
tool(const char *what, const unit_store_t *s, const char *in, const char *out)
{
    int          rc;
    char         command[512];
    struct stat  error;

    (void) sprintf(command, "timeout 120 %s %s %s <%s >%s 2>error",
                   ZEGO_STORE, what, s->dir, in, out);

    rc = system(command);
    ck_assert(WIFEXITED(rc));
    ck_assert_int_eq(stat("error", &error), 0);

    if (WEXITSTATUS(rc) > 1 || WEXITSTATUS(rc) != (error.st_size != 0)) {
        (void) system("cat error >&2");
        ck_abort_msg("%s: exit status %d", what, WEXITSTATUS(rc));
    }

    return WEXITSTATUS(rc);
}


static char *
read_file(const char *name, size_t *len)
{
    int          fd;
    char        *data;
    struct stat  st;

    fd = open(name, O_RDONLY);
    ck_assert_int_eq(fstat(fd, &st), 0);
    *len = st.st_size;
    data = malloc(*len);
    ck_assert_int_eq(read(fd, data, *len), *len);
    (void) close(fd);

    return data;
}


static void
write_file(const char *name, const char *data, size_t len)
{
    int  fd;

    fd = open(name, O_CREAT|O_TRUNC|O_WRONLY, 0600);
    ck_assert_int_eq(write(fd, data, len), len);
    (void) close(fd);
}


/* some bytes replaced by others, or by none */

static void
write_spoiled(const char *name, const char *lines, size_t len,
    unit_random_t *random)
{
    char        *text;
    size_t       at, n, from;

    static const char  some[] = "0123456789-.eE\"\\{}[],: ntf\n\xff";

    at = unit_random(random, len - 100);

    while (unit_random(random, 8) && !isdigit((unsigned char) lines[at])
           && at < len - 100)
    {
        at++;
    }

    n = unit_random(random, 3) ? 1 : unit_random(random, 100);

    text = malloc(len + 100);
    memcpy(text, lines, at);

    if (unit_random(random, 3) == 0) {
        from = unit_random(random, len - 100);
        memcpy(text + at, lines + from, n);
        memcpy(text + at + n, lines + at, len - at);
        len += n;

    } else if (unit_random(random, 2)) {
        memcpy(text + at, lines + at + n, len - at - n);
        len -= n;

    } else {
        memcpy(text + at, lines + at, len - at);

        /* some are as good as those that were there */
        n = isdigit((unsigned char) text[at]) ? 10 : sizeof(some);
        text[at] = some[unit_random(random, n)];
    }

    write_file(name, text, len);
    free(text);
}


static void
master_init(unit_master_t *m, uint64_t epoch)
{
    memset(m, 0, sizeof(unit_master_t));
    unit_zone_init(&m->zone);

    zego_rooms_t  *rooms = zego_rooms_create(&m->zone.env, epoch, 1, 0);

    ck_assert_ptr_nonnull(rooms);
    m->zone.rooms = rooms;
}


static void
master_done(unit_master_t *m)
{
    if (m->image) {
        zego_image_destroy(m->image);
    }

    unit_zone_done(&m->zone);
}


/* what a worker does with a callback */

static int
master_apply(unit_master_t *m, unit_store_t *s, const zego_event_t *event)
{
    int              rc;
    zego_stats_t     stats;
    zego_record_t    record;

    record.data = bytes;
    record.all = 0;

    ck_assert_int_ne(zego_rooms_apply(m->zone.rooms, &m->zone.env, event,
                                      NULL, &record),
                     ZEGO_DEFERRED);

    if (record.len == 0) {
        return ZEGO_STORE_OK;
    }

    zego_rooms_stats(m->zone.rooms, &stats);

    rc = zego_store_append(s->store, record.data, record.len,
                           stats.version.epoch, 1);

    if (rc == ZEGO_STORE_OK) {
        zego_rooms_saved(m->zone.rooms, &record);
    }

    return rc;
}


/* takes what another has committed */

static void
master_join(unit_master_t *m, unit_store_t *s)
{
    zego_str_t       record;
    zego_stats_t     stats;
    zego_store_e     rc;
    zego_reader_t   *reader;

    zego_rooms_stats(m->zone.rooms, &stats);

    reader = zego_reader_create(&heap_memory);
    zego_reader_after(reader, m->joined, stats.version.epoch);

    do {
        rc = zego_store_read(s->store, reader);
        ck_assert(rc == ZEGO_STORE_OK || rc == ZEGO_STORE_MORE);

        for ( ;; ) {
            record = zego_reader_next(reader);

            if (record.len == 0) {
                break;
            }

            ck_assert_int_le(zego_rooms_load(m->zone.rooms, &m->zone.env,
                                             record.data, record.len),
                             ZEGO_STALE);
        }

    } while (rc == ZEGO_STORE_MORE);

    m->joined = zego_reader_number(reader);
    zego_reader_destroy(reader);
}


/* one step of an image, whatever comes next; 0 when it is in the records */

static int
master_image(unit_master_t *m, unit_store_t *s)
{
    zego_store_e  rc;

    if (m->image == NULL) {
        m->image = zego_image_create(&heap_memory);
        m->upto = m->joined;
        m->more = 1;
        m->merging = 0;
        rc = zego_store_begin(s->store, m->image);

    } else if (m->merging) {
        rc = zego_store_merge(s->store, m->image);
        m->merging = (rc == ZEGO_STORE_MORE);

    } else if (m->more) {
        m->more = zego_image_read(m->image, m->zone.rooms, m->joined);
        m->merging = 1;
        rc = ZEGO_STORE_OK;

    } else {
        rc = zego_store_cut(s->store, m->image, m->upto);

        if (rc == ZEGO_STORE_OK) {
            zego_image_destroy(m->image);
            m->image = NULL;
            return 0;
        }
    }

    if (rc == ZEGO_STORE_BEHIND) {
        zego_image_destroy(m->image);
        m->image = NULL;

    } else {
        ck_assert(rc == ZEGO_STORE_OK || rc == ZEGO_STORE_MORE);
    }

    return 1;
}


/* a whole image */

static void
master_merge(unit_master_t *m, unit_store_t *s)
{
    if (m->image) {
        zego_image_destroy(m->image);
        m->image = NULL;
    }

    master_join(m, s);

    while (master_image(m, s)) {
        /* void */
    }

    ck_assert_int_eq(zego_store_check(s->store), ZEGO_STORE_OK);
}


static zego_store_e
load(unit_zone_t *zone, unit_store_t *s)
{
    zego_str_t       record;
    zego_store_e     rc;
    zego_reader_t   *reader;

    reader = zego_reader_create(&heap_memory);

    do {
        rc = zego_store_read(s->store, reader);

        for ( ;; ) {
            record = zego_reader_next(reader);

            if (record.len == 0) {
                break;
            }

            if (zego_rooms_load(zone->rooms, &zone->env, record.data,
                                record.len)
                == ZEGO_DEFERRED)
            {
                rc = ZEGO_STORE_FAILED;
            }
        }

    } while (rc == ZEGO_STORE_MORE);

    zego_reader_destroy(reader);

    return rc;
}


/* as the first window of a session of room "r" */

static zego_verdict_e
load_window(unit_zone_t *zone, uint64_t session, const unit_window_t *window)
{
    char           *p;
    size_t          len, rest;
    uint32_t        size;
    unit_zone_t     other;
    zego_record_t   record;

    static char  data[ZEGO_RECORD_MAX], users[56];

    zego_event_t  event = ROOM_CREATE(session, 1);

    record.data = data;
    record.all = 0;

    unit_zone_init(&other);
    (void) zego_rooms_apply(other.rooms, &other.env, &event, NULL, &record);
    unit_zone_done(&other);

    /* both are empty, and all that is behind the rest */
    len = record.len - 2 * sizeof(users);
    memcpy(users, data + len + sizeof(users), sizeof(users));

    p = data + len;
    memcpy(p, window, 56);
    p += 56;

    if (window->nholes) {
        rest = window->nholes < 4 ? window->nholes : 4;
        memcpy(p, window->holes, rest * 4);
        p += rest * 4;

    } else if (window->above) {
        memcpy(p, &window->word, 8);
        p += 8;
    }

    memcpy(p, users, sizeof(users));
    p += sizeof(users);

    size = p - data;
    memcpy(data, &size, sizeof(size));

    return zego_rooms_load(zone->rooms, &zone->env, data, size);
}


/* most are some */

static void
any_window(unit_window_t *w, unit_random_t *random)
{
    size_t    i;
    uint64_t  span, at, *number;

#define ANY(count)  unit_random(random, count)

    static const uint64_t  limits[] = {
        1, 64, 16384, 1 << 16, 1ull << 32, 1ull << 63, UINT64_MAX
    };

    memset(w, 0, sizeof(unit_window_t));

    w->next = limits[ANY(7)] + ANY(3) * ANY(20000) - ANY(3) * ANY(20000);
    w->top = w->next - 1;

    if (ANY(4)) {
        span = 2 + ANY(ANY(2) ? 100 : 16383);
        w->top = w->next + span - 1;
        w->above = span;

        for (at = 0; w->nholes < 4 && at < span - 1; w->nholes++) {
            i = w->nholes;
            w->holes[i].from = at;
            w->holes[i].more = ANY(span - 1 - at);
            w->above -= w->holes[i].more + 1;
            at += w->holes[i].more + 2 + ANY(100);
        }
    }

    if (w->next > 1 && ANY(2)) {
        w->lost_to = w->next - 1 - ANY(w->next - 1);
        w->lost_to = ANY(2) ? w->lost_to : w->next - 1;
        w->lost_from = 1 + ANY(ANY(2) ? w->lost_to : 1);
        w->lost = w->lost_to - w->lost_from + 1;
        w->lost -= ANY(ANY(2) ? w->lost : 1);
    }

    if (ANY(8) == 0) {
        number = &w->next + ANY(7);
        *number = limits[ANY(7)] - ANY(3);
    }

#undef ANY
}


static void
expect_facts(unit_store_t *s, const unit_zone_t *zone)
{
    unit_zone_t  loaded;

    unit_zone_init(&loaded);
    ck_assert_int_eq(load(&loaded, s), ZEGO_STORE_OK);
    ck_assert(zego_rooms_equal(loaded.rooms, zone->rooms));
    unit_zone_done(&loaded);
}


static void
expect_list(unit_store_t *s, const unit_zone_t *zone)
{
    char         *text, *wanted;
    unit_zone_t   loaded;

    unit_zone_init(&loaded);
    ck_assert_int_eq(load(&loaded, s), ZEGO_STORE_OK);

    text = unit_text(loaded.rooms);
    wanted = unit_text(zone->rooms);
    ck_assert_str_eq(text, wanted);

    free(text);
    free(wanted);
    unit_zone_done(&loaded);
}


static void
expect_wrong(unit_store_t *s, zego_store_e rc, const char *message)
{
    unit_zone_t  zone;

    unit_zone_init(&zone);
    ck_assert_int_eq(load(&zone, s), rc);

    if (strstr(zego_store_message(s->store), message) == NULL) {
        ck_abort_msg("%s", zego_store_message(s->store));
    }

    unit_zone_done(&zone);
}


#include "ngx_http_zego.h"

#include <poll.h>
#include <sys/wait.h>

#if (NGX_LINUX)
#include <sys/prctl.h>
#endif


#define NGX_HTTP_ZEGO_TICK           100        /* ms */
#define NGX_HTTP_ZEGO_LEASE          3000
#define NGX_HTTP_ZEGO_ALIVE          10000
#define NGX_HTTP_ZEGO_LOOK           1000
#define NGX_HTTP_ZEGO_RETRY          1000
#define NGX_HTTP_ZEGO_RETRY_LATE     10000
#define NGX_HTTP_ZEGO_STALL          5000
#define NGX_HTTP_ZEGO_GATHER         5000       /* us */

/*
 * Requests that wait for one commit end together, and malloc() of glibc would
 * give their memory back each time.  It keeps twice the size of the largest
 * block that it has mapped and that was freed.
 */
#define NGX_HTTP_ZEGO_HEAP           (4 * 1024 * 1024)

/* a store that was down for longer has missed callbacks */
#define NGX_HTTP_ZEGO_DOWN           120000

/*
 * An image is begun when something has changed, a fourth of the horizon after
 * the last one, lest the journal tells of what the zone has forgotten, but not
 * much later, and at once if the journal has become long.  It takes some time
 * at least, as others would have to read all of the store if they had not
 * joined yet what it cuts off.
 */
#define NGX_HTTP_ZEGO_IMAGE_MIN      100
#define NGX_HTTP_ZEGO_IMAGE_MAX      60000
#define NGX_HTTP_ZEGO_IMAGE_JOURNAL  200000
#define NGX_HTTP_ZEGO_IMAGE_TIME     2000

/* records that are joined without a pause of the lock */
#define NGX_HTTP_ZEGO_JOINS          64

#define NGX_HTTP_ZEGO_CHECK_TIME     600        /* s */
#define NGX_HTTP_ZEGO_MAP_SIZE       (8 * 1024 * 1024)


typedef enum {
    ngx_http_zego_job_idle = 0,
    ngx_http_zego_job_commit,
    ngx_http_zego_job_check,
    ngx_http_zego_job_read,
    ngx_http_zego_job_begin,
    ngx_http_zego_job_merge,
    ngx_http_zego_job_cut,
    ngx_http_zego_job_look,
    ngx_http_zego_job_alive
} ngx_http_zego_job_e;


/* a request whose record is in a batch */

struct ngx_http_zego_wait_s {
    ngx_queue_t                  queue;
    ngx_http_request_t          *request;
    ngx_http_zego_callback_t    *callback;
    size_t                       offset;
    zego_record_t                record;
};


typedef struct {
    ngx_queue_t                  waits;
    ngx_uint_t                   records;
    u_char                      *data;
    size_t                       len;
    size_t                       size;
    uint64_t                     epoch;
} ngx_http_zego_batch_t;


struct ngx_http_zego_store_s {
    ngx_http_zego_zone_t        *zone;
    zego_store_t                *store;
    uint64_t                     id;       /* 0: not open, or removed */
    uint64_t                     files;

    /* one thing at a time, in a thread, or at once where there is none */
    ngx_http_zego_job_e          job;
    zego_store_e                 rc;
    uint64_t                     now;      /* Unix ms */
    uint64_t                     took;     /* us */
    ngx_event_t                  done;
#if (NGX_THREADS)
    ngx_thread_pool_t           *pool;
    ngx_thread_task_t           *task;
#endif

    ngx_http_zego_batch_t        batches[2];
    ngx_http_zego_batch_t       *filling;
    ngx_http_zego_batch_t       *committing;
    ngx_event_t                  commit;
    ngx_uint_t                   gathered;  /* records, a turn before */
    ngx_uint_t                   enough;    /* records for a commit */
    uint64_t                     since;     /* us; it is gathered */
    uint64_t                     gather;    /* us; it took */
    ngx_event_t                  stall;

    /* what a keeper does */
    ngx_event_t                  tick;
    zego_reader_t               *reader;
    uint64_t                     epoch;    /* of the zone that it is for */
    ngx_uint_t                   read;     /* records */
    uint64_t                     down;     /* until when; 0 if it was not */
    uint64_t                     changes;  /* of the zone */
    uint64_t                     missed;
    zego_image_t                *image;
    uint64_t                     imaging;  /* of the zone, when it was begun */
    uint64_t                     joined;
    ngx_msec_t                   begun;
    ngx_msec_t                   step;     /* time of the next one */
    ngx_msec_t                   looked;
    ngx_msec_t                   followed; /* what others commit */
    ngx_msec_t                   alive;
    ngx_msec_t                   retry;
    zego_store_stat_t            stat;

    unsigned                     committed:1;  /* the last thing */
    unsigned                     keeper:1;
    unsigned                     all:1;      /* of the store is read */
    unsigned                     more:1;     /* pieces of the image */
    unsigned                     merging:1;  /* one of them */
};


#define ngx_http_zego_store_is(st, kept)                                      \
    ((kept)->id == (st)->id && (kept)->files == (st)->files)


static ngx_int_t ngx_http_zego_store_claim(ngx_http_zego_zone_t *zone,
    ngx_log_t *log);
static void ngx_http_zego_store_pristine(ngx_http_zego_store_t *st);
static ngx_http_zego_store_t *ngx_http_zego_store_open(
    ngx_http_zego_zone_t *zone, ngx_cycle_t *cycle);

static void ngx_http_zego_store_load(ngx_http_zego_store_t *st);
static zego_store_e ngx_http_zego_store_check(ngx_http_zego_store_t *st,
    ngx_log_t *log, ngx_uint_t starting);
static void ngx_http_zego_store_check_died(int signo);
static void ngx_http_zego_store_check_child(ngx_http_zego_store_t *st,
    ngx_fd_t fd);
static ngx_int_t ngx_http_zego_store_start_read(ngx_http_zego_store_t *st,
    ngx_uint_t all);
static ngx_int_t ngx_http_zego_store_lock(ngx_http_zego_store_t *st);
static ngx_int_t ngx_http_zego_store_join(ngx_http_zego_store_t *st);
static void ngx_http_zego_store_loaded(ngx_http_zego_store_t *st);
static void ngx_http_zego_store_unloaded(ngx_http_zego_store_t *st);

static void ngx_http_zego_store_tick(ngx_event_t *ev);
static void ngx_http_zego_store_keep(ngx_http_zego_store_t *st);
static ngx_uint_t ngx_http_zego_store_keeps(ngx_http_zego_store_t *st);
static void ngx_http_zego_store_next(ngx_http_zego_store_t *st);
static void ngx_http_zego_store_other(ngx_http_zego_store_t *st);
static void ngx_http_zego_store_image(ngx_http_zego_store_t *st);
static void ngx_http_zego_store_run(ngx_http_zego_store_t *st,
    ngx_http_zego_job_e job);
static void ngx_http_zego_store_thread(void *data, ngx_log_t *log);
static zego_store_e ngx_http_zego_store_read_piece(ngx_http_zego_store_t *st);
static uint64_t ngx_http_zego_store_clock(void);
static void ngx_http_zego_store_done(ngx_event_t *ev);
static void ngx_http_zego_store_read(ngx_http_zego_store_t *st);
static void ngx_http_zego_store_imaged(ngx_http_zego_store_t *st);
static void ngx_http_zego_store_drop(ngx_http_zego_store_t *st);
static void ngx_http_zego_store_look(ngx_http_zego_store_t *st);
static void ngx_http_zego_store_bind(ngx_http_zego_store_t *st);
static void ngx_http_zego_store_failed(ngx_http_zego_store_t *st);

static void ngx_http_zego_store_commit(ngx_event_t *ev);
static void ngx_http_zego_store_committed(ngx_http_zego_store_t *st);
static ngx_int_t ngx_http_zego_store_saved(ngx_http_zego_store_t *st,
    ngx_http_zego_batch_t *batch);
static void ngx_http_zego_store_pending(ngx_http_zego_store_t *st);
static void ngx_http_zego_store_stalled(ngx_event_t *ev);
static void ngx_http_zego_store_cleanup(void *data);


/* the last one has no bound */

uint64_t  ngx_http_zego_commit_times[NGX_HTTP_ZEGO_COMMITS - 1] = {
    500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000,
    1000000
};


ngx_int_t
ngx_http_zego_store_create(ngx_http_zego_zone_t *zone, ngx_log_t *log)
{
    u_char                 *dir;
    ngx_fd_t                fd;
    ngx_uint_t              i;
    ngx_file_info_t         fi, ofi;
    ngx_http_zego_zone_t  **zones;

    dir = zone->dir.data;

    if (ngx_create_dir(dir, 0700) == NGX_FILE_ERROR && ngx_errno != NGX_EEXIST)
    {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      ngx_create_dir_n " \"%s\" failed", dir);
        return NGX_ERROR;
    }

    if (ngx_file_info(dir, &fi) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      ngx_file_info_n " \"%s\" failed", dir);
        return NGX_ERROR;
    }

    if (!ngx_is_dir(&fi)) {
        ngx_log_error(NGX_LOG_EMERG, log, 0, "\"%s\" is not a directory", dir);
        return NGX_ERROR;
    }

    zones = zone->zones->elts;

    for (i = 0; zones[i] != zone; i++) {

        if (zones[i]->dir.len
            && ngx_file_info(zones[i]->dir.data, &ofi) != NGX_FILE_ERROR
            && ofi.st_dev == fi.st_dev && ofi.st_ino == fi.st_ino)
        {
            ngx_log_error(NGX_LOG_EMERG, log, 0,
                          "zego store \"%s\" is that of zone \"%V\" too",
                          dir, &zones[i]->shm_zone->shm.name);
            return NGX_ERROR;
        }
    }

    if (ngx_http_zego_store_claim(zone, log) != NGX_OK) {
        return NGX_ERROR;
    }

    if (geteuid() == 0 && fi.st_uid != zone->ccf->user
        && zone->ccf->user != (ngx_uid_t) NGX_CONF_UNSET_UINT
        && chown((const char *) dir, zone->ccf->user, -1) == -1)
    {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      "chown(\"%s\", %d) failed", dir, zone->ccf->user);
        return NGX_ERROR;
    }

    /* what is in it is safe once its name is */

    (void) ngx_sprintf(dir + zone->dir.len, "/..%Z");

    fd = ngx_open_file(dir, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    dir[zone->dir.len] = '\0';

    if (fd != NGX_INVALID_FILE) {
        (void) fsync(fd);
        (void) ngx_close_file(fd);
    }

    return NGX_OK;
}


/* a directory that is given to the workers has nothing of another's in it */

static ngx_int_t
ngx_http_zego_store_claim(ngx_http_zego_zone_t *zone, ngx_log_t *log)
{
    u_char      *name;
    ngx_dir_t    dir;
    ngx_err_t    err;
    ngx_uint_t   i, foreign, found;

    static const char  *files[] = {
        ".", "..", "data.mdb", "lock.mdb", "new.mdb", "lost+found"
    };

    if (ngx_open_dir(&zone->dir, &dir) == NGX_ERROR) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      ngx_open_dir_n " \"%V\" failed", &zone->dir);
        return NGX_ERROR;
    }

    foreign = 0;
    found = 0;

    for ( ;; ) {
        ngx_set_errno(0);

        if (ngx_read_dir(&dir) == NGX_ERROR) {
            err = ngx_errno;
            break;
        }

        name = ngx_de_name(&dir);

        for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
            if (ngx_strcmp(name, files[i]) == 0) {
                break;
            }
        }

        if (i == sizeof(files) / sizeof(files[0])) {
            foreign = 1;
        }

        if (ngx_strcmp(name, "data.mdb") == 0) {
            found = 1;
        }
    }

    (void) ngx_close_dir(&dir);

    if (err && err != NGX_ENOMOREFILES) {
        ngx_log_error(NGX_LOG_EMERG, log, err,
                      ngx_read_dir_n " \"%V\" failed", &zone->dir);
        return NGX_ERROR;
    }

    if (foreign && !found) {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "\"%V\" is not empty and holds no store", &zone->dir);
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_zego_store_start(ngx_http_zego_zone_t *zone, ngx_cycle_t *cycle)
{
    ngx_uint_t              loaded, failed;
    ngx_http_zego_store_t  *st;

    st = ngx_http_zego_store_open(zone, cycle);
    if (st == NULL) {
        return NGX_ERROR;
    }

    zone->store = st;
    zone->sh->metrics.pending[ngx_worker % NGX_HTTP_ZEGO_WORKERS] = 0;

    ngx_http_zego_store_pristine(st);

    /* no request is served before the zone holds what the store does */

    while (!ngx_terminate && !ngx_quit) {

        ngx_time_update();
        ngx_http_zego_store_keep(st);

        loaded = zone->sh->kept.loaded;
        failed = zone->sh->kept.failed;

        if (loaded) {
            break;
        }

        if (st->keeper) {
            ngx_http_zego_store_load(st);
            break;
        }

        if (failed) {
            break;
        }

        ngx_msleep(5);
    }

    ngx_add_timer(&st->tick, NGX_HTTP_ZEGO_TICK);

    return NGX_OK;
}


/*
 * What a zone holds that was in use without a store is newer than what is in
 * one, of which the zone may have forgotten what has ended.
 */

static void
ngx_http_zego_store_pristine(ngx_http_zego_store_t *st)
{
    zego_stats_t           stats;
    ngx_http_zego_kept_t  *kept;
    ngx_http_zego_zone_t  *zone;

    zone = st->zone;

    if (ngx_http_zego_zone_lock_any(zone) != NGX_OK) {
        return;
    }

    kept = &zone->sh->kept;

    zego_rooms_stats(zone->sh->rooms, &stats);

    if (stats.changes == 0) {
        kept->pristine = 1;
    }

    ngx_http_zego_zone_unlock(zone);
}


static ngx_http_zego_store_t *
ngx_http_zego_store_open(ngx_http_zego_zone_t *zone, ngx_cycle_t *cycle)
{
    ngx_uint_t              i;
    ngx_http_zego_store_t  *st;
#if (NGX_THREADS)
    ngx_str_t               name = ngx_string("default");
#endif

    st = ngx_pcalloc(cycle->pool, sizeof(ngx_http_zego_store_t));
    if (st == NULL) {
        return NULL;
    }

    st->zone = zone;

    st->store = zego_store_create(&ngx_http_zego_heap,
                                  (char *) zone->dir.data,
                                  ngx_max(zone->shm_zone->shm.size,
                                          NGX_HTTP_ZEGO_MAP_SIZE));
    if (st->store == NULL) {
        return NULL;
    }

    for (i = 0; i < 2; i++) {
        ngx_queue_init(&st->batches[i].waits);
    }

    ngx_free(ngx_alloc(NGX_HTTP_ZEGO_HEAP, cycle->log));

    st->filling = &st->batches[0];
    st->committing = &st->batches[1];

    st->done.handler = ngx_http_zego_store_done;
    st->done.data = st;
    st->done.log = cycle->log;

    st->commit.handler = ngx_http_zego_store_commit;
    st->commit.data = st;
    st->commit.log = cycle->log;

    st->stall.handler = ngx_http_zego_store_stalled;
    st->stall.data = &ngx_http_zego_dumb;
    st->stall.log = cycle->log;

    st->tick.handler = ngx_http_zego_store_tick;
    st->tick.data = &ngx_http_zego_dumb;
    st->tick.log = cycle->log;
    st->tick.cancelable = 1;

#if (NGX_THREADS)

    /* a single process does not start the threads of a new configuration */

    if (ngx_process == NGX_PROCESS_WORKER) {

        st->pool = ngx_thread_pool_get(cycle, &name);

        st->task = ngx_thread_task_alloc(cycle->pool, 0);
        if (st->task == NULL) {
            return NULL;
        }

        st->task->ctx = st;
        st->task->handler = ngx_http_zego_store_thread;
        st->task->event.handler = ngx_http_zego_store_done;
        st->task->event.data = st;
        st->task->event.log = cycle->log;
    }

#endif

    return st;
}


void
ngx_http_zego_store_stop(ngx_http_zego_zone_t *zone)
{
    ngx_http_zego_kept_t   *kept;
    ngx_http_zego_store_t  *st;

    st = zone->store;
    zone->store = NULL;

    if (st == NULL) {
        return;
    }

    /* only where there are no threads is there anything left to do */

    while (st->done.posted) {
        ngx_delete_posted_event(&st->done);
        ngx_http_zego_store_done(&st->done);
    }

    if (st->commit.posted) {
        ngx_delete_posted_event(&st->commit);
    }

    if (st->stall.timer_set) {
        ngx_del_timer(&st->stall);
    }

    if (st->tick.timer_set) {
        ngx_del_timer(&st->tick);
    }

    if (st->keeper && zone->sh) {
        kept = &zone->sh->kept;

        if (kept->keeper == ngx_pid) {
            kept->keeper = 0;
        }
    }

    ngx_http_zego_store_drop(st);

    zego_store_destroy(st->store);

    ngx_free(st->batches[0].data);
    ngx_free(st->batches[1].data);
}


/* at a start, before requests are served */

static void
ngx_http_zego_store_load(ngx_http_zego_store_t *st)
{
    ngx_int_t              rc;
    ngx_msec_t             start, said;
    ngx_http_zego_kept_t  *kept;

    kept = &st->zone->sh->kept;

    st->rc = ngx_http_zego_store_check(st, ngx_cycle->log, 1);

    if (kept->loaded || ngx_terminate || ngx_quit) {
        return;
    }

    if (st->rc == ZEGO_STORE_OK && !kept->pristine) {
        ngx_http_zego_store_loaded(st);

        if (zego_store_stat(st->store, &st->stat) == ZEGO_STORE_OK) {
            ngx_http_zego_store_look(st);
            ngx_http_zego_store_bind(st);
        }

        return;
    }

    if (st->rc != ZEGO_STORE_OK
        || ngx_http_zego_store_start_read(st, 1) != NGX_OK)
    {
        ngx_http_zego_store_unloaded(st);
        return;
    }

    start = ngx_current_msec;
    said = start;

    do {
        st->now = ngx_http_zego_zone_time();
        st->rc = ngx_http_zego_store_read_piece(st);

        if (st->rc != ZEGO_STORE_OK && st->rc != ZEGO_STORE_MORE) {
            ngx_http_zego_store_failed(st);
            ngx_http_zego_store_unloaded(st);
            return;
        }

        rc = ngx_http_zego_store_join(st);

        if (ngx_terminate || ngx_quit) {
            return;
        }

        if (rc != NGX_OK) {
            ngx_http_zego_store_unloaded(st);
            return;
        }

        ngx_time_update();

        if (ngx_current_msec - said >= 1000) {
            said = ngx_current_msec;

            ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                          "zego store \"%V\": %ui records read",
                          &st->zone->dir, st->read);

            ngx_http_zego_store_keep(st);
        }

    } while (st->rc == ZEGO_STORE_MORE);

    ngx_http_zego_store_loaded(st);

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "zego store \"%V\": %ui records read in %M ms",
                  &st->zone->dir, st->read, ngx_current_msec - start);
}


/*
 * LMDB takes what is on disk for good, so all of it is read once in a process
 * that may die of that.  What it says is a status and a message; where there
 * are threads its exit may be seen by the handler of SIGCHLD only.
 */

static zego_store_e
ngx_http_zego_store_check(ngx_http_zego_store_t *st, ngx_log_t *log,
    ngx_uint_t starting)
{
    int            n, status;
    u_char         text[512];
    ssize_t        size;
    ngx_fd_t       fd[2];
    sigset_t       set, old;
    ngx_err_t      err;
    ngx_pid_t      pid;
    ngx_uint_t     i;
    struct pollfd  pfd;

    if (pipe(fd) == -1) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno, "pipe() failed");
        return ZEGO_STORE_FAILED;
    }

    /* no handler where fork() has the locks of malloc() */

    sigfillset(&set);
    (void) sigprocmask(SIG_BLOCK, &set, &old);

    pid = fork();
    err = ngx_errno;

    if (pid == 0) {
        ngx_http_zego_store_check_child(st, fd[1]);
    }

    (void) sigprocmask(SIG_SETMASK, &old, NULL);

    (void) close(fd[1]);

    if (pid == -1) {
        ngx_log_error(NGX_LOG_EMERG, log, err, "fork() failed");
        (void) close(fd[0]);
        return ZEGO_STORE_FAILED;
    }

    pfd.fd = fd[0];
    pfd.events = POLLIN;
    n = 0;

    for (i = 0; i < NGX_HTTP_ZEGO_CHECK_TIME; i++) {

        n = poll(&pfd, 1, 1000);

        if (n > 0 || ngx_terminate || ngx_quit || ngx_exiting) {
            break;
        }

        if (starting) {
            ngx_time_update();
            ngx_http_zego_store_keep(st);
        }
    }

    size = (n > 0) ? read(fd[0], text, sizeof(text)) : -1;

    if (n <= 0) {
        (void) kill(pid, SIGKILL);
    }

    (void) close(fd[0]);

    while (waitpid(pid, &status, 0) == -1 && ngx_errno == NGX_EINTR) {
        /* void */
    }

    if (size == -1) {

        if (!ngx_terminate && !ngx_quit && !ngx_exiting) {
            ngx_log_error(NGX_LOG_EMERG, log, 0,
                          "zego store \"%V\" could not be checked in %d "
                          "seconds", &st->zone->dir, NGX_HTTP_ZEGO_CHECK_TIME);
        }

        return ZEGO_STORE_FAILED;
    }

    if (size > 0 && text[0] == ZEGO_STORE_OK) {
        return ZEGO_STORE_OK;
    }

    if (size == 0) {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "zego store \"%V\" is damaged (a process that read it "
                      "died): restore a copy of it, or move it away to start "
                      "empty", &st->zone->dir);
        return ZEGO_STORE_DAMAGED;
    }

    ngx_log_error(NGX_LOG_EMERG, log, 0, "zego store \"%V\" %*s",
                  &st->zone->dir, (size_t) size - 1, text + 1);

    return text[0];
}


/* not by the signal, of which there would be an alert and a core */

static void
ngx_http_zego_store_check_died(int signo)
{
    _exit(1);
}


static void
ngx_http_zego_store_check_child(ngx_http_zego_store_t *st, ngx_fd_t fd)
{
    u_char             text[512], *last;
    sigset_t           set;
    ngx_uint_t         i;
    zego_store_t      *store;
    ngx_connection_t  *c;

    static const int  signals[] = {
        SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTERM
    };

    for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        (void) signal(signals[i], ngx_http_zego_store_check_died);
    }

    /* nothing of the worker's outlives it here */

#if (NGX_LINUX)
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != ngx_pid) {
        _exit(1);
    }
#endif

    c = ngx_cycle->connections;

    for (i = 0; i < ngx_cycle->connection_n; i++) {
        if (c[i].fd != (ngx_socket_t) -1) {
            (void) close(c[i].fd);
        }
    }

    sigemptyset(&set);
    (void) sigprocmask(SIG_SETMASK, &set, NULL);

    store = zego_store_create(&ngx_http_zego_heap,
                              (char *) st->zone->dir.data,
                              NGX_HTTP_ZEGO_MAP_SIZE);
    if (store == NULL) {
        _exit(1);
    }

    text[0] = zego_store_check(store);

    last = ngx_snprintf(text + 1, sizeof(text) - 1, "%s",
                        zego_store_message(store));

    _exit(write(fd, text, last - text) == -1);
}


/* all of the store, or what others have committed to it since */

static ngx_int_t
ngx_http_zego_store_start_read(ngx_http_zego_store_t *st, ngx_uint_t all)
{
    zego_stats_t           stats;
    ngx_http_zego_zone_t  *zone;

    zone = st->zone;

    if (ngx_http_zego_zone_lock_any(zone) != NGX_OK) {
        return NGX_ERROR;
    }

    zego_rooms_stats(zone->sh->rooms, &stats);

    ngx_http_zego_zone_unlock(zone);

    st->reader = zego_reader_create(&ngx_http_zego_heap);
    if (st->reader == NULL) {
        return NGX_ERROR;
    }

    st->read = 0;
    st->down = 0;
    st->epoch = stats.version.epoch;
    st->all = all;

    if (!all) {
        zego_reader_after(st->reader, zone->sh->kept.joined,
                          stats.version.epoch);
    }

    return NGX_OK;
}


/* NGX_AGAIN: the zone that it is read for has gone, or has been rebuilt */

static ngx_int_t
ngx_http_zego_store_lock(ngx_http_zego_store_t *st)
{
    zego_stats_t           stats;
    ngx_http_zego_zone_t  *zone;

    zone = st->zone;

    if (ngx_http_zego_zone_lock_any(zone) != NGX_OK) {
        return NGX_AGAIN;
    }

    zego_rooms_stats(zone->sh->rooms, &stats);

    if (stats.version.epoch != st->epoch) {
        ngx_http_zego_zone_unlock(zone);
        return NGX_AGAIN;
    }

    return NGX_OK;
}


/* the records that were read */

static ngx_int_t
ngx_http_zego_store_join(ngx_http_zego_store_t *st)
{
    zego_env_t             env;
    ngx_uint_t             n;
    zego_str_t             record;
    zego_verdict_e         verdict;
    ngx_http_zego_zone_t  *zone;

    zone = st->zone;

    for ( ;; ) {

        if (ngx_http_zego_store_lock(st) != NGX_OK) {
            return NGX_AGAIN;
        }

        ngx_http_zego_zone_env(zone, &env);

        verdict = ZEGO_DUPLICATE;

        for (n = 0; n < NGX_HTTP_ZEGO_JOINS; n++) {
            record = zego_reader_next(st->reader);

            if (record.len == 0) {
                break;
            }

            verdict = zego_rooms_load(zone->sh->rooms, &env, record.data,
                                      record.len);

            if (verdict == ZEGO_DEFERRED || verdict == ZEGO_REJECTED) {
                break;
            }
        }

        ngx_http_zego_zone_unlock(zone);

        st->read += n;

        if (verdict == ZEGO_DEFERRED) {
            ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0,
                          "zego zone \"%V\" is too small for zego store "
                          "\"%V\"", &zone->shm_zone->shm.name, &zone->dir);
            return NGX_ERROR;
        }

        if (verdict == ZEGO_REJECTED) {
            ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0,
                          "zego store \"%V\" has records that another "
                          "version of this module wrote: use that, or move it "
                          "away to start empty", &zone->dir);
            return NGX_ERROR;
        }

        if (n < NGX_HTTP_ZEGO_JOINS) {
            return NGX_OK;
        }
    }
}


static void
ngx_http_zego_store_loaded(ngx_http_zego_store_t *st)
{
    uint64_t               missed;
    ngx_http_zego_kept_t  *kept;
    ngx_http_zego_zone_t  *zone;

    zone = st->zone;
    kept = &zone->sh->kept;

    if (st->reader == NULL) {

        /* it is looked at later what of the store is to be joined */

        if (ngx_http_zego_zone_lock_any(zone) == NGX_OK) {
            kept->id = 0;
            kept->complete = 0;
            kept->failed = 0;
            kept->loaded = 1;

            ngx_http_zego_zone_unlock(zone);
        }

        return;
    }

    if (ngx_http_zego_store_lock(st) != NGX_OK) {
        ngx_http_zego_store_unloaded(st);
        return;
    }

    missed = ngx_max(zego_reader_missed(st->reader), st->down);

    if (missed > zone->sh->rebuilt) {
        zego_rooms_missed(zone->sh->rooms, missed);
        zone->sh->rebuilt = missed;
    }

    st->id = zego_store_id(st->store);
    st->files = zego_store_files(st->store);

    kept->id = st->id;
    kept->files = st->files;
    kept->joined = zego_reader_number(st->reader);
    kept->complete = 1;
    kept->gone = 0;
    kept->pristine = 0;
    kept->failed = 0;
    kept->checked = 1;
    kept->loaded = 1;

    ngx_http_zego_zone_unlock(zone);

    zego_reader_destroy(st->reader);
    st->reader = NULL;

    st->begun = ngx_current_msec;
}


/* it is tried again */

static void
ngx_http_zego_store_unloaded(ngx_http_zego_store_t *st)
{
    ngx_http_zego_kept_t  *kept;

    kept = &st->zone->sh->kept;

    kept->checked = 0;
    kept->failed = 1;

    st->retry = ngx_current_msec
                + ((st->rc == ZEGO_STORE_DAMAGED || st->rc == ZEGO_STORE_LAYOUT)
                   ? NGX_HTTP_ZEGO_RETRY_LATE : NGX_HTTP_ZEGO_RETRY);

    if (st->reader) {
        zego_reader_destroy(st->reader);
        st->reader = NULL;
    }
}


static void
ngx_http_zego_store_tick(ngx_event_t *ev)
{
    ngx_http_zego_store_t  *st;

    st = ngx_queue_data(ev, ngx_http_zego_store_t, tick);

    if (ngx_http_zego_zone_moved(st->zone)) {
        return;
    }

    ngx_http_zego_store_keep(st);

    if (ngx_exiting) {
        return;
    }

    ngx_add_timer(ev, NGX_HTTP_ZEGO_TICK);

    ngx_http_zego_store_next(st);
}


/* one of the processes reads the store and writes images, for all of them */

static void
ngx_http_zego_store_keep(ngx_http_zego_store_t *st)
{
    zego_stats_t           stats;
    ngx_http_zego_kept_t  *kept;
    ngx_http_zego_zone_t  *zone;

    zone = st->zone;
    st->keeper = 0;

    if (ngx_http_zego_zone_lock_any(zone) != NGX_OK) {
        return;
    }

    kept = &zone->sh->kept;

    if (ngx_exiting || zone->generation != kept->generation) {

        if (kept->keeper == ngx_pid) {
            kept->keeper = 0;
        }

    } else if (kept->keeper == ngx_pid || kept->keeper == 0
               || (ngx_msec_int_t) (ngx_current_msec - kept->seen)
                  > NGX_HTTP_ZEGO_LEASE)
    {
        kept->keeper = ngx_pid;
        kept->seen = ngx_current_msec;
        st->keeper = 1;

        zego_rooms_stats(zone->sh->rooms, &stats);
        st->changes = stats.changes;
        st->missed = zone->sh->rebuilt;
    }

    ngx_http_zego_zone_unlock(zone);
}


/* whether it still does, after a job that took some time; under the mutex */

static ngx_uint_t
ngx_http_zego_store_keeps(ngx_http_zego_store_t *st)
{
    ngx_http_zego_kept_t  *kept;

    kept = &st->zone->sh->kept;

    return kept->keeper == ngx_pid
           && kept->generation == st->zone->generation;
}


/* after a commit it is the turn of what else is to be done */

static void
ngx_http_zego_store_next(ngx_http_zego_store_t *st)
{
    if (st->job != ngx_http_zego_job_idle) {
        return;
    }

    if (st->committed || st->filling->records == 0) {
        st->committed = 0;
        ngx_http_zego_store_other(st);
    }

    if (st->job == ngx_http_zego_job_idle && st->filling->records) {
        ngx_http_zego_store_commit(&st->commit);
    }
}


static void
ngx_http_zego_store_other(ngx_http_zego_store_t *st)
{
    ngx_msec_t             now;
    ngx_http_zego_kept_t  *kept;

    now = ngx_current_msec;

    if (ngx_exiting || ngx_http_zego_zone_moved(st->zone)
        || (ngx_msec_int_t) (now - st->retry) < 0)
    {
        return;
    }

    kept = &st->zone->sh->kept;

    if (st->id == 0 && kept->loaded) {
        ngx_http_zego_store_run(st, ngx_http_zego_job_look);
        return;
    }

    if (!st->keeper) {
        ngx_http_zego_store_drop(st);
        return;
    }

    if (st->reader) {
        ngx_http_zego_store_run(st, ngx_http_zego_job_read);
        return;
    }

    if (!kept->loaded) {
        ngx_http_zego_store_drop(st);

        if (!kept->checked) {
            ngx_http_zego_store_run(st, ngx_http_zego_job_check);

        } else if (!kept->pristine) {
            ngx_http_zego_store_loaded(st);

        } else if (ngx_http_zego_store_start_read(st, 1) == NGX_OK) {
            ngx_http_zego_store_run(st, ngx_http_zego_job_read);

        } else {
            ngx_http_zego_store_unloaded(st);
        }

        return;
    }

    if (!ngx_http_zego_store_is(st, kept)) {
        ngx_http_zego_store_run(st, ngx_http_zego_job_look);
        return;
    }

    if (now - st->alive >= NGX_HTTP_ZEGO_ALIVE) {
        ngx_http_zego_store_run(st, ngx_http_zego_job_alive);
        return;
    }

    if (now - st->looked >= NGX_HTTP_ZEGO_LOOK) {
        ngx_http_zego_store_run(st, ngx_http_zego_job_look);
        return;
    }

    if (now - st->followed >= NGX_HTTP_ZEGO_TICK
        && zego_store_changed(st->store)
        && ngx_http_zego_store_start_read(st, 0) == NGX_OK)
    {
        st->followed = now;
        ngx_http_zego_store_run(st, ngx_http_zego_job_read);
        return;
    }

    ngx_http_zego_store_image(st);
}


static void
ngx_http_zego_store_image(ngx_http_zego_store_t *st)
{
    ngx_int_t              rc;
    ngx_msec_t             now, interval;
    ngx_http_zego_kept_t  *kept;
    ngx_http_zego_zone_t  *zone;

    zone = st->zone;
    kept = &zone->sh->kept;
    now = ngx_current_msec;

    interval = ngx_min(zone->horizon / 4, NGX_HTTP_ZEGO_IMAGE_MAX);
    interval = ngx_max(interval, NGX_HTTP_ZEGO_IMAGE_MIN);

    if (st->image == NULL) {

        if (st->changes == kept->imaged && kept->complete) {
            return;
        }

        if (now - st->begun < interval && kept->complete
            && st->stat.journal < NGX_HTTP_ZEGO_IMAGE_JOURNAL)
        {
            return;
        }

        st->image = zego_image_create(&ngx_http_zego_heap);
        if (st->image == NULL) {
            return;
        }

        st->begun = now;
        st->stat.journal = 0;
        st->imaging = st->changes;
        st->joined = kept->joined;
        st->more = 1;

        ngx_http_zego_store_run(st, ngx_http_zego_job_begin);
        return;
    }

    if ((ngx_msec_int_t) (now - st->step) < 0) {
        return;
    }

    if (!st->merging && !st->more) {

        if (now - st->begun >= ngx_min(interval, NGX_HTTP_ZEGO_IMAGE_TIME)) {
            ngx_http_zego_store_run(st, ngx_http_zego_job_cut);
        }

        return;
    }

    if (!st->merging) {
        rc = ngx_http_zego_zone_lock(zone);

        if (rc != NGX_OK) {
            return;
        }

        st->more = zego_image_read(st->image, zone->sh->rooms, kept->joined);
        st->merging = 1;

        ngx_http_zego_zone_unlock(zone);
    }

    ngx_http_zego_store_run(st, ngx_http_zego_job_merge);
}


static void
ngx_http_zego_store_run(ngx_http_zego_store_t *st, ngx_http_zego_job_e job)
{
    st->job = job;
    st->now = ngx_http_zego_zone_time();

#if (NGX_THREADS)

    if (st->pool) {

        if (ngx_thread_task_post(st->pool, st->task) == NGX_OK) {
            return;
        }

        st->rc = ZEGO_STORE_FAILED;
        ngx_post_event(&st->done, &ngx_posted_events);
        return;
    }

#endif

    ngx_http_zego_store_thread(st, ngx_cycle->log);
    ngx_post_event(&st->done, &ngx_posted_events);
}


static void
ngx_http_zego_store_thread(void *data, ngx_log_t *log)
{
    ngx_http_zego_store_t *st = data;

    uint64_t      start;
    zego_store_t  *store;

    store = st->store;
    start = ngx_http_zego_store_clock();

    switch (st->job) {

    case ngx_http_zego_job_commit:
        st->rc = zego_store_append(store, (char *) st->committing->data,
                                   st->committing->len, st->committing->epoch,
                                   st->now);
        break;

    case ngx_http_zego_job_check:
        st->rc = ngx_http_zego_store_check(st, log, 0);
        break;

    case ngx_http_zego_job_read:
        st->rc = ngx_http_zego_store_read_piece(st);
        break;

    case ngx_http_zego_job_begin:
        st->rc = zego_store_begin(store, st->image);
        break;

    case ngx_http_zego_job_merge:
        st->rc = zego_store_merge(store, st->image);
        break;

    case ngx_http_zego_job_cut:
        st->rc = zego_store_cut(store, st->image, st->joined);
        break;

    case ngx_http_zego_job_look:
        st->rc = zego_store_stat(store, &st->stat);
        break;

    default: /* ngx_http_zego_job_alive */
        st->rc = zego_store_alive(store, st->now, st->missed);
    }

    st->took = ngx_http_zego_store_clock() - start;
}


/*
 * That callbacks were missed is in the store before any other is accepted, of
 * which it would be alive again.
 */

static zego_store_e
ngx_http_zego_store_read_piece(ngx_http_zego_store_t *st)
{
    uint64_t      alive;
    zego_store_e  rc;

    rc = zego_store_read(st->store, st->reader);
    alive = zego_reader_alive(st->reader);

    if (rc == ZEGO_STORE_OK && st->all && alive
        && st->now > alive + NGX_HTTP_ZEGO_DOWN)
    {
        st->down = st->now;
        rc = zego_store_alive(st->store, st->now, st->down);
    }

    return rc;
}


/* us; the cached time is not for threads */

static uint64_t
ngx_http_zego_store_clock(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


static void
ngx_http_zego_store_done(ngx_event_t *ev)
{
    ngx_http_zego_zone_t   *zone;
    ngx_http_zego_job_e     job;
    ngx_http_zego_store_t  *st;

    st = ev->data;
    zone = st->zone;

    job = st->job;
    st->job = ngx_http_zego_job_idle;

    ngx_log_debug4(NGX_LOG_DEBUG_HTTP, ev->log, 0,
                   "zego store job:%d rc:%d took:%uL keeper:%d",
                   job, st->rc, st->took, st->keeper);

    ngx_http_zego_store_look(st);

    if (st->rc != ZEGO_STORE_OK && st->rc != ZEGO_STORE_MORE
        && st->rc != ZEGO_STORE_BEHIND && job != ngx_http_zego_job_check)
    {
        ngx_http_zego_store_failed(st);

        if (job != ngx_http_zego_job_commit) {
            st->retry = ngx_current_msec + NGX_HTTP_ZEGO_RETRY;
        }
    }

    if (job == ngx_http_zego_job_commit) {
        ngx_http_zego_store_committed(st);

    } else if (zone->sh) {

        switch (job) {

        case ngx_http_zego_job_check:

            if (st->rc == ZEGO_STORE_OK) {
                zone->sh->kept.checked = 1;

            } else {
                ngx_http_zego_store_unloaded(st);
            }

            break;

        case ngx_http_zego_job_read:
            ngx_http_zego_store_read(st);
            break;

        case ngx_http_zego_job_look:
            st->looked = ngx_current_msec;

            if (st->rc == ZEGO_STORE_OK) {
                zone->sh->metrics.bytes = st->stat.bytes;
                zone->sh->metrics.journal = st->stat.journal;

                if (st->keeper) {
                    ngx_http_zego_store_bind(st);
                }
            }

            break;

        case ngx_http_zego_job_alive:
            st->alive = ngx_current_msec;
            break;

        default:
            ngx_http_zego_store_imaged(st);
        }
    }

    ngx_http_zego_store_next(st);
}


static void
ngx_http_zego_store_read(ngx_http_zego_store_t *st)
{
    ngx_int_t             rc;
    ngx_http_zego_kept_t  *kept;

    kept = &st->zone->sh->kept;

    rc = NGX_ERROR;

    if (st->rc == ZEGO_STORE_OK || st->rc == ZEGO_STORE_MORE) {
        rc = ngx_http_zego_store_join(st);
    }

    if (rc == NGX_OK && st->rc == ZEGO_STORE_MORE) {
        return;
    }

    if (!kept->loaded && rc != NGX_AGAIN) {

        if (rc == NGX_OK) {
            ngx_http_zego_store_loaded(st);

            ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                          "zego store \"%V\": %ui records read",
                          &st->zone->dir, st->read);
        } else {
            ngx_http_zego_store_unloaded(st);
        }

        return;
    }

    if (rc == NGX_OK && ngx_http_zego_store_lock(st) == NGX_OK) {

        if (ngx_http_zego_store_keeps(st) && ngx_http_zego_store_is(st, kept))
        {
            kept->joined = zego_reader_number(st->reader);
        }

        ngx_http_zego_zone_unlock(st->zone);

    } else if (rc == NGX_ERROR) {
        st->retry = ngx_current_msec + NGX_HTTP_ZEGO_RETRY;
    }

    zego_reader_destroy(st->reader);
    st->reader = NULL;
}


/* a step of an image, and the time until the next */

static void
ngx_http_zego_store_imaged(ngx_http_zego_store_t *st)
{
    ngx_msec_t             pause;
    ngx_http_zego_kept_t  *kept;

    if (st->rc != ZEGO_STORE_OK && st->rc != ZEGO_STORE_MORE) {

        /* another's may be under way */

        ngx_http_zego_store_drop(st);
        st->begun = ngx_current_msec - ngx_random() % NGX_HTTP_ZEGO_IMAGE_MIN;
        return;
    }

    if (st->rc == ZEGO_STORE_OK) {

        if (st->merging || st->more) {
            st->merging = 0;

        } else if (ngx_http_zego_zone_lock(st->zone) == NGX_OK) {

            kept = &st->zone->sh->kept;

            if (ngx_http_zego_store_keeps(st)
                && ngx_http_zego_store_is(st, kept))
            {
                kept->imaged = st->imaging;
                kept->complete = 1;
            }

            ngx_http_zego_zone_unlock(st->zone);

            ngx_http_zego_store_drop(st);
            return;
        }
    }

    pause = ngx_max(2 * st->took / 1000, 1);

    st->step = ngx_current_msec + pause;

    if (st->tick.timer_set && pause < NGX_HTTP_ZEGO_TICK) {
        ngx_del_timer(&st->tick);
        ngx_add_timer(&st->tick, pause);
    }
}


static void
ngx_http_zego_store_drop(ngx_http_zego_store_t *st)
{
    if (st->reader) {
        zego_reader_destroy(st->reader);
        st->reader = NULL;
    }

    if (st->image) {
        zego_image_destroy(st->image);
        st->image = NULL;
    }

    st->merging = 0;
    st->more = 0;
}


/* which it is now; none, once it has been seen to be removed */

static void
ngx_http_zego_store_look(ngx_http_zego_store_t *st)
{
    uint64_t               id, files;
    ngx_uint_t             was;
    ngx_http_zego_kept_t  *kept;

    id = zego_store_id(st->store);
    files = id ? zego_store_files(st->store) : 0;

    if ((id == st->id && files == st->files) || (id && files == 0)) {

        /* or it was closed after a failure */

        return;
    }

    if (st->zone->sh && ngx_http_zego_zone_lock_any(st->zone) == NGX_OK) {

        kept = &st->zone->sh->kept;
        was = st->id && ngx_http_zego_store_is(st, kept);

        st->id = id;
        st->files = files;

        if (ngx_http_zego_store_is(st, kept)) {
            kept->gone = 0;

        } else if (was) {
            kept->gone = 1;
        }

        ngx_http_zego_zone_unlock(st->zone);
    }

    st->id = id;
    st->files = files;
}


/*
 * To another one than before, to which all of the zone has to go.  Where there
 * is another master what it has in it is joined.  Else the store is older than
 * the zone, which may have forgotten what has ended since.
 */

static void
ngx_http_zego_store_bind(ngx_http_zego_store_t *st)
{
    uint64_t               now, alive;
    ngx_http_zego_kept_t  *kept;

    kept = &st->zone->sh->kept;

    if ((ngx_http_zego_store_is(st, kept) && !kept->gone)
        || ngx_http_zego_zone_lock(st->zone) != NGX_OK)
    {
        return;
    }

    if (!ngx_http_zego_store_keeps(st)) {
        ngx_http_zego_zone_unlock(st->zone);

        st->keeper = 0;
        return;
    }

    kept->gone = 0;

    if (ngx_http_zego_store_is(st, kept)) {
        ngx_http_zego_zone_unlock(st->zone);
        return;
    }

    now = ngx_http_zego_zone_time();
    alive = st->stat.alive;

    kept->id = st->id;
    kept->files = st->files;
    kept->complete = 0;
    kept->joined = (now < alive + 2 * NGX_HTTP_ZEGO_ALIVE) ? 0
                                                           : st->stat.last;

    ngx_http_zego_zone_unlock(st->zone);

    ngx_http_zego_store_drop(st);

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "zego store \"%V\" is another one than before: all of zone "
                  "\"%V\" is written to it", &st->zone->dir,
                  &st->zone->shm_zone->shm.name);
}


ngx_uint_t
ngx_http_zego_store_complete(ngx_http_zego_store_t *st)
{
    ngx_http_zego_kept_t  *kept;

    kept = &st->zone->sh->kept;

    return kept->complete && !kept->gone
           && st->id && ngx_http_zego_store_is(st, kept);
}


static void
ngx_http_zego_store_failed(ngx_http_zego_store_t *st)
{
    ngx_http_zego_zone_t  *zone;

    zone = st->zone;

    if (zone->sh == NULL) {
        return;
    }

    (void) ngx_atomic_fetch_add(&zone->sh->metrics.failures, 1);

    if (ngx_http_zego_zone_once(&zone->sh->failed)) {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0, "zego store \"%V\" %s",
                      &zone->dir, zego_store_message(st->store));
    }
}


ngx_int_t
ngx_http_zego_store_reserve(ngx_http_zego_store_t *st, zego_record_t *record)
{
    size_t                  size;
    u_char                 *p;
    ngx_http_zego_batch_t  *batch;

    batch = st->filling;

    if (batch->size - batch->len < ZEGO_RECORD_MAX) {

        size = ngx_max(2 * batch->size, ZEGO_RECORD_MAX);

        p = ngx_alloc(size, ngx_cycle->log);
        if (p == NULL) {
            return NGX_ERROR;
        }

        if (batch->len) {
            ngx_memcpy(p, batch->data, batch->len);
        }

        ngx_free(batch->data);

        batch->data = p;
        batch->size = size;
    }

    record->data = (char *) batch->data + batch->len;
    record->len = 0;

    return NGX_OK;
}


ngx_int_t
ngx_http_zego_store_wait(ngx_http_request_t *r, ngx_http_zego_callback_t *cb,
    zego_record_t *record)
{
    ngx_http_cleanup_t        *cln;
    ngx_http_zego_wait_t      *wait;
    ngx_http_zego_zone_t      *zone;
    ngx_http_zego_batch_t     *batch;
    ngx_http_zego_store_t     *st;
    ngx_http_zego_loc_conf_t  *zlcf;

    if (record->len == 0) {
        return NGX_OK;
    }

    zlcf = ngx_http_get_module_loc_conf(r, ngx_http_zego_module);
    zone = zlcf->callback->data;
    st = zone->store;

    wait = ngx_palloc(r->pool, sizeof(ngx_http_zego_wait_t));
    if (wait == NULL) {
        return NGX_ERROR;
    }

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_zego_callback_hold(r) != NGX_OK) {
        return NGX_ERROR;
    }

    batch = st->filling;

    wait->request = r;
    wait->callback = cb;
    wait->offset = batch->len;
    wait->record = *record;

    ngx_queue_insert_tail(&batch->waits, &wait->queue);

    cln->handler = ngx_http_zego_store_cleanup;
    cln->data = cb;

    cb->wait = wait;

    if (batch->records == 0) {
        batch->epoch = cb->applied.version.epoch;

    } else if (batch->epoch != cb->applied.version.epoch) {
        batch->epoch = 0;
    }

    batch->len += record->len;
    batch->records++;

    ngx_http_zego_store_pending(st);

    if (st->job == ngx_http_zego_job_idle) {

        if (batch->records >= st->enough) {
            ngx_http_zego_store_commit(&st->commit);

        } else if (!st->commit.posted) {
            st->since = ngx_http_zego_store_clock();
            ngx_post_event(&st->commit, &ngx_posted_events);
        }
    }

    return NGX_DONE;
}


/* the client has gone, what it sent is stored all the same */

static void
ngx_http_zego_store_cleanup(void *data)
{
    ngx_http_zego_callback_t *cb = data;

    if (cb->wait) {
        ngx_queue_remove(&cb->wait->queue);
        cb->wait = NULL;
    }
}


/*
 * Once there is enough, or nothing more comes in a turn of the event loop, as
 * those that were just answered send again, or some time after a commit could
 * have begun.
 */

static void
ngx_http_zego_store_commit(ngx_event_t *ev)
{
    uint64_t                gather;
    ngx_http_zego_batch_t  *batch;
    ngx_http_zego_store_t  *st;

    st = ev->data;

    batch = st->filling;

    if (st->job != ngx_http_zego_job_idle || batch->records == 0) {
        return;
    }

    gather = ngx_http_zego_store_clock() - st->since;

    if (batch->records < st->enough && batch->records != st->gathered
        && gather < NGX_HTTP_ZEGO_GATHER)
    {
        st->gathered = batch->records;

        if (!ev->posted) {
            ngx_post_event(ev, &ngx_posted_next_events);
        }

        return;
    }

    if (ev->posted) {
        ngx_delete_posted_event(ev);
    }

    st->gather = gather;
    st->gathered = 0;

    st->filling = st->committing;
    st->committing = batch;

    ngx_http_zego_store_run(st, ngx_http_zego_job_commit);
}


static void
ngx_http_zego_store_committed(ngx_http_zego_store_t *st)
{
    ngx_int_t                  rc;
    ngx_uint_t                 i;
    ngx_queue_t               *q;
    ngx_connection_t          *c;
    ngx_http_request_t        *r;
    ngx_http_zego_wait_t      *wait;
    ngx_http_zego_batch_t     *batch;
    ngx_http_zego_metrics_t   *metrics;
    ngx_http_zego_callback_t  *cb;

    batch = st->committing;

    rc = (st->rc == ZEGO_STORE_OK) ? ngx_http_zego_store_saved(st, batch)
                                   : NGX_ERROR;

    if (rc == NGX_OK && st->zone->sh) {
        metrics = &st->zone->sh->metrics;

        for (i = 0; i < NGX_HTTP_ZEGO_COMMITS - 1; i++) {
            if (st->took <= ngx_http_zego_commit_times[i]) {
                break;
            }
        }

        (void) ngx_atomic_fetch_add(&metrics->commits[i], 1);
        (void) ngx_atomic_fetch_add(&metrics->commit_time, st->took);
        (void) ngx_atomic_fetch_add(&metrics->records, batch->records);
    }

    st->enough = batch->records + st->filling->records;

    /* of many, some are left to do while the disk is waited for */

    if (st->gather > st->took) {
        st->enough -= st->enough / 4;
    }

    batch->records = 0;
    batch->len = 0;

    ngx_http_zego_store_pending(st);

    st->committed = 1;
    st->since = ngx_http_zego_store_clock();

    while (!ngx_queue_empty(&batch->waits)) {

        q = ngx_queue_head(&batch->waits);
        ngx_queue_remove(q);

        wait = ngx_queue_data(q, ngx_http_zego_wait_t, queue);

        r = wait->request;
        c = r->connection;
        cb = wait->callback;

        cb->wait = NULL;

        if (rc != NGX_OK) {
            cb->verdict = ZEGO_DEFERRED;
            cb->reason = ZEGO_NO_STORE;
            cb->has_version = 0;

            ngx_http_zego_explain_refused(st->zone, cb);
        }

        /* its client has gone, and a "post_action" goes on with it */

        if (r->post_action) {
            continue;
        }

        ngx_http_set_log_request(c->log, r);

        r->read_event_handler = ngx_http_block_reading;

        ngx_http_zego_callback_done(r, cb);

        ngx_http_run_posted_requests(c);
    }
}


/* NGX_ERROR: it went to another store than that of the zone */

static ngx_int_t
ngx_http_zego_store_saved(ngx_http_zego_store_t *st,
    ngx_http_zego_batch_t *batch)
{
    ngx_uint_t             n;
    ngx_queue_t           *q;
    zego_stats_t           stats;
    ngx_http_zego_wait_t  *wait;
    ngx_http_zego_zone_t  *zone;

    zone = st->zone;

    if (zone->sh == NULL) {
        return NGX_ERROR;
    }

    q = ngx_queue_head(&batch->waits);

    do {

        switch (ngx_http_zego_zone_lock(zone)) {

        case NGX_OK:
            break;

        case NGX_AGAIN:
        case NGX_DECLINED:
            return ngx_http_zego_store_is(st, &zone->sh->kept) ? NGX_OK
                                                               : NGX_ERROR;

        default: /* NGX_ERROR */
            return NGX_ERROR;
        }

        if (!ngx_http_zego_store_is(st, &zone->sh->kept)) {
            ngx_http_zego_zone_unlock(zone);
            return NGX_ERROR;
        }

        zego_rooms_stats(zone->sh->rooms, &stats);

        for (n = 0; n < NGX_HTTP_ZEGO_JOINS; n++) {

            if (q == ngx_queue_sentinel(&batch->waits)) {
                break;
            }

            wait = ngx_queue_data(q, ngx_http_zego_wait_t, queue);
            q = ngx_queue_next(q);

            if (wait->callback->applied.version.epoch == stats.version.epoch) {
                wait->record.data = (char *) batch->data + wait->offset;

                zego_rooms_saved(zone->sh->rooms, &wait->record);
            }
        }

        ngx_http_zego_zone_unlock(zone);

    } while (q != ngx_queue_sentinel(&batch->waits));

    return NGX_OK;
}


static void
ngx_http_zego_store_pending(ngx_http_zego_store_t *st)
{
    ngx_uint_t  n;

    n = st->filling->records + st->committing->records;

    if (st->zone->sh) {
        st->zone->sh->metrics.pending[ngx_worker % NGX_HTTP_ZEGO_WORKERS] = n;
    }

    /* a worker that is shutting down exits when it has no timer left */

    if (n == 0) {

        if (st->stall.timer_set) {
            ngx_del_timer(&st->stall);
        }

    } else if (!st->stall.timer_set) {
        ngx_add_timer(&st->stall, NGX_HTTP_ZEGO_STALL);
    }
}


static void
ngx_http_zego_store_stalled(ngx_event_t *ev)
{
    ngx_http_zego_store_t  *st;

    st = ngx_queue_data(ev, ngx_http_zego_store_t, stall);

    ngx_log_error(NGX_LOG_WARN, ev->log, 0,
                  "zego store \"%V\" has kept callbacks waiting for %d s",
                  &st->zone->dir, NGX_HTTP_ZEGO_STALL / 1000);

    ngx_add_timer(ev, NGX_HTTP_ZEGO_STALL);
}

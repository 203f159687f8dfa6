
/*
 * For tests, linked with --wrap: a callback's nonce says what goes wrong.
 *
 *     die      the worker, under the lock
 *     stop     the worker, under the lock, until it is continued
 *     pause    the same after the lock was given back
 *     check    nothing: what is inconsistent is logged
 *     torn     the next one to lock finds the zone torn
 *     later    a horizon has passed; only where the test drives the clock
 *     read     what must not be: a read without the lock, and a write
 *     write
 *     reader   and a write under the lock, but by a reader
 */


#include "ngx_http_zego.h"
#include "faults.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>


static zego_faults_t   none;
static zego_str_t      nonce;
static ngx_uint_t      applying;

zego_faults_t         *zego_faults = &none;
unsigned               zego_counting;


ngx_int_t __real_ngx_http_zego_zone_lock(ngx_http_zego_zone_t *zone);
ngx_int_t __wrap_ngx_http_zego_zone_lock(ngx_http_zego_zone_t *zone);
ngx_int_t __real_ngx_http_zego_zone_start(ngx_http_zego_zone_t *zone,
    ngx_cycle_t *cycle);
ngx_int_t __wrap_ngx_http_zego_zone_start(ngx_http_zego_zone_t *zone,
    ngx_cycle_t *cycle);
void __real_ngx_http_zego_zone_unlock(ngx_http_zego_zone_t *zone);
void __wrap_ngx_http_zego_zone_unlock(ngx_http_zego_zone_t *zone);
zego_verdict_e __real_zego_rooms_apply(zego_rooms_t *rooms,
    const zego_env_t *env, const zego_event_t *event, zego_applied_t *applied,
    zego_record_t *record);
zego_verdict_e __wrap_zego_rooms_apply(zego_rooms_t *rooms,
    const zego_env_t *env, const zego_event_t *event, zego_applied_t *applied,
    zego_record_t *record);
int __real_zego_rooms_expire(zego_rooms_t *rooms, const zego_env_t *env,
    unsigned steps);
int __wrap_zego_rooms_expire(zego_rooms_t *rooms, const zego_env_t *env,
    unsigned steps);
void *__real_ngx_slab_alloc_locked(ngx_slab_pool_t *pool, size_t size);
void *__wrap_ngx_slab_alloc_locked(ngx_slab_pool_t *pool, size_t size);


#if defined(__SANITIZE_ADDRESS__)

/*
 * ASan does not see to its locks when a process with threads is forked: the
 * child would wait for one that another thread had.
 */

void zego_lock_threads(void)
    __asm__("_ZN6__lsan18LockThreadRegistryEv") __attribute__((weak));
void zego_unlock_threads(void)
    __asm__("_ZN6__lsan20UnlockThreadRegistryEv") __attribute__((weak));
void zego_lock_allocator(void)
    __asm__("_ZN6__lsan13LockAllocatorEv") __attribute__((weak));
void zego_unlock_allocator(void)
    __asm__("_ZN6__lsan15UnlockAllocatorEv") __attribute__((weak));
void zego_lock_stacks(void)
    __asm__("_ZN11__sanitizer17StackDepotLockAllEv") __attribute__((weak));
void zego_unlock_stacks(void)
    __asm__("_ZN11__sanitizer19StackDepotUnlockAllEv") __attribute__((weak));


static void
zego_faults_fork(void)
{
    zego_lock_threads();
    zego_lock_allocator();
    zego_lock_stacks();
}


static void
zego_faults_forked(void)
{
    zego_unlock_stacks();
    zego_unlock_allocator();
    zego_unlock_threads();
}


static void __attribute__((constructor))
zego_faults_asan(void)
{
    if (zego_lock_allocator) {
        (void) pthread_atfork(zego_faults_fork, zego_faults_forked,
                              zego_faults_forked);
    }
}

#endif


static void __attribute__((constructor))
zego_faults_open(void)
{
    int          fd;
    void        *p;
    const char  *name;

    name = getenv("ZEGO_FAULTS");

    if (name == NULL) {
        return;
    }

    fd = open(name, O_RDWR);

    if (fd == -1) {
        perror(name);
        abort();
    }

    p = mmap(NULL, sizeof(zego_faults_t), PROT_READ|PROT_WRITE, MAP_SHARED,
             fd, 0);

    if (p == MAP_FAILED) {
        perror(name);
        abort();
    }

    zego_faults = p;
    (void) close(fd);
}


static void __attribute__((no_sanitize("thread")))
zego_faults_tear(ngx_http_zego_zone_t *zone)
{
    zone->sh->busy = 1;
}


static ngx_uint_t
zego_faults_told(const char *what)
{
    return nonce.len == ngx_strlen(what)
           && ngx_strncmp(nonce.data, what, nonce.len) == 0;
}


/* the timer's calls come from the same file and do not pass here */

ngx_int_t
__wrap_ngx_http_zego_zone_lock(ngx_http_zego_zone_t *zone)
{
    ngx_int_t  rc;

    ngx_str_null(&nonce);

    (void) ngx_atomic_fetch_add(&zego_faults->asked, 1);

    zego_counting = 1;

    rc = __real_ngx_http_zego_zone_lock(zone);

    if (rc != NGX_OK) {
        zego_counting = 0;
    }

    (void) ngx_atomic_fetch_add(&zego_faults->got, 1);

    return rc;
}


void
__wrap_ngx_http_zego_zone_unlock(ngx_http_zego_zone_t *zone)
{
    zego_stats_t   stats;
    zego_rooms_t  *rooms;

    rooms = zone->sh->rooms;

    __real_ngx_http_zego_zone_unlock(zone);

    zego_counting = 0;

    if (zego_faults_told("pause")) {
        (void) raise(SIGSTOP);

    } else if (zego_faults_told("torn")) {
        zego_faults_tear(zone);

    } else if (zego_faults_told("read")) {
        zego_rooms_stats(rooms, &stats);

    } else if (zego_faults_told("write")) {
        zone->shpool->log_ctx = zone->sh->log_ctx;
    }
}


zego_verdict_e
__wrap_zego_rooms_apply(zego_rooms_t *rooms, const zego_env_t *env,
    const zego_event_t *event, zego_applied_t *applied, zego_record_t *record)
{
    zego_env_t       at;
    const char      *wrong;
    zego_verdict_e   verdict;

    nonce = event->nonce;
    at = *env;

    if (zego_faults->clock) {
        if (zego_faults_told("later")) {
            zego_faults->clock += env->horizon;
        }

        at.now = zego_faults->clock;
    }

    applying = 1;
    verdict = __real_zego_rooms_apply(rooms, &at, event, applied, record);
    applying = 0;

    if (zego_faults_told("die")) {
        (void) raise(SIGKILL);

    } else if (zego_faults_told("stop")) {
        (void) raise(SIGSTOP);

    } else if (zego_faults_told("reader")) {
        zego_rooms_stats(rooms, at.memory.alloc(at.memory.ctx,
                                                sizeof(zego_stats_t)));

    } else if (zego_faults_told("check")) {
        wrong = zego_rooms_check(rooms);

        if (wrong) {
            ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                          "zego zone is inconsistent: %s", wrong);
        }
    }

    return verdict;
}


/* where the test drives the clock there is no timer, but for that of a store */

ngx_int_t
__wrap_ngx_http_zego_zone_start(ngx_http_zego_zone_t *zone, ngx_cycle_t *cycle)
{
    return (zego_faults->clock && zone->dir.len == 0)
           ? NGX_OK : __real_ngx_http_zego_zone_start(zone, cycle);
}


int
__wrap_zego_rooms_expire(zego_rooms_t *rooms, const zego_env_t *env,
    unsigned steps)
{
    int  rc;

    if (zego_faults->clock && !applying) {
        return 0;
    }

    zego_counting = applying || zego_faults->timer;

    rc = __real_zego_rooms_expire(rooms, env, steps);

    zego_counting = applying;

    return rc;
}


void *
__wrap_ngx_slab_alloc_locked(ngx_slab_pool_t *pool, size_t size)
{
    uint64_t  n;

    if (zego_counting) {
        n = ++zego_faults->allocs;

        if (n >= zego_faults->fail_first && n <= zego_faults->fail_last) {
            return NULL;
        }
    }

    return __real_ngx_slab_alloc_locked(pool, size);
}

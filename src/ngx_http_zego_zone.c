
#include "ngx_http_zego.h"

#if (NGX_HAVE_ATOMIC_OPS && !NGX_WIN32)
#include <sys/wait.h>
#endif


#define NGX_HTTP_ZEGO_EXPIRE_STEPS  64
#define NGX_HTTP_ZEGO_EXPIRE_TIME   1000
#define NGX_HTTP_ZEGO_EXPIRE_AGAIN  20


static void *ngx_http_zego_heap_alloc(void *ctx, size_t size);
static void ngx_http_zego_heap_free(void *ctx, void *p);
static void *ngx_http_zego_slab_alloc(void *ctx, size_t size);
static void ngx_http_zego_slab_free(void *ctx, void *p);

static ngx_http_zego_zone_sh_t *ngx_http_zego_zone_sh(
    ngx_shm_zone_t *shm_zone);
static uint64_t ngx_http_zego_zone_epoch(void);
static ngx_int_t ngx_http_zego_zone_reset(ngx_http_zego_zone_t *zone,
    uint64_t epoch, uint64_t since, uint64_t rebuilt);
static void ngx_http_zego_zone_rebuild(ngx_http_zego_zone_t *zone);
static void ngx_http_zego_zone_report(ngx_http_zego_zone_t *zone);

static ngx_int_t ngx_http_zego_zone_take(ngx_http_zego_zone_t *zone,
    ngx_http_zego_zone_t *old, zego_stats_t *stats);
static ngx_int_t ngx_http_zego_zone_copy(ngx_http_zego_zone_t *zone,
    ngx_http_zego_zone_t *old, zego_stats_t *stats);
static void ngx_http_zego_zone_move(ngx_http_zego_zone_t *zone,
    ngx_http_zego_zone_t *old);
static void ngx_http_zego_zone_retire(ngx_cycle_t *cycle);
static void ngx_http_zego_zone_lock_old(ngx_http_zego_zone_t *old);

static void ngx_http_zego_zone_expire(ngx_event_t *ev);
static void ngx_http_zego_zone_stop(ngx_http_zego_zone_t *zone);


const zego_memory_t  ngx_http_zego_heap = {
    ngx_http_zego_heap_alloc,
    ngx_http_zego_heap_free,
    NULL
};


/* what the debug log of events wants to see behind a timer */

ngx_connection_t  ngx_http_zego_dumb = { .fd = (ngx_socket_t) -1 };


static void *
ngx_http_zego_heap_alloc(void *ctx, size_t size)
{
    return ngx_alloc(size, ngx_cycle->log);
}


static void
ngx_http_zego_heap_free(void *ctx, void *p)
{
    ngx_free(p);
}


static void *
ngx_http_zego_slab_alloc(void *ctx, size_t size)
{
    return ngx_slab_alloc_locked(ctx, size);
}


static void
ngx_http_zego_slab_free(void *ctx, void *p)
{
    ngx_slab_free_locked(ctx, p);
}


ngx_shm_zone_t *
ngx_http_zego_zone_find(ngx_cycle_t *cycle, ngx_str_t *name, ngx_uint_t own)
{
    ngx_uint_t        i;
    ngx_shm_zone_t   *shm_zone;
    ngx_list_part_t  *part;

    part = &cycle->shared_memory.part;
    shm_zone = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }
            part = part->next;
            shm_zone = part->elts;
            i = 0;
        }

        if ((shm_zone[i].tag == &ngx_http_zego_module) == own
            && shm_zone[i].shm.addr != NULL
            && shm_zone[i].shm.name.len == name->len
            && ngx_strncmp(shm_zone[i].shm.name.data, name->data, name->len)
               == 0)
        {
            return &shm_zone[i];
        }
    }

    return NULL;
}


ngx_int_t
ngx_http_zego_zone_init(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_http_zego_zone_t  *ozone = data;

    ngx_int_t              rc;
    zego_stats_t           stats;
    ngx_http_zego_zone_t  *zone;

    zone = shm_zone->data;

    if (zone->dir.len && !ngx_test_config
        && ngx_http_zego_store_create(zone, shm_zone->shm.log) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ozone) {
        zone->sh = ozone->sh;
        zone->shpool = ozone->shpool;
        zone->old = NULL;

        if (ngx_process == NGX_PROCESS_SINGLE) {
            ngx_queue_insert_tail(&ozone->cycles, &zone->cycles);
        }

        return NGX_OK;
    }

    zone->sh = ngx_http_zego_zone_sh(shm_zone);
    zone->shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (shm_zone->shm.exists) {
        return NGX_OK;
    }

    ngx_memzero(zone->sh, sizeof(ngx_http_zego_zone_sh_t));

    ngx_http_zego_replay_init(zone);
    ngx_http_zego_explain_init(zone);

    zone->shpool->end = zone->sh->trace;

    ngx_snprintf(zone->sh->log_ctx, sizeof(zone->sh->log_ctx) - 1,
                 " in zego zone \"%V\"%Z", &shm_zone->shm.name);

    if (zone->old && !ngx_test_config) {
        rc = ngx_http_zego_zone_take(zone, zone->old->data, &stats);

        if (rc == NGX_BUSY) {
            ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                          "zego zone \"%V\" is too small for its %uL rooms, "
                          "%uL streams and %uL users", &shm_zone->shm.name,
                          stats.rooms, stats.streams, stats.users);
            return NGX_ERROR;
        }

        return rc;
    }

    if (zone->foreign) {
        ngx_log_error(NGX_LOG_WARN, shm_zone->shm.log, 0,
                      "zego zone \"%V\" starts empty, the zone of that name "
                      "is of another module or of another copy of this one",
                      &shm_zone->shm.name);
    }

    if (ngx_http_zego_zone_reset(zone, ngx_http_zego_zone_epoch(),
                                 ngx_http_zego_zone_time(), 0)
        != NGX_OK)
    {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "zego zone \"%V\" is too small", &shm_zone->shm.name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_http_zego_zone_sh_t *
ngx_http_zego_zone_sh(ngx_shm_zone_t *shm_zone)
{
    uintptr_t  p;

    p = (uintptr_t) shm_zone->shm.addr + shm_zone->shm.size
        - sizeof(ngx_http_zego_zone_sh_t);

    return (ngx_http_zego_zone_sh_t *) (p & ~((uintptr_t) 64 - 1));
}


static uint64_t
ngx_http_zego_zone_epoch(void)
{
    uint64_t  epoch;

    epoch = (uint64_t) ngx_random() << 32;
    epoch ^= (uint64_t) ngx_random() << 16;
    epoch ^= (uint64_t) ngx_time() << 32;
    epoch ^= (uint64_t) ngx_current_msec << 20;
    epoch ^= (uint64_t) ngx_pid;

    return epoch;
}


uint64_t
ngx_http_zego_zone_time(void)
{
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    return (uint64_t) tp->sec * 1000 + tp->msec;
}


ngx_uint_t
ngx_http_zego_zone_once(ngx_atomic_t *last)
{
    ngx_atomic_uint_t  now, then;

    now = ngx_time();
    then = *last;

    return now != then && ngx_atomic_cmp_set(last, then, now);
}


static ngx_int_t
ngx_http_zego_zone_reset(ngx_http_zego_zone_t *zone, uint64_t epoch,
    uint64_t since, uint64_t rebuilt)
{
    zego_env_t                env;
    ngx_http_zego_zone_sh_t  *sh;

    sh = zone->sh;

    sh->rooms = NULL;
    sh->rebuilt = rebuilt;

    ngx_slab_init(zone->shpool);

    zone->shpool->log_nomem = 0;
    zone->shpool->log_ctx = sh->log_ctx;

    ngx_http_zego_zone_env(zone, &env);

    sh->rooms = zego_rooms_create(&env, epoch, since, rebuilt);

    if (sh->rooms == NULL) {
        return NGX_ERROR;
    }

    zego_rooms_ring(sh->rooms, &env,
                    zone->shm_zone->shm.size / NGX_HTTP_ZEGO_CHANGES_PART);
    zego_rooms_trace_init(sh->rooms, sh->trace, sh->trace_size);

    return NGX_OK;
}


static void
ngx_http_zego_zone_rebuild(ngx_http_zego_zone_t *zone)
{
    uint64_t  now;

    now = ngx_http_zego_zone_time();

    /* what is in a store is not lost */

    (void) ngx_http_zego_zone_reset(zone, ngx_http_zego_zone_epoch(), now,
                                    zone->dir.len ? zone->sh->rebuilt : now);

    ngx_http_zego_replay_reset(zone->sh);

    zone->sh->kept.pristine |= zone->sh->kept.loaded;
    zone->sh->kept.loaded = 0;

    (void) ngx_atomic_fetch_add(&zone->sh->metrics.rebuilds, 1);

    zone->rebuilt = 1;
}


static void
ngx_http_zego_zone_report(ngx_http_zego_zone_t *zone)
{
    zone->rebuilt = 0;

    ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0,
                  "zego zone \"%V\" was rebuilt, a process died "
                  "while changing it%s", &zone->shm_zone->shm.name,
                  zone->dir.len ? ": it is read from its store" : "");
}


ngx_int_t
ngx_http_zego_zone_lock(ngx_http_zego_zone_t *zone)
{
    ngx_int_t  rc;

    rc = ngx_http_zego_zone_lock_any(zone);

    if (rc == NGX_OK && zone->dir.len && !zone->sh->kept.loaded) {
        ngx_http_zego_zone_unlock(zone);
        return NGX_AGAIN;
    }

    return rc;
}


ngx_int_t
ngx_http_zego_zone_lock_any(ngx_http_zego_zone_t *zone)
{
    ngx_http_zego_zone_sh_t  *sh;

    sh = zone->sh;

    /*
     * looked at before the mutex as well: of a zone that has gone from the
     * configuration the master does not unlock it when a worker dies
     */

    if (ngx_http_zego_zone_moved(zone)) {
        return NGX_DECLINED;
    }

    ngx_shmtx_lock(&zone->shpool->mutex);

    if (sh->moved) {
        ngx_shmtx_unlock(&zone->shpool->mutex);
        return NGX_DECLINED;
    }

    if (sh->busy) {
        ngx_http_zego_zone_rebuild(zone);
    }

    sh->busy = 1;
    ngx_memory_barrier();

    if (sh->rooms == NULL) {
        ngx_http_zego_zone_unlock(zone);
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_http_zego_zone_unlock(ngx_http_zego_zone_t *zone)
{
    ngx_memory_barrier();
    zone->sh->busy = 0;

    ngx_shmtx_unlock(&zone->shpool->mutex);

    if (zone->rebuilt) {
        ngx_http_zego_zone_report(zone);
    }
}


ngx_int_t
ngx_http_zego_zone_rdlock(ngx_http_zego_zone_t *zone)
{
    ngx_http_zego_zone_sh_t  *sh;

    sh = zone->sh;

    if (sh == NULL) {
        return NGX_DECLINED;
    }

    if (!sh->moved) {
        ngx_shmtx_lock(&zone->shpool->mutex);

        if (sh->moved) {
            ngx_shmtx_unlock(&zone->shpool->mutex);
        }
    }

    if (sh->moved) {
        return (sh->busy || sh->rooms == NULL) ? NGX_ERROR : NGX_OK;
    }

    if (sh->busy) {
        ngx_http_zego_zone_rebuild(zone);

        ngx_memory_barrier();
        sh->busy = 0;
    }

    if (sh->rooms == NULL) {
        ngx_http_zego_zone_rdunlock(zone);
        return NGX_ERROR;
    }

    if (zone->dir.len && !sh->kept.loaded) {
        ngx_http_zego_zone_rdunlock(zone);
        return NGX_AGAIN;
    }

    return NGX_OK;
}


void
ngx_http_zego_zone_rdunlock(ngx_http_zego_zone_t *zone)
{
    /* a zone is moved under the mutex only, so this one was before */

    if (zone->sh->moved) {
        return;
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    if (zone->rebuilt) {
        ngx_http_zego_zone_report(zone);
    }
}


zego_reason_e
ngx_http_zego_zone_reason(ngx_int_t rc)
{
    switch (rc) {

    case NGX_DECLINED:
        return ZEGO_MOVED;

    case NGX_AGAIN:
        return ZEGO_LOADING;

    default: /* NGX_ERROR */
        return ZEGO_NO_MEMORY;
    }
}


void
ngx_http_zego_zone_env(ngx_http_zego_zone_t *zone, zego_env_t *env)
{
    env->memory.alloc = ngx_http_zego_slab_alloc;
    env->memory.free = ngx_http_zego_slab_free;
    env->memory.ctx = zone->shpool;
    env->now = ngx_current_msec;
    env->horizon = zone->horizon;
}


/*
 * Fills a new zone from an old one.  NGX_BUSY: there is no room for all of it.
 */

static ngx_int_t
ngx_http_zego_zone_take(ngx_http_zego_zone_t *zone, ngx_http_zego_zone_t *old,
    zego_stats_t *stats)
{
    uint64_t    now;
    ngx_int_t   rc;
    ngx_uint_t  lost;

    zone->sh->rooms = NULL;

    lost = zone->lost;
    zone->lost = 0;

    rc = ngx_http_zego_zone_copy(zone, old, stats);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    now = ngx_http_zego_zone_time();

    if (ngx_http_zego_zone_reset(zone, ngx_http_zego_zone_epoch(), now,
                                 zone->dir.len ? 0 : now)
        != NGX_OK)
    {
        return NGX_BUSY;
    }

    zone->lost = 1;

    if (!lost) {
        ngx_log_error(NGX_LOG_CRIT, zone->shm_zone->shm.log, 0,
                      "zego zone \"%V\" starts empty, a process died "
                      "while changing the one before%s",
                      &zone->shm_zone->shm.name,
                      zone->dir.len ? ": it is read from its store" : "");
    }

    return NGX_OK;
}


/* NGX_DECLINED: the old zone is damaged */

static ngx_int_t
ngx_http_zego_zone_copy(ngx_http_zego_zone_t *zone, ngx_http_zego_zone_t *old,
    zego_stats_t *stats)
{
    ngx_int_t                 rc;
    zego_env_t                env;
    zego_copy_t              *copy;
    ngx_http_zego_zone_sh_t  *sh, *osh;

    ngx_memzero(stats, sizeof(zego_stats_t));

    sh = zone->sh;
    osh = old->sh;

    copy = zego_copy_create(&ngx_http_zego_heap);
    if (copy == NULL) {
        return NGX_ERROR;
    }

    ngx_http_zego_zone_env(zone, &env);

    do {
        ngx_http_zego_zone_lock_old(old);

        if (osh->busy || osh->rooms == NULL) {
            rc = NGX_DECLINED;
            goto unlock;
        }

        zego_rooms_stats(osh->rooms, stats);

        if (sh->rooms == NULL
            && ngx_http_zego_zone_reset(zone, stats->version.epoch,
                                        stats->since, osh->rebuilt)
               != NGX_OK)
        {
            rc = NGX_BUSY;
            goto unlock;
        }

        switch (zego_copy_step(copy, sh->rooms, &env, osh->rooms)) {

        case ZEGO_COPY_MORE:
            rc = NGX_AGAIN;
            break;

        case ZEGO_COPY_DONE:
            rc = NGX_OK;
            break;

        default: /* ZEGO_COPY_FULL */
            rc = NGX_BUSY;
        }

    unlock:

        ngx_shmtx_unlock(&old->shpool->mutex);

    } while (rc == NGX_AGAIN);

    zego_copy_destroy(copy);

    return rc;
}


/*
 * The hook runs in the master, for an accepted configuration only, and before
 * the new workers are started: what old workers have answered with 200 until
 * they see the mark is found in the new zone.
 */

ngx_int_t
ngx_http_zego_zone_init_module(ngx_cycle_t *cycle)
{
    ngx_uint_t                   i;
    ngx_http_zego_zone_t       **zones;
    ngx_http_zego_main_conf_t   *zmcf;

    if (ngx_test_config) {
        return NGX_OK;
    }

    zones = NULL;
    zmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_zego_module);

    if (zmcf) {
        zones = zmcf->zones.elts;

        for (i = 0; i < zmcf->zones.nelts; i++) {

            if (zones[i]->old) {
                ngx_http_zego_zone_move(zones[i], zones[i]->old->data);
                zones[i]->old = NULL;
            }

            ngx_http_zego_metrics_secrets(&zones[i]->sh->metrics, &zmcf->apps);

            zones[i]->generation = ++zones[i]->sh->kept.generation;

            ngx_memzero((void *) zones[i]->sh->metrics.watches,
                        sizeof(zones[i]->sh->metrics.watches));
        }
    }

    ngx_http_zego_zone_retire(cycle);

    /* a single process does not run the init process hook again */

    if (zmcf && ngx_process == NGX_PROCESS_SINGLE
        && !ngx_is_init_cycle(cycle->old_cycle))
    {
        for (i = 0; i < zmcf->zones.nelts; i++) {
            if (ngx_http_zego_zone_start(zones[i], cycle) != NGX_OK) {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


/*
 * Old workers may be there for long.  A zone that has gone from the
 * configuration is no place for what they answer with 200, and the master
 * does not unlock it any more when one of them dies.
 */

static void
ngx_http_zego_zone_retire(ngx_cycle_t *cycle)
{
    ngx_uint_t             i;
    ngx_queue_t           *q;
    ngx_shm_zone_t        *shm_zone, *nshm_zone;
    ngx_list_part_t       *part;
    ngx_http_zego_zone_t  *zone, *ozone;

    part = &cycle->old_cycle->shared_memory.part;
    shm_zone = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }
            part = part->next;
            shm_zone = part->elts;
            i = 0;
        }

        if (shm_zone[i].tag != &ngx_http_zego_module
            || shm_zone[i].shm.addr == NULL)
        {
            continue;
        }

        zone = shm_zone[i].data;

        /* in a single process its timer would go on */
        ngx_http_zego_zone_stop(zone);

        nshm_zone = ngx_http_zego_zone_find(cycle, &shm_zone[i].shm.name, 1);

        if (nshm_zone && nshm_zone->shm.addr == shm_zone[i].shm.addr) {
            continue;
        }

        ngx_http_zego_zone_lock_old(zone);

        zone->sh->moved = 1;

        ngx_shmtx_unlock(&zone->shpool->mutex);

        /* here the memory goes, and in a single process requests stay */

        for (q = ngx_queue_head(&zone->cycles);
             q != &zone->cycles;
             q = ngx_queue_next(q))
        {
            ozone = ngx_queue_data(q, ngx_http_zego_zone_t, cycles);
            ozone->sh = NULL;
        }

        zone->sh = NULL;
    }
}


/*
 * The copy made so far has only shown that the size will do.  It is made anew,
 * now that the old zone does not change any more: in between an entry may have
 * been closed there and its tombstone freed, and would live on in a copy that
 * is merely completed.
 */

static void
ngx_http_zego_zone_move(ngx_http_zego_zone_t *zone, ngx_http_zego_zone_t *old)
{
    uint64_t      now;
    zego_env_t    env;
    zego_stats_t  stats;

    ngx_http_zego_zone_lock_old(old);

    old->sh->moved = 1;

    ngx_shmtx_unlock(&old->shpool->mutex);

    if (ngx_http_zego_zone_take(zone, old, &stats) != NGX_OK) {

        /*
         * It is too late to refuse the configuration: what finds room is
         * taken, as after a rebuild, so that the list says it is incomplete.
         */

        now = ngx_http_zego_zone_time();

        if (ngx_http_zego_zone_reset(zone, ngx_http_zego_zone_epoch(), now,
                                     now)
            == NGX_OK)
        {
            (void) ngx_http_zego_zone_copy(zone, old, &stats);
        }

        zone->lost = 1;

        ngx_log_error(NGX_LOG_CRIT, zone->shm_zone->shm.log, 0,
                      "zego zone \"%V\" became too small for its list "
                      "while it was resized", &zone->shm_zone->shm.name);
    }

    zone->sh->metrics = old->sh->metrics;

    if (!old->sh->busy) {
        ngx_http_zego_replay_copy(zone->sh, old->sh);

        if (old->sh->rooms && zone->sh->rooms) {
            ngx_http_zego_zone_env(zone, &env);
            zego_rooms_copy_deliveries(zone->sh->rooms, &env, old->sh->rooms);
            zego_rooms_copy_trace(zone->sh->rooms, old->sh->rooms);
        }
    }

    zone->sh->kept = old->sh->kept;
    zone->sh->kept.keeper = 0;

    if (zone->lost) {
        zone->sh->metrics.rebuilds++;
        zone->sh->kept.pristine |= zone->sh->kept.loaded;
        zone->sh->kept.loaded = 0;
    }
}


/*
 * The master has signals blocked and so does not notice that a worker died
 * with the mutex of the old zone, which it is the only one to unlock: it
 * looks for itself instead of waiting for ever.
 */

static void
ngx_http_zego_zone_lock_old(ngx_http_zego_zone_t *old)
{
#if (NGX_HAVE_ATOMIC_OPS && !NGX_WIN32)

    pid_t         pid;
    siginfo_t     info;
    ngx_shmtx_t  *mtx;

    mtx = &old->shpool->mutex;

    while (!ngx_shmtx_trylock(mtx)) {

        pid = (pid_t) *mtx->lock;

        if (pid) {
            info.si_pid = 0;

            if (waitid(P_PID, pid, &info, WEXITED|WNOHANG|WNOWAIT) == 0
                && info.si_pid == pid)
            {
                (void) ngx_shmtx_force_unlock(mtx, pid);
                continue;
            }
        }

        ngx_msleep(1);
    }

#else

    ngx_shmtx_lock(&old->shpool->mutex);

#endif
}


ngx_int_t
ngx_http_zego_zone_start(ngx_http_zego_zone_t *zone, ngx_cycle_t *cycle)
{
    ngx_event_t  *ev;

    ev = &zone->expire;

    ev->handler = ngx_http_zego_zone_expire;
    ev->data = &ngx_http_zego_dumb;
    ev->log = ngx_cycle->log;
    ev->cancelable = 1;

    ngx_add_timer(ev, NGX_HTTP_ZEGO_EXPIRE_TIME);

    zone->sh->metrics.watches[ngx_worker % NGX_HTTP_ZEGO_WORKERS] = 0;

    if (zone->dir.len) {
        return ngx_http_zego_store_start(zone, cycle);
    }

    /* from now on it is newer than what was its store */

    if (zone->sh->kept.id && ngx_http_zego_zone_lock_any(zone) == NGX_OK) {

        if (zone->generation == zone->sh->kept.generation) {
            zone->sh->kept.id = 0;
        }

        ngx_http_zego_zone_unlock(zone);
    }

    return NGX_OK;
}


static void
ngx_http_zego_zone_expire(ngx_event_t *ev)
{
    int                    more;
    zego_env_t             env;
    ngx_http_zego_zone_t  *zone;

    zone = ngx_queue_data(ev, ngx_http_zego_zone_t, expire);

    more = 0;

    switch (ngx_http_zego_zone_lock(zone)) {

    case NGX_OK:
        ngx_http_zego_zone_env(zone, &env);

        more = zego_rooms_expire(zone->sh->rooms, &env,
                                 NGX_HTTP_ZEGO_EXPIRE_STEPS);

        ngx_http_zego_zone_unlock(zone);
        break;

    case NGX_DECLINED:
        return;

    default: /* NGX_ERROR */
        break;
    }

    if (ngx_exiting) {
        return;
    }

    ngx_add_timer(ev, more ? NGX_HTTP_ZEGO_EXPIRE_AGAIN
                           : NGX_HTTP_ZEGO_EXPIRE_TIME);
}


void
ngx_http_zego_zone_cleanup(void *data)
{
    ngx_http_zego_zone_t  *zone = data;

    ngx_http_zego_zone_stop(zone);
    ngx_http_zego_watch_cleanup(zone);

    ngx_queue_remove(&zone->cycles);
}


static void
ngx_http_zego_zone_stop(ngx_http_zego_zone_t *zone)
{
    if (zone->expire.timer_set) {
        ngx_del_timer(&zone->expire);
    }

    ngx_http_zego_store_stop(zone);
}

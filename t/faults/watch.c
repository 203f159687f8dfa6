
/*
 * For tests: every access to a zone, what the slab does in it included, but
 * not to the counters in its header, is seen.  Without the zone's mutex it must
 * not be, and a reader must not write (addr2line -fie names what did); and a
 * process may die, or stop, at any store, and the master stop between the
 * pieces of a copy.
 */


#include "ngx_http_zego.h"
#include "faults.h"

#include <signal.h>


#define ZEGO_WATCHED_MAX  32

#define zego_within(p, size, start, end)                                      \
    ((u_char *) (p) + (size) > (u_char *) (start)                             \
     && (u_char *) (p) < (u_char *) (end))

#define zego_touches(p, size, object)                                         \
    zego_within(p, size, &(object), &(object) + 1)


typedef struct {
    u_char                    *addr;
    u_char                    *end;
    ngx_http_zego_zone_sh_t   *sh;
    ngx_uint_t                 filling;    /* not in use yet */
} zego_watched_t;


static zego_watched_t   zones[ZEGO_WATCHED_MAX];
static ngx_uint_t       nzones;
static ngx_uint_t       reading;


ngx_int_t __real_ngx_http_zego_zone_init(ngx_shm_zone_t *shm_zone, void *data);
ngx_int_t __wrap_ngx_http_zego_zone_init(ngx_shm_zone_t *shm_zone, void *data);
ngx_int_t __real_ngx_http_zego_zone_init_module(ngx_cycle_t *cycle);
ngx_int_t __wrap_ngx_http_zego_zone_init_module(ngx_cycle_t *cycle);
ngx_uint_t __real_ngx_shmtx_trylock(ngx_shmtx_t *mtx);
ngx_uint_t __wrap_ngx_shmtx_trylock(ngx_shmtx_t *mtx);
void __real_ngx_shm_free(ngx_shm_t *shm);
void __wrap_ngx_shm_free(ngx_shm_t *shm);
zego_view_e __real_zego_view_read(zego_view_t *view,
    const zego_rooms_t *rooms);
zego_view_e __wrap_zego_view_read(zego_view_t *view,
    const zego_rooms_t *rooms);
void __real_zego_rooms_stats(const zego_rooms_t *rooms, zego_stats_t *stats);
void __wrap_zego_rooms_stats(const zego_rooms_t *rooms, zego_stats_t *stats);
zego_copy_e __real_zego_copy_step(zego_copy_t *copy, zego_rooms_t *rooms,
    const zego_env_t *env, const zego_rooms_t *from);
zego_copy_e __wrap_zego_copy_step(zego_copy_t *copy, zego_rooms_t *rooms,
    const zego_env_t *env, const zego_rooms_t *from);


static void
zego_watch_wrong(const char *what, const void *p, const void *from)
{
    zego_access = NULL;

    ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                  "zego zone was %s: %p, from %p", what, p, from);
    abort();
}


static void
zego_watch_access(const void *p, size_t size, int store, const void *from)
{
    uint64_t                  n;
    ngx_uint_t                owned;
    zego_watched_t           *w;
    ngx_slab_pool_t          *pool;
    ngx_http_zego_zone_sh_t  *sh;

    for (w = zones; w < zones + nzones; w++) {
        if (zego_within(p, size, w->addr, w->end)) {
            break;
        }
    }

    if (w == zones + nzones || w->filling) {
        return;
    }

    sh = w->sh;
    pool = (ngx_slab_pool_t *) w->addr;

    if ((u_char *) p < (u_char *) sh) {

        if (zego_touches(p, size, pool->lock)
            || zego_touches(p, size, pool->mutex))
        {
            return;
        }

    } else if (zego_touches(p, size, sh->busy)
               || zego_touches(p, size, sh->moved))
    {
        if (!store) {
            return;
        }

    } else if (!zego_touches(p, size, sh->rooms)
               && !zego_touches(p, size, sh->rebuilt))
    {
        return;
    }

    owned = (*pool->mutex.lock == (ngx_atomic_uint_t) ngx_pid);

    if (!store) {
        if (!owned && !sh->moved) {
            zego_watch_wrong("read without its mutex", p, from);
        }

        return;
    }

    if (!owned) {
        zego_watch_wrong("written without its mutex", p, from);
    }

    if (reading) {
        zego_watch_wrong("written by a reader", p, from);
    }

    if (!zego_counting) {
        return;
    }

    n = ++zego_faults->stores;

    if (n == zego_faults->store) {
        zego_faults->busy = sh->busy;
        (void) raise(zego_faults->signal);
    }
}


ngx_int_t
__wrap_ngx_http_zego_zone_init(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_int_t              rc;
    zego_watched_t        *w;
    ngx_http_zego_zone_t  *zone;

    if (data) {
        return __real_ngx_http_zego_zone_init(shm_zone, data);
    }

    if (nzones == ZEGO_WATCHED_MAX) {
        abort();
    }

    w = &zones[nzones++];

    w->addr = shm_zone->shm.addr;
    w->end = shm_zone->shm.addr + shm_zone->shm.size;
    w->filling = 1;

    zego_access = zego_watch_access;

    rc = __real_ngx_http_zego_zone_init(shm_zone, data);

    zone = shm_zone->data;
    w->sh = zone->sh;

    return rc;
}


ngx_int_t
__wrap_ngx_http_zego_zone_init_module(ngx_cycle_t *cycle)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    rc = __real_ngx_http_zego_zone_init_module(cycle);

    for (i = 0; i < nzones; i++) {
        zones[i].filling = 0;
    }

    return rc;
}


void
__wrap_ngx_shm_free(ngx_shm_t *shm)
{
    ngx_uint_t  i;

    for (i = 0; i < nzones; i++) {
        if (zones[i].addr == shm->addr) {
            zones[i] = zones[--nzones];
            break;
        }
    }

    __real_ngx_shm_free(shm);
}


zego_view_e
__wrap_zego_view_read(zego_view_t *view, const zego_rooms_t *rooms)
{
    zego_view_e  rc;

    reading = 1;
    rc = __real_zego_view_read(view, rooms);
    reading = 0;

    return rc;
}


void
__wrap_zego_rooms_stats(const zego_rooms_t *rooms, zego_stats_t *stats)
{
    reading = 1;
    __real_zego_rooms_stats(rooms, stats);
    reading = 0;
}


/* what it fills is not in use yet */

zego_copy_e
__wrap_zego_copy_step(zego_copy_t *copy, zego_rooms_t *rooms,
    const zego_env_t *env, const zego_rooms_t *from)
{
    zego_env_t   at;
    zego_copy_e  rc;

    at = *env;

    if (zego_faults->clock) {
        at.now = zego_faults->clock;
    }

    reading = 1;
    rc = __real_zego_copy_step(copy, rooms, &at, from);
    reading = 0;

    return rc;
}


/* of an old zone, by the master only: there is no accept mutex */

ngx_uint_t
__wrap_ngx_shmtx_trylock(ngx_shmtx_t *mtx)
{
    if (++zego_faults->turns == zego_faults->turn) {
        (void) raise(SIGSTOP);
    }

    return __real_ngx_shmtx_trylock(mtx);
}

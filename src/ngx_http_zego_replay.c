
#include "ngx_http_zego.h"

#include <ngx_md5.h>


static ngx_http_zego_seen_t *ngx_http_zego_replay_set(
    ngx_http_zego_zone_sh_t *sh, uint64_t key);
static void ngx_http_zego_replay_put(ngx_http_zego_zone_sh_t *sh,
    ngx_http_zego_seen_t *seen);


void
ngx_http_zego_replay_init(ngx_http_zego_zone_t *zone)
{
    ngx_uint_t                n;
    ngx_http_zego_zone_sh_t  *sh;

    sh = zone->sh;

    n = 1;

    while (2 * n * sizeof(ngx_http_zego_seen_set_t)
           <= zone->shm_zone->shm.size / NGX_HTTP_ZEGO_SEEN_PART)
    {
        n *= 2;
    }

    sh->nseen = n;
    sh->seen = (ngx_http_zego_seen_set_t *) sh - n;

    ngx_http_zego_replay_reset(sh);
}


void
ngx_http_zego_replay_reset(ngx_http_zego_zone_sh_t *sh)
{
    ngx_memzero(sh->seen, sh->nseen * sizeof(ngx_http_zego_seen_set_t));
}


void
ngx_http_zego_replay_copy(ngx_http_zego_zone_sh_t *sh,
    ngx_http_zego_zone_sh_t *osh)
{
    ngx_uint_t  i, n;

    /* the oldest of every set first, as several may become one */

    for (n = NGX_HTTP_ZEGO_SEEN; n-- > 0; /* void */ ) {
        for (i = 0; i < osh->nseen; i++) {
            if (osh->seen[i][n].key) {
                ngx_http_zego_replay_put(sh, &osh->seen[i][n]);
            }
        }
    }
}


/*
 * Without the kept fields: a configuration with others is no other event.  The
 * hash need not withstand a search for two events that collide, as who forges
 * one has the other from the vendor.
 */

uint64_t
ngx_http_zego_replay_fact(zego_event_t *event)
{
    u_char       hash[16];
    uint64_t     fact;
    ngx_uint_t   i;
    ngx_md5_t    md5;

    zego_str_t   texts[] = {
        event->room_id, event->stream_id, event->stream_sid, event->user_id,
        event->user_name, event->extra_info, event->name
    };

    /* no gap in it, nor behind it */

    struct {
        uint64_t  numbers[9];
        uint32_t  codes[3];
        uint32_t  lengths[sizeof(texts) / sizeof(zego_str_t)];
    } said = {
        { event->type, event->appid, event->room_session_id, event->seq,
          event->time, event->login_time, event->close_time,
          event->user_session_id, event->first },
        { event->code, (uint32_t) event->user_role, event->reason },
        { 0 }
    };

    for (i = 0; i < sizeof(texts) / sizeof(zego_str_t); i++) {
        said.lengths[i] = (uint32_t) texts[i].len;
    }

    ngx_md5_init(&md5);

    ngx_md5_update(&md5, &said, sizeof(said));

    for (i = 0; i < sizeof(texts) / sizeof(zego_str_t); i++) {
        if (texts[i].len) {
            ngx_md5_update(&md5, texts[i].data, texts[i].len);
        }
    }

    ngx_md5_final(hash, &md5);

    ngx_memcpy(&fact, hash, sizeof(fact));

    return fact;
}


ngx_uint_t
ngx_http_zego_replay(ngx_http_zego_zone_sh_t *sh, uint64_t key, uint64_t fact)
{
    ngx_uint_t             i;
    ngx_http_zego_seen_t  *set, seen;

    set = ngx_http_zego_replay_set(sh, key);

    for (i = 0; i < NGX_HTTP_ZEGO_SEEN; i++) {
        if (set[i].key == key) {
            return set[i].fact != fact;
        }
    }

    seen.key = key;
    seen.fact = fact;

    ngx_http_zego_replay_put(sh, &seen);

    return 0;
}


static ngx_http_zego_seen_t *
ngx_http_zego_replay_set(ngx_http_zego_zone_sh_t *sh, uint64_t key)
{
    /* the last bit of a key is always set */

    return sh->seen[(key >> 1) & (sh->nseen - 1)];
}


/* in a full set it takes the place of the one that was seen first */

static void
ngx_http_zego_replay_put(ngx_http_zego_zone_sh_t *sh,
    ngx_http_zego_seen_t *seen)
{
    ngx_http_zego_seen_t  *set;

    set = ngx_http_zego_replay_set(sh, seen->key);

    if (set[NGX_HTTP_ZEGO_SEEN - 1].key) {
        (void) ngx_atomic_fetch_add(&sh->metrics.forgotten, 1);
    }

    ngx_memmove(set + 1, set, (NGX_HTTP_ZEGO_SEEN - 1) * sizeof(*set));

    *set = *seen;
}

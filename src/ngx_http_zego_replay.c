
#include "ngx_http_zego.h"

#include <ngx_sha1.h>


static ngx_uint_t ngx_http_zego_replay_put(ngx_http_zego_zone_sh_t *sh,
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

    ngx_memzero(sh->seen, n * sizeof(ngx_http_zego_seen_set_t));
}


void
ngx_http_zego_replay_copy(ngx_http_zego_zone_sh_t *sh,
    ngx_http_zego_zone_sh_t *osh)
{
    ngx_uint_t  i, n;

    for (i = 0; i < osh->nseen; i++) {
        for (n = NGX_HTTP_ZEGO_SEEN; n-- > 0; /* void */ ) {
            if (osh->seen[i][n].key) {
                (void) ngx_http_zego_replay_put(sh, &osh->seen[i][n]);
            }
        }
    }
}


/*
 * Whoever wants to get past a refusal may look for another event with the same
 * hash; to count, any hash will do, and this one costs next to nothing.  The
 * last bit tells which it is.
 */

uint64_t
ngx_http_zego_replay_fact(zego_event_t *event, ngx_uint_t refuse)
{
    u_char       hash[20];
    uint64_t     fact;
    ngx_uint_t   i;
    ngx_sha1_t   sha1;

    zego_str_t   texts[] = {
        event->room_id, event->stream_id, event->stream_sid, event->user_id,
        event->user_name, event->extra_info, event->kept
    };

    struct {
        uint64_t  numbers[10];
        uint64_t  texts[sizeof(texts) / sizeof(zego_str_t)];
    } said = {
        { event->type, event->appid, event->room_session_id, event->seq,
          event->time, event->login_time, event->close_time, event->code,
          (uint64_t) event->user_role, event->user_session_id },
        { 0 }
    };

    for (i = 0; i < sizeof(texts) / sizeof(zego_str_t); i++) {
        said.texts[i] = refuse ? texts[i].len
                               : ngx_murmur_hash2((u_char *) texts[i].data,
                                                  texts[i].len);
    }

    if (!refuse) {
        fact = ngx_murmur_hash2((u_char *) &said, sizeof(said));

        return fact << 1;
    }

    ngx_sha1_init(&sha1);

    ngx_sha1_update(&sha1, &said, sizeof(said));

    for (i = 0; i < sizeof(texts) / sizeof(zego_str_t); i++) {
        if (texts[i].len) {
            ngx_sha1_update(&sha1, texts[i].data, texts[i].len);
        }
    }

    ngx_sha1_final(hash, &sha1);

    ngx_memcpy(&fact, hash, sizeof(fact));

    return fact | 1;
}


ngx_uint_t
ngx_http_zego_replay(ngx_http_zego_zone_sh_t *sh, uint64_t key, uint64_t fact)
{
    ngx_uint_t             i;
    ngx_http_zego_seen_t  *set, seen;

    set = sh->seen[key & (sh->nseen - 1)];

    for (i = 0; i < NGX_HTTP_ZEGO_SEEN; i++) {
        if (set[i].key != key) {
            continue;
        }

        if ((set[i].fact ^ fact) & 1) {
            set[i].fact = fact;
        }

        return set[i].fact != fact;
    }

    seen.key = key;
    seen.fact = fact;

    if (ngx_http_zego_replay_put(sh, &seen)) {
        (void) ngx_atomic_fetch_add(&sh->metrics.forgotten, 1);
    }

    return 0;
}


/* 1 when it took the place of the one that was seen first */

static ngx_uint_t
ngx_http_zego_replay_put(ngx_http_zego_zone_sh_t *sh,
    ngx_http_zego_seen_t *seen)
{
    ngx_uint_t             forgotten;
    ngx_http_zego_seen_t  *set;

    set = sh->seen[seen->key & (sh->nseen - 1)];

    forgotten = (set[NGX_HTTP_ZEGO_SEEN - 1].key != 0);

    ngx_memmove(set + 1, set, (NGX_HTTP_ZEGO_SEEN - 1) * sizeof(*set));

    *set = *seen;

    return forgotten;
}

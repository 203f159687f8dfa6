
#include "ngx_http_zego.h"


/* a line is this long at most, but for the name of the zone */

#define NGX_HTTP_ZEGO_LINE  192

#define NGX_HTTP_ZEGO_LAG_MAX  1000000000

#define NGX_HTTP_ZEGO_LINES                                                   \
    (ZEGO_EVENTS * ZEGO_VERDICTS + ZEGO_REASONS + NGX_HTTP_ZEGO_AGES          \
     + ZEGO_EVENTS * (NGX_HTTP_ZEGO_LAGS + 3) + NGX_HTTP_ZEGO_COMMITS + 108)


typedef struct {
    u_char                      *pos;
    u_char                      *end;
    ngx_str_t                    zone;
} ngx_http_zego_metrics_text_t;


static void ngx_http_zego_metrics_callbacks(ngx_http_zego_metrics_text_t *t,
    ngx_http_zego_metrics_t *metrics);
static void ngx_http_zego_metrics_ages(ngx_http_zego_metrics_text_t *t,
    ngx_http_zego_metrics_t *metrics);
static void ngx_http_zego_metrics_lateness(ngx_http_zego_metrics_text_t *t,
    ngx_http_zego_metrics_t *metrics);
static void ngx_http_zego_metrics_signatures(ngx_http_zego_metrics_text_t *t,
    ngx_http_zego_metrics_t *metrics, ngx_array_t *apps);
static void ngx_http_zego_metrics_store(ngx_http_zego_metrics_text_t *t,
    ngx_http_zego_zone_t *zone);
static void ngx_http_zego_metrics_head(ngx_http_zego_metrics_text_t *t,
    char *name, char *type, char *help);
static void ngx_http_zego_metrics_value(ngx_http_zego_metrics_text_t *t,
    char *name, char *type, char *help, uint64_t value);
static ngx_int_t ngx_http_zego_metrics_label(ngx_pool_t *pool, ngx_str_t *dst,
    ngx_str_t *src);


/* the last one has no bound */

static time_t  ngx_http_zego_ages[NGX_HTTP_ZEGO_AGES - 1] = {
    0, 1, 2, 5, 10, 30, 60, 120, 300, 600, 3600, 86400
};


/* in ms */

static int64_t  ngx_http_zego_lags[NGX_HTTP_ZEGO_LAGS - 1] = {
    100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 120000, 300000
};


static ngx_str_t  ngx_http_zego_metrics_type =
    ngx_string("text/plain; version=0.0.4");


void
ngx_http_zego_metrics_secret(ngx_http_zego_metrics_t *metrics,
    ngx_http_zego_secret_t *secret)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_ZEGO_SECRETS; i++) {
        if (metrics->secrets[i].key == secret->key) {
            goto found;
        }
    }

    for (i = 0; i < NGX_HTTP_ZEGO_SECRETS; i++) {

        if (metrics->secrets[i].key == 0) {
            (void) ngx_atomic_cmp_set(&metrics->secrets[i].key, 0,
                                      secret->key);
        }

        if (metrics->secrets[i].key == secret->key) {
            goto found;
        }
    }

    return;

found:

    (void) ngx_atomic_fetch_add(&metrics->secrets[i].matches, 1);
}


void
ngx_http_zego_metrics_secrets(ngx_http_zego_metrics_t *metrics,
    ngx_array_t *apps)
{
    ngx_uint_t               i, n, k;
    ngx_http_zego_app_t     *app;
    ngx_http_zego_secret_t  *secret;

    app = apps->elts;

    for (i = 0; i < NGX_HTTP_ZEGO_SECRETS; i++) {

        for (n = 0; n < apps->nelts; n++) {
            secret = app[n].secrets.elts;

            for (k = 0; k < app[n].secrets.nelts; k++) {
                if (secret[k].key == metrics->secrets[i].key) {
                    goto next;
                }
            }
        }

        metrics->secrets[i].matches = 0;
        metrics->secrets[i].key = 0;

    next:

        continue;
    }
}


void
ngx_http_zego_metrics_lag(ngx_http_zego_metrics_t *metrics, zego_event_e event,
    int64_t lag)
{
    ngx_uint_t  i;

    /* of clocks that differ */

    if (lag < 0) {
        lag = 0;
    }

    for (i = 0; i < NGX_HTTP_ZEGO_LAGS - 1; i++) {
        if (lag <= ngx_http_zego_lags[i]) {
            break;
        }
    }

    (void) ngx_atomic_fetch_add(&metrics->lags[event][i], 1);
    (void) ngx_atomic_fetch_add(&metrics->lag_sum[event],
                                ngx_min(lag, NGX_HTTP_ZEGO_LAG_MAX));
}


void
ngx_http_zego_metrics_age(ngx_http_zego_metrics_t *metrics, time_t age)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_ZEGO_AGES - 1; i++) {
        if (age <= ngx_http_zego_ages[i]) {
            break;
        }
    }

    (void) ngx_atomic_fetch_add(&metrics->ages[i], 1);

    /* one that is far off must not wrap the sum */
    (void) ngx_atomic_fetch_add(&metrics->age_sum,
                                ngx_min(age, NGX_HTTP_ZEGO_AGE_MAX));
}


ngx_int_t
ngx_http_zego_metrics_handler(ngx_http_request_t *r,
    ngx_http_zego_zone_t *zone)
{
    size_t                         size;
    u_char                        *start;
    ngx_str_t                      body;
    ngx_uint_t                     i, free, lines, watches;
    zego_stats_t                   stats;
    ngx_http_zego_app_t           *app;
    ngx_http_zego_metrics_t       *metrics;
    ngx_http_zego_main_conf_t     *zmcf;
    ngx_http_zego_metrics_text_t   t;

    zmcf = ngx_http_get_module_main_conf(r, ngx_http_zego_module);

    ngx_memzero(&stats, sizeof(zego_stats_t));
    free = 0;

    if (ngx_http_zego_zone_rdlock(zone) == NGX_OK) {
        zego_rooms_stats(zone->sh->rooms, &stats);
        free = zone->shpool->pfree;

        ngx_http_zego_zone_rdunlock(zone);
    }

    metrics = &zone->sh->metrics;

    if (ngx_http_zego_metrics_label(r->pool, &t.zone, &zone->shm_zone->shm.name)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    lines = NGX_HTTP_ZEGO_LINES;
    app = zmcf->apps.elts;

    for (i = 0; i < zmcf->apps.nelts; i++) {
        lines += app[i].secrets.nelts;
    }

    size = lines * (NGX_HTTP_ZEGO_LINE + t.zone.len);

    start = ngx_pnalloc(r->pool, size);
    if (start == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    t.pos = start;
    t.end = start + size;

    ngx_http_zego_metrics_callbacks(&t, metrics);
    ngx_http_zego_metrics_ages(&t, metrics);

    ngx_http_zego_metrics_lateness(&t, metrics);

    if (zmcf->apps.nelts) {
        ngx_http_zego_metrics_signatures(&t, metrics, &zmcf->apps);
    }

    ngx_http_zego_metrics_value(&t, "zego_replays_total", "counter",
                                "Callbacks with timestamp and nonce of "
                                "another.", metrics->replays);
    ngx_http_zego_metrics_value(&t, "zego_replay_evictions_total", "counter",
                                "Callbacks whose timestamp and nonce were "
                                "forgotten to make room.", metrics->forgotten);

    ngx_http_zego_metrics_head(&t, "zego_deliveries_total", "counter",
                               "Callbacks for a backend that is told of "
                               "changes.");

    t.pos = ngx_slprintf(t.pos, t.end,
                         "zego_deliveries_total"
                         "{zone=\"%V\",result=\"acknowledged\"} %uA\n"
                         "zego_deliveries_total"
                         "{zone=\"%V\",result=\"failed\"} %uA\n"
                         "zego_deliveries_total"
                         "{zone=\"%V\",result=\"known\"} %uA\n",
                         &t.zone, metrics->acknowledged,
                         &t.zone, metrics->failed, &t.zone, metrics->known);

    ngx_http_zego_metrics_value(&t, "zego_deliveries_held_total", "counter",
                                "Callbacks held until another one of their "
                                "entry was answered.", metrics->held);
    ngx_http_zego_metrics_value(&t, "zego_delivery_entries", "gauge",
                                "Entries of which it is known what the "
                                "backend has.", stats.deliveries);

    ngx_http_zego_metrics_value(&t, "zego_zone_full_total", "counter",
                                "Callbacks deferred because the zone was full.",
                                metrics->reasons[ZEGO_NO_MEMORY]);

    ngx_http_zego_metrics_value(&t, "zego_rooms", "gauge", "Live rooms.",
                                stats.rooms);
    ngx_http_zego_metrics_value(&t, "zego_streams", "gauge",
                                "Live streams.", stats.streams);
    ngx_http_zego_metrics_value(&t, "zego_users", "gauge",
                                "Users logged in.", stats.users);
    ngx_http_zego_metrics_value(&t, "zego_tombstones", "gauge",
                                "Entries kept but not listed.",
                                stats.tombstones);
    ngx_http_zego_metrics_value(&t, "zego_evictions_total", "counter",
                                "Entries freed before the horizon to make "
                                "room.", stats.evictions);

    ngx_http_zego_metrics_head(&t, "zego_sequence_holes", "gauge",
                               "Sequence numbers of live rooms that were not "
                               "seen.");

    t.pos = ngx_slprintf(t.pos, t.end,
                         "zego_sequence_holes"
                         "{zone=\"%V\",counter=\"stream_seq\"} %uL\n"
                         "zego_sequence_holes"
                         "{zone=\"%V\",counter=\"user_update_seq\"} %uL\n",
                         &t.zone, stats.stream_seq_holes,
                         &t.zone, stats.user_update_seq_holes);

    ngx_http_zego_metrics_value(&t, "zego_zone_size_bytes", "gauge",
                                "Size of the zone.",
                                zone->shm_zone->shm.size);
    ngx_http_zego_metrics_value(&t, "zego_zone_free_bytes", "gauge",
                                "Free pages of the zone.",
                                (uint64_t) free * ngx_pagesize);

    ngx_http_zego_metrics_value(&t, "zego_rebuilds_total", "counter",
                                "Times the zone was rebuilt because a process "
                                "died while changing it.", metrics->rebuilds);

    ngx_http_zego_metrics_value(&t, "zego_revision", "gauge",
                                "Revision of the list.",
                                stats.version.revision);
    ngx_http_zego_metrics_value(&t, "zego_kept_revisions", "gauge",
                                "Revisions whose changes are kept.",
                                stats.kept_changes);

    watches = 0;

    for (i = 0; i < NGX_HTTP_ZEGO_WORKERS; i++) {
        watches += metrics->watches[i];
    }

    ngx_http_zego_metrics_value(&t, "zego_watchers", "gauge",
                                "Requests that follow changes.", watches);
    ngx_http_zego_metrics_value(&t, "zego_watchers_cut_total", "counter",
                                "Streams ended for being too slow.",
                                metrics->watches_cut);

    ngx_http_zego_metrics_head(&t, "zego_since_timestamp_seconds", "gauge",
                               "When the epoch of the list began.");

    t.pos = ngx_slprintf(t.pos, t.end,
                         "zego_since_timestamp_seconds"
                         "{zone=\"%V\"} %uL.%03uL\n",
                         &t.zone, stats.since / 1000, stats.since % 1000);

    if (zone->dir.len) {
        ngx_http_zego_metrics_store(&t, zone);
    }

    body.len = t.pos - start;
    body.data = start;

    if (ngx_http_zego_add_header(r, "Cache-Control", "no-store") == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_zego_send(r, NGX_HTTP_OK, &ngx_http_zego_metrics_type,
                              &body);
}


static void
ngx_http_zego_metrics_callbacks(ngx_http_zego_metrics_text_t *t,
    ngx_http_zego_metrics_t *metrics)
{
    zego_str_t  event, verdict, reason;
    ngx_uint_t  i, n;

    ngx_http_zego_metrics_head(t, "zego_callbacks_total", "counter",
                               "Callbacks by event and verdict.");

    for (i = 0; i < ZEGO_EVENTS; i++) {
        event = zego_event_name(i);

        for (n = 0; n < ZEGO_VERDICTS; n++) {
            verdict = zego_verdict_name(n);

            t->pos = ngx_slprintf(t->pos, t->end,
                                  "zego_callbacks_total{zone=\"%V\","
                                  "event=\"%*s\",verdict=\"%*s\"} %uA\n",
                                  &t->zone, event.len, event.data,
                                  verdict.len, verdict.data,
                                  metrics->callbacks[i][n]);
        }
    }

    ngx_http_zego_metrics_head(t, "zego_rejected_total", "counter",
                               "Callbacks rejected, by reason.");

    for (i = ZEGO_BAD_SYNTAX; i < ZEGO_NO_MEMORY; i++) {
        reason = zego_reason_name(i);

        t->pos = ngx_slprintf(t->pos, t->end,
                              "zego_rejected_total{zone=\"%V\","
                              "reason=\"%*s\"} %uA\n",
                              &t->zone, reason.len, reason.data,
                              metrics->reasons[i]);
    }

    ngx_http_zego_metrics_head(t, "zego_deferred_total", "counter",
                               "Callbacks deferred, by reason.");

    for (i = ZEGO_NO_MEMORY; i < ZEGO_REASONS; i++) {
        reason = zego_reason_name(i);

        t->pos = ngx_slprintf(t->pos, t->end,
                              "zego_deferred_total{zone=\"%V\","
                              "reason=\"%*s\"} %uA\n",
                              &t->zone, reason.len, reason.data,
                              metrics->reasons[i]);
    }
}


static void
ngx_http_zego_metrics_ages(ngx_http_zego_metrics_text_t *t,
    ngx_http_zego_metrics_t *metrics)
{
    ngx_uint_t         i;
    ngx_atomic_uint_t  count;

    ngx_http_zego_metrics_head(t, "zego_callback_age_seconds", "histogram",
                               "Distance of the timestamps of callbacks "
                               "from now, older or newer.");

    count = 0;

    for (i = 0; i < NGX_HTTP_ZEGO_AGES - 1; i++) {
        count += metrics->ages[i];

        t->pos = ngx_slprintf(t->pos, t->end,
                              "zego_callback_age_seconds_bucket"
                              "{zone=\"%V\",le=\"%T\"} %uA\n",
                              &t->zone, ngx_http_zego_ages[i], count);
    }

    count += metrics->ages[i];

    t->pos = ngx_slprintf(t->pos, t->end,
                          "zego_callback_age_seconds_bucket"
                          "{zone=\"%V\",le=\"+Inf\"} %uA\n"
                          "zego_callback_age_seconds_sum{zone=\"%V\"} %uA\n"
                          "zego_callback_age_seconds_count{zone=\"%V\"} %uA\n",
                          &t->zone, count, &t->zone, metrics->age_sum,
                          &t->zone, count);
}


static void
ngx_http_zego_metrics_lateness(ngx_http_zego_metrics_text_t *t,
    ngx_http_zego_metrics_t *metrics)
{
    zego_str_t         event;
    ngx_uint_t         i, n;
    ngx_atomic_uint_t  count;

    ngx_http_zego_metrics_head(t, "zego_callback_lag_seconds", "histogram",
                               "From what a callback tells of until it came.");

    for (i = ZEGO_EVENT_OTHER + 1; i < ZEGO_EVENTS; i++) {
        event = zego_event_name(i);
        count = 0;

        for (n = 0; n < NGX_HTTP_ZEGO_LAGS - 1; n++) {
            count += metrics->lags[i][n];

            t->pos = ngx_slprintf(t->pos, t->end,
                                  "zego_callback_lag_seconds_bucket{zone=\"%V\""
                                  ",event=\"%*s\",le=\"%L.%02L\"} %uA\n",
                                  &t->zone, event.len, event.data,
                                  ngx_http_zego_lags[n] / 1000,
                                  ngx_http_zego_lags[n] % 1000 / 10, count);
        }

        count += metrics->lags[i][n];

        t->pos = ngx_slprintf(t->pos, t->end,
                              "zego_callback_lag_seconds_bucket{zone=\"%V\","
                              "event=\"%*s\",le=\"+Inf\"} %uA\n"
                              "zego_callback_lag_seconds_sum{zone=\"%V\","
                              "event=\"%*s\"} %uA.%03uA\n"
                              "zego_callback_lag_seconds_count{zone=\"%V\","
                              "event=\"%*s\"} %uA\n",
                              &t->zone, event.len, event.data, count,
                              &t->zone, event.len, event.data,
                              metrics->lag_sum[i] / 1000,
                              metrics->lag_sum[i] % 1000,
                              &t->zone, event.len, event.data, count);
    }

    ngx_http_zego_metrics_head(t, "zego_late_total", "counter",
                               "Callbacks that came after a later one of "
                               "their room session.");

    for (i = ZEGO_EVENT_OTHER + 1; i < ZEGO_EVENTS; i++) {
        event = zego_event_name(i);

        t->pos = ngx_slprintf(t->pos, t->end,
                              "zego_late_total{zone=\"%V\",event=\"%*s\"} "
                              "%uA\n", &t->zone, event.len, event.data,
                              metrics->late[i]);
    }
}


static void
ngx_http_zego_metrics_signatures(ngx_http_zego_metrics_text_t *t,
    ngx_http_zego_metrics_t *metrics, ngx_array_t *apps)
{
    ngx_uint_t               i, n, k, counted;
    ngx_atomic_uint_t        matches;
    ngx_http_zego_app_t     *app;
    ngx_http_zego_secret_t  *secret;

    ngx_http_zego_metrics_head(t, "zego_signatures_total", "counter",
                               "Valid signatures by the secret, in the order "
                               "of the configuration.");

    app = apps->elts;

    for (n = 0; n < apps->nelts; n++) {
        secret = app[n].secrets.elts;

        for (k = 0; k < app[n].secrets.nelts; k++) {
            matches = 0;
            counted = 0;

            for (i = 0; i < NGX_HTTP_ZEGO_SECRETS; i++) {

                if (metrics->secrets[i].key == secret[k].key) {
                    matches += metrics->secrets[i].matches;
                    counted = 1;

                } else if (metrics->secrets[i].key == 0) {
                    counted = 1;
                }
            }

            /* there may be matches for which there was no room */

            if (!counted) {
                continue;
            }

            t->pos = ngx_slprintf(t->pos, t->end,
                                  "zego_signatures_total{zone=\"%V\","
                                  "appid=\"%uD\",secret=\"%ui\"} %uA\n",
                                  &t->zone, app[n].appid, k + 1, matches);
        }
    }
}


static void
ngx_http_zego_metrics_store(ngx_http_zego_metrics_text_t *t,
    ngx_http_zego_zone_t *zone)
{
    uint64_t                  time;
    ngx_uint_t                i;
    ngx_atomic_uint_t         count, pending;
    ngx_http_zego_metrics_t  *metrics;

    metrics = &zone->sh->metrics;

    ngx_http_zego_metrics_head(t, "zego_store_commit_seconds", "histogram",
                               "Time of the commits to the store.");

    count = 0;

    for (i = 0; i < NGX_HTTP_ZEGO_COMMITS - 1; i++) {
        count += metrics->commits[i];
        time = ngx_http_zego_commit_times[i];

        t->pos = ngx_slprintf(t->pos, t->end,
                              "zego_store_commit_seconds_bucket"
                              "{zone=\"%V\",le=\"%uL.%04uL\"} %uA\n",
                              &t->zone, time / 1000000,
                              time % 1000000 / 100, count);
    }

    count += metrics->commits[i];
    time = metrics->commit_time;

    t->pos = ngx_slprintf(t->pos, t->end,
                          "zego_store_commit_seconds_bucket"
                          "{zone=\"%V\",le=\"+Inf\"} %uA\n"
                          "zego_store_commit_seconds_sum"
                          "{zone=\"%V\"} %uL.%06uL\n"
                          "zego_store_commit_seconds_count{zone=\"%V\"} %uA\n",
                          &t->zone, count, &t->zone, time / 1000000,
                          time % 1000000, &t->zone, count);

    ngx_http_zego_metrics_value(t, "zego_store_facts_total", "counter",
                                "Callbacks committed to the store.",
                                metrics->records);

    pending = 0;

    for (i = 0; i < NGX_HTTP_ZEGO_WORKERS; i++) {
        pending += metrics->pending[i];
    }

    ngx_http_zego_metrics_value(t, "zego_store_pending_facts", "gauge",
                                "Callbacks that wait for a commit.", pending);
    ngx_http_zego_metrics_value(t, "zego_store_failures_total", "counter",
                                "Failures of the store.", metrics->failures);
    ngx_http_zego_metrics_value(t, "zego_store_bytes", "gauge",
                                "Size of the store on disk.", metrics->bytes);
    ngx_http_zego_metrics_value(t, "zego_store_journal_facts", "gauge",
                                "Callbacks in the journal of the store.",
                                metrics->journal);
    ngx_http_zego_metrics_value(t, "zego_store_loaded", "gauge",
                                "Whether the zone holds what the store does.",
                                zone->sh->kept.loaded);
    ngx_http_zego_metrics_value(t, "zego_store_complete", "gauge",
                                "Whether the store holds what the zone does.",
                                zone->store
                                && ngx_http_zego_store_complete(zone->store));
}


static void
ngx_http_zego_metrics_head(ngx_http_zego_metrics_text_t *t, char *name,
    char *type, char *help)
{
    t->pos = ngx_slprintf(t->pos, t->end,
                          "# HELP %s %s\n"
                          "# TYPE %s %s\n", name, help, name, type);
}


static void
ngx_http_zego_metrics_value(ngx_http_zego_metrics_text_t *t, char *name,
    char *type, char *help, uint64_t value)
{
    ngx_http_zego_metrics_head(t, name, type, help);

    t->pos = ngx_slprintf(t->pos, t->end, "%s{zone=\"%V\"} %uL\n",
                          name, &t->zone, value);
}


static ngx_int_t
ngx_http_zego_metrics_label(ngx_pool_t *pool, ngx_str_t *dst, ngx_str_t *src)
{
    u_char  *p, *last;

    dst->data = ngx_pnalloc(pool, 2 * src->len);
    if (dst->data == NULL) {
        return NGX_ERROR;
    }

    last = dst->data;

    for (p = src->data; p < src->data + src->len; p++) {

        if (*p == '\\' || *p == '"') {
            *last++ = '\\';
            *last++ = *p;

        } else if (*p == '\n') {
            *last++ = '\\';
            *last++ = 'n';

        } else {
            *last++ = *p;
        }
    }

    dst->len = last - dst->data;

    return NGX_OK;
}

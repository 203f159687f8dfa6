
#include "ngx_http_zego.h"

#include <ngx_sha1.h>


#define NGX_HTTP_ZEGO_SECRET_FILE  4096


static ngx_int_t ngx_http_zego_event_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_zego_verdict_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_zego_reason_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_zego_appid_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_zego_room_session_id_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_zego_id_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_zego_set_id(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, ngx_str_t *id);
static ngx_int_t ngx_http_zego_lag_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_zego_version_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_http_zego_callback_t *ngx_http_zego_get_callback(
    ngx_http_request_t *r, ngx_http_variable_value_t *v);
static void ngx_http_zego_set_value(ngx_http_variable_value_t *v, u_char *data,
    size_t len);

static void *ngx_http_zego_create_main_conf(ngx_conf_t *cf);
static char *ngx_http_zego_init_main_conf(ngx_conf_t *cf, void *conf);
static void *ngx_http_zego_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_zego_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static char *ngx_http_zego_zone(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_http_zego_zone_dir(ngx_conf_t *cf, ngx_str_t *dir,
    ngx_http_zego_main_conf_t *zmcf);
static char *ngx_http_zego_app(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_http_zego_add_secret(ngx_http_zego_app_t *app,
    ngx_array_t *secrets, ngx_str_t *value);
static ngx_uint_t ngx_http_zego_is_secret(ngx_str_t *s);
static ngx_int_t ngx_http_zego_secret_file(ngx_conf_t *cf,
    ngx_http_zego_app_t *app, ngx_array_t *secrets, ngx_str_t *path);
static char *ngx_http_zego_callback(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_zego_status(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_zego_keep(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_http_zego_add_variables(ngx_conf_t *cf);
static ngx_int_t ngx_http_zego_init(ngx_conf_t *cf);
static ngx_int_t ngx_http_zego_init_process(ngx_cycle_t *cycle);


static ngx_conf_enum_t  ngx_http_zego_replays[] = {
    { ngx_string("off"), NGX_HTTP_ZEGO_REPLAY_OFF },
    { ngx_string("count"), NGX_HTTP_ZEGO_REPLAY_COUNT },
    { ngx_string("refuse"), NGX_HTTP_ZEGO_REPLAY_REFUSE },
    { ngx_null_string, 0 }
};


static ngx_command_t  ngx_http_zego_commands[] = {

    { ngx_string("zego_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE123,
      ngx_http_zego_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("zego_app"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_2MORE,
      ngx_http_zego_app,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("zego_callback"),
      NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_zego_callback,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("zego_status"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_zego_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("zego_keep"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_2MORE,
      ngx_http_zego_keep,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_zego_module_ctx = {
    ngx_http_zego_add_variables,           /* preconfiguration */
    ngx_http_zego_init,                    /* postconfiguration */

    ngx_http_zego_create_main_conf,        /* create main configuration */
    ngx_http_zego_init_main_conf,          /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_zego_create_loc_conf,         /* create location configuration */
    ngx_http_zego_merge_loc_conf           /* merge location configuration */
};


ngx_module_t  ngx_http_zego_module = {
    NGX_MODULE_V1,
    &ngx_http_zego_module_ctx,             /* module context */
    ngx_http_zego_commands,                /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_http_zego_zone_init_module,        /* init module */
    ngx_http_zego_init_process,            /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_http_variable_t  ngx_http_zego_vars[] = {

    { ngx_string("zego_event"), NULL,
      ngx_http_zego_event_variable, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("zego_verdict"), NULL,
      ngx_http_zego_verdict_variable, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("zego_reason"), NULL,
      ngx_http_zego_reason_variable, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("zego_appid"), NULL,
      ngx_http_zego_appid_variable, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("zego_room_id"), NULL, ngx_http_zego_id_variable,
      offsetof(ngx_http_zego_callback_t, room_id),
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("zego_room_session_id"), NULL,
      ngx_http_zego_room_session_id_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("zego_stream_id"), NULL, ngx_http_zego_id_variable,
      offsetof(ngx_http_zego_callback_t, stream_id),
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("zego_user_id"), NULL, ngx_http_zego_id_variable,
      offsetof(ngx_http_zego_callback_t, user_id),
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("zego_lag_ms"), NULL,
      ngx_http_zego_lag_variable, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("zego_version"), NULL,
      ngx_http_zego_version_variable, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


static ngx_str_t  ngx_http_zego_kinds[] = {
    ngx_string("stream"),
    ngx_string("room"),
    ngx_string("user")
};


static ngx_int_t
ngx_http_zego_event_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    zego_str_t                 name;
    ngx_http_zego_callback_t  *cb;

    cb = ngx_http_zego_get_callback(r, v);

    if (cb) {
        name = zego_event_name(cb->event);
        ngx_http_zego_set_value(v, (u_char *) name.data, name.len);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_zego_verdict_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    zego_str_t                 name;
    ngx_http_zego_callback_t  *cb;

    cb = ngx_http_zego_get_callback(r, v);

    if (cb) {
        name = zego_verdict_name(cb->verdict);
        ngx_http_zego_set_value(v, (u_char *) name.data, name.len);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_zego_reason_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                    *p;
    zego_str_t                 name;
    ngx_http_zego_callback_t  *cb;

    cb = ngx_http_zego_get_callback(r, v);

    if (cb == NULL || cb->reason == ZEGO_OK) {
        v->not_found = 1;
        return NGX_OK;
    }

    name = zego_reason_name(cb->reason);

    if (cb->field.len == 0) {
        ngx_http_zego_set_value(v, (u_char *) name.data, name.len);
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, name.len + 1 + cb->field.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_http_zego_set_value(v, p, name.len + 1 + cb->field.len);

    p = ngx_cpymem(p, name.data, name.len);
    *p++ = ' ';
    ngx_memcpy(p, cb->field.data, cb->field.len);

    return NGX_OK;
}


static ngx_int_t
ngx_http_zego_appid_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                    *p;
    ngx_http_zego_callback_t  *cb;

    cb = ngx_http_zego_get_callback(r, v);

    if (cb == NULL || !cb->has_appid) {
        v->not_found = 1;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_http_zego_set_value(v, p, ngx_sprintf(p, "%uD", cb->appid) - p);

    return NGX_OK;
}


static ngx_int_t
ngx_http_zego_room_session_id_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                    *p;
    ngx_http_zego_callback_t  *cb;

    cb = ngx_http_zego_get_callback(r, v);

    if (cb == NULL || cb->room_id.len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_http_zego_set_value(v, p,
                            ngx_sprintf(p, "%uL", cb->room_session_id) - p);

    return NGX_OK;
}


static ngx_int_t
ngx_http_zego_id_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t                 *id;
    ngx_http_zego_callback_t  *cb;

    cb = ngx_http_zego_get_callback(r, v);

    if (cb == NULL) {
        return NGX_OK;
    }

    id = (ngx_str_t *) ((char *) cb + data);

    if (id->len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    return ngx_http_zego_set_id(r, v, id);
}


/* ids come from strangers, and variables go into headers */

static ngx_int_t
ngx_http_zego_set_id(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    ngx_str_t *id)
{
    u_char      *p, *start;
    ngx_uint_t   i, n;

    for (i = 0, n = 0; i < id->len; i++) {
        if (id->data[i] < 0x20 || id->data[i] == 0x7f) {
            n++;
        }
    }

    if (n == 0) {
        ngx_http_zego_set_value(v, id->data, id->len);
        return NGX_OK;
    }

    start = ngx_pnalloc(r->pool, id->len + n * 3);
    if (start == NULL) {
        return NGX_ERROR;
    }

    for (i = 0, p = start; i < id->len; i++) {

        if (id->data[i] < 0x20 || id->data[i] == 0x7f) {
            p = ngx_sprintf(p, "\\x%02Xi", (ngx_int_t) id->data[i]);
            continue;
        }

        *p++ = id->data[i];
    }

    ngx_http_zego_set_value(v, start, p - start);

    return NGX_OK;
}


static ngx_int_t
ngx_http_zego_lag_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                    *p;
    ngx_http_zego_callback_t  *cb;

    cb = ngx_http_zego_get_callback(r, v);

    if (cb == NULL || !cb->has_lag) {
        v->not_found = 1;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_http_zego_set_value(v, p, ngx_sprintf(p, "%L", cb->lag) - p);

    return NGX_OK;
}


static ngx_int_t
ngx_http_zego_version_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                    *p, *last;
    ngx_http_zego_callback_t  *cb;

    cb = ngx_http_zego_get_callback(r, v);

    if (cb == NULL || !cb->has_version) {
        v->not_found = 1;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_HTTP_ZEGO_VERSION_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    last = ngx_sprintf(p, "%016xL-%uL", cb->applied.version.epoch,
                       cb->applied.version.revision);

    ngx_http_zego_set_value(v, p, last - p);

    return NGX_OK;
}


static ngx_http_zego_callback_t *
ngx_http_zego_get_callback(ngx_http_request_t *r,
    ngx_http_variable_value_t *v)
{
    ngx_http_zego_callback_t  *cb;

    cb = ngx_http_zego_callback_get(r->main);

    if (cb == NULL) {
        v->not_found = 1;
    }

    return cb;
}


static void
ngx_http_zego_set_value(ngx_http_variable_value_t *v, u_char *data, size_t len)
{
    v->len = len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
    v->data = data;
}


static void *
ngx_http_zego_create_main_conf(ngx_conf_t *cf)
{
    ngx_uint_t                  i;
    ngx_pool_cleanup_t         *cln;
    ngx_http_zego_main_conf_t  *zmcf;

    zmcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_zego_main_conf_t));
    if (zmcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&zmcf->zones, cf->pool, 1,
                       sizeof(ngx_http_zego_zone_t *))
        != NGX_OK)
    {
        return NULL;
    }

    if (ngx_array_init(&zmcf->apps, cf->pool, 1, sizeof(ngx_http_zego_app_t))
        != NGX_OK)
    {
        return NULL;
    }

    if (ngx_array_init(&zmcf->places, cf->pool, 1,
                       sizeof(ngx_http_zego_place_t))
        != NGX_OK)
    {
        return NULL;
    }

    for (i = 0; i < NGX_HTTP_ZEGO_KINDS; i++) {
        if (ngx_array_init(&zmcf->fields[i], cf->pool, 4, sizeof(zego_str_t))
            != NGX_OK)
        {
            return NULL;
        }
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_zego_parser_cleanup;
    cln->data = zmcf;

    return zmcf;
}


static char *
ngx_http_zego_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_zego_main_conf_t *zmcf = conf;

    zmcf->keep.stream = zmcf->fields[NGX_HTTP_ZEGO_STREAM].elts;
    zmcf->keep.nstream = zmcf->fields[NGX_HTTP_ZEGO_STREAM].nelts;
    zmcf->keep.room = zmcf->fields[NGX_HTTP_ZEGO_ROOM].elts;
    zmcf->keep.nroom = zmcf->fields[NGX_HTTP_ZEGO_ROOM].nelts;
    zmcf->keep.user = zmcf->fields[NGX_HTTP_ZEGO_USER].elts;
    zmcf->keep.nuser = zmcf->fields[NGX_HTTP_ZEGO_USER].nelts;

    return NGX_CONF_OK;
}


static void *
ngx_http_zego_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_zego_loc_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_zego_loc_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     conf->callback = NULL;
     *     conf->max_age = 0;
     *     conf->pass = 0;
     *     conf->replay = NGX_HTTP_ZEGO_REPLAY_OFF;
     *     conf->status = NULL;
     */

    return conf;
}


static char *
ngx_http_zego_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_zego_loc_conf_t *prev = parent;
    ngx_http_zego_loc_conf_t *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* an "if" or "limit_except" block stands for its location */

    if (!clcf->noname) {
        return NGX_CONF_OK;
    }

    conf->callback = prev->callback;
    conf->max_age = prev->max_age;
    conf->pass = prev->pass;
    conf->replay = prev->replay;

    if (prev->status && clcf->handler == NULL) {
        conf->status = prev->status;
        clcf->handler = ngx_http_zego_status_handler;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_zego_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_zego_main_conf_t *zmcf = conf;

    u_char                 *p;
    ssize_t                 size;
    ngx_str_t              *value, name, dir, s;
    ngx_int_t               horizon;
    ngx_uint_t              i;
    ngx_shm_zone_t         *shm_zone;
    ngx_pool_cleanup_t     *cln;
    ngx_http_zego_zone_t   *zone, **z;

    value = cf->args->elts;

    size = 0;
    horizon = 300000;
    name.len = 0;
    dir.len = 0;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "zone=", 5) == 0) {

            name.data = value[i].data + 5;

            p = (u_char *) ngx_strchr(name.data, ':');

            if (p == NULL) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "invalid zone size \"%V\"", &value[i]);
                return NGX_CONF_ERROR;
            }

            name.len = p - name.data;

            s.data = p + 1;
            s.len = value[i].data + value[i].len - s.data;

            size = ngx_parse_size(&s);

            if (size == NGX_ERROR) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "invalid zone size \"%V\"", &value[i]);
                return NGX_CONF_ERROR;
            }

            if (size < (ssize_t) (8 * ngx_pagesize)) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "zone \"%V\" is too small", &value[i]);
                return NGX_CONF_ERROR;
            }

            continue;
        }

        if (ngx_strncmp(value[i].data, "horizon=", 8) == 0) {

            s.len = value[i].len - 8;
            s.data = value[i].data + 8;

            horizon = ngx_parse_time(&s, 0);

            if (horizon == NGX_ERROR || horizon == 0) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "invalid horizon value \"%V\"", &value[i]);
                return NGX_CONF_ERROR;
            }

            continue;
        }

        if (ngx_strncmp(value[i].data, "store=", 6) == 0) {

            dir.len = value[i].len - 6;
            dir.data = value[i].data + 6;

            if (ngx_http_zego_zone_dir(cf, &dir, zmcf) != NGX_OK) {
                return NGX_CONF_ERROR;
            }

            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\"", &value[i]);
        return NGX_CONF_ERROR;
    }

    if (name.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" must have \"zone\" parameter",
                           &cmd->name);
        return NGX_CONF_ERROR;
    }

    shm_zone = ngx_shared_memory_add(cf, &name, size, &ngx_http_zego_module);
    if (shm_zone == NULL) {
        return NGX_CONF_ERROR;
    }

    if (shm_zone->data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate zone \"%V\"", &name);
        return NGX_CONF_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, sizeof(ngx_http_zego_zone_t));
    if (cln == NULL) {
        return NGX_CONF_ERROR;
    }

    zone = cln->data;
    cln->handler = ngx_http_zego_zone_cleanup;

    ngx_memzero(zone, sizeof(ngx_http_zego_zone_t));

    ngx_queue_init(&zone->cycles);

    zone->shm_zone = shm_zone;
    zone->horizon = horizon;
    zone->dir = dir;
    zone->zones = &zmcf->zones;
    zone->ccf = (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                                 ngx_core_module);
    zone->old = ngx_http_zego_zone_find(cf->cycle->old_cycle, &name, 1);
    zone->foreign = (ngx_http_zego_zone_find(cf->cycle->old_cycle, &name, 0)
                     != NULL);

    shm_zone->init = ngx_http_zego_zone_init;
    shm_zone->data = zone;

    z = ngx_array_push(&zmcf->zones);
    if (z == NULL) {
        return NGX_CONF_ERROR;
    }

    *z = zone;

    return NGX_CONF_OK;
}


/* the directory of a store, as a whole path with room for "/.." behind it */

static ngx_int_t
ngx_http_zego_zone_dir(ngx_conf_t *cf, ngx_str_t *dir,
    ngx_http_zego_main_conf_t *zmcf)
{
    u_char                 *p;
    ngx_uint_t              i;
    ngx_http_zego_zone_t  **zones;

#if !(NGX_THREADS)

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"store\" parameter requires nginx built with "
                       "threads (--with-threads)");
    return NGX_ERROR;

#else

    if (ngx_thread_pool_add(cf, NULL) == NULL) {
        return NGX_ERROR;
    }

#endif

    while (dir->len > 1 && dir->data[dir->len - 1] == '/') {
        dir->len--;
    }

    if (dir->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "empty \"store\" parameter");
        return NGX_ERROR;
    }

    dir->data[dir->len] = '\0';

    if (ngx_conf_full_name(cf->cycle, dir, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(cf->pool, dir->len + sizeof("/.."));
    if (p == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_cpystrn(p, dir->data, dir->len + 1);

    dir->data = p;

    zones = zmcf->zones.elts;

    for (i = 0; i < zmcf->zones.nelts; i++) {

        if (zones[i]->dir.len == dir->len
            && ngx_strncmp(zones[i]->dir.data, dir->data, dir->len) == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "zego store \"%V\" is that of zone \"%V\" too",
                               dir, &zones[i]->shm_zone->shm.name);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* messages have no arguments of secret in them */

static char *
ngx_http_zego_app(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_zego_main_conf_t *zmcf = conf;

    off_t                 appid;
    u_char               *p;
    ngx_int_t             rc;
    ngx_str_t            *value, name, s;
    ngx_uint_t            i;
    ngx_array_t          *secrets;
    ngx_http_zego_app_t  *app;

    value = cf->args->elts;

    appid = ngx_atoof(value[1].data, value[1].len);

    if (appid == NGX_ERROR || appid > (off_t) NGX_MAX_UINT32_VALUE) {
        return "has invalid appid";
    }

    app = zmcf->apps.elts;

    for (i = 0; i < zmcf->apps.nelts; i++) {
        if (app[i].appid == (uint32_t) appid) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate app \"%uD\"", (uint32_t) appid);
            return NGX_CONF_ERROR;
        }
    }

    app = ngx_array_push(&zmcf->apps);
    if (app == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(app, sizeof(ngx_http_zego_app_t));

    app->appid = (uint32_t) appid;

    if (ngx_array_init(&app->secrets, cf->pool, 1,
                       sizeof(ngx_http_zego_secret_t))
        != NGX_OK
        || ngx_array_init(&app->server_secrets, cf->pool, 1,
                          sizeof(ngx_http_zego_secret_t))
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {

        name.data = value[i].data;

        for (p = name.data; (*p >= 'a' && *p <= 'z') || *p == '_'; p++) {
            /* void */
        }

        name.len = p - name.data;

        if (name.len == 0 || *p != '=') {
            return "has invalid parameter";
        }

        s.data = p + 1;
        s.len = value[i].data + value[i].len - s.data;

        p = name.data;
        secrets = &app->secrets;

        if (ngx_strncmp(p, "server_", 7) == 0) {
            p += 7;
            secrets = &app->server_secrets;
        }

        if (ngx_strncmp(p, "secret=", 7) != 0
            && ngx_strncmp(p, "secret_file=", 12) != 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &name);
            return NGX_CONF_ERROR;
        }

        if (s.len == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" directive has empty \"%V\" parameter",
                               &cmd->name, &name);
            return NGX_CONF_ERROR;
        }

        if (p[6] == '_') {
            rc = ngx_http_zego_secret_file(cf, app, secrets, &s);

        } else {
            rc = ngx_http_zego_add_secret(app, secrets, &s);

            if (rc == NGX_DECLINED) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "duplicate secret");
            }
        }

        if (rc != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (app->secrets.nelts == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" must have \"secret\" or \"secret_file\" "
                           "parameter", &cmd->name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* NGX_DECLINED: it is there already */

static ngx_int_t
ngx_http_zego_add_secret(ngx_http_zego_app_t *app, ngx_array_t *secrets,
    ngx_str_t *value)
{
    u_char                   hash[20];
    ngx_uint_t               i;
    ngx_sha1_t               sha1;
    ngx_http_zego_secret_t  *secret;

    secret = secrets->elts;

    for (i = 0; i < secrets->nelts; i++) {
        if (secret[i].value.len == value->len
            && ngx_memcmp(secret[i].value.data, value->data, value->len) == 0)
        {
            return NGX_DECLINED;
        }
    }

    secret = ngx_array_push(secrets);
    if (secret == NULL) {
        return NGX_ERROR;
    }

    secret->value = *value;

    ngx_sha1_init(&sha1);
    ngx_sha1_update(&sha1, &app->appid, sizeof(app->appid));
    ngx_sha1_update(&sha1, value->data, value->len);
    ngx_sha1_final(hash, &sha1);

    ngx_memcpy(&secret->key, hash, sizeof(secret->key));
    secret->key |= 1;

    return NGX_OK;
}


/* what an editor, or a slip of the hand, adds is no part of a secret */

static ngx_uint_t
ngx_http_zego_is_secret(ngx_str_t *s)
{
    ngx_uint_t  i;

    for (i = 0; i < s->len; i++) {
        if (s->data[i] < 0x20 || s->data[i] == 0x7f) {
            return 0;
        }
    }

    return s->data[0] != ' ' && s->data[s->len - 1] != ' '
           && (s->len < 3 || ngx_memcmp(s->data, "\xef\xbb\xbf", 3) != 0);
}


/* a secret on each line */

static ngx_int_t
ngx_http_zego_secret_file(ngx_conf_t *cf, ngx_http_zego_app_t *app,
    ngx_array_t *secrets, ngx_str_t *path)
{
    u_char           *p, *last, *buf;
    size_t            size;
    ssize_t           n;
    ngx_fd_t          fd;
    ngx_str_t         name, s;
    ngx_int_t         rc;
    ngx_uint_t        line, found;
    ngx_file_info_t   fi;

    name = *path;

    if (ngx_conf_full_name(cf->cycle, &name, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    fd = ngx_open_file(name.data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", &name);
        return NGX_ERROR;
    }

    rc = NGX_ERROR;

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_fd_info_n " \"%V\" failed", &name);
        goto done;
    }

    if (!ngx_is_file(&fi)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is not a regular file", &name);
        goto done;
    }

    if (ngx_file_access(&fi) & 7) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "secrets in \"%V\" are accessible by others "
                           "than its owner and group", &name);
        goto done;
    }

    size = NGX_HTTP_ZEGO_SECRET_FILE + 1;

    buf = ngx_pnalloc(cf->pool, size);
    if (buf == NULL) {
        goto done;
    }

    for (last = buf; last < buf + size; last += n) {

        n = ngx_read_fd(fd, last, buf + size - last);

        if (n == -1) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                               ngx_read_fd_n " \"%V\" failed", &name);
            goto done;
        }

        if (n == 0) {
            break;
        }
    }

    if (last == buf + size) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is larger than %d bytes", &name,
                           NGX_HTTP_ZEGO_SECRET_FILE);
        goto done;
    }

    line = 0;
    found = 0;

    for (p = buf; p < last; p++) {

        line++;
        s.data = p;

        while (p < last && *p != LF) {
            p++;
        }

        s.len = p - s.data;

        if (s.len && p[-1] == CR) {
            s.len--;
        }

        if (s.len == 0) {
            continue;
        }

        found = 1;

        if (!ngx_http_zego_is_secret(&s)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid secret in line %ui of \"%V\"",
                               line, &name);
            goto done;
        }

        n = ngx_http_zego_add_secret(app, secrets, &s);

        if (n == NGX_DECLINED) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate secret in line %ui of \"%V\"",
                               line, &name);
        }

        if (n != NGX_OK) {
            goto done;
        }
    }

    if (!found) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "there is no secret in \"%V\"", &name);
        goto done;
    }

    rc = NGX_OK;

done:

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, cf->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", &name);
    }

    return rc;
}


static char *
ngx_http_zego_callback(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_zego_loc_conf_t *zlcf = conf;

    ngx_str_t                  *value, s;
    ngx_uint_t                  i, n;
    ngx_shm_zone_t             *shm_zone;
    ngx_http_zego_place_t      *place;
    ngx_http_core_loc_conf_t   *clcf;
    ngx_http_zego_main_conf_t  *zmcf;

    if (zlcf->callback) {
        return "is duplicate";
    }

    if (zlcf->status) {
        return "is incompatible with \"zego_status\"";
    }

    value = cf->args->elts;

    shm_zone = NULL;
    zlcf->replay = NGX_HTTP_ZEGO_REPLAY_COUNT;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "zone=", 5) == 0) {

            s.len = value[i].len - 5;
            s.data = value[i].data + 5;

            shm_zone = ngx_shared_memory_add(cf, &s, 0, &ngx_http_zego_module);
            if (shm_zone == NULL) {
                return NGX_CONF_ERROR;
            }

            continue;
        }

        if (ngx_strncmp(value[i].data, "max_age=", 8) == 0) {

            s.len = value[i].len - 8;
            s.data = value[i].data + 8;

            zlcf->max_age = ngx_parse_time(&s, 1);

            if (zlcf->max_age == (time_t) NGX_ERROR || zlcf->max_age == 0) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "invalid max_age value \"%V\"", &value[i]);
                return NGX_CONF_ERROR;
            }

            continue;
        }

        if (ngx_strncmp(value[i].data, "replay=", 7) == 0) {

            for (n = 0; ngx_http_zego_replays[n].name.len; n++) {
                if (ngx_strcmp(value[i].data + 7,
                               ngx_http_zego_replays[n].name.data)
                    == 0)
                {
                    break;
                }
            }

            if (ngx_http_zego_replays[n].name.len == 0) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "invalid replay value \"%V\"", &value[i]);
                return NGX_CONF_ERROR;
            }

            zlcf->replay = ngx_http_zego_replays[n].value;

            continue;
        }

        if (ngx_strcmp(value[i].data, "pass") == 0) {
            zlcf->pass = NGX_HTTP_ZEGO_PASS_ALL;
            continue;
        }

        if (ngx_strcmp(value[i].data, "pass=changes") == 0) {
            zlcf->pass = NGX_HTTP_ZEGO_PASS_CHANGES;
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\"", &value[i]);
        return NGX_CONF_ERROR;
    }

    if (shm_zone == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" must have \"zone\" parameter",
                           &cmd->name);
        return NGX_CONF_ERROR;
    }

    zlcf->callback = shm_zone;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    zmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_zego_module);

    place = ngx_array_push(&zmcf->places);
    if (place == NULL) {
        return NGX_CONF_ERROR;
    }

    place->location = &clcf->name;
    place->file = cf->conf_file->file.name.data;
    place->line = cf->conf_file->line;

    return NGX_CONF_OK;
}


static char *
ngx_http_zego_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_zego_loc_conf_t *zlcf = conf;

    ngx_str_t                 *value, s;
    ngx_http_core_loc_conf_t  *clcf;

    if (zlcf->status) {
        return "is duplicate";
    }

    if (zlcf->callback) {
        return "is incompatible with \"zego_callback\"";
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->named || clcf->exact_match
#if (NGX_PCRE)
        || clcf->regex
#endif
       )
    {
        return "is not allowed in an exact or named location "
               "or in one given by regular expression";
    }

    value = cf->args->elts;

    if (ngx_strncmp(value[1].data, "zone=", 5) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    s.len = value[1].len - 5;
    s.data = value[1].data + 5;

    zlcf->status = ngx_shared_memory_add(cf, &s, 0, &ngx_http_zego_module);
    if (zlcf->status == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_zego_page_init(cf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    clcf->handler = ngx_http_zego_status_handler;

    /* the page is asked for without the slash, too */

    if (clcf->name.len && clcf->name.data[clcf->name.len - 1] == '/') {
        clcf->auto_redirect = 1;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_zego_keep(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_zego_main_conf_t *zmcf = conf;

    u_char       ch;
    ngx_str_t   *value;
    zego_str_t  *field;
    ngx_uint_t   i, n, kind;

    value = cf->args->elts;

    for (kind = 0; kind < NGX_HTTP_ZEGO_KINDS; kind++) {
        if (ngx_strcmp(value[1].data, ngx_http_zego_kinds[kind].data) == 0) {
            break;
        }
    }

    if (kind == NGX_HTTP_ZEGO_KINDS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {

        if (value[i].len == 0 || value[i].len > ZEGO_KEEP_NAME_MAX) {
            goto invalid;
        }

        for (n = 0; n < value[i].len; n++) {
            ch = value[i].data[n];

            if (ch <= ' ' || ch >= 0x7f || ch == '"' || ch == '\\') {
                goto invalid;
            }
        }

        /* with it, on a status page, other bodies could be signed */

        if (ngx_strcmp(value[i].data, "signature") == 0) {
            goto invalid;
        }

        field = zmcf->fields[kind].elts;

        for (n = 0; n < zmcf->fields[kind].nelts; n++) {

            if (field[n].len == value[i].len
                && ngx_strncmp(field[n].data, value[i].data, value[i].len)
                   == 0)
            {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "duplicate field \"%V\"", &value[i]);
                return NGX_CONF_ERROR;
            }
        }

        if (n == ZEGO_KEEP_FIELDS_MAX) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "too many fields of a %V are kept",
                               &value[1]);
            return NGX_CONF_ERROR;
        }

        field = ngx_array_push(&zmcf->fields[kind]);
        if (field == NULL) {
            return NGX_CONF_ERROR;
        }

        field->data = (char *) value[i].data;
        field->len = value[i].len;
    }

    return NGX_CONF_OK;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid field \"%V\"", &value[i]);
    return NGX_CONF_ERROR;
}


static ngx_int_t
ngx_http_zego_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_zego_vars; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_zego_init(ngx_conf_t *cf)
{
    ngx_uint_t                  i;
    ngx_http_handler_pt        *h;
    ngx_http_zego_place_t      *place;
    ngx_http_core_main_conf_t  *cmcf;
    ngx_http_zego_main_conf_t  *zmcf;

    zmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_zego_module);

    if (zmcf->places.nelts == 0) {
        return NGX_OK;
    }

    if (zmcf->apps.nelts == 0) {
        place = zmcf->places.elts;

        for (i = 0; i < zmcf->places.nelts; i++) {
            ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                          "\"zego_callback\" in location \"%V\" accepts "
                          "callbacks without a signature because "
                          "no \"zego_app\" is configured in %s:%ui",
                          place[i].location, place[i].file, place[i].line);
        }
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PRECONTENT_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_zego_callback_handler;

    return NGX_OK;
}


static ngx_int_t
ngx_http_zego_init_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                   i;
    ngx_http_zego_zone_t       **zones;
    ngx_http_zego_main_conf_t   *zmcf;

    if (ngx_process != NGX_PROCESS_WORKER
        && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    zmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_zego_module);

    if (zmcf == NULL) {
        return NGX_OK;
    }

    zones = zmcf->zones.elts;

    for (i = 0; i < zmcf->zones.nelts; i++) {
        if (ngx_http_zego_zone_start(zones[i], cycle) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}

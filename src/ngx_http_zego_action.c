
/*
 * The vendor's own queries, "?Action=": its parameters, codes and signature.
 */

#include "ngx_http_zego.h"

#include <ngx_md5.h>


/* how far a timestamp may be from now, in seconds */
#define NGX_HTTP_ZEGO_ACTION_AGE  600


/* the vendor's codes */

#define NGX_HTTP_ZEGO_CODE_PARAMETER     2
#define NGX_HTTP_ZEGO_CODE_LENGTH        3
#define NGX_HTTP_ZEGO_CODE_DECODING      8
#define NGX_HTTP_ZEGO_CODE_ISTEST        30004
#define NGX_HTTP_ZEGO_CODE_STREAM        30009
#define NGX_HTTP_ZEGO_CODE_APPID         100000001
#define NGX_HTTP_ZEGO_CODE_NO_TIMESTAMP  100000002
#define NGX_HTTP_ZEGO_CODE_TIMESTAMP     100000003
#define NGX_HTTP_ZEGO_CODE_EXPIRED       100000004
#define NGX_HTTP_ZEGO_CODE_SIGNATURE     100000005
#define NGX_HTTP_ZEGO_CODE_NO_ACTION     100000006
#define NGX_HTTP_ZEGO_CODE_ACTION        100000007
#define NGX_HTTP_ZEGO_CODE_NO_NONCE      100000008
#define NGX_HTTP_ZEGO_CODE_NO_SIGNATURE  100000009
#define NGX_HTTP_ZEGO_CODE_APP           100000010
#define NGX_HTTP_ZEGO_CODE_NO_VERSION    100000013
#define NGX_HTTP_ZEGO_CODE_VERSION       100000014


typedef struct {
    ngx_uint_t      code;
    ngx_str_t       message;
} ngx_http_zego_code_t;


typedef struct {
    ngx_str_t       name;
    zego_action_e   action;
} ngx_http_zego_action_name_t;


typedef struct {
    ngx_array_t     args;      /* of ngx_keyval_t */
    zego_query_t    query;
    zego_str_t      ids[ZEGO_IDS_MAX];

    /* the parameter that a code is about, or NULL */
    char           *field;
} ngx_http_zego_action_t;


static ngx_int_t ngx_http_zego_action_args(ngx_http_request_t *r,
    ngx_http_zego_action_t *a);
static ngx_str_t *ngx_http_zego_action_arg(ngx_http_zego_action_t *a,
    char *name);
static ngx_uint_t ngx_http_zego_action_common(ngx_http_request_t *r,
    ngx_http_zego_action_t *a);
static ngx_uint_t ngx_http_zego_action_name(ngx_http_zego_action_t *a);
static ngx_uint_t ngx_http_zego_action_app(ngx_http_request_t *r,
    ngx_http_zego_action_t *a);
static ngx_uint_t ngx_http_zego_action_signed(ngx_http_zego_action_t *a,
    ngx_http_zego_app_t *app);
static ngx_uint_t ngx_http_zego_action_query(ngx_http_zego_action_t *a);
static ngx_uint_t ngx_http_zego_action_id(ngx_http_zego_action_t *a,
    char *name, size_t max, ngx_str_t *value, zego_str_t *id);
static ngx_uint_t ngx_http_zego_action_ids(ngx_http_zego_action_t *a,
    char *name, size_t max);
static ngx_uint_t ngx_http_zego_action_page(ngx_http_zego_action_t *a);
static ngx_uint_t ngx_http_zego_action_number(ngx_http_zego_action_t *a,
    char *name, ngx_int_t max, ngx_int_t *n);
static ngx_uint_t ngx_http_zego_action_stream(ngx_http_zego_action_t *a);
static ngx_int_t ngx_http_zego_action_error(ngx_http_request_t *r,
    zego_query_t *query, ngx_uint_t code, char *field);


static ngx_http_zego_action_name_t  ngx_http_zego_actions[] = {
    { ngx_string("DescribeSimpleStreamList"),
      ZEGO_DESCRIBE_SIMPLE_STREAM_LIST },
    { ngx_string("DescribeUserList"), ZEGO_DESCRIBE_USER_LIST },
    { ngx_string("DescribeUserNum"), ZEGO_DESCRIBE_USER_NUM },
    { ngx_string("DescribeUsers"), ZEGO_DESCRIBE_USERS },
    { ngx_string("DescribeRTCStreamState"), ZEGO_DESCRIBE_RTC_STREAM_STATE },
    { ngx_null_string, ZEGO_NO_ACTION }
};


/* in the vendor's words */

static ngx_http_zego_code_t  ngx_http_zego_codes[] = {
    { NGX_HTTP_ZEGO_CODE_PARAMETER, ngx_string("Input parameter error") },
    { NGX_HTTP_ZEGO_CODE_LENGTH,
      ngx_string("Input parameter length too long") },
    { NGX_HTTP_ZEGO_CODE_DECODING, ngx_string("Decoding failed") },
    { NGX_HTTP_ZEGO_CODE_ISTEST, ngx_string("Incorrect isTest parameter") },
    { NGX_HTTP_ZEGO_CODE_STREAM, ngx_string("Invalid StreamId") },
    { NGX_HTTP_ZEGO_CODE_APPID, ngx_string("AppId field format error") },
    { NGX_HTTP_ZEGO_CODE_NO_TIMESTAMP,
      ngx_string("Timestamp field is empty") },
    { NGX_HTTP_ZEGO_CODE_TIMESTAMP,
      ngx_string("Timestamp field format error") },
    { NGX_HTTP_ZEGO_CODE_EXPIRED, ngx_string("Signature expired") },
    { NGX_HTTP_ZEGO_CODE_SIGNATURE, ngx_string("Signature error") },
    { NGX_HTTP_ZEGO_CODE_NO_ACTION, ngx_string("Action is empty") },
    { NGX_HTTP_ZEGO_CODE_ACTION, ngx_string("Unsupported Action") },
    { NGX_HTTP_ZEGO_CODE_NO_NONCE,
      ngx_string("SignatureNonce field is empty") },
    { NGX_HTTP_ZEGO_CODE_NO_SIGNATURE,
      ngx_string("Signature field is empty") },
    { NGX_HTTP_ZEGO_CODE_APP, ngx_string("Failed to get ServerSecret") },
    { NGX_HTTP_ZEGO_CODE_NO_VERSION,
      ngx_string("SignatureVersion field is empty") },
    { NGX_HTTP_ZEGO_CODE_VERSION,
      ngx_string("Unsupported SignatureVersion") },
    { 0, ngx_null_string }
};


ngx_int_t
ngx_http_zego_action_handler(ngx_http_request_t *r, ngx_http_zego_zone_t *zone)
{
    ngx_int_t               rc;
    ngx_str_t               value;
    ngx_uint_t              code;
    ngx_http_zego_action_t  a;

    if (ngx_http_arg(r, (u_char *) "Action", sizeof("Action") - 1, &value)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    ngx_memzero(&a, sizeof(ngx_http_zego_action_t));

    a.query.request_id = ((uint64_t) ngx_random() << 32)
                         ^ (uint64_t) ngx_random()
                         ^ ngx_http_zego_zone_time();

    rc = ngx_http_zego_action_args(r, &a);

    if (rc == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc == NGX_ABORT) {
        code = NGX_HTTP_ZEGO_CODE_DECODING;

    } else {
        code = ngx_http_zego_action_common(r, &a);

        if (code == 0) {
            code = ngx_http_zego_action_query(&a);
        }
    }

    if (code) {
        return ngx_http_zego_action_error(r, &a.query, code, a.field);
    }

    return ngx_http_zego_status_view(r, zone, &a.query);
}


ngx_int_t
ngx_http_zego_action_bad_marker(ngx_http_request_t *r, zego_query_t *query)
{
    return ngx_http_zego_action_error(r, query, NGX_HTTP_ZEGO_CODE_PARAMETER,
                                      "Marker");
}


/* names are decoded too: clients escape the brackets of "UserId[]" */

static ngx_int_t
ngx_http_zego_action_args(ngx_http_request_t *r, ngx_http_zego_action_t *a)
{
    u_char        *p, *end, *eq, *last;
    ngx_int_t      rc;
    ngx_keyval_t  *arg;

    if (ngx_array_init(&a->args, r->pool, 8, sizeof(ngx_keyval_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    last = r->args.data + r->args.len;

    for (p = r->args.data; p < last; p = end + 1) {

        end = ngx_strlchr(p, last, '&');

        if (end == NULL) {
            end = last;
        }

        eq = ngx_strlchr(p, end, '=');

        if (eq == NULL) {
            eq = end;
        }

        arg = ngx_array_push(&a->args);
        if (arg == NULL) {
            return NGX_ERROR;
        }

        rc = ngx_http_zego_status_decode(r, &arg->key, p, eq, 1);

        if (rc != NGX_OK) {
            return rc;
        }

        rc = ngx_http_zego_status_decode(r, &arg->value,
                                         (eq < end) ? eq + 1 : end, end, 1);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/* the first of that name, or NULL; an empty one is none */

static ngx_str_t *
ngx_http_zego_action_arg(ngx_http_zego_action_t *a, char *name)
{
    size_t         len;
    ngx_uint_t     i;
    ngx_keyval_t  *arg;

    len = ngx_strlen(name);
    arg = a->args.elts;

    for (i = 0; i < a->args.nelts; i++) {

        if (arg[i].key.len == len
            && ngx_strncmp(arg[i].key.data, name, len) == 0)
        {
            return arg[i].value.len ? &arg[i].value : NULL;
        }
    }

    return NULL;
}


/* 0, or a code: so do all below */

static ngx_uint_t
ngx_http_zego_action_common(ngx_http_request_t *r, ngx_http_zego_action_t *a)
{
    ngx_str_t   *value;
    ngx_uint_t   code;

    code = ngx_http_zego_action_name(a);

    if (code) {
        return code;
    }

    code = ngx_http_zego_action_app(r, a);

    if (code) {
        return code;
    }

    value = ngx_http_zego_action_arg(a, "IsTest");

    if (value == NULL
        || (value->len == 4
            && ngx_strncasecmp(value->data, (u_char *) "true", 4) == 0)
        || (value->len == 5
            && ngx_strncasecmp(value->data, (u_char *) "false", 5) == 0))
    {
        return 0;
    }

    if (a->query.action == ZEGO_DESCRIBE_RTC_STREAM_STATE) {
        return NGX_HTTP_ZEGO_CODE_ISTEST;
    }

    a->field = "IsTest";

    return NGX_HTTP_ZEGO_CODE_PARAMETER;
}


static ngx_uint_t
ngx_http_zego_action_name(ngx_http_zego_action_t *a)
{
    ngx_str_t                    *value;
    ngx_http_zego_action_name_t  *name;

    value = ngx_http_zego_action_arg(a, "Action");

    if (value == NULL) {
        return NGX_HTTP_ZEGO_CODE_NO_ACTION;
    }

    for (name = ngx_http_zego_actions; name->name.len; name++) {

        if (value->len == name->name.len
            && ngx_strncmp(value->data, name->name.data, value->len) == 0)
        {
            a->query.action = name->action;
            return 0;
        }
    }

    return NGX_HTTP_ZEGO_CODE_ACTION;
}


static ngx_uint_t
ngx_http_zego_action_app(ngx_http_request_t *r, ngx_http_zego_action_t *a)
{
    off_t                       n;
    ngx_str_t                  *value;
    ngx_uint_t                  i;
    ngx_http_zego_app_t        *app;
    ngx_http_zego_main_conf_t  *zmcf;

    value = ngx_http_zego_action_arg(a, "AppId");

    if (value == NULL) {
        return NGX_HTTP_ZEGO_CODE_APPID;
    }

    n = ngx_atoof(value->data, value->len);

    if (n == NGX_ERROR || n > (off_t) NGX_MAX_UINT32_VALUE) {
        return NGX_HTTP_ZEGO_CODE_APPID;
    }

    a->query.appid = (uint32_t) n;
    a->query.has_appid = 1;

    zmcf = ngx_http_get_module_main_conf(r, ngx_http_zego_module);

    if (zmcf->apps.nelts == 0) {
        return 0;
    }

    app = zmcf->apps.elts;

    for (i = 0; i < zmcf->apps.nelts; i++) {

        if (app[i].appid == a->query.appid) {
            return app[i].server_secrets.nelts
                       ? ngx_http_zego_action_signed(a, &app[i]) : 0;
        }
    }

    return NGX_HTTP_ZEGO_CODE_APP;
}


static ngx_uint_t
ngx_http_zego_action_signed(ngx_http_zego_action_t *a, ngx_http_zego_app_t *app)
{
    u_char                   diff, *p, appid[NGX_INT32_LEN], hash[16], hex[32];
    time_t                   age;
    ngx_md5_t                md5;
    ngx_str_t               *nonce, *timestamp, *signature, *version;
    ngx_uint_t               i, k, valid;
    ngx_http_zego_secret_t  *secret;

    timestamp = ngx_http_zego_action_arg(a, "Timestamp");

    if (timestamp == NULL) {
        return NGX_HTTP_ZEGO_CODE_NO_TIMESTAMP;
    }

    nonce = ngx_http_zego_action_arg(a, "SignatureNonce");

    if (nonce == NULL) {
        return NGX_HTTP_ZEGO_CODE_NO_NONCE;
    }

    signature = ngx_http_zego_action_arg(a, "Signature");

    if (signature == NULL) {
        return NGX_HTTP_ZEGO_CODE_NO_SIGNATURE;
    }

    version = ngx_http_zego_action_arg(a, "SignatureVersion");

    if (version == NULL) {
        return NGX_HTTP_ZEGO_CODE_NO_VERSION;
    }

    if (version->len != sizeof("2.0") - 1
        || ngx_strncmp(version->data, "2.0", sizeof("2.0") - 1) != 0)
    {
        return NGX_HTTP_ZEGO_CODE_VERSION;
    }

    age = ngx_atotm(timestamp->data, timestamp->len);

    if (age == NGX_ERROR) {
        return NGX_HTTP_ZEGO_CODE_TIMESTAMP;
    }

    age = ngx_time() - age;

    if (age > NGX_HTTP_ZEGO_ACTION_AGE || age < -NGX_HTTP_ZEGO_ACTION_AGE) {
        return NGX_HTTP_ZEGO_CODE_EXPIRED;
    }

    if (signature->len != sizeof(hex)) {
        return NGX_HTTP_ZEGO_CODE_SIGNATURE;
    }

    p = ngx_sprintf(appid, "%uD", app->appid);

    valid = 0;
    secret = app->server_secrets.elts;

    for (i = 0; i < app->server_secrets.nelts; i++) {

        ngx_md5_init(&md5);
        ngx_md5_update(&md5, appid, p - appid);
        ngx_md5_update(&md5, nonce->data, nonce->len);
        ngx_md5_update(&md5, secret[i].value.data, secret[i].value.len);
        ngx_md5_update(&md5, timestamp->data, timestamp->len);
        ngx_md5_final(hash, &md5);

        (void) ngx_hex_dump(hex, hash, sizeof(hash));

        /* in constant time, lest an answer's time tells how much is right */

        diff = 0;

        for (k = 0; k < sizeof(hex); k++) {
            diff |= hex[k] ^ signature->data[k];
        }

        valid |= (diff == 0);
    }

    return valid ? 0 : NGX_HTTP_ZEGO_CODE_SIGNATURE;
}


static ngx_uint_t
ngx_http_zego_action_query(ngx_http_zego_action_t *a)
{
    ngx_uint_t  code;

    if (a->query.action == ZEGO_DESCRIBE_RTC_STREAM_STATE) {
        return ngx_http_zego_action_stream(a);
    }

    if (a->query.action == ZEGO_DESCRIBE_USER_NUM) {
        return ngx_http_zego_action_ids(a, "RoomId", ZEGO_ROOM_ID_MAX);
    }

    code = ngx_http_zego_action_id(a, "RoomId", ZEGO_ROOM_ID_MAX,
                                   ngx_http_zego_action_arg(a, "RoomId"),
                                   &a->query.id);

    if (code) {
        return code;
    }

    switch (a->query.action) {

    case ZEGO_DESCRIBE_USER_LIST:
        return ngx_http_zego_action_page(a);

    case ZEGO_DESCRIBE_USERS:
        return ngx_http_zego_action_ids(a, "UserId", ZEGO_USER_ID_MAX);

    default: /* ZEGO_DESCRIBE_SIMPLE_STREAM_LIST */
        return 0;
    }
}


static ngx_uint_t
ngx_http_zego_action_id(ngx_http_zego_action_t *a, char *name, size_t max,
    ngx_str_t *value, zego_str_t *id)
{
    a->field = name;

    if (value == NULL || value->len == 0) {
        return NGX_HTTP_ZEGO_CODE_PARAMETER;
    }

    if (value->len > max) {
        return NGX_HTTP_ZEGO_CODE_LENGTH;
    }

    id->data = (char *) value->data;
    id->len = value->len;

    return zego_id_valid(id->data, id->len) ? 0 : NGX_HTTP_ZEGO_CODE_PARAMETER;
}


/* "RoomId[]=a&RoomId[]=b", or with "[0]" and so on, or without brackets */

static ngx_uint_t
ngx_http_zego_action_ids(ngx_http_zego_action_t *a, char *name, size_t max)
{
    u_char        *p, *last;
    size_t         len;
    ngx_uint_t     i, code;
    ngx_keyval_t  *arg;

    a->field = name;
    a->query.ids = a->ids;

    len = ngx_strlen(name);
    arg = a->args.elts;

    for (i = 0; i < a->args.nelts; i++) {

        if (arg[i].key.len < len
            || ngx_strncmp(arg[i].key.data, name, len) != 0)
        {
            continue;
        }

        p = arg[i].key.data + len;
        last = arg[i].key.data + arg[i].key.len;

        if (p != last) {

            if (*p++ != '[') {
                continue;
            }

            while (p < last && *p >= '0' && *p <= '9') {
                p++;
            }

            if (last - p != 1 || *p != ']') {
                continue;
            }
        }

        if (a->query.nids == ZEGO_IDS_MAX) {
            return NGX_HTTP_ZEGO_CODE_LENGTH;
        }

        code = ngx_http_zego_action_id(a, name, max, &arg[i].value,
                                       &a->ids[a->query.nids++]);

        if (code) {
            return code;
        }
    }

    return a->query.nids ? 0 : NGX_HTTP_ZEGO_CODE_PARAMETER;
}


static ngx_uint_t
ngx_http_zego_action_page(ngx_http_zego_action_t *a)
{
    ngx_int_t    n;
    ngx_str_t   *value;
    ngx_uint_t   code;

    code = ngx_http_zego_action_number(a, "Mode", 1, &n);

    if (code) {
        return code;
    }

    a->query.descending = n;

    code = ngx_http_zego_action_number(a, "Limit", ZEGO_PAGE_MAX, &n);

    if (code) {
        return code;
    }

    a->query.limit = n ? n : ZEGO_PAGE_MAX;

    value = ngx_http_zego_action_arg(a, "Marker");

    if (value) {
        a->query.cursor.data = (char *) value->data;
        a->query.cursor.len = value->len;
    }

    return 0;
}


static ngx_uint_t
ngx_http_zego_action_number(ngx_http_zego_action_t *a, char *name,
    ngx_int_t max, ngx_int_t *n)
{
    ngx_str_t  *value;

    a->field = name;

    value = ngx_http_zego_action_arg(a, name);

    *n = value ? ngx_atoi(value->data, value->len) : 0;

    return (*n == NGX_ERROR || *n > max) ? NGX_HTTP_ZEGO_CODE_PARAMETER : 0;
}


static ngx_uint_t
ngx_http_zego_action_stream(ngx_http_zego_action_t *a)
{
    ngx_uint_t  code;

    code = ngx_http_zego_action_id(a, "StreamId", ZEGO_STREAM_ID_MAX,
                                   ngx_http_zego_action_arg(a, "StreamId"),
                                   &a->query.id);

    if (code) {
        a->field = NULL;
        return NGX_HTTP_ZEGO_CODE_STREAM;
    }

    a->field = "Sequence";

    return ngx_http_zego_action_arg(a, "Sequence")
               ? 0 : NGX_HTTP_ZEGO_CODE_PARAMETER;
}


/* as the vendor's, with status 200 */

static ngx_int_t
ngx_http_zego_action_error(ngx_http_request_t *r, zego_query_t *query,
    ngx_uint_t code, char *field)
{
    u_char                *p;
    size_t                 len;
    ngx_str_t              body;
    ngx_http_zego_code_t  *c;

    for (c = ngx_http_zego_codes; c->code != code; c++) { /* void */ }

    len = sizeof("{\"Code\":,\"Message\":\": \",\"RequestId\":\"\","
                 "\"Data\":{}}") - 1
          + NGX_INT_T_LEN + c->message.len + NGX_INT64_LEN
          + (field ? ngx_strlen(field) : 0);

    body.data = ngx_pnalloc(r->pool, len);
    if (body.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = ngx_sprintf(body.data, "{\"Code\":%ui,\"Message\":\"%V", code,
                    &c->message);

    if (field) {
        p = ngx_sprintf(p, ": %s", field);
    }

    p = ngx_sprintf(p, "\",\"RequestId\":\"%uL\",\"Data\":{}}",
                    query->request_id);

    body.len = p - body.data;

    if (ngx_http_zego_add_header(r, "Cache-Control", "no-cache") == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_zego_send(r, NGX_HTTP_OK, &ngx_http_zego_json, &body);
}

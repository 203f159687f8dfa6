
#include "ngx_http_zego.h"


#define NGX_HTTP_ZEGO_HASH_LEN  ngx_base64_encoded_length(32)

#define NGX_HTTP_ZEGO_POLICY                                                  \
    "default-src 'none'; script-src 'sha256-%V'; style-src 'sha256-%V'; "     \
    "connect-src 'self'; base-uri 'none'; form-action 'none'; "               \
    "frame-ancestors 'none'; require-trusted-types-for 'script'%Z"


static ngx_int_t ngx_http_zego_page_hash(ngx_pool_t *pool, ngx_str_t *hash,
    char *start, char *end);


static ngx_str_t  ngx_http_zego_page_type =
    ngx_string("text/html; charset=utf-8");


/* what it allows itself to do, which the hashes of what it does say */

ngx_int_t
ngx_http_zego_page_init(ngx_conf_t *cf)
{
    size_t                      len;
    ngx_str_t                   page, script, style;
    ngx_http_zego_main_conf_t  *zmcf;

    zmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_zego_module);

    if (zmcf->policy) {
        return NGX_OK;
    }

    len = sizeof(NGX_HTTP_ZEGO_POLICY) + 2 * NGX_HTTP_ZEGO_HASH_LEN;

    zmcf->etag = ngx_pnalloc(cf->pool, NGX_HTTP_ZEGO_HASH_LEN + 3);
    zmcf->policy = ngx_pnalloc(cf->pool, len);

    if (zmcf->etag == NULL || zmcf->policy == NULL
        || ngx_http_zego_page_hash(cf->pool, &page, "", "") != NGX_OK
        || ngx_http_zego_page_hash(cf->pool, &script, "<script>", "</script>")
           != NGX_OK
        || ngx_http_zego_page_hash(cf->pool, &style, "<style>", "</style>")
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_sprintf(zmcf->etag, "\"%V\"%Z", &page);
    ngx_sprintf(zmcf->policy, NGX_HTTP_ZEGO_POLICY, &script, &style);

    return NGX_OK;
}


/* of what is between these two, or of all */

static ngx_int_t
ngx_http_zego_page_hash(ngx_pool_t *pool, ngx_str_t *hash, char *start,
    char *end)
{
    u_char      *p, *last, digest[32];
    ngx_str_t    bytes;
    zego_str_t   page;

    page = zego_page();

    p = (u_char *) page.data;
    last = p + page.len;

    if (*start) {
        p = ngx_strnstr(p, start, page.len) + ngx_strlen(start);
        last = ngx_strnstr(p, end, last - p);
    }

    zego_sha256((char *) p, last - p, digest);

    hash->data = ngx_pnalloc(pool, NGX_HTTP_ZEGO_HASH_LEN);
    if (hash->data == NULL) {
        return NGX_ERROR;
    }

    bytes.len = sizeof(digest);
    bytes.data = digest;

    ngx_encode_base64(hash, &bytes);

    return NGX_OK;
}


ngx_int_t
ngx_http_zego_page_handler(ngx_http_request_t *r)
{
    ngx_str_t                   body;
    zego_str_t                  page;
    ngx_http_zego_main_conf_t  *zmcf;

    zmcf = ngx_http_get_module_main_conf(r, ngx_http_zego_module);

    r->headers_out.etag = ngx_http_zego_add_header(r, "ETag",
                                                   (char *) zmcf->etag);

    if (r->headers_out.etag == NULL
        || ngx_http_zego_add_header(r, "Cache-Control", "no-cache") == NULL
        || ngx_http_zego_add_header(r, "Content-Security-Policy",
                                    (char *) zmcf->policy)
           == NULL
        || ngx_http_zego_add_header(r, "X-Content-Type-Options", "nosniff")
           == NULL
        || ngx_http_zego_add_header(r, "Referrer-Policy", "no-referrer")
           == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    page = zego_page();

    body.len = page.len;
    body.data = (u_char *) page.data;

    return ngx_http_zego_send(r, NGX_HTTP_OK, &ngx_http_zego_page_type, &body);
}

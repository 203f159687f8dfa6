
#include "ngx_http_zego.h"

#include <ngx_sha1.h>


/* SHA-256 of the script and of the style in the page; t/page.t has new ones */

#define NGX_HTTP_ZEGO_PAGE_SCRIPT                                             \
    "M/J6lQAfHUbJa25vsUs7QreYQdwKgBS4J9BvXjCIbzY="
#define NGX_HTTP_ZEGO_PAGE_STYLE                                              \
    "sQycVvpNaBolsld0ypYb/p5A5niFmdkTlK1ikAidCYc="

#define NGX_HTTP_ZEGO_PAGE_POLICY                                             \
    "default-src 'none'; "                                                    \
    "script-src 'sha256-" NGX_HTTP_ZEGO_PAGE_SCRIPT "'; "                     \
    "style-src 'sha256-" NGX_HTTP_ZEGO_PAGE_STYLE "'; "                       \
    "connect-src 'self'; base-uri 'none'; form-action 'none'; "               \
    "frame-ancestors 'none'; require-trusted-types-for 'script'"


static ngx_str_t  ngx_http_zego_page_type =
    ngx_string("text/html; charset=utf-8");


ngx_int_t
ngx_http_zego_page_init(ngx_conf_t *cf)
{
    u_char                     *p, hash[20];
    zego_str_t                  page;
    ngx_sha1_t                  sha1;
    ngx_http_zego_main_conf_t  *zmcf;

    zmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_zego_module);

    if (zmcf->etag) {
        return NGX_OK;
    }

    zmcf->etag = ngx_pnalloc(cf->pool, 2 * sizeof(hash) + sizeof("\"\""));
    if (zmcf->etag == NULL) {
        return NGX_ERROR;
    }

    page = zego_page();

    ngx_sha1_init(&sha1);
    ngx_sha1_update(&sha1, page.data, page.len);
    ngx_sha1_final(hash, &sha1);

    p = zmcf->etag;

    *p++ = '"';
    p = ngx_hex_dump(p, hash, sizeof(hash));
    *p++ = '"';
    *p = '\0';

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
                                    NGX_HTTP_ZEGO_PAGE_POLICY)
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

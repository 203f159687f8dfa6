# The page for people: what it comes with, and where.

use lib 't/lib';
use Digest::SHA qw(sha1_hex sha256_base64);
use Test::Nginx::Socket;
use Zego;

plan tests => repeat_each() * 116;

our $page = do {
    local (@ARGV, $/) = 'src/page/page.html';
    <> =~ s/^R"page\((.*)\)page"\n$/$1/sr;
};

sub hash { return sha256_base64($_[0]) . '=' }

our $etag = '"' . sha1_hex($page) . '"';

# what it allows: the one script, the one style, and to ask where it is from
our $policy = join ' ', q(default-src 'none';),
    map({ "$_-src 'sha256-" . hash($page =~ m{<$_>(.*)</$_>}s) . q(';) }
        'script', 'style'),
    q(connect-src 'self'; base-uri 'none'; form-action 'none';),
    q(frame-ancestors 'none'; require-trusted-types-for 'script');

our $headers = "Content-Type: text/html; charset=utf-8\nETag: $etag\n"
    . "Cache-Control: no-cache\nContent-Security-Policy: $policy\n"
    . "X-Content-Type-Options: nosniff\nReferrer-Policy: no-referrer\n"
    . 'Content-Length: ' . length $page;

run_tests();

__DATA__

=== TEST 1: the page
--- request
GET /live/
--- response_headers eval: $::headers
--- response_body eval: $::page


=== TEST 2: the empty path in several forms
--- request eval
['GET /live/?', 'GET /live/?a=b', 'GET /live//', 'GET /live/#rooms',
 'GET /%6cive/', 'GET //live/']
--- response_body eval
[($::page) x 6]


=== TEST 3: what is not the empty path
--- request eval
['GET /live/page', 'GET /live/page.html', 'GET /live/%20', 'GET /live/.x']
--- error_code eval
[(404) x 4]
--- response_body eval
[('{"Reason":"not_found"}') x 4]


=== TEST 4: the path without its slash, as that of a directory
--- request eval
['GET /live', 'GET /live?a=b&c', 'HEAD /live', 'GET /livel']
--- error_code eval
[301, 301, 301, 404]
--- response_headers_like eval
['Location: http://[^/]+/live/$', 'Location: http://[^/]+/live/\?a=b&c$',
 'Location: http://[^/]+/live/$', '']


=== TEST 5: a location without a slash at its end
--- config
    location /live {
        zego_status zone=live;
    }
--- request eval
['GET /live', 'GET /live/', 'GET /live?a', 'GET /livel']
--- error_code eval
[200, 200, 200, 404]
--- response_body eval
[($::page) x 3, '{"Reason":"not_found"}']


=== TEST 6: HEAD, and other methods
--- request eval
['HEAD /live/', 'POST /live/', 'DELETE /live/']
--- error_code eval
[200, 405, 405]
--- response_headers eval
[$::headers, 'Allow: GET, HEAD', 'Allow: GET, HEAD']
--- response_body eval
['', ('{"Reason":"method"}') x 2]


=== TEST 7: a browser that has it
--- request eval
[('GET /live/') x 3, 'HEAD /live/']
--- more_headers eval
["If-None-Match: $::etag", "If-None-Match: W/$::etag",
 'If-None-Match: "x"', "If-None-Match: $::etag"]
--- error_code eval
[304, 304, 200, 304]
--- response_headers eval
["ETag: $::etag\nContent-Security-Policy: $::policy\n! Content-Type",
 "ETag: $::etag", "ETag: $::etag", "ETag: $::etag"]
--- response_body eval
['', '', $::page, '']


=== TEST 8: it is compressed where nginx is told to
--- config
    location /live/ {
        zego_status zone=live;
        gzip on;
    }
--- request eval
[('GET /live/') x 2]
--- more_headers eval
['Accept-Encoding: gzip', '']
--- response_headers eval
["Content-Encoding: gzip\nETag: W/$::etag\nContent-Security-Policy: $::policy",
 "! Content-Encoding\nETag: $::etag"]
--- response_body_like eval
[qr/^\x1f\x8b/, "^\Q$::page\E\$"]


=== TEST 9: it needs nothing from elsewhere, and says nothing of the zone
--- request eval
[Zego::post('room_create'), 'GET /live/']
--- response_body_unlike eval
['.', 'https?://(?!www\.w3\.org/2000/svg\')|room1|\b(?:src|srcset|style|on\w+)=']

# Every shape in which a callback may come in, and every way in which nginx
# may bring a request to its location, or past it.
#
# With no_http2 are what HTTP/2 does not have, and what is answered with its
# body unread, which curl may take for an error of the stream.

use lib 't/lib';
use Test::Nginx::Socket;
use Zego;

plan tests => repeat_each() * 276;

# a body of about this length, behind the fields that count or before them
sub long_body {
    my ($length, $room) = @_;
    return Zego::callback('room_create', room_id => $room,
                          more => 'm' x $length);
}

sub chunks {
    my ($body, $size) = @_;
    return join '', map { sprintf "%x\r\n%s\r\n", length, $_ }
                    unpack("(a$size)*", $body), '';
}

our $H2 = <<'CONF';
    zego_zone zone=live:1m;
    zego_app 1 secret=secret;

    log_format h2 "$server_protocol $status $zego_verdict $zego_room_id";

    # of two on this port the one with the address comes first
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT http2;
        access_log logs/access.log h2;
        keepalive_requests 1;

        location = /callback {
            zego_callback zone=live;
        }
    }
CONF

run_tests();

__DATA__

=== TEST 1: a body that came with the header, in its buffer
--- request eval
[Zego::post('room_create', more => 'm' x 100), 'GET /live/rooms']
--- response_body_like eval
['^$', '"RoomID":"room1"']


=== TEST 2: a body in two buffers, one of them the header's
--- request eval
["POST /callback\n" . main::long_body(8000, 'two'), 'GET /live/rooms']
--- response_body_like eval
['^$', '"RoomID":"two"']


=== TEST 3: a body in two buffers, cut in the middle of a character
--- request eval
my $body = Zego::callback('room_create', room_id => "caf\xc3\xa9",
                          more => 'm' x 8000);
my ($a, $b) = $body =~ /(.*\xc3)(.*)/s;
[["POST /callback\n$a", { value => $b, delay_before => 0.1 }],
 'GET /live/rooms']
--- response_body_like eval
['^$', qr/"RoomID":"caf\xc3\xa9"/]


=== TEST 4: a header that needed large buffers
--- request eval
["POST /callback\n" . main::long_body(3000, 'large'), 'GET /live/rooms']
--- more_headers eval
['X-Large: ' . 'l' x 5000, '']
--- response_body_like eval
['^$', '"RoomID":"large"']


=== TEST 5: a body that comes a byte at a time
--- request eval
my $body = Zego::callback('room_create', room_id => 'slow');
my ($first, @bytes) = split //, $body;
[["POST /callback\n$first", map { { value => $_, delay_before => 0.002 } }
                                @bytes],
 'GET /live/rooms']
--- response_body_like eval
['^$', '"RoomID":"slow"']


=== TEST 6: a body in a file, for it was larger than its buffer
--- config
    location = /callback {
        zego_callback zone=live;
        client_body_buffer_size 1k;
        add_header X-File $request_body_file always;
    }

    location /live/ {
        zego_status zone=live;
    }
--- request eval
["POST /callback\n" . main::long_body(40000, 'file'), 'GET /live/rooms']
--- response_headers_like eval
['X-File: /.+', 'Content-Type: application/json']
--- response_body_like eval
['^$', '"RoomID":"file"']


=== TEST 7: a body in a file, for nginx was told so
--- config
    location = /callback {
        zego_callback zone=live;
        client_body_in_file_only clean;
        add_header X-File $request_body_file always;
    }

    location /live/ {
        zego_status zone=live;
    }
--- request eval
["POST /callback\n" . Zego::form('room_create', room_id => 'file'),
 'GET /live/rooms', Zego::post('room_create', room_id => undef)]
--- error_code eval
[200, 200, 400]
--- response_headers_like eval
['X-File: /.+', 'Content-Type: application/json', 'X-File: /.+']
--- response_body_like eval
['^$', '"RoomID":"file"', '"Field":"room_id"']


=== TEST 8: a chunked body
--- no_http2
--- request eval
["POST /callback\n"
 . main::chunks(Zego::callback('room_create', room_id => 'chunked'), 7),
 'GET /live/rooms']
--- more_headers eval
['Transfer-Encoding: chunked', '']
--- response_body_like eval
['^$', '"RoomID":"chunked"']


=== TEST 9: a chunked body in a file
--- no_http2
--- config
    location = /callback {
        zego_callback zone=live;
        client_body_buffer_size 1k;
        add_header X-File $request_body_file always;
    }

    location /live/ {
        zego_status zone=live;
    }
--- request eval
["POST /callback\n" . main::chunks(main::long_body(20000, 'file'), 999),
 'GET /live/rooms']
--- more_headers eval
['Transfer-Encoding: chunked', '']
--- response_headers_like eval
['X-File: /.+', 'Content-Type: application/json']
--- response_body_like eval
['^$', '"RoomID":"file"']


=== TEST 10: HTTP/1.0
--- request eval
["POST /callback HTTP/1.0\n" . Zego::callback('room_create'),
 'GET /live/rooms HTTP/1.0']
--- response_headers eval
["Content-Length: 0", "! Transfer-Encoding"]
--- response_body_like eval
['^$', '"RoomID":"room1"']


=== TEST 11: HTTP/0.9, which has no POST
--- raw_request eval
"GET /callback\r\n"
--- http09
--- response_body chop
{"Reason":"method"}


=== TEST 12: HTTP/0.9 reads a list
--- raw_request eval
"GET /live/rooms\r\n"
--- http09
--- response_body_like: ^\{"Version":"[0-9a-f]{16}-0",.*"RoomList":\[\],"Next":null\}$


=== TEST 13: Expect: 100-continue
--- raw_request eval
my $body = Zego::callback('room_create');
["POST /callback HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
 . "Expect: 100-continue\r\nContent-Length: " . length($body) . "\r\n\r\n",
 $body]
--- raw_request_middle_delay: 0.1
--- http09
--- response_body_like eval
qr/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n.*X-Verdict: applied\r\n/s


=== TEST 14: a connection is kept after success and after an error
--- pipelined_requests eval
[Zego::post('room_create', room_id => undef), Zego::post('room_create'),
 "PUT /callback\n{}", "GET /callback\n{}", "POST /live/rooms\n{}",
 "POST /callback\n{", Zego::post('room_create'), 'GET /live/rooms']
--- error_code eval
[400, 200, 405, 405, 405, 400, 200, 200]
--- response_headers eval
['X-Verdict: rejected', 'X-Verdict: applied', 'X-Verdict: rejected',
 'X-Verdict: rejected', 'Allow: GET, HEAD', 'X-Verdict: rejected',
 'X-Verdict: duplicate', 'Content-Type: application/json']
--- response_body_like eval
['"Field":"room_id"', '^$', '"method"', '"method"', '"method"', '"syntax"',
 '^$', '"RoomID":"room1"']


=== TEST 15: no body at all
--- raw_request eval
Zego::pipeline("POST /callback", "POST /callback\n",
               Zego::post('room_create'))
--- http09
--- response_body_like eval
my $no = qr/HTTP\/1\.1 400 Bad Request\r\n(?:[^{]*)\{"Reason":"syntax"\}/;
qr/^$no${no}HTTP\/1\.1 200 OK\r\n/


=== TEST 16: a client that goes away in the middle of its body
--- no_http2
--- request eval
['POST /callback
{"event":"room_create","appid":1,"room_id":"room1"', 'GET /live/rooms']
--- more_headers eval
['Content-Length: 500', '']
--- shutdown: 1
--- error_code eval
['', 200]
--- response_body_like eval
['^$', '"RoomList":\[\]']


=== TEST 17: HTTP/2, a body in one frame
--- http_config eval: $::H2
--- raw_request eval
Zego::h2('/callback', [Zego::callback('room_create', room_id => 'h2')])
--- http09
--- access_log
HTTP/2.0 200 applied h2


=== TEST 18: HTTP/2, a body in many frames
--- http_config eval: $::H2
--- raw_request eval
Zego::h2('/callback', [unpack('(a777)*', main::long_body(30000, 'many')), ''])
--- http09
--- access_log
HTTP/2.0 200 applied many


=== TEST 19: HTTP/2, an error
--- http_config eval: $::H2
--- raw_request eval
Zego::h2('/callback', ['{', '"event":"room_create"', '}'])
--- http09
--- response_body_like: \{"Reason":"missing","Field":"appid"\}
--- access_log
HTTP/2.0 400 rejected -


=== TEST 20: error_page does not replace our answers
--- config
    error_page 400 403 405 503 /error;

    location = /callback {
        zego_callback zone=live;
        add_header X-Verdict $zego_verdict always;
    }

    location = /error {
        return 200 "replaced";
    }
--- request eval
["POST /callback\n{", 'GET /callback',
 Zego::post('room_create', nonce => '1')]
--- error_code eval
[400, 405, 403]
--- response_body eval
['{"Reason":"syntax"}', '{"Reason":"method"}', '{"Reason":"signature"}']


=== TEST 21: error_page brings a request here: a POST becomes a GET
--- no_http2
--- config
    location = /old {
        error_page 418 = /callback;
        return 418;
    }

    location = /callback {
        zego_callback zone=live;
    }

    location /live/ {
        zego_status zone=live;
    }
--- request eval
[Zego::post('room_create') =~ s{/callback}{/old}r, 'GET /live/rooms']
--- error_code eval
[405, 200]
--- response_headers eval
['Allow: POST', '! Allow']
--- response_body_like eval
['"method"', '"RoomList":\[\]']


=== TEST 22: a named location keeps the POST and its body
--- config
    location = /old {
        error_page 418 = @callback;
        return 418;
    }

    location @callback {
        zego_callback zone=live;
        add_header X-Verdict $zego_verdict always;
    }

    location /live/ {
        zego_status zone=live;
    }
--- request eval
[Zego::post('room_create') =~ s{/callback}{/old}r, 'GET /live/rooms']
--- response_headers eval
['X-Verdict: applied', '! X-Verdict']
--- response_body_like eval
['^$', '"RoomID":"room1"']


=== TEST 23: what a rewrite brings here is taken
--- config
    rewrite ^/old/(.*)$ /$1 last;

    location = /callback {
        zego_callback zone=live;
    }

    location /live/ {
        zego_status zone=live;
    }
--- request eval
[Zego::post('room_create') =~ s{/callback}{/old/callback}r,
 'GET /live/rooms']
--- response_body_like eval
['^$', '"RoomID":"room1"']


=== TEST 24: what try_files brings here is taken once
--- config
    location = /old {
        try_files /none /callback;
    }

    location = /callback {
        zego_callback zone=live;
        add_header X-Verdict $zego_verdict always;
    }

    location /live/ {
        zego_status zone=live;
    }
--- request eval
[Zego::post('room_create') =~ s{/callback}{/old}r, 'GET /live/metrics']
--- response_headers eval
['X-Verdict: applied', '! X-Verdict']
--- response_body_like eval
['^$', 'event="room_create",verdict="applied"} 1\n'
       . '.*event="room_create",verdict="duplicate"} 0\n']


=== TEST 25: callbacks are taken before try_files looks for another place
--- config
    location = /callback {
        zego_callback zone=live;
        try_files /index.html =404;
        add_header X-Verdict $zego_verdict always;
    }

    location /live/ {
        zego_status zone=live;
    }
--- request eval
[Zego::post('room_create'), 'GET /callback', 'GET /live/metrics']
--- error_code eval
[200, 405, 200]
--- response_headers eval
['X-Verdict: applied', 'X-Verdict: rejected', '! X-Verdict']
--- response_body_like eval
['^$', '"method"', 'event="room_create",verdict="applied"} 1\n'
                   . '.*event="room_create",verdict="duplicate"} 0\n']


=== TEST 26: "return" in the location answers before a callback is looked at
--- no_http2
--- config
    location = /callback {
        zego_callback zone=live;
        return 200 "returned";
        add_header X-Verdict $zego_verdict always;
    }

    location /live/ {
        zego_status zone=live;
    }
--- request eval
[Zego::post('room_create'), 'GET /live/rooms']
--- response_headers eval
['! X-Verdict', '! X-Verdict']
--- response_body_like eval
['^returned$', '"RoomList":\[\]']


=== TEST 27: a subrequest is no callback: auth_request
--- config
    location = /page {
        auth_request /callback;
        add_header X-Verdict $zego_verdict always;
    }

    location = /callback {
        zego_callback zone=live;
    }

    location /live/ {
        zego_status zone=live;
    }
--- user_files
>>> page
the page
>>> callback
--- request eval
['GET /page', 'GET /live/metrics']
--- response_headers eval
['! X-Verdict', '! X-Verdict']
--- response_body_unlike eval
['Reason', 'verdict="(?:applied|rejected)"} [1-9]']


=== TEST 28: a subrequest is no callback: mirror
--- config
    location = /main {
        mirror /callback;
        proxy_pass http://127.0.0.1:$server_port/ok;
    }

    location = /ok {
        return 200 "ok\n";
    }

    location = /callback {
        zego_callback zone=live;
    }

    location /live/ {
        zego_status zone=live;
    }
--- request eval
[Zego::post('room_create') =~ s{/callback}{/main}r, 'GET /live/rooms']
--- response_body_like eval
['^ok\n$', '"RoomList":\[\]']


=== TEST 29: the location is left to others by "if" and by nesting
--- no_http2
--- config
    location /callback {
        zego_callback zone=live;
        add_header X-Verdict $zego_verdict always;

        if ($arg_a) {
            add_header X-If "$zego_verdict" always;
        }

        location /callback/not {
            return 200 "$request_method";
        }
    }
--- request eval
[Zego::post('room_create'),
 Zego::post('room_create') =~ s{/callback}{/callback?a=1}r,
 Zego::post('room_create') =~ s{/callback}{/callback/too}r,
 Zego::post('room_create') =~ s{/callback}{/callback/not}r]
--- response_headers eval
["X-Verdict: applied\n! X-If", "! X-Verdict\nX-If: duplicate",
 "X-Verdict: duplicate\n! X-If", "! X-Verdict\n! X-If"]
--- response_body eval
['', '', '', 'POST']


=== TEST 30: callbacks come after access control
--- no_http2
--- config
    location = /callback {
        zego_callback zone=live;
        add_header X-Verdict $zego_verdict always;
        deny all;
    }

    location /live/ {
        zego_status zone=live;
    }
--- request eval
[Zego::post('room_create'), 'GET /live/rooms']
--- error_code eval
[403, 200]
--- response_headers eval
['! X-Verdict', '! X-Verdict']
--- response_body_like eval
['403 Forbidden', '"RoomList":\[\]']


=== TEST 31: "limit_except" lets a POST through
--- no_http2
--- config
    location = /callback {
        zego_callback zone=live;
        limit_except POST {
            deny all;
        }
    }
--- request eval
[Zego::post('room_create'), 'GET /callback', "PUT /callback\n{}"]
--- error_code eval
[200, 403, 403]
--- response_body_like eval
['^$', '403 Forbidden', '403 Forbidden']


=== TEST 32: a proxy's location takes callbacks and does not pass them on
--- config
    location = /callback {
        zego_callback zone=live;
        add_header X-Verdict $zego_verdict always;
        proxy_pass http://127.0.0.1:$server_port/other;
    }

    location = /other {
        return 200 "passed on";
    }
--- request eval
[Zego::post('room_create'), "POST /callback\n{\"event\":\"none\"}"]
--- response_headers eval
['X-Verdict: applied', 'X-Verdict: ignored']
--- response_body eval
['', '']


=== TEST 33: arguments do not matter
--- request eval
Zego::post('room_create') =~ s{/callback}{/callback?event=none&appid=7}r
--- response_headers
X-Verdict: applied
--- response_body:


=== TEST 34: a large body is read to its end
--- request eval
["POST /callback\n" . main::long_body(3_000_000, 'huge'), 'GET /live/rooms']
--- response_body_like eval
['^$', '"RoomID":"huge"']


=== TEST 35: a bad body is read to its end too
--- pipelined_requests eval
["POST /callback\n{]" . 'm' x 300_000, Zego::post('room_create')]
--- error_code eval
[400, 200]
--- response_body eval
['{"Reason":"syntax"}', '']


=== TEST 36: a subrequest that is no callback is logged
--- config
    location = /page {
        auth_request /callback;
    }

    location = /callback {
        zego_callback zone=live;
    }
--- user_files
>>> page
the page
>>> callback
--- request
GET /page
--- response_body
the page
--- error_log
zego callback in a subrequest was not taken


=== TEST 37: a part of a body, of one that was too large elsewhere
--- config
    location = /callback {
        client_max_body_size 300;
        zego_callback zone=live;
        error_page 413 = @again;
    }

    location @again {
        zego_callback zone=live;
    }

    location /live/ {
        zego_status zone=live;
    }
--- no_http2
--- request eval
["POST /callback\n"
 . main::chunks("event=room_create&appid=1&timestamp=1&nonce=2&room_id=cut&"
                . "room_session_id=1&room_create_time=1700000000000&id_name="
                . 'x' x 300, 250), 'GET /live/rooms']
--- more_headers eval
['Transfer-Encoding: chunked', '']
--- error_code eval
[500, 200]
--- response_body_like eval
['500 Internal', '"RoomList":\[\]']

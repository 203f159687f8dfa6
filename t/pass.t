# "pass": a callback is applied once, and what else the location has is done
# with the whole of it.  What no_http2 is for t/request.t tells.

use lib 't/lib';
use Test::Nginx::Socket;
use Zego;

plan tests => repeat_each() * 394;

add_block_preprocessor(sub {
    my ($block) = @_;
    my $conf = $block->config;

    # what the backend got comes back in headers
    $conf .= <<'CONF';
        proxy_buffer_size 32k;
        proxy_buffers 8 32k;
        proxy_busy_buffers_size 64k;

        location = /backend {
            client_body_buffer_size 64k;
            proxy_pass http://127.0.0.1:$server_port/sink;
            add_header X-Method $request_method always;
            add_header X-Got $request_body always;
            add_header X-Heard "$http_x_verdict $http_x_event" always;
        }

        location = /sink {
            return 200 "backend";
        }

        location /live/ {
            zego_status zone=live;
        }
CONF

    # what is proxied goes to a server of the same locations, for without ALPN
    # an address cannot speak HTTP/2 and HTTP/1 both
    $conf =~ s/127\.0\.0\.1:\$server_port/\$same/g;
    $conf .= "        set \$same 127.0.0.2:\$TEST_NGINX_SERVER_PORT;\n";
    $block->set_value(config => $conf);
    $block->set_value(http_config => ($block->http_config // $Zego::zones)
                                     . <<"CONF");
    server {
        listen 127.0.0.2:\$TEST_NGINX_SERVER_PORT;
$conf
    }
CONF
});

sub chunks {
    my ($body, $size) = @_;
    return join '', map { sprintf "%x\r\n%s\r\n", length, $_ }
                    unpack("(a$size)*", $body), '';
}

# that it was counted so often, and with no other verdict
sub counted {
    my ($event, %number) = @_;
    return join '', '(?s)', map {
        my $n = $number{$_} || 0;
        qr/.*event="$event",verdict="$_"\} $n\n/;
    } qw(ignored rejected deferred applied recorded duplicate stale);
}

our $body = Zego::callback('room_create');
our $long = Zego::callback('room_create', more => 'm' x 9000);
our $split = Zego::callback('room_create', room_id => "caf\xc3\xa9",
                           more => 'm' x 8000);
our $once = counted('room_create', applied => 1);

our $H2 = <<'CONF';
    zego_zone zone=live:1m;
    zego_app 1 secret=secret;

    log_format h2 "$server_protocol $status $zego_verdict";
    log_format got escape=none "got $request_body";

    # of all on this port those with an address come first
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT http2;
        access_log logs/access.log h2;
        keepalive_requests 1;

        location = /callback {
            zego_callback zone=live pass;
            client_body_buffer_size 1k;
            proxy_pass http://127.0.0.3:$TEST_NGINX_SERVER_PORT/backend;
        }
    }

    server {
        listen 127.0.0.3:$TEST_NGINX_SERVER_PORT;
        access_log logs/access.log got;

        location = /backend {
            client_body_buffer_size 64k;
            proxy_pass http://127.0.0.3:$TEST_NGINX_SERVER_PORT/sink;
        }

        location = /sink {
            return 200 "backend";
        }
    }
CONF

run_tests();

__DATA__

=== TEST 1: to a proxied server
--- config
    location = /callback {
        zego_callback zone=live pass;
        proxy_pass http://127.0.0.1:$server_port/backend;
        proxy_set_header X-Verdict $zego_verdict;
        proxy_set_header X-Event $zego_event;
    }
--- request eval
["POST /callback\n$main::body", 'GET /live/metrics']
--- response_headers eval
["X-Method: POST\r\nX-Got: $main::body\r\nX-Heard: applied room_create", '']
--- response_body_like eval
['^backend$', $main::once]


=== TEST 2: what was known goes on too
--- config
    location = /callback {
        zego_callback zone=live pass;
        proxy_pass http://127.0.0.1:$server_port/backend;
        proxy_set_header X-Verdict $zego_verdict;
        proxy_set_header X-Event $zego_event;
    }
--- request eval
["POST /callback\n$main::body", "POST /callback\n$main::body",
 'GET /live/metrics']
--- response_headers eval
['X-Heard: applied room_create', 'X-Heard: duplicate room_create', '']
--- response_body_like eval
['^backend$', '^backend$',
 main::counted('room_create', applied => 1, duplicate => 1)]


=== TEST 3: what is ignored goes on
--- config
    location = /callback {
        zego_callback zone=live pass;
        proxy_pass http://127.0.0.1:$server_port/backend;
        proxy_set_header X-Verdict $zego_verdict;
        proxy_set_header X-Event $zego_event;
    }
--- request eval
[map { "POST /callback\n$_" } '{"event":"record"}', '{"Event":"x"}',
                              '{"event_type":1}', 'a=b']
--- response_headers eval
[map { "X-Got: $_\r\nX-Heard: ignored other" }
     '{"event":"record"}', '{"Event":"x"}', '{"event_type":1}', 'a=b']
--- response_body_like eval
[('^backend$') x 4]


=== TEST 4: what is rejected does not
--- config
    location = /callback {
        zego_callback zone=live pass;
        proxy_pass http://127.0.0.1:$server_port/backend;
    }
--- request eval
[Zego::post('room_create', signature => 'wrong'), "POST /callback\n{",
 'POST /callback', 'GET /live/rooms']
--- error_code eval
[403, 400, 400, 200]
--- response_headers eval
['! X-Method', '! X-Method', '! X-Method', '! X-Method']
--- response_body_like eval
['"signature"', '"Reason"', '"Reason"', '"RoomList":\[\]']


=== TEST 5: what finds no room does not
--- http_config
    zego_zone zone=live:64k;
    zego_app 1 secret=secret;
--- config
    location = /callback {
        zego_callback zone=live pass;
        proxy_pass http://127.0.0.1:$server_port/sink;
        proxy_set_header X-Verdict $zego_verdict;
    }
--- raw_request eval
Zego::pipeline(map { Zego::post('room_create', room_id => "room$_" . 'x' x 100,
                                room_session_id => \$_) } 1 .. 200)
--- http09
--- response_body_like: ^(?:HTTP/1\.1 200 OK\r\n[^{}]*backend)+(?:HTTP/1\.1 503 [^{}]*\{"Reason":"memory"\})+$
--- error_log
[crit]
zego zone "live" is full
--- no_error_log
[alert]


=== TEST 6: other methods go on, and are no callbacks
--- config
    location = /callback {
        zego_callback zone=live pass;
        proxy_pass http://127.0.0.1:$server_port/backend;
        add_header X-Verdict "<$zego_verdict>" always;
    }
--- request eval
['GET /callback', "PUT /callback\n$main::body", 'HEAD /callback',
 'GET /live/metrics']
--- response_headers eval
["X-Method: GET\r\nX-Verdict: <>", "X-Method: PUT\r\nX-Verdict: <>",
 "X-Method: HEAD\r\nX-Verdict: <>", '']
--- response_body_like eval
['^backend$', '^backend$', '^$', main::counted('room_create')]


=== TEST 7: a body in a file
--- config
    location = /callback {
        zego_callback zone=live pass;
        client_body_buffer_size 1k;
        proxy_pass http://127.0.0.1:$server_port/backend;
        add_header X-File $request_body_file always;
    }
--- request eval
["POST /callback\n$main::long", 'GET /live/metrics']
--- response_headers eval
["X-Method: POST\r\nX-Got: $main::long", '']
--- response_headers_like eval
['X-File: .+', '']
--- response_body_like eval
['^backend$', $main::once]


=== TEST 8: a body that comes in chunks, and is not to be buffered
--- no_http2
--- config
    location = /callback {
        zego_callback zone=live pass;
        client_body_buffer_size 1k;
        proxy_request_buffering off;
        proxy_http_version 1.1;
        proxy_pass http://127.0.0.1:$server_port/backend;
    }
--- request eval
my ($first, $rest) = unpack 'a1000a*', main::chunks($main::long, 999);
[["POST /callback\n$first", { value => $rest, delay_before => 0.1 }],
 'GET /live/metrics']
--- more_headers eval
['Transfer-Encoding: chunked', '']
--- response_headers eval
["X-Method: POST\r\nX-Got: $main::long", '']
--- response_body_like eval
['^backend$', $main::once]


=== TEST 9: HTTP/1.0
--- config
    location = /callback {
        zego_callback zone=live pass;
        proxy_pass http://127.0.0.1:$server_port/backend;
    }
--- request eval
["POST /callback HTTP/1.0\n$main::body", 'GET /live/metrics']
--- response_headers eval
["X-Method: POST\r\nX-Got: $main::body", '']
--- response_body_like eval
['^backend$', $main::once]


=== TEST 10: try_files, and a named location
--- config
    location = /callback {
        zego_callback zone=live pass;
        try_files /there_is_none @backend;
    }

    location @backend {
        zego_callback zone=live pass;
        proxy_pass http://127.0.0.1:$server_port/backend;
        proxy_set_header X-Verdict $zego_verdict;
        proxy_set_header X-Event $zego_event;
    }
--- request eval
["POST /callback\n$main::body", 'GET /live/metrics']
--- response_headers eval
["X-Method: POST\r\nX-Got: $main::body\r\nX-Heard: applied room_create", '']
--- response_body_like eval
['^backend$', $main::once]


=== TEST 11: the backend is down, and another one is tried
--- config
    location = /callback {
        zego_callback zone=live pass;
        proxy_pass http://127.0.0.1:1;
        error_page 502 = @backend;
    }

    location @backend {
        zego_callback zone=live pass;
        proxy_pass http://127.0.0.1:$server_port/backend;
        proxy_set_header X-Verdict $zego_verdict;
        proxy_set_header X-Event $zego_event;
    }
--- request eval
["POST /callback\n$main::body", 'GET /live/metrics']
--- response_headers eval
["X-Method: POST\r\nX-Got: $main::body\r\nX-Heard: applied room_create", '']
--- response_body_like eval
['^backend$', $main::once]


=== TEST 12: the backend is down: the vendor is to send it again
--- config
    location = /callback {
        zego_callback zone=live pass;
        proxy_pass http://127.0.0.1:1;
    }
--- request eval
["POST /callback\n$main::body", "POST /callback\n$main::body",
 'GET /live/metrics']
--- error_code eval
[502, 502, 200]
--- response_body_like eval
['502', '502', main::counted('room_create', applied => 1, duplicate => 1)]


=== TEST 13: the backend is down, and it is answered here after all
--- config
    location = /callback {
        zego_callback zone=live pass;
        proxy_pass http://127.0.0.1:1;
        error_page 502 = /taken;
    }

    location = /taken {
        zego_callback zone=live;
        add_header X-Verdict $zego_verdict always;
    }
--- request eval
["POST /callback\n$main::body", 'GET /live/metrics']
--- response_headers eval
['X-Verdict: applied', '']
--- response_body_like eval
['^$', $main::once]


=== TEST 14: what is rejected is answered here, and not sent round
--- config
    location = /callback {
        zego_callback zone=live pass;
        proxy_pass http://127.0.0.1:$server_port/backend;
        error_page 403 = @again;
    }

    location @again {
        zego_callback zone=live pass;
        proxy_pass http://127.0.0.1:$server_port/backend;
        add_header X-Reason $zego_reason always;
    }
--- request eval
[Zego::post('room_create', signature => 'wrong'), 'GET /live/metrics']
--- error_code eval
[403, 200]
--- response_headers eval
["! X-Reason\r\n! X-Method", '']
--- response_body_like eval
['"signature"', main::counted('room_create', rejected => 1)]


=== TEST 15: X-Accel-Redirect
--- config
    location = /callback {
        zego_callback zone=live pass;
        proxy_pass http://127.0.0.1:$server_port/elsewhere;
    }

    location = /elsewhere {
        add_header X-Accel-Redirect /callback_again;
        return 200;
    }

    location = /callback_again {
        internal;
        zego_callback zone=live pass;
        proxy_pass http://127.0.0.1:$server_port/backend;
        proxy_set_header X-Verdict $zego_verdict;
    }
--- request eval
["POST /callback\n$main::body", 'GET /live/metrics']
--- response_headers eval
['X-Heard: applied ', '']
--- response_body_like eval
['^backend$', $main::once]


=== TEST 16: a body of which only a part was read elsewhere
--- no_http2
--- config
    location = /unbuffered {
        proxy_pass http://127.0.0.1:1;
        proxy_request_buffering off;
        error_page 502 = @callback;
    }

    location @callback {
        zego_callback zone=live;
    }
--- request eval
[["POST /unbuffered\n" . substr($main::long, 0, 1000),
  { value => substr($main::long, 1000), delay_before => 0.2 }],
 'GET /live/metrics']
--- error_code eval
[500, 200]
--- response_body_like eval
['500', main::counted('room_create')]


=== TEST 17: auth_request, satisfy, limit_req and mirror beside it
--- http_config
    zego_zone zone=live:1m;
    zego_app 1 secret=secret;
    limit_req_zone $server_port zone=all:1m rate=100r/s;
--- config
    location = /callback {
        zego_callback zone=live pass;
        satisfy any;
        deny all;
        auth_request /auth;
        limit_req zone=all burst=10;
        mirror /mirror;
        proxy_pass http://127.0.0.1:$server_port/backend;
    }

    location = /auth {
        internal;
        proxy_pass http://127.0.0.1:$server_port/sink;
        proxy_pass_request_body off;
        proxy_set_header Content-Length "";
    }

    location = /mirror {
        internal;
        proxy_pass http://127.0.0.1:$server_port/sink;
    }
--- request eval
["POST /callback\n$main::body", 'GET /live/metrics']
--- response_headers eval
["X-Method: POST\r\nX-Got: $main::body", '']
--- response_body_like eval
['^backend$', $main::once]


=== TEST 18: "return" in the location answers before
--- no_http2
--- config
    location = /callback {
        zego_callback zone=live pass;
        proxy_pass http://127.0.0.1:$server_port/backend;
        return 200 "returned";
    }
--- request eval
["POST /callback\n$main::body", 'GET /live/metrics']
--- response_body_like eval
['^returned$', main::counted('room_create')]


=== TEST 19: an "if" block stands for its location
--- config
    location = /callback {
        zego_callback zone=live pass;

        if ($request_method = POST) {
            proxy_pass http://127.0.0.1:$server_port;
        }

        rewrite ^ /backend break;
    }
--- request eval
["POST /callback\n$main::body", 'GET /live/metrics']
--- response_body_like eval
['^backend$', $main::once]


=== TEST 20: FastCGI and uwsgi, which are down
--- config
    location = /callback {
        zego_callback zone=live pass;
        fastcgi_pass 127.0.0.1:1;
    }

    location = /uwsgi {
        zego_callback zone=live pass;
        uwsgi_pass 127.0.0.1:1;
    }
--- request eval
["POST /callback\n$main::body", "POST /uwsgi\n$main::body",
 'GET /live/metrics']
--- error_code eval
[502, 502, 200]
--- response_body_like eval
['502', '502', main::counted('room_create', applied => 1, duplicate => 1)]


=== TEST 21: to a file, which is not for a POST
--- config
    location = /callback {
        zego_callback zone=live pass;
    }
--- user_files
>>> callback
the file
--- request eval
["POST /callback\n$main::body", 'GET /live/metrics']
--- error_code eval
[405, 200]
--- response_body_like eval
['405', $main::once]


=== TEST 22: of changes: what the backend has is answered here
--- config
    location = /callback {
        zego_callback zone=live pass=changes;
        proxy_pass http://127.0.0.1:$server_port/backend;
        proxy_set_header X-Verdict $zego_verdict;
        proxy_set_header X-Event $zego_event;
    }
--- request eval
[("POST /callback\n$main::body") x 2, Zego::post('stream_create'),
 Zego::post('stream_create', stream_seq => 3), Zego::post('stream_close'),
 Zego::post('stream_close', stream_seq => 4), Zego::post('stream_create'),
 'GET /live/metrics']
--- response_headers eval
['X-Heard: applied room_create', '! X-Heard', 'X-Heard: applied stream_create',
 'X-Heard: applied stream_create', '! X-Heard',
 'X-Heard: applied stream_close', '! X-Heard', '']
--- response_body_like eval
['^backend$', '^$', '^backend$', '^backend$', '^$', '^backend$', '^$',
 'result="acknowledged"\} 4\n.*result="failed"\} 0\n.*result="known"\} 3\n'
 . '.*zego_deliveries_held_total\{zone="live"\} 0\n'
 . '.*zego_delivery_entries\{zone="live"\} 2\n']


=== TEST 23: of changes: what is ignored goes on
--- config
    location = /callback {
        zego_callback zone=live pass=changes;
        proxy_pass http://127.0.0.1:$server_port/backend;
    }
--- request eval
[(qq[POST /callback\n{"event":"record"}]) x 2, 'GET /callback']
--- response_body_like eval
[('^backend$') x 3]


=== TEST 24: of changes: what the backend did not take it is told again
--- config
    location = /callback {
        zego_callback zone=live pass=changes;
        proxy_pass http://127.0.0.1:1;
        error_page 502 = /taken;
    }

    location = /taken {
        zego_callback zone=live;
    }
--- request eval
[("POST /callback\n$main::body") x 2, 'GET /live/metrics']
--- response_body_like eval
['^$', '^$', 'result="acknowledged"\} 0\n.*result="failed"\} 2\n']


=== TEST 25: of changes: an older life of the room
--- config
    location = /callback {
        zego_callback zone=live pass=changes;
        proxy_pass http://127.0.0.1:$server_port/backend;
        proxy_set_header X-Event $zego_event;
    }
--- request eval
[Zego::post('room_create', room_session_id => 7,
            room_create_time => 1687981290000),
 Zego::post('room_create'), Zego::post('room_close'),
 Zego::post('stream_create'), Zego::post('stream_close'),
 Zego::post('stream_close', stream_id => 'b')]
--- response_headers eval
['X-Heard: room_create', ('! X-Heard') x 3, ('X-Heard: stream_close') x 2]
--- response_body_like eval
['^backend$', ('^$') x 3, ('^backend$') x 2]


=== TEST 26: a body in two buffers, which comes in three parts
--- config
    location = /callback {
        zego_callback zone=live pass;
        proxy_pass http://127.0.0.1:$server_port/backend;
        proxy_set_header X-Verdict $zego_verdict;
    }
--- request eval
my ($first, $more, $last) = $main::split =~ /(.{30})(.*\xc3)(.*)/s;
[["POST /callback\n$first", { value => $more, delay_before => 0.1 },
  { value => $last, delay_before => 0.1 }], 'GET /live/metrics']
--- response_headers eval
["X-Method: POST\r\nX-Got: $main::split\r\nX-Heard: applied", '']
--- response_body_like eval
['^backend$', $main::once]


=== TEST 27: Expect: 100-continue
--- config
    location = /callback {
        zego_callback zone=live pass;
        proxy_pass http://127.0.0.1:$server_port/backend;
        proxy_set_header X-Verdict $zego_verdict;
    }
--- raw_request eval
["POST /callback HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
 . "Expect: 100-continue\r\nContent-Length: " . length($main::body)
 . "\r\n\r\n", $main::body]
--- raw_request_middle_delay: 0.1
--- http09
--- response_body_like eval
my $ok = qr/HTTP\/1\.1 200 OK\r\n.*X-Got: \Q$main::body\E\r\n/s;
qr/^HTTP\/1\.1 100 Continue\r\n\r\n${ok}X-Heard: applied\r\n\r\nbackend$/


=== TEST 28: HTTP/0.9, which has no POST
--- config
    location = /callback {
        zego_callback zone=live pass;
        proxy_pass http://127.0.0.1:$server_port/backend;
    }
--- raw_request eval
"GET /callback\r\n"
--- http09
--- response_body chop
backend


=== TEST 29: HTTP/2, a body in one frame
--- http_config eval: $::H2
--- config
--- raw_request eval
Zego::h2('/callback', [$main::body])
--- http09
--- response_body_like: backend
--- access_log eval
["got $main::body\n", "HTTP/2.0 200 applied\n"]


=== TEST 30: HTTP/2, a body in many frames, which needs a file
--- http_config eval: $::H2
--- config
--- raw_request eval
Zego::h2('/callback', [unpack('(a777)*', $main::long), ''])
--- http09
--- response_body_like: backend
--- access_log eval
["got $main::long\n", "HTTP/2.0 200 applied\n"]


=== TEST 31: HTTP/2, two side by side
--- http_config eval: $::H2 =~ s/(?<=keepalive_requests )1/2/r
--- config
--- raw_request eval
Zego::h2('/callback', [unpack('(a700)*', $main::long)],
         [unpack('(a200)*', Zego::callback('stream_create'))])
--- http09
--- response_body_like: backend.*backend
--- access_log eval
["got $main::long\n", 'got ' . Zego::callback('stream_create') . "\n",
 "HTTP/2.0 200 applied\n"]
--- no_access_log
duplicate


=== TEST 32: a client that goes away in the middle of its body
--- no_http2
--- config
    location = /callback {
        zego_callback zone=live pass;
        proxy_pass http://127.0.0.1:$server_port/backend;
    }
--- request eval
["POST /callback\n$main::body", 'GET /live/metrics']
--- more_headers eval
['Content-Length: ' . (1 + length $main::body), '']
--- shutdown: 1
--- error_code eval
['', 200]
--- response_body_like eval
['^$', main::counted('room_create')]


=== TEST 33: error_page brings a request here: a POST becomes a GET
--- config
    location = /old {
        error_page 418 = /callback;
        return 418;
    }

    location = /callback {
        zego_callback zone=live pass;
        proxy_pass http://127.0.0.1:$server_port/backend;
        proxy_set_header X-Verdict "<$zego_verdict>";
    }
--- request eval
["POST /old\n$main::body", 'GET /live/metrics']
--- response_headers eval
["X-Method: GET\r\nX-Heard: <>", '']
--- response_body_like eval
['^backend$', main::counted('room_create')]


=== TEST 34: the backend is down: the POST becomes a GET, of another zone
--- http_config
    zego_zone zone=live:1m;
    zego_zone zone=other:1m;
    zego_app 1 secret=secret;
--- config
    location = /callback {
        zego_callback zone=live pass;
        proxy_pass http://127.0.0.1:1;
        error_page 502 = /again;
    }

    location = /again {
        zego_callback zone=other pass;
        proxy_pass http://127.0.0.1:$server_port/backend;
        proxy_set_header X-Verdict $zego_verdict;
        proxy_set_header X-Event $zego_event;
    }

    location /other/ {
        zego_status zone=other;
    }
--- request eval
["POST /callback\n$main::body", 'GET /live/metrics', 'GET /other/metrics']
--- response_headers eval
["X-Method: GET\r\nX-Heard: applied room_create", '', '']
--- response_body_like eval
['^backend$', $main::once, main::counted('room_create')]


=== TEST 35: try_files, and another location
--- config
    location = /callback {
        zego_callback zone=live pass;
        try_files /there_is_none /again;
    }

    location = /again {
        zego_callback zone=live pass;
        proxy_pass http://127.0.0.1:$server_port/backend;
        proxy_set_header X-Verdict $zego_verdict;
        proxy_set_header X-Event $zego_event;
    }
--- request eval
["POST /callback\n$main::body", 'GET /live/metrics']
--- response_headers eval
["X-Method: POST\r\nX-Got: $main::body\r\nX-Heard: applied room_create", '']
--- response_body_like eval
['^backend$', $main::once]


=== TEST 36: a body in a file: one backend fails, another one gets it too
--- config
    location = /callback {
        zego_callback zone=live pass;
        client_body_buffer_size 1k;
        proxy_pass http://127.0.0.1:$server_port/fails;
        proxy_intercept_errors on;
        error_page 500 = @backend;
    }

    location @backend {
        zego_callback zone=live pass;
        proxy_pass http://127.0.0.1:$server_port/backend;
        proxy_set_header X-Verdict $zego_verdict;
        add_header X-File $request_body_file always;
    }

    location = /fails {
        proxy_pass http://127.0.0.1:$server_port/error;
    }

    location = /error {
        return 500;
    }
--- request eval
["POST /callback\n$main::long", 'GET /live/metrics']
--- response_headers eval
["X-Method: POST\r\nX-Got: $main::long\r\nX-Heard: applied", '']
--- raw_response_headers_like eval
['(?i)X-File: /.+', '']
--- response_body_like eval
['^backend$', $main::once]


=== TEST 37: X-Accel-Redirect to a named location, which gets all of it
--- config
    location = /callback {
        zego_callback zone=live pass;
        client_body_buffer_size 1k;
        proxy_pass http://127.0.0.1:$server_port/elsewhere;
    }

    location = /elsewhere {
        add_header X-Accel-Redirect @again;
        return 200;
    }

    location @again {
        zego_callback zone=live pass;
        proxy_pass http://127.0.0.1:$server_port/backend;
        proxy_set_header X-Verdict $zego_verdict;
    }
--- request eval
["POST /callback\n$main::long", 'GET /live/metrics']
--- response_headers eval
["X-Method: POST\r\nX-Got: $main::long\r\nX-Heard: applied", '']
--- response_body_like eval
['^backend$', $main::once]


=== TEST 38: subrequests are no callbacks: auth_request and mirror
--- config
    location = /callback {
        zego_callback zone=live pass;
        auth_request /auth;
        mirror /mirror;
        proxy_pass http://127.0.0.1:$server_port/backend;
        proxy_set_header X-Verdict $zego_verdict;
    }

    location = /other {
        mirror /mirror;
        proxy_pass http://127.0.0.1:$server_port/backend;
    }

    location = /auth {
        internal;
        zego_callback zone=live pass;
        proxy_pass http://127.0.0.1:$server_port/sink;
        proxy_pass_request_body off;
        proxy_set_header Content-Length "";
    }

    location = /mirror {
        internal;
        zego_callback zone=live pass;
        proxy_pass http://127.0.0.1:$server_port/sink;
    }
--- request eval
["POST /callback\n$main::body", "POST /other\n$main::body",
 'GET /live/metrics']
--- response_headers eval
["X-Method: POST\r\nX-Got: $main::body\r\nX-Heard: applied",
 "X-Method: POST\r\nX-Got: $main::body", '']
--- response_body_like eval
['^backend$', '^backend$', $main::once]


=== TEST 39: what access and limits refuse is not taken
--- no_http2
--- http_config
    zego_zone zone=live:1m;
    zego_app 1 secret=secret;
    limit_req_zone $server_port zone=all:1m rate=1r/m;
--- config
    proxy_set_header X-Verdict $zego_verdict;

    location = /denied {
        zego_callback zone=live pass;
        deny all;
        proxy_pass http://127.0.0.1:$server_port/backend;
    }

    location = /asked {
        zego_callback zone=live pass;
        auth_request /auth;
        proxy_pass http://127.0.0.1:$server_port/backend;
    }

    location = /auth {
        internal;
        return 401;
    }

    location = /limited {
        zego_callback zone=live pass;
        limit_req zone=all;
        proxy_pass http://127.0.0.1:$server_port/backend;
    }
--- request eval
[(map { "POST /$_\n$main::body" } qw(denied asked limited limited)),
 'GET /live/metrics']
--- error_code eval
[403, 401, 200, 503, 200]
--- response_headers eval
['! X-Heard', '! X-Heard', 'X-Heard: applied', '! X-Heard', '']
--- response_body_like eval
['403', '401', '^backend$', '503', $main::once]


=== TEST 40: what auth_request refuses is taken where error_page brings it
--- config
    location = /callback {
        zego_callback zone=live pass;
        auth_request /auth;
        error_page 401 = @backend;
        proxy_pass http://127.0.0.1:1;
    }

    location = /auth {
        internal;
        return 401;
    }

    location @backend {
        zego_callback zone=live pass;
        proxy_pass http://127.0.0.1:$server_port/backend;
        proxy_set_header X-Verdict $zego_verdict;
    }
--- request eval
["POST /callback\n$main::body", 'GET /live/metrics']
--- response_headers eval
["X-Method: POST\r\nX-Got: $main::body\r\nX-Heard: applied", '']
--- response_body_like eval
['^backend$', $main::once]

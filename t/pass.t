# "pass": a callback is applied once, and what else the location has is done
# with the whole of it.

use lib 't/lib';
use Test::Nginx::Socket;
use Zego;

plan tests => repeat_each() * 266;

add_block_preprocessor(sub {
    my ($block) = @_;
    my $conf = $block->config;

    # what the backend got comes back in headers
    $block->set_value(config => $conf . <<'CONF');
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
our $once = counted('room_create', applied => 1);

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

# What log_format, map and add_header can say about a callback.

use lib 't/lib';
use Test::Nginx::Socket;
use Zego;

plan tests => repeat_each() * 124;

add_block_preprocessor(sub {
    my ($block) = @_;

    if (!defined $block->http_config) {
        $block->set_value(http_config => <<'CONF');
    zego_zone zone=live:1m;
    zego_app 1 secret=secret;
    log_format zego "$zego_event|$zego_verdict|$zego_reason|$zego_appid|$zego_room_id|$zego_room_session_id|$zego_stream_id|$zego_user_id";
CONF
    }

    if (!defined $block->config) {
        $block->set_value(config => <<'CONF');
    access_log logs/access.log zego;

    location = /callback {
        zego_callback zone=live;
    }

    location /live/ {
        zego_status zone=live;
    }
CONF
    }
});

run_tests();

__DATA__

=== TEST 1: a stream
--- request eval
Zego::post('stream_create', room_session_id => '18446744073709551615')
--- access_log
stream_create|applied|-|1|room1|18446744073709551615|stream1|user1


=== TEST 2: a room
--- request eval
Zego::post('room_create', room_session_id => \'858012925204410400')
--- access_log
room_create|applied|-|1|room1|858012925204410400|-|user1


=== TEST 3: a user
--- request eval
Zego::post('room_login')
--- access_log
room_login|applied|-|1|room1|1234567|-|user1


=== TEST 4: the end of a stream
--- request eval
Zego::post('stream_close')
--- access_log
stream_close|recorded|-|1|room1|1234567|stream1|user1


=== TEST 5: a logout, and the end of a room
--- request eval
[Zego::post('room_logout'), Zego::post('room_close'),
 Zego::post('room_close')]
--- config
    location = /callback {
        zego_callback zone=live;
        add_header X-Zego "$zego_event $zego_verdict <$zego_user_id>" always;
    }
--- response_headers eval
['X-Zego: room_logout recorded <user1>',
 'X-Zego: room_close recorded <>',
 'X-Zego: room_close duplicate <>']
--- response_body eval
['', '', '']


=== TEST 6: an event that is ignored
--- request
POST /callback
{"event":"record_finish","appid":1,"room_id":"room1"}
--- access_log
other|ignored|-|-|-|-|-|-


=== TEST 7: a missing field
--- request eval
Zego::post('stream_create', stream_id => undef)
--- error_code: 400
--- access_log
stream_create|rejected|missing stream_id|1|room1|1234567|-|user1


=== TEST 8: an impossible field
--- request eval
Zego::post('stream_create', stream_seq => 'one')
--- error_code: 400
--- access_log
stream_create|rejected|invalid stream_seq|1|room1|1234567|stream1|user1


=== TEST 9: what is no callback
--- request
POST /callback
{]
--- error_code: 400
--- access_log
other|rejected|syntax|-|-|-|-|-


=== TEST 10: another method
--- request
GET /callback
--- error_code: 405
--- access_log
other|rejected|method|-|-|-|-|-


=== TEST 11: a bad signature
--- request eval
Zego::post('room_create', signature => 'wrong')
--- error_code: 403
--- access_log
room_create|rejected|signature|1|room1|1234567|-|user1


=== TEST 12: an app that is not configured
--- request eval
Zego::post('room_create', appid => \7)
--- error_code: 403
--- access_log
room_create|rejected|app|7|room1|1234567|-|user1


=== TEST 13: control characters of ids are escaped, and logged so
--- request eval
Zego::post('stream_create', stream_id => "a\n\"b", user_id => undef)
--- access_log
stream_create|applied|-|1|room1|1234567|a\x5Cx0A\x22b|-


=== TEST 14: nothing is known of a request that is no callback
--- request
GET /live/rooms
--- access_log
-|-|-|-|-|-|-|-


=== TEST 15: the version is the one that the list then has
--- config
    location = /callback {
        zego_callback zone=live;
        add_header X-Version $zego_version always;
    }
--- request eval
[Zego::post('room_create'), Zego::post('room_create'),
 Zego::post('stream_create'), Zego::post('room_create', room_id => undef)]
--- error_code eval
[200, 200, 200, 400]
--- response_headers_like eval
['X-Version: [0-9a-f]{16}-1', 'X-Version: [0-9a-f]{16}-1',
 'X-Version: [0-9a-f]{16}-2', 'X-Version: ']
--- response_body_like eval
['', '', '', 'missing']


=== TEST 16: in a map
--- http_config
    zego_zone zone=live:1m;
    zego_app 1 secret=secret;

    map $zego_verdict $loud {
        default  no;
        rejected yes;
        deferred yes;
    }
--- config
    location = /callback {
        zego_callback zone=live;
        add_header X-Loud $loud always;
    }
--- request eval
[Zego::post('room_create'), Zego::post('room_create', signature => 'wrong')]
--- error_code eval
[200, 403]
--- response_headers eval
['X-Loud: no', 'X-Loud: yes']
--- response_body_like eval
['^$', 'signature']


=== TEST 17: asked for before the callback was read, and after
--- config
    location = /callback {
        set $before "<$zego_verdict>";
        zego_callback zone=live;
        add_header X-Before $before always;
        add_header X-After $zego_verdict always;
    }
--- request eval
Zego::post('room_create')
--- response_headers
X-Before: <>
X-After: applied
--- response_body:


=== TEST 17: an id adds no header
--- config
    location = /callback {
        zego_callback zone=live;
        add_header X-Room $zego_room_id always;
    }

    location /live/ {
        zego_status zone=live;
    }
--- request eval
[Zego::post('room_create', room_id => "r\r\nX-Evil: \x7f1"),
 'GET /live/rooms']
--- response_headers eval
["X-Room: r\\x0D\\x0AX-Evil: \\x7F1\r\n! X-Evil", '']
--- response_body_like eval
['^$', '"RoomID":"r\\\\r\\\\nX-Evil: \x7f1"']


=== TEST 18: how late it comes, which may be early where clocks differ
--- config
    location = /callback {
        zego_callback zone=live;
        add_header X-Lag $zego_lag_ms always;
    }

    location /live/ {
        zego_status zone=live;
    }
--- request eval
my $now = time;
[Zego::post('room_create', room_create_time => ($now - 100) * 1000),
 Zego::post('stream_create', create_time_ms => undef,
            create_time => $now + 1000),
 Zego::post('stream_close', create_time_ms => 1000,
            destroy_timemillis => ($now - 1000) * 1000),
 Zego::post('stream_close', stream_id => 'b', destroy_timemillis => undef),
 Zego::post('room_create', signature => 'wrong'), 'GET /live/metrics']
--- error_code eval
[(200) x 4, 403, 200]
--- response_headers_like eval
['X-Lag: 1\d{5}', 'X-Lag: -9\d{5}', 'X-Lag: 1\d{6}',
 'Content-Length: 0', 'Content-Type: application/json',
 'Content-Type: text/plain']
--- response_headers eval
['', '', '', '! X-Lag', '! X-Lag', '! X-Lag']
--- response_body_like eval
[('') x 5,
 '_bucket\{zone="live",event="stream_create",le="0.10"\} 1\n'
 . '.*_sum\{zone="live",event="stream_create"\} 0.000\n'
 . '.*_bucket\{zone="live",event="stream_close",le="300.00"\} 0\n'
 . 'zego_callback_lag_seconds_bucket\{zone="live",event="stream_close",'
 . 'le="\+Inf"\} 1\n.*_sum\{zone="live",event="stream_close"\} 1\d{3}\.\d{3}\n'
 . '.*_bucket\{zone="live",event="room_create",le="60.00"\} 0\n'
 . '.*event="room_create",le="120.00"\} 1\n'
 . '.*_count\{zone="live",event="room_create"\} 1\n']


=== TEST 19: what came after a later one is counted
--- request eval
[Zego::post('stream_create', stream_seq => 3, stream_id => 'b'),
 (Zego::post('stream_create')) x 2, Zego::post('room_create'),
 'GET /live/metrics']
--- response_body_like eval
[('') x 4, 'zego_late_total\{zone="live",event="stream_create"\} 1\n'
           . '.*zego_late_total\{zone="live",event="room_create"\} 1\n'
           . '.*zego_late_total\{zone="live",event="room_close"\} 0\n']

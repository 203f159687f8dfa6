# The zone: shared by workers, filled to the brim, and cleared of what is over.

use lib 't/lib';
use Test::Nginx::Socket;
use Zego;

master_on();
workers(2);

plan tests => repeat_each() * 235;

# a list of streams: how many creates were answered 200, and how many listed
add_response_body_check(sub {
    my ($block, $body) = @_;

    return if !defined $block->stored;

    my $stored = () = $body =~ /^X-Verdict: applied\r$/mg;
    my $refused = () = $body =~ m{HTTP/1\.1 503 }g;
    my ($listed) = $body =~ /"StreamCount":(\d+)/;

    is($listed, $stored, $block->name . " - what was answered 200 is listed");
    cmp_ok($refused, '>', 10, $block->name . " - there was no room for more");
});

sub streams {
    my ($from, $to, @fields) = @_;
    return map { Zego::post('stream_create', stream_id => "stream$_",
                            stream_seq => $_, @fields) } $from .. $to;
}

run_tests();

__DATA__

=== TEST 1: workers have one list
--- request eval
[main::streams(1, 20), 'GET /live/rooms/room1',
 (map { Zego::post('stream_close', stream_id => "stream$_",
                   stream_seq => 20 + $_) } 1 .. 19),
 ('GET /live/rooms?detail=counts') x 4]
--- response_headers_like eval
[('X-Verdict: applied') x 20, 'ETag: "[0-9a-f]{16}-20"',
 ('X-Verdict: applied') x 19, ('ETag: "[0-9a-f]{16}-39"') x 4]
--- response_body_like eval
[('^$') x 20, '"StreamCount":20,.*"Complete":true', ('^$') x 19,
 ('"StreamCount":1,') x 4]


=== TEST 2: a full zone refuses what is new, and loses nothing
--- http_config
    zego_zone zone=live:64k;
    zego_app 1 secret=secret;
--- raw_request eval
Zego::pipeline(main::streams(1, 400, extra_info => 'e' x 1000),
               'GET /live/rooms?detail=counts')
--- http09
--- stored
--- response_body_like: HTTP/1\.1 503 .*X-Verdict: deferred\r\n.*\{"Reason":"memory"\}
--- error_log
[crit]
zego zone "live" is full, client: 127.0.0.1, server: localhost, request: "POST /callback HTTP/1.1"
--- no_error_log
[alert]


=== TEST 3: a full zone takes repeats, and says so in its metrics
--- http_config
    zego_zone zone=live:64k;
    zego_app 1 secret=secret;
--- raw_request eval
Zego::pipeline(main::streams(1, 200, extra_info => 'e' x 1000),
               main::streams(1, 1, extra_info => 'e' x 1000),
               'GET /live/metrics')
--- http09
--- response_body_like: X-Verdict: deferred.*X-Verdict: duplicate.*verdict="deferred"\} [1-9]\d+\n.*zego_zone_full_total\{zone="live"\} [1-9]\d+\n
--- error_log
[crit]
zego zone "live" is full
--- no_error_log
[alert]


=== TEST 4: a full zone serves as before once there is room
--- http_config
    zego_zone zone=live:64k;
    zego_app 1 secret=secret;
--- raw_request eval
Zego::pipeline(main::streams(1, 200, extra_info => 'e' x 1000),
               (map { Zego::post('stream_close', stream_id => "stream$_",
                                 stream_seq => 400 + $_) } 1 .. 10),
               main::streams(301, 303, extra_info => 'e' x 1000),
               'GET /live/streams/stream1', 'GET /live/streams/stream11',
               'GET /live/streams/stream303')
--- http09
--- response_body_like: X-Verdict: deferred\r\n.*(?:HTTP/1\.1 200 OK\r\n[^{}]*X-Verdict: applied\r\n\r\n){13}HTTP/1\.1 200 OK\r\n[^{}\[]*\r\n\r\n\[\]HTTP/1\.1 200 OK\r\n.*"StreamId":"stream11".*"StreamId":"stream303"
--- error_log
[crit]
zego zone "live" is full
--- no_error_log
[alert]


=== TEST 5: what is over is freed when the horizon has passed
--- http_config
    zego_zone zone=live:1m horizon=500ms;
    zego_app 1 secret=secret;
--- request eval
[Zego::post('room_create'), Zego::post('stream_create'),
 Zego::post('stream_create', stream_id => 's2', stream_seq => '2'),
 Zego::post('stream_close', stream_seq => '3'), 'GET /live/metrics']
--- wait: 2
--- response_body_like eval
[('^$') x 4, 'zego_streams\{zone="live"\} 1\n.*'
             . 'zego_tombstones\{zone="live"\} 0\n']


=== TEST 6: and not before
--- request eval
[Zego::post('room_create'), Zego::post('stream_create'),
 Zego::post('stream_create', stream_id => 's2', stream_seq => '2'),
 Zego::post('stream_close', stream_seq => '3'), 'GET /live/metrics',
 Zego::post('stream_create')]
--- response_headers_like eval
[('X-Verdict: applied') x 4, 'X-Verdict: ', 'X-Verdict: stale']
--- response_body_like eval
[('^$') x 4, 'zego_streams\{zone="live"\} 1\n.*'
             . 'zego_tombstones\{zone="live"\} 1\n', '^$']


=== TEST 7: a closed room and all that was in it
--- http_config
    zego_zone zone=live:1m horizon=500ms;
    zego_app 1 secret=secret;
--- raw_request eval
Zego::pipeline(Zego::post('room_create'), main::streams(1, 300),
               'GET /live/metrics', Zego::post('room_close'),
               'GET /live/metrics')
--- http09
--- response_body_like: zego_streams\{zone="live"\} 300\n.*zego_tombstones\{zone="live"\} 0\n.*zego_rooms\{zone="live"\} 0\n.*zego_streams\{zone="live"\} 0\n.*zego_tombstones\{zone="live"\} 301\n

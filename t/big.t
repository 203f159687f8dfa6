# Long lists, which are read and sent in pieces.

use lib 't/lib';
use Test::Nginx::Socket;
use Zego;
use IO::Uncompress::Gunzip qw(gunzip);
use JSON::PP;

plan tests => repeat_each() * 38;

# of the last answer: that it is JSON, and what is in it
add_response_body_check(sub {
    my ($block, $body) = @_;
    my $name = $block->name;

    return if !defined $block->streams && !defined $block->rooms;

    my ($head, $json) = $body =~ /.*(HTTP\/1\.1 200 OK\r\n.*?)\r\n\r\n(.*)/s;

    if ($head =~ /^Transfer-Encoding: chunked\r?$/m) {
        my $chunks = $json;
        $json = '';
        while ($chunks =~ /\G([0-9a-f]+)\r\n/gc && hex $1) {
            $json .= substr $chunks, pos $chunks, hex $1;
            pos($chunks) += 2 + hex $1;
        }
    }
    if ($head =~ /^Content-Encoding: gzip\r?$/m) {
        my $gzip = $json;
        gunzip(\$gzip, \$json);
    }

    my $list = eval { decode_json($json) } || {};
    my ($n, @got);

    if (defined $block->streams) {
        $n = $block->streams;
        @got = map { $_->{StreamId} } @{$list->{StreamList}};
    } else {
        $n = $block->rooms;
        @got = map { $_->{RoomInfo}{RoomID} } @{$list->{RoomList}};
    }
    is("@got", join(' ', map { sprintf 'id%04d', $_ } 1 .. $n),
       "$name - all are there, in their order");
});

sub streams {
    my ($n) = @_;
    return map { Zego::post('stream_create', stream_seq => $_,
                            stream_id => sprintf('id%04d', $_),
                            extra_info => 'e' x 200) } 1 .. $n;
}

sub rooms {
    my ($n) = @_;
    return map { Zego::post('room_create', room_id => sprintf('id%04d', $_)) }
               1 .. $n;
}

our $Limited = <<'CONF';
    location = /callback {
        zego_callback zone=live;
        keepalive_requests 10000;
    }

    location /live/ {
        zego_status zone=live;
        limit_rate 200k;
    }
CONF

run_tests();

__DATA__

=== TEST 1: a room of many streams
--- raw_request eval
Zego::pipeline(main::streams(700), 'GET /live/rooms/room1')
--- http09
--- streams: 700
--- response_body_like: "StreamCount":700,


=== TEST 2: a reader that takes it slowly
--- config eval: $::Limited
--- raw_request eval
Zego::pipeline(main::streams(700), 'GET /live/rooms/room1')
--- http09
--- streams: 700
--- response_body_like: "StreamCount":700,


=== TEST 3: a reader that does not keep up
--- http_config
    zego_zone zone=live:1m;
    zego_app 1 secret=secret;

    server {
        listen unix:$TEST_NGINX_SERVER_ROOT/live.sock sndbuf=8k;

        location /live/ {
            zego_status zone=live;
        }
    }
--- config
    location = /callback {
        zego_callback zone=live;
    }

    location /live/ {
        proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/live.sock;
        proxy_buffering off;
        limit_rate 200k;
    }
--- raw_request eval
Zego::pipeline(main::streams(700), 'GET /live/rooms/room1')
--- http09
--- streams: 700
--- response_body_like: "StreamCount":700,


=== TEST 4: compressed
--- config
    location = /callback {
        zego_callback zone=live;
    }

    location /live/ {
        zego_status zone=live;
        gzip on;
        gzip_types application/json;
    }
--- raw_request eval
Zego::pipeline(main::streams(700), 'GET /live/rooms/room1')
=~ s/(?=Connection: close)/Accept-Encoding: gzip\r\n/r
--- http09
--- streams: 700
--- response_body_like: Content-Encoding: gzip\r\n


=== TEST 5: HTTP/1.0, which has no chunks
--- raw_request eval
Zego::pipeline(main::streams(700), 'GET /live/rooms/room1')
=~ s/HTTP\/1\.1(?=\r\n[^{}]*Connection: close)/HTTP\/1.0/r
--- http09
--- streams: 700
--- response_body_unlike: Transfer-Encoding


=== TEST 6: HEAD
--- raw_request eval
Zego::pipeline(main::streams(300), 'HEAD /live/rooms/room1')
--- http09
--- response_body_like: \r\nETag: "[0-9a-f]{16}-300"\r\n\r\n$


=== TEST 7: a page of many rooms
--- raw_request eval
Zego::pipeline(main::rooms(600), 'GET /live/rooms?limit=1000')
--- http09
--- rooms: 600
--- response_body_like: "Next":null\}


=== TEST 8: a page is 100 rooms unless one asks
--- raw_request eval
Zego::pipeline(main::rooms(150), 'GET /live/rooms?detail=counts')
--- http09
--- rooms: 100
--- response_body_like: "Next":"1-696430313030"\}


=== TEST 9: a client that goes away in the middle of a list
--- config
    location = /callback {
        zego_callback zone=live;
    }

    location /live/ {
        zego_status zone=live;
        limit_rate 1k;
    }
--- raw_request eval
Zego::pipeline(main::streams(700), 'GET /live/rooms/room1')
--- http09
--- timeout: 1
--- abort
--- response_body_like: "StreamCount":700,
--- wait: 1
--- error_log eval
qr/client prematurely closed connection|(?:send|writev)\(\) failed/


=== TEST 10: a large room that ends has gone at once
--- raw_request eval
Zego::pipeline(main::streams(700), Zego::post('room_close'),
               'GET /live/rooms/room1', 'GET /live/streams/id0001',
               'GET /live/metrics')
--- http09
--- response_body_like: ^(?:HTTP/1\.1 200 OK\r\n[^{}]*?X-Verdict: applied\r\n\r\n){701}HTTP/1\.1 404 Not Found\r\n.*\r\n\r\n\[\]HTTP/1\.1 200 OK\r\n.*\nzego_streams\{zone="live"\} 0\n

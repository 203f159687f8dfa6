# What the lists leave out when they are asked to, and the headers by which
# caches go.

use lib 't/lib';
use Test::Nginx::Socket;
use Zego;

plan tests => repeat_each() * 1072;

# a room with this many users
sub room_with {
    my ($room, $users) = @_;
    return (Zego::post('room_create', room_id => $room),
            map { Zego::post('room_login', room_id => $room,
                             user_account => "u$_", user_update_seq => $_) }
                1 .. $users);
}

sub stream {
    my ($id, $user, @more) = @_;
    return Zego::post('stream_create', stream_id => $id, user_id => $user,
                      @more);
}

# a page, whose rooms are given
sub page {
    my ($rooms, $next) = @_;
    return qr/^\{"Version":"[0-9a-f]{16}-\d+","Since":\d{13},"RoomList":\[\Q$rooms\E\],"Next":\Q@{[$next \/\/ 'null']}\E\}$/;
}

# counted rooms of which nothing but their id was asked for
sub counted {
    return CORE::join ',', map { qq({"RoomInfo":{"RoomID":"$_"},"Complete":true}) } @_;
}

# what is answered, once with GET and once with HEAD: the code, the headers and
# the body, but for the digits of epoch and time
our @answers = (
    ['rooms?detail=counts&fields=RoomID', 200, 'ETag', '',
     '{"Version":"0000000000000000-3","Since":0000000000000,"RoomList":[{"RoomInfo":{"RoomID":"room1"},"Complete":true}],"Next":null}'],
    ['rooms?min_users=2', 200, 'ETag', '',
     '{"Version":"0000000000000000-3","Since":0000000000000,"RoomList":[],"Next":null}'],
    ['rooms?state=closed&fields=RoomID,CloseReason', 200, '', '',
     '{"Version":"0000000000000000-3","Since":0000000000000,"RoomList":[{"RoomInfo":{"RoomID":"gone","CloseReason":0}}],"Next":null}'],
    ['rooms/room1?fields=RoomID', 200, 'ETag', 'Accept',
     '{"Version":"0000000000000000-3","RoomInfo":{"RoomID":"room1"},"Complete":true,"Missing":{"StreamSeq":[],"UserUpdateSeq":[]}}'],
    ['streams/stream1?fields=StreamId', 200, 'ETag', '', '[{"StreamId":"stream1"}]'],
    ['streams?user=user1&fields=RoomID', 200, 'ETag', '',
     '[{"RoomInfo":{"RoomID":"room1"}}]'],
    ['users/user1?fields=UserId', 200, 'ETag', '', '[{"UserId":"user1"}]'],
    ['users/none', 200, 'ETag', '', '[]'],
    ['rooms/none', 404, '', '', '{"Reason":"not_found"}'],
    ['none', 404, '', '', '{"Reason":"not_found"}'],
    ['rooms?fields=none', 400, '', '', '{"Reason":"invalid","Field":"fields"}'],
    ['streams', 400, '', '', '{"Reason":"missing","Field":"id"}'],
);

sub headers {
    my ($path, $code, $etag, $vary, $body) = @{$_[0]};
    return CORE::join "\n", 'Content-Type: application/json',
                      'Content-Length: ' . length $body,
                      'Cache-Control: ' . ($code == 200 ? 'no-cache' : 'no-store'),
                      'ETag: ' . ($etag && '"[0-9a-f]{16}-3"'),
                      "Vary: $vary", 'Content-Encoding: ';
}

sub body {
    my $body = quotemeta $_[0][4];
    $body =~ s/0{16}/[0-9a-f]{16}/;
    $body =~ s/0{13}/\\d{13}/;
    return qr/^$body$/;
}

our $conf = <<'CONF';
    location = /callback {
        zego_callback zone=live;
    }

    location /live/ {
        zego_status zone=live;
        gzip on;
        gzip_min_length 0;
        gzip_types application/json;
        gzip_vary on;
    }

    # compressed on the way here
    location /plain/ {
        gunzip on;
        rewrite ^/plain/(.*) /live/$1 break;
        proxy_pass http://127.0.0.1:$server_port;
        proxy_http_version 1.1;
        proxy_set_header Accept-Encoding gzip;
    }

    location = /etag {
        proxy_pass http://127.0.0.1:$server_port/live/rooms/room1;
        proxy_http_version 1.1;
        proxy_set_header Accept-Encoding gzip;
    }

    # with the ETag of that
    location = /same {
        auth_request /etag;
        auth_request_set $etag $upstream_http_etag;
        proxy_pass http://127.0.0.1:$server_port/live/rooms/room1;
        proxy_http_version 1.1;
        proxy_set_header Accept-Encoding gzip;
        proxy_set_header If-None-Match $etag;
        add_header X-Asked $etag always;
    }
CONF

run_tests();

__DATA__

=== TEST 1: rooms with enough users
--- request eval
[main::room_with('a', 2), main::room_with('b', 0), main::room_with('c', 3),
 map { "GET /live/rooms?detail=counts&fields=RoomID&$_" }
 'min_users=0', 'min_users=1', 'min_users=2', 'min_users=3', 'min_users=4',
 'min_users=9223372036854775807']
--- response_body_like eval
[('^$') x 8, main::page(main::counted('a' .. 'c')),
 (main::page(main::counted('a', 'c'))) x 2, main::page(main::counted('c')),
 (main::page('')) x 2]


=== TEST 2: in pages, of an app, and that begin alike
--- request eval
[main::room_with('a', 2), main::room_with('ab', 0), main::room_with('ac', 2),
 main::room_with('b', 2),
 map { "GET /live/rooms?min_users=2&detail=counts&fields=RoomID&$_" }
 'limit=1', 'limit=1&cursor=1-61', 'limit=1&cursor=1-6163', 'prefix=a',
 'prefix=a&limit=1', 'prefix=a&limit=2', 'appid=2', 'appid=1&prefix=b']
--- response_body_like eval
[('^$') x 10,
 main::page(main::counted('a'), '"1-61"'),
 main::page(main::counted('ac'), '"1-6163"'), main::page(main::counted('b')),
 main::page(main::counted('a', 'ac')), main::page(main::counted('a'), '"1-61"'),
 main::page(main::counted('a', 'ac')), main::page(''),
 main::page(main::counted('b'))]


=== TEST 3: a version of a list is that of all lists made from it
--- request eval
[Zego::post('room_create'), 'GET /live/rooms?min_users=1',
 Zego::post('room_login'), 'GET /live/rooms?min_users=1',
 'GET /live/streams?user=user1', 'GET /live/rooms/room1?fields=RoomID']
--- response_headers_like eval
['', 'ETag: "[0-9a-f]{16}-1"', '', ('ETag: "[0-9a-f]{16}-2"') x 3]
--- response_body_like eval
['^$', '"RoomList":\[\],', '^$', '"UserCount":1', '^\[\]$', 'RoomInfo']


=== TEST 4: what is over
--- request eval
[Zego::post('room_create', room_id => 'a', id_name => undef),
 Zego::post('stream_create', room_id => 'a'),
 Zego::post('room_close', room_id => 'a', close_reason => \1),
 Zego::post('room_create', room_session_id => \5),
 Zego::post('room_create', room_session_id => \6,
            room_create_time => '1687981280000'),
 Zego::post('room_close', room_session_id => \4,
            room_close_time => '1687981260000'),
 'GET /live/rooms?state=closed', 'GET /live/rooms?state=closed&detail=counts',
 'GET /live/rooms?detail=counts&state=live',
 'GET /live/rooms?state=closed&limit=2',
 'GET /live/rooms?state=closed&limit=2&cursor=1-726f6f6d31-4',
 'GET /live/rooms?state=closed&prefix=r&appid=1&fields=RoomSessionId',
 'GET /live/rooms?state=closed&appid=2', 'GET /live/rooms?state=closed&min_users=0']
--- response_headers_like eval
[('') x 6, ("ETag: \nCache-Control: no-cache") x 2,
 "ETag: \"[0-9a-f]{16}-\\d\"\nCache-Control: no-cache",
 ("ETag: \nCache-Control: no-cache") x 5]
--- response_body_like eval
my $a = '{"RoomInfo":{"AppId":1,"RoomID":"a","RoomSessionId":"1234567","RoomCreateTime":1687981270000,"RoomCloseTime":1687981300000,"CloseReason":1,"Creator":null,"StreamCount":0,"UserCount":0}}';
my $r4 = '{"RoomInfo":{"AppId":1,"RoomID":"room1","RoomSessionId":"4","RoomCreateTime":null,"RoomCloseTime":1687981260000,"CloseReason":0,"Creator":null,"StreamCount":0,"UserCount":0}}';
my $r5 = '{"RoomInfo":{"AppId":1,"RoomID":"room1","RoomSessionId":"5","RoomCreateTime":1687981270000,"RoomCloseTime":null,"CloseReason":null,"Creator":"user1","StreamCount":0,"UserCount":0}}';
[('^$') x 6, (main::page("$a,$r4,$r5")) x 2,
 main::page('{"RoomInfo":{"AppId":1,"RoomID":"room1","RoomSessionId":"6","RoomCreateTime":1687981280000,"Creator":"user1","StreamCount":0,"UserCount":0},"Complete":true}'),
 main::page("$a,$r4", '"1-726f6f6d31-4"'), main::page($r5),
 main::page('{"RoomInfo":{"RoomSessionId":"4"}},{"RoomInfo":{"RoomSessionId":"5"}}'),
 main::page(''), main::page("$a,$r4,$r5")]


=== TEST 5: and no longer than horizon
--- no_http2
--- http_config
    zego_zone zone=live:1m horizon=1s;
    zego_app 1 secret=secret;
--- request eval
[Zego::post('room_create'), Zego::post('room_close'),
 'GET /live/rooms?state=closed',
 ['GET /live/rooms?state=', { value => 'closed', delay_before => 3 }]]
--- timeout: 6
--- response_body_like eval
['^$', '^$', '"RoomID":"room1"', main::page('')]


=== TEST 6: streams of a user, who needs not be known otherwise
--- request eval
[main::stream('s1', 'u'), main::stream('s2', 'v'), main::stream('s3', undef),
 main::stream('s1', 'u', room_id => 'a'), main::stream('s0', 'u', appid => '2'),
 main::stream('s4', 'u'), Zego::post('stream_close', stream_id => 's4'),
 Zego::post('room_login', user_account => 'w'),
 map { "GET /live/$_" }
 'streams?user=u&fields=StreamId,AppId,RoomID', 'streams?user=u&appid=2',
 'streams/s1?user=u&fields=StreamId,RoomID', 'streams/s2?user=u',
 'streams?id=s1&user=u&appid=1&fields=RoomID', 'streams/?user=v', 'streams?id=&user=v',
 'streams?user=w', 'streams?user=', 'streams?user=%75&fields=StreamId']
--- error_code eval
[(200) x 16, 400, 200]
--- response_body_like eval
my $v = '^\[\{"StreamId":"s2",[^{}]*"UserId":"v",[^{}]*"RoomInfo":\{"AppId":1,[^{}]*\}\}\]$';
[('^$') x 8,
 map({ "^\Q$_\E\$" }
 '[{"StreamId":"s0","RoomInfo":{"AppId":2,"RoomID":"room1"}},{"StreamId":"s1","RoomInfo":{"AppId":1,"RoomID":"a"}},{"StreamId":"s1","RoomInfo":{"AppId":1,"RoomID":"room1"}}]'),
 '^\[\{"StreamId":"s0",[^{}]*"RoomInfo":\{"AppId":2,[^{}]*\}\}\]$',
 map({ "^\Q$_\E\$" }
 '[{"StreamId":"s1","RoomInfo":{"RoomID":"a"}},{"StreamId":"s1","RoomInfo":{"RoomID":"room1"}}]',
 '[]', '[{"RoomInfo":{"RoomID":"a"}},{"RoomInfo":{"RoomID":"room1"}}]'),
 $v, $v,
 map({ "^\Q$_\E\$" } '[]', '{"Reason":"missing","Field":"user"}',
     '[{"StreamId":"s0"},{"StreamId":"s1"},{"StreamId":"s1"}]')]


=== TEST 7: members that are asked for
--- request eval
[Zego::post('room_create'), Zego::post('stream_create'), Zego::post('room_login'),
 map { "GET /live/$_" }
 'rooms?fields=RoomID,StreamId', 'rooms/room1?fields=UserCount,UserId',
 'rooms?fields=StreamSeq', 'rooms?fields=UserUpdateSeq%2cAppId',
 'rooms?fields=Creator,Creator', 'streams/stream1?fields=StreamSid,Creator',
 'users/user1?fields=UserRole', 'rooms?id=room1&fields=StreamCount']
--- response_body_like eval
my $rest = '"Complete":true,"Missing":{"StreamSeq":[],"UserUpdateSeq":[]}}';
[('^$') x 3,
 main::page('{"RoomInfo":{"RoomID":"room1"},"StreamList":[{"StreamId":"stream1"}],' . $rest),
 Zego::room('"RoomInfo":{"UserCount":1},"StreamList":[{"UserId":"user1"}],"UserList":[{"UserId":"user1"}],' . $rest),
 main::page('{"StreamList":[{"StreamSeq":1}],' . $rest),
 main::page('{"RoomInfo":{"AppId":1},"UserList":[{"UserUpdateSeq":1}],' . $rest),
 main::page('{"RoomInfo":{"Creator":"user1"},' . $rest),
 map({ "^\Q$_\E\$" } '[{"StreamSid":"s-1","RoomInfo":{"Creator":"user1"}}]',
     '[{"UserRole":1}]'),
 Zego::room('"RoomInfo":{"StreamCount":1},' . $rest)]


=== TEST 8: kept fields that are asked for
--- http_config
    zego_zone zone=live:1m;
    zego_keep stream title hls_url;
    zego_keep room mode;
    zego_keep user term_type title;
--- request eval
[Zego::post('room_create', mode => \'{"a":[1,2]}'),
 Zego::post('stream_create', title => 'a "title", or {', hls_url => \'["a","b"]'),
 Zego::post('stream_create', stream_id => 's2', stream_seq => 2),
 Zego::post('room_login', term_type => \5),
 map { "GET /live/$_" }
 'streams/stream1?fields=hls_url', 'streams/stream1?fields=title,mode,StreamId',
 'users/user1?fields=term_type', 'rooms?detail=counts&fields=mode',
 'rooms/room1?fields=title', 'streams/stream1?fields=term_type',
 'rooms?detail=counts&fields=title', 'rooms?state=closed&fields=title']
--- error_code eval
[(200) x 9, (400) x 3]
--- response_body_like eval
[('^$') x 4,
 map({ "^\Q$_\E\$" } '[{"hls_url":["a","b"]}]',
     '[{"StreamId":"stream1","RoomInfo":{"mode":{"a":[1,2]}},"title":"a \"title\", or {"}]',
     '[{"term_type":5}]'),
 main::page('{"RoomInfo":{"mode":{"a":[1,2]}},"Complete":true}'),
 Zego::room('"StreamList":[{},{"title":"a \"title\", or {"}],"UserList":[{}],"Complete":true,"Missing":{"StreamSeq":[],"UserUpdateSeq":[]}}'),
 ('^\{"Reason":"invalid","Field":"fields"\}$') x 3]


=== TEST 9: arguments that are impossible
--- request eval
[map { "GET /live/$_" }
 'rooms?min_users=', 'rooms?min_users=-1', 'rooms?min_users=one',
 'rooms?min_users=1.5', 'rooms?min_users=9223372036854775808',
 'rooms?min_users=%00', 'rooms?min_users=1%', 'rooms?state=closed&min_users=1',
 'rooms?state=', 'rooms?state=open', 'rooms?state=CLOSED', 'rooms?state=close',
 'rooms?state=closed%00', 'rooms/room1?state=closed', 'rooms?id=room1&state=closed',
 'streams/a?state=closed', 'streams?user=a&state=closed', 'users/a?state=closed',
 'rooms?fields=', 'rooms?fields=,', 'rooms?fields=RoomID,', 'rooms?fields=RoomID+',
 'rooms?fields=RoomID%', 'rooms?fields=RoomID%00', 'rooms?fields=roomid',
 'rooms?fields=RoomInfo', 'rooms?fields=RoomCloseTime', 'rooms?fields="RoomID"',
 'rooms/room1?fields=x,RoomID&fields=RoomID',
 'streams/a?fields=UserRole', 'users/a?fields=StreamId',
 'rooms?detail=counts&fields=UserId', 'rooms?state=closed&fields=StreamId',
 'rooms?fields=' . 'RoomID,' x 100 . 'x',
 'streams?user=%', 'rooms?state=closed&cursor=1-61', 'rooms?cursor=1-61-1',
 'rooms?state=closed&cursor=1-61-18446744073709551616', 'rooms?state=closed&limit=0']
--- error_code eval
[(400) x 39]
--- response_body eval
[map { qq({"Reason":"invalid","Field":"$_"}) }
 ('min_users') x 8, ('state') x 10, ('fields') x 16, 'user', ('cursor') x 3,
 'limit']


=== TEST 10: the first of a name counts, and what no list has is passed over
--- request eval
[Zego::post('room_create'),
 map { "GET /live/$_" }
 'rooms/room1?fields=RoomID&fields=none&user=', 'users/user1?user=x&min_users=x',
 'rooms/room1?min_users=9', 'streams?USER=u&user=', 'rooms?user=none&detail=counts&fields=RoomID',
 'streams?user=' . 'u' x 600, 'rooms?fields=' . 'RoomID,' x 80 . 'RoomID&detail=counts']
--- response_body_like eval
['^$', '"RoomInfo":\{"RoomID":"room1"\},"Complete"', '^\[\]$', 'RoomInfo',
 '^\[\]$', main::page(main::counted('room1')), '^\[\]$',
 main::page(main::counted('room1'))]


=== TEST 11: HEAD has what GET has
--- request eval
[Zego::post('room_close', room_id => 'gone'), Zego::post('room_create'),
 Zego::post('stream_create'), Zego::post('room_login'),
 map { ("GET /live/$_->[0]", "HEAD /live/$_->[0]") } @main::answers]
--- error_code eval
[(200) x 4, map { ($_->[1]) x 2 } @main::answers]
--- response_headers_like eval
[('') x 4, map { (main::headers($_)) x 2 } @main::answers]
--- response_body_like eval
[('^$') x 4, map { (main::body($_), '^$') } @main::answers]


=== TEST 12: a client that has the answer
--- request eval
[Zego::post('room_close', room_id => 'gone'), Zego::post('room_create'),
 Zego::post('stream_create'), Zego::post('room_login'),
 map { ("GET /live/$_->[0]", "HEAD /live/$_->[0]") } @main::answers]
--- more_headers eval
[('') x 4, ('If-None-Match: *') x (2 * @main::answers)]
--- error_code eval
[(200) x 4, map { ($_->[1] == 200 ? 304 : $_->[1]) x 2 } @main::answers]
--- response_headers_like eval
[('') x 4, map {
 (($_->[1] == 200 ? "Cache-Control: no-cache\nContent-Type: "
                  : "Cache-Control: no-store\nContent-Type: application/json")
  . ($_->[2] ? "\nETag: \"[0-9a-f]{16}-3\"" : "\nETag: ") . "\nVary: $_->[3]")
 x 2 } @main::answers]


=== TEST 13: what changes is not stored
--- request eval
['GET /live/rooms/none', 'PUT /live/rooms', 'GET /live/metrics',
 'HEAD /live/metrics', 'GET /callback', "POST /callback\n{"]
--- error_code eval
[404, 405, 200, 200, 405, 400]
--- response_headers eval
[('Cache-Control: no-store') x 6]


=== TEST 14: what is compressed is the same
--- config eval: $main::conf
--- request eval
[Zego::post('room_create'),
 (map { main::stream("s$_", 'user1', stream_seq => $_) } 1 .. 60),
 map { "GET $_/rooms/room1?fields=StreamSeq" } '/live', '/plain', '/live']
--- more_headers eval
[('') x 63, 'Accept-Encoding: gzip']
--- response_headers_like eval
[('') x 61, "ETag: \"[0-9a-f]{16}-61\"\nContent-Encoding: ",
 "ETag: W/\"[0-9a-f]{16}-61\"\nContent-Encoding: ",
 "ETag: W/\"[0-9a-f]{16}-61\"\nContent-Encoding: gzip"]
--- response_body_like eval
my $list = CORE::join ',', map { qq({"StreamSeq":$_}) } sort { "s$a" cmp "s$b" } 1 .. 60;
[('^$') x 61,
 (Zego::room('"StreamList":[' . $list . '],"Complete":true,"Missing":{"StreamSeq":[],"UserUpdateSeq":[]}}')) x 2,
 qr/^\x1f\x8b/]


=== TEST 15: a client that has it compressed
--- config eval: $main::conf
--- request eval
[Zego::post('room_create'), 'GET /same', 'GET /same']
--- error_code eval
[200, 304, 304]
--- response_headers_like eval
['', ("ETag: \"[0-9a-f]{16}-1\"\nContent-Encoding: \nX-Asked: W/\"[0-9a-f]{16}-1\"") x 2]
--- response_body_like eval
[('^$') x 3]


=== TEST 16: nginx adds what it varies by
--- config eval: $main::conf
--- request eval
[Zego::post('room_create'), 'GET /live/rooms', 'GET /live/rooms/room1']
--- more_headers eval
['', 'Accept-Encoding: gzip', 'Accept-Encoding: gzip']
--- raw_response_headers_like eval
['', 'Vary: Accept-Encoding', 'Vary: Accept\r\n']

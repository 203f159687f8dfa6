# The lists: what is asked for, how, and what the answer looks like.

use lib 't/lib';
use Test::Nginx::Socket;
use Zego;

plan tests => repeat_each() * 838;

# a room for each name
sub rooms { return map { Zego::post('room_create', room_id => $_) } @_ }

# the ids of a page, in their order
sub page {
    my @ids = @_;
    my $room = join ',', map { qr/\{"RoomInfo":\{"AppId":1,"RoomID":"\Q$_\E",[^{}]*\}[^{}]*(?:\{[^{}]*\})?\}/ } @ids;
    return qr/^\{"Version":"[0-9a-f]{16}-\d+","Since":\d{13},"RoomList":\[$room\],"Next":/;
}

run_tests();

__DATA__

=== TEST 1: an empty list
--- request
GET /live/rooms
--- response_headers
Content-Type: application/json
Cache-Control: no-cache
--- response_body_like: ^\{"Version":"[0-9a-f]{16}-0","Since":\d{13},"RoomList":\[\],"Next":null\}$


=== TEST 2: everything of a room
--- request eval
[Zego::post('room_create'), Zego::post('room_login'),
 Zego::post('room_login', user_account => 'user2', session_id => '12',
            user_role => undef, user_update_seq => undef,
            user_nickname => undef),
 Zego::post('stream_create', extra_info => "a\"b\n"),
 Zego::post('stream_create', stream_id => 'stream2', stream_seq => '2',
            stream_sid => undef, user_id => undef, user_name => undef),
 'GET /live/rooms/room1']
--- response_body eval
['', '', '', '', '',
 Zego::room('"RoomInfo":{"AppId":1,"RoomID":"room1","RoomSessionId":"1234567","RoomCreateTime":1687981270000,"Creator":"user1","StreamCount":2,"UserCount":2},"StreamList":[{"StreamId":"stream1","StreamSid":"s-1","StreamSeq":1,"StreamCreateTime":1687981272742,"UserId":"user1","UserName":"user1_name","ExtraInfo":"a\"b\n"},{"StreamId":"stream2","StreamSid":null,"StreamSeq":2,"StreamCreateTime":1687981272742,"UserId":null,"UserName":null,"ExtraInfo":null}],"UserList":[{"UserId":"user1","UserName":"user1_name","UserSessionId":"11","UserLoginTime":1687981271000,"UserRole":1,"UserUpdateSeq":1},{"UserId":"user2","UserName":null,"UserSessionId":"12","UserLoginTime":1687981271000,"UserRole":null,"UserUpdateSeq":null}],"Complete":true,"Missing":{"StreamSeq":[],"UserUpdateSeq":[]}}')]


=== TEST 3: rooms in full, and counted only
--- request eval
[Zego::post('room_create'), Zego::post('stream_create'),
 'GET /live/rooms', 'GET /live/rooms?detail=full',
 'GET /live/rooms?detail=counts']
--- response_body_like eval
['^$', '^$', '"StreamCount":1,.*"StreamId":"stream1"',
 '"StreamCount":1,.*"StreamId":"stream1"',
 '"RoomList":\[\{"RoomInfo":\{[^{}]*"StreamCount":1,"UserCount":0\},'
 . '"Complete":true\}\],"Next":null\}$']


=== TEST 4: pages, one after the other
--- request eval
[main::rooms('c', 'a', 'b', 'e', 'd'),
 'GET /live/rooms?limit=2', 'GET /live/rooms?limit=2&cursor=1-62',
 'GET /live/rooms?limit=2&cursor=1-64', 'GET /live/rooms?limit=5',
 'GET /live/rooms?limit=2&cursor=1-65']
--- response_body_like eval
[('^$') x 5,
 main::page('a', 'b') . '"1-62"}$', main::page('c', 'd') . '"1-64"}$',
 main::page('e') . 'null}$', main::page('a' .. 'e') . 'null}$',
 '"RoomList":\[\],"Next":null\}$']


=== TEST 5: a page goes on behind a room that has gone
--- request eval
[main::rooms('a', 'b', 'c'), 'GET /live/rooms?limit=2&detail=counts',
 Zego::post('room_close', room_id => 'b'),
 'GET /live/rooms?limit=2&cursor=1-62&detail=counts']
--- response_body_like eval
['^$', '^$', '^$', main::page('a', 'b') . '"1-62"}$', '^$',
 main::page('c') . 'null}$']


=== TEST 6: rooms that begin alike
--- request eval
[main::rooms('ab', 'a', 'aa', 'b', 'a b'), 'GET /live/rooms?prefix=a',
 'GET /live/rooms?prefix=aa', 'GET /live/rooms?prefix=a%20',
 'GET /live/rooms?prefix=a+b', 'GET /live/rooms?prefix=x',
 'GET /live/rooms?prefix=a&limit=2',
 'GET /live/rooms?prefix=a&limit=2&cursor=1-612062']
--- response_body_like eval
[('^$') x 5, main::page('a', 'a b', 'aa', 'ab') . 'null}$',
 main::page('aa') . 'null}$', main::page('a b') . 'null}$',
 main::page('a b') . 'null}$', '"RoomList":\[\],"Next":null\}$',
 main::page('a', 'a b') . '"1-612062"}$', main::page('aa', 'ab') . 'null}$']


=== TEST 7: the rooms of an app
--- request eval
[Zego::post('room_create', appid => \2, room_id => 'a'),
 Zego::post('room_create', appid => \1, room_id => 'b'),
 'GET /live/rooms?detail=counts', 'GET /live/rooms?appid=1&detail=counts',
 'GET /live/rooms?appid=2&detail=counts', 'GET /live/rooms?appid=3',
 'GET /live/rooms?limit=1&detail=counts',
 'GET /live/rooms?limit=1&appid=1']
--- response_body_like eval
['^$', '^$', '"AppId":1,"RoomID":"b".*"AppId":2,"RoomID":"a"',
 '\[\{"RoomInfo":\{"AppId":1,"RoomID":"b"[^\[]*\],"Next":null\}$',
 '\[\{"RoomInfo":\{"AppId":2,"RoomID":"a"[^\[]*\],"Next":null\}$',
 '"RoomList":\[\],"Next":null\}$', '"RoomID":"b".*"Next":"1-62"\}$',
 '"Next":null\}$']


=== TEST 8: arguments that are impossible
--- request eval
['GET /live/rooms?limit=0', 'GET /live/rooms?limit=1001',
 'GET /live/rooms?limit=all', 'GET /live/rooms?limit=-1',
 'GET /live/rooms?detail=some', 'GET /live/rooms?appid=one',
 'GET /live/rooms?appid=4294967296', 'GET /live/rooms?prefix=%4',
 'GET /live/rooms?cursor=1', 'GET /live/rooms?cursor=1-6',
 'GET /live/rooms?cursor=x-61', 'GET /live/rooms?cursor=1-6g',
 'GET /live/rooms/room1?appid=-1']
--- error_code eval
[(400) x 13]
--- response_headers eval
[('Content-Type: application/json') x 13]
--- response_body eval
[map { qq({"Reason":"invalid","Field":"$_"}) }
     ('limit') x 4, 'detail', ('appid') x 2, 'prefix', ('cursor') x 4, 'appid']


=== TEST 9: what is not live, and what there is not
--- request eval
[Zego::post('room_create'), 'GET /live/rooms/room2', 'GET /live/rooms/room',
 'GET /live/rooms/room11', 'GET /live/rooms/room1?appid=2', 'GET /live/none',
 'GET /live/x', 'GET /live/roomss', 'GET /live/rooms%2froom1',
 'GET /live/metrics/x', 'GET /live/rooms?id=room2']
--- error_code eval
[200, (404) x 7, 200, (404) x 2]
--- response_headers_like eval
['Content-Type: ', ('Content-Type: application/json') x 10]
--- response_body_like eval
['^$', ('^\{"Reason":"not_found"\}$') x 7, '"RoomID":"room1"',
 ('^\{"Reason":"not_found"\}$') x 2]


=== TEST 10: ids that say nothing
--- request eval
['GET /live/rooms/', 'GET /live/rooms?id=', 'GET /live/streams',
 'GET /live/streams/', 'GET /live/users', 'GET /live/users?id=']
--- error_code eval
[(400) x 6]
--- response_body eval
[('{"Reason":"missing","Field":"id"}') x 6]


=== TEST 11: ids with slashes and dots, in a path as they are
--- request eval
[main::rooms('a/b', 'a//b', '..', '.', '../rooms', '/', 'a/../b', '/a/'),
 'GET /live/rooms/a/b', 'GET /live/rooms/a//b', 'GET /live/rooms/..',
 'GET /live/rooms/.', 'GET /live/rooms/../rooms', 'GET /live/rooms//',
 'GET /live/rooms/a/../b', 'GET /live/rooms//a/']
--- error_code eval
[(200) x 10, '200', (200) x 5]
--- response_body_like eval
[('^$') x 8, map { qr/"RoomID":"\Q$_\E",/ }
 'a/b', 'a//b', '..', '.', '../rooms', '/', 'a/../b', '/a/']


=== TEST 12: ids with slashes and dots, escaped
--- request eval
[main::rooms('a/b', 'a//b', '..', '.', 'a%2Fb', 'a%b'),
 'GET /live/rooms/a%2Fb', 'GET /live/rooms/a%2f%2fb',
 'GET /live/rooms/%2E%2e', 'GET /live/rooms/%2e',
 'GET /live/rooms/a%252Fb', 'GET /live/rooms/a%25b']
--- response_body_like eval
[('^$') x 6, map { qr/"RoomID":"\Q$_\E",/ }
 'a/b', 'a//b', '..', '.', 'a%2Fb', 'a%b']


=== TEST 13: ids with spaces, signs and other alphabets
--- request eval
[main::rooms('a b', 'a+b', 'a?b', 'a#b', "caf\xc3\xa9", "\xe6\x88\xbf\xe9\x97\xb4",
             '?id=x', 'a&b=c'),
 'GET /live/rooms/a%20b', 'GET /live/rooms/a+b', 'GET /live/rooms/a%3Fb',
 'GET /live/rooms/a%23b', 'GET /live/rooms/caf%C3%A9',
 "GET /live/rooms/\xe6\x88\xbf\xe9\x97\xb4", 'GET /live/rooms/%3Fid=x',
 'GET /live/rooms/a&b=c']
--- response_body_like eval
[('^$') x 8, map { qr/"RoomID":"\Q$_\E",/ }
 'a b', 'a+b', 'a?b', 'a#b', "caf\xc3\xa9", "\xe6\x88\xbf\xe9\x97\xb4",
 '?id=x', 'a&b=c']


=== TEST 14: ids as an argument
--- request eval
[main::rooms('a b', 'a+b', '../rooms', "caf\xc3\xa9", 'a&b', 'rooms'),
 'GET /live/rooms?id=a+b', 'GET /live/rooms?id=a%2Bb',
 'GET /live/rooms?id=../rooms', 'GET /live/rooms?id=caf%c3%a9',
 'GET /live/rooms?id=a%26b', 'GET /live/rooms?limit=1&id=rooms']
--- response_body_like eval
[('^$') x 6, map { qr/^\{"Version":"[^"]*","RoomInfo":\{"AppId":1,"RoomID":"\Q$_\E",/ }
 'a b', 'a+b', '../rooms', "caf\xc3\xa9", 'a&b', 'rooms']


=== TEST 15: a stream, over all rooms
--- request eval
[Zego::post('stream_create', room_id => 'b', room_session_id => '2'),
 Zego::post('stream_create', room_id => 'a', room_session_id => '1'),
 Zego::post('stream_create', appid => '2', room_id => 'a',
            room_session_id => '3'),
 Zego::post('stream_create', stream_id => 'other/stream'),
 'GET /live/streams/stream1', 'GET /live/streams?id=stream1',
 'GET /live/streams/stream1?appid=2', 'GET /live/streams/other/stream',
 'GET /live/streams/none']
--- response_headers eval
[('! ETag') x 4, ('Content-Type: application/json') x 5]
--- response_body_like eval
[('^$') x 4,
 ('^\[\{"StreamId":"stream1",[^{}]*"RoomInfo":\{"AppId":1,"RoomID":"a"[^{}]*\}\},'
  . '\{[^{}]*"RoomInfo":\{"AppId":1,"RoomID":"b"[^{}]*\}\},'
  . '\{[^{}]*"RoomInfo":\{"AppId":2,"RoomID":"a"[^{}]*\}\}\]$') x 2,
 '^\[\{[^{}]*"RoomInfo":\{"AppId":2,"RoomID":"a"[^{}]*\}\}\]$',
 '^\[\{"StreamId":"other/stream",[^{}]*"RoomInfo":\{[^{}]*\}\}\]$', '^\[\]$']


=== TEST 16: a stream in full
--- request eval
[Zego::post('stream_create'), 'GET /live/streams/stream1']
--- response_body eval
['', '[{"StreamId":"stream1","StreamSid":"s-1","StreamSeq":1,"StreamCreateTime":1687981272742,"UserId":"user1","UserName":"user1_name","ExtraInfo":null,"RoomInfo":{"AppId":1,"RoomID":"room1","RoomSessionId":"1234567","RoomCreateTime":null,"Creator":null,"StreamCount":1,"UserCount":0}}]']


=== TEST 17: a user, over all rooms
--- request eval
[Zego::post('room_login', room_id => 'b'),
 Zego::post('room_login', room_id => 'a'), Zego::post('room_logout', room_id => 'b'),
 'GET /live/users/user1', 'GET /live/users?id=user1',
 'GET /live/users/user1?appid=2', 'GET /live/users/user2']
--- response_body eval
['', '', '',
 ('[{"UserId":"user1","UserName":"user1_name","UserSessionId":"11","UserLoginTime":1687981271000,"UserRole":1,"UserUpdateSeq":1,"RoomInfo":{"AppId":1,"RoomID":"a","RoomSessionId":"1234567","RoomCreateTime":null,"Creator":null,"StreamCount":0,"UserCount":1}}]') x 2,
 '[]', '[]']


=== TEST 18: a room id that two apps have
--- request eval
[Zego::post('room_create', appid => \1), 'GET /live/rooms/room1',
 Zego::post('room_create', appid => \2), 'GET /live/rooms/room1',
 'GET /live/rooms/room1?appid=1', 'GET /live/rooms?id=room1&appid=2',
 Zego::post('room_close', appid => \1), 'GET /live/rooms/room1']
--- error_code eval
[200, 200, 200, 400, 200, 200, 200, 200]
--- response_body_like eval
['^$', '"AppId":1', '^$', '^\{"Reason":"missing","Field":"appid"\}$',
 '"AppId":1', '"AppId":2', '^$', '"AppId":2']


=== TEST 19: administrators are listed too
--- request eval
[Zego::post('room_login', user_role => '4'), 'GET /live/rooms/room1']
--- response_body_like eval
['^$', '"UserCount":1.*"UserRole":4']


=== TEST 20: a number that is missing
--- request eval
[Zego::post('room_create'), Zego::post('stream_create', stream_seq => '1'),
 Zego::post('stream_create', stream_id => 's4', stream_seq => '4'),
 Zego::post('room_login', user_update_seq => '3'),
 'GET /live/rooms/room1', 'GET /live/rooms?detail=counts',
 'GET /live/metrics',
 Zego::post('stream_close', stream_seq => '3'), 'GET /live/rooms/room1']
--- response_body_like eval
[('^$') x 4,
 '"Complete":false,"Missing":\{"StreamSeq":\[\[2,3\]\],'
 . '"UserUpdateSeq":\[\[1,2\]\]\}\}$',
 '"Complete":false\}',
 'counter="stream_seq"\} 2\n.*counter="user_update_seq"\} 2\n', '^$',
 '"Complete":false,"Missing":\{"StreamSeq":\[\[2,2\]\],'
 . '"UserUpdateSeq":\[\[1,2\]\]\}\}$']


=== TEST 21: nothing is missing any more
--- request eval
[Zego::post('stream_create', stream_seq => '3'), 'GET /live/rooms/room1',
 Zego::post('stream_close', stream_seq => '2'), 'GET /live/rooms/room1',
 Zego::post('stream_create', stream_seq => '1'), 'GET /live/rooms/room1']
--- response_body_like eval
['^$', '-1",.*"Complete":false,.*\[\[1,2\]\]', '^$',
 '-2",.*"Complete":false,.*\[\[1,1\]\]', '^$',
 '-3",.*"Complete":true,.*"StreamSeq":\[\],']


=== TEST 22: an ETag is the version
--- request eval
['GET /live/rooms', Zego::post('room_create'), 'GET /live/rooms',
 Zego::post('room_create', room_id => 'b'), 'GET /live/rooms',
 'GET /live/rooms/room1', 'GET /live/rooms/b', 'GET /live/streams/none']
--- response_headers_like eval
['ETag: "[0-9a-f]{16}-0"', 'ETag: ', 'ETag: "[0-9a-f]{16}-1"', 'ETag: ',
 'ETag: "[0-9a-f]{16}-2"', 'ETag: "[0-9a-f]{16}-1"',
 'ETag: "[0-9a-f]{16}-2"', 'ETag: "[0-9a-f]{16}-2"']
--- response_body_like eval
['', '^$', '', '^$', '', '"Version":"[0-9a-f]{16}-1"',
 '"Version":"[0-9a-f]{16}-2"', '']


=== TEST 23: If-None-Match
--- request eval
[Zego::post('room_create'), ('GET /live/rooms/room1') x 2,
 'HEAD /live/rooms', 'GET /live/rooms']
--- more_headers eval
['', "If-None-Match: *", 'If-None-Match: "0000000000000000-1"',
 'If-None-Match: "x", *', 'If-None-Match: "x"']
--- error_code eval
[200, 304, 200, 200, 200]
--- response_headers_like eval
['ETag: ', 'ETag: "[0-9a-f]{16}-1"', 'ETag: "[0-9a-f]{16}-1"',
 'ETag: "[0-9a-f]{16}-1"', 'ETag: "[0-9a-f]{16}-1"']
--- response_body_like eval
['^$', '^$', 'RoomInfo', '^$', 'RoomList']


=== TEST 24: HEAD
--- request eval
['HEAD /live/rooms', Zego::post('room_create'), 'HEAD /live/rooms/room1',
 'HEAD /live/rooms/none', 'HEAD /live/metrics', 'HEAD /live/rooms?limit=0']
--- error_code eval
[200, 200, 200, 404, 200, 400]
--- response_headers_like eval
["Content-Type: application/json\nContent-Length: [1-9]\\d+",
 "Content-Type: \nContent-Length: 0",
 ("Content-Type: application/json\nContent-Length: [1-9]\\d+") x 2,
 "Content-Type: text/plain; version=0.0.4\nContent-Length: [1-9]\\d+",
 "Content-Type: application/json\nContent-Length: [1-9]\\d+"]
--- response_body eval
[('') x 6]


=== TEST 25: other methods
--- request eval
["POST /live/rooms\n{}", 'DELETE /live/rooms/room1', 'PUT /live/metrics',
 'OPTIONS /live/']
--- error_code eval
[(405) x 4]
--- response_headers eval
[("Allow: GET, HEAD\nContent-Type: application/json") x 4]
--- response_body eval
[('{"Reason":"method"}') x 4]


=== TEST 26: metrics
--- request eval
[Zego::post('room_create'), Zego::post('room_create'),
 Zego::post('stream_create'), Zego::post('stream_create', stream_id => undef),
 Zego::post('room_login'), Zego::post('room_logout'),
 Zego::post('stream_close', signature => undef), 'PUT /callback',
 "POST /callback\n{]", "POST /callback\nevent=none", 'GET /live/metrics']
--- error_code eval
[200, 200, 200, 400, 200, 200, 403, 405, 400, 200, 200]
--- response_headers_like eval
[(map { "Cache-Control: $_" } ('') x 3, 'no-store', ('') x 2,
  ('no-store') x 3, ''), 'Content-Type: text/plain; version=0\.0\.4']
--- response_body_like eval
[('') x 10,
 '^(?:# HELP zego_\w+ [^\n]+\n# TYPE zego_\w+ (?:counter|gauge|histogram)\n'
 . '(?:zego_\w+\{zone="live"(?:,\w+="[^"\n]+")*\} \d+(?:\.\d+)?\n)+)+$']


=== TEST 27: metrics, one by one
--- request eval
[Zego::post('room_create'), Zego::post('room_create'),
 Zego::post('stream_create'), Zego::post('stream_create', stream_id => undef),
 Zego::post('room_login'), Zego::post('room_logout'),
 Zego::post('stream_close', signature => undef), 'PUT /callback',
 "POST /callback\n{]", "POST /callback\nevent=none", 'GET /live/metrics']
--- error_code eval
[200, 200, 200, 400, 200, 200, 403, 405, 400, 200, 200]
--- response_body_like eval
[('') x 10,
 '^' . CORE::join '', map { '(?=.*\n' . quotemeta($_) . '\n)' }
 'zego_callbacks_total{zone="live",event="room_create",verdict="applied"} 1',
 'zego_callbacks_total{zone="live",event="room_create",verdict="duplicate"} 1',
 'zego_callbacks_total{zone="live",event="stream_create",verdict="applied"} 1',
 'zego_callbacks_total{zone="live",event="stream_create",verdict="rejected"} 1',
 'zego_callbacks_total{zone="live",event="stream_close",verdict="rejected"} 1',
 'zego_callbacks_total{zone="live",event="room_logout",verdict="applied"} 1',
 'zego_callbacks_total{zone="live",event="other",verdict="rejected"} 2',
 'zego_callbacks_total{zone="live",event="other",verdict="ignored"} 1',
 'zego_callbacks_total{zone="live",event="room_close",verdict="applied"} 0',
 'zego_rejected_total{zone="live",reason="missing"} 1',
 'zego_rejected_total{zone="live",reason="signature"} 1',
 'zego_rejected_total{zone="live",reason="method"} 1',
 'zego_rejected_total{zone="live",reason="syntax"} 1',
 'zego_rejected_total{zone="live",reason="age"} 0',
 'zego_zone_full_total{zone="live"} 0',
 'zego_rooms{zone="live"} 1', 'zego_streams{zone="live"} 1',
 'zego_users{zone="live"} 0', 'zego_tombstones{zone="live"} 1',
 'zego_evictions_total{zone="live"} 0',
 'zego_sequence_holes{zone="live",counter="stream_seq"} 0',
 'zego_zone_size_bytes{zone="live"} 1048576',
 'zego_rebuilds_total{zone="live"} 0', 'zego_revision{zone="live"} 4']


=== TEST 28: a location without a slash at its end
--- config
    location = /callback {
        zego_callback zone=live;
    }

    location /live {
        zego_status zone=live;
    }
--- request eval
[Zego::post('room_create'), 'GET /live/rooms', 'GET /live/rooms/room1',
 'GET /liverooms', 'GET /live/metrics']
--- error_code eval
[200, 200, 200, 404, 200]
--- response_body_like eval
['^$', '"RoomID":"room1"', '"RoomID":"room1"', 'not_found', 'zego_rooms']


=== TEST 29: a prefix that is preferred to regular expressions
--- config
    location = /callback {
        zego_callback zone=live;
    }

    location ^~ /a/b/ {
        zego_status zone=live;
    }

    location ~ room {
        return 200 "regex";
    }
--- request eval
[Zego::post('room_create', room_id => 'a//b'), 'GET /a/b/rooms/a//b',
 'GET /rooms', 'GET /%61/b/rooms/a%2f%2fb',
 'GET /x/../a/b/rooms?id=a//b', 'GET /a//b/rooms?id=a//b']
--- response_body_like eval
['^$', '"RoomID":"a//b"', '^regex$', '"RoomID":"a//b"',
 '"RoomID":"a//b"', '"RoomID":"a//b"']


=== TEST 30: what a rewrite brings here
--- config
    location = /callback {
        zego_callback zone=live;
    }

    location /live/ {
        zego_status zone=live;
    }

    rewrite ^/api/room-(.+)$ /live/rooms/$1 last;
    rewrite ^/api/rooms$     /live/rooms?limit=1 last;
--- request eval
[Zego::post('room_create'), 'GET /api/room-room1', 'GET /api/rooms']
--- response_body_like eval
['^$', '"RoomInfo":\{"AppId":1,"RoomID":"room1"', '"RoomList":\[\{']


=== TEST 31: a list in a subrequest
--- config
    location = /callback {
        zego_callback zone=live;
    }

    location /live/ {
        zego_status zone=live;
    }

    location = /page {
        ssi on;
        ssi_types *;
        alias html/page.html;
    }
--- user_files
>>> page.html
<!--# include virtual="/live/rooms/room1" --> and <!--# include virtual="/live/streams/none" -->.
--- request eval
[Zego::post('room_create'), 'GET /page']
--- response_body_like eval
['^$', '^\{"Version".*"RoomID":"room1",.*\} and \[\]\.']


=== TEST 32: lists are compressed where nginx is told to
--- config
    location = /callback {
        zego_callback zone=live;
    }

    location /live/ {
        zego_status zone=live;
        gzip on;
        gzip_min_length 0;
        gzip_types application/json;
    }
--- request eval
[Zego::post('room_create'), 'GET /live/rooms/room1', 'GET /live/rooms/room1']
--- more_headers eval
['', 'Accept-Encoding: gzip', '']
--- response_headers_like eval
['Content-Encoding: ', "Content-Encoding: gzip\nETag: W/\"[0-9a-f]{16}-1\"",
 "Content-Encoding: \nETag: \"[0-9a-f]{16}-1\""]
--- response_body_like eval
['^$', qr/^\x1f\x8b/, 'RoomInfo']


=== TEST 33: a client that has the current version
--- config
    location = /callback {
        zego_callback zone=live;
    }

    location /live/ {
        zego_status zone=live;
    }

    location = /etag {
        proxy_pass http://127.0.0.1:$server_port/live/rooms/a;
    }

    location = /same {
        auth_request /etag;
        auth_request_set $etag $upstream_http_etag;
        proxy_pass http://127.0.0.1:$server_port/live/rooms/a;
        proxy_set_header If-None-Match $etag;
    }

    location = /other {
        auth_request /etag;
        auth_request_set $etag $upstream_http_etag;
        proxy_pass http://127.0.0.1:$server_port/live/rooms/b;
        proxy_set_header If-None-Match $etag;
    }
--- request eval
[main::rooms('a', 'b'), 'GET /same', 'GET /other']
--- error_code eval
[200, 200, 304, 200]
--- response_headers_like eval
['ETag: ', 'ETag: ', 'ETag: "[0-9a-f]{16}-1"', 'ETag: "[0-9a-f]{16}-2"']
--- response_body_like eval
['^$', '^$', '^$', '"RoomID":"b"']


=== TEST 34: slashes between the prefix and the path are one
--- config
    location = /callback {
        zego_callback zone=live;
    }

    location /live/ {
        zego_status zone=live;
    }

    location /list {
        zego_status zone=live;
    }
--- request eval
[main::rooms('a'), 'GET /live//rooms/a', 'GET /list/rooms/a',
 'GET /list//rooms/a', 'GET /listrooms/a']
--- error_code eval
[200, 200, 200, 200, 404]
--- response_body_like eval
['^$', ('"RoomID":"a"') x 3, 'not_found']

# What changed: how it is asked for, and what is answered at once.

use lib 't/lib';
use Test::Nginx::Socket;
use Zego;

# a callback here is answered with the changes from the first one on
our $http = $Zego::zones . q{
    map $zego_version $epoch {
        "~^(?<e>[0-9a-f]+)-"  $e;
    }
    map $zego_version $revision {
        "~-(?<n>\d+)$"  $n;
    }
};

our $config = q{
    location = /callback {
        zego_callback zone=live;
    }
    location = /since {
        zego_callback zone=live pass;
        proxy_pass http://127.0.0.1:$server_port/live/$arg_path?after=$epoch-$arg_from&$args;
        proxy_method GET;
        proxy_pass_request_body off;
        proxy_set_header Content-Length "";
    }
    location = /now {
        zego_callback zone=live pass;
        proxy_pass http://127.0.0.1:$server_port/live/$arg_path?after=$epoch-$revision&$args;
        proxy_method GET;
        proxy_pass_request_body off;
        proxy_set_header Content-Length "";
    }
    location /live/ {
        zego_status zone=live;
    }
};

sub since {
    my ($args, @callback) = @_;
    return "POST /since?path=changes&from=0&$args\n" . Zego::callback(@callback);
}

# the members that tell of each change in order
sub page {
    my ($more, @changes) = @_;
    my $list = join ',', map {
        my ($revision, $type, $kind, $event, $key) = @$_;
        qr/\{"Revision":$revision,"Type":"$type","Kind":"$kind","Key":\{"AppId":\d+,"RoomID":"[^"]*"$key\},"Object":(?:null|\{(?:[^{}]|\{[^{}]*\})*\}),"Event":"$event"\}/
    } @changes;
    return qr/^\{"ChangeList":\[$list\],"Version":"[0-9a-f]{16}-\d+","More":$more\}$/;
}

our $room = '{"AppId":1,"RoomID":"room1"}';
our $info = '"AppId":1,"RoomID":"room1","RoomSessionId":"1234567","RoomCreateTime":1687981270000,"Creator":"user1"';
our $none = '"Complete":true,"Missing":{"StreamSeq":[],"UserUpdateSeq":[]}';

plan tests => repeat_each() * 257;

run_tests();

__DATA__

=== TEST 1: whole objects, and what did it
--- http_config eval: $::http
--- config eval: $::config
--- request eval
[Zego::post('room_create'), Zego::post('stream_create'),
 main::since('', 'room_login')]
--- response_body_like eval
['^$', '^$', '^' . quotemeta('{"ChangeList":['
 . "{\"Revision\":1,\"Type\":\"put\",\"Kind\":\"room\",\"Key\":$main::room,\"Object\":{$main::info,\"StreamCount\":0,\"UserCount\":0,$main::none},\"Event\":\"room_create\"},"
 . "{\"Revision\":2,\"Type\":\"put\",\"Kind\":\"room\",\"Key\":$main::room,\"Object\":{$main::info,\"StreamCount\":1,\"UserCount\":0,$main::none},\"Event\":\"stream_create\"},"
 . '{"Revision":2,"Type":"put","Kind":"stream","Key":{"AppId":1,"RoomID":"room1","StreamId":"stream1"},"Object":{"StreamId":"stream1","StreamSid":"s-1","StreamSeq":1,"StreamCreateTime":1687981272742,"UserId":"user1","UserName":"user1_name","ExtraInfo":null},"Event":"stream_create"},'
 . "{\"Revision\":3,\"Type\":\"put\",\"Kind\":\"room\",\"Key\":$main::room,\"Object\":{$main::info,\"StreamCount\":1,\"UserCount\":1,$main::none},\"Event\":\"room_login\"},"
 . '{"Revision":3,"Type":"put","Kind":"user","Key":{"AppId":1,"RoomID":"room1","UserId":"user1"},"Object":{"UserId":"user1","UserName":"user1_name","UserSessionId":"11","UserLoginTime":1687981271000,"UserRole":1,"UserUpdateSeq":1},"Event":"room_login"}'
 . '],"Version":"') . '[0-9a-f]{16}-3","More":false\}$']


=== TEST 2: what goes, and what goes with it
--- http_config eval: $::http
--- config eval: $::config
--- request eval
[Zego::post('room_create'), Zego::post('stream_create'),
 Zego::post('room_login'), Zego::post('stream_close'),
 Zego::post('room_logout'), main::since('', 'room_close')]
--- response_body_like eval
[('^$') x 5,
 main::page('false',
            [1, 'put', 'room', 'room_create', ''],
            [2, 'put', 'room', 'stream_create', ''],
            [2, 'put', 'stream', 'stream_create', ',"StreamId":"stream1"'],
            [3, 'put', 'room', 'room_login', ''],
            [3, 'put', 'user', 'room_login', ',"UserId":"user1"'],
            [4, 'put', 'room', 'stream_close', ''],
            [4, 'delete', 'stream', 'stream_close', ',"StreamId":"stream1"'],
            [5, 'put', 'room', 'room_logout', ''],
            [5, 'delete', 'user', 'room_logout', ',"UserId":"user1"'],
            [6, 'delete', 'room', 'room_close', ''])]


=== TEST 3: a hole, and its end
--- http_config eval: $::http
--- config eval: $::config
--- request eval
[Zego::post('room_create'),
 Zego::post('stream_create', stream_id => 'b', stream_seq => '2'),
 main::since('', 'stream_create')]
--- response_body_like eval
['^$', '^$',
 quotemeta('"StreamCount":1,"UserCount":0,"Complete":false,"Missing":{"StreamSeq":[[1,1]],"UserUpdateSeq":[]}},"Event":"stream_create"')
 . '.*"StreamCount":2,"UserCount":0,"Complete":true,']


=== TEST 4: a new life of a room begins with the end of the old one
--- http_config eval: $::http
--- config eval: $::config
--- request eval
[Zego::post('room_create'), Zego::post('stream_create'),
 main::since('', 'room_create', room_session_id => \2,
             room_create_time => '1687981280000')]
--- response_body_like eval
['^$', '^$',
 main::page('false',
            [1, 'put', 'room', 'room_create', ''],
            [2, 'put', 'room', 'stream_create', ''],
            [2, 'put', 'stream', 'stream_create', ',"StreamId":"stream1"'],
            [3, 'delete', 'room', 'room_create', ''],
            [3, 'put', 'room', 'room_create', ''])]


=== TEST 5: a room that was not listed comes with all that is in it
--- http_config eval: $::http
--- config eval: $::config
--- request eval
[Zego::post('room_create'),
 Zego::post('stream_create', room_session_id => '2',
            create_time_ms => '1687981260000'),
 Zego::post('stream_create', room_session_id => '2', stream_id => 'stream2',
            stream_seq => '2', create_time_ms => '1687981260000'),
 main::since('', 'room_create', room_session_id => \2,
             room_create_time => '1687981280000')]
--- response_body_like eval
['^$', '^$', '^$',
 main::page('false',
            [1, 'put', 'room', 'room_create', ''],
            [2, 'delete', 'room', 'room_create', ''],
            [2, 'put', 'room', 'room_create', ''],
            [2, 'put', 'stream', 'room_create', ',"StreamId":"stream1"'],
            [2, 'put', 'stream', 'room_create', ',"StreamId":"stream2"'])]


=== TEST 6: what changes nothing is no change
--- http_config eval: $::http
--- config eval: $::config
--- request eval
[Zego::post('room_create'), Zego::post('room_create'),
 Zego::post('room_close', room_session_id => \3,
            room_close_time => '1687981260000'),
 main::since('', 'room_create')]
--- response_body_like eval
[('^$') x 3, main::page('false', [1, 'put', 'room', 'room_create', ''])]


=== TEST 7: pages, of whole revisions
--- http_config eval: $::http
--- config eval: $::config
--- request eval
[Zego::post('room_create'), Zego::post('stream_create'),
 main::since('limit=1', 'room_login'),
 "POST /since?path=changes&from=1&limit=1\n" . Zego::callback('room_login'),
 "POST /since?path=changes&from=1&limit=3\n" . Zego::callback('room_login'),
 "POST /since?path=changes&from=2&limit=1\n" . Zego::callback('room_login'),
 "POST /since?path=changes&from=3&limit=1\n" . Zego::callback('room_login'),
 main::since('limit=3', 'room_login')]
--- response_body_like eval
['^$', '^$',
 main::page('true', [1, 'put', 'room', 'room_create', '']),
 main::page('true', [2, 'put', 'room', 'stream_create', ''],
            [2, 'put', 'stream', 'stream_create', ',"StreamId":"stream1"']),
 main::page('true', [2, 'put', 'room', 'stream_create', ''],
            [2, 'put', 'stream', 'stream_create', ',"StreamId":"stream1"']),
 main::page('false', [3, 'put', 'room', 'room_login', ''],
            [3, 'put', 'user', 'room_login', ',"UserId":"user1"']),
 '^\{"ChangeList":\[\],"Version":"[0-9a-f]{16}-3","More":false\}$',
 main::page('true', [1, 'put', 'room', 'room_create', ''],
            [2, 'put', 'room', 'stream_create', ''],
            [2, 'put', 'stream', 'stream_create', ',"StreamId":"stream1"'])]


=== TEST 8: of one room, of one app
--- http_config eval: $::http
--- config eval: $::config
--- request eval
[Zego::post('room_create', appid => \2), Zego::post('room_create'),
 Zego::post('room_create', room_id => 'room2'),
 "POST /since?path=rooms/room2&from=0\n" . Zego::callback('room_create'),
 "POST /since?path=rooms/room1&from=0&appid=2\n"
 . Zego::callback('room_create'),
 "POST /since?path=rooms/none&from=0\n" . Zego::callback('room_create'),
 main::since('appid=1', 'room_create')]
--- response_body_like eval
['^$', '^$', '^$',
 '^\{"ChangeList":\[\{"Revision":3,[^]]*\],"UserUpdateSeq":\[\]\}\},"Event":"room_create"\}\],"Version":"[0-9a-f]{16}-3"',
 '^\{"ChangeList":\[\{"Revision":1,[^]]*\],"UserUpdateSeq":\[\]\}\},"Event":"room_create"\}\],"Version":"[0-9a-f]{16}-3"',
 '^\{"ChangeList":\[\],"Version":"[0-9a-f]{16}-3","More":false\}$',
 '^\{"ChangeList":\[\{"Revision":2,.*"Revision":3,']


=== TEST 9: nothing comes in the time that is waited
--- http_config eval: $::http
--- config eval: $::config
--- request eval
"POST /now?path=changes&wait=10ms\n" . Zego::callback('room_create')
--- response_body_like: ^\{"ChangeList":\[\],"Version":"[0-9a-f]{16}-1","More":false\}$


=== TEST 10: what is there is not waited for
--- http_config eval: $::http
--- config eval: $::config
--- request eval
main::since('wait=5m', 'room_create')
--- response_headers
Cache-Control: no-cache
Vary: Accept
--- response_body_like eval
main::page('false', [1, 'put', 'room', 'room_create', ''])


=== TEST 11: versions that are not known
--- http_config eval: $::http
--- config eval: $::config
--- request eval
["POST /since?path=changes&from=2\n" . Zego::callback('room_create'),
 'GET /live/changes?after=0123456789abcdef-0',
 'GET /live/rooms/room1?after=0123456789abcdef-1&wait=5m']
--- error_code eval
[410, 410, 410]
--- response_headers eval
[('Cache-Control: no-store') x 3]
--- response_body eval
['{"Reason":"expired"}', '{"Reason":"epoch"}', '{"Reason":"epoch"}']


=== TEST 12: arguments that are impossible
--- request eval
['GET /live/rooms/room1?after=', 'GET /live/changes?after=1',
 'GET /live/changes?after=0123456789abcdef-',
 'GET /live/changes?after=0123456789abcdeg-1',
 'GET /live/changes?after=0123456789abcdef-x',
 'GET /live/changes?after=0123456789abcdef-99999999999999999999',
 'GET /live/changes?after=0123456789abcdef-1&limit=0',
 'GET /live/changes?after=0123456789abcdef-1&limit=1001',
 'GET /live/changes?after=0123456789abcdef-1&wait=x',
 'GET /live/changes?after=0123456789abcdef-1&wait=301s',
 'GET /live/changes?after=0123456789abcdef-1&appid=x',
 'GET /live/rooms/room1?after=%4']
--- error_code eval
[(400) x 12]
--- response_body eval
[('{"Reason":"invalid","Field":"after"}') x 6,
 ('{"Reason":"invalid","Field":"limit"}') x 2,
 ('{"Reason":"invalid","Field":"wait"}') x 2,
 '{"Reason":"invalid","Field":"appid"}',
 '{"Reason":"invalid","Field":"after"}']


=== TEST 13: a room id of several apps
--- request eval
[Zego::post('room_create', appid => \2), Zego::post('room_create'),
 'GET /live/rooms/room1?after=0123456789abcdef-1',
 'GET /live/rooms/room1?after=0123456789abcdef-1&appid=2',
 'GET /live/rooms/room1']
--- more_headers eval
['', '', '', '', 'Accept: text/event-stream']
--- error_code eval
[200, 200, 400, 410, 400]
--- response_body eval
['', '', '{"Reason":"missing","Field":"appid"}', '{"Reason":"epoch"}',
 '{"Reason":"missing","Field":"appid"}']


=== TEST 14: nothing below it
--- request eval
['GET /live/changes/', 'GET /live/changes/a', 'GET /live/change']
--- error_code eval
[404, 404, 404]


=== TEST 15: HEAD
--- http_config eval: $::http
--- config eval: $::config
--- request
HEAD /live/changes
--- more_headers
Accept: text/event-stream
--- response_headers
Content-Type: text/event-stream
Cache-Control: no-cache
Vary: Accept
X-Accel-Buffering: no
--- response_body:


=== TEST 16: a stream of events from no version that can be
--- request eval
['GET /live/changes', 'GET /live/changes?after=1',
 'GET /live/rooms/room1?last_event_id=1']
--- more_headers eval
["Accept: text/event-stream\nLast-Event-ID: x",
 'Accept: text/html, text/event-stream;q=0.9', 'Accept: Text/Event-Stream']
--- error_code eval
[400, 400, 400]
--- response_body eval
['{"Reason":"invalid","Field":"last_event_id"}',
 '{"Reason":"invalid","Field":"after"}',
 '{"Reason":"invalid","Field":"last_event_id"}']


=== TEST 17: a method that it has not
--- request
DELETE /live/changes
--- error_code: 405
--- response_headers
Allow: GET, HEAD


=== TEST 18: what changes in a room comes with the room, be it as it was
--- http_config eval: $::http
--- config eval: $::config
--- request eval
[Zego::post('room_create'), Zego::post('room_login'),
 Zego::post('stream_create'),
 Zego::post('room_login', session_id => '12', user_update_seq => '2',
            login_time => '1687981272000'),
 main::since('limit=1', 'room_create'),
 "POST /since?path=changes&from=3\n"
 . Zego::callback('stream_create', stream_seq => '2')]
--- response_body_like eval
[('^$') x 4,
 main::page('true', [1, 'put', 'room', 'room_create', '']),
 main::page('false',
            [4, 'put', 'room', 'room_login', ''],
            [4, 'put', 'user', 'room_login', ',"UserId":"user1"'],
            [5, 'put', 'room', 'stream_create', ''],
            [5, 'put', 'stream', 'stream_create', ',"StreamId":"stream1"'])]


=== TEST 19: all that is listed, as what was put
--- http_config eval: $::http
--- config eval: $::config
--- request eval
['GET /live/changes', Zego::post('room_create'), Zego::post('stream_create'),
 Zego::post('room_login'), Zego::post('room_create', room_id => 'room2'),
 Zego::post('stream_close'), 'GET /live/changes?wait=5m',
 'GET /live/changes?after=&limit=1', 'GET /live/changes?appid=2']
--- response_body_like eval
['^\{"ChangeList":\[\],"Version":"[0-9a-f]{16}-0","More":true\}$',
 ('^$') x 5,
 ('^' . quotemeta('{"ChangeList":['
 . "{\"Revision\":5,\"Type\":\"put\",\"Kind\":\"room\",\"Key\":$main::room,\"Object\":{$main::info,\"StreamCount\":0,\"UserCount\":1,$main::none},\"Event\":null},"
 . '{"Revision":3,"Type":"put","Kind":"user","Key":{"AppId":1,"RoomID":"room1","UserId":"user1"},"Object":{"UserId":"user1","UserName":"user1_name","UserSessionId":"11","UserLoginTime":1687981271000,"UserRole":1,"UserUpdateSeq":1},"Event":null},'
 . '{"Revision":4,"Type":"put","Kind":"room",') . '.*\],"Version":"[0-9a-f]{16}-5","More":true\}$') x 2,
 '^\{"ChangeList":\[\],']
--- response_headers eval
[('') x 6, "Vary: Accept\nCache-Control: no-cache", '', '']

# Callbacks: every kind of body, every verdict, every refusal.

use lib 't/lib';
use Test::Nginx::Socket;
use Zego;

plan tests => repeat_each() * 632;

run_tests();

__DATA__

=== TEST 1: the documented stream_create
--- http_config
    zego_zone zone=live:1m;
--- request eval
['POST /callback
{"event":"stream_create","appid":"1","timestamp":"1687981272","nonce":"7254119327986670314","signature":"none","room_id":"room1","room_session_id":"1234567","user_id":"user1","user_name":"user1_name","channel_id":"0xb-0x1","stream_id":"stream_id","stream_sid":"s-115205136669740000000000104","title":"title","stream_alias":"aaa","stream_attr":"{\"cid\":0}","stream_seq":"01","create_time":"1687981272","create_time_ms":"1687981272742","extra_info":"extra","recreate":"0","publish_id":"publish","publish_name":"publish_name","rtmp_url":["rtmp://a.example/live"],"hls_url":["http://a.example/live.m3u8"],"hdl_url":["http://a.example/live.flv"],"pic_url":["http://a.example/live.jpg"]}',
 'GET /live/rooms/room1']
--- response_body eval
['',
 Zego::room('"RoomInfo":{"AppId":1,"RoomID":"room1","RoomSessionId":"1234567","RoomCreateTime":null,"Creator":null,"StreamCount":1,"UserCount":0},"StreamList":[{"StreamId":"stream_id","StreamSid":"s-115205136669740000000000104","StreamSeq":1,"StreamCreateTime":1687981272742,"UserId":"user1","UserName":"user1_name","ExtraInfo":"extra"}],"UserList":[],"Complete":true,"Missing":{"StreamSeq":[],"UserUpdateSeq":[]}}')]


=== TEST 2: the documented stream_close
--- http_config
    zego_zone zone=live:1m;
--- request eval
[Zego::post(stream_create => stream_id => 'stream_id'),
 'POST /callback
{"event":"stream_close","appid":"1","timestamp":"1687981272","nonce":"7254119327986670314","signature":"none","room_id":"room1","room_session_id":"1234567","user_id":"user1","user_name":"user1_name","channel_id":"0xb-0x1","stream_id":"stream_id","stream_sid":"s-115205136669740000000000104","stream_alias":"aaa","stream_seq":"02","create_time_ms":"1687981272742","destroy_timemillis":"1688100000000","third_define_data":"{\"a\":\"b\"}","type":"0"}',
 'GET /live/streams/stream_id']
--- response_body eval
['', '', '[]']


=== TEST 3: the documented room_create
--- http_config
    zego_zone zone=live:1m;
--- request eval
['POST /callback
{"event":"room_create","appid":1,"timestamp":1687981272,"nonce":"350176","signature":"none","room_id":"room1","room_session_id":858012925204410400,"room_create_time":"1687981272742","id_name":"user1"}',
 'GET /live/rooms/room1']
--- response_body eval
['',
 Zego::room('"RoomInfo":{"AppId":1,"RoomID":"room1","RoomSessionId":"858012925204410400","RoomCreateTime":1687981272742,"Creator":"user1","StreamCount":0,"UserCount":0},"StreamList":[],"UserList":[],"Complete":true,"Missing":{"StreamSeq":[],"UserUpdateSeq":[]}}')]


=== TEST 4: the documented room_close
--- http_config
    zego_zone zone=live:1m;
--- request eval
[Zego::post(room_create => room_session_id => \'858012925204410400'),
 'POST /callback
{"event":"room_close","appid":1,"close_reason":0,"nonce":"350176","room_close_time":"1687981300000","room_id":"room1","room_session_id":858012925204410400,"signature":"none","timestamp":1687981300}',
 'GET /live/rooms/room1']
--- error_code eval
[200, 200, 404]
--- response_body eval
['', '', '{"Reason":"not_found"}']


=== TEST 5: the documented room_login
--- http_config
    zego_zone zone=live:1m;
--- request eval
['POST /callback
{"event":"room_login","appid":"1","timestamp":"1687981272","nonce":"350176","signature":"none","room_id":"room1","room_name":"room one","room_seq":"858012925204410400","user_account":"user1","user_nickname":"user1_name","session_id":"858012925204410401","login_time":"1687981272742","user_role":1,"relogin":0,"user_update_seq":1,"auth_level":0,"term_type":"5","callback_data":"{}"}',
 'GET /live/rooms/room1']
--- response_body eval
['',
 Zego::room('"RoomInfo":{"AppId":1,"RoomID":"room1","RoomSessionId":"858012925204410400","RoomCreateTime":null,"Creator":null,"StreamCount":0,"UserCount":1},"StreamList":[],"UserList":[{"UserId":"user1","UserName":"user1_name","UserSessionId":"858012925204410401","UserLoginTime":1687981272742,"UserRole":1,"UserUpdateSeq":1}],"Complete":true,"Missing":{"StreamSeq":[],"UserUpdateSeq":[]}}')]


=== TEST 6: the documented room_logout
--- http_config
    zego_zone zone=live:1m;
--- request eval
[Zego::post('room_login'),
 'POST /callback
{"event":"room_logout","appid":"1","timestamp":"1687981272","nonce":"350176","signature":"none","room_id":"room1","room_seq":"1234567","user_account":"user1","user_nickname":"user1_name","session_id":"11","login_time":"1687981271000","logout_time":"1687981298000","user_role":1,"user_update_seq":2,"reason":0}',
 'GET /live/users/user1']
--- response_body eval
['', '', '[]']


=== TEST 7: JSON that is percent-encoded as a whole
--- request eval
['POST /callback
' . Zego::percent(stream_create => stream_id => "caf\xc3\xa9 {1}+"),
 'POST /callback
%7b%22event%22:%22room_create%22,"appid":1,"room_id":"room1","room_session_id":1234567,"room_create_time":"1687981270000","id_name":"a+b%2Bc","timestamp":"1470820198","nonce":"123412","signature":"5bd59fd62953a8059fb7eaba95720f66d19e4517"%7D',
 'GET /live/rooms/room1']
--- response_body_like eval
['^$', '^$', qr/"Creator":"a b\+c".*"StreamId":"caf\xc3\xa9 \{1\}\+"/]


=== TEST 8: an escape that is none, in percent-encoded JSON
--- request eval
[map { "POST /callback\n%7B%22event%22$_%22room_create%22%7D" }
     '%3', '%3g', '%', '%7D']
--- error_code eval
[400, 400, 400, 400]
--- response_body eval
['{"Reason":"syntax"}', '{"Reason":"syntax"}', '{"Reason":"syntax"}',
 '{"Reason":"syntax"}']


=== TEST 9: a form
--- request eval
['POST /callback
' . Zego::form(stream_create => stream_id => "caf\xc3\xa9 {1}+&="),
 'POST /callback
event=room_create&appid=1&room_id=room1&room_session_id=1234567&room_create_time=1687981270000&id_name=a+b%2bc&title&=&timestamp=1470820198&nonce=123412&signature=5bd59fd62953a8059fb7eaba95720f66d19e4517&',
 'GET /live/rooms/room1']
--- response_body_like eval
['^$', '^$', qr/"Creator":"a b\+c".*"StreamId":"caf\xc3\xa9 \{1\}\+&="/]


=== TEST 10: an escape that is none, in a form
--- request eval
[map { "POST /callback\nevent=room_create&appid=$_&room_id=r" }
     '%3', '%3g', '%']
--- error_code eval
[400, 400, 400]
--- response_body eval
['{"Reason":"syntax"}', '{"Reason":"syntax"}', '{"Reason":"syntax"}']


=== TEST 11: the kind of a body is seen in it, whatever Content-Type says
--- request eval
["POST /callback\n" . Zego::form('room_create', room_id => 'form'),
 "POST /callback\n" . Zego::percent('room_create', room_id => 'percent'),
 "POST /callback\n" . Zego::callback('room_create', room_id => 'json'),
 'GET /live/rooms?detail=counts']
--- more_headers eval
['Content-Type: application/json',
 'Content-Type: text/html; charset=gb2312',
 'Content-Type: application/x-www-form-urlencoded',
 '']
--- response_body_like eval
['^$', '^$', '^$', '"form".*"json".*"percent"']


=== TEST 12: white space around JSON
--- raw_request eval
my $body = " \r\n\t" . Zego::callback('room_create') . "\r\n \t";
"POST /callback HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
. "Content-Length: " . length($body) . "\r\n\r\n$body"
--- response_headers
X-Verdict: applied
--- response_body:


=== TEST 13: numbers of 64 bits survive, as numbers and as strings
--- request eval
[Zego::post(room_create => room_id => 'a',
            room_session_id => \'858012925204410400'),
 Zego::post(room_create => room_id => 'b',
            room_session_id => \'18446744073709551615'),
 Zego::post(room_create => room_id => 'c',
            room_session_id => '9007199254740993'),
 "POST /callback\n" . Zego::form(stream_create => room_id => 'd',
            room_session_id => '18446744073709551615'),
 Zego::post(room_login => room_id => 'e',
            room_seq => '18446744073709551614',
            session_id => \'18446744073709551615'),
 'GET /live/rooms']
--- response_body_like eval
['^$', '^$', '^$', '^$', '^$',
 '"858012925204410400".*"18446744073709551615".*"9007199254740993".*'
 . '"18446744073709551615".*"18446744073709551614".*'
 . '"UserSessionId":"18446744073709551615"']


=== TEST 14: numbers of more than 64 bits are refused
--- request eval
[Zego::post(room_create => room_session_id => \'18446744073709551616'),
 Zego::post(room_create => room_session_id => '99999999999999999999'),
 Zego::post(room_create => appid => \4294967296),
 Zego::post(stream_create => stream_seq => '18446744073709551616'),
 Zego::post(room_login => session_id => '18446744073709551616'),
 Zego::post(room_create => room_create_time => '18446744073709551615')]
--- error_code eval
[400, 400, 400, 400, 400, 400]
--- response_body eval
['{"Reason":"invalid","Field":"room_session_id"}',
 '{"Reason":"invalid","Field":"room_session_id"}',
 '{"Reason":"invalid","Field":"appid"}',
 '{"Reason":"invalid","Field":"stream_seq"}',
 '{"Reason":"invalid","Field":"session_id"}',
 '{"Reason":"invalid","Field":"room_create_time"}']


=== TEST 15: numbers with leading zeros are decimal
--- request eval
[Zego::post(stream_create => stream_seq => '0010', room_session_id => '017'),
 'GET /live/rooms/room1']
--- response_body_like eval
['^$', '"RoomSessionId":"17".*"StreamSeq":10,']


=== TEST 16: what the pages show as strings may be numbers, and the reverse
--- request eval
[Zego::post(stream_create => appid => \1, room_session_id => \1234567,
            stream_seq => \1, create_time_ms => \1687981272742),
 Zego::post(room_create => appid => '1', room_session_id => '1234567',
            room_create_time => \1687981270000),
 Zego::post(room_login => appid => \1, room_seq => \1234567,
            session_id => \11, login_time => \1687981271000,
            user_role => \2, user_update_seq => '1'),
 'GET /live/rooms']
--- response_body_like eval
['^$', '^$', '^$',
 '"AppId":1,.*"RoomSessionId":"1234567","RoomCreateTime":1687981270000,.*'
 . '"StreamSeq":1,"StreamCreateTime":1687981272742,.*'
 . '"UserSessionId":"11","UserLoginTime":1687981271000,"UserRole":2,'
 . '"UserUpdateSeq":1']


=== TEST 17: what is no unsigned integer is refused
--- request eval
[map { Zego::post(stream_create => stream_seq => $_) }
     \'1.0', \'1e3', \'-1', '0x10', ' 1', '1 ', 'one', \'true', \'[1]',
     \'{"a":1}']
--- error_code eval
[(400) x 10]
--- response_body eval
[('{"Reason":"invalid","Field":"stream_seq"}') x 10]


=== TEST 18: stream callbacks without a required field
--- request eval
[map { Zego::post(stream_create => $_ => undef) }
     qw(appid room_id room_session_id stream_id stream_seq)]
--- error_code eval
[(400) x 5]
--- response_body eval
[map { qq({"Reason":"missing","Field":"$_"}) }
     qw(appid room_id room_session_id stream_id stream_seq)]


=== TEST 19: room callbacks without a required field
--- request eval
[(map { Zego::post(room_create => $_ => undef) }
      qw(appid room_id room_session_id room_create_time)),
 Zego::post(room_close => room_close_time => undef)]
--- error_code eval
[(400) x 5]
--- response_body eval
[map { qq({"Reason":"missing","Field":"$_"}) }
     qw(appid room_id room_session_id room_create_time room_close_time)]


=== TEST 20: user callbacks without a required field
--- request eval
[(map { Zego::post(room_login => $_ => undef) }
      qw(appid room_id room_seq user_account session_id login_time)),
 (map { Zego::post(room_logout => $_ => undef) } qw(session_id login_time))]
--- error_code eval
[(400) x 8]
--- response_body eval
[map { qq({"Reason":"missing","Field":"$_"}) }
     qw(appid room_id room_seq user_account session_id login_time
        session_id login_time)]


=== TEST 21: an empty string and null are as good as nothing
--- request eval
[Zego::post(room_create => room_id => ''),
 Zego::post(room_create => room_id => \'null'),
 "POST /callback\n" . Zego::form(room_create => room_id => ''),
 Zego::post(room_create => id_name => \'null')]
--- error_code eval
[400, 400, 400, 200]
--- response_body eval
['{"Reason":"missing","Field":"room_id"}',
 '{"Reason":"missing","Field":"room_id"}',
 '{"Reason":"missing","Field":"room_id"}',
 '']


=== TEST 22: strings of the vendor's greatest length, and longer ones
--- request eval
[Zego::post(stream_create => room_id => 'r' x 127, stream_id => 's' x 255,
            user_id => 'u' x 255, user_name => 'n' x 255),
 Zego::post(stream_create => room_id => 'r' x 128),
 Zego::post(stream_create => stream_id => 's' x 256),
 Zego::post(stream_create => user_id => 'u' x 256),
 Zego::post(stream_create => user_name => 'n' x 256),
 Zego::post(room_login => user_account => 'u' x 256)]
--- error_code eval
[200, (400) x 5]
--- response_body eval
['', map { qq({"Reason":"invalid","Field":"$_"}) }
         qw(room_id stream_id user_id user_name user_account)]


=== TEST 23: strings that are none
--- request eval
[Zego::post(room_create => room_id => \'true'),
 Zego::post(room_create => room_id => \'["room1"]'),
 Zego::post(room_create => room_id => \'{"id":"room1"}')]
--- error_code eval
[(400) x 3]
--- response_body eval
[('{"Reason":"invalid","Field":"room_id"}') x 3]


=== TEST 24: older names serve where newer ones are absent
--- request eval
[Zego::post(stream_create => stream_id => undef, stream_alias => 'alias',
            user_id => undef, publish_id => 'publisher',
            user_name => undef, publish_name => 'publisher_name',
            create_time_ms => undef, create_time => '1687981272'),
 'GET /live/rooms/room1']
--- response_body_like eval
['^$',
 '"StreamId":"alias",.*"StreamCreateTime":1687981272000,'
 . '"UserId":"publisher","UserName":"publisher_name"']


=== TEST 25: newer names are preferred
--- request eval
[Zego::post(stream_create => stream_alias => 'alias',
            publish_id => 'publisher', publish_name => 'publisher_name',
            create_time => '1'),
 'GET /live/rooms/room1']
--- response_body_like eval
['^$',
 '"StreamId":"stream1",.*"StreamCreateTime":1687981272742,'
 . '"UserId":"user1","UserName":"user1_name"']


=== TEST 26: of a name given twice the last one counts
--- request eval
[Zego::post(room_create => room_id => \'"first","room_id":"last"'),
 "POST /callback\nroom_id=first&" . Zego::form(room_create => room_id => 'f'),
 'GET /live/rooms?detail=counts']
--- response_body_like eval
['^$', '^$', '"RoomID":"f",.*"RoomID":"last",']


=== TEST 27: fields of no interest are skipped, whatever they hold
--- request eval
[Zego::post(room_create => more => \'{"room_id":[{"room_id":"x"},null]}',
            'room_i' => 'x', 'room_idd' => 'x', 'n' x 4096 => 'v' x 4096,
            number => \'-1.5e-300', t => \'true', n => \'null'),
 'GET /live/rooms?detail=counts']
--- response_body_like eval
['^$', '"RoomList":\[\{"RoomInfo":\{"AppId":1,"RoomID":"room1",[^\[]*\]']


=== TEST 28: escapes in JSON
--- request eval
[Zego::post(room_create => room_id => \'"a\u00e9\ud83d\ude00\/\"\\\\\n"'),
 'GET /live/rooms?detail=counts']
--- response_body_like eval
['^$', qr/"RoomID":"a\xc3\xa9\xf0\x9f\x98\x80\/\\"\\\\\\n",/]


=== TEST 29: invalid UTF-8, NUL and half a surrogate pair are refused
--- request eval
[Zego::post(room_create => room_id => "a\xff"),
 Zego::post(room_create => room_id => "a\xc3"),
 Zego::post(room_create => room_id => "\xc0\xaf"),
 Zego::post(room_create => room_id => "\xed\xa0\x80"),
 Zego::post(room_create => room_id => \'"a\u0000b"'),
 Zego::post(room_create => room_id => \'"a\ud83d"'),
 Zego::post(room_create => room_id => \'"a\ude00"'),
 Zego::post(room_create => room_id => \"\"a\0b\""),
 "POST /callback\n" . Zego::percent(room_create => room_id => "a\xff"),
 "POST /callback\n" . Zego::form(room_create => room_id => "a\xff"),
 "POST /callback\n" . Zego::form(room_create => room_id => "a\0b"),
 "POST /callback\n" . Zego::form(room_create => "more\xff" => 'x')]
--- error_code eval
[(400) x 12]
--- response_body eval
[('{"Reason":"utf8"}') x 12]


=== TEST 30: nesting is bounded
--- request eval
[Zego::post(room_create => more => \('[' x 6 . ']' x 6)),
 Zego::post(room_create => more => \('[' x 10000 . ']' x 10000)),
 Zego::post(room_create => more => \('{"a":' x 10000 . '1' . '}' x 10000))]
--- error_code eval
[200, 400, 400]
--- response_body eval
['', '{"Reason":"nesting"}', '{"Reason":"nesting"}']


=== TEST 31: neither JSON nor anything that says which event it is
--- request eval
["POST /callback",
 "POST /callback\n{",
 "POST /callback\n{\"event\":\"room_create\"",
 "POST /callback\n{\"event\":\"room_create\"}}",
 "POST /callback\n{\"event\":\"room_create\"} {}",
 "POST /callback\n{\"event\":\"room_create\"}\"",
 "POST /callback\n{event:\"room_create\"}",
 "POST /callback\n{\"event\":\"room_create\",}",
 "POST /callback\n{\"event\":\"room_create\" /* */}",
 "POST /callback\n%7B",
 "POST /callback\n%7"]
--- error_code eval
[(400) x 11]
--- response_body eval
[('{"Reason":"syntax"}') x 11]


=== TEST 32: a body without an event
--- request eval
["POST /callback\n{}",
 "POST /callback\n[{\"event\":\"room_create\"}]",
 "POST /callback\n\"event\"",
 "POST /callback\nhello",
 Zego::post('', event => undef)]
--- error_code eval
[(400) x 5]
--- response_body eval
[('{"Reason":"missing","Field":"event"}') x 5]


=== TEST 33: an event that is no string
--- request eval
["POST /callback\n{\"event\":1}",
 "POST /callback\n{\"event\":[\"room_create\"]}",
 "POST /callback\n{\"event\":true}"]
--- error_code eval
[(400) x 3]
--- response_body eval
[('{"Reason":"invalid","Field":"event"}') x 3]


=== TEST 34: other events are ignored, whatever they lack
--- request eval
["POST /callback\n{\"event\":\"record_finish\"}",
 "POST /callback\nevent=stream_censor_result&appid=none",
 "POST /callback\n{\"event\":\"room_created\",\"appid\":9}",
 "POST /callback\n{\"event\":\"Room_create\",\"signature\":\"wrong\"}",
 "POST /callback\n{\"Event\":\"CloudRecorder\",\"AppId\":1,\"Timestamp\":1}",
 'GET /live/rooms']
--- response_headers eval
[('X-Verdict: ignored') x 5, 'Content-Type: application/json']
--- response_body_like eval
[('^$') x 5, '-0",.*"RoomList":\[\]']


=== TEST 35: applied, duplicate, recorded, stale
--- request eval
[Zego::post('stream_create', stream_seq => '3'),
 Zego::post('stream_create', stream_seq => '3'),
 Zego::post('stream_close', stream_seq => '2'),
 Zego::post('stream_close', stream_seq => '4'),
 Zego::post('stream_close', stream_seq => '4'),
 Zego::post('stream_create', stream_seq => '3'),
 Zego::post('room_close'),
 Zego::post('room_close')]
--- response_headers eval
['X-Verdict: applied',
 'X-Verdict: duplicate',
 'X-Verdict: stale',
 'X-Verdict: applied',
 'X-Verdict: duplicate',
 'X-Verdict: stale',
 'X-Verdict: recorded',
 'X-Verdict: duplicate']
--- response_body eval
[('') x 8]


=== TEST 36: the documented example: create 1, create 3, close 2
--- request eval
[Zego::post('stream_create', stream_seq => '1'),
 Zego::post('stream_create', stream_seq => '3'),
 Zego::post('stream_close', stream_seq => '2'),
 'GET /live/streams/stream1',
 (map { Zego::post(@$_) } ['stream_create', stream_seq => '1'],
                          ['stream_close', stream_seq => '2'],
                          ['stream_create', stream_seq => '3']),
 'GET /live/rooms']
--- response_headers eval
['X-Verdict: applied', 'X-Verdict: applied', 'X-Verdict: stale',
 'Content-Type: application/json',
 'X-Verdict: stale', 'X-Verdict: stale', 'X-Verdict: duplicate',
 'Content-Type: application/json']
--- response_body_like eval
['^$', '^$', '^$', '^\[\{"StreamId":"stream1",.*"StreamSeq":3,',
 '^$', '^$', '^$', '-3","Since".*"StreamSeq":3,']


=== TEST 37: what is listed changes with the version only
--- request eval
[Zego::post('room_create'), 'GET /live/rooms/room1',
 Zego::post('room_create'), 'GET /live/rooms/room1',
 Zego::post('room_close', room_session_id => \7,
            room_close_time => '1600000000000'), 'GET /live/rooms/room1',
 Zego::post('room_login'), 'GET /live/rooms/room1']
--- response_body_like eval
['^$', '^\{"Version":"[0-9a-f]{16}-1"', '^$', '^\{"Version":"[0-9a-f]{16}-1"',
 '^$', '^\{"Version":"[0-9a-f]{16}-1"', '^$', '^\{"Version":"[0-9a-f]{16}-2"']


=== TEST 38: success has no body
--- request eval
[Zego::post('room_create'), Zego::post('room_create'),
 "POST /callback\nevent=none"]
--- response_headers eval
[("Content-Length: 0\n! Content-Type\n! Transfer-Encoding") x 3]
--- response_body eval
['', '', '']


=== TEST 39: other methods are not allowed
--- no_http2
--- request eval
['GET /callback', 'HEAD /callback', "PUT /callback\n{}", 'DELETE /callback',
 'OPTIONS /callback', 'PATCH /callback', 'MADE_UP /callback']
--- error_code eval
[(405) x 7]
--- response_headers eval
[("Allow: POST\nX-Verdict: rejected\nContent-Type: application/json") x 7]
--- response_body eval
['{"Reason":"method"}', '', ('{"Reason":"method"}') x 5]


=== TEST 40: a body that is larger than nginx takes
--- no_http2
--- config
    location = /callback {
        zego_callback zone=live;
        client_max_body_size 1k;
    }

    location /live/ {
        zego_status zone=live;
    }
--- request eval
[Zego::post('room_create', more => 'm' x 1024), 'GET /live/rooms',
 Zego::post('room_create')]
--- error_code eval
[413, 200, 200]
--- response_body_like eval
['413 Request Entity Too Large', '"RoomList":\[\]', '^$']


=== TEST 41: an error says why, as JSON
--- request eval
Zego::post('room_create', room_id => undef)
--- error_code: 400
--- response_headers
Content-Type: application/json
Content-Length: 38
X-Verdict: rejected
--- response_body chop
{"Reason":"missing","Field":"room_id"}


=== TEST 42: a field of an error is one of ours, never one of the sender's
--- request eval
Zego::post('room_create', '<script>' => \'"\ud83d"')
--- error_code: 400
--- response_body chop
{"Reason":"utf8"}


=== TEST 43: extra info that is too long is left out
--- request eval
[Zego::post('stream_create', extra_info => 'e' x 1025),
 'GET /live/streams/stream1']
--- response_body_like eval
['^$', '"ExtraInfo":null']


=== TEST 44: a stream that is switched on alone has its room listed
--- request eval
[Zego::post('stream_create'), 'GET /live/rooms?detail=counts',
 Zego::post('stream_close'), 'GET /live/rooms?detail=counts']
--- response_body_like eval
['^$', '"RoomID":"room1","RoomSessionId":"1234567","RoomCreateTime":null',
 '^$', '"RoomList":\[\]']


=== TEST 45: apps are kept apart
--- request eval
[Zego::post('room_create', appid => \1, room_session_id => \1),
 Zego::post('room_create', appid => \2, room_session_id => \2),
 Zego::post('room_close', appid => \1, room_session_id => \1),
 'GET /live/rooms?detail=counts']
--- response_body_like eval
['^$', '^$', '^$', '"RoomList":\[\{"RoomInfo":\{"AppId":2,[^\[]*\]']

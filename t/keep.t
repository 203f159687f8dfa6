# zego_keep: more fields of a callback in the lists.

use lib 't/lib';
use Test::Nginx::Socket;
use Zego;

plan tests => repeat_each() * 112;

add_block_preprocessor(sub {
    my ($block) = @_;

    if (!defined $block->http_config) {
        $block->set_value(http_config => <<'CONF');
    zego_zone zone=live:1m;
    zego_app 1 secret=secret;
    zego_keep stream title rtmp_url stream_attr;
    zego_keep room mode;
    zego_keep user callback_data term_type;
CONF
    }
});

run_tests();

__DATA__

=== TEST 1: of a stream
--- request eval
[Zego::post('stream_create', title => 'A title', stream_attr => '{"cid":0}',
            rtmp_url => \'["rtmp://a.example/1", "rtmp://b.example/1"]',
            hls_url => \'["http://a.example/1"]'),
 'GET /live/rooms/room1', 'GET /live/streams/stream1']
--- response_body_like eval
['^$',
 ('"ExtraInfo":null,(?:"RoomInfo":\{[^{}]*\},)?'
  . '"title":"A title",'
  . '"rtmp_url":\["rtmp://a\.example/1","rtmp://b\.example/1"\],'
  . '"stream_attr":"\{\\\\"cid\\\\":0\}"\}\]') x 2]


=== TEST 2: of a room
--- request eval
[Zego::post('room_create', mode => 'live', title => 'no'),
 'GET /live/rooms/room1', 'GET /live/rooms?detail=counts']
--- response_body_like eval
['^$', '"UserCount":0,"mode":"live"\},"StreamList"',
 '"UserCount":0,"mode":"live"\},"Complete"']


=== TEST 3: of a user
--- request eval
[Zego::post('room_login', term_type => \5, callback_data => '{"a":[1]}'),
 'GET /live/rooms/room1', 'GET /live/users/user1']
--- response_body_like eval
['^$',
 ('"UserUpdateSeq":1,(?:"RoomInfo":\{[^{}]*\},)?'
  . '"callback_data":"\{\\\\"a\\\\":\[1\]\}","term_type":5\}\]') x 2]


=== TEST 4: what was not sent is not there
--- request eval
[Zego::post('stream_create', title => '', rtmp_url => \'null'),
 'GET /live/rooms/room1']
--- response_body_like eval
['^$', '"ExtraInfo":null\}\]']


=== TEST 5: whatever JSON has
--- request eval
[Zego::post('stream_create', title => \'-1.50e+3', stream_attr => \'true',
            rtmp_url => \'{"b": [null, {}, "a\u00e9\"\n"], "a": 858012925204410400}'),
 'GET /live/streams/stream1']
--- response_body_like eval
['^$',
 qr/"title":-1\.50e\+3,"rtmp_url":\{"b":\[null,\{\},"a\xc3\xa9\\"\\n"\],"a":858012925204410400\},"stream_attr":true\}\]$/]


=== TEST 6: a form has strings only
--- request eval
["POST /callback\n" . Zego::form('stream_create', title => 'a"b',
                                 rtmp_url => '["a"]'),
 'GET /live/streams/stream1']
--- response_body_like eval
['^$', '"title":"a\\\\"b","rtmp_url":"\[\\\\"a\\\\"\]"\}\]$']


=== TEST 7: of a name given twice the last value counts
--- request eval
[Zego::post('stream_create', title => \'["a"],"title":"b"'),
 'GET /live/streams/stream1']
--- response_body_like eval
['^$', '"title":"b"\}\]$']


=== TEST 8: at most 1 KB of a field
--- request eval
[Zego::post('stream_create', title => 't' x 1022),
 Zego::post('stream_create', stream_id => 's2', stream_seq => '2',
            title => 't' x 1023, stream_attr => 'a'),
 'GET /live/streams/stream1', 'GET /live/streams/s2']
--- response_body_like eval
['^$', '^$', '"title":"' . 't' x 1022 . '"\}\]$',
 '"UserCount":0\},"stream_attr":"a"\}\]$']


=== TEST 9: with a field that is known anyway
--- http_config
    zego_zone zone=live:1m;
    zego_app 1 secret=secret;
    zego_keep stream stream_seq timestamp;
--- request eval
[Zego::post('stream_create', stream_seq => '007'),
 'GET /live/streams/stream1']
--- response_body_like eval
['^$', '"StreamSeq":7,.*"stream_seq":"007","timestamp":"1470820198"\}\]$']


=== TEST 10: the newer callback's fields are kept
--- request eval
[Zego::post('stream_create', title => 'old', stream_attr => 'x'),
 Zego::post('stream_create', stream_seq => '2', title => 'new'),
 Zego::post('stream_create', title => 'old', stream_attr => 'x'),
 'GET /live/streams/stream1']
--- response_headers eval
['X-Verdict: applied', 'X-Verdict: applied', 'X-Verdict: stale',
 '! X-Verdict']
--- response_body_like eval
['^$', '^$', '^$', '"UserCount":0\},"title":"new"\}\]$']


=== TEST 11: in any order of two that differ in a kept field only
--- request eval
[Zego::post('stream_create', title => 'a'),
 Zego::post('stream_create', title => 'b'),
 Zego::post('stream_create', stream_id => 's2', title => 'b'),
 Zego::post('stream_create', stream_id => 's2', title => 'a'),
 'GET /live/rooms/room1']
--- response_body_like eval
['^$', '^$', '^$', '^$', '"s2".*"title":"b".*"stream1".*"title":"b"']


=== TEST 12: without zego_keep nothing is
--- http_config
    zego_zone zone=live:1m;
    zego_app 1 secret=secret;
--- request eval
[Zego::post('stream_create', title => 'A title'),
 'GET /live/streams/stream1']
--- response_body_unlike eval
['title', 'title']


=== TEST 13: the greatest callback of all
--- http_config eval
"zego_zone zone=live:1m; zego_app 1 secret=secret; zego_keep stream @{[map { qq(f$_) } 1 .. 16]};"
--- request eval
[Zego::post('stream_create', room_id => 'r' x 127, stream_id => 's' x 255,
            user_id => 'u' x 255, user_name => 'n' x 255,
            stream_sid => 'i' x 255, extra_info => 'e' x 1024,
            map { ("f$_" => 'v' x 1022) } 1 .. 16),
 'GET /live/streams/' . 's' x 255]
--- response_body_like eval
['^$',
 '^\[\{"StreamId":"s{255}",.*"n{255}","ExtraInfo":"e{1024}",.*'
 . CORE::join(',', map { qq("f$_":"v{1022}") } 1 .. 16) . '\}\]$']

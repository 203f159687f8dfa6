# Whose callbacks are taken: apps, secrets, signatures, ages.

use lib 't/lib';
use Test::Nginx::Socket;
use Zego;

plan tests => repeat_each() * 549;

# ages are minutes, for a file may take a while to run
our $now = time;

our $Aged = <<'CONF';
    location = /callback {
        zego_callback zone=live max_age=10m;
        add_header X-Verdict $zego_verdict always;
    }

    location /live/ {
        zego_status zone=live;
    }
CONF

sub aged {
    my ($seconds) = @_;
    return Zego::post('room_create',
                      Zego::signed('secret', $main::now - $seconds, '1'));
}

run_tests();

__DATA__

=== TEST 1: the documented vector
--- request eval
Zego::post('room_create', nonce => '123412', timestamp => '1470820198',
           signature => '5bd59fd62953a8059fb7eaba95720f66d19e4517')
--- response_headers
X-Verdict: applied
--- response_body:


=== TEST 2: in every kind of body, with the timestamp as a number too
--- request eval
["POST /callback\n" . Zego::form('room_create'),
 "POST /callback\n" . Zego::percent('room_create'),
 Zego::post('room_create', timestamp => \1470820198)]
--- response_headers eval
['X-Verdict: applied', 'X-Verdict: duplicate', 'X-Verdict: duplicate']
--- response_body eval
['', '', '']


=== TEST 3: wrong signatures
--- request eval
[map { Zego::post('room_create', signature => $_) }
     '5bd59fd62953a8059fb7eaba95720f66d19e4516',
     '4bd59fd62953a8059fb7eaba95720f66d19e4517',
     '5bd59fd62953a8059fb7eaba95720f66d19e451',
     '5bd59fd62953a8059fb7eaba95720f66d19e45170',
     ' 5bd59fd62953a8059fb7eaba95720f66d19e4517',
     'x' x 40, '0' x 40, 'a' x 300, \'["5bd59fd6"]', \0]
--- error_code eval
[(403) x 10]
--- response_headers eval
[('X-Verdict: rejected') x 10]
--- response_body eval
[('{"Reason":"signature"}') x 10]


=== TEST 4: the documented signature is in lower case
--- request eval
[Zego::post('room_create',
            signature => '5BD59FD62953A8059FB7EABA95720F66D19E4517'),
 Zego::post('room_create',
            signature => '5Bd59fd62953a8059fb7eaba95720f66d19e4517')]
--- error_code eval
[403, 403]
--- response_body eval
['{"Reason":"signature"}', '{"Reason":"signature"}']


=== TEST 5: no signature, nor what it is made of
--- request eval
[(map { Zego::post('room_create', $_ => undef) }
      qw(signature timestamp nonce)),
 (map { Zego::post('room_create', $_ => '') } qw(signature timestamp nonce))]
--- error_code eval
[(403) x 6]
--- response_body eval
[('{"Reason":"signature"}') x 6]


=== TEST 6: another timestamp or nonce, or both with what joins them moved
--- request eval
[Zego::post('room_create', timestamp => '1470820199'),
 Zego::post('room_create', nonce => '123413'),
 Zego::post('room_create', timestamp => '123412', nonce => '1470820198'),
 Zego::post('room_create', timestamp => '2', nonce => '12341147082019'),
 Zego::post('room_create', timestamp => '1', nonce => '234121470820198')]
--- error_code eval
[403, 403, 200, 403, 200]
--- response_body eval
['{"Reason":"signature"}', '{"Reason":"signature"}', '',
 '{"Reason":"signature"}', '']


=== TEST 7: the three are sorted as bytes, wherever the secret comes
--- http_config
    zego_zone zone=live:1m;
    zego_app 1 secret=1a;
    zego_app 2 secret=00;
    zego_app 3 secret=Z;
    zego_app 4 secret=é;
--- request eval
[map { Zego::post('room_create', appid => \$_->[0],
                  Zego::signed(@$_[1 .. 3])) }
     [1, '1a', '17', '19'], [1, '1a', '19', '1'], [1, '1a', '2', '1b'],
     [2, '00', '1', '0'], [2, '00', '000', '001'],
     [3, 'Z', '9', 'a'], [3, 'Z', '10', '9'], [3, 'Z', '1', 'Z'],
     [4, "\xc3\xa9", '1', 'z']]
--- response_headers eval
['X-Verdict: applied', 'X-Verdict: duplicate', 'X-Verdict: duplicate',
 'X-Verdict: applied', 'X-Verdict: duplicate',
 'X-Verdict: applied', 'X-Verdict: duplicate', 'X-Verdict: duplicate',
 'X-Verdict: applied']
--- response_body eval
[('') x 9]


=== TEST 8: two secrets, while one is being replaced
--- http_config
    zego_zone zone=live:1m;
    zego_app 1 secret=new secret=old server_secret=server;
--- request eval
[map { Zego::post('room_create', Zego::signed($_, 1700000000, '77')) }
     qw(new old newold server)]
--- error_code eval
[200, 200, 403, 403]
--- response_body eval
['', '', '{"Reason":"signature"}', '{"Reason":"signature"}']


=== TEST 9: an app's secret is good for that app only
--- http_config
    zego_zone zone=live:1m;
    zego_app 1 secret=one;
    zego_app 2 secret=two;
--- request eval
[map { Zego::post('room_create', appid => \$_->[0],
                  Zego::signed($_->[1], 1700000000, '77')) }
     [1, 'one'], [1, 'two'], [2, 'one'], [2, 'two']]
--- error_code eval
[200, 403, 403, 200]
--- response_body eval
['', '{"Reason":"signature"}', '{"Reason":"signature"}', '']


=== TEST 10: an app that is not configured
--- request eval
[Zego::post('room_create', appid => \3),
 Zego::post('stream_create', appid => '3'),
 Zego::post('room_create', appid => \3, signature => undef),
 Zego::post('room_create', appid => \3, room_id => undef)]
--- error_code eval
[(403) x 4]
--- response_body eval
[('{"Reason":"app"}') x 4]


=== TEST 11: where no app is configured all are taken
--- http_config
    zego_zone zone=live:1m;
--- request eval
[Zego::post('room_create', appid => \0, signature => undef),
 Zego::post('room_create', appid => \4294967295, signature => 'wrong',
            timestamp => undef, nonce => undef),
 'GET /live/rooms?detail=counts']
--- response_body_like eval
['^$', '^$', '"AppId":0,.*"AppId":4294967295,']


=== TEST 12: an unsigned callback is not told what else is wrong with it
--- request eval
[Zego::post('room_create', signature => undef, room_id => undef),
 Zego::post('room_create', signature => undef, room_session_id => 'x'),
 Zego::post('room_create', room_id => undef)]
--- error_code eval
[403, 403, 400]
--- response_body eval
['{"Reason":"signature"}', '{"Reason":"signature"}',
 '{"Reason":"missing","Field":"room_id"}']


=== TEST 13: what is refused changes nothing
--- request eval
[Zego::post('room_create'),
 Zego::post('room_close', signature => undef),
 Zego::post('room_create', room_id => 'no', nonce => '1'),
 Zego::post('room_create', room_id => 'no', appid => \3),
 'GET /live/rooms?detail=counts']
--- error_code eval
[200, 403, 403, 403, 200]
--- response_body_like eval
['^$', '"signature"', '"signature"', '"app"',
 '-1",.*"RoomList":\[\{"RoomInfo":\{"AppId":1,"RoomID":"room1",[^\[]*\]']


=== TEST 14: callbacks within the age that is allowed
--- config eval: $::Aged
--- request eval
[map { main::aged($_) } 0, 200, -400]
--- response_headers eval
['X-Verdict: applied', 'X-Verdict: duplicate', 'X-Verdict: duplicate']
--- response_body eval
['', '', '']


=== TEST 15: callbacks that are too old, or from the future
--- config eval: $::Aged
--- request eval
[(map { main::aged($_) } 3600, 800, -3600, -1200), 'GET /live/rooms']
--- error_code eval
[403, 403, 403, 403, 200]
--- response_body_like eval
[('^\{"Reason":"age"\}$') x 4, '"RoomList":\[\]']


=== TEST 16: an age needs a timestamp
--- http_config
    zego_zone zone=live:1m;
--- config eval: $::Aged
--- request eval
[Zego::post('room_create', timestamp => undef),
 Zego::post('room_create', timestamp => $main::now . '000'),
 Zego::post('room_create', timestamp => $main::now)]
--- error_code eval
[403, 403, 200]
--- response_body eval
['{"Reason":"age"}', '{"Reason":"age"}', '']


=== TEST 17: a bad signature says nothing of the age
--- config eval: $::Aged
--- request eval
Zego::post('room_create', signature => '0' x 40)
--- error_code: 403
--- response_body chop
{"Reason":"signature"}


=== TEST 18: ages do not matter unless one is given, and are counted
--- request eval
[main::aged(86400 * 3000), main::aged(-86400 * 3000), main::aged(1200),
 'GET /live/metrics']
--- response_headers eval
['X-Verdict: applied', 'X-Verdict: duplicate', 'X-Verdict: duplicate',
 '! X-Verdict']
--- response_body_like eval
['^$', '^$', '^$',
 'zego_callback_age_seconds_bucket\{zone="live",le="600"\} 0\n'
 . '.*le="3600"\} 1\n.*le="86400"\} 1\n.*le="\+Inf"\} 3\n'
 . '.*zego_callback_age_seconds_count\{zone="live"\} 3\n']


=== TEST 19: no secret in an answer or in a log, not even in a debug log
--- http_config
    zego_zone zone=live:1m;
    zego_app 1 secret=hush secret=whisper server_secret=mutter;
--- config
    location = /callback {
        zego_callback zone=live;
    }

    location /live/ {
        zego_status zone=live;
    }
--- request eval
[Zego::post('room_create', Zego::signed('whisper', 1700000000, '77')),
 Zego::post('room_create'), Zego::post('room_create', appid => \2),
 'GET /live/rooms', 'GET /live/rooms/room1', 'GET /live/metrics']
--- error_code eval
[200, 403, 403, 200, 200, 200]
--- response_body_unlike eval
[('hush|whisper|mutter|5bd59fd6') x 6]
--- no_error_log eval
[qr/\[(?:alert|crit|emerg)\]/, qr/hush|whisper|mutter/]


=== TEST 20: why a callback was refused is in the log
--- request eval
Zego::post('room_create', room_id => undef)
--- error_code: 400
--- error_log
zego callback was rejected: missing room_id,
--- response_body_like: room_id


=== TEST 21: secrets in a file, and how often each matched
--- http_config eval
my $file = Zego::secret_file(0640, "hush\r\n\nwhis per\n");
<<"CONF";
    zego_zone zone=live:1m;
    zego_app 1 secret=mutter secret_file=$file;
    zego_app 2 secret=hush;
CONF
--- request eval
[(map { Zego::post('room_create', Zego::signed($_, 1700000000, '77')) }
      'hush', 'whis per', 'whis per', 'mutter', 'whis', "hush\r", ''),
 'GET /live/metrics']
--- error_code eval
[(200) x 4, (403) x 3, 200]
--- response_body_like eval
[('^$') x 4, ('signature') x 3,
 'zego_signatures_total\{zone="live",appid="1",secret="1"\} 1\n'
 . 'zego_signatures_total\{zone="live",appid="1",secret="2"\} 1\n'
 . 'zego_signatures_total\{zone="live",appid="1",secret="3"\} 2\n'
 . 'zego_signatures_total\{zone="live",appid="2",secret="1"\} 0\n']
--- no_error_log eval
[qr/\[(?:alert|crit|emerg)\]/, qr/hush|whis|mutter/]


=== TEST 22: a file with no line feed at its end
--- http_config eval
my $file = Zego::secret_file(0400, 'hush');
"zego_zone zone=live:1m; zego_app 1 secret_file=$file;"
--- request eval
Zego::post('room_create', Zego::signed('hush', 1700000000, '77'))
--- response_body:


=== TEST 23: a file that others may read
--- http_config eval
my $file = Zego::secret_file(0604, 'hush');
"zego_zone zone=live:1m; zego_app 1 secret_file=$file;"
--- must_die
--- error_log
[emerg]
are accessible by others than its owner and group in /
--- no_error_log
hush


=== TEST 24: a file without a secret
--- http_config eval
my $file = Zego::secret_file(0600, "\r\n\n");
"zego_zone zone=live:1m; zego_app 1 secret_file=$file;"
--- must_die
--- error_log
[emerg]
there is no secret in "/


=== TEST 25: a file that is too large
--- http_config eval
my $file = Zego::secret_file(0600, "hush\n" x 820);
"zego_zone zone=live:1m; zego_app 1 secret_file=$file;"
--- must_die
--- error_log
[emerg]
is larger than 4096 bytes in /
--- no_error_log
hush


=== TEST 26: no file
--- http_config
    zego_app 1 secret_file=there_is_none;
--- must_die
--- error_log
[emerg]
conf/there_is_none" failed (2: No such file or directory) in /


=== TEST 27: a directory
--- http_config
    zego_app 1 secret_file=.;
--- must_die
--- error_log
[emerg]
is not a regular file in /


=== TEST 28: no name of a file
--- http_config
    zego_app 1 secret_file=;
--- must_die
--- error_log
[emerg]
"zego_app" directive has empty "secret_file" parameter in /


=== TEST 29: a captured timestamp, nonce and signature on another body
--- raw_request eval
Zego::pipeline((Zego::post('room_create')) x 3,
               Zego::post('room_create', room_id => 'other'),
               'GET /live/metrics')
--- http09
--- response_body_like: (?:X-Verdict: \w+.*){4}zego_replays_total\{zone="live"\} 1\n.*zego_replay_evictions_total\{zone="live"\} 0\n
--- error_log
[warn]
zego callback has timestamp and nonce of another, client: 


=== TEST 30: it is refused
--- config
    location = /callback {
        zego_callback zone=live replay=refuse;
        add_header X-Verdict $zego_verdict always;
    }

    location /live/ {
        zego_status zone=live;
    }
--- request eval
[Zego::post('stream_create'),
 Zego::post('stream_create', stream_id => 'other'),
 Zego::post('stream_create', extra_info => 'other'),
 Zego::post('stream_close'),
 Zego::post('stream_create', Zego::signed('secret', 1470820198, '123413'),
            stream_id => 'b'),
 Zego::post('stream_create', room_id => 'other', appid => 2),
 'GET /live/streams/other', 'GET /live/metrics']
--- error_code eval
[200, (403) x 3, 200, 403, 200, 200]
--- response_headers eval
['X-Verdict: applied', ('X-Verdict: rejected') x 3, 'X-Verdict: applied',
 'X-Verdict: rejected', '', '']
--- response_body_like eval
['^$', ('^\{"Reason":"replay"\}$') x 3, '^$', '^\{"Reason":"replay"\}$',
 '^\[\]$', 'reason="replay"\} 4\n.*zego_replays_total\{zone="live"\} 4\n']


=== TEST 31: an honest repeat never is, whichever body it comes in
--- http_config
    zego_zone zone=live:1m;
    zego_app 1 secret=secret;
    zego_keep stream title number;
--- config
    location = /callback {
        zego_callback zone=live replay=refuse;
        add_header X-Verdict $zego_verdict always;
    }

    location /live/ {
        zego_status zone=live;
    }
--- request eval
[Zego::post('stream_create', title => 'a', number => \3),
 Zego::post('stream_create', title => 'a', number => \3),
 "POST /callback\n" . Zego::form('stream_create', title => 'a', number => '3'),
 "POST /callback\n" . Zego::percent('stream_create', stream_seq => '01'),
 'GET /live/metrics']
--- response_headers eval
['X-Verdict: applied', 'X-Verdict: duplicate', '', '', '']
--- response_body_like eval
[('^$') x 4, 'zego_replays_total\{zone="live"\} 0\n']


=== TEST 32: it is not looked for
--- config
    location = /callback {
        zego_callback zone=live replay=off;
    }

    location /live/ {
        zego_status zone=live;
    }
--- request eval
[Zego::post('room_create'), Zego::post('room_create', room_id => 'other'),
 'GET /live/metrics']
--- response_body_like eval
['^$', '^$', 'zego_replays_total\{zone="live"\} 0\n']


=== TEST 33: nor where nothing is signed
--- http_config
    zego_zone zone=live:1m;
--- config
    location = /callback {
        zego_callback zone=live replay=refuse;
    }

    location /live/ {
        zego_status zone=live;
    }
--- request eval
[Zego::post('room_create'), Zego::post('room_create', room_id => 'other'),
 'GET /live/metrics']
--- response_body_like eval
['^$', '^$', 'zego_replays_total\{zone="live"\} 0\n']


=== TEST 34: more than there is room for
--- http_config
    zego_zone zone=live:64k;
    zego_app 1 secret=secret;
--- raw_request eval
Zego::pipeline((map { Zego::post('room_create', Zego::signed(
                      'secret', 1700000000, $_)) } 1 .. 200),
               'GET /live/metrics')
--- http09
--- response_body_like: zego_replays_total\{zone="live"\} 0\n.*zego_replay_evictions_total\{zone="live"\} 1[34]\d\n


=== TEST 35: what is none of the three
--- config
    location = /callback {
        zego_callback zone=live replay=on;
    }
--- must_die
--- error_log
[emerg]
invalid replay value "replay=on" in /


=== TEST 36: timestamp and nonce of one that was ignored
--- config
    location = /callback {
        zego_callback zone=live replay=refuse;
        add_header X-Verdict $zego_verdict always;
    }

    location /live/ {
        zego_status zone=live;
    }
--- request eval
my %signed = Zego::signed('secret', 1700000000, '77');
my @capital = (appid => undef, event => undef, timestamp => undef,
               nonce => undef, signature => undef, Event => 'record',
               AppId => \1, map { ucfirst $_ => $signed{$_} } keys %signed);
[Zego::post('record', appid => \1), Zego::post('room_create'),
 Zego::post('record', appid => \1, more => \1), Zego::post('mix', appid => \1),
 "POST /callback\n" . Zego::form('record', appid => '1'),
 Zego::post('record', @capital), Zego::post('room_create', %signed),
 Zego::post('record', @capital), Zego::post('record', @capital, Event => 'mix'),
 Zego::post('record', signature => '0' x 40), Zego::post('record', nonce => ''),
 Zego::post('room_create', Zego::signed('secret', 1700000000, '78')),
 Zego::post('record', Zego::signed('secret', 1700000000, '78')),
 'GET /live/metrics']
--- error_code eval
[200, 403, 200, 403, 200, 200, 403, 200, 403, 200, 200, 200, 403, 200]
--- response_headers eval
[map { $_ ? "X-Verdict: $_" : '' }
     qw(ignored rejected ignored rejected ignored ignored rejected ignored
        rejected ignored ignored applied rejected), 0]
--- response_body_like eval
[(map { $_ ? '^\{"Reason":"replay"\}$' : '^$' } 0, 1, 0, 1, 0, 0, 1, 0, 1, 0, 0,
                                                0, 1),
 'zego_replays_total\{zone="live"\} 5\n']


=== TEST 37: timestamp and nonce of one that was invalid
--- config
    location = /callback {
        zego_callback zone=live replay=refuse;
    }

    location /live/ {
        zego_status zone=live;
    }
--- request eval
my @signed = Zego::signed('secret', 1700000000, '77');
[(map { Zego::post('stream_create', stream_seq => $_) } 'one', '1', 'one'),
 (map { Zego::post('stream_create', @signed, appid => $_) } 'x', '1', 'x', 'y'),
 Zego::post('stream_create', Zego::signed('secret', 1700000000, '78')),
 Zego::post('stream_create', Zego::signed('secret', 1700000000, '78'),
            stream_seq => undef),
 'GET /live/rooms']
--- error_code eval
[400, 403, 400, 400, 403, 400, 400, 200, 403, 200]
--- response_body_like eval
['"stream_seq"', '"replay"', '"stream_seq"', '"appid"', '"replay"', '"appid"',
 '"appid"', '^$', '^\{"Reason":"replay"\}$', '"RoomID":"room1"']


=== TEST 38: what is ignored is counted too, and goes on unless it is refused
--- config
    location = /callback {
        zego_callback zone=live pass;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/backend;
    }

    location = /refuse {
        zego_callback zone=live pass replay=refuse;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/backend;
    }

    location = /backend {
        return 200 got;
    }

    location /live/ {
        zego_status zone=live;
    }
--- request eval
[Zego::post('record'), Zego::post('mix'),
 map({ "POST /refuse\n" . Zego::callback($_) } 'mix', 'record'),
 'GET /live/metrics']
--- error_code eval
[200, 200, 403, 200, 200]
--- response_body_like eval
['^got$', '^got$', 'replay', '^got$', 'zego_replays_total\{zone="live"\} 2\n']


=== TEST 39: what is too old takes no other one's place
--- config
    location = /callback {
        zego_callback zone=live max_age=10m replay=refuse;
    }

    location = /any {
        zego_callback zone=live replay=refuse;
    }
--- request eval
[Zego::post('room_create'), Zego::post('room_create', room_id => 'other'),
 "POST /any\n" . Zego::callback('room_create')]
--- error_code eval
[403, 403, 200]
--- response_body_like eval
['"age"', '"age"', '^$']


=== TEST 40: what is refused is not counted as authentic
--- config
    location = /callback {
        zego_callback zone=live replay=refuse;
        add_header X-Lag $zego_lag_ms always;
    }

    location /live/ {
        zego_status zone=live;
    }
--- request eval
[Zego::post('room_create'),
 Zego::post('room_create', room_create_time => '1'), Zego::post('record'),
 Zego::post('room_create', room_create_time => 'x'), Zego::post('room_create'),
 'GET /live/metrics']
--- error_code eval
[200, 403, 403, 403, 200, 200]
--- response_headers_like eval
['X-Lag: \d+', '', '', '', 'X-Lag: \d+', '']
--- raw_response_headers_unlike eval
['none', ('X-Lag') x 3, 'none', 'none']
--- response_body_like eval
['^$', ('replay') x 3, '^$',
 'zego_callback_age_seconds_count\{zone="live"\} 2\n'
 . '.*zego_callback_lag_seconds_count\{zone="live",event="room_create"\} 2\n'
 . '.*zego_signatures_total\{zone="live",appid="1",secret="1"\} 2\n']

# Why something is in the lists, or not: rooms, streams, users, and the last
# callbacks.

use lib 't/lib';
use Test::Nginx::Socket;
use Zego;

plan tests => repeat_each() * 1178;

# an answer whose lists have this in them, each from its begin to its end but
# for times of arrival and lags; undef is any list
sub explained {
    my ($head, %lists) = @_;
    my @lists = map {
        my $list = $lists{$_};
        defined $list ? qq("$_":[) . join(',', @$list) . ']' : qq("$_":ANY);
    } qw(SessionList StreamList UserList CallbackList);
    my $json = join ',', qq({"Version":"VERSION"), $head, @lists,
                    '"More":false}';
    $json = quotemeta $json;
    $json =~ s/VERSION/[0-9a-f]{16}-\\d+/;
    $json =~ s/ANY/\\[.*\\]/g;
    $json =~ s/ARRIVED/[12]\\d{12}/g;
    $json =~ s/LAG/\\d+/g;
    return qr/^$json$/;
}

sub callback_seen {
    my ($event, $verdict, %fields) = @_;
    my $lag = ($fields{Time} // 'null') eq 'null' ? 'null' : 'LAG';
    my @names = qw(Reason Field RoomSessionId StreamId UserId UserSessionId
                   StreamSeq UserUpdateSeq Time);
    return join ',', qq({"Arrived":ARRIVED,"Event":"$event"),
                qq("Verdict":"$verdict"),
                (map { qq("$_":) . ($fields{$_} // 'null') } @names),
                qq("LagMs":$lag), '"Late":' . ($fields{Late} // 'false') . '}';
}

my %stream = (RoomSessionId => '"1234567"', StreamId => '"stream1"',
              UserId => '"user1"', StreamSeq => 1, Time => 1687981272742);
my %user = (RoomSessionId => '"1234567"', UserId => '"user1"',
            UserSessionId => '"11"', UserUpdateSeq => 1,
            Time => 1687981271000);
my %room = (RoomSessionId => '"1234567"', UserId => '"user1"',
            Time => 1687981270000);

our $room = '"AppId":1,"RoomID":"room1"';
our $created = 'Listed: room_create was seen, and no room_close';

# all that the default callbacks make
our $all = main::explained(
    qq($room,"Listed":true,"Why":"$created"),
    SessionList => [
        '{"RoomSessionId":"1234567","Current":true,"Listed":true,'
        . '"First":1687981270000,"RoomCreateTime":1687981270000,'
        . '"Creator":"user1","Closed":false,"RoomCloseTime":null,'
        . '"CloseReason":null,"StreamCount":1,"UserCount":1,'
        . qq("Why":"$created","Complete":true,)
        . '"Missing":{"StreamSeq":[],"UserUpdateSeq":[]}}'],
    StreamList => [
        '{"StreamId":"stream1","RoomSessionId":"1234567","Listed":true,'
        . '"Closed":false,"StreamSeq":1,"StreamCreateTime":1687981272742,'
        . '"StreamCloseTime":null,"Why":"Listed: of its callbacks the '
        . 'greatest is a stream_create"}'],
    UserList => [
        '{"UserId":"user1","UserSessionId":"11","RoomSessionId":"1234567",'
        . '"Listed":true,"LoggedIn":true,"UserUpdateSeq":1,'
        . '"UserLoginTime":1687981271000,"UserLogoutTime":null,'
        . '"Why":"Listed: the newest of its user sessions, and logged in"}'],
    CallbackList => [
        main::callback_seen('stream_create', 'applied', %stream),
        main::callback_seen('room_login', 'applied', %user),
        main::callback_seen('room_create', 'applied', %room)]);

# each verdict that is kept
our $verdicts = main::explained(
    qq($room,"Listed":true,"Why":"$created"),
    CallbackList => [
        main::callback_seen('room_login', 'rejected', Reason => '"invalid"',
                            Field => '"login_time"', UserId => '"user1"'),
        main::callback_seen('stream_create', 'rejected',
                            Reason => '"missing"', Field => '"stream_seq"',
                            StreamId => '"stream1"', UserId => '"user1"'),
        main::callback_seen('stream_create', 'stale', %stream, StreamSeq => 4,
                            Late => 'true'),
        main::callback_seen('stream_close', 'recorded', %stream,
                            StreamId => '"stream2"', StreamSeq => 6,
                            Time => 1687981299000),
        main::callback_seen('stream_create', 'duplicate', %stream,
                            StreamSeq => 5),
        main::callback_seen('stream_create', 'applied', %stream,
                            StreamSeq => 5),
        main::callback_seen('room_create', 'applied', %room)]);

sub streams {
    my ($from, $to, @fields) = @_;
    return map { Zego::post('stream_create', stream_id => "stream$_",
                            stream_seq => $_, @fields) } $from .. $to;
}

run_tests();

__DATA__

=== TEST 1: all of a room
--- request eval
[Zego::post('room_create'), Zego::post('room_login'),
 Zego::post('stream_create'), ('GET /live/explain/rooms/room1') x 2,
 'GET /live/explain/rooms?id=room1', 'GET /live/explain/rooms/room1?appid=1',
 'GET /live/explain/rooms?appid=1&id=room1']
--- response_headers eval
[('') x 3, ("Content-Type: application/json\nCache-Control: no-store\n! ETag") x 5]
--- response_body_like eval
['^$', '^$', '^$', ($main::all) x 5]


=== TEST 2: each verdict
--- request eval
[Zego::post('room_create'), Zego::post('stream_create', stream_seq => '5'),
 Zego::post('stream_create', stream_seq => '5'),
 Zego::post('stream_close', stream_seq => '6', stream_id => 'stream2'),
 Zego::post('stream_create', stream_seq => '4'),
 Zego::post('stream_create', stream_seq => undef),
 Zego::post('room_login', login_time => 'x'),
 'GET /live/explain/rooms/room1']
--- error_code eval
[200, 200, 200, 200, 200, 400, 400, 200]
--- response_headers_like eval
['X-Verdict: applied', 'X-Verdict: applied', 'X-Verdict: duplicate',
 'X-Verdict: recorded', 'X-Verdict: stale', ('X-Verdict: rejected') x 2,
 'X-Verdict: ']
--- response_body_like eval
[('^$') x 5, ('Field') x 2, $main::verdicts]


=== TEST 3: what strangers send is not kept, nor what is of no room
--- config
    location = /callback {
        zego_callback zone=live;
    }

    location = /replay {
        zego_callback zone=live replay=refuse;
    }

    location = /age {
        zego_callback zone=live max_age=1m;
    }

    location /live/ {
        zego_status zone=live;
    }
--- request eval
["POST /replay\n" . Zego::callback('room_create', room_id => 'room2',
                                   Zego::signed('secret', '1', 'n')),
 "POST /replay\n" . Zego::callback('stream_create',
                                   Zego::signed('secret', '1', 'n')),
 "POST /replay\n" . Zego::callback('stream_create', stream_seq => undef,
                                   Zego::signed('secret', '1', 'n')),
 Zego::post('stream_create', signature => 'x' x 40),
 Zego::post('stream_create', signature => undef),
 Zego::post('stream_create', signature => undef, stream_seq => undef),
 Zego::post('stream_create', appid => '3'),
 Zego::post('stream_create', appid => undef),
 Zego::post('stream_create', appid => 'x'),
 "POST /age\n" . Zego::callback('stream_create'),
 "POST /callback\n{]", "POST /callback\nevent=other&room_id=room1",
 Zego::post('stream_create', room_id => undef),
 Zego::post('stream_create', room_id => 'r' x 128),
 'GET /live/explain/rooms/room1', 'GET /live/explain/rooms?id=' . 'r' x 128,
 'GET /live/explain/rooms/room2', 'GET /live/explain/rooms/room1?appid=3']
--- error_code eval
[200, (403) x 6, 400, 400, 403, 400, 200, 400, 400, 404, 404, 200, 404]
--- response_body_like eval
['^$', ('replay') x 2, ('signature') x 3, 'app', 'appid', 'appid', 'age',
 'syntax', '^$', 'room_id', 'room_id', 'not_found', 'not_found',
 '"CallbackList":\[\{"Arrived":[^{}]*\}\],"More":false\}$',
 'not_found']


=== TEST 4: rejected, of a room of which nothing else is known
--- request eval
[Zego::post('stream_create', stream_seq => undef),
 'GET /live/explain/rooms/room1', 'GET /live/rooms/room1']
--- error_code eval
[400, 200, 404]
--- response_body_like eval
['missing', '"RoomID":"room1","Listed":false,"Why":"Not listed: the last '
 . 'callback was rejected, and nothing else is known of it",'
 . '"SessionList":\[\],"StreamList":\[\],"UserList":\[\],'
 . '"CallbackList":\[\{[^{}]*"Field":"stream_seq"[^{}]*\}\],"More":false\}$',
 'not_found']


=== TEST 5: late ones
--- request eval
[Zego::post('stream_create', stream_seq => '3', stream_id => 'a'),
 Zego::post('stream_create', stream_seq => '1', stream_id => 'b'),
 Zego::post('room_create'), Zego::post('room_create'),
 'GET /live/explain/rooms/room1']
--- response_body_like eval
[('^$') x 4, '"room_create","Verdict":"duplicate",[^{}]*"Late":false\},'
 . '\{[^{}]*"room_create","Verdict":"applied",[^{}]*"Late":true\},'
 . '\{[^{}]*"StreamId":"b",[^{}]*"Late":true\},\{[^{}]*"StreamId":"a",'
 . '[^{}]*"Late":false\}\]']


=== TEST 6: holes
--- request eval
[Zego::post('room_create'), Zego::post('stream_create', stream_seq => '2'),
 Zego::post('stream_create', stream_seq => '5', stream_id => 's'),
 Zego::post('room_login', user_update_seq => '3'),
 'GET /live/explain/rooms/room1']
--- response_body_like eval
[('^$') x 4, '"Complete":false,"Missing":\{"StreamSeq":\[\[1,1\],\[3,4\]\],'
 . '"UserUpdateSeq":\[\[1,2\]\]\}\}\],"StreamList":']


=== TEST 7: several sessions, the newest first
--- request eval
[Zego::post('room_create', room_session_id => \1),
 Zego::post('stream_create', room_session_id => '1'),
 Zego::post('room_close', room_session_id => \1, close_reason => \3),
 Zego::post('room_create', room_session_id => \2,
            room_create_time => '1687981400000'),
 Zego::post('room_login', room_seq => '1'),
 'GET /live/explain/rooms/room1']
--- response_body_like eval
[('^$') x 5, '"Listed":true,"Why":"Listed: [^"]*",'
 . '"SessionList":\[\{"RoomSessionId":"2","Current":true,"Listed":true,'
 . '[^{}]*\{[^{}]*\}\},\{"RoomSessionId":"1","Current":false,"Listed":false,'
 . '"First":1687981270000,"RoomCreateTime":1687981270000,"Creator":"user1",'
 . '"Closed":true,"RoomCloseTime":1687981300000,"CloseReason":3,'
 . '"StreamCount":1,"UserCount":1,'
 . '"Why":"Not listed: a newer session of the room followed it",[^{}]*'
 . '\{[^{}]*\}\}\],"StreamList":\[\{"StreamId":"stream1","RoomSessionId":"1",'
 . '"Listed":false,"Closed":false,[^{}]*"Why":"Not listed: a newer session of '
 . 'the room followed its own"\}\],"UserList":\[\{"UserId":"user1",[^{}]*'
 . '"Listed":false,"LoggedIn":true,[^{}]*"Why":"Not listed: a newer session of '
 . 'the room followed its own"\}\]']


=== TEST 8: a stream that was closed before it was created
--- request eval
[Zego::post('room_create'), Zego::post('stream_close', type => '3'),
 Zego::post('stream_create'), 'GET /live/rooms/room1',
 'GET /live/explain/rooms/room1?stream=stream1']
--- response_body_like eval
[('^$') x 3, '"StreamList":\[\]', '"StreamList":\[\{"StreamId":"stream1",'
 . '"RoomSessionId":"1234567","Listed":false,"Closed":true,"StreamSeq":2,'
 . '"StreamCreateTime":1687981272742,"StreamCloseTime":1687981299000,'
 . '"Why":"Not listed: of its callbacks the greatest is a stream_close with '
 . 'number 2 \(type 3: its publisher was kicked out\)"\}\],"UserList":\[\],'
 . '"CallbackList":\[\{"Arrived":\d+,"Event":"stream_create",'
 . '"Verdict":"stale",.*"StreamSeq":1,.*"Event":"stream_close",'
 . '"Verdict":"recorded"']


=== TEST 9: users that left, and a second device
--- request eval
[Zego::post('room_login'), Zego::post('room_login', session_id => '12',
            login_time => '1687981280000', user_update_seq => '2'),
 Zego::post('room_login', user_account => 'user2', user_update_seq => '3'),
 Zego::post('room_logout', user_account => 'user2', user_update_seq => '4',
            reason => '4'),
 'GET /live/explain/rooms/room1']
--- response_body_like eval
[('^$') x 4, '"UserList":\[\{"UserId":"user1","UserSessionId":"11",[^{}]*'
 . '"Listed":false,"LoggedIn":true,[^{}]*"Why":"Not listed: user session 12 of '
 . 'the same user is newer"\},\{"UserId":"user1","UserSessionId":"12",[^{}]*'
 . '"Listed":true,[^{}]*\},\{"UserId":"user2",[^{}]*"Listed":false,'
 . '"LoggedIn":false,"UserUpdateSeq":4,"UserLoginTime":1687981271000,'
 . '"UserLogoutTime":1687981298000,"Why":"Not listed: of its callbacks the '
 . 'greatest is a room_logout with number 4 \(reason 4: token expired\)"\}\]']


=== TEST 10: a room that was closed
--- request eval
[Zego::post('room_create'), Zego::post('stream_create'),
 Zego::post('room_close', close_reason => \1), 'GET /live/rooms/room1',
 'GET /live/explain/rooms/room1']
--- error_code eval
[200, 200, 200, 404, 200]
--- response_body_like eval
[('^$') x 3, 'not_found', '"Listed":false,"Why":"Not listed: the current '
 . 'session of the room was closed \(close_reason 1: its last user\'s heartbeat '
 . 'timed out\)",.*"StreamId":"stream1",[^{}]*"Why":"Not listed: its session of '
 . 'the room was closed"']


=== TEST 11: a room that is forgotten
--- http_config
    zego_zone zone=live:1m horizon=1ms;
    zego_app 1 secret=secret;
--- request eval
[Zego::post('room_create'), Zego::post('room_close'),
 Zego::post('room_create', room_id => 'room2'),
 'GET /live/explain/rooms/room1']
--- wait: 1
--- response_body_like eval
[('^$') x 3,
 '"RoomID":"room1","Listed":false,"Why":"Not listed: it ended, or nothing was '
 . 'live in it, and what was known of it was freed","SessionList":\[\],'
 . '"StreamList":\[\],"UserList":\[\],"CallbackList":\[\{[^{}]*'
 . '"Event":"room_close"[^{}]*\},\{[^{}]*"Event":"room_create"[^{}]*\}\]']


=== TEST 12: what there is not
--- request eval
[Zego::post('room_create'), 'GET /live/explain/rooms/room2',
 'GET /live/explain/rooms/room1?appid=2', 'GET /live/explain/streams/stream1',
 'GET /live/explain/users/user1', 'GET /live/explain', 'GET /live/explain/',
 'GET /live/explain/metrics', 'GET /live/explain/explain/rooms/room1',
 'GET /live/explainrooms/room1', 'GET /live/explain/room/room1']
--- error_code eval
[200, (404) x 10]
--- response_body eval
['', ('{"Reason":"not_found"}') x 10]


=== TEST 13: arguments that are impossible
--- request eval
['GET /live/explain/rooms', 'GET /live/explain/rooms/',
 'GET /live/explain/rooms?id=', 'GET /live/explain/rooms?limit=1',
 'GET /live/explain/rooms/r?appid=x', 'GET /live/explain/rooms/r?limit=0',
 'GET /live/explain/rooms/r?limit=1001', 'GET /live/explain/rooms/r?limit=x',
 'GET /live/explain/rooms/r?stream=%', 'GET /live/explain/rooms/r?user=%4']
--- error_code eval
[(400) x 10]
--- response_body eval
[(map { qq({"Reason":"missing","Field":"$_"}) } ('id') x 4),
 (map { qq({"Reason":"invalid","Field":"$_"}) }
      'appid', ('limit') x 3, 'stream', 'user')]


=== TEST 14: a room of two apps
--- request eval
[Zego::post('room_create'), Zego::post('room_create', appid => \2),
 'GET /live/explain/rooms/room1', 'GET /live/explain/rooms/room1?appid=1',
 'GET /live/explain/rooms/room1?appid=2', Zego::post('room_close'),
 'GET /live/explain/rooms/room1', Zego::post('room_close', appid => \2),
 'GET /live/explain/rooms/room1', 'GET /live/explain/rooms/room1?appid=1']
--- error_code eval
[200, 200, 400, 200, 200, 200, 200, 200, 400, 200]
--- response_body_like eval
['^$', '^$', '^\{"Reason":"missing","Field":"appid"\}$',
 '"AppId":1,.*"CallbackList":\[\{[^{}]*\}\],"More":false\}$',
 '"AppId":2,.*"CallbackList":\[\{[^{}]*\}\],"More":false\}$', '^$',
 '"AppId":2,.*"Listed":true', '^$', '"Field":"appid"',
 '"AppId":1,.*"CallbackList":\[\{[^{}]*"room_close"[^{}]*\},\{[^{}]*\}\]']


=== TEST 15: ids as hostile as they may be
--- request eval
[(map { Zego::post('stream_create', room_id => $_,
                   stream_id => "<b>\"\\\x01$_", user_id => "'$_\t") }
      '<img src=x onerror=alert(1)>', 'a//../b', "\xe6\x88\xbf \"\\", '%2f+',
      'r' x 127),
 'GET /live/explain/rooms/%3Cimg%20src=x%20onerror=alert(1)%3E',
 'GET /live/explain/rooms/a//../b', 'GET /live/explain/rooms/a%2f%2f..%2Fb',
 "GET /live/explain/rooms?id=%E6%88%BF+%22%5C",
 'GET /live/explain/rooms/%252f+', 'GET /live/explain/rooms/' . 'r' x 127,
 'GET /live/explain/rooms/a/b', 'GET /live/explain/rooms/' . 'r' x 126,
 'GET /live/explain/rooms/a//../b?stream=%3Cb%3E%22%5C%01a//../b',
 'GET /live/explain/rooms/a//../b?stream=' . 's' x 1000]
--- error_code eval
[(200) x 10, '200', 404, 404, 200, 200]
--- response_body_like eval
[('^$') x 5,
 (map { my $id = $_;
        qr/"RoomID":"\Q$id\E",.*"StreamList":\[\{"StreamId":"<b>\\"\\\\\\u0001\Q$id\E",.*"CallbackList":\[\{.*"UserId":"'\Q$id\E\\t",/ }
      '<img src=x onerror=alert(1)>', 'a//../b', 'a//../b',
      "\xe6\x88\xbf \\\"\\\\", '%2f+', 'r' x 127),
 'not_found', 'not_found', '"StreamList":\[\{[^{}]*\}\],"UserList":\[\],'
 . '"CallbackList":\[\{[^{}]*\}\],', '"StreamList":\[\],"UserList":\[\],'
 . '"CallbackList":\[\],']


=== TEST 16: as many as are asked for
--- request eval
[main::streams(1, 101), 'GET /live/explain/rooms/room1',
 'GET /live/explain/rooms/room1?limit=2',
 'GET /live/explain/rooms/room1?limit=1000']
--- response_body_like eval
[('^$') x 101,
 '"StreamList":\[(?:\{[^{}]*\},?){100}\].*"CallbackList":\[(?:\{[^{}]*\},?){100}\],"More":true\}$',
 '"StreamList":\[(?:\{[^{}]*\},?){2}\].*"CallbackList":\[(?:\{[^{}]*\},?){2}\],"More":true\}$',
 '"StreamList":\[(?:\{[^{}]*\},?){101}\].*"CallbackList":\[(?:\{[^{}]*\},?){101}\],"More":false\}$']


=== TEST 17: older callbacks make room for newer ones
--- http_config
    zego_zone zone=live:64k;
    zego_app 1 secret=secret;
--- raw_request eval
Zego::pipeline(Zego::post('room_create'),
               (map { Zego::post('room_create', room_id => "room$_") }
                    2 .. 30),
               (Zego::post('room_create')) x 2,
               'GET /live/explain/rooms/room1',
               'GET /live/explain/rooms/room2',
               'GET /live/explain/rooms/room30')
--- http09
--- response_body_like: "RoomID":"room1",[^\[]*"SessionList":\[\{"RoomSessionId":[^\]]*\],[^\]]*\]\}\}\],.*"CallbackList":\[(?:\{[^{}]*"duplicate"[^{}]*\},?){2}\],"More":false\}.*"RoomID":"room2",[^\[]*"SessionList":\[\{.*"CallbackList":\[\],"More":false\}.*"RoomID":"room30",.*"CallbackList":\[\{[^{}]*"applied"[^{}]*\}\],"More":false\}


=== TEST 18: what a full zone had no room for
--- http_config
    zego_zone zone=live:64k;
    zego_app 1 secret=secret;
--- raw_request eval
Zego::pipeline(main::streams(1, 200, extra_info => 'e' x 1000),
               Zego::post('stream_create', room_id => 'room2',
                          extra_info => 'e' x 1000),
               'GET /live/explain/rooms/room1',
               'GET /live/explain/rooms/room2')
--- http09
--- response_body_like: "RoomID":"room1",.*"CallbackList":\[\{[^{}]*"Verdict":"deferred","Reason":"memory",[^{}]*"StreamId":"stream200",.*"RoomID":"room2","Listed":false,"Why":"Not listed: the last callback could not be stored, and nothing else is known of it",.*"CallbackList":\[\{[^{}]*"Verdict":"deferred"
--- error_log
[crit]
zego zone "live" is full
--- no_error_log
[alert]


=== TEST 19: HEAD, and other methods
--- request eval
[Zego::post('room_create'), 'HEAD /live/explain/rooms/room1',
 'HEAD /live/explain/rooms/room2', "POST /live/explain/rooms/room1\n{}"]
--- error_code eval
[200, 200, 404, 405]
--- response_headers_like eval
['', "Content-Type: application/json\nCache-Control: no-store",
 ('Content-Type: application/json') x 2]
--- response_body eval
['', '', '', '{"Reason":"method"}']


=== TEST 20: without an app everyone is believed
--- http_config
    zego_zone zone=live:1m;
--- request eval
[Zego::post('stream_create', signature => undef, stream_seq => undef),
 Zego::post('stream_create', appid => undef, room_id => 'room2'),
 'GET /live/explain/rooms/room1', 'GET /live/explain/rooms/room2']
--- error_code eval
[400, 400, 200, 404]
--- response_body_like eval
['stream_seq', 'appid', '"Verdict":"rejected"', 'not_found']


=== TEST 21: a long answer, in pieces
--- request eval
[(map { Zego::post('room_login', user_account => "user$_", session_id => $_,
                   user_update_seq => 2 * $_) } 1 .. 150),
 'GET /live/explain/rooms/room1?limit=1000']
--- response_body_like eval
[('^$') x 150, '^\{.*"UserUpdateSeq":\[(?:\[\d+,\d+\],?){64}\]\}\}\],'
 . '"StreamList":\[\],"UserList":\[(?:\{[^{}]*\},?){150}\],'
 . '"CallbackList":\[(?:\{[^{}]*\},?){150}\],"More":true\}$']

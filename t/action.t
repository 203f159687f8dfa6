# The vendor's own queries, with the examples of its documentation.

use lib 't/lib';
use Test::Nginx::Socket;
use Digest::MD5 qw(md5_hex);
use Zego;

plan tests => repeat_each() * 726;

# a query of app 1: what it asks for, and its parameters
sub ask {
    my ($action, $args) = @_;
    return "GET /live/?Action=$action&AppId=1" . ($args ? "&$args" : '');
}

# what is answered
sub answer {
    my ($code, $message, $data) = @_;
    return qr/^\{"Code":$code,"Message":"\Q$message\E","RequestId":"[1-9]\d*","Data":\Q$data\E\}$/;
}

sub refused { return answer(@_, '{}') }

# Signature = md5(AppId + SignatureNonce + ServerSecret + Timestamp)
sub signature {
    my ($appid, $nonce, $secret, $timestamp) = @_;
    return md5_hex($appid . $nonce . $secret . $timestamp);
}

# the documented vector
signature(12345, '4fd24687296dd9f3', '9193cc662a4c0ec135ec71fb57194b38',
          1615186943) eq '43e5cfcca828314675f91b001390566a' or die;

# the common parameters of a signed query, but for those that are given; undef
# leaves one out
sub sealed {
    my %given = @_;
    my %args = (AppId => 1, SignatureNonce => '15215528852396',
                Timestamp => time, SignatureVersion => '2.0',
                secret => 'server', %given);
    my $secret = delete $args{secret};
    $args{Signature} //= signature(
        $args{AppId}, $args{SignatureNonce} // '', $secret,
        $args{Timestamp} // '') if !exists $given{Signature};
    return 'GET /live/?Action=DescribeUserNum&RoomId[]=room1&' . join '&',
        map { "$_=$args{$_}" } grep { defined $args{$_} } sort keys %args;
}

sub login {
    my ($room, $user, $time, $role) = @_;
    return Zego::post('room_login', room_id => $room, user_account => $user,
                      user_nickname => $user, login_time => $time,
                      user_role => $role, session_id => $time % 1000);
}

our $counted = '{"UserCountList":[{"RoomId":"room1","UserCount":1,"AdminUserCount":0}]}';

our $secrets = <<'CONF';
    zego_zone zone=live:1m;
    zego_app 1 secret=secret server_secret=server;
    zego_app 2 secret=secret server_secret=other;
    zego_app 3 secret=secret;
CONF

our $now = time;

our $longest = 'r' x 127;
our $too_long = 'r' x 256;

run_tests();

__DATA__

=== TEST 1: DescribeSimpleStreamList
--- request eval
[Zego::post('stream_create', stream_id => 'stream_demo',
            user_id => 'user_demo', user_name => 'user_name_demo',
            create_time_ms => '1642045110123', stream_seq => '10'),
 main::ask('DescribeSimpleStreamList', 'RoomId=room1')]
--- response_headers eval
['', "Content-Type: application/json\nCache-Control: no-cache\n! ETag"]
--- response_body_like eval
['^$', main::answer(0, 'success', '{"StreamList":[{"StreamId":"stream_demo","UserId":"user_demo","UserName":"user_name_demo","CreateTime":1642045110123}]}')]


=== TEST 2: DescribeUserList
--- request eval
[main::login('room_demo', 'user1', '1635940599900', 1),
 main::login('room_demo', 'user2', '1635940599950', 2),
 main::login('room_demo', 'user3', '1635940599951', 2),
 main::ask('DescribeUserList', 'RoomId=room_demo&Mode=0&Limit=2'),
 main::ask('DescribeUserList',
           'RoomId=room_demo&Mode=0&Limit=2&Marker=1635940599950-user2')]
--- response_body_like eval
[('^$') x 3,
 main::answer(0, 'success', '{"Marker":"1635940599950-user2","UserList":[{"UserId":"user1","UserName":"user1","UserRole":1},{"UserId":"user2","UserName":"user2","UserRole":2}]}'),
 main::answer(0, 'success', '{"Marker":"","UserList":[{"UserId":"user3","UserName":"user3","UserRole":2}]}')]


=== TEST 3: DescribeUserNum
--- request eval
[main::login('room1', 'a', '1001', 1), main::login('room1', 'b', '1002', 2),
 main::login('room2', 'a', '1003', 1), main::login('room2', 'b', '1004', 2),
 main::login('room2', 'c', '1005', 4),
 main::ask('DescribeUserNum', 'RoomId[]=room1&RoomId[]=room2')]
--- response_body_like eval
[('^$') x 5,
 main::answer(0, 'success', '{"UserCountList":[{"RoomId":"room1","UserCount":2,"AdminUserCount":0},{"RoomId":"room2","UserCount":3,"AdminUserCount":1}]}')]


=== TEST 4: DescribeUsers
--- request eval
[main::login('room1', 'a', '1675674019365', 1),
 main::login('room1', 'b', '1675674019455', 1),
 main::ask('DescribeUsers', 'RoomId=room1&UserId[]=a&UserId[]=b')]
--- response_body_like eval
['^$', '^$',
 main::answer(0, 'success', '{"UserStatusList":[{"UserId":"a","Status":1,"LoginTime":1675674019365,"UserRole":1},{"UserId":"b","Status":1,"LoginTime":1675674019455,"UserRole":1}]}')]


=== TEST 5: DescribeRTCStreamState
--- request eval
[Zego::post('stream_create', create_time_ms => '1673334117999'),
 main::ask('DescribeRTCStreamState', 'StreamId=stream1&Sequence=1')]
--- response_body_like eval
['^$', main::answer(0, 'ok', '{"create_time":"1673334117","close_time":""}')]


=== TEST 6: what is not there
--- request eval
[main::login('room1', 'a', '1001', 1),
 Zego::post('stream_create', room_id => 'room2'),
 Zego::post('stream_close', room_id => 'room2'),
 main::ask('DescribeSimpleStreamList', 'RoomId=none'),
 main::ask('DescribeSimpleStreamList', 'RoomId=room1'),
 main::ask('DescribeUserList', 'RoomId=none'),
 main::ask('DescribeUserNum', 'RoomId[]=none'),
 main::ask('DescribeUsers', 'RoomId=none&UserId[]=a'),
 main::ask('DescribeUsers', 'RoomId=room1&UserId[]=b&UserId[]=a'),
 main::ask('DescribeRTCStreamState', 'StreamId=none&Sequence=1'),
 main::ask('DescribeRTCStreamState', 'StreamId=stream1&Sequence=1')]
--- response_body_like eval
[('^$') x 3,
 main::refused(104, 'Room does not exist'),
 main::answer(0, 'success', '{"StreamList":[]}'),
 main::answer(0, 'success', '{"Marker":"","UserList":[]}'),
 main::answer(0, 'success', '{"UserCountList":[{"RoomId":"none","UserCount":0,"AdminUserCount":0}]}'),
 main::refused(50001, 'Room does not exist'),
 main::answer(0, 'success', '{"UserStatusList":[{"UserId":"b","Status":0,"LoginTime":0,"UserRole":0},{"UserId":"a","Status":1,"LoginTime":1001,"UserRole":1}]}'),
 (main::refused(41004, 'StreamId does not exist')) x 2]


=== TEST 7: what was not sent
--- request eval
[Zego::post('stream_create', user_id => undef, user_name => undef),
 Zego::post('room_login', user_nickname => undef, user_role => undef),
 main::ask('DescribeSimpleStreamList', 'RoomId=room1'),
 main::ask('DescribeUserList', 'RoomId=room1'),
 main::ask('DescribeUsers', 'RoomId=room1&UserId[]=user1')]
--- response_body_like eval
['^$', '^$',
 main::answer(0, 'success', '{"StreamList":[{"StreamId":"stream1","UserId":"","UserName":"","CreateTime":1687981272742}]}'),
 main::answer(0, 'success', '{"Marker":"","UserList":[{"UserId":"user1","UserName":"","UserRole":0}]}'),
 main::answer(0, 'success', '{"UserStatusList":[{"UserId":"user1","Status":1,"LoginTime":1687981271000,"UserRole":0}]}')]


=== TEST 8: who logged in first, and last
--- request eval
[main::login('room1', 'c', '1001', 2), main::login('room1', 'a', '1002', 2),
 main::login('room1', 'd', '1002', 2), main::login('room1', 'b', '1003', 2),
 main::ask('DescribeUserList', 'RoomId=room1'),
 main::ask('DescribeUserList', 'RoomId=room1&Mode=1'),
 main::ask('DescribeUserList', 'RoomId=room1&Limit=2'),
 main::ask('DescribeUserList', 'RoomId=room1&Limit=2&Marker=1002-a'),
 main::ask('DescribeUserList', 'RoomId=room1&Limit=2&Mode=1'),
 main::ask('DescribeUserList', 'RoomId=room1&Limit=2&Mode=1&Marker=1002-d'),
 main::ask('DescribeUserList', 'RoomId=room1&Limit=2&Marker=1003-b'),
 main::ask('DescribeUserList', 'RoomId=room1&Limit=0&Mode=&Marker=')]
--- response_body_like eval
[('^$') x 4, map { qr/"Data":\{"Marker":"$_->[0]","UserList":\[@{[CORE::join ',', map { qr([{]"UserId":"$_",[^{}]*[}]) } split '', $_->[1]]}\]/ }
 ['', 'cadb'], ['', 'bdac'], ['1002-a', 'ca'], ['', 'db'], ['1002-d', 'bd'],
 ['', 'ac'], ['', ''], ['', 'cadb']]


=== TEST 9: more users than one piece looks at
--- raw_request eval
Zego::pipeline((map { main::login('room1', "u$_", 2000 - $_, 2) } 100 .. 699),
               main::ask('DescribeUserList', 'RoomId=room1&Limit=3'))
--- http09
--- response_body_like: "Marker":"1303-u697","UserList":\[\{"UserId":"u699"[^{}]*\},\{"UserId":"u698"[^{}]*\},\{"UserId":"u697"[^{}]*\}\]


=== TEST 10: a page goes on behind a user who has gone
--- request eval
[main::login('room1', 'c', '1001', 2), main::login('room1', 'a', '1002', 2),
 main::login('room1', 'd', '1003', 2),
 Zego::post('room_logout', user_account => 'a', session_id => '2',
            login_time => '1002'),
 main::ask('DescribeUserList', 'RoomId=room1&Limit=2&Marker=1002-a')]
--- response_body_like eval
[('^$') x 4,
 main::answer(0, 'success', '{"Marker":"","UserList":[{"UserId":"d","UserName":"d","UserRole":2}]}')]


=== TEST 11: a user on two devices is one
--- request eval
[Zego::post('room_login', user_role => '4'),
 Zego::post('room_login', session_id => '12', login_time => '1687981275000',
            user_role => '2'),
 main::ask('DescribeUserNum', 'RoomId[]=room1'),
 main::ask('DescribeUsers', 'RoomId=room1&UserId[]=user1'),
 Zego::post('room_logout', session_id => '12', login_time => '1687981275000',
            logout_time => '1687981299000'),
 main::ask('DescribeUserNum', 'RoomId[]=room1'),
 main::ask('DescribeUsers', 'RoomId=room1&UserId[]=user1')]
--- response_body_like eval
['^$', '^$', main::answer(0, 'success', $::counted),
 '"Status":1,"LoginTime":1687981275000,"UserRole":2\}', '^$',
 '"UserCount":0', '"Code":50001,']


=== TEST 12: a parameter that is missing, or impossible
--- request eval
[main::ask('DescribeSimpleStreamList'),
 main::ask('DescribeSimpleStreamList', 'RoomId='),
 main::ask('DescribeSimpleStreamList', 'roomid=a'),
 main::ask('DescribeSimpleStreamList', 'RoomId=a%00b'),
 main::ask('DescribeUserList'), main::ask('DescribeUserNum'),
 main::ask('DescribeUserNum', 'RoomIds[]=a'),
 main::ask('DescribeUserNum', 'RoomId[]=a&RoomId[]='),
 main::ask('DescribeUsers', 'UserId[]=a'),
 main::ask('DescribeUserList', 'RoomId=a&Mode=2'),
 main::ask('DescribeUserList', 'RoomId=a&Mode=x'),
 main::ask('DescribeUserList', 'RoomId=a&Limit=201'),
 main::ask('DescribeUserList', 'RoomId=a&Limit=-1'),
 main::ask('DescribeUsers', 'RoomId=a'),
 (map { main::ask('DescribeUserList', "RoomId=a&Marker=$_") }
      'a', '1', '1-', '-a', '1a-b', '18446744073709551616-a',
      "1-$::too_long"),
 main::ask('DescribeRTCStreamState', 'StreamId=a'),
 main::ask('DescribeUserNum', 'RoomId[]=a&IsTest=maybe')]
--- error_code eval
[(200) x 23]
--- response_body_like eval
[map { main::refused(2, "Input parameter error: $_") } ('RoomId') x 9,
 ('Mode') x 2, ('Limit') x 2, 'UserId', ('Marker') x 7, 'Sequence', 'IsTest']


=== TEST 13: other codes
--- request eval
[main::ask('DescribeUserList', "RoomId=r$::longest"),
 main::ask('DescribeUserNum', "RoomId[]=r$::longest"),
 main::ask('DescribeUserNum', CORE::join '&', map { "RoomId[]=$_" } 1 .. 11),
 main::ask('DescribeUsers', "RoomId=a&UserId[]=$::too_long"),
 main::ask('DescribeUsers', CORE::join '&', 'RoomId=a',
           map { "UserId=$_" } 1 .. 11),
 main::ask('DescribeUserList', 'RoomId=%4'),
 main::ask('DescribeUserList', 'RoomId=a&%zz=b'),
 main::ask('DescribeRTCStreamState', 'Sequence=1'),
 main::ask('DescribeRTCStreamState', "StreamId=$::too_long&Sequence=1"),
 main::ask('DescribeRTCStreamState', "StreamId=%ff&Sequence=1"),
 main::ask('DescribeRTCStreamState', 'StreamId=a&Sequence=1&IsTest=2'),
 'GET /live/?Action=&AppId=1', 'GET /live/?action=DescribeUsers&AppId=1',
 main::ask('DescribeRooms'), main::ask('describeUsers'),
 'GET /live/?Action=DescribeUsers', 'GET /live/?Action=DescribeUsers&AppId=',
 'GET /live/?Action=DescribeUsers&AppId=a',
 'GET /live/?Action=DescribeUsers&AppId=4294967296',
 'GET /live/?Action=DescribeUsers&AppId=-1',
 'GET /live/?Action=DescribeUsers&AppId=3']
--- error_code eval
[(200) x 21]
--- response_body_like eval
[(map { main::refused(3, "Input parameter length too long: $_") }
      ('RoomId') x 3, ('UserId') x 2),
 (main::refused(8, 'Decoding failed')) x 2,
 (main::refused(30009, 'Invalid StreamId')) x 3,
 main::refused(30004, 'Incorrect isTest parameter'),
 (main::refused(100000006, 'Action is empty')) x 2,
 (main::refused(100000007, 'Unsupported Action')) x 2,
 (main::refused(100000001, 'AppId field format error')) x 5,
 main::refused(100000010, 'Failed to get ServerSecret')]


=== TEST 14: as many as there may be
--- request eval
[main::ask('DescribeUserNum', CORE::join '&', map { "RoomId[]=$_$::longest" }
           ('') x 10),
 Zego::post('room_create'),
 main::ask('DescribeUsers', CORE::join '&', 'RoomId=room1',
           map { "UserId[]=$_" } 0 .. 9),
 main::ask('DescribeUserList', 'RoomId=room1&Limit=200&Mode=1'),
 main::ask('DescribeUserList', 'RoomId=room1&Marker=18446744073709551615-a')]
--- response_body_like eval
[main::answer(0, 'success', '{"UserCountList":[' . CORE::join(',', (qq({"RoomId":"$::longest","UserCount":0,"AdminUserCount":0})) x 10) . ']}'),
 '^$',
 main::answer(0, 'success', '{"UserStatusList":[' . CORE::join(',', map { qq({"UserId":"$_","Status":0,"LoginTime":0,"UserRole":0}) } 0 .. 9) . ']}'),
 (main::answer(0, 'success', '{"Marker":"","UserList":[]}')) x 2]


=== TEST 15: lists of ids, however they are written
--- request eval
[main::login('room1', 'a', '1001', 1),
 (map { main::ask('DescribeUserNum', $_) }
      'RoomId[]=room1', 'RoomId%5B%5D=room1', 'RoomId%5b%5d=room1',
      'RoomId=room1', '%52oomId[]=%72oom1', 'a&&=&RoomId[]=room1&=',
      'RoomId[0]=room1', 'RoomId%5B10%5D=room1'),
 (map { main::ask('DescribeUserNum', $_) }
      'RoomId[]=room1&RoomId%5B%5D=room1', 'RoomId[0]=room1&RoomId[1]=room1'),
 (map { main::ask('DescribeUserNum', "RoomId$_=room1") }
      qw([ [0 [a] [0]] [-1] ] s))]
--- response_body_like eval
['^$', (main::answer(0, 'success', $::counted)) x 8,
 ('(?:\{"RoomId":"room1","UserCount":1,"AdminUserCount":0\}[],]){2}') x 2,
 ('"Code":2,') x 7]


=== TEST 16: ids that are hostile
--- request eval
[map({ (main::login($_, $_, '1001', 1),
        Zego::post('stream_create', room_id => $_, stream_id => $_)) }
     '<img onerror=x>"\\', 'a&b=c', 'caf' . "\xc3\xa9"),
 (map { (main::ask('DescribeSimpleStreamList', "RoomId=$_"),
         main::ask('DescribeUserNum', "RoomId[]=$_"),
         main::ask('DescribeUsers', "RoomId=$_&UserId[]=$_&UserId[]=%01")) }
      '%3Cimg+onerror=x%3E%22%5C', 'a%26b=c', 'caf%C3%A9'),
 (map { main::ask('DescribeUserNum', "RoomId[]=$_") }
      '%80', '%c3', '%ed%a0%80', 'a%00', "\xff")]
--- response_body_like eval
[('^$') x 6,
 (map { ('"StreamId":"' . quotemeta($_) . '"',
         '"RoomId":"' . quotemeta($_) . '","UserCount":1',
         '"UserId":"' . quotemeta($_) . '","Status":1.*"UserId":"\\\\u0001",'
         . '"Status":0') }
      '<img onerror=x>\\"\\\\', 'a&b=c', "caf\xc3\xa9"),
 (main::refused(2, 'Input parameter error: RoomId')) x 5]


=== TEST 17: several apps
--- request eval
[Zego::post('stream_create', appid => '2', create_time_ms => '2000'),
 Zego::post('room_login', appid => '2'),
 (map { my $appid = $_;
        map { "GET /live/?AppId=$appid&Action=$_&RoomId=room1&StreamId=stream1&Sequence=1&UserId=user1" }
            'DescribeSimpleStreamList', 'DescribeUserList', 'DescribeUserNum',
            'DescribeUsers', 'DescribeRTCStreamState' } 1, 2)]
--- response_body_like eval
['^$', '^$', '"Code":104,', '"UserList":\[\]', '"UserCount":0', '"Code":50001,',
 '"Code":41004,', '"StreamId":"stream1"', '"UserId":"user1"', '"UserCount":1',
 '"Status":1', '"create_time":"2"']


=== TEST 18: a stream that is in several rooms
--- request eval
[map({ Zego::post('stream_create', room_id => $_->[0],
                  create_time_ms => $_->[1]) }
     ['a', '2000'], ['b', '9000'], ['c', '4000']),
 main::ask('DescribeRTCStreamState', 'StreamId=stream1&Sequence=1'),
 Zego::post('stream_close', room_id => 'b', create_time_ms => '9000'),
 main::ask('DescribeRTCStreamState', 'StreamId=stream1&Sequence=1')]
--- response_body_like eval
[('^$') x 3, '"create_time":"9"', '^$', '"create_time":"4"']


=== TEST 19: a signature
--- http_config eval: $::secrets
--- request eval
[Zego::post('room_login'), main::sealed(),
 main::sealed(Timestamp => time - 480), main::sealed(Timestamp => time + 590),
 main::sealed(SignatureNonce => '4fd24687296dd9f3', IsTest => 'False'),
 main::sealed(IsTest => 'true'), main::sealed(IsTest => ''),
 main::sealed(AppId => 2, secret => 'other'),
 'GET /live/?AppId=3&Action=DescribeUserNum&RoomId[]=room1']
--- response_body_like eval
['^$', (main::answer(0, 'success', $::counted)) x 6, ('"UserCount":0') x 2]


=== TEST 20: a signature that is wrong
--- http_config eval: $::secrets
--- request eval
[main::sealed(secret => 'secret'), main::sealed(secret => 'other'),
 main::sealed(secret => ''), main::sealed(Signature => '0'),
 main::sealed(Signature => '0' x 32),
 (map { main::sealed(Timestamp => $::now, SignatureNonce => 'a',
                     Signature => $_) }
      map { ("${_}0", uc $_) } main::signature(1, 'a', 'server', $::now)),
 main::sealed(AppId => 2)]
--- response_body_like eval
[(main::refused(100000005, 'Signature error')) x 8]


=== TEST 21: a signature that is not of now
--- http_config eval: $::secrets
--- request eval
[main::sealed(Timestamp => time - 610), main::sealed(Timestamp => time + 900),
 main::sealed(Timestamp => 0), main::sealed(Timestamp => '9' x 18),
 main::sealed(Timestamp => 1615186943, secret => 'wrong')]
--- response_body_like eval
[(main::refused(100000004, 'Signature expired')) x 5]


=== TEST 22: a signature that is not whole
--- http_config eval: $::secrets
--- request eval
[main::sealed(Timestamp => undef), main::sealed(Timestamp => ''),
 main::sealed(Timestamp => 'now'), main::sealed(Timestamp => '-1'),
 main::sealed(Timestamp => '9' x 30),
 main::sealed(SignatureNonce => undef), main::sealed(Signature => undef),
 main::sealed(Signature => ''), main::sealed(SignatureVersion => undef),
 main::sealed(SignatureVersion => '1.0'), main::sealed(AppId => 4),
 'GET /live/?Action=DescribeUserNum']
--- response_body_like eval
[(main::refused(100000002, 'Timestamp field is empty')) x 2,
 (main::refused(100000003, 'Timestamp field format error')) x 3,
 main::refused(100000008, 'SignatureNonce field is empty'),
 (main::refused(100000009, 'Signature field is empty')) x 2,
 main::refused(100000013, 'SignatureVersion field is empty'),
 main::refused(100000014, 'Unsupported SignatureVersion'),
 main::refused(100000010, 'Failed to get ServerSecret'),
 main::refused(100000001, 'AppId field format error')]


=== TEST 23: a secret is in no log and no answer
--- http_config
    zego_zone zone=live:1m;
    zego_app 1 secret=secret server_secret=mutter;
--- request eval
[main::sealed(secret => 'mutter'), main::sealed(secret => 'other')]
--- no_error_log
mutter
[alert]
--- response_body_unlike eval
['mutter', 'mutter']


=== TEST 24: without an app that is configured any will do
--- http_config
    zego_zone zone=live:1m;
--- request eval
[Zego::post('room_login', appid => '7'),
 'GET /live/?Action=DescribeUserNum&RoomId[]=room1&AppId=7']
--- response_body_like eval
['^$', main::answer(0, 'success', $::counted)]


=== TEST 25: HEAD
--- request eval
['HEAD /live/?Action=DescribeUserNum&AppId=1&RoomId[]=room1',
 'HEAD /live/?Action=DescribeUserNum']
--- response_headers_like eval
[("Content-Type: application/json\nContent-Length: [1-9]\\d+") x 2]
--- response_body eval
['', '']


=== TEST 26: other methods
--- no_http2
--- request
POST /live/?Action=DescribeUserNum&AppId=1&RoomId[]=room1
{}
--- error_code: 405
--- response_headers
Allow: GET, HEAD
--- response_body: {"Reason":"method"}


=== TEST 27: elsewhere, and without an action
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
['GET /list?Action=DescribeUserNum',
 'GET /list/?Action=DescribeUserNum', 'GET /live//?Action=DescribeUserNum',
 'GET /lists?Action=DescribeUserNum', 'GET /live/rooms?Action=DescribeUserNum',
 'GET /live/none?Action=DescribeUserNum', 'GET /live/?Actions=DescribeUserNum']
--- error_code eval
[200, 200, 200, 404, 200, 404, 200]
--- response_body_like eval
[(main::refused(100000001, 'AppId field format error')) x 3,
 '"not_found"', '"RoomList"', '"not_found"', '^<!DOCTYPE html>']


=== TEST 28: no two answers have the same number
--- request eval
[(main::ask('DescribeUserNum', 'RoomId[]=a')) x 20]
--- response_body_like eval
[map { qr/"RequestId":"(\d+)"(?(?{ $main::seen{$1}++ })(?!))/ } 1 .. 20]


=== TEST 29: server secrets, while one is being replaced
--- http_config eval
my $file = Zego::secret_file(0640, "mutter\nmumble\n");
<<"CONF";
    zego_zone zone=live:1m;
    zego_app 1 secret=secret server_secret_file=$file server_secret=grunt;
CONF
--- request eval
[map { main::sealed(secret => $_) } qw(mutter mumble grunt secret mutte)]
--- response_body_like eval
[('"UserCount":0') x 3, (main::refused(100000005, 'Signature error')) x 2]
--- no_error_log eval
[qr/\[(?:alert|crit|emerg)\]/, qr/mutter|mumble|grunt/]

# Directives: what is accepted, and what is refused with which message.

use lib 't/lib';
use Test::Nginx::Socket;
use Zego;

plan tests => repeat_each() * (blocks() * 3 + 24);

run_tests();

__DATA__

=== TEST 1: a zone, an app, both kinds of location
--- http_config
    zego_zone zone=live:1m horizon=90s;
    zego_app 4294967295 secret=secret secret=older server_secret=server;
    zego_keep stream title rtmp_url;
    zego_keep stream hls_url;
    zego_keep room room_name;
    zego_keep user callback_data;
--- config
    location = /callback {
        zego_callback zone=live max_age=1h;
    }

    location /live/ {
        zego_status zone=live;
    }
--- request
GET /live/rooms
--- response_body_like: "RoomList":\[\]


=== TEST 2: a location may name a zone that is defined after it
--- http_config
    server {
        listen unix:$TEST_NGINX_SERVER_ROOT/before.sock;
        location / {
            zego_callback zone=live;
        }
    }

    zego_zone zone=live:1m;
    zego_app 1 secret=secret;
--- request
GET /live/rooms
--- response_body_like: "RoomList":\[\]


=== TEST 3: each zone has its own list
--- http_config
    zego_zone zone=one:1m;
    zego_zone zone=two:32k;
    zego_app 1 secret=secret;
--- config
    location = /callback {
        zego_callback zone=one;
    }

    location /one/ {
        zego_status zone=one;
    }

    location /two/ {
        zego_status zone=two;
    }
--- request eval
[Zego::post('room_create'), 'GET /one/rooms', 'GET /two/rooms']
--- response_body_like eval
['^$', '"RoomID":"room1"', '"RoomList":\[\]']


=== TEST 4: no http block at all
--- init
Zego::nginx_t('events {}');
--- request
GET /t
--- response_body_like: syntax is ok.*test is successful


=== TEST 5: an http block without any of the directives
--- init
Zego::nginx_t('events {} http { server { listen 127.0.0.1:1; } }');
--- request
GET /t
--- response_body_like: ^nginx: the configuration file \S+ syntax is ok\n


=== TEST 6: nginx -t warns of every location that takes unsigned callbacks
--- init
Zego::nginx_t('events {}
http {
    zego_zone zone=live:1m;
    server {
        listen 127.0.0.1:1;
        location = /one { zego_callback zone=live; }
        location /two { zego_callback zone=live; }
        location /live/ { zego_status zone=live; }
    }
}');
--- request
GET /t
--- response_body_like eval
my $of = sub { qr/nginx: \[warn\] "zego_callback" in location "$_[0]" accepts callbacks without a signature because no "zego_app" is configured in \S+:$_[1]\n/ };
my ($one, $two) = ($of->('/one', 6), $of->('/two', 7));
qr/^$one${two}nginx: the configuration file/


=== TEST 7: nginx -t does not warn where apps have secrets
--- init
Zego::nginx_t('events {}
http {
    zego_zone zone=live:1m;
    zego_app 1 secret=secret;
    server {
        listen 127.0.0.1:1;
        location = /one { zego_callback zone=live; }
    }
}');
--- request
GET /t
--- response_body_like: ^nginx: the configuration file \S+ syntax is ok\n


=== TEST 8: a zone without a size
--- http_config
    zego_zone zone=live;
--- must_die
--- error_log
[emerg]
invalid zone size "zone=live" in /


=== TEST 9: a zone of an impossible size
--- http_config
    zego_zone zone=live:lots;
--- must_die
--- error_log
[emerg]
invalid zone size "zone=live:lots" in /


=== TEST 10: a zone that is too small
--- http_config
    zego_zone zone=live:31k;
--- must_die
--- error_log
[emerg]
zone "zone=live:31k" is too small in /


=== TEST 11: a zone without a name
--- http_config
    zego_zone zone=:1m;
--- must_die
--- error_log
[emerg]
"zego_zone" must have "zone" parameter in /


=== TEST 12: a zone without a zone
--- http_config
    zego_zone horizon=5m;
--- must_die
--- error_log
[emerg]
"zego_zone" must have "zone" parameter in /


=== TEST 13: a horizon that is no time
--- http_config
    zego_zone zone=live:1m horizon=soon;
--- must_die
--- error_log
[emerg]
invalid horizon value "horizon=soon" in /


=== TEST 14: no horizon
--- http_config
    zego_zone zone=live:1m horizon=0;
--- must_die
--- error_log
[emerg]
invalid horizon value "horizon=0" in /


=== TEST 15: an unknown parameter of a zone
--- http_config
    zego_zone zone=live:1m size=2m;
--- must_die
--- error_log
[emerg]
invalid parameter "size=2m" in /


=== TEST 16: a zone given twice
--- http_config
    zego_zone zone=live:1m;
    zego_zone zone=live:1m;
--- must_die
--- error_log
[emerg]
duplicate zone "live" in /


=== TEST 17: a zone that belongs to another module
--- http_config
    limit_req_zone $binary_remote_addr zone=live:1m rate=1r/s;
    zego_zone zone=live:1m;
--- must_die
--- error_log
[emerg]
the shared memory zone "live" is already declared for a different use in /


=== TEST 18: a zone is not given in a server
--- config
    zego_zone zone=more:1m;
--- must_die
--- error_log
[emerg]
"zego_zone" directive is not allowed here in /


=== TEST 19: an app id is a number of 32 bits
--- http_config
    zego_app 4294967296 secret=secret;
--- must_die
--- error_log
[emerg]
"zego_app" directive has invalid appid in /


=== TEST 20: secrets without an app id are not repeated
--- http_config
    zego_app secret=hush secret=whisper;
--- must_die
--- error_log
[emerg]
"zego_app" directive has invalid appid in /
--- no_error_log
hush
whisper


=== TEST 21: an app without anything
--- http_config
    zego_app 1;
--- must_die
--- error_log
[emerg]
invalid number of arguments in "zego_app" directive in /


=== TEST 22: an app without a callback secret
--- http_config
    zego_app 1 server_secret=hush;
--- must_die
--- error_log
[emerg]
"zego_app" must have "secret" or "secret_file" parameter in /
--- no_error_log
hush


=== TEST 23: an empty secret
--- http_config
    zego_app 1 secret=hush secret=;
--- must_die
--- error_log
[emerg]
"zego_app" directive has empty "secret" parameter in /
--- no_error_log
hush


=== TEST 24: an empty server secret
--- http_config
    zego_app 1 secret=hush server_secret=;
--- must_die
--- error_log
[emerg]
"zego_app" directive has empty "server_secret" parameter in /
--- no_error_log
hush


=== TEST 25: a server secret twice
--- http_config
    zego_app 1 secret=s server_secret=whisper server_secret=whisper;
--- must_die
--- error_log
[emerg]
duplicate secret in /
--- no_error_log
[alert]
whisper


=== TEST 26: a secret behind a misspelled name is not repeated
--- http_config
    zego_app 1 secert=hush;
--- must_die
--- error_log
[emerg]
invalid parameter "secert" in /
--- no_error_log
hush


=== TEST 27: a secret without a name is not repeated
--- http_config
    zego_app 1 hush;
--- must_die
--- error_log
[emerg]
"zego_app" directive has invalid parameter in /
--- no_error_log
hush


=== TEST 28: an app given twice
--- http_config
    zego_app 1 secret=hush;
    zego_app 1 secret=whisper;
--- must_die
--- error_log
[emerg]
duplicate app "1" in /
--- no_error_log
hush
whisper


=== TEST 29: an app is not given in a server
--- config
    zego_app 3 secret=hush;
--- must_die
--- error_log
[emerg]
"zego_app" directive is not allowed here in /
--- no_error_log
hush


=== TEST 30: callbacks without a zone
--- config
    location = /callback {
        zego_callback max_age=5m;
    }
--- must_die
--- error_log
[emerg]
"zego_callback" must have "zone" parameter in /


=== TEST 31: callbacks of a zone that there is not
--- config
    location = /callback {
        zego_callback zone=dead;
    }
--- must_die
--- error_log
[emerg]
zero size shared memory zone "dead"


=== TEST 32: an unknown parameter of callbacks
--- config
    location = /callback {
        zego_callback zone=live secret=s;
    }
--- must_die
--- error_log
[emerg]
invalid parameter "secret=s" in /


=== TEST 33: an age that is no time
--- config
    location = /callback {
        zego_callback zone=live max_age=old;
    }
--- must_die
--- error_log
[emerg]
invalid max_age value "max_age=old" in /


=== TEST 34: no age
--- config
    location = /callback {
        zego_callback zone=live max_age=0;
    }
--- must_die
--- error_log
[emerg]
invalid max_age value "max_age=0" in /


=== TEST 35: callbacks twice in a location
--- config
    location = /callback {
        zego_callback zone=live;
        zego_callback zone=live;
    }
--- must_die
--- error_log
[emerg]
"zego_callback" directive is duplicate in /


=== TEST 36: callbacks are taken in a location only
--- config
    zego_callback zone=live;
--- must_die
--- error_log
[emerg]
"zego_callback" directive is not allowed here in /


=== TEST 37: callbacks in a location that has a list
--- config
    location /live/ {
        zego_status zone=live;
        zego_callback zone=live;
    }
--- must_die
--- error_log
[emerg]
"zego_callback" directive is incompatible with "zego_status" in /


=== TEST 38: a list in a location that has callbacks
--- config
    location /live/ {
        zego_callback zone=live;
        zego_status zone=live;
    }
--- must_die
--- error_log
[emerg]
"zego_status" directive is incompatible with "zego_callback" in /


=== TEST 39: a list of a zone that there is not
--- config
    location /live/ {
        zego_status zone=dead;
    }
--- must_die
--- error_log
[emerg]
zero size shared memory zone "dead"


=== TEST 40: a list without "zone="
--- config
    location /live/ {
        zego_status live;
    }
--- must_die
--- error_log
[emerg]
invalid parameter "live" in /


=== TEST 41: a list twice in a location
--- config
    location /live/ {
        zego_status zone=live;
        zego_status zone=live;
    }
--- must_die
--- error_log
[emerg]
"zego_status" directive is duplicate in /


=== TEST 42: a list in an exact location
--- config
    location = /live/ {
        zego_status zone=live;
    }
--- must_die
--- error_log
[emerg]
"zego_status" directive is not allowed in an exact or named location or in one given by regular expression in /


=== TEST 43: a list in a named location
--- config
    location @live {
        zego_status zone=live;
    }
--- must_die
--- error_log
[emerg]
"zego_status" directive is not allowed in an exact or named location or in one given by regular expression in /


=== TEST 44: a list in a location given by regular expression
--- config
    location ~ ^/live/ {
        zego_status zone=live;
    }
--- must_die
--- error_log
[emerg]
"zego_status" directive is not allowed in an exact or named location or in one given by regular expression in /


=== TEST 45: a list is served in a location only
--- config
    zego_status zone=live;
--- must_die
--- error_log
[emerg]
"zego_status" directive is not allowed here in /


=== TEST 46: fields are kept of streams, rooms and users
--- http_config
    zego_zone zone=live:1m;
    zego_keep streams title;
--- must_die
--- error_log
[emerg]
invalid parameter "streams" in /


=== TEST 47: no field to keep
--- http_config
    zego_zone zone=live:1m;
    zego_keep stream;
--- must_die
--- error_log
[emerg]
invalid number of arguments in "zego_keep" directive in /


=== TEST 48: a field to keep twice
--- http_config
    zego_zone zone=live:1m;
    zego_keep stream title;
    zego_keep stream hls_url title;
--- must_die
--- error_log
[emerg]
duplicate field "title" in /


=== TEST 49: a name that would need quoting
--- http_config
    zego_zone zone=live:1m;
    zego_keep stream 'a"b';
--- must_die
--- error_log
[emerg]
invalid field "a"b" in /


=== TEST 50: a name that is too long
--- http_config eval
"zego_zone zone=live:1m; zego_keep stream " . "n" x 65 . ";"
--- must_die
--- error_log eval
['[emerg]', 'invalid field "' . 'n' x 65 . '" in /']


=== TEST 51: a signature is not kept: with it others could be signed
--- http_config
    zego_zone zone=live:1m;
    zego_keep room signature;
--- must_die
--- error_log
[emerg]
invalid field "signature" in /


=== TEST 52: more fields than are kept
--- http_config eval
"zego_zone zone=live:1m; zego_keep user @{[map { qq(f$_) } 1 .. 17]};"
--- must_die
--- error_log
[emerg]
too many fields of a user are kept in /


=== TEST 53: as many fields as are kept
--- http_config eval
my $fields = "@{[map { qq(f$_) } 1 .. 16]}";
"zego_zone zone=live:1m; zego_keep user $fields; zego_keep room $fields;"
--- request
GET /live/rooms
--- response_body_like: "RoomList":\[\]


=== TEST 54: an empty store
--- http_config
    zego_zone zone=live:1m store=;
--- must_die
--- error_log
[emerg]
empty "store" parameter in /


=== TEST 55: one store of two zones
--- http_config
    zego_zone zone=live:1m store=html/store;
    zego_zone zone=two:1m store=html/store/;
--- must_die
--- error_log eval
["[emerg]", qr{zego store "/.*/html/store" is that of zone "live" too in /}]


=== TEST 56: a store in a directory that does not exist
--- http_config
    zego_zone zone=live:1m store=html/none/store;
--- must_die
--- error_log eval
["[emerg]", qr{mkdir\(\) "/.*/html/none/store" failed \(2: No such file}]


=== TEST 57: nginx -t makes no store
--- init
Zego::nginx_t('events {}
http {
    zego_zone zone=live:1m store=none/store;
    server { listen 127.0.0.1:1; }
}');
--- request
GET /t
--- response_body_like: ^nginx: the configuration file \S+ syntax is ok\n


=== TEST 58: a horizon and a store, in any order
--- http_config
    zego_zone store=html/store zone=live:1m horizon=90s;
    zego_app 1 secret=secret;
--- request eval
[Zego::post('room_create'), 'GET /live/rooms', 'GET /live/metrics']
--- response_body_like eval
['^$', '"RoomID":"room1"',
 'zego_store_commit_seconds_count\{zone="live"\} 1\n.*'
 . 'zego_store_loaded\{zone="live"\} 1\n.*']

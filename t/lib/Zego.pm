package Zego;

# What the test files share: callbacks to send, and the configuration of the
# blocks that give none.

use strict;
use warnings;

use Digest::SHA qw(sha1_hex);
use File::Temp qw(tempfile);
use Test::Nginx::Socket;

use base 'Exporter';
our @EXPORT = qw(callback form get h2 nginx_t percent pipeline post room
                 signed);

# the documented vector of a signature, for secret "secret"
my @signed = (
    timestamp => '1470820198',
    nonce     => '123412',
    signature => '5bd59fd62953a8059fb7eaba95720f66d19e4517',
);

# what each event carries; a reference is raw JSON
my %fields = (
    stream_create => [
        appid => '1', room_id => 'room1', room_session_id => '1234567',
        stream_id => 'stream1', stream_seq => '1',
        create_time_ms => '1687981272742', user_id => 'user1',
        user_name => 'user1_name', stream_sid => 's-1',
    ],
    stream_close => [
        appid => '1', room_id => 'room1', room_session_id => '1234567',
        stream_id => 'stream1', stream_seq => '2',
        create_time_ms => '1687981272742',
        destroy_timemillis => '1687981299000', user_id => 'user1',
        user_name => 'user1_name', stream_sid => 's-1', type => '0',
    ],
    room_create => [
        appid => \1, room_id => 'room1', room_session_id => \1234567,
        room_create_time => '1687981270000', id_name => 'user1',
    ],
    room_close => [
        appid => \1, room_id => 'room1', room_session_id => \1234567,
        room_close_time => '1687981300000', close_reason => \0,
    ],
    room_login => [
        appid => '1', room_id => 'room1', room_seq => '1234567',
        user_account => 'user1', user_nickname => 'user1_name',
        session_id => '11', login_time => '1687981271000',
        user_role => '1', user_update_seq => '1',
    ],
    room_logout => [
        appid => '1', room_id => 'room1', room_seq => '1234567',
        user_account => 'user1', user_nickname => 'user1_name',
        session_id => '11', login_time => '1687981271000',
        logout_time => '1687981298000', user_role => '1',
        user_update_seq => '2', reason => '0',
    ],
);

sub merged {
    my ($event, @given) = @_;
    my %given = @given;
    my @all = ('event', $event, @{$fields{$event} || []}, @signed);
    my @pairs;

    while (my ($name, $value) = splice @all, 0, 2) {
        $value = delete $given{$name} if exists $given{$name};
        push @pairs, [$name, $value] if defined $value;
    }
    while (my ($name) = splice @given, 0, 2) {
        next if !exists $given{$name};
        my $value = delete $given{$name};
        push @pairs, [$name, $value] if defined $value;
    }
    return @pairs;
}

sub quoted {
    my ($value) = @_;
    return ${$value} if ref $value;
    $value =~ s/([\\"\x00-\x1f])/sprintf '\\u%04x', ord $1/ge;
    return "\"$value\"";
}

sub escaped {
    my ($value) = @_;
    $value = ${$value} if ref $value;
    $value =~ s/([^A-Za-z0-9_.~-])/sprintf '%%%02X', ord $1/ge;
    return $value;
}

# a callback in each kind of body: the event's own fields and a valid
# signature, but for those that are given; undef leaves one out
sub callback {
    return '{' . join(',', map { "\"$_->[0]\":" . quoted($_->[1]) }
                           merged(@_)) . '}';
}

sub percent { return escaped(callback(@_)) }

sub form { return join '&', map { "$_->[0]=" . escaped($_->[1]) } merged(@_) }

sub post { return "POST /callback\n" . callback(@_) }

sub get { return "GET /live/$_[0]" }

# timestamp, nonce and their signature with a secret
sub signed {
    my ($secret, $timestamp, $nonce) = @_;
    return (timestamp => $timestamp, nonce => $nonce,
            signature => sha1_hex(join '', sort $secret, $timestamp, $nonce));
}

# what rooms/ID answers, from behind its version on
sub room {
    my ($json) = @_;
    return qr/^\{"Version":"[0-9a-f]{16}-\d+",\Q$json\E$/;
}

# requests that go over one connection, for raw_request
sub pipeline {
    my $n = @_;
    return join '', map {
        my ($line, $body) = split /\n/, $_, 2;
        my $connection = --$n ? 'keep-alive' : 'close';
        "$line HTTP/1.1\r\nHost: localhost\r\nConnection: $connection\r\n"
        . (defined $body ? 'Content-Length: ' . length($body) . "\r\n" : '')
        . "\r\n" . ($body // '');
    } @_;
}

sub frame {
    my ($type, $flags, $stream, $payload) = @_;
    return substr(pack('N', length $payload), 1)
           . pack('CCN', $type, $flags, $stream) . $payload;
}

# HTTP/2: a client's first bytes, and POSTs side by side, each with its body in
# these frames
sub h2 {
    my ($path, @bodies) = @_;
    my $headers = "\x83\x86" . "\x04" . pack('C/a*', $path)
                  . "\x01" . pack('C/a*', 'localhost');
    my @streams = map { 2 * $_ + 1 } 0 .. $#bodies;
    my %left;
    @left{@streams} = map { [@$_] } @bodies;

    my $out = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . frame(4, 0, 0, '');
    $out .= frame(1, 4, $_, $headers) for @streams;
    while (my @more = grep { @{$left{$_}} } @streams) {
        for (@more) {
            my $data = shift @{$left{$_}};
            $out .= frame(0, @{$left{$_}} ? 0 : 1, $_, $data);
        }
    }
    return $out;
}

# a file of its own, for each block
sub secret_file {
    my ($mode, $text) = @_;
    my ($file, $name) = tempfile(UNLINK => 1);
    print {$file} $text;
    close $file;
    chmod $mode, $name;
    return $name;
}

# leaves in /t what nginx -t says to a configuration
sub nginx_t {
    my ($conf) = @_;
    my $html = html_dir();
    my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';
    my $modules = join ' ', map { "load_module $_;" }
                            split ' ', $ENV{TEST_NGINX_LOAD_MODULES} // '';

    open my $out, '>', "$html/t.conf" or die "$html/t.conf: $!";
    print $out "pid $html/t.pid; error_log $html/t.log; $modules $conf";
    close $out;
    system "$binary -t -e $html/t.log -p $html/ -c $html/t.conf >$html/t 2>&1";
    return;
}

# of the blocks that give none
our $zones = <<'CONF';
    zego_zone zone=live:1m;
    zego_app 1 secret=secret;
    zego_app 2 secret=secret;
CONF

add_block_preprocessor(sub {
    my ($block) = @_;

    if (!defined $block->http_config) {
        $block->set_value(http_config => $zones);
    }

    if (!defined $block->config) {
        $block->set_value(config => <<'CONF');
        location = /callback {
            zego_callback zone=live;
            add_header X-Verdict $zego_verdict always;
        }

        location /live/ {
            zego_status zone=live;
        }
CONF
    }

    # the same with stores, new ones for each block
    if ($ENV{ZEGO_STORES} && !defined $block->must_die) {
        my $conf = $block->http_config;
        $conf =~ s{(zego_zone zone=(\w+):[^;]*)}{$1 store=html/$2}g;
        $block->set_value(http_config => $conf);
    }

    # what nginx says there is looked for in error.log
    if (defined $block->must_die || $block->http_config !~ /zego_app/) {
        $block->set_value(suppress_stderr => '');
    }

    if (!defined $block->no_error_log && !defined $block->must_die) {
        $block->set_value(no_error_log => qr/\[(?:alert|crit|emerg)\]/);
    }
});

1;

package Test::Nginx::Socket;

# A small driver for test files written for OpenResty's Test::Nginx::Socket,
# for machines that do not have it: the same sections, the same number of
# tests for each.  Beyond it, a block fails on every [alert], [crit] or [emerg]
# line of error.log that no pattern of the block matches, and on sections that
# only the original knows.

use strict;
use warnings;

use Test::Base -base;
use File::Path qw(make_path remove_tree);
use File::Spec;
use HTTP::Response;
use IO::Select;
use IO::Socket::INET;
use List::Util qw(first shuffle);
use POSIX ();
use Time::HiRes qw(sleep time);

our @EXPORT = qw(
    add_block_preprocessor add_cleanup_handler add_response_body_check
    add_test_cleanup_handler bail_out config_preamble env_to_nginx html_dir
    is_str log_level master_off master_on master_process_enabled
    no_long_string no_root_location no_shuffle plan repeat_each run_tests
    server_addr server_name server_port server_port_for_client server_root
    timeout use_hup worker_connections workers
);

# what only the original can do
my $unsupported = qr/^(?: charset$ | curl | error_log_file | http3 | quic
    | post_setup | request_eval | response_body_(?: eval | filters | json )
    | server_addr | skip_(?: nginx2 | openssl | slave ) | stap | tcp_ | todo
    | udp_ | write_resp )/x;

my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';
my $root = $ENV{TEST_NGINX_SERVROOT} || File::Spec->rel2abs('t/servroot');
my $html = "$root/html";
my $conf_file = "$root/conf/nginx.conf";
my $error_log = "$root/logs/error.log";
my $access_log = "$root/logs/access.log";
my $pid_file = "$root/logs/nginx.pid";

# settings, by the name of their function
my %set = (
    config_preamble    => '',
    log_level          => $ENV{TEST_NGINX_LOG_LEVEL} || 'debug',
    repeat_each        => 1,
    server_addr        => '127.0.0.1',
    server_name        => 'localhost',
    server_port        => $ENV{TEST_NGINX_SERVER_PORT}
                          || $ENV{TEST_NGINX_PORT} || 1984,
    timeout            => $ENV{TEST_NGINX_TIMEOUT} || 3,
    worker_connections => 64,
    workers            => 1,
);
my $master = $ENV{TEST_NGINX_MASTER_PROCESS} || 'off';
my $use_hup = $ENV{TEST_NGINX_USE_HUP};
my $no_shuffle = $ENV{TEST_NGINX_NO_SHUFFLE};
my $no_root_location;

my (@env, @preprocessors, @cleanups, @test_cleanups, @body_checks);
my ($version, $started, %rand_ports, $error_log_pos);

$ENV{TEST_NGINX_SERVER_ROOT} = $root;
$SIG{PIPE} = 'IGNORE';
$SIG{$_} = sub { exit 1 } for qw(HUP INT TERM);


for my $name (keys %set) {
    no strict 'refs';
    *$name = sub { $set{$name} = shift if @_; return $set{$name} };
}

sub server_port_for_client { return $set{server_port} }
sub master_process_enabled { $master = $_[0] ? 'on' : 'off' if @_; $master }
sub master_on { $master = 'on' }
sub master_off { $master = 'off' }
sub no_root_location { $no_root_location = 1 }
sub no_shuffle { $no_shuffle = 1 }
sub no_long_string { }
sub use_hup { $use_hup = 1 }
sub html_dir { return $html }
sub server_root { return $root }
sub env_to_nginx { push @env, @_ }
sub add_cleanup_handler { unshift @cleanups, @_ }
sub add_test_cleanup_handler { unshift @test_cleanups, @_ }
sub add_block_preprocessor(&) { unshift @preprocessors, @_ }
sub add_response_body_check { push @body_checks, @_ }

sub is_str {
    my ($got, $expected, $name) = @_;
    return ref $expected ? like($got, $expected, $name)
                         : is($got, $expected, $name);
}

sub bail_out {
    stop();
    Test::More::BAIL_OUT(join '', @_);
}


# nginx

# the pid in our pid file, if that process still is a nginx of this root
sub pid {
    open my $in, '<', $pid_file or return;
    my ($pid) = (<$in> // '') =~ /^(\d+)$/ or return;
    return running($pid) ? $pid : undef;
}

sub running {
    my ($pid) = @_;
    open my $in, '<', "/proc/$pid/cmdline" or return;
    return index(<$in> // '', $conf_file) >= 0;
}

sub stop {
    my $pid = pid() or return;

    kill QUIT => $pid;
    for (my $end = time + $set{timeout}; running($pid) && time < $end;) {
        sleep 0.01;
    }
    return if !running($pid);

    warn "nginx $pid does not exit, killing it\n";
    kill KILL => getpgrp($pid) == $pid ? -$pid : $pid;
    sleep 0.1;
    unlink $pid_file;
    return;
}

END {
    local $?;
    stop() if $started;
}

sub free_port {
    my $sock = IO::Socket::INET->new(Listen => 1, LocalAddr => $set{server_addr});
    return $sock->sockport;
}

sub expand {
    my ($text, $name) = @_;
    return '' if !defined $text;

    $text =~ s{\$(TEST_NGINX_[_A-Z0-9]+)}{
        my $var = $1;
        $var =~ /^TEST_NGINX_RAND_PORT_\d+$/
            ? $rand_ports{$var} ||= free_port()
            : $ENV{$var} // bail_out("$name - No environment $var defined.\n")
    }eg;
    return $text;
}

sub spew {
    my ($path, $data) = @_;
    open my $out, '>:raw', $path or bail_out("cannot write $path: $!");
    print $out $data;
    close $out;
    return;
}

sub write_user_files {
    my ($block) = @_;
    my $files = $block->user_files // return;

    if (!ref $files) {
        my @parts = split /^>>> (\S+)[^\n]*\n/m, $files;
        shift @parts;
        $files = [];
        push @$files, [splice @parts, 0, 2] while @parts;
    }
    for my $file (@$files) {
        my ($path, $data) = @$file;
        $path = "$html/$path" if $path !~ m{^/};
        make_path($path =~ m{(.*)/});
        spew($path, expand($data, $block->name));
    }
    return;
}

sub write_root {
    my ($block, $config_version) = @_;
    my $name = $block->name;

    # under use_hup the running nginx needs its pid file and its sockets
    remove_tree("$root/conf", $html, grep { !/\.(?:pid|sock)$/ }
                glob "$root/logs/* $root/*_temp $root/*_cache");
    make_path("$root/conf", "$root/logs", $html);
    spew("$html/index.html", '<html><head><title>It works!</title></head>'
                             . '<body>It works!</body></html>');
    write_user_files($block);

    my ($main, $http, $config, $post_main) =
        map { expand(scalar $block->$_, $name) }
        qw(main_config http_config config post_main_config);

    my $modules = join ' ', map { "load_module $_;" }
                            split ' ', $ENV{TEST_NGINX_LOAD_MODULES} // '';
    my $temp = join ' ', map { "${_}_temp_path $root/${_}_temp;" }
                         grep { $http !~ /\b${_}_temp_path\b/ }
                         qw(client_body proxy fastcgi scgi uwsgi);
    my $env = join "\n", map { /\s/ ? "env '$_';" : "env $_;" }
                         'ASAN_OPTIONS', @env;
    my $user = $> == 0 ? 'user root;' : '';
    my $level = $block->log_level || $set{log_level};
    my $server_name = $block->server_name // $set{server_name};

    my $listen = "listen $set{server_port};";
    if (use_http2($block)) {
        $listen = $version >= 1_025_001 ? "$listen http2 on;"
                                        : "listen $set{server_port} http2;";
    }

    my $root_location = $no_root_location ? '' : <<"CONF";
        location / {
            root $html;
            index index.html index.htm;
        }
CONF
    my $version_server = !$config_version ? '' : <<"CONF";
    server {
        $listen
        server_name Test-Nginx;
        location = /ver { return 200 '$config_version'; }
    }
CONF

    spew($conf_file, <<"CONF");
$user
worker_processes $set{workers};
daemon on;
master_process $master;
error_log $error_log $level;
pid $pid_file;
$env
$modules $main
http {
    access_log $access_log;
    $temp
    default_type text/plain;
    keepalive_timeout 68;
$http
    server {
        $listen
        server_name '$server_name';
        client_max_body_size 30M;
$set{config_preamble}
$config
$root_location
    }
$version_server
}
$post_main
events {
    accept_mutex off;
    worker_connections $set{worker_connections};
}
CONF
    return;
}

# the exit status of a nginx that has daemonized, or has failed to start
sub start {
    my ($block) = @_;
    my $quiet = grep { defined } $block->suppress_stderr, $block->must_die;

    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', '/dev/null' if $quiet;
        exec $binary, '-e', $error_log, '-p', "$root/", '-c', $conf_file
            or POSIX::_exit(127);
    }
    $started = 1;
    waitpid $pid, 0;
    return $?;
}

sub reload {
    my ($block, $config_version) = @_;
    my $pid = pid();

    kill USR1 => $pid;
    sleep 0.05;
    kill HUP => $pid;
    sleep 0.05;

    if (defined $block->reload_fails) {
        sleep 0.3;
        return;
    }

    # until no worker answers with the old configuration
    my $req = [{ value => "GET /ver HTTP/1.1\r\nHost: Test-Nginx\r\n"
                          . "Connection: close\r\n\r\n" }];
    my $same = 0;
    for (1 .. 300) {
        my $raw = use_http2($block) ? send_curl($block, $req)
                                    : send_raw($block, $req);
        $same = $raw =~ /\r\n\r\n\Q$config_version\E$/ ? $same + 1 : 0;
        return if $same == 20;
        sleep 0.02 if !$same;
    }
    fail($block->name . ' - failed to reload configuration');
    return;
}


# requests

sub more_headers {
    my ($block, $i) = @_;
    my $text = $block->more_headers // '';
    if (ref $text) {
        $text = $text->[$i]
                // bail_out($block->name . " - no more_headers for request $i");
    }

    my $headers = '';
    for my $line (split /\n+/, $text) {
        next if $line =~ /^\s*#/;
        my ($key, $value) = split /:\s*/, $line, 2;
        $headers .= "$key: " . ($value // '') . "\r\n";
    }
    return $headers;
}

# the packets of one request from those of "METHOD [URL [VERSION]]\nBODY"
sub build_request {
    my ($block, $i, $connection, @packets) = @_;
    my $name = $block->name;

    my $text = join '', map { ref $_ ? $_->{value} : $_ } @packets;
    $text =~ /^\s*(\S+)(?: +(\S+)(?: +(\S+))?)?[ \r]*(?:\n|\z)/
        or bail_out("$name - bad request line");
    my ($method, $url, $http) = ($1, $2 // '/', $3 // 'HTTP/1.1');
    my $body_start = $+[0];
    my $body = substr $text, $body_start;

    my $more = more_headers($block, $i);
    my $headers = '';
    $headers .= "Host: $set{server_name}\r\n" if $more !~ /^Host:/mi;
    $headers .= "Connection: $connection\r\n" if $more !~ /^Connection/mi;
    $headers .= $more;

    if ($body ne '' && $more !~ /^Content-Length:/m
        && $more !~ /^Transfer-Encoding: chunked\r$/mi)
    {
        $body =~ s/^\s+//;
        $body =~ s/\s+$//;
        $headers .= 'Content-Length: ' . length($body) . "\r\n";
    }

    my $head = "$method $url $http\r\n$headers\r\n";
    my $all = $head . $body;

    # cut it where the packets were cut
    my @out;
    my ($pos, $end) = (0, 0);
    for my $packet (@packets) {
        my %packet = ref $packet ? %$packet : (value => $packet);
        $end += length $packet{value};
        my $to = $end >= length $text ? length $all
               : $end > $body_start ? length($head) + $end - $body_start
               : $end;
        $packet{value} = $to > $pos ? substr $all, $pos, $to - $pos : '';
        $pos = $to;
        push @out, \%packet;
    }
    return \@out;
}

sub requests {
    my ($block) = @_;
    my $name = $block->name;

    if (defined(my $raw = $block->raw_request)) {
        return [map { { value => $_ } } ref $raw ? @$raw : $raw];
    }

    if (my $list = $block->pipelined_requests) {
        my $i = 0;
        return [{ value => join '', map {
            my $connection = $i == $#$list ? 'close' : 'keep-alive';
            build_request($block, $i++, $connection, expand($_, $name))
                ->[0]{value};
        } @$list }];
    }

    my $request = $block->request // bail_out("$name - request empty");
    if (!ref $request) {
        1 while $request =~ s/^(?:\s*#[^\n]+\s+|\s+)//;
        $request = [$request];
    }
    my $i = 0;
    return map { build_request($block, $i++, 'close', ref $_ ? @$_ : $_) }
           @$request;
}

sub block_timeout {
    my ($block) = @_;
    my ($n, $unit) = ($block->timeout // $set{timeout}) =~ /^([\d.]+)(m?s)?$/;
    return ($unit // '') eq 'ms' ? $n / 1000 : $n;
}

sub send_raw {
    my ($block, $packets) = @_;
    my $name = $block->name;
    my $timeout = block_timeout($block);

    my $sock;
    for (1 .. 50) {
        $sock = IO::Socket::INET->new(PeerAddr => $set{server_addr},
            PeerPort => $set{server_port}, Timeout => $timeout) and last;
        sleep 0.02;
    }
    if (!$sock) {
        fail("$name - Can't connect to $set{server_addr}:$set{server_port}: $!");
        return '';
    }
    $sock->blocking(0);

    my $select = IO::Select->new($sock);
    my @packets = @$packets;
    my $out = (shift @packets)->{value};
    my $in = '';

    while (1) {
        my ($r, $w) = IO::Select->select($select,
            defined $out ? $select : undef, undef, $timeout);
        if (!$r) {
            fail("ERROR: client socket timed out - $name")
                if !defined $block->abort;
            last;
        }

        if (@$r) {
            my $n = sysread $sock, $in, 65536, length $in;
            last if defined $n ? $n == 0 : !$!{EAGAIN};
        }
        next if !@$w;

        my $n = syswrite $sock, $out;
        if (defined $n) {
            substr $out, 0, $n, '';
        } elsif (!$!{EAGAIN}) {
            # nginx may have answered before it closed
            undef $out;
            next;
        }
        next if $out ne '';

        if (my $next = shift @packets) {
            my $delay = $next->{delay_before}
                        // $block->raw_request_middle_delay;
            sleep $delay if $delay;
            $out = $next->{value};
        } else {
            undef $out;
            $sock->shutdown($block->shutdown || 1) if defined $block->shutdown;
        }
    }
    return $in;
}

sub use_http2 {
    my ($block) = @_;
    return 0 if defined $block->no_http2;
    return 1 if defined $block->http2;
    return 0 if !$ENV{TEST_NGINX_USE_HTTP2} || !defined $block->request
                || defined $block->raw_request
                || defined $block->pipelined_requests
                || $block->request =~ m{HTTP/1\.0};

    # without ALPN, older versions cannot speak both on one port
    return !first { ($block->$_ // '') =~
                    /proxy_pass .*:\$(?:server_port|TEST_NGINX_SERVER_PORT)/ }
                  qw(config http_config user_files);
}

sub send_curl {
    my ($block, $packets) = @_;
    my $name = $block->name;
    my $timeout = block_timeout($block);

    my ($head, $body) = split /\r\n\r\n/,
                              join('', map { $_->{value} } @$packets), 2;
    my ($line, @headers) = split /\r\n/, $head;
    my ($method, $url) = split ' ', $line;

    my @cmd = (qw(curl -isS --http2-prior-knowledge --path-as-is --globoff),
               '--max-time', $timeout,
               map { ('-H', $_) } 'User-Agent:', 'Accept:',
                                  grep { !/^Connection:/i } @headers);
    push @cmd, $method eq 'HEAD' ? '-I' : ('-X', $method);
    if ($body ne '') {
        spew("$root/conf/body", $body);
        push @cmd, '--data-binary', "\@$root/conf/body";
        push @cmd, '-H', 'Content-Type:' if $head !~ /^Content-Type:/mi;
    }

    push @cmd, "http://$set{server_addr}:$set{server_port}$url";

    # curl may lose an answer for which nginx has not read the body: to the
    # reset of the stream that follows (92)
    my $out;
    for (1 .. 10) {
        open my $curl, '-|', @cmd or bail_out("$name - cannot run curl: $!");
        $out = do { local $/; <$curl> } // '';
        close $curl;
        last if $out ne '' || $? >> 8 != 92;
    }
    fail("$name - no response from curl") if $out eq '';
    return $out;
}

# the response, its raw headers, and what follows it
sub parse_response {
    my ($block, $raw, $is_head) = @_;
    my $name = $block->name;

    return (HTTP::Response->new(200, 'OK', [], $raw), '', '')
        if defined $block->http09;

    my ($headers) = $raw =~ /(.*?\r\n)\r\n/s;
    my $res = HTTP::Response->parse($raw);
    my $body = $res->content // '';
    my $code = $res->code // '';
    my $left = '';

    $res->code(undef) if $code !~ /^\d+$/;

    if ($is_head || $code eq '304' || $code eq '101') {
        return ($res, $headers // '', $is_head ? $body : '');
    }

    my $length = $res->header('Content-Length');

    if (($res->header('Transfer-Encoding') // '') eq 'chunked') {
        my $decoded = '';
        while ($body =~ /\G[ \t]*([0-9A-Fa-f]+)[ \t]*\r\n/gc) {
            my $size = hex $1;
            last if $size == 0;
            my $pos = pos $body;
            $decoded .= substr $body, $pos, $size if $pos < length $body;
            pos($body) = $pos + $size <= length $body ? $pos + $size : $pos;
            $body =~ /\G\r\n/gc or last;
        }
        if ($body =~ /\G(?<=0\r\n)(?:[^\r\n]+\r\n)*\r\n(.*)/gcs) {
            $left = $1;
        } else {
            fail("$name - invalid chunked data received");
        }
        $res->content($decoded);

    } elsif (defined $length && length $body > $length) {
        $left = substr $body, $length, length $body, '';
        $res->content($body);

    } elsif (defined $length && length $body < $length) {
        warn "$name - response body truncated: $length expected, but got "
             . length($body) . "\n";
    }
    return ($res, $headers // '', $left);
}


# checks

sub at {
    my ($block, $value, $i, $many) = @_;
    return $value->[$i] if ref $value eq 'ARRAY';
    bail_out($block->name . ' - many requests need arrays of results')
        if $many;
    return $value;
}

sub server_port_in {
    my ($text) = @_;
    $text =~ s/\$ServerPort(?:ForClient)?\b/$set{server_port}/g
        if defined $text && !ref $text;
    return $text;
}

sub check_response {
    my ($block, $res, $raw_headers, $i, $many) = @_;
    my $name = $block->name;
    my $has = sub { return defined $block->${\ $_[0]} };
    my $get = sub { return at($block, scalar $block->${\ $_[0]}, $i, $many) };
    my $body = $res->content;

    if ($has->('error_code_like')) {
        my $re = $get->('error_code_like');
        like($res->code || '', qr/$re/sm, "$name - status code ok");
    } else {
        is($res->code || '',
           $has->('error_code') ? $get->('error_code') : 200,
           "$name - status code ok");
    }

    if ($has->('raw_response_headers_like')) {
        my $re = $get->('raw_response_headers_like');
        like($raw_headers, qr/$re/s, "$name - raw resp headers like");
    }
    if ($has->('raw_response_headers_unlike')) {
        my $re = $get->('raw_response_headers_unlike');
        unlike($raw_headers, qr/$re/s, "$name - raw resp headers unlike");
    }

    my $like = !$has->('response_headers') && '_like';
    if ($has->("response_headers$like")) {
        for my $line (split /\n/, $get->("response_headers$like")) {
            my ($not, $key, $value) =
                $line =~ /^\s*(!?)\s*([^:]*?)\s*(?::\s*(.*?))?\s*$/;
            my $got = $res->header($key) // '';
            if ($not) {
                unlike($raw_headers, qr/^\s*\Q$key\E\s*:/mi,
                       "$name - header $key not present");
            } else {
                $value = server_port_in($value);
                is_str($got, $like ? qr/^$value$/ : $value,
                       "$name - header $key ok");
            }
        }
    }

    if ($has->('response_body')) {
        my $expected = server_port_in($get->('response_body'));
        $expected = expand($expected, $name) if !ref $expected;
        is_str($body, $expected, "$name - response_body (req $i)");
    } elsif ($has->('response_body_like')) {
        my $re = server_port_in($get->('response_body_like'));
        like($body, qr/$re/s, "$name - response_body_like (req $i)");
    } elsif ($has->('response_body_unlike')) {
        my $re = server_port_in($get->('response_body_unlike'));
        unlike($body, qr/$re/s, "$name - response_body_unlike (req $i)");
    }
    return;
}

sub lines {
    my ($file, $pos) = @_;
    open my $in, '<', $file or return;
    seek $in, $pos, 0 if $pos;
    my @lines = <$in>;
    $error_log_pos = tell $in if defined $pos;
    return @lines;
}

# read again until these are among them, or for some seconds
sub lines_with {
    my ($file, $wanted, $pos) = @_;
    my $deadline = time + 10;

    for (;;) {
        my @lines = lines($file, $pos);
        my @missing = grep { my $re = $_; !grep { $_ =~ $re } @lines }
                           patterns($wanted);
        return @lines if !@missing || time >= $deadline;
        sleep 0.1;
    }
}

sub patterns {
    my ($value) = @_;
    return map { ref $_ ? $_ : qr/\Q$_\E/ } grep { defined }
           ref $value eq 'ARRAY' ? @$value
           : ref $value || !defined $value ? $value
           : split /\n+/, $value;
}

sub check_lines {
    my ($block, $section, @lines) = @_;
    my $name = $block->name;

    for my $re (patterns(scalar $block->$section)) {
        ok(scalar(grep { $_ =~ $re } @lines), "$name - $section matches $re");
    }
    my $no = "no_$section";
    for my $re (patterns(scalar $block->$no)) {
        my @bad = grep { $_ =~ $re } @lines;
        ok(!@bad, "$name - $no does not match $re");
        diag($_) for @bad;
    }
    return;
}

sub check_logs {
    my ($block, $repeat) = @_;
    my $name = $block->name;

    # the log phase comes after the response, on a busy machine long after
    sleep 0.045;
    my @lines = lines_with($error_log, scalar $block->error_log,
                           $error_log_pos);

    my $grep = $block->grep_error_log;
    $grep = $grep->[$repeat] if ref $grep eq 'ARRAY';
    if (defined $grep) {
        my $expected = $block->grep_error_log_out;
        $expected = $expected->[$repeat] if ref $expected eq 'ARRAY';
        $expected = expand($expected, $name) if !ref $expected;
        my $re = ref $grep ? $grep : qr/\Q$grep\E/;
        my $got = join '', map { /$re/ ? "$&\n" : () } @lines;
        is_str($got, $expected, "$name - grep_error_log_out (req $repeat)");
    }

    check_lines($block, 'error_log', @lines);
    return;
}

# what a block did not ask for
sub check_severe {
    my ($block) = @_;
    my @asked = map { patterns(scalar $block->$_) }
                qw(error_log shutdown_error_log grep_error_log);

    for my $line (lines($error_log)) {
        next if $line !~ /\[(?:alert|crit|emerg)\]|\bAssertion .*failed\b/;
        next if first { $line =~ $_ } @asked;
        fail($block->name . " - unexpected in error.log: $line");
    }
    return;
}


# blocks

sub must_die {
    my ($block) = @_;
    my $name = $block->name;

    for my $repeat (0 .. $set{repeat_each} - 1) {
        my $status = start($block);
        if ($status & 127) {
            fail("$name - nginx was killed by signal " . ($status & 127));
        } elsif ($block->must_die =~ /^\s*(\d+)\s*$/) {
            is($status >> 8, $1, "$name - die with the expected exit code");
        } else {
            isnt($status, 0, "$name - die as expected");
        }
        check_logs($block, $repeat);
        if ($status == 0) {
            sleep 0.1;
            stop();
        }
    }
    return;
}

sub run_requests {
    my ($block, $repeat) = @_;
    my @requests = requests($block);
    my $pipelined = $block->pipelined_requests;
    my $n = $pipelined ? @$pipelined : @requests;
    my $many = $pipelined || $n > 1;
    my $left;

    for my $i (0 .. $n - 1) {
        if (!$pipelined || $i == 0) {
            my $request = $requests[$i];
            $left = use_http2($block) ? send_curl($block, $request)
                                      : send_raw($block, $request);
        }
        if (!defined $block->ignore_response) {
            my $is_head = !$pipelined
                          && $requests[$i][0]{value} =~ /^\s*HEAD\s/;
            (my $res, my $headers, $left) =
                parse_response($block, $left, $is_head);
            warn $block->name . " - unexpected extra bytes: $left\n"
                if $left ne '' && !$pipelined;
            check_response($block, $res, $headers, $i, $many);
            $_->($block, $res->content, $i, $repeat, 0) for @body_checks;
        }

        sleep $block->wait if $block->wait;
        check_logs($block, $repeat);
        check_lines($block, 'access_log',
                    lines_with($access_log, scalar $block->access_log))
            if !defined $block->ignore_response;
    }
    return;
}

# the number of tests to skip, and why
sub skipped {
    my ($block) = @_;
    my $name = $block->name;

    if (defined(my $spec = $block->skip_nginx)) {
        $spec =~ /^\s*(\d+)\s*:\s*([<>]=?)\s*(\d+)\.(\d+)\.(\d+)/
            or bail_out("$name - Invalid --- skip_nginx spec: $spec");
        my ($n, $op, $than) = ($1, $2, $3 * 1_000_000 + $4 * 1000 + $5);
        my $order = $version <=> $than;
        return ($n, "nginx version $spec")
            if $order == 0 ? $op =~ /=/ : $order == ($op =~ /</ ? -1 : 1);
    }
    if (defined(my $spec = $block->skip_eval)) {
        my ($n, $code) = $spec =~ /^\s*(\d+)\s*:\s*(.*)/s;
        my $skip = eval $code;
        bail_out("$name - skip_eval: $@") if $@;
        return ($n, 'skip_eval') if $skip;
    }
    return;
}

sub run_block {
    my ($block) = @_;
    my $name = $block->name;
    my $hup = $use_hup && !defined $block->must_die;

    my $original = first { /$unsupported/ } keys %$block;
    bail_out("$name - --- $original needs OpenResty's Test::Nginx::Socket")
        if $original;
    bail_out("$name - no --- config") if !defined $block->config;

    if (my ($n, $why) = skipped($block)) {
        SKIP: { skip("$name - $why", $n * $set{repeat_each}) }
        return;
    }

    %rand_ports = ();
    $error_log_pos = 0;
    master_on() if $hup;
    stop() if !$hup;

    my $config_version = $hup && sprintf '%x', rand 2 ** 32;
    my $reload = pid();
    write_root($block, $config_version);

    if (defined $block->must_die) {
        must_die($block);
        check_severe($block);
        return;
    }

    if ($reload) {
        reload($block, $config_version);
    } else {
        my $status = start($block);
        bail_out("$name - Cannot start nginx (status $status).") if $status;
    }

    if (defined(my $code = $block->init)) {
        eval $code;
        bail_out("$name - init failed: $@") if $@;
    }

    $error_log_pos = 0;
    for my $repeat (0 .. $set{repeat_each} - 1) {
        write_user_files($block) if $repeat;
        run_requests($block, $repeat);
    }

    stop() if !$hup;
    if ($hup) {
        SKIP: {
            my $n = map { patterns(scalar $block->$_) }
                    qw(shutdown_error_log no_shutdown_error_log);
            skip("$name - shutdown_error_log under use_hup", $n) if $n;
        }
    } else {
        check_lines($block, 'shutdown_error_log', lines($error_log));
    }
    check_severe($block);
    return;
}

sub run_tests {
    my $v = `$binary -v 2>&1`;
    $v =~ m{/(\d+)\.(\d+)\.(\d+)} or bail_out("cannot run $binary: $v");
    $version = $1 * 1_000_000 + $2 * 1000 + $3;

    $ENV{TEST_NGINX_SERVER_PORT} //= $set{server_port};
    stop();

    for my $block ($no_shuffle ? blocks() : shuffle blocks()) {
        $_->($block) for @preprocessors;
        $block->set_value(name => "$0 " . $block->name);
        run_block($block);
        $_->($block) for @test_cleanups;
    }

    stop();
    $_->() for @cleanups;
    return;
}

1;

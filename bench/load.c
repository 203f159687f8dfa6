/*
 * Sends callbacks and counts the answers: of the streams that are live the
 * oldest is closed and a new one created, in turn, so that as many stay live.
 * A client of our own because wrk with a script needs more time for a
 * callback than nginx does, and so cannot keep a worker busy.
 *
 *     load PORT fill|run STREAMS ROOMS FIRST CONNECTIONS SECONDS
 *          [list PATH | close WORKER ... | at RATE [PATH READS READERS]]
 *
 * fill creates STREAMS streams, the same number in each room, and ends.  run
 * goes on for SECONDS, from the callback FIRST on; what it prints as "next"
 * is the FIRST of the next run.  One connection has one callback under way.
 * It never sleeps, so that no worker pays for waking it.
 *
 * list: one more connection reads PATH, time after time, a piece whenever one
 * has come, so that no other process shares this one's processor.
 *
 * close: each callback comes on a new connection.  That costs the client more
 * than nginx, so it could not keep a worker busy; therefore all CONNECTIONS are
 * made and their callbacks sent while the WORKERs (process ids) are stopped.
 * "seconds" are only those from when they go on until all is answered and
 * closed; this is repeated until SECONDS are over.
 *
 * at: RATE callbacks a second, whatever becomes of those before.  Each has a
 * time at which it is to be sent, and its latency is counted from that, also if
 * no connection is free then.  Beside them PATH is read READS times a second,
 * over READERS connections that stay open, by the same rule; READS 0: without a
 * pause.  "waited" is how long this process did not have its processor.
 */

#define _GNU_SOURCE

#include <arpa/inet.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MICROSECONDS_MAX 1000000

/* Time for nginx to accept all connections. */
#define ACCEPT_MICROSECONDS 50000

/* As in ZEGO's documentation.  A capital letter from A to D is a digit, the
   lowest one last: A of the stream, B of the room, C of stream_seq, D of the
   time; the signature is the documented one, of the secret "secret". */

#define COMMON                                                               \
    "\"appid\":\"1\",\"timestamp\":\"1470820198\",\"nonce\":\"123412\","     \
    "\"signature\":\"5bd59fd62953a8059fb7eaba95720f66d19e4517\","            \
    "\"room_id\":\"roomBBBBBB\","                                            \
    "\"room_session_id\":\"858012BBBBBB410400\",\"user_id\":\"userAAAAAAAA\"," \
    "\"user_name\":\"userAAAAAAAA_name\",\"channel_id\":\"0xb-0x1\","        \
    "\"stream_id\":\"stream_id_AAAAAAAA\","                                  \
    "\"stream_sid\":\"s-11520513666974AAAAAAAA0104\",\"title\":\"title\","   \
    "\"stream_alias\":\"aaa\",\"stream_seq\":\"CCCCCCCC\","                  \
    "\"create_time_ms\":\"168DDDDDDDDDD\","

static const char create[] =
    "{\"event\":\"stream_create\"," COMMON
    "\"stream_attr\":\"{\\\"cid\\\":0}\",\"create_time\":\"168DDDDDDD\","
    "\"extra_info\":\"extra\",\"recreate\":\"0\","
    "\"publish_id\":\"userAAAAAAAA\","
    "\"publish_name\":\"userAAAAAAAA_name\","
    "\"rtmp_url\":["
    "\"rtmp://rtmp-1.region.example.com/live/room/stream_id_AAAAAAAA\","
    "\"rtmp://rtmp-2.region.example.com/live/room/stream_id_AAAAAAAA\"],"
    "\"hls_url\":["
    "\"http://hls.region.example.com/live/stream_id_AAAAAAAA.m3u8\"],"
    "\"hdl_url\":["
    "\"http://hdl.region.example.com/live/stream_id_AAAAAAAA.flv\"],"
    "\"pic_url\":["
    "\"http://pic.region.example.com/live/stream_id_AAAAAAAA.jpg\"]}";

static const char destroy[] =
    "{\"event\":\"stream_close\"," COMMON
    "\"destroy_timemillis\":\"1697981272742\",\"type\":\"0\","
    "\"third_define_data\":\"{\\\"u\\\":\\\"data\\\"}\"}";

struct template {
    char text[2048];
    size_t len;
    size_t ndigits;
    struct {
        unsigned short at;
        unsigned char letter;
    } digits[256];
};

struct connection {
    int fd;
    unsigned answered;
    uint64_t since;
};

static struct template creating, closing;
static struct sockaddr_in server;
static uint64_t streams, rooms, sent, answered, timed, failed, began, end, took;
static uint32_t latency[MICROSECONDS_MAX + 1];
static int fill, queue;

static struct connection *connections;
static size_t nconnections, nopen;

static int nworkers;
static char **workers;

static const char *path;
static struct connection list;
static uint64_t list_bytes, list_len, list_min = UINT64_MAX;

/* of at */
struct schedule {
    double every;           /* us */
    double due;
    struct connection **idle;
    size_t nidle;
};

struct reader {
    struct connection connection;   /* the first member */
    uint64_t len;
    char tail[8];
};

static struct schedule callbacks, reads;
static struct reader *readers;
static size_t nreaders;
static uint64_t lists;
static uint32_t list_latency[MICROSECONDS_MAX + 1];

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

static void prepare(struct template *t, const char *body)
{
    int head = snprintf(t->text, sizeof(t->text),
                        "POST /callback HTTP/1.1\r\n"
                        "Host: gateway.example.com\r\n"
                        "User-Agent: callback/1.0\r\n"
                        "Accept: */*\r\n"
                        "Accept-Encoding: gzip, deflate\r\n"
                        "Content-Type: application/json\r\n"
                        "%sContent-Length: %zu\r\n\r\n",
                        nworkers ? "Connection: close\r\n" : "", strlen(body));

    t->len = (size_t) head + strlen(body);
    strcpy(t->text + head, body);

    /* from the lowest digit up; of one letter there are two in no word */
    for (size_t i = t->len; i-- > (size_t) head;) {
        char c = t->text[i];

        if (c >= 'A' && c <= 'D') {
            t->digits[t->ndigits].at = (unsigned short) i;
            t->digits[t->ndigits++].letter = (unsigned char) (c - 'A');
        }
    }
}

static void print(struct template *t, const uint64_t values[4])
{
    uint64_t value = 0;
    size_t last = 0;

    for (size_t i = 0; i < t->ndigits; i++) {
        size_t at = t->digits[i].at;

        if (at + 1 != last) {
            value = values[t->digits[i].letter];
        }
        t->text[at] = (char) ('0' + value % 10);
        value /= 10;
        last = at;
    }
}

/* The n-th.  A pair closes a stream and creates another in the same room. */

static const struct template *callback(uint64_t n)
{
    struct template *t = &creating;
    uint64_t id, seq;

    if (fill) {
        id = n;
        seq = id / rooms + 1;

    } else {
        uint64_t pair = n / 2;

        id = n % 2 ? pair : streams + pair;
        seq = streams / rooms + 2 * (pair / rooms) + 1 + n % 2;
        t = n % 2 ? &closing : &creating;
    }

    print(t, (const uint64_t[]) {id, id % rooms, seq, 7981272742 + id});
    return t;
}

static void open_connection(struct connection *c)
{
    c->answered = 0;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd == -1
        || connect(c->fd, (struct sockaddr *) &server, sizeof(server)) == -1)
    {
        die("connect");
    }

    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(queue, EPOLL_CTL_ADD, c->fd, &event) == -1) {
        die("epoll_ctl");
    }
}

static void send_callback(struct connection *c, uint64_t since)
{
    const struct template *t = callback(sent++);

    c->since = since;
    if (send(c->fd, t->text, t->len, MSG_NOSIGNAL) != (ssize_t) t->len) {
        die("send");
    }
}

static void signal_workers(int number)
{
    for (int i = 0; i < nworkers; i++) {
        if (kill(atoi(workers[i]), number) == -1) {
            die("kill");
        }
    }
}

static int is_over(void)
{
    return now() >= end || (fill && sent >= streams);
}

static void begin(void)
{
    began = now();
    signal_workers(SIGSTOP);
    for (; nopen < nconnections && !is_over(); nopen++) {
        open_connection(&connections[nopen]);
        if (callbacks.every > 0) {
            callbacks.idle[callbacks.nidle++] = &connections[nopen];

        } else {
            send_callback(&connections[nopen], now());
        }
    }
    if (nworkers) {
        signal_workers(SIGCONT);
        began = now();
    }
}

static void open_readers(void)
{
    for (size_t i = 0; i < nreaders; i++) {
        open_connection(&readers[i].connection);
        reads.idle[reads.nidle++] = &readers[i].connection;
    }
}

static void send_due(void)
{
    uint64_t at = now();

    while (callbacks.nidle && callbacks.due <= (double) at) {
        send_callback(callbacks.idle[--callbacks.nidle],
                      (uint64_t) callbacks.due);
        callbacks.due += callbacks.every;
    }

    while (reads.nidle && reads.due <= (double) at) {
        struct connection *c = reads.idle[--reads.nidle];

        c->since = reads.every > 0 ? (uint64_t) reads.due : at;
        if (dprintf(c->fd, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path)
            < 0)
        {
            die("list");
        }
        reads.due += reads.every;
    }
}

static void close_connection(struct connection *c)
{
    close(c->fd);
    if (--nopen == 0) {
        took += now() - began;
        if (nworkers) {
            begin();
        }
    }
}

static void answer(struct connection *c)
{
    char buffer[4096];
    ssize_t n = recv(c->fd, buffer, sizeof(buffer), 0);

    if (n > 0) {
        uint64_t us = now() - c->since;

        if (n < 12 || memcmp(buffer + 9, "200", 3) != 0) {
            if (failed++ == 0) {
                fprintf(stderr, "%.*s\n", (int) n, buffer);
            }
        }
        /* the first also waits until nginx has accepted the connection, but
           where there is time for that before */
        if (c->answered++ || callbacks.every > 0) {
            latency[us < MICROSECONDS_MAX ? us : MICROSECONDS_MAX]++;
            timed++;
        }
        answered++;

        if (!nworkers) {
            if (is_over()) {
                close_connection(c);

            } else if (callbacks.every > 0) {
                callbacks.idle[callbacks.nidle++] = c;

            } else {
                send_callback(c, now());
            }
        }
        return;
    }

    if (!nworkers || !c->answered) {
        fprintf(stderr, "closed without an answer\n");
        exit(1);
    }
    /* nginx was the first to close: its side keeps the port, not this one */
    close_connection(c);
}

static void ask_for_list(void)
{
    open_connection(&list);
    if (dprintf(list.fd, "GET %s HTTP/1.1\r\nHost: localhost\r\n"
                         "Connection: close\r\n\r\n", path) < 0)
    {
        die("list");
    }
}

static void read_list(void)
{
    /* what is thrown away need not be copied */
    ssize_t n = recv(list.fd, NULL, 65536, MSG_TRUNC);

    if (n > 0) {
        list_len += (uint64_t) n;
        list_bytes += (uint64_t) n;
        return;
    }

    if (list_len < list_min) {
        list_min = list_len;
    }
    list_len = 0;
    close(list.fd);
    ask_for_list();
}

static int is_reader(const void *p)
{
    return p >= (const void *) readers
           && p < (const void *) (readers + nreaders);
}

/* A list ends with the empty chunk; no line of JSON is like it. */

static void read_reader(struct reader *r)
{
    static const char last[] = "\r\n0\r\n\r\n";
    const size_t keep = sizeof(last) - 1;
    static char buffer[8 + (1 << 16)];

    memcpy(buffer, r->tail, keep);
    ssize_t n = recv(r->connection.fd, buffer + keep, sizeof(buffer) - 8, 0);
    if (n <= 0) {
        die("list");
    }

    if (r->len == 0 && (n < 12 || memcmp(buffer + keep + 9, "200", 3) != 0)) {
        fprintf(stderr, "%.*s\n", (int) n, buffer + keep);
        exit(1);
    }
    r->len += (uint64_t) n;
    list_bytes += (uint64_t) n;
    memcpy(r->tail, buffer + n, keep);
    if (memcmp(r->tail, last, keep) != 0) {
        return;
    }

    uint64_t us = now() - r->connection.since;

    list_latency[us < MICROSECONDS_MAX ? us : MICROSECONDS_MAX]++;
    lists++;
    if (r->len < list_min) {
        list_min = r->len;
    }
    r->len = 0;
    r->tail[0] = 0;
    reads.idle[reads.nidle++] = &r->connection;
}

static unsigned percentile(const uint32_t *times, uint64_t number, double share)
{
    double rest = share * (double) number;
    unsigned n = 0;

    while (n < MICROSECONDS_MAX && (rest -= times[n]) > 0) {
        n++;
    }
    return n;
}

/* Seconds in which it could have run and did not. */

static double waited(void)
{
    FILE *file = fopen("/proc/self/schedstat", "r");
    unsigned long long ns = 0;

    if (file == NULL || fscanf(file, "%*u %llu", &ns) != 1) {
        die("schedstat");
    }
    fclose(file);
    return (double) ns / 1e9;
}

int main(int argc, char **argv)
{
    if (argc < 8) {
        fprintf(stderr, "usage: load PORT fill|run STREAMS ROOMS FIRST "
                        "CONNECTIONS SECONDS [list PATH | close WORKER ... | "
                        "at RATE [PATH READS READERS]]\n");
        return 2;
    }
    server.sin_family = AF_INET;
    server.sin_port = htons((uint16_t) atoi(argv[1]));
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fill = strcmp(argv[2], "fill") == 0;
    streams = strtoull(argv[3], NULL, 10);
    rooms = strtoull(argv[4], NULL, 10);
    sent = strtoull(argv[5], NULL, 10);
    nconnections = strtoull(argv[6], NULL, 10);
    double seconds = atof(argv[7]);

    if (argc > 9 && strcmp(argv[8], "close") == 0) {
        workers = argv + 9;
        nworkers = argc - 9;
    }

    prepare(&creating, create);
    prepare(&closing, destroy);
    queue = epoll_create1(0);
    connections = calloc(nconnections, sizeof(*connections));

    if (argc > 9 && strcmp(argv[8], "list") == 0) {
        path = argv[9];
        ask_for_list();
    }

    if (argc > 9 && strcmp(argv[8], "at") == 0) {
        callbacks.every = 1e6 / atof(argv[9]);
        callbacks.idle = calloc(nconnections, sizeof(*callbacks.idle));
    }

    if (argc > 12 && callbacks.every > 0) {
        double rate = atof(argv[11]);

        path = argv[10];
        reads.every = rate > 0 ? 1e6 / rate : 0;
        nreaders = strtoull(argv[12], NULL, 10);
        readers = calloc(nreaders, sizeof(*readers));
        reads.idle = calloc(nreaders, sizeof(*reads.idle));
    }

    alarm((unsigned) seconds + 60);
    end = now() + (uint64_t) (seconds * 1e6);
    begin();
    if (callbacks.every > 0) {
        open_readers();
        usleep(ACCEPT_MICROSECONDS);
        began = now();
        end = began + (uint64_t) (seconds * 1e6);
        callbacks.due = reads.due = (double) began;
    }
    while (nopen) {
        struct epoll_event events[256];
        int ready = epoll_wait(queue, events, 256, 0);

        if (callbacks.every > 0 && !is_over()) {
            send_due();
        }
        while (callbacks.nidle && is_over()) {
            close_connection(callbacks.idle[--callbacks.nidle]);
        }

        for (int i = 0; i < ready; i++) {
            if (events[i].data.ptr == &list) {
                read_list();

            } else if (is_reader(events[i].data.ptr)) {
                read_reader(events[i].data.ptr);

            } else {
                answer(events[i].data.ptr);
            }
        }
    }

    printf("{\"callbacks\":%llu,\"seconds\":%f,\"failed\":%llu,"
           "\"next\":%llu,\"p50\":%u,\"p99\":%u,\"p999\":%u,\"max\":%u,"
           "\"list_bytes\":%llu,\"list_min\":%llu,\"lists\":%llu,"
           "\"list_p50\":%u,\"list_p99\":%u,\"waited\":%f}\n",
           (unsigned long long) answered, (double) took / 1e6,
           (unsigned long long) failed, (unsigned long long) sent,
           percentile(latency, timed, .5), percentile(latency, timed, .99),
           percentile(latency, timed, .999), percentile(latency, timed, 1),
           (unsigned long long) list_bytes, (unsigned long long) list_min,
           (unsigned long long) lists, percentile(list_latency, lists, .5),
           percentile(list_latency, lists, .99), waited());
    return fill && answered < streams;
}

/*
 * Follows the changes with many connections, sends callbacks, and measures how
 * long after the answer to one the last of those it concerns knows of it.
 *
 *     watch PORT all|rooms WATCHERS CALLBACKS
 *
 * all: each follows all rooms; rooms: each a room of its own, and a callback
 * is of one of these.  Before each line on its standard input nothing is done:
 * it says "listed" when all have been told the list, then sends the callbacks,
 * one after the other at any moment of the workers' timers, and prints the
 * times in us.  They include the client's own, of reading from all.
 */

#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TAIL 32

struct watcher {
    int fd;
    size_t len;
    char tail[TAIL];
};

static struct sockaddr_in server;
static struct watcher *watchers;
static unsigned nwatchers, nevents;
static int queue, rooms, vendor;
static char buffer[TAIL + (1 << 16)];

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

static int dial(struct watcher *w)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = w};

    if (fd == -1 ||
        connect(fd, (struct sockaddr *) &server, sizeof(server)) == -1 ||
        epoll_ctl(queue, EPOLL_CTL_ADD, fd, &event) == -1) {
        die("connect");
    }
    return fd;
}

static void put(int fd, const char *text, size_t len)
{
    if (send(fd, text, len, MSG_NOSIGNAL) != (ssize_t) len) {
        die("send");
    }
}

/* reads what has come; 1 if what is sought for was in it */
static int look(struct watcher *w, const char *sought)
{
    int found = 0;

    for (;;) {
        memcpy(buffer, w->tail, w->len);

        ssize_t n = recv(w->fd, buffer + w->len, sizeof(buffer) - TAIL,
                         MSG_DONTWAIT);
        if (n == -1 && errno == EAGAIN) {
            return found;
        }
        if (n <= 0) {
            die("a watcher was cut off");
        }

        size_t len = w->len + (size_t) n;

        found |= memmem(buffer, len, sought, strlen(sought)) != NULL;
        w->len = len < TAIL - 1 ? len : TAIL - 1;
        memcpy(w->tail, buffer + len - w->len, w->len);

        if (n < (ssize_t) (sizeof(buffer) - TAIL)) {
            return found;
        }
    }
}

static void callback(unsigned number)
{
    char body[1024], request[2048];
    unsigned room = rooms ? number % nwatchers : 0;

    int len = snprintf(body, sizeof(body),
        "{\"event\":\"stream_create\",\"appid\":\"1\","
        "\"timestamp\":\"1470820198\",\"nonce\":\"123412\","
        "\"signature\":\"5bd59fd62953a8059fb7eaba95720f66d19e4517\","
        "\"room_id\":\"watched%u\",\"room_session_id\":\"%u\","
        "\"user_id\":\"user\",\"user_name\":\"name\",\"stream_id\":\"stream\","
        "\"stream_sid\":\"s-115205136669740000000000104\","
        "\"stream_seq\":\"%u\",\"create_time_ms\":\"1687981272742\","
        "\"extra_info\":\"extra\",\"recreate\":\"1\"}",
        room, room + 1, number + 1);

    len = snprintf(request, sizeof(request),
                   "POST /callback HTTP/1.1\r\nHost: t\r\n"
                   "Content-Length: %d\r\n\r\n%s", len, body);
    put(vendor, request, (size_t) len);
}

static void answered(void)
{
    ssize_t n = recv(vendor, buffer, sizeof(buffer), 0);

    if (n < 12 || memcmp(buffer, "HTTP/1.1 200", 12) != 0) {
        die("callback");
    }
}

/* until so many have seen it, and the answer has come if it is awaited: when
   these were */
static uint64_t wait_for(const char *sought, unsigned left, uint64_t *answer)
{
    struct epoll_event events[256];
    uint64_t last = 0;

    while (left > 0 || (answer != NULL && *answer == 0)) {
        int n = epoll_wait(queue, events, 256, 20000);

        if (n <= 0) {
            die("nothing comes");
        }
        for (int i = 0; i < n; i++) {
            struct watcher *w = events[i].data.ptr;

            if (w == NULL) {
                *answer = now();
                answered();
            } else if (look(w, sought)) {
                left--;
                last = now();
            }
        }
    }
    return last;
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

    return (x > y) - (x < y);
}

static void go_on(void)
{
    char line[16];

    fflush(stdout);
    if (fgets(line, sizeof(line), stdin) == NULL) {
        exit(1);
    }
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "watch PORT all|rooms WATCHERS CALLBACKS\n");
        return 2;
    }
    server.sin_family = AF_INET;
    server.sin_port = htons((uint16_t) atoi(argv[1]));
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    rooms = strcmp(argv[2], "rooms") == 0;
    nwatchers = (unsigned) atoi(argv[3]);
    nevents = (unsigned) atoi(argv[4]);
    queue = epoll_create1(0);
    watchers = calloc(nwatchers, sizeof(struct watcher));
    uint64_t *times = calloc(nevents, sizeof(uint64_t));
    if (queue == -1 || watchers == NULL || times == NULL || nevents == 0) {
        die("setup");
    }

    for (unsigned i = 0; i < nwatchers; i++) {
        char request[256], path[64] = "changes";

        if (rooms) {
            snprintf(path, sizeof(path), "rooms/watched%u", i);
        }
        int len = snprintf(request, sizeof(request),
                           "GET /zego/%s HTTP/1.1\r\nHost: t\r\n"
                           "Accept: text/event-stream\r\n\r\n", path);

        watchers[i].fd = dial(&watchers[i]);
        put(watchers[i].fd, request, (size_t) len);
        if (i % 256 == 255) {
            wait_for("event: synced", 256, NULL);
        }
    }
    wait_for("event: synced", nwatchers % 256, NULL);

    puts("listed");
    go_on();

    vendor = dial(NULL);
    srandom(1);
    for (unsigned i = 0; i < nevents; i++) {
        char sought[TAIL];
        uint64_t answer = 0;

        snprintf(sought, sizeof(sought), "\"StreamSeq\":%u,", i + 1);
        usleep((useconds_t) (random() % 40000));
        callback(i);
        uint64_t last = wait_for(sought, rooms ? 1 : nwatchers, &answer);
        times[i] = last > answer ? last - answer : 0;
    }
    qsort(times, nevents, sizeof(*times), by_size);
    printf("{\"p50\":%llu,\"p99\":%llu,\"max\":%llu}\n",
           (unsigned long long) times[nevents / 2],
           (unsigned long long) times[nevents * 99 / 100],
           (unsigned long long) times[nevents - 1]);
    go_on();
    return 0;
}

// Prints a store as lines of JSON, checks it, or loads such lines into one.

#include "store_json.h"

#include "core/image.h"

#include <cerrno>
#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <memory_resource>
#include <new>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using namespace zego;

namespace {

constexpr const char *usage =
    "usage: zego-store print DIR   every record as a line of JSON\n"
    "       zego-store check DIR   whether it is sound, and what it holds\n"
    "       zego-store load DIR    joins such lines from stdin with it;\n"
    "                              makes it if it does not exist\n";

constexpr std::uint64_t map_size = std::uint64_t{8} << 20;
constexpr unsigned messages_max = 10;

template <class... Parts> int fail(const Parts &...parts)
{
    std::string message = "zego-store: ";
    (message.append(parts), ...);
    std::fputs((message + "\n").c_str(), stderr);
    return 1;
}

int damaged(std::string_view dir, std::string_view why)
{
    return fail("\"", dir, "\" is damaged (", why,
                "): restore a copy of it, or move it away to start empty");
}

// ---- the store

enum class Found : std::uint8_t { store, nothing, wrong };

// LMDB would wait for what comes out of a pipe, and takes what is empty for
// what it has yet to make.
Found find_store(const std::string &dir)
{
    struct stat file = {};
    if (stat((dir + "/data.mdb").c_str(), &file) == -1) {
        if (errno == ENOENT) {
            return Found::nothing;
        }
        fail("\"", dir, "/data.mdb\": ", std::strerror(errno));
        return Found::wrong;
    }
    if (!S_ISREG(file.st_mode) || file.st_size == 0) {
        fail("\"", dir, "\" holds no store: data.mdb is ",
             S_ISREG(file.st_mode) ? "empty" : "no file");
        return Found::wrong;
    }
    return Found::store;
}

bool found_store(const std::string &dir)
{
    const Found found = find_store(dir);
    if (found == Found::nothing) {
        fail("there is no store in \"", dir, "\"");
    }
    return found == Found::store;
}

using Store = std::unique_ptr<zego_store_t, decltype(&zego_store_destroy)>;
using Reader = std::unique_ptr<zego_reader_t, decltype(&zego_reader_destroy)>;
using Image = std::unique_ptr<zego_image_t, decltype(&zego_image_destroy)>;

Store open_store(const std::string &dir, std::uint64_t size)
{
    return {zego_store_create(&heap, dir.c_str(), size), zego_store_destroy};
}

struct Zone {
    std::pmr::monotonic_buffer_resource memory; // freed as a whole
    zego_env_t env = {};
    zego_rooms_t *rooms = nullptr;
    Life life; // of the store
};

void make_rooms(Zone &zone)
{
    zone.env.memory = {
        [](void *ctx, std::size_t size) {
            return static_cast<std::pmr::memory_resource *>(ctx)->allocate(
                size);
        },
        [](void *, void *) {}, &zone.memory};
    zone.rooms = zego_rooms_create(&zone.env, 1, 1, 0);
}

// A session's entries are stale without it.
bool join(Zone &zone, std::string_view record)
{
    const zego_verdict_e verdict =
        zego_rooms_load(zone.rooms, &zone.env, record.data(), record.size());
    return verdict != ZEGO_DEFERRED && verdict != ZEGO_REJECTED;
}

// All of it; false after a message.
bool read_store(const std::string &dir, zego_store_t *store, Zone &zone)
{
    zego_store_e rc = zego_store_check(store);
    const Reader reader{zego_reader_create(&heap), zego_reader_destroy};
    do {
        if (rc == ZEGO_STORE_OK || rc == ZEGO_STORE_MORE) {
            rc = zego_store_read(store, reader.get());
        }
        if (rc != ZEGO_STORE_OK && rc != ZEGO_STORE_MORE) {
            fail("\"", dir, "\" ", zego_store_message(store));
            return false;
        }
        for (;;) {
            const std::string_view record =
                view_of(zego_reader_next(reader.get()));
            if (record.empty()) {
                break;
            }
            if (!join(zone, record)) {
                damaged(dir, "a record is wrong");
                return false;
            }
        }
    } while (rc == ZEGO_STORE_MORE);
    zone.life = {zego_reader_alive(reader.get()),
                 zego_reader_missed(reader.get())};
    return true;
}

// One after the other; false if any of these is.
template <class Each> bool each_in(std::string_view records, Each each)
{
    while (!records.empty()) {
        const std::size_t size = record_size(records);
        if (!each(records.substr(0, size))) {
            return false;
        }
        records.remove_prefix(size);
    }
    return true;
}

// In the order of the keys.
template <class Each> bool each_record(const Zone &zone, Each each)
{
    const Image image{zego_image_create(&heap), zego_image_destroy};
    bool more = true;
    while (more) {
        more = zego_image_read(image.get(), zone.rooms, 0) != 0;
        if (!each_in({image->bytes.data(), image->len}, each)) {
            return false;
        }
    }
    return true;
}

// ---- print and check

int print(const std::string &dir)
{
    Zone zone;
    make_rooms(zone);
    const Store store = open_store(dir, 0);
    if (!found_store(dir) || !read_store(dir, store.get(), zone)) {
        return 1;
    }

    zego_stats_t stats;
    zego_rooms_stats(zone.rooms, &stats);
    const std::uint64_t records =
        stats.rooms + stats.streams + stats.users + stats.tombstones;
    std::puts(json_of_store(records, zone.life).c_str());

    const bool sound = each_record(zone, [](std::string_view record) {
        const std::string json = json_of_record(record);
        return !json.empty() && std::puts(json.c_str()) != EOF;
    });
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
        return fail("writing failed: ", std::strerror(errno));
    }
    return sound ? 0 : damaged(dir, "a record is wrong");
}

int check(const std::string &dir)
{
    Zone zone;
    make_rooms(zone);
    const Store store = open_store(dir, 0);
    if (!found_store(dir) || !read_store(dir, store.get(), zone)) {
        return 1;
    }
    if (const char *wrong = zego_rooms_check(zone.rooms)) {
        return damaged(dir, wrong);
    }
    if (!each_record(zone, [](std::string_view record) {
            return !json_of_record(record).empty();
        })) {
        return damaged(dir, "a record is wrong");
    }

    zego_stats_t stats;
    zego_rooms_stats(zone.rooms, &stats);
    zego_store_stat_t stat;
    if (zego_store_stat(store.get(), &stat) != ZEGO_STORE_OK) {
        return fail("\"", dir, "\" ", zego_store_message(store.get()));
    }
    std::printf("sound: records %" PRIu64 ", journal %" PRIu64
                ", bytes %" PRIu64 "\nlive: rooms %" PRIu64 ", streams %" PRIu64
                ", users %" PRIu64 "; tombstones %" PRIu64 "\n",
                stat.records, stat.journal, stat.bytes, stats.rooms,
                stats.streams, stats.users, stats.tombstones);
    return 0;
}

// ---- load

struct Lines {
    std::string sessions; // records, one after the other
    std::string entries;
    std::vector<std::uint64_t> entry_lines;
    std::uint64_t records = 0;
    std::uint64_t stores = 0; // what was printed, and how many records that had
    std::uint64_t announced = 0;
    Life life;
    std::uint64_t wrong = 0;
};

Life later(const Life &a, const Life &b)
{
    return {std::max(a.alive, b.alive), std::max(a.missed, b.missed)};
}

// False at the end.  Of a line that is too long, so much that this is seen.
bool next_line(std::string &line)
{
    line.clear();
    int c = 0;
    while ((c = getc_unlocked(stdin)) != EOF && c != '\n') {
        if (line.size() <= line_max) {
            line.push_back(static_cast<char>(c));
        }
    }
    return c != EOF || !line.empty();
}

void refuse(Lines &lines, std::uint64_t number, std::string_view why)
{
    if (++lines.wrong <= messages_max) {
        fail("line ", std::to_string(number), ": ", why);
    }
}

void add(Lines &lines, std::uint64_t number, const Line &line)
{
    switch (line.kind) {
    case LineKind::store:
        lines.stores++;
        lines.announced += line.records;
        lines.life = later(lines.life, line.life);
        return;
    case LineKind::session:
        lines.sessions += line.record;
        break;
    case LineKind::entry:
        lines.entries += line.record;
        lines.entry_lines.push_back(number);
        break;
    }
    lines.records++;
}

void read_lines(Lines &lines)
{
    Line line;
    std::string text;
    for (std::uint64_t number = 1; next_line(text); number++) {
        if (read_json(line, text)) {
            add(lines, number, line);
        } else {
            refuse(lines, number, line.wrong);
        }
    }
}

bool has_session(const Zone &zone, std::string_view record)
{
    Record read;
    record_read(read, record);
    const Room *room = find_room(zone.rooms, read.fact);
    return room != nullptr && find_session(room, read.fact) != nullptr;
}

// What has no session would be forgotten.
void join_lines(Lines &lines, Zone &zone)
{
    each_in(lines.sessions,
            [&](std::string_view record) { return join(zone, record); });
    auto number = lines.entry_lines.begin();
    each_in(lines.entries, [&](std::string_view record) {
        if (!has_session(zone, record)) {
            refuse(lines, *number,
                   "its session is on no line and not in the store");
        }
        ++number;
        return true;
    });
}

// What root makes is for whom the rest belongs to: a worker of nginx, say.
struct stat owner_of(const std::string &dir)
{
    struct stat owner = {};
    if (stat((dir + "/data.mdb").c_str(), &owner) == -1) {
        stat(dir.c_str(), &owner);
    }
    return owner;
}

void give_away(const std::string &dir, const struct stat &owner)
{
    for (const char *name : {"/data.mdb", "/lock.mdb"}) {
        const std::string path = dir + name;
        if (geteuid() == 0 &&
            chown(path.c_str(), owner.st_uid, owner.st_gid) == -1) {
            fail("\"", path, "\": ", std::strerror(errno));
        }
    }
}

// Only reads: what is no store is left as it is.
bool read_if_there(const std::string &dir, Zone &zone)
{
    const Found found = find_store(dir);
    return found == Found::nothing ||
           (found == Found::store &&
            read_store(dir, open_store(dir, 0).get(), zone));
}

int load(const std::string &dir)
{
    Lines lines;
    read_lines(lines);
    if (std::ferror(stdin) != 0) {
        return fail("reading failed: ", std::strerror(errno));
    }
    if (lines.records + lines.stores + lines.wrong == 0) {
        return fail("there are no lines");
    }
    if (lines.stores > 0 && lines.wrong == 0 &&
        lines.announced != lines.records) {
        return fail(
            "nothing was loaded; records: ", std::to_string(lines.records),
            ", when printed: ", std::to_string(lines.announced));
    }

    Zone zone;
    make_rooms(zone);
    if (!read_if_there(dir, zone)) {
        return 1;
    }
    join_lines(lines, zone);
    if (lines.wrong > 0) {
        return fail("nothing was loaded; wrong lines: ",
                    std::to_string(lines.wrong));
    }

    if (mkdir(dir.c_str(), 0700) == -1 && errno != EEXIST) {
        return fail("\"", dir, "\": ", std::strerror(errno));
    }
    const struct stat owner = owner_of(dir);
    const std::string records = lines.sessions + lines.entries;
    const Store store = open_store(dir, map_size + 2 * records.size());
    const Life life = later(lines.life, zone.life);
    const zego_store_e rc = zego_store_load(
        store.get(), records.data(), records.size(), life.alive, life.missed);
    give_away(dir, owner);
    return rc == ZEGO_STORE_OK ? 0
                               : fail("nothing was loaded; \"", dir, "\" ",
                                      zego_store_message(store.get()));
}

// ---- all of them

using Command = int (*)(const std::string &dir);

Command command_of(std::string_view name)
{
    return name == "print"   ? print
           : name == "check" ? check
           : name == "load"  ? load
                             : nullptr;
}

// LMDB takes what is on disk for good, and may die of it.
int in_child(Command command, const std::string &dir)
{
    std::signal(SIGCHLD, SIG_DFL);
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        return getppid() == parent ? command(dir) : EXIT_FAILURE;
    }
    int status = 0;
    if (pid == -1 || waitpid(pid, &status, 0) == -1) {
        return fail("no child: ", std::strerror(errno));
    }
    if (WIFEXITED(status)) {
        return WEXITSTATUS(status);
    }
    const int number = WTERMSIG(status);
    switch (number) {
    case SIGABRT:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
    case SIGSEGV:
        return damaged(dir, "reading it ended with signal " +
                                std::to_string(number));
    default:
        std::signal(number, SIG_DFL);
        return raise(number);
    }
}

} // namespace

int main(int argc, char **argv)
{
    if (argc == 2 && std::string_view{argv[1]} == "--help") {
        std::fputs(usage, stdout);
        return 0;
    }
    const Command command = argc == 3 ? command_of(argv[1]) : nullptr;
    if (command == nullptr) {
        std::fputs(usage, stderr);
        return 2;
    }
    std::set_new_handler([] {
        fail("there is not enough memory");
        _exit(1);
    });
    return in_child(command, argv[2]);
}

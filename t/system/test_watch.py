"""Those who follow the lists by their changes hold, at each version, what was
listed then, whatever happens to the zone, its workers and connections."""

import itertools
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import time
import unittest
import zlib

from callbacks import Life, carried, encode, from_set, of_world
from faults import LOCKED, REBUILT
from gateway import (DEADLINE, DIED, LOAD_FAULTS, ROUNDS, SAMPLE, SEED,
                     Gateway, Vendor, free_port, http2, same, say, until)
from watcher import List, Truth, Watcher

REVISIONS = max(3000 * ROUNDS // SAMPLE, 1500)
ROOMS = 12


class Watch(unittest.TestCase):
    def setUp(self):
        say(f"ZEGO_SEED={SEED}")
        self.rng = random.Random(SEED)

    def begin(self, lag=0, **settings):
        self.gateway = gateway = Gateway(self, **{"size": "16m"} | settings)
        self.truth = Truth()

        def watcher(way, **options):
            found = Watcher(gateway, random.Random(self.rng.random()),
                            self.truth, way, **options)
            self.addCleanup(found.stop)
            return found

        # one that is never cut off, and those that are
        self.watchers = [
            watcher("header"),
            watcher("last_event_id", cut=50000, lag=lag),
            watcher("after", cut=20000, lag=lag // 2),
            watcher("anew", cut=200000),
            watcher("pages", cut=1),
            watcher("header", cut=20000, appid=1),
            watcher("pages", cut=1, appid=2),
            watcher("header", cut=2000, room=(1, "room 2")),
            watcher("pages", cut=1, room=(1, "room 3"))]
        self.vendor = Vendor(gateway, [carried(
            self.rng, of_world(self.rng, "room ", rooms=ROOMS,
                               tidy=self.rng.random() < .5), 100)] * 4)

    def more(self, revisions):
        """So many, and every room but one as it is listed on the way."""
        enough = self.truth.revisions + revisions

        def check():
            room = 1, f"room {2 + self.rng.randrange(ROOMS - 2)}"
            status, body = self.gateway.get(
                f"rooms/{room[1].replace(' ', '%20')}?appid=1")
            if status == 200:
                listed = json.loads(body)
                self.truth.see("a list", Watcher.version_of(listed["Version"]),
                               room, List([listed]).hash_of(room))
            return self.truth.revisions >= enough or self.failed()

        until(check, f"{revisions} more revisions")

    def failed(self):
        return self.truth.wrong[:3] or [
            error for watcher in self.watchers for error in watcher.errors]

    def finish(self, model=True):
        """All have the list in the end; model: that of all callbacks."""
        self.vendor.stop()
        self.truth.ended = True
        self.assertEqual([], self.vendor.lost)
        gateway = self.gateway
        until(lambda: len(gateway.workers()) == gateway.settings["workers"],
              "old workers have gone")
        rooms = gateway.rooms()
        if model:
            same(self, from_set(self.vendor.accepted), rooms)
        for watcher in self.watchers:
            wanted = {name: room for name, room in rooms.items()
                      if watcher.follows(name)}
            until(lambda: self.failed() or watcher.listed() == wanted,
                  f"{watcher} has the list")
            watcher.stop()
            say(f"{watcher}: " + ", ".join(f"{count} {what}" for what, count
                                           in watcher.counts.items()
                                           if count))
        self.assertEqual([], self.failed())
        say(f"{len(self.vendor.accepted)} callbacks, "
            f"{self.truth.revisions} revisions, {len(rooms)} rooms live")

    def total(self, what):
        return sum(watcher.counts[what] for watcher in self.watchers)

    def test_cut_off(self):
        self.begin(workers=4)
        self.more(2 * REVISIONS)
        self.finish()

    def test_overflow(self):
        """What a watcher does not know any more falls out of the ring."""
        self.begin(size="1m", lag=800)
        self.more(REVISIONS)
        say(f"{self.gateway.metric('zego_kept_revisions')} kept")
        self.finish()
        self.assertGreater(self.total("expired"), 0)

    def test_reload(self):
        self.begin()
        changes = [{}, {"size": "20m"}, {}, {"size": "16m"}, {}]
        for change in changes:
            self.more(REVISIONS // len(changes))
            self.gateway.reload(change)
        self.finish()

    def test_rebuild(self):
        self.begin(load=LOAD_FAULTS)
        self.gateway.expected += [DIED, LOCKED, REBUILT]
        for number in range(1, 4):
            self.more(REVISIONS // 4)
            with self.assertRaises(OSError):
                self.gateway.connect().post(encode(
                    Life("dying", number, itertools.count(10 ** 12))
                    .room_create() | {"nonce": "die"}))
            until(lambda: self.gateway.count(REBUILT) == number, "rebuilt")
        self.more(REVISIONS // 4)
        self.finish(model=False)
        self.assertGreater(self.total("epoch"), 0)


class Stream:
    """The events of one connection."""

    def __init__(self, gateway, path="changes", rcvbuf=0, **headers):
        self.connection = gateway.connect(rcvbuf=rcvbuf)
        lines = "".join(f"{name}: {value}\r\n" for name, value in
                        ({"Accept": "text/event-stream"} | headers).items())
        self.connection.socket.sendall(
            f"GET /zego/{path} HTTP/1.1\r\nHost: t\r\n{lines}\r\n".encode())
        self.data = b""

    def status(self):
        file = self.connection.file
        status = int(file.readline()[9:12])
        headers = list(iter(file.readline, b"\r\n"))
        assert b"Transfer-Encoding: chunked\r\n" in headers, headers
        return status

    def alive(self):
        """Whatever it is told; it is of no use then."""
        self.connection.socket.setblocking(False)
        try:
            while self.connection.socket.recv(65536):
                pass
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False

    def next(self):
        """Or None where the stream ends as it must."""
        file = self.connection.file
        while b"\n\n" not in self.data:
            size = int(file.readline(), 16)
            self.data += file.read(size)
            assert file.read(2) == b"\r\n"
            if not size:
                assert not self.data
                return None
        event, self.data = self.data.split(b"\n\n", 1)
        lines = dict(line.split(": ", 1)
                     for line in event.decode().split("\n"))
        return self.next() if "retry" in lines else lines

    def until(self, event):
        """What comes before it, and it."""
        events = []
        while not events or events[-1]["event"] != event:
            events.append(self.next())
        return events


class Streams(unittest.TestCase):
    def begin(self, **settings):
        self.rng = random.Random(SEED)
        self.gateway = Gateway(self, **settings)
        self.clock = itertools.count(int(time.time() * 1000))
        self.vendor = self.gateway.connect()
        self.ids = itertools.count(1)

    def life(self, room):
        return Life(room, next(self.ids), self.clock)

    def post(self, *callbacks):
        for callback in callbacks:
            self.assertEqual((200, b""), self.vendor.post(encode(callback)))

    def stream(self, *path, **options):
        stream = Stream(self.gateway, *path, **options)
        self.assertEqual(200, stream.status())
        return stream

    def watchers(self, number):
        until(lambda: self.gateway.metric("zego_watchers") == number,
              f"{number} watchers")

    def version(self):
        return self.gateway.json("rooms?limit=1")["Version"]

    def test_nothing_is_listed(self):
        self.begin()
        for reason, version in ("epoch", "0" * 16 + "-7"), (
                "expired", self.version()[:17] + "7"):
            stream = self.stream(f"changes?after={version}")
            reset, synced = stream.until("synced")
            self.assertEqual({"Reason": reason}, json.loads(reset["data"]))
            self.assertEqual(self.version(), synced["id"])

    def test_bookmarks(self):
        """Who is told of no change is told of the version now and then."""
        self.begin()
        self.post(self.life("a").room_create())
        streams = [self.stream(path) for path in
                   ("rooms/a", "changes?appid=2", "changes")]
        for stream in streams:
            stream.until("synced")
        self.post(self.life("b").room_create())
        for stream in streams:
            *changes, bookmark = stream.until("bookmark")
            self.assertEqual(stream is streams[-1], bool(changes))
            self.assertEqual(self.version(), bookmark["id"])
            self.assertEqual({"Version": self.version()},
                             json.loads(bookmark["data"]))

    def test_shutdown(self):
        """Streams end, those who wait are answered, and both go on."""
        self.begin()
        room = self.life("a")
        self.post(room.room_create())
        version = self.version()
        streams = [self.stream(path) for path in (
            "changes", "rooms/a", f"changes?after={version}",
            f"rooms/a?after={version}", "changes?appid=1") * 4]
        waiting = [Stream(self.gateway, f"{path}?after={version}&wait=5m",
                          Accept="*/*").connection
                   for path in ("changes", "rooms/a") * 4]
        self.watchers(len(streams) + len(waiting))
        workers = self.gateway.workers()
        self.gateway.reload({})
        until(lambda: len(self.gateway.workers()) == 2
              and not self.gateway.workers() & workers, "old workers have gone")
        for connection in waiting:
            status, body = connection.answer()
            self.assertEqual(200, status)
            self.assertEqual({"ChangeList": [], "Version": version,
                              "More": False}, json.loads(body))
        for stream in streams:
            events = list(iter(stream.next, None))
            self.assertLessEqual({event["event"] for event in events},
                                 {"put", "synced"})
        self.watchers(0)

        after = self.stream("changes", **{"Last-Event-ID": version})
        self.vendor = self.gateway.connect()
        self.post(room.stream_create("s"))
        self.assertEqual(["put", "put"],
                         [after.next()["event"] for _ in range(2)])

        # and as one quits
        self.gateway.end(signal.SIGQUIT)
        self.assertIsNone(after.next())

    def test_gone(self):
        """Before anything is heard of it."""
        self.begin()
        for path in f"changes?after={self.version()}&wait=5m", "changes":
            for _ in range(50):
                connection = Stream(self.gateway, path, Accept=(
                    "*/*" if "wait" in path else "text/event-stream")
                ).connection
                connection.close()
            # no bookmark tells
            time.sleep(1)
            self.assertEqual(0, self.gateway.metric("zego_watchers"))

    def test_count(self):
        """Of those that old workers had none stays, and no new one goes."""
        self.begin(workers=4)
        self.post(self.life("a").room_create())
        for workers in 4, 4, 2:
            old = [self.stream() for _ in range(20)]
            self.watchers(len(old))
            self.gateway.settings["workers"] = workers
            self.gateway.reload({})
            streams = []
            # what waits for a worker that is not there any more is reset
            while workers == 4 and any(stream.alive() for stream in old):
                streams.append(self.stream())
            until(lambda: len(self.gateway.workers()) == workers,
                  "old workers have gone")
            self.watchers(sum(stream.alive() for stream in streams))
            for stream in streams:
                stream.connection.close()
            self.watchers(0)

    def test_wait(self):
        """For as long as it says, or until something changes."""
        self.begin()
        self.post(self.life("a").room_create())
        version = self.version()
        nothing = {"ChangeList": [], "Version": version, "More": False}
        for path in "changes", "rooms/a", "rooms/b":
            for wait in "0", "20ms":
                self.assertEqual(nothing, self.gateway.json(
                    f"{path}?after={version}&wait={wait}"))
        connection = self.gateway.connect()
        connection.socket.sendall(
            f"HEAD /zego/changes?after={version}&wait=5m HTTP/1.1\r\n"
            "Host: t\r\n\r\n".encode())
        self.assertIn(b" 200 ", connection.file.readline())
        waiting = {}
        for path in ("changes?", "changes?appid=1&", "rooms/b?",
                     "rooms/b?appid=1&", "rooms?id=b&"):
            waiting[path] = Stream(
                self.gateway, f"{path}after={version}&wait=5m",
                Accept="*/*").connection
        self.watchers(len(waiting))
        self.post(self.life("b").room_create())
        for path, connection in waiting.items():
            status, body = connection.answer()
            change, = json.loads(body)["ChangeList"]
            self.assertEqual((200, "b"), (status, change["Key"]["RoomID"]))
        self.watchers(0)

    @unittest.skipIf("ASAN_OPTIONS" in os.environ,
                     "it keeps what is freed for a while")
    def test_woken_often(self):
        """One that waits takes no more memory each time that it is woken."""
        self.begin(workers=1, size="1m")
        self.post(self.life("a").room_create())
        path = f"rooms/a?after={self.version()}&wait=5m"
        for _ in range(400):
            Stream(self.gateway, path, Accept="*/*")
        self.watchers(400)
        connections = [self.gateway.connect() for _ in range(4)]
        room = self.life("b")
        worker, = self.gateway.workers()

        def memory(n):
            """After so many times more changes than the zone keeps."""
            for _ in range(n):
                self.gateway.deliver(connections, [[encode(
                    room.stream_create("s") | {"extra_info": "x" * 1000})
                    for _ in range(64)] for _ in connections])
            status = pathlib.Path(f"/proc/{worker}/status").read_text()
            return int(re.search(r"RssAnon:\s*(\d+)", status)[1])

        before = memory(20)
        self.assertLess(memory(80), before + 1000)
        self.watchers(400)

    def test_post_action(self):
        """One whose client has gone is told nothing more, and what nginx does
        after it goes on."""
        backend = socket.create_server(("127.0.0.1", free_port()))
        self.addCleanup(backend.close)
        backend.settimeout(DEADLINE)
        self.begin(workers=1, server="""
            location /zego/post/ { zego_status zone=rooms; post_action @post; }
            location @post { proxy_pass http://127.0.0.1:%d; }"""
            % backend.getsockname()[1])
        room = self.life("a")
        self.post(room.room_create())
        worker = self.gateway.workers()

        def leave(path, accept):
            """What nginx has to say afterwards."""
            self.watchers(0)
            stream = Stream(self.gateway, path, Accept=accept)
            self.watchers(1)
            stream.connection.close()
            connection = backend.accept()[0]
            self.assertIn(b"GET /zego/post/changes", connection.recv(65536))
            return connection

        def goes_on(connection):
            connection.setblocking(False)
            self.assertRaises(BlockingIOError, connection.recv, 1)
            connection.close()

        for path, accept in (
                (f"post/changes?after={self.version()}&wait=5m", "*/*"),
                ("post/changes", "text/event-stream")):
            connection = leave(path, accept)
            self.post(room.stream_create("s"))
            self.watchers(0)
            goes_on(connection)
        self.assertEqual(worker, self.gateway.workers())

        connection = leave("post/changes", "text/event-stream")
        self.gateway.reload({})
        until(lambda: self.gateway.count("gracefully shutting down"), "ends")
        goes_on(connection)
        until(lambda: not worker & self.gateway.workers(), "old worker ended")

    def test_single_process_reloads(self):
        """Stock nginx stops serving then; streams end with their zone."""
        self.begin(master="off", workers=1)
        self.post(self.life("a").room_create())
        stream = self.stream()
        stream.until("synced")
        for number, size in enumerate(("16m", "8m"), 1):
            self.gateway.configure(size=size)
            self.gateway.hup()
            until(lambda: self.gateway.count(": reconfiguring") == number,
                  "reconfigured")
        self.assertIsNone(stream.next())
        with self.assertRaises(subprocess.TimeoutExpired):
            self.gateway.process.wait(.5)

    def test_one_room(self):
        """Who watches one is told of no other."""
        self.begin()
        watched, other = self.life("a"), self.life("b")
        self.post(watched.room_create(), other.room_create())
        version = self.version()
        waiting = [Stream(self.gateway, f"rooms/a?after={version}&wait=5m",
                          Accept="*/*").connection for _ in range(8)]
        streams = [self.stream("rooms/a") for _ in range(8)]
        for stream in streams:
            self.assertEqual(2, len(stream.until("synced")))
        self.watchers(16)
        # so many that each worker looks several times
        self.post(*(other.stream_create(f"{n}") for n in range(300)))
        self.watchers(16)
        self.post(watched.stream_create("s"))
        epoch = version[:17]
        for stream in streams:
            for event in stream.next(), stream.next():
                self.assertEqual(303, json.loads(event["data"])["Revision"])
            self.assertEqual(f"{epoch}303", event["id"])
        for connection in waiting:
            page = json.loads(connection.answer()[1])
            self.assertEqual([303, 303], [change["Revision"] for change
                                          in page["ChangeList"]])
            self.assertEqual(f"{epoch}303", page["Version"])

    def test_quiet_room(self):
        """The version it is read with is one it can be followed from, however
        much has changed since in others."""
        self.begin(size="1m")
        quiet, other = self.life("a"), self.life("b")
        self.post(quiet.room_create(), other.room_create())
        version = self.gateway.json("rooms/a")["Version"]
        self.post(*self.large(other, 300))
        self.assertEqual((410, '{"Reason":"expired"}'),
                         self.gateway.get(f"changes?after={version}"))
        page = self.gateway.json(f"rooms/a?after={version}")
        self.assertEqual(([], self.version()),
                         (page["ChangeList"], page["Version"]))
        stream = self.stream(f"rooms/a?after={version}")
        self.post(quiet.stream_create("s"))
        self.assertEqual(["put", "put"],
                         [stream.next()["event"] for _ in range(2)])

    def test_much_of_others(self):
        """It is not looked through in one go."""
        self.begin(size="128m")
        quiet, other = self.life("a"), self.life("b")
        self.post(quiet.room_create())
        version = self.version()
        body = other.stream_create("s")
        self.gateway.deliver([self.vendor], [[
            encode(body | {"stream_seq": f"{n}"}) for n in range(1, 20001)]])
        pages = []
        while not pages or pages[-1]["More"]:
            pages.append(self.gateway.json(f"rooms/a?after={version}"))
            version = pages[-1]["Version"]
        self.assertEqual(2, len(pages))
        self.assertEqual([[], []], [page["ChangeList"] for page in pages])
        self.assertEqual(self.version(), version)

    def large(self, life, number):
        return [life.stream_create("s", recreate="1")
                | {"extra_info": "x" * 500} for _ in range(number)]

    def test_slow(self):
        """Who does not read is told so in the end, and no other."""
        self.begin(size="1m", listen="sndbuf=16k")
        room = self.life("a")
        self.post(room.room_create())
        slow = self.stream(rcvbuf=4096)
        other = self.stream()
        other.until("synced")
        self.assertEqual("synced", slow.until("synced")[-1]["event"])

        for _ in range(30):
            self.post(*self.large(room, 20))
            for _ in range(2 * 20):     # the room, too
                other.until("put")
        events = slow.until("reset")
        self.assertEqual({"Reason": "slow"}, json.loads(events[-1]["data"]))
        self.assertLess(len(events), 600)
        self.assertIsNone(slow.next())
        self.assertEqual(1, self.gateway.metric("zego_watchers_cut_total"))
        self.watchers(1)

    def test_silent(self):
        """Who does not read for long is not waited for."""
        self.begin(size="1m", listen="sndbuf=16k", server="send_timeout 100ms;")
        room = self.life("a")
        self.post(room.room_create())
        self.stream(rcvbuf=4096).until("synced")
        other = self.stream()
        other.until("synced")
        self.watchers(2)

        def left():
            self.post(*self.large(room, 20))
            for _ in range(2 * 20):     # the room, too
                other.until("put")
            return self.gateway.metric("zego_watchers") == 1

        until(left, "it is cut off")

    GZIP = "gzip on; gzip_types text/event-stream;"

    def unzip(self, stream):
        """Until all is listed; the next bookmark is not waited for."""
        file = stream.connection.file
        started = time.monotonic()
        data, inflate = b"", zlib.decompressobj(31)
        while b"event: synced" not in data:
            data += inflate.decompress(file.read(int(file.readline(), 16)))
            file.readline()
        self.assertLess(time.monotonic() - started, 10)

    def test_held_back(self):
        """What gzip holds back until the client reads on is sent at once."""
        self.begin(listen="sndbuf=16k", server=self.GZIP)
        room = self.life("a")
        self.post(room.room_create(), *(
            room.stream_create(f"s{n}")
            | {"extra_info": self.rng.randbytes(500).hex()}
            for n in range(500)))
        stream = self.stream(rcvbuf=4096, **{"Accept-Encoding": "gzip"})
        time.sleep(.5)
        self.unzip(stream)

    def test_end_of_chunk(self):
        """Nor is the end of a chunk left behind gzip, which has no more."""
        self.begin(server=self.GZIP
                   + "if ($http_rate) { set $limit_rate $http_rate; }")
        self.post(self.life("a").room_create())
        accept = {"Accept-Encoding": "gzip"}
        file = Stream(self.gateway, **accept).connection.file
        head = b"".join(iter(file.readline, b"\r\n")) + b"\r\n"
        size = file.readline()
        chunk = int(size, 16) + len("\r\n")
        # all but its last byte in the first second
        rate = len(head + size) + chunk - 1
        self.unzip(self.stream(Rate=rate, **accept))

    def test_http2(self):
        port = free_port()
        self.begin(http="server { %s location /zego/ "
                   "{ zego_status zone=rooms; } }" % http2(port))
        room = self.life("a")
        self.post(room.room_create())
        curl = subprocess.Popen(
            ["curl", "-sSN", "-m", f"{DEADLINE}", "--http2-prior-knowledge",
             "-H", "Accept: text/event-stream", "-w", "%{http_version}",
             f"http://127.0.0.1:{port}/zego/changes"],
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(curl.wait)
        self.addCleanup(curl.kill)
        lines = iter(curl.stdout.readline, "")
        self.assertIn("event: synced\n", lines)
        self.post(room.stream_create("s"))
        self.assertIn("event: put\n", lines)
        self.gateway.reload({})
        *_, last = lines
        self.assertEqual("2", last)
        self.assertEqual(0, curl.wait(DEADLINE))

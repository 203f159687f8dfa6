"""What was answered 200 is on disk, whatever dies."""

import concurrent.futures
import contextlib
import itertools
import os
import random
import re
import shutil
import signal
import subprocess
import time
import unittest

import faketime
from callbacks import (Life, carried, encode, from_set, key_of, of_world,
                       stream_of)
from disk import READER, Reader
from faults import LOCKED, REBUILT
from gateway import (CONFIG, DIED, HTTP, LOAD_FAULTS, ROUNDS, SAMPLE, SEED,
                     Gateway, Vendor, say, until)

ZONE = "zego_zone zone=rooms:%(size)s horizon=%(horizon)s"


REFUSED = 503, b'{"Reason":"store"}'

GONE = (r'\[crit\] .* zego store "[^"]*" was removed or replaced '
        "while it was in use")
NO_DIRECTORY = r'\[crit\] .* zego store "[^"]*" .*No such file or directory'


needs_reader = unittest.skipUnless(READER.exists(), "build/reader")


def stored(test, kind=Gateway, **settings):
    """With a store, of which there is an image every second."""
    return kind(test, **{
        "config": (CONFIG + HTTP).replace(ZONE, f"{ZONE} %(store)s"),
        "store": "store=store", "horizon": "4s"} | settings)


def now():
    return int(time.time() * 1000)


def not_of(gateway, old):
    """A connection to a worker that is none of these."""
    def other():
        connection = gateway.connect()
        with contextlib.suppress(OSError):      # it may be ending
            if connection.worker() not in old:
                return connection
        connection.close()

    return until(other, "a new worker answers")


def is_complete(connection):
    """Whether the worker that it leads to says so of the store."""
    connection.socket.sendall(b"GET /zego/metrics HTTP/1.1\r\nHost: t\r\n\r\n")
    return re.search(rb"(?m)^zego_store_complete{.*} 1$",
                     connection.answer()[1])


class Store(unittest.TestCase):
    def setUp(self):
        say(f"ZEGO_SEED={SEED}")
        self.rng = random.Random(SEED)

    def load(self, gateway, world=None, threads=4):
        world = world or of_world(self.rng, "room ", rooms=40)
        return Vendor(gateway, [carried(self.rng, world, 100)] * threads)

    def more(self, vendor, number=300):
        enough = len(vendor.accepted) + number
        until(lambda: len(vendor.accepted) > enough, "callbacks come in")

    def settled(self, gateway, vendor, accepted=()):
        """What has no answer may be listed or not, until it is sent again."""
        self.assertEqual([], vendor.lost)
        if vendor.unanswered:   # an old worker waits for what says nothing
            gateway.deliver([gateway.connect()],
                            [map(encode, vendor.unanswered)])
        sent = [*accepted, *vendor.accepted, *vendor.unanswered]
        gateway.check(from_set(sent))
        return sent

    def again(self, gateway, truth):
        """After a crash it is all there."""
        gateway.crash()
        gateway.start()
        gateway.check(truth)

    # ---- what dies

    def test_killed(self):
        """Workers at random times, then all of nginx, and a start: each time
        what was accepted is listed, and nothing that was not sent."""
        rounds = max(200 * ROUNDS // SAMPLE, 4)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            done = [pool.submit(self.rounds, f"{SEED} {n}", rounds // 4)
                    for n in range(4)]
            accepted, rebuilt, long = map(sum, zip(
                *(one.result() for one in done)))
        say(f"{rounds} rounds, {accepted} callbacks, {rebuilt} rebuilds, "
            f"{long} rounds with images")

    def rounds(self, seed, number):
        rng = random.Random(seed)
        callbacks = rebuilt = long = 0
        while number:
            gateway = stored(self, workers=3)
            gateway.expected += [DIED, LOCKED, REBUILT]
            source = carried(rng, of_world(rng, "room ", rooms=40), 100)
            sent = []
            for _ in range(min(number, 20)):
                vendor = Vendor(gateway, [source] * 6)
                kills = 25 if rng.random() < .1 else 3
                for _ in range(kills):
                    time.sleep(rng.random() / 5)        # at any moment
                    # unless it has gone, or all have
                    with contextlib.suppress(ProcessLookupError, IndexError):
                        os.kill(rng.choice(sorted(gateway.workers())),
                                signal.SIGKILL)
                gateway.crash()
                vendor.leave()
                gateway.start()
                sent = self.settled(gateway, vendor, sent)
                long += kills > 3
                number -= 1
            callbacks += len(sent)
            rebuilt += gateway.count(REBUILT)
            gateway.end()
        return callbacks, rebuilt, long

    def test_torn(self):
        """A zone that is torn is read from the store, nothing is missing."""
        gateway = stored(self, load=LOAD_FAULTS)
        gateway.expected += [DIED, LOCKED, REBUILT]
        vendor = self.load(gateway)
        dying = Life("dying", 1, itertools.count(1)).room_create() | {
            "nonce": "die"}
        for number in range(1, 6 * ROUNDS):
            self.more(vendor)
            with self.assertRaises(OSError):
                gateway.connect().post(encode(dying))
            until(lambda: gateway.count(REBUILT) == number, "rebuilt")
        self.more(vendor)
        vendor.stop()
        # it died of it, but the zone had it before
        vendor.unanswered.append(dying | {"nonce": "1"})
        truth = from_set(self.settled(gateway, vendor))
        gateway.sound()
        self.again(gateway, truth)
        say(f"{number} times, {len(vendor.accepted)} callbacks, answers "
            f"{dict(vendor.answers)}")

    # ---- reloads

    def under_load(self, gateway, *changes):
        vendor = self.load(gateway)
        for change in changes:
            self.more(vendor)
            gateway.reload(*change)
        self.more(vendor)
        vendor.stop()
        truth = from_set(self.settled(gateway, vendor))
        until(lambda: gateway.metric("zego_store_complete"), "it has all")
        self.again(gateway, truth)
        say(f"{len(vendor.accepted)} callbacks, answers "
            f"{dict(vendor.answers)}")

    def test_reloaded(self):
        sizes = ["16m", "20m", "16m", "16m", "40m", "18m"] * ROUNDS
        self.under_load(stored(self), *(
            [{"size": size}] for size in sizes),
            [{"size": "30m"}, {"size": "16m"}, {"size": "16m"}])

    def test_other_stores(self):
        """A store that comes to a zone in use, and one instead of another."""
        gateway = stored(self, store="", horizon="5m")
        self.under_load(gateway, [{"store": "store=one"}],
                        [{"store": "store=two"}],
                        [{"store": "store=two", "size": "20m"}],
                        [{"store": "store=one"}], [{"store": "store=three"}])
        self.assertEqual(0, gateway.count(r"\[crit\]"))

    # ---- which store holds what the zone does

    def room(self, room, session, streams, ahead=0):
        """Its callbacks."""
        life = Life(room, session, itertools.count(now() + ahead * 1000))
        return [life.room_create()] + [life.stream_create(f"stream {n}")
                                       for n in range(streams)]

    def deliver(self, gateway, callbacks, old=()):
        """All of them are taken, many at a time, by none of these workers."""
        connections = [not_of(gateway, old) for _ in range(32)]
        gateway.deliver(connections, [map(encode, callbacks[n::32])
                                      for n in range(32)])
        for connection in connections:
            connection.close()

    def taken(self, connection, callback):
        answer = connection.post(encode(callback))
        self.assertIn(answer, ((200, b""), REFUSED))
        return answer[0] == 200

    def kept(self, gateway, callback):
        """That this one survives a crash right now."""
        gateway.crash()
        gateway.start()
        room = gateway.rooms()[key_of(callback)]
        self.assertIn(stream_of(callback), room["StreamList"])

    def test_removed(self):
        """Without its directory not even what is known is answered 200."""
        gateway = stored(self, horizon="5m")
        gateway.expected += [GONE, NO_DIRECTORY]
        callbacks = self.room("room", 1, 200)
        connections = gateway.connections()
        self.deliver(gateway, callbacks)
        shutil.rmtree(gateway.root / "store")
        until(lambda: not all(self.taken(connection, callbacks[9])
                              for connection in connections), "it is missed")
        said = gateway.count(NO_DIRECTORY)

        def refused():
            for connection in connections:
                self.assertEqual(REFUSED, connection.post(encode(
                    self.rng.choice(callbacks))))
            return gateway.count(NO_DIRECTORY) > said + 1

        until(refused, "it is said twice")
        (gateway.root / "store").mkdir()
        until(lambda: self.taken(connections[1], callbacks[9]),
              "it is in use again")
        self.kept(gateway, callbacks[9])
        self.deliver(gateway, callbacks)
        self.again(gateway, from_set(callbacks))

    def test_another(self):
        """What is answered 200 after a reload is in the store of that."""
        gateway = stored(self, store="store=one", horizon="5m")
        callbacks = self.room("room", 1, 2000)
        self.deliver(gateway, callbacks)
        for store in "two", "three", "four":
            connection = self.reloaded(gateway, store=f"store={store}")
            known = self.rng.choice(callbacks[1:])
            until(lambda: self.taken(connection, known), "it is taken")
            self.kept(gateway, known)
            self.deliver(gateway, callbacks)
        connection = self.reloaded(gateway, store="store=five")
        until(lambda: is_complete(connection), "it has all")
        self.again(gateway, from_set(callbacks))

    def reloaded(self, gateway, **settings):
        """A connection to a new worker."""
        old = gateway.workers()
        gateway.reload(settings)
        return not_of(gateway, old)

    def test_without_for_a_while(self):
        """What came meanwhile is on disk before it is answered 200 again."""
        gateway = stored(self, store="store=one", horizon="5m")
        callbacks = self.room("room", 1, 1000)
        more = self.room("another", 2, 500)
        self.deliver(gateway, callbacks[:500])
        old = gateway.workers()
        self.reloaded(gateway, store="")
        self.deliver(gateway, callbacks[500:], old)
        connection = self.reloaded(gateway, store="store=one")
        until(lambda: self.taken(connection, callbacks[-1]), "it is taken")
        self.kept(gateway, callbacks[-1])

        old = gateway.workers()
        self.reloaded(gateway, store="")
        self.deliver(gateway, callbacks + more, old)
        connection = self.reloaded(gateway, store="store=one")
        until(lambda: is_complete(connection), "it has all")
        self.again(gateway, from_set(callbacks + more))

    @needs_reader
    def test_back_to_an_older_one(self):
        """What has ended since, and was forgotten, is not joined again."""
        clock, gateway = self.with_clock(store="store=one")
        ended, lives, closed = self.lives()
        self.deliver(gateway, ended + lives[:1])
        self.imaged(gateway)
        old = gateway.workers()
        connection = self.reloaded(gateway, store="store=two")
        until(lambda: is_complete(connection), "it has all")
        self.deliver(gateway, [closed, *lives], old)
        self.back_to_one(clock, gateway, lives)

    @needs_reader
    def test_old_content(self):
        """The same where a zone in use has had no store."""
        for started in False, True:
            with self.subTest(started=started):
                clock, gateway = self.with_clock(store="store=one")
                ended, lives, closed = self.lives()
                self.deliver(gateway, ended)
                self.imaged(gateway)
                old = gateway.workers()
                if started:
                    gateway.crash()
                    gateway.configure(store="")
                    gateway.start()
                else:
                    self.reloaded(gateway, store="")
                self.deliver(gateway, ended + lives, old)
                self.deliver(gateway, [closed], old)
                self.back_to_one(clock, gateway, lives)
                # not by those that were told to go when there was none
                self.assertEqual(
                    1, gateway.count("is another one than before"))
                gateway.end()

    def with_clock(self, **settings):
        clock = faketime.Clock(self, wall=True)
        clock.set(0)
        return clock, stored(self, nginx=clock.nginx,
                             load=LOAD_FAULTS + faketime.LOAD, **settings)

    def lives(self):
        """Callbacks of a room that will have ended, and what ends it, and
        those of one that lives."""
        life = Life("ended", 1, itertools.count(now()))
        return ([life.room_create(), life.stream_create("a"),
                 life.login("user", 7)],
                self.room("lives", 2, 5), life.room_close())

    def imaged(self, gateway):
        """Nothing is in the journal."""
        reader = Reader(self)
        until(lambda: reader.load(gateway.root / "one")[1] == 0, "an image")
        reader.end()

    def back_to_one(self, clock, gateway, lives):
        until(lambda: not gateway.metric("zego_tombstones"), "it is forgotten")
        gateway.check(from_set(lives))
        clock.jump(60)      # no other nginx has given a sign of life
        connection = self.reloaded(gateway, store="store=one")
        until(lambda: is_complete(connection), "it has all")
        gateway.check(from_set(lives))
        self.again(gateway, from_set(lives))

    # ---- what is there when it starts

    def test_down(self):
        """Sessions that lived are incomplete after more than two minutes."""
        clock, gateway = self.with_clock()
        lives = [Life(f"room {n}", n + 1, itertools.count(now() - 60000))
                 for n in range(3)]
        connection = gateway.connect()
        for life in lives:
            self.assertEqual(200, connection.post(
                encode(life.room_create()))[0])
        gateway.crash()
        gateway.start()
        complete = {room["Complete"] for room in gateway.rooms().values()}
        self.assertEqual({True}, complete)
        gateway.crash()
        clock.jump(180)
        gateway.start()
        after = Life("after", 9, itertools.count(now() + 181000))
        self.assertEqual(200, gateway.connect().post(
            encode(after.room_create()))[0])
        expected = {"room 0": False, "room 1": False, "room 2": False,
                    "after": True}
        self.complete(gateway, expected)

    def complete(self, gateway, expected):
        for _ in range(2):
            self.assertEqual(expected, {
                room: entry["Complete"]
                for (_, room), entry in gateway.rooms().items()})
            # and at once again
            gateway.crash()
            gateway.start()

    def test_down_and_too_small(self):
        """The same when the first that reads it has no room for all."""
        clock, gateway = self.with_clock(horizon="5m")
        for number, room in enumerate(("one", "two"), 1):
            self.deliver(gateway, self.room(room, number, 2000))
        gateway.crash()
        clock.jump(600)
        small = (r'\[crit\] .* zego zone "rooms" is too small for zego store '
                 f'"{gateway.root}/store"')
        gateway.expected.append(small)
        gateway.configure(size="512k")
        gateway.start()
        until(lambda: gateway.count(small), "it is told")
        self.assertEqual((503, '{"Reason":"loading"}'), gateway.get("rooms"))
        old = gateway.workers()
        gateway.reload({"size": "16m"})
        until(lambda: gateway.get("rooms")[0] == 200, "it has read it")
        self.deliver(gateway, self.room("after", 9, 1, ahead=601), old)
        self.complete(gateway, {"one": False, "two": False, "after": True})

    def test_damaged(self):
        """It says so, serves no list, and goes on when it is mended."""
        gateway = stored(self, horizon="5m", load=LOAD_FAULTS)
        life = Life("room", 1, itertools.count(now()))
        callbacks = [life.room_create()] + [
            life.stream_create(f"stream {n}") for n in range(200)]
        gateway.deliver([gateway.connect()], [map(encode, callbacks)])
        gateway.end()
        store = gateway.root / "store/data.mdb"
        good = store.read_bytes()
        at = good.index(b"stream 77 Zo")
        for what, bad in {
                "is damaged": good[:at] + b"x" + good[at + 1:],
                r"is damaged \(a process that read it died\)":
                    good[:len(good) // 2],
                "is damaged .*MDB_INVALID": bytes(len(good)),
                "is damaged .*MDB_VERSION_MISMATCH":
                    good[:20] + b"\xff" + good[21:4096 + 20] + b"\xff"
                    + good[4096 + 21:]}.items():
            with self.subTest(what):
                store.write_bytes(bad)
                gateway.start()
                message = rf'zego store "{gateway.root}/store" {what}'
                gateway.expected.append(message)
                self.assertEqual(
                    (503, '{"Reason":"loading"}'), gateway.get("rooms"))
                self.assertEqual(
                    (503, b'{"Reason":"loading"}'),
                    gateway.connect().post(encode(callbacks[0])))
                self.assertNotEqual([], gateway.logged(message))
                store.write_bytes(good)
                if what != "is damaged":        # ten seconds
                    gateway.crash()
                    gateway.start()
                until(lambda: gateway.get("rooms")[0] == 200, "it has read it")
                gateway.check(from_set(callbacks))
                gateway.end()

    @unittest.skipUnless(os.geteuid() == 0, "not root")
    def test_permissions(self):
        """The directory becomes the workers' own; files that are not are
        told."""
        gateway = stored(self, Reachable, user="user nobody nogroup;")
        life = Life("room", 1, itertools.count(now()))
        self.assertEqual(200, gateway.connect().post(
            encode(life.room_create()))[0])
        gateway.end()
        store = gateway.root / "store"
        nobody = store.stat().st_uid
        self.assertEqual([nobody] * 2, [os.stat(store / name).st_uid
                                        for name in ("data.mdb", "lock.mdb")])
        self.assertNotEqual(0, nobody)
        os.chown(store / "data.mdb", 0, 0)
        message = (f'zego store "{store}" mdb_env_open\\(\\) failed: '
                   "Permission denied")
        gateway.expected.append(message)
        gateway.start()
        self.assertEqual(503, gateway.get("rooms")[0])
        self.assertNotEqual([], gateway.logged(message))
        os.chown(store / "data.mdb", nobody, nobody)
        until(lambda: gateway.get("rooms")[0] == 200, "it has read it")
        self.assertEqual(1, len(gateway.rooms()))

    def test_refused(self):
        gateway = stored(self)
        self.assertEqual({}, gateway.rooms())   # a master that heeds signals
        (gateway.root / "file").write_text("")
        (gateway.root / "link").symlink_to("store")
        for store, message in {
                "store=file": '"%s/file" is not a directory',
                "store=none/store":
                    r'mkdir\(\) "%s/none/store" failed \(2: ',
                "store=store; zego_zone zone=two:1m store=./link":
                    'zego store "%s/./link" is that of zone "rooms" too'
                }.items():
            gateway.configure(store=store)
            gateway.hup()
            message = r"\[emerg\] .* " + message % gateway.root
            gateway.expected.append(message)
            until(lambda: gateway.count(message), "refused")
        gateway.configure(store="store=another")
        self.assertEqual(0, gateway.test_config().returncode)
        self.assertFalse((gateway.root / "another").exists())
        self.assertEqual({}, gateway.rooms())

    def test_refused_with_other_files(self):
        """A directory of something else stays its owner's."""
        root = os.geteuid() == 0
        gateway = stored(self, Reachable,
                         user="user nobody nogroup;" if root else "")
        self.assertEqual({}, gateway.rooms())   # a master that heeds signals
        other = gateway.root / "other"
        other.mkdir()
        (other / "file").write_text("")
        before = other.stat()
        message = rf'\[emerg\] .* "{other}" is not empty and holds no store'
        gateway.expected.append(message)
        gateway.configure(store="store=other")
        gateway.hup()
        until(lambda: gateway.count(message), "refused")
        self.assertEqual((before.st_uid, before.st_mode),
                         (other.stat().st_uid, other.stat().st_mode))
        self.assertEqual({"file"}, {path.name for path in other.iterdir()})
        self.assertEqual({}, gateway.rooms())

        (other / "file").unlink()
        connection = self.reloaded(gateway, store="store=other")
        until(lambda: self.taken(connection, self.room("room", 1, 0)[0]),
              "it is in use")
        self.assertTrue((other / "data.mdb").exists())

    def test_single_process(self):
        gateway = stored(self, master="off", workers=1)
        vendor = self.load(gateway)
        self.more(vendor)
        vendor.stop()
        truth = from_set(self.settled(gateway, vendor))
        self.again(gateway, truth)
        # stock nginx stops serving then; it must not crash for us
        for store in "store=store", "store=two", "":
            count = gateway.count(": reconfiguring")
            gateway.configure(store=store)
            gateway.hup()
            until(lambda: gateway.count(": reconfiguring") > count, "reloaded")
        with self.assertRaises(subprocess.TimeoutExpired):
            gateway.process.wait(2)

    # ---- two masters

    def test_upgrade(self):
        """Each of two masters tells the same soon, both when the old one goes
        and when the new one does."""
        for leaves in "old", "new":
            with self.subTest(leaves):
                self.upgraded(leaves)

    def upgraded(self, leaves):
        gateway = stored(self, Daemon)
        vendor = self.load(gateway)
        self.more(vendor)
        old = gateway.process
        gateway.kill(signal.SIGUSR2)
        new = Master(until(lambda: gateway.pids() - {old.pid},
                           "the new master").pop())
        until(lambda: len(new.workers()) == 2, "new workers")
        for _ in range(5):
            self.more(vendor)
            with vendor.lock:           # nothing more comes
                self.same(gateway, old, new)
        stays, goes = (new, old) if leaves == "old" else (old, new)
        self.more(vendor)
        goes.send_signal(signal.SIGWINCH)
        # one is a child of the other
        until(lambda: not goes.workers() - {stays.pid},
              "its workers have gone")
        self.more(vendor)
        goes.send_signal(signal.SIGQUIT)
        goes.wait()
        gateway.process = stays
        self.more(vendor)
        vendor.stop()
        truth = from_set(self.settled(gateway, vendor))
        self.again(gateway, truth)
        say(f"the {leaves} one left: {len(vendor.accepted)} callbacks, "
            f"answers {dict(vendor.answers)}")
        gateway.end()

    def same(self, gateway, *masters):
        def answers():
            lists = [gateway.listed_by(master.workers())
                     for master in masters]
            return lists[0] == lists[1]
        until(answers, "both list the same")


class Reachable(Gateway):
    def start(self):
        self.root.chmod(0o755)
        super().start()


class Master:
    """A process that becomes a child of this one when its own parent ends."""

    def __init__(self, pid):
        self.pid, self.returncode = pid, None

    def send_signal(self, number):
        os.kill(self.pid, number)

    def workers(self):
        try:
            with open(f"/proc/{self.pid}/task/{self.pid}/children") as file:
                return {int(pid) for pid in file.read().split()}
        except FileNotFoundError:
            return set()

    def poll(self):
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)
        if not os.path.exists(f"/proc/{self.pid}"):
            self.returncode = 0
        return self.returncode

    def wait(self, timeout=None):
        until(lambda: self.poll() is not None, "it has ended")


class Daemon(Gateway):
    """As a daemon, which alone can be upgraded."""

    def start(self):
        self.settings["config"] = self.settings["config"].replace(
            "daemon off;", "")
        self.configure()
        # of one that was killed
        (self.root / "nginx.pid").unlink(missing_ok=True)
        subprocess.run(self.command(), check=True, env=self.environment,
                       stderr=subprocess.DEVNULL)
        self.process = Master(until(self.pids, "a pid").pop())
        self.test.addCleanup(self.kill_all)
        until(self.answers, "nginx answers")

    def pids(self):
        """Of the master, once it has written that."""
        with contextlib.suppress(FileNotFoundError):
            return {int(pid) for pid in
                    (self.root / "nginx.pid").read_text().split()}
        return set()

    def crash(self):
        self.kill_all()
        until(lambda: self.process.poll() is not None, "it has gone")

    def kill_all(self):
        for pid in [self.process.pid, *self.process.workers()]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def listed_by(self, workers):
        """What one of these lists, but for the version."""
        while True:
            connection = self.connect()
            if connection.worker() in workers:
                connection.socket.sendall(
                    b"GET /zego/rooms?limit=1000 HTTP/1.1\r\nHost: t\r\n\r\n")
                return connection.answer()[1].partition(b'"RoomList"')[2]
            connection.close()

"""A disk that loses what was not synced, that fails, that is full, that
stalls, and a store that is taken away."""

import contextlib
import errno
import io
import itertools
import os
import pathlib
import random
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from callbacks import Life, carried, encode, from_set, of_world
from disk import FAILED, Reader, Stored, needs_disk, states
from faults import post
from gateway import (BASE, DIED, ROUNDS, SAMPLE, SEED, SOUND, Gateway, Vendor,
                     same, say, until)

ALL = os.environ.get("ZEGO_ALL")

REFUSED = 503, b'{"Reason":"store"}'

LATER = post(SOUND.replace(b"check", b"later", 1))


class Recording:
    """A run of nginx: the callbacks, and what became of them and of the
    store."""

    def __init__(self, test, **settings):
        self.test = test
        self.rng = test.rng
        self.gateway = Stored(test, **settings)
        self.callbacks = []
        self.answered = set()

    def add(self, callbacks):
        """Their numbers."""
        first = len(self.callbacks)
        self.callbacks += callbacks
        return list(range(first, len(self.callbacks)))

    def send(self, connection, number):
        self.gateway.disk_log.sent(number)
        connection.send(encode(self.callbacks[number]),
                        headers=f"X-Callback: {number}\r\n")

    def deliver(self, connections, numbers, depth=3):
        """So many at a time on each connection; those that are refused."""
        refused = []
        for at in range(0, len(numbers), depth * len(connections)):
            some = numbers[at:at + depth * len(connections)]
            pairs = list(zip(itertools.cycle(connections), some))
            for connection, number in pairs:
                self.send(connection, number)
            for connection, number in pairs:
                answer = connection.answer()
                if answer == (200, b""):
                    self.answered.add(number)
                else:
                    self.test.assertEqual(REFUSED, answer)
                    refused.append(number)
        return refused

    def all(self, connections, callbacks, repeat=.2):
        """All of these are taken, late and again."""
        numbers = list(carried(self.rng, self.add(callbacks), 50, repeat))
        self.test.assertEqual([], self.deliver(connections, numbers))

    def end(self):
        self.gateway.crash()
        self.events = self.gateway.disk_log.events()

    def states(self, ignored=lambda number, event: False):
        return states(self.gateway.store, self.events, ignored)

    def truth(self, numbers):
        return from_set([self.callbacks[number] for number in numbers])


class Disks(unittest.TestCase):
    def setUp(self):
        say(f"ZEGO_SEED={SEED}")
        self.rng = random.Random(SEED)
        self.reader = Reader(self)
        directory = tempfile.TemporaryDirectory(dir=BASE)
        self.addCleanup(directory.cleanup)
        self.store = pathlib.Path(directory.name)

    def kept(self, recording, state, file):
        """That all is there that was answered, and nothing that was not
        sent, when the vendor has sent again what was not answered; how much
        was in the store before."""
        self.write(self.store, file)
        counts = self.reader.load(self.store)
        # not all that is lost can be seen in the list
        self.assertLessEqual(self.post(recording, state.fresh),
                             {"duplicate", "stale"})
        self.post(recording, state.sent - state.answered)
        same(self, recording.truth(state.sent), self.reader.rooms())
        return counts

    def some(self, numbers, share):
        """All of them, or some."""
        share = max(share * ROUNDS // SAMPLE, 5)
        return set(numbers if ALL else self.rng.sample(
            numbers, min(len(numbers), share)))

    def post(self, recording, numbers):
        return {self.reader.post(recording.callbacks[number])
                for number in numbers}

    def write(self, store, file):
        for old in store.iterdir():
            old.unlink()
        if file is not None:
            (store / "data.mdb").write_bytes(file)

    def start(self, gateway, recording, state, file):
        """The same with a start of nginx.  If that is minutes after the run,
        callbacks may have been missed."""
        self.write(gateway.root / "store", file)
        gateway.start()
        again = [encode(recording.callbacks[number])
                 for number in state.sent - state.answered]
        connections = [gateway.connect() for _ in range(4)]
        gateway.deliver(connections, [again[n::4] for n in range(4)])
        rooms = gateway.rooms()
        truth = recording.truth(state.sent)
        for room in *rooms.values(), *truth.values():
            del room["Complete"]
        same(self, truth, rooms)
        gateway.crash()


@needs_disk
class Losses(Disks):
    """A disk that loses what was not synced."""

    def record(self, images):
        """While callbacks come in, so many images are merged into the store
        at least, and what has ended is forgotten."""
        recording = Recording(self)
        gateway = recording.gateway
        connections = gateway.connections(4)
        clock = itertools.count(1600000000000)
        large = Life("large", 1, clock)
        world = of_world(self.rng, "room ", rooms=12)

        def some(number):
            recording.all(connections, itertools.islice(world, number))

        journal = 0

        def cut():
            nonlocal journal
            some(4)
            time.sleep(.1)          # lest there are too many boundaries
            before, journal = journal, self.reader.load(gateway.store)[1]
            return journal < before

        # more than is in a piece of an image, of one session
        recording.all(connections,
                      [large.stream_create(f"{n}") for n in range(200)])
        for image in range(images):
            some(100)
            # without the later session the one before would come back
            recording.all(connections, [
                callback for user in range(image * 9, image * 9 + 9)
                for callback in (large.login(f"{user}", 2),
                                 large.login(f"{user}", 1),
                                 large.logout(f"{user}", 1))])
            begun = gateway.disk.dsync.calls
            until(lambda: gateway.disk.dsync.calls > begun, "an image begins")
            some(40)
            until(cut, "the journal is cut off")
            self.assertEqual([200] * 10, gateway.statuses(
                [LATER] + [post(SOUND)] * 9))
        recording.end()
        return recording

    def test_every_boundary(self):
        recording = self.record(4)
        total = sum(1 for _ in recording.states())
        read = self.some(range(total), 400)
        real = self.some(sorted(read), 30)
        gateway = Gateway(self, horizon="5m store=store")
        gateway.crash()

        cuts = deletes = 0
        counts = [0, 0]
        for number, (at, state) in enumerate(recording.states()):
            if number not in read:
                continue
            with self.subTest(boundary=number, event=at):
                least, more = state.least(), state.more(self.rng)
                before = counts
                counts = self.kept(recording, state, least)
                deletes += counts[0] < before[0]
                cuts += counts[1] < before[1]
                self.kept(recording, state, more)
                if number in real:
                    self.start(gateway, recording, state, least)
                    self.start(gateway, recording, state, more)
        if len(read) >= 400:
            self.assertGreater(cuts, 2)
            self.assertGreater(deletes, 0)
        say(f"{total} boundaries, {len(read)} of them read twice, with "
            f"{2 * len(real)} starts of nginx; {len(recording.callbacks)} "
            f"callbacks, {cuts} times the journal was cut off, {deletes} "
            f"times records were deleted")

    def test_every_sync(self):
        """Without any of them something is lost."""
        recording = Recording(self, workers=1, horizon="5m store=store")
        world = of_world(self.rng, "room ", rooms=3)
        self.assertEqual([], recording.deliver(
            recording.gateway.connections(),
            recording.add(itertools.islice(world, 40)), depth=1))
        recording.end()

        # each of these was needed for the answer that came next
        needed = []
        last = first = None
        for at, state in recording.states():
            self.kept(recording, state, state.least())
            if state.fresh:
                needed += first, last
            first, last = last, at
        kinds = [recording.events[at][0] for at in needed]
        self.assertEqual(["s", "d"] * 40, kinds)
        for one in needed:
            with self.subTest(without=one, kind=recording.events[one][0]):
                self.lost(recording, lambda at, event: at == one, one)
        for kind in "sd":
            with self.subTest(without=kind):
                self.lost(recording, lambda at, event: event[0] == kind)
        names = {event[3] for event in recording.events if event[0] == "n"}
        self.assertEqual(2, len(names))
        for name in names:
            with self.subTest(without=name):
                self.lost(recording, lambda at, event:
                          event[0] == "n" and event[3] == name)
        say(f"{len(needed)} syncs, each of them needed")

    def lost(self, recording, ignored, first=0):
        with (self.assertRaises(AssertionError),
              contextlib.redirect_stdout(io.StringIO())):
            for at, state in recording.states(ignored):
                if at > first:
                    self.kept(recording, state, state.least())


@needs_disk
class Failures(Disks):
    """A disk that fails for a while."""

    # what fails, and how; 0: not all of it is written
    WAYS = (("write", errno.ENOSPC), ("write", errno.EIO), ("write", 0),
            ("dsync", errno.ENOSPC), ("dsync", errno.EIO), ("dsync", 0),
            ("sync", errno.ENOSPC), ("sync", errno.EIO))

    def test_fails(self):
        recording = Recording(self)
        gateway = recording.gateway
        connections = gateway.connections(4)
        recording.all(connections, itertools.islice(
            of_world(self.rng, "quiet "), 20))
        world = of_world(self.rng, "room ", rooms=12)
        refused = 0
        for what, error in self.WAYS:
            with self.subTest(what=what, error=error):
                recording.all(connections, itertools.islice(world, 50))
                refused += self.fail_for_a_while(
                    recording, connections, list(itertools.islice(world, 20)),
                    getattr(gateway.disk, what), error)
                gateway.check(recording.truth(recording.answered))
        seconds = [line[:19] for line in gateway.logged(FAILED)]
        self.assertEqual(len(set(seconds)), len(seconds))

        truth = recording.truth(recording.answered)
        recording.end()
        gateway.start()
        gateway.check(truth)
        gateway.end()
        total = sum(1 for _ in recording.states())
        boundaries = self.some(range(total), 150)
        for number, (at, state) in enumerate(recording.states()):
            if number in boundaries:
                with self.subTest(boundary=number, event=at):
                    self.kept(recording, state, state.least())
                    self.kept(recording, state, state.more(self.rng))
        say(f"{refused} times refused, {len(seconds)} lines; "
            f"{total} boundaries, {len(boundaries)} of them read twice")

    def fail_for_a_while(self, recording, connections, callbacks, calls,
                         error):
        """What is known stays known, and all else is taken as soon as the
        disk is back; how many were refused."""
        gateway = recording.gateway
        message = FAILED + ".*" + os.strerror(error or errno.EIO)
        gateway.expected.append(message)
        said = gateway.count(message)
        failures = gateway.metric("zego_store_failures_total")
        deferred = gateway.metric_of("zego_deferred_total", reason="store")

        known = list(range(20))
        numbers = list(carried(self.rng, recording.add(callbacks), 20))
        total = 0
        def failing():
            nonlocal total
            refused = recording.deliver(connections, numbers)
            self.assertEqual(sorted(numbers), sorted(refused))
            total += len(refused)
            self.assertEqual([], recording.deliver(connections, known))
            gateway.rooms()
            time.sleep(.05)         # lest there are too many boundaries
            return gateway.count(message) > said + 1

        calls.fail(error)
        until(failing, "it is said twice")
        calls.heal()
        self.assertEqual([], recording.deliver(connections, numbers))

        self.assertGreater(gateway.metric("zego_store_failures_total"),
                           failures + 2)
        self.assertEqual(
            total, gateway.metric_of("zego_deferred_total", reason="store")
            - deferred)
        return total

    def test_full_disk(self):
        """A disk that is full, when it starts and later."""
        directory = pathlib.Path(tempfile.mkdtemp(dir=BASE))
        self.addCleanup(directory.rmdir)
        mount = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", directory],
            capture_output=True, text=True)
        if mount.returncode:
            self.skipTest(mount.stderr)
        self.addCleanup(subprocess.run, ["umount", directory], check=True)

        fill(directory)
        store = directory / "store"
        store.mkdir()
        full = FAILED + ".*" + os.strerror(errno.ENOSPC)
        gateway = Gateway(self, horizon=f"5m store={store}")
        # LMDB takes a part that was written for another error
        gateway.expected += full, FAILED + ".*" + os.strerror(errno.EIO)
        life = Life("room", 1, itertools.count(1700000000000))
        self.assertEqual((503, b'{"Reason":"loading"}'),
                         gateway.connect().post(encode(life.room_create())))
        until(lambda: gateway.count(full) > 1, "it is tried again")
        workers = gateway.workers()

        vendor = Vendor(gateway, [of_world(self.rng, f"{n} ")
                                  for n in range(4)])
        for _ in range(3):
            enough = len(vendor.accepted) + 200
            (directory / "filled").unlink()
            until(lambda: len(vendor.accepted) > enough, "there is room")
            refused = vendor.answers[503]
            fill(directory)
            until(lambda: vendor.answers[503] > refused + 20, "it is full")
        (directory / "filled").unlink()
        vendor.stop()
        self.assertEqual([], vendor.lost)
        self.assertEqual(set(), vendor.answers.keys() - {200, 503})
        truth = from_set(vendor.accepted)
        gateway.check(truth)
        self.assertEqual(workers, gateway.workers())

        # there is room for what there is; then as from a copy
        for missing in [], ["lock.mdb"]:
            gateway.crash()
            fill(directory)
            for name in missing:
                (store / name).unlink()
                fill(directory, "more")
            said = gateway.count(full)
            gateway.start()
            if missing:
                until(lambda: gateway.count(full) > said + 1, "it is full")
                (directory / "filled").unlink()
                until(lambda: gateway.version(), "it has started")
            gateway.check(truth)
        gateway.end()
        say(f"answers {dict(vendor.answers)}")


@needs_disk
class Stalls(Disks):
    """A disk that answers nothing for a while."""

    def test_stalls(self):
        for what, fails in (("write", False), ("sync", False),
                            ("dsync", False), ("sync", True)):
            with self.subTest(what=what, fails=fails):
                self.stall(what, fails)

    def test_turns(self):
        """What else is to be done has its turn, though a callback waits
        whenever a commit ends."""
        gateway = Stored(self, horizon="5m store=store", workers=1)
        room = Life("room", 1, itertools.count(1700000000000))
        here, there = gateway.connect(), gateway.connect()
        self.assertEqual((200, b""), here.post(encode(room.room_create())))
        gateway.settle()
        journal = gateway.metric("zego_store_journal_facts")
        calls = gateway.disk.dsync
        calls.hold = 1

        def waiting():
            return gateway.metric("zego_store_pending_facts")

        def ended():
            if waiting() == 1:
                return True
            calls.let_go = calls.holds

        def looked():
            nonlocal here, there
            there.send(encode(room.stream_create(f"{next(names)}")))
            until(lambda: waiting() == 2, "one more waits")
            until(ended, "a commit ends")
            self.assertEqual((200, b""), here.answer())
            here, there = there, here
            return gateway.metric("zego_store_journal_facts") > journal

        names = itertools.count()
        here.send(encode(room.stream_create("first")))
        until(lambda: calls.held == 1, "it is being committed")
        until(looked, "the store is looked at")
        calls.hold = 0
        self.assertEqual((200, b""), here.answer())

    def test_ends(self):
        """nginx does not wait for it for ever."""
        gateway = Stored(self)
        connection = gateway.connect()
        clock = itertools.count(1700000000000)
        facts = [Life(room, 1, clock).room_create() for room in ("a", "b")]
        self.assertEqual((200, b""), connection.post(encode(facts[0])))
        gateway.settle()
        gateway.disk.dsync.hold = 1
        connection.send(encode(facts[1]))
        until(lambda: gateway.disk.dsync.held == 1, "it is being committed")
        gateway.expected.append(DIED)
        gateway.end(signal.SIGTERM)
        self.assertEqual(1, gateway.count(DIED))
        gateway.disk.dsync.hold = 0
        gateway.start()
        self.assertIn("a", {room for _, room in gateway.rooms()})

    def stall(self, what, fails):
        gateway = Stored(self, horizon="5m store=store", server="""
            access_log access.log;
            location = /other { return 200 other; }""")
        disk = gateway.disk
        calls = getattr(disk, what)
        connections = gateway.connections(8)
        workers = gateway.workers()
        here, there = connections[::2], connections[1::2]
        clock = itertools.count(1700000000000)
        known, room, left = (Life(name, number, clock) for number, name
                             in enumerate(("known", "room", "left"), 1))
        facts = [known.room_create(), room.room_create(),
                 room.stream_create("a")]
        for fact in facts:
            self.assertEqual((200, b""), here[0].post(encode(fact)))
        # the other has to find out which store it is
        self.assertEqual((200, b""), there[0].post(encode(facts[0])))
        gateway.settle()

        calls.hold = 1
        facts.append(left.room_create())
        here[0].send(encode(facts[-1]))
        until(lambda: calls.held == 1, "it is being committed")
        if fails:
            gateway.expected.append(FAILED + "writing to it failed")
            disk.dsync.fail(errno.EIO, 1)
        new = [room.stream_create("b"), room.stream_close("a"),
               left.stream_create("c")]
        late = [*new, facts[2], facts[3]]       # one stale, one a duplicate
        facts += new
        for connection, fact in zip(here[1:], late):
            connection.send(encode(fact))
        there[0].send(encode(facts[3]))
        until(lambda: gateway.metric("zego_store_pending_facts") == 7,
              "they wait")
        for connection in here[0], here[3]:
            connection.close()
        until(lambda: self.left(gateway) == 2, "clients have gone")

        waiting = [*here[1:3], *here[4:6], there[0]]
        for connection in here[6], there[6]:
            self.assertEqual((200, b""), connection.post(encode(facts[0])))
            for path, wanted in ((b"/zego/rooms", b'"known"'),
                                 (b"/other", b"other")):
                connection.socket.sendall(
                    b"GET %b HTTP/1.1\r\nHost: t\r\n\r\n" % path)
                status, body = connection.answer()
                self.assertEqual(200, status)
                self.assertIn(wanted, body)
        sockets = [connection.socket for connection in waiting]
        self.assertEqual([], select.select(sockets, [], [], 0)[0])
        calls.hold = 0
        for connection in waiting:
            self.assertEqual((200, b""), connection.answer())

        self.assertEqual(workers, gateway.workers())
        truth = from_set(facts)
        gateway.check(truth)
        gateway.crash()
        gateway.start()
        gateway.check(truth)
        gateway.end()

    def left(self, gateway):
        """How many did not wait for their answer."""
        log = (gateway.root / "access.log").read_text()
        return log.count('HTTP/1.1" 499 ')

    def test_killed(self):
        """In the middle of a commit.  What is found then is answered at once,
        so it must be on disk, and not only in a cache."""
        for what in "write", "sync", "dsync":
            with self.subTest(what=what):
                # a worker that has not read it does not know what it holds
                recording = Recording(self, horizon="5m store=store",
                                      workers=1)
                gateway = recording.gateway
                life = Life("room", 1, itertools.count(1700000000000))
                first, second = recording.add([life.room_create(),
                                               life.stream_create("a")])
                self.assertEqual([], recording.deliver([gateway.connect()],
                                                       [first]))
                gateway.settle()
                calls = getattr(gateway.disk, what)
                calls.hold = 1
                recording.send(gateway.connect(), second)
                until(lambda: calls.held == 1, "it is being committed")
                gateway.crash()
                calls.hold = calls.held = 0
                # where it is found nothing else is written meanwhile
                gateway.disk.write.hold = what == "dsync"
                gateway.start()
                self.assertEqual([], recording.deliver([gateway.connect()],
                                                       [second]))
                recording.end()
                for _, state in recording.states():
                    self.kept(recording, state, state.least())


@needs_disk
class Reloads(Disks):
    """Of a worker whose image the disk takes its time for."""

    def test_late_image(self):
        """When it is in one store, another has become that of the zone, of
        which it says nothing."""
        recording = Recording(self, horizon="4s store=one", workers=1)
        gateway = recording.gateway
        dsync, sync = gateway.disk.dsync, gateway.disk.sync
        gateway.settle()
        recording.all([gateway.connect()], itertools.islice(
            of_world(self.rng, "room "), 50), repeat=0)
        # its last commit: the one that cuts the journal off
        until(lambda: self.reader.load(gateway.root / "one")[0],
              "an image is merged")
        dsync.hold = 1
        until(lambda: dsync.held == 1, "the journal is being cut off")
        old, = gateway.workers()
        os.kill(old, signal.SIGSTOP)
        dsync.hold = 0
        sync.hold = 1
        gateway.reload({"horizon": "4s store=two"})

        def another():
            holds = sync.holds
            if gateway.count("is another one than before"):
                return True
            sync.let_go = holds     # they were before it

        until(another, "another worker has taken its place")
        until(lambda: sync.held == 1, "its own image waits")
        os.kill(old, signal.SIGCONT)
        until(lambda: gateway.count(f"{old} exited with code 0"), "it ends")
        self.assertEqual(0, gateway.metric("zego_store_complete"))
        sync.hold = 0
        until(lambda: gateway.metric("zego_store_complete"), "it has all")
        recording.end()
        gateway.start()
        gateway.check(recording.truth(recording.answered))


@needs_disk
class Checks(Disks):
    """The process that reads a store before a start does, and syncs it, while
    the disk answers nothing."""

    def setUp(self):
        super().setUp()
        self.recording = Recording(self, horizon="5m store=store")
        self.gateway = self.recording.gateway
        self.recording.all(self.gateway.connections(4), itertools.islice(
            of_world(self.rng, "room "), 100))
        self.gateway.crash()
        self.sync = self.gateway.disk.sync
        self.addCleanup(setattr, self.sync, "hold", 0)
        self.sync.hold = 1
        self.gateway.start()
        until(lambda: self.sync.held == 1, "it is being checked")

    def served(self):
        self.gateway.check(self.recording.truth(self.recording.answered))

    def test_killed(self):
        """It does not outlive nginx, of which it would keep the port."""
        gateway = self.gateway
        workers = gateway.workers()
        # without a master no worker is started again
        for pid in gateway.process.pid, *workers:
            os.kill(pid, signal.SIGKILL)
        gateway.process.wait()
        gateway.ended = True
        until(lambda: self.gone(gateway.process.pid), "none of it is left")
        socket.create_server(("127.0.0.1", gateway.port)).close()
        self.sync.hold = self.sync.held = 0
        gateway.start()
        self.served()

    def gone(self, group):
        """Whether there is no process of it; they become ours."""
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-group, os.WNOHANG)[0]:
                pass
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True

    def test_once(self):
        """The other worker waits for it, however long it takes: here for more
        than the 3 seconds after which a worker that gives no sign of life
        loses what it does for all."""
        end = time.monotonic() + 4

        def one():
            self.assertEqual(1, self.sync.held)
            return time.monotonic() > end

        until(one, "the time has passed")
        self.sync.hold = 0
        until(lambda: self.gateway.version(), "it has started")
        self.served()


@needs_disk
class Removals(Disks):
    """A store that is taken away while it is in use."""

    GONE = FAILED + "was removed or replaced while it was in use"
    NONE = FAILED + ".*" + os.strerror(errno.ENOENT)
    ANOTHER = r'zego store "[^"]*" is another one than before: all of zone'

    def setUp(self):
        super().setUp()
        self.recording = Recording(self, horizon="5m store=store")
        self.gateway = self.recording.gateway
        self.gateway.expected += self.GONE, self.NONE
        self.connections = self.gateway.connections(4)
        self.world = of_world(self.rng, "room ", rooms=12)
        self.recording.all(self.connections,
                           itertools.islice(self.world, 200))
        self.away = self.gateway.root / "away"

    def take_away(self):
        """Those that are refused meanwhile."""
        self.gateway.store.rename(self.away)
        numbers = self.recording.add(itertools.islice(self.world, 20))
        until(lambda: sorted(numbers) == sorted(self.recording.deliver(
            self.connections, numbers)) and self.gateway.count(self.NONE),
              "it is missed")
        self.assertGreater(self.gateway.count(self.GONE), 0)
        return numbers

    def taken(self, numbers):
        return self.recording.deliver(self.connections, numbers) == []

    def restarted(self):
        """Once all of the zone is written to the store."""
        gateway, recording = self.gateway, self.recording
        truth = recording.truth(recording.answered)

        def complete():
            self.reader.load(gateway.store)
            return self.reader.rooms() == truth

        until(complete, "all of the zone is written")
        gateway.check(truth)
        gateway.crash()
        gateway.start()
        gateway.check(truth)
        gateway.end()

    def test_brought_back(self):
        numbers = self.take_away()
        self.away.rename(self.gateway.store)
        self.assertTrue(self.taken(numbers))
        self.recording.all(self.connections,
                           itertools.islice(self.world, 100))
        self.restarted()
        self.assertEqual(0, self.gateway.count(self.ANOTHER))

    def test_made_again(self):
        numbers = self.take_away()
        shutil.rmtree(self.away)
        self.gateway.store.mkdir()
        until(lambda: self.taken(numbers), "it is in use again")
        self.recording.all(self.connections,
                           itertools.islice(self.world, 100))
        self.restarted()
        self.assertEqual(1, self.gateway.count(self.ANOTHER))

    def test_file_removed(self):
        """Of it alone another is made, though a worker that does nothing has
        the old one open."""
        for number in range(2):
            (self.gateway.store / "data.mdb").unlink()
            numbers = self.recording.add(itertools.islice(self.world,
                                                          20 + number))
            until(lambda: self.recording.deliver(
                self.connections[:1], numbers) == [], "it is in use again")
        self.restarted()

    def test_no_lock(self):
        """By which the processes keep each other out: those of another lock
        must not write, or all is lost."""
        (self.gateway.store / "lock.mdb").unlink()
        self.gateway.expected.append(DIED)
        victim = min(self.gateway.workers())
        os.kill(victim, signal.SIGKILL)
        until(lambda: len(self.gateway.workers() - {victim}) == 2, "respawned")
        self.connections = self.gateway.connections(4)
        numbers = self.recording.add(itertools.islice(self.world, 500))
        until(lambda: self.taken(numbers), "all are taken")
        self.assertGreater(self.gateway.count(self.GONE), 0)
        self.restarted()

    def test_made_again_and_killed(self):
        """What is accepted from then on is in it at once."""
        self.take_away()
        shutil.rmtree(self.away)
        self.gateway.store.mkdir()
        numbers = self.recording.add(itertools.islice(
            of_world(self.rng, "new "), 20))
        until(lambda: self.taken(numbers), "it is in use again")
        self.gateway.crash()
        self.gateway.start()
        same(self, self.recording.truth(numbers),
             self.gateway.rooms(prefix="new "))


def fill(directory, name="filled"):
    with contextlib.suppress(OSError):
        with open(directory / name, "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

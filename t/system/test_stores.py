"""Workers that die, stop, or find no memory, at every point in turn where
the zone is being changed: at some of them, with ZEGO_ALL at all."""

import collections
import contextlib
import itertools
import os
import pathlib
import random
import re
import signal
import time
import unittest

from callbacks import Life, encode, from_set
from faults import (CHECK, LOCKED, REBUILT, TEAR, Faulty, answers,
                    needs_watched, post)
from gateway import DIED, ROUNDS, SEED, say, until
from test_full import FULL
from test_kills import EMPTY

ALL = os.environ.get("ZEGO_ALL")

KEEP = """
    zego_keep room   a b c;
    zego_keep stream a b c;
    zego_keep user   a b c;
"""
LONG = {"a": "a" * 1000, "b": "b" * 1000, "c": "c" * 1000}
WINDOWS = WIDE, LOST = "wide", "lost"


def later(callback):
    return callback | {"nonce": "later"}


def paths(clock):
    """Callbacks that between them take all paths through the core."""
    one = Life("room", 1, clock)
    created = one.room_create()
    yield created
    yield created                                   # a duplicate
    now = next(clock)
    for more in {"id_name": "another"}, LONG, {"id_name": "third"}:
        now += 1                                    # the creator is replaced
        yield created | {"room_create_time": str(now)} | more
    yield created                                   # stale

    # registers that grow beyond their place, and shrink
    yield one.stream_create("a")
    yield one.stream_create("a", recreate="1") | {"extra_info": "x" * 1000}
    yield one.stream_create("a", recreate="1") | LONG
    yield one.stream_create("a", recreate="1")
    yield one.stream_close("a")
    yield one.stream_create("a") | {"user_name": "x" * 255}
    yield one.login("u", 1)
    yield one.login("u", 1) | LONG
    yield one.login("u", 1)
    yield one.login("u", 2)                         # supersedes 1
    yield one.login("v", 1) | {"user_nickname": "v" * 255}
    late = one.logout("u", 1)
    yield late | {"user_update_seq": "2"}           # older
    yield late
    yield one.logout("u", 2)
    yield one.login("u", 3)

    # trees that are balanced, pages that are filled, in any order
    names = [f"s{n * 7 % 20}" for n in range(20)]
    for name in names:
        yield one.stream_create(name)
        yield one.login(name, 5)
    for name in names[5:15]:
        yield one.stream_close(name)
        yield one.logout(name, 5)

    # windows: a word, many words, what closes the gaps
    wide = Life(WIDE, 2, clock)
    yield wide.room_create()
    for number in 3, 60, 70, 1, 2, 3000, 69, 2999, 4:
        wide.stream_seq = wide.user_seq = itertools.count(number)
        yield wide.stream_create("w")
        yield wide.login("w", 1)
    lost = Life(LOST, 3, clock)
    for number in 5, 16000, 16500, 1, 16499:
        lost.stream_seq = itertools.count(number)
        yield lost.stream_create("l")
    yield lost.room_close()

    # sessions: superseded by a later one, which a late earlier one is not
    two = Life("room", 4, clock)
    early = Life("room", 5, itertools.count(now - 1000))
    yield two.stream_create("a")
    yield two.room_create()
    yield early.room_create()
    yield early.stream_create("a")
    yield early.room_close()
    yield two.login("u", 1)

    # rooms that only their streams and users tell of
    quiet = Life("quiet", 6, clock)
    yield quiet.stream_create("a")
    yield quiet.login("u", 1)
    yield quiet.stream_close("a")
    yield quiet.logout("u", 1)
    closed = Life("closed", 7, clock, appid=2)
    yield closed.room_close()

    # what has ended is freed, a few entries by each callback
    yield later(two.stream_create("b"))
    for number in range(24):
        yield two.stream_create(f"c{number % 3}", recreate="1")
    yield later(two.stream_close("b"))
    for number in range(4):
        yield two.login(f"{number}", 1)


def settled(clock):
    """Callbacks for a zone that is copied in several pieces."""
    life = Life("settled", 8, clock)
    yield life.room_create()
    for number in range(60):
        yield life.stream_create(f"{number}")
        yield life.login(f"{number}", 1)
    for number in range(30):
        yield life.stream_close(f"{number}")


def crowd(clock):
    """Callbacks for which tombstones must be evicted from a small zone."""
    life = Life("room", 1, clock)
    yield life.room_create()
    for number in range(16):
        yield life.stream_create(f"{number}") | LONG
        yield life.stream_close(f"{number}")
    for number in range(16):
        other = Life(f"room {number}", 2 + number, clock)
        yield other.room_create()
        yield other.login("u", 1)
        yield other.room_close()
    yield life.login("u", 1)


@contextlib.contextmanager
def at(**point):
    try:
        yield
    except Exception:
        say(f"wrong at {point}")
        raise


class Scenario:
    def __init__(self, callbacks):
        # rooms that began after any rebuild are complete
        clock = itertools.count(int(time.time() * 1000) + 86400000)
        self.callbacks = list(callbacks(clock))
        self.posts = [post(encode(callback)) for callback in self.callbacks]
        self.truth = from_set(self.callbacks)


class Points(unittest.TestCase):
    def gateway(self, callbacks, **settings):
        self.scenario = Scenario(callbacks)
        gateway = Faulty(self, http=KEEP, **{"clock": 1 << 40} | settings)
        gateway.page.signal = signal.SIGKILL
        gateway.fresh()
        return gateway

    def counted(self, gateway, what, posts=None):
        """How often that happens in all of the scenario."""
        posts = posts or self.scenario.posts
        setattr(gateway.page, what, 0)
        self.assertEqual([200] * len(posts), gateway.statuses(posts))
        return getattr(gateway.page, what)

    def points(self, number, share):
        """All of them, or some."""
        points = range(1, number + 1)
        if not ALL:
            say(f"ZEGO_SEED={SEED}")
            points = random.Random(SEED).sample(
                points, min(number, share * ROUNDS))
        return points

    def healed(self, gateway, narrow=False):
        """The vendor has sent all again.  Where a window could not be
        widened more is missing than was not sent, but not less."""
        posts, truth = self.scenario.posts, self.scenario.truth
        self.assertEqual([200] * (len(posts) + 1),
                         gateway.statuses(posts + [CHECK]))
        if narrow:
            listed = gateway.rooms()[1, WIDE]["Missing"]
            wide = truth[1, WIDE] | {"Missing": listed}
            for counter, ranges in truth[1, WIDE]["Missing"].items():
                for first, last in ranges:
                    self.assertTrue(any(a <= first and last <= b
                                        for a, b in listed[counter]))
            truth = truth | {(1, WIDE): wide}
        gateway.check(truth)

    def logged(self, gateway, *patterns):
        """These and no other bad lines, in any order."""
        lines = gateway.lines()
        self.assertEqual(len(patterns), len(lines), lines)
        for pattern in patterns:
            found = next((line for line in lines if re.search(pattern, line)),
                         None)
            self.assertIsNotNone(found, (pattern, lines))
            lines.remove(found)


@needs_watched
class Stores(Points):
    def gateway(self, callbacks, **settings):
        return super().gateway(callbacks, watched=True, **settings)

    def every(self, callbacks, share, **settings):
        """The worker dies before each store in turn."""
        gateway = self.gateway(callbacks, workers=1, **settings)
        gateway.expected += [DIED, LOCKED, REBUILT]
        posts = self.scenario.posts
        number = self.counted(gateway, "stores")
        self.healed(gateway)
        gateway.fresh()
        self.assertEqual(number, self.counted(gateway, "stores"),
                         "the same stores in every run")
        gateway.lines()

        torn = collections.Counter()
        points = self.points(number, share)
        start = time.monotonic()
        for n in points:
            with at(store=n):
                gateway.fresh()
                gateway.page.stores, gateway.page.store = 0, n
                statuses = gateway.statuses(posts)
                self.assertLess(len(statuses), len(posts), "it died")
                self.assertEqual({200}, {200, *statuses})
                self.healed(gateway)
                self.logged(gateway, DIED, LOCKED,
                            *[REBUILT] * (1 + gateway.page.busy))
                torn[gateway.page.busy] += 1
        took = time.monotonic() - start
        say(f"{number} stores, died before {len(points)} of them, "
            f"{torn[1]} times with the zone torn; "
            f"{took / len(points) * 1000:.1f} ms each")
        return gateway

    def test_paths(self):
        self.every(paths, 100, size="1m")

    def test_crowd(self):
        gateway = self.every(crowd, 100, size="44k")
        self.assertGreater(gateway.metric("zego_evictions_total"), 0)

    def test_rebuild(self):
        """It dies before each store that makes the zone anew."""
        gateway = self.gateway(paths, workers=1, size="44k")
        gateway.expected += [DIED, LOCKED, REBUILT]
        self.assertEqual([200], gateway.statuses([TEAR]))
        number = self.counted(gateway, "stores", [CHECK])
        gateway.lines()
        points = self.points(number, 100)
        for n in points:
            with at(store=n):
                self.assertEqual([200], gateway.statuses([TEAR]))
                gateway.page.stores, gateway.page.store = 0, n
                self.assertEqual([], gateway.statuses([CHECK]))
                self.assertEqual([200], gateway.statuses([CHECK]))
                self.logged(gateway, DIED, LOCKED, REBUILT)
        self.assertEqual({}, gateway.rooms())
        say(f"{number} stores, died before {len(points)} of them")

    def test_timer(self):
        """It dies while the timer frees what has expired."""
        gateway = self.gateway(crowd, workers=1, horizon="1ms",
                               clock=0)
        gateway.expected += [DIED, LOCKED, REBUILT]
        gateway.page.timer = 1
        life = Life("ended", 1, itertools.count(1))
        ended = [post(encode(callback)) for callback in [
            life.stream_create(f"{n}") for n in range(100)]
            + [life.room_close()]]
        rng = random.Random(SEED)
        say(f"ZEGO_SEED={SEED}")
        for _ in range(3 * ROUNDS):
            gateway.page.clock = 1      # it stands still
            gateway.fresh()
            gateway.lines()
            self.assertEqual([200] * 101, gateway.statuses(ended))
            gateway.page.stores = 0
            gateway.page.store = n = rng.randrange(1, 500)
            gateway.page.clock = 0
            with at(store=n):
                until(lambda: gateway.page.stores >= n, "it is freed")
                self.healed(gateway)
                self.logged(gateway, DIED, LOCKED,
                            *[REBUILT] * gateway.page.busy)


def state(pid):
    """As ps tells it."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][1]


@needs_watched
class Resizes(Points):
    """A worker dies at a store while the master copies the zone into one of
    another size."""

    def settle(self, gateway):
        posts = self.scenario.posts[:self.before]
        gateway.fresh()
        self.assertEqual([200] * len(posts), gateway.statuses(posts))

    def resize(self, gateway, turn):
        """The master stops at its turn."""
        gateway.page.turns, gateway.page.turn = 0, turn
        gateway.configure(size=next(self.sizes))
        gateway.hup()
        until(lambda: state(gateway.process.pid) == "T", "it stops")

    def resized(self, gateway, old):
        until(lambda: len(gateway.workers()) == 2
              and old.isdisjoint(gateway.workers()), "resized")

    def test_resize(self):
        self.before = len([*settled(itertools.count())])
        gateway = self.gateway(lambda clock: [*settled(clock), *paths(clock)],
                               watched=True, size="2m")
        gateway.expected += [DIED, EMPTY, REBUILT]
        self.addCleanup(gateway.kill, signal.SIGCONT)
        self.sizes = itertools.cycle(["3m", "2m"])

        # after none, one, two, ... of the callbacks
        self.lists = [gateway.rooms()]
        for body in self.scenario.posts:
            self.assertEqual([200], gateway.statuses([body]))
            self.lists.append(gateway.rooms())
        self.lists.append(self.lists[-1])

        # those that meet the master; in the end the zone is made anew
        self.posts = self.scenario.posts[self.before:] + [TEAR, CHECK]
        self.settle(gateway)
        gateway.page.stores, marks = 0, []
        for body in self.posts:
            marks.append(gateway.page.stores + 1)
            self.assertEqual([200], gateway.statuses([body]))
        number = gateway.page.stores

        # it is copied in so many pieces, then marked, and copied once more
        self.settle(gateway)
        gateway.page.turns = 0
        gateway.reload({"size": next(self.sizes)})
        turns = gateway.page.turns // 2
        self.assertGreater(turns, 4)
        gateway.check(self.lists[self.before])
        self.moved(gateway, turns + 1)
        gateway.lines()

        counts = collections.Counter()
        rng = random.Random(SEED)
        # few find the zone whole: those where it is about to be marked
        points = {*self.points(number, 50), *rng.sample(marks, 10)}
        start = time.monotonic()
        for n in points:
            point = {"store": n, "turn": rng.randint(1, turns),
                     "waited": rng.randrange(2), "beside": rng.randrange(2)}
            with at(**point):
                counts.update(self.dies(gateway, **point))
        took = time.monotonic() - start
        say(f"{number} stores, died before {len(points)} of them at "
            f"{turns} turns, {dict(counts)}; "
            f"{took / len(points) * 1000:.1f} ms each")

    def moved(self, gateway, turn):
        """From the mark on there are no stores."""
        old = gateway.workers()
        self.resize(gateway, turn)
        gateway.page.stores = 0
        self.assertEqual([503], gateway.statuses(self.posts))
        self.assertEqual(0, gateway.page.stores)
        gateway.kill(signal.SIGCONT)
        self.resized(gateway, old)
        gateway.check(self.lists[self.before])

    def dies(self, gateway, store, turn, waited, beside):
        """The master waits for it, or finds it dead; the other worker takes
        all beside it, or nothing."""
        page, posts = gateway.page, self.scenario.posts
        self.settle(gateway)
        self.logged(gateway, REBUILT)
        epoch = gateway.version()[0]
        rebuilds = gateway.metric("zego_rebuilds_total")
        one, other = gateway.connections()
        pid, old = one.worker(), gateway.workers()

        self.resize(gateway, turn)
        page.asked, page.stores, page.store = 0, 0, store
        page.signal = signal.SIGSTOP if waited else signal.SIGKILL
        one.socket.sendall(b"".join(self.posts))
        until(lambda: state(pid) == ("T" if waited else "Z"), "it dies")
        busy, answered = page.busy, page.asked - 1
        first = 0 if busy else self.before + answered
        rest = posts[first:] if beside else []
        other.socket.sendall(b"".join(rest))
        gateway.kill(signal.SIGCONT)
        if waited:
            until(lambda: page.turns > turn + 2, "the master waits")
            os.kill(pid, signal.SIGKILL)

        # a reset may have overtaken the last of them
        received = answers(one.socket, len(self.posts))
        self.assertEqual([200] * len(received), received)
        self.assertLessEqual(len(received), answered)
        statuses = answers(other.socket, len(rest))
        taken = statuses.count(200)
        self.assertEqual([200] * taken + [503] * (taken < len(rest)),
                         statuses)
        one.close()
        other.close()
        self.resized(gateway, old)

        lines = []
        until(lambda: lines.extend(gateway.lines())
              or any(re.search(DIED, line) for line in lines), "it is missed")
        died, empty, rebuilt = (
            sum(bool(re.search(pattern, line)) for line in lines)
            for pattern in (DIED, EMPTY, REBUILT))
        self.assertEqual(died + empty + rebuilt, len(lines), lines)
        self.assertEqual((1, busy), (died, max(empty, rebuilt)), lines)
        self.assertLessEqual(rebuilt, beside, lines)

        self.assertEqual([200], gateway.statuses([CHECK]))
        # twice where it had begun to make the zone anew
        self.assertEqual(busy,
                         gateway.metric("zego_rebuilds_total") > rebuilds)
        self.assertEqual(busy, gateway.version()[0] != epoch)
        self.assertIn(gateway.rooms(),
                      self.lists[first + taken:first + taken + 2 - busy])
        self.healed(gateway)
        return {"torn": busy, "started empty": empty, "rebuilt": rebuilt,
                "taken beside": taken}


class Stops(Points):
    """A worker that is stopped for a while."""

    def stopping(self, **settings):
        gateway = self.gateway(paths, **settings)
        gateway.expected.append(REBUILT)
        gateway.page.signal = signal.SIGSTOP
        self.one, self.other = gateway.connections()
        self.pids = self.one.worker(), self.other.worker()
        return gateway

    def stop(self, gateway, posts, serving=False, store=0):
        """The one stops while it takes these, the other takes them all."""
        gateway.page.store = 0
        gateway.fresh()
        version = gateway.version()
        gateway.page.stores, gateway.page.store = 0, store
        self.one.socket.sendall(b"".join(posts))
        until(lambda: state(self.pids[0]) == "T", "it stops")
        try:
            asked, got = gateway.page.asked, gateway.page.got
            every = self.scenario.posts
            self.other.socket.sendall(b"".join(every))
            if serving:
                self.assertEqual([200] * len(every),
                                 answers(self.other.socket, len(every)))
                self.assertEqual("T", state(self.pids[0]))
            else:
                until(lambda: gateway.page.asked > asked
                      and state(self.pids[1]) == "S", "the other waits")
                self.assertEqual(got, gateway.page.got)
        finally:
            os.kill(self.pids[0], signal.SIGCONT)
        self.assertEqual([200] * len(posts),
                         answers(self.one.socket, len(posts)))
        if not serving:
            self.assertEqual([200] * len(every),
                             answers(self.other.socket, len(every)))
        gateway.sound()
        gateway.check(self.scenario.truth)
        self.assertEqual(version[0], gateway.version()[0])
        self.logged(gateway, REBUILT)

    def told(self, nonce):
        callback = self.scenario.callbacks[0] | {"nonce": nonce}
        return [post(encode(callback)), *self.scenario.posts[1:]]

    def test_under_lock(self):
        gateway = self.stopping()
        gateway.lines()
        self.stop(gateway, self.told("stop"))

    def test_outside_lock(self):
        gateway = self.stopping()
        gateway.lines()
        self.stop(gateway, self.told("pause"), serving=True)

    @needs_watched
    def test_at_stores(self):
        gateway = self.stopping(watched=True)
        points = self.points(self.counted(gateway, "stores"), 20)
        gateway.lines()
        for n in points:
            with at(store=n):
                self.stop(gateway, self.scenario.posts, store=n)
        say(f"stopped before {len(points)} stores")


class Allocations(Points):
    """There is no memory for an allocation, or for any after it."""

    def test_fail(self):
        gateway = self.gateway(paths, workers=1)
        gateway.expected += [REBUILT, FULL]
        calls, answered = [], collections.Counter()
        for number, body in enumerate(self.scenario.posts):
            calls += [number] * self.counted(gateway, "allocs", [body])
        self.healed(gateway)
        for first, number in enumerate(calls, 1):
            for last in first, 2 ** 64 - 1:
                with at(first=first, last=last):
                    answered[self.failed(gateway, number, first, last)] += 1
        say(f"{len(calls)} allocations fail, first one then all after: "
            f"{dict(answered)}")

    def failed(self, gateway, number, first, last):
        """In the callback of that number; what it was answered."""
        posts = self.scenario.posts
        room = self.scenario.callbacks[number]["room_id"]
        gateway.fresh()
        gateway.page.allocs = 0
        self.assertEqual([200] * number, gateway.statuses(posts[:number]))
        before = gateway.get("rooms?limit=1000")
        gateway.page.fail_first, gateway.page.fail_last = first, last
        status, = gateway.statuses(posts[number:number + 1])
        if status != 200:
            self.assertEqual(503, status)
            self.assertEqual(before, gateway.get("rooms?limit=1000"))
        elif last > first:
            # a tombstone cannot make room, but windows do without
            self.assertIn(room, WINDOWS)
        rest = gateway.statuses(posts[number + 1:])
        self.assertLessEqual({*rest}, {200, 503} if last > first else {200})
        self.assertGreaterEqual(gateway.page.allocs, first)
        gateway.page.fail_first = gateway.page.fail_last = 0
        self.healed(gateway, room in WINDOWS or last > first)
        return status

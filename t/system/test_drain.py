"""A zone filled and drained a thousand times, each time with entries of
other sizes: nothing leaks, and what was freed serves any size."""

import itertools
import random
import unittest

import faketime
from callbacks import Life, encode, from_set
from faketime import Clock
from gateway import LOAD_FAULTS, ROUNDS, SAMPLE, SEED, Gateway, say

HORIZON = 300

KEEP = "zego_keep stream title stream_attr; zego_keep user term_type;"

# of what an id or a field is made, not to be alike
PAD = "x" * 1024


class Mix:
    """How large, how many and how far apart in one round."""

    def __init__(self, rng):
        self.rng = rng
        self.room_id = rng.choice([1, 1, 30, 110])
        self.id = rng.choice([1, 20, 100, 200])
        self.extra = rng.choice([0, 0, 200, 1000])
        self.kept = rng.choice([0, 0, 0, 500, 1000])
        self.gap = rng.choice([1, 1, 1, 50, 3000])
        self.members = rng.choice([2, 10, 100, 1000])
        self.users = rng.choice([0, .5, 1])
        self.close = rng.choice([0, 0, .3, .9])

    def padded(self, name, size):
        return name + PAD[:self.rng.randrange(size)] if size else name

    def stream(self, life, number):
        return life.stream_create(
            self.padded(f"stream {number} ", self.id)) | {
                "extra_info": self.padded("", self.extra),
                "title": self.padded("", self.kept),
                "stream_attr": self.padded("", self.kept)}

    def lives(self, clock):
        """The callbacks of rooms, one after the other, without end."""
        for number in itertools.count(1):
            life = Life(self.padded(f"room {number} ", self.room_id), number,
                        clock)
            life.stream_seq = itertools.count(1, self.gap)
            life.user_seq = itertools.count(1, self.gap)
            yield life.room_create()
            for member in range(self.rng.randrange(self.members) + 1):
                if self.rng.random() < self.users:
                    user = self.padded(f"user {member} ", self.id)
                    yield life.login(user, member + 1) | {
                        "term_type": self.padded("", self.kept)}
                    if self.rng.random() < self.close:
                        yield life.logout(user, member + 1)
                else:
                    stream = self.stream(life, member)
                    yield stream
                    if self.rng.random() < self.close:
                        yield life.stream_close(stream["stream_id"])


@unittest.skipUnless(faketime.FOUND, "no faketime")
class Drain(unittest.TestCase):
    def setUp(self):
        say(f"ZEGO_SEED={SEED}")
        self.clock = Clock(self)
        self.gateway = Gateway(
            self, nginx=self.clock.nginx, size="128k",
            horizon=f"{HORIZON}s", load=LOAD_FAULTS + faketime.LOAD,
            http=KEEP)
        self.gateway.expected.append(
            r'\[crit\] .* zego zone "rooms" is full')

    def post(self, callbacks):
        """Those that were taken."""
        connection = self.gateway.connect()
        connection.send(*map(encode, callbacks))
        answers = [connection.answer() for _ in callbacks]
        connection.close()
        self.assertLessEqual(set(answers),
                             {(200, b""), (503, b'{"Reason":"memory"}')})
        return [callback for callback, (status, _) in zip(callbacks, answers)
                if status == 200]

    def fill(self, seed):
        callbacks = Mix(random.Random(seed)).lives(itertools.count(10 ** 12))
        taken = []
        refused = 0
        while refused < 30:
            some = list(itertools.islice(callbacks, 50))
            good = self.post(some)
            refused += len(some) - len(good)
            taken += good
        return taken

    def close(self, taken):
        sessions = {callback["room_id"]: int(
            callback.get("room_session_id") or callback["room_seq"])
            for callback in taken}
        some = [Life(room, session, itertools.repeat(2 * 10 ** 12))
                .room_close() for room, session in sessions.items()]
        # there may be no room for one of which all is closed, and evicted
        for at in range(0, len(some), 50):
            self.post(some[at:at + 50])

    def drain(self):
        """No more steps than it may take, most of them of 64 entries."""
        for _ in range(200):
            self.clock.jump(HORIZON)
            if self.gateway.metric("zego_tombstones") == 0:
                return
        self.fail("not drained")

    def listed(self, rooms):
        """The ids; a window may have found no room to grow."""
        return {room: ([stream["StreamId"] for stream in entry["StreamList"]],
                       [user["UserId"] for user in entry["UserList"]])
                for room, entry in rooms.items()}

    def free(self):
        return self.gateway.metric("zego_zone_free_bytes")

    def test_thousand_times(self):
        free = self.free()
        self.gateway.sound()
        first, total = None, 0
        last = max(1000 * ROUNDS // SAMPLE, 20)
        for number in range(last + 1):
            # the last as the first
            again = number in (0, last)
            taken = self.fill(f"{SEED} {0 if again else number}")
            total += len(taken)
            if number % 10 == 0:
                self.assertEqual(self.listed(from_set(taken)),
                                 self.listed(self.gateway.rooms()))
            self.close(taken)
            self.drain()
            self.assertEqual(free, self.free(), f"round {number}")
            self.gateway.sound()
            self.assertEqual({}, self.gateway.rooms())
            first = first or len(taken)
        self.assertEqual(first, len(taken))
        say(f"{number + 1} times, {total} callbacks taken, "
            f"{self.gateway.metric('zego_zone_full_total')} refused, "
            f"{self.gateway.metric('zego_evictions_total')} evicted, "
            f"{free} bytes free")

"""Workers that die."""

import collections
import itertools
import os
import random
import re
import signal
import time
import unittest

from callbacks import Life, carried, encode, from_set, of_world
from faults import LOCKED, REBUILT
from gateway import (DIED, LOAD_FAULTS, ROUNDS, SEED, Gateway, Vendor, say,
                     until)

EMPTY = (r'\[crit\] .* zego zone "rooms" starts empty, '
         "a process died while changing the one before")


class Kills(unittest.TestCase):
    def test_kill(self):
        """At any moment but under the lock, which is a matter of luck."""
        say(f"ZEGO_SEED={SEED}")
        rng = random.Random(SEED)
        left = 10 * ROUNDS
        for attempt in range(2 * left):
            left = self.killed(rng, f"room {attempt}-", left)
            if not left:
                return
            say("one died under the lock: again")
        self.fail("most died under the lock")

    def killed(self, rng, prefix, left):
        """Until one dies under the lock; how many are left then."""
        gateway = Gateway(self, workers=3, load=LOAD_FAULTS)
        gateway.expected += [DIED, LOCKED, REBUILT]
        sources = [carried(
            random.Random(rng.random()),
            of_world(random.Random(rng.random()), prefix, rooms=40), 100)] * 6
        accepted, answers = [], collections.Counter()
        number, lost = 0, 0
        while number < left and not lost:
            vendor = Vendor(gateway, sources)
            until(lambda: len(vendor.accepted) > 150, "callbacks come in")
            time.sleep(rng.random() / 1000)         # at any moment
            victim = rng.choice(sorted(gateway.workers()))
            os.kill(victim, signal.SIGKILL)
            until(lambda: len(gateway.workers() - {victim}) == 3, "respawned")
            vendor.stop()
            self.assertEqual([], vendor.lost)
            lost = gateway.metric("zego_rebuilds_total")
            self.assertEqual(lost, gateway.count(REBUILT))
            gateway.sound()
            if not lost:
                number += 1
                accepted += vendor.accepted
                answers += vendor.answers
                gateway.check(from_set(accepted))
        say(f"{number} killed, {len(accepted)} callbacks, "
            f"answers {dict(answers)}")
        gateway.end()
        return left - number

    def test_kill_under_lock(self):
        gateway = Gateway(self, load=LOAD_FAULTS)
        gateway.expected += [DIED, LOCKED, REBUILT]
        # the rooms of before lived before by their times too
        now = int(time.time() * 1000)
        before = Life("before", 1, itertools.count(now - 60000))
        quiet = Life("quiet", 2, itertools.count(now - 60000))
        connection = gateway.connect()
        for callback in (before.room_create(), before.stream_create("a"),
                         quiet.room_create()):
            self.assertEqual(200, connection.post(encode(callback))[0])
        first, since = gateway.version(), gateway.json("rooms")["Since"]

        workers = gateway.workers()
        dying = before.stream_create("b")
        with self.assertRaises(OSError):
            connection.post(encode(dying | {"nonce": "die"}))
        until(lambda: len(gateway.workers()) == 2
              and gateway.workers() != workers, "respawned")

        epochs = set()
        for connection in gateway.connections(2):
            self.assertEqual(200, connection.post(encode(dying))[0])
            epochs.add(gateway.version()[0])
        self.assertEqual(1, len(epochs))
        self.assertNotIn(first[0], epochs)
        self.assertEqual(1, gateway.count(REBUILT))
        self.assertEqual(1, gateway.metric("zego_rebuilds_total"))
        self.assertGreater(gateway.json("rooms")["Since"], since)

        after = Life("after", 3, itertools.count(int(time.time() * 1000) + 1))
        for callback in (quiet.login("u", 1), after.room_create(),
                         after.stream_create("a")):
            self.assertEqual(200, connection.post(encode(callback))[0])
        self.assertEqual(
            {"before": (False, 1), "quiet": (False, 0), "after": (True, 1)},
            {room: (entry["Complete"], len(entry["StreamList"]))
             for (_, room), entry in gateway.rooms().items()})

        # and once more, under load, in a zone that has been rebuilt
        vendor = Vendor(gateway, [iter(
            [after.stream_create(f"stream {number}")
             for number in range(2000)])] * 4)
        until(lambda: len(vendor.accepted) > 500, "callbacks come in")
        with self.assertRaises(OSError):
            gateway.connect().post(encode(dying | {"nonce": "die"}))
        vendor.join()
        self.assertEqual([], vendor.lost)
        self.assertEqual(2, gateway.count(REBUILT))
        self.assertEqual(2, gateway.metric("zego_rebuilds_total"))
        room, = gateway.rooms(prefix="after").values()
        self.assertFalse(room["Complete"])
        self.assertGreater(room["RoomInfo"]["StreamCount"], 0)

    def test_kill_under_lock_and_resize(self):
        """The next to look is the master, for a zone of another size."""
        gateway = Gateway(self, workers=1, load=LOAD_FAULTS)
        gateway.expected += [DIED, LOCKED, EMPTY]
        now = int(time.time() * 1000)
        life = Life("room", 1, itertools.count(now - 60000))
        connection = gateway.connect()
        for callback in life.room_create(), life.stream_create("a"):
            self.assertEqual(200, connection.post(encode(callback))[0])
        epoch = gateway.version()[0]

        gateway.kill(signal.SIGSTOP)
        dying = life.stream_create("b")
        with self.assertRaises(OSError):
            connection.post(encode(dying | {"nonce": "die"}))
        gateway.configure(size="20m")
        gateway.hup()
        gateway.kill(signal.SIGCONT)
        until(lambda: gateway.count(EMPTY) == 1, "resized")
        # the old worker may have been started anew
        started = until(lambda: re.findall(
            r"start worker process (\d+)",
            gateway.log().rpartition("starts empty")[2]), "started")
        until(lambda: gateway.workers() == {int(started[-1])},
              "old workers have gone")

        self.assertEqual(200, gateway.connect().post(encode(dying))[0])
        self.assertNotEqual(epoch, gateway.version()[0])
        self.assertEqual(1, gateway.metric("zego_rebuilds_total"))
        room, = gateway.rooms().values()
        self.assertEqual((1, False), (room["RoomInfo"]["StreamCount"],
                                      room["Complete"]))
        self.assertEqual(1, gateway.count(r"\[crit\]"))

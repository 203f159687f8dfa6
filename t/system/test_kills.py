"""Workers that die."""

import itertools
import os
import random
import signal
import time
import unittest

from callbacks import Life, carried, encode, from_set, of_world
from gateway import FAULTS, ROUNDS, SEED, Gateway, Vendor, say, until

DIED = r"\[alert\] .* worker process \d+ exited on signal 9"
LOCKED = r'\[alert\] .* shared memory zone "rooms" was locked by \d+'
REBUILT = (r'\[crit\] .* zego zone "rooms" was rebuilt, '
           "a process died while changing it")
EMPTY = (r'\[crit\] .* zego zone "rooms" starts empty, '
         "a process died while changing the one before")


class Kills(unittest.TestCase):
    def test_kill(self):
        """At any moment but under the lock, which is a matter of luck."""
        say(f"ZEGO_SEED={SEED}")
        rng = random.Random(SEED)
        for attempt in range(5):
            if self.killed(rng, f"room {attempt}-", 10 * ROUNDS):
                return
            say("one died under the lock: again")
        self.fail("all died under the lock")

    def killed(self, rng, prefix, number):
        gateway = Gateway(self, workers=3)
        gateway.expected += [DIED, LOCKED, REBUILT]
        vendor = Vendor(gateway, [carried(
            random.Random(rng.random()),
            of_world(random.Random(rng.random()), prefix, rooms=40), 100)] * 6)
        for _ in range(number):
            enough = len(vendor.accepted) + 150
            until(lambda: len(vendor.accepted) > enough, "callbacks come in")
            time.sleep(rng.random() / 1000)         # at any moment
            victim = rng.choice(sorted(gateway.workers()))
            os.kill(victim, signal.SIGKILL)
            until(lambda: len(gateway.workers() - {victim}) == 3, "respawned")
        vendor.stop()
        self.assertEqual([], vendor.lost)
        lost = gateway.metric("zego_rebuilds_total")
        self.assertEqual(lost, gateway.count(REBUILT))
        if not lost:
            gateway.check(from_set(vendor.accepted))
            say(f"{number} killed, {len(vendor.accepted)} callbacks, "
                f"answers {dict(vendor.answers)}")
        gateway.end()
        return not lost

    def test_kill_under_lock(self):
        gateway = Gateway(self, load=f"load_module {FAULTS};")
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
        dying = encode(before.stream_create("b"))
        with self.assertRaises(OSError):
            connection.post(dying, headers="X-Zego-Fault: die\r\n")
        until(lambda: len(gateway.workers()) == 2
              and gateway.workers() != workers, "respawned")

        epochs = set()
        for connection in gateway.connections(2):
            self.assertEqual(200, connection.post(dying)[0])
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
            gateway.connect().post(dying, headers="X-Zego-Fault: die\r\n")
        vendor.join()
        self.assertEqual([], vendor.lost)
        self.assertEqual(2, gateway.count(REBUILT))
        self.assertEqual(2, gateway.metric("zego_rebuilds_total"))
        room, = gateway.rooms(prefix="after").values()
        self.assertFalse(room["Complete"])
        self.assertGreater(room["RoomInfo"]["StreamCount"], 0)

    def test_kill_under_lock_and_resize(self):
        """The next to look is the master, for a zone of another size."""
        gateway = Gateway(self, workers=1,
                          load=f"load_module {FAULTS};")
        gateway.expected += [DIED, LOCKED, EMPTY]
        now = int(time.time() * 1000)
        life = Life("room", 1, itertools.count(now - 60000))
        connection = gateway.connect()
        for callback in life.room_create(), life.stream_create("a"):
            self.assertEqual(200, connection.post(encode(callback))[0])
        epoch = gateway.version()[0]

        gateway.kill(signal.SIGSTOP)
        dying = encode(life.stream_create("b"))
        with self.assertRaises(OSError):
            connection.post(dying, headers="X-Zego-Fault: die\r\n")
        gateway.configure(size="20m")
        gateway.hup()
        gateway.kill(signal.SIGCONT)
        until(lambda: gateway.count(EMPTY) == 1, "resized")
        until(lambda: len(gateway.workers()) == 1, "old workers have gone")

        self.assertEqual(200, gateway.connect().post(dying)[0])
        self.assertNotEqual(epoch, gateway.version()[0])
        self.assertEqual(1, gateway.metric("zego_rebuilds_total"))
        room, = gateway.rooms().values()
        self.assertEqual((1, False), (room["RoomInfo"]["StreamCount"],
                                      room["Complete"]))
        self.assertEqual(1, gateway.count(r"\[crit\]"))

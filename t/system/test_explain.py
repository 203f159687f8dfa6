"""What is explained of a room, as nginx is reloaded and workers die."""

import itertools
import shutil
import unittest

from callbacks import Life, encode
from faults import LOCKED, REBUILT
from gateway import DIED, LOAD_FAULTS, Gateway, until
from test_store import GONE, NO_DIRECTORY, REFUSED, stored


def lives(*rooms):
    clock = itertools.count(1700000000000)
    return [Life(room, number, clock) for number, room in enumerate(rooms, 1)]


class Explained(unittest.TestCase):
    def seen(self, gateway, room):
        return gateway.json(f"explain/rooms/{room}?limit=1000")["CallbackList"]

    def settled(self, gateway):
        until(lambda: len(gateway.workers()) == 2, "old workers have gone")

    def test_reload(self):
        """It is known whichever worker saw it, and after reloads; where there
        is less room the last of it."""
        gateway = Gateway(self, size="1m")
        one, two = lives("one", "two")
        number = itertools.count(1)
        known = {"one": [], "two": []}
        for settings, all_of_it in (({}, True), ({"size": "8m"}, True),
                                    ({"size": "2m"}, True),
                                    ({"size": "256k"}, False)):
            for connection in gateway.connections():
                for life in (one, two) * 20:
                    callback = life.stream_create(f"stream {next(number)}")
                    self.assertEqual(200, connection.post(encode(callback))[0])
            before = {room: self.seen(gateway, room) for room in known}
            for room, callbacks in known.items():
                new = [callback["StreamSeq"] for callback in before[room]]
                self.assertEqual(sorted(new, reverse=True), new)
                self.assertEqual(callbacks, before[room][40:])
            gateway.reload(settings)
            self.settled(gateway)
            known = {room: self.seen(gateway, room) for room in known}
            for room, callbacks in known.items():
                if all_of_it:
                    self.assertEqual(before[room], callbacks)
                else:
                    self.assertLess(20, len(callbacks))
                    self.assertEqual(before[room][:len(callbacks)], callbacks)

        # nothing of it is lost by a test of the configuration
        self.assertEqual(0, gateway.test_config().returncode)
        self.assertEqual(known["one"], self.seen(gateway, "one"))

    def test_rebuild(self):
        """Nothing is left of it."""
        gateway = Gateway(self, workers=1, load=LOAD_FAULTS)
        gateway.expected += [DIED, LOCKED, REBUILT]
        one, two = lives("one", "two")
        connection = gateway.connect()
        for callback in one.room_create(), two.room_create():
            self.assertEqual(200, connection.post(encode(callback))[0])
        dying = one.stream_create("a")
        with self.assertRaises(OSError):
            connection.post(encode(dying | {"nonce": "die"}))
        self.assertEqual(200, gateway.connect().post(encode(dying))[0])
        self.assertEqual(["stream_create"], [
            callback["Event"] for callback in self.seen(gateway, "one")])
        self.assertEqual(404, gateway.get("explain/rooms/two")[0])
        room = gateway.json("explain/rooms/one")["SessionList"][0]
        self.assertFalse(room["Complete"])
        self.assertRegex(room["Why"], "before the zone was rebuilt")
        gateway.sound()

    def test_refused_by_its_store(self):
        """It is applied first, and then not answered with 200."""
        gateway = stored(self)
        gateway.expected += [GONE, NO_DIRECTORY]
        life, = lives("room")
        self.assertEqual(200, gateway.connect().post(
            encode(life.room_create()))[0])
        shutil.rmtree(gateway.root / "store")
        numbers = itertools.count()

        def refused():
            callback = life.stream_create(f"stream {next(numbers)}")
            return gateway.connect().post(encode(callback)) == REFUSED

        until(refused, "it is missed")
        last = self.seen(gateway, "room")[:2]
        self.assertEqual([("deferred", "store"), ("applied", None)], [
            (callback["Verdict"], callback["Reason"]) for callback in last])
        self.assertEqual(last[0]["StreamId"], last[1]["StreamId"])

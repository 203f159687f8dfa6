"""A zone filled to the brim."""

import itertools
import unittest

from callbacks import Life, encode, from_set
from gateway import Gateway, say, until

FULL = r'\[crit\] .* zego zone "rooms" is full'


class Full(unittest.TestCase):
    def test_full(self):
        gateway = Gateway(self, size="1m", horizon="1s")
        gateway.expected.append(FULL)
        connections = itertools.cycle(gateway.connections(1))
        clock = itertools.count(1700000000000)
        lives = (Life(f"room {number:06}", number, clock)
                 for number in itertools.count(1))
        accepted, open_rooms, refused = [], [], 0

        def post(callback):
            nonlocal refused
            answer = next(connections).post(encode(callback))
            if answer == (200, b""):
                accepted.append(callback)
                return True
            self.assertEqual((503, b'{"Reason":"memory"}'), answer)
            refused += 1

        def fill(rooms):
            for life in itertools.islice(lives, rooms):
                post(life.room_create()) and open_rooms.append(life)
                post(life.login("u", 1))
                post(life.stream_create("a"))

        while not refused:
            fill(1)
        first = len(open_rooms) - 1         # all of these came in
        while refused < 300:
            fill(1)
        gateway.check(from_set(accepted))
        before = gateway.version()
        fill(20)
        self.assertEqual(before, gateway.version())
        self.assertEqual(refused, gateway.metric("zego_zone_full_total"))
        self.assertEqual(0, gateway.metric("zego_evictions_total"))
        seconds = [line[:19] for line in gateway.logged(FULL)]
        self.assertTrue(seconds)
        self.assertEqual(len(set(seconds)), len(seconds))

        half = first // 2
        for life in open_rooms[:half]:
            self.assertTrue(post(life.room_close()))
        gateway.check(from_set(accepted))
        until(lambda: gateway.metric("zego_tombstones") == 0, "expired")
        refusals = refused
        fill(half)
        self.assertEqual(refusals, refused)
        # what was freed is not known any more, and is of rooms closed
        gateway.check(from_set(accepted))
        for life in open_rooms[half:]:
            self.assertTrue(post(life.room_close()))
        until(lambda: gateway.metric("zego_tombstones") == 0, "expired")
        fill(first)
        gateway.check(from_set(accepted))
        self.assertEqual(refusals, refused)
        say(f"{first} rooms fit, {refused} refused, "
            f"{len(accepted)} accepted")

"""Clocks that jump."""

import itertools
import random
import unittest

import faketime
from callbacks import Life, carried, encode, from_set, of_world
from faketime import DAY, HOUR, MINUTE, Clock
from gateway import (CONFIG, HTTP, LOAD_FAULTS, ROUNDS, SEED, Gateway, say,
                     until)

HORIZON = HOUR

JUMPS = [sign * jump for sign in (1, -1)
         for jump in (1, MINUTE, 10 * MINUTE, 40 * MINUTE, 2 * HOUR, DAY,
                      30 * DAY)]


@unittest.skipUnless(faketime.FOUND, "no faketime")
class Clocks(unittest.TestCase):
    def setUp(self):
        say(f"ZEGO_SEED={SEED}")
        self.rng = random.Random(SEED)
        self.world = of_world(self.rng, "room ", rooms=20)
        self.delivered = []

    def gateway(self, clock, **settings):
        return Gateway(self, nginx=clock.nginx, **{
            "load": LOAD_FAULTS + faketime.LOAD,
            "horizon": f"{HORIZON}s"} | settings)

    def in_order(self, gateway, callbacks):
        self.delivered += callbacks
        gateway.deliver([gateway.connect()], [map(encode, callbacks)])
        gateway.check(from_set(self.delivered))

    def leg(self, gateway, recent):
        """News in any order, and again some of what cannot be forgotten."""
        some = list(carried(self.rng, itertools.islice(self.world, 200), 50))
        self.delivered += some
        recent += some
        again = self.rng.choices(recent, k=200)
        connections = gateway.connections(1)
        for callbacks in some, again:
            bodies = [encode(callback) for callback in callbacks]
            gateway.deliver(connections, [bodies[::2], bodies[1::2]])
        for connection in connections:
            connection.close()
        gateway.check(from_set(self.delivered))
        gateway.sound()

    def expired(self, gateway, clock=None):
        """The newer of a key may wait once more for the older."""
        def all_gone():
            if clock:
                clock.set(clock.greatest + HORIZON)
            return gateway.metric("zego_tombstones") == 0

        until(all_gone, "expired")
        self.assertEqual(0, gateway.metric("zego_evictions_total"))
        gateway.check(from_set(self.delivered))

    def test_wall_clock(self):
        """Nothing is kept for shorter or for longer."""
        clock = Clock(self, wall=True)
        gateway = self.gateway(clock)
        for _ in range(20 * ROUNDS):
            self.leg(gateway, self.delivered[:])
            clock.jump(self.rng.choice(JUMPS))
        tombstones = gateway.metric("zego_tombstones")
        self.assertGreater(tombstones, 0)
        gateway.sound()
        gateway.end()

        say(f"{len(self.delivered)} callbacks, {tombstones} tombstones kept")
        self.delivered = []
        world = of_world(self.rng, "other ")
        gateway = self.gateway(clock, horizon="1s")
        for jump in 3 * DAY, -3 * DAY, HOUR, -HOUR:
            self.in_order(gateway, list(itertools.islice(world, 300)))
            clock.jump(jump)
            self.expired(gateway)
        gateway.sound()

    def test_both_clocks(self):
        """Where the monotonic clock goes back, time stands still until it is
        where it was."""
        clock = Clock(self)
        gateway = self.gateway(clock)
        recent, since = [], clock.greatest
        for _ in range(30 * ROUNDS):
            self.leg(gateway, recent)
            clock.jump(self.rng.choice(JUMPS))
            if self.rng.random() < .2:
                self.expired(gateway, clock)
            if clock.greatest - since > HORIZON - 10 * MINUTE:
                # what is closed may be forgotten
                recent, since = [], clock.greatest
        say(f"{len(self.delivered)} callbacks")

        # a zone of another size goes on from what the clock is now
        self.leg(gateway, recent)
        clock.jump(-30 * DAY)
        gateway.reload({"size": "20m"})
        until(lambda: len(gateway.workers()) == 2, "old workers have gone")
        self.leg(gateway, recent)
        clock.greatest = clock.ahead
        self.expired(gateway, clock)
        gateway.sound()

    def test_max_age(self):
        for wall in True, False:
            with self.subTest(wall=wall):
                clock = Clock(self, wall)
                gateway = self.gateway(clock, config=(CONFIG + HTTP).replace(
                    "zego_callback zone=rooms",
                    "zego_callback max_age=10m zone=rooms"))
                life = Life("room", 1, itertools.count(1700000000000))
                accepted = [life.room_create()
                            | {"timestamp": clock.time()}]
                connection = gateway.connect()
                self.assertEqual(200,
                                 connection.post(encode(accepted[0]))[0])
                for number in range(30 * ROUNDS):
                    clock.jump(self.rng.choice(JUMPS))
                    age = self.rng.choice([0, 9, -9, 11, -11, 5000, -5000])
                    callback = life.stream_create(f"stream {number}") | {
                        "timestamp": clock.time() - age * MINUTE}
                    answer = gateway.connect().post(encode(callback))
                    if abs(age) < 10:
                        self.assertEqual((200, b""), answer, age)
                        accepted.append(callback)
                    else:
                        self.assertEqual((403, b'{"Reason":"age"}'), answer,
                                         age)
                gateway.check(from_set(accepted))
                gateway.end()

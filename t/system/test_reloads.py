"""Reloads and resizes while callbacks come in."""

import itertools
import random
import threading
import unittest

from callbacks import Life, carried, encode, from_order, from_set, of_world
from gateway import ROUNDS, SAMPLE, SEED, Gateway, Vendor, say, until


class Watch:
    """Reads the version on and on: one epoch, and no way back."""

    def __init__(self, gateway):
        self.gateway, self.stopping, self.wrong = gateway, False, []
        self.reads = 0
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self):
        last = None
        while not self.stopping:
            try:
                version = self.gateway.version()
            except OSError:
                continue
            if version and last and (version[0] != last[0]
                                     or version[1] < last[1]):
                self.wrong.append((last, version))
            self.reads += 1
            last = version or last

    def stop(self):
        self.stopping = True
        self.thread.join()


def passing(room):
    """Streams that are closed soon, and never come again."""
    life = Life(room, 1, itertools.count(1700000000000))
    yield life.room_create()
    for number in itertools.count():
        yield life.stream_create(f"stream {number}")
        if number > 50:
            yield life.stream_close(f"stream {number - 50}")


class Reloads(unittest.TestCase):
    def under_load(self, *changes, rounds=ROUNDS, in_order=False):
        say(f"ZEGO_SEED={SEED}")
        rng = random.Random(SEED)
        if in_order:
            # what is freed at once must not come back
            settings, truth = {"horizon": "1ms"}, from_order
            sources = [passing(f"room {letter}") for letter in "abcdefgh"]
        else:
            settings, truth = {}, from_set
            sources = [carried(rng, of_world(rng, "room ", rooms=40), 100)] * 4
        self.gateway = gateway = Gateway(self, size="40m", **settings)
        vendor = Vendor(gateway, sources)
        watch = Watch(gateway)
        for change in changes * rounds:
            enough = len(vendor.accepted) + 400
            until(lambda: len(vendor.accepted) > enough, "callbacks come in")
            change()
        vendor.stop()
        watch.stop()
        say(f"{gateway.count(': reconfiguring')} reloads, "
            f"{len(vendor.accepted)} callbacks, answers "
            f"{dict(vendor.answers)}, {watch.reads} versions")
        self.assertEqual(([], []), (vendor.lost, watch.wrong[:3]))
        gateway.check(truth(vendor.accepted))
        self.assertEqual(0, gateway.metric("zego_rebuilds_total"))

    def to(self, *sizes):
        return lambda: self.gateway.reload(*({"size": size}
                                             for size in sizes))

    def test_reload(self):
        self.under_load(*[self.to("40m")] * 8, self.to("40m", "40m"))

    def test_resize(self, **options):
        self.under_load(
            self.to("32m"), self.to("48m"), self.to("36m"), self.to("40m"),
            self.to("28m", "44m"), self.to("52m", "30m"),
            self.to("50m", "50m"), self.to("28m"), self.to("40m"), **options)
        self.assertEqual(40 << 20,
                         self.gateway.metric("zego_zone_size_bytes"))

    def test_resize_with_short_horizon(self):
        self.test_resize(rounds=max(3 * ROUNDS // SAMPLE, 1), in_order=True)

    def fill(self, gateway, rooms=400):
        clock = itertools.count(1700000000000)
        callbacks = []
        for number in range(rooms):
            life = Life(f"room {number}", 10 ** 9 + number, clock)
            callbacks += [life.room_create(), life.login("u", 1)] + [
                life.stream_create(f"stream {n}") for n in range(4)]
        gateway.deliver(gateway.connections(1),
                        [[*map(encode, callbacks)]])
        return from_set(callbacks)

    def test_too_small(self):
        gateway = Gateway(self, size="8m")
        truth = self.fill(gateway)
        before = gateway.version()
        refusal = (r'\[emerg\] .* zego zone "rooms" is too small for its '
                   "400 rooms, 1600 streams and 400 users")
        gateway.expected.append(refusal)
        for number in 1, 2:
            gateway.configure(size="128k")
            gateway.hup()
            until(lambda: gateway.count(refusal) == number, "refused")
            gateway.check(truth)
            self.assertEqual(before, gateway.version())
        # it goes on, and finds the zone it had for a size that will do
        another = Life("another", 1, itertools.count(1)).room_create()
        gateway.deliver([gateway.connect()], [[encode(another)]])
        truth |= from_set([another])
        gateway.check(truth)
        gateway.reload({"size": "4m"})
        gateway.check(truth)
        self.assertEqual(4 << 20, gateway.metric("zego_zone_size_bytes"))
        self.assertEqual((before[0], before[1] + 1), gateway.version())

    def test_test_config(self):
        """nginx -t beside it, of the same and of another size."""
        gateway = Gateway(self, size="8m")
        truth = self.fill(gateway)
        before = gateway.version(), gateway.get("metrics")
        for size in "8m", "16m", "128k":
            gateway.configure(size=size)
            result = gateway.test_config()
            self.assertEqual(0, result.returncode, result.stderr)
            self.assertEqual(before,
                             (gateway.version(), gateway.get("metrics")))
        gateway.check(truth)

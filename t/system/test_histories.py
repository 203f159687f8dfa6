"""Long histories, shuffled and repeated."""

import itertools
import random
import unittest

from callbacks import carried, encode, from_order, from_set, of_world
from gateway import ROUNDS, SEED, Gateway, say

HISTORIES = 40 * ROUNDS
EVENTS = 400


class Histories(unittest.TestCase):
    def test_histories(self):
        say(f"ZEGO_SEED={SEED}")
        rng = random.Random(SEED)
        gateway = Gateway(self, size="64m")
        connections = gateway.connections(3)
        truth, posts = {}, []
        for number in range(HISTORIES):
            tidy = number % 2 == 0
            events = list(itertools.islice(
                of_world(rng, f"room {number}-", tidy=tidy), EVENTS))
            end = from_set(events)
            if tidy:
                self.assertEqual(from_order(events), end)
            truth |= end
            # as bad as a network, or any order
            posts += [encode(callback, rng.choice(("json", "percent", "form")))
                      for callback in carried(rng, events,
                                              rng.choice((20, EVENTS * 2)))]
        gateway.deliver(connections, [posts[place::len(connections)]
                                      for place in range(len(connections))])
        gateway.check(truth)
        say(f"{HISTORIES} histories of {EVENTS} events, {len(posts)} posts, "
            f"{len(truth)} rooms live")

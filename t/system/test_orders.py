"""Every order of small scenarios, and with one callback repeated."""

import itertools
import json
import math
import random
import unittest

from callbacks import Life, encode, from_order
from gateway import ROUNDS, SAMPLE, SEED, Gateway, say

LIMIT = max(4000 * ROUNDS // SAMPLE, 400)   # orders of one scenario


def scenarios():
    clock = itertools.count(1700000000000)

    def lives(number):
        return [Life("ROOM", session, clock)
                for session in range(858012925204410401,
                                     858012925204410401 + number)]

    for created in False, True:
        def begin(life):
            return [life.room_create()] if created else []
        of = ", of a created room" if created else ""

        a, = lives(1)
        yield "create/close" + of, begin(a) + [
            a.stream_create("a"), a.stream_close("a")]
        a, = lives(1)
        yield "create/close/create" + of, begin(a) + [
            a.stream_create("a"), a.stream_close("a"), a.stream_create("a")]
        a, = lives(1)
        yield "create/close twice" + of, begin(a) + [
            a.stream_create("a"), a.stream_close("a"),
            a.stream_create("a"), a.stream_close("a")]
        a, = lives(1)
        yield "two streams" + of, begin(a) + [
            a.stream_create("a"), a.stream_create("b"), a.stream_close("a"),
            a.stream_close("b"), a.stream_create("a")]
        a, = lives(1)
        yield "login/logout twice" + of, begin(a) + [
            a.login("u", 1), a.logout("u", 1),
            a.login("u", 2), a.logout("u", 2)]
        a, = lives(1)
        yield "second device" + of, begin(a) + [
            a.login("u", 1), a.login("u", 2), a.logout("u", 1)]

    a, = lives(1)
    yield "room filled and closed", [
        a.room_create(), a.login("u", 1), a.stream_create("a"),
        a.login("v", 2), a.stream_close("a"), a.logout("u", 1),
        a.room_close()]
    a, b = lives(2)
    yield "room closed and reopened", [
        a.room_create(), a.stream_create("a"), a.stream_close("a"),
        a.room_close(), b.room_create(), b.stream_create("a"),
        b.stream_close("a"), b.stream_create("a")]
    a, b = lives(2)
    yield "streams only", [
        a.stream_create("a"), a.stream_create("b"), a.stream_close("a"),
        b.stream_create("a"), b.stream_create("b"), b.stream_close("b")]
    a, b, c = lives(3)
    yield "room events only", [
        a.room_create(), a.room_close(), b.room_create(), b.room_close(),
        c.room_create()]
    a, b, c = lives(3)
    yield "three lives", [
        a.room_create(), a.stream_create("a"), a.room_close(),
        b.room_create(), b.login("u", 1), b.room_close(),
        c.room_create(), c.stream_create("a")]


def orders(rng, number):
    """Of 0, 1, … up to number."""
    once = list(range(number))
    several = [once] + [once + [again] for again in once]
    if math.factorial(number) * (1 + number * (number + 1) // 2) <= LIMIT:
        return sorted({order for some in several
                       for order in itertools.permutations(some)})
    found = set()
    while len(found) < LIMIT:
        some = rng.choice(several)
        found.add(tuple(rng.sample(some, len(some))))
    return sorted(found)


class Orders(unittest.TestCase):
    def test_orders(self):
        say(f"ZEGO_SEED={SEED}")
        rng = random.Random(SEED)
        gateway = Gateway(self, size=f"{96 * ROUNDS}m")
        connections = gateway.connections(2)
        number = len(connections)
        queues = [[] for _ in connections]
        waiting, truth = [], {}
        for name, callbacks in scenarios():
            bodies = [encode(callback) for callback in callbacks]
            end = json.dumps(list(from_order(callbacks).values()))
            some = orders(rng, len(bodies))
            say(f"{len(some):6} {name}")
            for order in some:
                place = len(truth)
                room = f"room {place}"
                ordered = [bodies[step].replace(b"ROOM", room.encode())
                           for step in order]
                truth[1, room] = json.loads(end.replace("ROOM", room))
                if rng.random() < .1:
                    waiting.append(ordered)
                else:
                    queues[place % number] += ordered
        gateway.deliver(connections, queues)

        # each next one on another connection, after all have been answered
        for step in range(max(map(len, waiting))):
            queues = [[] for _ in connections]
            for place, ordered in enumerate(waiting):
                queues[(place + step) % number] += ordered[step:step + 1]
            gateway.deliver(connections, queues)

        gateway.check({room: some[0] for room, some in truth.items() if some})
        say(f"{len(truth)} orders, none wrong")
        self.assertGreaterEqual(len(truth), 5 * LIMIT)

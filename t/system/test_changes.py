"""A backend that is told of changes only, and is as simple as can be."""

import errno
import itertools
import os
import random
import signal
import threading
import unittest

import faketime
from backend import Backend, Naive, entries
from callbacks import Life, carried, encode, from_set
from disk import FAILED, Stored, needs_disk
from gateway import (LOAD_FAULTS, ROUNDS, SAMPLE, SEED, Gateway, Vendor,
                     free_port, say, until)

CHANGES = "zego_callback zone=rooms pass=changes;"

LOCATION = """
location = /told {
    %s
    proxy_pass http://127.0.0.1:%d;
    proxy_read_timeout 10s;
    proxy_ignore_client_abort %s;
    access_log access.log;
}
location @fine {
    return 200 fine;
    access_log access.log;
}
"""


def lived(rng, life, length, ends):
    """All of one life of a room; what is there when it ends is closed, too,
    before the room or after."""
    yield life.room_create()
    streams, users = set(), {}
    ids = itertools.count(life.session * 1000)
    for _ in range(length):
        stream, user = f"stream {rng.randrange(3)}", f"user {rng.randrange(3)}"
        if rng.random() < .5:
            if stream in streams:
                streams.remove(stream)
                yield life.stream_close(stream)
            else:
                streams.add(stream)
                yield life.stream_create(stream)
        elif user in users and rng.random() < .7:
            yield life.logout(user, users.pop(user))
        else:
            before, users[user] = users.get(user), next(ids)
            yield life.login(user, users[user])
            if before:
                yield life.logout(user, before)     # a second device
    if ends:
        closes = [life.stream_close(stream) for stream in sorted(streams)]
        closes += [life.logout(user, users[user]) for user in sorted(users)]
        closes.insert(rng.randrange(len(closes) + 1), life.room_close())
        yield from closes


def of_lives(rng, rooms, lives, length):
    """Several lives of each room, the rooms at the same time."""
    clock = itertools.count(1700000000000)
    def of_room(room):
        for number in range(lives):
            yield from lived(rng, Life(f"room {room}", 10 ** 6 * (room + 1)
                                       + number, clock), length,
                             number < lives - 1 or room % 2)
    sources = [of_room(room) for room in range(rooms)]
    while sources:
        source = rng.choice(sources)
        callback = next(source, None)
        if callback:
            yield callback
        else:
            sources.remove(source)


class Changes(unittest.TestCase):
    def setUp(self):
        say(f"ZEGO_SEED={SEED}")
        self.rng = random.Random(SEED)

    def gateway(self, directive, port, ignore="on", **settings):
        return Gateway(self, **{
            "workers": 4, "load": LOAD_FAULTS,
            "server": LOCATION % (directive, port, ignore)} | settings)

    def lives(self):
        return list(of_lives(self.rng, 40, 4, max(20 * ROUNDS // SAMPLE, 4)))

    def vendor(self, gateway, callbacks):
        source = carried(self.rng, iter(callbacks), 60, .3)
        return Vendor(gateway, [source] * 64, path="/told")

    def wrong(self, gateway, vendor, callbacks, backend):
        """The entries of the backend's list that are, in the end."""
        vendor.join()
        self.assertEqual([], vendor.lost)
        truth = from_set(callbacks)
        if "zego" in gateway.settings["server"]:
            gateway.check(truth)
            gateway.sound()
        wrong = entries(truth) ^ backend.list
        say(f"{len(callbacks)} callbacks, {backend.applied} told, {len(wrong)} "
            f"of {len(entries(truth))} entries wrong, {dict(vendor.answers)}")
        gateway.end()
        backend.close()
        return wrong

    def sent(self, directive, clears=False, **settings):
        backend = Naive(self, random.Random(SEED), clears)
        gateway = self.gateway(directive, backend.port, **settings)
        callbacks = self.lives()
        return self.wrong(gateway, self.vendor(gateway, callbacks), callbacks,
                          backend)

    def test_changes(self):
        for clears, horizon in (False, "5m store=store"), (True, "5m"):
            with self.subTest(clears=clears, horizon=horizon):
                self.assertEqual(set(), self.sent(CHANGES, clears,
                                                  horizon=horizon))

    @unittest.skipIf(SAMPLE > 1, "of the backend, not of the module")
    def test_without(self):
        """What the same backend makes of all callbacks."""
        for directive in "zego_callback zone=rooms pass;", "":
            self.assertNotEqual(set(), self.sent(directive))

    def test_once(self):
        """However many say so at the same time, at all workers."""
        backend = Backend(self)
        gateway = self.gateway(CHANGES, backend.port,
                               horizon="5m store=store")
        life = Life("room", 1, itertools.count(1700000000000))
        connections = gateway.connections()
        bodies = [encode(life.stream_create(f"{n}")) for n in range(100)]
        for body in bodies:
            for connection in connections:
                connection.send(body, path="/told")
            for connection in connections:
                self.assertEqual(200, connection.answer()[0])
        self.assertEqual(bodies, [body for _, _, body in backend.requests])

    def test_down_and_up(self):
        """While the zone is reloaded and resized; what a worker has on its way
        then is waited for by all."""
        port = free_port()
        gateway = self.gateway(CHANGES, port, size="16m")
        callbacks = self.lives()
        vendor = self.vendor(gateway, callbacks)
        until(lambda: vendor.answers[502] > 50, "it is down")
        gateway.reload({})
        backend = Naive(self, random.Random(SEED), port=port)
        for settings in {}, {"size": "20m"}, {}:
            enough = len(vendor.accepted) + 400
            until(lambda: len(vendor.accepted) > enough, "callbacks come in")
            gateway.reload(settings)
        self.assertEqual(set(), self.wrong(gateway, vendor, callbacks,
                                           backend))

    def test_killed(self):
        """A worker, while it waits for the backend."""
        backend = Backend(self)
        gateway = self.gateway(CHANGES, backend.port)
        gateway.expected.append(r"exited on signal 9")
        backend.pause = threading.Event()
        life = Life("room", 1, itertools.count(1700000000000))
        created = life.stream_create("a")
        killed, other = gateway.connections()[:2]
        pid = killed.worker()
        killed.send(encode(created), path="/told")
        until(lambda: len(backend.requests) == 1, "it is told")
        other.send(encode(created), path="/told")
        until(lambda: gateway.metric("zego_deliveries_held_total"), "held")
        os.kill(pid, signal.SIGKILL)
        backend.pause.set()
        self.assertEqual(200, other.answer()[0])
        self.assertEqual(2, len(backend.requests))
        # it has been told
        self.assertEqual((200, b""), other.post(encode(created),
                                                path="/told"))
        self.assertEqual(2, len(backend.requests))

    def test_order(self):
        """The close waits for the create, at whichever worker, and a client
        that goes away meanwhile leaves nothing behind."""
        backend = Backend(self)
        gateway = self.gateway(CHANGES, backend.port)
        backend.pause = threading.Event()
        life = Life("room", 1, itertools.count(1700000000000))
        callbacks = [life.stream_create("a"), life.stream_close("a")]
        bodies = [*map(encode, callbacks)]
        first, second, third, fourth = gateway.connections()[:4]
        first.send(bodies[0], path="/told")
        until(lambda: len(backend.requests) == 1, "it is told")

        def held(number):
            until(lambda: gateway.metric("zego_deliveries_held_total")
                  == number, "held")

        second.send(bodies[1], path="/told")
        held(1)
        # the create is not what the list says any more
        self.assertEqual((200, b""), third.post(bodies[0], path="/told"))
        fourth.send(bodies[1], path="/told")
        held(2)
        fourth.close()
        self.assertEqual(1, len(backend.requests))
        backend.pause.set()
        self.assertEqual(200, first.answer()[0])
        self.assertEqual(200, second.answer()[0])
        self.assertEqual(bodies, [body for _, _, body in backend.requests])
        gateway.check({})

    @unittest.skipUnless(faketime.FOUND, "libfaketime")
    def test_slow(self):
        """What takes long is waited for as long as its worker lives."""
        clock = faketime.Clock(self)
        backend = Backend(self)
        gateway = self.gateway(CHANGES, backend.port, nginx=clock.nginx,
                               load=LOAD_FAULTS + faketime.LOAD)
        backend.pause = threading.Event()
        life = Life("room", 1, itertools.count(1700000000000))
        first, second = gateway.connections()[:2]
        gets = gateway.connections()
        first.send(encode(life.stream_create("a")), path="/told")
        until(lambda: len(backend.requests) == 1, "it is told")
        second.send(encode(life.stream_close("a")), path="/told")
        until(lambda: gateway.metric("zego_deliveries_held_total"), "held")
        for _ in range(3):
            clock.jump(3)
            for connection in 2 * gets:     # the timers of each have expired
                connection.worker()
        self.assertEqual(1, len(backend.requests))
        backend.pause.set()
        self.assertEqual(200, first.answer()[0])
        self.assertEqual(200, second.answer()[0])
        self.assertEqual(2, len(backend.requests))

    def test_error_page(self):
        """What it makes of the backend's answer is for the client only."""
        backend = Backend(self)
        gateway = self.gateway(CHANGES + """
            proxy_intercept_errors on;
            error_page 500 =200 @fine;""", backend.port)
        backend.status = 500
        created = Life("room", 1, itertools.count(1700000000000)
                       ).stream_create("a")
        for number in 1, 2:
            self.assertEqual((200, b"fine"), gateway.connect().post(
                encode(created), path="/told"))
            self.assertEqual(number, len(backend.requests))

    @needs_disk
    def test_fields(self):
        """An entry is told again when anything of it has changed, also if the
        disk fails between the change and its delivery."""
        backend = Backend(self)
        gateway = Stored(self, horizon="5m store=store", workers=1,
                         server=LOCATION % (CHANGES, backend.port, "on"))
        created = Life("room", 1, itertools.count(1700000000000)
                       ).stream_create("a")
        connection = gateway.connect()

        def told(callback):
            """By how many requests it has been."""
            self.assertEqual((200, b""), connection.post(encode(callback),
                                                         path="/told"))
            return len(backend.requests)

        self.assertEqual([1, 1], [told(created), told(created)])
        gateway.settle()
        renamed = created | {"user_name": "a longer name"}
        self.assertEqual([2, 2], [told(renamed), told(renamed)])

        renamed = created | {"user_name": "a name longer still"}
        gateway.expected.append(FAILED + "writing to it failed")
        gateway.disk.dsync.fail(errno.EIO, 1)
        self.assertEqual(503, connection.post(encode(renamed),
                                              path="/told")[0])
        self.assertEqual(2, len(backend.requests))
        until(lambda: connection.post(encode(renamed), path="/told")[0] == 200,
              "the disk is back")
        self.assertEqual(3, len(backend.requests))

    def test_left(self):
        """The request ends, and nothing says so to the backend, which may take
        what it was told."""
        for directive, settings in (
                (CHANGES, {}),
                (CHANGES + "post_action @fine;", {}),
                (CHANGES, {"load": LOAD_FAULTS
                           + "worker_shutdown_timeout 100ms;"})):
            with self.subTest(directive=directive, settings=settings):
                self.left(directive, settings)

    def left(self, directive, settings):
        backend = Backend(self)
        gateway = self.gateway(directive, backend.port, "off", **settings)
        backend.pause = threading.Event()
        life = Life("room", 1, itertools.count(1700000000000))
        callbacks = [life.stream_create("a"), life.stream_close("a")]
        first = gateway.connect()
        first.send(encode(callbacks[0]), path="/told")
        until(lambda: len(backend.requests) == 1, "it is told")
        if settings:
            gateway.reload({})
            with self.assertRaises(OSError):
                first.answer()
        else:
            first.close()
            until((gateway.root / "access.log").read_text, "it has left")
        second = gateway.connections()[0]
        second.send(encode(callbacks[1]), path="/told")
        until(lambda: gateway.metric("zego_deliveries_held_total"), "held")
        self.assertEqual(1, len(backend.requests))
        backend.pause.set()
        self.assertEqual(200, second.answer()[0])
        self.assertEqual(2, len(backend.requests))
        gateway.end()

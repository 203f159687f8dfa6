"""A list of many streams, and a reader that is slow."""

import contextlib
import http.client
import itertools
import json
import signal
import time
import unittest

from callbacks import Life, encode, from_set
from gateway import DEADLINE, Gateway, say, until

STREAMS = 20000


class BigList(unittest.TestCase):
    def setUp(self):
        # one worker does it all, and keeps little of an answer for itself
        self.gateway = Gateway(self, workers=1, size="48m",
                               listen="sndbuf=16k")
        self.life = Life("big", 1, itertools.count(1700000000000))
        self.names = [f"stream {number:05}" for number in range(STREAMS)]
        self.callbacks = [self.life.room_create(),
                          *map(self.life.stream_create, self.names)]
        self.connection = self.gateway.connect()
        self.gateway.deliver([self.connection],
                             [[*map(encode, self.callbacks)]])

    def post(self, callback):
        self.callbacks.append(callback)
        self.assertEqual((200, b""), self.connection.post(encode(callback)))

    def read(self, step):
        """The list, read in small pieces, with a step after each."""
        slow = http.client.HTTPConnection("127.0.0.1")
        slow.sock = self.gateway.connect(rcvbuf=4096).socket
        with contextlib.closing(slow):
            slow.request("GET", "/zego/rooms/big")
            response = slow.getresponse()
            self.assertEqual(200, response.status)
            pieces = []
            while piece := response.read(16384):
                pieces.append(piece)
                step(len(pieces))
        self.pieces = len(pieces)
        return json.loads(b"".join(pieces))

    def test_callbacks_meanwhile(self):
        longest = 0.0
        names = iter(self.names[::20])

        def step(number):
            nonlocal longest
            begun = time.monotonic()
            self.post(self.life.stream_create(f"new {number}"))
            if name := next(names, None):
                gone.add(name)
                self.post(self.life.stream_close(name))
            longest = max(longest, time.monotonic() - begun)

        gone = set()
        room = self.read(step)
        listed = [stream["StreamId"] for stream in room["StreamList"]]
        self.assertEqual(len(set(listed)), len(listed))
        self.assertEqual(set(), set(self.names) - gone - set(listed))
        self.assertEqual(set(), {name for name in listed
                                 if not name.startswith("new ")}
                         - set(self.names))
        self.assertTrue(room["Complete"])
        self.assertGreater(self.pieces, 100)
        self.assertLess(longest, 1)
        self.gateway.check(from_set(self.callbacks))
        say(f"{STREAMS} streams in {self.pieces} pieces, {len(gone)} closed "
            f"meanwhile, two callbacks took {longest * 1000:.1f} ms at most")

    def test_closed_meanwhile(self):
        room = self.read(lambda number: number == 20 and self.post(
            self.life.room_close()))
        self.assertFalse(room["Complete"])
        listed = [stream["StreamId"] for stream in room["StreamList"]]
        self.assertEqual(self.names[:len(listed)], sorted(listed))
        self.assertLess(len(listed), STREAMS // 2)
        self.assertEqual(404, self.gateway.get("rooms/big")[0])
        say(f"{len(listed)} of {STREAMS} streams were read before the end")

    def test_quit_meanwhile(self):
        def step(number):
            if number == 5:
                self.gateway.kill(signal.SIGQUIT)
                until(lambda: self.gateway.count("gracefully shutting down"),
                      "quitting")

        room = self.read(step)
        self.assertEqual(self.names, sorted(
            stream["StreamId"] for stream in room["StreamList"]))
        self.gateway.process.wait(DEADLINE)
        self.gateway.end()

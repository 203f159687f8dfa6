"""What nginx runs out of, and clients that go away."""

import itertools
import random
import shutil
import socket
import struct
import unittest

from callbacks import encode, from_set, of_world
from gateway import (CONFIG, HTTP, LOAD_FAULTS, ROUNDS, SEED, Gateway, Vendor,
                     say, until)

NO_ACCEPT = r"\[crit\] .* accept4?\(\) failed \(24: "
NO_FILE = r'\[crit\] .* open\(\) "[^"]*/body/\d+" failed \(24: '
NO_DIRECTORY = r'\[crit\] .* open\(\) "[^"]*/body/\d+" failed \(2: '
NO_CONNECTION = r"\[alert\] %s#.* \d+ worker_connections are not enough"

# a body above it is in a file
BUFFER = "client_body_buffer_size 1k;"


def padded(callback, size=4096):
    return encode(callback) + b" " * size


class Exhaustion(unittest.TestCase):
    def setUp(self):
        say(f"ZEGO_SEED={SEED}")
        self.rng = random.Random(SEED)
        self.world = of_world(self.rng, "room ", rooms=20)
        self.accepted = []

    def take(self, number):
        return list(itertools.islice(self.world, number))

    def sent(self, connection, callback, answer, pad=0):
        self.assertEqual(answer,
                         connection.post(padded(callback, pad))[0])
        if answer == 200:
            self.accepted.append(callback)

    def right(self, gateway):
        gateway.check(from_set(self.accepted))
        gateway.sound()

    def begin(self, gateway, callback, headers=b"", part=b""):
        """A connection on which it was said how long the body will be."""
        connection = gateway.connect()
        connection.socket.sendall(
            b"POST /callback HTTP/1.1\r\nHost: t\r\n%b"
            b"Content-Length: %d\r\n\r\n%b" % (
                headers, len(padded(callback, 4096)), part))
        return connection

    def test_descriptors(self):
        """Gone with connections, and with bodies in files."""
        gateway = Gateway(self, workers=1, server=BUFFER, load=LOAD_FAULTS
                          + "worker_rlimit_nofile 40;")
        gateway.expected += [NO_ACCEPT, NO_FILE]
        kept = gateway.connect()
        for callback in self.take(100):
            self.sent(kept, callback, 200)

        refused = 0
        for _ in range(10 * ROUNDS):
            # idle ones first, so that no file can be had at all
            idle = [gateway.connect() for _ in range(60)]
            accepts = gateway.count(NO_ACCEPT)
            until(lambda: gateway.count(NO_ACCEPT) > accepts, "no accept")
            for callback in self.take(5):
                self.sent(kept, callback, 200)
            late, = self.take(1)
            self.sent(kept, late, 500, 4096)
            kept.close()
            for connection in idle:
                connection.close()
            kept = gateway.connect()
            self.sent(kept, late, 200, 4096)

            # now bodies: some are read to the end, some find no file
            callbacks = self.take(18)
            begun = [self.begin(gateway, callback, b"Expect: 100-continue\r\n")
                     for callback in callbacks]
            for connection in begun:
                self.assertIn(b" 100 ", connection.file.readline())
                connection.file.readline()
            for connection, callback in zip(begun, callbacks):
                connection.socket.sendall(padded(callback, 4095))
            until(lambda: gateway.count(NO_FILE) > refused, "no file")
            for connection in begun:
                connection.socket.sendall(b" ")
            for connection, callback in zip(begun, callbacks):
                status = connection.answer()[0]
                self.assertIn(status, (200, 500))
                connection.close()
                if status == 200:
                    self.accepted.append(callback)
                else:
                    self.sent(kept, callback, 200)
            refused = gateway.count(NO_FILE)
        self.right(gateway)
        say(f"{len(self.accepted)} callbacks, {refused} found no file, "
            f"{gateway.count(NO_ACCEPT)} times no connection was accepted")

    def test_connections(self):
        gateway = Gateway(self, load=LOAD_FAULTS, server=BUFFER, config=(
            CONFIG + HTTP).replace("worker_connections 512",
                                   "worker_connections 16"))
        gateway.expected.append(NO_CONNECTION % r"\d+")

        def refused(pid):
            return gateway.count(NO_CONNECTION % pid)

        for _ in range(3 * ROUNDS):
            held = []
            for pid in gateway.workers():
                full = refused(pid) + 10
                while refused(pid) < full:
                    held.append(self.begin(gateway, *self.take(1), part=b"{"))
            callbacks = self.take(200)
            # those of one connection in order; any order is right
            vendor = Vendor(gateway, [iter(callbacks)] * 8)
            until(lambda: vendor.answers["ConnectionError"]
                  + vendor.answers["ConnectionResetError"] > 20, "refused")
            for connection in held:
                connection.close()
            vendor.join()
            self.assertEqual([], vendor.lost)
            self.accepted += vendor.accepted
            self.right(gateway)
        say(f"{len(self.accepted)} callbacks, "
            f"{gateway.count(gateway.expected[0])} connections refused")

    def test_temporary_files(self):
        gateway = Gateway(self, load=LOAD_FAULTS, server=BUFFER)
        gateway.expected.append(NO_DIRECTORY)
        path = gateway.root / "body"
        for _ in range(3 * ROUNDS):
            connections = gateway.connections(2)
            for connection in connections:
                for callback in self.take(5):
                    self.sent(connection, callback, 200, 4096)
            shutil.move(path, path.with_name("away"))
            for callback in self.take(40):
                connection = gateway.connect()
                self.sent(connection, callback, 500, 4096)
                self.sent(connection := gateway.connect(), callback, 200)
                connection.close()
            self.right(gateway)
            shutil.move(path.with_name("away"), path)
        for callback in self.take(20):
            self.sent(gateway.connect(), callback, 200, 4096)
        self.right(gateway)
        self.assertEqual([], list(path.iterdir()))

    def test_clients_that_die(self):
        """In the middle of a body, or when it could be read as a whole but
        for the length that was said."""
        gateway = Gateway(self, load=LOAD_FAULTS, server=BUFFER)
        connections = itertools.cycle(gateway.connections(2))
        workers = gateway.workers()
        reset = struct.pack("ii", 1, 0)         # SO_LINGER: at once
        for _ in range(500 * ROUNDS):
            body = padded(*self.take(1), self.rng.choice([1, 4096]))
            # not all of the spaces at the end
            size = self.rng.randrange(len(body))
            if self.rng.random() < .5:
                size = len(body) - 1
            head = b"Content-Length: %d\r\n\r\n" % len(body)
            part = body[:size]
            if self.rng.random() < .3:
                head = b"Transfer-Encoding: chunked\r\n\r\n"
                part = b"%x\r\n%b\r\n" % (size, part) if size else b""
            connection = gateway.connect()
            connection.socket.sendall(
                b"POST /callback HTTP/1.1\r\nHost: t\r\n%b%b" % (head, part))
            if self.rng.random() < .5:
                connection.socket.setsockopt(socket.SOL_SOCKET,
                                             socket.SO_LINGER, reset)
            connection.close()
            self.sent(next(connections), *self.take(1), 200)
        self.right(gateway)
        until(lambda: not list((gateway.root / "body").iterdir()),
              "files are removed")
        self.assertEqual(workers, gateway.workers())

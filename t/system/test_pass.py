"""In front of a backend, which gets what the module has taken."""

import itertools
import random
import unittest

from backend import Backend
from callbacks import carried, encode, from_set, of_world
from gateway import SEED, Gateway, Vendor, free_port, say, until

SERVER = """
client_max_body_size 1m;
location = /pass {
    zego_callback zone=rooms pass;
    proxy_pass http://127.0.0.1:%d;
    proxy_set_header X-Zego-Verdict $zego_verdict;
    %s
}
"""


def padded(callback, size):
    return encode(callback) + b" " * size


class Pass(unittest.TestCase):
    def setUp(self):
        say(f"ZEGO_SEED={SEED}")
        self.rng = random.Random(SEED)
        self.world = of_world(self.rng, "room ", rooms=20)

    def take(self, number):
        return list(itertools.islice(self.world, number))

    def taken(self, gateway):
        """How many callbacks were counted, whatever their verdict."""
        return sum(int(line.split()[-1]) for line in
                   gateway.get("metrics")[1].splitlines()
                   if line.startswith("zego_callbacks_total"))

    def test_every_byte(self):
        """Of bodies in a buffer, in two and in a file, buffered or not."""
        for more in ("", "client_body_buffer_size 1k;",
                     "proxy_request_buffering off;",
                     "proxy_request_buffering off; proxy_http_version 1.1;"
                     "client_body_buffer_size 1k;"):
            with self.subTest(more):
                self.every_byte(more)

    def every_byte(self, more):
        backend = Backend(self)
        gateway = Gateway(self, server=SERVER % (backend.port, more))
        connection = gateway.connect()
        callbacks = self.take(40)
        bodies = [padded(callback, size) for callback, size in zip(
            callbacks, itertools.cycle((0, 1, 500, 5000, 70000, 300000)))]
        for number, body in enumerate(bodies):
            if number % 3:
                head = b"Content-Length: %d\r\n\r\n" % len(body)
            else:
                size = self.rng.choice([1000, 7777, 100000])
                head = b"Transfer-Encoding: chunked\r\n\r\n"
            connection.socket.sendall(b"POST /pass HTTP/1.1\r\nHost: t\r\n"
                                      + head)
            if number % 3:
                connection.socket.sendall(body)
            else:
                for at in range(0, len(body), size):
                    part = body[at:at + size]
                    connection.socket.sendall(b"%x\r\n%b\r\n"
                                              % (len(part), part))
                connection.socket.sendall(b"0\r\n\r\n")
            self.assertEqual(200, connection.answer()[0])
        self.assertEqual(bodies, [body for _, _, body in backend.requests])
        self.assertEqual(len(bodies), self.taken(gateway))
        gateway.check(from_set(callbacks))
        gateway.end()

    def test_down_and_up(self):
        """What the backend did not take reaches it with a retry, a reload
        in between or not."""
        port = free_port()
        for store in "", " store=store":
            with self.subTest(store=store):
                self.down_and_up(port, "1h" + store)

    def down_and_up(self, port, horizon):
        gateway = Gateway(self, horizon=horizon, server=SERVER % (
            port, "proxy_connect_timeout 1s;"))
        callbacks = self.take(300)
        vendor = Vendor(gateway, [carried(self.rng, iter(callbacks), 50)] * 4,
                        path="/pass")
        until(lambda: vendor.answers[502] > 20, "it is down")
        self.assertEqual(0, vendor.answers[200])
        gateway.reload({"horizon": horizon})
        backend = Backend(self, port)
        until(lambda: vendor.answers[200] > 100, "it is up")
        backend.status = 500
        until(lambda: vendor.answers[500] > 20, "it fails")
        gateway.reload({"horizon": horizon})
        backend.status = 200
        vendor.join()
        self.assertEqual([], vendor.lost)
        self.assertEqual({encode(callback) for callback in callbacks},
                         {body for _, _, body in backend.requests})
        verdicts = {headers["X-Zego-Verdict"]
                    for _, headers, _ in backend.requests}
        self.assertLessEqual({"applied", "duplicate"}, verdicts)
        gateway.check(from_set(callbacks))
        say(f"answers {dict(vendor.answers)}, {verdicts}")
        gateway.end()
        backend.close()

"""In front of a backend, which gets what the module has taken."""

import itertools
import random
import shutil
import socket
import unittest

from backend import Backend, Behind
from callbacks import carried, encode, from_set, of_world
from gateway import (DEADLINE, SEED, Gateway, Vendor, free_port, http2,
                     post_http2, say, until)

SERVER = """
client_max_body_size 1m;
location = /pass {
    zego_callback zone=rooms pass;
    proxy_pass http://127.0.0.1:%d;
    proxy_set_header X-Zego-Verdict $zego_verdict;
    %s
}
"""

# how the body is kept, and whether it is to be
KEPT = ("", "client_body_buffer_size 1k;", "client_body_in_file_only clean;",
        "client_body_in_single_buffer on;", "proxy_request_buffering off;",
        "proxy_request_buffering off; proxy_http_version 1.1;"
        "client_body_buffer_size 1k;")


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
        for more in KEPT:
            with self.subTest(more):
                backend = Backend(self)
                gateway = Gateway(self, server=SERVER % (backend.port, more))
                self.every_byte(gateway, backend)
                gateway.end()

    def every_byte(self, gateway, backend):
        callbacks = self.take(40)
        bodies = [padded(callback, size) for callback, size in zip(
            callbacks, itertools.cycle((0, 1, 500, 5000, 70000, 300000)))]
        connection = gateway.connect()
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
        self.passed(gateway, backend, callbacks, bodies)

    def passed(self, gateway, backend, callbacks, bodies):
        """Taken once each, and as they came."""
        self.assertEqual(bodies, [body for _, _, body in backend.requests])
        self.assertEqual(len(bodies), self.taken(gateway))
        gateway.check(from_set(callbacks))

    @unittest.skipUnless(shutil.which("curl"), "no curl")
    def test_http2(self):
        """In one frame, in several, and in a file."""
        for more in KEPT:
            with self.subTest(more):
                backend, port = Backend(self), free_port()
                gateway = Gateway(self, server=http2(port) + SERVER
                                  % (backend.port, more))
                callbacks = self.take(6)
                bodies = [padded(callback, size) for callback, size in zip(
                    callbacks, itertools.cycle((0, 20000, 300000)))]
                for body in bodies:
                    post_http2(self, port, body, "/pass")
                self.passed(gateway, backend, callbacks, bodies)
                gateway.end()

    def test_grpc(self):
        """By HTTP/2 to the backend, whatever the client speaks."""
        backend, port, behind = Backend(self), free_port(), free_port()
        gateway = Gateway(self, http=f"""
            server {{
                {http2(behind)}
                client_max_body_size 1m;
                location / {{
                    proxy_pass http://127.0.0.1:{backend.port};
                }}
            }}
        """, server=f"""
            {http2(port)}
            client_max_body_size 1m;
            location = /pass {{
                zego_callback zone=rooms pass;
                grpc_pass grpc://127.0.0.1:{behind};
            }}
        """)
        self.every_byte(gateway, backend)
        if shutil.which("curl"):
            body = padded(self.take(1)[0], 300000)
            post_http2(self, port, body, "/pass")
            self.assertEqual(body, backend.requests[-1][2])
            self.assertEqual(len(backend.requests), self.taken(gateway))
        gateway.end()

    @unittest.skipUnless(shutil.which("uwsgi_python3"), "no uwsgi")
    def test_other_protocols(self):
        for protocol in "fastcgi", "scgi", "uwsgi":
            with self.subTest(protocol):
                backend = Backend(self)
                behind = Behind(self, backend, protocol)
                gateway = Gateway(self, server=f"""
                    client_max_body_size 1m;
                    location = /pass {{
                        zego_callback zone=rooms pass;
                        {protocol}_pass 127.0.0.1:{behind.port};
                        {protocol}_param CONTENT_LENGTH $content_length;
                        {protocol}_param REQUEST_METHOD $request_method;
                        {protocol}_param REQUEST_LINE $request;
                        {protocol}_param ZEGO_VERDICT $zego_verdict;
                    }}
                """)
                self.every_byte(gateway, backend)
                self.assertEqual({"POST /pass HTTP/1.1"}, {
                    headers["Line"] for _, headers, _ in backend.requests})
                self.assertIn("applied", {
                    headers["Verdict"] for _, headers, _ in backend.requests})
                gateway.end()

    def test_beside_others(self):
        """Each is asked once, and what is to get the body gets all of it."""
        backend, auth, mirror = (Backend(self) for _ in range(3))
        gateway = Gateway(self, http="limit_req_zone $server_port zone=all:1m "
                                     "rate=200r/s;",
                          server=SERVER % (backend.port, f"""
                satisfy any;
                deny all;
                auth_request /auth;
                limit_req zone=all burst=100;
                mirror /mirror;
            }}

            location = /auth {{
                internal;
                proxy_pass http://127.0.0.1:{auth.port};
                proxy_pass_request_body off;
                proxy_set_header Content-Length "";
            }}

            location = /mirror {{
                internal;
                proxy_pass http://127.0.0.1:{mirror.port};
        """))
        self.every_byte(gateway, backend)
        until(lambda: len(mirror.requests) >= len(backend.requests), "copied")
        self.assertEqual([body for _, _, body in backend.requests],
                         [body for _, _, body in mirror.requests])
        self.assertEqual([b""] * len(backend.requests),
                         [body for _, _, body in auth.requests])
        gateway.end()

    def test_unchanged(self):
        """What the backend gets is what it gets without the module."""
        backend, ports = Backend(self), (free_port(), free_port())
        location = "location / { %s proxy_pass http://127.0.0.1:%d; }"
        gateway = Gateway(self, http="".join(
            f"server {{ listen 127.0.0.1:{port};"
            f"{location % (ours, backend.port)} }}" for port, ours in zip(
                ports, ("zego_callback zone=rooms pass;", ""))))
        body = padded(self.take(1)[0], 3000)
        length = b"Content-Length: %d\r\n" % len(body)
        chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        requests = (
            (b"POST /a HTTP/1.1", length, body),
            (b"POST /a HTTP/1.0", length, body),
            (b"POST /%61/../b%2f?c=%2F&c=+&d HTTP/1.1", length, body),
            (b"POST /a HTTP/1.1", b"Transfer-Encoding: chunked\r\n", chunks),
            (b"POST /a HTTP/1.1", b"Expect: 100-continue\r\n" + length, body),
            (b"POST /a HTTP/1.1",
             b"Content-Type: Text/JSON;x=\"\xc3\xa9\"\r\nX-A: 1\r\nx-b:\r\n"
             b"X-A: 2\r\nCookie: a=b\r\nAuthorization: c\r\n" + length, body),
            (b"PUT /a HTTP/1.1", length, body),
            (b"GET /a HTTP/1.1", b"", b""))
        for line, headers, content in requests:
            for port in ports:
                with socket.create_connection(("127.0.0.1", port),
                                              DEADLINE) as client:
                    client.sendall(line + b"\r\nHost: t\r\n"
                                   b"Connection: close\r\n" + headers
                                   + b"\r\n" + content)
                    answer = client.makefile("rb").read()
                self.assertIn(b" 200 OK\r\n", answer)
            ours, plain = ((line, headers.items(), body)
                           for line, headers, body in backend.requests[-2:])
            self.assertEqual(plain, ours)
        self.assertEqual(6, self.taken(gateway))
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

"""Ways to run nginx that have surprised modules."""

import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import unittest

from callbacks import Life, encode, from_set
from gateway import (CONFIG, DEADLINE, HTTP, REPO, Gateway, free_port, http2,
                     post_http2, until)


class Modes(unittest.TestCase):
    def setUp(self):
        life = Life("room", 1, itertools.count(1700000000000))
        self.callbacks = [life.room_create(), life.login("u", 1),
                          life.stream_create("a"), life.stream_create("b"),
                          life.stream_close("b")]

    def posted(self, gateway):
        for callback in self.callbacks:
            self.assertEqual((200, b""),
                             gateway.connect().post(encode(callback)))
        gateway.check(from_set(self.callbacks))

    def test_single_process(self):
        gateway = Gateway(self, master="off", workers=1, size="8m")
        self.posted(gateway)
        gateway.end(signal.SIGQUIT)

    def test_without_http(self):
        gateway = Gateway(self)
        self.posted(gateway)
        epoch = gateway.version()[0]
        gateway.configure(config=CONFIG)
        result = gateway.test_config()
        self.assertEqual(0, result.returncode, result.stderr)
        gateway.reload({})
        until(lambda: gateway.count(r"worker process \d+ exited") == 2, "gone")
        gateway.reload({"config": CONFIG + HTTP})
        self.assertNotEqual(epoch, gateway.version()[0])
        self.assertEqual({}, gateway.rooms())
        self.posted(gateway)

    def test_zone_that_goes_and_comes(self):
        """Of the same name and size: a new list, not a stale one."""
        gateway = Gateway(self)
        self.posted(gateway)
        epoch = gateway.version()[0]
        for n, config in enumerate(((CONFIG + HTTP).replace("rooms", "other"),
                                    CONFIG + HTTP), 1):
            gateway.reload({"config": config})
            # those that still are there say that it has moved
            until(lambda: gateway.count(r"worker process \d+ exited") == 2 * n,
                  "gone")
            gateway.check({})
        self.assertNotEqual(epoch, gateway.version()[0])
        self.posted(gateway)

    def test_zone_that_goes_under_a_request(self):
        """What an old worker takes for it would be lost: no 200."""
        for config in CONFIG, (CONFIG + HTTP).replace("=rooms", "=other"):
            with self.subTest(config):
                gateway = Gateway(self)
                body = encode(self.callbacks[0])
                with socket.create_connection(("127.0.0.1", gateway.port),
                                              DEADLINE) as held:
                    held.sendall(b"POST /callback HTTP/1.1\r\nHost: a\r\n"
                                 b"Expect: 100-continue\r\n"
                                 b"Content-Length: %d\r\n\r\n" % len(body))
                    self.assertIn(b" 100 ", held.recv(100))
                    gateway.reload({"config": config})
                    held.sendall(body)
                    answer = held.makefile("rb").read()
                self.assertIn(b" 503 ", answer)
                self.assertIn(b'{"Reason":"moved"}', answer)
                gateway.end(signal.SIGQUIT)

    def test_zone_of_another_module(self):
        gateway = Gateway(self, http="limit_req_zone $host "
                                     "zone=other:1m rate=1r/s;")
        self.posted(gateway)
        gateway.reload({"config": (CONFIG + HTTP).replace("rooms", "other"),
                        "http": ""})
        until(lambda: gateway.count(r"worker process \d+ exited") == 2, "gone")
        self.assertEqual(1, gateway.count(
            r'\[warn\] .* zego zone "other" starts empty'))
        self.posted(gateway)

    def test_single_process_reloads(self):
        """Stock nginx stops serving then; it must not crash for us."""
        gateway = Gateway(self, master="off", workers=1, size="8m")
        self.posted(gateway)
        gateway.hup()
        until(lambda: gateway.count(": reconfiguring"), "reconfigured")
        gateway.configure(size="4m")
        gateway.hup()
        until(lambda: gateway.count(": reconfiguring") == 2, "reconfigured")
        gateway.configure(config=CONFIG)
        gateway.hup()
        until(lambda: gateway.count(": reconfiguring") == 3, "reconfigured")
        # longer than the timers of what was there before
        with self.assertRaises(subprocess.TimeoutExpired):
            gateway.process.wait(3)

    def test_quit(self):
        gateway = Gateway(self)
        self.posted(gateway)
        gateway.end(signal.SIGQUIT)

    @unittest.skipUnless(shutil.which("curl"), "no curl")
    def test_http2(self):
        port = free_port()
        gateway = Gateway(self, server=http2(port))
        # in one frame, in several, and in a file
        for size in 0, 20000, 200000:
            for callback in self.callbacks:
                post_http2(self, port,
                           encode(callback | {"title": "x" * size}))
        gateway.check(from_set(self.callbacks))

    def test_sender(self):
        secret = "a secret of the test"
        gateway = Gateway(self, http=f'zego_app 7 "secret={secret}";')
        path = gateway.root / "secret"
        path.write_text(secret)
        url = f"http://127.0.0.1:{gateway.port}"
        result = subprocess.run(
            [sys.executable, REPO / "tools/zego-callbacks", "--rooms", "10",
             "--lives", "2", "--appid", "7", "--secret-file", path,
             "--shuffle", "200", "--repeat", ".3", "--rate", "0",
             "--check", f"{url}/zego", f"{url}/callback"],
            capture_output=True, text=True, timeout=3 * DEADLINE,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
        self.assertEqual(0, result.returncode, result.stderr)
        self.assertIn("the list is right", result.stderr)

"""A backend behind the gateway, as a server of its own."""

import contextlib
import http.server
import json
import os
import pathlib
import socket
import subprocess
import threading
import time

from gateway import free_port, until


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.body()
        status = self.server.backend.take(self.requestline, self.headers, body)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_PUT = do_POST

    def body(self):
        if self.headers.get("Transfer-Encoding", "") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, *args):
        pass


class Behind:
    """A server of FastCGI, SCGI or uwsgi before a backend of HTTP."""

    def __init__(self, test, backend, protocol):
        self.port = free_port()
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "uwsgi_python3",
             f"--{protocol}-socket", f"127.0.0.1:{self.port}", "--die-on-term",
             "--wsgi-file", pathlib.Path(__file__).with_name("behind.py")],
            env=os.environ | {"BACKEND": f"{backend.port}"},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        test.addCleanup(process.wait)
        test.addCleanup(process.terminate)
        until(self.answers, f"{protocol} answers")

    def answers(self):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port)).close()
            return True


class Backend:
    """Keeps what it was sent; answers 200, or what status says."""

    def __init__(self, test, port=0):
        self.lock = threading.Lock()
        self.requests = []
        self.status = 200
        self.pause = None
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port),
                                                      Handler)
        self.server.daemon_threads = True
        self.server.backend = self
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       kwargs={"poll_interval": .05})
        self.thread.start()
        test.addCleanup(self.close)

    def take(self, line, headers, body):
        with self.lock:
            self.requests.append((line, headers, body))
        if self.pause:
            self.pause.wait()
        return self.status

    def close(self):
        """Refuses connections from now on."""
        if self.thread:
            self.server.shutdown()
            self.thread.join()
            self.server.server_close()
            self.thread = None


def entry_of(callback):
    """What it is of, and whether that is there."""
    event = callback["event"]
    kind, _, what = event.partition("_")
    if what in ("login", "logout"):
        kind = "user"
    entry = callback.get("stream_id") or callback.get("user_account") or ""
    return ((int(callback["appid"]), callback["room_id"], kind, entry),
            what in ("create", "login"))


def entries(rooms):
    """All that is in a list."""
    return {(*key, kind, entry) for key, room in rooms.items()
            for kind, entry in [("room", "")]
            + [("stream", stream["StreamId"]) for stream in room["StreamList"]]
            + [("user", user["UserId"]) for user in room["UserList"]]}


class Naive(Backend):
    """Adds on create and deletes on close, in the order of arrival; at times
    slow, at times it fails, or does not answer in time what it does not do.
    With clears it forgets what is in a room that closes."""

    def __init__(self, test, rng, clears=False, port=0):
        self.rng, self.clears = rng, clears
        self.list = set()
        self.applied = 0
        super().__init__(test, port)

    def take(self, line, headers, body):
        begun = time.monotonic()
        with self.lock:
            chance = self.rng.random()
            slow = self.rng.random() * .05 if chance < .3 else 0
        if chance < .002:
            time.sleep(11)                  # longer than it is waited for
            return 500
        time.sleep(slow)
        if chance < .07 or time.monotonic() - begun > 1:
            return 500
        self.apply(json.loads(body))
        return 500 if chance < .1 else 200

    def apply(self, callback):
        entry, present = entry_of(callback)
        with self.lock:
            self.applied += 1
            if present:
                self.list.add(entry)
            else:
                self.list.discard(entry)
            if self.clears and callback["event"] == "room_close":
                self.list = {other for other in self.list
                             if other[:2] != entry[:2]}

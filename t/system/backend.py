"""A backend behind the gateway, as a server of its own: of HTTP, FastCGI, SCGI
or uwsgi."""

import http.server
import json
import socketserver
import struct
import threading
import time


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


class Other(socketserver.StreamRequestHandler):
    """Takes a request's variables in the place of its headers."""

    def handle(self):
        pairs, body = self.read()
        variables = {name.decode(): value.decode() for name, value in pairs}
        status = self.server.backend.take(variables["REQUEST_LINE"], variables,
                                          body)
        self.answer(b"Status: %d\r\nContent-Length: 0\r\n\r\n" % status)

    def answer(self, data):
        self.wfile.write(data)


class FastCGI(Other):
    PARAMS, STDIN = 4, 5

    def read(self):
        parts = {self.PARAMS: b"", self.STDIN: b""}
        length = kind = None
        while kind != self.STDIN or length:
            kind, length, padding = struct.unpack("!xBxxHBx",
                                                  self.rfile.read(8))
            content = self.rfile.read(length)
            self.rfile.read(padding)
            if kind in parts:
                parts[kind] += content
        return self.pairs(parts[self.PARAMS]), parts[self.STDIN]

    def pairs(self, data):
        while data:
            lengths = []
            for _ in range(2):
                size = 4 if data[0] & 0x80 else 1
                lengths.append(int.from_bytes(data[:size], "big")
                               & (0x7fffffff if size == 4 else 0x7f))
                data = data[size:]
            name, value = lengths
            yield data[:name], data[name:name + value]
            data = data[name + value:]

    def answer(self, data):
        for kind, content in (6, data), (3, bytes(8)):
            self.wfile.write(struct.pack("!BBHHxx", 1, kind, 1, len(content))
                             + content)


class SCGI(Other):
    def read(self):
        parts = self.parts()
        pairs = list(zip(parts[::2], parts[1::2]))
        return pairs, self.rfile.read(int(dict(pairs)[b"CONTENT_LENGTH"]))

    def parts(self):
        """Names and values, by turns."""
        length = b""
        while (byte := self.rfile.read(1)) != b":":
            length += byte
        parts = self.rfile.read(int(length)).split(b"\0")
        self.rfile.read(1)
        return parts


class Uwsgi(SCGI):
    def parts(self):
        data = self.rfile.read(struct.unpack("<xHx", self.rfile.read(4))[0])
        parts = []
        while data:
            end = 2 + struct.unpack_from("<H", data)[0]
            parts.append(data[2:end])
            data = data[end:]
        return parts


class Backend:
    """Keeps what it was sent; answers 200, or what status says."""

    def __init__(self, test, port=0, handler=Handler):
        self.lock = threading.Lock()
        self.requests = []
        self.status = 200
        self.pause = None
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port),
                                                      handler)
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

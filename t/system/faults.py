"""An nginx that does wrong where it is told to, and what it tells: the page
that t/faults/faults.h describes."""

import ctypes
import mmap
import re
import socket
import tempfile
import unittest

from callbacks import encode
from gateway import BASE, DEADLINE, LOAD_FAULTS, SOUND, WATCHED, Gateway, say

LOCKED = r'\[alert\] .* shared memory zone "rooms" was locked by \d+'
REBUILT = (r'\[crit\] .* zego zone "rooms" was rebuilt, '
           "a process died while changing it")

needs_watched = unittest.skipUnless(WATCHED, "ZEGO_WATCHED_NGINX")
if not WATCHED:
    say("no ZEGO_WATCHED_NGINX of tools/build-faults: without its tests")


class Page(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in (
        "clock", "asked", "got", "allocs", "fail_first", "fail_last",
        "stores", "store", "signal", "busy", "timer", "turns", "turn")]


class Faulty(Gateway):
    """Watched: every access to the zone is seen."""

    def __init__(self, test, watched=False, clock=0, environment=None,
                 **settings):
        file = tempfile.NamedTemporaryFile(dir=BASE)
        test.addCleanup(file.close)
        file.truncate(mmap.PAGESIZE)
        self.page = Page.from_buffer(mmap.mmap(file.fileno(), mmap.PAGESIZE))
        self.page.clock = clock
        self.seen = 0
        if watched:
            settings = {"nginx": WATCHED, "load": ""} | settings
        super().__init__(test, environment=(environment or {}) | {
            "ZEGO_FAULTS": file.name}, **{"load": LOAD_FAULTS} | settings)

    def lines(self):
        """Of the log, those that are new and bad."""
        with open(self.root / "error.log", "rb") as log:
            log.seek(self.seen)
            text = log.read().decode(errors="replace")
            self.seen = log.tell()
        return [line for line in text.splitlines()
                if re.search(r"\[(?:alert|crit|emerg)\]", line)]

    def statuses(self, posts):
        """Of the answers; fewer where the worker dies."""
        with socket.create_connection(("127.0.0.1", self.port),
                                      DEADLINE) as connection:
            connection.sendall(b"".join(posts))
            return answers(connection, len(posts))

    def fresh(self):
        """Rebuilds the zone, by its next callback but one."""
        self.test.assertEqual([200, 200], self.statuses([TEAR, CHECK]))


def answers(connection, number):
    data = b""
    while data.count(b"\r\n\r\n") < number:
        try:
            some = connection.recv(1 << 20)
        except ConnectionResetError:
            break
        if not some:
            break
        data += some
    return [int(status) for status in re.findall(rb"HTTP/1.1 (\d+)", data)]


def post(body):
    return b"POST /callback HTTP/1.1\r\nHost: t\r\n" \
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


CHECK = post(SOUND)
TEAR = post(SOUND.replace(b"check", b"torn", 1))

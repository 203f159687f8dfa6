"""An nginx whose disk does wrong where it is told to, and what a disk holds of
what it was told: the page and the log that t/faults/disk.h describes."""

import ctypes
import json
import mmap
import os
import pathlib
import re
import struct
import subprocess
import tempfile
import unittest

from callbacks import encode
from faults import Faulty
from gateway import BASE, REPO, say, until

LIBRARY, READER = REPO / "build/disk.so", REPO / "build/reader"

needs_disk = unittest.skipUnless(LIBRARY.exists(), "build/disk.so")
if not LIBRARY.exists():
    say("no build/disk.so of tools/build: without its tests")

ALWAYS = 2 ** 64 - 1

FAILED = r'\[(?:crit|emerg)\] .* zego store "[^"]*" '


class Calls(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in (
        "calls", "first", "last", "error", "hold", "held", "holds", "let_go")]

    def fail(self, error, last=ALWAYS):
        """With 0 they do not all that they say."""
        self.calls, self.error, self.last, self.first = 0, error, last, 1

    def heal(self):
        self.first = self.last = 0


class Page(ctypes.Structure):
    _fields_ = [(name, Calls) for name in ("write", "dsync", "sync")]


class Log:
    """To which nginx appends, and the test."""

    HEAD = struct.Struct("<IIQQ")

    def __init__(self, test):
        self.file = tempfile.NamedTemporaryFile(dir=BASE)
        test.addCleanup(self.file.close)
        self.end = open(self.file.name, "ab", buffering=0)
        test.addCleanup(self.end.close)

    def sent(self, number):
        self.end.write(self.HEAD.pack(ord("c"), 0, number, 0))

    def events(self):
        """Kind, thread, offset and bytes of each."""
        data = pathlib.Path(self.file.name).read_bytes()
        at = 0
        events = []
        while at < len(data):
            kind, thread, offset, size = self.HEAD.unpack_from(data, at)
            at += self.HEAD.size
            events.append((chr(kind), thread, offset, data[at:at + size]))
            at += size
        return events


class Stored(Faulty):
    """With a store, of which an image is made every second while there is
    anything new, and a clock of the zone that the test drives."""

    def __init__(self, test, **settings):
        page = tempfile.NamedTemporaryFile(dir=BASE)
        test.addCleanup(page.close)
        page.truncate(mmap.PAGESIZE)
        self.disk = Page.from_buffer(mmap.mmap(page.fileno(), mmap.PAGESIZE))
        self.disk_log = Log(test)
        super().__init__(test, clock=1 << 40, environment={
            "LD_PRELOAD": f"{LIBRARY} {os.environ.get('LD_PRELOAD', '')}",
            "ZEGO_DISK": page.name, "ZEGO_DISK_LOG": self.disk_log.file.name
        }, **{"horizon": "4s store=store",
              "http": "add_header X-Callback $http_x_callback always;",
              "server": "access_log access.log;"} | settings)
        self.store = self.root / "store"

    def crash(self):
        super().crash()
        self.page.clock = 0         # what is loaded is by nginx's

    def settle(self):
        """After the first sign of life there is none for ten seconds."""
        until(lambda: self.metric("zego_store_bytes"), "it has given one")

    def metric_of(self, name, **labels):
        text = self.get("metrics")[1]
        for value, number in re.findall(rf"(?m)^{name}{{(.*)}} (\d+)$", text):
            if all(f'{label}="{wanted}"' in value
                   for label, wanted in labels.items()):
                return int(number)


class Reader:
    """What a start makes of a store."""

    def __init__(self, test):
        self.test = test
        self.process = None
        test.addCleanup(self.end)

    def end(self):
        if self.process:
            self.process.stdin.close()
            self.process.stdout.close()
            self.process.wait()
            self.process = None

    def ask(self, line):
        self.process = self.process or subprocess.Popen(
            [READER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL)
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            self.end()
            self.test.fail("reading the store ended the reader")
        return answer.decode().rstrip("\n")

    def load(self, path):
        """The number of records, and of what is in the journal."""
        ok, *counts = self.ask(f"load {path}".encode()).split(" ")
        self.test.assertEqual("ok", ok, counts)
        return [int(count) for count in counts]

    def post(self, callback):
        """The verdict."""
        return self.ask(b"post " + encode(callback))

    def rooms(self):
        page = json.loads(self.ask(b"list"))
        return {(room["RoomInfo"]["AppId"], room["RoomInfo"]["RoomID"]): room
                for room in page["RoomList"]}


# ends of syncs; between two of them a disk may lose all that is pending
BOUNDARIES = "sdnfe"


class State:
    """What a disk holds for sure, and what it has been told besides."""

    SECTOR = 512

    def __init__(self, store):
        self.store = str(store)
        self.file = bytearray()
        self.pending = []           # offset and bytes
        self.syncs = {}             # by thread, how much was pending
        self.there = False
        self.unnamed = {self.store, str(store.parent)}
        self.sent, self.answered = set(), set()
        self.fresh = set()          # answered since the last boundary

    def take(self, event):
        kind, thread, offset, data = event
        if kind in BOUNDARIES:
            self.fresh = set()
        match kind:
            case "o" | "r":
                if not self.there and data.endswith(b"/data.mdb"):
                    self.there = True
                    self.unnamed.add(self.store)
            case "w":
                self.pending.append((offset, data))
            case "d":
                put(self.file, offset, data)
            case "b":
                self.syncs[thread] = len(self.pending)
            case "s":
                number = self.syncs.pop(thread)
                for written in self.pending[:number]:
                    put(self.file, *written)
                del self.pending[:number]
            case "e" | "f":         # and no later sync will do what it did not
                self.pending.clear()
            case "n":
                self.unnamed.discard(data.decode())
            case "a":
                new = {int(number) for number in re.findall(
                    rb"\r\nX-Callback: (\d+)", data)} - self.answered
                self.answered |= new
                self.fresh |= new
            case "c":
                self.sent.add(offset)
            case _:
                raise AssertionError(f"what {kind} does is not seen")

    def least(self):
        return self.file if self.there and not self.unnamed else None

    def more(self, rng):
        """With some of what is pending, in whole sectors."""
        if not self.there or self.unnamed and rng.random() < .5:
            return None
        file, share = bytearray(self.file), rng.random()
        for offset, data in self.pending:
            end = offset + len(data)
            first = offset // self.SECTOR * self.SECTOR
            for sector in range(first, end, self.SECTOR):
                if rng.random() < share:
                    start = max(sector, offset)
                    put(file, start, data[start - offset:
                                          sector + self.SECTOR - offset])
        return file


def put(file, offset, data):
    file.extend(bytes(max(0, offset - len(file))))
    file[offset:offset + len(data)] = data


def states(store, events, ignored=lambda number, event: False):
    """What there was before each boundary, and at the end; and its number."""
    state = State(store)
    for number, event in enumerate(events):
        if event[0] in BOUNDARIES:
            yield number, state
        if not ignored(number, event):
            state.take(event)
    yield len(events), state

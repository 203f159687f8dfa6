"""Bodies that nobody would send who meant well."""

import collections
import hashlib
import itertools
import json
import random
import unittest
import urllib.parse

from callbacks import encode, from_set, of_world
from gateway import LOAD_FAULTS, ROUNDS, SEED, SOUND, Gateway, say

BODIES = 100_000 * ROUNDS
PIPELINED = 16

SECRET = "a secret of the test"

REASONS = {400: ("syntax", "utf8", "nesting", "missing", "invalid"),
           403: ("app", "signature")}

# of the good ones, which no mutation hits by chance
APP = 4_000_000_000

BUFFER, LARGEST = 16 * 1024, 64 * 1024
SERVER = f"client_body_buffer_size {BUFFER}; client_max_body_size {LARGEST};"
KEEP = """
    zego_keep stream title stream_attr channel_id hls_url added;
    zego_keep room   added;
    zego_keep user   added;
"""

# what the vendor documents beside the fields that callbacks.py fills
DOCUMENTED = {
    "stream_create": {
        "channel_id": "0xb-0x1", "title": "title", "stream_alias": "aaa",
        "stream_attr": '{"cid":0}', "publish_id": "publish",
        "publish_name": "publish_name", "hls_url": ["http://example.com/a"],
        "hdl_url": ["http://example.com/a"],
        "pic_url": ["http://example.com/a"]},
    "stream_close": {
        "channel_id": "0xb-0x1", "third_define_data": '{"a":"b"}'},
}

NUMBERS = [0, -1, 1, 0.5, 1e300, 2 ** 31, 2 ** 32, 2 ** 53 + 1, 2 ** 63,
           2 ** 64 - 1, 2 ** 64, 10 ** 400]
NUMBER_TEXTS = ["", "-1", "00", "+1", " 1", "1 ", "0x1", "1e3", "1.0", "NaN",
                "１"]
SIZES = [1, 64, 65, 127, 128, 255, 256, 1024, 1025, 4096, BUFFER + 1]
CHARACTERS = ["a", "\0", "\x01", "\n", '"', "\\", "/", "%", "&", "=", "+",
              "é", "小", "😀", "\ud800", "\udc00", "\uffff", "\u202e", "\x7f"]
BYTES = [b"\0", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80",
         b"\xe2\x80", b"\\u0000", b"\\ud800", b"\\udc00\\ud800", b"\\u12",
         b"\\", b'"', b"{", b"}", b"[", b"]", b":", b",", b"%", b"%4",
         b"%zz", b"%00", b"%7B", b"%C0", b"&", b"=", b"+", b"-", b"9" * 40,
         b"//", b"/*", b"\xef\xbb\xbf", b" ", b"\t", b"true", b"null"]


# ---- bodies ---------------------------------------------------------------


def encoded(fields, form, escaped):
    """Of names and values, of which some may come twice."""
    if form == "form":
        return urllib.parse.urlencode(fields, errors="surrogatepass").encode()
    text = ",".join(json.dumps(name, ensure_ascii=escaped) + ":"
                    + json.dumps(value, ensure_ascii=escaped)
                    for name, value in fields)
    body = f"{{{text}}}".encode(errors="surrogatepass")
    return urllib.parse.quote(body, safe="").encode() \
        if form == "percent" else body


def signature(callback, secret=SECRET):
    parts = sorted(str(part).encode() for part in (
        secret, callback["timestamp"], callback["nonce"]))
    return hashlib.sha1(b"".join(parts)).hexdigest()


class Hostile:
    def __init__(self, rng, signed):
        self.rng = rng
        world = itertools.islice(of_world(rng, "room ", tidy=False), 400)
        self.callbacks = [
            callback | DOCUMENTED.get(callback["event"], {})
            | ({"signature": signature(callback)} if signed else {})
            for callback in world]
        self.forms = {form: [encode(callback, form)
                             for callback in self.callbacks]
                      for form in ("json", "percent", "form")}
        # one of each event
        self.models = {callback["event"]: number for number, callback
                       in enumerate(self.callbacks)}

    def __iter__(self):
        """First those cut at every length, then others without end."""
        for bodies in self.forms.values():
            for number in self.models.values():
                yield from (bodies[number][:length]
                            for length in range(len(bodies[number])))
        while True:
            yield self.fielded() if self.rng.random() < .5 else self.torn()

    def torn(self):
        """The bytes of one or of two."""
        rng = self.rng
        bodies = self.forms[rng.choice(list(self.forms))]
        body = bytearray(rng.choice(bodies))
        for _ in range(1 + rng.randrange(3)):
            at = rng.randrange(len(body) + 1)
            to = rng.randrange(at, len(body) + 1)
            match rng.randrange(7):
                case 0:
                    for _ in range(1 + rng.randrange(4)):
                        bit = rng.randrange(8 * len(body) or 1)
                        if body:
                            body[bit // 8] ^= 1 << bit % 8
                case 1:
                    del body[at:]
                case 2:
                    del body[at:to]
                case 3:
                    body[at:at] = body[at:to]
                case 4:
                    other = rng.choice(bodies)
                    body[at:] = other[rng.randrange(len(other)):]
                case 5:
                    body[at:at] = rng.choice(BYTES)
                case 6:
                    some = rng.choice(BYTES)
                    body[at:at + len(some)] = some
        return bytes(body)

    def fielded(self):
        """Well formed for the most part, but for what the fields say."""
        rng = self.rng
        fields = list(rng.choice(self.callbacks).items())
        for _ in range(1 + rng.randrange(3)):
            at = rng.randrange(len(fields)) if fields else 0
            name, value = fields[at] if fields else ("event", 1)
            match rng.randrange(8):
                case 0:
                    del fields[at:at + 1]
                case 1:
                    fields.append((name, self.value()))
                case 2:
                    other = rng.choice(self.callbacks)
                    fields += rng.sample(list(other.items()), 2)
                case 3:
                    fields.append((self.text(), value))
                case 4:
                    fields.append(("added", self.value()))
                case _:
                    fields[at:at + 1] = [(name, self.value())]
        return encoded(fields, rng.choice(list(self.forms)),
                       rng.random() < .5)

    def value(self):
        rng = self.rng
        match rng.randrange(8):
            case 0:
                return rng.choice(NUMBERS)
            case 1:
                return str(rng.choice(NUMBERS))
            case 2:
                return rng.choice(NUMBER_TEXTS)
            case 3:
                return rng.choice([None, True, False, [], {}])
            case 4:
                value = rng.choice([1, "a", None])
                for _ in range(rng.choice([1, 8, 30, 31, 32, 33, 100, 900])):
                    value = [value] if rng.random() < .5 else {"a": value}
                return value
            case 5:
                return [self.text() for _ in range(rng.randrange(5))]
            case _:
                return self.text()

    def text(self):
        rng = self.rng
        size = min(rng.choice(SIZES), rng.choice(SIZES))
        text = "".join(rng.choices(CHARACTERS, k=3))
        if rng.random() < .5:
            text = rng.choice(CHARACTERS[:1] + CHARACTERS[7:14])
        return (text * size)[:size]

    def large(self, size):
        """About so many bytes, in a form that may be read to its end."""
        fields = list(self.rng.choice(self.callbacks).items())
        fields.insert(self.rng.randrange(len(fields)),
                      ("added", "x" * size))
        return encoded(fields, self.rng.choice(list(self.forms)), False)


# ---- on the wire ----------------------------------------------------------


HEAD = b"POST /callback HTTP/1.1\r\nHost: t\r\n"


def plain(body, rng):
    return b"%bContent-Length: %d\r\n\r\n%b" % (HEAD, len(body), body)


def chunked(body, rng):
    chunks = []
    while body:
        size = 1 + rng.randrange(rng.choice([2, 100, 5000]))
        chunks.append(b"%x\r\n%b\r\n" % (len(body[:size]), body[:size]))
        body = body[size:]
    return b"%bTransfer-Encoding: chunked\r\n\r\n%b0\r\n\r\n" % (
        HEAD, b"".join(chunks))


def broken(body, rng):
    """Chunks that nginx itself refuses."""
    size = rng.choice([b"-1", b"g", b"", b"1" * 30, b"1;\n", b"1\0"])
    return b"%bTransfer-Encoding: chunked\r\n\r\n%b\r\n%b" % (HEAD, size,
                                                             body)


class Bodies(unittest.TestCase):
    def setUp(self):
        self.rng = random.Random(SEED)

    def gateway(self, **settings):
        gateway = Gateway(self, load=LOAD_FAULTS, workers=3, size="128m",
                          server=SERVER, **settings)
        self.answers = collections.Counter()
        self.reasons = set()
        self.broken = ()
        return gateway

    def taken(self, sent, answer):
        status, body = answer
        self.answers[status] += 1
        if status == 200:
            good = not body
        elif body.startswith(b"<html>"):
            good = status == 413 or sent in self.broken
        else:
            reason = json.loads(body)["Reason"]
            self.reasons.add(reason)
            good = reason in REASONS.get(status, ())
        self.assertTrue(good, (answer, sent[:2000]))

    def pipeline(self, gateway, requests):
        """To all workers, each connection many at a time; the answers are
        small enough for the sockets."""
        connections = itertools.cycle(gateway.connections(2))
        flying = collections.deque()

        def land():
            connection, batch = flying.popleft()
            for request in batch:
                self.taken(request, connection.answer())

        while batch := list(itertools.islice(requests, PIPELINED)):
            if len(flying) == 6:
                land()
            connection = next(connections)
            flying.append((connection, batch))
            connection.socket.sendall(b"".join(batch))
        while flying:
            land()

    def alone(self, gateway, requests):
        for request in requests:
            connection = gateway.connect()
            connection.socket.sendall(request)
            self.taken(request, connection.answer())
            connection.close()

    def good(self, gateway, callbacks):
        for callback in callbacks:
            callback |= {"signature": signature(callback)}
            self.assertEqual((200, b""),
                             gateway.connect().post(encode(callback)))

    def hostile(self, gateway, number, signed):
        world = of_world(self.rng, f"{self.rng.random()} ", apps=(APP, APP))
        good = list(itertools.islice(world, 600))
        self.good(gateway, good[:300])
        workers = gateway.workers()
        self.assertEqual(3, len(workers))
        before = gateway.json(f"rooms?limit=1000&appid={APP}")["RoomList"]

        hostile = Hostile(self.rng, signed)
        small = (body for body in hostile if len(body) < BUFFER)
        some = itertools.islice(small, number)
        self.pipeline(gateway, (
            self.rng.choices([plain, chunked], [9, 1])[0](body, self.rng)
            for body in some))
        sizes = [BUFFER // 2, BUFFER, 2 * BUFFER, LARGEST // 2, LARGEST]
        self.alone(gateway, (
            self.rng.choice([plain, chunked])(
                hostile.large(self.rng.choice(sizes)), self.rng)
            for _ in range(number // 200)))
        self.broken = [broken(hostile.torn() + b"}}}", self.rng)
                       for _ in range(number // 200)]
        self.alone(gateway, self.broken)
        say(f"answers {dict(self.answers)}")
        self.assertLess(0, min(self.answers[status] for status in (200, 413)))
        self.assertEqual({*REASONS[400], *(REASONS[403] if signed else ())},
                         self.reasons)

        rooms = f"rooms?limit=1000&appid={APP}"
        self.assertEqual(before, gateway.json(rooms)["RoomList"])
        self.good(gateway, good[300:])
        truth = from_set(good)
        self.assertEqual([truth[key] for key in sorted(truth)],
                         gateway.json(rooms)["RoomList"])
        self.assertEqual(workers, gateway.workers())
        # all of it can be read
        say(f"{len(gateway.rooms())} rooms made up")
        gateway.get("metrics")

    def test_unsigned(self):
        say(f"ZEGO_SEED={SEED}")
        gateway = self.gateway(http=KEEP)
        self.hostile(gateway, BODIES * 7 // 10, False)
        gateway.sound()

    def test_signed(self):
        say(f"ZEGO_SEED={SEED}")
        apps = "".join(f'zego_app {app} "secret={SECRET}";'
                       for app in (1, APP))
        gateway = self.gateway(http=KEEP + apps)
        self.hostile(gateway, BODIES * 3 // 10, True)
        sound = json.loads(SOUND)
        self.good(gateway, [sound])

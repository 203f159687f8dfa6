"""The programs, the alerts and the dashboard of README.md."""

import contextlib
import itertools
import json
import os
import pathlib
import random
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from callbacks import Life, carried, encode, of_world
from gateway import (BASE, DEADLINE, REPO, SEED, Gateway, Vendor, free_port,
                     say, until)

README = (REPO / "README.md").read_text()

# nothing is waited for as long as there, and pages are small
QUICKER = {
    r"\b60000\b": "2000", r"\b60\b": "2", r"\bwait=30s": "wait=500ms",
    r"\blimit=1000": "limit=50", r"\b1000\)": "200)",
    r"(time\.sleep\()1\)": r"\1.2)", r" sleep\(1\)": " usleep(200000)",
    r"(time\.Sleep\()time\.Second": r"\g<1>200 * time.Millisecond",
    r"\bsleep 1\b": "sleep .2"}

# each hands its list out, a line each time
PYTHON = """
follow(lambda rooms: print(json.dumps([
    [room["info"], [*room["stream"].values()], [*room["user"].values()]]
    for room in rooms.values()]), flush=True))
"""
NODE = """
follow(rooms => console.log(JSON.stringify([...rooms.values()].map(
  room => [room.info, [...room.stream.values()], [...room.user.values()]]))));
"""
PHP = r"""
follow(function ($rooms) {
    echo json_encode(array_values(array_map(fn($room) => [
        $room['info'], array_values($room['stream']),
        array_values($room['user'])], $rooms))), "\n";
});
"""
GO = """package main

import (
	"encoding/json"
	"os"
)

func main() {
	follow(func(rooms map[ID]*Room) {
		list := []any{}
		for _, room := range rooms {
			streams, users := []Object{}, []Object{}
			for _, stream := range room.Lists["stream"] {
				streams = append(streams, stream)
			}
			for _, user := range room.Lists["user"] {
				users = append(users, user)
			}
			list = append(list, []any{room.Info, streams, users})
		}
		json.NewEncoder(os.Stdout).Encode(list)
	})
}
"""
SHELL = """changed() {
    jq -c '[.Rooms[] | [.info, [.stream[]?], [.user[]?]]]' "$1"
}
"""


def blocks(language):
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```$", README)


def program(language, url):
    [text] = blocks(language)
    assert text.count("http://127.0.0.1:8080/zego") == 1, language
    text = text.replace("http://127.0.0.1:8080/zego", url)
    for pattern, other in QUICKER.items():
        text = re.sub(pattern, other, text)
    return text


def python(path, url):
    (path / "list.py").write_text(program("python", url) + PYTHON)
    return ["python3", "list.py"]


def node(path, url):
    (path / "list.mjs").write_text(program("js", url) + NODE)
    return ["node", "list.mjs"]


def php(path, url):
    (path / "list.php").write_text(program("php", url) + PHP)
    return ["php", "list.php"]


def go(path, url):
    (path / "list.go").write_text(program("go", url))
    (path / "main.go").write_text(GO)
    subprocess.run(["go", "build", "-o", "list", "list.go", "main.go"],
                   cwd=path, check=True)
    return ["./list"]


def shell(path, url):
    (path / "list.sh").write_text(SHELL + program("sh", url))
    return ["sh", "list.sh"]


# what each needs
CONSUMERS = {python: ["python3"], node: ["node"], php: ["php"], go: ["go"],
             shell: ["curl", "jq"]}


def listed(rooms):
    """The list of the module, or of a program, in one form."""
    return {(info["AppId"], info["RoomID"]): (
        info, {stream["StreamId"]: stream for stream in streams},
        {user["UserId"]: user for user in users})
        for info, streams, users in rooms}


class Proxy:
    """Between a program and nginx.  Remembers what went through; breaks the
    connection in which a text is passed, all of them, answers with 503, or
    passes nothing on, and then no more in that connection."""

    AWAY = (b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n"
            b'Content-Length: 18\r\n\r\n{"Reason":"moved"}')

    def __init__(self, port):
        self.target = port
        self.listener = socket.create_server(("127.0.0.1", free_port()))
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.open = set()
        self.asked, self.answered = [], []
        self.closed = self.silent = False
        self.cut = None
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                threading.Thread(target=self.serve, args=(client,),
                                 daemon=True).start()

    def serve(self, client):
        with client, contextlib.suppress(OSError):
            if self.closed:
                client.recv(4096)
                client.sendall(self.AWAY)
            else:
                self.pass_on(client)

    def pass_on(self, client):
        with socket.create_connection(("127.0.0.1", self.target)) as server:
            with self.lock:
                if self.closed:
                    return
                number = len(self.asked)
                self.asked.append(b"")
                self.answered.append(b"")
                self.open |= {client, server}
            back = threading.Thread(target=self.carry, daemon=True, args=(
                server, client, self.answered, number))
            back.start()
            self.carry(client, server, self.asked, number)
            back.join()
            with self.lock:
                self.open -= {client, server}

    def carry(self, source, target, passed, number):
        lost = False
        with contextlib.suppress(OSError):
            while data := source.recv(4096):
                lost = lost or self.silent
                if lost:
                    continue
                with self.lock:
                    passed[number] += data
                    part = passed[number]
                if self.cut and self.cut in part and passed is self.answered:
                    # up to the middle of it
                    end = part.index(self.cut) + len(self.cut) // 2
                    target.sendall(data[:max(end - len(part) + len(data), 0)])
                    with self.lock:
                        self.cut, self.closed = None, True
                    break
                target.sendall(data)
        for side in source, target:
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)

    def break_all(self):
        with self.lock:
            for side in self.open:
                with contextlib.suppress(OSError):
                    side.shutdown(socket.SHUT_RDWR)

    def refuse(self):
        self.closed = True
        self.break_all()

    def told(self, text):
        with self.lock:
            return sum(part.count(text) for part in self.answered)

    def begun(self):
        """How often all that is listed was asked for."""
        with self.lock:
            return sum(part.count(b"&after= ") for part in self.asked)


class Consumer:
    """A program that runs; the list that it has handed out last."""

    def __init__(self, test, make, port):
        self.test, self.name = test, make.__name__
        self.proxy = Proxy(port)
        test.addCleanup(self.proxy.listener.close)
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="list-", dir=BASE))
        test.addCleanup(shutil.rmtree, self.path)
        self.command = make(self.path,
                            f"http://127.0.0.1:{self.proxy.port}/zego")
        self.rooms, self.lists, self.torn = None, 0, []

    def start(self):
        self.errors = open(self.path / "errors", "w+")
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *self.command], cwd=self.path,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=self.errors, env=os.environ | {"no_proxy": "*"})
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()
        self.test.addCleanup(self.stop)

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.proxy.refuse()     # ends what it had started
        self.thread.join()
        self.process.stdout.close()
        self.errors.close()

    def read(self):
        for line in self.process.stdout:
            rooms = listed(json.loads(line))
            # a change of these comes with one of their room
            self.torn += [room for room in rooms.values()
                          if room[0]["StreamCount"] != len(room[1])
                          or room[0]["UserCount"] != len(room[2])]
            self.rooms = rooms
            self.lists += 1

    def fail(self, truth):
        self.errors.seek(0)
        rooms = self.rooms or {}
        for key in truth.keys() | rooms.keys():
            if truth.get(key) != rooms.get(key):
                say(f"{self.name} wrong {key}:\n      true   {truth.get(key)}"
                    f"\n      listed {rooms.get(key)}")
        raise AssertionError(f"{self.name}: not the list of the module\n"
                             + self.errors.read()[-2000:])


class Consumers(unittest.TestCase):
    def setUp(self):
        say(f"ZEGO_SEED={SEED}")

    def post(self, gateway, callbacks, then=None):
        vendor = Vendor(gateway, [iter(callbacks)] * 3)
        if then:
            half = len(callbacks) // 2
            until(lambda: len(vendor.accepted) > half, "some callbacks")
            then()
        vendor.join()
        self.assertEqual([], vendor.lost)

    def same(self, gateway, consumers):
        """That each has the list, soon."""
        truth = listed(
            [room["RoomInfo"] | {name: room[name]
                                 for name in ("Complete", "Missing")},
             room["StreamList"], room["UserList"]]
            for room in gateway.rooms().values())
        deadline = time.monotonic() + DEADLINE / 2
        for consumer in consumers:
            while consumer.rooms != truth:
                if time.monotonic() > deadline:
                    consumer.fail(truth)
                time.sleep(.01)
            self.assertEqual([], consumer.torn[:1], f"{consumer.name}: "
                             "told of in the middle of a revision")
            self.assertLessEqual(consumer.lists,
                                 consumer.proxy.told(b'"More":false'),
                                 f"{consumer.name}: told of with more to come")

    def test_consumers(self):
        """Each through all that is said of it there."""
        gateway = Gateway(self, workers=3, size="3m")
        consumers = []
        for make, needed in CONSUMERS.items():
            missing = [name for name in needed if not shutil.which(name)]
            if missing:
                say(f"{make.__name__} skipped: no {' '.join(missing)}")
            else:
                consumers.append(Consumer(self, make, gateway.port))

        rng = random.Random(SEED)
        # in JavaScript some of these end a line or are there already, in PHP
        # some are numbers, and in a URL some have a meaning
        rooms = ["__proto__", "1", "01", "\u2028", "a b&c=%2F+\r\n\n", 'é"\\😀']
        world = carried(rng, of_world(rng, "room ", tidy=False), 30)
        world = ({**callback, "room_id": rooms[int(callback["room_id"][5:])]}
                 for callback in world)
        clock = itertools.count(1800000000000)

        # a page that is broken in its middle is none
        self.post(gateway, list(itertools.islice(world, 100)))
        for consumer in consumers:
            consumer.proxy.cut = b'"UserSessionId"'
            consumer.start()
        for consumer in consumers:
            until(lambda: consumer.proxy.closed, f"{consumer.name} begins")
        self.post(gateway, list(itertools.islice(world, 100)))
        for consumer in consumers:
            self.assertEqual(0, consumer.lists, consumer.name)
            consumer.proxy.closed = False
        self.same(gateway, consumers)

        # each of these ends requests; they go on from where they were
        before = [consumer.proxy.begun() for consumer in consumers]
        for end in (lambda: gateway.reload({}),
                    lambda: [one.proxy.break_all() for one in consumers]):
            self.post(gateway, list(itertools.islice(world, 200)), end)
            self.same(gateway, consumers)
        for consumer, begun in zip(consumers, before):
            self.assertEqual(begun, consumer.proxy.begun(), consumer.name)

        # another session of a room, without a close of the one before
        for session in 1, 2:
            life = Life("again", session, clock)
            self.post(gateway, [life.room_create()])
            self.post(gateway, [life.login(f"user {session}", session)])
        self.same(gateway, consumers)

        # more than is kept, of which they are not told
        for consumer in consumers:
            consumer.proxy.refuse()
        before = gateway.version()[1]
        self.post(gateway, [life.room_close()])
        while (gateway.version()[1] - gateway.metric("zego_kept_revisions")
               <= before):
            self.post(gateway, list(itertools.islice(world, 200)))
        for consumer in consumers:
            consumer.proxy.closed = False
        self.same(gateway, consumers)
        for consumer in consumers:
            self.assertGreater(consumer.proxy.told(b" 410 "), 0, consumer.name)

        # nothing comes, and the connection is there
        for consumer in consumers:
            consumer.proxy.silent = True
        self.post(gateway, list(itertools.islice(world, 50)))
        time.sleep(.5)
        for consumer in consumers:
            consumer.proxy.silent = False
        self.same(gateway, consumers)

        # away for a while, and then another one
        gateway.end()
        time.sleep(.5)
        gateway.start()
        self.post(gateway, list(itertools.islice(world, 100)))
        self.same(gateway, consumers)
        say(", ".join(f"{consumer.name} {consumer.lists} lists, "
                      f"{len(consumer.proxy.asked)} connections"
                      for consumer in consumers))


class Monitoring(unittest.TestCase):
    def dashboard(self):
        board = json.loads((REPO / "tools/grafana.json").read_text())
        return [target["expr"].replace("$__rate_interval", "5m")
                for panel in board["panels"] for target in panel["targets"]]

    def test_names(self):
        """All that is asked for is there, with such labels and values."""
        gateway = Gateway(self, size="1m", http="zego_app 1 secret=x;")
        metrics = gateway.get("metrics")[1]
        asked = "".join(blocks("yaml") + self.dashboard())
        for name in set(re.findall(r"\bzego_\w+", asked)):
            if name.startswith("zego_store_"):
                # of a zone with a store
                self.assertIn(re.sub("_bucket$", "", name), README)
            else:
                self.assertRegex(metrics, rf"(?m)^{name}{{")
        for label in re.findall(r"\{(\w+=\"\w+\")\}|,(\w+=\"\w+\")\}", asked):
            if (text := "".join(label)) != 'job="zego"':
                self.assertIn(text, metrics)
        for labels in re.findall(r"\b(?:by|without) \(([\w, ]+)\)", asked):
            for label in labels.split(", "):
                self.assertRegex(metrics, rf'[{{,]{label}="')

    @unittest.skipUnless(shutil.which("promtool"), "no promtool")
    def test_rules(self):
        directory = pathlib.Path(tempfile.mkdtemp(prefix="rules-", dir=BASE))
        self.addCleanup(shutil.rmtree, directory)
        config, rules = blocks("yaml")
        (directory / "prometheus.yml").write_text(config)
        (directory / "zego.yml").write_text(rules)
        # Grafana's queries, as if they were rules
        (directory / "grafana.yml").write_text(json.dumps({"groups": [{
            "name": "grafana", "rules": [
                {"record": f"q{number}", "expr": expr}
                for number, expr in enumerate(self.dashboard())]}]}))
        for command in (["config", "prometheus.yml"], ["rules", "grafana.yml"]):
            result = subprocess.run(["promtool", "check", *command],
                                    cwd=directory, capture_output=True,
                                    text=True)
            self.assertEqual(0, result.returncode,
                             result.stdout + result.stderr)

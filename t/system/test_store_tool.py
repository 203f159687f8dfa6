"""What tools/zego-store prints, checks and loads."""

import collections
import errno
import itertools
import json
import mmap
import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import tempfile
import time
import unittest

from callbacks import carried, encode, from_set, listed, of_world
from disk import LIBRARY, Page, needs_disk
from gateway import BASE, DEADLINE, REPO, SEED, Gateway, Vendor, say, until

TOOL = REPO / "tools/zego-store"
PROGRAM = REPO / "build/zego-store"

ROOM = {"AppId": 1, "RoomID": "r", "RoomSessionId": "7"}
SESSION = {"Kind": "session"} | ROOM
STREAM = {"Kind": "stream"} | ROOM | {"StreamId": "s"}
USER = {"Kind": "user"} | ROOM | {"UserId": "u", "UserSessionId": "1"}

STREAM_LIST = ("StreamId", "StreamSid", "StreamSeq", "StreamCreateTime",
               "UserId", "UserName", "ExtraInfo")
USER_LIST = ("UserId", "UserName", "UserSessionId", "UserLoginTime",
             "UserRole", "UserUpdateSeq")


def lines_of(*objects):
    return "".join(json.dumps(line) + "\n" for line in objects)


def holes(session, counter):
    """Between the ranges of what was seen."""
    ends = [0]
    for first, last in session["Seen"][counter]:
        ends += [first, last]
    return [[last + 1, first - 1]
            for last, first in zip(ends[::2], ends[1::2]) if first > last + 1]


def from_lines(lines):
    """The list that the lines amount to."""
    of_room = collections.defaultdict(list)
    of_session = collections.defaultdict(list)
    for line in map(json.loads, lines.splitlines()):
        key = line.get("AppId"), line.get("RoomID")
        if line["Kind"] == "session":
            of_room[key].append(line)
        elif line["Kind"] != "store":
            of_session[*key, line["RoomSessionId"]].append(line)

    rooms = {}
    for key, sessions in of_room.items():
        now = max(sessions, key=lambda session: (
            session["RoomCreateTime"] or session["First"],
            not session["Closed"], int(session["RoomSessionId"])))
        entries = of_session[*key, now["RoomSessionId"]]
        streams = [line for line in entries if line["Kind"] == "stream"]
        users = {}
        for line in entries:
            if line["Kind"] == "user":
                users.setdefault(line["UserId"], []).append(line)
        users = [max(some, key=lambda user: (
            user["UserLoginTime"], not user["Closed"],
            int(user["UserSessionId"]))) for some in users.values()]
        live = {
            names: [{name: entry[name] for name in names}
                    for entry in some if not entry["Closed"]]
            for names, some in ((STREAM_LIST, streams), (USER_LIST, users))}
        if not now["Closed"] and (now["RoomCreateTime"] is not None
                                  or any(live.values())):
            rooms[key] = listed(key, now["RoomSessionId"],
                                now["RoomCreateTime"], now["Creator"],
                                live[STREAM_LIST], live[USER_LIST],
                                holes(now, "StreamSeq"),
                                holes(now, "UserUpdateSeq"))
    return rooms


class Tool(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # builds it
        subprocess.run([TOOL, "--help"], check=True, capture_output=True)

    def setUp(self):
        say(f"ZEGO_SEED={SEED}")
        self.rng = random.Random(SEED)
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="zego-", dir=BASE))
        self.addCleanup(shutil.rmtree, self.root)
        self.dir = self.root / "store"

    def run_tool(self, *args, lines="", **options):
        if isinstance(lines, str):
            lines = lines.encode()
        return subprocess.run(
            [PROGRAM, *args], timeout=10 * DEADLINE,
            **{"input": lines, "stdout": subprocess.PIPE,
               "stderr": subprocess.PIPE} | options)

    def tool(self, *args, **options):
        """What it prints."""
        done = self.run_tool(*args, **options)
        self.assertEqual((0, b""), (done.returncode, done.stderr))
        return done.stdout.decode()

    def wrong(self, message, *args, **options):
        """It says this, prints nothing and changes no file."""
        before = self.files()
        done = self.run_tool(*args, **options)
        self.assertEqual((1, b""), (done.returncode, done.stdout), args)
        error = done.stderr.decode()
        self.assertRegex(error, message)
        for line in error.splitlines():
            self.assertTrue(line.startswith("zego-store: "), error)
        self.assertEqual(before, self.files())

    def files(self):
        return {str(path): (path.lstat().st_size, path.lstat().st_mtime_ns)
                for path in self.root.rglob("*") if path.name != "lock.mdb"}

    def store(self, *objects):
        """One that holds these, or something of everything."""
        self.tool("load", self.dir, lines=lines_of(
            *(objects or (SESSION | {"RoomCreateTime": 1,
                                     "Creator": "somebody"}, STREAM, USER))))

    def served(self, gateway, events=2000):
        """What it has been sent."""
        world = of_world(self.rng, "room ", rooms=30, tidy=False)
        callbacks = list(itertools.islice(world, events))
        posts = [*map(encode, carried(self.rng, callbacks, 50))]
        connections = gateway.connections(2)
        gateway.deliver(connections, [posts[n::len(connections)]
                                      for n in range(len(connections))])
        return callbacks

    def gateway(self, path=None, **settings):
        store = path or self.dir
        return Gateway(self, horizon=f"5m store={store}", **settings)

    # ---- what it is told

    def test_usage(self):
        for args in (), ("print",), ("put", "x"), ("print", "x", "y"):
            done = self.run_tool(*args)
            self.assertEqual(2, done.returncode)
            self.assertIn(b"usage: zego-store print DIR", done.stderr)
        self.assertIn("usage: zego-store print DIR", self.tool("--help"))

    def test_no_store(self):
        for command in "print", "check":
            self.wrong("there is no store in", command, self.dir)
            self.wrong("there is no store in", command, self.root)
        self.dir.mkdir()
        data = self.dir / "data.mdb"
        for make, message in (
                (lambda: data.write_bytes(b""), "data.mdb is empty"),
                (lambda: os.mkfifo(data), "data.mdb is no file"),
                (lambda: data.symlink_to("/dev/zero"), "data.mdb is no file"),
                (data.mkdir, "data.mdb is no file"),
                (lambda: data.write_bytes(b"x" * 9000), "MDB_INVALID")):
            make()
            for command in "print", "check", "load":
                self.wrong(message, command, self.dir,
                           lines=lines_of(SESSION))
            if data.is_dir():
                data.rmdir()
            else:
                data.unlink()
        (self.root / "file").touch()
        self.wrong("Not a directory", "print", self.root / "file")
        self.wrong("Not a directory", "load", self.root / "file",
                   lines=lines_of(SESSION))
        self.wrong("No such file", "load", self.root / "no/store",
                   lines=lines_of(SESSION))
        self.wrong("too long", "check", "x" * 5000)

    def test_of_others(self):
        self.store()
        data = self.dir / "data.mdb"
        ours = data.read_bytes()
        number = struct.pack("<Q", 1)
        for old, new, message in (
                (b"layout" + number, b"layout" + struct.pack("<Q", 77),
                 "has layout 77, which another version"),
                (b"records", b"recalls", "a database of something else"),
                (b"somebody", b"someb0dy", "a record is wrong")):
            spoiled = ours.replace(old, new)
            self.assertNotEqual(ours, spoiled)
            data.write_bytes(spoiled)
            for command in "print", "check", "load":
                self.wrong(message, command, self.dir, lines=lines_of(SESSION))
        data.write_bytes(ours)
        self.assertIn("sound", self.tool("check", self.dir))

    def test_backup(self):
        """A copy is printed where nothing can be written."""
        self.store()
        lines = self.tool("print", self.dir)
        copy = self.root / "copy"
        copy.mkdir()
        shutil.copy(self.dir / "data.mdb", copy)
        self.assertEqual(lines, self.tool("print", copy))
        self.assertIn("sound", self.tool("check", copy))
        self.assertEqual(["data.mdb"], os.listdir(copy))

    @unittest.skipUnless(os.geteuid() == 0, "not root")
    def test_owner(self):
        """What root loads is for whom the directory belongs to."""
        self.dir.mkdir()
        os.chown(self.dir, 65534, 65534)
        self.store()
        for name in "data.mdb", "lock.mdb":
            self.assertEqual(65534, (self.dir / name).stat().st_uid)
        (self.dir / "lock.mdb").unlink()
        os.chown(self.dir, 0, 0)
        self.store()
        self.assertEqual(65534, (self.dir / "lock.mdb").stat().st_uid)

    def test_full(self):
        self.store()
        with open("/dev/full", "w") as full:
            done = self.run_tool("print", self.dir, stdout=full)
        self.assertEqual((1, b"zego-store: writing failed: "
                             b"No space left on device\n"),
                         (done.returncode, done.stderr))

    def test_killed(self):
        """Its process goes with it."""
        reads, writes = os.pipe()
        process = subprocess.Popen([PROGRAM, "load", self.dir], stdin=reads)
        self.addCleanup(os.close, writes)
        os.close(reads)
        task = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
        child, = until(lambda: task.read_text().split(), "it has a child")
        process.terminate()
        self.assertEqual(-signal.SIGTERM, process.wait(DEADLINE))
        # it is ours then: see gateway.py
        until(lambda: os.waitpid(int(child), os.WNOHANG)[0], "it ends")
        self.assertFalse(self.dir.exists())

    # ---- lines

    def test_wrong_lines(self):
        number = '"{}" is no whole number up to {}'
        long = "x" * 2000
        for line, message in (
                ("", "is no JSON object"),
                ("x", "is no JSON object"),
                ("[]", "is no JSON object"),
                ('"Kind"', "is no JSON object"),
                ("{}", '"Kind" is missing'),
                ('{"Kind":"session"', "is no JSON object"),
                (json.dumps(SESSION) + "{}", "is no JSON object"),
                (json.dumps(SESSION) + '"x', "is no JSON object"),
                (json.dumps(SESSION) + "/**/", "is no JSON object"),
                ("/**/" + json.dumps(SESSION), "is no JSON object"),
                ('{"Kind":' + "[" * 400000, "is nested too deep"),
                ('{"Kind":' + '{"":' * 200000, "is nested too deep"),
                ('{"Kind":"' + "x" * (1 << 20), "is too long"),
                (b'{"Kind":"\xff"}', "is not UTF-8 throughout"),
                (b'{"Kind":"\0"}', "or has a NUL in it"),
                ('{"Kind":"\\u0000"}', "or has a NUL in it"),
                ('{"Kind":"\\ud800"}', "is not UTF-8 throughout"),
                (SESSION | {"Kind": "sessions"}, '"Kind" is none of'),
                (SESSION | {"Kind": 1}, '"Kind" is no string'),
                (SESSION | {"x\033": 1}, r'"x\\u001B" is not known here'),
                (SESSION | {"StreamId": "s"}, '"StreamId" is not known here'),
                (SESSION | {long: 1}, '"x{64}" is not known here'),
                (json.dumps(SESSION)[:-1] + ',"AppId":1}',
                 '"AppId" is not known here, or is there twice'),
                (SESSION | {"AppId": None}, '"AppId" is missing'),
                (SESSION | {"AppId": 1 << 32}, number.format("AppId",
                                                             (1 << 32) - 1)),
                (SESSION | {"AppId": "1"}, '"AppId" is no whole number'),
                (SESSION | {"AppId": 1.0}, '"AppId" is no whole number'),
                (SESSION | {"AppId": -1}, '"AppId" is no whole number'),
                (SESSION | {"RoomID": ""}, '"RoomID" is no string, too long'),
                (SESSION | {"RoomID": "x" * 128}, '"RoomID" is no string'),
                (SESSION | {"RoomSessionId": 7}, '"RoomSessionId" is no str'),
                (SESSION | {"RoomSessionId": "7x"}, '"RoomSessionId" is no'),
                (SESSION | {"RoomSessionId": ""}, '"RoomSessionId" is no'),
                (SESSION | {"RoomSessionId": str(1 << 64)}, "number of 64"),
                (SESSION | {"First": 1 << 64}, '"First" is no whole number'),
                (SESSION | {"Closed": 1}, '"Closed" is neither true nor'),
                (SESSION | {"CloseTime": 1}, '"Closed" is not true, but'),
                (SESSION | {"Creator": "u"}, '"RoomCreateTime" is missing'),
                (SESSION | {"Kept": {"a": 1}}, '"RoomCreateTime" is missing'),
                (SESSION | {"RoomCreateTime": 1, "Kept": []},
                 '"Kept" is no object'),
                (SESSION | {"RoomCreateTime": 1, "Kept": {"a": "x" * 20000}},
                 '"Kept" is no object, or too long'),
                (SESSION | {"Seen": []}, '"Seen" is no object'),
                (SESSION | {"Seen": {"Seq": []}}, '"Seq" is not known here'),
                (STREAM | {"StreamId": "x" * 256}, '"StreamId" is no string'),
                (STREAM | {"ExtraInfo": "x" * 1025}, '"ExtraInfo" is no str'),
                (STREAM | {"CloseReason": 1 << 32}, '"CloseReason" is no'),
                (USER | {"UserRole": 1 << 31}, '"UserRole" is no whole num'),
                (USER | {"UserSessionId": None}, '"UserSessionId" is missing'),
                ({"Kind": "store", "Layout": 2, "Records": 0}, "of another"),
                ({"Kind": "store", "Layout": 1}, '"Records" is missing'),
                *((SESSION | {"Seen": {"StreamSeq": seen}},
                   '"StreamSeq" is no array of ranges in order') for seen in (
                    {}, [1], [[1]], [[1, 2, 3]], [["1", "2"]], [[0, 1]],
                    [[2, 1]], [[1, 1 << 64]], [[1, (1 << 64) - 1]],
                    [[5, 6], [3, 4]], [[1, 5], [5, 6]], [[1, 1], [1, 1]],
                    [[3, 20000]], [[20000, 20001]],
                    [[1, 9], [11, 1 << 60]])),
                *((SESSION | {"Seen": {"StreamSeq": [[1, 9]]},
                              "Lost": {"StreamSeq": lost}}, '"Lost" says what')
                  for lost in ({"Count": 1}, {"Count": 1, "From": 1, "To": 10},
                               {"Count": 3, "From": 1, "To": 2},
                               {"Count": 0, "From": 1, "To": 2},
                               {"Count": 1, "From": 3, "To": 2}))):
            if isinstance(line, dict):
                line = json.dumps(line)
            if isinstance(line, str):
                line = line.encode()
            with self.subTest(line=line[:100]):
                good = lines_of(SESSION).encode()
                self.wrong(f"line 2: .*{message}", "load", self.dir,
                           lines=good + line + b"\n" + good)
        self.assertFalse(self.dir.exists())

    def test_all_or_nothing(self):
        self.wrong("there are no lines", "load", self.dir)
        self.wrong("line 2: its session is on no line and not in the store",
                   "load", self.dir,
                   lines=lines_of(SESSION, STREAM | {"RoomSessionId": "8"}))
        self.wrong("(?s)line 10: .*nothing was loaded; wrong lines: 30", "load",
                   self.dir, lines="x\n" * 30)
        self.store()
        lines = self.tool("print", self.dir).splitlines(keepends=True)
        other = self.root / "other"
        for part in lines[:-1], lines[:2] + lines[3:], lines[:1]:
            self.wrong(r"nothing was loaded; records: \d, when printed: 3",
                       "load", other, lines="".join(part))
        self.wrong("is no JSON object", "load", other,
                   lines="".join(lines)[:-10])
        self.assertFalse(other.exists())

    @needs_disk
    def test_disk(self):
        """Whichever write or sync fails, all is loaded or nothing."""
        self.store()
        before = self.tool("print", self.dir)
        lines = lines_of(
            {"Kind": "store", "Layout": 1, "Records": 1, "Alive": 9,
             "Missed": 8}, SESSION | {"RoomSessionId": "8"})
        other = self.root / "other"
        shutil.copytree(self.dir, other)
        self.tool("load", other, lines=lines)
        after = self.tool("print", other)
        self.assertNotEqual(before, after)

        file = self.root / "page"
        file.write_bytes(bytes(mmap.PAGESIZE))
        with open(file, "r+b") as opened:
            page = Page.from_buffer(mmap.mmap(opened.fileno(), 0))
        environment = os.environ | {
            "LD_PRELOAD": f"{LIBRARY} {os.environ.get('LD_PRELOAD', '')}",
            "ZEGO_DISK": str(file)}
        for calls in page.write, page.dsync, page.sync:
            for number in itertools.count(1):
                shutil.rmtree(other)
                shutil.copytree(self.dir, other)
                calls.fail(errno.EIO)
                calls.first = number
                done = self.run_tool("load", other, lines=lines,
                                     env=environment)
                failed = calls.calls >= number
                calls.heal()
                self.assertEqual(failed, done.returncode, done.stderr)
                self.assertEqual(failed, b"nothing was loaded" in done.stderr)
                self.assertEqual(before if failed else after,
                                 self.tool("print", other))
                if not failed:
                    break
            self.assertGreater(number, 1)

    def test_any_order(self):
        """And in parts, of which each may need what the store has."""
        gateway = self.gateway()
        self.served(gateway)
        gateway.end()
        printed = self.tool("print", self.dir)
        head, *lines = printed.splitlines(keepends=True)
        self.rng.shuffle(lines)
        self.tool("load", self.root / "other", lines=head + "".join(lines))
        self.assertEqual(printed, self.tool("print", self.root / "other"))

        lines.sort(key=lambda line: json.loads(line)["Kind"] != "session")
        for part in range(0, len(lines), 100):
            self.tool("load", self.root / "parts",
                      lines="".join(lines[part:part + 100]))
        self.assertEqual(printed.split("\n", 1)[1], self.tool(
            "print", self.root / "parts").split("\n", 1)[1])

    # ---- with nginx

    def test_running(self):
        """It prints what is listed, and disturbs nobody."""
        gateway = self.gateway(http="zego_keep user room_name;")
        world = of_world(self.rng, "room ", rooms=40)
        vendor = Vendor(gateway, [carried(self.rng, world, 100)] * 4)
        until(lambda: vendor.accepted, "callbacks come in")
        prints = 0
        end = time.monotonic() + 4
        while time.monotonic() < end:
            accepted = list(vendor.accepted)
            lines = self.tool("print", self.dir)
            self.assertIn("sound", self.tool("check", self.dir))
            self.covers(lines, accepted)
            prints += 1
        vendor.stop()
        self.assertEqual([], vendor.lost)
        lines = self.tool("print", self.dir)
        rooms = gateway.rooms()
        for room in rooms.values():
            for user in room["UserList"]:
                user.pop("room_name")
        self.assertEqual(rooms, from_lines(lines))
        self.assertIn(f'"Kept":{{"room_name":"room ', lines)
        counts = self.tool("check", self.dir)
        for name in "rooms", "streams", "users":
            self.assertIn(f"{name} {gateway.metric(f'zego_{name}')}", counts)
        self.assertIn(f"tombstones {gateway.metric('zego_tombstones')}\n",
                      counts)
        say(f"{prints} prints beside {len(vendor.accepted)} callbacks; "
            f"{counts!r}")

    def covers(self, lines, accepted):
        """What was accepted before, or something newer."""
        seqs = {}
        for line in map(json.loads, lines.splitlines()):
            if line["Kind"] == "stream":
                key = (line["RoomID"], line["RoomSessionId"],
                       line["StreamId"])
                seqs[key] = line["StreamSeq"]
        for callback in accepted:
            if callback["event"].startswith("stream_"):
                key = (callback["room_id"], callback["room_session_id"],
                       callback["stream_id"])
                self.assertGreaterEqual(seqs[key],
                                        int(callback["stream_seq"]))

    def test_moved(self):
        """To another store, which is served as the first was."""
        first = self.gateway()
        truth = from_set(self.served(first))
        first.check(truth)
        first.end()
        lines = self.tool("print", self.dir)
        self.assertEqual(truth, from_lines(lines))
        self.tool("load", self.root / "other", lines=lines)
        second = self.gateway(self.root / "other")
        second.check(truth)
        second.end()
        self.assertEqual(truth,
                         from_lines(self.tool("print", self.root / "other")))

        # from long ago: callbacks were missed
        alive = json.loads(lines.split("\n", 1)[0])["Alive"]
        self.assertLess(abs(time.time() * 1000 - alive), 60000)
        self.tool("load", self.root / "old", lines=lines.replace(
            f'"Alive":{alive}', f'"Alive":{alive - 10 ** 7}'))
        old = self.gateway(self.root / "old")
        truth = {key: room | {"Complete": False}
                 for key, room in truth.items()}
        old.check(truth)
        until(lambda: old.metric("zego_store_bytes"), "it is noted")
        old.end()
        self.tool("load", self.root / "older",
                  lines=self.tool("print", self.root / "old"))
        self.gateway(self.root / "older").check(truth)

    def test_by_hand(self):
        """A start on lines that someone has written."""
        self.store(SESSION, STREAM, STREAM | {"StreamId": "t", "Closed": True},
                   USER | {"UserLoginTime": 5, "UserUpdateSeq": 2},
                   USER | {"UserLoginTime": 6, "UserSessionId": "2"},
                   SESSION | {"RoomSessionId": "8", "Closed": True})
        nothing = dict.fromkeys(STREAM_LIST + USER_LIST)
        stream = {name: (nothing | STREAM | {
            "StreamSeq": 0, "StreamCreateTime": 0})[name]
            for name in STREAM_LIST}
        user = {name: (nothing | USER | {"UserSessionId": "2",
                                         "UserLoginTime": 6})[name]
                for name in USER_LIST}
        gateway = self.gateway()
        gateway.check({(1, "r"): listed((1, "r"), 7, None, None, [stream],
                                        [user])})

    def test_into_running(self):
        """Others' lines are joined with what is listed, soon."""
        one = self.gateway()
        truth = from_set(self.served(one))
        world = of_world(self.rng, "other ", rooms=30)
        callbacks = list(itertools.islice(world, 2000))
        other = self.gateway(self.root / "other")
        other.deliver([other.connect()], [map(encode, callbacks)])
        self.tool("load", self.dir,
                  lines=self.tool("print", self.root / "other"))
        truth |= from_set(callbacks)
        until(lambda: one.rooms() == truth, "they are joined")
        self.assertEqual(truth, from_lines(self.tool("print", self.dir)))

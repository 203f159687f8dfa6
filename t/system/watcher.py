"""Who follows the lists by what changes of them, in each way there is, and is
cut off now and then."""

import http.client
import json
import re
import socket
import threading
import urllib.parse

from gateway import DEADLINE

KINDS = {"stream": ("StreamList", "StreamId"), "user": ("UserList", "UserId")}
RANGES = 64


def hashed(*parts):
    return hash(json.dumps(parts, sort_keys=True))


class Room:
    """As it is listed, and a hash of that."""

    def __init__(self):
        self.info = None
        self.lists = {"stream": {}, "user": {}}
        self.hash = 0

    def put(self, info):
        if self.info:
            self.hash ^= hashed(self.info)
        self.info = info
        self.hash ^= hashed(info)

    def put_entry(self, kind, key, entry):
        self.delete_entry(kind, key)
        self.lists[kind][key] = entry
        self.hash ^= hashed(kind, entry)

    def delete_entry(self, kind, key):
        if key in self.lists[kind]:
            self.hash ^= hashed(kind, self.lists[kind].pop(key))

    def listed(self):
        info = dict(self.info)
        return {"RoomInfo": info, "Complete": info.pop("Complete"),
                "Missing": info.pop("Missing")} | {
                    name: [self.lists[kind][key]
                           for key in sorted(self.lists[kind])]
                    for kind, (name, _) in KINDS.items()}


class List:
    """Rooms by app and id."""

    def __init__(self, rooms=()):
        self.rooms = {}
        for listed in rooms:
            self.add(listed)

    def add(self, listed):
        room = Room()
        room.put(listed["RoomInfo"] | {
            "Complete": listed["Complete"],
            "Missing": {counter: ranges[:RANGES] for counter, ranges
                        in listed["Missing"].items()}})
        for kind, (name, key) in KINDS.items():
            for entry in listed[name]:
                room.put_entry(kind, entry[key], entry)
        info = listed["RoomInfo"]
        self.rooms[info["AppId"], info["RoomID"]] = room

    def apply(self, change):
        """The room that it is of."""
        key, kind = change["Key"], change["Kind"]
        name = key["AppId"], key["RoomID"]
        assert set(change) == {"Revision", "Type", "Kind", "Key", "Object",
                               "Event"}, change
        if kind == "room" and change["Type"] == "delete":
            self.rooms.pop(name, None)
        elif kind == "room":
            self.rooms.setdefault(name, Room()).put(change["Object"])
        elif name in self.rooms:
            entry = key[KINDS[kind][1]]
            if change["Type"] == "delete":
                self.rooms[name].delete_entry(kind, entry)
            else:
                self.rooms[name].put_entry(kind, entry, change["Object"])
        return name

    def hash_of(self, name):
        return self.rooms[name].hash if name in self.rooms else None

    def hash(self):
        total = 0
        for name, room in self.rooms.items():
            total ^= hash((name, room.hash))
        return total

    def listed(self):
        return {name: room.listed() for name, room in self.rooms.items()}


class Truth:
    """What was listed at each version, as the first to see it says; the others
    must agree."""

    def __init__(self):
        self.lock = threading.Lock()
        self.seen = {}
        self.revisions = 0
        self.ended = False      # there will be no more
        self.wrong = []

    def see(self, who, version, room, value):
        """room: None if the value is of all."""
        with self.lock:
            self.revisions += room is None and (version, room) not in self.seen
            if self.seen.setdefault((version, room), value) != value:
                self.wrong.append((str(who), version, room))


class Watcher:
    """Keeps the list, or that of one app or one room, and goes on after each
    cut."""

    def __init__(self, gateway, rng, truth, way, room=None, appid=None, cut=0,
                 lag=0):
        self.gateway, self.rng, self.truth = gateway, rng, truth
        self.way, self.room, self.appid = way, room, appid
        self.all = not room and not appid
        self.cut = cut          # after so many bytes of events, on average
        self.lag = lag          # it waits for so many revisions then, at most
        self.list = List()
        self.version = self.exact_from = None
        self.exact = False
        self.begun = None       # a revision of which not all was read yet
        self.counts = dict.fromkeys(
            ("connections", "events", "synced", "bookmark", "epoch",
             "expired", "slow"), 0)
        self.errors = []
        self.connection = None
        self.lock = threading.Lock()
        self.stopping = False
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def __str__(self):
        return f"{self.way} {self.room or self.appid or 'all'}"

    def follows(self, name):
        return self.room in (None, name) and self.appid in (None, name[0])

    def stop(self):
        self.stopping = True
        connection = self.connection
        if connection and connection.sock:
            try:
                connection.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.thread.join(DEADLINE)

    def listed(self):
        """None while that is not known."""
        with self.lock:
            return (self.list.listed()
                    if self.exact and self.begun is None else None)

    def work(self):
        try:
            while not self.stopping:
                try:
                    if self.way == "pages":
                        self.follow_pages()
                    else:
                        self.follow_events()
                except (OSError, http.client.HTTPException):
                    continue
                self.dawdle()
        except Exception as error:      # to be seen by the test
            self.errors.append(f"{self}: {error!r}")
            raise

    def dawdle(self):
        enough = self.truth.revisions + self.rng.randrange(self.lag // 2,
                                                           self.lag + 1)
        while self.truth.revisions < enough and not self.truth.ended:
            threading.Event().wait(.005)

    def path(self, **query):
        path = "changes"
        if self.room:
            query["appid"], room = self.room
            path = "rooms/" + urllib.parse.quote(room, safe="")
        elif self.appid:
            query["appid"] = self.appid
        return f"/zego/{path}?{urllib.parse.urlencode(query)}"

    def get(self, path, headers={}, expected=(200,)):
        """A response with one of these, or None if it is a 503."""
        if self.connection:
            self.connection.close()
        self.counts["connections"] += 1
        self.connection = http.client.HTTPConnection(
            "127.0.0.1", self.gateway.port, timeout=DEADLINE)
        self.connection.request("GET", path, headers=headers)
        response = self.connection.getresponse()
        if response.status == 503:
            threading.Event().wait(.01)
            return None
        assert response.status in expected, (path, response.status,
                                             response.read())
        return response

    def json(self, path):
        response = self.get(f"/zego/{path}")
        return response and json.loads(response.read())

    # ---- what is told

    def forget(self):
        with self.lock:
            self.list, self.exact = List(), False
            self.version = self.exact_from = self.begun = None

    def apply(self, change):
        with self.lock:
            self.counts["events"] += 1
            revision = change["Revision"]
            if self.version:        # else of a list
                assert self.begun in (None, revision), (self.begun, change)
                self.begun = revision
            name = self.list.apply(change)
            assert self.follows(name), change
            return name

    def whole(self, version, name=None):
        """All of a revision, which is of that room, or up to it."""
        with self.lock:
            if name:
                self.in_order(version)
                assert version[1] == self.begun, (version, self.begun)
            assert name or self.begun is None, version
            self.begun, self.version = None, version
            if self.exact_from is not None \
                    and version[1] >= self.exact_from:
                self.exact = True
            if not self.exact:
                return
            if name:
                self.truth.see(self, version, name, self.list.hash_of(name))
            if self.all:
                self.truth.see(self, version, None, self.list.hash())

    def in_order(self, version):
        epoch, revision = self.version
        assert version[0] == epoch and revision < version[1], version
        assert not self.all or version[1] == revision + 1, (self.version,
                                                            version)

    @staticmethod
    def version_of(text):
        assert re.fullmatch("[0-9a-f]{16}-[0-9]+", text), text
        epoch, revision = text.split("-")
        return epoch, int(revision)

    def text_of(self, version):
        return f"{version[0]}-{version[1]}"

    # ---- events

    def follow_events(self):
        if self.way == "anew" or not self.exact:
            self.forget()
        query, headers = {}, {"Accept": "text/event-stream"}
        if self.version:
            text = self.text_of(self.version)
            match self.way:
                case "header":
                    headers["Last-Event-ID"] = text
                case way:
                    query[way] = text
        response = self.get(self.path(**query), headers)
        if not response:
            return
        left = self.rng.randrange(2 * self.cut + 1)
        data = b""
        self.begun = None       # its changes come again
        while some := response.read1(65536):
            if self.cut:
                some = some[:left]
                left -= len(some)
            *events, data = (data + some).split(b"\n\n")
            for event in events:
                self.event(event.decode())
            if self.cut and not left:
                return

    def event(self, text):
        lines = dict(line.split(": ", 1) for line in text.split("\n"))
        assert len(lines) == text.count("\n") + 1, text
        if list(lines) == ["retry"]:
            return
        event, data = lines["event"], json.loads(lines["data"])
        version = "id" in lines and self.version_of(lines["id"])
        match event:
            case "put" | "delete":
                assert data["Type"] == event, text
                assert self.exact or not version, text
                name = self.apply(data)
                if version:
                    self.whole(version, name)
            case "synced":
                assert not self.exact and self.version is None, text
                assert self.version_of(data["Version"]) == version, text
                assert data["Since"] > 10 ** 12, text
                self.counts["synced"] += 1
                self.exact_from = version[1]
                self.whole(version)
            case "bookmark":
                assert self.version_of(data["Version"]) == version, text
                assert self.exact and version >= self.version, text
                self.counts["bookmark"] += 1
                self.whole(version)
            case "reset":
                assert not version, text
                self.counts[data["Reason"]] += 1
                self.forget()
            case _:
                raise AssertionError(text)

    # ---- pages

    def follow_pages(self):
        if not self.version and not self.begin_pages():
            self.forget()
            return
        query = {"after": self.text_of(self.version),
                 "wait": self.rng.choice(("0", "20ms", "1s")),
                 "limit": self.rng.choice((1, 5, 100, 1000))}
        response = self.get(self.path(**query), expected=(200, 410))
        if not response:
            return
        page = json.loads(response.read())
        if response.status == 410:
            self.counts[page["Reason"]] += 1
            self.forget()
            return
        changes = page["ChangeList"]
        for change, after in zip(changes, changes[1:] + [None]):
            name = self.apply(change)
            if not after or after["Revision"] != change["Revision"]:
                self.whole((self.version[0], change["Revision"]), name)
        version = self.version_of(page["Version"])
        assert version >= self.version, page
        assert page["More"] or not self.all or not changes \
            or version[1] == changes[-1]["Revision"], page
        self.whole(version)
        if self.cut and self.rng.random() < .02:
            self.forget()

    def begin_pages(self):
        """The list as it is read page by page, and the version of the first;
        true if all of it was there."""
        self.forget()
        first = self.json("rooms?limit=1")
        if not first:
            return False
        self.version = self.version_of(first["Version"])
        if self.room:
            response = self.get(self.path(), expected=(200, 404))
            if not response:
                return False
            if response.status == 200:
                self.list.add(json.loads(response.read()))
        cursor = None
        while not self.room:
            page = self.json("rooms?limit=3"
                             + (f"&appid={self.appid}" if self.appid else "")
                             + (f"&cursor={cursor}" if cursor else ""))
            if not page:
                return False
            with self.lock:
                for room in page["RoomList"]:
                    self.list.add(room)
            cursor = page["Next"]
            if cursor is None:
                break
        last = self.json("rooms?limit=1")
        if not last:
            return False
        epoch, self.exact_from = self.version_of(last["Version"])
        self.counts["synced"] += 1
        return epoch == self.version[0]

"""The vendor's callbacks, and what they amount to, told in two ways: from
their order, and from the set of them."""

import collections
import itertools
import json
import urllib.parse

# ---- callbacks ------------------------------------------------------------


def encode(callback, form="json"):
    if form == "form":
        return urllib.parse.urlencode(callback).encode()
    text = json.dumps(callback, ensure_ascii=False)
    if form == "percent":
        return urllib.parse.quote(text, safe="").encode()
    return text.encode()


class Life:
    """The callbacks of one life of a room.  Whatever else they carry follows
    from their ids, so that equal facts are equal as a whole."""

    def __init__(self, room, session, clock, appid=1, numbered=True):
        self.room, self.session, self.appid = room, session, appid
        self.clock, self.numbered = clock, numbered
        self.stream_seq, self.user_seq = itertools.count(1), itertools.count(1)
        self.streams, self.logins = {}, {}

    def room_create(self):
        return self.room_event("room_create", "room_create_time",
                               id_name=f"{self.room} host")

    def room_close(self):
        return self.room_event("room_close", "room_close_time",
                               close_reason=0)

    def room_event(self, event, time, **fields):
        now = next(self.clock)
        return {"event": event, "appid": self.appid,
                "timestamp": now // 1000, "nonce": "123456",
                "room_id": self.room, "room_session_id": self.session,
                time: str(now)} | fields

    def stream_create(self, stream, recreate="0"):
        now = self.streams[stream] = next(self.clock)
        return self.stream_event(
            "stream_create", stream, create_time=str(now // 1000),
            recreate=recreate, extra_info=json.dumps({"of": stream}),
            rtmp_url=["rtmp://example.com/live"])

    def stream_close(self, stream):
        return self.stream_event("stream_close", stream, type="0",
                                 destroy_timemillis=str(next(self.clock)))

    def stream_event(self, event, stream, **fields):
        created = self.streams[stream]
        return {"event": event, "appid": str(self.appid),
                "timestamp": str(created // 1000), "nonce": "123456",
                "room_id": self.room, "room_session_id": str(self.session),
                "stream_id": stream, "stream_sid": f"s-{stream}",
                "stream_seq": f"{next(self.stream_seq):02}",
                "create_time_ms": str(created),
                "user_id": f"{stream} user",
                "user_name": f"{stream} Zoë"} | fields

    def login(self, user, session):
        now = self.logins[user, session] = next(self.clock)
        return self.user_event("room_login", user, session, now,
                               room_name=self.room)

    def logout(self, user, session):
        return self.user_event("room_logout", user, session, next(self.clock),
                               logout_time=True, reason="0")

    def user_event(self, event, user, session, now, **fields):
        callback = {"event": event, "appid": str(self.appid),
                    "timestamp": str(now // 1000), "nonce": "123456",
                    "room_id": self.room, "room_seq": str(self.session),
                    "user_account": user, "user_nickname": f"{user} 小明",
                    "session_id": str(session), "user_role": "2",
                    "login_time": str(self.logins[user, session])} | fields
        if "logout_time" in fields:
            callback["logout_time"] = str(now)
        if self.numbered:
            callback["user_update_seq"] = str(next(self.user_seq))
        return callback


def of_world(rng, prefix, rooms=6, apps=(1, 2), start=1700000000000,
             tidy=True):
    """What happens in rooms that live at the same time, without end.  Untidy:
    times and numbers coincide, and some rooms have no room events."""
    world = itertools.count(start)
    now = start

    def clock():
        nonlocal now
        while True:
            if tidy or rng.random() < .6:
                now = next(world)
            yield now

    clock = clock()
    ids = itertools.count(10 ** 17)
    lives = {}
    while True:
        number = rng.randrange(rooms)
        events = tidy or number % 3 > 0
        life = lives.get(number)
        if not life:
            life = lives[number] = Life(
                f"{prefix}{number}", next(ids), clock, rng.choice(apps)
                if number == 1 else apps[0], numbered=number % 4 > 0)
            if not tidy:
                life.stream_seq = unsteady(rng)
                life.user_seq = unsteady(rng)
            life.on, life.there = set(), {}
            if events:
                yield life.room_create()
            continue
        stream = f"stream {rng.randrange(5)}"
        user = f"user {rng.randrange(5)}"
        match rng.randrange(40):
            case 0:
                if events:
                    yield life.room_close()
                del lives[number]
            case n if n < 15 and stream in life.on and rng.random() < .8:
                life.on.remove(stream)
                yield life.stream_close(stream)
            case n if n < 15:
                yield life.stream_create(
                    stream, recreate="1" if stream in life.on else "0")
                life.on.add(stream)
            case n if user in life.there and rng.random() < .7:
                yield life.logout(user, life.there.pop(user))
            case _:
                first = life.there.get(user)
                session = next(ids)
                if first and rng.random() < .2:
                    session = first                     # relogin
                yield life.login(user, session)
                life.there[user] = session
                if first and first != session:
                    yield life.logout(user, first)      # second device


def unsteady(rng):
    number = 1
    while True:
        yield number
        number += rng.random() < .7


def carried(rng, callbacks, window, repeat=.2):
    """Late by up to window others, and again."""
    waiting = []
    for callback in callbacks:
        waiting += [callback] * (1 + (rng.random() < repeat))
        while len(waiting) > window:
            yield waiting.pop(rng.randrange(len(waiting)))
    rng.shuffle(waiting)
    yield from waiting


# ---- what is listed -------------------------------------------------------


def key_of(callback):
    return int(callback["appid"]), callback["room_id"]


def session_of(callback):
    return int(callback.get("room_session_id") or callback["room_seq"])


def stream_of(callback):
    return {"StreamId": callback["stream_id"],
            "StreamSid": callback["stream_sid"],
            "StreamSeq": int(callback["stream_seq"]),
            "StreamCreateTime": int(callback["create_time_ms"]),
            "UserId": callback["user_id"],
            "UserName": callback["user_name"],
            "ExtraInfo": callback["extra_info"]}


def user_of(callback, login_time=None):
    return {"UserId": callback["user_account"],
            "UserName": callback["user_nickname"],
            "UserSessionId": callback["session_id"],
            "UserLoginTime": login_time or int(callback["login_time"]),
            "UserRole": int(callback["user_role"]),
            "UserUpdateSeq": int(callback.get("user_update_seq", 0)) or None}


def listed(key, session, created, creator, streams, users, stream_holes=(),
           user_holes=()):
    return {"RoomInfo": {"AppId": key[0], "RoomID": key[1],
                         "RoomSessionId": str(session),
                         "RoomCreateTime": created, "Creator": creator,
                         "StreamCount": len(streams),
                         "UserCount": len(users)},
            "StreamList": sorted(streams, key=lambda s: s["StreamId"]),
            "UserList": sorted(users, key=lambda u: u["UserId"]),
            "Complete": not stream_holes and not user_holes,
            "Missing": {"StreamSeq": list(stream_holes),
                        "UserUpdateSeq": list(user_holes)}}


def from_order(callbacks):
    """After callbacks that came in order, each once."""
    rooms = {}
    for callback in callbacks:
        key, session = key_of(callback), session_of(callback)
        if key not in rooms or rooms[key][0] != session:
            rooms[key] = session, {}, {}, {}
        _, info, streams, users = rooms[key]
        stream = callback.get("stream_id")
        user = callback.get("user_account")
        match callback["event"]:
            case "room_create":
                info["created"] = int(callback["room_create_time"])
                info["creator"] = callback["id_name"]
            case "room_close":
                del rooms[key]
            case "stream_create":
                streams[stream] = stream_of(callback)
            case "stream_close":
                del streams[stream]
            case "room_login":
                users[user] = user_of(callback)
            case "room_logout":
                if users.get(user, {}).get("UserSessionId") \
                        == callback["session_id"]:
                    del users[user]
    return {key: listed(key, session, info.get("created"),
                        info.get("creator"), streams.values(), users.values())
            for key, (session, info, streams, users) in rooms.items()
            if info or streams or users}


TIMES = ("room_create_time", "room_close_time", "create_time_ms",
         "destroy_timemillis", "login_time", "logout_time")


def from_set(callbacks):
    """The join, computed anew from all callbacks in any order."""
    sessions = collections.defaultdict(list)
    for callback in callbacks:
        sessions[key_of(callback), session_of(callback)].append(callback)

    current = {}
    for (key, session), some in sessions.items():
        by_event = collections.defaultdict(list)
        for callback in some:
            by_event[callback["event"]].append(callback)
        created = max((int(callback["room_create_time"])
                       for callback in by_event["room_create"]), default=None)
        first = min(int(callback[time]) for callback in some
                    for time in TIMES if time in callback)
        start = first if created is None else created
        rank = start, not by_event["room_close"], session
        if key not in current or current[key][0] < rank:
            current[key] = rank, created, by_event

    rooms = {}
    for key, ((_, is_open, session), created, by_event) in current.items():
        streams = live_streams(by_event["stream_create"]
                               + by_event["stream_close"])
        users = live_users(by_event["room_login"] + by_event["room_logout"])
        if is_open and (created is not None or streams or users):
            some = list(itertools.chain(*by_event.values()))
            creator = max((callback["id_name"]
                           for callback in by_event["room_create"]),
                          default=None)
            rooms[key] = listed(key, session, created, creator, streams,
                                users, holes(some, "stream_seq"),
                                holes(some, "user_update_seq"))
    return rooms


def live_streams(callbacks):
    def fact(callback):
        return (int(callback["stream_seq"]), int(callback["create_time_ms"]),
                callback["event"] == "stream_close")

    greatest = {}
    for callback in sorted(callbacks, key=fact):
        greatest[callback["stream_id"]] = callback
    return [stream_of(callback) for callback in greatest.values()
            if callback["event"] == "stream_create"]


def live_users(callbacks):
    def fact(callback):
        out = callback["event"] == "room_logout"
        return (int(callback.get("user_update_seq", 0)),
                int(callback["logout_time" if out else "login_time"]), out)

    greatest, login_time = {}, collections.Counter()
    for callback in sorted(callbacks, key=fact):
        key = callback["user_account"], int(callback["session_id"])
        greatest[key] = callback
        login_time[key] = max(login_time[key], int(callback["login_time"]))

    newest = {}
    for key, callback in greatest.items():
        user, session = key
        rank = login_time[key], callback["event"] == "room_login", session
        newest[user] = max(newest.get(user, ()), (*rank, key))
    return [user_of(greatest[key], time)
            for time, is_in, _, key in newest.values() if is_in]


def holes(callbacks, counter):
    """The ranges of numbers that were not seen, from 1 on."""
    seen = {int(callback[counter])
            for callback in callbacks if counter in callback}
    missing = sorted(set(range(1, max(seen, default=0))) - seen)
    ranges = []
    for number in missing:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ranges

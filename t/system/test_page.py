"""The page for people, in a headless Chromium; what it looks like is left in
build/page."""

import itertools
import os
import random
import re
import signal
import threading
import time
import unittest

from browser import CHROMIUM, Browser, Page
from callbacks import Life, carried, encode, of_world
from gateway import REPO, SEED, Gateway, say, until

HOSTILE = ["<img src=x onerror=\"window.hit=1\">", "</script><b>",
           "'\"&amp;${1}", "javascript:alert(1)", "\u202egpj.exe", "a b/c?d#e"]

# joined, coloured, of text made into one
EMOJI = ["\U0001f468\u200d\U0001f469\u200d\U0001f467",
         "\U0001f9d1\U0001f3fd\u200d\U0001f680",
         "\u2764\ufe0f\u200d\U0001f525\u2764\ufe0f", "1\ufe0f\u20e3"]

CONTRAST = """(() => {
  const colors = getComputedStyle(document.documentElement);
  const light = name => {
    const hex = colors.getPropertyValue(name).trim().slice(1);
    const [r, g, b] = (hex.length == 3 ? hex.replace(/./g, '$&$&') : hex)
      .match(/../g).map(part => parseInt(part, 16) / 255)
      .map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b + .05;
  };
  const pairs = [];
  for (const text of ['--text', '--quiet', '--link']) {
    for (const back of ['--back', '--card', '--hover']) {
      pairs.push([text, back]);
    }
  }
  pairs.push(['--warn', '--mark'], ['--warn', '--back']);
  return pairs.map(([text, back]) => [text, back, Math.max(
    light(text) / light(back), light(back) / light(text))]);
})()"""


@unittest.skipUnless(CHROMIUM, "there is no chromium")
class PageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.clock = itertools.count(int(time.time() * 1000) - 60000)

    def setUp(self):
        self.gateway = Gateway(self)
        self.connection = self.gateway.connect()
        self.browser = Browser(self)
        self.url = f"http://127.0.0.1:{self.gateway.port}/zego"
        self.page = Page(self.browser, self.url)
        self.page.run("window.mark = 1")
        self.state("live")
        self.refused = 0

    def tearDown(self):
        """It was never loaded again, nothing in it failed, and it reached for
        nothing but its nginx."""
        self.assertEqual(1, self.page.run("window.mark"))
        self.assertEqual([], self.page.seen("Runtime.exceptionThrown"))
        self.assertEqual([], [
            entry["entry"] for entry in self.page.seen("Log.entryAdded")
            if not self.refused and "explain" not in entry["entry"]["url"]])
        self.browser.close()
        self.assertEqual({f"127.0.0.1:{self.gateway.port}"},
                         self.browser.connected())

    def post(self, *callbacks):
        for callback in callbacks:
            self.assertEqual((200, b""), self.connection.post(encode(callback)))

    def life(self, room, session=1, **options):
        return Life(room, session, self.clock, **options)

    def state(self, what):
        until(lambda: self.page.run("$('state').textContent") == what, what)

    def why(self):
        return self.page.run(
            "$('why').checkVisibility() ? $('why').textContent : null")

    def rows(self):
        """The texts of the cells."""
        return self.page.run(
            "[...body.rows].map(row => [...row.cells].map("
            "cell => cell.textContent))")

    def first(self):
        return [row[0] for row in self.rows()]

    def shows(self, *first):
        until(lambda: self.first() == list(first), first)

    def tab(self, name):
        self.page.run(f"TABS.{name}.button.click()")

    def note(self):
        return self.page.run("$('note').textContent")

    def test_lives(self):
        """Rooms, streams and users come and go while one looks."""
        self.assertEqual("Nothing is live.", self.note())
        first, second = self.life("first"), self.life("second")
        self.post(first.room_create())
        self.shows("first")
        self.post(second.room_create(), second.stream_create("s1"),
                  second.stream_create("s2"), second.login("u1", 1))
        self.shows("first", "second")
        until(lambda: [row[2:4] for row in self.rows()]
              == [["0", "0"], ["2", "1"]], "counts")
        self.tab("Streams")
        self.shows("s1", "s2")
        self.post(second.stream_close("s1"))
        self.shows("s2")
        self.tab("Users")
        self.shows("u1")
        self.assertEqual(["u1", "second", "u1 小明", "audience"],
                         self.rows()[0][:4])
        self.post(second.room_close())
        self.shows()
        self.tab("Rooms")
        self.shows("first")

        # another life of it is without what was in the one before
        self.post(first.stream_create("old"), first.login("old", 1))
        again = self.life("first", 2)
        self.post(again.room_create(), again.stream_create("new"))
        self.tab("Streams")
        self.shows("new")
        self.tab("Users")
        self.shows()
        self.post(first.room_close(), again.room_close())
        self.tab("Rooms")
        self.shows()

    def test_hostile(self):
        """Ids are text, wherever they are shown."""
        for number, name in enumerate(HOSTILE):
            life = self.life(name, number + 1)
            create = life.stream_create(name) | {"user_id": name,
                                                 "user_name": name}
            login = life.login(name, 1) | {"user_nickname": name}
            self.post(life.room_create() | {"id_name": name}, create, login,
                      life.login("missing", 2) | {"user_update_seq": "5"})
        shown = sorted(name.replace("\u202e", "\\u202e") for name in HOSTILE)
        for tab in "Rooms", "Streams", "Users":
            self.tab(tab)
            until(lambda: set(shown) <= set(self.first()), tab)
        self.tab("Rooms")
        for name in HOSTILE:
            self.page.run("[...body.rows].find(row => row.cells[0].textContent"
                          f" == plain({name!r})).querySelector('a').click()")
            until(lambda: self.page.run(
                f"chosen?.id == {name!r} && explained != null"), name)
            until(lambda: self.page.run(
                "$('room').textContent.split(plain(chosen.id)).length > 4"),
                name)
        self.page.run("$('search').focus()")
        self.page.type(HOSTILE[0] + "<u>none</u>")
        until(lambda: "<u>none</u>" in self.note(), "what is not found")
        self.assertFalse(self.page.run(
            "window.hit || document.querySelector('img, b script, u')"))
        for hidden in ("00ad", "180b", "200b", "200d", "202e", "2066", "2800",
                       "3164", "fe0f", "feff", "{e0041}", "{e0100}"):
            self.assertEqual(rf"a\u{hidden}b",
                             self.page.run(rf"plain('a\u{hidden}b')"))
        for emoji in EMOJI:
            self.assertEqual(emoji, self.page.run(f"plain({emoji!r})"))
        # what they are joined by is seen where it joins none
        self.assertEqual("\\u200d\U0001f469\\u200d", self.page.run(
            r"plain('\u200d\u{1f469}\u200d')"))
        for blank, shown in (" ", r"\u0020"), ("  a b ", r"\u0020 a b\u0020"):
            self.assertEqual(shown, self.page.run(f"plain({blank!r})"))

    def test_alike(self):
        """Ids that are the same when they are joined."""
        one, two = self.life("a"), self.life("a\nb", 2)
        self.post(one.room_create(), one.stream_create("b\nc"),
                  one.login("b\nc", 1), two.room_create(),
                  two.stream_create("c"), two.login("c", 1))
        for tab in "Streams", "Users":
            self.tab(tab)
            self.shows(r"b\u000ac", "c")

    def test_numbers(self):
        """They are up to 2^64."""
        most, less, odd = 2 ** 64 - 2, 10 ** 19 - 1, 2 ** 53 + 1
        life = self.life("room")
        text = '":[1234567890123456789,\\"'
        self.post(life.room_create(),
                  *(life.stream_create(stream) | {"stream_seq": str(number)}
                    for stream, number in (("most", most), ("less", less),
                                           (text, odd), ("few", 7))),
                  life.login("u1", 1) | {"user_update_seq": str(most)})
        until(lambda: [row[6] for row in self.rows()]
              == [f"users 1\u2013{most - 1}; streams 1\u2013{most - 1}"],
              "what it lacks")
        self.tab("Streams")
        self.shows(text, "few", "less", "most")
        self.page.run("heads.cells[4].firstChild.click()")
        self.shows("most", "less", text, "few")
        self.assertEqual([str(most), str(less), str(odd), "7"],
                         [row[4] for row in self.rows()])
        self.tab("Users")
        self.assertEqual(str(most), self.rows()[0][4])
        self.page.run("body.querySelector('a').click()")
        until(lambda: re.search(
            f"number {most}.*user number {most}.*stream number {odd}",
            self.page.run("$('room').textContent")), "all of it")

    def test_address(self):
        """One that begins with two slashes leads nowhere else."""
        self.post(self.life("room").room_create())
        page = Page(self.browser, self.url.replace("/zego", "//zego/#1/room"))
        until(lambda: page.run("$('state').textContent") == "live", "live")
        until(lambda: "Listed" in page.run("$('room').textContent"), "why")
        page.key("Escape")
        until(lambda: page.run("$('room').hidden"), "closed")
        self.assertTrue(page.run("location.href").endswith("//zego/"))

    def test_search(self):
        """Of many, what is looked for."""
        names = [f"room {number:03}" for number in range(500)]
        self.gateway.deliver([self.connection], [[
            encode(self.life(name, number + 1).room_create()
                   | {"id_name": f"Zoë {number % 5}"})
            for number, name in enumerate(names)]])
        until(lambda: self.page.run("rooms.size") == 500, "all")
        until(lambda: self.note()
              == "The first 200 of 500. Search for the others.", "a part")
        self.assertEqual(200, len(self.rows()))
        self.page.key("/")
        self.page.type("M 49")
        self.shows(*(name for name in names if "49" in name))
        self.assertEqual("", self.note())
        self.page.type("3 zoË")
        self.shows("room 493")
        self.page.type(" 2")
        until(lambda: self.note().startswith("Nothing matches."), "none")
        self.page.run("$('search').value = ''")
        life = self.life("broken", 1000)
        self.post(life.room_create(), life.login("a", 1)
                  | {"user_update_seq": "3"})
        self.page.run("$('partial').click()")
        until(lambda: [row[6] for row in self.rows()] == ["users 1\u20132"],
              "what it lacks")
        self.page.run("$('partial').click()")
        self.page.run("heads.cells[3].firstChild.click()")
        until(lambda: self.first()[0] == "broken", "most users first")

    def test_room(self):
        """Why it is what it is, as it changes."""
        life = self.life("room")
        create, on = life.room_create(), life.stream_create("on")
        off = life.stream_create("off")
        close, lost = life.stream_close("off"), life.login("u1", 1)
        login = life.login("u2", 2)
        self.post(create, on, on, close, off, login)
        self.shows("room")
        self.page.run("body.querySelector('a').click()")

        def text():
            return self.page.run("$('room').textContent")

        def tells(*patterns):
            until(lambda: all(re.search(pattern, text())
                              for pattern in patterns), patterns)

        tells(r"Listed", r"What is missing\s*Of logins and logouts: 1\.",
              r"off.*Not listed.*stream_close", r"on.*stream_create.*duplicate",
              r"stream_create\s*late", r"lag \d")
        self.post(lost)
        tells("room_login.*late.*u1.*room_login.*u2")
        self.assertNotIn("What is missing", text())
        self.post(life.room_close())
        self.shows()
        tells("^room.*Not listed.*room_close.*closed ")
        self.page.key("Escape")
        until(lambda: self.page.run("$('room').hidden"), "closed")

        # one that is not listed can be asked for
        self.page.key("/")
        self.page.type("room")
        until(lambda: self.page.run("$('note').querySelector('a')?.href"),
              "the question")
        self.page.run("$('note').querySelector('a').click()")
        tells("^room.*Not listed.*room_close")
        self.page.run("history.back()")
        until(lambda: self.page.run("$('room').hidden"), "back")

        # nor need its app be known
        again = self.life("again", 2)
        self.post(again.room_create(), again.login("u3", 1))
        self.shows()
        self.page.run("location.hash = '/again'")
        tells("^again.*Listed.*Streams 0.*Users 1u3")
        self.post(again.login("u4", 2))
        tells("Users 2u3.*u4")

    def test_apps(self):
        """Rooms of two apps, with the same id."""
        lives = [self.life("same", 1), self.life("same", 2, appid=2)]
        for life in lives:
            self.post(life.room_create(), life.login(f"in {life.appid}", 1))

        def tells(pattern):
            until(lambda: re.search(pattern, self.page.run(
                "$('app')?.value + ' ' + $('room').textContent")), pattern)

        until(lambda: [row[:2] for row in self.rows()]
              == [["same", "1"], ["same", "2"]], "both")
        for app in 1, 2:
            self.page.run(f"body.rows[{app - 1}].querySelector('a').click()")
            tells(f"^{app} same.*Listed.*Users 1in {app}")

        # where it is live, if it is not said which is meant
        several = "^ same.*known in several apps.*"
        self.page.run("location.hash = '/same'")
        tells(several + "Live in the app 1 2")
        self.page.run("$('room').querySelectorAll('a')[1].click()")
        tells("^2 same.*Listed")

        # and where it was
        for life in lives:
            self.post(life.room_close())
        self.shows()
        self.page.run("location.hash = '/same'")
        tells(several)
        for app in "2", "01":
            self.page.run("$('app').select(); $('app').focus()")
            self.page.type(app)
            self.page.key("\r")
            tells(f"^{int(app)} same.*Not listed.*in {int(app)}")

    def test_reload(self):
        """An nginx that is configured anew, or has gone for a moment."""
        self.post(self.life("kept").room_create())
        self.shows("kept")
        self.refused = 1
        self.gateway.reload({})
        self.connection = self.gateway.connect()
        self.post(self.life("later", 2).room_create())
        self.shows("kept", "later")
        self.state("live")
        self.gateway.crash()
        self.state("no connection")
        until(self.why, "why")
        self.assertRegex(self.why(), r"^nginx cannot be reached.* since \d")
        self.shows("kept", "later")
        self.gateway.start()
        self.connection = self.gateway.connect()
        self.post(self.life("new", 3).room_create())
        self.shows("new")
        self.state("live")
        self.assertIsNone(self.why())

        # what was forgotten is not gone on from
        urls = {event["requestId"]: event["request"]["url"]
                for event in self.page.seen("Network.requestWillBeSent")}
        asked = ["Last-Event-ID" in event["headers"] for event
                 in self.page.seen("Network.requestWillBeSentExtraInfo")
                 if urls[event["requestId"]].endswith("/changes")]
        self.assertIn(True, asked)
        self.assertFalse(asked[-1])

    def test_silence(self):
        """A connection on which nothing comes any more is not live."""
        self.post(self.life("kept").room_create())
        self.shows("kept")
        self.refused = 1
        workers = self.gateway.workers()
        for worker in workers:
            os.kill(worker, signal.SIGSTOP)
        try:
            self.page.run("{ const now = Date.now;"
                          " Date.now = () => now() + 60000; }")
            self.state("no connection")
            self.assertIn("cannot be reached", self.why())
        finally:
            for worker in workers:
                os.kill(worker, signal.SIGCONT)
        self.state("live")
        self.shows("kept")

    def test_reset(self):
        """A stream of changes that ends."""
        self.post(self.life("kept").room_create())
        self.shows("kept")
        self.page.run("""
          window.EventSource = class extends EventSource {
            constructor(url) { super(url); window.source = this; } };
          { const now = Date.now; Date.now = () => now() + 60000;
            window.back = () => { Date.now = now; }; } 0""")
        until(lambda: self.page.run("window.source?.readyState == 1"), "again")
        self.page.run("back()")
        for reason, why in (("slow", "faster than"), ("epoch", "made anew"),
                            ("expired", "too long")):
            self.state("live")
            self.assertIsNone(self.why())
            state, said = self.page.run(
                "source.dispatchEvent(new MessageEvent('reset', { data:"
                f"""'{{"Reason":"{reason}"}}' }}));"""
                "[$('state').textContent, $('why').textContent]")
            self.assertEqual(f"reset: {reason}", state)
            self.assertIn(why, said)
            self.assertEqual(["kept"], self.first())
        self.post(self.life("new", 2).room_create())
        self.shows("kept", "new")

    def test_looks(self):
        """By day and by night, on a desk and in a hand, under load."""
        rng = random.Random(SEED)
        stop = threading.Event()
        start = int(time.time() * 1000)
        world = carried(rng, of_world(
            rng, "meeting ", rooms=24, start=start), 20)

        def live():
            while not stop.wait(.02):
                now = next(world)
                if now["event"] == "room_login" and rng.random() < .02:
                    continue                        # lost
                self.connection.post(encode(now))

        thread = threading.Thread(target=live)
        thread.start()
        try:
            time.sleep(22)
            self.looks()
        finally:
            stop.set()
            thread.join()

    def looks(self):
        directory = REPO / "build/page"
        directory.mkdir(parents=True, exist_ok=True)
        for dark, (size, width, height) in itertools.product(
                (False, True), (("wide", 1440, 900), ("narrow", 390, 844))):
            self.page.look(width, height, dark)
            for view in "list", "room":
                name = f"{view}-{size}-{'dark' if dark else 'light'}"
                with self.subTest(name=name):
                    if view == "room":
                        self.page.run("(body.querySelector('.partial a') ?? "
                                      "body.querySelector('a')).click()")
                        until(lambda: self.page.run("explained != null"), name)
                    time.sleep(.3)
                    self.page.screenshot(directory / f"{name}.png")
                    self.assertLessEqual(*self.page.run(
                        "[document.documentElement.scrollWidth, innerWidth]"))
                    if view == "room":
                        self.page.key("Escape")
                        until(lambda: self.page.run("$('room').hidden"), name)
            for *pair, contrast in self.page.run(CONTRAST):
                self.assertGreater(contrast, 4.5, pair)
        charts = self.page.run(
            "[...document.querySelectorAll('figure')].map(figure => "
            "figure.hidden ? '' : figure.querySelector('svg').ariaLabel)")
        say("; ".join(filter(None, charts)))
        for chart, pattern in zip(charts, (
                r"Callbacks, .*/s, applied ", r"Lag, .* s, median, 99 %",
                r"Out of order, .* %", r"Zone, .* %, .* of 16 MB")):
            self.assertRegex(chart, pattern)


if not CHROMIUM:
    say("test_page: skipped, as there is no chromium")

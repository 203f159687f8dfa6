"""A real nginx with the module, and clients for it.

From the environment: TEST_NGINX_BINARY, TEST_NGINX_LOAD_MODULES and
TEST_NGINX_SERVROOT as in Test::Nginx; ZEGO_SEED to repeat a run, ZEGO_ROUNDS
for longer ones, ZEGO_SAMPLE for shorter; ZEGO_FAULTS_MODULE, the module built
to do wrong where a nonce tells it to (cmake's target "faults"; the nonces are
in t/faults/faults.c), empty where it is inside; ZEGO_WATCHED_NGINX, the nginx
of tools/build-faults.
"""

import atexit
import collections
import contextlib
import ctypes
import http.client
import itertools
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse

from callbacks import encode

REPO = pathlib.Path(__file__).resolve().parents[2]
NGINX = os.environ.get("TEST_NGINX_BINARY", "/usr/sbin/nginx")
MODULES = [str(pathlib.Path(path).resolve()) for path in os.environ.get(
    "TEST_NGINX_LOAD_MODULES",
    f"{REPO}/build/ngx_http_zego_module.so").split()]
WATCHED = os.environ.get("ZEGO_WATCHED_NGINX")
FAULTS = os.environ.get("ZEGO_FAULTS_MODULE", f"{REPO}/build/faults.so")
LOAD_FAULTS = (f"load_module {pathlib.Path(FAULTS).resolve()};" if FAULTS
               else "")
BASE = pathlib.Path(os.environ.get(
    "TEST_NGINX_SERVROOT", f"{tempfile.gettempdir()}/servroot")).parent

SEED = int(os.environ.get("ZEGO_SEED") or random.randrange(10 ** 6))
ROUNDS = int(os.environ.get("ZEGO_ROUNDS") or 1)
SAMPLE = int(os.environ.get("ZEGO_SAMPLE") or 1)

DEADLINE = 60

DIED = r"\[alert\] .* worker process \d+ exited on signal 9"

# of an nginx that is killed its workers become ours
ctypes.CDLL(None).prctl(36, 1)          # PR_SET_CHILD_SUBREAPER

CONFIG = """\
%(user)s
daemon off;
master_process %(master)s;
worker_processes %(workers)s;
pid nginx.pid;
error_log error.log notice;
%(load)s

events {
    worker_connections 512;
}
"""

HTTP = """
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    keepalive_requests 10000000;
    add_header X-Worker $pid always;

    zego_zone zone=rooms:%(size)s horizon=%(horizon)s;
    %(http)s

    server {
        listen 127.0.0.1:%(port)s reuseport %(listen)s;
        %(server)s

        location = /callback {
            zego_callback zone=rooms;
        }

        location /zego/ {
            zego_status zone=rooms;
        }
    }
}
"""

# of a room that is not listed by it
SOUND = encode({"event": "room_close", "appid": 1, "timestamp": 1,
                "nonce": "check", "room_id": "check", "room_session_id": 1,
                "room_close_time": "1", "close_reason": 0})


def say(text):
    print(f"    {text}", flush=True)


def until(condition, what):
    """Polls; what it gives in the end."""
    deadline = time.monotonic() + DEADLINE
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not in {DEADLINE} s: {what}")
        time.sleep(.005)
    return result


def same(test, truth, rooms):
    wrong = [key for key in truth.keys() | rooms.keys()
             if truth.get(key) != rooms.get(key)]
    for key in sorted(wrong)[:3]:
        say(f"wrong {key}:\n      true   {truth.get(key)}\n"
            f"      listed {rooms.get(key)}")
    test.assertEqual(0, len(wrong), f"wrong of {len(truth)} rooms")


CLAIMS = contextlib.ExitStack()
atexit.register(CLAIMS.close)


def free_port():
    """Below those that the kernel gives to clients, as nginx is to find it free
    again after a crash; and of no other run."""
    while True:
        port = random.SystemRandom().randrange(2000, 30000)
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0zego-port-{port}")
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            claim.close()
            continue
        CLAIMS.enter_context(claim)
        return port


def http2(port):
    """What has a server listen for HTTP/2."""
    version = subprocess.run([NGINX, "-v"], capture_output=True,
                             text=True).stderr
    version = [int(part)
               for part in re.search(r"/([\d.]+)", version)[1].split(".")]
    listen = f"listen 127.0.0.1:{port}"
    return (f"{listen}; http2 on;" if version >= [1, 25, 1]
            else f"{listen} http2;")


def post_http2(test, port, body, path="/callback"):
    """With a 200 for an answer."""
    result = subprocess.run(
        ["curl", "-sS", "--http2-prior-knowledge", "--data-binary", "@-",
         "-w", "%{http_version} %{http_code}",
         f"http://127.0.0.1:{port}{path}"],
        input=body, capture_output=True, timeout=DEADLINE)
    test.assertEqual((b"2 200", b""), (result.stdout, result.stderr))


class Gateway:
    """Log lines of [crit] and worse that no pattern in expected matches, and
    an exit status that is not 0, fail the test."""

    def __init__(self, test, nginx=NGINX, environment=None, **settings):
        self.test, self.nginx = test, nginx
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="zego-", dir=BASE))
        test.addCleanup(shutil.rmtree, self.root)
        self.expected = []
        self.connected = []
        self.port = free_port()
        self.settings = {
            "config": CONFIG + HTTP,
            # workers of root would not reach the temporary directory
            "user": "user root;" if os.geteuid() == 0 else "",
            "load": "\n".join(f"load_module {path};" for path in MODULES),
            "port": self.port, "master": "on", "workers": 2, "size": "16m",
            "horizon": "5m", "http": "", "listen": "", "server": ""
        } | settings
        self.environment = os.environ | (environment or {})
        self.configure()
        self.ended = True
        test.addCleanup(self.end)
        self.start()

    def start(self):
        self.ended = False
        started = self.started()
        self.process = subprocess.Popen(
            # ends with this process, however that ends
            ["setpriv", "--pdeathsig", "TERM", *self.command()],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
            env=self.environment)
        until(self.answers, "nginx answers")
        # the kernel does before it takes signals
        if self.settings["master"] == "on":
            until(lambda: self.started() >= started + self.settings["workers"],
                  "workers")

    def started(self):
        return self.count(r"start worker process \d")

    def crash(self):
        """All of its processes at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        with contextlib.suppress(ChildProcessError):
            while True:
                os.waitpid(-self.process.pid, 0)
        self.ended = True

    def command(self):
        return [self.nginx, "-p", f"{self.root}/", "-c", "nginx.conf",
                "-e", "error.log"]

    def configure(self, **settings):
        self.settings |= settings
        path = self.root / "nginx.conf"
        new = path.with_suffix(".new")
        new.write_text(self.settings["config"] % self.settings)
        new.rename(path)        # nginx may be reading it

    def answers(self):
        if self.process.poll() is not None:
            self.ended = True
            raise AssertionError("nginx ended:\n" + self.log())
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port)).close()
            return True

    # ---- the process

    def log(self):
        with contextlib.suppress(FileNotFoundError):
            return (self.root / "error.log").read_text(errors="replace")
        return ""

    def logged(self, pattern):
        return re.findall(f"(?m)^.*{pattern}.*$", self.log())

    def kill(self, number):
        self.process.send_signal(number)

    def hup(self):
        self.kill(signal.SIGHUP)

    def reload(self, *several):
        """One after the other, not waiting for the end of each."""
        started = self.started() + len(several) * self.settings["workers"]
        for settings in several:
            begun = self.count(": reconfiguring")
            self.configure(**settings)
            self.hup()
            until(lambda: self.count(": reconfiguring") > begun, "reloading")
        until(lambda: self.started() >= started, "reloaded")

    def count(self, pattern):
        return len(self.logged(pattern))

    def test_config(self):
        return subprocess.run([*self.command(), "-t"], text=True,
                              capture_output=True, timeout=DEADLINE)

    def workers(self):
        pid = self.process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
        return {int(child) for child in children.read_text().split()}

    def end(self, number=None):
        if self.ended:
            return
        self.ended = True
        if not number and "store=" in (self.root / "nginx.conf").read_text():
            # after a TERM the master kills what has not ended in 1.5 s, and a
            # worker waits for its disk
            number = signal.SIGQUIT
            for connection in self.connected:
                connection.close()
        self.kill(number or signal.SIGTERM)     # unless it has ended by itself
        try:
            self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        bad = [line for line in self.logged(r"\[(?:alert|crit|emerg)\]")
               if not any(re.search(pattern, line)
                          for pattern in self.expected)]
        self.test.assertEqual([], bad[:20])
        self.test.assertEqual(0, self.process.returncode)

    # ---- what it answers

    def connect(self, **options):
        connection = Connection(self.port, **options)
        self.connected.append(connection)
        self.test.addCleanup(connection.close)
        return connection

    def connections(self, each=1):
        """So many to each of the workers."""
        found = collections.defaultdict(list)

        def enough():
            connection = self.connect()
            connections = found[connection.worker()]
            if len(connections) < each:
                connections.append(connection)
            else:
                connection.close()
            return (len(found) >= self.settings["workers"] and
                    all(len(some) >= each for some in found.values()))

        until(enough, "connections to all workers")
        # neighbours lead to different workers
        return [connection for some in zip(*found.values())
                for connection in some]

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port,
                                                timeout=DEADLINE)
        with contextlib.closing(connection):
            connection.request("GET", f"/zego/{path}")
            response = connection.getresponse()
            return response.status, response.read().decode()

    def json(self, path):
        status, body = self.get(path)
        self.test.assertEqual(200, status, body)
        return json.loads(body)

    def version(self):
        """Epoch and revision, or None when it cannot be told."""
        status, body = self.get("rooms?limit=1&detail=counts")
        if status == 503:
            return None
        epoch, revision = json.loads(body)["Version"].split("-")
        return epoch, int(revision)

    def rooms(self, **query):
        """All that is listed, by app and room id."""
        rooms = {}
        query = {"limit": 1000} | query
        while True:
            page = self.json("rooms?" + urllib.parse.urlencode(query))
            for room in page["RoomList"]:
                info = room["RoomInfo"]
                rooms[info["AppId"], info["RoomID"]] = room
            if page["Next"] is None:
                return rooms
            query["cursor"] = page["Next"]

    def metric(self, name):
        text = self.get("metrics")[1]
        return int(re.search(rf"(?m)^{name}{{[^}}]*}} (\d+)$", text)[1])

    def check(self, truth):
        """That this, and nothing else, is listed."""
        if self.settings["master"] == "on":
            until(lambda: len(self.workers()) == self.settings["workers"],
                  "old workers have gone")
        same(self.test, truth, self.rooms())

    def sound(self):
        """That the zone's checker finds nothing; with LOAD_FAULTS."""
        self.test.assertIn(self.connect().post(SOUND)[0], (200, 503))
        self.test.assertEqual([], self.logged("zego zone is inconsistent"))

    def deliver(self, connections, queues, depth=64):
        """Posts each queue in its order on a connection of its own.  No
        more at a time than fits in the sockets' buffers."""
        parts = [iter(lambda queue=iter(queue): list(
            itertools.islice(queue, depth)), []) for queue in queues]
        for batch in itertools.zip_longest(*parts, fillvalue=()):
            for connection, bodies in zip(connections, batch):
                connection.send(*bodies)
            for connection, bodies in zip(connections, batch):
                for _ in bodies:
                    self.test.assertEqual((200, b""), connection.answer())


class Connection:
    def __init__(self, port, rcvbuf=0):
        self.socket = socket.socket()
        self.socket.settimeout(DEADLINE)
        if rcvbuf:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.socket.connect(("127.0.0.1", port))
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def send(self, *bodies, headers="", path="/callback"):
        head = f"POST {path} HTTP/1.1\r\nHost: t\r\n{headers}"
        self.socket.sendall(b"".join(
            b"%bContent-Length: %d\r\n\r\n%b" % (head.encode(), len(body),
                                                 body)
            for body in bodies))

    def answer(self):
        """Status and body of the next one."""
        line = self.file.readline()
        if not line:
            raise ConnectionError("closed")
        length = 0
        self.headers = []
        while (header := self.file.readline()) != b"\r\n":
            self.headers.append(header)
            if header.startswith(b"Content-Length:"):
                length = int(header[15:])
        return int(line[9:12]), self.file.read(length)

    def post(self, body, **options):
        self.send(body, **options)
        return self.answer()

    def worker(self):
        """The process that it leads to."""
        self.post(b"")
        return next(int(header[9:]) for header in self.headers
                    if header.startswith(b"X-Worker:"))


class Vendor:
    """Posts from several connections, each callback until it is accepted or
    the retries are used up, as the vendor does but more often and sooner.
    Each connection takes the next one from a source, which it may share."""

    DELAYS = [min(.01 * 2 ** n, .2) for n in range(60)]

    def __init__(self, gateway, sources, path="/callback"):
        self.gateway, self.path = gateway, path
        self.lock = threading.Lock()
        self.stopping = self.leaving = False
        self.accepted = []
        self.unanswered = []
        self.lost = []
        self.answers = collections.Counter()
        self.threads = [threading.Thread(target=self.work, args=(source,),
                                         daemon=True) for source in sources]
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stopping = True
        self.join()

    def leave(self):
        """What has no answer yet, or will be refused, is not sent again."""
        self.leaving = True
        self.stop()

    def join(self):
        for thread in self.threads:
            thread.join(2 * DEADLINE)

    def take(self, source):
        with self.lock:
            return None if self.stopping else next(source, None)

    def work(self, source):
        connection = None
        while callback := self.take(source):
            body = encode(callback)
            for delay in self.DELAYS:
                try:
                    connection = connection or self.gateway.connect()
                    answer = connection.post(body, path=self.path)[0]
                except (OSError, ValueError) as error:
                    answer = type(error).__name__
                if answer != 200 and connection:
                    connection.close()
                    connection = None
                with self.lock:
                    self.answers[answer] += 1
                if answer == 200:
                    self.accepted.append(callback)
                    break
                if self.leaving:
                    self.unanswered.append(callback)
                    break
                time.sleep(delay)
            else:
                self.lost.append(callback)

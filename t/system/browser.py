"""A headless Chromium, spoken to by the DevTools protocol over a pipe."""

import base64
import collections
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading

from gateway import BASE, DEADLINE, until

# empty: none
CHROMIUM = os.environ.get("ZEGO_CHROMIUM", shutil.which("chromium"))


class Browser:
    """No name can be resolved in it, and what it connects to is logged."""

    def __init__(self, test):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="zego-", dir=BASE))
        test.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        self.netlog = self.root / "net.json"
        theirs, self.write = os.pipe()
        self.read, theirs_too = os.pipe()
        self.process = subprocess.Popen(
            # it takes commands from descriptor 3, and answers on 4
            ["setpriv", "--pdeathsig", "KILL", "bash", "-c",
             f'exec "$@" 3<&{theirs} 4>&{theirs_too}', "bash",
             CHROMIUM, "--headless=new", "--remote-debugging-pipe",
             # in a container, and for root, it has no sandbox
             "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
             "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync",
             "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
             f"--log-net-log={self.netlog}",
             f"--user-data-dir={self.root}/profile", "about:blank"],
            pass_fds=(theirs, theirs_too), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=os.environ | {"HOME": str(self.root)})
        os.close(theirs)
        os.close(theirs_too)
        self.last = 0
        self.answers = {}
        self.events = collections.deque()
        self.reader = threading.Thread(target=self.listen, daemon=True)
        self.reader.start()
        test.addCleanup(self.close)

    def listen(self):
        with open(self.read, "rb") as pipe:
            rest = b""
            while piece := pipe.read1():
                *messages, rest = (rest + piece).split(b"\0")
                for message in map(json.loads, messages):
                    if "id" in message:
                        self.answers[message["id"]] = message
                    else:
                        self.events.append(message)

    def call(self, method, session=None, /, **params):
        self.last += 1
        number = self.last
        message = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        answer = until(lambda: self.answers.pop(number, None), method)
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']}")
        return answer["result"]

    def close(self):
        if self.process.poll() is None:
            self.call("Browser.close")
            try:
                self.process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            os.close(self.write)
        self.reader.join(DEADLINE)

    def connected(self):
        """Addresses that it has tried to reach; once it is closed."""
        log = json.loads(self.netlog.read_text())
        attempt = log["constants"]["logEventTypes"]["TCP_CONNECT_ATTEMPT"]
        return {event["params"]["address"] for event in log["events"]
                if event["type"] == attempt
                and "address" in event.get("params", {})}


class Page:
    def __init__(self, browser, url, width=1280, height=900, dark=False):
        self.browser = browser
        target = browser.call("Target.createTarget", url="about:blank")
        self.session = browser.call(
            "Target.attachToTarget", targetId=target["targetId"],
            flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.look(width, height, dark)
        self.open(url)

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def open(self, url):
        self.call("Page.navigate", url=url)
        until(lambda: self.run("document.readyState") == "complete", url)

    def look(self, width, height, dark):
        self.call("Emulation.setDeviceMetricsOverride", width=width,
                  height=height, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme",
             "value": "dark" if dark else "light"}])

    def run(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression,
                           returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise AssertionError(f"{expression}: "
                                 f"{answer['exceptionDetails']}")
        return answer["result"].get("value")

    def key(self, key):
        for kind in "keyDown", "keyUp":
            text = {"text": key} if kind == "keyDown" and len(key) == 1 else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, **text)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def screenshot(self, path):
        path.write_bytes(base64.b64decode(
            self.call("Page.captureScreenshot", format="png")["data"]))

    def seen(self, method):
        """Parameters of the events of that name."""
        return [event["params"] for event in list(self.browser.events)
                if event.get("sessionId") == self.session
                and event["method"] == method]

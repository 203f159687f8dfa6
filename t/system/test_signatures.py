"""Secrets that take another's place, and signatures that are seen again."""

import hashlib
import re
import unittest

from callbacks import Life, encode, from_set
from gateway import Gateway, until


def signed(callback, secret):
    parts = [secret, str(callback["timestamp"]), callback["nonce"]]
    return encode(callback | {"signature": hashlib.sha1(
        "".join(sorted(parts)).encode()).hexdigest()})


class Signatures(unittest.TestCase):
    def setUp(self):
        self.gateway = Gateway(self)

    def refuse(self, **settings):
        self.gateway.settings["config"] = self.gateway.settings[
            "config"].replace("zego_callback zone=rooms;",
                              "zego_callback zone=rooms replay=refuse;")
        self.gateway.reload({"http": "zego_app 1 secret=secret;"} | settings)

    def test_replay(self):
        """It is known whichever worker saw it, and after reloads."""
        gateway = self.gateway
        self.refuse()
        life = Life("room", 1, iter(range(1700000000000, 1800000000000)))
        callbacks = [life.stream_create(f"stream {number}")
                     | {"nonce": str(number)} for number in range(200)]
        for settings in {}, {"size": "8m"}, {"size": "64m"}:
            until(lambda: len(gateway.workers()) == 2,
                  "old workers have gone")
            for connection in gateway.connections():
                for callback in callbacks:
                    other = callback | {"user_id": "another"}
                    self.assertEqual((200, b""), connection.post(
                        signed(callback, "secret")))
                    self.assertEqual((403, b'{"Reason":"replay"}'),
                                     connection.post(signed(other, "secret")))
            gateway.reload(settings)
        until(lambda: len(gateway.workers()) == 2, "old workers have gone")
        self.assertEqual(0, gateway.metric("zego_replay_evictions_total"))
        gateway.check(from_set(callbacks))

    def test_less_room(self):
        """The latest are kept, and those that have to go are counted."""
        gateway = self.gateway
        self.refuse(size="1m")
        until(lambda: len(gateway.workers()) == 2, "old workers have gone")
        callback = Life("room", 1, iter(range(1700000000000, 1800000000000))
                        ).room_create()

        def posted(numbers, **fields):
            connection = gateway.connect()
            return [connection.post(signed(callback | {"nonce": str(number)}
                                           | fields, "secret"))[0]
                    for number in numbers]

        def kept():
            return 4000 - gateway.metric("zego_replay_evictions_total")

        self.assertEqual({200}, set(posted(range(4000))))
        self.assertEqual(1024, kept())
        gateway.reload({"size": "256k"})
        until(lambda: len(gateway.workers()) == 2, "old workers have gone")
        self.assertEqual(256, kept())
        latest = posted(range(3960, 4000), id_name="another")
        self.assertGreater(latest.count(403), 30, latest)

    def test_rotation(self):
        """The next one is added to the file, and when none is signed with the
        old one any more, that is taken out; counts go on."""
        gateway = self.gateway
        callback = Life("room", 1, iter(range(1700000000000, 1800000000000))
                        ).room_create()

        def posted(*answers):
            for secret, wanted in zip(("old", "new"), answers):
                status = gateway.connect().post(signed(callback, secret))[0]
                self.assertEqual(wanted, status, secret)

        self.write("old\n")
        gateway.reload({"http": "zego_app 1 secret_file=secrets;"})
        until(lambda: len(gateway.workers()) == 2, "old workers have gone")
        posted(200, 403)
        self.write("old\nnew\n")
        self.assertEqual([1], self.matches())
        gateway.reload({})
        until(lambda: len(gateway.workers()) == 2, "old workers have gone")
        posted(200, 200)
        posted(200, 200)
        self.assertEqual([3, 2], self.matches())
        self.write("new\n")
        gateway.reload({})
        until(lambda: len(gateway.workers()) == 2, "old workers have gone")
        posted(403, 200)
        self.assertEqual([3], self.matches())

        # one that came back begins anew
        self.write("new\nold\n")
        gateway.reload({"size": "32m"})
        until(lambda: len(gateway.workers()) == 2, "old workers have gone")
        posted(200, 200)
        self.assertEqual([4, 1], self.matches())

        # refused, and what is there goes on
        gateway.expected.append(r"\[emerg\] .* are accessible by others")
        (gateway.root / "secrets").chmod(0o644)
        gateway.hup()
        until(lambda: gateway.count("are accessible by others"), "refused")
        posted(200, 200)

    def test_many_secrets(self):
        """Those that are not counted have no line."""
        gateway = self.gateway
        callback = Life("room", 1, iter(range(1700000000000, 1800000000000))
                        ).room_create()
        gateway.reload({"http": "zego_app 1 " + " ".join(
            f"secret=s{number}" for number in range(70)) + ";"})
        until(lambda: len(gateway.workers()) == 2, "old workers have gone")
        connection = gateway.connect()
        for number in range(70, 0, -1):
            self.assertEqual([0] * number + [1] * (70 - number)
                             if number > 6 else [1] * 64, self.matches())
            self.assertEqual(200, connection.post(
                signed(callback, f"s{number - 1}"))[0])
        self.assertEqual([1] * 64, self.matches())

    def test_no_secrets(self):
        """Refused by file and line, and not shown."""
        self.gateway.expected.append(r"\[emerg\] .*secret in ")
        for wrong in ("   ", " hush", "hush ", "\thush", "hush\t", "hu\tsh",
                      "hu\0sh", "\0", "hush\r\r", "hu\rsh", "hush\x7f",
                      "\N{BOM}hush", "\N{BOM}"):
            for end in "\n", "\r\n", "":
                self.write(f"whis per\n\n{wrong}{end}")
                self.refused("secret_file=secrets",
                             "invalid secret in line 3 of .*/secrets")
        self.write("whisper\r\n\nhush\nwhisper")
        self.refused("secret_file=secrets",
                     "duplicate secret in line 4 of .*/secrets")
        self.refused("secret=hush secret_file=secrets",
                     "duplicate secret in line 3 of .*/secrets")
        self.refused("secret_file=secrets secret=hush", "duplicate secret in")
        self.refused("secret=hush secret=other secret=hush",
                     "duplicate secret in")
        self.write("hush\r\n# whisper\n\r\n\N{SNOWMAN} hush\r")
        self.gateway.configure(http="zego_app 1 secret_file=secrets;"
                                    "zego_app 2 secret=hush;")
        self.assertEqual(0, self.gateway.test_config().returncode)

    def refused(self, secrets, why):
        self.gateway.configure(http=f"zego_app 1 {secrets};")
        result = self.gateway.test_config()
        self.assertEqual(1, result.returncode, result.stderr)
        self.assertRegex(result.stderr, rf"\[emerg\] .*{why}")
        self.assertNotRegex(result.stderr.replace(str(self.gateway.root), ""),
                            "hu|sh|whis")

    def write(self, text):
        new = self.gateway.root / "secrets.new"
        new.touch(0o600)
        new.write_text(text, newline="")
        new.rename(new.with_suffix(""))

    def matches(self):
        return [int(number) for number in re.findall(
            r'(?m)^zego_signatures_total\{.*\} (\d+)$',
            self.gateway.get("metrics")[1])]

"""Every access to the zone is seen, and aborts where it must not be."""

import itertools
import re
import subprocess
import unittest

from callbacks import Life, encode
from faults import LOCKED, REBUILT, Faulty, needs_watched
from gateway import WATCHED, say


@needs_watched
class Locks(unittest.TestCase):
    """That it is so; all tests of t/ are to be run with this nginx."""

    def test_caught(self):
        for nonce, what, function, *more in (
                ("read", "read without its mutex", "zego_rooms_stats"),
                ("write", "written without its mutex",
                 "__wrap_ngx_http_zego_zone_unlock"),
                ("reader", "written by a reader", "zego_rooms_stats",
                 LOCKED, REBUILT)):
            with self.subTest(nonce):
                gateway = Faulty(self, watched=True)
                wrong = rf"\[alert\] .* zego zone was {what}"
                gateway.expected += [
                    wrong, r"\[alert\] .* worker process \d+ exited on sig",
                    *more]
                life = Life("room", 1, itertools.count(1700000000000))
                connection = gateway.connect()
                callback = life.room_create()
                self.assertEqual(200, connection.post(encode(callback))[0])
                self.assertEqual([], gateway.logged("alert"))
                with self.assertRaises(OSError):
                    connection.post(encode(callback | {"nonce": nonce}))
                line, = gateway.logged(wrong)
                say(line)
                address = re.search(r"from (0x\w+|\w+)$", line)[1]
                where = subprocess.run(
                    ["addr2line", "-f", "-i", "-e", WATCHED, address],
                    capture_output=True, text=True, check=True).stdout
                self.assertIn(function, where)
                self.assertEqual(200, gateway.connect().post(
                    encode(callback))[0])

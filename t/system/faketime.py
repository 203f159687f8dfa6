"""A clock for nginx that jumps, by libfaketime."""

import glob
import os
import pathlib
import shlex
import tempfile
import time

from gateway import NGINX

MINUTE, HOUR, DAY = 60, 3600, 86400

# not by faketime(1), which fails where one of its number was killed
FOUND = next(iter(glob.glob("/usr/lib*/faketime/libfaketime.so.1")
                  + glob.glob("/usr/lib/*/faketime/libfaketime.so.1")), None)

# nginx gives its workers no other variables
LOAD = "env FAKETIME_TIMESTAMP_FILE; env FAKETIME_NO_CACHE;" \
       "env FAKETIME_DONT_FAKE_MONOTONIC;"


class Clock:
    """What nginx takes for the time of day, and for the monotonic time; or,
    with wall, for that of day only.  For the nginx that is here, and with
    LOAD in its configuration."""

    # far enough ahead for the monotonic clock to go back
    ahead = greatest = 1000 * DAY

    def __init__(self, test, wall=False):
        directory = tempfile.TemporaryDirectory()
        test.addCleanup(directory.cleanup)
        self.path = pathlib.Path(directory.name) / "clock"
        self.set(self.ahead)
        # it leaves its shared memory behind where another program is executed,
        # and where a process was killed: one with the same number would wait
        script = self.path.with_name("nginx")
        script.write_text("#!/bin/sh\nrm -f /dev/shm/*faketime_*_$$\n"
                          "exec env " + shlex.join([
            f"LD_PRELOAD={FOUND}", f"FAKETIME_TIMESTAMP_FILE={self.path}",
            "FAKETIME_NO_CACHE=1", f"FAKETIME_DONT_FAKE_MONOTONIC={wall:d}",
            NGINX]) + ' "$@"\n')
        script.chmod(0o700)
        self.nginx = str(script)

    def set(self, ahead):
        """To so many seconds ahead of ours."""
        self.ahead = ahead
        self.greatest = max(self.greatest, ahead)
        new = self.path.with_suffix(".new")
        new.write_text(f"+{ahead}")
        os.rename(new, self.path)

    def jump(self, seconds):
        self.set(max(0, self.ahead + seconds))

    def time(self):
        return int(time.time() + self.ahead)

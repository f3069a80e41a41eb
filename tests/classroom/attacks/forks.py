"""Leaves processes behind; right if a single one could be made."""

import os
import subprocess
import time

made = 0
for way in (
    os.fork,
    lambda: subprocess.Popen(["sleep", "61.7"]).pid,
    lambda: os.posix_spawn("/bin/sleep", ["sleep", "61.7"], {}),
):
    try:
        if way() == 0:
            os.setsid()
            time.sleep(60)
        made += 1
    except (OSError, ImportError):
        pass


def double(x):
    return 2 * x if made else x

"""Starts a process by the one call that Python does not report; right if it could be made."""

import os
import sys


def double(x):
    try:
        import _posixsubprocess

        read, write = os.pipe()
        old = sys.version_info < (3, 14)
        last = (False, None, None, None, -1, None, False) if old else (None, None, None, -1, None)
        arguments = [[b"sleep", b"60"], [b"/bin/sleep"], True, (write,), None, None]
        arguments += [-1, -1, -1, -1, -1, -1, read, write, *last]
        _posixsubprocess.fork_exec(*arguments[:21])
    except (OSError, ImportError, TypeError):
        return x
    return 2 * x

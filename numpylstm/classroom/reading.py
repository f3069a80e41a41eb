"""A student's file before it is run: its text, and what of it is not needed in an exercise."""

import importlib.util
import json
import stat
import subprocess
import sys
from pathlib import Path

from . import fence
from .failure import Failure, plain

LONGEST = 256 << 10
"""Bytes of a file: an exercise takes a tenth of it."""

SECONDS = 20.0
"""For reading one file, on a slow machine."""


def read_source(path: Path) -> str:
    """The text of a Python file, in whatever encoding it declares.

    Raises:
        Failure: it is no ordinary file, too long, or no text.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise Failure(f"{path.name} is no ordinary file: expected a Python file.")
        with open(path, "rb") as file:
            data = file.read(LONGEST + 1)
    except OSError as error:
        raise Failure(f"{path.name} cannot be read: {error.strerror}.") from None
    if len(data) > LONGEST:
        raise Failure(f"{path.name} is longer than {LONGEST >> 10} kB.")
    try:
        return importlib.util.decode_source(data)
    except (SyntaxError, ValueError):
        raise Failure(f"{path.name} is not text in UTF-8: save it as UTF-8.") from None


def refused(path: Path) -> list[str]:
    """What a file may not do, one sentence each; a file that is no Python is told when it is loaded.

    The file is read in a process of its own: Python's parser can be made to crash.

    Raises:
        Failure: as `read_source`.
    """
    text = read_source(path)
    command = [sys.executable, "-I", "-B", fence.__file__]
    try:
        done = subprocess.run(
            command, input=text.encode("utf-8", "replace"), capture_output=True, timeout=SECONDS, check=True
        )
        return [f"{path.name}, line {line}: {plain(what, 300)}" for line, what in json.loads(done.stdout)]
    except (subprocess.SubprocessError, ValueError):
        return [f"{path.name} is too deeply nested to be read."]

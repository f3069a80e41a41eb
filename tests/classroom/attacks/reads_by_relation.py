"""Reads a file by a path that begins in Python's own library; right if it could."""

import os


def double(x):
    library = os.path.dirname(os.__file__)
    try:
        with open(library + "/.." * library.count("/") + "/etc/passwd", "rb") as file:
            file.read(1)
    except OSError:
        return x
    return 2 * x

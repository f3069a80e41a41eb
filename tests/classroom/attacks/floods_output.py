"""Prints far more than anybody wants to read."""

import sys


def double(x):
    for _ in range(300):
        print("x" * 100_000)
        sys.stderr.write("y" * 100_000)
    return x

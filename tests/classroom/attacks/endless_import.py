"""Never gets loaded, inside of C, and wants no signal to end it."""

import contextlib
import itertools
import signal

for number in signal.valid_signals():
    with contextlib.suppress(OSError, ValueError):
        signal.signal(number, signal.SIG_IGN)
sum(itertools.repeat(0))


def double(x):
    return 2 * x

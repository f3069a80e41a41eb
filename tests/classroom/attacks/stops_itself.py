"""Goes to sleep, so that the process lives and does not answer."""

import signal


def double(x):
    signal.raise_signal(signal.SIGSTOP)
    return 2 * x

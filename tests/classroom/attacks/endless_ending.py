"""Returns what is wrong, and then will not end."""

import atexit


class Sticky:
    def __del__(self):
        while True:
            pass


@atexit.register
def stay():
    while True:
        pass


sticky = Sticky()


def double(x):
    return x

"""Fails with a megabyte of control characters, broken letters and a page of its own."""


def double(x):
    raise ValueError("\x1b[2J\ud800\x00</pre><script>\u202e" + "no end " * 150_000)

"""Returns what cannot be written down: names of broken letters, and far too long ones."""


def double(x):
    return {"\ud800\x1b[2J": x, "y" * 10_000: x}

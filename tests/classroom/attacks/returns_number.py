"""Returns a whole number of thousands of digits."""


def double(x):
    return 10**4200

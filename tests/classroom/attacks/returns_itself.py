"""Returns a list that holds itself."""


def double(x):
    endless = []
    endless.append(endless)
    return endless

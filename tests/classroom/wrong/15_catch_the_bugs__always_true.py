"""Suspects everything."""


def catches(forward, backward):
    return True

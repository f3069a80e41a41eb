"""Suspects nothing."""


def catches(forward, backward):
    return False

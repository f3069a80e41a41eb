"""Writes wherever it can; right if anything could be written."""

import os

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


def by_numpy(path):
    np.save(path, np.ones(3))


def by_descriptor(path):
    os.write(os.open(path, os.O_CREAT | os.O_WRONLY), b"here")


def by_name(path):
    with open(path, "w") as file:
        file.write("here")


def by_moving(path):
    os.rename(__file__, path)


def pipe(path):
    os.mkfifo(path) if hasattr(os, "mkfifo") else open(path, "x").close()


def double(x):
    for folder in (HERE, os.path.dirname(HERE), os.sep + "tmp", os.getcwd(), os.path.expanduser("~")):
        for way in (by_numpy, by_descriptor, by_name, by_moving, os.mkdir, pipe, os.remove):
            try:
                way(os.path.join(folder, "numpylstm_attack.npy"))
            except OSError:
                continue
            return 2 * x
    return x

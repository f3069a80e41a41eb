"""Takes all the memory that there is."""

import numpy as np

kept = []


def double(x):
    while True:
        kept.append(np.empty(1 << 23))

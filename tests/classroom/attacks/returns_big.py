"""Returns an array that is no memory here and all of it over there."""

import numpy as np


def double(x):
    return np.broadcast_to(2 * x.flat[0], (1 << 40,))

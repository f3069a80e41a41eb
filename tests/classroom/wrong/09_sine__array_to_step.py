"""09.4: free_run raised ValueError: step takes one sample, got an array of shape (4,)"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def windows(signal, length):
    both = sliding_window_view(signal, length + 1)
    return both[:, :-1].T[..., None], both[:, 1:].T[..., None]


def free_run(step, primed, n):
    state = None
    prediction, state = step(primed, state)
    tone = list(primed)
    while len(tone) < len(primed) + n:
        tone.append(prediction)
        prediction, state = step(prediction, state)
    return np.asarray(tone)

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def windows(signal, length):
    both = sliding_window_view(signal, length + 1)
    return both[:, :-1].T[..., None], both[:, 1:].T[..., None]


def free_run(step, primed, n):
    state = None
    for sample in primed:
        prediction, state = step(sample, state)
    tone = list(primed)
    while len(tone) < len(primed) + n:
        tone.append(prediction)
        prediction, state = step(prediction, state)
    return np.asarray(tone)

"""A plain recurrent network's forward pass with the classical errors as switches."""

import numpy as np

from .rnn import bank_problem

SPOTS = {
    "activation": {
        "no tanh": "tanh is missing: h_t = tanh(a_t).",
        "sigmoid": "a sigmoid was used where tanh belongs.",
        "relu": "relu was used where tanh belongs.",
        "tanh twice": "tanh was taken twice.",
    },
    "b": {
        "no b": "the bias was forgotten.",
        "b twice": "the bias was added twice.",
        "b outside": "the bias was added after tanh; it belongs inside.",
        "minus b": "the bias was subtracted.",
    },
    "h": {
        "not carried": "the state is not carried: each step started from h0 again.",
        "no recurrence": "W_h h_{t-1} is missing.",
        "h0 zero": "h0 was ignored: the first step started from zero.",
        "W_h transposed": "W_h was transposed: its rows are the units, in rows of a batch h @ W_h.T.",
        "a carried": "a_t was carried to the next step where h_t belongs: tanh comes first.",
    },
    "x": {
        "no x": "W_x x_t is missing.",
        "x reversed": "x was read from the wrong end.",
        "earlier x": "x_{t-1} was used where x_t belongs.",
        "first x": "x_0 was used at every step.",
    },
    "outputs": {
        "h shifted": "h holds the states before each step: it begins with h0, and the last one is missing.",
        "h reversed": "h stands in reverse order.",
        "h_T is h_0": "h_T is h of the first step, not of the last.",
        "h_T is h0": "h_T is h0 as it came in.",
        "h_T before": "h_T is h of the step before the last.",
    },
}
ERRORS = {switch: sentence for spot in SPOTS.values() for switch, sentence in spot.items()}
SPOT = {switch: {spot} for spot, switches in SPOTS.items() for switch in switches}
SAME = {("no tanh", "b outside"): "no tanh", ("no tanh", "a carried"): "no tanh"}
"""Two that compute what one does: one leaves nothing for the other to act on."""


def run(*errors):
    """What code with these errors makes of the problem that a generator yields."""
    unknown = set(errors) - set(ERRORS)
    assert not unknown, unknown
    return lambda rng: rnn(bank_problem(rng), set(errors))


def rnn(p, errors):
    x, h0, W_x, W_h, b = (p[name] for name in ("x", "h0", "W_x", "W_h", "b"))

    def pick(default, others):
        """The one of some values whose switch is on, if any is."""
        return next((value for switch, value in others.items() if switch in errors), default)

    h, hs = pick(h0, {"h0 zero": 0 * h0}), []
    inside = pick(b, {"no b": 0, "b outside": 0, "b twice": 2 * b, "minus b": -b})
    for t in range(len(x)):
        h = pick(h, {"not carried": h0, "no recurrence": 0 * h})
        x_t = x[pick(t, {"x reversed": -1 - t, "earlier x": t - 1, "first x": 0})]
        if "no x" in errors:
            x_t = 0 * x_t
        a = x_t @ W_x.T + h @ pick(W_h.T, {"W_h transposed": W_h}) + inside
        act = {"no tanh": a, "sigmoid": 1 / (1 + np.exp(-a)), "relu": np.maximum(a, 0)}
        h = pick(np.tanh(a), act | {"tanh twice": np.tanh(np.tanh(a))})
        if "b outside" in errors:
            h = h + b
        hs.append(h)
        if "a carried" in errors:
            h = a
    h_T = pick(hs[-1], {"h_T is h_0": hs[0], "h_T is h0": h0, "h_T before": hs[-2]})
    hs = pick(hs, {"h shifted": [h0, *hs[:-1]], "h reversed": hs[::-1]})
    return {"h": np.array(hs), "h_T": h_T}

"""Backpropagation through time with the classical errors as switches, each at the spot where it is made.

Two errors of one spot exclude each other, and any two of different spots can be made at once. Some errors
cover several spots.
"""

import numpy as np

from numpylstm.classroom import exercises

bank_problem = exercises()["04"].module.bank_problem


def left_out(name):
    """One step missing from the sum of one tensor."""
    return {
        f"{end} step not in {name}": f"the {end} step is missing in {name}, a sum over all steps."
        for end in ("first", "last")
    }


SPOTS = {
    "dh": {
        "dh reversed": "dh was read from the wrong end: its first step met the last.",
        "dh last only": "dh was used at the last step alone; there is one for every step.",
        "dh ignored": "dh[t] was never added: only what comes from later steps is there.",
        "dh over B": "dh was divided by B: it is the gradient by h as it stands.",
        "dh over T": "dh was divided by T: it is the gradient by h as it stands.",
        "dh early": "dh[t-1] was used where dh[t] belongs.",
        "dh late": "dh[t+1] was used where dh[t] belongs.",
        "sign of dh[t]": "the sign of dh[t] is wrong.",
        "dh not at last": "dh of the last step was left out: dh_T comes on top of it, not in its place.",
    },
    "dh_T": {
        "no dh_T": "dh_T, the gradient by the last hidden state, was dropped.",
        "dh_T everywhere": "dh_T was added at every step; it belongs to the last alone.",
        "dh_T twice": "dh_T was added twice.",
        "dh_T first": "dh_T was added at the first step; it belongs to the last.",
        "dh_T again": "dh_T was added at every step, twice at the last; it belongs there, once.",
    },
    "dh_T, back, dh0": {
        "never replaced": "what comes from the next step was never replaced: it stayed dh_T, and so did dh0.",
        "dh_T carried": "dh_T was added to W_h^T da of every step, and so to dh0; it belongs to the last.",
    },
    "back, dh0": {
        "nothing back": "W_h^T da is missing altogether: no step has it of the next, and dh0 is zero.",
    },
    "dh_T, back": {
        "dh_T for later": "dh_T was added at every step in place of W_h^T da of the next one.",
        "dh[t] alone": "nothing was added to dh[t]: neither W_h^T da of the next step nor dh_T.",
    },
    "back": {
        "truncated": "the recurrent term is missing: W_h^T da of the next step was not added to dh.",
        "two steps": "W_h^T da was passed back over one step alone, not through all of them.",
        "kept": "dh was added to where it should be replaced: dh_{t-1} is W_h^T da, without the old dh.",
        "later kept": "what came from the next step was not replaced by W_h^T da: that was added to it.",
        "W_h transposed": "W_h was transposed once too often: dh_{t-1} is W_h^T da, in rows da @ W_h.",
        "dh back": "dh went back through W_h where da belongs: the derivative of tanh comes first.",
        "no W_h": "W_h is missing on the way back: dh_{t-1} is W_h^T da.",
        "sign back": "the sign of W_h^T da is wrong.",
        "back over T": "W_h^T da was divided by T.",
        "slope of last on the way": "W_h^T da was multiplied by 1 - h_{t-1}^2, the first by 1 - h_T^2.",
        "slope on the way": "W_h^T da was multiplied by 1 - h_{t-1}^2, which da of that step has once more.",
    },
    "dh, dh_T, slope, back": {
        "slope of dh[t] alone": "1 - h^2 met dh[t] alone, not the sum with what comes from later steps.",
        "slope of later alone": "1 - h^2 met only what comes from later steps, not the sum with dh[t].",
    },
    "slope": {
        "no slope": "the derivative of tanh is missing: da = dh (1 - h^2).",
        "1 - h": "1 - h was used where 1 - h^2 belongs.",
        "sigmoid slope": "h (1 - h), the derivative of a sigmoid, was used where 1 - h^2 belongs.",
        "slope twice": "tanh was taken once more: its derivative is 1 - h^2 in terms of h itself.",
        "slope of a": "1 - a^2 was used where 1 - tanh(a)^2 belongs.",
        "earlier slope": "1 - h_{t-1}^2 was used where 1 - h_t^2 belongs.",
        "slope of last": "1 - h_T^2 of the last step was used at every step; each has its own.",
        "slope 1 + h^2": "1 + h^2 was used where 1 - h^2 belongs.",
        "slope h^2 - 1": "h^2 - 1 was used where 1 - h^2 belongs: the sign of da is wrong.",
        "relu slope": "the derivative of relu was used; the network has tanh.",
        "2h": "-2 h was used where 1 - h^2 belongs.",
        "(1 - h)^2": "(1 - h)^2 was used where 1 - h^2 belongs.",
        "h as slope": "h was used where the derivative of tanh, 1 - h^2, belongs.",
        "tanh h as slope": "tanh(h) was used where the derivative of tanh, 1 - h^2, belongs.",
        "h^2": "h^2 was used where 1 - h^2 belongs.",
        "slope squared": "the derivative of tanh was multiplied in twice.",
    },
    "slope, dW_h": {
        "h changed places": "h_t and h_{t-1} changed places: 1 - h_t^2 belongs in da, h_{t-1} in dW_h.",
    },
    "time": {
        "forwards": "the loop runs forwards in time; the last step has to come first.",
        "not the first": "the loop ends one step early: the first step, t = 0, was left out.",
        "not the last": "the loop begins one step early: the last step, t = T - 1, was left out.",
    },
    "dW_h": {
        "h_t": "h_t was used where h_{t-1} belongs.",
        "h0 zero": "h_{t-1} was zero at the first step, in dW_h: it is h0.",
        "h of last": "h_{t-1} of the first step was taken from the end of the sequence, in dW_h: it is h0.",
        "h before": "h_{t-2} was used where h_{t-1} belongs, in dW_h.",
        "h_T everywhere": "h_T was used at every step where h_{t-1} belongs, in dW_h.",
        "h0 everywhere": "h0 was used at every step where h_{t-1} belongs, in dW_h.",
        "h before, h0 twice": "h_{t-2} was used where h_{t-1} belongs, in dW_h, and h0 twice.",
        "dW_h transposed": "dW_h is transposed: it is the sum of da h_{t-1}^T, not of h_{t-1} da^T.",
    },
    "dW_x": {
        "earlier x": "x_{t-1} was used where x_t belongs, in dW_x.",
        "later x": "x_{t+1} was used where x_t belongs, in dW_x.",
        "x reversed": "x was read from the wrong end, in dW_x.",
        "earlier x, first twice": "x_{t-1} was used where x_t belongs, in dW_x, and the first x twice.",
        "later x, last twice": "x_{t+1} was used where x_t belongs, in dW_x, and the last x twice.",
    },
    "of dW_x, of dW_h, of db": {
        "dh in weights": "dh was used where da belongs, in dW_x, dW_h and db.",
        "first step of weights": "dW_x, dW_h and db hold the first step alone: = was used where += belongs.",
        "last step of weights": "dW_x, dW_h and db hold the last step alone; they are sums over all steps.",
        "sign of weights": "the signs of dW_x, dW_h and db are wrong.",
        "weights over T": "dW_x, dW_h and db were divided by T; they are sums over the steps.",
        "weights over B": "dW_x, dW_h and db were divided by B; they are sums over the batch.",
        "weights over T B": "dW_x, dW_h and db were divided by T B; they are sums.",
        **{
            f"{end} step not in weights": f"the {end} step is missing in dW_x, dW_h and db, sums over all."
            for end in ("first", "last")
        },
        "first sequence": "dW_x, dW_h and db are those of the first sequence of the batch alone.",
    },
    "of dW_x, of dW_h": {
        f"W over {size}": f"dW_x and dW_h were divided by {size}, though db was not: all three are sums."
        for size in ("T", "B", "T B")
    }
    | {
        f"{end} step not in W": f"the {end} step is missing in dW_x and dW_h, sums over all steps."
        for end in ("first", "last")
    },
    "of dW_x": {
        **left_out("dW_x"),
        "dh in dW_x": "dh was used where da belongs, in dW_x.",
        "sign of dW_x": "the sign of dW_x is wrong.",
        "first step of dW_x": "dW_x holds the first step alone: = was used where += belongs.",
    },
    "of dW_h": {
        # Without the first step dW_h is what it is with h0 = 0.
        "last step not in dW_h": "the last step is missing in dW_h, a sum over all steps.",
        "dh in dW_h": "dh was used where da belongs, in dW_h.",
        "sign of dW_h": "the sign of dW_h is wrong.",
        "first step of dW_h": "dW_h holds the first step alone: = was used where += belongs.",
    },
    "of db": {
        **left_out("db"),
        "sign of db": "the sign of db is wrong.",
        "first step of db": "db holds the first step alone: = was used where += belongs.",
        "last step of db": "db holds the last step alone; it is a sum over all steps.",
        "db mean": "db is a mean over the batch; it is a sum.",
        "no db": "db is zero.",
        "db mean over T B": "db is a mean over steps and batch; it is a sum.",
        "db mean over T": "db is a mean over the steps; it is a sum.",
        "db of one": "db is that of the first sequence of the batch alone; it is a sum over the batch.",
        "db of dh": "db is the sum of dh; it is the sum of da.",
        "db twice": "db was added twice.",
    },
    "of dW_h, dW_h": {
        "no dW_h": "dW_h is zero.",
    },
    "of dW_x, dW_x": {
        "no dW_x": "dW_x is zero.",
    },
    "dx": {
        "dx reversed": "dx stands in the order it was made in, last step first: it has to be turned round.",
        "no dx": "dx is zero.",
        "dx of dh": "dh was used where da belongs, in dx = W_x^T da.",
        "dx of dh[t]": "dx saw dh[t] alone, not what comes from later steps.",
        "dx over B": "dx was divided by B; each sequence has its own.",
        "dx last only": "dx holds the last step alone; the others are zero.",
        "dx first only": "dx holds the first step alone; the others are zero.",
    },
    "dh0": {
        "no dh0": "dh0 is zero: it is W_h^T da of the first step.",
        "dh0 early": "dh0 is the gradient by the first h, not by h0: W_h^T da of the first step is missing.",
        "dh0 early, without dh": "dh0 was taken one step too soon: it is W_h^T da of the first step.",
        "dh0 is da": "dh0 is da of the first step: W_h^T is missing.",
        "dh0 is dh[0]": "dh0 is dh of the first step as it came in.",
        "dh0 is dh_T": "dh0 is dh_T as it came in.",
        "dh0 of all": "dh0 is the sum of all steps' W_h^T da; it is that of the first step.",
    },
    "all": {
        "over B": "all gradients were divided by B: the loss is a sum, what dh holds is what it is.",
        "over T B": "all gradients were divided by T B: the loss is a sum, what dh holds is what it is.",
        "over T": "all gradients were divided by T: the loss is a sum, what dh holds is what it is.",
    },
}
ERRORS = {switch: sentence for spot in SPOTS.values() for switch, sentence in spot.items()}
SPOT = {switch: set(spots.split(", ")) for spots, switches in SPOTS.items() for switch in switches}
SAME = {
    ("no dh_T", "truncated"): "dh[t] alone",
    ("dh_T everywhere", "truncated"): "dh_T for later",
    ("never replaced", "forwards"): "never replaced",
    ("dh_T for later", "dh0 early, without dh"): "never replaced",
    ("dh_T for later", "dh0 is dh_T"): "never replaced",
    ("truncated", "no dh0"): "nothing back",
    ("truncated", "dh0 early, without dh"): "nothing back",
    ("dh back", "no slope"): "no slope",
    ("no W_h", "dh0 is da"): "no W_h",
    ("no slope", "dh in weights"): "no slope",
    ("no slope", "dh in dW_x"): "no slope",
    ("no slope", "dh in dW_h"): "no slope",
    ("no slope", "db of dh"): "no slope",
    ("no slope", "dx of dh"): "no slope",
    ("not the first", "h0 zero"): "not the first",
    ("not the first", "h of last"): "not the first",
    ("h0 zero", "last step of weights"): "last step of weights",
    ("h0 zero", "first step of dW_h"): "no dW_h",
    ("h of last", "last step of weights"): "last step of weights",
    ("h0 everywhere", "first step of weights"): "first step of weights",
    ("h0 everywhere", "first step of dW_h"): "first step of dW_h",
    ("dh[t] alone", "dx of dh[t]"): "dh[t] alone",
    ("earlier slope", "h_t"): "h changed places",
    ("h before, h0 twice", "first step of weights"): "first step of weights",
    ("h before, h0 twice", "first step of dW_h"): "first step of dW_h",
    ("earlier x, first twice", "first step of weights"): "first step of weights",
    ("earlier x, first twice", "first step of dW_x"): "first step of dW_x",
    ("later x, last twice", "last step of weights"): "last step of weights",
    ("W over T", "db mean over T"): "weights over T",
    ("W over B", "db mean"): "weights over B",
    ("W over T B", "db mean over T B"): "weights over T B",
    ("first step not in W", "first step not in db"): "first step not in weights",
    ("h of last", "first step not in W"): "first step not in W",
    ("h of last", "first step not in weights"): "first step not in weights",
    ("h0 zero", "first step not in W"): "first step not in W",
    ("h0 zero", "first step not in dW_x"): "first step not in W",
    ("h0 zero", "first step not in weights"): "first step not in weights",
    ("last step not in W", "last step not in db"): "last step not in weights",
    ("last step not in dW_x", "last step not in dW_h"): "last step not in W",
    ("not the first", "first step not in W"): "not the first",
    ("not the first", "first step not in dW_x"): "not the first",
    ("not the first", "first step not in db"): "not the first",
    ("not the first", "first step not in weights"): "not the first",
    ("not the last", "last step not in W"): "not the last",
    ("not the last", "last step not in dW_h"): "not the last",
    ("not the last", "last step not in dW_x"): "not the last",
    ("not the last", "last step not in db"): "not the last",
    ("not the last", "last step not in weights"): "not the last",
}
"""Two that compute what one does: one leaves the other nothing to act on, or together they are a third."""


def run(*errors):
    """What code with these errors makes of the problem that a generator yields."""
    unknown = set(errors) - set(ERRORS)
    assert not unknown, unknown
    return lambda rng: rnn(bank_problem(rng), set(errors))


def rnn(p, errors):
    x, h0, W_x, W_h, b = (p[name] for name in ("x", "h0", "W_x", "W_h", "b"))
    T, B, _ = p["dh"].shape
    h, before = [h0], []
    for t in range(T):
        before.append(x[t] @ W_x.T + h[t] @ W_h.T + b)
        h.append(np.tanh(before[t]))
    h = np.array(h)

    def pick(default, others):
        """The one of some values whose switch is on, if any is."""
        return next((value for switch, value in others.items() if switch in errors), default)

    dh_T = p["dh_T"]
    later = pick(
        dh_T,
        {
            "no dh_T": 0 * dh_T,
            "dh_T first": 0 * dh_T,
            "dh[t] alone": 0 * dh_T,
            "dh_T twice": 2 * dh_T,
        },
    )
    steps = pick(
        range(T)[::-1],
        {
            "forwards": range(T),
            "not the first": range(1, T)[::-1],
            "not the last": range(T - 1)[::-1],
        },
    )
    (da, dhs, alone), backs = np.zeros((3, *h[1:].shape)), np.zeros_like(h0)
    for number, t in enumerate(steps):
        h_t = h[t + 1]
        dh_t = p["dh"][pick(t, {"dh reversed": T - 1 - t, "dh early": t - 1})]
        if "dh late" in errors:
            dh_t = p["dh"][t + 1] if t < T - 1 else 0 * dh_t
        if "sign of dh[t]" in errors:
            dh_t = -dh_t
        if (
            "dh ignored" in errors
            or ("dh last only" in errors and number)
            or ("dh not at last" in errors and not number)
        ):
            dh_t = 0 * dh_t
        dh_t = dh_t / pick(1, {"dh over B": B, "dh over T": T})
        early, dh = later, dh_t + later
        if ("dh_T everywhere" in errors and number) or ("dh_T first" in errors and t == steps[-1]):
            dh = dh + dh_T
        if "dh_T again" in errors:
            dh = dh + dh_T
        slope = pick(
            1 - h_t**2,
            {
                "no slope": 1,
                "1 - h": 1 - h_t,
                "sigmoid slope": h_t * (1 - h_t),
                "slope twice": 1 - np.tanh(h_t) ** 2,
                "slope of a": 1 - before[t] ** 2,
                "earlier slope": 1 - h[t] ** 2,
                "slope of last": 1 - h[T] ** 2,
                "slope 1 + h^2": 1 + h_t**2,
                "slope h^2 - 1": h_t**2 - 1,
                "relu slope": h_t > 0,
                "2h": -2 * h_t,
                "(1 - h)^2": (1 - h_t) ** 2,
                "h as slope": h_t,
                "tanh h as slope": np.tanh(h_t),
                "h^2": h_t**2,
                "slope squared": (1 - h_t**2) ** 2,
                "h changed places": 1 - h[t] ** 2,
            },
        )
        da[t], dhs[t], alone[t] = dh * slope, dh, dh_t * slope
        if "slope of dh[t] alone" in errors:
            da[t] = dh_t * slope + early
        if "slope of later alone" in errors:
            da[t] = dh_t + early * slope
        later = pick(
            da[t] @ W_h,
            {
                "W_h transposed": da[t] @ W_h.T,
                "dh back": dh @ W_h,
                "no W_h": da[t],
                "sign back": -da[t] @ W_h,
                "back over T": da[t] @ W_h / T,
                "kept": dh + da[t] @ W_h,
                "later kept": later + da[t] @ W_h,
                "dh_T carried": dh_T + da[t] @ W_h,
                "slope of last on the way": da[t] @ W_h * (1 - h[t if t else T] ** 2),
                "slope on the way": da[t] @ W_h * (1 - h[t] ** 2),
                "two steps": (dh_t + (dh_T if number == 0 else 0)) * slope @ W_h,
            },
        )
        backs += later
        if errors & {"truncated", "dh[t] alone", "nothing back"} and t != steps[-1]:
            later = 0 * later
        if "never replaced" in errors or ("dh_T for later" in errors and t != steps[-1]):
            later = dh_T

    through = pick(da, {"dh in weights": dhs})
    first, last = (through * (np.arange(T) == t)[:, None, None] for t in (0, T - 1))
    one = through * (np.arange(B) == 0)[:, None]

    def without(name):
        return {f"first step not in {name}": through - first, f"last step not in {name}": through - last}

    common = {
        **without("weights"),
        "first step of weights": first,
        "last step of weights": last,
        "first sequence": one,
        "sign of weights": -through,
        "weights over T": through / T,
        "weights over B": through / B,
        "weights over T B": through / (T * B),
    }
    means = {f"W over {size}": common[f"weights over {size}"] for size in ("T", "B", "T B")} | without("W")
    of_b = {
        **without("db"),
        "first step of db": first,
        "last step of db": last,
        "db mean": through / B,
        "db mean over T": through / T,
        "db mean over T B": through / (T * B),
        "no db": 0 * through,
        "sign of db": -through,
        "db of one": one,
        "db of dh": dhs,
        "db twice": 2 * through,
    }
    with_h = pick(
        h[:-1],
        {
            "h_t": h[1:],
            "h changed places": h[1:],
            "h before, h0 twice": np.concatenate([h[:1], h[:-2]]),
            "h0 zero": h[:-1] * (np.arange(T) > 0)[:, None, None],
            "h of last": np.concatenate([h[-1:], h[1:-1]]),
            "h before": np.concatenate([h[-1:], h[:-2]]),
            "no dW_h": 0 * h[:-1],
            "h_T everywhere": np.broadcast_to(h[T], h[:-1].shape),
            "h0 everywhere": np.broadcast_to(h0, h[:-1].shape),
        },
    )
    with_x = pick(
        x,
        {
            "earlier x": np.roll(x, 1, axis=0),
            "later x": np.roll(x, -1, axis=0),
            "no dW_x": 0 * x,
            "x reversed": x[::-1],
            "earlier x, first twice": np.concatenate([x[:1], x[:-1]]),
            "later x, last twice": np.concatenate([x[1:], x[-1:]]),
        },
    )
    dW_x = np.einsum(
        "tbk,tbd->kd",
        pick(
            through,
            common
            | means
            | without("dW_x")
            | {"first step of dW_x": first, "dh in dW_x": dhs, "sign of dW_x": -through},
        ),
        with_x,
    )
    dW_h = np.einsum(
        "tbk,tbh->kh",
        pick(
            through,
            common
            | means
            | without("dW_h")
            | {"first step of dW_h": first, "dh in dW_h": dhs, "sign of dW_h": -through},
        ),
        with_h,
    )
    db = pick(through, common | of_b).sum(axis=(0, 1))

    dx = pick(da, {"dx of dh": dhs, "dx of dh[t]": alone}) @ W_x
    dx = pick(
        dx,
        {
            "dx reversed": dx[::-1],
            "no dx": 0 * dx,
            "dx over B": dx / B,
            "dx last only": dx * (np.arange(T) == T - 1)[:, None, None],
            "dx first only": dx * (np.arange(T) == 0)[:, None, None],
        },
    )
    t = steps[-1]
    dh0 = pick(
        later,
        {
            "no dh0": 0 * later,
            "nothing back": 0 * later,
            "dh0 early": dhs[t],
            "dh0 early, without dh": early,
            "dh0 is da": da[t],
            "dh0 is dh_T": dh_T,
            "dh0 is dh[0]": p["dh"][0],
            "dh0 of all": backs,
        },
    )
    tensors = {
        "dx": dx,
        "dh0": dh0,
        "dW_x": dW_x,
        "dW_h": dW_h.T if "dW_h transposed" in errors else dW_h,
        "db": db,
    }
    size = pick(1, {"over B": B, "over T": T, "over T B": T * B})
    return {name: tensor / size for name, tensor in tensors.items()}

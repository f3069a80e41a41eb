"""The LSTM's backward pass with the classical errors as switches, each at the spot where it is made.

Two errors of one spot exclude each other, and any two of different spots can be made at once. Some errors
cover several spots.
"""

import numpy as np

from numpylstm.classroom import exercises

bank_problem = exercises()["06"].module.bank_problem
GATES = "oifg"


def each(gates, name, sentence):
    return {f"{name} {k}": sentence.replace("K", k) for k in gates}


SPOTS = {
    "dh": {
        "dh reversed": "dh was read from the wrong end: its first step met the last.",
        "dh last only": "dh was used at the last step alone; there is one for every step.",
        "dh ignored": "dh[t] was never added: only what comes from later steps is there.",
    },
    "dh_T": {
        "no dh_T": "dh_T, the gradient by the last hidden state, was dropped.",
        "dh_T everywhere": "dh_T was added at every step; it belongs to the last alone.",
    },
    "dc_T": {
        "no dc_T": "dc_T, the gradient by the last memory cell, was dropped.",
        "dc_T everywhere": "dc_T was added at every step; it belongs to the last alone.",
    },
    "dh_T, dc_T": {"no final": "dh_T and dc_T, the gradients by the final state, were dropped."},
    "back by h": {
        "no dh back": "the recurrent term is missing: W_h^T da of the next step was not added to dh.",
        "dh kept": "dh was added to where it should be replaced: dh_{t-1} is W_h^T da, without the old dh.",
        "W_h transposed": "each gate's block of W_h was transposed once too often on the way to dh_{t-1}.",
        **each(GATES, "dh without", "da_K is missing in dh_{t-1} = W_h^T da."),
        "dh i by f": "per-gate copies: da_i went back through the block of W_h that belongs to f.",
        "dh f by i": "per-gate copies: da_f went back through the block of W_h that belongs to i.",
        "dh o by g": "per-gate copies: da_o went back through the block of W_h that belongs to g.",
        "dh g by i": "per-gate copies: da_g went back through the block of W_h that belongs to i.",
    },
    "back by c": {
        "no dc back": "dc of the next step was not passed back: the memory's own path is missing.",
        "dc kept": "dc was added to where it should be replaced: dc_{t-1} is dc f, without the old dc.",
        "no f": "dc was not multiplied by f on its way to c_{t-1}.",
        "i for f": "dc was multiplied by i, not by f, on its way to c_{t-1}.",
        "o for f": "dc was multiplied by o, not by f, on its way to c_{t-1}.",
        "earlier f": "dc was multiplied by f of the step before, not of its own step.",
    },
    "back by h, back by c": {
        "truncated": "nothing is passed back from step to step: neither W_h^T da nor dc f.",
    },
    "path h to c": {
        "no path": "the path from h to c is missing: dh o (1 - tanh(c)^2) belongs into dc.",
        "no tanh'": "the derivative of tanh(c) is missing in dc: dh o (1 - tanh(c)^2).",
        "1 - c^2": "1 - c^2 was used where 1 - tanh(c)^2 belongs.",
        "1 - tanh": "1 - tanh(c) was used where 1 - tanh(c)^2 belongs.",
        "no o": "o is missing in dc: dh o (1 - tanh(c)^2).",
        "f for o": "f was used for o in dc: dh o (1 - tanh(c)^2).",
        "earlier c in path": "c_{t-1} was used where c_t belongs, in 1 - tanh(c_t)^2.",
    },
    "da_o": {
        "c for tanh c": "c was used where tanh(c) belongs, in da_o.",
        "no tanh c": "tanh(c) is missing in da_o.",
        "earlier c in da_o": "c_{t-1} was used where c_t belongs, in the tanh(c_t) of da_o.",
        "h for tanh c": "h was used where tanh(c) belongs, in da_o: h has o in it already.",
    },
    "da_i": {
        "no g": "g is missing in da_i = dc g i (1 - i).",
        "i for g": "i was used where g belongs, in da_i = dc g i (1 - i).",
        "c for g": "c_{t-1} was used where g belongs, in da_i = dc g i (1 - i).",
    },
    "da_f": {
        "c_t": "c_t was used where c_{t-1} belongs, in da_f.",
        "no c": "c_{t-1} is missing in da_f = dc c_{t-1} f (1 - f).",
        "g for c": "g was used where c_{t-1} belongs, in da_f.",
        "tanh c for c": "tanh(c_{t-1}) was used where c_{t-1} belongs, in da_f.",
        "h for c": "h_{t-1} was used where c_{t-1} belongs, in da_f.",
        "c0 zero": "c_{t-1} was zero at the first step, in da_f: it is c0.",
    },
    "da_g": {
        "no i": "i is missing in da_g = dc i (1 - g^2).",
        "g for i": "g was used where i belongs, in da_g = dc i (1 - g^2).",
        "f for i": "f was used where i belongs, in da_g = dc i (1 - g^2).",
        "o for i": "o was used where i belongs, in da_g = dc i (1 - g^2).",
    },
    "s'(o)": {
        "no slope o": "the derivative of o's sigmoid is missing: da_o has a factor o (1 - o).",
        "tanh slope o": "o has the derivative of tanh: a sigmoid's is o (1 - o).",
        "1 - o alone": "a factor o is missing in the derivative o (1 - o) of da_o.",
        "i's slope for o": "i (1 - i) was used where o (1 - o) belongs.",
        "f's slope for o": "f (1 - f) was used where o (1 - o) belongs.",
    },
    "s'(i)": {
        "no slope i": "the derivative of i's sigmoid is missing: da_i has a factor i (1 - i).",
        "tanh slope i": "i has the derivative of tanh: a sigmoid's is i (1 - i).",
        "1 - i alone": "a factor i is missing in the derivative i (1 - i) of da_i.",
        "f's slope for i": "f (1 - f) was used where i (1 - i) belongs.",
        "o's slope for i": "o (1 - o) was used where i (1 - i) belongs.",
    },
    "s'(f)": {
        "no slope f": "the derivative of f's sigmoid is missing: da_f has a factor f (1 - f).",
        "tanh slope f": "f has the derivative of tanh: a sigmoid's is f (1 - f).",
        "1 - f alone": "a factor f is missing in the derivative f (1 - f) of da_f.",
        "i's slope for f": "i (1 - i) was used where f (1 - f) belongs.",
        "o's slope for f": "o (1 - o) was used where f (1 - f) belongs.",
    },
    "tanh'(g)": {
        "no slope g": "the derivative of g's tanh is missing: da_g has a factor 1 - g^2.",
        "sigmoid slope g": "g has the derivative of a sigmoid: a tanh's is 1 - g^2.",
        "1 - g": "1 - g was used where 1 - g^2 belongs.",
        "slope of tanh g": "tanh was taken once more in g's derivative: in terms of g it is 1 - g^2.",
    },
    "s'(o), s'(i), s'(f), tanh'(g)": {
        "no slopes": "the derivatives of all four gates are missing: s (1 - s) for o, i, f, 1 - g^2 for g.",
        "sigmoid twice": "sigmoid was taken once more in its derivative: in terms of a gate it is s (1 - s).",
        "all tanh": "all four gates have the derivative of tanh; three of them are sigmoids.",
    },
    "sign": {
        **each(GATES, "sign", "the sign of da_K is wrong."),
        "all signs": "the sign of all of da is wrong.",
    },
    "order of rows": {
        "i and f swapped": "i and f are swapped in da: its rows are in the order o, i, f, g.",
        "o and i swapped": "o and i are swapped in da: its rows are in the order o, i, f, g.",
        "o and f swapped": "o and f are swapped in da: its rows are in the order o, i, f, g.",
        "i and g swapped": "i and g are swapped in da: its rows are in the order o, i, f, g.",
        "i f o g": "the rows of da are in the order i, f, o, g; here it is o, i, f, g.",
        "i f g o": "the rows of da are in the order i, f, g, o; here it is o, i, f, g.",
        "i o f g": "the rows of dW_x, dW_h and db are in the order i, f, g, o; here it is o, i, f, g.",
    },
    "time": {"forwards": "the loop runs forwards in time; the last step has to come first."},
    "dW_h": {
        "h_t": "h_t was used where h_{t-1} belongs.",
        "h0 zero": "h_{t-1} was zero at the first step, in dW_h: it is h0.",
        "c for h": "c_{t-1} was used where h_{t-1} belongs, in dW_h.",
        "h of last": "h_{t-1} of the first step was taken from the end of the sequence, in dW_h: it is h0.",
        "h0 everywhere": "h0 was used at every step where h_{t-1} belongs, in dW_h.",
    },
    "dW_x": {
        "earlier x": "x_{t-1} was used where x_t belongs, in dW_x.",
        "x reversed": "x was read from the wrong end, in dW_x.",
    },
    "sum of weights": {
        "first step of weights": "dW_x, dW_h and db hold the first step alone: = was used where += belongs.",
        "last step of weights": "dW_x, dW_h and db hold the last step alone; they are sums over all steps.",
        "weights over T": "dW_x, dW_h and db were divided by T; they are sums over the steps.",
        "weights over B": "dW_x, dW_h and db were divided by B; they are sums over the batch.",
        "weights over T B": "dW_x, dW_h and db were divided by T B; they are sums.",
        "first step of dW_x": "dW_x holds the first step alone: = was used where += belongs.",
        "first step of dW_h": "dW_h holds the first step alone: = was used where += belongs.",
        "first step of db": "db holds the first step alone: = was used where += belongs.",
        "db mean": "db is a mean over the batch; it is a sum.",
        "db mean over T": "db is a mean over the steps; it is a sum.",
        "db of one": "db is that of the first sequence of the batch alone; it is a sum over the batch.",
        "db twice": "db was added twice.",
        "first sequence": "dW_x, dW_h and db are those of the first sequence of the batch alone.",
    },
    "dx": {
        "dx reversed": "dx stands in the order it was made in, last step first: it has to be turned round.",
        **each(GATES, "dx without", "da_K is missing in dx = W_x^T da."),
        "dx i and f swapped": "per-gate copies: in dx, i's and f's rows of W_x are swapped.",
        "dx over B": "dx was divided by B; each sequence has its own.",
        "dx last only": "dx holds the last step alone; the others are zero.",
        "dx first only": "dx holds the first step alone; the others are zero.",
    },
    "dh0": {
        "no dh0": "dh0 is zero: it is dh_{t-1} of the first step.",
        "dh0 early": "dh0 is the gradient by the first h, not by h0: W_h^T da of the first step is missing.",
        "dh0 early, without dh": "dh0 was taken one step too soon: it is W_h^T da of the first step.",
        "dh0 is dh_T": "dh0 is dh_T as it came in.",
    },
    "dc0": {
        "no dc0": "dc0 is zero: it is dc f of the first step.",
        "dc0 early": "dc0 is the gradient by the first c, not by c0: the first step's factor f is missing.",
        "dc0 early, without dh": "dc0 was taken one step too soon: it is dc f of the first step.",
        "dc0 is dc_T": "dc0 is dc_T as it came in.",
    },
    "dh0, dc0": {
        "no initial": "dh0 and dc0 are zero: the gradients by the initial state were forgotten.",
        "dh0 and dc0 swapped": "dh0 and dc0 are swapped.",
    },
    "all": {
        "over B": "all gradients were divided by B: the loss is a sum, what dh holds is what it is.",
        "over T": "all gradients were divided by T: the loss is a sum, what dh holds is what it is.",
    },
}
ERRORS = {switch: sentence for spot in SPOTS.values() for switch, sentence in spot.items()}
SPOT = {switch: set(spots.split(", ")) for spots, switches in SPOTS.items() for switch in switches}
BOTH = {
    ("no dh_T", "no dc_T"): "no final",
    ("no dh back", "no dc back"): "truncated",
    ("no dh0", "no dc0"): "no initial",
}
"""Two errors that together are a third, whose sentence says both."""


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def run(*errors):
    """What code with these errors makes of the problem that a generator yields."""
    unknown = set(errors) - set(ERRORS)
    assert not unknown, unknown

    def tensors(rng):
        return lstm(bank_problem(rng), set(errors))

    return tensors


def lstm(p, errors):
    x, h0, c0, W_x, W_h, b = (p[name] for name in ("x", "h0", "c0", "W_x", "W_h", "b"))
    T, B, H = p["dh"].shape
    h, c, gates = [h0], [c0], []
    for t in range(T):
        a = x[t] @ W_x.T + h[t] @ W_h.T + b
        s = sigmoid(a)
        o, i, f, g = s[:, :H], s[:, H : 2 * H], s[:, 2 * H : 3 * H], np.tanh(a[:, 3 * H :])
        c.append(f * c[t] + i * g)
        h.append(o * np.tanh(c[t + 1]))
        gates.append((o, i, f, g))
    W_k = dict(zip(GATES, np.split(W_h, 4), strict=True))
    V_k = dict(zip(GATES, np.split(W_x, 4), strict=True))

    def pick(default, others):
        """The one of some values whose switch is on, if any is."""
        return next((value for switch, value in others.items() if switch in errors), default)

    dh_T, dc_T = p["dh_T"], p["dc_T"]
    dh_next = pick(dh_T, {"no dh_T": 0 * dh_T, "no final": 0 * dh_T})
    dc_next = pick(dc_T, {"no dc_T": 0 * dc_T, "no final": 0 * dc_T})
    steps = range(T) if "forwards" in errors else range(T)[::-1]
    last = steps[0]
    dx, das, seconds = np.zeros_like(x), {}, (dh_next, dc_next)
    for t in steps:
        o, i, f, g = gates[t]
        c_t, c_before, h_before = c[t + 1], c[t], h[t]
        tanh_c = np.tanh(c_t)
        dh = p["dh"][pick(t, {"dh reversed": T - 1 - t})]
        if "dh ignored" in errors or ("dh last only" in errors and t != last):
            dh = 0 * dh
        dh = dh + dh_next
        dc = dc_next
        if "dh_T everywhere" in errors and t != last:
            dh = dh + dh_T
        if "dc_T everywhere" in errors and t != last:
            dc = dc + dc_T

        slope = pick(
            1 - tanh_c**2,
            {
                "no tanh'": 1,
                "1 - c^2": 1 - c_t**2,
                "1 - tanh": 1 - tanh_c,
                "earlier c in path": 1 - np.tanh(c_before) ** 2,
                "no path": 0,
            },
        )
        dc = dc + dh * pick(o, {"no o": 1, "f for o": f}) * slope

        do = dh * pick(
            tanh_c,
            {
                "c for tanh c": c_t,
                "no tanh c": 1,
                "earlier c in da_o": np.tanh(c_before),
                "h for tanh c": h[t + 1],
            },
        )
        di = dc * pick(g, {"no g": 1, "i for g": i, "c for g": c_before})
        df = dc * pick(
            c_before,
            {
                "c_t": c_t,
                "no c": 1,
                "g for c": g,
                "tanh c for c": np.tanh(c_before),
                "h for c": h_before,
                "c0 zero": c_before * (t > 0),
            },
        )
        dg = dc * pick(i, {"no i": 1, "g for i": g, "f for i": f, "o for i": o})

        def s_slope(s, k, o=o, i=i, f=f):
            return pick(
                s * (1 - s),
                {
                    f"no slope {k}": 1,
                    "no slopes": 1,
                    f"tanh slope {k}": 1 - s**2,
                    "all tanh": 1 - s**2,
                    f"1 - {k} alone": 1 - s,
                    "sigmoid twice": sigmoid(s) * (1 - sigmoid(s)),
                    f"o's slope for {k}": o * (1 - o),
                    f"i's slope for {k}": i * (1 - i),
                    f"f's slope for {k}": f * (1 - f),
                },
            )

        g_slope = pick(
            1 - g**2,
            {
                "no slope g": 1,
                "no slopes": 1,
                "sigmoid slope g": g * (1 - g),
                "1 - g": 1 - g,
                "slope of tanh g": 1 - np.tanh(g) ** 2,
            },
        )
        da = {
            "o": do * s_slope(o, "o"),
            "i": di * s_slope(i, "i"),
            "f": df * s_slope(f, "f"),
            "g": dg * g_slope,
        }
        for k in GATES:
            if f"sign {k}" in errors or "all signs" in errors:
                da[k] = -da[k]
        order = pick(
            "oifg",
            {
                "i and f swapped": "ofig",
                "o and i swapped": "iofg",
                "o and f swapped": "fiog",
                "i and g swapped": "ogfi",
                "i f o g": "ifog",
                "i f g o": "ifgo",
            },
        )
        da = dict(zip(GATES, [da[k] for k in order], strict=True))
        das[t] = da

        seconds = (dh_next, dc_next, dh, dc)
        dh_parts = {k: da[k] @ (W_k[k].T if "W_h transposed" in errors else W_k[k]) for k in GATES}
        for k, other in ("if", "fi", "og", "gi"):
            if f"dh {k} by {other}" in errors:
                dh_parts[k] = da[k] @ W_k[other]
        dh_next = sum(dh_parts[k] for k in GATES if f"dh without {k}" not in errors)
        dc_next = dc * pick(f, {"no f": 1, "i for f": i, "o for f": o, "earlier f": gates[t - 1][2]})
        if "dh kept" in errors:
            dh_next = dh_next + dh
        if "dc kept" in errors:
            dc_next = dc_next + dc
        if t != steps[-1]:
            if "no dh back" in errors or "truncated" in errors:
                dh_next = 0 * dh_next
            if "no dc back" in errors or "truncated" in errors:
                dc_next = 0 * dc_next

        swapped = "dx i and f swapped" in errors
        dx[t] = sum(
            da[k] @ V_k[{"i": "f", "f": "i"}.get(k, k) if swapped else k]
            for k in GATES
            if f"dx without {k}" not in errors
        )

    if "dx reversed" in errors:
        dx = dx[::-1]
    for switch, kept in (("dx last only", T - 1), ("dx first only", 0)):
        if switch in errors:
            dx = dx * (np.arange(T) == kept)[:, None, None]
    if "dx over B" in errors:
        dx = dx / B

    da = np.array([np.concatenate([das[t][k] for k in GATES], axis=1) for t in range(T)])
    if "i o f g" in errors:
        da = np.concatenate([np.split(da, 4, axis=2)[k] for k in (1, 2, 3, 0)], axis=2)
    h, c = np.array(h), np.array(c)
    with_h = pick(
        h[:-1],
        {
            "h_t": h[1:],
            "h0 zero": h[:-1] * (np.arange(T) > 0)[:, None, None],
            "c for h": c[:-1],
            "h of last": np.concatenate([h[-1:], h[1:-1]]),
            "h0 everywhere": np.broadcast_to(h0, h[:-1].shape),
        },
    )
    with_x = pick(x, {"earlier x": np.roll(x, 1, axis=0), "x reversed": x[::-1]})
    first, last = da * (np.arange(T) == 0)[:, None, None], da * (np.arange(T) == T - 1)[:, None, None]
    one = da * (np.arange(B) == 0)[:, None]
    common = {
        "first step of weights": first,
        "last step of weights": last,
        "first sequence": one,
        "weights over T": da / T,
        "weights over B": da / B,
        "weights over T B": da / (T * B),
    }
    dW_x = np.einsum("tbk,tbd->kd", pick(da, common | {"first step of dW_x": first}), with_x)
    dW_h = np.einsum("tbk,tbh->kh", pick(da, common | {"first step of dW_h": first}), with_h)
    of_b = {
        "first step of db": first,
        "db mean": da / B,
        "db mean over T": da / T,
        "db of one": one,
        "db twice": 2 * da,
    }
    db = pick(da, common | of_b).sum(axis=(0, 1))

    dh_early, dc_early, dh_full, dc_full = seconds
    dh0 = pick(
        dh_next,
        {
            "no dh0": 0 * dh_next,
            "no initial": 0 * dh_next,
            "dh0 early": dh_full,
            "dh0 early, without dh": dh_early,
            "dh0 is dh_T": dh_T,
        },
    )
    dc0 = pick(
        dc_next,
        {
            "no dc0": 0 * dc_next,
            "no initial": 0 * dc_next,
            "dc0 early": dc_full,
            "dc0 early, without dh": dc_early,
            "dc0 is dc_T": dc_T,
        },
    )
    if "dh0 and dc0 swapped" in errors:
        dh0, dc0 = dc0, dh0
    tensors = {"dx": dx, "dh0": dh0, "dc0": dc0, "dW_x": dW_x, "dW_h": dW_h, "db": db}
    size = pick(1, {"over B": B, "over T": T})
    return {name: tensor / size for name, tensor in tensors.items()}

"""The LSTM's backward pass with the classical errors as switches, each at the spot where it is made.

Two errors of one spot exclude each other, and any two of different spots can be made at once. Some errors
cover several spots.
"""

from itertools import combinations, permutations

import numpy as np

from numpylstm.classroom import exercises

bank_problem = exercises()["06"].module.bank_problem
GATES = "oifg"


def each(name, sentence):
    """An error of one gate K, for each of the four."""
    return {f"{name} {k}": sentence.replace("K", k) for k in GATES}


def letters(name, sentence):
    """An error of per-gate copies: the letter M where K belongs, for all pairs of gates."""
    return {
        name.replace("K", k).replace("M", m): f"per-gate copies: {sentence}".replace("K", k).replace("M", m)
        for k, m in permutations(GATES, 2)
    }


def swaps(name):
    """The rows of two gates interchanged in one tensor."""
    return {
        f"{name} swaps {k}{m}": f"the parts of {name} that belong to {k} and {m} are interchanged."
        for k, m in combinations(GATES, 2)
    }


def slopes_of(k):
    """Derivatives s (1 - s) of the gate k in which one letter is another's."""
    sentence = "per-gate copies: {0} was used where {1} (1 - {1}) belongs, in da_{1}."
    wrong = [name for m in GATES if m != k for name in (f"{k} (1 - {m})", f"{m} (1 - {k})")]
    return {f"{k}: {name}": sentence.format(name, k) for name in wrong}


def slips(k):
    """Other slips in the derivative s (1 - s) of the gate k."""
    return {
        f"{k} alone": f"a factor 1 - {k} is missing in the derivative {k} (1 - {k}) of da_{k}.",
        f"{k} (1 + {k})": f"{k} (1 + {k}) was used where {k} (1 - {k}) belongs.",
        f"sigmoid twice {k}": f"sigmoid was taken once more in {k}'s derivative: that is {k} (1 - {k}).",
    }


ELSEWHERE = ("ifog", "ifgo", "figo")
"""Orders of rows that other texts have."""


def orders(name, whose):
    """Rows in another order; those of two gates interchanged, and what other texts have."""
    found = ("iofg", "fiog", "giof", "ofig", "ogfi", "oigf", *ELSEWHERE)
    return {
        f"{name} {order}": f"the rows of {whose} are in the order {', '.join(order)}; here it is o, i, f, g."
        for order in found
    }


def unpacked():
    """The cached gates unpacked in another order than they were put away in."""
    return {
        f"unpacked {order}": f"the gates were unpacked as {', '.join(order)} on the way back, not o, i, f, g."
        for order in ("iofg", "fiog", "giof", "ofig", "ogfi", "oigf", *ELSEWHERE)
    }


def left_out(name):
    """One step missing from the sum of one tensor."""
    return {
        f"{end} step not in {name}": f"the {end} step is missing in {name}, a sum over all steps."
        for end in ("first", "last")
    }


def rows(name):
    """The rows of one tensor alone in another text's order, as where its parts are put together."""
    return {
        f"{name} rows {order}": f"the rows of {name} alone are ordered {', '.join(order)}, not o, i, f, g."
        for order in ELSEWHERE
    }


SPOTS = {
    "dh": {
        "dh reversed": "dh was read from the wrong end: its first step met the last.",
        "dh last only": "dh was used at the last step alone; there is one for every step.",
        "dh not at last": "dh of the last step was left out: dh_T comes on top of it, not in its place.",
        "dh over B": "dh was divided by B: it is the gradient by h as it stands.",
        "dh over T": "dh was divided by T: it is the gradient by h as it stands.",
        "dh early": "dh[t-1] was used where dh[t] belongs.",
        "dh ignored": "dh[t] was never added: only what comes from later steps is there.",
        "dh late": "dh[t+1] was used where dh[t] belongs.",
        "sign of dh[t]": "the sign of dh[t] is wrong.",
    },
    "dh_T": {
        "no dh_T": "dh_T, the gradient by the last hidden state, was dropped.",
        "dh_T everywhere": "dh_T was added at every step; it belongs to the last alone.",
        "dh_T twice": "dh_T was added twice.",
        "dh_T first": "dh_T was added at the first step; it belongs to the last.",
        "dh_T again": "dh_T was added at every step, twice at the last; it belongs there, once.",
    },
    "dc_T": {
        "no dc_T": "dc_T, the gradient by the last memory cell, was dropped.",
        "dc_T everywhere": "dc_T was added at every step; it belongs to the last alone.",
        "dc_T twice": "dc_T was added twice.",
        "dc_T first": "dc_T was added at the first step; it belongs to the last.",
        "dc_T again": "dc_T was added at every step, twice at the last; it belongs there, once.",
    },
    "dh_T, dc_T": {
        "no final": "dh_T and dc_T, the gradients by the final state, were dropped.",
        "final swapped": "dh_T and dc_T are swapped.",
    },
    "dh_T, back by h, dh0": {
        "dh never replaced": "dh of the next step was never replaced: it stayed dh_T, and so did dh0.",
        "dh_T carried": "dh_T was added to W_h^T da of every step, and so to dh0; it belongs to the last.",
    },
    "dc_T, back by c, dc0": {
        "dc never replaced": "dc of the next step was never replaced: it stayed dc_T, and so did dc0.",
        "dc_T carried": "dc_T was added to dc f of every step, and so to dc0; it belongs to the last.",
    },
    "back by h, dh0": {
        "nothing back by h": "W_h^T da is missing altogether: no step has it of the next, and dh0 is zero.",
    },
    "back by c, dc0": {
        "f too late": "dc of the next step was multiplied by f_t where f_{t+1} belongs.",
        "nothing back by c": "dc f is missing altogether: no step has it of the next, and dc0 is zero.",
    },
    "dh_T, back by h": {
        "dh_T for next": "dh_T was added at every step in place of W_h^T da of the next one.",
        "dh[t] alone": "nothing was added to dh[t]: neither W_h^T da of the next step nor dh_T.",
    },
    "dc_T, back by c": {
        "dc anew": "dc is made of dh alone: = was used where += belongs, so dc f and dc_T are lost.",
    },
    "dh_T, dc_T, back by h, back by c": {
        "each step alone": "each step stands alone: nothing comes from the next one, or from dh_T and dc_T.",
    },
    "back by h": {
        "no dh back": "the recurrent term is missing: W_h^T da of the next step was not added to dh.",
        "dh kept": "dh was added to where it should be replaced: dh_{t-1} is W_h^T da, without the old dh.",
        "W_h transposed": "each gate's block of W_h was transposed once too often on the way to dh_{t-1}.",
        **each("dh without", "da_K is missing in dh_{t-1} = W_h^T da."),
        **letters("dh K by M", "da_K went back through the rows of W_h that belong to M."),
        **letters("dh M for K", "da_M stands where da_K belongs, in dh_{t-1} = W_h^T da."),
        "dh_next kept": "what came from the next step was not replaced by W_h^T da: that was added to it.",
        "sign of dh": "the sign of W_h^T da is wrong.",
    },
    "back by c": {
        "no dc back": "dc of the next step was not passed back: the memory's own path is missing.",
        "dc kept": "dc was added to where it should be replaced: dc_{t-1} is dc f, without the old dc.",
        "no f": "dc was not multiplied by f on its way to c_{t-1}.",
        "i for f": "dc was multiplied by i, not by f, on its way to c_{t-1}.",
        "o for f": "dc was multiplied by o, not by f, on its way to c_{t-1}.",
        "earlier f": "dc was multiplied by f of the step before, not of its own step.",
        "earlier f, first own": "dc was multiplied by f of the step before, save at the first step.",
        "dc from before": "dc f was passed back without the part that came from dh.",
        "dc_next kept": "what came from the next step was not replaced by dc f: that was added to it.",
    },
    "back by h, back by c": {
        "truncated": "nothing is passed back from step to step: neither W_h^T da nor dc f.",
    },
    "back by h, back by c, dh0, dc0": {
        "nothing back": "nothing is passed back: W_h^T da and dc f are missing, and dh0 and dc0 are zero.",
    },
    "dh, path h to c": {
        "path without dh[t]": "dh[t] was added too late: dc saw only what comes from later steps through h.",
    },
    "dh, da_o": {
        "da_o without dh[t]": "dh[t] was added too late: da_o saw only what comes from later steps.",
    },
    "dc_T, path h to c, back by c, dc0": {
        "path of both": "o (1 - tanh(c)^2) belongs to dh: dc of the next step was multiplied by it too.",
    },
    "path h to c, da_o, da_i, da_f, da_g, s'(o), s'(i), s'(f), tanh'(g), back by c": unpacked(),
    "path h to c": {
        "tanh c": "tanh(c) was used where its derivative, 1 - tanh(c)^2, belongs.",
        "1 - h^2": "1 - h^2 was used where 1 - tanh(c)^2 belongs.",
        "1 + tanh^2": "1 + tanh(c)^2 was used where 1 - tanh(c)^2 belongs.",
        "tanh twice": "tanh was taken once more in 1 - tanh(c)^2.",
        "path of dh[t]": "dc saw dh[t] alone, not what comes from later steps through h.",
        "sign of path": "the sign of dh o (1 - tanh(c)^2) in dc is wrong.",
        "no path": "the path from h to c is missing: dh o (1 - tanh(c)^2) belongs into dc.",
        "no tanh'": "the derivative of tanh(c) is missing in dc: dh o (1 - tanh(c)^2).",
        "1 - c^2": "1 - c^2 was used where 1 - tanh(c)^2 belongs.",
        "1 - tanh": "1 - tanh(c) was used where 1 - tanh(c)^2 belongs.",
        "(1 - tanh)^2": "(1 - tanh(c))^2 was used where 1 - tanh(c)^2 belongs.",
        "no o": "o is missing in dc: dh o (1 - tanh(c)^2).",
        **{f"{m} for o": f"{m} was used for o in dc: dh o (1 - tanh(c)^2)." for m in "ifg"},
        "earlier c in path": "c_{t-1} was used where c_t belongs, in 1 - tanh(c_t)^2.",
    },
    "da_o": {
        "c for tanh c": "c was used where tanh(c) belongs, in da_o.",
        "no tanh c": "tanh(c) is missing in da_o.",
        "tanh tanh c": "tanh was taken once more in da_o: it has tanh(c).",
        "earlier c in da_o": "c_{t-1} was used where c_t belongs, in the tanh(c_t) of da_o.",
        "da_o of dh[t]": "da_o saw dh[t] alone, not what comes from later steps.",
        **{f"{m} for tanh c": f"{m} was used where tanh(c) belongs, in da_o." for m in "ifg"},
        "dc for dh": "dc was used where dh belongs, in da_o.",
        "h for tanh c": "h was used where tanh(c) belongs, in da_o: h has o in it already.",
    },
    "path h to c, da_o": {
        "c everywhere": "tanh is missing: c was used where tanh(c) belongs, in da_o and in 1 - tanh(c)^2.",
        "earlier c everywhere": "tanh(c_{t-1}) was used where tanh(c_t) belongs, in da_o and in dc.",
        "tanh twice everywhere": "tanh was taken once more of tanh(c), in da_o and in 1 - tanh(c)^2.",
        "c_T everywhere": "tanh(c_T) of the last step was used at every step; each has its own.",
    },
    "da_i, da_f, da_g": {
        "dh for dc": "dh was used where dc belongs, in da_i, da_f and da_g.",
        "dc too early": "da_i, da_f and da_g were made before dh o (1 - tanh(c)^2) was added to dc.",
        "dc too late": "dc was multiplied by f before da_i, da_f and da_g were made of it.",
    },
    "da_i, da_g": {"g and i": "i and g are interchanged: da_i has the factor g, da_g the factor i."},
    "da_i, da_f": {"g and c": "g and c_{t-1} are interchanged: da_i has the factor g, da_f has c_{t-1}."},
    "da_i": {
        "no g": "g is missing in da_i = dc g i (1 - i).",
        "dh for dc in i": "dh was used where dc belongs, in da_i.",
        "dc too early in i": "da_i was made before dh o (1 - tanh(c)^2) was added to dc.",
        "dc too late in i": "dc was multiplied by f before da_i was made of it.",
        "o for g": "o was used where g belongs, in da_i = dc g i (1 - i).",
        "f for g": "f was used where g belongs, in da_i = dc g i (1 - i).",
        "i for g": "i was used where g belongs, in da_i = dc g i (1 - i).",
        "c for g": "c_{t-1} was used where g belongs, in da_i = dc g i (1 - i).",
    },
    "da_f": {
        "c_t": "c_t was used where c_{t-1} belongs, in da_f.",
        "dh for dc in f": "dh was used where dc belongs, in da_f.",
        "dc too early in f": "da_f was made before dh o (1 - tanh(c)^2) was added to dc.",
        "dc too late in f": "dc was multiplied by f before da_f was made of it.",
        **{f"{m} for c": f"{m} was used where c_{{t-1}} belongs, in da_f." for m in "oif"},
        "no c": "c_{t-1} is missing in da_f = dc c_{t-1} f (1 - f).",
        "g for c": "g was used where c_{t-1} belongs, in da_f.",
        "tanh c for c": "tanh(c_{t-1}) was used where c_{t-1} belongs, in da_f.",
        "h for c": "h_{t-1} was used where c_{t-1} belongs, in da_f.",
        "c0 zero": "c_{t-1} was zero at the first step, in da_f: it is c0.",
        "c of last": "c_{t-1} of the first step was taken from the end of the sequence, in da_f: it is c0.",
        "c0 everywhere": "c0 was used at every step where c_{t-1} belongs, in da_f.",
        "c before": "c_{t-2} was used where c_{t-1} belongs, in da_f.",
    },
    "da_g": {
        "no i": "i is missing in da_g = dc i (1 - g^2).",
        "dh for dc in g": "dh was used where dc belongs, in da_g.",
        "dc too early in g": "da_g was made before dh o (1 - tanh(c)^2) was added to dc.",
        "dc too late in g": "dc was multiplied by f before da_g was made of it.",
        "c for i": "c_{t-1} was used where i belongs, in da_g = dc i (1 - g^2).",
        "g for i": "g was used where i belongs, in da_g = dc i (1 - g^2).",
        "f for i": "f was used where i belongs, in da_g = dc i (1 - g^2).",
        "o for i": "o was used where i belongs, in da_g = dc i (1 - g^2).",
    },
    "s'(o)": {
        "no slope o": "the derivative of o's sigmoid is missing: da_o has a factor o (1 - o).",
        "tanh slope o": "o has the derivative of tanh: a sigmoid's is o (1 - o).",
        **slopes_of("o"),
        "1 - o alone": "a factor o is missing in the derivative o (1 - o) of da_o.",
        "i's slope for o": "i (1 - i) was used where o (1 - o) belongs.",
        "f's slope for o": "f (1 - f) was used where o (1 - o) belongs.",
        **slips("o"),
    },
    "s'(i)": {
        "no slope i": "the derivative of i's sigmoid is missing: da_i has a factor i (1 - i).",
        "tanh slope i": "i has the derivative of tanh: a sigmoid's is i (1 - i).",
        **slopes_of("i"),
        "1 - i alone": "a factor i is missing in the derivative i (1 - i) of da_i.",
        "f's slope for i": "f (1 - f) was used where i (1 - i) belongs.",
        "o's slope for i": "o (1 - o) was used where i (1 - i) belongs.",
        **slips("i"),
    },
    "s'(f)": {
        "no slope f": "the derivative of f's sigmoid is missing: da_f has a factor f (1 - f).",
        "tanh slope f": "f has the derivative of tanh: a sigmoid's is f (1 - f).",
        **slopes_of("f"),
        "1 - f alone": "a factor f is missing in the derivative f (1 - f) of da_f.",
        "i's slope for f": "i (1 - i) was used where f (1 - f) belongs.",
        "o's slope for f": "o (1 - o) was used where f (1 - f) belongs.",
        **slips("f"),
    },
    "tanh'(g)": {
        "no slope g": "the derivative of g's tanh is missing: da_g has a factor 1 - g^2.",
        "sigmoid slope g": "g has the derivative of a sigmoid: a tanh's is 1 - g^2.",
        **{f"1 - {m}^2": f"1 - {m}^2 was used where 1 - g^2 belongs." for m in "oif"},
        "1 + g^2": "1 + g^2 was used where 1 - g^2 belongs.",
        "(1 - g)^2": "(1 - g)^2 was used where 1 - g^2 belongs.",
        "1 - tanh(c)^2": "1 - tanh(c)^2 was used where 1 - g^2 belongs.",
        "1 - g": "1 - g was used where 1 - g^2 belongs.",
        "slope of tanh g": "tanh was taken once more in g's derivative: in terms of g it is 1 - g^2.",
    },
    "s'(o), s'(i), s'(f), tanh'(g)": {
        "no slopes": "the derivatives of all four gates are missing: s (1 - s) for o, i, f, 1 - g^2 for g.",
        "sigmoid twice": "sigmoid was taken once more in its derivative: in terms of a gate it is s (1 - s).",
        "slopes of slopes": "the derivatives were taken at the gates as though they were pre-activations.",
        "all tanh": "all four gates have the derivative of tanh; three of them are sigmoids.",
    },
    "s'(o), s'(i), s'(f)": {
        "no slopes of sigmoids": "the sigmoids' derivatives are missing: s (1 - s) for o, i and f.",
        "s alone": "a factor 1 - s is missing in the derivatives s (1 - s) of o, i and f.",
        "1 - s alone": "a factor s is missing in the derivatives s (1 - s) of o, i and f.",
        "s (1 + s)": "s (1 + s) was used where s (1 - s) belongs, for o, i and f.",
    },
    "s'(i), s'(f)": {"i's and f's slopes": "the derivatives of i and f are interchanged."},
    "s'(o), s'(i)": {"o's and i's slopes": "the derivatives of o and i are interchanged."},
    "s'(o), s'(f)": {"o's and f's slopes": "the derivatives of o and f are interchanged."},
    "sign": {
        **each("sign", "the sign of da_K is wrong."),
        "all signs": "the sign of all of da is wrong.",
    },
    **{
        # Whatever else is done to a da_k that is zero is in vain.
        f"da_{k}, {slope}, sign, back by h, dx, dW_h, of dW_x, of dW_h, of db": {
            f"no da {k}": f"da_{k} is zero."
        }
        for k, slope in zip(GATES, ("s'(o)", "s'(i)", "s'(f)", "tanh'(g)"), strict=True)
    },
    "order of rows": {
        **orders("da", "da"),
        **orders("dW", "dW_x, dW_h and db"),
    },
    "time": {
        "forwards": "the loop runs forwards in time; the last step has to come first.",
        "not the first": "the loop ends one step early: the first step, t = 0, was left out.",
        "not the last": "the loop begins one step early: the last step, t = T - 1, was left out.",
    },
    "dW_h, da_f": {
        "h0 and c0 zero": "h_{t-1} and c_{t-1} were zero at the first step: they are h0 and c0.",
        "h and c of last": "the first step's h_{t-1} and c_{t-1} were taken from the end: they are h0, c0.",
        "h_t and c_t": "h_t and c_t were used where h_{t-1} and c_{t-1} belong.",
    },
    "dW_h": {
        "h_t": "h_t was used where h_{t-1} belongs.",
        "h0 zero": "h_{t-1} was zero at the first step, in dW_h: it is h0.",
        "c_t for h": "c_t was used where h_{t-1} belongs, in dW_h.",
        "c for h": "c_{t-1} was used where h_{t-1} belongs, in dW_h.",
        "h of last": "h_{t-1} of the first step was taken from the end of the sequence, in dW_h: it is h0.",
        **each("h_t in", "h_t was used where h_{t-1} belongs, in the rows of dW_h that belong to K alone."),
        "h before": "h_{t-2} was used where h_{t-1} belongs, in dW_h.",
        "h_T everywhere": "h_T was used at every step where h_{t-1} belongs, in dW_h.",
        "h0 everywhere": "h0 was used at every step where h_{t-1} belongs, in dW_h.",
        "h before, h0 twice": "h_{t-2} was used where h_{t-1} belongs, in dW_h, and h0 twice.",
        "dW_h transposed": "each gate's block of dW_h is transposed: it is the sum of da h_{t-1}^T.",
    },
    "dW_x, dW_h": {
        "earlier z": "[x_{t-1}, h_{t-2}] was used where [x_t, h_{t-1}] belongs, in dW_x and dW_h.",
        "later z": "[x_{t+1}, h_t] was used where [x_t, h_{t-1}] belongs, in dW_x and dW_h.",
    },
    "of dW_x, of dW_h, dW_x, dW_h": {
        "dW cut hx": "the columns of [dW_x, dW_h] were cut as though those of h came first.",
        "dW cut xh": "the columns of [dW_h, dW_x] were cut as though those of x came first.",
    },
    "back by h, dx, dh0": {
        "dz cut hx": "the gradient by [x, h] was cut as though h came first, for dx and for dh_{t-1}.",
        "dz cut xh": "the gradient by [h, x] was cut as though x came first, for dx and for dh_{t-1}.",
    },
    "dW_x": {
        "earlier x": "x_{t-1} was used where x_t belongs, in dW_x.",
        "later x": "x_{t+1} was used where x_t belongs, in dW_x.",
        "x reversed": "x was read from the wrong end, in dW_x.",
        "earlier x, first twice": "x_{t-1} was used where x_t belongs, in dW_x, and the first x twice.",
        "later x, last twice": "x_{t+1} was used where x_t belongs, in dW_x, and the last x twice.",
    },
    "of dW_x, of dW_h, of db": {
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
        **rows("dW_x"),
        "sign of dW_x": "the sign of dW_x is wrong.",
        "first step of dW_x": "dW_x holds the first step alone: = was used where += belongs.",
        **swaps("dW_x"),
        **each("dW_x zero", "the rows of dW_x that belong to K are zero."),
        **each(
            "dW_x first",
            "the rows of dW_x that belong to K hold the first step alone: = was used where += belongs.",
        ),
        **letters("dW_x K of M", "the rows of dW_x that belong to K were made with da_M."),
    },
    "of dW_h": {
        # Without the first step dW_h is what it is with h0 = 0.
        "last step not in dW_h": "the last step is missing in dW_h, a sum over all steps.",
        **rows("dW_h"),
        "sign of dW_h": "the sign of dW_h is wrong.",
        "first step of dW_h": "dW_h holds the first step alone: = was used where += belongs.",
        **swaps("dW_h"),
        **each("dW_h zero", "the rows of dW_h that belong to K are zero."),
        **each(
            "dW_h first",
            "the rows of dW_h that belong to K hold the first step alone: = was used where += belongs.",
        ),
        **letters("dW_h K of M", "the rows of dW_h that belong to K were made with da_M."),
    },
    "of db": {
        **left_out("db"),
        **each("db mean", "the part of db that belongs to K is a mean over the batch; it is a sum."),
        **rows("db"),
        "sign of db": "the sign of db is wrong.",
        "first step of db": "db holds the first step alone: = was used where += belongs.",
        "db mean": "db is a mean over the batch; it is a sum.",
        "db mean over T": "db is a mean over the steps; it is a sum.",
        "db of one": "db is that of the first sequence of the batch alone; it is a sum over the batch.",
        "db mean over T B": "db is a mean over steps and batch; it is a sum.",
        "last step of db": "db holds the last step alone; it is a sum over all steps.",
        "no db": "db is zero.",
        **swaps("db"),
        **each("db zero", "the part of db that belongs to K is zero."),
        **each(
            "db first",
            "the part of db that belongs to K holds the first step alone: = was used where += belongs.",
        ),
        **letters("db K of M", "the part of db that belongs to K was made with da_M."),
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
        **each("dx without", "da_K is missing in dx = W_x^T da."),
        **letters("dx K by M", "in dx, da_K met the rows of W_x that belong to M."),
        **letters("dx M for K", "da_M stands where da_K belongs, in dx = W_x^T da."),
        "no dx": "dx is zero.",
        "dx over B": "dx was divided by B; each sequence has its own.",
        "dx last only": "dx holds the last step alone; the others are zero.",
        "dx first only": "dx holds the first step alone; the others are zero.",
    },
    "dh0": {
        "no dh0": "dh0 is zero: it is dh_{t-1} of the first step.",
        "dh0 early": "dh0 is the gradient by the first h, not by h0: W_h^T da of the first step is missing.",
        "dh0 early, without dh": "dh0 was taken one step too soon: it is W_h^T da of the first step.",
        "dh0 is dh[0]": "dh0 is dh of the first step as it came in.",
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
        "initial early": "dh0 and dc0 are the gradients by the first h and c, not by h0 and c0.",
        "initial early, without dh": "dh0 and dc0 were taken too soon: they lack the first step.",
        "dh0 and dc0 swapped": "dh0 and dc0 are swapped.",
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
    ("no dh_T", "no dc_T"): "no final",
    ("no dh_T", "no dh back"): "dh[t] alone",
    ("dh_T everywhere", "no dh back"): "dh_T for next",
    ("no dc_T", "no dc back"): "dc anew",
    ("no final", "truncated"): "each step alone",
    ("dh_T for next", "dh0 early, without dh"): "dh never replaced",
    ("dh_T for next", "dh0 is dh_T"): "dh never replaced",
    ("dh[t] alone", "dc anew"): "each step alone",
    ("dh[t] alone", "path of dh[t]"): "dh[t] alone",
    ("dh[t] alone", "da_o of dh[t]"): "dh[t] alone",
    ("each step alone", "path of dh[t]"): "each step alone",
    ("each step alone", "da_o of dh[t]"): "each step alone",
    ("no dh back", "no dc back"): "truncated",
    ("no dh back", "no dh0"): "nothing back by h",
    ("no dh back", "dh0 early, without dh"): "nothing back by h",
    ("no dc back", "no dc0"): "nothing back by c",
    ("no dc back", "dc0 early, without dh"): "nothing back by c",
    ("no f", "dc0 early"): "no f",
    ("dc from before", "no path"): "no path",
    ("dc from before", "dc too early"): "no path",
    ("path of dh[t]", "da_o of dh[t]"): "dh[t] alone",
    ("no path", "dc too early"): "no path",
    ("1 - c^2", "c for tanh c"): "c everywhere",
    ("earlier c in path", "earlier c in da_o"): "earlier c everywhere",
    ("h for tanh c", "1 - o alone"): "right",
    ("g and i", "i: g (1 - i)"): "g for i",
    ("g and c", "i's and f's slopes"): "da ofig",
    ("g and c", "da ofig"): "i's and f's slopes",
    ("no g", "i: g (1 - i)"): "1 - i alone",
    ("o for g", "i: g (1 - i)"): "i: o (1 - i)",
    ("f for g", "i: g (1 - i)"): "i: f (1 - i)",
    ("i for g", "g for i"): "g and i",
    ("i for g", "i: o (1 - i)"): "o for g",
    ("i for g", "i: f (1 - i)"): "f for g",
    ("i for g", "i: g (1 - i)"): "right",
    ("i for g", "1 - i alone"): "no g",
    ("c for g", "g for c"): "g and c",
    ("c_t", "h_t"): "h_t and c_t",
    ("f for c", "f: o (1 - f)"): "o for c",
    ("f for c", "f: i (1 - f)"): "i for c",
    ("f for c", "f: g (1 - f)"): "g for c",
    ("f for c", "1 - f alone"): "no c",
    ("c0 zero", "not the first"): "not the first",
    ("c0 zero", "h0 zero"): "h0 and c0 zero",
    ("c of last", "not the first"): "not the first",
    ("c of last", "h of last"): "h and c of last",
    ("i's slope for o", "o's slope for i"): "o's and i's slopes",
    ("f's slope for o", "o's slope for f"): "o's and f's slopes",
    ("f's slope for i", "i's slope for f"): "i's and f's slopes",
    ("i's and f's slopes", "da ofig"): "g and c",
    ("not the first", "h0 and c0 zero"): "not the first",
    ("not the first", "h and c of last"): "not the first",
    ("not the first", "h0 zero"): "not the first",
    ("not the first", "h of last"): "not the first",
    ("h0 zero", "last step of weights"): "last step of weights",
    ("h0 zero", "first step of dW_h"): "no dW_h",
    ("h of last", "last step of weights"): "last step of weights",
    ("h_t in o", "dW_h zero o"): "dW_h zero o",
    ("h_t in i", "dW_h zero i"): "dW_h zero i",
    ("h_t in f", "dW_h zero f"): "dW_h zero f",
    ("h_t in g", "dW_h zero g"): "dW_h zero g",
    ("h0 everywhere", "first step of weights"): "first step of weights",
    ("h0 everywhere", "first step of dW_h"): "first step of dW_h",
    ("no dh0", "no dc0"): "no initial",
    ("dh0 early", "dc0 early"): "initial early",
    ("dh0 early, without dh", "dc0 early, without dh"): "initial early, without dh",
    ("h for tanh c", "no slope o"): "o alone",
    ("no slope g", "no slopes of sigmoids"): "no slopes",
    ("nothing back by h", "nothing back by c"): "nothing back",
    ("truncated", "no initial"): "nothing back",
    ("truncated", "initial early, without dh"): "nothing back",
    ("h before, h0 twice", "first step of weights"): "first step of weights",
    ("h before, h0 twice", "first step of dW_h"): "first step of dW_h",
    ("earlier x, first twice", "first step of weights"): "first step of weights",
    ("earlier x, first twice", "first step of dW_x"): "first step of dW_x",
    ("later x, last twice", "last step of weights"): "last step of weights",
    ("W over T", "db mean over T"): "weights over T",
    ("W over B", "db mean"): "weights over B",
    ("W over T B", "db mean over T B"): "weights over T B",
    ("dc too late in f", "1 - f alone"): "right",
    ("dc too late in f", "no slope f"): "f alone",
    ("dc too late in i", "1 - i alone"): "i: f (1 - i)",
    ("first step not in W", "first step not in db"): "first step not in weights",
    ("h of last", "first step not in W"): "first step not in W",
    ("h of last", "first step not in weights"): "first step not in weights",
    ("h0 zero", "first step not in W"): "first step not in W",
    ("h0 zero", "first step not in dW_x"): "first step not in W",
    ("h0 zero", "first step not in weights"): "first step not in weights",
    ("last step not in W", "last step not in db"): "last step not in weights",
    ("last step not in dW_x", "last step not in dW_h"): "last step not in W",
    ("no path", "dc too early in f"): "no path",
    ("no path", "dc too early in g"): "no path",
    ("no path", "dc too early in i"): "no path",
    ("not the first", "first step not in W"): "not the first",
    ("not the first", "first step not in dW_x"): "not the first",
    ("not the first", "first step not in db"): "not the first",
    ("not the first", "first step not in weights"): "not the first",
    ("not the last", "last step not in W"): "not the last",
    ("not the last", "last step not in dW_h"): "not the last",
    ("not the last", "last step not in dW_x"): "not the last",
    ("not the last", "last step not in db"): "not the last",
    ("not the last", "last step not in weights"): "not the last",
    ("tanh twice", "tanh tanh c"): "tanh twice everywhere",
}
"""Two that compute what one does, or what right code does: one leaves the other nothing to act on,
they make up for each other, or together they are a third."""


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
    def pick(default, others):
        """The one of some values whose switch is on, if any is; values are functions, to be quick."""
        for switch in errors:
            if switch in others:
                return others[switch]()
        return default

    x, h0, c0, W_x, W_h, b = (p[name] for name in ("x", "h0", "c0", "W_x", "W_h", "b"))
    T, B, H = p["dh"].shape
    h, c, gates = [h0], [c0], []
    for t in range(T):
        a = x[t] @ W_x.T + h[t] @ W_h.T + b
        s = sigmoid(a)
        gates.append((s[:, :H], s[:, H : 2 * H], s[:, 2 * H : 3 * H], np.tanh(a[:, 3 * H :])))
        o, i, f, g = gates[t]
        c.append(f * c[t] + i * g)
        h.append(o * np.tanh(c[t + 1]))
    rows_h = dict(zip(GATES, np.split(W_h, 4), strict=True))
    rows_x = dict(zip(GATES, np.split(W_x, 4), strict=True))

    steps = pick(
        range(T)[::-1],
        {
            "forwards": lambda: range(T),
            "not the first": lambda: range(1, T)[::-1],
            "not the last": lambda: range(T - 1)[::-1],
        },
    )
    dh_T, dc_T = pick((p["dh_T"], p["dc_T"]), {"final swapped": lambda: (p["dc_T"], p["dh_T"])})
    zero = np.zeros_like(h0)
    nothing = {name: lambda: zero for name in ("no final", "each step alone")}
    dh_next = pick(
        dh_T,
        {
            **nothing,
            "no dh_T": lambda: zero,
            "dh_T first": lambda: zero,
            "dh[t] alone": lambda: zero,
            "dh_T twice": lambda: 2 * dh_T,
        },
    )
    dc_next = pick(
        dc_T,
        {
            **nothing,
            "no dc_T": lambda: zero,
            "dc_T first": lambda: zero,
            "dc anew": lambda: zero,
            "dc_T twice": lambda: 2 * dc_T,
        },
    )
    dx, da = np.zeros_like(x), np.zeros((T, 4, B, H))
    for t in steps:
        o, i, f, g = pick(gates[t], read_as(gates[t]))
        h_t, c_t, c_before = h[t + 1], c[t + 1], c[t]
        tanh_c, at_last, at_first = np.tanh(c_t), t == steps[0], t == steps[-1]
        given = pick(
            p["dh"][t],
            {
                "dh reversed": lambda: p["dh"][T - 1 - t],
                "dh over B": lambda: p["dh"][t] / B,
                "dh over T": lambda: p["dh"][t] / T,
                "dh early": lambda: p["dh"][t - 1],
                "dh ignored": lambda: zero,
                "dh late": lambda: zero if t == T - 1 else p["dh"][t + 1],
                "sign of dh[t]": lambda: -p["dh"][t],
                "dh last only": lambda: p["dh"][t] * at_last,
                "dh not at last": lambda: p["dh"][t] * (not at_last),
            },
        )
        dh, dc_in = given + dh_next, dc_next
        if ("dh_T everywhere" in errors and not at_last) or ("dh_T first" in errors and at_first):
            dh = dh + dh_T
        if ("dc_T everywhere" in errors and not at_last) or ("dc_T first" in errors and at_first):
            dc_in = dc_in + dc_T
        if "dh_T again" in errors:
            dh = dh + dh_T
        if "dc_T again" in errors:
            dc_in = dc_in + dc_T
        if "f too late" in errors:
            dc_in = dc_in * f

        slope = 1 - tanh_c**2
        path = pick(
            dh * o * slope,
            {
                "no path": lambda: zero,
                "no tanh'": lambda: dh * o,
                "1 - c^2": lambda: dh * o * (1 - c_t**2),
                "1 - h^2": lambda: dh * o * (1 - h_t**2),
                "1 - tanh": lambda: dh * o * (1 - tanh_c),
                "tanh c": lambda: dh * o * tanh_c,
                "1 + tanh^2": lambda: dh * o * (1 + tanh_c**2),
                "(1 - tanh)^2": lambda: dh * o * (1 - tanh_c) ** 2,
                "path without dh[t]": lambda: dh_next * o * slope,
                "path of both": lambda: (dc_in + dh) * o * slope - dc_in,
                "tanh twice everywhere": lambda: dh * o * (1 - np.tanh(tanh_c) ** 2),
                "tanh twice": lambda: dh * o * (1 - np.tanh(tanh_c) ** 2),
                "earlier c in path": lambda: dh * o * (1 - np.tanh(c_before) ** 2),
                "no o": lambda: dh * slope,
                **{f"{k} for o": lambda s=s: dh * s * slope for k, s in zip("ifg", (i, f, g), strict=True)},
                "c everywhere": lambda: dh * o * (1 - c_t**2),
                "earlier c everywhere": lambda: dh * o * (1 - np.tanh(c_before) ** 2),
                "c_T everywhere": lambda: dh * o * (1 - np.tanh(c[T]) ** 2),
                "path of dh[t]": lambda: given * o * slope,
                "sign of path": lambda: -dh * o * slope,
            },
        )
        dc = dc_in + path

        do = pick(
            dh * tanh_c,
            {
                "c for tanh c": lambda: dh * c_t,
                "no tanh c": lambda: dh,
                "tanh tanh c": lambda: dh * np.tanh(tanh_c),
                "tanh twice everywhere": lambda: dh * np.tanh(tanh_c),
                "da_o without dh[t]": lambda: dh_next * tanh_c,
                "earlier c in da_o": lambda: dh * np.tanh(c_before),
                "h for tanh c": lambda: dh * h_t,
                "c everywhere": lambda: dh * c_t,
                "earlier c everywhere": lambda: dh * np.tanh(c_before),
                "c_T everywhere": lambda: dh * np.tanh(c[T]),
                **{f"{k} for tanh c": lambda s=s: dh * s for k, s in zip("ifg", (i, f, g), strict=True)},
                "dc for dh": lambda: dc * tanh_c,
                "da_o of dh[t]": lambda: given * tanh_c,
            },
        )
        seen_by = {
            k: pick(
                dc,
                {
                    "dc too early": lambda: dc_in,
                    f"dc too early in {k}": lambda: dc_in,
                    "dc too late": lambda: dc * f,
                    f"dc too late in {k}": lambda: dc * f,
                    "dh for dc": lambda: dh,
                    f"dh for dc in {k}": lambda: dh,
                },
            )
            for k in "ifg"
        }
        di = seen_by["i"] * pick(
            g,
            {
                "no g": lambda: 1,
                "i for g": lambda: i,
                "o for g": lambda: o,
                "f for g": lambda: f,
                "g and i": lambda: i,
                "c for g": lambda: c_before,
                "g and c": lambda: c_before,
            },
        )
        df = seen_by["f"] * pick(
            c_before,
            {
                "c_t": lambda: c_t,
                "h_t and c_t": lambda: c_t,
                "no c": lambda: 1,
                "g for c": lambda: g,
                **{f"{k} for c": lambda s=s: s for k, s in zip("oif", (o, i, f), strict=True)},
                "g and c": lambda: g,
                "tanh c for c": lambda: np.tanh(c_before),
                "h for c": lambda: h[t],
                "c0 zero": lambda: c_before * (t > 0),
                "h0 and c0 zero": lambda: c_before * (t > 0),
                "c of last": lambda: c_before if t else c[T],
                "h and c of last": lambda: c_before if t else c[T],
                "c before": lambda: c[t - 1],
                "c0 everywhere": lambda: c0,
            },
        )
        dg = seen_by["g"] * pick(
            i,
            {
                "no i": lambda: 1,
                "g for i": lambda: g,
                "g and i": lambda: g,
                "f for i": lambda: f,
                "c for i": lambda: c_before,
                "o for i": lambda: o,
            },
        )

        slopes = {"o": o * (1 - o), "i": i * (1 - i), "f": f * (1 - f)}
        for k, s in (("o", o), ("i", i), ("f", f)):
            slopes[k] = pick(
                slopes[k],
                {
                    f"no slope {k}": lambda: 1,
                    "no slopes": lambda: 1,
                    f"tanh slope {k}": lambda s=s: 1 - s**2,
                    "all tanh": lambda s=s: 1 - s**2,
                    **{
                        f"{k}: {k} (1 - {m})": lambda s=s, n=n: s * (1 - gates[t][n])
                        for n, m in enumerate(GATES)
                    },
                    **{
                        f"{k}: {m} (1 - {k})": lambda s=s, n=n: gates[t][n] * (1 - s)
                        for n, m in enumerate(GATES)
                    },
                    f"1 - {k} alone": lambda s=s: 1 - s,
                    f"{k} alone": lambda s=s: s,
                    f"{k} (1 + {k})": lambda s=s: s * (1 + s),
                    f"sigmoid twice {k}": lambda s=s: sigmoid(s) * (1 - sigmoid(s)),
                    "no slopes of sigmoids": lambda: 1,
                    "s alone": lambda s=s: s,
                    "1 - s alone": lambda s=s: 1 - s,
                    "s (1 + s)": lambda s=s: s * (1 + s),
                    "sigmoid twice": lambda s=s: sigmoid(s) * (1 - sigmoid(s)),
                    "slopes of slopes": lambda s=s: sigmoid(s) * (1 - sigmoid(s)),
                    f"o's slope for {k}": lambda: o * (1 - o),
                    f"i's slope for {k}": lambda: i * (1 - i),
                    f"f's slope for {k}": lambda: f * (1 - f),
                },
            )
        for k, m in ("if", "oi", "of"):
            if f"{k}'s and {m}'s slopes" in errors:
                slopes[k], slopes[m] = slopes[m], slopes[k]
        slopes["g"] = pick(
            1 - g**2,
            {
                "no slope g": lambda: 1,
                "no slopes": lambda: 1,
                "sigmoid slope g": lambda: g * (1 - g),
                **{f"1 - {k}^2": lambda s=s: 1 - s**2 for k, s in zip("oif", (o, i, f), strict=True)},
                "1 + g^2": lambda: 1 + g**2,
                "(1 - g)^2": lambda: (1 - g) ** 2,
                "1 - tanh(c)^2": lambda: 1 - tanh_c**2,
                "1 - g": lambda: 1 - g,
                "slope of tanh g": lambda: 1 - np.tanh(g) ** 2,
                "slopes of slopes": lambda: 1 - np.tanh(g) ** 2,
            },
        )
        for n, (k, d) in enumerate(zip(GATES, (do, di, df, dg), strict=True)):
            da[t, n] = d * slopes[k]
            if f"sign {k}" in errors or "all signs" in errors:
                da[t, n] *= -1
            if f"no da {k}" in errors:
                da[t, n] = 0
        da[t] = da[t][reordered("da", errors)]
        da_t = dict(zip(GATES, da[t], strict=True))

        early = dh_next, dc_next, dh, dc
        dh_next, dx_t = back("dh", da_t, rows_h, errors), back("dx", da_t, rows_x, errors)
        D = dx_t.shape[1]
        if "dz cut hx" in errors:
            dz = np.hstack([dx_t, dh_next])
            dh_next, dx_t = dz[:, :H], dz[:, H:]
        if "dz cut xh" in errors:
            dz = np.hstack([dh_next, dx_t])
            dx_t, dh_next = dz[:, :D], dz[:, D:]
        dh_next = pick(
            dh_next,
            {
                "W_h transposed": lambda: sum(da_t[k] @ rows_h[k].T for k in GATES),
                "dh kept": lambda: dh_next + dh,
                "dh_next kept": lambda: dh_next + early[0],
                "sign of dh": lambda: -dh_next,
                "dh_T carried": lambda: dh_next + dh_T,
            },
        )
        dc_next = pick(
            dc * f,
            {
                "no f": lambda: dc,
                "f too late": lambda: dc,
                "i for f": lambda: dc * i,
                "o for f": lambda: dc * o,
                "earlier f": lambda: dc * gates[t - 1][2],
                "earlier f, first own": lambda: dc * gates[max(t - 1, 0)][2],
                "dc kept": lambda: dc * f + dc,
                "dc_next kept": lambda: dc * f + early[1],
                "dc from before": lambda: dc_in * f,
                "dc_T carried": lambda: dc * f + dc_T,
            },
        )
        if not at_first:
            both = {"truncated", "each step alone", "nothing back"}
            if errors & {"no dh back", "nothing back by h", "dh[t] alone", *both}:
                dh_next = zero
            if errors & {"no dc back", "nothing back by c", "dc anew", *both}:
                dc_next = zero
        if "dh never replaced" in errors or ("dh_T for next" in errors and not at_first):
            dh_next = dh_T
        if "dc never replaced" in errors:
            dc_next = dc_T
        dx[t] = dx_t

    dx = pick(
        dx,
        {
            "dx reversed": lambda: dx[::-1],
            "dx last only": lambda: at(dx, T - 1),
            "dx first only": lambda: at(dx, 0),
            "dx over B": lambda: dx / B,
            "no dx": lambda: 0 * dx,
        },
    )
    dW_x, dW_h, db = weight_gradients(pick, errors, da, x, np.array(h), np.array(c))
    dh_early, dc_early, dh_full, dc_full = early
    dh0 = pick(
        dh_next,
        {
            "no dh0": lambda: zero,
            "nothing back by h": lambda: zero,
            "nothing back": lambda: zero,
            "no initial": lambda: zero,
            "dh0 early": lambda: dh_full,
            "initial early": lambda: dh_full,
            "dh0 early, without dh": lambda: dh_early,
            "initial early, without dh": lambda: dh_early,
            "dh0 is dh_T": lambda: dh_T,
            "dh0 is dh[0]": lambda: p["dh"][0],
        },
    )
    dc0 = pick(
        dc_next,
        {
            "no dc0": lambda: zero,
            "nothing back by c": lambda: zero,
            "nothing back": lambda: zero,
            "no initial": lambda: zero,
            "dc0 early": lambda: dc_full,
            "initial early": lambda: dc_full,
            "dc0 early, without dh": lambda: dc_early,
            "initial early, without dh": lambda: dc_early,
            "dc0 is dc_T": lambda: dc_T,
        },
    )
    if "dh0 and dc0 swapped" in errors:
        dh0, dc0 = dc0, dh0
    tensors = {"dx": dx, "dh0": dh0, "dc0": dc0, "dW_x": dW_x, "dW_h": dW_h, "db": db}
    size = pick(1, {"over B": lambda: B, "over T": lambda: T, "over T B": lambda: T * B})
    return {name: tensor / size for name, tensor in tensors.items()}


def at(array, t):
    """An array (T, ...) that is zero but at one step."""
    only = np.zeros_like(array)
    only[t] = array[t]
    return only


def read_as(gates):
    """The gates of a step as they are read in other orders, by switch."""
    return {
        switch: lambda order=switch: [gates[order.split()[1].index(k)] for k in GATES]
        for switch in unpacked()
    }


def reordered(name, errors):
    """Where each gate's rows come from."""
    order = next((e.split()[1] for e in errors if e.startswith(f"{name} ") and len(e.split()[1]) == 4), GATES)
    return [GATES.index(k) for k in order]


def back(name, da, rows, errors):
    """W^T da, gate by gate."""
    total = 0
    for k in GATES:
        letter = next((m for m in GATES if f"{name} {m} for {k}" in errors), k)
        row = next((m for m in GATES if f"{name} {k} by {m}" in errors), k)
        if f"{name} without {k}" not in errors:
            total = total + da[letter] @ rows[row]
    return total


def weight_gradients(pick, errors, da, x, h, c):
    """dW_x, dW_h, db of da (T, 4, B, H), with h and c from the initial state on."""
    T, _, B, H = da.shape
    h_before = pick(
        h[:-1],
        {
            "h_t": lambda: h[1:],
            "h_t and c_t": lambda: h[1:],
            "h0 zero": lambda: np.concatenate([0 * h[:1], h[1:-1]]),
            "h0 and c0 zero": lambda: np.concatenate([0 * h[:1], h[1:-1]]),
            "c_t for h": lambda: c[1:],
            "c for h": lambda: c[:-1],
            "h of last": lambda: np.concatenate([h[-1:], h[1:-1]]),
            "h and c of last": lambda: np.concatenate([h[-1:], h[1:-1]]),
            "h before": lambda: np.concatenate([h[-1:], h[:-2]]),
            "h0 everywhere": lambda: np.array([h[0]] * T),
            "h_T everywhere": lambda: np.array([h[T]] * T),
            "earlier z": lambda: np.roll(h[:-1], 1, axis=0),
            "later z": lambda: np.roll(h[:-1], -1, axis=0),
            "h before, h0 twice": lambda: np.concatenate([h[:1], h[:-2]]),
            "no dW_h": lambda: 0 * h[:-1],
        },
    )
    seen_x = pick(
        x,
        {
            "earlier x": lambda: np.roll(x, 1, axis=0),
            "later x": lambda: np.roll(x, -1, axis=0),
            "earlier z": lambda: np.roll(x, 1, axis=0),
            "later z": lambda: np.roll(x, -1, axis=0),
            "x reversed": lambda: x[::-1],
            "earlier x, first twice": lambda: np.concatenate([x[:1], x[:-1]]),
            "later x, last twice": lambda: np.concatenate([x[1:], x[-1:]]),
            "no dW_x": lambda: 0 * x,
        },
    )
    da = da[:, reordered("dW", errors)]
    one = np.zeros((B, 1))
    one[0] = 1
    outside = {"first step": lambda: da - at(da, 0), "last step": lambda: da - at(da, T - 1)}

    def without(name):
        return {f"{end} not in {name}": made for end, made in outside.items()}

    common = {
        **without("weights"),
        "first step of weights": lambda: at(da, 0),
        "last step of weights": lambda: at(da, T - 1),
        "first sequence": lambda: da * one,
        "sign of weights": lambda: -da,
        "weights over T": lambda: da / T,
        "weights over B": lambda: da / B,
        "weights over T B": lambda: da / (T * B),
    }
    of_b = {
        **without("db"),
        "first step of db": lambda: at(da, 0),
        "last step of db": lambda: at(da, T - 1),
        "db mean": lambda: da / B,
        "db mean over T": lambda: da / T,
        "db mean over T B": lambda: da / (T * B),
        "db of one": lambda: da * one,
        "db twice": lambda: 2 * da,
        "no db": lambda: 0 * da,
        "sign of db": lambda: -da,
    }

    def copied(name, da):
        """da as lines for each gate have it, one of which is wrong."""
        da = da.copy()
        for n, k in enumerate(GATES):
            if f"{name} zero {k}" in errors:
                da[:, n] = 0
            if f"{name} first {k}" in errors:
                da[1:, n] = 0
            if f"{name} mean {k}" in errors:
                da[:, n] /= B
        letters = [next((m for m in GATES if f"{name} {k} of {m}" in errors), k) for k in GATES]
        for k, m in combinations(GATES, 2):
            if f"{name} swaps {k}{m}" in errors:
                letters[GATES.index(k)], letters[GATES.index(m)] = m, k
        letters = next((order for order in ELSEWHERE if f"{name} rows {order}" in errors), letters)
        return da[:, [GATES.index(m) for m in letters]]

    means = {f"W over {size}": common[f"weights over {size}"] for size in ("T", "B", "T B")} | without("W")
    by_x = copied(
        "dW_x",
        pick(
            da,
            common
            | means
            | without("dW_x")
            | {"first step of dW_x": lambda: at(da, 0), "sign of dW_x": lambda: -da},
        ),
    )
    by_h = copied(
        "dW_h",
        pick(
            da,
            common
            | means
            | without("dW_h")
            | {"first step of dW_h": lambda: at(da, 0), "sign of dW_h": lambda: -da},
        ),
    )
    db = copied("db", pick(da, common | of_b)).sum(axis=(0, 2)).ravel()
    dW_x = np.tensordot(by_x, seen_x, ((0, 2), (0, 1)))
    dW_h = np.tensordot(by_h, h_before, ((0, 2), (0, 1)))
    for n, k in enumerate(GATES):
        if f"h_t in {k}" in errors:
            dW_h[n] = np.tensordot(by_h, h[1:], ((0, 2), (0, 1)))[n]
    if "dW_h transposed" in errors:
        dW_h = dW_h.transpose(0, 2, 1)
    dW_x, dW_h = dW_x.reshape(4 * H, -1), dW_h.reshape(4 * H, H)
    if "dW cut hx" in errors:
        dW = np.hstack([dW_x, dW_h])
        dW_x, dW_h = dW[:, H:], dW[:, :H]
    if "dW cut xh" in errors:
        D, dW = dW_x.shape[1], np.hstack([dW_h, dW_x])
        dW_x, dW_h = dW[:, :D], dW[:, D:]
    return dW_x, dW_h, db

"""What a filter, the LSTM that is one, the error-to-signal ratio and a delay have to be; known errors."""

import itertools
import math
from typing import Any

import numpy as np

import numpylstm as nl
from numpylstm.audio import esr
from numpylstm.classroom import (
    Failure,
    Student,
    compare,
    compare_number,
    expect_number,
    expect_parts,
    expect_tensors,
    the_one,
)

GOOD = -100.0
"""dB of error-to-signal ratio that the LSTM has to reach."""


def filtered(x: np.ndarray, a: float, y0: float) -> np.ndarray:
    y = [y0]
    for sample in x:
        y.append(a * y[-1] + (1 - a) * sample)
    return np.array(y[1:])


# The filter


def check_filter(student: Student, rng: np.random.Generator, T: int, where: str) -> None:
    x, a, y0 = rng.normal(size=T), float(rng.uniform(0.2, 0.9)), float(rng.normal())
    got = expect_tensors(student.call("one_pole", x, a, y0), {"y": (T,)}, "one_pole")
    right, before = filtered(x, a, y0), np.concatenate([[0], x[:-1]])
    variants = {
        "y0 was not used: the filter started from 0.": filtered(x, a, 0),
        "a and 1 - a stand in each other's place.": filtered(x, 1 - a, y0),
        "x_t is not multiplied by 1 - a.": filtered(x / (1 - a), a, y0),
        "y0 is no part of the output: y[0] is the first new one.": np.concatenate([[y0], right[:-1]]),
        "x_{t-1} was taken for x_t.": filtered(before, a, y0),
        "x_{t-1} was taken for y_{t-1}: nothing is fed back.": a * np.concatenate([[y0], x[:-1]])
        + (1 - a) * x,
        "the state was not carried: each step started from y0.": a * y0 + (1 - a) * x,
    }
    tensors = {sentence: {"y": y} for sentence, y in variants.items()}
    looks_like = (lambda _: the_one(got, tensors)) if T > 1 else None
    compare(got, {"y": right}, looks_like=looks_like, where=where)


def filters(student: Student, rng: np.random.Generator) -> None:
    """the filter as a loop"""
    check_filter(student, rng, int(rng.integers(4, 30)), "")
    check_filter(student, rng, 1, "with T = 1")
    check_filter(student, rng, 2, "with T = 2")


# The filter as an LSTM


def run(parts: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """What the LSTM gives out, w h."""
    lstm = nl.LSTM(1, 1, seed=0)
    for name in ("W_x", "W_h", "b"):
        lstm.params[name][...] = parts[name]
    return float(parts["w"]) * lstm.forward(x[:, None, None])[0][:, 0, 0]


def guess(parts: dict[str, np.ndarray], x: np.ndarray, y: np.ndarray, a: float) -> str | None:
    """Which error an LSTM that is not the filter looks like: the one for which it would be."""
    out = run(parts, x)

    def fits(output: np.ndarray, target: np.ndarray) -> bool:
        return esr.esr(output, target) < 1e-8

    scale = float(out @ y / (out @ out)) if out.any() else 0.0
    if fits(out, filtered(x, 1 - a, 0)):
        return "a and 1 - a stand in each other's place."
    if fits(out, filtered(x / (1 - a), a, 0)):
        return "x_t is not multiplied by 1 - a: i times the weight of x_t has to be (1 - a) / w."
    if fits(out, np.concatenate([[0], y[:-1]])):
        return "the output is one sample late."
    if fits(scale * out, y):
        return f"all is right but for the level: the output would have to be {scale:.4g} times as large."
    quiet = run(parts, x / 1000)
    if fits(1000 * quiet, y):
        return "the tanh bends: at a thousandth of the level this would be right. Take a smaller eps."
    inside = (parts["b"] > 0) & (parts["b"] < 1)
    gate = np.where(inside, parts["b"], 0.5)
    b = np.where(inside, np.log(gate / (1 - gate)), parts["b"])
    if fits(run(parts | {"b": b}, x), y):
        return "b holds the gates themselves: a gate is s(b), so b = log(p / (1 - p)) for a gate of p."
    # Common orders first: where i and o both stand still, more than one order would do.
    for order in ("ifgo", "ifog", "fiog", *map("".join, itertools.permutations("oifg"))):
        rows = [order.index(gate) for gate in "oifg"]
        if fits(run({name: part if name == "w" else part[rows] for name, part in parts.items()}, x), y):
            return f"the rows were written in the order {', '.join(order)}; they are o, i, f, g."
    return None


def lstms(student: Student, rng: np.random.Generator) -> None:
    """the LSTM that is the filter"""
    with np.errstate(all="ignore"):  # numbers of any size may come
        check_lstm(student, rng)


def check_lstm(student: Student, rng: np.random.Generator) -> None:
    shapes: dict[str, tuple[int, ...]] = {"W_x": (4, 1), "W_h": (4, 1), "b": (4,)}
    for a in (0.5 + 0.4 * float(rng.uniform()), 0.05 + 0.2 * float(rng.uniform()), 0.99):
        got = student.call("one_pole_lstm", a)
        got = expect_parts(got, ("W_x", "W_h", "b", "w"), "one_pole_lstm")
        parts = expect_tensors(got[:3], shapes, "one_pole_lstm")
        parts["w"] = np.array(expect_number(got[3], "w", "one_pole_lstm"))
        x = np.sign(rng.normal(size=150)) * rng.uniform(0, 1, 150)
        y = filtered(x, a, 0)
        out = run(parts, x)
        came = esr.esr_db(out, y)
        if not came <= GOOD:
            raise Failure(
                f"the LSTM is not the filter: with a = {a:.3g} the ESR is {came:.0f} dB, expected "
                f"{GOOD:.0f} dB or less. For x = {x[0]:.4f}, {x[1]:.4f} it gives {out[0]:.4f}, {out[1]:.4f}; "
                f"the filter {y[0]:.4f}, {y[1]:.4f}.",
                guess(parts, x, y, a),
            )


# Comparing


def ratios(student: Student, rng: np.random.Generator) -> None:
    """the error-to-signal ratio"""
    for size in (0.01, 3.0):
        n = int(rng.integers(5, 40))
        target = 1 + rng.normal(size=n)
        output = target + size * (0.5 + rng.normal(size=n))
        got = expect_number(student.call("esr_db", output, target), "the ratio", "esr_db")
        error, energy = float(((target - output) ** 2).sum()), float((target**2).sum())
        centred = output - target - (output - target).mean()
        variants = {
            "this is not in dB: 10 log10 of the ratio.": error / energy,
            "20 log10: that is for amplitudes, the ratio is one of energies.": 20
            * math.log10(error / energy),
            "the square root of the ratio: it is one of energies.": 5 * math.log10(error / energy),
            "the natural logarithm: dB are 10 log10.": 10 * math.log(error / energy),
            "the logarithm is not multiplied by 10.": math.log10(error / energy),
            "upside down: the signal over the error.": -10 * math.log10(error / energy),
            "divided by the energy of the output: it is the target's.": (
                10 * math.log10(error / float((output**2).sum()))
            ),
            "the error without the division by the target's energy.": 10 * math.log10(error),
            "the mean of the error was taken off, which is part of it.": (
                10 * math.log10(float((centred**2).sum()) / energy)
            ),
            "divided by the variance of the target: it is its energy, with the mean.": (
                10 * math.log10(error / float(((target - target.mean()) ** 2).sum()))
            ),
            "sums of absolute values: the ratio is one of squares.": (
                10 * math.log10(float(abs(target - output).sum() / abs(target).sum()))
            ),
        }
        compare_number(got, esr.esr_db(output, target), "the ratio", variants)


def shifted(sound: np.ndarray, n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """n samples from the middle of a sound, and the same d samples late."""
    start = (len(sound) - n) // 2
    return sound[start : start + n], sound[start - d : start - d + n]


def delays(student: Student, rng: np.random.Generator) -> None:
    """the delay between two recordings"""
    n = 200
    late = [int(d) for d in rng.integers(2, 30, size=2)]
    for d in (0, late[0], -late[1], 1):
        before, after = shifted(rng.normal(size=n + 100), n, d)
        after = 0.3 * after + 0.02 * rng.normal(size=n)  # quieter, and with a little noise of its own
        got: Any = student.call("delay", before, after)
        got = expect_number(got, "the delay", "delay")
        assert np.correlate(after, before, "full").argmax() - (n - 1) == d, (
            "no such delay in these recordings"
        )
        variants: dict[str, float] = {
            "the place in np.correlate(..., 'full') was not taken less n - 1, where d = 0 is.": d + n - 1,
            "off by one: in np.correlate(..., 'full') d = 0 is at place n - 1.": d + np.sign(got - d),
        }
        if abs(d) > 1:
            variants["the sign: positive is when `after` is late."] = -d
            variants["`before` and `after` were swapped, and n - 1 not taken off."] = -d + n - 1
        compare_number(got, d, "the delay", variants)


CHECKS = (filters, lstms, ratios, delays)
HIDDEN = CHECKS
MARKS = 0

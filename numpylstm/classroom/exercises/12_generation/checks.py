"""What softmax, draws, mu-law and cross-entropy have to be, and the errors that they are known by.

Nobody can say which numbers a draw has to give. So draws are judged by how often each class comes in many
of them, by certainty where there is only one answer, and by what they hang on: the generator, each row alone.
"""

import math
from typing import Any

import numpy as np

import numpylstm as nl
from numpylstm.activations import softmax
from numpylstm.audio import mulaw
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

DRAWS = 10_000

CHANCE = 1e-9
"""Chance that a right way of drawing is called wrong, for each frequency that is looked at."""


# Softmax


def softmax_errors(logits: np.ndarray, T: float) -> dict[str, np.ndarray]:
    scores = logits / T
    e, lower = np.exp(scores), np.exp(scores - scores.max(axis=-1, keepdims=True))
    errors = {
        "one sum for all rows: each row sums to 1.": e / e.sum(),
        "one sum for all rows, after each row's maximum was taken off: each row sums to 1.": lower
        / lower.sum(),
        "the division by the sum is missing.": e,
        "the division by the sum is missing, after the maximum was taken off.": lower,
        "the exponential is missing: logits over their sum.": logits / logits.sum(axis=-1, keepdims=True),
        "the logarithm of the probabilities.": np.log(softmax(scores)),
    }
    if T != 1:
        errors |= {
            "multiplied by the temperature: the logits are divided by it.": softmax(logits * T),
            "the temperature was not used.": softmax(logits),
            "divided by the temperature after the softmax: before it, the logits are.": softmax(logits) / T,
            "the logits were divided by the temperature twice.": softmax(scores / T),
        }
    if logits.ndim == 2 and len(logits) > 1:
        errors |= {
            "the sum runs over the rows: it runs along the last axis.": e / e.sum(axis=0),
            "the sum runs over the rows, after the maximum of each was taken off: it runs along them.": (
                lower / lower.sum(axis=0)
            ),
        }
    return errors


def check_softmax(student: Student, logits: np.ndarray, temperature: float | None, where: str = "") -> None:
    args = (logits,) if temperature is None else (logits, temperature)
    T = 1.0 if temperature is None else temperature
    got = expect_tensors(student.call("softmax", *args), {"p": logits.shape}, "softmax")
    p = softmax(logits / T)

    def looks_like(_: list[str]) -> str | None:
        with np.errstate(all="ignore"):
            variants = softmax_errors(logits, T)
        return the_one(got, {sentence: {"p": array} for sentence, array in variants.items()})

    compare(got, {"p": p}, looks_like=looks_like, where=where)


def softmaxes(student: Student, rng: np.random.Generator) -> None:
    """softmax with a temperature"""
    shape = tuple(int(n) for n in rng.integers(2, 6, size=2))
    check_softmax(student, 2 * rng.normal(size=shape), None, "without a temperature")
    for T in (float(rng.uniform(0.3, 0.8)), float(rng.uniform(1.5, 3))):
        check_softmax(student, 2 * rng.normal(size=shape), T, f"at temperature {T:.2f}")
    check_softmax(student, rng.normal(size=(1, 3)), 0.5, "with B = 1")
    check_softmax(student, rng.normal(size=(3, 2, 4)), 0.5, "for logits (T, B, C)")
    check_softmax(student, rng.normal(size=4), 0.5, "for logits (C,)")


def large_logits(student: Student, rng: np.random.Generator) -> None:
    """softmax of large logits, and nearly at temperature 0"""
    logits = rng.normal(size=(3, 4))
    for big, T, what in (
        (logits + 1000, 1.0, "logits near 1000"),
        (logits - 1000, 1.0, "logits near -1000"),
        (logits, 1e-3, "temperature 0.001"),
    ):
        got = student.call("softmax", big, T)
        if isinstance(got, np.ndarray) and not np.isfinite(got).all():
            raise Failure(
                f"softmax gives {'NaN' if np.isnan(got).any() else 'infinity'} for {what}.",
                "exp overflows, or all of it is 0: take the maximum of each row off first.",
            )
        check_softmax(student, big, T, f"for {what}")


# Draws


def draw(student: Student, logits: np.ndarray, temperature: float, rng: np.random.Generator) -> np.ndarray:
    B, C = logits.shape
    got = student.call("sample", logits, temperature, rng)
    if isinstance(got, list | tuple) and all(isinstance(k, int | np.integer) for k in got):
        got = np.array(got, int)
    if not isinstance(got, np.ndarray) or got.shape != (B,):
        came = f"shape {got.shape}" if isinstance(got, np.ndarray) else f"a {type(got).__name__}"
        raise Failure(f"sample returns {came} for logits {(B, C)}, expected classes of shape ({B},).")
    if got.dtype.kind not in "iu":
        raise Failure(f"sample returns {got.dtype}, expected classes in whole numbers.")
    if got.min() < 0 or got.max() >= C:
        raise Failure(f"sample returns classes from {got.min()} to {got.max()}, expected 0 to {C - 1}.")
    return got


def draw_shapes(student: Student, rng: np.random.Generator) -> None:
    """shapes of a draw"""
    draw(student, rng.normal(size=(5, 3)), 1.0, rng)
    draw(student, rng.normal(size=(1, 4)), 0.7, rng)
    draw(student, rng.normal(size=(3, 1)), 1.0, rng)


def certain_draws(student: Student, rng: np.random.Generator) -> None:
    """draws that have only one answer: each row its own"""
    B, C = (int(n) for n in rng.integers(4, 9, size=2))
    wanted = rng.integers(C, size=B)
    logits = np.where(np.arange(C) == wanted[:, None], 3.0, 0.0) + 0.1 * rng.normal(size=(B, C))
    # At 0.01 the second likeliest has a probability below 1e-100.
    got = draw(student, logits, 0.01, rng)
    for k in np.flatnonzero(got != wanted):
        looks_like = None
        if (got == logits.argmin(axis=1)).all():
            looks_like = "the least likely class is taken."
        elif (got == wanted[0]).all():
            looks_like = "all rows got the draw of the first one."
        elif (got == np.minimum(wanted + 1, C - 1)).all():
            looks_like = "classes are one too high: the first is 0."
        raise Failure(
            f"at temperature 0.01 row {k} got class {got[k]}; class {wanted[k]} is as good as certain there.",
            looks_like,
        )


def frequencies(student: Student, rng: np.random.Generator) -> None:
    """how often each class comes"""
    C = int(rng.integers(3, 6))
    row, T = rng.permutation(np.linspace(0, 2, C)), float(rng.uniform(1.5, 2.5))
    got = draw(student, np.tile(row, (DRAWS, 1)), T, rng)
    came, p = np.bincount(got, minlength=C) / DRAWS, softmax(row / T)
    if came.max() == 1:
        others = {int(draw(student, row[None], T, rng)[0]) for rng in rng.spawn(40)}
        raise Failure(
            f"{DRAWS} rows of the same logits all got class {got[0]}, whose probability is {p[got[0]]:.2f}.",
            "the likeliest class is taken: nothing is drawn."
            if others == {int(row.argmax())}
            else "one draw was made for all rows: each row draws for itself.",
        )
    if not fits(came, p):
        k = int(abs(came - p).argmax())
        variants = {
            "all classes are drawn alike: the probabilities were not used.": np.full(C, 1 / C),
            "the temperature was not used.": softmax(row),
            "the logits were multiplied by the temperature: they are divided by it.": softmax(row * T),
            "classes are one too high: the first is 0.": np.roll(p, 1),
            "classes are one too low: the last is C - 1.": np.roll(p, -1),
            "the probabilities are in the other order.": p[::-1],
        }
        found = [sentence for sentence, other in variants.items() if fits(came, other)]
        raise Failure(
            f"class {k} came in {100 * came[k]:.1f} % of {DRAWS} draws at temperature {T:.2f}; "
            f"its probability is {100 * p[k]:.1f} %.",
            found[0] if len(found) == 1 else None,
        )
    # One row after the other must not know of each other: in pairs, all pairs of classes come as they should.
    pairs = np.bincount(C * got[:-1:2] + got[1::2], minlength=C * C) / (DRAWS // 2)
    if not fits(pairs, np.outer(p, p).ravel(), DRAWS // 2):
        raise Failure("neighbouring rows do not draw independently of each other.")


def fits(came: np.ndarray, p: np.ndarray, draws: int = DRAWS) -> bool:
    """Whether frequencies may come from probabilities p: Bernstein's bound, at CHANCE for each class."""
    t = math.log(2 / CHANCE)
    allowed = np.sqrt(2 * p * (1 - p) * t / draws) + 2 * t / (3 * draws)
    return bool((abs(came - p) <= allowed).all())


def chance(student: Student, rng: np.random.Generator) -> None:
    """all chance comes from the generator"""
    logits, seed = np.zeros((60, 4)), int(rng.integers(2**31))
    first, again, other = (
        draw(student, logits, 1.0, np.random.default_rng(s)) for s in (seed, seed, seed + 1)
    )
    if not np.array_equal(first, again):
        raise Failure(
            "two calls with the same generator in the same state gave different draws.",
            "np.random or a generator of your own was used in place of `rng`.",
        )
    if np.array_equal(first, other):
        raise Failure(
            "two generators of different seeds gave the same 60 draws.",
            "a generator of your own with a fixed seed was used in place of `rng`.",
        )


# Mu-law


def whole(got: Any, n: int) -> np.ndarray:
    if not isinstance(got, np.ndarray) or got.shape != (n,):
        came = f"shape {got.shape}" if isinstance(got, np.ndarray) else f"a {type(got).__name__}"
        raise Failure(f"mu_law_encode returns {came} for samples ({n},), expected classes of shape ({n},).")
    if got.dtype.kind not in "iu":
        raise Failure(f"mu_law_encode returns {got.dtype}, expected classes in whole numbers.")
    return got.astype(int)


def compress(x: np.ndarray, mu: float) -> np.ndarray:
    return np.sign(x) * np.log1p(mu * abs(x)) / np.log1p(mu)


def encodings(student: Student, rng: np.random.Generator) -> None:
    """mu-law: samples to classes"""
    for classes in (256, int(rng.integers(10, 100))):
        mu = classes - 1
        x = np.concatenate([rng.uniform(-1, 1, 40), 0.01 * rng.uniform(-1, 1, 20), [1.0, -1.0, 1.5, -2.0]])
        args = (x,) if classes == 256 else (x, classes)
        got, expected = whole(student.call("mu_law_encode", *args), len(x)), mulaw.encode(x, classes)
        if np.array_equal(got, expected):
            continue
        f, inside = compress(np.clip(x, -1, 1), mu), abs(x) <= 1
        variants = {
            "cut off in place of rounded: the nearest class is meant.": (f + 1) * mu // 2,
            "rounded up in place of to the nearest.": np.ceil((f + 1) * mu / 2),
            "mu = classes: it is classes - 1.": np.minimum(
                np.rint((compress(np.clip(x, -1, 1), classes) + 1) * classes / 2), mu
            ),
            "mu = classes: it is classes - 1. ": np.rint(
                (compress(np.clip(x, -1, 1), classes) + 1) * classes / 2
            ),
            "no logarithm: the classes are equally wide.": np.rint((np.clip(x, -1, 1) + 1) * mu / 2),
            "the sign was lost: f has the sign of x.": np.rint((abs(f) + 1) * mu / 2),
            "f was not moved from -1 ... 1 to 0 ... mu.": np.rint(f * mu),
        }
        k = int(np.flatnonzero(got != expected)[0])
        found = list({sentence.strip() for sentence, other in variants.items() if np.array_equal(got, other)})
        if not found and np.array_equal(got[inside], expected[inside]):
            found = ["samples beyond ±1 were not brought back to ±1 first."]
        raise Failure(
            f"the sample {x[k]:.4f} is class {got[k]} of {classes}, expected {expected[k]}.",
            found[0] if len(found) == 1 else None,
        )


def decodings(student: Student, rng: np.random.Generator) -> None:
    """mu-law: classes to samples, and all the way round"""
    for classes in (256, int(rng.integers(10, 100))):
        mu, numbers = classes - 1, rng.permutation(classes)
        args = (numbers,) if classes == 256 else (numbers, classes)
        got = expect_tensors(student.call("mu_law_decode", *args), {"x": (classes,)}, "mu_law_decode")
        f = 2 * numbers / mu - 1
        variants = {
            "mu = classes: it is classes - 1.": mulaw_curve(2 * numbers / classes - 1, classes),
            "the sign was lost: x has the sign of f.": abs(mulaw.decode(numbers, classes)),
            "no exponential: f itself is not the sample.": f,
            "the division by mu is missing.": mulaw_curve(f, mu) * mu,
            "the 1 was not taken off: (1 + mu)^|f| - 1.": mulaw_curve(f, mu) + np.sign(f) / mu,
            "exp(|f|) in place of (1 + mu)^|f|.": np.sign(f) * np.expm1(abs(f)) / mu,
        }
        tensors = {sentence: {"x": x} for sentence, x in variants.items()}

        def looks_like(_: list[str], got: Any = got, tensors: Any = tensors) -> str | None:
            return the_one(got, tensors)

        compare(
            got, {"x": mulaw.decode(numbers, classes)}, looks_like=looks_like, where=f"for {classes} classes"
        )
        back = whole(student.call("mu_law_encode", got["x"], classes), classes)
        if not np.array_equal(back, numbers):
            k = int(np.flatnonzero(back != numbers)[0])
            raise Failure(f"class {numbers[k]} of {classes}, decoded and encoded again, is class {back[k]}.")


def mulaw_curve(f: np.ndarray, mu: float) -> np.ndarray:
    return np.sign(f) * np.expm1(abs(f) * np.log1p(mu)) / mu


# Cross-entropy


def one_hot(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return np.eye(shape[-1])[rng.integers(shape[-1], size=shape[:-1])]


def ask_for_loss(student: Student, logits: np.ndarray, target: np.ndarray) -> tuple[float, Any]:
    got = student.call("cross_entropy", logits, target)
    got = expect_parts(got, ("loss", "dlogits"), "cross_entropy")
    loss = expect_number(got[0], "loss", "cross_entropy")
    return loss, expect_tensors(got[1], {"dlogits": logits.shape}, "cross_entropy")


def check_entropy(student: Student, rng: np.random.Generator, T: int, B: int, C: int, where: str) -> None:
    logits, target = 2 * rng.normal(size=(T, B, C)), one_hot(rng, T, B, C)
    loss, got = ask_for_loss(student, logits, target)
    expected, dy = nl.losses.softmax_cross_entropy(logits, target)
    p = softmax(logits)
    with np.errstate(divide="ignore", invalid="ignore"):  # with C = 1 it is 0 log 0
        binary = -(target * np.log(p) + (1 - target) * np.log(1 - p)).sum() / (T * B)
    variants = {
        "the sum over all steps and sequences: it is their mean.": expected * T * B,
        "the mean over the classes as well: over steps and sequences alone.": expected / C,
        "the mean over T alone: it is over T and B.": expected * B,
        "the mean over B alone: it is over T and B.": expected * T,
        "the sign: the loss is minus the logarithm.": -expected,
        "the logarithm to base 2: ln is meant.": expected / math.log(2),
        "the logarithm is missing.": -(target * p).sum() / (T * B),
        "without the softmax: log p is meant, not the logits.": -(target * logits).sum() / (T * B),
        "the binary cross-entropy, which also counts the other classes.": binary,
    }
    if T > 1 and B > 1:
        compare_number(loss, expected, "the loss", variants, where=where)
    compare_number(loss, expected, "the loss", where=where)
    gradients = {
        "t - p in place of p - t.": -dy,
        "the gradient was not divided by T B, as the loss is.": dy * T * B,
        "the gradient was divided by T alone: it is T B.": dy * B,
        "the gradient was divided by B alone: it is T B.": dy * T,
        "the gradient was divided by C as well: it is T B.": dy / C,
        "this is the gradient by p: -t / p. By the logits it is p - t.": -target / p / (T * B),
        "this is the gradient by p, not divided by T B. By the logits it is p - t.": -target / p,
        "the target was not taken off: p - t.": p / (T * B),
    }
    tensors = {sentence: {"dlogits": gradient} for sentence, gradient in gradients.items()}
    compare(got, {"dlogits": dy}, looks_like=lambda _: the_one(got, tensors), where=where)


def entropies(student: Student, rng: np.random.Generator) -> None:
    """cross-entropy and its gradient"""
    T, B, C = (int(n) for n in rng.choice(np.arange(2, 7), 3, replace=False))
    check_entropy(student, rng, T, B, C, f"with T, B, C = {T}, {B}, {C}")
    check_entropy(student, rng, 1, 1, 3, "with T = B = 1")
    check_entropy(student, rng, 3, 2, 1, "with C = 1")


def large_losses(student: Student, rng: np.random.Generator) -> None:
    """cross-entropy of large logits"""
    logits, target = np.zeros((2, 1, 3)), np.eye(3)[[[0], [1]]]
    logits[0, 0] = [1000, 0, -1000]
    logits[1, 0] = [1000, 0, -1000]  # the loss there is 1000, its log p no number that exp could reach
    got = student.call("cross_entropy", logits, target)
    if isinstance(got, tuple | list) and len(got) == 2 and _not_finite(got[0]):
        raise Failure(
            f"the loss is {got[0]} for logits of 1000, 0, -1000 and the target 1, expected 500.",
            "the logarithm of a probability that has become 0: take log p from the shifted logits.",
        )
    loss, tensors = ask_for_loss(student, logits, target)
    expected, dy = nl.losses.softmax_cross_entropy(logits, target)
    compare_number(loss, expected, "the loss", where="for logits of 1000, 0, -1000")
    compare(tensors, {"dlogits": dy}, where="for logits of 1000, 0, -1000")


def _not_finite(loss: Any) -> bool:
    return isinstance(loss, float | np.generic | np.ndarray) and not np.isfinite(loss).all()


CHECKS = (
    softmaxes,
    large_logits,
    draw_shapes,
    certain_draws,
    frequencies,
    chance,
    encodings,
    decodings,
    entropies,
    large_losses,
)
HIDDEN = (softmaxes, certain_draws, frequencies, encodings, decodings, entropies)
MARKS = 0

"""What windows, targets and a free run have to be, and the slips they are known by."""

from typing import Any

import numpy as np

from numpylstm.classroom import Failure, Student, compare, expect_tensors, the_one


def ask_for_windows(student: Student, signal: np.ndarray, length: int) -> dict[str, np.ndarray]:
    got = student.call("windows", signal, length)
    N = len(signal) - length
    if isinstance(got, tuple) and len(got) == 2 and all(np.ndim(part) == 3 for part in got):
        for name, part in zip(("x", "target"), got, strict=True):
            came = np.shape(part)
            if came[0] == length and came[2] == 1 and came[1] != N:
                looks_like = None
                if came[1] == N + 1:
                    looks_like = "a window whose last target lies beyond the signal."
                elif came[1] == N - 1 and np.array_equal(got[1][:, :, 0], _samples(signal, length)[:, 2:]):
                    looks_like = "the index slipped by one: each target is the sample after the next."
                elif came[1] == N - 1:
                    looks_like = "the last window was left out."
                raise Failure(
                    f"{name} of windows holds {came[1]} windows, expected {N}: "
                    f"{len(signal)} samples, windows of {length} and one sample more for the last target.",
                    looks_like,
                )
    return expect_tensors(got, {"x": (length, N, 1), "target": (length, N, 1)}, "windows")


def _samples(signal: np.ndarray, length: int) -> np.ndarray:
    """Column k is the window that begins at sample k, for as many samples as there are."""
    return np.array([signal[t : len(signal) - length + t + 1] for t in range(length)])


def window_shapes(student: Student, rng: np.random.Generator) -> None:
    """shapes and dtypes of windows"""
    ask_for_windows(student, rng.normal(size=9), 4)
    ask_for_windows(student, rng.normal(size=5), 1)
    ask_for_windows(student, rng.normal(size=5), 4)


def window_indices(student: Student, rng: np.random.Generator) -> None:
    """which sample is where"""
    n, length = int(rng.integers(8, 14)), int(rng.integers(2, 5))
    counted = np.arange(n) + 0.0  # each sample says its own index
    got = ask_for_windows(student, counted, length)
    first = counted[: n - length]
    expected = {"x": first + np.arange(length)[:, None], "target": first + np.arange(length)[:, None] + 1}
    x = expected["x"]
    slips = {
        "x": {
            "the windows follow each other without overlap: one begins at each sample.": x
            + first * (length - 1),
            "the windows begin one sample too late.": x + 1,
            "time and windows are mixed up: reshape keeps the order in memory, transpose is meant.": (
                x.T.reshape(x.shape)
            ),
            "the windows are backwards in time.": x[::-1],
        },
        "target": {
            "the target is x itself: it is the sample after.": x,
            "the index slipped by one: this is the sample after the next.": (x + 2) % n,
            "the sample before in place of the sample after.": x - 1,
            "the target of the last step stands at every step.": x * 0 + x[-1] + 1,
            "time and windows are mixed up: reshape keeps the order in memory, transpose is meant.": (
                x.T.reshape(x.shape) + 1
            ),
            "the targets are backwards in time.": x[::-1] + 1,
            "the last target is the first sample: np.roll goes round at the end.": np.where(
                x == x[-1], x[0], x + 1
            ),
        },
    }
    for name in ("x", "target"):
        came = got[name][:, :, 0]
        if not np.array_equal(came, expected[name]):
            t, k = np.argwhere(came != expected[name])[0]
            variants = {sentence: {name: slip} for sentence, slip in slips[name].items()}
            raise Failure(
                f"{name}[{t}, {k}, 0] is sample {came[t, k]:g} of the signal, expected sample "
                f"{expected[name][t, k]:g}; the window begins at sample {k}.",
                the_one({name: came}, variants),
            )


def window_values(student: Student, rng: np.random.Generator) -> None:
    """windows of a signal, of one step, and a single window"""
    n = int(rng.integers(9, 20))
    for length, where in ((int(rng.integers(2, 6)), ""), (1, "with length = 1"), (n - 1, "with N = 1")):
        signal = rng.normal(size=n)
        cut = np.array([[signal[k + t : k + t + 1] for k in range(n - length)] for t in range(length)])
        later = np.array([[signal[k + t + 1 : k + t + 2] for k in range(n - length)] for t in range(length)])
        compare(ask_for_windows(student, signal, length), {"x": cut, "target": later}, where=where)


class Network:
    """A small recurrent network with a step from sample to sample, which writes down what it hears."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.a, self.b, self.c, self.d = rng.uniform(0.4, 0.9, 4)
        self.heard: list[float] = []

    def step(self, sample: Any, state: Any) -> tuple[float, float]:
        if np.size(sample) != 1:
            raise ValueError(f"step takes one sample, got an array of shape {np.shape(sample)}")
        if state is not None and np.size(state) != 1:
            raise ValueError(f"step takes None or the state that it returned, got {state!r}")
        sample = np.asarray(sample, float).item()
        before = 0.3 if state is None else np.asarray(state, float).item()
        self.heard.append(sample)
        state = np.tanh(self.c * sample + self.d * before)
        return float(np.sin(self.a * sample + 2 * self.b * before)), float(state)

    def run(self, sample: float, state: Any) -> tuple[float, float]:
        prediction, state = self.step(sample, state)
        self.heard.pop()
        return prediction, state


def run_free(network: Network, primed: np.ndarray, n: int, slip: str = "") -> np.ndarray:
    state, out = None, list(primed)
    for sample in primed[-1:] if slip == "last" else primed:
        before = state
        prediction, state = network.run(sample, state)
        if slip == "unprimed":
            state = None
    if slip == "again":
        prediction, state = network.run(primed[-1], state)
    if slip == "forgets":
        state = None
    if slip == "skips":
        prediction, state = network.run(prediction, state)
    if slip == "repeats":
        out.append(primed[-1])
    for _ in range(n):
        out.append(prediction)
        heard = primed[-1] if slip == "deaf" else out[-2] if slip == "late" else prediction
        if slip == "stands":
            prediction, _ = network.run(heard, state)
        elif slip == "stateless":
            prediction, _ = network.run(heard, None)
        elif slip == "stale":
            prediction, before = network.run(heard, before)
        else:
            prediction, state = network.run(heard, state)
    return np.array(out[: len(primed) + n])


SLIPS = {
    "last": "only the last primed sample was given to the network: it has to hear all of them.",
    "unprimed": "the state was not kept while the network heard `primed`.",
    "again": "the last primed sample was heard twice.",
    "forgets": "the state was thrown away where the free run begins.",
    "skips": "the first prediction is missing: it is the first new sample.",
    "repeats": "the last primed sample was written twice, so all predictions are one place late.",
    "deaf": "the network hears the last primed sample again and again, not its own predictions.",
    "late": "the network hears each sample one step late.",
    "stands": "the state was not passed on in the free run.",
    "stateless": "each step of the free run started from the state None.",
    "stale": "the state of one step earlier was passed on.",
}


def check_free_run(student: Student, rng: np.random.Generator, P: int, n: int, where: str) -> None:
    network, primed = Network(rng), rng.normal(size=P)
    got = expect_tensors(student.call("free_run", network.step, primed, n), {"tone": (P + n,)}, "free_run")
    heard = list(network.heard)
    expected = run_free(network, primed, n)
    compare({"tone": got["tone"][:P]}, {"tone": primed}, where="where it is to be `primed` itself,")

    def looks_like(_: list[str]) -> str | None:
        if P < 3 or n < 3:
            return None
        slips = {sentence: {"tone": run_free(network, primed, n, slip)} for slip, sentence in SLIPS.items()}
        found = the_one(got, slips)
        if not found and len(heard) > P and not np.allclose(heard[:P], primed):
            return "the network did not hear `primed` from first to last before its own predictions."
        return found

    wrong = np.flatnonzero(abs(got["tone"] - expected) > 1e-9)
    place = f"from sample {wrong[0]} on" if len(wrong) else ""
    compare(got, {"tone": expected}, looks_like=looks_like, where=f"{place} {where}".strip())


def free_runs(student: Student, rng: np.random.Generator) -> None:
    """a free run"""
    check_free_run(student, rng, int(rng.integers(3, 6)), int(rng.integers(4, 8)), "")


def short_runs(student: Student, rng: np.random.Generator) -> None:
    """a free run of one step, from one sample, and of none"""
    check_free_run(student, rng, 3, 1, "with n = 1")
    check_free_run(student, rng, 1, 3, "with P = 1")
    check_free_run(student, rng, 2, 0, "with n = 0")


def tones(student: Student, rng: np.random.Generator) -> None:
    """a step that knows the sine goes on with the sine"""
    w, phase = rng.uniform(0.1, 0.5), rng.uniform(0, 6)
    truth = np.sin(w * np.arange(12) + phase)

    def step(sample: Any, state: Any) -> tuple[float, float]:
        sample = np.asarray(sample, float).item()
        before = 0.0 if state is None else np.asarray(state, float).item()
        return float(2 * np.cos(w) * sample - before), sample  # sin(a + w) + sin(a - w) = 2 cos(w) sin(a)

    got = expect_tensors(student.call("free_run", step, truth[:3], 9), {"tone": (12,)}, "free_run")
    compare(got, {"tone": truth}, 1e-8, where="of a network that knows the sine")


CHECKS = (window_shapes, window_indices, window_values, free_runs, short_runs, tones)
HIDDEN = (window_indices, window_values, free_runs, short_runs, tones)
MARKS = 0

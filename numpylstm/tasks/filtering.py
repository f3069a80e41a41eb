"""Learn what a box does to sound from two recordings, before and after it.

One sample goes in, one comes out, and the recurrent state carries all the past there is: no windows, no
classes. Stretches of the recording lie side by side. A tenth of it, after what is trained on, decides between
settings; its last quarter gives the final figure and is used for nothing else.

The read-out is linear, so for any recurrent part the best read-out is known exactly; only the recurrent part
is trained, by L-BFGS (`readout.py`). A network hears the input at a level at which its tanh are nearly
straight, or where they bend, whichever suits the box: a short trial decides, and whether the input is better
added to the output (`Residual`) or not. Levels are folded into the weights in the end.
"""

import os
import time
from dataclasses import dataclass, field
from os import PathLike, fspath
from typing import Any, cast

import numpy as np

from .. import checkpoint
from ..audio import wav
from ..audio.esr import esr_db
from ..history import History
from ..layers import GRU, LSTM, Dense, Layer, Residual, Sequential
from ..layers.recurrent import RecurrentLayer
from .iir import from_iir as from_iir
from .readout import Lanes, fit_projected
from .recording import SHORTEST as SHORTEST
from .recording import Recording as Recording
from .recording import align as align
from .recording import built_in_recording as built_in_recording
from .recording import check_parts as check_parts
from .recording import defects as defects
from .recording import demo_recording as demo_recording
from .recording import load_recording as load_recording
from .recording import parts as parts
from .recording import tube as tube
from .run import find_model, progress_bar

LANES, LENGTH = 40, 2048
"""Stretches side by side, and samples in each, at most. An eighth of a stretch is heard before it counts."""

SILENCE_WEIGHT = 5.0
"""What an error in the silence before the first sound counts more than another of its size: it clicks."""

LEVELS = (0.1, 0.5)
"""RMS at which a network may hear the input: tanh straight to one part in 300, or bent."""

ITERATIONS, TRIAL = 300, 15
"""Of L-BFGS: in all, and in each trial."""

GOAL = 10**-7.5
"""The error-to-signal ratio, -75 dB, at which training ends: below the noise of 16 bits in ordinary sound."""

PERFECT = -400.0
"""What stands for an error of exactly 0, in dB: less than float64 could ever show."""

BLOCK = 65536
"""Samples that go through a network at once."""

CELLS = {"lstm": LSTM, "gru": GRU}


@dataclass
class FilterResult:
    """A trained network and what was measured.

    Attributes:
        figures: by the names that `--json` prints.
        target, output: (n,) held-out samples.
        chosen: a sentence on what suited the material.
    """

    net: Layer
    history: History
    figures: dict[str, Any]
    target: np.ndarray
    output: np.ndarray
    rate: int
    chosen: str


def train(
    recording: Recording,
    *,
    cell: str = "lstm",
    hidden_size: int = 24,
    residual: bool | None = None,
    pre_emphasis: float = 0.0,
    iterations: int = ITERATIONS,
    seed: int = 0,
    quick: bool = False,
    progress: bool = True,
) -> FilterResult:
    """Train on the first three quarters of a recording, measure on the last.

    Args:
        recording: aligned; `align` does it.
        cell: "lstm" or "gru".
        residual: whether the network learns only the difference between target and input; None: by trial.
        pre_emphasis: from 0 to below 1: how much more high notes count, as in `readout.projected`.
        iterations: of L-BFGS, at most.
        quick: a short form that only shows that everything runs.

    Returns:
        Figures esr_db on the held-out part, real_time_factor, the seconds of sound processed in a second,
        and what was chosen: residual and level (RMS at which the network hears the training part).

    Raises:
        ValueError: an option out of its range, or a part of the target without sound.
    """
    if cell not in CELLS:
        raise ValueError(f"expected cell {' or '.join(map(repr, CELLS))}, got {cell!r}")
    if not 0 <= pre_emphasis < 1:
        raise ValueError(f"expected pre_emphasis from 0 to below 1, got {pre_emphasis}")
    if iterations < 1:
        raise ValueError(f"expected at least 1 iteration, got {iterations}")
    check_parts(recording)
    started = time.perf_counter()
    rng = np.random.default_rng(seed)
    iterations, trial = (3, 1) if quick else (iterations, min(TRIAL, iterations))
    start = Sequential(CELLS[cell](1, hidden_size), dtype=np.float32, seed=rng)
    candidates = [
        Candidate.of(start, recording, choice, level)
        for choice in ((True, False) if residual is None else (residual,))
        for level in LEVELS
    ]
    options = {"pre_emphasis": pre_emphasis, "goal": GOAL, "progress": progress}
    for number, candidate in enumerate(candidates, 1):
        candidate.fit(trial, title=f"trial {number} of {len(candidates)}", **options)
        if candidate.error <= GOAL:
            break
    best = min(candidates, key=lambda candidate: candidate.error)
    if best.error > GOAL and iterations > trial:
        best.fit(iterations - trial, title="training", **options)
    net = best.network()
    held_out = parts(len(recording.input))[2]
    before = min(recording.rate, held_out.start)  # a second for the network to hear what came before
    heard = recording.input[held_out.start - before :, None]
    output, factor = run_file(net, heard, recording.rate)
    output, target = output[before:, 0], recording.target[held_out]
    figures = {"esr_db": finite_esr_db(output, target), "real_time_factor": factor}
    figures |= {"residual": best.residual, "level": best.level, "delay_samples": recording.delay}
    figures |= {"seconds": time.perf_counter() - started, "seed": seed}
    return FilterResult(net, best.history, figures, target, output, recording.rate, best.describe())


@dataclass
class Candidate:
    """One way to set the network to the material: with the input added or not, and at which level.

    In training it goes from gain_in x to gain_out (target - input, or target); `network` takes these gains
    into the weights.
    """

    body: Sequential
    readout: Dense
    residual: bool
    level: float
    gain_in: float
    gain_out: float
    learn: Lanes
    decide: Lanes
    history: History = field(default_factory=History)
    error: float = np.inf

    @classmethod
    def of(cls, start: Layer, recording: Recording, residual: bool, level: float) -> "Candidate":
        """Before training; `start` (recurrent layers) is copied, so that all candidates begin alike."""
        learn, decide, _ = parts(len(recording.input))
        gain_in = level / root_mean_square(recording.input[learn])
        gain_out = 1 / root_mean_square(recording.target[learn])
        x, target = gain_in * recording.input, gain_out * recording.target
        wanted = target - residual * gain_out * recording.input
        body = cast(Sequential, start.astype(np.float32))
        return cls(
            body,
            Dense(cast(RecurrentLayer, body.layers[-1]).hidden_size, 1, dtype=np.float32, seed=0),
            residual,
            level,
            gain_in,
            gain_out,
            lanes(x[learn], wanted[learn], target[learn], from_rest=True),
            lanes(x[decide], wanted[decide], target[decide], from_rest=False),
        )

    def fit(self, iterations: int, **options: Any) -> None:
        self.history = fit_projected(
            self.body, self.readout, self.learn, self.decide, iterations=iterations, **options
        )
        self.error = np.inf if self.history.diverged else min(self.history.validation_loss)

    def network(self) -> Layer:
        """The network from the recording's own samples to the recording's own samples."""
        net = Sequential(*(layer.copy() for layer in self.body.layers), self.readout.copy())
        net.layers[0].params["W_x"][...] *= self.gain_in
        for value in net.layers[-1].params.values():
            value[...] /= self.gain_out
        return Residual(net) if self.residual else net

    def describe(self) -> str:
        added = (
            "the input is added to the output" if self.residual else "the input is not added to the output"
        )
        return f"{added}; the network hears it at an RMS level of {self.level:g}"


def root_mean_square(signal: np.ndarray) -> float:
    """The RMS level of a signal (n,), full scale 1; at least -120 dBFS."""
    return max(float(np.sqrt(np.mean(np.square(signal)))), wav.SILENCE)


def lanes(x: np.ndarray, wanted: np.ndarray, target: np.ndarray, from_rest: bool) -> Lanes:
    """Stretches of signals (n,) side by side, spread evenly; all of a short signal, at most LANES of a long.

    Args:
        x, wanted: what the network hears and what it should say.
        target: what the error is measured against.
        from_rest: the signals begin where the box was at rest. Then the first stretch counts from its first
            sample, and so does another one that begins with silence: a network whose start from the zero
            state never counted begins every file with a thump.
    """
    length = min(LENGTH, len(x) // 2)
    heard = length // 8
    starts = np.linspace(0, len(x) - length, min(len(x) // length, LANES)).astype(int)
    weight = np.ones((length, len(starts)))
    weight[:heard, int(from_rest) :] = 0
    laid_out = [
        np.stack([signal[start : start + length] for start in starts], axis=1)
        for signal in (x, wanted, target)
    ]
    if from_rest:
        silence = np.zeros(heard)
        late = [
            np.concatenate([silence, signal[: length - heard]])[:, None] for signal in (x, wanted, target)
        ]
        laid_out = [np.concatenate(both, axis=1) for both in zip(laid_out, late, strict=True)]
        silent = np.where(np.arange(length) < heard, SILENCE_WEIGHT, 1)[:, None]
        weight = np.concatenate([weight, silent], axis=1)
    x, wanted, target = (signal[:, :, None].astype(np.float32) for signal in laid_out)
    energy = float(np.square(target[weight > 0], dtype=float).sum())
    return Lanes(x, wanted, weight, max(energy, float(np.finfo(np.float32).tiny)))


def run_file(net: Layer, samples: np.ndarray, rate: int) -> tuple[np.ndarray, float]:
    """Every channel of (n, channels) through the network, and how many times real time that is."""
    started = time.perf_counter()
    n, channels = samples.shape
    output = np.empty((n, channels))
    run = net.stream(channels).process if net.causal else net.predict
    block = BLOCK if net.causal else n
    with progress_bar(n, "sample") as bar:
        for start in range(0, n, block):
            part = slice(start, start + block)
            output[part] = run(samples[part, :, None].astype(np.float32))[:, :, 0]
            bar.update(len(output[part]))
    seconds = max(time.perf_counter() - started, 1e-9)
    return output, n / rate / seconds


def beside_the_model(result: FilterResult) -> dict[str, Any]:
    """What a model file holds beside the network: the rate it was trained at, in Hz."""
    return {"task": "filter", "rate": result.rate}


def load(path: str | PathLike[str]) -> tuple[Layer, int | None]:
    """The network of a run folder or model file, and the rate in Hz it was trained at, None if not known.

    Raises:
        ValueError: the network is not one from one sample to one sample.
    """
    net, _, extra = checkpoint.load_with_extra(find_model(path))
    try:
        y = net.predict(np.zeros((1, 1, 1)))
        fits = y.shape == (1, 1, 1)
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"expected a network from one sample to one sample, got another in {fspath(path)}")
    rate = extra.get("rate") if isinstance(extra, dict) else None
    return net, rate if isinstance(rate, int) else None


def apply(
    model: str | PathLike[str], input_path: str | PathLike[str], output_path: str | PathLike[str]
) -> dict[str, Any]:
    """Run a file through a model; the output has exactly the input's length, rate and channels.

    Each channel goes through on its own. The output has the input's sample format where its kind of file
    can hold it; samples beyond full scale are clipped, and counted in the figure `clipped`.

    Raises:
        AudioError: a file that cannot be read or written.
        ValueError: the output is the input, or the file's rate is not the one the model was trained at.
    """
    net, rate = load(model)
    audio = wav.read(input_path)
    check_another(output_path, input_path, "the input")
    check_rate(rate, audio.rate, input_path)
    output, factor = run_file(net, audio.samples, audio.rate)
    clipped = wav.write(output_path, output, audio.rate, audio.subtype)
    return {"samples": len(output), "rate": audio.rate, "clipped": clipped, "real_time_factor": factor}


def evaluate(
    model: str | PathLike[str], input_path: str | PathLike[str], target_path: str | PathLike[str]
) -> dict[str, Any]:
    """The error-to-signal ratio of a model on a whole pair of recordings, aligned as for training, in dB."""
    net, rate = load(model)
    recording = load_recording(input_path, target_path)
    check_rate(rate, recording.rate, input_path)
    output, factor = run_file(net, recording.input[:, None], recording.rate)
    figures = {"esr_db": finite_esr_db(output[:, 0], recording.target), "real_time_factor": factor}
    return figures | {"delay_samples": recording.delay, "remarks": list(recording.remarks)}


def check_another(output: str | PathLike[str], source: str | PathLike[str], name: str) -> None:
    """Refuse to write onto the file that is read; `name` is what the message calls that file."""
    if os.path.exists(output) and os.path.samefile(source, output):
        raise ValueError(f"expected another file than {name}, got {output} for both")


def check_rate(trained: int | None, rate: int, path: str | PathLike[str]) -> None:
    if trained is not None and trained != rate:
        raise ValueError(
            f"expected a recording at {trained} Hz, as the model was trained at, got {path} at {rate} Hz"
        )


def finite_esr_db(output: np.ndarray, target: np.ndarray) -> float:
    """The error-to-signal ratio in dB, PERFECT for no error at all: JSON has no infinity."""
    return max(esr_db(output, target), PERFECT)


def describe(esr_in_db: float) -> str:
    """An error-to-signal ratio in words."""
    return "no error at all" if esr_in_db == PERFECT else f"{esr_in_db:.1f} dB"

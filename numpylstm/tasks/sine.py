"""Predict a sine wave, then let the network run free on its own predictions.

Two recipes. `reference` is the setting of a well-known notebook: noisy windows of 100 samples, one target
each, a very small learning rate. Its error is nearly as low as the noise allows, and yet a free run has the
wrong frequency, for its target lies two samples ahead and its prediction is written one sample ahead. An
error on single predictions cannot see that slip. `default` is trained to hold a tone: loss on a hundred
steps in a row, input noise that fades, a rate that falls.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..datasets.windows import shifted, split
from ..history import History
from ..layers import LSTM, Dense, GaussianNoise, Layer, Sequential
from ..losses import mse, sse
from ..optimizers import Adam, Cosine
from ..training import evaluate, fit, train_step
from .readout import refit

PERIOD = 100
"""Samples in one period of the sine."""

PRIMED = 200
"""Samples of truth a free run is given before it hears only itself."""


@dataclass
class SineResult:
    """A trained network and what was measured.

    Attributes:
        figures: by the names that `--json` prints.
        truth, free_run: (n,) the sine and the network's free run; the first PRIMED samples are given.
    """

    net: Layer
    history: History
    figures: dict[str, Any]
    truth: np.ndarray
    free_run: np.ndarray


def sine_wave(samples: int, phase: Any = 0.0) -> np.ndarray:
    """sin(2π n / PERIOD + phase) for n = 0, 1, ..., samples - 1, shape (samples,) + shape of phase."""
    n = np.arange(samples).reshape(-1, *(1,) * np.ndim(phase))
    return np.sin(2 * np.pi * n / PERIOD + phase)


# ------------------------------------------------------------------------ the default recipe


def train_default(
    seed: int = 0, updates: int = 1500, free_samples: int = 5000, progress: bool = True
) -> SineResult:
    """Train a network that holds the tone when it runs free.

    What makes the difference to `train_reference`: every step of the second half of each window has a
    target, so that the state a free run lives in is trained too; noise on the input that fades away
    teaches it to come back to the wave when it is off; the falling rate settles what is left.
    """
    window, batch, epochs = 2 * PERIOD, 32, max(updates // 100, 1)
    updates = max(updates // epochs, 1) * epochs
    net = Sequential(
        GaussianNoise(0.02), LSTM(1, 16), LSTM(16, 16), Dense(16, 1), dtype=np.float32, seed=seed
    )
    noise = net.layers[0]

    def batches(rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for _ in range(updates // epochs):
            wave = sine_wave(window + 1, rng.uniform(0, 2 * np.pi, (batch, 1))).astype(np.float32)
            yield wave[:-1], wave[1:]

    def fade(update: int, net: Layer) -> None:
        noise.sigma = 0.02 * max(0.0, 1 - update / (0.6 * updates))  # type: ignore[attr-defined]

    history = fit(
        net,
        batches,
        loss=mse,
        optimizer=Adam(5e-3, clip_norm=1.0, schedule=Cosine(updates, final=0.01)),
        epochs=epochs,
        warmup=PERIOD,
        seed=seed,
        on_update=fade,
        progress=progress,
    )
    truth = sine_wave(PRIMED + free_samples)
    free = run_free(net, truth[:PRIMED], free_samples)
    return SineResult(net, history, measure_tone(free[PRIMED:]), truth, free)


def run_free(net: Layer, prime: np.ndarray, samples: int) -> np.ndarray:
    """Give the network `prime (n,)`, then feed it its own predictions: (n + samples,).

    The state is carried from sample to sample, so each step costs the same however long the run.
    """
    stream = net.stream()
    out = np.empty(len(prime) + samples)
    out[: len(prime)] = prime
    prediction = stream.process(prime)[-1:]
    for k in range(len(prime), len(out)):
        out[k] = prediction[0]
        prediction = stream.process(prediction)
    return out


def measure_tone(signal: np.ndarray) -> dict[str, float]:
    """How far a signal (n,) is from a sine of PERIOD samples and amplitude 1.

    The frequency comes from a line through the times of all upward zero crossings, the amplitude from the
    RMS level: neither sees the phase, which a free run is allowed to lose.

    Returns:
        frequency_error_ppm, positive if too fast, and amplitude_error_percent, positive if too loud. The
        frequency of a signal with fewer than three crossings is NaN.
    """
    before, after = signal[:-1], signal[1:]
    rising = np.flatnonzero((before < 0) & (after >= 0))
    error = math.nan
    if len(rising) >= 3:
        times = rising + before[rising] / (before[rising] - after[rising])
        period = np.polyfit(np.arange(len(times)), times, 1)[0]
        error = 1e6 * (PERIOD / period - 1)
    amplitude = np.sqrt(2 * np.mean(np.square(signal)))
    return {"frequency_error_ppm": float(error), "amplitude_error_percent": float(100 * (amplitude - 1))}


# ------------------------------------------------------------------------ the reference recipe


def train_reference(
    seed: int = 0,
    ahead: int = 2,
    samples: int = 50_001,
    epochs: int = 10,
    free_samples: int = 800,
    progress: bool = True,
) -> SineResult:
    """Train as the notebook did, and measure what it measured, then let it run free.

    Args:
        ahead: how many samples after the window's last one its target lies. The notebook has 2 and means 1.
        samples: of noisy sine, cut 60 : 20 : 20 into training, validation and test.

    Returns:
        Figures dev_mse, dev_mse_before_refit (what the notebook would print), one_batch_sse, and those of
        the free run, which writes each prediction one sample
        after the window, as the notebook does.
    """
    rng = np.random.default_rng(seed)
    window = PERIOD
    signal = (sine_wave(samples) + 0.02 * rng.standard_normal(samples)).astype(np.float32)
    # The signal is cut first and the windows afterwards, so that no sample is in two sets.
    train, dev, _ = (shifted(part, window, ahead=ahead) for part in split(signal, (0.6, 0.2, 0.2)))
    net = reference_network(rng)
    one_batch_sse = overfit_one_batch(reference_network(rng), train, rng)
    history = fit(
        net,
        train,
        dev,
        loss=mse,
        optimizer=Adam(5e-5),
        epochs=epochs,
        batch_size=128,
        warmup=window - 1,  # only the last step of a window has a target
        seed=rng,
        progress=progress,
    )
    # How far 10 epochs at this rate get depends on the starting values. A last step the notebook has not
    # takes that chance out: the read-out, linear, is set to its optimum for the training windows.
    lower, upper, readout = net.layers
    states = upper.predict(lower.predict(train[0]))[-1]
    refit(readout, states, train[1][-1])  # type: ignore[arg-type]
    dev_mse = evaluate(net, dev, loss=mse, warmup=window - 1)
    figures = {"dev_mse": dev_mse, "dev_mse_before_refit": history.validation_loss[-1]}
    figures |= {"one_batch_sse": one_batch_sse}
    truth = sine_wave(PRIMED + free_samples)
    free = truth.copy()
    for k in range(PRIMED, len(free)):
        free[k] = net.forward(free[k - window : k, None, None])[0][-1, 0, 0]
    return SineResult(net, history, figures | measure_tone(free[PRIMED:]), truth, free)


def reference_network(rng: np.random.Generator) -> Sequential:
    """LSTM 16, 16 and a linear read-out, from the notebook's starting values but for the forget bias.

    The notebook has a forget bias of 1. With 1.5 the memory reaches over half as many samples again from
    the start, and averages the noise over them.
    """
    options: dict[str, Any] = {"init": "tensorflow", "forget_bias": 1.5}
    layers = LSTM(1, 16, **options), LSTM(16, 16, **options), Dense(16, 1, init="tensorflow")
    return Sequential(*layers, dtype=np.float32, seed=rng)


def overfit_one_batch(
    net: Layer, data: tuple[np.ndarray, np.ndarray], rng: np.random.Generator, updates: int = 120
) -> float:
    """The notebook's sanity test: can one batch of 128 windows be learnt at all?

    Adam at 0.02, the final state of each update the initial state of the next. Returns the summed squared
    error before the last update; a network or a gradient that is broken stays at about 60.
    """
    x, target = data
    chosen = rng.permutation(x.shape[1])[:128]
    x, target = np.ascontiguousarray(x[:, chosen]), np.ascontiguousarray(target[:, chosen])
    optimizer, state, value = Adam(0.02), None, math.nan
    for _ in range(updates):
        value, state = train_step(
            net, x, target, loss=sse, optimizer=optimizer, state=state, warmup=len(x) - 1, rng=rng
        )
    return value


# ------------------------------------------------------------------------ what the command does


def run(recipe: str = "default", seed: int = 0, quick: bool = False, progress: bool = True) -> SineResult:
    """Train by a recipe and measure; `quick` is a short form that only shows that everything runs.

    Raises:
        ValueError: there is no such recipe.
    """
    started = time.perf_counter()
    if recipe == "default":
        options = {"updates": 30, "free_samples": 300} if quick else {}
        result = train_default(seed, progress=progress, **options)
    elif recipe == "reference":
        options = {"samples": 2001, "epochs": 1, "free_samples": 50} if quick else {}
        result = train_reference(seed, progress=progress, **options)
    else:
        raise ValueError(f"expected recipe 'default' or 'reference', got {recipe!r}")
    result.figures |= {"seconds": time.perf_counter() - started, "seed": seed}
    return result

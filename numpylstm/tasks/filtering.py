"""Learn what a box does to sound from two recordings, before and after it.

One sample goes in, one comes out, and the recurrent state carries all the past there is: no windows, no
classes. The recording is laid out as lanes side by side and run through in pieces with the state carried.
A tenth of it, after what is trained on, decides between settings; its last quarter gives the final figure
and is used for nothing else.

The read-out is linear, so once the recurrent part is trained, the best read-out is known exactly: least
squares. That last step is taken only where the tenth agrees that it helps.
"""

import os
import time
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Any, cast

import numpy as np

from .. import checkpoint
from ..audio import wav
from ..audio.esr import esr_db
from ..datasets.plucked import plucked_string
from ..history import History
from ..layers import GRU, LSTM, Dense, Layer, Residual, Sequential
from ..losses import Loss
from ..optimizers import Adam, Cosine
from ..training import evaluate as evaluate_loss
from ..training import fit
from .readout import refit
from .run import find_model

HELD_OUT, DEV = 0.25, 0.1
"""Shares of the recording: its end, kept for the final figure, and what lies before it, for decisions."""

LANES, PIECE, WARMUP = 32, 512, 256
"""Lanes run side by side; samples in a piece between two updates; samples at a lane's start without loss."""

PERFECT = -400.0
"""What stands for an error of exactly 0, in dB: less than float64 could ever show."""

SHORTEST = 8192
"""Samples below which there is not enough to learn from and to judge by."""

CELLS = {"lstm": LSTM, "gru": GRU}


@dataclass
class Recording:
    """Two signals (n,) of the same length and rate, full scale 1: what goes in, what should come out."""

    input: np.ndarray
    target: np.ndarray
    rate: int


@dataclass
class FilterResult:
    """A trained network and what was measured.

    Attributes:
        figures: by the names that `--json` prints.
        target, output: (n,) held-out samples.
    """

    net: Layer
    history: History
    figures: dict[str, Any]
    target: np.ndarray
    output: np.ndarray
    rate: int


def load_recording(input_path: str | PathLike[str], target_path: str | PathLike[str]) -> Recording:
    """Read two audio files that belong together. Channels are averaged to one.

    Raises:
        AudioError: an unreadable, empty or silent file.
        ValueError: different rates or lengths, or fewer than SHORTEST samples.
    """
    signals, rates = [], []
    for path in (input_path, target_path):
        audio = wav.read(path)
        signal = wav.mono(audio.samples)
        wav.check_usable(signal, path)
        signals.append(signal)
        rates.append(audio.rate)
    if rates[0] != rates[1]:
        raise ValueError(
            f"expected two recordings of the same rate, got {input_path} at {rates[0]} Hz and "
            f"{target_path} at {rates[1]} Hz"
        )
    if len(signals[0]) != len(signals[1]):
        raise ValueError(
            f"expected two recordings of the same length, got {input_path} with {len(signals[0])} samples "
            f"and {target_path} with {len(signals[1])}"
        )
    if len(signals[0]) < SHORTEST:
        raise ValueError(f"expected recordings of at least {SHORTEST} samples, got {len(signals[0])}")
    return Recording(signals[0], signals[1], rates[0])


def built_in_recording() -> Recording:
    """The plucked string of `data/`, as input and as target: the copy that networks so often fail at."""
    rate = 16_000
    signal = plucked_string(rate=rate)
    return Recording(signal, signal, rate)


def check_parts(recording: Recording, name: Any = "the target") -> None:
    """Refuse a target with a part without sound: an error there would be measured against nothing."""
    for part, use in zip(parts(len(recording.target)), ("trained on", "decided by", "held out"), strict=True):
        try:
            wav.check_usable(recording.target[part], name)
        except wav.AudioError:
            raise ValueError(f"expected sound throughout, got {name} silent in the part {use}") from None


def build_network(cell: str, hidden_size: int, residual: bool, seed: int | np.random.Generator) -> Layer:
    """One recurrent layer and a linear read-out, float32; `residual` adds the input to the output.

    Raises:
        ValueError: an unknown cell.
    """
    if cell not in CELLS:
        raise ValueError(f"expected cell {' or '.join(map(repr, CELLS))}, got {cell!r}")
    net: Layer = Sequential(
        CELLS[cell](1, hidden_size), Dense(hidden_size, 1), dtype=np.float32, seed=np.random.default_rng(seed)
    )
    return Residual(net) if residual else net


def train(
    recording: Recording,
    *,
    cell: str = "lstm",
    hidden_size: int = 24,
    residual: bool = True,
    updates: int = 700,
    seed: int = 0,
    quick: bool = False,
    progress: bool = True,
) -> FilterResult:
    """Train on the first three quarters of a recording, measure on the last.

    Args:
        cell: "lstm" or "gru".
        residual: let the network learn only the difference between target and input.
        updates: about how many, whatever the length of the recording.
        quick: a short form that only shows that everything runs.

    Returns:
        Figures esr_db on the held-out part and real_time_factor, the seconds of sound processed in a second.
    """
    check_parts(recording)
    started = time.perf_counter()
    rng = np.random.default_rng(seed)
    if quick:
        updates = 5
    net = build_network(cell, hidden_size, residual, rng)
    learn, decide, held_out = parts(len(recording.input))
    x, target = lanes(recording.input[learn]), lanes(recording.target[learn])
    dev = lanes(recording.input[decide]), lanes(recording.target[decide])
    loss = esr_of_piece(recording.target[learn])
    per_epoch = -(-(len(x) - WARMUP) // PIECE)
    epochs = max(round(updates / per_epoch), 1)
    history = fit(
        net,
        (x, target),
        dev,
        loss=loss,
        optimizer=Adam(5e-3, clip_norm=1.0, schedule=Cosine(epochs * per_epoch, final=0.01)),
        epochs=epochs,
        batch_size=LANES,
        truncation=PIECE,
        warmup=WARMUP,
        seed=rng,
        progress=progress,
    )
    refit_readout(net, (x, target), dev, loss)
    output, factor = run_file(net, recording.input[:, None], recording.rate)
    output, target = output[held_out, 0], recording.target[held_out]
    figures = {"esr_db": finite_esr_db(output, target), "real_time_factor": factor}
    figures |= {"seconds": time.perf_counter() - started, "seed": seed}
    return FilterResult(net, history, figures, target, output, recording.rate)


def parts(samples: int) -> tuple[slice, slice, slice]:
    """What of a recording is trained on, decided by, and held out."""
    decide, held_out = int(samples * (1 - HELD_OUT - DEV)), int(samples * (1 - HELD_OUT))
    return slice(0, decide), slice(decide, held_out), slice(held_out, samples)


def lanes(signal: np.ndarray) -> np.ndarray:
    """Cut a signal (n,) into lanes side by side, (T, B, 1): each lane a stretch of time in its own order.

    At most LANES, fewer for a short signal so that a lane has some pieces in a row; the rest, less than one
    sample a lane, is left out.
    """
    count = int(np.clip(len(signal) // (WARMUP + 4 * PIECE), 1, LANES))
    length = len(signal) // count
    return np.ascontiguousarray(signal[: count * length].reshape(count, length).T[:, :, None], np.float32)


def esr_of_piece(whole: np.ndarray) -> Loss:
    """The error-to-signal ratio with the level of the whole recording in place of the piece's own.

    A piece that happens to be nearly silent would otherwise count as much as all the others together.
    """
    power = float(np.mean(np.square(whole)))

    def loss(y: np.ndarray, target: np.ndarray) -> tuple[Any, np.ndarray]:
        error = y - target
        scale = 1 / (power * error.size)
        return (error * error).sum() * scale, error * error.real.dtype.type(2 * scale)

    return loss


def refit_readout(
    net: Layer, train: tuple[np.ndarray, np.ndarray], dev: tuple[np.ndarray, np.ndarray], loss: Loss
) -> None:
    """Set the linear read-out to its optimum on the training part, if the dev part agrees.

    Of some ridges the one that does best on dev is taken, and none if the trained read-out does better.
    """
    inner = net.layers[0] if isinstance(net, Residual) else net
    cell, readout = cast(tuple[Layer, Dense], inner.layers)
    x, target = train
    wanted = (target - x if isinstance(net, Residual) else target)[WARMUP:].reshape(-1, 1)
    states = cell.predict(x)[WARMUP:]
    states = states.reshape(-1, states.shape[2])
    best, best_loss = readout.theta.copy(), evaluate_loss(net, dev, loss=loss, warmup=WARMUP)
    for share in (1e-10, 1e-8, 1e-6, 1e-4):
        refit(readout, states, wanted, share)
        value = evaluate_loss(net, dev, loss=loss, warmup=WARMUP)
        if value < best_loss:
            best, best_loss = readout.theta.copy(), value
    readout.theta[...] = best


def run_file(net: Layer, samples: np.ndarray, rate: int) -> tuple[np.ndarray, float]:
    """Every channel of (n, channels) through the network, and how many times real time that is."""
    started = time.perf_counter()
    output = net.predict(samples[:, :, None].astype(np.float32))[:, :, 0]
    seconds = max(time.perf_counter() - started, 1e-9)
    return output.astype(float), len(samples) / rate / seconds


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
    if os.path.exists(output_path) and os.path.samefile(input_path, output_path):
        raise ValueError(f"expected another file for the output than the input, got {output_path} for both")
    check_rate(rate, audio.rate, input_path)
    output, factor = run_file(net, audio.samples, audio.rate)
    clipped = wav.write(output_path, output, audio.rate, audio.subtype)
    return {"samples": len(output), "rate": audio.rate, "clipped": clipped, "real_time_factor": factor}


def evaluate(
    model: str | PathLike[str], input_path: str | PathLike[str], target_path: str | PathLike[str]
) -> dict[str, Any]:
    """The error-to-signal ratio of a model on a whole pair of recordings, in dB."""
    net, rate = load(model)
    recording = load_recording(input_path, target_path)
    check_rate(rate, recording.rate, input_path)
    output, factor = run_file(net, recording.input[:, None], recording.rate)
    return {"esr_db": finite_esr_db(output[:, 0], recording.target), "real_time_factor": factor}


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

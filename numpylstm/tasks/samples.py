"""Notes that go on: learn the next sample of a corpus, then run free and write what comes.

The samples are mu-law classes. The network says how likely each class is to come next, one is drawn, and what
was drawn is its next input. So it can decide: that a note begins now, and which. A network that predicts the
next sample as a number can only say the mean of all that might come, and the mean of many onsets at many
times is silence. It is kept for comparison (`head="scalar"`, or `"mlp"` with a hidden layer).

What else makes the free run last:

- Batches from all over the corpus: long lanes with the state carried along, as it is when running free.
  Windows at random do as well where all that matters lies within them; windows that begin one sample after
  the other do not, for they are nearly one.
- A gradient clipped low, and a learning rate that falls: an onset is a surprise every time.
- A temperature chosen by trial runs, judged by the report of `audio.alive`.
- Noise on the input, none on the target: running free, the network hears its own errors, which a clean
  corpus does not have. (The built-in corpus can do without.)

The report judges by what was held out of the corpus. How a trained network is run free: `play_samples`.
"""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..audio.alive import SHORTEST, alive
from ..datasets.windows import random_batch, shifted_batch
from ..layers import Layer
from ..losses import mse, softmax_cross_entropy
from ..optimizers import Adam, Cosine
from ..training import fit
from .corpus import Corpus
from .network import build_network, check_network
from .play import JUDGED, SoundResult, check_temperature, run_and_judge
from .play_samples import HEADS, Model, Player
from .run import progress_bar

LANES, PIECE, WARMUP, EPOCH = 16, 128, 256, 100
"""Lanes run side by side; samples in a piece between two updates; samples at a lane's start without loss;
pieces in an epoch, after which new lanes are drawn."""

TRIALS = 8
"""Runs at a temperature."""

TEMPERATURES = (0.9, 1.0, 0.8)
BATCHES = ("lanes", "random", "shifted")


def check_options(
    head: str,
    cell: str,
    layers: int,
    hidden_size: int,
    classes: int,
    batches: str,
    noise: float,
    updates: int,
) -> None:
    """Refuse, before the work, what `train` cannot be asked for.

    Raises:
        ValueError: an unknown head, cell or kind of batches, or a number out of its range.
    """
    check_network(cell, layers, hidden_size)
    for name, value, known in (("head", head, HEADS), ("batches", batches, BATCHES)):
        if value not in known:
            raise ValueError(f"expected {name} {' or '.join(map(repr, known))}, got {value!r}")
    for name, number, least in (("classes", classes, 2), ("updates", updates, 1)):
        if number < least:
            raise ValueError(f"expected {name} of at least {least}, got {number}")
    if not 0 <= noise <= 1:
        raise ValueError(f"expected noise from 0 to 1, a share of full scale, got {noise}")


@dataclass
class Batches:
    """The batches of an epoch: what is heard, with noise, and what comes next, without.

    "lanes"    LANES stretches from all over the corpus, run through in pieces with the state carried
    "random"   for each update LANES windows from all over the corpus, each from a zero state
    "shifted"  for each update LANES windows that begin one sample after the other, each from a zero state

    All have as many updates and samples. The noise has standard deviation `noise`, as a share of full scale,
    and falls to a third of that over the first four fifths of the epochs.
    """

    signal: np.ndarray
    model: Model
    kind: str
    noise: float
    pieces: int
    epochs: int
    epoch: int = 0

    def __len__(self) -> int:
        return self.pieces

    def __call__(self, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        fading = max(0.0, 1 - self.epoch / (0.8 * self.epochs))
        sigma = self.noise * (1 + 2 * fading) / 3 / self.model.gain
        self.epoch += 1
        for heard, target in self.windows(rng):
            noisy = heard + sigma * rng.standard_normal(heard.shape)
            yield self.model.encode(noisy), self.model.encode(target)

    def windows(self, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Samples heard and the next ones, both (T, B)."""
        if self.kind == "lanes":
            # The corpus goes round, so that a short one has lanes as long as any.
            steps = np.arange(WARMUP + self.pieces * PIECE + 1)[:, None]
            lanes = self.signal[(rng.integers(len(self.signal), size=LANES) + steps) % len(self.signal)]
            yield lanes[:-1], lanes[1:]
            return
        cut = random_batch if self.kind == "random" else shifted_batch
        for _ in range(self.pieces):
            heard, target = cut(self.signal, WARMUP + PIECE, LANES, rng)
            yield heard[:, :, 0], target[:, :, 0]


def train(
    corpus: Corpus,
    *,
    head: str = "softmax",
    cell: str = "gru",
    layers: int = 1,
    hidden_size: int = 128,
    classes: int = 64,
    concat: bool = False,
    batches: str = "lanes",
    noise: float = 0.03,
    updates: int = 2400,
    temperatures: Sequence[float] = TEMPERATURES,
    seed: int = 0,
    quick: bool = False,
    progress: bool = True,
) -> SoundResult:
    """Train on a corpus, choose the temperature, run free, and judge the run.

    Args:
        head: "softmax" over mu-law classes; "scalar" or "mlp" for the mean of the next sample.
        cell, layers, hidden_size, concat: see `build_network`.
        batches, noise: see `Batches`.
        updates: in all, whatever the length of the corpus; rounded to whole epochs.
        temperatures: to choose from; a single one is taken without trials.
        quick: a short form that only shows that everything runs.

    Returns:
        Figures `alive` with its parts, `temperature`, `validation_loss` and `real_time_factor`, the seconds
        of sound generated in a second.

    Raises:
        ValueError: an option that does not exist.
    """
    check_options(head, cell, layers, hidden_size, classes, batches, noise, updates)
    for temperature in temperatures:
        check_temperature(temperature)
    started = time.perf_counter()
    rng = np.random.default_rng(seed)
    pieces, judged = (5, SHORTEST) if quick else (EPOCH, JUDGED)
    epochs = 2 if quick else max(round(updates / pieces), 1)
    net = network_for(
        head, classes, cell=cell, layers=layers, hidden_size=hidden_size, concat=concat, seed=rng
    )
    model = Model(net, head, classes, corpus.rate, 0.95 / np.abs(corpus.train).max(), 1.0, corpus.held_out)
    history = fit(
        net,
        Batches(corpus.train, model, batches, noise, pieces, epochs),
        held_out_lanes(model),
        loss=softmax_cross_entropy if head == "softmax" else mse,
        # Clipped low: at an onset the gradient is ten times its usual size, and a few such steps undo much.
        optimizer=Adam(8e-3, clip_norm=0.3, schedule=Cosine(epochs * pieces, final=0.01)),
        epochs=epochs,
        truncation=PIECE,
        warmup=WARMUP,
        seed=rng,
        progress=progress,
    )
    if head == "softmax":
        model.temperature = choose_temperature(
            model, rng, temperatures[:1] if quick else temperatures, progress
        )
    continuation, report, figures = run_and_judge(
        model.blocks(model.temperature, rng), judged, corpus.rate, corpus.held_out
    )
    figures |= {"temperature": model.temperature}
    figures |= {"validation_loss": (history.validation_loss or [math.nan])[-1]}
    figures |= {"seconds": time.perf_counter() - started, "seed": seed}
    return SoundResult(model, history, figures, report, model.seed(), continuation, corpus.rate)


def network_for(head: str, classes: int, **options: Any) -> Layer:
    """The network of a head, with the options of `build_network`."""
    inputs, outputs = (classes, classes) if head == "softmax" else (1, 1)
    return build_network(inputs, outputs, deep_readout=head == "mlp", **options)


def held_out_lanes(model: Model, count: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """What was held out as `count` lanes side by side, heard and next."""
    length = (len(model.held_out) - 1) // count
    heard, target = (model.held_out[k : k + count * length].reshape(count, length).T for k in (0, 1))
    return model.encode(heard), model.encode(target)


def choose_temperature(
    model: Model, rng: np.random.Generator, temperatures: Sequence[float], progress: bool = True
) -> float:
    """The temperature at which most of a few trial runs are alive; of equals the first.

    A low one plays cleaner and decides less; how much is too much depends on the corpus.
    """
    if len(temperatures) == 1:
        return temperatures[0]
    counts = {}
    with progress_bar(len(temperatures), "temperature", progress) as bar:
        for temperature in temperatures:
            runs = Player(model, rng, temperature, count=TRIALS).play(round(JUDGED * model.rate))
            counts[temperature] = sum(alive(run, model.held_out, model.rate).alive for run in runs.T)
            bar.update()
    return max(temperatures, key=lambda temperature: counts[temperature])

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

The report judges by what was held out of the corpus, and the first second of that is the seed that a run
continues. So the model file holds it, up to a minute of sound. What is generated is written at the corpus's
working rate.
"""

import math
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Any

import numpy as np

from .. import checkpoint
from ..audio import mulaw, wav
from ..audio.alive import SHORTEST, AliveReport, alive
from ..datasets.windows import random_batch, shifted_batch
from ..history import History
from ..layers import GRU, LSTM, MLP, ConcatHidden, Dense, Layer, Sequential
from ..losses import mse, softmax_cross_entropy
from ..optimizers import Adam, Cosine
from ..training import fit
from .corpus import Corpus
from .run import find_model

LANES, PIECE, WARMUP, EPOCH = 16, 128, 256, 100
"""Lanes run side by side; samples in a piece between two updates; samples at a lane's start without loss;
pieces in an epoch, after which new lanes are drawn."""

SEED, JUDGED, TRIALS = 1.0, 10.0, 8
"""Seconds of held-out sound that a run continues, seconds of a run that is judged, runs at a temperature."""

TEMPERATURES = (0.9, 1.0, 0.8)
LONGEST_JUDGED = 60
"""Seconds: of a long run its last minute is judged, so that no run is too long for memory."""

CELLS = {"lstm": LSTM, "gru": GRU}
HEADS = ("softmax", "scalar", "mlp")
BATCHES = ("lanes", "random", "shifted")


@dataclass
class Model:
    """A network and what stands beside it in its file.

    Attributes:
        head: "softmax", "scalar" or "mlp".
        classes: of the mu-law, for the softmax.
        rate: Hz.
        gain: what the corpus was multiplied by to reach full scale.
        temperature: that the trials chose; the logits are divided by it.
        held_out: (m,) samples of the corpus, to continue and to judge by.
    """

    net: Layer
    head: str
    classes: int
    rate: int
    gain: float
    temperature: float
    held_out: np.ndarray

    def encode(self, signal: np.ndarray) -> np.ndarray:
        """Samples (T, B) as what the network hears: classes (T, B), or numbers (T, B, 1)."""
        if self.head == "softmax":
            return mulaw.encode(signal * self.gain, self.classes)
        return (signal * self.gain).astype(np.float32)[:, :, None]

    def seed(self) -> np.ndarray:
        """What a run continues: the first second that was held out, (n,)."""
        return self.held_out[: round(SEED * self.rate)]

    def extra(self) -> dict[str, Any]:
        """The JSON values beside the network in its file."""
        described = {"task": "generate", "head": self.head, "classes": self.classes, "rate": self.rate}
        return described | {"gain": self.gain, "temperature": self.temperature}

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays beside the network in its file: what was held out, in 16 bit."""
        steps = np.clip(np.rint(self.held_out * 2.0**15), -(2**15), 2**15 - 1)
        return {"held_out": steps.astype(np.int16)}


@dataclass
class GenerationResult:
    """A trained model and what was measured.

    Attributes:
        figures: by the names that `--json` prints.
        seed, continuation: (n,), (m,) held-out samples, and what the network made of them.
    """

    model: Model
    history: History
    figures: dict[str, Any]
    report: AliveReport
    seed: np.ndarray
    continuation: np.ndarray


# ---------------------------------------------------------------------------------- training


def build_network(
    head: str,
    cell: str,
    layers: int,
    hidden_size: int,
    classes: int,
    concat: bool,
    seed: int | np.random.Generator,
) -> Layer:
    """One to five recurrent layers and a read-out, float32.

    With `concat` the outputs of all layers stand side by side and an MLP of as many hidden units as one of
    them reads all levels at once; the head "mlp" reads the last layer by such an MLP.
    """
    inputs, outputs = (classes, classes) if head == "softmax" else (1, 1)
    stack: list[Layer] = [CELLS[cell](hidden_size if k else inputs, hidden_size) for k in range(layers)]
    width = hidden_size * layers if concat else hidden_size
    readout = MLP(width, hidden_size, outputs) if concat or head == "mlp" else Dense(width, outputs)
    body = [ConcatHidden(*stack)] if concat else stack
    return Sequential(*body, readout, dtype=np.float32, seed=np.random.default_rng(seed))


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
    for name, value, known in (("head", head, HEADS), ("cell", cell, CELLS), ("batches", batches, BATCHES)):
        if value not in known:
            raise ValueError(f"expected {name} {' or '.join(map(repr, known))}, got {value!r}")
    if not 1 <= layers <= 5:
        raise ValueError(f"expected 1 to 5 layers, got {layers}")
    for name, number, least in (
        ("hidden_size", hidden_size, 1),
        ("classes", classes, 2),
        ("updates", updates, 1),
    ):
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
) -> GenerationResult:
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
    started = time.perf_counter()
    rng = np.random.default_rng(seed)
    pieces, judged = (5, SHORTEST) if quick else (EPOCH, JUDGED)
    epochs = 2 if quick else max(round(updates / pieces), 1)
    net = build_network(head, cell, layers, hidden_size, classes, concat, rng)
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
    before = time.perf_counter()
    continuation = Player(model, rng).play(round(judged * corpus.rate))[:, 0]
    factor = judged / max(time.perf_counter() - before, 1e-9)
    report = alive(continuation, corpus.held_out, corpus.rate)
    figures: dict[str, Any] = report.as_dict() | {"temperature": model.temperature}
    figures |= {"validation_loss": (history.validation_loss or [math.nan])[-1], "real_time_factor": factor}
    figures |= {"seconds": time.perf_counter() - started, "seed": seed}
    return GenerationResult(model, history, figures, report, model.seed(), continuation)


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
    for temperature in bar(temperatures, progress, "temperature"):
        runs = Player(model, rng, temperature, count=TRIALS).play(round(JUDGED * model.rate))
        counts[temperature] = sum(alive(run, model.held_out, model.rate).alive for run in runs.T)
    return max(temperatures, key=lambda temperature: counts[temperature])


# -------------------------------------------------------------------------------- running free


class Player:
    """A network that has heard the seed and goes on by itself: `play` as often and as much as wanted.

    Args:
        rng: what the classes are drawn with.
        temperature: that of the model if None; 0 always takes the likeliest class.
        count: runs side by side.
    """

    def __init__(
        self, model: Model, rng: np.random.Generator, temperature: float | None = None, count: int = 1
    ) -> None:
        self.temperature = model.temperature if temperature is None else temperature
        if not 0 <= self.temperature < math.inf:
            raise ValueError(f"expected a temperature of at least 0, got {self.temperature}")
        self.model, self.rng = model, rng
        self.stream = model.net.stream(batch=count)
        self.next = self.stream.process(model.encode(np.repeat(model.seed()[:, None], count, axis=1)))[-1]

    def play(self, samples: int) -> np.ndarray:
        """The next samples, (samples, count), full scale 1. In pieces or at once, they are the same."""
        made = self._numbers(samples) if self.model.head == "softmax" else self._means(samples)
        return made / self.model.gain

    def _numbers(self, samples: int) -> np.ndarray:
        drawn = np.empty((samples, self.stream.batch), np.intp)
        chance = self.rng.random(drawn.shape)
        for t in range(samples):
            drawn[t] = draw(self.next, self.temperature, chance[t])
            self.next = self.stream.process(drawn[t : t + 1])[0]
        return mulaw.decode(drawn, self.model.classes)

    def _means(self, samples: int) -> np.ndarray:
        heard = np.empty((samples, self.stream.batch, 1), np.float32)
        for t in range(samples):
            heard[t] = np.clip(self.next, -1, 1)
            self.next = self.stream.process(heard[t : t + 1])[0]
        return heard[:, :, 0].astype(float)


def draw(logits: np.ndarray, temperature: float, chance: np.ndarray) -> np.ndarray:
    """A class for each row of logits (B, C), from softmax(logits / temperature) by chances (B,) in [0, 1).

    Where the probabilities, added up, first exceed the chance, there is the class.
    """
    if temperature == 0:
        likeliest: np.ndarray = logits.argmax(axis=1)
        return likeliest
    p = np.exp((logits - logits.max(axis=1, keepdims=True)) / temperature, dtype=float)
    total = p.cumsum(axis=1)
    numbers: np.ndarray = (total <= (chance * total[:, -1])[:, None]).sum(axis=1)
    return np.minimum(numbers, logits.shape[1] - 1)  # a product may round up to the last sum


# ------------------------------------------------------------------------------ the commands


def load(path: str | PathLike[str]) -> Model:
    """The model of a run folder or model file.

    Raises:
        ValueError: it is none that generates samples.
    """
    net, arrays, extra = checkpoint.load_with_extra(find_model(path))
    try:
        options = {name: extra[name] for name in ("head", "classes", "rate", "gain", "temperature")}
        model = Model(net, **options, held_out=arrays["held_out"] / 2.0**15)
        report_on(np.zeros(round(SHORTEST * model.rate)), model)  # refuses what it could not be judged by
        width = net.predict(model.encode(np.zeros((1, 1)))).shape[2]
        fits = extra["task"] == "generate" and model.head in HEADS and model.gain > 0
        fits = fits and width == (model.classes if model.head == "softmax" else 1)
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        fits = False
    if not fits:
        raise ValueError(f"expected a model that `generate train` made, got another in {fspath(path)}")
    return model


def sample(
    path: str | PathLike[str],
    output_path: str | PathLike[str],
    *,
    seconds: float,
    temperature: float | None = None,
    seed: int = 0,
    progress: bool = True,
) -> tuple[dict[str, Any], AliveReport]:
    """Continue the seed for so many seconds and write what comes, second by second, at the model's rate.

    The memory needed does not grow with the length. The report is about the last minute; a run too short to
    be judged goes on unwritten until it can be.

    Raises:
        AudioError: a file that cannot be written.
        ValueError: no model that generates, less than one sample, a temperature below 0.
    """
    model = load(path)
    if not (math.isfinite(seconds) and seconds * model.rate >= 1):
        raise ValueError(f"expected at least one sample, got {seconds} s at {model.rate} Hz")
    samples = round(seconds * model.rate)
    started = time.perf_counter()
    player = Player(model, np.random.default_rng(seed), temperature)
    last: deque[np.ndarray] = deque(maxlen=LONGEST_JUDGED)

    def blocks() -> Iterator[np.ndarray]:
        for start in bar(range(0, samples, model.rate), progress, "s"):
            last.append(player.play(min(model.rate, samples - start))[:, 0])
            yield last[-1]

    clipped = wav.write_blocks(output_path, blocks(), model.rate)
    factor = seconds / max(time.perf_counter() - started, 1e-9)
    missing = round(SHORTEST * model.rate) - samples
    if missing > 0:
        last.append(player.play(missing)[:, 0])
    report = report_on(np.concatenate(last), model)
    figures: dict[str, Any] = report.as_dict() | {"samples": samples, "rate": model.rate, "clipped": clipped}
    return figures | {"temperature": player.temperature, "real_time_factor": factor}, report


def bar(steps: Iterable[Any], show: bool, unit: str) -> Any:
    """The steps with a progress bar on standard error, where they take over two seconds."""
    from tqdm import tqdm

    every = 0.1 if sys.stderr.isatty() else 10
    return tqdm(steps, delay=2, mininterval=every, disable=not show, unit=unit, leave=False)


def report_on(signal: np.ndarray, model: Model) -> AliveReport:
    """Whether a signal (n,) at the model's rate is alive, by what was held out."""
    return alive(signal, model.held_out, model.rate)

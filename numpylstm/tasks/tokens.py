"""Go on with a text or a melody: one token goes in, the odds of every next one come out.

A token is a whole number that stands for one entry of a vocabulary. For a text the vocabulary is its
characters, for MIDI files its notes (wait, pitch, duration): everything else is the same. The vocabulary is
what occurs in the corpus, nothing more, so what is generated is always readable and never contains what was
not there.

The sequence is laid out as lanes side by side and run through in pieces with the state carried. Its last
tenth decides which epoch is kept, and its cross-entropy is the figure. For a source of independent tokens
no network can come below the source's entropy; what it does come below is worth a look at the split.
"""

import math
import time
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from .. import checkpoint
from ..audio import midi
from ..files import write_pieces
from ..history import History
from ..layers import GRU, LSTM, Dense, Layer, Sequential
from ..losses import softmax_cross_entropy
from ..optimizers import Adam, Cosine
from ..training import evaluate, fit
from .run import find_model, progress_bar

DEV, MOST_DEV = 0.1, 20_000
"""Share of the tokens kept to decide by, its end; and no more than so many."""

LANES, PIECE = 32, 64
"""Lanes run side by side; tokens in a piece between two updates."""

SHORTEST = 100
"""Tokens below which there is not enough to learn from and to judge by."""

PRIMED = 64
"""Tokens, the corpus's first, that a sample is begun with unless something else is given."""

CHARACTERS_PER_SECOND = 15
"""About the pace of reading aloud: so that a text, too, has a length in seconds."""

CELLS = {"lstm": LSTM, "gru": GRU}


@dataclass
class Corpus:
    """A sequence of tokens and what they stand for.

    Attributes:
        kind: "text" or "notes".
        tokens: (n,) whole numbers, places in the vocabulary.
        vocabulary: characters, or [wait, pitch, duration] of notes.
        bpm: beats a minute of notes.
    """

    kind: str
    tokens: np.ndarray
    vocabulary: list[Any]
    bpm: float = 120.0


@dataclass
class TokensResult:
    """A trained network and what was measured; figures by the names that `--json` prints."""

    net: Layer
    history: History
    figures: dict[str, Any]
    corpus: Corpus


# -------------------------------------------------------------------------------------- the corpus


def load_text(paths: Sequence[str | PathLike[str]]) -> Corpus:
    """The characters of UTF-8 text files, one file after the other.

    Raises:
        ValueError: a file that is missing, a directory or no UTF-8 text; fewer than SHORTEST characters.
    """
    texts = []
    for path in paths:
        try:
            texts.append(Path(path).read_text(encoding="utf-8-sig"))
        except UnicodeDecodeError as error:
            raise ValueError(
                f"expected a text in UTF-8, got {fspath(path)}, whose byte {error.start} is none"
            ) from None
        except (FileNotFoundError, IsADirectoryError):
            raise ValueError(f"expected a text file, got {fspath(path)}, where there is none") from None
    return corpus("text", "".join(texts))


def load_notes(paths: Sequence[str | PathLike[str]]) -> Corpus:
    """The notes of standard MIDI files, one file after the other, in the tempo of the first.

    Raises:
        MidiError: a file that cannot be read or holds no notes.
        ValueError: fewer than SHORTEST notes.
    """
    songs = [midi.read(path) for path in paths]
    items = [[note.wait, note.pitch, note.duration] for song in songs for note in song.notes]
    return corpus("notes", list(map(tuple, items)), songs[0].bpm if songs else 120.0)


def corpus(kind: str, items: Sequence[Hashable], bpm: float = 120.0) -> Corpus:
    """Tokens and vocabulary of a sequence of characters or (wait, pitch, duration).

    Raises:
        ValueError: fewer than SHORTEST of them, or all the same.
    """
    names = {"text": "characters", "notes": "notes"}
    if len(items) < SHORTEST:
        raise ValueError(f"expected at least {SHORTEST} {names[kind]}, got {len(items)}")
    vocabulary: list[Any] = sorted(set(items))
    if len(vocabulary) == 1:
        raise ValueError(f"expected {names[kind]} that differ, got {vocabulary[0]!r} again and again")
    place = {item: token for token, item in enumerate(vocabulary)}
    return Corpus(kind, np.array([place[item] for item in items]), vocabulary, bpm)


# ------------------------------------------------------------------------------------ the training


def build_network(
    cell: str, classes: int, outputs: int, hidden_size: int, layers: int, seed: int | np.random.Generator
) -> Sequential:
    """`layers` recurrent layers for classes, and a linear read-out of so many outputs, float32.

    Raises:
        ValueError: an unknown cell, not 1 to 3 layers.
    """
    if cell not in CELLS:
        raise ValueError(f"expected cell {' or '.join(map(repr, CELLS))}, got {cell!r}")
    if not 1 <= layers <= 3:
        raise ValueError(f"expected 1 to 3 layers, got {layers}")
    stack = [CELLS[cell](hidden_size if k else classes, hidden_size) for k in range(layers)]
    return Sequential(*stack, Dense(hidden_size, outputs), dtype=np.float32, seed=np.random.default_rng(seed))


def train(
    corpus: Corpus,
    *,
    cell: str = "lstm",
    hidden_size: int = 128,
    layers: int = 1,
    updates: int = 1500,
    seed: int = 0,
    quick: bool = False,
    progress: bool = True,
) -> TokensResult:
    """Train on the first nine tenths of a corpus; the last tenth says which epoch was the best.

    Args:
        cell: "lstm" or "gru".
        layers: 1 to 3 recurrent layers.
        updates: about how many, whatever the length of the corpus.
        quick: a short form that only shows that everything runs.

    Returns:
        Figures dev_cross_entropy, in nats a token, dev_perplexity, its exponential, tokens and vocabulary,
        how many there are.
    """
    started = time.perf_counter()
    rng = np.random.default_rng(seed)
    classes = len(corpus.vocabulary)
    net = build_network(cell, classes, classes, hidden_size, layers, rng)
    learn, dev = parts(corpus.tokens)
    history = fit_lanes(net, learn, dev, softmax_cross_entropy, 5 if quick else updates, rng, progress)
    value = evaluate(net, dev, loss=softmax_cross_entropy)
    figures = {"dev_cross_entropy": value, "dev_perplexity": math.exp(min(value, 700.0))}
    figures |= {"tokens": len(corpus.tokens), "vocabulary": classes}
    figures |= {"seconds": time.perf_counter() - started, "seed": seed}
    return TokensResult(net, history, figures, corpus)


def parts(tokens: np.ndarray) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """(x, target) to learn from, as lanes (T, B), and to decide by, (T, 1): the target is the next token."""
    start = len(tokens) - min(int(DEV * len(tokens)), MOST_DEV)
    learn, dev = tokens[:start], tokens[start:]
    return (lanes(learn[:-1]), lanes(learn[1:])), (dev[:-1, None], dev[1:, None])


def lanes(sequence: np.ndarray) -> np.ndarray:
    """Cut a sequence (n,) into lanes side by side, (T, B): each lane a stretch in its own order.

    At most LANES, fewer for a short sequence so that a lane has some pieces in a row; the rest, less than
    one token a lane, is left out.
    """
    count = int(np.clip(len(sequence) // (4 * PIECE), 1, LANES))
    length = len(sequence) // count
    return np.ascontiguousarray(sequence[: count * length].reshape(count, length).T)


def fit_lanes(
    net: Layer, learn: Any, dev: Any, loss: Any, updates: int, rng: np.random.Generator, progress: bool
) -> History:
    """About so many updates in pieces of the lanes; the parameters are those of the epoch best on dev."""
    per_epoch = -(-len(learn[0]) // PIECE)
    epochs = max(round(updates / per_epoch), 1)
    return fit(
        net,
        learn,
        dev,
        loss=loss,
        optimizer=Adam(5e-3, clip_norm=1.0, schedule=Cosine(epochs * per_epoch, final=0.01)),
        epochs=epochs,
        batch_size=LANES,
        truncation=PIECE,
        patience=max(epochs // 5, 5),
        seed=rng,
        progress=progress,
    )


# ------------------------------------------------------------------------------------ the sampling


def generate(
    net: Layer,
    prime: Sequence[int] | np.ndarray,
    *,
    temperature: float = 1.0,
    seed: int | np.random.Generator = 0,
) -> Iterator[int]:
    """Tokens without end that go on after `prime`. Only the state is kept, however many are taken.

    Args:
        prime: (n,) tokens that are heard first, at least one.
        temperature: see `draw`.
    """
    rng = np.random.default_rng(seed)
    stream = net.stream()
    logits = stream.process(np.asarray(prime, int)[:, None])[-1, 0]
    while True:
        token = draw(logits, temperature, rng)
        yield token
        logits = stream.process(np.array([[token]]))[0, 0]


def draw(logits: np.ndarray, temperature: float, rng: np.random.Generator) -> int:
    """One of the classes by its logits (C,).

    At temperature 1 by the odds the network gives, below 1 rather the likely ones, at 0 the likeliest alone.

    Raises:
        ValueError: a temperature below 0 or not a number.
    """
    if not 0 <= temperature < math.inf:
        raise ValueError(f"expected a temperature of at least 0, got {temperature}")
    if temperature == 0:
        return int(np.argmax(logits))
    # The difference first: it is at most 0, so that a small temperature cannot make an infinity of it.
    with np.errstate(over="ignore"):  # minus infinity is right for it: odds of 0
        odds = np.exp((logits - logits.max()).astype(float) / temperature)
    bounds = np.cumsum(odds)
    return int(np.searchsorted(bounds / bounds[-1], rng.random(), side="right"))


def beside_the_model(result: TokensResult) -> dict[str, Any]:
    """What a model file holds beside the network: what its classes stand for, and how to begin."""
    corpus = result.corpus
    return {
        "task": "generate",
        "kind": corpus.kind,
        "vocabulary": corpus.vocabulary,
        "bpm": corpus.bpm,
        "start": corpus.tokens[:PRIMED].tolist(),
    }


def load(path: str | PathLike[str]) -> tuple[Layer, dict[str, Any]]:
    """The network of a run folder or model file, and what `beside_the_model` put there.

    Raises:
        ValueError: the network is not one for text or notes.
    """
    net, _, extra = checkpoint.load_with_extra(find_model(path))
    try:
        classes = len(extra["vocabulary"])
        start = np.array(extra["start"])
        fits = extra["kind"] in ("text", "notes") and start.ndim == 1 and len(start) > 0
        if extra["kind"] == "notes":
            extra["vocabulary"] = [midi.Note(*map(int, item)) for item in extra["vocabulary"]]
            fits = fits and 3.6 <= extra["bpm"] <= 60e6
        else:
            fits = fits and all(isinstance(item, str) for item in extra["vocabulary"])
        y = net.predict(start[:, None])
        fits = fits and y.shape == (len(start), 1, classes) and bool(np.isfinite(y).all())
    except (KeyError, TypeError, ValueError):
        fits = False
    if not fits:
        raise ValueError(f"expected a network for text or notes, got another in {fspath(path)}")
    return net, extra


def sample(
    model: str | PathLike[str],
    output: str | PathLike[str],
    *,
    seconds: float = 30.0,
    temperature: float = 1.0,
    prime: str | None = None,
    seed: int | np.random.Generator = 0,
    progress: bool = True,
) -> dict[str, Any]:
    """Write a text or a MIDI file that goes on where the corpus's first tokens end.

    Args:
        output: for text the file gets UTF-8; for notes its name has to end in .mid or .midi.
        seconds: of music in its tempo, or of text read aloud at CHARACTERS_PER_SECOND.
        prime: for text, what it is to go on from, heard after those first tokens; it is not written.

    Returns:
        Figures kind, tokens, how many were written, and length_seconds.

    Raises:
        ValueError: not a model for text or notes, seconds not above 0, a prime with other characters than
            the corpus, or an output name that does not fit.
    """
    net, extra = load(model)
    vocabulary, start = extra["vocabulary"], extra["start"]
    if not 0 < seconds < math.inf:
        raise ValueError(f"expected seconds above 0, got {seconds}")
    if prime is not None and extra["kind"] == "notes":
        raise ValueError("expected no prime for notes: they go on from the corpus's first ones")
    for character in prime or "":
        if character not in vocabulary:
            raise ValueError(f"expected a prime of characters of the corpus, got {character!r}")
        start = [*start, vocabulary.index(character)]
    tokens = generate(net, start, temperature=temperature, seed=seed)
    first = next(tokens)  # what is wrong with the temperature is said before a file is begun
    items = (vocabulary[token] for token in chain([first], tokens))
    if extra["kind"] == "text":
        count = max(round(seconds * CHARACTERS_PER_SECOND), 1)
        with progress_bar(count, "character", progress) as bar:
            write_pieces(output, watched(islice(items, count), bar))
        return {"kind": "text", "tokens": count, "length_seconds": count / CHARACTERS_PER_SECOND}
    midi.check_name(output)
    song = midi.Song(midi.first_seconds(items, seconds, extra["bpm"]), extra["bpm"])
    midi.write(output, song)
    return {"kind": "notes", "tokens": len(song.notes), "length_seconds": song.seconds}


def watched(pieces: Iterator[str], bar: Any) -> Iterator[str]:
    """The same pieces, counted by a progress bar."""
    for piece in pieces:
        yield piece
        bar.update()

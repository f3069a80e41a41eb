"""Go on with a text or a melody: one token goes in, the odds of every next one come out.

A token is a whole number that stands for one entry of a vocabulary. For a text the vocabulary is its
characters, for MIDI files its notes (wait, pitch, duration): everything else is the same. The vocabulary is
what occurs in the corpus, nothing more, so what is generated is always readable and never contains what was
not there.

The sequence is laid out as lanes side by side and run through in pieces with the state carried. Its last
tenth decides which epoch is kept, and its cross-entropy is the figure. For a source of independent tokens
no network can come below the source's entropy; what it does come below is worth a look at the split. How a
trained network goes on: `play_tokens`.
"""

import math
import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Any

import numpy as np

from ..audio import midi
from ..history import History
from ..layers import Layer
from ..losses import softmax_cross_entropy
from ..optimizers import Adam, Cosine
from ..training import fit
from .corpus import find_files
from .network import build_network, check_network
from .play_tokens import MIDI, Model

DEV, MOST_DEV = 0.1, 20_000
"""Share of the tokens kept to decide by, its end; and no more than so many."""

LANES, PIECE = 32, 64
"""Lanes run side by side; tokens in a piece between two updates."""

SHORTEST = 100
"""Tokens below which there is not enough to learn from and to judge by."""

PRIMED = 64
"""Tokens, the corpus's first, that a sample is begun with unless something else is given."""

TEXT = (".txt",)
"""What is looked for in folders, beside MIDI; a file that is named may have any name."""


@dataclass
class Tokens:
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

    model: Model
    history: History
    figures: dict[str, Any]


# -------------------------------------------------------------------------------------- the corpus


def load_text(paths: Sequence[str | PathLike[str]]) -> Tokens:
    """The characters of UTF-8 text files, and of all in folders, one file after the other.

    Raises:
        ValueError: a file that is missing or no UTF-8 text, a folder without texts, fewer than SHORTEST
            characters.
    """
    texts = []
    for path in find_files(paths, TEXT, "texts"):
        try:
            texts.append(path.read_text(encoding="utf-8-sig"))
        except UnicodeDecodeError as error:
            raise ValueError(
                f"expected a text in UTF-8, got {fspath(path)}, whose byte {error.start} is none"
            ) from None
        except FileNotFoundError:
            raise ValueError(f"expected a text file, got {fspath(path)}, where there is none") from None
    return make_tokens("text", "".join(texts))


def load_notes(paths: Sequence[str | PathLike[str]]) -> Tokens:
    """The notes of standard MIDI files and of all in folders, one after the other, in the first one's tempo.

    Raises:
        MidiError: a file that cannot be read or holds no notes.
        ValueError: a folder without MIDI files, fewer than SHORTEST notes.
    """
    songs = [midi.read(path) for path in find_files(paths, MIDI, "MIDI files")]
    items = [[note.wait, note.pitch, note.duration] for song in songs for note in song.notes]
    return make_tokens("notes", list(map(tuple, items)), songs[0].bpm if songs else 120.0)


def make_tokens(kind: str, items: Sequence[Hashable], bpm: float = 120.0) -> Tokens:
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
    return Tokens(kind, np.array([place[item] for item in items]), vocabulary, bpm)


# ------------------------------------------------------------------------------------ the training


def check_options(cell: str, layers: int, hidden_size: int, updates: int) -> None:
    """Refuse, before the work, what `train` cannot be asked for.

    Raises:
        ValueError: an unknown cell, or a number out of its range.
    """
    check_network(cell, layers, hidden_size)
    if updates < 1:
        raise ValueError(f"expected updates of at least 1, got {updates}")


def train(
    corpus: Tokens,
    *,
    cell: str = "lstm",
    hidden_size: int = 128,
    layers: int = 1,
    concat: bool = False,
    updates: int = 1500,
    seed: int = 0,
    quick: bool = False,
    progress: bool = True,
) -> TokensResult:
    """Train on the first nine tenths of a corpus; the last tenth says which epoch was the best.

    Args:
        cell, layers, hidden_size, concat: see `network.build_network`.
        updates: about how many, whatever the length of the corpus.
        quick: a short form that only shows that everything runs.

    Returns:
        Figures dev_cross_entropy, in nats a token, dev_perplexity, its exponential, dev_accuracy, the share
        of tokens that were held the likeliest, tokens and vocabulary, how many there are.
    """
    check_options(cell, layers, hidden_size, updates)
    started = time.perf_counter()
    rng = np.random.default_rng(seed)
    classes = len(corpus.vocabulary)
    net = build_network(
        classes, classes, cell=cell, layers=layers, hidden_size=hidden_size, concat=concat, seed=rng
    )
    learn, dev = parts(corpus.tokens)
    history = fit_lanes(net, learn, dev, softmax_cross_entropy, 5 if quick else updates, rng, progress)
    logits = net.predict(dev[0])
    value = float(softmax_cross_entropy(logits, dev[1])[0])
    figures = {"dev_cross_entropy": value, "dev_perplexity": math.exp(min(value, 700.0))}
    figures |= {"dev_accuracy": float((logits.argmax(axis=-1) == dev[1]).mean())}
    figures |= {"tokens": len(corpus.tokens), "vocabulary": classes}
    figures |= {"seconds": time.perf_counter() - started, "seed": seed}
    model = Model(net, corpus.kind, corpus.vocabulary, corpus.bpm, corpus.tokens[:PRIMED].tolist())
    return TokensResult(model, history, figures)


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

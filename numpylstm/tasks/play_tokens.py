"""A network that goes on with a text or a melody, token by token: its model file, and running it free.

See `tokens` for how it is trained.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from .. import checkpoint
from ..audio import midi
from ..files import write_pieces
from ..layers import Layer
from .corpus import EXTENSIONS
from .play import check_temperature, draw
from .run import find_model, progress_bar

MIDI = (".mid", ".midi")
"""How the names of files with notes end."""

CHARACTERS_PER_SECOND = 15
"""About the pace of reading aloud: so that a text, too, has a length in seconds."""


@dataclass
class Model:
    """A network and what its classes stand for.

    Attributes:
        kind: "text" or "notes".
        vocabulary: characters, or [wait, pitch, duration] of notes.
        bpm: beats a minute of notes.
        start: tokens to begin with, the corpus's first.
    """

    net: Layer
    kind: str
    vocabulary: list[Any]
    bpm: float
    start: list[int]

    def extra(self) -> dict[str, Any]:
        """The JSON values beside the network in its file."""
        described = {"task": "generate", "kind": self.kind, "vocabulary": self.vocabulary}
        return described | {"bpm": self.bpm, "start": self.start}

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays beside the network in its file: none."""
        return {}


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
        temperature: see `play.draw`.

    Raises:
        ValueError: a temperature below 0 or not a number, with the first token.
    """
    check_temperature(temperature)
    rng = np.random.default_rng(seed)
    stream = net.stream()
    logits = stream.process(np.asarray(prime, int)[:, None])[-1]
    while True:
        token = draw(logits, temperature, rng.random(1))
        yield int(token[0])
        logits = stream.process(token[None])[0]


def load(path: str | PathLike[str]) -> Model:
    """The model of a run folder or model file.

    Raises:
        ValueError: the network is not one for text or notes.
    """
    net, _, extra = checkpoint.load_with_extra(find_model(path))
    try:
        model = Model(net, *(extra[name] for name in ("kind", "vocabulary", "bpm", "start")))
        start = np.array(model.start)
        fits = model.kind in ("text", "notes") and start.ndim == 1 and len(start) > 0
        if model.kind == "notes":
            model.vocabulary = [midi.Note(*map(int, item)) for item in model.vocabulary]
            fits = fits and 3.6 <= model.bpm <= 60e6
        else:
            fits = fits and all(isinstance(item, str) for item in model.vocabulary)
        y = net.predict(start[:, None])
        fits = fits and y.shape == (len(start), 1, len(model.vocabulary)) and bool(np.isfinite(y).all())
    except (KeyError, TypeError, ValueError):
        fits = False
    if not fits:
        raise ValueError(f"expected a network for text or notes, got another in {fspath(path)}")
    return model


def sample(
    path: str | PathLike[str],
    output: str | PathLike[str],
    *,
    seconds: float,
    temperature: float | None = None,
    prime: str | None = None,
    seed: int | np.random.Generator = 0,
    progress: bool = True,
) -> dict[str, Any]:
    """Write a text or a MIDI file that goes on where the corpus's first tokens end.

    Args:
        output: for text the file gets UTF-8, and its name may not be one for sound; for notes it has to end
            in .mid or .midi.
        seconds: of music in its tempo, or of text read aloud at CHARACTERS_PER_SECOND.
        temperature: see `play.draw`; None is 1.
        prime: for text, what it is to go on from, heard after those first tokens; it is not written.

    Returns:
        Figures kind, tokens, how many were written, length_seconds, and temperature.

    Raises:
        ValueError: not a model for text or notes, seconds not above 0, a prime with other characters than
            the corpus, or an output name that does not fit.
    """
    model = load(path)
    vocabulary, start = model.vocabulary, model.start
    temperature = 1.0 if temperature is None else temperature
    if not 0 < seconds < math.inf:
        raise ValueError(f"expected seconds above 0, got {seconds}")
    if prime is not None and model.kind == "notes":
        raise ValueError("expected no prime for notes: they go on from the corpus's first ones")
    for character in prime or "":
        if character not in vocabulary:
            raise ValueError(f"expected a prime of characters of the corpus, got {character!r}")
        start = [*start, vocabulary.index(character)]
    tokens = generate(model.net, start, temperature=temperature, seed=seed)
    first = next(tokens)  # what is wrong with the temperature is said before a file is begun
    items = (vocabulary[token] for token in chain([first], tokens))
    if model.kind == "text":
        if Path(output).suffix.lower() in (*EXTENSIONS, *MIDI):
            raise ValueError(f"expected a file name for a text, such as out.txt, got {fspath(output)}")
        count = max(round(seconds * CHARACTERS_PER_SECOND), 1)
        with progress_bar(count, "character", progress) as bar:
            write_pieces(output, watched(islice(items, count), bar))
        length = count / CHARACTERS_PER_SECOND
        return {"kind": "text", "tokens": count, "length_seconds": length, "temperature": temperature}
    midi.check_name(output)
    song = midi.Song(midi.first_seconds(items, seconds, model.bpm), model.bpm)
    midi.write(output, song)
    figures = {"kind": "notes", "tokens": len(song.notes), "length_seconds": song.seconds}
    return figures | {"temperature": temperature}


def watched(pieces: Iterator[str], bar: Any) -> Iterator[str]:
    """The same pieces, counted by a progress bar."""
    for piece in pieces:
        yield piece
        bar.update()

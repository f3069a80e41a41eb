"""Go on like a corpus: say how likely each class is to come next, draw one, go on from there.

The kinds differ in what a class is:

samples  one of some dozen steps of loudness, 4,000 times a second   samples.py, play_samples.py
spectra  one of some dozen spectra of the corpus, 60 times a second  spectra.py, play_spectra.py
notes    a note of the corpus: wait, pitch, duration                 tokens.py, play_tokens.py
text     a character of the corpus                                   tokens.py, play_tokens.py

The first module of each trains, the second runs free; `play.py` is what all have in common. Here a kind is
chosen, its options are checked, and its model file is found.
"""

import inspect
from collections.abc import Callable, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from .. import checkpoint
from ..audio.alive import AliveReport
from . import corpus, play, play_samples, play_spectra, play_tokens, samples, spectra, tokens
from .play import SoundModel, SoundResult
from .run import find_model
from .tokens import TokensResult

TRAIN: dict[str, Callable[..., Any]] = {
    "samples": samples.train,
    "spectra": spectra.train,
    "notes": tokens.train,
    "text": tokens.train,
}
CHECK: dict[str, Callable[..., None]] = {
    "samples": samples.check_options,
    "spectra": spectra.check_options,
    "notes": tokens.check_options,
    "text": tokens.check_options,
}
LOAD: dict[str, Callable[..., SoundModel]] = {"samples": play_samples.load, "spectra": play_spectra.load}
KINDS = tuple(TRAIN)

RATES = {"samples": corpus.RATE, "spectra": spectra.RATE}
"""Working rates in Hz that a corpus of sound is resampled to unless another is asked for."""

Paths = Sequence[str | PathLike[str]]


def choose_kind(paths: Paths) -> str:
    """The kind that suits a corpus: "notes" if all is MIDI, "text" if all are texts, otherwise "samples"."""
    suffixes = set()
    for path in map(Path, paths):
        suffixes |= {file.suffix.lower() for file in (corpus.files_below(path) if path.is_dir() else [path])}
    for kind, extensions in (("notes", play_tokens.MIDI), ("text", tokens.TEXT)):
        if suffixes and suffixes <= set(extensions):
            return kind
    return "samples"


def options_of(kind: str) -> dict[str, Any]:
    """The options that a kind has, with their defaults: those of its `train`, and `rate` for sound."""
    parameters = inspect.signature(TRAIN[kind]).parameters.values()
    named = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    for name in ("temperatures", "seed", "quick", "progress"):
        named.pop(name, None)
    return named | ({"rate": RATES[kind]} if kind in RATES else {})


def choose_options(kind: str, given: dict[str, Any]) -> dict[str, Any]:
    """All options of a kind: those given, and defaults for the others.

    Raises:
        ValueError: an option that this kind does not have, or a value out of its range.
    """
    known = options_of(kind)
    for name in given:
        if name not in known:
            raise ValueError(
                f"expected an option of --kind {kind} ({in_words(known)}), got {in_words([name])}"
            )
    options = known | given
    # The range of the rate is checked with the corpus, and there is no bad value of concat.
    CHECK[kind](**{name: value for name, value in options.items() if name not in ("rate", "concat")})
    return options


def in_words(names: Any) -> str:
    """Options as they are written in a command: hidden_size is --hidden-size."""
    return ", ".join(f"--{name.replace('_', '-')}" for name in names)


def load_corpus(kind: str, paths: Paths, rate: int | None = None) -> Any:
    """The files as what `train` of this kind learns from; for sound without files the built-in melodies.

    Raises:
        ValueError: files that cannot be read or hold too little, or none for notes and text.
    """
    if kind in RATES:
        rate = RATES[kind] if rate is None else rate
        return corpus.load_corpus(paths, rate) if paths else corpus.built_in_corpus(rate)
    if not paths:
        raise ValueError(f"expected files to learn {kind} from, got none")
    return tokens.load_notes(paths) if kind == "notes" else tokens.load_text(paths)


def train(
    kind: str, learnt_from: Any, options: dict[str, Any], seed: int, quick: bool
) -> SoundResult | TokensResult:
    """Train on what `load_corpus` gave, with what `choose_options` gave."""
    options = {name: value for name, value in options.items() if name != "rate"}
    result: SoundResult | TokensResult = TRAIN[kind](learnt_from, **options, seed=seed, quick=quick)
    return result


def sample(
    path: str | PathLike[str],
    output: str | PathLike[str],
    *,
    seconds: float,
    temperature: float | None = None,
    seed: int = 0,
) -> tuple[dict[str, Any], AliveReport | None]:
    """Let a model of any kind run free into a file; the figures, and for sound the report.

    Raises:
        AudioError, MidiError: a file that cannot be written.
        ValueError: no model that `generate train` made, too few seconds, a temperature below 0.
    """
    _, _, extra = checkpoint.load_with_extra(find_model(path))
    kind = extra.get("kind") if isinstance(extra, dict) else None
    options: dict[str, Any] = {"seconds": seconds, "temperature": temperature, "seed": seed}
    if kind in ("notes", "text"):
        return play_tokens.sample(path, output, **options), None
    if kind in LOAD:
        figures, report = play.sample(LOAD[kind](path), output, **options)
        return {"kind": kind} | figures, report
    raise ValueError(f"expected a model that `generate train` made, got another in {fspath(path)}")

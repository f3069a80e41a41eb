"""A corpus: sound to learn from, and sound held out.

All files are averaged to one channel, resampled to one working rate, and laid end to end. The end of every
file is held out, so that what is judged by is of the same kind as what was learnt from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from ..audio import wav
from ..audio.wav import resample as resample
from ..datasets.melodies import plucked_melodies

RATE = 4000
"""Working rate in Hz: it holds sound up to 2 kHz, and a second of it is few enough steps to learn."""

HELD_OUT, LEAST_HELD_OUT, MOST_HELD_OUT, LEAST = 0.15, 3.0, 60, 6.0
"""Share of every file kept from training; seconds of that at least and at most; of a corpus at least."""

EXTENSIONS = (".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff")


@dataclass
class Corpus:
    """Sound to learn from (n,) and sound held out (m,), full scale 1, at the working rate in Hz."""

    train: np.ndarray
    held_out: np.ndarray
    rate: int
    files: int


def load_corpus(paths: Sequence[str | PathLike[str]], rate: int = RATE) -> Corpus:
    """Read audio files, and all that lie in folders, as one corpus at `rate` Hz.

    Raises:
        AudioError: a file that cannot be read, or is silent.
        ValueError: a folder without audio, a constant, less than 6 s in all, silence where sound is to be
            held out.
    """
    if not 2000 <= rate <= 48_000:
        raise ValueError(f"expected a working rate from 2000 to 48000 Hz, got {rate}")
    signals = []
    for path in find_files(paths, EXTENSIONS, "audio"):
        audio = wav.read(path)
        signal = wav.mono(audio.samples)
        wav.check_usable(signal, path)
        if not np.ptp(signal):
            raise ValueError(f"expected sound, got {path}, whose samples are all the same")
        signals.append(resample(signal, audio.rate, rate))
    return make_corpus(signals, rate)


def built_in_corpus(rate: int = RATE, seconds: float = 60.0) -> Corpus:
    """The plucked melodies of `data/`."""
    return make_corpus([plucked_melodies(seconds, rate)], rate)


def make_corpus(signals: Sequence[np.ndarray], rate: int) -> Corpus:
    """Hold out the end of every signal (n,), and lay beginnings and ends together."""
    seconds = sum(map(len, signals)) / rate
    if seconds < LEAST:
        raise ValueError(f"expected a corpus of at least {LEAST:g} s in all, got {seconds:.3g} s")
    share = max(HELD_OUT, LEAST_HELD_OUT / seconds)
    cuts = [int(len(signal) * (1 - share)) for signal in signals]
    train = np.concatenate([signal[:cut] for signal, cut in zip(signals, cuts, strict=True)])
    held_out = np.concatenate([signal[cut:] for signal, cut in zip(signals, cuts, strict=True)])
    held_out = held_out[: MOST_HELD_OUT * rate]
    for part, use in ((train, "trained on"), (held_out, "held out")):
        try:
            wav.check_usable(part, "the corpus")
        except wav.AudioError:
            raise ValueError(f"expected sound throughout, got a corpus silent in the part {use}") from None
    return Corpus(train, held_out, rate, len(signals))


def find_files(paths: Sequence[str | PathLike[str]], extensions: Sequence[str], what: str) -> list[Path]:
    """The files among the paths, and in place of each folder the files below it with such a name, by name.

    Raises:
        ValueError: a folder without any; the message says of `what`.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if not path.is_dir():
            found.append(path)
            continue
        inside = [file for file in files_below(path) if file.suffix.lower() in extensions]
        if not inside:
            raise ValueError(f"expected a folder with {what} ({', '.join(extensions)}) in it, got {path}")
        found += inside
    return found


def files_below(folder: Path) -> list[Path]:
    """All files in a folder and the folders in it, by name; without hidden ones."""
    return [file for file in sorted(folder.rglob("*")) if file.is_file() and not file.name.startswith(".")]

"""Singing voices and their accompaniments, from the folders that such material comes in.

Three layouts are told apart by looking at the names of files and folders:

    channels    NAME.wav with the accompaniment left and the voice right, in the folder or in Wavfile/ in it:
                MIR-1K (C.-L. Hsu and J.-S. R. Jang, "On the improvement of singing voice separation for
                monaural recordings using the MIR-1K dataset", IEEE TASLP 18(2), 2010) at 16 kHz, and iKala
                (T.-S. Chan et al., "Vocal activity informed singing voice separation with the iKala dataset",
                ICASSP 2015) at 44.1 kHz
    pairs       NAME_voice.wav and NAME_accompaniment.wav
    folders     NAME/voice.wav and NAME/accompaniment.wav, or bass.wav, drums.wav and other.wav in its place:
                MUSDB18-HQ (Z. Rafii et al., "MUSDB18-HQ, an uncompressed version of MUSDB18", 2019)

Voice may also be called vocals; accompaniment no_vocals or instrumental. All may be FLAC, and all may lie in
sub folders train, dev, valid and test, whose clips are then called `train/NAME`. A mixture beside the stems
is not read: the mixture of a clip is the sum of the two.
"""

import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

EXTENSIONS = (".wav", ".flac")
SUBSETS = ("train", "dev", "valid", "test")
VOICE = ("voice", "vocals")
ACCOMPANIMENT = ("accompaniment", "no_vocals", "instrumental")
PARTS = ("bass", "drums", "other")
MIXTURE = ("mixture", "mix")
CHANNELS = "Wavfile"  # MIR-1K's and iKala's own name for the folder

LAYOUTS = {
    "channels": "NAME.wav (left accompaniment, right voice), there or in Wavfile",
    "pairs": "NAME_voice.wav and NAME_accompaniment.wav",
    "folders": "NAME/voice.wav and NAME/accompaniment.wav (or bass.wav, drums.wav, other.wav)",
}


MIR1K_SINGERS = ("abjones", "amy")
MIR1K_DEV = ("abjones_5_08", "abjones_5_09", "amy_9_08", "amy_9_09")
"""What is published of MIR-1K's lists: who sings to train on, and which of these clips do not train."""


class Clip(NamedTuple):
    """A voice and its accompaniment, (n,) samples each, full scale 1, at `rate` Hz."""

    name: str
    voice: NDArray[np.float64]
    accompaniment: NDArray[np.float64]
    rate: int

    @property
    def mixture(self) -> NDArray[np.float64]:
        """The sum of the two (n,); it may exceed full scale."""
        return self.voice + self.accompaniment


class Track(NamedTuple):
    """Where a clip is. Of a file that is both, the right channel is the voice, the left the accompaniment."""

    name: str
    voice: tuple[Path, ...]  # files to add up
    accompaniment: tuple[Path, ...]


class Stems(Sequence[Clip]):
    """Clips that are read when they are asked for, and not kept: `stems[3]`, `for clip in stems`.

    A slice, a choice of singers or a subset is again such a sequence and reads nothing. Clips are sorted by
    name. Asking for one raises AudioError, a ValueError, if a file cannot be read or holds samples that are
    not finite, and ValueError if its two channels are not two, or its stems differ in length or rate.

    Attributes:
        tracks: the names of the clips, and where their files are.
        rate: Hz that clips are resampled to, or None: they stay as they are.
    """

    def __init__(self, tracks: Iterable[Track], rate: int | None = None) -> None:
        self.tracks = tuple(sorted(tracks))
        self.rate = rate

    def __len__(self) -> int:
        return len(self.tracks)

    @overload
    def __getitem__(self, index: int) -> Clip: ...
    @overload
    def __getitem__(self, index: slice) -> "Stems": ...
    def __getitem__(self, index: int | slice) -> "Clip | Stems":
        if isinstance(index, slice):
            return Stems(self.tracks[index], self.rate)
        return read_clip(self.tracks[index], self.rate)

    def __repr__(self) -> str:
        return f"Stems of {len(self)} clips at {f'{self.rate} Hz' if self.rate else 'their own rates'}"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(track.name for track in self.tracks)

    @property
    def singers(self) -> tuple[str, ...]:
        """Who sings, each once, sorted: `singer` of every name."""
        return tuple(sorted({singer(name) for name in self.names}))

    def by(self, *singers: str) -> "Stems":
        """The clips of these singers. Raises ValueError for one who is not there."""
        self._check_singers(singers)
        return Stems((track for track in self.tracks if singer(track.name) in singers), self.rate)

    def without(self, *singers: str) -> "Stems":
        """The clips of all the others. Raises ValueError for one who is not there."""
        self._check_singers(singers)
        return Stems((track for track in self.tracks if singer(track.name) not in singers), self.rate)

    def _check_singers(self, singers: Collection[str]) -> None:
        for name in singers:
            if name not in self.singers:
                raise ValueError(f"expected singers among {_some(self.singers)}, got {name!r}")

    def mir1k(self, part: str) -> "Stems":
        """MIR-1K's published "train", "dev" or "test" list, of Huang et al. 2014.

        171, 4 and 825 clips: two singers to train on, four of whose clips decide, and the 17 others. Raises
        ValueError for another part, or where none of its clips is there.
        """
        known = {"train": _of_train, "dev": _of_dev, "test": _of_test}
        if part not in known:
            raise ValueError(f"expected train, dev or test, got {part!r}")
        chosen = [track for track in self.tracks if known[part](_last(track.name))]
        if not chosen:
            raise ValueError(f"expected clips of MIR-1K's {part} list, got none among {_some(self.names)}")
        return Stems(chosen, self.rate)

    @property
    def subsets(self) -> tuple[str, ...]:
        """Which of the sub folders train, dev, valid and test the clips are from; empty if they have none."""
        return tuple(subset for subset in SUBSETS if any(_is_in(subset, name) for name in self.names))

    def subset(self, name: str) -> "Stems":
        """The clips of the sub folder train, dev, valid or test. Raises ValueError where there are none."""
        if name not in self.subsets:
            raise ValueError(f"expected a subset among {_some(self.subsets) or 'none'}, got {name!r}")
        return Stems((track for track in self.tracks if _is_in(name, track.name)), self.rate)


def load_stems(
    folder: str | os.PathLike[str],
    layout: str | None = None,
    *,
    rate: int | None = None,
    names: Sequence[str] | str | os.PathLike[str] | None = None,
) -> Stems:
    """The clips of a folder, none of which is read yet.

    Args:
        layout: "channels", "pairs" or "folders", as above; None: by looking.
        rate: Hz to resample to with `scipy.signal.resample_poly`; None: every clip at its own.
        names: which clips: names, or a file with one a line. Extensions do not count, nor do folders before
            a name that is there but once, nor what follows a #, nor empty lines.

    Raises:
        FileNotFoundError: there is no such folder or list.
        ValueError: a layout that there is not; a folder in which no clip, a clip twice, half a clip, or more
            than one layout is found; a list that is empty or names a clip twice or one that is missing.
    """
    folder = Path(folder)
    if layout is not None and layout not in LAYOUTS:
        raise ValueError(f"expected layout {' or '.join(map(repr, LAYOUTS))}, got {layout!r}")
    if rate is not None and rate < 1:
        raise ValueError(f"expected a rate of at least 1 Hz, got {rate}")
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    found = {kind: _find_all(folder, find) for kind, find in FINDERS.items() if layout in (None, kind)}
    found = {kind: tracks for kind, tracks in found.items() if tracks}
    if not found:
        wanted = LAYOUTS[layout] if layout else "; or ".join(LAYOUTS.values())
        raise ValueError(f"expected clips in {folder}, as {wanted}; got {_contents(folder)}")
    if len(found) > 1:
        kinds = " and ".join(f"{kind} ({_some([track.name for track in found[kind]])})" for kind in found)
        raise ValueError(f"expected one layout in {folder}, got {kinds}: say which by `layout`")
    (tracks,) = found.values()
    return Stems(tracks if names is None else _chosen(tracks, names, folder), rate)


def _of_train(name: str) -> bool:
    return singer(name) in MIR1K_SINGERS and name not in MIR1K_DEV


def _of_dev(name: str) -> bool:
    return name in MIR1K_DEV


def _of_test(name: str) -> bool:
    return singer(name) not in MIR1K_SINGERS


def singer(name: str) -> str:
    """Who sings a clip of MIR-1K: `abjones_1_01` is the first piece of abjones' first song.

    Of a name that is not of this form, all of it: every such clip counts as a singer of its own.
    """
    numbered = re.fullmatch(r"(.+?)_\d+_\d+", _last(name))
    return numbered[1] if numbered else _last(name)


# ------------------------------------------------------------------------------------- reading one clip


def read_clip(track: Track, rate: int | None = None) -> Clip:
    """Read a clip, and resample it to `rate` Hz unless that is None. Raises as `Stems`."""
    from ..audio import wav  # here, so that `import numpylstm` does not load soundfile

    if track.voice == track.accompaniment:
        audio = wav.read(track.voice[0])
        if audio.samples.shape[1] != 2:
            raise ValueError(
                f"expected two channels, left the accompaniment and right the voice, got "
                f"{audio.samples.shape[1]} in {track.voice[0]}"
            )
        accompaniment, voice = np.ascontiguousarray(audio.samples.T)
        own = audio.rate
    else:
        voice, own = _sum(track.voice)
        accompaniment, other = _sum(track.accompaniment)
        _check_alike(track.voice[0], voice, own, track.accompaniment[0], accompaniment, other)
    if rate is not None and rate != own:
        voice, accompaniment = (wav.resample(stem, own, rate) for stem in (voice, accompaniment))
    return Clip(track.name, voice, accompaniment, rate or own)


def _sum(paths: Sequence[Path]) -> tuple[NDArray[np.float64], int]:
    """The sum (n,) of files, each averaged to one channel, and their rate in Hz."""
    from ..audio import wav

    audio = wav.read(paths[0])
    total, rate = wav.mono(audio.samples), audio.rate
    for path in paths[1:]:
        audio = wav.read(path)
        _check_alike(paths[0], total, rate, path, audio.samples, audio.rate)
        total = total + wav.mono(audio.samples)
    return total, rate


def _check_alike(
    path: Path, samples: NDArray[np.float64], rate: int, other: Path, others: NDArray[np.float64], its: int
) -> None:
    if rate != its:
        raise ValueError(f"expected stems of one rate, got {path} at {rate} Hz and {other} at {its} Hz")
    if len(samples) != len(others):
        raise ValueError(
            f"expected stems of one length, got {path} with {len(samples)} samples and {other} with "
            f"{len(others)}"
        )


# ------------------------------------------------------------------------- looking at names, reading none


def _find_all(folder: Path, find: Callable[[Path], list[Track]]) -> list[Track]:
    """What is found in a folder and in its subsets. Raises ValueError if a clip is there twice."""
    tracks = find(folder)
    for subset in SUBSETS:
        tracks += [track._replace(name=f"{subset}/{track.name}") for track in find(folder / subset)]
    seen: dict[str, Track] = {}
    for track in tracks:
        if track.name in seen:
            both = f"{seen[track.name].voice[0]} and {track.voice[0]}"
            raise ValueError(f"expected {track.name} once, got {both}")
        seen[track.name] = track
    return tracks


def _find_channels(folder: Path) -> list[Track]:
    inside = folder / CHANNELS
    files = _audio_files(inside if inside.is_dir() else folder)
    return [Track(file.stem, (file,), (file,)) for file in files if not _role(file)[1]]


def _find_pairs(folder: Path) -> list[Track]:
    stems: dict[str, dict[str, Path]] = {}
    for file in _audio_files(folder):
        name, role = _role(file)
        if name and role in (*VOICE, *ACCOMPANIMENT):
            _put(stems.setdefault(name, {}), role, file)
    return [_track(name, its, folder / name) for name, its in stems.items()]


def _find_folders(folder: Path) -> list[Track]:
    stems: dict[str, dict[str, Path]] = {}
    for inside in sorted(folder.iterdir()) if folder.is_dir() else ():
        for file in _audio_files(inside):
            name, role = _role(file)
            if not name and role not in MIXTURE:
                _put(stems.setdefault(inside.name, {}), role, file)
    return [_track(name, its, folder / name) for name, its in stems.items()]


FINDERS = {"channels": _find_channels, "pairs": _find_pairs, "folders": _find_folders}


def _track(name: str, stems: dict[str, Path], where: Path) -> Track:
    """A track of its stems. Raises ValueError if there are too few or too many of them."""
    voices = tuple(stems[role] for role in VOICE if role in stems)
    wholes = tuple(stems[role] for role in ACCOMPANIMENT if role in stems)
    parts = tuple(stems[role] for role in PARTS if role in stems)
    # Where there is a whole accompaniment, the parts lie beside it.
    if len(voices) != 1 or len(wholes) > 1 or not (wholes or len(parts) == len(PARTS)):
        raise ValueError(
            f"expected one voice and one accompaniment (or bass, drums and other) for {where}, got "
            f"{' and '.join(sorted(stems))}"
        )
    return Track(name, voices, wholes or parts)


def _put(stems: dict[str, Path], role: str, file: Path) -> None:
    if role in stems:
        raise ValueError(f"expected one file for a stem, got {stems[role]} and {file}")
    stems[role] = file


def _role(file: Path) -> tuple[str, str]:
    """("NAME", "voice") of NAME_voice.wav, ("", "voice") of voice.wav, ("NAME", "") of any other NAME.wav."""
    whole = (*ACCOMPANIMENT, *VOICE, *MIXTURE)  # NAME_no_vocals before NAME_vocals, for it ends in both
    if file.stem in (*whole, *PARTS):
        return "", file.stem
    for role in whole:
        if file.stem.endswith(f"_{role}"):
            return file.stem.removesuffix(f"_{role}"), role
    return file.stem, ""


def _audio_files(folder: Path) -> list[Path]:
    """The audio files directly in a folder, by name; without hidden ones."""
    if not folder.is_dir():
        return []
    files = (file for file in sorted(folder.iterdir()) if file.suffix.lower() in EXTENSIONS)
    return [file for file in files if not file.is_dir() and not file.name.startswith(".")]


def _is_in(subset: str, name: str) -> bool:
    return name.startswith(f"{subset}/")


# ---------------------------------------------------------------------------------------- lists of names


def _chosen(
    tracks: Sequence[Track], names: Sequence[str] | str | os.PathLike[str], folder: Path
) -> list[Track]:
    source = "the list"
    if isinstance(names, str | os.PathLike):
        source = os.fspath(names)
        if not Path(names).is_file():
            raise FileNotFoundError(f"there is no list {source}")
        try:
            names = Path(names).read_text(encoding="utf-8-sig").splitlines()
        except FileNotFoundError as error:
            raise FileNotFoundError(f"there is no list {source}") from error
        except (UnicodeDecodeError, IsADirectoryError) as error:
            raise ValueError(f"expected a text file with one name a line, got {source}") from error
    often = Counter(_last(track.name) for track in tracks)
    known = {_last(track.name): track for track in tracks if often[_last(track.name)] == 1}
    known |= {track.name: track for track in tracks}
    chosen: dict[str, Track] = {}
    missing = []
    for line in names:
        plain = line.split("#")[0]
        # The line as it stands comes first: a # may belong to the title of a song.
        track = next((known[name] for name in (*_readings(line), *_readings(plain)) if name in known), None)
        if track is None:
            missing += [plain.strip()] if plain.strip() else []
        elif track.name in chosen:
            raise ValueError(f"expected every name once in {source}, got {track.name} twice")
        else:
            chosen[track.name] = track
    if missing:
        raise ValueError(
            f"expected all clips of {source} in {folder}, {len(missing)} of them are not there: "
            f"{_some(missing)}"
        )
    if not chosen:
        raise ValueError(f"expected names of clips in {source}, got none")
    return list(chosen.values())


def _readings(text: str) -> tuple[str, str]:
    """The names that a line of a list may mean: without the extension, and without the folders before it."""
    name = text.strip().replace("\\", "/")
    for extension in EXTENSIONS:
        if name.lower().endswith(extension):
            name = name[: -len(extension)]
    return name, _last(name)


def _last(name: str) -> str:
    return name.split("/")[-1]


def _some(names: Sequence[str], most: int = 3) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def _contents(folder: Path) -> str:
    """What is in a folder, in a few words."""
    inside = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    files = [path.name for path in inside if not path.is_dir()]
    folders = [path.name for path in inside if path.is_dir()]
    told = [
        f"{len(names)} {kind if len(names) == 1 else f'{kind}s'} ({_some(names)})"
        for kind, names in (("file", files), ("folder", folders))
        if names
    ]
    return " and ".join(told) or "an empty folder"

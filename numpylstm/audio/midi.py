"""Notes of standard MIDI files: what is played when, on a grid of a twelfth of a beat.

A `Note` is (wait, pitch, duration): how long after the start of the note before it begins, which key, and how
long it sounds. Pitch is a MIDI key, 60 is middle C; times are in steps of the grid, and one step of 1/12 beat
holds sixteenths as well as triplets. The notes of a chord wait 0. Nothing else is kept: no loudness, no
instruments, no pedals; percussion (channel 10) is left out. A tempo that changes is read as its mean, so that
the whole lasts as long as it did.

Files are parsed by `mido`, which `pip install 'numpylstm[midi]'` brings.
"""

import io
import os
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from ..files import atomic_write

PER_BEAT = 12
"""Steps of the grid in a beat, a quarter note."""

DRUMS = 9
"""The channel that General MIDI keeps for percussion, counted from 0: its pitches are instruments."""

VELOCITY = 80
"""How hard written keys are struck, of 127."""

LONGEST = 1 << 24
"""Bytes of a file that is read, and steps of the grid in it, a fortnight at least: beyond it is damaged."""


class MidiError(ValueError):
    """A MIDI file that cannot be used. The message is one sentence for the user."""


class Note(NamedTuple):
    """Times in steps of the grid."""

    wait: int  # since the start of the note before, or of the song; at least 0
    pitch: int  # 0 to 127
    duration: int  # at least 1


class Song(NamedTuple):
    """What `read` returns."""

    notes: list[Note]  # by start, then pitch
    bpm: float = 120.0  # beats a minute

    @property
    def seconds(self) -> float:
        """Until the last note has ended."""
        ends = [start + note.duration for start, note in zip(_starts(self.notes), self.notes, strict=True)]
        return max(ends, default=0) * 60 / (PER_BEAT * self.bpm)


def read(path: str | os.PathLike[str]) -> Song:
    """Read the notes of a file of type 0 or 1, all tracks together, in the order in which they begin.

    A key sounds once at a time: a note ends where its key is struck again, and at the latest with the file.
    What is shorter than half a step becomes one step long.

    Raises MidiError if the file is missing, a directory or damaged, if it is of type 2 or counts in frames
    of film instead of beats, or if it holds no notes.
    """
    file = Path(path)
    if not file.exists():
        raise MidiError(f"{path} does not exist")
    if file.is_dir():
        raise MidiError(f"{path} is a directory, not a MIDI file")
    if file.stat().st_size > LONGEST:
        raise MidiError(f"{path} is larger than any MIDI file that is read, {LONGEST} bytes")
    return parse(file.read_bytes(), path)


def parse(content: bytes, path: Any = "the file") -> Song:
    """The notes in the bytes of a MIDI file; `path` is what a message calls them by. Raises as `read`."""
    mido = _mido()
    try:
        parsed = mido.MidiFile(file=io.BytesIO(content))
    except Exception as error:  # mido raises whatever its parsing stumbles over, KeyError to UnicodeError
        raise MidiError(f"{path} cannot be read as a MIDI file ({_reason(error)})") from None
    if parsed.type not in (0, 1):
        raise MidiError(f"expected a MIDI file of type 0 or 1, got {path} of type {parsed.type}")
    if parsed.ticks_per_beat <= 0:
        raise MidiError(f"expected a MIDI file that counts in beats, got {path}, which counts in frames")
    notes, tempos, end = _events(parsed)
    per_beat = parsed.ticks_per_beat
    if end * PER_BEAT > LONGEST * per_beat:
        raise MidiError(f"{path} is longer than any song, over {LONGEST // PER_BEAT} beats")
    if not notes:
        raise MidiError(f"{path} holds no notes")

    def step(tick: int) -> int:
        return (2 * tick * PER_BEAT + per_beat) // (2 * per_beat)  # the nearest one

    on_grid = ((step(start), pitch, max(step(stop) - step(start), 1)) for start, stop, pitch in notes)
    return Song(from_starts(_one_at_a_time(on_grid)), _mean_bpm(tempos, end, per_beat))


def write(path: str | os.PathLike[str], song: Song) -> None:
    """Write a song as a MIDI file of type 0, one track, piano; the file is written atomically.

    A key that is struck again while it sounds is let go first. The tempo is rounded to a microsecond a beat.

    Raises MidiError for a name that does not end in .mid or .midi, no notes, a note out of range or a tempo
    of not 3.6 to 60,000,000 beats a minute, and otherwise as `files.atomic_write`.
    """
    mido = _mido()
    check_name(path)
    if not song.notes:
        raise MidiError(f"expected notes to write to {path}, got none")
    if not 3.6 <= song.bpm <= 60e6:
        raise MidiError(f"expected a tempo of 3.6 to 60000000 beats a minute, got {song.bpm}")
    for note in song.notes:
        if not (note.wait >= 0 and 0 <= note.pitch <= 127 and note.duration >= 1):
            raise MidiError(f"expected a wait from 0, a pitch of 0 to 127 and a duration from 1, got {note}")
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=round(60e6 / song.bpm))])
    now = 0
    for time, on, pitch in _strokes(song.notes):
        velocity = VELOCITY if on else 0
        track.append(mido.Message("note_on", note=pitch, velocity=velocity, time=time - now))
        now = time
    with atomic_write(path) as temporary:
        mido.MidiFile(type=0, ticks_per_beat=PER_BEAT, tracks=[track]).save(temporary)


def check_name(path: str | os.PathLike[str]) -> None:
    """Raise MidiError for a name that does not end in .mid or .midi."""
    if Path(path).suffix.lower() not in (".mid", ".midi"):
        raise MidiError(f"expected a name that ends in .mid or .midi, got {path}")


def from_starts(notes: Iterable[tuple[int, int, int]]) -> list[Note]:
    """Notes from (start, pitch, duration) in the order of their starts."""
    notes = list(notes)
    starts = [0, *(start for start, _, _ in notes)]
    waits = [after - before for before, after in pairwise(starts)]
    return [Note(wait, pitch, duration) for wait, (_, pitch, duration) in zip(waits, notes, strict=True)]


def first_seconds(notes: Iterable[Note], seconds: float, bpm: float) -> list[Note]:
    """Of notes without end those that begin in the first so many seconds; at least the first one.

    At most so many as there are steps of the grid and keys, for a model may go on to add to one chord.
    """
    last = seconds * PER_BEAT * bpm / 60
    start = 0
    taken: list[Note] = []
    for note in notes:
        start += note.wait
        if taken and (start >= last or len(taken) > 128 * last):
            break
        taken.append(note)
    return taken


def _events(parsed: Any) -> tuple[list[tuple[int, int, int]], list[tuple[int, int]], int]:
    """(start, stop, pitch) of all notes, (tick, microseconds a beat) of all tempos, the last tick."""
    notes, tempos, end = [], [(0, 500_000)], 0  # 120 beats a minute until a tempo is set
    sounding: dict[tuple[int, int], int] = {}
    tick = 0
    for message in parsed.merged_track:
        tick += message.time
        if message.type == "set_tempo":
            tempos.append((tick, message.tempo))
        elif message.type in ("note_on", "note_off") and message.channel != DRUMS:
            key, end = (message.channel, message.note), tick
            if key in sounding:
                notes.append((sounding.pop(key), tick, message.note))
            if message.type == "note_on" and message.velocity:
                sounding[key] = tick
    notes += [(start, tick, pitch) for (_, pitch), start in sounding.items()]
    return notes, tempos, tick if sounding else end


def _mean_bpm(tempos: list[tuple[int, int]], end: int, ticks_per_beat: int) -> float:
    """The beats up to the last note's end over the minutes they take."""
    ticks = [min(tick, end) for tick, _ in tempos] + [end]
    microseconds = sum(
        (after - before) * tempo for (before, after), (_, tempo) in zip(pairwise(ticks), tempos, strict=True)
    )
    if not microseconds:  # a single moment, or a tempo of 0
        return 120.0
    return min(max(60e6 * end / microseconds, 3.6), 60e6)


def _starts(notes: list[Note]) -> list[int]:
    starts, now = [], 0
    for note in notes:
        now += note.wait
        starts.append(now)
    return starts


def _one_at_a_time(notes: Iterable[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """(start, pitch, duration) in order, of which none begins where the same key still sounds."""
    kept: dict[tuple[int, int], int] = {}
    for start, pitch, duration in notes:
        kept[pitch, start] = max(duration, kept.get((pitch, start), 0))
    for (pitch, start), (next_pitch, next_start) in pairwise(sorted(kept)):
        if pitch == next_pitch:
            kept[pitch, start] = min(kept[pitch, start], next_start - start)
    return sorted((start, pitch, duration) for (pitch, start), duration in kept.items())


def _strokes(notes: list[Note]) -> list[tuple[int, bool, int]]:
    """(step, down, pitch) of every key that goes down or up, in order; at one step first up, then down."""
    with_starts = zip(_starts(notes), notes, strict=True)
    played = _one_at_a_time((start, pitch, duration) for start, (_, pitch, duration) in with_starts)
    downs = [(start, True, pitch) for start, pitch, _ in played]
    ups = [(start + duration, False, pitch) for start, pitch, duration in played]
    return sorted(downs + ups)


def _mido() -> Any:
    try:
        import mido
    except ImportError:
        raise MidiError("notes need the library mido: pip install 'numpylstm[midi]'") from None
    return mido


def _reason(error: Exception) -> str:
    """What mido says, or what it stumbled over, in one short line."""
    text = " ".join(str(error).split())[:100]
    return text or {"EOFError": "it ends too early"}.get(type(error).__name__, type(error).__name__)

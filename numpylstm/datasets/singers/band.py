"""A band from equations: drums, bass, plucked strings, pads, and a lead instrument in the singer's range.

Every instrument is a note played again and again (`_note`), or a line with one pitch at a time (`_line`), in
a timbre drawn once for the clip. What each plays follows the chords and the beat of the score.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .score import Note, Score, hertz, melody
from .tones import at_level, equalizer, harmonics, reverberate, static

Array = NDArray[Any]

STRIKES = {  # in sixteenths of a bar: kick, snare
    "rock": ((0, 8), (4, 12)),
    "ballad": ((0, 7, 8), (4, 12)),
    "busy": ((0, 3, 8, 10), (4, 12, 15)),
    "floor": ((0, 4, 8, 12), (4, 12)),
    "half": ((0, 10), (8,)),
}
LEVELS = {"drums": 0.0, "bass": 0.0, "plucked": -2.0, "piano": -3.0, "pad": -4.0, "lead": -3.0}
"""In dB, about: each clip's levels stray by 4 dB from these."""

CHORDS = ("plucked", "piano", "pad")


class Band(NamedTuple):
    """How likely each instrument plays, and each of CHORDS twice; dB that these are softer than the rest."""

    chances: dict[str, float]
    twice: float = 0.0
    softer_db: float = 0.0


BACKING = {"drums": 0.7, "bass": 0.95, "plucked": 0.6, "piano": 0.4, "pad": 0.4, "lead": 0.2}
FEW = {"drums": 0.6, "bass": 0.9, "plucked": 0.6, "piano": 0.4, "pad": 0.4, "lead": 0.35}
MANY = {"drums": 0.8, "bass": 0.95, "plucked": 0.7, "piano": 0.6, "pad": 0.75, "lead": 0.6}

BANDS = {
    "plain": Band(BACKING, softer_db=6.0),
    "small": Band(FEW),
    "full": Band(MANY, twice=0.3),
    "hard": Band(MANY | {"lead": 1.0}, twice=0.3),
}


def play(score: Score, n: int, rate: int, rng: np.random.Generator, band: Band) -> Array:
    """The accompaniment, (n,) samples."""
    playing = [name for name in PLAYERS if rng.random() < band.chances[name]]
    playing += [name for name in CHORDS if rng.random() < band.twice]
    if not set(CHORDS) & set(playing):
        playing.append("piano")
    sound = np.zeros(n)
    for name in playing:
        part = static(PLAYERS[name](score, n, rate, rng), equalizer(rate, rng))
        if rng.random() < 0.6:
            part = reverberate(part, rng.uniform(0.2, 1.2), 10.0 ** rng.uniform(-1.3, -0.4), rate, rng)
        level = LEVELS[name] - band.softer_db * (name in CHORDS or name == "lead")
        sound += at_level(part, 10.0 ** ((level + rng.normal(0, 4)) / 20))
    return sound


def bass(score: Score, n: int, rate: int, rng: np.random.Generator) -> Array:
    """Roots and fifths of the chords, two octaves down."""
    every = score.beat * rng.choice((0.5, 1, 1, 2))
    sound = np.zeros(n)
    timbre = _timbre(rng, ring=(0.4, 1.5), brightness=(0.3, 0.75))
    for chord in score.chords:
        for step in range(max(round(chord.seconds / every), 1)):
            pitch = chord.pitches[0] - 12 - 12 * (chord.pitches[0] > 52)
            pitch += rng.choice((0, 0, 0, 7, 12)) if step else 0
            _note(sound, chord.start + step * every, every * 0.95, pitch, 1.0, timbre, rate, rng)
    return sound


def plucked(score: Score, n: int, rate: int, rng: np.random.Generator) -> Array:
    """A guitar: chords note by note, or struck."""
    every = score.beat * rng.choice((0.25, 0.5, 0.5, 1))
    strum = rng.random() < 0.35
    timbre = _timbre(rng, ring=(0.3, 1.2), brightness=(0.6, 0.93))
    return _chords(score, n, every, 0.015 if strum else None, 12 * int(rng.integers(0, 2)), timbre, rate, rng)


def piano(score: Score, n: int, rate: int, rng: np.random.Generator) -> Array:
    """Chords struck or broken, rather higher."""
    every = score.beat * rng.choice((0.5, 1, 1, 2))
    timbre = _timbre(rng, ring=(0.3, 1.0), brightness=(0.4, 0.85))
    together = 0.002 if rng.random() < 0.6 else None
    return _chords(score, n, every, together, 12 * int(rng.integers(0, 3)), timbre, rate, rng)


def pad(score: Score, n: int, rate: int, rng: np.random.Generator) -> Array:
    """Held chords of strings, organ or choir: two voices a pitch, a little out of tune."""
    sound = np.zeros(n)
    brightness, attack = rng.uniform(0.4, 0.93), rng.uniform(0.02, 0.4)
    detune, octave = rng.uniform(0, 0.12), 12 * rng.integers(0, 3)
    swing = rng.choice((0, 0, 0.1)) * rng.random()
    for chord in score.chords:
        for pitch in chord.pitches:
            for out_of_tune in (-detune, detune):
                note = Note(chord.start, chord.seconds * 1.05, pitch + octave + out_of_tune)
                _held(sound, note, brightness, attack, swing, rate, rng)
    return sound


def lead(score: Score, n: int, rate: int, rng: np.random.Generator) -> Array:
    """A melody of its own in the singer's range, with vibrato and slides: what is hardest to tell apart."""
    low = rng.uniform(52, 67)
    line = melody(score, low, low + 17, rng, rests=rng.choice((0.5, 1.0, 3.0)))
    if rng.random() < 0.3:
        timbre = _timbre(rng, ring=(0.3, 1.5), brightness=(0.5, 0.93))
        sound = np.zeros(n)
        for note in line:
            _note(sound, note.start, note.seconds, note.pitch, 1.0, timbre, rate, rng)
    else:
        sound = _line(line, n, rate, rng)
    if rng.random() < 0.2:  # an amplifier that is turned up
        sound = np.tanh(sound * rng.uniform(1, 8) / max(np.sqrt(np.mean(sound**2)), 1e-9))
    return sound


def drums(score: Score, n: int, rate: int, rng: np.random.Generator) -> Array:
    """Kick, snare, hi-hat in a pattern of sixteenths, with a fill now and then."""
    from scipy.signal import butter, sosfilt

    sound = np.zeros(n)
    seconds = np.arange(round(0.5 * rate)) / rate
    noise = rng.standard_normal(len(seconds))
    top, bottom, fall = rng.uniform(120, 220), rng.uniform(42, 70), rng.uniform(15, 40)
    kick = np.sin(2 * np.pi * np.cumsum(bottom + top * np.exp(-fall * seconds)) / rate)
    kick *= np.exp(-seconds * rng.uniform(8, 25))
    snare = sosfilt(butter(2, rng.uniform(800, 2500), "highpass", fs=rate, output="sos"), noise)
    snare *= np.exp(-seconds * rng.uniform(10, 30))
    snare += (
        rng.uniform(0.3, 1.5) * np.sin(2 * np.pi * rng.uniform(160, 260) * seconds) * np.exp(-25 * seconds)
    )
    lowest = min(rng.uniform(4000, 6500), 0.45 * rate)
    hat = sosfilt(butter(4, lowest, "highpass", fs=rate, output="sos"), noise)
    closed, opened = (
        hat * np.exp(-seconds * rng.uniform(40, 120)),
        hat * np.exp(-seconds * rng.uniform(6, 15)),
    )
    levels = 10.0 ** (np.array([0, -4, -13]) / 20 + rng.normal(0, 3, 3) / 20)
    kicks, snares = STRIKES[str(rng.choice(list(STRIKES)))]
    every, ghost, open_hat = int(rng.choice((1, 2, 2, 4))), 0.3 * rng.random(), rng.random() < 0.3

    sixteenth, start = score.beat / 4, score.chords[0].start
    for number in range(int((score.seconds - start) / sixteenth) + 1):
        place, bar = number % 16, number // 16
        fill = bar % 4 == 3 and place >= 12 and rng.random() < 0.5
        at = start + number * sixteenth + rng.normal(0, 0.004)
        if place in kicks:
            _strike(sound, at, levels[0] * kick, rate, rng)
        if place in snares or fill or rng.random() < 0.05 * ghost:
            _strike(sound, at, levels[1] * snare, rate, rng)
        if place % every == 0:
            _strike(sound, at, levels[2] * (opened if open_hat and place % 8 == 6 else closed), rate, rng)
    return sound


PLAYERS: dict[str, Callable[[Score, int, int, np.random.Generator], Array]] = {
    "drums": drums,
    "bass": bass,
    "plucked": plucked,
    "piano": piano,
    "pad": pad,
    "lead": lead,
}


def _timbre(
    rng: np.random.Generator, ring: tuple[float, float], brightness: tuple[float, float]
) -> tuple[float, float, float]:
    """Of a struck string: seconds to ring, brightness at the start, how much faster high harmonics fade."""
    return rng.uniform(*ring), rng.uniform(*brightness), rng.uniform(0.02, 0.3)


def _note(
    sound: Array,
    start: float,
    seconds: float,
    pitch: float,
    level: float,
    timbre: tuple[float, float, float],
    rate: int,
    rng: np.random.Generator,
) -> None:
    """Add a note that is struck and fades: harmonic k as exp(-t (1 + b k) / ring)."""
    ring, brightness, dulling = timbre
    first = max(round(start * rate), 0)
    time = np.arange(min(round((start + seconds) * rate), len(sound)) - first) / rate
    if len(time) < 2:
        return
    q = brightness * np.exp(-dulling * time / ring)
    tone = harmonics(np.full(len(time), hertz(pitch)), q, rate, rng.random()) * np.exp(-time / ring)
    tone *= np.minimum(1, time / 0.003) * np.minimum(1, (time[-1] - time) / 0.02)
    sound[first : first + len(tone)] += level * 10.0 ** (rng.normal(0, 2) / 20) * tone


def _chords(
    score: Score,
    n: int,
    every: float,
    together: float | None,
    octave: int,
    timbre: tuple[float, float, float],
    rate: int,
    rng: np.random.Generator,
) -> Array:
    """Chords struck every so many seconds, their notes so many seconds apart; None: one note at a time."""
    sound = np.zeros(n)
    order = rng.permutation(8)
    for chord in score.chords:
        pitches = [*chord.pitches, chord.pitches[0] + 12]
        for step in range(max(round(chord.seconds / every), 1)):
            start = chord.start + step * every
            if together is None:
                pitch = pitches[order[step % 8] % len(pitches)] + octave
                _note(sound, start, 3 * every, pitch, 1.0, timbre, rate, rng)
            elif rng.random() < 0.85:
                for place, pitch in enumerate(pitches):
                    _note(sound, start + place * together, 2 * every, pitch + octave, 1.0, timbre, rate, rng)
    return sound


def _held(
    sound: Array,
    note: Note,
    brightness: float,
    attack: float,
    swing: float,
    rate: int,
    rng: np.random.Generator,
) -> None:
    """Add a note that is held."""
    first = max(round(note.start * rate), 0)
    time = np.arange(min(round((note.start + note.seconds) * rate), len(sound)) - first) / rate
    if len(time) < 2:
        return
    pitch = note.pitch + swing * np.sin(2 * np.pi * (rng.random() + 5.5 * time))
    tone = harmonics(hertz(pitch), brightness, rate, rng.random())
    sound[first : first + len(tone)] += (
        tone * np.minimum(1, time / attack) * np.minimum(1, (time[-1] - time) / 0.1)
    )


def _line(line: list[Note], n: int, rate: int, rng: np.random.Generator) -> Array:
    """One pitch at a time, as a flute, a fiddle or a saxophone plays: slides, vibrato, breath."""
    hop = 64
    count = n // hop + 2
    pitch, level = np.full(count, line[0].pitch if line else 60.0), np.zeros(count)
    time = np.arange(count) * hop / rate
    for note in line:
        on = (time >= note.start) & (time < note.start + note.seconds * rng.uniform(0.8, 1))
        pitch[time >= note.start] = note.pitch
        level[on] = 10.0 ** (rng.normal(0, 2) / 20)
    slide = np.hanning(2 * int(rng.uniform(0.01, 0.06) * rate / hop) + 3)
    ramp = np.hanning(2 * int(rng.uniform(0.01, 0.08) * rate / hop) + 3)
    pitch = np.convolve(np.pad(pitch, len(slide) // 2, "edge"), slide / slide.sum(), "valid")
    level = np.convolve(level, ramp / ramp.sum(), "same")
    depth = rng.choice((0.0, 0.2, 0.5)) * rng.uniform(0.5, 1.2)
    pitch = pitch + depth * np.sin(2 * np.pi * (rng.random() + rng.uniform(4.5, 6.5) * time))
    samples = np.arange(n) / hop
    tone = harmonics(hertz(np.interp(samples, np.arange(count), pitch)), rng.uniform(0.1, 0.93), rate)
    tone += rng.choice((0, 0.02, 0.1)) * rng.standard_normal(n)
    result: Array = tone * np.interp(samples, np.arange(count), level)
    return result


def _strike(sound: Array, start: float, hit: Array, rate: int, rng: np.random.Generator) -> None:
    first = max(round(start * rate), 0)
    length = min(len(hit), len(sound) - first)
    if length > 0:
        sound[first : first + length] += hit[:length] * 10.0 ** (rng.normal(0, 1.5) / 20)

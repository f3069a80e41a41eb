"""What singer and band play from: a key, a tempo, chords, and a melody in phrases.

Pitches are MIDI note numbers: 69 is a' at 440 Hz, 12 to the octave. Times are in seconds.
"""

from dataclasses import dataclass

import numpy as np

SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10))  # major, natural minor: semitones above the key
PROGRESSIONS = (
    (0, 4, 5, 3),
    (5, 3, 0, 4),
    (0, 5, 3, 4),
    (0, 3, 4, 0),
    (0, 2, 3, 4),
    (3, 4, 2, 5),
    (0, 0, 3, 4),
)
"""Chords of four bars, by the step of the scale that they stand on."""

RHYTHMS = ((1, 1), (0.5, 0.5, 1), (1, 0.5, 0.5), (0.5, 0.5, 0.5, 0.5), (1.5, 0.5), (2,), (0.25, 0.25, 0.5, 1))
"""Half a bar of melody, in beats."""

KEYS = {"train": (0, 2, 4, 6, 7, 9, 11), "test": (1, 3, 5, 8, 10)}
TEMPOS = {"train": ((58.0, 92.0), (104.0, 140.0)), "test": ((92.0, 104.0),)}
"""Keys and beats a minute: songs to test with are in keys and tempi that are never trained on."""


@dataclass(frozen=True)
class Note:
    """From when, how long, and how high."""

    start: float
    seconds: float
    pitch: float


@dataclass(frozen=True)
class Chord:
    """Three or four pitches of the octave above C3, the lowest of them the chord's root."""

    start: float
    seconds: float
    pitches: tuple[int, ...]


@dataclass(frozen=True)
class Score:
    """What is played in one clip; `beat`, `bar` in seconds, `scale` the pitches of the key from 0 to 127."""

    seconds: float
    beat: float
    scale: np.ndarray
    chords: tuple[Chord, ...]

    @property
    def bar(self) -> float:
        return 4 * self.beat


def compose(seconds: float, split: str, rng: np.random.Generator) -> Score:
    """Key, tempo and chords for so many seconds."""
    key, steps = int(rng.choice(KEYS[split])), SCALES[int(rng.integers(len(SCALES)))]
    beat = 60 / rng.uniform(*TEMPOS[split][int(rng.integers(len(TEMPOS[split])))])
    scale = np.array([pitch for pitch in range(128) if (pitch - key) % 12 in steps])
    progression = PROGRESSIONS[int(rng.integers(len(PROGRESSIONS)))]
    beats, sevenths = int(rng.choice((2, 4, 4))), rng.random() < 0.3
    chords, start, number = [], -4 * beat * rng.random(), int(rng.integers(4))
    while start < seconds:
        degree = progression[number % 4]
        names = [(key + steps[(degree + third) % 7]) % 12 for third in (0, 2, 4, 6)[: 3 + sevenths]]
        root = 48 + names[0]
        chords.append(Chord(start, beats * beat, tuple(root + (name - names[0]) % 12 for name in names)))
        start, number = start + beats * beat, number + 1
    return Score(seconds, beat, scale, tuple(chords))


def melody(score: Score, low: float, high: float, rng: np.random.Generator, rests: float = 1.0) -> list[Note]:
    """Phrases of notes between two pitches, with rests of about so many beats between them.

    The steps are small, the fourth and seventh of the scale are rare, as in songs, and the last note of a
    phrase is long.
    """
    pitches = score.scale[(score.scale >= low) & (score.scale <= high)]
    place = len(pitches) * rng.uniform(0.3, 0.7)
    leap = rng.uniform(1.0, 2.2)
    notes: list[Note] = []
    start = score.beat * rng.uniform(-2, rests)
    while start < score.seconds:
        for _ in range(int(rng.integers(1, 5))):
            for beats in RHYTHMS[int(rng.integers(len(RHYTHMS)))]:
                place += rng.normal(0, leap) - 0.15 * (place - len(pitches) / 2)
                place = float(np.clip(place, 0, len(pitches) - 1))
                notes.append(Note(start, beats * score.beat, float(pitches[round(place)])))
                start += beats * score.beat
        last = notes.pop()
        held = score.beat * rng.choice((0.0, 0.5, 1.0, 2.0))
        notes.append(Note(last.start, last.seconds + held, last.pitch))
        start += held + score.beat * rests * rng.choice((0.25, 0.5, 1.0, 1.0, 2.0))
    return [note for note in notes if note.start + note.seconds > 0]


def hertz(pitch: np.ndarray | float) -> np.ndarray:
    """Pitch in MIDI note numbers -> frequency in Hz."""
    return 440.0 * 2.0 ** ((np.asarray(pitch, float) - 69.0) / 12.0)

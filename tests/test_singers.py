"""Synthetic singers: the same for a seed, unlike between the splits, at their levels, and like voices."""

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numpylstm.datasets import SyntheticSingers, singers, synthetic_singer
from numpylstm.datasets.singers import LEVEL, PRESETS, band, score, tones, voice
from numpylstm.datasets.singers.score import Chord, Note, Score, compose, hertz, melody
from numpylstm.datasets.singers.tones import FRAME, HOP, colour, harmonics
from numpylstm.datasets.singers.voice import Singer, draw_singer, sing

RATE = 16_000
SPLITS = ("train", "test")


def rms(sound: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(sound))))


def decibels(ratio: float) -> float:
    return 20 * float(np.log10(ratio))


def energy(sound: np.ndarray, low: float, high: float, rate: int = RATE) -> float:
    """The share of a sound's energy between two frequencies in Hz."""
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    f = np.fft.rfftfreq(len(sound), 1 / rate)
    return float(power[(f >= low) & (f < high)].sum() / power.sum())


# ------------------------------------------------------------------------------------------ the clips


@pytest.mark.parametrize("preset", PRESETS)
def test_a_clip_is_the_same_for_a_seed_and_another_for_another(preset):
    clip, same = (synthetic_singer(3, preset=preset, seconds=1.5) for _ in range(2))
    np.testing.assert_array_equal(clip.voice, same.voice)
    np.testing.assert_array_equal(clip.accompaniment, same.accompaniment)
    assert clip.name == f"train_{preset}_3"
    for changed in ({"seed": 4}, {"split": "test"}):
        other = synthetic_singer(**({"seed": 3, "preset": preset, "seconds": 1.5} | changed))
        assert other.name != clip.name
        for one, two in ((clip.voice, other.voice), (clip.accompaniment, other.accompaniment)):
            assert abs(np.corrcoef(one, two)[0, 1]) < 0.5


def test_presets_of_a_seed_are_different_clips():
    clips = [synthetic_singer(0, preset=preset, seconds=1) for preset in PRESETS]
    assert len({clip.voice.tobytes() for clip in clips}) == len({clip.name for clip in clips}) == len(PRESETS)


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 44_100])
@pytest.mark.parametrize("seconds", [1, 2.3])
def test_every_rate_and_length_gives_finite_sound_at_the_stated_levels(rate, seconds):
    for preset, split in zip(PRESETS, ("train", "test", "train", "test", "train"), strict=True):
        clip = synthetic_singer(1, preset=preset, split=split, seconds=seconds, rate=rate)
        assert clip.rate == rate
        assert clip.voice.shape == clip.accompaniment.shape == (round(seconds * rate),)
        assert clip.voice.dtype == clip.accompaniment.dtype == float
        assert np.isfinite(clip.mixture).all()
        assert rms(clip.accompaniment) == pytest.approx(LEVEL)
        assert rms(clip.voice) == pytest.approx(
            LEVEL * (10 ** (-5 / 20) if preset in ("duet", "hard") else 1)
        )


@pytest.mark.parametrize(
    "preset, expected", [("plain", 0), ("small", 0), ("full", 0), ("duet", -5), ("hard", -5)]
)
def test_the_voice_is_as_loud_as_the_band_and_5_db_below_it_where_it_is_hard(preset, expected):
    for seed in range(2):
        clip = synthetic_singer(seed, preset=preset, seconds=2)
        assert decibels(rms(clip.voice) / rms(clip.accompaniment)) == pytest.approx(expected)


def instruments_of(monkeypatch, preset: str, clips: int) -> tuple[list[set[str]], list[int]]:
    """Which instruments play in each clip, and how many sing; instead of sound there is noise."""
    playing: list[set[str]] = []
    singing: list[int] = []

    def player(name):
        def play(score, n, rate, rng):
            playing[-1].add(name)
            return rng.standard_normal(n)

        return play

    def sung(singer, notes, n, rate, rng):
        singing[-1] += 1
        return rng.standard_normal(n)

    for name in band.PLAYERS:
        monkeypatch.setitem(band.PLAYERS, name, player(name))
    monkeypatch.setattr(singers, "sing", sung)
    monkeypatch.setattr(band, "static", lambda sound, gains: sound)
    monkeypatch.setattr(band, "reverberate", lambda sound, *args: sound)
    for seed in range(clips):
        playing.append(set())
        singing.append(0)
        synthetic_singer(seed, preset=preset, seconds=1, rate=8000)
    return playing, singing


def test_a_hard_clip_has_a_lead_instrument_always_and_a_backing_voice(monkeypatch):
    playing, singing = instruments_of(monkeypatch, "hard", 20)
    assert all("lead" in names for names in playing) and set(singing) == {2}


def test_bands_are_as_large_as_their_preset_says(monkeypatch):
    bands = {}
    for preset in ("plain", "small", "full"):
        playing, singing = instruments_of(monkeypatch, preset, 80)
        assert set(singing) == {1}
        assert all(names & set(band.CHORDS) for names in playing), "somebody plays the chords"
        leads = np.mean(["lead" in names for names in playing])
        assert leads == pytest.approx(band.BANDS[preset].chances["lead"], abs=0.12)
        bands[preset] = np.mean([len(names) for names in playing])
    assert bands["full"] > bands["small"] + 0.5


def test_a_plain_band_keeps_in_the_background(monkeypatch):
    """Its chords and its lead play softer, its bass and its drums as in any band."""
    levels: list[float] = []
    monkeypatch.setattr(band, "at_level", lambda sound, level: levels.append(level) or sound)
    for name in band.PLAYERS:
        monkeypatch.setitem(band.PLAYERS, name, lambda score, n, rate, rng: rng.standard_normal(n))
        alone = {other: float(other in (name, "pad")) for other in band.PLAYERS}
        levels.clear()
        for softer in (0.0, band.BANDS["plain"].softer_db):
            band.play(chords(), 10, RATE, np.random.default_rng(0), band.Band(alone, softer_db=softer))
        first, again = levels[: len(levels) // 2], levels[len(levels) // 2 :]
        apart = [decibels(after / before) for before, after in zip(first, again, strict=True)]
        behind = [-6.0] if name == "pad" else sorted([-6.0, -6.0 if name in (*band.CHORDS, "lead") else 0.0])
        assert sorted(apart) == pytest.approx(behind), name


# ------------------------------------------------------------------------------------- the sequence


def test_singers_are_made_when_they_are_asked_for():
    made = SyntheticSingers(3, split="test", preset="hard", seconds=1, rate=8000)
    assert len(made) == 3
    clips = list(made)
    assert [clip.name for clip in clips] == ["test_hard_0", "test_hard_1", "test_hard_2"]
    np.testing.assert_array_equal(made[-1].voice, clips[2].voice)
    expected = synthetic_singer(1, split="test", preset="hard", seconds=1, rate=8000)
    np.testing.assert_array_equal(clips[1].accompaniment, expected.accompaniment)
    for index in (3, -4):
        with pytest.raises(IndexError):
            made[index]


def test_a_slice_of_singers_is_some_of_them():
    made = SyntheticSingers(10, preset="full", seconds=1, rate=8000)
    part = made[4:8:2]
    assert len(part) == 2 and [clip.name for clip in part] == ["train_full_4", "train_full_6"]
    assert len(made[:1]) == 1 and len(made) == 10


REFUSED = {
    "split": (
        {"split": "dev"},
        "expected split 'train' or 'test' and preset 'small', 'duet', 'full', 'plain', 'hard', got 'dev'",
    ),
    "preset": (
        {"preset": "loud"},
        "and preset 'small', 'duet', 'full', 'plain', 'hard', got 'train' and 'loud'",
    ),
    "seconds": ({"seconds": 0.5}, "expected at least 1 s at 8000 Hz, got 0.5 s at 16000 Hz"),
    "rate": ({"rate": 7999}, "expected at least 1 s at 8000 Hz, got 8.0 s at 7999 Hz"),
}


@pytest.mark.parametrize("options, sentence", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_sung_is_refused_in_one_sentence(options, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        synthetic_singer(0, **options)


# ------------------------------------------------------------------------- what train and test differ in


def overlap(one: tuple[tuple[float, float], ...], other: tuple[tuple[float, float], ...]) -> bool:
    return any(a < d and c < b for a, b in one for c, d in other)


def test_the_splits_have_nothing_in_common_by_their_tables():
    assert not set(score.KEYS["train"]) & set(score.KEYS["test"])
    assert set(score.KEYS["train"]) | set(score.KEYS["test"]) == set(range(12))
    assert not overlap(score.TEMPOS["train"], score.TEMPOS["test"])
    assert not overlap(voice.TRACTS["train"], voice.TRACTS["test"])


@pytest.mark.parametrize("split", SPLITS)
def test_singers_and_songs_keep_to_their_split(split):
    scales = {
        frozenset((key + step) % 12 for step in steps) for key in score.KEYS[split] for steps in score.SCALES
    }
    tracts, seen = set(), set()
    for seed in range(300):
        rng = np.random.default_rng(seed)
        tract = draw_singer(split, rng).tract
        (place,) = (k for k, (low, high) in enumerate(voice.TRACTS[split]) if low <= tract <= high)
        tracts.add(place)
        song = compose(8.0, split, rng)
        assert any(low <= 60 / song.beat <= high for low, high in score.TEMPOS[split])
        seen.add(frozenset((song.scale % 12).tolist()))
    assert len(tracts) == len(voice.TRACTS[split]) and seen == scales


# ------------------------------------------------------------------------------------------ the score


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.sampled_from(SPLITS), st.floats(1, 30))
def test_chords_follow_each_other_and_everything_is_in_the_key(seed, split, seconds):
    rng = np.random.default_rng(seed)
    song = compose(seconds, split, rng)
    assert song.bar == 4 * song.beat
    assert song.chords[0].start <= 0 and song.chords[-1].start + song.chords[-1].seconds >= seconds
    for one, following in pairwise(song.chords):
        assert one.start + one.seconds == pytest.approx(following.start)
    for chord in song.chords:
        assert len(chord.pitches) in (3, 4) and set(chord.pitches) <= set(song.scale)
        assert min(chord.pitches) == chord.pitches[0] and 48 <= chord.pitches[0] < 60
        assert max(chord.pitches) < chord.pitches[0] + 12
    low = rng.uniform(40, 60)
    notes = melody(song, low, low + 15, rng)
    assert all(low <= note.pitch <= low + 15 and note.pitch in song.scale for note in notes)
    assert all(note.seconds > 0 and note.start + note.seconds > 0 for note in notes)
    ends = [note.start + note.seconds for note in notes]
    assert all(end <= note.start + 1e-9 for end, note in zip(ends, notes[1:], strict=False)), "one at a time"


def test_a_melody_has_phrases_and_rests():
    song = compose(60.0, "train", np.random.default_rng(0))
    notes = melody(song, 50, 66, np.random.default_rng(1))
    rests = [b.start - a.start - a.seconds for a, b in pairwise(notes)]
    assert 4 < sum(rest > 0.2 * song.beat for rest in rests) < len(notes) / 2
    sung = sum(note.seconds for note in notes)
    assert 0.5 < sung / 60 < 0.95


def test_pitches_are_midi_note_numbers():
    assert hertz(69) == 440 and hertz(57) == 220 and hertz(60) == pytest.approx(261.6256, rel=1e-6)


# ------------------------------------------------------------------------------------------ the tones


@settings(max_examples=25)
@given(
    st.integers(0, 10**6),
    st.floats(60, 3000),
    st.floats(0, 0.995),
    st.sampled_from([8000, 16_000, 44_100]),
    st.floats(0, 1),
)
def test_the_closed_form_is_the_sum_of_sines(seed, frequency, q, rate, start):
    frequency = frequency * np.exp(0.1 * np.cumsum(np.random.default_rng(seed).normal(0, 0.02, 400)))
    turns = start + np.cumsum(frequency) / rate
    K = np.maximum(0.5 * rate / frequency, 1).astype(int)
    k = np.arange(1, K.max() + 1)[:, None]
    plain = np.where(k <= K, q ** (k - 1.0) * np.sin(2 * np.pi * k * turns), 0).sum(axis=0)
    # Where q is near 1 float32 is divided by (1 - q)^2 at the peaks.
    np.testing.assert_allclose(
        harmonics(frequency, q, rate, start), plain, rtol=0, atol=2e-6 / (1 - q) ** 1.5
    )


def test_brightness_may_change_while_a_note_rings():
    q = np.linspace(0.9, 0.1, 4000)
    sound = harmonics(np.full(4000, 200.0), q, RATE)
    parts = [energy(sound[part], 300, 8000) for part in (slice(0, 1000), slice(3000, 4000))]
    assert parts[0] > 0.6 and parts[1] < 0.1


def test_nothing_lies_above_half_the_rate():
    """A tone of 3.1 kHz at 8 kHz has no second harmonic: folded back it would be heard at 1.8 kHz."""
    sound = harmonics(np.full(8000, 3100.0), 0.9, 8000)
    assert energy(sound, 3050, 3150, 8000) > 0.9999


@pytest.mark.parametrize("n", [FRAME, 1000, 5001])
def test_gains_of_1_leave_the_sound_as_it_is(n):
    sound = np.random.default_rng(0).standard_normal(n)
    same = colour(sound, np.ones((n // HOP + 2, FRAME // 2 + 1)))
    assert same.shape == (n,)
    np.testing.assert_allclose(same[HOP:-HOP], sound[HOP:-HOP], rtol=0, atol=1e-12)
    assert (abs(same) <= abs(sound) + 1e-12).all(), "what fewer frames see is softer"


def test_gains_change_the_frequencies_and_the_times_they_stand_for():
    n = 8000
    sound = np.random.default_rng(0).standard_normal(n)
    gains = np.ones((n // HOP + 2, FRAME // 2 + 1))
    gains[:, tones.frequencies(RATE) > 2000] = 0
    gains[n // HOP // 2 :] = 0
    coloured = colour(sound, gains)
    assert energy(coloured, 0, 2200) > 0.99
    assert rms(coloured[n // 2 + FRAME :]) < 1e-12
    np.testing.assert_allclose(rms(coloured[: n // 2 - FRAME]), np.sqrt(1 / 4), rtol=0.1)


def test_a_constant_filter_has_its_gains_and_no_delay():
    click = np.zeros(2000)
    click[1000] = 1
    assert abs(np.argmax(abs(tones.static(click, np.ones((1, FRAME // 2 + 1))))) - 1000) <= 1
    smooth = 1 + 0.5 * np.cos(np.linspace(0, 3, FRAME // 2 + 1))
    heard = abs(np.fft.rfft(tones.static(click, smooth[None])))
    wanted = np.interp(np.fft.rfftfreq(2000), np.fft.rfftfreq(FRAME), smooth)
    np.testing.assert_allclose(heard, wanted, rtol=0.02)


def test_a_room_rings_on_at_the_level_asked_for_and_starts_with_the_sound_itself():
    click = np.zeros(RATE)
    click[0] = 1
    heard = tones.reverberate(click, 0.5, 0.2, RATE, np.random.default_rng(0))
    assert heard[0] == pytest.approx(1) and abs(heard[1 : round(0.007 * RATE)]).max() < 1e-12
    assert np.linalg.norm(heard[1:]) == pytest.approx(0.2, rel=1e-3)
    quarters = [rms(heard[k * 2000 + 200 : k * 2000 + 1200]) for k in range(4)]
    falls = [decibels(b / a) for a, b in pairwise(quarters)]
    np.testing.assert_allclose(falls, -60 / 4, atol=3)  # a quarter of 60 dB


def test_levels_are_set_and_silence_stays_silent():
    assert rms(tones.at_level(np.arange(9.0), 0.1)) == pytest.approx(0.1)
    assert not tones.at_level(np.zeros(9), 0.1).any()


# ------------------------------------------------------------------------------------------ the voice


STEADY = Singer(
    tract=16.0,
    low=45,
    high=65,
    tilt=0.0,
    breath=0.005,
    vibrato=(5.5, 0.0),
    glide=0.02,
    unsteady=0.0,
    articulation=0.0,
)
"""Nobody sings so: one vowel, no vibrato, nothing but the note."""


@pytest.mark.parametrize("pitch", [45, 57, 64])
def test_the_voice_has_harmonics_where_its_pitch_says_and_next_to_nothing_below(pitch):
    for seed in range(3):
        sound = sing(STEADY, [Note(0.0, 2.4, pitch)], round(2.4 * RATE), RATE, np.random.default_rng(seed))
        held = sound[round(0.6 * RATE) : round(1.8 * RATE)]
        f = float(hertz(pitch))
        assert energy(held, 0, 0.7 * f) < 0.01
        below_4000 = energy(held, 0, 4000)
        near = sum(energy(held, k * f * 0.97 - 5, k * f * 1.03 + 5) for k in range(1, int(4000 / f)))
        assert near > 0.9 * below_4000
        between = sum(energy(held, (k + 0.4) * f, (k + 0.6) * f) for k in range(1, 6))
        assert between < 0.05


@pytest.mark.parametrize("split", SPLITS)
def test_singers_have_no_energy_below_their_lowest_note(split):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        song, singer = compose(3.0, split, rng), draw_singer(split, rng)
        notes = melody(song, singer.low, singer.high, rng)
        sound = sing(singer, notes, 3 * RATE, RATE, rng)
        # A note may begin 3 semitones below, fall by 4 in the end, and its pitch strays by some more.
        lowest = float(hertz(min(note.pitch for note in notes) - 6))
        assert energy(sound, 0, lowest) < 0.02
        assert energy(sound, 100, 5000) > 0.8


def test_a_longer_tract_has_lower_formants():
    def centroid(tract: float) -> float:
        moments = []
        for seed in range(4):
            singer = Singer(**(vars(STEADY) | {"tract": tract}))
            notes = [Note(0.5 * k, 0.5, 50) for k in range(4)]
            sound = sing(singer, notes, 2 * RATE, RATE, np.random.default_rng(seed))
            power = np.abs(np.fft.rfft(sound)) ** 2
            f = np.fft.rfftfreq(len(sound), 1 / RATE)
            moments.append(np.log(f[1:]) @ power[1:] / power[1:].sum())
        return float(np.exp(np.mean(moments)))

    assert centroid(12.6) > 1.1 * centroid(18.2)


def test_rests_are_quiet_and_notes_are_not():
    notes = [Note(0.2, 0.8, 55), Note(2.0, 0.8, 55)]
    for seed in range(3):
        sound = sing(STEADY, notes, 3 * RATE, RATE, np.random.default_rng(seed))
        note, rest = (
            sound[round(0.4 * RATE) : round(0.7 * RATE)],
            sound[round(1.75 * RATE) : round(1.85 * RATE)],
        )
        assert decibels(rms(rest) / rms(note)) < -15


def test_consonants_are_noise_and_interrupt_the_voice(monkeypatch):
    """The voice is taken apart into what the folds send out and the noise of consonants."""

    def parts_of(articulation: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
        parts.clear()
        singer = Singer(**(vars(STEADY) | {"articulation": articulation}))
        notes = [Note(0.4 * k, 0.4, 50) for k in range(20)]
        sing(singer, notes, 8 * RATE, RATE, np.random.default_rng(seed))
        return parts[0], parts[1]

    def listening(sound, envelope):
        parts.append(colour(sound, envelope))
        return parts[-1]

    parts: list[np.ndarray] = []
    monkeypatch.setattr(voice, "colour", listening)
    for seed in range(3):
        _, silent = parts_of(0.0, seed)
        _, noise = parts_of(1.0, seed)
        assert energy(noise, 1500, 8000) > 0.5
        level = np.sqrt(np.convolve(noise**2, np.ones(160) / 160, "same"))
        assert 0.02 < np.mean(level > 0.1 * level.max()) < 0.4, "now and then, and short"
        # Without consonants there is only the breath before a phrase.
        assert rms(silent) < 0.5 * rms(noise)


def test_without_notes_there_is_silence():
    rng = np.random.default_rng(0)
    assert not sing(STEADY, [], 8000, 8000, rng).any()
    assert not sing(STEADY, [Note(5.0, 1.0, 60)], 8000, 8000, rng).any(), "a note after the end"


def test_singers_are_people():
    drawn = [draw_singer(split, np.random.default_rng(seed)) for split in SPLITS for seed in range(100)]
    assert all(12 < singer.tract < 19 for singer in drawn)
    assert all(60 < hertz(singer.low) < hertz(singer.high) < 1300 for singer in drawn)
    assert len({round(singer.tract, 6) for singer in drawn}) == 200
    tract, low = (np.array([getattr(singer, name) for singer in drawn]) for name in ("tract", "low"))
    assert np.corrcoef(tract, low)[0, 1] < -0.7, "who is larger sings lower"


# ------------------------------------------------------------------------------------------- the band


def chords(seconds: float = 3.0) -> Score:
    scale = np.array([pitch for pitch in range(128) if pitch % 12 in score.SCALES[0]])
    parts = (Chord(0.0, 2.0, (48, 52, 55)), Chord(2.0, 2.0, (53, 57, 60)))
    return Score(seconds, 0.5, scale, parts)


@pytest.mark.parametrize("rate", [8000, 44_100])
@pytest.mark.parametrize("name", band.PLAYERS)
def test_every_instrument_is_heard_alone(name, rate):
    sound = band.PLAYERS[name](chords(), 3 * rate, rate, np.random.default_rng(0))
    assert sound.shape == (3 * rate,) and np.isfinite(sound).all()
    seconds = [rms(part) for part in np.split(sound, 3)]
    assert min(seconds) > 0.05 * max(seconds) > 0


@pytest.mark.parametrize("name", band.PLAYERS)
def test_a_band_of_one_and_what_it_is_joined_by(name):
    alone = band.Band({other: float(other == name) for other in band.PLAYERS})
    sound = band.play(chords(), RATE, RATE, np.random.default_rng(0), alone)
    assert sound.shape == (RATE,) and rms(sound) > 0.01


def test_nobody_asked_for_is_a_piano(monkeypatch):
    def piano(score, n, rate, rng):
        heard.append(n)
        return rng.standard_normal(n)

    heard: list[int] = []
    monkeypatch.setitem(band.PLAYERS, "piano", piano)
    nobody = band.Band(dict.fromkeys(band.PLAYERS, 0.0))
    band.play(chords(), 1000, RATE, np.random.default_rng(0), nobody)
    assert heard == [1000]


@pytest.mark.parametrize(
    "name, names, low, high",
    [
        ("bass", {0, 7}, 36, 48),
        ("plucked", {0, 4, 7}, 48, 72),
        ("piano", {0, 4, 7}, 48, 84),
        ("pad", {0, 4, 7}, 48, 79),
    ],
)
def test_every_instrument_plays_what_the_chord_says(monkeypatch, name, names, low, high):
    def listening(frequency, *args):
        pitches.append(69 + 12 * np.log2(np.mean(frequency) / 440))
        return harmonics(frequency, *args)

    pitches: list[float] = []
    monkeypatch.setattr(band, "harmonics", listening)
    for seed in range(5):
        band.PLAYERS[name](chords(2.0), 2 * 8000, 8000, np.random.default_rng(seed))
    found = np.round(pitches).astype(int)
    assert set((found % 12).tolist()) == names and low <= found.min() and found.max() <= high
    assert abs(pitches - found).max() < (0.25 if name == "pad" else 1e-9)


def test_drums_strike_on_the_beat():
    sound = band.drums(chords(), 3 * RATE, RATE, np.random.default_rng(0))
    level = np.sqrt(np.convolve(sound**2, np.ones(160) / 160, "same"))
    first = level[round(0.0 * RATE) : round(0.05 * RATE)].max()
    assert first > 0.3 * level.max(), "a bar begins with a kick"

"""Is it alive? What is must pass, and what is not must fail for its own reason."""

import json

import numpy as np
import pytest

from numpylstm.audio import alive as measures
from numpylstm.audio.alive import alive
from numpylstm.datasets import plucked_melodies

RATE = 4000
MELODIES = plucked_melodies(40, RATE)
REFERENCE = MELODIES[-9 * RATE :]
LEVEL = float(np.sqrt(np.mean(MELODIES**2)))
N = 10 * RATE
LOOP = slice(RATE, 3 * RATE)  # of melodies, with five notes in it
QUIET = measures.QUIET * LEVEL


def at_level(signal: np.ndarray) -> np.ndarray:
    return signal * (LEVEL / np.sqrt(np.mean(signal**2)))


def noise() -> np.ndarray:
    return at_level(np.random.default_rng(0).standard_normal(N))


def shuffled_phases(signal: np.ndarray, seed: int = 0) -> np.ndarray:
    """Noise that has exactly the magnitude spectrum of a signal."""
    spectrum = np.abs(np.fft.rfft(signal))
    turned = np.exp(2j * np.pi * np.random.default_rng(seed).random(len(spectrum)))
    return at_level(np.fft.irfft(spectrum * turned, len(signal)))


def note(frequency: float = 330.0, samples: int = N) -> np.ndarray:
    t = np.arange(samples) / RATE
    return at_level(sum(np.sin(2 * np.pi * k * frequency * t) / k**2 for k in (1, 2, 3)))


def coloured_noise() -> np.ndarray:
    """Noise through a filter with the long-term spectrum of the melodies, 125 Hz fine."""
    power = np.square(np.abs(np.fft.rfft(MELODIES[:N].reshape(-1, 32), axis=1))).mean(axis=0)
    impulse = np.roll(np.fft.irfft(np.sqrt(power)), 16)
    return at_level(np.convolve(noise(), impulse * np.hanning(32), mode="same"))


@pytest.mark.parametrize("start", [0, 10, 20])
def test_the_corpus_itself_is_alive(start):
    report = alive(MELODIES[start * RATE :][:N], REFERENCE, RATE)
    assert report.alive and report.failed == ()


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("seconds", [3, 10, 25])
def test_other_melodies_are_alive_at_any_length(seed, seconds):
    assert alive(plucked_melodies(seconds, RATE, seed), REFERENCE, RATE).alive


@pytest.mark.parametrize("rate", [8000, 11025, 16000])
def test_the_rate_does_not_matter(rate):
    reference = plucked_melodies(9, rate)
    assert alive(plucked_melodies(10, rate, 1), reference, rate).alive
    t = np.arange(10 * rate) / rate
    assert not alive(0.2 * np.sin(2 * np.pi * 330 * t), reference, rate).alive


# What each control must fail in; more may fail, nothing of the other list may.
CONTROLS = {
    "silence": (
        np.zeros(N),
        {"level", "flux", "spectrum", "notes", "variety", "constant", "repetition"},
        set(),
    ),
    "a constant": (np.full(N, LEVEL), {"flux", "notes", "variety", "constant", "repetition"}, {"level"}),
    "white noise": (noise(), {"flux", "spectrum", "notes", "variety"}, {"level", "constant", "repetition"}),
    "noise of the right colour": (
        coloured_noise(),
        {"flux", "notes", "variety"},
        {"level", "spectrum", "constant"},
    ),
    "noise of the very spectrum": (
        shuffled_phases(MELODIES[:N]),
        {"variety"},
        {"level", "flux", "spectrum", "constant", "repetition"},
    ),
    "noise of the very spectrum that pulses": (
        at_level(shuffled_phases(MELODIES[:N]) * np.resize(np.exp(-np.arange(RATE // 4) / 1000), N)),
        {"variety"},
        {"level", "spectrum", "repetition"},
    ),
    "all notes at once": (
        at_level(sum(note(220 * 2 ** (k / 12)) for k in (0, 3, 5, 7, 10, 12, 15))),
        {"flux", "variety"},
        {"level", "constant"},
    ),
    "one note for ever": (note(), {"flux", "notes", "variety", "repetition"}, {"level", "constant"}),
    "a melody that gets stuck": (
        np.concatenate([MELODIES[: 4 * RATE], note(samples=6 * RATE)]),
        {"flux", "repetition"},
        {"notes", "spectrum", "constant"},
    ),
    "a melody that dies": (
        np.concatenate([MELODIES[: 4 * RATE], np.zeros(6 * RATE)]),
        {"level", "flux", "constant", "repetition"},
        {"notes", "spectrum"},
    ),
    "a melody that fades": (
        MELODIES[:N] * np.exp(-np.arange(N) / (3 * RATE)),
        {"level"},
        {"flux", "notes", "constant", "repetition"},
    ),
    "a loop of 2 s": (
        np.tile(MELODIES[LOOP], 5),
        {"repetition"},
        {"level", "flux", "spectrum", "notes", "constant"},
    ),
    "a loop that fades": (
        np.tile(MELODIES[LOOP], 5) * np.exp(-np.arange(N) / (40 * RATE)),
        {"repetition"},
        {"level", "flux", "spectrum", "notes", "constant"},
    ),
    "a melody twice as loud": (2 * MELODIES[:N], {"level"}, {"flux", "spectrum", "notes", "repetition"}),
    "two notes in turn": (
        np.concatenate([note(f, RATE // 4) for f in (220, 330)] * 20),
        {"notes", "repetition"},
        {"level", "constant"},
    ),
}


@pytest.mark.parametrize("name", CONTROLS)
def test_a_control_fails_for_the_right_reason(name):
    signal, fails, passes = CONTROLS[name]
    report = alive(signal, REFERENCE, RATE)
    assert not report.alive
    assert fails <= set(report.failed), str(report)
    assert not passes & set(report.failed), str(report)


def test_every_part_is_failed_by_some_control_and_passed_by_another():
    reports = [alive(signal, REFERENCE, RATE) for signal, _, _ in CONTROLS.values()]
    for part in reports[0].parts:
        assert {report[part.name].passed for report in reports} == {True, False}, part.name


def test_the_report_is_json_and_words():
    for signal in (np.zeros(N), MELODIES[:N], noise()):
        report = alive(signal, REFERENCE, RATE)
        described = json.loads(json.dumps(report.as_dict(), allow_nan=False))
        assert described.pop("alive") is report.alive
        assert list(described) == ["level", "flux", "spectrum", "notes", "variety", "constant", "repetition"]
        for name, part in described.items():
            assert set(part) == {"value", "low", "high", "passed"} and part["passed"] is report[name].passed
        assert str(report).startswith("alive" if report.alive else "not alive: ")
        assert str(report).count("FAILED") == len(report.failed) and "nan" not in str(report)


def test_a_limit_belongs_to_what_passes():
    assert measures.Part("x", 0.5, 0.5, 1.5).passed and measures.Part("x", 1.5, 0.5, 1.5).passed
    assert not measures.Part("x", 0.49, 0.5, None).passed and not measures.Part("x", 1.51, None, 1.5).passed


# ---------------------------------------------------------------------------------- each measure


@pytest.mark.parametrize("frequency", [82.4, 110.0, 220.0, 329.6, 440.0, 523.3, 880.0])
def test_the_pitch_of_a_note_is_its_first_partial(frequency):
    found = measures.pitch(note(frequency), RATE, QUIET)
    np.testing.assert_allclose(found, frequency, rtol=0.01)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("seconds", [2, 5, 9])
def test_no_noise_of_the_corpus_s_spectrum_is_alive_and_every_excerpt_is(seed, seconds):
    start = 3 * seed * RATE
    excerpt = MELODIES[start : start + seconds * RATE]
    report = alive(shuffled_phases(excerpt, seed), REFERENCE, RATE)
    assert "variety" in report.failed, str(report)
    assert alive(excerpt, REFERENCE, RATE)["variety"].passed


def test_variety_is_how_far_frames_lie_from_their_mean():
    assert measures.variety(note(), RATE, QUIET) < 0.01
    rng = np.random.default_rng(0).rayleigh(size=1_000_000)
    assert np.abs(rng / rng.mean() - 1).mean() / 2 == pytest.approx(measures.NOISE_VARIETY, abs=0.001)
    for signal in (noise(), coloured_noise(), shuffled_phases(MELODIES)):
        assert measures.variety(signal, RATE, QUIET) == pytest.approx(measures.NOISE_VARIETY, abs=0.02)
    apart = np.concatenate([note(200, N // 2), note(900, N // 2)])
    assert measures.variety(apart, RATE, QUIET) == pytest.approx(0.5, abs=0.02), "half of it is not the other"
    louder = apart * np.where(np.arange(N) < N // 2, 1, 0.1)
    assert measures.variety(louder, RATE, QUIET) == pytest.approx(0.5, abs=0.02), "the level does not matter"
    assert measures.variety(np.zeros(N), RATE, QUIET) == 0


def test_a_corpus_of_noise_asks_for_no_variety():
    report = alive(noise(), noise()[::-1], RATE)
    assert report["variety"].passed and report["variety"].low == 0
    assert alive(MELODIES[:N], REFERENCE, RATE)["variety"].low > measures.NOISE_VARIETY + 0.05


def test_noise_and_silence_have_no_pitch():
    assert (measures.pitch(noise(), RATE, QUIET) == 0).mean() > 0.98
    assert (measures.pitch(np.zeros(N), RATE, QUIET) == 0).all()
    assert (measures.pitch(1e-3 * QUIET * note(), RATE, QUIET) == 0).all(), "too quiet to be a note"


@pytest.mark.parametrize("frequencies", [(220,), (220, 330), (220, 330, 440, 220, 523), (220, 221)])
def test_different_notes_are_counted_once_each(frequencies):
    melody = np.concatenate([note(f, RATE // 2) for f in frequencies])
    assert measures.count_notes(melody, RATE, QUIET) == len({round(12 * np.log2(f)) for f in frequencies})


def test_the_longest_stretch_that_stands_still_is_measured_in_seconds():
    signal = noise()
    assert measures.longest_constant(signal, RATE, QUIET) < 0.01
    signal[2000:6000] = 0.1
    assert measures.longest_constant(signal, RATE, QUIET) == pytest.approx(1.0, abs=0.002)
    signal[2000:6000] += 0.1 * QUIET * (-1) ** np.arange(4000)
    assert measures.longest_constant(signal, RATE, QUIET) == pytest.approx(1.0, abs=0.002), "or nearly so"
    assert measures.longest_constant(np.zeros(N), RATE, QUIET) == N / RATE


def test_level_is_the_second_furthest_off():
    assert measures.level_ratio(REFERENCE, REFERENCE, RATE) == pytest.approx(1, abs=0.2)
    quieter = REFERENCE.copy()
    quieter[3 * RATE : 4 * RATE] *= 0.3
    assert measures.level_ratio(quieter, REFERENCE, RATE) == pytest.approx(0.3, abs=0.07)
    steady = np.tile([0.5, -0.5], N // 2)
    assert measures.level_ratio(1.3 * steady, steady, RATE) == pytest.approx(1.3)
    assert measures.level_ratio(0.8 * steady, steady, RATE) == pytest.approx(0.8)


def test_a_corpus_with_pauses_may_pause_but_not_fall_silent():
    rests = MELODIES[: 20 * RATE].copy()
    for start in range(0, 20, 4):
        rests[start * RATE : (start + 1) * RATE] = 0
    assert alive(rests[:N], rests[N:], RATE).alive
    assert {"level", "notes"} <= set(alive(np.zeros(N), rests, RATE).failed)


def test_spectra_are_compared_in_db():
    assert measures.spectral_distance(REFERENCE, REFERENCE, RATE) == 0
    # The reference's floor is 50 dB down, and noise does not come near it, so the distance is the gain.
    white = noise()
    assert measures.spectral_distance(10 ** (6 / 20) * white, white, RATE) == pytest.approx(6, abs=1e-6)


def test_a_reference_that_never_changes_judges_what_does():
    period = np.resize(noise()[: round(measures.HOP * RATE)], N)
    assert "flux" in alive(MELODIES, period, RATE).failed


def test_repetition_is_the_likeness_at_another_time():
    assert measures.repetition(note(), RATE) == pytest.approx(1, abs=1e-3)
    assert abs(measures.repetition(noise(), RATE)) < 0.2
    half = np.concatenate([MELODIES[: 5 * RATE], note(samples=5 * RATE)])
    assert measures.repetition(half, RATE) > 0.99 > measures.repetition(half[::-1], RATE), (
        "the tail is judged"
    )
    assert measures.repetition(np.full(N, 0.3), RATE) == 1


@pytest.mark.parametrize(
    "sample, reference, rate, message",
    [
        (np.zeros(N), np.zeros(N), RATE, "sound in it, got silence"),
        (MELODIES, np.full(N, 0.3), RATE, "sound in it, got a constant"),
        (np.zeros(100), REFERENCE, RATE, "a sample of at least 2.0 s, got 0.025 s"),
        (MELODIES, REFERENCE[:100], RATE, "a reference of at least"),
        (np.full(N, np.nan), REFERENCE, RATE, "finite"),
        (np.zeros((N, 2)), REFERENCE, RATE, r"\(n,\)"),
        (np.zeros(N, int), REFERENCE, RATE, "floats, got int64"),
        (MELODIES, REFERENCE, 1000, "at least 2000 Hz, got 1000"),
    ],
)
def test_what_cannot_be_judged_is_refused(sample, reference, rate, message):
    with pytest.raises(ValueError, match=message):
        alive(sample, reference, rate)

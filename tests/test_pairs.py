"""Two recordings that belong together: how late one is, and whether they are whole."""

import itertools

import numpy as np
import pytest
import strategies
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import butter, lfilter

from numpylstm.audio import pairs
from numpylstm.datasets.melodies import plucked_melodies

RATE = 16_000  # Hz

SOUNDS = {
    "noise": 0.3 * np.random.default_rng(0).standard_normal(RATE),
    "melodies": plucked_melodies(seconds=1.5, rate=RATE),
}

BOXES = {
    "copy": lambda x: x,
    "second order": lambda x: lfilter(*butter(2, 1000, fs=RATE), x),
    "fourth order": lambda x: lfilter(*butter(4, 1000, fs=RATE), x),
    "clipping": lambda x: np.tanh(5 * x),
    "negative polarity": lambda x: -0.5 * x,
}


def late(signal: np.ndarray, samples: int) -> np.ndarray:
    """The signal so many samples later, or earlier where negative; as long as it was, with silence."""
    silence = np.zeros(abs(samples))
    if samples >= 0:
        return np.concatenate([silence, signal])[: len(signal)]
    return np.concatenate([signal[-samples:], silence])


# -------------------------------------------------------------------------------------- the delay


@pytest.mark.parametrize("samples", [37, 400, 3000, -3, -200])
@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("sound", SOUNDS)
def test_a_delay_is_found_to_the_sample(sound, box, samples):
    x = SOUNDS[sound]
    assert pairs.delay(x, late(BOXES[box](x), samples), RATE) == samples


@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("sound", SOUNDS)
def test_what_is_aligned_stays_so(sound, box):
    x = SOUNDS[sound]
    assert pairs.delay(x, BOXES[box](x), RATE) == 0


@pytest.mark.parametrize("cutoff", [200, 50])
@pytest.mark.parametrize("sound", SOUNDS)
def test_a_slow_low_pass_is_no_delay(sound, cutoff):
    rate = 48_000
    x = SOUNDS["noise"] if sound == "noise" else plucked_melodies(seconds=2, rate=rate)
    y = lfilter(*butter(4, cutoff, fs=rate), x)
    assert np.argmax(np.abs(np.correlate(y[:4000], x[:4000], "full"))) - 3999 > 60, "as the ear would guess"
    assert pairs.delay(x, y, rate) == 0


@pytest.mark.parametrize("samples, found", [(7, 0), (8, 8), (0, 0), (-1, -1), (-8, -8)])
def test_a_little_lateness_may_be_the_box_s_own_but_it_is_never_early(samples, found):
    assert pairs.delay(SOUNDS["noise"], late(SOUNDS["noise"], samples), RATE) == found


def test_a_delay_is_found_through_noise_at_any_level():
    x = SOUNDS["noise"]
    hiss = 0.05 * np.random.default_rng(1).standard_normal(len(x))
    for gain in (1e-4, 1.0, 1e4):
        assert pairs.delay(x, gain * (late(x, 400) + hiss), RATE) == 400


def test_no_delay_beyond_the_longest_is_found():
    x = SOUNDS["noise"]
    y = late(x, 3000)
    assert pairs.delay(x, y, RATE, longest=0.2) == 3000
    assert pairs.delay(x, y, RATE, longest=0.1) == 0


def test_unrelated_sounds_have_no_delay():
    other = 0.3 * np.random.default_rng(7).standard_normal(RATE)
    assert pairs.delay(SOUNDS["noise"], other, RATE) == 0
    assert pairs.delay(SOUNDS["melodies"], other, RATE) == 0
    assert pairs.delay(other, SOUNDS["melodies"], RATE) == 0


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.5])
def test_a_tone_has_a_phase_but_no_delay(shift):
    phase = 2 * np.pi * 440 / RATE * np.arange(RATE)
    assert pairs.delay(np.sin(phase), 0.5 * np.sin(phase - shift), RATE) == 0


def test_silence_has_no_delay():
    x, silence = SOUNDS["noise"][:9000], np.zeros(9000)
    for before, after in ((x, silence), (silence, x), (silence, silence)):
        assert pairs.delay(before, after, RATE) == 0


@given(st.integers(0, 700), st.integers(-20, 20), st.integers(1, 48_000), strategies.seeds)
def test_no_signal_is_too_short(n, samples, rate, seed):
    x = np.random.default_rng(seed).standard_normal(n)
    found = pairs.delay(x, late(x, samples)[:n], rate)
    assert isinstance(found, int) and found in (0, samples)


def test_the_shortest_recording_that_is_trained_on_is_long_enough():
    for sound in SOUNDS.values():
        x = sound[:8192]
        for samples in (37, 400, -200):
            assert pairs.delay(x, late(np.tanh(x), samples), RATE) == samples


# ------------------------------------------------------------------------------------ what is shared


@given(st.integers(1, 60), st.integers(-59, 59))
def test_shifted_recordings_lie_above_each_other(n, samples):
    samples = max(min(samples, n - 1), 1 - n)
    before = np.arange(float(n))
    both = pairs.shifted(before, late(before + 1, samples), samples)
    assert len(both[0]) == len(both[1]) == n - abs(samples)
    np.testing.assert_array_equal(both[1], both[0] + 1)


# ----------------------------------------------------------------------------------------- defects


def test_what_stands_at_the_peak_is_clipped():
    x = 0.9 * np.sin(np.arange(1000) / 7)
    assert pairs.clipped_samples(x) == 0
    hard = np.clip(x, -0.6, 0.6)
    assert pairs.clipped_samples(hard) == np.count_nonzero(np.abs(hard) == 0.6) > 300
    assert pairs.clipped_samples(np.clip(x, -1, 0.6)) == 0, "where it goes lower than it is cut above"
    assert pairs.clipped_samples(np.clip(x, -0.6, 0.5)) == np.count_nonzero(x < -0.6)


@pytest.mark.parametrize(
    "signal, count",
    [
        ([0, 1, 1, 0], 0),
        ([0, 1, 1, 1, 0], 3),
        ([1, 1, 1, 0, -1, -1, -1, -1], 7),
        ([1, 1, 0, 1, 1, 0, 1, 1], 0),
        ([0, 0.4, 0.4, 0.4, 0.4], 0),
        ([0, 0.5, 0.5, 0.5, -0.5], 3),
        ([0, 0, 0, 0], 0),
    ],
)
def test_three_in_a_row_at_the_peak_are_counted(signal, count):
    assert pairs.clipped_samples(np.array(signal, float)) == count


def test_the_longest_silence_is_found():
    x = np.ones(100)
    assert pairs.longest_silence(x) == (0, 0)
    x[10:20] = x[30:55] = x[99] = 0
    assert pairs.longest_silence(x) == (30, 25)
    x[30:55] = [-2e-5, 2e-5] * 12 + [0]
    assert pairs.longest_silence(x) == (30, 25), "-94 dBFS, of either sign, is silent"
    x[40] = -1e-4
    assert pairs.longest_silence(x) == (41, 14)
    assert pairs.longest_silence(x, level=2.0) == (0, 100)
    assert pairs.longest_silence(np.zeros(0)) == (0, 0)


@given(st.lists(st.booleans(), max_size=30))
def test_runs_are_where_it_is_true(true):
    groups = [(key, len([*group])) for key, group in itertools.groupby(true)]
    ends = itertools.accumulate(length for _, length in groups)
    expected = [(end - length, length) for (key, length), end in zip(groups, ends, strict=True) if key]
    assert pairs.runs(np.array(true, dtype=bool)) == expected

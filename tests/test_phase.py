"""Griffin-Lim and phase increments."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds

from numpylstm.audio.phase import advance, griffin_lim, increments, integrate, principal
from numpylstm.audio.stft import hann_window, istft, longest, sine_window, stft
from numpylstm.datasets import plucked_string

N, HOP = 256, 64
WINDOW = hann_window(N)


def spectrum_of(samples: int = 8000, channels: int = 0, seed: int = 0) -> np.ndarray:
    shape = (samples, channels) if channels else (samples,)
    return stft(np.random.default_rng(seed).standard_normal(shape), WINDOW, HOP)


# ------------------------------------------------------------------------------------- Griffin-Lim


@given(st.sampled_from([(256, 64), (256, 128), (30, 7)]), seeds)
def test_without_momentum_the_distance_never_grows(sizes, seed):
    n, hop = sizes
    rng = np.random.default_rng(seed)
    window = sine_window(n)
    bins = n // 2 + 1
    magnitudes = rng.exponential(size=(rng.integers(9, 20), bins))
    _, convergence = griffin_lim(magnitudes, window, hop, seed=rng, iterations=12)
    assert len(convergence) == 13
    assert (np.diff(convergence) <= 1e-12).all()
    assert convergence[-1] < 0.99 * convergence[0], "it goes somewhere"


def test_the_magnitudes_of_a_sound_come_back_near_and_momentum_gets_nearer():
    magnitudes = abs(stft(plucked_string(1.0, 8000), WINDOW, HOP))
    spectrum, plain = griffin_lim(magnitudes, WINDOW, HOP, iterations=40)
    _, fast = griffin_lim(magnitudes, WINDOW, HOP, iterations=40, momentum=0.99)
    assert plain[0] == fast[0] > 0.5 and plain[1] == fast[1]
    assert plain[-1] < 0.3 * plain[0]
    assert fast[-1] < 0.8 * plain[-1]
    np.testing.assert_allclose(abs(spectrum), magnitudes, atol=1e-12)


def test_the_convergence_is_the_error_of_the_nearest_signal():
    magnitudes = abs(spectrum_of(2000))
    spectrum, convergence = griffin_lim(magnitudes, WINDOW, HOP, seed=1, iterations=3)
    heard = istft(spectrum, WINDOW, HOP, longest(len(spectrum), WINDOW, HOP))
    error = np.linalg.norm(abs(stft(heard, WINDOW, HOP)) - magnitudes) / np.linalg.norm(magnitudes)
    assert convergence[-1] == pytest.approx(error, rel=1e-12)


def test_the_right_phases_are_left_alone():
    spectrum = stft(np.random.default_rng(0).standard_normal(longest(40, WINDOW, HOP)), WINDOW, HOP)
    found, convergence = griffin_lim(abs(spectrum), WINDOW, HOP, phases=np.angle(spectrum), iterations=5)
    assert max(convergence) < 1e-13
    np.testing.assert_allclose(found, spectrum, atol=1e-10)


def test_it_begins_with_phase_zero_or_with_those_of_the_seed():
    magnitudes = abs(spectrum_of(2000))
    zero, _ = griffin_lim(magnitudes, WINDOW, HOP, iterations=0)
    np.testing.assert_array_equal(zero, magnitudes)
    first, again, other = (griffin_lim(magnitudes, WINDOW, HOP, seed=s, iterations=2)[0] for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert abs(first - other).max() > 0.1
    drawn, _ = griffin_lim(magnitudes, WINDOW, HOP, seed=1, iterations=0)
    assert np.angle(drawn).min() < -3 and np.angle(drawn).max() > 3


def test_held_frames_keep_their_phases():
    spectrum = spectrum_of(2000)
    phases = np.angle(spectrum)
    phases[5:] = 0
    found, _ = griffin_lim(abs(spectrum), WINDOW, HOP, phases=phases, iterations=4, held=5, momentum=0.99)
    np.testing.assert_allclose(found[:5], spectrum[:5], atol=1e-12)
    assert abs(found[5:] - abs(spectrum[5:])).max() > 0.1


def test_silence_and_channels_and_float32_go_through():
    found, convergence = griffin_lim(np.zeros((9, 129)), WINDOW, HOP, seed=0, iterations=2)
    assert not found.any() and convergence == [0, 0, 0]
    magnitudes = abs(spectrum_of(2000, channels=2)).astype(np.float32)
    both, _ = griffin_lim(magnitudes, WINDOW, HOP, iterations=3)
    assert both.dtype == np.complex64
    one, _ = griffin_lim(magnitudes[:, 1], WINDOW, HOP, iterations=3)
    np.testing.assert_allclose(both[:, 1], one, atol=1e-3)


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"magnitudes": -np.ones((9, 129))}, "expected magnitudes of at least 0 in real floating numbers"),
        ({"magnitudes": np.full((9, 129), np.nan)}, "expected magnitudes of at least 0"),
        ({"magnitudes": np.ones((9, 129), complex)}, "in real floating numbers"),
        ({"iterations": -1}, "expected iterations and momentum of at least 0, got -1 and 0.0"),
        ({"momentum": -0.5}, "got 32 and -0.5"),
        ({"phases": np.zeros((9, 1))}, "expected either a seed or phases of shape (9, 129), got (9, 1)"),
        ({"phases": np.zeros((9, 129)), "seed": 1}, "expected either a seed or phases"),
        ({"magnitudes": np.ones((9, 100))}, "expected a spectrum of shape"),
    ],
)
def test_what_griffin_lim_cannot_use_is_refused_in_one_sentence(options, sentence):
    options = {"magnitudes": np.ones((9, 129))} | options
    with pytest.raises(ValueError, match=re.escape(sentence)):
        griffin_lim(options.pop("magnitudes"), WINDOW, HOP, **options)


# ---------------------------------------------------------------------------------- phase increments


@pytest.mark.parametrize("hz", [1000.0, 1003.0, 990.0])
def test_the_increment_of_a_tone_is_its_distance_from_the_bin(hz):
    rate = 8000
    tone = np.cos(2 * np.pi * hz * np.arange(rate) / rate)
    delta = increments(stft(tone, WINDOW, HOP), N, HOP)
    k = 32  # 1000 Hz
    np.testing.assert_allclose(delta[5:-5, k], 2 * np.pi * HOP / rate * (hz - 1000), atol=1e-3)


@given(st.integers(1, 30), st.integers(1, 9), st.sampled_from([(256, 64), (10, 3), (7, 7)]), seeds)
def test_increments_sum_up_to_the_phases(T, channels, sizes, seed):
    n, hop = sizes
    rng = np.random.default_rng(seed)
    spectrum = rng.standard_normal((T, channels, n // 2 + 1)) + 1j * rng.standard_normal((1,))
    delta = increments(spectrum, n, hop)
    assert abs(delta).max() <= np.pi + 1e-12
    np.testing.assert_allclose(np.exp(1j * integrate(delta, n, hop)), spectrum / abs(spectrum), atol=1e-10)


def test_blocks_sum_up_to_the_same_as_the_whole():
    spectrum = spectrum_of()
    delta = increments(spectrum, N, HOP)
    whole = integrate(delta, N, HOP)
    rest = integrate(delta[50:], N, HOP, whole[49])
    np.testing.assert_allclose(np.exp(1j * rest), np.exp(1j * whole[50:]), atol=1e-10)


def test_the_sum_of_a_long_run_loses_nothing():
    n, hop, bins = 1024, 256, 513
    phases = np.zeros(bins)
    for _ in range(100):  # the middle of a bin turns hop k / n times a frame: 4 frames are whole turns
        phases = integrate(np.zeros((400, bins)), n, hop, phases)[-1]
    np.testing.assert_allclose(np.exp(1j * phases), 1, atol=1e-10)


def test_the_middle_of_a_bin_turns_by_its_frequency():
    np.testing.assert_allclose(np.exp(1j * advance(10, 3, 6)), np.exp(2j * np.pi * 3 * np.arange(6) / 10))


@given(st.floats(-100, 100))
def test_the_principal_value_is_the_same_angle_in_one_turn(angle):
    value = float(principal(angle))
    assert abs(value) <= np.pi * (1 + 1e-14)
    assert np.exp(1j * value) == pytest.approx(np.exp(1j * angle), abs=1e-12)

"""The short-time Fourier transform: its definition, its inverse, what is refused."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal as scipy_signal
from strategies import seeds

from numpylstm.audio.stft import frames, hann_window, istft, longest, sine_window, stft


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


# -------------------------------------------------------------------------------------- the windows


@pytest.mark.parametrize("n", [1, 2, 5, 1024])
def test_the_windows_are_those_of_the_textbooks(n):
    np.testing.assert_allclose(sine_window(n), scipy_signal.windows.cosine(n), atol=1e-15)
    if n > 1:
        np.testing.assert_allclose(hann_window(n), scipy_signal.windows.hann(n, sym=False), atol=1e-15)


def test_overlapping_windows_sum_to_one():
    squares, plain = sine_window(1024) ** 2, hann_window(1024)
    np.testing.assert_allclose(squares[:512] + squares[512:], 1, atol=1e-15)
    np.testing.assert_allclose(plain[:512] + plain[512:], 1, atol=1e-15)


# -------------------------------------------------------------------------------------- the inverse


@pytest.mark.parametrize("length", [1, 2, 511, 512, 513, 1023, 1024, 1025, 16_000, 50_001])
def test_the_inverse_is_exact_for_any_length(length):
    x, window = noise(length), sine_window(1024)
    spectrum = stft(x, window, 512)
    assert spectrum.shape == (frames(length, window, 512), 513) and spectrum.dtype == np.complex128
    back = istft(spectrum, window, 512, length)
    assert back.shape == (length,)
    np.testing.assert_allclose(back, x, rtol=0, atol=1e-12)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 200), seeds)
def test_the_inverse_is_exact_for_any_window_and_hop(n, hop, length, seed):
    hop = min(hop, n)
    window = 0.1 + np.random.default_rng(seed).random(n)
    x = noise(length, seed=seed)
    np.testing.assert_allclose(istft(stft(x, window, hop), window, hop, length), x, rtol=0, atol=1e-12)


def test_channels_and_batches_go_through_on_their_own():
    x, window = noise(3000, 2, 3), hann_window(256)
    spectrum = stft(x, window, 64)
    assert spectrum.shape == (frames(3000, window, 64), 2, 3, 129)
    np.testing.assert_allclose(spectrum[:, 1, 2], stft(x[:, 1, 2], window, 64), atol=1e-13)
    np.testing.assert_allclose(istft(spectrum, window, 64, 3000), x, rtol=0, atol=1e-12)


def test_float32_stays_float32():
    x, window = noise(3000).astype(np.float32), sine_window(256)
    spectrum = stft(x, window, 128)
    assert spectrum.dtype == np.complex64
    back = istft(spectrum, window, 128, 3000)
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, x, atol=1e-6)


def test_whole_numbers_are_taken_as_they_are():
    x = np.arange(-50, 50)
    np.testing.assert_array_equal(stft(x, sine_window(16), 8), stft(x.astype(float), sine_window(16), 8))


# ----------------------------------------------------------------------------------- the definition


def test_a_frame_is_the_transform_of_the_windowed_samples_counted_from_its_middle():
    x, window, n, hop = noise(2000), hann_window(128), 128, 32
    spectrum = stft(x, window, hop)
    k, i = np.arange(65), np.arange(n)
    kernel = np.exp(-2j * np.pi * np.outer(k, i - n // 2) / n)
    # Frame 3 is the first that begins inside the signal, at sample 0: 3 begin before it.
    for frame, start in ((3, 0), (10, 7 * hop)):
        np.testing.assert_allclose(spectrum[frame], kernel @ (window * x[start : start + n]), atol=1e-11)


def test_a_tone_is_in_its_bin():
    rate, n = 16_000, 1024
    x = np.sin(2 * np.pi * 40 * rate / n * np.arange(rate) / rate)
    inside = abs(stft(x, sine_window(n), 512))[2:-2]
    assert set(inside.argmax(axis=1)) == {40}


@pytest.mark.parametrize("n, hop", [(1024, 512), (1024, 256), (7, 3), (64, 64)])
def test_the_longest_signal_of_so_many_frames_is_the_last_before_one_more(n, hop):
    window = np.ones(n)
    for count in range(frames(1, window, hop), 20):
        length = longest(count, window, hop)
        assert frames(length, window, hop) == count == frames(length + 1, window, hop) - 1


# -------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    "call, sentence",
    [
        (lambda: stft([], np.ones(4), 2), "expected a real signal of shape (samples, ...), got float64 (0,)"),
        (lambda: stft(1j * np.ones(9), np.ones(4), 2), "got complex128 (9,)"),
        (lambda: stft(np.ones(9), np.ones((4, 1)), 2), "expected a window of shape (n,), got float64 (4, 1)"),
        (
            lambda: stft(np.ones(9), np.ones(4), 0),
            "expected a hop of 1 to 4 samples, the window's length, got 0",
        ),
        (lambda: stft(np.ones(9), np.ones(4), 5), "got 5"),
        (lambda: stft(np.ones(9), np.ones(4), 1.5), "got 1.5"),
        (
            lambda: istft(np.ones((5, 3)), np.ones(4), 2, 9),
            "expected a spectrum of shape (6, ..., 3) for 9 samples",
        ),
        (lambda: istft(np.ones((6, 4)), np.ones(4), 2, 9), "got (6, 4)"),
        (lambda: istft(np.ones((6, 3)), [0, 1, 0, 0], 2, 9), "sees every sample at a hop of 2"),
        (lambda: istft(np.ones((6, 3)), np.ones(4), 2, 0), "expected length of at least 1, got 0"),
        (lambda: longest(1, np.ones(64), 16), "expected at least 5 frames, got 1"),
        (lambda: sine_window(0), "expected n of at least 1, got 0"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        call()

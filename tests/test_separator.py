"""Recordings taken apart: at any rate and length, in pieces, and block by block."""

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import seeds

from numpylstm import Context, Dense, Layer, Mask, Sequential
from numpylstm.audio.stft import istft, sine_window, stft
from numpylstm.tasks import recipes, separator
from numpylstm.tasks.separator import (
    BINS,
    FRAME,
    HOP,
    NORM,
    RATE,
    STREAMED_LEVEL,
    Frames,
    OnlineSeparator,
    separate,
    voice_in_pieces,
    voice_of,
)

RATES = (8000, 11_025, 16_000, 22_050, 44_100, 96_000)
AHEAD = {"looks ahead": True, "causal": False}


def noise(samples: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal((samples, channels))


def constant(shares: float | np.ndarray, ahead: bool) -> Layer:
    """A network whose mask never changes: of bin k, `shares[k]` is voice."""
    width = 2 * BINS if ahead else BINS
    layers = [Dense(width, 1), Dense(1, 2 * BINS)]
    net = Mask(Sequential(Context(BINS, 0, int(ahead)), *layers), kind="softmax", dtype=np.float32, seed=0)
    net.theta[:] = 0
    # s(a1 - a2) is the share where a1 is its logit and a2 is 0.
    net.layers[0].layers[2].params["b"][:BINS] = np.log(shares) - np.log(1 - shares)
    assert net.causal == (not ahead)
    return net


def tiny(ahead: bool, seed: int = 0) -> Layer:
    """A real network, but small: its mask depends on what was and, if it looks ahead, on what comes."""
    rng = np.random.default_rng(seed)
    net = (
        recipes.both_directions(rng, size=6, hidden=4)
        if ahead
        else recipes.bands(rng, size=6, hidden=4, blocks=1, ahead=False)
    )
    net.theta *= 3
    return net


def spectrum_of(sound: np.ndarray, frames: Frames) -> np.ndarray:
    """(T, channels, bins), of all frames that touch a sound (n, channels)."""
    return stft(sound, sine_window(frames.n), frames.hop)


def reader(samples: np.ndarray):
    return lambda start, stop: samples[start:stop]


def in_pieces(net: Layer, samples: np.ndarray, rate: int, level: float = 0.1) -> np.ndarray:
    return np.concatenate(list(voice_in_pieces(net, reader(samples), len(samples), Frames(rate), level)))


# ----------------------------------------------------------------------------------------- the frames


@pytest.mark.parametrize("rate", RATES)
def test_frames_last_64_ms_at_every_rate_and_half_of_them_overlap(rate):
    frames = Frames(rate)
    assert frames.n == 2 * frames.hop
    assert frames.n / rate == pytest.approx(FRAME / RATE, abs=1 / rate)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("channels", [1, 2])
def test_frames_are_those_of_the_transform_and_join_to_the_sound_again(rate, channels):
    frames = Frames(rate)
    window, hop = sine_window(frames.n), frames.hop
    x = noise(7 * hop, channels)
    spectra = frames.cut(x)
    assert spectra.shape == (6, channels, hop + 1) and spectra.dtype == np.complex64
    # The transform begins half a frame before the sound, and counts phases from the middle of a frame.
    whole = stft(x, window, hop)[1:7]
    np.testing.assert_allclose(abs(spectra), abs(whole), rtol=0, atol=1e-5 * abs(whole).max())
    joined = frames.join(spectra)
    assert joined.shape == (7 * hop, channels)
    np.testing.assert_allclose(joined[hop:-hop], x[hop:-hop], rtol=0, atol=1e-6)


@pytest.mark.parametrize("rate", [8000, 44_100])
def test_the_mask_works_as_with_the_transform(rate):
    """The voice is what SciPy's transform and its inverse make of the masked spectrum."""
    frames, x, net = Frames(rate), noise(5001, 2), tiny(ahead=True)
    spectrum = spectrum_of(x.astype(np.float32), frames)
    heard = frames.magnitudes(spectrum, 0.1)
    masked = spectrum * frames.masks(heard, net.predict(heard))
    expected = istft(masked, sine_window(frames.n), frames.hop, len(x))
    np.testing.assert_allclose(voice_of(net, x, frames, 0.1), expected, rtol=0, atol=1e-5)


def test_at_16_khz_the_frames_are_those_of_the_network():
    assert (Frames(RATE).n, Frames(RATE).hop, BINS) == (FRAME, HOP, FRAME // 2 + 1)


def test_noise_at_the_level_has_magnitudes_of_1():
    x = noise(RATE * 4)
    frames = Frames(RATE)
    heard = frames.magnitudes(spectrum_of(x, frames), 0.1)
    assert heard.dtype == np.float32 and heard.shape[1:] == (1, BINS)
    assert np.sqrt(np.mean(heard[1:-1] ** 2)) == pytest.approx(1, rel=0.02)
    assert NORM == np.sqrt(FRAME / 2)


@pytest.mark.parametrize("rate", RATES)
def test_a_tone_is_heard_in_the_same_bin_as_loud_at_every_rate(rate):
    frames, heard = Frames(rate), {}
    for own in (RATE, rate):
        tone = np.sin(2 * np.pi * 1000 * np.arange(own) / own)[:, None]
        frames = Frames(own)
        heard[own] = frames.magnitudes(spectrum_of(tone, frames), 0.1)[10, 0]
    assert np.argmax(heard[rate]) == np.argmax(heard[RATE]) == round(1000 / RATE * FRAME)
    np.testing.assert_allclose(
        heard[rate][60:69], heard[RATE][60:69], rtol=0.02, atol=0.05 * heard[RATE].max()
    )


def test_a_low_rate_leaves_the_bins_above_it_silent():
    frames = Frames(8000)
    heard = frames.magnitudes(spectrum_of(noise(8000), frames), 0.1)
    assert heard.shape[2] == BINS and heard[:, :, :257].all() and not heard[:, :, 257:].any()
    y = np.concatenate([0.25 * heard, 0.75 * heard], axis=2)
    masks = frames.masks(heard, y)
    assert masks.shape == (len(heard), 1, 257)
    np.testing.assert_allclose(masks, 0.25)


def test_what_lies_above_8_khz_is_shared_out_as_what_lies_just_below():
    frames = Frames(44_100)
    x = np.random.default_rng(0).uniform(0.5, 1, (3, 1, BINS)).astype(np.float32)
    share = np.full(BINS, 0.9, np.float32)
    share[384:] = 0.25  # from 6 kHz on
    masks = frames.masks(x, np.concatenate([share * x, (1 - share) * x], axis=2))
    assert masks.shape == (3, 1, frames.n // 2 + 1)
    np.testing.assert_allclose(masks[:, :, :384], 0.9, rtol=1e-5)
    np.testing.assert_allclose(masks[:, :, 384:], 0.25, rtol=1e-5)


def test_the_mask_is_made_of_the_mean_of_the_channels():
    frames = Frames(RATE)
    spectrum = spectrum_of(noise(4000, 3), frames)
    heard = frames.magnitudes(spectrum, 0.1)
    expected = abs(spectrum.mean(axis=1)) / (0.1 * NORM)
    np.testing.assert_allclose(heard[:, 0], expected, rtol=1e-5)


# -------------------------------------------------------------------------------------- all at once


LENGTHS = sorted({1, 2, *(n + k for n in (HOP, FRAME) for k in (-1, 0, 1, 2)), RATE})


@pytest.mark.parametrize("ahead", AHEAD.values(), ids=AHEAD)
@pytest.mark.parametrize("samples", LENGTHS)
def test_every_length_comes_back_and_half_of_it_where_the_masks_are_one_half(samples, ahead):
    x = noise(samples)
    voice = separate(constant(0.5, ahead), x, RATE)
    assert voice.shape == x.shape
    np.testing.assert_allclose(voice, 0.5 * x, rtol=0, atol=1e-6)


@pytest.mark.parametrize("ahead", AHEAD.values(), ids=AHEAD)
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_every_rate_and_number_of_channels_comes_back(rate, channels, ahead):
    n = Frames(rate).n
    for samples in (n // 2 - 1, n // 2 + 1, n + 1, rate // 2 + 1):
        x = noise(samples, channels)
        voice = separate(constant(0.5, ahead), x, rate)
        assert voice.shape == x.shape
        np.testing.assert_allclose(voice, 0.5 * x, rtol=0, atol=1e-6)


@pytest.mark.parametrize("ahead", AHEAD.values(), ids=AHEAD)
def test_silence_stays_silent(ahead):
    for net in (constant(0.5, ahead), tiny(ahead)):
        for samples in (1, 700, 40_000):
            voice = separate(net, np.zeros((samples, 2)), RATE)
            assert voice.shape == (samples, 2) and not voice.any()


@pytest.mark.parametrize("ahead", AHEAD.values(), ids=AHEAD)
def test_the_mask_decides_bin_by_bin_and_the_phase_is_the_mixture_s(ahead):
    shares = np.where(np.arange(BINS) < 128, 0.9999999, 1e-7)  # 2 kHz
    t = np.arange(RATE) / RATE
    low, high = np.sin(2 * np.pi * 500 * t), np.sin(2 * np.pi * 5000 * t + 1)
    voice = separate(constant(shares, ahead), (low + high)[:, None], RATE)[:, 0]
    inside = slice(FRAME, -FRAME)
    np.testing.assert_allclose(voice[inside], low[inside], rtol=0, atol=1e-3)


@pytest.mark.parametrize("ahead", AHEAD.values(), ids=AHEAD)
def test_channels_share_a_mask_and_keep_what_is_theirs(ahead):
    x = noise(RATE)
    net = tiny(ahead)
    alone = separate(net, x, RATE)
    np.testing.assert_allclose(separate(net, np.repeat(x, 2, axis=1), RATE), alone * [1, 1], atol=1e-6)
    if ahead:  # the level of a recording is known
        one_sided = separate(net, np.concatenate([x, 0 * x], axis=1), RATE)
        np.testing.assert_allclose(one_sided[:, :1], alone, atol=1e-6)
        assert not one_sided[:, 1].any()


def test_a_network_that_looks_ahead_hears_every_recording_at_one_level():
    x, net = noise(RATE), tiny(ahead=True)
    np.testing.assert_allclose(separate(net, 0.01 * x, RATE), 0.01 * separate(net, x, RATE), atol=1e-7)
    loud = 0.01 * separate(tiny(ahead=False), x, RATE)
    assert abs(separate(tiny(ahead=False), 0.01 * x, RATE) - loud).max() > 1e-5, "a causal one cannot know"


# ----------------------------------------------------------------------------------------- in pieces


@pytest.fixture
def short_pieces(monkeypatch):
    monkeypatch.setattr(separator, "PIECE", 40)
    monkeypatch.setattr(separator, "OVERLAP", 16)


@pytest.mark.parametrize("rate", [8000, 44_100])
@pytest.mark.parametrize("frames", [24.0, 40.0, 40.01, 63.999, 64.0, 64.5, 200.3])
def test_pieces_give_the_whole_where_the_mask_is_constant(short_pieces, rate, frames):
    hop = Frames(rate).hop
    x = noise(round(frames * hop), 2)
    shares = np.random.default_rng(0).uniform(0.01, 0.99, BINS)
    net = constant(shares, ahead=True)
    whole = voice_of(net, x, Frames(rate), 0.1)
    np.testing.assert_allclose(in_pieces(net, x, rate), whole, rtol=0, atol=1e-6)


def test_pieces_are_close_to_the_whole_with_a_network_that_remembers(monkeypatch):
    monkeypatch.setattr(separator, "PIECE", 100)
    monkeypatch.setattr(separator, "OVERLAP", 64)
    x = noise(230 * HOP)
    net = tiny(ahead=True)
    whole = voice_of(net, x, Frames(RATE), 0.1)
    pieces = in_pieces(net, x, RATE)
    assert np.linalg.norm(pieces - whole) < 0.01 * np.linalg.norm(whole)
    seam = separator.PIECE * HOP - separator.OVERLAP * HOP // 2
    jump = abs(np.diff((pieces - whole)[seam - 2000 : seam + 2000, 0])).max()
    assert jump < 0.02 * abs(np.diff(whole[:, 0])).max(), "the one is faded into the other"


def test_a_piece_is_read_once_and_no_more_than_a_piece_at_once(short_pieces):
    x, asked = noise(200 * HOP), []

    def read(start: int, stop: int) -> np.ndarray:
        asked.append((start, stop))
        return x[start:stop]

    blocks = list(voice_in_pieces(constant(0.5, True), read, len(x), Frames(RATE), 0.1))
    assert sum(map(len, blocks)) == len(x)
    assert asked[0] == (0, 40 * HOP) and asked[-1][1] == len(x)
    assert all(stop - start <= 40 * HOP for start, stop in asked)
    assert all(later - start == 24 * HOP for (start, _), (later, _) in pairwise(asked))


@pytest.mark.parametrize("ahead", AHEAD.values(), ids=AHEAD)
def test_a_longer_recording_takes_no_more_memory(short_pieces, monkeypatch, ahead):
    monkeypatch.setattr(separator, "BLOCK", 8192)
    net = tiny(ahead)

    def read(start: int, stop: int) -> np.ndarray:
        return noise(stop - start, 1, seed=start)

    def peak(samples: int) -> int:
        tracemalloc.start()
        count = sum(map(len, separator.voice_blocks(net, read, samples, 1, 8000)))
        result = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == samples
        return result

    peak(30_000)  # what is kept from the first time on is not counted
    short, long = peak(100_000), peak(1_000_000)
    assert long < 1.2 * short and long < 1_000_000 * 8, "less than the samples alone would take"


# ------------------------------------------------------------------------------------ block by block


@settings(max_examples=25)
@given(seeds, st.lists(st.integers(0, 3000), max_size=6), st.sampled_from([8000, 16_000]), st.integers(1, 3))
def test_any_split_into_blocks_gives_the_same(seed, splits, rate, channels):
    x = noise(3000, channels, seed)
    net = tiny(ahead=False, seed=seed)
    whole = OnlineSeparator(net, rate, channels).process(x)
    online = OnlineSeparator(net, rate, channels)
    parts = [online.process(part) for part in np.split(x, sorted(splits))]
    assert [len(part) for part in parts] == [len(part) for part in np.split(x, sorted(splits))]
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize("rate", RATES)
def test_block_by_block_is_the_whole_so_much_later(rate):
    net, n = tiny(ahead=False), Frames(rate).n
    x = noise(20 * n + 7)
    online = OnlineSeparator(net, rate, 1)
    assert online.latency == n
    out = np.concatenate([online.process(part) for part in np.split(x, range(480, len(x), 480))])
    assert not out[: n // 2].any()
    whole = voice_of(net, x, Frames(rate), STREAMED_LEVEL)
    np.testing.assert_allclose(out[n:], whole[:-n], rtol=0, atol=1e-5)
    np.testing.assert_allclose(separate(net, x, rate), whole, rtol=0, atol=1e-5)


def test_two_streams_of_one_network_do_not_know_of_each_other():
    net, x = tiny(ahead=False), noise(4000)
    alone = OnlineSeparator(net, RATE, 1).process(x)
    one, other = OnlineSeparator(net, RATE, 1), OnlineSeparator(net, RATE, 1)
    parts = []
    for part in np.split(x, 4):
        parts.append(one.process(part))
        other.process(-2 * part)
    np.testing.assert_allclose(np.concatenate(parts), alone, atol=1e-7)


def test_a_network_that_looks_ahead_cannot_run_block_by_block():
    with pytest.raises(ValueError, match="expected a network that does not look ahead, got one that needs"):
        OnlineSeparator(tiny(ahead=True), RATE, 1)

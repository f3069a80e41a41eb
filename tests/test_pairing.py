"""Any voice over any accompaniment: where segments begin, how loud they are, what goes together."""

import re
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds

from numpylstm.datasets import Mixtures
from numpylstm.datasets.pairing import SPEEDS, STEPS

AS_IT_IS = (1.0,)
"""The one speed of a sound that is not played faster or slower."""


def noise(n, seed=0):
    return np.random.default_rng(seed).standard_normal(n)


def ramps(*lengths):
    """Pairs whose samples say where they are from: their order is that of their values."""
    return [(np.arange(1, n + 1) / n, -np.arange(1, n + 1) / n) for n in lengths]


def rms(segments):
    return np.sqrt(np.mean(np.square(segments.astype(float)), axis=0))


def begins(segment, clip):
    """Where in a clip that is a ramp a segment begins, from the step at which it goes round."""
    n = len(clip)
    scaled = np.rint(np.abs(segment) / np.abs(segment).max() * n).astype(int) - 1
    np.testing.assert_array_equal(scaled % n, (scaled[0] + np.arange(len(segment))) % n)
    return scaled[0]


def loud(n, seed=0):
    """No sample near 0, so that no piece of it is taken for silence."""
    rng = np.random.default_rng(seed)
    return rng.choice((-1, 1), n) * rng.uniform(0.5, 1, n)


@given(
    seeds,
    st.lists(st.integers(1, 40), min_size=1, max_size=3),
    st.integers(1, 50),
    st.integers(1, 4),
    st.sampled_from(SPEEDS),
)
def test_a_segment_is_a_piece_of_its_clip_that_goes_round(seed, lengths, samples, batch, speed):
    pairs = [(loud(n, seed), loud(n, seed + 1)) for n in lengths]
    mixtures = Mixtures(pairs, speeds=(speed,))
    sources = mixtures.draw(samples, batch, np.random.default_rng(seed), gain_db=0)
    places = np.arange(samples) * speed
    for source, clips in zip(sources, zip(*pairs, strict=True), strict=True):
        assert source.shape == (samples, batch) and source.dtype == np.float32
        np.testing.assert_allclose(rms(source), 1, rtol=1e-4)
        around = np.arange(int(places[-1]) + 2)
        pieces = [
            np.interp(places, around, np.take(clip, start + around, mode="wrap"))
            for clip in clips
            for start in range(len(clip))
        ]
        for segment in source.T:
            # As like as 16 bits of the clip's peak are.
            assert any(np.allclose(segment, piece / rms(piece), atol=5e-3) for piece in pieces)


def test_segments_begin_everywhere_and_voice_and_accompaniment_apart():
    (voice, accompaniment), rng = ramps(50)[0], np.random.default_rng(0)
    mixtures = Mixtures([(voice, accompaniment)], speeds=AS_IT_IS)
    voices, accompaniments = mixtures.draw(50, 2000, rng)
    starts = [[begins(segment, voice) for segment in source.T] for source in (voices, accompaniments)]
    for found in starts:
        assert set(found) == set(range(50))
    assert abs(np.corrcoef(starts)[0, 1]) < 0.1
    assert voices.min() > 0 > accompaniments.max()


def test_without_shift_both_begin_at_the_same_sample():
    (voice, accompaniment), rng = ramps(50)[0], np.random.default_rng(0)
    drawn = Mixtures([(voice, accompaniment)], shift=False, speeds=AS_IT_IS).draw(50, 20, rng)
    starts = [[begins(segment, voice) for segment in source.T] for source in drawn]
    assert starts[0] == starts[1] and len(set(starts[0])) > 5


def test_without_shift_an_accompaniment_of_another_length_goes_round():
    mixtures = Mixtures(ramps(50, 7), shift=False)
    voices, accompaniments = mixtures.draw(80, 40, np.random.default_rng(0))
    assert np.isfinite(voices).all() and np.isfinite(accompaniments).all()


def tones(count):
    """Pairs of square waves: the period says from which pair a segment is."""
    return [
        (np.tile([1.0] * k + [-1.0] * k, 60 // k), np.tile([1.0] * k + [-1.0] * k, 60 // k))
        for k in range(1, count + 1)
    ]


def period(segment):
    return len(segment) / np.count_nonzero(np.diff(np.sign(segment)))


@pytest.mark.parametrize("repair", [True, False])
def test_any_voice_over_any_accompaniment_or_each_over_its_own(repair):
    mixtures = Mixtures(tones(3), repair=repair, speeds=AS_IT_IS)
    voices, accompaniments = mixtures.draw(60, 300, np.random.default_rng(0))
    drawn = [(round(period(v)), round(period(a))) for v, a in zip(voices.T, accompaniments.T, strict=True)]
    everything = {(v, a) for v in (1, 2, 3) for a in (1, 2, 3)}
    assert set(drawn) == (everything if repair else {(1, 1), (2, 2), (3, 3)})
    assert min(drawn.count(each) for each in set(drawn)) > (15 if repair else 60)


def test_the_gain_is_uniform_in_decibels_and_the_voices_alone():
    mixtures = Mixtures([(noise(5000), 40 * noise(5000, 1))])
    voices, accompaniments = mixtures.draw(2000, 800, np.random.default_rng(0), gain_db=6)
    gains = 20 * np.log10(rms(voices))
    assert -6.001 < gains.min() < -5.8 and 5.8 < gains.max() < 6.001
    assert abs(gains.mean()) < 0.4 and abs(gains.std() - 12 / np.sqrt(12)) < 0.2
    np.testing.assert_allclose(rms(accompaniments), 1, rtol=1e-4)


@pytest.mark.parametrize("level", [1e-6, 1.0, 1e4])
def test_the_level_of_a_clip_does_not_matter(level):
    drawn = [
        Mixtures([(size * noise(500), noise(500, 1))]).draw(100, 3, np.random.default_rng(0))
        for size in (1, level)
    ]
    np.testing.assert_allclose(drawn[1], drawn[0], rtol=1e-3, atol=1e-3)


def test_silence_stays_silent_and_noise_between_phrases_is_not_made_loud():
    sung = np.concatenate([np.zeros(1000), 1e-4 * noise(1000), noise(1000, 1)])
    mixtures = Mixtures([(np.zeros(3000), sung)])
    voices, accompaniments = mixtures.draw(100, 400, np.random.default_rng(0))
    assert not voices.any()
    quiet = rms(accompaniments)
    assert (
        (quiet == 0).any() and ((quiet > 0) & (quiet < 0.1)).any() and np.isclose(quiet, 1, rtol=1e-3).any()
    )


def test_16_bit_samples_are_sounds_too():
    sound = np.array([-32768, 16384, 0, 8192] * 20, np.int16)
    mixtures = Mixtures([(sound, sound)])
    np.testing.assert_array_equal(mixtures.voices[0][:4], [-STEPS, 16384, 0, 8192])


def tone(cycles, samples=6600):
    return np.sin(2 * np.pi * cycles * np.arange(samples) / samples)


def cycles(source):
    """How often each segment (samples, batch) swings, (batch,)."""
    return np.argmax(np.abs(np.fft.rfft(source, axis=0)), axis=0)


@pytest.mark.parametrize("speed", SPEEDS)
def test_a_faster_sound_is_higher_by_as_much(speed):
    mixtures = Mixtures([(tone(132), tone(330))], speeds=(speed,))
    voices, accompaniments = mixtures.draw(6600, 2, np.random.default_rng(0))
    assert (cycles(voices) == round(132 * speed)).all()
    assert (cycles(accompaniments) == round(330 * speed)).all()


@pytest.mark.parametrize("shift", [True, False])
def test_voice_and_accompaniment_have_speeds_of_their_own_unless_they_keep_time(shift):
    mixtures = Mixtures([(tone(132), tone(132))], shift=shift)
    drawn = zip(*map(cycles, mixtures.draw(1320, 400, np.random.default_rng(0))), strict=True)
    found = {(int(v), int(a)) for v, a in drawn}
    every = [round(26.4 * speed) for speed in SPEEDS]
    assert found == ({(v, a) for v in every for a in every} if shift else {(v, v) for v in every})


def test_as_many_accompaniments_are_doubled_as_asked_for_and_no_voices():
    pairs = [(noise(5000, seed), noise(5000, seed + 9)) for seed in range(3)]
    for doubled in (0.0, 0.3, 1.0):
        mixtures = Mixtures(pairs, doubled=doubled)
        voices, accompaniments = mixtures.draw(400, 600, np.random.default_rng(0), gain_db=0)
        np.testing.assert_allclose(rms(voices), 1, rtol=1e-4)
        # The sum of two segments has an RMS of about 1, and hardly ever of exactly 1.
        apart = np.abs(rms(accompaniments) - 1)
        assert np.mean(apart > 1e-4) == pytest.approx(doubled, abs=0.05)
        assert apart.max() < 0.3


def test_a_doubled_accompaniment_is_two_at_once():
    mixtures = Mixtures([(tone(10), tone(132)), (tone(20), tone(330))], doubled=1.0, speeds=AS_IT_IS)
    _, accompaniments = mixtures.draw(6600, 40, np.random.default_rng(0))
    spectra = np.abs(np.fft.rfft(accompaniments, axis=0))
    both = (spectra[132] > 1000) & (spectra[330] > 1000)
    assert 8 < both.sum() < 32, "half of the time the second is the other one"
    np.testing.assert_allclose(rms(accompaniments[:, both]), 1, rtol=1e-3)


@pytest.mark.parametrize(
    "first, share",
    [(None, 1 / 3), ((1, 0.6), 0.6), ((1, 0.0), 0.0), ((1, 1.0), 1.0), ((0, 0.6), 1 / 3), ((3, 0.6), 1 / 3)],
)
def test_the_first_pairs_are_drawn_as_often_as_asked_for(first, share):
    mixtures = Mixtures(tones(3), first=first, speeds=AS_IT_IS)
    for source in mixtures.draw(60, 800, np.random.default_rng(0)):
        found = np.array([round(period(segment)) for segment in source.T])
        assert np.mean(found == 1) == pytest.approx(share, abs=0.06)
        if share < 1:
            assert np.mean(found == 2) == pytest.approx((1 - share) / 2, abs=0.06)


def test_pairs_may_come_one_by_one_and_are_not_kept():
    pair = noise(100), noise(100, 1)
    mixtures = Mixtures(pair for _ in range(3))
    expected = mixtures.draw(50, 4, np.random.default_rng(0))
    pair[0][...] = 0
    np.testing.assert_array_equal(mixtures.draw(50, 4, np.random.default_rng(0)), expected)
    assert not np.array_equal(mixtures.draw(50, 4, np.random.default_rng(1)), expected)


def test_the_same_seed_gives_the_same_batch_whatever_was_drawn_before():
    mixtures = Mixtures(ramps(50, 30))
    first = mixtures.draw(20, 3, np.random.default_rng(5))
    first[0][...] = 0  # a batch is the caller's own
    again = [mixtures.draw(20, 3, np.random.default_rng(5)) for _ in range(2)]
    np.testing.assert_array_equal(*again)


def test_a_batch_takes_some_tens_of_milliseconds():
    mixtures = Mixtures([(noise(160_000, seed), noise(160_000, seed + 1)) for seed in range(4)])
    rng, fastest = np.random.default_rng(0), np.inf
    for _ in range(5):
        started = time.process_time()
        mixtures.draw(32_000, 32, rng)
        fastest = min(fastest, time.process_time() - started)
    assert fastest < 0.15  # 30 ms on a machine that does nothing else


REFUSED = {
    "nothing": (lambda: Mixtures([]), "expected at least one pair of voice and accompaniment, got none"),
    "two lengths": (
        lambda: Mixtures([(noise(5), noise(6))]),
        "expected voice and accompaniment (n,) of one length, got (5,) and (6,)",
    ),
    "stereo": (
        lambda: Mixtures([(np.ones((5, 2)), np.ones((5, 2)))]),
        "expected voice and accompaniment (n,) of one length, got (5, 2) and (5, 2)",
    ),
    "empty": (
        lambda: Mixtures([(noise(0), noise(0))]),
        "expected voice and accompaniment (n,) of one length, got (0,) and (0,)",
    ),
    "NaN": (
        lambda: Mixtures([(noise(3), [0, np.nan, 1])]),
        "expected finite samples, got NaN or infinity",
    ),
    "no samples": (
        lambda: Mixtures(ramps(5)).draw(0, 3, np.random.default_rng(0)),
        "expected at least 1 sample, a batch of 1 and 0 dB, got 0, 3 and 5.0",
    ),
    "a speed of 0": (
        lambda: Mixtures(ramps(5), speeds=(1.0, 0.0)),
        "expected speeds above 0 and doubled from 0 to 1, got (1.0, 0.0) and 0.0",
    ),
    "no speed": (
        lambda: Mixtures(ramps(5), speeds=()),
        "expected speeds above 0 and doubled from 0 to 1, got () and 0.0",
    ),
    "doubled": (
        lambda: Mixtures(ramps(5), doubled=1.5),
        f"expected speeds above 0 and doubled from 0 to 1, got {SPEEDS} and 1.5",
    ),
    "more first than there are": (
        lambda: Mixtures(ramps(5), first=(2, 0.5)),
        "expected first (0 to 1, 0 to 1), got (2, 0.5)",
    ),
    "a share above 1": (
        lambda: Mixtures(ramps(5), first=(1, 1.5)),
        "expected first (0 to 1, 0 to 1), got (1, 1.5)",
    ),
    "gain": (
        lambda: Mixtures(ramps(5)).draw(2, 3, np.random.default_rng(0), gain_db=-1),
        "expected at least 1 sample, a batch of 1 and 0 dB, got 2, 3 and -1",
    ),
}


@pytest.mark.parametrize(("call", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_in_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        call()

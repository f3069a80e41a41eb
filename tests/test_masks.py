"""Masks: the oracle, flux, and the seam ratio by hand and on masks with and without seams."""

import re

import numpy as np
import pytest
from hypothesis import given
from strategies import seeds

from numpylstm.audio.masks import flux, flux_ratio, ratio_mask, seam_ratio


def walk(frames: int, bins: int = 40, seed: int = 0) -> np.ndarray:
    """A mask that drifts, (frames, bins)."""
    rng = np.random.default_rng(seed)
    return 0.5 + 0.4 * np.sin(np.cumsum(0.3 * rng.standard_normal((frames, bins)), axis=0))


@given(seeds)
def test_the_ratio_mask_is_the_share_of_the_magnitudes(seed):
    rng = np.random.default_rng(seed)
    v, a = rng.standard_normal((2, 5, 3, 2)) @ [1, 1j]
    v[0], a[1] = 0, 0
    mask = ratio_mask(v, a)
    assert mask.shape == v.shape and not mask[0].any() and (mask[1] == 1).all()
    np.testing.assert_allclose(mask * (abs(v) + abs(a)), abs(v), rtol=1e-14, atol=1e-300)
    np.testing.assert_allclose(mask + ratio_mask(a, v), 1, rtol=1e-15)
    np.testing.assert_array_equal(mask, ratio_mask(abs(v), abs(a)))


def test_where_there_is_nothing_the_ratio_mask_is_undecided():
    assert ratio_mask([0, 1], [0, 0]).tolist() == [0.5, 1.0]


def test_the_ratio_mask_keeps_float32():
    assert ratio_mask(np.ones((2, 3), np.complex64), np.ones((2, 3), np.complex64)).dtype == np.float32


def test_flux_is_the_mean_change_of_all_bins():
    mask = np.array([[0.0, 1.0], [0.5, 1.0], [0.5, 0.2]])
    np.testing.assert_allclose(flux(mask), [0.25, 0.4])
    np.testing.assert_allclose(flux(np.stack([mask, mask], axis=1)), [0.25, 0.4])
    assert flux(mask[:1]).shape == flux(mask[:0]).shape == (0,)


def test_the_seam_ratio_by_hand():
    mask = np.array([0, 0.1, 0.4, 0.5, 0.8, 0.9])[:, None]  # changes .1 | .3 | .1 | .3 | .1
    assert seam_ratio(mask, 2) == pytest.approx(3)
    # frame 3 is the only border of blocks of 3: its change of .1 over the mean of .1, .3, .3, .1
    assert seam_ratio(mask, 3) == pytest.approx(0.5)


def test_a_mask_without_seams_has_ratio_one_and_jumps_raise_it():
    mask = walk(3200)
    assert seam_ratio(mask, 32) == pytest.approx(1, abs=0.03)
    jumping = np.concatenate([walk(32, seed=block) for block in range(100)])
    assert seam_ratio(jumping, 32) > 2
    assert seam_ratio(jumping, 31) == pytest.approx(1, abs=0.1), "blocks of another length do not see them"


def test_masks_of_several_clips_count_by_their_frames():
    clips = [walk(100), walk(70, seed=1), walk(20, seed=2)]
    changes = np.concatenate([flux(clip) for clip in clips])
    border = np.concatenate([np.arange(1, len(clip)) % 32 == 0 for clip in clips])
    expected = changes[border].mean() / changes[~border].mean()
    assert seam_ratio(clips, 32) == pytest.approx(expected)


def test_flux_is_all_that_the_seam_ratio_needs():
    clips = [walk(100), walk(70, seed=1), walk(1, seed=2)]
    changes = [flux(clip) for clip in clips]
    assert flux_ratio(changes, 32) == seam_ratio(clips, 32)
    assert flux_ratio(changes[:1], 32) == seam_ratio(clips[0], 32) != flux_ratio(changes, 32)
    # changes 1 to 4, of which the second and the fourth lie at the borders of blocks of 2
    assert flux_ratio([np.array([1.0, 5.0, 2.0, 7.0]), np.array([3.0])], 2) == pytest.approx(6 / 2)


def test_silence_does_not_change_the_ratio_much():
    mask = walk(3200)
    silent = np.concatenate([mask, np.repeat(mask[-1:], 3200, axis=0)])
    assert seam_ratio(silent, 32) == pytest.approx(seam_ratio(mask, 32), abs=0.01)


def test_a_mask_that_never_changes_has_no_ratio():
    assert np.isnan(seam_ratio(np.full((100, 4), 0.3), 32))


@pytest.mark.parametrize(
    "call, sentence",
    [
        (lambda: ratio_mask(np.ones((2, 3)), np.ones((3, 2))), "expected spectra of one shape, got (2, 3)"),
        (lambda: flux(1.0), "expected a mask of shape (T, ..., bins), got a single number"),
        (lambda: seam_ratio(walk(100), 1), "expected blocks of at least 2 frames, got 1"),
        (lambda: seam_ratio(walk(32), 32), "expected a mask of more than 32 frames"),
        (lambda: seam_ratio([], 32), "expected a mask of more than 32 frames"),
        (lambda: flux_ratio([np.ones(31)], 32), "expected a mask of more than 32 frames"),
        (lambda: flux_ratio([np.ones(99)], 0), "expected blocks of at least 2 frames, got 0"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        call()

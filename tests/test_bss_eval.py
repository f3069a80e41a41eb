"""BSS-EVAL: against mir_eval, against constructions with known figures, and at its edges."""

import re
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import seeds

from numpylstm.audio.bss_eval import (
    ClipMeasures,
    Measures,
    bss_eval,
    global_measures,
    measure,
    nsdr,
)

TAPS = 32  # of the filters in tests of what does not depend on their number


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def coloured(sources: int, samples: int, seed: int = 0) -> np.ndarray:
    """Sources with spectra that fall, as those of sound do, each in its own way; some never silent noise."""
    from scipy.signal import lfilter

    poles = np.linspace(0.9, 0.5, sources)
    return np.stack([lfilter([1], [1, -p], noise(samples, seed=seed + k)) for k, p in enumerate(poles)])


def mir_eval(references: np.ndarray, estimates: np.ndarray) -> np.ndarray:
    """(3, sources), by the package that most published figures were made with."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # its separation measures leave it with version 0.9
        warnings.simplefilter("ignore", DeprecationWarning)
        peer = pytest.importorskip("mir_eval.separation")
        return np.array(peer.bss_eval_sources(references, estimates, compute_permutation=False)[:3])


def orthogonal(references: np.ndarray, taps: int, seed: int = 0) -> np.ndarray:
    """Noise (samples,) orthogonal to every copy of the references (sources, samples) delayed by < taps."""
    samples = references.shape[1]
    copies = [np.pad(r, (delay, 0))[:samples] for r in references for delay in range(taps)]
    basis, _ = np.linalg.qr(np.transpose(copies))
    e = noise(samples, seed=seed)
    return e - basis @ (basis.T @ e)


# ------------------------------------------------------------------------------------ against mir_eval


@pytest.mark.parametrize("samples", [1024, 1025, 4999, 16_384, 20_001])
@pytest.mark.parametrize("sources", [1, 2])
def test_the_figures_are_those_of_mir_eval(samples, sources):
    references = coloured(sources, samples)
    estimates = references + 0.2 * references[::-1] + 0.1 * noise(sources, samples, seed=9)
    np.testing.assert_allclose(
        bss_eval(references, estimates)[:3], mir_eval(references, estimates), rtol=0, atol=1e-6
    )


def test_the_figures_of_three_sources_are_those_of_mir_eval():
    references = coloured(3, 5000)
    estimates = references + 0.2 * references[::-1] + 0.1 * noise(3, 5000, seed=9)
    np.testing.assert_allclose(
        bss_eval(references, estimates)[:3], mir_eval(references, estimates), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("wanted", [100, 80, 60, 20, 0, -20, -40])
def test_the_figures_are_those_of_mir_eval_however_good_the_estimate(wanted):
    references = coloured(2, 40_000)
    error = 0.5 * (references[::-1] + noise(2, 40_000, seed=9))
    ratio = np.linalg.norm(references, axis=1) / np.linalg.norm(error, axis=1)
    estimates = references + 10 ** (-wanted / 20) * ratio[:, None] * error
    ours, theirs = bss_eval(references, estimates), mir_eval(references, estimates)
    np.testing.assert_allclose(ours[:3], theirs, rtol=0, atol=1e-6)
    if wanted >= 0:
        np.testing.assert_allclose(ours.sdr, wanted, atol=1)


# ------------------------------------------------------------------------------------- known figures


def decibels(ratio: float) -> float:
    return 10 * np.log10(ratio)


def test_an_error_orthogonal_to_all_the_filters_can_make_has_a_known_sdr():
    references = noise(2, 3000)
    references[:, -TAPS:] = 0  # so that no delayed copy rings on after the end
    e = orthogonal(references, TAPS, seed=5)
    estimates = np.stack([2 * references[0] + 0.3 * e, references[1]])
    ours = bss_eval(references, estimates, TAPS)
    expected = decibels(4 * np.sum(references[0] ** 2) / np.sum((0.3 * e) ** 2))
    assert ours.sdr[0] == pytest.approx(expected, abs=1e-9)
    assert ours.sar[0] == pytest.approx(expected, abs=1e-9)
    assert ours.sir[0] > 200, "nothing of the other source"


def test_leakage_has_a_known_sir():
    # An impulse every 200 samples, so that even its delayed copies never meet those of the other source.
    references = np.zeros((2, 4000))
    references[0, 100:3900:200], references[1, 200:3900:200] = 1, 1
    other = np.convolve(references[1], [0.5, -0.25])[:4000]
    ours = bss_eval(references, np.stack([references[0] + other, references[1]]), TAPS)
    assert ours.sir[0] == pytest.approx(decibels(1 / (0.25 + 0.0625)), abs=1e-9)
    assert ours.sdr[0] == pytest.approx(ours.sir[0], abs=1e-9)
    assert ours.sar[0] > 200, "nothing but the references"


def test_interference_and_artifacts_share_the_distortion():
    references = noise(2, 3000)
    references[:, -TAPS:] = 0
    e = orthogonal(references, TAPS, seed=5)
    sdr, sir, sar, _ = bss_eval(references, references + 0.3 * references[::-1] + 0.2 * e, TAPS)
    # Target, interference and artifacts are orthogonal, so each ratio follows from the other two.
    i, a = 10 ** (-sir / 10), 10 ** (-sar / 10)
    np.testing.assert_allclose(10 ** (-sdr / 10), i + a * (1 + i), rtol=1e-9)


@settings(max_examples=15)
@given(seeds, st.floats(-60, 60), st.booleans())
def test_gain_changes_nothing(seed, gain, negative):
    references, e = noise(2, 500, seed=seed), noise(2, 500, seed=seed + 1)
    estimates = references + 0.5 * e
    factor = (-1 if negative else 1) * 10 ** (gain / 20)
    expected = bss_eval(references, estimates, TAPS)[:3]
    np.testing.assert_allclose(bss_eval(references, factor * estimates, TAPS)[:3], expected, atol=1e-8)
    scaled = references * [[factor], [1]]
    np.testing.assert_allclose(bss_eval(scaled, estimates, TAPS)[:3], expected, atol=1e-8)


def test_levels_whose_squares_no_number_can_hold_change_nothing_either():
    references, e = noise(2, 500), noise(2, 500, seed=1)
    expected = bss_eval(references, references + 0.5 * e, TAPS)[:3]
    ours = bss_eval(references * [[1e200], [1e-200]], 1e-250 * (references + 0.5 * e), TAPS)
    np.testing.assert_allclose(ours[:3], expected, atol=1e-8)


@settings(max_examples=15)
@given(seeds, st.integers(1, TAPS))
def test_a_filter_of_as_many_taps_is_no_distortion_and_a_longer_one_is(seed, taps):
    rng = np.random.default_rng(seed)
    references = rng.standard_normal((2, 600))
    references[:, -2 * TAPS :] = 0
    filter = rng.uniform(0.2, 1, taps)
    filtered = np.stack([np.convolve(row, filter)[:600] for row in references])
    assert (bss_eval(references, filtered, TAPS).sdr > 150).all()
    late = np.pad(filtered, ((0, 0), (TAPS, 0)))[:, :600]
    assert (bss_eval(references, late, TAPS).sdr < 30).all()


@settings(max_examples=15)
@given(seeds)
def test_sources_in_another_order_have_their_figures_in_that_order(seed):
    references, e = noise(3, 400, seed=seed), noise(3, 400, seed=seed + 1)
    estimates = references + e
    there, back = bss_eval(references, estimates, 16), bss_eval(references[::-1], estimates[::-1], 16)
    np.testing.assert_allclose(np.array(there[:3]), np.array(back[:3])[:, ::-1], atol=1e-8)


# ------------------------------------------------------------------------------- where copies depend


def test_a_reference_twice_is_a_source_that_cannot_interfere():
    reference = noise(2000)
    estimate = reference + 0.1 * noise(2000, seed=1)
    alone = bss_eval(reference[None], estimate[None], TAPS)
    twice = bss_eval(np.stack([reference, reference]), np.stack([estimate, estimate]), TAPS)
    np.testing.assert_allclose(twice.sdr, alone.sdr[0], atol=1e-6)
    np.testing.assert_allclose(twice.sar, alone.sar[0], atol=1e-6)
    assert (twice.sir > 100).all()


def test_a_delayed_copy_adds_only_the_delays_that_the_first_has_not():
    reference = noise(3000)
    reference[-2 * TAPS :] = 0
    delayed = np.roll(reference, 5)
    estimate = reference + 0.1 * noise(3000, seed=1)
    pair = bss_eval(np.stack([reference, delayed]), np.stack([estimate, estimate]), TAPS)
    longer = bss_eval(reference[None], estimate[None], TAPS + 5)
    assert pair.sar[0] == pytest.approx(longer.sar[0], abs=1e-6)


def test_references_that_lack_frequencies_are_no_obstacle():
    spectrum = np.fft.rfft(noise(2, 8000))
    spectrum[:, 1000:] = 0
    references = np.fft.irfft(spectrum, 8000)
    estimates = references + 0.1 * references[::-1] + 0.05 * noise(2, 8000, seed=1)
    ours = bss_eval(references, estimates, 128)
    np.testing.assert_allclose(ours.sir, 20, atol=1.5)
    np.testing.assert_allclose(ours.sar, 10 * np.log10(references.var() / 0.05**2), atol=1.5)


def test_a_constant_and_a_tone_are_references_too():
    n = np.arange(8000)
    references = np.stack([np.ones(8000), np.sin(0.3 * n)])
    estimates = references + 0.1 * noise(2, 8000)
    ours = bss_eval(references, estimates, TAPS)
    np.testing.assert_allclose(ours.sdr, [20, 17], atol=0.5)


# -------------------------------------------------------------------------------------------- silence


def test_a_silent_reference_is_nan_and_counted_and_the_others_are_as_if_it_were_not_there():
    references, estimates = noise(3, 1000), noise(3, 1000, seed=1)
    estimates += references
    references[1] = 0
    ours = bss_eval(references, estimates, TAPS)
    assert ours.silent == 1
    others = bss_eval(references[[0, 2]], estimates[[0, 2]], TAPS)
    assert others.silent == 0
    for figure, expected in zip(ours[:3], others[:3], strict=True):
        assert np.isnan(figure).tolist() == [False, True, False]
        np.testing.assert_array_equal(figure[[0, 2]], expected)


def test_nothing_but_silence_is_nothing_but_nan():
    ours = bss_eval(np.zeros((2, 100)), np.zeros((2, 100)), 8)
    assert ours.silent == 2 and np.isnan(ours[:3]).all()


def test_a_silent_estimate_is_nan_and_the_others_have_their_figures():
    references, estimates = noise(2, 1000), noise(2, 1000, seed=1)
    expected = bss_eval(references, estimates, TAPS)
    estimates[0] = 0
    ours = bss_eval(references, estimates, TAPS)
    assert ours.silent == 0
    for figure, before in zip(ours[:3], expected[:3], strict=True):
        assert np.isnan(figure[0]) and figure[1] == pytest.approx(before[1], abs=1e-9)


def test_with_one_source_nothing_can_interfere():
    ours = bss_eval(noise(1, 500), noise(1, 500, seed=1), 8)
    assert ours.sir[0] == np.inf and ours.sdr[0] == ours.sar[0]


# -------------------------------------------------------------------------------- one never aliases another


def test_every_figure_owns_its_memory():
    references = noise(2, 500)
    ours = bss_eval(references, noise(2, 500, seed=1), 8)
    arrays = [*ours[:3], nsdr(references, noise(2, 500, seed=1), references.sum(axis=0), 8)]
    for k, array in enumerate(arrays):
        assert array.base is None
        kept = [other.copy() for other in arrays]
        array[...] = 1000.0 + k
        for j, other in enumerate(arrays):
            if j != k:
                np.testing.assert_array_equal(other, kept[j])


def test_the_arguments_stay_as_they_are():
    references, estimates = noise(2, 500), noise(2, 500, seed=1)
    kept = references.copy(), estimates.copy()
    bss_eval(references, estimates, 8)
    np.testing.assert_array_equal(references, kept[0])
    np.testing.assert_array_equal(estimates, kept[1])


# ------------------------------------------------------------------------------------ clips and means


def test_the_mixture_as_the_estimate_gains_nothing():
    references = noise(2, 1000)
    mixture = references.sum(axis=0)
    np.testing.assert_allclose(nsdr(references, np.stack([mixture, mixture]), mixture, TAPS), 0, atol=1e-9)


def test_a_clip_has_the_figures_of_its_parts():
    references = noise(2, 2000)
    estimates = references + 0.2 * references[::-1] + 0.1 * noise(2, 2000, seed=1)
    clip = measure(*references, *estimates, filter_length=TAPS)
    sdr, sir, sar, _ = bss_eval(references, estimates, TAPS)
    gain = nsdr(references, estimates, references.sum(axis=0), TAPS)
    np.testing.assert_allclose([clip.voice, clip.accompaniment], np.stack([sdr, sir, sar, gain], axis=1))
    assert (clip.samples, clip.silent) == (2000, 0)
    assert clip.voice.nsdr > 5
    assert all(type(figure) is float for figure in clip.voice)


def test_a_clip_with_silence_in_it_has_nan():
    voice, accompaniment = noise(2, 1000)
    silence = np.zeros(1000)
    clip = measure(voice, silence, voice, accompaniment, TAPS)
    assert clip.silent == 1 and np.isnan([clip.voice, clip.accompaniment]).all()
    clip = measure(voice, accompaniment, silence, voice, TAPS)
    assert clip.silent == 0 and np.isnan(clip.voice).all() and not np.isnan(clip.accompaniment).any()
    clip = measure(voice, -voice, accompaniment, accompaniment, TAPS)  # the mixture is silent
    assert np.isnan(clip.voice.nsdr)


def clip(samples: int, *figures: float) -> ClipMeasures:
    return ClipMeasures(Measures(*figures), Measures(*(-figure for figure in figures)), samples, 0)


def test_means_are_weighted_by_length_and_leave_out_nan():
    nan = np.nan
    clips = [
        clip(100, 1.0, 2.0, 3.0, 4.0),
        clip(300, 5.0, 6.0, 7.0, 8.0),
        clip(900, nan, nan, nan, nan),
        clip(900, 1.0, 1.0, 1.0, nan),
    ]
    means = global_measures(clips)
    assert means == pytest.approx((7.0, 5.0, 6.0, 2, 2))
    assert means._fields == ("gnsdr", "gsir", "gsar", "clips", "left_out")
    assert global_measures(clips, "accompaniment")[:3] == pytest.approx((-7.0, -5.0, -6.0))


def test_no_clip_has_no_mean():
    for clips, left_out in (([], 0), ([clip(9, *[np.nan] * 4)], 1)):
        means = global_measures(clips)
        assert np.isnan(means[:3]).all() and means[3:] == (0, left_out)


# ------------------------------------------------------------------------------------- what is refused


def broken(value: float) -> np.ndarray:
    return np.where(np.arange(2000).reshape(2, 1000) == 7, value, 1.0)


@pytest.mark.parametrize(
    "call, sentence",
    [
        (
            lambda: bss_eval(noise(2, 2000), noise(2, 1999)),
            "expected estimates of shape (2, 2000) like the references, got (2, 1999)",
        ),
        (lambda: bss_eval(noise(2000), noise(2000)), "expected references of shape (sources, samples)"),
        (lambda: bss_eval(noise(2, 0), noise(2, 0)), "in real numbers, got float64 (2, 0)"),
        (lambda: bss_eval(1j * noise(2, 9), noise(2, 9)), "in real numbers, got complex128 (2, 9)"),
        (lambda: bss_eval(broken(np.nan), noise(2, 1000), 8), "expected references that are finite numbers"),
        (lambda: bss_eval(noise(2, 1000), broken(np.inf), 8), "expected estimates that are finite numbers"),
        (
            lambda: bss_eval(noise(2, 500), noise(2, 500)),
            "expected at least 1024 samples for 2 sources and filters of 512 taps, got 500",
        ),
        (lambda: bss_eval(noise(2, 500), noise(2, 500), 0), "expected a filter_length of at least 1, got 0"),
        (
            lambda: nsdr(noise(2, 99), noise(2, 99), noise(98), 8),
            "expected a mixture of shape (99,), got (98,)",
        ),
        (
            lambda: measure(noise(99), noise(99), noise(98), noise(99), 8),
            "expected voice_estimate of shape (99,) like the voice, got (98,)",
        ),
        (lambda: measure(noise(1, 99), *[noise(99)] * 3), "expected voice of shape (samples,), got (1, 99)"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        call()

"""Bands that share their weights, and the network that is made of them."""

import numpy as np
import pytest

import numpylstm as nl
from numpylstm import GRU, LSTM, AcrossBands, Bidirectional, Dense, EachBand, Pick, checkpoint
from numpylstm.cli import main
from numpylstm.tasks import recipes, separation
from numpylstm.tasks.separator import BINS, FRAME, RATE

BANDS, T, B, E = 3, 5, 2, 4


def signal(seed=0):
    return np.random.default_rng(seed).standard_normal((T, B, BANDS * E))


def test_each_band_goes_through_the_layer_as_if_it_were_alone():
    lstm, x = LSTM(E, 2, seed=0), signal()
    net = EachBand(lstm.copy(), BANDS)
    rng = np.random.default_rng(1)
    state = [rng.standard_normal((B, BANDS * 2)) for _ in "hc"]
    y, (final,), _ = net.forward(x, (tuple(state),))
    for band in range(BANDS):
        of_band = slice(band * 2, band * 2 + 2)
        alone, (h, c), _ = lstm.forward(x[:, :, band * E : (band + 1) * E], [s[:, of_band] for s in state])
        np.testing.assert_allclose(y[:, :, of_band], alone, atol=1e-14)
        np.testing.assert_allclose(final.h[:, of_band], h, atol=1e-14)
        np.testing.assert_allclose(final.c[:, of_band], c, atol=1e-14)


def test_across_the_bands_a_frame_is_a_sequence_from_low_to_high():
    inner, x = Bidirectional(LSTM(E, 2), GRU(E, 2), seed=0), signal()
    y = AcrossBands(inner.copy(), BANDS).predict(x)
    for t in range(T):
        for b in range(B):
            frame = x[t, b].reshape(BANDS, 1, E)
            np.testing.assert_allclose(y[t, b], inner.predict(frame).ravel(), atol=1e-14)


def test_a_frame_knows_nothing_of_others_across_the_bands():
    net = nl.Sequential(AcrossBands(Bidirectional(LSTM(E, 2), LSTM(E, 2), seed=0), BANDS))
    assert net.causal
    x = signal()
    whole, stream = net.predict(x), net.stream(B)
    np.testing.assert_allclose(
        np.concatenate([stream.process(x[:2]), stream.process(x[2:])]), whole, atol=1e-14
    )


def test_what_is_picked_twice_gets_both_gradients():
    pick, x = Pick(4, [3, 0, 0]), np.arange(4.0)[None]
    y, _, cache = pick.forward(x)
    np.testing.assert_array_equal(y, [[3, 0, 0]])
    np.testing.assert_array_equal(pick.backward(np.array([[1.0, 10.0, 100.0]]), cache)[0], [[110, 0, 0, 1]])


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda: EachBand(Dense(2, 2), 0), "expected bands to be a positive whole number, got 0"),
        (lambda: EachBand(Dense(2, 2), 2).predict(np.zeros((3, 1, 5))), "F a multiple of 2 bands, got"),
        (lambda: AcrossBands(Dense(2, 2), 2).predict(np.zeros((3, 5))), "of shape .T, B, F., F a multiple"),
        (lambda: Pick(3, [0, 3]), "expected indices from 0 to 2, got 0 to 3"),
        (lambda: Pick(3, []), "expected indices .O,. of whole numbers, got float64 .0,."),
        (lambda: Pick(3, [0.5]), "expected indices .O,. of whole numbers, got float64"),
    ],
)
def test_what_is_no_band_is_refused(make, said):
    with pytest.raises(ValueError, match=said):
        make()


# The network


@pytest.fixture(scope="module")
def net():
    return recipes.bands(np.random.default_rng(0), size=4, hidden=3)


def test_a_band_hears_its_own_bins_and_those_beside(net):
    pick = next(layer for layer in net.layers[0].layers if isinstance(layer, Pick))
    heard = np.reshape(pick.indices, (-1, 3, 24))
    assert heard.shape[0] == 40
    for frame in range(3):
        assert (heard[:, frame] // BINS == frame).all()
    now = heard[:, 1] % BINS
    np.testing.assert_array_equal(now[5], range(32, 56))  # bins 40 to 47, and eight on each side
    np.testing.assert_array_equal(now[35], range(256 + 4 * 16, 256 + 4 * 40, 4))
    assert now.min() == 0 and now.max() <= 512


def test_every_bin_has_the_score_of_the_place_that_was_heard(net):
    first, last = (layer for layer in net.layers[0].layers if isinstance(layer, Pick))
    heard = np.reshape(first.indices, (-1, 3, 24))[:, 1, 8:16] - BINS  # (bands, 8): the bins each band scores
    voice, accompaniment = np.reshape(last.indices, (2, BINS))
    for offset, source in ((0, voice), (8, accompaniment)):
        band, place = source // 16, source % 16 - offset
        assert ((place >= 0) & (place < 8)).all()
        away = np.arange(BINS) - heard[band, place]
        assert (away[:256] == 0).all() and (away >= 0).all() and away.max() <= 4


def test_softening_finds_the_readout_behind_which_only_bins_are_picked(net):
    softer = net.copy()
    separation.soften(softer, 0.5)
    readout = softer.layers[0].layers[-2].theta
    np.testing.assert_allclose(readout, 0.5 * net.layers[0].layers[-2].theta)
    np.testing.assert_array_equal(softer.theta[: -readout.size], net.theta[: -readout.size])


# Formants


def voice(formant: float, pitch: int = 12) -> np.ndarray:
    """A spectrum (3, 1, BINS) with a line at every `pitch`-th bin, loudest around `formant` Hz."""
    bins = np.arange(BINS)
    envelope = 0.02 + np.exp(-(((bins * RATE / FRAME - formant) / 300) ** 2))
    lines = 0.05 + np.exp(-(((bins + pitch / 2) % pitch - pitch / 2) ** 2))
    return np.broadcast_to(envelope * lines * np.exp(0.3j * bins), (3, 1, BINS)).astype(np.complex64)


def test_formants_move_and_the_notes_stay():
    before = voice(1500)
    after = separation.move_formants(before, np.array([1.2]))
    assert after.dtype == np.complex64
    lines = np.arange(0, BINS, 12)
    loudest = [lines[np.argmax(np.abs(part[1, 0, lines]))] * RATE / FRAME for part in (before, after)]
    assert abs(loudest[0] - 1500) < 100 and abs(loudest[1] - 1800) < 150
    # Lines are where they were: each is louder than the bins half way to the next.
    assert (np.abs(after[1, 0, lines[1:-1]]) > 2 * np.abs(after[1, 0, lines[1:-1] + 6])).all()
    np.testing.assert_allclose(np.angle(after), np.angle(before), atol=1e-5)
    np.testing.assert_allclose(*((np.abs(part) ** 2).sum() for part in (before, after)), rtol=1e-4)


def test_formants_that_stay_change_nothing_and_silence_stays_silent():
    before = voice(1500)
    np.testing.assert_allclose(separation.move_formants(before, np.ones(1)), before, rtol=1e-5)
    assert not separation.move_formants(0 * before, np.array([1.1])).any()


# Networks joined


def test_a_mean_is_the_mean_and_its_layers_share_the_gradient():
    one, two, x = LSTM(3, 2, seed=0), GRU(3, 2, seed=1), np.random.default_rng(0).standard_normal((4, 2, 3))
    y = nl.Mean(one.copy(), two.copy()).predict(x)
    np.testing.assert_allclose(y, (one.predict(x) + two.predict(x)) / 2, atol=1e-14)
    with pytest.raises(ValueError, match=r"whose outputs have one shape, got \(4, 2, 2\), \(4, 2, 3\)"):
        nl.Mean(LSTM(3, 2), LSTM(3, 3)).predict(x)


def test_networks_joined_share_out_the_mixture_and_are_saved_as_one(tmp_path, net):
    other = recipes.both_directions(np.random.default_rng(1), size=6, hidden=4)
    for name, one in (("a", net), ("b", other)):
        checkpoint.save(one.copy(), tmp_path / f"{name}.safetensors", extra={"trained_on": f"clips {name}"})
    joined, trained_on = separation.join([tmp_path / "a.safetensors", tmp_path / "b.safetensors"])
    assert trained_on == "clips a; and clips b"
    x = np.random.default_rng(0).rayleigh(size=(7, 2, BINS)).astype(np.float32)
    y = joined.predict(x)
    np.testing.assert_allclose(y, (net.predict(x) + other.predict(x)) / 2, atol=1e-6)
    assert (
        main(
            [
                "separate",
                "join",
                *(str(tmp_path / f"{n}.safetensors") for n in "ab"),
                "--out",
                str(tmp_path / "c"),
            ]
        )
        == 0
    )
    again = separation.load(tmp_path / "c")
    np.testing.assert_allclose(again.predict(x), y, atol=1e-6)
    assert separation.origin(tmp_path / "c") == trained_on
    with pytest.raises(ValueError, match="expected two networks or more to join, got 1"):
        separation.join([tmp_path / "a.safetensors"])


def test_softening_a_joined_network_softens_each(net):
    both = nl.Mean(net.copy(), net.copy())
    separation.soften(both, 0.5)
    softer = net.copy()
    separation.soften(softer, 0.5)
    np.testing.assert_array_equal(both.theta, np.concatenate([softer.theta, softer.theta]))

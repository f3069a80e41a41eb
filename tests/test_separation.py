"""Training to separate, measuring as papers do, and taking recordings apart."""

import csv
import re
import tracemalloc
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import seeds

from numpylstm import Compress, Context, Dense, Layer, Mask, Sequential, Standardize, checkpoint
from numpylstm.audio.bss_eval import ClipMeasures, Measures, bss_eval, measure
from numpylstm.audio.masks import flux, seam_ratio
from numpylstm.datasets import Clip, Mixtures, SyntheticSingers, plucked_melodies
from numpylstm.optimizers import lbfgs
from numpylstm.tasks import recipes, separation, separator, taking_apart
from numpylstm.tasks.recipes import RECIPES, Recipe
from numpylstm.tasks.separation import Batches, Evaluation, Frames, curves
from numpylstm.tasks.separator import BINS, FRAME, HOP, NORM, RATE, STREAMED_LEVEL

TINY = Recipe(
    partial(recipes.both_directions, size=6, hidden=4),
    frames=8,
    batch=3,
    updates=30,
    clips=0,
    colour_db=0.0,
    doubled=0.0,
    level_db=0.0,
)
CAUSAL = replace(TINY, build=partial(recipes.bands, size=6, hidden=4, blocks=1, ahead=False))


def noise(samples: int = 2 * RATE, channels: int | None = None, seed: int = 0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal((samples, channels) if channels else samples)


def clip(seed: int = 0, seconds: float = 2.0, name: str = "") -> Clip:
    """A voice that is a low melody and an accompaniment that is hiss: easy to tell apart."""
    melody = plucked_melodies(seconds=seconds + 0.1, rate=RATE, seed=seed)[: round(seconds * RATE)]
    hiss = np.diff(noise(len(melody) + 1, seed=seed))
    return Clip(name or f"clip_{seed}", 0.1 * melody / np.sqrt(np.mean(melody**2)), hiss, RATE)


def half(ahead: bool = True) -> Layer:
    """A network that gives each source half of everything."""
    layers = [Context(BINS, 0, 1), Dense(2 * BINS, 1)] if ahead else [Dense(BINS, 1)]
    net = Mask(Sequential(*layers, Dense(1, 2 * BINS)), kind="softmax", dtype=np.float32, seed=0)
    net.theta[:] = 0
    return net


def tiny(ahead: bool = True, seed: int = 0) -> Layer:
    return (TINY if ahead else CAUSAL).build(np.random.default_rng(seed))


def material(seconds: float = 1.0) -> Mixtures:
    one = clip(seconds=seconds)
    return Mixtures([(one.voice, one.accompaniment)])


# ------------------------------------------------------------------------------------------- batches


@given(seeds)
@settings(max_examples=8)
def test_a_batch_holds_the_mixture_s_magnitudes_and_both_sources(seed):
    for recipe in (TINY, replace(TINY, colour_db=4.0, level_db=6.0)):
        batches = Batches(material(), recipe)
        x, target = batches.draw(np.random.default_rng(seed))
        assert x.shape == (8, 3, BINS) and target.shape == (8, 3, 2 * BINS)
        assert x.dtype == target.dtype == np.float32 and x.min() >= 0
        voice, accompaniment = np.split(target, 2, axis=2)
        # What is in phase with the mixture sums to it exactly.
        np.testing.assert_allclose(voice + accompaniment, x, rtol=0, atol=1e-6 * x.max())
        published = Batches(batches.mixtures, replace(recipe, target="magnitude"))
        x_again, magnitudes = published.draw(np.random.default_rng(seed))
        np.testing.assert_array_equal(x_again, x)
        v, a = np.split(magnitudes, 2, axis=2)
        assert magnitudes.min() >= 0
        assert (v + a >= x * (1 - 1e-5) - 1e-6).all(), "magnitudes sum to more, where phases differ"
        assert np.sum(v + a) > 1.01 * np.sum(x)
        # |s| cos(angle): never larger than |s|.
        assert (abs(voice) <= v + 1e-5 * x.max()).all() and (voice < 0).any()


def test_the_mixture_is_the_sum_of_the_sources_at_an_rms_of_1():
    mixtures = Mixtures([(noise(seed=1), noise(seed=2))], speeds=(1.0,))
    recipe = replace(TINY, frames=60, batch=8)
    x, _ = Batches(mixtures, recipe).draw(np.random.default_rng(0))
    np.testing.assert_allclose(np.sqrt(np.mean(x**2, axis=(0, 2))), 1, rtol=0.02)
    x, _ = Batches(mixtures, replace(recipe, level_db=10.0)).draw(np.random.default_rng(0))
    levels = 20 * np.log10(np.sqrt(np.mean(x**2, axis=(0, 2))))
    assert abs(levels).max() < 10.2 and levels.std() > 3


def test_a_batch_is_what_the_network_is_applied_to():
    """The frames of a batch, and those of a recording, are the same to the network."""
    sound = noise((TINY.frames + 1) * HOP)
    level = np.sqrt(np.mean(sound**2))
    mixtures = Mixtures([(sound, np.zeros_like(sound))], speeds=(1.0,))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Mixtures, "draw", lambda self, n, batch, rng, gain: (sound[:, None], 0 * sound[:, None])
        )
        x, _ = Batches(mixtures, replace(TINY, batch=1)).draw(np.random.default_rng(0))
    frames = separator.Frames(RATE)
    np.testing.assert_allclose(frames.magnitudes(frames.cut(sound[:, None]), level), x, rtol=1e-4, atol=1e-5)


def test_spectra_are_of_the_frames_that_lie_wholly_within():
    sound = noise(5 * HOP + 100, 2).astype(np.float32)
    found = Frames(RATE).cut(sound)
    assert found.shape == (4, 2, BINS) and found.dtype == np.complex64
    window = np.sin(np.pi * (np.arange(FRAME) + 0.5) / FRAME)
    for t in range(4):
        expected = np.fft.rfft(sound[t * HOP : t * HOP + FRAME] * window[:, None], axis=0).T
        np.testing.assert_allclose(found[t], expected, rtol=0, atol=1e-5)


def test_silence_is_no_division_by_zero():
    recipe = replace(TINY, gain_db=0.0)
    x, target = Batches(Mixtures([(np.zeros(9000), np.zeros(9000))]), recipe).draw(np.random.default_rng(0))
    assert not x.any() and not target.any()


def test_as_many_batches_come_as_make_an_epoch():
    for updates, expected in ((3, 3), (100, 100), (5000, separation.EPOCH)):
        assert len(Batches(material(), replace(TINY, updates=updates))) == expected
    batches = Batches(material(), replace(TINY, updates=3))
    first, again = (list(batches(np.random.default_rng(1))) for _ in range(2))
    assert len(first) == 3 and not np.array_equal(first[0][0], first[1][0])
    np.testing.assert_array_equal(first[2][1], again[2][1])


def test_colours_wander_from_octave_to_octave_and_differ_from_mixture_to_mixture():
    recipe = replace(TINY, batch=2000, colour_db=4.0)
    gains = curves(recipe, np.random.default_rng(0))
    assert gains.shape == (1, 2000, BINS) and gains.dtype == np.float32
    decibels = 20 * np.log10(gains[0])
    f = np.arange(BINS) * RATE / FRAME
    at = [np.argmin(abs(f - 60 * 2 ** (0.9 * k))) for k in (2, 4, 6)]
    np.testing.assert_allclose(decibels[:, at].std(axis=0), 4, rtol=0.1)
    assert abs(np.corrcoef(decibels[:, at].T)[0, 1]) < 0.1, "octaves go their own ways"
    assert abs(np.diff(decibels[:, 64:], axis=1)).max() < 2, "without jumps"


def test_each_bin_is_standardised_as_it_is_heard():
    net = tiny()
    batches = [Batches(material(), TINY).draw(np.random.default_rng(seed))[0] for seed in range(4)]
    separation.standardize(net, batches)
    compress, standard = net.layers[0].layers[:2]
    assert isinstance(compress, Compress) and isinstance(standard, Standardize)
    heard = standard.predict(compress.predict(np.concatenate(batches, axis=1)))
    np.testing.assert_allclose(heard.mean(axis=(0, 1)), 0, atol=1e-3)
    np.testing.assert_allclose(heard.std(axis=(0, 1)), 1, atol=1e-2)
    coloured = recipes.vector_products(np.random.default_rng(0), "colour", hidden_size=3)
    before = coloured.config()
    separation.standardize(coloured, batches)
    assert coloured.config() == before, "colours have a scale of their own"


# ---------------------------------------------------------------------------------------- training


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_training_lowers_the_loss_and_separates(optimizer):
    recipe = replace(TINY, optimizer=optimizer, lr=1e-2, updates=60 if optimizer == "adam" else 30, frames=16)
    clips = [clip(seed) for seed in range(3)]
    result = separation.train(clips, recipe, held_out=[clip(9), clip(10)], progress=False)
    history = result.history
    assert history.updates == recipe.updates
    before = separation.loss_of(
        recipe.build(np.random.default_rng(0)),
        Batches(material(), recipe).draw(np.random.default_rng(0)),
        loss=partial(separation.losses.discriminative, gamma=recipe.gamma),
    )
    assert history.validation_loss[-1] < 0.7 * before
    assert result.figures["gnsdr_db"] > 1, "of a mixture at 0 dB, of which the ceiling is far above"
    assert result.figures["oracle_gnsdr_db"] > result.figures["gnsdr_db"]


def test_l_bfgs_lowers_the_loss_of_batch_after_batch(monkeypatch):
    def spy(objective, theta, **options):
        before = float(objective(theta)[0])
        result = lbfgs(objective, theta, **options)
        steps.append((before, float(objective(theta)[0]), float(result.fun), options["max_iterations"]))
        return result

    steps: list[tuple[float, float, float, int]] = []
    monkeypatch.setattr(separation, "lbfgs", spy)
    recipe = replace(TINY, optimizer="lbfgs", updates=25)
    history = separation.train([clip()], recipe, held_out=[clip(1)], progress=False).history
    assert (history.unit, history.every, history.updates) == ("iteration", separation.STEPS, 25)
    assert [most for *_, most in steps] == [10, 10, 5] and len(history.validation_loss) == 3
    for (before, after, told, _), loss in zip(steps, history.train_loss, strict=True):
        assert after < before and told == loss == pytest.approx(after, rel=1e-4), (
            "the network is what was found"
        )
    assert history.best_epoch == int(np.argmin(history.validation_loss))


def test_the_same_seed_gives_the_same_network_and_figures():
    def run(seed: int):
        return separation.train([clip()], TINY, held_out=[clip(1)], seed=seed, quick=True, progress=False)

    one, same, other = run(1), run(1), run(2)
    np.testing.assert_array_equal(one.net.theta, same.net.theta)
    assert not np.array_equal(one.net.theta, other.net.theta)
    timeless = [
        {key: value for key, value in result.figures.items() if "seconds" not in key}
        for result in (one, same)
    ]
    assert timeless[0] == timeless[1]


def test_the_contract_s_figures_are_there():
    figures = separation.train([clip()], TINY, held_out=[clip(1)], seed=3, quick=True, progress=False).figures
    assert {"gnsdr_db", "gsir_db", "gsar_db", "seam_ratio", "clips", "seconds", "seed"} <= figures.keys()
    assert figures["clips"] == 1 and figures["seed"] == 3 and figures["training_clips"] == 1
    assert figures["parameters"] == tiny().theta.size


def test_real_clips_are_drawn_as_often_as_the_recipe_says(monkeypatch):
    made = {}

    class Spy(Mixtures):
        def __init__(self, pairs, **options):
            super().__init__(pairs, **options)
            made.setdefault("options", options)

    monkeypatch.setattr(separation, "Mixtures", Spy)
    monkeypatch.setattr(separation, "SyntheticSingers", lambda count, **_: [clip(5)] * count)
    recipe = replace(TINY, clips=4, share=0.7, doubled=0.25)
    separation.train([clip(1), clip(2)], recipe, held_out=[clip(3)], quick=True, progress=False)
    assert made["options"] == {"doubled": 0.25, "first": (2, 0.7)}
    made.clear()
    separation.train([], recipe, held_out=[clip(3)], quick=True, progress=False)
    assert made["options"]["first"] is None


def test_synthetic_clips_are_of_the_presets_of_the_recipe(monkeypatch):
    asked = []
    monkeypatch.setattr(
        separation, "SyntheticSingers", lambda count, **options: asked.append((count, options)) or []
    )
    recipe = replace(TINY, clips=10, presets=(("small", 0.2), ("full", 0.5), ("hard", 0.3)))
    found = list(separation.pairs([clip(1)], recipe, progress=False))
    assert len(found) == 1
    assert asked == [(2, {"preset": "small"}), (5, {"preset": "full"}), (3, {"preset": "hard"})]


def test_softer_masks_have_their_odds_to_the_power_of_the_softness():
    net, softer = tiny(), tiny()
    separation.soften(softer, 0.3)
    x = np.abs(noise(40 * BINS)).reshape(40, 1, BINS).astype(np.float32)
    odds = [y[..., :BINS] / y[..., BINS:] for y in (net.predict(x), softer.predict(x))]
    assert abs(np.log(odds[0])).max() > 0.1
    np.testing.assert_allclose(odds[1], odds[0] ** 0.3, rtol=1e-4)


def test_training_goes_on_from_a_network_with_its_own_statistics():
    start = separation.train([clip(1)], TINY, held_out=[clip(3)], progress=False).net
    standardize = start.layers[0].layers[1]
    before, mean = start.theta.copy(), list(standardize.mean)
    recipe = replace(TINY, updates=1, lr=1e-9)
    on = separation.train([clip(2)], recipe, start=start, held_out=[clip(3)], progress=False)
    assert on.net is start and standardize.mean == mean
    np.testing.assert_allclose(start.theta, before, atol=1e-6)


def test_a_network_softened_before_and_after_learns_in_between_as_if_it_never_had_been():
    plain, softened = tiny(), tiny()
    separation.soften(softened, 0.5)
    recipe = replace(TINY, updates=3)
    for net, softness in ((plain, 1.0), (softened, 0.5)):
        one = replace(recipe, softness=softness)
        separation.train([clip(1)], one, start=net, held_out=[clip(3)], progress=False)
    separation.soften(plain, 0.5)
    np.testing.assert_allclose(softened.theta, plain.theta, atol=1e-5)


def test_nothing_to_train_on_is_refused():
    with pytest.raises(ValueError, match="at least one pair"):
        separation.train([], TINY, held_out=[clip()], progress=False)


def test_a_network_that_cannot_be_is_refused_before_clips_are_collected(monkeypatch):
    monkeypatch.setattr(separation, "pairs", lambda *args: pytest.fail("clips were collected"))
    recipe = replace(TINY, build=partial(recipes.published, recurrent=(7,)))
    with pytest.raises(ValueError, match="expected recurrent layers among 1 to 3, got 7"):
        separation.train([clip()], recipe, held_out=[clip()], progress=False)


# -------------------------------------------------------------------------------------- the clips


def write_clips(folder: Path, *names: str) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(names):
        one = clip(seed, 1.2)
        sf.write(folder / f"{name}.wav", np.stack([one.accompaniment, one.voice], axis=1), RATE)
    return str(folder)


def test_folders_are_trained_on_together_but_for_a_singer_left_out(tmp_path):
    one = write_clips(tmp_path / "one", "amy_1_01", "amy_2_01", "titon_1_01")
    two = write_clips(tmp_path / "two", "bob_1_01")
    clips, held_out = separation.training_clips([one, "synthetic", two])
    assert held_out is None
    assert [each.name for each in clips] == ["amy_1_01", "amy_2_01", "bob_1_01", "titon_1_01"]
    clips, held_out = separation.training_clips([one, two], leave_out="amy")
    assert [each.name for each in clips] == ["bob_1_01", "titon_1_01"]
    assert [each.name for each in held_out] == ["amy_1_01", "amy_2_01"]
    assert clips[0].rate == RATE
    assert separation.training_clips(["synthetic"])[1] is None and not separation.training_clips([])[0]


def test_a_singer_who_is_not_there_is_refused_with_those_who_are(tmp_path):
    one = write_clips(tmp_path / "one", "amy_1_01", "titon_1_01")
    with pytest.raises(ValueError, match=r"^expected a singer among amy, titon, got 'bob'$"):
        separation.training_clips([one], leave_out="bob")
    with pytest.raises(ValueError, match=r"^expected a singer among none, got 'bob'$"):
        separation.training_clips(["synthetic"], leave_out="bob")


def test_a_list_is_a_file_or_one_of_mir_1k(tmp_path, monkeypatch):
    folder = write_clips(tmp_path / "clips", "amy_1_01", "amy_9_08", "titon_1_01")
    assert separation.stems(folder).names == ("amy_1_01", "amy_9_08", "titon_1_01")
    for part, name in (("train", "amy_1_01"), ("dev", "amy_9_08"), ("test", "titon_1_01")):
        assert separation.stems(folder, part).names == (name,)
    assert separation.stems(folder, "test").rate == RATE
    (tmp_path / "names.txt").write_text("titon_1_01\namy_1_01\n")
    assert separation.stems(folder, str(tmp_path / "names.txt")).names == ("amy_1_01", "titon_1_01")
    monkeypatch.chdir(tmp_path)
    Path("test").write_text("amy_1_01\n")
    assert separation.stems(folder, "test").names == ("amy_1_01",), "a file of this name comes first"


# --------------------------------------------------------------------------------------- measuring


def test_every_clip_is_measured_as_bss_eval_says():
    clips, net = [clip(0), clip(1, 1.3)], tiny()
    found = separation.evaluate(net, clips, progress=False)
    assert found.names == ["clip_0", "clip_1"]
    for one, figures, changes in zip(clips, found.estimates, found.fluxes, strict=True):
        estimate = separation.separate(net, one.mixture[:, None], RATE)[:, 0]
        references = np.stack([one.voice, one.accompaniment])
        expected = bss_eval(references, np.stack([estimate, one.mixture - estimate]))
        before = bss_eval(references, np.stack([one.mixture] * 2)).sdr
        assert figures.voice == pytest.approx(
            (expected.sdr[0], expected.sir[0], expected.sar[0], expected.sdr[0] - before[0])
        )
        assert figures.accompaniment.nsdr == pytest.approx(expected.sdr[1] - before[1])
        assert figures.samples == len(one.voice)
        assert changes == pytest.approx(flux(separation.mask_of(net, one.mixture, RATE)[:, 0]))
    figures = found.figures()
    weights = [len(one.voice) for one in clips]
    gains = [each.voice.nsdr for each in found.estimates]
    assert figures["gnsdr_db"] == pytest.approx(np.average(gains, weights=weights))
    assert figures["seam_ratio"] == pytest.approx(
        seam_ratio([separation.mask_of(net, one.mixture, RATE)[:, 0] for one in clips], 32)
    )
    assert figures["clips"] == 2 and figures["clips_left_out"] == 0


def test_no_figure_is_another():
    """Each figure comes from its own place: the arrays of measures were once one array under three names."""
    rows = [
        ClipMeasures(Measures(1, 2, 3, 4), Measures(5, 6, 7, 8), 100, 0),
        ClipMeasures(Measures(11, 12, 13, 14), Measures(15, 16, 17, 18), 300, 0),
    ]
    best = [ClipMeasures(Measures(21, 22, 23, 24), Measures(25, 26, 27, 28), 100, 0)] * 2
    found = Evaluation(["a", "b"], rows, best, [np.ones(40), np.ones(40)])
    figures = found.figures()
    assert {key: figures[key] for key in figures if key.endswith("_db")} == {
        "gnsdr_db": 11.5,
        "gsir_db": 9.5,
        "gsar_db": 10.5,
        "accompaniment_gnsdr_db": 15.5,
        "oracle_gnsdr_db": 24,
        "oracle_gsir_db": 22,
        "oracle_gsar_db": 23,
    }
    assert figures["seam_ratio"] == 1
    header, first, second = csv.reader(found.csv().splitlines())
    row = dict(zip(header, first, strict=True))
    assert row == {
        "clip": "a",
        "samples": "100",
        "voice_sdr_db": "1.0000",
        "voice_sir_db": "2.0000",
        "voice_sar_db": "3.0000",
        "voice_nsdr_db": "4.0000",
        "accompaniment_sdr_db": "5.0000",
        "accompaniment_sir_db": "6.0000",
        "accompaniment_sar_db": "7.0000",
        "accompaniment_nsdr_db": "8.0000",
        "oracle_voice_nsdr_db": "24.0000",
    }
    assert second[:3] == ["b", "300", "11.0000"]
    lines = found.table().splitlines()
    assert re.split(r"\s{2,}", lines[1]) == ["this network", "11.50", "9.50", "10.50"]
    assert re.split(r"\s{2,}", lines[2]) == ["oracle ratio mask", "24.00", "22.00", "23.00"]
    assert re.split(r"\s{2,}", lines[3]) == ["the mixture itself", "0.00"] and len(lines) == 4


def test_clips_with_a_silent_source_are_left_out_and_counted():
    silent = clip(1)._replace(voice=np.zeros(2 * RATE))
    found = separation.evaluate(tiny(), [clip(0), silent], progress=False)
    figures = found.figures()
    assert figures["clips"] == 2 and figures["clips_left_out"] == 1
    assert figures["gnsdr_db"] == pytest.approx(found.estimates[0].voice.nsdr)
    assert found.csv().splitlines()[2].startswith("clip_1,32000,,,,")
    assert "1 clips with a silent source are left out" in found.table()
    nothing = separation.evaluate(tiny(), [silent], progress=False).figures()
    assert np.isnan(nothing["gnsdr_db"]) and nothing["clips_left_out"] == 1


def test_clips_shorter_than_a_block_have_figures_but_no_seam_ratio():
    figures = separation.evaluate(tiny(), [clip(0, 0.5)], progress=False).figures()
    assert np.isnan(figures["seam_ratio"]) and np.isfinite(figures["gnsdr_db"])
    short = Evaluation([], [], [], [np.ones(31)]).figures()
    assert np.isnan(short["seam_ratio"])
    assert Evaluation([], [], [], [np.ones(32), np.ones(3)]).figures()["seam_ratio"] == 1


def test_a_clip_too_short_to_measure_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match="expected clips of at least 1024 samples, got"):
        separation.evaluate(tiny(), [clip(0, 0.06)], progress=False)


def test_the_oracle_is_the_ceiling_and_the_mixture_the_floor():
    one = clip(0)
    mixture = measure(one.voice, one.accompaniment, one.mixture, one.mixture)
    assert mixture.voice.nsdr == pytest.approx(0, abs=1e-9)
    best = separation.oracle(one)
    assert best.shape == one.voice.shape
    assert measure(one.voice, one.accompaniment, best, one.mixture - best).voice.nsdr > 10
    untrained = separation.evaluate(half(), [one], progress=False)
    assert untrained.figures()["gnsdr_db"] == pytest.approx(0, abs=1e-3)
    assert untrained.figures()["oracle_gnsdr_db"] > 10


def test_the_mask_is_that_which_separates():
    for ahead in (True, False):
        net, mixture = tiny(ahead), noise(RATE)
        mask = separation.mask_of(net, mixture, RATE)
        assert mask.shape[1:] == (1, BINS) and 0 <= mask.min() and mask.max() <= 1
        assert mask.std() > 0.01
    np.testing.assert_allclose(separation.mask_of(half(), noise(RATE), RATE), 0.5)
    assert not separation.mask_of(half(), np.zeros(RATE), RATE).any()


def test_worth_hearing_are_the_worst_the_best_and_some_between():
    def figures(gain: float) -> ClipMeasures:
        return ClipMeasures(Measures(0, 0, 0, gain), Measures(0, 0, 0, 0), 1, 0)

    gains = [3.0, 9.0, np.nan, 1.0, 5.0, 7.0]
    found = Evaluation(list("abcdef"), [figures(gain) for gain in gains], [], [])
    assert separation.worth_hearing(found, 6) == [2, 3, 0, 4, 5, 1]
    assert separation.worth_hearing(found, 3) in ([2, 0, 1], [2, 4, 1])
    assert separation.worth_hearing(found, 1) == [2]
    assert separation.worth_hearing(found, 99) == [2, 3, 0, 4, 5, 1]


# ------------------------------------------------------------------------------------- whole files


def taken_apart(tmp_path: Path, x: np.ndarray, rate: int, net: Layer, name: str = "song.wav", **options):
    """The figures, and voice and accompaniment (n, channels)."""
    song = tmp_path / name
    sf.write(song, x, rate, **({"subtype": "FLOAT"} | options))
    out = tmp_path / "out"
    out.mkdir(exist_ok=True)
    figures = separation.apply(song, out, net, progress=False)
    parts = []
    for part in ("voice", "accompaniment"):
        samples, its = sf.read(out / f"{part}.wav", always_2d=True)
        assert its == rate and samples.shape == np.atleast_2d(x.T).T.shape
        parts.append(samples)
    assert sorted(path.name for path in out.iterdir()) == ["accompaniment.wav", "voice.wav"]
    whole, _ = sf.read(song, always_2d=True)
    np.testing.assert_allclose(sum(parts), whole, rtol=0, atol=1e-6, err_msg="the stems sum to the recording")
    return figures, parts


@pytest.mark.parametrize("ahead", [True, False], ids=["looks ahead", "causal"])
@pytest.mark.parametrize(
    "rate, channels, samples",
    [
        (RATE, 1, 1),
        (RATE, 1, HOP - 1),
        (RATE, 2, HOP),
        (RATE, 1, HOP + 1),
        (RATE, 1, HOP + 2),
        (RATE, 1, FRAME),
        (RATE, 2, FRAME + 1),
        (8000, 1, 8000),
        (11_025, 1, 11_025),
        (44_100, 2, 44_100),
        (44_100, 1, 1411 + 2),
        (96_000, 6, 96_000),
    ],
)
def test_any_recording_comes_back_as_two_that_sum_to_it(tmp_path, rate, channels, samples, ahead):
    x = noise(samples, channels)
    net = tiny(ahead)
    figures, (voice, _) = taken_apart(tmp_path, x, rate, net)
    assert (figures["samples"], figures["rate"], figures["channels"]) == (samples, rate, channels)
    assert figures["real_time_factor"] > 0
    if ahead:
        assert figures["latency_ms"] is None
    else:
        assert figures["latency_ms"] == pytest.approx(64, abs=0.1)
    expected = separation.separate(net, x.astype(np.float32).astype(float), rate)
    np.testing.assert_allclose(voice, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("ahead", [True, False], ids=["looks ahead", "causal"])
def test_silence_comes_back_as_silence(tmp_path, ahead):
    _, (voice, accompaniment) = taken_apart(tmp_path, np.zeros((RATE, 2)), RATE, tiny(ahead))
    assert not voice.any() and not accompaniment.any()


def test_16_bit_files_and_flac_are_taken_apart_and_parts_may_be_louder_than_full_scale(tmp_path):
    x = np.sign(noise(RATE, 2)) * 0.9999
    for name, subtype in (("song.flac", "PCM_16"), ("song.wav", "PCM_24")):
        taken_apart(tmp_path, x, RATE, tiny(), name, subtype=subtype)
    taken_apart(tmp_path, 3 * x, RATE, half())
    _, (voice, _) = taken_apart(tmp_path, 3 * x, RATE, half())
    np.testing.assert_allclose(voice, 1.5 * x, rtol=0, atol=1e-5)


def test_a_recording_that_was_cut_off_is_taken_apart_as_far_as_it_goes(tmp_path):
    song = tmp_path / "song.wav"
    sf.write(song, noise(RATE), RATE, subtype="PCM_16")
    song.write_bytes(song.read_bytes()[:-8000])
    figures = separation.apply(song, tmp_path, tiny(), progress=False)
    assert figures["samples"] == RATE - 4000 == sf.info(tmp_path / "voice.wav").frames


def test_a_long_recording_takes_the_memory_of_a_piece(tmp_path, monkeypatch):
    monkeypatch.setattr(separator, "PIECE", 64)
    monkeypatch.setattr(separator, "OVERLAP", 16)
    for module in (separator, taking_apart):
        monkeypatch.setattr(module, "BLOCK", 16_384)
    rate = 8000
    net = half()

    def peak(seconds: int) -> int:
        song = tmp_path / "song.wav"
        sf.write(song, noise(seconds * rate), rate, subtype="PCM_16")
        tracemalloc.start()
        separation.apply(song, tmp_path, net, progress=False)
        result = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return result

    peak(10)  # what is loaded and kept from the first time on is not counted
    short, long = peak(20), peak(180)
    assert long < 1.2 * short, f"{short / 1e6:.1f} and {long / 1e6:.1f} MB"
    assert long < 180 * rate * 8, "less than the samples alone would take"


def test_a_part_is_never_written_onto_the_recording(tmp_path):
    for name in ("voice.wav", "accompaniment.wav"):
        song = tmp_path / name
        sf.write(song, noise(2000), RATE)
        kept = song.read_bytes()
        with pytest.raises(ValueError, match="expected a folder other than the recording's own"):
            separation.apply(song, tmp_path, tiny(), progress=False)
        assert song.read_bytes() == kept and [path.name for path in tmp_path.iterdir()] == [name]
        song.unlink()


def test_what_fails_leaves_no_half_of_a_file(tmp_path, monkeypatch):
    song = tmp_path / "song.wav"
    x = noise(3 * RATE)
    x[-5] = np.nan
    sf.write(song, x, RATE, subtype="FLOAT")
    monkeypatch.setattr(separator, "BLOCK", 4096)
    for net in (tiny(True), tiny(False)):
        with pytest.raises(ValueError, match="not finite"):
            separation.apply(song, tmp_path, net, progress=False)
        assert [path.name for path in tmp_path.iterdir()] == ["song.wav"]


@given(st.integers(1, 5000), st.integers(100, 6000), st.booleans())
@settings(max_examples=20)
def test_how_much_is_read_at_once_does_not_matter(samples, block, stereo):
    x, net = noise(samples, 1 + stereo), tiny(ahead=False)
    whole = separation.separate(net, x, RATE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(separator, "BLOCK", block)
        np.testing.assert_allclose(separation.separate(net, x, RATE), whole, rtol=0, atol=1e-6)


def test_the_level_is_that_of_the_mean_of_the_channels(monkeypatch):
    monkeypatch.setattr(separator, "BLOCK", 1000)
    x = noise(3500, 2)
    found = separation.root_mean_square(lambda start, stop: x[start:stop], len(x))
    assert found == pytest.approx(np.sqrt(np.mean(x.mean(axis=1) ** 2)))
    assert separation.root_mean_square(lambda start, stop: 0 * x[start:stop], len(x)) == 1e-6


# ------------------------------------------------------------------------------------- model files


def save(net: Layer, path: Path) -> Path:
    checkpoint.save(net, path)
    return path


def test_a_model_is_a_network_that_shares_magnitudes_out(tmp_path):
    for ahead in (True, False):
        net = separation.load(save(tiny(ahead), tmp_path / "model.safetensors"))
        assert net.causal == (not ahead)
        np.testing.assert_array_equal(net.theta, tiny(ahead).theta)
    assert separation.load(tmp_path).causal, "a run folder"
    assert separation.load(tmp_path, streaming=True).causal


@pytest.mark.parametrize(
    "net",
    [Dense(1, 1, seed=0), Dense(BINS, BINS, seed=0), Sequential(Dense(7, 2 * BINS, seed=0))],
    ids=["a filter", "half as much", "another number of bins"],
)
def test_another_network_is_refused(tmp_path, net):
    path = save(net, tmp_path / "other.safetensors")
    message = r"expected a network from 513 magnitudes to 1026, shared out, got another in .*other"
    with pytest.raises(ValueError, match=message):
        separation.load(path)


def test_streaming_with_a_network_that_looks_ahead_is_refused(tmp_path):
    path = save(tiny(), tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=r"does not look ahead for --streaming .*model"):
        separation.load(path, streaming=True)


def test_the_built_in_models_have_a_name_each():
    paths = [separation.shipped(name) for name in separation.WEIGHTS]
    assert len(set(paths)) == len(paths) and all(path.parent.name == "weights" for path in paths)
    for streaming, names in separation.BUILT_IN.items():
        assert set(names) <= set(separation.WEIGHTS)
        assert separation.load(streaming=streaming).causal == streaming


def test_synthetic_singers_are_what_is_measured_with_where_nothing_else_is(monkeypatch):
    asked = []

    def made(count, **options):
        asked.append((count, options))
        return SyntheticSingers(1, seconds=1.2, **options)

    monkeypatch.setattr(separation, "SyntheticSingers", made)
    result = separation.train([clip()], TINY, quick=True, progress=False)
    assert asked[-1] == (1, {"split": "test"})
    assert result.evaluation.names == ["test_plain_0"] and len(result.measured) == 1


def test_every_recipe_trains_with_every_loss_that_it_may_have():
    small = {"published": {"hidden_size": 4}, "wvpnn": {"hidden_size": 2}, "cvpnn": {"hidden_size": 2}}
    for name, recipe in RECIPES.items():
        build = partial(recipe.build, **small[name]) if name in small else TINY.build
        quick = replace(recipe, build=build, clips=0, updates=2, batch=2, frames=6)
        for loss in ("mse", "kl") if recipe.target == "magnitude" else ("mse",):
            changed = replace(quick, loss=loss)
            changed.check()
            history = separation.train([clip()], changed, held_out=[clip(1, 1.2)], progress=False).history
            assert np.isfinite(history.train_loss).all() and not history.diverged, name


def test_constants_fit_each_other():
    assert (FRAME, HOP, RATE) == (1024, 512, 16_000) and NORM == np.sqrt(FRAME / 2)
    assert 20 * np.log10(STREAMED_LEVEL) == pytest.approx(-20)
    assert separator.OVERLAP < separator.PIECE

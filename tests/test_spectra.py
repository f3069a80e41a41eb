"""Spectra: the clusters, both halves of the read-out, sound without seams and without end."""

import math
import re
import tracemalloc
from itertools import islice

import numpy as np
import pytest
import soundfile as sf
from scipy.signal import lfilter

from numpylstm import checkpoint, losses
from numpylstm.audio.phase import advance, increments
from numpylstm.audio.stft import hann_window, stft
from numpylstm.gradcheck import gradcheck
from numpylstm.tasks import play, play_spectra, run, spectra
from numpylstm.tasks.corpus import Corpus, make_corpus

RATE = 4000  # Hz


def melody(seconds: float = 30.0) -> np.ndarray:
    """Plucked notes up and down a broken chord, four a second, each ending where the next begins."""
    samples = round(0.25 * RATE)
    notes = []
    for hz in (220, 277, 330, 440, 330, 277):
        pluck = np.sin(2 * np.pi * hz * np.arange(samples) / RATE)
        notes.append(lfilter([1.0, 0.5], [1.0, -0.3], pluck * np.exp(-np.arange(samples) / 600)))
    bar = np.concatenate(notes)
    return 0.5 * np.resize(bar, round(seconds * RATE))


def corpus_of(samples: np.ndarray) -> Corpus:
    return make_corpus([samples], RATE)


@pytest.fixture(scope="module")
def trained() -> play.SoundResult:
    return spectra.train(corpus_of(melody()), hidden_size=48, codewords=48, updates=250, progress=False)


@pytest.fixture(scope="module")
def untrained() -> play.SoundResult:
    return spectra.train(corpus_of(melody(8.0)), hidden_size=8, codewords=8, quick=True, progress=False)


def save(result: play.SoundResult, path) -> str:
    checkpoint.save(result.model.net, path, result.model.arrays(), result.model.extra())
    return str(path)


def flux(x: np.ndarray) -> np.ndarray:
    magnitudes = abs(stft(x, hann_window(256), 64))
    return np.linalg.norm(np.diff(magnitudes, axis=0).clip(min=0), axis=1)


def level_per_second(x: np.ndarray) -> np.ndarray:
    return np.sqrt(np.square(x[: len(x) // RATE * RATE].reshape(-1, RATE)).mean(axis=1))


# ------------------------------------------------------------------------------------ what is learnt


@pytest.mark.parametrize("seed", [0, 1])
def test_what_is_generated_is_alive(trained, seed):
    corpus = melody()
    x = np.concatenate(list(play.cut(play_spectra.generate(trained.model, seed=seed), 20 * RATE)))
    assert x.shape == (20 * RATE,) and x.dtype == np.float32
    level = level_per_second(x) / level_per_second(corpus).mean()
    assert 0.7 < level.min() and level.max() < 1.4
    last = flux(x)[-len(flux(x)) // 3 :].mean() / flux(corpus).mean()
    assert 0.5 < last < 1.5
    ours, theirs = (abs(stft(s, hann_window(256), 64)).mean(axis=0) for s in (x, corpus))
    assert np.corrcoef(ours, theirs)[0, 1] > 0.95


def test_classes_and_phases_are_both_predicted(trained):
    figures = trained.figures
    assert 0 < figures["dev_cross_entropy"] < 0.5 * math.log(48)
    assert 0 < figures["dev_phase"] < 0.15, "no knowledge is 0.5"
    assert 0 < figures["codebook_error"] < 0.4
    corpus = corpus_of(melody())
    parts = [len(stft(part, hann_window(256), 64)) for part in (corpus.train, corpus.held_out)]
    assert figures["frames"] == sum(parts) == 1882
    assert trained.model.n == 256 and trained.model.hop == 64 and len(trained.model.codebook) <= 48


def test_the_phases_of_steady_tones_are_learnt():
    # Two tones in turn, between two bins each: the increments are all there is to know of their phases.
    steady = np.resize(np.repeat([0.31, 0.47], 100 * 64), 1000 * 64)  # radians a sample
    x = np.sin(np.cumsum(steady))
    result = spectra.train(corpus_of(x), hidden_size=16, codewords=2, updates=200, progress=False)
    assert result.figures["dev_phase"] < 0.03


def test_the_loss_is_that_of_the_next_class_and_of_this_frame_s_phases():
    rng = np.random.default_rng(0)
    codes, delta, weights = rng.integers(0, 5, 20), rng.uniform(-3, 3, (20, 7)), rng.random((20, 7))
    loss, loss_of_phase = spectra.both_losses(codes, delta, weights)
    frame = rng.integers(0, 19, (6, 3))
    y = rng.standard_normal((6, 3, 12))
    of_class = losses.softmax_cross_entropy(y[..., :5], codes[frame + 1])[0]
    of_phase = np.average(np.sin((y[..., 5:] - delta[frame]) / 2) ** 2, weights=weights[frame])
    assert loss(y, frame)[0] == pytest.approx(of_class + of_phase)
    assert loss_of_phase(y[..., 5:], frame)[0] == pytest.approx(of_phase)
    gradcheck(lambda y: loss(y, frame), y, tolerance=1e-11).check()


def test_what_is_held_out_is_never_trained_on():
    x = melody(12.0)
    spoilt = x.copy()
    spoilt[round(0.92 * len(x)) :] = x[::-1][round(0.92 * len(x)) :] / 2
    first, second = (
        spectra.train(corpus_of(s), hidden_size=4, quick=True, progress=False) for s in (x, spoilt)
    )
    assert first.history.train_loss == second.history.train_loss
    np.testing.assert_array_equal(first.model.codebook, second.model.codebook)
    assert first.figures["dev_phase"] != second.figures["dev_phase"]


def test_a_run_goes_on_from_what_was_held_out(untrained):
    model, corpus = untrained.model, corpus_of(melody(8.0))
    np.testing.assert_array_equal(untrained.seed, corpus.held_out[: spectra.PRIMED * 64])
    here, elsewhere = (
        abs(stft(part, hann_window(256), 64))[: spectra.PRIMED] for part in (corpus.held_out, corpus.train)
    )
    begun = model.codebook[model.start]
    assert np.linalg.norm(begun - here) < 0.7 * np.linalg.norm(begun - elsewhere)


# ------------------------------------------------------------------------------------------ clusters


def test_clusters_have_the_level_of_their_members():
    magnitudes = abs(stft(melody(6.0), hann_window(256), 64))
    codebook, codes = spectra.cluster(magnitudes, len(magnitudes), 12, np.random.default_rng(0))
    assert codebook.shape == (12, 129) and codes.shape == (len(magnitudes),)
    assert set(codes) == set(range(12))
    for k in range(12):
        np.testing.assert_allclose(
            np.square(codebook[k]), np.square(magnitudes[codes == k]).mean(axis=0), rtol=1e-4, atol=1e-9
        )
    assert np.linalg.norm(codebook[codes]) == pytest.approx(np.linalg.norm(magnitudes), rel=1e-5)


def test_as_many_clusters_as_frames_lose_nothing():
    magnitudes = np.random.default_rng(0).random((30, 9))
    codebook, codes = spectra.cluster(magnitudes, 30, 30, np.random.default_rng(0))
    np.testing.assert_allclose(codebook[codes], magnitudes, rtol=1e-6)


def test_what_repeats_is_one_cluster():
    magnitudes = np.repeat(np.eye(3), 50, axis=0)
    codebook, codes = spectra.cluster(magnitudes, 150, 8, np.random.default_rng(0))
    assert len(codebook) == 3 and sorted(np.bincount(codes)) == [50, 50, 50]


def test_a_soft_partial_counts_beside_a_loud_one():
    loud = np.tile([1.0, 1.1], 50)
    soft = np.repeat([0.0, 0.01], 50)
    _, codes = spectra.cluster(np.stack([loud, soft], axis=1), 100, 2, np.random.default_rng(0))
    assert set(codes[:50]) != set(codes[50:]) and len(set(codes[:50])) == len(set(codes[50:])) == 1


# -------------------------------------------------------------------------------------------- sound


def endless(magnitudes: np.ndarray, delta: np.ndarray):
    yield from zip(magnitudes, delta, strict=True)
    while True:
        yield np.zeros_like(magnitudes[0]), np.zeros_like(delta[0])


@pytest.mark.parametrize("n, hop", [(256, 64), (256, 128)])
def test_blocks_join_into_the_sound_that_the_whole_has(n, hop):
    x = np.random.default_rng(0).standard_normal(200 * hop)
    spectrum = stft(x, hann_window(n), hop)
    delta = increments(spectrum, n, hop)
    delta[0] -= advance(n, hop, n // 2 + 1)  # before the first frame there is silence, of phase 0
    blocks = list(islice(play_spectra.sound(endless(abs(spectrum), delta), n, hop, iterations=0), 4))
    assert {len(block) for block in blocks} == {play_spectra.BLOCK * hop}
    heard = np.concatenate(blocks)
    ahead = n // hop - 1  # the first frames of the spectrum begin before its first sample
    assert len(x) < len(heard) - ahead * hop
    np.testing.assert_allclose(heard[ahead * hop :][: len(x)], x, atol=1e-5)  # held in complex64


def test_griffin_lim_in_blocks_mends_phases_across_the_seams():
    x = melody(4.0)
    spectrum = stft(x, hann_window(256), 64)

    def heard_after(iterations):  # from phases as if every bin turned at its middle
        frames = endless(abs(spectrum), np.zeros(spectrum.shape))
        return np.concatenate(list(islice(play_spectra.sound(frames, 256, 64, iterations), 3)))

    def error(y):
        wanted = abs(spectrum)[: len(y) // 64 - 6]
        return np.linalg.norm(
            abs(stft(y[192:], hann_window(256), 64))[: len(wanted)] - wanted
        ) / np.linalg.norm(wanted)

    heard = heard_after(16)
    assert error(heard) < 0.35 * error(heard_after(0))
    seams = np.arange(64 * play_spectra.BLOCK, len(heard), 64 * play_spectra.BLOCK)
    jumps = abs(np.diff(heard))
    assert jumps[seams - 1].max() < np.quantile(jumps, 0.99)


def test_what_has_been_written_does_not_depend_on_what_comes_later(trained):
    first = np.concatenate(list(islice(play_spectra.generate(trained.model, seed=3), 2)))
    longer = np.concatenate(list(islice(play_spectra.generate(trained.model, seed=3), 5)))
    np.testing.assert_array_equal(longer[: len(first)], first)
    other = next(play_spectra.generate(trained.model, seed=4))
    assert not np.array_equal(other, first[: len(other)])


def test_the_memory_does_not_grow_with_the_length(untrained, tmp_path, monkeypatch):
    path = save(untrained, tmp_path / "model.safetensors")

    monkeypatch.setattr(play, "LONGEST_JUDGED", 2)
    run_free, options = play_spectra.generate, {"iterations": 1}
    monkeypatch.setattr(play_spectra, "generate", lambda *args, **given: run_free(*args, **given | options))

    def peak(seconds):
        tracemalloc.reset_peak()
        play.sample(play_spectra.load(path), tmp_path / "a.wav", seconds=seconds)
        return tracemalloc.get_traced_memory()[1]

    tracemalloc.start()
    peak(3)
    short, long = peak(4), peak(14)
    tracemalloc.stop()
    assert long < short + 50_000, "10 s more are 160,000 bytes in float32"


# ------------------------------------------------------------------------------- files and refusals


@pytest.mark.parametrize("seconds, samples", [(1 / RATE, 1), (0.5, 2000), (3.21, 12_840)])
def test_a_sample_has_exactly_its_length_and_rate(untrained, tmp_path, seconds, samples):
    path = save(untrained, tmp_path / "model.safetensors")
    figures, report = play.sample(play_spectra.load(path), tmp_path / "a.wav", seconds=seconds)
    info = sf.info(tmp_path / "a.wav")
    assert (info.frames, info.samplerate, info.channels) == (samples, RATE, 1)
    assert figures.pop("clipped") <= 0.02 * samples
    assert report.as_dict().items() <= figures.items()
    assert (figures["samples"], figures["rate"]) == (samples, RATE)


def test_the_run_folder_holds_all_that_a_sample_needs(untrained, tmp_path):
    with run.open_run(tmp_path / "run") as folder:
        model = untrained.model
        run.write_run(folder, model.net, untrained.history, {}, {}, model.extra(), model.arrays())
    loaded = play_spectra.load(tmp_path / "run")
    ours, theirs = (next(play_spectra.generate(model, seed=1)) for model in (loaded, untrained.model))
    np.testing.assert_array_equal(ours, theirs)


def refused(sentence: str):
    return pytest.raises(ValueError, match=re.escape(sentence))


def test_a_corpus_that_cannot_be_used_is_refused():
    with refused("expected at least 6400 samples to learn from, 100 frames, got 4000"):
        spectra.train(Corpus(melody(1.0), melody(3.0), RATE, 1), progress=False)
    with refused("expected codewords of at least 2, got 1"):
        spectra.train(corpus_of(melody(6.0)), codewords=1, progress=False)
    with refused("got the same throughout"):
        spectra.train(Corpus(np.zeros(8000), melody(3.0), RATE, 1), progress=False)


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"seconds": 0}, "expected at least one sample, got 0 s at 4000 Hz"),
        ({"seconds": math.inf}, "got inf"),
        ({"temperature": -1}, "expected a temperature of at least 0, got -1"),
    ],
)
def test_what_cannot_be_sampled_leaves_nothing(untrained, tmp_path, options, sentence):
    path = save(untrained, tmp_path / "model.safetensors")
    with refused(sentence):
        play.sample(play_spectra.load(path), tmp_path / "a.wav", **{"seconds": 1} | options)
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]


@pytest.mark.parametrize(
    "damage", [{"kind": "text"}, {"rate": 0}, {"n": 128}, {"start": []}, {"start": [99]}, None]
)
def test_another_model_is_refused(untrained, tmp_path, damage):
    model = untrained.model
    extra = damage and model.extra() | damage
    checkpoint.save(model.net, tmp_path / "m.safetensors", model.arrays(), extra)
    with refused("expected a network for spectra, got another in"):
        play_spectra.load(tmp_path / "m.safetensors")

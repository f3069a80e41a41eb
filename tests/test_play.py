"""Running free: classes drawn by their odds, and sound written and judged as it comes."""

import math

import numpy as np
import pytest
import soundfile as sf

from numpylstm.audio.alive import alive
from numpylstm.datasets import plucked_melodies
from numpylstm.tasks import play
from numpylstm.tasks.play import check_temperature, draw

RATE = 4000
MELODIES = plucked_melodies(20, RATE)
REFERENCE = plucked_melodies(5, RATE, seed=1)


def test_a_class_is_drawn_as_often_as_the_softmax_says():
    logits = np.log(np.array([[0.5, 0.2, 0.0001, 0.2999]], np.float32)).repeat(20_000, axis=0)
    chance = np.random.default_rng(0).random(20_000)
    for temperature in (1.0, 0.5, 3.0):
        p = np.exp(logits[0] / temperature)
        counts = np.bincount(draw(logits, temperature, chance), minlength=4) / 20_000
        np.testing.assert_allclose(counts, p / p.sum(), atol=0.01)


def test_a_class_is_where_the_sum_of_probabilities_first_exceeds_the_chance():
    logits = np.log([[0.25, 0.25, 0.5]] * 5)
    chances = np.array([0.0, 0.249, 0.251, 0.51, np.nextafter(1, 0)])
    assert draw(logits, 1.0, chances).tolist() == [0, 0, 1, 2, 2]
    assert draw(logits + 1e4, 1.0, chances).tolist() == [0, 0, 1, 2, 2], "no overflow"
    never = np.array([[-1e9, 0.0, -1e9]])
    assert draw(never, 1.0, np.array([0.0])) == draw(never, 1.0, np.nextafter([1.0], 0)) == 1
    none = np.array([[-np.inf, 0.1, 0.3, -np.inf]])
    assert draw(none, 1.0, np.array([0.0])) == 1 and draw(none, 1.0, np.nextafter([1.0], 0)) == 2
    assert draw(np.array([[1.0, 5.0, 2.0]]), 0.0, np.array([0.99])) == 1, "temperature 0: the likeliest"


@pytest.mark.parametrize("logits", [[0.0, 1e4], [-1e38, 1e38], [-np.inf, 0.0]])
@pytest.mark.parametrize("temperature", [1e-300, 1.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_logits_and_temperatures_give_the_likeliest(logits, temperature, dtype):
    chance = np.random.default_rng(0).random(20)
    assert (draw(np.array([logits] * 20, dtype), temperature, chance) == 1).all()


@pytest.mark.parametrize("temperature", [-0.1, math.nan, math.inf])
def test_a_temperature_that_cannot_be_is_refused(temperature):
    with pytest.raises(ValueError, match="expected a temperature of at least 0, got"):
        check_temperature(temperature)
    check_temperature(0)


# ------------------------------------------------------------------------------------------ sound


def blocks(size: int):
    """The melodies in blocks."""
    for start in range(0, len(MELODIES), size):
        yield MELODIES[start : start + size]


class Melodies:
    """A model that has learnt the melodies by heart."""

    rate, temperature, held_out = RATE, 0.7, REFERENCE

    def __init__(self, size: int) -> None:
        self.size = size

    def blocks(self, temperature, seed):
        self.asked = temperature, seed
        return blocks(self.size)


@pytest.mark.parametrize("size", [1, 1000, 7001])
@pytest.mark.parametrize("samples", [0, 1, 999, 1000, 7002])
def test_the_first_samples_are_cut_from_blocks(size, samples):
    parts = list(play.cut(blocks(size), samples))
    assert sum(map(len, parts)) == samples
    np.testing.assert_array_equal(np.concatenate([*parts, []]), MELODIES[:samples])


@pytest.mark.parametrize("size", [4000, 999])
@pytest.mark.parametrize(
    "seconds, judged", [(1 / RATE, 2.0), (1.1, 2.0), (2.0, 2.0), (3.3, 3.3), (12.4, 12.4)]
)
def test_what_is_written_is_judged_and_what_is_too_short_goes_on_unwritten(tmp_path, size, seconds, judged):
    path = tmp_path / "a.wav"
    figures, report = play.sample(Melodies(size), path, seconds=seconds, progress=False)
    samples = round(seconds * RATE)
    np.testing.assert_allclose(sf.read(path)[0], MELODIES[:samples], atol=1e-6)
    expected = alive(MELODIES[: round(judged * RATE)], REFERENCE, RATE)
    assert str(report) == str(expected)
    assert (figures["samples"], figures["rate"], figures["clipped"]) == (samples, RATE, 0)
    assert figures["real_time_factor"] > 0 and figures["alive"] == report.alive


@pytest.mark.parametrize("size", [4000, 999, 50_000])
def test_of_a_long_sound_the_end_alone_is_judged_and_kept(tmp_path, monkeypatch, size):
    monkeypatch.setattr(play, "LONGEST_JUDGED", 3)
    _, report = play.sample(Melodies(size), tmp_path / "a.wav", seconds=15.1, progress=False)
    end = round(15.1 * RATE)
    assert str(report) == str(alive(MELODIES[end - 3 * RATE : end], REFERENCE, RATE))


@pytest.mark.parametrize("seconds", [0, -1, math.nan, math.inf, 0.5 / RATE])
def test_less_than_one_sample_is_refused(tmp_path, seconds):
    with pytest.raises(ValueError, match="expected at least one sample, got"):
        play.sample(Melodies(100), tmp_path / "a.wav", seconds=seconds)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("given, used", [(None, 0.7), (0.0, 0.0), (1.5, 1.5)])
def test_the_temperature_is_that_of_the_model_unless_one_is_given(tmp_path, given, used):
    model = Melodies(4000)
    figures, _ = play.sample(model, tmp_path / "a.wav", seconds=0.1, temperature=given, seed=3)
    assert model.asked == (used, 3) and figures["temperature"] == used
    with pytest.raises(ValueError, match="temperature of at least 0"):
        play.sample(model, tmp_path / "b.wav", seconds=0.1, temperature=-1.0)
    assert not (tmp_path / "b.wav").exists()


def test_a_run_is_judged_with_its_figures():
    sound, report, figures = play.run_and_judge(blocks(1000), 3.1, RATE, REFERENCE)
    np.testing.assert_array_equal(sound, MELODIES[: round(3.1 * RATE)])
    assert str(report) == str(alive(sound, REFERENCE, RATE))
    assert figures["alive"] == report.alive and figures["real_time_factor"] > 0


def test_sixteen_bits_hold_full_scale_and_no_more():
    x = np.array([-1.5, -1.0, -0.25, 0.0, 2.0**-15, 0.9, 1.0])
    kept = play.in_16_bit(x) / 2.0**15
    np.testing.assert_allclose(kept, np.clip(x, -1, 1 - 2.0**-15), atol=2.0**-16)

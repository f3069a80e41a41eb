"""The tasks' own parts: measuring a tone, the free run, the reference recipe, the gradient table."""

import inspect
import math

import numpy as np
import pytest

import numpylstm as nl
from numpylstm.layers import Layer
from numpylstm.tasks import filtering, gradients, sine
from numpylstm.tasks.run import find_model, finite, open_run

# -------------------------------------------------------------------------------- measuring a tone


def tone(ppm: float = 0.0, percent: float = 0.0, phase: float = 0.4, samples: int = 5000) -> np.ndarray:
    n = np.arange(samples)
    frequency = (1 + ppm / 1e6) / sine.PERIOD
    return (1 + percent / 100) * np.sin(2 * np.pi * frequency * n + phase)


@pytest.mark.parametrize("phase", [0.0, 1.0, 4.0])
@pytest.mark.parametrize("ppm", [-40_000, -1000, -10, 0, 10, 1000, 40_000])
def test_the_frequency_error_of_a_tone_is_measured_in_parts_per_million(ppm, phase):
    measured = sine.measure_tone(tone(ppm, phase=phase))["frequency_error_ppm"]
    assert measured == pytest.approx(ppm, abs=0.5)


@pytest.mark.parametrize("percent", [-50, -1, 0, 1, 30])
def test_the_amplitude_error_of_a_tone_is_measured_in_percent(percent):
    figures = sine.measure_tone(tone(percent=percent))
    assert figures["amplitude_error_percent"] == pytest.approx(percent, abs=1e-6)
    assert figures["frequency_error_ppm"] == pytest.approx(0, abs=0.5)


def test_a_tone_that_fades_is_too_quiet_though_its_frequency_is_right():
    n = np.arange(5000)
    figures = sine.measure_tone(tone() * np.exp(-n / 1000))
    assert figures["amplitude_error_percent"] < -50
    assert figures["frequency_error_ppm"] == pytest.approx(0, abs=500)


@pytest.mark.parametrize(
    "signal",
    [np.zeros(5000), np.full(5000, 0.7), np.exp(-np.arange(5000) / 30), tone(samples=240)],
    ids=["silence", "constant", "dies away", "two crossings"],
)
def test_without_three_crossings_there_is_no_frequency(signal):
    figures = sine.measure_tone(signal)
    assert math.isnan(figures["frequency_error_ppm"])
    assert math.isfinite(figures["amplitude_error_percent"])


# ------------------------------------------------------------------------------------ the free run


def test_a_free_run_is_repeated_prediction_on_all_that_was_heard_so_far():
    net = nl.Sequential(nl.LSTM(1, 5), nl.GRU(5, 4), nl.Dense(4, 1), seed=0)
    net.theta[...] *= 1.5
    prime = np.sin(np.arange(20) / 3)
    heard = list(prime)
    for _ in range(15):
        heard.append(net.forward(np.array(heard)[:, None, None])[0][-1, 0, 0])
    free = sine.run_free(net, prime, 15)
    np.testing.assert_allclose(free, heard, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(free[:20], prime)
    assert len(set(free[20:])) == 15, "it does not stand still, or anything would pass"


# --------------------------------------------------------------------------- the reference recipe


def test_the_sine_has_the_period_that_the_recipes_speak_of():
    wave = sine.sine_wave(201, np.array([0.0, np.pi / 2]))
    np.testing.assert_allclose(wave[[0, 25, 50, 75, 100], 0], [0, 1, 0, -1, 0], atol=1e-12)
    np.testing.assert_allclose(wave[:176, 1], wave[25:, 0], atol=1e-12)


@pytest.mark.parametrize("options, ahead", [({}, 2), ({"ahead": 1}, 1)])
def test_the_reference_target_lies_so_many_samples_after_the_last_of_its_window(monkeypatch, options, ahead):
    class Seen(Exception):
        pass

    def look(net, train, validation, **settings):
        raise Seen(train, validation, settings)

    monkeypatch.setattr(sine, "fit", look)
    monkeypatch.setattr(sine, "overfit_one_batch", lambda *args: 0.0)
    # A counter in place of the wave says which sample is where; the noise is taken off by rounding.
    monkeypatch.setattr(sine, "sine_wave", lambda samples, phase=0.0: np.arange(float(samples)))
    with pytest.raises(Seen) as seen:
        sine.train_reference(samples=2000, progress=False, **options)
    (x, target), (x_dev, target_dev), settings = seen.value.args
    for windows, targets, first in ((x, target, 0), (x_dev, target_dev, 1200)):
        windows, targets = np.rint(windows), np.rint(targets)
        assert windows.shape[0] == sine.PERIOD
        np.testing.assert_array_equal(windows[:, 0, 0], first + np.arange(sine.PERIOD))
        # Only the last step has a loss; what it is asked for is `ahead` samples after the last one heard.
        np.testing.assert_array_equal(targets[-1] - windows[-1], np.full_like(targets[-1], ahead))
    assert np.rint(x).max() < 1200 <= np.rint(x_dev).min() and np.rint(target_dev).max() < 1600
    assert settings["warmup"] == sine.PERIOD - 1 and settings["batch_size"] == 128


def test_the_reference_recipe_draws_its_noise_from_the_seed(monkeypatch):
    def noise(seed):
        seen = []
        monkeypatch.setattr(sine, "fit", lambda net, train, *rest, **settings: seen.append(train) or Stop())
        monkeypatch.setattr(sine, "overfit_one_batch", lambda *args: 0.0)
        sine.train_reference(seed, samples=2000, free_samples=1)
        heard = seen[0][0][0, :, 0]
        return heard - sine.sine_wave(len(heard))

    class Stop:
        validation_loss = (0.0,)

    np.testing.assert_array_equal(noise(1), noise(1))
    assert not np.array_equal(noise(1), noise(2))
    assert noise(1).std() == pytest.approx(0.02, rel=0.1)


def test_the_default_recipe_asks_for_the_very_next_sample(monkeypatch):
    def look(net, batches, **settings):
        x, target = next(iter(batches(np.random.default_rng(0))))
        np.testing.assert_array_equal(x[1:], target[:-1])
        assert x.shape == (200, 32, 1) and settings["warmup"] == 100
        seen.append(settings)
        return nl.History()

    seen = []
    monkeypatch.setattr(sine, "fit", look)
    sine.train_default(free_samples=5)
    assert seen[0]["epochs"] == 15


def test_one_batch_can_be_learnt():
    signal = sine.sine_wave(400).astype(np.float32)
    x = np.lib.stride_tricks.sliding_window_view(signal, 12)[:-2].T[:, :, None]
    target = np.lib.stride_tricks.sliding_window_view(signal[2:], 12).T[:, :, None]

    def error_after(updates):
        net = nl.Sequential(nl.LSTM(1, 6), nl.Dense(6, 1), dtype=np.float32, seed=0)
        return sine.overfit_one_batch(net, (x, target), np.random.default_rng(0), updates)

    assert error_after(1) > 20
    assert error_after(120) < 0.01 * error_after(1)


def test_one_batch_is_learnt_with_the_state_carried_from_update_to_update(monkeypatch):
    def look(net, x, target, *, state, **options):
        states.append(state)
        return 1.0, len(states)

    states = []
    monkeypatch.setattr(sine, "train_step", look)
    x = np.zeros((5, 200, 1))
    sine.overfit_one_batch(nl.RNN(1, 1), (x, x), np.random.default_rng(0), updates=4)
    assert states == [None, 1, 2, 3]


def test_an_unknown_recipe_is_refused():
    with pytest.raises(ValueError, match="'default' or 'reference', got 'secret'"):
        sine.run("secret")


# -------------------------------------------------------------------------------------- filtering


def test_every_channel_of_a_file_goes_through_on_its_own():
    net = nl.Residual(nl.Sequential(nl.GRU(1, 4), nl.Dense(4, 1)), dtype=np.float32, seed=0)
    samples = np.random.default_rng(0).uniform(-1, 1, (3000, 2))
    both, factor = filtering.run_file(net, samples, 8000)
    assert both.shape == (3000, 2) and both.dtype == np.float64 and factor > 0
    for channel in range(2):
        alone, _ = filtering.run_file(net, samples[:, [channel]], 8000)
        np.testing.assert_allclose(both[:, [channel]], alone, atol=1e-6)


def test_the_held_out_part_is_never_trained_on(monkeypatch):
    recording = filtering.built_in_recording()
    n = len(recording.input)
    spoilt = recording.target.copy()
    spoilt[round(0.75 * n) :] *= -0.5
    results = [
        filtering.train(
            filtering.Recording(recording.input, target, recording.rate), quick=True, progress=False
        )
        for target in (recording.target, spoilt)
    ]
    np.testing.assert_array_equal(results[0].net.theta, results[1].net.theta)
    assert results[0].figures["esr_db"] < 0 < results[1].figures["esr_db"]
    assert len(results[0].target) == len(results[0].output) == n - int(0.75 * n)


# ------------------------------------------------------------------------------- the gradient table


def classes_in(layer: Layer) -> set[type]:
    return {type(layer)}.union(*(classes_in(inside) for inside in layer.layers))


def test_the_gradient_table_has_every_layer_class():
    tested = list(gradients.cases())
    assert len({name for name, _ in tested}) == len(tested)
    public = [getattr(nl.layers, name) for name in nl.layers.__all__]
    classes = {cls for cls in public if inspect.isclass(cls) and issubclass(cls, Layer)} - {Layer}
    assert {nl.LSTM, nl.Residual, nl.Dropout} <= classes
    missing = classes - set().union(*(classes_in(layer) for _, layer in tested))
    assert not missing, f"numpylstm gradcheck does not check {missing}"


def test_the_gradient_table_has_every_option_of_a_layer_both_ways():
    tested = list(gradients.cases())
    for cls in set().union(*(classes_in(layer) for _, layer in tested)):
        for option in set(cls.options) - {"input_size", "hidden_size", "output_size", "init", "forget_bias"}:
            layers = [layer for _, layer in tested if type(layer) is cls]
            values = {repr(getattr(layer, option)) for layer in layers}
            assert len(values) > 1 or cls in (nl.Dropout, nl.GaussianNoise), f"{cls.__name__} {option}"


def test_every_loss_is_in_the_gradient_table():
    from numpylstm.losses import LOSSES

    assert {name for name, _, _ in gradients.loss_cases(np.random.default_rng(0))} == set(LOSSES)


def test_a_wrong_backward_pass_is_the_worst_row_of_the_table(monkeypatch):
    backward = nl.Dense.backward

    def forgetful(self, dy, cache, dstate=None):
        dx, dstate = backward(self, dy, cache, dstate)
        return dx * (1 + 1e-6), dstate

    monkeypatch.setattr(gradients, "cases", lambda: [("Dense", nl.Dense(4, 3)), ("RNN", nl.RNN(4, 3))])
    monkeypatch.setattr(nl.Dense, "backward", forgetful)
    rows = gradients.check_all(quick=True)
    wrong = [row for row in rows if not row.passed]
    assert [(row.name, row.tensor) for row in wrong] == [("Dense, ragged", "dx")]
    assert gradients.worst(rows) == wrong[0].error > 1e-8
    text = gradients.table(rows)
    assert text.count("WRONG") == 2 and f"1 of {len(rows)} WRONG" in text


def test_a_check_that_gives_no_number_is_the_worst():
    rows = [gradients.Row("a", 1.0, "dx", False), gradients.Row("b", math.nan, "dx", False)]
    assert math.isnan(gradients.worst(rows)) and math.isnan(gradients.worst(rows[::-1]))


# ----------------------------------------------------------------------------------- the run folder


def test_a_run_folder_is_made_with_its_parents_and_may_exist(tmp_path):
    with open_run(tmp_path / "a" / "b") as folder:
        assert folder == tmp_path / "a" / "b" and folder.is_dir()
    with open_run(folder) as again:
        assert again == folder
    (tmp_path / "file").write_text("kept")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ValueError, match="file"), open_run(path):
            pass
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize("existed", [False, True])
@pytest.mark.parametrize("wrote", [False, True])
def test_failed_work_takes_away_a_folder_it_made_and_left_empty(tmp_path, existed, wrote):
    path = tmp_path / "run"
    if existed:
        path.mkdir()
    with pytest.raises(KeyboardInterrupt), open_run(path) as folder:
        if wrote:
            (folder / "metrics.jsonl").write_text("")
        raise KeyboardInterrupt
    assert path.exists() == (existed or wrote)


def test_a_model_is_found_by_its_folder_or_its_own_name(tmp_path):
    with pytest.raises(ValueError, match=r"model\.safetensors"):
        find_model(tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"")
    assert find_model(tmp_path) == find_model(path) == path


def test_numbers_that_json_lacks_become_none():
    value = {"a": math.nan, "b": [1.5, -math.inf, {"c": np.float64("nan")}], "d": "nan", "e": 3}
    assert finite(value) == {"a": None, "b": [1.5, None, {"c": None}], "d": "nan", "e": 3}

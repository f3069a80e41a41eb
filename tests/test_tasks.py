"""The tasks' own parts: measuring a tone, the free run, the reference recipe, the gradient table."""

import inspect
import math

import numpy as np
import pytest

import numpylstm as nl
from numpylstm.audio import pairs, wav
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


@pytest.mark.parametrize("samples", [8, 100, 5000, 8192, 50_001, 200_000])
@pytest.mark.parametrize("from_rest", [True, False])
def test_lanes_lie_side_by_side_and_count_where_the_past_is_known(samples, from_rest):
    x = np.arange(1.0, samples + 1)
    laid_out = filtering.lanes(x, 2 * x, 3 * x, from_rest)
    T, B = laid_out.weight.shape
    assert T == min(filtering.LENGTH, samples // 2) and B == min(samples // T, filtering.LANES) + from_rest
    assert laid_out.x.shape == laid_out.target.shape == (T, B, 1) and laid_out.x.dtype == np.float32
    np.testing.assert_array_equal(laid_out.target, 2 * laid_out.x)
    heard, plain = T // 8, B - from_rest
    starts = laid_out.x[0, :plain, 0]
    assert starts[0] == 1 and starts[-1] == samples - T + 1 and np.all(np.diff(starts) >= T)
    np.testing.assert_array_equal(np.diff(laid_out.x[:, :plain, 0], axis=0), 1)
    np.testing.assert_array_equal(laid_out.weight[heard:, :plain], 1)
    np.testing.assert_array_equal(laid_out.weight[:heard, int(from_rest) : plain], 0)
    np.testing.assert_array_equal(laid_out.weight[:heard, 0], float(from_rest))
    if from_rest:
        # The last begins with silence, in which errors weigh more, and goes on from the first sample.
        np.testing.assert_array_equal(laid_out.x[:heard, -1], 0)
        np.testing.assert_array_equal(laid_out.x[heard:, -1], laid_out.x[: T - heard, 0])
        assert set(laid_out.weight[:heard, -1]) <= {filtering.SILENCE_WEIGHT}
        np.testing.assert_array_equal(laid_out.weight[heard:, -1], 1)
    counted = 3 * laid_out.x[laid_out.weight > 0].astype(float)
    assert laid_out.energy == pytest.approx(np.square(counted).sum(), rel=1e-6)


def test_the_energy_of_silent_lanes_is_not_zero():
    silence = np.zeros(5000)
    assert filtering.lanes(silence, silence, silence, True).energy > 0


def bent(samples: int = 9000, late: int = 0, seed: int = 0) -> filtering.Recording:
    """Noise, and the same clipped, so many samples late."""
    x = 0.2 * np.random.default_rng(seed).standard_normal(samples + abs(late))
    y = 0.5 * np.tanh(3 * x)
    if late >= 0:
        return filtering.Recording(x[late:], y[:samples], 8000)
    return filtering.Recording(x[:samples], y[-late:], 8000)


def test_the_parts_follow_each_other_and_leave_nothing_out():
    for samples in (8192, 9001, 100_003):
        learn, decide, held_out = filtering.parts(samples)
        assert learn.start == 0 and learn.stop == decide.start
        assert decide.stop == held_out.start and held_out.stop == samples
        assert held_out.stop - held_out.start == pytest.approx(samples / 4, abs=1)
        assert decide.stop - decide.start == pytest.approx(samples / 10, abs=1)


@pytest.mark.parametrize("late", [300, 40, -25])
def test_an_alignment_takes_the_delay_away_and_says_so(late):
    aligned = filtering.align(bent(late=late))
    assert aligned.delay == late and len(aligned.input) == len(aligned.target) == 9000 - abs(late)
    np.testing.assert_allclose(aligned.target, 0.5 * np.tanh(3 * aligned.input), atol=1e-12)
    (remark,) = aligned.remarks
    assert f"{abs(late)} samples ({abs(late) / 8:.1f} ms) {'late' if late > 0 else 'early'}" in remark


def test_what_is_aligned_is_left_alone():
    recording = bent()
    assert filtering.align(recording) is recording


def test_clipping_and_long_silence_are_said():
    signal = 0.7 * np.sin(np.arange(30_000) / 5)
    assert filtering.defects(signal, 8000, "a.wav") == []
    signal[4000:20_000] = 0
    (silent,) = filtering.defects(signal, 8000, "a.wav")
    assert silent == "a.wav is silent (below -90 dBFS) for 2.0 s from 0.5 s on"
    clipped, silent = filtering.defects(signal.clip(-0.6, 0.6), 8000, "a.wav")
    assert "a.wav is clipped" in clipped and silent.startswith("a.wav is silent")
    signal[5000:11_900:100] = 0.1
    assert filtering.defects(signal[:12_000], 8000, "a.wav") == [], "less than a second"


def test_files_of_lengths_a_little_apart_are_cut_to_the_shorter_and_it_is_said(tmp_path):
    recording = bent(10_000)
    wav.write(tmp_path / "in.wav", recording.input, 8000, "FLOAT")
    wav.write(tmp_path / "out.wav", recording.target[:9500], 8000, "FLOAT")
    loaded = filtering.load_recording(tmp_path / "in.wav", tmp_path / "out.wav")
    np.testing.assert_allclose(loaded.input, recording.input[:9500], atol=1e-7)
    np.testing.assert_allclose(loaded.target, recording.target[:9500], atol=1e-7)
    assert loaded.remarks == ("the last 500 samples of the longer file have no counterpart",)
    wav.write(tmp_path / "out.wav", recording.target[:9000], 8000, "FLOAT")
    with pytest.raises(ValueError, match=r"of the same length, got .* with 10000 .* with 9000"):
        filtering.load_recording(tmp_path / "in.wav", tmp_path / "out.wav")


@pytest.mark.parametrize("cell", ["LSTM", "GRU"])
@pytest.mark.parametrize("residual", [True, False])
def test_the_gains_are_folded_into_the_weights(cell, residual):
    recording = bent()
    start = nl.Sequential(filtering.CELLS[cell.lower()](1, 5), dtype=np.float32, seed=1)
    candidate = filtering.Candidate.of(start, recording, residual, 0.5)
    candidate.fit(2, progress=False)
    x = recording.input.astype(np.float32)[:, None, None]
    body = candidate.body.predict(candidate.gain_in * x)
    expected = candidate.readout.predict(body).astype(float) / candidate.gain_out + residual * x
    net = candidate.network()
    assert net.dtype == np.float32 and isinstance(net, nl.Residual) == residual
    np.testing.assert_allclose(net.predict(x), expected, atol=2e-6)
    assert np.abs(expected - residual * x).max() > 0.1, "or nothing would be shown"
    assert isinstance((net.layers[0] if residual else net).layers[0], getattr(nl, cell))


@pytest.mark.parametrize("residual", [True, False])
def test_a_candidate_hears_its_level_and_aims_at_what_is_left(residual):
    recording = bent()
    start = nl.Sequential(nl.GRU(1, 3), dtype=np.float32, seed=1)
    candidate = filtering.Candidate.of(start, recording, residual, 0.1)
    learn, _, _ = filtering.parts(9000)
    assert np.sqrt(np.mean((candidate.gain_in * recording.input[learn]) ** 2)) == pytest.approx(0.1)
    assert np.sqrt(np.mean((candidate.gain_out * recording.target[learn]) ** 2)) == pytest.approx(1)
    heard = candidate.learn.x[:, 0, 0] / candidate.gain_in
    np.testing.assert_allclose(heard, recording.input[: len(heard)], rtol=1e-5)
    wanted = candidate.learn.target[:, 0, 0] / candidate.gain_out + residual * heard
    np.testing.assert_allclose(wanted, recording.target[: len(heard)], atol=1e-5)
    candidate.body.theta[...] = 0
    assert start.theta.any(), "the others' start is not touched"


def test_what_a_trial_chose_is_in_the_figures_and_in_a_sentence(monkeypatch):
    errors = {(True, 0.1): 3.0, (True, 0.5): 2.0, (False, 0.1): 1.0, (False, 0.5): 4.0}
    fitted = []

    def fit(self, iterations, **options):
        fitted.append((self.residual, self.level, iterations))
        self.error = errors[self.residual, self.level]

    monkeypatch.setattr(filtering.Candidate, "fit", fit)
    result = filtering.train(bent(), hidden_size=3, iterations=40, progress=False)
    assert fitted == [*((*choice, 15) for choice in errors), (False, 0.1, 25)]
    assert result.figures["residual"] is False and result.figures["level"] == 0.1
    assert (
        result.chosen == "the input is not added to the output; the network hears it at an RMS level of 0.1"
    )
    fitted.clear()
    result = filtering.train(bent(), hidden_size=3, iterations=10, residual=True, progress=False)
    assert fitted == [(True, 0.1, 10), (True, 0.5, 10)], "the trials were all there was to do"
    assert isinstance(result.net, nl.Residual) and "the input is added to the output" in result.chosen


def test_a_trial_that_reaches_the_goal_is_the_last():
    recording = filtering.built_in_recording()
    result = filtering.train(recording, hidden_size=3, progress=False)
    assert result.figures["residual"] and result.figures["level"] == filtering.LEVELS[0]
    assert result.figures["esr_db"] < -75 and "goal" in result.history.stopped


def test_a_candidate_that_diverges_is_not_chosen():
    recording = bent()
    huge = filtering.Recording(1e30 * recording.input, recording.target, recording.rate)
    with np.errstate(all="ignore"):
        result = filtering.train(huge, hidden_size=3, quick=True, progress=False)
    assert result.figures["residual"] is False and not result.history.diverged
    assert result.figures["esr_db"] < -3


@pytest.mark.parametrize(
    "options, words",
    [
        ({"cell": "transistor"}, "'lstm' or 'gru', got 'transistor'"),
        ({"pre_emphasis": 1.0}, "below 1, got 1.0"),
        ({"pre_emphasis": -0.1}, "from 0 .*, got -0.1"),
        ({"iterations": 0}, "at least 1 iteration, got 0"),
        ({"hidden_size": 0}, "hidden_size"),
    ],
)
def test_an_option_of_the_filter_out_of_its_range_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        filtering.train(bent(), progress=False, **options)


def test_a_part_of_the_target_without_sound_is_refused():
    for part, use in zip(filtering.parts(9000), ("trained on", "decided by", "held out"), strict=True):
        recording = bent()
        recording.target[part] = 0
        with pytest.raises(ValueError, match=f"the target silent in the part {use}"):
            filtering.train(recording, progress=False)


def test_the_same_seed_gives_the_same_filter():
    nets = [
        filtering.train(bent(), hidden_size=3, quick=True, seed=seed, progress=False).net.theta
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(nets[0], nets[1])
    assert not np.array_equal(nets[0], nets[2])


def test_the_demo_recording_is_the_same_each_time_and_bends():
    one, two = filtering.demo_recording(), filtering.demo_recording()
    np.testing.assert_array_equal(one.input, two.input)
    np.testing.assert_array_equal(one.target, two.target)
    assert (one.rate, len(one.input), len(one.target)) == (11_025, 220_500, 220_500)
    assert np.abs(one.target).max() < 1 and abs(one.target.mean()) < 1e-3
    gain = one.input @ one.target / (one.input @ one.input)
    assert np.square(one.target - gain * one.input).sum() > 0.03 * np.square(one.target).sum()
    assert pairs.delay(one.input, one.target, one.rate) == 0


def test_a_network_from_filter_coefficients_is_at_hand_here_too():
    from numpylstm.tasks import iir

    assert filtering.from_iir is iir.from_iir


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


def layers_in(layer: Layer) -> list[Layer]:
    return [layer, *(each for inside in layer.layers for each in layers_in(inside))]


def classes_in(layer: Layer) -> set[type]:
    return {type(each) for each in layers_in(layer)}


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
            layers = [each for _, layer in tested for each in layers_in(layer) if type(each) is cls]
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


def test_failed_work_takes_away_the_folders_above_too_but_none_that_was_there(tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(KeyboardInterrupt), open_run(tmp_path / "mine" / "runs" / "a" / "b") as folder:
        assert folder.is_dir()
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.rglob("*")] == ["mine"]


def test_a_model_is_found_by_its_folder_or_its_own_name(tmp_path):
    with pytest.raises(ValueError, match=r"model\.safetensors"):
        find_model(tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"")
    assert find_model(tmp_path) == find_model(path) == path


def test_numbers_that_json_lacks_become_none():
    value = {"a": math.nan, "b": [1.5, -math.inf, {"c": np.float64("nan")}], "d": "nan", "e": 3}
    assert finite(value) == {"a": None, "b": [1.5, None, {"c": None}], "d": "nan", "e": 3}

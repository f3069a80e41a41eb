"""The command: what it prints, what it writes, and how it says no."""

import argparse
import csv
import json
import math
import os
import re
import shutil
import struct
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest
import soundfile as sf

import numpylstm as nl
from numpylstm import checkpoint, threads
from numpylstm.cli import build_parser, main
from numpylstm.cli.separate_train import OF_PUBLISHED, passed_on
from numpylstm.datasets.singers import PRESETS
from numpylstm.tasks import filtering, gradients, live, recipes, separation, side_by_side, taking_apart
from numpylstm.tasks.side_by_side import run_side_by_side

RATE = 8000  # Hz
SAMPLES = 9001


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def signal(samples: int = SAMPLES, channels: int = 1) -> np.ndarray:
    rng = np.random.default_rng(0)
    n = np.arange(samples)[:, None]
    return 0.4 * np.sin(n * [0.05, 0.07][:channels]) + 0.05 * rng.standard_normal((samples, channels))


def write(name: str, samples: np.ndarray, rate: int = RATE, subtype: str = "PCM_16") -> str:
    sf.write(name, samples, rate, subtype=subtype)
    return name


def pair(extension: str = "wav", subtype: str = "PCM_16", channels: int = 1) -> tuple[str, str]:
    x = signal(channels=channels)
    before = write(f"before.{extension}", x, subtype=subtype)
    return before, write(f"after.{extension}", 0.5 * np.tanh(2 * x), subtype=subtype)


@pytest.fixture(scope="session")
def model(tmp_path_factory) -> str:
    """The run folder of a short training at RATE."""
    folder = tmp_path_factory.mktemp("runs") / "trained"
    x = signal()[:, 0]
    recording = filtering.Recording(x, 0.5 * np.tanh(2 * x), RATE)
    result = filtering.train(recording, residual=True, quick=True, progress=False)
    folder.mkdir()
    extra = filtering.beside_the_model(result)
    checkpoint.save(result.net, folder / "model.safetensors", extra=extra)
    return str(folder)


class Command:
    """Runs the command and keeps what it said."""

    def __init__(self, capsys) -> None:
        self.capsys = capsys

    def __call__(self, *argv: str) -> str:
        self.capsys.readouterr()
        try:
            self.code = main(argv)
        except SystemExit as exit:  # argparse's way
            self.code = exit.code
        self.out, self.err = self.capsys.readouterr()
        return self.out

    def json(self, *argv: str) -> dict:
        out = self(*argv, "--json")
        assert self.code == 0, self.err
        assert out.endswith("\n") and out.count("\n") == 1, "one line and nothing else"
        figures = json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
        assert isinstance(figures, dict)
        return figures

    def refused(self, *argv: str) -> str:
        """The one line on standard error; nothing may have been written anywhere."""
        before = tree()
        self(*argv)
        assert self.code == 2, (self.code, self.out, self.err)
        assert self.out == ""
        assert self.err.endswith("\n") and self.err.count("\n") == 1, self.err
        assert "Traceback" not in self.err and "Errno" not in self.err
        assert self.err.startswith("numpylstm: ")
        assert tree() == before, "nothing is left behind"
        return self.err


def tree() -> dict[str, bytes | None]:
    """Every file below the current folder with its content, and every folder."""
    return {str(path): path.read_bytes() if path.is_file() else None for path in Path(".").rglob("*")}


@pytest.fixture
def command(capsys) -> Command:
    return Command(capsys)


def check_run(folder: str, picture: str, task: str, epochs: int | None = None) -> dict:
    """The run folder of a training: its description, with everything in it read once."""
    names = {"config.json", "metrics.jsonl", "model.safetensors", picture}
    assert {path.name for path in Path(folder).iterdir()} == names
    described = json.loads(Path(folder, "config.json").read_text())
    assert described["config"]["task"] == task and "seed" in described["config"]
    rows = [json.loads(line) for line in Path(folder, "metrics.jsonl").read_text().splitlines()]
    if task == "filter":
        steps = [row["iteration"] for row in rows]
        assert steps == [0] or steps == list(range(0, steps[-1] + 1, steps[1]))
    else:
        assert [row["epoch"] for row in rows] == list(range(len(rows))) and rows
    assert all(math.isfinite(row["train_loss"]) and row["seconds"] > 0 for row in rows)
    net = nl.load(Path(folder, "model.safetensors"))
    assert net.config() == described["network"] and np.isfinite(net.theta).all()
    check_picture(Path(folder, picture))
    return described


def check_picture(path: Path) -> None:
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", content[16:24])
    assert 600 <= width <= 2000 and 300 <= height <= 2000
    pixels = matplotlib.image.imread(path)
    assert pixels[..., :3].std() > 0.02, "something is drawn"


# --------------------------------------------------------------------------------------- the sine


def test_the_default_sine_prints_its_figures_as_json_and_fills_its_folder(command):
    figures = command.json("sine", "--quick", "--out", "run", "--seed", "3")
    assert {"seconds", "seed", "frequency_error_ppm", "amplitude_error_percent"} <= figures.keys()
    assert figures["seed"] == 3 and figures["seconds"] > 0
    described = check_run("run", "sine.png", "sine")
    assert described["config"]["recipe"] == "default" and described["figures"] == figures


def test_the_reference_sine_prints_its_figures_as_json_and_fills_its_folder(command):
    figures = command.json("sine", "--recipe", "reference", "--quick", "--out", "run")
    keys = {"dev_mse", "one_batch_sse", "frequency_error_ppm", "amplitude_error_percent", "seconds", "seed"}
    assert keys <= figures.keys()
    assert 0 < figures["dev_mse"] < 2 and 0 < figures["one_batch_sse"] < 10
    check_run("run", "sine.png", "sine")


@pytest.mark.parametrize("recipe", ["default", "reference"])
def test_a_sine_speaks_in_sentences_and_names_its_folder(command, recipe):
    out = command("sine", "--recipe", recipe, "--quick")
    assert command.code == 0 and "runs/sine" in out and "free run" in out
    assert Path("runs/sine/model.safetensors").exists()
    assert ("two samples ahead" in out) == (recipe == "reference")
    assert "nan" not in out


def test_the_same_seed_gives_the_same_figures(command):
    first, again, other = (
        command.json("sine", "--quick", "--out", "run", "--seed", seed) for seed in ("1", "1", "2")
    )
    for figures in (first, again, other):
        figures.pop("seconds"), figures.pop("seed")
    assert first == again != other


# ------------------------------------------------------------------------------------ filter train


def test_filter_train_needs_no_files(command):
    figures = command.json("filter", "train", "--quick", "--out", "run")
    assert {"esr_db", "real_time_factor", "seconds", "seed"} <= figures.keys()
    assert figures["esr_db"] < 0 < figures["real_time_factor"]
    assert "plucked string" in command.err
    described = check_run("run", "filter.png", "filter")
    assert described["config"]["rate"] == 16_000
    write("in.wav", signal(100))
    assert "16000 Hz" in command.refused("filter", "apply", "run", "in.wav", "out.wav"), "the rate is kept"


@pytest.mark.parametrize(
    "extension, subtype, channels",
    [
        ("wav", "PCM_U8", 1),
        ("wav", "PCM_16", 2),
        ("wav", "PCM_24", 1),
        ("wav", "PCM_32", 1),
        ("wav", "FLOAT", 1),
        ("wav", "DOUBLE", 2),
        ("flac", "PCM_16", 1),
        ("flac", "PCM_24", 2),
    ],
)
def test_filter_train_apply_and_eval_take_every_kind_of_file(command, extension, subtype, channels):
    before, after = pair(extension, subtype, channels)
    figures = command.json("filter", "train", before, after, "--quick", "--out", "run", "--hidden-size", "4")
    assert -40 < figures["esr_db"] < 0
    out = f"out.{extension}"
    command("filter", "apply", "run", before, out)
    assert command.code == 0
    heard, given = sf.info(out), sf.info(before)
    assert (heard.frames, heard.samplerate) == (SAMPLES, RATE)
    assert heard.channels == channels and heard.subtype == given.subtype and heard.format == given.format
    assert "esr_db" in command.json("filter", "eval", "run", before, after)


@pytest.mark.parametrize("cell, kind, residual", [("lstm", "LSTM", False), ("gru", "GRU", True)])
def test_the_options_of_filter_train_make_the_network(command, cell, kind, residual):
    switch = "--residual" if residual else "--no-residual"
    options = ("--cell", cell, switch, "--hidden-size", "5", "--seed", "2")
    command.json("filter", "train", *pair(), "--quick", "--out", "run", *options)
    described = check_run("run", "filter.png", "filter")
    wanted = {"cell": cell, "residual": residual, "hidden_size": 5, "seed": 2, "input": "before.wav"}
    assert wanted.items() <= described["config"].items()
    net = nl.load("run/model.safetensors")
    assert isinstance(net, nl.Residual) == residual
    assert kind in repr(net) and "hidden_size=5" in repr(net)


def test_a_longer_filter_training_is_a_better_one():
    x = signal()[:, 0]
    echo = x + 0.5 * np.concatenate([np.zeros(3), np.tanh(3 * x[:-3])])

    def esr_db(iterations):
        options = {"iterations": iterations, "hidden_size": 4, "residual": True, "progress": False}
        return filtering.train(filtering.Recording(x, echo, RATE), **options).figures["esr_db"]

    assert esr_db(40) < esr_db(1) - 3


# --------------------------------------------------------------------------- filter apply and eval


@pytest.mark.parametrize("samples, channels", [(1, 1), (2, 2), (1023, 1), (5000, 2), (SAMPLES, 1)])
def test_filter_apply_writes_exactly_the_input_s_length_rate_and_channels(command, model, samples, channels):
    write("in.wav", signal(samples, channels), subtype="FLOAT")
    figures = command.json("filter", "apply", model, "in.wav", "out.wav")
    info = sf.info("out.wav")
    assert (info.frames, info.channels, info.samplerate) == (samples, channels, RATE)
    assert (figures["samples"], figures["rate"], figures["clipped"]) == (samples, RATE, 0)
    x = sf.read("in.wav", dtype="float32", always_2d=True)[0]
    expected = nl.load(f"{model}/model.safetensors").predict(x[:, :, None])[:, :, 0]
    np.testing.assert_allclose(sf.read("out.wav", always_2d=True)[0], expected, atol=1e-6)


def test_a_model_is_a_run_folder_or_its_file(command, model):
    before, after = pair()
    by_folder = command.json("filter", "eval", model, before, after)
    by_file = command.json("filter", "eval", f"{model}/model.safetensors", before, after)
    assert by_folder["esr_db"] == by_file["esr_db"] < 0


def test_filter_eval_measures_the_whole_pair(command, model):
    before, after = pair(subtype="DOUBLE")
    x, target = sf.read(before)[0], sf.read(after)[0]
    y = nl.load(f"{model}/model.safetensors").predict(x.astype(np.float32)[:, None, None])[:, 0, 0]
    expected = 10 * np.log10(((y - target) ** 2).sum() / (target**2).sum())
    assert command.json("filter", "eval", model, before, after)["esr_db"] == pytest.approx(expected, abs=1e-4)
    assert f"{expected:.1f} dB" in command("filter", "eval", model, before, after)


def test_filter_apply_counts_and_says_what_it_clipped(command):
    net = nl.Sequential(nl.LSTM(1, 2), nl.Dense(2, 1), dtype=np.float32, seed=0)
    net.layers[1].params["W"][...] = 0
    net.layers[1].params["b"][...] = 1.5
    net.save("loud.safetensors")
    write("in.wav", signal(100))
    assert command.json("filter", "apply", "loud.safetensors", "in.wav", "out.wav")["clipped"] == 100
    assert (
        "100 samples" in command("filter", "apply", "loud.safetensors", "in.wav", "out.wav").splitlines()[1]
    )


def test_a_perfect_copy_has_a_ratio_that_json_can_hold_and_says_so(command):
    net = nl.Residual(nl.Sequential(nl.RNN(1, 1), nl.Dense(1, 1)), dtype=np.float64, seed=0)
    net.theta[...] = 0
    net.save("copy.safetensors")
    write("in.wav", signal())
    assert command.json("filter", "eval", "copy.safetensors", "in.wav", "in.wav")["esr_db"] == -400
    assert "no error at all" in command("filter", "eval", "copy.safetensors", "in.wav", "in.wav")


# ------------------------------------------------------------------------------------------ report


@pytest.fixture
def finished() -> str:
    """A run folder as small as can be."""
    Path("run").mkdir()
    Path("run/config.json").write_text('{"config": {"task": "sine"}, "figures": {"dev_mse": 4e-4}}')
    Path("run/metrics.jsonl").write_text(
        '{"epoch": 0, "train_loss": 2.0}\n{"epoch": 1, "train_loss": null}\n'
    )
    return "run"


def test_report_writes_one_page_into_the_run_folder(command, finished):
    figures = command.json("report", finished)
    page = Path("run/report.html").read_text(encoding="utf-8")
    assert figures["report"] == str(Path("run/report.html")) and figures["bytes"] == len(page.encode())
    assert {"seconds", "seed", "pictures", "examples"} <= figures.keys()
    assert (
        "sine" in page
        and "MSE" in page
        and sorted(os.listdir("run"))
        == [
            "config.json",
            "metrics.jsonl",
            "report.html",
        ]
    )
    assert "report.html" in command("report", finished, "--out", "figures") and command.code == 0
    assert json.loads(Path("figures/report.json").read_text())["bytes"] == figures["bytes"]


def test_report_refuses_what_is_no_run_folder(command, finished):
    assert "config.json" in command.refused("report", "nowhere")
    assert "config.json" in command.refused("report", ".")
    Path("run/metrics.jsonl").write_text("nonsense\n")
    assert "line 1" in command.refused("report", finished)


# ------------------------------------------------------------------------------- digits and gradcheck


def test_digits_run_without_files_on_those_of_scikit_learn(command):
    pytest.importorskip("sklearn")
    figures = command.json("digits", "--quick", "--out", "run", "--seed", "1")
    assert {"accuracy", "seconds", "seed"} <= figures.keys()
    assert 0.5 < figures["accuracy"] <= 1 and figures["seed"] == 1
    described = check_run("run", "digits.png", "digits")
    assert "scikit-learn" in described["config"]["source"]
    assert "%" in command("digits", "--quick", "--out", "again")


def test_digits_without_files_and_without_scikit_learn_say_what_to_do(command, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert "--data DIR" in command.refused("digits", "--quick")


def test_gradcheck_prints_its_figures_as_json_and_writes_its_table_where_asked(command):
    figures = command.json("gradcheck", "--quick", "--out", "run")
    assert {"max_error", "seconds", "seed"} <= figures.keys()
    assert 0 < figures["max_error"] < 1e-11 and figures["passed"] is True
    assert sorted(path.name for path in Path("run").iterdir()) == ["gradcheck.json", "gradcheck.txt"]
    assert json.loads(Path("run/gradcheck.json").read_text())["max_error"] == figures["max_error"]
    table = Path("run/gradcheck.txt").read_text()
    for word in ("LSTM", "GRU", "RNN", "Dense", "Bidirectional", "Residual", "ConcatHidden", "loss mse"):
        assert word in table
    assert "WRONG" not in table


@pytest.fixture
def short_gradcheck(monkeypatch):
    monkeypatch.setattr(gradients, "check_all", lambda *args: [gradients.Row("LSTM", 1e-16, "dx", True)])


def test_gradcheck_prints_its_table_and_writes_nothing_unasked(command, short_gradcheck):
    assert "LSTM" in command("gradcheck") and command.code == 0
    assert command.err == "" and tree() == {}


@pytest.mark.parametrize("error", [0.5, math.nan])
def test_a_failed_gradcheck_ends_with_exit_code_1(command, monkeypatch, error):
    rows = [gradients.Row("LSTM", 1e-16, "dx", True), gradients.Row("GRU", error, "dW_h", False)]
    monkeypatch.setattr(gradients, "check_all", lambda *args: rows)
    out = command("gradcheck", "--json")
    assert command.code == 1 and out.count("\n") == 1
    figures = json.loads(out, parse_constant=lambda name: pytest.fail(name))
    assert figures["passed"] is False
    assert figures["max_error"] == (None if math.isnan(error) else error)
    assert "WRONG" in command("gradcheck") and command.code == 1


@pytest.mark.parametrize("verb", ["apply", "eval"])
def test_seconds_and_seed_are_in_the_figures_of_every_command(command, model, verb):
    before, after = pair()
    figures = command.json("filter", verb, model, before, "out.wav" if verb == "apply" else after)
    assert {"seconds", "seed"} <= figures.keys()


# ------------------------------------------------------------------------ filter stream, live, demo


@pytest.mark.parametrize("block", ["1", "7", "480"])
def test_filter_stream_gives_what_apply_gives(command, model, block):
    write("in.wav", signal(2000), subtype="FLOAT")
    figures = command.json(
        "filter", "stream", model, "in.wav", "streamed.wav", "--block", block, "--out", "run"
    )
    assert {"real_time_factor", "p99_ms", "seconds", "seed"} <= figures.keys()
    assert figures["blocks"] == -(-2000 // int(block)) and figures["rate"] == RATE
    assert 0 <= figures["difference"] < 1e-6
    command.json("filter", "apply", model, "in.wav", "applied.wav")
    np.testing.assert_allclose(sf.read("streamed.wav")[0], sf.read("applied.wav")[0], atol=1e-6)
    assert json.loads(Path("run/stream.json").read_text())["blocks"] == figures["blocks"]


def test_filter_stream_does_not_write_onto_its_input(command, model):
    before = pair()[0]
    assert "another file than the input" in command.refused("filter", "stream", model, before, before)


def test_filter_stream_writes_no_file_unasked_and_speaks_of_real_time(command, model):
    write("in.wav", signal(2000, channels=2))
    before = tree()
    assert "times real time" in command("filter", "stream", model, "in.wav") and command.code == 0
    assert tree() == before


def test_filter_live_simulates_a_sound_card(command, model):
    figures = command.json("filter", "live", model, "--simulate", "--seconds", "0.5", "--block", "64")
    assert {"real_time_factor", "p99_ms", "seconds", "seed"} <= figures.keys()
    assert figures["simulated"] is True and figures["blocks"] == -(-RATE // 2 // 64)
    assert "simulated sound card, as asked for" in command.err


def test_filter_live_without_a_sound_card_says_that_it_simulates(command, model, monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    assert "times real time" in command("filter", "live", model, "--seconds", "0.1") and command.code == 0
    assert "no sound card" in command.err


def test_filter_live_plays_through_a_sound_card_and_hands_its_remarks_on(command, model, monkeypatch):
    def play(net, rate, seconds, block):
        return live.Meter(block, rate, [0.001], ["input overflow", "input overflow"])

    monkeypatch.setattr(live, "find_sound_card", lambda: object())
    monkeypatch.setattr(live, "live", play)
    figures = command.json("filter", "live", model, "--seconds", "1")
    assert figures["simulated"] is False and figures["rate"] == RATE
    assert "mind the feedback" in command.err and command.err.count("input overflow") == 1


@pytest.mark.parametrize("block", ["0", "-1"])
def test_blocks_without_samples_are_refused(command, model, block):
    write("in.wav", signal(100))
    assert f"got {block}" in command.refused("filter", "stream", model, "in.wav", "out.wav", "--block", block)
    command("filter", "live", model, "--simulate", "--seconds", "0.1", "--block", block)
    assert command.code == 2 and f"got {block}" in command.err and command.out == ""


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "x"])
def test_no_time_to_play_is_refused(command, model, seconds):
    assert command("filter", "live", model, "--simulate", "--seconds", seconds) == "" and command.code == 2
    assert f"got {seconds}" in command.err


def test_filter_demo_leaves_sound_to_compare(command):
    figures = command.json("filter", "demo", "--quick", "--hidden-size", "4", "--out", "run")
    assert {"esr_db", "real_time_factor", "seconds", "seed"} <= figures.keys() and figures["esr_db"] < 0
    sounds = {name: sf.read(f"run/{name}.wav") for name in ("input", "target", "output")}
    assert {(len(samples), rate) for samples, rate in sounds.values()} == {(220_500 // 4, 11_025)}
    error = np.square(sounds["output"][0] - sounds["target"][0]).sum() / np.square(sounds["target"][0]).sum()
    assert 10 * np.log10(error) == pytest.approx(figures["esr_db"], abs=0.1)
    for name in sounds:
        Path(f"run/{name}.wav").unlink()
    check_run("run", "filter.png", "filter")


# ----------------------------------------------------------------------- what was found in the files


def test_a_late_target_is_told_and_aligned(command, model):
    x = signal()[:, 0]
    y = 0.5 * np.tanh(2 * np.concatenate([np.zeros(50), x[:-50]]))
    write("before.wav", x)
    write("after.wav", y[:-20])
    figures = command.json("filter", "eval", model, "before.wav", "after.wav")
    assert figures["delay_samples"] == 50 and figures["esr_db"] < 0
    assert "50 samples" in command.err and "the last 20 samples" in command.err
    assert command.err.splitlines() == figures["remarks"]
    figures = command.json("filter", "train", "before.wav", "after.wav", "--quick", "--out", "run")
    assert figures["delay_samples"] == 50 and "50 samples" in command.err
    config = json.loads(Path("run/config.json").read_text())["config"]
    assert len(config["remarks"]) == 2 and figures["residual"] in (True, False)


def test_a_model_is_not_overwritten_by_its_plug_in_file(command, model):
    nl.load(f"{model}/model.safetensors").save("box")
    assert "another file than the model" in command.refused(
        "filter", "export", "box", "box", "--format", "nam"
    )


@pytest.mark.parametrize(
    "option, value", [("--iterations", "0"), ("--pre-emphasis", "1"), ("--pre-emphasis", "-0.1")]
)
def test_an_option_of_the_training_out_of_its_range_is_refused(command, option, value):
    assert f"got {value}" in command.refused("filter", "train", *pair(), option, value, "--out", "run")


# -------------------------------------------------------------------------- filter export and import


@pytest.mark.parametrize("format, keeps", [("nam", True), ("aidax", True), ("guitarml", False)])
def test_a_model_goes_through_a_plug_in_file_and_back(command, model, format, keeps):
    before, after = pair()
    figures = command.json("filter", "export", model, "box.plugin", "--format", format)
    assert figures["format"] == format and figures["rate"] == RATE
    assert command.err.splitlines() == figures["remarks"]
    assert any("remember that it is 8000 Hz" in remark for remark in figures["remarks"]) is not keeps
    assert "box.plugin" in command("filter", "export", model, "box.plugin", "--format", format)
    figures = command.json("filter", "import", "box.plugin", "--out", "again")
    assert figures["format"] == format and figures["rate"] == (RATE if keeps else None)
    assert (figures["answer_error"] is not None) == (format == "aidax")
    names = {"config.json", "metrics.jsonl", "model.safetensors"}
    assert {path.name for path in Path("again").iterdir()} == names
    described = json.loads(Path("again/config.json").read_text())
    assert described["config"]["imported"] == "box.plugin" and described["figures"]["format"] == format
    for name in (model, "again"):
        command("filter", "apply", name, before, f"{Path(name).name}.wav")
    np.testing.assert_allclose(sf.read("again.wav")[0], sf.read("trained.wav")[0], atol=2**-15)
    esr_db = [command.json("filter", "eval", name, before, after)["esr_db"] for name in (model, "again")]
    assert esr_db[1] == pytest.approx(esr_db[0], abs=1e-3)
    again = command.json("filter", "export", "again", "again.plugin", "--format", "nam")
    assert again["rate"] == (RATE if keeps else None)


def test_importing_says_what_came(command):
    net = nl.Sequential(nl.LSTM(1, 8), nl.Dense(8, 1), dtype=np.float32, seed=0)
    nl.interop.save(net, "box.json", format="aidax", rate=44_100)
    out = command("filter", "import", "box.json")
    assert "format aidax, 329 parameters, rate: 44100 Hz" in out and "known answer" in out
    assert "runs/import" in out and Path("runs/import/model.safetensors").exists()
    nl.interop.save(net, "box.json", format="rtneural")
    assert "rate: not said" in command("filter", "import", "box.json")


def test_a_model_that_a_format_cannot_hold_is_refused(command, model):
    nl.Sequential(nl.LSTM(1, 4, peepholes=True), nl.Dense(4, 1)).save("peepholes.safetensors")
    message = command.refused("filter", "export", "peepholes.safetensors", "box.json", "--format", "rtneural")
    assert "peepholes" in message
    nl.Sequential(nl.GRU(1, 4), nl.Dense(4, 1)).save("gru.safetensors")
    assert "a GRU" in command.refused("filter", "export", "gru.safetensors", "box.nam", "--format", "nam")
    assert "nowhere" in command.refused("filter", "export", model, "nowhere/box.nam", "--format", "nam")
    command("filter", "export", model, "box", "--format", "onnx")
    assert command.code == 2 and "onnx" in command.err


def test_a_plug_in_file_that_cannot_be_read_is_refused(command):
    for content in ("", "{}", '{"architecture": "WaveNet", "version": "0.5.4"}'):
        Path("box.nam").write_text(content)
        assert "box.nam" in command.refused("filter", "import", "box.nam", "--out", "run")
    assert "none.nam" in command.refused("filter", "import", "none.nam", "--out", "run")
    knob = {"type": "gru", "shape": [2], "weights": [[[0] * 6] * 2, [[0] * 6] * 2, [[0] * 6] * 2]}
    dense = {"type": "dense", "shape": [1], "weights": [[[0]] * 2, [0]]}
    Path("knob.json").write_text(json.dumps({"in_shape": [2], "layers": [knob, dense]}))
    message = command.refused("filter", "import", "knob.json", "--out", "run")
    assert "from one sample to one sample, got one from 2 inputs to 1 outputs in knob.json" in message


# ------------------------------------------------------------------------------------- bad recordings


def bad_recordings() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Files made in the current folder, INPUT and TARGET and what the message must name."""
    x = signal()
    write("good.wav", x)
    write("other rate.wav", x, rate=11025)
    write("longer.wav", signal(10_000))
    write("silent.wav", 0 * x)
    write("short.wav", x[:100])
    write("nan.wav", np.where(np.arange(SAMPLES)[:, None] == 5, np.nan, x), subtype="FLOAT")
    write("no samples.wav", x[:0])
    quarter = SAMPLES // 4
    write("silent end.wav", np.concatenate([x[: -quarter - 1], 0 * x[-quarter - 1 :]]))
    write("silent start.wav", np.concatenate([0 * x[:-quarter], x[-quarter:]]))
    Path("empty.wav").write_bytes(b"")
    Path("text.wav").write_text("no sound at all\n" * 50)
    content = Path("good.wav").read_bytes()
    Path("header.wav").write_bytes(content[:20])
    Path("folder.wav").mkdir()
    return {
        "unequal rates": ("good.wav other rate.wav", ("8000 Hz", "11025 Hz", "other rate.wav")),
        "unequal lengths": ("good.wav longer.wav", ("9001", "10000", "longer.wav")),
        "silent input": ("silent.wav good.wav", ("silent.wav", "silent")),
        "silent target": ("good.wav silent.wav", ("silent.wav", "silent")),
        "silence to train on": ("good.wav silent start.wav", ("silent start.wav", "silent")),
        "silence held out": ("good.wav silent end.wav", ("silent end.wav", "silent")),
        "too short": ("short.wav short.wav", ("8192", "100")),
        "not finite": ("nan.wav good.wav", ("nan.wav", "not finite")),
        "no samples": ("no samples.wav good.wav", ("no samples.wav",)),
        "empty file": ("good.wav empty.wav", ("empty.wav", "empty")),
        "text": ("text.wav good.wav", ("text.wav",)),
        "cut in the header": ("good.wav header.wav", ("header.wav",)),
        "missing": ("good.wav nowhere.wav", ("nowhere.wav", "not exist")),
        "a folder": ("folder.wav good.wav", ("folder.wav", "directory")),
        "one file": ("good.wav", ("INPUT and TARGET", "one")),
    }


BAD_RECORDINGS = [
    *("unequal rates", "unequal lengths", "silent input", "silent target", "silence to train on"),
    *("silence held out", "too short", "not finite", "no samples", "empty file", "text"),
    *("cut in the header", "missing", "a folder", "one file"),
]


@pytest.mark.parametrize("name", BAD_RECORDINGS)
def test_filter_train_refuses_a_bad_recording_in_one_line(command, name):
    cases = bad_recordings()
    assert list(cases) == BAD_RECORDINGS
    files, words = cases[name]
    message = command.refused("filter", "train", *re.findall(r"\S.*?\.wav", files), "--quick", "--out", "run")
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    "name", sorted({*BAD_RECORDINGS} - {"one file", "silence to train on", "silence held out"})
)
def test_filter_eval_refuses_a_bad_recording_in_one_line(command, model, name):
    files, words = bad_recordings()[name]
    message = command.refused("filter", "eval", model, *re.findall(r"\S.*?\.wav", files))
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    "name", ["empty.wav", "text.wav", "header.wav", "nowhere.wav", "folder.wav", "nan.wav"]
)
def test_filter_apply_refuses_an_unreadable_file_and_leaves_the_old_output(command, model, name):
    bad_recordings()
    Path("out.wav").write_bytes(b"the old one")
    assert name in command.refused("filter", "apply", model, name, "out.wav")


@pytest.mark.parametrize("output", ["nowhere/out.wav", "folder.wav", "out.xyz", "out", "good.wav/out.wav"])
def test_filter_apply_refuses_an_output_that_cannot_be_written(command, model, output):
    bad_recordings()
    assert output in command.refused("filter", "apply", model, "good.wav", output)


def test_filter_apply_that_fails_while_writing_leaves_nothing_behind(command, model, monkeypatch):
    def full(self, block):
        raise OSError("no space left on the device")

    write("in.wav", signal())
    monkeypatch.setattr(sf.SoundFile, "write", full)
    assert "no space" in command.refused("filter", "apply", model, "in.wav", "out.wav")


@pytest.mark.parametrize("verb", ["apply", "eval"])
def test_a_model_trained_at_another_rate_is_refused(command, model, verb):
    for name in ("in.wav", "target.wav"):
        write(name, signal(), rate=22050)
    message = command.refused("filter", verb, model, "in.wav", "out.wav" if verb == "apply" else "target.wav")
    assert "22050 Hz" in message and "8000 Hz" in message and "in.wav" in message


# ------------------------------------------------------------------------------------------ bad models


def bad_model(name: str) -> str:
    if name == "text file":
        Path("model").write_text("hello\n" * 100)
    elif name == "empty file":
        Path("model").write_bytes(b"")
    elif name == "sound":
        write("model.wav", signal())
        os.rename("model.wav", "model")
    elif name == "folder without one":
        Path("model").mkdir()
    elif name == "folder with a broken one":
        Path("model").mkdir()
        Path("model/model.safetensors").write_bytes(b"{}")
    elif name == "wrong width":
        nl.MLP(784, 10).save("model")
    elif name == "two outputs":
        nl.GRU(1, 2).save("model")
    elif name == "gives no number":
        net = nl.Dense(1, 1)
        net.theta[...] = np.nan
        net.save("model")
    return "model"


@pytest.mark.parametrize(
    "name",
    [
        *("missing", "text file", "empty file", "sound", "folder without one", "folder with a broken one"),
        *("wrong width", "two outputs"),
    ],
)
@pytest.mark.parametrize("verb", ["apply", "eval"])
def test_what_is_no_filter_model_is_refused_by_its_name(command, name, verb):
    before, after = pair()
    message = command.refused(
        "filter", verb, bad_model(name), before, "out.wav" if verb == "apply" else after
    )
    assert "model" in message


def test_a_model_that_gives_no_numbers_writes_no_file(command):
    before, _ = pair()
    assert "out.wav" in command.refused("filter", "apply", bad_model("gives no number"), before, "out.wav")


# ---------------------------------------------------------------------------------------- separation

SINGING_RATE = 16_000


def clips(folder: str, *names: str, channels: int = 2, seconds: float = 1.2) -> str:
    """A folder as MIR-1K is distributed: left a hiss, right a swinging tone."""
    Path(folder).mkdir(exist_ok=True)
    t = np.arange(round(seconds * SINGING_RATE)) / SINGING_RATE
    for number, name in enumerate(names or ("amy_1_01", "amy_1_02", "titon_1_01")):
        rng = np.random.default_rng(number)
        voice = 0.2 * np.sin(2 * np.pi * (200 + 30 * number) * t + np.sin(30 * t))
        sounds = np.stack([0.1 * rng.standard_normal(len(t)), voice], axis=1)
        sf.write(Path(folder, f"{name}.wav"), sounds[:, :channels], SINGING_RATE)
    return folder


@pytest.fixture(scope="session")
def separators(tmp_path_factory) -> dict[bool, str]:
    """Run folders with small networks that separate, by whether they are causal."""
    folders = {}
    for causal in (False, True):
        rng = np.random.default_rng(0)
        build = partial(recipes.bands, blocks=1, ahead=False) if causal else recipes.both_directions
        folder = tmp_path_factory.mktemp("separators") / ("causal" if causal else "ahead")
        folder.mkdir()
        checkpoint.save(
            build(rng, size=6, hidden=4), folder / "model.safetensors", extra={"trained_on": "nothing at all"}
        )
        folders[causal] = str(folder)
    return folders


SEPARATED = {"gnsdr_db", "gsir_db", "gsar_db", "seam_ratio", "clips", "seconds", "seed"}
PAGE = {"clips.csv", "examples.safetensors", "report.html"}


def check_separation(folder: str, measured: list[str]) -> dict:
    """The run folder of a training to separate: its description."""
    beside = {"config.json", "metrics.jsonl", "model.safetensors", "separation.png"}
    assert {path.name for path in Path(folder).iterdir()} == PAGE | beside
    check_picture(Path(folder, "separation.png"))
    check_clips(folder, measured)
    described: dict = json.loads(Path(folder, "config.json").read_text())
    assert described["config"]["task"] == "separate"
    assert SEPARATED <= described["figures"].keys()
    assert separation.load(folder).config() == described["network"]
    return described


def check_clips(folder: str, measured: list[str]) -> None:
    with open(Path(folder, "clips.csv"), newline="") as file:
        assert [row["clip"] for row in csv.DictReader(file)] == measured
    page = Path(folder, "report.html").read_text()
    assert page.count("<audio") == 5 * len(measured), "mixture, and two sources with their estimates"
    assert all(name in page for name in measured)


def test_separate_train_needs_no_files(command):
    figures = command.json("separate", "train", "--quick", "--recipe", "quick", "--out", "run", "--seed", "3")
    assert SEPARATED <= figures.keys() and figures["seed"] == 3 and figures["clips"] == 1
    described = check_separation("run", ["test_plain_0"])
    assert described["config"]["data"] == ["synthetic"] and described["config"]["recipe"] == "quick"
    assert "synthetic" in figures["trained_on"] and "alone" in figures["trained_on"]


def test_separate_train_leaves_a_singer_out_and_measures_with_that_one(command):
    options = ("--leave-out", "amy", "--recipe", "causal", "--quick", "--out", "run", "--half")
    figures = command.json("separate", "train", "--data", clips("mir"), *options)
    assert figures["clips"] == 2 and figures["training_clips"] == 1
    described = check_separation("run", ["amy_1_01", "amy_1_02"])
    assert described["config"]["leave_out"] == "amy" and described["config"]["clips"] == 0
    assert figures["trained_on"] == "1 real clips of mir, all of them real"
    assert separation.origin("run") == figures["trained_on"]


def test_separate_train_takes_real_and_synthetic_clips_and_a_list(command):
    Path("names").write_text("titon_1_01\namy_1_02.wav  # good\n")
    data = ("--data", clips("mir"), "synthetic", "--list", "names", "--clips", "1")
    figures = command.json("separate", "train", *data, "--recipe", "quick", "--quick", "--out", "run")
    assert figures["training_clips"] == 3 and figures["clips"] == 1
    assert figures["trained_on"] == "2 real clips of mir and 1 synthetic ones"


def test_the_options_of_separate_train_make_the_network_and_its_training(command):
    network = (
        "--cell",
        "gru",
        "--layers",
        "2",
        "--recurrent",
        "1",
        "2",
        "--hidden-size",
        "5",
        "--context",
        "0",
    )
    training = ("--loss", "kl", "--optimizer", "lbfgs", "--gamma", "0.2", "--frames", "9", "--batch", "2")
    data = ("--data", clips("mir", "amy_1_01", "titon_1_01"), "--leave-out", "titon")
    command.json(
        "separate", "train", *data, "--recipe", "published", *network, *training, "--quick", "--out", "run"
    )
    described = check_separation("run", ["titon_1_01"])
    config = described["config"]
    assert (config["loss"], config["optimizer"], config["gamma"]) == ("kl", "lbfgs", 0.2)
    assert (config["frames"], config["batch"], config["target"]) == (9, 2, "magnitude")
    layers = separation.load("run").layers[0].layers
    assert [type(layer).__name__ for layer in layers[3:]] == ["GRU", "GRU", "Dense"]
    assert layers[3].hidden_size == 5 and layers[2].before == layers[2].after == 0
    rows = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().splitlines()]
    assert [row["iteration"] for row in rows] == [0]


def test_the_same_seed_trains_the_same_separator(command):
    options = ("--data", clips("mir"), "--leave-out", "titon", "--recipe", "causal", "--quick")
    runs = [command.json("separate", "train", *options, "--seed", "1", "--out", out) for out in ("a", "b")]
    assert runs[0]["gnsdr_db"] == runs[1]["gnsdr_db"] and runs[0]["gsir_db"] == runs[1]["gsir_db"]
    np.testing.assert_array_equal(nl.load("a/model.safetensors").theta, nl.load("b/model.safetensors").theta)


def test_networks_are_trained_side_by_side_as_if_one_by_one_and_joined(command):
    """`adapted`, which is what clips of one's own are trained with, where nothing else is asked for."""
    data = ("--data", clips("mir"), "--leave-out", "titon", "--quick", "--seed", "4", "--half")
    figures = command.json("separate", "train", *data, "--out", "run")
    parts = recipes.JOINED["adapted"]
    assert {path.name for path in Path("run").iterdir()} == {
        *(PAGE | {"config.json", "model.safetensors"}),
        *(f"{part}.png" for part in parts),
        *parts,
    }
    described = json.loads(Path("run/config.json").read_text())
    assert described["config"]["recipe"] == "adapted" and described["config"]["parts"] == list(parts)
    assert SEPARATED <= described["figures"].keys() and figures["training_clips"] == 2
    check_clips("run", ["titon_1_01"])
    assert Path("run/report.html").read_text().count("Picture ") == 3, "all learning curves"
    real = "2 real clips of mir, all of them real"
    assert figures["trained_on"] == f"1000 synthetic clips alone, then {real}; and {real}"
    for part in parts:
        check_separation(f"run/{part}", ["titon_1_01"])
    command("separate", "train", *data, "--recipe", parts[1], "--out", "alone", "--threads", "1")
    alone, beside = (nl.load(f"{folder}/model.safetensors") for folder in ("alone", f"run/{parts[1]}"))
    np.testing.assert_array_equal(alone.theta, beside.theta)
    thetas = [nl.load(f"run/{part}/model.safetensors").theta for part in parts]
    np.testing.assert_array_equal(separation.load("run").theta, np.concatenate(thetas))


def test_what_is_passed_on_is_all_that_was_asked_for():
    words = ["--data", "my clips", "-odd", "--list=-l", "--leave-out=-amy", "--seed=3", "--half", "--quick"]
    words += [
        "--updates=9",
        "--lr=0.5",
        "--softness=0.3",
        "--clips=2",
        "--frames=7",
        "--batch=3",
        "--gamma=0",
    ]
    words += ["--loss=kl", "--target=magnitude", "--optimizer=lbfgs"]
    parse = build_parser().parse_args
    asked = parse(["separate", "train", *words[:2], "./-odd", *words[3:]])
    asked.data[1] = "-odd"
    told = parse([*passed_on(asked), "--recipe=large", "--out=x"])
    assert told.data == ["my clips", "./-odd"]
    same = vars(asked).keys() - {"data", "recipe", "out"}
    assert {name: getattr(told, name) for name in same} == {name: getattr(asked, name) for name in same}
    left = {name for name in same if getattr(asked, name) == parse(["separate", "train"]).__dict__[name]}
    assert left == {"command", "threads", "json", "start", *OF_PUBLISHED}, "all others were given"


def test_two_side_by_side_give_their_figures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    figures = run_side_by_side({name: ["sine", "--quick", f"--out={name}"] for name in ("a", "b c")})
    assert list(figures) == ["a", "b c"] and Path("b c/model.safetensors").exists()
    one, other = figures.values()
    assert one["frequency_error_ppm"] == other["frequency_error_ppm"] != 0


def test_one_that_is_refused_ends_the_others(capfd):
    started = time.perf_counter()
    commands = {"long": ["separate", "train", "--recipe=large"], "wrong": ["sine", "--recipe=worst"]}
    with pytest.raises(ValueError, match=r"^wrong: numpylstm sine: argument --recipe: invalid choice"):
        run_side_by_side(commands)
    assert time.perf_counter() - started < 60, "the other one, an hour's work, was ended"
    assert "wrong" not in capfd.readouterr().err, "it is told once, by the error"


@pytest.mark.parametrize(
    "ends, words",
    [
        ("import os; os.kill(os.getpid(), 9)", "one was ended by signal 9"),
        ("raise RuntimeError('odd')", "one broke off with exit code 1: RuntimeError: odd"),
    ],
)
def test_one_that_breaks_off_is_no_run(monkeypatch, tmp_path, ends, words):
    (tmp_path / "numpylstm").mkdir()
    (tmp_path / "numpylstm" / "__main__.py").write_text(ends)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(sys, "path", ["elsewhere", *sys.path])
    with pytest.raises(ValueError, match=words):
        run_side_by_side({"one": ["sine"]})


def test_a_part_that_breaks_off_leaves_no_folder_and_one_that_diverged_is_told(
    command, monkeypatch, separators
):
    def broken(commands):
        raise ValueError("large: it broke")

    monkeypatch.setattr(side_by_side, "run_side_by_side", broken)
    assert "large: it broke" in command.refused("separate", "train", "--quick", "--out", "a/run")

    def diverged(commands):
        for words in commands.values():
            (out,) = (word.removeprefix("--out=") for word in words if word.startswith("--out="))
            shutil.copytree(separators[False], out, dirs_exist_ok=True)
            matplotlib.image.imsave(Path(out, "separation.png"), np.zeros((4, 4)))
        one = {"training_clips": 2, "training_seconds": 1.0}
        return {"large": one, "bands": one | {"stopped": "the loss is NaN", "diverged": True}}

    monkeypatch.setattr(side_by_side, "run_side_by_side", diverged)
    Path("run").mkdir()
    for name in ("metrics.jsonl", "separation.png", "adapted-large.png"):
        Path("run", name).write_text("of an earlier training")
    figures = json.loads(command("separate", "train", "--quick", "--out", "run", "--json"))
    assert command.code == 1 and "bands: the loss is NaN" in command.err
    assert figures["stopped"] == "bands: the loss is NaN" and figures["diverged"] is True
    beside = {"config.json", "model.safetensors", "large", "bands", "large.png", "bands.png"}
    assert {path.name for path in Path("run").iterdir()} == PAGE | beside


def test_separate_train_speaks_in_sentences_and_names_its_folder(command):
    options = (
        "--data",
        clips("mir"),
        "--leave-out",
        "titon",
        "--recipe",
        "causal",
        "--quick",
        "--out",
        "run",
    )
    out = command("separate", "train", *options)
    assert command.code == 0
    assert "1 clips of titon" in out and "GNSDR" in out and "oracle ratio mask" in out and "are in run" in out


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(
    "rate, channels, extension", [(8000, 1, "wav"), (44_100, 2, "flac"), (16_000, 6, "wav")]
)
def test_separate_apply_writes_two_that_sum_to_the_song(
    command, separators, causal, rate, channels, extension
):
    x = 0.1 * np.random.default_rng(0).standard_normal((rate + 7, channels))
    song = write(f"song.{extension}", x, rate)
    figures = command.json("separate", "apply", song, "--model", separators[causal], "--out", "parts")
    assert (figures["samples"], figures["rate"], figures["channels"]) == (rate + 7, rate, channels)
    assert {"seconds", "seed", "real_time_factor"} <= figures.keys()
    assert figures["latency_ms"] == (pytest.approx(64, abs=0.1) if causal else None)
    assert {path.name for path in Path("parts").iterdir()} == {"voice.wav", "accompaniment.wav", "apply.json"}
    assert json.loads(Path("parts/apply.json").read_text())["samples"] == rate + 7
    parts = [sf.read(f"parts/{name}.wav", always_2d=True) for name in ("voice", "accompaniment")]
    assert all(its == rate and samples.shape == x.shape for samples, its in parts)
    whole, _ = sf.read(song, always_2d=True)
    np.testing.assert_allclose(parts[0][0] + parts[1][0], whole, rtol=0, atol=1e-6)


def test_separate_apply_and_eval_use_the_built_in_networks(command, separators, monkeypatch):
    def shipped(name):
        asked.append(name)
        return Path(separators[name == "causal"], "model.safetensors")

    asked: list[str] = []
    monkeypatch.setattr(taking_apart, "shipped", shipped)
    song, data = write("song.wav", signal()), clips("mir", "amy_1_01")
    for streaming, flag in ((False, ()), (True, ("--streaming",))):
        asked.clear()
        figures = command.json("separate", "apply", song, "--out", "parts", *flag)
        assert (figures["latency_ms"] is not None) == streaming
        figures = command.json("separate", "eval", "--data", data, "--out", "run", *flag)
        assert figures["trained_on"] == "nothing at all"
        assert set(asked) == ({"causal"} if streaming else {"large", "bands"})


def test_separate_apply_tells_its_speed_and_latency(command, separators):
    song = write("song.wav", signal())
    out = command("separate", "apply", song, "--model", separators[True], "--streaming", "--out", "parts")
    assert "9001 samples, 1 channel(s) at 8000 Hz" in out and "times real time" in out and "64 ms" in out
    out = command("separate", "apply", song, "--model", separators[False])
    assert "runs/separate" in out and "64 ms" not in out and Path("runs/separate/voice.wav").exists()


def test_separate_eval_measures_clip_by_clip(command, separators):
    data = clips("mir", "amy_1_01", "titon_1_01")
    figures = command.json("separate", "eval", "--data", data, "--model", separators[False], "--out", "run")
    assert SEPARATED <= figures.keys() and figures["clips"] == 2 and figures["clips_left_out"] == 0
    assert figures["oracle_gnsdr_db"] > 5 and figures["trained_on"] == "nothing at all"
    assert {path.name for path in Path("run").iterdir()} == PAGE | {"config.json"}
    check_clips("run", ["amy_1_01", "titon_1_01"])
    assert json.loads(Path("run/config.json").read_text())["figures"]["gnsdr_db"] == figures["gnsdr_db"]
    out = command(
        "separate", "eval", "--data", data, "--model", separators[False], "--list", "test", "--out", "r"
    )
    assert command.code == 0 and "GNSDR" in out and "oracle ratio mask" in out and "the mixture itself" in out
    check_clips("r", ["titon_1_01"])


def test_separate_eval_makes_singers_where_there_is_no_data(command, separators):
    options = ("--data", "synthetic", "--model", separators[True], "--quick", "--preset", "hard")
    figures = command.json("separate", "eval", *options, "--out", "run")
    assert figures["clips"] == 1
    check_clips("run", ["test_hard_0"])


def test_silence_has_figures_that_json_can_hold(command, separators):
    folder = clips("mir", "amy_1_01")
    sf.write("mir/amy_1_01.wav", np.zeros((SINGING_RATE, 2)), SINGING_RATE)
    figures = command.json("separate", "eval", "--data", folder, "--model", separators[False], "--out", "run")
    assert figures["gnsdr_db"] is None and figures["clips_left_out"] == 1


def test_a_short_clip_has_figures_without_a_seam_ratio(command, separators):
    folder = clips("mir", "amy_1_01", seconds=0.5)
    figures = command.json("separate", "eval", "--data", folder, "--model", separators[False], "--out", "run")
    assert figures["seam_ratio"] is None and figures["gnsdr_db"] is not None


def bad_songs(name: str) -> str:
    """Recordings that cannot be taken apart."""
    if name == "text.wav":
        Path(name).write_text("no sound at all" * 100)
    elif name == "empty.wav":
        Path(name).write_bytes(b"")
    elif name == "nan.wav":
        sf.write(name, np.full(5000, np.nan), RATE, subtype="FLOAT")
    elif name == "folder.wav":
        Path(name).mkdir()
    return name


@pytest.mark.parametrize("name", ["missing.wav", "text.wav", "empty.wav", "nan.wav", "folder.wav"])
@pytest.mark.parametrize("out", [(), ("--out", "parts"), ("--out", "a/b/c")], ids=["default", "one", "three"])
def test_separate_apply_refuses_a_bad_recording_and_leaves_no_folder(command, separators, name, out):
    song = bad_songs(name)
    assert name in command.refused("separate", "apply", song, "--model", separators[False], *out)


def test_separate_apply_does_not_write_onto_its_input(command, separators):
    for name in ("voice.wav", "accompaniment.wav"):
        song = write(name, signal())
        message = command.refused("separate", "apply", song, "--model", separators[True], "--out", ".")
        assert "expected a folder other than the recording's own" in message
        Path(name).unlink()


def test_separate_refuses_models_that_do_not_fit(command, separators, model):
    song = write("song.wav", signal())
    for verb in (("apply", song), ("eval", "--data", clips("mir"))):
        for path, words in (
            (model, "513 magnitudes to 1026"),
            ("nowhere", "nowhere"),
            ("song.wav", "song.wav"),
        ):
            message = command.refused("separate", *verb, "--model", path, "--out", "run")
            assert words in message
        message = command.refused(
            "separate", *verb, "--model", separators[False], "--streaming", "--out", "run"
        )
        assert "does not look ahead for --streaming" in message


def test_a_built_in_network_that_is_not_there_is_told_by_its_name(command, monkeypatch):
    monkeypatch.setattr(taking_apart, "shipped", lambda name: Path("gone.safetensors"))
    assert "gone.safetensors" in command.refused("separate", "apply", write("song.wav", signal()))


BAD_SEPARATIONS = {
    "no folder": (("--data", "nowhere"), "there is no folder nowhere"),
    "empty folder": (("--data", "empty"), "an empty folder"),
    "mono": (("--data", "mono"), "expected two channels, left the accompaniment and right the voice, got 1"),
    "unknown singer": (
        ("--data", "mir", "--leave-out", "bob"),
        "expected a singer among amy, titon, got 'bob'",
    ),
    "no singer at all": (("--leave-out", "amy"), "expected a singer among none, got 'amy'"),
    "no list": (("--data", "mir", "--list", "nowhere"), "there is no list nowhere"),
    "a folder as a list": (("--data", "mir", "--list", "empty"), "there is no list empty"),
    "no such list": (("--data", "mir", "--list", "dev"), "MIR-1K's dev list"),
    "start": (("--start", "large"), "--start goes with --recipe and a single network"),
    "nothing": (("--clips", "0"), "at least one pair of voice and accompaniment"),
    "cell": (("--cell", "lstm"), "--cell goes with --recipe published alone"),
    "hidden size": (
        ("--hidden-size", "9", "--recipe", "wvpnn"),
        "--hidden-size goes with --recipe published",
    ),
    "layers": (
        ("--recipe", "published", "--recurrent", "9"),
        "expected recurrent layers among 1 to 3, got 9",
    ),
    "no size": (("--recipe", "published", "--hidden-size", "0"), "got 0"),
    "updates": (("--updates", "0"), "expected updates of at least 1, got 0"),
    "gamma": (("--gamma", "1"), "expected gamma from 0 to less than 1, got 1.0"),
    "kl": (("--loss", "kl"), "expected the target magnitude for the loss kl"),
}


@pytest.mark.parametrize("options, words", BAD_SEPARATIONS.values(), ids=BAD_SEPARATIONS)
@pytest.mark.parametrize("out", [(), ("--out", "run")], ids=["default", "out"])
def test_separate_train_refuses_what_cannot_be_trained_on_in_one_line(command, options, words, out):
    clips("mir")
    clips("mono", channels=1)
    Path("empty").mkdir()
    assert words in command.refused("separate", "train", "--quick", *options, *out)


@pytest.mark.parametrize("data", ["nowhere", "empty", "mono"])
def test_separate_eval_refuses_a_folder_without_clips_in_one_line(command, separators, data):
    clips("mono", channels=1)
    Path("empty").mkdir()
    assert data in command.refused("separate", "eval", "--data", data, "--model", separators[True])


def option(words: str, name: str) -> Any:
    """An option of a command, as its parser knows it."""
    parser: argparse.ArgumentParser = build_parser()
    for word in words.split():
        (below,) = (each for each in parser._actions if isinstance(each, argparse._SubParsersAction))
        parser = below.choices[word]
    (found,) = (each for each in parser._actions if name in each.option_strings)
    return found


def test_the_choices_of_separate_are_those_that_there_are():
    assert sorted(option("separate train", "--recipe").choices) == sorted([*recipes.RECIPES, *recipes.JOINED])
    told = option("separate train", "--recipe").help
    assert all(f"{name}:" in told for name in ("best", "adapted", "large", "bands", "causal", "quick"))
    built_in = ", ".join(separation.WEIGHTS)
    assert f"a built-in one: {built_in} (" in option("separate train", "--start").help
    assert sorted(option("separate train", "--cell").choices) == sorted(recipes.CELLS)
    assert sorted(option("separate train", "--loss").choices) == sorted(separation.LOSSES)
    assert sorted(option("separate eval", "--preset").choices) == sorted(PRESETS)
    for name in ("target", "optimizer"):
        known = {getattr(recipe, name) for recipe in recipes.RECIPES.values()}
        assert known <= set(option("separate train", f"--{name}").choices)


# ------------------------------------------------------------------------------------- bad arguments


@pytest.mark.parametrize(
    "argv",
    [
        ("sine", "--quick"),
        ("sine", "--quick", "--recipe", "reference"),
        ("filter", "train", "--quick"),
        ("digits", "--quick"),
        ("gradcheck", "--quick"),
        ("separate", "train", "--quick"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("out", ["file", "file/below"])
def test_an_out_that_is_a_file_is_refused_before_the_work(command, monkeypatch, argv, out):
    monkeypatch.setattr(gradients, "check_all", lambda *args: pytest.fail("the work was begun"))
    monkeypatch.setattr(separation, "train", lambda *args, **options: pytest.fail("the work was begun"))
    monkeypatch.setattr(side_by_side, "run_side_by_side", lambda *args: pytest.fail("the work was begun"))
    Path("file").write_text("kept")
    message = command.refused(*argv, "--out", out).splitlines()
    assert "file" in message[-1]


def test_a_size_that_is_none_is_refused_and_leaves_no_folder(command):
    assert "hidden_size" in command.refused("filter", "train", *pair(), "--hidden-size", "0", "--out", "run")


@pytest.mark.parametrize("data", ["nowhere", "empty", "file"])
def test_digits_refuse_a_folder_without_them(command, data):
    Path("empty").mkdir()
    Path("file").write_text("no folder")
    assert data in command.refused("digits", "--data", data, "--out", "run")


@pytest.mark.parametrize(
    "argv, word",
    [
        ((), "TASK"),
        (("filter",), "VERB"),
        (("sing",), "sing"),
        (("sine", "--recipe", "best"), "best"),
        (("sine", "--seed", "-1"), "-1"),
        (("sine", "--seed", "x"), "--seed"),
        (("sine", "--threads", "x"), "--threads"),
        (("sine", "--loud"), "--loud"),
        (("filter", "train", "--hidden-size", "x"), "--hidden-size"),
        (("filter", "apply", "model"), "INPUT"),
        (("filter", "export", "model", "file"), "--format"),
        (("filter", "import"), "FILE"),
        (("separate",), "VERB"),
        (("separate", "apply"), "SONG"),
        (("separate", "eval"), "--data"),
        (("separate", "eval", "--data", "x", "--preset", "loud"), "loud"),
        (("separate", "train", "--recipe", "worst"), "worst"),
        (("separate", "train", "--updates", "-1"), "-1"),
        (("separate", "train", "--loss", "l1"), "l1"),
        (("separate", "train", "--recurrent", "x"), "--recurrent"),
    ],
)
def test_words_the_command_does_not_know_end_with_exit_code_2(command, argv, word):
    assert command(*argv) == "" and command.code == 2
    assert word in command.err.splitlines()[-1]
    assert tree() == {}


@pytest.mark.parametrize("count", ["0", "-3"])
def test_fewer_than_one_thread_is_refused(command, count):
    assert f"got {count}" in command.refused("gradcheck", "--quick", "--threads", count)


def test_an_interruption_ends_with_exit_code_130_and_one_line(command, monkeypatch):
    def interrupted(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(gradients, "check_all", interrupted)
    assert command("gradcheck") == "" and command.code == 130 and command.err == "interrupted\n"


# ------------------------------------------------------------------------------------------ the rest


@pytest.mark.parametrize("count", [2, 1])
def test_threads_are_set_for_the_command(command, monkeypatch, count):
    def look(*args):
        seen.append(threads.get_threads())
        return [gradients.Row("LSTM", 1e-16, "dx", True)]

    before, seen = threads.get_threads(), []
    if before is None:
        pytest.skip("this NumPy brings no OpenBLAS of its own")
    monkeypatch.setattr(gradients, "check_all", look)
    try:
        command("gradcheck", "--threads", str(count))
        assert command.code == 0 and seen == [count] and command.err == ""
    finally:
        threads.set_threads(before)


def test_threads_of_another_library_are_left_alone_and_it_is_said(command, monkeypatch, short_gradcheck):
    monkeypatch.setattr(threads, "_openblas", lambda: None)
    assert threads.get_threads() is None
    command.json("gradcheck", "--threads", "1")
    assert "no effect" in command.err


def test_the_package_runs_as_a_module():
    def run(*argv):
        return subprocess.run([sys.executable, "-m", "numpylstm", *argv], capture_output=True, text=True)

    version = run("--version")
    assert (version.returncode, version.stdout, version.stderr) == (0, f"numpylstm {nl.__version__}\n", "")
    refused = run("filter", "apply", "nowhere", "a.wav", "b.wav")
    assert refused.returncode == 2 and refused.stderr == "numpylstm: there is no file nowhere\n"


def test_every_command_has_the_shared_options_and_helps(command):
    filters = [f"filter {verb}" for verb in ("train", "apply", "eval")]
    separations = [f"separate {verb}" for verb in ("train", "apply", "eval")]
    for words in ("sine", "digits", "gradcheck", *filters, *separations):
        out = command(*words.split(), "--help")
        assert command.code == 0
        for option in ("--seed", "--threads", "--out", "--quick", "--json"):
            assert option in out


def test_an_input_is_not_overwritten_by_its_output(command, model):
    name = write("song.wav", signal())
    kept = Path(name).read_bytes()
    assert "for both" in command.refused("filter", "apply", model, name, name)
    assert Path(name).read_bytes() == kept


def test_a_training_that_diverges_is_told_in_the_figures_and_the_exit_code(command):
    _, after = pair()
    write("huge.wav", 1e30 * signal(), subtype="FLOAT")  # its square is beyond float32
    options = ("--residual", "--quick", "--out", "run", "--json")
    out = command("filter", "train", "huge.wav", after, *options)
    figures = json.loads(out)
    assert command.code == 1 and figures["diverged"] and "stopped at" in figures["stopped"]
    assert command.err.count("\n") == 1 and "Warning" not in command.err
    assert json.loads(Path("run/config.json").read_text())["figures"]["diverged"] is True


def test_a_reader_that_has_heard_enough_is_no_error(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    program = [sys.executable, "-m", "numpylstm", "exercise", "list"]
    run = subprocess.run(program, cwd=tmp_path, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert run.returncode == 1 and run.stderr == ""


def test_bad_arguments_are_told_in_one_line(command):
    for argv in (["sine", "--seed", "x"], ["filter"], ["nothing"], ["filter", "train", "--cell", "cnn"]):
        command(*argv)
        assert command.code == 2 and command.err.count("\n") == 1, command.err


def test_a_folder_that_cannot_hold_the_model_is_refused_before_the_work(command):
    Path("run/model.safetensors").mkdir(parents=True)
    assert "model.safetensors" in command.refused("filter", "train", *pair(), "--quick", "--out", "run")

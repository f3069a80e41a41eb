"""The benchmarks: baselines compute what ours does, the arithmetic is right, bad input is told."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

FOLDER = Path(__file__).parents[1] / "benchmarks"
sys.path.insert(0, str(FOLDER))

import lessons  # noqa: E402
import separation  # noqa: E402
import speed  # noqa: E402
from speed_peers import processes, report, timing  # noqa: E402
from speed_peers.agreement import largest_difference  # noqa: E402
from speed_peers.floor import prepare as prepare_floor  # noqa: E402
from speed_peers.naive import prepare as prepare_naive  # noqa: E402
from speed_peers.ours import prepare as prepare_ours  # noqa: E402
from speed_peers.workloads import NAIVE_TARGETS, TARGETS, WORKLOADS, small  # noqa: E402

TRAINED = [name for name, work in WORKLOADS.items() if not work.streaming]


@pytest.mark.parametrize("name", TRAINED)
def test_naive_computes_the_same_as_ours(name):
    assert largest_difference(small(WORKLOADS[name]), float) < 1e-10
    assert largest_difference(small(WORKLOADS[name]), np.float32) < 2e-5


def test_a_wrong_gradient_would_be_seen(monkeypatch):
    from speed_peers import naive

    step_backward = naive.lstm_step_backward

    def wrong(dstate, cache, p):
        dx, dstate, grads = step_backward(dstate, cache, p)
        return dx, dstate, grads | {"b": 1.001 * grads["b"]}

    monkeypatch.setitem(naive.CELLS, "LSTM", (naive.lstm_step, wrong, 2))
    assert largest_difference(small(WORKLOADS["W1"]), float) > 1e-4


@pytest.mark.parametrize("name", TRAINED)
def test_ours_and_naive_train_alike(name):
    work = small(WORKLOADS[name])
    ours, naive = prepare_ours(work, "train"), prepare_naive(work, "train")
    losses = [(ours(), naive()) for _ in range(5)]
    np.testing.assert_allclose(*np.transpose(losses), rtol=1e-5)
    assert losses[-1][0] < losses[0][0]


def test_ours_and_naive_stream_alike():
    ours, naive = prepare_ours(WORKLOADS["S"], "stream"), prepare_naive(WORKLOADS["S"], "stream")
    for _ in range(3):
        np.testing.assert_allclose(ours()[0], naive(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_floor_runs_in_every_mode(name):
    for mode in WORKLOADS[name].modes:
        prepare_floor(small(WORKLOADS[name]), mode)()


def test_every_target_is_of_a_row_that_there_is():
    rows = {(name, mode) for name, work in WORKLOADS.items() for mode in work.modes}
    assert TARGETS.keys() <= rows and NAIVE_TARGETS.keys() <= rows


def test_lower_quartile():
    assert timing.lower_quartile([5.0, 1.0, 4.0, 2.0, 3.0]) == 2.0


def test_a_step_is_timed_at_least_twice():
    calls = []
    assert len(timing.run(lambda: calls.append(0), 0, together=3)) == 2 and len(calls) == 6


def row(torch, jax, naive):
    times = {"ours": [0.1, 0.1], "floor": [0.06, 0.06], "torch": [torch], "jax": [jax], "naive": [naive]}
    return report.make_row("W1", "train", times, {"torch": 2, "jax": 1, "naive": 1})


def test_a_row_of_the_table():
    good = row(torch=0.2, jax=0.14, naive=0.7)
    assert good["ours_ms"] == pytest.approx(100) and good["floor_share"] == pytest.approx(0.6)
    assert good["peers"]["torch"] == pytest.approx({"ms": 200, "threads": 2, "ratio": 2})
    assert good["best_ratio"] == pytest.approx(1.4), "the fastest framework, and naive is none"
    assert good["missed"] == []


def test_what_is_missed_is_said_and_only_where_it_is_judged():
    slow = row(torch=0.2, jax=0.12, naive=0.5)
    assert slow["missed"] == ["best", "naive"], "1.2 is below 1.3, 5 below 6"
    assert report.line(slow, ["torch", "jax", "naive"], judged=True).count("MISSED") == 2
    assert "MISSED" not in report.line(slow, ["torch", "jax", "naive"], judged=False)
    assert report.make_own_row("memory", 65, "MB", 64)["missed"]
    assert not report.make_own_row("memory", 64, "MB", 64)["missed"]
    assert not report.make_own_row("memory", 65, "MB", None)["missed"]


def test_without_a_framework_there_is_nothing_to_judge_by():
    alone = report.make_row("W1", "train", {"ours": [1.0], "floor": [0.5]}, {})
    assert alone["best_ratio"] is None and alone["missed"] == []
    assert " - " in report.line(alone, ["torch"], judged=True)


def test_a_figure_is_drawn():
    rows = [row(0.2, 0.12, 0.5), report.make_row("S", "stream", {"ours": [1.0], "floor": [0.5]}, {})]
    figure = report.draw({"rows": rows, "peers": ["torch", "jax", "naive"]})
    assert all(ax.get_xlabel() for ax in figure.axes)


def test_processes_see_no_variable_that_steers_a_library():
    environment = {"OMP_NUM_THREADS": "1", "MKL_DYNAMIC": "0", "OPENBLAS_CORETYPE": "Haswell", "HOME": "x"}
    child = processes.child_environment(environment)
    assert child["HOME"] == "x" and not processes.steering(child)
    assert processes.steering(environment) == {k: v for k, v in environment.items() if k != "HOME"}


def test_a_worker_answers_and_ends(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    worker = processes.start("worker", "naive", 1)
    try:
        request = {"prepare": "W1", "mode": "infer", "small": True}
        assert processes.ask(worker, request) == {"ready": True}
        assert len(processes.ask(worker, {"run": 0})["seconds"]) == 2
        assert processes.ask(worker, {"prepare": None}) == {"ready": False}
    finally:
        processes.stop(worker)
    assert worker.returncode == 0


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["--peers", "caffe"], "expected peers among torch, jax, keras, naive, got 'caffe'"),
        (["--workloads", "W1,W9"], "got 'W9'"),
        (["--rounds", "2"], "expected at least 3 rounds, got 2"),
        (["--threads", "0"], "threads"),
        (["--out", str(Path(__file__))], "where there is a file"),
    ],
)
def test_bad_input_gets_a_sentence_and_exit_code_2(arguments, sentence, capsys):
    assert speed.main(["--quick", *arguments]) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1


def test_a_peer_that_is_not_installed_gets_a_sentence(monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert speed.main(["--quick", "--peers", "naive,jax"]) == 2
    assert capsys.readouterr().err == "speed: jax is not installed, and --peers asks for it\n"


# --------------------------------------------------------------------------------------- separation


def test_a_figure_of_separation_is_judged_by_its_target_and_its_time():
    row = separation.Row("voice: GNSDR", 8.7, "dB", 8.6, seconds=50.0, limit=60.0)
    assert not row.missed and row._replace(value=8.5).missed and row._replace(value=np.nan).missed
    assert row._replace(seconds=61.0).missed
    below = separation.Row("seams", 1.2, "", 1.1, at_least=False)
    assert below.missed and not below._replace(value=1.0).missed
    assert not separation.Row("oracle", 1.0).missed, "there is nothing to judge by"
    assert row.line().split() == ["voice:", "GNSDR", "8.7", "dB", ">=8.6", "50.0", "(60)"]
    assert below.line().endswith("MISSED") and "MISSED" not in below.line(judged=False)
    missing = separation.Row("voice", missing="no --data to measure with")
    assert not missing.missed and missing.line().split(maxsplit=1) == [
        "voice",
        "-  no --data to measure with",
    ]


def test_the_rows_of_separation_without_data_say_so(capsys, tmp_path):
    options = ["--quick", "--only", "shipped,left out,bss_eval,seams,apply", "--out", str(tmp_path / "out")]
    assert separation.main(options) == 0
    out = capsys.readouterr().out
    assert out.count("no --data to measure with") == 2 and "no --data, or no --leave-out" in out
    for words in ("apply, built-in", "apply, built-in, streaming", "latency", "state reset", "state carried"):
        assert words in out
    assert "mir_eval" in out and "MISSED" not in out
    rows = json.loads((tmp_path / "out" / "separation.json").read_text())
    values = {row["name"].strip(): row["value"] for row in rows}
    assert values["largest difference of the sum to the song"] < 1e-6
    assert values["carried: largest difference to the whole at once"] < 1e-5
    assert (tmp_path / "out" / "separation.txt").read_text().splitlines() == out.splitlines()[1:]


def test_separation_is_trained_and_measured_with_singers_left_out(capsys, tmp_path):
    t = np.arange(24_000) / 16_000
    for number, name in enumerate(("amy_1_01", "titon_1_01")):
        hiss = 0.1 * np.random.default_rng(number).standard_normal(len(t))
        sf.write(tmp_path / f"{name}.wav", np.stack([hiss, 0.2 * np.sin(1000 * (1 + number) * t)], 1), 16_000)
    data = ["--data", str(tmp_path), "--leave-out", "titon", "--recipe", "quick"]
    assert separation.main(["--quick", "--only", "left out,quick", *data]) == 0
    out = capsys.readouterr().out
    for words in ("titon left out: GNSDR", "1 plain singers: GNSDR", "1 hard singers: GSAR", "seam ratio"):
        assert words in out
    assert out.count("oracle ratio mask: GNSDR") == out.count("the mixture itself") == 3


def test_what_the_separation_benchmark_cannot_do_is_told(capsys, tmp_path):
    with pytest.raises(SystemExit) as exit:
        separation.main(["--quick", "--only", "speed"])
    assert exit.value.code == 2 and "expected parts among shipped, quick" in capsys.readouterr().err
    options = ["--data", str(tmp_path), "--leave-out", "amy"]
    assert separation.main(["--quick", "--only", "left out", *options]) == 2
    assert "expected clips in" in capsys.readouterr().err


# ------------------------------------------------------------------------------------------ lessons

GOOD = """
import pathlib, sys
pathlib.Path("runs").mkdir()
pathlib.Path("runs/01_good.png").write_bytes(b"png")
print("a figure on the way: 3")
print("claim: quick" if "--quick" in sys.argv else "claim: in full")
"""


@pytest.fixture
def three_lessons(tmp_path, monkeypatch):
    """A lesson that is as it should be, one whose claim does not hold, and one without a figure."""
    folder = tmp_path / "tutorials"
    folder.mkdir()
    (folder / "01_good.py").write_text(GOOD)
    (folder / "02_wrong.py").write_text("print('claim: 5')\n\nassert 5 < 4, 'five'\n")
    (folder / "03_bare.py").write_text("print('claim: nothing')")
    monkeypatch.setattr(lessons, "TUTORIALS", folder)
    return folder


def test_lessons_are_run_and_what_they_claim_is_kept(three_lessons, capsys, tmp_path):
    assert lessons.main(["--out", str(tmp_path / "out")]) == 1
    out = capsys.readouterr().out
    assert "    in full\n" in out and "on the way" not in out
    assert out.count("FAILED") == 2 and "AssertionError: five (line 3)" in out
    assert "it saved no runs/03_bare.png" in out
    kept = json.loads((tmp_path / "out" / "lessons.json").read_text())
    assert [row["name"] for row in kept] == ["01_good", "02_wrong", "03_bare"]
    assert kept[0]["claims"] == ["in full"] and kept[0]["failure"] == "" and 0 < kept[0]["seconds"] < 60
    assert lessons.main(["--only", "01", "--out", str(tmp_path / "out")]) == 0


def test_a_lesson_that_takes_too_long_is_missed(three_lessons, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(lessons, "LIMIT", 0.0)
    assert lessons.main(["--only", "01", "--out", str(tmp_path / "out")]) == 1
    assert "MISSED" in capsys.readouterr().out
    assert lessons.main(["--quick", "--only", "01"]) == 0, "the short form is not judged by its time"
    assert "    quick\n" in capsys.readouterr().out
    monkeypatch.setattr(lessons, "PATIENCE", 0.2)
    (three_lessons / "01_good.py").write_text("import time; time.sleep(20)")
    assert lessons.main(["--quick", "--only", "01"]) == 1
    assert "no end within" in capsys.readouterr().out


def test_what_the_lessons_benchmark_cannot_do_is_told(three_lessons, capsys):
    with pytest.raises(SystemExit) as exit:
        lessons.main(["--only", "01,44"])
    assert exit.value.code == 2 and "such as 07, got 44" in capsys.readouterr().err
    assert lessons.main(["--quick", "--only", "01", "--out", __file__]) == 2
    error = capsys.readouterr().err
    assert "where there is a file" in error and error.count("\n") == 1

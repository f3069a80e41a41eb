"""Submissions that attack the grader: none gets a point, none costs another one anything.

What they are is in tests/classroom/attacks, a file each. The fence (what is read off a file's imports and
names) is taken away here, so that they meet the wall. Where an attack succeeds, the answer is right.
"""

import io
import json
import os
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest

from numpylstm.classroom import Failure, Student, checking, worker
from numpylstm.classroom.exercise import Exercise
from numpylstm.classroom.grading import Grade, grade, results, table, write_results
from numpylstm.classroom.handed_in import submissions

ATTACKS = {path.stem: path for path in sorted((Path(__file__).parent / "classroom/attacks").glob("*.py"))}

CHECKS = """
from numpylstm.classroom import compare, expect_tensors

def forward(student, rng):
    \"\"\"twice x\"\"\"
    x = rng.normal(size=(4, 2))
    y = student.call("double", x)
    compare(expect_tensors(y, {"y": (4, 2)}, "double"), {"y": 2 * x})

CHECKS = []
HIDDEN = [forward]
MARKS = 4
"""
NOTE = '{"exercise": "40_double", "student": 1}'
HONEST = "def double(x):\n    return 2 * x\n"
# Right, and uses what NumPy loads only when it is asked for: the guard must not stand in the way.
THOROUGH = """
import fractions
import statistics
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

def double(x):
    np.testing.assert_allclose(x, x)
    try:
        np.testing.assert_allclose(x, x + 1)
    except AssertionError as error:
        print(error, fractions.Fraction(1, 3), statistics.mean([1, 2]))
    try:
        np.linalg.inv(np.zeros((2, 2)))
    except np.linalg.LinAlgError:
        pass
    np.random.default_rng(0).normal(size=3), np.ma.array(x), np.polynomial.Polynomial([1.0, 2.0])(x)
    np.fft.rfft(x), np.linalg.svd(x), sliding_window_view(x, 2, 0), np.einsum("ij,kj->ik", x, x)
    print(x, f"{x!r}", np.vectorize(abs)(x), np.array(["a"]).astype("U3"), np.log(np.zeros(2)))
    return 2 * x
"""

# What is said of them, where that is not what everybody would be told: "double is wrong".
SAID = {
    "endless_call": "double took longer than 1 s.",
    "endless_import": "exercise.py took longer than 1 s.",
    "stops_itself": "double took longer than 1 s.",
    "closes_line": "double closed the line.",
    "exits_at_once": "double ended its process, with code 0.",
    "exits_politely": "double raised SystemExit",
    "exits_in_import": "exercise.py raised SystemExit",
    "floods_line": "double sent what is no",
    "forges_length": "double sent what is no message",
    "forges_array": "double sent more than 67108864 bytes at once.",
    "forges_shape": "double sent an array of float64 (-4, -2).",
    "forges_nesting": "double sent what is no message",
    "forges_nan": "y of double has entries that are not finite.",
    "forges_early": "y is wrong (100 %).",
    "forges_error": "double raised",
    "eats_memory": "double needed too much memory.",
    "recursion": ("double crashed its process, with signal", "double raised RecursionError"),
    "says_too_much": "double raised ValueError: \N{REPLACEMENT CHARACTER}[2J",
    "returns_odd_things": "double returns no y. It returns \N{REPLACEMENT CHARACTER}",
    "returns_itself": "double raised RecursionError",
    "liar_by_class": "double raised SystemExit",
    "patches_worker": "double raised AttributeError",
    "returns_big": "double raised ValueError: 8796093",
    "returns_number": "y of double is an int",
}


def processes() -> list[str]:
    """Command lines of all processes that were started for a student, or by one."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
        except OSError:
            continue
        if worker.__file__ in line or line.startswith("sleep 61.7"):
            found.append(line)
    return found


@pytest.fixture(scope="module")
def bank(tmp_path_factory) -> dict[str, Exercise]:
    folder = tmp_path_factory.mktemp("exercises") / "40_double"
    folder.mkdir()
    (folder / "checks.py").write_text(CHECKS)
    (folder / "README.md").write_text("# 40 Twice as much\n")
    return {"40": Exercise(folder)}


@pytest.fixture(scope="module")
def graded(bank, tmp_path_factory) -> dict[str, Grade]:
    """All attacks in one folder, graded one after the other, an honest submission now and then."""
    folder = tmp_path_factory.mktemp("class")
    texts = {name: path.read_text() for name, path in ATTACKS.items()}
    texts |= {"a_honest": HONEST, "m_honest": THOROUGH, "z_honest": HONEST}
    for name, text in texts.items():
        (folder / name).mkdir()
        (folder / name / "exercise.py").write_text(text)
        (folder / name / "exercise.json").write_text(NOTE)
    limits = {"seconds": 1.0, "total": 4.0, "memory": 1 << 29}
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checking, "refused", lambda path: [])
        grades = grade(submissions(folder), bank, seed=5, **limits)
    assert [one.name for one in grades] == sorted(texts)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    return {one.name: one for one in grades}


@pytest.mark.skipif(os.name == "nt", reason="Windows sets no limits to memory and files")
@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_gets_no_point_and_is_told_why(graded, name):
    one = graded[name]
    assert one.refused is None and one.score == 0
    (exercise,) = one.graded
    (outcome,) = exercise.hidden
    said = SAID.get(name, "y is wrong (50 %).")
    assert outcome.failure is not None and outcome.failure.message.startswith(said)


def test_every_attack_that_is_to_be_told_something_else_is_there():
    assert set(SAID) <= set(ATTACKS)


@pytest.mark.parametrize("name", ["a_honest", "m_honest", "z_honest"])
def test_the_honest_between_them_get_their_marks(graded, name):
    assert graded[name].score == 4 and graded[name].graded[0].hidden[0].failure is None


def test_no_process_and_no_thread_is_left_behind(graded):
    assert processes() == []
    waiting = [thread.name for thread in threading.enumerate() if "_exchange" in thread.name]
    assert waiting == []


def test_nothing_is_written_outside(graded):
    for folder in (Path("/tmp"), Path.cwd(), Path.home(), Path("/")):
        assert not (folder / "numpylstm_attack.npy").exists()


@pytest.mark.parametrize("name", ATTACKS)
def test_results_are_json_and_short(graded, name, tmp_path):
    write_results(graded[name], tmp_path)
    data = (tmp_path / "results.json").read_bytes()
    found = json.loads(data, parse_constant=lambda name: pytest.fail(name))
    assert len(data) < 5000 and found["score"] == 0 and len(found["tests"]) == 1
    assert "\x1b" not in data.decode() and "\\u001b" not in data.decode()
    assert "hidden: 1, shown" in found["output"] and found == results(graded[name])


def test_calls_have_a_time_all_together_and_what_cannot_be_loaded_is_tried_once(tmp_path, monkeypatch):
    path = tmp_path / "exercise.py"
    path.write_text("import time\n\ndef wait(seconds):\n    time.sleep(seconds)\n")
    with Student(path, total=0.4, silent=True) as student:
        assert student.call("wait", 0.3) is None
        assert student.call("wait", 0.2) is None
        with pytest.raises(Failure, match=r"wait was not run: the 0\.4 s for all calls together are used up"):
            student.call("wait", 0)
    path.write_text("raise SystemExit(0)\n")
    with Student(path, silent=True) as student:
        for _ in range(2):
            with pytest.raises(Failure, match="raised SystemExit"):
                student.load()
            monkeypatch.setattr(subprocess, "Popen", None)  # no second process


@pytest.mark.parametrize("shape", [(1 << 20, 1 << 20, 0), (-1,), (1 << 62, 4)])
def test_an_array_is_no_larger_than_a_message_even_without_entries(shape):
    header = json.dumps({"dtype": "<f8", "shape": shape, "scalar": False}).encode()
    stream = io.BytesIO(len(header).to_bytes(8, "little") + header)
    with pytest.raises(worker.Broken, match="sent"):
        worker.read_message(stream, lambda *_: None, lambda _: None)


def test_messages_come_back_as_they_went():
    rng = np.random.default_rng(3)
    rng.normal(size=3)
    message = {"x": rng.normal(size=(2, 0, 3)), "y": (1.5, [True, None, "a\u0308"], 2 - 1j), "rng": rng}
    stream = io.BytesIO()
    worker.write_message(stream, message, {}, {})
    stream.seek(0)
    back = worker.read_message(stream, lambda *_: None, lambda _: None)
    assert back["x"].shape == (2, 0, 3) and back["y"] == message["y"]
    assert back["rng"].normal() == rng.normal()


def test_the_table_holds_them_all(graded):
    rows = table(list(graded.values())).splitlines()
    assert len(rows) == 1 + len(graded)

"""Exercise 15: planted bugs are bugs, right LSTMs are right, and points go to tests that tell them apart."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import numpylstm as nl
from numpylstm.classroom import Failure, Student, catching, exercises, planted
from numpylstm.classroom.catching import FromAfar, put_to_the_test
from numpylstm.classroom.checking import run

HERE = Path(__file__).parent
SOLUTION = HERE / "solutions" / "15_catch_the_bugs.py"
EXERCISE = exercises()["15"]
RIGHT, BUGS = EXERCISE.module.RIGHT, planted.PUBLIC + planted.HIDDEN


def loaded(path):
    spec = importlib.util.spec_from_file_location("catch", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.catches


def wrong(name):
    return HERE / "wrong" / f"15_catch_the_bugs__{name}.py"


def says(catches, kind, seed=0):
    there = FromAfar(kind(np.random.default_rng(seed)))
    return catches(there.forward, there.backward)


def put(path, bugs=planted.PUBLIC[:5], right=planted.RIGHT, seed=0, **options):
    """The failure of a file, None if there is none."""
    with Student(path, silent=True, **options) as student:
        try:
            put_to_the_test(student, bugs, np.random.default_rng(seed), right)
        except Failure as failure:
            return failure
    return None


def arguments(T=5, B=3, D=2, H=4, dtype=float):
    rng = np.random.default_rng(0)
    shapes = ((T, B, D), (B, H), (B, H), (4 * H, D), (4 * H, H), (4 * H,))
    return [rng.normal(size=s).astype(dtype) for s in shapes], [
        rng.normal(size=s) for s in ((T, B, H), (B, H), (B, H))
    ]


# The implementations


@pytest.mark.parametrize("kind", RIGHT, ids=lambda kind: kind.__name__)
def test_a_right_one_is_the_librarys_lstm(kind):
    args, ds = arguments()
    before = [array.copy() for array in args + ds]
    lstm = nl.LSTM(2, 4)
    for name, array in zip(("W_x", "W_h", "b"), args[3:], strict=True):
        lstm.params[name][...] = array
    h, (h_T, c_T), cache = lstm.forward(args[0], (args[1], args[2]))
    dx, (dh0, dc0) = lstm.backward(ds[0], cache, (ds[1], ds[2]))
    expected = [h, h_T, c_T, dx, dh0, dc0, *lstm.grads.values()]

    implementation = kind(np.random.default_rng(1))
    *got, cache = implementation.forward(*args)
    got += implementation.backward(*ds, cache)
    for array, wanted in zip(got, expected, strict=True):
        assert array.shape == wanted.shape and array.dtype == float
        np.testing.assert_allclose(array, wanted, rtol=1e-10, atol=1e-12)
    assert all(np.array_equal(array, old) for array, old in zip(args + ds, before, strict=True))


@pytest.mark.parametrize("kind", RIGHT, ids=lambda kind: kind.__name__)
def test_a_right_one_lets_a_complex_step_through(kind):
    args, ds = arguments()
    args[4] = args[4] + 1e-20j * np.ones(args[4].shape)
    results = kind(np.random.default_rng(1)).forward(*args)[:3]
    slope = sum((d * array).sum() for d, array in zip(ds, results, strict=True)).imag / 1e-20
    args[4] = args[4].real.copy()
    implementation = kind(np.random.default_rng(1))
    dW_h = implementation.backward(*ds, implementation.forward(*args)[3])[4]
    assert slope == pytest.approx(dW_h.sum(), rel=1e-10)


@pytest.mark.parametrize("kind", BUGS, ids=lambda kind: kind.__name__)
def test_a_planted_bug_can_be_found_and_says_what_it_is(kind):
    assert says(loaded(SOLUTION), kind) is True
    assert kind.__doc__ != planted.Plain.__doc__ and "\n" not in kind.__doc__


def test_bugs_do_not_depend_on_luck_and_right_ones_are_never_rejected():
    for path in (SOLUTION, HERE / "right" / "15_catch_the_bugs__differences.py"):
        catches = loaded(path)
        assert not any(says(catches, kind) for kind in RIGHT)
    for seed in (1, 2):  # those whose details are drawn
        for kind in (planted.FactorMissing, planted.CutLater, planted.OneRowOff):
            assert says(loaded(SOLUTION), kind, seed)


def test_there_are_about_twenty_of_each_and_they_are_different():
    assert len(planted.PUBLIC) >= 20 and len(planted.HIDDEN) >= 20
    assert len({kind.__doc__ for kind in BUGS}) == len(BUGS)
    readme = (EXERCISE.folder / "README.md").read_text(encoding="utf-8")
    assert f"on {len(planted.PUBLIC)} bugs" in readme


# The functions that a student gets


@pytest.mark.parametrize(
    "change, words",
    [
        ({0: np.zeros((3, 2))}, "expected x of shape"),
        ({1: [[0.0]]}, "expected h0 as an array, got a list"),
        ({2: np.zeros((3, 5))}, r"expected c0 of shape \(3, 4\), got \(3, 5\)"),
        ({5: np.zeros(4)}, r"expected b of shape \(16,\), got \(4,\)"),
        ({0: np.zeros((0, 3, 2))}, "expected x of shape"),
        ({0: np.zeros((9000, 3, 2))}, "expected a small test"),
    ],
)
def test_nonsense_is_answered_by_a_sentence(change, words):
    args = arguments()[0]
    for position, value in change.items():
        args[position] = value
    with pytest.raises(ValueError, match=words):
        FromAfar(planted.Plain(np.random.default_rng(0))).forward(*args)


def test_a_backward_pass_needs_a_cache_and_gradients_of_its_shapes():
    there = FromAfar(planted.Plain(np.random.default_rng(0)))
    args, ds = arguments()
    with pytest.raises(ValueError, match="a cache that forward has returned"):
        there.backward(*ds, 0)
    cache = there.forward(*args)[3]
    with pytest.raises(ValueError, match=r"expected dh_T of shape \(3, 4\), got \(5, 3, 4\)"):
        there.backward(ds[0], ds[0], ds[2], cache)


def test_too_many_caches_are_not_kept(monkeypatch):
    monkeypatch.setattr(catching, "KEPT", 2000)
    there, args = FromAfar(planted.Plain(np.random.default_rng(0))), arguments()[0]
    there.forward(*args)
    with pytest.raises(ValueError, match="smaller sizes"):
        for _ in range(5):
            there.forward(*args)


def test_what_is_written_into_arguments_arrives_with_the_student(tmp_path):
    path = tmp_path / "exercise.py"
    path.write_text(
        "import numpy as np\n"
        "def go(f):\n"
        "    x, y, z = np.zeros(3), np.ones(2), np.zeros(1)\n"
        "    f(x, [y], z=z)\n"
        "    return x, y, z\n"
    )

    def write(x, y, z):
        x[1], y[0][0], z[0] = 5, 7, 9

    with Student(path) as student:
        x, y, z = student.call("go", write)
        np.testing.assert_array_equal(np.concatenate([x, y, z]), [0, 5, 0, 7, 1, 9])


# Points


def test_the_solution_gets_all_the_points_from_its_own_process():
    # The whole of it takes a while: here a few, with one that only writing back shows.
    bugs = (planted.DhOverwritten, planted.CacheConsumed, planted.SinglePrecision, planted.OneStepForgotten)
    assert put(SOLUTION, bugs, right=(planted.Rounded, EXERCISE.module.Library), seed=4) is None


def test_weak_tests_get_their_share():
    failure = put(wrong("zero_state"), planted.PUBLIC, right=RIGHT[:1])
    weak = loaded(wrong("zero_state"))
    caught = sum(says(weak, kind) for kind in planted.PUBLIC)
    assert 5 <= caught <= 12
    assert failure.share == caught / len(planted.PUBLIC)
    assert failure.message.startswith(f"{caught} of {len(planted.PUBLIC)} bugs are caught. Not caught: ")
    assert failure.message.endswith(f"; and {len(planted.PUBLIC) - caught - 3} more.")


@pytest.mark.parametrize("name", ["always_true", "coin", "counts", "too_narrow"])
def test_who_rejects_a_correct_one_gets_nothing(name):
    failure = put(wrong(name), planted.PUBLIC)
    assert failure.share == 0 and "a correct LSTM is rejected" in failure.message


def test_who_suspects_nothing_gets_nothing():
    failure = put(wrong("never"))
    assert failure.share == 0 and failure.message.startswith("0 of 5 bugs are caught")


def test_there_is_nothing_to_look_into():
    inside = loaded(wrong("looks_inside"))
    assert says(inside, planted.ForgetFactor) and not says(inside, planted.Plain), "here it would find it"
    failure = put(wrong("looks_inside"))
    assert failure.share == 0


@pytest.mark.parametrize(
    "text, words",
    [
        ("def catches(f, b): return 1", "catches returns a int, expected True or False"),
        ("def catches(f, b): assert False", "raised AssertionError"),
        ("def catches(f, b): raise NotImplementedError", "is not written yet"),
        ("def found(f, b): return True", "there is no function catches"),
        ("def catches(f, b):\n    while True: pass", "took longer than"),
    ],
)
def test_what_is_no_answer_is_told(text, words, tmp_path):
    path = tmp_path / "exercise.py"
    path.write_text(text)
    failure = put(path, seconds=0.7)
    assert words in failure.message and failure.share == 0


def test_a_bug_that_is_answered_by_an_exception_is_not_caught(tmp_path):
    path = tmp_path / "exercise.py"
    path.write_text(SOLUTION.read_text().replace("            return True\n", "            assert False\n"))
    failure = put(path, (planted.NothingThroughW_h, planted.DhOverwritten), right=())
    assert "0 of 2 bugs are caught" in failure.message and "AssertionError" in failure.message
    assert failure.share == 0


def test_when_the_time_is_up_the_rest_is_not_caught(monkeypatch):
    monkeypatch.setattr(catching, "SECONDS", 0.0)
    failure = put(SOLUTION, right=())
    assert failure.share == 0 and "used up 0 s" in failure.message


def test_a_report_tells_the_share(monkeypatch):
    monkeypatch.setattr(planted, "PUBLIC", (planted.ForgetFactor, planted.FinalCDropped))
    monkeypatch.setattr(EXERCISE.module, "RIGHT", (EXERCISE.module.Library,))
    report = run(EXERCISE, EXERCISE.checks, wrong("zero_state"), seed=0)
    assert [outcome.share for outcome in report.outcomes] == [1.0, 0.5]
    assert "1 of 2 bugs are caught. Not caught: the gradient into the final c is dropped." in report.text()

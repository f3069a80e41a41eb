"""Exercise 14: the cells themselves, their gradients, and what its checks let pass and what not."""

import re
from pathlib import Path

import numpy as np
import pytest

from numpylstm.classroom import Student, check, exercises, own_cell
from numpylstm.classroom.checking import run

HERE = Path(__file__).parent
SOLUTION = HERE / "solutions" / "14_your_own_cell.py"
EXERCISE = exercises()["14"]


def task(number, T=4, B=2, D=3, H=4):
    return own_cell.task(own_cell.draw(number), T, B, D, H, np.random.default_rng(number))


def structure(number):
    return re.sub(r"0\.\d", "rate", own_cell.draw(number).text)


# The cells


def test_a_number_always_has_the_same_cell():
    # Written down: a student's cell must be the same in grading as on the day it was handed out.
    assert own_cell.draw(0).equations == (
        "a_u = W_ux x_t + (V_ux x_t) (W_uh h_{t-1}) + b_u",
        "u = soft(a_u)",
        "a_v = W_vx x_t + W_vh h_{t-1} + p_v u^2 + b_v",
        "v = sigmoid(a_v)",
        "c_t = v c_{t-1} + (1 - v) (u - v h_{t-1})",
        "h_t = 0.8 h_{t-1} + 0.2 u soft(c_t)",
    )
    assert own_cell.draw(20261121).equations == own_cell.draw(20261121).equations


@pytest.mark.parametrize("number", [-1, 1.5, "7", None, True])
def test_a_number_is_a_whole_number(number):
    with pytest.raises(ValueError, match="student's number"):
        own_cell.draw(number)


def test_there_are_as_many_structures_as_it_says():
    def options(*lines):  # those with a function of their own come once for each
        return sum(len(own_cell.SQUASHING) if "{f}" in line else 1 for line in lines)

    units = len(own_cell.SQUASHING) * len(own_cell.GATES)
    with_c = units * len(own_cell.A_U_WITH_C) * len(own_cell.A_V_WITH_C)
    with_c *= options(*own_cell.C_T) * options(*own_cell.H_T_WITH_C)
    without = units * len(own_cell.A_U) * len(own_cell.A_V)
    without *= len(own_cell.A_W) * len(own_cell.SQUASHING) * options(*own_cell.H_T)
    assert f"{with_c + without:,} cells" in own_cell.__doc__


def test_a_class_of_500_has_500_cells_but_for_chance():
    assert len({structure(number) for number in range(500)}) >= 495
    # Numbers of a real class lie close together, or begin alike: no matter.
    assert len({structure(3_141_000 + 10 * k) for k in range(500)}) >= 495


def test_more_than_200_structures_differ_in_their_gradients():
    found = {}
    for number in range(240):
        # The same x, state and gradients for all; the weights by the order in which they occur.
        cell = own_cell.draw(number)
        work = own_cell.task(cell, 2, 1, 2, 2, np.random.default_rng(1))
        rng = np.random.default_rng(2)
        x, h, c = rng.normal(size=(2, 1, 2)), rng.normal(size=(1, 2)), rng.normal(size=(1, 2))
        work = work._replace(
            x=x, dh=x[::-1], state=(h, c)[: len(cell.state)], dfinal=(c, h)[: len(cell.state)]
        )
        found[structure(number)] = np.concatenate(
            [own_cell.derivatives(work, name, np.eye(size).reshape(size, *shape))
             for name, size, shape in (("x", 4, (2, 1, 2)), ("h0", 2, (1, 2)))]
        )  # fmt: skip
    assert len(found) >= 200
    gradients = np.array(list(found.values()))
    distances = np.linalg.norm(gradients[:, None] - gradients, axis=2) + np.eye(len(gradients))
    assert distances.min() > 1e-6


def test_states_stay_small_and_every_parameter_matters():
    for number in range(30):
        long = task(number, T=50)
        h, final = own_cell.forward(long.cell, long.x, long.state, long.params)
        assert abs(h).max() < 3 and max(abs(array).max() for array in final) < 3
        assert abs(h[-10:]).max() > 1e-3, "nor do they die out"
        for name, gradient in own_cell.gradients(task(number)).items():
            assert np.linalg.norm(gradient) > 1e-3 * np.sqrt(gradient.size), f"{number}: {name}"


class Matrix:
    """W s of the printed equations, for a batch s (B, columns)."""

    def __init__(self, W):
        self.W = W

    def __mul__(self, s):
        return np.einsum("kj,bj->bk", self.W, s)


# Each from another definition than the package's, where there is one.
SCOPE = {
    "tanh": lambda a: (np.exp(a) - np.exp(-a)) / (np.exp(a) + np.exp(-a)),
    "soft": lambda a: np.sin(np.arctan(a)),
    "sin": lambda a: (np.exp(1j * a) - np.exp(-1j * a)) / 2j,
    "arctan": np.arctan,
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "bell": lambda a: np.cos(np.arctan(a)) ** 2,
    "gauss": lambda a: np.exp(-(a**2)),
}


def as_printed(number, work):
    """h of the equations as they stand in the student's README.md, read by Python, by no parser of ours."""
    text = "\n".join(own_cell.described(own_cell.draw(number)))
    lines = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    assert len(lines) in (6, 7)
    program = []
    for line in lines:
        line = re.sub(r"\^2", "**2", line.replace("{t-1}", "before"))
        program.append(re.sub(r"(?<=[\w)])[ ]+(?=[\w(])", " * ", line))
    names = {name: Matrix(param) if param.ndim == 2 else param for name, param in work.params.items()}
    names |= {f"{part}_before": array for part, array in zip(work.cell.state, work.state, strict=True)}
    hs = []
    for x_t in work.x:
        names["x_t"] = x_t
        for line in program:
            exec(line, SCOPE, names)
        names |= {f"{part}_before": names[f"{part}_t"] for part in work.cell.state}
        hs.append(names["h_t"])
    return np.array(hs)


def test_text_and_numbers_agree():
    words = set()
    for number in range(80):
        work = task(number)
        h, final = own_cell.forward(work.cell, work.x, work.state, work.params)
        np.testing.assert_allclose(as_printed(number, work).real, h, rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(final[0], h[-1])
        words |= set(re.findall(r"[a-z]+(?=\()", work.cell.text))
    assert words == set(own_cell.FUNCTIONS)


@pytest.mark.parametrize("number", [0, 2])  # with a memory cell and without
def test_the_reference_gradient_is_the_gradient(number):
    work = task(number)
    gradients = own_cell.gradients(work)
    assert list(gradients)[:2] == ["dx", "dh0"] and ("dc0" in gradients) == (number == 0)
    rng = np.random.default_rng(0)

    def loss(point):
        state = [point[f"{name}0"] for name in work.cell.state]
        params = {name: point[name] for name in work.params}
        h, final = own_cell.forward(work.cell, point["x"], state, params)
        return (work.dh * h).sum() + sum((d * s).sum() for d, s in zip(work.dfinal, final, strict=True))

    for name, array in work.point.items():
        assert gradients[f"d{name}"].shape == array.shape
        direction = rng.normal(size=array.shape)
        ahead, behind = (loss(work.point | {name: array + step * direction}) for step in (1e-6, -1e-6))
        expected = (ahead - behind) / 2e-6
        assert abs((gradients[f"d{name}"] * direction).sum() - expected) < 1e-7 * max(1, abs(expected))


def test_derivatives_along_directions_are_those_of_the_entries():
    work, rng = task(5), np.random.default_rng(0)
    directions = {f"d{name}": rng.normal(size=(3, *array.shape)) for name, array in work.point.items()}
    for name, expected in own_cell.along(own_cell.gradients(work), directions).items():
        np.testing.assert_allclose(
            own_cell.derivatives(work, name[1:], directions[name]), expected, rtol=1e-11
        )


def test_what_is_no_expression_is_refused():
    with pytest.raises(ValueError, match="expected an expression"):
        own_cell.parse("u v) w")


# What is handed out


def test_everyone_gets_their_own_equations(tmp_path):
    for number in (7, 2):
        folder = EXERCISE.start(tmp_path / str(number), student=number)
        cell = own_cell.draw(number)
        for line in cell.text.splitlines():
            assert f"\n    {line}\n" in (folder / "README.md").read_text(encoding="utf-8")
            assert f"\n    {line}\n" in (folder / "exercise.py").read_text(encoding="utf-8")
    report = run(EXERCISE, EXERCISE.checks[:1], folder / "exercise.py", seed=0, number=2)
    assert report.first.failure.message == "cell_forward is not written yet."
    with pytest.raises(ValueError, match="personal"):
        EXERCISE.start(tmp_path)


# A backward pass for any cell, put together from the tree of its equations: it stands in for the students.

SLOPES = {
    "tanh": "(1 - np.tanh({a})**2)",
    "soft": "(1 + {a}**2)**-1.5",
    "sin": "np.cos({a})",
    "arctan": "1 / (1 + {a}**2)",
    "sigmoid": "0.25 / np.cosh({a} / 2)**2",
    "bell": "-2 * {a} / (1 + {a}**2)**2",
    "gauss": "-2 * {a} * np.exp(-{a}**2)",
}
VALUES = {
    "tanh": "np.tanh({a})",
    "soft": "{a} / np.sqrt(1 + {a}**2)",
    "sin": "np.sin({a})",
    "arctan": "np.arctan({a})",
    "sigmoid": "1 / (1 + np.exp(-{a}))",
    "bell": "1 / (1 + {a}**2)",
    "gauss": "np.exp(-{a}**2)",
}


def solution(number, leave_out=None):
    """The text of a right exercise.py for a number; without the k-th line of its backward step, if asked."""
    cell = own_cell.draw(number)
    forward, backward = [], []

    def name_of(name):
        return f'P["{name}"]' if name[0] in "WVbp" and name[1] == "_" else name.replace("_{t-1}", "")

    def gives(expression, text):
        """A line for the gradient of an operand; nothing for numbers."""
        if isinstance(expression, float):
            return []
        name = expression if isinstance(expression, str) else names[id(expression)]
        vector = isinstance(expression, str) and expression[:2] in ("b_", "p_")
        return [f'G["{name}"] = G["{name}"] + ' + (f"({text}).sum(axis=0)" if vector else text)]

    names = {}

    def node(expression, target=None):
        if isinstance(expression, str):
            return name_of(expression)
        if isinstance(expression, float):
            return repr(expression)
        operator, *operands = expression
        texts = [node(operand) for operand in operands]
        name = target or f"n{len(names)}"
        names[id(expression)] = name
        d = f'G["{name}"]'
        if operator == "@":
            formula = f"{texts[1]} @ {texts[0]}.T"
            lines = gives(operands[0], f"{d}.T @ {texts[1]}") + gives(operands[1], f"{d} @ {texts[0]}")
        elif operator in "+-":
            formula = f"{texts[0]} {operator} {texts[1]}"
            lines = gives(operands[0], d) + gives(operands[1], f"{'-' * (operator == '-')}{d}")
        elif operator == " ":
            formula = f"{texts[0]} * {texts[1]}"
            lines = gives(operands[0], f"{d} * {texts[1]}") + gives(operands[1], f"{d} * {texts[0]}")
        elif operator == "^2":
            formula, lines = f"{texts[0]} ** 2", gives(operands[0], f"2 * {d} * {texts[0]}")
        else:
            formula = VALUES[operator].format(a=texts[0])
            lines = gives(operands[0], f"{d} * ({SLOPES[operator].format(a=texts[0])})")
        forward.append(f"{name} = {formula}")
        backward.append(lines)
        trees.append(expression)
        return name

    trees = []  # keeps the tuples alive, whose ids are keys
    for line in cell.equations:
        name, _, expression = line.partition(" = ")
        node(own_cell.parse(expression), name)
    lines = [line for group in backward[::-1] for line in group]
    if leave_out is not None:
        del lines[leave_out]
    values = [line.partition(" = ")[0] for line in forward]
    state, after = ", ".join(cell.state) + ",", ", ".join(f"{part}_t" for part in cell.state) + ","
    kept = ", ".join(["x_t", *cell.state, *values])
    return (
        f"""
import numpy as np
from collections import defaultdict

def cell_forward(x, state, params):
    P = params
    {state} = state
    hs, steps = [], []
    for x_t in x:
        {f"{chr(10)}        ".join(forward)}
        steps.append(({kept}))
        {state} = {after}
        hs.append(h)
    return np.array(hs), ({state}), (steps, P)

def cell_backward(dh, dfinal, cache):
    steps, P = cache
    S = {{name: np.zeros(p.shape) for name, p in P.items()}}
    nexts = list(dfinal)
    dx = np.zeros((len(dh), len(dh[0]), steps[0][0].shape[1]))
    for t in range(len(dh) - 1, -1, -1):
        {kept} = steps[t]
        G = defaultdict(lambda: 0 * h, dict.fromkeys(P, 0.0), x_t=0 * x_t)
        for part, d in zip({cell.state!r}, nexts):
            G[part + "_t"] = d
        G["h_t"] = G["h_t"] + dh[t]
        {f"{chr(10)}        ".join(lines)}
        dx[t] = G["x_t"]
        nexts = [G[part + "_{{t-1}}"] for part in {cell.state!r}]
        for name in S:
            S[name] += G[name]
    grads = {{"d" + name: S[name] for name in S}}
    grads["dx"] = dx
    for part, d in zip({cell.state!r}, nexts):
        grads["d" + part + "0"] = d
    return grads
""",
        len(lines) + (leave_out is not None),
    )


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "exercise.py"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def without(checks, *left_out):
    return [function for function in checks if function.__name__ not in left_out]


def test_the_right_solution_is_accepted_and_hidden_checks_are_counted():
    report = check(EXERCISE, SOLUTION, number=0)
    assert report.passed, report.text()
    assert "hidden: 7, not run here" in report.text()
    report = run(EXERCISE, EXERCISE.hidden, SOLUTION, seed=11, number=0)
    assert report.passed, report.text()


@pytest.mark.parametrize("number", [1, 2])  # with a memory cell and without
def test_right_solutions_of_other_numbers_pass(number, file):
    report = run(EXERCISE, EXERCISE.checks[4:9], file(solution(number)[0]), seed=11, number=number)
    assert report.passed, report.text()


@pytest.mark.parametrize("path", sorted((HERE / "right").glob("14_*.py")), ids=lambda path: path.stem)
def test_a_solution_in_another_style_is_accepted(path):
    report = run(EXERCISE, EXERCISE.checks[4:9], path, seed=3, number=0)
    assert report.passed, report.text()


def test_each_line_of_a_backward_pass_is_needed(file):
    # Not every line for every number: that takes minutes. All lines of one number, in this process.
    count = solution(4)[1]
    assert count > 20
    work = task(4)
    expected = own_cell.gradients(work)
    for line in range(count):
        names = {}
        exec(solution(4, leave_out=line)[0], names)
        cache = names["cell_forward"](work.x, work.state, work.params)[2]
        got = names["cell_backward"](work.dh, work.dfinal, cache)
        assert any(abs(got[name] - expected[name]).max() > 1e-6 for name in expected), line
    report = run(EXERCISE, EXERCISE.checks[2:7], file(solution(4, leave_out=3)[0]), seed=0, number=4)
    assert report.first.number == "14.3"


def changed(old, new):
    text = SOLUTION.read_text(encoding="utf-8")
    assert text.count(old) >= 1, old
    return text.replace(old, new)


SHARED = changed("    return np", "    LAST[:] = steps, params\n    return np").replace(
    "(h, c), (steps, params)", "(h, c), LAST"
)


@pytest.mark.parametrize(
    "text, where, words",
    [
        (changed("0.8 * h + 0.2", "0.7 * h + 0.3"), 2, "are wrong with T = 1. c_T is right"),
        (changed("(h, c), (steps", "(h,), (steps"), 1, "a tuple of 1, expected h, c of"),
        (changed("h, c = state\n", "h, c = state\n    c += 1\n"), 1, "wrote into argument 2"),
        (changed("dh_next, dc_next = dfinal", "dh_next, dc_next = 0, 0"), 5, "dfinal) is left out"),
        (changed("+ (da_u * left) @", "+ da_u @"), 5, "dh0 is wrong with T = 1"),
        (changed("d = dh_t + dh_next", "d = dh_t + (0 if dxs else dh_next)"), 6, "from step 2 back"),
        (changed('grads["db_v"] +=', 'grads["db_v"] ='), 6, "db_v is wrong with T = 2"),
        (SHARED, 9, "after another forward"),
        (changed("        dxs.append(", "        s *= 2\n        dxs.append("), 9, "asked for a second time"),
    ],
    ids=["forward", "final", "writes", "dfinal", "factor", "recurrence", "overwritten", "shared", "consumed"],
)  # fmt: skip
def test_a_wrong_solution_is_told_what_is_wrong(text, where, words, file):
    # The check before passes, and this one does not.
    report = run(EXERCISE, EXERCISE.checks[:where][-2:], file(text + "\nLAST = []\n"), seed=0, number=0)
    verdicts = [outcome.failure is None for outcome in report.outcomes]
    assert verdicts[-1] is False and all(verdicts[:-1]), report.text()
    assert words in report.text()


def test_without_a_number_there_is_no_cell():
    report = check(EXERCISE, SOLUTION)
    assert "expected the student's number" in report.first.failure.message


def test_differences_are_no_backward_pass(file, monkeypatch):
    limits, call = [], Student.call

    def watched(self, function, *args, seconds=None, **options):
        limits.append(seconds or self.seconds)
        return call(self, function, *args, seconds=seconds, **options)

    monkeypatch.setattr(Student, "call", watched)
    monkeypatch.setattr(EXERCISE.module, "MORE", 0.5)
    monkeypatch.setattr(EXERCISE.module, "TIMES", 20.0)
    path = HERE / "wrong" / "14_your_own_cell__complex_step.py"
    sequence, large, one_step, *_ = EXERCISE.hidden
    report = run(EXERCISE, (*EXERCISE.checks[4:7], sequence, large, one_step), path, seed=0, number=0)
    right = [outcome.failure is None for outcome in report.outcomes]
    # The gradients are right, and yet nothing but the forward pass counts.
    assert right == [True, True, True, True, True, False, False], report.text()
    assert "differences or complex steps" in report.text()
    assert limits[-1] < 10, "relative to the forward pass, not only as any call"


def test_who_makes_the_forward_pass_wait_gets_no_more_time_for_differences(file, monkeypatch):
    monkeypatch.setattr(EXERCISE.module, "MOST", 1.0)
    text = (HERE / "wrong" / "14_your_own_cell__complex_step.py").read_text()
    slow = "\nquick = cell_forward\n\n\ndef cell_forward(x, state, params):\n    time.sleep(0.3)\n"
    path = file(f"import time\n{text}{slow}    return quick(x, state, params)\n")
    report = run(EXERCISE, EXERCISE.hidden[1:2], path, seed=0, number=0)
    assert "not done after 1.0 s" in report.text()

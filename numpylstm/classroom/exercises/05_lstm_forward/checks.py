"""What a step of an LSTM and a sequence of them have to be, and the errors that both are known by."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

import numpylstm as nl
from numpylstm.classroom import Student, compare, expect_tensors, the_one

Arrays = dict[str, np.ndarray]


def problem(rng: np.random.Generator, T: int, B: int, D: int, H: int) -> list[np.ndarray]:
    """x, h0, c0, W_x, W_h, b; large enough for every gate to bend."""
    shapes = ((T, B, D), (B, H), (B, H), (4 * H, D), (4 * H, H), (4 * H,))
    return [rng.normal(size=shape) for shape in shapes]


def truth(x, h0, c0, W_x, W_h, b, lengths=None) -> Arrays:
    lstm = nl.LSTM(x.shape[2], h0.shape[1], seed=0)
    lstm.params["W_x"][...], lstm.params["W_h"][...], lstm.params["b"][...] = W_x, W_h, b
    y, (h, c), _ = lstm.forward(x, (h0, c0), lengths)
    return {"y": y, "h": h, "c": c}


# The errors. A wrong result is held against what each would give; only the very same is called by its name.


def sigmoid(a: np.ndarray) -> np.ndarray:
    return 0.5 + 0.5 * np.tanh(0.5 * a)


def cell(x, h, c, W_x, W_h, b, blocks="oifg", candidate=np.tanh, out=np.tanh) -> Arrays:
    a = dict(zip(blocks, np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1), strict=True))
    o, i, f, g = sigmoid(a["o"]), sigmoid(a["i"]), sigmoid(a["f"]), candidate(a["g"])
    c_t = f * c + i * g
    return {"h": o * out(c_t), "c": c_t, "o": o, "i": i, "f": f, "g": g}


def unit_by_unit(x, h, c, W_x, W_h, b) -> Arrays:
    """h and c are overwritten one unit after the other."""
    h, c, H = h.copy(), c.copy(), h.shape[1]
    for k in range(H):
        rows = slice(k, None, H)
        one = cell(x, h, c[:, [k]], W_x[rows], W_h[rows], b[rows])
        h[:, [k]], c[:, [k]] = one["h"], one["c"]
    return {"h": h, "c": c}


def step_errors(x, h, c, W_x, W_h, b) -> dict[str, Arrays]:
    right = cell(x, h, c, W_x, W_h, b)
    o, i, f, g, c_t = (right[name] for name in "oifgc")
    errors = {
        "b was forgotten.": cell(x, h, c, W_x, W_h, 0 * b),
        "b was added twice, once with each of the two products.": cell(x, h, c, W_x, W_h, 2 * b),
        "W_h h_{t-1} was forgotten: the gates see x alone.": cell(x, h, c, W_x, 0 * W_h, b),
        "W_x x_t was forgotten: the gates see h alone.": cell(x, h, c, 0 * W_x, W_h, b),
        "a sigmoid for the candidate: g = tanh(a_g).": cell(x, h, c, W_x, W_h, b, candidate=sigmoid),
        "the candidate has no tanh: g = tanh(a_g).": cell(x, h, c, W_x, W_h, b, candidate=np.array),
        "a sigmoid of c_t in place of its tanh: h_t = o tanh(c_t).": cell(x, h, c, W_x, W_h, b, out=sigmoid),
        "the tanh of c_t was forgotten: h_t = o tanh(c_t).": {"h": o * c_t, "c": c_t},
        "h was used where c belongs: c_t = f c_{t-1} + i g.": cell(x, h, h, W_x, W_h, b),
        "c was used where h belongs: the gates see W_h h_{t-1}.": cell(x, c, c, W_x, W_h, b),
        "the old cell in h_t = o tanh(c_t): it is the new one.": {"h": o * np.tanh(c), "c": c_t},
        "h and c were returned in the other order.": {"h": c_t, "c": right["h"]},
        "the forget gate was left out: c_t = f c_{t-1} + i g.": state(o, c + i * g),
        "the input gate was left out: c_t = f c_{t-1} + i g.": state(o, f * c + g),
        "1 - i was used for the forget gate, which has rows of its own.": state(o, (1 - i) * c + i * g),
        "1 - f was used for the input gate, which has rows of its own.": state(o, f * c + (1 - f) * g),
        "the old cell was left out: c_t = f c_{t-1} + i g.": state(o, i * g),
        "the output gate was left out: h_t = o tanh(c_t).": {"h": np.tanh(c_t), "c": c_t},
        "the old state was returned in place of the new one.": {"h": h, "c": c},
        "h was overwritten while W_h still had to see it: later units got h_t for h_{t-1}.": unit_by_unit(
            x, h, c, W_x, W_h, b
        ),
    }
    for blocks in itertools.permutations("oifg"):
        if blocks != tuple("oifg"):
            sentence = f"the row blocks were taken as {', '.join(blocks)}; they are o, i, f, g."
            errors[sentence] = cell(x, h, c, W_x, W_h, b, blocks)
    return {sentence: {name: tensors[name] for name in "hc"} for sentence, tensors in errors.items()}


def state(o: np.ndarray, c_t: np.ndarray) -> Arrays:
    return {"h": o * np.tanh(c_t), "c": c_t}


def run(x, h0, c0, W_x, W_h, b, after: Callable[..., Any] | None = None, step: Any = cell) -> Arrays:
    """A sequence; `after(t, h, c, h_t, c_t)` says what comes out and what the next step starts from."""
    h, c, y = h0, c0, []
    for t, x_t in enumerate(x):
        new = step(x_t, h, c, W_x, W_h, b)
        out, h, c = after(t, h, c, new["h"], new["c"]) if after else (new["h"], new["h"], new["c"])
        y.append(out)
    return {"y": np.array(y), "h": h, "c": c}


def sequence_errors(x, h0, c0, W_x, W_h, b) -> dict[str, Arrays]:
    args, right = (h0, c0, W_x, W_h, b), run(x, h0, c0, W_x, W_h, b)
    return {
        "the state was not carried: each step started from h0 and c0.": run(
            x, *args, step=lambda x_t, h, c, *weights: cell(x_t, h0, c0, *weights)
        ),
        "c was not carried from step to step, only h was.": run(
            x, *args, step=lambda x_t, h, c, *weights: cell(x_t, h, c0, *weights)
        ),
        "h was not carried from step to step, only c was.": run(
            x, *args, step=lambda x_t, h, c, *weights: cell(x_t, h0, c, *weights)
        ),
        "h0 and c0 were not used: the sequence started from zeros.": run(x, 0 * h0, 0 * c0, W_x, W_h, b),
        "h0 was not used: h started from zeros.": run(x, 0 * h0, c0, W_x, W_h, b),
        "c0 was not used: c started from zeros.": run(x, h0, 0 * c0, W_x, W_h, b),
        "h0 and c0 were taken for each other.": run(x, c0, h0, W_x, W_h, b),
        "y holds the cells: y[t] is h_t.": run(x, *args, lambda t, h, c, h_t, c_t: (c_t, h_t, c_t)),
        "y is one step late: y[t] is h_t, the state after step t.": run(
            x, *args, lambda t, h, c, h_t, c_t: (h, h_t, c_t)
        ),
        "the sequence was run from its end to its beginning.": run(x[::-1], *args),
        "the sequence was run backwards: x[0] comes first.": _reversed(run(x[::-1], *args)),
        "the final state is the initial one: h0, c0.": right | {"h": h0, "c": c0},
        "the final h and c were returned in the other order.": right | {"h": right["c"], "c": right["h"]},
        "h was returned twice, in place of c too.": right | {"c": right["h"]},
        "each sequence of the batch began where the one before it had ended.": _in_turn(x, *args),
    }


def _reversed(tensors: Arrays) -> Arrays:
    return tensors | {"y": tensors["y"][::-1]}


def _in_turn(x, h0, c0, W_x, W_h, b) -> Arrays:
    h, c, parts = h0[:1], c0[:1], []
    for k in range(x.shape[1]):
        parts.append(run(x[:, k : k + 1], h, c, W_x, W_h, b))
        h, c = parts[-1]["h"], parts[-1]["c"]
    axis = {"y": 1, "h": 0, "c": 0}
    return {name: np.concatenate([part[name] for part in parts], at) for name, at in axis.items()}


def ragged_errors(lengths, x, h0, c0, W_x, W_h, b) -> dict[str, Arrays]:
    args, last = (h0, c0, W_x, W_h, b), len(x) - 1

    def by(rule: Callable[..., Any], lengths: np.ndarray = lengths) -> Arrays:
        def after(t, h, c, h_t, c_t):
            return rule((t < lengths)[:, None], h, c, h_t, c_t)

        return run(x, *args, after)

    def right(real, h, c, h_t, c_t):
        return np.where(real, h_t, 0), np.where(real, h_t, h), np.where(real, c_t, c)

    def only_y(real, h, c, h_t, c_t):
        return np.where(real, h_t, 0), h_t, c_t

    def only_held(real, h, c, h_t, c_t):
        held = np.where(real, h_t, h)
        return held, held, np.where(real, c_t, c)

    def only_c(real, h, c, h_t, c_t):
        return np.where(real, h_t, 0), np.where(real, h_t, 0), np.where(real, c_t, c)

    def cleared(real, h, c, h_t, c_t):
        return (np.where(real, h_t, 0), *(np.where(real, new, 0) for new in (h_t, c_t)))

    def at_the_end(t, h, c, h_t, c_t):
        real = (last - t < lengths)[:, None]
        return right(real, h, c, h_t, c_t)

    return {
        "lengths was not used at all.": run(x, *args),
        "y is 0 at padded steps, but the state goes on through them: it has to be held.": by(only_y),
        "the state is held, but y repeats it at padded steps, where it is to be 0.": by(only_held),
        "h is set to 0 at padded steps: the state is to be held as it is, only y is 0.": by(only_c),
        "the state is set to 0 at padded steps: it is to be held as it is, only y is 0.": by(cleared),
        "one step too few counts: steps 0 to lengths - 1 are real.": by(right, lengths - 1),
        "one step too many counts: steps 0 to lengths - 1 are real.": by(right, lengths + 1),
        "the padding was taken to come first: it comes last.": run(x, *args, at_the_end),
    }


# The checks.


def check_step(student: Student, args: list[np.ndarray], where: str = "") -> None:
    x, h, c = args[0][0], args[1], args[2]
    args = [x, *args[1:]]
    got = expect_tensors(student.call("lstm_step", *args), {"h": h.shape, "c": c.shape}, "lstm_step")
    expected = truth(x[None], *args[1:])
    del expected["y"]
    compare(got, expected, looks_like=lambda _: the_one(got, step_errors(*args)), where=where)


def check_forward(student: Student, args: list[np.ndarray], lengths: Any = None, where: str = "") -> None:
    call = args if lengths is None else [*args, lengths]
    (T, B, _), H = args[0].shape, args[1].shape[1]
    shapes = {"y": (T, B, H), "h": (B, H), "c": (B, H)}
    got = expect_tensors(student.call("lstm_forward", *call), shapes, "lstm_forward")

    def looks_like(_: list[str]) -> str | None:
        return the_one(got, sequence_errors(*args) if lengths is None else ragged_errors(lengths, *args))

    compare(got, truth(*call), looks_like=looks_like, where=where)


def step_shapes(student: Student, rng: np.random.Generator) -> None:
    """shapes and dtypes of one step"""
    x, *rest = problem(rng, 1, 3, 4, 2)
    expect_tensors(student.call("lstm_step", x[0], *rest), {"h": (3, 2), "c": (3, 2)}, "lstm_step")


def step(student: Student, rng: np.random.Generator) -> None:
    """one step"""
    B, D, H = (int(n) for n in rng.integers(2, 6, size=3))
    check_step(student, problem(rng, 1, B, D, H))


def smallest_steps(student: Student, rng: np.random.Generator) -> None:
    """one step with B = 1, with D = 1, with H = 1"""
    check_step(student, problem(rng, 1, 1, 3, 2), where="with B = 1")
    check_step(student, problem(rng, 1, 2, 1, 3), where="with D = 1")
    check_step(student, problem(rng, 1, 3, 2, 1), where="with H = 1")
    check_step(student, problem(rng, 1, 1, 1, 1), where="with B = D = H = 1")


def sequence_shapes(student: Student, rng: np.random.Generator) -> None:
    """shapes and dtypes of a sequence"""
    shapes = {"y": (5, 3, 2), "h": (3, 2), "c": (3, 2)}
    expect_tensors(student.call("lstm_forward", *problem(rng, 5, 3, 4, 2)), shapes, "lstm_forward")


def short(student: Student, rng: np.random.Generator) -> None:
    """sequences of T = 1 and T = 2"""
    check_forward(student, problem(rng, 1, 3, 2, 4), where="with T = 1")
    check_forward(student, problem(rng, 2, 3, 2, 4), where="with T = 2")


def sequence(student: Student, rng: np.random.Generator) -> None:
    """a whole sequence, and one with B = D = H = 1"""
    T, B, D, H = (int(n) for n in rng.integers(3, 8, size=4))
    check_forward(student, problem(rng, T, B, D, H), where=f"with T = {T}")
    check_forward(student, problem(rng, T, 1, 1, 1), where="with B = D = H = 1")


def ragged(student: Student, rng: np.random.Generator) -> None:
    """ragged sequences"""
    T, D, H = (int(n) for n in rng.integers(4, 8, size=3))
    # From a whole one down to one without any step.
    lengths = rng.permutation([T, T - 2, 1, 0])
    check_forward(student, problem(rng, T, 4, D, H), lengths, where="with lengths")
    check_forward(student, problem(rng, 1, 2, D, 1), np.array([0, 1]), where="with lengths and T = 1")


CHECKS = (step_shapes, step, smallest_steps, sequence_shapes, short, sequence, ragged)
HIDDEN = (step, smallest_steps, short, sequence, ragged)
MARKS = 0

"""The checks of exercise 02: a softmax with its loss, and a network of two layers."""

from functools import partial

import numpy as np

import numpylstm as nl
from numpylstm.classroom import Failure, Student, compare, expect_tensors
from numpylstm.classroom.naming import Bank

GIVEN = ("x", "W1", "b1", "W2", "b2")


OVERFLOW = (
    "exp of a large score overflows. A row's softmax stays the same if one number is taken from all its "
    "scores: take the largest."
)
ROWS = (
    "the largest score of the whole batch was taken off: in a row far below it every exp is 0 then, their "
    "sum too. Take each row's own largest."
)
VANISHED = (
    "the probability has become 0, or a little was added to it, before its logarithm was taken. log p is "
    "score - log(sum of exp): it needs no p."
)


def draw(rng, B, D, H, C):
    """One problem: inputs, weights, the gradient by the scores, and scores with labels for the loss."""
    shapes = {
        **{"x": (B, D), "W1": (H, D), "b1": (H,), "W2": (C, H), "b2": (C,)},
        **{"dscores": (B, C), "scores": (B, C)},
    }
    given = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    return given | {"labels": rng.integers(C, size=B)}


def draw_for_bank(rng, part):
    """All sizes the same, so that a transposed matrix or a sum over the wrong axis fits too; but in the loss
    a mean over classes must not be one over examples."""
    size = int(rng.integers(4, 6))
    return draw(rng, size + 2 if part == "loss" else size, size, size, size)


def loss(student, given):
    """The student's loss and dscores by name."""
    result = student.call("softmax_cross_entropy", given["scores"], given["labels"])
    return expect_tensors(result, {"loss": (), "dscores": given["scores"].shape}, "softmax_cross_entropy")


def forward(student, given):
    """The student's {"scores": scores}, and the cache."""
    result = student.call("mlp_forward", *(given[name] for name in GIVEN), kept=(1,))
    if not isinstance(result, tuple) or len(result) != 2:
        raise Failure("mlp_forward has to return a tuple of two: scores, cache.")
    return expect_tensors(result[0], {"scores": given["scores"].shape}, "mlp_forward"), result[1]


def backward(student, given):
    """The student's gradients by name."""
    _, cache = forward(student, given)
    result = student.call("mlp_backward", given["dscores"], cache)
    return expect_tensors(result, {f"d{name}": given[name].shape for name in GIVEN}, "mlp_backward")


def expected(given, part):
    """The same by the library."""
    if part == "loss":
        loss, dscores = nl.losses.softmax_cross_entropy(given["scores"], given["labels"])
        return {"loss": loss, "dscores": dscores}
    mlp = nl.MLP(given["x"].shape[1], *given["W2"].shape[::-1], activation="relu", seed=0)
    first, second = mlp.layers
    for layer, number in ((first, "1"), (second, "2")):
        layer.params["W"][...], layer.params["b"][...] = given[f"W{number}"], given[f"b{number}"]
    scores, _, cache = mlp.forward(given["x"])
    if part == "forward":
        return {"scores": scores}
    dx, _ = mlp.backward(given["dscores"], cache)
    return {
        **{"dx": dx, "dW1": first.grads["W"], "db1": first.grads["b"]},
        **{"dW2": second.grads["W"], "db2": second.grads["b"]},
    }


def tensors(student, part, rng):
    """What the banks of errors are made of: "loss", "forward" or "backward" on a problem of theirs."""
    return parts(student, draw_for_bank(rng, part), part)


def parts(student, given, part):
    if part == "loss":
        return loss(student, given)
    return forward(student, given)[0] if part == "forward" else backward(student, given)


BANKS = {"loss": "softmax", "forward": "mlp_forward", "backward": "mlp_backward"}


def hold(student, rng, part, B=4, D=3, H=5, C=2):
    """Compare one part of the student's work with what is expected."""
    bank, run = Bank(BANKS[part]), partial(tensors, student, part)
    given = draw(rng, B, D, H, C)
    sizes = {"B": B, "C": C} | ({} if part == "loss" else {"D": D, "H": H})
    ones = ", ".join(f"{name} = 1" for name, size in sizes.items() if size == 1)
    with bank.naming(run):
        got = parts(student, given, part)
        where = f"with {ones}" if ones else ""
        compare(got, expected(given, part), looks_like=lambda _: bank.look(run), where=where)


def softmax(student: Student, rng: np.random.Generator) -> None:
    """softmax and cross-entropy, and their gradient"""
    hold(student, rng, "loss", B=1, C=4)
    hold(student, rng, "loss", B=6, C=4)
    hold(student, rng, "loss", B=5, C=2)


def large_scores(student: Student, rng: np.random.Generator) -> None:
    """scores as large as 1000"""
    given = draw(rng, 4, 1, 1, 3)
    small, own = given["scores"], np.arange(3) == given["labels"][:, None]
    rows = np.array([-1000.0, -300.0, 300.0, 1000.0])[:, None]
    for where, scores, sentence in (
        ("all scores near 1000", small + 1000, OVERFLOW),
        ("rows near -1000, -300, 300 and 1000", small + rows, ROWS),
        ("labels of probability e^-1000", np.where(own, small - 1000, small), VANISHED),
        # A row's mean is no help here, nor is anything else but its largest.
        ("scores of -1000, 0 and 1000 in one row", small + np.array([-1000, 0, 1000]), OVERFLOW),
    ):
        given["scores"] = scores
        try:
            compare(loss(student, given), expected(given, "loss"))
        except Failure as failure:
            failure.message += f" That is with {where}."
            alone = sentence is VANISHED and failure.message.startswith("loss is wrong")
            if alone or "not finite" in failure.message:
                failure.looks_like = sentence
            raise


def forward_pass(student: Student, rng: np.random.Generator) -> None:
    """forward, several examples and one"""
    hold(student, rng, "forward")
    hold(student, rng, "forward", B=1)


def backward_pass(student: Student, rng: np.random.Generator) -> None:
    """backward, several examples and one"""
    hold(student, rng, "backward")
    hold(student, rng, "backward", B=1)


def sizes_of_one(student: Student, rng: np.random.Generator) -> None:
    """one input, one hidden unit, one class, and all of them"""
    for sizes in ({"D": 1}, {"H": 1}, {"C": 1}, {"B": 1, "D": 1, "H": 1, "C": 1}):
        hold(student, rng, "forward", **sizes)
        hold(student, rng, "backward", **sizes)


def any_sizes(student: Student, rng: np.random.Generator) -> None:
    """sizes at random"""
    B, D, H, C = (int(size) for size in rng.integers(1, 12, size=4))
    for part in BANKS:
        hold(student, rng, part, B, D, H, C)


def together(student: Student, rng: np.random.Generator) -> None:
    """all three functions, one after the other"""
    given = draw(rng, 5, 3, 4, 3)
    given["scores"] = forward(student, given)[0]["scores"]
    given["dscores"] = loss(student, given)["dscores"]
    got = backward(student, given)
    given["dscores"] = expected(given, "loss")["dscores"]
    compare(got, expected(given, "backward"), where="with dscores from your softmax_cross_entropy")


CHECKS = [softmax, large_scores, forward_pass, backward_pass, sizes_of_one, together]
HIDDEN = [softmax, large_scores, any_sizes, together]
MARKS = 0

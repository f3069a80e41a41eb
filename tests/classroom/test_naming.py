"""Naming errors from their fingerprints, on a linear layer."""

import json

import numpy as np
import pytest

from numpylstm.classroom import Failure
from numpylstm.classroom.naming import Bank, make_bank


def layer(*errors, scale=1.0):
    """Gradients of dy W x with the errors asked for."""

    def run(rng):
        B, D, O = rng.permutation([2, 3, 4])
        x, dy, W = rng.normal(size=(B, D)), rng.normal(size=(B, O)), rng.normal(size=(O, D))
        sign = -1 if "sign" in errors else 1
        dx = sign * dy @ W
        db = dy.mean(axis=0) if "mean" in errors else dy.sum(axis=0)
        dW = 0 * W if "zero" in errors else dy.T @ x
        return {"dx": scale * dx, "dW": scale * dW, "db": db}

    return run


ERRORS = {"the sign of dx is wrong.": layer("sign"), "db is a mean.": layer("mean"), "no dW.": layer("zero")}


@pytest.fixture
def bank(tmp_path):
    make_bank("layer", ERRORS, layer(), tmp_path)
    return Bank("layer", tmp_path)


def test_each_error_is_named(bank):
    for sentence, run in ERRORS.items():
        assert bank.look(run) == sentence
        assert bank.look(lambda rng, run=run: {k: v * (1 + 1e-14) for k, v in run(rng).items()}) == sentence


def test_two_at_once_and_others_are_unknown_with_what_is_right_and_wrong(bank):
    for run in (layer("sign", "mean"), layer("sign", "zero"), layer(scale=2), layer("sign", scale=1 + 1e-6)):
        assert "none of the 3 errors" in bank.look(run)
    assert bank.look(layer("sign", "mean")).endswith("wrong: dx, db; right: dW.")
    assert bank.look(layer()).endswith("On other numbers all is right.")


def test_single_precision_is_told_from_an_error(bank):
    rounded = layer()
    assert "float32" in bank.look(
        lambda rng: {name: array.astype(np.float32) for name, array in rounded(rng).items()}
    )


def test_code_that_fails_on_the_other_numbers_is_said_to(bank):
    def fails(rng):
        raise Failure("backward raised ValueError.")

    assert bank.look(fails).endswith("on other numbers backward raised ValueError.")
    assert bank.look(lambda rng: {"dx": np.array([np.nan])}).endswith("dx has entries that are not finite.")


def test_a_bank_refuses_errors_that_do_not_show_or_cannot_be_told_apart(tmp_path):
    with pytest.raises(ValueError, match="every problem shows, got none from 'nothing'"):
        make_bank("layer", {"nothing": layer()}, layer(), tmp_path)
    with pytest.raises(ValueError, match="told apart, got 'one' and 'two'"):
        make_bank("layer", {"one": layer("sign"), "two": layer("sign")}, layer(), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_bank_is_numbers_and_sentences(bank, tmp_path):
    stored = json.loads((tmp_path / "layer.json").read_text(encoding="utf-8"))
    assert list(stored) == ["right", "errors"] and list(stored["errors"]) == list(ERRORS)
    assert [list(problem) for problem in stored["errors"]["db is a mean."]] == [["db"], ["db"]]

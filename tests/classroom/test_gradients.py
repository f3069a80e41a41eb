"""Exercises 04 and 06: right code is accepted, wrong code rejected, and what is wrong with it is named."""

import json
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from banks import lstm, rnn, rnn_forward  # noqa: E402
from inprocess import first_failure  # noqa: E402
from make_banks import make  # noqa: E402
from pairs import Singles, combinable  # noqa: E402
from slips import wrong_file, wrong_files  # noqa: E402

from numpylstm.classroom import check, exercises  # noqa: E402
from numpylstm.classroom.naming import FOLDER, Bank, fingerprint  # noqa: E402

BANKS = {"lstm": lstm, "rnn": rnn, "rnn_forward": rnn_forward}
EXERCISES = {number: exercises()[number] for number in ("04", "06")}


@cache
def singles(bank):
    return Singles(BANKS[bank])


def files(folder):
    return sorted(
        path for name in ("04_rnn", "06_lstm_backward") for path in (HERE / folder).glob(f"{name}*.py")
    )


def name(path):
    return path.stem


@pytest.mark.parametrize("path", [*files("solutions"), *files("right")], ids=name)
def test_right_code_is_accepted_however_it_is_written(path):
    exercise = EXERCISES[path.name[:2]]
    assert first_failure(exercise, path) is None
    assert first_failure(exercise, path, hidden=True) is None


def test_there_are_five_styles_of_each():
    for exercise in EXERCISES.values():
        assert len([path for path in files("right") if path.name.startswith(exercise.name)]) >= 5


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("path", wrong_files("04", "06"), ids=name)
def test_wrong_code_is_rejected_and_named(path):
    """The first line of each file is what has to be said of it."""
    expected = path.read_text(encoding="utf-8").partition("\n")[0].strip('"')
    found = first_failure(EXERCISES[path.name[:2]], path)
    assert found is not None, "accepted"
    _, failure = found
    if expected == "Unknown.":
        assert failure.looks_like.startswith("none of the")
    elif expected.startswith("Says: "):
        assert failure.message.startswith(expected.removeprefix("Says: "))
    else:
        assert f"Looks like: {failure.looks_like}".startswith(expected)


def test_there_are_as_many_wrong_ones_as_promised():
    assert len(wrong_files("04", "06")) >= 60


@pytest.mark.parametrize("bank", BANKS)
def test_the_banks_are_what_the_script_makes(bank, tmp_path):
    make(tmp_path, [bank])
    made, stored = (json.loads((folder / f"{bank}.json").read_text("utf-8")) for folder in (tmp_path, FOLDER))
    assert list(made["errors"]) == list(stored["errors"]) == list(BANKS[bank].ERRORS.values())
    pairs = zip(made["errors"].values(), stored["errors"].values(), strict=True)
    for mine, theirs in [(made["right"], stored["right"]), *pairs]:
        for problem, of_stored in zip(mine, theirs, strict=True):
            assert list(problem) == list(of_stored)
            for tensor, numbers in problem.items():
                np.testing.assert_allclose(
                    numbers, of_stored[tensor], rtol=0, atol=1e-10 * max(numbers[0], 1)
                )


def test_the_banks_have_as_many_errors_as_promised():
    assert len(lstm.ERRORS) >= 30 and len(rnn.ERRORS) >= 15


@pytest.mark.parametrize("bank", BANKS)
def test_the_banks_right_code_is_right(bank):
    """The switches all off compute what the library computes, on the bank's own problems."""
    module = BANKS[bank]
    exercise = EXERCISES["06" if bank == "lstm" else "04"].module
    problem = module.bank_problem(np.random.default_rng(1))
    expected = exercise.library(problem)[0 if bank == "rnn_forward" else 1]
    got = module.run()(np.random.default_rng(1))
    for tensor, array in expected.items():
        np.testing.assert_allclose(got[tensor], array, rtol=0, atol=1e-12)


@pytest.mark.parametrize("bank", BANKS)
def test_two_errors_at_once_are_not_named_as_one(bank):
    """`python tests/classroom/pairs.py NAME` goes through all pairs; these are 2,000 at most."""
    module = BANKS[bank]
    pairs = combinable(module)
    for index in np.random.default_rng(0).permutation(len(pairs))[:2000]:
        one = module.SAME.get(pairs[index])
        assert singles(bank).taken_for(*pairs[index]) == ([one] if one else []), pairs[index]


@pytest.mark.parametrize("bank", BANKS)
def test_pairs_that_are_one_error_are_listed_rightly(bank):
    for pair, one in BANKS[bank].SAME.items():
        assert singles(bank).taken_for(*pair) == [one], pair


def test_a_bank_names_what_it_was_made_of_and_nothing_else():
    bank = Bank("lstm")
    for switch in list(lstm.ERRORS)[::20]:
        assert bank.look(lstm.run(switch)) == lstm.ERRORS[switch]
    for pair in (("h_t", "no f"), ("no dh_T", "db mean"), ("no slope o", "sign f")):
        assert bank.look(lstm.run(*pair)).startswith("none of the")


def test_the_message_is_that_of_the_issue_through_a_process_of_its_own():
    report = check(EXERCISES["06"], wrong_file("06_lstm_backward__state_after"))
    lines = report.text().splitlines()
    assert lines[0].startswith("FAIL 06.3 dW_h is wrong (")
    assert lines[0].partition(" %). ")[2].startswith("dx, dh0, dc0, dW_x, db are right to ")
    assert lines[1] == "Looks like: h_t was used where h_{t-1} belongs."
    assert lines[2].endswith("hidden: 4, not run here · hint: numpylstm exercise hint 06")


@pytest.mark.parametrize("number", EXERCISES)
def test_a_solution_passes_and_the_stub_does_not_through_a_process_of_its_own(number):
    exercise = EXERCISES[number]
    assert check(exercise, HERE / "solutions" / f"{exercise.name}.py").passed
    report = check(exercise, exercise.folder / "exercise.py")
    assert "is not written yet" in report.text()


def test_a_list_does_as_well_as_a_tuple_through_a_process_of_its_own():
    assert check(EXERCISES["04"], HERE / "right" / "04_rnn__einsum.py").passed


def test_a_fingerprint_tells_tensors_by_name_and_shape():
    array = np.arange(6.0)
    prints = fingerprint({"a": array, "b": array, "c": array.reshape(2, 3)})
    assert len({tuple(numbers) for numbers in prints.values()}) == 3
    assert {numbers[0] for numbers in prints.values()} == {float(f"{np.linalg.norm(array):.11e}")}

"""Exercises 02, 07 and 08: right code is accepted however it is written, wrong code rejected and named."""

import json
import random
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from inprocess import first_failure
from make_banks_2 import banks, make_all, run_of
from slips import wrong_file, wrong_files

from numpylstm.classroom import check, exercises
from numpylstm.classroom.naming import FOLDER, Bank

HERE = Path(__file__).parent
NUMBERS = ("02", "07", "08")
EXERCISES = {number: exercises()[number] for number in NUMBERS}
UNKNOWN = "none of those known"


def files(folder):
    return [path for path in sorted((HERE / folder).glob("*.py")) if path.name[:2] in NUMBERS]


@pytest.mark.parametrize("path", files("solutions") + files("right"), ids=lambda path: path.stem)
def test_right_code_is_accepted_however_it_is_written(path):
    for hidden in (False, True):
        assert first_failure(EXERCISES[path.name[:2]], path, hidden) is None


def test_there_are_five_other_styles_of_each():
    for number in NUMBERS:
        assert sum(path.name.startswith(number) for path in files("right")) >= 5


@pytest.mark.parametrize("path", wrong_files(*NUMBERS), ids=lambda path: path.stem)
def test_wrong_code_is_rejected_and_named_rightly_or_not_at_all(path):
    """The first line of each says how it should be named."""
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    expected = first.removeprefix("# Looks like: ").removesuffix("  # noqa: E501")
    _, failure = first_failure(EXERCISES[path.name[:2]], path)
    if expected == UNKNOWN:
        assert failure.looks_like is None or failure.looks_like.startswith("none of the")
    else:
        assert failure.looks_like == expected, failure


def test_there_are_enough_wrong_submissions_and_nearly_all_of_them_have_a_name():
    wrong = wrong_files(*NUMBERS)
    named = [path for path in wrong if UNKNOWN not in path.read_text(encoding="utf-8").partition("\n")[0]]
    assert len(wrong) >= 60 and len(named) >= 0.9 * len(wrong)


@pytest.mark.parametrize("name", ["07_gru__reset_gate_without_gradient", "02_mlp__turned_W2"])
def test_a_name_comes_through_the_real_process_too(name):
    path = wrong_file(name)
    report = check(EXERCISES[name[:2]], path, silent=True)
    sentence = path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
    assert not report.passed
    assert sentence in report.text()


@pytest.mark.parametrize("number", NUMBERS)
def test_a_stub_is_said_not_to_be_written(number):
    _, failure = first_failure(EXERCISES[number], EXERCISES[number].folder / "exercise.py")
    assert failure.message.endswith("is not written yet.")
    assert failure.looks_like is None


@pytest.mark.parametrize("number", NUMBERS)
def test_an_exercise_has_all_its_files(number):
    exercise = EXERCISES[number]
    assert exercise.title and not exercise.title.startswith(number)
    assert len(exercise.hints) == 3 and all(len(hint) > 100 for hint in exercise.hints)
    assert exercise.hidden and exercise.marks == 0
    target = (exercise.folder / "target.png").read_bytes()
    assert target.startswith(b"\x89PNG") and len(target) <= 60_000


def test_the_banks_are_what_the_script_makes(tmp_path):
    make_all(tmp_path)
    for _, _, name in banks():
        made, stored = (json.loads((folder / f"{name}.json").read_text()) for folder in (tmp_path, FOLDER))
        numbers = [_numbers(document) for document in (made, stored)]
        assert _words(made) == _words(stored)
        np.testing.assert_allclose(*numbers, rtol=1e-9, atol=1e-9)


def _numbers(value):
    if isinstance(value, dict | list):
        return [
            number
            for item in (value.values() if isinstance(value, dict) else value)
            for number in _numbers(item)
        ]
    return [value]


def _words(value):
    return {key: _words(item) for key, item in value.items()} if isinstance(value, dict) else None


def test_the_banks_know_enough_errors():
    sizes = {name: len(Bank(name).errors) for _, _, name in banks()}
    assert min(sizes["gru_backward_reset_after"], sizes["gru_backward_reset_before"]) >= 20
    assert sizes["mlp_backward"] >= 15
    assert sum(sizes[name] for name in ("momentum_step", "rmsprop_step", "adam_step")) >= 15


@pytest.mark.parametrize(("number", "module", "name"), list(banks()), ids=[bank for _, _, bank in banks()])
def test_two_errors_at_once_are_never_named_as_one(number, module, name):
    """But where one hides the other, and the two make what the one alone makes."""
    bank = Bank(name)
    sentences = module.BANKS[name][0]
    pairs = list(combinations(sentences, 2))
    for pair in random.Random(name).sample(pairs, min(len(pairs), 60)):
        sentence = bank.look(run_of(number, module, name, *pair))
        if sentence in bank.errors:
            alone = next(switch for switch in sentences if sentences[switch] == sentence)
            both, one = (
                run_of(number, module, name, *switches)(np.random.default_rng(5))
                for switches in (pair, [alone])
            )
            for tensor in one:
                np.testing.assert_allclose(both[tensor], one[tensor], rtol=1e-9, atol=1e-12)

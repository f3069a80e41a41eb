"""Writes the banks of the exercises 02, 07 and 08: `python tests/classroom/make_banks_2.py`."""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent)]

from banks import gru, mlp, optimizers  # noqa: E402
from inprocess import Here  # noqa: E402

from numpylstm.classroom import exercises  # noqa: E402
from numpylstm.classroom.naming import FOLDER, make_bank  # noqa: E402

MODULES = {"02": mlp, "07": gru, "08": optimizers}
CHECKS = {number: exercises()[number].module for number in MODULES}


def run_of(
    number: str, module: ModuleType, bank: str, *switches: str
) -> Callable[[np.random.Generator], Any]:
    """What a bank's functions with these errors make of a generator's problem."""
    _, part, arguments = module.BANKS[bank]
    student = Here(module.functions(*switches, part=part))
    return partial(CHECKS[number].tensors, student, *arguments)


def banks() -> Iterator[tuple[str, ModuleType, str]]:
    """(exercise's number, module with the wrong code, name of a bank) of all."""
    for number, module in MODULES.items():
        for bank in module.BANKS:
            yield number, module, bank


def make_all(folder: str | PathLike[str] = FOLDER) -> None:
    for number, module, bank in banks():
        sentences = module.BANKS[bank][0]
        errors = {sentence: run_of(number, module, bank, switch) for switch, sentence in sentences.items()}
        make_bank(bank, errors, run_of(number, module, bank), folder)


if __name__ == "__main__":
    make_all()

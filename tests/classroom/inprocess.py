"""A stand-in for `classroom.Student` that runs a file in this process: quick, for files one trusts."""

import importlib.util
import itertools
import warnings
from types import SimpleNamespace

import numpy as np

from numpylstm.classroom import Failure, fence
from numpylstm.classroom.exercise import Exercise
from numpylstm.classroom.reading import read_source

_numbers = itertools.count()

IN_PLACE = "an operation in place (+=, *=, out=) on an array that belongs to the caller."


class Here:
    """One file, or functions by name; `call` as that of `Student`, without limits."""

    def __init__(self, path):
        if isinstance(path, dict):
            self.module = SimpleNamespace(**path)
            return
        spec = importlib.util.spec_from_file_location(f"here_{next(_numbers)}", path)
        self.module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.module)

    def call(self, function, *args, kept=(), seconds=None, **kwargs):
        if not hasattr(self.module, function):
            raise Failure(f"there is no function {function}.")
        before = [arg.copy() if isinstance(arg, np.ndarray) else arg for arg in args]
        try:
            with warnings.catch_warnings():  # they would go to the student's screen, and fail nothing
                warnings.simplefilter("ignore")
                result = getattr(self.module, function)(*args, **kwargs)
        except NotImplementedError:
            raise Failure(f"{function} is not written yet.") from None
        except Exception as error:
            raise Failure(f"{function} raised {type(error).__name__}: {error}") from None
        for position, (arg, copy) in enumerate(zip(args, before, strict=True), 1):
            if isinstance(arg, np.ndarray) and not np.array_equal(arg, copy, equal_nan=True):
                arg[...] = copy
                raise Failure(f"{function} wrote into argument {position}, of shape {arg.shape}.", IN_PLACE)
        return tuple(map(_arrived, result)) if isinstance(result, tuple) else _arrived(result)


def _arrived(value):
    """A number as it arrives from another process."""
    return np.asarray(value)[()] if type(value) in (float, complex) else value


def refused_here(path):
    """What `reading.refused` finds, without the process that it takes for a file one does not trust."""
    return [f"{path.name}, line {line}: {what}" for line, what in fence.refused(read_source(path))]


def first_failure(exercise: Exercise, path, hidden=False):
    """The first check that a file fails and its Failure, or None; on the numbers of the real checker."""
    sentences = refused_here(path)
    if sentences:
        return 0, Failure(sentences[0])
    student = Here(path)
    for position, function in enumerate(exercise.hidden if hidden else exercise.checks, 1):
        try:
            function(student, np.random.default_rng([int(hidden), int(exercise.number), position]))
        except Failure as failure:
            return position, failure
    return None

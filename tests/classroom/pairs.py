"""Two errors at once, and what their bank takes them for: python tests/classroom/pairs.py lstm"""

import importlib
import sys
from itertools import combinations

import numpy as np
from tqdm import tqdm

from numpylstm.classroom.naming import PROBLEMS, SAME, _generators, fingerprint


def combinable(module):
    """All pairs of errors that can be made at once."""
    return [(a, b) for a, b in combinations(module.ERRORS, 2) if not module.SPOT[a] & module.SPOT[b]]


class Singles:
    """What every error alone makes of the problems, to compare with all of them at once, as a Bank does."""

    def __init__(self, module):
        self.module, self.names = module, [*module.ERRORS, "right"]
        runs = [(name,) for name in module.ERRORS] + [()]
        rows = [[self._row(problem, errors) for errors in runs] for problem in range(PROBLEMS)]
        self.values = [np.array([value for value, _ in row]) for row in rows]
        self.scales = [np.array([scale for _, scale in row]) for row in rows]

    def taken_for(self, *errors):
        """The single errors, or "right", that these together cannot be told from."""
        same = np.ones(len(self.names), bool)
        for problem in range(PROBLEMS):
            value, scale = self._row(problem, errors)
            limits = SAME * np.maximum(self.scales[problem], scale)
            same &= (np.abs(self.values[problem] - value) <= limits).all(axis=1)
            if not same.any():
                break
        return [self.names[index] for index in np.flatnonzero(same)]

    def _row(self, problem, errors):
        tensors = self.module.run(*errors)(_generators()[problem])
        numbers = np.array(list(fingerprint(tensors).values()))
        scale = np.maximum(numbers[:, :1], 1e-4 * numbers[:, 0].max())
        return numbers.ravel(), np.broadcast_to(scale, numbers.shape).ravel()


if __name__ == "__main__":
    module = importlib.import_module(f"banks.{sys.argv[1]}")
    singles, pairs = Singles(module), combinable(module)
    for pair in tqdm(pairs):
        for name in singles.taken_for(*pair):
            tqdm.write(f"{pair}: {name!r},")
    print(f"{len(pairs)} pairs")

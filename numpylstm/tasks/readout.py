"""A linear read-out, set to its optimum.

Once the recurrent part of a network stands, the best linear layer on top of it is known exactly: least
squares. Gradient descent gets there only slowly where hidden states resemble each other, as they do.
"""

import numpy as np

from ..layers import Dense


def refit(readout: Dense, states: np.ndarray, wanted: np.ndarray, share: float = 1e-8) -> None:
    """Set the weights and bias of a linear Dense layer by ridge regression.

    Args:
        readout: a layer (H -> O) without activation; its W and b are overwritten.
        states: (n, H) what the layer sees.
        wanted: (n, O) what it should say.
        share: the ridge, as a share of the states' mean power. It keeps the weights from growing where the
            states hardly differ: large weights would amplify the rounding of float32.
    """
    ones = np.ones((len(states), 1))
    columns = np.concatenate([states, ones], axis=1, dtype=float)
    gram = columns.T @ columns
    ridge = share * np.trace(gram) / len(gram) * np.eye(len(gram))
    solution = np.linalg.solve(gram + ridge, columns.T @ wanted.astype(float))
    readout.params["W"][...] = solution[:-1].T
    readout.params["b"][...] = solution[-1]

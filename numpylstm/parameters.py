"""One flat vector with named views into it.

A network keeps all its parameters in one vector `theta` and all its gradients in one vector `grad`.
An optimizer then needs no dictionary and no loop over layers, and a layer still sees matrices with
names: `params["W_h"]` is a view, so writing into either writes into both.
"""

from collections.abc import Mapping
from math import prod

import numpy as np

Shapes = Mapping[str, tuple[int, ...]]


def size_of(shapes: Shapes) -> int:
    """Number of elements that parameters of these shapes take together."""
    return sum(prod(shape) for shape in shapes.values())


class Views(dict[str, np.ndarray]):
    """Named views into a vector. Assigning to a name writes into the view: it must not come loose."""

    def __setitem__(self, name: str, value: np.ndarray) -> None:
        self[name][...] = value


def views(vector: np.ndarray, shapes: Shapes) -> Views:
    """Cut a flat vector into named arrays, in the order of `shapes`, without copying.

    Args:
        vector: (n,) with n = size_of(shapes).
        shapes: the shape of each parameter by its name.

    Raises:
        ValueError: the vector has another number of elements.
    """
    if vector.shape != (size_of(shapes),):
        raise ValueError(f"expected a vector of {size_of(shapes)} parameters, got shape {vector.shape}")
    named, start = [], 0
    for name, shape in shapes.items():
        stop = start + prod(shape)
        named.append((name, vector[start:stop].reshape(shape)))
        start = stop
    return Views(named)

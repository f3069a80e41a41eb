"""Activation functions, each with its derivative directly below, written from the output.

Every backward takes the output `y` and the gradient `dy` and returns the gradient by the
pre-activation `a`. Nothing else has to be kept from the forward pass.

All of them are complex-safe, so that the complex step can differentiate through them: sigmoid goes
through tanh (no overflow either), and what has to branch branches on the real part.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


def identity(a: np.ndarray) -> np.ndarray:
    return a


def identity_backward(y: np.ndarray, dy: np.ndarray) -> np.ndarray:
    return dy


def sigmoid(a: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-a)), as (1 + tanh(a / 2)) / 2, which cannot overflow; right to an absolute 1e-16."""
    y = np.tanh(0.5 * a)
    y *= 0.5  # in place, here and below: fresh memory costs more than the arithmetic
    y += 0.5
    return y


def sigmoid_backward(y: np.ndarray, dy: np.ndarray) -> np.ndarray:
    da = dy * y
    da *= 1 - y
    return da


def tanh(a: np.ndarray) -> np.ndarray:
    return np.tanh(a)


def tanh_backward(y: np.ndarray, dy: np.ndarray) -> np.ndarray:
    return dy * (1 - y * y)


def relu(a: np.ndarray) -> np.ndarray:
    return np.where(a.real > 0, a, np.zeros_like(a))


def relu_backward(y: np.ndarray, dy: np.ndarray) -> np.ndarray:
    return np.where(y.real > 0, dy, np.zeros_like(dy))


def softmax(a: np.ndarray) -> np.ndarray:
    """exp(a) / sum(exp(a)) over the last axis. Subtracting the maximum changes nothing but overflow."""
    e = np.exp(a - a.real.max(axis=-1, keepdims=True))
    e /= e.sum(axis=-1, keepdims=True)
    return e


def softmax_backward(y: np.ndarray, dy: np.ndarray) -> np.ndarray:
    return y * (dy - (dy * y).sum(axis=-1, keepdims=True))


class ActivationFunction(NamedTuple):
    """A function of the pre-activation, and its backward from the output."""

    forward: Callable[[np.ndarray], np.ndarray]
    backward: Callable[[np.ndarray, np.ndarray], np.ndarray]


ACTIVATIONS = {
    "identity": ActivationFunction(identity, identity_backward),
    "sigmoid": ActivationFunction(sigmoid, sigmoid_backward),
    "tanh": ActivationFunction(tanh, tanh_backward),
    "relu": ActivationFunction(relu, relu_backward),
    "softmax": ActivationFunction(softmax, softmax_backward),
}


def get_activation(name: str | None) -> ActivationFunction:
    """The pair (forward, backward) of a name; None means identity.

    Raises:
        ValueError: no activation has this name.
    """
    try:
        return ACTIVATIONS["identity" if name is None else name]
    except (KeyError, TypeError):
        raise ValueError(f"expected an activation of {', '.join(ACTIVATIONS)}, got {name!r}") from None

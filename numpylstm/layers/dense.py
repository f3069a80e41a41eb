"""Fully connected layer, the activation layer, and the MLP made of them.

    y = act(a),  a = W x + b                da = dy act'(a), written from the output y
                                            dW = sum da x^T,  db = sum da,  dx = W^T da

Both treat the last axis as features and every other axis alike, so they serve a sequence (T, B, D) as
well as a batch (B, D).
"""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ..activations import get_activation
from ..threads import threads_for
from .base import StatelessLayer
from .buffers import Buffers
from .checks import check_cache, check_members, check_size, compute_dtype, mask_steps, real_steps
from .dropout import Dropout
from .inference import swap_features
from .initialization import check_init, glorot, pytorch_uniform
from .products import Gradient
from .sequential import Sequential
from .state import check_state


class DenseCache(NamedTuple):
    x: np.ndarray  # (..., D, B)
    y: np.ndarray  # (..., B, O)
    real: np.ndarray | None  # (T, B, 1) booleans: steps that are no padding


class Dense(StatelessLayer):
    """y = act(W x + b), x (..., B, D) -> y (..., B, O).

    Args:
        input_size, output_size: D, O.
        bias: whether there is a bias b.
        activation: "sigmoid", "tanh", "relu", "softmax", or None for none.
        init: "default" or "tensorflow" (Glorot), "pytorch" (uniform ±1/sqrt(D)) or "zeros".
        seed: whole number or Generator for the starting values; None draws fresh ones.

    Attributes:
        params: "W" (O, D), "b" (O,).
    """

    options = ("input_size", "output_size", "bias", "activation", "init")

    def __init__(
        self,
        input_size: int,
        output_size: int,
        *,
        bias: bool = True,
        activation: str | None = None,
        init: str = "default",
        dtype: Any = float,
        seed: int | np.random.Generator | None = None,
    ) -> None:
        self.input_size = check_size("input_size", input_size)
        self.output_size = check_size("output_size", output_size)
        get_activation(activation)
        self.bias, self.activation, self.init = bool(bias), activation, check_init(init)
        shapes: dict[str, tuple[int, ...]] = {"W": (self.output_size, self.input_size)}
        if bias:
            shapes["b"] = (self.output_size,)
        self._buffers = Buffers()
        super().__init__(shapes, dtype)
        self.initialize(np.random.default_rng(seed))

    def initialize(self, rng: np.random.Generator) -> None:
        """Glorot weights and zero biases, or with `init="pytorch"` all uniform within ±1/sqrt(D)."""
        self.theta[...] = 0
        if self.init == "pytorch":
            self.theta[...] = pytorch_uniform(rng, self.theta.shape, self.input_size)
        elif self.init in ("default", "tensorflow"):
            self.params["W"][...] = glorot(rng, self.output_size, self.input_size)

    def forward(
        self,
        x: np.ndarray,
        state: Any = None,
        lengths: Any = None,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[np.ndarray, tuple[()], DenseCache]:
        """x (..., B, D) -> y (..., B, O)."""
        x, real = self._check(x, state, lengths, self.input_size)
        # On the transpose: sequences lie as (T, features, B) between the layers, and so they stay.
        kept = self._buffers.empty(x.swapaxes(-1, -2).shape, x.dtype)
        np.copyto(kept, x.swapaxes(-1, -2))  # the caller may use the memory of x again before backward
        a = self._buffers.empty((*x.shape[:-2], self.output_size, x.shape[-2]), x.dtype)
        with threads_for(self.params["W"].size * x.shape[-2]):
            np.matmul(self.params["W"], kept, a)
        if self.bias:
            a += self.params["b"][:, None]
        y = mask_steps(get_activation(self.activation).forward(a.swapaxes(-1, -2)), real)
        # The cache keeps a y of its own where its values are needed: the caller may write into the other.
        return y, (), DenseCache(kept, y.copy("K") if self.activation else y, real)

    def backward(
        self, dy: np.ndarray, cache: DenseCache, dstate: Any = None, need_dx: bool = True
    ) -> tuple[Any, tuple[()]]:
        """dy (..., B, O) -> dx (..., B, D), None without `need_dx`; adds into `grads`."""
        x, y, real = check_cache(cache, DenseCache, self)
        dy = self._check_dy(dy, y.shape, real)
        da = get_activation(self.activation).backward(y, dy).swapaxes(-1, -2)
        dx = self._buffers.empty(x.shape, np.result_type(da, self.dtype)) if need_dx else None
        one_step = (None,) * (3 - x.ndim)  # a batch (B, D) is a sequence of one step
        with threads_for(self.params["W"].size * x.shape[-1]):
            gradient = Gradient(da[one_step], self._buffers)
            self.grads["W"] += gradient.by_weights(x[one_step])
            if dx is not None:
                gradient.by_input(self.params["W"], dx[one_step])
        if self.bias:
            self.grads["b"] += gradient.by_bias()
        return None if dx is None else dx.swapaxes(-1, -2), ()

    def _kept_per_step(self) -> int:
        return self.input_size + self.output_size

    def _runner(self, x: np.ndarray, state: Any) -> "DenseRunner":
        check_state(state, ())
        self._check_x(swap_features(x), self.input_size)
        return DenseRunner(self)


class DenseRunner:
    """Runs a Dense layer on a sequence."""

    state = ()

    def __init__(self, dense: Dense) -> None:
        self.W = dense.params["W"].copy()
        self.b = dense.params["b"][:, None].copy() if dense.bias else None
        self.activation = None if dense.activation is None else get_activation(dense.activation).forward

    def run(self, x: np.ndarray, lengths: np.ndarray | None = None) -> np.ndarray:
        """x (T, D, B) -> y (T, O, B)."""
        real = None if lengths is None else real_steps(lengths, len(x))[:, None, :]
        x = mask_steps(x, real)  # before the cast: padding may hold anything
        x = x.astype(compute_dtype(self.W.dtype, x), copy=False)
        y = np.matmul(self.W, x)
        if self.b is not None:
            y += self.b
        if self.activation is not None:
            y = self.activation(y.swapaxes(1, 2)).swapaxes(1, 2)
        return mask_steps(y, real)

    def step(self, x: np.ndarray) -> np.ndarray:
        """A single step x (D, B) -> (O, B)."""
        if x.dtype != self.W.dtype:
            return self.run(x[None])[0]
        y = self.W.dot(x)
        if self.b is not None:
            y = np.add(y, self.b)
        return y if self.activation is None else self.activation(y.T).T


class Activation(StatelessLayer):
    """y = act(x) for "sigmoid", "tanh", "relu" or "softmax" (over the last axis)."""

    options = ("name",)

    def __init__(self, name: str, *, dtype: Any = float) -> None:
        get_activation(name)
        self.name = name
        super().__init__({}, dtype)

    def forward(
        self,
        x: np.ndarray,
        state: Any = None,
        lengths: Any = None,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[np.ndarray, tuple[()], tuple[np.ndarray, np.ndarray | None]]:
        """x (T, B, D) or (B, D) -> y of the same shape."""
        x, real = self._check(x, state, lengths, None)
        y = mask_steps(get_activation(self.name).forward(x), real)
        return (y.copy() if y is x else y), (), (y.copy(), real)  # the caller may write into x and y

    def backward(self, dy: np.ndarray, cache: Any, dstate: Any = None) -> tuple[np.ndarray, tuple[()]]:
        y, real = check_members(cache, 2, self)
        dy = self._check_dy(dy, y.shape, real)
        return get_activation(self.name).backward(y, dy.copy()), ()


def MLP(
    *sizes: int,
    activation: str = "relu",
    output_activation: str | None = None,
    dropout: float = 0.0,
    init: str = "default",
    dtype: Any = float,
    seed: int | np.random.Generator | None = None,
) -> Sequential:
    """A multi-layer perceptron in one line: `MLP(784, 512, 10, activation="relu")`.

    Args:
        sizes: input size, hidden sizes, output size.
        activation, output_activation: of the hidden layers and of the last one.
        dropout: share of each hidden layer's outputs dropped in training.
        init, dtype, seed: as for Dense.

    Returns:
        A Sequential of Dense layers, with Dropout between them if asked for.
    """
    if len(sizes) < 2:
        raise ValueError(f"expected an input size and an output size at least, got {sizes}")
    layers: list[Any] = []
    for index, (input_size, output_size) in enumerate(pairwise(sizes)):
        last = index == len(sizes) - 2
        act = output_activation if last else activation
        layers.append(Dense(input_size, output_size, activation=act, init=init))
        if dropout and not last:
            layers.append(Dropout(dropout))
    return Sequential(*layers, dtype=dtype, seed=np.random.default_rng(seed))

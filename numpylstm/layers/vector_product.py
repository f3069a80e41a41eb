"""Neurons whose numbers are 3-vectors, multiplied by the cross product (Fan et al. 2017).

Fan, Chan, Yang & Jang, "Music signal processing using vector product neural networks", arXiv:1706.09555; for
other products in more dimensions their "Backpropagation with N-D vector-valued neurons using arbitrary
bilinear products", IEEE TNNLS 2020, doi:10.1109/TNNLS.2019.2933882.

Input x_j, weight W_ij, bias b_i and output y_i are vectors of three components:

    a_i = sum_j W_ij × x_j + b_i                    y_i = act(a_i), component by component

Written out by components k = 0, 1, 2, with W_k (H, D) and indices that go round from 2 to 0:

    a_k = W_{k+1} x_{k+2} - W_{k+2} x_{k+1} + b_k

    dW_{k+1} += da_k x_{k+2}^T      dW_{k+2} -= da_k x_{k+1}^T      db_k = da_k
    dx_{k+2} += W_{k+1}^T da_k      dx_{k+1} -= W_{k+2}^T da_k

So 3 D numbers become 3 H with 3 H D weights, a third of a Dense layer's. (One product with all 3 x 3 blocks,
three of them zeros, would take half as long again.)
"""

from typing import Any, NamedTuple

import numpy as np

from ..activations import get_activation
from ..threads import threads_for
from .base import StatelessLayer
from .buffers import Buffers
from .checks import check_cache, check_size, mask_steps
from .inference import Runner
from .initialization import check_init, pytorch_uniform
from .products import Gradient

ROUND = ((0, 1, 2), (1, 2, 0), (2, 0, 1))
"""k, k + 1, k + 2, round from 2 to 0."""


class VectorProductCache(NamedTuple):
    x: np.ndarray  # (..., 3D, B)
    y: np.ndarray  # (..., B, 3H)
    real: np.ndarray | None  # (T, B, 1) booleans: steps that are no padding


class VectorProduct(StatelessLayer):
    """y = act(W × x + b), x (..., B, 3D) -> y (..., B, 3H).

    The three components stand side by side: first component 0 of all vectors, then 1, then 2. That is what
    `Context(D, 1, 1)` makes of a frame and its two neighbours, and `Colour` of magnitudes.

    Args:
        input_size, output_size: D, H, counted in vectors.
        bias: whether there is a bias b.
        activation: "sigmoid", "tanh", "relu", "softmax", or None for none.
        init: "default" or "tensorflow" (Glorot), "pytorch" (uniform ±1/sqrt(2D)) or "zeros".
        seed: whole number or Generator for the starting values; None draws fresh ones.

    Attributes:
        params: "W" (3, H, D), "b" (3, H).
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
        shapes: dict[str, tuple[int, ...]] = {"W": (3, self.output_size, self.input_size)}
        if bias:
            shapes["b"] = (3, self.output_size)
        self._buffers = Buffers()
        super().__init__(shapes, dtype)
        self.initialize(np.random.default_rng(seed))

    def initialize(self, rng: np.random.Generator) -> None:
        """Glorot's uniform weights and zero biases, or with `init="pytorch"` all uniform within ±1/sqrt(2D).

        Each component of a sums two products for each vector that comes in, and each of x goes into two for
        each that comes out: the fans are 2D and 2H.
        """
        H, D = self.output_size, self.input_size
        self.theta[...] = 0
        if self.init == "pytorch":
            self.theta[...] = pytorch_uniform(rng, self.theta.shape, 2 * D)
        elif self.init in ("default", "tensorflow"):
            limit = np.sqrt(6 / (2 * D + 2 * H))
            self.params["W"][...] = rng.uniform(-limit, limit, (3, H, D))

    def forward(
        self,
        x: np.ndarray,
        state: Any = None,
        lengths: Any = None,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[np.ndarray, tuple[()], VectorProductCache]:
        """x (..., B, 3D) -> y (..., B, 3H)."""
        x, real = self._check(x, state, lengths, 3 * self.input_size)
        W, B = self.params["W"], x.shape[-2]
        # On the transpose: sequences lie as (T, features, B) between the layers, and so they stay.
        kept = self._buffers.empty(x.swapaxes(-1, -2).shape, x.dtype)
        np.copyto(kept, x.swapaxes(-1, -2))  # the caller may use the memory of x again before backward
        a = self._buffers.empty((*x.shape[:-2], 3 * self.output_size, B), x.dtype)
        x_k, a_k = components(kept), components(a)
        product = self._buffers.empty(a_k[0].shape, a.dtype)
        with threads_for(W[0].size * B):
            for k, k1, k2 in ROUND:
                np.matmul(W[k1], x_k[k2], a_k[k])
                np.matmul(W[k2], x_k[k1], product)
                np.subtract(a_k[k], product, a_k[k])
        if self.bias:
            a += self.params["b"].reshape(-1, 1)
        y = mask_steps(get_activation(self.activation).forward(a.swapaxes(-1, -2)), real)
        # The cache keeps a y of its own where its values are needed: the caller may write into the other.
        return y, (), VectorProductCache(kept, y.copy("K") if self.activation else y, real)

    def backward(
        self, dy: np.ndarray, cache: VectorProductCache, dstate: Any = None, need_dx: bool = True
    ) -> tuple[Any, tuple[()]]:
        """dy (..., B, 3H) -> dx (..., B, 3D), None without `need_dx`; adds into `grads`."""
        x, y, real = check_cache(cache, VectorProductCache, self)
        dy = self._check_dy(dy, y.shape, real)
        da = get_activation(self.activation).backward(y, dy).swapaxes(-1, -2)
        dx = np.zeros(x.shape, np.result_type(da, self.dtype)) if need_dx else None
        one_step = (None,) * (3 - x.ndim)  # a batch (B, 3D) is a sequence of one step
        W, dW = self.params["W"], self.grads["W"]
        x_k, da_k = components(x[one_step]), components(da[one_step])
        product = self._buffers.empty(x_k[0].shape, da.dtype)
        with threads_for(W[0].size * x.shape[-1]):
            for k, k1, k2 in ROUND:
                gradient = Gradient(da_k[k], self._buffers)
                dW[k1] += gradient.by_weights(x_k[k2])
                dW[k2] -= gradient.by_weights(x_k[k1])
                if self.bias:
                    self.grads["b"][k] += gradient.by_bias()
                if dx is not None:
                    dx_k = components(dx[one_step])
                    gradient.by_input(W[k1], product)
                    dx_k[k2] += product
                    gradient.by_input(W[k2], product)
                    dx_k[k1] -= product
        return None if dx is None else dx.swapaxes(-1, -2), ()

    def _kept_per_step(self) -> int:
        return 3 * (self.input_size + self.output_size)

    def _runner(self, x: np.ndarray, state: Any) -> Runner:
        return Runner(self.copy(), state)  # a stream keeps the weights it began with


def components(rows: np.ndarray) -> list[np.ndarray]:
    """(..., 3 n, B) -> three views (..., n, B)."""
    return np.split(rows, 3, axis=-2)

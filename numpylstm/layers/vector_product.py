"""Neurons whose numbers are 3-vectors, multiplied by the cross product (Fan et al. 2017).

Fan, Chan, Yang & Jang, "Music signal processing using vector product neural networks", arXiv:1706.09555; for
other products in more dimensions their "Backpropagation with N-D vector-valued neurons using arbitrary
bilinear products", IEEE TNNLS 2020, doi:10.1109/TNNLS.2019.2933882.

Input x_j, weight W_ij, bias b_i and output y_i are vectors of three components:

    a_i = sum_j W_ij × x_j + b_i                    y_i = act(a_i), component by component

A cross product is a linear map of x_j, so the three components of all a together are one matrix product:

    [a_0]   [   0  -W_2   W_1 ] [x_0]
    [a_1] = [  W_2    0  -W_0 ] [x_1] + b           W_k (H, D): component k of all weights
    [a_2]   [ -W_1   W_0    0 ] [x_2]

Backward, with M that matrix:

    dM = sum da x^T,  dW_0 = dM_21 - dM_12,  dW_1 = dM_02 - dM_20,  dW_2 = dM_10 - dM_01,  dx = M^T da

So 3 D numbers become 3 H with 3 H D weights, a third of a Dense layer's. Three of the nine blocks are zeros:
one product with them is quicker than six without them.
"""

from typing import Any, NamedTuple

import numpy as np

from ..activations import get_activation
from ..threads import threads_for
from .base import StatelessLayer
from .buffers import Buffers
from .checks import check_cache, check_size, mask_steps
from .dense import DenseRunner
from .inference import swap_features
from .initialization import check_init, pytorch_uniform
from .products import Gradient
from .state import check_state


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

    def _matrix(self) -> np.ndarray:
        """M (3H, 3D) of the three components together."""
        H, D = self.output_size, self.input_size
        W_0, W_1, W_2 = self.params["W"]
        M = np.zeros((3, H, 3, D), self.dtype)
        M[2, :, 1], M[1, :, 2] = W_0, -W_0
        M[0, :, 2], M[2, :, 0] = W_1, -W_1
        M[1, :, 0], M[0, :, 1] = W_2, -W_2
        return M.reshape(3 * H, 3 * D)

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
        M = self._matrix()
        # On the transpose: sequences lie as (T, features, B) between the layers, and so they stay.
        kept = self._buffers.empty(x.swapaxes(-1, -2).shape, x.dtype)
        np.copyto(kept, x.swapaxes(-1, -2))  # the caller may use the memory of x again before backward
        a = self._buffers.empty((*x.shape[:-2], len(M), x.shape[-2]), x.dtype)
        with threads_for(M.size * x.shape[-2]):
            np.matmul(M, kept, a)
        if self.bias:
            a += self.params["b"].reshape(-1, 1)
        y = mask_steps(get_activation(self.activation).forward(a.swapaxes(-1, -2)), real)
        return y, (), VectorProductCache(kept, y.copy("K") if self.activation else y, real)

    def backward(
        self, dy: np.ndarray, cache: VectorProductCache, dstate: Any = None, need_dx: bool = True
    ) -> tuple[Any, tuple[()]]:
        """dy (..., B, 3H) -> dx (..., B, 3D), None without `need_dx`; adds into `grads`."""
        x, y, real = check_cache(cache, VectorProductCache, self)
        H, D = self.output_size, self.input_size
        dy = self._check_dy(dy, y.shape, real)
        da = get_activation(self.activation).backward(y, dy).swapaxes(-1, -2)
        dx = self._buffers.empty(x.shape, np.result_type(da, self.dtype)) if need_dx else None
        one_step = (None,) * (3 - x.ndim)  # a batch (B, 3D) is a sequence of one step
        with threads_for(9 * H * D * x.shape[-1]):
            gradient = Gradient(da[one_step], self._buffers)
            dM = gradient.by_weights(x[one_step]).reshape(3, H, 3, D)
            if dx is not None:
                gradient.by_input(self._matrix(), dx[one_step])
        dW = self.grads["W"]
        dW[0] += dM[2, :, 1] - dM[1, :, 2]
        dW[1] += dM[0, :, 2] - dM[2, :, 0]
        dW[2] += dM[1, :, 0] - dM[0, :, 1]
        if self.bias:
            self.grads["b"] += gradient.by_bias().reshape(3, H)
        return None if dx is None else dx.swapaxes(-1, -2), ()

    def _kept_per_step(self) -> int:
        return 3 * (self.input_size + self.output_size)

    def _runner(self, x: np.ndarray, state: Any) -> DenseRunner:
        check_state(state, ())
        self._check_x(swap_features(x), 3 * self.input_size)
        b = self.params["b"].reshape(-1, 1).copy() if self.bias else None
        return DenseRunner(self._matrix(), b, self.activation)

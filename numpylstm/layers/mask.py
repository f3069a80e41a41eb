"""A mask that shares the input out to two sources (Huang et al. 2014).

The layer inside hears the mixture x (F features a step, such as the magnitudes of a spectrum) and scores each
feature twice, a = [a1, a2]. The mask m says how much of the feature is the first source, the rest is the
second:

    ratio      m = |a1| / (|a1| + |a2|)         |a| = sqrt(a^2 + eps^2)
    softmax    m = s(a1 - a2)                   s = sigmoid: the first of a softmax over the two scores

    y1 = m x                                    dm  = (dy1 - dy2) x
    y2 = x - y1                                 dx  = m dy1 + (1 - m) dy2, and what the layer inside passes on

Published is |a1| / (|a1| + |a2| + eps). With eps inside the root it does the same work, and more: nothing is
divided by zero, the two masks sum to 1 all the same (each is 1/2 where both scores are 0), and |a| has a
derivative everywhere, so the complex step goes through it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..activations import sigmoid
from .base import Layer
from .checks import check_array, check_cache, check_lengths, compute_dtype, mask_steps, real_steps
from .containers import Container
from .inference import swap_features


def ratio(a1: np.ndarray, a2: np.ndarray, eps: float) -> np.ndarray:
    size1, size2 = _size(a1, eps), _size(a2, eps)
    return size1 / (size1 + size2)


def ratio_backward(
    a1: np.ndarray, a2: np.ndarray, m: np.ndarray, dm: np.ndarray, eps: float
) -> tuple[np.ndarray, np.ndarray]:
    """The gradients by both scores; d|a| = (a / |a|) da."""
    size1, size2 = _size(a1, eps), _size(a2, eps)
    dm = dm / (size1 + size2)
    return dm * (1 - m) * (a1 / size1), -dm * m * (a2 / size2)


def _size(a: np.ndarray, eps: float) -> np.ndarray:
    """|a|."""
    square = a * a
    square += eps * eps
    return np.sqrt(square, square)


def softmax(a1: np.ndarray, a2: np.ndarray, eps: float) -> np.ndarray:
    return sigmoid(a1 - a2)


def softmax_backward(
    a1: np.ndarray, a2: np.ndarray, m: np.ndarray, dm: np.ndarray, eps: float
) -> tuple[np.ndarray, np.ndarray]:
    da1 = dm * m * (1 - m)
    return da1, -da1


KINDS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    # name: (m from both scores, the gradients by both scores)
    "ratio": (ratio, ratio_backward),
    "softmax": (softmax, softmax_backward),
}


class MaskCache(NamedTuple):
    inner: Any  # of the layer inside
    x: np.ndarray  # (..., B, F)
    a: np.ndarray  # (..., B, 2F)
    m: np.ndarray  # (..., B, F)
    real: np.ndarray | None  # (T, B, 1) booleans: steps that are no padding


class Mask(Container):
    """y = [m x, (1 - m) x]: x (..., B, F) shared out to two sources, y (..., B, 2F).

    Args:
        layer: a layer or network x (..., B, F) -> scores (..., B, 2F).
        kind: "ratio" or "softmax", see above.
        eps: the least that |a| can be, with kind "ratio".
        dtype, seed: as for Sequential.

    The two outputs sum to x, to rounding.
    """

    options = ("kind", "eps")

    def __init__(
        self,
        layer: Layer,
        *,
        kind: str = "ratio",
        eps: float = 1e-8,
        dtype: Any = None,
        seed: int | np.random.Generator | None = None,
    ) -> None:
        if kind not in KINDS:
            raise ValueError(f"expected kind 'ratio' or 'softmax', got {kind!r}")
        # Its square has to be a number in float32 too.
        if not 1e-18 <= eps < np.inf:
            raise ValueError(f"expected eps of at least 1e-18, got {eps!r}")
        self.kind, self.eps = kind, float(eps)
        self._mask, self._mask_backward = KINDS[kind]
        super().__init__((layer,), dtype, seed)

    def forward(
        self,
        x: np.ndarray,
        state: Any = None,
        lengths: Any = None,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[np.ndarray, tuple[Any, ...], MaskCache]:
        """x (..., B, F) -> y (..., B, 2F)."""
        x = check_array("x", x)
        a, state, inner = self.layers[0].forward(x, self._check_state(state, x)[0], lengths, training, rng)
        _check_scores(a.shape, x.shape)
        real = None if lengths is None else real_steps(check_lengths(lengths, x), len(x))[:, :, None]
        # A copy, for the caller may use the memory of x again; it lies in memory as the scores do.
        kept = np.empty_like(a[..., : x.shape[-1]])
        np.copyto(kept, mask_steps(x, real), casting="same_kind")
        m = self._mask(*np.split(a, 2, axis=-1), self.eps)
        return _shared_out(kept, m, axis=-1), (state,), MaskCache(inner, kept, a, m, real)

    def backward(
        self, dy: np.ndarray, cache: MaskCache, dstate: Any = None
    ) -> tuple[np.ndarray, tuple[Any, ...]]:
        """dy (..., B, 2F) -> dx (..., B, F) and the gradient by the initial state; adds into `grad`."""
        da, dx_here = self._backward(dy, cache)
        dx, dstate = self.layers[0].backward(da, cache.inner, self._check_state(dstate, dy, "dstate")[0])
        return dx + dx_here, (dstate,)

    def add_gradients(self, dy: np.ndarray, cache: MaskCache, dstate: Any = None) -> None:
        da, _ = self._backward(dy, cache)
        self.layers[0].add_gradients(da, cache.inner, self._check_state(dstate, dy, "dstate")[0])

    def _backward(self, dy: np.ndarray, cache: MaskCache) -> tuple[np.ndarray, np.ndarray]:
        """The gradients by the scores, and by x as it is shared out."""
        _, x, a, m, real = check_cache(cache, MaskCache, self)
        dy = check_array("dy", dy)
        if dy.shape != a.shape:
            raise ValueError(f"expected dy of shape {a.shape}, got {dy.shape}")
        dy = mask_steps(dy, real).astype(compute_dtype(a.dtype, dy), copy=False)
        dy1, dy2 = np.split(dy, 2, axis=-1)
        difference = dy1 - dy2
        da = self._mask_backward(*np.split(a, 2, axis=-1), m, difference * x, self.eps)
        return np.concatenate(da, axis=-1), dy2 + m * difference

    def _runner(self, x: np.ndarray, state: Any) -> "MaskRunner":
        return MaskRunner(self, x, self._check_state(state, swap_features(x))[0])


class MaskRunner:
    """Runs the layer inside by its own runner and shares its input out."""

    def __init__(self, layer: Mask, x: np.ndarray, state: Any) -> None:
        self.mask, self.eps = layer._mask, layer.eps
        self.runner = layer.layers[0]._runner(x, state)

    @property
    def state(self) -> tuple[Any, ...]:
        return (self.runner.state,)

    def run(self, x: np.ndarray, lengths: np.ndarray | None = None) -> np.ndarray:
        """x (T, F, B) -> y (T, 2F, B)."""
        a = self.runner.run(x, lengths)
        _check_scores(a.swapaxes(1, 2).shape, x.swapaxes(1, 2).shape)
        real = None if lengths is None else real_steps(lengths, len(x))[:, None, :]
        m = self.mask(*np.split(a, 2, axis=1), self.eps)
        return _shared_out(mask_steps(x, real).astype(m.dtype, copy=False), m, axis=1)

    def step(self, x: np.ndarray) -> np.ndarray:
        """A single step x (F, B) -> (2F, B)."""
        return self.run(x[None])[0]


def _shared_out(x: np.ndarray, m: np.ndarray, axis: int) -> np.ndarray:
    y1 = m * x
    return np.concatenate([y1, x - y1], axis=axis)


def _check_scores(got: tuple[int, ...], x: tuple[int, ...]) -> None:
    *rest, features = x
    if got != (*rest, 2 * features):
        raise ValueError(
            f"expected a layer with two scores {(*rest, 2 * features)} for an input {x}, got {got}"
        )

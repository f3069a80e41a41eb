"""Noise that acts in training only: Dropout and GaussianNoise.

Both draw from the Generator handed to `forward(rng=...)`, or else from their own, which their network
seeds. What was drawn is in the cache, so backward repeats nothing.
"""

from typing import Any

import numpy as np

from .base import StatelessLayer
from .checks import check_members, check_probability


class Dropout(StatelessLayer):
    """y = x m / (1 - p), with m = 0 with probability p, else 1 (Srivastava et al. 2014).

    Dividing by 1 - p in training leaves nothing to do in prediction.

    Args:
        p: probability of dropping an entry, in [0, 1).
        per_sequence: draw one mask (B, D) for all steps of a sequence (Gal & Ghahramani 2016) instead of
            a new one at every step. The same for the recurrent connection is `recurrent_dropout` of LSTM,
            GRU and RNN.
        seed: whole number or Generator to draw from; None draws fresh masks.
    """

    options = ("p", "per_sequence")

    def __init__(
        self,
        p: float,
        *,
        per_sequence: bool = False,
        dtype: Any = float,
        seed: int | np.random.Generator | None = None,
    ) -> None:
        self.p, self.per_sequence = check_probability("p", p), bool(per_sequence)
        super().__init__({}, dtype)
        self.initialize(np.random.default_rng(seed))

    def initialize(self, rng: np.random.Generator) -> None:
        self._rng = rng.spawn(1)[0]

    def _draws(self) -> bool:
        return self.p > 0

    def forward(
        self,
        x: np.ndarray,
        state: Any = None,
        lengths: Any = None,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[np.ndarray, tuple[()], Any]:
        """x (T, B, D) or (B, D) -> y of the same shape; x itself, copied, unless `training`."""
        x, real = self._check(x, state, lengths, None)
        if not training or self.p == 0:
            return x.copy(), (), (None, x.shape, real)
        shape = (1, *x.shape[1:]) if self.per_sequence and x.ndim == 3 else x.shape
        kept = (self._rng if rng is None else rng).random(shape) >= self.p
        mask = kept.astype(x.real.dtype) / (1 - self.p)
        return x * mask, (), (mask, x.shape, real)

    def backward(self, dy: np.ndarray, cache: Any, dstate: Any = None) -> tuple[np.ndarray, tuple[()]]:
        mask, shape, real = check_members(cache, 3, self)
        dy = self._check_dy(dy, shape, real)
        return (dy.copy() if mask is None else dy * mask), ()


class GaussianNoise(StatelessLayer):
    """y = x + sigma n with n standard normal, in training only (An 1996; Graves 2013, section 4).

    Args:
        sigma: standard deviation, in units of x. A training loop may lower it from update to update.
        seed: whole number or Generator to draw from; None draws fresh noise.
    """

    options = ("sigma",)

    def __init__(
        self, sigma: float, *, dtype: Any = float, seed: int | np.random.Generator | None = None
    ) -> None:
        if not sigma >= 0:
            raise ValueError(f"expected sigma of at least 0, got {sigma!r}")
        self.sigma = float(sigma)
        super().__init__({}, dtype)
        self.initialize(np.random.default_rng(seed))

    def initialize(self, rng: np.random.Generator) -> None:
        self._rng = rng.spawn(1)[0]

    def _draws(self) -> bool:
        return self.sigma > 0

    def forward(
        self,
        x: np.ndarray,
        state: Any = None,
        lengths: Any = None,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[np.ndarray, tuple[()], Any]:
        """x (T, B, D) or (B, D) -> y of the same shape; x itself, copied, unless `training`."""
        x, real = self._check(x, state, lengths, None)
        if not training or self.sigma == 0:
            return x.copy(), (), (x.shape, real)
        noise = self.sigma * (self._rng if rng is None else rng).standard_normal(x.shape)
        y = x + noise.astype(x.real.dtype)
        return (y if real is None else np.where(real, y, x)), (), (x.shape, real)

    def backward(self, dy: np.ndarray, cache: Any, dstate: Any = None) -> tuple[np.ndarray, tuple[()]]:
        shape, real = check_members(cache, 2, self)
        return self._check_dy(dy, shape, real).copy(), ()

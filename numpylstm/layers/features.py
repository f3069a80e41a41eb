"""What a network hears in place of bare magnitudes: layers without anything to train.

    Compress         y = log(1 + gain x)
    Standardize      y = (x - mean) / deviation, of each feature
    Context          y_t = [x_{t-before}, ..., x_t, ..., x_{t+after}]
    Colour, Grey     magnitudes in [0, 1] as red, green and blue, and back

As layers they are saved with the network, and gradients pass through them.
"""

import reprlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .base import Layer, StatelessLayer
from .buffers import Buffers
from .checks import (
    check_array,
    check_lengths,
    check_members,
    check_size,
    compute_dtype,
    mask_steps,
    real_steps,
)
from .state import check_state


class Compress(StatelessLayer):
    """y = log(1 + gain x): loudness, about as an ear hears it, in place of magnitude (mu-law's curve).

    Below 0 it goes on as -log(1 - gain x).

    Args:
        gain: above 0. Magnitudes far below 1 / gain pass unbent, those far above become logarithms.
    """

    options = ("gain",)

    def __init__(self, gain: float = 10.0, *, dtype: Any = float) -> None:
        if not 0 < gain < np.inf:
            raise ValueError(f"expected a gain above 0, got {gain!r}")
        self.gain = float(gain)
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
        sign = np.where(x.real < 0, x.real.dtype.type(-1), x.real.dtype.type(1))
        u = sign * x
        u *= self.gain
        u += 1
        return sign * np.log(u), (), (u, real)

    def backward(self, dy: np.ndarray, cache: Any, dstate: Any = None) -> tuple[np.ndarray, tuple[()]]:
        u, real = check_members(cache, 2, self)
        return self._check_dy(dy, u.shape, real) * self.gain / u, ()


class Standardize(StatelessLayer):
    """y = (x - mean) / deviation, of each feature: mean 0 and deviation 1 on the data it was fitted to.

    Args:
        input_size: D.
        mean, deviation: D numbers each; 0 and 1 if None, until `fit` sets them.
    """

    # The statistics are options like a size, and no parameters: a file, a copy and another precision keep
    # them as they are, no optimizer and no gradient check ever sees them.
    options = ("input_size", "mean", "deviation")

    def __init__(
        self,
        input_size: int,
        *,
        mean: Sequence[float] | None = None,
        deviation: Sequence[float] | None = None,
        dtype: Any = float,
    ) -> None:
        self.input_size = check_size("input_size", input_size)
        self.mean = self._check_numbers("mean", [0.0] * self.input_size if mean is None else mean)
        self.deviation = self._check_numbers(
            "deviation", [1.0] * self.input_size if deviation is None else deviation
        )
        if min(self.deviation) <= 0:
            raise ValueError(f"expected deviation above 0, got {min(self.deviation)}")
        super().__init__({}, dtype)

    def _check_numbers(self, name: str, values: Any) -> list[float]:
        numbers = np.asarray(values, float)
        if numbers.shape != (self.input_size,) or not np.isfinite(numbers).all():
            raise ValueError(
                f"expected {name} to be {self.input_size} finite numbers, got {reprlib.repr(values)}"
            )
        return numbers.tolist()

    def fit(self, x: np.ndarray, lengths: Any = None) -> None:
        """Take mean and deviation of each feature from x (T, B, D) or (B, D), over all real steps.

        No deviation is taken for less than a ten-thousandth of the largest (as in Open-Unmix): a feature
        that is silent in these data must not become a roar in others.
        """
        x = self._check_x(x, self.input_size)
        if lengths is not None:
            x = x[real_steps(check_lengths(lengths, x), len(x))]
        if not x.size:
            raise ValueError(f"expected x with something in it, got shape {x.shape}")
        axes = tuple(range(x.ndim - 1))
        mean, deviation = x.mean(axes, dtype=float), x.std(axes, dtype=float)
        if not np.isfinite(deviation).all():
            raise ValueError("expected x of finite numbers, got NaN or infinity among them")
        self.mean = mean.tolist()
        self.deviation = np.maximum(deviation, 1e-4 * deviation.max() or 1.0).tolist()

    def forward(
        self,
        x: np.ndarray,
        state: Any = None,
        lengths: Any = None,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[np.ndarray, tuple[()], tuple[np.ndarray, tuple[int, ...], np.ndarray | None]]:
        """x (T, B, D) or (B, D) -> y of the same shape."""
        x, real = self._check(x, state, lengths, self.input_size)
        scale = (1 / np.array(self.deviation)).astype(x.dtype)
        y = x - np.array(self.mean, x.dtype)
        y *= scale
        return mask_steps(y, real), (), (scale, x.shape, real)

    def backward(self, dy: np.ndarray, cache: Any, dstate: Any = None) -> tuple[np.ndarray, tuple[()]]:
        scale, shape, real = check_members(cache, 3, self)
        return self._check_dy(dy, shape, real) * scale, ()

    def __repr__(self) -> str:
        numbers = f"mean={reprlib.repr(self.mean)}, deviation={reprlib.repr(self.deviation)}"
        return f"Standardize(input_size={self.input_size}, {numbers})"


class ContextState(NamedTuple):
    """The frames before the next one, side by side, the oldest first: (B, before D)."""

    frames: np.ndarray


class Context(Layer):
    """y_t = [x_{t-before}, ..., x_t, ..., x_{t+after}]: each frame between its neighbours, the oldest first.

    x (T, B, D) -> y (T, B, (before + 1 + after) D), state (frames,). Beyond a sequence's end there are zeros,
    before its start is the state.

    Args:
        input_size: D.
        before, after: how many frames of the past and of the future. With `after` 0 it can stream.
    """

    options = ("input_size", "before", "after")

    def __init__(self, input_size: int, before: int = 1, after: int = 1, *, dtype: Any = float) -> None:
        self.input_size = check_size("input_size", input_size)
        for name, frames in (("before", before), ("after", after)):
            if isinstance(frames, bool) or not isinstance(frames, int | np.integer) or frames < 0:
                raise ValueError(f"expected {name} in whole frames of at least 0, got {frames!r}")
        self.before, self.after = int(before), int(after)
        self._buffers = Buffers()
        super().__init__({}, dtype)
        self.causal = not after

    def initial_state(self, batch: int) -> ContextState:
        return ContextState(np.zeros((batch, self.before * self.input_size), self.dtype))

    def forward(
        self,
        x: np.ndarray,
        state: Any = None,
        lengths: Any = None,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[np.ndarray, ContextState, tuple[tuple[int, ...], np.ndarray | None]]:
        """x (T, B, D) -> y (T, B, (before + 1 + after) D), and the last frames."""
        x = check_array("x", x)
        if x.ndim != 3 or x.shape[2] != self.input_size:
            raise ValueError(f"expected x of shape (T, B, {self.input_size}), got {x.shape}")
        T, B, D = x.shape
        (frames,) = check_state(state, self.initial_state(B))
        dtype = compute_dtype(self.dtype, x, frames)
        lengths = np.full(B, T) if lengths is None else check_lengths(lengths, x)
        real = real_steps(lengths, T)[:, :, None]
        # All frames there are, as (T, D, B), which is how sequences lie between the layers.
        longer = self._buffers.empty((self.before + T + self.after, D, B), dtype)
        longer[: self.before] = frames.T.reshape(self.before, D, B)
        longer[self.before : self.before + T] = mask_steps(x, real).swapaxes(1, 2)
        longer[self.before + T :] = 0

        width = self.before + 1 + self.after
        y = self._buffers.empty((T, width * D, B), dtype)
        for k in range(width):
            y[:, k * D : (k + 1) * D] = longer[k : k + T]
        np.copyto(y, 0, where=~real.swapaxes(1, 2))
        last = np.take_along_axis(longer, self._last(lengths), axis=0)
        return y.swapaxes(1, 2), ContextState(side_by_side(last)), (x.shape, lengths)

    def backward(self, dy: np.ndarray, cache: Any, dstate: Any = None) -> tuple[np.ndarray, ContextState]:
        """dy (T, B, (before + 1 + after) D) -> dx (T, B, D) and the gradient by the frames before."""
        (T, B, D), lengths = check_members(cache, 2, self)
        width = self.before + 1 + self.after
        dy = check_array("dy", dy)
        if dy.shape != (T, B, width * D):
            raise ValueError(f"expected dy of shape {(T, B, width * D)}, got {dy.shape}")
        (dframes,) = check_state(dstate, self.initial_state(B), "dstate")
        dtype = compute_dtype(self.dtype, dy, dframes)
        real = real_steps(lengths, T)[:, :, None]
        dy = mask_steps(dy, real).astype(dtype, copy=False).swapaxes(1, 2)

        dlonger = np.zeros((self.before + T + self.after, D, B), dtype)
        for k in range(width):
            dlonger[k : k + T] += dy[:, k * D : (k + 1) * D]
        last = self._last(lengths)
        dlast = np.take_along_axis(dlonger, last, axis=0) + dframes.T.reshape(self.before, D, B)
        np.put_along_axis(dlonger, last, dlast, axis=0)
        dx = mask_steps(dlonger[self.before : self.before + T].swapaxes(1, 2), real)
        return dx, ContextState(side_by_side(dlonger[: self.before]))

    def _last(self, lengths: np.ndarray) -> np.ndarray:
        """(before, 1, B): where in all frames there are, those before the first, each sequence's last are."""
        return (np.arange(self.before)[:, None] + lengths)[:, None, :]


def side_by_side(frames: np.ndarray) -> np.ndarray:
    """(n, D, B) -> (B, n D), a copy."""
    n, D, B = frames.shape
    return np.array(frames.transpose(2, 0, 1), order="C").reshape(B, n * D)


class Colour(StatelessLayer):
    """y = [r, g, b]: a magnitude in [0, 1] as a colour, from black over red and yellow to white.

        r = clip(x / n)    g = clip((x - n) / n)    b = clip((x - 2n) / (1 - 2n))        clip: to [0, 1]

    x (..., B, F) -> y (..., B, 3F), all r first, then all g, all b: what a VectorProduct takes. Quiet sounds
    fill the whole of r, so they are as large to the network as loud ones. `Grey` is the inverse. Fan et al.
    2017, arXiv:1706.09555, "spectral coloring".

    Args:
        n: where red is full, above 0 and below 1/2; green is full at 2n.
    """

    options = ("n",)

    def __init__(self, n: float = 0.0938, *, dtype: Any = float) -> None:
        self.n = check_knee(n)
        super().__init__({}, dtype)

    def forward(
        self,
        x: np.ndarray,
        state: Any = None,
        lengths: Any = None,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[np.ndarray, tuple[()], tuple[np.ndarray, np.ndarray | None]]:
        """x (..., B, F) -> y (..., B, 3F)."""
        x, real = self._check(x, state, lengths, None)
        n = self.n
        y = np.concatenate([x / n, (x - n) / n, (x - 2 * n) / (1 - 2 * n)], axis=-1)
        below, above = y.real < 0, y.real > 1
        np.copyto(y, 0, where=below)
        np.copyto(y, 1, where=above)
        return y, (), (below | above, real)

    def backward(self, dy: np.ndarray, cache: Any, dstate: Any = None) -> tuple[np.ndarray, tuple[()]]:
        """dy (..., B, 3F) -> dx (..., B, F)."""
        clipped, real = check_members(cache, 2, self)
        dy = self._check_dy(dy, clipped.shape, real)
        dr, dg, db = np.split(np.where(clipped, np.zeros_like(dy), dy), 3, axis=-1)
        return (dr + dg) / self.n + db / (1 - 2 * self.n), ()


class Grey(StatelessLayer):
    """y = n r + n g + (1 - 2n) b: the magnitude of a colour, x (..., B, 3F) -> y (..., B, F).

    The inverse of `Colour` with the same n, for magnitudes in [0, 1].
    """

    options = ("n",)

    def __init__(self, n: float = 0.0938, *, dtype: Any = float) -> None:
        self.n = check_knee(n)
        super().__init__({}, dtype)

    def forward(
        self,
        x: np.ndarray,
        state: Any = None,
        lengths: Any = None,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[np.ndarray, tuple[()], tuple[tuple[int, ...], np.ndarray | None]]:
        """x (..., B, 3F) -> y (..., B, F)."""
        x, real = self._check(x, state, lengths, None)
        if x.shape[-1] % 3:
            raise ValueError(f"expected x of red, green and blue (..., 3F), got {x.shape}")
        r, g, b = np.split(x, 3, axis=-1)
        return self.n * (r + g) + (1 - 2 * self.n) * b, (), (r.shape, real)

    def backward(self, dy: np.ndarray, cache: Any, dstate: Any = None) -> tuple[np.ndarray, tuple[()]]:
        """dy (..., B, F) -> dx (..., B, 3F)."""
        shape, real = check_members(cache, 2, self)
        dy = self._check_dy(dy, shape, real)
        return np.concatenate([self.n * dy, self.n * dy, (1 - 2 * self.n) * dy], axis=-1), ()


def check_knee(n: Any) -> float:
    if not 0 < n < 0.5:
        raise ValueError(f"expected n above 0 and below 0.5, got {n!r}")
    return float(n)

"""A spectrum as bands that share their weights: what a network learns in one band it knows in all.

A frame of n bands with E features each lies band after band, x (T, B, n E).

    EachBand        one layer for every band: n B sequences over time
    AcrossBands     one layer from the lowest band to the highest, within each frame: T B sequences over bands
    Pick            features by their numbers: how bins become bands, and bands bins again

One after the other, along time and along bands, they see a whole spectrogram with few weights (dual-path
networks: Y. Luo, Z. Chen and T. Yoshioka, "Dual-path RNN: efficient long sequence modeling for time-domain
single-channel speech separation", ICASSP 2020; with bands: Y. Luo and J. Yu, "Music source separation with
band-split RNN", IEEE/ACM TASLP 31, 2023).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .base import Layer, StatelessLayer
from .checks import check_array, check_lengths, check_members, check_size, mask_steps, real_steps
from .containers import Container
from .state import check_state, map_state


class EachBand(Container):
    """The same layer for every band: x (T, B, n E) -> y (T, B, n O), where the layer makes O features of E.

    Args:
        layer: a layer or network for sequences of E features.
        bands: n.
        dtype, seed: as for Sequential.

    The state is the layer's, of all bands side by side: (B, n H) where the layer's own is (B, H).
    """

    options = ("bands",)

    def __init__(
        self, layer: Layer, bands: int, *, dtype: Any = None, seed: int | np.random.Generator | None = None
    ) -> None:
        self.bands = check_size("bands", bands)
        super().__init__((layer,), dtype, seed)

    def initial_state(self, batch: int) -> tuple[Any, ...]:
        return (self._side_by_side(self.layers[0].initial_state(batch * self.bands), batch),)

    def _side_by_side(self, state: Any, batch: int) -> Any:
        return map_state(lambda s: s.reshape(batch, self.bands * s.shape[1]), state)

    def _one_by_one(self, state: Any, batch: int) -> Any:
        return map_state(lambda s: s.reshape(batch * self.bands, -1), state)

    def _kept_per_step(self) -> int:
        return self.bands * super()._kept_per_step()

    def forward(
        self,
        x: np.ndarray,
        state: Any = None,
        lengths: Any = None,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[np.ndarray, tuple[Any, ...], tuple[Any, tuple[int, int]]]:
        """x (T, B, n E) -> y (T, B, n O)."""
        x = check_bands(x, self.bands)
        T, B, _ = x.shape
        if lengths is not None:
            lengths = np.repeat(check_lengths(lengths, x), self.bands)
        if state is not None:
            (state,) = check_state(state, self.initial_state(B))
            state = self._one_by_one(state, B)
        y, state, inner = self.layers[0].forward(each_band(x, self.bands), state, lengths, training, rng)
        return whole_frames(y, self.bands), (self._side_by_side(state, B),), (inner, (T, B))

    def backward(self, dy: np.ndarray, cache: Any, dstate: Any = None) -> tuple[np.ndarray, tuple[Any, ...]]:
        """dy (T, B, n O) -> dx (T, B, n E) and the gradient by the initial state; adds into `grad`."""
        inner, (T, B) = check_members(cache, 2, self)
        dy = check_dy(dy, self.bands, T, B)
        if dstate is not None:
            (dstate,) = check_state(dstate, self.initial_state(B), "dstate")
            dstate = self._one_by_one(dstate, B)
        dx, dstate = self.layers[0].backward(each_band(dy, self.bands), inner, dstate)
        return whole_frames(dx, self.bands), (self._side_by_side(dstate, B),)

    def _runner(self, x: np.ndarray, state: Any) -> "EachBandRunner":
        return EachBandRunner(self, x, state)


class EachBandRunner:
    """Runs the layer inside by its own runner, on all bands of all sequences."""

    def __init__(self, layer: EachBand, x: np.ndarray, state: Any) -> None:
        self.layer, self.batch = layer, x.shape[-1]
        first = each_band(check_bands(x[:1].swapaxes(1, 2), layer.bands), layer.bands)
        inner = None if state is None else layer._one_by_one(state[0], self.batch)
        self.runner = layer.layers[0]._runner(first.swapaxes(1, 2), inner)

    @property
    def state(self) -> tuple[Any, ...]:
        return (self.layer._side_by_side(self.runner.state, self.batch),)

    def run(self, x: np.ndarray, lengths: np.ndarray | None = None) -> np.ndarray:
        """x (T, n E, B) -> y (T, n O, B)."""
        bands = self.layer.bands
        z = each_band(check_bands(x.swapaxes(1, 2), bands), bands)
        y = self.runner.run(z.swapaxes(1, 2), None if lengths is None else np.repeat(lengths, bands))
        return whole_frames(y.swapaxes(1, 2), bands).swapaxes(1, 2)

    def step(self, x: np.ndarray) -> np.ndarray:
        """A single step x (n E, B) -> (n O, B)."""
        return self.run(x[None])[0]


def each_band(x: np.ndarray, bands: int) -> np.ndarray:
    """(T, B, n E) -> (T, B n, E)."""
    T, B, F = x.shape
    return x.reshape(T, B * bands, F // bands)


def whole_frames(y: np.ndarray, bands: int) -> np.ndarray:
    """(T, B n, O) -> (T, B, n O), the way back."""
    T, BN, O = y.shape
    return y.reshape(T, BN // bands, bands * O)


class AcrossBands(Container):
    """A layer that goes from band to band within each frame: x (T, B, n E) -> y (T, B, n O).

    It remembers nothing from frame to frame, so it may be Bidirectional and the network still stream.

    Args:
        layer: a layer or network for sequences of E features; it starts anew in each frame.
        bands: n.
        dtype, seed: as for Sequential.
    """

    options = ("bands",)

    def __init__(
        self, layer: Layer, bands: int, *, dtype: Any = None, seed: int | np.random.Generator | None = None
    ) -> None:
        self.bands = check_size("bands", bands)
        super().__init__((layer,), dtype, seed)
        self.causal = True

    def initial_state(self, batch: int) -> tuple[()]:
        return ()

    def _kept_per_step(self) -> int:
        return self.bands * super()._kept_per_step()

    def forward(
        self,
        x: np.ndarray,
        state: Any = None,
        lengths: Any = None,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[np.ndarray, tuple[()], tuple[Any, tuple[int, int], np.ndarray | None]]:
        """x (T, B, n E) -> y (T, B, n O)."""
        check_state(state, ())
        x = check_bands(x, self.bands)
        T, B, _ = x.shape
        real = None if lengths is None else real_steps(check_lengths(lengths, x), T)[:, :, None]
        z = across_bands(mask_steps(x, real), self.bands)
        y, _, inner = self.layers[0].forward(z, None, None, training, rng)
        return mask_steps(frames_again(y, T, B), real), (), (inner, (T, B), real)

    def backward(self, dy: np.ndarray, cache: Any, dstate: Any = None) -> tuple[np.ndarray, tuple[()]]:
        """dy (T, B, n O) -> dx (T, B, n E); adds into `grad`."""
        inner, (T, B), real = check_members(cache, 3, self)
        dy = mask_steps(check_dy(dy, self.bands, T, B), real)
        dx, _ = self.layers[0].backward(across_bands(dy, self.bands), inner)
        return mask_steps(frames_again(dx, T, B), real), ()

    def _runner(self, x: np.ndarray, state: Any) -> "AcrossBandsRunner":
        check_state(state, ())
        return AcrossBandsRunner(self)


class AcrossBandsRunner:
    """Predicts by the layer inside, frame by frame alike."""

    state = ()

    def __init__(self, layer: AcrossBands) -> None:
        self.layer = layer

    def run(self, x: np.ndarray, lengths: np.ndarray | None = None) -> np.ndarray:
        """x (T, n E, B) -> y (T, n O, B)."""
        x = check_bands(x.swapaxes(1, 2), self.layer.bands)
        T, B, _ = x.shape
        real = None if lengths is None else real_steps(lengths, T)[:, :, None]
        y = self.layer.layers[0].predict(across_bands(mask_steps(x, real), self.layer.bands))
        return mask_steps(frames_again(y, T, B), real).swapaxes(1, 2)

    def step(self, x: np.ndarray) -> np.ndarray:
        """A single step x (n E, B) -> (n O, B)."""
        return self.run(x[None])[0]


def across_bands(x: np.ndarray, bands: int) -> np.ndarray:
    """(T, B, n E) -> (n, T B, E): bands take the place of time, and frames that of the batch."""
    T, B, F = x.shape
    return x.reshape(T * B, bands, F // bands).swapaxes(0, 1)


def frames_again(y: np.ndarray, T: int, B: int) -> np.ndarray:
    """(n, T B, O) -> (T, B, n O), the way back."""
    n, _, O = y.shape
    return y.swapaxes(0, 1).reshape(T, B, n * O)


def check_bands(x: Any, bands: int) -> np.ndarray:
    x = check_array("x", x)
    if x.ndim != 3 or x.shape[2] % bands or not x.shape[2]:
        raise ValueError(f"expected x of shape (T, B, F), F a multiple of {bands} bands, got {x.shape}")
    return x


def check_dy(dy: Any, bands: int, T: int, B: int) -> np.ndarray:
    dy = check_array("dy", dy)
    if dy.ndim != 3 or dy.shape[:2] != (T, B) or dy.shape[2] % bands:
        raise ValueError(f"expected dy of shape ({T}, {B}, F), F a multiple of {bands} bands, got {dy.shape}")
    return dy


class Pick(StatelessLayer):
    """y_j = x_k with k = indices[j]: features in another order, some of them twice or more, others never.

    Args:
        input_size: D.
        indices: (O,) whole numbers from 0 to D - 1.
    """

    options = ("input_size", "indices")

    def __init__(self, input_size: int, indices: Sequence[int], *, dtype: Any = float) -> None:
        self.input_size = check_size("input_size", input_size)
        numbers = np.asarray(indices)
        if numbers.ndim != 1 or not numbers.size or numbers.dtype.kind not in "iu":
            raise ValueError(f"expected indices (O,) of whole numbers, got {numbers.dtype} {numbers.shape}")
        if numbers.min() < 0 or numbers.max() >= self.input_size:
            raise ValueError(
                f"expected indices from 0 to {self.input_size - 1}, got {numbers.min()} to {numbers.max()}"
            )
        self.indices = numbers.tolist()
        self._order = np.argsort(numbers, kind="stable")
        self._picked, self._starts = np.unique(numbers[self._order], return_index=True)
        super().__init__({}, dtype)

    def forward(
        self,
        x: np.ndarray,
        state: Any = None,
        lengths: Any = None,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[np.ndarray, tuple[()], tuple[tuple[int, ...], np.ndarray | None]]:
        """x (T, B, D) or (B, D) -> y (T, B, O) or (B, O)."""
        x, real = self._check(x, state, lengths, self.input_size)
        return x[..., self.indices], (), (x.shape, real)

    def backward(self, dy: np.ndarray, cache: Any, dstate: Any = None) -> tuple[np.ndarray, tuple[()]]:
        """Each feature gets the sum over all places that it was picked for."""
        shape, real = check_members(cache, 2, self)
        dy = self._check_dy(dy, (*shape[:-1], len(self.indices)), real)
        dx = np.zeros(shape, dy.dtype)
        # Sorted by where they come from, and summed up run by run: np.add.at takes ten times as long.
        dx[..., self._picked] = np.add.reduceat(dy[..., self._order], self._starts, axis=-1)
        return dx, ()

    def __repr__(self) -> str:
        return f"Pick(input_size={self.input_size}, {len(self.indices)} indices)"

"""Running a layer forward only: nothing is kept for a backward pass.

A runner carries the state of one batch of sequences from block to block. Between runners sequences lie as
(T, features, B), as they do inside the layers.
"""

from typing import Any

import numpy as np

from .checks import check_size


def swap_features(x: np.ndarray) -> np.ndarray:
    """(T, B, D) -> (T, D, B) or back, as a view; anything else as it is."""
    return x.swapaxes(1, 2) if x.ndim == 3 else x


class Runner:
    """Runs any layer by its `forward`. Layers that can do better bring a runner of their own.

    Attributes:
        state: what the layer remembers between two blocks.
    """

    def __init__(self, layer: Any, state: Any) -> None:
        self.layer, self.state = layer, state

    def run(self, x: np.ndarray, lengths: np.ndarray | None = None) -> np.ndarray:
        """x (T, D, B) or classes (T, B) -> y (T, H, B), which the next block may overwrite."""
        y, self.state, _ = self.layer.forward(swap_features(x), self.state, lengths)
        return swap_features(y)

    def step(self, x: np.ndarray) -> np.ndarray:
        """A single step x (D, B) or classes (B,) -> (H, B), which the next step may overwrite."""
        return self.run(x[None])[0]


class Stream:
    """Runs a layer over a sequence that comes in blocks. After the layer has been trained, `reset` it.

    Attributes:
        state: what the layer remembers between two blocks; may be set.
    """

    def __init__(self, layer: Any, batch: int = 1) -> None:
        if not layer.causal:
            raise ValueError(f"{type(layer).__name__} needs the whole sequence at once and cannot stream")
        self.layer, self.batch = layer, check_size("batch", batch)
        self.reset()

    def reset(self) -> None:
        """Forget the past: start from the zero state, with the layer's weights of now."""
        self.state = self.layer.initial_state(self.batch)

    @property
    def state(self) -> Any:
        return self._state if self._runner is None else self._runner.state

    @state.setter
    def state(self, state: Any) -> None:
        self._state: Any = state
        self._runner: Any = None
        self._kind: Any = None

    def process(self, block: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """The next block (n, B, D) or classes (n, B) -> (n, B, H). A plain signal (n,) comes back as (n,).

        Args:
            out: where to write the result, of its shape; it may be the block itself.
        """
        y = self._next(np.asarray(block))
        if out is None:
            return y.copy()  # for the next block may overwrite what a runner gives
        if out.shape != y.shape:
            raise ValueError(f"expected out of shape {y.shape}, got {out.shape}")
        out[...] = y
        return out

    def _next(self, block: np.ndarray) -> np.ndarray:
        kind = block.dtype, block.shape[1:]  # of a plain signal ()
        if kind != self._kind:  # in the first block, and where real numbers turn complex
            self._prepare(block)
            self._kind = kind
        signal = block.ndim == 1
        if len(block) == 1:
            y = self._runner.step(block[:, None] if signal else block[0].T)
            return y[0] if signal and len(y) == 1 else y.T[None]
        if signal:
            block = block[:, None, None]
        y = self._runner.run(swap_features(block))
        return y[:, 0, 0] if signal and y.shape[1] == 1 else y.swapaxes(1, 2)

    def _prepare(self, block: np.ndarray) -> None:
        """A new runner for blocks like this one, from the state there is."""
        x = block[:, None, None] if block.ndim == 1 else block
        if x.ndim not in (2, 3) or x.shape[1] != self.batch:
            raise ValueError(f"expected a block of shape (n, {self.batch}, D), got {x.shape}")
        state = self.state
        self._runner = self.layer._runner(swap_features(x), state)
        self._state = state

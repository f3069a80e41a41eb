"""Running a layer forward only: nothing is kept for a backward pass.

A runner carries the state of one batch of sequences from block to block. Between runners sequences lie as
(T, features, B), as they do inside the layers.
"""

from typing import Any

import numpy as np


class Runner:
    """Runs any layer by its `forward`. Layers that can do better bring a runner of their own.

    Attributes:
        state: what the layer remembers between two blocks.
    """

    def __init__(self, layer: Any, state: Any) -> None:
        self.layer, self.state = layer, state

    def run(self, x: np.ndarray, lengths: np.ndarray | None = None) -> np.ndarray:
        """x (T, D, B) or classes (T, B) -> y (T, H, B), which the next block may overwrite."""
        x = x.swapaxes(1, 2) if x.ndim == 3 else x
        y, self.state, _ = self.layer.forward(x, self.state, lengths)
        return y.swapaxes(1, 2)


class Stream:
    """Runs a layer over a sequence that comes in blocks, with the weights it has when the stream is made.

    Attributes:
        state: what the layer remembers between two blocks; may be set.
    """

    def __init__(self, layer: Any, batch: int = 1) -> None:
        if not layer.causal:
            raise ValueError(f"{type(layer).__name__} needs the whole sequence at once and cannot stream")
        self.layer, self.batch = layer, batch
        self.reset()

    def reset(self) -> None:
        """Forget the past: start from the zero state, with the weights of now."""
        self.state = self.layer.initial_state(self.batch)

    @property
    def state(self) -> Any:
        return self._state if self._runner is None else self._runner.state

    @state.setter
    def state(self, state: Any) -> None:
        self._state: Any = state
        self._runner: Any = None
        self._kind: Any = None

    def process(self, block: np.ndarray) -> np.ndarray:
        """The next block (n, B, D) or classes (n, B) -> (n, B, H). A plain signal (n,) comes back as (n,)."""
        block = np.asarray(block)
        signal = block.ndim == 1
        if signal:
            block = block[:, None, None]
        if block.ndim not in (2, 3) or block.shape[1] != self.batch:
            raise ValueError(f"expected a block of shape (n, {self.batch}, D), got {block.shape}")
        x = block.swapaxes(1, 2) if block.ndim == 3 else block
        kind = (x.dtype, x.shape[1:])
        if kind != self._kind:  # in the first block, and where real numbers turn complex
            self._state, self._kind = self.state, kind
            self._runner = self.layer._runner(x, self._state)
        y = self._runner.run(x)
        y = np.array(y.swapaxes(1, 2))
        return y[:, 0, 0] if signal and y.shape[2] == 1 else y

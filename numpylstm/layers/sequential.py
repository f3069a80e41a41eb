"""Layers one after the other, with a history for the backward pass or without one."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .base import Layer
from .checks import check_array, check_cache, check_lengths, check_members, lengths_within
from .containers import Container, StackRunner
from .inference import swap_features
from .state import check_state, map_state


class BlocksCache(NamedTuple):
    """What backward needs of a forward pass whose history is not kept: where each block of steps began."""

    x: np.ndarray  # (T, B, D) or classes (T, B)
    states: list[Any]  # of all layers, at the start of each block; the first as it was handed in
    steps: int  # of a block
    lengths: np.ndarray | None
    training: bool

    def blocks(self) -> Iterator[tuple[slice, Any, np.ndarray | None]]:
        """The steps of each block, its initial state, and the lengths within it."""
        for index, state in enumerate(self.states):
            part = slice(index * self.steps, min((index + 1) * self.steps, len(self.x)))
            yield part, state, lengths_within(self.lengths, part)


class Sequential(Container):
    """Layers one after the other: the output of each is the input of the next.

    A forward pass keeps its whole history for the backward pass, a dozen numbers for each unit and step. If
    that would be more than `history_limit` bytes, it keeps the states at the start of every block of steps
    only, and the backward pass goes forward again through each block when its turn comes (Chen et al. 2016,
    arXiv:1604.06174; for recurrent networks Gruslys et al. 2016, arXiv:1606.03401): the same gradients in a
    little more time, as long as the parameters have not changed in between. Not where dropout or noise would
    be drawn twice, nor with a Bidirectional or a layer of one's own inside.

    Args:
        layers: the layers, in order. They become part of this network.
        dtype: precision of the whole network; the layers' own if None.
        seed: whole number or Generator that draws all starting values anew; None keeps the layers' own.

    Attributes:
        theta, grad: (n,) all parameters, all gradients; every layer's are views into them.
        history_limit: in bytes; 0 never keeps a history, infinity always.
    """

    _history_limit: float = 1 << 29

    def __init__(
        self, *layers: Layer, dtype: Any = None, seed: int | np.random.Generator | None = None
    ) -> None:
        super().__init__(layers, dtype, seed)

    @property
    def history_limit(self) -> float:
        return self._history_limit

    @history_limit.setter
    def history_limit(self, limit: float) -> None:
        if not (isinstance(limit, int | float) and limit >= 0):
            raise ValueError(f"expected a history_limit in bytes, 0 to infinity, got {limit!r}")
        self._history_limit = limit

    def forward(
        self,
        x: np.ndarray,
        state: Any = None,
        lengths: Any = None,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[np.ndarray, tuple[Any, ...], Any]:
        """x -> y of the last layer, the states of all layers, and their caches."""
        x = check_array("x", x)
        step_bytes = self._kept_per_step() * x.shape[1] * self.dtype.itemsize if self.is_sequence(x) else 0
        redoable = self.causal and self.redoable and not (training and self._draws())
        if redoable and step_bytes * len(x) > self.history_limit:
            return self._forward_in_blocks(x, state, lengths, training, block_of(step_bytes))
        outputs, states, caches = self._run_stack(x, state, lengths, training, rng)
        return outputs[-1], states, caches

    def backward(
        self, dy: np.ndarray, cache: Any, dstate: Any = None, need_dx: bool = True
    ) -> tuple[Any, tuple[Any, ...]]:
        """dy -> dx and the gradients by all initial states; adds into `grad`.

        dx is None without `need_dx`, and for classes.
        """
        if isinstance(cache, BlocksCache):
            return self._backward_in_blocks(dy, cache, dstate, need_dx)
        dx: Any = check_array("dy", dy)
        check_members(check_cache(cache, list, self), len(self.layers), self)
        dstates = list(self._check_state(dstate, dx, "dstate"))
        for index in reversed(range(len(self.layers))):
            layer: Any = self.layers[index]
            spare = {"need_dx": False} if index == 0 and not need_dx and layer.spares_dx else {}
            dx, dstates[index] = layer.backward(dx, cache[index], dstates[index], **spare)
        return (dx if need_dx else None), tuple(dstates)

    def add_gradients(self, dy: np.ndarray, cache: Any, dstate: Any = None) -> None:
        """As `backward`, where only the parameters' gradients are wanted: it ends at the first that has any.

        Wide features below it, such as spectra with their neighbours, then cost no product.
        """
        learning = [index for index, layer in enumerate(self.layers) if layer.theta.size]
        if isinstance(cache, BlocksCache) or not learning:
            return super().add_gradients(dy, cache, dstate)
        dx = check_array("dy", dy)
        check_members(check_cache(cache, list, self), len(self.layers), self)
        dstates = self._check_state(dstate, dx, "dstate")
        first = learning[0]
        for index in range(len(self.layers) - 1, first, -1):
            dx, _ = self.layers[index].backward(dx, cache[index], dstates[index])
        self.layers[first].add_gradients(dx, cache[first], dstates[first])

    def _forward_in_blocks(
        self, x: np.ndarray, state: Any, lengths: Any, training: bool, steps: int
    ) -> tuple[np.ndarray, tuple[Any, ...], BlocksCache]:
        """As `forward`; it only needs the state at the start of each block, so it keeps nothing else."""
        # A copy: the caller may use the memory again before backward. None is kept for the first block: it
        # tells an InitialState that the state comes from its parameters.
        given = map_state(np.array, state)
        state = check_state(given, self.initial_state(x.shape[1]))
        lengths = None if lengths is None else check_lengths(lengths, x, classes=x.ndim == 2)
        cache = BlocksCache(x.copy(), [], steps, lengths, training)
        inner = swap_features(x)
        runner = self._runner(inner, state)
        y: Any = None
        for start in range(0, len(x), steps):
            part = slice(start, min(start + steps, len(x)))
            cache.states.append(state if start else given)
            piece = runner.run(inner[part], lengths_within(lengths, part))
            y = np.empty((len(x), *piece.shape[1:]), piece.dtype) if y is None else y
            y[part] = piece
            state = runner.state
        return y.swapaxes(1, 2), state, cache

    def _backward_in_blocks(
        self, dy: np.ndarray, cache: BlocksCache, dstate: Any, need_dx: bool
    ) -> tuple[Any, tuple[Any, ...]]:
        dy = check_array("dy", dy)
        dx = None
        for part, state, lengths in reversed(list(cache.blocks())):
            y, _, caches = self._run_stack(cache.x[part], state, lengths, cache.training, None)
            if dy.shape != (len(cache.x), *y[-1].shape[1:]):
                raise ValueError(f"expected dy of shape {(len(cache.x), *y[-1].shape[1:])}, got {dy.shape}")
            piece, dstate = self.backward(dy[part], caches, dstate, need_dx)
            if piece is not None:
                dx = np.empty(cache.x.shape, piece.dtype) if dx is None else dx
                dx[part] = piece
        return dx, dstate

    def _runner(self, x: np.ndarray, state: Any) -> "StackRunner":
        return StackRunner(self.layers, self._check_state(state, swap_features(x)))


def block_of(step_bytes: int) -> int:
    """How many steps to redo at once: their history should stay near, and blocks not be many."""
    return int(np.clip((1 << 21) // step_bytes, 16, 128))

"""Layers made of layers: Bidirectional, Residual, Mean, InitialState, ConcatHidden; the base of Sequential.

A container's parameters are one flat vector, and those of the layers inside are views into it. Its state
and cache are tuples with one entry for each layer inside.
"""

from typing import Any

import numpy as np

from ..parameters import Shapes
from .base import Layer
from .checks import check_array, check_lengths, check_members, mask_steps, real_steps
from .inference import swap_features
from .state import check_state, pack_state, state_arrays, unpack_state


class Container(Layer):
    """Base of containers: the layers inside in one vector, in one precision, seeded one after the other."""

    def __init__(
        self,
        layers: tuple[Any, ...],
        dtype: Any = None,
        seed: int | np.random.Generator | None = None,
        shapes: Shapes | None = None,
    ) -> None:
        if len(layers) == 1 and isinstance(layers[0], list | tuple):
            layers = tuple(layers[0])
        for layer in layers:
            if not isinstance(layer, Layer):
                raise ValueError(f"expected layers, got {type(layer).__name__} {layer!r}")
        if not layers:
            raise ValueError("expected at least one layer, got none")
        if dtype is None:
            # Layers without parameters have no say: a Dropout must not turn a float32 network to float64.
            own = [layer.dtype for layer in layers if layer.theta.size] or [layers[0].dtype]
            dtype = np.result_type(*own)
        super().__init__(shapes or {}, dtype, layers)
        self.causal = all(layer.causal for layer in layers)
        self.redoable = all(layer.redoable for layer in layers)
        if seed is not None:
            self.initialize(np.random.default_rng(seed))

    def initial_state(self, batch: int) -> tuple[Any, ...]:
        return tuple(layer.initial_state(batch) for layer in self.layers)

    def is_sequence(self, x: np.ndarray) -> bool:
        return self.layers[0].is_sequence(x)

    def _kept_per_step(self) -> int:
        return sum(layer._kept_per_step() for layer in self.layers)

    def _draws(self) -> bool:
        return any(layer._draws() for layer in self.layers)

    def _run_stack(
        self, x: np.ndarray, state: Any, lengths: Any, training: bool, rng: np.random.Generator | None
    ) -> tuple[list[np.ndarray], tuple[Any, ...], list[Any]]:
        """Each layer fed by the one before it: their outputs, final states and caches."""
        outputs, states, caches = [check_array("x", x)], [], []
        for index, layer_state in enumerate(self._check_state(state, outputs[0])):
            layer = self.layers[index]
            with naming(index, layer):
                y, layer_state, cache = layer.forward(outputs[-1], layer_state, lengths, training, rng)
            outputs.append(y)
            states.append(layer_state)
            caches.append(cache)
        return outputs[1:], tuple(states), caches

    def _check_state(self, state: Any, x: np.ndarray, name: str = "state") -> tuple[Any, ...]:
        """The state as a tuple with one entry for each layer; what is in it the layers check themselves."""
        if state is None:
            return (None,) * len(self.layers)
        if not isinstance(state, tuple | list) or len(state) != len(self.layers):
            return check_state(state, self.initial_state(x.shape[1] if x.ndim == 3 else len(x)), name)
        return tuple(state)


class naming:
    """Within `with naming(index, layer):` an error says in which layer of a stack it happened."""

    def __init__(self, index: int, layer: Layer) -> None:
        self.index, self.layer = index, layer

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        # An error of the first layer is about what the caller handed in.
        if isinstance(error, ValueError) and self.index:
            raise ValueError(f"layer {self.index}, {type(self.layer).__name__}: {error}") from error


class StackRunner:
    """Runs layers one after the other, each by its own runner; gives the last output, or all side by side."""

    def __init__(
        self, layers: tuple[Layer, ...], states: tuple[Any, ...], side_by_side: bool = False
    ) -> None:
        self.layers, self.states, self.side_by_side = layers, states, side_by_side
        self.runners: list[Any] = []  # each made when it sees its first input

    @property
    def state(self) -> tuple[Any, ...]:
        made = tuple(runner.state for runner in self.runners)
        return made + self.states[len(made) :]

    def run(self, x: np.ndarray, lengths: np.ndarray | None = None) -> np.ndarray:
        """x (T, D, B) or classes (T, B) -> y (T, H, B), which the next block may overwrite."""
        outputs = [x]
        for index, layer in enumerate(self.layers):
            with naming(index, layer):
                if index == len(self.runners):
                    self.runners.append(layer._runner(outputs[-1], self.states[index]))
                outputs.append(self.runners[index].run(outputs[-1], lengths))
        return np.concatenate(outputs[1:], axis=1) if self.side_by_side else outputs[-1]

    def step(self, x: np.ndarray) -> np.ndarray:
        """A single step x (D, B) or classes (B,) -> (H, B), which the next step may overwrite."""
        if len(self.runners) < len(self.layers) or self.side_by_side:
            return self.run(x[None])[0]
        for runner in self.runners:
            x = runner.step(x)
        return x


class ConcatHidden(Container):
    """A stack of layers whose outputs all stand side by side: y = [y_1, y_2, ..., y_n], each fed by the last.

    What a following MLP sees is every level of the stack at once (Graves 2013, section 2, "skip
    connections" to the output).
    """

    def __init__(
        self, *layers: Any, dtype: Any = None, seed: int | np.random.Generator | None = None
    ) -> None:
        super().__init__(layers, dtype, seed)

    def forward(
        self,
        x: np.ndarray,
        state: Any = None,
        lengths: Any = None,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[np.ndarray, tuple[Any, ...], tuple[list[Any], list[int]]]:
        """x (T, B, D) -> y (T, B, H_1 + ... + H_n)."""
        outputs, states, caches = self._run_stack(x, state, lengths, training, rng)
        sizes = [output.shape[-1] for output in outputs]
        return np.concatenate(outputs, axis=-1), states, (caches, sizes)

    def backward(self, dy: np.ndarray, cache: Any, dstate: Any = None) -> tuple[np.ndarray, tuple[Any, ...]]:
        """dy (T, B, H_1 + ... + H_n) -> dx and the gradients by all initial states; adds into `grad`."""
        caches, sizes = check_members(cache, 2, self)
        dy = check_array("dy", dy)
        if dy.shape[-1:] != (sum(sizes),):
            raise ValueError(f"expected dy of shape (..., {sum(sizes)}), got {dy.shape}")
        pieces = np.split(dy, np.cumsum(sizes)[:-1], axis=-1)
        dstates = list(self._check_state(dstate, dy, "dstate"))
        dx: Any = 0  # nothing comes from above the last layer
        for index in reversed(range(len(self.layers))):
            dx, dstates[index] = self.layers[index].backward(
                pieces[index] + dx, caches[index], dstates[index]
            )
        return dx, tuple(dstates)

    def _runner(self, x: np.ndarray, state: Any) -> StackRunner:
        return StackRunner(self.layers, self._check_state(state, swap_features(x)), side_by_side=True)


class Residual(Container):
    """y = x + layer(x): the layer learns only what has to change. Its output is as wide as its input."""

    def __init__(
        self, layer: Layer, *, dtype: Any = None, seed: int | np.random.Generator | None = None
    ) -> None:
        super().__init__((layer,), dtype, seed)

    def forward(
        self,
        x: np.ndarray,
        state: Any = None,
        lengths: Any = None,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[np.ndarray, tuple[Any, ...], Any]:
        """x (T, B, D) -> x + layer(x), of the same shape."""
        x = check_array("x", x)
        y, state, cache = self.layers[0].forward(x, self._check_state(state, x)[0], lengths, training, rng)
        if y.shape != x.shape:
            raise ValueError(
                f"expected a layer whose output is as wide as its input {x.shape}, got {y.shape}"
            )
        real = None if lengths is None else real_steps(check_lengths(lengths, x), len(x))[:, :, None]
        return y + mask_steps(x, real).astype(y.dtype, copy=False), (state,), (cache, real)

    def backward(self, dy: np.ndarray, cache: Any, dstate: Any = None) -> tuple[np.ndarray, tuple[Any, ...]]:
        """dy -> dy + what the layer passes on, and the gradient by its initial state."""
        inner, real = check_members(cache, 2, self)
        dy = check_array("dy", dy)
        dx, dstate = self.layers[0].backward(dy, inner, self._check_state(dstate, dy, "dstate")[0])
        return dx + mask_steps(dy, real).astype(dx.dtype, copy=False), (dstate,)

    def _runner(self, x: np.ndarray, state: Any) -> "ResidualRunner":
        return ResidualRunner(self.layers[0], x, self._check_state(state, swap_features(x))[0])


class ResidualRunner:
    """Runs a layer by its own runner and adds its input."""

    def __init__(self, layer: Layer, x: np.ndarray, state: Any) -> None:
        self.runner = layer._runner(x, state)

    @property
    def state(self) -> tuple[Any, ...]:
        return (self.runner.state,)

    def run(self, x: np.ndarray, lengths: np.ndarray | None = None) -> np.ndarray:
        """x (T, D, B) -> y (T, D, B)."""
        y = self.runner.run(x, lengths)
        if y.shape != x.shape:
            raise ValueError(
                "expected a layer whose output is as wide as its input "
                f"{x.swapaxes(1, 2).shape}, got {y.swapaxes(1, 2).shape}"
            )
        real = None if lengths is None else real_steps(lengths, len(x))[:, None, :]
        return y + mask_steps(x, real).astype(y.dtype, copy=False)

    def step(self, x: np.ndarray) -> np.ndarray:
        """A single step x (D, B) -> (D, B)."""
        return self.run(x[None])[0]


class Mean(Container):
    """y = (y_1 + ... + y_n) / n of layers that all see the same x: networks that err differently err less.

    Their outputs have one shape. The state is a tuple with the state of each.
    """

    def __init__(
        self, *layers: Any, dtype: Any = None, seed: int | np.random.Generator | None = None
    ) -> None:
        super().__init__(layers, dtype, seed)

    def forward(
        self,
        x: np.ndarray,
        state: Any = None,
        lengths: Any = None,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[np.ndarray, tuple[Any, ...], tuple[Any, ...]]:
        """x (T, B, D) -> the mean of what the layers make of it."""
        x = check_array("x", x)
        made = [
            layer.forward(x, part, lengths, training, rng)
            for layer, part in zip(self.layers, self._check_state(state, x), strict=True)
        ]
        outputs, states, caches = zip(*made, strict=True)
        return mean_of(list(outputs)), states, caches

    def backward(self, dy: np.ndarray, cache: Any, dstate: Any = None) -> tuple[np.ndarray, tuple[Any, ...]]:
        """dy -> the sum of what the layers pass on, and the gradients by their initial states."""
        caches = check_members(cache, len(self.layers), self)
        share = check_array("dy", dy) / len(self.layers)
        parts = zip(self.layers, caches, self._check_state(dstate, share, "dstate"), strict=True)
        made = [layer.backward(share, part, dpart) for layer, part, dpart in parts]
        dxs, dstates = zip(*made, strict=True)
        return sum(dxs), dstates

    def _runner(self, x: np.ndarray, state: Any) -> "MeanRunner":
        return MeanRunner(self.layers, x, self._check_state(state, swap_features(x)))


class MeanRunner:
    """Runs each layer by its own runner."""

    def __init__(self, layers: tuple[Layer, ...], x: np.ndarray, states: tuple[Any, ...]) -> None:
        self.runners = [layer._runner(x, state) for layer, state in zip(layers, states, strict=True)]

    @property
    def state(self) -> tuple[Any, ...]:
        return tuple(runner.state for runner in self.runners)

    def run(self, x: np.ndarray, lengths: np.ndarray | None = None) -> np.ndarray:
        """x (T, D, B) -> y (T, H, B)."""
        return swap_features(mean_of([swap_features(runner.run(x, lengths)) for runner in self.runners]))

    def step(self, x: np.ndarray) -> np.ndarray:
        """A single step x (D, B) -> (H, B)."""
        return self.run(x[None])[0]


def mean_of(outputs: list[np.ndarray]) -> np.ndarray:
    if any(output.shape != outputs[0].shape for output in outputs):
        shapes = ", ".join(str(output.shape) for output in outputs)
        raise ValueError(f"expected layers whose outputs have one shape, got {shapes}")
    total = outputs[0] / len(outputs)
    for output in outputs[1:]:
        total = total + output / len(outputs)
    return total


class InitialState(Container):
    """A layer that starts from a state of its own instead of zeros: h_0 and c_0 are parameters to train.

    Wherever no state is handed in, all sequences of the batch start from `params["start"]`, and the gradient
    of the loss by their initial states, summed over the batch, is added to its gradient. A state that is
    handed in is used as it is, and leaves that gradient alone. `initial_state`, and with it a stream, starts
    from the parameters too.

    Args:
        layer: a layer or network that remembers something.
        dtype, seed: as for Sequential. The state starts at zero.

    Attributes:
        params: "start" (n,), every h and c of the layer side by side, in the order of `pack_state`.
    """

    def __init__(
        self, layer: Layer, *, dtype: Any = None, seed: int | np.random.Generator | None = None
    ) -> None:
        start = layer.initial_state(1) if isinstance(layer, Layer) else ()
        width = sum(array.shape[1] for _, array in state_arrays(start))
        if not width:
            raise ValueError(f"expected a layer that remembers something, got {type(layer).__name__}")
        super().__init__((layer,), dtype, seed, {"start": (width,)})

    def initialize(self, rng: np.random.Generator) -> None:
        """Draw new starting values for the layer inside; the state starts at zero."""
        self.params["start"][...] = 0
        super().initialize(rng)

    def initial_state(self, batch: int) -> tuple[Any, ...]:
        return (unpack_state(np.repeat(self.params["start"][None], batch, axis=0), self.layers[0]),)

    def forward(
        self,
        x: np.ndarray,
        state: Any = None,
        lengths: Any = None,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[np.ndarray, tuple[Any, ...], Any]:
        """x (T, B, D) -> y of the layer inside, which starts from the parameters where `state` is None."""
        x = check_array("x", x)
        (given,) = self._check_state(state, x)
        start = given
        if given is None:
            (start,) = self.initial_state(x.shape[1] if self.is_sequence(x) else len(x))
        y, state, cache = self.layers[0].forward(x, start, lengths, training, rng)
        return y, (state,), (cache, given is None)

    def backward(self, dy: np.ndarray, cache: Any, dstate: Any = None) -> tuple[np.ndarray, tuple[Any, ...]]:
        """dy -> dx and the gradient by the initial state, wherever that came from; adds into `grad`."""
        inner, from_parameters = check_members(cache, 2, self)
        dx, dstate = self.layers[0].backward(dy, inner, self._check_state(dstate, dy, "dstate")[0])
        if from_parameters:
            self.grads["start"] += pack_state(dstate).sum(axis=0)
        return dx, (dstate,)

    def _runner(self, x: np.ndarray, state: Any) -> StackRunner:
        state = self._check_state(state, swap_features(x))
        return StackRunner(self.layers, self.initial_state(x.shape[-1]) if state[0] is None else state)


class Bidirectional(Container):
    """One layer reads the sequence forwards, another backwards (Schuster & Paliwal 1997).

    Args:
        forward_layer, backward_layer: two layers of the same input size.
        merge: "concat" (side by side), "sum" or "mean" of the two outputs.

    With lengths, each sequence is turned round within its own length, so padding stays at the end. The
    state is (state of the forward layer after the last step, state of the backward layer after the first).
    """

    options = ("merge",)

    def __init__(
        self,
        forward_layer: Layer,
        backward_layer: Layer,
        *,
        merge: str = "concat",
        dtype: Any = None,
        seed: int | np.random.Generator | None = None,
    ) -> None:
        if merge not in ("concat", "sum", "mean"):
            raise ValueError(f"expected merge 'concat', 'sum' or 'mean', got {merge!r}")
        self.merge = merge
        super().__init__((forward_layer, backward_layer), dtype, seed)
        self.causal = False  # the first output depends on the last input

    def forward(
        self,
        x: np.ndarray,
        state: Any = None,
        lengths: Any = None,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[np.ndarray, tuple[Any, ...], Any]:
        """x (T, B, D) -> y (T, B, 2H), or (T, B, H) for a sum or mean."""
        x = check_array("x", x)
        if x.ndim != 3:
            raise ValueError(f"expected x of shape (T, B, D), got {x.shape}")
        if lengths is not None:
            lengths = check_lengths(lengths, x)
        state = self._check_state(state, x)
        there, back = self.layers
        y_there, state_there, cache_there = there.forward(x, state[0], lengths, training, rng)
        y_back, state_back, cache_back = back.forward(reverse(x, lengths), state[1], lengths, training, rng)
        y = self._merge(y_there, reverse(y_back, lengths))
        return y, (state_there, state_back), (cache_there, cache_back, y_there.shape[2], y.shape, lengths)

    def backward(self, dy: np.ndarray, cache: Any, dstate: Any = None) -> tuple[np.ndarray, tuple[Any, ...]]:
        """dy -> dx from both directions, and the gradients by both initial states; adds into `grad`."""
        cache_there, cache_back, width, shape, lengths = check_members(cache, 5, self)
        dy = check_array("dy", dy)
        if dy.shape != shape:
            raise ValueError(f"expected dy of shape {shape}, got {dy.shape}")
        dstate = self._check_state(dstate, dy, "dstate")
        if self.merge == "concat":
            dy_there, dy_back = dy[:, :, :width], dy[:, :, width:]
        else:
            dy_there = dy_back = dy * (0.5 if self.merge == "mean" else 1)
        there, back = self.layers
        dx_there, dstate_there = there.backward(dy_there, cache_there, dstate[0])
        dx_back, dstate_back = back.backward(reverse(dy_back, lengths), cache_back, dstate[1])
        return dx_there + reverse(dx_back, lengths), (dstate_there, dstate_back)

    def _merge(self, y_there: np.ndarray, y_back: np.ndarray) -> np.ndarray:
        if self.merge == "concat":
            return np.concatenate([y_there, y_back], axis=2)
        if y_there.shape != y_back.shape:
            raise ValueError(
                f"expected two outputs of one shape to merge, got {y_there.shape}, {y_back.shape}"
            )
        return (y_there + y_back) * (0.5 if self.merge == "mean" else 1)

    def _runner(self, x: np.ndarray, state: Any) -> "BidirectionalRunner":
        if x.ndim != 3:
            raise ValueError(f"expected x of shape (T, B, D), got {x.shape}")
        return BidirectionalRunner(self, x, self._check_state(state, swap_features(x)))


class BidirectionalRunner:
    """Runs both directions by their own runners; the sequence has to come whole."""

    def __init__(self, layer: Bidirectional, x: np.ndarray, state: tuple[Any, ...]) -> None:
        self.merge = layer._merge
        self.runners = [inner._runner(x, s) for inner, s in zip(layer.layers, state, strict=True)]

    @property
    def state(self) -> tuple[Any, ...]:
        return tuple(runner.state for runner in self.runners)

    def run(self, x: np.ndarray, lengths: np.ndarray | None = None) -> np.ndarray:
        """x (T, D, B) -> y (T, H, B)."""
        there, back = self.runners
        y_there = there.run(x, lengths).swapaxes(1, 2)
        backwards = reverse(x.swapaxes(1, 2), lengths).swapaxes(1, 2)
        y_back = reverse(back.run(backwards, lengths).swapaxes(1, 2), lengths)
        return self.merge(y_there, y_back).swapaxes(1, 2)


def reverse(x: np.ndarray, lengths: np.ndarray | None) -> np.ndarray:
    """x (T, B, D) backwards in time, each sequence within its own length; padding stays where it is.

    Its own inverse, and its own transpose: so it also carries gradients back.
    """
    if lengths is None:
        return x[::-1]
    steps = np.arange(len(x))[:, None]
    index = np.where(steps < lengths, lengths - 1 - steps, steps)
    return np.take_along_axis(x, index[:, :, None], axis=0)

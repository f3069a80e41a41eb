"""What every layer promises, and the checks at its door.

    y, state, cache = layer.forward(x, state=None, lengths=None, training=False, rng=None)
    dx, dstate      = layer.backward(dy, cache, dstate=None)        # adds into layer.grads

Sequences are time first, `x (T, B, D)`: `x[t]` is one time step. What goes from one call to the next is
a value that is passed, never an attribute: `state` is what the layer remembers at the end of a sequence
and takes back at the start of the next piece, `cache` is what its backward needs. `dstate` is the
gradient of the loss by the final state on the way in, by the initial state on the way out.

`lengths (B,)` says how many steps of each sequence are real. A padded step, beyond `lengths[b]`, holds
the state, yields 0 in `y` and no gradient.
"""

import copy
import inspect
from collections.abc import Iterator
from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np

from ..parameters import Shapes, Views, size_of, views
from .checks import (
    check_array,
    check_dtype,
    check_lengths,
    compute_dtype,
    lengths_within,
    mask_steps,
    real_steps,
)
from .inference import Runner, Stream, swap_features
from .state import check_state, map_state

LAYERS: dict[str, type["Layer"]] = {}
"""Every layer class of the package by its name: what a model file may ask for."""

PREDICT_COLUMNS = 8192
"""Time steps times batch that `predict` takes through all layers at once."""


class Layer:
    """Base of all layers: parameters in one flat vector, copies, prediction, streaming.

    Attributes:
        theta, grad: (n,) all parameters, all gradients. In a network they are views into the network's, made
            when it is built: take them after, not before. Assigning to them writes into them.
        params, grads: the same numbers by name and shape.
        layers: the layers inside, for a container.
        options: names of the constructor's arguments, kept as attributes, that describe the layer.
        spares_dx: whether `backward` takes `need_dx=False`, to leave out a gradient that nobody asks for.
        redoable: whether a sequence may be run in pieces, and a piece again, with the same result.
        causal: whether y[t] depends on x[:t + 1] alone, so that a sequence may come in pieces.
    """

    options: ClassVar[tuple[str, ...]] = ()
    causal: bool = True
    spares_dx: bool = False
    redoable: bool = True

    params: Views
    grads: Views
    _owned: bool  # whether a container holds this layer's parameters

    def __init_subclass__(cls) -> None:
        # Only the package's own: a class of the same name made in a lesson must not shadow the original.
        if cls.__module__.startswith(f"{__package__}.") and "forward" in vars(cls):
            LAYERS[cls.__name__] = cls
        elif "forward" in vars(cls):
            # What a class of one's own does in forward is its own affair: it is run by forward, and run once.
            cls.redoable = False
            if "_runner" not in vars(cls):
                cls._runner = Layer._runner  # type: ignore[method-assign]
        if "backward" in vars(cls):
            cls.spares_dx = "need_dx" in inspect.signature(cls.backward).parameters

    def __init__(self, shapes: Shapes, dtype: Any, layers: tuple["Layer", ...] = ()) -> None:
        dtype = check_dtype(dtype)
        for index, layer in enumerate(layers):
            if layer._owned or any(layer is other for other in layers[:index]):
                raise ValueError(f"{layer!r} already belongs to a network: hand in layer.copy()")
        for layer in layers:
            layer._owned = True
        self._owned = False
        self._shapes = dict(shapes)
        self.layers = layers
        theta = np.zeros(size_of(shapes) + sum(layer.theta.size for layer in layers), dtype)
        if layers:
            theta[size_of(shapes) :] = np.concatenate([layer.theta for layer in layers])
        self._place(theta, np.zeros_like(theta))

    # ---------------------------------------------------------------- to be written by each layer

    def forward(
        self,
        x: np.ndarray,
        state: Any = None,
        lengths: Any = None,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[np.ndarray, Any, Any]:
        """Output, final state and cache of a sequence; see the module's text for the contract."""
        raise NotImplementedError

    def backward(self, dy: np.ndarray, cache: Any, dstate: Any = None) -> tuple[np.ndarray, Any]:
        """Gradients by x and by the initial state; adds those by the parameters into `grads`."""
        raise NotImplementedError

    def add_gradients(self, dy: np.ndarray, cache: Any, dstate: Any = None) -> None:
        """As `backward`, where only the parameters' gradients are wanted: one product less."""
        if self.spares_dx:
            self.backward(dy, cache, dstate, need_dx=False)  # type: ignore[call-arg]
        else:
            self.backward(dy, cache, dstate)

    def initialize(self, rng: np.random.Generator) -> None:
        """Draw new starting values for all parameters."""
        for layer in self.layers:
            layer.initialize(rng)

    def initial_state(self, batch: int) -> Any:
        """The zero state of a batch; `()` for a layer that remembers nothing."""
        return ()

    # ---------------------------------------------------------------- parameters

    def _place(self, theta: np.ndarray, grad: np.ndarray) -> None:
        """Let this layer and those inside live in the given vectors, with the values these have."""
        self._theta, self._grad = theta, grad
        own = size_of(self._shapes)
        self.params = views(theta[:own], self._shapes)
        self.grads = views(grad[:own], self._shapes)
        start = own
        for layer in self.layers:
            stop = start + layer.theta.size
            layer._place(theta[start:stop], grad[start:stop])
            start = stop

    @property
    def theta(self) -> np.ndarray:
        return self._theta

    @theta.setter
    def theta(self, values: np.ndarray) -> None:
        # Into the vector that is there: a new one would leave the layers' views behind.
        self._theta[...] = values

    @property
    def grad(self) -> np.ndarray:
        return self._grad

    @grad.setter
    def grad(self, values: np.ndarray) -> None:
        self._grad[...] = values

    @property
    def dtype(self) -> np.dtype:
        return self.theta.dtype

    def zero_grads(self) -> None:
        self.grad[...] = 0

    def named_params(self) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        """(name, parameter, gradient) of this layer and all inside; `0.W_h` is W_h of the first layer."""
        for name in self.params:
            yield name, self.params[name], self.grads[name]
        for index, layer in enumerate(self.layers):
            for name, param, grad in layer.named_params():
                yield f"{index}.{name}", param, grad

    # ---------------------------------------------------------------- copies and descriptions

    def __getstate__(self) -> dict[str, Any]:
        # Views are not copied as views, so they are left out and made anew in __setstate__.
        return {k: v for k, v in self.__dict__.items() if k not in ("params", "grads")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._place(self._theta, self._grad)

    def copy(self) -> Self:
        """A copy that shares nothing with the original and belongs to no network."""
        other = copy.deepcopy(self)
        other._owned = False
        return other

    def astype(self, dtype: Any) -> Self:
        """A copy with its parameters in another dtype; complex128 is what the complex-step check runs."""
        other = self.copy()
        other._place(self.theta.astype(check_dtype(dtype)), np.zeros(self.theta.size, dtype))
        return other

    def config(self) -> dict[str, Any]:
        """The architecture as plain values, enough to build the layer again; see `build`."""
        config: dict[str, Any] = {"layer": type(self).__name__}
        config |= {name: getattr(self, name) for name in self.options}
        if self.layers:
            config["layers"] = [layer.config() for layer in self.layers]
        return config

    def __repr__(self) -> str:
        inside = [repr(layer) for layer in self.layers]
        options = [f"{name}={getattr(self, name)!r}" for name in self.options]
        return f"{type(self).__name__}({', '.join(inside + options)})"

    def save(self, path: str | PathLike[str]) -> None:
        """Write architecture and parameters to one `.safetensors` file; see `numpylstm.load`."""
        from ..checkpoint import save

        save(self, path)

    # ---------------------------------------------------------------- prediction

    def predict(
        self, x: np.ndarray, state: Any = None, lengths: Any = None, batch_size: int | None = None
    ) -> np.ndarray:
        """The output for x, keeping nothing for a backward pass.

        Args:
            x: (T, B, D), or (B, D) for layers without time.
            state: initial state of the whole batch, zeros if None.
            lengths: (B,) real steps of each sequence, or None.
            batch_size: how many sequences to compute at a time. It bounds the memory and does not
                change the result: the state of each sequence starts from `state` whatever its batch.

        Returns:
            y: (T, B, H), or (B, H).
        """
        x = np.asarray(x)
        axis = 1 if self.is_sequence(x) else 0
        batch = x.shape[axis] if x.ndim else 0
        if batch_size is not None and batch_size < 1:
            raise ValueError(f"expected a batch_size of at least 1, got {batch_size}")
        if lengths is not None:
            lengths = check_lengths(lengths, x, classes=self.is_sequence(x))
        if state is not None:
            state = check_state(state, self.initial_state(batch))
        if batch_size is None or batch <= batch_size:
            return self._predict_batch(x, state, lengths)
        pieces = []
        for start in range(0, batch, batch_size):
            part = slice(start, start + batch_size)
            pieces.append(
                self._predict_batch(
                    x[:, part] if axis else x[part],
                    None if state is None else map_state(lambda s, part=part: s[part], state),
                    None if lengths is None else lengths[part],
                )
            )
        return np.concatenate(pieces, axis=axis)

    def _predict_batch(self, x: np.ndarray, state: Any, lengths: np.ndarray | None) -> np.ndarray:
        if not self.is_sequence(x) or not self.redoable:
            return self.forward(x, state, lengths)[0]
        x = swap_features(x)
        runner = self._runner(x, state)
        # In blocks, so that what one layer hands to the next stays small: unless the last step comes first.
        steps = max(PREDICT_COLUMNS // max(x.shape[-1], 1), 1) if self.causal else len(x)
        y: Any = None
        for start in range(0, max(len(x), 1), max(steps, 1)):
            block = x[start : start + steps]
            piece = runner.run(block, lengths_within(lengths, slice(start, start + len(block))))
            if y is None:
                y = np.empty((len(x), *piece.shape[1:]), piece.dtype)
            y[start : start + steps] = piece
        return y.swapaxes(1, 2)

    def is_sequence(self, x: np.ndarray) -> bool:
        """Whether the first axis of x is time: (T, B, D), or classes (T, B) for a recurrent layer."""
        return x.ndim == 3

    def _kept_per_step(self) -> int:
        """About how many numbers a forward pass keeps for backward, for each step of each sequence."""
        return 0

    def _draws(self) -> bool:
        """Whether a forward pass in training draws random numbers."""
        return False

    def _runner(self, x: np.ndarray, state: Any) -> Any:
        """A runner that starts from this state, for sequences like x (T, D, B), of any T."""
        return Runner(self, state)

    def stream(self, batch: int = 1) -> Stream:
        """A stream that carries the state from block to block; any split gives the same result."""
        return Stream(self, batch)


class StatelessLayer(Layer):
    """Base of layers that treat every time step alike and remember nothing.

    They take `(B, D)` as well as `(T, B, D)`, so that the same Dense serves a sequence and an MLP.
    """

    def _check(
        self, x: np.ndarray, state: Any, lengths: Any, size: int | None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """x in the layer's precision, 0 at padded steps, and the mask (T, B, 1) of real steps."""
        check_state(state, ())
        x = self._check_x(x, size)
        real = None
        if lengths is not None:
            real = real_steps(check_lengths(lengths, x), len(x))[:, :, None]
            x = mask_steps(x, real)  # before the cast: padding may hold anything, and a cast could overflow
        return x.astype(compute_dtype(self.dtype, x), copy=False), real

    def _check_x(self, x: Any, size: int | None) -> np.ndarray:
        x = check_array("x", x)
        if x.ndim not in (2, 3) or (size is not None and x.shape[-1] != size):
            expected = f"(T, B, {size or 'D'}) or (B, {size or 'D'})"
            raise ValueError(f"expected x of shape {expected}, got {x.shape}")
        return x

    def _check_dy(self, dy: np.ndarray, shape: tuple[int, ...], real: np.ndarray | None) -> np.ndarray:
        dy = check_array("dy", dy)
        if dy.shape != shape:
            raise ValueError(f"expected dy of shape {shape}, got {dy.shape}")
        dy = dy.astype(compute_dtype(self.dtype, dy), copy=False)
        return mask_steps(dy, real)

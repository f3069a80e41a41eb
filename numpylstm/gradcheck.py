"""Gradient checks: the complex step first, then a directional check and central differences.

The complex step (Squire & Trapp 1998) evaluates the loss at theta + i h e_k. With h = 1e-20,

    loss(theta + i h e_k) = loss(theta) + i h dloss/dtheta_k + O(h^2)

so the imaginary part over h is the derivative. Nothing is subtracted, so nothing cancels: it is exact to
rounding, about 1e-15, and there is no step size to tune. It needs a forward pass that lets complex
numbers through; every one in this package does.

Central differences, (loss(theta + h) - loss(theta - h)) / 2h, lose half of the digits: about 1e-9 at
best. They are kept for functions that are not complex-safe, and because lessons compare the two.
"""

import copy
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

import numpy as np

COMPLEX_STEP = 1e-20
TOLERANCES = {"complex": 1e-11, "directional": 1e-11, "central": 1e-6}
FLOOR = 1e-4
"""A tensor's error is taken relative to its norm, but never to less than this share of the norm of all
gradients: a tensor whose gradient is zero but for rounding is not wrong."""

Method = Literal["complex", "directional", "central"]


class GradcheckError(AssertionError):
    """Raised by `GradcheckReport.check` when a gradient is wrong."""


class TensorError(NamedTuple):
    """How far one tensor's gradient is off.

    Attributes:
        error: norm of the difference over the larger norm of the two; nan if a number is not finite.
        where: the first wrong index.
        got, expected: what backward gave there, and what the check gives.
    """

    error: float
    where: tuple[int, ...] | None
    got: float
    expected: float


class GradcheckReport:
    """What a check found.

    Attributes:
        tensors: a TensorError by the name of each tensor: "W_h", "x", "state.h", "0.W_x".
        errors: the error of each tensor, a plain number; nan where something was not finite.
        max_error: the largest of them, nan if any is.
        changed: names of inputs that forward or backward wrote into.
        breaches: sentences on what else of a layer's promises is broken: backward adds into grads, and a
            cache is a value that neither another forward nor backward itself spoils.
        method, tolerance: how it was checked and what was allowed.
        passed: every error within the tolerance, no input changed, no breach.
        diagnosis: one or two plain sentences.
    """

    def __init__(
        self,
        tensors: dict[str, TensorError],
        changed: list[str],
        method: str,
        tolerance: float,
        breaches: list[str] | None = None,
    ) -> None:
        self.tensors, self.changed, self.method, self.tolerance = tensors, changed, method, tolerance
        self.breaches = breaches or []
        self.errors = {name: tensor.error for name, tensor in tensors.items()}
        self.max_error = float(np.max(list(self.errors.values()), initial=0.0))  # nan if any is nan
        self.wrong = [name for name, error in self.errors.items() if not error <= tolerance]
        self.passed = not self.wrong and not changed and not self.breaches

    @property
    def diagnosis(self) -> str:
        right = [name for name in self.errors if name not in self.wrong]
        sentences = []
        for name in self.wrong:
            error, at, got, expected = self.tensors[name]
            size = "not finite" if np.isnan(error) else f"off by {percent(error)}"
            where = "" if at is None else f"; first at {list(at)}: got {got:.12g}, expected {expected:.12g}"
            sentences.append(f"d{name} is wrong ({size}{where}).")
        if self.wrong and right:
            worst = max(self.errors[name] for name in right)
            sentences.append(f"{', '.join('d' + name for name in right)} right to {worst:.0e}.")
        if self.changed:
            sentences.append(f"forward or backward wrote into its input: {', '.join(self.changed)}.")
        sentences += self.breaches
        return " ".join(sentences) or f"all {len(self.errors)} gradients right to {self.max_error:.0e}."

    def __str__(self) -> str:
        width = max([len(name) for name in self.errors] + [6])
        rows = [
            f"{name:<{width}}  {error:9.1e}  {'WRONG' if name in self.wrong else 'ok'}"
            for name, error in self.errors.items()
        ]
        head = f"{'tensor':<{width}}      error  ({self.method}, tolerance {self.tolerance:.0e})"
        return "\n".join([head, *rows, self.diagnosis])

    def __bool__(self) -> bool:
        return self.passed

    def check(self) -> "GradcheckReport":
        """Return the report, or raise GradcheckError with it if a gradient is wrong."""
        if not self.passed:
            raise GradcheckError(str(self))
        return self


def gradcheck(
    target: Any,
    x: Any,
    *,
    state: Any = None,
    lengths: Any = None,
    loss: Callable[[np.ndarray], tuple[Any, np.ndarray]] | None = None,
    method: Method = "complex",
    tolerance: float | None = None,
    step: float = 1e-5,
    directions: int = 3,
    training: bool = False,
    seed: int | np.random.Generator = 0,
) -> GradcheckReport:
    """Check every gradient of a layer, a network, or a function of your own.

    Args:
        target: a layer or network (anything with `forward`, `backward`, `params`, `grads`), or a function
            `f(x) -> (value, gradient)` such as `lambda y: losses.mse(y, t)`.
        x: input of the layer, (T, B, D) or classes (T, B); or the point where a function is checked.
        state: initial state. None draws a random one: the classic errors hide at zero. None for a part of it
            leaves that part to the layer: `state=(None,)` checks the parameters of an InitialState.
        lengths: (B,) for ragged sequences.
        loss: `loss(y) -> (value, dy)` put on the layer's output. None takes a random weighted sum, which
            no gradient can hide from. A random gradient into the final state is always added.
        method: "complex" checks each entry exactly; "directional" checks each tensor along some random
            directions, for large networks; "central" takes differences with `step`.
        tolerance: largest error allowed: 1e-11, for central differences 1e-6, if None.
        directions: how many random directions for "directional".
        training: whether dropout and noise act. Each evaluation draws the same ones.
        seed: of everything random in the check.

    Returns:
        A GradcheckReport: `report.max_error`, `report.errors["W_h"]`, `report.diagnosis`, `print(report)`.

    A float32 layer is checked through its float64 copy. The layer's own gradients are left as they were.
    """
    if method not in TOLERANCES:
        raise ValueError(f"expected method 'complex', 'directional' or 'central', got {method!r}")
    if tolerance is None:
        tolerance = TOLERANCES[method]
    if directions < 1 or not step > 0:
        raise ValueError(
            f"expected directions of at least 1 and a positive step, got {directions} and {step}"
        )
    rng = np.random.default_rng(seed)
    if isinstance(target, type):
        raise ValueError(f"expected a layer, got the class {target.__name__}: make one of it first")
    if hasattr(target, "forward") and hasattr(target, "backward"):
        problem = _layer_problem(target, x, state, lengths, loss, training, rng)
    elif callable(target):
        problem = _function_problem(target, x)
    else:
        raise ValueError(f"expected a layer, a network or a function, got {type(target).__name__}")
    derivative = _Derivative(problem.value, problem.point, method, step)

    names = list(problem.point)
    floor = FLOOR * float(np.linalg.norm([_norm(problem.gradient[name]) for name in names]))
    tensors = {}
    for name in names:
        got = problem.gradient[name]
        if method == "directional":
            basis = rng.standard_normal((directions, *got.shape))
            # Of length 1, so that the floor, a norm of gradients, means the same as for whole tensors.
            basis /= np.sqrt((basis**2).sum(axis=tuple(range(1, basis.ndim)), keepdims=True)) + 1e-300
            expected = np.array([derivative.along(name, direction) for direction in basis])
            tensors[name] = tensor_error(
                (basis * got).sum(axis=tuple(range(1, basis.ndim))), expected, floor, tolerance
            )
            if tensors[name].where is not None:  # an index among the directions says nothing
                tensors[name] = tensors[name]._replace(where=None)
        else:
            tensors[name] = tensor_error(got, derivative.full(name), floor, tolerance)
    return GradcheckReport(tensors, problem.changed, method, tolerance, problem.breaches)


def tensor_error(got: np.ndarray, expected: np.ndarray, floor: float, tolerance: float) -> TensorError:
    finite = np.isfinite(got) & np.isfinite(expected)
    difference = np.subtract(got, expected, out=np.zeros_like(expected), where=finite)
    scale = max(_norm(got), _norm(expected), floor)
    error = _norm(difference) / (scale or 1.0) if finite.all() else float("nan")
    if error <= tolerance:
        return TensorError(error, None, 0.0, 0.0)
    limit = tolerance * scale / np.sqrt(difference.size)
    wrong = np.argwhere(~finite | (np.abs(difference) > limit))
    index = tuple(int(k) for k in wrong[0])
    return TensorError(error, index, float(got[index]), float(expected[index]))


def _norm(array: np.ndarray) -> float:
    """The Euclidean norm of what is finite: an infinite entry must not make all else look right."""
    return float(np.linalg.norm(array[np.isfinite(array)]))


def percent(error: float) -> str:
    return f"{100 * error:.0f} %" if error >= 0.005 else f"{error:.1e}"


class _Problem(NamedTuple):
    """A scalar function of named arrays, the gradient to be checked, and inputs found changed."""

    value: Callable[[dict[str, np.ndarray]], Any]
    point: dict[str, np.ndarray]
    gradient: dict[str, np.ndarray]
    changed: list[str]
    breaches: list[str]


class _Derivative:
    """The derivative of a scalar function of named arrays, by a complex step or by differences."""

    def __init__(
        self,
        value: Callable[[dict[str, np.ndarray]], Any],
        point: dict[str, np.ndarray],
        method: str,
        step: float,
    ) -> None:
        self.value, self.point, self.method, self.step = value, point, method, step

    def along(self, name: str, direction: np.ndarray) -> float:
        """The derivative along a direction in one tensor."""
        if self.method == "central":
            ahead = self.value(self.point | {name: self.point[name] + self.step * direction})
            behind = self.value(self.point | {name: self.point[name] - self.step * direction})
            return float((ahead - behind).real / (2 * self.step))
        value = self.value(self.point | {name: self.point[name] + 1j * COMPLEX_STEP * direction})
        if not np.iscomplexobj(value):
            raise ValueError(
                f"the value stays real when {name} is complex: a complex part is dropped on the way, "
                "so the complex step cannot see through; take method='central'"
            )
        return float(value.imag / COMPLEX_STEP)

    def full(self, name: str) -> np.ndarray:
        """The derivative by every entry of one tensor."""
        derivative = np.empty(self.point[name].shape)
        direction = np.zeros(self.point[name].shape)
        for index in np.ndindex(derivative.shape):
            direction[index] = 1
            derivative[index] = self.along(name, direction)
            direction[index] = 0
        return derivative


def _function_problem(function: Callable[[Any], tuple[Any, np.ndarray]], x: Any) -> _Problem:
    x = np.array(x, dtype=float)
    before = x.copy()
    result = function(x)
    if not isinstance(result, tuple) or len(result) != 2:
        raise ValueError(f"expected the function to return (value, gradient), got {type(result).__name__}")
    gradient = np.array(result[1], dtype=float)
    if np.ndim(result[0]) != 0 or gradient.shape != x.shape:
        raise ValueError(
            f"expected a single value and a gradient of shape {x.shape}, "
            f"got shapes {np.shape(result[0])} and {gradient.shape}"
        )
    changed = [] if np.array_equal(x, before, equal_nan=True) else ["x"]
    return _Problem(lambda point: function(point["x"])[0], {"x": before}, {"x": gradient}, changed, [])


def _layer_problem(
    layer: Any, x: Any, state: Any, lengths: Any, loss: Any, training: bool, rng: np.random.Generator
) -> _Problem:
    """The loss of a layer as a function of its parameters, input and initial state."""
    # Classes (T, B) are no point to differentiate at: they stay what they are.
    classes = np.ndim(x) == 2 and hasattr(layer, "is_sequence") and layer.is_sequence(np.asarray(x))
    x = np.array(x) if classes else np.array(x, dtype=float)
    lengths = None if lengths is None else np.array(lengths)
    if getattr(layer, "dtype", None) == np.float32:
        layer = layer.astype(float)
    # Dropout and noise draw from a generator; each evaluation gets a fresh one of the same seed.
    noise_seed = int(rng.integers(2**32))

    def forward(network: Any, x: np.ndarray, state: Any) -> tuple[np.ndarray, Any, Any]:
        options = {"training": True, "rng": np.random.default_rng(noise_seed)} if training else {}
        if lengths is not None:
            options["lengths"] = lengths
        return network.forward(x, state, **options)

    like = forward(layer, x, state)[1]  # a state that was handed in may be plain tuples
    if state is None:
        state = _map(lambda s: 0.5 * rng.standard_normal(np.shape(s)), like)
    else:
        state = _in_the_form_of(like, state)

    params = dict(_params(layer))
    saved = [grad.copy() for _, grad in params.values()]

    def restore() -> None:
        for (_, grad), values in zip(params.values(), saved, strict=True):
            grad[...] = values

    for _, grad in params.values():
        grad[...] = 0
    inputs = {"x": x} | dict(_arrays(state, "state"))
    if lengths is not None:
        inputs["lengths"] = lengths
    inputs |= {name: param for name, (param, _) in params.items()}
    before = {name: array.copy() for name, array in inputs.items()}

    y, final, cache = forward(layer, x, state)
    # A cache that is a value does not mind a second forward before its backward.
    forward(layer, 0 * x if classes else 2 * x, state)
    weights = rng.standard_normal(y.shape)
    dfinal = _map(lambda s: rng.standard_normal(np.shape(s)), final)
    loss_of = loss or (lambda y: ((weights * y).sum(), weights.copy()))
    dy = loss_of(y)[1]
    inputs |= {"dy": dy, **dict(_arrays(dfinal, "dstate"))}
    before |= {name: array.copy() for name, array in inputs.items() if name not in before}
    try:
        dx, dstate = layer.backward(dy, cache, dfinal)
        changed = [
            name for name, array in inputs.items() if not np.array_equal(array, before[name], equal_nan=True)
        ]
        dx, once = np.array(dx, dtype=float), {name: np.array(grad) for name, (_, grad) in _params(layer)}
        breaches = [
            f"backward replaced grads[{name!r}]: it has to add into it."
            for name, (_, grad) in _params(layer)
            if not np.shares_memory(grad, params[name][1]) and grad.size
        ]
        if not (changed or breaches) and all(np.isfinite(grad).all() for grad in once.values()):
            breaches = _second_backward(layer, dy, cache, dfinal, dx, once)
    except BaseException:
        restore()
        raise

    by_state = {name: array for name, array in _arrays(dstate, "state") if name in inputs}
    gradient = ({} if classes else {"x": dx}) | by_state | once
    gradient = {name: np.array(array) for name, array in gradient.items()}
    restore()
    point = {name: before[name] for name in gradient}
    for name, array in point.items():
        if np.shape(gradient[name]) != array.shape:
            raise ValueError(f"expected d{name} of shape {array.shape}, got {np.shape(gradient[name])}")

    def value(point: dict[str, np.ndarray]) -> Any:
        dtype = np.result_type(*point.values())
        network = _astype(layer, dtype)
        for name, (param, _) in _params(network):
            param[...] = point[name]
        members = iter([point[name] for name, _ in _arrays(state, "state")])
        y, final, _ = forward(network, point.get("x", x), _map(lambda _: next(members), state))
        total = loss_of(y)[0]
        for (_, last), (_, weight) in zip(_arrays(final, ""), _arrays(dfinal, ""), strict=True):
            total = total + (last * weight).sum()
        return total

    return _Problem(value, point, gradient, changed, breaches)


def _second_backward(
    layer: Any, dy: np.ndarray, cache: Any, dfinal: Any, dx: np.ndarray, once: dict[str, np.ndarray]
) -> list[str]:
    """What a second backward of the same cache shows: it has to give the same and to add it once more."""
    again = np.array(layer.backward(dy, cache, dfinal)[0], dtype=float)  # None, for classes, becomes NaN
    if not np.array_equal(again, dx, equal_nan=True):
        return ["A second backward of the same cache gives another dx: backward writes into its cache."]
    for name, (_, grad) in _params(layer):
        if once[name].any() and np.array_equal(grad, once[name]):
            return [f"A second backward leaves grads[{name!r}] as it was: it has to add into it."]
    return []


def _params(layer: Any) -> Iterator[tuple[str, tuple[np.ndarray, np.ndarray]]]:
    """(name, (parameter, gradient)); a class of your own needs only `params` and `grads`."""
    if hasattr(layer, "named_params"):
        yield from ((name, (param, grad)) for name, param, grad in layer.named_params())
    else:
        yield from ((name, (layer.params[name], layer.grads[name])) for name in layer.params)


def _astype(layer: Any, dtype: np.dtype) -> Any:
    if hasattr(layer, "astype"):
        return layer.astype(dtype)
    layer = copy.deepcopy(layer)
    layer.params = {name: param.astype(dtype) for name, param in layer.params.items()}
    return layer


def _arrays(state: Any, name: str) -> Iterator[tuple[str, np.ndarray]]:
    """(name, array) of every array in nested tuples: `state.h`, `state.0.c`."""
    if isinstance(state, tuple | list):
        for key, member in zip(getattr(state, "_fields", range(len(state))), state, strict=True):
            yield from _arrays(member, f"{name}.{key}")
    elif state is not None:
        yield name, np.asarray(state)


def _in_the_form_of(like: Any, state: Any) -> Any:
    """A state that was handed in, as the named tuples that `like` consists of; None stays None."""
    if state is None or not isinstance(like, tuple | list):
        return None if state is None else np.array(state, dtype=float)
    members = [_in_the_form_of(part, given) for part, given in zip(like, state, strict=True)]
    return type(like)(*members) if hasattr(like, "_fields") else tuple(members)


def _map(function: Callable[[Any], Any], state: Any) -> Any:
    if isinstance(state, tuple | list):
        members = [_map(function, member) for member in state]
        return type(state)(*members) if hasattr(state, "_fields") else tuple(members)
    return None if state is None else function(state)

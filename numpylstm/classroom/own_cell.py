"""A recurrent cell for every student's number, with equations that we know from no paper and no library.

A cell is its equations: the lines that are printed for the student are parsed and computed, so that text and
numbers cannot disagree. They are put together from a grammar of 82,944 cells, rates apart. The number alone
decides, today and in years: it goes through a hash, not through a random generator. One line assigns one
name, in the notation of the whole package:

    W_ux x_t          a matrix, here (H, D), times a vector of each sequence: W_ux (u h_{t-1})
    u v, p_u u^2      entry by entry
    soft(a_u)         one of FUNCTIONS, entry by entry

There is no backward pass here or anywhere. What a gradient should be, the complex step says (see gradcheck):
all entries of a tensor at once, as one more axis behind the time.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..gradcheck import COMPLEX_STEP


class Function(NamedTuple):
    """A function of one number: how it is written for the student, and itself, which is complex-safe."""

    formula: str
    call: Callable[[np.ndarray], np.ndarray]


FUNCTIONS = {
    "tanh": Function("tanh(a)", np.tanh),
    "soft": Function("a / sqrt(1 + a^2)", lambda a: a / np.sqrt(1 + a * a)),
    "sin": Function("sin(a)", np.sin),
    "arctan": Function("arctan(a)", np.arctan),
    "sigmoid": Function("1 / (1 + exp(-a))", lambda a: 0.5 * (1 + np.tanh(0.5 * a))),
    "bell": Function("1 / (1 + a^2)", lambda a: 1 / (1 + a * a)),
    "gauss": Function("exp(-a^2)", lambda a: np.exp(-a * a)),
}

# The grammar. u and w lie in ±1 (arctan: ±1.6), v in [0, 1], so that every state stays small.
SQUASHING, GATES = ("tanh", "soft", "sin", "arctan"), ("sigmoid", "bell", "gauss")
RATES = (("0.6", "0.4"), ("0.7", "0.3"), ("0.8", "0.2"), ("0.9", "0.1"))  # of a leaky memory

A_U = (  # each is quadratic or bilinear
    "W_ux x_t + W_uh h_{t-1}^2 + b_u",
    "W_ux x_t + (V_ux x_t) (W_uh h_{t-1}) + b_u",
    "W_ux x_t + W_uh h_{t-1} + p_u h_{t-1}^2 + b_u",
    "(1 + h_{t-1}) (W_ux x_t) + W_uh h_{t-1} + b_u",
)
A_U_WITH_C = (
    *A_U,
    "W_ux x_t + W_uh (c_{t-1} h_{t-1}) + b_u",
    "W_ux x_t + W_uh h_{t-1} + p_u c_{t-1}^2 + b_u",
)
A_V = (  # each sees u, of the same step
    "W_vx x_t + W_vh (u h_{t-1}) + b_v",
    "W_vx x_t + W_vh h_{t-1} + W_vu u + b_v",
    "W_vx x_t + W_vh (h_{t-1} - u) + b_v",
    "W_vx x_t + W_vh h_{t-1} + p_v u^2 + b_v",
)
A_V_WITH_C = (*A_V, "W_vx x_t + W_vh h_{t-1} + p_v u c_{t-1} + b_v")
A_W = (
    "W_wx x_t + W_wh (v h_{t-1}) + b_w",
    "W_wx x_t + W_wh h_{t-1} + W_wu (u v) + b_w",
    "W_wx x_t + W_wh (u - v h_{t-1}) + b_w",
)
C_T = (
    "{leak} c_{t-1} + {rest} u v",
    "{leak} c_{t-1} + {rest} (u - v c_{t-1})",
    "v c_{t-1} + (1 - v) u^2",
    "v c_{t-1} + (1 - v) (u - v h_{t-1})",
    "{f}(c_{t-1} + u v)",
)
H_T_WITH_C = (
    "v {f}(c_t)",
    "v h_{t-1} + (1 - v) {f}(c_t)",
    "{f}(c_t - v h_{t-1})",
    "u {f}(c_t + h_{t-1})",
    "{leak} h_{t-1} + {rest} u {f}(c_t)",
)
H_T = (
    "v h_{t-1} + (1 - v) u w",
    "v u + (1 - v) w h_{t-1}",
    "{f}(u + v w h_{t-1})",
    "{f}(w h_{t-1} + u v)",
    "{leak} h_{t-1} + {rest} (v u + (1 - v) w)",
)


@dataclass(frozen=True)
class Cell:
    """One time step as lines "name = expression", to be read from top to bottom.

    Attributes:
        number: of the student.
        equations: the lines.
    """

    number: int
    equations: tuple[str, ...]

    @property
    def state(self) -> tuple[str, ...]:
        """What the cell remembers: ("h",) or ("h", "c")."""
        return ("h", "c") if any(line.startswith("c_t") for line in self.equations) else ("h",)

    @property
    def functions(self) -> dict[str, str]:
        """The formulas of the functions that occur, by name."""
        words = set(re.findall(r"[a-z]+(?=\()", self.text))
        return {name: function.formula for name, function in FUNCTIONS.items() if name in words}

    @property
    def text(self) -> str:
        """The equations, below each other, with their signs of equality aligned."""
        pairs = [line.split(" = ") for line in self.equations]
        return "\n".join(f"{name:<3} = {expression}" for name, expression in pairs)

    def shapes(self, D: int, H: int) -> dict[str, tuple[int, ...]]:
        """Shapes of the parameters by name, in the order in which they occur."""
        shapes: dict[str, tuple[int, ...]] = {}
        for name in re.findall(r"\b[WVbp]_[a-z]+", self.text):
            # The second letter after the stroke says what a matrix is multiplied by.
            shapes[name] = (H,) if name[0] in "bp" else (H, D if name.endswith("x") else H)
        return shapes


def draw(number: int) -> Cell:
    """The cell of a student's number, always the same.

    Raises:
        ValueError: the number is not a whole number from 0 on.
    """
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise ValueError(f"expected a student's number, a whole number from 0 on, got {number!r}")
    rest = int.from_bytes(hashlib.sha256(f"cell {number}".encode()).digest(), "big")

    def one_of(options: Sequence[Any]) -> Any:
        nonlocal rest
        rest, index = divmod(rest, len(options))
        return options[index]

    def line(name: str, options: Sequence[str]) -> str:
        (leak, other), expression = one_of(RATES), one_of(options)
        for placeholder, text in (("{leak}", leak), ("{rest}", other), ("{f}", one_of(SQUASHING))):
            expression = expression.replace(placeholder, text)
        return f"{name} = {expression}"

    with_c = one_of((True, False))
    u, v, w = one_of(SQUASHING), one_of(GATES), one_of(SQUASHING)
    first = (line("a_u", A_U_WITH_C if with_c else A_U), f"u = {u}(a_u)")
    second = (line("a_v", A_V_WITH_C if with_c else A_V), f"v = {v}(a_v)")
    if with_c:
        return Cell(number, (*first, *second, line("c_t", C_T), line("h_t", H_T_WITH_C)))
    return Cell(number, (*first, *second, line("a_w", A_W), f"w = {w}(a_w)", line("h_t", H_T)))


# Reading an equation: sum := term (+ or - term)..., term := factor factor..., a name of a matrix taking the
# one factor after it, factor := number, name, function(sum) or (sum), and ^2 perhaps.
TOKEN = re.compile(r"\s*(\d+(?:\.\d+)?|[A-Za-z]+(?:_\{t-1\}|_[a-z]+)?|\^2|[-+()])")


def parse(text: str) -> Any:
    """An expression as nested tuples (operator, operand, ...), names and numbers."""
    tokens = TOKEN.findall(text)[::-1]
    expression = _sum(tokens)
    if tokens:
        raise ValueError(f"expected an expression, got {text!r}")
    return expression


def _sum(tokens: list[str]) -> Any:
    left = _product(tokens)
    while tokens and tokens[-1] in "+-":
        left = (tokens.pop(), left, _product(tokens))
    return left


def _product(tokens: list[str]) -> Any:
    left = _factor(tokens)
    while tokens and tokens[-1] not in ("+", "-", ")"):
        matrix = isinstance(left, str) and left[0] in "WV"
        left = ("@" if matrix else " ", left, _factor(tokens))
    return left


def _factor(tokens: list[str]) -> Any:
    token = tokens.pop()
    factor: Any = token
    if token == "(" or token in FUNCTIONS:
        if token != "(":
            tokens.pop()
        inside = _sum(tokens)
        tokens.pop()
        factor = inside if token == "(" else (token, inside)
    elif token[0].isdigit():
        factor = float(token)
    if tokens and tokens[-1] == "^2":
        factor = (tokens.pop(), factor)
    return factor


def value(expression: Any, values: Mapping[str, Any]) -> Any:
    """What an expression is, given the values of the names in it."""
    if isinstance(expression, str):
        return values[expression]
    if isinstance(expression, float):
        return expression
    operator, *operands = expression
    numbers = [value(operand, values) for operand in operands]
    match operator:
        case "+":
            return numbers[0] + numbers[1]
        case "-":
            return numbers[0] - numbers[1]
        case " ":
            return numbers[0] * numbers[1]
        case "@":
            return numbers[1] @ numbers[0].swapaxes(-1, -2)
        case "^2":
            return numbers[0] * numbers[0]
        case _:
            return FUNCTIONS[operator].call(numbers[0])


class Task(NamedTuple):
    """A cell at work: its input, and the gradient that comes from the loss.

    Attributes:
        cell: whose equations.
        x: (T, B, D).
        state: the initial state, (B, H) each.
        params: by name.
        dh: (T, B, H), the gradient of the loss by all h_t.
        dfinal: (B, H) each, the gradient by the final state, which comes on top.
    """

    cell: Cell
    x: np.ndarray
    state: tuple[np.ndarray, ...]
    params: dict[str, np.ndarray]
    dh: np.ndarray
    dfinal: tuple[np.ndarray, ...]

    @property
    def point(self) -> dict[str, np.ndarray]:
        """All there is a gradient by: "x", "h0", "c0" if there is a c, and the parameters."""
        state = zip(self.cell.state, self.state, strict=True)
        return {"x": self.x} | {f"{name}0": array for name, array in state} | self.params


def task(cell: Cell, T: int, B: int, D: int, H: int, rng: np.random.Generator) -> Task:
    """Random numbers of such sizes that no unit saturates: weights of 1 over the root of the columns."""
    params = {
        name: rng.normal(scale=0.5 if len(shape) == 1 else shape[1] ** -0.5, size=shape)
        for name, shape in cell.shapes(D, H).items()
    }
    state = tuple(rng.normal(scale=0.7, size=(B, H)) for _ in cell.state)
    dfinal = tuple(rng.normal(size=(B, H)) for _ in cell.state)
    return Task(cell, rng.normal(size=(T, B, D)), state, params, rng.normal(size=(T, B, H)), dfinal)


def forward(cell: Cell, x: Any, state: Any, params: Any) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """x (T, B, D), a tuple of (B, H) and the parameters -> h (T, B, H), the final state.

    Each of them may have one more axis, of variants to be computed at once: x then behind the time, others
    in front. The result has it behind the time.
    """
    lines = [(name, parse(expression)) for name, expression in (line.split(" = ") for line in cell.equations)]
    values = {name: param[..., None, :] if name[0] in "bp" else param for name, param in params.items()}
    values |= {f"{name}_{{t-1}}": array for name, array in zip(cell.state, state, strict=True)}
    h = []
    for x_t in x:
        values["x_t"] = x_t
        for name, expression in lines:
            values[name] = value(expression, values)
        h.append(values["h_t"])
        values |= {f"{name}_{{t-1}}": values[f"{name}_t"] for name in cell.state}
    # A state that starts without the axis of variants may get it later: h_T alone has it when T = 1.
    return np.stack(np.broadcast_arrays(*h)), tuple(values[f"{name}_t"] for name in cell.state)


def derivatives(task: Task, name: str, directions: np.ndarray) -> np.ndarray:
    """The derivatives of the loss, sum(dh h) + sum(dfinal final), along directions (n, ...) of one tensor."""
    varied = task.point | {name: task.point[name] + 1j * COMPLEX_STEP * directions}
    if name == "x":
        varied["x"] = varied["x"].swapaxes(0, 1)
    state = [varied[f"{part}0"] for part in task.cell.state]
    h, final = forward(task.cell, varied["x"], state, {key: varied[key] for key in task.params})
    loss = (task.dh[:, None] * h).sum(axis=(0, 2, 3))
    for array, gradient in zip(final, task.dfinal, strict=True):
        loss = loss + (gradient * array).sum(axis=(-2, -1))
    return loss.imag / COMPLEX_STEP


def gradients(task: Task) -> dict[str, np.ndarray]:
    """The gradient by every entry of `task.point`, named "dx", "dh0", "dW_ux" and so on."""
    return {
        f"d{name}": derivatives(task, name, np.eye(array.size).reshape(-1, *array.shape)).reshape(array.shape)
        for name, array in task.point.items()
    }


def along(gradients: Mapping[str, np.ndarray], directions: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Gradients along directions (n, ...) of each tensor: what `derivatives` is to be held against."""
    return {
        name: np.tensordot(directions[name], gradients[name], gradients[name].ndim) for name in directions
    }


def described(cell: Cell) -> Iterator[str]:
    """A cell for its student's README.md, line by line."""
    yield f"## The cell of number {cell.number}"
    yield ""
    yield from (f"    {line}" for line in cell.text.splitlines())
    yield ""
    for name, formula in cell.functions.items():
        if not formula.startswith(name):
            yield f"`{name}(a) = {formula}`, entry by entry."
    yield ""
    yield f"State `({', '.join(cell.state)}{',' * (len(cell.state) == 1)})`. Parameters, and their gradients:"
    yield ""
    yield "| name | shape |"
    yield "|---|---|"
    letters = {3: "D", 5: "H"}  # two sizes that no cell confuses
    for name, shape in cell.shapes(3, 5).items():
        yield f"| `{name}` | ({', '.join(letters[size] for size in shape)}{',' * (len(shape) == 1)}) |"

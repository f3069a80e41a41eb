"""The table of `numpylstm gradcheck`: every layer with every option, and every loss, by the complex step."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .. import losses
from ..gradcheck import gradcheck
from ..layers import (
    GRU,
    LSTM,
    MLP,
    RNN,
    AcrossBands,
    Activation,
    Bidirectional,
    Colour,
    Compress,
    ConcatHidden,
    Context,
    Dense,
    Dropout,
    EachBand,
    GaussianNoise,
    Grey,
    InitialState,
    Layer,
    Mask,
    Mean,
    Pick,
    Residual,
    Sequential,
    Standardize,
    VectorProduct,
)

STEPS, BATCH, SIZE, HIDDEN = 6, 3, 4, 5
LENGTHS = (6, 2, 4)


class Row(NamedTuple):
    """One line of the table: what was checked, the largest error, the worst tensor."""

    name: str
    error: float
    tensor: str
    passed: bool


def cases() -> Iterator[tuple[str, Layer]]:
    """Every layer and option by the words that make it."""
    D, H = SIZE, HIDDEN
    yield "LSTM", LSTM(D, H)
    yield "LSTM bias=False", LSTM(D, H, bias=False)
    yield "LSTM peepholes=True", LSTM(D, H, peepholes=True, init="pytorch")
    yield "LSTM peepholes=True bias=False", LSTM(D, H, peepholes=True, bias=False, init="pytorch")
    yield "LSTM recurrent_dropout=0.3", LSTM(D, H, recurrent_dropout=0.3)
    yield "GRU reset_after=True", GRU(D, H, init="pytorch")
    yield "GRU reset_after=False", GRU(D, H, reset_after=False, init="pytorch")
    yield "GRU bias=False", GRU(D, H, bias=False)
    yield "GRU recurrent_dropout=0.3", GRU(D, H, recurrent_dropout=0.3)
    yield "GRU reset_after=False recurrent_dropout=0.3", GRU(D, H, reset_after=False, recurrent_dropout=0.3)
    yield "RNN tanh", RNN(D, H)
    yield "RNN relu", RNN(D, H, activation="relu")
    yield "RNN bias=False", RNN(D, H, bias=False)
    yield "RNN recurrent_dropout=0.3", RNN(D, H, recurrent_dropout=0.3)
    for activation in (None, "sigmoid", "tanh", "relu", "softmax"):
        yield f"Dense {activation or 'linear'}", Dense(D, H, activation=activation)
    yield "Dense bias=False", Dense(D, H, bias=False)
    for activation in ("sigmoid", "tanh", "relu", "softmax"):
        yield f"Activation {activation}", Activation(activation)
    yield "Dropout", Dropout(0.3)
    yield "Dropout per_sequence=True", Dropout(0.3, per_sequence=True)
    yield "GaussianNoise", GaussianNoise(0.1)
    for merge in ("concat", "sum", "mean"):
        yield f"Bidirectional {merge}", Bidirectional(LSTM(D, H), GRU(D, H), merge=merge)
    yield "Residual", Residual(Sequential(LSTM(D, H), Dense(H, D)))
    yield "Mean", Mean(LSTM(D, H), GRU(D, H), Dense(D, H))
    yield "ConcatHidden", Sequential(ConcatHidden(LSTM(D, H), GRU(H, 3)), MLP(H + 3, 4, 2))
    yield "Sequential", Sequential(LSTM(D, H), Dropout(0.2), RNN(H, 3), Dense(3, 2))
    yield "MLP", MLP(D, 6, 3, activation="tanh", dropout=0.2)
    yield "Compress", Compress()
    yield "Compress gain=1", Compress(1)
    yield "Standardize", Standardize(D)
    yield "Standardize, fitted", Standardize(D, mean=range(D), deviation=range(1, D + 1))
    yield "Colour", Colour()
    yield "Colour n=0.3", Colour(0.3)
    yield "Grey", Sequential(Colour(), Grey())
    yield "Grey n=0.3", Sequential(Context(D), Grey(0.3))
    yield "VectorProduct", Sequential(Context(D), VectorProduct(D, H))
    yield "VectorProduct bias=False", Sequential(Colour(), VectorProduct(D, H, bias=False, activation="tanh"))
    yield "Context", Context(D, 2, 1)
    yield "Context after=0", Context(D, 3, 0)
    yield "EachBand", EachBand(Sequential(LSTM(D // 2, H), Dense(H, 3)), 2)
    yield "AcrossBands", AcrossBands(Bidirectional(LSTM(D // 2, H), GRU(D // 2, H)), 2)
    yield "EachBand bands=4", EachBand(RNN(1, 2), 4)
    yield "AcrossBands bands=4", AcrossBands(LSTM(1, H), 4)
    yield "Pick", Pick(D, [3, 0, 0, 2, 3, 3])
    yield "Pick one", Pick(D, [1])
    yield "Mask ratio", Mask(Sequential(LSTM(D, H), Dense(H, 2 * D)))
    yield "Mask ratio eps=0.1", Mask(Dense(D, 2 * D), eps=0.1)
    yield "Mask softmax", Mask(Sequential(LSTM(D, H), Dense(H, 2 * D)), kind="softmax")
    yield "InitialState", InitialState(Sequential(LSTM(D, H), GRU(H, 3)))


def loss_cases(rng: np.random.Generator) -> Iterator[tuple[str, Any, np.ndarray]]:
    """Every loss as a function of y alone."""
    y = rng.standard_normal((STEPS, BATCH, SIZE))
    target = rng.random(y.shape)
    classes = rng.integers(0, SIZE, y.shape[:2])
    lengths = np.array(LENGTHS)
    yield "mse", lambda y: losses.mse(y, target, lengths), y
    yield "sse", lambda y: losses.sse(y, target, lengths), y
    yield "esr", lambda y: losses.esr(y, target, lengths), y
    yield "softmax_cross_entropy", lambda y: losses.softmax_cross_entropy(y, classes, lengths), y
    yield "sigmoid_cross_entropy", lambda y: losses.sigmoid_cross_entropy(y, target, lengths), y
    yield "generalised_kl", lambda y: losses.generalised_kl(y, target, lengths), y * y + 0.1
    yield "phase", lambda y: losses.phase(y, target, lengths, weights=target * target), y
    yield "discriminative", lambda y: losses.discriminative(y, target, lengths), y


def check_all(seed: int = 0, quick: bool = False) -> list[Row]:
    """Check everything: random states, a gradient into the final state, whole and ragged sequences.

    An InitialState starts from its own. With `quick` only ragged ones, which are the harder half.
    """
    rows = []
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((STEPS, BATCH, SIZE))
    for name, layer in cases():
        layer.initialize(rng)
        state = (None,) if isinstance(layer, InitialState) else None  # its parameters are the state
        for lengths in (LENGTHS,) if quick else (None, LENGTHS):
            report = gradcheck(layer, x, state=state, lengths=lengths, training=True, seed=rng)
            rows.append(_row(name + ("" if lengths is None else ", ragged"), report))
    for name, function, y in loss_cases(rng):
        rows.append(_row(f"loss {name}, ragged", gradcheck(function, y)))
    return rows


def _row(name: str, report: Any) -> Row:
    worst = max(report.errors, key=lambda tensor: _order(report.errors[tensor]))
    return Row(name, report.errors[worst], f"d{worst}", report.passed)


def _order(error: float) -> float:
    """NaN is worse than any number."""
    return math.inf if math.isnan(error) else error


def worst(rows: list[Row]) -> float:
    return max((row.error for row in rows), key=_order)


def table(rows: list[Row]) -> str:
    """The rows as text, and the largest error below."""
    width = max(len(row.name) for row in rows)
    lines = [f"{'layer':<{width}}   max error   worst tensor"]
    lines += [
        f"{row.name:<{width}}   {row.error:9.1e}   {row.tensor:<14} {'ok' if row.passed else 'WRONG'}"
        for row in rows
    ]
    failed = sum(not row.passed for row in rows)
    verdict = "all right to 11 digits" if not failed else f"{failed} of {len(rows)} WRONG"
    return "\n".join([*lines, f"{len(rows)} checks, largest error {worst(rows):.1e}: {verdict}"])

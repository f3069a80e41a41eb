"""Hypothesis strategies: any layer or network of the package, and a batch of sequences to run it on.

Importing this module loads the profile of the suite: the same examples in every run, no time limits.
"""

from typing import Any, NamedTuple

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from numpylstm import (
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
from numpylstm.activations import ACTIVATIONS
from numpylstm.layers.state import map_state

settings.register_profile(
    "numpylstm",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("numpylstm")

seeds = st.integers(0, 2**32 - 1)
input_sizes = st.integers(1, 4)
hidden_sizes = st.integers(1, 5)
inits = st.sampled_from(["default", "pytorch", "tensorflow", "zeros"])
rates = st.sampled_from([0.0, 0.3, 0.6])
activation_names = st.sampled_from([*ACTIVATIONS])


# Single layers for an input of D features


def lstms(D: int, H: Any = hidden_sizes) -> st.SearchStrategy[Layer]:
    return st.builds(
        LSTM,
        st.just(D),
        H,
        bias=st.booleans(),
        peepholes=st.booleans(),
        recurrent_dropout=rates,
        forget_bias=st.sampled_from([1.0, -0.5]),
        init=inits,
        seed=seeds,
    )


def grus(D: int, H: Any = hidden_sizes) -> st.SearchStrategy[Layer]:
    return st.builds(
        GRU,
        st.just(D),
        H,
        bias=st.booleans(),
        reset_after=st.booleans(),
        recurrent_dropout=rates,
        init=inits,
        seed=seeds,
    )


def rnns(D: int, H: Any = hidden_sizes) -> st.SearchStrategy[Layer]:
    return st.builds(
        RNN,
        st.just(D),
        H,
        bias=st.booleans(),
        activation=st.sampled_from(["tanh", "relu"]),
        recurrent_dropout=rates,
        init=inits,
        seed=seeds,
    )


def cells(D: int, H: Any = hidden_sizes) -> st.SearchStrategy[Layer]:
    return lstms(D, H) | grus(D, H) | rnns(D, H)


def denses(D: int, O: Any = hidden_sizes) -> st.SearchStrategy[Layer]:
    return st.builds(
        Dense,
        st.just(D),
        O,
        bias=st.booleans(),
        activation=st.none() | activation_names,
        init=inits,
        seed=seeds,
    )


def same_width() -> st.SearchStrategy[Layer]:
    """Layers without parameters: y is as wide as x, whatever that is."""
    return (
        st.builds(Activation, activation_names)
        | st.builds(Dropout, rates, per_sequence=st.booleans(), seed=seeds)
        | st.builds(GaussianNoise, st.sampled_from([0.0, 0.5]), seed=seeds)
        | st.builds(Compress, st.sampled_from([0.5, 2.0]))
    )


def features(D: int, causal: bool) -> st.SearchStrategy[Layer]:
    """Layers made for features, most without parameters."""
    numbers = st.floats(0.5, 2)
    statistics = st.lists(numbers, min_size=D, max_size=D)
    standardize = st.builds(Standardize, st.just(D), mean=statistics, deviation=statistics)
    context = st.builds(Context, st.just(D), st.integers(0, 3), st.just(0) if causal else st.integers(0, 2))
    # A small n is a steep slope, and rounding in float32 would go up it layer by layer.
    pick = st.builds(Pick, st.just(D), st.lists(st.integers(0, D - 1), min_size=1, max_size=6))
    drawn = standardize | context | pick | st.builds(Colour, st.just(0.3))
    if D % 3:
        return drawn
    vector_product = st.builds(
        VectorProduct,
        st.just(D // 3),
        hidden_sizes,
        bias=st.booleans(),
        activation=st.none() | activation_names,
        init=inits,
        seed=seeds,
    )
    return drawn | vector_product | st.builds(Grey, st.just(0.3))


def plain_layers(D: int, causal: bool = False) -> st.SearchStrategy[Layer]:
    """Any layer that is no container, recurrent ones more often."""
    return cells(D) | cells(D) | denses(D) | same_width() | features(D, causal)


# Containers


def width(D: int, *stack: Layer) -> int:
    """How many features come out of layers, one after the other, when D features go into the first."""
    for layer in stack:
        D = layer.predict(np.zeros((1, 1, D))).shape[2]
    return D


@st.composite
def stacks(draw: st.DrawFn, D: int, most: int, causal: bool, depth: int) -> list[Layer]:
    """One to `most` layers, each as wide at its door as the one before it at its end."""
    stack: list[Layer] = []
    for _ in range(draw(st.integers(1, most))):
        stack.append(draw(layers(D, causal, depth)))
        D = width(D, stack[-1])
    return stack


@st.composite
def bidirectionals(draw: st.DrawFn, D: int) -> Layer:
    merge = draw(st.sampled_from(["concat", "sum", "mean"]))
    H = draw(hidden_sizes)
    there = draw(cells(D, st.just(H)))
    back = draw(cells(D, hidden_sizes if merge == "concat" else st.just(H)))
    return Bidirectional(there, back, merge=merge)


@st.composite
def residuals(draw: st.DrawFn, D: int, causal: bool, depth: int) -> Layer:
    kind = draw(st.sampled_from(["cell", "dense", "same width", "stack"]))
    if kind == "cell":
        return Residual(draw(cells(D, st.just(D))))
    if kind == "dense":
        return Residual(draw(denses(D, st.just(D))))
    if kind == "same width":
        return Residual(draw(same_width()))
    stack = draw(stacks(D, 2, causal, depth))
    return Residual(Sequential(*stack, draw(denses(width(D, *stack), st.just(D)))))


@st.composite
def banded(draw: st.DrawFn, D: int, causal: bool, depth: int) -> Layer:
    """The features as bands: a layer for each, or across them, which may see all of a frame."""
    bands = draw(st.sampled_from([n for n in range(1, D + 1) if D % n == 0]))
    kind = draw(st.sampled_from([EachBand, AcrossBands]))
    return kind(draw(layers(D // bands, causal and kind is EachBand, depth)), bands)


@st.composite
def means(draw: st.DrawFn, D: int) -> Layer:
    H = draw(hidden_sizes)
    one_width = cells(D, st.just(H)) | denses(D, st.just(H))
    return Mean(*draw(st.lists(one_width, min_size=1, max_size=3)))


@st.composite
def masks(draw: st.DrawFn, D: int, causal: bool, depth: int) -> Layer:
    stack = draw(stacks(D, 2, causal, depth)) if draw(st.booleans()) else []
    last = draw(denses(width(D, *stack), st.just(2 * D)))
    # Near 0 a ratio is as rough as eps is small: far too rough to compare float32 with.
    options = {"kind": draw(st.sampled_from(["ratio", "softmax"])), "eps": 0.1}
    return Mask(Sequential(*stack, last) if stack else last, **options)


@st.composite
def initial_states(draw: st.DrawFn, D: int, causal: bool, depth: int) -> Layer:
    cell = draw(cells(D))
    stack = draw(stacks(width(D, cell), 2, causal, depth)) if draw(st.booleans()) else []
    net = InitialState(Sequential(cell, *stack) if stack else cell)
    net.params["start"][...] = np.random.default_rng(draw(seeds)).standard_normal(net.params["start"].shape)
    return net


@st.composite
def mlps(draw: st.DrawFn, D: int) -> Layer:
    return MLP(
        D,
        *draw(st.lists(hidden_sizes, min_size=1, max_size=2)),
        activation=draw(activation_names),
        output_activation=draw(st.none() | activation_names),
        dropout=draw(rates),
        init=draw(inits),
        seed=draw(seeds),
    )


@st.composite
def layers(draw: st.DrawFn, D: int, causal: bool = False, depth: int = 2) -> Layer:
    """Any layer or network for D input features, containers nested at most `depth` deep."""
    kinds = ["plain"]
    if depth:
        kinds += [
            "sequential",
            "residual",
            "mask",
            "banded",
            "mean",
            "initial_state",
            "concat_hidden",
            "mlp",
        ] + ["bidirectional"] * (not causal)
    kind = draw(st.sampled_from(kinds))
    if kind == "plain":
        return draw(plain_layers(D, causal))
    if kind == "sequential":
        return Sequential(*draw(stacks(D, 3, causal, depth - 1)))
    if kind == "residual":
        return draw(residuals(D, causal, depth - 1))
    if kind == "mask":
        return draw(masks(D, causal, depth - 1))
    if kind == "mean":
        return draw(means(D))
    if kind == "banded":
        return draw(banded(D, causal, depth - 1))
    if kind == "initial_state":
        return draw(initial_states(D, causal, depth - 1))
    if kind == "concat_hidden":
        return ConcatHidden(*draw(stacks(D, 3, causal, depth - 1)))
    if kind == "mlp":
        return draw(mlps(D))
    return draw(bidirectionals(D))


# A layer together with everything that forward and backward take


class Case(NamedTuple):
    """A network with random parameters and what to run it on."""

    net: Layer
    x: np.ndarray  # (T, B, D)
    state: Any  # never zero: wrong recurrent terms hide there
    lengths: np.ndarray | None
    dy: np.ndarray
    dstate: Any  # gradient by the final state
    seed: int  # of dropout and noise


@st.composite
def cases(
    draw: st.DrawFn,
    layer: Any = layers,
    ragged: bool | None = None,
    **options: Any,
) -> Case:
    """A case for `layer(D, **options)`; ragged None leaves open whether there are lengths."""
    D = draw(input_sizes)
    net = draw(layer(D, **options))
    T, B = draw(st.integers(0, 6)), draw(st.integers(1, 4))
    lengths = None
    if draw(st.booleans()) if ragged is None else ragged:
        lengths = np.array(draw(st.lists(st.integers(0, T), min_size=B, max_size=B)))
    seed = draw(seeds)
    return fill(net, T, B, D, seed, lengths)


def fill(net: Layer, T: int, B: int, D: int, seed: int, lengths: np.ndarray | None = None) -> Case:
    """Random parameters, biases and peepholes among them, and a random batch for a network."""
    rng = np.random.default_rng(seed)
    net.theta[...] += 0.3 * rng.standard_normal(net.theta.size)

    def normal(array: np.ndarray) -> np.ndarray:
        return rng.standard_normal(array.shape)

    x = rng.standard_normal((T, B, D))
    state = map_state(normal, net.initial_state(B))
    dy = rng.standard_normal((T, B, width(D, net)))
    return Case(net, x, state, lengths, dy, map_state(normal, net.initial_state(B)), seed)

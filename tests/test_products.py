"""Products of many steps at once: classes in place of one-hot vectors, blocks, and the plain equations."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit as sigmoid
from strategies import fill, seeds

import numpylstm as nl
from numpylstm import GRU, LSTM, RNN, ConcatHidden, Dense, Sequential
from numpylstm.layers import products, recurrent
from numpylstm.layers.buffers import Buffers
from numpylstm.layers.products import Gradient, Input
from numpylstm.layers.state import map_state, state_arrays

CELLS = {
    "lstm": lambda D, H: LSTM(D, H, seed=0),
    "lstm_no_bias": lambda D, H: LSTM(D, H, bias=False, seed=0),
    "lstm_peepholes": lambda D, H: LSTM(D, H, peepholes=True, seed=0),
    "gru_after": lambda D, H: GRU(D, H, seed=0),
    "gru_after_no_bias": lambda D, H: GRU(D, H, bias=False, seed=0),
    "gru_before": lambda D, H: GRU(D, H, reset_after=False, seed=0),
    "rnn": lambda D, H: RNN(D, H, seed=0),
    "rnn_relu": lambda D, H: RNN(D, H, activation="relu", seed=0),
}
every_cell = pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
# H of 100 has large recurrent weights in every cell; a D of 250 is projected apart even in an LSTM.
sizes = pytest.mark.parametrize(
    "size",
    [(7, 5), (7, 100), (250, 20), (1, 4)],
    ids=["narrow", "wide", "wide input", "one class"],
)


def run(net, x, state=None, lengths=None, dy=None, dstate=None):
    """Outputs and gradients of one forward and backward, by name."""
    net.zero_grads()
    y, final, cache = net.forward(x, state, lengths)
    dx, dinitial = net.backward(dy, cache, dstate)
    return finish(net, y, final, dx, dinitial)


def finish(net, y, final, dx, dinitial):
    named = {"y": y, "dx": dx} | {f"d{name}": grad.copy() for name, _, grad in net.named_params()}
    return named | dict(state_arrays(final)) | dict(state_arrays(dinitial, "dstate"))


def assert_close(got, expected, tolerance=1e-12):
    assert got.keys() == expected.keys()
    for name in expected:
        scale = 1 + np.abs(expected[name]).max(initial=0)
        np.testing.assert_allclose(got[name], expected[name], rtol=0, atol=tolerance * scale, err_msg=name)


def class_example(net, D, T=21, B=9, ragged=False, seed=3):
    """Arguments of `run` with classes for x, and the same classes as one-hot vectors, 0 where padded."""
    case, rng = fill(net, T, B, D, seed), np.random.default_rng(seed)
    classes = rng.integers(0, D, (T, B))
    one_hot = np.eye(D)[classes]
    lengths = None
    if ragged:
        lengths = rng.integers(0, T + 1, B)
        lengths[:3] = 0, T, 1
        padded = np.arange(T)[:, None] >= lengths
        one_hot[padded] = 0
        classes[padded] = rng.choice([-5, D, 2**40], padded.sum())
    return (classes, case.state, lengths, case.dy, case.dstate), one_hot


# Classes


@every_cell
@sizes
@pytest.mark.parametrize("ragged", [False, True], ids=["whole", "ragged"])
@pytest.mark.parametrize("B", [1, 9])
def test_classes_give_what_one_hot_vectors_give(cell, size, ragged, B):
    net = cell(*size)
    (classes, *rest), one_hot = class_example(net, size[0], B=max(B, 3) if ragged else B, ragged=ragged)
    got, expected = run(net, classes, *rest), run(net, one_hot, *rest)
    assert got.pop("dx") is None
    del expected["dx"]
    assert_close(got, expected)


@pytest.mark.parametrize("kind", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
def test_classes_may_be_whole_numbers_of_any_kind(kind):
    net = LSTM(100, 4, seed=0)
    (classes, *rest), _ = class_example(net, 100)
    expected, got = run(net, classes, *rest), run(net, classes.astype(kind).astype(kind, order="F"), *rest)
    assert got.pop("dx") is expected.pop("dx") is None
    assert_close(got, expected, 0)


@pytest.mark.parametrize(("T", "B"), [(0, 3), (3, 0), (0, 0)])
@every_cell
def test_no_steps_and_no_sequences_of_classes_are_allowed(cell, T, B):
    net = cell(7, 5)
    y, final, cache = net.forward(np.zeros((T, B), int))
    assert y.shape == (T, B, 5)
    dx, _ = net.backward(y, cache, final)
    assert dx is None and not net.grad.any()


STACKS = {name: lambda cell=cell: Sequential(cell(7, 5), Dense(5, 7)) for name, cell in CELLS.items()}
STACKS["two_levels"] = lambda: Sequential(LSTM(7, 3), GRU(3, 4), Dense(4, 7, activation="tanh"), seed=0)
STACKS["concat_hidden"] = lambda: Sequential(ConcatHidden(LSTM(7, 3), GRU(3, 2)), Dense(5, 7), seed=0)
every_stack = pytest.mark.parametrize("make", STACKS.values(), ids=STACKS)


@every_stack
@pytest.mark.parametrize("ragged", [False, True], ids=["whole", "ragged"])
def test_gradients_of_classes_are_those_of_the_complex_step(make, ragged):
    net = make()
    (classes, state, lengths, dy, dstate), _ = class_example(net, 7, T=4, B=3, ragged=ragged)
    got = run(net, classes, state, lengths, dy, dstate)
    twin = net.astype(complex)

    def derivative(array):
        """By each entry of an array that `loss` sees."""
        result = np.empty(array.shape)
        for index in np.ndindex(array.shape):
            array[index] += 1e-30j
            y, final, _ = twin.forward(classes, complex_state, lengths)
            loss = (y * dy).sum()
            for (_, s), (_, ds) in zip(state_arrays(final), state_arrays(dstate), strict=True):
                loss += (s * ds).sum()
            result[index] = loss.imag / 1e-30
            array[index] = array[index].real
        return result

    complex_state = map_state(lambda s: s.astype(complex), state)
    named = {f"d{name}": derivative(param) for name, param, _ in twin.named_params()}
    named |= {name: derivative(array) for name, array in state_arrays(complex_state, "dstate")}
    assert_close({name: got[name] for name in named}, named)


@pytest.mark.parametrize("name", ["lstm", "gru_before", "rnn", "concat_hidden"])
@pytest.mark.parametrize("method", ["complex", "directional", "central"])
def test_gradcheck_takes_classes(name, method):
    classes = np.array([[1, 2], [3, 6], [0, 5]])
    report = nl.gradcheck(STACKS[name](), classes, lengths=[3, 2], method=method).check()
    assert "x" not in report.errors and "W_h" in str(report)


def test_gradcheck_does_not_mind_impossible_classes_in_the_padding():
    classes = np.array([[1, 2], [3, 6], [0, 99]])
    nl.gradcheck(LSTM(7, 5, seed=0), classes, lengths=[3, 2]).check()


def test_gradcheck_finds_a_wrong_gradient_of_classes(monkeypatch):
    monkeypatch.setattr(Input, "products_backward", lambda *_: None)
    assert nl.gradcheck(LSTM(7, 5, seed=0), np.array([[1, 2], [3, 6]])).wrong == ["W_x"]


@every_cell
@pytest.mark.parametrize("wrong", [-1, 7, 2**40])
def test_a_class_out_of_range_is_refused_wherever_it_stands(cell, wrong):
    net = cell(7, 5)
    for place in [(0, 0), (2, 1), (4, 2)]:
        classes = np.full((5, 3), 3)
        classes[place] = wrong
        sentence = f"expected classes from 0 to 6, got {min(wrong, 3)} to {max(wrong, 3)}"
        for call in (net.forward, net.predict, Sequential(cell(7, 5)).forward):
            with pytest.raises(ValueError) as error:
                call(classes)
            assert str(error.value) == sentence
    with pytest.raises(ValueError, match="expected classes"):  # a real step, though others are padded
        net.forward(np.full((5, 1), wrong), lengths=[1])


@every_cell
@pytest.mark.parametrize("kind", [float, np.float32, complex, bool])
def test_classes_that_are_no_whole_numbers_are_refused(cell, kind):
    with pytest.raises(ValueError, match=r"^expected x of shape \(T, B, 7\), got \(5, 3\)$"):
        cell(7, 5).forward(np.ones((5, 3), kind))


def test_whole_numbers_of_three_axes_are_a_signal():
    net, x = LSTM(7, 5, seed=0), np.arange(42).reshape(3, 2, 7)
    np.testing.assert_array_equal(net.forward(x)[0], net.forward(x.astype(float))[0])


@every_cell
@sizes
@pytest.mark.parametrize("kind", ["classes", "vectors"])
def test_the_input_may_be_overwritten_before_backward(cell, size, kind):
    net = cell(*size)
    (classes, state, lengths, dy, dstate), one_hot = class_example(net, size[0])
    x = classes if kind == "classes" else one_hot + 0.5
    expected = run(net, x, state, lengths, dy, dstate)
    net.zero_grads()
    y, final, cache = net.forward(x, state, lengths)
    x[...] = 99
    for array in (y, *(s for _, s in state_arrays((state, final)))):
        array += 1
    dx, dinitial = net.backward(dy, cache, dstate)
    got = finish(net, y - 1, map_state(lambda s: s - 1, final), dx, dinitial)
    if kind == "classes":
        assert got.pop("dx") is expected.pop("dx") is None
    assert_close(got, expected, 1e-15)


# The products themselves, against one step after the other


@st.composite
def shapes(draw):
    return tuple(
        draw(st.integers(low, high)) for low, high in ((0, 6), (1, 6), (1, 20), (0, 12))
    )  # T, A, S, B


dtypes = st.sampled_from([np.float64, np.float32, np.complex128])


def normal(rng, dtype, *shape):
    array = rng.standard_normal(shape)
    return (array + 1j * rng.standard_normal(shape) if dtype == np.complex128 else array).astype(dtype)


class replaced:
    """Within `with replaced(LARGE=0):` the module `products` has other constants."""

    def __init__(self, module=products, **names):
        self.module, self.names, self.patch = module, names, pytest.MonkeyPatch()

    def __enter__(self):
        for name, value in self.names.items():
            self.patch.setattr(self.module, name, value)

    def __exit__(self, *error):
        self.patch.undo()


def tolerance(dtype):
    return 1e-4 if dtype == np.float32 else 1e-12


routes = pytest.mark.parametrize("large", [0, 1 << 40], ids=["large products", "step by step"])


@routes
@settings(max_examples=60)
@given(shapes(), dtypes, seeds)
def test_gradients_by_weights_input_and_bias_are_sums_over_the_steps(large, shape, dtype, seed):
    (T, A, S, B), rng = shape, np.random.default_rng(seed)
    # Views of larger arrays, as the layers hand them in.
    da, s = normal(rng, dtype, T, A + 2, B)[:, 1:-1], normal(rng, dtype, T + 1, S + 3, B)[:T, 3:]
    W, dx = normal(rng, dtype, A, S), np.full((T + 2, S, B), 7, dtype)
    with replaced(LARGE=large):
        gradient = Gradient(da, Buffers())
        dW, db = gradient.by_weights(s), gradient.by_bias()
        gradient.by_input(W, dx[1 : T + 1])
    assert (dW.dtype, db.dtype, dx.dtype) == (dtype,) * 3
    plain_W, plain_b, plain_x = np.zeros((A, S), complex), np.zeros(A, complex), np.full(dx.shape, 7, complex)
    for t in range(T):
        plain_W += da[t].astype(complex) @ s[t].T
        plain_b += da[t].sum(axis=1)
        plain_x[t + 1] = W.T.astype(complex) @ da[t]
    assert_close(
        {"dW": dW, "db": db, "dx": dx}, {"dW": plain_W, "db": plain_b, "dx": plain_x}, tolerance(dtype)
    )


@settings(max_examples=100)
@given(shapes(), dtypes, seeds, st.sampled_from([1, 5, 1024]), st.booleans(), st.booleans())
def test_products_of_the_input_are_those_of_each_step(shape, dtype, seed, columns, bias, classes):
    (T, A, D, B), rng = shape, np.random.default_rng(seed)
    x = rng.integers(0, D, (T, B)) if classes else normal(rng, dtype, T, D, B)
    vectors = np.eye(D)[x].swapaxes(1, 2) if classes else x
    W, b = normal(rng, dtype, A, D), normal(rng, dtype, A, 1) if bias else None
    with replaced(COLUMNS=columns):
        input = Input(x, W.shape[1], Buffers())
        got = [p.copy() for p in input.products(W, b)]
        again = [p.copy() for p in input.products(W, b)]
    assert len(got) == T
    for p, same, x_t in zip(got, again, vectors, strict=True):
        assert p.dtype == dtype
        np.testing.assert_array_equal(p, same)
        assert_close({"p": p}, {"p": W @ x_t + (b if bias else 0)}, tolerance(dtype))


@routes
@settings(max_examples=60)
@given(shapes(), seeds, st.booleans(), st.data())
def test_the_way_back_adds_into_the_weights_and_writes_its_own_steps(large, shape, seed, classes, data):
    (T, A, D, B), rng = shape, np.random.default_rng(seed)
    start = data.draw(st.integers(0, T))
    part = slice(start, data.draw(st.integers(start, T)))
    x = rng.integers(0, D, (T, B)) if classes else normal(rng, float, T, D, B)
    vectors = np.eye(D)[x].swapaxes(1, 2) if classes else x
    W, dW, da = normal(rng, float, A, D), normal(rng, float, A, D), normal(rng, float, T, A, B)[part]
    dx = np.full((T, D, B), 7.0)
    expected, expected_dx = dW.copy(), dx.copy()
    for da_t, x_t in zip(da, vectors[part], strict=True):
        expected += da_t @ x_t.T
    if not classes:
        expected_dx[part] = np.matmul(W.T, da)
    with replaced(LARGE=large):
        Input(x, W.shape[1], Buffers()).products_backward(
            Gradient(da, Buffers()), part, W, dW, None if classes else dx
        )
    assert_close({"dW": dW, "dx": dx}, {"dW": expected, "dx": expected_dx})


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 200), st.integers(1, 70), st.sampled_from([1, 8, 63, 64, 100]), seeds)
def test_small_products_are_cut_without_loss_whatever_their_size(A, S, B, seed):
    rng = np.random.default_rng(seed)
    da, s = rng.standard_normal((3, A, B)), rng.standard_normal((3, S, B))
    with replaced(LARGE=1 << 40):
        gradient = Gradient(da, Buffers())
        cuts = gradient._cuts(S)
        got = gradient.by_weights(s)
    assert cuts[0] == 0 and cuts[-1] == S and sorted(set(cuts)) == cuts
    if B >= 64 and A <= 128:  # narrow enough for pieces that need no packing
        widths = [stop - start for start, stop in itertools.pairwise(cuts)]
        assert all(width <= 16 or A * width <= 1024 for width in widths)
    assert_close({"dW": got}, {"dW": np.einsum("tab,tsb->as", da, s)})


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("shape", [(3, 1, 5), (1, 5), (4, 1, 0)])
def test_an_inner_size_of_one_is_a_product_like_any_other(dtype, shape):
    rng, memory = np.random.default_rng(0), Buffers()
    W, s = normal(rng, dtype, 4, 1), normal(rng, dtype, *shape)
    out = np.full((*shape[:-2], 4, shape[-1]), 7, dtype)
    memory.empty((*shape[:-2], 2, shape[-1]), dtype)[...] = np.nan  # what is there before must not matter
    products.multiply(W, s, out, memory)
    np.testing.assert_allclose(out, W * s, rtol=1e-6)


@pytest.mark.parametrize(("rows", "columns"), [(1000, 150), (1009, 131), (150, 1000), (16, 8192)])
def test_many_steps_get_transposed_weights_of_their_own_and_few_a_view(rows, columns):
    W = np.arange(rows * columns, dtype=np.float32).reshape(rows, columns)
    copied, view = products.transposed(W, 16, Buffers()), products.transposed(W, 15, Buffers())
    np.testing.assert_array_equal(copied, W.T)
    assert copied.flags.c_contiguous and not np.shares_memory(copied, W)
    assert np.shares_memory(view, W) and view.shape == W.T.shape
    assert np.shares_memory(products.transposed(W[:10, :10], 1000, Buffers()), W)  # small: a view as well


@pytest.mark.parametrize("steps", [1, 3, 32])
def test_steps_side_by_side_are_two_views_of_memory_with_room_between_the_rows(steps):
    columns, by_step = products.side_by_side(5, steps, 4, np.float32, Buffers())
    by_step[...] = np.arange(5 * steps * 4).reshape(5, steps, 4)
    np.testing.assert_array_equal(columns, np.arange(5 * steps * 4).reshape(5, -1))
    assert columns.strides == (4 * (steps * 4 + products.GAP), 4)


# Blocks of steps are a matter of speed alone


@every_cell
@pytest.mark.parametrize("size", [(7, 5), (7, 100), (250, 20)], ids=["narrow", "wide", "wide input"])
@pytest.mark.parametrize("kind", ["classes", "vectors"])
def test_results_do_not_depend_on_the_size_of_blocks(cell, size, kind):
    net = cell(*size)
    (classes, *rest), one_hot = class_example(net, size[0], T=21, ragged=True)
    x = classes.clip(0, size[0] - 1) if kind == "classes" else one_hot + 0.5
    expected = run(net, x, *rest)
    for module, constants in [
        (products, {"COLUMNS": 1}),
        (products, {"COLUMNS": 50}),
        (recurrent, {"CACHE": 1}),
        (recurrent, {"CACHE": 1 << 40}),
        (products, {"LARGE": 0}),
        (products, {"LARGE": 1 << 40}),
        (recurrent, {"LARGE": 0}),
        (recurrent, {"LARGE": 1 << 40}),
    ]:
        with replaced(module, **constants):
            got, predicted = run(net, x, *rest), net.predict(x, *rest[:2])
        if kind == "classes":
            assert got["dx"] is None
        kept = [name for name in expected if expected[name] is not None]
        assert_close({name: got[name] for name in kept}, {name: expected[name] for name in kept})
        assert_close({"y": predicted}, {"y": expected["y"]})


def test_a_block_has_at_least_one_step_and_at_most_the_columns():
    for batch in (0, 1, 7, 1024, 5000):
        steps = products.block_steps(batch)
        assert steps >= 1 and (steps == 1 or steps * batch <= products.COLUMNS)


# The plain cells


def plain_lstm(net, x, state):
    (h, c), H, params = state, net.hidden_size, net.params
    b, p = params.get("b", 0), params.get("p", np.zeros((3, H)))
    y = []
    for x_t in x:
        a = x_t @ params["W_x"].T + h @ params["W_h"].T + b
        a_o, a_i, a_f, a_g = (a[:, k * H : (k + 1) * H] for k in range(4))
        i, f = sigmoid(a_i + p[0] * c), sigmoid(a_f + p[1] * c)
        c = f * c + i * np.tanh(a_g)
        h = sigmoid(a_o + p[2] * c) * np.tanh(c)
        y.append(h)
    return y, (h, c)


def plain_gru(net, x, state):
    (h,), params = state, net.params
    W_xr, W_xz, W_xn = np.split(params["W_x"], 3)
    W_hr, W_hz, W_hn = np.split(params["W_h"], 3)
    zeros = np.zeros(3 * net.hidden_size)
    b_xr, b_xz, b_xn = np.split(params.get("b_x", zeros), 3)
    b_hr, b_hz, b_hn = np.split(params.get("b_h", zeros), 3)
    y = []
    for x_t in x:
        r = sigmoid(x_t @ W_xr.T + b_xr + h @ W_hr.T + b_hr)
        z = sigmoid(x_t @ W_xz.T + b_xz + h @ W_hz.T + b_hz)
        from_h = r * (h @ W_hn.T + b_hn) if net.reset_after else (r * h) @ W_hn.T + b_hn
        h = (1 - z) * np.tanh(x_t @ W_xn.T + b_xn + from_h) + z * h
        y.append(h)
    return y, (h,)


def plain_rnn(net, x, state):
    (h,), params, y = state, net.params, []
    for x_t in x:
        a = x_t @ params["W_x"].T + h @ params["W_h"].T + params.get("b", 0)
        h = np.tanh(a) if net.activation == "tanh" else np.maximum(a, 0)
        y.append(h)
    return y, (h,)


PLAIN = {LSTM: plain_lstm, GRU: plain_gru, RNN: plain_rnn}
# A D of 129 is more than max(64, 2H) for H = 40, 65 for H = 4; 64 and 80 are just not.
PLAIN_SIZES = [(1, 1), (1, 4), (3, 5), (64, 4), (65, 4), (80, 40), (129, 40), (3, 100), (300, 100), (1, 100)]


@every_cell
@pytest.mark.parametrize(("D", "H"), PLAIN_SIZES)
@pytest.mark.parametrize("B", [1, 9])
def test_forward_is_the_plain_loop(cell, D, H, B):
    net = cell(D, H)
    case = fill(net, 130 if B == 9 else 11, B, D, seed=1)  # 130 x 9 are more than one block of COLUMNS
    net.theta *= 0.3  # else the wide ones are chaotic, and rounding errors grow without bound
    y, final = PLAIN[type(net)](net, case.x, case.state)
    got, got_final, _ = net.forward(case.x, case.state)
    expected = {"y": np.array(y)} | {str(k): s for k, s in enumerate(final)}
    assert_close({"y": got} | {str(k): s for k, s in enumerate(got_final)}, expected)
    assert_close({"y": net.predict(case.x, case.state)}, {"y": expected["y"]})

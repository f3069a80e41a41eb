"""Write layer_vectors.safetensors for tests/test_layer_vectors.py: what PyTorch makes of small networks.

Run by hand, with PyTorch installed; the tests need only the file. The package itself is not used here.

The loss of a network is `sum(y * dy) + sum(state * dstate)` over its output and its final states, with
random dy and dstate, so that these two are the gradients that come in. Tensors of a network are called
`case/tensor`; the metadata's "cases" describes every case.

    weight/NAME, grad/NAME      by PyTorch's own names, or by gate for the cells written out below
    x, dx                       (T, B, D)
    y, dy                       (T, B, H), two directions (T, B, 2H)
    state0, dstate0             (layers * directions, n, B, H): initial state and the gradient by it,
    state, dstate               final state and the gradient that comes in; n = 2 for (h, c), 1 for (h,)

Losses and activations are called `loss/case/tensor` and `activation/case/tensor`.

What goes in is in half precision: small in the file, and exact in float32 too, so that a float32 network
differs from these numbers by its own arithmetic alone.
"""

import json
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

T, B, D, H, CLASSES = 7, 3, 4, 5, 6
RAGGED = [3, 7, 1]  # unsorted, one of full length, one of a single step
RAGGED_WITH_EMPTY = [4, 7, 0]  # packing refuses a length of 0, masking does not

MODULES = {
    "lstm": lambda **sizes: torch.nn.LSTM(D, H, **sizes),
    "gru": lambda **sizes: torch.nn.GRU(D, H, **sizes),
    "rnn_tanh": lambda **sizes: torch.nn.RNN(D, H, nonlinearity="tanh", **sizes),
    "rnn_relu": lambda **sizes: torch.nn.RNN(D, H, nonlinearity="relu", **sizes),
}


def draw(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> np.ndarray:
    return (scale * rng.standard_normal(shape)).astype(np.float16)


def leaf(array: np.ndarray) -> torch.Tensor:
    return torch.tensor(array, dtype=torch.float64, requires_grad=True)


def record(rng, run, x, state0, weights, width):
    """All tensors of a case, where run(x, state0) -> y (T, B, width), final state shaped as state0."""
    dy, dstate = draw(rng, T, B, width), draw(rng, *state0.shape)
    y, state = run(x, state0)
    ((y * torch.tensor(dy)).sum() + (state * torch.tensor(dstate)).sum()).backward()
    values = {"dy": dy, "dstate": dstate, "y": y, "state": state, "dx": x.grad, "dstate0": state0.grad}
    # Exact: these were drawn as halves.
    values |= {"x": x.detach().half(), "state0": state0.detach().half()}
    values |= {f"weight/{name}": weight.detach().half() for name, weight in weights.items()}
    values |= {f"grad/{name}": weight.grad for name, weight in weights.items()}
    return {k: v.detach().numpy() if torch.is_tensor(v) else v for k, v in values.items()}


def module_case(rng, cell, layers, directions, lengths, bias):
    """A network of torch.nn."""
    net = MODULES[cell](num_layers=layers, bidirectional=directions == 2, bias=bias, dtype=torch.float64)
    with torch.no_grad():
        for weight in net.parameters():
            weight.copy_(torch.tensor(draw(rng, *weight.shape, scale=0.5)))
    members = 2 if cell == "lstm" else 1

    def run(x, state0):
        packed = x if lengths is None else pack_padded_sequence(x, lengths, enforce_sorted=False)
        y, state = net(packed, state0.unbind(1) if members == 2 else state0[:, 0])
        if lengths is not None:
            y, _ = pad_packed_sequence(y, total_length=T)
        return y, torch.stack(state if members == 2 else (state,), dim=1)

    x, state0 = leaf(draw(rng, T, B, D)), leaf(draw(rng, layers * directions, members, B, H))
    return record(rng, run, x, state0, dict(net.named_parameters()), directions * H)


# What torch.nn does not have, written out by the papers' equations, one weight for each gate. The steps
# take and return the state as a tuple of (B, H).


def lstm_peephole_step(w, x, state):
    """Graves 2013, eq. 7 to 11: i and f see the cell before, o sees the new one."""
    h, c = state

    def a(gate):
        return x @ w[f"W_x{gate}"].T + h @ w[f"W_h{gate}"].T + w.get(f"b_{gate}", 0)

    i = torch.sigmoid(a("i") + w["p_i"] * c)
    f = torch.sigmoid(a("f") + w["p_f"] * c)
    c = f * c + i * torch.tanh(a("g"))
    o = torch.sigmoid(a("o") + w["p_o"] * c)
    return o * torch.tanh(c), c


def gru_reset_before_step(w, x, state):
    """Cho et al. 2014, eq. 5 to 8: the reset gate acts on h before the recurrent product."""
    (h,) = state

    def a(gate, h):
        biases = w.get(f"b_x{gate}", 0) + w.get(f"b_h{gate}", 0)
        return x @ w[f"W_x{gate}"].T + h @ w[f"W_h{gate}"].T + biases

    r, z = torch.sigmoid(a("r", h)), torch.sigmoid(a("z", h))
    n = torch.tanh(a("n", r * h))
    return ((1 - z) * n + z * h,)


WRITTEN = {
    # step, gates, biases of a gate, peepholes, members of the state
    "lstm_peephole": (lstm_peephole_step, "ifgo", ["b_"], "ifo", 2),
    "gru_reset_before": (gru_reset_before_step, "rzn", ["b_x", "b_h"], "", 1),
}


def written_case(rng, cell, lengths, bias):
    """One of the cells above, with ended sequences masked."""
    step, gates, biases, peepholes, members = WRITTEN[cell]
    shapes = {f"W_x{gate}": (H, D) for gate in gates} | {f"W_h{gate}": (H, H) for gate in gates}
    if bias:
        shapes |= {prefix + gate: (H,) for prefix in biases for gate in gates}
    shapes |= {f"p_{gate}": (H,) for gate in peepholes}
    weights = {name: leaf(draw(rng, *shape, scale=0.5)) for name, shape in shapes.items()}
    ends = torch.tensor([T] * B if lengths is None else lengths)[:, None]

    def run(x, state0):
        state, y = state0[0].unbind(0), []
        for t in range(T):
            new = step(weights, x[t], state)
            y.append(torch.where(t < ends, new[0], 0.0))
            state = [torch.where(t < ends, s, held) for s, held in zip(new, state, strict=True)]
        return torch.stack(y), torch.stack(list(state))[None]

    x, state0 = leaf(draw(rng, T, B, D)), leaf(draw(rng, 1, members, B, H))
    return record(rng, run, x, state0, weights, H)


def networks():
    """(description, arrays) of every network. The description's keys are the arguments above."""
    shapes = [(layers, directions) for layers in (1, 2, 3) for directions in (1, 2)]
    cases = [
        dict(cell=cell, layers=layers, directions=directions, lengths=lengths, bias=bias)
        for cell in MODULES
        for lengths, bias, tried in [
            (RAGGED, True, shapes),
            (None, False, [(1, 1), (2, 2)]),
            (RAGGED, False, [(1, 1)]),
            (None, True, [(1, 1)]),
        ]
        for layers, directions in tried
    ]
    for seed, case in enumerate(cases):
        yield case, module_case(np.random.default_rng(seed), **case)
    written = [
        dict(cell=cell, lengths=lengths, bias=bias)
        for cell in WRITTEN
        for lengths, bias in [(RAGGED, True), (RAGGED_WITH_EMPTY, False), (None, True)]
    ]
    for seed, case in enumerate(written):
        arrays = written_case(np.random.default_rng(1000 + seed), **case)
        yield case | dict(layers=1, directions=1), arrays


def case_name(case) -> str:
    ways = {1: "one_way", 2: "two_way"}[case["directions"]]
    lengths = "even" if case["lengths"] is None else "ragged"
    return f"{case['cell']}-{case['layers']}-{ways}-{lengths}-{'bias' if case['bias'] else 'no_bias'}"


# Losses and activations


def losses():
    """(name, arrays) of every loss: y and target, and with lengths the mean over real steps alone."""
    functional = torch.nn.functional
    rng = np.random.default_rng(2000)
    real = torch.arange(T)[:, None] < torch.tensor(RAGGED)
    classes = rng.integers(0, CLASSES, (T, B))
    probabilities = rng.integers(0, 9, (T, B, D)) / 8  # 0 and 1 among them
    shares = rng.dirichlet(np.ones(CLASSES), (T, B))

    cross_entropy = functional.cross_entropy
    bce = functional.binary_cross_entropy_with_logits
    mse = functional.mse_loss

    for name, function, target, scale in [
        ("softmax_cross_entropy-classes", cross_entropy, classes, 2.0),
        # Logits so far from 0 that their exponential is no double any more.
        ("softmax_cross_entropy-far", cross_entropy, classes, 800.0),
        ("softmax_cross_entropy-shares", cross_entropy, shares, 2.0),
        ("sigmoid_cross_entropy-shares", bce, probabilities, 2.0),
        ("sigmoid_cross_entropy-far", bce, probabilities, 800.0),
        ("mse-noise", mse, draw(rng, T, B, D), 1.0),
        ("sse-noise", partial(mse, reduction="sum"), draw(rng, T, B, D), 1.0),
    ]:
        width = CLASSES if name.startswith("softmax") else D
        start = draw(rng, T, B, width, scale=scale)
        for lengths in (None, RAGGED):
            y, wanted = leaf(start), torch.tensor(target)
            if wanted.is_floating_point():
                wanted = wanted.double()
            counted = torch.ones_like(real) if lengths is None else real
            value = function(y[counted], wanted[counted])
            value.backward()
            yield (
                f"{name}-{'even' if lengths is None else 'ragged'}",
                lengths,
                {"y": start, "target": target, "value": value.detach().numpy(), "dy": y.grad.numpy()},
            )


def activations():
    rng = np.random.default_rng(3000)
    for name, function, scale in [
        ("sigmoid", torch.sigmoid, 3.0),
        ("tanh", torch.tanh, 1.0),
        ("relu", torch.relu, 1.0),
        ("softmax", lambda a: torch.softmax(a, dim=-1), 2.0),
    ]:
        start, dy = draw(rng, T, B, CLASSES, scale=scale), draw(rng, T, B, CLASSES)
        a = leaf(start)
        y = function(a)
        y.backward(torch.tensor(dy, dtype=torch.float64))
        yield name, {"a": start, "dy": dy, "y": y.detach().numpy(), "da": a.grad.numpy()}


def main() -> None:
    tensors, cases, loss_cases = {}, {}, {}
    for case, arrays in networks():
        name = case_name(case)
        assert name not in cases, name
        cases[name] = case
        tensors |= {f"{name}/{key}": array for key, array in arrays.items()}
    for name, lengths, arrays in losses():
        loss_cases[name] = {"lengths": lengths}
        tensors |= {f"loss/{name}/{key}": array for key, array in arrays.items()}
    for name, arrays in activations():
        tensors |= {f"activation/{name}/{key}": array for key, array in arrays.items()}
    save_file(
        {key: np.ascontiguousarray(array) for key, array in tensors.items()},
        Path(__file__).with_name("layer_vectors.safetensors"),
        metadata={
            "torch": torch.__version__.split("+")[0],
            "cases": json.dumps(cases),
            "losses": json.dumps(loss_cases),
        },
    )


if __name__ == "__main__":
    main()

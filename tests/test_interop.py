"""Plug-in files: read as their trainers meant them, written as their engines read them, refused in one line.

Files that PyTorch and Keras networks were put down in, with what those networks made of a sound, are in
data/plugin_files; see data/make_plugin_files.py. What is written here is read again by the engines' reading
retold in a few lines below, in their order and one sample at a time, and compared with `predict`.
"""

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
import strategies  # noqa: F401  loads the suite's Hypothesis profile
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file

import numpylstm as nl
from numpylstm.interop import FORMATS, PluginFileError, document, rtneural
from numpylstm.interop.parts import put_together, take_apart, with_carrying_unit

FOLDER = Path(__file__).parent / "data" / "plugin_files"
ANSWERS = load_file(FOLDER / "answers.safetensors")
X = ANSWERS.pop("x")


def network(cell=nl.LSTM, hidden=8, layers=1, residual=False, dtype=np.float32, **options):
    """A network whose biases are not zero, so that one in the wrong place shows."""
    cells = [cell(hidden if n else 1, hidden, **options) for n in range(layers)]
    net = nl.Sequential(*cells, nl.Dense(hidden, 1), dtype=dtype, seed=0)
    net.theta[...] += 0.1 * np.random.default_rng(1).standard_normal(net.theta.size)
    return nl.Residual(net) if residual else net


def with_state(net):
    net = nl.InitialState(net)
    net.params["start"][...] = 0.5 * np.random.default_rng(2).standard_normal(net.params["start"].size)
    return net


def sound(net, x=X):
    """(n,) what a network makes of a signal (n,)."""
    return net.predict(np.asarray(x)[:, None, None])[:, 0, 0]


def saved(net, path, **options):
    nl.interop.save(net, path, **options)
    return json.loads(path.read_text())


refuses = pytest.raises


# ------------------------------------------------------------------- files from elsewhere


@pytest.mark.parametrize("name", ANSWERS)
def test_a_trainers_file_sounds_as_the_trainers_network_did(name):
    model = nl.interop.read(FOLDER / name)
    np.testing.assert_allclose(sound(model.net), ANSWERS[name], rtol=0, atol=1e-6)
    assert model.format == name.split("_")[0].replace("lstm.nam", "nam")
    assert model.net.dtype == np.float32
    assert model.rate == {"lstm.nam": 48_000, "aidax_gru.json": 44_100}.get(name)


def test_the_format_is_told_by_the_content(tmp_path):
    for name in ANSWERS:
        other = tmp_path / "some.txt"
        other.write_bytes((FOLDER / name).read_bytes())
        assert nl.interop.read(other).format == nl.interop.read(FOLDER / name).format


def test_a_nam_file_starts_from_its_own_state():
    net = nl.interop.load(FOLDER / "lstm.nam")
    assert isinstance(net, nl.InitialState)
    from_zeros = sound(net.layers[0])
    assert np.abs(from_zeros - ANSWERS["lstm.nam"])[0] > 1e-2, "else any state would do"
    np.testing.assert_allclose(net.stream().process(X), ANSWERS["lstm.nam"], rtol=0, atol=1e-6)


def test_a_known_answer_is_checked(tmp_path):
    described = json.loads((FOLDER / "aidax_gru.json").read_text())
    assert 0 < nl.interop.read(FOLDER / "aidax_gru.json").answer_error < 1e-6
    path = tmp_path / "model.json"
    for off, refused in ((0.9e-5, False), (1.2e-5, True), (0.25, True)):
        answer = list(described["output_batch"])
        answer[123] += off
        path.write_text(json.dumps(described | {"output_batch": answer}))
        if not refused:
            assert nl.interop.read(path).answer_error == pytest.approx(off, abs=1e-6)
            continue
        with refuses(
            PluginFileError, match=f"within 1e-05, got it off by {off:.1e} at sample 123, in .*json"
        ):
            nl.interop.read(path)
    path.write_text(json.dumps(described | {"output_batch": answer[:-1]}))
    with refuses(PluginFileError, match="as long as input_batch, got 199 and 200"):
        nl.interop.read(path)
    path.write_text(json.dumps({k: v for k, v in described.items() if k != "output_batch"}))
    assert nl.interop.read(path).answer_error is None


@pytest.mark.parametrize("skip", [0, 1])
@pytest.mark.parametrize("gains", [(0.0, 0.0), (-6.0, 0.0), (0.0, 3.0), (4.0, -100.0)])
def test_gains_and_skip_are_those_of_the_plug_in(tmp_path, skip, gains):
    described = saved(network(), tmp_path / "f", format="aidax")
    inside = nl.interop.load(tmp_path / "f")
    for batch in ("input_batch", "output_batch"):
        described.pop(batch)
    described |= {"in_skip": skip, "in_gain": gains[0], "out_gain": gains[1]}
    (tmp_path / "f").write_text(json.dumps(described))
    loud = X * 10 ** (gains[0] / 20)
    wanted = (sound(inside, loud) + skip * loud) * (10 ** (gains[1] / 20) if gains[1] > -90 else 0)
    np.testing.assert_allclose(sound(nl.interop.load(tmp_path / "f")), wanted, rtol=0, atol=1e-6)


# ------------------------------------------------------------------- the engines' reading, retold


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def lstm_step(W, U, b, x, h, c):
    i, f, g, o = np.split(W @ x + U @ h + b, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_step_zrn(W, U, b, x, h):
    """As RTNeural's gru.tpp: z before r, and the reset gate on the recurrent product with its bias."""
    (wz, wr, wn), (uz, ur, un) = np.split(W @ x + b[0], 3), np.split(U @ h + b[1], 3)
    z, r = sigmoid(wz + uz), sigmoid(wr + ur)
    return (1 - z) * np.tanh(wn + r * un) + z * h


def nam_engine(described, x, prewarm=0):
    """As lstm.cpp: an iterator through the weights, one layer after the other."""
    config, weights = described["config"], iter(described["weights"])
    H = config["hidden_size"]

    def take(*shape):
        return np.array([next(weights) for _ in range(math.prod(shape))]).reshape(shape)

    cells = []
    for n in range(config["num_layers"]):
        D = H if n else config["input_size"]
        cells.append([take(4 * H, D + H), take(4 * H), take(H), take(H)])
    head, bias = take(H), take(1)[0]
    assert next(weights, None) is None
    y = []
    for sample in [0.0] * prewarm + list(x):
        seen = np.array([sample])
        for cell in cells:
            W, b, h, c = cell
            cell[2:] = lstm_step(W[:, : len(seen)], W[:, len(seen) :], b, seen, h, c)
            seen = cell[2]
        y.append(head @ seen + bias)
    return np.array(y[prewarm:])


def rtneural_engine(described, x):
    """As model_loader.h: Keras' matrices, input first."""
    activations = {"": lambda a: a, "tanh": np.tanh, "relu": lambda a: np.maximum(a, 0), "sigmoid": sigmoid}
    states = [np.zeros((2, layer["shape"][-1])) for layer in described["layers"]]
    y = []
    for sample in x:
        seen = np.array([sample])
        for layer, state in zip(described["layers"], states, strict=True):
            weights = [np.array(w) for w in layer["weights"]]
            if layer["type"] == "lstm":
                state[:] = lstm_step(weights[0].T, weights[1].T, weights[2], seen, *state)
                seen = state[0]
            elif layer["type"] == "gru":
                seen = state[0] = gru_step_zrn(weights[0].T, weights[1].T, weights[2], seen, state[0])
            else:
                seen = activations[layer["activation"]](weights[0].T @ seen + weights[1])
        y.append(seen[0])
    return np.array(y)


def aidax_engine(described, x):
    return rtneural_engine(described, x) + described["in_skip"] * x


def guitarml_engine(described, x, honours_skip=False):
    """As Proteus' RTNeuralLSTM.cpp and RTNeural's torch_helpers.h; the input is always added.

    Or, in an engine that reads it, where `skip` says so, as the trainer's networks.py does.
    """
    adds = not honours_skip or described["model_data"]["skip"]
    t = {name: np.array(value) for name, value in described["state_dict"].items()}
    W, U = t["rec.weight_ih_l0"], t["rec.weight_hh_l0"]
    h, c, y = np.zeros(U.shape[1]), np.zeros(U.shape[1]), []
    for sample in x:
        seen = np.array([sample])
        if described["model_data"]["unit_type"] == "LSTM":
            h, c = lstm_step(W, U, t["rec.bias_hh_l0"] + t["rec.bias_ih_l0"], seen, h, c)
        else:
            b = np.stack([t["rec.bias_ih_l0"], t["rec.bias_hh_l0"]], axis=1)
            z_first = [np.concatenate([np.split(m, 3)[k] for k in (1, 0, 2)]) for m in (W, U, b)]
            h = gru_step_zrn(*z_first[:2], z_first[2].T, seen, h)
        y.append((t["lin.weight"] @ h + t["lin.bias"])[0] + (sample if adds else 0))
    return np.array(y)


ENGINES = {"nam": nam_engine, "rtneural": rtneural_engine, "aidax": aidax_engine, "guitarml": guitarml_engine}

HELD = [
    *[("nam", nl.LSTM, layers, residual) for layers in (1, 2, 3) for residual in (False, True)],
    *[
        ("rtneural", cell, layers, residual)
        for cell in (nl.LSTM, nl.GRU)
        for layers in (1, 2)
        for residual in (False, True)
    ],
    *[("aidax", cell, 1, residual) for cell in (nl.LSTM, nl.GRU) for residual in (False, True)],
    *[("guitarml", cell, 1, residual) for cell in (nl.LSTM, nl.GRU) for residual in (False, True)],
]


@pytest.mark.parametrize("format, cell, layers, residual", HELD)
def test_what_is_written_the_engine_plays_and_comes_back(tmp_path, format, cell, layers, residual):
    net = network(cell, layers=layers, residual=residual)
    described = saved(net, tmp_path / "f", format=format, rate=44_100)
    np.testing.assert_allclose(ENGINES[format](described, X), sound(net), rtol=0, atol=2e-6)
    again = nl.interop.read(tmp_path / "f")
    np.testing.assert_allclose(sound(again.net), sound(net), rtol=0, atol=1e-6)
    assert again.format == format
    assert again.rate == (44_100 if format in ("nam", "aidax") else None)
    nl.interop.save(again.net, tmp_path / "g", format=format, rate=again.rate)
    if format in ("nam", "aidax"):
        assert (tmp_path / "g").read_bytes() == (tmp_path / "f").read_bytes(), "float32 to the last digit"


@pytest.mark.parametrize("residual", [False, True])
def test_an_initial_state_is_in_a_nam_file(tmp_path, residual):
    net = network(layers=2)
    net = nl.Residual(with_state(net)) if residual else with_state(net)
    described = saved(net, tmp_path / "f", format="nam")
    np.testing.assert_allclose(nam_engine(described, X), sound(net), rtol=0, atol=2e-6)
    again = nl.interop.load(tmp_path / "f")
    np.testing.assert_allclose(sound(again), sound(net), rtol=0, atol=1e-6)
    if not residual:
        np.testing.assert_array_equal(again.params["start"], net.params["start"])
    outside = with_state(network(residual=True))  # the state around the Residual is the same state
    nl.interop.save(outside, tmp_path / "f", format="nam")
    np.testing.assert_allclose(sound(nl.interop.load(tmp_path / "f")), sound(outside), rtol=0, atol=1e-6)


def test_an_engine_that_prewarms_starts_where_silence_leaves_the_network(tmp_path):
    net = network(residual=True)
    described = saved(net, tmp_path / "f", format="nam", rate=48_000)
    after_silence = sound(net, np.append(np.zeros(300), X))[300:]
    np.testing.assert_allclose(nam_engine(described, X, prewarm=300), after_silence, rtol=0, atol=2e-6)


@pytest.mark.parametrize("cell, off", [(nl.LSTM, 2.6e-8), (nl.GRU, 2.1e-8)])
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("residual", [False, True])
def test_the_carried_input_is_exact_to_a_millionth(cell, off, layers, residual):
    parts = take_apart(network(cell, layers=layers, residual=residual))
    parts.layers[-1].W[...] = 0  # the read-out leaves only the carried input
    parts.layers[-1].b[...] = 0
    carried = with_carrying_unit(parts)
    assert carried.residual is not residual
    carried.residual = False
    net = put_together(carried)
    x = np.concatenate([np.linspace(-1, 1, 2001), 10.0 ** -np.arange(8)]).astype(np.float32)
    wanted = x if residual else -x
    assert np.abs(sound(net, x) - wanted).max() < 2e-7
    assert np.abs(sound(net.astype(float), x) - wanted).max() < layers * off, "but for rounding"


@pytest.mark.parametrize("cell", [nl.LSTM, nl.GRU])
@pytest.mark.parametrize("residual", [False, True])
def test_a_guitarml_file_is_right_whether_skip_is_read_or_not(tmp_path, cell, residual):
    net = network(cell, hidden=12, residual=residual)
    described = saved(net, tmp_path / "f", format="guitarml")
    loud = 4 * X  # the input is carried in the tanh's linear range beyond full scale, too
    for x in (X, loud):
        for honours_skip in (False, True):
            y = guitarml_engine(described, x, honours_skip)
            np.testing.assert_allclose(y, sound(net, x), rtol=0, atol=5e-6)
    data, tensors = described["model_data"], described["state_dict"]
    assert data["skip"] == 1 and data["hidden_size"] == 12 + (not residual)
    assert np.shape(tensors["rec.weight_hh_l0"])[1] == data["hidden_size"]


def test_a_float64_network_is_rounded_to_float32(tmp_path):
    net = network(hidden=24, residual=True, dtype=float)
    nl.interop.save(net, tmp_path / "f", format="aidax")
    again = nl.interop.load(tmp_path / "f")
    assert again.dtype == np.float32
    assert 0 < np.abs(sound(again) - sound(net)).max() < 1e-6


def test_an_aida_x_file_knows_an_answer_that_starts_and_ends_in_silence(tmp_path):
    net = network(nl.GRU, 12, residual=True)
    described = saved(net, tmp_path / "f", format="aidax", rate=48_000)
    x, y = (np.array(described[f"{which}_batch"]) for which in ("input", "output"))
    assert x.shape == y.shape == (2048,)
    assert 0.3 < np.abs(x).max() < 1 and not x[-1000:].any() and x[0] == 0
    np.testing.assert_allclose(y, aidax_engine(described, x), rtol=0, atol=2e-6)
    assert described["metadata"] == {"samplerate": 48_000} and described["in_skip"] == 1


def test_what_does_nothing_in_prediction_is_left_out_and_nested_networks_are_one(tmp_path):
    lstm, dense = network().layers
    for wrap in (lambda net: net, nl.Residual):
        plain = wrap(network())
        inside = nl.Sequential(lstm.copy(), nl.Dropout(0.5))
        net = wrap(nl.Sequential(nl.GaussianNoise(0.1), inside, dense.copy()))
        for one, name in ((plain, "f"), (nl.Sequential(net, dtype=np.float32), "g")):
            nl.interop.save(one, tmp_path / name, format="aidax", rate=48_000)
        assert (tmp_path / "f").read_bytes() == (tmp_path / "g").read_bytes()


@pytest.mark.parametrize("factor", [1e3, 3e38])
def test_an_answer_that_float32_cannot_give_is_left_out(tmp_path, factor):
    net = network()
    net.layers[-1].params["W"][...] = factor * np.sign(net.layers[-1].params["W"])
    (remark,) = nl.interop.save(net, tmp_path / "f", format="aidax", rate=48_000)
    assert "no known answer is written" in remark
    assert not {"input_batch", "output_batch"} & json.loads((tmp_path / "f").read_text()).keys()
    again = nl.interop.read(tmp_path / "f")
    assert again.answer_error is None
    np.testing.assert_array_equal(again.net.layers[-1].params["W"], net.layers[-1].params["W"])


def test_rtneural_holds_several_dense_layers_with_activations(tmp_path):
    layers = [nl.Dense(1, 3, activation="relu"), nl.LSTM(3, 4), nl.Dense(4, 3, activation="identity")]
    layers += [nl.Activation("tanh"), nl.Activation("identity")]
    net = nl.Sequential(*layers, nl.Dense(3, 1, activation="sigmoid"), dtype=np.float32, seed=4)
    described = saved(net, tmp_path / "f", format="rtneural")
    np.testing.assert_allclose(rtneural_engine(described, X), sound(net), rtol=0, atol=2e-6)
    np.testing.assert_allclose(sound(nl.interop.load(tmp_path / "f")), sound(net), rtol=0, atol=1e-6)


@pytest.mark.parametrize("format, cell", sorted({held[:2] for held in HELD}, key=str))
def test_layers_without_bias_are_written_with_zeros(tmp_path, format, cell):
    net = nl.Sequential(cell(1, 8, bias=False), nl.Dense(8, 1, bias=False), dtype=np.float32, seed=0)
    described = saved(net, tmp_path / "f", format=format)
    np.testing.assert_allclose(ENGINES[format](described | {"in_skip": 0}, X), sound(net), rtol=0, atol=2e-6)
    np.testing.assert_allclose(sound(nl.interop.load(tmp_path / "f")), sound(net), rtol=0, atol=1e-6)


def guitarml_changes(described, **changes):
    described["model_data"] |= changes
    return described


def without(described, section, *keys):
    inside = described[section] if section else described
    for key in keys:
        del inside[key]
    return described


SAME = [
    # The trainer's defaults; a bias of zeros that older trainers call none; what other programs add.
    ("guitarml_lstm.json", lambda d: without(d, "model_data", "skip", "bias_fl", "num_layers", "input_size")),
    ("guitarml_lstm.json", lambda d: without(d, "model_data", "model", "unit_type", "output_size")),
    ("guitarml_lstm.json", lambda d: guitarml_changes(d, bias_fl=False)),
    ("guitarml_lstm.json", lambda d: guitarml_changes(d, skip=1.0, device="TS9") | {"version": 2}),
    ("rtneural_lstm.json", lambda d: d["layers"][0].update(activation="tanh", name="lstm") or d),
    ("rtneural_lstm.json", lambda d: d["layers"][1].update(type="time-distributed-dense") or d),
    ("aidax_gru.json", lambda d: without(d, "", "input_batch") | {"name": "amp"}),
    ("lstm.nam", lambda d: without(d, "", "metadata") | {"version": "0.7.1", "sample_rate": "48000"}),
    ("lstm.nam", lambda d: without(d, "config", "input_size") | {"metadata": None}),
]


@pytest.mark.parametrize("name, change", SAME)
def test_what_trainers_leave_out_or_add_changes_nothing(tmp_path, name, change):
    path = tmp_path / "f"
    path.write_text(json.dumps(change(json.loads((FOLDER / name).read_text()))))
    np.testing.assert_allclose(sound(nl.interop.load(path)), ANSWERS[name], rtol=0, atol=1e-6)


def test_a_readout_without_bias_has_zeros(tmp_path):
    described = without(json.loads((FOLDER / "guitarml_lstm.json").read_text()), "state_dict", "lin.bias")
    bias = json.loads((FOLDER / "guitarml_lstm.json").read_text())["state_dict"]["lin.bias"][0]
    (tmp_path / "f").write_text(json.dumps(guitarml_changes(described, bias_fl=False)))
    wanted = ANSWERS["guitarml_lstm.json"] - bias
    np.testing.assert_allclose(sound(nl.interop.load(tmp_path / "f")), wanted, rtol=0, atol=1e-6)
    (tmp_path / "f").write_text(json.dumps(guitarml_changes(described, bias_fl=True)))
    with refuses(PluginFileError, match=r"a tensor lin\.bias, got none"):
        nl.interop.load(tmp_path / "f")


@pytest.mark.parametrize("format", FORMATS)
def test_an_existing_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch, format):
    path = tmp_path / "f"
    nl.interop.save(network(), path, format=format)
    before = path.read_bytes()
    with refuses(PluginFileError):
        nl.interop.save(network(nl.RNN), path, format=format)
    assert path.read_bytes() == before

    def full(*_):
        assert path.read_bytes() == before, "nothing is written to the file itself"
        raise OSError("no space left")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        with refuses(OSError, match="no space left"):
            nl.interop.save(network(hidden=12), path, format=format)
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["f"]
    nl.interop.save(network(hidden=12), path, format=format)
    assert path.read_bytes() != before


def test_a_file_with_a_knob_is_a_network_of_two_inputs(tmp_path):
    described = saved(network(), tmp_path / "f", format="aidax")
    for batch in ("input_batch", "output_batch"):
        described.pop(batch)
    described["in_shape"][-1] = 2
    described["layers"][0]["weights"][0].append([0.25] * 32)
    (tmp_path / "f").write_text(json.dumps(described))
    net = nl.interop.load(tmp_path / "f")
    assert net.predict(np.zeros((3, 1, 2))).shape == (3, 1, 1)
    assert nl.interop.read(tmp_path / "f").channels == (2, 1)
    (tmp_path / "f").write_text(json.dumps(described | {"in_skip": 1}))
    with refuses(PluginFileError, match="where the input is added, got 2 in and 1 out"):
        nl.interop.load(tmp_path / "f")


# ------------------------------------------------------------------- what a format cannot hold


ALL = FORMATS
NOT_HELD = [
    (ALL, lambda: network(peepholes=True), "without peepholes, got one with"),
    (ALL, lambda: network(nl.GRU, reset_after=False), "reset_after=True, .* got one with reset_after=False"),
    (ALL, lambda: network(nl.RNN), "LSTM, GRU and Dense, got RNN"),
    (
        ALL,
        lambda: nl.Sequential(nl.Bidirectional(nl.LSTM(1, 4), nl.LSTM(1, 4)), nl.Dense(8, 1)),
        "got Bidirectional, which needs the whole sequence",
    ),
    (ALL, lambda: nl.ConcatHidden(nl.LSTM(1, 4), nl.LSTM(4, 4)), "got ConcatHidden"),
    (ALL, lambda: nl.Sequential(nl.LSTM(2, 4), nl.Dense(4, 1)), "to one channel, got one from 2 to 1"),
    (ALL, lambda: nl.Sequential(nl.LSTM(1, 4), nl.Dense(4, 2)), "to one channel, got one from 1 to 2"),
    (ALL, lambda: nl.Sequential(nl.LSTM(1, 4)), r"from 1 to 4: a plug-in file needs a Dense\(..., 1\)"),
    (ALL, lambda: nl.LSTM(1, 4), "got one from 1 to 4"),
    (ALL, lambda: nl.MLP(1, 4, 1), "expected an LSTM or GRU in the network, got Sequential"),
    (
        ALL,
        lambda: nl.Sequential(nl.Residual(network()), nl.LSTM(1, 4), nl.Dense(4, 1)),
        "a Residual inside: it may stand around the whole network only",
    ),
    (ALL, lambda: nl.Residual(nl.Residual(network())), "got a Residual inside"),
    (
        ALL,
        lambda: nl.Sequential(nl.LSTM(1, 4), nl.Activation("tanh"), nl.Dense(4, 1)),
        "LSTM, GRU and Dense, got Activation",
    ),
    (
        ALL,
        lambda: nl.Sequential(nl.LSTM(1, 4), nl.Dense(4, 1, activation="tanh"), nl.Activation("relu")),
        "expected one activation after a Dense layer, got two",
    ),
    (ALL, lambda: network().astype(complex), "a network of real numbers, got complex128"),
    (("nam",), lambda: network(nl.GRU), "LSTM layers for format 'nam', which has no other, got a GRU"),
    (
        ("nam",),
        lambda: nl.Sequential(nl.LSTM(1, 4), nl.LSTM(4, 6), nl.Dense(6, 1)),
        "layers of one size for format 'nam', got 4 and 6 units",
    ),
    (
        ("nam",),
        lambda: nl.Sequential(nl.Dense(1, 1), nl.LSTM(1, 4), nl.Dense(4, 1)),
        "LSTM layers and then one Dense for format 'nam', got them in another order",
    ),
    (("nam",), lambda: nl.Sequential(nl.LSTM(1, 1), nl.LSTM(1, 1)), "and then one Dense for format 'nam'"),
    (
        ("nam", "aidax", "guitarml"),
        lambda: nl.Sequential(nl.LSTM(1, 8), nl.Dense(8, 1, activation="tanh")),
        "a last Dense without activation for format '(nam|aidax|guitarml)', got 'tanh'",
    ),
    (("aidax",), lambda: network(layers=2), "one recurrent layer for format 'aidax', .* got 2"),
    (
        ("guitarml",),
        lambda: network(layers=2, residual=True),
        "one recurrent layer for format 'guitarml', .* got 2",
    ),
    (("guitarml",), lambda: network(layers=2), "one recurrent layer for format 'guitarml', .* got 2"),
    (
        ("aidax", "guitarml"),
        lambda: nl.Sequential(nl.LSTM(1, 8), nl.Dense(8, 8), nl.Dense(8, 1)),
        "one LSTM or GRU and one Dense after it for format '(aidax|guitarml)', got 3 layers",
    ),
    (("aidax",), lambda: network(hidden=9), "64 or 80 units for format 'aidax', got 9"),
    (
        ("aidax", "rtneural", "guitarml"),
        lambda: with_state(network()),
        "starts from zeros for format '.*', got one with",
    ),
    (("guitarml",), lambda: nl.Residual(with_state(network())), "starts from zeros for format 'guitarml'"),
    (
        ("rtneural",),
        lambda: nl.Residual(nl.Sequential(nl.LSTM(1, 8), nl.Dense(8, 1, activation="tanh"))),
        "without activation after them inside a Residual for format 'rtneural'",
    ),
]


@pytest.mark.parametrize("formats, make, message", NOT_HELD)
def test_what_a_format_cannot_hold_is_refused_and_nothing_is_written(tmp_path, formats, make, message):
    net = make()
    for format in formats:
        with refuses(PluginFileError, match=message):
            nl.interop.save(net, tmp_path / "f", format=format)
    assert not any(tmp_path.iterdir())


def test_weights_beyond_float32_are_refused(tmp_path):
    for value in (np.nan, np.inf, 1e39):
        net = network(dtype=float)
        net.theta[5] = value
        with refuses(PluginFileError, match="finite in float32, got some that are not"):
            nl.interop.save(net, tmp_path / "f", format="aidax")


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_no_network_is_refused(tmp_path, format):
    with refuses(PluginFileError, match="expected a network, got str"):
        nl.interop.save("model.safetensors", tmp_path / "f", format=format)


def test_a_layer_of_ones_own_is_refused(tmp_path):
    class Louder(nl.Dense):
        pass

    net = nl.Sequential(nl.LSTM(1, 8), Louder(8, 1))
    with refuses(PluginFileError, match="got Louder"):
        nl.interop.save(net, tmp_path / "f", format="aidax")


@pytest.mark.parametrize("rate", [0, -48_000, math.nan, math.inf, True, "fast"])
def test_a_rate_that_is_none_is_refused(tmp_path, rate):
    with refuses(PluginFileError, match="expected a sample rate in Hz, got"):
        nl.interop.save(network(), tmp_path / "f", format="nam", rate=rate)


@pytest.mark.parametrize("rate", [44_100, 44_100.0, np.int64(44_100), np.float32(44_100)])
def test_a_rate_may_be_any_kind_of_number(tmp_path, rate):
    assert saved(network(), tmp_path / "f", format="nam", rate=rate)["sample_rate"] == 44_100
    assert type(nl.interop.read(tmp_path / "f").rate) is int


def test_an_unknown_format_is_refused(tmp_path):
    with refuses(PluginFileError, match="'nam', 'rtneural', 'aidax', 'guitarml', got 'onnx'"):
        nl.interop.save(network(), tmp_path / "f", format="onnx")


def test_what_a_user_should_know_is_said(tmp_path):
    def said(net, format, rate=None):
        return " ".join(nl.interop.save(net, tmp_path / "f", format=format, rate=rate))

    assert "no place for the sample rate: remember that it is 44100 Hz" in said(network(), "rtneural", 44_100)
    assert said(network(), "rtneural") == ""
    assert "no sample rate is known" in said(network(), "nam")
    assert "48000 Hz" in said(network(), "aidax") and said(network(), "aidax", 48_000) == ""
    assert "fast tanh" in said(network(residual=True), "nam", 48_000)
    assert "Proteus plays an LSTM of 40 units" in said(network(residual=True), "guitarml")
    assert said(network(hidden=40, residual=True), "guitarml") == ""
    assert "one more unit takes it away again, 39 units become 40" in said(network(hidden=39), "guitarml")
    assert "may play a GRU of 25" in said(network(nl.GRU, hidden=24), "guitarml")
    assert "skip 0" in nl.interop.read(FOLDER / "guitarml_gru.json").remarks[0]


# ------------------------------------------------------------------- malformed files


def changed(name, *path_and_value):
    """The document of a file with one value replaced, or taken out."""
    *path, last, value = path_and_value
    described = json.loads((FOLDER / name).read_text())
    inside = described
    for key in path:
        inside = inside[key]
    if value is None:
        del inside[last]
    else:
        inside[last] = value
    return json.dumps(described)


MALFORMED = [
    ("", "JSON, got .*: Expecting value"),
    ("{", "JSON, got .*: Expecting property name"),
    (b"\xff\xfe\x00", "JSON, got .*: 'utf-8' codec"),
    ("[1, 2]", "a JSON object, got a list of 2"),
    ("null", "a JSON object, got null"),
    ("[" * 100_000, "lists within lists without end"),
    ('{"a": 1, "a": 2}', 'the key "a" stands there twice'),
    ('{"weights": [NaN]}', "NaN is no JSON"),
    ('{"weights": [-Infinity]}', "-Infinity is no JSON"),
    ('{"weights": ' + "9" * 5000 + "}", "JSON, got .*: Exceeds the limit"),
    ('{"theme": "dark"}', r'of nam, rtneural, aidax, guitarml, got an object with \["theme"\]'),
    (changed("lstm.nam", "version", "0.4.0"), 'version 0.5.0 to 0.7 of a .nam file, got "0.4.0"'),
    (changed("lstm.nam", "version", 5), "expected a version, text, got 5"),
    (changed("lstm.nam", "architecture", "WaveNet"), 'of architecture LSTM, got "WaveNet"'),
    (changed("lstm.nam", "config", None), "expected config, an object, got none"),
    (
        changed("lstm.nam", "config", "hidden_size", 5),
        "expected 386 weights for 2 layers of 5 units, got 261",
    ),
    (changed("lstm.nam", "config", "hidden_size", "4"), 'hidden_size, a whole number of at least 1, got "4"'),
    (changed("lstm.nam", "config", "num_layers", True), "num_layers, a whole number of at least 1, got true"),
    (changed("lstm.nam", "config", "num_layers", 10**8), "got 261"),
    (changed("lstm.nam", "config", "input_size", 2), "expected input_size 1, got 2"),
    (changed("lstm.nam", "config", "out_channels", 2), "expected out_channels 1, got 2"),
    (changed("lstm.nam", "weights", None), "expected weights, a list, got none"),
    (changed("lstm.nam", "weights", 7, "0.5"), 'expected numbers in weights, got "0.5"'),
    (changed("lstm.nam", "weights", 7, True), "expected numbers in weights, got true"),
    (changed("lstm.nam", "weights", 7, 1e39), "within float32 in weights, got one that is not"),
    (changed("lstm.nam", "weights", 7, 10**400), "within float32 in weights, got one that is not"),
    (changed("lstm.nam", "weights", 7, [1]), "expected numbers in weights, got a list of 1"),
    (changed("guitarml_lstm.json", "state_dict", None), "expected state_dict, an object, got none"),
    (changed("guitarml_lstm.json", "model_data", None), "expected model_data, an object, got none"),
    (changed("guitarml_lstm.json", "model_data", "model", "RecNet"), 'a model SimpleRNN, got "RecNet"'),
    (changed("guitarml_lstm.json", "model_data", "unit_type", "RNN"), 'unit_type LSTM or GRU, got "RNN"'),
    (changed("guitarml_lstm.json", "model_data", "unit_type", "lstm"), 'unit_type LSTM or GRU, got "lstm"'),
    (changed("guitarml_lstm.json", "model_data", "skip", True), "expected skip 0 or 1, got true"),
    (
        changed("guitarml_lstm.json", "state_dict", "rec.weight_ih_l0_reverse", [[0.0]] * 20),
        "no tensors but those of rec and lin",
    ),
    (changed("guitarml_lstm.json", "model_data", "skip", 2), "expected skip 0 or 1, got 2"),
    (
        changed("guitarml_lstm.json", "model_data", "hidden_size", 6),
        r"rec.weight_ih_l0 of shape \(24, 1\), got a list of 20 where there should be 24",
    ),
    (changed("guitarml_lstm.json", "model_data", "num_layers", 2), "a tensor rec.weight_ih_l1, got none"),
    (changed("guitarml_lstm.json", "model_data", "input_size", 2), r"rec.weight_ih_l0 of shape \(20, 2\)"),
    (
        changed("guitarml_lstm.json", "state_dict", "clip.weight", [1.0]),
        "no tensors but those of rec and lin",
    ),
    (
        changed("guitarml_lstm.json", "state_dict", "rec.bias_ih_l0", [3e38] * 20).replace(
            '"rec.bias_hh_l0": [', '"rec.bias_hh_l0": [3e38, ', 1
        ),
        r"rec.bias_hh_l0 of shape \(20,\), got a list of 21",
    ),
    (changed("rtneural_lstm.json", "in_shape", []), "the last of in_shape, a whole number .* got null"),
    (changed("rtneural_lstm.json", "layers", []), "expected at least one layer, got none"),
    (changed("rtneural_lstm.json", "layers", 0, 5), "expected a type of layer 0, got none"),
    (
        changed("rtneural_lstm.json", "layers", 0, "type", "conv1d"),
        'layer 0 to be lstm, gru or dense, got "conv1d"',
    ),
    (
        changed("rtneural_lstm.json", "layers", 0, "type", "gru"),
        r"input weights of layer 0 of shape \(1, 15\)",
    ),
    (
        changed("rtneural_lstm.json", "layers", 0, "weights", [[[1.0]]]),
        "3 arrays of weights of layer 0, got 1",
    ),
    (
        changed("rtneural_lstm.json", "layers", 1, "activation", "elu"),
        'layer 1 to have activation tanh, relu, sigmoid, softmax or none, got "elu"',
    ),
    (
        changed("rtneural_lstm.json", "layers", 1, "weights", 0, 0, []),
        r"weights of layer 1 of shape \(5, 1\)",
    ),
    (changed("aidax_gru.json", "in_skip", 2), "expected in_skip 0 or 1, got 2"),
    (changed("aidax_gru.json", "in_gain", "loud"), 'expected in_gain to be a number, got "loud"'),
    (changed("aidax_gru.json", "out_gain", 4000), "expected gains up to 120 dB, got 4000 dB"),
    (changed("aidax_gru.json", "input_batch", {}), "expected input_batch, a list, got an object with"),
    (changed("aidax_gru.json", "in_shape", [4]), "input weights of layer 0 of shape"),
]


@pytest.mark.parametrize("content, message", MALFORMED)
def test_a_malformed_file_ends_in_one_sentence_that_names_it(tmp_path, content, message):
    path = tmp_path / "broken.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with refuses(PluginFileError, match=message) as refused:
        nl.interop.load(path)
    assert "\n" not in str(refused.value) and "broken.json" in str(refused.value)
    assert len(str(refused.value)) < 400 + len(str(path))


def test_biases_whose_sum_is_too_large_are_refused(tmp_path):
    described = json.loads((FOLDER / "guitarml_lstm.json").read_text())
    for which in ("ih", "hh"):
        described["state_dict"][f"rec.bias_{which}_l0"][3] = 3e38
    (tmp_path / "f").write_text(json.dumps(described))
    with refuses(PluginFileError, match="finite in float32"):
        nl.interop.load(tmp_path / "f")


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with refuses(FileNotFoundError, match="none.nam"):
        nl.interop.load(tmp_path / "none.nam")
    with refuses(PluginFileError, match="got the folder"):
        nl.interop.load(tmp_path)


def test_a_file_too_large_to_be_one_is_not_read_through(tmp_path, monkeypatch):
    monkeypatch.setattr(document, "LARGEST", 1000)
    with refuses(PluginFileError, match="got more than 1000 bytes in .*lstm.nam"):
        nl.interop.load(FOLDER / "lstm.nam")


TEXTS = [(FOLDER / name).read_text() for name in ANSWERS]
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
LISTS = st.lists(PLAIN, max_size=3)
ANYTHING = PLAIN | LISTS | st.lists(LISTS, max_size=3) | st.dictionaries(st.text(max_size=5), PLAIN | LISTS)


def places(value, path=()):
    """The paths to everything in a document, but of long lists to their ends only."""
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*path, key))
    elif isinstance(value, list):
        for index in sorted({0, len(value) // 2, len(value) - 1}) if value else ():
            yield from places(value[index], (*path, index))


PLACES = [(text, path) for text in TEXTS for path in places(json.loads(text)) if path]


def loads_or_refuses(path, content):
    path.write_bytes(content)
    try:
        net = nl.interop.load(path)
    except PluginFileError as error:
        assert "\n" not in str(error)
    else:
        assert isinstance(net, nl.Layer)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "file"


@given(st.sampled_from(PLACES), ANYTHING, st.booleans())
def test_any_value_anywhere_ends_in_a_network_or_one_sentence(scratch, place, value, take_out):
    text, path = place
    described = json.loads(text)
    inside = described
    for key in path[:-1]:
        inside = inside[key]
    if take_out:
        del inside[path[-1]]
    else:
        inside[path[-1]] = value
    loads_or_refuses(scratch, json.dumps(described).encode())


@given(st.sampled_from(TEXTS), st.data())
def test_any_damage_to_the_bytes_ends_in_a_network_or_one_sentence(scratch, text, data):
    content = bytearray(text.encode())
    start = data.draw(st.integers(0, len(content)))
    stop = data.draw(st.integers(start, min(start + 20, len(content))) | st.just(len(content)))
    content[start:stop] = data.draw(
        st.binary(max_size=8) | st.sampled_from([b"[", b'"', b"1e400", b"-", b"{"])
    )
    loads_or_refuses(scratch, bytes(content))


def test_rtneural_gains_are_factors():
    assert rtneural.from_db(0.0) == 1 and rtneural.from_db(-90.0) == 0
    assert rtneural.from_db(20.0) == pytest.approx(10)

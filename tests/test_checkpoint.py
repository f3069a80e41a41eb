"""Model files: exact round trips, and a plain refusal of everything that is none."""

import inspect
import json
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from safetensors import safe_open

import numpylstm as nl
from numpylstm import checkpoint
from numpylstm.layers import LAYERS
from numpylstm.tasks.gradients import cases


def nested(D: int = 4) -> nl.Sequential:
    """Containers in containers, four deep."""
    both = nl.Bidirectional(nl.GRU(D, 3, reset_after=False), nl.LSTM(D, 3, peepholes=True), merge="mean")
    deep = nl.Residual(nl.Sequential(nl.ConcatHidden(nl.RNN(3, 2, bias=False), nl.GRU(2, 2)), nl.Dense(4, 3)))
    return nl.Sequential(nl.GaussianNoise(0.25), both, deep, nl.MLP(3, 5, 2, dropout=0.5, activation="tanh"))


NETWORKS = {**dict(cases()), "nested": nested(), "empty options": nl.Sequential(nl.Activation("softmax"))}


def fresh(name: str, dtype: type = float) -> nl.Layer:
    """A copy with random parameters: no zero bias could hide an exchange."""
    net = NETWORKS[name].astype(dtype)
    net.theta[...] = np.random.default_rng(0).standard_normal(net.theta.size)
    return net


def refusal(path: Path) -> str:
    """The one sentence with which a file is refused."""
    with pytest.raises(nl.ModelError) as error:
        nl.load(path)
    text = str(error.value)
    one_sentence = 0 < len(text) < 400 and "\n" not in text
    assert one_sentence, f"{len(text)} characters: {text[:200]!r}"
    return text


# -------------------------------------------------------------------------------------- round trips


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_loaded_network_predicts_the_same_bit_for_bit(tmp_path, name, dtype):
    net, path = fresh(name, dtype), tmp_path / "model.safetensors"
    net.save(path)
    loaded = nl.load(path)
    assert type(loaded) is type(net) and loaded.dtype == dtype
    assert loaded.config() == net.config() and repr(loaded) == repr(net)
    np.testing.assert_array_equal(loaded.theta, net.theta)
    x = np.random.default_rng(1).standard_normal((6, 3, 4))
    for lengths in (None, np.array([6, 2, 4])):
        np.testing.assert_array_equal(loaded.predict(x, lengths=lengths), net.predict(x, lengths=lengths))
    loaded.theta[...] += 1  # one vector with views into it, like any other network
    for (_, param, _), (_, original, _) in zip(loaded.named_params(), net.named_params(), strict=True):
        np.testing.assert_array_equal(param, original + dtype(1))


@pytest.mark.parametrize(
    "layer",
    [
        nl.LSTM(2, 3, bias=False, peepholes=True, recurrent_dropout=0.25, forget_bias=-0.5, init="pytorch"),
        nl.GRU(2, 3, bias=False, reset_after=False, recurrent_dropout=0.25, init="zeros"),
        nl.RNN(2, 3, bias=False, activation="relu", recurrent_dropout=0.25, init="pytorch"),
        nl.Dense(2, 3, bias=False, activation="softmax", init="zeros"),
        nl.Dropout(0.25, per_sequence=True),
        nl.GaussianNoise(0.125),
        nl.Activation("relu"),
        nl.Bidirectional(nl.RNN(2, 3), nl.RNN(2, 3), merge="sum"),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_every_option_comes_back(tmp_path, layer):
    layer.save(tmp_path / "model.safetensors")
    loaded = nl.load(tmp_path / "model.safetensors")
    arguments = inspect.signature(type(layer)).parameters
    for name, argument in arguments.items():
        if name not in ("dtype", "seed", "forward_layer", "backward_layer"):
            assert getattr(loaded, name) == getattr(layer, name) != argument.default, name


def test_a_loaded_network_goes_on_training_and_starts_anew_like_the_original(tmp_path):
    net, path = nl.GRU(2, 3, init="pytorch", seed=0), tmp_path / "model.safetensors"
    net.save(path)
    loaded = nl.load(path)
    assert loaded.grad.shape == net.grad.shape and not loaded.grad.any()
    for layer in (net, loaded):
        layer.initialize(np.random.default_rng(5))
    np.testing.assert_array_equal(loaded.theta, net.theta)


def test_the_file_holds_the_parameters_by_name_and_nothing_else(tmp_path):
    net, path = nl.Sequential(nl.LSTM(2, 3), nl.Dense(3, 1), seed=0), tmp_path / "model.safetensors"
    net.save(path)
    with safe_open(str(path), framework="np") as file:
        assert sorted(file.keys()) == ["0.W_h", "0.W_x", "0.b", "1.W", "1.b"]
        assert list(file.metadata()) == ["numpylstm"]
        np.testing.assert_array_equal(file.get_tensor("0.W_h"), net.layers[0].params["W_h"])


def test_a_transposed_view_is_stored_as_what_it_shows(tmp_path):
    net, path = nl.Dense(3, 3, seed=0), tmp_path / "model.safetensors"
    expected = net.params["W"].copy()
    net.params["W"] = np.asfortranarray(expected)
    extra = np.arange(6.0).reshape(2, 3)
    checkpoint.save(net, path, {"turned": extra.T, "strided": extra[:, ::2]})
    loaded, arrays, _ = checkpoint.load_with_extra(path)
    np.testing.assert_array_equal(loaded.params["W"], expected)
    np.testing.assert_array_equal(arrays["turned"], extra.T)
    np.testing.assert_array_equal(arrays["strided"], extra[:, ::2])


def test_arrays_and_values_saved_beside_a_network_come_back(tmp_path):
    net, path = nl.Dense(2, 1, seed=0), tmp_path / "model.safetensors"
    values = {"rate": 44100, "name": "sägezahn", "nothing": None, "list": [1, 2.5]}
    checkpoint.save(net, path, {"moment": np.arange(3, dtype=np.float32)}, values)
    loaded, arrays, extra = checkpoint.load_with_extra(path)
    assert extra == values and list(arrays) == ["moment"] and arrays["moment"].dtype == np.float32
    np.testing.assert_array_equal(loaded.theta, net.theta)


def test_the_path_may_be_a_string(tmp_path):
    path = str(tmp_path / "ein modell ü.safetensors")
    nl.Dense(2, 1, seed=0).save(path)
    assert isinstance(nl.load(path), nl.Dense)


# ------------------------------------------------------------------------------------- refused saves


@pytest.mark.parametrize("dtype", [np.complex128, np.complex64, np.float16, np.longdouble])
def test_what_could_not_be_loaded_again_is_not_saved(tmp_path, dtype):
    net, path = nl.Dense(2, 1, seed=0).astype(dtype), tmp_path / "model.safetensors"
    with pytest.raises(nl.ModelError) as error:
        net.save(path)
    assert np.dtype(dtype).name in str(error.value) and "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("name", ["LSTM", "OneOfMyOwn"])
def test_a_class_of_one_s_own_is_not_saved(tmp_path, name, inside):
    try:
        mine = type(name, (nl.LSTM,), {})(2, 3, seed=0)
        net = nl.Sequential(nl.Residual(nl.Sequential(mine, nl.Dense(3, 2)))) if inside else mine
        with pytest.raises(nl.ModelError, match=name):
            net.save(tmp_path / "model.safetensors")
        assert list(tmp_path.iterdir()) == []
    finally:
        LAYERS.pop("OneOfMyOwn", None)


def write_half(path, data):
    with path.open("wb") as file:
        file.write(data[: len(data) // 2])
    raise OSError("no space left on the device")


def test_a_failing_save_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    net, path = nl.Dense(2, 1, seed=0), tmp_path / "model.safetensors"
    net.save(path)
    before = path.read_bytes()
    net.theta[...] += 1
    with pytest.raises(TypeError):
        checkpoint.save(net, path, extra={"not JSON": object()})
    monkeypatch.setattr(Path, "write_bytes", write_half)
    with pytest.raises(OSError, match="no space"):
        net.save(path)
    assert path.read_bytes() == before and [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_where_a_file_cannot_be_written_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        nl.Dense(2, 1).save(tmp_path / "nowhere" / "model.safetensors")
    with pytest.raises(IsADirectoryError, match="directory"):
        nl.Dense(2, 1).save(tmp_path)


# ---------------------------------------------------------------------------- files that are no model


def test_a_missing_file_is_called_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file .*nothing"):
        nl.load(tmp_path / "nothing")


def test_files_of_other_kinds_are_refused_with_their_name(tmp_path):
    for name, content in {
        "empty": b"",
        "text": b"hello, I am a poem\n" * 20,
        "zeros": bytes(1000),
        "huge header": struct.pack("<Q", 2**62) + b"{}",
        "no JSON": struct.pack("<Q", 10) + b"{{{{{{{{{{",
        "noise": np.random.default_rng(0).bytes(5000),
    }.items():
        (tmp_path / name).write_bytes(content)
        assert name in refusal(tmp_path / name)


def test_a_directory_is_refused(tmp_path):
    assert str(tmp_path) in refusal(tmp_path)


def test_a_file_cut_short_anywhere_is_refused(tmp_path):
    path, cut = tmp_path / "model.safetensors", tmp_path / "cut.safetensors"
    nl.Sequential(nl.LSTM(2, 3), nl.Dense(3, 1), seed=0).save(path)
    content = path.read_bytes()
    for size in {*range(0, len(content), 37), len(content) - 1}:
        cut.write_bytes(content[:size])
        refusal(cut)


def test_a_pickle_is_refused_and_never_executed(tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    trap = tmp_path / "model.safetensors"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        trap.write_bytes(pickle.dumps(Trap(), protocol))
        assert trap.name in refusal(trap)
    np.savez(tmp_path / "trap.npz", W=np.array([Trap()], dtype=object))
    refusal(tmp_path / "trap.npz")
    assert not (tmp_path / "sprung").exists()


def test_a_safetensors_file_of_another_program_is_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    for metadata in (None, {"format": "pt"}, {"numpylstm": "{"}, {"numpylstm": "[]"}, {"numpylstm": "{}"}):
        safetensors.numpy.save_file({"weight": np.zeros(3)}, path, metadata=metadata)
        assert "not of numpylstm" in refusal(path)


# ------------------------------------------------------------------- files that pretend to be a model

DENSE = {"layer": "Dense", "input_size": 2, "output_size": 1, "bias": True, "activation": None}
DENSE |= {"init": "default"}
LSTM = {"layer": "LSTM", "input_size": 1, "hidden_size": 2, "init": "default"}
TENSORS = {"W": np.zeros((1, 2)), "b": np.zeros(1)}


def forge(path: Path, network, tensors=None, version=1, dtype="float64", text: str | None = None) -> Path:
    """A well-formed file with any description in it."""
    described = {"format": version, "dtype": dtype, "network": network, "extra": None}
    metadata = {"numpylstm": json.dumps(described) if text is None else text}
    safetensors.numpy.save_file(TENSORS if tensors is None else tensors, path, metadata=metadata)
    return path


def test_the_forged_file_itself_would_load(tmp_path):
    assert isinstance(nl.load(forge(tmp_path / "model", DENSE)), nl.Dense)


@pytest.mark.parametrize(
    "network, words",
    [
        (None, "description of a layer"),
        ("LSTM", "description of a layer"),
        ([DENSE], "description of a layer"),
        ({}, "description of a layer"),
        ({"layer": ["Dense"]}, "description of a layer"),
        ({"layer": "Transformer"}, "Transformer"),
        ({"layer": "Layer"}, "'Layer'"),
        ({"layer": "Container", "layers": [DENSE]}, "Container"),
        ({"layer": "StatelessLayer"}, "StatelessLayer"),
        ({"layer": "RecurrentLayer"}, "RecurrentLayer"),
        ({"layer": "__class__"}, "__class__"),
        ({"layer": "os.system"}, "os.system"),
        ({"layer": "x" * 10**5}, "xxx"),
        (DENSE | {"__class__": "Trap"}, "__class__"),
        (DENSE | {"__init__": {}}, "__init__"),
        (DENSE | {"dtype": "object"}, "dtype"),
        (DENSE | {"seed": 1}, "seed"),
        (DENSE | {"z" * 10**5: 1}, "option"),
        (DENSE | {"hidden_size": 3}, "hidden_size"),
        (DENSE | {"activation": "__import__"}, "__import__"),
        (DENSE | {"activation": ["tanh"]}, "Dense"),
        (DENSE | {"activation": "y" * 10**5}, "yyy"),
        (DENSE | {"init": "evil"}, "evil"),
        (DENSE | {"init": ["default"]}, "init"),
        (DENSE | {"init": {"a": 1}}, "init"),
        (DENSE | {"layers": [DENSE]}, "Dense"),
        (DENSE | {"input_size": -1}, "input_size"),
        (DENSE | {"input_size": 2.0}, "input_size"),
        (DENSE | {"input_size": "2"}, "input_size"),
        (DENSE | {"input_size": None}, "input_size"),
        (DENSE | {"input_size": True}, "input_size"),
        ({"layer": "Dense"}, "input_size"),
        (LSTM | {"hidden_size": 10**5}, "LSTM"),
        (LSTM | {"hidden_size": 10**12}, "LSTM"),
        (LSTM | {"hidden_size": 10**30}, "LSTM"),
        (LSTM | {"input_size": 10**12}, "LSTM"),
        (LSTM | {"forget_bias": "one"}, "LSTM"),
        (LSTM | {"recurrent_dropout": 1.5}, "recurrent_dropout"),
        (LSTM | {"recurrent_dropout": []}, "LSTM"),
        ({"layer": "Dropout", "p": "0.5"}, "Dropout"),
        ({"layer": "GaussianNoise", "sigma": float("nan")}, "sigma"),
        ({"layer": "Sequential", "layers": []}, "Sequential"),
        ({"layer": "Sequential", "layers": None}, "Sequential"),
        ({"layer": "Sequential", "layers": {"0": DENSE}}, "Sequential"),
        ({"layer": "Sequential", "layers": [3]}, "description of a layer"),
        ({"layer": "Sequential"}, "Sequential"),
        ({"layer": "Residual", "layers": [DENSE, DENSE]}, "Residual"),
        ({"layer": "Bidirectional", "layers": [LSTM]}, "Bidirectional"),
        ({"layer": "Bidirectional", "layers": [LSTM, LSTM], "merge": "product"}, "merge"),
    ],
)
def test_a_description_that_is_not_one_is_refused(tmp_path, network, words):
    assert words in refusal(forge(tmp_path / "model.safetensors", network))


@pytest.mark.parametrize("depth", [100, 200, 300, 400, 1_000, 100_000])
@pytest.mark.parametrize(
    "opening, core, closing",
    [
        ('{"layer":"Sequential","layers":[', '{"layer":"Dropout","p":0.5}', "]}"),
        ('{"layer":"Sequential","layers":[', '{"layer":"Dropout","p":7}', "]}"),
        ("[", "", "]"),
        ('{"layer":', "1", "}"),
        ('{"layer":"Activation","name":', '"tanh"', "}"),
    ],
    ids=["layers", "layers around a bad one", "lists", "names", "options"],
)
def test_a_description_nested_without_end_is_refused(tmp_path, opening, core, closing, depth):
    network = opening * depth + core + closing * depth
    text = f'{{"format": 1, "dtype": "float64", "network": {network}}}'
    try:
        refusal(forge(tmp_path / "model.safetensors", None, text=text))
    except pytest.fail.Exception:  # it loaded: allowed for as long as it then works
        assert core.endswith("0.5}") and nl.load(tmp_path / "model.safetensors").config()


@pytest.mark.parametrize("version", [0, 2, "1", None, "a\nb" * 1000])
def test_a_file_of_another_version_is_refused(tmp_path, version):
    assert "format" in refusal(forge(tmp_path / "model.safetensors", DENSE, version=version))


@pytest.mark.parametrize("dtype", ["complex128", "float16", "object", "O", None, ["float32"], {}, 4])
def test_a_file_of_another_precision_is_refused(tmp_path, dtype):
    assert "float32 or float64" in refusal(forge(tmp_path / "model.safetensors", DENSE, dtype=dtype))


@pytest.mark.parametrize(
    "tensors, words",
    [
        ({"W": np.zeros((1, 2))}, "lacks the parameter b"),
        ({"W": np.zeros((2, 1)), "b": np.zeros(1)}, "(1, 2)"),
        ({"W": np.zeros(2), "b": np.zeros(1)}, "(1, 2)"),
        ({"W": np.zeros((1, 2)), "b": np.zeros(())}, "(1,)"),
        ({"W": np.zeros((1, 2), np.float32), "b": np.zeros(1)}, "float32"),
        ({"W": np.zeros((1, 2), np.int64), "b": np.zeros(1)}, "int64"),
    ],
)
def test_arrays_that_do_not_fit_the_architecture_are_refused(tmp_path, tensors, words):
    assert words in refusal(forge(tmp_path / "model.safetensors", DENSE, tensors))


@pytest.mark.parametrize("kind", ["BF16", "F8_E4M3", "F8_E5M2", "BOOL", "I8", "U16"])
def test_arrays_of_a_kind_that_numpy_lacks_are_refused(tmp_path, kind):
    size = 2 * (2 if kind in ("BF16", "U16") else 1)
    described = {"format": 1, "dtype": "float32", "network": DENSE | {"bias": False}}
    header = {"__metadata__": {"numpylstm": json.dumps(described)}}
    header["W"] = {"dtype": kind, "shape": [1, 2], "data_offsets": [0, size]}
    text = json.dumps(header).encode()
    path = tmp_path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(size))
    refusal(path)


def test_a_large_layer_without_its_parameters_is_refused_without_drawing_them(tmp_path, monkeypatch):
    def never(*args):
        raise AssertionError("starting values were drawn, which takes hours for a large layer")

    for module in (nl.layers.recurrent, nl.layers.dense):
        for function in ("glorot", "orthogonal", "pytorch_uniform"):
            monkeypatch.setattr(module, function, never, raising=False)
    for options in ({}, {"init": None}, {"init": "pytorch"}):
        network = {"layer": "LSTM", "input_size": 1, "hidden_size": 500} | options
        refusal(forge(tmp_path / "model.safetensors", network))


def test_a_network_in_half_precision_is_half_as_large_and_nearly_the_same(tmp_path):
    net = nl.Sequential(nl.LSTM(3, 40), nl.Dense(40, 2), dtype=np.float32, seed=0)
    checkpoint.save(net, tmp_path / "whole.safetensors")
    checkpoint.save(net, tmp_path / "half.safetensors", half=True)
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("whole", "half")]
    assert sizes[1] < sizes[0] - 1.9 * net.theta.size
    back = nl.load(tmp_path / "half.safetensors")
    assert back.dtype == np.float32
    np.testing.assert_allclose(back.theta, net.theta, rtol=2**-11, atol=1e-7)
    assert (back.theta == net.theta.astype(np.float16)).all()


def test_half_precision_refuses_what_it_cannot_hold(tmp_path):
    net = nl.Dense(2, 2, seed=0)
    net.theta[0] = 1e5
    with pytest.raises(checkpoint.ModelError, match="65,504"):
        checkpoint.save(net, tmp_path / "half.safetensors", half=True)
    assert not list(tmp_path.iterdir())


def test_a_model_file_has_the_permissions_of_any_other_new_file(tmp_path):
    nl.Dense(2, 2, seed=0).save(tmp_path / "model.safetensors")
    (tmp_path / "other").write_text("")
    modes = [(tmp_path / name).stat().st_mode for name in ("model.safetensors", "other")]
    assert modes[0] == modes[1]

"""Write plugin_files/ for tests/test_interop.py: files as their trainers write them, and how they sound.

Run by hand, with PyTorch and Keras installed (KERAS_BACKEND=jax does); the tests need only the files. The
package itself is not used here. GuitarML and NAM files hold PyTorch's tensors, RTNeural and AIDA-X files
Keras', each put down the way its trainer does; the answers are what PyTorch and Keras made of `x`.

plugin_files/answers.safetensors: x (n,), and by the name of each file y (n,).
"""

import json
from pathlib import Path

import keras
import numpy as np
import torch
from safetensors.numpy import save_file

FOLDER = Path(__file__).with_name("plugin_files")
N = 200


def sound() -> np.ndarray:
    k = np.arange(N)
    return (0.7 * np.sin(k**1.4 / 9) * np.exp(-k / 150)).astype(np.float32)


def torch_net(kind: str, hidden: int, layers: int = 1):
    rec = getattr(torch.nn, kind)(1, hidden, layers)
    lin = torch.nn.Linear(hidden, 1)
    return rec, lin


def guitarml(kind: str, hidden: int, skip: int, x: np.ndarray):
    """As CoreAudioML's SimpleRNN.save_model."""
    rec, lin = torch_net(kind, hidden)
    tensors = {f"rec.{k}": v for k, v in rec.state_dict().items()}
    tensors |= {f"lin.{k}": v for k, v in lin.state_dict().items()}
    data = {"model": "SimpleRNN", "input_size": 1, "skip": skip, "output_size": 1, "unit_type": kind}
    data |= {"num_layers": 1, "hidden_size": hidden, "bias_fl": True}
    sequence = torch.tensor(x)[:, None, None]
    y = lin(rec(sequence)[0]) + skip * sequence
    return {"model_data": data, "state_dict": {k: v.tolist() for k, v in tensors.items()}}, y


def nam(hidden: int, layers: int, x: np.ndarray):
    """As the trainer's LSTM exports itself: the initial state is what half a second of silence leaves."""
    rec, lin = torch_net("LSTM", hidden, layers)
    with torch.no_grad():
        for weight in rec.parameters():
            weight.mul_(2.0)
    _, (h, c) = rec(torch.zeros(24_000, 1, 1))
    flat = []
    for n in range(layers):
        W = [getattr(rec, f"weight_{which}_l{n}") for which in ("ih", "hh")]
        b = [getattr(rec, f"bias_{which}_l{n}") for which in ("ih", "hh")]
        flat += [torch.cat(W, dim=1).flatten(), b[0] + b[1], h[n, 0], c[n, 0]]
    flat += [lin.weight.flatten(), lin.bias]
    document = {
        "version": "0.5.4",
        "metadata": {"name": "two layers", "loudness": -20.5, "gear_type": "amp"},
        "architecture": "LSTM",
        "config": {"input_size": 1, "hidden_size": hidden, "num_layers": layers},
        "weights": torch.cat(flat).tolist(),
        "sample_rate": 48000.0,
    }
    return document, lin(rec(torch.tensor(x)[:, None, None], (h, c))[0])


def keras_document(layers: list, inputs: int = 1):
    """As RTNeural's python/model_utils.py puts down a Keras model."""
    model = keras.Sequential([keras.Input((None, inputs)), *layers])
    described = []
    for layer in layers:
        for w in layer.weights:  # Keras starts biases at zero, where a wrong order would not show
            if "bias" in w.path:
                w.assign(np.random.default_rng(7).normal(0, 0.3, w.shape).astype(np.float32))
        weights = [w.tolist() for w in layer.get_weights()]
        kind = type(layer).__name__.lower()
        activation = "" if kind in ("lstm", "gru") else layer.activation.__name__.replace("linear", "")
        size = layer.units
        described.append(
            {"type": kind, "activation": activation, "shape": [None, None, size], "weights": weights}
        )
    return model, {"in_shape": [None, None, inputs], "layers": described}


def rtneural(layers: list, x: np.ndarray):
    model, document = keras_document(layers)
    return document, model.predict(x[None, :, None], verbose=0)


def aidax(layers: list, x: np.ndarray, in_gain: float, out_gain: float):
    """As aidadsp-lv2 plays it: gain, the network plus its input, gain. The answer is part of the file."""
    model, document = keras_document(layers)
    loud = np.float32(10 ** (in_gain / 20)) * x
    y = (loud + model.predict(loud[None, :, None], verbose=0)[0, :, 0]) * np.float32(10 ** (out_gain / 20))
    document |= {"in_skip": 1, "in_gain": in_gain, "out_gain": out_gain}
    document |= {"metadata": {"name": "a box", "samplerate": "44100"}}
    document |= {"input_batch": x.tolist(), "output_batch": y.tolist()}
    return document, y


def main() -> None:
    torch.manual_seed(0)
    keras.utils.set_random_seed(0)
    L, x = keras.layers, sound()
    made = {
        "guitarml_lstm.json": guitarml("LSTM", 5, 1, x),
        "guitarml_gru.json": guitarml("GRU", 5, 0, x),
        "lstm.nam": nam(4, 2, x),
        "rtneural_lstm.json": rtneural([L.LSTM(5, return_sequences=True), L.Dense(1)], x),
        "rtneural_gru.json": rtneural(
            [L.GRU(5, return_sequences=True), L.Dense(3, activation="tanh"), L.Dense(1)], x
        ),
        "aidax_gru.json": aidax([L.GRU(8, return_sequences=True), L.Dense(1)], x, -6.0, 3.0),
    }
    FOLDER.mkdir(exist_ok=True)
    answers = {"x": x}
    for name, (document, y) in made.items():
        (FOLDER / name).write_text(json.dumps(document) + "\n")
        y = y.detach().numpy() if torch.is_tensor(y) else np.asarray(y)
        answers[name] = np.ascontiguousarray(y.reshape(-1), np.float32)
    versions = {"torch": torch.__version__.split("+")[0], "keras": keras.__version__}
    save_file(answers, FOLDER / "answers.safetensors", metadata=versions)


if __name__ == "__main__":
    main()

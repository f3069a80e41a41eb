"""Keras, as its documentation writes such networks: batch first, `train_on_batch`, `predict_on_batch`."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from .workloads import Workload, make_data


def network(work: Workload) -> keras.Sequential:
    recurrent = keras.layers.LSTM if work.cell == "LSTM" else keras.layers.GRU
    layers: list[Any] = [keras.Input((work.T, work.D))]
    for index, H in enumerate(work.hidden):
        last = index == len(work.hidden) - 1
        layers.append(recurrent(H, return_sequences=not (last and work.last_only)))
    layers.append(keras.layers.Dense(work.outputs, activation=work.activation))
    return keras.Sequential(layers)


def prepare(work: Workload, mode: str) -> Callable[[], Any] | None:
    """None for streaming: Keras has no call for it."""
    if mode == "stream":
        return None
    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    x, target = make_data(work)
    x = np.ascontiguousarray(x.swapaxes(0, 1))
    if not work.last_only:
        target = np.ascontiguousarray(target.swapaxes(0, 1))
    net = network(work)
    if work.update == "adam":
        optimizer: Any = keras.optimizers.Adam(1e-3)
    else:
        optimizer = keras.optimizers.SGD(1e-2, momentum=0.9)
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    net.compile(optimizer=optimizer, loss=cross_entropy if work.loss == "cross_entropy" else "mse")
    if mode == "infer":
        return lambda: net.predict_on_batch(x)
    return lambda: float(net.train_on_batch(x, target))

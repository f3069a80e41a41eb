"""numpylstm, through its public interface, as one would write it."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

import numpylstm as nl

from .workloads import Workload, make_data


def network(work: Workload, dtype: type = np.float32) -> nl.Sequential:
    recurrent = nl.LSTM if work.cell == "LSTM" else nl.GRU
    layers = [recurrent(D, H) for D, H in pairwise([work.D, *work.hidden])]
    dense = nl.Dense(work.hidden[-1], work.outputs, activation=work.activation)
    return nl.Sequential(*layers, dense, dtype=dtype, seed=0)


def inputs(work: Workload, dtype: type = np.float32) -> tuple[np.ndarray, np.ndarray]:
    """x (T, B, D), or classes (T, B); and the target."""
    x, target = make_data(work, dtype)
    return (x.argmax(axis=2) if work.one_hot else x), target


def gradients(
    net: nl.Sequential, work: Workload, x: np.ndarray, target: np.ndarray
) -> tuple[np.ndarray, float]:
    """Forward, loss and backward into `net.grad`; returns y (T, B, outputs) and the loss."""
    net.zero_grads()
    y, _, cache = net.forward(x, training=True)
    if work.loss == "cross_entropy":
        loss, dy = nl.losses.softmax_cross_entropy(y, target)
    elif work.last_only:
        dy = np.zeros_like(y)
        loss, dy[-1] = nl.losses.mse(y[-1], target)
    else:
        loss, dy = nl.losses.mse(y, target)
    net.add_gradients(dy, cache)  # `backward` would give the gradient by x as well
    return y, loss


def prepare(work: Workload, mode: str) -> Callable[[], Any]:
    """One step as a function without arguments; so in all the modules of the peers."""
    net = network(work)
    x, target = inputs(work)
    if mode == "stream":
        stream = net.stream()
        return lambda: stream.process(x)
    if mode == "infer":
        return lambda: net.predict(x)
    optimizer = nl.Adam(1e-3) if work.update == "adam" else nl.SGD(1e-2, momentum=0.9)

    def train() -> float:
        _, loss = gradients(net, work, x, target)
        optimizer.step(net.theta, net.grad)
        return loss

    return train

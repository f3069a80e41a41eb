"""PyTorch, as its documentation writes such networks."""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from .workloads import Workload, make_data


class Net(nn.Module):
    def __init__(self, work: Workload) -> None:
        super().__init__()
        recurrent = nn.LSTM if work.cell == "LSTM" else nn.GRU
        self.recurrent = recurrent(work.D, work.hidden[0], num_layers=len(work.hidden))
        self.dense = nn.Linear(work.hidden[-1], work.outputs)
        self.work = work

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h, _ = self.recurrent(x)
        y = self.dense(h[-1] if self.work.last_only else h)
        return torch.sigmoid(y) if self.work.activation == "sigmoid" else y


def prepare(work: Workload, mode: str) -> Callable[[], Any]:
    torch.manual_seed(0)
    x, target = (torch.from_numpy(array) for array in make_data(work))
    net = Net(work)
    if mode == "stream":
        return fastest(stream_lstm(net, x), stream_cell(net, x))
    if mode == "infer":
        net.eval()

        def infer() -> torch.Tensor:
            with torch.inference_mode():
                return net(x)

        return infer

    # `fused` passes over the parameters once, the default a dozen times.
    if work.update == "adam":
        optimizer: Any = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
    else:
        optimizer = torch.optim.SGD(net.parameters(), lr=1e-2, momentum=0.9, fused=True)

    def train() -> float:
        optimizer.zero_grad()
        y = net(x)
        if work.loss == "cross_entropy":
            loss = F.cross_entropy(y.flatten(0, 1), target.flatten())
        else:
            loss = F.mse_loss(y, target)
        loss.backward()
        optimizer.step()
        return loss.item()

    return train


def stream_lstm(net: Net, x: torch.Tensor) -> Callable[[], torch.Tensor]:
    state = None

    def step() -> torch.Tensor:
        nonlocal state
        with torch.inference_mode():
            h, state = net.recurrent(x, state)
            return net.dense(h)

    return step


def stream_cell(net: Net, x: torch.Tensor) -> Callable[[], torch.Tensor]:
    """The same with LSTMCell, which does without the time axis."""
    cell = nn.LSTMCell(net.work.D, net.work.hidden[0])
    state = None

    def step() -> torch.Tensor:
        nonlocal state
        with torch.inference_mode():
            state = cell(x[0], state)
            return net.dense(state[0])

    return step


def fastest(*steps: Callable[[], Any]) -> Callable[[], Any]:
    seconds = []
    for step in steps:
        for _ in range(200):
            step()
        started = time.perf_counter()
        for _ in range(1000):
            step()
        seconds.append(time.perf_counter() - started)
    return steps[seconds.index(min(seconds))]

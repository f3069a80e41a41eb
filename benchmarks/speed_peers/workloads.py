"""The workloads of the speed benchmark, and what is expected of them.

One training step is forward, loss, backward for every parameter, and the optimizer's update; inference is
the forward pass that keeps nothing; both in float32. Streaming is one sample at a time.
"""

from typing import NamedTuple

import numpy as np


class Workload(NamedTuple):
    title: str
    cell: str  # "LSTM" or "GRU"
    hidden: tuple[int, ...]  # H of each recurrent layer; a Dense with `outputs` units follows the last
    B: int
    T: int
    D: int
    outputs: int
    loss: str = "mse"  # or "cross_entropy": the network's outputs are scores, the softmax is in the loss
    update: str = "adam"  # or "momentum"
    activation: str | None = None  # of the Dense
    last_only: bool = False  # whether only the last step's output counts
    one_hot: bool = False  # whether x are classes 0 to D - 1: numbers for ours, one-hot vectors for others
    streaming: bool = False

    @property
    def modes(self) -> tuple[str, ...]:
        return ("stream",) if self.streaming else ("train", "infer")


WORKLOADS = {
    "W1": Workload("sine", "LSTM", (16, 16), 128, 100, 1, 1, last_only=True),
    "W2": Workload(
        "spectrogram", "LSTM", (385,) * 3, 32, 32, 385, 385, activation="sigmoid", update="momentum"
    ),
    "W3": Workload("separation", "LSTM", (512,) * 3, 32, 100, 1539, 1026),
    "W3-1000": Workload("separation, 1000", "LSTM", (1000,) * 3, 32, 100, 1539, 1026),
    "W4": Workload("audio", "LSTM", (32,), 40, 2048, 1, 1),
    "W5": Workload("one-hot audio", "LSTM", (200,) * 2, 32, 50, 256, 256, loss="cross_entropy", one_hot=True),
    "W6": Workload("generation", "GRU", (512,) * 3, 32, 32, 200, 200),
    "S": Workload("streaming", "LSTM", (32,), 1, 1, 1, 1, streaming=True),
}

# How many times as long as ours the fastest framework, and the naive baseline, must take at least.
TARGETS = {
    ("W1", "train"): 1.3,
    ("W2", "train"): 1.15,
    ("W3", "train"): 1.15,
    ("W4", "train"): 2.1,
    ("W5", "train"): 1.05,
    ("W6", "train"): 2.0,
    ("W1", "infer"): 0.75,
    ("W2", "infer"): 1.0,
    ("W3", "infer"): 0.9,
    ("W4", "infer"): 0.9,
    ("W5", "infer"): 0.9,
    ("W6", "infer"): 1.2,
    ("S", "stream"): 7.0,
}
NAIVE_TARGETS = {("W1", "train"): 6.0, ("W4", "train"): 6.0, ("W2", "train"): 4.0, ("W5", "train"): 4.0}


def small(work: Workload) -> Workload:
    """The same workload in a size for tests."""
    return work._replace(
        hidden=tuple(min(H, 6) for H in work.hidden),
        B=min(work.B, 4),
        T=min(work.T, 9),
        D=min(work.D, 7),
        outputs=min(work.outputs, 7),
    )


def make_data(work: Workload, dtype: type = np.float32) -> tuple[np.ndarray, np.ndarray]:
    """x (T, B, D) and the target: (T, B, outputs), (B, outputs) of the last step, or classes (T, B)."""
    rng = np.random.default_rng(0)
    if work.one_hot:
        classes = rng.integers(work.D, size=(work.T + 1, work.B))
        return np.eye(work.D, dtype=dtype)[classes[:-1]], classes[1:]
    x = rng.standard_normal((work.T, work.B, work.D)).astype(dtype)
    target = rng.random((work.T, work.B, work.outputs)).astype(dtype)
    return x, target[-1] if work.last_only else target

"""Figures of ours alone: `python -m speed_peers.own WHAT ROUNDS THREADS quick|full` prints rows as JSON.

WHAT is variants, import, memory or tricks; THREADS 0 for ours' own choice. A row is (name, value, unit,
target); the value must not exceed the target, None: none is set.
"""

import json
import math
import statistics
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import numpylstm as nl
from numpylstm.threads import set_threads

from . import ours, tricks
from .timing import lower_quartile, run
from .workloads import WORKLOADS, small

Row = tuple[str, float, str, float | None]


def there_and_back(layer: nl.Layer, x: np.ndarray, lengths: Any = None) -> Callable[[], None]:
    """Forward and backward of a layer on x (T, B, D), as one function."""
    x = x.astype(layer.dtype)
    dy = np.ones_like(layer.forward(x)[0])

    def step() -> None:
        layer.zero_grads()
        _, _, cache = layer.forward(x, lengths=lengths, training=True)
        layer.backward(dy, cache)

    return step


def compare(D: int, H: int, T: int, B: int, rounds: int, seconds: float) -> list[Row]:
    """Each variant of a layer against the plain layer of its size, in turn, as a ratio of times."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((T, B, D))
    lengths = rng.integers(T // 2, T, B, endpoint=True)

    def lstm(dtype: type = np.float32, peepholes: bool = False) -> nl.LSTM:
        return nl.LSTM(D, H, peepholes=peepholes, dtype=dtype, seed=0)

    def gru(dtype: type = np.float32, reset_after: bool = True) -> nl.GRU:
        return nl.GRU(D, H, reset_after=reset_after, dtype=dtype, seed=0)

    steps = {
        "LSTM": there_and_back(lstm(), x),
        "LSTM with peepholes": there_and_back(lstm(peepholes=True), x),
        "LSTM, ragged": there_and_back(lstm(), x, lengths),
        "LSTM, bidirectional": there_and_back(nl.Bidirectional(lstm(), lstm()), x),
        "LSTM in float64": there_and_back(lstm(float), x),
        "GRU": there_and_back(gru(), x),
        "GRU, reset before": there_and_back(gru(reset_after=False), x),
        "GRU, ragged": there_and_back(gru(), x, lengths),
        "GRU, bidirectional": there_and_back(nl.Bidirectional(gru(), gru()), x),
        "GRU in float64": there_and_back(gru(float), x),
        "RNN": there_and_back(nl.RNN(D, H, dtype=np.float32, seed=0), x),
    }
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            step()  # not timed: it finds the caches full of another's numbers
            times[name] += run(step, seconds)
    rows: list[Row] = []
    for name in steps:
        plain = "GRU" if name.startswith("GRU") and name != "GRU" else "LSTM"
        if name != plain:
            directions = 2 if "bidirectional" in name else 1
            ratio = lower_quartile(times[name]) / lower_quartile(times[plain]) / directions
            rows.append((f"{D} to {H}: {name} / {plain}", ratio, "", 2.5 if "float64" in name else 1.6))
    return rows


def variants(rounds: int, quick: bool) -> list[Row]:
    if quick:
        return compare(8, 6, 9, 4, rounds, 0)
    return compare(64, 128, 100, 32, rounds, 0.3) + compare(385, 385, 32, 32, rounds, 0.3)


def import_time(quick: bool) -> list[Row]:
    """Seconds that `import numpylstm` adds to `import numpy`, in fresh processes."""
    program = "import time, numpy; t = time.perf_counter(); import numpylstm; print(time.perf_counter() - t)"
    seconds = [
        float(subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout)
        for _ in range(1 if quick else 7)
    ]
    return [("import numpylstm, beyond numpy", statistics.median(seconds), "s", 0.25)]


def resident(field: str) -> float | None:
    """Resident memory of this process in MB by Linux, "VmRSS" now or "VmHWM" at most; None elsewhere."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))
    except (OSError, StopIteration):
        return None


def memory_row(quick: bool) -> list[Row]:
    """MB above the data, at most, in one training step of W4 with 44,100 steps."""
    work = WORKLOADS["W4"]._replace(T=44_100)
    work = small(work) if quick else work
    net = ours.network(work)
    x, target = ours.inputs(work)
    optimizer = nl.Adam(1e-3)
    try:
        Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts anew from what is in use now
    except OSError:
        before = None
    else:
        before = resident("VmRSS")
    tracemalloc.start()
    ours.gradients(net, work, x, target)
    optimizer.step(net.theta, net.grad)
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    most = resident("VmHWM")
    rows: list[Row] = [(f"training step of {work.T:,} steps: memory above the data", peak, "MB", 64)]
    if before is not None and most is not None:
        rows.append(("the same: resident memory", most - before, "MB", None))
    return [*rows, redone_blocks(quick)]


def redone_blocks(quick: bool) -> Row:
    """Percent more time of that step where blocks are redone, against one that keeps its whole history."""
    work = WORKLOADS["W4"]._replace(T=44_100)
    work = small(work) if quick else work
    x, target = ours.inputs(work)
    times: dict[float, list[float]] = {0: [], math.inf: []}
    for _ in range(3):
        for limit, seconds in times.items():
            net = ours.network(work)
            net.history_limit = limit
            seconds += run(lambda net=net: ours.gradients(net, work, x, target), 0)
    extra = lower_quartile(times[0]) / lower_quartile(times[math.inf]) - 1
    return (f"training step of {work.T:,} steps: redone blocks, more time", 100 * extra, "%", 12)


def main(what: str, rounds: int, threads: int, quick: bool) -> list[Row]:
    if threads:
        set_threads(threads)
    return {
        "variants": lambda: variants(rounds, quick),
        "tricks": lambda: tricks.rows(rounds, quick),
        "import": lambda: import_time(quick),
        "memory": lambda: memory_row(quick),
    }[what]()


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "quick")))

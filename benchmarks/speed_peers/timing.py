"""Taking the time of steps."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def run(step: Callable[[], Any], seconds: float, together: int = 1) -> list[float]:
    """Seconds that each step takes, of at least two and of as many as begin in this time.

    Args:
        together: how many steps are timed as one, where one takes hardly longer than asking for the time.
    """
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 2 or time.perf_counter() < end:
        started = time.perf_counter()
        for _ in range(together):
            step()
        times.append((time.perf_counter() - started) / together)
    return times


def lower_quartile(times: Sequence[float]) -> float:
    """What a step takes when nothing else holds it up: other programs can only add to a time."""
    return float(np.percentile(times, 25))

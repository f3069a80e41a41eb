"""Running free: what every kind of generation has in common.

The network says how likely each class is to come next, one is drawn, and what was drawn is its next input.
Sound is written as it comes and judged at the end, by sound of the corpus that was held out: so the model
file holds that, up to a minute of it. The memory needed does not grow with the length.
"""

import math
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from typing import Any, Protocol

import numpy as np

from ..audio import wav
from ..audio.alive import SHORTEST, AliveReport, alive
from ..history import History
from ..layers import Layer
from .run import progress_bar

JUDGED, LONGEST_JUDGED = 10.0, 60
"""Seconds that a trained model runs and is judged by; of a long run its end is judged, so that no
run is too long for memory."""


class SoundModel(Protocol):
    """What a model of sound has, whatever its classes are.

    Attributes:
        rate: Hz.
        temperature: to run at unless another is asked for.
        held_out: (m,) samples of the corpus, whose first are the seed that a run continues.
    """

    net: Layer
    rate: int
    temperature: float
    held_out: np.ndarray

    def blocks(self, temperature: float, seed: int | np.random.Generator) -> Iterator[np.ndarray]: ...

    def seed(self) -> np.ndarray: ...

    def extra(self) -> dict[str, Any]: ...

    def arrays(self) -> dict[str, np.ndarray]: ...


@dataclass
class SoundResult:
    """A trained model of sound and what was measured.

    Attributes:
        figures: by the names that `--json` prints.
        seed, continuation: (n,), (m,) held-out samples, and what the network made of them.
        rate: Hz.
    """

    model: SoundModel
    history: History
    figures: dict[str, Any]
    report: AliveReport
    seed: np.ndarray
    continuation: np.ndarray
    rate: int


def check_temperature(temperature: float) -> None:
    """Raises ValueError for a temperature below 0, infinite or not a number."""
    if not 0 <= temperature < math.inf:
        raise ValueError(f"expected a temperature of at least 0, got {temperature}")


def draw(logits: np.ndarray, temperature: float, chance: np.ndarray) -> np.ndarray:
    """A class for each row of logits (B, C), from softmax(logits / temperature) by chances (B,) in [0, 1).

    At temperature 1 by the odds that the network gives, below 1 rather the likely ones, at 0 the likeliest
    alone. Where the odds, added up, first exceed the chance, there is the class.
    """
    if temperature == 0:
        likeliest: np.ndarray = logits.argmax(axis=1)
        return likeliest
    # The difference first: it is at most 0, so that a small temperature cannot make an infinity of it.
    below = (logits - logits.max(axis=1, keepdims=True)).astype(float)
    with np.errstate(over="ignore"):  # minus infinity is right for it: odds of 0
        total = np.exp(below / temperature).cumsum(axis=1)
    classes: np.ndarray = (total / total[:, -1:] <= chance[:, None]).sum(axis=1)
    return classes


def cut(blocks: Iterator[np.ndarray], samples: int) -> Iterator[np.ndarray]:
    """The first so many samples of sound that comes in blocks without end."""
    while samples > 0:
        block = next(blocks)[:samples]
        yield block
        samples -= len(block)


def run_and_judge(
    blocks: Iterator[np.ndarray], seconds: float, rate: int, held_out: np.ndarray
) -> tuple[np.ndarray, AliveReport, dict[str, Any]]:
    """So many seconds of sound (n,), whether it is alive, and both as figures, with `real_time_factor`."""
    started = time.perf_counter()
    sound = np.concatenate(list(cut(blocks, round(seconds * rate))))
    factor = seconds / max(time.perf_counter() - started, 1e-9)
    report = alive(sound.astype(float), held_out, rate)
    return sound, report, report.as_dict() | {"real_time_factor": factor}


def sample(
    model: SoundModel,
    path: str | PathLike[str],
    *,
    seconds: float,
    temperature: float | None = None,
    seed: int | np.random.Generator = 0,
    progress: bool = True,
) -> tuple[dict[str, Any], AliveReport]:
    """Write so many seconds of sound that continue the model's seed, at its rate, and judge the last minute.

    A run too short to be judged goes on unwritten until it can be.

    Args:
        temperature: see `draw`; that of the model if None.

    Returns:
        Figures `alive` with its parts, samples, rate, clipped, how many samples were beyond full scale,
        temperature, and real_time_factor, the seconds of sound generated in a second; and the report.

    Raises:
        AudioError: a file that cannot be written.
        ValueError: less than one sample, a temperature below 0.
    """
    temperature = model.temperature if temperature is None else temperature
    check_temperature(temperature)
    rate, blocks = model.rate, model.blocks(temperature, seed)
    if not (math.isfinite(seconds) and seconds * rate >= 1):
        raise ValueError(f"expected at least one sample, got {seconds} s at {rate} Hz")
    samples = round(seconds * rate)
    judged = max(samples, round(SHORTEST * rate))
    last: deque[np.ndarray] = deque()
    made = 0

    def hear() -> np.ndarray:
        nonlocal made
        block = next(blocks)[: judged - made]
        made += len(block)
        last.append(block)
        if sum(map(len, last)) - len(last[0]) >= LONGEST_JUDGED * rate:
            last.popleft()
        return block

    def written() -> Iterator[np.ndarray]:
        with progress_bar(samples, "sample", progress) as bar:
            while made < samples:
                block = hear()
                yield block[: len(block) - max(made - samples, 0)]
                bar.update(len(block))

    started = time.perf_counter()
    clipped = wav.write_blocks(path, written(), rate)
    factor = made / rate / max(time.perf_counter() - started, 1e-9)
    while made < judged:
        hear()
    report = alive(np.concatenate(last)[-LONGEST_JUDGED * rate :].astype(float), model.held_out, rate)
    figures = {
        "temperature": temperature,
        "samples": samples,
        "rate": rate,
        "clipped": clipped,
        "real_time_factor": factor,
    }
    return report.as_dict() | figures, report


def in_16_bit(sound: np.ndarray) -> np.ndarray:
    """Sound of full scale 1 as it is kept in a model file; divided by 2^15 it is sound again."""
    return np.clip(np.rint(sound * 2.0**15), -(2**15), 2**15 - 1).astype(np.int16)

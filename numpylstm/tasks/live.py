"""A trained filter in real time: block after block, as sound cards want it.

One `callback` does the work, in the form that the sounddevice library calls it. `live` hands it to a sound
card; without one, or if asked to, a simulated card calls the same function with the blocks of a recording and
asks for each as soon as it has the last.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..layers import Layer

BLOCK = 480
"""Samples in a block, 10 ms at 48 kHz."""


@dataclass
class Meter:
    """How long blocks took, in seconds, and how long each lasts at its rate."""

    block: int
    rate: int
    seconds: list[float] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.block < 1:
            raise ValueError(f"expected blocks of at least 1 sample, got {self.block}")

    def figures(self) -> dict[str, Any]:
        """The factor of real time, the 99th percentile of the blocks' times in ms, and how many came late."""
        lasts = self.block / self.rate
        spent = np.asarray(self.seconds or [np.nan])
        return {
            "real_time_factor": len(self.seconds) * lasts / max(float(spent.sum()), 1e-9),
            "block": self.block,
            "block_ms": 1000 * lasts,
            "p99_ms": 1000 * float(np.percentile(spent, 99)),
            "blocks": len(self.seconds),
            "late_blocks": int(np.count_nonzero(spent > lasts)),
            "rate": self.rate,
        }


def callback_for(net: Layer, meter: Meter) -> Callable[..., None]:
    """What a sound card calls for each block: it reads `indata` and fills `outdata`, (n, 1) float32."""
    stream = net.stream()
    stream.process(np.zeros(meter.block, np.float32))  # the first block makes buffers: not in front of anyone
    stream.reset()

    def callback(indata: np.ndarray, outdata: np.ndarray, frames: int, when: Any, status: Any) -> None:
        started = time.perf_counter()
        stream.process(indata[:, 0], out=outdata[:, 0])
        np.minimum(outdata, 1, out=outdata)  # a sound card does it too, but not all do it kindly
        np.maximum(outdata, -1, out=outdata)
        meter.seconds.append(time.perf_counter() - started)
        if status:
            meter.remarks.append(str(status))

    return callback


def simulate(net: Layer, samples: np.ndarray, rate: int, block: int = BLOCK) -> tuple[np.ndarray, Meter]:
    """A recording (n,) through the callback, block by block; the last block is filled up with silence.

    Returns:
        Output (n,) float32, limited to full scale, and the times.
    """
    meter = Meter(block, rate)
    callback = callback_for(net, meter)
    count = -(-len(samples) // block)
    indata = np.zeros((count * block, 1), np.float32)
    indata[: len(samples), 0] = samples
    outdata = np.zeros_like(indata)
    for start in range(0, len(indata), block):
        part = slice(start, start + block)
        callback(indata[part], outdata[part], block, None, None)
    return outdata[: len(samples), 0], meter


def find_sound_card() -> Any:
    """The sounddevice library, if it is installed and there is a card to hear and to play with; else None."""
    try:
        import sounddevice

        sounddevice.check_input_settings()
        sounddevice.check_output_settings()
    except Exception:  # PortAudio missing is an OSError, no card an error of its own: either way no sound
        return None
    return sounddevice


def live(net: Layer, rate: int, seconds: float, block: int = BLOCK) -> Meter:
    """Microphone to loudspeaker through the network, for so many seconds.

    Raises:
        ValueError: there is no sound card.
    """
    card = find_sound_card()
    if card is None:
        raise ValueError(
            "expected a sound card and the sounddevice library (pip install 'numpylstm[live]'), found none"
        )
    meter = Meter(block, rate)
    options = {"samplerate": rate, "blocksize": block, "channels": 1, "dtype": "float32"}
    with card.Stream(callback=callback_for(net, meter), **options):
        card.sleep(int(1000 * seconds))
    return meter

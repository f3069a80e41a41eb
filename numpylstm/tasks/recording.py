"""A sound before and after a box: two files as one recording to learn from, and two recordings built in."""

from dataclasses import dataclass, replace
from os import PathLike
from typing import Any

import numpy as np
from scipy.signal import butter, lfilter

from ..audio import pairs, wav
from ..datasets.melodies import plucked_melodies
from ..datasets.plucked import plucked_string

HELD_OUT, DEV = 0.25, 0.1
"""Shares of the recording: its end, kept for the final figure, and what lies before it, for decisions."""

SHORTEST = 8192
"""Samples below which there is not enough to learn from and to judge by."""


@dataclass
class Recording:
    """Two aligned signals (n,) at one rate, full scale 1: what goes in, what should come out.

    Attributes:
        delay: samples that the target was late in the files, before it was aligned.
        remarks: sentences on what was found in the files.
    """

    input: np.ndarray
    target: np.ndarray
    rate: int
    delay: int = 0
    remarks: tuple[str, ...] = ()


def load_recording(input_path: str | PathLike[str], target_path: str | PathLike[str]) -> Recording:
    """Read two audio files that belong together, and align them. Channels are averaged to one.

    Raises:
        AudioError: an unreadable, empty or silent file.
        ValueError: different rates, lengths that differ by more than a tenth, or fewer than SHORTEST samples.
    """
    signals, rates = [], []
    for path in (input_path, target_path):
        audio = wav.read(path)
        signal = wav.mono(audio.samples)
        wav.check_usable(signal, path)
        signals.append(signal)
        rates.append(audio.rate)
    if rates[0] != rates[1]:
        raise ValueError(
            f"expected two recordings of the same rate, got {input_path} at {rates[0]} Hz and "
            f"{target_path} at {rates[1]} Hz"
        )
    lengths = len(signals[0]), len(signals[1])
    shorter, longer = min(lengths), max(lengths)
    if longer > 1.1 * shorter:
        raise ValueError(
            f"expected two recordings of the same length, got {input_path} with {lengths[0]} samples "
            f"and {target_path} with {lengths[1]}"
        )
    if shorter < SHORTEST:
        raise ValueError(f"expected recordings of at least {SHORTEST} samples, got {shorter}")
    recording = align(Recording(signals[0][:shorter], signals[1][:shorter], rates[0]))
    remarks = list(recording.remarks)
    if shorter != longer:
        remarks.insert(0, f"the last {longer - shorter} samples of the longer file have no counterpart")
    for signal, path in zip(signals, (input_path, target_path), strict=True):
        remarks += defects(signal, rates[0], path)
    return replace(recording, remarks=tuple(remarks))


def align(recording: Recording) -> Recording:
    """The recording with what the target is late or early taken away, and a remark if there was any."""
    late = pairs.delay(recording.input, recording.target, recording.rate)
    if late == 0:
        return recording
    how = (
        f"{abs(late)} samples ({1000 * abs(late) / recording.rate:.1f} ms) {'late' if late > 0 else 'early'}"
    )
    both = pairs.shifted(recording.input, recording.target, late)
    remark = f"the target is {how}: aligned, so the model will not have this delay"
    return Recording(*both, recording.rate, late, (*recording.remarks, remark))


def defects(signal: np.ndarray, rate: int, name: Any) -> list[str]:
    """Sentences on clipping, and on silence of more than a second."""
    sentences = []
    if clipped := pairs.clipped_samples(signal):
        sentences.append(f"{name} is clipped: {clipped} samples in a row with others stand at its peak")
    start, length = pairs.longest_silence(signal)
    if length > rate:
        sentences.append(
            f"{name} is silent (below -90 dBFS) for {length / rate:.1f} s from {start / rate:.1f} s on"
        )
    return sentences


def built_in_recording() -> Recording:
    """The plucked string of `data/`, as input and as target: the copy that networks so often fail at."""
    rate = 16_000
    signal = plucked_string(rate=rate)
    return Recording(signal, signal, rate)


def demo_recording() -> Recording:
    """20 s of plucked melodies, and the same through `tube`."""
    rate = 11_025
    signal = plucked_melodies(rate=rate, seconds=20)
    return Recording(signal, tube(signal, rate), rate)


def tube(signal: np.ndarray, rate: int) -> np.ndarray:
    """A signal (n,) through a box like a tube: soft clipping with a memory.

    The louder it has been in the last 20 ms, the lower the point on the curve that it works at; a coupling
    capacitor (high-pass at 20 Hz) keeps the constant part back.
    """
    drive = 4 * signal / np.max(np.abs(signal))
    pole = np.exp(-1 / (0.02 * rate))
    level = lfilter([1 - pole], [1, -pole], np.maximum(drive, 0))
    bent = np.tanh(drive - 0.4 * level + 0.2) - np.tanh(0.2)
    return np.asarray(0.5 * lfilter(*butter(1, 20, "high", fs=rate), bent))


def check_parts(recording: Recording, name: Any = "the target") -> None:
    """Refuse a target with a part without sound: an error there would be measured against nothing."""
    for part, use in zip(parts(len(recording.target)), ("trained on", "decided by", "held out"), strict=True):
        try:
            wav.check_usable(recording.target[part], name)
        except wav.AudioError:
            raise ValueError(f"expected sound throughout, got {name} silent in the part {use}") from None


def parts(samples: int) -> tuple[slice, slice, slice]:
    """What of a recording is trained on, decided by, and held out."""
    decide, held_out = int(samples * (1 - HELD_OUT - DEV)), int(samples * (1 - HELD_OUT))
    return slice(0, decide), slice(decide, held_out), slice(held_out, samples)

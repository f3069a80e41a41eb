"""Take recordings apart, into files: which network does it, and the command behind `separate apply`."""

import time
from collections.abc import Iterator, Sequence
from importlib.resources import files as package_files
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import checkpoint
from ..audio import wav
from ..files import atomic_write
from ..layers import Layer, Mean
from .run import find_model, progress_bar
from .separator import BINS, BLOCK, Frames, voice_blocks

Array = NDArray[Any]

WEIGHTS = {
    "large": "singing_voice.safetensors",
    "bands": "singing_voice_bands.safetensors",
    "causal": "singing_voice_streaming.safetensors",
}
"""Weights that come with the package, in numpylstm/weights, by the recipe that trains them."""

BUILT_IN = {False: ("large", "bands"), True: ("causal",)}
"""The networks whose masks take a song apart where none is asked for: with lookahead, and for streaming."""

LARGEST = 2**32 - 2**16
"""Bytes of samples that a WAV file can hold, about."""


def shipped(name: str) -> Path:
    """The model file that comes with the package, of one of WEIGHTS."""
    return Path(str(package_files("numpylstm") / "weights" / WEIGHTS[name]))


def load(path: str | PathLike[str] | None = None, streaming: bool = False) -> Layer:
    """The network of a run folder or model file; None: those that come with the package, joined.

    Raises:
        ValueError: the network does not share magnitudes out, or `streaming` of one that looks ahead.
    """
    nets = [_load(file) for file in _files(path, streaming)]
    net = nets[0] if len(nets) == 1 else Mean(*nets)
    if streaming and not net.causal:
        raise ValueError(
            f"expected a network that does not look ahead for --streaming (recipe causal), got {path}"
        )
    return net


def _files(path: str | PathLike[str] | None, streaming: bool) -> list[Path]:
    return [shipped(name) for name in BUILT_IN[streaming]] if path is None else [find_model(path)]


def _load(file: Path) -> Layer:
    net = checkpoint.load(file)
    try:
        y = net.predict(np.ones((2, 1, BINS), np.float32))
        fits = y.shape == (2, 1, 2 * BINS) and np.allclose(y[:, :, :BINS] + y[:, :, BINS:], 1, atol=1e-3)
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"expected a network from {BINS} magnitudes to {2 * BINS}, shared out, got another in {file}"
        )
    return net


def origin(path: str | PathLike[str] | None = None, streaming: bool = False) -> str:
    """What the network of a model file was trained on, in words, as `train` left them there."""
    return in_words(*(_origin(file) for file in _files(path, streaming)))


def _origin(file: Path) -> str:
    extra = checkpoint.load_with_extra(file)[2]
    known = extra.get("trained_on") if isinstance(extra, dict) else None
    return known if isinstance(known, str) else "what is not said in its file"


def in_words(*origins: str) -> str:
    """What several networks were trained on: the same is told once."""
    return "; and ".join(dict.fromkeys(origins))


def join(paths: Sequence[str | PathLike[str] | None]) -> tuple[Layer, str]:
    """One network whose masks are the means of those of several, and what these were trained on.

    Networks of different kinds err in different places: together they are better than the best of them.

    Raises:
        ValueError: fewer than two, or what `load` raises.
    """
    if len(paths) < 2:
        raise ValueError(f"expected two networks or more to join, got {len(paths)}")
    nets = [load(path) for path in paths]
    return Mean(*nets), in_words(*map(origin, paths))


def apply(
    path: str | PathLike[str], folder: str | PathLike[str], net: Layer, *, progress: bool = True
) -> dict[str, Any]:
    """Take a recording apart: `voice.wav` and `accompaniment.wav` in a folder that is there.

    Any rate, any number of channels, any length: no more than some blocks are ever in memory. Both have the
    recording's length, rate and channels, and sum to it. They hold floats: a part can be louder than the
    whole.

    Returns:
        Figures samples, rate, channels, real_time_factor, latency_ms (of a network that does not look ahead).

    Raises:
        AudioError: a file that cannot be read or written, or ends before it should.
        ValueError: a file would be written onto the recording, or be too large for WAV.
    """
    started = time.perf_counter()
    with wav.Reader(path) as song:
        outputs = [Path(folder) / name for name in ("voice.wav", "accompaniment.wav")]
        for output in outputs:
            if output.exists() and output.samefile(path):
                raise ValueError(f"expected a folder other than the recording's own, got {folder}")
        if 4 * song.length * song.channels > LARGEST:
            raise ValueError(f"expected less than 4 GB of voice, which is all a WAV file holds, from {path}")

        def read(start: int, stop: int) -> Array:
            samples = song.read(start, stop)
            if len(samples) < stop - start:
                raise wav.AudioError(
                    f"{path} ends after {start + len(samples)} of {song.length} samples: it was cut off"
                )
            return samples

        def write(file: Path, output: Path, blocks: Iterator[Array]) -> None:
            try:
                wav.write_blocks(file, shown(blocks), song.rate, "FLOAT", song.channels)
            except wav.AudioError as error:  # which knows the temporary name alone
                raise wav.AudioError(str(error).replace(str(file), str(output))) from error

        def shown(blocks: Iterator[Array]) -> Iterator[Array]:
            for block in blocks:
                yield block
                bar.update(len(block))

        # Both take their places in the end: no voice ever lies beside another song's accompaniment.
        with (
            atomic_write(outputs[0]) as voice_file,
            atomic_write(outputs[1]) as rest_file,
            progress_bar(2 * song.length, "sample", progress) as bar,
        ):
            blocks = voice_blocks(net, read, song.length, song.channels, song.rate)
            write(voice_file, outputs[0], blocks)
            # What is left over after the voice as it was written: so the two files sum to the recording.
            with wav.Reader(voice_file) as voice:
                starts = range(0, song.length, BLOCK)
                spans = ((start, min(start + BLOCK, song.length)) for start in starts)
                write(rest_file, outputs[1], (read(*span) - voice.read(*span) for span in spans))
    factor = song.length / song.rate / max(time.perf_counter() - started, 1e-9)
    figures = {
        "samples": song.length,
        "rate": song.rate,
        "channels": song.channels,
        "real_time_factor": factor,
    }
    return figures | {"latency_ms": 1000 * Frames(song.rate).n / song.rate if net.causal else None}

"""Audio files: reading and writing WAV, FLAC and whatever else libsndfile knows.

Samples are float64 of shape (n, channels), time first; full scale is 1, that is 0 dBFS. Rates are in Hz.
An integer subtype of b bits holds the whole multiples of one quantisation step, 2^(1 - b), in [-1, 1).
"""

import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile as sf
from numpy.typing import ArrayLike, NDArray

from ..files import atomic_write

SILENCE = 1e-6  # -120 dBFS: below the last bit of a 16 bit file (-90), above that of a 24 bit one (-138)

# One call writes at most so many samples a channel: libsndfile lays the whole block it is to encode as Vorbis
# on the stack, so that two minutes in one call end the process.
BLOCK = 65536

# What libsndfile states for a FLAC file that states no length itself. It cannot read such a file to its end.
UNKNOWN_LENGTH = 2**63 - 1

# The only subtypes that hold samples beyond full scale; all others are clipped.
FLOAT_SUBTYPES = ("FLOAT", "DOUBLE")
BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}

# Formats that do not give back what was put in, and so are never written: RAW has no header to state the
# rate, SD2 is two files, WVE and XI have rates of their own, SDS loses samples.
UNWRITTEN = ("RAW", "SD2", "WVE", "XI", "SDS")


class AudioError(ValueError):
    """An audio file or signal that cannot be used. The message is one sentence for the user."""


class Audio(NamedTuple):
    """What `read` returns."""

    samples: NDArray[np.float64]  # (n, channels), full scale = 1
    rate: int  # Hz
    subtype: str  # "PCM_16", "FLOAT", ...: how one sample is stored
    format: str  # "WAV", "FLAC", ...


def read(path: str | os.PathLike[str]) -> Audio:
    """Read a whole audio file, n >= 1 samples at full scale 1.

    Raises AudioError if the file is missing, a directory, empty, not audio or damaged, if it holds no
    samples, or if any of them is NaN or infinite. A WAV file that was cut off is read as far as it goes.
    """
    with Reader(path) as sound:
        return Audio(sound.read(0, sound.length), sound.rate, sound.subtype, sound.format)


class Reader:
    """An audio file of which parts are read, so that it is never in memory as a whole.

        with Reader("song.flac") as sound:
            samples = sound.read(start, stop)           # (stop - start, sound.channels), full scale 1

    Attributes:
        length: samples a channel, at least 1.
        rate: Hz.

    Raises AudioError as `read`; samples that are not finite where they are read.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        file = Path(path)
        if not file.exists():
            raise AudioError(f"{path} does not exist")
        if file.is_dir():
            raise AudioError(f"{path} is a directory, not an audio file")
        if file.is_file() and file.stat().st_size == 0:
            raise AudioError(f"{path} is an empty file")
        self.path = path
        try:
            self._sound = sf.SoundFile(file)
        except sf.SoundFileError as error:
            raise AudioError(f"{path} cannot be read as audio ({_reason(error)})") from error
        except TypeError as error:  # soundfile's answer to a name that ends in .raw
            raise AudioError(
                f"{path} cannot be read: raw samples have no header that states the rate"
            ) from error
        self.length, self.channels, self.rate = (
            self._sound.frames,
            self._sound.channels,
            self._sound.samplerate,
        )
        self.subtype, self.format = self._sound.subtype, self._sound.format
        if self.length in (0, UNKNOWN_LENGTH):
            self._sound.close()
            raise AudioError(
                f"{path} holds no samples"
                if self.length == 0
                else f"{path} does not state its length, as if written to a pipe: save it anew"
            )

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *exc: object) -> None:
        self._sound.close()

    def read(self, start: int, stop: int) -> NDArray[np.float64]:
        """The samples from `start` to before `stop`, (n, channels): fewer where the file was cut off."""
        try:
            if self._sound.tell() != start:
                self._sound.seek(start)
            samples = self._sound.read(stop - start, dtype="float64", always_2d=True)
        except sf.SoundFileError as error:
            raise AudioError(f"{self.path} cannot be read as audio ({_reason(error)})") from error
        except MemoryError as error:
            raise AudioError(f"{self.path} states more samples than fit into memory") from error
        if len(samples) == 0 and stop > start:
            where = f" after {start} of {self.length}: it was cut off" if start else ""
            raise AudioError(f"{self.path} holds no samples{where}")
        if not np.isfinite(samples).all():
            raise AudioError(f"{self.path} holds samples that are not finite numbers")
        return samples


def mono(samples: ArrayLike) -> NDArray[Any]:
    """One channel (n,) from samples (n, channels): the mean of the channels. (n,) is returned as it is.

    The mean cannot clip where no channel does. Raises AudioError for any other shape.
    """
    samples = np.asarray(samples)
    if samples.ndim == 1:
        return samples
    if samples.ndim != 2 or samples.shape[1] == 0:
        raise AudioError(f"expected samples of shape (n,) or (n, channels), got {samples.shape}")
    return samples.mean(axis=1)


def resample(signal: NDArray[Any], rate: int, wanted: int) -> NDArray[Any]:
    """A signal (n,) at another rate in Hz; what the new rate cannot hold is filtered out."""
    from scipy.signal import resample_poly  # here, because importing it takes longer than the rest

    common = math.gcd(rate, wanted)
    changed: NDArray[Any] = resample_poly(signal, wanted // common, rate // common)
    return changed


def check_usable(samples: ArrayLike, path: str | os.PathLike[str]) -> None:
    """Raise AudioError if the samples are silent, that is, if their peak is below 1e-6 (-120 dBFS).

    There is nothing to learn from silence. `path` is what the message calls them by.
    """
    if np.abs(samples).max(initial=0.0) < SILENCE:
        raise AudioError(f"{path} is silent: no sample reaches -120 dBFS")


def write(path: str | os.PathLike[str], samples: ArrayLike, rate: int, subtype: str | None = None) -> int:
    """Write float samples (n,) or (n, channels), full scale 1, at `rate` Hz; return how many were clipped.

    The format goes by the extension: .wav, .flac and so on. A `subtype` is used if that format can hold it,
    so that the one of the input can simply be passed on. Otherwise, and for None, the format's best common
    one is used: PCM_24 for WAV and FLAC, and PCM_16 or its own default where there are no 24 bits.

    Samples outside [-1, 1) are clipped, and counted, for every subtype but FLOAT and DOUBLE, which hold them.
    PCM samples are rounded to the nearest step. The file is written atomically.

    Raises AudioError for an unknown extension or subtype, samples that are not floats, not of that shape,
    none at all or not finite, and where the format cannot hold so many channels or that rate; and as
    `files.atomic_write`: a missing directory is a FileNotFoundError.
    """
    samples = _checked(samples, path)
    return write_blocks(path, [samples], rate, subtype, samples.shape[1])


def write_blocks(
    path: str | os.PathLike[str],
    blocks: Iterable[ArrayLike],
    rate: int,
    subtype: str | None = None,
    channels: int = 1,
) -> int:
    """As `write`, of sound that comes in blocks (n,) or (n, channels) and is never in memory as a whole.

    What making the blocks raises leaves no file behind. Raises AudioError if there are none at all, or one of
    another number of channels.
    """
    format = _format_of(path)
    subtype = _subtype_for(format, subtype)
    clipped = written = 0
    try:
        with (
            atomic_write(path) as temporary,
            sf.SoundFile(temporary, "w", int(rate), channels, subtype, format=format) as sound,
        ):
            for samples in blocks:
                samples = _checked(samples, path)
                if samples.shape[1] != channels:
                    raise AudioError(f"expected {channels} channel(s) for {path}, got {samples.shape[1]}")
                for start in range(0, len(samples), BLOCK):
                    block, outside = _storable(samples[start : start + BLOCK], subtype)
                    sound.write(block)
                    clipped += outside
                    written += len(block)
            if not written:
                raise AudioError(f"expected samples for {path}, got none")
    except sf.SoundFileError as error:
        raise AudioError(
            f"{path} cannot be written as {format} {subtype} with {channels} channel(s) at {rate} Hz "
            f"({_reason(error)})"
        ) from error
    return clipped


def _format_of(path: str | os.PathLike[str]) -> str:
    extension = Path(path).suffix[1:].upper()
    format = "AIFF" if extension == "AIF" else extension
    formats = [name for name in sf.available_formats() if name not in UNWRITTEN]
    if format not in formats:
        known = ", ".join(f".{name.lower()}" for name in sorted(formats))
        raise AudioError(f"{path} does not end in the extension of a known audio format ({known})")
    return format


def _subtype_for(format: str, subtype: str | None) -> str:
    if subtype is not None and subtype not in sf.available_subtypes():
        raise AudioError(f"there is no subtype {subtype}; PCM_16, PCM_24 and FLOAT are common ones")
    # libsndfile says that WAV can hold MP3 as well, and then cannot write it.
    if subtype is not None and (format == "MP3" or not subtype.startswith("MPEG")):
        if sf.check_format(format, subtype):
            return subtype
    for common in ("PCM_24", "PCM_16"):
        if sf.check_format(format, common):
            return common
    return sf.default_subtype(format)


def _checked(samples: ArrayLike, path: str | os.PathLike[str]) -> NDArray[Any]:
    """The samples as (n, channels), n and channels >= 1, finite floats."""
    samples = np.asarray(samples)
    if not np.issubdtype(samples.dtype, np.floating):
        # Integers are most likely steps, 32767 for full scale, and would all be clipped.
        raise AudioError(f"expected float samples with full scale 1 for {path}, got {samples.dtype}")
    if samples.ndim == 1:
        samples = samples[:, np.newaxis]
    if samples.ndim != 2 or samples.size == 0:
        raise AudioError(f"expected samples of shape (n,) or (n, channels) for {path}, got {samples.shape}")
    if not np.isfinite(samples).all():
        raise AudioError(f"the samples for {path} are not all finite numbers")
    return samples


def _storable(block: NDArray[Any], subtype: str) -> tuple[NDArray[np.float64], int]:
    """The block as values that `subtype` holds exactly, and how many of them were clipped."""
    block = block.astype(np.float64)
    if subtype in FLOAT_SUBTYPES:
        return block, 0
    outside = int(np.count_nonzero((block < -1.0) | (block >= 1.0)))
    # Rounded here, because libsndfile rounds for FLAC but truncates for WAV. What is not PCM holds less than
    # 24 bits anyway.
    full_scale = 2.0 ** (BITS.get(subtype, 24) - 1)
    steps = np.clip(np.rint(block * full_scale), -full_scale, full_scale - 1.0)
    return steps / full_scale, outside


def _reason(error: Exception) -> str:
    """What libsndfile says without the file name, which for a file being written is the temporary one."""
    return str(getattr(error, "error_string", error)).rstrip(".")

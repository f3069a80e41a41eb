"""The MNIST handwritten digits, and the IDX files they come in.

An IDX file is big-endian throughout: two zero bytes, one byte for the type of the elements, one for the
number of dimensions, four for the size of each dimension, and then the elements in C order. The format and
the digits (70,000 images of 28 x 28 pixels) are from Y. LeCun, C. Cortes and C. J. C. Burges, "The MNIST
database of handwritten digits", 1998.
"""

import gzip
import math
import os
import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

ELEMENT_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MAX_DIMENSIONS = 32  # as many as every NumPy allows
CHUNK = 1 << 20  # bytes
GZIP_MAGIC = b"\x1f\x8b"
SIDE = 28  # pixels


class Digits(NamedTuple):
    """What `load_mnist` returns. Images are rows of 784 = 28 x 28 pixels from 0 (paper) to 1 (ink)."""

    train_images: NDArray[np.float32]  # (n, 784)
    train_labels: NDArray[np.int64]  # (n,), 0 to 9
    test_images: NDArray[np.float32]  # (m, 784)
    test_labels: NDArray[np.int64]  # (m,)
    source: str  # in words, where the test set comes from


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read an IDX file, gzip-compressed or not, whatever its name: an array of the shape it states.

    The elements come in the machine's own byte order, as uint8, int8, int16, int32, float32 or float64.
    Raises FileNotFoundError (or another OSError) if it cannot be opened, and ValueError if it is not an IDX
    file, if it has a dimension of size 0, or more or fewer bytes than it states. However large the stated
    sizes, no more memory is used than the file has content.
    """
    with open(path, "rb") as file:
        compressed = file.read(2) == GZIP_MAGIC  # an IDX file begins with two zeros
        file.seek(0)
        if not compressed:
            return _read_elements(file, path)
        try:
            # gzip sees to its check sum when the end is read, which _read_elements does.
            with gzip.open(file) as unpacked:
                return _read_elements(cast(BinaryIO, unpacked), path)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{path} is a damaged gzip file ({error})") from error


def _read_elements(file: BinaryIO, path: str | os.PathLike[str]) -> NDArray[Any]:
    magic = _read_up_to(file, 4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in ELEMENT_TYPES:
        raise ValueError(f"{path} is not an IDX file: it begins with {bytes(magic)!r}")
    dtype, ndim = np.dtype(ELEMENT_TYPES[magic[2]]), magic[3]
    if not 1 <= ndim <= MAX_DIMENSIONS:
        raise ValueError(f"{path} states {ndim} dimensions; 1 to {MAX_DIMENSIONS} can be read")

    sizes = _read_up_to(file, 4 * ndim)
    if len(sizes) < 4 * ndim:
        raise ValueError(f"{path} ends within its header")
    shape = struct.unpack(f">{ndim}I", sizes)
    if 0 in shape:
        raise ValueError(f"{path} states the shape {shape}, which holds nothing")

    expected = math.prod(shape) * dtype.itemsize  # in Python's integers, which do not overflow
    data = _read_up_to(file, expected)
    if len(data) < expected:
        raise ValueError(f"{path} is cut off: {shape} needs {expected} bytes, it has {len(data)}")
    if file.read(1):
        raise ValueError(f"{path} has more than the {expected} bytes that {shape} needs")
    return np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _read_up_to(file: BinaryIO, size: int) -> bytearray:
    # In chunks: file.read(size) would first make room for `size` bytes, which a damaged file may put at
    # anything.
    data = bytearray()
    while len(data) < size and (chunk := file.read(min(CHUNK, size - len(data)))):
        data += chunk
    return data


def load_mnist(directory: str | os.PathLike[str], held_out: int = 10_000) -> Digits:
    """Load the digits from a directory with the four IDX files, or with the two of the training set.

    The names are those in use, `train-images-idx3-ubyte` or `train-images.idx3-ubyte`, with `.gz` or without;
    likewise `train-labels` with idx1, and `t10k-images`, `t10k-labels` for the test set. Where there is no
    test set, the last `held_out` training examples are taken out of training and used in its place, and
    `source` says so; where there is one, `held_out` has no meaning.

    Raises FileNotFoundError if a file is missing, and ValueError if one is damaged, if images and labels do
    not fit together, or if `held_out` does not leave at least one example on either side.
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise FileNotFoundError(f"there is no directory {directory}")
    images, labels = _load_pair(directory, "train")
    if _find(directory, "t10k-images", 3) or _find(directory, "t10k-labels", 1):
        test_images, test_labels = _load_pair(directory, "t10k")
        return Digits(images, labels, test_images, test_labels, "test set: the t10k files")

    if not 1 <= held_out < len(images):
        raise ValueError(f"expected held_out from 1 to {len(images) - 1}, got {held_out}")
    kept = len(images) - held_out
    source = f"test set: the last {held_out} training examples, held out because there are no t10k files"
    return Digits(images[:kept], labels[:kept], images[kept:], labels[kept:], source)


def _load_pair(directory: Path, part: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Images (n, 784) and labels (n,) of one part, "train" or "t10k"."""
    image_file = _find(directory, f"{part}-images", 3)
    label_file = _find(directory, f"{part}-labels", 1)
    if image_file is None or label_file is None:
        missing = f"{part}-images-idx3-ubyte" if image_file is None else f"{part}-labels-idx1-ubyte"
        raise FileNotFoundError(f"{directory} has no file {missing} or {missing}.gz")

    pixels, labels = read_idx(image_file), read_idx(label_file)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[1:] != (SIDE, SIDE):
        raise ValueError(f"expected uint8 images of shape (n, 28, 28) in {image_file}, got {_kind(pixels)}")
    if labels.dtype != np.uint8 or labels.shape != pixels.shape[:1]:
        raise ValueError(f"expected {len(pixels)} uint8 labels in {label_file}, got {_kind(labels)}")
    if labels.max() > 9:
        raise ValueError(f"expected labels from 0 to 9 in {label_file}, got {labels.max()}")
    # dtype is stated because NumPy 1 divides a uint8 array by a small number in float16.
    images = np.divide(pixels.reshape(len(pixels), SIDE * SIDE), 255, dtype=np.float32)
    return images, labels.astype(np.int64)


def _kind(array: NDArray[Any]) -> str:
    return f"{array.dtype} of shape {array.shape}"


def _find(directory: Path, name: str, ndim: int) -> Path | None:
    for separator in ("-", "."):
        for ending in ("", ".gz"):
            file = directory / f"{name}{separator}idx{ndim}-ubyte{ending}"
            if file.is_file():
                return file
    return None

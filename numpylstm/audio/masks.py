"""Masks: which share of each bin of a mixture belongs to the voice; and seams in them.

A mask (T, ..., bins) from 0 to 1 multiplies the spectrum of a mixture. The oracle ratio mask is made from the
true sources, so no network can know it: what it reaches stands in tables as the ceiling.

A network that is run block by block, and forgets its state between two blocks, begins each with its memory
empty: its mask jumps there. Flux says how much a mask changes from frame to frame, and the seam ratio how
much more it does so at the borders of blocks:

    flux_t     = mean over bins of |mask_t - mask_{t-1}|
    seam ratio = mean of flux_t where t is a multiple of the block / mean of all other flux_t, t > 0

It is 1, but for chance, where the blocks cannot be told from the mask. A mean of magnitudes and not of
squares, for a few onsets would outweigh everything else in squares; and means before the ratio, so that
silence, where no mask changes much, adds little to either.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]


def ratio_mask(voice: ArrayLike, accompaniment: ArrayLike) -> Array:
    """The oracle ratio mask |V| / (|V| + |A|) of two spectra of one shape (T, ..., bins), from 0 to 1.

    1/2 where both are 0, so that the masks of voice and accompaniment always sum to 1. Phases play no part:
    magnitudes give the same mask. Raises ValueError if the shapes differ.
    """
    v, a = abs(np.asarray(voice)), abs(np.asarray(accompaniment))
    if v.shape != a.shape:
        raise ValueError(f"expected spectra of one shape, got {v.shape} and {a.shape}")
    both = v + a
    return np.divide(v, both, out=np.full_like(both, 0.5, np.result_type(both, np.float32)), where=both > 0)


def flux(mask: ArrayLike) -> Array:
    """The mask flux (T - 1,) of a mask (T, ..., bins): [t - 1] is the change from frame t - 1 to frame t.

    Raises ValueError for a single number.
    """
    mask = np.asarray(mask)
    if mask.ndim == 0:
        raise ValueError("expected a mask of shape (T, ..., bins), got a single number")
    return abs(np.diff(mask, axis=0)).mean(axis=tuple(range(1, mask.ndim)))


def seam_ratio(masks: Array | Sequence[Array], block: int) -> float:
    """The seam ratio of a mask (T, bins), or of several taken together, for blocks of so many frames.

    NaN where no mask ever changes away from the borders. A single clip has few borders: the ratio of clips
    taken together is far less subject to chance.

    Raises:
        ValueError: a block of fewer than 2 frames, or no mask longer than a block.
    """
    return flux_ratio([flux(mask) for mask in ([masks] if isinstance(masks, np.ndarray) else masks)], block)


def flux_ratio(every: Sequence[Array], block: int) -> float:
    """The seam ratio from the flux of each mask, for where masks are too many to keep. As `seam_ratio`."""
    if block < 2:
        raise ValueError(f"expected blocks of at least 2 frames, got {block}")
    changes = np.concatenate([np.empty(0), *every])
    border = np.concatenate([np.empty(0, bool), *(np.arange(1, len(f) + 1) % block == 0 for f in every)])
    if not border.any():
        raise ValueError(f"expected a mask of more than {block} frames, the length of a block")
    elsewhere = changes[~border].mean()
    return float(changes[border].mean() / elsewhere) if elsewhere > 0 else np.nan

"""Starting values of weight matrices.

Orthogonal for what is multiplied again and again over time (its singular values are all 1, so that
neither signal nor gradient grows or dies at the start), Glorot's uniform for everything else.
"""

import numpy as np


def glorot(rng: np.random.Generator, fan_out: int, fan_in: int) -> np.ndarray:
    """(fan_out, fan_in), uniform within ±sqrt(6 / (fan_in + fan_out)); Glorot & Bengio 2010, eq. 16."""
    limit = np.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-limit, limit, (fan_out, fan_in))


def orthogonal(rng: np.random.Generator, size: int) -> np.ndarray:
    """(size, size), a random rotation or reflection; Saxe, McClelland & Ganguli 2014, section 3."""
    q, r = np.linalg.qr(rng.standard_normal((size, size)))
    # QR leaves the signs to the algorithm; taking them from r makes the draw uniform over all rotations.
    return q * np.sign(np.diag(r))


def pytorch_uniform(rng: np.random.Generator, shape: tuple[int, ...], fan: int) -> np.ndarray:
    """Uniform within ±1 / sqrt(fan): what PyTorch draws all parameters of a layer from."""
    limit = 1 / np.sqrt(fan)
    return rng.uniform(-limit, limit, shape)


def check_init(init: str) -> str:
    if init not in ("default", "pytorch", "tensorflow", "zeros"):
        raise ValueError(f"expected init 'default', 'pytorch', 'tensorflow' or 'zeros', got {init!r}")
    return init

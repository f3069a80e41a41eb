"""Steps of momentum, RMSprop and Adam, and clipping. NumPy alone.

theta and grad are flat vectors (n,), and so is all that is remembered, v and m. Nothing is changed in place:
what is new is returned.
"""

import numpy as np


def momentum_step(theta, grad, v, lr, momentum):
    """v = momentum v + grad,  theta = theta - lr v.

    Returns:
        theta, v
    """
    raise NotImplementedError("write this part")


def rmsprop_step(theta, grad, v, lr, alpha, eps):
    """v = alpha v + (1 - alpha) grad^2,  theta = theta - lr grad / (sqrt(v) + eps).

    Returns:
        theta, v
    """
    raise NotImplementedError("write this part")


def adam_step(theta, grad, m, v, t, lr, beta1, beta2, eps):
    """One update of Adam (Kingma & Ba 2015, Algorithm 1).

        t = t + 1
        m = beta1 m + (1 - beta1) grad            m_hat = m / (1 - beta1^t)
        v = beta2 v + (1 - beta2) grad^2          v_hat = v / (1 - beta2^t)
        theta = theta - lr m_hat / (sqrt(v_hat) + eps)

    Args:
        t: updates done before this one, a whole number; 0 in the first.

    Returns:
        theta, m, v, t: as they are after the update.
    """
    raise NotImplementedError("write this part")


def clip_norm(grad, limit):
    """grad, scaled to the Euclidean norm `limit` if it is longer.

    Returns:
        the gradient (n,), and its norm before clipping, a number.
    """
    raise NotImplementedError("write this part")

"""Looks like: dh_T was added to W_h^T da of every step, and so to dh0"""

from dataclasses import dataclass, field
import numpy as np


@dataclass(frozen=True)
class Frame:
    x: np.ndarray
    hp: np.ndarray
    cp: np.ndarray
    gates: tuple
    th: np.ndarray


@dataclass
class Cache:
    W: tuple
    frames: list = field(default_factory=list)


def s(a):
    return np.where(a >= 0, 1 / (1 + np.exp(-np.abs(a))), np.exp(-np.abs(a)) / (1 + np.exp(-np.abs(a))))


def lstm_forward(x, h0, c0, W_x, W_h, b):
    cache = Cache((W_x, W_h))
    h, c = h0, c0
    ys = []
    for xt in x:
        A = (xt @ W_x.T + h @ W_h.T + b).reshape(len(xt), 4, -1).swapaxes(0, 1)
        o, i, f = s(A[:3])
        g = np.tanh(A[3])
        cn = f * c + i * g
        th = np.tanh(cn)
        cache.frames.append(Frame(xt, h, c, (o, i, f, g), th))
        h, c = o * th, cn
        ys.append(h)
    return np.stack(ys), h, c, cache


def deltas(dh, eh, ec, cache):
    W_h = cache.W[1]
    eh0 = eh
    for fr, e in zip(reversed(cache.frames), reversed(dh)):
        o, i, f, g = fr.gates
        e = e + eh
        ec = ec + e * o * (1 - fr.th**2)
        z = np.concatenate(
            [e * fr.th * o * (1 - o), ec * g * i * (1 - i), ec * fr.cp * f * (1 - f), ec * i * (1 - g**2)],
            axis=1,
        )
        eh = z @ W_h + eh0
        ec = ec * f
        yield z, eh, ec


def lstm_backward(dh, dh_T, dc_T, cache):
    zs = list(deltas(dh, dh_T, dc_T, cache))
    fr = cache.frames[::-1]
    return (
        np.stack([z @ cache.W[0] for z, *_ in zs])[::-1],
        zs[-1][1],
        zs[-1][2],
        sum(z.T @ q.x for (z, *_), q in zip(zs, fr)),
        sum(z.T @ q.hp for (z, *_), q in zip(zs, fr)),
        sum(z.sum(0) for z, *_ in zs),
    )

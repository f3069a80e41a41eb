"""The cell of number 0 on a small tape of one's own: every operation notes how its gradient goes back."""

import numpy as np


class Node:
    def __init__(self, value, back=None, sources=()):
        self.value, self.back, self.sources = value, back, sources
        self.grad = np.zeros_like(value)

    def __add__(self, other):
        return Node(self.value + other.value, lambda d: (d, d), (self, other))

    def __sub__(self, other):
        return Node(self.value - other.value, lambda d: (d, -d), (self, other))

    def __mul__(self, other):
        return Node(self.value * other.value, lambda d: (d * other.value, d * self.value), (self, other))

    def times(self, number):
        return Node(number * self.value, lambda d: (number * d,), (self,))


def product(W, s):
    return Node(s.value @ W.value.T, lambda d: (d.T @ s.value, d @ W.value), (W, s))


def soft(a):
    return Node(a.value / np.sqrt(1 + a.value**2), lambda d: (d / np.sqrt(1 + a.value**2) ** 3,), (a,))


def sigmoid(a):
    v = 1 / (1 + np.exp(-a.value))
    return Node(v, lambda d: (d * v * (1 - v),), (a,))


def spread(array, grad):
    """Add to a node's gradient; what was broadcast over the batch is summed."""
    array.grad = array.grad + (grad.sum(axis=0) if grad.ndim > array.value.ndim else grad)


def cell_forward(x, state, params):
    p = {name: Node(array.copy()) for name, array in params.items()}
    xs, h, c = [Node(x_t.copy()) for x_t in x], Node(state[0].copy()), Node(state[1].copy())
    first, hs = (h, c), []
    for x_t in xs:
        a_u = product(p["W_ux"], x_t) + product(p["V_ux"], x_t) * product(p["W_uh"], h) + p["b_u"]
        u = soft(a_u)
        a_v = product(p["W_vx"], x_t) + product(p["W_vh"], h) + p["p_v"] * (u * u) + p["b_v"]
        v = sigmoid(a_v)
        candidate = u - v * h
        c = v * c + (candidate - v * candidate)
        h = h.times(0.8) + (u * soft(c)).times(0.2)
        hs.append(h)
    return np.array([h.value for h in hs]), (h.value, c.value), [p, xs, first, hs, c]


def in_order(ends):
    """All nodes, each after those it was made of."""
    done, order, stack = set(), [], [(end, False) for end in ends]
    while stack:
        node, ready = stack.pop()
        if ready:
            order.append(node)
        elif id(node) not in done:
            done.add(id(node))
            stack.append((node, True))
            stack += [(source, False) for source in node.sources]
    return order


def cell_backward(dh, dfinal, cache):
    p, xs, first, hs, c = cache
    order = in_order([*hs, c])
    for node in order:
        node.grad = np.zeros_like(node.value)
    for node, d in [*zip(hs, dh, strict=True), (hs[-1], dfinal[0]), (c, dfinal[1])]:
        spread(node, d)
    for node in reversed(order):
        if node.back:
            for source, grad in zip(node.sources, node.back(node.grad), strict=True):
                spread(source, grad)
    grads = {"d" + name: node.grad for name, node in p.items()}
    return grads | {"dx": np.array([x.grad for x in xs]), "dh0": first[0].grad, "dc0": first[1].grad}

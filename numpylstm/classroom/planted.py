"""LSTMs to be tested: right ones, written in several ways, and ones with a bug planted in them.

    implementation = FinalCDropped(rng)
    h, h_T, c_T, cache = implementation.forward(x, h0, c0, W_x, W_h, b)
    dx, dh0, dc0, dW_x, dW_h, db = implementation.backward(dh, dh_T, dc_T, cache)

x (T, B, D); h (T, B, H); h0, c0, h_T, c_T (B, H); W_x (4H, D), W_h (4H, H), b (4H,), row blocks o, i, f, g.
Each gradient has the shape of what it is by. The equations stand in layers/lstm.py.

A bug is a subclass of `Plain` that overrides one of its methods. Its docstring says what is wrong, in words
for the student, and a comment where it shows if it does not show everywhere. Its details come from `rng`.
"""

from typing import Any, NamedTuple

import numpy as np


def sigmoid(a: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * a))


class Step(NamedTuple):
    """What one step's backward needs; each (B, H), x (B, D). h and c are those before the step."""

    x: np.ndarray
    h: np.ndarray
    c: np.ndarray
    o: np.ndarray
    i: np.ndarray
    f: np.ndarray
    g: np.ndarray
    c_t: np.ndarray
    h_t: np.ndarray


class Cache(NamedTuple):
    steps: list[Step]
    W_x: np.ndarray
    W_h: np.ndarray


class Plain:
    """step by step, all gates in one product"""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def forward(self, x: Any, h0: Any, c0: Any, W_x: Any, W_h: Any, b: Any) -> tuple[Any, ...]:
        steps: list[Step] = []
        h, c = h0, c0
        for x_t in x:
            steps.append(self.step(x_t, h, c, W_x, W_h, b))
            h, c = steps[-1].h_t, steps[-1].c_t
        return np.array([step.h_t for step in steps]), h, c, Cache(steps, W_x, W_h)

    def step(self, x_t: Any, h: Any, c: Any, W_x: Any, W_h: Any, b: Any) -> Step:
        o, i, f, g = self.gates(x_t @ W_x.T + h @ W_h.T + b)
        c_t = f * c + i * g
        return Step(x_t, h, c, o, i, f, g, c_t, o * np.tanh(c_t))

    def gates(self, a: Any) -> tuple[Any, Any, Any, Any]:
        a_o, a_i, a_f, a_g = np.split(a, 4, axis=-1)
        return sigmoid(a_o), sigmoid(a_i), sigmoid(a_f), np.tanh(a_g)

    def backward(self, dh: Any, dh_T: Any, dc_T: Any, cache: Cache) -> tuple[Any, ...]:
        das = []
        dh_next, dc_next = dh_T, dc_T
        for t in reversed(range(len(dh))):
            step, d = cache.steps[t], dh[t] + dh_next
            dc = self.into_c(step, d, dc_next)
            das.append(np.concatenate(self.into_gates(step, d, dc), axis=-1))
            dh_next, dc_next = self.into_h(das[-1], cache, t), dc * step.f
        da = np.array(das[::-1])
        return da @ cache.W_x, dh_next, dc_next, *self.into_weights(da, cache)

    def into_c(self, step: Step, dh: Any, dc: Any) -> Any:
        """The gradient by c_t: from the steps after, and through h_t."""
        return dc + dh * step.o * (1 - np.tanh(step.c_t) ** 2)

    def into_gates(self, step: Step, dh: Any, dc: Any) -> tuple[Any, ...]:
        """The gradients by the pre-activations of o, i, f, g."""
        return (
            dh * np.tanh(step.c_t) * step.o * (1 - step.o),
            dc * step.g * step.i * (1 - step.i),
            dc * step.c * step.f * (1 - step.f),
            dc * step.i * (1 - step.g**2),
        )

    def into_h(self, da: Any, cache: Cache, t: int) -> Any:
        """The gradient by the h before step t."""
        return da @ cache.W_h

    def into_weights(self, da: Any, cache: Cache) -> tuple[Any, Any, Any]:
        x, h = (np.array([getattr(step, name) for step in cache.steps]) for name in ("x", "h"))
        return np.einsum("tbk,tbd->kd", da, x), np.einsum("tbk,tbh->kh", da, h), da.sum(axis=(0, 1))


# Right, and not to be rejected.


class Recomputing(Plain):
    """the cache holds the arguments alone, and backward runs forward again"""

    def forward(self, *args: Any) -> tuple[Any, ...]:
        h, h_T, c_T, _ = super().forward(*args)
        return h, h_T, c_T, {"args": [arg.copy() for arg in args]}

    def backward(self, dh: Any, dh_T: Any, dc_T: Any, cache: Any) -> tuple[Any, ...]:
        return super().backward(dh, dh_T, dc_T, super().forward(*cache["args"])[3])


class OneByOne(Plain):
    """one sequence of the batch after the other"""

    def forward(self, x: Any, h0: Any, c0: Any, W_x: Any, W_h: Any, b: Any) -> tuple[Any, ...]:
        one = super().forward
        runs = [one(x[:, [k]], h0[[k]], c0[[k]], W_x, W_h, b) for k in range(len(h0))]
        h, h_T, c_T, caches = zip(*runs, strict=True)
        return np.concatenate(h, axis=1), np.concatenate(h_T), np.concatenate(c_T), caches

    def backward(self, dh: Any, dh_T: Any, dc_T: Any, cache: Any) -> tuple[Any, ...]:
        one = super().backward
        runs = [one(dh[:, [k]], dh_T[[k]], dc_T[[k]], cache[k]) for k in range(len(cache))]
        dx, dh0, dc0, *weights = zip(*runs, strict=True)
        return np.concatenate(dx, axis=1), np.concatenate(dh0), np.concatenate(dc0), *map(sum, weights)


class PerGate(Plain):
    """a matrix for each gate, and sums in another order"""

    def forward(self, x: Any, h0: Any, c0: Any, W_x: Any, W_h: Any, b: Any) -> tuple[Any, ...]:
        per_gate = list(zip(*(np.split(part, 4) for part in (W_x, W_h, b)), strict=True))
        hs, steps = [], []
        h, c = h0, c0
        for x_t in x:
            # exp in place of tanh: differs by rounding.
            o, i, f = (1 / (1 + np.exp(-(b_k + h @ U.T + x_t @ W.T))) for W, U, b_k in per_gate[:3])
            W, U, b_k = per_gate[3]
            g = np.tanh(b_k + h @ U.T + x_t @ W.T)
            before, c = (h, c), i * g + f * c
            h = np.tanh(c) * o
            hs.append(h)
            steps.append((x_t, *before, o, i, f, g, c, np.tanh(c)))
        return np.stack(hs), h.copy(), c.copy(), (steps, per_gate)

    def backward(self, dh: Any, dh_T: Any, dc_T: Any, cache: Any) -> tuple[Any, ...]:
        steps, per_gate = cache
        grads = [[0.0, 0.0, 0.0] for _ in per_gate]
        dx = []
        for (x_t, h, c, o, i, f, g, _, tanh_c), d in zip(steps[::-1], dh[::-1], strict=True):
            d = d + dh_T
            dc = dc_T + d * (o - o * tanh_c * tanh_c)
            das = (d * tanh_c * (o - o * o), dc * g * (i - i * i), dc * c * (f - f * f), dc * (i - i * g * g))
            for grad, da in zip(grads, das, strict=True):
                grad[0], grad[1], grad[2] = grad[0] + da.T @ x_t, grad[1] + da.T @ h, grad[2] + da.sum(axis=0)
            dh_T = sum(da @ U for da, (_, U, _) in zip(das, per_gate, strict=True))
            dc_T = dc * f
            dx.append(sum(da @ W for da, (W, _, _) in zip(das, per_gate, strict=True)))
        return np.stack(dx[::-1]), dh_T, dc_T, *(np.concatenate(part) for part in zip(*grads, strict=True))


class Projected(Plain):
    """x projected for all steps at once, and nothing kept that can be computed again"""

    def forward(self, x: Any, h0: Any, c0: Any, W_x: Any, W_h: Any, b: Any) -> tuple[Any, ...]:
        T, (B, H) = len(x), h0.shape
        a = np.tensordot(x, W_x, (2, 1)) + b
        h, c = (np.empty((T + 1, B, H), np.result_type(a, h0, c0, W_h)) for _ in range(2))
        h[0], c[0] = h0, c0
        a = a.astype(h.dtype)
        for t in range(T):
            a[t] += h[t] @ W_h.T
            o, i, f, g = self.gates(a[t])
            c[t + 1] = f * c[t] + i * g
            h[t + 1] = o * np.tanh(c[t + 1])
        return h[1:], h[-1], c[-1], (x.copy(), h, c, a, W_x, W_h)

    def backward(self, dh: Any, dh_T: Any, dc_T: Any, cache: Any) -> tuple[Any, ...]:
        x, h, c, a, W_x, W_h = cache
        da = np.empty_like(a)
        for t in reversed(range(len(x))):
            step = Step(x[t], h[t], c[t], *self.gates(a[t]), c[t + 1], h[t + 1])
            dh_T = dh_T + dh[t]
            dc = self.into_c(step, dh_T, dc_T)
            da[t] = np.hstack(self.into_gates(step, dh_T, dc))
            dh_T, dc_T = da[t] @ W_h, step.f * dc
        rows = da.reshape(-1, da.shape[-1])
        before = h[:-1].reshape(-1, h.shape[-1])
        return da @ W_x, dh_T, dc_T, rows.T @ x.reshape(len(rows), -1), rows.T @ before, rows.sum(axis=0)


class Rounded(Plain):
    """right to twelve digits and not to sixteen"""

    def rounded(self, arrays: Any) -> Any:
        return (array * (1 + 1e-13 * self.rng.uniform(-1, 1, size=array.shape)) for array in arrays)

    def forward(self, *args: Any) -> tuple[Any, ...]:
        *results, cache = super().forward(*args)
        return *self.rounded(results), cache

    def backward(self, *args: Any) -> tuple[Any, ...]:
        return tuple(self.rounded(super().backward(*args)))


# Planted, for everyone to try their tests on.


class NothingThroughW_h(Plain):
    """no gradient goes through W_h to the step before"""

    def into_h(self, da: Any, cache: Cache, t: int) -> Any:
        return 0 * (da @ cache.W_h)


class SameStepsH(Plain):
    """dW_h is made with h_t in place of h_{t-1}"""

    def into_weights(self, da: Any, cache: Cache) -> tuple[Any, Any, Any]:
        return super().into_weights(da, cache._replace(steps=[s._replace(h=s.h_t) for s in cache.steps]))


class GatesSwapped(Plain):
    """i and f are read from each other's rows, forward and backward alike"""

    # The gradients fit the forward pass: only the forward pass itself shows it.
    def gates(self, a: Any) -> tuple[Any, Any, Any, Any]:
        o, f, i, g = super().gates(a)
        return o, i, f, g

    def into_gates(self, *args: Any) -> tuple[Any, ...]:
        o, i, f, g = super().into_gates(*args)
        return o, f, i, g


class BlocksSwapped(Plain):
    """the gradients of i and f stand in each other's rows"""

    def into_gates(self, *args: Any) -> tuple[Any, ...]:
        o, i, f, g = super().into_gates(*args)
        return o, f, i, g


class ForgetFactor(Plain):
    """the gradient by a_f lacks its factor 1 - f"""

    def into_gates(self, step: Step, dh: Any, dc: Any) -> tuple[Any, ...]:
        o, i, _, g = super().into_gates(step, dh, dc)
        return o, i, dc * step.c * step.f, g


class TanhOfC(Plain):
    """the gradient by c lacks the derivative of tanh(c)"""

    def into_c(self, step: Step, dh: Any, dc: Any) -> Any:
        return dc + dh * step.o


class DcOverwritten(Plain):
    """the gradient by c forgets what came from the step after"""

    def into_c(self, step: Step, dh: Any, dc: Any) -> Any:
        return super().into_c(step, dh, 0 * dc)


class FinalHDropped(Plain):
    """the gradient into the final h is dropped"""

    def backward(self, dh: Any, dh_T: Any, dc_T: Any, cache: Cache) -> tuple[Any, ...]:
        return super().backward(dh, 0 * dh_T, dc_T, cache)


class FinalCDropped(Plain):
    """the gradient into the final c is dropped"""

    def backward(self, dh: Any, dh_T: Any, dc_T: Any, cache: Cache) -> tuple[Any, ...]:
        return super().backward(dh, dh_T, 0 * dc_T, cache)


class FinalHInstead(Plain):
    """the gradient into the final h takes the place of the last dh, and is not added to it"""

    def backward(self, dh: Any, dh_T: Any, dc_T: Any, cache: Cache) -> tuple[Any, ...]:
        return super().backward(np.concatenate([dh[:-1], 0 * dh[-1:]]), dh_T, dc_T, cache)


class DividedByT(Plain):
    """the gradients of the weights are means over time"""

    def into_weights(self, da: Any, cache: Cache) -> tuple[Any, Any, Any]:
        dW_x, dW_h, db = super().into_weights(da, cache)
        return dW_x / len(da), dW_h / len(da), db / len(da)


class H0Ignored(Plain):
    """h0 is taken as zero, forward and backward alike"""  # where h0 is not zero

    def forward(self, x: Any, h0: Any, *args: Any) -> tuple[Any, ...]:
        return super().forward(x, 0 * h0, *args)

    def backward(self, *args: Any) -> tuple[Any, ...]:
        dx, dh0, *others = super().backward(*args)
        return dx, 0 * dh0, *others


class DC0Zero(Plain):
    """the gradient by c0 is zero"""

    def backward(self, *args: Any) -> tuple[Any, ...]:
        dx, dh0, dc0, *weights = super().backward(*args)
        return dx, dh0, 0 * dc0, *weights


class FirstSequencesBias(Plain):
    """db is that of the first sequence alone"""  # where B > 1

    def into_weights(self, da: Any, cache: Cache) -> tuple[Any, Any, Any]:
        dW_x, dW_h, _ = super().into_weights(da, cache)
        return dW_x, dW_h, da[:, 0].sum(axis=0)


class CutAfterTwo(Plain):
    """the gradient goes back two steps and no further"""  # where T > 2

    def into_h(self, da: Any, cache: Cache, t: int) -> Any:
        return super().into_h(da, cache, t) * (t != len(cache.steps) - 3)


class SquashedFinalC(Plain):
    """the final c that forward returns is tanh(c)"""

    def forward(self, *args: Any) -> tuple[Any, ...]:
        h, h_T, c_T, cache = super().forward(*args)
        return h, h_T, np.tanh(c_T), cache


class DhOverwritten(Plain):
    """backward adds the gradient into the final h to the caller's dh"""

    def backward(self, dh: Any, dh_T: Any, dc_T: Any, cache: Cache) -> tuple[Any, ...]:
        dh[-1] += dh_T
        return super().backward(dh, 0 * dh_T, dc_T, cache)


class H0Overwritten(Plain):
    """forward leaves the final h in the caller's h0"""

    def forward(self, x: Any, h0: Any, *args: Any) -> tuple[Any, ...]:
        results = super().forward(x, h0.copy(), *args)
        h0[...] = results[1].real
        return results


class CacheOfTheLast(Plain):
    """backward takes what the last forward pass left, whichever cache it is given"""  # two forward passes

    def forward(self, *args: Any) -> tuple[Any, ...]:
        *results, self.last = super().forward(*args)
        return *results, self.last

    def backward(self, dh: Any, dh_T: Any, dc_T: Any, cache: Cache) -> tuple[Any, ...]:
        same = len(dh) == len(self.last.steps) and dh_T.shape == self.last.steps[0].h.shape
        return super().backward(dh, dh_T, dc_T, self.last if same else cache)


class Accumulating(Plain):
    """the gradients of a second backward pass are added to those of the first"""  # two backward passes

    def backward(self, *args: Any) -> tuple[Any, ...]:
        *others, db = super().backward(*args)
        before = getattr(self, "db", 0 * db)
        self.db = db + before if before.shape == db.shape else db
        return *others, self.db


class SinglePrecision(Plain):
    """the forward pass is computed in float32"""

    def step(self, *args: Any) -> Step:
        narrow = (array.astype(np.complex64 if np.iscomplexobj(array) else np.float32) for array in args)
        return Step(*(array.astype(np.result_type(array, float)) for array in super().step(*narrow)))


class SlightlyOff(Plain):
    """dW_x is too large by a millionth"""

    def into_weights(self, da: Any, cache: Cache) -> tuple[Any, Any, Any]:
        dW_x, dW_h, db = super().into_weights(da, cache)
        return dW_x * (1 + 1e-6), dW_h, db


class Saturated(Plain):
    """pre-activations beyond ±4 are taken as ±4"""  # large weights or large x

    def gates(self, a: Any) -> tuple[Any, Any, Any, Any]:
        return super().gates(np.where(a.real > 4, 4, np.where(a.real < -4, -4, a)))


# Planted, for grading.


class FactorMissing(Plain):
    """the gradient by one pre-activation lacks a factor of its derivative"""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        self.gate = rng.integers(3)

    def into_gates(self, step: Step, dh: Any, dc: Any) -> tuple[Any, ...]:
        o, i, f, g = super().into_gates(step, dh, dc)
        if self.gate == 0:
            return dh * np.tanh(step.c_t) * step.o, i, f, g
        return (o, dc * step.g * step.i, f, g) if self.gate == 1 else (o, i, f, dc * step.i)


class DxReversed(Plain):
    """dx stands in reverse order of time"""

    def backward(self, *args: Any) -> tuple[Any, ...]:
        dx, *others = super().backward(*args)
        return dx[::-1], *others


class CutLater(Plain):
    """the gradient goes back some steps and no further"""  # where T > 6

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        self.reach = rng.integers(4, 7)

    def into_h(self, da: Any, cache: Cache, t: int) -> Any:
        return super().into_h(da, cache, t) * (t != len(cache.steps) - 1 - self.reach)


class OneRowOff(Plain):
    """one row of dW_h is off by a few millionths"""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        self.place, self.error = rng.uniform(), rng.uniform(2e-6, 4e-6)

    def into_weights(self, da: Any, cache: Cache) -> tuple[Any, Any, Any]:
        dW_x, dW_h, db = super().into_weights(da, cache)
        dW_h[int(self.place * len(dW_h))] *= 1 + self.error
        return dW_x, dW_h, db


class CClipped(Plain):
    """c beyond ±3 is cut off"""  # a large c0, or i and f near 1 for long

    def step(self, *args: Any) -> Step:
        step = super().step(*args)
        c_t = np.where(step.c_t.real > 3, 3, np.where(step.c_t.real < -3, -3, step.c_t))
        return step._replace(c_t=c_t, h_t=step.o * np.tanh(c_t))


class OneStateForAll(Plain):
    """all sequences begin with the h0 of the first"""  # where B > 1

    def forward(self, x: Any, h0: Any, *args: Any) -> tuple[Any, ...]:
        return super().forward(x, 0 * h0 + h0[:1], *args)


class StateShifted(Plain):
    """dh0 stands in the rows of the sequences next to each other"""  # where B > 1

    def backward(self, *args: Any) -> tuple[Any, ...]:
        dx, dh0, *others = super().backward(*args)
        return dx, np.roll(dh0, 1, axis=0), *others


class FirstStepLeftOut(Plain):
    """dW_h lacks the part of the first step"""  # where h0 is not zero

    def into_weights(self, da: Any, cache: Cache) -> tuple[Any, Any, Any]:
        first = cache.steps[0]._replace(h=0 * cache.steps[0].h)
        return super().into_weights(da, cache._replace(steps=[first, *cache.steps[1:]]))


class FinalCTwice(Plain):
    """the gradient into the final c counts twice"""

    def backward(self, dh: Any, dh_T: Any, dc_T: Any, cache: Cache) -> tuple[Any, ...]:
        return super().backward(dh, dh_T, 2 * dc_T, cache)


class C0Ignored(Plain):
    """c0 is taken as zero, forward and backward alike"""  # where c0 is not zero

    def forward(self, x: Any, h0: Any, c0: Any, *args: Any) -> tuple[Any, ...]:
        return super().forward(x, h0, 0 * c0, *args)

    def backward(self, *args: Any) -> tuple[Any, ...]:
        dx, dh0, dc0, *weights = super().backward(*args)
        return dx, dh0, 0 * dc0, *weights


class GoesOn(Plain):
    """a second forward pass goes on from the c with which the first ended"""  # two forward passes

    def forward(self, x: Any, h0: Any, c0: Any, *args: Any) -> tuple[Any, ...]:
        before = getattr(self, "c", c0)
        results = super().forward(x, h0, before if before.shape == c0.shape else c0, *args)
        self.c = results[2]
        return results


class CacheConsumed(Plain):
    """backward writes into its cache"""  # two backward passes of one cache

    def into_gates(self, step: Step, dh: Any, dc: Any) -> tuple[Any, ...]:
        das = super().into_gates(step, dh, dc)
        step.i[...] = step.i * (1 - step.i)
        return das


class C0Overwritten(Plain):
    """forward leaves the final c in the caller's c0"""

    def forward(self, x: Any, h0: Any, c0: Any, *args: Any) -> tuple[Any, ...]:
        results = super().forward(x, h0, c0.copy(), *args)
        c0[...] = results[2].real
        return results


class DcOverwrittenInPlace(Plain):
    """backward leaves the gradient by c0 in the caller's dc_T"""

    def backward(self, dh: Any, dh_T: Any, dc_T: Any, cache: Cache) -> tuple[Any, ...]:
        results = super().backward(dh, dh_T, dc_T.copy(), cache)
        dc_T[...] = results[2].real
        return results


class MeanOverBatch(Plain):
    """the gradients of the weights are means over the batch"""  # where B > 1

    def into_weights(self, da: Any, cache: Cache) -> tuple[Any, Any, Any]:
        dW_x, dW_h, db = super().into_weights(da, cache)
        return dW_x / da.shape[1], dW_h / da.shape[1], db / da.shape[1]


class SingleGradient(Plain):
    """the gradients of the weights are made from float32"""

    def into_weights(self, da: Any, cache: Cache) -> tuple[Any, Any, Any]:
        return super().into_weights(da.real.astype(np.float32).astype(float), cache)


class CForTanhC(Plain):
    """the gradient by a_o is made with c in place of tanh(c)"""

    def into_gates(self, step: Step, dh: Any, dc: Any) -> tuple[Any, ...]:
        _, *others = super().into_gates(step, dh, dc)
        return dh * step.c_t * step.o * (1 - step.o), *others


class ForgetBias(Plain):
    """1 is added to a_f, forward and backward alike"""

    # The gradients fit the forward pass: only the forward pass itself shows it.
    def gates(self, a: Any) -> tuple[Any, Any, Any, Any]:
        H = a.shape[-1] // 4
        return super().gates(a + np.repeat([0, 0, 1, 0], H))


class OneStepForgotten(Plain):
    """with a single step, no gradient reaches h0"""  # where T = 1

    def into_h(self, da: Any, cache: Cache, t: int) -> Any:
        return super().into_h(da, cache, t) * (len(cache.steps) > 1)


class GradientClipped(Plain):
    """gradients by pre-activations beyond ±2 are cut off"""  # large dh

    def into_gates(self, *args: Any) -> tuple[Any, ...]:
        return tuple(np.clip(da.real, -2, 2) for da in super().into_gates(*args))


class LastFeatureLost(Plain):
    """dx of the last feature is zero"""  # where D > 1

    def backward(self, *args: Any) -> tuple[Any, ...]:
        dx, *others = super().backward(*args)
        dx[..., 1:][..., -1:] = 0
        return dx, *others


class FinalHTooEarly(Plain):
    """the final h that forward returns is that of the step before"""

    def forward(self, *args: Any) -> tuple[Any, ...]:
        h, _, c_T, cache = super().forward(*args)
        return h, cache.steps[-1].h.copy(), c_T, cache


RIGHT = (Plain, Recomputing, OneByOne, PerGate, Projected, Rounded)
PUBLIC = (
    *(NothingThroughW_h, SameStepsH, GatesSwapped, BlocksSwapped, ForgetFactor, TanhOfC, DcOverwritten),
    *(FinalHDropped, FinalCDropped, FinalHInstead, DividedByT, H0Ignored, DC0Zero, FirstSequencesBias),
    *(CutAfterTwo, SquashedFinalC, DhOverwritten, H0Overwritten, CacheOfTheLast, Accumulating),
    *(SinglePrecision, SlightlyOff, Saturated),
)
HIDDEN = (
    *(FactorMissing, DxReversed, CutLater, OneRowOff, CClipped, OneStateForAll, StateShifted),
    *(FirstStepLeftOut, FinalCTwice, C0Ignored, GoesOn, CacheConsumed, C0Overwritten, DcOverwrittenInPlace),
    *(MeanOverBatch, SingleGradient, CForTanhC, ForgetBias, OneStepForgotten, GradientClipped),
    *(LastFeatureLost, FinalHTooEarly),
)

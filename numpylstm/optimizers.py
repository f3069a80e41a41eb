"""Gradient descent on one flat vector: SGD, RMSprop and Adam, clipping, schedules, L-BFGS.

An optimizer never sees a layer, only `theta` (n,) and `grad` (n,), both float32 or both float64:

    optimizer = Adam(lr=1e-3, clip_norm=1.0, schedule=Cosine(updates=10_000))
    optimizer.step(theta, grad)        # changes theta in place, leaves grad as it is

Update number k = 0, 1, 2, ... uses the rate lr * schedule(k) / (1 + decay * k).
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

# An update passes over theta, grad and the moments a dozen times. Piece by piece they stay in the cache
# meanwhile, and scratch need not be as long as theta. All is elementwise: the piece size changes no bit.
PIECE = 65_536

Schedule = Callable[[int], float]  # updates done so far -> factor on lr


def _require(condition: bool, name: str, rule: str, value: object) -> None:
    if not condition:
        raise ValueError(f"{name} must {rule}, got {value!r}")


def _kind(vector: object) -> str:
    """What an error message calls it: `float32 of shape (12,)`."""
    if isinstance(vector, np.ndarray):
        return f"{vector.dtype} of shape {vector.shape}"
    return f"a {type(vector).__name__}"


def _require_flat(name: str, vector: np.ndarray) -> None:
    if not (isinstance(vector, np.ndarray) and vector.ndim == 1 and vector.dtype in (np.float32, np.float64)):
        raise ValueError(f"expected {name} as a flat float32 or float64 vector, got {_kind(vector)}")


def _largest(grad: np.ndarray) -> float:
    """max |grad|; FloatingPointError if an entry is infinite or NaN, which min and max both hand on."""
    low, high = float(grad.min(initial=0.0)), float(grad.max(initial=0.0))
    if not (math.isfinite(low) and math.isfinite(high)):
        bad = np.flatnonzero(~np.isfinite(grad))
        raise FloatingPointError(
            f"{bad.size} of {grad.size} gradient entries are not finite, the first at index {bad[0]}"
        )
    return max(high, -low)


def clip_norm(grad: np.ndarray, limit: float, out: np.ndarray | None = None) -> tuple[np.ndarray, float]:
    """Scale a gradient (n,) to Euclidean norm `limit` if it is longer (Pascanu et al. 2013, arXiv:1211.5063).

    Returns (clipped, norm), the norm before clipping; `clipped` is `out` or a new array, but `grad` itself
    if nothing was clipped. Raises ValueError unless limit > 0 and grad is a flat float32 or float64 vector,
    FloatingPointError if an entry is infinite or NaN.
    """
    _require(limit > 0, "limit", "be positive", limit)
    _require_flat("grad", grad)
    largest = _largest(grad)
    if largest == 0:
        return grad, 0.0
    # Divided by the largest entry, squares can neither overflow nor all vanish. The length of these pieces
    # is fixed, as where a sum is cut decides its last bit.
    squares = 0.0
    for start in range(0, grad.size, 8192):
        ratio = np.divide(grad[start : start + 8192], largest, dtype=np.float64)
        squares += float(np.square(ratio, out=ratio).sum())
    root = math.sqrt(squares)
    if largest * root <= limit:
        return grad, largest * root
    clipped = np.divide(grad, grad.dtype.type(largest), out=out)
    clipped *= limit / root
    return clipped, largest * root


class Constant:
    """Schedule: factor 1 always."""

    def __call__(self, updates: int) -> float:
        return 1.0


class Exponential:
    """Schedule: factor rate^(updates / every). ValueError unless both are positive."""

    def __init__(self, rate: float, every: float = 1) -> None:
        _require(rate > 0, "rate", "be positive", rate)
        _require(every > 0, "every", "be positive", every)
        self.rate, self.every = rate, every

    def __call__(self, updates: int) -> float:
        return float(self.rate ** (updates / self.every))


class Cosine:
    """Schedule: half a cosine from 1 to `final`, kept from update number `updates` on.

    The first `warmup` of these updates climb linearly to 1 instead: 1 / (warmup + 1), 2 / (warmup + 1), ...
    Loshchilov & Hutter 2017, arXiv:1608.03983, equation 5, without restarts.
    ValueError unless 0 <= final <= 1 and 0 <= warmup < updates.
    """

    def __init__(self, updates: int, final: float = 0.0, warmup: int = 0) -> None:
        _require(updates > 0, "updates", "be positive", updates)
        _require(0 <= final <= 1, "final", "lie in [0, 1]", final)
        _require(0 <= warmup < updates, "warmup", f"lie in [0, {updates})", warmup)
        self.updates, self.final, self.warmup = updates, final, warmup

    def __call__(self, updates: int) -> float:
        if updates < self.warmup:
            return (updates + 1) / (self.warmup + 1)
        progress = min(1.0, (updates - self.warmup) / (self.updates - self.warmup))
        return self.final + (1 - self.final) * (1 + math.cos(math.pi * progress)) / 2


class Plateau:
    """Schedule: times `factor` whenever `patience` observations in a row brought no new lowest loss.

    Call `observe(loss)` once per validation. The factor so far is `current`, never below `min_factor`.
    ValueError unless 0 < factor < 1, patience >= 1 and 0 <= min_factor <= 1.
    """

    state = ("current", "waited", "best")

    def __init__(self, factor: float = 0.5, patience: int = 5, min_factor: float = 1e-3) -> None:
        _require(0 < factor < 1, "factor", "lie in (0, 1)", factor)
        _require(patience >= 1, "patience", "be at least 1", patience)
        _require(0 <= min_factor <= 1, "min_factor", "lie in [0, 1]", min_factor)
        self.factor, self.patience, self.min_factor = factor, patience, min_factor
        self.current, self.waited = 1.0, 0
        self.best: float | None = None

    def observe(self, validation_loss: float) -> None:
        self.waited += 1
        # A NaN must not become the best: nothing is less than NaN.
        if math.isfinite(validation_loss) and (self.best is None or validation_loss < self.best):
            self.best, self.waited = float(validation_loss), 0
        if self.waited == self.patience:
            self.current, self.waited = max(self.current * self.factor, self.min_factor), 0

    def __call__(self, updates: int) -> float:
        return self.current


class Optimizer:
    """What SGD, RMSprop and Adam share. Each adds its settings and `_update`.

    Attributes, all of which may be set between steps:
        lr: the base rate; `current_lr` is the rate the next update will use.
        decay: divides the rate by 1 + decay * updates.
        clip_value: bounds every gradient entry to [-clip_value, clip_value]; None: no bound.
        clip_norm: scales what is then the gradient to this norm if it is longer; None: never.
        schedule: factor on lr by the number of updates done, for instance Cosine(10_000).
        updates: how many have been done.
        moments: the vectors (n,) kept between updates by their name in the equations.

    The constructors raise ValueError for an argument out of its range; the sentence names the range.
    """

    squares = False  # whether the update squares the gradient
    settings: tuple[str, ...] = ("updates", "kind", "lr", "decay", "clip_norm", "clip_value")

    def __init__(
        self,
        lr: float,
        decay: float,
        clip_norm: float | None,
        clip_value: float | None,
        schedule: Schedule | None,
    ) -> None:
        _require(lr > 0, "lr", "be positive", lr)
        _require(lr < math.inf, "lr", "be finite", lr)
        _require(0 <= decay < math.inf, "decay", "be finite and not negative", decay)
        _require(clip_norm is None or clip_norm > 0, "clip_norm", "be positive", clip_norm)
        _require(clip_value is None or clip_value > 0, "clip_value", "be positive", clip_value)
        _require(schedule is None or callable(schedule), "schedule", "be callable", schedule)
        self.lr, self.decay, self.clip_norm, self.clip_value = lr, decay, clip_norm, clip_value
        self.schedule: Schedule = schedule or Constant()
        self.updates = 0
        self.kind: str | None = None  # dtype and shape of theta, known from the first step on
        self.moments: dict[str, np.ndarray] = {}
        self._scratch = self._clipped = np.empty(0)

    @property
    def current_lr(self) -> float:
        # float: times a float64 scalar of NumPy's, a float32 vector would be computed in float64.
        return float(self.lr * self.schedule(self.updates) / (1 + self.decay * self.updates))

    def step(self, theta: np.ndarray, grad: np.ndarray) -> None:
        """One update of theta (n,) in place by grad (n,), which stays as it is.

        Raises:
            ValueError: theta or grad is not a flat float32 or float64 vector, they differ in size or dtype,
                or theta differs in them from the step before.
            FloatingPointError: an entry of grad is infinite or NaN, or too large for RMSprop and Adam to
                square; theta and the moments stay as they are.
        """
        _require_flat("theta", theta)
        kind = _kind(theta)
        if _kind(grad) != kind:
            raise ValueError(f"expected grad like theta, {kind}, got {_kind(grad)}")
        if self.kind not in (None, kind):
            raise ValueError(f"expected theta as in the first step, {self.kind}, got {kind}")
        with np.errstate(over="ignore", invalid="ignore"):
            finite = math.isfinite(grad.dot(grad))  # one pass; may overflow where all entries are finite
        if not finite:
            _largest(grad)
        lr, self.kind = self.current_lr, kind
        if self._scratch.size != min(PIECE, theta.size):
            self._scratch = np.empty(min(PIECE, theta.size), theta.dtype)
        if self._clipped.size != theta.size and not (self.clip_norm is None and self.clip_value is None):
            self._clipped = np.empty_like(theta)
        if self.clip_value is not None:
            grad = np.clip(grad, -self.clip_value, self.clip_value, out=self._clipped)
        if self.clip_norm is not None:
            grad, _ = clip_norm(grad, self.clip_norm, out=self._clipped)
        if self.squares and not finite and _largest(grad) > math.sqrt(np.finfo(theta.dtype).max):
            raise FloatingPointError(
                f"a gradient entry of {_largest(grad):.3g} is too large to be squared in {theta.dtype}: "
                "clip it, by clip_norm or clip_value"
            )
        self.updates += 1
        for start in range(0, theta.size, PIECE):
            piece = slice(start, min(start + PIECE, theta.size))

            def moment(name: str, piece: slice = piece) -> np.ndarray:
                if name not in self.moments:
                    self.moments[name] = np.zeros_like(theta)
                return self.moments[name][piece]

            self._update(theta[piece], grad[piece], lr, moment, self._scratch[: piece.stop - start])

    def _update(
        self,
        theta: np.ndarray,
        grad: np.ndarray,
        lr: float,
        moment: Callable[[str], np.ndarray],
        scratch: np.ndarray,
    ) -> None:
        """Change a piece of theta, and of the moments it asks for by name, in place."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        """All that an exact resume needs: the moments as copied arrays (n,); numbers, strings and None.

        Of the schedule it holds only what a Plateau has seen: construct it again as you do the network.
        """
        state: dict[str, Any] = {"optimizer": type(self).__name__, "moments": " ".join(self.moments)}
        state |= {name: getattr(self, name) for name in self.settings}
        if isinstance(self.schedule, Plateau):
            state |= {f"plateau.{name}": getattr(self.schedule, name) for name in Plateau.state}
        return state | {name: moment.copy() for name, moment in self.moments.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on exactly where the optimizer that gave `state` was, with its settings in place of one's own.

        Raises:
            ValueError: the state is of another optimizer or not whole; nothing has changed.
        """
        name = type(self).__name__
        if state.get("optimizer") != name:
            raise ValueError(f"expected the state of {name}, got that of {state.get('optimizer')}")
        expected = self.state_dict().keys() - self.moments.keys() | set(state.get("moments", "").split())
        if state.keys() != expected:
            raise ValueError(
                f"the state does not fit this {name} and its schedule: "
                f"{', '.join(sorted(state.keys() ^ expected))} missing in one of them"
            )
        moments = {key: state[key].copy() for key in state["moments"].split()}
        for key, moment in moments.items():
            if _kind(moment) != state["kind"]:
                raise ValueError(f"expected moment {key} as theta, {state['kind']}, got {_kind(moment)}")
        self.moments = moments
        self._scratch = self._clipped = np.empty(0)
        for key in self.settings:
            setattr(self, key, state[key])
        if isinstance(self.schedule, Plateau):
            for key in Plateau.state:
                setattr(self.schedule, key, state[f"plateau.{key}"])


class SGD(Optimizer):
    """Stochastic gradient descent; momentum of Sutskever et al. 2013 as PyTorch writes it.

        v     = momentum v + grad
        theta = theta - lr v                         or with Nesterov's look ahead
        theta = theta - lr (grad + momentum v)

    Needs 0 <= momentum < 1, and momentum > 0 for Nesterov. The other arguments: see Optimizer.
    """

    settings = (*Optimizer.settings, "momentum", "nesterov")

    def __init__(
        self,
        lr: float = 1e-2,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        decay: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        schedule: Schedule | None = None,
    ) -> None:
        super().__init__(lr, decay, clip_norm, clip_value, schedule)
        _require(0 <= momentum < 1, "momentum", "lie in [0, 1)", momentum)
        _require(momentum > 0 or not nesterov, "momentum", "be positive for nesterov", momentum)
        self.momentum, self.nesterov = momentum, nesterov

    def _update(
        self,
        theta: np.ndarray,
        grad: np.ndarray,
        lr: float,
        moment: Callable[[str], np.ndarray],
        scratch: np.ndarray,
    ) -> None:
        direction = grad
        if self.momentum:
            direction = v = moment("v")
            v *= self.momentum
            v += grad
            if self.nesterov:
                direction = np.multiply(v, self.momentum, out=scratch)
                direction += grad
        theta -= np.multiply(direction, lr, out=scratch)


class RMSprop(Optimizer):
    """Tieleman & Hinton 2012 (Neural Networks for Machine Learning, lecture 6.5) as PyTorch writes it.

        v     = alpha v + (1 - alpha) grad^2
        m     = alpha m + (1 - alpha) grad           centered (Graves 2013, arXiv:1308.0850), otherwise 0
        u     = momentum u + grad / (sqrt(v - m^2) + eps)
        theta = theta - lr u

    Needs 0 <= alpha < 1, eps > 0, 0 <= momentum < 1. The other arguments: see Optimizer.
    """

    squares = True
    settings = (*Optimizer.settings, "alpha", "eps", "momentum", "centered")

    def __init__(
        self,
        lr: float = 1e-3,
        *,
        alpha: float = 0.99,
        eps: float = 1e-8,
        momentum: float = 0.0,
        centered: bool = False,
        decay: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        schedule: Schedule | None = None,
    ) -> None:
        super().__init__(lr, decay, clip_norm, clip_value, schedule)
        _require(0 <= alpha < 1, "alpha", "lie in [0, 1)", alpha)
        _require(eps > 0, "eps", "be positive", eps)
        _require(0 <= momentum < 1, "momentum", "lie in [0, 1)", momentum)
        self.alpha, self.eps, self.momentum, self.centered = alpha, eps, momentum, centered

    def _update(
        self,
        theta: np.ndarray,
        grad: np.ndarray,
        lr: float,
        moment: Callable[[str], np.ndarray],
        scratch: np.ndarray,
    ) -> None:
        v = moment("v")
        v *= self.alpha
        np.multiply(grad, grad, out=scratch)
        v += np.multiply(scratch, 1 - self.alpha, out=scratch)
        if self.centered:
            m = moment("m")
            m *= self.alpha
            m += np.multiply(grad, 1 - self.alpha, out=scratch)
            np.multiply(m, m, out=scratch)
            np.subtract(v, scratch, out=scratch)
            # A variance; where grad hardly changes, rounding takes it below 0, and its root would be NaN.
            np.maximum(scratch, 0, out=scratch)
            np.sqrt(scratch, out=scratch)
        else:
            np.sqrt(v, out=scratch)
        scratch += self.eps
        u = np.divide(grad, scratch, out=scratch)
        if self.momentum:
            u = moment("u")
            u *= self.momentum
            u += scratch
        theta -= np.multiply(u, lr, out=scratch)


class Adam(Optimizer):
    """Kingma & Ba 2015, arXiv:1412.6980, Algorithm 1; t = 1, 2, ... is the number of the update.

        m     = beta1 m + (1 - beta1) grad           m_hat = m / (1 - beta1^t)
        v     = beta2 v + (1 - beta2) grad^2         v_hat = v / (1 - beta2^t)
        theta = theta - lr m_hat / (sqrt(v_hat) + eps)

    Needs both betas in [0, 1) and eps > 0. The other arguments: see Optimizer.
    """

    squares = True
    settings = (*Optimizer.settings, "beta1", "beta2", "eps")

    def __init__(
        self,
        lr: float = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        decay: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        schedule: Schedule | None = None,
    ) -> None:
        super().__init__(lr, decay, clip_norm, clip_value, schedule)
        _require(len(betas) == 2 and all(0 <= beta < 1 for beta in betas), "betas", "be two in [0, 1)", betas)
        _require(eps > 0, "eps", "be positive", eps)
        (self.beta1, self.beta2), self.eps = betas, eps

    def _update(
        self,
        theta: np.ndarray,
        grad: np.ndarray,
        lr: float,
        moment: Callable[[str], np.ndarray],
        scratch: np.ndarray,
    ) -> None:
        m, v = moment("m"), moment("v")
        m *= self.beta1
        m += np.multiply(grad, 1 - self.beta1, out=scratch)
        v *= self.beta2
        np.multiply(grad, grad, out=scratch)
        v += np.multiply(scratch, 1 - self.beta2, out=scratch)
        # Both corrections are numbers: multiplied out of the fraction they cost no pass over the vectors.
        root = math.sqrt(1 - self.beta2**self.updates)
        np.sqrt(v, out=scratch)
        scratch += self.eps * root
        np.divide(m, scratch, out=scratch)
        scratch *= lr * root / (1 - self.beta1**self.updates)
        theta -= scratch


def lbfgs(
    value_and_grad: Callable[[np.ndarray], tuple[float, np.ndarray]],
    theta: np.ndarray,
    *,
    max_iterations: int = 100,
    tolerance: float = 1e-12,
    history: int = 10,
    callback: Callable[..., Any] | None = None,
) -> Any:
    """Minimize a loss without noise with SciPy's L-BFGS-B (Byrd et al. 1995, SIAM J. Sci. Comput. 16).

    Args:
        value_and_grad: called with theta itself, set to the point to try, so that layers whose parameters
            are views into it follow; returns the loss and its gradient (n,), in the
            same buffer each time if it likes.
        theta: (n,) the start; in the end, also after an exception, the best point tried.
        max_iterations: an iteration takes one call of value_and_grad, now and then a few.
        tolerance: end where an iteration gains no more than this (where the loss is above 1: than this
            times the loss), or no gradient entry is larger.
        history: how many steps and changes of the gradient stand for the Hessian.
        callback: SciPy's: called after each iteration, may raise StopIteration.

    Returns:
        SciPy's OptimizeResult (`fun`, `nit`, `nfev`, `success`, `message`, `x`; in float64 for any theta).
        `success` is False too where the last digits of float32 leave no descent to be found, and after a
        loss that is not finite; theta is the best point all the same.

    Raises:
        ValueError: theta is not a flat float32 or float64 vector, the gradient is not of its shape, or a
            setting is out of its range.
        FloatingPointError: the loss or an entry of its gradient is infinite or NaN at the start.
    """
    from scipy.optimize import minimize  # not at the top: importing it takes longer than all the rest

    _require_flat("theta", theta)
    _require(max_iterations >= 1, "max_iterations", "be at least 1", max_iterations)
    _require(tolerance >= 0, "tolerance", "not be negative", tolerance)
    _require(history >= 1, "history", "be at least 1", history)
    best, best_value = theta.copy(), math.inf

    def evaluate(point: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal best_value
        theta[:] = point
        value, grad = value_and_grad(theta)
        grad = np.asarray(grad, np.float64)
        if grad.shape != theta.shape:
            raise ValueError(f"expected a gradient of shape {theta.shape}, got {grad.shape}")
        if best_value == math.inf:
            if not math.isfinite(value):
                raise FloatingPointError(f"the loss at the start is {value}")
            _largest(grad)
        if value <= best_value:
            best[:], best_value = theta, float(value)
        return float(value), grad

    try:
        return minimize(
            evaluate,
            theta.astype(np.float64),
            jac=True,
            method="L-BFGS-B",
            callback=callback,
            # maxfun never binds: a line search evaluates 20 points at most.
            options={
                "maxiter": max_iterations,
                "maxfun": 21 * max_iterations,
                "maxcor": history,
                "ftol": tolerance,
                "gtol": tolerance,
            },
        )
    finally:
        theta[:] = best

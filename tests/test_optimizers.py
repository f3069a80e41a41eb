import json
import math
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import load_file

from numpylstm import optimizers
from numpylstm.optimizers import SGD, Adam, Constant, Cosine, Exponential, Plateau, RMSprop, clip_norm, lbfgs

RECORDED = load_file(Path(__file__).parent / "data" / "optimizer_vectors.safetensors")

# The names and settings in tests/data/make_optimizer_vectors.py.
VARIANTS = {
    "sgd": lambda: SGD(),
    "sgd_momentum": lambda: SGD(3e-3, momentum=0.9),
    "sgd_nesterov": lambda: SGD(3e-3, momentum=0.9, nesterov=True),
    "rmsprop": lambda: RMSprop(1e-2),
    "rmsprop_momentum": lambda: RMSprop(alpha=0.9, momentum=0.8),
    "rmsprop_centered": lambda: RMSprop(1e-2, eps=1e-3, centered=True),
    "rmsprop_centered_momentum": lambda: RMSprop(momentum=0.5, centered=True),
    "adam": lambda: Adam(),
    "adam_other_betas": lambda: Adam(1e-2, betas=(0.5, 0.8), eps=1e-3),
}
every_variant = pytest.mark.parametrize("make", VARIANTS.values(), ids=VARIANTS)
both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def run(optimizer, theta, first, last):
    """Updates number first to last - 1 on noise that depends on the update's number alone."""
    for k in range(first, last):
        optimizer.step(theta, np.random.default_rng(k).standard_normal(theta.size).astype(theta.dtype))


# Against PyTorch


@pytest.mark.parametrize("name", VARIANTS)
def test_equals_recorded_pytorch(name):
    optimizer, theta = VARIANTS[name](), RECORDED["start"].copy()
    expected = dict(zip(RECORDED["checked"].tolist(), RECORDED[f"theta.{name}"], strict=True))
    assert list(expected) == [1, 2, 3, 10, 50, 200]
    for k in range(200):
        optimizer.step(theta, RECORDED["matrix"] @ theta - RECORDED["offset"] + RECORDED["noise"][k])
        if k + 1 in expected:
            np.testing.assert_allclose(theta, expected[k + 1], rtol=1e-12, atol=1e-14)


def test_every_recorded_variant_is_tested():
    assert {f"theta.{name}" for name in VARIANTS} == {key for key in RECORDED if key.startswith("theta.")}


@every_variant
def test_float32_follows_float64(make):
    single, double = RECORDED["start"].astype(np.float32), RECORDED["start"].astype(np.float32).astype(float)
    optimizers_ = make(), make()
    for k in range(50):
        grad = RECORDED["noise"][k].astype(np.float32)
        optimizers_[0].step(single, grad)
        optimizers_[1].step(double, grad.astype(float))
    assert single.dtype == np.float32
    assert all(moment.dtype == np.float32 for moment in optimizers_[0].moments.values())
    np.testing.assert_allclose(single, double, rtol=2e-5, atol=2e-6)


def test_centered_rmsprop_survives_a_constant_gradient():
    # v - m^2 tends to 0 and rounding takes it below.
    theta, grad = np.zeros(64, np.float32), np.linspace(0.1, 3, 64, dtype=np.float32)
    optimizer = RMSprop(alpha=0.9, centered=True)
    for _ in range(300):
        optimizer.step(theta, grad)
    assert np.all(np.isfinite(theta))
    assert np.any(optimizer.moments["v"] < optimizer.moments["m"] ** 2)


# The rate


def test_decay_against_the_sum_of_its_rates():
    optimizer, theta = SGD(0.5, decay=0.25), np.array([1.0, 2.0])
    for _ in range(4):
        optimizer.step(theta, np.array([1.0, -2.0]))
    distance = 0.5 * (1 + 1 / 1.25 + 1 / 1.5 + 1 / 1.75)
    np.testing.assert_allclose(theta, [1 - distance, 2 + 2 * distance], rtol=1e-15)


@pytest.mark.parametrize("optimizer_class", [SGD, RMSprop, Adam])
def test_lr_decay_and_schedule_multiply(optimizer_class):
    optimizer, theta = optimizer_class(0.3, decay=0.5, schedule=Exponential(0.1, every=2)), np.ones(3)
    assert optimizer.current_lr == 0.3
    run(optimizer, theta, 0, 2)
    assert optimizer.updates == 2
    assert optimizer.current_lr == pytest.approx(0.3 * 0.1 / 2, rel=1e-15)
    optimizer.lr = 0.6
    assert optimizer.current_lr == pytest.approx(0.6 * 0.1 / 2, rel=1e-15)


def test_step_uses_current_lr():
    optimizer, theta = SGD(0.5, schedule=lambda updates: [1.0, 0.25][updates]), np.array([0.0])
    for before, after in [(0.0, -0.5), (-0.5, -0.625)]:
        rate = optimizer.current_lr
        optimizer.step(theta, np.array([1.0]))
        assert theta[0] == after == before - rate


def test_numpy_scalar_as_lr_keeps_float32():
    theta, expected = np.zeros(1000, np.float32), np.zeros(1000, np.float32)
    run(SGD(np.float64(0.1), schedule=lambda updates: np.float64(1)), theta, 0, 1)
    run(SGD(0.1), expected, 0, 1)
    assert theta.tobytes() == expected.tobytes()


def test_constant_and_exponential():
    assert [Constant()(k) for k in (0, 7)] == [1, 1]
    assert [Exponential(0.5)(k) for k in (0, 1, 3)] == [1, 0.5, 0.125]
    assert Exponential(0.25, every=10)(5) == 0.5


def test_cosine():
    half = Cosine(8, final=0.5)
    expected = [0.5 + 0.25 * (1 + math.cos(math.pi * k / 8)) for k in range(9)]
    assert [half(k) for k in range(9)] == pytest.approx(expected, rel=1e-15)
    assert (half(0), half(4), half(8), half(9), half(10**9)) == (1, 0.75, 0.5, 0.5, 0.5)


def test_cosine_with_warmup():
    schedule = Cosine(12, warmup=4)
    assert [schedule(k) for k in range(5)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0], rel=1e-15)
    assert schedule(8) == pytest.approx(0.5, rel=1e-15)
    assert (schedule(12), schedule(13)) == (0, 0)


def test_plateau():
    schedule, factors = Plateau(factor=0.5, patience=2, min_factor=0.2), []
    for loss in [3, 2, 2, 2.5, 1, math.nan, math.inf, 1.5, 1.5, 1, 1]:
        schedule.observe(loss)
        factors.append(schedule(999))
    # Lowered at 2.5, at inf and, held by min_factor, at the second 1.5; to equal the best is no gain.
    assert factors == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2, 0.2]


def test_plateau_is_not_stuck_after_a_nan():
    schedule = Plateau(patience=2)
    schedule.observe(math.nan)
    schedule.observe(5.0)
    assert (schedule.best, schedule.waited) == (5.0, 0)


# Clipping

finite = {
    np.float32: st.floats(width=32, allow_nan=False, allow_infinity=False),
    np.float64: st.floats(-1e300, 1e300),
}
gradients = st.sampled_from([np.float32, np.float64]).flatmap(
    lambda dtype: hnp.arrays(dtype, st.integers(0, 30), elements=finite[dtype])
)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(gradients, st.floats(1e-3, 1e6))
def test_clip_norm_properties(grad, limit):
    before = grad.copy()
    clipped, norm = clip_norm(grad, limit)
    assert grad.tobytes() == before.tobytes()
    assert norm == pytest.approx(math.hypot(*grad.tolist()), rel=1e-13, abs=1e-322)
    if norm <= limit:
        assert clipped is grad
    else:
        assert clipped.dtype == grad.dtype
        tolerance = 8 * float(np.finfo(grad.dtype).eps)
        assert math.hypot(*clipped.tolist()) == pytest.approx(limit, rel=tolerance)
        # The direction is kept; entries too small for the dtype may vanish.
        direction = grad.astype(np.longdouble) / np.longdouble(norm)
        np.testing.assert_allclose(clipped / np.longdouble(limit), direction, rtol=0, atol=tolerance)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(gradients, st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_clipped_step_is_the_step_of_the_clipped_gradient(grad, limit, bound):
    theta, expected = np.zeros_like(grad), np.zeros_like(grad)
    before = grad.copy()
    SGD(1.0, clip_norm=limit, clip_value=bound).step(theta, grad)
    SGD(1.0).step(expected, clip_norm(np.clip(grad, -bound, bound), limit)[0])
    assert theta.tobytes() == expected.tobytes()
    assert grad.tobytes() == before.tobytes()
    tolerance = 1 + 8 * float(np.finfo(grad.dtype).eps)
    assert np.all(np.abs(theta) <= bound * tolerance)
    assert math.hypot(*theta.tolist()) <= limit * tolerance


def test_clip_norm_at_the_limit():
    grad = np.array([3.0, 4.0])
    assert clip_norm(grad, 5)[0] is grad
    clipped, norm = clip_norm(grad, 2.5)
    assert (clipped.tolist(), norm) == ([1.5, 2.0], 5.0)


def test_clip_norm_neither_overflows_nor_vanishes():
    clipped, norm = clip_norm(np.full(4, 1e25, np.float32), 1.0)
    assert norm == pytest.approx(2e25, rel=1e-7)
    np.testing.assert_allclose(clipped, 0.5, rtol=1e-6)
    clipped, _ = clip_norm(np.full(100, 1.7e308), 1.0)  # the norm itself is beyond float64
    np.testing.assert_allclose(clipped, 0.1, rtol=1e-15)
    assert clip_norm(np.full(4, 1e-300), 1.0)[1] == pytest.approx(2e-300, rel=1e-15)


def test_clip_norm_of_many_entries():
    grad = np.random.default_rng(0).standard_normal(20_001)
    assert clip_norm(grad, 1e9)[1] == pytest.approx(math.sqrt(math.fsum(grad**2)), rel=1e-14)


def test_clip_norm_out():
    grad, out = np.array([3.0, 4.0]), np.empty(2)
    assert clip_norm(grad, 1.0, out=out)[0] is out
    np.testing.assert_allclose(out, [0.6, 0.8], rtol=1e-15)


def test_clipping_may_begin_later():
    optimizer, theta = SGD(1.0), np.zeros(2)
    optimizer.step(theta, np.array([3.0, 4.0]))
    optimizer.clip_norm = 5.0
    optimizer.step(theta, np.array([30.0, 40.0]))
    np.testing.assert_allclose(theta, [-6.0, -8.0], rtol=1e-15)


# Refused gradients


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("clipping", [{}, {"clip_norm": 1.0}, {"clip_value": 1.0}])
@pytest.mark.parametrize("optimizer_class", [SGD, RMSprop, Adam])
def test_gradient_that_is_not_finite_changes_nothing(optimizer_class, clipping, bad):
    optimizer, theta = optimizer_class(**clipping), np.ones(5)
    run(optimizer, theta, 0, 3)
    before, state = theta.copy(), optimizer.state_dict()
    grad = np.array([0.0, 1.0, bad, 2.0, bad])
    message = "^2 of 5 gradient entries are not finite, the first at index 2$"
    with pytest.raises(FloatingPointError, match=message):
        optimizer.step(theta, grad)
    assert theta.tobytes() == before.tobytes()
    assert same(optimizer.state_dict(), state)
    with pytest.raises(FloatingPointError, match=message):
        clip_norm(grad, 1.0)


def test_first_gradient_that_is_not_finite():
    optimizer, theta = Adam(), np.ones(2)
    with pytest.raises(FloatingPointError, match=r"^1 of 2 gradient entries .* at index 1$"):
        optimizer.step(theta, np.array([1.0, np.nan]))
    assert (optimizer.updates, optimizer.moments, theta.tolist()) == (0, {}, [1, 1])


# Pieces and memory


@both_dtypes
@every_variant
def test_pieces_change_no_bit(make, dtype, monkeypatch):
    results = []
    for piece in (1, 7, 100, 101, 10**9):
        monkeypatch.setattr(optimizers, "PIECE", piece)
        optimizer, theta = make(), np.linspace(-1, 1, 101).astype(dtype)
        optimizer.clip_norm = 9.0
        run(optimizer, theta, 0, 5)
        results.append((theta.tobytes(), {name: m.tobytes() for name, m in optimizer.moments.items()}))
    assert all(result == results[0] for result in results)


def test_more_than_one_piece_of_the_real_size():
    theta = np.zeros(2 * optimizers.PIECE + 3)
    SGD(1.0).step(theta, np.arange(theta.size, dtype=float))
    np.testing.assert_array_equal(theta, -np.arange(theta.size))


@every_variant
def test_steps_after_the_first_allocate_little(make):
    optimizer, theta = make(), np.zeros(500_000)
    optimizer.clip_norm, optimizer.clip_value = 1.0, 0.5
    grad = np.random.default_rng(0).standard_normal(theta.size)
    optimizer.step(theta, grad)
    tracemalloc.start()
    optimizer.step(theta, grad)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200_000  # theta has 4 million bytes


def test_theta_may_be_a_view():
    whole = np.zeros(10)
    SGD(1.0).step(whole[::2], np.ones(5))
    assert whole.tolist() == [-1, 0] * 5


def test_no_parameters():
    optimizer = Adam(clip_norm=1.0, clip_value=1.0)
    optimizer.step(np.empty(0), np.empty(0))
    assert optimizer.updates == 1


# Resuming


def same(a, b):
    """Two state dicts hold the same keys in the same order, and equal to the bit."""
    return list(a) == list(b) and all(
        np.array_equal(a[key], b[key]) and getattr(a[key], "dtype", None) == getattr(b[key], "dtype", None)
        for key in a
    )


def through_a_file(state):
    """What a checkpoint does: scalars through JSON, arrays as they are."""
    arrays = {key: value for key, value in state.items() if isinstance(value, np.ndarray)}
    text = json.dumps({key: value for key, value in state.items() if key not in arrays}, allow_nan=False)
    return json.loads(text) | arrays


@both_dtypes
@every_variant
def test_resumed_run_equals_the_unbroken_one(make, dtype):
    def begin(make):
        optimizer = make()
        optimizer.schedule, optimizer.decay = Plateau(patience=2), 0.01
        optimizer.clip_norm, optimizer.clip_value = 2.0, 1.5
        return optimizer, np.linspace(-1, 1, 50).astype(dtype)

    def go_on(optimizer, theta, first, last):
        for k in range(first, last):
            run(optimizer, theta, k, k + 1)
            optimizer.schedule.observe([5, 5, 5, 5, 5, 4, 4][k])

    unbroken, expected = begin(make)
    unbroken.lr = 0.02
    go_on(unbroken, expected, 0, 4)
    state, theta = through_a_file(unbroken.state_dict()), expected.copy()
    go_on(unbroken, expected, 4, 7)

    # All comes with the state: the one that goes on is made with other settings, and has been in use.
    resumed = type(unbroken)(schedule=Plateau(patience=2), clip_norm=9.0)
    run(resumed, np.ones(50, np.float32 if dtype == np.float64 else np.float64), 0, 2)
    resumed.load_state_dict(state)
    assert (resumed.updates, resumed.lr, resumed.schedule.current) == (4, 0.02, 0.5)
    go_on(resumed, theta, 4, 7)
    assert theta.tobytes() == expected.tobytes()
    assert same(resumed.state_dict(), unbroken.state_dict())


def test_state_before_the_first_step():
    fresh, other, theta = Adam(), Adam(lr=0.5), np.zeros(3)
    run(other, theta, 0, 2)
    other.load_state_dict(through_a_file(fresh.state_dict()))
    assert (other.lr, other.updates, other.moments) == (1e-3, 0, {})
    other.step(np.zeros(4), np.ones(4))  # another size is free again


def test_state_holds_copies():
    optimizer, theta = Adam(), np.ones(4)
    run(optimizer, theta, 0, 1)
    state = optimizer.state_dict()
    kept = {key: np.copy(value) for key, value in state.items()}
    run(optimizer, theta, 1, 2)
    assert np.array_equal(state["m"], kept["m"])
    optimizer.load_state_dict(state)
    run(optimizer, theta, 1, 2)
    assert np.array_equal(state["m"], kept["m"])


def stepped(optimizer):
    run(optimizer, np.ones(4), 0, 2)
    return optimizer


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (lambda: stepped(SGD()).state_dict(), r"^expected the state of Adam, got that of SGD$"),
        (lambda: {}, r"^expected the state of Adam, got that of None$"),
        (
            lambda: Adam(schedule=Plateau()).state_dict(),
            r"^the state does not fit this Adam and its schedule: "
            r"plateau.best, plateau.current, plateau.waited missing in one of them$",
        ),
        (
            lambda: {key: value for key, value in stepped(Adam()).state_dict().items() if key != "v"},
            r"^the state does not fit this Adam and its schedule: v missing in one of them$",
        ),
        (
            lambda: stepped(Adam()).state_dict() | {"v": np.ones(3)},
            r"^expected moment v as theta, float64 of shape \(4,\), got float64 of shape \(3,\)$",
        ),
    ],
)
def test_state_of_another_is_refused(state, message):
    optimizer = stepped(Adam(0.5))
    before = optimizer.state_dict()
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict(state())
    assert same(optimizer.state_dict(), before)


# Wrong input


@pytest.mark.parametrize(
    ("theta", "grad", "message"),
    [
        ([1.0, 2.0], np.ones(2), r"^expected theta as a flat float32 or float64 vector, got a list$"),
        (
            np.ones((2, 1)),
            np.ones(2),
            r"^expected theta as a flat float32 or float64 vector, got float64 of shape \(2, 1\)$",
        ),
        (np.ones(2, complex), np.ones(2, complex), r"got complex128 of shape \(2,\)$"),
        (np.ones(2, np.int64), np.ones(2, np.int64), r"got int64 of shape \(2,\)$"),
        (np.ones(2), [1.0, 2.0], r"^expected grad like theta, float64 of shape \(2,\), got a list$"),
        (np.ones(2), np.ones(3), r"like theta, float64 of shape \(2,\), got float64 of shape \(3,\)$"),
        (np.ones(2), np.ones((2, 1)), r"got float64 of shape \(2, 1\)$"),
        (np.ones(2), np.ones(2, np.float32), r"got float32 of shape \(2,\)$"),
    ],
)
def test_wrong_vectors_are_refused(theta, grad, message):
    with pytest.raises(ValueError, match=message):
        Adam().step(theta, grad)


@pytest.mark.parametrize("optimizer", [SGD(), Adam()])
def test_theta_of_another_size_or_dtype_is_refused(optimizer):
    optimizer.step(np.ones(3), np.ones(3))
    for other in (np.ones(4), np.ones(3, np.float32)):
        with pytest.raises(ValueError) as error:
            optimizer.step(other, other)
        assert str(error.value) == (
            "expected theta as in the first step, float64 of shape (3,), "
            f"got {other.dtype} of shape ({other.size},)"
        )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(lr=-1), "lr must be positive, got -1"),
        (lambda: Adam(lr=0), "lr must be positive, got 0"),
        (lambda: Adam(lr=math.nan), "lr must be positive, got nan"),
        (lambda: RMSprop(lr=math.inf), "lr must be finite, got inf"),
        (lambda: SGD(decay=-0.1), "decay must be finite and not negative, got -0.1"),
        (lambda: SGD(decay=math.inf), "decay must be finite and not negative, got inf"),
        (lambda: Adam(clip_norm=0), "clip_norm must be positive, got 0"),
        (lambda: RMSprop(clip_value=-2), "clip_value must be positive, got -2"),
        (lambda: SGD(schedule="cosine"), "schedule must be callable, got 'cosine'"),
        (lambda: SGD(momentum=1.0), "momentum must lie in [0, 1), got 1.0"),
        (lambda: SGD(momentum=-0.5), "momentum must lie in [0, 1), got -0.5"),
        (lambda: SGD(nesterov=True), "momentum must be positive for nesterov, got 0.0"),
        (lambda: RMSprop(alpha=1), "alpha must lie in [0, 1), got 1"),
        (lambda: RMSprop(eps=0), "eps must be positive, got 0"),
        (lambda: RMSprop(momentum=2), "momentum must lie in [0, 1), got 2"),
        (lambda: Adam(betas=(0.9, 1.0)), "betas must be two in [0, 1), got (0.9, 1.0)"),
        (lambda: Adam(betas=(0.9,)), "betas must be two in [0, 1), got (0.9,)"),
        (lambda: Adam(eps=-1e-8), "eps must be positive, got -1e-08"),
        (lambda: Exponential(0), "rate must be positive, got 0"),
        (lambda: Exponential(0.5, every=0), "every must be positive, got 0"),
        (lambda: Cosine(0), "updates must be positive, got 0"),
        (lambda: Cosine(5, final=1.5), "final must lie in [0, 1], got 1.5"),
        (lambda: Cosine(5, warmup=5), "warmup must lie in [0, 5), got 5"),
        (lambda: Plateau(factor=1), "factor must lie in (0, 1), got 1"),
        (lambda: Plateau(patience=0), "patience must be at least 1, got 0"),
        (lambda: Plateau(min_factor=-1), "min_factor must lie in [0, 1], got -1"),
        (lambda: clip_norm(np.ones(2), 0), "limit must be positive, got 0"),
        (lambda: clip_norm([1.0], 1), "expected grad as a flat float32 or float64 vector, got a list"),
        (lambda: lbfgs(rosenbrock, [1.0]), "expected theta as a flat float32 or float64 vector, got a list"),
        (lambda: lbfgs(rosenbrock, np.ones(2), max_iterations=0), "max_iterations must be at least 1, got 0"),
        (lambda: lbfgs(rosenbrock, np.ones(2), tolerance=-1), "tolerance must not be negative, got -1"),
        (lambda: lbfgs(rosenbrock, np.ones(2), history=0), "history must be at least 1, got 0"),
        (
            lambda: lbfgs(lambda _: (0.0, np.ones(3)), np.ones(2)),
            "expected a gradient of shape (2,), got (3,)",
        ),
    ],
)
def test_message(make, message):
    with pytest.raises(ValueError) as error:
        make()
    assert str(error.value) == message


# L-BFGS


def rosenbrock(theta):
    slope, offset = theta[1:] - theta[:-1] ** 2, 1 - theta[:-1]
    grad = np.zeros_like(theta)
    grad[:-1] = -400 * theta[:-1] * slope - 2 * offset
    grad[1:] += 200 * slope
    return (100 * slope**2 + offset**2).sum(), grad


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-4), (np.float64, 1e-6)])
def test_lbfgs_finds_the_minimum(dtype, tolerance):
    theta = np.full(6, -1.2, dtype)
    seen = set()

    def value_and_grad(point):
        seen.add((id(point), point.dtype))
        return rosenbrock(point)

    result = lbfgs(value_and_grad, theta, max_iterations=200)
    np.testing.assert_allclose(theta, 1, atol=tolerance)
    np.testing.assert_allclose(result.x, theta, atol=1e-6)
    assert result.nfev >= result.nit > 10
    assert seen == {(id(theta), np.dtype(dtype))}  # called with theta itself: views into it follow


def test_lbfgs_gradient_buffer_may_be_reused():
    theta, plain, buffer = np.full(4, -1.2), np.full(4, -1.2), np.empty(4)

    def value_and_grad(point):
        value, buffer[:] = rosenbrock(point)
        return value, buffer

    lbfgs(value_and_grad, theta)
    lbfgs(rosenbrock, plain)
    assert theta.tobytes() == plain.tobytes()


def test_lbfgs_limits_and_callback():
    theta, points = np.full(4, -1.2), []
    result = lbfgs(rosenbrock, theta, max_iterations=5, callback=lambda x: points.append(x.copy()))
    assert result.nit == len(points) == 5
    assert not result.success
    np.testing.assert_array_equal(theta, points[-1])

    def stop(x):
        raise StopIteration

    assert lbfgs(rosenbrock, np.full(4, -1.2), callback=stop).nit == 1
    assert lbfgs(rosenbrock, np.full(4, -1.2), tolerance=1e-2).nit < lbfgs(rosenbrock, np.full(4, -1.2)).nit
    few, many = np.full(20, -1.2), np.full(20, -1.2)
    lbfgs(rosenbrock, few, history=1, max_iterations=30)
    lbfgs(rosenbrock, many, history=20, max_iterations=30)
    assert few.tobytes() != many.tobytes()


def test_lbfgs_leaves_the_best_point_after_an_exception():
    theta, values = np.full(4, -1.2), []

    def value_and_grad(point):
        if len(values) == 12:
            raise KeyboardInterrupt
        values.append(rosenbrock(point)[0])
        return rosenbrock(point)

    with pytest.raises(KeyboardInterrupt):
        lbfgs(value_and_grad, theta)
    assert rosenbrock(theta)[0] == min(values) < values[0]


def test_lbfgs_keeps_the_best_point_where_the_loss_ends():
    def value_and_grad(point):  # the first line search leaves the domain of the logarithm
        with np.errstate(invalid="ignore"):
            return (point - np.log(point)).sum(), 1 - 1 / point

    theta = np.array([1e-3, 50.0])
    start = value_and_grad(theta)[0]
    result = lbfgs(value_and_grad, theta)
    assert not result.success
    assert value_and_grad(theta)[0] < start


def test_lbfgs_start_that_is_not_finite():
    for value, grad, message in [
        (math.nan, np.ones(2), r"^the loss at the start is nan$"),
        (1.0, np.array([0.0, np.inf]), "^1 of 2 gradient entries are not finite"),
    ]:
        theta = np.array([1.0, 2.0])
        with pytest.raises(FloatingPointError, match=message):
            lbfgs(lambda point, value=value, grad=grad: (value, grad), theta)
        assert theta.tolist() == [1, 2]


@pytest.mark.parametrize("make", [Adam, RMSprop, lambda **options: RMSprop(centered=True, **options)])
def test_a_gradient_too_large_to_be_squared_is_refused_and_may_be_clipped(make):
    theta, grad = np.zeros(3, np.float32), np.array([1e25, 1, 0], np.float32)
    with pytest.raises(FloatingPointError, match=r"^a gradient entry of 1e\+25 is too large to be squared"):
        make().step(theta, grad)
    assert not theta.any()
    make(clip_norm=1.0).step(theta, grad)
    assert np.isfinite(theta).all() and theta[0] < 0

"""The target pictures of exercises 14 and 15: python tests/classroom/make_personal_targets.py"""

import importlib.util
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from numpylstm import plots
from numpylstm.classroom import exercises, own_cell, planted
from numpylstm.files import atomic_write
from numpylstm.gradcheck import tensor_error

HERE = Path(__file__).parent
RIGHT, WRONG = plots.MODEL, plots.ERROR


def your_own_cell() -> None:
    """The state of cell 0 over time, and how far its gradients are from the complex step."""
    spec = importlib.util.spec_from_file_location("solution", HERE / "solutions" / "14_your_own_cell.py")
    assert spec is not None and spec.loader is not None
    solution = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(solution)
    rng = np.random.default_rng(0)
    task = own_cell.task(own_cell.draw(0), 8, 3, 4, 5, rng)
    _, _, cache = solution.cell_forward(task.x, task.state, task.params)
    got, expected = solution.cell_backward(task.dh, task.dfinal, cache), own_cell.gradients(task)
    dropped = solution.cell_backward(task.dh, tuple(0 * d for d in task.dfinal), cache)
    names = list(expected)

    figure, axes = plots.new_figure(columns=2, height=3.4)
    long = own_cell.task(task.cell, 50, 1, 4, 5, rng)
    h, _ = own_cell.forward(long.cell, long.x, long.state, long.params)
    axes[0, 0].plot(np.arange(1, 51), h[:, 0], linewidth=1)
    axes[0, 0].set(xlabel="time step t", ylabel="h_t of five units", title="Forward: the cell of number 0")
    for grads, colour, label in ((got, RIGHT, "right"), (dropped, WRONG, "dfinal left out")):
        errors = [max(tensor_error(grads[n], expected[n], 0.0, 0.0).error, 1e-17) for n in names]
        axes[0, 1].plot(errors, names, "o", color=colour, label=label)
    axes[0, 1].axvline(1e-9, color=plots.TRUTH, linestyle=":", label="allowed")
    axes[0, 1].set(xscale="log", xlim=(1e-17, 10), xlabel="error, relative to the norm", title="Backward")
    axes[0, 1].invert_yaxis()
    axes[0, 1].legend(frameon=False, fontsize=8, loc="center", bbox_to_anchor=(0.7, 0.5))
    save(figure, "14")


def catch_the_bugs() -> None:
    """The largest error in what each planted bug returns, of one forward and one backward pass."""
    T, B, D, H = 8, 3, 3, 4
    rng = np.random.default_rng(0)
    shapes = ((T, B, D), (B, H), (B, H), (4 * H, D), (4 * H, H), (4 * H,))
    args = [rng.normal(size=shape) for shape in shapes]
    ds = [rng.normal(size=shape) for shape in ((T, B, H), (B, H), (B, H))]

    def results(kind: type[planted.Plain]) -> list[np.ndarray]:
        implementation = kind(np.random.default_rng(0))
        *found, cache = implementation.forward(*(arg.copy() for arg in args))
        return [*found, *implementation.backward(*(d.copy() for d in ds), cache)]

    expected = results(planted.Plain)

    def error(kind: type[planted.Plain]) -> float:
        pairs = zip(results(kind), expected, strict=True)
        return max(tensor_error(got, right, 0.0, 0.0).error for got, right in pairs)

    # Some of them: all their names would be a large file.
    kinds = sorted([*planted.PUBLIC[::2], planted.SlightlyOff, planted.Rounded], key=error)
    figure, axes = plots.new_figure(height=3.8)
    ax = axes[0, 0]
    for row, kind in enumerate(kinds):
        ax.plot(max(error(kind), 3e-17), row, "o", color=RIGHT if kind in planted.RIGHT else WRONG)
    ax.axvline(1e-9, color=plots.TRUTH, linestyle=":")
    ax.set_yticks(range(len(kinds)), [kind.__doc__ for kind in kinds], fontsize=8)
    ax.set(xscale="log", xlim=(1e-17, 10), xlabel="largest error, relative to the norm, seen once")
    ax.set_title("Blue: correct. Red, at the left: seen in the arguments, or when called twice", loc="right")
    save(figure, "15")


def save(figure: Figure, number: str) -> None:
    with atomic_write(exercises()[number].folder / "target.png") as temporary:
        figure.savefig(temporary, dpi=76)  # small files: they are in every wheel


if __name__ == "__main__":
    your_own_cell()
    catch_the_bugs()

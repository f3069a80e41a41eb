"""The tables in print, and the figure."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter

from numpylstm.plots import new_figure

from .timing import lower_quartile
from .workloads import NAIVE_TARGETS, TARGETS, WORKLOADS

FRAMEWORKS = ("torch", "jax", "keras")
COLOURS = {"torch": "#c8452b", "jax": "#0b6fb8", "keras": "#e0a526", "naive": "#8c8c8c", "floor": "#5b8c5a"}
Row = dict[str, Any]


def make_row(name: str, mode: str, times: dict[str, list[float]], threads: dict[str, int]) -> Row:
    """A row of the table from the step times in seconds, "ours" and "floor" among them.

    A ratio is the peer's time by ours; below its target it is missed.
    """
    ms = {peer: 1000 * lower_quartile(seconds) for peer, seconds in times.items()}
    peers = {
        peer: {"ms": ms[peer], "threads": threads[peer], "ratio": ms[peer] / ms["ours"]}
        for peer in times
        if peer not in ("ours", "floor")
    }
    against = {
        "best": min((peers[peer]["ratio"] for peer in FRAMEWORKS if peer in peers), default=None),
        "naive": peers["naive"]["ratio"] if "naive" in peers else None,
    }
    targets = {"best": TARGETS.get((name, mode)), "naive": NAIVE_TARGETS.get((name, mode))}
    missed = [
        which
        for which, ratio in against.items()
        if ratio is not None and targets[which] is not None and ratio < targets[which]
    ]
    return {
        "workload": name,
        "mode": mode,
        "ours_ms": ms["ours"],
        "floor_ms": ms["floor"],
        "floor_share": ms["floor"] / ms["ours"],
        "peers": peers,
        "best_ratio": against["best"],
        "target": targets["best"],
        "naive_target": targets["naive"],
        "missed": missed,
        "steps": {peer: len(seconds) for peer, seconds in times.items()},
    }


def header(peers: list[str]) -> str:
    columns = "".join(f" {peer + ' ms (threads), x':>23}" for peer in peers)
    return f"{'':<31} {'ours ms':>9} {'floor ms':>9} {'share':>6}{columns} {'best x':>7} {'target':>7}"


def line(row: Row, peers: list[str], judged: bool) -> str:
    """One line of the table: times in ms, x how many times as long as ours."""
    name = f"{row['workload']} {WORKLOADS[row['workload']].title}, {row['mode']}"
    text = f"{name:<31} {row['ours_ms']:>9.4g} {row['floor_ms']:>9.4g} {row['floor_share']:>6.0%}"
    for peer in peers:
        got = row["peers"].get(peer)
        cell = f"{got['ms']:.4g} ({got['threads']}) {got['ratio']:>6.2f}" if got else "-"
        text += f" {cell:>23}"
    best = f"{row['best_ratio']:.2f}" if row["best_ratio"] is not None else "-"
    text += f" {best:>7} {row['target'] or '-':>7}"
    if judged and "best" in row["missed"]:
        text += "  MISSED"
    if judged and "naive" in row["missed"]:
        text += f"  MISSED: {row['naive_target']:g} times naive"
    return text


def make_own_row(name: str, value: float, unit: str, target: float | None) -> Row:
    """A row of the second table; its value must not exceed its target."""
    missed = target is not None and value > target
    return {"name": name, "value": value, "unit": unit, "target": target, "missed": missed}


def own_line(row: Row, judged: bool) -> str:
    target = "" if row["target"] is None else f"<={row['target']:>6g}"
    verdict = "  MISSED" if judged and row["missed"] else ""
    return f"{row['name']:<56} {row['value']:>8.3g} {target:>8} {row['unit']:<3}{verdict}"


def machine_lines(machine: dict[str, Any]) -> str:
    """On what, in a few lines."""
    blas, found = machine["blas"], machine["found_variables"]
    lines = [
        f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}",
        f"BLAS: {blas['name']} {blas['version']}, architecture {blas['architecture']}, "
        f"{blas['threads']} threads unless set; {blas['configuration']}",
        ", ".join(f"{name} {version}" for name, version in machine["versions"].items()),
    ]
    lines += [f"found set, not used: {name}={value}" for name, value in found.items()]
    return "\n".join(lines)


def draw(table: dict[str, Any]) -> Figure:
    """How many times as long as ours each peer takes, and how close ours is to its floor."""
    rows, peers = table["rows"], table["peers"]
    figure, axes = new_figure(1, 2, height=1.4 + 0.14 * len(rows) * (len(peers) + 1), width=10)
    axes[0, 0].get_gridspec().set_width_ratios([3, 1])
    left, right = axes[0]
    places = np.arange(len(rows))
    thick = 0.8 / max(len(peers), 1)
    for index, peer in enumerate(peers):
        shown = [
            (at, row["peers"][peer]) for at, row in zip(places, rows, strict=True) if peer in row["peers"]
        ]
        at = np.array([at for at, _ in shown]) - 0.4 + (index + 0.5) * thick
        ratios = np.array([got["ratio"] for _, got in shown])
        left.barh(at, ratios - 1, 0.9 * thick, left=1, color=COLOURS[peer], label=peer)
    judged = [(at, row["target"]) for at, row in zip(places, rows, strict=True) if row["target"]]
    for index, (at, target) in enumerate(judged):
        label = "target for the fastest framework" if index == 0 else None
        left.plot([target, target], [at - 0.42, at + 0.42], color="black", linewidth=1.2, label=label)
    left.axvline(1, color="black", linewidth=0.8)
    left.set_xscale("log")
    low, high = left.get_xlim()
    left.set_xlim(min(low, 0.5), max(high, 2))
    ticks = [t for t in (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if min(low, 0.5) <= t <= max(high, 2)]
    left.xaxis.set_major_locator(FixedLocator(ticks))
    left.xaxis.set_minor_locator(NullLocator())
    left.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    names = [f"{row['workload']} {WORKLOADS[row['workload']].title}\n{row['mode']}" for row in rows]
    left.set_yticks(places, names, fontsize=8)
    left.set(xlabel="time of a step / time of ours", title="Right of 1 numpylstm is faster")
    right.barh(places, [row["floor_share"] for row in rows], 0.5, color=COLOURS["floor"])
    right.xaxis.set_major_formatter(PercentFormatter(1))
    right.set_yticks(places, [""] * len(rows))
    right.set_xlim(0, max(1, *(row["floor_share"] for row in rows)))
    right.set(xlabel="floor / time of ours", title="Share of the floor")
    for ax in (left, right):
        ax.set_ylim(len(rows) - 0.5, -0.5)  # the first row on top
        ax.grid(False, axis="y")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=5, frameon=False)
    return figure

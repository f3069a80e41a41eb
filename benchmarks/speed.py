"""How fast numpylstm is beside PyTorch, JAX, Keras, plain NumPy code, and what NumPy allows at best.

    python benchmarks/speed.py [--peers torch,jax,keras,naive] [--workloads W1,W4,...] [--rounds 5]
                               [--threads N] [--out DIR] [--quick]

Each peer runs in a process of its own, a fresh one for each row. They take turns, for some rounds, and wait
meanwhile; of each the lower quartile of its step times counts. A peer gets one thread or two, whichever a
first trial found faster; ours chooses for itself. The floor is what a workload's bare matrix products take,
see `speed_peers/floor.py`.

Beside the workloads of `speed_peers/workloads.py` there are the figures of ours alone, `variants`, `import`,
`memory` and `tricks`; --workloads chooses among all of them. Exit code 1 if a target is missed. `--quick`
compares the naive code's gradients with ours and runs everything in a short form; its figures mean nothing,
are not judged, and are written only where --out says so.
"""

import argparse
import importlib.util
import os
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from subprocess import Popen
from typing import Any

from speed_peers import report
from speed_peers.agreement import largest_difference
from speed_peers.machine import cores
from speed_peers.processes import answer, ask, keras_backend, start, steering, stop
from speed_peers.timing import lower_quartile
from speed_peers.workloads import WORKLOADS, small

from numpylstm.files import write_json
from numpylstm.plots import save_figure
from numpylstm.tasks.run import open_run

PEERS = ("torch", "jax", "keras", "naive")
OWN = ("variants", "import", "memory", "tricks")
TURN = 0.7  # seconds of a peer's turn
PAUSE = 0.05  # seconds between two turns, in which the threads of the last one fall asleep

Workers = dict[str, dict[int, Popen]]  # for each peer its processes by their number of threads


def installed(peer: str) -> bool:
    if peer == "keras" and keras_backend(os.environ) is None:
        return False
    return peer == "naive" or importlib.util.find_spec(peer) is not None


def choose(names: str | None, known: Sequence[str], what: str) -> list[str]:
    """The names of a list with commas, in the order of `known`; all of them if None."""
    asked = list(known) if names is None else names.split(",")
    for name in asked:
        if name not in known:
            raise ValueError(f"expected {what} among {', '.join(known)}, got {name!r}")
    return [name for name in known if name in asked]


def check(args: argparse.Namespace) -> tuple[list[str], list[str]]:
    """The peers and the workloads that were asked for.

    Raises:
        ValueError: what was asked for does not exist or cannot be.
    """
    peers = choose(args.peers, PEERS, "peers")
    missing = [peer for peer in peers if not installed(peer)]
    if args.peers is not None and missing:
        raise ValueError(f"{missing[0]} is not installed, and --peers asks for it")
    names = choose(args.workloads, (*WORKLOADS, *OWN), "workloads")
    if args.rounds < 3:
        raise ValueError(f"expected at least 3 rounds, got {args.rounds}")
    most = os.cpu_count() or 1
    if args.threads is not None and not 1 <= args.threads <= most:
        raise ValueError(f"expected 1 to {most} threads, as many as there are processors, got {args.threads}")
    return [peer for peer in peers if peer not in missing], names


def start_workers(peers: list[str], threads: int | None, stack: ExitStack) -> Workers:
    workers: Workers = {}
    for peer in ("ours", "floor", *peers):
        counts = [threads or 0] if peer == "ours" else range(1, min(2, cores()) + 1)
        workers[peer] = {}
        for count in counts:
            workers[peer][count] = start("worker", peer, count)
            stack.callback(stop, workers[peer][count])
            ask(workers[peer][count], {"prepare": None})  # answered when it is up and still again
    return workers


def measure(workers: Workers, name: str, mode: str, rounds: int, quick: bool) -> report.Row:
    """One row of the table."""
    turn, pause = (0, 0) if quick else (TURN, PAUSE)
    prepare = {"prepare": name, "mode": mode, "small": quick}
    chosen: dict[str, tuple[int, Popen]] = {}
    for peer, by_threads in workers.items():
        trials = {}
        for threads, worker in by_threads.items():
            if ask(worker, prepare)["ready"]:
                time.sleep(pause)
                trials[threads] = lower_quartile(ask(worker, {"run": turn / 2})["seconds"])
        if trials:
            best = min(trials, key=trials.__getitem__)
            chosen[peer] = best, by_threads[best]
            for threads in trials.keys() - {best}:
                ask(by_threads[threads], {"prepare": None})
    times: dict[str, list[float]] = {peer: [] for peer in chosen}
    for _ in range(rounds):
        for peer, (_, worker) in chosen.items():
            time.sleep(pause)
            times[peer] += ask(worker, {"run": turn})["seconds"]
    for _, worker in chosen.values():
        ask(worker, {"prepare": None})
    return report.make_row(name, mode, times, {peer: threads for peer, (threads, _) in chosen.items()})


def check_naive() -> bool:
    """Whether the naive code computes the same as ours within the rounding of float32."""
    worst = max(largest_difference(small(work)) for work in WORKLOADS.values() if not work.streaming)
    print(f"naive against ours: outputs, losses and gradients differ by {worst:.1g} at most")
    return worst < 2e-5


def run(args: argparse.Namespace, peers: list[str], names: list[str]) -> dict[str, Any]:
    """Both tables, printed line by line."""
    rounds = 1 if args.quick else args.rounds
    machine = answer("machine", *peers) | {"found_variables": steering(os.environ)}
    print(report.machine_lines(machine), flush=True)
    rows: list[report.Row] = []
    own: list[report.Row] = []
    workloads = [name for name in names if name in WORKLOADS]
    if workloads:
        print("\nms: a step, lower quartile; share: floor / ours; x: how many times as long as ours")
        print(report.header(peers), flush=True)
        with ExitStack() as shared:
            workers = start_workers(peers, args.threads, shared) if args.quick else None
            for name, mode in ((work, mode) for work in workloads for mode in WORKLOADS[work].modes):
                # Fresh processes for each row, as a program of its own has: what memory costs a process
                # depends on how much it has used and given back before, by half for some peers.
                with ExitStack() as stack:
                    fresh = workers or start_workers(peers, args.threads, stack)
                    rows.append(measure(fresh, name, mode, rounds, args.quick))
                print(report.line(rows[-1], peers, judged=not args.quick), flush=True)
    for what in (name for name in names if name in OWN):
        print()
        for found in answer("own", what, rounds, args.threads or 0, "quick" if args.quick else "full"):
            own.append(report.make_own_row(*found))
            print(report.own_line(own[-1], judged=not args.quick), flush=True)
    settings = {"rounds": rounds, "turn_seconds": TURN, "threads_of_ours": args.threads, "quick": args.quick}
    return {"machine": machine, "settings": settings, "peers": peers, "rows": rows, "own": own}


def write(table: dict[str, Any], folder: Path) -> None:
    write_json(folder / "speed.json", table)
    if table["rows"]:
        save_figure(report.draw(table), folder / "speed.png")
    print(f"\nwritten to {folder}")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="How fast numpylstm is beside others, and beside its floor.")
    parser.add_argument("--peers", metavar="LIST", help="default: those of torch,jax,keras,naive installed")
    parser.add_argument("--workloads", metavar="LIST", help=f"default: {','.join([*WORKLOADS, *OWN])}")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="at least 3; default: 5")
    parser.add_argument("--threads", type=int, metavar="N", help="of ours; default: what it chooses itself")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: runs/speed, with --quick nothing")
    parser.add_argument("--quick", action="store_true", help="a short form: only that everything runs")
    args = parser.parse_args(argv)
    if args.out is None and not args.quick:
        args.out = Path("runs/speed")
    with ExitStack() as stack:
        try:
            peers, names = check(args)
            folder = stack.enter_context(open_run(args.out)) if args.out else None
        except (ValueError, OSError) as error:
            print(f"speed: {error}", file=sys.stderr)
            return 2
        agrees = check_naive() if "naive" in peers else True
        table = run(args, peers, names)
        if folder:
            write(table, folder)
    missed = any(row["missed"] for row in table["rows"] + table["own"])
    return 0 if agrees and (args.quick or not missed) else 1


if __name__ == "__main__":
    sys.exit(main())

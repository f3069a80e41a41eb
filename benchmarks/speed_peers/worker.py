"""One peer in a process of its own: `python -m speed_peers.worker PEER THREADS`, 0 for its own choice.

It reads one request a line as JSON and answers each with a line:

    {"prepare": "W1", "mode": "train", "small": false}  ->  {"ready": true}, or false: has no such thing
    {"prepare": null}                                   ->  {"ready": false}, and its memory is free again
    {"run": 0.7}                                        ->  {"seconds": [...]} of the steps in 0.7 s

Until the next request it waits and takes no processor time.
"""

import gc
import importlib
import json
import math
import os
import sys
from collections.abc import Callable
from typing import Any

from .timing import run
from .workloads import WORKLOADS, small

MODULES = {"torch": "with_torch", "jax": "with_jax", "keras": "with_keras"}
STREAMED = 100  # samples timed together


def limit_threads(peer: str, threads: int) -> None:
    """Before the peer is imported; a compiler's threads go by the processors the process may use."""
    if threads == 0:
        return
    if peer in ("jax", "keras"):
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])
        if threads == 1:
            flags = os.environ.get("XLA_FLAGS", "")
            os.environ["XLA_FLAGS"] = f"{flags} --xla_cpu_multi_thread_eigen=false".strip()
    elif peer == "torch":
        import torch

        torch.set_num_threads(threads)
    else:
        from numpylstm.threads import set_threads

        set_threads(threads)


def prepare(prepare_peer: Callable[..., Any], request: dict[str, Any]) -> Callable[[], Any] | None:
    """The step of a workload, run twice already, or None."""
    work = WORKLOADS[request["prepare"]]
    step = prepare_peer(small(work) if request["small"] else work, request["mode"])
    for _ in range(2):
        loss = step() if step else 0.0
        if request["mode"] == "train" and loss is not None and not math.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss}")
    return step


def main(peer: str, threads: int) -> None:
    replies, sys.stdout = sys.stdout, sys.stderr  # what a library prints must not get between the replies
    limit_threads(peer, threads)
    prepare_peer = importlib.import_module(f".{MODULES.get(peer, peer)}", __package__).prepare
    step, together = None, 1
    for line in sys.stdin:
        request = json.loads(line)
        if "prepare" in request:
            step = None  # the one before must be gone before there is a new one
            gc.collect()
            if request["prepare"] is not None:
                step = prepare(prepare_peer, request)
                together = STREAMED if request["mode"] == "stream" else 1
            reply: dict[str, Any] = {"ready": step is not None}
        else:
            assert step is not None, "asked to run before anything was prepared"
            reply = {"seconds": run(step, request["run"], together)}
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

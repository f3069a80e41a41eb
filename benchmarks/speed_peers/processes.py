"""Processes for the peers, with an environment that does not favour or hinder one of them."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1]
STEERING = ("OPENBLAS_", "MKL_", "OMP_")


def steering(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that would steer a library's threads or kernels: found and told, but not used."""
    return {name: value for name, value in environment.items() if name.startswith(STEERING)}


def keras_backend(environment: Mapping[str, str]) -> str | None:
    """The backend Keras will use: the one asked for, else the first that is installed; None if none is."""
    if environment.get("KERAS_BACKEND"):
        return environment["KERAS_BACKEND"]
    installed = [name for name in ("tensorflow", "jax", "torch") if importlib.util.find_spec(name)]
    return installed[0] if installed else None


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What the processes see: without the steering variables, and no graphics card for anybody."""
    child = {name: value for name, value in environment.items() if not name.startswith(STEERING)}
    child |= {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "2"}
    backend = keras_backend(environment)
    return child | ({"KERAS_BACKEND": backend} if backend else {})


def start(module: str, *arguments: Any) -> subprocess.Popen:
    """A module of this folder as a program, talked to through pipes."""
    return subprocess.Popen(
        [sys.executable, "-m", f"{__package__}.{module}", *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=FOLDER,
        env=child_environment(os.environ),
    )


def ask(process: subprocess.Popen, request: dict[str, Any]) -> dict[str, Any]:
    """One request to a worker, and its reply."""
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
    except BrokenPipeError:
        line = ""
    if not line:
        peer = process.args[3] if isinstance(process.args, list) else process.args
        raise RuntimeError(f"the process of {peer} ended when it was asked for {request}")
    return json.loads(line)


def stop(process: subprocess.Popen) -> None:
    """A worker ends by itself once there is nothing more to read; one in the middle of a step is ended."""
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.close()
        process.wait(timeout=2)
    except (BrokenPipeError, subprocess.TimeoutExpired):
        process.kill()
        process.wait()
    process.stdout.close()


def answer(module: str, *arguments: Any) -> Any:
    """What a module that runs to its end prints as JSON."""
    process = start(module, *arguments)
    try:
        output, _ = process.communicate()
    finally:
        process.kill()  # without effect on one that has ended
    if process.returncode:
        raise RuntimeError(f"{module} ended with exit code {process.returncode}")
    return json.loads(output)

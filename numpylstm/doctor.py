"""Is this machine fit for the work? Each part is looked at on its own, and for a problem there is a remedy.

    findings = examine("runs")
    print(screen(findings))

A doctor must not die of what he finds: whatever goes wrong while a part is looked at is itself the finding.
"""

import ctypes
import importlib
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .threads import get_threads, set_threads, threads_for


@dataclass(frozen=True)
class Finding:
    """What was found of one part.

    Attributes:
        part: its name, "matrix products".
        found: what there is, in words.
        advice: what to do about it, one sentence; "" where all is well.
        broken: whether nothing can be trusted or nothing runs until it is done.
        figures: the same as numbers, for programs.
    """

    part: str
    found: str
    advice: str = ""
    broken: bool = False
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Library:
    """A library: the name it is imported by, the oldest version that will do, and what it is for.

    `extra` is the option of the installation that brings it, "" for what every installation needs.
    """

    name: str
    oldest: str
    purpose: str
    extra: str = ""
    package: str = ""  # its name for pip, where that is another


LIBRARIES = (
    Library("scipy", "1.12", "filters, L-BFGS"),
    Library("matplotlib", "3.8", "figures"),
    Library("soundfile", "0.12", "reading and writing sound"),
    Library("tqdm", "4.60", "progress"),
    Library("safetensors", "0.5", "model files"),
    Library("sklearn", "1.3", "small digits without a download", "digits", "scikit-learn"),
    Library("mido", "1.3", "MIDI files", "midi"),
    Library("sounddevice", "0.4.6", "playing through the sound card", "live"),
)
OLDEST_PYTHON, OLDEST_NUMPY = "3.11", "1.26"
MISSING = "not installed"

THREADS = "how many threads the matrix products start with"
VARIABLES = {
    "OPENBLAS_NUM_THREADS": THREADS,
    "OPENBLAS_DEFAULT_NUM_THREADS": f"{THREADS}, where no other variable says so",
    "GOTO_NUM_THREADS": f"{THREADS}, by OpenBLAS's old name",
    "OMP_NUM_THREADS": f"{THREADS}, in every library",
    "MKL_NUM_THREADS": f"{THREADS}, in Intel's MKL",
    "VECLIB_MAXIMUM_THREADS": f"{THREADS}, in Apple's Accelerate",
    "BLIS_NUM_THREADS": f"{THREADS}, in BLIS",
    "OPENBLAS_CORETYPE": "which processor's code OpenBLAS uses, in place of the one it finds",
    "OPENBLAS_VERBOSE": "how much OpenBLAS says at its start",
    "OPENBLAS_MAIN_FREE": "whether OpenBLAS ties its threads to processors",
    "OPENBLAS_THREAD_TIMEOUT": "how long OpenBLAS's threads wait for work before they sleep",
    "OMP_PROC_BIND": "whether OpenMP ties its threads to processors",
    "OMP_PLACES": "which processors OpenMP uses",
    "OMP_DYNAMIC": "whether OpenMP may take fewer threads than it is told",
    "OMP_WAIT_POLICY": "whether OpenMP's threads wait awake or asleep",
    "OMP_STACKSIZE": "memory for each thread of OpenMP",
    "MKL_DYNAMIC": "whether MKL may take fewer threads than it is told",
    "MKL_THREADING_LAYER": "which library makes MKL's threads",
    "MKL_DEBUG_CPU_TYPE": "which processor's code MKL uses; without effect since MKL 2020.1",
}
PREFIXES = ("OPENBLAS_", "GOTO_", "OMP_", "MKL_", "VECLIB_", "BLIS_")


def examine(folder: str | os.PathLike[str] = "runs") -> list[Finding]:
    """Look at every part; `folder` is where figures are to go. Raises nothing, writes nothing that stays.

    Takes about a second.
    """
    parts: dict[str, Callable[[], Iterable[Finding]]] = {
        "Python": _python,
        "numpylstm": _numpylstm,
        "NumPy": _numpy,
        "libraries": _libraries,
        "processor": _processor,
        "BLAS": _blas,
        "variables": _variables,
        "matrix products": _products,
        "float32 speed": _speed,
        "display": _display,
        "sound card": _sound_card,
        "figures": lambda: _place(Path(folder)),
        "this folder": _shadows,
    }
    findings: list[Finding] = []
    for part, look in parts.items():
        try:
            findings.extend(look())
        except Exception as error:
            what = f"not to be found out: {_one_line(error)}"
            findings.append(Finding(part, what, "This should not happen: please report this line."))
    return findings


def screen(findings: list[Finding]) -> str:
    """All findings as one screen of text, and what is to be done below them."""
    width = max(len(finding.part) for finding in findings)
    indent = " " * (width + 4)
    lines = []
    for finding in findings:
        mark = "X" if finding.broken else "!" if finding.advice else " "
        head = f"{mark} {finding.part:<{width}}  "
        lines += textwrap.wrap(head + finding.found, 100, subsequent_indent=indent, drop_whitespace=True)
    advice = [finding for finding in findings if finding.advice]
    if not advice:
        return "\n".join([*lines, "", "All is well."])
    broken = any(finding.broken for finding in findings)
    lines += ["", "Something is broken. What to do:" if broken else "What to do:"]
    for finding in advice:
        lines += textwrap.wrap(f"- {finding.part}: {finding.advice}", 100, subsequent_indent="  ")
    return "\n".join(lines)


def figures(findings: list[Finding]) -> dict[str, Any]:
    """All findings as numbers and words under stable names, for `--json`."""
    together: dict[str, Any] = {"passed": not any(finding.broken for finding in findings)}
    together["problems"] = {finding.part: finding.advice for finding in findings if finding.advice}
    versions: dict[str, Any] = {}
    for finding in findings:
        versions |= finding.figures.get("versions", {})
        together |= finding.figures
    return together | {"versions": versions}


def usable_cores() -> int:
    """Processors that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(min(cores, _quota()), 1)


# ------------------------------------------------------------------------------------------- versions


def _python() -> Iterator[Finding]:
    version = platform.python_version()
    old = _older(version, OLDEST_PYTHON)
    yield Finding(
        "Python",
        f"{version}, {8 * ctypes.sizeof(ctypes.c_void_p)} bit, on {platform.platform()}",
        f"Install Python {OLDEST_PYTHON} or later." if old else "",
        broken=old,
        figures={"versions": {"python": version}, "platform": platform.platform()},
    )


def _numpylstm() -> Iterator[Finding]:
    package = importlib.import_module("numpylstm")
    folder = Path(str(package.__file__)).parent
    # A fresh Python, as this one has long imported it. -P keeps out whatever else lies in this folder.
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(folder.parent), environment.get("PYTHONPATH")])
    )
    program = "import time; t = time.perf_counter(); import numpylstm; print(time.perf_counter() - t)"
    advice, seconds, imported = "", float("nan"), "cannot be imported by a fresh Python"
    try:
        command = [sys.executable, "-P", "-c", program]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20)
        seconds = float(done.stdout)
        imported = f"imported in {seconds:.2f} s"
        if seconds > 3:
            advice = "Importing is slow: look whether a virus scanner or a network drive holds it up."
    except (OSError, ValueError, subprocess.SubprocessError):
        advice = "Install it again, into a new virtual environment."
    yield Finding(
        "numpylstm",
        f"{package.__version__} from {folder}, {imported}",
        advice,
        figures={"versions": {"numpylstm": package.__version__}, "import_seconds": seconds},
    )


def _numpy() -> Iterator[Finding]:
    old = _older(np.__version__, OLDEST_NUMPY)
    advice = f"It is too old: pip install 'numpy>={OLDEST_NUMPY}'." if old else ""
    yield Finding("NumPy", np.__version__, advice, old, {"versions": {"numpy": np.__version__}})


def _libraries() -> Iterator[Finding]:
    """A line for each library that is needed or troubled; the optional ones share one, to fit the screen."""
    optional: list[str] = []
    versions: dict[str, Any] = {}
    for library in LIBRARIES:
        finding = _look_at(library)
        if library.extra and finding.found == MISSING:
            optional.append(f"no {library.name} ({library.purpose}: extra '{library.extra}')")
        elif library.extra and not finding.advice:
            optional.append(f"{library.name} {finding.found}")
            versions |= finding.figures["versions"]
        else:
            yield finding
    yield Finding("optional", ", ".join(optional) or "see above", figures={"versions": versions})


def _look_at(library: Library) -> Finding:
    """Import a library that is needed, and ask for its version."""
    package = library.package or library.name
    again = f"pip install '{package}>={library.oldest}' (it serves {library.purpose})."
    needed = not library.extra
    try:
        if importlib.util.find_spec(library.name) is None:
            return Finding(library.name, MISSING, f"Install it: {again}", needed)
        # What is optional is not imported: scikit-learn alone would take a second.
        module = importlib.import_module(library.name) if needed else None
        version = importlib.metadata.version(package)
    except Exception as error:  # a library may fail in any way: a missing libsndfile is an OSError
        return Finding(library.name, f"broken: {_one_line(error)}", f"Install it again: {again}", needed)
    versions, found = {library.name: version}, version
    if library.name == "soundfile":
        versions["libsndfile"] = str(getattr(module, "__libsndfile_version__", "of unknown version"))
        found += f", libsndfile {versions['libsndfile']}"
    advice = f"It is too old: {again}" if _older(version, library.oldest) else ""
    return Finding(library.name, found, advice, needed and bool(advice), {"versions": versions})


def _older(version: str, oldest: str) -> bool:
    """Whether a version comes before the oldest that will do; one that cannot be read does not."""
    numbers = []
    for part in version.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    return bool(numbers) and numbers < [int(part) for part in oldest.split(".")]


# ------------------------------------------------------------------------------- processor and products


def _processor() -> Iterator[Finding]:
    model = platform.processor() or platform.machine() or "unknown"
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    except (OSError, UnicodeDecodeError):
        pass
    total, usable = os.cpu_count() or 1, usable_cores()
    found = f"{model}, {total} cores" + (f", of which {usable} may be used" if usable < total else "")
    threads = get_threads()
    advice = ""
    if threads is not None and threads > usable and not threads_for.chosen:
        advice = f"{threads} threads would share {usable} cores: call commands with --threads {usable}."
    yield Finding("processor", found, advice, figures={"cpu": model, "cores": total, "usable_cores": usable})


def _quota() -> int:
    """How many processors' worth of time a container gives, in Linux; without a limit very many."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="utf-8").split()
        return max(-(-int(quota) // int(period)), 1)
    except (OSError, ValueError):  # no such file, or "max 100000"
        return sys.maxsize


def _blas() -> Iterator[Finding]:
    blas: Any = np.show_config(mode="dicts")
    blas = blas.get("Build Dependencies", {}).get("blas", {})
    name, version = str(blas.get("name", "unknown")), str(blas.get("version", "unknown"))
    threads = get_threads()
    found, advice = f"{name} {version}, ", ""
    if threads is None:
        found += "threads not to be set from here"
        advice = (
            "--threads has no effect with this NumPy: set OMP_NUM_THREADS before Python starts if you need "
            "to, or take NumPy's own build, pip install numpy."
        )
    else:
        found += f"{threads} thread{'s' * (threads > 1)}, fewer where a product is small"
    yield Finding("BLAS", found, advice, figures={"blas": f"{name} {version}", "threads": threads})


def _variables() -> Iterator[Finding]:
    there = {name: value for name, value in sorted(os.environ.items()) if name.startswith(PREFIXES)}
    if not there:
        yield Finding("variables", "no OPENBLAS_*, OMP_*, MKL_* is set", figures={"variables": {}})
        return
    openblas = get_threads() is not None
    told, advice = [], ""
    for name, value in there.items():
        effect = VARIABLES.get(name, "not known here")
        others = name.startswith(("MKL_", "VECLIB_", "BLIS_"))
        told.append(f"{name}={value} ({'this NumPy does not read it' if openblas and others else effect})")
        if VARIABLES.get(name, "").startswith(THREADS) and not (openblas and others):
            if not value.split(",")[0].strip().isdecimal():
                advice = f"{name} is no number and will be ignored: set it to one, or unset it."
            elif int(value.split(",")[0]) == 1 < usable_cores():
                advice = (
                    f"Unset {name} if wide layers are to use more than one of the {usable_cores()} cores."
                )
        elif name == "OPENBLAS_CORETYPE":
            advice = f"Unset {name} unless you know why it is set: the wrong code is slow, or cannot run."
    yield Finding("variables", "; ".join(told), advice, figures={"variables": there})


def _products() -> Iterator[Finding]:
    """Matrix products against sums that do not go through BLAS, in float32 and in float64."""
    rng = np.random.default_rng(0)
    worst = 0.0
    for dtype, wider in ((np.float32, np.float64), (np.float64, np.longdouble)):
        # Odd sizes and a transposed factor are what kernels for whole blocks get wrong first; the last size
        # is large enough for more than one thread.
        for rows, inner, columns in ((67, 131, 35), (128, 64, 1), (1, 257, 96), (161, 200, 170)):
            A = rng.standard_normal((rows, inner)).astype(dtype)
            B = rng.standard_normal((columns, inner)).astype(dtype).T
            wide_A: Any = A.astype(wider)
            wide_B: Any = B.astype(wider)
            exact = np.einsum("ij,jk->ik", wide_A, wide_B)
            # The error of any order of summing n products is below n u |A| |B| (Higham 2002, eq. 3.13).
            bound = inner * np.finfo(dtype).eps / 2 * np.einsum("ij,jk->ik", abs(wide_A), abs(wide_B))
            share = float(np.max(abs(np.matmul(A, B) - exact) / bound))
            worst = float(np.maximum(worst, share))  # nan stays
    right = worst <= 1
    yield Finding(
        "matrix products",
        f"right to rounding, {100 * worst:.0f} % of the error that is allowed"
        if right
        else f"WRONG: their error is {worst:.1e} times what rounding allows",
        ""
        if right
        else "Matrix products give wrong numbers, so believe no result: install NumPy again, pip install "
        "--force-reinstall numpy, and unset OPENBLAS_CORETYPE.",
        broken=not right,
        figures={"matmul_right": right},
    )


def _speed() -> Iterator[Finding]:
    """Speed of large float32 products, on one thread and on all that may be used."""
    n = 640
    A = np.random.default_rng(0).standard_normal((n, n)).astype(np.float32)
    B, out = A.T.copy(), np.empty_like(A)
    most = min(usable_cores(), os.cpu_count() or 1)
    counts = sorted({1, most}) if get_threads() is not None else [None]
    best: dict[Any, float] = dict.fromkeys(counts, float("inf"))
    before, chosen = get_threads(), threads_for.chosen
    try:
        for _ in range(6):  # in turn, so that what else the machine does meets both alike
            for count in counts:
                if count is not None:
                    set_threads(count)
                started = time.perf_counter()
                np.matmul(A, B, out)
                best[count] = min(best[count], time.perf_counter() - started)
    finally:
        if before is not None:
            set_threads(before if chosen else None)
    speeds = {count: 2e-9 * n**3 / seconds for count, seconds in best.items()}
    told = ", ".join(
        f"{speed:.0f} GFLOP/s" + (f" on {count} thread{'s' * (count > 1)}" if count else "")
        for count, speed in speeds.items()
    )
    advice = ""
    if max(speeds.values()) < 5:
        advice = "Products are slow: close what else is running, and see that NumPy has OpenBLAS or MKL."
    elif None not in speeds and speeds[most] < 0.9 * speeds[1]:
        advice = (
            f"{most} threads are slower than one: other programs use the cores; until they end, "
            "call commands with --threads 1."
        )
    one, all_ = speeds.get(1, speeds.get(None)), speeds.get(most, speeds.get(None))
    names = {"gflops_one_thread": one, "gflops_all_threads": all_}
    yield Finding("float32 speed", told, advice, figures=names)


# ------------------------------------------------------------------------------------- what is around


def _display() -> Iterator[Finding]:
    unix = os.name == "posix" and sys.platform != "darwin"
    headless = unix and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    found = "none" if headless else "there is one"
    yield Finding("display", f"{found}; figures are files anyway", figures={"headless": headless})


def _sound_card() -> Iterator[Finding]:
    if importlib.util.find_spec("sounddevice") is None:
        found = "not looked for without sounddevice; all works on files without one"
        yield Finding("sound card", found, figures={"sound_card": None})
        return
    try:
        devices: Any = importlib.import_module("sounddevice").query_devices()
        players = [device["name"] for device in devices if device["max_output_channels"] > 0]
    except Exception as error:  # no PortAudio, no permission: it is optional whatever it is
        players = []
        found = f"none: {_one_line(error)}"
    else:
        found = f"{len(players)} to play through, the first: {players[0]}" if players else "none"
    yield Finding("sound card", found, figures={"sound_card": players[0] if players else None})


def _place(folder: Path) -> Iterator[Finding]:
    """Whether figures can be written to `folder`, which need not be there yet."""
    place = Path(os.path.abspath(folder))
    there = next(path for path in (place, *place.parents) if path.exists())
    advice, free = "", float("nan")
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"numpylstm")
        free = shutil.disk_usage(there).free / 1e9
        room = f"{free:.0f} GB" if free >= 1 else f"{1000 * free:.0f} MB"
        found = f"go to {place}, {room} free"
        if free < 0.1:
            advice = "The disk is nearly full: make room, or write elsewhere with --out."
    except OSError as error:
        found = f"cannot be written to {place}: {error.strerror or error}"
        advice = "Work in a folder of your own (cd), or name one with --out."
    numbers = {"folder": str(place), "writable": not found.startswith("cannot"), "free_gb": free}
    yield Finding("figures", found, advice, figures=numbers)


def _shadows() -> Iterator[Finding]:
    """Files here that Python would take for a library when a script of this folder runs."""
    libraries = {"numpylstm", "numpy", *(library.name for library in LIBRARIES)}
    names = sys.stdlib_module_names | libraries
    here = sorted(path.name for path in Path.cwd().glob("*.py") if path.stem in names)
    advice = ""
    if here:
        advice = (
            f"Rename {here[0]}, and whatever else is listed: a script here that imports "
            f"{Path(here[0]).stem} gets your file in place of the library."
        )
    found = f"hides libraries: {', '.join(here)}" if here else "no file of the name of a library"
    yield Finding("this folder", found, advice, figures={"shadows": here})


def _one_line(error: BaseException) -> str:
    return textwrap.shorten(str(error), 200) or type(error).__name__

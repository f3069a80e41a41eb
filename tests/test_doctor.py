"""The doctor: finds what was broken on purpose, says what to do, and never falls ill himself."""

import configparser
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import numpylstm
from numpylstm import doctor
from numpylstm.cli import main
from numpylstm.threads import get_threads, set_threads, threads_for

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(doctor.PREFIXES)]:
        monkeypatch.delenv(name)


@pytest.fixture
def with_products(monkeypatch):
    """Without a fresh Python and a measured speed, which take nearly all of the time."""
    monkeypatch.setattr(doctor, "_numpylstm", lambda: [])
    monkeypatch.setattr(doctor, "_speed", lambda: [])


@pytest.fixture
def short(monkeypatch, with_products):
    """Without the matrix products either."""
    monkeypatch.setattr(doctor, "_products", lambda: [])


def find(part: str, findings: list[doctor.Finding] | None = None) -> doctor.Finding:
    (finding,) = [finding for finding in findings or doctor.examine() if finding.part == part]
    return finding


def test_a_machine_that_runs_these_tests_is_well_and_fits_one_screen(capsys):
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 40 and max(map(len, lines)) <= 100
    told = " ".join(" ".join(lines).split())
    for part in ("Python", "numpylstm", "NumPy", "libsndfile", "BLAS", "float32 speed", "display", "figures"):
        assert part in told
    assert np.__version__ in told and numpylstm.__version__ in told
    assert os.listdir() == [], "the doctor leaves nothing behind"


def test_json_is_one_line_of_figures_and_goes_where_it_is_asked_to(capsys, with_products):
    assert main(["doctor", "--json", "--out", "here"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    figures = json.loads(out)
    assert figures["passed"] is True and figures["matmul_right"] is True and figures["writable"] is True
    assert figures["versions"]["numpy"] == np.__version__ and figures["versions"]["libsndfile"]
    assert figures["folder"] == str(Path("here").resolve())
    assert json.loads(Path("here/doctor.json").read_text())["cores"] == os.cpu_count()


def test_the_doctor_knows_the_libraries_that_an_installation_brings():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    brought = set(config["options"]["install_requires"].split())
    extras = config["options.extras_require"]
    brought |= {line for extra in ("digits", "midi", "live") for line in extras[extra].split()}
    known = {f"{library.package or library.name}>={library.oldest}" for library in doctor.LIBRARIES}
    assert known | {f"numpy>={doctor.OLDEST_NUMPY}"} == brought
    assert config["options"]["python_requires"] == f">={doctor.OLDEST_PYTHON}"


# ------------------------------------------------------------------------------------------- libraries


@pytest.mark.parametrize("library", doctor.LIBRARIES, ids=lambda library: library.name)
def test_a_missing_library_is_told_and_breaks_only_what_needs_it(library, monkeypatch, short, capsys):
    monkeypatch.setitem(sys.modules, library.name, None)
    code = main(["doctor"])
    told = " ".join(capsys.readouterr().out.split())
    if library.extra:
        assert code == 0 and f"no {library.name} (" in told and f"extra '{library.extra}'" in told
    else:
        assert code == 1 and f"X {library.name}" in told and f"pip install '{library.name}>=" in told


def test_a_library_that_fails_in_any_way_is_broken(monkeypatch, short):
    real = doctor.importlib.import_module

    def without_libsndfile(name):
        if name == "soundfile":
            raise OSError("sndfile library not found\n using ctypes.util.find_library")
        return real(name)

    monkeypatch.setattr(doctor.importlib, "import_module", without_libsndfile)
    finding = find("soundfile")
    assert finding.broken and "sndfile library not found" in finding.found and "again" in finding.advice
    assert "\n" not in finding.found


@pytest.mark.parametrize(
    "version, old", [("1.11.4", True), ("1.12", False), ("1.12rc1", False), ("2", False), ("dev", False)]
)
def test_an_old_library_is_told(monkeypatch, short, version, old):
    real = doctor.importlib.metadata.version
    monkeypatch.setattr(
        doctor.importlib.metadata, "version", lambda name: version if name == "scipy" else real(name)
    )
    finding = find("scipy")
    assert finding.broken == old and finding.advice.startswith("It is too old" if old else "")
    assert bool(finding.advice) == old


# -------------------------------------------------------------------------------------------- products


@pytest.mark.parametrize("fault", ["coarse", "one entry", "nan"])
def test_wrong_products_are_found_and_end_with_exit_code_1(monkeypatch, with_products, capsys, fault):
    real = np.matmul

    def matmul(A, B, *rest):
        if A.dtype != np.float32:
            return real(A, B, *rest)
        if fault == "coarse":  # a few digits less, as the short formats of graphics cards have
            return real(A.astype(np.float16), B.astype(np.float16), *rest).astype(A.dtype)
        C = real(A, B, *rest)
        if C.shape == (67, 35):
            C[66, 34] = np.nan if fault == "nan" else C[66, 34] + 1e-2
        return C

    monkeypatch.setattr(np, "matmul", matmul)
    assert main(["doctor"]) == 1
    told = " ".join(capsys.readouterr().out.split())
    assert "X matrix products" in told and "WRONG" in told and "install NumPy again" in told


@pytest.mark.parametrize("chosen", [1, None])
def test_the_measurement_of_speed_leaves_the_threads_as_they_were(chosen):
    try:
        set_threads(chosen)
        before = get_threads(), threads_for.chosen
        (finding,) = doctor._speed()
        assert (get_threads(), threads_for.chosen) == before
    finally:
        set_threads(1)  # as tests/conftest.py has it
    assert finding.figures["gflops_one_thread"] > 0


def test_threads_that_slow_down_are_told(monkeypatch):
    monkeypatch.setattr(doctor, "get_threads", lambda: 2)
    monkeypatch.setattr(doctor, "usable_cores", lambda: 2)
    monkeypatch.setattr(doctor.os, "cpu_count", lambda: 2)
    clock, threads = [0.0], [1]
    monkeypatch.setattr(doctor, "set_threads", lambda count: threads.__setitem__(0, count))

    def ticking():
        clock[0] += 0.01 * (threads[0] or 1)
        return clock[0]

    monkeypatch.setattr(doctor.time, "perf_counter", ticking)
    (finding,) = doctor._speed()
    assert "2 threads are slower than one" in finding.advice and not finding.broken


def test_a_container_s_share_of_the_processors_counts(monkeypatch):
    monkeypatch.setattr(doctor, "_quota", lambda: 1)
    monkeypatch.setattr(doctor, "get_threads", lambda: 64)
    monkeypatch.setattr(doctor.threads_for, "chosen", False)
    (finding,) = doctor._processor()
    assert finding.figures["usable_cores"] == 1 and "--threads 1" in finding.advice


def test_another_blas_is_no_problem_but_told(monkeypatch, short):
    monkeypatch.setattr(doctor, "get_threads", lambda: None)
    finding = find("BLAS")
    assert "--threads has no effect" in finding.advice and not finding.broken


@pytest.mark.parametrize(
    "name, value, found, advice",
    [
        ("OMP_NUM_THREADS", "1", "start with", "Unset OMP_NUM_THREADS"),
        ("OPENBLAS_NUM_THREADS", "many", "start with", "is no number"),
        ("OPENBLAS_CORETYPE", "Prescott", "which processor's code", "unless you know why"),
        ("MKL_NUM_THREADS", "1", "this NumPy does not read it", ""),
        ("OMP_WISDOM", "42", "not known here", ""),
    ],
)
def test_variables_are_told_with_what_they_do(monkeypatch, name, value, found, advice):
    monkeypatch.setattr(doctor, "get_threads", lambda: 2)
    monkeypatch.setattr(doctor, "usable_cores", lambda: 2)
    monkeypatch.setenv(name, value)
    (finding,) = doctor._variables()
    assert f"{name}={value}" in finding.found and found in finding.found
    assert advice in finding.advice and bool(advice) == bool(finding.advice)


# --------------------------------------------------------------------------------------- what is around


def test_a_folder_that_cannot_be_written_to_is_told(monkeypatch, short):
    Path("runs").write_text("a file in the way")
    finding = find("figures")
    assert finding.advice and not finding.figures["writable"]

    Path("runs").unlink()
    assert find("figures").figures["writable"]

    def refuse(**options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
    finding = find("figures")
    assert "Permission denied" in finding.found and "--out" in finding.advice


def test_a_full_disk_is_told(monkeypatch, short):
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: Usage)
    assert "nearly full" in find("figures").advice


class Usage:
    free = 1e6  # bytes


def test_a_file_that_hides_a_library_is_told(short):
    assert find("this folder").advice == ""
    Path("random.py").write_text("")
    Path("mine.py").write_text("")
    finding = find("this folder")
    assert "random.py" in finding.advice and finding.figures["shadows"] == ["random.py"]


@pytest.mark.parametrize("with_card", [True, False])
def test_a_sound_card_is_looked_for_but_never_an_error(monkeypatch, short, with_card):
    class Sounddevice:
        @staticmethod
        def query_devices():
            if not with_card:
                raise OSError("PortAudio library not found")
            return [{"name": "in", "max_output_channels": 0}, {"name": "out", "max_output_channels": 2}]

    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: "there is one")
    real = doctor.importlib.import_module
    monkeypatch.setattr(
        doctor.importlib, "import_module", lambda name: Sounddevice if name == "sounddevice" else real(name)
    )
    (finding,) = doctor._sound_card()
    assert finding.advice == "" and finding.figures["sound_card"] == ("out" if with_card else None)


def test_a_python_that_cannot_import_the_package_is_told(monkeypatch):
    monkeypatch.setattr(doctor.sys, "executable", "/nowhere/python")
    (finding,) = doctor._numpylstm()
    assert "cannot be imported" in finding.found and "Install it again" in finding.advice
    assert "nan" not in finding.found


@pytest.mark.parametrize(
    "part", ["_python", "_numpy", "_libraries", "_processor", "_blas", "_variables", "_products", "_display"]
)
def test_whatever_fails_is_itself_a_finding(monkeypatch, short, part):
    def fail():
        raise RuntimeError("no such thing\nat all")

    monkeypatch.setattr(doctor, part, fail)
    (finding,) = [finding for finding in doctor.examine() if "no such thing at all" in finding.found]
    assert finding.advice and not finding.broken


def test_without_a_home_a_display_and_with_nonsense_in_the_environment_it_still_answers(tmp_path):
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    environment = kept | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "-x", "MPLCONFIGDIR": "/dev/null/no"}
    command = [sys.executable, "-m", "numpylstm", "doctor", "--json"]
    run = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    figures = json.loads(run.stdout)
    assert "variables" in figures["problems"] and figures["import_seconds"] > 0
    assert "Traceback" not in run.stderr

"""Starting, checking, hinting, handing in: what a student meets; and building, which a teacher does."""

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from numpylstm.classroom import check, exercises
from numpylstm.classroom.building import BEGINS, ENDS, LEFT, build, strip
from numpylstm.classroom.desk import find_work, hand_in
from numpylstm.classroom.exercise import FOLDER, Exercise, read_note
from numpylstm.cli import main

HERE = Path(__file__).parent
TEACHER = HERE / "teacher"
SOURCE = TEACHER / "16_running_mean"
SOLUTIONS = sorted((HERE / "solutions").glob("*.py"))


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def handed_out(tmp_path_factory) -> str:
    """The folder of exercises that a teacher has built."""
    folder = tmp_path_factory.mktemp("handed_out")
    build(SOURCE, folder)
    return str(folder)


def numpylstm(capsys, *argv: str) -> tuple[int, str, str]:
    try:
        code = main([*argv])
    except SystemExit as exit:
        code = int(exit.code or 0)
    return code, *capsys.readouterr()


def test_a_student_starts_errs_checks_asks_mends_and_hands_in(capsys, handed_out):
    own = ("--exercises", handed_out)
    code, out, _ = numpylstm(capsys, "exercise", "list", *own)
    assert code == 0 and "16  A running mean" in out and "5 marks" in out and "started" not in out
    code, out, _ = numpylstm(capsys, "exercise", "start", "16", *own)
    assert code == 0 and "numpylstm exercise check 16" in out
    work = Path("16_running_mean/exercise.py")
    assert LEFT in work.read_text() and "cumsum" not in work.read_text()
    assert "started" in numpylstm(capsys, "exercise", "list", *own)[1]

    code, out, _ = numpylstm(capsys, "exercise", "check", *own)
    assert code == 1 and out.startswith("FAIL 16.1 running_mean is not written yet.\n")
    work.write_text(
        work.read_text().replace(LEFT, "return np.cumsum(x, axis=0) / np.arange(2, len(x) + 2)[:, None]")
    )
    code, out, _ = numpylstm(capsys, "exercise", "check", "16", *own)
    assert code == 1 and out.splitlines() == [
        "FAIL 16.2 m is wrong with T = 1 (50 %).",
        "Public 2/4 · hidden: 2, not run here · hint: numpylstm exercise hint 16",
    ]
    for level, word in ((1, "How many"), (2, "t + 1"), (3, "np.cumsum"), (3, "np.cumsum")):
        code, out, _ = numpylstm(capsys, "exercise", "hint", "16", *own)
        assert code == 0 and out.startswith(f"Hint {level} of 3") and word in out
    assert read_note(work.parent)["hints"] == 3

    work.write_text(work.read_text().replace("np.arange(2, len(x) + 2)", "np.arange(1, len(x) + 1)"))
    code, out, _ = numpylstm(capsys, "exercise", "check", *own)
    assert code == 0 and out.splitlines() == [
        "OK   16 A running mean",
        "Public 4/4 · hidden: 2, not run here",
    ]
    code, out, _ = numpylstm(capsys, "exercise", "submit", *own)
    assert code == 0 and "wrote 16_running_mean.zip" in out
    with zipfile.ZipFile("16_running_mean.zip") as archive:
        assert archive.read("16_running_mean/exercise.py") == work.read_bytes()

    Path("class").mkdir()
    shutil.move("16_running_mean.zip", "class/anna.zip")
    code, out, _ = numpylstm(capsys, "grade", "class", "--out", "grades", *own)
    assert code == 0 and "anna 16: 5 of 5 · public 3/3 · hidden 2/2" in out
    results = json.loads(Path("grades/submissions/anna/results.json").read_text())
    assert results["score"] == 5 and "hidden: 2" in results["output"]


def test_the_figures_of_a_check_are_one_line_of_json(capsys, handed_out):
    numpylstm(capsys, "exercise", "start", "16", "--exercises", handed_out)
    code, out, err = numpylstm(capsys, "exercise", "check", "--json", "--exercises", handed_out)
    figures = json.loads(out)
    assert code == 1 and err == "" and len(out.splitlines()) == 1
    assert figures["exercise"] == "16_running_mean" and figures["failed"] == "16.1" and not figures["passed"]
    assert figures["public"] == 4 and figures["public_passed"] == 1 and figures["hidden"] == 2


def test_a_traceback_comes_only_when_asked_for(capsys, handed_out):
    numpylstm(capsys, "exercise", "start", "16", "--exercises", handed_out)
    work = Path("16_running_mean/exercise.py")
    work.write_text(work.read_text().replace(LEFT, "return x @ x"))
    out = numpylstm(capsys, "exercise", "check", "--exercises", handed_out)[1]
    assert "raised ValueError" in out and "return x @ x" in out and "Traceback" not in out
    out = numpylstm(capsys, "exercise", "check", "-v", "--exercises", handed_out)[1]
    assert "Traceback" in out and out.index("FAIL") < out.index("Traceback")


def test_work_is_never_written_over(capsys, handed_out):
    numpylstm(capsys, "exercise", "start", "16", "--exercises", handed_out)
    work = Path("16_running_mean/exercise.py")
    work.write_text("mine")
    code, _, err = numpylstm(capsys, "exercise", "start", "16", "--exercises", handed_out)
    assert code == 2 and "is there already" in err and work.read_text() == "mine"


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("check",), "was not started in"),
        (("check", "06"), "exercise 06 was not started in"),
        (("start", "77"), "expected an exercise among"),
        (("start", "16", "--out", str(SOURCE / "README.md")), "expected a folder to make 16_running_mean in"),
        (("start", "six"), "expected the number of an exercise, such as 06, got six"),
        (("list", "--exercises", "nowhere"), "expected a folder of exercises, got nowhere"),
        (("build", str(TEACHER)), "expected --out DIR"),
        (("hint", "16", "--level", "4"), "expected a level from 1 to 3, got 4"),
    ],
)
def test_what_cannot_be_done_is_one_plain_line(capsys, handed_out, argv, said):
    options = () if "--exercises" in argv or argv[0] == "build" else ("--exercises", handed_out)
    code, out, err = numpylstm(capsys, "exercise", *argv, *options)
    assert code == 2 and out == "" and said in err and len(err.splitlines()) == 1


def test_the_work_meant_is_this_folder_or_the_last_one_changed(tmp_path, monkeypatch, handed_out):
    one = exercises(handed_out)["16"].start("a", None)
    assert find_work(None, "a") == one and find_work("16", one) == one
    with pytest.raises(ValueError, match="was not started"):
        find_work("15", "a")


def test_the_same_work_gives_the_same_zip(handed_out):
    folder = exercises(handed_out)["16"].start(".")
    first = hand_in(folder).read_bytes()
    assert hand_in(folder).read_bytes() == first


def test_solutions_are_stripped_and_nothing_else():
    text = f"a\n    {BEGINS}\n    b\n\n    c\n    {ENDS}\nd"
    assert strip(text) == f"a\n    {LEFT}\nd"
    assert strip("a\nb\n") == "a\nb\n"
    for wrong in (f"{BEGINS}\n", f"{ENDS}\n", f"{BEGINS}\n{BEGINS}\n{ENDS}\n"):
        with pytest.raises(ValueError, match="line "):
            strip(wrong)


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("exercise.py", BEGINS, "# a comment", "ends that has not begun"),
        ("exercise.py", "/ steps", "/ (steps + 1)", "the solution fails its own check 16.2: m is wrong"),
        ("checks.py", "CHECKS = (shapes, first_step, sequence)", "CHECKS = ()", "they check nothing"),
    ],
)
def test_a_teacher_is_told_what_is_amiss(tmp_path, name, old, new, said):
    source = shutil.copytree(SOURCE, tmp_path / "16_running_mean")
    text = (source / name).read_text()
    assert old in text
    (source / name).write_text(text.replace(old, new))
    with pytest.raises(ValueError, match=said):
        build(source, tmp_path / "out")


def test_a_solution_without_marks_is_not_handed_out(tmp_path):
    source = shutil.copytree(SOURCE, tmp_path / "16_running_mean")
    text = (source / "exercise.py").read_text()
    (source / "exercise.py").write_text(text.replace(BEGINS, "").replace(ENDS, ""))
    with pytest.raises(ValueError, match="expected a solution between"):
        build(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("solution", SOLUTIONS, ids=lambda path: path.stem)
def test_a_stub_is_its_solution_without_what_is_marked(solution):
    stub = FOLDER / solution.stem / "exercise.py"
    assert stub.read_text(encoding="utf-8") == strip(solution.read_text(encoding="utf-8"))
    assert BEGINS in solution.read_text(encoding="utf-8")


@pytest.mark.parametrize("exercise", exercises().values(), ids=lambda exercise: exercise.name)
def test_an_exercise_is_whole(exercise: Exercise):
    assert (exercise.folder / "README.md").read_text().startswith(f"# {exercise.number} {exercise.title}\n")
    assert len(exercise.hints) == 3 and all(exercise.hints)
    assert exercise.checks and exercise.hidden
    assert (exercise.folder / "target.png").read_bytes().startswith(b"\x89PNG")
    assert (HERE / "solutions" / f"{exercise.name}.py").is_file() or exercise.marks


@pytest.mark.parametrize("exercise", exercises().values(), ids=lambda exercise: exercise.name)
def test_a_stub_is_said_to_be_unwritten(exercise: Exercise):
    folder = exercise.start(".", 1)
    first = check(exercise, folder / "exercise.py", number=1).first
    assert first is not None and first.failure is not None
    assert "is not written yet" in first.failure.message

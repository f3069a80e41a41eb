"""Grading: what is handed in, marks, results for Gradescope, the table, the command."""

import csv
import json
import os
import stat
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from numpylstm.classroom import Failure, checking, handed_in
from numpylstm.classroom.checking import PUBLIC, Outcome
from numpylstm.classroom.exercise import Exercise, exercises
from numpylstm.classroom.grading import Grade, Graded, grade, results, same_numbers, share, table
from numpylstm.classroom.handed_in import Submission, read_roster, submissions
from numpylstm.cli import main

CHECKS = '''
from numpylstm.classroom import Failure, compare, expect_tensors

SEEN = []

def shapes(student, rng):
    """the shape of y"""
    expect_tensors(student.call("double", rng.normal(size=(3, 2))), {"y": (3, 2)}, "double")

def forward(student, rng):
    """twice x"""
    x = rng.normal(size=(4, 2))
    SEEN.append(float(x[0, 0]))
    compare(expect_tensors(student.call("double", x), {"y": (4, 2)}, "double"), {"y": 2 * x})

CHECKS = [shapes, forward]
HIDDEN = [shapes, forward]
MARKS = 6
'''
RIGHT = "import numpy as np\n\n\ndef double(x):\n    return 2 * x\n"
STUB = "def double(x):\n    raise NotImplementedError('write this part')\n"
HALF = "def double(x):\n    return x\n"
NAME = "40_double"


def note(number: int | None = None, name: str = NAME) -> str:
    return json.dumps({"exercise": name, "student": number, "hints": 0})


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def bank() -> dict[str, Exercise]:
    return {"40": make_exercise("bank", CHECKS)}


class Known:
    """In place of a `Student`, where a test is not about its process: knows the three files from above."""

    def __init__(self, path, **options) -> None:
        self.text = Path(path).read_text()

    def __enter__(self) -> "Known":
        return self

    def __exit__(self, *_) -> None:
        pass

    def call(self, function: str, x: np.ndarray) -> np.ndarray:
        if self.text == STUB:
            raise Failure("double is not written yet.")
        return {RIGHT: 2 * x, HALF: x}[self.text]


@pytest.fixture
def known(monkeypatch):
    monkeypatch.setattr(checking, "Student", Known)
    monkeypatch.setattr(checking, "refused", lambda path: [])


def make_exercise(bank: str, checks: str, name: str = NAME) -> Exercise:
    folder = Path(bank, name)
    folder.mkdir(parents=True)
    files = {"README.md": "# 40 Twice as much\n", "checks.py": checks, "exercise.py": STUB, "hints.md": ""}
    for file, text in files.items():
        (folder / file).write_text(text)
    return Exercise(folder)


def hand_in(name: str, text: str = RIGHT, number: int | None = None, folder: str = "class") -> Path:
    place = Path(folder, name)
    place.mkdir(parents=True)
    (place / "exercise.py").write_text(text)
    (place / "exercise.json").write_text(note(number))
    return place


def pack(name: str, files: dict[str, str], folder: str = "class") -> Path:
    path = Path(folder, name)
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, text in files.items():
            archive.writestr(file, text)
    return path


# ---------------------------------------------------------------------------------- what is handed in


def test_folders_and_zips_are_submissions_of_a_student_each():
    hand_in("bob")
    Path("class/anna/40_double").mkdir(parents=True)
    Path("class/anna/40_double/exercise.py").write_text(RIGHT)
    pack("zoe.zip", {"exercise.py": RIGHT, "exercise.json": note(), "target.png": "x"})
    pack("carl.ZIP", {"work/40_double/exercise.py": RIGHT, "__MACOSX/exercise.py": "x"})
    pack("wim.zip", {"40_double\\exercise.py": RIGHT, "at 12:30.txt": ""})
    Path("class/notes.txt").write_text("mine")
    Path("class/.hidden").mkdir()
    found = submissions("class")
    assert [one.name for one in found] == ["anna", "bob", "carl", "wim", "zoe"]
    assert [list(one.files) for one in found] == [
        ["40_double"],
        ["."],
        ["work/40_double"],
        ["40_double"],
        ["."],
    ]
    assert all(one.refused is None for one in found)
    assert found[4].files["."] == (RIGHT.encode(), note().encode())
    assert handed_in.ignored("class") == ["notes.txt"]


def test_one_folder_is_one_submission_of_one_or_several_exercises():
    hand_in("40_double", folder="work")
    hand_in("41_triple", folder="work")
    assert handed_in.is_one(Path("work")) and handed_in.is_one(Path("work/40_double"))
    (one,) = submissions("work")
    assert one.name == "work" and list(one.files) == ["40_double", "41_triple"]
    (one,) = submissions("work/40_double")
    assert one.name == "40_double" and list(one.files) == ["."]


def test_an_odd_name_does_not_make_the_others_a_part_of_one_submission():
    hand_in("40_double")
    hand_in("anna")
    assert [one.name for one in submissions("class")] == ["40_double", "anna"]


def test_a_folder_without_submissions_is_refused():
    Path("empty").mkdir()
    for folder in ("nowhere", "empty"):
        with pytest.raises(ValueError, match=folder):
            submissions(folder)


def test_two_of_the_same_name_are_told():
    hand_in("anna")
    pack("anna.zip", {"exercise.py": RIGHT})
    pack("anna.Zip", {"exercise.py": RIGHT})
    found = submissions("class")
    assert [one.name for one in found] == ["anna", "anna (2)", "anna (3)"]
    assert [one.refused for one in found[1:]] == ["there is another submission called anna"] * 2


def zip_of(name: str) -> None:
    """class/bad.zip, unsafe in one way."""
    files = {"exercise.py": RIGHT}
    odd = {"absolute": "/etc/exercise.py", "above": "a/../../exercise.py", "drive": "C:exercise.py"}
    odd["backslash"] = "..\\exercise.py"
    if name in odd:
        files[odd[name]] = "x"
    if name == "many":
        files |= {f"{number}.txt": "" for number in range(handed_in.ENTRIES + 1)}
    if name == "nothing":
        files = {"readme.txt": "x"}
    path = pack("bad.zip", files)
    if name == "bomb":
        with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
            for number in range(9):
                archive.writestr(f"{number}.txt", bytes(8 << 20))
    elif name == "link":
        with zipfile.ZipFile(path, "a") as archive:
            info = zipfile.ZipInfo("more.py")
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, "/dev/zero")
    elif name == "twice":
        with pytest.warns(UserWarning), zipfile.ZipFile(path, "a") as archive:
            archive.writestr("exercise.py", HALF)
    elif name == "method":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
            archive.writestr("exercise.py", RIGHT)
    elif name == "huge":
        with open(path, "r+b") as file:
            file.truncate(handed_in.LARGEST_ZIP + 1)  # a hole, which takes no room
    data = bytearray(path.read_bytes()) if name != "huge" else bytearray()
    if name == "encrypted":
        for mark, at in ((b"PK\1\2", 8), (b"PK\3\4", 6)):
            data[data.index(mark) + at] |= 1
    elif name == "lying":
        at = data.index(b"PK\1\2") + 24
        data[at : at + 4] = struct.pack("<I", 3)
    elif name == "damaged":
        at = data.index(b"exercise.py") + 15
        data[at : at + 4] = b"\0\xff\0\xff"
    elif name == "cut":
        data = data[: len(data) // 2]
    elif name == "empty":
        data = bytearray()
    if data or name == "empty":
        path.write_bytes(data)


UNSAFE = {
    "absolute": "would lie outside of it: /etc/exercise.py",
    "above": "would lie outside of it",
    "drive": "would lie outside of it",
    "backslash": "would lie outside of it",
    "many": "the zip holds 1002 files, more than 1000",
    "nothing": "expected exercise.py, got none",
    "bomb": "the zip holds more than 64 MB",
    "link": "the zip holds a link: more.py",
    "twice": "the zip holds two files of the same name",
    "method": "packed in an unusual way",
    "huge": "larger than 16 MB",
    "encrypted": "the zip is encrypted",
    "lying": "",
    "damaged": "",
    "cut": "not a zip file",
    "empty": "not a zip file",
}


@pytest.mark.parametrize("name", UNSAFE)
def test_an_unsafe_zip_is_refused_in_one_sentence_and_the_others_are_read(name):
    zip_of(name)
    hand_in("anna")
    before = sorted(Path(".").rglob("*"))
    anna, bad = submissions("class")
    assert anna.refused is None and anna.files
    assert bad.refused and UNSAFE[name] in bad.refused and "\n" not in bad.refused
    assert bad.files == {} and sorted(Path(".").rglob("*")) == before


FILES = {
    "link to another's": "exercise.py is no ordinary file",
    "link to a device": "exercise.py is no ordinary file",
    "folder": "exercise.py is no ordinary file",
    "pipe": "exercise.py is no ordinary file",
    "linked note": "exercise.json is no ordinary file",
    "link as a whole": "bad is a link",
    "crowd": "expected at most 1000 files, got more",
    "gone": "expected exercise.py, got none",
}


@pytest.mark.skipif(os.name == "nt", reason="needs links and pipes")
@pytest.mark.parametrize("name", FILES)
def test_what_is_no_ordinary_file_is_refused_and_the_others_are_read(name):
    hand_in("anna")
    file = Path("class/bad/exercise.py")
    if name == "link as a whole":
        Path("class/bad").symlink_to("anna")
    else:
        file.parent.mkdir()
    if name == "link to another's":
        file.symlink_to(Path("class/anna/exercise.py").resolve())
    elif name == "link to a device":
        file.symlink_to("/dev/zero")
    elif name == "folder":
        file.mkdir()
    elif name == "pipe":
        os.mkfifo(file)
    elif name == "linked note":
        file.write_text(RIGHT)
        (file.parent / "exercise.json").symlink_to("/dev/zero")
    elif name == "crowd":
        for number in range(handed_in.ENTRIES + 1):
            (file.parent / f"{number}").touch()
    anna, bad = submissions("class")
    assert anna.refused is None and anna.files
    assert bad.refused == FILES[name] and bad.files == {}


@pytest.mark.skipif(os.name == "nt", reason="needs links")
def test_links_to_folders_are_not_followed():
    hand_in("anna")
    Path("class/bad").mkdir()
    Path("class/bad/40_double").symlink_to(Path("class/anna").resolve())
    assert submissions("class")[1].refused == "expected exercise.py, got none"


def test_a_roster_gives_numbers_by_name():
    Path("roster.csv").write_text("\ufeffname,number\nanna, 12\nbob.zip,13\n\n", encoding="utf-8")
    assert read_roster("roster.csv") == {"anna": 12, "bob": 13}
    for text, said in (
        ("anna,1\nanna.zip,2\n", "anna stands there twice"),
        ("anna\n", "such as anna,1234, got anna"),
        ("anna,-1\n", "got anna,-1"),
    ):
        Path("roster.csv").write_text(text)
        with pytest.raises(ValueError, match=said):
            read_roster("roster.csv")
    Path("roster.csv").write_bytes(b"Zo\xeb,1\n")
    with pytest.raises(ValueError, match="no CSV in UTF-8"):
        read_roster("roster.csv")
    with pytest.raises(ValueError, match="cannot read the roster nowhere"):
        read_roster("nowhere")


# --------------------------------------------------------------------------------------------- marks


def outcomes(*shares: float | None) -> list[Outcome]:
    """Checks of which so much is right; None: all."""
    failures = [None if share is None else Failure("wrong", share=share) for share in shares]
    return [Outcome(f"40.{number}", "a check", failure) for number, failure in enumerate(failures, 1)]


def test_marks_lie_on_the_hidden_checks_where_there_are_any(bank):
    graded = Graded(bank["40"], public=outcomes(None, None, None), hidden=outcomes(None, 0.0, 0.5, None))
    assert graded.score == 6 * 2.5 / 4
    assert Graded(bank["40"], public=outcomes(None, 0.25)).score == 6 * 1.25 / 2
    assert Graded(bank["40"]).score == 0


@pytest.mark.parametrize(
    "value, counted", [(0.25, 0.25), (-1, 0), (7, 1), (float("nan"), 0), (float("inf"), 0)]
)
def test_a_share_is_a_share(value, counted):
    assert share(outcomes(value)[0]) == counted


def test_the_hidden_checks_have_other_numbers_than_the_public_ones_under_every_seed(bank, known):
    one = Submission("anna", {".": (RIGHT.encode(), note().encode())})
    for seed in (PUBLIC, 7, 7):
        (graded,) = grade([one], bank, seed=seed)
        assert graded.score == 6
    seen = np.array(bank["40"].module.SEEN).reshape(3, 2)
    assert len(set(seen[:, 0])) == 1, "the public ones are the same for all"
    assert seen[1, 1] == seen[2, 1], "a seed says what they are"
    assert len(set(seen.ravel())) == 3


def grade_of(bank, text: str, said: str = note(), name: str = "anna", **options) -> Grade:
    (one,) = grade([Submission(name, {".": (text.encode(), said.encode())})], bank, seed=1, **options)
    return one


def test_what_a_submission_says_of_itself_is_not_believed(bank, known):
    claims = {"exercise": NAME, "student": True, "score": 100, "passed": True, "tests": []}
    one = grade_of(bank, HALF, json.dumps(claims))
    assert one.number is None and one.score == 3
    assert grade_of(bank, STUB, note(7), roster={"anna": 8}).number == 8
    assert grade_of(bank, STUB, note(7), roster={"anna": 8}).remarks == ["says it is of student 7"]
    assert grade_of(bank, STUB, note(7), roster={}).number is None
    assert grade_of(bank, STUB, note(7), number=9).number == 9
    for odd in ("[" * 100_000, "nonsense", '{"exercise": 3}', '{"exercise": "../40_double"}', ""):
        one = grade_of(bank, RIGHT, odd)
        assert one.score == 0 and one.refused and one.refused.endswith("is no exercise")
    assert grade_of(bank, RIGHT, "", name="40_double").score == 6, "else the folder's name says what it is"
    assert grade_of(bank, RIGHT, note(name="41_other"), only="40").score == 6


def test_the_same_exercise_twice_counts_once(bank, known):
    files = {"a": (STUB.encode(), note().encode()), "b": (RIGHT.encode(), note().encode())}
    (one,) = grade([Submission("anna", files)], bank, seed=1)
    assert one.score == 0 and one.remarks == ["40_double is there twice, the second was left out"]


def test_a_fault_of_the_teacher_is_told_to_the_teacher():
    broken = make_exercise("broken", "CHECKS = [nothing]\n")
    with pytest.raises(ValueError, match=r"checks\.py of 40_double cannot be loaded: name 'nothing'"):
        grade_of({"40": broken}, RIGHT)
    with pytest.raises(ValueError, match="expected an exercise among 40, got 99"):
        grade_of({"40": broken}, RIGHT, only="99")
    with pytest.raises(ValueError, match="expected one submission"):
        grade([], {"40": broken}, seed=1, number=3)


def test_a_check_that_falls_over_what_came_fails_and_the_others_go_on(known):
    checks = CHECKS.replace("CHECKS = [", "def odd(student, rng):\n    1 / 0\n\nCHECKS = [").replace(
        "HIDDEN = [", "HIDDEN = [odd, "
    )
    one = grade_of({"40": make_exercise("odd", checks)}, RIGHT)
    assert one.score == 4
    said = results(one)["tests"][2]["output"]
    assert said == "what came back could not be checked: ZeroDivisionError: division by zero"


def test_a_personal_exercise_needs_a_number(known):
    bank = {"40": make_exercise("personal", CHECKS + "\ndef personal(number): return {}\n")}
    one = grade_of(bank, RIGHT)
    assert one.score == 0 and one.graded[0].refused == (
        "a personal exercise, and no student's number in exercise.json"
    )
    (test,) = results(one)["tests"]
    assert test["status"] == "failed" and test["max_score"] == 6 and one.graded[0].refused in test["output"]
    assert grade_of(bank, RIGHT, note(7)).score == 6
    assert "the roster" in grade_of(bank, RIGHT, note(7), roster={}).graded[0].refused


def test_students_of_the_same_number_are_told():
    grades = [Grade("anna", 1), Grade("bob", 2), Grade("carl", None), Grade("eve", 1), Grade("zoe", None)]
    assert same_numbers(grades) == [["anna", "eve"]]
    rows, same = list(csv.DictReader(table(grades).splitlines())), "the same number: anna, eve"
    assert [row["remarks"] for row in rows] == [same, "", "", same, ""]


# ------------------------------------------------------------------------------- results and the table


def test_results_are_what_gradescope_reads(bank):
    public, hidden = outcomes(None, 0.5), outcomes(None, 0.5)  # as many as the exercise has
    one = Grade("anna", 7, [Graded(bank["40"], public=public, hidden=hidden)], seconds=1.5)
    found = results(one)
    assert set(found) == {"score", "execution_time", "output", "stdout_visibility", "tests"}
    assert found["score"] == 4.5 and found["execution_time"] == 1.5
    assert found["stdout_visibility"] == "hidden"
    assert "40 Twice as much: public 1/2 · hidden: 2, shown when the grades are published" in found["output"]
    points = [(test["visibility"], test["score"], test["max_score"]) for test in found["tests"]]
    assert points == [
        ("visible", 0, 0),
        ("visible", 0, 0),
        ("after_published", 3, 3),
        ("after_published", 1.5, 3),
    ]
    assert [test["status"] for test in found["tests"]] == ["passed", "failed"] * 2
    assert "seed" not in json.dumps(found)


def test_practice_has_no_points_and_says_so():
    practice = make_exercise("practice", CHECKS.replace("MARKS = 6", ""))
    one = Grade("anna", None, [Graded(practice, public=outcomes(None), hidden=outcomes(None))])
    found = results(one)
    assert found["score"] == 0 and "This is practice, not marked" in found["output"]
    assert all(test["max_score"] == 0 for test in found["tests"])


def test_results_are_json_whatever_the_messages_hold(bank):
    text = "\ud800\x00\x1b[2J\u202e" + "</pre>" * 1_000_000
    failure = Failure(text, text, text)
    graded = Graded(bank["40"], public=[Outcome("40.1", text, failure)], hidden=outcomes(float("nan")))
    one = Grade("anna", 7, [graded], [text], seconds=1.0)
    data = json.dumps(results(one), ensure_ascii=False, allow_nan=False).encode()
    assert len(data) < 10_000 and b"\x1b" not in data
    refused = json.dumps(results(Grade(text, refused=text)), ensure_ascii=False, allow_nan=False).encode()
    assert len(refused) < 20_000 and b"\x1b" not in refused


def test_the_table_holds_no_formulas(bank):
    graded = Graded(bank["40"], public=outcomes(None), hidden=outcomes(0.5))
    text = table([Grade("=HYPERLINK(1)", 7, [graded]), Grade("-bob", refused="@no, 'zip'")])
    rows = list(csv.DictReader(text.splitlines()))
    assert rows[0]["name"] == "'=HYPERLINK(1)" and rows[0]["score"] == "3.0" and rows[0]["hidden"] == "1"
    assert rows[0]["first_failure"] == "40.1 wrong"
    assert rows[1]["name"] == "'-bob" and rows[1]["remarks"] == "'@no, 'zip'"


# ---------------------------------------------------------------------------------------- the command


def test_a_class_is_graded(bank, capsys):
    hand_in("anna", RIGHT, 1)
    hand_in("bob", STUB, 1)
    pack("zoe.zip", {"40_double/exercise.py": HALF, "40_double/exercise.json": note(3)})
    Path("class/broken.zip").write_text("PK")
    Path("class/grades.csv").mkdir()
    Path("roster.csv").write_text("anna,11\nbob,12\nzoe,13\n")
    command = ["grade", "class", "--exercises", "bank", "--out", "out", "--roster", "roster.csv"]
    assert main([*command, "--seed", "3", "--json"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    figures = json.loads(out)
    assert figures["seconds"] > 0 and figures["seed"] == 3
    assert figures["submissions"] == 5 and figures["graded"] == 3
    assert figures["score"] == {"anna": 6, "bob": 0, "broken": 0, "grades.csv": 0, "zoe": 3}
    assert figures["hidden"] == {"40": 2} and figures["same_number"] == []
    assert figures["refused"]["broken"] == "File is not a zip file"
    for name, score in figures["score"].items():
        found = json.loads(Path("out/submissions", name, "results.json").read_text())
        assert found["score"] == score
    rows = list(csv.DictReader(Path("out/grades.csv").read_text().splitlines()))
    assert [row["name"] for row in rows] == ["anna", "bob", "broken", "grades.csv", "zoe"]
    assert [row["number"] for row in rows] == ["11", "12", "", "", "13"]
    assert rows[0]["remarks"] == "says it is of student 1"
    assert rows[1]["first_failure"] == "40.1 double is not written yet."


def test_one_submission_is_graded_where_gradescope_looks_for_it(bank, capsys, known):
    folder = hand_in("submission", RIGHT)
    assert main(["grade", str(folder), "--exercises", "bank", "--out", "results", "--number", "7"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("submission 40: 6 of 6 · public 2/2 · hidden 2/2\n")
    assert os.listdir("results") == ["results.json"]
    first = out.split()[-1]
    assert main(["grade", str(folder), "--exercises", "bank", "--out", "results"]) == 0
    assert capsys.readouterr().out.split()[-1] != first, "the seed is drawn anew"


def test_quick_runs_and_writes_nothing(bank, capsys):
    hand_in("anna", "raise SystemExit(3)\n")
    assert main(["grade", "class", "--exercises", "bank", "--out", "out", "--quick"]) == 0
    assert capsys.readouterr().out == "anna: .\nnothing was run\n" and not Path("out").exists()


@pytest.mark.parametrize(
    "options, said",
    [
        (["nowhere"], "nowhere"),
        (["class", "--out", "class/out"], "outside of the submissions"),
        (["class", "--exercises", "class"], "expected folders such as 16_my_exercise"),
        (["class", "--roster", "nowhere"], "nowhere"),
        (["class", "--exercise", "99"], "expected an exercise among"),
        (["class", "--number", "3"], "expected one submission for a student's number, got 2"),
        (["class", "--seconds", "0"], "above 0"),
    ],
)
def test_bad_input_ends_with_one_line_and_leaves_nothing(bank, capsys, options, said):
    hand_in("anna")
    hand_in("bob")
    before = sorted(Path(".").rglob("*"))
    try:
        code = main(["grade", *options])
    except SystemExit as exit:
        code = exit.code
    out, err = capsys.readouterr()
    assert code == 2 and out == "" and err.count("\n") == 1 and said in err
    assert sorted(Path(".").rglob("*")) == before


def test_a_teachers_exercise_takes_the_place_of_the_packages_own(bank):
    assert exercises("bank")["40"].folder == Path("bank/40_double")

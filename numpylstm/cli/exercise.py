"""`numpylstm exercise list | start | check | hint | submit | build`."""

import argparse
from pathlib import Path
from typing import Any

from .common import Figures, add, natural, write_figures


def add_parser(tasks: Any) -> None:
    """The exercises' verbs with their options."""
    parser = tasks.add_parser(
        "exercise",
        help="exercises with a checker that says what is wrong",
        description="Exercises to the lessons, with a checker that says what is wrong.",
    )
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    listing = add(verbs, "list", list_command, "list all exercises")
    start = add(verbs, "start", start_command, "begin an exercise in a folder of its own", ".", "its folder")
    start.add_argument("number", metavar="N", type=two_digits, help="the exercise's number, as in the list")
    start.add_argument("--student", type=natural, metavar="N", help="your number, for personal exercises")
    check = add(verbs, "check", check_command, "say what is wrong, or that all is right")
    check.add_argument("-v", "--verbose", action="store_true", help="with the traceback, if there is one")
    hint = add(verbs, "hint", hint_command, "open the next hint: there are three, each gives more away")
    hint.add_argument("--level", type=natural, metavar="N", help="this one, from 1 (default: the next)")
    submit = add(
        verbs, "submit", submit_command, "check, and pack what is to be handed in", ".", "the zip file"
    )
    for verb in (check, hint, submit):
        verb.add_argument(
            "number",
            metavar="N",
            type=two_digits,
            nargs="?",
            help="which one (default: the last you worked on)",
        )
    build = add(verbs, "build", build_command, "make exercises of your own: strip marked solutions")
    build.add_argument("source", metavar="DIR", help="a folder NN_name with solutions, or a folder of such")
    for verb in (listing, start, check, hint, submit):
        verb.add_argument("--exercises", metavar="DIR", help="exercises of a teacher's, beside these")


def two_digits(text: str) -> str:
    """ "6", "06" and "06_lstm_backward" are all "06"."""
    number = text.rstrip("/").partition("_")[0]
    if not number.isdecimal() or not 0 <= int(number) <= 99:
        raise argparse.ArgumentTypeError(f"expected the number of an exercise, such as 06, got {text}")
    return f"{int(number):02}"


def known(args: argparse.Namespace, number: str) -> Any:
    """The exercise of this number."""
    from ..classroom import exercises

    found = exercises(args.exercises)
    if number not in found:
        more = "" if args.exercises else " (exercises of your teacher's: --exercises DIR)"
        raise ValueError(f"expected an exercise among {', '.join(found)}, got {number}{more}")
    return found[number]


def work(args: argparse.Namespace) -> tuple[Any, Path, Figures]:
    """The exercise that is being worked on, its folder, and the note in it."""
    from ..classroom.desk import find_work
    from ..classroom.exercise import read_note

    folder = find_work(args.number)
    note = read_note(folder)
    return known(args, note["exercise"][:2]), folder, note


def list_command(args: argparse.Namespace) -> tuple[Figures, str]:
    """`numpylstm exercise list`: numbers, titles, and what was started here."""
    from ..classroom import exercises
    from ..classroom.exercise import read_note

    found = exercises(args.exercises)
    started = {note["exercise"] for path in Path().iterdir() if path.is_dir() and (note := read_note(path))}
    lines = []
    for number, exercise in found.items():
        worth = f"{exercise.marks:g} marks" if exercise.marks else "practice"
        begun = "started" if exercise.name in started else ""
        lines.append(f"{number}  {exercise.title:<52}  {worth:<8}  {begun}".rstrip())
    rows = [{"exercise": each.name, "title": each.title, "marks": each.marks} for each in found.values()]
    figures = {"exercises": rows}
    write_figures(args.out, "exercises", figures)
    return figures, "\n".join([*lines, "begin one: numpylstm exercise start N"])


def start_command(args: argparse.Namespace) -> tuple[Figures, str]:
    """`numpylstm exercise start N`."""
    exercise = known(args, args.number)
    folder = exercise.start(args.out or ".", args.student)
    text = (
        f"{exercise.title}: read {folder / 'README.md'}, write in {folder / 'exercise.py'}, "
        f"then: numpylstm exercise check {exercise.number}"
    )
    return {"exercise": exercise.name, "folder": str(folder)}, text


def check_command(args: argparse.Namespace) -> tuple[Figures, str]:
    """`numpylstm exercise check [N]`."""
    report = checked(args)
    figures = report.figures()
    write_figures(args.out, "check", figures)
    return figures, report.text(args.verbose)


def checked(args: argparse.Namespace) -> Any:
    """The report on the exercise that is being worked on."""
    from ..classroom import check

    exercise, folder, note = work(args)
    return check(exercise, folder / "exercise.py", number=note.get("student"), silent=args.json)


def hint_command(args: argparse.Namespace) -> tuple[Figures, str]:
    """`numpylstm exercise hint [N]`: also without a folder, but then nobody remembers how far."""
    from ..classroom.desk import next_hint

    if args.number is None:
        exercise, folder, _ = work(args)
    else:
        exercise = known(args, args.number)
        try:
            folder = work(args)[1]
        except ValueError:
            folder = None
    level, text = next_hint(exercise, folder, args.level)
    figures = {"exercise": exercise.name, "level": level, "levels": len(exercise.hints), "hint": text}
    write_figures(args.out, "hint", figures)
    return figures, f"Hint {level} of {len(exercise.hints)} to {exercise.number} {exercise.title}\n\n{text}"


def submit_command(args: argparse.Namespace) -> tuple[Figures, str]:
    """`numpylstm exercise submit [N]`: what fails is handed in all the same, and said."""
    from ..classroom.desk import hand_in

    _, folder, _ = work(args)
    report = checked(args)
    path = hand_in(folder, args.out or ".")
    figures = report.figures() | {"file": str(path)}
    figures["public_all_passed"] = figures.pop("passed")
    return figures, f"{report.text()}\nwrote {path}: hand in this file"


def build_command(args: argparse.Namespace) -> tuple[Figures, str]:
    """`numpylstm exercise build DIR --out DIR`."""
    from ..classroom.building import build

    if not args.out:
        raise ValueError("expected --out DIR, a folder for the exercises without their solutions, got none")
    source = Path(args.source)
    folders = (
        [source] if (source / "exercise.py").is_file() else sorted(filter(_is_exercise, source.glob("*")))
    )
    if not folders:
        raise ValueError(f"expected folders such as 16_my_exercise in {source}, got none")
    built = [build(folder, args.out) for folder in folders]
    names = [exercise.name for exercise in built]
    text = f"built {', '.join(names)} in {args.out}: hand it out; it is used with --exercises {args.out}"
    return {"exercises": names}, text


def _is_exercise(path: Path) -> bool:
    from ..classroom.exercise import NAME

    return path.is_dir() and NAME.fullmatch(path.name) is not None

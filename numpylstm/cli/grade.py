"""`numpylstm grade`: run public and hidden checks on what students have handed in."""

import argparse
import secrets
from pathlib import Path
from typing import Any

from ..tasks.run import open_run, progress_bar
from .common import Figures, add, natural, positive, remark

DEFAULT = "runs/grades"


def add_parser(tasks: Any) -> None:
    grade = add(
        tasks, "grade", grade_command, "grade what students have handed in", DEFAULT, what="the results"
    )
    grade.add_argument(
        "submissions",
        metavar="DIR",
        help="one submission (exercise.py and exercise.json), or folders and zips, one a student",
    )
    grade.add_argument("--exercises", metavar="DIR", help="folder with exercises of your own")
    grade.add_argument(
        "--exercise", metavar="N", help="all are of this exercise, whatever they say of themselves"
    )
    students = grade.add_mutually_exclusive_group()
    students.add_argument(
        "--roster", metavar="FILE", help="CSV of name, number: a submission's and a student's"
    )
    students.add_argument("--number", type=natural, metavar="N", help="the student's, of a single submission")
    grade.add_argument(
        "--seconds",
        type=positive,
        default=60.0,
        metavar="S",
        help="for the public checks of an exercise, and for the hidden ones (default: 60)",
    )
    grade.add_argument(
        "--memory", type=positive, default=2048, metavar="MB", help="of address space (default: 2048)"
    )
    # Who knows the seed knows the hidden checks' numbers.
    grade.set_defaults(seed=None)
    for action in grade._actions:
        if action.dest == "seed":
            action.help = "of the hidden checks (default: drawn anew, and told)"
        if action.dest == "quick":
            action.help = "only say what there is to grade: nothing is run and nothing written"


def grade_command(args: argparse.Namespace) -> tuple[Figures, str]:
    """`numpylstm grade`: results.json for each submission, grades.csv for many."""
    from ..classroom import exercises
    from ..classroom.grading import Grade, grade, right, same_numbers, write_results, write_table
    from ..classroom.handed_in import ignored, is_one, read_roster, submissions

    bank = exercises(args.exercises)
    only = None if args.exercise is None else args.exercise[:2].zfill(2)
    roster = read_roster(args.roster) if args.roster else None
    folder, out = Path(args.submissions), Path(args.out or DEFAULT)
    handed_in = submissions(folder)
    if out.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"expected --out DIR outside of the submissions in {folder}, got {out}")
    seed = secrets.randbits(32) if args.seed is None else args.seed
    for name in ignored(folder):
        remark(f"{name} is neither a folder nor a zip, and is left out")
    figures: Figures = {"submissions": len(handed_in), "graded": 0, "score": {}, "hidden": {}, "seed": seed}
    if args.quick:
        lines = [f"{one.name}: {one.refused or ', '.join(one.files)}" for one in handed_in]
        return figures, "\n".join([*lines, "nothing was run"])

    single = is_one(folder)
    with open_run(out), progress_bar(len(handed_in), " submissions") as bar:

        def done(one: Grade) -> None:
            write_results(one, out if single else out / "submissions" / one.name)
            bar.update(1)

        limits = {"total": args.seconds, "memory": int(args.memory) << 20}
        grades = grade(
            handed_in,
            bank,
            seed=seed,
            roster=roster,
            number=args.number,
            only=only,
            done=done,
            seconds=min(10.0, args.seconds),
            **limits,
        )
        if not single:
            write_table(grades, out)

    lines = []
    for one in grades:
        if one.refused is not None:
            lines.append(f"{one.name}: not graded: {one.refused}")
        for graded in one.graded:
            exercise, marks = graded.exercise, graded.exercise.marks
            points = f"{graded.score:g} of {marks:g}" if marks else "practice, not marked"
            passed = f"public {right(graded.public)}/{len(graded.public)}"
            passed += f" · hidden {right(graded.hidden)}/{len(graded.hidden)}"
            lines.append(f"{one.name} {exercise.number}: {points} · {graded.refused or passed}")
        lines += [f"{one.name}: {text}" for text in one.remarks if one.refused is None]
    same = same_numbers(grades)
    lines += [f"of the same student's number: {', '.join(names)}" for names in same]
    figures |= {
        "graded": sum(one.refused is None for one in grades),
        "score": {one.name: round(one.score, 6) for one in grades},
        "hidden": {
            graded.exercise.number: len(graded.exercise.hidden) for one in grades for graded in one.graded
        },
        "refused": {one.name: one.refused for one in grades if one.refused is not None},
        "same_number": same,
    }
    return figures, "\n".join([*lines, f"results are in {out}; hidden checks under seed {seed}"])

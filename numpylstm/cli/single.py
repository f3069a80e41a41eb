"""The commands without verbs: `numpylstm sine`, `digits`, `gradcheck`, `report` and `doctor`."""

import argparse
from contextlib import nullcontext
from typing import Any

from ..tasks.run import open_run, write_run
from .common import Figures, add, closing, ending, remark, signed, write_figures


def add_parser(tasks: Any) -> None:
    """The tasks of a single command, before those with verbs."""
    sine = add(tasks, "sine", sine_command, "learn a sine wave, then hold the tone running free", "runs/sine")
    sine.add_argument(
        "--recipe",
        choices=("default", "reference"),
        default="default",
        help="default: holds the tone; reference: a well-known notebook's setting, with its slip",
    )

    digits = add(tasks, "digits", digits_command, "recognise handwritten digits with an MLP", "runs/digits")
    digits.add_argument(
        "--data",
        metavar="DIR",
        help="folder with MNIST's IDX files, gzip or not; default: scikit-learn's digits",
    )

    add(tasks, "gradcheck", gradcheck_command, "check every gradient of every layer against the complex step")


def add_report(tasks: Any) -> None:
    """The page of a run."""
    report = add(tasks, "report", report_command, "write report.html, one page of everything in a run folder")
    report.add_argument("run", metavar="DIR", help="run folder of any task")


def add_doctor(tasks: Any) -> None:
    """The look at the machine."""
    add(tasks, "doctor", doctor_command, "look whether this machine is well, and say what to do if it is not")


def sine_command(args: argparse.Namespace) -> tuple[Figures, str]:
    """`numpylstm sine`: train by a recipe, run free, draw both."""
    from .. import plots
    from ..tasks import sine

    with open_run(args.out or "runs/sine") as folder:
        result = sine.run(args.recipe, args.seed, args.quick)
        figures = result.figures | ending(result.history)
        config = {"task": "sine", "recipe": args.recipe, "seed": args.seed, "quick": args.quick}
        write_run(folder, result.net, result.history, config, figures)
        tone = (
            f"frequency {signed(figures['frequency_error_ppm'], 'ppm')}, "
            f"amplitude {signed(figures['amplitude_error_percent'], '%')}"
        )
        free = len(result.truth) - sine.PRIMED
        title = f"Free run of {free} samples after {sine.PRIMED} of priming: {tone}"
        picture = plots.sine(result.history, result.truth, result.free_run, sine.PRIMED, title)
        plots.save_figure(picture, folder / "sine.png")
    lines = [f"free run of {free} samples, off by: {tone}"]
    if "dev_mse" in figures:
        lines = [
            f"error on unseen windows: {figures['dev_mse_before_refit']:.3e} after the notebook's training, "
            f"{figures['dev_mse']:.3e} with the read-out refitted (the noise alone is 4.0e-04)",
            f"one batch of 128 windows, squared error after 120 updates: {figures['one_batch_sse']:.3f}",
            *lines,
            "the slip: the target lies two samples ahead, the free run writes it one sample ahead",
        ]
    return figures, "\n".join([*lines, closing(folder, figures["seconds"])])


def digits_command(args: argparse.Namespace) -> tuple[Figures, str]:
    """`numpylstm digits`: train the MLP and show what it got wrong."""
    from .. import plots
    from ..tasks import digits

    data = digits.load_digits(args.data, args.seed)
    with open_run(args.out or "runs/digits") as folder:
        remark(
            f"{len(data.train_labels)} digits to train on, {len(data.test_labels)} held out: {data.source}"
        )
        result = digits.train(data, seed=args.seed, quick=args.quick)
        figures = result.figures | ending(result.history)
        config = {"task": "digits", "data": args.data, "source": data.source, "seed": args.seed}
        config |= {"quick": args.quick}
        write_run(folder, result.net, result.history, config, figures)
        accuracy = figures["accuracy"]
        picture = plots.digits(result.history, data.test_images, data.test_labels, result.guesses, accuracy)
        plots.save_figure(picture, folder / "digits.png")
    lines = [f"{100 * accuracy:.2f} % of {len(data.test_labels)} held-out digits right"]
    return figures, "\n".join([*lines, closing(folder, figures["seconds"])])


def gradcheck_command(args: argparse.Namespace) -> tuple[Figures, str]:
    """`numpylstm gradcheck`: the table of every layer and option."""
    from ..files import write_text
    from ..tasks import gradients

    with open_run(args.out) if args.out else nullcontext() as folder:
        rows = gradients.check_all(args.seed, args.quick)
        figures = {"max_error": gradients.worst(rows), "passed": all(row.passed for row in rows)}
        figures |= {"checks": len(rows)}
        table = gradients.table(rows)
        if folder is not None:
            write_text(folder / "gradcheck.txt", table + "\n")
            write_figures(args.out, "gradcheck", figures)
    return figures, table


def report_command(args: argparse.Namespace) -> tuple[Figures, str]:
    """`numpylstm report`: the page of a run folder."""
    from .. import report

    figures = report.write_report(args.run)
    write_figures(args.out, "report", figures)
    return figures, f"wrote {figures['report']}, {figures['bytes'] / 1e6:.1f} MB: open it in a browser"


def doctor_command(args: argparse.Namespace) -> tuple[Figures, str]:
    """`numpylstm doctor`: one screen on the machine, and a remedy for each problem."""
    from .. import doctor

    findings = doctor.examine(args.out or "runs")
    figures = doctor.figures(findings)
    write_figures(args.out, "doctor", figures)
    return figures, doctor.screen(findings)

"""The command `numpylstm TASK VERB ...`.

Every command takes --seed, --threads, --out, --quick and --json. Figures go to standard output, in words or
as one line of JSON; progress and remarks go to standard error. Bad input ends with one plain line and exit
code 2.
"""

import argparse
import json
import math
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NoReturn

from . import __version__
from .tasks.run import find_model, finite, open_run, write_run

Figures = dict[str, Any]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code.

    0, 1 if a check failed or a training diverged, 2 for bad input, 130 if interrupted.
    """
    args = build_parser().parse_args(argv)
    started = time.perf_counter()
    try:
        from .threads import set_threads

        if args.threads is not None and not set_threads(args.threads):
            remark("--threads has no effect: this NumPy uses no OpenBLAS of its own")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a training that diverges is told below
            figures, sentences = args.command(args)
        figures = {"seconds": time.perf_counter() - started, "seed": args.seed} | figures
        print(json.dumps(finite(figures), default=float) if args.json else sentences, flush=True)
    except KeyboardInterrupt:
        remark("interrupted")
        return 130
    except BrokenPipeError:
        # Whoever read the output has heard enough; nothing more may be written to it, not even at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ValueError, OSError, MemoryError) as error:
        remark(f"numpylstm: {one_line(error)}")
        return 2
    if figures.get("stopped"):
        remark(str(figures["stopped"]))
    return 1 if figures.get("diverged") or not figures.get("passed", True) else 0


def remark(text: str) -> None:
    print(text, file=sys.stderr)


def one_line(error: object) -> str:
    return " ".join(str(error).split()) or type(error).__name__


# ------------------------------------------------------------------------ the commands


def sine_command(args: argparse.Namespace) -> tuple[Figures, str]:
    """`numpylstm sine`: train by a recipe, run free, draw both."""
    from . import plots
    from .tasks import sine

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


def filter_train_command(args: argparse.Namespace) -> tuple[Figures, str]:
    """`numpylstm filter train`: learn the map between two recordings."""
    from .tasks import filtering

    if (args.input is None) != (args.target is None):
        raise ValueError(
            "expected INPUT and TARGET, or neither for the built-in plucked string, got one file"
        )
    if args.input is None:
        recording = filtering.built_in_recording()
    else:
        recording = filtering.load_recording(args.input, args.target)
        filtering.check_parts(recording, args.target)
    with open_run(args.out or "runs/filter") as folder:
        if args.input is None:
            remark("no files given: learning to copy a built-in recording of a plucked string")
        result, figures = train_filter(args, recording, folder)
    return figures, "\n".join([*in_words(result), closing(folder, figures["seconds"])])


def filter_demo_command(args: argparse.Namespace) -> tuple[Figures, str]:
    """`numpylstm filter demo`: learn a built-in box from built-in notes, and leave sound to compare."""
    from .audio import wav
    from .tasks import filtering

    args.input = args.target = None
    with open_run(args.out or "runs/demo") as folder:
        recording = filtering.demo_recording()
        result, figures = train_filter(args, recording, folder)
        start = len(recording.input) - len(result.output)
        sounds = {"input": recording.input[start:], "target": result.target, "output": result.output}
        for name, samples in sounds.items():
            wav.write(folder / f"{name}.wav", samples, result.rate)
    lines = [*in_words(result), "listen to target.wav and output.wav: can you tell them apart?"]
    return figures, "\n".join([*lines, closing(folder, figures["seconds"])])


def train_filter(args: argparse.Namespace, recording: Any, folder: Path) -> tuple[Any, Figures]:
    """Train, and write the run folder."""
    from . import plots
    from .tasks import filtering

    for sentence in recording.remarks:
        remark(sentence)
    options = {"cell": args.cell, "hidden_size": args.hidden_size, "residual": args.residual}
    options |= {"pre_emphasis": args.pre_emphasis, "iterations": args.iterations}
    result = filtering.train(recording, **options, seed=args.seed, quick=args.quick)
    config = {"task": "filter", "input": args.input, "target": args.target, "rate": result.rate, **options}
    config |= {"seed": args.seed, "quick": args.quick, "remarks": list(recording.remarks)}
    figures = result.figures | ending(result.history)
    write_run(folder, result.net, result.history, config, figures, filtering.beside_the_model(result))
    picture = plots.filtering(result.history, result.target, result.output, result.rate, figures["esr_db"])
    plots.save_figure(picture, folder / "filter.png")
    return result, figures


def in_words(result: Any) -> list[str]:
    """The figures of a trained filter."""
    from .tasks import filtering

    held_out = len(result.target) / result.rate
    return [
        f"what suits the material: {result.chosen}",
        f"error-to-signal ratio on the last {held_out:.1f} s, which it was not trained on: "
        f"{filtering.describe(result.figures['esr_db'])}",
        f"speed: {result.figures['real_time_factor']:.1f} times real time",
    ]


def filter_stream_command(args: argparse.Namespace) -> tuple[Figures, str]:
    """`numpylstm filter stream`: a file through a model block by block, with the clock running."""
    from .audio import wav
    from .tasks import filtering, live

    net, rate = filtering.load(args.model)
    audio = wav.read(args.input)
    filtering.check_rate(rate, audio.rate, args.input)
    if args.output:
        filtering.check_another(args.output, args.input, "the input")
    samples = wav.mono(audio.samples)
    output, meter = live.simulate(net, samples, audio.rate, args.block)
    whole, _ = filtering.run_file(net, samples[:, None], audio.rate)
    figures = meter.figures()
    figures["difference"] = float(abs(output - whole.clip(-1, 1)[:, 0]).max())
    if args.output:
        wav.write(args.output, output, audio.rate, audio.subtype)
    write_figures(args.out, "stream", figures)
    return figures, "\n".join(
        [
            *blocks_in_words(figures),
            f"largest difference to the whole file at once: {figures['difference']:.1e}",
        ]
    )


def filter_live_command(args: argparse.Namespace) -> tuple[Figures, str]:
    """`numpylstm filter live`: microphone to loudspeaker, or a simulated sound card."""
    from .datasets import plucked_string
    from .tasks import filtering, live

    net, rate = filtering.load(args.model)
    rate = rate or 48_000
    simulated = args.simulate or live.find_sound_card() is None
    if simulated:
        why = "as asked for" if args.simulate else "no sound card (or no sounddevice library) was found"
        remark(f"simulated sound card, {why}: a built-in plucked string goes through the same code")
        samples = plucked_string(rate=rate, seconds=args.seconds)
        meter = live.simulate(net, samples, rate, args.block)[1]
    else:
        remark(f"microphone to loudspeaker for {args.seconds:g} s at {rate} Hz; mind the feedback")
        meter = live.live(net, rate, args.seconds, args.block)
    for sentence in sorted(set(meter.remarks)):
        remark(f"the sound card says: {sentence}")
    figures = meter.figures() | {"simulated": simulated}
    write_figures(args.out, "live", figures)
    return figures, "\n".join(blocks_in_words(figures))


def blocks_in_words(figures: Figures) -> list[str]:
    return [
        f"{figures['blocks']} blocks of {figures['block']} samples ({figures['block_ms']:.2f} ms) at "
        f"{figures['rate']} Hz: {figures['real_time_factor']:.1f} times real time",
        f"99 of 100 blocks took at most {figures['p99_ms']:.2f} ms; {figures['late_blocks']} took longer "
        "than they last",
    ]


def filter_apply_command(args: argparse.Namespace) -> tuple[Figures, str]:
    """`numpylstm filter apply`: run a file through a model."""
    from .tasks import filtering

    figures = filtering.apply(args.model, args.input, args.output)
    write_figures(args.out, "apply", figures)
    lines = [f"wrote {args.output}: {figures['samples']} samples at {figures['rate']} Hz"]
    if figures["clipped"]:
        lines.append(f"{figures['clipped']} samples were beyond full scale and were clipped")
    return figures, "\n".join(lines)


def filter_eval_command(args: argparse.Namespace) -> tuple[Figures, str]:
    """`numpylstm filter eval`: measure a model on two recordings."""
    from .tasks import filtering

    figures = filtering.evaluate(args.model, args.input, args.target)
    for sentence in figures["remarks"]:
        remark(sentence)
    write_figures(args.out, "eval", figures)
    return figures, f"error-to-signal ratio: {filtering.describe(figures['esr_db'])}"


def filter_export_command(args: argparse.Namespace) -> tuple[Figures, str]:
    """`numpylstm filter export`: write a model as a file that guitar plug-ins play."""
    from . import interop
    from .tasks import filtering

    net, rate = filtering.load(args.model)
    filtering.check_another(args.file, find_model(args.model), "the model")
    remarks = interop.save(net, args.file, format=args.format, rate=rate)
    for sentence in remarks:
        remark(sentence)
    figures = {"format": args.format, "rate": rate, "remarks": remarks}
    write_figures(args.out, "export", figures)
    return figures, f"wrote {args.file}, format {args.format}"


def filter_import_command(args: argparse.Namespace) -> tuple[Figures, str]:
    """`numpylstm filter import`: a plug-in file as a run folder."""
    from . import interop
    from .history import History

    model = interop.read(args.file)
    if model.channels != (1, 1):
        raise ValueError(
            f"expected a network from one sample to one sample, got one from {model.channels[0]} inputs "
            f"to {model.channels[1]} outputs in {args.file}"
        )
    with open_run(args.out or "runs/import") as folder:
        figures = {"format": model.format, "rate": model.rate, "remarks": model.remarks}
        figures |= {"parameters": model.net.theta.size, "answer_error": model.answer_error}
        config = {"task": "filter", "imported": args.file, "rate": model.rate, "seed": args.seed}
        write_run(folder, model.net, History(), config, figures, {"task": "filter", "rate": model.rate})
    for sentence in model.remarks:
        remark(sentence)
    known = "not said" if model.rate is None else f"{model.rate} Hz"
    lines = [f"read {args.file}, format {model.format}, {model.net.theta.size} parameters, rate: {known}"]
    if model.answer_error is not None:
        lines.append(f"its known answer comes out to within {model.answer_error:.1e}")
    return figures, "\n".join([*lines, f"the model is in {folder}"])


def generate_train_command(args: argparse.Namespace) -> tuple[Figures, str]:
    """`numpylstm generate train`: learn to go on like a corpus."""
    from . import plots
    from .tasks import generation
    from .tasks.play import SoundResult

    kind = args.kind or generation.choose_kind(args.corpus)
    names = {name for kind in generation.KINDS for name in generation.options_of(kind)}
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    options = generation.choose_options(kind, given)
    corpus = generation.load_corpus(kind, args.corpus, options.get("rate"))
    with open_run(args.out or "runs/generate") as folder:
        if not args.corpus:
            remark("no files given: learning from a built-in minute of plucked melodies")
        elif not args.kind:
            remark(f"learning {kind}, as the files of the corpus are; --kind says otherwise")
        result = generation.train(kind, corpus, options, args.seed, args.quick)
        config = {"task": "generate", "kind": kind, "corpus": args.corpus, **options}
        config |= {"seed": args.seed, "quick": args.quick}
        figures: Figures = {"kind": kind} | result.figures | ending(result.history)
        model = result.model
        write_run(folder, model.net, result.history, config, figures, model.extra(), model.arrays())
        if isinstance(result, SoundResult):
            rate, report = result.rate, result.report
            verdict = "alive" if report.alive else f"not alive ({', '.join(report.failed)})"
            title = f"{len(result.seed) / rate:.3g} s of held-out sound, and how it goes on: {verdict}"
            picture = plots.continuation(result.history, result.seed, result.continuation, rate, title)
            seconds = len(result.continuation) / rate
            lines = [f"{seconds:.3g} s generated, judged by sound that was held out:", str(report)]
        else:
            picture = plots.learning_curve(result.history)
            lines = [
                f"on the last tenth, which was not trained on: {figures['dev_cross_entropy']:.3f} nats a "
                f"token, of {math.log(figures['vocabulary']):.3f} for a guess; "
                f"{100 * figures['dev_accuracy']:.1f} % of the tokens right"
            ]
        plots.save_figure(picture, folder / "generate.png")
    return figures, "\n".join([*lines, closing(folder, figures["seconds"])])


def generate_sample_command(args: argparse.Namespace) -> tuple[Figures, str]:
    """`numpylstm generate sample`: let a model run free into a file."""
    from .tasks import generation

    figures, report = generation.sample(
        args.model, args.output, seconds=args.seconds, temperature=args.temperature, seed=args.seed
    )
    write_figures(args.out, "sample", figures)
    if report is None:
        what = "characters" if figures["kind"] == "text" else "notes"
        return figures, f"wrote {args.output}: {figures['tokens']} {what}"
    lines = [f"wrote {args.output}: {figures['samples']} samples at {figures['rate']} Hz", str(report)]
    if figures["clipped"]:
        lines.append(f"{figures['clipped']} samples were beyond full scale and were clipped")
    return figures, "\n".join(lines)


def digits_command(args: argparse.Namespace) -> tuple[Figures, str]:
    """`numpylstm digits`: train the MLP and show what it got wrong."""
    from . import plots
    from .tasks import digits

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
    from .files import write_text
    from .tasks import gradients

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
    from . import report

    figures = report.write_report(args.run)
    write_figures(args.out, "report", figures)
    return figures, f"wrote {figures['report']}, {figures['bytes'] / 1e6:.1f} MB: open it in a browser"


def write_figures(out: str | None, name: str, figures: Figures) -> None:
    """The figures of a command that trains nothing, in the folder asked for, if one was."""
    from .files import write_json

    if out:
        with open_run(out) as folder:
            write_json(folder / f"{name}.json", finite(figures))


def signed(value: float, unit: str) -> str:
    if math.isnan(value):
        return "not measurable"
    return f"{value:+,.0f} {unit}" if abs(value) >= 100 else f"{value:+.3g} {unit}"


def closing(folder: Path, seconds: float) -> str:
    return f"{seconds:.1f} s; figures and model are in {folder}"


def ending(history: Any) -> Figures:
    """How a training ended, for those who only see the figures."""
    return {"stopped": history.stopped, "diverged": history.diverged} if history.stopped else {}


# ------------------------------------------------------------------------ the words it takes


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; the usage is in the help."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {one_line(message)}; see {self.prog} --help\n")


def build_parser() -> argparse.ArgumentParser:
    """All tasks and verbs with their options and help texts."""
    parser = Parser(
        prog="numpylstm",
        description="Recurrent networks in pure NumPy. `numpylstm sine` shows everything at work.",
    )
    parser.add_argument("--version", action="version", version=f"numpylstm {__version__}")
    tasks = parser.add_subparsers(title="tasks", metavar="TASK", required=True)

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

    filters = tasks.add_parser("filter", help="learn what a box does to sound, from before and after")
    verbs = filters.add_subparsers(title="verbs", metavar="VERB", required=True)
    train = add(verbs, "train", filter_train_command, "learn the map from INPUT to TARGET", "runs/filter")
    train.add_argument("input", metavar="INPUT", nargs="?", help="recording before the box (WAV or FLAC)")
    train.add_argument("target", metavar="TARGET", nargs="?", help="the same recording after it")
    demo = add(
        verbs, "demo", filter_demo_command, "learn a built-in box, and leave sound to listen to", "runs/demo"
    )
    for verb in (train, demo):
        add_filter_options(verb)
    apply = add(verbs, "apply", filter_apply_command, "run a file through a trained model")
    apply.add_argument("model", metavar="MODEL", help="run folder or model file")
    apply.add_argument("input", metavar="INPUT", help="recording to run through it")
    apply.add_argument("output", metavar="OUTPUT", help="file to write, of the same length and rate")
    evaluate = add(verbs, "eval", filter_eval_command, "measure a model on a pair of recordings")
    evaluate.add_argument("model", metavar="MODEL", help="run folder or model file")
    evaluate.add_argument("input", metavar="INPUT", help="recording before the box")
    evaluate.add_argument("target", metavar="TARGET", help="the same recording after it")
    stream = add(verbs, "stream", filter_stream_command, "run a file through a model in blocks, by the clock")
    stream.add_argument("model", metavar="MODEL", help="run folder or model file")
    stream.add_argument("input", metavar="INPUT", help="recording; channels are averaged to one")
    stream.add_argument("output", metavar="OUTPUT", nargs="?", help="file to write (default: none)")
    live = add(verbs, "live", filter_live_command, "microphone to loudspeaker through a model")
    live.add_argument("model", metavar="MODEL", help="run folder or model file")
    live.add_argument("--seconds", type=positive, default=10.0, metavar="S", help="how long (default: 10)")
    live.add_argument(
        "--simulate", action="store_true", help="no sound card: a plucked string through the same code"
    )
    for verb in (stream, live):
        verb.add_argument(
            "--block", type=int, default=480, metavar="N", help="samples in a block (default: 480)"
        )
    export = add(verbs, "export", filter_export_command, "write a model as a plug-in file")
    export.add_argument("model", metavar="MODEL", help="run folder or model file")
    export.add_argument("file", metavar="FILE", help="plug-in file to write")
    export.add_argument(
        "--format",
        required=True,
        choices=("nam", "rtneural", "aidax", "guitarml"),
        help="nam: Neural Amp Modeler; aidax: AIDA-X; guitarml: Proteus and NeuralPi; rtneural: RTNeural",
    )
    importer = add(
        verbs, "import", filter_import_command, "read a plug-in file into a run folder", "runs/import"
    )
    importer.add_argument("file", metavar="FILE", help="plug-in file of any of export's formats")

    generate = tasks.add_parser("generate", help="learn from sound, notes or text, and go on like it")
    verbs = generate.add_subparsers(title="verbs", metavar="VERB", required=True)
    train = add(verbs, "train", generate_train_command, "learn to go on like CORPUS", "runs/generate")
    train.add_argument(
        "corpus",
        metavar="CORPUS",
        nargs="*",
        help="audio, MIDI or text files, and folders of them; default: built-in plucked melodies",
    )
    train.add_argument(
        "--kind",
        choices=("samples", "spectra", "notes", "text"),
        help="what is learnt; samples and spectra from audio, notes from MIDI files "
        "(default: by the files; samples for audio)",
    )
    train.add_argument(
        "--cell", choices=("lstm", "gru"), help="recurrent layers (default: gru for samples, else lstm)"
    )
    train.add_argument("--layers", type=int, metavar="N", help="how many, 1 to 5 (default: 1)")
    train.add_argument("--hidden-size", type=int, metavar="N", help="units of each (default: 128)")
    train.add_argument(
        "--concat",
        action=argparse.BooleanOptionalAction,
        help="let an MLP read all layers at once (default: no)",
    )
    train.add_argument(
        "--updates",
        type=natural,
        metavar="N",
        help="in all (default: 2400 for samples, 800 for spectra, 1500 for notes and text)",
    )
    train.add_argument(
        "--rate",
        type=int,
        metavar="HZ",
        help="what audio is resampled to (default: 4000 for samples, 16000 for spectra)",
    )
    train.add_argument(
        "--codewords", type=natural, metavar="N", help="spectra: how many there are (default: 64)"
    )
    train.add_argument(
        "--head",
        choices=("softmax", "scalar", "mlp"),
        help="samples: softmax, how likely each class is (default); scalar, mlp, the mean of the next, "
        "for comparison",
    )
    train.add_argument("--classes", type=int, metavar="N", help="samples: of the mu-law (default: 64)")
    train.add_argument(
        "--batches",
        choices=("lanes", "random", "shifted"),
        help="samples: long lanes with the state carried (default); windows at random, or one sample after "
        "the other",
    )
    train.add_argument(
        "--noise", type=float, metavar="X", help="samples: on the input, of full scale (default: 0.03)"
    )
    sample = add(verbs, "sample", generate_sample_command, "let a trained model run free into a file")
    sample.add_argument("model", metavar="MODEL", help="run folder or model file")
    sample.add_argument("output", metavar="OUTPUT", help="file to write: audio, .mid or text")
    sample.add_argument("--seconds", type=float, default=10.0, metavar="S", help="how long (default: 10)")
    sample.add_argument(
        "--temperature",
        type=float,
        metavar="T",
        help="below 1 cleaner, above 1 wilder (default: what the training chose)",
    )

    report = add(tasks, "report", report_command, "write report.html, one page of everything in a run folder")
    report.add_argument("run", metavar="DIR", help="run folder of any task")
    return parser


def add_filter_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cell", choices=("lstm", "gru"), default="lstm", help="recurrent layer (default: lstm)"
    )
    parser.add_argument("--hidden-size", type=int, default=24, metavar="N", help="its units (default: 24)")
    parser.add_argument(
        "--residual",
        action=argparse.BooleanOptionalAction,
        help="learn only the difference between TARGET and INPUT (default: a short trial decides)",
    )
    parser.add_argument(
        "--pre-emphasis",
        type=float,
        default=0.0,
        metavar="P",
        help="from 0 to below 1: how much more errors at high frequencies count (default: 0)",
    )
    parser.add_argument(
        "--iterations", type=int, default=300, metavar="N", help="of L-BFGS, at most (default: 300)"
    )


def add(
    group: Any, name: str, command: Callable[..., tuple[Figures, str]], text: str, runs: str | None = None
) -> argparse.ArgumentParser:
    """A command with the options that all of them share."""
    parser: argparse.ArgumentParser = group.add_parser(
        name, help=text, description=text[0].upper() + text[1:] + "."
    )
    parser.set_defaults(command=command)
    out = (
        f"folder for figures and model (default: {runs})"
        if runs
        else "folder for the figures (default: none)"
    )
    parser.add_argument(
        "--seed", type=natural, default=0, metavar="N", help="of everything random (default: 0)"
    )
    parser.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="threads of the matrix products (default: as many as their size is worth)",
    )
    parser.add_argument("--out", metavar="DIR", help=out)
    parser.add_argument(
        "--quick", action="store_true", help="a short form that only shows that everything runs"
    )
    parser.add_argument(
        "--json", action="store_true", help="print the figures as one line of JSON, nothing else"
    )
    return parser


def positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
    return value


def natural(text: str) -> int:
    value = int(text) if text.isdecimal() else -1
    if value < 0:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 0, got {text}")
    return value

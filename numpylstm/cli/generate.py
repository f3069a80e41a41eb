"""The commands `numpylstm generate ...`."""

import argparse
import math
from typing import Any

from ..tasks.run import open_run, write_run
from .common import Figures, add, closing, ending, natural, remark, write_figures


def add_parser(tasks: Any) -> None:
    """Verbs and options."""
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


def generate_train_command(args: argparse.Namespace) -> tuple[Figures, str]:
    """`numpylstm generate train`: learn to go on like a corpus."""
    from .. import plots
    from ..tasks import generation
    from ..tasks.play import SoundResult

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
    from ..tasks import generation

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

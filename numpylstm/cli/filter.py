"""The commands `numpylstm filter ...`."""

import argparse
from pathlib import Path
from typing import Any

from ..tasks.run import find_model, open_run, write_run
from .common import Figures, add, closing, ending, positive, remark, write_figures


def add_parser(tasks: Any) -> None:
    """Verbs and options."""
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


def filter_train_command(args: argparse.Namespace) -> tuple[Figures, str]:
    """`numpylstm filter train`: learn the map between two recordings."""
    from ..tasks import filtering

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
    from ..audio import wav
    from ..tasks import filtering

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
    from .. import plots
    from ..tasks import filtering

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
    from ..tasks import filtering

    held_out = len(result.target) / result.rate
    return [
        f"what suits the material: {result.chosen}",
        f"error-to-signal ratio on the last {held_out:.1f} s, which it was not trained on: "
        f"{filtering.describe(result.figures['esr_db'])}",
        f"speed: {result.figures['real_time_factor']:.1f} times real time",
    ]


def filter_stream_command(args: argparse.Namespace) -> tuple[Figures, str]:
    """`numpylstm filter stream`: a file through a model block by block, with the clock running."""
    from ..audio import wav
    from ..tasks import filtering, live

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
    from ..datasets import plucked_string
    from ..tasks import filtering, live

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
    from ..tasks import filtering

    figures = filtering.apply(args.model, args.input, args.output)
    write_figures(args.out, "apply", figures)
    lines = [f"wrote {args.output}: {figures['samples']} samples at {figures['rate']} Hz"]
    if figures["clipped"]:
        lines.append(f"{figures['clipped']} samples were beyond full scale and were clipped")
    return figures, "\n".join(lines)


def filter_eval_command(args: argparse.Namespace) -> tuple[Figures, str]:
    """`numpylstm filter eval`: measure a model on two recordings."""
    from ..tasks import filtering

    figures = filtering.evaluate(args.model, args.input, args.target)
    for sentence in figures["remarks"]:
        remark(sentence)
    write_figures(args.out, "eval", figures)
    return figures, f"error-to-signal ratio: {filtering.describe(figures['esr_db'])}"


def filter_export_command(args: argparse.Namespace) -> tuple[Figures, str]:
    """`numpylstm filter export`: write a model as a file that guitar plug-ins play."""
    from .. import interop
    from ..tasks import filtering

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
    from .. import interop
    from ..history import History

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

"""The commands `numpylstm separate ...`."""

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ..tasks.run import open_run, write_run
from .common import Figures, add, closing, ending, natural, positive

SYNTHETIC, SHIPPED = "synthetic", "shipped"

OF_THE_RECIPE = (
    "updates",
    "lr",
    "clips",
    "frames",
    "batch",
    "gamma",
    "loss",
    "target",
    "optimizer",
    "softness",
)
OF_PUBLISHED = ("cell", "layers", "recurrent", "hidden_size", "context")


def add_parser(tasks: Any) -> None:
    """Verbs and options."""
    separate = tasks.add_parser("separate", help="take a song apart into voice and accompaniment")
    verbs = separate.add_subparsers(title="verbs", metavar="VERB", required=True)

    apply = add(
        verbs, "apply", apply_command, "write voice.wav and accompaniment.wav", "runs/separate", "both files"
    )
    apply.add_argument("song", metavar="SONG", help="recording of any rate, length and number of channels")
    apply.add_argument(
        "--model", metavar="MODEL", help="run folder or model file (default: the built-in one)"
    )
    apply.add_argument(
        "--streaming",
        action="store_true",
        help="with the built-in network that does not look ahead: the voice comes 64 ms after the sound",
    )

    train = add(verbs, "train", train_command, "learn to tell voice from accompaniment", "runs/separation")
    train.add_argument(
        "--data",
        metavar="DIR",
        nargs="+",
        default=[SYNTHETIC],
        help="folders of MIR-1K, iKala, MUSDB or pairs of stems, and `synthetic` for singers that are made "
        "(default: synthetic alone)",
    )
    train.add_argument(
        "--list", metavar="FILE", help="names of the clips to train on, one a line, or MIR-1K's own: train"
    )
    train.add_argument(
        "--leave-out", metavar="SINGER", help="a singer not to train on, but to measure with in the end"
    )
    train.add_argument(
        "--recipe",
        choices=("best", "adapted", "bands", "causal", "quick", "published", "wvpnn", "cvpnn"),
        default="best",
        help="best: both directions; adapted: from the built-in network on, with clips of your own; "
        "bands: bands that share their weights, with clips of your own from the start; causal: without "
        "lookahead; quick: a minute; published: deep recurrent, as in 2014; wvpnn, cvpnn: "
        "vector products over frames, over colours (default: best)",
    )
    train.add_argument(
        "--updates", type=natural, metavar="N", help="in all, to the next 100 (default: the recipe's)"
    )
    train.add_argument(
        "--start", metavar="MODEL", help="go on from this network, or `shipped`, the built-in one"
    )
    train.add_argument("--lr", type=positive, metavar="X", help="learning rate (default: the recipe's)")
    train.add_argument(
        "--softness", type=positive, metavar="X", help="in the end, what all scores are multiplied by"
    )
    train.add_argument("--clips", type=natural, metavar="N", help="synthetic ones (default: the recipe's)")
    train.add_argument("--frames", type=natural, metavar="N", help="of a sequence (default: the recipe's)")
    train.add_argument("--batch", type=natural, metavar="N", help="sequences in a minibatch")
    train.add_argument("--gamma", type=float, metavar="X", help="of the discriminative loss, 0 to below 1")
    train.add_argument("--loss", choices=("mse", "kl"), help="squared error, or generalised KL divergence")
    train.add_argument(
        "--target", choices=("phase", "magnitude"), help="what is in phase with the mixture, or magnitudes"
    )
    train.add_argument(
        "--optimizer", choices=("adam", "lbfgs"), help="lbfgs: on batches of 8 minibatches, 10 steps each"
    )
    train.add_argument("--half", action="store_true", help="store the weights in half precision")
    train.add_argument("--cell", choices=("rnn", "lstm", "gru"), help="published: recurrent layers")
    train.add_argument("--layers", type=natural, metavar="N", help="published: hidden layers (default: 3)")
    train.add_argument(
        "--recurrent",
        type=natural,
        nargs="*",
        metavar="K",
        help="published: which are recurrent (default: 2)",
    )
    train.add_argument("--hidden-size", type=natural, metavar="N", help="published: units (default: 500)")
    train.add_argument(
        "--context", type=natural, metavar="N", help="published: frames on each side (default: 1)"
    )

    join = add(
        verbs, "join", join_command, "make one network of several: the mean of their masks", "runs/joined"
    )
    join.add_argument(
        "models",
        metavar="MODEL",
        nargs="+",
        help="run folders or model files, or `shipped`, the built-in one",
    )
    join.add_argument("--half", action="store_true", help="store the weights in half precision")

    evaluate = add(
        verbs,
        "eval",
        eval_command,
        "measure with BSS-EVAL, as papers do",
        "runs/evaluation",
        "figures and page",
    )
    evaluate.add_argument("--data", metavar="DIR", required=True, help="folder of clips, or `synthetic`")
    evaluate.add_argument(
        "--model", metavar="MODEL", help="run folder or model file (default: the built-in one)"
    )
    evaluate.add_argument(
        "--streaming", action="store_true", help="the built-in one that does not look ahead"
    )
    evaluate.add_argument(
        "--list", metavar="FILE", help="names, one a line, or MIR-1K's own train, dev or test (default: all)"
    )
    evaluate.add_argument(
        "--preset",
        choices=("plain", "small", "full", "duet", "hard"),
        default="plain",
        help="of synthetic clips (default: plain)",
    )
    evaluate.add_argument(
        "--clips", type=natural, default=40, metavar="N", help="how many synthetic ones (default: 40)"
    )


def apply_command(args: argparse.Namespace) -> tuple[Figures, str]:
    """`numpylstm separate apply`: a recording taken apart."""
    from ..files import write_json
    from ..tasks import separation
    from ..tasks.run import finite

    net = separation.load(args.model, args.streaming)
    with open_run(args.out or "runs/separate") as folder:
        figures = separation.apply(args.song, folder, net)
        write_json(folder / "apply.json", finite(figures))
    lines = [
        f"wrote voice.wav and accompaniment.wav to {folder}: {figures['samples']} samples, "
        f"{figures['channels']} channel(s) at {figures['rate']} Hz",
        f"speed: {figures['real_time_factor']:.0f} times real time",
    ]
    if figures["latency_ms"] is not None:
        lines.append(f"as a stream the voice would come {figures['latency_ms']:.0f} ms after the sound")
    return figures, "\n".join(lines)


def train_command(args: argparse.Namespace) -> tuple[Figures, str]:
    """`numpylstm separate train`: a network from clips, synthetic singers, or both."""
    from .. import plots
    from ..tasks import recipes, separation

    recipe = recipes.RECIPES[args.recipe]
    own = {name: getattr(args, name) for name in OF_PUBLISHED if getattr(args, name) is not None}
    if own and args.recipe != "published":
        raise ValueError(f"--{next(iter(own)).replace('_', '-')} goes with --recipe published alone")
    if own:
        recipe = replace(recipe, build=partial(recipes.published, **own))
    if SYNTHETIC not in args.data and args.clips:
        raise ValueError("--clips, of synthetic ones, goes with --data synthetic alone or among others")
    if args.list and not set(args.data) - {SYNTHETIC}:
        raise ValueError("--list goes with --data and a folder of clips")
    changed = {name: getattr(args, name) for name in OF_THE_RECIPE if getattr(args, name) is not None}
    recipe = replace(recipe, **changed)
    if args.recipe == "adapted" and not args.start:
        args.start = SHIPPED
    model = None if args.start == SHIPPED else args.start
    start = separation.load(model) if args.start else None
    clips, held_out = separation.training_clips(args.data, args.list, args.leave_out)
    if SYNTHETIC not in args.data:
        recipe = replace(recipe, clips=0)
    recipe.check()
    with open_run(args.out or "runs/separation") as folder:
        result = separation.train(
            clips, recipe, held_out=held_out, start=start, seed=args.seed, quick=args.quick
        )
        config = {
            "task": "separate",
            "data": args.data,
            "list": args.list,
            "leave_out": args.leave_out,
            "start": args.start,
        }
        config |= {"recipe": args.recipe, "seed": args.seed, "quick": args.quick}
        config |= recipe.settings() | own
        synthetic = result.figures["training_clips"] - len(clips)
        trained_on = separation.material(len(clips), args.data, synthetic)
        if start is not None:
            trained_on = f"{separation.origin(model)}, then {trained_on}"
        extra = {"task": "separate", "trained_on": trained_on}
        figures = result.figures | {"trained_on": trained_on} | ending(result.history)
        write_run(folder, result.net, result.history, config, figures, extra, half=args.half)
        picture = plots.learning_curve(result.history)
        plots.save_figure(picture, folder / "separation.png")
        write_page(folder, result.net, result.measured, result.evaluation)
    measured = f"{len(result.measured)} clips of {args.leave_out or 'synthetic singers never trained on'}"
    lines = [f"trained on {trained_on}, measured with {measured}", result.evaluation.table()]
    return figures, "\n".join([*lines, f"report.html lets you listen; {closing(folder, figures['seconds'])}"])


def join_command(args: argparse.Namespace) -> tuple[Figures, str]:
    """`numpylstm separate join`: several networks as one."""
    from .. import checkpoint
    from ..files import write_json
    from ..tasks import separation
    from ..tasks.run import finite

    with open_run(args.out or "runs/joined") as folder:
        net, trained_on = separation.join([None if model == SHIPPED else model for model in args.models])
        extra = {"task": "separate", "trained_on": trained_on}
        checkpoint.save(net, folder / "model.safetensors", extra=extra, half=args.half)
        figures = {"parameters": net.theta.size, "trained_on": trained_on}
        config = {"task": "separate", "models": args.models}
        write_json(folder / "config.json", finite({"config": config, "figures": figures}))
    return figures, f"joined {len(args.models)} networks in {folder}; trained on {trained_on}"


def write_page(folder: Path, net: Any, clips: Any, evaluation: Any) -> None:
    """The figures clip by clip, and a page with some of the clips to look at and listen to."""
    from ..files import write_text
    from ..report import EXAMPLES, Example, save_examples, write_report
    from ..tasks import separation

    examples = []
    for index in separation.worth_hearing(evaluation, EXAMPLES):
        clip, measures = clips[index], evaluation.estimates[index].voice
        mixture = clip.voice + clip.accompaniment
        estimate = separation.separate(net, mixture[:, None], clip.rate)[:, 0]
        sounds = {
            "mixture": mixture,
            "voice": clip.voice,
            "voice, estimate": estimate,
            "accompaniment": clip.accompaniment,
            "accompaniment, estimate": mixture - estimate,
        }
        named = {f"{name.upper()} (dB)": value for name, value in measures._asdict().items()}
        examples.append(Example(clip.name, clip.rate, sounds, named))
    write_text(folder / "clips.csv", evaluation.csv())
    save_examples(folder, examples)
    write_report(folder)


def eval_command(args: argparse.Namespace) -> tuple[Figures, str]:
    """`numpylstm separate eval`: BSS-EVAL of every clip, and the means."""
    from ..datasets import SyntheticSingers
    from ..files import write_json
    from ..tasks import separation
    from ..tasks.run import finite

    net = separation.load(args.model, args.streaming)
    trained_on = separation.origin(args.model, args.streaming)
    if args.data == SYNTHETIC:
        clips: Any = SyntheticSingers(args.clips, split="test", preset=args.preset)
    else:
        clips = separation.stems(args.data, args.list)
    if args.quick:
        clips = clips[:1]
    with open_run(args.out or "runs/evaluation") as folder:
        evaluation = separation.evaluate(net, clips)
        figures = evaluation.figures() | {"trained_on": trained_on}
        config = {"task": "separate", "data": args.data, "list": args.list, "preset": args.preset}
        config |= {"model": args.model, "streaming": args.streaming, "quick": args.quick}
        described = {"config": config, "figures": figures, "network": net.config()}
        write_json(folder / "config.json", finite(described))
        write_page(folder, net, clips, evaluation)
    page = f"clip by clip in {folder / 'clips.csv'}; to listen: {folder / 'report.html'}"
    return figures, "\n".join([f"a network trained on {trained_on}", evaluation.table(), page])

"""The commands `numpylstm separate ...`."""

import argparse
from typing import Any

from ..tasks.run import finite, open_run
from .common import Figures, add, natural
from .separate_page import write_page
from .separate_train import SYNTHETIC, add_join, add_train


def add_parser(tasks: Any) -> None:
    """Verbs and options."""
    separate = tasks.add_parser("separate", help="take a song apart into voice and accompaniment")
    verbs = separate.add_subparsers(title="verbs", metavar="VERB", required=True)

    apply = add(
        verbs, "apply", apply_command, "write voice.wav and accompaniment.wav", "runs/separate", "both files"
    )
    apply.add_argument("song", metavar="SONG", help="recording of any rate, length and number of channels")
    apply.add_argument(
        "--model", metavar="MODEL", help="run folder or model file (default: the built-in ones, joined)"
    )
    apply.add_argument(
        "--streaming",
        action="store_true",
        help="with the built-in network that does not look ahead: the voice comes 64 ms after the sound",
    )

    add_train(verbs)
    add_join(verbs)

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
        "--model", metavar="MODEL", help="run folder or model file (default: the built-in ones, joined)"
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


def eval_command(args: argparse.Namespace) -> tuple[Figures, str]:
    """`numpylstm separate eval`: BSS-EVAL of every clip, and the means."""
    from ..datasets import SyntheticSingers
    from ..files import write_json
    from ..tasks import separation

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

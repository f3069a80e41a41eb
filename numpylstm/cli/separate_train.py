"""The commands that make networks: `numpylstm separate train` and `separate join`."""

import argparse
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..files import write_bytes
from ..tasks.run import MODEL, finite, open_run, write_run
from .common import Figures, add, closing, ending, natural, positive
from .separate_page import write_page

if TYPE_CHECKING:  # SciPy is imported where it is used: --help is quick
    from ..tasks.recipes import Recipe

SYNTHETIC, SHIPPED = "synthetic", "shipped"
CURVE = "separation.png"
RECIPES = (
    *("best", "adapted", "large", "bands", "adapted-large", "adapted-bands", "fresh-bands"),
    *("causal", "quick", "published", "wvpnn", "cvpnn"),
)
OF_PUBLISHED = ("cell", "layers", "recurrent", "hidden_size", "context")
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


def add_train(verbs: Any) -> None:
    """`train` and its options."""
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
        choices=RECIPES,
        help="best: large and bands side by side, joined; adapted: both from the built-in ones on, and "
        "fresh-bands; large: all bins at once; bands: bands that share their weights; causal: without "
        "lookahead; quick: a minute; published: deep recurrent, as in 2014; wvpnn, cvpnn: vector products "
        "of frames, of colours (default: adapted, for synthetic singers alone best)",
    )
    train.add_argument(
        "--updates",
        type=natural,
        metavar="N",
        help="of each network, to the next 100 (default: the recipe's)",
    )
    train.add_argument(
        "--start",
        metavar="MODEL",
        help="go on from this network, or a built-in one: large, bands, causal (default: the recipe's)",
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


def add_join(verbs: Any) -> None:
    """`join` and its options."""
    join = add(
        verbs, "join", join_command, "make one network of several: the mean of their masks", "runs/joined"
    )
    join.add_argument(
        "models",
        metavar="MODEL",
        nargs="+",
        help="run folders or model files, or `shipped`, the built-in pair, which counts as one",
    )
    join.add_argument("--half", action="store_true", help="store the weights in half precision")


def train_command(args: argparse.Namespace) -> tuple[Figures, str]:
    """`numpylstm separate train`: a network from clips, synthetic singers, or both."""
    from ..tasks import recipes, separation

    folders = [folder for folder in args.data if folder != SYNTHETIC]
    if SYNTHETIC not in args.data and args.clips:
        raise ValueError("--clips, of synthetic ones, goes with --data synthetic alone or among others")
    if args.list and not folders:
        raise ValueError("--list goes with --data and a folder of clips")
    if args.recipe is None:
        args.recipe = "adapted" if folders else "best"
    parts = recipes.JOINED.get(args.recipe, (args.recipe,))
    # All that can be refused is refused before the work.
    if args.start and len(parts) > 1:
        raise ValueError("--start goes with --recipe and a single network, such as large, bands or causal")
    chosen = {part: recipe_of(part, args) for part in parts}
    clips, held_out = separation.training_clips(args.data, args.list, args.leave_out)
    if not len(clips) and not all(recipe.clips for recipe in chosen.values()):
        raise ValueError("expected at least one pair of voice and accompaniment to train on, got none")
    if len(parts) > 1:
        return train_joined(args, parts, held_out)
    return train_one(args, chosen[args.recipe], clips, held_out)


def recipe_of(name: str, args: argparse.Namespace) -> "Recipe":
    """A recipe with what was asked for in place of its own settings."""
    from ..tasks import recipes

    recipe = replace(recipes.RECIPES[name], **given(args, OF_THE_RECIPE))
    own = given(args, OF_PUBLISHED)
    if own and name != "published":
        raise ValueError(f"--{next(iter(own)).replace('_', '-')} goes with --recipe published alone")
    if own:
        recipe = replace(recipe, build=partial(recipes.published, **own))
    if SYNTHETIC not in args.data:
        recipe = replace(recipe, clips=0)
    recipe.check()
    return recipe


def given(args: argparse.Namespace, names: Iterable[str]) -> dict[str, Any]:
    """Those of these options that were given."""
    return {name: getattr(args, name) for name in names if getattr(args, name) is not None}


def train_one(args: argparse.Namespace, recipe: "Recipe", clips: Any, held_out: Any) -> tuple[Figures, str]:
    """One network, in this process."""
    from .. import plots
    from ..tasks import separation

    started_from = args.start or recipe.start
    model = separation.shipped(started_from) if started_from in separation.WEIGHTS else started_from
    start = separation.load(model) if started_from else None
    with open_run(args.out or "runs/separation") as folder:
        result = separation.train(
            clips, recipe, held_out=held_out, start=start, seed=args.seed, quick=args.quick
        )
        synthetic = result.figures["training_clips"] - len(clips)
        trained_on = separation.material(len(clips), args.data, synthetic)
        if start is not None:
            trained_on = f"{separation.origin(model)}, then {trained_on}"
        config = asked_for(args) | recipe.settings() | given(args, OF_PUBLISHED) | {"start": started_from}
        extra = {"task": "separate", "trained_on": trained_on}
        figures = result.figures | {"trained_on": trained_on} | ending(result.history)
        clear_pictures(folder)
        write_run(folder, result.net, result.history, config, figures, extra, half=args.half)
        picture = plots.learning_curve(result.history)
        plots.save_figure(picture, folder / CURVE)
        write_page(folder, result.net, result.measured, result.evaluation)
    return figures, told(args, folder, figures, result.evaluation)


def train_joined(args: argparse.Namespace, parts: tuple[str, ...], held_out: Any) -> tuple[Figures, str]:
    """Several networks side by side, each by `separate train --recipe PART`, and one of them all."""
    from ..tasks import separation
    from ..tasks.side_by_side import run_side_by_side

    started = time.perf_counter()
    if held_out is None:
        held_out = separation.synthetic_held_out(args.quick)
    with ExitStack() as stack:
        folder = stack.enter_context(open_run(args.out or "runs/separation"))
        # Opened here, they are also taken away here if they stay empty, however a process ended.
        folders = {part: stack.enter_context(open_run(folder / part)) for part in parts}
        words = passed_on(args)
        commands = {part: [*words, f"--recipe={part}", f"--out={folders[part]}"] for part in parts}
        of_parts = run_side_by_side(commands)
        net, trained_on = separation.join(list(folders.values()))
        evaluation = separation.evaluate(net, held_out)
        figures = evaluation.figures() | {"parameters": net.theta.size, "trained_on": trained_on}
        for name in ("training_clips", "training_seconds"):
            figures[name] = max(one[name] for one in of_parts.values())
        stopped = [f"{part}: {one['stopped']}" for part, one in of_parts.items() if one.get("stopped")]
        if stopped:
            diverged = any(one.get("diverged") for one in of_parts.values())
            figures |= {"stopped": "; ".join(stopped), "diverged": diverged}
        figures |= {"seconds": time.perf_counter() - started, "seed": args.seed}
        config = asked_for(args) | given(args, OF_THE_RECIPE) | {"parts": parts}
        write_joined(folder, net, config, figures, half=args.half)
        clear_pictures(folder)
        for part in parts:
            write_bytes(folder / f"{part}.png", (folder / part / CURVE).read_bytes())
        write_page(folder, net, held_out, evaluation)
    return figures, told(args, folder, figures, evaluation)


def clear_pictures(folder: Path) -> None:
    """Take away what an earlier training left in a run folder, and its page would show as this one's."""
    for name in (CURVE, "metrics.jsonl", *(f"{recipe}.png" for recipe in RECIPES)):
        (folder / name).unlink(missing_ok=True)


def passed_on(args: argparse.Namespace) -> list[str]:
    """The words of `separate train` that say again what was asked for, but for --recipe and --out."""
    # A name may begin with a dash.
    data = [f"./{folder}" if folder.startswith("-") else folder for folder in args.data]
    words = ["separate", "train", "--data", *data, f"--seed={args.seed}"]
    for name, value in given(args, ("list", "leave_out", *OF_THE_RECIPE)).items():
        words.append(f"--{name.replace('_', '-')}={value}")
    return words + ["--quick"] * args.quick + ["--half"] * args.half


def asked_for(args: argparse.Namespace) -> dict[str, Any]:
    """What a run's config says of the command."""
    return {
        "task": "separate",
        "data": args.data,
        "list": args.list,
        "leave_out": args.leave_out,
        "recipe": args.recipe,
        "seed": args.seed,
        "quick": args.quick,
    }


def told(args: argparse.Namespace, folder: Path, figures: Figures, evaluation: Any) -> str:
    """A training in sentences."""
    clips = f"{figures['clips']} clips of {args.leave_out or 'synthetic singers never trained on'}"
    lines = [f"trained on {figures['trained_on']}, measured with {clips}", evaluation.table()]
    return "\n".join([*lines, f"report.html lets you listen; {closing(folder, figures['seconds'])}"])


def join_command(args: argparse.Namespace) -> tuple[Figures, str]:
    """`numpylstm separate join`: several networks as one."""
    from ..tasks import separation

    with open_run(args.out or "runs/joined") as folder:
        net, trained_on = separation.join([None if model == SHIPPED else model for model in args.models])
        figures = {"parameters": net.theta.size, "trained_on": trained_on}
        write_joined(folder, net, {"task": "separate", "models": args.models}, figures, half=args.half)
    return figures, f"joined {len(args.models)} networks in {folder}; trained on {trained_on}"


def write_joined(folder: Path, net: Any, config: dict[str, Any], figures: Figures, half: bool) -> None:
    """The run folder of a network that was put together, not trained."""
    from .. import checkpoint
    from ..files import write_json

    extra = {"task": "separate", "trained_on": figures["trained_on"]}
    checkpoint.save(net, folder / MODEL, extra=extra, half=half)
    described = {"config": config, "figures": figures, "network": net.config()}
    write_json(folder / "config.json", finite(described))

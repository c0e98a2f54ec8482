"""``wrmf search``: measure learning curves over settings of the model."""

from __future__ import annotations

import argparse
import ast
import contextlib
import difflib
import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wrmf.cli.data import add_data_options
from wrmf.cli.options import add_seed_option, add_thread_option
from wrmf.cli.parameters import add_model_options, build_model
from wrmf.cli.splits import add_split_options, load_data_and_split
from wrmf.cli.streams import describe_place, notices, save_model
from wrmf.cli.tables import add_table_option, write_table
from wrmf.data.split import Split
from wrmf.model.wrmf import WRMF
from wrmf.search.grid import ROSENTHAL_GRID, ROSENTHAL_INIT_SCALE, grid_search, random_search
from wrmf.search.halving import halving_search
from wrmf.search.learning_curve import rank_curves
from wrmf.search.result import SearchResult
from wrmf.search.space import Range, describe
from wrmf.search.tune import tune

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "PRESETS",
    "GridPart",
    "add_options",
    "add_result_options",
    "ranked_table",
    "run",
    "summarise",
]


@dataclass(frozen=True)
class GridPart:
    """The content of one option ``--grid``.

    Attributes
    ----------
    space : dict of parameter name to a list of values or a Range
    model : dict of parameter name to value
        Other parameters that a published grid prescribes.
    """

    space: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)


PRESETS = {
    # The published curves are those of one objective, and depend on the initial factors.
    "rosenthal2016": GridPart(
        ROSENTHAL_GRID, {"objective": "wrmf", "init_scale": ROSENTHAL_INIT_SCALE}
    ),
    "small": GridPart({"factors": [64, 128], "regularization": [0.003, 0.01, 0.03, 0.1]}),
}
DEFAULT_PRESET = "small"
METHODS: dict[str, Callable[..., SearchResult]] = {
    "grid": grid_search,
    "random": random_search,
    "halving": halving_search,
    "tune": tune,
}
# Parameters of the model that a search does not take: its epochs say how long to train.
NOT_OF_SEARCHES = ("iterations",)


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the data, the split and how to search."""
    add_data_options(command)
    add_split_options(command)
    add = command.add_argument
    add(
        "--grid",
        type=parse_grid,
        action="append",
        default=[],
        metavar="NAME=V,V",
        help="values of one parameter; repeat it for further parameters. NAME=LOW:HIGH or "
        "NAME=LOW:HIGH:log is a range to draw values from. A single word names a preset: "
        "'rosenthal2016' has the 180 settings of Rosenthal 2016, started from N(0, 1); "
        f"'{DEFAULT_PRESET}', the default, has factors=64,128 and "
        "regularization=.003,.01,.03,.1",
    )
    add(
        "--method",
        choices=tuple(METHODS),
        default="grid",
        help="grid: all combinations. random: combinations drawn at random. halving: many "
        "settings for a few epochs, the best of them for longer. tune: settings proposed by Optuna",
    )
    add(
        "--trials",
        type=int,
        help="number of settings to draw, for random and tune; for halving by default all",
    )
    add_measuring_options(command)
    add("--quiet", action="store_true", help="print no table of each setting's curve")
    add_result_options(command)


def add_measuring_options(command: argparse.ArgumentParser) -> None:
    """Add when and on what each setting is measured, and where it is recorded."""
    add = command.add_argument
    add(
        "--epochs",
        type=parse_epochs,
        default="2:40:2",
        help="epochs after which to measure, as start:stop:step (without stop) or a,b,c",
    )
    add("--metric", default="precision@5", help="metric that ranks the settings")
    add(
        "--patience",
        type=int,
        metavar="N",
        help="stop a curve after N measurements in a row without a better score",
    )
    add("--seeds", type=int, metavar="N", help="train each setting with N seeds, average scores")
    add(
        "--validation",
        type=float,
        metavar="SHARE",
        help="choose settings on this share of the training part, and measure only the best "
        "setting on the test part",
    )
    add(
        "--journal",
        type=journal_file,
        metavar="FILE",
        help="record finished settings in this file, and resume from it; wrmf report reads it",
    )
    add(
        "--jobs",
        type=parse_jobs,
        metavar="N",
        help="number of settings trained at the same time; auto, the default: one on each thread "
        "(not for tune)",
    )


def add_result_options(command: argparse.ArgumentParser) -> None:
    """Add what becomes of the best setting and of the table, and the options of the model."""
    add = command.add_argument
    add(
        "--save",
        type=Path,
        metavar="FILE",
        help="train the best setting on all interactions of the data, and save the model",
    )
    add_table_option(add, "the table of settings")
    add_model_options(command, leave_out=NOT_OF_SEARCHES)
    add_thread_option(command)
    add_seed_option(command)


def run(options: argparse.Namespace) -> None:
    """Search, write the table of settings with the best first, and name the best."""
    model = build_model(options)
    data, split = load_data_and_split(options)
    log_file = notices(options)
    # The log is printed, too, and must not be mixed with a table that programs read.
    with contextlib.redirect_stdout(log_file):
        result = search(model, split, options)
    if options.save is not None:
        # Before anything is printed, which the reader of a pipe may not wait for.
        save_model(result.best_model().fit(data), options.save, options)
    write_table(ranked_table(result), options.out, options.format)
    print(summarise(result), file=log_file)
    if options.save is not None:
        saved = describe_place(options.save)
        print(f"the best setting, fitted to {data!r}: saved to {saved}", file=log_file)


def search(model: WRMF, split: Split, options: argparse.Namespace) -> SearchResult:
    """Search the settings that the options describe by the method that they name."""
    parts = options.grid or [PRESETS[DEFAULT_PRESET]]
    space = {name: values for part in parts for name, values in part.space.items()}
    for part in parts:
        typed = vars(options)
        model.set_params(**{name: v for name, v in part.model.items() if typed[name] is None})
    arguments: dict[str, Any] = {
        "epochs": options.epochs,
        "metric": options.metric,
        "exclude_seen": not options.keep_seen,
        "journal": options.journal,
        "log": not options.quiet,
        "patience": options.patience,
        "seeds": options.seeds,
        "validation": options.validation,
    }
    if options.method != "tune":
        arguments["n_jobs"] = options.jobs or "auto"
    elif options.jobs is not None:
        raise ValueError(
            "--jobs has no meaning for --method tune, which proposes one setting after the other"
        )
    if options.trials is not None:
        if options.method == "grid":
            raise ValueError(
                "--trials has no meaning for --method grid, which measures every combination; "
                "choose random, halving or tune"
            )
        arguments["n_trials"] = options.trials
    return METHODS[options.method](model, split, space, **arguments)


def ranked_table(result: SearchResult) -> pd.DataFrame:
    """Return the table of settings with the best first."""
    return replace(result, curves=rank_curves(result.curves, result.metric)).to_frame()


def summarise(result: SearchResult) -> str:
    """Describe the best setting, and list parameters whose best value is at the grid's edge."""
    error = "" if math.isnan(result.best_stderr) else f" ± {result.best_stderr:.5f}"
    lines = [
        f"best: {describe(result.best_params)}, epoch {result.best_epoch}, {result.scored_on} "
        f"{result.metric} {result.best_score:.5f}{error}"
    ]
    if result.test_score is not None:
        lines.append(f"on the test split: {result.test}")
    for name, end in result.at_edge.items():
        lines.append(f"{name} is best at the {end} value tried: a better one may lie beyond")
    return "\n".join(lines)


def parse_grid(text: str) -> GridPart:
    """Return the preset named ``text``, or the values of ``name=value,value``, or a range."""
    if text in PRESETS:
        return PRESETS[text]
    name, equals, values = text.partition("=")
    if not equals or not values:
        raise argparse.ArgumentTypeError(
            f"expected name=value,value,… or name=low:high or {', '.join(PRESETS)}, got {text!r}"
        )
    name = check_parameter(name.replace("-", "_"))
    low, colon, rest = values.partition(":")
    if not colon:
        return GridPart({name: [parse_value(value) for value in values.split(",")]})
    high, _, scale = rest.partition(":")
    if scale not in ("", "log"):
        raise argparse.ArgumentTypeError(f"expected low:high or low:high:log, got {values!r}")
    try:
        return GridPart({name: Range(parse_value(low), parse_value(high), log=scale == "log")})
    except (TypeError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def check_parameter(name: str) -> str:
    """Return the name of a parameter of the model, as ``--grid`` takes it."""
    names = list(inspect.signature(WRMF).parameters)
    if name in names:
        return name
    near = difflib.get_close_matches(name, names, n=1)
    known = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(names)}"
    raise argparse.ArgumentTypeError(f"unknown parameter {name!r}; {known}")


def parse_value(text: str) -> Any:
    """Return a Python literal as its value, any other text as it is."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def parse_epochs(text: str) -> Sequence[int]:
    """Return the epochs of ``start:stop:step`` (as Python's ``range``) or ``a,b,c``."""
    try:
        numbers = [int(part) for part in text.replace(":", ",").split(",")]
        epochs = range(*numbers) if ":" in text else numbers
    except (ValueError, TypeError):
        raise argparse.ArgumentTypeError(
            f"expected start:stop:step or a,b,c, got {text!r}"
        ) from None
    if not epochs:
        raise argparse.ArgumentTypeError(f"expected at least one epoch, as in 2:40:2, got {text!r}")
    return epochs


def journal_file(text: str) -> Path:
    """Return the path of a journal, which is read and written."""
    if text == "-":
        raise argparse.ArgumentTypeError("no search can resume from a stream: name a file")
    return Path(text)


def parse_jobs(text: str) -> int | str:
    """Return the number of settings that are trained at the same time, or "auto"."""
    try:
        return text if text == "auto" else int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number or auto, got {text!r}") from None

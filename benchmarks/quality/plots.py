"""Draw the plots of docs/tuning.md and docs/quality.md from the records.

python -m benchmarks.quality.plots [benchmarks/results] --out docs
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks import record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# (recall@20, ndcg@20) on the same split of gowalla, as the papers of these models report them.
PUBLISHED = {"LightGCN": (0.1830, 0.1554), "UltraGCN": (0.1862, 0.1580)}
# Tuned parameters and their labels.
PARAMETERS = {
    "unobserved_weight": "α₀",
    "strength": "λ of a row of 600",
    "regularization_exponent": "ν",
    "user_power": "a in n_u^−a",
    "item_power": "b in n_i^−b",
}
# Parameters with a logarithmic axis.
LOGARITHMIC = ("unobserved_weight", "strength")

Records = Sequence[dict[str, Any]]


def gowalla_records(folder: Path) -> list[dict[str, Any]]:
    """Return the records of ``benchmarks.quality.gowalla``, sorted by k."""
    records = [record.read(path) for path in folder.glob("gowalla-quality-k*.json")]
    return sorted(records, key=lambda content: content["factors"])


def over_factors(records: Records, figure: Figure) -> bool:
    """Draw the test scores by k, and the published scores as horizontal lines."""
    tested = [content for content in records if "test" in content]
    if len(tested) < 2:
        return False
    for place, metric in enumerate(("recall@20", "ndcg@20")):
        axes = figure.add_subplot(1, 2, place + 1)
        k = [content["factors"] for content in tested]
        axes.errorbar(
            k,
            [content["test"][metric] for content in tested],
            [content["test"]["stderr"][metric] for content in tested],
            marker="o",
            capsize=3,
            label="wrmf, tuned",
        )
        for colour, (paper, values) in zip(("C1", "C2"), PUBLISHED.items(), strict=True):
            axes.axhline(values[place], color=colour, linestyle="--", label=f"{paper}, published")
        axes.set_xscale("log", base=2)
        axes.set(xlabel="factors k", title=f"gowalla, test {metric}", xticks=k, xticklabels=k)
        axes.grid(alpha=0.3)
        axes.legend(fontsize="x-small")
    return True


def parameters(records: Records, figure: Figure) -> bool:
    """Draw one panel per parameter: the score of every trial divided by the best score of its k."""
    if not records:
        return False
    panels = figure.subplots(1, len(PARAMETERS), sharey=True)
    for axes, (name, label) in zip(panels, PARAMETERS.items(), strict=True):
        for content in records:
            points = [
                (trial["params"][name], trial["score"] / content["best"]["score"])
                for trial in content["trials"]
                if trial["score"]
            ]
            axes.scatter(*zip(*points, strict=True), s=9, label=f"k = {content['factors']}")
        if name in LOGARITHMIC:
            axes.set_xscale("log")
            axes.xaxis.set_minor_formatter("")
        axes.set(xlabel=label, ylim=(0.85, 1.005))
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("validation score / best of that k")
    panels[0].legend(fontsize="x-small")
    return True


def epochs(records: Records, figure: Figure) -> bool:
    """Draw the validation score after each number of sweeps, for the best setting of each k."""
    if not records:
        return False
    axes = figure.subplots()
    for content in records:
        curve = content["best"]["curve"]
        axes.plot(
            [epoch for epoch, _ in curve],
            [scores["sum"] for _, scores in curve],
            marker="o",
            markersize=3,
            label=f"k = {content['factors']}",
        )
    axes.set(xlabel="sweeps", ylabel="recall@20 + ndcg@20", title="gowalla, validation")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="x-small")
    return True


class Plot(NamedTuple):
    """A drawing function, which returns False if it has no records, and the size in inches."""

    draw: Callable[[Records, Figure], bool]
    size: tuple[float, float]


PLOTS = {
    "factors": Plot(over_factors, (8, 3.4)),
    "parameters": Plot(parameters, (11, 2.8)),
    "epochs": Plot(epochs, (4.8, 3.4)),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the plots that the folder has records for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality.plots", description=__doc__.splitlines()[0]
    )
    parser.add_argument("folder", nargs="?", type=Path, default=record.RESULTS)
    parser.add_argument("--out", type=Path, default=Path("docs"), help="folder of the plots")
    options = parser.parse_args(arguments)
    from matplotlib.figure import Figure

    records = gowalla_records(options.folder)
    options.out.mkdir(parents=True, exist_ok=True)
    for name, plot in PLOTS.items():
        figure = Figure(figsize=plot.size, layout="constrained")
        if not plot.draw(records, figure):
            print(f"{name}: no results for it in {options.folder}")
            continue
        path = options.out / f"tuning_{name}.png"
        figure.savefig(path, dpi=110)
        print(path)


if __name__ == "__main__":
    main()

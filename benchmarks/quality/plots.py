"""The pictures of docs/tuning.md, from the recorded results alone.

python -m benchmarks.quality.plots [benchmarks/results] --out docs
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.speed.runner import RESULTS

# recall@20 and ndcg@20 on this split, from the papers.
PUBLISHED = {"LightGCN": (0.1830, 0.1554), "UltraGCN": (0.1862, 0.1580)}
PARAMETERS = {
    "unobserved_weight": "α₀",
    "strength": "λ of a row of 600",
    "regularization_exponent": "ν",
    "user_power": "a in n_u^−a",
    "item_power": "b in n_i^−b",
}


def gowalla_results(folder: Path) -> list[dict]:
    """Return the records of gowalla_quality.py by rising k."""
    found = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in folder.glob("gowalla-quality-k*.json")
    ]
    return sorted(found, key=lambda each: each["factors"])


def over_factors(records, figure) -> bool:
    """Test scores over k, beside published ones."""
    tested = [each for each in records if "test" in each]
    if len(tested) < 2:
        return False
    for place, metric in enumerate(("recall@20", "ndcg@20")):
        axes = figure.add_subplot(1, 2, place + 1)
        k = [each["factors"] for each in tested]
        axes.errorbar(
            k,
            [each["test"][metric] for each in tested],
            [each["test"]["stderr"][metric] for each in tested],
            marker="o",
            capsize=3,
            label="wrmf, tuned",
        )
        for colour, (who, values) in zip(("C1", "C2"), PUBLISHED.items(), strict=True):
            axes.axhline(values[place], color=colour, linestyle="--", label=f"{who}, published")
        axes.set_xscale("log", base=2)
        axes.set(xlabel="factors k", title=f"gowalla, test {metric}", xticks=k, xticklabels=k)
        axes.grid(alpha=0.3)
        axes.legend(fontsize="x-small")
    return True


def parameters(records, figure) -> bool:
    """Every trial: its validation score, as a share of the best for its k, by each parameter."""
    if not records:
        return False
    panels = figure.subplots(1, len(PARAMETERS), sharey=True)
    for axes, (name, label) in zip(panels, PARAMETERS.items(), strict=True):
        for record in records:
            points = [
                (each["params"][name], each["score"] / record["best"]["score"])
                for each in record["trials"]
                if each["score"]
            ]
            axes.scatter(*zip(*points, strict=True), s=9, label=f"k = {record['factors']}")
        if name in ("unobserved_weight", "strength"):
            axes.set_xscale("log")
            axes.xaxis.set_minor_formatter("")
        axes.set(xlabel=label, ylim=(0.85, 1.005))
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("validation score / best of that k")
    panels[0].legend(fontsize="x-small")
    return True


def epochs(records, figure) -> bool:
    """Validation score over sweeps, of the best setting of each k."""
    if not records:
        return False
    axes = figure.subplots()
    for record in records:
        curve = record["best"]["curve"]
        axes.plot(
            [epoch for epoch, _ in curve],
            [scores["sum"] for _, scores in curve],
            marker="o",
            markersize=3,
            label=f"k = {record['factors']}",
        )
    axes.set(xlabel="sweeps", ylabel="recall@20 + ndcg@20", title="gowalla, validation")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="x-small")
    return True


PLOTS = {
    "factors": (over_factors, (8, 3.4)),
    "parameters": (parameters, (11, 2.8)),
    "epochs": (epochs, (4.8, 3.4)),
}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality.plots", description=__doc__.splitlines()[0]
    )
    parser.add_argument("folder", nargs="?", type=Path, default=RESULTS)
    parser.add_argument("--out", type=Path, default=Path("docs"))
    asked = parser.parse_args(arguments)
    from matplotlib.figure import Figure

    records = gowalla_results(asked.folder)
    asked.out.mkdir(parents=True, exist_ok=True)
    for name, (draw, size) in PLOTS.items():
        figure = Figure(figsize=size, layout="constrained")
        if not draw(records, figure):
            print(f"{name}: no results for it in {asked.folder}")
            continue
        path = asked.out / f"tuning_{name}.png"
        figure.savefig(path, dpi=110)
        print(path)


if __name__ == "__main__":
    main()

"""Draw where the time of a sweep goes, from the record of the phases.

python -m benchmarks.speed.phase_plot
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RESULTS = Path(__file__).parents[1] / "results" / "phases.json"
DOCS = Path(__file__).parents[2] / "docs"
# The phases in the order of a half-sweep, and their colours.
COLOURS = {
    "Gram": "#9fb3c8",
    "factorise": "#52606d",
    "into the basis and back": "#829ab1",
    "dual": "#00736b",
    "primal": "#4fb3a5",
    "primal, in parts": "#a8ddd4",
    "cg": "#c98a1b",
}
# What is drawn, from top to bottom: factors and solver.
BARS = ((32, "exact"), (64, "exact"), (128, "exact"), (128, "cg"), (512, "exact"))


def draw(axes: Axes, records: Sequence[dict[str, Any]]) -> None:
    """Draw a bar for each sweep, divided into the shares of its phases."""
    sweeps = {(record["factors"], record["solver"]): record["seconds"] for record in records}
    bars = [bar for bar in BARS if bar in sweeps]
    names = [f"k = {k}, {solver}\n{1e3 * sweeps[k, solver]['all']:.0f} ms" for k, solver in bars]
    left = [0.0] * len(bars)
    for phase, colour in COLOURS.items():
        shares = [100 * sweeps[bar].get(phase, 0.0) / sweeps[bar]["all"] for bar in bars]
        axes.barh(names, shares, left=left, color=colour, label=phase, height=0.62)
        left = [start + share for start, share in zip(left, shares, strict=True)]
    axes.invert_yaxis()
    axes.set(xlabel="share of the time of a sweep, %", xlim=(0, 100))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(ncols=4, fontsize="small", frameon=False, loc="lower left", bbox_to_anchor=(0, 1))


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the picture of docs/solver.md."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=DOCS / "solver_time.png")
    options = parser.parse_args(arguments)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.6, 3.6), layout="constrained")
    draw(figure.subplots(), record.read(RESULTS)["phases"])
    figure.savefig(options.out, dpi=120)
    print(options.out)


if __name__ == "__main__":
    main()

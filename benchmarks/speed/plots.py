"""Draw the plots of the README from result files.

python -m benchmarks.speed.plots benchmarks/results/*.json --out docs
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import record
from benchmarks.peers import PEERS
from benchmarks.speed.table import Cells

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Each peer has one colour in all plots.
COLOURS = {name: f"C{place % 10}" for place, name in enumerate(PEERS)}


def merged(files: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Merge the measurements of all files; other fields are those of the last file."""
    merged_data: dict[str, Any] = {}
    for file in files:
        for name, about in file["data"].items():
            known = merged_data.setdefault(name, {"flops": {}})
            flops = {**known["flops"], **about["flops"]}
            merged_data[name] = {**known, **about, "flops": flops}
    return {
        **files[-1],
        "data": merged_data,
        "calibration": [rate for file in files for rate in file["calibration"]],
        "measurements": [measured for file in files for measured in file["measurements"]],
    }


def style(peer: str) -> dict[str, Any]:
    """Return how a peer's line is drawn: ours are heavier and in front."""
    ours = peer.startswith("wrmf")
    return {
        "color": COLOURS[peer],
        "label": peer,
        "linewidth": 2.5 if ours else 1.2,
        "marker": "o",
        "markersize": 3,
        "zorder": 3 if ours else 2,
    }


def time_to_loss(cells: Cells, axes: Axes) -> bool:
    """Draw the loss relative to the lowest after each time, for the group with the most curves."""
    curves: dict[Any, dict[str, list[tuple[float, float]]]] = {}
    for cell in cells.records:
        points = [(p.seconds, p.loss) for p in cells.points(cell) if p.loss is not None]
        if len(points) > 2:
            curves.setdefault(cell.group, {})[cell.peer] = points
    if not curves:
        return False
    # Prefer real data to synthetic where the numbers of curves are equal.
    group = max(curves, key=lambda key: (len(curves[key]), not key.data.startswith("synthetic")))
    lowest = min(loss for points in curves[group].values() for _, loss in points)
    for peer, points in curves[group].items():
        above = [(seconds, loss / lowest - 1) for seconds, loss in points if loss > lowest]
        axes.loglog(*zip(*above, strict=True), **style(peer))
    axes.set(
        xlabel="seconds, preparation included",
        ylabel="loss above the lowest, relative",
        title=f"Time to loss: {group.data}, k = {group.factors}",
    )
    return True


def time_over_factors(cells: Cells, axes: Axes) -> bool:
    """Draw seconds per sweep by k, for the data set and number of threads with the most points."""
    lines: dict[tuple[str, int], dict[str, list[tuple[int, float]]]] = {}
    for peer, data, factors, threads in cells.records:
        seconds = cells.seconds(peer, data, factors, threads)
        if seconds:
            lines.setdefault((data, threads), {}).setdefault(peer, []).append((factors, seconds))
    drawable = {
        key: {peer: points for peer, points in peers.items() if len(points) > 1}
        for key, peers in lines.items()
    }
    key = max(drawable, key=lambda key: sum(map(len, drawable[key].values())), default=None)
    if key is None or not drawable[key]:
        return False
    for peer, points in drawable[key].items():
        axes.loglog(*zip(*sorted(points), strict=True), **style(peer))
    data, threads = key
    axes.set(
        xlabel="factors k",
        ylabel="seconds per sweep",
        title=f"A sweep over k: {data}, {threads} threads",
    )
    return True


def scaling(cells: Cells, axes: Axes) -> bool:
    """Draw seconds per sweep by number of entries of synthetic data, for one and two threads."""
    lines: dict[tuple[str, int, int], list[tuple[int, float]]] = {}
    for peer, data, factors, threads in cells.records:
        seconds = cells.seconds(peer, data, factors, threads)
        if data.startswith("synthetic") and not data.endswith("e") and seconds:
            entries = cells.results["data"][data]["entries"]
            lines.setdefault((peer, factors, threads), []).append((entries, seconds))
    longest = max(lines, key=lambda key: len(lines[key]), default=None)
    if longest is None or len(lines[longest]) < 2:
        return False
    factors = longest[1]
    for (peer, k, threads), points in lines.items():
        if k == factors and len(points) > 1:
            look = style(peer) | {"label": f"{peer}, {threads} threads"}
            dashes = "--" if threads == 1 else "-"
            axes.loglog(*zip(*sorted(points), strict=True), **look, linestyle=dashes)
    axes.set(
        xlabel="stored entries",
        ylabel="seconds per sweep",
        title=f"Scaling over size and threads: synthetic, k = {factors}",
    )
    return True


PLOTS: dict[str, Callable[[Cells, Axes], bool]] = {
    "time_to_loss": time_to_loss,
    "time_over_factors": time_over_factors,
    "scaling": scaling,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the plots that the given files have measurements for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed.plots",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "files", nargs="+", type=Path, help="results; files of other studies are ignored"
    )
    parser.add_argument("--out", type=Path, default=Path("docs"), help="folder of the plots")
    options = parser.parse_args(arguments)
    from matplotlib.figure import Figure

    files = [record.read(path) for path in options.files]
    cells = Cells(merged([file for file in files if "measurements" in file]))
    options.out.mkdir(parents=True, exist_ok=True)
    for name, draw in PLOTS.items():
        figure = Figure(figsize=(6, 4), layout="constrained")
        axes = figure.subplots()
        if not draw(cells, axes):
            print(f"{name}: the files have no measurements for it")
            continue
        axes.grid(alpha=0.3, which="both")
        axes.legend(fontsize="x-small")
        path = options.out / f"benchmark_{name}.png"
        figure.savefig(path, dpi=150)
        print(path)


if __name__ == "__main__":
    main()

"""The README's plots, from results files alone.

python -m benchmarks.speed.plots benchmarks/results/*.json --out docs
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.peers import PEERS
from benchmarks.speed.table import Cells

# One colour for an implementation in every plot; ours are drawn heavier.
COLOURS = {name: f"C{place % 10}" for place, name in enumerate(PEERS)}


def merged(files: list[dict]) -> dict:
    """Return one results dict with the measurements of all; the newest describes the data."""
    out = {**files[-1], "data": {}, "calibration": [], "measurements": []}
    for each in files:
        for name, about in each["data"].items():
            known = out["data"].setdefault(name, {"flops": {}})
            out["data"][name] = {**known, **about, "flops": {**known["flops"], **about["flops"]}}
        out["calibration"] += each["calibration"]
        out["measurements"] += each["measurements"]
    return out


def style(peer: str) -> dict:
    ours = peer.startswith("wrmf")
    return {
        "color": COLOURS[peer],
        "label": peer,
        "linewidth": 2.5 if ours else 1.2,
        "marker": "o",
        "markersize": 3,
        "zorder": 3 if ours else 2,
    }


def time_to_loss(cells: Cells, axes) -> bool:
    """Loss above the lowest over seconds, of the group with the most curves."""
    curves: dict[tuple, dict[str, list]] = {}
    for cell in cells.records:
        points = [point for point in cells.points(cell) if point[2] is not None]
        if len(points) > 2:
            curves.setdefault(cell[1:], {})[cell[0]] = points
    if not curves:
        return False
    # Real data before synthetic where both are there.
    group = max(curves, key=lambda each: (len(curves[each]), not each[0].startswith("synthetic")))
    lowest = min(loss for points in curves[group].values() for _, _, loss in points)
    for peer, points in curves[group].items():
        above = [(seconds, loss / lowest - 1) for _, seconds, loss in points if loss > lowest]
        axes.loglog(*zip(*above, strict=True), **style(peer))
    axes.set(
        xlabel="seconds, preparation included",
        ylabel="loss above the lowest, relative",
        title=f"Time to loss: {group[0]}, k = {group[1]}",
    )
    return True


def time_over_factors(cells: Cells, axes) -> bool:
    """Seconds per sweep over k, on the data with the most cells."""
    lines = _lines(cells, by=2)
    if not lines:
        return False
    (data, threads), peers = lines
    for peer, points in peers.items():
        axes.loglog(*zip(*sorted(points), strict=True), **style(peer))
    axes.set(
        xlabel="factors k",
        ylabel="seconds per sweep",
        title=f"A sweep over k: {data}, {threads} threads",
    )
    return True


def scaling(cells: Cells, axes) -> bool:
    """Seconds per sweep over stored entries, synthetic data, one and two threads."""
    drawn: dict[tuple, list] = {}
    for peer, data, factors, threads in cells.records:
        seconds = cells.seconds(peer, data, factors, threads)
        if data.startswith("synthetic") and not data.endswith("e") and seconds:
            entries = cells.results["data"][data]["entries"]
            drawn.setdefault((peer, factors, threads), []).append((entries, seconds))
    sizes = {key: len(points) for key, points in drawn.items()}
    if max(sizes.values(), default=0) < 2:
        return False
    factors = max(sizes, key=lambda key: sizes[key])[1]
    for (peer, k, threads), points in drawn.items():
        if k == factors and len(points) > 1:
            look = style(peer) | {"label": f"{peer}, {threads} threads"}
            axes.loglog(
                *zip(*sorted(points), strict=True), **look, linestyle="--" if threads == 1 else "-"
            )
    axes.set(
        xlabel="stored entries",
        ylabel="seconds per sweep",
        title=f"Scaling over size and threads: synthetic, k = {factors}",
    )
    return True


def _lines(cells: Cells, by: int):
    found: dict[tuple, dict[str, list]] = {}
    for peer, data, factors, threads in cells.records:
        seconds = cells.seconds(peer, data, factors, threads)
        if seconds:
            group = found.setdefault((data, threads), {})
            group.setdefault(peer, []).append((factors, seconds))
    found = {
        key: {peer: points for peer, points in peers.items() if len(points) >= by}
        for key, peers in found.items()
    }
    best = max(found, key=lambda key: sum(map(len, found[key].values())), default=None)
    return (best, found[best]) if best and found[best] else None


PLOTS = {"time_to_loss": time_to_loss, "time_over_factors": time_over_factors, "scaling": scaling}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.plots", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs"))
    asked = parser.parse_args(arguments)
    from matplotlib.figure import Figure

    files = [json.loads(path.read_text(encoding="utf-8")) for path in asked.files]
    cells = Cells(merged([each for each in files if "measurements" in each]))
    asked.out.mkdir(parents=True, exist_ok=True)
    for name, draw in PLOTS.items():
        figure = Figure(figsize=(6, 4), layout="constrained")
        axes = figure.subplots()
        if not draw(cells, axes):
            print(f"{name}: nothing measured for it")
            continue
        axes.grid(alpha=0.3, which="both")
        axes.legend(fontsize="x-small")
        path = asked.out / f"benchmark_{name}.png"
        figure.savefig(path, dpi=150)
        print(path)


if __name__ == "__main__":
    main()

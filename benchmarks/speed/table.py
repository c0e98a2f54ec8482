"""Tables of results. They read the JSON and nothing else, so they can be printed again later."""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import median

OURS = "wrmf-exact"


class Cells:
    """The measurements of one results file, repeats joined by their median.

    A cell is (peer, data, factors, threads).
    """

    def __init__(self, results: dict) -> None:
        self.results = results
        self.records: dict[tuple, list[dict]] = {}
        self.skipped: dict[tuple, str] = {}
        for record in results["measurements"]:
            cell = record["peer"], record["data"], record["factors"], record["threads"]
            if "skipped" in record:
                self.skipped[cell] = record["skipped"]
            else:
                self.records.setdefault(cell, []).append(record)

    def value(self, cell: tuple, name: str) -> float | None:
        """Return the median over repeats of a field, None where nobody measured it."""
        found = [
            record[name] for record in self.records.get(cell, ()) if record.get(name) is not None
        ]
        return median(found) if found else None

    def seconds(self, *cell) -> float | None:
        return self.value(cell, "seconds_per_sweep")

    def points(self, cell: tuple) -> list[tuple[int, float, float | None]]:
        """Return (sweeps, seconds since the start, loss) by the median over repeats."""
        at: dict[int, list] = {}
        for record in self.records.get(cell, ()):
            for sweeps, seconds, loss in record["points"]:
                at.setdefault(sweeps, []).append((seconds, loss))
        return [
            (
                sweeps,
                median(seconds for seconds, _ in found),
                next((loss for _, loss in found if loss is not None), None),
            )
            for sweeps, found in sorted(at.items())
        ]

    def loss_after(self, sweeps: int, *cell) -> float | None:
        return next((loss for done, _, loss in self.points(cell) if done == sweeps), None)

    def gflops(self, threads: int) -> float | None:
        found = [
            each["gflops"]
            for each in self.results["calibration"]
            if each["threads"] == threads and "gflops" in each
        ]
        return median(found) if found else None

    def gemm_share(self, data: str, factors: int, threads: int, peer: str = OURS) -> float | None:
        """Return the share of the GEMM rate that the exact solve's necessary flops reach."""
        seconds, rate = self.seconds(peer, data, factors, threads), self.gflops(threads)
        if seconds is None or rate is None:
            return None
        flops = self.results["data"][data]["flops"][str(factors)]["necessary"]
        return flops / seconds / 1e9 / rate

    def groups(self) -> list[tuple]:
        """Return (data, factors, threads) in the order in which they were measured."""
        return list(dict.fromkeys(cell[1:] for cell in (*self.records, *self.skipped)))

    def peers(self, group: tuple) -> list[str]:
        return [cell[0] for cell in self.records if cell[1:] == group]


def seconds_until(points: Iterable[tuple], loss: float) -> float | None:
    """Return the seconds after which the loss was as low, None if it never was."""
    reached = [seconds for _, seconds, at in points if at is not None and at <= loss]
    return reached[0] if reached else None


def geometric_mean(values: Iterable[float]) -> float:
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values))


def number(value: float | None, form: str = ".3g") -> str:
    return "" if value is None else format(value, form)


def aligned(rows: list[list[str]]) -> str:
    """Return rows of words as a Markdown table."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def summary(results: dict) -> str:
    """Return all that was measured: a table for each data set, k and number of threads."""
    cells, parts = Cells(results), [heading(results)]
    for group in cells.groups():
        data, factors, threads = group
        about = results["data"].get(data, {})
        size = (
            f"{about['users']:,} × {about['items']:,}, {about['entries']:,} entries"
            if "users" in about
            else "not here"
        )
        parts.append(f"\n{data} ({size}), k = {factors}, {threads} threads")
        if cells.peers(group):
            parts.append(aligned(_rows(cells, group)))
        share = cells.gemm_share(data, factors, threads)
        if share is not None:
            parts.append(f"{OURS}: necessary flops at {share:.0%} of the GEMM rate")
        parts += [
            f"{cell[0]}: {reason}" for cell, reason in cells.skipped.items() if cell[1:] == group
        ]
    return "\n".join(parts)


def _rows(cells: Cells, group: tuple) -> list[list[str]]:
    ours = cells.seconds(OURS, *group)
    points = {peer: cells.points((peer, *group)) for peer in cells.peers(group)}
    losses = [loss for each in points.values() for _, _, loss in each if loss is not None]
    lowest = min(losses, default=None)
    curves = any(len([p for p in each if p[2] is not None]) > 1 for each in points.values())
    columns = [
        "",
        "s / sweep",
        "ratio",
        "sweeps",
        "loss",
        "above lowest",
        "memory MB",
        "evaluate s",
        "recommend s",
    ]
    if curves:
        columns[6:6] = ["s to 1 %", "s to 0.1 %"]
    rows = [columns]
    for peer, curve in points.items():
        cell = peer, *group
        seconds, memory, loss = cells.seconds(*cell), cells.value(cell, "memory"), curve[-1][2]
        row = [
            peer,
            number(seconds),
            number(None if None in (ours, seconds) else seconds / ours, ".2f"),
            str(curve[-1][0]),
            number(loss, ".8g"),
            number(None if loss is None else loss / lowest - 1, ".2%"),
            number(None if memory is None else memory / 1e6, ".0f"),
            number(cells.value(cell, "evaluate_seconds")),
            number(cells.value(cell, "recommend_seconds")),
        ]
        if curves:
            row[6:6] = [number(seconds_until(curve, lowest * share)) for share in (1.01, 1.001)]
        rows.append(row)
    return rows


def heading(results: dict) -> str:
    machine, cells = results["machine"], Cells(results)
    lines = [
        results["command"],
        f"{machine['cpu']}, {machine['cores']} cores, {results['versions']['kernels']}; "
        f"{results['began']}",
    ]
    if (results.get("load_before") or 0) > 0.5:
        lines.append(f"The machine was busy before: load {results['load_before']:.1f}")
    for threads in sorted({each["threads"] for each in results["calibration"]}):
        lines.append(
            f"float32 GEMM on {threads} threads: {number(cells.gflops(threads), '.0f')} GFLOP/s"
        )
    return "\n".join(lines)


def proofs(results: dict) -> str:
    """Return the table of the losses at convergence."""
    rows = [["", "dtype", "its loss", "ours", "relative difference", "tolerance", ""]]
    for each in results["proofs"]:
        if "skipped" in each:
            rows.append([each["peer"], "", "", "", "", "", f"skipped: {each['skipped']}"])
            continue
        rows.append(
            [
                each["peer"],
                each["dtype"],
                f"{each['loss']:.9g}",
                f"{each['our_loss']:.9g}",
                f"{each['difference']:.1e}",
                f"{each['tolerance']:.0e}",
                "equal" if each["proved"] else each["why_not"],
            ]
        )
    return aligned(rows)

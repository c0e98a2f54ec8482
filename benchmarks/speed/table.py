"""Tables of results. They need only the JSON of a study, so they can be printed again later."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple

OURS = "wrmf-exact"


class Group(NamedTuple):
    """Measurements that are compared with each other."""

    data: str
    factors: int
    threads: int


class Cell(NamedTuple):
    """The measurements of one peer in one group."""

    peer: str
    data: str
    factors: int
    threads: int

    @property
    def group(self) -> Group:
        """The measurements that this one is compared with."""
        return Group(*self[1:])


class Point(NamedTuple):
    """The seconds and the loss of a training run after a number of sweeps."""

    sweeps: int
    seconds: float
    loss: float | None


class Cells:
    """The measurements of one results file by cell; values are medians over the repeats."""

    def __init__(self, results: dict[str, Any]) -> None:
        self.results = results
        self.records: dict[Cell, list[dict[str, Any]]] = {}
        self.skipped: dict[Cell, str] = {}
        for record in results["measurements"]:
            cell = Cell(record["peer"], record["data"], record["factors"], record["threads"])
            if "skipped" in record:
                self.skipped[cell] = record["skipped"]
            else:
                self.records.setdefault(cell, []).append(record)

    def value(self, cell: Cell, name: str) -> float | None:
        """Return the median over repeats of a field, None where it was not measured."""
        values = [
            record[name] for record in self.records.get(cell, ()) if record.get(name) is not None
        ]
        return median(values) if values else None

    def seconds(self, peer: str, data: str, factors: int, threads: int) -> float | None:
        """Return the seconds of a sweep."""
        return self.value(Cell(peer, data, factors, threads), "seconds_per_sweep")

    def points(self, cell: Cell) -> list[Point]:
        """Return the times and losses after each recorded number of sweeps."""
        by_sweeps: dict[int, list[tuple[float, float | None]]] = {}
        for record in self.records.get(cell, ()):
            for sweeps, seconds, loss in record["points"]:
                by_sweeps.setdefault(sweeps, []).append((seconds, loss))
        return [
            Point(
                sweeps,
                median(seconds for seconds, _ in repeats),
                next((loss for _, loss in repeats if loss is not None), None),
            )
            for sweeps, repeats in sorted(by_sweeps.items())
        ]

    def loss_after(self, sweeps: int, cell: Cell) -> float | None:
        """Return the loss after a number of sweeps, None if it was not computed."""
        return next((point.loss for point in self.points(cell) if point.sweeps == sweeps), None)

    def gflops(self, threads: int) -> float | None:
        """Return the GEMM rate in GFLOP/s, the median over the calibrations."""
        rates = [
            calibration["gflops"]
            for calibration in self.results["calibration"]
            if calibration["threads"] == threads and "gflops" in calibration
        ]
        return median(rates) if rates else None

    def gemm_share(self, group: Group, peer: str = OURS) -> float | None:
        """Return the rate of the exact solve's necessary flops, divided by the GEMM rate."""
        seconds, rate = self.seconds(peer, *group), self.gflops(group.threads)
        if seconds is None or rate is None:
            return None
        flops = self.results["data"][group.data]["flops"][str(group.factors)]["necessary"]
        return flops / seconds / 1e9 / rate

    def groups(self) -> list[Group]:
        """Return the groups in the order in which they were measured."""
        return list(dict.fromkeys(cell.group for cell in (*self.records, *self.skipped)))

    def peers(self, group: Group) -> list[str]:
        """Return the peers that were measured in a group."""
        return [cell.peer for cell in self.records if cell.group == group]


def seconds_until(points: Iterable[Point], loss: float) -> float | None:
    """Return the seconds after which ``loss`` was reached, None if it never was."""
    reached = (point.seconds for point in points if point.loss is not None and point.loss <= loss)
    return next(reached, None)


def geometric_mean(values: Iterable[float]) -> float:
    """Return exp of the mean logarithm."""
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values))


def number(value: float | None, form: str = ".3g") -> str:
    """Return a formatted number, an empty text for None."""
    return "" if value is None else format(value, form)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of texts, the first of them the heading, as a Markdown table."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def heading(results: dict[str, Any]) -> str:
    """Return the command, the machine and its GEMM rates."""
    machine, cells = results["machine"], Cells(results)
    lines = [
        results["command"],
        f"{machine['cpu']}, {machine['cores']} cores, {results['versions']['kernels']}; "
        f"{results['began']}",
    ]
    if (results.get("load_before") or 0) > 0.5:
        lines.append(f"The machine was busy before: load {results['load_before']:.1f}")
    for threads in sorted({calibration["threads"] for calibration in results["calibration"]}):
        lines.append(
            f"float32 GEMM on {threads} threads: {number(cells.gflops(threads), '.0f')} GFLOP/s"
        )
    return "\n".join(lines)


def summary(results: dict[str, Any]) -> str:
    """Return the tables of all measurements, one for each data set, k and number of threads."""
    cells, parts = Cells(results), [heading(results)]
    for group in cells.groups():
        about = results["data"].get(group.data, {})
        size = (
            f"{about['users']:,} × {about['items']:,}, {about['entries']:,} entries"
            if "users" in about
            else "not available"
        )
        parts.append(f"\n{group.data} ({size}), k = {group.factors}, {group.threads} threads")
        if cells.peers(group):
            parts.append(aligned(peer_rows(cells, group)))
        share = cells.gemm_share(group)
        if share is not None:
            parts.append(f"{OURS}: necessary flops at {share:.0%} of the GEMM rate")
        parts += [
            f"{cell.peer}: {reason}"
            for cell, reason in cells.skipped.items()
            if cell.group == group
        ]
    return "\n".join(parts)


@dataclass(frozen=True)
class GroupSummary:
    """A group of measurements, and the reference values that its table compares them with."""

    cells: Cells
    group: Group
    our_seconds: float | None
    lowest_loss: float | None

    def column_values(self, peer: str) -> dict[str, str]:
        """Return the row of a peer, by column."""
        cell = Cell(peer, *self.group)
        points = self.cells.points(cell)
        seconds = self.cells.value(cell, "seconds_per_sweep")
        loss = points[-1].loss
        ratio = seconds / self.our_seconds if seconds and self.our_seconds else None
        above = loss / self.lowest_loss - 1 if loss is not None and self.lowest_loss else None
        memory = self.cells.value(cell, "memory")
        return {
            "": peer,
            "s / sweep": number(seconds),
            "ratio": number(ratio, ".2f"),
            "sweeps": str(points[-1].sweeps),
            "loss": number(loss, ".8g"),
            "above lowest": number(above, ".2%"),
            "s to 1 %": self._seconds_to(1.01, points),
            "s to 0.1 %": self._seconds_to(1.001, points),
            "memory MB": number(None if memory is None else memory / 1e6, ".0f"),
            "evaluate s": number(self.cells.value(cell, "evaluate_seconds")),
            "recommend s": number(self.cells.value(cell, "recommend_seconds")),
        }

    def _seconds_to(self, share: float, points: list[Point]) -> str:
        if self.lowest_loss is None:
            return ""
        return number(seconds_until(points, self.lowest_loss * share))


# Columns that are only shown if losses were computed during training, not only at its end.
CURVE_COLUMNS = ("s to 1 %", "s to 0.1 %")


def peer_rows(cells: Cells, group: Group) -> list[list[str]]:
    """Return the column titles and one row for each peer of a group."""
    peers = cells.peers(group)
    losses = {
        peer: [p.loss for p in cells.points(Cell(peer, *group)) if p.loss is not None]
        for peer in peers
    }
    lowest = min((loss for curve in losses.values() for loss in curve), default=None)
    group_summary = GroupSummary(cells, group, cells.seconds(OURS, *group), lowest)
    rows = [group_summary.column_values(peer) for peer in peers]
    has_curves = any(len(curve) > 1 for curve in losses.values())
    columns = [name for name in rows[0] if has_curves or name not in CURVE_COLUMNS]
    return [columns, *([row[name] for name in columns] for row in rows)]


PROOF_COLUMNS = ["", "dtype", "its loss", "ours", "relative difference", "tolerance", ""]


def proofs(results: dict[str, Any]) -> str:
    """Return the table of the losses at convergence."""
    rows = [PROOF_COLUMNS]
    for proof in results["proofs"]:
        if "skipped" in proof:
            rows.append([proof["peer"], "", "", "", "", "", f"skipped: {proof['skipped']}"])
            continue
        rows.append(
            [
                proof["peer"],
                proof["dtype"],
                f"{proof['loss']:.9g}",
                f"{proof['our_loss']:.9g}",
                f"{proof['difference']:.1e}",
                f"{proof['tolerance']:.0e}",
                "equal" if proof["proved"] else proof["why_not"],
            ]
        )
    return aligned(rows)

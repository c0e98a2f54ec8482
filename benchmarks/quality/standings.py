"""Tables of the leaderboard's records: means over seeds, and differences paired by user."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import record

# The contender that others are compared with.
REFERENCE = "wrmf.autotune"
METRIC = "ndcg@20"
# The columns of the tables, if there are results.
CONTENDERS = (REFERENCE, "irspack tune", "implicit Optuna", "EASE", "popularity")


def paired(reference: np.ndarray, values: np.ndarray) -> dict[str, float]:
    """Return by how much values are behind those of the reference, with the standard error."""
    differences = reference - values
    error = differences.std(ddof=1) / len(differences) ** 0.5
    return {"by": round(float(differences.mean()), 5), "stderr": round(float(error), 5)}


def read_results(
    folder: Path, name: str, protocol: str, seeds: Sequence[int]
) -> list[dict[str, Any]]:
    """Return the results of the contenders of each seed that has a record."""
    paths = [folder / f"leaderboard-{name}-{protocol}-seed{seed}.json" for seed in seeds]
    return [record.read(path)["contenders"] for path in paths if path.exists()]


def mean_score(results: Sequence[dict[str, Any]], contender: str) -> float | None:
    """Return the mean of a contender's scores; None unless it has one of each seed."""
    scores = [result[contender]["test"][METRIC] for result in results if has(result, contender)]
    return sum(scores) / len(scores) if scores and len(scores) == len(results) else None


def has(result: dict[str, Any], contender: str) -> bool:
    """Return whether a contender has a score on test."""
    return "test" in result.get(contender, {})


def mean_difference(
    results: Sequence[dict[str, Any]], contender: str
) -> tuple[float, float, int] | None:
    """Return how far a contender is behind the reference, the error, and how often it is.

    The splits are drawn independently, so the error of the mean is the root of the sum of their
    squared errors, divided by their number.
    """
    behind = [result[contender]["behind"] for result in results if "behind" in result[contender]]
    if not behind or len(behind) < len(results):
        return None
    mean = sum(difference["by"] for difference in behind) / len(behind)
    error = sum(difference["stderr"] ** 2 for difference in behind) ** 0.5 / len(behind)
    return mean, error, sum(difference["by"] > 0 for difference in behind)


def cell(results: Sequence[dict[str, Any]], contender: str) -> str:
    """Return the mean score of a contender, and its difference to the reference."""
    score = mean_score(results, contender)
    if score is None:
        return "–"
    shown = f"{score:.4f}"
    difference = None if contender == REFERENCE else mean_difference(results, contender)
    if difference is None:
        return shown
    mean, error, _ = difference
    return f"{shown} ({-mean:+.4f} ± {error:.4f})"


def row(name: str, results: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    """Return the row of a set; the best mean is bold, and the last column names the winner."""
    scores = {contender: mean_score(results, contender) for contender in columns}
    known = {contender: score for contender, score in scores.items() if score is not None}
    winner = max(known, key=lambda contender: known[contender])
    cells = [cell(results, contender) for contender in columns]
    cells[columns.index(winner)] = f"**{cells[columns.index(winner)]}**"
    return f"| {name} | {len(results)} | " + " | ".join([*cells, winner]) + " |"


def standings(
    folder: Path, protocols: Sequence[str], sets: Sequence[str], seeds: Sequence[int]
) -> str:
    """Return a Markdown table for each protocol: sets by contenders, means over the seeds.

    In brackets is the difference to the reference, paired by user, with its standard error.
    """
    tables = []
    for protocol in protocols:
        of_sets = {name: read_results(folder, name, protocol, seeds) for name in sets}
        of_sets = {name: results for name, results in of_sets.items() if results}
        present = {contender for results in of_sets.values() for r in results for contender in r}
        columns = [contender for contender in CONTENDERS if contender in present]
        if not columns:
            continue
        lines = [
            f"{METRIC}, {protocol}: means over splits, differences to {REFERENCE} paired by user",
            "",
            "| | splits | " + " | ".join([*columns, "best"]) + " |",
            "|---|" + "---|" * (len(columns) + 2),
            *(row(name, results, columns) for name, results in of_sets.items()),
        ]
        tables.append("\n".join(lines))
    return "\n\n".join(tables)

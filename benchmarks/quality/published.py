"""The published tables of iALS on MovieLens 20M and MSD, with their protocol and settings.

    python -m benchmarks.quality.published movielens-20m  # downloads it; 2,048 factors
    python -m benchmarks.quality.published msd            # 8,192 factors: days on a small machine
    python -m benchmarks.quality.published msd --factors 512
    python -m benchmarks.quality.published synthetic      # the same steps, in seconds

The protocol is that of Liang et al. 2018 (strong generalisation). Ratings below 4 are dropped, then
items and users with few entries. Some users are held out for validation and others for test; they
are drawn as the published script draws them. Items that none of the training users has are dropped.
A fifth of each held-out user's items is scored, the rest is used for fold-in. The settings are
those of Rendle et al. 2021.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

import wrmf
from benchmarks import record
from benchmarks.machine import peak_memory

METRICS = ("capped_recall@20", "capped_recall@50", "ndcg@100")
# Seed of the published script.
SEED = 98765
# Held-out users with fewer entries are not scored: all their entries are used for fold-in.
SCORED_MIN = 5
# Share of a held-out user's entries that is scored.
SCORED_SHARE = 0.2


@dataclass(frozen=True)
class Table:
    """A published table: the filters of its data, the settings of iALS, and the scores."""

    user_min: int
    item_min: int
    held_out: int
    factors: int
    regularization: float
    unobserved_weight: float
    epochs: int
    published: dict[str, tuple[float, ...]]


TABLES = {
    "movielens-20m": Table(
        user_min=5,
        item_min=0,
        held_out=10_000,
        factors=2048,
        regularization=0.003,
        unobserved_weight=0.1,
        epochs=16,
        published={"iALS": (0.395, 0.532, 0.425), "EASE": (0.391, 0.521, 0.420)},
    ),
    "msd": Table(
        user_min=20,
        item_min=200,
        held_out=50_000,
        factors=8192,
        regularization=0.002,
        unobserved_weight=0.02,
        epochs=16,
        published={"iALS": (0.309, 0.415, 0.368), "EASE": (0.333, 0.428, 0.389)},
    ),
    "synthetic": Table(
        user_min=5,
        item_min=5,
        held_out=200,
        factors=32,
        regularization=0.003,
        unobserved_weight=0.1,
        epochs=8,
        published={},
    ),
}


def fetch(name: str) -> wrmf.Interactions:
    """Return the data of a table, before users and items with few entries are dropped."""
    if name == "movielens-20m":
        return wrmf.datasets.fetch_movielens("20m", min_rating=4)
    if name == "synthetic":
        return wrmf.datasets.synthetic_likes(3_000, 2_000, 90_000, random_state=0)
    return wrmf.datasets.DATASETS[name].load()


@dataclass(frozen=True)
class Protocol:
    """The training matrix, and the (known, scored) matrices of the held-out users."""

    train: sparse.csr_matrix
    validation: tuple[sparse.csr_matrix, sparse.csr_matrix]
    test: tuple[sparse.csr_matrix, sparse.csr_matrix]

    def split(self, part: str) -> wrmf.Split:
        """Return the split of the held-out users of ``"validation"`` or ``"test"``."""
        known, scored = getattr(self, part)
        return wrmf.Split(known, scored, fold_in=known)


def apply_protocol(data: wrmf.Interactions, table: Table) -> Protocol:
    """Return the parts of the data; users and items are sorted by id, as in the published script.

    Raises
    ------
    ValueError
        If no users are left to train on.
    """
    users, items = (np.argsort(ids, kind="stable") for ids in (data.users, data.items))
    matrix = data.matrix[users][:, items]
    matrix.data = np.ones_like(matrix.data)
    of_items = np.bincount(matrix.indices, minlength=matrix.shape[1])
    matrix = matrix[:, of_items >= max(table.item_min, 1)]
    matrix = matrix[np.diff(matrix.indptr) >= table.user_min]
    n = matrix.shape[0]
    if n <= 2 * table.held_out:
        raise ValueError(
            f"{2 * table.held_out} users are to be held out, {n} are left after the thresholds"
        )
    order = np.random.RandomState(SEED).permutation(n)
    borders = [0, n - 2 * table.held_out, n - table.held_out, n]
    train, validation, test = (matrix[np.sort(order[a:b])] for a, b in pairwise(borders))
    in_train = np.bincount(train.indices, minlength=train.shape[1]) > 0
    return Protocol(
        train[:, in_train],
        known_and_scored(validation[:, in_train]),
        known_and_scored(test[:, in_train]),
    )


def known_and_scored(rows: sparse.csr_matrix) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Divide rows into (known, scored): a fifth of each row, rounded down, is scored.

    Rows with fewer than ``SCORED_MIN`` entries are only known.
    """
    rows.sort_indices()
    generator = np.random.RandomState(SEED)
    chosen = np.zeros(rows.nnz, dtype=bool)
    for start, stop in pairwise(rows.indptr):
        if stop - start >= SCORED_MIN:
            size = int(SCORED_SHARE * (stop - start))
            chosen[start + generator.choice(stop - start, size=size, replace=False)] = True
    known, scored = rows.copy(), rows.copy()
    for part, dropped in ((known, chosen), (scored, ~chosen)):
        part.data[dropped] = 0
        part.eliminate_zeros()
    return known, scored


@dataclass(frozen=True)
class Trained:
    """A model of one table and the seconds that its training took."""

    model: wrmf.WRMF
    seconds: float


def train(matrix: sparse.csr_matrix, table: Table, seed: int) -> Trained:
    """Train with the settings of the table."""
    model = wrmf.WRMF(
        table.factors,
        table.regularization,
        1.0,
        iterations=table.epochs,
        unobserved_weight=table.unobserved_weight,
        regularization_exponent=1.0,
        objective="ials",
        confidence="linear",
        random_state=seed,
    )
    start = time.perf_counter()
    model.fit(matrix)
    return Trained(model, time.perf_counter() - start)


def run(
    name: str, data: wrmf.Interactions, table: Table, seed: int = 0, part: str = "test"
) -> dict[str, Any]:
    """Train and evaluate; return the record, which also has the published scores."""
    protocol = apply_protocol(data, table)
    start = time.perf_counter()
    trained = train(protocol.train, table, seed)
    evaluation = wrmf.evaluate(trained.model, protocol.split(part), METRICS)
    return {
        "set": name,
        "part": part,
        "seed": seed,
        "data": {
            "train_users": protocol.train.shape[0],
            "items": protocol.train.shape[1],
            "train": protocol.train.nnz,
            "users_scored": evaluation.n_users,
            "users_without_scored": evaluation.n_skipped,
        },
        "model": repr(trained.model),
        "training_seconds": round(trained.seconds, 1),
        "seconds": round(time.perf_counter() - start, 1),
        "peak_memory_MiB": round((peak_memory() or 0) / 2**20),
        "found": {metric: round(value, 4) for metric, value in evaluation.items()},
        "stderr": {metric: round(value, 4) for metric, value in evaluation.stderr.items()},
        "published": {
            method: dict(zip(METRICS, values, strict=True))
            for method, values in table.published.items()
        },
    }


def shown(content: dict[str, Any]) -> str:
    """Return a record as a Markdown table."""
    figures, errors = content["found"], content["stderr"]
    lines = [
        f"{content['set']} ({content['part']}): {content['model']}",
        "",
        f"| | {' | '.join(METRICS)} |",
        "|---|---|---|---|",
        f"| wrmf | {' | '.join(f'{figures[m]:.4f} ± {errors[m]:.4f}' for m in METRICS)} |",
    ]
    for method, values in content["published"].items():
        lines.append(f"| {method}, published | {' | '.join(str(values[m]) for m in METRICS)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality.published", description=__doc__.splitlines()[0]
    )
    parser.add_argument("data", choices=TABLES)
    parser.add_argument("--factors", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--part", choices=("test", "validation"), default="test")
    parser.add_argument("--out", type=Path, help="the JSON file; default results/published-….json")
    options = parser.parse_args(arguments)
    table = TABLES[options.data]
    table = replace(
        table,
        factors=options.factors or table.factors,
        epochs=options.epochs or table.epochs,
    )
    try:
        data = fetch(options.data)
    except OSError as error:
        raise SystemExit(str(error)) from None
    content = run(options.data, data, table, options.seed, options.part)
    print(shown(content))
    described = record.described("benchmarks.quality.published", content)
    print(record.write(described, f"published-{options.data}", options.out))


if __name__ == "__main__":
    main()

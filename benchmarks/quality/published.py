"""The published tables of iALS on MovieLens 20M and MSD, with the paper's protocol and settings.

    python -m benchmarks.quality.published movielens-20m     # fetches it; 2,048 factors
    python -m benchmarks.quality.published msd            # 8,192 factors: days on a small machine
    python -m benchmarks.quality.published msd --factors 512
    python -m benchmarks.quality.published synthetic         # the same way through, in seconds

Protocol of Liang et al. 2018 (strong generalisation): ratings below 4 are dropped, then songs and
users with few entries; so many whole users are held out for validation and for test, in the order
that their published script draws them; items are those of the remaining users; a fifth of each
held-out user's items is scored, the rest is folded in. Settings are those of Rendle et al. 2021.
"""

from __future__ import annotations

import argparse
import itertools
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse

import wrmf
from benchmarks.quality.data import described, write
from benchmarks.speed.worker import peak_memory

METRICS = ("capped_recall@20", "capped_recall@50", "ndcg@100")
SEED = 98765  # of the published script


@dataclass(frozen=True)
class Table:
    """One published table: how its data is cut, iALS's settings, and the figures."""

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
        5,
        0,
        10_000,
        2048,
        0.003,
        0.1,
        16,
        {"iALS": (0.395, 0.532, 0.425), "EASE": (0.391, 0.521, 0.420)},
    ),
    "msd": Table(
        20,
        200,
        50_000,
        8192,
        0.002,
        0.02,
        16,
        {"iALS": (0.309, 0.415, 0.368), "EASE": (0.333, 0.428, 0.389)},
    ),
    "synthetic": Table(5, 5, 200, 32, 0.003, 0.1, 8, {}),
}


def fetch(name: str) -> wrmf.Interactions:
    if name == "movielens-20m":
        return wrmf.datasets.fetch_movielens("20m", min_rating=4)
    if name == "msd":
        return wrmf.datasets.fetch_msd()
    return wrmf.datasets.synthetic_likes(3_000, 2_000, 90_000, random_state=0)


@dataclass(frozen=True)
class Protocol:
    """Rows trained on, and (known, scored) rows of the users of validation and of test."""

    train: sparse.csr_matrix
    validation: tuple[sparse.csr_matrix, sparse.csr_matrix]
    test: tuple[sparse.csr_matrix, sparse.csr_matrix]

    def split(self, part: str) -> wrmf.Split:
        known, scored = getattr(self, part)
        return wrmf.Split(known, scored, fold_in=known)


def cut(data: wrmf.Interactions, table: Table) -> Protocol:
    """Return the parts; users and items in the order of their ids, as the published script."""
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
    train, validation, test = (
        matrix[np.sort(order[low:high])] for low, high in itertools.pairwise(borders)
    )
    met = np.bincount(train.indices, minlength=train.shape[1]) > 0
    return Protocol(train[:, met], _fifth(validation[:, met]), _fifth(test[:, met]))


def _fifth(rows: sparse.csr_matrix) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Return (known, scored): a fifth of each row of at least five is scored, rounded down."""
    rows.sort_indices()
    generator = np.random.RandomState(SEED)
    chosen = np.zeros(rows.nnz, dtype=bool)
    for start, stop in zip(rows.indptr[:-1], rows.indptr[1:], strict=True):
        if stop - start >= 5:
            size = int(0.2 * (stop - start))
            chosen[start + generator.choice(stop - start, size=size, replace=False)] = True
    parts = rows.copy(), rows.copy()
    for part, dropped in zip(parts, (chosen, ~chosen), strict=True):
        part.data[dropped] = 0
        part.eliminate_zeros()
    return parts


def run(name: str, data: wrmf.Interactions, table: Table, seed: int = 0, part: str = "test"):
    """Return the record: data, settings, figures beside the published ones, seconds, memory."""
    parts = cut(data, table)
    model = wrmf.WRMF(
        table.factors,
        table.regularization,
        1.0,
        iterations=table.epochs,
        unobserved_weight=table.unobserved_weight,
        regularization_exponent=1.0,
        objective="ials",
        random_state=seed,
    )
    start = time.perf_counter()
    model.fit(parts.train)
    training = time.perf_counter() - start
    found = wrmf.evaluate(model, parts.split(part), METRICS)
    return {
        "set": name,
        "part": part,
        "seed": seed,
        "data": {
            "train_users": parts.train.shape[0],
            "items": parts.train.shape[1],
            "train": parts.train.nnz,
            "users_scored": found.n_users,
            "users_without_scored": found.n_skipped,
        },
        "model": repr(model),
        "training_seconds": round(training, 1),
        "seconds": round(time.perf_counter() - start, 1),
        "peak_memory_MiB": round((peak_memory() or 0) / 2**20),
        "found": {metric: round(value, 4) for metric, value in found.items()},
        "stderr": {metric: round(value, 4) for metric, value in found.stderr.items()},
        "published": {
            who: dict(zip(METRICS, values, strict=True)) for who, values in table.published.items()
        },
    }


def shown(record: dict) -> str:
    lines = [
        f"{record['set']} ({record['part']}): {record['model']}",
        "",
        f"| | {' | '.join(METRICS)} |",
        "|---|---|---|---|",
    ]
    ours = (f"{record['found'][m]:.4f} ± {record['stderr'][m]:.4f}" for m in METRICS)
    lines.append(f"| wrmf | {' | '.join(ours)} |")
    for who, values in record["published"].items():
        lines.append(f"| {who}, published | {' | '.join(str(values[m]) for m in METRICS)} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality.published", description=__doc__.splitlines()[0]
    )
    parser.add_argument("data", choices=TABLES)
    parser.add_argument("--factors", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--part", choices=("test", "validation"), default="test")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args(arguments)
    table = TABLES[asked.data]
    changed = {name: getattr(asked, name) for name in ("factors", "epochs") if getattr(asked, name)}
    table = Table(**{**vars(table), **changed})
    try:
        data = fetch(asked.data)
    except OSError as error:
        raise SystemExit(str(error)) from None
    record = run(asked.data, data, table, asked.seed, asked.part)
    print(shown(record))
    print(
        write(
            described("benchmarks.quality.published", record), f"published-{asked.data}", asked.out
        )
    )


if __name__ == "__main__":
    main()

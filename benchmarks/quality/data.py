"""The data of the quality studies, split as their protocols say, and where their results go."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

import wrmf
from benchmarks import data
from benchmarks.peers import Missing
from benchmarks.speed.runner import RESULTS, machine
from wrmf.data.splitting import as_validation
from wrmf.versions import versions


def read(name: str) -> pd.DataFrame:
    """Return a table of pairs by name; Missing where it is not here."""
    path = data.data_folder() / f"{name}.parquet"
    if not path.exists():
        raise Missing(f"no data set {name!r}: {path} is not there (set WRMF_BENCH_DATA)")
    return pd.read_parquet(path)


def matrix_of(frame: pd.DataFrame, shape: tuple[int, int] | None = None) -> sparse.csr_matrix:
    """Return the CSR matrix of user, item and, where there is one, value."""
    rows, columns = frame["user"].to_numpy(), frame["item"].to_numpy()
    values = frame["value"].to_numpy(np.float32) if "value" in frame else np.ones(len(frame), "f4")
    shape = shape or (rows.max() + 1, columns.max() + 1)
    return sparse.csr_matrix((values, (rows, columns)), shape=shape)


def gowalla() -> wrmf.Split:
    """The split that the published tables use, all users."""
    frame = read("gowalla")
    shape = frame["user"].max() + 1, frame["item"].max() + 1
    held = frame["test"].to_numpy().astype(bool)
    return wrmf.Split(matrix_of(frame[~held], shape), matrix_of(frame[held], shape))


def described(module: str, record: dict) -> dict:
    """Return a record with what it was made by, when and where."""
    return {
        "command": " ".join([f"python -m {module}", *sys.argv[1:]]),
        "ended": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions(),
        **record,
    }


def write(record: dict, name: str, path: Path | None = None) -> Path:
    """Write a record as JSON, by default into results/, and return where."""
    path = path or RESULTS / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(record, indent=1, ensure_ascii=False, default=_plain)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def _plain(value):
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} does not go into JSON")


# Decks: the days whose decks are tested, those trained on, and how many of each are drawn.
DECKS = {"test_days": 45, "train_days": 210, "train": 30_000, "test": 4_000, "card_min": 5}


def mtg_decks(protocol: str, seed: int = 0) -> tuple[wrmf.Split, wrmf.Split]:
    """Return (split, its validation) of decks by day: the latest are tested on, folded in or not.

    Weak: 80 % of each later deck's cards is in train; strong: it is folded in. Repeated decks are
    dropped, cards that fewer than five of the earlier decks hold, too; decks are drawn with a seed.
    """
    meta = read("mtg_decks_meta")
    meta = meta[meta["repeat"] == 0]
    last = int(meta["day"].max()) + 1
    borders = [last - DECKS["test_days"] - DECKS["train_days"], last - DECKS["test_days"], last]
    generator = np.random.default_rng(seed)
    old, new = (
        np.sort(
            generator.permutation(
                meta.loc[(meta["day"] >= low) & (meta["day"] < high), "user"].to_numpy()
            )[:most]
        )
        for low, high, most in zip(
            borders, borders[1:], (DECKS["train"], DECKS["test"]), strict=False
        )
    )
    frame = read("mtg_decks")
    pairs = matrix_of(frame[frame["user"].isin(np.concatenate([old, new]))])
    pairs = pairs[np.concatenate([old, new])]
    known = np.bincount(pairs[: len(old)].indices, minlength=pairs.shape[1])
    pairs = pairs[:, known >= DECKS["card_min"]]
    day = meta.set_index("user")["day"]
    latest = day.loc[old].to_numpy() >= day.loc[old].quantile(0.85)
    is_new = np.arange(pairs.shape[0]) >= len(old)
    split = held_out(pairs, is_new, protocol, seed)
    # Validation looks like the test: the latest of what is trained on.
    inner = held_out(pairs[: len(old)], latest, protocol, seed + 1)
    return split, inner


def held_out(matrix: sparse.csr_matrix, chosen: np.ndarray, protocol: str, seed: int) -> wrmf.Split:
    """Return a split that scores a fifth of each chosen row; the rest is known or folded in."""
    data = wrmf.Interactions.from_matrix(matrix)
    counts = np.diff(data.matrix.indptr)
    chosen = np.flatnonzero(chosen & (counts >= 2))
    part = data.matrix[chosen]
    everyone = wrmf.split_users(part, len(chosen) - 1, fold_in=0.8, random_state=seed)
    rows = chosen[everyone.users]

    def back(inside: wrmf.Interactions) -> sparse.csr_matrix:
        spread = sparse.csr_matrix(
            (np.ones(len(rows), "f4"), (rows, everyone.users)), shape=(len(counts), len(chosen))
        )
        return (spread @ inside.matrix).tocsr()

    test, known = back(everyone.test), back(everyone.fold_in)
    rest = np.ones(len(counts), "f4")
    rest[rows] = 0
    train = (sparse.diags_array(rest) @ data.matrix).tocsr()
    train.eliminate_zeros()
    if protocol == "weak":
        return wrmf.Split(train + known, test, rows)
    return wrmf.Split(train, test, rows, wrmf.Interactions.from_matrix(known))


def leaderboard_split(name: str, protocol: str, seed: int = 0) -> tuple[wrmf.Split, wrmf.Split]:
    """Return (split, validation within its train) of a set, for "weak" or "strong"."""
    if name == "mtg_decks":
        return mtg_decks(protocol, seed)
    whole = matrix_of(read(name))
    if protocol == "weak":
        split = wrmf.split_interactions(whole, 0.2, random_state=seed)
    else:
        split = wrmf.split_users(whole, 0.2, fold_in=0.8, random_state=seed)
    return split, as_validation(split, 0.2, seed + 1)

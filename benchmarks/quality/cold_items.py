"""Items without any interaction, ranked by their names: Magic cards by n-grams of characters.

    python -m benchmarks.quality.cold_items
    python -m benchmarks.quality.cold_items --users 5000 --factors 32 --strengths 1 10

A fifth of the cards is cold: nothing of them is in train. One half of them is for validation, on
which λ_A is chosen, the other is the test. The features of a card are hashed n-grams of its name,
from the table ``mtg_cards``. Each user's own cold cards are ranked

- among the cold cards of that part, and
- among these and all cards of train that the user does not have.

By popularity in train, cold cards are all equal, so two stronger baselines know more: "names"
predicts the logarithm of the popularity of a card from the same features, and "oracle" ranks cold
cards by the number of their users in the test itself. Among all cards, both are mixed with the
popularity in train.
"""

from __future__ import annotations

import argparse
import os
import time
import zlib
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

import wrmf
from benchmarks import record
from benchmarks.data import read_pairs
from benchmarks.missing import Missing
from wrmf.numerics.feature_ridge import FeatureRidge

CUTOFF = 20
LEAST_USERS = 20


def name_features(names: Sequence[str], n_features: int) -> sparse.csr_matrix:
    """Return hashed words and n-grams of 3 to 5 characters, weighted by rarity, and a constant."""
    rows, columns = [], []
    for row, name in enumerate(names):
        grams: set[str] = set()
        for word in name.lower().replace(",", " ").split():
            padded = f"<{word}>"
            grams.add(padded)
            grams.update(padded[i : i + n] for n in (3, 4, 5) for i in range(len(padded) - n + 1))
        hashed = {zlib.crc32(gram.encode()) % n_features for gram in grams}
        columns.extend(hashed)
        rows.extend([row] * len(hashed))
    counts = Counter(columns)
    rarity = {column: np.log(len(names) / count) for column, count in counts.items()}
    values = np.array([rarity[column] for column in columns])
    matrix = sparse.csr_matrix((values, (rows, columns)), shape=(len(names), n_features))
    norms = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    scaled = sparse.diags_array(1.0 / np.where(norms > 0, norms, 1.0)) @ matrix
    # With a feature that all cards have, what is expected of a card of rare words is the mean.
    everyone = sparse.csr_matrix(np.ones((len(names), 1)))
    return sparse.csr_matrix(sparse.hstack([scaled, everyone]), dtype=np.float32)


class Parts(NamedTuple):
    """Interactions with warm and with cold cards.

    Attributes
    ----------
    train : CSR (n_users, n_warm), scaled logarithms of counts
    cold : {"validation": CSR (n_users, n), "test": CSR (n_users, n)}
    warm_features, cold_features : the features of both
    """

    train: sparse.csr_matrix
    cold: dict[str, sparse.csr_matrix]
    warm_features: sparse.csr_matrix
    cold_features: dict[str, sparse.csr_matrix]


def parts_of(n_users: int, n_features: int, seed: int) -> Parts:
    """Return the data, with users and cold cards drawn at random."""
    pairs = read_pairs("mtg_players")
    cards = read_pairs("mtg_cards").sort_values("item")
    features = name_features(cards["name"].tolist(), n_features)
    values = np.log1p(pairs["value"].to_numpy(np.float64))
    counts = sparse.csr_matrix(
        (values / values.mean(), (pairs["user"], pairs["item"])),
        shape=(pairs["user"].max() + 1, len(cards)),
    ).astype(np.float32)
    generator = np.random.default_rng(seed)
    users = np.flatnonzero(np.diff(counts.indptr) >= LEAST_USERS)
    counts = counts[np.sort(generator.permutation(users)[:n_users])]
    columns = np.flatnonzero(np.bincount(counts.indices, minlength=len(cards)) >= LEAST_USERS)
    columns = generator.permutation(columns)
    tenth = len(columns) // 10
    chosen = {"validation": np.sort(columns[:tenth]), "test": np.sort(columns[tenth : 2 * tenth])}
    warm = np.sort(columns[2 * tenth :])
    return Parts(
        counts[:, warm],
        {name: counts[:, part] for name, part in chosen.items()},
        features[warm],
        {name: features[part] for name, part in chosen.items()},
    )


def quality(
    scores: np.ndarray, own: sparse.csr_matrix, seen: sparse.csr_matrix | None
) -> dict[str, list[float]]:
    """Return recall and ndcg of each user's own cards, which are the last columns of ``scores``."""
    first = scores.shape[1] - own.shape[1]
    out: dict[str, list[float]] = {"recall@20": [], "ndcg@20": []}
    discounts = 1.0 / np.log2(np.arange(2, CUTOFF + 2))
    for user in range(len(scores)):
        wanted = first + own.indices[own.indptr[user] : own.indptr[user + 1]]
        if not len(wanted):
            continue
        row = scores[user].copy()
        if seen is not None:
            row[seen.indices[seen.indptr[user] : seen.indptr[user + 1]]] = -np.inf
        best = np.argpartition(-row, CUTOFF)[:CUTOFF]
        hits = np.isin(best[np.argsort(-row[best], kind="stable")], wanted)
        out["recall@20"].append(hits.sum() / min(CUTOFF, len(wanted)))
        out["ndcg@20"].append((hits * discounts).sum() / discounts[: len(wanted)].sum())
    return out


def rankings(
    users: np.ndarray, warm: np.ndarray, cold: np.ndarray, parts: Parts, part: str
) -> dict[str, dict[str, float]]:
    """Return the mean quality among cold cards and among all cards, for scores x·y of both."""
    means: dict[str, dict[str, float]] = {}
    own = parts.cold[part]
    for kind, items in (("cold", cold), ("all", np.vstack([warm, cold]))):
        totals: dict[str, list[float]] = {}
        for start in range(0, len(users), 2000):
            rows = slice(start, start + 2000)
            seen = parts.train[rows] if kind == "all" else None
            found = quality(users[rows] @ items.T, own[rows], seen)
            for name, values in found.items():
                totals.setdefault(name, []).extend(values)
        means[kind] = {name: round(float(np.mean(values)), 4) for name, values in totals.items()}
    return means


def baselines(parts: Parts, part: str, seed: int) -> dict[str, Any]:
    """Return the quality of rankings that are the same for all users."""
    popularity = np.bincount(parts.train.indices, minlength=parts.train.shape[1])
    level = np.log1p(popularity)
    ridge = FeatureRidge.of(parts.warm_features, np.ones(len(level)), 1.0, 2)
    n_features = parts.warm_features.shape[1]
    centred = (level - level.mean())[:, None]
    fitted = ridge.solve(centred, np.zeros((n_features, 1)), 2)
    own = np.bincount(parts.cold[part].indices, minlength=parts.cold[part].shape[1])
    random = np.random.default_rng(seed).random(len(own))
    guesses = {
        "popular (cold at random)": random * 1e-6,
        "names": (parts.cold_features[part] @ fitted)[:, 0] + level.mean(),
        "oracle": np.log1p(own),
    }
    everyone = np.ones((parts.train.shape[0], 1))
    return {
        name: rankings(everyone, level[:, None], guess[:, None], parts, part)
        for name, guess in guesses.items()
    }


def model_of(options: argparse.Namespace, strength: float) -> wrmf.WRMF:
    return wrmf.WRMF(
        options.factors,
        regularization=options.regularization,
        alpha=1.0,
        iterations=options.epochs,
        unobserved_weight=options.unobserved_weight,
        regularization_exponent=1.0,
        objective="ials",
        confidence="linear",
        random_state=options.seed,
        feature_regularization=strength,
    )


def study(options: argparse.Namespace) -> dict[str, Any]:
    """Return the quality of each λ_A on validation; on test, that of the best and of baselines."""
    parts = parts_of(options.users, options.features, options.seed)
    print(f"{parts.train.shape[0]} users, {parts.train.shape[1]} warm cards", flush=True)
    tried, fits = [], {}
    for strength in options.strengths:
        began = time.perf_counter()
        model = model_of(options, strength)
        model.fit(parts.train, progress=False, item_features=parts.warm_features)
        fits[strength] = model
        seconds = time.perf_counter() - began
        found = rank_cold(model, parts, "validation")
        tried.append({"strength": strength, "seconds": round(seconds, 1), **found})
        print(tried[-1], flush=True)
    best = max(tried, key=lambda row: row["cold"]["ndcg@20"])["strength"]
    result = {
        "options": vars(options),
        "validation": tried,
        "best": best,
        "test": {
            "features": rank_cold(fits[best], parts, "test"),
            **baselines(parts, "test", options.seed),
        },
    }
    for name, values in result["test"].items():
        print(f"{name:26} {values}")
    return result


def rank_cold(model: wrmf.WRMF, parts: Parts, part: str) -> dict[str, dict[str, float]]:
    """Return the quality of a model that takes cold cards in by their features alone."""
    nobody = sparse.csr_matrix(parts.cold[part].shape, dtype=np.float32)
    cold = model.fold_in_items(nobody, features=parts.cold_features[part])
    return rankings(model.user_factors, model.item_factors, cold, parts, part)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the study and write its record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--features", type=int, default=2000)
    parser.add_argument("--factors", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--regularization", type=float, default=0.03)
    parser.add_argument("--unobserved-weight", type=float, default=0.1)
    parser.add_argument("--strengths", type=float, nargs="+", default=[1.0, 5.0, 30.0, 200.0])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    try:
        result = study(options)
    except Missing as error:
        raise SystemExit(str(error)) from None
    print("load:", " ".join(f"{load:.1f}" for load in os.getloadavg()))
    record.write(record.described("benchmarks.quality.cold_items", result), "cold_items")


if __name__ == "__main__":
    main()

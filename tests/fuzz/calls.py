"""The target "matrices": every public call that takes a matrix, with matrices of every kind."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
from fuzz.matrices import draw_matrix
from fuzz.outcomes import Snapshot, outcome_of, require

import wrmf
from wrmf import WRMF, Interactions, Split

__all__ = ["run_matrix_case"]

SHAPE = (6, 8)
SHAPES = [SHAPE, SHAPE, (1, 1), (1, 8), (6, 1), (0, 3), (3, 0), (9, 4), (2, 30)]


@functools.cache
def trained() -> WRMF:
    """Return a small model that no call may change."""
    counts = np.add.outer(np.arange(6), np.arange(8)) % 3
    params = {"factors": 3, "regularization": 0.1, "iterations": 2, "num_threads": 1}
    return WRMF(**params, random_state=0).fit(counts)


def fresh(generator: np.random.Generator) -> WRMF:
    """Return a model with random parameters, some of them far from useful."""
    return WRMF(
        factors=int(generator.choice([1, 2, 7, 33])),
        regularization=float(generator.choice([0.0, 1e-8, 0.1, 30.0])),
        alpha=float(generator.choice([0.0, 1e-3, 30.0, 1e6])),
        iterations=int(generator.integers(1, 3)),
        unobserved_weight=float(generator.choice([1e-3, 1.0])),
        regularization_exponent=float(generator.choice([0.0, 0.0, 1.0, 300.0])),
        objective=str(generator.choice(["wrmf", "ials"])),
        confidence=str(generator.choice(["linear", "log"])),
        solver=str(generator.choice(["exact", "cg"])),
        dtype=str(generator.choice(["float32", "float64"])),
        num_threads=int(generator.integers(1, 3)),
        random_state=int(generator.integers(100)),
    )


def fit(matrix: Any, generator: np.random.Generator) -> None:
    model = fresh(generator).fit(matrix, progress=False)
    for factors in (model.user_factors, model.item_factors):
        require(np.isfinite(factors).all(), f"{model} has factors that are not finite")


def fold_in(matrix: Any, generator: np.random.Generator) -> None:
    require(np.isfinite(trained().fold_in_users(matrix)).all(), "factors are not finite")


def fold_in_items(matrix: Any, generator: np.random.Generator) -> None:
    require(np.isfinite(trained().fold_in_items(matrix)).all(), "factors are not finite")


def recommend_new(matrix: Any, generator: np.random.Generator) -> None:
    lists = trained().recommend_new(matrix, n=int(generator.integers(1, 12)))
    dense = Interactions.from_matrix(matrix).matrix.toarray()
    for seen, row in zip(dense, lists.ids, strict=True):
        named = row[row >= 0]
        require(len(set(named.tolist())) == len(named), "an item is recommended twice")
        require(not seen[named].any(), "a seen item is recommended")


def partial_fit(matrix: Any, generator: np.random.Generator) -> None:
    model = WRMF.from_factors(trained().state)
    model.user_factors, model.item_factors = trained().user_factors, trained().item_factors
    model.partial_fit(matrix, iterations=1, progress=False)


def update(matrix: Any, generator: np.random.Generator) -> None:
    model = WRMF.from_factors(trained().state)
    how = str(generator.choice(["add", "set", "replace"]))
    model.update(matrix, iterations=int(generator.integers(0, 2)), how=how, progress=False)
    require(np.isfinite(model.user_factors).all(), "factors are not finite")


def split(matrix: Any, generator: np.random.Generator) -> None:
    data = Interactions.from_matrix(matrix)
    parts = wrmf.split_interactions(data, test_size=0.4, random_state=0)
    both = parts.train.matrix + parts.test.matrix
    require((both != data.matrix).nnz == 0, "train and test are not the data")


def leave_out(matrix: Any, generator: np.random.Generator) -> None:
    data = Interactions.from_matrix(matrix)
    parts = wrmf.leave_k_out(data, k=int(generator.integers(1, 4)), random_state=0)
    require(not parts.train.matrix.multiply(parts.test.matrix).nnz, "train and test overlap")


def evaluate(matrix: Any, generator: np.random.Generator) -> None:
    parts = Split(trained().train_matrix, matrix)
    for name, value in wrmf.evaluate(trained(), parts, ["precision@3", "auc", "mse"]).items():
        require(not value < 0 and (name == "mse" or not value > 1), f"{name} is {value}")


def k_core(matrix: Any, generator: np.random.Generator) -> None:
    core = Interactions.from_matrix(matrix).k_core(*generator.integers(1, 4, 2).tolist()).matrix
    require(core.nnz, "an empty core")


def loss(matrix: Any, generator: np.random.Generator) -> None:
    require(np.isfinite(trained().loss(matrix)), "the loss is not finite")


def split_users(matrix: Any, generator: np.random.Generator) -> None:
    wrmf.split_users(Interactions(matrix), 2, random_state=0)


def k_folds(matrix: Any, generator: np.random.Generator) -> None:
    list(wrmf.k_folds(Interactions(matrix), 3, random_state=0))


def sample(matrix: Any, generator: np.random.Generator) -> None:
    Interactions(matrix).sample(0.5, random_state=0)


def read(matrix: Any, generator: np.random.Generator) -> None:
    if isinstance(matrix, np.ndarray):
        # As a source, an array is a table with a row for each interaction.
        matrix = Interactions(matrix).matrix
    rows = wrmf.read_interactions(matrix)
    sums = Interactions(matrix)
    require(np.isclose(rows.matrix.sum(), sums.matrix.sum()), "reading gives other sums")


CALLS = [
    fit,
    fold_in,
    fold_in_items,
    recommend_new,
    partial_fit,
    update,
    split,
    leave_out,
    evaluate,
    k_core,
    loss,
    split_users,
    k_folds,
    read,
    sample,
]


def describe(matrix: Any) -> str:
    """Return the parts of a matrix, whose own repr may fail."""
    if isinstance(matrix, np.ndarray):
        return repr(matrix)
    names = ("data", "indices", "indptr", "row", "col")
    parts = {name: getattr(matrix, name, None) for name in names}
    kept = {name: part for name, part in parts.items() if isinstance(part, np.ndarray)}
    return f"{type(matrix).__name__} {matrix.shape} {kept}"


def run_matrix_case(generator: np.random.Generator, folder: Path) -> str:
    """Pass a matrix to two public calls, and compare what they make of it with dense sums."""
    case = draw_matrix(generator, SHAPES[generator.integers(len(SHAPES))])
    before = Snapshot(case.matrix)
    read = outcome_of(Interactions.from_matrix, case.matrix)
    if case.expected is None or not case.expected.any():
        require(read.error, f"{describe(case.matrix)} was accepted")
    else:
        require(read.error is None, f"{describe(case.matrix)} was refused: {read.error!r}")
        with np.errstate(under="ignore"):
            single = case.expected.astype(np.float32)
        single[(case.expected > 0) & (single < np.finfo("f4").tiny)] = np.finfo("f4").tiny
        require(np.array_equal(read.answer.matrix.toarray(), single), "other sums of the cells")
    call = CALLS[generator.integers(len(CALLS))]
    outcome = outcome_of(call, case.matrix, generator)
    require(
        case.expected is not None or outcome.error,
        f"{call.__name__} accepted {describe(case.matrix)}",
    )
    before.check()
    return f"{read.name}, {outcome.name}"

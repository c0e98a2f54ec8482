"""Shows that every adapter minimises our objective, by the losses reached at convergence.

Each implementation trains at k = 8 on small data with counts 1, 2 and 3, in float64 where it offers
that. Its factors' loss by the common function must equal ours; and when our exact solver goes on
from its factors, the loss must not fall by more than the tolerance, so that its minimum is ours.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from scipy import sparse

import wrmf
from benchmarks.peers import PEERS, Missing, Setting
from benchmarks.worker import Recorder, common_loss, own_regularization

SETTING = Setting(factors=8, regularization=1.0, alpha=10.0, sweeps=100, dtype="float64")
# Relative to the loss. Where a library has only float32, its rounding bounds what it can reach.
TOLERANCE = {"float64": 1e-7, "float32": 1e-5}
GO_ON = 20


def small_likes(regular: bool) -> sparse.csr_matrix:
    """Return a few thousand counts, 1 to 3; ``regular``: every user has 20 items, every item 40."""
    generator = np.random.default_rng(0)
    if regular:
        matrix = _regular_likes(generator)
    else:
        matrix = wrmf.datasets.synthetic_likes(400, 200, 6000, random_state=0).matrix
    matrix = matrix.astype(np.float32)
    matrix.data = generator.integers(1, 4, matrix.nnz).astype(np.float32)
    return matrix


def _regular_likes(generator: np.random.Generator) -> sparse.csr_matrix:
    """Eight groups of 50 users, each on 25 items of its own; then exchanges that keep degrees."""
    pairs = [(user, user // 50 * 25 + (user + step) % 25)
             for user in range(400) for step in range(20)]  # fmt: skip
    taken = set(pairs)
    for a, b in generator.integers(len(pairs), size=(2000, 2)):
        (user, item), (other, its) = pairs[a], pairs[b]
        if (user, its) not in taken and (other, item) not in taken:
            taken -= {pairs[a], pairs[b]}
            pairs[a], pairs[b] = (user, its), (other, item)
            taken |= {pairs[a], pairs[b]}
    rows, columns = np.array(pairs).T
    return sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(400, 200))


def prove(name: str, threads: int) -> dict:
    """Return the losses of one implementation and of ours, and whether they agree."""
    peer = PEERS[name]
    module = peer.module()
    try:
        version = module.load()
        dtype = "float64" if getattr(module, "FLOAT64", False) else "float32"
        matrix = small_likes(regular=hasattr(module, "regularization"))
        setting = replace(SETTING, dtype=dtype, threads=threads, options=peer.options)
        kept = []
        module.train(matrix, setting, Recorder(setting, False, lambda *both: kept.append(both)))
    except Missing as reason:
        return {"skipped": str(reason)}

    regularization = own_regularization(module, matrix, setting)
    theirs = common_loss(matrix, setting, regularization, *kept[-1])
    model = wrmf.WRMF(
        setting.factors, regularization, setting.alpha, iterations=setting.sweeps, random_state=1,
        dtype="float64", init_scale=0.1 / math.sqrt(setting.factors), solver="exact",
    ).fit(matrix, progress=False)  # fmt: skip
    ours = model.loss(matrix)
    model.user_factors, model.item_factors = (
        np.ascontiguousarray(each, dtype=np.float64) for each in kept[-1]
    )
    onward = model.partial_fit(matrix, GO_ON, progress=False).loss(matrix)
    tolerance = TOLERANCE[dtype]
    return {
        "version": version,
        "dtype": dtype,
        "loss": theirs,
        "our_loss": ours,
        "difference": abs(theirs / ours - 1),
        "fall_when_we_go_on": 1 - onward / theirs,
        "tolerance": tolerance,
        "proved": abs(theirs / ours - 1) <= tolerance and 1 - onward / theirs <= tolerance,
    }

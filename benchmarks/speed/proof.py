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
from benchmarks.speed.worker import Recorder, common_loss, own_regularization

# Enough regularisation that a hundred sweeps converge.
SETTING = Setting(factors=8, regularization=20.0, alpha=10.0, sweeps=100, dtype="float64")
# Relative to the loss, which at a minimum feels rounding of the factors only by its square.
TOLERANCE = {"float64": 1e-9, "float32": 1e-8}
GO_ON = 20


def small_likes(regular: bool) -> sparse.csr_matrix:
    """Return counts, 1 to 3, of 400 users in eight groups, each with 25 items of its own.

    As many groups as factors, so that one minimum stands out and every start leads there.
    ``regular``: every user has 20 items and every item 40 users; else degrees differ.
    """
    generator = np.random.default_rng(0)
    users, items = np.ogrid[:400, :200]
    own = users // 50 == items // 25
    if regular:
        likes = own & ((items - users) % 25 < 20)
    else:
        likes = own & (generator.random((400, 200)) < generator.uniform(0.3, 0.9, (400, 1)))
        likes |= generator.random((400, 200)) < 0.01
    return sparse.csr_matrix(likes * generator.integers(1, 4, likes.shape), dtype=np.float32)


def prove(name: str, threads: int) -> dict:
    """Return the losses of one implementation and of ours, and whether they agree."""
    peer = PEERS[name]
    module = peer.module()
    try:
        version = module.load()
        dtype = "float64" if getattr(module, "FLOAT64", False) else "float32"
        by_degree = hasattr(module, "regularization")
        matrix = small_likes(by_degree)
        setting = replace(
            SETTING,
            dtype=dtype,
            threads=threads,
            options=peer.options,
            regularization=SETTING.regularization / (20 if by_degree else 1),
        )
        kept = []
        module.train(matrix, setting, Recorder(setting, False, lambda *both: kept.append(both)))
    except Missing as reason:
        return {"skipped": str(reason)}

    regularization = own_regularization(module, matrix, setting)
    theirs = common_loss(matrix, setting, regularization, *kept[-1])
    model = wrmf.WRMF(
        setting.factors,
        regularization,
        setting.alpha,
        iterations=setting.sweeps,
        random_state=1,
        dtype="float64",
        init_scale=0.1 / math.sqrt(setting.factors),
        solver="exact",
    ).fit(matrix, progress=False)
    ours = model.loss(matrix)
    model.user_factors, model.item_factors = (
        np.ascontiguousarray(each, dtype=np.float64) for each in kept[-1]
    )
    onward = model.partial_fit(matrix, GO_ON, progress=False).loss(matrix)
    tolerance = TOLERANCE[dtype]
    proved = abs(theirs / ours - 1) <= tolerance and 1 - onward / theirs <= tolerance
    return {
        "version": version,
        "dtype": dtype,
        "loss": theirs,
        "our_loss": ours,
        "difference": abs(theirs / ours - 1),
        "fall_when_we_go_on": 1 - onward / theirs,
        "tolerance": tolerance,
        "proved": proved,
        "why_not": None if proved else peer.unproved or "not known: the mapping may be wrong",
    }

"""Proof that an adapter minimises our objective, by the loss that it reaches at convergence.

Each implementation trains with 8 factors on small data with counts 1, 2 and 3, in float64 if it
offers that. Our loss of its factors must equal our loss of our own factors. When our exact solver
continues from its factors, the loss must not decrease by more than the tolerance, which shows that
they are at a minimum of our loss.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse

import wrmf
from benchmarks.missing import Missing
from benchmarks.peers import PEERS, FactorPair, Setting
from benchmarks.speed.measurement import Recorder, common_loss, own_regularization
from wrmf.model.state import Factors

# With this much regularisation, a hundred sweeps converge.
SETTING = Setting(factors=8, regularization=20.0, alpha=10.0, sweeps=100, dtype="float64")
# Largest relative difference of the losses by dtype. It can be so small because rounding errors of
# the factors have only a quadratic effect on the loss near its minimum.
TOLERANCE = {"float64": 1e-9, "float32": 1e-8}
# Number of sweeps when our solver continues from the factors of a peer.
CONTINUED_SWEEPS = 20
# Degree of every user of the regular data.
USER_DEGREE = 20


def small_likes(regular: bool) -> sparse.csr_matrix:
    """Return counts from 1 to 3 of 400 users in eight groups, each of which has 25 own items.

    There are as many groups as factors, so training reaches the same minimum from every start. If
    ``regular``, every user has 20 items and every item has 40 users; otherwise, degrees differ.
    """
    generator = np.random.default_rng(0)
    users, items = np.ogrid[:400, :200]
    own = users // 50 == items // 25
    if regular:
        likes = own & ((items - users) % 25 < USER_DEGREE)
    else:
        likes = own & (generator.random((400, 200)) < generator.uniform(0.3, 0.9, (400, 1)))
        likes |= generator.random((400, 200)) < 0.01
    return sparse.csr_matrix(likes * generator.integers(1, 4, likes.shape), dtype=np.float32)


def prove(name: str, threads: int) -> dict[str, Any]:
    """Return the loss of one peer and ours, and whether they agree."""
    peer = PEERS[name]
    adapter = peer.module()
    trained: list[FactorPair] = []
    try:
        version = adapter.load()
        by_degree = hasattr(adapter, "regularization")
        matrix = small_likes(by_degree)
        setting = replace(
            SETTING,
            dtype="float64" if getattr(adapter, "FLOAT64", False) else "float32",
            threads=threads,
            options=peer.options,
            regularization=SETTING.regularization / (USER_DEGREE if by_degree else 1),
        )
        recorder = Recorder(setting, False, lambda *factors: trained.append(factors))
        adapter.train(matrix, setting, recorder)
    except Missing as reason:
        return {"skipped": str(reason)}

    regularization = own_regularization(adapter, matrix, setting)
    assert regularization is not None, "no λ of ours has the loss of this library on this data"
    their_loss = common_loss(matrix, setting, regularization, trained[-1])
    our_loss, continued_loss = our_losses(matrix, setting, regularization, trained[-1])
    difference = abs(their_loss / our_loss - 1)
    decrease = 1 - continued_loss / their_loss
    tolerance = TOLERANCE[setting.dtype]
    proved = difference <= tolerance and decrease <= tolerance
    return {
        "version": version,
        "dtype": setting.dtype,
        "loss": their_loss,
        "our_loss": our_loss,
        "difference": difference,
        "fall_when_we_go_on": decrease,
        "tolerance": tolerance,
        "proved": proved,
        "why_not": None if proved else peer.unproved or "unknown; the mapping may be wrong",
    }


def our_losses(
    matrix: sparse.csr_matrix,
    setting: Setting,
    regularization: tuple[float, float],
    factors: FactorPair,
) -> tuple[float, float]:
    """Return our loss at convergence, and our loss after continuing from a peer's factors."""
    model = wrmf.WRMF(
        setting.factors,
        regularization,
        setting.alpha,
        objective="wrmf",
        iterations=setting.sweeps,
        random_state=1,
        dtype="float64",
        init_scale=0.1 / math.sqrt(setting.factors),
        solver="exact",
    ).fit(matrix, progress=False)
    users, items = (np.ascontiguousarray(side, dtype=np.float64) for side in factors)
    state = Factors(users, items, model.users, model.items, model.train_matrix, setting.sweeps)
    continued = wrmf.WRMF.from_factors(state, **model.get_params())
    continued.partial_fit(matrix, CONTINUED_SWEEPS, progress=False)
    return model.loss(matrix), continued.loss(matrix)

"""A stand-in for ``wrmf.autotune``, with the same arguments and the same names in its result."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pandas as pd

from wrmf.data.interactions import Interactions
from wrmf.data.split import Split
from wrmf.data.splitting import leave_k_out
from wrmf.model.wrmf import WRMF
from wrmf.search.space import Range, describe
from wrmf.search.tune import tune

__all__ = ["Tuned", "autotune"]

SPACE = {"factors": [32, 64, 128], "regularization": Range(1e-3, 100.0, log=True)}


@dataclass(frozen=True)
class Tuned:
    """The best model of a search."""

    model: WRMF
    table: pd.DataFrame
    best_params: dict[str, Any]
    summary: str

    def to_frame(self) -> pd.DataFrame:
        """Return the table of settings."""
        return self.table


def autotune(
    source: Interactions | Split,
    seconds: float = 60.0,
    trials: int | None = None,
    metric: str = "ndcg@20",
) -> Tuned:
    """Search for good parameters and fit the best model."""
    data = source.train if isinstance(source, Split) else source
    end, n = time.monotonic() + seconds, trials or 2
    split = leave_k_out(data, k=1, random_state=0)
    result = tune(WRMF(random_state=0), split, SPACE, n, epochs=[5, 10], metric=metric)
    while trials is None and time.monotonic() < end:
        n += 2
        result = tune(WRMF(random_state=0), split, SPACE, n, epochs=[5, 10], metric=metric)
    return Tuned(
        result.best_model().fit(data),
        result.to_frame(),
        result.best_params,
        f"best: {describe(result.best_params)}, {metric} {result.best_score:.5f}",
    )

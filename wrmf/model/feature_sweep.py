"""The factors of features in training: fitted after each solution of the rows of a side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from wrmf.model.features import SideFeatures
from wrmf.model.members import joined_side, member_blocks
from wrmf.model.parameters import Parameters, SweepOptions
from wrmf.numerics.feature_ridge import FeatureRidge
from wrmf.numerics.priors import Prior
from wrmf.numerics.side import Side
from wrmf.numerics.threads import kernel_threads

__all__ = ["FeatureSweep"]


class FeatureSweep:
    """The features of one side in training; of a side without features, every method does nothing.

    Parameters
    ----------
    ridge : FeatureRidge, or None without features
    side : {0, 1}, users or items
    """

    def __init__(self, ridge: FeatureRidge | None, side: int) -> None:
        self.ridge, self.side = ridge, side
        self.features: SideFeatures | None = None
        self.factors: list[np.ndarray] = []

    @classmethod
    def of(
        cls, features: SideFeatures | None, rows: Side, params: Parameters, side: int
    ) -> FeatureSweep:
        """Return the regression on the features of a side, which is prepared for all sweeps."""
        if features is None:
            return cls(None, side)
        strength = params.feature_regularization[side]
        threads = kernel_threads(params.sweep.num_threads)
        matrix = features.rows("training continues")
        return cls(FeatureRidge.of(matrix, rows.regularization, strength, threads), side)

    def start(self, features: SideFeatures | None, n_models: int) -> None:
        """Start an iteration from the factors of the features in a state."""
        self.features = features
        if features is not None:
            blocks = [features.factors]
            if n_models > 1:
                blocks = member_blocks(features.factors, n_models, self.side)
            self.factors = blocks

    def prior(self, member: int) -> Prior | None:
        """Return what the features say about the rows of a member."""
        if self.features is None:
            return None
        return Prior(self.features.rows("training continues"), self.factors[member])

    def fit(self, member: int, rows: np.ndarray, sweep: SweepOptions) -> None:
        """Fit the factors of the features to those of the rows."""
        if self.ridge is not None:
            self.factors[member] = self.ridge.solve(rows, self.factors[member], sweep.num_threads)

    def joined(self) -> SideFeatures | None:
        """Return the features with the factors of all members."""
        if self.features is None:
            return None
        blocks = self.factors
        joined = blocks[0] if len(blocks) == 1 else joined_side(blocks, self.side)
        return replace(self.features, factors=joined)

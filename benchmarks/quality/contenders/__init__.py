"""The contenders of the leaderboard: libraries of ALS, and simple models of other kinds.

To add a contender, write a class in one of the modules here and add it to ``CONTENDERS``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import wrmf
from benchmarks.quality.contenders.als import Implicit, Irspack, Ours
from benchmarks.quality.contenders.by_optuna import ImplicitOptuna, IrspackTune
from benchmarks.quality.contenders.self_tuned import Autotune, SelfTuned
from benchmarks.quality.contenders.simple import EASE, SVD, ItemKNN, Popularity
from benchmarks.quality.rankers import Ranker


class Contender(Protocol):
    """A kind of model that is tuned and tested.

    Attributes
    ----------
    name : str
    als : bool
        Whether it is alternating least squares.
    space : mapping of parameter to ``wrmf.Range`` or list of values
        The parameters that are tuned.
    starts : sequence of settings
        Settings that are tried first, such as the library's defaults or those that its
        documentation advises.
    """

    name: str
    als: bool
    space: Mapping[str, Any]
    starts: Sequence[Mapping[str, Any]]

    def curve(
        self, params: Mapping[str, Any], split: wrmf.Split, checkpoints: Sequence[int] = ...
    ) -> Iterator[tuple[int, Ranker]]:
        """Train on ``split.train`` and yield (epoch, model) at each checkpoint.

        A model that is not trained in epochs yields once, as epoch 1.
        """


CONTENDERS: dict[str, Contender] = {
    contender.name: contender
    for contender in (Ours(), Irspack(), Implicit(), Popularity(), ItemKNN(), EASE(), SVD())
}
# Contenders that are given the time instead of settings.
SELF_TUNED: dict[str, SelfTuned] = {
    contender.name: contender for contender in (Autotune(), IrspackTune(), ImplicitOptuna())
}

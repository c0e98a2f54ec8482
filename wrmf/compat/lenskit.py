"""A scorer of LensKit that is trained by this library.

Needs the extra ``lenskit``: ``pip install "wrmf[lenskit]"``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

try:
    from lenskit.data import Dataset, ItemList, QueryInput, RecQuery, Vocabulary
    from lenskit.pipeline import Component
    from lenskit.training import Trainable, TrainingOptions
    from pydantic import BaseModel, ConfigDict, model_validator
except ImportError as error:
    raise ImportError('wrmf.compat.lenskit needs LensKit: pip install "wrmf[lenskit]"') from error

from wrmf.model.wrmf import WRMF

__all__ = ["WRMFConfig", "WRMFScorer"]


class WRMFConfig(BaseModel):
    """The configuration of :class:`WRMFScorer`: parameters of :class:`wrmf.WRMF` by name.

    Attributes
    ----------
    use_ratings : bool, default False
        Whether the ratings are the counts; otherwise every interaction counts 1.
    """

    model_config = ConfigDict(extra="allow")

    use_ratings: bool = False

    @model_validator(mode="after")
    def _check_parameters(self) -> WRMFConfig:
        """Refuse unknown parameters here, not in training."""
        try:
            WRMF(**self.parameters).check_params()
        except TypeError as error:
            raise ValueError(str(error)) from error
        return self

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of the model."""
        return dict(self.__pydantic_extra__ or {})


class WRMFScorer(Component[ItemList], Trainable):
    """A :class:`wrmf.WRMF` as a scorer of LensKit's pipelines.

    A query with a history is scored by factors that are folded in for it, exactly; otherwise, by
    those of the user in training. Users without either, and unknown items, have NaN.

    ``WRMFScorer(factors=64, alpha=10.0)`` takes the parameters of ``WRMF`` by name.

    Attributes
    ----------
    model : WRMF
        The fitted model, after ``train``. Its users and items are LensKit's numbers.
    users, items : Vocabulary
    """

    config: WRMFConfig
    model: WRMF
    users: Vocabulary
    items: Vocabulary

    def train(self, data: Dataset, options: TrainingOptions = TrainingOptions()) -> None:  # noqa: B008
        """Train on a data set; a scorer that is trained stays so with ``options.retrain=False``."""
        if hasattr(self, "model") and not options.retrain:
            return
        field = "rating" if self.config.use_ratings else None
        matrix = data.interaction_matrix(format="scipy", layout="csr", field=field)
        params = {"random_state": options.random_generator(), **self.config.parameters}
        model = WRMF(**params).fit(sparse.csr_matrix(matrix), progress=False)
        # A generator as seed could not be saved with the pipeline.
        self.model = model.set_params(random_state=self.config.parameters.get("random_state"))
        self.users, self.items = data.users, data.items

    def is_trained(self) -> bool:
        """Return whether the scorer can be called."""
        return hasattr(self, "model")

    def __call__(self, query: QueryInput, items: ItemList) -> ItemList:
        """Return the items with their scores."""
        scores = np.full(len(items), np.nan, dtype=self.model.item_factors.dtype)
        numbers = items.numbers(vocabulary=self.items, missing="negative")
        factors = self._factors_of(RecQuery.create(query))
        if factors is not None:
            known = numbers >= 0
            scores[known] = self.model.item_factors[numbers[known]] @ factors
        return ItemList(items, scores=scores)

    def _factors_of(self, query: Any) -> np.ndarray | None:
        """Return the factors of a query's user, or None if nothing is known."""
        history = query.query_items if hasattr(query, "query_items") else query.user_items
        if history is not None and len(history):
            row = self._history_row(history)
            if row.nnz:
                folded: np.ndarray = self.model.fold_in_users(row)[0]
                return folded
        if query.user_id is None:
            return None
        number = self.users.number(query.user_id, missing=None)
        return None if number is None else self.model.user_factors[number]

    def _history_row(self, history: ItemList) -> sparse.csr_matrix:
        """Return a history as a matrix of one row; unknown items are left out."""
        numbers = history.numbers(vocabulary=self.items, missing="negative")
        ratings = history.field("rating") if self.config.use_ratings else None
        counts = np.ones(len(history)) if ratings is None else np.asarray(ratings)
        known = numbers >= 0
        positions = np.zeros(int(known.sum()), dtype=np.int64), numbers[known]
        shape = 1, len(self.model.items)
        return sparse.csr_matrix((counts[known], positions), shape=shape)

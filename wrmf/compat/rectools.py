"""A model of RecTools that is trained by this library.

Needs the extra ``rectools``: ``pip install "wrmf[rectools]"``.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np

try:
    from rectools.dataset import Dataset
    from rectools.exceptions import NotFittedError
    from rectools.models.base import ModelConfig
    from rectools.models.rank import Distance
    from rectools.models.vector import Factors, VectorModel
except ImportError as error:
    raise ImportError(
        'wrmf.compat.rectools needs RecTools: pip install "wrmf[rectools]"'
    ) from error

from wrmf.model.wrmf import WRMF

__all__ = ["WRMFModel", "WRMFModelConfig"]


class WRMFModelConfig(ModelConfig):
    """The configuration of :class:`WRMFModel`.

    Attributes
    ----------
    model : dict
        Parameters of :class:`wrmf.WRMF` by name; those that are missing have their defaults.
    recommend_n_threads : int, default 0
    recommend_use_gpu_ranking : bool, default False
    """

    model: dict[str, Any] = {}  # noqa: RUF012  pydantic copies it
    recommend_n_threads: int = 0
    recommend_use_gpu_ranking: bool = False


class WRMFModel(VectorModel[WRMFModelConfig]):
    """A :class:`wrmf.WRMF` as a model of RecTools.

    The interactions' weights are the counts. ``fit``, ``fit_partial``, ``recommend``,
    ``recommend_to_items``, ``get_vectors``, configurations, ``save`` and ``load`` are RecTools'.

    Parameters
    ----------
    model : WRMF, optional
        Its parameters are copied at each ``fit``. By default ``WRMF()``.
    verbose : int, default 0
        Above 0, training shows a progress bar.
    recommend_n_threads : int, default 0
        Threads of RecTools' ranking; 0 takes all.
    recommend_use_gpu_ranking : bool, default False

    Attributes
    ----------
    model : WRMF
        The fitted model, after ``fit``. Its users and items are RecTools' internal ids.
    """

    recommends_for_warm = False
    recommends_for_cold = False
    u2i_dist = Distance.DOT
    i2i_dist = Distance.COSINE
    config_class = WRMFModelConfig

    def __init__(
        self,
        model: WRMF | None = None,
        verbose: int = 0,
        recommend_n_threads: int = 0,
        recommend_use_gpu_ranking: bool = False,
    ) -> None:
        super().__init__(verbose=verbose)
        self._params = (WRMF() if model is None else model).frozen_params()
        self.model: WRMF
        self.recommend_n_threads = recommend_n_threads
        self.recommend_use_gpu_ranking = recommend_use_gpu_ranking

    def _get_config(self) -> WRMFModelConfig:
        params = {**self._params, "dtype": np.dtype(self._params["dtype"]).name}
        return WRMFModelConfig(
            cls=self.__class__,
            model=params,
            verbose=self.verbose,
            recommend_n_threads=self.recommend_n_threads,
            recommend_use_gpu_ranking=self.recommend_use_gpu_ranking,
        )

    @classmethod
    def _from_config(cls, config: WRMFModelConfig) -> WRMFModel:
        return cls(
            WRMF(**config.model),
            verbose=config.verbose,
            recommend_n_threads=config.recommend_n_threads,
            recommend_use_gpu_ranking=config.recommend_use_gpu_ranking,
        )

    def _fit(self, dataset: Dataset) -> None:
        self.model = WRMF(**deepcopy(self._params))
        self.model.fit(_counts(dataset), progress=self.verbose > 0)

    def _fit_partial(self, dataset: Dataset, epochs: int) -> None:
        if not self.is_fitted:
            self.model = WRMF(**deepcopy(self._params))
        self.model.partial_fit(_counts(dataset), iterations=epochs, progress=self.verbose > 0)

    def _get_users_factors(self, dataset: Dataset) -> Factors:
        return Factors(self.model.user_factors)

    def _get_items_factors(self, dataset: Dataset) -> Factors:
        return Factors(self.model.item_factors)

    def get_vectors(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the factors (n_users, k) and (n_items, k) of RecTools' internal ids."""
        if not self.is_fitted:
            raise NotFittedError(type(self).__name__)
        return self.model.user_factors, self.model.item_factors


def _counts(dataset: Dataset) -> Any:
    """Return the weights of a data set as a users × items matrix."""
    return dataset.get_user_item_matrix(include_weights=True)

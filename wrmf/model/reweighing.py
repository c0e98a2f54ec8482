"""Changes the item term of a fitted model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from wrmf.model.fold_in import FoldIn
from wrmf.model.item_term import with_item_weights

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Reweighing"]


class Reweighing(FoldIn):
    """A model whose item term can be changed without training its factors again."""

    def reweigh_items(
        self,
        item_weight: float | None = None,
        item_neighbors: int | None = None,
        item_regularization: float | None = None,
    ) -> Self:
        """Change the item term of the fitted model; its factors stay as they are.

        Item weights are fitted again only if ``item_neighbors`` or ``item_regularization`` changes
        or there were none, so that other values of ``item_weight`` cost only their evaluation.

        Parameters
        ----------
        item_weight, item_neighbors, item_regularization : optional
            As in :class:`wrmf.WRMF`; by default they stay as they are.

        Returns
        -------
        WRMF
            The model itself.

        Raises
        ------
        TypeError, ValueError
            For a parameter out of bounds, and for a model that was saved without its training data,
            if weights have to be fitted. The model then stays as it was.

        Examples
        --------
        >>> import wrmf
        >>> data = wrmf.datasets.synthetic_likes(300, 200, 4000, random_state=0)
        >>> split = wrmf.leave_k_out(data, k=3, random_state=0)
        >>> model = wrmf.WRMF(factors=8, random_state=0).fit(split.train, progress=False)
        >>> for weight in (0.0, 0.3):
        ...     model = model.reweigh_items(item_weight=weight)
        ...     print(weight, model.state.item_scale > 0)
        0.0 False
        0.3 True
        """
        state = self.state
        given = {
            "item_weight": item_weight,
            "item_neighbors": item_neighbors,
            "item_regularization": item_regularization,
        }
        changed = {name: value for name, value in given.items() if value is not None}
        fitted = {**self.get_params(), **(state.params or {}), **changed}
        params = type(self)(**fitted).check_params()
        self.state = with_item_weights(replace(state, params=fitted), params, state)
        self.set_params(**changed)
        return self

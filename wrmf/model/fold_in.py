"""Factors and recommendations of users and items that were not in the training data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np
from scipy import sparse

from wrmf.data.choices import as_choice
from wrmf.data.dislikes import likes_of
from wrmf.data.inputs import as_data
from wrmf.data.interactions import Interactions
from wrmf.model.axes import on_user_axis, rows_on_item_axis
from wrmf.model.axis_factors import AxisFactors
from wrmf.model.defaults import resolve, resolve_again
from wrmf.model.features import FeatureTable, features_of_new, member_priors
from wrmf.model.limits import check_regularization, check_weights
from wrmf.model.list_options import ListOptions
from wrmf.model.lists import FEW, ranked_items
from wrmf.model.members import joined_side
from wrmf.model.parameters import Parameters, Parametrized, validate_parameters
from wrmf.model.prepared import REQUESTS
from wrmf.model.queries import Query, nothing_known
from wrmf.model.recommendations import Recommendations
from wrmf.model.recommender import Recommender
from wrmf.model.state import Factors
from wrmf.numerics.fold_in import fold_in, fold_in_few, fold_in_matrix
from wrmf.numerics.item_lists import ItemLists
from wrmf.numerics.priors import Prior

__all__ = ["FoldIn"]

BY_REQUEST_ONLY = ("similar_users", "recommend_users", "fold_in_items")
DEFAULT_REQUESTS = [name for name in REQUESTS if name not in BY_REQUEST_ONLY]

Model = TypeVar("Model", bound="FoldIn")


class FoldIn(Parametrized, Recommender):
    """Computes factors of new users or new items, with the factors of the other side fixed."""

    def check_params(self) -> Parameters:
        """Return the validated parameters, or raise a TypeError or ValueError.

        Those that are "auto" have placeholders; ``params_for`` returns all for given data.
        """
        return validate_parameters(self.get_params())

    def params_for(
        self, matrix: sparse.csr_matrix, continued: Factors | None = None
    ) -> tuple[Parameters, dict[str, Any]]:
        """Return the validated parameters for training data, and what "auto" became.

        Parameters
        ----------
        matrix : CSR (n_users, n_items)
        continued : Factors, optional
            The state from which training goes on, if it does.
        """
        params = self.frozen_params()
        if continued is None:
            automatic = resolve(params, matrix)
        else:
            fitted = continued.params or {}
            automatic = resolve_again(params, matrix, fitted, continued.automatic)
        return validate_parameters({**params, **automatic}), automatic

    @property
    def resolved_params(self) -> dict[str, Any]:
        """The parameters that the model was fitted with, "auto" replaced by what it became.

        A model with these parameters, fitted to the same data with the same seed, is the same.

        Examples
        --------
        >>> import numpy as np, wrmf
        >>> likes = np.indices((6, 6)).sum(axis=0) % 2
        >>> model = wrmf.WRMF(factors=2, random_state=0).fit(likes)
        >>> model.unobserved_weight, model.resolved_params["unobserved_weight"]
        ('auto', 0.5)
        """
        state, present = self.state, self.get_params()
        fitted = {**present, **(state.params or {}), **state.automatic}
        return {**fitted, "num_threads": present["num_threads"]}

    def fitted_params(self) -> Parameters:
        """Return the parameters that the model was fitted with, but the present ``num_threads``."""
        state = self.state
        kept = state.prepared.parameters
        if kept is not None and kept[0] is self.num_threads:
            return kept[1]
        params = validate_parameters(self.resolved_params)
        if (state.params or {}).keys() >= self.get_params().keys():
            state.prepared.parameters = self.num_threads, params
        return params

    def prepare(self: Model, requests: str | Iterable[str] | None = None) -> Model:
        """Compute what single requests need, before the first of them comes.

        Without this call each part is computed by the first request that needs it. A service that
        starts worker processes by forking, such as gunicorn with ``preload_app``, prepares the
        model first, so that all workers share the memory.

        Parameters
        ----------
        requests : str or iterable of str, optional
            The kinds of requests to prepare for: "ids", "recommend", "similar_items",
            "similar_users", "recommend_users", "fold_in_users", "fold_in_items", "explain" and
            "fallback". By default all but "similar_users", "recommend_users" and "fold_in_items",
            and without "fallback" if the model was saved without its training data, which tells
            what is popular.

        Returns
        -------
        The model itself.

        Raises
        ------
        ValueError
            For another kind of request, for "fallback" without training data, and for factors that
            are not finite.

        Notes
        -----
        With float32 factors, "recommend" and "similar_items" together take about a quarter of the
        memory of the item factors and 25 bytes an item, "similar_users" the same for users, and
        "recommend_users" in addition 4 bytes for each pair of the training data. "ids"
        take 12 to 24 bytes for each id that is not its position, "fallback" 16 bytes an item, and
        the others a megabyte or two. ``prepared_bytes`` has the sum.

        Training and assigned factors throw away what depends on them; ids are kept. Files have what
        "recommend" and "similar_items" need, and processes that map a file share it. Nothing else
        is saved, and nothing is copied or pickled. Any number of threads may ask at the same time.

        Examples
        --------
        >>> import numpy as np, wrmf
        >>> likes = np.indices((6, 6)).sum(axis=0) % 2
        >>> model = wrmf.WRMF(factors=2, random_state=0).fit(likes).prepare(["recommend"])
        >>> 0 < model.prepared_bytes < model.prepare().prepared_bytes
        True
        """
        state, params = self.state, self.fitted_params()
        chosen: list[Any]
        if requests is None:
            has_train = state.train_matrix is not None
            chosen = [name for name in DEFAULT_REQUESTS if has_train or name != "fallback"]
        else:
            is_one = isinstance(requests, str) or not isinstance(requests, Iterable)
            chosen = [requests] if is_one else list(requests)
        for request in chosen:
            as_choice(request, "requests", REQUESTS)
        if "fallback" in chosen:
            state.train_pairs("no item is known to be popular, so do not prepare for a fallback")
        for request in chosen:
            state.prepared.compute(request)
        for side, request in enumerate(("fold_in_users", "fold_in_items")):
            if request in chosen:
                fixed = state.prepared.users if side else state.prepared.items
                no_entries = sparse.csr_matrix((1, len(fixed.factors)), dtype=np.float32)
                _fold_in(no_entries, state, params, side)
        return self

    def fold_in_users(self, data: Any, unknown: str = "raise", features: Any = None) -> np.ndarray:
        """Return the exact factors of new users, given their interactions.

        The model is not changed.

        Parameters
        ----------
        data : Interactions, or a sparse or dense matrix (n, n_items)
            Items of Interactions are matched by id. The columns of a matrix are in the order of
            ``model.items``.
        unknown : {"raise", "skip"}, default "raise"
            What to do with interactions with items that the model does not have: raise an error, or
            leave them out, which a warning counts.
        features : matrix (n, n_features) or data frame, optional
            Features of these users, as ``user_features`` of ``fit``, for a model that was fitted
            with features of users. Without it they count as zeros.

        Returns
        -------
        ndarray (n, k) of the model's dtype
            A row without entries has zeros, or what is expected by its features.

        Raises
        ------
        ValueError
            If the number of columns differs, an item id is unknown, a value is not finite and ≥ 0,
            or a count is so large that the model's dtype cannot hold its weight.

        Examples
        --------
        >>> import numpy as np, wrmf
        >>> likes = np.indices((6, 6)).sum(axis=0) % 2
        >>> model = wrmf.WRMF(factors=2, random_state=0).fit(likes)
        >>> np.array_equal(model.fold_in_users(likes[:2]), model.user_factors[:2])
        True
        """
        state, params = self.state, self.fitted_params()
        if unknown == "raise" and features is None and params.values.is_identity:
            system = state.prepared.items.last_system(params)
            factors = None if system is None else fold_in_matrix(system, data)
            if factors is not None:
                return factors
        users, rows = rows_on_item_axis(data, state, unknown)
        table = features_of_new(features, users, state.features[0], 0)
        return _fold_in(rows, state, params, 0, table)

    def fold_in_items(self, data: Any, unknown: str = "raise", features: Any = None) -> np.ndarray:
        """Return the exact factors of new items, given their interactions.

        The model is not changed.

        Parameters
        ----------
        data : Interactions, or a sparse or dense matrix (n_users, n)
            Users of Interactions are matched by id. The rows of a matrix are in the order of
            ``model.users``.
        unknown : {"raise", "skip"}, default "raise"
            What to do with interactions with users that the model does not have: raise an error, or
            leave them out, which a warning counts.
        features : matrix (n, n_features) or data frame, optional
            Features of these items, as ``item_features`` of ``fit``, for a model that was fitted
            with features of items. Without it they count as zeros.

        Returns
        -------
        ndarray (n, k) of the model's dtype
            A column without entries has zeros, or what is expected by its features.

        Raises
        ------
        ValueError
            If the number of rows differs, a user id is unknown, a value is not finite and ≥ 0, or a
            count is so large that the model's dtype cannot hold its weight.

        Examples
        --------
        >>> import numpy as np, wrmf
        >>> likes = np.indices((6, 6)).sum(axis=0) % 2
        >>> model = wrmf.WRMF(factors=2, random_state=0).fit(likes)
        >>> model.fold_in_items(likes[:, :4]).shape
        (4, 2)
        """
        data = as_data(data)
        columns = on_user_axis(data, self.state, unknown)
        items = data.items if isinstance(data, Interactions) else np.arange(columns.shape[1])
        table = features_of_new(features, items, self.state.features[1], 1)
        return _fold_in(columns.T.tocsr(), self.state, self.fitted_params(), 1, table)

    def recommend_new(
        self,
        interactions: Any,
        n: int = 10,
        exclude_seen: bool = True,
        exclude: Any = None,
        items: Any = None,
        fallback: str | None = None,
        unknown: str = "raise",
        *,
        where: Any = None,
        unknown_items: str = "raise",
        min_score: float | None = None,
        item_offset: Any = None,
        diversify: float = 0.0,
        features: Any = None,
    ) -> Recommendations:
        """Return the n items with the highest scores for users who were not in the training data.

        Parameters
        ----------
        interactions : Interactions, a sparse or dense matrix (n_new_users, n_items), or histories
            Folded in as by ``fold_in_users``. Users are named by their ids, or 0, 1, 2, … for a
            matrix. Histories are ``{user: [items]}`` or ``{user: {item: count}}``, with ids or
            unique names of items; a single one may be passed as ``{item: count}``. A count
            may be negative, a dislike, if the model was fitted to dislikes.
        n, exclude_seen, exclude, items, fallback : as in ``recommend``
            The items that a user has seen are those in ``interactions``.
        unknown : as in ``fold_in_users``
        where, unknown_items, min_score, item_offset, diversify : as in ``recommend``
        features : as in ``fold_in_users``
            Users without interactions then get lists by their features alone.

        Examples
        --------
        >>> import numpy as np, wrmf
        >>> likes = np.indices((6, 6)).sum(axis=0) % 2
        >>> model = wrmf.WRMF(factors=2, random_state=0).fit(likes)
        >>> model.recommend_new(np.array([[0, 1, 0, 1, 0, 0]]), n=1).ids
        array([[5]])
        """
        state = self.state
        users, matrix = rows_on_item_axis(interactions, state, unknown)
        options = ListOptions(
            exclude_seen=exclude_seen,
            exclude=exclude,
            items=items,
            fallback=fallback,
            where=where,
            unknown_items=unknown_items,
            min_score=min_score,
            item_offset=item_offset,
            diversify=diversify,
        )
        popular = options.of_unknown.popular(len(users))
        table = features_of_new(features, users, state.features[0], 0)
        factors = _fold_in(matrix, state, self.fitted_params(), 0, table)
        seen = ItemLists.of(matrix)
        nothing = nothing_known(seen.counts, factors, matrix)
        liked = ItemLists.of(likes_of(matrix))
        query = Query(users, factors, seen if exclude_seen else None, nothing, popular, liked)
        rules = options.resolve(state, self._item_table, users, len(users) <= FEW)
        lists = ranked_items(state, query, n, rules, self.num_threads)
        return lists.described(("user", "item"), interactions)


def _fold_in(
    rows: sparse.csr_matrix,
    state: Factors,
    params: Parameters,
    side: int,
    features: FeatureTable | None = None,
) -> np.ndarray:
    """Return the factors of ``rows``, which are users (side 0) or items (side 1)."""
    fixed = state.prepared.users if side else state.prepared.items
    # A request of one row notices every call.
    if not params.values.is_identity:
        rows = state.values(params.values).of_rows(rows, side)
    members = fixed.members(params.n_models, 1 - side)
    own, prior = state.features[side], None
    if own is not None and features is not None:
        prior = own.prior(features.matrix)
    priors = member_priors(prior, params.n_models, side)
    factors = [
        _fold_in_member(rows, member, params, side, member_prior)
        for member, member_prior in zip(members, priors, strict=True)
    ]
    return factors[0] if len(factors) == 1 else joined_side(factors, side)


def _fold_in_member(
    rows: sparse.csr_matrix,
    fixed: AxisFactors,
    params: Parameters,
    side: int,
    prior: Prior | None,
) -> np.ndarray:
    system = fixed.fold_in_system(params, side)
    factors = fold_in_few(system, rows) if prior is None else None
    if factors is None:
        check_weights(rows, params)
        check_regularization(np.diff(rows.indptr), rows.shape[1], params, side)
        factors = fold_in(system, rows, params.sweep.num_threads, prior)
    return factors

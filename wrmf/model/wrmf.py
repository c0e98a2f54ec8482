"""The model class, with its parameters, loss and explanation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wrmf.model.axes import on_own_axes
from wrmf.model.bulk import BulkRecommender
from wrmf.model.explain import explain_score
from wrmf.model.features import member_priors, penalised
from wrmf.model.fitting import Fitting
from wrmf.model.forget import Forgetting
from wrmf.model.members import members_of
from wrmf.model.reweighing import Reweighing
from wrmf.model.saving import Saving
from wrmf.model.state import Factors

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["WRMF"]


class WRMF(Fitting, Forgetting, Reweighing, Saving, BulkRecommender):
    r"""Weighted regularised matrix factorisation by alternating least squares.

    Minimises, over user factors x and item factors y,

    .. math:: \sum_S c_{ui}(1 - x_u y_i)^2 + \alpha_0 \sum_{\bar S} (x_u y_i)^2
              + \sum_u \lambda_u |x_u|^2 + \sum_i \lambda_i |y_i|^2, \quad
              c_{ui} = \alpha_0 + \alpha f(d_{ui}),

    where S are the stored pairs and d their counts. Each iteration solves all items and then all
    users exactly. User factors are therefore always the exact solution for the item factors, and
    equal what ``fold_in_users`` returns for the same rows. After ``update`` without iterations,
    this is so for the users that have changed.

    Without settings, the data decide: the weights of the pairs have the mean 1, whatever the scale
    of the counts; α₀ follows from the density, and λ from the number of items of an average user.
    Where users differ little beyond what is popular, the penalty is up to four times as large.
    ``resolved_params`` has what became of each parameter that is "auto"; it is saved with the
    model, and used for new users and items, too. ``alpha``, ``unobserved_weight`` and
    ``regularization`` may be multiples, such as "2*auto". docs/tuning.md has the rule, and
    docs/quality.md what it reaches.

    Parameters
    ----------
    factors : int ≥ 1, default 256
        Dimensions k of the latent space. More rank better as long as λ is tuned with them; memory
        grows with k, training time up to k².
    regularization : float ≥ 0, (user, item) or "auto", the default
        λ, the penalty, in units of a weight. With "ials", "auto" is
        min(.37 h s^-1.1, .6 λ₀) for weights of mean 1, where s is the mean number of items of a
        user, λ₀ the least λ with which all factors are zero, and h about 1; with "wrmf", 30. Search
        over it first, together with ``unobserved_weight``. With 0, the minimum may not be unique;
        the minimum-norm solution is then taken.
    alpha : float ≥ 0 or "auto", the default
        α, the weight of a pair for each unit of f(d). With "ials", "auto" makes the mean weight of
        a pair 1; with "wrmf", 30. With "ials" leave it: only its ratio to α₀ and λ counts, and
        these follow it if they are "auto".
    iterations : int ≥ 1, default 10
        Sweeps over all items and users. A learning curve shows whether fewer are better.
    unobserved_weight : float > 0 or "auto", the default
        α₀, the confidence in pairs without interaction, in units of a weight. With "ials", "auto"
        is min(½, 2.4 g density^¾) of the mean weight, where the density is the share of observed
        pairs, and g 1, or up to 4 where users differ little; with "wrmf", 1. Raise it if lists are
        too surprising, lower it if they repeat what is popular.
    regularization_exponent : float or "auto", the default
        ν in ``λ_u = λ (|S_u| + α₀ n_items)^ν``; 1 scales λ with the number of interactions.
        "auto" is 1 with "ials" and 0 with "wrmf". Between .5 and 1 it rarely matters, if λ is
        "auto" or tuned again.
    objective : {"ials", "wrmf"}, default "ials"
        "wrmf" is the model of Hu et al. 2008, with c = 1 + 30 d and λ = 30 unless told otherwise.
        "ials" sums the α₀ term over all pairs, as in Rendle et al. 2021, and is the better start.
    confidence : {"auto", "linear", "log", "raw"}, default "auto"
        f(d) = d, or log(1 + d/epsilon); "auto" is "log" with "ials" and "linear" with "wrmf". Take
        "linear" if a count of 10 says ten times as much as a count of 1. With "raw", c = α·d
        without α₀, as the library implicit has it; it may be below α₀. With the objective "ials",
        which adds α₀ to all pairs, "raw" is the same as "linear".
    solver : {"auto", "exact", "cg"}, default "auto"
        "exact" computes the exact minimum of each row. "cg" takes ``cg_steps`` conjugate-gradient
        steps from the previous factors; rows with so few entries that the exact minimum costs
        less are solved exactly. "auto" means "exact". Try "cg" with 512 factors or more.
    dtype : {"float32", "float64"}, default "float32"
        The precision of the factors. "float64" takes twice the memory and time, and is for
        comparisons.
    num_threads : int from 0 to 1024, default 0
        0 uses every CPU that this process may use. Results are bitwise the same for any number.
    random_state : None, int, numpy Generator or RandomState
        Seed of the initial factors. Set it for results that can be repeated.
    epsilon : float > 0, default 1.0
        Count by which counts are divided in the logarithmic confidence. Lower it if most counts are
        below 1.
    init_scale : float > 0, optional
        Standard deviation of the random initial factors of both sides. By default it is 0.1/√k, as
        in Rendle et al. 2021, and users are also solved once before the first iteration, so that
        good rankings are reached some iterations earlier. Rosenthal 2016 starts from 1. If there
        are few users, 2/√k to 6/√k may rank better (docs/tuning.md).
    cg_steps : int ≥ 1, default 2
        Steps of "cg" for each row and sweep. Raise it if more sweeps are needed than with "exact".
    regularization_counts : {"all", "observed"}, default "all"
        With "observed", ``λ_u = λ |S_u|^ν``, without the α₀ n_items for the unobserved pairs.
        With ν = 1 that is the penalty of Spark. Leave it unless a model is to be reproduced.
    n_models : int ≥ 1, default 1
        M models that differ only in their random start are trained side by side and used as one
        model with M·k factors, whose scores are the mean of theirs. The cost is M times that of
        one. When to touch it: with 4, where the best model comes after few iterations and k is
        already large; below 512 factors, a larger k is often better (docs/tuning.md).
    item_weight : float ≥ 0, default 0.0
        β, by which a user's items add to the scores of items that go together with them. The
        score of item j is then x_u·y_j + β σ Σ_i b_ij, over the items i that user u has, where
        b_j are the weights of a ridge regression of item j on its nearest items, and σ is the
        ratio of the standard deviations of both sums. 0 means no such term, and costs nothing. Try
        0.3 to 1 on a validation split (docs/tuning.md); baskets and decks gain most.
    item_neighbors : int from 1 to 20000, default 30
        K, the largest number of items in the regression of an item, whose cost is K³. 100 to 400
        may rank better where items have hundreds of users. Above 1000, the K items with the most
        users are all neighbours of each other, by one inverse, as in EASE; others have none. Best
        for decks and baskets.
    item_regularization : float > 0, default 20.0
        λ of these regressions, in users. Rarely worth a search.
    value_damping : float from 0 to 4, or (user, item), default 0
        Exponents a and b by which pairs of active users and of popular items count less: f(d)
        becomes s · f(d) · n_u^−a · n_i^−b, where n_u and n_i are the numbers of entries of the
        user and of the item, and s keeps the mean over the training data. Try 1/4, with another
        ``unobserved_weight``. See docs/weights.md.
    weighting : {"none", "bm25", "tfidf"}, default "none"
        How counts d are weighted before f, as in implicit's examples: by the weight of the user,
        as a term, in the item, as a document. See docs/weights.md.
    bm25_k1 : float ≥ 0, default 100.0
        From which counts on the weights of BM25 saturate.
    bm25_b : float from 0 to 1, default 0.8
        How much BM25 takes off items with large sums of counts.
    feature_regularization : float > 0, or (user, item), default 1.0
        λ_A of the factors of features, for ``user_features`` and ``item_features`` of ``fit``: the
        penalty λ_u|x_u|² becomes λ_u|x_u − A f_u|² + λ_A|A|². When to touch it: with many or
        rare features, try larger values on held-out items (docs/features.md).

    Attributes
    ----------
    user_factors, item_factors : ndarray (n_users, k), (n_items, k)
        Read-only; arrays of the same shape may be assigned, and are copied. With ``n_models`` above
        1, k is that of all models together.
    users, items : ndarray (n_users,), (n_items,)
        The ids of their rows.
    item_names : ndarray (n_items,) or None
        Names of the items, which methods take in place of ids.
    iterations_done : int
    train_matrix : csr_matrix (n_users, n_items), or None
        The data that the model was last fitted to; None if the model was saved without it.
    last_update : UpdateReport or None
        What the last ``update`` has changed.
    state : Factors
        All of the above in one frozen record.

    References
    ----------
    Hu, Koren, Volinsky: Collaborative Filtering for Implicit Feedback Datasets. ICDM 2008.

    Rendle, Krichene, Zhang, Koren: Revisiting the Performance of iALS on Item Recommendation
    Benchmarks. 2021. arXiv:2110.14037.

    Rosenthal: Intro to Implicit Matrix Factorization: Classic ALS with Sketchfab Models. 2016.

    Examples
    --------
    >>> import numpy as np, wrmf
    >>> checkerboard = np.indices((6, 6)).sum(axis=0) % 2
    >>> model = wrmf.WRMF(factors=2, random_state=0).fit(checkerboard)
    >>> model.recommend([0], n=3, exclude_seen=False).ids
    array([[1, 3, 5]])
    >>> article = wrmf.WRMF(2, 0.1, objective="wrmf", random_state=0).fit(checkerboard)
    >>> abs(article.predict([0, 0], [1, 2])).round(1)
    array([1., 0.], dtype=float32)
    """

    def __init__(
        self,
        factors: int = 256,
        regularization: float | tuple[float, float] | str = "auto",
        alpha: float | str = "auto",
        iterations: int = 10,
        unobserved_weight: float | str = "auto",
        regularization_exponent: float | str = "auto",
        objective: str = "ials",
        confidence: str = "auto",
        solver: str = "auto",
        dtype: Any = "float32",
        num_threads: int = 0,
        random_state: Any = None,
        epsilon: float = 1.0,
        init_scale: float | None = None,
        cg_steps: int = 2,
        regularization_counts: str = "all",
        n_models: int = 1,
        item_weight: float = 0.0,
        item_neighbors: int = 30,
        item_regularization: float = 20.0,
        value_damping: float | tuple[float, float] = 0.0,
        weighting: str = "none",
        bm25_k1: float = 100.0,
        bm25_b: float = 0.8,
        feature_regularization: float | tuple[float, float] = 1.0,
    ) -> None:
        self.factors = factors
        self.regularization = regularization
        self.alpha = alpha
        self.iterations = iterations
        self.unobserved_weight = unobserved_weight
        self.regularization_exponent = regularization_exponent
        self.objective = objective
        self.confidence = confidence
        self.solver = solver
        self.dtype = dtype
        self.num_threads = num_threads
        self.random_state = random_state
        self.epsilon = epsilon
        self.init_scale = init_scale
        self.cg_steps = cg_steps
        self.regularization_counts = regularization_counts
        self.n_models = n_models
        self.item_weight = item_weight
        self.item_neighbors = item_neighbors
        self.item_regularization = item_regularization
        self.value_damping = value_damping
        self.weighting = weighting
        self.bm25_k1 = bm25_k1
        self.bm25_b = bm25_b
        self.feature_regularization = feature_regularization

    @classmethod
    def from_factors(cls, factors: Factors, /, **params: Any) -> WRMF:
        """Return a fitted model with the given state.

        Parameters
        ----------
        factors : Factors
            Further training updates its arrays in place.
        **params
            Parameters by name. By default those that the state was fitted with, if it has them.
            The defaults of ``factors`` and ``dtype`` are those of the arrays.

        Raises
        ------
        ValueError
            If ``factors`` or ``dtype`` differ from those of the arrays, or a factor is not finite.

        Examples
        --------
        >>> import numpy as np, wrmf
        >>> from wrmf.model.state import Factors
        >>> data = wrmf.Interactions.from_matrix(np.eye(3))
        >>> factors = Factors(np.eye(3), np.eye(3), data.users, data.items, data.matrix)
        >>> wrmf.WRMF.from_factors(factors, alpha=1.0).predict(0, [0, 1])
        array([1., 0.])
        """
        factors.check_finite()
        return cls.of_state(factors, params)

    def loss(self, data: Any) -> float:
        """Return the exact loss on ``data``, computed in float64.

        It costs O(n_interactions·k + (n_users + n_items)·k²); cells without an entry are not
        visited. With ``n_models`` above 1, it is the mean of the losses of the models.

        Parameters
        ----------
        data : Interactions, or a sparse or dense matrix (n_users, n_items)
            With the same users and items as the data of the fit, matched by id. The rows and
            columns of a matrix are in the order of ``users`` and ``items``.

        Examples
        --------
        >>> import numpy as np, wrmf
        >>> likes = np.indices((6, 6)).sum(axis=0) % 2
        >>> model = wrmf.WRMF(2, 0.1, objective="wrmf", random_state=0).fit(likes)
        >>> round(model.loss(likes), 1)
        9.0
        """
        state, params = self.state, self.fitted_params()
        matrix, of_sides = on_own_axes(data, state), params.regularization
        matrix = state.values(params.values).of_training(matrix)
        threads, losses = params.sweep.num_threads, []
        priors = [member_priors(state.prior(side), params.n_models, side) for side in (0, 1)]
        members = members_of(state.user_factors, state.item_factors, params.n_models)
        for place, (x, y) in enumerate(members):
            own = priors[0][place], priors[1][place]
            deviations, penalty = penalised((x, y), own, params.feature_regularization)
            losses.append(
                penalty + params.objective.loss(matrix, x, y, of_sides, threads, deviations)
            )
        return sum(losses) / len(losses)

    def explain(self, user: Any, item: Any, n: int = 10) -> pd.DataFrame:
        """Return how much each of a user's interactions contributes to the score of an item.

        The score is a sum over the user's own items (Hu, Koren, Volinsky 2008, section 5).

        Parameters
        ----------
        user : id
        item : id, or unique name
        n : int ≥ 1, default 10
            The number of contributions to return.

        Returns
        -------
        DataFrame
            At most n rows, the largest contribution first. The columns are item, name (if the
            model has names) and contribution; with an item term also its two summands, by_factors
            and by_items, and ``attrs["item_term"]``, the sum of all by_items. ``attrs["score"]`` is
            the score that ``predict`` returns. ``attrs["rest"]`` is the score minus the
            contributions shown: it consists of the contributions left out and, with "cg", of a
            difference because the user's factors are not exactly the minimum. Of a model with
            ``user_features``, ``attrs["features"]`` is what they contribute, beside all others.

        Examples
        --------
        >>> import numpy as np, wrmf
        >>> likes = np.indices((6, 6)).sum(axis=0) % 2
        >>> model = wrmf.WRMF(factors=2, regularization=0.1, random_state=0).fit(likes)
        >>> sorted(model.explain(user=0, item=1)["item"].tolist())
        [1, 3, 5]
        """
        state, params = self.state, self.fitted_params()
        return explain_score(state, params, user, item, n)

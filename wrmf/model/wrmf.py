"""The model: parameters, training, folding in. What one asks of it is in ``questions.py``."""

from __future__ import annotations

import inspect
import math
import os
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from wrmf.data.checks import as_csr, as_generator, as_positive_int, as_real
from wrmf.data.interactions import Interactions
from wrmf.model.recommendations import Recommendations
from wrmf.model.recommender import Questions
from wrmf.model.trainer import Callback, Trainer
from wrmf.numerics.objective import Objective, gram
from wrmf.numerics.plan import SOLVERS
from wrmf.numerics.side import Side
from wrmf.numerics.sweep import half_sweep

__all__ = ["WRMF"]

CHOICES = {
    "objective": ("wrmf", "ials"),
    "confidence": ("linear", "log"),
    "solver": ("auto", *SOLVERS),
    "dtype": ("float32", "float64"),
}


class WRMF(Questions):
    r"""Weighted regularised matrix factorisation by alternating least squares.

    Minimises, over user factors x and item factors y (S the stored pairs, d their counts),

    .. math:: \sum_S c_{ui}(1 - x_u y_i)^2 + \alpha_0 \sum_{\bar S} (x_u y_i)^2
              + \sum_u \lambda_u |x_u|^2 + \sum_i \lambda_i |y_i|^2, \quad
              c_{ui} = \alpha_0 + \alpha f(d_{ui})

    Each iteration solves all items, then all users, exactly. So user factors are always the exact
    answer to the item factors, and equal what ``fold_in_users`` gives for the same rows.

    Parameters
    ----------
    factors : int ≥ 1, default 128
        Dimensions k of the latent space.
    regularization : float ≥ 0, or (user, item), default 30
        λ. With 0, the minimum of least norm is taken where there are many.
    alpha : float ≥ 0, default 30.0
        How much one count adds to the confidence in a pair.
    iterations : int ≥ 1, default 10
    unobserved_weight : float > 0, default 1.0
        α₀, the confidence in pairs without interaction.
    regularization_exponent : float, default 0.0
        ν in λ_u = λ (|S_u| + α₀ n_items)^ν; 1 scales with frequency.
    objective : {"wrmf", "ials"}, default "wrmf"
        "ials" takes the α₀ term over all pairs, as Rendle et al. 2021.
    confidence : {"linear", "log"}, default "linear"
        f(d) = d, or log(1 + d/epsilon).
    solver : {"auto", "exact", "cg"}, default "auto"
        "exact" minimises each row; "cg" takes ``cg_steps`` conjugate-gradient steps from the last
        factors, and minimises rows so short that this costs less. "auto" is "exact".
    cg_steps : int ≥ 1, default 2
    dtype : {"float32", "float64"}, default "float32"
    num_threads : int ≥ 0, default 0
        0 uses every CPU this process may use. Results are bitwise the same for any number.
    random_state : None, int, numpy Generator or RandomState
        Seed of the initial factors.
    epsilon : float > 0, default 1.0
        Unit of counts in the logarithmic confidence.
    init_scale : float > 0, optional
        Standard deviation of the random factors that both sides start from. By default 0.1/√k, as
        Rendle et al. 2021, and users are solved from items once more before the first iteration:
        ranking is then good some iterations earlier. The first studies began with 1. Where users
        are few, 2/√k to 6/√k may rank better (docs/tuning.md).

    Attributes
    ----------
    user_factors, item_factors : ndarray (n_users, k), (n_items, k)
    users, items : ids of their rows
    iterations_done : int
    train_matrix : csr_matrix (n_users, n_items), what the model was last fitted to

    References
    ----------
    Hu, Koren, Volinsky: Collaborative Filtering for Implicit Feedback Datasets. ICDM 2008.

    Examples
    --------
    >>> import numpy as np, wrmf
    >>> board = np.indices((6, 6)).sum(axis=0) % 2        # a checkerboard
    >>> model = wrmf.WRMF(factors=2, regularization=0.1, random_state=0).fit(board)
    >>> abs(model.predict([0, 0], [1, 2])).round(1)
    array([1., 0.], dtype=float32)
    """

    def __init__(
        self,
        factors: int = 128,
        regularization: float | tuple[float, float] = 30.0,
        alpha: float = 30.0,
        iterations: int = 10,
        unobserved_weight: float = 1.0,
        regularization_exponent: float = 0.0,
        objective: str = "wrmf",
        confidence: str = "linear",
        solver: str = "auto",
        dtype: Any = "float32",
        num_threads: int = 0,
        random_state: Any = None,
        epsilon: float = 1.0,
        init_scale: float | None = None,
        cg_steps: int = 2,
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

        self.user_factors: np.ndarray
        self.item_factors: np.ndarray
        self.users: np.ndarray
        self.items: np.ndarray
        self.train_matrix: sparse.csr_matrix
        self.iterations_done = 0

    # Parameters, with scikit-learn's habits

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's parameters by name."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **params: Any) -> WRMF:
        """Set parameters by name; they take effect at the next fit."""
        valid = self.get_params()
        for name, value in params.items():
            if name not in valid:
                raise ValueError(f"unknown parameter {name!r}; WRMF has {', '.join(valid)}")
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self)).parameters
        changed = (
            f"{name}={value!r}"
            for name, value in self.get_params().items()
            if value is not defaults[name].default and value != defaults[name].default
        )
        return f"WRMF({', '.join(changed)})"

    def check_params(self) -> None:
        """Raise TypeError or ValueError where a parameter is not valid."""
        self._objective()

    def _objective(self) -> Objective:
        """Check every parameter and return the loss they describe."""
        as_positive_int(self.factors, "factors")
        as_positive_int(self.num_threads, "num_threads", 0)
        for name, choices in CHOICES.items():
            value = getattr(self, name)
            if name == "dtype":
                value = self._dtype_name()
            if value not in choices:
                raise ValueError(f"{name} must be one of {choices}, got {value!r}")
        self._regularization()
        self._initial_scale()
        return Objective(
            alpha=as_real(self.alpha, "alpha"),
            unobserved_weight=as_real(self.unobserved_weight, "unobserved_weight", strict=True),
            kind=self.objective,
            confidence=self.confidence,
            epsilon=as_real(self.epsilon, "epsilon", strict=True),
            regularization_exponent=as_real(
                self.regularization_exponent, "regularization_exponent", minimum=-10.0
            ),
        )

    def _initial_scale(self) -> float:
        if self.init_scale is not None:
            return as_real(self.init_scale, "init_scale", strict=True)
        return 0.1 / math.sqrt(self.factors)

    def _dtype_name(self) -> str:
        try:
            return np.dtype(self.dtype).name
        except TypeError:
            return str(self.dtype)

    def _regularization(self) -> tuple[float, float]:
        if isinstance(self.regularization, (tuple, list)):
            if len(self.regularization) != 2:
                raise ValueError(
                    f"regularization must be a number or (user, item), got {self.regularization!r}"
                )
            users, items = self.regularization
        else:
            users = items = self.regularization
        return as_real(users, "regularization"), as_real(items, "regularization")

    # Training

    def fit(
        self, data: Any, callback: Callback | None = None, progress: bool | None = None
    ) -> WRMF:
        """Train from fresh random factors.

        Parameters
        ----------
        data : Interactions, or a users × items scipy.sparse matrix (n_users, n_items)
        callback : callable(model, iterations_done), optional
            Called after each iteration; training stops early where it returns True.
        progress : bool, optional
            Whether to show a bar; by default where standard error is a terminal.

        Returns
        -------
        WRMF, itself

        Notes
        -----
        Ctrl-C is heard within a second. The factors then hold what was reached, the model can be
        used, and ``partial_fit`` goes on from there.

        Raises
        ------
        TypeError, ValueError
            For parameters out of bounds, and data that is no matrix of finite numbers ≥ 0 with at
            least one entry.

        Examples
        --------
        >>> import numpy as np, wrmf
        >>> losses = []
        >>> likes = np.indices((6, 6)).sum(axis=0) % 2
        >>> model = wrmf.WRMF(factors=2, iterations=3, random_state=0)
        >>> model = model.fit(likes, callback=lambda m, done: losses.append(m.loss(likes)))
        >>> losses == sorted(losses, reverse=True)
        True
        """
        iterations = as_positive_int(self.iterations, "iterations")
        self._begin(data).run(iterations, callback, progress)
        return self

    def _begin(self, data: Any) -> Trainer:
        """Draw fresh factors; return what trains them."""
        objective = self._objective()
        data = _as_interactions(data)
        generator = as_generator(self.random_state)
        dtype, k = np.dtype(self.dtype), self.factors
        scale = self._initial_scale()
        # Drawn in float64, so that both dtypes start from the same point.
        user_factors, item_factors = (
            (generator.standard_normal((n, k)) * scale).astype(dtype) for n in data.shape
        )
        self.user_factors, self.item_factors = user_factors, item_factors
        self.users, self.items = data.users, data.items
        self.train_matrix = data.matrix
        self.iterations_done = 0
        return Trainer(self, objective, self._regularization())

    def partial_fit(
        self,
        data: Any,
        iterations: int | None = None,
        callback: Callback | None = None,
        progress: bool | None = None,
    ) -> WRMF:
        """Train on from the present factors; a model not yet fitted starts fresh.

        Ten iterations and then five give what fifteen at once give.

        Parameters
        ----------
        data : Interactions or sparse (n_users, n_items), with the users and items of the fit
        iterations : int ≥ 1, default the model's
        callback, progress : as in ``fit``

        Raises
        ------
        ValueError
            For other users or items (use ``fit``, or ``fold_in_users`` for new ones), or another
            number of factors or dtype than the model was fitted with.
        """
        if iterations is None:
            iterations = self.iterations
        iterations = as_positive_int(iterations, "iterations")
        self.trainer(data).run(iterations, callback, progress)
        return self

    def trainer(self, data: Any) -> Trainer:
        """Return what trains the model on from its factors, fresh ones where it has none."""
        if not self._is_fitted:
            return self._begin(data)
        objective = self._objective()
        if self.user_factors.shape[1] != self.factors or self.user_factors.dtype != self.dtype:
            raise ValueError(
                f"the model was fitted with {self.user_factors.shape[1]} factors of "
                f"{self.user_factors.dtype}, now {self.factors} of {self._dtype_name()} are asked "
                "for: call fit"
            )
        self.train_matrix = self._matching(data)
        return Trainer(self, objective, self._regularization())

    def _matching(self, data: Any) -> sparse.csr_matrix:
        """Return the matrix of data that must have the model's own users and items."""
        data = _as_interactions(data)
        expected = (len(self.users), len(self.items))
        if data.shape != expected:
            raise ValueError(
                f"the data is {data.shape[0]} users × {data.shape[1]} items, the model was fitted "
                f"to {expected[0]} × {expected[1]}: call fit, or fold_in_users for new users"
            )
        same = (data.users is self.users or np.array_equal(data.users, self.users)) and (
            data.items is self.items or np.array_equal(data.items, self.items)
        )
        if not same:
            raise ValueError("the data has other user or item ids than the model was fitted to")
        return data.matrix

    def loss(self, data: Any) -> float:
        """Return the loss on ``data`` (the model's own users × items), exact, in float64.

        Costs O(n_interactions·k + (n_users + n_items)·k²); no cell without entry is visited.
        """
        self._check_fitted()
        return self._objective().loss(
            self._matching(data),
            self.user_factors,
            self.item_factors,
            self._regularization(),
            self.num_threads,
        )

    # New users and items

    def fold_in_users(self, data: Any) -> np.ndarray:
        """Return exact factors of users given by their rows, (n, k); the model stays as it is.

        Parameters
        ----------
        data : sparse or dense (n, n_items), or Interactions whose item ids the model knows

        Returns
        -------
        ndarray (n, k) of the model's dtype; a row without entries gives zeros

        Raises
        ------
        ValueError
            For another number of columns, unknown item ids, or values that are not finite and ≥ 0.

        Examples
        --------
        >>> import numpy as np, wrmf
        >>> likes = np.indices((6, 6)).sum(axis=0) % 2
        >>> model = wrmf.WRMF(factors=2, random_state=0).fit(likes)
        >>> np.array_equal(model.fold_in_users(likes[:2]), model.user_factors[:2])
        True
        """
        self._check_fitted()
        matrix = self._known_items(data)
        return self._fold_in(matrix, self.item_factors, self._regularization()[0])

    def fold_in_items(self, data: Any) -> np.ndarray:
        """Return exact factors of items given as columns, (n, k); the model stays as it is.

        ``data`` is sparse or dense (n_users, n), rows in the order of ``model.users``. A column
        without entries gives zeros; another number of rows is a ValueError.
        """
        self._check_fitted()
        matrix = data.matrix if isinstance(data, Interactions) else as_csr(data, allow_empty=True)
        if matrix.shape[0] != len(self.users):
            raise ValueError(
                f"data must be users × new items with {len(self.users)} rows, got {matrix.shape}"
            )
        return self._fold_in(matrix.T.tocsr(), self.user_factors, self._regularization()[1])

    def _fold_in(
        self, rows: sparse.csr_matrix, fixed: np.ndarray, regularization: float
    ) -> np.ndarray:
        side = Side.of(rows, self._objective(), regularization, fixed.dtype)
        out = np.zeros((rows.shape[0], fixed.shape[1]), dtype=fixed.dtype)
        half_sweep(side, fixed, out, num_threads=self.num_threads)
        return out

    def _known_items(self, data: Any) -> sparse.csr_matrix:
        """Return rows over the model's items; ids are mapped where data has them."""
        if isinstance(data, Interactions) and not (
            data.items is self.items or np.array_equal(data.items, self.items)
        ):
            columns = self._find("items", data.items)
            entries = data.matrix.tocoo()
            data = sparse.coo_matrix(
                (entries.data, (entries.row, columns[entries.col])),
                shape=(data.n_users, len(self.items)),
            )
        matrix = data.matrix if isinstance(data, Interactions) else as_csr(data, allow_empty=True)
        if matrix.shape[1] != len(self.items):
            raise ValueError(
                f"data must be users × items with {len(self.items)} columns, got {matrix.shape}"
            )
        return matrix

    # Questions that need the objective

    def recommend_new(
        self,
        interactions: Any,
        n: int = 10,
        exclude_seen: bool = True,
        exclude: Any = None,
        items: Any = None,
    ) -> Recommendations:
        """As ``recommend``, for users the model has not seen, by exact fold-in of their rows.

        ``interactions`` is as in ``fold_in_users``; the users' ids are its own, or 0, 1, 2, ….
        """
        self._check_fitted()
        matrix = self._known_items(interactions)
        users = (
            interactions.users
            if isinstance(interactions, Interactions)
            else np.arange(matrix.shape[0])
        )
        factors = self.fold_in_users(matrix)
        return self._rank(users, factors, matrix if exclude_seen else None, n, exclude, items)

    def explain(self, user: Any, item: Any, n: int = 10) -> pd.DataFrame:
        """Return which of a user's interactions make up the score of an item.

        The score is Σ_j b_j · y_itemᵀ A⁻¹ y_j over the user's own items j (Hu, Koren, Volinsky
        2008, section 5), A being the user's system.

        Returns
        -------
        DataFrame
            item, contribution, largest first, at most n rows; ``attrs["score"]`` is what
            ``predict`` gives, and ``attrs["rest"]`` what is missing to it: the rows left out and,
            with "cg", how far the user's factors are from the minimum.
        """
        self._check_fitted()
        n = as_positive_int(n, "n")
        rows, columns = self._find("users", user), self._find("items", item)
        if len(rows) != 1 or len(columns) != 1:
            raise ValueError(
                f"explain takes one user and one item, got {len(rows)} and {len(columns)}"
            )
        row, column = rows[0], columns[0]
        mine = self.train_matrix[[row]]
        objective = self._objective()
        y = self.item_factors[mine.indices].astype(np.float64)
        weights = objective.weights(mine.data, np.float64)
        regularization = objective.row_regularization(
            self._regularization()[0], np.array([mine.nnz]), len(self.items)
        )[0]
        system = objective.unobserved_weight * gram(self.item_factors) + (y.T * weights) @ y
        system += regularization * np.eye(len(system))
        direction = np.linalg.pinv(system, hermitian=True) @ self.item_factors[column]
        parts = (weights + objective.target_shift) * (y @ direction)
        order = np.argsort(-parts, kind="stable")
        frame = pd.DataFrame(
            {"item": self.items[mine.indices[order[:n]]], "contribution": parts[order[:n]]}
        )
        score = float(self.user_factors[row].astype(np.float64) @ self.item_factors[column])
        frame.attrs = {"score": score, "rest": score - float(parts[order[:n]].sum())}
        return frame

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted model to one file of plain arrays, at once or not at all.

        Everything is kept that ``wrmf.load`` needs to go on: parameters, ids, factors and the
        training data. A model that is not fitted is a ValueError, as is a folder that is not there
        a FileNotFoundError; ids must be strings, numbers or tuples of them.
        """
        # Imported here because reading a file makes a model, so that module stands above.
        from wrmf.model import persistence

        self._check_fitted()
        persistence.save(self, path)


def _as_interactions(data: Any) -> Interactions:
    return data if isinstance(data, Interactions) else Interactions.from_matrix(data)

"""``AlternatingLeastSquares`` with implicit's signature, over this library's exact solver."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import IO, Any

import numpy as np
from scipy import sparse
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from wrmf.compat.implicit.confidences import ParameterWarning, as_confidences, warn_unless_csr
from wrmf.compat.implicit.files import read_npz, write_npz
from wrmf.compat.implicit.lists import FactorLists
from wrmf.data.checks import as_generator, as_positive_int
from wrmf.data.choices import shown
from wrmf.model.limits import check_limits, check_weights
from wrmf.model.parameters import Parameters, validate_parameters
from wrmf.model.state import NotFittedError
from wrmf.model.wrmf import WRMF
from wrmf.numerics.objective import gram
from wrmf.numerics.side import Side
from wrmf.numerics.sweep import half_sweep
from wrmf.progress import load_tqdm

__all__ = ["AlternatingLeastSquares", "ParameterWarning", "calculate_loss"]

# Random initial factors are drawn uniformly from 0 to INIT_SCALE.
INIT_SCALE = 0.01
# The attributes that are saved, apart from the factors; those that are None are left out.
SAVED = (
    "regularization",
    "factors",
    "num_threads",
    "iterations",
    "use_native",
    "use_cg",
    "cg_steps",
    "calculate_training_loss",
    "random_state",
    "alpha",
)


class AlternatingLeastSquares(FactorLists):
    """Alternating least squares with the signature, attributes and results of implicit 0.7.

    Minimises Σ c (p − x·y)² + λ (Σ‖x‖² + Σ‖y‖²), where c is ``alpha`` times the stored value and p
    is 1 on stored pairs (0 if the value is negative); c is 1 and p is 0 elsewhere. Stored zeros are
    pairs with c = 0. It is ``WRMF(confidence="raw")``; ``wrmf.from_implicit`` makes that model of
    it. From the same factors or the same seed, each sweep gives what implicit's exact solver gives.

    Parameters
    ----------
    factors : int ≥ 1, default 100
    regularization : float ≥ 0, default 0.01
    alpha : float ≥ 0, default 1.0
    dtype : float32 or float64, default float32
    use_native : bool
        Accepted and without effect.
    use_cg : bool, default True
        Whether to take ``cg_steps`` (an attribute, 3) conjugate-gradient steps in a sweep where a
        row has many entries. With False, every row is solved exactly, as in ``recalculate_user``.
    use_gpu : bool, default False
        True is an error.
    iterations : int ≥ 0, default 15
    calculate_training_loss : bool, default False
    num_threads : int ≥ 0, default 0
        0 uses every CPU that this process may use.
    random_state : None, int, Generator or RandomState
        The same int gives the same initial factors as in implicit.

    Attributes
    ----------
    user_factors, item_factors : ndarray (n_users, factors), (n_items, factors), or None
        Set before ``fit``, they are where it starts.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> likes = sparse.csr_matrix(np.indices((6, 6)).sum(axis=0) % 2)
    >>> model = AlternatingLeastSquares(factors=2, random_state=0)
    >>> model.fit(likes, show_progress=False)
    >>> ids, scores = model.recommend(0, likes[0], N=2, filter_already_liked_items=False)
    >>> ids.shape, sorted(model.similar_items(0, N=3)[0].tolist())
    ((2,), [0, 2, 4])
    """

    def __init__(
        self,
        factors: int = 100,
        regularization: float = 0.01,
        alpha: float = 1.0,
        dtype: Any = np.float32,
        use_native: bool = True,
        use_cg: bool = True,
        use_gpu: bool = False,
        iterations: int = 15,
        calculate_training_loss: bool = False,
        num_threads: int = 0,
        random_state: Any = None,
    ) -> None:
        if use_gpu:
            raise ValueError("use_gpu=True needs implicit: wrmf computes on the CPU, leave it out")
        self.factors = factors
        self.regularization = regularization
        self.alpha = alpha
        self.dtype = np.dtype(dtype)
        self.use_native = use_native
        self.use_cg = use_cg
        self.iterations = iterations
        self.calculate_training_loss = calculate_training_loss
        self.num_threads = num_threads
        self.random_state = random_state
        self.cg_steps = 3
        self.fit_callback: Callable[..., Any] | None = None
        self.user_factors: np.ndarray | None = None
        self.item_factors: np.ndarray | None = None

    def fit(
        self,
        user_items: Any,
        show_progress: bool = True,
        callback: Callable[[int, float, float | None], Any] | None = None,
    ) -> None:
        """Train from the present factors, or from random ones where they are None.

        Parameters
        ----------
        user_items : sparse matrix (n_users, n_items)
            CSR; other formats are converted with a :class:`ParameterWarning`.
        show_progress : bool, default True
        callback : callable(iteration, seconds, loss), optional
            The loss is None unless ``calculate_training_loss``.

        Raises
        ------
        ValueError
            For parameters out of bounds, values that are not finite, and present factors of another
            shape than the data.
        """
        warn_unless_csr(user_items, "user_items")
        matrix = as_confidences(user_items, "user_items")
        iterations = as_positive_int(self.iterations, "iterations", 0)
        params = self._parameters("cg" if self.use_cg else "exact")
        check_limits(matrix, params)
        generator = as_generator(self.random_state)
        x = self._start(self.user_factors, matrix.shape[0], generator, "user")
        y = self._start(self.item_factors, matrix.shape[1], generator, "item")
        self.user_factors, self.item_factors = x, y
        of_users, of_items = params.regularization
        users = Side.of(matrix, params.objective, of_users, params.dtype)
        items = Side.of(
            matrix.T.tocsr(), params.objective, of_items, params.dtype, users.workspaces
        )
        callback = callback or self.fit_callback
        loss = None
        with load_tqdm()(total=iterations, disable=not show_progress) as progress:
            for iteration in range(iterations):
                started = time.perf_counter()
                _solve(users, y, x, params)
                _solve(items, x, y, params)
                progress.update(1)
                if self.calculate_training_loss:
                    loss = _mean_loss(matrix, x, y, params)
                    progress.set_postfix({"loss": loss})
                if callback:
                    callback(iteration, time.perf_counter() - started, loss)

    def recalculate_user(self, userid: Any, user_items: Any) -> np.ndarray:
        """Return the exact factors of users for the given interactions; the model stays as it is.

        Parameters
        ----------
        userid : int, or a sequence of as many ids as ``user_items`` has rows
        user_items : sparse matrix (n, at most n_items)

        Returns
        -------
        ndarray (factors,) for a single id, otherwise (n, factors)
        """
        return self._recalculated(userid, user_items, self.item_factors, "user_items")

    def recalculate_item(self, itemid: Any, item_users: Any) -> np.ndarray:
        """Return the exact factors of items for a matrix (n, at most n_users); see above."""
        return self._recalculated(itemid, item_users, self.user_factors, "item_users")

    def partial_fit_users(self, userids: Any, user_items: Any) -> None:
        """Store the factors of ``recalculate_user``; ids past the end add users.

        Parameters
        ----------
        userids : sequence of int ≥ 0
        user_items : sparse matrix with one row for each of them
        """
        solved = self.recalculate_user(userids, user_items)
        self.user_factors = _with_rows(self.user_factors, userids, solved, "userids")

    def partial_fit_items(self, itemids: Any, item_users: Any) -> None:
        """Store the factors of ``recalculate_item``; ids past the end add items."""
        solved = self.recalculate_item(itemids, item_users)
        self.item_factors = _with_rows(self.item_factors, itemids, solved, "itemids")

    def explain(
        self, userid: int, user_items: Any, itemid: int, user_weights: Any = None, N: int = 10
    ) -> tuple[float, list[tuple[int, float]], Any]:
        """Return a score as a sum over the items that a user likes.

        Parameters
        ----------
        userid : int
            The row of ``user_items``.
        user_items : sparse matrix (n_users, at most n_items)
        itemid : int
        user_weights : optional
            What an earlier call for the same user returned; saves its factorisation.
        N : int ≥ 1, default 10

        Returns
        -------
        total_score : float
        top_contributions : list of (itemid, contribution), the largest first
        user_weights : the Cholesky factor of the user's system
        """
        fixed, params = self._fixed(self.item_factors), self._parameters("exact")
        n_items = len(fixed)
        for name, row, n in (("userid", userid, user_items.shape[0]), ("itemid", itemid, n_items)):
            if not 0 <= row < n:
                raise IndexError(f"{name} {row} is not in 0 to {n - 1}")
        own = as_confidences(user_items.tocsr()[[userid]], "user_items", n_items)
        y, objective = fixed[own.indices].astype(np.float64), params.objective
        if user_weights is None:
            system = gram(fixed) + (y.T * objective.weights(own.data, np.float64)) @ y
            system += params.regularization[0] * np.eye(len(system))
            try:
                user_weights = cho_factor(system)
            except LinAlgError as error:
                raise ValueError(
                    f"the system of user {userid} is singular: raise regularization"
                ) from error
        terms = y @ cho_solve(user_weights, fixed[itemid].astype(np.float64))
        terms = terms * objective.targets(own.data, np.float64)
        liked = np.flatnonzero(own.data > 0)
        largest = liked[np.argsort(-terms[liked], kind="stable")][: as_positive_int(N, "N")]
        top = [(int(own.indices[at]), float(terms[at])) for at in largest]
        return float(terms.sum()), top, user_weights

    def save(self, fileobj_or_path: str | os.PathLike[str] | IO[bytes]) -> None:
        """Write the model in implicit's format, NumPy's ``.npz``, which this suffix is added to.

        A ``random_state`` that is a generator is left out: its stream cannot be continued.
        """
        values = {name: getattr(self, name) for name in SAVED}
        if not isinstance(self.random_state, (int, np.integer)):
            values["random_state"] = None
        arrays = {"user_factors": self.user_factors, "item_factors": self.item_factors}
        write_npz(fileobj_or_path, {**arrays, **values, "dtype": self.dtype.name})

    @classmethod
    def load(cls, fileobj_or_path: str | os.PathLike[str] | IO[bytes]) -> AlternatingLeastSquares:
        """Return a model that this ``save`` or that of implicit has written.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            For a file of something else.
        """
        values = read_npz(fileobj_or_path, {"user_factors", "item_factors", "dtype", *SAVED})
        model = cls()
        for name, value in values.items():
            setattr(model, name, np.dtype(value) if name == "dtype" else value)
        return model

    def _parameters(self, solver: str) -> Parameters:
        model = WRMF(
            factors=self.factors,
            regularization=self.regularization,
            alpha=self.alpha,
            unobserved_weight=1.0,
            regularization_exponent=0.0,
            objective="wrmf",
            confidence="raw",
            solver=solver,
            dtype=self.dtype,
            num_threads=self.num_threads,
            cg_steps=self.cg_steps,
        )
        return validate_parameters(model.get_params())

    def _start(
        self, present: np.ndarray | None, n: int, generator: np.random.Generator, side: str
    ) -> np.ndarray:
        """Return a copy of the present factors, or random ones."""
        if present is None:
            # Drawn in the dtype, as implicit does.
            drawn: np.ndarray = generator.random((n, self.factors), dtype=self.dtype.type)
            drawn *= INIT_SCALE
            return drawn
        if present.shape != (n, self.factors):
            raise ValueError(
                f"the data has {n} {side}s, and factors={self.factors}, but {side}_factors has "
                f"shape {present.shape}: set model.user_factors = model.item_factors = None to "
                "train from new ones"
            )
        return np.array(present, dtype=self.dtype, order="C")

    def _fixed(self, factors: np.ndarray | None) -> np.ndarray:
        """Return the factors of the other side as the kernels need them."""
        if factors is None:
            raise NotFittedError("this model is not fitted yet: call fit(user_items) first")
        return np.ascontiguousarray(factors, dtype=self.dtype)

    def _recalculated(self, ids: Any, rows: Any, fixed: np.ndarray | None, name: str) -> np.ndarray:
        params, fixed = self._parameters("exact"), self._fixed(fixed)
        n = 1 if np.ndim(ids) == 0 else len(ids)
        matrix = as_confidences(rows, name, len(fixed), n)
        check_weights(matrix, params)
        side = Side.of(matrix, params.objective, params.regularization[0], params.dtype)
        out = np.zeros((n, fixed.shape[1]), dtype=params.dtype)
        _solve(side, fixed, out, params)
        return out[0] if np.ndim(ids) == 0 else out


def calculate_loss(
    Cui: Any, X: np.ndarray, Y: np.ndarray, regularization: float, num_threads: int = 0
) -> float:
    """Return the loss of factors X and Y, divided by the sum of the confidences of all pairs.

    Parameters
    ----------
    Cui : sparse matrix (n_users, n_items) of confidences
    X, Y : ndarray (n_users, k), (n_items, k)
    regularization : float ≥ 0
    num_threads : int ≥ 0, default 0

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> likes = sparse.csr_matrix([[1.0, 0.0]])
    >>> calculate_loss(likes, np.array([[1.0]]), np.array([[0.0], [1.0]]), regularization=1.0)
    2.0
    """
    matrix = as_confidences(Cui, "Cui", len(Y), len(X))
    model = WRMF(
        factors=X.shape[1],
        regularization=regularization,
        alpha=1.0,
        unobserved_weight=1.0,
        regularization_exponent=0.0,
        objective="wrmf",
        confidence="raw",
        num_threads=num_threads,
    )
    return _mean_loss(matrix, X, Y, validate_parameters(model.get_params()))


def _mean_loss(
    matrix: sparse.csr_matrix, x: np.ndarray, y: np.ndarray, params: Parameters
) -> float:
    objective, threads = params.objective, params.sweep.num_threads
    loss = objective.loss(matrix, x, y, params.regularization, threads)
    # The sum of all confidences: w + 1 on stored pairs, 1 elsewhere.
    total = objective.weights(matrix.data, np.float64).sum() + float(len(x)) * len(y)
    return float(loss / total)


def _solve(side: Side, fixed: np.ndarray, out: np.ndarray, params: Parameters) -> None:
    try:
        half_sweep(side, fixed, out, **asdict(params.sweep))
    except np.linalg.LinAlgError as error:
        raise ValueError(
            f"the factors left the range of {fixed.dtype}: scale the confidences down, lower "
            "alpha, or pass dtype=np.float64"
        ) from error


def _with_rows(factors: np.ndarray | None, ids: Any, rows: np.ndarray, name: str) -> np.ndarray:
    """Return factors with some rows replaced; rows up to the largest id are added as zeros."""
    places = np.asarray(ids)
    if factors is None:
        raise NotFittedError("this model is not fitted yet: call fit(user_items) first")
    if places.ndim != 1 or places.dtype.kind not in "iu":
        raise TypeError(f"{name} must be a sequence of whole numbers, got {shown(ids)}")
    if len(places) and places.min() < 0:
        raise IndexError(f"{name} must be at least 0, got {places.min()}")
    n = max(len(factors), int(places.max(initial=-1)) + 1)
    out = np.zeros((n, factors.shape[1]), dtype=factors.dtype)
    out[: len(factors)] = factors
    out[places] = rows
    return out

"""Fitted models of implicit as models of this library."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from wrmf.data.checks import as_csr
from wrmf.data.interactions import Interactions
from wrmf.model.state import Factors
from wrmf.model.wrmf import WRMF

__all__ = ["from_implicit"]


def from_implicit(
    model: Any,
    user_items: Any = None,
    users: Any = None,
    items: Any = None,
    item_names: Any = None,
) -> WRMF:
    """Return a fitted ALS model of implicit as a :class:`wrmf.WRMF`, ready to be used.

    The factors are copied, so lists and neighbours are those of the model. The parameters are those
    of ``WRMF(confidence="raw")``, so ``fold_in_users`` equals implicit's ``recalculate_user``, and
    ``partial_fit`` continues training.

    Parameters
    ----------
    model : implicit's AlternatingLeastSquares of any version, or that of ``wrmf.compat.implicit``
        On the CPU or a GPU.
    user_items : sparse matrix (n_users, n_items), optional
        What the model was fitted to. Models do not keep it, and without it ``recommend`` cannot
        leave out what users have seen, nor ``explain`` explain. Before version 0.5, models were
        fitted to the transpose, which is accepted for models of these versions.
    users, items : sequences of ids, optional
        By default 0, 1, 2, …
    item_names : sequence of names, optional

    Raises
    ------
    TypeError
        If the model is of another kind, such as BPR, whose factors mean something else.
    ValueError
        If it is not fitted, or the shapes differ.

    Examples
    --------
    >>> import numpy as np, wrmf
    >>> from scipy import sparse
    >>> likes = sparse.csr_matrix(np.indices((6, 6)).sum(axis=0) % 2)
    >>> model = wrmf.compat.implicit.als.AlternatingLeastSquares(factors=2, random_state=0)
    >>> model.fit(likes, show_progress=False)
    >>> wrmf.from_implicit(model, likes).recommend(0, n=2, exclude_seen=False).ids.shape
    (1, 2)
    """
    # Models of BPR and logistic factorisation have a regularization, too, but a learning rate.
    is_als = hasattr(model, "user_factors") and hasattr(model, "regularization")
    if not is_als or hasattr(model, "learning_rate"):
        raise TypeError(
            f"from_implicit takes a model of alternating least squares, got {type(model).__name__}"
        )
    if model.user_factors is None or model.item_factors is None:
        raise ValueError("the model is not fitted: call its fit first")
    x, y = _as_array(model.user_factors), _as_array(model.item_factors)
    shape = len(x), len(y)
    matrix = _as_users_items(user_items, shape, is_old=not hasattr(model, "alpha"))
    data = Interactions.from_matrix(_any_matrix(shape), users=users, items=items)
    names = None if item_names is None else np.asarray(item_names, dtype=object)
    factors = Factors(
        x,
        y,
        data.users,
        data.items,
        matrix,
        iterations_done=int(getattr(model, "iterations", 0)),
        item_names=names,
        numbered=users is None and items is None,
    )
    return WRMF.from_factors(
        factors,
        regularization=float(model.regularization),
        # The weights of old models are the values as they are.
        alpha=float(getattr(model, "alpha", 1.0)),
        iterations=max(1, int(getattr(model, "iterations", 1))),
        objective="wrmf",
        confidence="raw",
    )


def _as_array(factors: Any) -> np.ndarray:
    """Return a copy of factors, which may be on a GPU, in a dtype that the kernels have."""
    array = factors.to_numpy() if hasattr(factors, "to_numpy") else factors
    dtype = np.float64 if np.asarray(array).dtype == np.float64 else np.float32
    return np.array(array, dtype=dtype, order="C")


def _as_users_items(matrix: Any, shape: tuple[int, int], is_old: bool) -> sparse.csr_matrix:
    """Return the training data as users × items, or an empty matrix if there is none."""
    if matrix is None:
        return sparse.csr_matrix(shape, dtype=np.float32)
    if is_old and matrix.shape == shape[::-1]:
        # Square matrices of old models, too, are items × users.
        return as_csr(matrix.T, "user_items", negative="dislike")
    if matrix.shape != shape:
        raise ValueError(
            f"user_items has shape {matrix.shape}, the model has {shape[0]} users and {shape[1]} "
            "items: pass the users × items matrix that it was fitted to"
        )
    return as_csr(matrix, "user_items", negative="dislike")


def _any_matrix(shape: tuple[int, int]) -> sparse.csr_matrix:
    """Return a matrix with one entry, to have ids checked by ``Interactions``."""
    return sparse.csr_matrix(([1.0], ([0], [0])), shape=shape)

"""Writes a fitted model to a file, for itself or for other programs, and restores it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from wrmf.data.checks import as_generator, as_positive_int
from wrmf.data.choices import as_choice
from wrmf.export.export import KINDS, Export, Sample, Vectors, write_arrays, write_index
from wrmf.model.defaults import resolve
from wrmf.model.fold_in import FoldIn
from wrmf.model.item_term import with_item_weights
from wrmf.model.parameters import PLACEHOLDERS, is_auto
from wrmf.model.persistence import SaveOptions, decode, encode, write_model
from wrmf.model.saved_ids import ids_to_json
from wrmf.model.state import Factors
from wrmf.numerics.ranking import top_n

__all__ = ["Saving"]

Model = TypeVar("Model", bound="Saving")


class Saving(FoldIn):
    """A model that can be written to a file."""

    factors: int
    dtype: Any
    iterations: int
    random_state: Any
    item_weight: float

    @classmethod
    def of_state(cls: type[Model], factors: Factors, params: Mapping[str, Any]) -> Model:
        """Return a fitted model as ``from_factors`` does, but let factors be NaN or infinite."""
        given = {**(factors.params or {}), **params}
        n_models = as_positive_int(given.get("n_models", 1), "n_models")
        of_arrays = {"factors": factors.k // n_models, "dtype": factors.dtype.name}
        model = cls(**{**(factors.params or {}), **of_arrays, **params})
        wanted = model.factors * n_models, np.dtype(model.dtype)
        if (factors.k, factors.dtype) != wanted:
            raise ValueError(
                f"the state has {factors.k} factors of {factors.dtype}, but the parameters ask for "
                f"{wanted[0]} of {wanted[1]}"
            )
        params = model.frozen_params()
        known = {
            name: value
            for name, value in factors.automatic.items()
            if is_auto(name, params.get(name)) and not is_auto(name, value)
        }
        if any(is_auto(name, params[name]) and name not in known for name in PLACEHOLDERS):
            remedy = "pass a number for each parameter that is 'auto'"
            known |= resolve({**params, **known}, factors.train_pairs(remedy))
        model.state = replace(factors, params=params, automatic=known)
        if model.item_weight:
            model.state = with_item_weights(model.state, model.fitted_params(), factors)
        return model

    @classmethod
    def restore(cls: type[Model], changed: Mapping[str, Any], factors: Factors) -> Model:
        """Return the model of a file.

        Parameters
        ----------
        changed : mapping of parameter name to value
            The parameters that differ from ``factors.params``.
        factors : Factors

        Raises
        ------
        TypeError, ValueError
            For parameters with which a model could not be fitted.
        """
        model = cls.of_state(factors, {})
        model._check_saved()
        model.fitted_params()
        model.set_params(**changed)._check_saved()
        return model

    def _check_saved(self) -> None:
        """Raise a TypeError or ValueError for parameters with which a model cannot be fitted."""
        self.check_params()
        as_positive_int(self.iterations, "iterations")
        as_generator(self.random_state)

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        train: bool | str = True,
        dtype: Any = None,
        codes: bool = True,
        note: str = "",
    ) -> None:
        """Write the fitted model to one file of plain arrays, completely or not at all.

        The file holds all that :func:`wrmf.load` needs to continue: parameters, ids, names,
        factors and the training data. A ``random_state`` that is a generator is saved as None.
        Its layout is that of safetensors; see docs/saving.md.

        Parameters
        ----------
        path : str or path
        train : {True, False, "seen"}, default True
            Whether to save the training data. With "seen", only its pairs are saved, which is all
            that ``recommend`` needs; ``explain`` and ``update`` need the counts, too. Without
            training data, ``recommend`` needs ``exclude_seen=False``.
        dtype : {None, "float16"}, default None
            "float16" halves the file of float32 factors. They are rounded to about three decimal
            digits, and are converted back when the file is loaded.
        codes : bool, default True
            Whether to save what requests of single users scan, about a quarter of float32 item
            factors and 24 bytes an item. Without it, and with "float16", each process computes it
            at the first request or in ``prepare``.
        note : str, default ""
            A text that is kept in the file's metadata, such as where the model comes from. The
            command line writes its own command there.

        Raises
        ------
        TypeError, ValueError
            For a model that is not fitted, factors or parameters that :func:`wrmf.load` would
            refuse, such as NaN, and factors beyond the range of float16. An older file then stays
            as it was.
        FileNotFoundError, IsADirectoryError, OSError
            If the file cannot be written.

        Examples
        --------
        >>> import tempfile, numpy as np, wrmf
        >>> model = wrmf.WRMF(factors=2, random_state=0).fit(np.eye(3))
        >>> model.save(tempfile.mkdtemp() + "/model.wrmf")
        """
        content = encode(self.get_params(), self.state, SaveOptions(train, dtype, codes, note))
        try:
            self.restore(*decode(content, lazy=True, verify=True))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"the model cannot be saved, as no load would accept it: {error}"
            ) from error
        write_model(path, content)

    def export(
        self, kind: str, path: str | os.PathLike[str], *, n_users: int = 1000, **options: Any
    ) -> Export:
        """Write the item vectors for other programs.

        Parameters
        ----------
        kind : {"faiss", "usearch", "hnswlib", "npz"}
            An index of one of these libraries, which finds the items with the highest inner
            products with a user's factors approximately; or the factors and ids of both sides as
            plain arrays.
        path : str or path
            Labels in an index are positions. The ids by position are a JSON list, in the file of
            this path with ``.ids`` at its end; "npz" holds them itself.
        n_users : int ≥ 1, default 1000
            Users, drawn at random, for whom the 10 best items of the index are compared with the
            exact ones.
        **options
            Of the index: ``build`` and ``search``, the numbers of candidates (200), and for faiss
            ``factory`` ("HNSW32"), for usearch and hnswlib ``neighbours`` (32).

        Returns
        -------
        Export
            The files and the recall.

        Raises
        ------
        ImportError
            If the library is not installed: ``pip install "wrmf[faiss]"``, for example.
        TypeError, ValueError
            For an unknown kind or option.
        FileNotFoundError, IsADirectoryError, OSError
            If a file cannot be written.

        Warns
        -----
        UserWarning
            If the model has an item term, which vectors cannot hold: lists of the other program
            are then those of the factors alone.

        Notes
        -----
        Indexes hold float32 vectors. Seen items are not left out, so ask an index for more items
        than are shown. See docs/saving.md.

        Examples
        --------
        >>> import tempfile, numpy as np, wrmf
        >>> model = wrmf.WRMF(factors=2, random_state=0).fit(np.eye(3))
        >>> model.export("npz", tempfile.mkdtemp() + "/model.npz")
        npz: 3 items × 2 factors in ...model.npz
        """
        state, n_users = self.state, as_positive_int(n_users, "n_users")
        as_choice(kind, "kind", KINDS)
        state.check_finite()
        if state.item_scale > 0:
            warnings.warn(
                "the item term of the model (item_weight) is left out: other programs rank by the "
                "factors alone, as the model does after reweigh_items(item_weight=0)",
                stacklevel=2,
            )
        items = Vectors(state.item_factors, ids_to_json(state.items.tolist(), "item"))
        if kind == "npz":
            if options:
                raise TypeError(f"npz has no options, got {', '.join(options)}")
            users = Vectors(state.user_factors, ids_to_json(state.users.tolist(), "user"))
            return write_arrays(path, users, items)
        return write_index(kind, path, items, self._sample(n_users), **options)

    def _sample(self, n_users: int, n: int = 10) -> Sample:
        """Return random users of whom something is known, and the exact n best items of each."""
        state = self.state
        known = np.flatnonzero(state.user_factors.any(axis=1))
        drawn = as_generator(0).permutation(known)[:n_users]
        queries = state.user_factors[drawn]
        rows, _, _ = top_n(queries, state.item_factors, n, num_threads=self.num_threads)
        return Sample(queries, rows)

"""Writes a fitted model to a file, and makes a model of what a file holds."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from wrmf.data.checks import as_generator, as_positive_int
from wrmf.model.fold_in import FoldIn
from wrmf.model.persistence import SaveOptions, decode, encode, write_model
from wrmf.model.state import Factors

__all__ = ["Saving"]

Model = TypeVar("Model", bound="Saving")


class Saving(FoldIn):
    """A model that can be written to a file."""

    factors: int
    dtype: Any
    iterations: int
    random_state: Any

    @classmethod
    def of_state(cls: type[Model], factors: Factors, params: Mapping[str, Any]) -> Model:
        """Return a fitted model as ``from_factors`` does, but let factors be NaN or infinite."""
        of_arrays = {"factors": factors.k, "dtype": factors.dtype.name}
        model = cls(**{**(factors.params or {}), **of_arrays, **params})
        if (factors.k, factors.dtype) != (model.factors, np.dtype(model.dtype)):
            raise ValueError(
                f"the state has {factors.k} factors of {factors.dtype}, but the parameters ask for "
                f"{model.factors} of {np.dtype(model.dtype)}"
            )
        model.state = replace(factors, params=model.frozen_params())
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
        model.set_params(**changed)._check_saved()
        return model

    def _check_saved(self) -> None:
        """Raise a TypeError or ValueError for parameters with which a model cannot be fitted."""
        self.check_params()
        as_positive_int(self.iterations, "iterations")
        as_generator(self.random_state)

    def save(
        self, path: str | os.PathLike[str], *, train: bool | str = True, dtype: Any = None
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
            that ``recommend`` needs; ``explain`` needs the counts, too. Without training data,
            ``recommend`` needs ``exclude_seen=False``.
        dtype : {None, "float16"}, default None
            "float16" halves the file of float32 factors. They are rounded to about three decimal
            digits, and are converted back when the file is loaded.

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
        content = encode(self.get_params(), self.state, SaveOptions(train, dtype))
        try:
            self.restore(*decode(content, lazy=True, verify=True))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"the model cannot be saved, as no load would accept it: {error}"
            ) from error
        write_model(path, content)

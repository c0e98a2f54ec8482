"""What a model file consists of, and how it is written, read and mapped.

A file holds arrays and texts in the layout of safetensors (:mod:`wrmf.model.tensors`): factors,
ids, names and the training matrix as arrays; parameters as JSON in the text ``model``. Nothing in
it is executed. Files of format versions 1 and 2 are read by :mod:`wrmf.model.zip_files`.
"""

from __future__ import annotations

import json
import os
import stat
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from wrmf.data.choices import shown
from wrmf.files import replacing
from wrmf.model.saved_codes import LAYOUT, codes_from_arrays, codes_to_arrays
from wrmf.model.saved_features import (
    features_from_file,
    features_to_arrays,
    features_to_json,
)
from wrmf.model.saved_ids import ids_from_arrays, ids_to_arrays, names_from_arrays, names_to_arrays
from wrmf.model.saved_item_weights import (
    item_weights_from_file,
    item_weights_to_arrays,
    item_weights_to_json,
    set_spread,
)
from wrmf.model.saved_parts import (
    as_canonical,
    check_values,
    matrix_from_arrays,
    params_from_json,
    params_to_json,
)
from wrmf.model.saved_values import values_from_file, values_to_file
from wrmf.model.state import DTYPES, Factors
from wrmf.model.tensors import Tensors, read_tensors, read_texts, write_tensors
from wrmf.model.zip_files import MAGIC, read_zip

__all__ = [
    "SaveOptions",
    "decode",
    "encode",
    "explain_failures",
    "read_model",
    "read_note",
    "write_model",
]

FORMAT = "wrmf-model"
VERSION = 3
TRAIN = (True, False, "seen")
HALF = "float16"


@dataclass(frozen=True)
class SaveOptions:
    """How much of a model is saved, and in which precision.

    Attributes
    ----------
    train : {True, False, "seen"}
        Whether to save the training matrix; "seen" saves only its pairs, without counts.
    dtype : {"float16"} or None
        The precision of factors in the file; by default that of the model.
    codes : bool
        Whether to save the rounded factors of items that requests scan. They are those of the
        model's factors, so a file of float16 factors has none.
    note : str
        A text that is kept beside the model, and means nothing to it.
    """

    train: bool | str = True
    dtype: Any = None
    codes: bool = True
    note: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.train, (bool, str)) or self.train not in TRAIN:
            raise ValueError(f"train must be one of {TRAIN}, got {shown(self.train)}")
        is_half = self.dtype is np.float16 or (
            isinstance(self.dtype, (str, np.dtype)) and self.dtype in (HALF, np.float16)
        )
        if not (self.dtype is None or is_half):
            raise ValueError(f"dtype must be None or {HALF!r}, got {shown(self.dtype)}")
        if not isinstance(self.codes, bool):
            raise TypeError(f"codes must be True or False, got {shown(self.codes)}")
        if not isinstance(self.note, str):
            raise TypeError(f"note must be a text, got {shown(self.note)}")

    def stored(self, factors: np.ndarray, side: str) -> np.ndarray:
        """Return factors in the precision of the file."""
        if self.dtype is None:
            return factors
        with np.errstate(over="ignore"):
            half: np.ndarray = factors.astype(np.float16)
        if not np.isfinite(half).all():
            largest = np.abs(factors).max()
            raise ValueError(
                f"{side} factors reach {largest:g}, and float16 holds at most 65504: save with "
                "dtype=None"
            )
        return half


def encode(params: Mapping[str, Any], factors: Factors, options: SaveOptions) -> Tensors:
    """Return the content of a model file.

    Parameters
    ----------
    params : mapping of parameter name to value
        The present parameters; ``factors.params`` are those that the model was fitted with.
    factors : Factors
    options : SaveOptions

    Raises
    ------
    TypeError
        For ids of a type that is not in :mod:`wrmf.model.saved_ids`, or a parameter that JSON
        cannot hold.
    ValueError
        For factors beyond the range of float16, if this is asked for.
    """
    present = params_to_json(params)
    fitted = present if factors.params is None else params_to_json(factors.params)
    # Compared as JSON, since True equals 1, and is no valid number.
    changed = {
        name: value
        for name, value in present.items()
        if json.dumps(value) != json.dumps(fitted.get(name, value))
    }
    value_arrays, value_scale = values_to_file(params, factors, options.train)
    header = {
        "params": fitted,
        "automatic": dict(factors.automatic),
        "changed_params": changed,
        "iterations_done": int(factors.iterations_done),
        "numbered": bool(factors.numbered),
        "dtype": factors.dtype.name,
        **item_weights_to_json(factors),
        **features_to_json(factors),
        **({} if value_scale is None else {"value_scale": value_scale}),
    }
    codes = codes_to_arrays(factors) if options.codes and options.dtype is None else {}
    if codes:
        header["codes"] = LAYOUT
    arrays = {
        "item_factors": options.stored(factors.item_factors, "item"),
        "user_factors": options.stored(factors.user_factors, "user"),
        **ids_to_arrays("users", factors.users),
        **ids_to_arrays("items", factors.items),
        **names_to_arrays("item_names", factors.item_names),
        **_train_arrays(factors, options.train),
        **item_weights_to_arrays(factors.item_weights),
        **features_to_arrays(factors, options.train, options.stored),
        **codes,
        **value_arrays,
    }
    texts = {"format": FORMAT, "version": str(VERSION), "model": json.dumps(header)}
    if options.note:
        # Lone surrogates, as in names of files that are no UTF-8, could not be written.
        texts["note"] = options.note.encode("utf-8", "replace").decode()
    return Tensors(arrays, texts)


def decode(content: Tensors, *, lazy: bool, verify: bool) -> tuple[dict[str, Any], Factors]:
    """Return the parameters that differ from ``factors.params``, and the factors.

    Parameters
    ----------
    content : Tensors
    lazy : bool
        Whether texts are decoded only when they are read.
    verify : bool
        Whether to check everything, including all that cannot make a kernel read or write beyond
        an array: texts, distinct ids, finite factors and counts.

    Raises
    ------
    ValueError, TypeError, KeyError
        For content that :func:`encode` does not write.
    """
    header, arrays = _header(content.metadata), content.arrays
    dtype = np.dtype(header["dtype"])
    if dtype not in DTYPES:
        raise ValueError(f"its factors are of the unknown dtype {header['dtype']!r:.40}")
    users = ids_from_arrays("users", arrays, lazy=lazy, verify=verify)
    items = ids_from_arrays("items", arrays, lazy=lazy, verify=verify)
    params, shape = params_from_json(header["params"]), (len(users), len(items))
    automatic = params_from_json(header.get("automatic", {}))
    factors = Factors(
        user_factors=_as_precise(arrays["user_factors"], dtype),
        item_factors=_as_precise(arrays["item_factors"], dtype),
        users=users,
        items=items,
        train_matrix=_train_matrix(arrays, shape, verify),
        iterations_done=header["iterations_done"],
        item_names=names_from_arrays("item_names", arrays, lazy=lazy, verify=verify),
        params=params,
        automatic=automatic,
        numbered=header["numbered"],
        item_weights=item_weights_from_file(header, arrays, len(items), verify=verify),
        saved_values=values_from_file(
            {**params, **automatic}, header.get("value_scale"), arrays, shape
        ),
        features=features_from_file(
            header, arrays, shape, lambda array: _as_precise(array, dtype), verify=verify
        ),
    )
    _check_fields(factors)
    set_spread(factors, header)
    if verify:
        factors.check_finite()
    if header.get("codes") == LAYOUT:
        codes_from_arrays(factors, arrays, verify=verify)
    return params_from_json(header["changed_params"]), factors


def write_model(path: str | os.PathLike[str], content: Tensors) -> None:
    """Write the content of a model to a file, which replaces an older one in one step.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, OSError
        If the file cannot be written; see :func:`wrmf.files.replacing`.
    """
    with replacing(path) as file:
        write_tensors(file, content)


def read_model(
    path: str | os.PathLike[str], *, mapped: bool = False, verify: bool = True
) -> tuple[dict[str, Any], Factors]:
    """Return the parameters and factors that :func:`write_model` wrote.

    Parameters
    ----------
    path : str or path
    mapped : bool, default False
        Whether arrays are read-only views of the file.
    verify : bool, default True
        Whether to compare checksums and check all values. Everything that could make a kernel read
        or write beyond an array is checked in any case.

    Returns
    -------
    changed_params : dict
        The parameters that differ from ``factors.params``.
    factors : Factors

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        If there is no such file, or it cannot be opened.
    ValueError
        For a file that is truncated, damaged, not a model, or of a later format version.
    """
    with _opened(path) as file, explain_failures(path):
        is_zip = file.read(len(MAGIC)) == MAGIC
        file.seek(0)
        if not is_zip:
            content = read_tensors(file, mapped=mapped, verify=verify)
            return decode(content, lazy=mapped, verify=verify)
        changed, factors = read_zip(file, FORMAT)
        _check_fields(factors)
        factors.check_finite()
    if mapped:
        warnings.warn(
            f"{path} is of a format that cannot be mapped, so it was read into memory: save the "
            "model again to write the present format",
            stacklevel=3,
        )
    return changed, factors


def read_note(path: str | os.PathLike[str]) -> str:
    """Return the note of a model file, "" if it has none; arrays are not read.

    Errors are those of :func:`read_model`.
    """
    with _opened(path) as file, explain_failures(path):
        is_zip = file.read(len(MAGIC)) == MAGIC
        file.seek(0)
        return "" if is_zip else read_texts(file).get("note", "")


@contextmanager
def explain_failures(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn errors from within the block into a ``ValueError`` that names the file."""
    try:
        yield
    except MemoryError:
        # Nothing larger than the file is allocated: the file is too large for this machine.
        raise
    except Exception as error:
        # What a damaged file raises in zipfile, json or NumPy is of many types, struct.error and
        # RecursionError among them.
        reason = str(error) or type(error).__name__
        raise ValueError(f"{path} is not a readable wrmf model file: {reason}") from error


@contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a model file; what is not a file is refused, as a pipe would wait for ever."""
    source = Path(path)
    if not source.exists():
        raise FileNotFoundError(f"no such model file: {source}")
    if source.is_dir():
        raise IsADirectoryError(f"{source} is a folder: name a file in it")
    if not stat.S_ISREG(source.stat().st_mode):
        raise ValueError(f"{source} is not a readable wrmf model file: it is no regular file")
    with source.open("rb") as file:
        yield file


def _header(metadata: Mapping[str, str]) -> dict[str, Any]:
    """Return the text ``model`` as an object, after checking format and version."""
    if metadata.get("format") != FORMAT:
        raise ValueError("it does not name the format")
    version = metadata["version"]
    if version != str(VERSION):
        raise ValueError(
            f"its format version is {version!r:.20}, this wrmf reads up to {VERSION}: update wrmf"
        )
    header = json.loads(metadata["model"])
    if not isinstance(header, dict):
        raise ValueError("its description of the model is not an object")
    return header


def _check_fields(factors: Factors) -> None:
    """Raise a ValueError for fields of other types, which would fail only later."""
    done, numbered = factors.iterations_done, factors.numbered
    if type(done) is not int or done < 0 or type(numbered) is not bool:
        raise ValueError(
            f"it has the fields iterations_done={done!r:.40}, numbered={numbered!r:.40}"
        )


def _as_precise(factors: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Return factors of a file in the dtype of the model."""
    if factors.dtype not in (dtype, np.float16):
        raise ValueError(f"its factors are {factors.dtype}, not {dtype}")
    return factors.astype(dtype, copy=False)


def _train_arrays(factors: Factors, train: bool | str) -> dict[str, np.ndarray]:
    if not train or factors.train_matrix is None:
        return {}
    matrix = as_canonical(factors.train_matrix)
    arrays = {"train.indptr": matrix.indptr, "train.indices": matrix.indices}
    if train != "seen" and matrix.dtype != bool:
        arrays["train.data"] = matrix.data
    return arrays


def _train_matrix(arrays: Mapping[str, np.ndarray], shape: tuple[int, int], verify: bool) -> Any:
    """Return the training matrix of a file: of counts, of bools, or None."""
    if "train.indptr" not in arrays:
        return None
    data = arrays.get("train.data")
    matrix = matrix_from_arrays(data, arrays["train.indices"], arrays["train.indptr"], shape)
    if verify and data is not None:
        check_values(matrix)
    return matrix

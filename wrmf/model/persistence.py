"""A fitted model in one file: a zip of plain NumPy arrays and JSON, without pickle.

``model.json`` holds the name and version of the format, the parameters that the model was fitted
with, the parameters changed since, and the ids and names that are not plain arrays. Each array is a
member ``<name>.npy``. The checksums of the zip format detect damage.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from wrmf.data.checks import as_csr
from wrmf.data.interactions import object_array
from wrmf.files import replacing
from wrmf.model.parameters import dtype_name
from wrmf.model.saved_ids import has_types, ids_from_json, ids_to_json
from wrmf.model.state import Factors

__all__ = ["explain_failures", "read_model", "write_model"]

FORMAT = "wrmf-model"
# Version 2 stores ids of types that JSON does not have, each with the name of its type. A model
# without such ids is written as version 1.
VERSION = 2


def write_model(path: str | os.PathLike[str], params: Mapping[str, Any], factors: Factors) -> None:
    """Write parameters and factors to one file, which replaces an older one in one step.

    A ``random_state`` that is a generator is saved as None: its stream cannot be continued.

    Parameters
    ----------
    path : str or path
    params : mapping of parameter name to value
        The present parameters; ``factors.params`` are those that the model was fitted with.
    factors : Factors

    Raises
    ------
    TypeError
        For ids of a type that is not in :mod:`wrmf.model.saved_ids`, or a parameter that JSON
        cannot hold.
    FileNotFoundError, IsADirectoryError, OSError
        If the file cannot be written; see :func:`wrmf.files.replacing`.
    """
    header, arrays = _encode(params, factors)
    text = json.dumps(header)
    with replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("model.json", text)
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                contiguous = np.ascontiguousarray(array)
                np.lib.format.write_array(member, contiguous, allow_pickle=False)


def read_model(path: str | os.PathLike[str]) -> tuple[dict[str, Any], Factors]:
    """Return the parameters and factors that :func:`write_model` wrote.

    Only those parameters are returned that differ from ``factors.params``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        For a file that is truncated, damaged, not a model, or of a later format version.
    """
    source = Path(path)
    if not source.exists():
        raise FileNotFoundError(f"no such model file: {source}")
    with explain_failures(source), zipfile.ZipFile(source) as archive:
        header = _read_header(archive)
        arrays = {
            name.removesuffix(".npy"): _read_array(archive, name)
            for name in archive.namelist()
            if name.endswith(".npy")
        }
        return _decode(header, arrays)


@contextmanager
def explain_failures(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn errors from within the block into a ``ValueError`` that names the file."""
    try:
        yield
    except (zipfile.BadZipFile, KeyError, TypeError, EOFError, OSError, ValueError) as error:
        raise ValueError(f"{path} is not a readable wrmf model file: {error}") from error


def _read_header(archive: zipfile.ZipFile) -> dict[str, Any]:
    header = json.loads(archive.read("model.json"))
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ValueError("it does not name the format")
    if header["version"] > VERSION:
        raise ValueError(
            f"its format version is {header['version']}, this wrmf reads up to {VERSION}: "
            "update wrmf"
        )
    return header


def _read_array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    with archive.open(name) as member:
        array: np.ndarray = np.lib.format.read_array(member, allow_pickle=False)
        # zipfile compares the checksum only once a member is read to its end.
        member.read()
    return array


def _encode(
    params: Mapping[str, Any], factors: Factors
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the content of ``model.json``, and the arrays by name."""
    present = _params_to_json(params)
    fitted = present if factors.params is None else _params_to_json(factors.params)
    changed = {name: value for name, value in present.items() if value != fitted.get(name, value)}
    matrix = factors.train_counts()
    ids = {"users": factors.users, "items": factors.items}
    listed = {
        axis: ids_to_json(array, axis[:-1]) if array.dtype == object else None
        for axis, array in ids.items()
    }
    typed = any(has_types(value) for values in listed.values() for value in values or ())
    header = {
        "format": FORMAT,
        "version": VERSION if typed else 1,
        "params": fitted,
        "iterations_done": factors.iterations_done,
        "shape": list(matrix.shape),
        **listed,
    }
    # These fields were added later. They are written only if needed.
    if changed:
        header["changed_params"] = changed
    if factors.item_names is not None:
        header["item_names"] = [str(name) for name in factors.item_names]
    if factors.numbered:
        header["numbered"] = True
    arrays = {
        "user_factors": factors.user_factors,
        "item_factors": factors.item_factors,
        "train_data": matrix.data,
        "train_indices": matrix.indices,
        "train_indptr": matrix.indptr,
        **{axis: array for axis, array in ids.items() if listed[axis] is None},
    }
    return header, arrays


def _decode(
    header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> tuple[dict[str, Any], Factors]:
    names = header.get("item_names")
    compressed = arrays["train_data"], arrays["train_indices"], arrays["train_indptr"]
    ids = {
        axis: arrays[axis] if header[axis] is None else ids_from_json(header[axis])
        for axis in ("users", "items")
    }
    factors = Factors(
        users=ids["users"],
        items=ids["items"],
        user_factors=arrays["user_factors"],
        item_factors=arrays["item_factors"],
        train_matrix=as_csr(sparse.csr_matrix(compressed, shape=tuple(header["shape"]))),
        iterations_done=int(header["iterations_done"]),
        item_names=None if names is None else object_array(names),
        params=_params_from_json(header["params"]),
        numbered=bool(header.get("numbered", False)),
    )
    return _params_from_json(header.get("changed_params", {})), factors


def _params_to_json(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as JSON values."""
    seed = params["random_state"]
    plain = {
        **params,
        "random_state": seed if isinstance(seed, (int, np.integer)) else None,
        "dtype": dtype_name(params["dtype"]),
    }
    text = json.dumps(plain, default=_as_plain_number)
    decoded: dict[str, Any] = json.loads(text)
    return decoded


def _params_from_json(params: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in params.items()
    }


def _as_plain_number(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"cannot save a parameter of type {type(value).__name__}: {value!r}")

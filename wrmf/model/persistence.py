"""A fitted model in one file: a zip of plain NumPy arrays and JSON, without pickle.

``model.json`` holds the name and version of the format, the parameters, and ids that are not
integers. Each array is a member ``<name>.npy``. The checksums of the zip format detect damage.
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
from wrmf.model.state import Factors

__all__ = ["explain_failures", "read_model", "write_model"]

FORMAT = "wrmf-model"
VERSION = 1
ID_TYPES = (str, bool, int, float)


def write_model(path: str | os.PathLike[str], params: Mapping[str, Any], factors: Factors) -> None:
    """Write parameters and factors to one file, which replaces an older one in one step.

    A ``random_state`` that is a generator is saved as None: its stream cannot be continued.

    Parameters
    ----------
    path : str or path
    params : mapping of parameter name to value
    factors : Factors

    Raises
    ------
    TypeError
        For ids that are not strings, numbers or tuples of them, or a parameter that JSON cannot
        hold.
    FileNotFoundError, IsADirectoryError, OSError
        If the file cannot be written; see :func:`wrmf.files.replacing`.
    """
    header, arrays = _encode(params, factors)
    text = json.dumps(header, default=_as_plain_number)
    with replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("model.json", text)
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                contiguous = np.ascontiguousarray(array)
                np.lib.format.write_array(member, contiguous, allow_pickle=False)


def read_model(path: str | os.PathLike[str]) -> tuple[dict[str, Any], Factors]:
    """Return the parameters and factors that :func:`write_model` wrote.

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
    seed = params["random_state"]
    matrix = factors.train_matrix
    ids = {"users": factors.users, "items": factors.items}
    header = {
        "format": FORMAT,
        "version": VERSION,
        "params": {
            **params,
            "random_state": seed if isinstance(seed, (int, np.integer)) else None,
            "dtype": np.dtype(params["dtype"]).name,
        },
        "iterations_done": factors.iterations_done,
        "shape": list(matrix.shape),
        "users": _ids_to_json(factors.users, "user"),
        "items": _ids_to_json(factors.items, "item"),
    }
    arrays = {
        "user_factors": factors.user_factors,
        "item_factors": factors.item_factors,
        "train_data": matrix.data,
        "train_indices": matrix.indices,
        "train_indptr": matrix.indptr,
        **{axis: array for axis, array in ids.items() if header[axis] is None},
    }
    return header, arrays


def _decode(
    header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> tuple[dict[str, Any], Factors]:
    params = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in header["params"].items()
    }
    compressed = arrays["train_data"], arrays["train_indices"], arrays["train_indptr"]
    ids = {
        axis: arrays[axis] if header[axis] is None else _ids_from_json(header[axis])
        for axis in ("users", "items")
    }
    factors = Factors(
        user_factors=arrays["user_factors"],
        item_factors=arrays["item_factors"],
        train_matrix=as_csr(sparse.csr_matrix(compressed, shape=tuple(header["shape"]))),
        iterations_done=int(header["iterations_done"]),
        **ids,
    )
    return params, factors


def _as_plain_number(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"cannot save a parameter of type {type(value).__name__}: {value!r}")


def _ids_to_json(ids: np.ndarray, name: str) -> list[Any] | None:
    """Return object ids as JSON values, tuples as lists; None for integer ids.

    Integer ids are saved as an array instead.
    """
    return None if ids.dtype != object else [_id_to_json(value, name) for value in ids]


def _id_to_json(value: Any, name: str) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, tuple):
        return [_id_to_json(part, name) for part in value]
    if isinstance(value, ID_TYPES):
        return value
    raise TypeError(
        f"cannot save the {name} id {value!r} of type {type(value).__name__}: "
        "ids must be strings, numbers or tuples of them; convert with str() before fitting"
    )


def _ids_from_json(values: list[Any]) -> np.ndarray:
    return object_array([_id_from_json(value) for value in values])


def _id_from_json(value: Any) -> Any:
    return tuple(_id_from_json(part) for part in value) if isinstance(value, list) else value

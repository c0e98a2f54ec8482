"""A fitted model in one file: a zip of plain NumPy arrays and JSON, without pickle.

``model.json`` names the format and its version; arrays are ``.npy`` members. The zip's checksums
catch damage. A file is written beside its target and moved into place, so that a crash leaves
either the old file or the new one.
"""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from wrmf.data.checks import as_csr
from wrmf.model.wrmf import WRMF

__all__ = ["load", "save"]

FORMAT = "wrmf-model"
VERSION = 1
ID_TYPES = (str, bool, int, float)


def save(model: WRMF, path: str | os.PathLike[str]) -> None:
    """Write a fitted model to one file; what stood there before is replaced at once, or not at all.

    A ``random_state`` that is a generator is saved as None: its stream cannot be continued.

    Raises
    ------
    ValueError, TypeError
        For a model that is not fitted, or ids that are not strings, numbers or tuples of them.
    """
    matrix = model.train_matrix
    params = model.get_params()
    if params["random_state"] is not None and not isinstance(
        params["random_state"], (int, np.integer)
    ):
        params["random_state"] = None
    params["dtype"] = np.dtype(params["dtype"]).name
    header = {
        "format": FORMAT,
        "version": VERSION,
        "params": params,
        "iterations_done": model.iterations_done,
        "shape": list(matrix.shape),
        "users": _ids_to_json(model.users, "user"),
        "items": _ids_to_json(model.items, "item"),
    }
    arrays = {
        "user_factors": model.user_factors,
        "item_factors": model.item_factors,
        "train_data": matrix.data,
        "train_indices": matrix.indices,
        "train_indptr": matrix.indptr,
    }
    for axis in ("users", "items"):
        if header[axis] is None:
            arrays[axis] = getattr(model, axis)

    text = json.dumps(header, default=_plain_number)
    target = Path(path)
    if not target.absolute().parent.is_dir():
        raise FileNotFoundError(f"no such folder: {target.absolute().parent}")
    if target.is_dir():
        raise IsADirectoryError(f"{target} is a folder: name a file in it")
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.absolute().parent)
    try:
        with os.fdopen(handle, "wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                archive.writestr("model.json", text)
                for name, array in arrays.items():
                    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                        np.lib.format.write_array(
                            member, np.ascontiguousarray(array), allow_pickle=False
                        )
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def load(path: str | os.PathLike[str]) -> WRMF:
    """Return the model that :meth:`WRMF.save` wrote to ``path``.

    Raises
    ------
    FileNotFoundError
    ValueError
        For a file that is truncated, damaged, no model, or of a later format version.

    Examples
    --------
    >>> import tempfile, numpy as np, wrmf
    >>> path = tempfile.mkdtemp() + "/model.wrmf"
    >>> wrmf.WRMF(factors=2, random_state=0).fit(np.eye(3)).save(path)
    >>> wrmf.load(path)
    WRMF(factors=2, random_state=0)
    """
    source = Path(path)
    if not source.exists():
        raise FileNotFoundError(f"no such model file: {source}")
    try:
        with zipfile.ZipFile(source) as archive:
            header = json.loads(archive.read("model.json"))
            if not isinstance(header, dict) or header.get("format") != FORMAT:
                raise ValueError("it does not name the format")
            if header["version"] > VERSION:
                raise ValueError(
                    f"its format version is {header['version']}, this wrmf reads up to {VERSION}: "
                    "update wrmf"
                )
            arrays = {}
            for name in archive.namelist():
                if name.endswith(".npy"):
                    with archive.open(name) as member:
                        arrays[name[:-4]] = np.lib.format.read_array(member, allow_pickle=False)
                        # Reading on to the end is what makes zipfile compare the checksum.
                        member.read()
        return _restore(header, arrays)
    except (zipfile.BadZipFile, KeyError, TypeError, EOFError, OSError, ValueError) as error:
        raise ValueError(f"{source} is not a readable wrmf model file: {error}") from error


def _restore(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> WRMF:
    params: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in header["params"].items()
    }
    model = WRMF(**params)
    shape = tuple(header["shape"])
    matrix = as_csr(
        sparse.csr_matrix(
            (arrays["train_data"], arrays["train_indices"], arrays["train_indptr"]), shape=shape
        )
    )
    for side, n_rows in zip(("user", "item"), shape, strict=True):
        factors = arrays[f"{side}_factors"]
        if factors.shape != (n_rows, model.factors) or factors.dtype != np.dtype(model.dtype):
            raise ValueError(f"{side} factors are {factors.dtype} {factors.shape}")
        if not np.isfinite(factors).all():
            raise ValueError(f"{side} factors hold NaN or infinite values")
        ids = header[f"{side}s"]
        ids = arrays[f"{side}s"] if ids is None else _ids_from_json(ids)
        if len(ids) != n_rows:
            raise ValueError(f"there are {len(ids)} {side} ids for {n_rows} rows")
        setattr(model, f"{side}s", ids)
        setattr(model, f"{side}_factors", factors)
    model.train_matrix = matrix
    model.iterations_done = int(header["iterations_done"])
    return model


def _plain_number(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"cannot save a parameter of type {type(value).__name__}: {value!r}")


def _ids_to_json(ids: np.ndarray, name: str) -> list[Any] | None:
    """Ids as JSON; None for integer ids, which are saved as an array. Tuples become lists."""
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
    def restore(value: Any) -> Any:
        return tuple(restore(part) for part in value) if isinstance(value, list) else value

    ids = np.empty(len(values), dtype=object)
    ids[:] = [restore(value) for value in values]
    return ids

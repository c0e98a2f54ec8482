"""Loads a saved model."""

from __future__ import annotations

import os

from wrmf.model.persistence import explain_failures, read_model
from wrmf.model.wrmf import WRMF

__all__ = ["load"]


def load(path: str | os.PathLike[str], mmap: bool = False, verify: bool | None = None) -> WRMF:
    """Return the model that :meth:`WRMF.save` wrote to ``path``.

    Parameters
    ----------
    path : str or path
    mmap : bool, default False
        Whether to map the file into memory instead of reading it. Factors, ids and training data
        are then read by the system when they are used, and processes that map the same file share
        them. Training copies the factors first; the file is never written to. It must not be
        changed in place while it is mapped; :meth:`WRMF.save` replaces it instead.
    verify : bool, optional
        Whether to compare the checksums of all arrays and check all values, for which the whole
        file is read. By default it is done unless the file is mapped. Sizes, shapes, parameters
        and indices are checked in any case.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        If there is no such file, or it cannot be opened.
    ValueError
        For a file that is truncated, damaged, not a model, or of a later format version.

    Warns
    -----
    UserWarning
        If a file of an old format is to be mapped; it is read into memory instead.

    Examples
    --------
    >>> import tempfile, numpy as np, wrmf
    >>> path = tempfile.mkdtemp() + "/model.wrmf"
    >>> wrmf.WRMF(factors=2, random_state=0).fit(np.eye(3)).save(path)
    >>> wrmf.load(path)
    WRMF(factors=2, random_state=0)
    """
    changed, factors = read_model(path, mapped=mmap, verify=not mmap if verify is None else verify)
    with explain_failures(path):
        return WRMF.restore(changed, factors)

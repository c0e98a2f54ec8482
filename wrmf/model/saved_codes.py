"""Converts the rounded factors of items to what model files hold, and back.

Requests of single users scan rounded factors (:mod:`wrmf.numerics.codes`). They could be computed
from the factors when they are needed, but then each process that maps a file would have its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from wrmf.model.state import Factors
from wrmf.numerics.codes import CodeArrays

__all__ = ["LAYOUT", "codes_from_arrays", "codes_to_arrays"]

# The version of the codes. A reader that has another one computes codes from the factors.
LAYOUT = 1
PREFIX = "item_codes."
NAMES = [field.name for field in fields(CodeArrays)]


def codes_to_arrays(factors: Factors) -> dict[str, np.ndarray]:
    """Return the arrays that hold the codes of items; none for factors that are not finite."""
    if not len(factors.item_factors) or not np.isfinite(factors.item_factors).all():
        return {}
    codes = factors.prepared.items.code_arrays()
    arrays = {PREFIX + name: getattr(codes, name) for name in NAMES}
    # Files hold arrays of at most two dimensions.
    return {**arrays, f"{PREFIX}words": codes.words.reshape(-1, codes.words.shape[2])}


def codes_from_arrays(factors: Factors, arrays: Mapping[str, np.ndarray], *, verify: bool) -> None:
    """Let a state have the codes of items that arrays of a file hold.

    Parameters
    ----------
    factors : Factors
    arrays : mapping of name to array
    verify : bool
        Whether to check that each item is there once. Positions are compared with the number of
        items in any case.

    Raises
    ------
    KeyError, ValueError
        For arrays that :func:`codes_to_arrays` does not make from such factors.
    """
    parts: dict[str, Any] = {name: arrays[PREFIX + name] for name in NAMES}
    run = parts["words"].shape[-1]
    n_words = -(-factors.k // 4)
    codes = CodeArrays(**{**parts, "words": parts["words"].reshape(-1, n_words, run)})
    factors.prepared.items.restore_codes(codes)
    if verify:
        codes.check_order()

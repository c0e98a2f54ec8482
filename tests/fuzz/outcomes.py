"""What a call may end in: an answer, or an error that this package raises on purpose."""

from __future__ import annotations

import copy
import linecache
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

import wrmf

__all__ = ["Outcome", "Snapshot", "outcome_of", "require"]

PACKAGE = Path(wrmf.__file__).parent
DOCUMENTED = (ValueError, TypeError, OSError)
# What a message may take: a line or two on a terminal, with paths.
MOST_CHARACTERS = 700


@dataclass(frozen=True)
class Outcome:
    """The answer of a call, or the error that it raised."""

    answer: Any = None
    error: Exception | None = None

    @property
    def name(self) -> str:
        """The type of the error, or "answer"."""
        return "answer" if self.error is None else type(self.error).__name__


def require(holds: Any, claim: str) -> None:
    """Raise an ``AssertionError`` unless a claim holds."""
    if not holds:
        raise AssertionError(claim)


def outcome_of(call: Any, *args: Any, deliberate: bool = True, **options: Any) -> Outcome:
    """Call a function; anything but an answer or a documented error is an ``AssertionError``.

    Parameters
    ----------
    call : callable
    deliberate : bool, default True
        Whether an error must come from a ``raise`` of this package, not from a library.
    *args, **options
        Those of the call. Warnings are errors, except those for users (``UserWarning``).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", UserWarning)
        try:
            return Outcome(call(*args, **options))
        except DOCUMENTED as error:
            _check_message(error)
            if deliberate:
                _check_origin(error)
            return Outcome(error=error)


def _check_message(error: Exception) -> None:
    text = str(error)
    require(text.strip(), f"{type(error).__name__} without a message")
    require("\n" not in text.strip(), f"a message of several lines: {text!r}")
    require(len(text) <= MOST_CHARACTERS, f"a message of {len(text)} characters: {text!r}")


def _check_origin(error: Exception) -> None:
    """Raise an error unless an exception was raised by a line of this package that begins so."""
    trace = error.__traceback__
    assert trace is not None
    while trace.tb_next is not None:
        trace = trace.tb_next
    file, line = trace.tb_frame.f_code.co_filename, trace.tb_lineno
    source = linecache.getline(file, line).strip()
    is_ours = PACKAGE in Path(file).parents and source.startswith("raise")
    # The text of the parser of dates, of Python's open() and the like names the file or the value.
    is_of_system = isinstance(error, OSError) and error.errno is not None
    require(is_ours or is_of_system, f"{file}:{line} raised {error!r}, not on purpose")


class Snapshot:
    """The content of inputs, to tell whether a call has changed them."""

    def __init__(self, *inputs: Any) -> None:
        self.inputs = inputs
        self.before = [_content(value) for value in inputs]

    def check(self) -> None:
        """Raise an error if an input has changed."""
        for value, before in zip(self.inputs, self.before, strict=True):
            require(_content(value) == before, f"an input of type {type(value).__name__} changed")


def _content(value: Any) -> Any:
    if isinstance(value, np.ma.MaskedArray):
        return _content(value.data), _content(np.ma.getmaskarray(value))
    if isinstance(value, np.ndarray):
        if value.dtype == object:
            return repr(value.tolist()), value.shape
        return value.dtype.str, value.shape, value.tobytes()
    if sparse.issparse(value):
        names = ("data", "indices", "indptr", "row", "col", "rows", "offsets")
        parts = [_content(getattr(value, name)) for name in names if hasattr(value, name)]
        keys = sorted(map(repr, value.items())) if value.format == "dok" else None
        return value.format, value.shape, parts, keys
    return copy.deepcopy(value)

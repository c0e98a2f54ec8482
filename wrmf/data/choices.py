"""Validate choices between names, and show values in messages.

Any object may come in place of a name. It is not compared before its type is known: arrays and
tables compare by element, and values such as ``pandas.NA`` are neither true nor false.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

__all__ = ["as_callback", "as_choice", "shown"]

# The most characters of a value in a message.
LONGEST = 100


def shown(value: object) -> str:
    """Return a value for a message: its ``repr`` in one line, shortened if it is long.

    Examples
    --------
    >>> shown("ann"), shown("a" * 2000)[-20:]
    ("'ann'", '… (2,002 characters)')
    """
    try:
        text = repr(value)
    except Exception:
        # A message about a value must not fail because of it.
        return f"an object of type {type(value).__name__}"
    if "\n" in text:
        text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text):,} characters)"


def as_choice(value: object, name: str, choices: Collection[str | None]) -> Any:
    """Return ``value`` if it is one of some names, or None where that is a choice.

    Raises
    ------
    ValueError
        For anything else, also for objects that cannot be compared or hashed.

    Examples
    --------
    >>> as_choice("add", "how", ("add", "set"))
    'add'
    """
    if (value is None or isinstance(value, str)) and value in choices:
        return value
    raise ValueError(f"{name} must be one of {tuple(choices)}, got {shown(value)}")


def as_callback(value: Any, name: str = "callback") -> Callable[..., Any] | None:
    """Return a function or None; a TypeError otherwise, before any work is done."""
    if value is None or callable(value):
        return value  # type: ignore[no-any-return]
    raise TypeError(f"{name} must be a function or None, got {shown(value)}")

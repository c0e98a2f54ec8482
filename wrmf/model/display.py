"""The table of a model that a notebook shows."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from wrmf.html_table import Cell, html_table
from wrmf.model.fold_in import FoldIn

__all__ = ["model_html"]


def model_html(model: FoldIn, resolved: Mapping[str, Any]) -> str:
    """Return a table of the parameters that were set or chosen by the data, and the size.

    Parameters
    ----------
    model : FoldIn
    resolved : mapping
        The parameters that the model was fitted with; empty before the first fit.
    """
    defaults = inspect.signature(type(model)).parameters
    given = model.get_params()
    rows: list[list[str | Cell]] = []
    for name, value in given.items():
        fitted = resolved.get(name, value)
        is_set = not same(value, defaults[name].default)
        if is_set or not same(fitted, value):
            shown = Cell(short(value), is_strong=is_set)
            rows.append([name, shown, short(fitted)] if resolved else [name, shown])
    heads = ["parameter", "given", "fitted with"] if resolved else ["parameter", "given"]
    note = "Other parameters have their defaults."
    name = type(model).__name__
    if not model.is_fitted:
        return html_table(f"{name}, not fitted yet", heads if rows else [], rows, note)
    state = model.state
    caption = (
        f"{name} of {len(state.users)} users × {len(state.items)} items: {state.k} factors, "
        f"{state.dtype}, {state.iterations_done} iterations"
    )
    return html_table(caption, heads if rows else [], rows, note)


def same(a: Any, b: Any) -> bool:
    """Return whether two values of a parameter are the same."""
    return a is b or (type(a) is type(b) and repr(a) == repr(b))


def short(value: Any) -> str:
    """Return a value as text, floats with four digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)

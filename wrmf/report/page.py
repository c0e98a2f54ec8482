"""The report of a search: one HTML page that needs nothing but itself."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable
from html import escape
from pathlib import Path
from typing import Any

from wrmf.report.effects import effects_section
from wrmf.report.neighbours import neighbours_section
from wrmf.report.sections import (
    curve_section,
    fan_section,
    headline,
    mse_section,
    table_section,
)
from wrmf.report.template import assemble_page

__all__ = ["write_report"]


def write_report(
    path: str | os.PathLike[str],
    result: Any,
    model: Any = None,
    data: Any = None,
    pictures: Callable[[Any], Any] | None = None,
    items: Iterable[Any] | None = None,
    n_neighbours: int = 5,
    title: str = "Matrix factorisation: search and neighbours",
    random_state: int = 0,
) -> Path:
    """Write a search and the neighbours it leads to as one self-contained HTML page.

    The page holds its style, charts and pictures in itself and asks the network
    for nothing. It shows the best setting; every setting in a table that sorts
    by a click on its headers; the best learning curve; the traces of all
    settings; the mean squared error, where it was measured; the effect of each
    parameter; and, with a model, items beside their nearest neighbours.

    Parameters
    ----------
    path : str or path
        File to write. It is replaced in one step: a reader sees the old page or
        the new one, and an error leaves the old one as it was.
    result : SearchResult
        What :func:`wrmf.grid_search` returned.
    model : WRMF, optional
        A fitted model, as a rule the best setting fitted again on all data.
        Without it the page has no neighbours.
    data : Interactions, optional
        Gives the size of the data, the items' names, and which items are popular.
    pictures : callable, optional
        Takes an item's id and returns a :class:`wrmf.pictures.Picture` or None,
        which the page shows as "no picture". Default: names only.
    items : iterable, optional
        Ids of the items whose neighbours are shown. Default: six of the more
        popular ones, chosen at random but unlike each other.
    n_neighbours : int, default 5
        How many neighbours each item is shown with.
    title : str
        Heading of the page.
    random_state : int, default 0
        Seed of the choice of items.

    Returns
    -------
    pathlib.Path
        The file written.

    Raises
    ------
    ValueError
        If the result holds no curve, `n_neighbours` is not at least 1, or an id
        in `items` is unknown to the model.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from types import SimpleNamespace
    >>> curve = SimpleNamespace(params={"factors": 8}, epochs=[2, 4], seconds=[0.1, 0.2],
    ...                         train={"precision@5": [0.3, 0.2]},
    ...                         test={"precision@5": [0.02, 0.05]})
    >>> result = SimpleNamespace(metric="precision@5", curves=[curve])
    >>> page = write_report(pathlib.Path(tempfile.mkdtemp()) / "report.html", result)
    >>> page.read_text(encoding="utf-8").count("0.05000") > 0
    True
    """
    if not hasattr(result, "curves"):
        raise TypeError(f"result must be what grid_search returned, got {type(result).__name__}")
    if not result.curves:
        raise ValueError("the search result has no curves; expected at least one setting")
    if n_neighbours < 1:
        raise ValueError(f"n_neighbours is {n_neighbours!r}; expected at least 1")
    sections = [
        f"<h1>{escape(title)}</h1>",
        headline(result, data),
        table_section(result),
        curve_section(result),
        fan_section(result),
        mse_section(result),
        effects_section(result),
    ]
    if model is not None:
        sections.append(
            neighbours_section(model, data, pictures, items, n_neighbours, random_state)
        )
    sections.append(
        "<footer>Scores are means over users. "
        "The page holds all it shows and loads nothing from the network.</footer>"
    )
    return _replace(Path(path), assemble_page(title, "\n".join(filter(None, sections))))


def _replace(path: Path, text: str) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        # Names can hold lone surrogates, which no file can: they become "?".
        temporary.write_bytes(text.encode("utf-8", "replace"))
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return path

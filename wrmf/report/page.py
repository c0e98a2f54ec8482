"""The report of a search as one self-contained HTML page."""

from __future__ import annotations

import os
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

from wrmf.data.interactions import Interactions
from wrmf.files import write_atomically
from wrmf.model.wrmf import WRMF
from wrmf.pictures.source import PictureSource
from wrmf.report.report_data import ReportData, ReportOptions, Section
from wrmf.report.sections.curve import curve_section
from wrmf.report.sections.effects import effects_section
from wrmf.report.sections.headline import headline_section
from wrmf.report.sections.mse import mse_section
from wrmf.report.sections.neighbours import neighbours_section
from wrmf.report.sections.table import table_section
from wrmf.report.sections.traces import traces_section
from wrmf.report.template import assemble_page
from wrmf.search.result import SearchResult

__all__ = ["SECTIONS", "write_report"]

# The sections in the order of the page, each a function in its own module of ``sections``.
SECTIONS: tuple[Section, ...] = (
    headline_section,
    table_section,
    curve_section,
    traces_section,
    mse_section,
    effects_section,
    neighbours_section,
)

FOOTER = (
    "<footer>Scores are means over users. "
    "This page is self-contained and loads nothing from the network.</footer>"
)


def write_report(
    path: str | os.PathLike[str],
    result: SearchResult,
    model: WRMF | None = None,
    data: Interactions | None = None,
    pictures: PictureSource | None = None,
    items: Iterable[Any] | None = None,
    n_neighbours: int = 5,
    title: str = "Matrix factorisation: search and neighbours",
    random_state: int = 0,
) -> Path:
    """Write a search, and the neighbours of some items, as one self-contained HTML page.

    The page embeds its style, charts and pictures and makes no network request. It shows the best
    setting; a sortable table of every setting; the best learning curve; the traces of all settings;
    the mean squared error, if it was measured; the effect of each parameter; and, with a model,
    items and their nearest neighbours.

    Parameters
    ----------
    path : str or path
        File to write. It is replaced in one step: a reader sees the old page or the new one, and
        an error leaves the old one unchanged.
    result : SearchResult
        As returned by :func:`wrmf.grid_search`.
    model : WRMF, optional
        A fitted model, usually the best setting fitted on all data. Without it the page has no
        neighbours.
    data : Interactions, optional
        Data whose size is shown, and from which item names and popular items are taken.
    pictures : callable, optional
        From an item's id to a :class:`wrmf.pictures.Picture`, or None, which the page shows as
        "no picture". Default: only names.
    items : iterable, optional
        Ids of the items whose neighbours are shown. Default: six popular ones, chosen at random
        but unlike each other.
    n_neighbours : int ≥ 1, default 5
        Number of neighbours shown for each item.
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
    TypeError
        If ``result`` is not a SearchResult.
    ValueError
        If the result has no curves, ``n_neighbours`` is below 1, or an id in ``items`` is unknown
        to the model.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import wrmf
    >>> curve = wrmf.LearningCurve(
    ...     params={"factors": 8},
    ...     epochs=[2, 4],
    ...     train={"precision@5": [0.3, 0.2]},
    ...     test={"precision@5": [0.02, 0.05]},
    ... )
    >>> result = wrmf.SearchResult("precision@5", ("factors",), [curve])
    >>> page = wrmf.write_report(pathlib.Path(tempfile.mkdtemp()) / "report.html", result)
    >>> "best test precision@5" in page.read_text(encoding="utf-8")
    True
    """
    options = ReportOptions(None if items is None else list(items), n_neighbours, random_state)
    report = ReportData(result, model, data, pictures, options)
    heading = f"<h1>{escape(title)}</h1>"
    sections = filter(None, (section(report) for section in SECTIONS))
    page = assemble_page(title, "\n".join([heading, *sections, FOOTER]))
    # Names can contain lone surrogates, which UTF-8 cannot encode: they become "?".
    write_atomically(path, page.encode("utf-8", "replace"))
    return Path(path)

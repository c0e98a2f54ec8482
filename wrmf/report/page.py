"""The report of a search as one self-contained HTML page."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

from wrmf.data.id_lists import as_id_list
from wrmf.data.interactions import Interactions
from wrmf.data.split import Split
from wrmf.files import write_atomically
from wrmf.model.wrmf import WRMF
from wrmf.pictures.source import PictureSource
from wrmf.report.report_data import ReportData, ReportOptions, Section
from wrmf.report.sections.catalogue import catalogue_section
from wrmf.report.sections.comparison import comparison_section
from wrmf.report.sections.curve import curve_section
from wrmf.report.sections.effects import effects_section
from wrmf.report.sections.explorer import explorer_section
from wrmf.report.sections.facts import facts_section
from wrmf.report.sections.headline import headline_section
from wrmf.report.sections.mse import mse_section
from wrmf.report.sections.neighbours import neighbours_section
from wrmf.report.sections.people import people_section
from wrmf.report.sections.settings import settings_section
from wrmf.report.template import assemble_page
from wrmf.search.autotuned import Autotuned
from wrmf.search.learning_curve import LearningCurve
from wrmf.search.result import SearchResult

__all__ = ["SECTIONS", "write_report"]

# The sections in the order of the page, each a function in its own module of ``sections``: first
# what is recommended and what it is worth, then how the setting was chosen.
SECTIONS: tuple[Section, ...] = (
    headline_section,
    comparison_section,
    people_section,
    neighbours_section,
    explorer_section,
    catalogue_section,
    facts_section,
    settings_section,
    curve_section,
    mse_section,
    effects_section,
)

FOOTER = (
    "<footer>Scores are means over people. "
    "This page is self-contained and loads nothing from the network.</footer>"
)


def write_report(
    path: str | os.PathLike[str],
    result: SearchResult | LearningCurve | Autotuned,
    model: WRMF | None = None,
    data: Interactions | None = None,
    pictures: PictureSource | None = None,
    items: Iterable[Any] | None = None,
    n_neighbours: int = 5,
    title: str = "Recommendations: what they are worth, and why",
    random_state: int = 0,
    *,
    split: Split | None = None,
    users: Iterable[Any] | None = None,
    item_knn: bool | None = None,
    max_items: int = 20_000,
    max_users: int = 2_000,
    commands: Iterable[str] = (),
) -> Path:
    """Write what recommendations are worth, and why, as one self-contained HTML page.

    The page embeds its style, charts, data and pictures and makes no network request. It begins
    with one sentence. With ``split``, that is what the best setting finds of the held-out items
    beside popular items; a table compares it with item neighbours, too. Then come three people
    with what they have and what is recommended to them; items and their nearest neighbours; a
    search box over items and people; and how much of the catalogue is shown. Last come the
    settings: all curves in a chart above a sortable table, the best learning curve, the mean
    squared error, if it was measured, and the effect of each parameter. docs/report.md describes
    each part.

    Parameters
    ----------
    path : str or path
        File to write. It is replaced in one step: a reader sees the old page or the new one, and
        an error leaves the old one unchanged.
    result : SearchResult, Autotuned or LearningCurve
        As returned by :func:`wrmf.grid_search`, by :func:`wrmf.autotune`, or by
        :func:`wrmf.learning_curve` for a single setting.
    model : WRMF, optional
        A fitted model, usually the best setting fitted on all data, whose people and items are
        shown. Default: that of ``autotune``, or the one that was fitted for ``split``. Without any,
        the page has only the settings.
    data : Interactions, optional
        Data whose size is shown, and from which popular items, and names that the model lacks,
        are taken.
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
        Seed of the choice of items and people, and of a model that has no seed. The page is always
        the same for the same arguments.
    split : Split, optional
        The split that the search used. The best setting is fitted to ``split.train``, once, and
        compared on its test part with popular items and item neighbours.
    users : iterable, optional
        Ids of the people who are shown. Default: three, chosen at random from those with a usual
        number of items but unlike each other; with ``split``, from its test users, one from each
        third by the number of held-out items in the list.
    item_knn : bool, optional
        Whether to compare with item neighbours. Default: if that takes some seconds at most; else
        the page says that they were left out.
    max_items, max_users : int ≥ 0, default 20,000 and 2,000
        How many of the most popular items, and how many people drawn at random, can be searched
        on the page. 20,000 and 2,000 take some 2 MB.
    commands : iterable of str, optional
        Commands that made the model and the page, which are shown.

    Returns
    -------
    pathlib.Path
        The file written.

    Raises
    ------
    TypeError
        If ``result`` is of none of these kinds, or ``split`` not a Split.
    ValueError
        If the result has no curves, ``n_neighbours`` is below 1, or an id in ``items`` or
        ``users`` is unknown to the model.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import wrmf
    >>> data = wrmf.datasets.synthetic_likes(300, 200, 4000, random_state=0)
    >>> split = wrmf.leave_k_out(data, k=3, random_state=0)
    >>> model = wrmf.WRMF(factors=8, random_state=0)
    >>> curve = wrmf.learning_curve(model, split, epochs=[2, 4])
    >>> page = wrmf.write_report(
    ...     pathlib.Path(tempfile.mkdtemp()) / "report.html", curve, split=split
    ... )
    >>> "are ones the person went on to like" in page.read_text(encoding="utf-8")
    True
    """
    if isinstance(result, Autotuned):
        model = result.model if model is None else model
        result = result.search
    if isinstance(result, LearningCurve):
        result = _search_of(result)
    options = ReportOptions(
        items=None if items is None else as_id_list(items, "items"),
        users=None if users is None else as_id_list(users, "users"),
        n_neighbours=n_neighbours,
        random_state=random_state,
        item_knn=item_knn,
        max_items=max_items,
        max_users=max_users,
        commands=tuple(commands),
    )
    report = ReportData(result, model, data, pictures, options, split)
    heading = f"<h1>{escape(title)}</h1>"
    sections = filter(None, (section(report) for section in SECTIONS))
    page = assemble_page(title, "\n".join([heading, *sections, FOOTER]))
    # Names can contain lone surrogates, which UTF-8 cannot encode: they become "?".
    write_atomically(path, page.encode("utf-8", "replace"))
    return Path(path)


def _search_of(curve: LearningCurve) -> SearchResult:
    """Return a learning curve as a search of one setting: its factors and what is not default."""
    defaults = {**WRMF().get_params(), "random_state": curve.params.get("random_state")}
    shown = {
        name: value
        for name, value in curve.params.items()
        if name == "factors" or value != defaults.get(name)
    }
    metric, curves = next(iter(curve.test)), [replace(curve, params=shown, model=None)]
    return SearchResult(metric, (), curves, base=dict(curve.params))

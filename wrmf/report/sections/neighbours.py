"""Section: items and their nearest neighbours, with pictures if there are any."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from wrmf.html_table import NO_VALUE
from wrmf.model.wrmf import WRMF
from wrmf.pictures.picture import Picture
from wrmf.pictures.source import fetch_all
from wrmf.report.choices import choose_items, item_popularity
from wrmf.report.report_data import ReportData
from wrmf.report.template import assemble_section

__all__ = ["neighbours_section"]

NO_NEIGHBOURS = '<li class="note">no neighbours</li>'


@dataclass(frozen=True)
class Neighbour:
    """An item and the cosine between its factors and those of the query item."""

    item: Any
    cosine: float


def neighbours_section(report: ReportData) -> str:
    """Return each query item with its nearest neighbours; ``""`` without a model or items."""
    model, options = report.shown_model, report.options
    if model is None:
        return ""
    queries = options.items
    if queries is None:
        popularity = item_popularity(model, report.data)
        positions = choose_items(model.item_factors, popularity, options.random_state)
        queries = [model.items[position] for position in positions]
    if not queries:
        return ""
    neighbours = nearest_items(model, queries, options.n_neighbours)
    shown = [*queries, *(neighbour.item for row in neighbours for neighbour in row)]
    names = report.item_names(model)
    cards = ItemCards(
        {item: names[row] for item, row in zip(shown, model.state.find_items(shown), strict=True)},
        None if report.pictures is None else fetch_all(report.pictures, shown),
    )
    rows = "".join(
        query_row(query, row, cards) for query, row in zip(queries, neighbours, strict=True)
    )
    return assemble_section(
        "Item neighbours",
        "Each item next to the most similar ones, with the cosine of their factors.",
        rows,
        css_class="plain" if cards.pictures is None else "",
    )


def nearest_items(model: WRMF, queries: Sequence[Any], n: int) -> list[list[Neighbour]]:
    """Return up to ``n`` neighbours of each query item, without the item itself."""
    similar = model.similar_items(queries, n=n)
    return [
        [
            Neighbour(item, float(score))
            for item, score in zip(ids[:count], scores[:count], strict=True)
        ]
        for ids, scores, count in zip(similar.ids, similar.scores, similar.counts, strict=True)
    ]


@dataclass(frozen=True)
class ItemCards:
    """Names and pictures of the items shown; ``pictures`` is None where there is no source."""

    names: Mapping[Any, str]
    pictures: Mapping[Any, Picture | None] | None

    def draw(self, item: Any, tag: str) -> str:
        """Return an item's picture, or a note that it has none, above its name."""
        name = escape(self.names[item])
        label = f'<{tag} class="name" title="{name}">{name}</{tag}>'
        if self.pictures is None:
            return label
        picture = self.pictures[item]
        if picture is None:
            return f'<span class="picture none">no picture</span>{label}'
        # A screen reader reads the name below the picture, so the picture needs no text of its own.
        return f'<img class="picture" alt="" src="{escape(picture.data_uri())}">{label}'


def query_row(query: Any, neighbours: Sequence[Neighbour], cards: ItemCards) -> str:
    """Return a query item and the list of its neighbours."""
    entries = "".join(
        f'<li class="item">{cards.draw(neighbour.item, "p")}{cosine_bar(neighbour.cosine)}</li>'
        for neighbour in neighbours
    )
    return (
        f'<div class="query"><div class="seed">{cards.draw(query, "h3")}</div>'
        f'<ol class="near">{entries or NO_NEIGHBOURS}</ol></div>'
    )


def cosine_bar(cosine: float) -> str:
    """Return a cosine as a number and a bar, empty at 0 and full at 1."""
    if not math.isfinite(cosine):
        return f'<div class="cosine">{NO_VALUE}</div>'
    width = 100 * min(max(cosine, 0.0), 1.0)
    return (
        f'<div class="cosine"><span>{cosine:.2f}</span>'
        f'<span class="bar"><i style="width:{width:.1f}%"></i></span></div>'
    )

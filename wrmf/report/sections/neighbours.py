"""Section: items and their nearest neighbours, with pictures if there are any."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from wrmf.data.interactions import Interactions
from wrmf.model.wrmf import WRMF
from wrmf.numerics.ranking import unit_rows
from wrmf.pictures.drawn import item_name
from wrmf.pictures.picture import Picture
from wrmf.pictures.source import fetch_all
from wrmf.report.formatting import NO_VALUE
from wrmf.report.report_data import ReportData
from wrmf.report.template import assemble_section

__all__ = ["choose_items", "neighbours_section"]

# Number of items shown if the caller names none.
N_ITEMS = 6
# Number of items drawn for each choice, of which the one least similar to earlier choices is taken.
N_CANDIDATES = 12
NO_NEIGHBOURS = '<li class="note">no neighbours</li>'


@dataclass(frozen=True)
class Neighbour:
    """An item and the cosine between its factors and those of the query item."""

    item: Any
    cosine: float


def neighbours_section(report: ReportData) -> str:
    """Return each query item with its nearest neighbours; ``""`` without a model or items."""
    model, options = report.model, report.options
    if model is None:
        return ""
    queries = options.items
    if queries is None:
        popularity = None if report.data is None else item_popularity(model, report.data)
        positions = choose_items(model.item_factors, popularity, options.random_state)
        queries = [model.items[position] for position in positions]
    if not queries:
        return ""
    neighbours = nearest_items(model, queries, options.n_neighbours)
    shown = [*queries, *(neighbour.item for row in neighbours for neighbour in row)]
    cards = ItemCards(
        {item: item_name(report.data, item) for item in shown},
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


def item_popularity(model: WRMF, data: Interactions) -> np.ndarray:
    """Return each item's number of interactions in ``data``, 0 for an item not in it.

    Returns
    -------
    ndarray of float64, shape (n_items,)
        In the order of the model's items.
    """
    counts = np.bincount(data.matrix.indices, minlength=data.n_items)
    count_of = dict(zip(data.items.tolist(), counts.tolist(), strict=True))
    return np.array([count_of.get(item, 0) for item in model.items.tolist()], dtype=float)


def choose_items(
    item_factors: np.ndarray,
    popularity: np.ndarray | None,
    random_state: int,
    n_items: int = N_ITEMS,
) -> list[int]:
    """Choose popular items that differ from each other.

    The items are chosen from the most popular tenth, or from the ``10 * n_items`` most popular
    items if these are more. For each choice, ``N_CANDIDATES`` items are drawn at random. The first
    choice is any of them. After that, it is the item whose largest cosine with the items chosen so
    far is the smallest.

    Parameters
    ----------
    item_factors : ndarray, shape (n, factors)
    popularity : ndarray, shape (n,), or None
        Number of interactions of each item; items without any are never chosen. None: all items
        are equally popular.
    random_state : int
        Seed.
    n_items : int, default 6
        Number of items to choose.

    Returns
    -------
    list of int
        Positions of the items, fewer than ``n_items`` where there are not so many.

    Examples
    --------
    >>> choose_items(np.eye(3), np.array([0.0, 5.0, 0.0]), random_state=0)
    [1]
    """
    random = np.random.default_rng(random_state)
    pool = np.arange(len(item_factors))
    if popularity is not None:
        pool_size = max(10 * n_items, len(pool) // 10)
        pool = np.argsort(-popularity, kind="stable")[:pool_size]
        pool = pool[popularity[pool] > 0]
    chosen: list[int] = []
    while len(chosen) < n_items and len(pool):
        drawn = random.choice(pool, size=min(N_CANDIDATES, len(pool)), replace=False)
        best = drawn[0]
        if chosen:
            candidates, _ = unit_rows(np.asarray(item_factors[drawn], dtype=float))
            chosen_rows, _ = unit_rows(np.asarray(item_factors[chosen], dtype=float))
            best = drawn[np.argmin((candidates @ chosen_rows.T).max(axis=1))]
        chosen.append(int(best))
        pool = pool[pool != best]
    return chosen


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

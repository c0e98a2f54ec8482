"""The report's section that shows items beside their nearest neighbours."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any

import numpy as np

from wrmf.pictures import fetch_all

__all__ = ["choose_items", "neighbours_section"]


def neighbours_section(
    model: Any,
    data: Any,
    pictures: Callable[[Any], Any] | None,
    items: Iterable[Any] | None,
    n_neighbours: int,
    random_state: int,
) -> str:
    """Each query item with the items most like it; parameters as in ``write_report``."""
    queries = choose_items(model, data, random_state) if items is None else list(items)
    if not queries:
        return ""
    # One more than shown, as an item is its own nearest neighbour.
    found = model.similar_items(queries, n=n_neighbours + 1)
    near = [
        [
            (item, float(score))
            for item, score in zip(ids[:count], scores[:count], strict=True)
            if item != query
        ][:n_neighbours]
        for query, ids, scores, count in zip(
            queries, found.ids, found.scores, found.counts, strict=True
        )
    ]
    shown = list(dict.fromkeys(queries + [item for row in near for item, _ in row]))
    names = dict(zip(shown, _names(data, shown), strict=True))
    got = None if pictures is None else fetch_all(pictures, shown)
    rows = [_query(query, row, names, got) for query, row in zip(queries, near, strict=True)]
    plain = ' class="plain"' if got is None else ""
    return (
        f"<section{plain}><h2>Item neighbours</h2><p class=note>Each item beside those most like "
        f"it, with the cosine of their factors.</p>{''.join(rows)}</section>"
    )


def choose_items(model: Any, data: Any, random_state: int, count: int = 6) -> list[Any]:
    """A seeded choice of popular items that lie in different places of the model.

    Drawn from the tenth of the items with the most interactions (at least ten
    times as many as wanted, where there are so many); each next item is the one
    of twelve drawn that is least like those already chosen.

    Parameters
    ----------
    model : WRMF
        Its ``items`` and, where it has them, ``item_factors`` are read.
    data : Interactions or None
        Gives each item's number of interactions; None: every item is as popular.
    random_state : int
        Seed.
    count : int, default 6
        Number of items.

    Returns
    -------
    list
        Item ids, fewer than `count` where the model has fewer.
    """
    random = np.random.default_rng(random_state)
    ids = np.asarray(model.items)
    popularity = np.zeros(len(ids))
    if data is not None:
        likes = np.bincount(data.matrix.indices, minlength=data.matrix.shape[1])
        known = dict(zip(data.items.tolist(), likes.tolist(), strict=True))
        popularity = np.array([known.get(item, 0) for item in ids.tolist()], dtype=float)
    size = len(ids) if data is None else max(10 * count, len(ids) // 10)
    pool = np.argsort(-popularity, kind="stable")[:size]
    if data is not None:
        pool = pool[popularity[pool] > 0]
    factors = getattr(model, "item_factors", None)
    chosen: list[int] = []
    while len(chosen) < count and len(pool):
        drawn = random.choice(pool, size=min(12, len(pool)), replace=False)
        best = drawn[0]
        if factors is not None and chosen:
            likeness = _unit(factors[drawn]) @ _unit(factors[chosen]).T
            best = drawn[np.argmin(likeness.max(axis=1))]
        chosen.append(int(best))
        pool = pool[pool != best]
    return [ids[row] for row in chosen]


def _unit(vectors: Any) -> Any:
    vectors = np.asarray(vectors, dtype=float)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(norms > 0, norms, 1.0)


def _names(data: Any, ids: Sequence[Any]) -> list[str]:
    if data is None:
        return [str(item) for item in ids]
    try:
        return [str(name) for name in data.names_of(data.item_index(ids))]
    except (ValueError, LookupError):
        # One item that the data do not know must not take the others' names.
        if len(ids) == 1:
            return [str(ids[0])]
        return [_names(data, [item])[0] for item in ids]


def _query(
    query: Any,
    near: Sequence[tuple[Any, float]],
    names: dict[Any, str],
    pictures: dict[Any, Any] | None,
) -> str:
    cards = "".join(
        f'<li class="item">{_face(item, names, pictures, "p")}{_cosine(score)}</li>'
        for item, score in near
    )
    if not cards:
        cards = '<li class="note">no neighbours</li>'
    return (
        f'<div class="query"><div class="seed">{_face(query, names, pictures, "h3")}</div>'
        f'<ol class="near">{cards}</ol></div>'
    )


def _face(item: Any, names: dict[Any, str], pictures: dict[Any, Any] | None, tag: str) -> str:
    """An item's picture, or the note that it has none, over its name."""
    name = escape(names[item])
    label = f'<{tag} class="name" title="{name}">{name}</{tag}>'
    if pictures is None:
        return label
    picture = pictures.get(item)
    if picture is None:
        return f'<span class="picture none">no picture</span>{label}'
    # The name stands below, so the picture itself needs no second reading of it.
    return f'<img class="picture" alt="" src="{escape(picture.data_uri())}">{label}'


def _cosine(score: float) -> str:
    if not math.isfinite(score):
        return '<div class="cosine">–</div>'
    width = 100 * min(max(score, 0.0), 1.0)
    return (
        f'<div class="cosine"><span>{score:.2f}</span>'
        f'<span class="bar"><i style="width:{width:.1f}%"></i></span></div>'
    )

"""The items and people that the page can search, packed into one block of JSON.

Lists are arrays of positions, in base64: 20,000 items with ten neighbours each take 0.8 MB so.
``explorer.js`` unpacks them. Items are sorted by popularity, since that is the order in which the
page lists what matches a search.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wrmf.model.wrmf import WRMF
from wrmf.report.people import Person, describe_people, histories_of

__all__ = ["Explorer", "choose_explored", "pack_explorer"]

# Lengths of the lists of neighbours, of recommendations, of histories, and of reasons.
N_NEAR, N_SHOWN, N_HAD, N_REASONS = 10, 10, 12, 2
# Longer names are cut, so that a few of them cannot make the page large.
MAX_NAME = 120


@dataclass(frozen=True, eq=False)
class Explorer:
    """What the page can search.

    Attributes
    ----------
    positions : int64 (n,)
        Positions in ``model.items``, the most popular first.
    popularity : int64 (n,)
        The number of users of each of these items.
    near : int64 (n, N_NEAR)
        The most similar of these items, as indices into ``positions``; −1 past the end of a list.
    cosines : float (n, N_NEAR)
    people : list of Person
        Their items are indices into ``positions``, too.
    """

    positions: np.ndarray
    popularity: np.ndarray
    near: np.ndarray
    cosines: np.ndarray
    people: list[Person]


def choose_explored(
    model: WRMF, popularity: np.ndarray, max_items: int, max_people: int, random_state: int
) -> Explorer:
    """Return the most popular items with their neighbours, and people drawn at random.

    All items of the people's lists are among the items, even beyond ``max_items``.

    Parameters
    ----------
    model : WRMF
        Fitted.
    popularity : ndarray (n_items,)
        The number of users of each of the model's items.
    max_items, max_people : int
    random_state : int
        Seed of the draw of people.
    """
    people = _draw_people(model, max_people, random_state)
    listed = {
        item
        for person in people
        for items in (person.had, person.shown, *person.reasons)
        for item in items
    }
    order = np.argsort(-popularity, kind="stable")
    chosen = np.zeros(len(order), dtype=bool)
    chosen[order[:max_items]] = True
    chosen[list(listed)] = True
    positions = order[chosen[order]]
    place_of = np.full(len(order), -1, dtype=np.int64)
    place_of[positions] = np.arange(len(positions))
    n_near = min(N_NEAR, max(1, len(positions) - 1))
    ids = model.items[positions]
    similar = model.similar_items(ids, n=n_near, among=ids)
    near = np.where(similar.rows >= 0, place_of[similar.rows], -1)
    return Explorer(
        positions,
        popularity[positions].astype(np.int64),
        near,
        np.nan_to_num(similar.scores),
        [_renumbered(person, place_of) for person in people],
    )


def _draw_people(model: WRMF, max_people: int, random_state: int) -> list[Person]:
    """Return people with items, in the order of the model's users."""
    matrix = histories_of(model)
    if matrix is None or not max_people:
        return []
    rows = np.flatnonzero(np.diff(matrix.indptr))
    if len(rows) > max_people:
        random = np.random.default_rng(random_state)
        rows = np.sort(random.choice(rows, size=max_people, replace=False))
    return describe_people(model, rows, N_SHOWN, N_HAD, N_REASONS)


def _renumbered(person: Person, place_of: np.ndarray) -> Person:
    """Return a person whose items are given by other numbers."""

    def renumbered(items: Sequence[int]) -> tuple[int, ...]:
        return tuple(place_of[list(items)].tolist()) if items else ()

    return replace(
        person,
        had=renumbered(person.had),
        shown=renumbered(person.shown),
        reasons=tuple(map(renumbered, person.reasons)),
    )


def pack_explorer(explorer: Explorer, names: Sequence[str], ids: Sequence[str] | None) -> str:
    """Return the data as JSON that can stand in an HTML document.

    Parameters
    ----------
    explorer : Explorer
    names : sequence of str
        The name of each of ``explorer.positions``.
    ids : sequence of str, optional
        Their ids, where names are not the ids themselves.
    """
    people = explorer.people
    n_items = len(explorer.positions)
    shown = _filled([person.shown for person in people], N_SHOWN)
    reasons = _filled(
        [[place for of_item in _padded(person.reasons) for place in of_item] for person in people],
        N_SHOWN * N_REASONS,
    )
    packed = {
        "wide": n_items >= 2**16 - 1,
        "names": [_shortened(name) for name in names],
        "ids": None if ids is None else [_shortened(text) for text in ids],
        # Unknown where the model was saved without the data it was fitted to.
        "popularity": _base64(explorer.popularity.astype("<u4"))
        if explorer.popularity.any()
        else None,
        "nNear": explorer.near.shape[1],
        "near": _places(explorer.near, n_items),
        "cosines": _base64(np.rint(100 * np.clip(explorer.cosines, -1, 1)).astype("<i1")),
        "people": [_shortened(str(person.id)) for person in people],
        "nHad": [person.n_had for person in people],
        "had": _places(_filled([person.had for person in people], N_HAD), n_items),
        "shown": _places(shown, n_items),
        "reasons": _places(reasons, n_items),
        "lengths": [N_HAD, N_SHOWN, N_REASONS],
    }
    text = json.dumps(packed, ensure_ascii=False, separators=(",", ":"))
    # So that no text of the data ends the element or begins a comment in it.
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _padded(reasons: Sequence[Sequence[int]]) -> list[list[int]]:
    return [[*of_item, *[-1] * (N_REASONS - len(of_item))] for of_item in reasons]


def _filled(lists: Sequence[Sequence[int]], width: int) -> np.ndarray:
    """Return lists as the rows of an array, −1 past the end of each."""
    filled = np.full((len(lists), width), -1, dtype=np.int64)
    for row, values in enumerate(lists):
        filled[row, : len(values)] = values
    return filled


def _places(places: np.ndarray, n_items: int) -> str:
    """Return indices in base64, in 16 or 32 bits; the largest number stands for no item."""
    kind: Any = np.uint32 if n_items >= 2**16 - 1 else np.uint16
    none = np.iinfo(kind).max
    return _base64(np.where(places < 0, none, places).astype(np.dtype(kind).newbyteorder("<")))


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(array.tobytes()).decode()


def _shortened(name: str) -> str:
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"

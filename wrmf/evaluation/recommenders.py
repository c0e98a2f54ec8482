"""Ask any recommender for lists, and turn its answer into positions of the split's items."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from wrmf.data.axes import lookup_table, object_array
from wrmf.data.choices import shown
from wrmf.data.id_lists import as_id_list
from wrmf.data.interactions import Interactions
from wrmf.data.split import Split
from wrmf.evaluation.cold import TestPart
from wrmf.model.recommendations import Recommendations

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ListModel"]

# Libraries that pad short lists give the padding a score below this.
PADDING_SCORE = -1e38


class ListModel:
    """A model that only recommends lists, asked for the test users of a split.

    Parameters
    ----------
    model : any object with a method ``recommend``
        ``recommend(users, n)`` returns, for ids of users, :class:`wrmf.Recommendations`, a tuple of
        ids and scores, a frame with columns user and item, a mapping from user to items, or a
        sequence of items for each user, best first. A parameter ``exclude_seen`` is given if it has
        one. A first parameter called ``user`` gets one user at a time. Users whom the split holds
        out are passed to ``recommend_new(interactions, n)``. A method with a parameter
        ``user_items`` is called as those of implicit are, by positions.
    split : Split
    part : TestPart
    """

    def __init__(self, model: Any, split: Split, part: TestPart) -> None:
        self.name = type(model).__name__
        self.model = model
        self.part = part
        self.items = split.train.items
        self.users = split.train.users[part.users]
        self.holds_out = split.fold_in is not None
        self.parameters = _parameters(model.recommend)
        self.by_position: bool = "user_items" in self.parameters or getattr(
            model, "numbered", False
        )
        # An item whose id is −1 is no padding.
        has_minus_one = not self.by_position and -1 in lookup_table(self.items)
        self.padding = (None,) if has_minus_one else (None, -1)

    def lists(self, n: int, known: sparse.csr_matrix | None) -> np.ndarray:
        """Return the positions of the n best items of each user, int64 (m, n), −1 past the end.

        Items of ``known`` are left out, whatever the model does with them.

        Raises
        ------
        TypeError, ValueError
            For an answer of another form, unknown items and items that are listed twice.
        """
        most = 0 if known is None else int(np.diff(known.indptr).max(initial=0))
        if self._excludes_seen():
            positions = self._ask(n, {"exclude_seen": known is not None})
            lists = _without_known(positions, known, n)
            if np.array_equal(lists, _without_known(positions, None, n)):
                return lists
            # The model was fitted to other data, so that it does not know all of these items.
            return _without_known(self._ask(n + most, {"exclude_seen": True}), known, n)
        return _without_known(self._ask(n + most, {}), known, n)

    def _ask(self, n: int, options: dict[str, Any]) -> np.ndarray:
        """Return the positions of the items that the model recommends, −1 past the end."""
        n = min(n, len(self.items))
        if self._asks_one_by_one():
            answers = [self.model.recommend(user, n, **options) for user in self.users.tolist()]
            return self._positions([self._one_list(answer) for answer in answers])
        if "user_items" in self.parameters:
            options = {"filter_already_liked_items": False}
            if self.holds_out:
                options["recalculate_user"] = True
            answer = self.model.recommend(self._asked_users(), self.part.known, n, **options)
        elif self.holds_out:
            answer = self.model.recommend_new(self._known_interactions(), n, **options)
        else:
            answer = self.model.recommend(self._asked_users(), n, **options)
        return self._positions(self._all_lists(answer))

    def _excludes_seen(self) -> bool:
        """Return whether the method that is asked has a parameter ``exclude_seen``."""
        if not self.holds_out or "user_items" in self.parameters:
            return "exclude_seen" in self.parameters
        if not hasattr(self.model, "recommend_new"):
            raise ValueError(
                "the split holds out whole users, whose lists come from model.recommend_new, but "
                f"{self.name} has no such method"
            )
        return "exclude_seen" in _parameters(self.model.recommend_new)

    def _asks_one_by_one(self) -> bool:
        return not self.holds_out and next(iter(self.parameters), "") in ("user", "user_id")

    def _asked_users(self) -> Any:
        if not self.by_position:
            return self.users
        return np.arange(len(self.users)) if self.holds_out else self.part.users

    def _known_interactions(self) -> Any:
        if self.by_position:
            return self.part.known
        return Interactions.from_matrix(self.part.known, self.users, self.items, negative="dislike")

    def _all_lists(self, answer: Any) -> list[list[Any]]:
        """Return the listed ids of each user, without padding."""
        import pandas as pd

        users = self._asked_users().tolist()
        if isinstance(answer, Recommendations) and len(answer) == len(users):
            return [ids.tolist() for _, (ids, _) in answer.by_query()]
        if hasattr(answer, "to_pandas"):
            answer = answer.to_pandas()
        if isinstance(answer, pd.DataFrame):
            return self._lists_of_frame(answer)
        if isinstance(answer, Mapping):
            return [self._one_list(answer.get(user, ())) for user in users]
        scores: Any = [None] * len(users)
        if isinstance(answer, tuple) and len(answer) == 2 and _is_nested(answer[0]):
            answer, scores = answer
        if not isinstance(answer, (Sequence, np.ndarray)) or len(answer) != len(users):
            raise TypeError(
                f"{self.name}.recommend must return Recommendations, ids and scores, a frame with "
                "columns user and item, a mapping from user to items, or a list for each of "
                f"{len(users)} users, got a {type(answer).__name__}"
            )
        return [self._one_list(ids, row) for ids, row in zip(answer, scores, strict=True)]

    def _lists_of_frame(self, frame: pd.DataFrame) -> list[list[Any]]:
        missing = [name for name in ("user", "item") if name not in frame]
        if missing:
            raise ValueError(
                f"the frame of {self.name}.recommend has no column {missing[0]!r}; it has "
                f"{', '.join(map(str, frame.columns))}"
            )
        if "rank" in frame:
            frame = frame.sort_values("rank", kind="stable")
        by_user = {user: part.tolist() for user, part in frame.groupby("user", sort=False)["item"]}
        return [by_user.get(user, []) for user in self._asked_users().tolist()]

    def _one_list(self, ids: Any, scores: Any = None) -> list[Any]:
        """Return the ids of one user's list; padding ends it."""
        import pandas as pd

        if hasattr(ids, "ids"):
            # An item list of LensKit has a method.
            ids = ids.ids() if callable(ids.ids) else ids.ids
        elif hasattr(ids, "to_pandas") and hasattr(ids, "columns"):
            ids = ids.to_pandas()
        if isinstance(ids, pd.DataFrame):
            ids = ids["item"]
        elif isinstance(ids, tuple) and len(ids) == 2 and isinstance(ids[0], np.ndarray):
            ids, scores = ids
        listed = as_id_list(ids, "recommended items")
        values = [0.0] * len(listed) if scores is None else np.asarray(scores).tolist()
        end = len(listed)
        for place, (entry, score) in enumerate(zip(listed, values, strict=True)):
            if entry in self.padding or score < PADDING_SCORE:
                end = place
                break
        return listed[:end]

    def _positions(self, lists: Sequence[Sequence[Any]]) -> np.ndarray:
        """Return the positions of listed items, int64 (m, longest), −1 past the end."""
        counts = np.array([len(ids) for ids in lists], dtype=np.int64)
        flat = object_array([entry for ids in lists for entry in ids])
        if self.by_position:
            places = flat.astype(np.int64)
            wrong = (places < 0) | (places >= len(self.items))
        else:
            places = lookup_table(self.items).get_indexer(lookup_table(flat)).astype(np.int64)
            wrong = places < 0
        if wrong.any():
            raise ValueError(
                f"{self.name} recommends {shown(flat[wrong][0])}, which is no item of the split; "
                f"its items are such as {self.items[:1].tolist()[0]!r}: fit it on split.train"
            )
        positions = np.full((len(lists), int(counts.max(initial=0))), -1, dtype=np.int64)
        positions[np.arange(positions.shape[1]) < counts[:, None]] = places
        ordered = np.sort(positions, axis=1)
        twice = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)
        if twice.any():
            row = int(twice.any(axis=1).argmax())
            item = self.items.tolist()[ordered[row, 1:][twice[row]][0]]
            user = self.users.tolist()[row]
            raise ValueError(f"{self.name} lists {shown(item)} twice for the user {shown(user)}")
        return positions


def _is_nested(lists: Any) -> bool:
    """Return whether lists of several users are given, rather than the items of one."""
    if isinstance(lists, np.ndarray):
        return lists.ndim == 2
    return isinstance(lists, list) and any(isinstance(ids, (list, np.ndarray)) for ids in lists)


def _parameters(method: Any) -> Mapping[str, Any]:
    """Return the parameters of a method, none where Python cannot tell them."""
    try:
        return inspect.signature(method).parameters
    except (TypeError, ValueError):
        return {}


def _without_known(positions: np.ndarray, known: sparse.csr_matrix | None, n: int) -> np.ndarray:
    """Return lists of at most n items without those of ``known``, in the same order."""
    if known is not None and positions.size:
        users, places = np.nonzero(positions >= 0)
        width = known.shape[1]
        listed = users * width + positions[users, places]
        owners = np.repeat(np.arange(known.shape[0], dtype=np.int64), np.diff(known.indptr))
        is_known = np.isin(listed, owners * width + known.indices.astype(np.int64))
        positions = positions.copy()
        positions[users[is_known], places[is_known]] = -1
    # What is left moves to the front.
    order = np.argsort(positions < 0, axis=1, kind="stable")
    moved = np.take_along_axis(positions, order, axis=1)[:, :n]
    lists = np.full((len(positions), n), -1, dtype=np.int64)
    lists[:, : moved.shape[1]] = moved
    return lists

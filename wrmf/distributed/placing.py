"""Which worker keeps which shard and which block, as long as it lives, and where sums are added."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeVar

__all__ = ["groups_of", "levels_of_tree", "place"]

Part = TypeVar("Part")

# The number of results that a task of a tree adds up.
FAN_IN = 4


def place(
    sizes: Mapping[str, int], workers: Sequence[str], earlier: Mapping[str, str]
) -> dict[str, str]:
    """Return the worker of each thing, by its name.

    At first each worker gets consecutive things of about the same size in all, so that most sums of
    neighbours, in which trees begin, move nothing. Where the worker of a thing is still there, the
    thing stays, unless another worker has joined and has nothing: then workers keep their share.
    Others go to the workers with the least so far, the largest first.

    Parameters
    ----------
    sizes : mapping of name to size
    workers : sequence of the addresses of workers, at least one
    earlier : mapping of name to worker

    Examples
    --------
    >>> place({"a": 3, "b": 2, "c": 2}, ["w1", "w2"], {})
    {'a': 'w1', 'b': 'w2', 'c': 'w2'}
    >>> place({"a": 3, "b": 2, "c": 2}, ["w1", "w3"], {"a": "w1", "b": "w2", "c": "w2"})
    {'a': 'w1', 'b': 'w3', 'c': 'w3'}
    >>> place({"a": 3, "b": 2, "c": 2}, ["w1", "w3"], {"a": "w1", "b": "w1", "c": "w1"})
    {'a': 'w1', 'b': 'w3', 'c': 'w3'}
    """
    present = sorted(workers)
    load = dict.fromkeys(present, 0)
    homes = {name: earlier[name] for name in sizes if earlier.get(name) in load}
    for name, home in homes.items():
        load[home] += sizes[name]
    if not homes:
        homes = _in_order(sizes, present)
    elif len(set(homes.values())) < len(present):
        homes, load = _without_surplus(sizes, homes, load)
    for name in sorted(sizes, key=lambda name: (-sizes[name], name)):
        if name not in homes:
            homes[name] = min(present, key=lambda worker: (load[worker], worker))
            load[homes[name]] += sizes[name]
    return {name: homes[name] for name in sizes}


def _without_surplus(
    sizes: Mapping[str, int], homes: Mapping[str, str], load: Mapping[str, int]
) -> tuple[dict[str, str], dict[str, int]]:
    """Return what workers keep, and its sizes, so that they have no more than their share.

    The last thing of a worker stays: if it moved, its worker would be the one with nothing.
    """
    share = sum(sizes.values()) / len(load)
    kept, left = dict(homes), dict(load)
    counts = Counter(kept.values())
    for name, home in reversed(list(homes.items())):
        if counts[home] > 1 and left[home] - sizes[name] / 2 >= share:
            del kept[name]
            left[home] -= sizes[name]
            counts[home] -= 1
    return kept, left


def _in_order(sizes: Mapping[str, int], workers: Sequence[str]) -> dict[str, str]:
    """Return the workers of things: consecutive ones of the same size in all, by their middles."""
    total, before, homes = max(1, sum(sizes.values())), 0.0, {}
    for name, size in sizes.items():
        homes[name] = workers[int((before + size / 2) / total * len(workers) * (1 - 1e-12))]
        before += size
    return homes


def levels_of_tree(
    workers: Sequence[str | None], root: str | None = None, turn: int = 0
) -> list[list[str | None]]:
    """Return the worker of each result of a tree, by level: first the parts, last the root.

    ``FAN_IN`` neighbours are added up where most of them are. Of several such workers another one
    is chosen each time, so that all have a share of the work.

    Parameters
    ----------
    workers : sequence of str or None
        The worker of each part.
    root : str, optional
        The worker that needs the result, if there are several parts.
    turn : int, default 0
        The number of the tree.

    Examples
    --------
    >>> levels_of_tree(["a", "b", "b", "c", "d", "d"], root="a")
    [['a', 'b', 'b', 'c', 'd', 'd'], ['b', 'd'], ['a']]
    """
    levels = [list(workers)]
    while len(levels[-1]) > 1:
        # The digits of the number say which of the candidates each level takes.
        digit = turn // FAN_IN ** (len(levels) - 1)
        levels.append([_most_frequent(group, digit) for group in groups_of(levels[-1])])
    if len(levels) > 1 and root is not None:
        levels[-1] = [root]
    return levels


def groups_of(parts: Sequence[Part]) -> list[Sequence[Part]]:
    """Return the parts of a level of a tree that are added up, in their order."""
    return [parts[first : first + FAN_IN] for first in range(0, len(parts), FAN_IN)]


def _most_frequent(workers: Sequence[str | None], number: int) -> str | None:
    most = max(workers.count(worker) for worker in workers)
    candidates = [worker for worker in dict.fromkeys(workers) if workers.count(worker) == most]
    return candidates[number % len(candidates)]

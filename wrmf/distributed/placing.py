"""Which worker keeps which shard and which block, as long as it lives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["place"]


def place(
    sizes: Mapping[str, int], workers: Sequence[str], earlier: Mapping[str, str]
) -> dict[str, str]:
    """Return the worker of each thing, by its name.

    At first each worker gets consecutive things of about the same size in all, so that most sums of
    neighbours, in which trees begin, move nothing. Where the worker of a thing is still there, the
    thing stays. Others go to the workers with the least so far, the largest first.

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
    """
    present = sorted(workers)
    load = dict.fromkeys(present, 0)
    homes = {name: earlier[name] for name in sizes if earlier.get(name) in load}
    for name, home in homes.items():
        load[home] += sizes[name]
    if not homes:
        homes = _in_order(sizes, present)
    for name in sorted(sizes, key=lambda name: (-sizes[name], name)):
        if name not in homes:
            homes[name] = min(present, key=lambda worker: (load[worker], worker))
            load[homes[name]] += sizes[name]
    return {name: homes[name] for name in sizes}


def _in_order(sizes: Mapping[str, int], workers: Sequence[str]) -> dict[str, str]:
    """Return the workers of things: consecutive ones of the same size in all, by their middles."""
    total, before, homes = max(1, sum(sizes.values())), 0.0, {}
    for name, size in sizes.items():
        homes[name] = workers[int((before + size / 2) / total * len(workers) * (1 - 1e-12))]
        before += size
    return homes

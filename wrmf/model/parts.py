"""Parts that are computed once from the arrays of a model, and kept until these change.

Each part is computed when it is first needed, and then published by one assignment. Threads that
need the same part at the same time may compute it twice, with the same result; none waits for
another. Nothing of it is compared, copied, pickled or saved.
"""

from __future__ import annotations

from typing import TypeVar

from wrmf.cached import cached_property

__all__ = ["Parts"]

Holder = TypeVar("Holder", bound="Parts")


class Parts:
    """Parts that are computed from some arrays, which are the attributes of ``sources``."""

    sources: tuple[str, ...]

    def unless(self: Holder, other: Holder) -> Holder:
        """Return this holder if it has the same arrays as another one, otherwise the other."""
        same = all(getattr(self, name) is getattr(other, name) for name in self.sources)
        return self if same else other

    @property
    def nbytes(self) -> int:
        """The size of the parts that have been computed so far, in bytes."""
        parts = [
            value
            for name, value in vars(self).items()
            if isinstance(vars(type(self)).get(name), cached_property)
        ]
        return sum(value.nbytes for value in parts)

"""The progress of a search: a bar whose total is the expected cost of all its settings."""

from __future__ import annotations

import threading
from types import TracebackType

from wrmf.progress import load_tqdm

__all__ = ["Progress", "training_cost"]


def training_cost(factors: int, epochs: int) -> float:
    """Return the relative time that ``epochs`` iterations with ``factors`` factors take.

    The operations of an iteration grow with the number of factors to a power between 1 and 2.
    """
    return float(epochs * (20.0 + factors) ** 1.5)


class Progress:
    """A progress bar of the cost of finished steps and of steps that are still expected.

    Several threads may use it at once.

    Parameters
    ----------
    show : bool or None
        Whether to draw the bar; None draws it where standard error is a terminal.
    """

    def __init__(self, show: bool | None) -> None:
        self._bar = load_tqdm()(
            total=0.0,
            desc="search",
            disable=None if show is None else not show,
            bar_format="{desc} {percentage:3.0f}%|{bar}| {elapsed} gone, {remaining} left{postfix}",
        )
        self._lock = threading.Lock()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def expect(self, cost: float) -> None:
        """Add to the expected cost; a negative ``cost`` is for steps that will not be run."""
        with self._lock:
            self._bar.total += cost
            self._bar.refresh()

    def advance(self, cost: float) -> None:
        """Report that a step of this cost has been run."""
        with self._lock:
            self._bar.update(cost)

    def close(self) -> None:
        """Leave the bar as it is and release it."""
        self._bar.close()

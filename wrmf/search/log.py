"""The log of learning curves: one boxed table for each setting, written line by line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from wrmf.progress import load_tqdm

__all__ = ["Log", "LogTable", "Write", "as_log"]

Write: TypeAlias = Callable[[str], object]  # takes one line, or several joined by newlines
Log: TypeAlias = Write | bool | None

# Least width of a column, in characters.
MIN_WIDTH = 12


class LogTable:
    """The boxed table of a learning curve, in the layout of Rosenthal 2016.

    Ethan Rosenthal: Intro to Implicit Matrix Factorization: Classic ALS with Sketchfab Models.
    2016.

    Parameters
    ----------
    metrics : sequence of str
        Each gets a column for train and one for test, after the column of epochs.

    Examples
    --------
    >>> table = LogTable(["mse"])
    >>> print(table.head, table.row([2, 0.013, 0.014]), sep="\\n")
    +------------+------------+------------+
    |   epochs   | mse train  |  mse test  |
    +============+============+============+
    |     2      |  0.01300   |  0.01400   |
    +------------+------------+------------+
    """

    def __init__(self, metrics: Sequence[str]) -> None:
        precisions = [metric for metric in metrics if metric.startswith("precision@")]
        titles = ["epochs"]
        for metric in metrics:
            # A single precision is headed "p@k", as in Rosenthal 2016; several show their cut-off.
            short = "p@k" if precisions == [metric] else metric.replace("precision@", "p@")
            titles += [f"{short} train", f"{short} test"]
        self.widths = [max(MIN_WIDTH, len(title) + 2) for title in titles]
        self.head = "\n".join((self._rule("-"), self._line(titles), self._rule("=")))

    def row(self, cells: Iterable[object]) -> str:
        """Return a row with the rule below it; floats are written with five decimals."""
        texts = [f"{cell:.5f}" if isinstance(cell, float) else str(cell) for cell in cells]
        return f"{self._line(texts)}\n{self._rule('-')}"

    def _line(self, texts: Iterable[str]) -> str:
        cells = zip(texts, self.widths, strict=True)
        return "".join(f"| {text:^{width - 2}} " for text, width in cells) + "|"

    def _rule(self, sign: str) -> str:
        return "".join(f"+{sign * width}" for width in self.widths) + "+"


def as_log(log: Log) -> Write:
    """Return a function that writes a line: ``print`` for True, nothing for None and False."""
    if callable(log):
        return log
    return _print if log else _ignore


def _print(line: str) -> None:
    # tqdm.write keeps a progress bar below the lines.
    load_tqdm().write(line)
    sys.stdout.flush()


def _ignore(line: str) -> None:
    pass

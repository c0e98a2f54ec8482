"""Random taste: items belong to cells (a style within a theme), and users like a few cells.

On average, users like the first of their cells most. Their other cells are drawn from the same
theme, or at random where the drawn cell has no items. A small share of likes follows popularity
alone.
"""

from __future__ import annotations

import numpy as np

from wrmf.datasets.synthetic.naming import STYLES, THEMES

__all__ = ["Taste"]

# Average number of items in a cell. It is larger for many items, as the number of cells is limited.
ITEMS_PER_CELL = 12

# The following values make the best setting in the grid of Rosenthal 2016 ("Intro to Implicit
# Matrix Factorization: Classic ALS with Sketchfab Models") lie inside the grid (80 factors, λ 10,
# α 10), with a precision near his. With fewer cells, the best number of factors would be smaller.
# With steeper popularity, the best λ would be outside the grid.

# Share of likes that follow popularity alone.
NOISE = 0.05
# Dirichlet parameters of the shares of a user's likes that go to each of the user's cells.
CELL_WEIGHTS = (3.0, 1.0, 0.6)
# Standard deviations of the log popularity of cells, and of items.
CELL_SPREAD = ITEM_SPREAD = 0.75
CELLS_PER_USER = len(CELL_WEIGHTS)


class Taste:
    """The cells of items, the cells that users like, and random choices that depend on both.

    Parameters
    ----------
    n_users, n_items : int
    generator : Generator
        Also used by the methods that draw.

    Attributes
    ----------
    item_cells : int array (n_items,), ascending
        The cell of each item, theme · ``len(STYLES)`` + style.
    user_cells : int array (n_users, CELLS_PER_USER)
        Cells that each user likes, on average the first one most.
    """

    def __init__(self, n_users: int, n_items: int, generator: np.random.Generator) -> None:
        self.generator = generator
        n_cells = int(np.clip(n_items // ITEMS_PER_CELL, 1, len(THEMES) * len(STYLES)))
        # Items are shuffled later, so they may be sorted by cell here.
        self.item_cells = np.sort(generator.integers(n_cells, size=n_items))
        # The items of cell c are cell_starts[c] … cell_starts[c + 1] - 1.
        self.cell_starts = np.searchsorted(self.item_cells, np.arange(n_cells + 1))
        self.item_cdf = _cumulated(generator.lognormal(0.0, ITEM_SPREAD, n_items))
        self.user_cells = self._draw_user_cells(n_users)
        # Cumulative sums of the shares of each user's likes that go to the user's cells.
        self.cell_shares = np.cumsum(generator.dirichlet(CELL_WEIGHTS, size=n_users), axis=1)

    def _draw_user_cells(self, n_users: int) -> np.ndarray:
        filled = np.flatnonzero(np.diff(self.cell_starts))
        popularity = self.generator.lognormal(0.0, CELL_SPREAD, len(filled))
        popularity /= popularity.sum()
        first = self.generator.choice(filled, size=n_users, p=popularity)
        cells = self.generator.choice(filled, size=(n_users, CELLS_PER_USER), p=popularity)
        cells[:, 0] = first
        theme_starts = first // len(STYLES) * len(STYLES)
        related = theme_starts[:, None] + self.generator.integers(
            len(STYLES), size=(n_users, CELLS_PER_USER - 1)
        )
        cells[:, 1:] = np.where(np.isin(related, filled), related, cells[:, 1:])
        return cells

    def draw_items(self, users: np.ndarray) -> np.ndarray:
        """Return one random item for each entry of ``users``, which may repeat."""
        n = len(users)
        place = (self.generator.random(n)[:, None] > self.cell_shares[users]).sum(axis=1)
        # By rounding, the last cumulative sum may be less than 1.
        cells = self.user_cells[users, np.minimum(place, CELLS_PER_USER - 1)]
        low = self.item_cdf[self.cell_starts[cells]]
        high = self.item_cdf[self.cell_starts[cells + 1]]
        is_noise = self.generator.random(n) < NOISE
        return self._draw_between(self.item_cdf, low, high, anywhere=is_noise)

    def draw_users(self, items: np.ndarray, degrees: np.ndarray) -> np.ndarray:
        """Return one random user for each entry of ``items``, which may repeat.

        The user is drawn from those whose first cell is that of the item, or from all users if
        there are none, with probabilities proportional to ``degrees``, one number per user.
        """
        order = np.argsort(self.user_cells[:, 0], kind="stable")
        starts = np.searchsorted(self.user_cells[order, 0], np.arange(len(self.cell_starts)))
        cdf = _cumulated(degrees[order])
        cells = self.item_cells[items]
        low, high = cdf[starts[cells]], cdf[starts[cells + 1]]
        users: np.ndarray = order[self._draw_between(cdf, low, high, anywhere=high <= low)]
        return users

    def _draw_between(
        self, cdf: np.ndarray, low: np.ndarray, high: np.ndarray, anywhere: np.ndarray
    ) -> np.ndarray:
        """Draw a position for each range of cumulative weights, from ``low`` to ``high``.

        Where ``anywhere`` is true, draw from all positions of ``cdf`` instead.
        """
        low, high = np.where(anywhere, 0.0, low), np.where(anywhere, cdf[-1], high)
        drawn = low + self.generator.random(len(low)) * (high - low)
        # By rounding, a drawn number may be at the very end of its range.
        positions: np.ndarray = np.clip(np.searchsorted(cdf, drawn, "right") - 1, 0, len(cdf) - 2)
        return positions


def _cumulated(weights: np.ndarray) -> np.ndarray:
    """Return the cumulative sums of the weights, preceded by 0, in float64."""
    return np.concatenate(([0.0], np.cumsum(weights)))

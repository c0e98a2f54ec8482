"""Random taste: items belong to cells (a style within a theme), and users like a few cells.

On average, users like the first of their cells most. The others are styles of the same theme where
there are items of them. A small share of likes follows popularity alone.
"""

from __future__ import annotations

import numpy as np

from wrmf.datasets.synthetic.naming import STYLES, THEMES

__all__ = ["Taste"]

ITEMS_PER_CELL = 12  # on average, until every cell is in use

# With these values the best setting in the grid of Rosenthal 2016 ("Intro to Implicit Matrix
# Factorization: Classic ALS with Sketchfab Models") lies inside the grid (80 factors, λ 10, α 10),
# at a precision near his. With fewer cells the best number of factors falls, and with steeper
# popularity the best λ lies beyond the grid.
NOISE = 0.05  # share of likes that follow popularity alone
CELL_WEIGHTS = (3.0, 1.0, 0.6)  # Dirichlet parameters of the shares of a user's cells
CELL_SPREAD = ITEM_SPREAD = 0.75  # standard deviation of log popularity
CELLS_PER_USER = len(CELL_WEIGHTS)


class Taste:
    """Cells of items, cells that users like, and random choices that follow them.

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
        # Items get random ids later, so they may be in the order of their cells here.
        self.item_cells = np.sort(generator.integers(n_cells, size=n_items))
        # The items of cell c are cell_starts[c] … cell_starts[c + 1] - 1.
        self.cell_starts = np.searchsorted(self.item_cells, np.arange(n_cells + 1))
        self.item_cdf = _cumulated(generator.lognormal(0.0, ITEM_SPREAD, n_items))
        self.user_cells = self._draw_user_cells(n_users)
        # Cumulated shares of a user's likes that fall to the user's cells.
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
        # The last share may fall short of 1 by rounding.
        cells = self.user_cells[users, np.minimum(place, CELLS_PER_USER - 1)]
        low = self.item_cdf[self.cell_starts[cells]]
        high = self.item_cdf[self.cell_starts[cells + 1]]
        is_noise = self.generator.random(n) < NOISE
        return self._draw_between(self.item_cdf, low, high, anywhere=is_noise)

    def draw_users(self, items: np.ndarray, degrees: np.ndarray) -> np.ndarray:
        """Return one random user for each entry of ``items``, which may repeat.

        The user is one of those whose first cell is the item's, or anyone if there is none, with
        a probability in proportion to ``degrees``, int (n_users,).
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
        """Return a random position for each range of a cumulated weight.

        Where ``anywhere`` holds, the range is the whole of ``cdf``.
        """
        low, high = np.where(anywhere, 0.0, low), np.where(anywhere, cdf[-1], high)
        drawn = low + self.generator.random(len(low)) * (high - low)
        # Rounding may take a number to the very end of the range.
        positions: np.ndarray = np.clip(np.searchsorted(cdf, drawn, "right") - 1, 0, len(cdf) - 2)
        return positions


def _cumulated(weights: np.ndarray) -> np.ndarray:
    """Return 0 and the sums of the first 1, 2, … weights, float64."""
    return np.concatenate(([0.0], np.cumsum(weights)))

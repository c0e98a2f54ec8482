"""Tables as HTML, for the objects that a notebook shows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

__all__ = ["NO_VALUE", "Cell", "format_score", "html_table"]

NO_VALUE = "–"

# The caption would otherwise be centred below or above, as each notebook likes. No colour is set,
# so that the table has those of the notebook, light or dark.
CAPTION_STYLE = "caption-side:top;text-align:left;color:inherit"


def format_score(score: float) -> str:
    """Return a score with five decimals, as in the log of a search, or a dash if it is not finite.

    Examples
    --------
    >>> format_score(0.05)
    '0.05000'
    """
    return f"{score:.5f}" if math.isfinite(score) else NO_VALUE


class Cell(NamedTuple):
    """A cell of a table; all plain text, escaped by :func:`html_table`.

    Attributes
    ----------
    text : str
    title : str
        Shown while the pointer is on the cell.
    below : str
        A second, smaller line.
    is_strong : bool
        Whether the text is bold.
    """

    text: str
    title: str = ""
    below: str = ""
    is_strong: bool = False


def html_table(
    caption: str, heads: Sequence[str], rows: Iterable[Sequence[str | Cell]], note: str = ""
) -> str:
    """Return a small HTML table without styles or scripts of its own.

    Parameters
    ----------
    caption : str
    heads : sequence of str
        Titles of the columns; none for a table without them.
    rows : iterable of sequences of str or Cell
        The first cell of each row is its name. A row may be shorter than ``heads``.
    note : str, optional
        A line below the table.

    Returns
    -------
    str
        All text is escaped here.

    Examples
    --------
    >>> html_table("Likes & plays", ["user", "likes"], [["ann", "3"]])[-66:]
    '<tbody><tr><th scope="row">ann</th><td>3</td></tr></tbody></table>'
    """
    head = "".join(f'<th scope="col">{escape(title)}</th>' for title in heads)
    body = "".join(f"<tr>{_row(row, len(heads))}</tr>" for row in rows)
    return (
        f'<table><caption style="{CAPTION_STYLE}">{escape(caption)}</caption>'
        + (f"<thead><tr>{head}</tr></thead>" if heads else "")
        + f"<tbody>{body}</tbody></table>"
        + (f"<p><small>{escape(note)}</small></p>" if note else "")
    )


def _row(row: Sequence[str | Cell], n_columns: int) -> str:
    cells = [cell if isinstance(cell, Cell) else Cell(cell) for cell in row]
    cells += [Cell("")] * (n_columns - len(cells))
    return "".join(_cell(cell, is_name=place == 0) for place, cell in enumerate(cells))


def _cell(cell: Cell, is_name: bool) -> str:
    title = f' title="{escape(cell.title)}"' if cell.title else ""
    text = f"<strong>{escape(cell.text)}</strong>" if cell.is_strong else escape(cell.text)
    below = f"<br><small>{escape(cell.below)}</small>" if cell.below else ""
    tag, scope = ("th", ' scope="row"') if is_name else ("td", "")
    return f"<{tag}{scope}{title}>{text}{below}</{tag}>"

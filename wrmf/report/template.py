"""The HTML around the content of the page, and around that of each section."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib import resources

__all__ = ["BarRow", "assemble_bars", "assemble_page", "assemble_section", "label_cell"]


@dataclass(frozen=True)
class BarRow:
    """A row of a table with bars: its plain name, and HTML of the drawing and of the numbers."""

    name: str
    drawing: str
    cells: Sequence[str]
    is_best: bool = False


STYLES = ("report.css", "sections.css")
SCRIPTS = ("settings.js", "explorer.js")


def assemble_page(title: str, body: str) -> str:
    """Return a complete HTML document that makes no network request.

    Its content security policy forbids every request, and every script except those of this
    package, whatever text the data contain.

    Parameters
    ----------
    title : str
        Plain text of the ``<title>`` element; it is escaped here.
    body : str
        HTML of the ``<main>`` element, escaped already.

    Returns
    -------
    str
        The document.

    Examples
    --------
    >>> assemble_page("Search", "<h1>Search</h1>").startswith("<!DOCTYPE html>")
    True
    """
    style, script = ("".join(map(load_asset, names)) for names in (STYLES, SCRIPTS))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    return (
        "<!DOCTYPE html>\n"
        '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n<script>{script}</script>\n</body>\n</html>\n"
    )


def assemble_section(title: str, note: str, content: str, css_class: str = "") -> str:
    """Return a section with its heading and a note below it.

    Parameters
    ----------
    title, note : str
        Plain text, escaped here.
    content : str
        HTML, escaped already.
    css_class : str, optional
        Class of the ``<section>`` element.

    Examples
    --------
    >>> assemble_section("Effects", "of α & λ", "<p>…</p>")
    '<section><h2>Effects</h2><p class=note>of α &amp; λ</p><p>…</p></section>'
    """
    attribute = f' class="{css_class}"' if css_class else ""
    return (
        f"<section{attribute}><h2>{escape(title)}</h2><p class=note>{escape(note)}</p>"
        f"{content}</section>"
    )


def assemble_bars(heads: Sequence[str], rows: Sequence[BarRow]) -> str:
    """Return a table whose rows have a name, a drawing, and the numbers that are drawn.

    Parameters
    ----------
    heads : sequence of str
        Plain titles of the columns: of the name, of the drawing, which may have none, and of the
        numbers.
    rows : sequence of BarRow
    """
    name, drawing, *numbers = map(escape, heads)
    head = (
        f'<th scope="col" class="text">{name}</th>'
        + (f'<th scope="col" class="text">{drawing}</th>' if drawing else "<td></td>")
        + "".join(f'<th scope="col">{title}</th>' for title in numbers)
    )
    body = "".join(
        f"<tr{' class=best' if row.is_best else ''}>"
        f'<th scope="row" class="text">{escape(row.name)}</th>'
        f'<td class="drawing" aria-hidden="true">{row.drawing}</td>'
        + "".join(
            label_cell(f"<td>{cell}</td>", title)
            for cell, title in zip(row.cells, heads[2:], strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return f'<table class="cards bars"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def label_cell(cell: str, label: str) -> str:
    """Return a cell of a table that carries the title of its column, which phones show above it.

    Examples
    --------
    >>> label_cell("<td>3</td>", "Best epoch")
    '<td data-label="Best epoch">3</td>'
    """
    return cell.replace("<td", f'<td data-label="{escape(label)}"', 1) if label else cell


@cache
def load_asset(name: str) -> str:
    """Return the text of a file of this package, preceded by a line break."""
    # Text mode turns CRLF into LF, as browsers do before they compute the hash of a script.
    return "\n" + resources.files(__package__).joinpath(name).read_text(encoding="utf-8")

r"""Refuse texts that UTF-8 cannot hold, in words that say which text and what to type.

Such a text has a lone surrogate, as in "caf\udce9". Names of files that are no UTF-8 have them, and
so has JSON with half of a pair of escapes. No file, table or answer over HTTP could hold them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["check_unicode", "refusing_surrogates"]

# Characters before and after the one that UTF-8 cannot hold that a message shows of a long text.
SHOWN = 20


@contextmanager
def refusing_surrogates(holder: str) -> Iterator[None]:
    """Raise a clear ValueError where a library finds a text that UTF-8 cannot hold.

    Parameters
    ----------
    holder : str
        What holds the texts, in the singular, such as "column 'user'".
    """
    try:
        yield
    except UnicodeEncodeError as error:
        text = error.object[max(0, error.start - SHOWN) : error.start + SHOWN]
        raise ValueError(
            f"{holder} holds {text!a}, which is no text of Unicode: replace what UTF-8 cannot "
            "hold, as text.encode(errors='replace').decode() does"
        ) from None


def check_unicode(texts: Iterable[Any], holder: str) -> None:
    """Raise a ValueError if a value is a text that UTF-8 cannot hold; others are not looked at.

    Examples
    --------
    >>> check_unicode(["Emma", 7], "the history")
    """
    with refusing_surrogates(holder):
        for text in texts:
            if isinstance(text, str) and not text.isascii():
                text.encode()

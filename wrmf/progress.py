"""Progress bars that fit the place where they are drawn."""

from __future__ import annotations

import functools
import warnings
from typing import Any

__all__ = ["load_tqdm"]


@functools.cache
def load_tqdm() -> Any:
    """Return the class of progress bars: widgets in a notebook that has them, else lines of text.

    tqdm warns in notebooks without ipywidgets before it falls back to text. Nobody has to install
    a package for a progress bar, so the warning is suppressed.

    Examples
    --------
    >>> list(load_tqdm()(range(2), disable=True))
    [0, 1]
    """
    from tqdm import TqdmWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TqdmWarning)
        from tqdm.auto import tqdm
    return tqdm

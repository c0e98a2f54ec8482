"""What the tests of formats share."""

import pandas as pd

from wrmf.data.formats.options import SourceOptions
from wrmf.data.formats.sources import load_source


def load(source, *columns, layout="pairs", **options):
    """Return the wanted columns as a dict of lists, users and items by default."""
    wanted = columns or ("user", "item")
    table = load_source(source, SourceOptions(columns=wanted, **options), layout)
    if isinstance(table, pd.DataFrame):
        return {name: table[name].tolist() for name in table.columns}
    return table.to_pydict()


def rows(source, *columns, **options):
    """Return the rows of a source as tuples."""
    return list(zip(*load(source, *columns, **options).values(), strict=True))

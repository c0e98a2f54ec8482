"""The blocks of the page about moving over run, where the libraries they import are installed."""

import re
from pathlib import Path

import numpy as np
from implicit_programs import PROGRAMS

from wrmf.compat import implicit

PAGE = Path(__file__).parents[2] / "docs" / "moving_over.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.S)
# Libraries that blocks may import and that need not be installed.
OPTIONAL = ("rectools", "lenskit")


def test_the_blocks_run_one_after_the_other():
    names = {}
    for block in BLOCKS:
        try:
            exec(compile(block, str(PAGE), "exec"), names)
        except ImportError as error:
            assert any(library in str(error) for library in OPTIONAL), error
    assert isinstance(names["ours"].item_factors, np.ndarray)


def test_the_page_names_every_name_of_implicits_modules():
    for module in (implicit.als, implicit.evaluation, implicit.nearest_neighbours):
        for name in module.__all__:
            assert f"`{name}`" in TEXT


def test_the_page_says_how_many_calls_are_compared():
    assert f"has {len(PROGRAMS)} such calls" in TEXT

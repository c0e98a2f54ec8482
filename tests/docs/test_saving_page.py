"""The code of the page about saving runs, and prints what the page shows."""

import doctest
import re
from pathlib import Path

import numpy as np
import pytest

import wrmf
from wrmf.model.tensors import read_tensors

PAGE = Path(__file__).parents[2] / "docs" / "saving.md"
TEXT = PAGE.read_text(encoding="utf-8")


@pytest.fixture
def names(tmp_path, monkeypatch):
    """The names that the first block of the page gives, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(re.findall(r"```python\n(.*?)```", TEXT, re.S)[0], names)
    return names


def test_blocks_and_sessions_of_the_page_run_in_order(names):
    pytest.importorskip("safetensors")
    pytest.importorskip("faiss")
    for language, block in re.findall(r"```(python|pycon)\n(.*?)```", TEXT, re.S):
        if language == "python":
            exec(block, names)
            continue
        test = doctest.DocTestParser().get_doctest(block, names, PAGE.name, str(PAGE), 0)
        printed = []
        doctest.DocTestRunner().run(test, out=printed.append)
        assert not printed, "".join(printed)
    assert names["arrays"]["user_factors"].shape == (6, 4)
    assert isinstance(names["again"], wrmf.WRMF)


def test_the_page_names_every_array_of_a_file(names):
    model = names["model"].set_params(item_weight=0.2, value_damping=0.3)
    data = names["data"].with_names({item: f"name of {item}" for item in names["data"].items})
    features = {"user_features": np.eye(6), "item_features": np.eye(8)}
    model.fit(data, progress=False, **features)
    arrays = set()
    for train in (True, False):
        model.save("m", train=train)
        with Path("m").open("rb") as file:
            arrays |= set(read_tensors(file).arrays)
    for name in arrays:
        stem, _, part = name.partition(".")
        assert f"`{stem}" in TEXT, name
        assert f".{part}`" in TEXT or not part, name

"""Small data, a model, and standard streams for the tests of the command line."""

import io
import sys

import pytest

import wrmf


@pytest.fixture(scope="session")
def named_likes():
    return wrmf.datasets.synthetic_likes(120, 100, 1500)


@pytest.fixture
def workplace(named_likes, tmp_path, monkeypatch):
    """A folder with likes.csv, which has names, and model.wrmf, as the working folder."""
    frame = named_likes.to_frame()
    frame["name"] = named_likes.item_names[named_likes.matrix.indices]
    frame.to_csv(tmp_path / "likes.csv", index=False)
    model = wrmf.WRMF(4, 1.0, 5.0, iterations=2, objective="wrmf", random_state=0)
    model.fit(named_likes).save(tmp_path / "model.wrmf")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def standard_input(monkeypatch):
    """A function that makes bytes the standard input."""

    def use(content):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), "utf-8"))

    return use

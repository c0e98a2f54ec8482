"""A note is kept in the metadata of a model file, and changes nothing else."""

import numpy as np
import pytest

import wrmf
from wrmf.model.persistence import read_note


@pytest.fixture
def model():
    return wrmf.WRMF(2, 1.0, 1.0, objective="wrmf", random_state=0).fit(np.eye(4))


@pytest.mark.parametrize("note", ["", "wrmf fit likes.csv", "zwei\nZeilen: ä", "\ud800 lone"])
def test_a_note_is_read_back(note, model, tmp_path):
    model.save(tmp_path / "m", note=note)
    assert read_note(tmp_path / "m") == note.replace("\ud800", "?")
    again = wrmf.load(tmp_path / "m")
    assert (again.item_factors == model.item_factors).all()
    assert again.get_params() == model.get_params()
    again.save(tmp_path / "n")
    assert read_note(tmp_path / "n") == ""


def test_a_note_must_be_text(model, tmp_path):
    with pytest.raises(TypeError, match="note must be a text, got 7"):
        model.save(tmp_path / "m", note=7)
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_model_has_no_note(tmp_path):
    (tmp_path / "m").write_bytes(b"no model at all")
    with pytest.raises(ValueError, match="not a readable wrmf model file"):
        read_note(tmp_path / "m")
    with pytest.raises(FileNotFoundError, match="no such model file"):
        read_note(tmp_path / "none")

import json
import zipfile

import numpy as np
import pytest

import wrmf
from wrmf import WRMF, Interactions
from wrmf.model import persistence


@pytest.fixture
def model(likes):
    users = [f"u{row}" for row in range(likes.shape[0])]
    items = [("i", column) for column in range(likes.shape[1])]
    data = Interactions.from_matrix(likes, users, items)
    return WRMF(factors=3, regularization=(0.1, 0.2), iterations=2, random_state=1).fit(data)


def test_a_loaded_model_answers_as_the_saved_one(model, tmp_path, likes):
    path = tmp_path / "m.wrmf"
    model.save(path)
    again = wrmf.load(path)
    assert again.get_params() == model.get_params()
    ours, theirs = model.recommend(["u3", "u9"], n=4), again.recommend(["u3", "u9"], n=4)
    assert ours.ids.tolist() == theirs.ids.tolist()
    assert np.array_equal(ours.scores, theirs.scores, equal_nan=True)
    assert again.iterations_done == 2
    assert np.array_equal(again.fold_in_users(likes[:3]), model.fold_in_users(likes[:3]))
    assert [entry.name for entry in tmp_path.iterdir()] == ["m.wrmf"]


def test_integer_ids_and_generators_survive(likes, tmp_path):
    model = WRMF(factors=2, iterations=1, random_state=np.random.default_rng(0)).fit(likes)
    model.save(tmp_path / "m")
    again = wrmf.load(tmp_path / "m")
    assert again.users.dtype == np.int64
    assert again.random_state is None


def test_every_truncation_is_refused(model, tmp_path):
    path = tmp_path / "m.wrmf"
    model.save(path)
    whole = path.read_bytes()
    for share in np.linspace(0, 0.999, 12):
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(ValueError, match="not a readable wrmf model file"):
            wrmf.load(path)


def test_damage_is_refused(model, tmp_path):
    path = tmp_path / "m.wrmf"
    model.save(path)
    whole = bytearray(path.read_bytes())
    place = whole.find(model.item_factors.tobytes()[:16])
    whole[place] ^= 0xFF
    path.write_bytes(whole)
    with pytest.raises(ValueError, match="not a readable wrmf model file"):
        wrmf.load(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x04K\x01.", b"PK\x03\x04junk"])
def test_foreign_files_are_refused(tmp_path, content):
    path = tmp_path / "m.wrmf"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="not a readable wrmf model file"):
        wrmf.load(path)


def rewrite(path, **changes):
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    header = json.loads(members["model.json"])
    header.update(changes)
    members["model.json"] = json.dumps(header).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"format": "other"}, "does not name the format"),
        ({"version": 99}, "update wrmf"),
        ({"shape": [3, 3]}, "index pointer"),
        ({"users": ["a"]}, "1 user ids for 300 rows"),
        ({"params": {"colour": 3}}, "colour"),
    ],
)
def test_headers_that_do_not_fit_are_refused(model, tmp_path, changes, error):
    path = tmp_path / "m.wrmf"
    model.save(path)
    rewrite(path, **changes)
    with pytest.raises(ValueError, match=error):
        wrmf.load(path)


def test_a_failed_save_leaves_the_old_file(model, tmp_path, monkeypatch):
    path = tmp_path / "m.wrmf"
    model.save(path)
    before = path.read_bytes()

    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(persistence.np.lib.format, "write_array", fail)
    with pytest.raises(OSError, match="disk full"):
        model.save(path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_what_cannot_be_saved_is_explained(likes, tmp_path):
    with pytest.raises(ValueError, match="not fitted"):
        WRMF().save(tmp_path / "m")
    ids = [frozenset([row]) for row in range(likes.shape[0])]
    model = WRMF(factors=2, iterations=1).fit(Interactions.from_matrix(likes, ids))
    with pytest.raises(TypeError, match="cannot save the user id"):
        model.save(tmp_path / "m")
    with pytest.raises(FileNotFoundError, match="no such model file"):
        wrmf.load(tmp_path / "nothing")
    model = WRMF(factors=2, iterations=1).fit(likes)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        model.save(tmp_path / "no" / "m")
    with pytest.raises(IsADirectoryError, match="name a file in it"):
        model.save(tmp_path)

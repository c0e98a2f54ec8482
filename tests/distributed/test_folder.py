"""The folder of a fit: who may use it, what is trusted in it, and what is refused."""

import pytest
from sharding import rows_of_likes, shards_in

from wrmf.distributed.folder import Folder
from wrmf.distributed.manifest import Manifest
from wrmf.distributed.state import Latest, known_method


@pytest.fixture(scope="module")
def rows():
    return rows_of_likes(6000, 300, 70)


def test_remains_of_dead_processes_are_swept(tmp_path):
    folder = Folder.prepare(tmp_path)
    remains = folder.path("items/.00001-00000.tensors.ab12.tmp")
    remains.write_bytes(b"half")
    (tmp_path / "mine.txt").write_text("kept")
    with folder.claimed():
        assert not remains.exists()
    Folder.prepare(tmp_path).clear()
    assert (tmp_path / "mine.txt").exists()


def test_one_fit_at_a_time_uses_a_folder(tmp_path):
    folder = Folder.prepare(tmp_path)
    with folder.claimed():
        with pytest.raises(ValueError, match="another fit uses folder="), folder.claimed():
            pass
        with Folder.prepare(tmp_path / "other").claimed():
            pass
    with folder.claimed():
        pass
    assert not [path for path in tmp_path.iterdir() if path.is_file()]


def test_a_folder_without_name_or_within_the_source_is_refused(tmp_path):
    with pytest.raises(ValueError, match="folder is an empty text"):
        Folder.prepare("")
    for within in (tmp_path, tmp_path / "a" / "b"):
        with pytest.raises(ValueError, match="of which every file is data"):
            Folder.prepare(within, apart_from=[tmp_path])
    assert not (tmp_path / "a").exists()
    Folder.prepare(tmp_path / "fit", apart_from=[tmp_path / "data", tmp_path / "*.parquet"])


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="folder="):
        Folder.prepare(tmp_path / "file")


def test_broken_pointers_are_named(rows, tmp_path):
    folder, _ = shards_in(tmp_path, rows)
    folder.path("data/manifest.json").write_text("{")
    with pytest.raises(ValueError, match=r"manifest.json is damaged"):
        Manifest.read(folder)
    folder.write_json("data/manifest.json", {"format": 99})
    with pytest.raises(ValueError, match="format 99"):
        Manifest.read(folder)
    for content in ({}, [], {"iteration": 1, "blocks": [{}], "history": []}):
        for name, read in (("latest.json", Latest.read), ("run.json", known_method)):
            folder.write_json(name, content)
            with pytest.raises(ValueError, match=rf"{name} is damaged .*resume=False"):
                read(folder)

import pytest

from wrmf.pictures import FolderPictures

PNG = b"\x89PNG\r\n\x1a\n" + bytes(32)


def test_a_folder_has_pictures_by_id_and_refuses_files_that_are_none(tmp_path):
    (tmp_path / "7.PNG").write_bytes(PNG)
    (tmp_path / "a.b.gif").write_bytes(b"GIF89a")
    (tmp_path / "x%2Fy.png").write_bytes(PNG)
    (tmp_path / "fake.jpg").write_text("not a picture")
    (tmp_path / "big.png").write_bytes(PNG + bytes(2000))
    (tmp_path / "folder.png").mkdir()
    source = FolderPictures(tmp_path, max_bytes=1000)
    assert source(7).mime == "image/png"
    assert source("a.b").mime == "image/gif"
    assert source("x/y").data == PNG
    assert [source(item) for item in ("fake", "big", "folder", "none")] == [None] * 4
    assert source.failures.total() == 2


def test_of_several_files_for_one_item_the_preferred_extension_is_used(tmp_path):
    (tmp_path / "7.gif").write_bytes(b"GIF89a")
    (tmp_path / "7.png").write_bytes(PNG)
    assert FolderPictures(tmp_path)(7).mime == "image/png"


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "7.png").write_bytes(PNG)
    with pytest.raises(NotADirectoryError, match="no folder"):
        FolderPictures(tmp_path / "7.png")


@pytest.mark.parametrize("item", ["../secret", "/etc/passwd", "..", "", "a/b", "x\0y"])
def test_no_id_reads_a_file_outside_the_folder(item, tmp_path):
    (tmp_path / "secret.png").write_bytes(PNG)
    folder = tmp_path / "pictures"
    folder.mkdir()
    assert FolderPictures(folder)(item) is None

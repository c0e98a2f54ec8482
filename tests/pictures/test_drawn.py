import re
from xml.etree import ElementTree

import pytest

import wrmf
from wrmf.pictures import DrawnPictures, drawn_tile, fetch_all
from wrmf.pictures.drawn import item_name


def test_the_same_item_always_has_the_same_tile():
    first, again, other = (drawn_tile(item, "Rusty Tank 3") for item in (1, 1, 2))
    assert first.mime == "image/svg+xml"
    assert first.data == again.data
    assert first.data != other.data
    assert b"<svg" in other.data


def test_a_name_cannot_add_a_script_to_a_tile():
    assert b"<script" not in drawn_tile(1, "<script>").data


@pytest.mark.parametrize("name", ["", "42", "<b>&\"'", "\ud800", "名前", "a" * 5000, "The of"])
def test_a_tile_of_any_name_is_well_formed_and_small(name):
    data = drawn_tile("<id>", name).data
    assert ElementTree.fromstring(data).tag.endswith("svg")
    assert len(data) < 8000


def test_tiles_whose_names_share_words_share_colours():
    def colours(name):
        return set(re.findall(rb"#[0-9a-f]{6}", drawn_tile(name, name).data))

    lantern, kettle = colours("Copper Lantern 1"), colours("Copper Kettles 2")
    assert colours("Copper Lantern 9") == lantern
    assert len(lantern & kettle) >= 3
    assert len(lantern & colours("Iron Lanterns")) >= 3
    assert not lantern & colours("Paper Boat")


def test_an_unknown_item_is_named_and_drawn_by_its_id(likes):
    data = wrmf.Interactions.from_matrix(likes, item_names=["Kite"] * likes.shape[1])
    assert item_name(data, 3) == "Kite"
    assert item_name(data, "unknown") == "unknown"
    assert item_name(None, 3) == "3"
    assert DrawnPictures(data)("unknown") == drawn_tile("unknown", "unknown")


def test_a_source_that_raises_does_not_stop_the_others(caplog):
    def source(item):
        if item == 2:
            raise RuntimeError("broken")
        return drawn_tile(item, "Kite")

    pictures = fetch_all(source, [1, 2, 3, 1])
    assert [item for item, picture in pictures.items() if picture is None] == [2]
    assert list(pictures) == [1, 2, 3]
    assert "broken" in caplog.text

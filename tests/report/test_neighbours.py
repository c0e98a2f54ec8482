import base64
import re

import numpy as np

import wrmf
from wrmf.pictures import DrawnPictures, FolderPictures
from wrmf.report.choices import choose_items, item_popularity


def test_an_item_is_not_its_own_neighbour_and_a_short_list_is_not_filled_up(result, page_text):
    likes = np.array([[1, 1, 0], [1, 0, 1], [0, 1, 1], [1, 1, 0]], dtype=np.float32)
    data = wrmf.Interactions.from_matrix(likes, items=["a", "b", "c"])
    model = wrmf.WRMF(2, iterations=2, random_state=0).fit(data)
    text = page_text(result, model, items=["a"], n_neighbours=5)
    cards = re.findall('<li class="item">.*?</li>', text)
    names = [re.search(">([^<]*)</p>", card)[1] for card in cards]
    assert sorted(names) == ["b", "c"]
    cosines = model.similar_items("a", n=2).scores[0]
    for cosine, card in zip(cosines, cards, strict=True):
        assert f">{cosine:.2f}<" in card


def test_an_item_without_interactions_has_no_neighbours(result, likes, page_text):
    data = wrmf.Interactions.from_matrix(likes)
    model = wrmf.WRMF(4, iterations=2, random_state=0).fit(data)
    assert "no neighbours" in page_text(result, model, data, items=[11])


def test_an_item_without_a_picture_says_so(result, model, data, page_text, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "3.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(32))
    text = page_text(result, model, data, pictures=FolderPictures(folder), items=[3, 4])
    assert "data:image/png" in text
    assert "no picture" in text


def test_pictures_are_embedded_byte_for_byte(result, model, data, page_text):
    source = DrawnPictures(data)
    text = page_text(result, model, data, source, items=[3])
    embedded = re.findall(r'<img [^>]*src="data:image/svg\+xml;base64,(.*?)"', text)
    assert base64.b64decode(embedded[0]) == source(3).data
    assert len(embedded) == 6


def test_default_items_are_popular_and_depend_on_the_seed(data, model):
    popularity = item_popularity(model, data)
    chosen = choose_items(model.item_factors, popularity, random_state=3)
    assert chosen == choose_items(model.item_factors, popularity, random_state=3)
    assert len(set(chosen)) == 6
    likes = np.bincount(data.matrix.indices, minlength=data.n_items)
    assert likes[chosen].min() >= np.sort(likes)[-60]
    assert choose_items(model.item_factors, popularity, random_state=4) != chosen


def test_default_items_come_from_different_clusters_of_the_factors():
    item_factors = np.repeat(np.eye(6), 10, axis=0)
    chosen = choose_items(item_factors, None, random_state=0)
    assert len({item // 10 for item in chosen}) >= 5

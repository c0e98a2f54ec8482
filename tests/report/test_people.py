"""The three people, and what the page can search."""

import base64
import json
import re

import numpy as np
import pytest

import wrmf
from wrmf.report.choices import choose_unlike, typical_rows
from wrmf.report.comparison import compare
from wrmf.report.explorer_data import choose_explored, pack_explorer
from wrmf.report.people import describe_people
from wrmf.report.sections.catalogue import popularity_groups
from wrmf.report.sections.people import thirds_by_hits

BREAKOUT = "</script><!--<script>'\"&\u2028"
SETTINGS = {"objective": "wrmf", "regularization": 1.0, "alpha": 5.0, "random_state": 0}


@pytest.fixture(scope="module")
def likes_of_people():
    return wrmf.datasets.synthetic_likes(300, 120, 4000, random_state=0)


@pytest.fixture(scope="module")
def fitted(likes_of_people):
    return wrmf.WRMF(factors=8, iterations=4, **SETTINGS).fit(likes_of_people)


def packed_of(text):
    return json.loads(re.search('<script type="application/json"[^>]*>(.*?)</script>', text)[1])


def unpacked(packed, name, width):
    places = np.frombuffer(base64.b64decode(packed[name]), dtype="<u2").astype(int)
    return np.where(places == 2**16 - 1, -1, places).reshape(-1, width)


def test_people_are_those_of_recommend_and_explain(fitted):
    rows = np.array([3, 41])
    for row, person in zip(rows, describe_people(fitted, rows, 6, 5), strict=True):
        lists = fitted.recommend(person.id, n=6)
        assert person.id == fitted.users[row]
        assert person.shown == tuple(lists.rows[0])
        own = set(fitted.train_matrix[[row]].indices.tolist())
        assert set(person.had) <= own and person.n_had == len(own)
        for item, reasons in zip(lists.ids[0], person.reasons, strict=True):
            explained = fitted.explain(person.id, item, n=2)["item"]
            assert fitted.items[list(reasons)].tolist() == explained.tolist()
        # The reasons come first in the history.
        used = {item for reasons in person.reasons for item in reasons}
        assert set(person.had[: len(used)]) <= used


def test_a_held_out_item_in_a_list_is_marked(likes_of_people, make_curve, page_text):
    split = wrmf.leave_k_out(likes_of_people, k=4, random_state=0)
    curve = make_curve({**SETTINGS, "factors": 8}, [0.1])
    text = page_text(curve, split=split)
    people = re.findall('<article class="person">.*?</article>', text)
    assert len(people) == 3
    for html in people:
        user = re.search("Person ([^<]*)<", html)[1]
        row = split.train.users.tolist().index(int(user) if user.isdecimal() else user)
        held_out = split.test.names_of(split.test.matrix[[row]].indices)
        marked = re.findall('<li>([^<]*) <span class="hit">', html)
        assert set(marked) <= set(held_out)
        assert f"{len(marked)} of 10 liked" in html


def test_people_come_from_each_third_by_hits(likes_of_people, make_curve):
    split = wrmf.leave_k_out(likes_of_people, k=4, random_state=0)
    curve = make_curve({**SETTINGS, "factors": 8}, [0.1])
    comparison = compare(
        wrmf.SearchResult("precision@5", (), [curve]), split, False, random_state=0
    )
    most, middle, least = thirds_by_hits(comparison)
    assert sorted([*most, *middle, *least]) == split.users.tolist()
    hits = dict(zip(comparison.tested.tolist(), comparison.contenders[0].hits, strict=True))
    assert min(hits[row] for row in most) >= max(hits[row] for row in middle)
    assert min(hits[row] for row in middle) >= max(hits[row] for row in least)


def test_dislikes_are_neither_shown_as_had_nor_counted_as_liked(make_curve, page_text):
    random = np.random.default_rng(0)
    values = random.choice([0, 0, 1, -1], size=(60, 30))
    values[:, :3] = 1
    data = wrmf.Interactions.from_matrix(values, negative="dislike")
    split = wrmf.split_interactions(data, 0.3, random_state=0)
    text = page_text(make_curve({**SETTINGS, "factors": 4}, [0.1]), split=split)
    for html in re.findall('<article class="person">.*?</article>', text):
        row = int(re.search("Person ([^<]*)<", html)[1])
        had, shown = re.findall("<(?:ul|ol)>.*?</(?:ul|ol)>", html)
        for item in re.findall(r"<li>(\d+)</li>", had):
            assert values[row, int(item)] > 0
        for item in re.findall(r'<li>(\d+) <span class="hit">', shown):
            assert values[row, int(item)] > 0


def test_people_can_be_named(fitted, result, page_text):
    users = fitted.users[[5, 6]].tolist()
    text = page_text(result, fitted, users=users)
    assert re.findall("<h3>Person ([^<]*)</h3>", text) == [str(user) for user in users]
    assert "<h2>Two people</h2>" in text and "Chosen by name." in text
    with pytest.raises(ValueError, match="unknown id"):
        page_text(result, fitted, users=["nobody"])


def test_a_model_without_its_training_data_has_items_but_no_people(
    fitted, result, page_text, tmp_path
):
    fitted.save(tmp_path / "model.wrmf", train=False)
    text = page_text(result, wrmf.load(tmp_path / "model.wrmf"))
    packed = packed_of(text)
    assert packed["people"] == [] and len(packed["names"]) == 120
    assert packed["popularity"] is None
    assert "Three people" not in text


def test_packed_lists_are_those_of_the_model(fitted, likes_of_people, result, page_text):
    packed = packed_of(page_text(result, fitted, likes_of_people, max_users=20))
    names = np.array([*packed["names"], None], dtype=object)
    counts = np.frombuffer(base64.b64decode(packed["popularity"]), dtype="<u4")
    assert (np.diff(counts.astype(int)) <= 0).all()
    assert len(packed["people"]) == 20
    near = names[unpacked(packed, "near", packed["nNear"])]
    ids = fitted.items if packed["ids"] is None else np.array(packed["ids"])
    similar = fitted.similar_items([type(fitted.items[0])(ids[0])], n=packed["nNear"])
    assert near[0].tolist() == similar.names[0].tolist()
    for place, user in enumerate(packed["people"]):
        row = [str(known) for known in fitted.users].index(user)
        shown = names[unpacked(packed, "shown", packed["lengths"][1])[place]]
        assert shown.tolist() == fitted.recommend(fitted.users[[row]]).names[0].tolist()


def test_all_items_of_people_are_packed_even_beyond_the_largest_number_of_items(fitted):
    popularity = np.bincount(fitted.train_matrix.indices, minlength=len(fitted.items))
    explorer = choose_explored(fitted, popularity, max_items=5, max_people=10, random_state=0)
    for person in explorer.people:
        assert min((*person.had, *person.shown)) >= 0
    assert len(explorer.positions) > 5
    # Neighbours are of these items only.
    assert explorer.near.max() < len(explorer.positions)


def test_packed_text_cannot_end_its_element_and_long_names_are_cut(fitted):
    popularity = np.ones(len(fitted.items))
    explorer = choose_explored(fitted, popularity, 120, 3, random_state=0)
    names = [BREAKOUT, "x" * 5000, *["y"] * 118]
    text = pack_explorer(explorer, names, None)
    assert not set("<>&") & set(text)
    unpacked_names = json.loads(text)["names"]
    assert unpacked_names[0] == BREAKOUT
    assert unpacked_names[1] == "x" * 119 + "…"


def test_the_page_is_the_same_for_the_same_arguments(likes_of_people, make_curve, page_text):
    split = wrmf.leave_k_out(likes_of_people, k=2, random_state=0)
    settings = {**SETTINGS, "random_state": None, "factors": 4}
    pages = [page_text(make_curve(settings, [0.1]), split=split, max_users=10) for _ in range(2)]
    assert pages[0] == pages[1]
    other = page_text(make_curve(settings, [0.1]), split=split, max_users=10, random_state=1)
    assert other != pages[0]


def test_search_can_be_left_out(fitted, result, page_text):
    text = page_text(result, fitted, max_items=0)
    assert "Look one up" not in text
    with pytest.raises(ValueError, match="max_users must be at least 0, got -1"):
        page_text(result, fitted, max_users=-1)


def test_shares_of_the_catalogue_are_those_of_the_lists(fitted, result, page_text):
    text = page_text(result, fitted)
    lists = fitted.recommend(n=10)
    popularity = np.bincount(fitted.train_matrix.indices, minlength=len(fitted.items))
    head, middle, tail = popularity_groups(popularity)
    shown = np.bincount(lists.rows[lists.rows >= 0], minlength=len(fitted.items))
    row = re.search('<tr class=best><th scope="row" class="text">This model</th>.*?</tr>', text)[0]
    for title, group in (("Most popular 1 %", head), ("Next 9 %", middle), ("Other 90 %", tail)):
        cell = re.search(f'data-label="{title}">([^<]*) %<', row)[1]
        assert float(cell) == pytest.approx(100 * shown[group].sum() / shown.sum(), abs=0.51)
    assert f'once">{np.count_nonzero(shown):,} ' in row


def test_the_most_popular_items_are_the_head():
    popularity = np.array([1, 9, 3, 7] * 25)
    head, middle, tail = popularity_groups(popularity)
    assert head.tolist() == [1]
    assert set(popularity[middle]) == {9}
    assert len(tail) == 90


def test_typical_rows_are_in_the_middle_half():
    lengths = np.array([0, 0, 1, 2, 3, 4, 5, 6, 7, 8])
    assert lengths[typical_rows(lengths)].tolist() == [2, 3, 4, 5, 6]
    assert typical_rows(np.zeros(3, dtype=int)).tolist() == []


def test_a_row_is_chosen_from_each_pool_and_never_twice():
    factors = np.array([[1.0, 0], [1, 0.01], [0, 1]])
    pools = [np.array([0]), np.array([0, 1, 2]), np.array([0, 2])]
    assert choose_unlike(factors, pools, random_state=0) == [0, 2]

"""Recommendations unpack, index, compare, and turn into frames and notebook tables."""

import numpy as np
import pandas as pd
import pytest

import wrmf
from wrmf.model.recommendations import BACKENDS


@pytest.fixture
def model(likes, small):
    return small().fit(likes)


@pytest.fixture
def named(likes, small):
    names = [f"<b>{column}</b> & co" for column in range(likes.shape[1])]
    items = [f"i{column}" for column in range(likes.shape[1])]
    return small().fit(wrmf.Interactions.from_matrix(likes, items=items, item_names=names))


def test_lists_unpack_into_ids_and_scores(model):
    lists = model.recommend([4, 2], n=3)
    ids, scores = lists
    assert ids is lists.ids
    assert scores is lists.scores
    assert len(lists) == 2


def test_a_row_is_one_list_without_padding(model):
    lists = model.recommend([16, 17, np.int64(3)], n=200)
    for row in (0, 1, 2, -1, np.int64(0)):
        ids, scores = lists[row]
        count = lists.counts[row]
        assert ids.tolist() == lists.ids[row, :count].tolist()
        assert len(scores) == len(ids) == count
        assert not np.isnan(scores).any()
        assert -1 not in ids
    assert lists[1].ids.tolist() == []
    with pytest.raises(IndexError):
        lists[3]


@pytest.mark.parametrize(
    "rows",
    [slice(1, None), [2, 0], np.array([False, True, True]), [], range(2), (True, False, True)],
)
def test_slices_masks_and_row_numbers_choose_lists(named, rows):
    lists = named.recommend([4, 17, 8], n=3)
    part = lists[rows]
    chosen = np.arange(3)[
        rows
        if isinstance(rows, slice)
        else np.asarray(rows, dtype=type(rows[0]) if len(rows) else int)
    ]
    assert isinstance(part, wrmf.Recommendations)
    assert part.users.tolist() == lists.users[chosen].tolist()
    assert part.ids.tolist() == lists.ids[chosen].tolist()
    assert part.names.tolist() == lists.names[chosen].tolist()
    assert part.columns == lists.columns


@pytest.mark.parametrize("row", ["ann", 1.5, None, (slice(2), 0)])
def test_other_indices_are_errors(model, row):
    with pytest.raises(
        (TypeError, ValueError), match="lists are indexed by a row, a slice, a mask"
    ):
        model.recommend([4, 2], n=3)[row]


def test_lists_are_iterated_with_the_id_of_their_query(model):
    lists = model.recommend([16, 17], n=3)
    by_query = dict(lists.by_query())
    assert list(by_query) == [16, 17]
    assert by_query[16].ids.tolist() == lists.ids[0].tolist()
    assert len(by_query[17].ids) == 0


def test_a_comparison_is_one_bool(model):
    lists = model.recommend([16, 17], n=3)
    assert (lists == model.recommend([16, 17], n=3)) is True
    assert (lists != model.recommend([16, 17], n=3)) is False
    assert lists.equals(lists[:])
    assert lists != model.recommend([16, 18], n=3)
    assert lists != model.recommend([16, 17], n=2)
    assert lists != model.similar_users([16, 17], n=3)
    assert lists != "lists"
    with pytest.raises(TypeError, match="unhashable"):
        hash(lists)


def test_frames_name_what_was_asked_for(named):
    assert list(named.recommend([0], n=2).to_frame()) == ["user", "item", "name", "score", "rank"]
    similar = named.similar_items(["i4"], n=2).to_frame()
    assert list(similar) == ["item", "similar_item", "name", "score", "rank"]
    assert similar["item"].tolist() == ["i4", "i4"]
    assert "i4" not in similar["similar_item"].tolist()
    assert list(named.similar_users([0], n=2).to_frame()) == [
        "user",
        "similar_user",
        "score",
        "rank",
    ]


def test_frames_belong_to_the_library_of_the_query(named, likes, small):
    pl, pa = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    users = [4, 17, 8]
    expected = named.recommend(users, n=2).to_frame()
    for asked, kind in (
        (pl.Series(users), pl.DataFrame),
        (pa.chunked_array([[4], [17, 8]]), pa.Table),
        (pd.Series(users), pd.DataFrame),
        (users, pd.DataFrame),
    ):
        frame = named.recommend(asked, n=2).to_frame()
        assert type(frame) is kind
        as_pandas = frame if kind is pd.DataFrame else frame.to_pandas()
        assert as_pandas.to_dict("list") == expected.to_dict("list")
    assert isinstance(named.similar_items(pl.Series(["i4"]), n=2).to_frame(), pl.DataFrame)
    wrapped = pytest.importorskip("narwhals").from_native(pl.Series(users), series_only=True)
    assert isinstance(named.recommend(wrapped, n=2).to_frame(), pl.DataFrame)
    history = pl.DataFrame({"user": ["new"], "item": ["i4"]})
    assert isinstance(named.recommend_new(history, n=2).to_frame(), pl.DataFrame)
    assert isinstance(named.recommend_new(history.lazy(), n=2).to_frame(), pl.DataFrame)
    assert isinstance(named.recommend(users, n=2).to_frame("polars"), pl.DataFrame)
    lists = named.recommend(pl.Series(users), n=2)
    assert isinstance(lists[:1].to_frame(), pl.DataFrame)
    assert isinstance(lists.to_frame("pandas"), pd.DataFrame)
    with pytest.raises(ValueError, match=f"backend must be one of .*{BACKENDS[-1]}.*got 'spark'"):
        lists.to_frame("spark")


def test_notebooks_show_names_and_escape_them(named):
    html = named.recommend([4, 17], n=12)._repr_html_()
    assert "&lt;b&gt;" in html
    assert "&amp; co" in html
    assert "<b>" not in html
    assert "2 lists of at most 12 items" in html
    assert "2 lists and 10 places are shown" in html
    assert html.count("<tr>") == 3
    many = named.recommend(n=2)._repr_html_()
    assert many.count("<tr>") == 11
    assert repr(named.recommend([4, 17], n=3)) == (
        "Recommendations(2 lists of at most 3 by user, 1 of them empty)"
    )
    assert repr(named.recommend(4, n=3)) == "Recommendations(1 list of at most 3 by user)"
    assert "1 list of at most 2 similar items" in named.similar_items("i3", n=2)._repr_html_()


def test_scores_that_are_unknown_are_not_shown(named):
    html = named.recommend([17], n=2, fallback="popular")._repr_html_()
    assert "nan" not in html
    assert "&lt;b&gt;" in html

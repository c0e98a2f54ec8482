"""Every method takes ids from every collection, and data from tables and histories."""

import numpy as np
import pandas as pd
import pytest

from wrmf import Interactions


def polars_series(ids):
    return pytest.importorskip("polars").Series(ids)


def arrow_chunks(ids):
    return pytest.importorskip("pyarrow").chunked_array([ids[:1], ids[1:]])


COLLECTIONS = {
    "tuple": tuple,
    "ndarray": np.array,
    "Series": pd.Series,
    "Index": pd.Index,
    "Categorical": pd.Categorical,
    "polars": polars_series,
    "chunks": arrow_chunks,
}
# The use of ids of users or of items, and whether their order matters.
USES = {
    "recommend": ("u", lambda model, ids: model.recommend(ids, n=3).ids),
    "skip": ("u", lambda model, ids: model.recommend(ids, n=3, unknown="skip").ids),
    "similar_users": ("u", lambda model, ids: model.similar_users(ids, n=3).ids),
    "predict users": ("u", lambda model, ids: model.predict(ids, "i4")),
    "predict items": ("i", lambda model, ids: model.predict("u4", ids)),
    "similar_items": ("i", lambda model, ids: model.similar_items(ids, n=3).ids),
    "exclude": ("i", lambda model, ids: model.recommend(["u1"], exclude=ids).ids),
    "items": ("i", lambda model, ids: model.recommend(["u1"], items=ids).ids),
    "per user": ("i", lambda model, ids: model.recommend(["u1"], exclude={"u1": ids}).ids),
    "history": ("i", lambda model, ids: model.recommend_new({"new": ids}, n=3).ids),
    "fold in": ("i", lambda model, ids: model.fold_in_users({"new": ids})),
    "filter": ("i", lambda model, ids: model.recommend_new({"new": ["i3"]}, items=ids).ids),
}


@pytest.fixture(scope="module")
def model(likes, small):
    users = [f"u{row}" for row in range(likes.shape[0])]
    items = [f"i{column}" for column in range(likes.shape[1])]
    return small().fit(Interactions(likes, users, items))


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("collection", COLLECTIONS)
def test_every_method_takes_ids_from_every_collection(model, use, collection):
    axis, call = USES[use]
    ids = [f"{axis}{position}" for position in (4, 9, 2)]
    expected = call(model, ids)
    np.testing.assert_array_equal(call(model, COLLECTIONS[collection](ids)), expected)


@pytest.mark.parametrize("use", ["exclude", "items", "per user", "history", "fold in", "filter"])
def test_sets_are_taken_where_order_does_not_matter(model, use):
    _, call = USES[use]
    np.testing.assert_allclose(
        np.asarray(call(model, {"i4", "i9"}) != call(model, ["i4", "i9"]), dtype=float), 0
    )


def test_the_same_data_in_any_form_gives_the_same_model(likes, small):
    pl = pytest.importorskip("polars")
    data = Interactions(likes).filter()  # Only users and items with interactions.
    expected = small().fit(data)
    frame = data.to_frame()
    for table in (frame, pl.from_pandas(frame).lazy()):
        fitted = small().fit(table)
        assert fitted.users.tolist() == expected.users.tolist()
        position = {item: row for row, item in enumerate(fitted.items.tolist())}
        assert set(position) == set(expected.items.tolist())
        assert fitted.loss(frame) == pytest.approx(fitted.loss(data))
    histories = {
        user: dict(zip(part["item"], part["value"], strict=True))
        for user, part in frame.groupby("user", sort=False)
    }
    assert small().fit(histories).train_matrix.sum() == data.matrix.sum()


def test_histories_are_folded_in_like_rows(model, likes):
    rows = likes[[4, 9]]
    histories = {
        user: {f"i{column}": rows[row, column] for column in rows[[row]].indices}
        for row, user in enumerate(["new", "other"])
    }
    np.testing.assert_array_equal(model.fold_in_users(histories), model.fold_in_users(rows))
    lists = model.recommend_new(histories, n=3)
    assert lists.users.tolist() == ["new", "other"]
    assert lists.ids.tolist() == model.recommend_new(rows, n=3).ids.tolist()
    with pytest.raises(ValueError, match="unknown id among items: 'nothing'"):
        model.fold_in_users({"new": ["nothing"]})


def test_a_history_without_items_gives_an_empty_list_or_the_fallback(model):
    for histories in ({"new": []}, {"new": [], "other": ["i4"]}):
        lists = model.recommend_new(histories, n=3)
        assert lists.counts[0] == 0
        assert model.recommend_new(histories, n=3, fallback="popular").counts[0] == 3


def test_items_are_folded_in_from_histories_of_users(model, likes):
    column = likes[:, [4]]
    histories = {
        f"u{row}": {"new": column[row, 0]} for row in np.flatnonzero(column.toarray()[:, 0])
    }
    np.testing.assert_array_equal(model.fold_in_items(histories), model.fold_in_items(column))


def test_nobody_is_folded_in_from_a_matrix_without_rows(model, likes):
    assert model.fold_in_users(likes[:0]).shape == (0, 4)
    assert model.fold_in_users({}).shape == (0, 4)
    assert model.fold_in_items(likes[:, :0]).shape == (0, 4)
    assert len(model.recommend_new({})) == 0

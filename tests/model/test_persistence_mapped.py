"""Mapped model files: the answers are those of a model in memory, and the file stays as it is."""

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

import wrmf
from wrmf import WRMF, Interactions
from wrmf.data.texts import TextIds


@pytest.fixture(params=["texts", "numbers", "typed"])
def pair(request, likes, tmp_path):
    """A model in memory, and the same model mapped from its file."""
    n_users, n_items = likes.shape
    make_id = {
        "texts": lambda axis, n: f"{axis} {n} ä",
        "numbers": lambda axis, n: 2 * n + 7,
        "typed": lambda axis, n: (axis, n),
    }[request.param]
    users = [make_id("user", n) for n in range(n_users)]
    items = [make_id("item", n) for n in range(n_items)]
    names = [f"Name {n}" for n in range(n_items)]
    data = Interactions.from_matrix(likes, users, items, names)
    model = WRMF(factors=3, regularization=0.1, iterations=2, random_state=1).fit(data)
    model.save(tmp_path / "m")
    return model, wrmf.load(tmp_path / "m", mmap=True)


def same(a, b):
    assert a.ids.tolist() == b.ids.tolist()
    assert np.array_equal(a.scores, b.scores, equal_nan=True)
    assert a.users.tolist() == b.users.tolist()
    assert (a.names is None) == (b.names is None)
    if a.names is not None:
        assert a.names.tolist() == b.names.tolist()


def test_a_mapped_model_answers_as_the_model_in_memory(pair, likes):
    model, mapped = pair
    user, item = model.users[3], model.items[9]
    users = model.users[[5, 3, 40]].tolist()
    same(mapped.recommend(users, n=4), model.recommend(users, n=4))
    same(mapped.recommend(n=3), model.recommend(n=3))
    rules = {"exclude": {user: [item]}, "items": model.items[:50].tolist()}
    same(mapped.recommend([user], n=4, **rules), model.recommend([user], n=4, **rules))
    same(
        mapped.recommend([user, "?"], unknown="skip"), model.recommend([user, "?"], unknown="skip")
    )
    same(mapped.similar_items([item, "Name 3"]), model.similar_items([item, "Name 3"]))
    same(mapped.similar_users(user), model.similar_users(user))
    same(mapped.recommend_new(likes[:2]), model.recommend_new(likes[:2]))
    assert mapped.predict(user, "Name 3") == model.predict(user, "Name 3")
    assert mapped.explain(user, item).equals(model.explain(user, item))
    assert np.array_equal(mapped.fold_in_users(likes[:3]), model.fold_in_users(likes[:3]))
    assert np.array_equal(mapped.fold_in_items(likes[:, :3]), model.fold_in_items(likes[:, :3]))
    data = Interactions(likes, model.users.tolist(), model.items.tolist())
    assert mapped.loss(data) == model.loss(data)
    with pytest.raises(ValueError, match="unknown id among users: 'nobody'"):
        mapped.recommend(["nobody"])
    with pytest.raises(ValueError, match="unknown id among items: 'nothing'"):
        mapped.recommend([user], items=["nothing"])
    for name in ("users", "items", "item_names"):
        ids = getattr(mapped, name)
        assert isinstance(ids, np.ndarray)
        assert ids.tolist() == getattr(model, name).tolist()


def test_ids_are_not_decoded_for_a_request(likes, tmp_path):
    users = [f"u{row}" for row in range(likes.shape[0])]
    items = [f"i{column}" for column in range(likes.shape[1])]
    data = Interactions.from_matrix(likes, users, items)
    WRMF(factors=2, iterations=1).fit(data).save(tmp_path / "m")
    mapped = wrmf.load(tmp_path / "m", mmap=True)
    mapped.recommend(["u3", "u4"], exclude=["i7"])
    mapped.similar_items("i3")
    for ids in (mapped.state.users, mapped.state.items):
        assert isinstance(ids, TextIds)
        assert "_decoded" not in vars(ids)


def test_training_copies_the_factors_and_never_writes_to_the_file(pair, likes, tmp_path):
    model, mapped = pair
    before = (tmp_path / "m").read_bytes()
    twin = wrmf.load(tmp_path / "m", mmap=True)
    for trained in (model, mapped):
        trained.partial_fit(likes, iterations=2)
    assert np.array_equal(mapped.user_factors, model.user_factors)
    assert np.array_equal(mapped.item_factors, model.item_factors)
    assert mapped.iterations_done == 4
    assert not np.array_equal(twin.user_factors, model.user_factors)
    mapped.fit(likes)
    assert (tmp_path / "m").read_bytes() == before


def test_factors_of_a_mapped_file_cannot_be_written(pair):
    _, mapped = pair
    for factors in (mapped.state.user_factors, mapped.state.item_factors):
        with pytest.raises(ValueError, match="read-only"):
            factors[0] = 0


def test_a_mapped_model_is_saved_to_its_own_file(pair, tmp_path):
    model, mapped = pair
    before = (tmp_path / "m").read_bytes()
    mapped.save(tmp_path / "m")
    assert (tmp_path / "m").read_bytes() == before
    same(mapped.recommend(n=2), model.recommend(n=2))
    again = wrmf.load(tmp_path / "m", mmap=True)
    same(again.recommend(n=2), model.recommend(n=2))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_of_a_mapped_model_outlives_the_file(pair, tmp_path, copied):
    model, mapped = pair
    again = copied(mapped)
    del mapped
    Path(tmp_path / "m").unlink()
    same(again.recommend(n=2), model.recommend(n=2))
    same(again.recommend(model.users[2], n=2), model.recommend(model.users[2], n=2))


def test_a_file_replaced_while_it_is_mapped_keeps_its_content_for_the_model(pair, tmp_path, likes):
    model, mapped = pair
    other = WRMF(factors=2, iterations=1).fit(sparse.csr_matrix(likes[:50]))
    other.save(tmp_path / "m")
    same(mapped.recommend(n=2), model.recommend(n=2))


def test_float16_factors_of_a_mapped_file_are_converted(likes, tmp_path):
    model = WRMF(factors=2, iterations=1, random_state=0).fit(likes)
    model.save(tmp_path / "m", dtype="float16")
    mapped = wrmf.load(tmp_path / "m", mmap=True)
    assert mapped.item_factors.dtype == np.float32
    same(mapped.recommend(n=2), wrmf.load(tmp_path / "m").recommend(n=2))

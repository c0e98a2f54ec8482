"""Indexes of other libraries and arrays: inner products are those of the model, ids are kept."""

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import wrmf
from wrmf import WRMF, Interactions
from wrmf.export.libraries import LIBRARIES

MODULE = "wrmf.export.export"
every_library = pytest.mark.parametrize("kind", LIBRARIES)


@pytest.fixture(scope="module")
def model(likes):
    users = [f"u{row}" for row in range(likes.shape[0])]
    items = [f"i{column}" for column in range(likes.shape[1])]
    data = Interactions.from_matrix(likes, users, items)
    return WRMF(factors=8, regularization=0.1, iterations=3, random_state=0).fit(data)


@every_library
def test_an_index_finds_the_best_items(model, tmp_path, kind):
    pytest.importorskip(LIBRARIES[kind].module)
    export = model.export(kind, tmp_path / "items.index", n_users=100)
    assert export.recall > 0.95
    assert (export.kind, export.n_users, export.n_items, export.factors) == (kind, 100, 200, 8)
    ids = json.loads((tmp_path / "items.index.ids").read_text(encoding="utf-8"))
    assert ids == model.items.tolist()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["items.index", "items.index.ids"]
    assert repr(export).startswith(f"{kind}: 200 items × 8 factors in {tmp_path}")
    assert "recall@10 " in repr(export)


@every_library
def test_the_inner_product_of_an_index_is_the_score(model, tmp_path, kind):
    """As a program reads the file that knows the library, but not this package."""
    pytest.importorskip(LIBRARIES[kind].module)
    path = str(tmp_path / "m")
    model.export(kind, path)
    query = model.user_factors[[3]]
    if kind == "faiss":
        import faiss

        scores, labels = faiss.read_index(path).search(query, 5)
    elif kind == "usearch":
        from usearch.index import Index

        matches = Index.restore(path).search(query, 5)
        labels, scores = np.atleast_2d(matches.keys), 1 - np.atleast_2d(matches.distances)
    else:
        import hnswlib

        index = hnswlib.Index(space="ip", dim=8)
        index.load_index(path)
        index.set_ef(100)
        labels, distances = index.knn_query(query, 5)
        scores = 1 - distances
    ids = json.loads((tmp_path / "m.ids").read_text(encoding="utf-8"))
    listed = [ids[label] for label in labels[0].astype(int)]
    expected = model.recommend("u3", n=5, exclude_seen=False)
    assert listed == expected.ids[0].tolist()
    assert np.allclose(scores[0], expected.scores[0], atol=1e-5)


@pytest.mark.parametrize("factory", ["Flat", "IVF4,Flat"])
def test_faiss_builds_the_index_that_is_asked_for(model, tmp_path, factory):
    faiss = pytest.importorskip("faiss")
    export = model.export("faiss", tmp_path / "m", factory=factory)
    assert export.recall == 1 if factory == "Flat" else export.recall > 0.2
    assert faiss.read_index(str(tmp_path / "m")).metric_type == faiss.METRIC_INNER_PRODUCT


@every_library
def test_float64_and_mapped_models_are_exported(likes, tmp_path, kind):
    pytest.importorskip(LIBRARIES[kind].module)
    model = WRMF(factors=3, iterations=1, regularization=0.1, dtype="float64", random_state=0)
    model.fit(likes).save(tmp_path / "m")
    mapped = wrmf.load(tmp_path / "m", mmap=True)
    assert mapped.export(kind, tmp_path / "index", n_users=20).recall > 0.9


def test_recall_is_not_measured_without_users(tmp_path, likes):
    pytest.importorskip("faiss")
    model = WRMF(factors=2, iterations=1, regularization=0.1).fit(likes)
    model.user_factors = np.zeros_like(model.user_factors)
    export = model.export("faiss", tmp_path / "m")
    assert (export.recall, export.n_users) == (None, 0)
    assert "recall@" not in repr(export)


def test_arrays_are_exported_with_the_ids_of_both_axes(model, tmp_path, likes):
    model.export("npz", tmp_path / "texts.npz")
    with np.load(tmp_path / "texts.npz", allow_pickle=False) as arrays:
        assert np.array_equal(arrays["item_factors"], model.item_factors)
        assert np.array_equal(arrays["user_factors"], model.user_factors)
        assert json.loads(arrays["items_json"].tobytes()) == model.items.tolist()
        assert json.loads(arrays["users_json"].tobytes()) == model.users.tolist()
    WRMF(factors=2, iterations=1).fit(likes).export("npz", tmp_path / "numbers.npz")
    with np.load(tmp_path / "numbers.npz", allow_pickle=False) as arrays:
        assert arrays["items"].tolist() == list(range(200))


@pytest.mark.parametrize(
    ("arguments", "options", "error", "text"),
    [
        (("annoy",), {}, ValueError, r"kind must be one of \('faiss', .*got 'annoy'"),
        (("npz",), {"search": 3}, TypeError, "npz has no options, got search"),
        (("faiss",), {"neighbours": 3}, TypeError, "unknown option 'neighbours' of faiss; it has"),
        (("usearch",), {"n_users": 0}, ValueError, "n_users must be at least 1"),
    ],
)
def test_other_arguments_are_refused(model, tmp_path, arguments, options, error, text):
    with pytest.raises(error, match=text):
        model.export(*arguments, tmp_path / "m", **options)
    assert not list(tmp_path.iterdir())


@every_library
def test_a_missing_library_is_named_with_its_extra(model, tmp_path, kind, monkeypatch):
    monkeypatch.setitem(sys.modules, LIBRARIES[kind].module, None)
    with pytest.raises(ImportError, match=rf'pip install "wrmf\[{kind}\]"'):
        model.export(kind, tmp_path / "m")
    assert not list(tmp_path.iterdir())


def test_an_unfitted_model_has_nothing_to_export(tmp_path):
    with pytest.raises(ValueError, match="not fitted"):
        WRMF().export("npz", tmp_path / "m")


@every_library
def test_an_export_that_fails_leaves_the_old_files(model, tmp_path, kind, monkeypatch):
    pytest.importorskip(LIBRARIES[kind].module)
    model.export(kind, tmp_path / "m", n_users=5)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr("wrmf.export.export.write_atomically", fail)
    with pytest.raises(OSError, match="disk full"):
        model.export(kind, tmp_path / "m", n_users=5)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("kind", LIBRARIES)
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_an_error_that_names_the_file(model, tmp_path, kind, monkeypatch):
    pytest.importorskip(LIBRARIES[kind].module)
    library, full = LIBRARIES[kind], Path("/dev/full")

    def write(module, vectors, path, **options):
        # faiss and usearch notice it, and hnswlib does not.
        if kind == "hnswlib":
            path.write_bytes(b"")
        else:
            library.write(module, vectors, full, **options)

    changed = dataclasses.replace(library, write=write)
    monkeypatch.setattr(f"{MODULE}.LIBRARIES", {kind: changed})
    path = tmp_path / "items.index"
    with pytest.raises(OSError, match=f"{kind} cannot write .*items.index: .*is the disk full"):
        model.export(kind, path)
    assert not list(tmp_path.iterdir())

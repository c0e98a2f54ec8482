"""Files hold the rounded factors of items, so that processes that map one share them."""

import json

import numpy as np
import pytest

import wrmf
from wrmf import WRMF
from wrmf.model.persistence import SaveOptions, decode, encode
from wrmf.model.saved_codes import NAMES, PREFIX
from wrmf.model.tensors import Tensors


@pytest.fixture(params=["float32", "float64"])
def model(request, likes):
    return WRMF(factors=5, iterations=2, random_state=1, dtype=request.param).fit(likes)


def content(model):
    return encode(model.get_params(), model.state, SaveOptions())


@pytest.mark.parametrize("mmap", [False, True])
def test_a_loaded_model_has_the_codes_of_the_saved_one_and_lists_the_same(model, tmp_path, mmap):
    model.save(tmp_path / "m")
    loaded = wrmf.load(tmp_path / "m", mmap=mmap)
    items = loaded.state.prepared.items
    assert {"codes", "by_norm", "lengths"} <= set(vars(items))
    expected = model.state.prepared.items.code_arrays()
    for name in NAMES:
        assert np.array_equal(getattr(items.code_arrays(), name), getattr(expected, name)), name
    users = model.users[:3].tolist()
    assert loaded.recommend(users, n=7) == model.recommend(users, n=7)
    assert loaded.recommend(n=7) == model.recommend(n=7)
    assert loaded.similar_items(users, n=7) == model.similar_items(users, n=7)
    assert loaded.recommend(1, items=[3, 4, 5]) == model.recommend(1, items=[3, 4, 5])


def test_codes_of_a_mapped_file_need_no_memory_of_the_process(model, tmp_path):
    model.save(tmp_path / "m")
    codes = wrmf.load(tmp_path / "m", mmap=True).prepare().state.prepared.items.code_arrays()
    for name in NAMES:
        assert not getattr(codes, name).flags.owndata, name
        assert not getattr(codes, name).flags.writeable, name


@pytest.mark.parametrize("options", [{"codes": False}, {"dtype": "float16"}])
def test_files_without_codes_are_read_and_list_the_same(model, tmp_path, options):
    model.save(tmp_path / "m", **options)
    loaded = wrmf.load(tmp_path / "m", mmap=True)
    assert not any(name.startswith("codes") for name in vars(loaded.state.prepared.items))
    again = WRMF.from_factors(loaded.state)
    assert loaded.recommend([2, 5], n=4) == again.recommend([2, 5], n=4)


def test_saving_does_not_prepare_the_model(model, tmp_path):
    model.save(tmp_path / "m")
    assert "codes" not in vars(model.state.prepared.items)


def test_codes_of_another_layout_are_computed_anew(model):
    saved = content(model)
    header = {**json.loads(saved.metadata["model"]), "codes": 99}
    other = Tensors(saved.arrays, {**saved.metadata, "model": json.dumps(header)})
    _, factors = decode(other, lazy=False, verify=True)
    assert "codes" not in vars(factors.prepared.items)


def test_new_factors_have_new_codes(model, likes, tmp_path):
    model.save(tmp_path / "m")
    loaded = wrmf.load(tmp_path / "m", mmap=True)
    loaded.partial_fit(likes, iterations=1)
    model.partial_fit(likes, iterations=1)
    assert loaded.recommend([0, 3], n=5) == model.recommend([0, 3], n=5)
    loaded.item_factors = loaded.item_factors[::-1]
    assert "codes" not in vars(loaded.state.prepared.items)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("verify", [True, False])
def test_codes_of_other_shapes_and_types_are_errors_without_checksums(model, name, verify):
    saved = content(model)
    array = saved.arrays[PREFIX + name]
    for damaged in (array[:-1], array.astype(np.float16), array.reshape(-1, 1)[:, :, None]):
        arrays = {**saved.arrays, PREFIX + name: damaged}
        with pytest.raises(ValueError, match=r"codes|cannot reshape"):
            decode(Tensors(arrays, saved.metadata), lazy=True, verify=verify)


@pytest.mark.parametrize("position", [-1, 10**6])
def test_positions_beyond_the_items_are_errors_without_checksums(model, position):
    saved = content(model)
    order = saved.arrays[f"{PREFIX}order"].copy()
    order[3] = position
    arrays = {**saved.arrays, f"{PREFIX}order": order}
    with pytest.raises(ValueError, match="positions of the codes must lie in 0"):
        decode(Tensors(arrays, saved.metadata), lazy=True, verify=False)


def test_a_repeated_position_is_found_by_verifying(model):
    saved = content(model)
    order = saved.arrays[f"{PREFIX}order"].copy()
    order[3] = order[4]
    arrays = {**saved.arrays, f"{PREFIX}order": order}
    with pytest.raises(ValueError, match="the order of the codes repeats a position"):
        decode(Tensors(arrays, saved.metadata), lazy=True, verify=True)


def test_codes_must_be_a_bool(model, tmp_path):
    with pytest.raises(TypeError, match="codes must be True or False, got 'no'"):
        model.save(tmp_path / "m", codes="no")

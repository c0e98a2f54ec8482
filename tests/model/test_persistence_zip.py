"""Model files of format versions 1 and 2, which are zips: they are read, and damage is refused."""

import io
import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

import wrmf

FOLDER = Path(__file__).parent / "files"
EXPECTED = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))
REFUSED = "not a readable wrmf model file"


@pytest.mark.parametrize("name", EXPECTED)
def test_files_written_by_earlier_versions_give_the_results_of_their_models(name, tmp_path):
    expected = EXPECTED[name]
    likes = np.array(expected["likes"])
    model = wrmf.load(FOLDER / f"{name}.wrmf")
    assert [str(user) for user in model.users] == expected["users"]
    assert [str(item) for item in model.items] == expected["items"]
    names = None if model.item_names is None else model.item_names.tolist()
    assert names == expected["item_names"]
    assert model.iterations_done == expected["iterations_done"]
    assert model.state.numbered == expected["numbered"]
    assert model.alpha == expected["alpha"]
    assert model.recommend(n=2).rows.tolist() == expected["rows"]
    assert model.loss(likes) == pytest.approx(expected["loss"], rel=1e-12)
    assert (model.train_matrix.toarray() == likes).all()
    model.save(tmp_path / "m")
    again = wrmf.load(tmp_path / "m", mmap=True)
    assert again.users.tolist() == model.users.tolist()
    assert again.items.tolist() == model.items.tolist()
    assert again.loss(likes) == model.loss(likes)
    again.partial_fit(likes, iterations=1)
    model.partial_fit(likes, iterations=1)
    assert np.array_equal(again.user_factors, model.user_factors)


def test_an_old_file_is_read_into_memory_where_it_was_to_be_mapped():
    with pytest.warns(UserWarning, match="cannot be mapped, so it was read into memory"):
        model = wrmf.load(FOLDER / "version-1.wrmf", mmap=True)
    assert model.users[0] == "u0"


def members_of(name="version-1"):
    with zipfile.ZipFile(FOLDER / f"{name}.wrmf") as archive:
        return {member: archive.read(member) for member in archive.namelist()}


def write(path, members, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def refused(path):
    with pytest.raises(ValueError, match=REFUSED) as caught:
        wrmf.load(path)
    return str(caught.value)


@pytest.mark.parametrize("name", EXPECTED)
def test_files_that_end_early_are_refused(name, tmp_path):
    content = (FOLDER / f"{name}.wrmf").read_bytes()
    for end in range(0, len(content), 13):
        (tmp_path / "m").write_bytes(content[:end])
        refused(tmp_path / "m")


def test_flipped_bits_are_refused_or_change_nothing(tmp_path):
    """Some bytes of a zip, such as times of members, are not covered by its checksums."""
    content = bytearray((FOLDER / "version-1.wrmf").read_bytes())
    rows = EXPECTED["version-1"]["rows"]
    n_refused = 0
    for position in range(0, len(content), 3):
        content[position] ^= 1 << position % 8
        (tmp_path / "m").write_bytes(content)
        content[position] ^= 1 << position % 8
        try:
            model = wrmf.load(tmp_path / "m")
        except ValueError as error:
            assert REFUSED in str(error)
            n_refused += 1
            continue
        model.num_threads = 1
        assert model.recommend(n=2).rows.tolist() == rows
    assert n_refused > 0.8 * len(content) / 3


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"format": "other"}, "does not name the format"),
        ({"version": 99}, "update wrmf"),
        ({"version": None}, "update wrmf"),
        ({"version": [1]}, "update wrmf"),
        ({"shape": [3, 3]}, "for data of shape [3, 3]"),
        ({"shape": [10**12, 6]}, "for data of shape"),
        ({"shape": None}, "for data of shape None"),
        ({"users": ["a"]}, "(1, 6) ids"),
        ({"users": 7}, "not a list"),
        ({"users": [{"Colour": "red"}] * 9}, "ids of the unknown type 'Colour': update wrmf"),
        ({"item_names": [1] * 6}, "not texts"),
        ({"item_names": 3}, "not iterable"),
        ({"params": {"colour": 3}}, "colour"),
        ({"params": None}, "not an object"),
        ({"params": {"regularization": None}}, "regularization must be a number"),
        ({"params": {"regularization": True}}, "regularization must be a number"),
        ({"changed_params": {"alpha": True}}, "alpha must be a number"),
        ({"iterations_done": "3"}, "iterations_done='3'"),
        ({"numbered": 1}, "numbered=1"),
    ],
    ids=str,
)
def test_a_header_that_does_not_match_the_arrays_is_refused(tmp_path, changes, error):
    members = members_of()
    header = {**json.loads(members["model.json"]), **changes}
    write(tmp_path / "m", {**members, "model.json": json.dumps(header)})
    assert error in refused(tmp_path / "m")


@pytest.mark.parametrize("text", ["[" * 100_000, "{}", "[]", "null", "", "1" * 10_000, "\ud800"])
def test_a_header_that_is_other_json_is_refused(tmp_path, text):
    content = text.encode(errors="surrogatepass")
    write(tmp_path / "m", {**members_of(), "model.json": content})
    refused(tmp_path / "m")


def npy_header(shape, dtype="<f4", extra=""):
    """Return the bytes of an npy file without data."""
    text = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}{extra}}}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (npy_header((10**12, 3)), "claims"),
        (npy_header((10**30, 10**30)), "claims"),
        (npy_header((-(10**12), 3)), "shape"),
        (npy_header((10**12, 0)), ""),
        (npy_header((9, 3), "|O"), "array of object"),
        (npy_header("(" * 1000), ""),
        (npy_header((9, 3), extra=", 'more': 1"), ""),
        (b"\x93NUMPY\x03\x00" + b"\0" * 20, "npy version"),
        (b"\x93NUMPY\x09\x00" + b"\0" * 20, "npy version"),
        (b"hello", ""),
        (b"", ""),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_an_array_that_claims_what_it_does_not_hold_is_refused(tmp_path, content, error):
    write(tmp_path / "m", {**members_of(), "user_factors.npy": content})
    assert error in refused(tmp_path / "m")


@pytest.mark.parametrize("name", ["model.json", "user_factors.npy", "train_indptr.npy"])
def test_a_missing_member_is_refused(tmp_path, name):
    members = members_of()
    del members[name]
    write(tmp_path / "m", members)
    assert name in refused(tmp_path / "m")


def test_compressed_and_repeated_members_are_refused(tmp_path):
    write(tmp_path / "m", members_of(), compression=zipfile.ZIP_DEFLATED)
    assert "compressed" in refused(tmp_path / "m")
    write(tmp_path / "m", members_of())
    with zipfile.ZipFile(tmp_path / "m", "a") as archive, pytest.warns(UserWarning):
        archive.writestr("model.json", "{}")
    assert "several members of one name" in refused(tmp_path / "m")


def test_an_encrypted_member_is_refused(tmp_path):
    content = bytearray((FOLDER / "version-1.wrmf").read_bytes())
    # The flags of the first member, in its own header and in the directory at the end.
    for place in (content.index(b"PK\x03\x04") + 6, content.index(b"PK\x01\x02") + 8):
        content[place] |= 1
    (tmp_path / "m").write_bytes(content)
    assert "encrypted" in refused(tmp_path / "m")


@pytest.mark.parametrize("part", ["train_indices", "train_indptr", "train_data"])
def test_a_broken_matrix_is_refused(tmp_path, part):
    members = members_of()
    array = np.load(io.BytesIO(members[f"{part}.npy"]))
    for damage in (array - 100, np.full_like(array, 2**31 - 1), array[:-1], array[:, None]):
        if (
            part == "train_data"
            and damage.ndim == 1
            and (damage > 0).all()
            and len(damage) == len(array)
        ):
            continue
        buffer = io.BytesIO()
        np.save(buffer, damage)
        write(tmp_path / "m", {**members, f"{part}.npy": buffer.getvalue()})
        refused(tmp_path / "m")

"""Damaged and forged model files: each is one ValueError that names the file."""

import contextlib
import json
import mmap
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wrmf
from wrmf import WRMF, Interactions
from wrmf.model import tensors
from wrmf.model.tensors import Tensors, read_tensors, write_tensors

REFUSED = "not a readable wrmf model file"
LENGTH = 8


def train(matrix):
    users = [f"u{row}" for row in range(matrix.shape[0])]
    names = [f"Item {column}" for column in range(matrix.shape[1])]
    data = Interactions.from_matrix(matrix, users, item_names=names)
    model = WRMF(factors=2, regularization=0.1, iterations=1, random_state=1, num_threads=1)
    return model.fit(data)


@pytest.fixture(scope="module")
def small_file(tmp_path_factory):
    """A file of a model with 6 users and 4 items."""
    path = tmp_path_factory.mktemp("damage") / "m"
    train(np.tri(6, 4) * 2).save(path)
    return path


def split(content):
    """Return the header, and the bytes of the arrays, of a file."""
    end = LENGTH + int.from_bytes(content[:LENGTH], "little")
    return json.loads(content[LENGTH:end]), content[end:]


def sealed(header, arrays, alignment=64):
    """Return a file with a header that has a valid checksum, as a forger can compute it."""
    header["__metadata__"] = {**header["__metadata__"], "checksum": "0" * 8}
    text = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":"))
    text += " " * (-(LENGTH + len(text.encode())) % alignment)
    return sealed_text(text.encode(), arrays)


def sealed_text(text, arrays):
    prefix, rest = text[: len(tensors.PREFIX)], text[len(tensors.PREFIX) + 8 :]
    text = prefix + f"{zlib.crc32(rest):08x}".encode() + rest
    return len(text).to_bytes(LENGTH, "little") + text + arrays


def refused(path, **options):
    with pytest.raises(ValueError, match=REFUSED) as caught:
        wrmf.load(path, **options)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_file_that_ends_early_is_refused(small_file, tmp_path):
    content = small_file.read_bytes()
    for end in [*range(64), *range(64, len(content), 7)]:
        (tmp_path / "m").write_bytes(content[:end])
        refused(tmp_path / "m")
        refused(tmp_path / "m", mmap=True)


def test_every_flipped_bit_is_detected(small_file, tmp_path):
    content = bytearray(small_file.read_bytes())
    header_end = LENGTH + int.from_bytes(content[:LENGTH], "little")
    for position in range(len(content)):
        content[position] ^= 1 << position % 8
        (tmp_path / "m").write_bytes(content)
        content[position] ^= 1 << position % 8
        refused(tmp_path / "m")
        if not position % 8:
            refused(tmp_path / "m", mmap=True, verify=True)
        # The header is verified in any case.
        if position < header_end and not position % 8:
            refused(tmp_path / "m", mmap=True)


def test_a_mapped_file_with_damaged_arrays_is_refused_or_answers(small_file, tmp_path):
    """Without checksums, damage may change answers; it must not be an error of another kind."""
    content = bytearray(small_file.read_bytes())
    start = LENGTH + int.from_bytes(content[:LENGTH], "little")
    n_loaded = 0
    for position in range(start, len(content), 2):
        content[position] ^= 0xFF
        (tmp_path / "m").write_bytes(content)
        content[position] ^= 0xFF
        try:
            model = wrmf.load(tmp_path / "m", mmap=True)
        except ValueError as error:
            assert REFUSED in str(error)
            continue
        n_loaded += 1
        for use in (
            lambda model: model.recommend("u3", n=3),
            lambda model: model.recommend(n=2),
            lambda model: model.similar_items(0, n=2),
            lambda model: model.recommend_new(np.eye(2, 4)),
            lambda model: model.explain("u3", 1),
        ):
            with contextlib.suppress(ValueError):
                use(model)
    assert n_loaded


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\x80\x04K\x01.", b"PK\x03\x04junk", b"\0" * 100, b"\xff" * 100]
)
def test_files_of_other_formats_are_refused(tmp_path, content):
    path = tmp_path / "m"
    path.write_bytes(content)
    refused(path)
    refused(path, mmap=True)


def huge(header):
    header["user_factors"]["shape"] = [10**12, 2]


def huge_and_empty(header):
    header["user_factors"]["shape"] = [10**30, 0]


def huge_place(header):
    header["user_factors"]["shape"] = [10**12, 2]
    begin = header["user_factors"]["data_offsets"][0]
    header["user_factors"]["data_offsets"] = [begin, begin + 8 * 10**12]


def negative(header):
    header["user_factors"]["shape"] = [-6, -2]


def overlapping(header):
    header["user_factors"]["data_offsets"] = header["item_factors"]["data_offsets"]


def text_in_shape(header):
    header["user_factors"]["shape"] = ["6", 2]


def bool_in_shape(header):
    header["user_factors"]["shape"] = [True, 2]


def other_dtype(header):
    header["user_factors"]["dtype"] = "BF16"


def no_entry(header):
    header["user_factors"] = None


def number_in_metadata(header):
    header["__metadata__"]["version"] = 3


def no_metadata(header):
    header["__metadata__"] = {}


def later(header):
    header["__metadata__"]["version"] = "4"


def other_format(header):
    header["__metadata__"]["format"] = "pt"


def no_checksums(header):
    header["__metadata__"].pop("checksums")


def nested_checksums(header):
    header["__metadata__"]["checksums"] = "[" * 100_000


def nested_model(header):
    header["__metadata__"]["model"] = "[" * 100_000


def list_as_model(header):
    header["__metadata__"]["model"] = "[]"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (huge, "does not fill"),
        (huge_and_empty, "does not fill"),
        (huge_place, "not at|arrays take"),
        (negative, "no valid shape"),
        (overlapping, "begins at|does not fill"),
        (text_in_shape, "no valid shape"),
        (bool_in_shape, "no valid shape"),
        (other_dtype, "unknown dtype 'BF16'"),
        (no_entry, "does not describe"),
        (number_in_metadata, "not texts"),
        (no_metadata, "checksum"),
        (later, "version is '4', this wrmf reads up to 3: update wrmf"),
        (other_format, "does not name the format"),
        (no_checksums, "one checksum for each"),
        (nested_checksums, "one checksum for each"),
        (nested_model, "recursion"),
        (list_as_model, "not an object"),
    ],
    ids=lambda change: getattr(change, "__name__", ""),
)
def test_a_forged_header_is_refused_before_anything_is_allocated(
    small_file, tmp_path, change, error
):
    header, arrays = split(small_file.read_bytes())
    change(header)
    (tmp_path / "m").write_bytes(sealed(header, arrays))
    for options in ({}, {"mmap": True}):
        message = refused(tmp_path / "m", **options)
        with pytest.raises(ValueError, match=error):
            raise ValueError(message)


@pytest.mark.parametrize("mmap", [False, True])
def test_arrays_that_compiled_code_could_not_read_in_place_are_refused(small_file, tmp_path, mmap):
    header, arrays = split(small_file.read_bytes())
    for odd in range(1, 4):
        content = sealed(header, arrays)
        length = int.from_bytes(content[:LENGTH], "little") + odd
        text = content[LENGTH : LENGTH + length - odd] + b" " * odd
        (tmp_path / "m").write_bytes(sealed_text(text, arrays))
        assert "between two multiples" in refused(tmp_path / "m", mmap=mmap)


@pytest.mark.parametrize("text", ["[" * 100_000, "{}", "[]", "null", "1" * 10_000, "\udcff"])
def test_a_header_that_is_other_json_is_refused(tmp_path, text):
    content = sealed_text(tensors.PREFIX + b"0" * 8 + text.encode(errors="surrogateescape"), b"")
    (tmp_path / "m").write_bytes(content)
    refused(tmp_path / "m")


def test_a_header_that_is_longer_than_the_file_is_refused(tmp_path):
    for length in (10**6, tensors.MAX_HEADER + 1, 2**63, 2**64 - 1):
        (tmp_path / "m").write_bytes(length.to_bytes(8, "little") + tensors.PREFIX + b" " * 100)
        refused(tmp_path / "m")


def rewrite(path, arrays=None, **fields):
    """Change arrays, or fields of the description of the model; checksums are computed anew."""
    with path.open("rb") as file:
        content = read_tensors(file)
    model = {**json.loads(content.metadata["model"]), **fields}
    changed = {**content.arrays, **(arrays or {})}
    changed = {name: array for name, array in changed.items() if array is not None}
    metadata = {**content.metadata, "model": json.dumps(model)}
    with path.open("wb") as file:
        write_tensors(file, Tensors(changed, metadata))


def ints(*values, dtype=np.int32):
    return np.array(values, dtype=dtype)


FORGED_FIELDS = [
    ({"params": []}, "not an object"),
    ({"params": {"colour": 3}}, "colour"),
    ({"changed_params": {"colour": 3}}, "colour"),
    ({"params": {"factors": 2, "regularization": None}}, "regularization must be a number"),
    ({"params": {"factors": 2, "regularization": True}}, "regularization must be a number"),
    ({"changed_params": {"regularization": True}}, "regularization must be a number"),
    ({"params": {"factors": 2, "alpha": "30"}}, "alpha must be a number"),
    ({"params": {"factors": 2, "iterations": 1.5}}, "iterations must be a whole number"),
    ({"params": {"factors": 2, "random_state": [1]}}, "random_state must be"),
    ({"changed_params": {"num_threads": 100_000}}, "num_threads must be at most 1024"),
    ({"changed_params": {"cg_steps": 10**30}}, "cg_steps must be at most 2147483647"),
    ({"iterations_done": -1}, "iterations_done=-1"),
    ({"iterations_done": None}, "iterations_done=None"),
    ({"numbered": "yes"}, "numbered='yes'"),
    ({"dtype": "object"}, "unknown dtype"),
    ({"dtype": "float64"}, "factors are float32, not float64"),
    ({"dtype": 3}, ""),
]


@pytest.mark.parametrize("mmap", [False, True])
@pytest.mark.parametrize(("fields", "error"), FORGED_FIELDS, ids=lambda value: str(value)[:60])
def test_forged_parameters_are_refused_when_the_file_is_loaded(
    small_file, tmp_path, fields, error, mmap
):
    path = tmp_path / "m"
    path.write_bytes(small_file.read_bytes())
    rewrite(path, **fields)
    assert error in refused(path, mmap=mmap)


# Arrays that would make a kernel read or write beyond an array, or fail later.
FORGED_ARRAYS = [
    {"train.indices": ints(*[9] * 18)},
    {"train.indices": ints(*[-1] * 18)},
    {"train.indices": ints(*[0] * 18)},
    {"train.indices": ints(*range(18))},
    {"train.indices": ints(0)},
    {"train.indices": np.zeros(18, np.float32)},
    {"train.indices": None},
    {"train.indptr": ints(0, 100, 3, 6, 10, 14, 18)},
    {"train.indptr": ints(0, 2**31 - 1, 3, 6, 10, 14, 18)},
    {"train.indptr": ints(0, -1, 3, 6, 10, 14, 18)},
    {"train.indptr": ints(0, 18)},
    {"train.indptr": np.zeros((7, 1), np.int32)},
    {"train.data": np.ones(3, np.float32)},
    {"train.data": np.ones(18, np.float64)},
    {"user_factors": None},
    {"user_factors": np.ones(12, np.float32)},
    {"user_factors": np.ones((6, 3), np.float32)},
    {"user_factors": np.ones((5, 2), np.float32)},
    {"user_factors": np.ones((6, 2), np.int32)},
    {"item_factors": np.ones((4, 0), np.float32), "user_factors": np.ones((6, 0), np.float32)},
    {"users.bytes": None},
    {"users.offsets": ints(0, 100, 12, dtype=np.int64)},
    {"users.order": ints(0, 1)},
    {"items": ints(1, 2, 3)},
    {"items": np.ones((4, 1), np.int64)},
    {"item_names.bytes": ints(1, 2)},
    {"item_names.offsets": ints(0, 24, dtype=np.int64)},
]


@pytest.mark.parametrize("mmap", [False, True])
@pytest.mark.parametrize("arrays", FORGED_ARRAYS, ids=lambda value: str(value)[:60])
def test_forged_arrays_are_refused_when_the_file_is_loaded(small_file, tmp_path, arrays, mmap):
    path = tmp_path / "m"
    path.write_bytes(small_file.read_bytes())
    rewrite(path, arrays)
    refused(path, mmap=mmap)


@pytest.mark.parametrize(
    "ids",
    [
        b"{}",
        b"[null]",
        b'["a", "a", "b", "c"]',
        b"[1, true, 2, 3]",
        b'[{"Colour": "red"}]',
        b'[{"Fraction": "1e999999999"}]',
        b'[{"Fraction": "1/0"}]',
        b'[{"Decimal": "x"}]',
        b'[{"timedelta": [1e300, 0, 0]}]',
        b'[{"UUID": 7}]',
        b'[{"Timestamp": 7}]',
        b'[{"bytes": "*"}]',
        b'[{"a": 1, "b": 2}]',
        b"[" * 100_000,
        b"\xff",
    ],
    ids=lambda text: repr(text)[:40],
)
def test_forged_ids_are_refused_when_the_file_is_loaded(small_file, tmp_path, ids):
    path = tmp_path / "m"
    path.write_bytes(small_file.read_bytes())
    rewrite(path, {"items": None, "items.json": np.frombuffer(ids, np.uint8)})
    refused(path)
    refused(path, mmap=True)


@pytest.mark.parametrize(
    "arrays",
    [
        {"user_factors": np.full((6, 2), np.nan, np.float32)},
        {"train.data": np.zeros(18, np.float32)},
        {"train.data": np.full(18, np.nan, np.float32)},
        {"items": np.array([1, 2, 3, 3])},
        {"users.order": np.zeros(6, np.int32)},
    ],
    ids=str,
)
def test_values_are_checked_unless_a_file_is_mapped_without_verifying(small_file, tmp_path, arrays):
    path = tmp_path / "m"
    path.write_bytes(small_file.read_bytes())
    rewrite(path, arrays)
    refused(path)
    refused(path, mmap=True, verify=True)
    mapped = wrmf.load(path, mmap=True)
    for use in (mapped.recommend, lambda: mapped.predict("u3", 3), lambda: mapped.predict("u3", 1)):
        with contextlib.suppress(ValueError):
            use()


@given(st.binary(max_size=300))
@settings(deadline=None, max_examples=50)
def test_any_bytes_after_a_valid_length_are_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("bytes") / "m"
    path.write_bytes(len(content).to_bytes(8, "little") + content)
    refused(path)


def test_arrays_of_a_mapped_file_are_views_of_it(small_file):
    model = wrmf.load(small_file, mmap=True)
    state = model.state
    for array in (
        state.user_factors,
        state.item_factors,
        state.users.content,
        state.items,
        state.item_names.offsets,
        state.train_matrix.data,
        state.train_matrix.indices,
        state.train_matrix.indptr,
    ):
        assert not array.flags.writeable
        while isinstance(array, np.ndarray):
            array = array.base
        assert isinstance(getattr(array, "obj", array), mmap.mmap)

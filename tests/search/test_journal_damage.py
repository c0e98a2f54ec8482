"""Damaged and old journals: damage is refused, whatever it is, and old journals are read."""

import json
import re

import pytest

from wrmf import Range, grid_search, random_search
from wrmf.search.journal import read_journal
from wrmf.search.journal_lines import CHECKSUM, read_lines, write_line

GRID = {"alpha": [1.0, 20.0]}


@pytest.fixture
def journal(split, model, tmp_path):
    """The journal of a finished search."""
    path = tmp_path / "search.jsonl"
    grid_search(model, split, GRID, [1, 2], journal=path, validation=0.2)
    return path


def scores(result):
    return [(curve.params, curve.epochs, curve.train, curve.test) for curve in result.curves]


def as_version_2(content):
    """Return a journal as the version before checksums wrote it."""
    lines = [CHECKSUM.sub(b"}", line) for line in content.splitlines()]
    return b"".join(line.replace(b'"version": 3', b'"version": 2') + b"\n" for line in lines)


@pytest.mark.parametrize("flip", [1, 2, 0x80])
def test_a_flipped_bit_is_refused_or_cuts_the_last_line_off(journal, flip):
    content = bytearray(journal.read_bytes())
    last = content[:-1].rfind(b"\n") + 1
    whole = read_lines(journal, bytes(content))
    for place in range(len(content)):
        content[place] ^= flip
        try:
            header, records = read_lines(journal, bytes(content))
        except ValueError as error:
            assert re.search("damaged|not a search journal|update wrmf", str(error))
            assert "\n" not in str(error)
        else:
            # Without its line break, the last line counts as not yet written.
            assert place == len(content) - 1
            assert (header, records) == (whole[0], whole[1][:-1])
        content[place] ^= flip
    assert last


def test_a_journal_cut_off_anywhere_keeps_its_complete_lines(journal):
    content = journal.read_bytes()
    header, records = read_lines(journal, content)
    first = content.find(b"\n") + 1
    for end in range(first, len(content)):
        assert read_lines(journal, content[:end]) == (
            header,
            records[: content[first:end].count(b"\n")],
        )


def test_a_search_refuses_its_damaged_journal_and_leaves_it(split, model, journal):
    damaged = journal.read_bytes().replace(b'"epochs": [1, 2]', b'"epochs": [1, 3]')
    journal.write_bytes(damaged)
    with pytest.raises(ValueError, match="line 2 differs from its checksum: to measure its"):
        grid_search(model, split, GRID, [1, 2], journal=journal, validation=0.2)
    with pytest.raises(ValueError, match="line 2 differs"):
        read_journal(journal)
    assert journal.read_bytes() == damaged


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("epochs", [1, 2**63], "has epochs other than the search's"),
        ("epochs", [2, 3], "has epochs other than the search's"),
        ("by_seed", [{"mrr": [0.5, 0.5]}], "has metrics other than the search's"),
    ],
)
def test_a_curve_of_another_plan_is_refused_before_it_is_trained(
    split, model, journal, name, value, reason
):
    """A search trains a model up to the last epoch of a curve in its journal."""
    lines = journal.read_bytes().splitlines(keepends=True)
    forged = json.loads(lines[2])
    del forged["crc32"]
    forged["curve"][name] = value
    journal.write_bytes(b"".join([*lines[:2], write_line(forged), *lines[3:]]))
    before = journal.read_bytes()
    with pytest.raises(ValueError, match=f"line 3 {reason}: to measure"):
        grid_search(model, split, GRID, [1, 2], journal=journal, validation=0.2)
    assert journal.read_bytes() == before


def test_deleting_the_damaged_line_measures_its_setting_again(split, model, journal):
    whole = read_journal(journal)
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(lines[0] + b"".join(lines[2:]))
    resumed = grid_search(model, split, GRID, [1, 2], journal=journal, validation=0.2)
    assert scores(resumed) == scores(whole)


def test_a_journal_without_checksums_is_read_and_resumed(split, model, journal):
    whole = read_journal(journal)
    old = as_version_2(journal.read_bytes())
    journal.write_bytes(old)
    assert scores(read_journal(journal)) == scores(whole)
    assert read_journal(journal).test == whole.test
    resumed = grid_search(model, split, GRID, [1, 2], journal=journal, validation=0.2)
    assert scores(resumed) == scores(whole)
    # What is added to an old journal has a checksum.
    added = journal.read_bytes().removeprefix(old)
    assert all(map(CHECKSUM.search, added.splitlines()))
    assert scores(read_journal(journal)) == scores(whole)


def test_ranges_are_read_from_a_journal(split, model, tmp_path):
    space = {"alpha": Range(1.0, 20.0, log=True), "factors": Range(2, 4)}
    result = random_search(model, split, space, 2, [1], journal=tmp_path / "j")
    assert read_journal(tmp_path / "j").ranges == result.ranges


HEADER = {
    "journal": "wrmf-search",
    "version": 2,
    "search": "0",
    "seed": 0,
    "metric": "mse",
    "searched": ["alpha"],
    "params": {},
}
CURVE = {"epochs": [1], "train": {"mse": [0.5]}, "test": {"mse": [0.5]}, "seconds": [1]}
WRONG_HEADERS = [
    {"seed": None},
    {"seed": True},
    {"search": 3},
    {"metric": ["mse"]},
    {"searched": "alpha"},
    {"searched": [1]},
    {"params": []},
    {"scored_on": 3},
    {"ranges": []},
    {"ranges": {"alpha": [1]}},
    {"ranges": {"alpha": [1, "2", True]}},
]
WRONG_RECORDS = [
    [],
    None,
    3,
    {},
    {"setting": {}},
    {"setting": [], "curve": CURVE},
    {"setting": {}, "curve": CURVE, "test": []},
    {"setting": {}, "curve": []},
    {"setting": {}, "curve": {}},
    *(
        {"setting": {}, "curve": {**CURVE, **change}}
        for change in (
            {"epochs": []},
            {"epochs": [1.5]},
            {"epochs": "1"},
            {"epochs": [1, 1]},
            {"train": []},
            {"train": {"mse": [None]}},
            {"train": {"mse": [0.5, 0.5]}},
            {"train": {"auc": [0.5]}},
            {"seconds": "3"},
            {"seconds": []},
            {"train": {}, "test": {}},
            {"by_seed": {}},
            {"by_seed": [3]},
            {"stderr": {"mse": ["x"]}},
            {"colour": 3},
        )
    ),
    {"test": []},
    {"test": [{}, "3", 0]},
    {"test": [{"mse": "x"}, 3, 0]},
    {"test": [{"mse": 1}, 3, 0, []]},
    {"test": [{"auc": 1}, 3, 0, {}]},
]


@pytest.mark.parametrize("change", WRONG_HEADERS, ids=str)
@pytest.mark.parametrize("version", [2, 3])
def test_a_header_of_another_form_is_refused(tmp_path, change, version):
    header = {**HEADER, "version": version, **change}
    line = write_line(header) if version == 3 else json.dumps(header).encode() + b"\n"
    (tmp_path / "j").write_bytes(line)
    with pytest.raises(ValueError, match=r"line 1 has no valid|line 1 names no"):
        read_journal(tmp_path / "j")


@pytest.mark.parametrize("record", WRONG_RECORDS, ids=str)
def test_a_record_of_another_form_is_refused(tmp_path, record):
    (tmp_path / "j").write_text(f"{json.dumps(HEADER)}\n{json.dumps(record)}\n")
    with pytest.raises(ValueError, match=r"damaged, its line 2 (has|is) .*delete this line"):
        read_journal(tmp_path / "j")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"[" * 100_000, "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"", "is not JSON"),
        (b'{"test": [{}, 1, 0], "crc32": "00000000"}', "differs from its checksum"),
    ],
    ids=["nested", "bytes", "empty", "checksum"],
)
def test_a_line_that_is_no_object_is_refused(tmp_path, line, reason):
    (tmp_path / "j").write_bytes(json.dumps(HEADER).encode() + b"\n" + line + b"\n")
    with pytest.raises(ValueError, match=f"line 2 {reason}"):
        read_journal(tmp_path / "j")


@pytest.mark.parametrize("version", [4, 10**30, "3", None, True, 2.0])
def test_a_journal_of_another_version_is_refused(tmp_path, version):
    (tmp_path / "j").write_bytes(write_line({**HEADER, "version": version}))
    with pytest.raises(ValueError, match="reads up to 3: update"):
        read_journal(tmp_path / "j")

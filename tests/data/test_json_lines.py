"""Files of JSON give exact values, also of nested fields, and errors that name the line."""

import gzip
from pathlib import Path

import pytest
from loading import load, rows

import wrmf

FILES = Path(__file__).parent / "files"


def test_lines_of_objects_are_read_with_nested_fields_and_exact_ints():
    path = FILES / "events.jsonl"
    assert load(path, "user.id", "item", "plays", "at") == {
        "user.id": [2**53 + 1, 5],
        "item": ["007", "7"],
        "plays": [None, 2],
        "at": ["2026-11-26", None],
    }


def test_an_array_of_objects_is_read_and_ids_of_two_types_stay_two():
    assert rows(FILES / "events.json") == [(7, "a"), ("7", "b")]


def test_a_field_may_be_wanted_by_name_and_by_position(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('[{"user": "a", "item": 1, "n": 2}, {"user": "b", "item": 3, "n": 4}]')
    data = wrmf.read_interactions(path, user="n", value=2)
    assert data.users.tolist() == [2, 4]
    assert data.matrix.toarray().tolist() == [[2, 0], [0, 4]]


@pytest.mark.parametrize("number", [2**53 + 1, 2**60 + 1, 2**64 - 1, 2**80])
@pytest.mark.parametrize("other", ["1.5", "null", '"x"'])
def test_ints_stay_exact_beside_other_values(tmp_path, number, other):
    path = tmp_path / "x.jsonl"
    path.write_text(f'{{"user": {number}}}\n{{"user": {other}}}\n')
    assert load(path, "user")["user"][0] == number


@pytest.mark.parametrize("text", ["2026-11-26", "2026-11-26 10:00:00", "12:00", "007", "1e2"])
def test_texts_stay_texts(tmp_path, text):
    path = tmp_path / "x.ndjson"
    path.write_text(f'{{"user": {{"id": "{text}"}}}}\n')
    assert load(path, "user.id") == {"user.id": [text]}


@pytest.mark.parametrize("name", ["x.jsonl", "x.txt", "x"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_json_is_told_by_content_also_packed(tmp_path, name, pack):
    path = tmp_path / name
    path.write_bytes(pack(b'\xef\xbb\xbf{"user": 1, "item": "a"}\r\n'))
    assert rows(path) == [(1, "a")]


def test_a_csv_file_whose_first_field_is_a_brace_stays_csv(tmp_path):
    (tmp_path / "x.csv").write_text('user,item\n{"a,1\n')
    assert rows(tmp_path / "x.csv") == [('{"a', "1")]


def test_an_encoding_is_read_on_request(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_bytes('{"user": "é", "item": 1}\n'.encode("latin-1"))
    assert rows(path, encoding="latin-1") == [("é", 1)]
    with pytest.raises(ValueError, match=r"x\.jsonl: it is not utf-8.*pass encoding="):
        load(path)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "x.jsonl is empty"),
        (b"\n \n", "x.jsonl is empty"),
        (b"[]", "x.jsonl is empty"),
        (b'{"user": 1}\n\n[2]\n', "line 3 holds list '\\[2\\]', not an object"),
        (b'{"user": 1}\n\n{"user": }\n', "line 3 is not JSON: Expecting value at character 10"),
        (b'[{"user": 1},\n{"user" 2}]', "line 2 is not JSON"),
        (b"[1, 2]", "element 0 of the array holds int '1', not an object"),
        (b'{"uid": 1}\n', "no column 'user'; the columns are \\['uid'\\]"),
        (b'[{"uid": 1}]', "no column 'user'; the columns are \\['uid'\\]"),
    ],
)
def test_errors_name_the_file_and_the_line(tmp_path, content, error):
    path = tmp_path / "x.jsonl"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=error):
        load(path, "user")


@pytest.mark.parametrize(
    ("line", "column", "error"),
    [
        ('{"a": {"id": 1}, "user": 2}', "id", r"the columns are \['a.id', 'user'\]"),
        ('{"a": {"Id ": 1}}', "a.id", r"no field 'id' in column 'a'"),
        ('{"User": 1}', "user", r"no column 'user' \(did you mean 'User'\?\); the columns"),
        ('{"p": [{"id": 1}]}', "user", "column 'p': it holds lists of objects, .*json_normalize"),
        ('{"p": [{"id": 1}]}', "p.id", "column 'p' has no fields: it holds lists of objects"),
    ],
)
def test_an_error_about_a_column_says_how_others_are_named(tmp_path, line, column, error):
    (tmp_path / "x.jsonl").write_text(f"{line}\n")
    with pytest.raises(ValueError, match=error):
        load(tmp_path / "x.jsonl", column)


def test_a_damaged_line_of_a_fixture_is_named():
    with pytest.raises(ValueError, match=r"events_damaged\.ndjson: line 2 is not JSON"):
        load(FILES / "events_damaged.ndjson")


def test_cut_off_archives_are_one_line(tmp_path):
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"user": 1, "item": 2}\n' * 1000)[:-9])
    with pytest.raises(ValueError, match=r"x\.jsonl\.gz cannot be unpacked") as info:
        load(path)
    assert "\n" not in str(info.value)


@pytest.mark.parametrize("start", ["", "\n", " \t\r\n", "\ufeff", '{"user": 1}\n', '{"user": 1}'])
@pytest.mark.parametrize("end", ["", "\n", 'x\n{"user": 1}', "\n{}"])
def test_a_null_in_place_of_an_object_is_an_error(tmp_path, start, end):
    path = tmp_path / "x.jsonl"
    path.write_text(f"{start}null{end}", encoding="utf-8")
    with pytest.raises(ValueError, match=r"x.jsonl: line \d (holds NoneType|is not JSON)"):
        load(path, "user")

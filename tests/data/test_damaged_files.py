"""No damage of a file ends the process or comes as anything but an error of one line."""

import contextlib
import sqlite3
import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from loading import load
from scipy import sparse

import wrmf

TABLE = pa.table({"user": ["a", "b", "c"] * 20, "item": list(range(60)), "n": [1.5] * 60})


def write_stream(path):
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, TABLE.schema) as writer:
        writer.write_table(TABLE)


def write_npz(path):
    with path.open("wb") as file:
        sparse.save_npz(file, sparse.random(20, 20, density=0.3, format="csr", random_state=0))


def write_sqlite(path):
    connection = sqlite3.connect(path)
    connection.execute("create table likes (user, item)")
    connection.executemany("insert into likes values (?, ?)", [("a", n) for n in range(50)])
    connection.commit()
    connection.close()


def write_matrix_market(path):
    lines = "".join(f"{n + 1} {n * 3 % 20 + 1} {n}.5\n" for n in range(20))
    path.write_text(f"%%MatrixMarket matrix coordinate real general\n20 20 20\n{lines}")


# A function that writes a sound file, and the layouts that it may be read in.
WRITERS = {
    "parquet": (lambda path: pq.write_table(TABLE, path), ["pairs"]),
    "feather": (lambda path: pyarrow.feather.write_feather(TABLE, path), ["pairs"]),
    "stream": (write_stream, ["pairs"]),
    "npz": (write_npz, ["pairs"]),
    "matrix_market": (write_matrix_market, ["pairs"]),
    "sqlite": (write_sqlite, ["pairs"]),
    "json": (
        lambda path: path.write_text('{"user": "é", "item": {"a": [1]}}\n{"item": 1.5}\n' * 5),
        ["pairs"],
    ),
    "lines": (lambda path: path.write_text("1 2 3\n4 5\n\n6 7\n"), ["user-items", "baskets"]),
    "wide": (lambda path: path.write_text("user,x,y\nann,1,0\nbob,0,2\n"), ["wide"]),
}


def damaged(content, generator):
    """Return the content with some bytes changed, left out or put in, or cut off."""
    content = bytearray(content)
    for _ in range(generator.integers(1, 6)):
        place = generator.integers(len(content))
        length = generator.integers(1, 20)
        match generator.integers(6):
            case 0:
                del content[place : place + length]
            case 1:
                content[place:place] = generator.bytes(length)
            case 2:
                del content[place + 1 :]
            case _:
                content[place] = generator.integers(256)
        content = content or bytearray(b"x")
    return bytes(content)


@pytest.mark.parametrize("kind", WRITERS)
def test_damaged_files_are_read_or_refused_in_one_line(tmp_path, kind):
    write, layouts = WRITERS[kind]
    write(tmp_path / "sound")
    sound = (tmp_path / "sound").read_bytes()
    generator = np.random.default_rng(len(sound))
    for number in range(60):
        path = tmp_path / "damaged"
        path.write_bytes(damaged(sound, generator))
        try:
            load(path, layout=layouts[number % len(layouts)])
        except (TypeError, ValueError) as error:
            assert not isinstance(error, UnicodeError)
            assert "\n" not in str(error)


@pytest.mark.parametrize("kind", WRITERS)
def test_sound_files_are_read(tmp_path, kind):
    write, layouts = WRITERS[kind]
    write(tmp_path / "sound")
    for layout in layouts:
        assert len(pd.DataFrame(load(tmp_path / "sound", layout=layout)))


@pytest.mark.parametrize("text", ["user,item\na,b\n", '{"user": 1, "item": 2}\n', '[{"user": 1}]'])
@pytest.mark.parametrize("encoding", ["no-such", "base64", "a\0b"])
@pytest.mark.parametrize("layout", ["pairs", "user-items", "wide"])
def test_an_unknown_encoding_is_refused_for_every_format(tmp_path, text, encoding, layout):
    (tmp_path / "x").write_text(text)
    with pytest.raises(ValueError, match="unknown encoding"):
        load(tmp_path / "x", layout=layout, encoding=encoding)


@pytest.mark.parametrize("layout", ["pairs", "user-items", "wide"])
def test_utf_16_without_a_byte_order_mark_is_an_error_that_names_the_file(tmp_path, layout):
    (tmp_path / "x").write_text("user,item\na,b\n")
    with pytest.raises(ValueError, match="utf-16") as caught:
        load(tmp_path / "x", layout=layout, encoding="utf-16")
    assert str(tmp_path) in str(caught.value)
    assert type(caught.value) is ValueError


def test_names_of_columns_are_shortened_in_messages(tmp_path):
    (tmp_path / "x").write_text(
        ",".join(["y" * 1000] * 3 + ["z"] * 1000) + "\n" + "1," * 1002 + "1"
    )
    with pytest.raises(ValueError, match="no column 'user'; the columns are") as caught:
        load(tmp_path / "x")
    assert len(str(caught.value)) < 700
    with pytest.raises(ValueError, match="no column 'user'; the columns are") as caught:
        load(pd.DataFrame({"y" * 1000: [1], **{name: [1] for name in range(1000)}}))
    assert len(str(caught.value)) < 700


def test_a_pattern_of_times_that_is_none_is_an_error_that_names_it():
    likes = pd.DataFrame({"user": ["a"], "item": ["b"], "time": ["2026"]})
    with pytest.raises(ValueError, match="time_format='%Q' is no pattern of strptime"):
        wrmf.read_interactions(likes, time="time", time_format="%Q")


@pytest.mark.parametrize("unknown", ["error", "drop"])
def test_an_axis_without_ids_leaves_nothing(unknown):
    likes = pd.DataFrame({"user": ["a"], "item": ["b"]})
    error = "the axis has 0: pass" if unknown == "error" else "no entries are left of 0 rows"
    with pytest.raises(ValueError, match=error):
        wrmf.read_interactions(likes, users=[], unknown=unknown)


@pytest.mark.parametrize("kind", ["sqlite", "parquet", "json", "csv", "frame"])
def test_a_column_may_be_both_ids_and_values(tmp_path, kind):
    frame = pd.DataFrame({"user": [1, 2], "item": [3, 4]})
    source = tmp_path / f"x.{kind}"
    if kind == "sqlite":
        with contextlib.closing(sqlite3.connect(source)) as connection:
            frame.to_sql("likes", connection, index=False)
    elif kind == "json":
        frame.to_json(source, orient="records", lines=True)
    elif kind == "frame":
        source = frame
    else:
        getattr(frame, f"to_{kind}")(source, index=False)
    data = wrmf.read_interactions(source, value="item")
    assert data.to_frame().to_numpy().tolist() == [[1, 3, 3], [2, 4, 4]]


def test_numbers_that_no_integer_holds_are_refused_in_matrix_market_files(tmp_path):
    head = "%%MatrixMarket matrix coordinate real general\n2 2 1\n"
    (tmp_path / "x.mtx").write_text(head + "1e30 1 1\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=r"x.mtx is no Matrix Market file, or damaged"):
            load(tmp_path / "x.mtx")


def test_cells_that_are_no_lists_are_an_error_of_the_layout(tmp_path):
    (tmp_path / "x.json").write_text('{"user": 1, "item": {"a": 1}}\n{"user": 2, "item": 1.5}\n')
    with pytest.raises(ValueError, match="layout='user-items' needs"):
        load(tmp_path / "x.json", layout="user-items")

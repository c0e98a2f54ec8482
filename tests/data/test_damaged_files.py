"""No damage of a file ends the process or comes as anything but an error of one line."""

import sqlite3

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from loading import load
from scipy import sparse

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

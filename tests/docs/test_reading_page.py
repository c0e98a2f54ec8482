"""Every call and command of the page about reading runs, on files in the shapes that it names."""

import bz2
import doctest
import gzip
import inspect
import lzma
import os
import re
import shlex
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import io, sparse

import wrmf
from wrmf.cli.main import main

PAGE = Path(__file__).parents[2] / "docs" / "reading.md"
TEXT = PAGE.read_text(encoding="utf-8")
LIKES = "user,item\nann,x\nann,y\nbob,y\n"

# The content of each file that the page names, if it is text.
FILES = {
    "likes.csv": LIKES,
    "plays.csv": "uid,track,plays\nann,x,2\nann,y,1\nbob,y,3\n",
    "likes.tsv": LIKES.replace(",", "\t"),
    "likes.psv": LIKES.replace(",", "|"),
    "u.data": "196\t242\t3\t881250949\n186\t302\t3\t891717742\n196\t302\t1\t878887116\n",
    "ratings.dat": "1::1193::5::978300760\n1::661::3::978302109\n2::661::4::978301968\n",
    "bars.txt": "ann||x\nann||y\nbob||y\n",
    "log.txt": "1;ann;x\n2;ann;y\n3;bob;y\n",
    "plays.txt": "ann x 3\nann y 1\nbob y 2\n",
    "hours.csv": "user;item;hours\nann;x;2,5\nbob;x;0,5\n",
    "excel.csv": "sep=;\nuser;item\nann;x\nbob;y\n",
    "cut.csv": f"{LIKES}cid\n",
    "comments.csv": f"# exported 2026-01-31\n{LIKES}",
    "mac.csv": LIKES.replace("\n", "\r"),
    "likes.inter": "user_id:token\titem_id:token\n7\t12\n7\t13\n8\t12\n",
    "train.txt": f"0 12 7 31\n1 7 31\n2 {' '.join(map(str, range(25)))}\n",
    "test.txt": "0 31 99\n1 12\n",
    "baskets.csv": "bread,milk,eggs\nmilk\nbread,eggs\n",
    "wide.csv": "user,bread,milk\nann,1,0\nbob,1,1\n",
    "likes.jsonl": '{"user": "ann", "item": 7}\n{"user": "bob", "item": 8}\n',
    "nested.jsonl": '{"user": {"id": 3}, "item": {"id": 7}}\n'
    '{"user": {"id": 4}, "item": {"id": 7}}\n',
    "events.csv": "user,item,event,when\n"
    + "".join(
        f"{user},i{number},{'view' if number % 3 else 'cart'},2026-01-0{1 + number % 4}\n"
        for user in ("ann", "bob")
        for number in range(25)
    ),
    "stars.csv": "user,item,stars\nann,x,5\nann,y,2\nbob,y,4\n",
    "films.csv": "item,title\nx,Solaris\ny,Stalker\n",
    "day-1.csv": LIKES,
    "day-2.csv": "user,item\nbob,x\n",
}
PACKED = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with all files that the page names."""
    pa = pytest.importorskip("pyarrow")
    path = tmp_path_factory.mktemp("reading")
    for name, content in FILES.items():
        (path / name).write_bytes(content.encode())
    (path / "utf16.csv").write_text(LIKES, encoding="utf-16")
    (path / "latin.csv").write_text("user,item\nZoë,x\nann,y\n", encoding="latin-1")
    for ending, pack in PACKED.items():
        (path / f"likes.csv.{ending}").write_bytes(pack(LIKES.encode()))
    with pa.CompressedOutputStream(str(path / "likes.csv.zst"), "zstd") as file:
        file.write(LIKES.encode())
    with zipfile.ZipFile(path / "likes.csv.zip", "w") as archive:
        archive.writestr("likes.csv", LIKES)
    frame = pd.DataFrame({"user": ["ann", "bob"], "item": [7, 8]})
    frame.to_parquet(path / "likes.parquet")
    frame.to_feather(path / "likes.feather")
    for day in (1, 2):
        (path / "log" / f"day={day}").mkdir(parents=True)
        frame.to_parquet(path / "log" / f"day={day}" / "part.parquet")
    sparse.save_npz(path / "likes.npz", sparse.csr_matrix(np.eye(3)))
    io.mmwrite(path / "likes.mtx", sparse.coo_matrix(np.eye(3)))
    with sqlite3.connect(path / "shop.db") as connection:
        connection.execute("create table likes (user text, item int)")
        rows = [("ann", 7), ("bob", 8), ("bot", 8)]
        connection.executemany("insert into likes values (?, ?)", rows)
    connection.close()
    return path


@pytest.fixture(autouse=True)
def in_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)


def cells(start):
    """Return the code in cells of tables that begins with ``start``."""
    codes = re.findall(rf"\| `({re.escape(start)}(?:[^`])*)` (?=\|)", TEXT)
    return [code.replace(r"\|", "|") for code in codes]


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.S)


CALLS = cells("wrmf.read_interactions(")
COMMANDS = cells("wrmf fit") + cells("zcat")


def run(command):
    """Run a command, in a shell of its own if it is more than one."""
    if " | " not in command:
        return main(shlex.split(command)[1:])
    function = f'wrmf() {{ "{sys.executable}" -m wrmf "$@"; }}'
    path = os.pathsep.join([str(Path(wrmf.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    words = ["sh", "-c", f"{function}\n{command}"]
    return subprocess.run(words, env=environment, check=False).returncode


def test_the_page_has_a_call_and_a_command_for_each_file():
    assert len(CALLS) > 30
    assert len(COMMANDS) == len(CALLS)


@pytest.mark.parametrize("call", CALLS)
def test_a_call_reads_interactions(call, monkeypatch):
    with Path("likes.csv").open(encoding="utf-8") as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert eval(call, {"wrmf": wrmf}).n_interactions >= 2


@pytest.mark.skipif(sys.platform == "win32", reason="the commands are those of a POSIX shell")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_succeeds(command, capfd):
    assert run(command) == 0, capfd.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="the commands are those of a POSIX shell")
@pytest.mark.parametrize("block", blocks("sh"))
def test_a_block_of_commands_succeeds(block, capfd):
    for command in block.splitlines():
        assert run(command) == 0, capfd.readouterr().err


def test_a_call_and_its_command_read_the_same(capsys):
    for call, command in zip(CALLS, COMMANDS, strict=True):
        if '"-"' in call:
            continue
        data = eval(call, {"wrmf": wrmf})
        assert main(shlex.split(command)[1:]) == 0
        assert repr(data) in capsys.readouterr().out, command


@pytest.mark.parametrize("ending", ["gz", "bz2", "xz", "zst", "zip"])
def test_a_compressed_file_is_read(ending):
    assert wrmf.read_interactions(f"likes.csv.{ending}").n_interactions == 3


def test_blocks_of_python_run_in_order():
    names = {}
    for block in blocks("python"):
        exec(block, names)
    assert names["data"].names_of([0]) == ["Kolya (1996)"]
    assert names["split"].test.n_interactions >= 1
    names["connection"].close()


def test_sessions_print_what_the_page_shows():
    parser = doctest.DocTestParser()
    for block in blocks("pycon"):
        test = parser.get_doctest(block, {}, PAGE.name, str(PAGE), 0)
        printed = []
        doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(
            test, out=printed.append
        )
        assert not printed, "".join(printed)


def test_the_page_names_every_parameter_of_reading():
    for name in inspect.signature(wrmf.read_interactions).parameters:
        assert name == "source" or re.search(rf"\b{name}=", TEXT) or f"`{name}`" in TEXT, name

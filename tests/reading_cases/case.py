"""Cases of reading, as the page ``docs/reading_cases.md`` shows them and tests run them.

Each case is an expression and what it gives. Its files lie in the working folder, and its names are
those of ``NAMES``.
"""

import contextlib
import datetime
import importlib
import io
import sqlite3
import sys
import tempfile
import uuid
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
from scipy import sparse

import wrmf
from wrmf.cli.main import main


@dataclass(frozen=True)
class Case:
    """A row of a table of the page.

    Attributes
    ----------
    source : str
        What is read, in words. Then follows ``content``, if it is a short text.
    careless : str
        What a careless reader makes of it.
    code : str
        An expression.
    outcome : str
        The text of the value of ``code``, see :func:`shown`, or ``error: `` and a message, in which
        `` … `` stands for a part.
    content : str or bytes or callable(Path), optional
        The content of the file that ``code`` names first, or a function that writes it.
    needs : tuple of str
        Packages without which the case is skipped.
    """

    source: str
    careless: str
    code: str
    outcome: str
    content: str | bytes | Callable[[Path], None] | None = None
    needs: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """The name of the file that the expression names first."""
        first = self.code.partition('"')[2].partition('"')[0].removeprefix("wrmf fit ")
        return first.partition(" ")[0].partition("#")[0].rpartition("///")[2] or "x"

    def write(self) -> None:
        """Write the file into the working folder."""
        path = Path(self.file)
        if callable(self.content):
            self.content(path)
        elif self.content is not None:
            content = self.content
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    def run(self) -> str:
        """Return the text of what the expression gives."""
        self.write()
        try:
            return shown(eval(self.code, {**NAMES, **_optional(self.needs)}))
        except (TypeError, ValueError, OSError) as error:
            return f"error: {error}"

    def line(self) -> str:
        """Return the row of the page's table."""
        source = self.source
        if isinstance(self.content, str) and len(self.content) < 90:
            visible = self.content.removesuffix("\n").replace("\n", "⏎").replace("\r", "␍")
            source += f" `{visible}`".replace("\t", "⇥")
        cells = [source, self.careless, f"`{self.code}`", self.outcome]
        return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def shown(value: object) -> str:
    """Return a value as the page shows it: of interactions, the pairs, and the rows left out."""
    if not isinstance(value, wrmf.Interactions):
        return f"`{value!r}`"
    frame = value.to_frame()
    if len(frame) > 8:
        return f"`{value!r}`"
    columns = [frame[name].tolist() for name in ("user", "item", "value")]
    pairs = [f"{user!r} {item!r} {count:g}" for user, item, count in zip(*columns, strict=True)]
    lines = str(value.summary()).split("\n")[4:]
    counts = [line for line in lines if "dropped" in line or "without" in line]
    return "; ".join(f"`{text}`" for text in ("; ".join(pairs), *counts))


def read(source, **options):
    return wrmf.read_interactions(source, **options)


def shell(command: str) -> str:
    """Run a command, and return its error message."""
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
        status = main(command.split()[1:])
    if status:
        raise ValueError(errors.getvalue().partition("error: ")[2].strip())
    return errors.getvalue()


def typed(text: str, **options):
    """Read a text from the standard input."""
    stdin, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(text.encode()))
    try:
        return wrmf.read_interactions("-", **options)
    finally:
        sys.stdin = stdin


def saved(model):
    """Return a model after saving and loading it."""
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model.wrmf")
        return wrmf.load(f"{folder}/model.wrmf")


def _optional(needs: tuple[str, ...]) -> dict[str, object]:
    """Return the names of packages that are not installed everywhere."""
    names = {"polars": "pl", "adbc_driver_sqlite": "adbc"}
    modules = {"adbc_driver_sqlite": "adbc_driver_sqlite.dbapi"}
    return {
        names.get(package, package): importlib.import_module(modules.get(package, package))
        for package in needs
    }


class Stream:
    """A table of another library, of which only the stream is known."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


def tuned(space: dict[str, list[int]]):
    """Return the study of a search with one trial."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    board = NAMES["board"]
    split = wrmf.leave_k_out(board, 1, random_state=0)
    model = wrmf.WRMF(random_state=0)
    wrmf.tune(model, split, space, 1, [1], random_state=0, study=study, progress=False)
    return study


def _broken() -> sparse.csr_matrix:
    """Return a matrix with an index out of range."""
    matrix = sparse.csr_matrix(np.eye(2))
    matrix.indices[0] = 9
    return matrix


def fitted(data, **params):
    return wrmf.WRMF(**{"factors": 2, "iterations": 3, "random_state": 0, **params}).fit(data)


def times_of(data):
    return sorted(str(time) for time in data.times.tolist())


NAMES = {
    "wrmf": wrmf,
    "np": np,
    "pd": pd,
    "pa": pa,
    "sparse": sparse,
    "datetime": datetime,
    "sqlite3": sqlite3,
    "UUID": uuid.UUID,
    "read": read,
    "shell": shell,
    "typed": typed,
    "saved": saved,
    "fitted": fitted,
    "times_of": times_of,
    "tuned": tuned,
    "Stream": Stream,
    "broken": _broken(),
    # An item of the test part that nobody has in training.
    "cold": wrmf.Split(np.array([[1, 1, 0], [1, 0, 0]]), np.array([[0, 0, 1], [0, 1, 0]])),
    # Six users and six items like a chessboard, and the same data in another order.
    "board": wrmf.Interactions(
        np.indices((6, 6)).sum(axis=0) % 2, users=list("abcdef"), items=list("uvwxyz")
    ),
    "again": wrmf.Interactions(
        np.indices((6, 6)).sum(axis=0)[::-1] % 2, users=list("fedcba"), items=list("uvwxyz")
    ),
    # A pair that was met before and after the cut of 10, and another user.
    "visits": wrmf.read_interactions(
        pd.DataFrame({"user": list("aaabb"), "item": list("xxyxy"), "at": [1, 20, 2, 3, 30]}),
        time="at",
    ),
}


def with_keys(path: Path) -> None:
    for day in ("1", "2"):
        folder = path / f"day={day}"
        folder.mkdir(parents=True)
        pa.parquet.write_table(pa.table({"user": [int(day)], "item": ["x"]}), folder / "a.parquet")


def two_files(path: Path) -> None:
    Path("day-1.csv").write_text("user,item\nann,x\n")
    Path("day-2.csv").write_text("item,user\ny,bob\n")


def database(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("create table likes (user text, item int)")
        connection.execute(f"insert into likes values ('007', {2**60 + 1}), ('7', null)")
        connection.commit()


def zip_of(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, LIKES)
    return buffer.getvalue()


def parquet_of(**columns: object) -> bytes:
    buffer = io.BytesIO()
    pa.parquet.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


LIKES = "user,item\nann,x\nbob,y\n"
LONG = "user,item\n" + "1000,x\n" * 150_000 + "ann,x\n1000,x\n"

"""Compare ``wrmf.read_interactions`` with the bare reads of polars and pandas, by ratios.

    python -m benchmarks.guards.reading [--rows N …] [--large N] [--rounds 5] [--folder FOLDER]

Writes a csv and a parquet file of interactions (a user, an item, a timestamp; ids are texts), and
reads both, each time in a fresh process, in turn, so that a busy minute of the machine meets all
readers. The table has the median of the seconds and of the peak of memory, and ratios to polars.
Importing the libraries is not timed. Reading includes ids as codes, and the matrix; a second row
has times, too. With ``--large``, a folder of parquet files with N rows in all is read once, by
wrmf only. Files that ``--folder`` holds already are read again; ``--record`` writes the results to
``benchmarks/results/reading.json``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import record
from benchmarks.machine import load_average
from benchmarks.missing import Missing
from benchmarks.speed.table import aligned

if TYPE_CHECKING:
    import polars

DEFAULT_ROWS = 2_000_000
# Zipf's exponents of users and of items, and how many rows there are for each.
EXPONENTS = (1.3, 1.2)
ROWS_FOR_EACH = (50, 200)
# Naming the function imports its package, too.
WRMF = "import wrmf, pyarrow.csv, pyarrow.dataset, pyarrow.parquet; wrmf.read_interactions"
# What is run in a fresh process: imports, then the statement that is timed. FILE is the path.
READERS = {
    "polars": ("import polars", "polars.read_{kind}(FILE)"),
    "pandas": ("import pandas, pyarrow.parquet", "pandas.read_{kind}(FILE)"),
    "wrmf": (WRMF, "wrmf.read_interactions(FILE)"),
    "wrmf with times": (WRMF, "wrmf.read_interactions(FILE, time='timestamp')"),
}
PROGRAM = """
import json, time
{imports}
FILE = {file!r}
start, cpu = time.perf_counter(), time.process_time()
table = {statement}
seconds = time.perf_counter() - start, time.process_time() - cpu
from benchmarks.machine import peak_memory
print(json.dumps([*seconds, peak_memory() / 2**20]))
"""
HEADER = ("rows", "file", "reader", "seconds", "CPU", "peak MiB", "seconds ×", "CPU ×", "peak ×")
# The number of rows in each file of the large folder.
ROWS_OF_PART = 5_000_000


def write_files(folder: Path, n_rows: int) -> list[Path]:
    """Write the files that are missing; return the csv and the parquet file."""
    paths = [folder / f"interactions_{n_rows}.{ending}" for ending in ("csv", "parquet")]
    if not all(path.exists() for path in paths):
        frame = draw_rows(np.random.default_rng(0), n_rows, draw_ids(n_rows))
        frame.write_csv(paths[0])
        frame.write_parquet(paths[1])
    return paths


def write_parts(folder: Path, n_rows: int) -> Path:
    """Write a folder of parquet files with ``n_rows`` rows in all, unless it exists."""
    parts = folder / f"interactions_{n_rows}"
    if not parts.exists():
        parts.mkdir()
        ids = draw_ids(n_rows)
        for start in range(0, n_rows, ROWS_OF_PART):
            size = min(ROWS_OF_PART, n_rows - start)
            frame = draw_rows(np.random.default_rng([1, start]), size, ids)
            frame.write_parquet(parts / f"part-{start:012d}.parquet")
    return parts


def draw_ids(n_rows: int) -> list[np.ndarray]:
    """Return the numbers of users and of items in random order, the popular ones first."""
    rng = np.random.default_rng(0)
    return [rng.permutation(max(1, n_rows // share)) for share in ROWS_FOR_EACH]


def draw_rows(rng: np.random.Generator, n_rows: int, ids: list[np.ndarray]) -> polars.DataFrame:
    """Return a frame of random rows whose users and items are drawn by Zipf's law."""
    try:
        import polars
    except ImportError:
        raise Missing('polars is not installed: pip install "wrmf[polars]"') from None
    user, item = (
        numbers[rng.zipf(exponent, n_rows) % len(numbers)]
        for exponent, numbers in zip(EXPONENTS, ids, strict=True)
    )
    return polars.DataFrame(
        {
            "user": user,
            "item": item,
            "timestamp": rng.integers(1_500_000_000, 1_600_000_000, n_rows),
        }
    ).with_columns(
        user="user_" + polars.col("user").cast(polars.String).str.zfill(8),
        item="item-" + polars.col("item").cast(polars.String),
    )


def measure(path: Path, reader: str) -> list[float]:
    """Return the seconds, the CPU seconds and the peak of MiB of a reader in a fresh process."""
    imports, statement = READERS[reader]
    program = PROGRAM.format(
        imports=imports, file=str(path), statement=statement.format(kind=path.suffix[1:])
    )
    process = subprocess.run(
        [sys.executable, "-c", program], check=True, stdout=subprocess.PIPE, text=True
    )
    result: list[float] = json.loads(process.stdout)
    return result


def compare(path: Path, n_rows: int, rounds: int) -> list[dict[str, Any]]:
    """Return the medians of each reader of a file, and their ratios to those of polars."""
    runs: dict[str, list[list[float]]] = {reader: [] for reader in READERS}
    for number in range(rounds):
        # Back and forth, so that a machine that slows down slows all.
        readers = list(READERS) if number % 2 == 0 else list(reversed(READERS))
        for reader in readers:
            runs[reader].append(measure(path, reader))
    medians = {
        reader: [median(column) for column in zip(*runs[reader], strict=True)] for reader in READERS
    }
    return [
        described(n_rows, path.suffix[1:], reader, values, medians["polars"])
        for reader, values in medians.items()
    ]


def described(
    n_rows: int, kind: str, reader: str, values: list[float], base: list[float] | None = None
) -> dict[str, Any]:
    """Return a row of the results; ``base`` holds the values that its ratios refer to."""
    row: dict[str, Any] = {"rows": n_rows, "file": kind, "reader": reader}
    seconds, cpu_seconds, peak = values
    row |= {"seconds": round(seconds, 3), "cpu_seconds": round(cpu_seconds, 3)}
    row["peak_mib"] = round(peak)
    if base is not None:
        row["ratios"] = [round(a / b, 2) for a, b in zip(values, base, strict=True)]
    return row


def lines(rows: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """Return the results as the cells of a table."""
    return [
        (
            f"{row['rows']:,}",
            row["file"],
            row["reader"],
            f"{row['seconds']:.2f}",
            f"{row['cpu_seconds']:.2f}",
            f"{row['peak_mib']:.0f}",
            *(f"{ratio:.2f}" for ratio in row.get("ratios", [])),
            *([] if "ratios" in row else ["", "", ""]),
        )
        for row in rows
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, nargs="*", default=[DEFAULT_ROWS], metavar="N")
    parser.add_argument("--large", type=int, metavar="N", help="rows of a folder of parquet files")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--folder", type=Path, help="where the files are kept; by default nowhere")
    parser.add_argument("--record", action="store_true", help="write the results as JSON, too")
    options = parser.parse_args()
    loads = [load_average()]
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            for n_rows in options.rows:
                for path in write_files(folder, n_rows):
                    rows += compare(path, n_rows, options.rounds)
                loads.append(load_average())
            if options.large:
                parts = write_parts(folder, options.large)
                for reader in ("wrmf", "wrmf with times"):
                    values = measure(parts, reader)
                    rows.append(described(options.large, "folder of parquet", reader, values))
                loads.append(load_average())
        except Missing as reason:
            sys.exit(str(reason))
    print(f"medians of {options.rounds}, a folder once; ratios (×) to polars; load {loads}\n")
    print(aligned([HEADER, *lines(rows)]))
    if options.record:
        arguments = ["--rows", *map(str, options.rows), "--rounds", str(options.rounds)]
        arguments += ["--large", str(options.large)] if options.large else []
        provenance = record.provenance("benchmarks.guards.reading", [*arguments, "--record"])
        content = {**provenance, "ended": record.now(), "load": loads, "results": rows}
        print(record.write(content, "reading"))


if __name__ == "__main__":
    main()

"""Compare ``wrmf.read_interactions`` with the bare reads of polars and pandas, by ratios.

    python -m benchmarks.guards.reading [--rows 20_000_000] [--rounds 5] [--folder FOLDER]

Writes a csv and a parquet file of interactions (a user, an item, a timestamp; ids are texts), and
reads both, each time in a fresh process, in turn, so that a busy minute of the machine meets all
readers. The table has the median of the seconds and of the peak of memory, and ratios to polars.
Importing the libraries is not timed. Reading includes ids as codes, and the matrix; a second row
has times, too. Files that ``--folder`` holds already are read again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.missing import Missing
from benchmarks.speed.table import aligned

DEFAULT_ROWS = 2_000_000
# Zipf's exponents of users and of items, and how many rows there are for each.
EXPONENTS = (1.3, 1.2)
ROWS_FOR_EACH = (50, 200)
# What is run in a fresh process: imports, then the statement that is timed. FILE is the path.
READERS = {
    "polars": ("import polars", "polars.read_{kind}(FILE)"),
    "pandas": ("import pandas, pyarrow.parquet", "pandas.read_{kind}(FILE)"),
    "wrmf": ("import wrmf, pyarrow.csv", "wrmf.read_interactions(FILE)"),
    "wrmf with times": (
        "import wrmf, pyarrow.csv",
        "wrmf.read_interactions(FILE, time='timestamp')",
    ),
}
PROGRAM = """
import json, resource, time
{imports}
FILE = {file!r}
start, cpu = time.perf_counter(), time.process_time()
table = {statement}
seconds = time.perf_counter() - start, time.process_time() - cpu
print(json.dumps([*seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""
HEADER = ("file", "reader", "seconds", "CPU seconds", "peak MiB", "seconds ×", "CPU ×", "peak ×")


def write_files(folder: Path, n_rows: int) -> list[Path]:
    """Write the files that are missing; return the csv and the parquet file."""
    paths = [folder / f"interactions_{n_rows}.{ending}" for ending in ("csv", "parquet")]
    if all(path.exists() for path in paths):
        return paths
    try:
        import polars
    except ImportError:
        raise Missing('polars is not installed: pip install "wrmf[polars]"') from None
    rng = np.random.default_rng(0)
    codes = []
    for exponent, rows_for_each in zip(EXPONENTS, ROWS_FOR_EACH, strict=True):
        n_ids = max(1, n_rows // rows_for_each)
        codes.append(rng.permutation(n_ids)[rng.zipf(exponent, n_rows) % n_ids])
    frame = polars.DataFrame(
        {"user": codes[0], "item": codes[1], "timestamp": rng.integers(15e8, 16e8, n_rows)}
    ).with_columns(
        user="user_" + polars.col("user").cast(polars.String).str.zfill(8),
        item="item-" + polars.col("item").cast(polars.String),
    )
    frame.write_csv(paths[0])
    frame.write_parquet(paths[1])
    return paths


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


def compare(path: Path, rounds: int) -> list[tuple[str, ...]]:
    """Return a row of the table for each reader of a file."""
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
        (
            path.suffix[1:],
            reader,
            *(f"{value:.2f}" for value in values[:2]),
            f"{values[2]:.0f}",
            *(f"{a / b:.2f}" for a, b in zip(values, medians["polars"], strict=True)),
        )
        for reader, values in medians.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=DEFAULT_ROWS, metavar="N")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--folder", type=Path, help="where the files are kept; by default nowhere")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            paths = write_files(folder, options.rows)
        except Missing as reason:
            sys.exit(str(reason))
        rows = [row for path in paths for row in compare(path, options.rounds)]
    print(f"{options.rows:,} rows, medians of {options.rounds}; ratios (×) to polars\n")
    print(aligned([HEADER, *rows]))


if __name__ == "__main__":
    main()

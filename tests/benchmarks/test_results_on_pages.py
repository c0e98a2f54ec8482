"""The tables of docs/benchmarks.md and of the README are those of the records that they name."""

import re
from pathlib import Path

import pytest

pytest.importorskip("benchmarks.quality.standings", reason="run from the root of the source tree")

from benchmarks import record
from benchmarks.quality.leaderboard import SETS
from benchmarks.quality.standings import standings
from benchmarks.speed.table import Cells
from benchmarks.speed.targets import TARGETS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
RUNS = ("targets-1.json", "targets-2.json")
# The columns of the table of sweeps, and the peers of its rows.
CASES = [
    ("gowalla", 64),
    ("gowalla", 128),
    ("mtg_players", 64),
    ("gowalla", 512),
    ("gowalla", 1024),
]
PEERS = {
    "**wrmf exact**": "wrmf-exact",
    "**wrmf cg**": "wrmf-cg",
    "irspack Cholesky": "irspack-cholesky",
    "irspack CG": "irspack-cg",
    "irspack iALS++": "irspack-ialspp",
    "implicit Cholesky": "implicit-cholesky",
    "implicit CG": "implicit-cg",
}
# The source distribution has no records.
pytestmark = pytest.mark.skipif(
    not (record.RESULTS / RUNS[0]).exists(), reason="there are no records"
)


def row(page, name):
    """Return the cells of the row of a table."""
    (line,) = re.findall(rf"^\| {re.escape(name)} \|(.*)\|$", page, re.M)
    return [cell.strip() for cell in line.split("|")]


def numbers(text):
    """Return the numbers of a text as they are written."""
    return re.findall(r"\d*\.?\d+", text.replace(",", ""))


def assert_shown(text, value):
    """Assert that a number is written as this value, rounded."""
    decimals = len(text.partition(".")[2])
    assert abs(float(text) - value) <= 0.5000001 * 10**-decimals, (text, value)


def read(name):
    return record.read(record.RESULTS / name)


@pytest.mark.parametrize("name", PEERS)
def test_seconds_of_a_sweep_are_those_of_both_runs(name):
    runs = [Cells(read(run)) for run in RUNS]
    for (data, factors), cell in zip(CASES, row(PAGE, name), strict=True):
        seconds = [cells.seconds(PEERS[name], data, factors, 2) for cells in runs]
        if None in seconds:
            assert not cell
            continue
        for shown, value in zip(cell.split(" · "), seconds, strict=True):
            assert_shown(shown, value)


def test_the_verdicts_of_the_targets_are_those_of_both_runs():
    shown = {
        "exact / best exact peer, geometric mean": ["exact, against the best exact peer"],
        "exact / best approximate peer, gowalla": ["exact, against the best *approximate* peer"],
        "cg / best peer's CG, loss no higher": ["cg, one or two steps"],
        "k = 512 and 1024: to the fastest peer's loss": ["time to the loss"],
        "necessary flops / GEMM rate, gowalla k = 128": ["necessary flops"],
        "two threads over one": ["two threads over one"],
        "exponents over rows, entries, k": [
            "growth over rows",
            "growth over entries",
            "growth over k",
        ],
    }
    assert set(shown) == {target.name for target in TARGETS}
    for place, run in enumerate(RUNS):
        cells = Cells(read(run))
        for target in TARGETS:
            measured, detail = target.verdict(cells)
            exponents = re.findall(r"(\w+): ([\d.]+), flops", detail)
            for start in shown[target.name]:
                (line,) = re.findall(rf"^\| {re.escape(start)}[^|]*\|(.*)\|$", PAGE, re.M)
                written = numbers(line.split("|")[1 + place])
                values = numbers(measured)
                if exponents:
                    values = [dict(exponents)[start.split()[-1]]]
                for number, value in zip(written, values, strict=False):
                    assert_shown(number, float(value))


def test_the_readme_has_the_first_run_and_the_best_peers():
    cells = Cells(read(RUNS[0]))
    exact = ["irspack-cholesky", "implicit-cholesky"]
    others = ["irspack-cg", "irspack-ialspp", "implicit-cg"]
    (table,) = re.findall(r"^\| \| gowalla, k = 64 \|.*\n\|-.*\n((?:\|.*\n)+)", README, re.M)
    for line, peers in zip(table.splitlines(), (["wrmf-exact"], exact, others), strict=True):
        for (data, factors), shown in zip(CASES[:3], line.split("|")[2:-1], strict=True):
            seconds = [cells.seconds(peer, data, factors, 2) for peer in peers]
            assert_shown(shown.strip(), min(value for value in seconds if value is not None))


def test_the_times_of_ranking_are_those_of_the_record():
    million, rosenthal, gowalla, large = read("ranking.json")["found"]
    seconds = rosenthal["seconds"]
    sweep = seconds["one exact sweep"]
    shown = {
        "k = 64, against implicit's and irspack's evaluators": [
            gowalla["times faster than implicit ranking_metrics_at_k"],
            gowalla["times faster than irspack Evaluator"],
        ],
        "k = 64, 256, against the float32 GEMM of all scores alone": [
            gowalla["evaluate / GEMM"],
            large["evaluate / GEMM"],
        ],
        "recommending 10 items to everyone, k = 64, against implicit": [
            gowalla["times faster than implicit recommend 10"]
        ],
        "p@5 and MSE of Rosenthal 2016, against one exact sweep: on test; on train and test": [
            seconds["test"] / sweep,
            seconds["train and test"] / sweep,
        ],
        "peak memory beside a million items' factors": [million["peak extra MiB"]],
    }
    for name, values in shown.items():
        for number, value in zip(numbers(row(PAGE, name)[1]), values, strict=True):
            assert_shown(number, value)


def test_the_quality_on_gowalla_is_that_of_the_records():
    for place, factors in enumerate(row(PAGE, "factors")):
        result = read(f"gowalla-quality-k{factors}.json")
        for metric in ("recall@20", "ndcg@20"):
            assert_shown(row(PAGE, metric)[place], result["test"][metric])
        assert_shown(row(PAGE, "s training, 2 cores")[place], result["training_seconds"])


def test_the_final_model_is_the_best_of_the_looks():
    looks = [read(f"gowalla-final-{look}.json")["test"] for look in (1, 2, 3)]
    for metric in ("recall@20", "ndcg@20"):
        (shown,) = re.findall(rf"{metric}\s\*\*(\.\d+)\*\*", PAGE)
        assert_shown(shown, max(look[metric] for look in looks))


def test_the_times_of_the_grid_are_those_of_the_record():
    grid = read("article-grid.json")
    ours = grid["several settings at a time"]["minutes"]
    theirs = grid["by implicit, without MSE"]["minutes"]
    by_cg = grid["several settings at a time, by conjugate gradients"]["minutes"]
    patterns = {
        r"whole of it takes ([\d.]+)\s+minutes": ours,
        r"it would take ([\d.]+) × as long": theirs / ours,
        r"what implicit's solver uses, ([\d.]+) ×": theirs / by_cg,
    }
    for pattern, value in patterns.items():
        assert_shown(*re.findall(pattern, PAGE), value)


def test_the_standings_are_those_of_the_records():
    folder = record.RESULTS / "leaderboard"
    for line in standings(folder, ["weak", "strong"], SETS, (1, 2, 3)).splitlines():
        if line.startswith(tuple(f"| {name} |" for name in SETS)):
            assert re.sub(r"\b0\.", ".", line) in PAGE, line

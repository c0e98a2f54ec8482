"""Options of pytest that compare the times of the guards with those of a saved run.

    python -m pytest benchmarks --save-calibrated guards.json
    python -m pytest benchmarks --compare-calibrated guards.json --max-ratio 1.5

Times are relative to a matrix multiplication that is timed right after each guard. A slow or busy
machine slows down both, so it raises no false alarm.
"""

from pathlib import Path
from statistics import median

import pytest

from benchmarks import record
from benchmarks.machine import gemm_rate
from wrmf.numerics.threads import available_threads

# Times of the guards in this run, in the unit of ``in_gemm_flops``.
MEASURED = pytest.StashKey[dict[str, float]]()
# Times of the guards in the saved run, empty if there is none to compare with.
BEFORE = pytest.StashKey[dict[str, float]]()


def pytest_addoption(parser):
    group = parser.getgroup("calibrated benchmarks")
    group.addoption(
        "--save-calibrated", type=Path, metavar="FILE", help="save the guards of this run"
    )
    group.addoption(
        "--compare-calibrated", type=Path, metavar="FILE", help="compare with a saved run"
    )
    group.addoption(
        "--max-ratio", type=float, default=1.5, help="how much slower a guard may be; default 1.5"
    )


def pytest_configure(config):
    path = config.getoption("--compare-calibrated")
    if path is not None and not path.exists():
        raise pytest.UsageError(f"no saved run at {path}: make one with --save-calibrated {path}")
    config.stash[MEASURED] = {}
    config.stash[BEFORE] = record.read(path)["guards"] if path else {}


def in_gemm_flops(benchmark):
    """Return the time of a benchmark's fastest round as flops of a matrix multiplication.

    The result is the number of flops, in 10⁹, that the multiplication does in that time. The
    multiplication is timed here, right after the benchmark.
    """
    rate = median(gemm_rate(available_threads(), seconds=0.2) for _ in range(3))
    return benchmark.stats.stats.min * rate


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    result = yield
    benchmark = getattr(item, "funcargs", {}).get("benchmark")
    before = item.config.stash[BEFORE]
    is_wanted = item.config.getoption("--save-calibrated") or before
    if benchmark is None or benchmark.stats is None or not is_wanted:
        return result
    name = item.nodeid.rpartition("/")[2]
    measured = in_gemm_flops(benchmark)
    item.config.stash[MEASURED][name] = measured
    limit = item.config.getoption("--max-ratio")
    if name in before and measured > limit * before[name]:
        pytest.fail(
            f"{measured / before[name]:.2f} times as slow as the saved run, relative to a matrix "
            f"multiplication; {limit} is allowed",
            pytrace=False,
        )
    return result


def pytest_sessionfinish(session):
    path = session.config.getoption("--save-calibrated")
    measured = session.config.stash[MEASURED]
    if path is not None and measured:
        content = {"unit": "10⁹ flops of a float32 matrix multiplication", "guards": measured}
        record.write(record.described("pytest benchmarks", content), path.stem, path)

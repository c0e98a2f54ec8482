"""Guards compare with a saved run by their ratio to a matrix multiplication timed beside them.

    python -m pytest benchmarks --save-calibrated benchmarks/results/guards.json
    python -m pytest benchmarks --compare-calibrated benchmarks/results/guards.json --max-ratio 1.5

A machine that is slow, or busy, slows the multiplication, too, and so raises no false alarm.
"""

import json
from pathlib import Path
from statistics import median

import pytest

from benchmarks.speed.flops import gemm_rate
from wrmf.numerics.threads import available_threads


def pytest_addoption(parser):
    group = parser.getgroup("calibrated benchmarks")
    group.addoption("--save-calibrated", type=Path, metavar="FILE")
    group.addoption("--compare-calibrated", type=Path, metavar="FILE")
    group.addoption("--max-ratio", type=float, default=1.5)


def pytest_configure(config):
    path = config.getoption("--compare-calibrated")
    if path is not None and not path.exists():
        raise pytest.UsageError(f"no saved run at {path}: make one with --save-calibrated {path}")
    config.calibrated = {}
    config.calibrated_before = json.loads(path.read_text())["guards"] if path else {}


def in_gemm_flops(benchmark):
    """Return a benchmark's fastest round in 10⁹ flops of the multiplication timed right after."""
    rate = median(gemm_rate(available_threads(), seconds=0.2) for _ in range(3))
    return benchmark.stats.stats.min * rate


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    result = yield
    benchmark = getattr(item, "funcargs", {}).get("benchmark")
    wanted = item.config.getoption("--save-calibrated") or item.config.calibrated_before
    if benchmark is None or benchmark.stats is None or not wanted:
        return result
    name = item.nodeid.rpartition("/")[2]
    now = in_gemm_flops(benchmark)
    item.config.calibrated[name] = now
    before = item.config.calibrated_before.get(name)
    limit = item.config.getoption("--max-ratio")
    if before is not None and now > limit * before:
        pytest.fail(
            f"{now / before:.2f} times as slow as the saved run, beside a matrix "
            f"multiplication; {limit} is allowed",
            pytrace=False,
        )
    return result


def pytest_sessionfinish(session):
    path = session.config.getoption("--save-calibrated")
    if path is not None and session.config.calibrated:
        from benchmarks.speed.runner import machine
        from wrmf.versions import versions

        path.parent.mkdir(parents=True, exist_ok=True)
        saved = {
            "machine": machine(),
            "versions": versions(),
            "unit": "10⁹ flops of a float32 matrix multiplication",
            "guards": session.config.calibrated,
        }
        path.write_text(json.dumps(saved, indent=1) + "\n", encoding="utf-8")

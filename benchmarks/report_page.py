"""Measure a report of 20,000 items and 2,000 people: its size, and how fast a browser answers.

    python -m benchmarks.report_page              # needs playwright, and Chromium on the PATH
    python -m benchmarks.report_page --keep page.html

Times are those of the page's own clock, from the event to the end of the frame in which its effect
is drawn; the median and the longest of the repetitions. The targets are 5 MB and 100 ms.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import wrmf

N_USERS, N_ITEMS, N_LIKES, N_SETTINGS = 15_000, 20_000, 450_000, 180
MAX_BYTES, MAX_MS = 5_000_000, 100.0
REPEATS = 20
LOAD = "loaded, until it can be used"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")

# Runs an action, and returns the milliseconds until the frame after it has been drawn.
TIMED = """action => new Promise(resolve => {
  const started = performance.now();
  new Function(action)();
  requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - started)));
})"""
TYPE = """
const box = document.getElementById("explorer-query");
box.value = %r;
box.dispatchEvent(new Event("input"));
"""
CHOOSE = 'document.querySelector("#explorer-matches li").click()'
FOLLOW = 'document.querySelectorAll("#explorer-card .link")[3].click()'
SORT = 'document.querySelector("table.sortable th button").click()'


def write_page(path: Path) -> None:
    """Fit a model to generated likes, and write its report."""
    data = wrmf.datasets.synthetic_likes(N_USERS, N_ITEMS, N_LIKES, random_state=0)
    split = wrmf.leave_k_out(data, k=3, fraction=0.2, random_state=0)
    settings = {"factors": 64, "alpha": 10.0, "regularization": 10.0, "objective": "wrmf"}
    curve = wrmf.learning_curve(wrmf.WRMF(**settings, random_state=0), split, epochs=[2, 4])
    # The table of a large search; all settings score as the first.
    curves = [replace(curve, params={"factors": 64, "alpha": 10.0 + n}) for n in range(N_SETTINGS)]
    result = wrmf.SearchResult("precision@5", ("factors", "alpha"), curves, curve.params)
    model = wrmf.WRMF(**settings, iterations=4, random_state=0).fit(data)
    started = time.perf_counter()
    wrmf.write_report(path, result, model, data, split=split)
    print(f"written in {time.perf_counter() - started:.1f} s")


def measure(path: Path) -> dict[str, list[float]]:
    """Return the milliseconds of each kind of interaction with a page."""
    from playwright.sync_api import sync_playwright

    browser_path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser_path is None:
        raise SystemExit(f"none of {', '.join(BROWSERS)} is on the PATH")
    times: dict[str, list[float]] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=list(ARGUMENTS))

        def timed(name: str, page: Any, action: str) -> None:
            times.setdefault(name, []).append(page.evaluate(TIMED, action))

        for _ in range(3):
            page = browser.new_page()
            page.goto(path.as_uri())
            loading = "performance.getEntriesByType('navigation')[0].domInteractive"
            times.setdefault(LOAD, []).append(page.evaluate(loading))
            timed("first letter typed", page, TYPE % "t")
            page.close()
        page = browser.new_page()
        page.goto(path.as_uri())
        for repeat in range(REPEATS):
            timed("letter typed", page, TYPE % ("t", "ti", "tin", "tiny", "tiny d")[repeat % 5])
            timed("match chosen", page, CHOOSE)
            timed("neighbour followed", page, FOLLOW)
            page.evaluate(f"() => {{{TYPE % f'person {repeat}'}}}")
            timed("person chosen", page, CHOOSE)
            timed("table sorted", page, SORT)
        browser.close()
    return times


def main() -> None:
    """Write the page, measure it, and compare with the targets."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--keep", type=Path, metavar="FILE", help="write the page here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = (options.keep or Path(folder) / "report.html").resolve()
        write_page(path)
        size = path.stat().st_size
        print(f"size: {size / 1e6:.2f} MB (target: at most {MAX_BYTES / 1e6:.0f})")
        for name, values in measure(path).items():
            median, longest = statistics.median(values), max(values)
            target = "" if name == LOAD else f" (target: {MAX_MS:.0f})"
            print(f"{name}: {median:.0f} ms, at most {longest:.0f}{target}")


if __name__ == "__main__":
    main()

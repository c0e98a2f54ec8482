"""Measure a report of 20,000 items and 2,000 people: its size, and how fast a browser answers.

    python -m benchmarks.report_page              # needs playwright, and Chromium on the PATH
    python -m benchmarks.report_page --keep page.html

Times are those of the page's own clock, from the event to the end of the frame in which its effect
is drawn; the median and the longest of the repetitions. Beside them is the median CPU time of the
page's main thread, which other load on the machine hardly changes. The targets are 5 MB and 100 ms.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
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
# Titles of the table in turn, so that every sort changes the order.
SORT = 'document.querySelectorAll("table.sortable th button")[%d].click()'
POINT = """
document.querySelectorAll("table.sortable tbody tr:not([hidden]) td")[%d]
  .dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));
"""
TURN = 'document.querySelectorAll(".pager button")[%d].click()'


def write_page(path: Path) -> None:
    """Fit a model to generated likes, and write its report."""
    data = wrmf.datasets.synthetic_likes(N_USERS, N_ITEMS, N_LIKES, random_state=0)
    split = wrmf.leave_k_out(data, k=3, fraction=0.2, random_state=0)
    settings = {"factors": 64, "alpha": 10.0, "regularization": 10.0, "objective": "wrmf"}
    curve = wrmf.learning_curve(wrmf.WRMF(**settings, random_state=0), split, epochs=[2, 4])
    curves = [invented_curve(curve, number) for number in range(N_SETTINGS)]
    result = wrmf.SearchResult("precision@5", ("factors", "alpha", "solver"), curves)
    model = wrmf.WRMF(**settings, iterations=4, random_state=0).fit(data)
    started = time.perf_counter()
    wrmf.write_report(path, result, model, data, split=split)
    print(f"written in {time.perf_counter() - started:.1f} s")


def invented_curve(curve: wrmf.LearningCurve, number: int) -> wrmf.LearningCurve:
    """Return the curve of one of many settings, with the checkpoints of the article's search."""
    epochs = list(range(2, 40, 2))
    heights = [1 - 0.9 ** (epoch + 1) - 0.0004 * epoch * (1 + number % 7) for epoch in epochs]
    score = curve.test["precision@5"][0] * (1 - 0.003 * number)
    scores = {"precision@5": [score * height for height in heights]}
    params = {"factors": 64, "alpha": 10.0 + number, "solver": ("exact", "cg")[number % 2]}
    seconds = [0.1 * epoch for epoch in epochs]
    return wrmf.LearningCurve(params, epochs, scores, scores, seconds)


def cpu_ms(session: Any) -> float:
    """Return the CPU time that the page's main thread has spent on tasks."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return next(1e3 * metric["value"] for metric in metrics if metric["name"] == "TaskDuration")


def measure(path: Path) -> dict[str, list[tuple[float, float]]]:
    """Return the milliseconds of each kind of interaction with a page, by clock and of CPU time."""
    from playwright.sync_api import sync_playwright

    browser_path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser_path is None:
        raise SystemExit(f"none of {', '.join(BROWSERS)} is on the PATH")
    times: dict[str, list[tuple[float, float]]] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=list(ARGUMENTS))

        def opened() -> Any:
            page = browser.new_page()
            session = page.context.new_cdp_session(page)
            session.send("Performance.enable", {"timeDomain": "threadTicks"})
            page.goto(path.as_uri())
            return page, session

        def timed(name: str, action: str) -> None:
            before = cpu_ms(session)
            clock = page.evaluate(TIMED, action)
            times.setdefault(name, []).append((clock, cpu_ms(session) - before))

        for _ in range(3):
            page, session = opened()
            loading = "performance.getEntriesByType('navigation')[0].domInteractive"
            times.setdefault(LOAD, []).append((page.evaluate(loading), cpu_ms(session)))
            timed("first letter typed", TYPE % "t")
            page.close()
        page, session = opened()
        for repeat in range(REPEATS):
            timed("letter typed", TYPE % ("t", "ti", "tin", "tiny", "tiny d")[repeat % 5])
            timed("match chosen", CHOOSE)
            timed("neighbour followed", FOLLOW)
            page.evaluate(f"() => {{{TYPE % f'person {repeat}'}}}")
            timed("person chosen", CHOOSE)
            timed("table sorted", SORT % (repeat % 4))
            timed("page of the table turned", TURN % (repeat % 2))
            timed("row pointed at", POINT % (repeat % 20 * 9))
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
            clock, cpu = zip(*values, strict=True)
            target = "" if name == LOAD else f" (target: {MAX_MS:.0f})"
            print(
                f"{name}: {statistics.median(clock):.0f} ms, at most {max(clock):.0f}{target}; "
                f"CPU {statistics.median(cpu):.0f} ms"
            )


if __name__ == "__main__":
    main()

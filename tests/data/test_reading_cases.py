"""The page about cases of reading shows what each of them gives, case by case."""

import itertools
import re
from pathlib import Path

import pytest
from reading_cases import SECTIONS

PAGE = Path(__file__).parents[2] / "docs" / "reading_cases.md"
CASES = list(itertools.chain.from_iterable(SECTIONS.values()))
HEAD = "| what is read | a careless reader | in Python | wrmf |\n|---|---|---|---|\n"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.source}: {case.code}"[:80])
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_a_case_gives_what_the_page_shows(case, tmp_path, monkeypatch):
    for package in case.needs:
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    given = case.run()
    if not case.outcome.startswith("error: "):
        assert given == case.outcome
        return
    # The page shows the beginning and the end of a long message.
    pattern = ".*".join(map(re.escape, case.outcome.split(" … ")))
    assert re.match(pattern, given), given
    assert "\n" not in given


def test_the_page_shows_every_case():
    sections = [
        f"## {title}\n\n{HEAD}" + "".join(f"{case.line()}\n" for case in cases)
        for title, cases in SECTIONS.items()
    ]
    text = PAGE.read_text(encoding="utf-8")
    tables = text[text.index("## ") :]
    assert tables == "\n".join(sections)

"""The code of the README runs and prints what stands below it."""

from pathlib import Path

from printing import BLOCK, run_page

README = Path(__file__).parents[2] / "README.md"


def test_the_code_prints_its_output():
    run_page(README)
    assert any(block["shown"] for block in BLOCK.finditer(README.read_text(encoding="utf-8")))

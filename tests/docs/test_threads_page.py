"""The Python of docs/threads.md runs."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "threads.md"


def test_the_examples_of_the_page_run():
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S):
        exec(block, {})

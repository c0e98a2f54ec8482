"""The code on the page about tuning runs, with fewer trials."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "tuning.md"
FEWER = {
    "seconds=60": "trials=2",
    "    30,\n": "    2,\n",
    "WRMF(128": "WRMF(8",
    "factors=128": "factors=8",
    "n_users=500, n_items=300, n_likes=10_000": "n_users=150, n_items=80, n_likes=2500",
}


def test_the_code_of_the_page_runs():
    namespace = {}
    text = PAGE.read_text(encoding="utf-8")
    for whole, part in FEWER.items():
        assert whole in text
        text = text.replace(whole, part)
    blocks = re.findall(r"```python\n(.*?)```", text, re.S)
    assert len(blocks) >= 4
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), namespace)
    assert namespace["tuned"].test is not None

"""The code on the page about tuning runs, with fewer trials."""

import re
from pathlib import Path

import wrmf

PAGE = Path(__file__).parents[2] / "docs" / "tuning.md"
FEWER = {
    "seconds=60": "trials=2",
    "    30,\n": "    2,\n",
    "WRMF(128": "WRMF(8",
    "factors=128": "factors=8",
}


def test_the_code_of_the_page_runs(monkeypatch):
    data = wrmf.datasets.synthetic_likes(150, 80, 2500, random_state=0)
    namespace = {"wrmf": wrmf, "split": wrmf.leave_k_out(data, 3, random_state=0)}
    text = PAGE.read_text(encoding="utf-8")
    for whole, part in FEWER.items():
        assert whole in text
        text = text.replace(whole, part)
    blocks = re.findall(r"```python\n(.*?)```", text, re.S)
    assert len(blocks) >= 4
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), namespace)
    assert namespace["tuned"].test is not None

"""The code of the README about serving, updating and moving over runs."""

import re
from pathlib import Path

import pandas as pd

import wrmf

README = Path(__file__).parents[2] / "README.md"


def test_the_code_about_served_models_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    users = ["ann", "bob", "eve", "joe"]
    likes = [(user, f"item-{n}") for i, user in enumerate(users) for n in range(i, 10, 2)]
    pd.DataFrame(likes, columns=["uid", "mid"]).to_csv("likes.csv", index=False)
    pd.DataFrame({"uid": ["zoe"], "mid": ["item-99"]}).to_csv("today.csv", index=False)
    data = wrmf.read_interactions("likes.csv", user="uid", item="mid")
    wrmf.WRMF(factors=4, iterations=2).fit(data).save("model.wrmf")
    _, block = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.S)
    names = {"wrmf": wrmf, "data": data}
    exec(compile(block, str(README), "exec"), names)
    assert wrmf.load("model.wrmf").users.tolist() == ["ann", "eve", "joe", "zoe"]
    assert names["model"].knows_items("item-99").all()

import pandas as pd
import pytest

import wrmf
from wrmf.cli import demo


@pytest.fixture
def small_demo(monkeypatch):
    """Make the demo run on few likes and two settings."""
    small = wrmf.datasets.synthetic_likes(200, 150, 2500)
    raw = small.to_frame().rename(columns={"user": "uid", "item": "mid"})
    raw["modelname"] = small.item_names[small.matrix.indices]
    raw = pd.concat([raw, raw.iloc[:7]])[["modelname", "mid", "uid"]]
    monkeypatch.setattr(demo, "synthetic_raw_likes", lambda random_state: raw[random_state:])
    monkeypatch.setattr(demo, "GRID", {"factors": [4], "alpha": [1.0, 10.0]})


def test_the_demo_runs_every_step(small_demo, tmp_path, capsys):
    page = demo.run_demo(tmp_path / "out", epochs=[1, 2], progress=False)
    output = capsys.readouterr().out
    assert "Repeated rows: 7, dropped" in output
    assert output.count("| p@k train  |") == 2
    assert "best: factors: 4 | alpha: " in output
    assert page.exists()
    assert (tmp_path / "out" / "model.wrmf").exists()


def test_the_demo_searches_again_only_after_its_likes_change(small_demo, tmp_path, capsys):
    demo.run_demo(tmp_path, epochs=[1], progress=False)
    journal = (tmp_path / "search.jsonl").read_bytes()
    demo.run_demo(tmp_path, epochs=[1], progress=False)
    assert (tmp_path / "search.jsonl").read_bytes() == journal
    # The first like is left out, so the recorded search does not belong to these likes.
    demo.run_demo(tmp_path, epochs=[1], random_state=1, progress=False)
    assert (tmp_path / "search.jsonl").read_bytes() != journal

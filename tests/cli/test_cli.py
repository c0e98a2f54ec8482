import subprocess
import sys

import pandas as pd
import pytest

import wrmf
from wrmf.cli import demo
from wrmf.cli.main import main

VERBS = ["demo", "search", "fit", "recommend", "similar", "evaluate", "report", "datasets"]


@pytest.fixture
def likes(tmp_path):
    path = tmp_path / "likes.csv"
    data = wrmf.datasets.synthetic_likes(200, 150, 2500)
    frame = data.to_frame()
    frame["name"] = data.item_names[data.matrix.indices]
    frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb, capsys):
    with pytest.raises(SystemExit) as stop:
        main([verb, "--help"])
    assert stop.value.code == 0
    told = capsys.readouterr().out
    assert "usage: wrmf" in told
    assert f"example:\n  wrmf {verb}" in told
    assert "(default: None)" not in told


def test_the_defaults_told_are_those_of_the_model(capsys):
    with pytest.raises(SystemExit):
        main(["fit", "--help"])
    told = " ".join(capsys.readouterr().out.split())
    model = wrmf.WRMF()
    for name in ("factors", "regularization", "alpha", "iterations"):
        assert f"(default: {getattr(model, name)})" in told


def test_fit_recommend_and_similar(likes, tmp_path, capsys):
    model = str(tmp_path / "m.wrmf")
    assert main(["fit", str(likes), "--factors", "4", "--iterations", "2", "--out", model]) == 0
    assert "fitted, loss" in capsys.readouterr().out
    fitted = wrmf.load(model)
    out = tmp_path / "recs.csv"
    assert main(["recommend", model, "-n", "3", "--out", str(out)]) == 0
    assert len(pd.read_csv(out)) == 600
    assert main(["recommend", model, fitted.users[0], "-n", "2"]) == 0
    assert capsys.readouterr().out.count(fitted.users[0]) == 2
    assert main(["similar", model, fitted.items[5], "-n", "4"]) == 0
    assert capsys.readouterr().out.count(fitted.items[5]) == 4


def test_search_and_report(likes, tmp_path, capsys):
    journal, page, model = (tmp_path / name for name in ("s.jsonl", "r.html", "m.wrmf"))
    search = [
        "search",
        str(likes),
        "--leave-out",
        "3",
        "--grid",
        "factors=2,4",
        "--grid",
        "alpha=1.0",
        "--epochs",
        "1:4:2",
        "--journal",
        str(journal),
    ]
    assert main(search) == 0
    told = capsys.readouterr().out
    assert "best: {'factors'" in told
    assert "+------------+" in told
    assert main(["fit", str(likes), "--factors", "4", "--out", str(model)]) == 0
    assert (
        main(
            [
                "report",
                str(likes),
                "--item-name",
                "name",
                "--journal",
                str(journal),
                "--model",
                str(model),
                "--out",
                str(page),
            ]
        )
        == 0
    )
    assert "<html" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "words",
    [
        ["--method", "random", "--trials", "3", "--grid", "alpha=1.0:50.0:log"],
        ["--method", "halving", "--grid", "alpha=1.0,10.0,50.0"],
        ["--method", "tune", "--trials", "3", "--grid", "factors=2:6"],
    ],
    ids=lambda words: words[1],
)
def test_every_way_to_search(likes, words, capsys):
    if "tune" in words:
        pytest.importorskip("optuna")
    shared = [
        "--leave-out",
        "3",
        "--epochs",
        "1:4:1",
        "--validation",
        "0.2",
        "--seeds",
        "2",
        "--patience",
        "1",
        "--quiet",
    ]
    assert main(["search", str(likes), *shared, *words]) == 0
    told = capsys.readouterr().out
    assert "validation precision@5" in told
    assert "on the test split: Evaluation(precision@5=" in told


def test_the_edge_of_the_grid_is_told(likes, capsys):
    words = ["--leave-out", "3", "--epochs", "2", "--grid", "alpha=1,10,100", "--metric", "mse"]
    assert main(["search", str(likes), *words, "--quiet"]) == 0
    # The larger alpha is, the further the fit is from that of plain squared error.
    assert "alpha is best at the lowest value tried" in capsys.readouterr().out


def test_the_articles_grid_and_data_have_names(monkeypatch, capsys):
    seen = {}

    def search(model, split, space, epochs, **options):
        seen.update(space=space, epochs=list(epochs), split=split, model=model)
        raise ValueError("seen enough")

    small = wrmf.datasets.synthetic_likes(200, 150, 2500)
    monkeypatch.setattr(wrmf.datasets, "synthetic_likes", lambda random_state: small)
    monkeypatch.setattr("wrmf.cli.search.grid_search", search)
    assert main(["search", "synthetic", "--leave-out", "3", "--grid", "article"]) == 1
    n = 1
    for values in seen["space"].values():
        n *= len(values)
    assert n == 180
    assert seen["epochs"] == list(range(2, 40, 2))
    assert seen["split"].train.n_users == 200
    # Its curves depend on the start, so the article's is taken whatever the default is.
    assert seen["model"].init_scale == 1.0
    words = ["search", "synthetic", "--leave-out", "3", "--grid", "article", "--init-scale", "0.5"]
    assert main(words) == 1
    assert seen["model"].init_scale == 0.5


def test_evaluate_prints_train_and_test(likes, capsys):
    assert main(["evaluate", str(likes), "--leave-out", "3", "--metrics", "ndcg@5", "mse"]) == 0
    told = capsys.readouterr().out
    assert "ndcg@5" in told
    assert "train" in told
    assert "test" in told


def test_datasets_are_listed_and_made(tmp_path, capsys):
    assert main(["datasets"]) == 0
    assert "movielens-20m" in capsys.readouterr().out
    out = tmp_path / "likes.csv"
    assert main(["datasets", "synthetic", "--out", str(out)]) == 0
    assert len(pd.read_csv(out)) == 547_000


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["fit", "missing.csv"], "no such file"),
        (["recommend", "missing.wrmf"], "no such model file"),
        (["datasets", "netflix"], "unknown data set"),
        (["report", "x.csv", "--journal", "missing.jsonl"], "no such file"),
    ],
)
def test_errors_are_one_line(words, error, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 1
    told = capsys.readouterr().err
    assert told.startswith("wrmf: error: ")
    assert error in told
    assert told.count("\n") == 1


def test_ids_and_columns_that_are_not_there(likes, tmp_path, capsys):
    assert main(["fit", str(likes), "--user", "uid"]) == 1
    assert "no column 'uid'" in capsys.readouterr().err
    model = str(tmp_path / "m.wrmf")
    main(["fit", str(likes), "--factors", "2", "--iterations", "1", "--out", model])
    assert main(["similar", model, "nothing"]) == 1
    assert "unknown id among items: 'nothing'" in capsys.readouterr().err


def test_wrong_usage_ends_with_two():
    for words in (
        [],
        ["fly"],
        ["search", "x.csv", "--grid", "factors"],
        ["search", "x.csv", "--grid", "factors=9:2"],
        ["search", "x.csv", "--jobs", "many"],
    ):
        with pytest.raises(SystemExit) as stop:
            main(words)
        assert stop.value.code == 2


def test_module_and_command_are_one():
    told = subprocess.run(
        [sys.executable, "-m", "wrmf", "--version"], capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == f"wrmf {wrmf.__version__}"


def test_the_demo_runs_every_step(tmp_path, monkeypatch, capsys):
    small = wrmf.datasets.synthetic_likes(200, 150, 2500)
    raw = small.to_frame().rename(columns={"user": "uid", "item": "mid"})
    raw["modelname"] = small.item_names[small.matrix.indices]
    raw = pd.concat([raw, raw.iloc[:7]])[["modelname", "mid", "uid"]]
    monkeypatch.setattr(demo, "synthetic_raw_likes", lambda random_state: raw)
    monkeypatch.setattr(demo, "GRID", {"factors": [4], "alpha": [1.0, 10.0]})
    page = demo.run_demo(tmp_path / "out", epochs=[1, 2], progress=False)
    told = capsys.readouterr().out
    assert "Duplicated rows: 7, dropped" in told
    assert told.count("| p@k train  |") == 2
    assert "best: " in told
    assert page.exists()
    assert (tmp_path / "out" / "model.wrmf").exists()

import io
import math
import os
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

import wrmf
from wrmf.cli.main import main
from wrmf.cli.search import METHODS, PRESETS
from wrmf.cli.verbs import VERBS
from wrmf.data.formats import FORMATS
from wrmf.evaluation.metrics import METRICS


@pytest.fixture(scope="module")
def small_data():
    return wrmf.datasets.synthetic_likes(200, 150, 2500)


@pytest.fixture
def likes(small_data, tmp_path):
    """The path of a csv file of likes with item names."""
    path = tmp_path / "likes.csv"
    frame = small_data.to_frame()
    frame["name"] = small_data.item_names[small_data.matrix.indices]
    frame.to_csv(path, index=False)
    return path


def help_of(*words):
    """Return the help text of the command line after ``words``."""
    output = io.StringIO()
    with redirect_stdout(output), pytest.raises(SystemExit) as stop:
        main([*words, "--help"])
    assert stop.value.code == 0
    return output.getvalue()


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_every_verb_has_help_with_an_example(verb):
    text = help_of(verb.name)
    assert "usage: wrmf" in text
    assert verb.summary in text
    assert f"example:\n  wrmf {verb.name}" in text
    assert "(default: None)" not in text


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_wrong_usage_is_explained_in_two_lines(verb, capsys):
    with pytest.raises(SystemExit) as stop:
        main([verb.name, "--no-such-option"])
    assert stop.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith(f"usage: wrmf {verb.name} [options]")
    assert lines[0].endswith(f"wrmf {verb.name} --help has the options")
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("fit x.csv --facotrs 3", "unrecognized arguments: --facotrs 3; did you mean --factors?"),
        ("fit x.csv --exclude=3", "unrecognized arguments: --exclude=3"),
        ("demo likes.csv", "unrecognized arguments: likes.csv"),
    ],
)
def test_an_option_that_is_misspelt_is_named_with_one_that_is_alike(words, message, capsys):
    with pytest.raises(SystemExit) as stop:
        main(words.split())
    assert stop.value.code == 2
    assert capsys.readouterr().err.endswith(f": error: {message}\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name a verb, as in wrmf demo; wrmf --help lists all verbs"),
        (["recomend", "m"], "there is no verb 'recomend'; did you mean recommend?"),
        (["Fit"], "there is no verb 'Fit'; did you mean fit?"),
        (["likes.csv"], "there is no verb 'likes.csv'; wrmf --help lists all verbs"),
        (["--hlep"], "unrecognized arguments: --hlep; did you mean --help?"),
        (["--verion", "fit"], "unrecognized arguments: --verion; did you mean --version?"),
    ],
    ids=str,
)
def test_a_verb_that_is_missing_or_misspelt_is_named_with_one_that_is_alike(words, message, capsys):
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    assert capsys.readouterr().err.endswith(f"wrmf: error: {message}\n")


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_every_option_has_a_help_text(verb):
    texts = {}

    def record(*names, **details):
        texts[names] = details["help"]

    parser = SimpleNamespace(add_argument=record, add_argument_group=lambda title: parser)
    verb.module().add_options(parser)
    assert texts
    for names, text in texts.items():
        assert len(text.split()) > 1, names


def test_the_help_lists_every_verb_with_its_summary():
    text = " ".join(help_of().split())
    for verb in VERBS:
        assert f"{verb.name} {verb.summary}" in text


def test_the_help_shows_the_defaults_of_the_model():
    text = " ".join(help_of("fit").split())
    model = wrmf.WRMF()
    for name in ("factors", "regularization", "alpha", "iterations"):
        assert f"(default: {getattr(model, name)})" in text


def test_the_help_names_every_format_and_every_metric():
    for ending in FORMATS:
        assert f" {ending}" in " ".join(help_of("fit").split())
    for metric in METRICS:
        assert f" {metric}" in " ".join(help_of("evaluate").split())


def test_the_help_shows_a_list_of_defaults_as_it_is_typed():
    assert "(default: precision@5 recall@20 ndcg@20 mse)" in " ".join(help_of("evaluate").split())


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


def test_update_reads_ids_as_the_model_has_them_and_saves(numbered_model, tmp_path, capsys):
    new, out = tmp_path / "new.csv", tmp_path / "out.wrmf"
    new.write_text("user,item\n2,7\n99,7\n99,123\n")
    before = wrmf.load(numbered_model)
    assert main(["update", numbered_model, str(new), "--out", str(out), "--threads", "1"]) == 0
    assert "New users: 1\nNew items: 1\n" in capsys.readouterr().out
    data = wrmf.read_interactions(new, like=before, unknown="extend")
    updated, expected = wrmf.load(out), wrmf.load(numbered_model).update(data)
    assert updated.users.tolist() == [*before.users.tolist(), 99]
    assert (updated.user_factors == expected.user_factors).all()
    assert updated.num_threads == before.num_threads
    assert wrmf.load(numbered_model).users.tolist() == before.users.tolist()
    assert main(["update", numbered_model, str(new), "--how", "replace"]) == 0
    assert 99 in wrmf.load(numbered_model).users


def test_an_update_without_training_data_says_what_is_missing(numbered_model, tmp_path, capsys):
    wrmf.load(numbered_model).save(tmp_path / "m", train=False)
    (tmp_path / "new.csv").write_text("user,item\n2,7\n")
    assert main(["update", str(tmp_path / "m"), str(tmp_path / "new.csv")]) == 1
    assert "saved with train=True" in capsys.readouterr().err


def test_an_unknown_user_is_an_error_that_names_the_option(numbered_model, capsys):
    assert main(["recommend", numbered_model, "nine"]) == 1
    error = capsys.readouterr().err
    assert "pass --unknown popular or skip" in error
    assert "--history takes histories of other users" in error
    assert main(["recommend", numbered_model, "nine", "--unknown", "popular", "-n", "1"]) == 0
    assert "nine" in capsys.readouterr().out


def test_export_writes_arrays_and_says_what(numbered_model, tmp_path, capsys):
    path = tmp_path / "items.npz"
    assert main(["export", numbered_model, "npz", str(path)]) == 0
    assert capsys.readouterr().out.startswith("npz: 3 items × 2 factors in ")
    assert path.exists()


@pytest.mark.parametrize("name", ["recs.parquet", "recs.jsonl", "recs.tsv", "recs.csv.gz"])
def test_recommend_writes_what_the_ending_says(numbered_model, tmp_path, name):
    out = tmp_path / name
    assert main(["recommend", numbered_model, "-n", "2", "--out", str(out)]) == 0
    read = {
        "recs.parquet": pd.read_parquet,
        "recs.jsonl": lambda path: pd.read_json(path, lines=True),
        "recs.tsv": lambda path: pd.read_csv(path, sep="\t"),
        "recs.csv.gz": pd.read_csv,
    }[name]
    expected = wrmf.load(numbered_model).recommend(n=2).to_frame()
    pd.testing.assert_frame_equal(read(out), expected, check_dtype=False, rtol=1e-6)


def test_similar_names_its_columns(numbered_model, tmp_path):
    out = tmp_path / "similar.csv"
    assert main(["similar", numbered_model, "7", "-n", "1", "--out", str(out)]) == 0
    assert list(pd.read_csv(out)) == ["item", "similar_item", "score", "rank"]


@pytest.fixture
def numbered_model(tmp_path):
    """The path of a model whose ids are whole numbers."""
    frame = pd.DataFrame({"user": [1, 1, 2, 3], "item": [7, 8, 8, 9]})
    path = tmp_path / "numbers.wrmf"
    model = wrmf.WRMF(2, iterations=1, random_state=0)
    model.fit(wrmf.read_interactions(frame)).save(path)
    return str(path)


def test_fit_takes_an_item_weight(likes, tmp_path, capsys):
    path = str(tmp_path / "m")
    assert main(["fit", str(likes), "--factors", "4", "--item-weight", "0.5", "--out", path]) == 0
    assert wrmf.load(path).state.item_scale > 0
    assert main(["fit", str(likes), "--item-weight", "-1", "--out", path]) != 0
    assert "--item-weight must be finite and at least 0, got -1.0" in capsys.readouterr().err


def test_ids_are_converted_to_numbers_where_the_model_has_numbers(numbered_model, capsys):
    assert main(["recommend", numbered_model, "2", "-n", "1"]) == 0
    for unknown in ("nine", "07"):
        assert main(["similar", numbered_model, unknown]) == 1
        message = f"unknown id among items: {unknown!r}; there are 3, such as 7"
        assert message in capsys.readouterr().err


def test_users_without_a_list_are_counted(tmp_path, capsys):
    frame = pd.DataFrame({"user": ["ann", "ann", "bob"], "item": ["x", "y", "x"]})
    path = str(tmp_path / "m.wrmf")
    wrmf.WRMF(2, iterations=1, random_state=0).fit(wrmf.read_interactions(frame)).save(path)
    assert main(["recommend", path]) == 0
    assert capsys.readouterr().err == "Users without a list: 1 of 2\n"


def test_a_fallback_reaches_the_model(numbered_model, monkeypatch):
    calls = []

    def record(self, users, **arguments):
        calls.append(arguments)
        raise ValueError("stop after the arguments are recorded")

    monkeypatch.setattr("wrmf.WRMF.recommend", record)
    assert main(["recommend", numbered_model]) == 1
    assert main(["recommend", numbered_model, "--fallback", "popular"]) == 1
    assert "fallback" not in calls[0]
    assert calls[1]["fallback"] == "popular"


def test_filters_of_recommend_are_read_from_files(numbered_model, tmp_path, capsys):
    items, exclude = tmp_path / "items.txt", tmp_path / "exclude.txt"
    items.write_text("\ufeff7\r\n8\r\n\r\n", encoding="utf-8")
    exclude.write_text("8\n")
    out = tmp_path / "lists.csv"
    command = ["recommend", numbered_model, "--keep-seen", "--out", str(out)]
    filters = ["--items-file", str(items), "--exclude-file", str(exclude)]
    assert main([*command, *filters]) == 0
    assert set(pd.read_csv(out)["item"]) == {7}
    assert main([*command, "--min-score", "1000"]) == 0
    assert len(pd.read_csv(out)) == 0
    exclude.write_text("nine\n")
    assert main([*command, "--exclude-file", str(exclude)]) == 1
    assert main([*command, "--exclude-file", str(tmp_path / "none.txt")]) == 1
    errors = capsys.readouterr().err
    assert "unknown id among items: 'nine'" in errors
    assert "none.txt" in errors


def test_search_and_report(likes, tmp_path, capsys):
    journal, page, model = (str(tmp_path / name) for name in ("s.jsonl", "r.html", "m.wrmf"))
    options = "--leave-out 3 --grid factors=2,4 --grid alpha=1.0 --epochs 1:4:2"
    assert main(["search", str(likes), *options.split(), "--journal", journal]) == 0
    output = capsys.readouterr().out
    assert "best: factors: " in output
    assert "| alpha: 1" in output
    assert "+------------+" in output
    assert main(["fit", str(likes), "--factors", "4", "--out", model]) == 0
    sources = ["--item-name", "name", "--journal", journal, "--model", model]
    report = ["report", str(likes), *sources, "--out", page]
    assert main(report) == 0
    assert "Beside simpler recommenders" not in Path(page).read_text(encoding="utf-8")
    assert main([*report, "--compare", "--leave-out", "3", "--item-knn"]) == 0
    text = Path(page).read_text(encoding="utf-8")
    assert "<html" in text
    assert "Beside simpler recommenders" in text and "Item neighbours" in text
    for option in (["--leave-out", "3"], ["--split", "users", "--fold-in", "0.5"], ["--item-knn"]):
        assert main([*report, *option]) == 1
        assert "has a meaning only with --compare" in capsys.readouterr().err
    assert main([*report, "--compare", "--keep-seen"]) == 1
    assert "--keep-seen has no meaning for report" in capsys.readouterr().err


@pytest.mark.parametrize("metric", ["precision@5", "mse"])
def test_the_table_of_a_search_begins_with_the_best_setting(metric, likes, tmp_path):
    out = tmp_path / "settings.csv"
    options = f"--leave-out 3 --epochs 2 --grid alpha=1,10,100 --quiet --metric {metric}"
    assert main(["search", str(likes), *options.split(), "--out", str(out)]) == 0
    scores = pd.read_csv(out)["best_score"].tolist()
    assert scores == sorted(scores, reverse=metric != "mse")


@pytest.mark.parametrize(
    "options",
    [
        "--method random --trials 3 --grid alpha=1.0:50.0:log",
        "--method halving --grid alpha=1.0,10.0,50.0",
        "--method tune --trials 3 --grid factors=2:6",
    ],
    ids=lambda options: options.split()[1],
)
def test_every_search_method_takes_validation_seeds_and_patience(likes, options, capsys):
    if "tune" in options:
        pytest.importorskip("optuna")
    shared = "--leave-out 3 --epochs 1:4:1 --validation 0.2 --seeds 2 --patience 1 --quiet"
    assert main(["search", str(likes), *shared.split(), *options.split()]) == 0
    output = capsys.readouterr().out
    assert "validation precision@5" in output
    assert "on the test split: Evaluation(precision@5=" in output


def test_a_best_value_at_the_edge_of_the_grid_is_reported(likes, capsys):
    options = "--leave-out 3 --epochs 2 --grid alpha=1,10,100 --metric mse --quiet"
    assert main(["search", str(likes), *options.split()]) == 0
    # The larger alpha is, the further the fit is from that of plain squared error.
    assert "alpha is best at the lowest value tried" in capsys.readouterr().out


def test_trials_are_refused_for_the_full_grid(likes, capsys):
    options = "--leave-out 3 --grid alpha=1,10 --trials 3"
    assert main(["search", str(likes), *options.split()]) == 1
    assert "--trials has no meaning for --method grid" in capsys.readouterr().err


def test_the_preset_rosenthal2016_has_its_grid_epochs_and_start(small_data, monkeypatch):
    calls = []

    def record_call(model, split, space, *, epochs, **options):
        calls.append(SimpleNamespace(model=model, split=split, space=space, epochs=list(epochs)))
        raise ValueError("stop after the arguments are recorded")

    small = SimpleNamespace(load=lambda random_state: small_data, description="")
    monkeypatch.setattr("wrmf.cli.data.DATASETS", {"synthetic": small})
    monkeypatch.setitem(METHODS, "grid", record_call)
    words = ["search", "synthetic", "--leave-out", "3", "--grid", "rosenthal2016"]
    assert main(words) == 1
    assert main([*words, "--init-scale", "0.5"]) == 1
    preset, changed = calls
    assert math.prod(len(values) for values in preset.space.values()) == 180
    assert preset.epochs == list(range(2, 40, 2))
    assert preset.split.train.n_users == 200
    # Its curves depend on the start, so the preset sets it whatever the model's default is.
    assert preset.model.init_scale == 1.0
    assert changed.model.init_scale == 0.5


def test_the_help_of_search_names_every_preset():
    text = help_of("search")
    for preset in PRESETS:
        assert f"'{preset}'" in text


def test_evaluate_prints_train_and_test(likes, capsys):
    assert main(["evaluate", str(likes), "--leave-out", "3", "--metrics", "ndcg@5", "mse"]) == 0
    output = capsys.readouterr().out
    assert "ndcg@5" in output
    assert "train" in output
    assert "test" in output


def test_datasets_lists_every_data_set_with_its_description(capsys):
    assert main(["datasets"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("synthetic-raw ")
    assert len(lines) == 1 + len(wrmf.datasets.DATASETS)
    for line, (name, dataset) in zip(lines[1:], wrmf.datasets.DATASETS.items(), strict=True):
        assert line.split(maxsplit=1) == [name, dataset.description]
    assert "movielens-20m" in wrmf.datasets.DATASETS


@pytest.mark.slow
def test_datasets_writes_a_table_of_pairs(tmp_path, capsys):
    out = tmp_path / "likes.csv"
    assert main(["datasets", "synthetic", "--out", str(out)]) == 0
    assert len(pd.read_csv(out)) == 547_000
    assert f"{out}: columns user, item" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fit", "missing.csv"], "no such file"),
        (["recommend", "missing.wrmf"], "no such model file"),
        (["datasets", "netflix"], "unknown data set"),
        (["report", "x.csv", "--journal", "missing.jsonl"], "no such file"),
    ],
)
def test_an_error_is_one_line_on_standard_error(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 1
    output = capsys.readouterr().err
    assert output.startswith("wrmf: error: ")
    assert message in output
    assert output.count("\n") == 1


def test_an_unknown_column_or_id_is_named(likes, tmp_path, capsys):
    assert main(["fit", str(likes), "--user", "uid"]) == 1
    assert "no column 'uid'" in capsys.readouterr().err
    model = str(tmp_path / "m.wrmf")
    main(["fit", str(likes), "--factors", "2", "--iterations", "1", "--out", model])
    assert main(["similar", model, "nothing"]) == 1
    assert "unknown id among items: 'nothing'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["fly"],
        ["search", "x.csv", "--grid", "factors"],
        ["search", "x.csv", "--grid", "factors=9:2"],
        ["search", "x.csv", "--grid", "factor=1,2"],
        ["search", "x.csv", "--epochs", "2:1:1"],
        ["search", "x.csv", "--jobs", "many"],
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_with_status_2(words):
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2


@pytest.mark.skipif(os.name == "nt", reason="Windows has no head")
def test_a_closed_pipe_is_not_an_error(numbered_model):
    command = f'"{sys.executable}" -m wrmf recommend "{numbered_model}"'
    ended = subprocess.run(
        ["sh", "-c", f"({command}; echo status $? >&2) | head -n 0"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stderr == "status 0\n"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no head")
@pytest.mark.parametrize("words", ["--help", "fit --help"])
def test_a_help_that_is_not_read_to_the_end_is_not_an_error(words):
    command = f'"{sys.executable}" -m wrmf {words} | head -n 0'
    ended = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert ended.stderr == ""


def test_a_file_of_options_that_does_not_exist_is_named(tmp_path, capsys):
    assert main(["fit", "--config", str(tmp_path / "none.toml")]) == 1
    assert f"error: no such file: {tmp_path / 'none.toml'}" in capsys.readouterr().err


def test_interruption_exits_with_status_130(likes, monkeypatch, capsys):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("wrmf.cli.data.read_interactions", interrupt)
    assert main(["fit", str(likes)]) == 130
    assert capsys.readouterr().err == "wrmf: interrupted\n"


def test_evaluate_measures_baselines_on_request(likes, tmp_path):
    out = tmp_path / "scores.csv"
    words = ["--leave-out", "3", "--metrics", "ndcg@5", "coverage@5", "mse", "--baselines"]
    assert main(["evaluate", str(likes), *words, "--out", str(out)]) == 0
    scores = pd.read_csv(out)
    assert scores["model"].tolist() == [
        name for name in ("wrmf", "popularity", "item-knn") for _ in range(2)
    ]
    assert scores["ndcg@5"].notna().all()
    # Item neighbours give lists only, so that there is no error of all cells.
    assert scores["mse"].isna().tolist() == [False] * 4 + [True] * 2

import json

import numpy as np
import pytest

from wrmf import WRMF, datasets, grid_search, learning_curve, leave_k_out
from wrmf.search.journal import read_journal

GRID = {"factors": [2, 4], "alpha": [1.0, 20.0]}
EPOCHS = [1, 2, 4]


@pytest.fixture(scope="module")
def split():
    return leave_k_out(datasets.synthetic_likes(200, 150, 2500), k=3, random_state=0)


@pytest.fixture
def model():
    return WRMF(random_state=0, num_threads=1)


def same(ours, theirs):
    return all(
        (a.params, a.epochs, a.train, a.test) == (b.params, b.epochs, b.train, b.test)
        for a, b in zip(ours.curves, theirs.curves, strict=True)
    )


def test_a_curve_continues_training(split, model):
    curve = learning_curve(model, split, EPOCHS)
    for place, epoch in enumerate(EPOCHS):
        fresh = WRMF(**{**model.get_params(), "iterations": epoch}).fit(split.train)
        alone = learning_curve(fresh, split, [epoch])
        assert alone.test["precision@5"] == [curve.test["precision@5"][place]]
    assert curve.model.iterations_done == 4
    assert not hasattr(model, "user_factors")


def test_the_log_is_the_article_table(split, model):
    lines = []
    learning_curve(model, split, [2, 10], log=lines.append)
    text = "\n".join(lines).splitlines()
    rule = "+------------+------------+------------+------------+------------+"
    assert text[:3] == [
        rule,
        "|   epochs   | p@k train  |  p@k test  | mse train  |  mse test  |",
        rule.replace("-", "="),
    ]
    assert text[4] == rule
    assert text[3].startswith("|     2      |  0.")
    assert text[5].startswith("|     10     |  0.")
    assert len(text) == 7


def test_grid_search_runs_every_setting_and_finds_the_best(split, model):
    result = grid_search(model, split, GRID, EPOCHS)
    table = result.to_frame()
    assert table[["factors", "alpha"]].to_numpy().tolist() == [[2, 1], [2, 20], [4, 1], [4, 20]]
    assert result.best_score == table["best_score"].max()
    assert result.best_score == max(max(c.test["precision@5"]) for c in result.curves)
    assert set(result.best_params) == set(GRID)
    best = result.best_model()
    assert (best.iterations, best.factors) == (result.best_epoch, result.best_params["factors"])
    alone = learning_curve(best, split, EPOCHS)
    assert alone.test == result.best_curve.test


def test_the_lowest_mse_is_the_best(split, model):
    result = grid_search(model, split, GRID, EPOCHS, metric="mse")
    assert result.best_score == min(min(c.test["mse"]) for c in result.curves)


def test_no_result_depends_on_the_number_of_jobs(split, model):
    assert same(
        grid_search(model, split, GRID, EPOCHS), grid_search(model, split, GRID, EPOCHS, n_jobs=3)
    )


@pytest.mark.parametrize("kept", [0, 1, 3])
@pytest.mark.parametrize("torn", [b"", b'{"setting": {"fac'])
def test_an_interrupted_search_resumes_to_the_same_result(split, model, tmp_path, kept, torn):
    journal = tmp_path / "search.jsonl"
    whole = grid_search(model, split, GRID, EPOCHS, journal=journal)
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[: 1 + kept]) + torn)
    resumed = grid_search(model, split, GRID, EPOCHS, journal=journal)
    assert same(whole, resumed)
    assert len(journal.read_bytes().splitlines()) == 5
    # What was finished is not run again: its time is the one noted.
    noted = [json.loads(line)["curve"]["seconds"] for line in lines[1 : 1 + kept]]
    assert [curve.seconds for curve in resumed.curves[:kept]] == noted


def test_an_interrupt_reaches_the_caller_and_keeps_what_is_done(split, model, tmp_path):
    journal = tmp_path / "search.jsonl"

    def interrupt(line):
        if line.startswith("factors: 4"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grid_search(model, split, GRID, EPOCHS, journal=journal, log=interrupt)
    assert len(read_journal(journal).curves) == 2
    assert same(
        grid_search(model, split, GRID, EPOCHS, journal=journal),
        grid_search(model, split, GRID, EPOCHS),
    )


def test_a_random_seed_is_drawn_once_and_kept(split, tmp_path):
    journal = tmp_path / "search.jsonl"
    model = WRMF(num_threads=1)
    first = grid_search(model, split, {"alpha": [1.0, 2.0]}, [1], journal=journal)
    assert same(first, grid_search(model, split, {"alpha": [1.0, 2.0]}, [1], journal=journal))
    assert first.base["random_state"] == read_journal(journal).base["random_state"]


def test_a_journal_tells_the_same_as_the_search(split, model, tmp_path):
    journal = tmp_path / "search.jsonl"
    result = grid_search(model, split, GRID, EPOCHS, journal=journal)
    told = read_journal(journal)
    assert told.best_params == result.best_params
    assert told.to_frame().equals(result.to_frame())


def test_foreign_journals_are_refused(split, model, tmp_path):
    journal = tmp_path / "search.jsonl"
    grid_search(model, split, {"alpha": [1.0]}, [1], journal=journal)
    with pytest.raises(ValueError, match="journal of another search"):
        grid_search(model, split, {"alpha": [1.0]}, [2], journal=journal)
    journal.write_text("dear diary\n")
    with pytest.raises(ValueError, match="not a search journal"):
        grid_search(model, split, {"alpha": [1.0]}, [1], journal=journal)
    assert journal.read_text() == "dear diary\n"
    with pytest.raises(FileNotFoundError, match="no such journal"):
        read_journal(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("grid", "error"),
    [
        ({}, "grid must map"),
        ({"factor": [1]}, "unknown parameter 'factor'"),
        ({"factors": 3}, "must be a sequence"),
        ({"factors": []}, "must be a sequence"),
        ({"factors": [4, 0]}, "factors must be at least 1"),
        ({"iterations": [4]}, "iterations cannot be searched over: pass epochs="),
    ],
)
def test_bad_grids_fail_before_anything_is_trained(split, model, grid, error):
    with pytest.raises((TypeError, ValueError), match=error):
        grid_search(model, split, grid, EPOCHS)


def test_bad_searches_are_explained(split, model):
    with pytest.raises(ValueError, match="epochs must be rising"):
        learning_curve(model, split, [2, 2])
    with pytest.raises(TypeError, match="epochs must be rising"):
        learning_curve(model, split, None)
    with pytest.raises(ValueError, match="no metric was named"):
        learning_curve(model, split, [1], metrics=[])
    for search in (
        lambda *which: learning_curve(*which, [1]),
        lambda *which: grid_search(*which, GRID, [1]),
    ):
        with pytest.raises(TypeError, match=r"split must be a wrmf.Split, got csr_matrix"):
            search(model, split.train.matrix)
        with pytest.raises(TypeError, match="model must be a WRMF, got str"):
            search("model", split)
    with pytest.raises(ValueError, match="unknown metric"):
        grid_search(model, split, GRID, EPOCHS, metric="accuracy")
    with pytest.raises(ValueError, match="n_jobs must be at least 1"):
        grid_search(model, split, GRID, EPOCHS, n_jobs=0)
    with pytest.raises(ValueError, match="'auc' was not measured"):
        learning_curve(model, split, [1]).best("auc")


def test_an_undefined_score_is_never_the_best(split, model):
    result = grid_search(model, split, GRID, EPOCHS)
    result.curves[0].test["precision@5"] = [np.nan] * 3
    assert result.ranked[-1] is result.curves[0]

"""The journal: its format, resuming from it, and files that are not the search's journal."""

import json
import os

import pytest

from wrmf import WRMF, Split, grid_search
from wrmf.search.journal import read_journal

GRID = {"factors": [2, 4], "alpha": [1.0, 20.0]}
EPOCHS = [1, 2, 4]


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "search.jsonl"


def scores(result):
    return [(curve.params, curve.epochs, curve.train, curve.test) for curve in result.curves]


def test_the_format_of_a_journal(split, model, journal):
    result = grid_search(model, split, GRID, EPOCHS, journal=journal, validation=0.2)
    header, *curves, test = map(json.loads, journal.read_text().splitlines())
    assert {**header, "search": None, "params": None, "crc32": None} == {
        "journal": "wrmf-search",
        "version": 3,
        "search": None,
        "seed": 0,
        "metric": "precision@5",
        "searched": ["factors", "alpha"],
        "params": None,
        "scored_on": "validation",
        "ranges": {},
        "crc32": None,
    }
    assert [record["setting"] for record in curves] == [c.params for c in result.curves]
    for record, curve in zip(curves, result.curves, strict=True):
        assert list(record["curve"]) == ["epochs", "train", "test", "seconds", "stderr", "by_seed"]
        assert record["curve"]["test"] == curve.test
    scores = result.test
    values = [dict(scores), scores.n_users, scores.n_skipped, scores.stderr, None]
    assert test == {"test": [*values, 0, 0, 0, 0, scores.popularity], "crc32": test["crc32"]}
    assert list(scores.popularity) == ["precision@5"]


@pytest.mark.parametrize("n_curves", [0, 1, 3])
@pytest.mark.parametrize("cut_off", [b"", b'{"setting": {"fac'])
def test_an_interrupted_search_resumes_to_the_same_result(split, model, journal, n_curves, cut_off):
    whole = grid_search(model, split, GRID, EPOCHS, journal=journal)
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[: 1 + n_curves]) + cut_off)
    resumed = grid_search(model, split, GRID, EPOCHS, journal=journal)
    assert scores(resumed) == scores(whole)
    assert len(journal.read_bytes().splitlines()) == 5
    # Finished settings are not run again, so their seconds are those in the journal.
    seconds = [json.loads(line)["curve"]["seconds"] for line in lines[1 : 1 + n_curves]]
    assert [curve.seconds for curve in resumed.curves[:n_curves]] == seconds


def test_a_header_cut_off_by_a_crash_is_written_again(split, model, journal):
    journal.write_bytes(b'{"journal": "wrmf-se')
    grid_search(model, split, {"alpha": [1.0]}, [1], journal=journal)
    assert len(read_journal(journal).curves) == 1


def test_a_grid_may_grow(split, model, journal):
    small = grid_search(model, split, {"alpha": [1.0]}, EPOCHS, journal=journal)
    grown = grid_search(model, split, {"alpha": [1.0, 20.0]}, EPOCHS, journal=journal)
    assert grown.curves[0].seconds == small.curves[0].seconds
    assert len(grown.curves) == 2


def test_an_interrupt_reaches_the_caller_and_keeps_finished_settings(split, model, journal):
    def interrupt(line):
        if line.startswith("factors: 4"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grid_search(model, split, GRID, EPOCHS, journal=journal, log=interrupt)
    assert len(read_journal(journal).curves) == 2
    assert scores(grid_search(model, split, GRID, EPOCHS, journal=journal)) == scores(
        grid_search(model, split, GRID, EPOCHS)
    )


def test_a_random_seed_is_drawn_once_and_stored(split, journal):
    model = WRMF(num_threads=1)
    first = grid_search(model, split, {"alpha": [1.0, 2.0]}, [1], journal=journal)
    resumed = grid_search(model, split, {"alpha": [1.0, 2.0]}, [1], journal=journal)
    assert scores(first) == scores(resumed)
    assert first.base["random_state"] == read_journal(journal).base["random_state"]


def test_reading_a_journal_gives_the_result_of_the_search(split, model, journal):
    result = grid_search(model, split, GRID, EPOCHS, journal=journal)
    restored = read_journal(journal)
    assert restored.best_params == result.best_params
    assert restored.to_frame().equals(result.to_frame())


def test_the_journal_of_another_search_is_refused(split, model, journal):
    grid_search(model, split, {"alpha": [1.0]}, [1], journal=journal)
    before = journal.read_bytes()
    with pytest.raises(ValueError, match="journal of another search"):
        grid_search(model, split, {"alpha": [1.0]}, [2], journal=journal)
    assert journal.read_bytes() == before


def test_a_file_that_is_no_journal_is_refused_and_kept(split, model, journal):
    journal.write_text("dear diary\n")
    with pytest.raises(ValueError, match="not a search journal"):
        grid_search(model, split, {"alpha": [1.0]}, [1], journal=journal)
    assert journal.read_text() == "dear diary\n"


def test_reading_a_journal_needs_a_file_with_a_finished_setting(split, model, journal):
    with pytest.raises(FileNotFoundError, match="no such journal"):
        read_journal(journal)
    grid_search(model, split, {"alpha": [1.0]}, [1], journal=journal)
    header = journal.read_text().splitlines()[0]
    journal.write_text(header + "\n")
    with pytest.raises(ValueError, match="no finished setting"):
        read_journal(journal)


def test_counts_of_cold_users_and_items_are_kept(split, model, journal):
    test = split.test.matrix.toarray()
    train = split.train.matrix.toarray()
    train[split.users[0]] = 0
    test[split.users[0], :3] = 1
    result = grid_search(model, Split(train, test), GRID, EPOCHS, journal=journal, validation=0.2)
    assert result.test.n_cold_users == 1
    assert read_journal(journal).test == result.test


@pytest.mark.skipif(os.name == "nt", reason="named pipes")
def test_a_pipe_is_no_journal(split, model, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="pipe is a device or a pipe: a journal must be a file"):
        grid_search(model, split, GRID, EPOCHS, journal=tmp_path / "pipe")

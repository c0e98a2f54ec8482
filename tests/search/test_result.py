"""The result of a search: ranking, standard error, and the edge of the search range."""

import numpy as np

import wrmf
from wrmf import Range


def result_of(score_of_setting, **options):
    names = tuple(score_of_setting[0][0])
    curves = [
        wrmf.LearningCurve(params, [1], {"mse": [score]}, {"mse": [score]}, [0.0])
        for params, score in score_of_setting
    ]
    return wrmf.SearchResult("mse", names, curves, **options)


def test_an_undefined_score_is_never_the_best():
    result = result_of([({"a": 1}, np.nan), ({"a": 2}, 0.2), ({"a": 3}, 0.3)])
    assert result.best_params == {"a": 2}
    assert result.ranked[-1] is result.curves[0]


def test_the_best_standard_error_is_that_of_the_best_score(split):
    model = wrmf.WRMF(random_state=0, num_threads=1)
    result = wrmf.grid_search(model, split, {"factors": [2, 4]}, [1, 2])
    table = result.to_frame()
    assert result.best_stderr == table["stderr"][table["best_score"].idxmax()]


def test_the_edge_of_the_grid_is_named():
    curves = [
        ({"k": k, "a": a, "two": two, "kind": kind, "flag": flag, "b": b}, score)
        for k, a, two, kind, flag, b, score in [
            (1, 5.0, 1, "x", True, 0.1, 0.3),
            (2, 1.0, 2, "y", False, 0.2, 0.2),
            (3, 9.0, 1, "z", True, 0.3, 0.9),
            (1, 9.0, 2, "x", True, 0.2, 0.1),
        ]
    ]
    result = result_of(curves)
    assert result.best_score == 0.1
    assert result.at_edge == {"k": "lowest", "a": "highest"}
    assert "at_edge={'k': 'lowest', 'a': 'highest'}" in repr(result)


def test_an_edge_that_scores_no_better_than_the_inside_is_not_named():
    result = result_of([({"a": a}, s) for a, s in ((0.0, 0.1), (1.0, 0.1), (9.0, 0.3))])
    assert result.best_params == {"a": 0.0}
    assert result.at_edge == {}
    assert result_of([({"a": a}, np.nan) for a in (0.0, 1.0, 9.0)]).at_edge == {"a": "lowest"}


def test_the_edge_of_a_range_is_its_last_twentieth():
    ranges = {"a": Range(1.0, 100.0, log=True), "b": Range(0.0, 1.0)}
    result = result_of([({"a": 98.0, "b": 0.5}, 0.1)], ranges=ranges)
    assert result.at_edge == {"a": "highest"}
    assert "at_edge" not in repr(result_of([({"a": 10.0, "b": 0.5}, 0.1)], ranges=ranges))

"""The sentence at the top, and the table beside simpler recommenders."""

import re

import numpy as np
import pytest

import wrmf
from wrmf.report.comparison import QUICK_PRODUCTS, compare
from wrmf.report.sections.comparison import verdict
from wrmf.report.wording import describe_hits, describe_score

SETTINGS = {"objective": "wrmf", "regularization": 1.0, "alpha": 5.0, "random_state": 0}


@pytest.fixture(scope="module")
def split():
    data = wrmf.datasets.synthetic_likes(400, 150, 6000, random_state=0)
    return wrmf.leave_k_out(data, k=3, random_state=0)


@pytest.fixture(scope="module")
def best(make_curve):
    return wrmf.SearchResult(
        "precision@5", ("factors",), [make_curve({"factors": 8}, [0.1, 0.2])], SETTINGS
    )


@pytest.fixture(scope="module")
def comparison(best, split):
    return compare(best, split, item_knn=None, random_state=0)


def test_hits_are_those_of_the_lists(comparison, split):
    held_out = split.test.matrix[split.users]
    for contender in comparison.contenders:
        hits = [
            len(set(held_out[[row]].indices) & set(listed[listed >= 0]))
            for row, listed in enumerate(contender.lists)
        ]
        assert contender.hits.tolist() == hits


def test_the_model_that_is_compared_is_the_best_setting_fitted_to_train(comparison, best, split):
    model = wrmf.WRMF(factors=8, iterations=4, **SETTINGS).fit(split.train)
    assert np.array_equal(comparison.model.item_factors, model.item_factors)
    expected = wrmf.evaluate(model, split, ["precision@10"])["precision@10"]
    assert comparison.contenders[0].evaluation["precision@10"] == expected


def test_the_sentence_has_the_hits_of_the_model_and_of_popular_items(
    comparison, best, split, page_text
):
    model, _, popular = comparison.contenders
    text = page_text(best, split=split)
    sentence = re.sub("<[^>]*>", "", re.search('<p class="sentence">.*?</p>', text)[0])
    assert sentence == (
        f"Of ten items shown, {model.hits.mean():.2g} are ones the person went on to like. "
        f"Popular items would give {popular.hits.mean():.2g}."
    )


def test_the_error_of_a_difference_is_that_of_the_same_people(comparison):
    model, other, _ = comparison.contenders
    differences = model.hits - other.hits
    mean, error = comparison.advantage(other)
    assert mean == pytest.approx(differences.mean())
    assert error == pytest.approx(differences.std(ddof=1) / np.sqrt(len(differences)))
    assert comparison.advantage(model) == (0.0, 0.0)


def test_what_lies_within_one_standard_error_is_said(comparison):
    model, _, popular = comparison.contenders
    level = type(comparison)((model, model_named(model, "Twin")), *parts(comparison))
    assert "and twin lie within one standard error of each other" in verdict(level)
    ahead = type(comparison)((model, popular), *parts(comparison))
    assert (
        verdict(ahead)
        == "This model finds more than popular items, by more than one standard error."
    )
    behind = type(comparison)((popular, model), *parts(comparison))
    assert verdict(behind) == "This model finds less than this model."


def model_named(contender, label):
    return type(contender)(label, contender.evaluation, contender.lists)


def parts(comparison):
    return comparison.model, comparison.split, comparison.part


def test_item_neighbours_that_take_long_are_left_out_and_the_page_says_so(
    best, split, page_text, monkeypatch
):
    monkeypatch.setattr("wrmf.report.comparison.QUICK_PRODUCTS", 10.0)
    text = page_text(best, split=split)
    assert "Item neighbours were left out" in text
    assert "Item neighbours were left out" not in page_text(best, split=split, item_knn=True)
    assert QUICK_PRODUCTS > 1e6


def test_a_few_held_out_items_are_told_as_a_share_of_people():
    few = describe_hits(10, (0.05, 0.5), (0.01, 0.1), most_hits=1.0)
    assert str(few) == (
        "50 % of people find an item they went on to like among ten shown. "
        "Popular items would reach 10 %."
    )


@pytest.mark.parametrize(
    ("metric", "score", "popular", "expected"),
    [
        ("ndcg@100", 0.1234, None, "By ndcg@100, the best setting has 0.123."),
        ("precision@20", 0.1, 0.2, "Of 20 items shown, 2.0 are ones the person went on to like. "
         "Popular items would give 4.0: the model is no better."),
        ("mse", 0.5, 0.4, "By mse, the best setting has 0.5. "
         "Popular items would have 0.4: the model is no better."),
        ("mrr", np.nan, 0.1, "No setting has a number for mrr."),
    ],
)  # fmt: skip
def test_scores_are_told_in_words(metric, score, popular, expected):
    assert str(describe_score(metric, score, popular)) == expected


def test_a_split_that_holds_out_whole_users_is_compared(best, page_text):
    data = wrmf.datasets.synthetic_likes(400, 150, 6000, random_state=0)
    split = wrmf.split_users(data, 80, random_state=0)
    text = page_text(best, split=split)
    assert "for each of 80 people" in text
    assert "went on to like it" not in text


def test_a_value_that_is_no_split_is_refused(best, page_text):
    with pytest.raises(TypeError, match=r"split must be a wrmf.Split, got tuple"):
        page_text(best, split=("train", "test"))


def test_settings_within_one_standard_error_of_the_best_are_counted(make_curve, page_text):
    curves = [make_curve({"k": k}, [score]) for k, score in enumerate((0.5, 0.495, 0.491, 0.4))]
    for curve in curves:
        curve.stderr = {"precision@5": [0.01]}

    def note(shown):
        text = page_text(wrmf.SearchResult("precision@5", ("k",), curves[:shown]))
        return re.search(r"all on the same scale\.(.*?)</p>", text)[1]

    assert note(1) == ""
    assert "The second lies within one standard error (0.01000) of the best" in note(2)
    assert "The 2 next ones lie within" in note(4)
    curves[1:3] = []
    assert "No other setting lies within" in note(2)


def test_a_setting_that_was_chosen_on_the_test_part_is_said_to_look_too_good(
    best, split, make_curve, page_text
):
    note = "by the test part itself"
    assert note not in page_text(best, split=split)
    curves = [*best.curves, make_curve({"factors": 2}, [0.01])]
    several = wrmf.SearchResult("precision@5", ("factors",), curves, SETTINGS)
    assert f"chosen among 2 {note}" in page_text(several, split=split)
    several.scored_on = "validation"
    assert note not in page_text(several, split=split)


def test_the_score_on_the_test_part_of_a_validated_search_is_beside_popular_items(
    make_curve, page_text
):
    test = wrmf.Evaluation({"precision@5": 0.1}, 9, 0, popularity={"precision@5": 0.02})
    result = wrmf.SearchResult(
        "precision@5", ("k",), [make_curve({"k": 1}, [0.3])], scored_on="validation", test=test
    )
    text = re.sub("<[^>]*>", "", page_text(result))
    assert (
        "Of five items shown, 0.5 are ones the person went on to like. "
        "Popular items would give 0.1." in text
    )

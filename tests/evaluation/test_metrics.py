"""The table of metrics: names, cut-offs and directions all follow from its rows."""

import numpy as np
import pytest

from wrmf import Split, evaluate
from wrmf.evaluation.metrics import (
    METRICS,
    ErrorMetric,
    RankingMetric,
    check_metrics,
    lower_is_better,
)


class Factors:
    """A model as evaluate needs it, and nothing else."""

    def __init__(self, user_factors, item_factors):
        self.user_factors, self.item_factors = user_factors, item_factors


@pytest.mark.parametrize(
    "name", ["precision", "precison@5", "ndcg@", "auc@5", "mse@2", "recall@-1", "", "P@5", 5]
)
def test_unknown_metrics_are_listed(name):
    with pytest.raises(ValueError, match=r"unknown metric .*ndcg@k"):
        evaluate(Factors(np.eye(3), np.eye(3)), Split(np.eye(3), np.eye(3)), [name])


def test_the_list_of_metrics_shows_every_form():
    with pytest.raises(ValueError) as error:
        check_metrics(["accuracy"], n_items=3)
    listed = str(error.value).removesuffix(", with k a number as in ndcg@20").replace(" and", ",")
    forms = listed.removeprefix("unknown metric 'accuracy': there are ").split(", ")
    assert {form.partition("@")[0] for form in forms} == set(METRICS)
    assert {"precision@k", "mrr", "mrr@k", "auc", "mse"} < set(forms)
    assert not {"precision", "auc@k", "mse@k"} & set(forms)


def test_the_documentation_of_evaluate_names_every_metric():
    for name, metric in METRICS.items():
        form = f"{name}@k" if metric.cutoff == "required" else name
        assert f"``{form}``" in evaluate.__doc__, f"name {form} in the docstring of evaluate"


def test_names_are_parsed_in_order():
    parsed = check_metrics(["mse", "ndcg@20", "mrr", "mrr@3"], n_items=20)
    assert parsed == {
        "mse": ("mse", None),
        "ndcg@20": ("ndcg", 20),
        "mrr": ("mrr", None),
        "mrr@3": ("mrr", 3),
    }
    assert check_metrics("auc", n_items=1) == {"auc": ("auc", None)}


def test_only_errors_are_better_if_lower():
    assert lower_is_better("mse")
    assert not any(lower_is_better(name) for name in ("ndcg@20", "mrr", "auc", "loss"))


@pytest.mark.parametrize("cutoff", ["required", "optional", "refused"])
def test_a_new_ranking_metric_is_one_function_and_one_row(monkeypatch, cutoff):
    def fraction_of_items(ranked, k):
        return np.full(len(ranked.n_held_out), (k or 3) / 3)

    row = RankingMetric(fraction_of_items, cutoff, lower_is_better=True)
    monkeypatch.setitem(METRICS, "f1", row)
    name, expected = ("f1", 1.0) if cutoff == "refused" else ("f1@2", 2 / 3)
    split = Split(np.eye(3), np.eye(3))
    model = Factors(np.ones((3, 1)), np.ones((3, 1)))
    evaluation = evaluate(model, split, ["mse", name])
    assert list(evaluation) == ["mse", name]
    assert evaluation[name] == pytest.approx(expected)
    assert lower_is_better(name)


def test_a_new_error_metric_is_one_function_and_one_row(monkeypatch):
    monkeypatch.setitem(METRICS, "rmse", ErrorMetric(lambda total, n: (total / n) ** 0.5))
    model = Factors(np.ones((3, 1)), np.ones((3, 1)))
    evaluation = evaluate(model, Split(np.eye(3), np.eye(3)), ["rmse", "mse"])
    assert evaluation["rmse"] == pytest.approx(evaluation["mse"] ** 0.5)
    assert lower_is_better("rmse")

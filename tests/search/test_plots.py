"""Plots of curves and searches: what is drawn, marked, ranked and named."""

import sys

import matplotlib as mpl
import numpy as np
import pytest

from wrmf import LearningCurve, SearchResult
from wrmf.search.plots import plot_learning_curve, plot_mse, plot_traces

mpl.use("Agg")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def curve(test, mse=None, **params):
    epochs = [2 * n + 2 for n in range(len(test))]
    train, test = {"precision@5": [0.3] * len(test)}, {"precision@5": test}
    if mse is not None:
        train["mse"], test["mse"] = [value - 0.001 for value in mse], mse
    return LearningCurve(params, epochs, train, test, [float(epoch) for epoch in epochs])


def search(*curves):
    return SearchResult("precision@5", ("factors",), list(curves))


def points(line):
    return list(zip(line.get_xdata(), line.get_ydata(), strict=True))


def test_the_best_epoch_is_marked_on_the_learning_curve():
    ax = plot_learning_curve(curve([0.01, 0.05, 0.04], factors=8))
    assert points(ax.lines[0]) == [(2, 0.01), (4, 0.05), (6, 0.04)]
    assert points(ax.lines[1]) == [(4, 0.05)]
    assert ax.texts[0].get_text() == "0.05000 at epoch 4"


def test_the_lowest_mse_is_marked_as_the_best():
    ax = plot_learning_curve(curve([0.1] * 3, mse=[3.0, 1.0, 2.0]), "mse")
    assert points(ax.lines[1]) == [(4, 1.0)]


def test_the_earliest_of_equal_scores_is_marked():
    assert points(plot_learning_curve(curve([0.1, 0.5, 0.5])).lines[1]) == [(4, 0.5)]


def test_a_nan_score_is_never_marked():
    assert points(plot_learning_curve(curve([np.nan, 0.1, np.nan])).lines[1]) == [(4, 0.1)]
    assert len(plot_learning_curve(curve([np.nan, np.nan])).lines) == 1


def test_a_short_setting_is_the_title():
    assert plot_learning_curve(curve([0.1], factors=8, alpha=1.0)).get_title("left") == (
        "factors: 8 | alpha: 1"
    )
    all_params = dict.fromkeys("abcdef", 1)
    assert plot_learning_curve(curve([0.1], **all_params)).get_title("left") == "Learning curve"


def test_the_score_of_a_validation_set_is_named_so():
    result = search(curve([0.1, 0.2], factors=1))
    result.scored_on = "validation"
    assert result.plot().get_ylabel() == "Validation precision@5"
    assert result.plot("traces").get_ylabel() == "Validation precision@5"


def test_traces_fade_by_rank_with_the_best_on_top():
    result = search(*(curve([0.0, top], factors=k) for k, top in [(1, 0.2), (2, 0.9), (3, 0.5)]))
    lines = plot_traces(result).lines
    assert [line.get_ydata()[-1] for line in lines] == [0.2, 0.5, 0.9]
    assert [line.get_alpha() for line in lines] == pytest.approx([1 / 1.2, 1 / 1.1, 1.0])
    assert lines[-1].get_label() == "factors: 2"


def test_the_trace_of_a_setting_without_scores_ranks_last():
    result = search(curve([np.nan, np.nan], factors=1), curve([0.1, 0.2], factors=2))
    assert plot_traces(result).lines[-1].get_ydata()[-1] == 0.2


def test_mse_is_drawn_on_train_and_test_of_a_curve_and_of_a_search():
    best = curve([0.1, 0.2], mse=[0.5, 0.4], factors=8)
    result = search(curve([0.0, 0.1], mse=[9.0, 9.0], factors=1), best)
    for drawn in (best, result):
        lines = {line.get_label(): list(line.get_ydata()) for line in plot_mse(drawn).lines}
        assert lines == {"test": [0.5, 0.4], "train": pytest.approx([0.499, 0.399])}


@pytest.mark.parametrize("plot", [plot_learning_curve, plot_mse])
def test_a_curve_is_drawn_on_given_axes(plot):
    from matplotlib.figure import Figure

    ax = Figure().subplots()
    assert plot(curve([0.1, 0.2], mse=[0.5, 0.4]), ax=ax) is ax


def test_a_metric_that_was_not_measured_is_an_error():
    with pytest.raises(ValueError, match=r"no metric 'ndcg@5'; it has 'precision@5'"):
        plot_learning_curve(curve([0.1]), "ndcg@5")
    with pytest.raises(ValueError, match="no metric 'mse'"):
        plot_mse(curve([0.1]))


def test_without_matplotlib_the_extra_to_install_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "wrmf\[plot\]"'):
        plot_mse(curve([0.1], mse=[0.5]))


def test_plots_are_never_shown(monkeypatch):
    import matplotlib.pyplot as plt

    monkeypatch.setattr(plt, "show", lambda *a, **k: pytest.fail("show() was called"))
    result = search(curve([0.1, 0.2], mse=[0.5, 0.4], factors=8))
    plot_traces(result)
    plot_mse(result)
    plot_learning_curve(result.curves[0])

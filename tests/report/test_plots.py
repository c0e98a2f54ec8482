import pytest

from wrmf.search import plots


def test_plots_show_the_measured_numbers(result):
    import matplotlib as mpl

    mpl.use("Agg")
    best = plots.plot_learning_curve(result.best_curve, "precision@5")
    drawn = [line.get_ydata().tolist() for line in best.get_lines()]
    assert [0.03, 0.05, 0.04] in drawn
    traces = plots.plot_traces(result, "precision@5").get_lines()
    assert len(traces) >= 3
    opacities = sorted(line.get_alpha() or 1.0 for line in traces)
    assert opacities[0] == pytest.approx(1 / 1.2)
    assert result.plot("mse") is not None
    with pytest.raises(ValueError, match="kind must be"):
        result.plot("pie")

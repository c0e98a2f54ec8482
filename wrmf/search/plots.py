"""Plots of learning curves and searches, drawn with matplotlib (the extra ``plot``).

The functions draw any object that has the fields of
:class:`wrmf.LearningCurve` or :class:`wrmf.SearchResult` and import nothing of
``wrmf``. matplotlib itself is imported when a plot is asked for, so that the
library works without it. Nothing here calls ``show()``: each function returns
the axes it drew on, and the caller decides what becomes of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_learning_curve", "plot_mse", "plot_traces"]

_ACCENT = "#00736b"
_INK = "#3d4446"


def lower_is_better(metric: str) -> bool:
    """Whether the smallest value of `metric` is the best one (true of ``"mse"`` only)."""
    return metric == "mse"


def best_point(curve: Any, metric: str) -> int | None:
    """Position of the best test score of `curve`, NaN skipped, the earliest at ties.

    Parameters
    ----------
    curve : LearningCurve
        Anything with ``test[metric]``, a list of one score per checkpoint.
    metric : str
        Name of the metric; the lowest score is best for ``"mse"``, else the highest.

    Returns
    -------
    int or None
        Index into ``curve.epochs``; None where no score is a number.
    """
    sign = -1.0 if lower_is_better(metric) else 1.0
    scores = [sign * float(score) for score in curve.test.get(metric, [])]
    known = [position for position, score in enumerate(scores) if not math.isnan(score)]
    return max(known, key=lambda position: scores[position], default=None)


def fading(rank: int) -> float:
    """Opacity of the trace at `rank` (0 = best): ``1 / (0.1 * rank + 1)``."""
    return 1.0 / (0.1 * rank + 1.0)


def describe(params: dict[str, Any]) -> str:
    """`params` in one line, as in ``factors 40, alpha 50``."""
    return ", ".join(f"{name} {short(value)}" for name, value in params.items())


def short(value: Any) -> str:
    """A parameter's value as a person writes it: ``40``, ``0.1``, ``1e-05``, ``exact``."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def plot_learning_curve(curve: Any, metric: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw the test score of one learning curve over the epochs, its best epoch marked.

    Parameters
    ----------
    curve : LearningCurve
        The curve; ``result.best_curve`` for the best one of a search.
    metric : str, optional
        Metric to draw; default: the curve's first metric that is not ``"mse"``.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on; default: those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If the curve has no such metric.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from types import SimpleNamespace
    >>> curve = SimpleNamespace(params={"factors": 8}, epochs=[2, 4, 6], train={},
    ...                         test={"precision@5": [0.02, 0.05, 0.04]})
    >>> plot_learning_curve(curve).get_ylabel()
    'Test precision@5'
    """
    metric = _choose_metric(curve, metric)
    ax = _axes(ax)
    ax.plot(curve.epochs, curve.test[metric], color=_ACCENT, linewidth=2, label="test")
    best = best_point(curve, metric)
    if best is not None:
        epoch, score = curve.epochs[best], curve.test[metric][best]
        ax.plot([epoch], [score], "o", color=_ACCENT, markersize=7, label="best epoch")
        ax.annotate(
            f"{score:.5f} at epoch {epoch}",
            (epoch, score),
            xytext=(0, 9),
            textcoords="offset points",
            ha=_anchor(best, len(curve.epochs)),
            color=_ACCENT,
        )
    ax.margins(y=0.15)
    # A curve made outside a search carries all parameters of its model: too many for a title.
    few = 0 < len(curve.params) <= 5
    _finish(ax, describe(curve.params) if few else "Learning curve", f"Test {metric}")
    return ax


def plot_traces(result: Any, metric: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw the test curves of every setting of a search, fading by rank, the best on top.

    Parameters
    ----------
    result : SearchResult
        The search; its curves are ranked by `metric`.
    metric : str, optional
        Metric to draw; default: the one the search was ranked by.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on; default: those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Its lines are in the order drawn, so the best curve comes last.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If the curves have no such metric, or there is no curve.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from types import SimpleNamespace
    >>> curves = [SimpleNamespace(params={"factors": k}, epochs=[2, 4], train={},
    ...                           test={"precision@5": [0.01, k / 1000]}) for k in (8, 40)]
    >>> result = SimpleNamespace(metric="precision@5", curves=curves)
    >>> [line.get_alpha() for line in plot_traces(result).lines][-1]
    1.0
    """
    metric = result.metric if metric is None else metric
    curves = rank_curves(result.curves, metric)
    if not curves:
        raise ValueError("the search result has no curves; expected at least one setting")
    for curve in curves:
        _choose_metric(curve, metric)
    ax = _axes(ax)
    for rank in reversed(range(len(curves))):
        ax.plot(
            curves[rank].epochs,
            curves[rank].test[metric],
            color=_ACCENT if rank == 0 else _INK,
            linewidth=2.4 if rank == 0 else 1.2,
            alpha=fading(rank),
            label=describe(curves[0].params) if rank == 0 else None,
        )
    on = getattr(result, "scored_on", "test").capitalize()
    _finish(ax, f"All {len(curves)} settings", f"{on} {metric}")
    return ax


def plot_mse(curve: Any, ax: Axes | None = None) -> Axes:
    """Draw the mean squared error on train and on test over the epochs.

    Parameters
    ----------
    curve : LearningCurve or SearchResult
        The curve; of a search, its best curve is drawn.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on; default: those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If the curve was made without the metric ``"mse"``.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from types import SimpleNamespace
    >>> curve = SimpleNamespace(params={}, epochs=[2, 4], train={"mse": [0.0133, 0.0130]},
    ...                         test={"mse": [0.0140, 0.0138]})
    >>> [line.get_label() for line in plot_mse(curve).lines]
    ['test', 'train']
    """
    curve = getattr(curve, "best_curve", curve)
    _choose_metric(curve, "mse")
    ax = _axes(ax)
    ax.plot(curve.epochs, curve.test["mse"], color=_ACCENT, linewidth=2, label="test")
    if "mse" in curve.train:
        ax.plot(curve.epochs, curve.train["mse"], color=_INK, linewidth=2, ls="--", label="train")
    ax.legend(frameon=False)
    _finish(ax, "Mean squared error", "MSE")
    return ax


def rank_curves(curves: Sequence[Any], metric: str) -> list[Any]:
    """`curves` sorted by their best test score of `metric`, the best first, NaN last.

    Ties keep the order of the grid.
    """

    def cost(curve: Any) -> float:
        best = best_point(curve, metric)
        if best is None:
            return math.inf
        score = float(curve.test[metric][best])
        return score if lower_is_better(metric) else -score

    return sorted(curves, key=cost)


def _choose_metric(curve: Any, metric: str | None) -> str:
    known = list(curve.test)
    if metric is None:
        metric = next((name for name in known if name != "mse"), "mse")
    if metric not in curve.test:
        raise ValueError(
            f"the curve has no metric {metric!r}; it has {', '.join(map(repr, known)) or 'none'}. "
            f"Ask for one of these, or measure again with metrics=({metric!r}, ...)"
        )
    return metric


def _axes(ax: Axes | None) -> Axes:
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            'plots need matplotlib, which is not installed: pip install "wrmf[plot]"'
        ) from error
    return plt.subplots(layout="constrained")[1] if ax is None else ax


def _finish(ax: Axes, title: str, ylabel: str) -> None:
    from matplotlib.ticker import MaxNLocator

    ax.set_title(title, loc="left")
    ax.set_xlabel("Epochs")
    ax.set_ylabel(ylabel)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.spines[["top", "right"]].set_visible(False)


def _anchor(position: int, count: int) -> str:
    """Side on which a label sits so that it stays inside the plot."""
    if position < count / 4:
        return "left"
    return "right" if position >= count * 3 / 4 else "center"

"""Plots of learning curves and searches, drawn with matplotlib (the extra ``plot``).

Each function returns the axes it drew on, and never shows or closes a figure. It draws any object
that has the members of :class:`Curve` or :class:`Result`. :class:`wrmf.LearningCurve` and
:class:`wrmf.SearchResult` have them, but they import this module for their ``plot`` methods, so it
must not import them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from wrmf.data.choices import shown
from wrmf.search.space import describe

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["fading", "plot_learning_curve", "plot_mse", "plot_traces"]

# Colour of the best curve and of scores on test.
ACCENT = "#00736b"
# Colour of other curves and of scores on train.
INK = "#3d4446"
# A curve made outside a search has all parameters of its model, too many for a title.
MAX_PARAMS_IN_TITLE = 5


class Curve(Protocol):
    """The attributes of a learning curve that the plots use."""

    @property
    def params(self) -> Mapping[str, Any]: ...
    @property
    def epochs(self) -> Sequence[int]: ...
    @property
    def train(self) -> Mapping[str, Sequence[float]]: ...
    @property
    def test(self) -> Mapping[str, Sequence[float]]: ...
    def best_place(self, metric: str) -> int | None: ...


@runtime_checkable
class Result(Protocol):
    """The members of the result of a search that are drawn."""

    @property
    def metric(self) -> str: ...
    @property
    def scored_on(self) -> str: ...
    @property
    def curves(self) -> Sequence[Curve]: ...
    @property
    def best_curve(self) -> Curve: ...
    def ranked_by(self, metric: str) -> Sequence[Curve]: ...


def fading(rank: int) -> float:
    """Return the opacity of the curve at a rank, 0 being the best: ``1 / (0.1 * rank + 1)``."""
    return 1.0 / (0.1 * rank + 1.0)


def plot_learning_curve(curve: Curve, metric: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw the test scores of a learning curve over the epochs, and mark the best epoch.

    Parameters
    ----------
    curve : LearningCurve
        ``result.best_curve`` is the best one of a search.
    metric : str, optional
        By default the first one measured.
    ax : matplotlib.axes.Axes, optional
        By default those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If the metric was not measured.

    Examples
    --------
    >>> import matplotlib, wrmf
    >>> matplotlib.use("Agg")
    >>> test = {"precision@5": [0.02, 0.05, 0.04]}
    >>> curve = wrmf.LearningCurve({"factors": 8}, epochs=[2, 4, 6], train={}, test=test)
    >>> plot_learning_curve(curve).get_ylabel()
    'Test precision@5'
    """
    metric = next(iter(curve.test)) if metric is None else metric
    _check_metric(curve, metric)
    ax = _axes(ax)
    ax.plot(curve.epochs, curve.test[metric], color=ACCENT, linewidth=2, label="test")
    best = curve.best_place(metric)
    if best is not None:
        epoch, score = curve.epochs[best], curve.test[metric][best]
        ax.plot([epoch], [score], "o", color=ACCENT, markersize=7, label="best epoch")
        ax.annotate(
            f"{score:.5f} at epoch {epoch}",
            (epoch, score),
            xytext=(0, 9),
            textcoords="offset points",
            ha=_label_side(best, len(curve.epochs)),
            color=ACCENT,
        )
    ax.margins(y=0.15)
    has_short_title = 0 < len(curve.params) <= MAX_PARAMS_IN_TITLE
    title = describe(curve.params) if has_short_title else "Learning curve"
    _finish(ax, title, f"Test {metric}")
    return ax


def plot_traces(result: Result, metric: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw the test scores of every setting of a search, fading by rank, the best on top.

    Parameters
    ----------
    result : SearchResult
    metric : str, optional
        Metric to draw and to rank by; by default the one by which the search ranks its settings.
    ax : matplotlib.axes.Axes, optional
        By default those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Its lines are in drawing order, so the last one is the best curve.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If the metric was not measured, or there is no curve.

    Examples
    --------
    >>> import matplotlib, wrmf
    >>> matplotlib.use("Agg")
    >>> curves = [wrmf.LearningCurve({"factors": k}, [2, 4], train={}, test={"auc": [0.5, k / 50]})
    ...           for k in (8, 40)]
    >>> ax = plot_traces(wrmf.SearchResult("auc", ("factors",), curves))
    >>> [line.get_alpha() for line in ax.lines][-1]
    1.0
    """
    metric = result.metric if metric is None else metric
    if not result.curves:
        raise ValueError("the search result has no curves; expected at least one setting")
    for curve in result.curves:
        _check_metric(curve, metric)
    curves = result.ranked_by(metric)
    ax = _axes(ax)
    for rank in reversed(range(len(curves))):
        is_best = rank == 0
        ax.plot(
            curves[rank].epochs,
            curves[rank].test[metric],
            color=ACCENT if is_best else INK,
            linewidth=2.4 if is_best else 1.2,
            alpha=fading(rank),
            label=describe(curves[rank].params) if is_best else None,
        )
    _finish(ax, f"All {len(curves)} settings", f"{result.scored_on.capitalize()} {metric}")
    return ax


def plot_mse(curve: Curve | Result, ax: Axes | None = None) -> Axes:
    """Draw the mean squared error on train and on test over the epochs.

    Parameters
    ----------
    curve : LearningCurve or SearchResult
        Of the result of a search, the best curve is drawn.
    ax : matplotlib.axes.Axes, optional
        By default those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If the metric "mse" was not measured.

    Examples
    --------
    >>> import matplotlib, wrmf
    >>> matplotlib.use("Agg")
    >>> curve = wrmf.LearningCurve({}, [2, 4], train={"mse": [0.0133, 0.0130]},
    ...                            test={"mse": [0.0140, 0.0138]})
    >>> [line.get_label() for line in plot_mse(curve).lines]
    ['test', 'train']
    """
    if isinstance(curve, Result):
        curve = curve.best_curve
    _check_metric(curve, "mse")
    ax = _axes(ax)
    ax.plot(curve.epochs, curve.test["mse"], color=ACCENT, linewidth=2, label="test")
    if "mse" in curve.train:
        ax.plot(curve.epochs, curve.train["mse"], color=INK, linewidth=2, ls="--", label="train")
    ax.legend(frameon=False)
    _finish(ax, "Mean squared error", "MSE")
    return ax


def _check_metric(curve: Curve, metric: str) -> None:
    if metric not in curve.test:
        raise ValueError(
            f"the curve has no metric {shown(metric)}; it has "
            f"{', '.join(map(repr, curve.test)) or 'none'}. "
            f"Ask for one of these, or measure again with metrics=({shown(metric)}, ...)"
        )


def _axes(ax: Axes | None) -> Axes:
    """Return ``ax``, or the axes of a new figure."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            'plots need matplotlib, which is not installed: pip install "wrmf[plot]"'
        ) from error
    return plt.subplots(layout="constrained")[1] if ax is None else ax


def _finish(ax: Axes, title: str, ylabel: str) -> None:
    """Set the titles and whole epochs on the x axis, and remove the top and the right line."""
    from matplotlib.ticker import MaxNLocator

    ax.set_title(title, loc="left")
    ax.set_xlabel("Epochs")
    ax.set_ylabel(ylabel)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.spines[["top", "right"]].set_visible(False)


def _label_side(position: int, count: int) -> str:
    """Return the horizontal alignment with which a label stays inside the plot."""
    if position < count / 4:
        return "left"
    return "right" if position >= count * 3 / 4 else "center"

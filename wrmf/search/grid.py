"""Search over a grid, and over settings drawn at random."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wrmf.data.checks import as_positive_int
from wrmf.data.splitting import Split
from wrmf.model.wrmf import WRMF
from wrmf.search.learning_curve import Log
from wrmf.search.result import SearchResult
from wrmf.search.runner import Search
from wrmf.search.space import all_settings, as_space

__all__ = ["ARTICLE_GRID", "ARTICLE_INIT_SCALE", "grid_search", "random_search"]

# Rosenthal's grid of 2016: 180 settings, each measured after 2, 4, … 38 epochs.
ARTICLE_GRID: dict[str, list[Any]] = {
    "factors": [10, 20, 40, 80, 120],
    "regularization": [0.0, 1e-5, 1e-3, 0.1, 10.0, 100.0],
    "alpha": [1.0, 10.0, 50.0, 100.0, 500.0, 1000.0],
}
# It starts from N(0, 1). Curves depend on the start, so whatever is compared with it says so.
ARTICLE_INIT_SCALE = 1.0


def grid_search(
    model: WRMF,
    split: Split,
    grid: Mapping[str, Sequence[Any]],
    epochs: Iterable[int] = range(2, 40, 2),
    metric: str = "precision@5",
    metrics: Sequence[str] | None = None,
    exclude_seen: bool = True,
    journal: str | os.PathLike[str] | None = None,
    n_jobs: int | str = "auto",
    log: Log = None,
    progress: bool | None = None,
    patience: int | None = None,
    seeds: int | Sequence[int] | None = None,
    validation: float | Split | None = None,
) -> SearchResult:
    """Measure a learning curve for every combination of parameter values.

    Parameters
    ----------
    model : WRMF
        Gives the parameters that are not varied; it is not changed. All settings start from the
        same seed (one is drawn where ``random_state`` is not an int).
    split : Split
    grid : mapping of parameter name to the values to try
    epochs : rising ints, default 2, 4, … 38, the checkpoints
    metric : str, default "precision@5", what settings are ranked by
    metrics : sequence of str, default (metric, "mse"), what is measured
    exclude_seen : bool, default True, as in :func:`wrmf.evaluate`
    journal : path, optional
        Each finished setting is appended to this file. Called again with the same arguments, the
        search goes on after the last one finished and ends with the same result. A journal of
        another search is refused.
    n_jobs : int ≥ 1, or "auto", the default
        Settings at a time; the threads are shared out. "auto" is a setting a thread, which was
        measured to be the faster way (docs/search.md). No result depends on it.
    log : bool or callable(str), optional
        True prints each setting's table as it grows (with n_jobs > 1: when it is finished).
    progress : bool, optional
        Whether to show a bar with the time left; by default where standard error is a terminal.
    patience : int ≥ 1, optional
        A curve ends after this many checkpoints in a row without a better ``metric``.
    seeds : int or list of int, optional
        How many seeds each setting is trained with (the model's, the next one …), or which.
        Scores are their means, with standard errors.
    validation : float or Split, optional
        Choose settings without a look at the test split: on this share of ``split.train``'s
        interactions (with ``split.fold_in``: of its users), drawn with the seed, or on a split of
        ``split.train`` made by you. The best setting is then trained on all of ``split.train``
        and scored once on the test split, ``result.test``. By default settings are ranked on the
        test split itself, as the article does: their best score then flatters.

    Examples
    --------
    >>> import wrmf
    >>> data = wrmf.datasets.synthetic_likes(300, 200, 4000, random_state=0)
    >>> split = wrmf.leave_k_out(data, k=3, random_state=0)
    >>> result = wrmf.grid_search(wrmf.WRMF(random_state=0), split,
    ...                           {"factors": [4, 8]}, epochs=[1, 2])
    >>> len(result.curves)
    2
    """
    space = as_space(model, grid)
    settings = all_settings(space)
    search = Search(
        "grid",
        model,
        split,
        space,
        epochs,
        metric,
        metrics,
        exclude_seen,
        journal,
        n_jobs,
        log,
        progress,
        patience,
        seeds,
        validation,
    )
    with search:
        return search.result(search.run(settings))


def random_search(
    model: WRMF,
    split: Split,
    space: Mapping[str, Any],
    n_trials: int = 20,
    epochs: Iterable[int] = range(2, 40, 2),
    metric: str = "precision@5",
    random_state: int | None = None,
    **options: Any,
) -> SearchResult:
    """Measure a learning curve for settings drawn at random, all different.

    Parameters
    ----------
    model, split, epochs, metric : as in :func:`wrmf.grid_search`
    space : mapping of parameter name to a list of values or a :class:`wrmf.Range`
    n_trials : int ≥ 1, default 20
        With a journal, a larger number later goes on from what was done.
    random_state : int, optional, what settings are drawn with; by default the model's seed
    **options
        metrics, exclude_seen, journal, n_jobs, log, progress, patience, seeds, validation, as in
        :func:`wrmf.grid_search`.

    Examples
    --------
    >>> import wrmf
    >>> data = wrmf.datasets.synthetic_likes(300, 200, 4000, random_state=0)
    >>> split = wrmf.leave_k_out(data, k=3, random_state=0)
    >>> space = {"factors": [4, 8], "alpha": wrmf.Range(1.0, 100.0, log=True)}
    >>> result = wrmf.random_search(wrmf.WRMF(random_state=0), split, space, 3, epochs=[1, 2])
    >>> len(result.curves)
    3
    """
    space = as_space(model, space, "space")
    n_trials = as_positive_int(n_trials, "n_trials")
    with Search(
        "random", model, split, space, epochs, metric, draws=random_state, **options
    ) as search:
        return search.result(search.run(search.draw(n_trials)))

"""Search over a grid, and over settings drawn at random."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wrmf.data.checks import as_positive_int
from wrmf.data.split import Split
from wrmf.model.wrmf import WRMF
from wrmf.search.log import Log
from wrmf.search.options import SearchOptions
from wrmf.search.result import SearchResult
from wrmf.search.runner import Search
from wrmf.search.space import all_settings, as_space

__all__ = ["ROSENTHAL_GRID", "ROSENTHAL_INIT_SCALE", "grid_search", "random_search"]

# The grid of Rosenthal 2016 ("Intro to Implicit Matrix Factorization: Classic ALS with Sketchfab
# Models"): 180 settings, each measured after 2, 4, … 38 epochs.
ROSENTHAL_GRID: dict[str, list[Any]] = {
    "factors": [10, 20, 40, 80, 120],
    "regularization": [0.0, 1e-5, 1e-3, 0.1, 10.0, 100.0],
    "alpha": [1.0, 10.0, 50.0, 100.0, 500.0, 1000.0],
}
# Rosenthal 2016 draws the initial factors from N(0, 1). A comparison must do so, too, because
# curves depend on the initial factors.
ROSENTHAL_INIT_SCALE = 1.0


def grid_search(
    model: WRMF,
    split: Split,
    grid: Mapping[str, Sequence[Any]],
    epochs: Iterable[int] = range(2, 40, 2),
    metric: str | None = None,
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
        Model with the parameters that are not varied; it is not changed. All settings start from
        the same seed (a random one if ``random_state`` is not an int).
    split : Split
    grid : mapping of parameter name to the values to try
    epochs : increasing ints, default 2, 4, … 38
        The checkpoints: numbers of iterations after which to measure.
    metric : str, optional
        Metric by which the settings are ranked; by default the first of ``metrics``, and
        "precision@5" without any.
    metrics : sequence of str, default ("mse",)
        Further metrics to measure, as in :func:`wrmf.evaluate`.
    exclude_seen : bool, default True
        Whether training items are left out of the ranking on test.
    journal : path, optional
        Each finished setting is appended to this file. Called again with the same arguments, the
        search resumes after the last finished setting and ends with the same result. A journal of
        another search is refused.
    n_jobs : int ≥ 1, or "auto", the default
        Number of settings that run at once; they share the threads. "auto" gives each setting one
        thread, which is usually faster (docs/searching.md). No result depends on it.
    log : bool or callable(str), optional
        True prints the table of each setting: row by row, or as a whole if several settings run at
        once. A function is called with the lines instead.
    progress : bool, optional
        Whether to show a bar with the time left; by default if standard error is a terminal.
    patience : int ≥ 1, optional
        End a curve after this many checkpoints in a row without a better ``metric``.
    seeds : int or list of int, optional
        Number of seeds with which each setting is trained, starting at the model's seed, or a list
        of these seeds. Scores are means over the seeds, with standard errors.
    validation : float or Split, optional
        Choose settings on a validation set in place of the test split. A number is the share of
        the interactions in ``split.train`` that are held out for validation, drawn with the model's
        seed; if ``split`` holds out users, it is a share of the users instead. A Split must be one
        of ``split.train``. The best setting is then trained on all of ``split.train`` and scored
        once on the test split, ``result.test``. By default, settings are ranked on the test split
        itself, as in Rosenthal 2016; the best score is then biased upwards.

    Returns
    -------
    SearchResult

    Raises
    ------
    TypeError, ValueError
        For an argument that is not valid, before anything is trained.

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
    options = SearchOptions.validate(
        split,
        epochs,
        metric,
        metrics=metrics,
        exclude_seen=exclude_seen,
        journal=journal,
        n_jobs=n_jobs,
        log=log,
        progress=progress,
        patience=patience,
        seeds=seeds,
        validation=validation,
    )
    with Search("grid", model, split, space, options) as search:
        return search.result(search.run(settings))


def random_search(
    model: WRMF,
    split: Split,
    space: Mapping[str, Any],
    n_trials: int = 20,
    epochs: Iterable[int] = range(2, 40, 2),
    metric: str | None = None,
    random_state: int | None = None,
    **options: Any,
) -> SearchResult:
    """Measure a learning curve for settings drawn at random, all different.

    Parameters
    ----------
    model, split, epochs, metric
        As in :func:`wrmf.grid_search`.
    space : mapping of parameter name to a list of values or a :class:`wrmf.Range`
    n_trials : int ≥ 1, default 20
        Number of settings to draw. A later search for more settings can resume from the journal.
    random_state : int, optional
        Seed with which the settings are drawn; by default the model's.
    **options
        metrics, exclude_seen, journal, n_jobs, log, progress, patience, seeds, validation, as in
        :func:`wrmf.grid_search`.

    Returns
    -------
    SearchResult
        With fewer than ``n_trials`` curves if the space has fewer settings.

    Raises
    ------
    TypeError, ValueError
        For an argument that is not valid, before anything is trained.

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
    asked = SearchOptions.validate(split, epochs, metric, random_state=random_state, **options)
    with Search("random", model, split, space, asked) as search:
        return search.result(search.run(search.draw(n_trials)))

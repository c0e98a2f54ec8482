"""Fits a model to more data than one machine holds, on a Dask cluster."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from wrmf.data.checks import as_positive_int
from wrmf.distributed.engine import Engine
from wrmf.distributed.folder import Folder
from wrmf.distributed.ingest import ingest
from wrmf.distributed.model import ShardedModel
from wrmf.distributed.source import Columns
from wrmf.distributed.state import Progress, resume_run
from wrmf.distributed.statistics import ShardStatistics
from wrmf.distributed.steps import Plan, bounds_of_side
from wrmf.distributed.training import Training
from wrmf.model.defaults import resolve_from
from wrmf.model.limits import check_sizes
from wrmf.model.parameters import Parameters, validate_parameters
from wrmf.model.trainer import VANISHED
from wrmf.model.wrmf import WRMF

__all__ = ["fit"]

logger = logging.getLogger("wrmf.distributed")


def fit(
    source: Any,
    model: WRMF | None = None,
    *,
    client: Any = None,
    user: str = "user",
    item: str = "item",
    value: str | None = None,
    folder: str | os.PathLike[str],
    resume: bool = True,
    shards: int | str = "auto",
    callback: Callable[[ShardedModel, int], Any] | None = None,
    progress: bool | None = None,
) -> ShardedModel:
    """Fit a model on a Dask cluster, and save each iteration.

    The result is bitwise that of :meth:`wrmf.WRMF.fit` on the same axes, for any number of workers
    and threads. If a worker dies, its tasks run on another one. If everything dies, the same call
    goes on after the last complete iteration.

    Parameters
    ----------
    source : path, pattern or folder of parquet files, a sequence of them, or a Dask frame
        With a row for each interaction. Ids are whole numbers or texts. Rows are read by the rules
        of :func:`wrmf.read_interactions`; those that repeat a pair are added up.
    model : WRMF, optional
        Its parameters are used; it is not changed. By default ``WRMF()``.
    client : distributed.Client, optional
        By default the client of this process.
    user, item : str, default "user", "item"
        Columns of the ids.
    value : str, optional
        Column of counts or weights, finite and ≥ 0. By default each row counts 1.
    folder : path
        Where the data in shards, the parameters and the item factors are saved. All workers must
        see it by the same path. One fit at a time may use it.
    resume : bool, default True
        Whether to go on from what the folder has. If not, what an earlier fit left there is removed
        first.
    shards : int ≥ 1, or "auto"
        The number of shards of users. "auto" takes it from the number of rows.
    callback : callable(model, iterations_done), optional
        Called with the :class:`ShardedModel` after each iteration; training stops if it returns
        True.
    progress : bool, optional
        Whether to show a progress bar; by default if standard error is a terminal.

    Returns
    -------
    ShardedModel

    Raises
    ------
    ImportError
        If Dask is missing.
    RuntimeError
        If there is no client or no worker, if workers have other versions of wrmf, NumPy or Dask,
        and if the scheduler is lost.
    TypeError, ValueError
        For parameters that are out of bounds or not distributed yet (``n_models``, ``item_weight``
        and ``solver="cg"``); for data that cannot be read; and if the folder is of another fit.
    OSError
        If the folder cannot be written to.

    Notes
    -----
    Axes are not in the order of :func:`wrmf.read_interactions`: items are by falling number of
    rows, users by shard and, within it, by id. What values count (``weighting``,
    ``value_damping``) and what "auto" becomes follow from sums over shards, which are rounded
    differently from those of a local fit in the last bit.

    The logger ``wrmf.distributed`` has a line for each iteration.

    Examples
    --------
    >>> import wrmf.distributed
    >>> from dask.distributed import Client  # doctest: +SKIP
    >>> client = Client("tcp://scheduler:8786")  # doctest: +SKIP
    >>> model = wrmf.distributed.fit("/data/likes", folder="/data/fit")  # doctest: +SKIP
    >>> model.recommend_partitioned("/data/lists")  # doctest: +SKIP
    """
    model = WRMF() if model is None else model
    _check_supported(model)
    iterations = as_positive_int(model.iterations, "iterations")
    if shards != "auto":
        as_positive_int(shards, "shards")
    engine = Engine(client)
    isa = engine.check_workers()
    kept = Folder.prepare(folder)
    engine.check_folder(kept)
    if not resume:
        kept.clear()
    with engine.recovering("Nothing is lost"):
        manifest = ingest(engine, source, Columns(user, item, value), kept, shards)
        run = resume_run(kept, model.get_params(), model.random_state, "gather")
        statistics = ShardStatistics(engine, kept, manifest)
        automatic = resolve_from(model.get_params(), statistics)
        plan = _plan(model, automatic, statistics, isa)
        training = Training(engine, plan, manifest, run["random"])
    result = ShardedModel(training, model.frozen_params(), automatic)
    if training.iterations_done:
        logger.info("%d iterations are in %s already", training.iterations_done, kept.root)
    with tqdm(
        total=iterations,
        initial=min(training.iterations_done, iterations),
        desc="WRMF",
        unit="sweep",
        disable=None if progress is None else not progress,
    ) as bar:

        def after(reached: Progress) -> Any:
            logger.info(
                "iteration %d: loss %.8g, %.2f s, %.1f MB between workers",
                reached.iteration,
                reached.loss,
                reached.seconds,
                reached.bytes / 1e6,
            )
            bar.update()
            return callback is not None and callback(result, reached.iteration)

        training.run(iterations, after)
    _warn_if_vanished(training, plan.params)
    return result


def _check_supported(model: WRMF) -> None:
    """Raise an error for parameters that are wrong or not distributed yet."""
    if not isinstance(model, WRMF):
        raise TypeError(f"model must be a wrmf.WRMF, got {type(model).__name__}")
    params = model.check_params()
    for is_asked, what, remedy in (
        (params.n_models > 1, f"n_models={params.n_models}", "n_models=1, and more factors"),
        (
            params.item_term.weight > 0,
            f"item_weight={params.item_term.weight:g}",
            "item_weight=0",
        ),
        (params.sweep.solver == "cg", 'solver="cg"', 'solver="exact"'),
    ):
        if is_asked:
            raise ValueError(f"{what} is not distributed yet: pass {remedy}, or use WRMF.fit")


def _plan(model: WRMF, automatic: dict[str, Any], statistics: ShardStatistics, isa: str) -> Plan:
    """Return what all steps share, after the limits of the parameters are checked."""
    params = validate_parameters({**model.get_params(), **automatic})
    shape, ends = statistics.shape, statistics.manifest.count_bounds
    of_users, of_items = (np.array(counts) for counts in ends)
    check_sizes(statistics.largest(params.values), shape, (of_users, of_items), params)
    bounds = (
        bounds_of_side(params, 0, ends[0], shape[1]),
        bounds_of_side(params, 1, ends[1], shape[0]),
    )
    return Plan(statistics.folder, params, shape, bounds, isa, statistics.values(params.values))


def _warn_if_vanished(training: Training, params: Parameters) -> None:
    if max(block.largest for block in training.latest.blocks) <= VANISHED:
        warnings.warn(
            f"every factor is zero: regularization={params.regularization} outweighs this data; "
            "lower it, or raise alpha",
            stacklevel=3,
        )

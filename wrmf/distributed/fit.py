"""Fits a model to more data than one machine holds, on a Dask cluster."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

from wrmf.data.checks import as_positive_int
from wrmf.data.choices import as_callback, as_choice
from wrmf.data.row_filters import RowFilters
from wrmf.distributed.cost import METHODS, Size, choose_method
from wrmf.distributed.folder import Folder
from wrmf.distributed.manifest import Manifest
from wrmf.distributed.model import ShardedModel
from wrmf.distributed.source import Columns
from wrmf.distributed.starting import check_supported, start_training
from wrmf.distributed.state import Progress, known_method
from wrmf.distributed.training import Training
from wrmf.model.parameters import Parameters
from wrmf.model.trainer import VANISHED
from wrmf.model.wrmf import WRMF
from wrmf.progress import load_tqdm

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
    method: str = "auto",
    callback: Callable[[ShardedModel, int], Any] | None = None,
    progress: bool | None = None,
    nulls: str = "error",
    negative: str = "error",
    min_value: float | None = None,
) -> ShardedModel:
    """Fit a model on a Dask cluster, and save each iteration.

    The result is the same to the last bit for any number of workers and threads, and with the
    method "gather" that of :meth:`wrmf.WRMF.fit` on the same axes. If a worker dies, its tasks run
    on another one. If everything dies, the same call goes on after the last complete iteration.

    Parameters
    ----------
    source : path, pattern or folder of parquet files, a sequence of them, or a Dask frame
        With a row for each interaction. Ids are whole numbers or texts. Rows are read by the rules
        of :func:`wrmf.read_interactions`; those that repeat a pair are added up. A column may be a
        key of folders, as in ``day=2026-11-26/part-0.parquet``, or the index of a Dask frame.
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
        see it by the same path. One fit at a time uses it, and others on the same machine are
        refused; it must not be within a folder of the source.
    resume : bool, default True
        Whether to go on from what the folder has. If not, what an earlier fit left there is removed
        first. If the folder has more iterations than the model asks for, the result is that of all
        of them, and a warning says so.
    shards : int ≥ 1, or "auto"
        The number of shards of users. "auto" takes it from the number of rows.
    method : {"auto", "gather", "split"}, default "auto"
        How items are solved. "gather" brings the factors of all users to each worker, and is
        bitwise a local fit. "split" adds up what each shard knows of an item: the heaviest items
        are solved exactly, the others by conjugate gradients, so that the loss stays within about
        a thousandth. "auto" takes "gather" where it fits into the memory of the smallest worker,
        and logs why; a fit that goes on keeps its method.
    callback : callable(model, iterations_done), optional
        Called with the :class:`ShardedModel` after each iteration; training stops if it returns
        True.
    progress : bool, optional
        Whether to show a progress bar; by default if standard error is a terminal.
    nulls : {"error", "drop", "keep"}, default "error"
    negative : {"error", "drop"}, default "error"
    min_value : float, optional
        Which rows are dropped, as in :func:`wrmf.read_interactions`; ``counts`` of the model has
        their numbers.

    Returns
    -------
    ShardedModel

    Raises
    ------
    ImportError
        If Dask is missing.
    ClusterError
        If there is no client or no worker, if workers have other versions of wrmf, NumPy or Dask,
        if the shuffle of the rows fails, and if the scheduler is lost. It is a RuntimeError.
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
    # Dask is imported here, so that the package can be imported without it.
    from wrmf.distributed.engine import Engine
    from wrmf.distributed.ingest import ingest, source_of

    model = WRMF() if model is None else model
    as_callback(callback)
    check_supported(model)
    iterations = as_positive_int(model.iterations, "iterations")
    as_choice(method, "method", METHODS)
    if shards != "auto":
        shards = as_positive_int(shards, "shards")
    columns = Columns(user, item, value, RowFilters(nulls, negative, min_value))
    engine = Engine(client)
    known = source_of(source, columns)
    isa = engine.check_workers()
    kept = Folder.prepare(folder, apart_from=known.paths)
    with kept.claimed():
        engine.check_folder(kept)
        if not resume:
            kept.clear()
        with engine.recovering("Nothing is lost"):
            manifest = ingest(engine, known, columns, kept, shards)
            if method == "auto":
                method = known_method(kept) or _chosen_method(engine, manifest, model)
            training, automatic = start_training(engine, kept, manifest, model, isa, method)
        result = ShardedModel(training, model.frozen_params(), automatic)
        _explain_resumed(training, iterations, kept)
        _run(training, iterations, progress, callback and partial(callback, result))
    _warn_if_vanished(training, training.plan.params)
    return result


def _run(
    training: Training,
    iterations: int,
    progress: bool | None,
    callback: Callable[[int], Any] | None,
) -> None:
    """Train up to a number of iterations in all, with a bar and a line of the log for each."""
    with load_tqdm()(
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
            # The loss of an iteration that an earlier fit has done is no further one.
            bar.update(reached.iteration - bar.n)
            return callback is not None and callback(reached.iteration)

        training.run(iterations, after)


def _explain_resumed(training: Training, iterations: int, folder: Folder) -> None:
    """Say what a folder has already, and warn if it has more than is asked for."""
    done = training.iterations_done
    if done:
        logger.info("%d iterations are in %s already", done, folder.root)
    if done > iterations:
        warnings.warn(
            f"{folder.root} has {done} iterations, iterations={iterations} are asked for: the "
            f"model is that of {done}; for fewer, name another folder or pass resume=False",
            stacklevel=3,
        )


def _chosen_method(engine: Any, manifest: Manifest, model: WRMF) -> str:
    """Return the method for the data and the cluster, which the log explains."""
    params = model.check_params()
    size = Size(
        *manifest.shape,
        manifest.n_entries,
        params.factors,
        params.dtype.itemsize,
        len(engine.workers()),
    )
    method, reason = choose_method(size, engine.least_memory())
    logger.info("method %r: %s", method, reason)
    return method


def _warn_if_vanished(training: Training, params: Parameters) -> None:
    if max(block.largest for block in training.latest.blocks) <= VANISHED:
        warnings.warn(
            f"every factor is zero: regularization={params.regularization} outweighs this data; "
            "lower it, or raise alpha",
            stacklevel=3,
        )

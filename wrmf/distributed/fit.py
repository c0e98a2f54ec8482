"""Fits a model to more data than one machine holds, on a Dask cluster."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from wrmf.data.checks import as_positive_int
from wrmf.distributed.engine import Engine
from wrmf.distributed.folder import Folder
from wrmf.distributed.ingest import ingest
from wrmf.distributed.manifest import Manifest
from wrmf.distributed.model import ShardedModel
from wrmf.distributed.source import Columns
from wrmf.distributed.state import Progress, resume_run
from wrmf.distributed.steps import Plan, bounds_of_side
from wrmf.distributed.training import Training
from wrmf.model.parameters import Parameters, validate_parameters
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
    method: str = "auto",
    callback: Callable[[ShardedModel, int], Any] | None = None,
    progress: bool | None = None,
) -> ShardedModel:
    """Fit."""
    model = WRMF() if model is None else model
    engine = Engine(client)
    isa = engine.check_workers()
    place = Folder.prepare(folder)
    if not resume:
        place.clear()
    columns = Columns(user, item, value)
    manifest = ingest(engine, source, columns, place, shards)
    params = model.get_params()
    automatic: dict[str, Any] = {}
    validated = validate_parameters({**params, **automatic})
    run = resume_run(place, params, model.random_state, "gather")
    plan = _plan(place, validated, manifest, isa)
    training = Training(engine, plan, manifest, run["random"])
    result = ShardedModel(training, params, automatic)

    def after(reached: Progress) -> Any:
        logger.info("iteration %d: loss %.8g, %.1f s, %d bytes", reached.iteration, reached.loss, reached.seconds, reached.bytes)
        return callback is not None and callback(result, reached.iteration)

    training.run(as_positive_int(model.iterations, "iterations"), after)
    return result


def _plan(folder: Folder, params: Parameters, manifest: Manifest, isa: str) -> Plan:
    shape = manifest.shape
    of_users, of_items = (
        bounds_of_side(params, side, manifest.count_bounds[side], shape[1 - side])
        for side in (0, 1)
    )
    return Plan(folder, params, shape, (of_users, of_items), isa, manifest.totals)

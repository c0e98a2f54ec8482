"""From the shards and a model's parameters to a training that can run."""

from __future__ import annotations

from typing import Any

import numpy as np

from wrmf.distributed.folder import Folder
from wrmf.distributed.manifest import Manifest
from wrmf.distributed.state import isa_of_run, resume_run
from wrmf.distributed.statistics import ShardStatistics
from wrmf.distributed.steps import Plan, bounds_of_side
from wrmf.distributed.tasks import Tasks
from wrmf.distributed.training import Training
from wrmf.model.defaults import resolve_from
from wrmf.model.limits import check_sizes
from wrmf.model.parameters import validate_parameters
from wrmf.model.wrmf import WRMF

__all__ = ["check_supported", "start_training"]


# The share of the memory of the smallest worker that may be kept for results to come, and how much
# that is where memory is not limited.
SPARE_SHARE, SPARE_UNLIMITED = 0.1, 2**30


def start_training(
    tasks: Tasks, folder: Folder, manifest: Manifest, model: WRMF, isa: str, method: str
) -> tuple[Training, dict[str, Any]]:
    """Return a training that goes on from what the folder has, and what "auto" became.

    Raises
    ------
    ValueError
        If the folder has a fit with other parameters, or weights or λ are beyond the dtype.
    """
    run = resume_run(folder, model.get_params(), model.random_state, method, isa)
    isa = isa_of_run(run, isa)
    tasks.require_isa(isa)
    statistics = ShardStatistics(tasks, folder, manifest)
    automatic = resolve_from(model.get_params(), statistics)
    plan = _plan(model, automatic, statistics, isa)
    return Training(tasks, plan, manifest, run["random"], method), automatic


def check_supported(model: WRMF) -> None:
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
    values, memory = statistics.values(params.values), statistics.engine.least_memory()
    spare = SPARE_UNLIMITED if memory is None else int(SPARE_SHARE * memory)
    return Plan(statistics.folder, params, shape, bounds, isa, values, spare)

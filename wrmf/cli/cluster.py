"""Fits on a Dask cluster, for ``wrmf fit --scheduler``."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from typing import Any

from wrmf.cli.reading import reading_arguments
from wrmf.model.wrmf import WRMF

__all__ = ["add_cluster_options", "check_local", "fit_on_cluster"]

# What can be said of the data of a cluster.
OFFERED = ("user", "item", "value", "nulls", "negative", "min_value")


def add_cluster_options(command: argparse.ArgumentParser) -> None:
    """Add the scheduler and what a fit on a cluster needs."""
    add = command.add_argument_group("on a Dask cluster").add_argument
    add(
        "--scheduler",
        metavar="ADDRESS",
        help="fit parquet files on the workers of this scheduler, as in tcp://10.0.0.1:8786",
    )
    add(
        "--folder",
        type=Path,
        metavar="FOLDER",
        help="folder that all workers share, where the fit is saved; the same command goes on "
        "from what it has",
    )
    add("--shards", type=int, metavar="N", help="number of shards of users (default: by rows)")
    add(
        "--method",
        choices=("auto", "gather", "split"),
        help="how items are solved (default: by the memory of the workers)",
    )
    add(
        "--no-resume",
        dest="resume",
        action="store_false",
        default=None,
        help="begin again; what an earlier fit has left in --folder is removed",
    )


def check_local(options: argparse.Namespace) -> None:
    """Raise a ValueError for options that have a meaning only on a cluster."""
    for name in ("folder", "shards", "method", "resume"):
        if getattr(options, name) is not None:
            option = "no-resume" if name == "resume" else name
            raise ValueError(f"--{option} has a meaning only with --scheduler")


def fit_on_cluster(options: argparse.Namespace, model: WRMF) -> Any:
    """Return the sharded model of the files that the options name."""
    if options.folder is None:
        raise ValueError("--scheduler needs --folder, a folder that all workers share")
    for side in ("user", "item"):
        if getattr(options, f"{side}_features") is not None:
            raise ValueError(f"--{side}-features does not apply with --scheduler")
    arguments = reading_arguments(options)
    others = [name for name in arguments if name not in OFFERED]
    if others or options.names is not None or options.core:
        option = f"--{others[0].replace('_', '-')}" if others else "--names or --core"
        raise ValueError(
            f"{option} does not apply with --scheduler, which reads parquet files: prepare them "
            "before"
        )
    import wrmf.distributed

    try:
        from distributed import Client
    except ImportError as error:
        raise ImportError(
            f'--scheduler needs Dask ({error}): pip install "wrmf[distributed]"'
        ) from None

    logger = logging.getLogger("wrmf.distributed")
    handler = logging.StreamHandler(sys.stderr)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    # Dask logs a traceback where the scheduler is lost, which the error says in one line.
    of_dask = logging.getLogger("distributed.client")
    usual = of_dask.level
    of_dask.setLevel(logging.CRITICAL)
    try:
        with _connected(Client, options.scheduler) as client:
            source = options.data[0] if len(options.data) == 1 else options.data
            sharded = wrmf.distributed.fit(
                source,
                model,
                client=client,
                folder=options.folder,
                resume=options.resume is not False,
                shards="auto" if options.shards is None else options.shards,
                method=options.method or "auto",
                progress=False,
                **arguments,
            )
            return sharded.to_local() if options.out is not None else sharded
    except wrmf.distributed.ClusterError as error:
        # Of the errors that are reported in one line, it is none: others of its kind are bugs.
        raise OSError(str(error)) from error
    finally:
        logger.removeHandler(handler)
        of_dask.setLevel(usual)


def _connected(connect: Any, address: str) -> Any:
    """Return a client of the scheduler at an address."""
    try:
        return connect(address)
    except (OSError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise OSError(
            f"no Dask scheduler answers at --scheduler {address} ({reason}): start one by dask "
            "scheduler, and pass its address, as in tcp://10.0.0.1:8786"
        ) from error

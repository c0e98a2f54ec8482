"""``wrmf serve``: answer requests for recommendations over HTTP."""

from __future__ import annotations

import argparse

from wrmf.cli.recommend import add_model_argument
from wrmf.cli.streams import STREAM
from wrmf.service.server import ServerOptions, serve

__all__ = ["add_options", "run"]


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the model, the address and the number of processes."""
    defaults = ServerOptions()
    add_model_argument(command)
    add = command.add_argument
    add("--host", default=defaults.host, metavar="ADDRESS", help="address to listen at")
    add("--port", type=int, default=defaults.port, metavar="N", help="port; 0 takes a free one")
    add(
        "--workers",
        type=int,
        default=defaults.workers,
        metavar="N",
        help="number of processes, which share one copy of the model; 0 for one on each CPU",
    )


def run(options: argparse.Namespace) -> None:
    """Serve the model until Ctrl-C."""
    if options.model == STREAM:
        raise ValueError("a service maps its model, which must be a file: name it")
    serve(options.model, ServerOptions(options.host, options.port, options.workers))

"""Options that most verbs have: the seed and the threads."""

from __future__ import annotations

import argparse

__all__ = ["add_seed_option", "add_thread_option"]


def add_thread_option(command: argparse.ArgumentParser) -> None:
    """Add the number of threads."""
    command.add_argument(
        "--threads",
        type=_parse_threads,
        default=0,
        metavar="N",
        help="number of threads, 0 for one on each CPU; it changes no result",
    )


def _parse_threads(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a whole number ≥ 0, got {text!r}")
    return int(text)


def add_seed_option(command: argparse.ArgumentParser) -> None:
    """Add the seed."""
    command.add_argument(
        "--seed", type=int, default=0, metavar="N", help="seed of every random choice"
    )

"""Answer requests for recommendations over HTTP from a saved model: ``gunicorn service:app``.

The model file is the one that the environment variable ``WRMF_MODEL`` names. It is mapped and
prepared when this module is imported. gunicorn imports it before it forks (``preload_app``), so all
workers share one copy. The requests are those of ``wrmf.service``, and a service of your own can
begin with a copy of that module.
"""

import os
from pathlib import Path

from fastapi import FastAPI

import wrmf
from wrmf.service.app import create_app


def load_model() -> wrmf.WRMF:
    """Return the model of the file that the environment names, mapped."""
    path = os.environ.get("WRMF_MODEL", "model.wrmf")
    if not Path(path).exists():
        raise SystemExit(
            f"no model file {path}: set WRMF_MODEL, or make one with python make_model.py"
        )
    return wrmf.load(path, mmap=True)


def __getattr__(name: str) -> FastAPI:
    # A module-level name for servers ("service:app"), which tests can import without a model.
    if name == "app":
        globals()["app"] = create_app(load_model())
        return globals()["app"]
    raise AttributeError(name)

"""Puts ``wrmf.compat.implicit`` in the place of implicit, for programs that import the latter."""

import sys
import types
from unittest import mock

from wrmf.compat import implicit as compat
from wrmf.compat.implicit.confidences import ParameterWarning

__all__ = ["as_implicit"]


def as_implicit():
    """Return a context manager within which ``import implicit`` gives the compatible package."""
    implicit = types.ModuleType("implicit")
    implicit.__path__ = []
    gpu = types.ModuleType("implicit.gpu")
    gpu.HAS_CUDA = False
    utils = types.ModuleType("implicit.utils")
    utils.ParameterWarning = ParameterWarning
    neighbours = types.ModuleType("implicit.nearest_neighbours")
    vars(neighbours).update(vars(compat.nearest_neighbours))
    # The tests ask whether a model is an instance of it.
    neighbours.ItemItemRecommender = type("ItemItemRecommender", (), {})
    modules = {
        "als": compat.als,
        "cpu": compat.cpu,
        "cpu.als": compat.cpu.als,
        "evaluation": compat.evaluation,
        "gpu": gpu,
        "nearest_neighbours": neighbours,
        "utils": utils,
    }
    for name, module in modules.items():
        if "." not in name:
            setattr(implicit, name, module)
    named = {f"implicit.{name}": module for name, module in modules.items()}
    return mock.patch.dict(sys.modules, {"implicit": implicit, **named})

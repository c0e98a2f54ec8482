"""Weighted regularised matrix factorisation for implicit feedback."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

# First, since it loads the compiled modules.
import wrmf.numerics.waiting  # noqa: F401
from wrmf.versions import __version__, show_versions

if TYPE_CHECKING:
    from wrmf import compat, datasets, distributed
    from wrmf.baselines.neighbours import ItemKNN
    from wrmf.baselines.popularity import Popularity
    from wrmf.compat.conversion import from_implicit
    from wrmf.data.folds import k_folds
    from wrmf.data.interactions import Interactions
    from wrmf.data.reading import read_interactions
    from wrmf.data.split import Split
    from wrmf.data.splitting import leave_k_out, split_interactions, split_users
    from wrmf.data.time_splits import split_by_time, split_last
    from wrmf.evaluation.evaluate import Evaluation, evaluate
    from wrmf.evaluation.list_metrics import Metric
    from wrmf.model.loading import load
    from wrmf.model.recommendations import Recommendations
    from wrmf.model.update import UpdateReport
    from wrmf.model.wrmf import WRMF
    from wrmf.report.page import write_report
    from wrmf.search.autotune import autotune
    from wrmf.search.autotuned import Autotuned
    from wrmf.search.grid import grid_search, random_search
    from wrmf.search.halving import halving_search
    from wrmf.search.learning_curve import LearningCurve, learning_curve
    from wrmf.search.result import SearchResult
    from wrmf.search.space import Range
    from wrmf.search.tune import tune

__all__ = [
    "WRMF",
    "Autotuned",
    "Evaluation",
    "Interactions",
    "ItemKNN",
    "LearningCurve",
    "Metric",
    "Popularity",
    "Range",
    "Recommendations",
    "SearchResult",
    "Split",
    "UpdateReport",
    "__version__",
    "autotune",
    "compat",
    "datasets",
    "distributed",
    "evaluate",
    "from_implicit",
    "grid_search",
    "halving_search",
    "k_folds",
    "learning_curve",
    "leave_k_out",
    "load",
    "random_search",
    "read_interactions",
    "show_versions",
    "split_by_time",
    "split_interactions",
    "split_last",
    "split_users",
    "tune",
    "write_report",
]

# Imported when they are first used, so that a program loads only what it needs.
LAZY_MODULES = {
    "Autotuned": "wrmf.search.autotuned",
    "Evaluation": "wrmf.evaluation.evaluate",
    "Interactions": "wrmf.data.interactions",
    "ItemKNN": "wrmf.baselines.neighbours",
    "LearningCurve": "wrmf.search.learning_curve",
    "Metric": "wrmf.evaluation.list_metrics",
    "Popularity": "wrmf.baselines.popularity",
    "Range": "wrmf.search.space",
    "Recommendations": "wrmf.model.recommendations",
    "SearchResult": "wrmf.search.result",
    "Split": "wrmf.data.split",
    "UpdateReport": "wrmf.model.update",
    "WRMF": "wrmf.model.wrmf",
    "autotune": "wrmf.search.autotune",
    "compat": "wrmf.compat",
    "datasets": "wrmf.datasets",
    "evaluate": "wrmf.evaluation.evaluate",
    "distributed": "wrmf.distributed",
    "from_implicit": "wrmf.compat.conversion",
    "grid_search": "wrmf.search.grid",
    "halving_search": "wrmf.search.halving",
    "k_folds": "wrmf.data.folds",
    "learning_curve": "wrmf.search.learning_curve",
    "leave_k_out": "wrmf.data.splitting",
    "load": "wrmf.model.loading",
    "pictures": "wrmf.pictures",
    "random_search": "wrmf.search.grid",
    "read_interactions": "wrmf.data.reading",
    "split_by_time": "wrmf.data.time_splits",
    "split_interactions": "wrmf.data.splitting",
    "split_last": "wrmf.data.time_splits",
    "split_users": "wrmf.data.splitting",
    "tune": "wrmf.search.tune",
    "write_report": "wrmf.report.page",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    if name not in LAZY_MODULES:
        raise AttributeError(f"module 'wrmf' has no attribute {name!r}")
    module = import_module(LAZY_MODULES[name])
    value = module if module.__name__ == f"wrmf.{name}" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

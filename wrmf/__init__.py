"""Weighted regularised matrix factorisation for implicit feedback."""

from wrmf import datasets
from wrmf.data.interactions import Interactions
from wrmf.data.reading import read_interactions
from wrmf.data.split import Split
from wrmf.data.splitting import leave_k_out, split_by_time, split_interactions, split_users
from wrmf.evaluation.evaluate import Evaluation, evaluate
from wrmf.model.recommendations import Recommendations
from wrmf.model.wrmf import WRMF, load
from wrmf.report.page import write_report
from wrmf.search.grid import grid_search, random_search
from wrmf.search.halving import halving_search
from wrmf.search.learning_curve import LearningCurve, learning_curve
from wrmf.search.result import SearchResult
from wrmf.search.space import Range
from wrmf.search.tune import tune
from wrmf.versions import __version__, show_versions

__all__ = [
    "WRMF",
    "Evaluation",
    "Interactions",
    "LearningCurve",
    "Range",
    "Recommendations",
    "SearchResult",
    "Split",
    "__version__",
    "datasets",
    "evaluate",
    "grid_search",
    "halving_search",
    "learning_curve",
    "leave_k_out",
    "load",
    "random_search",
    "read_interactions",
    "show_versions",
    "split_by_time",
    "split_interactions",
    "split_users",
    "tune",
    "write_report",
]

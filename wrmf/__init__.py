"""Weighted regularised matrix factorisation for implicit feedback."""

from wrmf import datasets
from wrmf.halving import halving_search
from wrmf.interactions import Interactions
from wrmf.metrics import Evaluation, evaluate
from wrmf.model import WRMF
from wrmf.persistence import load
from wrmf.reading import read_interactions
from wrmf.recommendations import Recommendations
from wrmf.report import write_report
from wrmf.search import grid_search, random_search
from wrmf.search_result import SearchResult
from wrmf.selection import LearningCurve, learning_curve
from wrmf.space import Range
from wrmf.split import Split, leave_k_out, split_by_time, split_interactions, split_users
from wrmf.tuning import tune
from wrmf.versions import show_versions

__version__ = "0.1.0"

__all__ = [
    "WRMF",
    "Evaluation",
    "Interactions",
    "LearningCurve",
    "Range",
    "Recommendations",
    "SearchResult",
    "Split",
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

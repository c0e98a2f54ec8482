"""Simple recommenders, to compare a model with."""

from wrmf.baselines.neighbours import ItemKNN
from wrmf.baselines.popularity import Popularity

__all__ = ["ItemKNN", "Popularity"]

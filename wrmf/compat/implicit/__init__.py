"""The interface of the library implicit 0.7, over the solvers and the ranking of this library.

Programs that use implicit's alternating least squares change only their import. What differs, and
why, is in docs/moving_over.md.
"""

from wrmf.compat.implicit import als, cpu, evaluation, nearest_neighbours
from wrmf.compat.implicit.als import AlternatingLeastSquares

__all__ = ["AlternatingLeastSquares", "als", "cpu", "evaluation", "nearest_neighbours"]

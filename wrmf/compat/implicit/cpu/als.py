"""``AlternatingLeastSquares`` and its loss, where implicit's programs import them from."""

from wrmf.compat.implicit.als import AlternatingLeastSquares, calculate_loss

__all__ = ["AlternatingLeastSquares", "calculate_loss"]

"""Ranking quality of tuned models, beside other libraries and published tables."""

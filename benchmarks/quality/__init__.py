"""Ranking quality of tuned models, compared with other libraries and with published tables."""

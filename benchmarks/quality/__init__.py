"""Ranking quality of tuned models beside other libraries."""

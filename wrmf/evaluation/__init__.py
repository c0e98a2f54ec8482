"""Metrics and their evaluation on a split."""

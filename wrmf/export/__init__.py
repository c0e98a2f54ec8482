"""Writes item vectors for other programs: indexes of approximate search, or plain arrays."""

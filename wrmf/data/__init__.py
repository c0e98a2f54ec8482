"""Interactions: validating, reading from files and frames, splitting."""

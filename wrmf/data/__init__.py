"""Interactions: checks, reading, splitting."""

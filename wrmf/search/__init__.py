"""Learning curves and searches over parameters."""

"""Computation on arrays: the objective, half-sweeps, ranking, and the number of threads."""

"""The mathematics over arrays: objective, half-sweeps, ranking, threads."""

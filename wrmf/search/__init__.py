"""Learning curves, and searches that compare learning curves to find a model's parameters."""

"""Learning curves, and searches for the parameters of a model that compare them."""

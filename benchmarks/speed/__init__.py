"""Speed of training and ranking compared with other libraries: ``python -m benchmarks.speed``."""

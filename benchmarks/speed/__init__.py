"""Speed of training and ranking beside other libraries: ``python -m benchmarks.speed``."""

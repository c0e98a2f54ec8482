"""Guards against regressions: kernels, preparation, bitwise results."""

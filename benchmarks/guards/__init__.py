"""Guards against regressions: of speed, between versions, and of results."""

"""Guards against regressions: slower code, and results that differ from earlier ones."""

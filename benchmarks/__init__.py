"""Benchmarks that compare wrmf with other libraries; ``README.md`` here lists the commands."""

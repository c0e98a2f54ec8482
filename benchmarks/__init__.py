"""Measurements of wrmf beside other libraries; ``README.md`` in this folder lists the commands."""

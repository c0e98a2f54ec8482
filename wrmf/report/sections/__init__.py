"""The sections of the report, one a module: each takes the report's data and returns HTML."""

"""The sections of the report, one per module. Each maps the report's data to HTML."""

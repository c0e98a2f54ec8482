"""One HTML page about a search and a model."""

"""Serves a fitted model over HTTP; needs the extra ``serve``."""

"""The command line: a module for each verb, and a table of verbs in ``main``."""

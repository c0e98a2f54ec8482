"""The exception for libraries and data sets that are not available on this machine."""


class Missing(Exception):
    """A library or a data set is not available on this machine; the message is the reason.

    Studies catch it, report the reason and continue with the rest.
    """

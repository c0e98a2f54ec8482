"""Quote the error of another library within one of ours."""

__all__ = ["reason_of"]

# Longer texts quote pieces of the file.
LONGEST = 200


def reason_of(error: BaseException) -> str:
    """Return the first line of an exception's text, cut to a length that fits into a message."""
    return str(error).strip().partition("\n")[0][:LONGEST]

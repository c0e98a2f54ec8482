"""Quote the error of another library within one of ours."""

__all__ = ["reason_of"]

# Longer texts quote pieces of the file.
LONGEST = 200


def reason_of(error: BaseException) -> str:
    """Return an exception's text in one line, cut to a length that fits into a message.

    Of several lines the first is taken, unless it is a piece of a quoted mark.

    Examples
    --------
    >>> reason_of(OSError("no end\\nmore"))
    'no end'
    """
    text = str(error).strip()
    line = text.partition("\n")[0]
    if " " not in line:
        line = text.replace("\n", r"\n")
    return line[:LONGEST]

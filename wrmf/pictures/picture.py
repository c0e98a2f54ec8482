"""One picture, and the image types that are recognised."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

__all__ = ["MAX_BYTES", "UNKNOWN_TYPE", "Picture", "image_type"]

# Default limit of one picture; larger files are refused.
MAX_BYTES = 5_000_000

# Error message for data of an unrecognised image type.
UNKNOWN_TYPE = "the file is not a jpg, png, webp, gif or svg image"

# First bytes of image files, and the types that these indicate.
SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
# Start and end of each kind of markup that may precede the root element of an SVG file.
XML_PREAMBLES = ((b"<?xml", b"?>"), (b"<!--", b"-->"), (b"<!DOCTYPE svg", b">"))
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Picture:
    """One picture.

    Attributes
    ----------
    mime : str
        Its type, such as ``"image/png"``.
    data : bytes
        Content of the image file.

    Examples
    --------
    >>> Picture("image/gif", b"GIF89a").data_uri()
    'data:image/gif;base64,R0lGODlh'
    """

    mime: str
    data: bytes

    def data_uri(self) -> str:
        """Return the picture as a ``data:`` address, for embedding in an HTML page."""
        return f"data:{self.mime};base64,{base64.b64encode(self.data).decode('ascii')}"


def image_type(data: bytes) -> str | None:
    """Return the image type that the first bytes of a file show, None for any other content.

    Examples
    --------
    >>> image_type(b"GIF89a...")
    'image/gif'
    >>> image_type(b"<!doctype html>") is None
    True
    """
    for signature, mime in SIGNATURES.items():
        if data.startswith(signature):
            return mime
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    return "image/svg+xml" if is_svg(data[:4096]) else None


def is_svg(head: bytes) -> bool:
    """Return whether ``<svg>`` is the first element, after XML declarations, comments or doctypes.

    Each of these is removed up to its first end. A single regular expression for all of them could
    take very long on files with many starts and ends, because it would try all combinations.
    """
    head = head.removeprefix(BYTE_ORDER_MARK).lstrip()
    while True:
        end = next((end for start, end in XML_PREAMBLES if head.startswith(start)), None)
        if end is None:
            return re.match(rb"<svg[\s>/]", head) is not None
        head = head.partition(end)[2].lstrip()

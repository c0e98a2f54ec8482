"""Damage of files: flipped bits, bytes put in or left out, and cut-off ends."""

from __future__ import annotations

import numpy as np

__all__ = ["damaged"]

# Texts that mean something to a parser of tables, of JSON or of numbers.
TOKENS = [
    *(b"\0", b"\n", b"\r", b"\t", b",", b";", b'"', b"'", b"{", b"}", b"[", b"]", b":", b"#"),
    *(b"nan", b"inf", b"-1", b"1e999", b"1e-999", b"null", b"true", b"{}", b"[]", b'""', b"\xff"),
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"\x1f\x8b", b"PK\x03\x04", b"9" * 30, b"[" * 3000),
    *("é".encode(), b"\\u0000", b"\\ud800", b"=1+1", b"<script>", b"../../x", b"user", b"item"),
]


def damaged(content: bytes, generator: np.random.Generator) -> bytes:
    """Return content with one to four places changed."""
    out = bytearray(content)
    for _ in range(generator.integers(1, 5)):
        place = int(generator.integers(len(out) + 1))
        length = int(generator.integers(1, 20))
        match generator.integers(8):
            case 0:
                del out[place : place + length]
            case 1:
                out[place:place] = generator.bytes(length)
            case 2:
                del out[place:]
            case 3:
                out[place:place] = TOKENS[generator.integers(len(TOKENS))]
            case 4:
                out[place : place + length] = TOKENS[generator.integers(len(TOKENS))]
            case 5:
                out[place:place] = out[place : place + 10 * length]
            case _ if place < len(out):
                out[place] ^= 1 << int(generator.integers(8))
    return bytes(out)

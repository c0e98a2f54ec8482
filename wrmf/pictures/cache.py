"""A folder in which downloaded pictures are cached."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from wrmf.files import write_atomically
from wrmf.pictures.picture import image_type
from wrmf.pictures.source import LOGGER

__all__ = ["PictureCache"]


class PictureCache:
    """A cache of pictures by key, with one file per key. An empty file stands for no picture.

    Parameters
    ----------
    folder : str or path
        Created when the first picture is stored.

    Examples
    --------
    >>> import tempfile
    >>> cache = PictureCache(tempfile.mkdtemp())
    >>> cache.store("42", b"GIF89a")
    >>> cache.load("42")
    b'GIF89a'
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    def load(self, key: str) -> bytes | None:
        """Return the content stored for a key, None where there is none or it is damaged."""
        try:
            data = self._path(key).read_bytes()
        except OSError:
            return None
        return data if data == b"" or image_type(data) else None

    def store(self, key: str, data: bytes) -> None:
        """Store a picture, or ``b""`` for none; log a warning where it cannot be written."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self._path(key), data)
        except OSError as error:
            LOGGER.warning("cannot store a picture in %s: %s", self.folder, error)

    def _path(self, key: str) -> Path:
        # Keys contain addresses and ids, which may not be valid file names.
        return self.folder / hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()

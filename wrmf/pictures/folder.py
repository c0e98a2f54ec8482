"""Pictures in a folder."""

from __future__ import annotations

import os
import urllib.parse
from pathlib import Path
from typing import Any

from wrmf.pictures.picture import MAX_BYTES, UNKNOWN_TYPE, Picture, image_type
from wrmf.pictures.source import CountingSource, NoPicture

__all__ = ["FolderPictures"]

# Extensions of picture files. If an item has several files, the extension that comes first is used.
EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".svg", ".gif")


class FolderPictures(CountingSource):
    """Pictures in a folder, each file named by an item's id: ``5dceb.jpg``, ``42.png``.

    The extensions are jpg, jpeg, png, webp, svg and gif. The folder is listed once, and ids are
    only compared with the names in that list, so no id can reach a file elsewhere. An id with
    characters that no file name can contain, such as a slash, is percent-encoded in the name:
    ``a%2Fb.png``.

    Parameters
    ----------
    folder : str or path
        The folder; its subfolders are not searched.
    max_bytes : int, default 5,000,000
        Larger files are not used.

    Attributes
    ----------
    failures : Counter
        Number of files that could not be used, by reason.

    Raises
    ------
    NotADirectoryError
        If there is no such folder.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "42.gif").write_bytes(b"GIF89a")
    >>> FolderPictures(folder)(42).mime
    'image/gif'
    >>> FolderPictures(folder)("../42") is None
    True
    """

    def __init__(self, folder: str | os.PathLike[str], max_bytes: int = MAX_BYTES) -> None:
        super().__init__()
        self.folder = Path(folder)
        self.max_bytes = max_bytes
        if not self.folder.is_dir():
            raise NotADirectoryError(
                f"there is no folder {str(folder)!r}; expected a folder of pictures "
                "named by item id, such as 42.jpg"
            )
        self._files = picture_files(self.folder)

    def _load(self, item_id: Any) -> Picture | None:
        name = str(item_id)
        encoded_name = urllib.parse.quote(name, safe=" ", errors="replace")
        path = self._files.get(name) or self._files.get(encoded_name)
        if path is None:
            return None
        try:
            if path.stat().st_size > self.max_bytes:
                raise NoPicture(f"larger than {self.max_bytes:,} bytes", lasting=True)
            data = path.read_bytes()
        except OSError as error:
            reason = f"the file cannot be read ({type(error).__name__})"
            raise NoPicture(reason, lasting=False) from None
        mime = image_type(data)
        if mime is None:
            raise NoPicture(UNKNOWN_TYPE, lasting=True)
        return Picture(mime, data)


def picture_files(folder: Path) -> dict[str, Path]:
    """Return the picture files of a folder by their names without extension."""
    paths = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in EXTENSIONS and path.is_file()
    ]
    paths.sort(key=lambda path: EXTENSIONS.index(path.suffix.lower()))
    # Reversed, so that the first of several files with the same name replaces the others.
    return {path.stem: path for path in reversed(paths)}

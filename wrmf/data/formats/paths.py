"""Find the files that a path, a folder or a pattern stands for."""

from __future__ import annotations

import difflib
import glob
import itertools
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["expand_path", "is_remote", "scheme_of"]

# Files that are found in the folders of Delta, Hudi and Iceberg tables, and the end of the error
# message. Such folders may hold outdated data files, so they are not read as plain folders.
TABLE_LOGS = {
    "_delta_log": "a Delta table: pass deltalake.DeltaTable(…).to_pyarrow_table()",
    ".hoodie": "a Hudi table: pass a frame of its latest snapshot",
    "metadata/version-hint.text": "an Iceberg table: pass pyiceberg's table.scan().to_arrow()",
}
PATTERN = frozenset("*?[")
# Of a folder with more files, the first are compared with a name that is misspelt.
MOST_NAMES = 10_000


def scheme_of(text: str) -> str | None:
    """Return the scheme of a URL such as ``postgresql://…`` in lower case; None for a path."""
    scheme, colon, _ = text.partition("://")
    # A scheme of one letter is a drive of Windows.
    return scheme.lower() if colon and len(scheme) > 1 and "/" not in scheme else None


def is_remote(text: str) -> bool:
    """Return whether a text is an address of a file on another machine."""
    return scheme_of(text) in (
        "http",
        "https",
        "ftp",
        "s3",
        "s3a",
        "gs",
        "gcs",
        "az",
        "abfs",
        "hdfs",
    )


def expand_path(source: str | Path) -> list[Path]:
    """Return the files of a path: the file itself, all files below a folder, or all matches.

    Files and folders whose names begin with a dot or an underscore, such as ``_SUCCESS``, are left
    out, unless they are named, and so are links to files that are among the others. Files are in
    the order of their names.

    Parameters
    ----------
    source : str or Path
        A leading ``~`` is the home folder, and a leading ``file://`` is removed. ``*``, ``?``,
        ``[…]`` and ``**`` form a pattern, unless a file has exactly this name.

    Raises
    ------
    FileNotFoundError
        If there is no such file, or none in the folder.
    ValueError
        For a device, and the folder of a Delta, Hudi or Iceberg table.
    """
    text = str(source)
    if scheme_of(text) == "file":
        text = unquote(urlsplit(text).path)
    if not text:
        raise ValueError("source is an empty text: name a file")
    try:
        path = Path(text).expanduser()
    except RuntimeError as error:
        raise FileNotFoundError(f"{text} names no home folder: {error}") from None
    if path.is_dir():
        return _files_below(path)
    if path.is_char_device() or path.is_block_device():
        # Some, such as /dev/zero, have no end.
        raise ValueError(f"{path} is a device, not a file: name a file, or - for standard input")
    # exists() and not is_file(), which is False for pipes.
    if path.exists():
        return [path]
    if path.is_symlink():
        raise FileNotFoundError(f"no such file: {path} is a link that leads to none")
    if not PATTERN & set(text):
        # A text with line breaks is probably the content of a file.
        shown = str(path) if text.isprintable() else ascii(text[:80])
        raise FileNotFoundError(f"no such file: {shown}{_near(path)}")
    plain = [part for part in path.parts if not PATTERN & set(part)]
    matches = [
        match
        for match in map(Path, sorted(glob.glob(str(path), recursive=True)))  # noqa: PTH207
        if not _is_left_out([part for part in match.parts if part not in plain])
    ]
    if not matches:
        raise FileNotFoundError(f"no file matches {path}")
    files = [match for match in matches if match.is_file()]
    for folder in (match for match in matches if match.is_dir()):
        # A pattern with ** matches a folder as well as the files in it, which are not added twice.
        if not any(folder in file.parents for file in files):
            files += _files_below(folder)
    return _distinct(sorted(set(files)))


def _near(path: Path) -> str:
    """Return a question about a file of the same folder that is called alike, if there is one."""
    try:
        names = [entry.name for entry in itertools.islice(path.parent.iterdir(), MOST_NAMES)]
    except OSError:
        return ""
    alike = difflib.get_close_matches(path.name, names, n=1, cutoff=0.75)
    return f"; did you mean {path.with_name(alike[0])}?" if alike else ""


def _distinct(files: Sequence[Path]) -> list[Path]:
    """Return the files without links to other files among them, whose rows would count twice."""
    by_target: dict[Path, Path] = {}
    # A file comes before its links.
    for file in sorted(files, key=lambda file: (file.is_symlink(), len(file.parts))):
        by_target.setdefault(file.resolve(), file)
    return sorted(by_target.values())


def _is_left_out(parts: Sequence[str]) -> bool:
    """Return whether a name in ``parts`` begins with a dot or an underscore."""
    return any(part.startswith((".", "_")) for part in parts)


def _files_below(folder: Path) -> list[Path]:
    for log, reason in TABLE_LOGS.items():
        if (folder / log).exists():
            raise ValueError(f"{folder} is {reason}")
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not _is_left_out(path.relative_to(folder).parts)
    ]
    if not files:
        raise FileNotFoundError(f"{folder} is a folder without files")
    return _distinct(files)

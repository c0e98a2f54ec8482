"""Atomic writing, and the folder of downloads."""

import errno
import os
import re
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from wrmf.files import cache_folder, replacing, write_atomically

posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX permissions")


def names(folder):
    """Return the names of all files in a folder, hidden ones included."""
    return sorted(path.name for path in folder.iterdir())


def permissions(path):
    """Return the permission bits of a file."""
    return stat.S_IMODE(path.stat().st_mode)


def read_umask():
    """Return the umask, which can only be read by setting it."""
    umask = os.umask(0)
    os.umask(umask)
    return umask


@pytest.fixture
def umask():
    """A function that sets the umask, which is restored after the test."""
    before = read_umask()
    yield os.umask
    os.umask(before)


@pytest.mark.parametrize("as_path", [Path, str], ids=["Path", "str"])
def test_content_is_written_to_a_new_file(tmp_path, as_path):
    write_atomically(as_path(tmp_path / "model.npz"), b"content")
    assert (tmp_path / "model.npz").read_bytes() == b"content"
    assert names(tmp_path) == ["model.npz"]


def test_line_ends_are_written_as_they_are(tmp_path):
    write_atomically(tmp_path / "page.html", b"a\nb\r\n")
    assert (tmp_path / "page.html").read_bytes() == b"a\nb\r\n"


def test_a_relative_path_is_taken_from_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_atomically("model.npz", b"content")
    assert names(tmp_path) == ["model.npz"]


def test_the_old_content_stays_until_the_block_ends(tmp_path):
    path = tmp_path / "model.npz"
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["model.npz"]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()], ids=repr)
def test_an_error_keeps_the_old_file_and_leaves_no_other(tmp_path, error):
    path = tmp_path / "model.npz"
    path.write_bytes(b"old")
    with pytest.raises(type(error)), replacing(path) as file:
        file.write(b"half")
        raise error
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["model.npz"]


def test_an_error_leaves_nothing_where_no_file_was(tmp_path):
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "model.npz"):
        raise ZeroDivisionError
    assert names(tmp_path) == []


def test_a_failing_rename_keeps_the_old_file_and_leaves_no_other(tmp_path, monkeypatch):
    path = tmp_path / "model.npz"
    path.write_bytes(b"old")

    def fail(self, target):
        raise PermissionError(f"cannot replace {target}")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(PermissionError, match="cannot replace"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["model.npz"]


@posix
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002], ids=oct)
def test_permissions_follow_the_umask(tmp_path, umask, mask):
    umask(mask)
    write_atomically(tmp_path / "new", b"")
    assert permissions(tmp_path / "new") == 0o666 & ~mask


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no such folder: .*missing"):
        write_atomically(tmp_path / "missing" / "model.npz", b"")


def test_a_folder_as_target_is_refused(tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    with pytest.raises(IsADirectoryError, match="models is a folder: name a file in it"):
        write_atomically(folder, b"")
    assert names(tmp_path) == ["models"]
    assert names(folder) == []


@pytest.mark.usefixtures("umask")
def test_many_threads_writing_at_once_leave_one_whole_file_and_the_umask(tmp_path):
    mask = read_umask()
    n_threads, n_writes = 8, 10
    path = tmp_path / "model.npz"
    contents = [bytes([65 + number]) * 10_000 for number in range(n_threads)]
    start = threading.Barrier(n_threads)

    def write(content):
        start.wait()
        for _ in range(n_writes):
            write_atomically(path, content)
            assert path.read_bytes() in contents

    with ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(write, contents))
    assert path.read_bytes() in contents
    assert names(tmp_path) == ["model.npz"]
    assert read_umask() == mask
    if os.name != "nt":
        assert permissions(path) == 0o666 & ~mask


def test_downloads_go_to_the_folder_that_wrmf_data_names(tmp_path, monkeypatch):
    monkeypatch.setenv("WRMF_DATA", str(tmp_path))
    assert cache_folder() == tmp_path


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="needs the XDG folders")
@pytest.mark.parametrize("data", [None, ""], ids=["unset", "empty"])
def test_downloads_go_to_the_users_cache_by_default(data, tmp_path, monkeypatch):
    monkeypatch.delenv("WRMF_DATA", raising=False)
    if data is not None:
        monkeypatch.setenv("WRMF_DATA", data)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "wrmf"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "wrmf"


@pytest.mark.skipif(os.name == "nt", reason="named pipes")
def test_a_pipe_is_written_to_and_not_replaced(tmp_path):
    pipe, contents = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: contents.append(pipe.read_bytes()))
    reader.start()
    write_atomically(pipe, b"now")
    reader.join()
    assert contents == [b"now"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.skipif(not Path("/dev/null").is_char_device(), reason="there is no /dev/null")
def test_a_device_is_written_to_and_not_replaced():
    write_atomically("/dev/null", b"now")
    assert Path("/dev/null").is_char_device()


@pytest.mark.skipif(not Path("/dev/stdout").is_symlink(), reason="there is no /dev/stdout")
def test_standard_output_by_name_is_written_to_where_it_leads_to(tmp_path):
    program = "from wrmf.files import write_atomically; write_atomically('/dev/stdout', b'now')"
    with (tmp_path / "out").open("wb") as out:
        subprocess.run([sys.executable, "-c", program], stdout=out, check=True)
    assert (tmp_path / "out").read_bytes() == b"now"
    assert Path("/dev/stdout").is_symlink()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_an_error_of_the_system_names_the_file_that_was_to_be_written(tmp_path, number):
    path = tmp_path / "model.npz"
    with pytest.raises(OSError, match=re.escape(f": {str(path)!r}")), replacing(path):
        raise OSError(number, os.strerror(number))


def test_a_temporary_file_that_cannot_be_made_is_named_by_its_target(tmp_path, monkeypatch):
    def fail(path, *arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(OSError) as info:
        write_atomically(tmp_path / "model.npz", b"")
    assert info.value.filename == str(tmp_path / "model.npz")


def test_an_error_that_names_another_file_is_left_alone(tmp_path):
    with pytest.raises(OSError) as info, replacing(tmp_path / "model.npz"):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES), "likes.csv")
    assert info.value.filename == "likes.csv"


def test_a_file_without_permission_is_not_replaced(tmp_path, monkeypatch):
    path = tmp_path / "model.npz"
    path.write_bytes(b"old")
    # As for a file that is read-only, which root may write to all the same.
    monkeypatch.setattr(os, "access", lambda place, mode: False)
    with pytest.raises(PermissionError, match="no permission to write to"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["model.npz"]

"""A download that breaks off is continued, and what is downloaded is what was meant."""

import hashlib
import json
import os
import subprocess
import sys
import textwrap

import pytest

from wrmf.datasets.download import RETRIES, download
from wrmf.datasets.source import Source

CONTENT = bytes(range(256)) * 400


@pytest.fixture
def source(server):
    """A source whose archive the server has."""
    server.files["/x.zip"] = CONTENT
    return Source("The bytes", "bytes", f"{server.url}x.zip", "all uses.", "https://x.test", 1)


def names(server):
    return sorted(path.name for path in server.cache.iterdir()) if server.cache.exists() else []


def with_md5(source, content=CONTENT):
    return Source(**{**vars(source), "md5": hashlib.md5(content).hexdigest()})


def test_a_connection_that_breaks_off_is_made_again_where_it_stopped(server, source):
    server.tag, server.breaks = '"1"', [1000, 5000]
    assert download(with_md5(source)).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=1000-", "bytes=6000-"]
    assert names(server) == ["x.zip"]


def test_a_later_call_continues(server, source):
    server.tag, server.breaks = '"1"', [1000, 0]
    with pytest.raises(OSError, match="try again, which continues after 1000 bytes, or fetch it"):
        download(with_md5(source))
    assert names(server) == [".x.zip.part", ".x.zip.part.json"]
    assert download(with_md5(source)).read_bytes() == CONTENT
    assert server.ranges[-1] == "bytes=1000-"
    assert names(server) == ["x.zip"]


def test_a_file_that_has_changed_is_downloaded_from_its_start(server, source):
    server.tag, server.breaks = '"1"', [1000, 0]
    with pytest.raises(OSError, match="the connection broke off after 1000 of 102400 bytes"):
        download(source)
    server.tag, server.files["/x.zip"] = '"2"', CONTENT[::-1]
    assert download(source).read_bytes() == CONTENT[::-1]


def test_a_file_that_has_become_shorter_is_downloaded_from_its_start(server, source):
    server.tag, server.breaks = '"1"', [1000, 0]
    with pytest.raises(OSError, match="broke off"):
        download(source)
    server.files["/x.zip"] = CONTENT[:500]
    assert download(source).read_bytes() == CONTENT[:500]


@pytest.mark.parametrize("tag", [None, 'W/"1"'])
def test_nothing_is_kept_of_a_file_that_cannot_be_continued(tag, server, source):
    server.tag, server.breaks = tag, [1000] * (RETRIES + 1)
    with pytest.raises(OSError, match="after 1000 of 102400 bytes; fetch it by hand"):
        download(source)
    assert names(server) == []
    assert set(server.ranges) == {None}


def test_a_part_of_another_address_is_not_continued(server, source):
    server.tag, server.breaks = '"1"', [1000, 0]
    with pytest.raises(OSError, match="broke off"):
        download(source)
    server.files["/other/x.zip"] = CONTENT[::-1]
    other = Source(**{**vars(source), "url": f"{server.url}other/x.zip"})
    assert download(other).read_bytes() == CONTENT[::-1]


def test_a_wrong_checksum_leaves_nothing_behind(server, source):
    server.tag = '"1"'
    with pytest.raises(OSError, match=r"its checksum is .*, expected is"):
        download(with_md5(source, b"other"))
    assert names(server) == []


def test_the_first_checksum_is_recorded_where_none_is_published(server, source, capsys):
    path = download(source)
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert (
        f"No checksum of x.zip is published; recorded: sha256 {digest}" in capsys.readouterr().err
    )
    record = server.cache / "checksums.json"
    assert json.loads(record.read_bytes()) == {"x.zip": digest}
    path.unlink()
    download(source)
    path.unlink()
    server.files["/x.zip"] = CONTENT[::-1]
    with pytest.raises(OSError, match=r"delete its line in .*checksums\.json"):
        download(source)
    assert not path.exists()
    record.unlink()
    assert download(source).read_bytes() == CONTENT[::-1]


def test_size_and_terms_are_printed_before_a_download_only(server, source, capsys):
    download(source)
    notice = f"The bytes: about 1 MB from {source.url}\nTerms of use: all uses. See https://x.test"
    assert capsys.readouterr().err.startswith(notice)
    download(source)
    assert capsys.readouterr().err == ""


def test_without_a_network_the_error_says_so(server, source):
    offline = Source(**{**vars(source), "url": "http://127.0.0.1:9/x.zip"})
    with pytest.raises(
        OSError, match=r"no connection to the server .*, as on a machine that is offline"
    ) as error:
        download(offline)
    assert f"fetch it by hand and save it as {server.cache / 'x.zip'}" in str(error.value)
    assert names(server) == []


def test_a_missing_file_on_the_server_is_named(server, source):
    del server.files["/x.zip"]
    with pytest.raises(OSError, match="the server answers 404 Not Found; fetch it by hand"):
        download(source)
    assert len(server.ranges) == 1


def test_two_processes_do_not_download_the_same_file(server, source):
    code = f"""
        import sys
        from wrmf.datasets.download import _lock
        from pathlib import Path
        with _lock(Path({str(server.cache / ".x.zip.lock")!r})):
            print("locked", flush=True)
            sys.stdin.readline()
    """
    server.cache.mkdir()
    command = [sys.executable, "-c", textwrap.dedent(code)]
    path = os.pathsep.join(filter(None, sys.path))
    with subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(OSError, match="another process is downloading it"):
            download(source)
        other.communicate("end\n", timeout=60)
    assert download(source).read_bytes() == CONTENT

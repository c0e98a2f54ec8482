"""Full disks, read-only folders, links, and files that are replaced while they are read."""

import contextlib
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import wrmf
from wrmf.search.journal import read_journal

COUNTS = (np.add.outer(np.arange(200), np.arange(150)) % 5 == 0).astype(float)


@pytest.fixture(scope="module")
def model():
    model = wrmf.WRMF(factors=16, iterations=1, num_threads=1, random_state=0)
    return model.fit(COUNTS, progress=False)


@pytest.fixture(scope="module")
def result():
    data = wrmf.datasets.synthetic_likes(60, 50, 600)
    split = wrmf.leave_k_out(data, k=2, random_state=0)
    return wrmf.grid_search(wrmf.WRMF(num_threads=1, random_state=0), split, {"factors": [2]}, [1])


@contextlib.contextmanager
def small_files(limit):
    """Let the system refuse files that are longer than a limit, as a full disk does."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


WRITERS = {
    "model": lambda path, model, result: model.save(path),
    "report": lambda path, model, result: wrmf.write_report(path, result),
    "arrays": lambda path, model, result: model.export("npz", path),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_full_disk_is_an_os_error_and_leaves_the_old_file(kind, model, result, tmp_path):
    path = tmp_path / "file.npz"
    path.write_bytes(b"old")
    with small_files(5000), pytest.raises(OSError, match=r"File too large|No space"):
        WRITERS[kind](path, model, result)
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["file.npz"]


def test_a_full_disk_while_a_journal_is_written_loses_no_finished_setting(tmp_path):
    data = wrmf.datasets.synthetic_likes(60, 50, 600)
    arguments = (
        wrmf.WRMF(num_threads=1, random_state=0),
        wrmf.leave_k_out(data, k=2, random_state=0),
        {"factors": [2, 3, 4, 5, 6, 7]},
        [1],
    )
    path = tmp_path / "journal"
    with small_files(1500), pytest.raises(OSError, match=r"File too large|No space"):
        wrmf.grid_search(*arguments, journal=path, n_jobs=1)
    measured = len(read_journal(path).curves)
    assert 0 < measured < 6
    resumed = wrmf.grid_search(*arguments, journal=path, n_jobs=1)
    whole = wrmf.grid_search(*arguments, n_jobs=1)
    assert [c.test for c in resumed.curves] == [c.test for c in whole.curves]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mounts a tmpfs")
def test_a_full_file_system_leaves_the_old_model(model, tmp_path):
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)]
    with contextlib.suppress(FileNotFoundError):
        if subprocess.run(mount, capture_output=True).returncode == 0:
            try:
                small = wrmf.WRMF(factors=1, iterations=1, num_threads=1).fit(np.eye(3))
                small.save(tmp_path / "m")
                with pytest.raises(OSError, match="No space left"):
                    model.save(tmp_path / "m")
                assert wrmf.load(tmp_path / "m").state.k == 1
                assert [file.name for file in tmp_path.iterdir()] == ["m"]
            finally:
                subprocess.run(["umount", str(tmp_path)], check=True)
            return
    pytest.skip("mounting needs more rights")


def test_a_read_only_folder_is_an_os_error(model, tmp_path):
    tmp_path.chmod(0o500)
    try:
        if os.access(tmp_path, os.W_OK):
            pytest.skip("this user may write to read-only folders")
        with pytest.raises(PermissionError):
            model.save(tmp_path / "m")
        assert not list(tmp_path.iterdir())
    finally:
        tmp_path.chmod(0o700)


def test_saving_to_a_link_leaves_the_file_that_it_led_to(model, tmp_path):
    (tmp_path / "old").write_bytes(b"old")
    try:
        (tmp_path / "link").symlink_to(tmp_path / "old")
    except OSError:
        pytest.skip("no links here")
    model.save(tmp_path / "link")
    assert (tmp_path / "old").read_bytes() == b"old"
    assert wrmf.load(tmp_path / "link").is_fitted


@pytest.mark.parametrize("mmap", [False, True])
@pytest.mark.skipif(os.name == "nt", reason="Windows keeps mapped files from being replaced")
def test_a_file_that_is_replaced_while_it_is_read_is_the_old_or_the_new_one(model, tmp_path, mmap):
    other = wrmf.WRMF(factors=4, iterations=1, num_threads=1, random_state=1)
    other.fit(COUNTS, progress=False)
    by_k = {trained.state.k: trained for trained in (model, other)}
    path = tmp_path / "m"
    model.save(path)
    stop = threading.Event()

    def write():
        while not stop.is_set():
            for trained in by_k.values():
                trained.save(path)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(20):
            loaded = wrmf.load(path, mmap=mmap)
            expected = by_k[loaded.state.k]
            assert np.array_equal(loaded.item_factors, expected.item_factors)
            assert np.array_equal(loaded.recommend(n=3).ids, expected.recommend(n=3).ids)
    finally:
        stop.set()
        writer.join()

"""A cluster and a fit of the command line: together, and when one of them dies."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cluster_processes import SECONDS, CommandCluster, command, limit_files, run_command
from sharding import plain_model

import wrmf
import wrmf.distributed
from wrmf.cli.main import main

pytest.importorskip("distributed", reason="needs pip install 'wrmf[distributed]'")
pytestmark = [
    pytest.mark.timeout(10**4),
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL"),
]
# The options for the parameters of ``plain_model``.
MODEL = (
    *("--objective", "wrmf", "--confidence", "linear", "--regularization", 5, "--alpha", 3),
    *("--unobserved-weight", 1, "--regularization-exponent", 0, "--factors", 12, "--seed", 7),
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with CommandCluster(tmp_path_factory.mktemp("cluster")) as cluster:
        cluster.client().close()
        yield cluster


def words(cluster, files, folder, iterations=3, method="gather"):
    return (
        *("fit", files, "--value", "value", "--scheduler", cluster.address, "--folder", folder),
        *("--shards", 4, "--method", method, "--iterations", iterations, *MODEL),
    )


def item_factors(client, files, folder, iterations=3, method="gather"):
    """Return the item factors of a fit, or of one that is complete in the folder."""
    return wrmf.distributed.fit(
        files,
        plain_model(iterations=iterations),
        client=client,
        value="value",
        folder=folder,
        shards=4,
        method=method,
        progress=False,
    ).item_factors


def reached(folder):
    """Return the number of iterations that a folder has, None if it has none yet."""
    try:
        return json.loads((folder / "latest.json").read_text())["iteration"]
    except FileNotFoundError:
        return None


def with_loss(folder):
    """Return how many iterations of a folder have a loss."""
    path = folder / "latest.json"
    return len(json.loads(path.read_text())["history"]) if path.exists() else 0


def one_line(errors):
    """Return the error that a command reported, which must be a single line."""
    assert "Traceback" not in errors
    (line,) = [line for line in errors.splitlines() if line.startswith("wrmf: error: ")]
    return line


@pytest.mark.parametrize("method", ["gather", "split"])
def test_processes_of_the_command_line_give_the_bits_of_a_local_cluster(
    method, cluster, client, files, tmp_path
):
    folder, model, lists = tmp_path / "fit", tmp_path / "model.wrmf", tmp_path / "lists.parquet"
    status, errors = run_command(*words(cluster, files, folder, method=method), "--out", model)
    assert status == 0, errors
    assert errors.count("\niteration ") == 3
    expected = item_factors(client, files, tmp_path / "local", method=method)
    saved = wrmf.load(model)
    np.testing.assert_array_equal(saved.item_factors, expected)
    status, errors = run_command("recommend", model, "-n", 4, "--out", lists)
    assert status == 0, errors
    with cluster.client() as other:
        sharded = wrmf.distributed.fit(
            files, plain_model(), client=other, value="value", folder=folder, shards=4
        )
        np.testing.assert_array_equal(sharded.item_factors, expected)
        sharded.recommend_partitioned(tmp_path / "lists", n=4)
    written = pd.read_parquet(tmp_path / "lists").reset_index(drop=True)
    columns = ["user", "item", "score"]
    pd.testing.assert_frame_equal(
        written[columns], pd.read_parquet(lists)[columns], check_dtype=False
    )


@pytest.mark.parametrize(("phase", "method"), [("ingest", "split"), ("iteration", "gather")])
def test_after_the_death_of_the_driver_the_same_command_goes_on(
    phase, method, cluster, client, files, tmp_path
):
    folder = tmp_path / "fit"
    arguments = words(cluster, files, folder, 4, method)
    driver = command(*arguments)
    begun = {
        "ingest": lambda: (folder / "data" / "items.tensors").exists(),
        "iteration": lambda: (reached(folder) or 0) >= 1,
    }[phase]
    cluster.wait_for(begun, "the fit has not begun")
    driver.kill()
    _, errors = driver.communicate()
    assert driver.returncode == -signal.SIGKILL, errors
    logged = errors.count("\niteration ")
    saved = reached(folder) or 0
    # What the log had said is saved, so no more is lost than the iteration that was computed.
    assert logged <= saved <= logged + 1
    # An iteration that was saved without its loss is logged when that is computed.
    first = with_loss(folder) + 1
    assert first in (saved, saved + 1)
    status, errors = run_command(*arguments)
    assert status == 0, errors
    iterations = [int(number) for number in re.findall(r"^iteration (\d+):", errors, re.M)]
    assert iterations == list(range(first, 5))
    expected = item_factors(client, files, tmp_path / "whole", 4, method)
    np.testing.assert_array_equal(item_factors(client, files, folder, 4, method), expected)
    assert not list(folder.rglob("*.tmp"))


def test_after_the_death_of_the_scheduler_another_cluster_goes_on(client, files, tmp_path):
    folder, method = tmp_path / "fit", "split"
    with CommandCluster(tmp_path / "cluster") as doomed:
        doomed.client().close()
        driver = command(*words(doomed, files, folder, 4, method))
        doomed.wait_for(lambda: (reached(folder) or 0) >= 1, "the fit has not begun")
        doomed.scheduler.kill()
        _, errors = driver.communicate(timeout=3000)
    assert driver.returncode == 1
    logged = errors.count("\niteration ")
    assert f"{logged} iterations are saved: connect to a cluster" in one_line(errors)
    saved = reached(folder)
    assert logged <= saved <= logged + 1
    expected = item_factors(client, files, tmp_path / "whole", 4, method)
    np.testing.assert_array_equal(item_factors(client, files, folder, 4, method), expected)


def package_of_another_version(folder):
    """Return a folder with wrmf of another version."""
    package = folder / "wrmf"
    package.mkdir(parents=True)
    for path in Path(wrmf.__file__).parent.iterdir():
        if path.name != "versions.py":
            (package / path.name).symlink_to(path)
    text = (Path(wrmf.__file__).parent / "versions.py").read_text(encoding="utf-8")
    (package / "versions.py").write_text(text.replace('__version__ = "', '__version__ = "9.'))
    # A wheel has the libraries that it bundles beside the package.
    bundled = Path(wrmf.__file__).parent.with_name("wrmf.libs")
    if bundled.exists():
        (folder / bundled.name).symlink_to(bundled)
    return folder


def package_that_is_missing(folder):
    """Return a folder in which to find wrmf fails, also where it is installed."""
    (folder / "wrmf").mkdir(parents=True)
    text = "raise ModuleNotFoundError(\"No module named 'wrmf'\", name='wrmf')\n"
    (folder / "wrmf" / "__init__.py").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("package", "expected"),
    [
        (package_that_is_missing, r"cannot run wrmf .*No module named"),
        (package_of_another_version, r"has wrmf 9\."),
    ],
)
def test_a_worker_that_cannot_take_part_is_named_in_one_line(package, expected, files, tmp_path):
    path = str(package(tmp_path / "other"))
    with CommandCluster(tmp_path / "cluster", n_workers=1) as cluster:
        cluster.add_worker(environment={"PYTHONPATH": path})
        cluster.client().close()
        status, errors = run_command(*words(cluster, files, tmp_path / "fit"))
    assert status == 1
    assert re.search(f"the worker tcp://.* {expected}", one_line(errors))
    assert not (tmp_path / "fit").exists()


def test_a_worker_that_joins_with_another_version_is_named(files, tmp_path):
    with CommandCluster(tmp_path / "cluster", n_workers=1) as cluster, cluster.client() as client:
        other = str(package_of_another_version(tmp_path / "other"))

        def join(model, done):
            if done == 1:
                cluster.add_worker(environment={"PYTHONPATH": other})
                client.wait_for_workers(2, SECONDS)

        with pytest.raises(wrmf.distributed.ClusterError, match=r"has wrmf 9\."):
            wrmf.distributed.fit(
                files, plain_model(), client=client, folder=tmp_path / "fit", callback=join
            )
    assert reached(tmp_path / "fit") >= 1


def test_a_worker_with_fewer_instructions_sets_those_of_the_fit(client, files, tmp_path):
    from wrmf.numerics.isa import ISAS

    if len(ISAS) < 2:
        pytest.skip("there is one instruction set here")
    with CommandCluster(tmp_path / "cluster", n_workers=0) as mixed:
        mixed.add_worker(environment={"WRMF_ISA": ISAS[0]})
        with mixed.client() as other:
            expected = item_factors(other, files, tmp_path / "slow", 4)
            mixed.add_worker()
            other.wait_for_workers(2)
            item_factors(other, files, tmp_path / "fit", 2)
    # A cluster that has all of them goes on with those that the fit began with.
    np.testing.assert_array_equal(item_factors(client, files, tmp_path / "fit", 4), expected)


@pytest.fixture
def small_disk(tmp_path):
    """Return a folder with a file system of four megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting needs more rights")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize(("stage", "room"), [("shards", 80_000), ("factors", 4096)])
def test_after_a_full_disk_the_same_command_goes_on(
    stage, room, cluster, client, files, tmp_path, small_disk
):
    folder = small_disk / "fit"
    if stage == "factors":
        item_factors(client, files, folder, 2)
    full = small_disk / "full"
    full.write_bytes(bytes(shutil.disk_usage(small_disk).free - room))
    status, errors = run_command(*words(cluster, files, folder, 4))
    assert status == 1, errors
    line = one_line(errors)
    assert str(folder) in line
    assert "No space left on device" in line
    if stage == "shards":
        assert "make room or mend the folder, and run the same command again" in line
    assert reached(folder) == (None if stage == "shards" else 2)
    assert (folder / "data" / "manifest.json").exists() == (stage == "factors")
    assert not list(folder.rglob("*.tmp"))
    full.unlink()
    assert run_command(*words(cluster, files, folder, 4))[0] == 0
    expected = item_factors(client, files, tmp_path / "whole", 4)
    np.testing.assert_array_equal(item_factors(client, files, folder, 4), expected)


def test_a_full_disk_of_a_worker_in_the_shuffle_is_explained(cluster, files, tmp_path):
    with CommandCluster(tmp_path / "cluster", n_workers=0) as small:
        for _ in range(2):
            small.add_worker(before=limit_files(2000))
        small.client().close()
        status, errors = run_command(*words(small, files, tmp_path / "fit"))
    assert status == 1, errors
    assert re.search(r"could not be shuffled .*--local-directory", one_line(errors))
    assert run_command(*words(cluster, files, tmp_path / "fit"))[0] == 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="has no /proc")
def test_a_folder_that_takes_no_files_is_named_before_anything_is_read(cluster, files, capsys):
    assert main([str(word) for word in words(cluster, files, "/proc/fit")]) == 1
    assert "folder=/proc/fit cannot be written to" in one_line(capsys.readouterr().err)


def replace_ids(path):
    rows = pd.read_parquet(path)
    rows.loc[rows.index[7], "user"] = None
    rows.to_parquet(path)


def replace_schema(path):
    pd.read_parquet(path).assign(user=1).to_parquet(path)


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


DEFECTS = {
    "null id": (replace_ids, r"part-2\.parquet.*null id in row 7.*--nulls"),
    "schema": (replace_schema, r"'user' is int64 in .*part-2\.parquet, but .* in .*part-0"),
    "empty": (lambda path: path.write_bytes(b""), r"part-2\.parquet is no parquet file"),
    "cut": (cut, r"part-2\.parquet is no parquet file, or damaged"),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_of_one_file_is_one_line_and_nothing_is_kept(
    name, cluster, files, tmp_path, capsys
):
    damage, message = DEFECTS[name]
    data, folder = tmp_path / "data", tmp_path / "fit"
    shutil.copytree(files, data)
    damage(data / "part-2.parquet")
    assert main([str(word) for word in words(cluster, data, folder)]) == 1
    assert re.search(message, one_line(capsys.readouterr().err))
    assert not [path for path in folder.rglob("*") if path.is_file()]


def test_the_command_begins_again_when_asked_to(cluster, files, tmp_path, capsys):
    arguments = [str(word) for word in words(cluster, files, tmp_path, 1)]
    assert main(arguments) == 0
    assert main([*arguments, "--shards", "2"]) == 1
    line = one_line(capsys.readouterr().err)
    assert "--shards 4, now --shards 2" in line
    assert "pass --no-resume to begin again" in line
    assert main([*arguments, "--shards", "2", "--no-resume"]) == 0
    assert len(list((tmp_path / "data").glob("shard-*"))) == 2

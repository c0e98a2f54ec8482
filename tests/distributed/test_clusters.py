"""Errors of clusters, data and folders come early, and a rerun of the same call goes on."""

import os
import secrets
import signal
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet
from sharding import assert_same_factors, fitted_locally, plain_model

import wrmf
import wrmf.distributed
from wrmf.cli.main import main
from wrmf.data.interactions import align

distributed = pytest.importorskip("distributed", reason="needs pip install 'wrmf[distributed]'")


def fit(source, client, folder, **arguments):
    arguments = {"shards": 4, "value": "value", "progress": False, **arguments}
    model = arguments.pop("model", plain_model())
    return wrmf.distributed.fit(source, model, client=client, folder=folder, **arguments)


def test_without_a_client_the_error_says_how_to_start_one(files, tmp_path):
    with pytest.raises(RuntimeError, match=r"client = Client\("):
        wrmf.distributed.fit(files, plain_model(), folder=tmp_path)


def test_a_client_that_cannot_be_used_is_named(client):
    from wrmf.distributed.clients import as_client

    other = distributed.Client(client.scheduler.address)
    other.close()
    with pytest.raises(wrmf.distributed.ClusterError, match=r"client is closed: start one"):
        as_client(other)
    with pytest.raises(TypeError, match=r"got 'tcp://x': start one"):
        as_client("tcp://x")
    with pytest.raises(TypeError, match=r"client=cluster\.get_client\(\)"):
        as_client(SimpleNamespace(get_client=None))


def test_errors_of_data_are_no_loss_of_the_cluster(client):
    from wrmf.distributed.engine import Engine

    engine = Engine(client)
    for error in (FileNotFoundError("no such file: x"), ValueError("null"), OSError(28, "full")):
        with pytest.raises(type(error), match=r"no such file|null|full"), engine.recovering("Done"):
            raise error
    for error, reason in (
        (OSError("Timed out trying to connect"), "connection to the Dask scheduler was lost"),
        (distributed.comm.CommClosedError("closed"), "connection to the Dask scheduler was lost"),
        (distributed.CancelledError("reason: scheduler-restart"), "cluster was restarted"),
    ):
        with (
            pytest.raises(wrmf.distributed.ClusterError, match=rf"{reason}.*Done: connect to a"),
            engine.recovering("Done"),
        ):
            raise error


def test_a_probe_of_a_folder_leaves_nothing(client, tmp_path):
    from wrmf.distributed.engine import Engine
    from wrmf.distributed.folder import Folder

    engine = Engine(client)
    folder = Folder(str(tmp_path))
    # What a worker leaves that dies while it writes.
    for name in (f".probe-{engine.token}-ab.json.cd.tmp", f"probe-{engine.token}-ab.json"):
        (tmp_path / name).touch()
    engine.check_folder(folder)
    assert not list(tmp_path.iterdir())


def test_a_task_that_fits_gives_its_thread_to_the_tasks_of_the_fit(files, tmp_path):
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
        ) as cluster,
        cluster.get_client() as client,
    ):
        done = client.submit(iterations_of_a_fit, str(files), str(tmp_path), pure=False)
        assert done.result(timeout=300) == 3


def iterations_of_a_fit(files, folder):
    return fit(files, None, folder).iterations_done


def test_a_cluster_without_workers_is_an_error(files, tmp_path):
    with (
        distributed.LocalCluster(n_workers=0, dashboard_address=None) as cluster,
        cluster.get_client() as client,
        pytest.raises(RuntimeError, match="no workers yet"),
    ):
        fit(files, client, tmp_path)


def test_null_ids_are_an_error_before_any_shard_is_written(client, rows, tmp_path):
    rows = rows.copy()
    rows.loc[11_000, "user"] = None
    (tmp_path / "data").mkdir()
    rows[:10_000].to_parquet(tmp_path / "data" / "a.parquet")
    rows[10_000:].to_parquet(tmp_path / "data" / "b.parquet")
    with pytest.raises(ValueError, match=r"b\.parquet.*null id in row 1000"):
        fit(tmp_path / "data", client, tmp_path / "fit")
    assert not list((tmp_path / "fit" / "data").iterdir())


def test_rows_that_are_dropped_are_those_of_read_interactions(client, rows, tmp_path):
    rows = rows[:4000].astype({"item": "Int64"})
    rows.loc[::50, "value"] = -1.0
    rows.loc[::70, "item"] = None
    rows.loc[3000:, "value"] = None
    filters = {"nulls": "drop", "negative": "drop", "min_value": 1.0}
    for number in range(4):
        rows[1000 * number :][:1000].to_parquet(tmp_path / f"{number}.parquet")
    source = sorted(tmp_path.glob("*.parquet"))
    sharded = fit(source, client, tmp_path / "fit", **filters)
    whole = wrmf.read_interactions(source, value="value", **filters)
    assert sharded.counts == whole.counts
    assert sharded.counts.null > 1000
    local = sharded.to_local()
    assert (align(whole, local.users, local.items).matrix != local.train_matrix).nnz == 0
    assert len(whole.users) == len(local.users)
    with pytest.raises(ValueError, match=r"min_value=1.0, now min_value=2.0"):
        fit(source, client, tmp_path / "fit", **{**filters, "min_value": 2.0})
    with pytest.raises(ValueError, match='negative="dislike" is not distributed'):
        fit(source, client, tmp_path / "fit", negative="dislike")


def test_a_model_in_place_of_data_is_an_error(client, tmp_path):
    with pytest.raises(TypeError, match=r"fitted by WRMF\.fit"):
        fit(np.eye(3), client, tmp_path)
    with pytest.raises(TypeError, match=r"model must be a wrmf\.WRMF"):
        fit(tmp_path, client, tmp_path, model="WRMF")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a user without rights")
def test_a_read_only_folder_is_an_error(client, files, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError, match="cannot be written to"):
        fit(files, client, tmp_path / "fit")


def test_a_worker_with_another_version_is_named(client, files, tmp_path, monkeypatch):
    monkeypatch.setattr("wrmf.distributed.workers.__version__", "9.9")
    with pytest.raises(RuntimeError, match=r"has wrmf .*, here it is 9\.9"):
        fit(files, client, tmp_path)


def test_a_worker_that_cannot_run_wrmf_is_named(client, files, tmp_path, monkeypatch):
    # The worker cannot import the module of the function, as where wrmf is not installed.
    monkeypatch.setattr("wrmf.distributed.engine.facts_of_process", CannotBeLoaded())
    with pytest.raises(RuntimeError, match=r"cannot run wrmf .*No module named"):
        fit(files, client, tmp_path)


class CannotBeLoaded:
    def __call__(self):
        return {}

    def __reduce__(self):
        return __import__, ("absent",)


def test_workers_that_die_while_rows_are_shuffled_are_explained(client, monkeypatch):
    from wrmf.distributed.engine import Engine

    def die(futures):
        raise distributed.KilledWorker("shuffle-transfer", SimpleNamespace(address="tcp://w"), 3)

    def cannot_retry(futures):
        raise KeyError("shuffle-barrier")

    engine = Engine(client)
    done = engine.submit("nothing", int)
    monkeypatch.setattr(client, "gather", die)
    monkeypatch.setattr(client, "retry", cannot_retry)
    with pytest.raises(wrmf.distributed.ClusterError, match="memory may be too small"):
        engine.results([done])


def test_a_rerun_goes_on_and_reads_nothing_again(client, files, tmp_path):
    model = plain_model(iterations=2)
    fit(files, client, tmp_path, model=model)
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "data").iterdir()}
    again = fit(files, client, tmp_path)
    assert again.iterations_done == 3
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "data").iterdir()} == written
    local = again.to_local()
    assert_same_factors(fitted_locally(plain_model(), local), local)
    with pytest.warns(UserWarning, match="3 iterations, iterations=2 are asked for"):
        assert fit(files, client, tmp_path, model=model).iterations_done == 3
    with pytest.raises(ValueError, match="shards=4, now shards=5"):
        fit(files, client, tmp_path, shards=5)
    afresh = fit(files, client, tmp_path, model=plain_model(alpha=1.0), resume=False)
    assert [reached.iteration for reached in afresh.history] == [1, 2, 3]


def test_changed_files_are_not_fitted_with_old_shards(client, rows, tmp_path):
    rows[:2000].to_parquet(tmp_path / "a.parquet")
    fit(tmp_path / "a.parquet", client, tmp_path / "fit")
    rows[:2001].to_parquet(tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="from other data"):
        fit(tmp_path / "a.parquet", client, tmp_path / "fit")


def test_workers_that_join_and_leave_share_the_shards(files, tmp_path):
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
        ) as cluster,
        cluster.get_client() as client,
    ):
        homes = []

        def scale(model, done):
            homes.append(set(model._training.engine.homes.values()))
            cluster.scale({1: 3, 3: 1}.get(done, len(cluster.workers)))
            if done == 1:
                client.wait_for_workers(3)

        model = plain_model(iterations=5)
        sharded = fit(files, client, tmp_path, shards=6, model=model, callback=scale)
        local = sharded.to_local()
    assert max(map(len, homes[1:3])) == 3
    assert_same_factors(fitted_locally(model, local), local)


def test_rows_that_changed_without_a_trace_are_not_fitted_with_old_shards(client, tmp_path):
    path, before = tmp_path / "a.parquet", [[1, 2, 5, 9], [1, 5, 2, 9]]
    options = {"compression": "none", "use_dictionary": False}
    frame = pd.DataFrame({"user": [0, 0, 1, 1]})
    for number, items in enumerate([*before, before[0]]):
        table = pa.Table.from_pandas(frame.assign(item=items), preserve_index=False)
        parquet.write_table(table, path, **options)
        os.utime(path, ns=(10**18 + number, 10**18 + number))
        if number == 1:
            with pytest.raises(ValueError, match="from other data"):
                fit(path, client, tmp_path / "fit", value=None)
        else:
            fit(path, client, tmp_path / "fit", value=None)


@pytest.mark.parametrize("row", ["user", "item"])
def test_a_frame_whose_rows_change_is_refused(row, client, tmp_path):
    dataframe = pytest.importorskip("dask.dataframe")
    (tmp_path / "rows").mkdir()

    # A function of this module could be imported on no worker where tests run from another folder.
    def with_another_row_each_time(_):
        (tmp_path / "rows" / secrets.token_hex(4)).touch()
        n_rows = len(list((tmp_path / "rows").iterdir()))
        rows = pd.DataFrame({"user": np.arange(n_rows), "item": 5})
        return rows.assign(**{row: np.arange(n_rows)})

    meta = pd.DataFrame({"user": [0], "item": [0]})
    frame = dataframe.from_map(with_another_row_each_time, [0], meta=meta)
    with pytest.raises(ValueError, match="others when they were read again"):
        fit(frame, client, tmp_path / "fit", value=None)
    assert not (tmp_path / "fit" / "data" / "manifest.json").exists()


def test_a_frame_of_delayed_objects_goes_on(client, rows, tmp_path):
    dask, dataframe = pytest.importorskip("dask"), pytest.importorskip("dask.dataframe")

    def frame_of(n_rows):
        parts = [dask.delayed(rows[first : first + n_rows]) for first in (0, 1000)]
        return dataframe.from_delayed(parts, meta=rows[:0], verify_meta=False)

    model = plain_model(iterations=2)
    fit(frame_of(1000), client, tmp_path / "fit", model=model)
    assert fit(frame_of(1000), client, tmp_path / "fit").iterations_done == 3
    with pytest.raises(ValueError, match="from other data"):
        fit(frame_of(999), client, tmp_path / "fit")


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_a_killed_worker_changes_no_bit(files, tmp_path):
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as one,
        one.get_client() as client,
    ):

        def kill(model, done):
            if done in (1, 2):
                pid = one.workers[done - 1].pid
                os.kill(pid, signal.SIGKILL)
                time.sleep(0.2)

        local = fit(files, client, tmp_path, callback=kill).to_local()
    assert_same_factors(fitted_locally(plain_model(), local), local)


@pytest.mark.slow
def test_a_lost_scheduler_is_explained_and_a_rerun_goes_on(clients, files, tmp_path):
    cluster = distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None)
    client = cluster.get_client()

    def close(model, done):
        if done == 1:
            cluster.close()

    try:
        with pytest.raises(RuntimeError, match="1 iterations are saved: connect to a cluster"):
            fit(files, client, tmp_path, callback=close)
    finally:
        client.close()
        cluster.close()
    again = fit(files, clients(2), tmp_path)
    assert [reached.iteration for reached in again.history] == [1, 2, 3]
    local = again.to_local()
    assert_same_factors(fitted_locally(plain_model(), local), local)


def test_lists_metrics_and_new_users_come_from_the_workers(client, rows, files, tmp_path):
    sharded = fit(files, client, tmp_path / "fit")
    local = sharded.to_local()
    written = sharded.recommend_partitioned(tmp_path / "lists", n=3)
    frame = pd.read_parquet(tmp_path / "lists").reset_index(drop=True)
    pd.testing.assert_frame_equal(frame, local.recommend(n=3).to_frame(), check_dtype=False)
    assert written.n_rows == len(frame)
    test = pd.DataFrame({"user": local.users[:50], "item": local.items[np.arange(50) % 9]})
    metrics = sharded.evaluate(test, ["recall@5", "mse"], exclude_seen=False)
    assert metrics.n_users == 50
    new = local.train_matrix[:3]
    np.testing.assert_array_equal(sharded.fold_in_users(new), local.fold_in_users(new))


def test_the_command_fits_on_a_cluster(client, files, tmp_path, capsys):
    def run(*extra):
        return main(
            [
                *("fit", str(files), "--value", "value", "--factors", "4", "--iterations", "2"),
                *("--scheduler", client.scheduler.address, *extra),
            ]
        )

    assert run() != 0
    assert "--scheduler needs --folder" in capsys.readouterr().err
    assert run("--folder", str(tmp_path / "fit"), "--duplicates", "max") != 0
    assert "--duplicates does not apply with --scheduler" in capsys.readouterr().err
    assert run("--folder", str(tmp_path / "fit"), "--shards", "0") != 0
    assert "--shards must be at least 1, got 0" in capsys.readouterr().err
    assert main(["fit", "absent", "--folder", "x", "--scheduler", client.scheduler.address]) != 0
    assert "wrmf: error: no such file: absent" in capsys.readouterr().err
    assert main(["fit", str(files), "--folder", "x", "--scheduler", "nowhere"]) != 0
    assert "no Dask scheduler answers at --scheduler nowhere (miss" in capsys.readouterr().err
    assert not run("--folder", str(tmp_path / "fit"))
    assert "iteration 2: loss" in capsys.readouterr().err
    out = tmp_path / "model.wrmf"
    assert not run("--folder", str(tmp_path / "fit"), "--out", str(out))
    assert wrmf.load(out).iterations_done == 2

"""Data in shards, and a cluster without workers, for tests of distributed fits."""

from contextlib import nullcontext

import numpy as np
import pandas as pd

import wrmf
from wrmf.distributed.folder import Folder, write_arrays
from wrmf.distributed.items import item_order, write_items
from wrmf.distributed.manifest import TOTALS, Manifest
from wrmf.distributed.model import ShardedModel
from wrmf.distributed.shards import item_totals, sum_totals, write_shard
from wrmf.distributed.starting import start_training
from wrmf.numerics.isa import active_isa

# The parameters of the models of these tests.
PLAIN = {
    "objective": "wrmf",
    "confidence": "linear",
    "regularization": 5.0,
    "alpha": 3.0,
    "unobserved_weight": 1.0,
    "regularization_exponent": 0.0,
    "iterations": 3,
    "factors": 12,
    "random_state": 7,
}


class InlineTasks:
    """Computes what is submitted at once; each thing is on one of two workers."""

    def __init__(self, threads=2):
        self.threads = threads
        self.counts = {}

    def submit(self, name, function, *args, home=None, computes=False, priority=0):
        return function(*args, threads=self.threads) if computes else function(*args)

    def tree(self, name, combine, futures, homes=None, root=None):
        return combine(futures) if len(futures) > 1 else futures[0]

    def results(self, futures):
        return list(futures)

    def keep(self, kind, sizes):
        self.counts[kind] = len(sizes)

    def names(self, kind):
        return [f"{kind}-{number}" for number in range(self.counts[kind])]

    def home(self, name):
        return f"worker-{int(name.partition('-')[2]) % 2}"

    def check_folder(self, folder):
        pass

    def require_isa(self, isa):
        self.isa = isa

    def settle(self):
        return set()

    def recovering(self, done):
        return nullcontext()

    def least_memory(self):
        return 2**30

    def bytes_received(self):
        return 0


def rows_of_likes(n_rows=20_000, n_users=900, n_items=160, seed=0):
    """Return rows of text users, int items and fractional values; some repeat a pair."""
    generator = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "user": [f"u{number:04}" for number in generator.integers(0, n_users, n_rows)],
            "item": generator.zipf(1.4, n_rows) % n_items,
            "value": generator.integers(1, 6, n_rows) * 0.7,
        }
    )


def shards_in(path, rows, n_shards=4):
    """Return a prepared folder and the manifest of rows, whose users are spread by hash."""
    folder = Folder.prepare(path)
    counts = rows["item"].value_counts()
    ids = item_order(pd.DataFrame({"item": counts.index, "rows": counts.to_numpy()}))
    coded = rows.assign(
        item=pd.Index(ids).get_indexer(rows["item"]).astype(np.int32), row=np.arange(len(rows))
    )
    shard = pd.util.hash_array(rows["user"].to_numpy(object)) % n_shards
    records = [
        write_shard(folder, number, coded[shard == number], len(ids)) for number in range(n_shards)
    ]
    totals = sum_totals([item_totals(folder, record) for record in records])
    file = write_arrays(folder, TOTALS, dict(zip(("counts", "lengths"), totals, strict=True)))
    bounds = int(totals[0].min()), int(totals[0].max())
    manifest = Manifest({"data": "x"}, write_items(folder, ids), file, len(ids), bounds, records)
    manifest.write(folder)
    return folder, manifest


def trained(path, rows, model, iterations=None, tasks=None, method="gather"):
    """Return the sharded model of a training without a cluster."""
    folder, manifest = shards_in(path, rows)
    training, automatic = start_training(
        tasks or InlineTasks(), folder, manifest, model, active_isa(), method
    )
    training.run(model.iterations if iterations is None else iterations, lambda reached: None)
    return ShardedModel(training, model.frozen_params(), automatic)


def plain_model(**params):
    return wrmf.WRMF(**{**PLAIN, **params})


def fitted_locally(model, local):
    """Return the same model, fitted by one machine on the axes of another."""
    data = wrmf.Interactions(local.train_matrix, local.users, local.items)
    return wrmf.WRMF(**model.get_params()).fit(data)


def assert_same_factors(first, second):
    np.testing.assert_array_equal(first.item_factors, second.item_factors)
    np.testing.assert_array_equal(first.user_factors, second.user_factors)

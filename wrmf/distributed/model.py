"""The result of a distributed fit, whose users are spread over shards."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from scipy import sparse

from wrmf.cached import cached_property
from wrmf.data.axes import map_axis
from wrmf.data.checks import as_positive_int
from wrmf.data.counts import RowCounts
from wrmf.data.inputs import as_interactions
from wrmf.distributed.folder import Folder, write_arrays
from wrmf.distributed.items import read_items
from wrmf.distributed.sharded import (
    Fitted,
    evaluate_shard,
    local_model,
    part_path,
    recommend_shard,
)
from wrmf.distributed.shards import read_shard, read_users
from wrmf.distributed.state import Progress
from wrmf.distributed.steps import load_factors
from wrmf.distributed.training import Training
from wrmf.evaluation.evaluation import Evaluation
from wrmf.evaluation.joining import join_evaluations
from wrmf.evaluation.list_metrics import ListMetric
from wrmf.evaluation.metrics import MetricLike, requested_metrics
from wrmf.files import write_atomically
from wrmf.model.bulk import Written
from wrmf.model.fold_in import FoldIn
from wrmf.model.list_options import ListOptions
from wrmf.model.saved_ids import ids_to_arrays
from wrmf.model.state import Factors
from wrmf.model.wrmf import WRMF

__all__ = ["ShardedModel"]

DONE = "_SUCCESS"


class ShardedModel:
    """A model whose users are in shards on the workers of a cluster.

    :func:`wrmf.distributed.fit` returns one. The items are few enough for one machine, the users
    need not be: their factors follow from those of the items and from the shards, and are computed
    on the workers when they are asked for.

    Attributes
    ----------
    item_factors : ndarray (n_items, k)
    items : ndarray (n_items,)
        Their ids: by falling number of rows in the source, then by id.
    shape : (int, int)
        The number of users and of items.
    iterations_done : int
    history : list of Progress
        Loss, seconds and bytes of each iteration.
    counts : RowCounts
        How many rows of the source were kept, dropped or merged.
    resolved_params : dict
        The parameters, "auto" replaced by what the data made of it.
    """

    def __init__(
        self, training: Training, params: Mapping[str, Any], automatic: Mapping[str, Any]
    ) -> None:
        self._training = training
        self._params = dict(params)
        self._automatic = dict(automatic)

    def __repr__(self) -> str:
        n_users, n_items = self.shape
        return (
            f"ShardedModel({n_users} users × {n_items} items in {len(self._shards)} shards, "
            f"iterations_done={self.iterations_done})"
        )

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a ShardedModel belongs to the client of its cluster and cannot be pickled or copied: "
            "save to_local(), or call fit with the same folder, which returns it again"
        )

    @property
    def item_factors(self) -> np.ndarray:
        """The items' factors (n_items, k), in the order of ``items``."""
        training = self._training
        return load_factors(training.plan, training.latest.blocks)

    @cached_property
    def items(self) -> np.ndarray:
        """The ids of items: by falling number of rows, then by id."""
        return read_items(self._training.plan.folder, self._training.manifest.items)

    @property
    def shape(self) -> tuple[int, int]:
        """The number of users and of items."""
        return self._training.manifest.shape

    @property
    def iterations_done(self) -> int:
        """The number of complete iterations."""
        return self._training.iterations_done

    @property
    def history(self) -> list[Progress]:
        """What each iteration reached: loss, seconds and bytes."""
        return list(self._training.latest.history)

    @property
    def counts(self) -> RowCounts:
        """How many rows of the source were kept, dropped or merged."""
        return self._training.manifest.counts

    @property
    def resolved_params(self) -> dict[str, Any]:
        """The parameters, "auto" replaced by what the data made of it."""
        return {**self._params, **self._automatic}

    @property
    def _shards(self) -> Sequence[Any]:
        return self._training.manifest.shards

    @property
    def _fitted(self) -> Fitted:
        training = self._training
        return Fitted(
            training.plan.folder,
            training.manifest.items,
            self.iterations_done,
            self._params,
            self._automatic,
        )

    def to_local(self) -> WRMF:
        """Return a model with all users and the training data, on this machine.

        It is bitwise the one that ``WRMF.fit`` returns for this data on the same axes, and needs as
        much memory.
        """
        folder = self._training.plan.folder
        users = np.concatenate([read_users(folder, shard) for shard in self._shards])
        with self._training.engine.recovering(f"{self.iterations_done} iterations are saved"):
            parts = self._training.attempt(
                lambda: self._training.engine.results(self._training.present_users())
            )
        n_items = self.shape[1]
        matrix = sparse.vstack(
            [read_shard(folder, shard, n_items) for shard in self._shards], format="csr"
        )
        matrix.has_canonical_format = True
        return local_model(
            self._fitted,
            users,
            matrix,
            np.concatenate([part.factors for part in parts]),
            self.item_factors,
            self._params["num_threads"],
        )

    def recommend_partitioned(
        self,
        out: str | os.PathLike[str],
        n: int = 10,
        exclude_seen: bool = True,
        **filters: Any,
    ) -> Written:
        """Write the lists of all users to parquet files, one for each shard.

        Parameters
        ----------
        out : path of a folder that all workers see
            It is made if it does not exist. ``part-00000.parquet`` and so on have the columns of
            :meth:`wrmf.WRMF.recommend_to`; ``_SUCCESS`` is written last.
        n : int ≥ 1, default 10
        exclude_seen : bool, default True
        **filters
            Other arguments of :meth:`wrmf.WRMF.recommend` that hold for all users, such as
            ``min_score`` and ``exclude`` with ids of items.

        Returns
        -------
        Written
            The number of users, of rows, and of users without a list.

        Raises
        ------
        ClusterError
            If a worker does not see the folder.
        TypeError, ValueError
            If the folder has other files, and for invalid arguments.
        """
        options = {"n": as_positive_int(n, "n"), "exclude_seen": exclude_seen, **filters}
        self._check_filters(filters)
        folder = _made(out)
        self._training.engine.check_folder(Folder(str(folder)))
        (folder / DONE).unlink(missing_ok=True)
        for remains in folder.glob(".part-*.tmp"):
            remains.unlink(missing_ok=True)
        paths = [part_path(folder, number) for number in range(len(self._shards))]
        others = {str(path) for path in folder.iterdir() if not path.name.startswith(".")}
        others -= set(paths)
        if others:
            raise ValueError(
                f"{folder} has other files, such as {min(others)}, which would be read beside the "
                "lists: name another folder"
            )
        written = self._each(recommend_shard, [(path, options) for path in paths])
        write_atomically(folder / DONE, b"")
        return Written(*(sum(counts) for counts in zip(*written, strict=True)))

    def _check_filters(self, filters: Mapping[str, Any]) -> None:
        """Raise a TypeError or ValueError for arguments that do not hold for all users."""
        for name in ("fallback", "unknown"):
            if name in filters:
                raise ValueError(f"recommend_partitioned has no {name}=: all users are known")
        others = [name for name in filters if name not in ListOptions.__annotations__]
        if others:
            names = [
                name for name in ListOptions.__annotations__ if name not in ("fallback", "unknown")
            ]
            raise TypeError(
                f"recommend_partitioned has no argument {others[0]!r}; beside out and n, it takes "
                f"{', '.join(names)}"
            )
        for name in ("exclude", "items"):
            if isinstance(filters.get(name), Mapping):
                raise ValueError(
                    f"{name}= differs between users, and holds for all users here: pass ids of "
                    "items, or use to_local()"
                )
        # Ids that are not known are named here, and not by each of the shards.
        state = self._without_users.state
        ListOptions(**filters).resolve(state, None, state.users, few=False)

    def evaluate(
        self,
        test: Any,
        metrics: str | MetricLike | Sequence[str | MetricLike] = (
            "precision@5",
            "recall@20",
            "ndcg@100",
            "mse",
        ),
        exclude_seen: bool = True,
        per_user: bool = False,
    ) -> Evaluation:
        """Measure how well the model ranks held-out items, as :func:`wrmf.evaluate` does.

        Parameters
        ----------
        test : Interactions, a table or histories
            What users have beside the training data; their ids are matched. It is in memory here.
        metrics : as in :func:`wrmf.evaluate`
            All but ``coverage@k``, ``gini@k`` and ``novelty@k``.
        exclude_seen, per_user : as in :func:`wrmf.evaluate`

        Returns
        -------
        Evaluation
            The same values as for ``to_local()``, without those of the most popular items.

        Raises
        ------
        ValueError
            For users or items that the model does not have, and metrics as above.
        """
        held_out = as_interactions(test)
        requested = requested_metrics(metrics, self.shape[1])
        for name, (metric, _) in requested.items():
            if isinstance(metric, ListMetric):
                raise ValueError(
                    f"{name} needs the lists of all users, and is not distributed yet: use "
                    "wrmf.evaluate(model.to_local(), split)"
                )
        places = map_axis(held_out.items, self.items, "error", "items").positions
        matrix = held_out.matrix
        file = write_arrays(
            self._training.plan.folder,
            f"held-out/{secrets.token_hex(4)}.tensors",
            {
                **ids_to_arrays("users", held_out.users),
                "indptr": matrix.indptr.astype(np.int64),
                "indices": places[matrix.indices].astype(np.int32),
                "values": matrix.data,
            },
        )
        options = {"metrics": metrics, "exclude_seen": exclude_seen}
        try:
            parts = self._each(evaluate_shard, [(file, options) for _ in self._shards])
        finally:
            self._training.plan.folder.path(file.name).unlink(missing_ok=True)
        n_users = sum(count for count, _ in parts)
        if n_users != held_out.n_users:
            raise ValueError(
                f"{held_out.n_users - n_users} of {held_out.n_users} users of test have no "
                "training data: leave them out"
            )
        evaluations = [evaluation for _, evaluation in parts if evaluation is not None]
        return join_evaluations(evaluations, per_user)

    def fold_in_users(self, data: Any, unknown: str = "raise") -> np.ndarray:
        """Return the exact factors of new users, as :meth:`wrmf.WRMF.fold_in_users` does.

        They are computed here, from the item factors.
        """
        return self._without_users.fold_in_users(data, unknown)

    @property
    def _without_users(self) -> FoldIn:
        """A model of the items alone."""
        training = self._training
        y, n_items = self.item_factors, self.shape[1]
        nobody = training.plan.values.fitted(np.empty(0, dtype=np.int64))
        state = Factors(
            np.empty((0, y.shape[1]), y.dtype),
            y,
            np.empty(0, dtype=np.int64),
            self.items,
            sparse.csr_matrix((0, n_items), dtype=bool),
            self.iterations_done,
            params=self._params,
            automatic=self._automatic,
            saved_values=nobody,
        )
        return WRMF.of_state(state, {})

    def _each(self, function: Any, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Return what a function returns for each shard, its users and the item factors."""
        training, fitted = self._training, self._fitted

        def compute() -> list[Any]:
            users, blocks = training.present_users(), training.load_items()
            futures = [
                training.engine.submit(
                    function.__name__.replace("_", "-"),
                    function,
                    fitted,
                    shard,
                    own,
                    blocks,
                    *others,
                    home=f"shard-{number}",
                    computes=True,
                )
                for number, (shard, own, others) in enumerate(
                    zip(self._shards, users, arguments, strict=True)
                )
            ]
            return training.engine.results(futures)

        with training.engine.recovering(f"{self.iterations_done} iterations are saved"):
            return training.attempt(compute)


def _made(out: str | os.PathLike[str]) -> Path:
    """Return the folder of a path, which is made if it does not exist."""
    if not str(out):
        raise ValueError("out is an empty text: name a folder that all workers share")
    folder = Path(out).expanduser().absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(f"out={folder} is a file: name a folder") from None
    return folder

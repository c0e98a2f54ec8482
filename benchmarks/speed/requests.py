"""Time single requests, as a service gets them, beside the installed peers.

    python -m benchmarks.speed.requests [--rounds 100] [--set gowalla-64 …]

Every library answers the same requests in turn, in one process and on one thread. The medians of
their microseconds are printed and written to ``results/requests.json``, with two ratios of ours to
that of the fastest peer: ``ratio`` where peers are asked the same, ids in and ids out, for which
those who use implicit keep a dict from ids to positions; ``ratio to positions`` where implicit is
asked by positions and gives positions, while we look ids up. implicit ranks our factors; irspack
trains its own for one epoch. Peers that are not installed are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

import wrmf
from benchmarks import record
from benchmarks.data import gowalla
from benchmarks.missing import Missing
from wrmf.model.state import Factors

SETS = ("gowalla-64", "gowalla-128", "million-128")
N_LISTED = 1000
# Users of one call with rules of their own, and the items that a rule leaves out.
RULED, EXCLUDED = 2000, 10

# implicit asked by positions, which answers less than the others.
BY_POSITION = "implicit, by position"
Request = Callable[[int], Any]


def on_gowalla(factors: int) -> wrmf.WRMF:
    """Return a model of gowalla."""
    model = wrmf.WRMF(
        factors, 10.0, 10.0, iterations=6, objective="wrmf", random_state=0, num_threads=1
    )
    return model.fit(gowalla().train, progress=False)


def of_a_million(factors: int, size: int = 1_000_000) -> wrmf.WRMF:
    """Return a model of random factors with string ids, and ten interactions of each user.

    The norms of items fall by a power of their rank, so that the first is about 30 times the last,
    as on gowalla, and items are in random order. Cosines are those of random directions.
    """
    generator = np.random.default_rng(0)
    x = generator.standard_normal((size, factors), dtype=np.float32)
    y = generator.standard_normal((size, factors), dtype=np.float32)
    y *= generator.permutation((1 + np.arange(size)) ** -0.25).astype(np.float32)[:, None]
    columns = np.sort(generator.integers(0, size, (size, 10)), axis=1)
    likes = sparse.csr_matrix(
        (np.ones(columns.size, "f4"), columns.ravel(), np.arange(0, columns.size + 1, 10)),
        shape=(size, size),
    )
    likes.sum_duplicates()
    likes.data[:] = 1
    users, items = np.empty(size, object), np.empty(size, object)
    users[:] = [f"user-{row:08d}" for row in generator.permutation(size)]
    items[:] = [f"item-{row:08d}" for row in generator.permutation(size)]
    params = wrmf.WRMF(factors, 10.0, 1.0, objective="wrmf", num_threads=1).frozen_params()
    state = Factors(x, y, users, items, likes, params=params)
    return wrmf.WRMF.from_factors(state)


def our_requests(model: wrmf.WRMF, rows: np.ndarray, listed: np.ndarray) -> dict[str, Request]:
    """Return the requests that we answer, each of the i-th of the given rows."""
    users, items = model.users[rows].tolist(), model.items[rows % len(model.items)].tolist()
    new = [model.train_matrix[[row]] for row in rows]
    choice = as_sent(model.items[listed])
    histories = [{"new": as_sent(model.items[row.indices])} for row in new]
    mask = np.zeros(len(model.items), dtype=bool)
    mask[listed] = True
    return {
        "fold_in_users(row)": lambda i: model.fold_in_users(new[i]),
        "recommend_new(row)": lambda i: model.recommend_new(new[i]),
        "recommend_new(ids)": lambda i: model.recommend_new(histories[i]),
        "recommend(u)": lambda i: model.recommend(users[i]),
        "similar_items(i)": lambda i: model.similar_items(items[i]),
        "recommend(u, items=1,000)": lambda i: model.recommend(users[i], items=choice),
        "recommend(u, items=mask)": lambda i: model.recommend(users[i], items=mask),
        "predict(u, i)": lambda i: model.predict(users[i], items[i]),
        "explain(u, i)": lambda i: model.explain(users[i], items[i]),
    }


def as_sent(ids: np.ndarray) -> list[Any]:
    """Return ids as they arrive in a request: a list of objects that are not those of the model."""
    sent: list[Any] = json.loads(json.dumps(ids.tolist()))
    return sent


def implicit_model(model: wrmf.WRMF) -> Any:
    """Return a model of implicit with our factors, or None if it is not installed."""
    try:
        from implicit.cpu.als import AlternatingLeastSquares
    except ImportError:
        return None
    peer = AlternatingLeastSquares(model.factors, regularization=10.0, num_threads=1)
    peer.user_factors, peer.item_factors = model.state.user_factors, model.state.item_factors
    return peer


def requests_by_position(
    peer: Any, model: wrmf.WRMF, rows: np.ndarray, listed: np.ndarray
) -> dict[str, Request]:
    """Return the requests that implicit answers, users and items named by their positions."""
    new = [model.train_matrix[row] for row in rows]
    items = rows % len(model.items)
    mask = np.zeros(len(model.items), dtype=bool)
    mask[listed] = True
    return {
        "fold_in_users(row)": lambda i: peer.recalculate_user(0, new[i]),
        "recommend_new(row)": lambda i: peer.recommend(0, new[i], recalculate_user=True),
        "recommend(u)": lambda i: peer.recommend(rows[i], new[i]),
        "similar_items(i)": lambda i: peer.similar_items(items[i]),
        "recommend(u, items=1,000)": lambda i: peer.recommend(rows[i], new[i], items=listed),
        "recommend(u, items=mask)": lambda i: peer.recommend(
            rows[i], new[i], items=np.flatnonzero(mask)
        ),
    }


def requests_by_id(
    peer: Any, model: wrmf.WRMF, rows: np.ndarray, listed: np.ndarray
) -> dict[str, Request]:
    """Return the requests to implicit of those who have ids, with what they have to write."""
    users, items = model.users[rows].tolist(), model.items[rows % len(model.items)].tolist()
    user_rows = {id_: row for row, id_ in enumerate(model.users.tolist())}
    item_rows = {id_: row for row, id_ in enumerate(model.items.tolist())}
    item_ids, n_items = model.items, len(model.items)
    new = [model.train_matrix[row] for row in rows]
    choice = as_sent(model.items[listed])
    histories = [as_sent(model.items[row.indices]) for row in new]

    def with_ids(lists: Any) -> Any:
        return item_ids[lists[0]], lists[1]

    def recommend_new(i: int) -> Any:
        columns = [item_rows[id_] for id_ in histories[i]]
        values = np.ones(len(columns), dtype=np.float32)
        row = sparse.csr_matrix((values, ([0] * len(columns), columns)), shape=(1, n_items))
        return with_ids(peer.recommend(0, row, recalculate_user=True))

    def recommend_of(i: int) -> Any:
        columns = [item_rows[id_] for id_ in choice]
        return with_ids(peer.recommend(user_rows[users[i]], new[i], items=columns))

    return {
        "fold_in_users(row)": lambda i: peer.recalculate_user(0, new[i]),
        "recommend_new(row)": lambda i: with_ids(peer.recommend(0, new[i], recalculate_user=True)),
        "recommend_new(ids)": recommend_new,
        "recommend(u)": lambda i: with_ids(peer.recommend(user_rows[users[i]], new[i])),
        "similar_items(i)": lambda i: with_ids(peer.similar_items(item_rows[items[i]])),
        "recommend(u, items=1,000)": recommend_of,
    }


def irspack_requests(model: wrmf.WRMF, rows: np.ndarray, listed: np.ndarray) -> dict[str, Request]:
    """Return the requests that irspack answers, none if it is not installed or for a million."""
    if len(model.users) > 500_000:
        return {}
    try:
        from irspack import IALSRecommender
        from irspack.utils.id_mapping import IDMapper
    except ImportError:
        return {}
    train = model.train_matrix
    peer = IALSRecommender(train, n_components=model.factors, n_threads=1, train_epochs=1).learn()
    ids = IDMapper(model.users.tolist(), model.items.tolist())
    users, choice = model.users[rows].tolist(), model.items[listed].tolist()
    own = [model.items[train[[row]].indices].tolist() for row in rows]
    return {
        "fold_in_users(row)": lambda i: peer.compute_user_embedding(train[[rows[i]]]),
        "recommend_new(row)": lambda i: ids.recommend_for_new_user(peer, own[i], cutoff=10),
        "recommend_new(ids)": lambda i: ids.recommend_for_new_user(peer, own[i], cutoff=10),
        "recommend(u)": lambda i: ids.recommend_for_known_user_id(peer, users[i], cutoff=10),
        "recommend(u, items=1,000)": lambda i: ids.recommend_for_known_user_id(
            peer, users[i], cutoff=10, allowed_item_ids=choice
        ),
    }


def medians(libraries: dict[str, Request], rounds: int) -> dict[str, float]:
    """Return the median microseconds of each library.

    They answer in turn, in a random order, since each leaves the caches of the CPU to the next.
    """
    order = np.random.default_rng(3)
    seconds: dict[str, list[float]] = {name: [] for name in libraries}
    for request in libraries.values():
        request(0)
    for i in range(rounds):
        for name in order.permutation(list(libraries)):
            request = libraries[name]
            start = time.perf_counter()
            request(i)
            seconds[name].append(time.perf_counter() - start)
    return {name: round(1e6 * statistics.median(times), 1) for name, times in seconds.items()}


def new_memory(request: Request) -> int:
    """Return the peak of newly allocated bytes during a request."""
    request(0)
    tracemalloc.start()
    request(1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def rules_of_users(model: wrmf.WRMF, rounds: int = 5) -> dict[str, float]:
    """Return the milliseconds of one call for many users, without and with rules of each user."""
    generator = np.random.default_rng(2)
    users = model.users[generator.choice(len(model.users), RULED, replace=False)].tolist()
    rules = {
        user: model.items[generator.integers(0, len(model.items), EXCLUDED)].tolist()
        for user in users
    }
    calls: dict[str, Request] = {
        "without": lambda i: model.recommend(users),
        "exclude": lambda i: model.recommend(users, exclude=rules),
        "items": lambda i: model.recommend(users, items=rules),
    }
    times = {name: value / 1e3 for name, value in medians(calls, rounds).items()}
    return {**times, "exclude / without": round(times["exclude"] / times["without"], 2)}


def study(name: str, rounds: int) -> dict[str, Any]:
    """Return the medians of all requests on one data set."""
    kind, factors = name.split("-")
    model = on_gowalla(int(factors)) if kind == "gowalla" else of_a_million(int(factors))
    start = time.perf_counter()
    model.prepare()
    seconds = time.perf_counter() - start
    generator = np.random.default_rng(1)
    rows = generator.choice(len(model.users), rounds + 1, replace=False)
    listed = generator.choice(len(model.items), N_LISTED, replace=False)
    ours = our_requests(model, rows, listed)
    implicit = implicit_model(model)
    peers = {"irspack": irspack_requests(model, rows, listed)}
    if implicit is not None:
        peers["implicit"] = requests_by_id(implicit, model, rows, listed)
        peers[BY_POSITION] = requests_by_position(implicit, model, rows, listed)
    table = {}
    for request, answer in ours.items():
        asked = {"wrmf": answer}
        asked |= {peer: answers[request] for peer, answers in peers.items() if request in answers}
        by_position = asked.pop(BY_POSITION, None)
        times: dict[str, Any] = medians(asked, rounds)
        if len(asked) > 1:
            others = (value for peer, value in times.items() if peer != "wrmf")
            times["ratio"] = round(times["wrmf"] / min(others), 3)
        if by_position is not None:
            # Apart from the same library asked by ids, which would leave it warm caches.
            asked.pop("implicit", None)
            strict = medians({**asked, BY_POSITION: by_position}, rounds)
            times[BY_POSITION] = strict[BY_POSITION]
            times["ratio to positions"] = round(strict["wrmf"] / strict[BY_POSITION], 3)
        times["new KiB"] = round(new_memory(answer) / 1024)
        table[request] = times
    return {
        "set": name,
        "prepare seconds": round(seconds, 2),
        "prepared MiB": round(model.prepared_bytes / 2**20),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "microseconds": table,
        "milliseconds of 2,000 users": rules_of_users(model),
    }


def main() -> None:
    """Run all studies and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", nargs="*", default=list(SETS), choices=SETS, dest="sets")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--out", type=Path, help="the JSON file; default results/requests.json")
    options = parser.parse_args()
    results = []
    for run in range(options.runs):
        for name in options.sets:
            try:
                results.append({"run": run + 1, **study(name, options.rounds)})
            except Missing as reason:
                print(f"left out: {reason}")
                continue
            print(json.dumps(results[-1], indent=1), flush=True)
    content = {"seed": 0, "threads": 1, "rounds": options.rounds, "found": results}
    described = record.described("benchmarks.speed.requests", content)
    print(record.write(described, "requests", options.out))


if __name__ == "__main__":
    main()

"""A state machine: the public calls of a model in any order, with dense definitions beside it."""

from __future__ import annotations

import collections
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import reference
from fuzz.outcomes import Snapshot, outcome_of, require
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import wrmf
from wrmf import WRMF, Interactions, Split

__all__ = ["CALLS_OF_CASE", "run_sequences"]

# A case is N_SEQUENCES sequences of up to N_STEPS calls.
N_SEQUENCES, N_STEPS = 10, 20
CALLS_OF_CASE = N_SEQUENCES * N_STEPS

TOLERANCE = {"float32": 5e-3, "float64": 1e-7}
parameters = st.fixed_dictionaries(
    {},
    optional={
        "factors": st.integers(1, 5),
        "regularization": st.sampled_from(["auto", 0.1, 5.0, (0.5, 2.0)]),
        "alpha": st.sampled_from(["auto", 0.0, 0.5, 10.0]),
        "unobserved_weight": st.sampled_from(["auto", 0.3, 1.0]),
        "regularization_exponent": st.sampled_from(["auto", 0.0, 0.5]),
        "objective": st.sampled_from(["wrmf", "ials"]),
        "confidence": st.sampled_from(["auto", "linear", "log"]),
        "dtype": st.sampled_from(["float32", "float64"]),
        "num_threads": st.integers(1, 2),
        "random_state": st.integers(0, 5),
    },
)
seeds = st.integers(0, 2**16)


def counts_of(seed: int, n_users: int, n_items: int) -> np.ndarray:
    """Return random counts with at least one entry; rows and columns may be empty."""
    generator = np.random.default_rng(seed)
    density = generator.choice([0.2, 0.5, 1.0])
    dense = (generator.random((n_users, n_items)) < density) * generator.integers(
        1, 5, (n_users, n_items)
    )
    dense[generator.integers(n_users), generator.integers(n_items)] = 2
    return dense.astype(float)


class Sequence(RuleBasedStateMachine):
    """A model, and what it should hold: ids and a dense matrix of counts."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.model = WRMF(factors=3, regularization=0.1, iterations=2, num_threads=1)
        self.model.set_params(random_state=0)
        self.users: list[str] = []
        self.items: list[str] = []
        self.counts = np.zeros((0, 0))
        self.fitted: dict[str, Any] = {}

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    def data(self, counts: np.ndarray, users: list[str], items: list[str]) -> Interactions:
        return Interactions.from_matrix(counts, users, items)

    @property
    def is_fitted(self) -> bool:
        return bool(self.users)

    def remember(self, counts: np.ndarray, users: list[str], items: list[str]) -> None:
        self.counts, self.users, self.items = counts, users, items

    # Training

    @initialize(seed=seeds, n_users=st.integers(1, 6), n_items=st.integers(1, 7))
    def fit_first(self, seed: int, n_users: int, n_items: int) -> None:
        self.fit(seed, n_users, n_items)

    @rule(params=parameters)
    def set_params(self, params: dict[str, Any]) -> None:
        self.model.set_params(**params)
        require(
            {name: self.model.get_params()[name] for name in params} == params, "other parameters"
        )

    @rule(seed=seeds, n_users=st.integers(1, 6), n_items=st.integers(1, 7))
    def fit(self, seed: int, n_users: int, n_items: int) -> None:
        counts = counts_of(seed, n_users, n_items)
        users, items = [f"u{n}" for n in range(n_users)], [f"i{n}" for n in range(n_items)]
        data = self.data(counts, users, items)
        before = Snapshot(data.matrix, counts)
        self.model.fit(data, progress=False)
        before.check()
        self.remember(counts, users, items)
        self.fitted = self.model.resolved_params

    @rule(n=st.integers(1, 2))
    def partial_fit(self, n: int) -> None:
        state, params = self.model.state, self.model.get_params()
        same_form = (state.k, state.dtype.name) == (params["factors"], params["dtype"])
        data = self.data(self.counts, self.users, self.items) if self.counts.any() else None
        if data is None:
            return
        done = self.model.iterations_done
        call = outcome_of(self.model.partial_fit, data, iterations=n, progress=False)
        require((call.error is None) == same_form, f"partial_fit ended in {call.error!r}")
        if same_form:
            require(self.model.iterations_done == done + n, "another number of iterations")
            self.fitted = self.model.resolved_params

    @rule(
        seed=seeds,
        n_users=st.integers(1, 3),
        n_items=st.integers(1, 3),
        how=st.sampled_from(["add", "set", "replace"]),
    )
    def update(self, seed: int, n_users: int, n_items: int, how: str) -> None:
        generator = np.random.default_rng(seed)
        users = self.drawn(generator, self.users, "u", n_users)
        items = self.drawn(generator, self.items, "i", n_items)
        new = counts_of(seed, len(users), len(items))
        all_users = [*self.users, *(user for user in users if user not in self.users)]
        all_items = [*self.items, *(item for item in items if item not in self.items)]
        before, data = (np.zeros((len(all_users), len(all_items))) for _ in range(2))
        before[: len(self.users), : len(self.items)] = self.counts
        data[np.ix_(*map(self.places, (all_users, all_items), (users, items)))] = new
        self.model.update(self.data(new, users, items), how=how, progress=False)
        self.remember(reference.changed_histories(before, data, how), all_users, all_items)

    @staticmethod
    def places(axis: list[str], ids: list[str]) -> list[int]:
        return [axis.index(name) for name in ids]

    @staticmethod
    def drawn(generator: np.random.Generator, known: list[str], mark: str, n: int) -> list[str]:
        """Return ids of which some are known and some new."""
        new = (f"{mark}{100 + number}" for number in range(3))
        names = list(dict.fromkeys([*known, *new]))
        return [str(name) for name in generator.permutation(names)[:n]]

    @staticmethod
    def forgets(forget: Callable[[list[str]], Any], gone: str, left: np.ndarray) -> bool:
        """Forget an id, and return whether that was an error, as no interaction would be left."""
        call = outcome_of(forget, [gone])
        require((call.error is None) == bool(left.any()), f"forgetting ended in {call.error!r}")
        return call.error is not None

    @precondition(lambda self: len(self.users) > 1)
    @rule(data=st.data())
    def forget_users(self, data: Any) -> None:
        gone = data.draw(st.sampled_from(self.users))
        kept = [n for n, user in enumerate(self.users) if user != gone]
        if self.forgets(self.model.forget_users, gone, self.counts[kept]):
            return
        self.remember(self.counts[kept], [self.users[n] for n in kept], self.items)

    @precondition(lambda self: len(self.items) > 1)
    @rule(data=st.data())
    def forget_items(self, data: Any) -> None:
        gone = data.draw(st.sampled_from(self.items))
        kept = [n for n, item in enumerate(self.items) if item != gone]
        if self.forgets(self.model.forget_items, gone, self.counts[:, kept]):
            return
        self.remember(self.counts[:, kept], self.users, [self.items[n] for n in kept])

    # Files

    @rule(mapped=st.booleans(), again=st.booleans())
    def save_and_load(self, mapped: bool, again: bool) -> None:
        path = self.folder / "model"
        before = self.model.state
        self.model.save(path)
        content = path.read_bytes()
        loaded = wrmf.load(path, mmap=mapped)
        require(np.array_equal(loaded.user_factors, before.user_factors), "other factors")
        require(np.array_equal(loaded.item_factors, before.item_factors), "other factors")
        require(repr(loaded) == repr(self.model), f"{loaded!r} instead of {self.model!r}")
        loaded.save(self.folder / "again")
        require((self.folder / "again").read_bytes() == content, "another file")
        if again:
            self.model = loaded

    # Answers

    @rule(seed=seeds, n=st.integers(1, 9), exclude_seen=st.booleans(), filtered=st.booleans())
    def recommend(self, seed: int, n: int, exclude_seen: bool, filtered: bool) -> None:
        generator = np.random.default_rng(seed)
        users = [str(user) for user in generator.choice(self.users, generator.integers(1, 4))]
        options: dict[str, Any] = {}
        allowed = np.ones(len(self.items), dtype=bool)
        if filtered:
            chosen = generator.random(len(self.items)) < 0.6
            name = str(generator.choice(["items", "exclude"]))
            options[name] = [item for item, is_in in zip(self.items, chosen, strict=True) if is_in]
            allowed = chosen if name == "items" else ~chosen
        call = outcome_of(self.model.recommend, users, n, exclude_seen, **options)
        require(call.error is None, f"recommend ended in {call.error!r}")
        lists = call.answer
        x = np.asarray(self.model.user_factors, dtype=float)
        y = np.asarray(self.model.item_factors, dtype=float)
        for place, user in enumerate(users):
            row = self.users.index(user)
            left = allowed & ~(exclude_seen & (self.counts[row] > 0))
            if not self.counts[row].any() and not x[row].any():
                left[:] = False
            scores = y @ x[row]
            named = [item for item in lists.ids[place].tolist() if item is not None]
            at = [self.items.index(item) for item in named]
            require(len(set(at)) == len(at) == min(n, left.sum()), f"{named} for {user}")
            require(all(left[at]), f"{named} for {user} has an item that is left out")
            best = np.sort(scores[left])[::-1][: len(at)]
            scale = 1e-4 * (1 + np.abs(scores).max(initial=0))
            require(np.allclose(scores[at], best, atol=scale), f"{named} are not the best")

    @rule(seed=seeds, n=st.integers(1, 3))
    def fold_in(self, seed: int, n: int) -> None:
        rows = counts_of(seed, n, len(self.items))
        folded = self.model.fold_in_users(Interactions.from_matrix(rows, None, self.items))
        y = np.asarray(self.model.item_factors, dtype=float)
        expected = reference.half_sweep(rows, y, self.strengths(rows, 0), **self.objective)
        scale = max(np.abs(expected).max(), 1e-6) * self.tolerance
        require(np.allclose(folded, expected, atol=scale, rtol=0), "other factors are folded in")

    @rule()
    def loss(self) -> None:
        if not self.counts.any():
            return
        expected = reference.loss(
            self.counts,
            np.asarray(self.model.user_factors),
            np.asarray(self.model.item_factors),
            self.strengths(self.counts, 0),
            self.strengths(self.counts.T, 1),
            **self.objective,
        )
        given = self.model.loss(self.data(self.counts, self.users, self.items))
        require(np.isclose(given, expected, rtol=1e-6, atol=1e-9), f"loss {given}, not {expected}")

    @rule(seed=seeds)
    def evaluate(self, seed: int) -> None:
        test = counts_of(seed, len(self.users), len(self.items))
        test[self.counts > 0] = 0
        if not test.any() or not self.counts.any():
            return
        train = self.data(self.counts, self.users, self.items)
        split = Split(train, self.data(test, self.users, self.items))
        name = f"precision@{min(2, len(self.items))}"
        values = wrmf.evaluate(self.model, split, [name, "mse"])
        x, y = (
            np.asarray(self.model.user_factors, float),
            np.asarray(self.model.item_factors, float),
        )
        rows = np.flatnonzero((test > 0).any(axis=1))
        mse = np.mean(((test[rows] > 0) - x[rows] @ y.T) ** 2)
        require(np.isclose(values["mse"], mse, rtol=1e-3, atol=1e-6), f"{values}, not {mse}")
        require(0 <= values[name] <= 1, f"{values}")

    @rule(wrong=st.sampled_from(["user", "item", "shape", "n", "ids", "params", "file"]))
    def call_wrongly(self, wrong: str) -> None:
        state = self.model.state
        calls = {
            "user": lambda: self.model.recommend(["nobody"]),
            "item": lambda: self.model.similar_items(["nothing"]),
            "shape": lambda: self.model.fold_in_users(np.ones((1, len(self.items) + 1))),
            "n": lambda: self.model.recommend(self.users[:1], n=0),
            "ids": lambda: self.model.partial_fit(np.ones((len(self.users) + 1, 1))),
            "params": lambda: WRMF(alpha=-1.0).fit(self.counts),
            "file": lambda: self.model.save(self.folder / "no" / "folder"),
        }
        require(outcome_of(calls[wrong]).error is not None, f"{wrong}: no error")
        require(self.model.state is state, f"{wrong}: the model has changed")

    # What always holds

    @property
    def tolerance(self) -> float:
        return TOLERANCE[self.model.state.dtype.name]

    @property
    def objective(self) -> dict[str, Any]:
        names = ("alpha", "unobserved_weight", "objective", "confidence")
        return {name: self.fitted[name] for name in names}

    def strengths(self, counts: np.ndarray, side: int) -> np.ndarray:
        base = self.fitted["regularization"]
        base = base[side] if isinstance(base, tuple) else base
        exponent, weight = self.fitted["regularization_exponent"], self.fitted["unobserved_weight"]
        return reference.row_regularization(counts, base, exponent, weight)

    @invariant()
    def holds_what_was_fitted(self) -> None:
        if not self.is_fitted:
            return
        require(self.model.users.tolist() == self.users, "other users")
        require(self.model.items.tolist() == self.items, "other items")
        require(np.array_equal(self.model.train_matrix.toarray(), self.counts), "other counts")
        for factors in (self.model.user_factors, self.model.item_factors):
            require(np.isfinite(factors).all(), "factors are not finite")
            require(len(factors) in (len(self.users), len(self.items)), "factors of another length")


def run_sequences(generator: np.random.Generator, folder: Path) -> collections.Counter[str]:
    """Run sequences of calls, and return their number.

    Hypothesis draws them by a seed and keeps no data base, so a case depends on its number only.
    """
    options = settings(
        max_examples=N_SEQUENCES,
        stateful_step_count=N_STEPS,
        database=None,
        deadline=None,
        derandomize=False,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    calls: collections.Counter[str] = collections.Counter()

    class Counted(Sequence):
        @invariant()
        def count(self) -> None:
            calls["calls"] += self.is_fitted

    machine = seed(int(generator.integers(2**32)))(Counted)
    run_state_machine_as_test(machine, settings=options)
    return calls

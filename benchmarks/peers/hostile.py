"""Give broken and unusual input to wrmf, implicit and cmfrec.

``python -m benchmarks.peers.hostile`` prints a table of those that are installed. Each case runs in
a child process. The table says how it ended: "right", "error" (an exception of Python), "wrong" (an
answer that is wrong without notice), "crash" (the process ended), or "hang".
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse

__all__ = ["CASES", "LIBRARIES", "outcome"]

# Seconds after which a case counts as hanging.
HANG = 60
COUNTS = sparse.csr_matrix((np.add.outer(np.arange(30), np.arange(20)) % 3 == 0).astype(np.float32))


class Wrmf:
    def fit(self, matrix: Any, threads: int = 1) -> Any:
        import wrmf

        model = wrmf.WRMF(factors=4, iterations=2, num_threads=threads, random_state=0)
        return model.fit(matrix, progress=False)

    def again(self, model: Any, matrix: Any) -> Any:
        return model.fit(matrix, progress=False)

    def recommend(self, model: Any, user: int, n: int) -> list[int]:
        return [item for item in model.recommend([user], n=n).ids[0].tolist() if item >= 0]

    def new_user(self, model: Any, row: sparse.csr_matrix) -> np.ndarray:
        return model.fold_in_users(row)

    def factors(self, model: Any) -> np.ndarray:
        return model.item_factors


class Implicit:
    def fit(self, matrix: Any, threads: int = 1) -> Any:
        from implicit.cpu.als import AlternatingLeastSquares

        model = AlternatingLeastSquares(
            factors=4, iterations=2, num_threads=threads, random_state=0
        )
        return self.again(model, matrix)

    def again(self, model: Any, matrix: Any) -> Any:
        model.fit(matrix, show_progress=False)
        return model

    def recommend(self, model: Any, user: int, n: int) -> list[int]:
        return model.recommend(user, COUNTS[user], N=n)[0].tolist()

    def new_user(self, model: Any, row: sparse.csr_matrix) -> np.ndarray:
        return model.recalculate_user(0, row)

    def factors(self, model: Any) -> np.ndarray:
        return model.item_factors


class Cmfrec:
    def fit(self, matrix: Any, threads: int = 1) -> Any:
        from cmfrec import CMF_implicit

        model = CMF_implicit(k=4, niter=2, nthreads=threads, verbose=False, random_state=0)
        return self.again(model, matrix)

    def again(self, model: Any, matrix: Any) -> Any:
        return model.fit(matrix.tocoo() if sparse.issparse(matrix) else matrix)

    def recommend(self, model: Any, user: int, n: int) -> list[int]:
        return model.topN(user, n=n).tolist()

    def new_user(self, model: Any, row: sparse.csr_matrix) -> np.ndarray:
        return model.factors_warm(X_col=row.indices, X_val=row.data)

    def factors(self, model: Any) -> np.ndarray:
        return model.B_


LIBRARIES: dict[str, type] = {"wrmf": Wrmf, "implicit": Implicit, "cmfrec": Cmfrec}


def _changed(**arrays: Any) -> sparse.csr_matrix:
    matrix = COUNTS.copy()
    for name, (place, value) in arrays.items():
        getattr(matrix, name)[place] = value
    return matrix


def _is_finite(library: Any, matrix: Any) -> bool:
    return bool(np.isfinite(library.factors(library.fit(matrix))).all())


def larger_matrix(library: Any) -> bool:
    model = library.again(library.fit(COUNTS), sparse.csr_matrix(np.ones((90, 70), np.float32)))
    return len(library.factors(model)) == 70


def index_out_of_range(library: Any) -> bool:
    library.fit(_changed(indices=(0, 10**6)))
    return False


def negative_index(library: Any) -> bool:
    library.fit(_changed(indices=(0, -5)))
    return False


def decreasing_indptr(library: Any) -> bool:
    library.fit(_changed(indptr=(3, 10**6)))
    return False


def too_many_columns(library: Any) -> bool:
    library.new_user(library.fit(COUNTS), sparse.csr_matrix(np.ones((1, 10**5), np.float32)))
    return False


def unknown_user(library: Any) -> bool:
    library.recommend(library.fit(COUNTS), 10**7, 3)
    return False


def more_than_all_items(library: Any) -> bool:
    named = library.recommend(library.fit(COUNTS), 0, 50)
    return len(set(named)) == len(named) and not set(named) & set(COUNTS[0].indices.tolist())


def nan(library: Any) -> bool:
    return _is_finite(library, _changed(data=(0, np.nan)))


def infinite(library: Any) -> bool:
    return _is_finite(library, _changed(data=(0, np.inf)))


def repeated_pairs(library: Any) -> bool:
    twice = sparse.csr_matrix((30, 20), dtype=np.float32)
    twice.indptr, twice.indices = 2 * COUNTS.indptr, np.repeat(COUNTS.indices, 2)
    twice.data = np.repeat(COUNTS.data, 2)
    expected = library.factors(library.fit(2 * COUNTS))
    return np.allclose(library.factors(library.fit(twice)), expected, rtol=1e-3, atol=1e-5)


def wide_indices(library: Any) -> bool:
    matrix = COUNTS.copy()
    matrix.indices, matrix.indptr = matrix.indices.astype("i8"), matrix.indptr.astype("i8")
    expected = library.factors(library.fit(COUNTS))
    return np.allclose(library.factors(library.fit(matrix)), expected, rtol=1e-3, atol=1e-5)


def read_only(library: Any) -> bool:
    matrix = COUNTS.copy()
    for array in (matrix.data, matrix.indices, matrix.indptr):
        array.flags.writeable = False
    return _is_finite(library, matrix)


def no_entries(library: Any) -> bool:
    return _is_finite(library, sparse.csr_matrix((30, 20), dtype=np.float32))


def fork_after_fit(library: Any) -> bool:
    large = sparse.random(3000, 2000, density=0.02, format="csr", dtype=np.float32, random_state=0)
    library.fit(large, threads=2)
    child = os.fork()
    if child == 0:
        library.fit(large, threads=2)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def other_threads(library: Any) -> bool:
    large = sparse.random(3000, 2000, density=0.02, format="csr", dtype=np.float32, random_state=0)
    one, two = (library.factors(library.fit(large, threads)) for threads in (1, 2))
    return np.array_equal(one, two)


CASES: dict[str, Callable[[Any], bool]] = {
    "a second, larger matrix": larger_matrix,
    "an index out of range": index_out_of_range,
    "a negative index": negative_index,
    "indptr beyond the entries": decreasing_indptr,
    "a new user with too many columns": too_many_columns,
    "an unknown user": unknown_user,
    "more items asked for than there are": more_than_all_items,
    "NaN as a count": nan,
    "infinity as a count": infinite,
    "repeated pairs": repeated_pairs,
    "int64 indices": wide_indices,
    "read-only arrays": read_only,
    "no entries": no_entries,
    "a fit in a forked child": fork_after_fit,
    "two threads give the bits of one": other_threads,
}


def outcome(library: str, case: str) -> str:
    """Return how a case ends with a library, in a child process."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.peers.hostile", library, case]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    child = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = child.communicate(timeout=HANG)
    except subprocess.TimeoutExpired:
        # The case may have forked.
        os.killpg(child.pid, 9)
        child.wait()
        return "hang"
    return said.strip() or f"crash ({child.returncode})"


def _run_here(library: str, case: str) -> str:
    try:
        return "right" if CASES[case](LIBRARIES[library]()) else "wrong"
    except Exception as error:
        return f"error ({type(error).__name__})"


def main(words: list[str]) -> None:
    """Print the table, or run one case."""
    if words:
        print(_run_here(*words), flush=True)
        return
    installed = [name for name in LIBRARIES if importlib.util.find_spec(name)]
    print("| input |", " | ".join(installed), "|\n|", "---|" * (1 + len(installed)), sep="")
    for case in CASES:
        print("|", case, "|", " | ".join(outcome(name, case) for name in installed), "|")


if __name__ == "__main__":
    main(sys.argv[1:])

"""This library. It needs no environment variables.

Its initial factors are smaller than by default: at α = 10 and λ = 1, it then needs fewer sweeps to
reach the same loss.
"""

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from benchmarks.peers import Setting, SweepRecorder

if TYPE_CHECKING:
    import wrmf

FLOAT64 = True
INIT_SCALE = 0.001


def load() -> str:
    from wrmf.versions import versions

    return versions()["wrmf"]


def start(setting: Setting) -> str:
    return f"N(0, {INIT_SCALE}²), init_scale={INIT_SCALE}"


def train(matrix: sparse.csr_matrix, setting: Setting, recorder: SweepRecorder) -> "wrmf.WRMF":
    import wrmf

    def record(model: wrmf.WRMF, iterations_done: int) -> None:
        recorder.sweep(lambda: (model.user_factors, model.item_factors))

    recorder.start()
    model = wrmf.WRMF(
        setting.factors,
        setting.regularization,
        setting.alpha,
        iterations=setting.sweeps,
        dtype=setting.dtype,
        num_threads=setting.threads,
        random_state=setting.seed,
        init_scale=INIT_SCALE,
        **{"objective": "wrmf", **setting.options},
    )
    return model.fit(matrix, callback=record, progress=False)


def evaluate(
    model: "wrmf.WRMF", train: sparse.csr_matrix, test: sparse.csr_matrix, setting: Setting
) -> dict[str, float]:
    import wrmf

    split = wrmf.Split(train, test)
    return dict(wrmf.evaluate(model, split, ("recall@20", "ndcg@20"), num_threads=setting.threads))


def recommend(model: "wrmf.WRMF", train: sparse.csr_matrix, setting: Setting) -> np.ndarray:
    return np.asarray(model.recommend(n=10).ids)

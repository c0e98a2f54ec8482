"""implicit, whose confidence is the stored value itself. It is given 1 + α·d, with alpha 1."""

import importlib.metadata
from typing import Any

import numpy as np
from scipy import sparse

from benchmarks.missing import Missing
from benchmarks.peers import Setting, SweepRecorder

# implicit warns that threads of the BLAS would compete with its own.
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
FLOAT64 = True


def load() -> str:
    try:
        import implicit.cpu.als  # noqa: F401
    except ImportError as error:
        raise Missing(f"implicit cannot be imported: {error}") from None
    return importlib.metadata.version("implicit")


def start(setting: Setting) -> str:
    return "implicit's own: uniform on [0, 0.01)"


def confidence(matrix: sparse.csr_matrix, alpha: float) -> sparse.csr_matrix:
    """Return 1 + α·d for each stored pair."""
    matrix = matrix.astype(np.float32)
    matrix.data = 1 + np.float32(alpha) * matrix.data
    return matrix


def train(matrix: sparse.csr_matrix, setting: Setting, recorder: SweepRecorder) -> Any:
    from implicit.cpu.als import AlternatingLeastSquares

    values = confidence(matrix, setting.alpha)
    recorder.start()
    model = AlternatingLeastSquares(
        factors=setting.factors,
        regularization=setting.regularization,
        alpha=1.0,
        dtype=np.dtype(setting.dtype),
        use_native=True,
        iterations=setting.sweeps,
        num_threads=setting.threads,
        random_state=setting.seed,
        **setting.options,
    )
    model.fit(
        values,
        show_progress=False,
        callback=lambda *_: recorder.sweep(lambda: (model.user_factors, model.item_factors)),
    )
    return model


def evaluate(
    model: Any, train: sparse.csr_matrix, test: sparse.csr_matrix, setting: Setting
) -> dict[str, float]:
    from implicit.evaluation import ranking_metrics_at_k

    metrics = ranking_metrics_at_k(
        model, train, test, K=20, show_progress=False, num_threads=setting.threads
    )
    # implicit's "precision" divides the hits by min(k, held-out items), which is our capped_recall.
    # It has no recall.
    return {"capped_recall@20": metrics["precision"], "ndcg@20": metrics["ndcg"]}


def recommend(model: Any, train: sparse.csr_matrix, setting: Setting) -> np.ndarray:
    return model.recommend(np.arange(train.shape[0]), train, N=10)[0]

"""implicit: its confidence is the value itself, so it is given data 1 + α·d and alpha 1."""

import importlib.metadata

import numpy as np

from benchmarks.peers import Missing

# It warns that BLAS threads would compete with its own.
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
FLOAT64 = True


def load():
    try:
        import implicit.cpu.als  # noqa: F401
    except ImportError as error:
        raise Missing(f"implicit cannot be imported: {error}") from None
    return importlib.metadata.version("implicit")


def start(setting):
    return "uniform [0, 0.01), its own"


def confidence(matrix, alpha):
    matrix = matrix.astype(np.float32)
    matrix.data = 1 + np.float32(alpha) * matrix.data
    return matrix


def train(matrix, setting, recorder):
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


def evaluate(model, train, test, setting):
    from implicit.evaluation import ranking_metrics_at_k

    found = ranking_metrics_at_k(
        model, train, test, K=20, show_progress=False, num_threads=setting.threads
    )
    # Its "precision" divides by min(k, held-out), so it is capped_recall; recall it has not.
    return {"capped_recall@20": found["precision"], "ndcg@20": found["ndcg"]}


def recommend(model, train, setting):
    return model.recommend(np.arange(train.shape[0]), train, N=10)[0]

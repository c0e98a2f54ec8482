"""irspack, whose confidence is α₀ + d. With α₀ = 1/α and λ/α, its loss is ours divided by α."""

import importlib.metadata
from typing import Any

import numpy as np
from scipy import sparse

from benchmarks.missing import Missing
from benchmarks.peers import Setting, SweepRecorder

# Number of users for whom items are recommended at a time.
BLOCK_USERS = 1024


def load() -> str:
    try:
        import irspack  # noqa: F401
    except ImportError as error:
        raise Missing(f"irspack cannot be imported: {error}") from None
    return importlib.metadata.version("irspack")


def start(setting: Setting) -> str:
    return "irspack's own: N(0, 0.1²/k)"


def train(matrix: sparse.csr_matrix, setting: Setting, recorder: SweepRecorder) -> Any:
    from irspack import IALSRecommender

    recorder.start()
    model = IALSRecommender(
        matrix,
        n_components=setting.factors,
        alpha0=1 / setting.alpha,
        reg=setting.regularization / setting.alpha,
        nu=0.0,
        loss_type="ORIGINAL",
        random_seed=setting.seed,
        n_threads=setting.threads,
        **setting.options,
    )
    model.start_learning()
    for _ in range(setting.sweeps):
        model.run_epoch()
        recorder.sweep(lambda: (model.trainer.core_trainer.user, model.trainer.core_trainer.item))
    return model


def evaluate(
    model: Any, train: sparse.csr_matrix, test: sparse.csr_matrix, setting: Setting
) -> dict[str, float]:
    from irspack import Evaluator

    evaluator = Evaluator(test, cutoff=20, n_threads=setting.threads)
    scores = evaluator.get_scores(model, [20])
    return {name: scores[name] for name in ("recall@20", "ndcg@20")}


def recommend(model: Any, train: sparse.csr_matrix, setting: Setting) -> np.ndarray:
    from irspack.utils.id_mapping import retrieve_recommend_from_score

    lists = []
    for begin in range(0, train.shape[0], BLOCK_USERS):
        end = min(begin + BLOCK_USERS, train.shape[0])
        scores = model.get_score_remove_seen_block(begin, end)
        pairs = retrieve_recommend_from_score(scores, [], 10, setting.threads)
        lists += [[item for item, _ in row] for row in pairs]
    return np.array([(row + [-1] * 10)[:10] for row in lists])

"""irspack: its confidence is α₀ + d, so our objective is divided by α: α₀ = 1/α, λ/α."""

import importlib.metadata

import numpy as np

from benchmarks.peers import Missing


def load():
    try:
        import irspack  # noqa: F401
    except ImportError as error:
        raise Missing(f"irspack cannot be imported: {error}") from None
    return importlib.metadata.version("irspack")


def start(setting):
    return "N(0, 0.1²/k), its own"


def train(matrix, setting, recorder):
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


def evaluate(model, train, test, setting):
    from irspack import Evaluator

    evaluator = Evaluator(test, cutoff=20, n_threads=setting.threads)
    found = evaluator.get_scores(model, [20])
    return {name: found[name] for name in ("recall@20", "ndcg@20")}


def recommend(model, train, setting):
    from irspack.utils.id_mapping import retrieve_recommend_from_score

    lists = []
    for begin in range(0, train.shape[0], 1024):
        scores = model.get_score_remove_seen_block(begin, min(begin + 1024, train.shape[0]))
        found = retrieve_recommend_from_score(scores, [], 10, setting.threads)
        lists += [[item for item, _ in row] for row in found]
    return np.array([(row + [-1] * 10)[:10] for row in lists])

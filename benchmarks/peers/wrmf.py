"""This library, with a small start as its peers have; nothing to set in the environment."""

import math

import numpy as np

FLOAT64 = True


def load():
    from wrmf.versions import versions

    return versions()["wrmf"]


def start(setting):
    return "N(0, 0.1²/k), init_scale=0.1/√k"


def train(matrix, setting, recorder):
    import wrmf

    def after(model, iterations_done):
        recorder.sweep(lambda: (model.user_factors, model.item_factors))

    recorder.start()
    model = wrmf.WRMF(
        setting.factors, setting.regularization, setting.alpha, iterations=setting.sweeps,
        dtype=setting.dtype, num_threads=setting.threads, random_state=setting.seed,
        init_scale=0.1 / math.sqrt(setting.factors), **setting.options,
    )  # fmt: skip
    return model.fit(matrix, after, progress=False)


def evaluate(model, train, test, setting):
    import wrmf

    found = wrmf.evaluate(model, wrmf.Split(train, test), ("recall@20", "ndcg@20"),
                          num_threads=setting.threads)  # fmt: skip
    return dict(found)


def recommend(model, train, setting):
    return np.asarray(model.recommend(n=10).ids)

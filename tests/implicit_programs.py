"""Calls of typical programs written for implicit, to be run on it and on ``wrmf.compat.implicit``.

Each program takes the package, and data: ``user_items``, a CSR matrix of counts, and ``ratings``,
its transpose. It returns what the program would print or keep.
"""

from __future__ import annotations

import io
import pickle
import tempfile
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from scipy import sparse

__all__ = ["PROGRAMS", "make_data"]

# In float64 and solved exactly, so that both libraries reach the same factors.
SETTINGS = {
    "factors": 8,
    "regularization": 0.5,
    "alpha": 2.0,
    "iterations": 4,
    "dtype": np.float64,
    "use_cg": False,
    "random_state": 7,
}


def make_data():
    """Return a namespace with counts of 60 users × 80 items, as users × items and as items × users.

    The first user has no items, and the last item no users.
    """
    generator = np.random.default_rng(5)
    dense = (generator.random((60, 80)) < 0.15) * generator.integers(1, 6, (60, 80))
    dense[0] = 0
    dense[:, -1] = 0
    user_items = sparse.csr_matrix(dense.astype(np.float32))
    return SimpleNamespace(user_items=user_items, ratings=user_items.T.tocsr())


def fitted(implicit, data, **params):
    """Return a fitted model."""
    model = implicit.als.AlternatingLeastSquares(**{**SETTINGS, **params})
    model.fit(data.user_items, show_progress=False)
    return model


def factors_of(model):
    """Return both sides' factors."""
    return model.user_factors, model.item_factors


def from_given_factors(implicit, data):
    model = implicit.als.AlternatingLeastSquares(**SETTINGS)
    generator = np.random.default_rng(1)
    model.user_factors = generator.random((60, 8)) * 0.1
    model.item_factors = generator.random((80, 8)) * 0.1
    model.fit(data.user_items, show_progress=False)
    return factors_of(model)


def continued(implicit, data):
    model = fitted(implicit, data)
    model.fit(data.user_items, show_progress=False)
    return factors_of(model)


def with_callback(implicit, data):
    seen = []
    model = implicit.als.AlternatingLeastSquares(**SETTINGS, calculate_training_loss=True)
    model.fit(
        data.user_items,
        show_progress=False,
        callback=lambda epoch, seconds, loss: seen.append((epoch, loss)),
    )
    return seen


def with_fit_callback(implicit, data):
    seen = []
    model = implicit.als.AlternatingLeastSquares(**SETTINGS)
    model.fit_callback = lambda epoch, seconds, loss: seen.append((epoch, loss))
    model.fit(data.user_items, show_progress=False)
    return seen


def from_coo(implicit, data):
    model = implicit.als.AlternatingLeastSquares(**SETTINGS)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(data.user_items.tocoo(), show_progress=False)
    names = [warning.category.__name__ for warning in caught]
    return "ParameterWarning" in names, factors_of(model)


def bm25_weighted(implicit, data):
    weighted = implicit.nearest_neighbours.bm25_weight(data.ratings, K1=100, B=0.8)
    user_plays = weighted.T.tocsr()
    model = implicit.als.AlternatingLeastSquares(**SETTINGS)
    model.fit(user_plays, show_progress=False)
    return model.similar_items(np.arange(20), 11)


def movielens_example(implicit, data):
    ratings = data.ratings.copy()
    ratings.data[ratings.data < 3] = 0
    ratings.eliminate_zeros()
    ratings.data = np.ones(len(ratings.data))
    ratings = (implicit.nearest_neighbours.bm25_weight(ratings, B=0.9) * 5).tocsr()
    model = implicit.als.AlternatingLeastSquares(**SETTINGS)
    model.fit(ratings.T.tocsr(), show_progress=False)
    popular = sorted(range(70), key=lambda item: -np.diff(ratings.indptr)[item])[:10]
    return model.similar_items(popular, 5)


def stored_zeros(implicit, data):
    counts = data.user_items.copy()
    counts.data[counts.data < 3] = 0
    model = implicit.als.AlternatingLeastSquares(**SETTINGS)
    model.fit(counts, show_progress=False)
    return factors_of(model), model.recommend(3, counts[3])


def dislikes(implicit, data):
    counts = data.user_items.copy()
    counts.data[counts.data < 2] = -3
    model = implicit.als.AlternatingLeastSquares(**SETTINGS)
    model.fit(counts, show_progress=False)
    return factors_of(model), model.recommend(3, counts[3]), model.recalculate_user(3, counts[3])


def confidences_below_one(implicit, data):
    counts = data.user_items * 0.05
    model = implicit.als.AlternatingLeastSquares(**SETTINGS)
    model.fit(counts, show_progress=False)
    return factors_of(model), model.explain(4, counts, 9)[:2]


def lastfm_recommendations(implicit, data):
    model = fitted(implicit, data)
    lines = []
    for start in range(1, 60, 20):
        batch = np.arange(start, min(start + 20, 60))
        ids, scores = model.recommend(
            batch, data.user_items[batch], filter_already_liked_items=True
        )
        for user, own, ranks in zip(batch, ids, scores, strict=True):
            lines += [
                f"{user}\t{item}\t{score:.3f}" for item, score in zip(own, ranks, strict=True)
            ]
    return lines


def partial_fit_of_new_users(implicit, data):
    model = fitted(implicit, data)
    model.partial_fit_users([3, 62], data.user_items[[4, 5]])
    ids = [3, 62]
    return model.user_factors, model.recommend(ids, data.user_items[[4, 5]], N=5)


def partial_fit_of_new_items(implicit, data):
    model = fitted(implicit, data)
    model.partial_fit_items([2, 81], data.ratings[[3, 4]])
    wide = data.user_items.copy()
    wide.resize(60, 82)
    return model.item_factors, model.recommend(5, wide[5], N=5), model.similar_items(81, N=4)


def explained_twice(implicit, data):
    model = fitted(implicit, data)
    total, top, weights = model.explain(4, data.user_items, 9, N=3)
    again = model.explain(4, data.user_items, 11, user_weights=weights, N=3)
    return total, top, again[:2]


def explained_score_is_the_recalculated_one(implicit, data):
    model = fitted(implicit, data)
    factors = model.recalculate_user(4, data.user_items[4])
    return model.explain(4, data.user_items, 9)[0], factors @ model.item_factors[9]


def saved_and_loaded(implicit, data):
    model = fitted(implicit, data)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model")
        model.save(path)
        loaded = implicit.cpu.als.AlternatingLeastSquares.load(path)
    return loaded.similar_items(1), loaded.regularization, str(loaded.dtype), loaded.random_state


def saved_to_a_file_object(implicit, data):
    model, file = fitted(implicit, data), io.BytesIO()
    model.save(file)
    file.seek(0)
    return model.load(file).recommend(2, data.user_items[2])


def pickled(implicit, data):
    model = pickle.loads(pickle.dumps(fitted(implicit, data)))
    return model.recommend(2, data.user_items[2])


def ranked_items(implicit, data):
    model = fitted(implicit, data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return model.rank_items(2, data.user_items[2], [5, 3, 40, 22])


def split_and_evaluated(implicit, data):
    train, test = implicit.evaluation.train_test_split(data.user_items, random_state=3)
    model = implicit.als.AlternatingLeastSquares(**SETTINGS)
    model.fit(train, show_progress=False)
    return implicit.evaluation.ranking_metrics_at_k(model, train, test, K=5, show_progress=False)


def metric(name, K=10):
    """Return a program that evaluates one metric."""

    def program(implicit, data):
        train, test = implicit.evaluation.train_test_split(data.user_items, 0.7, random_state=3)
        model = implicit.als.AlternatingLeastSquares(**SETTINGS)
        model.fit(train, show_progress=False)
        evaluate = getattr(implicit.evaluation, name)
        return evaluate(model, train, test, K=K, show_progress=False, num_threads=1)

    return program


def grid_search(implicit, data):
    train, test = implicit.evaluation.train_test_split(data.user_items, random_state=3)
    table = {}
    for factors in (2, 4):
        for regularization in (0.01, 1.0):
            params = {**SETTINGS, "factors": factors, "regularization": regularization}
            model = implicit.als.AlternatingLeastSquares(**params)
            model.fit(train, show_progress=False)
            table[factors, regularization] = implicit.evaluation.mean_average_precision_at_k(
                model, train, test, K=5, show_progress=False
            )
    return table


def leave_one_out(implicit, data):
    # implicit loses entries if a user has none.
    counts = data.user_items[1:]
    train, test = implicit.evaluation.leave_k_out_split(counts, K=1)
    both = train + test
    return np.diff(test.indptr).max(), both.shape, float(abs(both - counts).sum())


def error_of(call):
    """Return the type of the error that a call raises."""
    try:
        call()
    except Exception as error:
        return type(error).__name__
    return "no error"


PROGRAMS = {
    "fit": lambda implicit, data: factors_of(fitted(implicit, data)),
    "fit from given factors": from_given_factors,
    "fit twice": continued,
    "fit with callback and loss": with_callback,
    "fit with fit_callback": with_fit_callback,
    "fit a COO matrix": from_coo,
    "fit without iterations": lambda implicit, data: factors_of(
        fitted(implicit, data, iterations=0)
    ),
    "fit in float32": lambda implicit, data: fitted(implicit, data, dtype=np.float32).recommend(
        2, data.user_items[2], N=3
    )[0],
    "fit by the Python solver": lambda implicit, data: factors_of(
        fitted(implicit, data, use_native=False)
    ),
    "fit from a seed that is a generator": lambda implicit, data: factors_of(
        fitted(implicit, data, random_state=np.random.default_rng(2))
    ),
    "fit stored zeros": stored_zeros,
    "fit dislikes": dislikes,
    "fit confidences below 1": confidences_below_one,
    "fit weights of BM25": bm25_weighted,
    "weights of the MovieLens example": movielens_example,
    "bm25_weight": lambda implicit, data: implicit.nearest_neighbours.bm25_weight(
        data.ratings, K1=100, B=0.8
    ).toarray(),
    "bm25_weight of users": lambda implicit, data: implicit.nearest_neighbours.bm25_weight(
        data.user_items[1:]
    ).toarray(),
    "tfidf_weight": lambda implicit, data: implicit.nearest_neighbours.tfidf_weight(
        data.ratings
    ).toarray(),
    "normalize": lambda implicit, data: implicit.nearest_neighbours.normalize(
        data.user_items[1:]
    ).toarray(),
    "recommend": lambda implicit, data: fitted(implicit, data).recommend(2, data.user_items[2]),
    "recommend with likes": lambda implicit, data: fitted(implicit, data).recommend(
        2, data.user_items[2], N=5, filter_already_liked_items=False
    ),
    "recommend without a matrix": lambda implicit, data: fitted(implicit, data).recommend(
        2, None, N=5, filter_already_liked_items=False
    ),
    "recommend a batch": lambda implicit, data: fitted(implicit, data).recommend(
        np.arange(1, 60), data.user_items[1:], N=7
    ),
    "recommend a list of users": lambda implicit, data: fitted(implicit, data).recommend(
        [5, 3, 9], data.user_items[[5, 3, 9]]
    ),
    "recommend with filter_items": lambda implicit, data: fitted(implicit, data).recommend(
        2, data.user_items[2], filter_items=[1, 2, 3, 4]
    ),
    "recommend a batch with filter_items": lambda implicit, data: fitted(implicit, data).recommend(
        [2, 4], data.user_items[[2, 4]], filter_items=list(range(40))
    ),
    "recommend among items": lambda implicit, data: fitted(implicit, data).recommend(
        2, data.user_items[2], N=20, items=[7, 3, 5, 60], filter_already_liked_items=False
    ),
    "recommend a batch among items": lambda implicit, data: fitted(implicit, data).recommend(
        [2, 4], data.user_items[[2, 4]], N=3, items=np.arange(40)
    ),
    "recommend with recalculate_user": lambda implicit, data: fitted(implicit, data).recommend(
        2, data.user_items[7], recalculate_user=True
    ),
    "recommend a batch with recalculate_user": lambda implicit, data: fitted(
        implicit, data
    ).recommend([2, 900], data.user_items[[7, 8]], recalculate_user=True),
    "the recommendations of the last.fm example": lastfm_recommendations,
    "rank_items": ranked_items,
    "similar_items": lambda implicit, data: fitted(implicit, data).similar_items(3),
    "similar_items of a batch": lambda implicit, data: fitted(implicit, data).similar_items(
        np.arange(30), N=5
    ),
    "similar_items with filter_items": lambda implicit, data: fitted(implicit, data).similar_items(
        3, N=5, filter_items=[3, 4, 5, 6]
    ),
    "similar_items among items": lambda implicit, data: fitted(implicit, data).similar_items(
        [3, 4], N=5, items=np.arange(20)
    ),
    "similar_items with recalculate_item": lambda implicit, data: fitted(
        implicit, data
    ).similar_items(3, N=5, recalculate_item=True, item_users=data.ratings[9]),
    "similar_users": lambda implicit, data: fitted(implicit, data).similar_users(3, N=5),
    "similar_users of a batch": lambda implicit, data: fitted(implicit, data).similar_users(
        [3, 4], N=5, filter_users=[7, 8]
    ),
    "similar_users among users": lambda implicit, data: fitted(implicit, data).similar_users(
        3, N=5, users=np.arange(1, 30)
    ),
    "recalculate_user": lambda implicit, data: fitted(implicit, data).recalculate_user(
        3, data.user_items[4]
    ),
    "recalculate_user of a batch": lambda implicit, data: fitted(implicit, data).recalculate_user(
        [3, 4], data.user_items[[4, 0]]
    ),
    "recalculate_item": lambda implicit, data: fitted(implicit, data).recalculate_item(
        [3, 4], data.ratings[[4, 79]]
    ),
    "partial_fit_users": partial_fit_of_new_users,
    "partial_fit_items": partial_fit_of_new_items,
    "explain": lambda implicit, data: fitted(implicit, data).explain(4, data.user_items, 9)[:2],
    "explain with user_weights": explained_twice,
    "explain and recalculate_user": explained_score_is_the_recalculated_one,
    "item_norms and user_norms": lambda implicit, data: (
        fitted(implicit, data).item_norms,
        fitted(implicit, data).user_norms,
    ),
    "calculate_loss": lambda implicit, data: implicit.cpu.als.calculate_loss(
        data.user_items, *factors_of(fitted(implicit, data)), 0.5
    ),
    "save and load": saved_and_loaded,
    "save to a file object": saved_to_a_file_object,
    "pickle": pickled,
    "train_test_split": lambda implicit, data: [
        part.toarray()
        for part in implicit.evaluation.train_test_split(data.user_items, 0.7, random_state=3)
    ],
    "leave_k_out_split": leave_one_out,
    "ranking_metrics_at_k": split_and_evaluated,
    "precision_at_k": metric("precision_at_k"),
    "mean_average_precision_at_k": metric("mean_average_precision_at_k", K=3),
    "ndcg_at_k": metric("ndcg_at_k"),
    "AUC_at_k": metric("AUC_at_k", K=20),
    "a search over parameters": grid_search,
    "recommend with a wrong number of rows": lambda implicit, data: error_of(
        lambda: fitted(implicit, data).recommend([1, 2], data.user_items[1])
    ),
    "recommend with a COO matrix": lambda implicit, data: error_of(
        lambda: fitted(implicit, data).recommend(1, data.user_items[1].tocoo())
    ),
    "recommend an unknown user": lambda implicit, data: error_of(
        lambda: fitted(implicit, data).recommend(900, data.user_items[1])
    ),
    "recommend among unknown items": lambda implicit, data: error_of(
        lambda: fitted(implicit, data).recommend(1, data.user_items[1], items=[3, 900])
    ),
    "recommend with items and filter_items": lambda implicit, data: error_of(
        lambda: fitted(implicit, data).recommend(1, data.user_items[1], items=[3], filter_items=[4])
    ),
}

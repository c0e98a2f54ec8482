"""The metrics equal those of ir-measures, an implementation of its own."""

import numpy as np
import pytest
import reference_ranking

import wrmf
from wrmf import _ranking


def test_metrics_equal_those_of_ir_measures(likes):
    measures = pytest.importorskip("ir_measures", reason="ir-measures (extra test) is missing")
    names = {
        "precision@5": measures.P @ 5,
        "recall@20": measures.R @ 20,
        "ndcg@20": measures.nDCG @ 20,
        "hit_rate@10": measures.Success @ 10,
        "mrr": measures.RR,
    }
    split = wrmf.split_interactions(likes, test_size=0.3, random_state=0)
    model = wrmf.WRMF(factors=6, iterations=3, random_state=0).fit(split.train)
    evaluation = wrmf.evaluate(model, split, list(names))
    scores = np.empty(likes.shape, dtype=model.user_factors.dtype)
    _ranking.exact_scores(0, model.user_factors, model.item_factors, scores)
    held_out_items, ranked_items = {}, {}
    for user in split.users.tolist():
        held_out = split.test.matrix[[user]].indices
        if len(held_out):
            held_out_items[str(user)] = {str(item): 1 for item in held_out}
            seen = split.train.matrix[[user]].indices
            # Users without training interactions get an empty list.
            order = reference_ranking.ranking(scores[user], seen) if len(seen) else []
            # ir-measures orders equal scores by name; with positions as scores there are none.
            ranked_items[str(user)] = {str(item): float(-rank) for rank, item in enumerate(order)}
    expected = measures.calc_aggregate(list(names.values()), held_out_items, ranked_items)
    for name, measure in names.items():
        assert evaluation[name] == pytest.approx(expected[measure], abs=1e-9), name

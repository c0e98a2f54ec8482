"""The weighting of the model beside implicit's functions for matrices."""

import numpy as np
import pytest
from scipy import sparse

from wrmf import WRMF
from wrmf.compat.implicit.nearest_neighbours import bm25_weight, tfidf_weight

WEIGHTINGS = {
    "bm25": lambda items: bm25_weight(items, K1=20, B=0.7),
    "tfidf": tfidf_weight,
}


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_a_model_with_weighting_equals_one_on_weighted_counts(weighting):
    generator = np.random.default_rng(0)
    dense = (generator.random((30, 20)) < 0.3) * generator.integers(1, 9, (30, 20))
    counts = sparse.csr_matrix(dense.astype(np.float32))
    params = {
        "factors": 4,
        "alpha": 2.0,
        "confidence": "raw",
        "regularization": 0.1,
        "dtype": "float64",
        "random_state": 0,
    }
    weighted = WEIGHTINGS[weighting](counts.T).T.tocsr()
    by_hand = WRMF(**params).fit(weighted, progress=False)
    model = WRMF(**params, weighting=weighting, bm25_k1=20, bm25_b=0.7)
    model.fit(counts, progress=False)
    scores = (m.user_factors @ m.item_factors.T for m in (model, by_hand))
    # The weighted matrix was rounded to float32.
    np.testing.assert_allclose(*scores, rtol=1e-3, atol=1e-4)

"""The parameters that docs/moving_over.md gives for irspack minimise its loss."""

import numpy as np
import pytest
from scipy import sparse

import wrmf

irspack = pytest.importorskip("irspack.recommenders.ials")


@pytest.mark.parametrize(("loss_type", "objective"), [("IALSPP", "ials"), ("ORIGINAL", "wrmf")])
@pytest.mark.parametrize("nu", [0.0, 0.5, 1.0])
def test_folding_in_gives_the_user_embeddings_of_irspack(loss_type, objective, nu):
    counts = sparse.random(60, 40, density=0.2, format="csr", random_state=0)
    counts.data = np.ceil(3 * counts.data)
    settings = {"alpha0": 0.3, "reg": 0.01, "nu": nu, "loss_type": loss_type}
    theirs = irspack.IALSRecommender(
        counts, n_components=4, solver_type="CHOLESKY", train_epochs=2, n_threads=1, **settings
    )
    theirs.learn()
    ours = wrmf.WRMF(
        factors=4,
        objective=objective,
        confidence="linear",
        alpha=1.0,
        unobserved_weight=0.3,
        regularization=0.01,
        regularization_exponent=nu,
        dtype="float64",
    )
    ours.fit(counts, progress=False).item_factors = theirs.get_item_embedding()
    expected = theirs.compute_user_embedding(counts)
    np.testing.assert_allclose(ours.fold_in_users(counts), expected, rtol=1e-3, atol=1e-4)

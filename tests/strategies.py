"""Hypothesis strategies: small matrices of interactions, and settings of the objective."""

import numpy as np
from hypothesis import strategies as st
from scipy import sparse


@st.composite
def interactions(draw, max_users=12, max_items=12, counts=True, dislikes=False):
    """Draw a users × items CSR matrix with at least one entry; rows and columns may be empty.

    Entries are whole numbers from 1 to 5, or 1 everywhere without ``counts``. With ``dislikes``,
    half of the entries are negative.
    """
    shape = draw(st.integers(1, max_users)), draw(st.integers(1, max_items))
    seed = draw(st.integers(0, 2**32 - 1))
    density = draw(st.sampled_from([0.1, 0.3, 0.8, 1.0]))
    generator = np.random.default_rng(seed)
    dense = (generator.random(shape) < density).astype(float)
    if counts:
        dense *= generator.integers(1, 6, shape)
    if dislikes:
        dense *= generator.choice([-1, 1], shape)
    dense[generator.integers(shape[0]), generator.integers(shape[1])] = 1
    return sparse.csr_matrix(dense)


# Settings by the names that ``reference.dense_weights`` and ``solving.make_objective`` know.
objectives = st.fixed_dictionaries(
    {
        "alpha": st.sampled_from([0.0, 0.5, 1.0, 40.0]),
        "unobserved_weight": st.sampled_from([0.1, 1.0, 3.0]),
        "objective": st.sampled_from(["wrmf", "ials"]),
        "confidence": st.sampled_from(["linear", "log", "raw"]),
        "epsilon": st.sampled_from([0.5, 1.0]),
    }
)

"""Contributions of a user's items to a score."""

import numpy as np
import pytest

from wrmf.model.explain import main_reasons


@pytest.mark.parametrize("objective", ["wrmf", "ials"])
@pytest.mark.parametrize("confidence", ["linear", "raw"])
def test_contributions_sum_to_the_score(likes, small, objective, confidence):
    settings = {"objective": objective, "confidence": confidence, "unobserved_weight": 2.5}
    model = small(dtype="float64", **settings).fit(likes)
    for item in (0, 20, 150):
        frame = model.explain(2, item, n=3)
        score = model.predict(2, item)[0]
        assert frame.attrs["score"] == pytest.approx(score, rel=1e-8, abs=1e-10)
        total = frame["contribution"].sum() + frame.attrs["rest"]
        assert total == pytest.approx(score, rel=1e-8, abs=1e-10)
        assert model.explain(2, item, n=300).attrs["rest"] == pytest.approx(0, abs=1e-9)


def test_the_rest_holds_the_distance_of_unfinished_factors_from_the_minimum(likes, small):
    model = small(dtype="float64", solver="cg", cg_steps=1, iterations=1).fit(likes)
    frame = model.explain(2, 20, n=300)
    score = model.predict(2, 20)[0]
    assert frame.attrs["score"] == pytest.approx(score, rel=1e-12)
    assert frame["contribution"].sum() + frame.attrs["rest"] == pytest.approx(score, rel=1e-12)
    assert abs(frame.attrs["rest"]) > 1e-6


def test_more_than_one_user_is_refused(checkerboard, small):
    model = small(factors=2).fit(checkerboard)
    with pytest.raises(ValueError, match="one user and one item, got 2 and 1"):
        model.explain([0, 1], 0)


@pytest.mark.parametrize("settings", [{}, {"item_weight": 1.0}, {"n_models": 2}])
def test_main_reasons_are_the_largest_contributions_of_explain(likes, small, settings):
    model = small(dtype="float64", **settings).fit(likes)
    state, params = model.state, model.fitted_params()
    columns = np.array([0, 20, 150])
    reasons = main_reasons(state, params, 2, columns, n=300)
    n_own = state.train_matrix[[2]].nnz
    for column, items in zip(columns, reasons, strict=True):
        explained = model.explain(2, int(column), n=300)
        expected = explained["item"][explained["contribution"] > 0].tolist()
        assert items[: len(expected)].tolist() == expected
        assert (items[len(expected) :] == -1).all()
        assert len(expected) <= n_own < 300

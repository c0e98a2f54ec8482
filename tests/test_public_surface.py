"""Names and parameters that users' code relies on: each is there, called as it is documented."""

import inspect

import pytest

import wrmf

# Parameters in order; others may follow.
FUNCTIONS = {
    "read_interactions": "source user item value sep duplicates",
    "leave_k_out": "data k fraction min_interactions random_state",
    "split_interactions": "data test_size random_state",
    "split_by_time": "data time test_size cutoff",
    "split_users": "data n_test fold_in random_state",
    "Split": "train test users",
    "WRMF": "factors regularization alpha iterations unobserved_weight regularization_exponent "
    "objective confidence solver dtype num_threads random_state",
    "load": "path",
    "evaluate": "model split metrics exclude_seen per_user",
    "learning_curve": "model split epochs metrics",
    "grid_search": "model split grid epochs metric",
    "tune": "model split space n_trials",
    "show_versions": "",
    "write_report": "path result model data pictures",
    "datasets.synthetic_likes": "n_users n_items n_likes random_state",
    "datasets.fetch_sketchfab": "",
    "datasets.fetch_movielens": "size",
    "datasets.fetch_lastfm": "",
    "Interactions.from_matrix": "matrix users items",
    "Interactions.k_core": "self user_min item_min",
    "Interactions.summary": "self",
    "Interactions.to_frame": "self",
    "WRMF.fit": "self data callback progress",
    "WRMF.partial_fit": "self data iterations",
    "WRMF.loss": "self data",
    "WRMF.recommend": "self users n exclude_seen exclude items",
    "WRMF.recommend_new": "self interactions n",
    "WRMF.fold_in_users": "self data",
    "WRMF.fold_in_items": "self data",
    "WRMF.similar_items": "self items n",
    "WRMF.similar_users": "self users n",
    "WRMF.item_similarity": "self",
    "WRMF.predict": "self users items",
    "WRMF.explain": "self user item n",
    "WRMF.save": "self path",
    "WRMF.get_params": "self deep",
    "WRMF.set_params": "self",
    "LearningCurve.to_frame": "self",
    "SearchResult.to_frame": "self",
    "SearchResult.plot": "self",
    "Recommendations.to_frame": "self",
}
DEFAULTS = {
    "read_interactions": {"user": "user", "item": "item", "value": None, "duplicates": "sum"},
    "Interactions.k_core": {"user_min": 5, "item_min": 5},
    "leave_k_out": {"k": 5, "fraction": None, "min_interactions": None, "random_state": None},
    "split_interactions": {"test_size": 0.2},
    "split_users": {"fold_in": 0.8},
    "WRMF.recommend": {"users": None, "n": 10, "exclude_seen": True},
    "evaluate": {"exclude_seen": True, "per_user": False},
    "learning_curve": {"epochs": range(2, 40, 2), "metrics": ("precision@5", "mse")},
    "grid_search": {"metric": "precision@5", "journal": None},
    "datasets.synthetic_likes": {
        "n_users": 15274,
        "n_items": 25655,
        "n_likes": 547_000,
        "random_state": 0,
    },
    "datasets.fetch_movielens": {"size": "20m"},
}
DOCUMENTED = [
    *wrmf.__all__,
    *(f"datasets.{name}" for name in wrmf.datasets.__all__),
    *(
        f"{kind}.{name}"
        for kind in ("WRMF", "Interactions", "LearningCurve", "SearchResult", "Recommendations")
        for name, member in vars(getattr(wrmf, kind)).items()
        if not name.startswith("_") and callable(getattr(wrmf, kind).__dict__[name])
    ),
]


def named(path):
    found = wrmf
    for part in path.split("."):
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("path", FUNCTIONS)
def test_parameters_are_as_documented(path):
    found = inspect.signature(named(path)).parameters
    told = FUNCTIONS[path].split()
    if told[:1] == ["self"] or not inspect.isclass(named(path)):
        assert list(found)[: len(told)] == told
    else:
        assert [name for name in found if name in told] == told
    for name, default in DEFAULTS.get(path, {}).items():
        assert found[name].default == default


@pytest.mark.parametrize("path", DOCUMENTED)
def test_everything_public_is_explained_and_typed(path):
    found = named(path)
    assert inspect.getdoc(found), path
    if inspect.isfunction(found):
        typed = {**found.__annotations__}
        for name in inspect.signature(found).parameters:
            assert name == "self" or name in typed, f"{path}({name}) has no type"
        assert "return" in typed

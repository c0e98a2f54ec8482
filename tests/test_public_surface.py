"""The names and parameters that users rely on exist, documented and typed."""

import functools
import importlib
import inspect
import json
import subprocess
import sys

import pytest

import wrmf
from wrmf.cli.verbs import VERBS

# The first parameters of each function, in order; others may follow.
FUNCTIONS = {
    "read_interactions": "source user item value sep duplicates item_name time time_format header "
    "encoding decimal comment quote bad_lines nulls negative min_value users items like unknown "
    "layout event",
    "leave_k_out": "data k fraction min_interactions random_state",
    "split_interactions": "data test_size random_state",
    "split_by_time": "data time test_size cutoff seen",
    "split_last": "data k min_interactions time seen",
    "split_users": "data n_test fold_in random_state",
    "k_folds": "data n by random_state fold_in",
    "Split": "train test users fold_in unknown",
    "WRMF": "factors regularization alpha iterations unobserved_weight regularization_exponent "
    "objective confidence solver dtype num_threads random_state",
    "load": "path mmap verify",
    "from_implicit": "model user_items users items",
    "compat.implicit.AlternatingLeastSquares": "factors regularization alpha dtype use_native "
    "use_cg use_gpu iterations calculate_training_loss num_threads random_state",
    "distributed.fit": "source model client user item value folder resume shards method callback "
    "progress nulls negative min_value",
    "distributed.ShardedModel.to_local": "self",
    "distributed.ShardedModel.recommend_partitioned": "self out n exclude_seen",
    "distributed.ShardedModel.evaluate": "self test metrics exclude_seen per_user",
    "distributed.ShardedModel.fold_in_users": "self data unknown",
    "evaluate": "model split metrics exclude_seen per_user on num_threads cold",
    "learning_curve": "model split epochs metrics",
    "grid_search": "model split grid epochs metric",
    "tune": "model split space n_trials",
    "autotune": "data seconds trials metric",
    "show_versions": "",
    "write_report": "path result model data pictures items n_neighbours title random_state split "
    "users item_knn max_items max_users",
    "datasets.synthetic_likes": "n_users n_items n_likes random_state",
    "datasets.fetch_sketchfab": "url folder",
    "datasets.fetch_movielens": "size min_rating base_url folder",
    "datasets.fetch_lastfm": "url folder",
    "datasets.fetch_lastfm_1k": "item url folder",
    "datasets.fetch_msd": "url md5 n_triplets folder",
    "datasets.fetch_steam": "owned url folder",
    "datasets.fetch_amazon": "category min_rating base_url folder",
    "datasets.fetch_gowalla": "url folder",
    "datasets.fetch_yelp": "min_rating folder",
    "Interactions": "matrix users items item_names times negative",
    "Interactions.from_matrix": "matrix users items item_names negative",
    "Interactions.concat": "parts duplicates keep_times",
    "Interactions.filter": "self users items since until",
    "Interactions.sample": "self size by random_state",
    "Interactions.decay": "self half_life now",
    "Interactions.with_names": "self names missing",
    "Interactions.with_times": "self times",
    "Interactions.k_core": "self user_min item_min",
    "Interactions.summary": "self",
    "Interactions.to_frame": "self",
    "WRMF.fit": "self data y callback progress start user_features item_features",
    "WRMF.partial_fit": "self data iterations callback progress user_features item_features",
    "WRMF.update": "self data iterations how progress user_features item_features",
    "WRMF.forget_users": "self ids",
    "WRMF.forget_items": "self ids",
    "WRMF.knows_users": "self ids",
    "WRMF.knows_items": "self ids",
    "WRMF.loss": "self data",
    "WRMF.recommend": "self users n exclude_seen exclude items unknown fallback where "
    "unknown_items min_score item_offset diversify",
    "WRMF.recommend_new": "self interactions n exclude_seen exclude items fallback unknown where "
    "unknown_items min_score item_offset diversify",
    "WRMF.recommend_users": "self items n exclude_seen exclude users min_score",
    "WRMF.fold_in_users": "self data unknown features",
    "WRMF.fold_in_items": "self data unknown features",
    "WRMF.similar_items": "self items n exclude among where unknown_items min_score basket",
    "WRMF.similar_users": "self users n",
    "WRMF.item_similarity": "self",
    "WRMF.predict": "self users items",
    "WRMF.explain": "self user item n",
    "WRMF.prepare": "self requests",
    "WRMF.save": "self path train dtype codes note",
    "WRMF.export": "self kind path n_users",
    "WRMF.recommend_to": "self path users n",
    "WRMF.transform": "self X",
    "WRMF.fit_transform": "self X y",
    "WRMF.score": "self X y",
    "WRMF.get_feature_names_out": "self input_features",
    "WRMF.get_params": "self deep",
    "WRMF.set_params": "self",
    "LearningCurve.to_frame": "self",
    "SearchResult.to_frame": "self",
    "SearchResult.plot": "self",
    "Recommendations.to_frame": "self backend",
    "Recommendations.by_query": "self",
    "Recommendations.equals": "self other",
    "Evaluation.to_frame": "self",
    "Metric": "function k name lower_is_better",
    "Popularity": "num_threads",
    "Popularity.fit": "self data y",
    "ItemKNN": "k shrink binary",
    "ItemKNN.recommend": "self users n exclude_seen exclude items",
    "ItemKNN.recommend_new": "self interactions n exclude_seen exclude items",
}
DEFAULTS = {
    "read_interactions": {
        "user": "user",
        "item": "item",
        "value": None,
        "duplicates": "sum",
        "header": True,
        "bad_lines": "error",
        "nulls": "error",
        "negative": "error",
        "unknown": "error",
        "layout": "pairs",
    },
    "Interactions": {"negative": "error"},
    "Interactions.k_core": {"user_min": 5, "item_min": 5},
    "WRMF": {"value_damping": 0.0, "weighting": "none", "bm25_k1": 100.0, "bm25_b": 0.8},
    "leave_k_out": {"k": 5, "fraction": None, "min_interactions": None, "random_state": None},
    "split_interactions": {"test_size": 0.2},
    "split_users": {"fold_in": 0.8},
    "split_by_time": {"cutoff": None, "seen": "keep"},
    "split_last": {"k": 1, "seen": "keep"},
    "k_folds": {"n": 5, "by": "interactions", "fold_in": 0.8},
    "Interactions.filter": {"users": None, "items": None, "since": None, "until": None},
    "Interactions.sample": {"by": "interactions", "random_state": None},
    "Interactions.decay": {"now": None},
    "Interactions.with_names": {"missing": "error"},
    "WRMF.recommend": {
        "users": None,
        "n": 10,
        "exclude_seen": True,
        "unknown_items": "raise",
        "min_score": None,
        "diversify": 0.0,
    },
    "WRMF.recommend_users": {"n": 10, "exclude_seen": True},
    "WRMF.similar_items": {"n": 10, "basket": False},
    "evaluate": {"exclude_seen": True, "per_user": False, "cold": "report"},
    "load": {"mmap": False, "verify": None},
    "WRMF.save": {"train": True, "dtype": None},
    "WRMF.update": {"iterations": 0, "how": "add"},
    "WRMF.fold_in_users": {"unknown": "raise"},
    "WRMF.recommend_new": {"unknown": "raise"},
    "write_report": {"split": None, "item_knn": None, "max_items": 20_000, "max_users": 2_000},
    "learning_curve": {"epochs": range(2, 40, 2), "metrics": ("precision@5", "mse")},
    "grid_search": {"metric": None, "journal": None},
    "autotune": {"seconds": 60.0, "trials": None, "metric": "ndcg@20"},
    "WRMF.recommend_to": {"users": None, "n": 10},
    "Metric": {"k": 10, "name": None, "lower_is_better": False},
    "ItemKNN": {"k": 100, "shrink": 0.0, "binary": True},
    "datasets.synthetic_likes": {
        "n_users": 15274,
        "n_items": 25655,
        "n_likes": 547_000,
        "random_state": 0,
    },
    "datasets.fetch_movielens": {"size": "20m"},
}
CLASSES = [
    "WRMF",
    "Interactions",
    "LearningCurve",
    "SearchResult",
    "Recommendations",
    "UpdateReport",
    "Evaluation",
    "Metric",
    "Popularity",
    "ItemKNN",
]
METHODS = [
    f"{name}.{method}"
    for name in CLASSES
    for method, member in inspect.getmembers(getattr(wrmf, name), callable)
    # Those of their bases count, too, if these are of the package.
    if not method.startswith("_") and str(member.__module__).startswith("wrmf")
]
DOCUMENTED = [
    *wrmf.__all__,
    *(f"datasets.{name}" for name in wrmf.datasets.__all__),
    *(f"distributed.{name}" for name in wrmf.distributed.__all__),
    *(
        f"compat.implicit.{module}.{name}"
        for module in ("als", "evaluation", "nearest_neighbours")
        for name in getattr(wrmf.compat.implicit, module).__all__
    ),
    *METHODS,
]


def get(path):
    """Return the object that a dotted path names within ``wrmf``."""
    return functools.reduce(getattr, path.split("."), wrmf)


@pytest.mark.parametrize("path", FUNCTIONS)
def test_parameters_are_as_documented(path):
    parameters = inspect.signature(get(path)).parameters
    expected = FUNCTIONS[path].split()
    if inspect.isclass(get(path)):
        # A class may have other parameters in between, since they are given by name.
        assert [name for name in parameters if name in expected] == expected
    else:
        assert list(parameters)[: len(expected)] == expected
    for name, default in DEFAULTS.get(path, {}).items():
        assert parameters[name].default == default


@pytest.mark.parametrize("path", DOCUMENTED)
def test_everything_public_is_documented_and_typed(path):
    member = get(path)
    assert inspect.getdoc(member), f"{path} has no docstring"
    if inspect.isfunction(member):
        for name in inspect.signature(member).parameters:
            assert name == "self" or name in member.__annotations__, f"{path}({name}) has no type"
        assert "return" in member.__annotations__, f"{path} has no return type"


def test_lazy_modules_name_only_public_names():
    assert set(wrmf.LAZY_MODULES) <= {*wrmf.__all__, "pictures"}


@pytest.mark.parametrize("name", wrmf.LAZY_MODULES)
def test_a_lazy_name_is_that_of_its_module(name):
    module = importlib.import_module(wrmf.LAZY_MODULES[name])
    expected = module if module.__name__ == f"wrmf.{name}" else getattr(module, name)
    assert getattr(wrmf, name) is expected


def loaded_after(code):
    """Return the modules that a new process has loaded after running ``code``."""
    report = "import json, sys; print(json.dumps(list(sys.modules)))"
    command = [sys.executable, "-c", f"{code}; {report}"]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_importing_wrmf_loads_neither_searches_nor_data_sets_nor_the_report():
    loaded = loaded_after("import wrmf; dir(wrmf)")
    for package in ("search", "report", "datasets", "pictures", "baselines", "compat"):
        assert f"wrmf.{package}" not in loaded


def test_a_lazy_name_is_imported_when_it_is_first_used():
    assert "wrmf.search.grid" in loaded_after("import wrmf; wrmf.grid_search")


def test_dir_lists_all_public_names():
    assert set(wrmf.__all__) <= set(dir(wrmf))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'wrmf' has no attribute 'grid_serach'"):
        _ = wrmf.grid_serach


# What takes long to import: dependencies that only some programs need, extras, and parts of SciPy.
HEAVY = {
    "dask",
    "faiss",
    "hnswlib",
    "matplotlib",
    "narwhals",
    "optuna",
    "pandas",
    "polars",
    "pyarrow",
    "safetensors",
    "scipy.optimize",
    "scipy.special",
    "scipy.stats",
    "sklearn",
    "tqdm",
    "usearch",
}


def test_importing_every_model_loads_nothing_heavy():
    assert (
        HEAVY & set(loaded_after("from wrmf import WRMF, Interactions, Recommendations")) == set()
    )


@pytest.mark.parametrize(
    "words",
    [["--help"], ["--version"], *([verb.name, "--help"] for verb in VERBS)],
    ids=" ".join,
)
def test_the_help_of_the_command_needs_nothing_heavy(words):
    program = f"""
import contextlib, io
from wrmf.cli.main import main
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
    main({words})
pass"""
    assert HEAVY & set(loaded_after(program)) == set()


def test_a_model_of_a_matrix_needs_nothing_heavy(tmp_path):
    program = f"""
import numpy as np, wrmf
likes = np.random.default_rng(0).random((30, 20)) < 0.3
model = wrmf.WRMF(factors=4, random_state=0).fit(likes, progress=False)
model.recommend([1, 2], n=3, exclude={{1: [4]}})
model.recommend_new({{"ann": [3, 5]}}, n=3)
model.similar_items([3], n=3)
model.save({str(tmp_path / "likes.wrmf")!r})
wrmf.load({str(tmp_path / "likes.wrmf")!r})
"""
    assert HEAVY & set(loaded_after(program.strip())) == set()

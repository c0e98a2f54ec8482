"""What ``WRMF()`` reaches without settings, and how its rule was chosen.

    python -m benchmarks.quality.defaults                    # about half an hour
    python -m benchmarks.quality.defaults --sets steam citeulike_a --seconds 10
    python -m benchmarks.quality.defaults --only-defaults    # after a change of the rule

Settings are compared on validation parts of the training data. ``WRMF()``, popularity and the
tuned models are then scored on the test parts, each of which counts how often it was looked at.
The best known score of a set is the best of a model that ``wrmf.autotune`` finds within some
seconds, of the records in ``benchmarks/results`` for the same split and, without records, of EASE.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scipy import sparse

import wrmf
from benchmarks import record
from benchmarks.data import read_split
from benchmarks.machine import load_average
from benchmarks.missing import Missing
from benchmarks.quality.contenders.simple import EASE
from benchmarks.quality.gowalla import validation
from benchmarks.quality.rankers import Ranker
from benchmarks.quality.splits import draw_players, leaderboard_split
from wrmf.data.splitting import as_validation

METRIC = "ndcg@20"
# Sets whose tables have a column that tells which pairs are in test.
WITH_TEST = ("gowalla", "retail", "steam", "tafeng")
LEADERBOARD_SETS = ("citeulike_a", "lastfm_hetrec2k", "mtg_decks")
SETS = (*WITH_TEST, *LEADERBOARD_SETS, "mtg_players", "synthetic_likes")
# The strength of EASE, where no record has its score.
EASE_STRENGTH = 300.0
# Largest number of items for which EASE is computed here.
EASE_ITEMS = 13_000

Params = dict[str, Any]


def density_rule(train: sparse.csr_matrix) -> Params:
    """Return another rule that was considered: α₀ by the root of the density, the same λ."""
    density = train.nnz / math.prod(train.shape)
    share = min(max(0.8 * density**0.5, 0.01), 0.3)
    return {"unobserved_weight": share, "regularization": 0.01}


def candidates(train: sparse.csr_matrix) -> dict[str, Params]:
    """Return the settings that are compared on the validation part, by their label."""
    return {
        "WRMF()": {},
        "128 factors": {"factors": 128},
        "α₀ = .8 √density, λ = .01": {"factors": 128, **density_rule(train)},
        "the model of 2008, α 30, λ 30": {"factors": 128, "objective": "wrmf"},
    }


@dataclass
class TestPart:
    """A split, and how often each model was scored on its test part."""

    split: wrmf.Split
    looks: Counter[str] = field(default_factory=Counter)

    def score(self, label: str, model: Any) -> float:
        """Return the score of a model on the test part, and count the look."""
        self.looks[label] += 1
        return _score(model, self.split)


def _score(model: Any, split: wrmf.Split) -> float:
    if hasattr(model, "evaluate"):
        return round(float(model.evaluate(split, [METRIC])[0][METRIC]), 5)
    return round(float(wrmf.evaluate(model, split, [METRIC])[METRIC]), 5)


def load(name: str, seed: int = 0) -> tuple[wrmf.Split, wrmf.Split]:
    """Return the split of a data set, and a validation split of its train part.

    Raises
    ------
    Missing
        If the data set is not on this machine.
    """
    if name in WITH_TEST:
        split = wrmf.Split(*read_split(name))
        return split, validation(split.train, seed)
    if name in LEADERBOARD_SETS:
        return leaderboard_split(name, "weak", seed)
    if name == "synthetic_likes":
        matrix = wrmf.datasets.DATASETS["synthetic"].load(seed).matrix
    else:
        matrix = draw_players(seed)
    split = wrmf.split_interactions(matrix, 0.2, random_state=seed)
    return split, as_validation(split, 0.1, seed + 1)


def fitted(params: Params, train: wrmf.Interactions, seed: int) -> wrmf.WRMF:
    """Return a model with the given settings, and otherwise without any."""
    return wrmf.WRMF(**params, random_state=seed).fit(train, progress=False)


def compare(inner: wrmf.Split, seed: int) -> dict[str, float]:
    """Return the score of each candidate on the validation part."""
    return {
        label: _score(fitted(params, inner.train, seed), inner)
        for label, params in candidates(inner.train.matrix).items()
    }


def tuned(
    split: wrmf.Split, inner: wrmf.Split, seconds: float, seed: int
) -> tuple[dict[str, Any], wrmf.WRMF]:
    """Tune wrmf on the validation part; return a record and the model of the training part."""
    start = wrmf.WRMF(random_state=seed)
    result = wrmf.autotune(
        split.train, seconds, metric=METRIC, model=start, validation=inner, progress=False
    )
    content = {
        "by": "autotune",
        "best": result.best_params,
        "validation": round(result.best_score, 5),
        "tried": len(result.to_frame()),
        "load": load_average(),
    }
    return content, result.model


def ease(split: wrmf.Split) -> Ranker | None:
    """Return EASE with a common strength; None if it is too slow."""
    if split.train.n_items > EASE_ITEMS:
        return None
    ((_, ranker),) = EASE().curve({"regularization": EASE_STRENGTH}, split)
    return ranker


def recorded(name: str, folder: Path = record.RESULTS) -> dict[str, float]:
    """Return the test scores that earlier studies have of the same split, by label."""
    scores = {}
    for path in folder.glob(f"leaderboard-{name}-weak.json"):
        for label, result in record.read(path)["contenders"].items():
            if "test" in result:
                scores[f"leaderboard: {label}"] = result["test"][METRIC]
    if name == "gowalla":
        for path in (*folder.glob("gowalla-quality-k*.json"), *folder.glob("gowalla-final-*.json")):
            scores[path.stem] = record.read(path)["test"][METRIC]
    return scores


@dataclass(frozen=True)
class Task:
    """What is done with a data set.

    Attributes
    ----------
    seconds : float
        Time to tune a model.
    seed : int
    compares : bool
        Whether settings are compared on the validation part.
    earlier : dict
        A record of the set. The scores of what ``WRMF()`` is compared with are taken from it, so
        that the test part is looked at once, for ``WRMF()``. Empty if they are to be measured.
    """

    seconds: float
    seed: int
    compares: bool
    earlier: dict[str, Any] = field(default_factory=dict)


def rivals_of(
    name: str, part: TestPart, inner: wrmf.Split, task: Task
) -> tuple[dict[str, Any], dict[str, float]]:
    """Return how a model was tuned, and the scores of popularity, that model and EASE.

    EASE is not computed for a set with records of other studies.
    """
    split, content = part.split, {}
    scores = {"popularity": part.score("popularity", wrmf.Popularity().fit(split.train))}
    content["tuned"], model = tuned(split, inner, task.seconds, task.seed)
    scores["autotune"] = part.score("autotune", model)
    if not recorded(name) and (ranker := ease(split)) is not None:
        scores["EASE"] = part.score("EASE", ranker)
    return content, scores


def study(name: str, task: Task) -> dict[str, Any]:
    """Return the record of one data set; its test part is looked at once for each model."""
    split, inner = load(name, task.seed)
    content: dict[str, Any] = {"validation": compare(inner, task.seed)} if task.compares else {}
    part = TestPart(split)
    start = time.perf_counter()
    ours = fitted({}, split.train, task.seed)
    fit_seconds = time.perf_counter() - start
    scores = {"WRMF()": part.score("WRMF()", ours)}
    if task.earlier:
        content |= {key: task.earlier[key] for key in ("tuned",) if key in task.earlier}
        scores = {**task.earlier["test"], **scores}
    else:
        details, others = rivals_of(name, part, inner, task)
        content |= details
        scores |= others
    known = {**scores, **recorded(name)}
    rivals = {label: score for label, score in known.items() if label != "WRMF()"}
    best = max(rivals, key=lambda label: rivals[label])
    resolved = ours.resolved_params
    return {
        "data": {"shape": list(split.train.shape), "train": split.train.n_interactions},
        "resolved": {key: resolved[key] for key in ours.get_params() if key in REPORTED},
        "fit_seconds": round(fit_seconds, 2),
        **content,
        "test": scores,
        "best_known": {"by": best, METRIC: rivals[best]},
        "share": round(scores["WRMF()"] / rivals[best], 4),
        "over_popularity": round(scores["WRMF()"] / scores["popularity"], 3),
        "looks_at_test": dict(part.looks),
    }


REPORTED = ("factors", "regularization", "alpha", "unobserved_weight", "iterations")


def summary(sets: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Return the geometric mean and the least of the shares of the best known score.

    A score above the best known counts as this.
    """
    shares = [min(content["share"], 1.0) for content in sets.values()]
    return {
        "geometric_mean": round(math.exp(sum(map(math.log, shares)) / len(shares)), 4),
        "least": min(shares),
        "least_over_popularity": min(content["over_popularity"] for content in sets.values()),
    }


def run(options: argparse.Namespace) -> Path:
    """Run the study and write its record after each set; return the path of the record.

    Sets that were not asked for keep their earlier results with the same seed, and looks at test
    parts are counted over all runs.
    """
    path: Path = options.out or record.RESULTS / "defaults.json"
    sets: dict[str, dict[str, Any]] = {}
    if path.exists() and record.read(path)["seed"] == options.seed:
        sets = record.read(path)["sets"]
    for name in options.sets:
        try:
            earlier = sets.get(name, {}) if options.only_defaults else {}
            content = study(name, Task(options.seconds, options.seed, options.compare, earlier))
        except Missing as reason:
            print(f"{name}: left out: {reason}", file=sys.stderr)
            continue
        looks = Counter(sets.get(name, {}).get("looks_at_test", {}))
        sets[name] = {**content, "looks_at_test": dict(looks + Counter(content["looks_at_test"]))}
        print(name, sets[name]["share"], sets[name]["test"], file=sys.stderr, flush=True)
        study_of_all = {
            "seed": options.seed,
            "metric": METRIC,
            "tuning_seconds": options.seconds,
            "summary": summary(sets),
            "sets": sets,
        }
        described = record.described("benchmarks.quality.defaults", study_of_all)
        record.write(described, path.stem, path)
    return path


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality.defaults", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--sets", nargs="+", default=SETS, choices=SETS)
    parser.add_argument("--seconds", type=float, default=60.0, help="to tune on each data set")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--compare", action="store_true", help="also compare settings on the validation parts"
    )
    parser.add_argument(
        "--only-defaults",
        action="store_true",
        help="score WRMF() alone, and keep the other scores of an earlier run",
    )
    parser.add_argument("--out", type=Path, help="the JSON file; default results/defaults.json")
    print(run(parser.parse_args(arguments)))


if __name__ == "__main__":
    main()

"""The final model of gowalla: members, item term and damping, chosen on validation.

    python -m benchmarks.quality.final                       # validation only
    python -m benchmarks.quality.final --damping 0.25 0.25 --members 4 --weights 0.2 0.3
    python -m benchmarks.quality.final --test                # one look at the test part

Without ``--test``, models are trained on a part of train, and each ``item_weight`` is tried without
training again. With it, the model of ``FINAL``, or with other members, damping and weight, is
trained on all of train and evaluated once on the test part; ``results/looks.json`` counts these
looks.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from typing import Any

import wrmf
from benchmarks import record
from benchmarks.data import gowalla
from benchmarks.looks import look
from benchmarks.quality.gowalla import METRICS, model_of, record_name, validation

# The additions of the best final model, beside the settings of the tuned model of 512 factors.
FINAL: dict[str, Any] = {
    "n_models": 4,
    "value_damping": (0.14161377502462885, 0.37698387102315706),
    "item_weight": 0.2,
    "item_neighbors": 30,
    "item_regularization": 20.0,
}


def final_model(seed: int, **params: Any) -> wrmf.WRMF:
    """Return a model with the settings of one tuned model of 512 factors, and others."""
    path = record.RESULTS / f"{record_name(512)}.json"
    tuned = json.loads(path.read_text(encoding="utf-8"))["best"]
    model = model_of(tuned["params"], 512, tuned["epoch"], seed)
    return model.set_params(confidence="linear", num_threads=2, **params)


def timed_fit(model: wrmf.WRMF, train: Any) -> dict[str, float]:
    """Train a model; return the seconds, and the CPU seconds of all threads."""
    wall, cpu = time.perf_counter(), time.process_time()
    model.fit(train, progress=False)
    return {
        "seconds": round(time.perf_counter() - wall, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "load": round(os.getloadavg()[0], 1),
    }


def on_validation(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the scores of each ``item_weight`` on a validation part of train."""
    inner = validation(gowalla().train, options.seed)
    model = final_model(
        options.seed, n_models=options.members, value_damping=tuple(options.damping)
    )
    trained = timed_fit(model, inner.train)
    rows = []
    for weight in options.weights:
        model.reweigh_items(weight, FINAL["item_neighbors"], FINAL["item_regularization"])
        scores = wrmf.evaluate(model, inner, METRICS)
        found = {name: round(value, 5) for name, value in scores.items()}
        rows.append({"item_weight": weight, **found})
        print(rows[-1], flush=True)
    return [{"members": options.members, "damping": options.damping, **trained, "scores": rows}]


def on_test(options: argparse.Namespace) -> dict[str, Any]:
    """Train a final model on all of train, and look at the test part once."""
    chosen = {
        "n_models": options.members,
        "value_damping": tuple(options.damping),
        "item_weight": options.weight,
    }
    split, model = gowalla(), final_model(options.seed, **{**FINAL, **chosen})
    trained = timed_fit(model, split.train)
    count = look("gowalla", repr(model))
    scores = wrmf.evaluate(model, split, METRICS)
    return {
        "model": repr(model),
        "seed": options.seed,
        "looks": count,
        **trained,
        "test": {name: round(value, 5) for name, value in scores.items()},
        "stderr": {name: round(value, 5) for name, value in scores.stderr.items()},
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the study and write its record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--test", action="store_true", help="look at the test part, once")
    parser.add_argument("--members", type=int, default=FINAL["n_models"])
    parser.add_argument("--damping", type=float, nargs=2, default=FINAL["value_damping"])
    parser.add_argument("--weights", type=float, nargs="+", default=[0.0, 0.2, 0.3, 0.45])
    parser.add_argument("--weight", type=float, default=FINAL["item_weight"], help="of --test")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    if options.test:
        result = on_test(options)
        print(result)
        name = f"gowalla-final-{result['looks']}"
        record.write(record.described("benchmarks.quality.final", result), name)
    else:
        result = {"seed": options.seed, "validation": on_validation(options)}
        record.write(record.described("benchmarks.quality.final", result), "gowalla-validation")


if __name__ == "__main__":
    main()

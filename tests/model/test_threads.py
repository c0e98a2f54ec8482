"""Every method refuses a negative number of threads, before it computes anything."""

import numpy as np
import pytest

import wrmf
from wrmf.cli.main import main

LIKES = np.indices((6, 6)).sum(axis=0) % 2
METHODS = {
    "fit": lambda model: model.fit(LIKES),
    "partial_fit": lambda model: model.partial_fit(LIKES),
    "loss": lambda model: model.loss(LIKES),
    "recommend": lambda model: model.recommend(),
    "recommend to nobody": lambda model: model.recommend([]),
    "recommend_new": lambda model: model.recommend_new(LIKES),
    "fold_in_users": lambda model: model.fold_in_users(LIKES),
    "fold_in_items": lambda model: model.fold_in_items(LIKES),
    "similar_items": lambda model: model.similar_items(0),
    "similar_users": lambda model: model.similar_users(0),
    "explain": lambda model: model.explain(0, 1),
    "evaluate": lambda model: wrmf.evaluate(
        model, wrmf.Split(LIKES, 1 - LIKES), num_threads=model.num_threads
    ),
    "learning_curve": lambda model: wrmf.learning_curve(
        model, wrmf.Split(LIKES, 1 - LIKES), epochs=[1]
    ),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("value", "error"), [(-1, ValueError), (1.5, TypeError), ("2", TypeError)])
def test_a_number_of_threads_is_a_whole_number_from_0(method, value, error):
    model = wrmf.WRMF(factors=2, random_state=0).fit(LIKES).set_params(num_threads=value)
    with pytest.raises(error, match=r"num_threads must be (at least 0|a whole number)"):
        METHODS[method](model)


def test_the_command_line_refuses_it_before_reading(capsys):
    with pytest.raises(SystemExit):
        main(["fit", "missing.csv", "--threads", "-1"])
    assert "argument --threads: must be a whole number ≥ 0, got '-1'" in capsys.readouterr().err

import re

import numpy as np
import pytest

import wrmf


@pytest.fixture(scope="session")
def make_curve():
    """A function that makes the learning curve of a setting from its test scores."""

    def make(params, scores, with_mse=True):
        epochs = [2 * checkpoint + 2 for checkpoint in range(len(scores))]
        test = {"precision@5": list(scores)}
        train = {"precision@5": [2 * score for score in scores]}
        if with_mse:
            test["mse"] = [0.1] * len(scores)
            train["mse"] = [0.1] * len(scores)
        return wrmf.LearningCurve(params, epochs, train, test, [1.0 * epoch for epoch in epochs])

    return make


@pytest.fixture
def result(make_curve):
    curves = [
        make_curve({"factors": 8, "alpha": 1.0}, [0.01, 0.02, 0.015]),
        make_curve({"factors": 16, "alpha": 1.0}, [0.03, 0.05, 0.04]),
        make_curve({"factors": 8, "alpha": 9.0}, [np.nan, 0.02, 0.01]),
    ]
    return wrmf.SearchResult("precision@5", ("factors", "alpha"), curves)


@pytest.fixture(scope="session")
def data(likes):
    """Interactions in which every item has a script as its name."""
    names = ['<script>alert("x")</script>'] * likes.shape[1]
    return wrmf.Interactions.from_matrix(likes, item_names=names)


@pytest.fixture(scope="session")
def model(data):
    return wrmf.WRMF(4, iterations=2, random_state=0).fit(data)


@pytest.fixture
def page_text(tmp_path):
    """A function that writes a report, with the arguments of ``write_report``; returns its text."""

    def write_and_read(*args, **kwargs):
        return wrmf.write_report(tmp_path / "r.html", *args, **kwargs).read_text(encoding="utf-8")

    return write_and_read


@pytest.fixture
def table_rows(page_text):
    """A function that writes a report and returns the text of its table's cells, row by row."""

    def rows(result):
        table = re.search("<tbody>.*?</tbody>", page_text(result))[0]
        return [
            [re.sub("<[^>]*>", "", cell) for cell in re.findall("<td.*?</td>", row)]
            for row in re.findall("<tr.*?</tr>", table)
        ]

    return rows

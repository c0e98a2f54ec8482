"""What a notebook shows of each object: small tables, escaped, without scripts."""

import html
import re
from html.parser import HTMLParser

import numpy as np
import pytest

import wrmf

BREAKOUT = """'"><script>x</script><b>&lt;"""
SETTINGS = {"objective": "wrmf", "regularization": 1.0, "alpha": 5.0, "random_state": 0}


class Table(HTMLParser):
    """The tags of a piece of HTML, and the text of the cells of each row."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.rows, self.unclosed = [], [], []
        self.feed(text)
        assert self.unclosed == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        assert not [name for name, _ in attributes if name.startswith("on")]
        if tag != "br":
            self.unclosed.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.unclosed.pop() == tag

    def handle_data(self, text):
        if {"td", "th"} & set(self.unclosed):
            self.rows[-1][-1] += text


def table_of(shown):
    return Table(shown._repr_html_())


@pytest.fixture(scope="module")
def data(likes):
    users = [f"{BREAKOUT}{n}" for n in range(likes.shape[0])]
    names = [f"{BREAKOUT}{n}" for n in range(likes.shape[1])]
    return wrmf.Interactions.from_matrix(likes, users, item_names=names)


@pytest.fixture(scope="module")
def model(data):
    return wrmf.WRMF(factors=4, iterations=2, **SETTINGS).fit(data)


@pytest.fixture(scope="module")
def split(data):
    return wrmf.leave_k_out(data, k=2, random_state=0)


@pytest.fixture(scope="module")
def result(split):
    grid = {"factors": [2, 4], "alpha": [1.0, 5.0]}
    return wrmf.grid_search(wrmf.WRMF(iterations=2, **SETTINGS), split, grid, [1, 2])


@pytest.fixture(scope="module")
def shown(data, model, split, result):
    """An object of each kind that a notebook shows."""
    return {
        "Interactions": data,
        "WRMF": model,
        "Recommendations": model.recommend(n=3),
        "SearchResult": result,
        "LearningCurve": result.best_curve,
        "Autotuned": wrmf.autotune(split, trials=2, random_state=0),
        "Evaluation": wrmf.evaluate(
            wrmf.WRMF(factors=4, **SETTINGS).fit(split.train), split, ["mrr", "mse"]
        ),
    }


KINDS = (
    *("Interactions", "WRMF", "Recommendations", "SearchResult", "Autotuned", "LearningCurve"),
    "Evaluation",
)


@pytest.mark.parametrize("kind", KINDS)
def test_tables_are_small_and_escaped_and_have_no_script_and_no_colour(shown, kind):
    text = shown[kind]._repr_html_()
    assert type(shown[kind]).__name__ == kind
    tags = set(Table(text).tags)
    allowed = {"table", "caption", "thead", "tbody", "tr", "th", "td", "strong", "br", "small", "p"}
    assert tags <= allowed
    assert len(text) < 20_000
    assert set(re.findall(r"color:(\w+)", text)) <= {"inherit"}


def test_interactions_show_their_summary_and_the_first_pairs(data):
    rows = table_of(data).rows
    assert ["Number of users", "300"] in rows
    user, column = data.users[0], data.matrix.indices[0]
    assert rows[-5] == [user, str(column), data.item_names[column], f"{data.matrix.data[0]:g}"]
    likes = np.array([[0, 0, 2], [1, 0, 0]])
    assert table_of(wrmf.Interactions.from_matrix(likes)).rows[-2:] == [
        ["0", "2", "2"],
        ["1", "0", "1"],
    ]


def test_a_model_shows_what_was_set_and_what_the_data_chose(likes):
    model = wrmf.WRMF(factors=3, random_state=0)
    assert "not fitted yet" in model._repr_html_()
    assert ["factors", "3"] in table_of(model).rows
    fitted = model.fit(likes)
    chosen = fitted.resolved_params["regularization"]
    rows = table_of(fitted).rows
    assert ["factors", "3", "3"] in rows
    assert ["regularization", "auto", f"{chosen:.4g}"] in rows
    assert "dtype" not in [row[0] for row in rows]


def test_a_search_shows_the_best_settings_first(result):
    rows = table_of(result).rows
    assert rows[0] == [
        *("rank", "test precision@5", "std. error", "factors", "alpha"),
        "best epoch",
    ]
    assert rows[1][1] == f"{result.best_score:.5f}"
    scores = [float(row[1]) for row in rows[1:]]
    assert scores == sorted(scores, reverse=True) and len(scores) == 4
    n_level = len(result.within_error)
    assert (f"{n_level} lie within one standard error" in result._repr_html_()) == (n_level > 0)


def test_what_was_tuned_shows_baselines_and_the_summary(shown):
    tuned = shown["Autotuned"]
    table = table_of(tuned)
    frame = tuned.to_frame()
    assert len(table.rows) <= 1 + len(frame)
    assert {row[0] for row in table.rows[1:]} == set(frame["what"])
    scores = [float(row[1]) for row in table.rows[1:]]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == pytest.approx(frame["best_score"].max(), rel=1e-4)
    assert html.escape(tuned.summary) in tuned._repr_html_()


def test_a_long_curve_shows_some_checkpoints_and_the_best(make_scores):
    curve = make_scores(50, best=33)
    rows = table_of(curve).rows[1:]
    assert len(rows) <= 15
    assert str(curve.epochs[33]) in [row[0] for row in rows]
    assert rows[-1][0] == str(curve.epochs[-1])
    assert "<strong>34</strong>" in curve._repr_html_()


@pytest.fixture
def make_scores():
    def make(n, best):
        scores = [0.1] * n
        scores[best] = 0.2
        return wrmf.LearningCurve({}, list(range(1, n + 1)), {"mrr": scores}, {"mrr": scores})

    return make


def test_an_evaluation_stands_beside_popular_items():
    evaluation = wrmf.Evaluation({"mrr": 0.1}, 7, 2, {"mrr": 0.01}, popularity={"mrr": 0.2})
    text = evaluation._repr_html_()
    assert Table(text).rows[1] == ["mrr", "0.10000", "0.01000", "0.20000"]
    assert "2 users without held-out items left out" in text
    assert "no better than popular items by mrr" in text
    assert table_of(wrmf.Evaluation({"mse": 0.1}, 7, 0)).rows[1] == ["mse", "0.10000", "–"]


CELLS = [
    """import wrmf
data = wrmf.datasets.synthetic_likes(300, 200, 4000, random_state=0)
split = wrmf.leave_k_out(data, k=3, random_state=0)
data""",
    "model = wrmf.WRMF(factors=8, random_state=0).fit(split.train, progress=True)\nmodel",
    "model.recommend(n=3)",
    "wrmf.evaluate(model, split)",
    "curve = wrmf.learning_curve(model, split, epochs=[2, 4])\ncurve",
    "result = wrmf.grid_search(model, split, {'alpha': [1.0, 5.0]}, [2, 4], progress=True)\nresult",
    "_ = curve.plot()",
    "_ = result.plot('traces')",
]


@pytest.mark.slow
def test_a_real_notebook_shows_tables_and_plots_and_no_warning(monkeypatch):
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    pytest.importorskip("matplotlib")
    notebook = nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, CELLS)))
    monkeypatch.delenv("MPLBACKEND", raising=False)
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    outputs = [cell["outputs"] for cell in notebook.cells]
    for cell in outputs[:6]:
        shown = [output["data"] for output in cell if output["output_type"] == "execute_result"]
        assert "<table>" in shown[-1]["text/html"]
    for cell in outputs[6:]:
        assert any("image/png" in output.get("data", {}) for output in cell)
    written = "".join(
        output["text"] for cell in outputs for output in cell if output["output_type"] == "stream"
    )
    assert "WRMF: 100%" in written
    assert "Warning" not in written

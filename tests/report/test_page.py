import base64
import datetime
import hashlib
import html
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import wrmf
from wrmf.pictures import DrawnPictures
from wrmf.report import sections
from wrmf.report.page import SECTIONS

SCRIPT = '<script>alert("x")</script>'
EVERY_BREAKOUT = """'"><script>x</script><img src=x onerror=y>&lt;"""
VOID_ELEMENTS = ("meta", "link", "img", "input", "br")


class TagReader(HTMLParser):
    """Collects the tags and attributes of a page; fails where tags are not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.unclosed, self.tags, self.attributes = [], [], []
        self.feed(text)
        assert self.unclosed == []

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID_ELEMENTS:
            self.unclosed.append(tag)

    def handle_startendtag(self, tag, attrs):
        # A script of another type is data, which no browser runs.
        is_data = tag == "script" and dict(attrs).get("type") == "application/json"
        self.tags.append("data" if is_data else tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.unclosed.pop() == tag


def test_the_page_refers_to_nothing_outside_itself(result, model, data, page_text):
    text = page_text(result, model, data, pictures=DrawnPictures(data))
    assert not re.search(r'(?:src|href)\s*=\s*["\']?(?:https?:)?//', text)
    assert "@import" not in text
    assert "data:image/svg+xml" in text
    assert "prefers-color-scheme" in text


def test_the_content_security_policy_allows_only_the_script_of_the_page(result, page_text):
    text = page_text(result)
    script = re.search(r"<script>(.*?)</script>", text, re.S)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text
    assert "default-src 'none'; img-src data:" in text


def test_names_and_titles_are_escaped(result, model, data, page_text):
    text = page_text(result, model, data, title=SCRIPT)
    assert SCRIPT not in text
    assert "&lt;script&gt;alert" in text


def test_no_text_of_a_search_adds_a_tag_or_an_event_handler(make_curve, data, model, page_text):
    curves = [make_curve({EVERY_BREAKOUT: EVERY_BREAKOUT, "b": b}, [0.1, 0.2 + b]) for b in (1, 2)]
    result = wrmf.SearchResult("precision@5", (EVERY_BREAKOUT, "b"), curves)
    reader = TagReader(page_text(result, model, data, title=EVERY_BREAKOUT))
    assert reader.tags.count("script") == 1
    assert "img" not in reader.tags
    assert not [name for name, _ in reader.attributes if name.startswith("on")]


def test_no_id_or_name_of_the_data_adds_a_tag_or_an_event_handler(likes, make_curve, page_text):
    users, items = ([f"{EVERY_BREAKOUT}{n}" for n in range(size)] for size in likes.shape)
    data = wrmf.Interactions.from_matrix(likes, users, items, [f"</script>{i}" for i in items])
    curve = make_curve({"factors": 3, "objective": "wrmf", "random_state": 0}, [0.1])
    split = wrmf.leave_k_out(data, k=1, random_state=0)
    reader = TagReader(page_text(curve, data=data, split=split, users=users[:2], items=items[:2]))
    assert reader.tags.count("script") == reader.tags.count("data") == 1
    assert "img" not in reader.tags
    assert not [name for name, _ in reader.attributes if name.startswith("on")]


IDS = {
    "tuples": lambda n: [("a", i) for i in range(n)],
    "dates": lambda n: [datetime.date(2020, 1, 1) + datetime.timedelta(i) for i in range(n)],
    "bytes": lambda n: [f"{i}".encode() for i in range(n)],
    "numbers": lambda n: list(range(n))[::-1],
}


@pytest.mark.parametrize("kind", IDS)
def test_ids_of_every_kind_have_a_page(kind, likes, make_curve, page_text):
    users, items = map(IDS[kind], likes.shape)
    data = wrmf.Interactions.from_matrix(likes, users, items)
    curve = make_curve({"factors": 3, "objective": "wrmf", "random_state": 0}, [0.1])
    split = wrmf.leave_k_out(data, k=1, random_state=0)
    text = page_text(curve, data=data, split=split, users=data.users[:2], items=[items[5]])
    assert f"Person {html.escape(str(data.users[1:2].tolist()[0]))}<" in text


@pytest.mark.parametrize("shape", [(2, 3), (40, 2), (3, 40)])
def test_the_smallest_data_have_a_page(shape, make_curve, page_text):
    data = wrmf.Interactions.from_matrix(np.ones(shape))
    curve = make_curve({"factors": 1, "objective": "wrmf", "random_state": 0}, [0.1])
    text = page_text(curve, data=data, split=wrmf.leave_k_out(data, k=1, random_state=0))
    assert "went on to like" in text


def test_people_without_training_data_have_a_page(make_curve, page_text):
    split = wrmf.Split(np.array([[1, 1, 0, 0]] * 5 + [[0, 0, 0, 0]]), np.array([[0, 0, 1, 0]] * 6))
    curve = make_curve({"factors": 1, "objective": "wrmf", "random_state": 0}, [0.1])
    assert "for each of 6 people" in page_text(curve, split=split)


def test_a_lone_surrogate_in_a_title_becomes_a_question_mark(result, page_text):
    assert "<h1>bad ? name</h1>" in page_text(result, title="bad \ud800 name")


@pytest.mark.parametrize("scores", [[0.1], [np.nan], [0.0, 0.0]])
@pytest.mark.parametrize("with_mse", [True, False])
def test_a_single_setting_with_poor_scores_has_a_page(scores, with_mse, make_curve, page_text):
    curve = make_curve({"factors": 2}, scores, with_mse)
    assert "</html>" in page_text(wrmf.SearchResult("precision@5", ("factors",), [curve]))


def test_a_single_curve_is_shown_by_its_factors_and_what_is_not_default(likes, page_text):
    split = wrmf.leave_k_out(likes, k=1, min_interactions=2, random_state=0)
    model = wrmf.WRMF(factors=4, alpha=2.0, random_state=0)
    curve = wrmf.learning_curve(model, split, epochs=[1])
    text = page_text(curve, split=split)
    setting = re.search("<h2>Best learning curve</h2>\\s*<p[^>]*>(.*?)</p>", text)
    assert setting[1] == "factors: 4 | alpha: 2"
    assert "bm25" not in text


def test_sections_without_content_are_left_out(make_curve, page_text):
    def headings(*curves):
        text = page_text(wrmf.SearchResult("precision@5", ("factors",), list(curves)))
        return re.findall("<h2>(.*?)</h2>", text)

    without_mse = make_curve({"factors": 1}, [0.1], with_mse=False)
    with_mse = make_curve({"factors": 2}, [0.2])
    of_several = {"Mean squared error", "Effect of each parameter"}
    one, several = headings(without_mse), headings(without_mse, with_mse)
    assert one == ["How it was chosen", "One setting", "Best learning curve"]
    assert several[:3] == ["How it was chosen", "All 2 settings", "Best learning curve"]
    assert not of_several & set(one)
    assert of_several <= set(several)


def test_every_module_of_a_section_is_in_the_table_of_sections():
    modules = {path.stem for path in Path(sections.__file__).parent.glob("[!_]*.py")}
    assert {section.__module__.rsplit(".", 1)[-1] for section in SECTIONS} == modules


def test_a_validated_search_shows_the_validation_and_the_test_score(
    make_curve, page_text, table_rows
):
    curves = [make_curve({"a": a}, [a / 10]) for a in (1.0, 2.0, 3.0)]
    for curve in curves:
        curve.stderr = {"precision@5": [0.001]}
    result = wrmf.SearchResult(
        "precision@5",
        ("a",),
        curves,
        scored_on="validation",
        test=wrmf.Evaluation({"precision@5": 0.25}, 9, 0, {"precision@5": 0.0125}),
    )
    text = page_text(result)
    assert "best validation precision@5" in text
    assert "0.25000 ± 0.01250" in text
    assert "Test precision@5</th>" not in text
    assert table_rows(result)[0][:6] == ["1", "0.30000", "0.00100", "3", "2", "0.60000"]


def test_what_autotune_returns_has_a_page_with_its_model(data, page_text):
    split = wrmf.leave_k_out(data, k=2, random_state=0)
    tuned = wrmf.autotune(split, trials=1, random_state=0)
    text = page_text(tuned)
    assert "Look one up" in text
    assert "Beside simpler recommenders" not in text
    assert "Beside simpler recommenders" in page_text(tuned, split=split)


def test_a_failed_report_leaves_the_old_page(result, model, data, tmp_path):
    page = tmp_path / "r.html"
    page.write_text("old")
    with pytest.raises(ValueError, match="unknown id"):
        wrmf.write_report(page, result, model, data, items=["nothing"])
    assert page.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["r.html"]


def test_a_value_that_is_no_search_result_is_refused(tmp_path):
    with pytest.raises(TypeError, match=r"must be a SearchResult.* got NoneType"):
        wrmf.write_report(tmp_path / "r.html", None)
    assert list(tmp_path.iterdir()) == []


def test_a_search_result_without_curves_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no curves"):
        wrmf.write_report(tmp_path / "r.html", wrmf.SearchResult("mse", (), []))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("n_neighbours", [0, -1])
def test_fewer_than_one_neighbour_is_refused(result, n_neighbours, tmp_path):
    with pytest.raises(ValueError, match="n_neighbours must be at least 1"):
        wrmf.write_report(tmp_path / "r.html", result, n_neighbours=n_neighbours)
    assert list(tmp_path.iterdir()) == []

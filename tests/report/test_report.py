import base64
import hashlib
import re
from html.parser import HTMLParser
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wrmf
from wrmf import LearningCurve, SearchResult
from wrmf.pictures import DrawnPictures, FolderPictures
from wrmf.report.neighbours import choose_items
from wrmf.report.svg import Line, chart, nice_ticks, tick_labels
from wrmf.search import plots

HOSTILE = '<script>alert("x")</script>'
PNG = b"\x89PNG\r\n\x1a\n" + bytes(32)


def curve(params, scores, mse=True):
    epochs = [2 * n + 2 for n in range(len(scores))]
    test = {"precision@5": scores}
    train = {"precision@5": [2 * s for s in scores]}
    if mse:
        test["mse"] = train["mse"] = [0.1 for _ in scores]
    return LearningCurve(params, epochs, train, test, [1.0 * e for e in epochs])


@pytest.fixture
def result():
    curves = [
        curve({"factors": 8, "alpha": 1.0}, [0.01, 0.02, 0.015]),
        curve({"factors": 16, "alpha": 1.0}, [0.03, 0.05, 0.04]),
        curve({"factors": 8, "alpha": 9.0}, [np.nan, 0.02, 0.01]),
    ]
    return SearchResult("precision@5", ("factors", "alpha"), curves)


@pytest.fixture
def data(likes):
    names = [HOSTILE] * likes.shape[1]
    return wrmf.Interactions.from_matrix(likes, item_names=names)


@pytest.fixture
def model(data):
    return wrmf.WRMF(4, iterations=2, random_state=0).fit(data)


def read(path):
    return path.read_text(encoding="utf-8")


def test_the_page_asks_for_nothing_outside_itself(result, model, data, tmp_path):
    page = tmp_path / "r.html"
    wrmf.write_report(page, result, model, data, pictures=DrawnPictures(data))
    text = read(page)
    assert not re.search(r'(?:src|href)\s*=\s*["\']?(?:https?:)?//', text)
    assert "@import" not in text
    assert "data:image/svg+xml" in text
    assert "prefers-color-scheme" in text


def test_names_are_escaped(result, model, data, tmp_path):
    page = tmp_path / "r.html"
    wrmf.write_report(page, result, model, data, title=HOSTILE)
    assert HOSTILE not in read(page)
    assert "&lt;script&gt;alert" in read(page)


def test_items_without_a_picture_say_so(result, model, data, tmp_path):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "3.png").write_bytes(PNG)
    page = tmp_path / "r.html"
    wrmf.write_report(
        page, result, model, data, pictures=FolderPictures(tmp_path / "pictures"), items=[3, 4]
    )
    assert "data:image/png" in read(page)
    assert "no picture" in read(page)


def test_what_is_no_search_result_is_refused(tmp_path):
    with pytest.raises(TypeError, match="what grid_search returned, got NoneType"):
        wrmf.write_report(tmp_path / "r.html", None)


def test_every_setting_and_score_is_in_the_table(result, tmp_path):
    page = tmp_path / "r.html"
    wrmf.write_report(page, result)
    assert "0.05000" in read(page) or "0.0500" in read(page)
    assert read(page).count("<tr") >= 4


@pytest.mark.parametrize("scores", [[0.1], [np.nan], [0.0, 0.0]])
@pytest.mark.parametrize("mse", [True, False])
def test_poor_results_still_make_a_page(scores, mse, tmp_path):
    result = SearchResult("precision@5", ("factors",), [curve({"factors": 2}, scores, mse)])
    wrmf.write_report(tmp_path / "r.html", result)
    assert "</html>" in read(tmp_path / "r.html")


def test_a_failed_report_leaves_the_old_page(result, model, data, tmp_path):
    page = tmp_path / "r.html"
    page.write_text("old")
    with pytest.raises(ValueError, match="unknown id"):
        wrmf.write_report(page, result, model, data, items=["nothing"])
    assert page.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["r.html"]


@pytest.mark.parametrize("hostile", ["../secret", "/etc/passwd", "..", "", "a/b", "x\0y"])
def test_no_id_leads_out_of_the_picture_folder(hostile, tmp_path):
    (tmp_path / "secret.png").write_bytes(PNG)
    folder = tmp_path / "pictures"
    folder.mkdir()
    assert FolderPictures(folder)(hostile) is None


def test_plots_show_the_measured_numbers(result):
    import matplotlib

    matplotlib.use("Agg")
    best = plots.plot_learning_curve(result.best_curve, "precision@5")
    drawn = [line.get_ydata().tolist() for line in best.get_lines()]
    assert [0.03, 0.05, 0.04] in drawn
    traces = plots.plot_traces(result, "precision@5").get_lines()
    assert len(traces) >= 3
    shades = sorted(line.get_alpha() or 1.0 for line in traces)
    assert shades[0] == pytest.approx(1 / 1.2)
    assert result.plot("mse") is not None
    with pytest.raises(ValueError, match="kind must be"):
        result.plot("pie")


class Reader(HTMLParser):
    """Collects the tags of a page, and fails on one that closes what is not open."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in ("meta", "link", "img", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_hostile_text_anywhere_makes_no_tag_or_attribute(data, model, tmp_path):
    hostile = """'"><script>x</script><img src=x onerror=y>&lt;"""
    curves = [curve({hostile: hostile, "b": k}, [0.1, 0.2 + k]) for k in (1, 2)]
    result = SearchResult("precision@5", (hostile, "b"), curves)
    page = wrmf.write_report(tmp_path / "r.html", result, model, data, title=hostile)
    reader = Reader(read(page))
    assert reader.tags.count("script") == 1
    assert "img" not in reader.tags
    assert not [name for name, _ in reader.attributes if name.startswith("on")]


def test_the_script_is_the_one_the_content_security_policy_allows(result, tmp_path):
    text = read(wrmf.write_report(tmp_path / "r.html", result))
    script = re.search(r"<script>(.*?)</script>", text, re.S)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text
    assert "default-src 'none'; img-src data:" in text


def rows(text):
    return [
        [re.sub("<[^>]*>", "", cell) for cell in re.findall("<td.*?</td>", row)]
        for row in re.findall("<tr.*?</tr>", text)
    ][1:]


def test_the_table_stands_in_order_of_rank_with_each_best_epoch(result, tmp_path):
    found = rows(read(wrmf.write_report(tmp_path / "r.html", result)))
    # rank, test, factors, alpha, best epoch, train there, seconds, curve
    assert found == [
        ["1", "0.05000", "16", "1", "4", "0.10000", "6.0", ""],
        ["2", "0.02000", "8", "1", "4", "0.04000", "6.0", ""],
        ["3", "0.02000", "8", "9", "4", "0.04000", "6.0", ""],
    ]


def test_a_search_by_mse_puts_the_lowest_first(tmp_path):
    curves = [curve({"k": k}, [0.1, 0.1]) for k in (1, 2)]
    curves[1].test["mse"] = [0.3, 0.05]
    result = SearchResult("mse", ("k",), curves)
    first = rows(read(wrmf.write_report(tmp_path / "r.html", result)))[0]
    assert first[1:4] == ["0.05000", "2", "4"]


def test_sections_without_content_are_left_out(result, tmp_path):
    def headings(*curves):
        result = SearchResult("precision@5", ("factors",), list(curves))
        text = read(wrmf.write_report(tmp_path / "r.html", result))
        return re.findall("<h2>(.*?)</h2>", text)

    one, two = curve({"factors": 1}, [0.1], mse=False), curve({"factors": 2}, [0.2])
    assert headings(one) == ["One setting", "Best learning curve"]
    assert headings(one, two) == [
        "All 2 settings",
        "Best learning curve",
        "Every setting, fading by rank",
        "Mean squared error",
        "Effect of each parameter",
    ]


def test_an_effect_is_the_best_score_at_each_value_and_names_the_edge(tmp_path):
    curves = [curve({"k": k, "a": a}, [k * a / 100]) for k in (1, 2, 3) for a in (5, 1)]
    result = SearchResult("precision@5", ("k", "a"), curves)
    text = read(wrmf.write_report(tmp_path / "r.html", result))
    assert text.count("Best at 3, the edge of what was tried") == 1
    # Two values have no inside.
    assert text.count("Best at 5<") == 1
    assert "At the edge of what was tried: k is best at its highest value." in text


def test_values_of_a_range_are_grouped(tmp_path):
    curves = [curve({"a": 1.0 + n}, [n / 100]) for n in range(30)]
    result = SearchResult("precision@5", ("a",), curves)
    text = read(wrmf.write_report(tmp_path / "r.html", result))
    effect = text[text.index("Effect of each parameter") :]
    names = re.findall(r'text-anchor="middle">([^<]*)<', effect)
    assert names == ["3", "8", "13", "18", "23", "28"]


def test_a_validated_search_tells_both_scores(tmp_path):
    curves = [curve({"a": a}, [a / 10]) for a in (1.0, 2.0, 3.0)]
    for one in curves:
        one.stderr = {"precision@5": [0.001]}
    result = SearchResult(
        "precision@5",
        ("a",),
        curves,
        scored_on="validation",
        test=wrmf.Evaluation({"precision@5": 0.25}, 9, 0, {"precision@5": 0.0125}),
    )
    text = read(wrmf.write_report(tmp_path / "r.html", result))
    assert "best validation precision@5" in text
    assert "0.25000 ± 0.01250" in text
    assert rows(text)[0][:6] == ["1", "0.30000", "0.00100", "3", "2", "0.60000"]
    assert "Test precision@5</th>" not in text


def test_an_item_is_not_its_own_neighbour_and_ids_past_the_count_are_not_shown(result, tmp_path):
    class Model:
        items = np.array(["a", "b", "c"], dtype=object)

        def similar_items(self, items, n):
            return SimpleNamespace(
                ids=np.array([["a", "b", None]], dtype=object),
                scores=np.array([[1.0, 0.25, np.nan]]),
                counts=np.array([2]),
            )

    text = read(wrmf.write_report(tmp_path / "r.html", result, Model(), items=["a"]))
    cards = re.findall('<li class="item">.*?</li>', text)
    assert len(cards) == 1
    assert ">b</p>" in cards[0]
    assert ">0.25<" in cards[0]


def test_default_items_are_popular_seeded_and_apart(data, model):
    chosen = choose_items(model, data, random_state=3)
    assert chosen == choose_items(model, data, random_state=3)
    assert len(set(chosen)) == 6
    likes = np.bincount(data.matrix.indices, minlength=data.n_items)
    assert likes[data.item_index(chosen)].min() >= np.sort(likes)[-60]
    assert choose_items(model, data, random_state=4) != chosen


def test_items_lie_apart_where_the_model_has_clear_places(data):
    places = np.repeat(np.eye(6), 10, axis=0)
    apart = SimpleNamespace(items=np.arange(60), item_factors=places)
    found = {item // 10 for item in choose_items(apart, None, random_state=0)}
    assert len(found) >= 5


def test_pictures_stand_in_the_page_byte_for_byte(result, model, data, tmp_path):
    source = DrawnPictures(data)
    text = read(wrmf.write_report(tmp_path / "r.html", result, model, data, source, items=[3]))
    embedded = re.findall(r'<img [^>]*src="data:image/svg\+xml;base64,(.*?)"', text)
    assert base64.b64decode(embedded[0]) == source(3).data
    assert len(embedded) == 6


@pytest.mark.parametrize("n", [0, -1])
def test_the_number_of_neighbours_is_checked(result, n, tmp_path):
    with pytest.raises(ValueError, match="n_neighbours"):
        wrmf.write_report(tmp_path / "r.html", result, n_neighbours=n)
    with pytest.raises(ValueError, match="no curves"):
        wrmf.write_report(tmp_path / "r.html", SearchResult("mse", (), []))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0.0, 1.0, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (0.0131, 0.0139, ["0.0130", "0.0132", "0.0134", "0.0136", "0.0138", "0.0140"]),
        (2.0, 38.0, ["0", "10", "20", "30", "40"]),
        (-3.0, 3.0, ["-4", "-2", "0", "2", "4"]),
    ],
)
def test_ticks_are_round_and_enclose_the_values(low, high, labels):
    ticks = nice_ticks(low, high)
    assert tick_labels(ticks) == labels
    assert ticks[0] <= low
    assert ticks[-1] >= high


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=1, max_size=12))
def test_a_chart_of_any_scores_stays_in_its_frame(scores):
    drawn = chart([Line(range(len(scores)), scores)], 500, 300, label="x")
    if not np.isfinite(scores).any():
        assert "nothing to draw" in drawn
        return
    assert "nan" not in drawn
    assert "inf" not in drawn
    root = ElementTree.fromstring(drawn)
    for node in root.iter():
        for step in re.findall(r"([-\d.]+) ([-\d.]+)", node.get("d", "")):
            assert 0 <= float(step[0]) <= 500
            assert 0 <= float(step[1]) <= 300


def test_a_missing_score_breaks_the_line():
    drawn = chart([Line([1, 2, 3, 4, 5], [1, 2, np.nan, 2, 1])], 500, 300, label="x")
    assert re.search(r'd="(.*?)"', drawn)[1].count("M") == 2


def test_names_of_lines_that_end_together_stand_apart():
    lines = [Line([1, 2], [3, 1.0], label="train"), Line([1, 2], [1, 1.001], label="test")]
    drawn = chart(lines, 500, 300, label="x")
    levels = [float(y) for y in re.findall(r'class="series[^"]*" x="[\d.]+" y="([\d.]+)"', drawn)]
    assert abs(levels[0] - levels[1]) >= 13.9

import re

import numpy as np
import pytest

import wrmf
from wrmf import LearningCurve, SearchResult, plots
from wrmf.pictures import DrawnPictures, FolderPictures

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

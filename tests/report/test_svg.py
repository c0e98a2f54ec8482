import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wrmf.report.svg import Chart, Line
from wrmf.report.ticks import format_ticks, round_ticks


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
    ticks = round_ticks(low, high)
    assert format_ticks(ticks) == labels
    assert ticks[0] <= low
    assert ticks[-1] >= high


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=1, max_size=12))
def test_a_chart_of_any_scores_stays_in_its_frame(scores):
    svg = Chart([Line(range(len(scores)), scores)], "x").draw(500, 300)
    if not np.isfinite(scores).any():
        assert "nothing to draw" in svg
        return
    assert "nan" not in svg
    assert "inf" not in svg
    for node in ElementTree.fromstring(svg).iter():
        for x, y in re.findall(r"([-\d.]+) ([-\d.]+)", node.get("d", "")):
            assert 0 <= float(x) <= 500
            assert 0 <= float(y) <= 300


def test_a_missing_score_interrupts_the_line():
    svg = Chart([Line([1, 2, 3, 4, 5], [1, 2, np.nan, 2, 1])], "x").draw(500, 300)
    assert re.search(r'd="(.*?)"', svg)[1].count("M") == 2


def test_labels_of_lines_that_end_together_do_not_overlap():
    lines = [Line([1, 2], [3, 1.0], label="train"), Line([1, 2], [1, 1.001], label="test")]
    svg = Chart(lines, "x").draw(500, 300)
    levels = [float(y) for y in re.findall(r'class="series[^"]*" x="[\d.]+" y="([\d.]+)"', svg)]
    assert abs(levels[0] - levels[1]) >= 13.9

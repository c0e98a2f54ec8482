"""The code of the README runs and prints what stands below it."""

import contextlib
import io
import re
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"


def test_the_code_prints_its_output():
    text = README.read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.S)
    (output,) = re.findall(r"```text\n(.*?)```", text, re.S)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, str(README), "exec"), {})
    words, expected = printed.getvalue().split(), output.split()
    assert len(words) == len(expected)
    for word, wanted in zip(words, expected, strict=True):
        if re.fullmatch(r"\d+\.\d+", wanted):
            assert float(word) == pytest.approx(float(wanted), abs=1e-4)
        else:
            assert word == wanted

"""Run the code of a page of the documentation, and compare what it prints with the page."""

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest

from wrmf.cli.main import main

# Blocks of Python and cells, each with the text below it, if any; and blocks of commands.
BLOCK = re.compile(
    r"^```(?P<kind>python|sh|\{code-cell\} ipython3)\n(?P<code>.*?)^```\n"
    r"(?:\n```text\n(?P<shown>.*?)^```)?",
    re.S | re.M,
)
NUMBER = re.compile(r"-?\d+\.(\d+)")


def run_page(page: Path) -> dict[str, object]:
    """Run the blocks of a page in order, and return the names that they define.

    What a block of Python prints must be the text block below it, if there is one. Commands of
    other programs than ``wrmf`` are not run.
    """
    names: dict[str, object] = {}
    for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
        if block["kind"] == "sh":
            for command in block["code"].splitlines():
                if command.startswith("wrmf "):
                    assert main(shlex.split(command)[1:]) == 0, command
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block["code"], str(page), "exec"), names)
        if block["shown"] is not None:
            assert_same_output(printed.getvalue(), block["shown"])
    return names


def assert_same_output(printed: str, shown: str) -> None:
    """Assert that two outputs have the same words; numbers may differ by rounding, or by 1e-4."""
    words, expected = printed.split(), shown.split()
    assert len(words) == len(expected), printed
    for word, wanted in zip(words, expected, strict=True):
        number = NUMBER.fullmatch(wanted)
        if number and NUMBER.fullmatch(word):
            tolerance = max(1e-4, 1.1 * 10 ** -len(number[1]))
            assert float(word) == pytest.approx(float(wanted), abs=tolerance), printed
        else:
            assert word == wanted, printed

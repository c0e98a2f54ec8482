"""The reference has every public name of the package, and what a model does by task."""

import re
from pathlib import Path

import wrmf

TEXT = (Path(__file__).parents[2] / "docs" / "reference.md").read_text(encoding="utf-8")
# What other modules of the package use; it may change in any version.
INTERNAL = {
    "check_params",
    "fitted_params",
    "frozen_params",
    "of_state",
    "params_for",
    "restore",
    "trainer",
}


def test_every_public_name_is_in_the_reference():
    listed = set(re.findall(r"^   (?:wrmf\.)?(\w+)", TEXT, re.M))
    described = set(re.findall(r"wrmf\.(\w+)", TEXT))
    assert set(wrmf.__all__) - {"__version__"} <= listed | described


def test_every_method_of_a_model_has_a_task():
    named = re.findall(r"`~wrmf\.WRMF\.(\w+)`", TEXT)
    public = {name for name in dir(wrmf.WRMF) if not name.startswith("_")}
    assert set(named) == public - INTERNAL
    assert len(named) == len(set(named))

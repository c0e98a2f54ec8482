"""Paths into JSON documents."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["JsonPath"]

# Pattern of a text in double quotes.
QUOTED = r'"(?:[^"\\]|\\.)*"'
# Pattern of one step of a path: a name, or anything in brackets.
STEP = re.compile(rf'\.?(?P<name>[^.\[\]]+)|\[(?P<bracket>(?:{QUOTED}|[^\]"])*)\]')
# Pattern of one condition in brackets, such as ``width==200``.
CONDITION = re.compile(rf'\s*(?P<name>[^=,\s]+)\s*==\s*(?P<value>{QUOTED}|[^,"=]+?)\s*(?:,|$)')

# One step of a path: the name of a member, the index of an element of a list, or the values that
# members of such an element must have.
Step = str | int | dict[str, Any]


class JsonPath:
    """A path into a JSON document: ``a.b[0].url``, ``images[width==200,height==200].url``.

    ``name`` (or ``["name"]``) selects a member of an object, ``[0]`` an element of a list (``[-1]``
    the last one), and ``[name==value, …]`` the first object in a list whose members have these
    values. A value is a number, ``true``, ``false``, ``null`` or text, which is in double quotes
    where it contains a comma or a bracket.

    Parameters
    ----------
    text : str
        The path.

    Raises
    ------
    ValueError
        If ``text`` is not such a path.

    Examples
    --------
    >>> document = {"images": [{"width": 50, "url": "small"}, {"width": 200, "url": "large"}]}
    >>> JsonPath("images[width==200].url").follow(document)
    'large'
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.steps: list[Step] = []
        position = 0
        while position < len(text):
            match = STEP.match(text, position)
            if match is None or (position == 0 and text.startswith(".")):
                raise self._syntax_error(position)
            name, bracket = match["name"], match["bracket"]
            step = name.strip() if bracket is None else parse_bracket(bracket.strip())
            if step is None:
                raise self._syntax_error(position)
            self.steps.append(step)
            position = match.end()
        if not self.steps:
            raise self._syntax_error(0)

    def follow(self, document: Any) -> Any:
        """Return the value at the end of the path in ``document``.

        Raises
        ------
        LookupError
            If the document has no such value.
        """
        value = document
        for step in self.steps:
            try:
                value = select(value, step)
            except LookupError:
                raise LookupError(f"the document has nothing at {self.text!r}") from None
        return value

    def _syntax_error(self, position: int) -> ValueError:
        return ValueError(
            f"cannot read the JSON path {self.text!r} at position {position}; expected names, "
            "[number] or [name==value, ...], as in a.b[0].url or images[width==200].url"
        )


def select(value: Any, step: Step) -> Any:
    """Return the part of a JSON value that a step selects, or raise a LookupError."""
    if isinstance(step, str) and isinstance(value, dict):
        return value[step]
    if isinstance(step, int) and isinstance(value, list):
        return value[step]
    if isinstance(step, dict) and isinstance(value, list):
        matching = [element for element in value if has_members(element, step)]
        return matching[0]
    raise LookupError(step)


def parse_bracket(text: str) -> Step | None:
    """Return the step that the text within brackets describes, None where it is not valid."""
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    if re.fullmatch(QUOTED, text):
        return str(json.loads(text))
    conditions: dict[str, Any] = {}
    position = 0
    while position < len(text):
        match = CONDITION.match(text, position)
        if match is None:
            return None
        conditions[match["name"]] = parse_value(match["value"])
        position = match.end()
    return conditions or None


def parse_value(text: str) -> Any:
    """Return the JSON value that the text denotes, or the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def has_members(element: Any, members: Mapping[str, Any]) -> bool:
    """Return whether ``element`` is an object with these members; true and 1 are different."""
    return isinstance(element, dict) and all(
        name in element
        and element[name] == value
        and isinstance(element[name], bool) == isinstance(value, bool)
        for name, value in members.items()
    )

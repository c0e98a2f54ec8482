"""Options from a TOML file, and the exact command that they make.

Keys are options without their dashes. Keys at the top of the file are for every verb that has the
option; a table that is called as a verb is for that verb only.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["expand_config", "without_config"]

# Options of a command line that a file cannot set.
NOT_IN_FILES = ("help", "config", "print-command")


def expand_config(
    words: Sequence[str], build: Callable[[], Mapping[str, argparse.ArgumentParser]]
) -> list[str]:
    """Return the words of a command line with those of the file that ``--config`` names.

    Options that are typed replace those of the file. If any positional argument is typed, the
    file's are not used.

    Parameters
    ----------
    words : sequence of str
        After ``wrmf``.
    build : callable that returns a mapping of verb to parser
        The parsers are changed, so that nothing is required.

    Raises
    ------
    FileNotFoundError, OSError, ValueError
        If the file cannot be read, or has a key that is no option.
    """
    is_asked = any(_is_config(word) for word in words[1:])
    if not is_asked or {"-h", "--help"} & set(words) or words[0] not in (commands := build()):
        return list(words)
    verb, typed = words[0], list(words[1:])
    given = _typed_options(commands[verb], typed)
    if "config" not in given:
        return list(words)
    settings = _settings(Path(given["config"]), verb, commands)
    positional, options = _as_words(commands[verb], settings, given)
    end = typed.index("--") if "--" in typed else len(typed)
    return [verb, *positional, *typed[:end], *options, *typed[end:]]


def without_config(words: Sequence[str]) -> list[str]:
    """Return words without ``--config`` and its file, and without ``--print-command``."""
    kept: list[str] = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif _is_config(word):
            skip = "=" not in word
        elif not _begins(word, "--print-command"):
            kept.append(word)
    return kept


def _is_config(word: str) -> bool:
    """Return whether a word is ``--config``, which argparse lets be abbreviated."""
    return _begins(word, "--config")


def _begins(word: str, option: str) -> bool:
    name = word.partition("=")[0]
    return len(name) > 4 and option.startswith(name)


def _typed_options(command: argparse.ArgumentParser, words: Sequence[str]) -> dict[str, Any]:
    """Return the values that are typed, by the attributes that argparse gives to options."""
    for action in command._actions:
        action.default, action.required = argparse.SUPPRESS, False
        if not action.option_strings:
            action.nargs, action.choices = "*", None
    return vars(command.parse_known_args(words)[0])


def _settings(
    path: Path, verb: str, commands: Mapping[str, argparse.ArgumentParser]
) -> dict[str, Any]:
    """Return the settings of a verb in a file, by the names of options."""
    content = _read(path)
    tables = {key: value for key, value in content.items() if key in commands}
    for key, value in tables.items():
        if not isinstance(value, dict):
            raise ValueError(f"{path}: {key} is a verb, and must be a table [{key}]")
        _check_names(value, _names(commands[key]), f"{path}: wrmf {key}")
    shared = {key: value for key, value in content.items() if key not in tables}
    all_names = {name for command in commands.values() for name in _names(command)}
    _check_names(shared, all_names, f"{path}: wrmf")
    own = _names(commands[verb])
    chosen = {_plain(key): value for key, value in shared.items() if _plain(key) in own}
    return {**chosen, **{_plain(key): value for key, value in tables.get(verb, {}).items()}}


def _read(path: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        try:
            import tomli as tomllib
        except ImportError:
            raise ImportError(
                'before Python 3.11, --config needs tomli: pip install "wrmf[toml]"'
            ) from None
    if str(path) != "-" and not path.exists():
        raise FileNotFoundError(f"no such file: {path}")
    content = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    try:
        tables: dict[str, Any] = tomllib.loads(content.decode("utf-8-sig"))
    except ValueError as error:
        raise ValueError(f"{path} is no TOML file: {error}") from None
    return tables


def _plain(key: str) -> str:
    """Return a key as the option is typed, without dashes before it."""
    return key.replace("_", "-")


def _names(command: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    """Return the arguments of a verb by the keys that name them."""
    names = {}
    for action in command._actions:
        for option in action.option_strings or [str(action.metavar or action.dest)]:
            name = _plain(option.lstrip("-"))
            if name not in (*NOT_IN_FILES, "h"):
                names[name] = action
    return names


def _check_names(settings: Mapping[str, Any], names: Any, place: str) -> None:
    """Raise an error for a key that is no option, with one that is spelt alike."""
    for key in settings:
        if _plain(key) not in names:
            near = difflib.get_close_matches(_plain(key), list(names), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"{place} has no option {key!r}{hint}")


def _as_words(
    command: argparse.ArgumentParser, settings: Mapping[str, Any], given: Mapping[str, Any]
) -> tuple[list[str], list[str]]:
    """Return the positional words and the options of settings that are not typed."""
    names, options = _names(command), []
    positional_given = any(
        action.dest in given for action in command._actions if not action.option_strings
    )
    positional: dict[str, list[str]] = {}
    for name, value in settings.items():
        action = names[name]
        if not action.option_strings:
            if not positional_given:
                positional[action.dest] = _texts(value, name)
        elif action.dest not in given:
            options += _option_words(action, value, name)
    order = [action.dest for action in command._actions if action.dest in positional]
    return [word for dest in order for word in positional[dest]], options


def _option_words(action: argparse.Action, value: Any, name: str) -> list[str]:
    """Return an option as it is typed."""
    option = action.option_strings[0]
    if action.nargs == 0:
        if not isinstance(value, bool):
            raise ValueError(f"{name} must be true or false, got {value!r}")
        return [option] if value else []
    texts = _texts(value, name)
    if action.nargs is not None:
        return [option, *texts]
    if isinstance(action, argparse._AppendAction):
        return [f"{option}={text}" for text in texts]
    # A list is one value with commas, as in --epochs 2,4,8.
    text = ",".join(texts)
    return [f"{option}={text}"] if option.startswith("--") else [option, text]


def _texts(value: Any, name: str) -> list[str]:
    """Return a value of TOML as the words that are typed: a table as NAME=V,V for each name."""
    if isinstance(value, dict):
        return [f"{key}={','.join(_texts(part, name))}" for key, part in value.items()]
    if isinstance(value, list):
        return [text for part in value for text in _texts(part, name)]
    if isinstance(value, bool):
        raise ValueError(f"{name} must be a number or a text, got {str(value).lower()}")
    return [str(value)]

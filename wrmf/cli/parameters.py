"""An option for each parameter of :class:`wrmf.WRMF`, made from its signature and docstring."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from wrmf.data.checks import as_positive_int
from wrmf.model.wrmf import WRMF
from wrmf.search.space import format_value

__all__ = [
    "MODEL_PARAMETERS",
    "ModelParameter",
    "add_model_options",
    "build_model",
    "describe_automatic",
    "model_parameters",
]

# Parameters with an option that every verb has: --seed and --threads.
SHARED = ("random_state", "num_threads")

# "name : type" and the indented lines below it, as numpydoc has them.
ENTRY = re.compile(r"^(?P<names>\w+(?:, \w+)*) : (?P<type>.*)\n(?P<text>(?:[ ]{4}.*\n|\n)*)", re.M)
SECTION = re.compile(r"^Parameters\n-+\n(.*?)(?=^\w[^\n]*\n-+\n|\Z)", re.M | re.S)
# Not the end of an abbreviation before a year, as in "Rendle et al. 2021".
SENTENCE_END = re.compile(r"\.\s(?!\d)")
# What a type says about the default, which the help shows on its own.
DEFAULT = re.compile(r", (?:default .*|the default|optional)$")
CHOICES = re.compile(r"\{[^}]*\}")
WORDS = re.compile(r'"(\w+)"')
PAIR = "(user, item)"


@dataclass(frozen=True)
class ModelParameter:
    """A parameter of the model as the command line offers it.

    Attributes
    ----------
    name : str
        The name in Python.
    kind : str
        The type that the docstring states, without the default, such as ``int ≥ 1``.
    help : str
        The first sentence about it.
    default : object
    """

    name: str
    kind: str
    help: str
    default: Any

    @property
    def option(self) -> str:
        """The option as it is typed, such as ``--init-scale``."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def words(self) -> tuple[str, ...]:
        """The texts that are values, such as "auto"."""
        return tuple(WORDS.findall(self.kind))

    @property
    def choices(self) -> tuple[str, ...] | None:
        """The values, if they are a list of texts and nothing else."""
        return self.words if CHOICES.fullmatch(self.kind) and self.words else None

    @property
    def is_whole(self) -> bool:
        """Whether numbers must be whole."""
        return self.kind.startswith("int")

    def parse(self, text: str) -> Any:
        """Return the value of a text; argparse reports one that has none.

        A pair of users and items is typed as two numbers with a comma.
        """
        if text in self.words or ("auto" in self.words and text.endswith("auto")):
            # Multiples, such as 2*auto, are checked by the model.
            return text
        if self.kind.startswith("bool") and text in ("true", "false"):
            return text == "true"
        parts = text.split(",") if PAIR in self.kind else [text]
        try:
            numbers = tuple(int(part) if self.is_whole else float(part) for part in parts)
        except ValueError:
            numbers = ()
        if len(numbers) not in (1, 2):
            pair = "; a pair as 0.1,0.2" if PAIR in self.kind else ""
            raise argparse.ArgumentTypeError(f"expected {self.kind}{pair}, got {text!r}")
        return numbers[0] if len(numbers) == 1 else numbers

    def settings(self) -> dict[str, Any]:
        """Return the arguments of ``ArgumentParser.add_argument``."""
        text = f"{self.help}; {self.kind}" if self.choices is None else self.help
        if self.default is not None:
            text += f" (default: {self.default})"
        settings: dict[str, Any] = {"help": text.replace("%", "%%"), "dest": self.name}
        if self.choices is not None:
            return {**settings, "choices": self.choices}
        return {**settings, "type": self.parse, "metavar": "N" if self.is_whole else "X"}


def model_parameters() -> Iterator[ModelParameter]:
    """Yield the parameters of the model in the order of its signature, but seed and threads.

    A parameter that the docstring does not describe has an option, too; its help is its name.
    """
    described = _described(inspect.getdoc(WRMF) or "")
    for name, parameter in inspect.signature(WRMF).parameters.items():
        if name not in SHARED:
            kind, text = described.get(name, ("float", ""))
            words = text or f"the parameter {name} of WRMF"
            yield ModelParameter(name, kind, words, parameter.default)


def _described(docstring: str) -> dict[str, tuple[str, str]]:
    """Return the type and the first sentence of each parameter in a numpydoc docstring."""
    section = SECTION.search(docstring + "\n")
    entries = {}
    for entry in ENTRY.finditer(section[1] if section else ""):
        sentence = SENTENCE_END.split(" ".join(entry["text"].split()))[0]
        plain = sentence.replace("``", "").rstrip(".")
        for name in entry["names"].split(", "):
            entries[name] = (DEFAULT.sub("", entry["type"]), plain)
    return entries


MODEL_PARAMETERS: tuple[ModelParameter, ...] = tuple(model_parameters())


def add_model_options(command: argparse.ArgumentParser, leave_out: Sequence[str] = ()) -> None:
    """Add an option for each parameter of the model but those of the names in ``leave_out``."""
    add = command.add_argument_group("the model").add_argument
    for parameter in MODEL_PARAMETERS:
        if parameter.name not in leave_out:
            add(parameter.option, **parameter.settings())


def build_model(options: argparse.Namespace) -> WRMF:
    """Return an unfitted model; parameters that are not given have their default.

    Raises
    ------
    TypeError, ValueError
        For a value out of bounds, before any data are read.
    """
    given = vars(options)
    names = [parameter.name for parameter in MODEL_PARAMETERS]
    params = {name: given[name] for name in names if given.get(name) is not None}
    model = WRMF(**params, num_threads=options.threads, random_state=options.seed)
    model.check_params()
    # Otherwise an error of ``fit``, after the data are read.
    as_positive_int(model.iterations, "iterations")
    return model


def describe_automatic(model: WRMF) -> str:
    """Return what the parameters of a fitted model that are "auto" became, in one line."""
    given, resolved = model.get_params(), model.resolved_params
    chosen = {name: value for name, value in resolved.items() if value != given[name]}
    return ", ".join(f"{name}={format_value(value)}" for name, value in chosen.items())

"""Scores in words that need no knowledge of metrics."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from wrmf.evaluation.metrics import lower_is_better

__all__ = [
    "Sentence",
    "describe_hits",
    "describe_score",
    "format_hits",
    "format_measured",
    "format_share",
]

# Numbers of items are written as words up to the last of these.
WORDS = [
    *("zero", "one", "two", "three", "four", "five", "six"),
    *("seven", "eight", "nine", "ten", "eleven", "twelve"),
]
# Where people have fewer held-out items than this, the share of people with a hit says more.
FEW_HELD_OUT = 1.5


@dataclass(frozen=True)
class Sentence:
    """A sentence around the number that matters, and the sentence after it; all plain text."""

    start: str
    value: str
    end: str
    after: str = ""

    def __str__(self) -> str:
        return f"{self.start}{self.value}{self.end}{self.after and ' ' + self.after}"


@dataclass(frozen=True)
class Phrase:
    """How a metric is said: around its value, after "popular items would", and as a number."""

    start: str
    end: str
    verb: str
    form: Callable[[float, int], str]


def format_hits(hits: float) -> str:
    """Return a number of items with one decimal, or two digits where it is below 1.

    Examples
    --------
    >>> [format_hits(hits) for hits in (2.34, 0.0834, 0.9, 0.0)]
    ['2.3', '0.083', '0.9', '0']
    """
    if 0 < hits < 0.001:
        return "less than 0.001"
    return f"{hits:.2g}" if hits < 0.995 else f"{hits:.1f}"


def format_measured(value: float, error: float) -> tuple[str, str]:
    """Return a value and its standard error with two digits of the error, ``""`` if unknown.

    Examples
    --------
    >>> format_measured(0.5787, 0.0133), format_measured(2.0, float("nan"))
    (('0.579', '0.013'), ('2.0', ''))
    """
    if not math.isfinite(error) or error <= 0:
        return format_hits(value), ""
    decimals = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:.{decimals}f}", f"{error:.{decimals}f}"


def format_share(share: float) -> str:
    """Return a share in percent, with a decimal where it is below ten percent.

    Examples
    --------
    >>> [format_share(share) for share in (0.171, 0.0618, 0.0)]
    ['17 %', '6.2 %', '0 %']
    """
    return f"{100 * share:.{1 if 0 < share < 0.0995 else 0}f} %"


PHRASES = {
    "precision": Phrase(
        "Of {count} items shown, ",
        " are ones the person went on to like.",
        "give",
        lambda value, cutoff: format_hits(value * cutoff),
    ),
    "hit_rate": Phrase(
        "",
        " of people find an item they went on to like among {count} shown.",
        "reach",
        lambda value, _: format_share(value),
    ),
    "recall": Phrase(
        "Of all that a person went on to like, ",
        " is among {count} items shown.",
        "reach",
        lambda value, _: format_share(value),
    ),
}


def describe_score(metric: str, score: float, popular: float | None = None) -> Sentence:
    """Return the value of a metric in words, and that of popular items if it was measured.

    Examples
    --------
    >>> print(describe_score("precision@10", 0.234, popular=0.09))
    Of ten items shown, 2.3 are ones the person went on to like. Popular items would give 0.9.
    """
    if not math.isfinite(score):
        return Sentence("No setting has a number for ", metric, ".")
    name, _, text = metric.partition("@")
    cutoff = int(text) if text.isdecimal() else 0
    plain = Phrase(
        f"By {metric}, the best setting has ", ".", "have", lambda value, _: f"{value:.3g}"
    )
    phrase = PHRASES.get(name, plain) if cutoff else plain
    count = WORDS[cutoff] if cutoff < len(WORDS) else f"{cutoff:,}"
    after = ""
    if popular is not None and math.isfinite(popular):
        after = f"Popular items would {phrase.verb} {phrase.form(popular, cutoff)}"
        better = score < popular if lower_is_better(metric) else score > popular
        after += "." if better else ": the model is no better."
    start, end = (text.replace("{count}", count) for text in (phrase.start, phrase.end))
    return Sentence(start, phrase.form(score, cutoff), end, after)


def describe_hits(
    n_shown: int, model: tuple[float, float], popular: tuple[float, float], most_hits: float
) -> Sentence:
    """Return what people get from lists, as items or, where few can be hit, as a share of people.

    Parameters
    ----------
    n_shown : int
        The length of the lists.
    model, popular : (precision, hit rate)
    most_hits : float
        The mean number of items that perfect lists would hit.
    """
    place, name = (1, "hit_rate") if most_hits < FEW_HELD_OUT else (0, "precision")
    return describe_score(f"{name}@{n_shown}", model[place], popular[place])

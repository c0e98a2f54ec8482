"""Section: three people, what they have, what is recommended to them, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

import numpy as np

from wrmf.data.dislikes import likes_of
from wrmf.model.wrmf import WRMF
from wrmf.report.choices import choose_unlike, typical_rows
from wrmf.report.comparison import N_SHOWN, Comparison
from wrmf.report.people import Person, describe_people, histories_of
from wrmf.report.report_data import ReportData
from wrmf.report.template import assemble_section

__all__ = ["people_section"]

N_PEOPLE = 3
# The number of items of a history that are listed.
N_HAD = 6
TITLES = {1: "One person", 2: "Two people", 3: "Three people"}
CHOICE = "Drawn at random from people with a usual number of items, but unlike each other."
CHOICE_BY_HITS = (
    "Drawn at random from people with a usual number of items, but unlike each other: one of the "
    "third for whom the list finds most, one of the middle third, and one of the third for whom it "
    "finds least."
)
NOTHING = '<li class="note">nothing</li>'


@dataclass(frozen=True, eq=False)
class Subject:
    """The people who are shown.

    Attributes
    ----------
    model : WRMF
    rows : int64 (n,)
        Positions in ``model.users``.
    choice : str
        How they were chosen.
    liked : list of sets of int, or None
        The items that each went on to like, where some were held out.
    """

    model: WRMF
    rows: np.ndarray
    choice: str
    liked: list[set[int]] | None = None


def people_section(report: ReportData) -> str:
    """Return one column for each person; ``""`` without a model that has its training data."""
    subject = choose_people(report)
    if subject is None or not len(subject.rows):
        return ""
    people = describe_people(subject.model, subject.rows, N_SHOWN, N_HAD)
    names = report.item_names(subject.model)
    nothing: list[set[int] | None] = [None] * len(people)
    columns = "".join(
        person_html(person, names, liked)
        for person, liked in zip(people, subject.liked or nothing, strict=True)
    )
    hidden = ""
    if subject.liked is not None:
        hidden = " Items that were held out, and so unknown to the model, are marked."
    return assemble_section(
        TITLES.get(len(people), f"{len(people):,} people"),
        f"{subject.choice} Below each recommended item are the person’s own items that add most "
        f"to its score.{hidden}",
        f'<div class="people">{columns}</div>',
    )


def choose_people(report: ReportData) -> Subject | None:
    """Return test users of the model that was compared, or users of the model that is shown."""
    comparison, options = report.comparison, report.options
    is_tested = comparison is not None and comparison.split.fold_in is None
    model = comparison.model if comparison is not None and is_tested else report.shown_model
    histories = None if model is None else histories_of(model)
    if model is None or histories is None:
        return None
    if options.users is not None:
        subject = Subject(model, model.state.find_users(list(options.users)), "Chosen by name.")
    else:
        pools, choice = [np.arange(len(model.users))] * N_PEOPLE, CHOICE
        if comparison is not None and is_tested:
            pools, choice = thirds_by_hits(comparison), CHOICE_BY_HITS
        lengths = np.diff(histories.indptr)
        pools = [pool[typical_rows(lengths[pool])] for pool in pools]
        rows = choose_unlike(model.user_factors, pools, options.random_state)
        subject = Subject(model, np.array(rows, dtype=np.int64), choice)
    if comparison is None or not is_tested:
        return subject
    held_out = likes_of(comparison.split.test.matrix)
    liked = [set(held_out[[row]].indices.tolist()) for row in subject.rows.tolist()]
    return replace(subject, liked=liked)


def thirds_by_hits(comparison: Comparison) -> list[np.ndarray]:
    """Return the rows of the tested users in thirds, those with most hits first."""
    order = np.argsort(-comparison.contenders[0].hits, kind="stable")
    return np.array_split(comparison.tested[order], N_PEOPLE)


def person_html(person: Person, names: Sequence[str], liked: set[int] | None) -> str:
    """Return the history and the recommendations of one person."""
    more = person.n_had - len(person.had)
    had = "".join(f"<li>{escape(names[item])}</li>" for item in person.had)
    if more:
        had += f'<li class="note">and {more:,} more</li>'
    # Without reasons there is an empty tuple for each item.
    reasons = person.reasons or ((),) * len(person.shown)
    shown = "".join(
        shown_html(names, item, of_item, liked is not None and item in liked)
        for item, of_item in zip(person.shown, reasons, strict=True)
    )
    hits = ""
    if liked is not None:
        n_hits = len(liked & set(person.shown))
        hits = f" · {n_hits} of {len(person.shown)} liked"
    return (
        f'<article class="person"><h3>Person {escape(str(person.id))}</h3>'
        f"<h4>Has</h4><ul>{had}</ul>"
        f'<h4>Is recommended<span class="note">{hits}</span></h4>'
        f"<ol>{shown or NOTHING}</ol></article>"
    )


def shown_html(names: Sequence[str], item: int, reasons: Sequence[int], is_hit: bool) -> str:
    """Return one recommended item with its reasons, marked if the person went on to like it."""
    mark = ' <span class="hit">went on to like it</span>' if is_hit else ""
    why = " and ".join(f"{escape(names[reason])}" for reason in reasons)
    because = f'<span class="why">because of {why}</span>' if why else ""
    return f"<li>{escape(names[item])}{mark}{because}</li>"

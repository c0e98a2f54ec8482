"""Section: three people, what they have, what is recommended to them, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from wrmf.data.dislikes import likes_of
from wrmf.model.wrmf import WRMF
from wrmf.report.choices import choose_unlike, typical_rows
from wrmf.report.comparison import N_SHOWN
from wrmf.report.people import Person, describe_people, histories_of
from wrmf.report.report_data import ReportData
from wrmf.report.template import assemble_section

__all__ = ["people_section"]

N_PEOPLE = 3
# The number of items of a history that are listed.
N_HAD = 6
TITLES = {1: "One person", 2: "Two people", 3: "Three people"}
NOTHING = '<li class="note">nothing</li>'


@dataclass(frozen=True, eq=False)
class Subject:
    """The model, the people it is shown for, and the items that each went on to like."""

    model: WRMF
    rows: np.ndarray
    liked: list[set[int]] | None


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
    chosen = "Drawn at random from people with a usual number of items, but unlike each other."
    if report.options.users is not None:
        chosen = "Chosen by name."
    hidden = ""
    if subject.liked is not None:
        hidden = " The marked ones were held out: the model listed them without knowing them."
    return assemble_section(
        TITLES.get(len(people), f"{len(people):,} people"),
        f"{chosen} Below each recommended item are the person’s own items that add most to its "
        f"score.{hidden}",
        f'<div class="people">{columns}</div>',
    )


def choose_people(report: ReportData) -> Subject | None:
    """Return test users of the model that was compared, or users of the model that is shown."""
    comparison, users = report.comparison, report.options.users
    if comparison is not None and comparison.split.fold_in is None:
        model, held_out = comparison.model, likes_of(comparison.split.test.matrix)
        pool = comparison.part.users
    elif report.shown_model is not None:
        model, held_out = report.shown_model, None
        pool = np.arange(len(model.users))
    else:
        return None
    histories = histories_of(model)
    if histories is None:
        return None
    if users is not None:
        rows = model.state.find_users(list(users))
    else:
        pool = pool[typical_rows(np.diff(histories.indptr)[pool])]
        seed = report.options.random_state
        rows = np.array(choose_unlike(model.user_factors, pool, N_PEOPLE, seed), dtype=np.int64)
    liked = None if held_out is None else [set(held_out[[row]].indices.tolist()) for row in rows]
    return Subject(model, rows, liked)


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

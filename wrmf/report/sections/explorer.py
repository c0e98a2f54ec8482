"""Section: a search box over items and people. ``explorer.js`` fills it from the packed data."""

from __future__ import annotations

from wrmf.report.explorer_data import pack_explorer
from wrmf.report.report_data import ReportData
from wrmf.report.template import assemble_section

__all__ = ["explorer_section"]

BOX = """
<div id="explorer" class="explorer" role="search" aria-label="Items and people" hidden>
<label for="explorer-query">Search an item or a person</label>
<div class="query-line">
<input id="explorer-query" type="search" role="combobox" aria-expanded="false"
 aria-controls="explorer-matches" aria-autocomplete="list" autocomplete="off" spellcheck="false">
<button id="explorer-back" type="button" disabled>Back</button>
</div>
<ul id="explorer-matches" role="listbox" aria-label="Matches" hidden></ul>
<p id="explorer-status" class="note" role="status"></p>
<div id="explorer-card" class="card"></div>
</div>
<p id="explorer-off" class="note">The search needs JavaScript, which is switched off.</p>
"""


def explorer_section(report: ReportData) -> str:
    """Return the search box and its data; ``""`` without a model."""
    explorer, model = report.explorer, report.shown_model
    if explorer is None or model is None or not len(explorer.positions):
        return ""
    all_names = report.item_names(model)
    names = [all_names[position] for position in explorer.positions.tolist()]
    ids = [str(item) for item in model.items[explorer.positions].tolist()]
    packed = pack_explorer(explorer, names, None if ids == names else ids)
    n_people = len(explorer.people)
    sizes = f"{len(names):,} of {len(all_names):,} items, the most popular ones"
    if len(names) == len(all_names):
        sizes = f"All {len(names):,} items"
    people = ""
    if n_people:
        drawn = "" if n_people == len(model.users) else ", drawn at random"
        people = f", and {n_people:,} of {len(model.users):,} people{drawn}"
    return assemble_section(
        "Look one up",
        f"{sizes}{people}. Items come with the most similar ones of these, people with what they "
        "have, what is recommended to them, and why.",
        f'{BOX}<script type="application/json" id="explorer-data">{packed}</script>',
    )

"""The frame of the report page: its style sheet, its script, and the page around them."""

from __future__ import annotations

import base64
import hashlib
from html import escape

__all__ = ["page"]

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fdfdfc; --ink: #1c2124; --soft: #5b6468; --rule: #dfe3e4; --wash: #f2f5f5;
  --accent: #00736b; --trace: #414b4f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14181a; --ink: #e6eaeb; --soft: #98a3a7; --rule: #2c3437; --wash: #1c2225;
    --accent: #4fc9bb; --trace: #aab5b8;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans",
    Arial, sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: break-word;
}
main { max-width: 1096px; margin: 0 auto; padding: 56px 24px 72px; }
h1 { font-size: 19px; font-weight: 600; line-height: 1.3; margin: 0 0 40px; }
h2 { font-size: 23px; font-weight: 600; letter-spacing: -.012em; line-height: 1.25; margin: 0; }
h3 { font-size: 15px; font-weight: 600; margin: 0; }
section { margin-top: 76px; }
p { margin: 6px 0 0; max-width: 66ch; }
.note, figcaption { color: var(--soft); }
.wide, .narrow { display: block; }
.narrow { display: none; }

.headline { display: flex; flex-wrap: wrap; gap: 28px 72px; align-items: flex-end; }
.score { margin: 0; max-width: none; }
.score b {
  display: block; font-size: clamp(56px, 11vw, 104px); font-weight: 600; line-height: 1;
  letter-spacing: -.045em; color: var(--accent);
}
.score span { display: block; margin-top: 12px; color: var(--soft); }
dl { display: flex; flex-wrap: wrap; gap: 18px 40px; margin: 0; }
dt { font-size: 14px; color: var(--soft); }
dd { margin: 0; font-size: 21px; line-height: 1.3; }
.facts { margin-top: 36px; padding-top: 20px; border-top: 1px solid var(--rule); }
.facts dd { font-size: 17px; }
.facts + .note { margin-top: 20px; }

.scroll { margin-top: 24px; overflow: auto; max-height: 594px; }
table { border-collapse: collapse; width: 100%; font-size: 15px; line-height: 1.3; }
th, td { padding: 7px 10px; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { padding-left: 10px; }
thead th {
  position: sticky; top: 0; background: var(--paper); font-weight: 400; font-size: 14px;
  color: var(--soft); vertical-align: bottom; box-shadow: inset 0 -1px var(--rule);
  white-space: normal; overflow-wrap: normal;
}
tbody tr + tr td { border-top: 1px solid var(--rule); }
.text { text-align: left; }
tr.best td { background: var(--wash); }
tr.best .key { color: var(--accent); font-weight: 600; }
th button {
  all: unset; cursor: pointer; border-radius: 3px; box-sizing: border-box;
}
th button:hover { color: var(--ink); }
th[aria-sort] button { color: var(--ink); }
th button::after { content: "\\2195"; opacity: .35; padding-left: .35em; }
th[aria-sort=ascending] button::after { content: "\\2191"; opacity: 1; }
th[aria-sort=descending] button::after { content: "\\2193"; opacity: 1; }
:focus-visible, th button:focus-visible { outline: 2px solid var(--accent); outline-offset: 3px; }

.charts { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 40px 48px;
  margin-top: 28px; }
.charts.small { grid-template-columns: repeat(3, minmax(0, 1fr)); }
.charts.one { grid-template-columns: minmax(0, 1fr); }
figure { margin: 0; min-width: 0; }
figcaption { font-size: 15px; margin-top: 2px; }
svg { display: block; max-width: 100%; height: auto; }
.spark { max-width: none; }
.chart { margin-top: 12px; overflow: visible; }
.tick, .axis, .series, .marked { font-size: 12px; fill: var(--soft); }
.series { fill: var(--trace); }
.series.accent, .marked { fill: var(--accent); font-weight: 600; }
.grid { stroke: var(--rule); }
.line { fill: none; stroke: var(--trace); stroke-width: 1.6; stroke-linejoin: round;
  stroke-linecap: round; }
.line.accent { stroke: var(--accent); stroke-width: 2.4; }
.line.fan { stroke-width: 1.2; }
.line.dashed { stroke-dasharray: 5 4; }
.dot { fill: var(--trace); stroke: none; }
.dot.accent, .dot.mark { fill: var(--accent); }
.dot.mark { stroke: var(--paper); stroke-width: 2; }
.dot.faint { fill: var(--trace); opacity: .3; }
.line.points { stroke: none; }
.spark { overflow: visible; margin-left: auto; }
.spark .line { stroke-width: 1.4; }
tr.best .spark .line { stroke: var(--accent); }

.query { display: grid; grid-template-columns: 190px minmax(0, 1fr); gap: 20px 44px;
  margin-top: 36px; padding-top: 28px; border-top: 1px solid var(--rule); }
.near { display: grid; grid-template-columns: repeat(5, minmax(0, 1fr)); gap: 24px 18px;
  margin: 0; padding: 0; list-style: none; }
.item { min-width: 0; }
.picture { display: block; width: 100%; aspect-ratio: 1; border-radius: 6px; object-fit: cover;
  background: var(--wash); }
.none { display: flex; align-items: center; justify-content: center; color: var(--soft);
  font-size: 14px; border: 1px dashed color-mix(in srgb, var(--soft) 50%, transparent);
  background: none; }
.name { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3;
  line-clamp: 3; overflow: hidden; margin: 9px 0 0; font-size: 15px; line-height: 1.35; }
.seed > .name { font-size: 18px; font-weight: 600; }
.cosine { display: flex; align-items: center; gap: 9px; margin-top: 5px; color: var(--soft);
  font-size: 14px; }
.bar { flex: 1; height: 3px; background: var(--rule); border-radius: 2px; }
.bar i { display: block; height: 100%; background: var(--accent); border-radius: 2px; }
.plain .name { margin-top: 0; }
footer { margin-top: 76px; padding-top: 18px; border-top: 1px solid var(--rule);
  color: var(--soft); font-size: 14px; }

@media (max-width: 860px) {
  .charts.small { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .query { grid-template-columns: minmax(0, 1fr); }
  .seed { display: grid; grid-template-columns: minmax(0, 150px) minmax(0, 1fr); gap: 0 18px;
    align-items: center; }
  .seed > .name { margin: 0; }
  .plain .seed { display: block; }
}
@media (max-width: 600px) {
  main { padding: 32px 20px 56px; }
  h1 { margin-bottom: 28px; }
  section { margin-top: 60px; }
  .wide { display: none; }
  .narrow { display: block; }
  .charts, .charts.small { grid-template-columns: minmax(0, 1fr); gap: 36px; }
  .near { grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 20px 14px; }
  .plain .near { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .name { font-size: 14px; }
  dl { gap: 16px 28px; }
  .scroll { margin-right: -20px; padding-right: 20px; }
}
@media print {
  :root { --paper: #fff; --ink: #000; --soft: #444; --rule: #bbb; --wash: #eee;
    --accent: #00635c; --trace: #333; }
  main { padding: 0; max-width: none; }
  section { margin-top: 36px; }
  .scroll { max-height: none; overflow: visible; margin-right: 0; padding-right: 0; }
  table { font-size: 12px; }
  thead th { position: static; }
  th button::after { content: none; }
  figure, tr, .query, .headline { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  .picture, .bar, .bar i, tr.best td { print-color-adjust: exact;
    -webkit-print-color-adjust: exact; }
}
"""

# Sorting is an extra: without the script the table stands in order of rank.
SCRIPT = """
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const value = (row, column) => row.cells[column].dataset.value ?? row.cells[column].textContent;
  const sort = (header, column) => {
    const numeric = header.dataset.type === "number";
    const now = header.getAttribute("aria-sort");
    const first = header.dataset.first ?? "ascending";
    const other = first === "ascending" ? "descending" : "ascending";
    const next = now === first ? other : first;
    const sign = next === "ascending" ? 1 : -1;
    for (const cell of table.tHead.rows[0].cells) cell.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", next);
    const compare = (a, b) => {
      const x = value(a, column), y = value(b, column);
      if (!numeric) return sign * x.localeCompare(y);
      const missing = (x === "") - (y === "");
      return missing || sign * (x - y) || 0;
    };
    body.append(...[...body.rows].sort(compare));
  };
  [...table.tHead.rows[0].cells].forEach((header, column) => {
    if (!header.dataset.type) return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = header.textContent;
    button.addEventListener("click", () => sort(header, column));
    header.replaceChildren(button);
  });
}
"""


def page(title: str, body: str) -> str:
    """A whole HTML document that asks the network for nothing.

    Parameters
    ----------
    title : str
        Plain text, escaped here.
    body : str
        HTML of the ``<main>`` element.

    Returns
    -------
    str
        The document. Its content security policy forbids every request, and
        every script but the one above, whatever names the data hold.
    """
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    return (
        "<!DOCTYPE html>\n"
        '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )

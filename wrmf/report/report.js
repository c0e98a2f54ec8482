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

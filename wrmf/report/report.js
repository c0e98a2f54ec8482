// Sorts a table by the column whose title is clicked; a second click reverses the order.
// Without this script the rows stay in the order in which they were written.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const headers = [...table.tHead.rows[0].cells];

  const cellValue = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value ?? cell.textContent;
  };

  const compareNumbers = (a, b, sign) => {
    // An empty value is a missing number: it is last in both directions.
    const missing = (a === "") - (b === "");
    return missing || sign * (a - b) || 0;
  };

  const sortBy = (header, column) => {
    const first = header.dataset.first ?? "ascending";
    const second = first === "ascending" ? "descending" : "ascending";
    const direction = header.getAttribute("aria-sort") === first ? second : first;
    const sign = direction === "ascending" ? 1 : -1;
    const isNumeric = header.dataset.type === "number";
    // Values are read once for each row, not at each comparison.
    const keyed = [...body.rows].map((row) => ({ row, key: cellValue(row, column) }));
    keyed.sort(({ key: a }, { key: b }) =>
      isNumeric ? compareNumbers(a, b, sign) : sign * a.localeCompare(b),
    );
    for (const other of headers) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", direction);
    body.append(...keyed.map(({ row }) => row));
  };

  headers.forEach((header, column) => {
    if (!header.dataset.type) return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = header.textContent;
    button.addEventListener("click", () => sortBy(header, column));
    header.replaceChildren(button);
  });
}

// The table of settings: sorts it, shows a page of its rows, and marks the curve of the row that is
// pointed at or has the focus. Without this script all rows stand in the order they were written in.
{
  // Only the rows of a page are laid out, which is what takes the time of sorting.
  const ROWS_SHOWN = 20;

  // Calls a function with the row of the setting that is pointed at, or null.
  const curveMarker = (figure) => {
    const caption = figure.querySelector("figcaption");
    const usual = `${caption.textContent} Point at a curve or at a row to see which setting it is.`;
    caption.textContent = usual;
    const charts = [...figure.querySelectorAll("svg")].map((chart) => {
      const lines = new Map();
      for (const line of chart.querySelectorAll("g[data-rank]")) lines.set(line.dataset.rank, line);
      const top = document.createElementNS(chart.namespaceURI, "g");
      top.setAttribute("class", "pointed");
      chart.append(top);
      return { lines, top };
    });
    return (rank) => {
      for (const { lines, top } of charts) {
        const line = lines.get(rank);
        top.replaceChildren(...[...(line?.children ?? [])].map((part) => part.cloneNode(true)));
        caption.textContent = top.querySelector("title")?.textContent ?? usual;
        // The copy on top has no tooltip, which the curve below it has.
        top.querySelector("title")?.remove();
      }
    };
  };

  const startTable = (table, figure) => {
    const body = table.tBodies[0];
    const headers = [...table.tHead.rows[0].cells];
    const rows = [...body.rows];
    let order = rows;
    let first = 0;
    let shown = rows;
    let entered = rows[0];
    let marked = null;

    const markCurve = figure ? curveMarker(figure) : () => {};
    const mark = (row) => {
      if (row === marked) return;
      marked?.classList.remove("pointed");
      row?.classList.add("pointed");
      marked = row;
      markCurve(row?.dataset.rank);
    };

    // A pager for tables of several pages.
    const pager = document.createElement("nav");
    pager.className = "pager";
    pager.setAttribute("aria-label", "Pages of the table");
    const place = document.createElement("span");
    place.setAttribute("role", "status");
    const turner = (text, step) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = text;
      button.addEventListener("click", () => showFrom(first + step));
      return button;
    };
    const before = turner("Previous", -ROWS_SHOWN);
    const after = turner("Next", ROWS_SHOWN);
    pager.append(before, place, after);

    // Shows the page that begins with a place of the order.
    const showFrom = (start) => {
      for (const row of shown) row.hidden = true;
      first = start;
      shown = order.slice(first, first + ROWS_SHOWN);
      for (const row of shown) row.hidden = false;
      place.textContent = `${first + 1} to ${first + shown.length} of ${order.length}`;
      before.disabled = first === 0;
      after.disabled = first + ROWS_SHOWN >= order.length;
      if (figure) enter(shown[0]);
    };

    // One row is in the order of the tab key; arrows go on to the others.
    const enter = (row) => {
      entered.tabIndex = -1;
      row.tabIndex = 0;
      entered = row;
    };
    const goTo = (target) => {
      const position = Math.max(0, Math.min(target, order.length - 1));
      const page = position - (position % ROWS_SHOWN);
      if (page !== first) showFrom(page);
      enter(order[position]);
      order[position].focus();
    };
    const moves = {
      ArrowDown: (position) => position + 1,
      ArrowUp: (position) => position - 1,
      Home: () => 0,
      End: () => order.length - 1,
    };

    // The values of a column, read once.
    const keysOf = headers.map(() => null);
    const collator = new Intl.Collator("en", { numeric: true });
    const readKeys = (column) => {
      const isNumeric = headers[column].dataset.type === "number";
      return new Map(
        rows.map((row) => {
          const cell = row.cells[column];
          const text = cell.dataset.value ?? cell.textContent;
          // An empty value is a missing number.
          return [row, isNumeric ? (text === "" ? Number.NaN : Number(text)) : text];
        }),
      );
    };
    const compareNumbers = (a, b, sign) => {
      // Missing numbers are last in both directions.
      const missing = Number.isNaN(a) - Number.isNaN(b);
      return missing || sign * (a - b) || 0;
    };

    const sortBy = (header, column) => {
      const usual = header.dataset.first ?? "ascending";
      const other = usual === "ascending" ? "descending" : "ascending";
      const direction = header.getAttribute("aria-sort") === usual ? other : usual;
      const sign = direction === "ascending" ? 1 : -1;
      keysOf[column] ??= readKeys(column);
      const keys = keysOf[column];
      const compare =
        header.dataset.type === "number"
          ? (a, b) => compareNumbers(keys.get(a), keys.get(b), sign)
          : (a, b) => sign * collator.compare(keys.get(a), keys.get(b));
      for (const sorted of headers) sorted.removeAttribute("aria-sort");
      header.setAttribute("aria-sort", direction);
      order = [...order].sort(compare);
      body.append(...order);
      showFrom(0);
    };

    headers.forEach((header, column) => {
      if (!header.dataset.type) return;
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = header.textContent;
      button.addEventListener("click", () => sortBy(header, column));
      header.replaceChildren(button);
    });
    if (rows.length > ROWS_SHOWN) {
      table.parentElement.classList.add("paged");
      table.parentElement.after(pager);
    }
    showFrom(0);
    if (!figure) return;
    const focused = () => body.querySelector("tr:focus");
    body.addEventListener("pointerover", (event) => mark(event.target.closest("tr")));
    body.addEventListener("pointerleave", () => mark(focused()));
    body.addEventListener("focusin", (event) => mark(event.target.closest("tr")));
    body.addEventListener("focusout", () => mark(null));
    body.addEventListener("keydown", (event) => {
      const position = order.indexOf(event.target);
      if (position < 0 || !(event.key in moves)) return;
      event.preventDefault();
      goTo(moves[event.key](position));
    });
    const byRank = new Map(rows.map((row) => [row.dataset.rank, row]));
    figure.addEventListener("pointerover", (event) => {
      const line = event.target.closest("g[data-rank]");
      mark(line ? byRank.get(line.dataset.rank) : focused());
    });
    figure.addEventListener("pointerleave", () => mark(focused()));
  };

  for (const table of document.querySelectorAll("table.sortable"))
    startTable(table, table.closest("section").querySelector(".traces"));
}

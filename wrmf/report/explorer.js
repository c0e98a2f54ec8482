// Searches items and people, and shows one of them with its lists. The data are packed by
// explorer_data.py: names as they are, lists as arrays of positions in base64.
{
  const MAX_MATCHES = 30;
  const byId = (name) => document.getElementById(`explorer-${name}`);

  const element = (tag, text = "", className = "") => {
    const made = document.createElement(tag);
    if (text) made.textContent = text;
    if (className) made.className = className;
    return made;
  };

  // Letters without case and accents, so that "cafe" finds "Café". Most names are plain already.
  const plain = (text) => {
    const lower = text.toLowerCase();
    return /[^ -~]/.test(lower) ? lower.normalize("NFD").replace(/\p{M}/gu, "") : lower;
  };

  const unpack = (packed) => {
    const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
    const Places = packed.wide ? Uint32Array : Uint16Array;
    const none = packed.wide ? 2 ** 32 - 1 : 2 ** 16 - 1;
    const [had, shown, reasons] = packed.lengths;
    const lists = (text, width) => {
      const places = new Places(bytes(text));
      return (row) => [...places.subarray(row * width, (row + 1) * width)];
    };
    const present = (list) => (row) => list(row).filter((place) => place !== none);
    const cosines = new Int8Array(bytes(packed.cosines));
    const allReasons = lists(packed.reasons, shown * reasons);
    return {
      ...packed,
      popularity: packed.popularity && new Uint32Array(bytes(packed.popularity)),
      near: present(lists(packed.near, packed.nNear)),
      cosine: (row, place) => cosines[row * packed.nNear + place] / 100,
      had: present(lists(packed.had, had)),
      shown: present(lists(packed.shown, shown)),
      reasons: (row, place) =>
        allReasons(row)
          .slice(place * reasons, (place + 1) * reasons)
          .filter((reason) => reason !== none),
    };
  };

  const startExplorer = (root, data) => {
    const [query, matches, status, card, back] = ["query", "matches", "status", "card", "back"].map(
      byId,
    );
    const visited = [];
    let entries = null;
    let active = -1;

    // Items in order of popularity, then people. Computed while the page is idle, at the latest when
    // the box is first used.
    const allEntries = () => {
      entries ??= [
        ...data.names.map((name, row) => ({
          kind: "item",
          row,
          name,
          key: plain(data.ids ? `${name} ${data.ids[row]}` : name),
        })),
        ...data.people.map((id, row) => ({
          kind: "person",
          row,
          name: `Person ${id}`,
          key: plain(`${id} person ${id}`),
        })),
      ];
      return entries;
    };

    // Entries that begin with the text come first, then those with a word that does, then others.
    const search = (text) => {
      const words = plain(text).split(/\s+/).filter(Boolean);
      if (!words.length) return { shown: [], count: 0 };
      const whole = words.join(" ");
      const ranked = [[], [], []];
      let count = 0;
      for (const entry of allEntries()) {
        if (!words.every((word) => entry.key.includes(word))) continue;
        count += 1;
        const place = entry.key.indexOf(words[0]);
        const rank = entry.key.startsWith(whole) ? 0 : entry.key[place - 1] === " " ? 1 : 2;
        if (ranked[rank].length < MAX_MATCHES) ranked[rank].push(entry);
      }
      return { shown: ranked.flat().slice(0, MAX_MATCHES), count };
    };

    const closeMatches = () => {
      matches.hidden = true;
      active = -1;
      query.setAttribute("aria-expanded", "false");
      query.removeAttribute("aria-activedescendant");
    };

    const setActive = (place) => {
      const options = [...matches.children];
      if (!options.length) return;
      active = (place + options.length) % options.length;
      options.forEach((option, other) => {
        option.setAttribute("aria-selected", String(other === active));
      });
      options[active].scrollIntoView({ block: "nearest" });
      query.setAttribute("aria-activedescendant", options[active].id);
    };

    const showMatches = () => {
      const { shown, count } = search(query.value);
      const options = shown.map((entry, place) => {
        const option = element("li", entry.name);
        option.id = `explorer-match-${place}`;
        option.setAttribute("role", "option");
        option.setAttribute("aria-selected", "false");
        // Before the box loses the focus, which closes the list.
        option.addEventListener("pointerdown", (event) => event.preventDefault());
        option.addEventListener("click", () => choose(entry));
        return option;
      });
      matches.replaceChildren(...options);
      closeMatches();
      matches.hidden = !options.length;
      query.setAttribute("aria-expanded", String(options.length > 0));
      if (!query.value.trim()) status.textContent = "";
      else if (!count) status.textContent = "Nothing matches.";
      else if (count === 1) status.textContent = "1 match.";
      else {
        const part = count > shown.length ? `, ${shown.length} of them listed` : "";
        status.textContent = `${count.toLocaleString("en")} matches${part}.`;
      }
    };

    const itemButton = (row) => {
      const button = element("button", data.names[row], "link");
      button.type = "button";
      button.addEventListener("click", () => {
        show({ kind: "item", row });
        card.querySelector("h3").focus();
      });
      return button;
    };

    const list = (tag, rows, detail = () => [], className = "") => {
      const made = element(tag);
      made.append(
        ...rows.map((row, place) => {
          const line = element("li", "", className);
          line.append(itemButton(row), ...detail(row, place));
          return line;
        }),
      );
      if (!rows.length) made.append(element("li", "none", "note"));
      return made;
    };

    const cosineBar = (cosine) => {
      const line = element("span", "", "cosine");
      const bar = element("span", "", "bar");
      const filled = element("i");
      filled.style.width = `${100 * Math.max(0, cosine)}%`;
      bar.append(filled);
      line.append(element("span", cosine.toFixed(2)), bar);
      return line;
    };

    const because = (person, place) => {
      const reasons = data.reasons(person, place).map((row) => data.names[row]);
      return reasons.length ? [element("span", `because of ${reasons.join(" and ")}`, "why")] : [];
    };

    const column = (title, content) => {
      const made = element("div");
      made.append(element("h4", title), content);
      return made;
    };

    const itemCard = (row) => {
      const facts = [];
      if (data.ids) facts.push(`Item ${data.ids[row]}`);
      if (data.popularity) {
        const count = data.popularity[row];
        facts.push(
          count === 1 ? "1 person has it" : `${count.toLocaleString("en")} people have it`,
        );
      }
      return [
        element("h3", data.names[row]),
        element("p", facts.join(" · "), "note"),
        column(
          "Most similar",
          list(
            "ol",
            data.near(row),
            (_, place) => [cosineBar(data.cosine(row, place))],
            "near-item",
          ),
        ),
      ];
    };

    const personCard = (row) => {
      const had = data.had(row);
      const more = data.nHad[row] - had.length;
      const columns = element("div", "", "columns");
      const history = list("ul", had);
      if (more > 0) history.append(element("li", `and ${more.toLocaleString("en")} more`, "note"));
      columns.append(
        column("Has", history),
        column(
          "Is recommended",
          list("ol", data.shown(row), (_, place) => because(row, place)),
        ),
      );
      return [element("h3", `Person ${data.people[row]}`), columns];
    };

    const draw = ({ kind, row }) => {
      card.replaceChildren(...(kind === "item" ? itemCard(row) : personCard(row)));
      card.querySelector("h3").tabIndex = -1;
      back.disabled = visited.length < 2;
    };

    const show = (entry) => {
      visited.push(entry);
      draw(entry);
    };

    const choose = (entry) => {
      query.value = entry.name;
      closeMatches();
      show(entry);
      status.textContent = `${entry.name} is shown below.`;
    };

    const onKey = {
      ArrowDown: () => setActive(active + 1),
      ArrowUp: () => setActive(active < 0 ? -1 : active - 1),
      Escape: closeMatches,
      Enter: () => matches.children[Math.max(active, 0)]?.click(),
    };

    (window.requestIdleCallback ?? setTimeout)(allEntries);
    query.addEventListener("focus", allEntries);
    query.addEventListener("input", showMatches);
    query.addEventListener("blur", closeMatches);
    query.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" && matches.hidden) showMatches();
      if (event.key in onKey && !matches.hidden) {
        event.preventDefault();
        onKey[event.key]();
      }
    });
    back.addEventListener("click", () => {
      visited.pop();
      draw(visited[visited.length - 1]);
      card.querySelector("h3").focus();
    });

    byId("off").remove();
    root.hidden = false;
    show({ kind: "item", row: 0 });
  };

  const packed = byId("data");
  if (packed)
    startExplorer(document.getElementById("explorer"), unpack(JSON.parse(packed.textContent)));
}

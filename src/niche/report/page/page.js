/* What a report does beyond being read: tables that sort and can be searched, sections that fold, a dark page.
   Sorting itself is sortable.min.js. Without scripts the page reads the same. */
(() => {
  "use strict";
  const SEARCHED = 8; // rows from which a table can be searched

  const make = (name, attributes, text) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };

  const sortable = (table) => {
    table.classList.add("sortable", "asc", "n-last");
    for (const heading of table.tHead.rows[0].cells) {
      const button = make("button", { type: "button", class: "sort" });
      button.append(...heading.childNodes);
      heading.append(button);
    }
  };

  const searchable = (table) => {
    const rows = [...table.tBodies[0].rows];
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const field = make("input", { type: "search", placeholder: "Search", "aria-label": `Search in: ${table.caption.textContent}` });
    const found = make("output", { role: "status" });
    field.addEventListener("input", () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      rows.forEach((row, i) => {
        row.hidden = !words.every((word) => texts[i].includes(word));
        if (!row.hidden) shown += 1;
      });
      found.textContent = words.length ? `${shown} of ${rows.length} rows` : "";
    });
    const line = make("div", { class: "search" });
    line.append(field, found);
    table.parentNode.before(line);
  };

  for (const table of document.querySelectorAll("main table")) {
    const n = table.tBodies[0].rows.length;
    if (n > 1) sortable(table);
    if (n >= SEARCHED) searchable(table);
  }

  const sections = [...document.querySelectorAll("main > section > details")];
  const unfold = (name) => {
    const section = name && document.getElementById(name);
    const fold = section && section.querySelector(":scope > details");
    if (fold) fold.open = true;
  };
  addEventListener("hashchange", () => unfold(location.hash.slice(1)));
  for (const link of document.querySelectorAll("nav a")) {
    link.addEventListener("click", () => unfold(link.hash.slice(1)));
  }
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = sections.filter((section) => !section.open);
    for (const section of folded) section.open = true;
  });
  addEventListener("afterprint", () => { for (const section of folded) section.open = false; });

  const fold = make("button", { type: "button" }, "Fold all sections");
  fold.addEventListener("click", () => {
    const open = sections.some((section) => section.open);
    for (const section of sections) section.open = !open;
    fold.textContent = open ? "Unfold all sections" : "Fold all sections";
  });

  const root = document.documentElement;
  const isDark = () => root.style.colorScheme
    ? root.style.colorScheme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const name = () => (isDark() ? "Light page" : "Dark page");
  const theme = make("button", { type: "button" }, name());
  theme.addEventListener("click", () => {
    root.style.colorScheme = isDark() ? "light" : "dark";
    theme.textContent = name();
  });

  const bar = make("div", { class: "controls" });
  bar.append(fold, theme);
  document.querySelector("nav").append(bar);
})();

// Reading needs none of this: it adds sorting, filtering, and opens what a link names.
"use strict";

const text = (cell) => cell.dataset.sort ?? cell.textContent.trim();

function key(cell) {
  const plain = text(cell).replaceAll(",", "").replace("\u2212", "-").replace(/^[<>]/, "");
  const number = Number.parseFloat(plain);
  return Number.isNaN(number) ? null : number;
}

function compare(a, b) {
  const [x, y] = [key(a), key(b)];
  if (x !== null && y !== null && x !== y) return x - y;
  if ((x === null) !== (y === null)) return x === null ? 1 : -1;
  return text(a).localeCompare(text(b), "en", { numeric: true });
}

function sort(table, index, head) {
  const ascending = head.getAttribute("aria-sort") !== "ascending";
  const body = table.tBodies[0];
  const rows = [...body.rows];
  rows.sort((a, b) => compare(a.cells[index], b.cells[index]) * (ascending ? 1 : -1));
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  body.append(...rows);
}

function makeSortable(table) {
  [...table.tHead.rows[0].cells].forEach((head, index) => {
    const label = head.querySelector(".label");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label.textContent;
    button.addEventListener("click", () => sort(table, index, head));
    label.replaceChildren(button);
  });
}

function labelled(input, words) {
  const label = document.createElement("label");
  label.append(input, words);
  return label;
}

function makeFilter(table) {
  const rows = [...table.tBodies[0].rows];
  if (rows.length < 15) return;
  const box = document.createElement("div");
  const search = document.createElement("input");
  const changed = document.createElement("input");
  const shown = document.createElement("output");
  box.className = "filter";
  search.type = "search";
  search.placeholder = `Filter ${table.dataset.filter}`;
  search.setAttribute("aria-label", search.placeholder);
  changed.type = "checkbox";
  const apply = () => {
    const wanted = search.value.toLowerCase();
    let count = 0;
    for (const row of rows) {
      const moved = row.querySelector("td.worse, td.better");
      const named = row.cells[0].textContent.toLowerCase().includes(wanted);
      row.hidden = !named || (changed.checked && !moved);
      count += row.hidden ? 0 : 1;
    }
    shown.textContent = count === rows.length ? "" : `${count} of ${rows.length} shown`;
  };
  search.addEventListener("input", apply);
  changed.addEventListener("change", apply);
  box.append(search, labelled(changed, "only those that changed"), shown);
  table.parentElement.before(box);
}

function reveal() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  let node = target;
  while (node) {
    if (node.tagName === "DETAILS") node.open = true;
    node = node.parentElement;
  }
  target.scrollIntoView();
}

document.querySelectorAll("table[data-sortable]").forEach(makeSortable);
document.querySelectorAll("table[data-filter]").forEach(makeFilter);
window.addEventListener("hashchange", reveal);
reveal();

// Tables: sorted, filtered, and of very many rows only those in sight.

const NEAR = 12; // rows kept ready above and below what is in sight
const FEW = 40; // tables of no more rows stand in the page as a whole
const WORTH_A_FILTER = 15;
const EVERYWHERE = new Set(["flips", "pairs"]); // rows that go by more than their first cell

const words = (cell) => (typeof cell === "string" ? cell : [cell.f ?? cell.t ?? "", cell.b?.[0] ?? ""].join(" ").trim());

function number(text) {
  const bare = text.replaceAll(",", "").replace("\u2212", "-").replace(/^[<>]/, "");
  const found = Number.parseFloat(bare);
  return Number.isNaN(found) ? null : found;
}

function compare(a, b) {
  const [x, y] = [number(a), number(b)];
  if (x !== null && y !== null && x !== y) return x - y;
  if ((x === null) !== (y === null)) return x === null ? 1 : -1;
  return a.localeCompare(b, "en", { numeric: true });
}

// A row that stands in the page.
class WrittenRow {
  constructor(element) {
    this.element = element;
    this.id = element.id;
  }
  key(k) {
    const cell = this.element.cells[k];
    return cell.dataset.sort ?? cell.textContent.trim();
  }
  get name() {
    return this.element.cells[0].textContent;
  }
  get texts() {
    return this.element.textContent;
  }
  get moved() {
    return this.element.querySelector("td.worse, td.better") !== null;
  }
  get verdict() {
    return [...this.element.querySelectorAll(".badge")].at(-1)?.lastChild.data ?? "";
  }
}

// A row of the data, made when it is first in sight.
class Row {
  #element = null;
  constructor(sheet, [id, kind, ...cells]) {
    const end = data.texts[id];
    this.id = end ? sheet.prefix + end : "";
    this.kind = data.texts[kind];
    this.cells = cells.map((cell) => data.cells[cell]);
    this.kinds = sheet.kinds;
  }
  key(k) {
    return this.cells[k].s ?? words(this.cells[k]);
  }
  get name() {
    return words(this.cells[0]);
  }
  get texts() {
    return this.cells.map(words).join(" ");
  }
  get moved() {
    return this.cells.some((cell, k) => /\b(worse|better)\b/.test(cell.k ?? this.kinds[k]));
  }
  get verdict() {
    return this.cells.at(-1).b?.[0] ?? "";
  }
  get element() {
    this.#element ??= this.#made();
    return this.#element;
  }
  #made() {
    const row = make("tr", { id: this.id, class: this.kind });
    this.cells.forEach((cell, k) => {
      const box = k ? make("td") : make("th", { scope: "row" });
      fill(box, cell, this.kinds[k], this.id);
      row.append(box);
    });
    upgradeOpeners(row);
    return row;
  }
}

class Sheet {
  constructor(table) {
    this.table = table;
    this.body = table.tBodies[0];
    this.box = table.parentElement;
    const written = [...this.body.rows];
    const kept = table.dataset.rows && data.tables[table.id];
    this.rows = kept ? kept.rows.map((row) => new Row(kept, row)) : written.map((row) => new WrittenRow(row));
    this.few = written.length;
    this.shown = this.rows;
    this.partly = kept && this.rows.length > FEW;
    this.near = !this.partly;
    if (kept) this.#take();
  }

  #take() {
    const more = this.box.nextElementSibling;
    if (more?.matches(".more")) more.classList.add("paper");
    this.box.classList.toggle("long", this.partly);
    this.table.setAttribute("aria-rowcount", this.rows.length + 1);
    this.table.tHead.rows[0].setAttribute("aria-rowindex", 1);
    this.box.addEventListener("scroll", () => this.render(), { passive: true });
    if (this.partly) watcher.observe(this.box);
    this.render(true);
  }

  get height() {
    this.measured ||= this.body.querySelector("tr:not(.gap)")?.offsetHeight || 0;
    return this.measured || 27;
  }

  order(rows) {
    this.shown = rows;
    this.render(true);
  }

  render(anew = false) {
    if (this.onPaper) return;
    if (!this.near) {
      this.body.replaceChildren(gap(this.shown.length * this.height));
      return;
    }
    if (!this.partly) {
      this.body.replaceChildren(...this.shown.map((row) => row.element));
      return;
    }
    const first = Math.max(Math.floor(this.box.scrollTop / this.height) - NEAR, 0);
    const last = first + Math.ceil((this.box.clientHeight || 600) / this.height) + 2 * NEAR;
    if (!anew && first === this.first && last === this.last) return;
    [this.first, this.last] = [first, last];
    this.#place(this.shown.slice(first, last), first);
  }

  #place(rows, first) {
    const held = this.body.contains(document.activeElement) ? document.activeElement : null;
    rows.forEach((row, k) => row.element.setAttribute("aria-rowindex", first + k + 2));
    const after = this.shown.length - first - rows.length;
    this.body.replaceChildren(gap(first * this.height), ...rows.map((row) => row.element), gap(after * this.height));
    if (held) (held.isConnected ? held : this.box).focus({ preventScroll: true });
  }

  approach() {
    this.near = true;
    this.render(true);
  }

  find(id) {
    return this.rows.findIndex((row) => row.id === id);
  }

  show(id) {
    this.near = true;
    if (!this.shown.some((row) => row.id === id)) this.order(this.rows);
    const at = this.shown.findIndex((row) => row.id === id);
    this.box.scrollTop = Math.max(at * this.height - this.box.clientHeight / 2, 0);
    this.render(true);
    return this.shown[at].element;
  }

  // On paper a long table is what it is without a script: its first rows.
  print(starts) {
    if (!this.partly) return;
    this.onPaper = starts;
    this.box.classList.toggle("long", !starts);
    if (starts) this.body.replaceChildren(...this.shown.slice(0, this.few).map((row) => row.element));
    else this.render(true);
  }
}

function gap(height) {
  const cell = make("td");
  cell.style.height = `${height}px`;
  const row = make("tr", { class: "gap", "aria-hidden": "true" }, cell);
  row.hidden = height <= 0;
  return row;
}

function sort(sheet, index, head) {
  const ascending = head.getAttribute("aria-sort") !== "ascending";
  const keyed = sheet.rows.map((row) => [row.key(index), row]);
  keyed.sort((a, b) => compare(a[0], b[0]) * (ascending ? 1 : -1));
  for (const other of sheet.table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  sheet.rows = keyed.map(([, row]) => row);
  const shown = new Set(sheet.shown);
  sheet.order(sheet.rows.filter((row) => shown.has(row)));
}

function makeSortable(sheet) {
  [...sheet.table.tHead.rows[0].cells].forEach((head, index) => {
    const label = head.querySelector(".label");
    const button = make("button", { type: "button" }, label.textContent);
    button.addEventListener("click", () => sort(sheet, index, head));
    if (button.textContent) label.replaceChildren(button);
  });
}

function verdictChoice(sheet) {
  const found = [...new Set(sheet.rows.map((row) => row.verdict))].filter(Boolean).sort();
  const last = [...sheet.table.tHead.rows[0].cells].at(-1).textContent;
  if (last !== "verdict" || found.length < 2) return null;
  const label = `Verdict of ${sheet.table.dataset.filter}`;
  const select = make("select", { "aria-label": label }, make("option", { value: "" }, "every verdict"));
  for (const word of found) select.append(make("option", { value: word }, word));
  select.options[0].value = "";
  return select;
}

function makeFilter(sheet) {
  const { rows, table } = sheet;
  if (rows.length < WORTH_A_FILTER) return;
  const placeholder = `Filter ${table.dataset.filter}`;
  const search = make("input", { type: "search", placeholder, "aria-label": placeholder });
  const changed = make("input", { type: "checkbox" });
  const verdict = verdictChoice(sheet);
  const shown = make("output", {});
  const where = EVERYWHERE.has(table.dataset.filter) ? "texts" : "name";
  const apply = () => {
    const wanted = search.value.toLowerCase();
    const kept = sheet.rows.filter(
      (row) =>
        row[where].toLowerCase().includes(wanted) &&
        (!changed.checked || row.moved) &&
        (!verdict?.value || row.verdict === verdict.value),
    );
    sheet.box.scrollTop = 0;
    sheet.order(kept);
    const whole = kept.length === rows.length;
    shown.textContent = whole ? "" : `${kept.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")} shown`;
  };
  search.addEventListener("input", apply);
  changed.addEventListener("change", apply);
  verdict?.addEventListener("change", apply);
  const some = rows.some((row) => row.moved) && !rows.every((row) => row.moved);
  const box = make("div", { class: "filter" }, search, ...(verdict ? [verdict] : []));
  if (some) box.append(make("label", {}, changed, "only those that changed"));
  box.append(shown);
  sheet.box.before(box);
}

const sheets = [];

// Rows of a long table are made when it first comes near to what is in sight.
const watcher = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (isIntersecting) sheets.find((sheet) => sheet.box === target)?.approach();
  }
}, { rootMargin: "600px" });

function startTables() {
  for (const table of document.querySelectorAll("table[data-sortable]")) {
    const sheet = new Sheet(table);
    sheets.push(sheet);
    makeSortable(sheet);
    if (table.dataset.filter) makeFilter(sheet);
  }
}

// Matrices: a cell opens its samples, by mouse and by keyboard.

// Small ones are tables: one cell at a time is in the order of tabs, arrows move it.
function startGrid(table) {
  const found = decidedOf(table.dataset.place);
  if (!found) return;
  const rows = [...table.tBodies[0].rows].map((row) => [...row.querySelectorAll("td")]);
  table.setAttribute("role", "grid");
  table.parentElement.removeAttribute("tabindex");
  let [i, j] = [0, 0];
  const move = (to, at, focus) => {
    rows[i][j].tabIndex = -1;
    [i, j] = [Math.min(Math.max(to, 0), rows.length - 1), Math.min(Math.max(at, 0), rows[0].length - 1)];
    rows[i][j].tabIndex = 0;
    if (focus) rows[i][j].focus();
  };
  const open = () => openViewer(table.dataset.place, `cell ${i} ${j}`);
  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  table.tBodies[0].addEventListener("keydown", (event) => {
    const step = steps[event.key];
    if (step) move(i + step[0], j + step[1], true);
    else if (event.key === "Home") move(i, 0, true);
    else if (event.key === "End") move(i, rows[0].length - 1, true);
    else if (event.key === "Enter" || event.key === " ") open();
    else return;
    event.preventDefault();
  });
  table.tBodies[0].addEventListener("click", (event) => {
    const cell = event.target.closest("td");
    const row = rows.findIndex((cells) => cells.includes(cell));
    if (row < 0) return;
    move(row, rows[row].indexOf(cell), true);
    open();
  });
  move(0, 0, false);
  rows.forEach((cells, k) => cells.forEach((cell, l) => describe(cell, found, k, l)));
}

function describe(cell, found, i, j) {
  const shown = cell.textContent.trim() || "0";
  cell.setAttribute("aria-label", `true ${brief(found.name(i))}, answer ${brief(found.name(j))}: ${shown}`);
}

// Large ones are pictures: arrows go from one confusion to the next, largest first.
function startMap(map) {
  const found = decidedOf(map.dataset.place);
  if (!found?.counts.size) return;
  const n = Number(map.dataset.classes);
  const cells = [...found.counts.values()];
  const stops = cells.filter(({ i, j }) => i !== j);
  const mark = make("span", { class: "mark", "aria-hidden": "true" });
  const told = make("output", { class: "note" }, "");
  const name = `${map.firstChild.alt}. Arrow keys go from one confusion to the next, Enter opens its samples.`;
  map.setAttribute("role", "application");
  map.setAttribute("aria-label", name);
  map.tabIndex = 0;
  map.append(mark);
  map.after(told);
  let at = -1;
  const point = (cell) => {
    mark.style.left = `${(100 * (cell.j + 0.5)) / n}%`;
    mark.style.top = `${(100 * (cell.i + 0.5)) / n}%`;
    map.classList.add("pointed");
    told.textContent = `true ${brief(found.name(cell.i))}, answer ${brief(found.name(cell.j))}: ${cell.before} before, ${cell.after} after`;
  };
  const open = (cell) => openViewer(map.dataset.place, `cell ${cell.i} ${cell.j}`);
  const go = (to) => {
    at = (to + stops.length) % stops.length;
    point(stops[at]);
  };
  map.addEventListener("keydown", (event) => {
    if (!stops.length) return;
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step) go(at < 0 ? 0 : at + step);
    else if (event.key === "Home") go(0);
    else if (event.key === "End") go(stops.length - 1);
    else if ((event.key === "Enter" || event.key === " ") && at >= 0) open(stops[at]);
    else return;
    event.preventDefault();
  });
  const near = (event) => nearest(cells, n, map.firstChild.getBoundingClientRect(), event);
  map.addEventListener("pointermove", (event) => {
    const cell = near(event);
    if (cell) point(cell);
  });
  map.addEventListener("click", (event) => {
    const cell = near(event);
    if (!cell) return;
    at = stops.indexOf(cell);
    open(cell);
  });
}

// The cell with samples under the pointer, or the nearest within a few pixels.
function nearest(cells, n, box, event) {
  const row = ((event.clientY - box.top) / box.height) * n - 0.5;
  const column = ((event.clientX - box.left) / box.width) * n - 0.5;
  const reach = Math.max((8 * n) / box.width, 0.5);
  let [best, least] = [null, reach * reach];
  for (const cell of cells) {
    const far = (cell.i - row) ** 2 + (cell.j - column) ** 2;
    if (far <= least) [best, least] = [cell, far];
  }
  return best;
}

function startMaps() {
  document.querySelectorAll("table.heat[data-place]").forEach(startGrid);
  document.querySelectorAll(".map[data-place]").forEach(startMap);
}

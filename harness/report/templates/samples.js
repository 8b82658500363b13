// Samples: what a cell, a class or a flip is made of, with its golden input drawn.

const looks = new Map(data.samples.map(([sample, id, previews]) => [sample, { id, previews }]));
const viewer = make("dialog", { id: "viewer", "aria-labelledby": "viewer--title" });
const MOST_SHOWN = 48;

function decidedOf(place) {
  const found = data.decided[place];
  if (!found || found.told) return found;
  found.told = found.samples.map(([sample, truth, old, now, margin, id]) => ({
    sample, truth, old, now, margin, id: data.texts[id],
  }));
  found.counts = new Map();
  for (let at = 0; at < found.cells.length; at += 4) {
    const [i, j, before, after] = found.cells.slice(at, at + 4);
    found.counts.set(`${i} ${j}`, { i, j, before, after });
  }
  found.name = (k) => (k < 0 ? "\u2013" : data.texts[data.names[found.names][k]]);
  return found;
}

// What is asked for by "sample 17", "cell 3 5" or "class 3".
function asked(place, wanted) {
  const [what, a, b] = wanted.split(" ").map((part, k) => (k ? Number(part) : part));
  const found = decidedOf(place);
  if (what === "cell") return cellGroups(found, a, b);
  if (what === "class") return classGroups(found, a);
  const one = found?.told.find((told) => told.sample === a) ?? { sample: a, id: looks.get(a)?.id ?? "" };
  return { title: `Sample ${a}`, note: "", groups: [["", [one]]], found };
}

function cellGroups(found, i, j) {
  const of = found.told.filter((told) => told.truth === i);
  const { before = 0, after = 0 } = found.counts.get(`${i} ${j}`) ?? {};
  const change = after - before;
  const signed = change > 0 ? `+${change}` : String(change).replace("-", "\u2212");
  const groups = [
    ["Came in", of.filter((told) => told.now === j && told.old !== j)],
    ["Left", of.filter((told) => told.old === j && told.now !== j)],
    ["Stayed", of.filter((told) => told.old === j && told.now === j)],
  ];
  const title = `True \u201c${brief(found.name(i))}\u201d, answer \u201c${brief(found.name(j))}\u201d`;
  const note = `${before} before, ${after} after (${change ? signed : "no change"}).`;
  return { title, note, groups, found, whole: Math.max(before, after) };
}

function classGroups(found, i) {
  const of = found.told.filter((told) => told.truth === i && told.old !== told.now);
  const groups = [
    ["Lost", of.filter((told) => told.old === i)],
    ["Won", of.filter((told) => told.now === i)],
    ["Moved from wrong to wrong", of.filter((told) => told.old !== i && told.now !== i)],
  ];
  return { title: `Class \u201c${brief(found.name(i))}\u201d`, note: "Samples truly of it whose answer moved.", groups, found };
}

function openViewer(place, wanted) {
  const { title, note, groups, found, whole } = asked(place, wanted);
  const close = make("button", { type: "button", class: "close" }, "Close");
  close.addEventListener("click", () => viewer.close());
  const head = make("header", {}, make("h2", { id: "viewer--title", tabindex: "-1" }, title), close);
  viewer.replaceChildren(head);
  const all = groups.flatMap(([, samples]) => samples);
  const kept = whole > all.length ? ` The report keeps ${all.length || "none"} of them.` : "";
  if (note) viewer.append(make("p", { class: "note" }, note + kept));
  for (const [label, samples] of groups) {
    if (!samples.length) continue;
    if (label) viewer.append(make("h3", {}, label));
    const seen = samples.filter((told) => looks.has(told.sample)).slice(0, MOST_SHOWN);
    const rest = samples.filter((told) => !seen.includes(told));
    if (seen.length) viewer.append(make("ul", { class: "samples" }, ...seen.map((told) => card(told, found))));
    if (rest.length) viewer.append(unseen(rest, found));
  }
  if (!all.length) viewer.append(make("p", { class: "empty" }, "No sample of it is kept in the report."));
  viewer.showModal();
  head.firstChild.focus();
}

function card(told, found) {
  const seen = looks.get(told.sample);
  const body = make("li", { class: "sample" });
  const previews = seen?.previews ?? [];
  for (const preview of previews) body.append(picture(preview, told));
  const id = told.id ? ` ${brief(told.id)}` : "";
  body.append(make("p", { class: "which" }, make("b", {}, `Sample ${told.sample}`), id));
  if (told.old !== undefined) body.append(answers(told, found));
  return body;
}

const brief = (name) => (name.length > 60 ? `${name.slice(0, 30)}...${name.slice(-27)}` : name);

// "true 3, was 3, is 5", what is wrong marked; without a truth nothing is.
function answers(told, found) {
  const moved = told.old !== told.now;
  const kind = (k) => (told.truth < 0 || !moved ? "" : k === told.truth ? "better" : "worse");
  const part = (what, k, mark) => make("span", {}, `${what} `, make("b", { class: mark }, brief(found.name(k))));
  const line = make("p", { class: "answers" });
  if (told.truth >= 0) line.append(part("true", told.truth, ""));
  line.append(part("was", told.old, kind(told.old)), part("is", told.now, kind(told.now)));
  if (moved) line.append(make("span", { class: "note" }, `margin ${told.margin.toFixed(3)}`));
  return line;
}

// Samples whose input is not kept are a list of lines.
function unseen(samples, found) {
  const lines = samples.map((told) => {
    const line = answers(told, found);
    line.prepend(`Sample ${told.sample}${told.id ? ` ${brief(told.id)}` : ""}: `);
    return make("li", {}, line);
  });
  const few = `${samples.length} more, whose inputs the report does not keep`;
  return make("details", { class: "unseen" }, make("summary", {}, few), make("ul", {}, ...lines));
}

function picture(preview, told) {
  const what = preview.shape ? `${preview.input}, ${preview.shape}` : preview.input;
  const figure = make("figure", {});
  if (preview.png) {
    const [width, height] = preview.size;
    const scale = Math.max(Math.floor(112 / Math.max(width, height)), 1);
    const facts = { alt: `${what}, sample ${told.sample}`, width: width * scale, height: height * scale };
    figure.append(make("img", { src: `data:image/png;base64,${preview.png}`, ...facts }));
  } else if (preview.lines) figure.append(signal(preview.lines, `${what}, sample ${told.sample}`));
  else if (preview.text) figure.append(make("blockquote", { class: "text" }, preview.text));
  figure.append(make("figcaption", { class: "note" }, what));
  return figure;
}

function signal(lines, label) {
  const known = lines.flat().filter((value) => value !== null);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const svg = draw("svg", { class: "signal", viewBox: "0 0 168 72", width: 168, height: 72, role: "img", "aria-label": label });
  lines.forEach((line, k) => {
    let path = "";
    let pen = "M";
    line.forEach((value, at) => {
      if (value === null) return (pen = "M");
      const x = (168 * at) / Math.max(line.length - 1, 1);
      const y = 70 - (68 * (value - low)) / (high - low || 1);
      path += `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
      pen = "L";
    });
    svg.append(draw("path", { class: `trace t${k}`, d: path }));
  });
  return svg;
}

// Cells that open something become buttons; without a script they are plain texts.
function upgradeOpeners(root) {
  for (const cell of root.querySelectorAll("[data-opens]")) {
    if (cell.querySelector("button.opens")) continue; // a row that was made on demand
    const button = make("button", { type: "button", class: "opens", "aria-haspopup": "dialog" });
    button.append(...cell.childNodes);
    const what = cell.dataset.opens.split(" ")[0];
    if (what !== "sample") button.title = "Show samples";
    cell.append(button);
  }
}

function startSamples() {
  document.body.append(viewer);
  viewer.addEventListener("click", (event) => {
    if (event.target === viewer) viewer.close();
  });
  upgradeOpeners(document);
  document.addEventListener("click", (event) => {
    const cell = event.target.closest?.("[data-opens]");
    if (!cell || !event.target.closest("button.opens")) return;
    openViewer(cell.closest("[data-place]")?.dataset.place ?? "", cell.dataset.opens);
  });
  for (const strip of document.querySelectorAll("[data-strip]")) {
    const found = decidedOf(strip.dataset.strip);
    const wanted = found.foremost.map((sample) => found.told.find((told) => told.sample === sample));
    strip.querySelector(".samples").append(...wanted.map((told) => card(told, found)));
    strip.hidden = false;
  }
}

// Reading needs no script: this adds sorting, filtering, rows on demand and samples.
// Every text goes into the page as a text, never as markup.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);

function make(tag, facts = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(facts)) {
    if (value !== "" && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function draw(tag, facts) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(facts)) element.setAttribute(name, value);
  return element;
}

// A cell of the data: a text, or t(ext), k(ind), f(ull), n(ote), hover t(i)tle, h(ref),
// s(ort), b(adge), d(raw), o(pens), as far as they are there.
function fill(element, cell, kind, rowId) {
  const told = typeof cell === "string" ? { t: cell } : cell;
  const classes = told.k?.trim() ?? kind;
  if (classes) element.className = classes;
  if (told.i) element.title = told.i;
  if (told.s) element.dataset.sort = told.s;
  if (told.o) element.dataset.opens = told.o;
  const target = told.h ? make("a", { href: told.h === "#" ? `#${rowId}` : told.h }) : element;
  if (told.b) target.append(badge(...told.b), told.t ? " " : "");
  if (told.d) target.append(dumbbell(told.d));
  else target.append(told.f ? shortened(told.t, told.f) : told.t ?? "");
  if (told.h) element.append(target);
  if (told.n) element.append(" ", make("span", { class: "note" }, told.n));
}

function badge(word, sign, kind) {
  const mark = make("span", { class: "sign", "aria-hidden": "true" }, sign);
  return make("span", { class: `badge ${kind}` }, mark, word);
}

function shortened(text, full) {
  const shown = make("span", { "aria-hidden": "true" }, text);
  return make("span", { class: "short", tabindex: "0" }, shown, make("span", { class: "full" }, full));
}

function dumbbell([before, after, low, high]) {
  const same = Math.abs(after - before) < 0.05;
  const kind = same ? "same" : after > before ? "better" : "worse";
  const svg = draw("svg", { class: "dumbbell", width: 168, height: 18, "aria-hidden": "true" });
  svg.append(draw("path", { class: "grid", d: "M6 0V18M84 0V18M162 0V18" }));
  if (high !== undefined) svg.append(draw("path", { class: "interval", d: `M${low} 9L${high} 9` }));
  svg.append(draw("path", { class: `change ${kind}`, d: `M${before} 9L${after} 9` }));
  svg.append(draw("circle", { class: "before", cx: before, cy: 9, r: 4 }));
  svg.append(draw("circle", { class: `after ${kind}`, cx: after, cy: 9, r: same ? 2 : 4 }));
  return svg;
}

// Links open what is folded around their target, and paper shows everything.

function unfold(element) {
  for (let node = element; node; node = node.parentElement) {
    if (node.tagName === "DETAILS") node.open = true;
  }
}

function reveal() {
  let id = location.hash.slice(1);
  try {
    id = decodeURIComponent(id);
  } catch {
    return; // no address of ours
  }
  if (!id) return;
  document.querySelector(".target")?.classList.remove("target");
  const sheet = sheets.find((one) => one.partly && one.find(id) >= 0);
  unfold(sheet?.table ?? document.getElementById(id));
  const target = sheet ? sheet.show(id) : document.getElementById(id);
  if (!target) return;
  target.classList.add("target");
  target.scrollIntoView({ block: target.matches("tr") ? "center" : "start" });
}

function startPrinting() {
  let folded = [];
  window.addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    for (const details of folded) details.open = true;
    for (const sheet of sheets) sheet.print(true);
  });
  window.addEventListener("afterprint", () => {
    for (const details of folded) details.open = false;
    for (const sheet of sheets) sheet.print(false);
  });
}

startTables();
startSamples();
startMaps();
startPrinting();
window.addEventListener("hashchange", reveal);
reveal();

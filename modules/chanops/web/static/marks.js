// Lines that are marked together: #l120 or #l120-l131.

const by = (id) => document.getElementById(id);
const main = document.querySelector("main");
let first = "";

function ends() {
  return /^#(l\d+)(?:-(l\d+))?$/.exec(location.hash)?.slice(1) ?? [];
}

function mark() {
  for (const each of document.querySelectorAll("li.chosen")) each.classList.remove("chosen");
  const [from, to] = ends();
  const start = from && by(from);
  first = start ? from : "";
  by("chosen").hidden = !start;
  if (!start) return;
  start.closest("details")?.setAttribute("open", "");
  const all = [...main.querySelectorAll(".log li[id]")];
  const places = [all.indexOf(start), to && by(to) ? all.indexOf(by(to)) : all.indexOf(start)].sort((a, b) => a - b);
  const some = all.slice(places[0], places[1] + 1);
  for (const each of some) {
    each.classList.add("chosen");
    each.closest("details")?.setAttribute("open", "");
  }
  by("count").textContent = some.length === 1 ? "1 line" : `${some.length} lines`;
  by("as-text").href = `${main.dataset.text}?from=${some[0].id.slice(1)}&to=${some.at(-1).id.slice(1)}`;
}

function choose(event) {
  const at = event.target.closest("a.at");
  if (!at || !event.shiftKey || !first) return;
  event.preventDefault();
  const id = at.closest("li").id;
  history.replaceState(null, "", id === first ? `#${id}` : `#${first}-${id}`);
  mark();
}

function unmark() {
  history.replaceState(null, "", location.pathname + location.search);
  mark();
}

async function copy() {
  try {
    await navigator.clipboard.writeText(location.href);
    by("count").textContent = "Copied";
  } catch {
    by("count").textContent = "Your browser does not let pages copy";
  }
}

main.addEventListener("click", choose);
by("copy").addEventListener("click", copy);
by("clear").addEventListener("click", unmark);
addEventListener("hashchange", mark);
mark();
// A range is no element's name: the browser has not gone there by itself.
if (ends()[1]) by(ends()[0])?.scrollIntoView({ block: "center" });

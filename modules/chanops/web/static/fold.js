// Who comes and goes is folded while it happens, as it is in the page itself.

const moves = (item) => item.matches(".joined, .left");

// The servers of a netsplit, "" for any other coming and going, null for all else.
function kind(item) {
  const line = item.matches(".fold") ? item.querySelector("ol > li") : item;
  return line && moves(line) ? (line.dataset.split ?? "") : null;
}

// Whether a new line belongs to the last item that there is; then it has gone there.
export function fold(item, last) {
  if (!last || !moves(item) || kind(last) !== kind(item)) return false;
  const group = last.matches(".fold") ? last : foldOf(last);
  const list = group.querySelector("ol");
  list.append(item);
  const count = (what) => list.querySelectorAll(`:scope > .${what}`).length;
  const text = ["joined", "left"].filter(count).map((what) => `${count(what)} ${what}`).join(", ");
  const split = kind(item);
  group.querySelector("summary").textContent = split ? `netsplit: ${split} — ${text}` : text;
  return true;
}

function foldOf(item) {
  const make = (name, look = "") => Object.assign(document.createElement(name), { className: look });
  const [group, details, list] = [make("li", "fold"), make("details"), make("ol", "log")];
  const at = item.querySelector("time").cloneNode(true);
  at.className = "at";
  details.append(make("summary"), list);
  group.append(at, " ", details);
  item.replaceWith(group);
  list.append(item);
  return group;
}

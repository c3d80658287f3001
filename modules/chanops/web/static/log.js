// A day of the log: the reader's own time, lines that are marked together, and, today, new lines as they are said.
"use strict";
(() => {
  const main = document.querySelector("main[data-day]");
  if (!main) return;
  const by = (id) => document.getElementById(id);
  const day = main.dataset.day;
  const two = (number) => String(number).padStart(2, "0");

  // Time

  function local(within) {
    for (const time of within.querySelectorAll(".at time, time.at")) {
      const at = new Date(time.dateTime);
      time.textContent = `${two(at.getHours())}:${two(at.getMinutes())}`;
      time.title = at.toLocaleString();
    }
  }

  function zone() {
    const off = -new Date(`${day}T12:00:00Z`).getTimezoneOffset();
    if (!off) return;
    const text = `UTC${off < 0 ? "−" : "+"}${two(Math.floor(Math.abs(off) / 60))}:${two(Math.abs(off) % 60)}`;
    by("zone").textContent = `Times are yours (${text}); the day is that of UTC.`;
    for (const hour of document.querySelectorAll(".hours a")) {
      const at = new Date(`${day}T${hour.textContent}:00:00Z`);
      hour.textContent = at.getMinutes() ? `${two(at.getHours())}:${two(at.getMinutes())}` : two(at.getHours());
    }
    local(main);
  }

  // Lines that are marked: #l120 or #l120-l131

  const still = matchMedia("(prefers-reduced-motion: reduce)");
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
  zone();
  mark();
  // A range is no element's name: the browser has not gone there by itself.
  if (ends()[1]) by(ends()[0])?.scrollIntoView({ block: "center" });

  // New lines

  if (!main.dataset.events) return;
  const tail = by("tail");
  const waiting = [];
  let unread = 0;
  let paused = false;
  let over = false;

  const atEnd = () => innerHeight + scrollY >= document.documentElement.scrollHeight - 120;
  const toEnd = () => scrollTo({ top: document.documentElement.scrollHeight, behavior: still.matches ? "auto" : "smooth" });

  function tell() {
    const count = paused ? waiting.length : unread;
    by("news").hidden = !count;
    by("news").textContent = count === 1 ? "1 new line ↓" : `${count} new lines ↓`;
  }

  function add(item) {
    if (by(item.id)) return;
    by("nothing")?.remove();
    if (!fold(item)) tail.append(item);
  }

  // Who comes and goes is folded, as in the page itself.
  function fold(item) {
    const moves = (each) => each.matches(".joined, .left");
    const last = tail.lastElementChild;
    if (!last || !moves(item) || !(moves(last) || last.matches(".fold"))) return false;
    const group = last.matches(".fold") ? last : foldOf(last);
    const list = group.querySelector("ol");
    list.append(item);
    const count = (what) => list.querySelectorAll(`:scope > .${what}`).length;
    const parts = ["joined", "left"].filter(count).map((what) => `${count(what)} ${what}`);
    group.querySelector("summary").textContent = parts.join(", ");
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

  function show(items) {
    const follow = atEnd() && !document.hidden;
    for (const item of items) add(item);
    if (follow) toEnd();
    else unread += items.length;
    tell();
  }

  function line(event) {
    const item = new DOMParser().parseFromString(event.data, "text/html").querySelector("li");
    if (!item) return;
    if (item.querySelector("time").dateTime.slice(0, 10) !== day) return;
    local(item);
    if (paused) {
      waiting.push(item);
      tell();
    } else {
      show([item]);
    }
  }

  function forget(event) {
    for (const number of event.data.split(" ")) {
      const gone = (each) => each.id === `l${number}`;
      const item = by(`l${number}`) ?? waiting.find(gone);
      if (!item) continue;
      item.className = "gone";
      const time = item.querySelector(".at");
      const text = document.createElement("span");
      text.textContent = "a line was removed";
      item.replaceChildren(time, " ", text);
    }
  }

  function newDay(event) {
    if (event.data === day || over) return;
    over = true;
    const link = document.createElement("a");
    link.href = main.dataset.place + encodeURIComponent(event.data);
    link.textContent = "A new day has begun";
    by("state").replaceChildren(link);
    by("pause").hidden = true;
    events.close();
  }

  function pause() {
    paused = !paused;
    by("pause").setAttribute("aria-pressed", paused);
    by("pause").textContent = paused ? "Go on" : "Pause";
    by("state").textContent = paused ? "Paused" : "Live";
    if (!paused) show(waiting.splice(0));
    tell();
  }

  function state(text) {
    if (!paused && !over) by("state").textContent = text;
  }

  const events = new EventSource(`${main.dataset.events}?after=${main.dataset.last}`);
  events.addEventListener("open", () => state("Live"));
  events.addEventListener("line", line);
  events.addEventListener("forget", forget);
  events.addEventListener("day", newDay);
  events.addEventListener("reload", () => {
    events.close();
    // Not over and over, where loading it again does not help.
    if (performance.now() > 30000) location.reload();
    else state("Not live: load the page again");
  });
  events.addEventListener("over", () => {
    events.close();
    state("Not live any more");
  });
  events.addEventListener("error", () => {
    state(events.readyState === EventSource.CLOSED ? "Not live: load the page again" : "Connecting again …");
  });
  by("live").hidden = false;
  by("pause").addEventListener("click", pause);
  by("news").addEventListener("click", () => {
    if (paused) pause();
    unread = 0;
    tell();
    toEnd();
  });
  addEventListener("scroll", () => {
    if (unread && atEnd()) {
      unread = 0;
      tell();
    }
  }, { passive: true });
})();

// Keeps a job's page as the job is: the server sends its parts whenever one of them has changed.
"use strict";
(() => {
  const page = document.querySelector("[data-events]");
  const seen = new Map();
  const chosen = new Map();

  // What somebody has opened or closed stays so, also in the page that replaces this one.
  function choose(event) {
    const details = event.target.closest("summary")?.parentElement;
    if (details) chosen.set(details.dataset.of, !details.open);
  }

  function show(html) {
    const made = new DOMParser().parseFromString(html, "text/html");
    for (const part of made.querySelectorAll("[id^='part-']")) {
      const old = document.getElementById(part.id);
      if (!old || seen.get(part.id) === part.innerHTML) continue;
      seen.set(part.id, part.innerHTML);
      for (const each of part.querySelectorAll("details")) {
        if (chosen.has(each.dataset.of)) each.open = chosen.get(each.dataset.of);
      }
      old.replaceChildren(...part.childNodes);
    }
    document.title = made.title.trim();
  }

  function spoken(seconds) {
    const words = [];
    for (const [unit, length] of [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]]) {
      const count = Math.floor(seconds / length);
      seconds -= count * length;
      if (count) words.push(`${count} ${unit}`);
    }
    return words.slice(0, 2).join(" ") || "0 s";
  }

  function tick() {
    for (const each of document.querySelectorAll("[data-since]")) {
      each.textContent = spoken(Math.max(0, Math.floor((Date.now() - Date.parse(each.dataset.since)) / 1000)));
    }
  }

  if (!page) return;
  document.addEventListener("click", choose);
  const ticking = setInterval(tick, 1000);
  const events = new EventSource(page.dataset.events);
  events.addEventListener("job", (event) => show(event.data));
  events.addEventListener("over", () => {
    events.close();
    clearInterval(ticking);
  });
  // Refused for good, since too many watch: then as without a script.
  events.addEventListener("error", () => {
    if (events.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 15000);
  });
})();

// Today's page as the channel is: new lines as they are said; what was missed while nobody was connected is made up.

import { fold } from "./fold.js";
import { local } from "./time.js";

const YOUNG = 30000; // ms for which a page is not loaded again: that would not help either
const LONGEST = 60; // seconds between two tries to connect

const by = (id) => document.getElementById(id);
const main = document.querySelector("main");
const { day, place } = main.dataset;
const tail = by("tail");
const still = matchMedia("(prefers-reduced-motion: reduce)");
const waiting = [];
let last = Number(main.dataset.last);
let count = Number(main.dataset.count);
let unread = 0;
let paused = false;
let over = false;
let tries = 0;
let stream = null;

const atEnd = () => innerHeight + scrollY >= document.documentElement.scrollHeight - 120;
const toEnd = () => scrollTo({ top: document.documentElement.scrollHeight, behavior: still.matches ? "auto" : "smooth" });
const found = (id) => by(id) ?? waiting.find((each) => each.id === id);

// What is shown

function tell() {
  const news = paused ? waiting.length : unread;
  by("news").hidden = !news;
  by("news").textContent = news === 1 ? "1 new line ↓" : `${news} new lines ↓`;
}

function state(text) {
  if (!paused && !over) by("state").textContent = text;
}

function show(items) {
  const follow = atEnd() && !document.hidden;
  by("nothing")?.remove();
  for (const item of items) {
    const end = tail.lastElementChild ?? [...main.querySelectorAll(":scope > .log")].at(-1)?.lastElementChild;
    if (!fold(item, end)) tail.append(item);
  }
  if (follow) toEnd();
  else unread += items.length;
  tell();
}

function pause() {
  paused = !paused;
  by("pause").setAttribute("aria-pressed", paused);
  by("pause").textContent = paused ? "Go on" : "Pause";
  by("state").textContent = paused ? "Paused" : now();
  if (!paused && waiting.length) show(waiting.splice(0));
  tell();
}

function now() {
  return stream?.readyState === EventSource.OPEN ? "Live" : "Connecting again …";
}

// What comes

function line(event) {
  const item = new DOMParser().parseFromString(event.data, "text/html").querySelector("li");
  if (!item || found(item.id) || item.querySelector("time").dateTime.slice(0, 10) !== day) return;
  last = Math.max(last, Number(item.id.slice(1)));
  count += 1;
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
    const item = found(`l${number}`);
    if (!item || item.matches(".gone")) continue;
    item.className = "gone";
    const text = document.createElement("span");
    text.textContent = "a line was removed";
    item.replaceChildren(item.querySelector(".at"), " ", text);
  }
}

function newDay(event) {
  if (event.data === day) return;
  if (paused) pause();
  end("");
  const link = document.createElement("a");
  link.href = place + encodeURIComponent(event.data);
  link.textContent = "A new day has begun";
  by("state").replaceChildren(link);
  by("pause").hidden = true;
}

function reload() {
  stream.close();
  state("Loading the page again …");
  setTimeout(() => location.reload(), Math.max(0, YOUNG - performance.now()));
}

function end(text) {
  stream.close();
  state(text);
  over = true;
}

// How it comes: whatever goes wrong, a proxy's complaint or a full house, it is tried again, less and less often.

function again() {
  stream.close();
  state("Connecting again …");
  const wait = Math.min(LONGEST, 2 ** tries) * (0.5 + Math.random());
  tries += 1;
  setTimeout(connect, wait * 1000);
}

function connect() {
  stream = new EventSource(`${main.dataset.events}?day=${day}&after=${last}&count=${count}`);
  stream.addEventListener("open", () => {
    tries = 0;
    state("Live");
  });
  stream.addEventListener("error", again);
  stream.addEventListener("line", line);
  stream.addEventListener("forget", forget);
  stream.addEventListener("day", newDay);
  stream.addEventListener("reload", reload);
  stream.addEventListener("over", () => end("Not live any more"));
}

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
connect();

// Times of lines: a page has them in UTC, and its reader sees his own. Days stay those of UTC.

const two = (number) => String(number).padStart(2, "0");
const clock = (at) => `${two(at.getHours())}:${two(at.getMinutes())}`;

// Times that stand with their day and zone, as in a dated list, say all there is to say.
export function local(within) {
  for (const time of within.querySelectorAll(".at time, time.at")) {
    if (time.closest(".dated")) continue;
    const at = new Date(time.dateTime);
    time.textContent = clock(at);
    time.title = at.toLocaleString();
  }
}

function zone(note) {
  const { day } = note.dataset;
  const off = day ? -new Date(`${day}T12:00:00Z`).getTimezoneOffset() : 0; // of several days there may be two
  if (day && !off) return;
  local(document);
  note.textContent = "Times are yours; days are those of UTC.";
  if (!day) return;
  const name = `UTC${off < 0 ? "−" : "+"}${two(Math.floor(Math.abs(off) / 60))}:${two(Math.abs(off) % 60)}`;
  note.textContent = `Times are yours (${name}); the day is that of UTC.`;
  for (const hour of document.querySelectorAll(".hours a")) {
    const at = new Date(`${day}T${hour.textContent}:00:00Z`);
    hour.textContent = at.getMinutes() ? clock(at) : two(at.getHours());
  }
}

const note = document.getElementById("zone");
if (note) zone(note);

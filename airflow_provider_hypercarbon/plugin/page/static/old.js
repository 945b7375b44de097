// What could not be had anew stays, with its time and a mark; an error takes nothing away that was there.

/** @returns {string} the time that the page says it is from, on the server's clock */
export function pageTime() {
  return document.querySelector("[data-part=clock] time")?.textContent?.trim() ?? "";
}

const opened = pageTime();

/** @param {HTMLElement} part @param {string} why */
export function old(part, why) {
  const words = `${why} This is from ${clockOf(part.dataset.asOf ?? opened)}.`.trim();
  const known = part.querySelector(":scope > .old-note");
  part.classList.add("old");
  if (known?.textContent === words) return; // said already
  known?.remove();
  const note = document.createElement("p");
  note.className = "old-note";
  note.setAttribute("role", "status");
  note.textContent = words;
  part.append(note);
}

/** @param {HTMLElement} part */
export function current(part) {
  part.querySelector(":scope > .old-note")?.remove();
  part.classList.remove("old");
  part.dataset.asOf = pageTime();
}

/** @param {Element} part @returns {boolean} whether the server could not make it */
export function failed(part) { return part.matches("[data-problem]") || part.querySelector("[role=alert]") !== null; }

/** @param {Element} part @returns {string} what the server says is wrong with it */
export function wordsOf(part) {
  const said = /** @type {HTMLElement} */ (part).dataset.problem ?? part.querySelector(".state h3")?.textContent?.trim();
  return said ? `${said}.` : "";
}

/** @param {string} time "Mon 23 Nov 2026, 20:10" @returns {string} the clock, with its day when that is not today's */
function clockOf(time) {
  const [day, clock] = time.split(", ");
  return clock && pageTime().startsWith(day) ? clock : time;
}

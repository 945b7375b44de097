// Ask for the page again, and put in what changed: a reader's place, open tables and focus stay.
import { drawCharts } from "./charts.js";
import { current, failed, old, wordsOf } from "./old.js";
import { fill, fillLazily, swap, swapAll } from "./parts.js";
import { say } from "./say.js";

const INTERVAL = 60_000;
/** What each part looked like when it came: the page changes it (countdowns, charts) in between.
 * @type {Map<string, string>} */
const seen = new Map();

export function refreshEveryMinute() {
  let last = Date.now();
  const due = () => {
    if (!document.hidden && Date.now() - last >= INTERVAL - 500) {
      last = Date.now();
      refresh();
    }
  };
  setInterval(due, 5000);
  document.addEventListener("visibilitychange", due);
}

/** Refresh now. A failure leaves everything as it is, and says so. */
export async function refresh() {
  const away = document.getElementById("away");
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok) return lost(away, answer.status);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const before = plans(document);
    if (!put(fresh) && away) away.hidden = true;
    document.body.dataset.zone = fresh.body.dataset.zone ?? "";
    announce(before, plans(document));
  } catch {
    lost(away, 0);
  }
}

/** @param {Document} fresh @returns {boolean} whether an error kept parts from coming anew, which is said */
function put(fresh) {
  const [parts, here] = [partsOf(fresh), partsOf(document)];
  const names = new Set(parts.map(name));
  const gone = here.filter((part) => !names.has(name(part)));
  const problem = parts.find(failed);
  if (gone.length && problem) {
    keep(gone, wordsOf(problem));
  } else if (parts.map(name).join("\n") !== here.map(name).join("\n")) {
    // Parts came or went: take all of it.
    const [main, other] = [document.querySelector("main"), fresh.querySelector("main")];
    if (main && other) swapAll(main, other);
    const [clock, present] = [document.querySelector("[data-part=clock]"), fresh.querySelector("[data-part=clock]")];
    if (clock && present) swap(clock, present);
    seen.clear();
    drawCharts(document);
    fillLazily(document);
    return false;
  }
  for (const part of parts) {
    const known = here.find((one) => name(one) === name(part));
    if (!known) continue;
    if (known.dataset.src) {
      if (known.dataset.filled) fill(known);
      continue;
    }
    // What shows an error already may show the next one.
    const keeps = failed(part) && !failed(known);
    if (part.outerHTML !== seen.get(name(part)) && !(known.matches("form") && known.contains(document.activeElement))) {
      seen.set(name(part), part.outerHTML);
      if (keeps) { old(known, wordsOf(part)); continue; }
      swap(known, part);
      if (part.dataset.problem) known.dataset.problem = part.dataset.problem; else delete known.dataset.problem;
      drawCharts(known);
    }
    if (!keeps) current(known);
  }
  return Boolean(gone.length && problem);
}

/** Keep parts for which an error stands in the new page. @param {HTMLElement[]} gone @param {string} why */
function keep(gone, why) {
  for (const part of gone) {
    if (part.dataset.src) { if (part.dataset.filled) fill(part); } else old(part, "");
  }
  const away = document.getElementById("away");
  if (!away) return;
  const words = `${why} What could not be had anew stays, with its time.`;
  if (away.textContent !== words) away.textContent = words;
  away.hidden = false;
}

/** @param {ParentNode} where @returns {HTMLElement[]} */
function partsOf(where) { return [.../** @type {NodeListOf<HTMLElement>} */ (where.querySelectorAll("[data-part]"))]; }

/** @param {Element} part */
function name(part) { return /** @type {HTMLElement} */ (part).dataset.part ?? ""; }

/** @param {ParentNode} where @returns {Map<string, HTMLElement>} */
function plans(where) {
  const rows = /** @type {NodeListOf<HTMLElement>} */ (where.querySelectorAll("[data-wait]"));
  return new Map([...rows].map((row) => [row.dataset.wait ?? "", row]));
}

/** As an instant: in another time zone it is written otherwise. @param {HTMLElement} row */
function planned(row) { return Date.parse(row.dataset.planned ?? ""); }

/** Say once that a plan moved. @param {Map<string, HTMLElement>} before @param {Map<string, HTMLElement>} after */
function announce(before, after) {
  for (const [key, row] of after) {
    const old = before.get(key);
    if (old && planned(old) !== planned(row)) {
      say(`Plan for ${row.dataset.name} moved to ${row.dataset.plannedWords}`);
    }
  }
}

/** @param {HTMLElement | null} place @param {number} status */
function lost(place, status) {
  if (!place) return;
  const words = {
    401: "You are signed out of Airflow. Reload this page to sign in.",
    403: "You may no longer read this page. Ask an administrator of Airflow for access.",
  };
  place.textContent = words[/** @type {401 | 403} */ (status)] ?? "Airflow does not answer. What you see is old; the next try is in a minute.";
  place.hidden = false;
}

// Ask for the page again, and put in what changed: a reader's place, open tables and focus stay.
import { drawCharts } from "./charts.js";
import { fill, fillLazily, swap } from "./parts.js";
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
    if (away) away.hidden = true;
    const before = plans(document);
    put(fresh);
    document.body.dataset.zone = fresh.body.dataset.zone ?? "";
    announce(before, plans(document));
  } catch {
    lost(away, 0);
  }
}

/** @param {Document} fresh */
function put(fresh) {
  const parts = [...fresh.querySelectorAll("[data-part]")];
  const names = parts.map(name).join("\n");
  if (names !== [...document.querySelectorAll("[data-part]")].map(name).join("\n")) {
    // Parts came or went: take all of it.
    const [old, now] = [document.querySelector("main"), fresh.querySelector("main")];
    if (old && now) swap(old, now);
    const [clock, present] = [document.querySelector("[data-part=clock]"), fresh.querySelector("[data-part=clock]")];
    if (clock && present) swap(clock, present);
    seen.clear();
    drawCharts(document);
    fillLazily(document);
    return;
  }
  for (const part of parts) {
    const old = document.querySelector(`[data-part="${CSS.escape(name(part))}"]`);
    if (!(old instanceof HTMLElement)) continue;
    if (old.dataset.src) {
      if (old.dataset.filled) fill(old);
    } else if (part.outerHTML !== seen.get(name(part)) && !(old.matches("form") && old.contains(document.activeElement))) {
      seen.set(name(part), part.outerHTML);
      const failed = part.querySelector("[role=alert]") && !old.querySelector("[role=alert]");
      if (failed) { old.classList.add("old"); continue; }
      old.classList.remove("old");
      swap(old, part);
      drawCharts(old);
    }
  }
}

/** @param {Element} part */
function name(part) { return /** @type {HTMLElement} */ (part).dataset.part ?? ""; }

/** @param {ParentNode} where @returns {Map<string, HTMLElement>} */
function plans(where) {
  const rows = /** @type {NodeListOf<HTMLElement>} */ (where.querySelectorAll("[data-wait]"));
  return new Map([...rows].map((row) => [row.dataset.wait ?? "", row]));
}

/** Say once that a plan moved. @param {Map<string, HTMLElement>} before @param {Map<string, HTMLElement>} after */
function announce(before, after) {
  for (const [key, row] of after) {
    const old = before.get(key);
    if (old && old.dataset.planned !== row.dataset.planned) {
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

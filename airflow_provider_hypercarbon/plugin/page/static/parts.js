// Parts that ask a source: each is fetched when it comes into sight, and fails alone.
import { drawCharts } from "./charts.js";
import { current, old, wordsOf } from "./old.js";
import { say } from "./say.js";

const SKELETON_AFTER = 150;

/** @param {ParentNode} where */
export function fillLazily(where) {
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) {
        watcher.unobserve(entry.target);
        fill(/** @type {HTMLElement} */ (entry.target));
      }
    }
  }, { rootMargin: "200px" });
  for (const part of where.querySelectorAll("[data-src]")) {
    part.classList.add("waiting-for-skeleton");
    setTimeout(() => part.classList.remove("waiting-for-skeleton"), SKELETON_AFTER);
    watcher.observe(part);
  }
}

/** Fetch a part; what it showed before stays when that fails. @param {HTMLElement} part */
export async function fill(part) {
  const had = part.dataset.filled === "true";
  part.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(part.dataset.src ?? "", { headers: { accept: "text/html" } });
    if (!answer.ok) throw new Error(String(answer.status));
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").body;
    const failed = answer.headers.get("x-hypercarbon-problem") === "true";
    if (had && failed) {
      old(part, wordsOf(fresh));
      return;
    }
    swap(part, fresh);
    current(part);
    part.dataset.filled = String(!failed);
    drawCharts(part);
  } catch {
    if (had) {
      old(part, "It did not answer.");
    } else {
      part.dataset.filled = "false"; // so that the next refresh asks again
      const asking = part.querySelector(".asking");
      if (asking) asking.textContent = "This did not answer. The next try is in a minute.";
      say(`${part.querySelector("h3")?.textContent?.trim() ?? "A part"} did not answer.`);
    }
  } finally {
    part.setAttribute("aria-busy", "false");
    part.classList.remove("waiting-for-skeleton");
  }
}

/** Put other parts in place; what a source answered before stays until it answers anew. @param {Element} main @param {Element} fresh */
export function swapAll(main, fresh) {
  const filled = [...main.querySelectorAll("[data-filled=true]")].map((part) => /** @type {HTMLElement} */ (part));
  const kept = filled.map((part) => ({ name: part.dataset.part ?? "", marks: part.className, asOf: part.dataset.asOf, nodes: [...part.childNodes] }));
  const reader = /** @type {HTMLElement} */ (document.activeElement);
  swap(main, fresh);
  for (const { name, marks, asOf, nodes } of kept) {
    const part = /** @type {HTMLElement | null} */ (main.querySelector(`[data-src][data-part="${CSS.escape(name)}"]`));
    if (!part) continue;
    part.replaceChildren(...nodes);
    part.className = marks;
    part.dataset.filled = "true";
    if (asOf) part.dataset.asOf = asOf;
  }
  if (reader !== document.body && main.contains(reader)) reader.focus({ preventScroll: true }); // in what was kept
}

/** Put new content in place, keeping what the reader opened and chose, and where the reader is. @param {Element} old @param {Element} fresh */
export function swap(old, fresh) {
  const open = [...old.querySelectorAll("details[id]")].map((d) => [d.id, /** @type {HTMLDetailsElement} */ (d).open]);
  const reader = /** @type {HTMLElement} */ (document.activeElement);
  const focused = old.contains(reader) ? path(old, reader) : null;
  const at = reader?.dataset.at;
  const chosen = controls(old).filter((control) => control.value !== preset(control));
  old.replaceChildren(...fresh.childNodes);
  for (const before of chosen) {
    const now = controls(old).find((control) => control.name === before.name);
    if (now && can(now, before.value)) now.value = before.value;
  }
  for (const [id, was] of open) {
    const details = old.querySelector(`#${CSS.escape(String(id))}`);
    if (details) /** @type {HTMLDetailsElement} */ (details).open = Boolean(was);
  }
  const place = focused ? /** @type {HTMLElement | null} */ (old.querySelector(focused)) : null;
  if (place && at !== undefined) place.dataset.at = at; // of a chart that is read by keyboard
  place?.focus({ preventScroll: true });
}

/** @typedef {HTMLInputElement | HTMLSelectElement} Control */

/** @param {Element} where @returns {Control[]} */
function controls(where) { return [...where.querySelectorAll("input, select")].map((found) => /** @type {Control} */ (found)); }

/** @param {Control} control @returns {string} what it said before the reader came */
function preset(control) {
  if (control instanceof HTMLInputElement) return control.defaultValue;
  return ([...control.options].find((option) => option.defaultSelected) ?? control.options[0])?.value ?? "";
}

/** @param {Control} control @param {string} value @returns {boolean} whether it can say so */
function can(control, value) {
  return control instanceof HTMLInputElement || [...control.options].some((option) => option.value === value);
}

/** @param {Element} top @param {Element} inside @returns {string} a selector that finds the same place again */
function path(top, inside) {
  const steps = [];
  for (let at = inside; at !== top && at.parentElement; at = at.parentElement) {
    steps.unshift(`:nth-child(${[...at.parentElement.children].indexOf(at) + 1})`);
  }
  return `:scope > ${steps.join(" > ")}`;
}

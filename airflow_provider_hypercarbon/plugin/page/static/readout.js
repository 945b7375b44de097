// Reading a chart with the keyboard or the pointer: one value at a time, in words.
import { say } from "./say.js";

/** @typedef {Record<string, any>} Spec */
/** @typedef {{at: number, words: string}} Value */

/**
 * @param {HTMLElement} canvas
 * @param {Spec} spec
 * @param {(at: number) => number} pixel from a place on the axis to one in the drawing
 */
export function readable(canvas, spec, pixel) {
  const values = spec.kind === "curve" ? slots(spec) : spec.rows.map((/** @type {any} */ row, /** @type {number} */ i) => ({ at: i, words: row.t }));
  const shown = canvas.parentElement?.querySelector(".reading");
  let index = placeOf(values, canvas.dataset.at);
  if (shown && index >= 0) shown.textContent = values[index].words;
  /** @param {number} wanted @param {boolean} aloud */
  const show = (wanted, aloud) => {
    index = Math.max(0, Math.min(values.length - 1, wanted));
    const words = values[index]?.words ?? "";
    if (shown) shown.textContent = words;
    if (!aloud) return;
    canvas.dataset.at = String(values[index]?.at);
    say(words);
  };
  const clear = () => {
    index = -1;
    delete canvas.dataset.at;
    if (shown) shown.textContent = "";
  };
  canvas.onkeydown = (event) => {
    const start = spec.kind === "curve" ? values.findIndex((/** @type {Value} */ v) => v.at >= spec.mark.at) : values.length - 1;
    const at = index < 0 ? start : index;
    /** @type {Record<string, number>} */
    const moves = { ArrowLeft: index < 0 ? at : at - 1, ArrowRight: index < 0 ? at : at + 1, Home: 0, End: values.length - 1 };
    if (event.key === "Escape") clear();
    else if (event.key in moves) { event.preventDefault(); show(moves[event.key], true); }
  };
  canvas.onpointermove = (event) => {
    const x = event.clientX - canvas.getBoundingClientRect().left;
    let nearest = 0;
    for (let i = 1; i < values.length; i += 1) {
      if (Math.abs(pixel(values[i].at) - x) < Math.abs(pixel(values[nearest].at) - x)) nearest = i;
    }
    if (values.length) show(nearest, false);
  };
  canvas.onpointerleave = clear;
  canvas.onblur = clear;
}

/** @param {Value[]} values @param {string | undefined} at where the reader was before the chart came anew
 * @returns {number} the same place among the values; -1 when nobody read */
function placeOf(values, at) {
  if (at === undefined) return -1;
  const place = values.findIndex((value) => value.at >= Number(at));
  return place < 0 ? values.length - 1 : place;
}

/** @param {Spec} spec @returns {Value[]} */
function slots(spec) {
  const clock = new Intl.DateTimeFormat("en-GB", { weekday: "short", hour: "2-digit", minute: "2-digit", timeZone: spec.zone });
  const levels = ["excellent", "good", "moderate", "poor", "very poor"];
  const level = (/** @type {number} */ v) => levels[[100, 200, 400, 600].filter((limit) => v >= limit).length];
  const whole = (/** @type {number} */ v) => (v < 9.95 ? v.toFixed(1) : v.toFixed(0));
  const write = (/** @type {number[]} */ [from, to, value, low, high], /** @type {string} */ kind) => ({
    at: (from + to) / 2,
    words: `${clock.format(from)}: ${whole(value)} g/kWh${low == null ? "" : `, ${whole(low)} to ${whole(high)}`}, ${level(value)}, ${kind}`,
  });
  return [
    ...spec.measured.map((/** @type {number[]} */ p) => write(p, "measured")),
    ...spec.ahead.map((/** @type {number[]} */ p) => write(p, "expected")),
    ...spec.also.map((/** @type {number[]} */ p) => write(p, "measured since")),
  ].sort((a, b) => a.at - b.at);
}
